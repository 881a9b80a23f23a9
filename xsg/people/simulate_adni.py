"""The simulated cohort written down as the tables that ADNI distributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xsg.people.adni import thickness_codes
from xsg.simulate.cohort import measured, simulate_subjects
from xsg.simulate.cortex import vulnerability
from xsg.simulate.fields import simulated_programs


def simulate_adni_tables(
    seed: int = 0, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> dict[str, pd.DataFrame]:
    """Simulate the cohort of `simulate_cortex` as the tables that ADNI distributes.

    Parameters
    ----------
    seed, n_programs, n_controls, n_patients
        As in `simulate_cortex`.

    Returns
    -------
    dict of DataFrame
        File name to table: UCSFFSX_SIMULATED.csv (thickness in mm, several visits, some scans that fail quality
        control), DXSUM_SIMULATED.csv, PTDEMOG_SIMULATED.csv. Beside NC and AD there are subjects with MCI.

    Raises
    ------
    ValueError
        A size is out of range.
    """
    return _tables(seed, vulnerability(simulated_programs(seed, n_programs)), n_controls, n_patients)


def write_adni_tables(
    folder: str | Path, seed: int = 0, n_programs: int = 6, n_controls: int = 926, n_patients: int = 426
) -> list[Path]:
    """Write the tables of `simulate_adni_tables` as CSV files that `xsg.people.adni.read_adni` reads.

    Parameters
    ----------
    folder : path
        Made when it does not exist.
    seed, n_programs, n_controls, n_patients
        As in `simulate_cortex`.

    Returns
    -------
    list of Path
        The three files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in simulate_adni_tables(seed, n_programs, n_controls, n_patients).items():
        paths.append(folder / name)
        table.to_csv(paths[-1], index=False)
    return paths


def _tables(seed: int, true: pd.Series, n_controls: int, n_patients: int) -> dict[str, pd.DataFrame]:
    """Write subjects and their later visits down as ADNI does."""
    found = simulate_subjects(seed, true, n_controls, n_patients)
    rng, day, group, born = found.rng, found.day, found.group, found.born
    phase = np.select([day < np.datetime64("2010-01-01"), day < np.datetime64("2016-09-01")], [0, 1], 2)
    people = pd.DataFrame({"RID": found.rid, "phase": phase, "group": group, "day": day, "passes": found.passes})

    baseline = people.assign(years=0.0, VISCODE=np.array(["sc", "v02", "sc"])[phase])
    baseline["VISCODE2"] = np.array(["sc", "scmri", "sc"])[phase]
    scans, values = [baseline], [found.thickness]
    for code, visit, years, stay in (("m12", "v11", 1.0, 0.6), ("m24", "v21", 2.0, 0.35)):
        here = rng.random(len(people)) < stay
        later = people[here].assign(years=years, VISCODE=np.where(phase[here] == 0, code, visit), VISCODE2=code)
        scans.append(later)
        change = years * (found.ageing + 0.15 * found.loss[here])
        values.append(found.thickness[here] - change + 0.03 * rng.standard_normal((here.sum(), 68)))
    scan = pd.concat(scans, ignore_index=True)
    at_baseline = (scan["years"] == 0).to_numpy()
    draw = rng.random(len(scan))
    # What fails at baseline fails outright, or in the temporal lobe; a ventricle that fails leaves the cortex usable.
    lost = np.where(at_baseline, ~scan["passes"].to_numpy(), draw < 0.06)
    temporal = lost & (rng.random(len(scan)) < 0.4)
    ventricle = ~lost & (draw > 0.85)
    free = pd.DataFrame(
        {
            "RID": scan["RID"],
            "VISCODE": scan["VISCODE"],
            "VISCODE2": scan["VISCODE2"],
            "EXAMDATE": np.datetime_as_string(
                scan["day"].to_numpy().astype("datetime64[D]") + (scan["years"] * 365).astype(int).to_numpy(), unit="D"
            ),
            "IMAGEUID": 30001 + rng.permutation(len(scan)),
            "OVERALLQC": np.select([temporal | ventricle, lost], ["Partial", "Fail"], "Pass"),
            "TEMPQC": np.where(lost, "Fail", "Pass"),
            "FRONTQC": np.where(lost & ~temporal, "Fail", "Pass"),
            "PARQC": "Pass",
            "INSULAQC": "Pass",
            "OCCQC": "Pass",
            "VENTQC": np.where(ventricle, "Fail", "Pass"),
        }
    )
    thick = pd.DataFrame(measured(np.concatenate(values)), columns=thickness_codes().to_numpy())
    ucsf = pd.concat([free, thick], axis=1).sort_values(["RID", "EXAMDATE"], ignore_index=True)

    # Each phase of ADNI writes the diagnosis into another column and leaves the other two empty.
    diagnosis = scan["group"].to_numpy() + 1.0
    of_phase = scan["phase"].to_numpy()
    dxsum = pd.DataFrame(
        {
            "Phase": np.array(["ADNI1", "ADNI2", "ADNI3"])[of_phase],
            "RID": scan["RID"],
            "VISCODE": np.where(at_baseline, np.array(["bl", "v03", "bl"])[of_phase], scan["VISCODE"]),
            "VISCODE2": np.where(at_baseline, "bl", scan["VISCODE2"]),
            "DXCURREN": np.where(of_phase == 0, diagnosis, np.nan),
            "DXCHANGE": np.where(of_phase == 1, diagnosis, np.nan),
            "DIAGNOSIS": np.where(of_phase == 2, diagnosis, np.nan),
        }
    ).sort_values(["RID", "VISCODE2"], ignore_index=True)
    ptdemog = pd.DataFrame(
        {
            "RID": found.rid,
            "VISCODE2": "sc",
            "PTGENDER": np.where(found.man, 1, 2),
            "PTDOBMM": born % 12 + 1,
            "PTDOBYY": 1970 + born // 12,
            "PTEDUCAT": rng.integers(8, 21, len(people)),
            "SITEID": found.site + 1,
        }
    ).sort_values("RID", ignore_index=True)
    return {"UCSFFSX_SIMULATED.csv": ucsf, "DXSUM_SIMULATED.csv": dxsum, "PTDEMOG_SIMULATED.csv": ptdemog}
