"""A cohort from tables of FreeSurfer and BIDS: people, their cortex by region, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xsg.atlas import Parcellation
from xsg.check import choice, constant, instance, plausible, some
from xsg.data.atlases import atlas_name, region_names
from xsg.data.cohort import Cohort
from xsg.data.tables import counted, fold
from xsg.people import tables
from xsg.people.freesurfer_stats import stats_tables

if TYPE_CHECKING:
    from xsg.people.cohort_map import CohortMap
    from xsg.people.norm import Deviations

UNITS = {"thickness": "mm", "area": "mm²", "volume": "mm³"}
SITES = ("covariate", "harmonize")
_SEXES = {"m": "M", "male": "M", "man": "M", "f": "F", "female": "F", "woman": "F", "w": "F"}
_CONTRADICTED = 0.02  # people whose rows of one table differ leave; where they are more, the table is refused
_FEW = 0.1  # a region that more of the people lack is left out; then people who lack one


@dataclass(frozen=True, repr=False, eq=False)
class People:
    """People, a measure of their cortex by region, and what is known of them; made by `read_cohort`.

    Attributes
    ----------
    values : DataFrame, shape (people, regions)
        The measure, in ``unit``; index the person.
    table : DataFrame
        What is known of them: age (years), sex, site, groups, scores, totals of the brain, as the tables call them.
    measure, unit, atlas : str
    positive : str
        What a larger value means: ``"gain"``, more tissue (thickness, area, volume), or ``"loss"`` (a tracer, say).
    site : str or None
        How sites are dealt with: ``"covariate"``, ``"harmonize"`` or not at all.
    provenance : list of str
        What was read, what was dropped and why, with counts; nobody is named.
    """

    values: pd.DataFrame
    table: pd.DataFrame
    measure: str = "thickness"
    unit: str = "mm"
    atlas: str = "desikan"
    positive: str = "gain"
    site: str | None = "covariate"
    provenance: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.values.index.equals(self.table.index):
            raise ValueError("People: values and table must have the same people in the same order.")

    @classmethod
    def of(cls, cohort: Cohort) -> People:
        """Take the cohort of `xsg.people.adni.read_adni` or of a study."""
        instance(cohort, Cohort, "cohort", "an xsg.data.cohort.Cohort")
        return cls(cohort.thickness, cohort.subjects, provenance=list(cohort.provenance))

    def part(self, people: pd.Index) -> People:
        """Return some of the people."""
        shared = (self.measure, self.unit, self.atlas, self.positive, self.site, list(self.provenance))
        return People(self.values.loc[people], self.table.loc[people], *shared)

    def contrast(self, column: str, a: object, b: object, covariates: Sequence[str] | str | None = None) -> CohortMap:
        """Map how much less tissue people of group ``a`` have than those of ``b``, by least squares.

        Parameters
        ----------
        column
            Of ``table``, in any style of its name.
        a, b
            Two of its values: patients and controls.
        covariates
            Columns, or the right side of a statsmodels formula (``"bs(age, 4) + C(sex) * eTIV"``). By default age, sex
            and site, as far as they are there and vary. Numbers enter linearly, all else and ``site`` by level; sites
            with under 10 of the people are one level.

        Returns
        -------
        CohortMap
            Positive = loss in ``a``.

        Raises
        ------
        ValueError
            Unknown column or group, under 10 people in one, covariates that cannot be told apart.
        """
        from xsg.people.cohort_map import contrast

        return contrast(self, column, a, b, covariates)

    def slope(self, column: str, covariates: Sequence[str] | str | None = None, per: float | None = None) -> CohortMap:
        """Map how much less tissue there is per unit of a number, such as age, by least squares.

        Parameters
        ----------
        column
            Of ``table``, numbers.
        covariates
            As in `contrast`.
        per
            Units of the column: by default 10 for age (loss per decade), else 1.

        Returns
        -------
        CohortMap
            Positive = loss as the column rises.

        Raises
        ------
        ValueError
            Unknown column or one without numbers, under 20 people, covariates that cannot be told apart.
        """
        from xsg.people.cohort_map import slope

        return slope(self, column, covariates, per)

    def deviations(
        self, reference: pd.Series | str | None = None, covariates: Sequence[str] | None = None, seed: int = 0
    ) -> Deviations:
        """Judge each person against the norm of a reference group; see `xsg.people.norm.deviations`.

        Parameters
        ----------
        reference
            Who makes the norm: True and False by person, a query of the table (``"group == 'CN'"``), or None, all.
        covariates
            Columns: age by a spline, other numbers linearly, all else by level. By default age, sex and site.
        seed
            Of the folds in which the reference is held out.
        """
        from xsg.people.norm import deviations

        if reference is None:
            reference = pd.Series(True, self.table.index)
        if isinstance(reference, str):
            reference = pd.Series(self.table.index.isin(queried(self.table, reference).index), self.table.index)
        return deviations(self, reference, covariates, seed=seed)

    def __repr__(self) -> str:
        """Say how many people there are and what is known of them, without naming any."""
        head = (
            f"People: {len(self.values)}; {self.measure} ({self.unit}) of {self.values.shape[1]} regions "
            f"({self.atlas}); {self.table.shape[1]} columns"
        )
        return "\n".join([head, *(f"  - {line}" for line in [*map(self._about, self.table), *self.provenance])])

    def _about(self, column: str) -> str:
        values = self.table[column]
        gone = f", {values.isna().sum()} missing" if values.isna().any() else ""
        if values.dtype.kind == "f":
            few = values.nunique() <= 5
            told = counted(values.dropna().map("{:g}".format)) if few else f"{values.min():.3g} to {values.max():.3g}"
            return f"{column}: {told}{gone}"
        levels = values.dropna()
        told = counted(levels, 6) if levels.nunique() <= min(12, len(levels) / 2) else f"{levels.nunique()} labels"
        return f"{column}: {told}{gone}"


def read_cohort(
    thickness: object,
    people: object = None,
    *,
    quality: object = None,
    keep: str | None = None,
    site: str | None = "covariate",
    atlas: str | Parcellation = "desikan",
    measure: str = "thickness",
    unit: str | None = None,
    positive: str | None = None,
    sex: Mapping[object, str] | None = None,
    missing: Sequence[float] = (),
    session: str | None = None,
    id: str | None = None,
) -> People:
    """Read a cohort: FreeSurfer's tables of regions, and a table of the people.

    Rows are joined by person, never by their order: ``sub-01``, ``01`` and ``sub-01_ses-2`` are one, and so is ``1``
    where a spreadsheet has eaten the zeros and nobody else could be meant. Columns are joined by region in any style of
    names. What is dropped is counted in the provenance, and nobody is named there.

    Parameters
    ----------
    thickness
        A pair of tables of `aparcstats2table`, left and right; one table of both; or FreeSurfer's folder of subjects.
        Tables are paths (any separator, decimal commas; Excel) or DataFrames.
    people
        ``participants.tsv`` of BIDS, or any table with a row for each person. None: their columns are in the first
        table.
    quality
        Another table of the people, such as one of image quality; its columns are joined.
    keep
        Which people stay, a condition on any of the columns: ``"lh_euler > -200 and rh_euler > -200"``. A person who
        lacks one of the values is left out.
    site
        ``"covariate"``: a level for each site in every model; ``"harmonize"``: ComBat (by neuroHarmonize,
        ``pip install "xsg[cohorts]"``) takes site effects out first, and keeps those of what is asked and of its
        covariates; None: sites are ignored.
    atlas
        Name or parcellation that the columns belong to.
    measure
        ``"thickness"``, ``"area"``, ``"volume"``, or another name with ``unit`` and ``positive``.
    unit
        Of the numbers; by default mm, mm², mm³. Thickness in ``"µm"`` becomes mm.
    positive
        What a larger number means: ``"gain"`` of tissue (known of the three measures) or ``"loss"``.
    sex
        What the numbers in the column of sex mean: ``{1: "M", 2: "F"}``. Without it they are two levels without a name,
        and the provenance says so.
    missing
        Numbers that stand for a missing value: ``(-9, 999)``. Empty cells, ``n/a`` and the like always do.
    session
        Which session to take of people who have several: ``"1"`` for ``ses-1``.
    id
        The column that names the people, where it is not called ``participant_id``, ``subject`` or the like.

    Returns
    -------
    People

    Raises
    ------
    TypeError
        If something that should be a table is none.
    ValueError
        If people are there twice (unless their rows are the same, or, in the table of the people, at most 2 % are); if
        nobody is in both tables; if there are no regions, or one hemisphere twice; if a thickness or an age cannot be
        true (µm, months, codes); if the tables hold another measure; if ``keep`` fails or keeps nobody.

    Examples
    --------
    >>> lh = pd.DataFrame({"lh.aparc.thickness": ["sub-1", "sub-2"], "lh_insula_thickness": [2.9, 3.1]})
    >>> rh = pd.DataFrame({"rh.aparc.thickness": ["sub-2", "sub-1"], "rh_insula_thickness": [3.0, 2.8]})
    >>> who = pd.DataFrame({"participant_id": ["1", "2"], "age": [70, 64]})
    >>> read_cohort((lh, rh), who).values["R_insula"].to_list()
    [2.8, 3.0]
    """
    unit, scale = _unit(measure, unit)
    positive = choice(positive or ("gain" if measure in UNITS else None), ("gain", "loss"), f"positive of {measure}")
    if site is not None:
        choice(site, SITES, "site")
    name, regions = _atlas(atlas)
    if isinstance(thickness, (str, Path)) and Path(thickness).is_dir():
        thickness = stats_tables(thickness, measure)
    sides = list(thickness) if isinstance(thickness, (tuple, list)) else [thickness]
    if len(sides) not in (1, 2):
        raise ValueError(f"thickness: {len(sides)} tables given; expected the left and the right one, or one of both.")
    called = ("first table", "second table") if len(sides) == 2 else ("table of regions",)
    notes: list[str] = []
    read = [tables.load(each, what, id, session, notes) for each, what in zip(sides, called, strict=True)]
    halves = [_half(each, regions, measure, scale, missing, notes) for each in read]
    values, table = (pd.concat(parts, axis=1) for parts in zip(*_both(halves, notes), strict=True))
    values = values[[region for region in regions if region in values]]
    if lost := regions.difference(values.columns, sort=False).to_list():
        notes.append(f"Regions of {name} that no column is of: {some(lost)}.")
    if people is None and len(sides) == 1:
        table = halves[0][2].join(table)
    for source, what in ((people, "people"), (quality, "quality")):
        if source is not None:
            other = tables.load(source, what, id, session, notes, few=_CONTRADICTED)
            rows, places, how = tables.join(values.index, other.attrs["who"])
            _told(values.index, read[0].attrs["style"], other, rows, how, notes)
            found = tables.columns_of(other, missing).iloc[places].set_axis(values.index[rows], axis=0)
            if what == "people":  # of whom nothing is known cannot be used; whose quality is not known may be
                values, table = values.iloc[rows], table.iloc[rows]
            table = table.drop(columns=[column for column in found if column in table]).join(found)
    table = _described(table, sex, notes)
    values = _complete(values, notes)
    table = table.loc[values.index]
    if keep is not None:
        stay = queried(table, keep).index
        notes.append(f"Quality: {len(table) - len(stay)} of {len(table)} people leave; kept are those with {keep}.")
        values, table = values.loc[stay], table.loc[stay]
    if flat := values.columns[constant(values.to_numpy())].to_list():
        raise ValueError(
            f"{measure} of {some(flat)} is the same in all {len(values)} people; was it filled in rather than "
            "measured? Leave the region out."
        )
    index = values.index.rename("participant_id")
    values, table = values.set_axis(index, axis=0), table.set_axis(index, axis=0)
    return People(values, table, measure, unit, name, positive, site, notes)


def queried(table: pd.DataFrame, text: str) -> pd.DataFrame:
    """Return the rows that a condition in terms of the columns holds for.

    Raises
    ------
    ValueError
        If it is no condition, names a column that is not there, or holds for nobody.
    """
    try:
        found = table.query(text, engine="python")
    except Exception as error:  # whatever its parser meets
        raise ValueError(
            f"condition {text!r} cannot be understood ({error}); columns: {some(table.columns, 8)}. Write it as in "
            "pandas: \"age > 50 and group == 'CN'\"."
        ) from None
    if found.empty:
        raise ValueError(f"condition {text!r} holds for none of {len(table)} people.")
    return found


def _unit(measure: str, unit: str | None) -> tuple[str, float]:
    """Return the unit and what numbers are multiplied by."""
    if unit is None and measure not in UNITS:
        raise ValueError(f"measure {measure!r}: its unit is not known; give unit= and positive='gain' or 'loss'.")
    unit = unit or UNITS[measure]
    if measure == "thickness" and unit != "mm":
        return "mm", {"µm": 1e-3, "um": 1e-3, "μm": 1e-3, "cm": 10.0}[
            choice(unit, ("mm", "µm", "um", "μm", "cm"), "unit")
        ]
    return unit, 1.0


def _atlas(atlas: str | Parcellation) -> tuple[str, pd.Index]:
    """Return an atlas's name and regions."""
    if isinstance(atlas, Parcellation):
        return atlas.name, atlas.regions
    name = atlas_name(atlas)
    return name, pd.Index(region_names(name))


