"""Linear models of people: which columns enter how, sites, and the least squares of one effect in every region at once.

A model is written as a statsmodels formula, which makes its columns; the effect of interest is then what is left of it
once the other columns have explained what they can (Frisch–Waugh–Lovell), which is the coefficient of least squares.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.check import constant, some
from xsg.data.tables import fold

if TYPE_CHECKING:
    from xsg.people.read_cohort import People

USUAL = ("age", "sex", "site")
MIN_SITE = 10


@dataclass(frozen=True, eq=False)
class Design:
    """The model of one effect.

    Attributes
    ----------
    people : Index
        Those of whom all of it is known.
    effect : array (people,)
        The column of interest.
    others : array (people, columns)
        Intercept and covariates.
    names : list of str
        Of the columns of ``others``.
    told : str
        The covariates, for a sentence.
    notes : list of str
        What was pooled, and who was left out.
    site : array (people,)
        The level of site of each, all 0 without.
    """

    people: pd.Index
    effect: np.ndarray
    others: np.ndarray
    names: list[str]
    told: str
    notes: list[str]
    site: np.ndarray


def column_of(table: pd.DataFrame, column: object) -> str:
    """Return the column of a table that is called so, in any style.

    Raises
    ------
    ValueError
        If none is, or several.

    Examples
    --------
    >>> column_of(pd.DataFrame(columns=["Age_at_scan"]), "age at scan")
    'Age_at_scan'
    """
    if column in table:
        return column
    like = [each for each in table if fold(each) == fold(column)]
    if len(like) != 1:
        raise ValueError(f"no column {column!r} is known of the people; there are {some(table.columns, 12)}.")
    return like[0]


def covariates_of(people: People, given: Sequence[str] | None, used: str | None, notes: list[str]) -> list[str]:
    """Return the columns to adjust for: those given, or of age, sex and site what is there and varies."""
    table = people.table
    if given is None:
        found = [each for each in USUAL if each in table and each != used]
        flat = [each for each in found if table[each].nunique() < 2]
        if flat:
            notes.append(f"Not adjusted for {' and '.join(flat)}: the same in all.")
        found = [each for each in found if each not in flat]
    else:
        found = [column_of(table, each) for each in ([given] if isinstance(given, str) else given)]
        for each in found:
            if each == used:
                raise ValueError(f"covariates: {each!r} is what is estimated itself. Leave it out.")
            if table[each].nunique() < 2:
                raise ValueError(f"covariates: {each!r} is the same in all people. Leave it out.")
    return [each for each in found if each != "site" or people.site == "covariate"]


def pooled(site: pd.Series, notes: list[str]) -> pd.Series:
    """Make one level of the sites with few people, and say so."""
    words = site.map(lambda value: f"{value:g}" if isinstance(value, float) else str(value), "ignore")
    size = words.value_counts()
    small = size.index[size < MIN_SITE]
    if len(small) > 1:
        notes.append(
            f"{len(small)} sites with under {MIN_SITE} people are one level ({int(size[small].sum())} people)."
        )
        words = words.mask(words.isin(small), "few")
    return words


def design(people: People, effect: pd.Series, used: str, covariates: Sequence[str] | str | None) -> Design:
    """Make the model of an effect (numbers by person, NaN where a person takes no part).

    Raises
    ------
    ValueError
        A formula that cannot be read, a column that is not there, covariates that cannot be told apart.
    """
    from statsmodels.formula.api import ols

    notes: list[str] = []
    data = people.table.loc[effect.index[effect.notna()]].copy()
    within = people.part(data.index)
    formula = isinstance(covariates, str) and covariates not in data
    if formula:
        terms, told = covariates, f"{covariates} (formula)"
        columns = [each for each in data if each in covariates]
    else:
        columns = covariates_of(within, covariates, used, notes)
        told = ", ".join(columns) or "nothing"
        whole = data[columns].notna().all(axis=1)
        data = data[whole]
        terms = " + ".join(_term(data[each], each) for each in columns) or "1"
    if "site" in data and data["site"].notna().any():
        data["site"] = pooled(data["site"], notes)
    data["_effect"] = effect.loc[data.index]
    try:
        model = ols(f"_effect ~ {terms}", data)
    except Exception as error:  # of the formula's parser, or of what it calls
        raise ValueError(
            f"covariates {covariates!r}: {' '.join(str(error).split())[:200]}. There are {some(people.table, 12)}."
        ) from None
    kept = pd.Index(model.data.row_labels)
    if gone := int(effect.notna().sum()) - len(kept):
        lacking = {each: int(people.table.loc[effect.notna(), each].isna().sum()) for each in columns}
        why = ", ".join(f"{each} of {n}" for each, n in lacking.items() if n)
        notes.append(f"Left out: {gone} people of whom something is not known ({why or 'a term of the formula'}).")
    site = np.zeros(len(kept), dtype=int)
    if "site" in data and people.site == "covariate":
        site = np.unique(data.loc[kept, "site"].to_numpy(str), return_inverse=True)[1]
    others, names = np.asarray(model.exog, dtype=float), [str(name) for name in model.exog_names]
    x = data.loc[kept, "_effect"].to_numpy(float)
    if constant(x):
        raise ValueError(f"{used!r} is the same in all {len(x)} people of whom the covariates ({told}) are known.")
    _check_rank(np.column_stack([x, others]), [used, *names])
    if len(x) - others.shape[1] - 1 < 1:
        raise ValueError(
            f"{len(x)} people leave no degree of freedom for {others.shape[1] + 1} coefficients; adjust for less."
        )
    return Design(kept, x, others, names, told, notes, site)


def _term(values: pd.Series, name: str) -> str:
    quoted = f"Q({name!r})"
    return quoted if values.dtype.kind == "f" and name != "site" else f"C({quoted})"


def _check_rank(x: np.ndarray, names: list[str]) -> None:
    """Refuse columns of which one is a combination of others, and name them."""
    scaled = x / np.sqrt((x**2).sum(axis=0)).clip(1e-300)
    values, vectors = np.linalg.svd(scaled, full_matrices=False)[1:]
    if values[-1] < 1e-7 * values[0]:
        plain = [re.sub(r"Q\('(.*?)'\)", r"\1", name) for name in names]
        culprits = [name for name, part in zip(plain, np.abs(vectors[-1]), strict=True) if part > 0.1]
        raise ValueError(
            f"covariates: {some(culprits)} cannot be told apart: one follows from the others, as when a site holds one "
            "group only or two columns say the same. Leave one out."
        )


def left_over(y: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Take out of each column of y (people, k) what the others (people, p) explain, be they collinear or not."""
    u, s, _ = np.linalg.svd(others, full_matrices=False)
    u = u[:, s > 1e-10 * s[0]]
    return y - u @ (u.T @ y)


