"""A folder of FreeSurfer's subjects: what `aparcstats2table` makes a table of, read from the subjects themselves."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from xsg.check import choice, some
from xsg.files import read_text

MEASURES = {"thickness": "ThickAvg", "area": "SurfArea", "volume": "GrayVol"}
_SIDES = ("lh", "rh")


def stats_tables(
    folder: str | Path, measure: str = "thickness", parcellation: str = "aparc"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read one measure of every subject in a folder of FreeSurfer's subjects (``SUBJECTS_DIR``).

    Parameters
    ----------
    folder
        Holds ``SUBJECT/stats/lh.aparc.stats`` and ``rh.aparc.stats``; a folder without any (``fsaverage``) is no
        subject.
    measure
        ``"thickness"`` (mm), ``"area"`` (mm²) or ``"volume"`` (mm³).
    parcellation
        What stands between the hemisphere and ``.stats``.

    Returns
    -------
    lh, rh : DataFrame
        Subjects × regions as `aparcstats2table` calls them (``lh_bankssts_thickness``), index the subjects' folders. A
        region that a subject lacks is NaN.

    Raises
    ------
    ValueError
        No subject, a hemisphere that is missing, a file that is none of FreeSurfer's, or of the other hemisphere.
    """
    folder = Path(folder)
    choice(measure, tuple(MEASURES), "measure")
    there = {path.parents[1] for path in folder.glob(f"*/stats/?h.{parcellation}.stats")}
    if not there:
        raise ValueError(
            f"{folder} holds no SUBJECT/stats/lh.{parcellation}.stats; expected a folder of FreeSurfer's subjects "
            "(SUBJECTS_DIR), or give the tables of aparcstats2table."
        )
    subjects = sorted(path for path in there if not path.is_symlink())
    half = {
        side: [each.name for each in subjects if not (each / f"stats/{side}.{parcellation}.stats").exists()]
        for side in _SIDES
    }
    for side, lacking in half.items():
        if lacking:
            raise ValueError(
                f"{folder}: {len(lacking)} of {len(subjects)} subjects have no stats/{side}.{parcellation}.stats: "
                f"{some(lacking)}. Has recon-all finished? Move unfinished ones elsewhere."
            )
    tables = []
    for side in _SIDES:
        rows = {each.name: _read(each / f"stats/{side}.{parcellation}.stats", side, measure) for each in subjects}
        table = pd.DataFrame.from_dict(rows, "index")
        tables.append(table.add_prefix(f"{side}_").add_suffix(f"_{measure}").rename_axis("participant_id"))
    return tables[0], tables[1]


def _read(path: Path, side: str, measure: str) -> dict[str, float]:
    """Read one measure by region."""
    text = read_text(path, "a table of FreeSurfer's statistics")
    said = re.search(r"^# hemi (\S+)", text, re.MULTILINE)
    if said and said[1] != side:
        raise ValueError(f"{path} says that it is of hemisphere {said[1]!r}; expected {side!r}. Has it been renamed?")
    header = re.search(r"^# ColHeaders (.+)$", text, re.MULTILINE)
    names = header[1].split() if header else []
    if not {"StructName", MEASURES[measure]} <= set(names):
        raise ValueError(
            f"{path} has no columns StructName and {MEASURES[measure]}; expected what FreeSurfer writes as "
            f"{side}.aparc.stats. Run recon-all anew, or leave the subject out."
        )
    found = {}
    for line in text.splitlines():
        cells = line.split()
        if not cells or line.startswith("#"):
            continue
        try:
            row = dict(zip(names, cells, strict=True))
            found[row["StructName"]] = float(row[MEASURES[measure]])
        except ValueError:
            raise ValueError(f"{path} cannot be read at {line[:60]!r}; was it cut short? Copy it again.") from None
    if not found:
        raise ValueError(f"{path} holds no region; was it cut short? Copy it again.")
    return found