def _half(
    table: pd.DataFrame, regions: pd.Index, measure: str, scale: float, missing: Sequence[float], notes: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return regions, totals and the other columns of one table, index the person."""
    meant, totals, others = tables.regions_of(table, regions, measure)
    what, parts = table.attrs["what"], []
    for columns in (list(meant), totals):
        part = table[columns]
        part.attrs = table.attrs
        parts.append(tables.numbers(part, missing) if columns else part)
    values = parts[0].rename(columns=meant) * scale
    if measure == "thickness":
        plausible(values, "thickness", what, missing=True)
    elif measure in UNITS and (values < 0).any(axis=None):
        raise ValueError(f"{what}: {int((values < 0).sum().sum())} values below 0. Are they codes? Say missing=(-9,).")
    if totals:
        notes.append(f"{what}: set apart, as they are no regions: {some(totals)}.")
    rest = table[others]
    rest.attrs = table.attrs
    rest = tables.columns_of(rest, missing)
    return tuple(part.set_axis(pd.Index(table.attrs["who"]), axis=0) for part in (values, parts[1], rest))


def _both(halves: list, notes: list[str]) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
    """Bring the tables of the hemispheres to the people of both; refuse the same hemisphere twice."""
    if len(halves) == 1:
        return [halves[0][:2]]
    (left, left_totals, _), (right, right_totals, _) = halves
    if len(twice := left.columns.intersection(right.columns)):
        side = twice[0][:1] if twice[0][:2] in ("L_", "R_") else "same"
        raise ValueError(
            f"thickness: both tables hold {some(twice, 2)} ({len(twice)} regions twice: hemisphere {side}). Give the "
            "left and the right one."
        )
    rows, places, _ = tables.join(left.index, right.index)
    if left.shape == right.shape and np.array_equal(left.to_numpy(), right.to_numpy(), equal_nan=True):
        raise ValueError("thickness: the left and the right table hold the same numbers. Is one a copy of the other?")
    if not len(rows):
        raise ValueError(
            f"thickness: nobody is in both tables; people are called like {tables.style(left.index[0])!r} and "
            f"{tables.style(right.index[0])!r}."
        )
    if gone := len(left) + len(right) - 2 * len(rows):
        notes.append(f"Left out: {gone} people of whom only one hemisphere is there.")
    keep = [column for column in right_totals if column not in left_totals]
    index = left.index[rows]
    return [
        (left.iloc[rows], left_totals.iloc[rows]),
        (right.iloc[places].set_axis(index, axis=0), right_totals[keep].iloc[places].set_axis(index, axis=0)),
    ]


def _told(who: pd.Index, style: str, other: pd.DataFrame, rows: np.ndarray, how: str, notes: list[str]) -> None:
    """Say how people were matched and who is left; refuse tables that share nobody."""
    what, lone = other.attrs["what"], len(other) - len(rows)
    if not len(rows):
        raise ValueError(
            f"{what}: none of its {len(other)} people is among the {len(who)} with regions; they are called like "
            f"{other.attrs['style']!r} here and {style!r} there. Name the column by id=, or rename."
        )
    notes.append(
        f"{what}: {len(rows)} people matched, names compared {how}; {len(who) - len(rows)} with regions are not there, "
        f"{lone} there have no regions."
    )


def _described(table: pd.DataFrame, sex: Mapping[object, str] | None, notes: list[str]) -> pd.DataFrame:
    """Call age, sex and site so, check the ages, and name the sexes where they are known."""
    spelt = {}
    for wanted, also in (("age", ()), ("sex", ("gender",)), ("site", ())):
        like = [column for column in table if fold(column) in (wanted, *also)]
        if wanted not in table and len(like) == 1:
            spelt[like[0]] = wanted
    table = table.rename(columns=spelt)
    if "age" in table:
        plausible(table["age"].reset_index(drop=True), "lifespan", "age", missing=True)
    if "sex" in table:
        given = table["sex"]
        words = given.map(lambda value: f"{value:g}" if isinstance(value, float) else str(value).casefold(), "ignore")
        if sex is not None:
            meant = {str(code).casefold(): _sex(name) for code, name in sex.items()}
            if len(unknown := words[words.notna() & ~words.isin(meant)]):
                raise ValueError(
                    f"sex: {unknown.iloc[0]!r} is not among {list(sex)}; {some(words.unique())} are there."
                )
            table["sex"] = words.map(meant, "ignore")
        elif words.dropna().isin(_SEXES).all():
            table["sex"] = words.map(_SEXES, "ignore")
        else:
            table["sex"] = words
            notes.append(
                f"Sex is coded {counted(words.dropna())} and kept so, as levels without a name; sex={{1: 'M', 2: 'F'}} "
                "would name them."
            )
    return table


def _sex(name: object) -> str:
    return _SEXES[choice(str(name).casefold(), _SEXES, "sex: name")]


def _complete(values: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """Leave out regions that many people lack, then people who lack one, and say so."""
    rare = values.columns[values.isna().mean() > _FEW]
    if len(rare):
        notes.append(f"Left out: {some(rare)}, missing in over {_FEW:.0%} of the people.")
        values = values.drop(columns=rare)
    whole = values.notna().all(axis=1)
    if not values.shape[1] or not whole.any():
        raise ValueError(f"no person has all regions; {int(values.isna().sum().sum())} values are missing.")
    if not whole.all():
        notes.append(f"Left out: {int((~whole).sum())} of {len(values)} people, who lack a value of a region.")
    return values[whole]
