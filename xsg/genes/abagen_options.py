"""Options of abagen's pipeline, checked before anything is computed: the pipeline may run long before it finds out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xsg import _moved
from xsg.check import choice, flag, number
from xsg.genes.abagen_run import options

_NORMS = (
    *("srs", "rs", "minmax", "center", "zscore", "sig", "scaled_sig", "scaled_sig_qnt", "mixed_sig"),
    *("demean", "rsig", "robust_sigmoid", "scaled_rsig", "scaled_robust_sigmoid", "sigmoid", "scaled_sigmoid"),
    *("scaled_sigmoid_quantiles", "mixed_sigmoid"),
)
_SELECTIONS = (
    *("diff_stability", "average", "mean", "max_intensity", "max_variance"),
    *("pc_loading", "corr_variance", "corr_intensity", "rnaseq"),
)
_CHOICES = {
    "probe_selection": _SELECTIONS,
    "donor_probes": ("aggregate", "independent", "common"),
    "lr_mirror": ("bidirectional", "leftright", "rightleft"),
    "missing": ("centroids", "interpolate"),
    "sample_norm": _NORMS,
    "gene_norm": _NORMS,
    "region_agg": ("donors", "samples"),
    "agg_metric": ("mean", "median"),
}
_OR_NONE = ("lr_mirror", "missing", "sample_norm", "gene_norm", "sim_threshold")


def check_options(choices: Mapping[str, object], n_donors: int = 6, *, by_donor: bool = False) -> dict[str, object]:
    """Return options of `xsg.genes.abagen_run.options` as plain values, or refuse what abagen cannot use.

    Parameters
    ----------
    choices
        Options by name.
    n_donors
        How many donors there are.
    by_donor
        Whether a table for each donor is wanted.

    Raises
    ------
    TypeError, ValueError
        Naming the option, its value, and what was expected.

    Examples
    --------
    >>> check_options({"ibf_threshold": np.float32(0.5), "lr_mirror": None})
    {'ibf_threshold': 0.5, 'lr_mirror': None}
    """
    for name in sorted(choices):
        choice(name, options(), "option")
    checked = {name: _checked(name, value) for name, value in choices.items()}
    full = {**options(), **checked}
    if full["probe_selection"] == "diff_stability" and n_donors < 2:
        raise ValueError(
            "probe_selection='diff_stability' compares donors and there is one. Take more donors, or another "
            "probe_selection, e.g. 'max_variance'."
        )
    if by_donor and full["region_agg"] == "samples":
        raise ValueError("region_agg='samples' mixes the donors; expected 'donors' where each donor's table is wanted.")
    return checked


def _checked(name: str, value: object) -> object:
    """Check one option."""
    if value is None and name in _OR_NONE:
        return None
    if name == "region_agg" and value is None:
        raise ValueError(
            "region_agg=None keeps the samples apart, which makes no table of regions; expected 'donors' or 'samples' "
            "(for samples, call abagen.get_samples_in_mask)."
        )
    if name in _CHOICES:
        if name == "lr_mirror" and isinstance(value, (bool, np.bool_)):
            return "bidirectional" if value else None  # as abagen has it
        if callable(value):
            raise ValueError(f"{name} is {value!r}, which is no number, text or None; expected {_named(name)}.")
        if not isinstance(value, str) or value not in _CHOICES[name]:
            hint = " or None" if name in _OR_NONE else ""
            raise ValueError(f"{name} is {value!r}; expected {_named(name)}{hint}.")
        return str(value)
    if name == "ibf_threshold":
        return number(value, name, 0, 1)
    if name == "sim_threshold":
        return number(value, name, 0, above=True)
    if name == "tolerance":
        return number(value, name)
    flag(value, name)
    return bool(value)


def _named(name: str) -> str:
    return "one of " + ", ".join(map(repr, _CHOICES[name]))


__getattr__ = _moved.lazily(__name__)