def effect_of(effect: np.ndarray, others: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Coefficient of an effect in every column of y, what is left, and the effect's own variation beyond the others.

    Returns
    -------
    coefficient : array (k,)
    residuals : array (people, k)
    own : float
        Sum of squares; 0 where the effect follows from the others, and coefficients are NaN.
    """
    x, y = left_over(effect[:, None], others), left_over(y, others)
    own = float((x**2).sum())
    if own < 1e-10 * float(((effect - effect.mean()) ** 2).sum()):
        return np.full(y.shape[1], np.nan), y, 0.0
    beta = (x.T @ y)[0] / own
    return beta, y - x * beta, own


def harmonised(people: People, protected: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Take site effects out of the values by ComBat, keeping what the protected columns (people, k) explain.

    Raises
    ------
    ImportError
        Without neuroHarmonize.
    ValueError
        Without sites, or with a site of fewer than two people.

    References
    ----------
    Pomponio et al. 2020, NeuroImage 208:116450, doi:10.1016/j.neuroimage.2019.116450.
    """
    try:
        from neuroHarmonize import harmonizationLearn
    except ImportError as error:
        raise ImportError(
            "site='harmonize' needs neuroHarmonize: pip install 'xsg[cohorts]'. site='covariate' needs nothing."
        ) from error
    if "site" not in people.table:
        raise ValueError(f"site='harmonize': no column 'site' among {some(people.table, 12)}.")
    values, notes = people.values.loc[protected.index], []
    site = people.table.loc[protected.index, "site"]
    if site.isna().any():
        raise ValueError(
            f"site='harmonize': the site of {int(site.isna().sum())} people is not known. keep='site == site'"
        )
    site = pooled(site, notes)
    if site.nunique() < 2 or site.value_counts().min() < 2:
        raise ValueError(
            f"site='harmonize': expected two sites or more, of two people or more; sites: {site.nunique()}."
        )
    covariates = protected.set_axis([f"x{k}" for k in range(protected.shape[1])], axis=1).assign(
        SITE=site.to_numpy(str)
    )
    _, found = harmonizationLearn(values.to_numpy(float), covariates.reset_index(drop=True))
    notes.append(
        f"Site effects of {site.nunique()} sites taken out of all {len(values)} people by ComBat, keeping what is "
        "estimated and its covariates; standard errors do not know of it."
    )
    return pd.DataFrame(found, values.index, values.columns), notes
