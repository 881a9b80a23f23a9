"""xsg: cross-scale generative models of the brain, the helper package of an executable book."""

from importlib import import_module

from xsg import _moved

_moved.install()

__version__ = "0.1.0"

# Names are resolved on first use, so that `import xsg` stays quick: torch alone takes over a second.
_PUBLIC = {
    "Cortex": "xsg.data.cortex",
    "load_cortex": "xsg.load",
    "load_atlas": "xsg.data.atlases",
    "read_map": "xsg.data.maps",
    "SignWarning": "xsg.data.maps",
    "Graph": "xsg.atlas",
    "Parcellation": "xsg.atlas",
    "SparseGraph": "xsg.atlas",
    "build_graph": "xsg.atlas",
    "load_parcellation": "xsg.atlas",
    "CrossScaleVAE": "xsg.training",
    "Report": "xsg.report",
    "evaluate": "xsg.trial",
    "Mouse": "xsg.spatial.mouse",
    "load_mouse": "xsg.spatial.load",
    "read_study": "xsg.study.read",
    "SpatialVAE": "xsg.spatial.estimator",
    "localise": "xsg.spatial.localise",
    "MechanisticMixture": "xsg.spread.estimator",
    "MechanisticVAE": "xsg.spread.estimator",
    "Spread": "xsg.spread.cohort",
    "load_spread": "xsg.spread.load",
    "CrossScaleSpread": "xsg.across.joint",
    "Progression": "xsg.across.simulate_progression",
    "simulate_progression": "xsg.across.simulate_progression",
    "DiseaseProgression": "xsg.across.over_time",
    "Trajectories": "xsg.people.trajectories",
    "read_cohort": "xsg.people.read_cohort",
    "read_trajectories": "xsg.people.trajectories",
    "simulate_trajectories": "xsg.people.simulate",
    "MultiViewVAE": "xsg.across.views",
    "cross_val_views": "xsg.across.views",
}
_module = _moved.lazily(__name__)
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    """Import a public name from the room it lives in, or a module of the package."""
    return getattr(import_module(_PUBLIC[name]), name) if name in _PUBLIC else _module(name)


def __dir__() -> list[str]:
    """List the public names, so that tab completion finds what is not imported yet."""
    return sorted(__all__)
