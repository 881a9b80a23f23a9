"""Where modules stood in the first edition: their old paths keep working for a release.

``import xsg.data.mouse`` gives ``xsg.spatial.mouse``, the module itself and no copy, with a DeprecationWarning.
"""

import sys
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

MODULES = {
    "xsg.anatomy": "xsg.atlas.anatomy",
    "xsg.graphs": "xsg.atlas.graphs",
    "xsg.pairs": "xsg.atlas.pairs",
    "xsg.data.simulate": "xsg.simulate.cortex",
    "xsg.training.files": "xsg.training.saved",
    "xsg.data.abagen_options": "xsg.genes.abagen_options",
    "xsg.data.abagen_shim": "xsg.genes.abagen_shim",
    "xsg.data.microarrays": "xsg.genes.microarrays",
    "xsg.data.simulate_microarrays": "xsg.genes.simulate",
    "xsg.data.genesets": "xsg.genes.sets",
    "xsg.data.gmt": "xsg.genes.gmt",
    "xsg.evaluation.enrichment": "xsg.genes.enrichment",
    "xsg.evaluation.programs": "xsg.genes.programs",
    "xsg.data.mouse": "xsg.spatial.mouse",
    "xsg.data.mouse_files": "xsg.spatial.files",
    "xsg.data.metaimage": "xsg.spatial.metaimage",
    "xsg.data.preprocess": "xsg.spatial.preprocess",
    "xsg.data.simulate_mouse": "xsg.spatial.simulate",
    "xsg.models.spatial_vae": "xsg.spatial.model",
    "xsg.training.spatial_vae": "xsg.spatial.estimator",
    "xsg.training.voxels": "xsg.spatial.tables",
    "xsg.evaluation.voxels": "xsg.spatial.folds",
    "xsg.evaluation.localise": "xsg.spatial.localise",
    "xsg.physics": "xsg.spread.physics",
    "xsg.laplacian": "xsg.spread.laplacian",
    "xsg.growth": "xsg.spread.growth",
    "xsg.data.spread": "xsg.spread.cohort",
    "xsg.models.mechanistic": "xsg.spread.model",
    "xsg.training.mechanistic": "xsg.spread.estimator",
    "xsg.training.cohorts": "xsg.spread.visits",
    "xsg.training.likeness": "xsg.spread.likeness",
    "xsg.training.posterior": "xsg.spread.posterior",
    "xsg.training.rate_groups": "xsg.spread.rate_groups",
    "xsg.data.adni": "xsg.people.adni",
    "xsg.data.adni_tables": "xsg.people.adni_tables",
    "xsg.data.dates": "xsg.people.dates",
    "xsg.data.trajectories": "xsg.people.trajectories",
    "xsg.data.simulate_trajectories": "xsg.people.simulate",
    "xsg.models.across_scales": "xsg.across.joint_model",
    "xsg.training.across_scales": "xsg.across.joint",
    "xsg.training.spread_tables": "xsg.across.joint_tables",
    "xsg.models.over_time": "xsg.across.over_time_model",
    "xsg.training.over_time": "xsg.across.over_time",
    "xsg.training.visits": "xsg.across.over_time_tables",
    "xsg.models.views": "xsg.across.views_model",
    "xsg.training.views": "xsg.across.views",
    "xsg.training.view_tables": "xsg.across.views_tables",
    "xsg.data.simulate_views": "xsg.across.simulate_views",
    "xsg.data.simulate_progression": "xsg.across.simulate_progression",
    "xsg.data.simulate_orthologues": "xsg.across.simulate_orthologues",
    "xsg.evaluation.transfer": "xsg.across.transfer",
    "xsg.data.connectome": "xsg.across.connectome",
    "xsg.data.own": "xsg.study.read",
}
NAMES = {  # functions and classes that left their module: old path to the module that has them now
    "xsg.report.NULLS": "xsg.trial",
    "xsg.report.evaluate": "xsg.trial",
    "xsg.data.cortex.load_cortex": "xsg.load",
    "xsg.people.adni.GROUPS": "xsg.data.cohort",
    "xsg.people.adni.Cohort": "xsg.data.cohort",
    "xsg.people.adni.bootstrap_thinning": "xsg.data.cohort",
    "xsg.people.adni.noise_ceiling": "xsg.data.cohort",
    "xsg.people.adni.thinning_map": "xsg.data.cohort",
    "xsg.data.expression.LANDMARKS_KEPT": "xsg.genes.make",
    "xsg.data.expression.MISSING": "xsg.genes.make",
    "xsg.data.expression.abagen_default_genes": "xsg.genes.make",
    "xsg.data.expression.common": "xsg.genes.make",
    "xsg.data.expression.differential_stability": "xsg.genes.make",
    "xsg.data.expression.donor_expressions": "xsg.genes.make",
    "xsg.data.expression.leave_one_donor_out": "xsg.genes.make",
    "xsg.data.expression.make_expression": "xsg.genes.make",
    "xsg.data.expression.multiverse": "xsg.genes.make",
    "xsg.genes.abagen_options.donor_names": "xsg.genes.donors",
    "xsg.genes.microarrays.NAMES": "xsg.genes.donors",
    "xsg.genes.microarrays.FILES": "xsg.genes.donors",
    "xsg.genes.microarrays.download_microarrays": "xsg.genes.donors",
    "xsg.genes.microarrays.options": "xsg.genes.abagen_run",
    "xsg.genes.microarrays.run_abagen": "xsg.genes.abagen_run",
    "xsg.genes.sets.as_text": "xsg.data.gene_names",
    "xsg.genes.sets.gene_list": "xsg.data.gene_names",
    "xsg.spread.cohort.BENCHMARK_LAWS": "xsg.spread.load",
    "xsg.spread.cohort.disc": "xsg.spread.load",
    "xsg.spread.cohort.load_spread": "xsg.spread.load",
    "xsg.spread.cohort.mouse_sections": "xsg.spread.load",
    "xsg.spread.cohort.tau_moments": "xsg.spread.load",
    "xsg.training.settings.PRESETS": "xsg.training.cross_scale",
    "xsg.training.settings.SPATIAL": "xsg.spatial.presets",
    "xsg.training.settings.LATER_SETTINGS": "xsg.spatial.presets",
    "xsg.training.settings.FORMER_PRESETS": "xsg.spatial.presets",
    "xsg.training.settings.PAPER_STATED": "xsg.spatial.presets",
    "xsg.training.settings.checked_spatial": "xsg.spatial.presets",
    "xsg.training.settings.MULTI_VIEW": "xsg.across.views",
    "xsg.training.settings.PROGRESSION": "xsg.across.over_time",
    "xsg.atlas.parcellation.distances": "xsg.atlas.surface",
    "xsg.atlas.parcellation.mesh": "xsg.atlas.surface",
    "xsg.check.energies": "xsg.spatial.stored",
    "xsg.check.gene_names": "xsg.data.gene_names",
    "xsg.simulate.cortex.simulate_adni_tables": "xsg.people.simulate_adni",
    "xsg.simulate.cortex.write_adni_tables": "xsg.people.simulate_adni",
    "xsg.spatial.mouse.group_replicates": "xsg.spatial.load",
    "xsg.spatial.mouse.load_mouse": "xsg.spatial.load",
    "xsg.spatial.mouse.mean_of_replicates": "xsg.spatial.load",
    "xsg.spatial.localise.CUBE": "xsg.spatial.folds",
    "xsg.spatial.localise.COMPONENTS": "xsg.spatial.place_baselines",
    "xsg.spatial.localise.PENALTIES": "xsg.spatial.place_baselines",
    "xsg.spatial.localise.NEIGHBOURS": "xsg.spatial.place_baselines",
    "xsg.spatial.localise.FACTORS": "xsg.spatial.place_baselines",
    "xsg.spatial.mouse.IN_MEMORY": "xsg.spatial.stored",
    "xsg.spatial.mouse.stored": "xsg.spatial.stored",
}
PUBLIC = {"xsg.physics", "xsg.data.mouse"}  # names that stay: no warning


class _Finder(MetaPathFinder, Loader):
    """Import a module by its old path."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(fullname, self) if fullname in MODULES else None

    def exec_module(self, module: ModuleType) -> None:
        old, new = module.__name__, MODULES[module.__name__]
        if old not in PUBLIC:
            warnings.warn(f"{old} is now {new}; the old path goes with the next release.", DeprecationWarning, 2)
        sys.modules[old] = import_module(new)


def install() -> None:
    """Have Python ask for old paths too, after everything else."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def lazily(package: str) -> Callable[[str], object]:
    """Return a module's ``__getattr__``: what left it, and a package's modules, are imported when asked for."""

    def __getattr__(name: str) -> object:
        home = NAMES.get(f"{package}.{name}")
        if home:
            return getattr(import_module(home), name)
        full = f"{package}.{name}"
        inside = "__path__" in vars(sys.modules[package]) and not name.startswith("__")
        if inside and (full in MODULES or find_spec(full)):
            return import_module(full)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return __getattr__
