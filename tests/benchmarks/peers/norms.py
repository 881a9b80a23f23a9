"""Norms and deviations: `xsg.people.norm` beside pcntoolkit's Bayesian linear regression.

The same people make the norm and the same others are judged. Two worlds are simulated, so that each person's true
deviation is known: in one the spread about the curve of age is the same for all and normal, as our model has it; in the
other it grows with age and is skewed, which pcntoolkit's warped, heteroskedastic model is made for. The third is real:
the thickness of 17 regions, every other one of the left hemisphere, of the people of the IXI study.
"""

import numpy as np
from side import Arrays, Side

PEOPLE, REGIONS = 600, 10
SETTINGS = {  # as its authors show them, with a cubic B-spline of age for all
    "BLR": {},
    "BLR, warped": {"heteroskedastic": True, "warp_name": "WarpSinhArcsinh", "warp_reparam": True},
}


def inputs() -> dict[str, Arrays]:
    """Arrays of every world: age, sex, site, values (people, regions), train, and the true z where there is one."""
    worlds = {name: simulated(skewed) for name, skewed in (("same spread", False), ("skewed spread", True))}
    try:
        worlds["IXI"] = ixi()
    except Exception as error:
        print(f"norms: no data of the IXI study here ({type(error).__name__}: {error}); left out.")
    return worlds


def simulated(skewed: bool, seed: int = 0) -> Arrays:
    """Thickness that falls with age, faster in the old, of men and women of three sites."""
    rng = np.random.default_rng([seed, 17])
    age, sex, site = rng.uniform(20, 86, PEOPLE), rng.integers(0, 2, PEOPLE), rng.integers(0, 3, PEOPLE)
    old = (age - 53) / 33
    line, bend = -0.12 * rng.uniform(0.5, 1.5, REGIONS), -0.06 * rng.uniform(0, 1, REGIONS)
    mean = (
        2.5
        + old[:, None] * line
        + old[:, None] ** 2 * bend
        + 0.02 * sex[:, None]
        + np.array([0.0, 0.04, -0.03])[site][:, None]
    )
    z = rng.standard_normal((PEOPLE, REGIONS))
    spread = 0.1 * np.exp(0.5 * old)[:, None] * np.sinh(0.8 * np.arcsinh(z) + 0.35) if skewed else 0.12 * z
    train = rng.permutation(PEOPLE) < PEOPLE // 2
    return {"age": age, "sex": sex, "site": site, "values": mean + spread, "train": train, "z": z}


def ixi() -> Arrays:
    """Real people; image quality is used to leave some out, as the book does."""
    import xsg
    from xsg.data.fetch import fetch

    people = xsg.read_cohort(
        fetch("human/cohort/IXI_aparc_thickness.csv"),
        people=fetch("human/cohort/IXI_age_gender.csv"),
        quality=fetch("human/cohort/ixi_euler.csv"),
        keep="lh_euler > -200 and rh_euler > -200",
        sex={1: "M", 2: "F"},
    )
    known = people.table[["age", "sex"]].notna().all(axis=1).to_numpy()
    table, values = people.table[known], people.values.filter(like="L_").iloc[:, ::2][known].to_numpy(float)
    train = np.random.default_rng(0).permutation(len(table)) < len(table) // 2
    sex = (table["sex"] == "M").to_numpy().astype(int)
    return {
        "age": table["age"].to_numpy(float),
        "sex": sex,
        "site": np.zeros_like(sex),
        "values": values,
        "train": train,
    }


def ours():
    """`People.deviations`, its reference the people of the training half."""
    import pandas as pd

    from xsg.people.norm import deviations
    from xsg.people.read_cohort import People

    def work(arrays: Arrays) -> Arrays:
        table = pd.DataFrame({"age": arrays["age"]} | {name: arrays[name].astype(str) for name in ("sex", "site")})
        regions = [f"r{k}" for k in range(arrays["values"].shape[1])]
        people = People(pd.DataFrame(arrays["values"], columns=regions), table)
        found = deviations(people, pd.Series(arrays["train"]), [c for c in table if table[c].nunique() > 1])
        return {"z": -found.z.to_numpy()[~arrays["train"]]}

    return work


def theirs(setting: str):
    """`NormativeModel` of one of `SETTINGS`: sex and site as batch effects, inputs and outputs standardised."""

    def prepare():
        import tempfile

        import pandas as pd
        from pcntoolkit import BLR, BsplineBasisFunction, NormativeModel, NormData

        def work(arrays: Arrays) -> Arrays:
            regions = [f"r{k}" for k in range(arrays["values"].shape[1])]
            table = pd.DataFrame(arrays["values"], columns=regions).assign(age=arrays["age"])
            batch = [name for name in ("sex", "site") if len(np.unique(arrays[name])) > 1]
            table = table.assign(**{name: arrays[name].astype(str) for name in batch})
            some = {"covariates": ["age"], "batch_effects": batch, "response_vars": regions}
            halves = [
                NormData.from_dataframe(name, table[rows].reset_index(drop=True), **some)
                for name, rows in (("train", arrays["train"]), ("test", ~arrays["train"]))
            ]
            changes = dict(SETTINGS[setting])
            basis = BsplineBasisFunction(basis_column=0, degree=3, nknots=5)
            if "heteroskedastic" in changes:
                changes |= {"basis_function_var": BsplineBasisFunction(basis_column=0, degree=3, nknots=5)}
            model = BLR(fixed_effect=True, basis_function_mean=basis, **changes)
            quiet = dict.fromkeys(("savemodel", "evaluate_model", "saveresults", "saveplots"), False)
            with tempfile.TemporaryDirectory() as folder:
                norm = NormativeModel(model, save_dir=folder, **quiet)
                norm.fit(halves[0])
                norm.compute_zscores(halves[1])
            return {"z": halves[1]["Z"].sel(response_vars=regions).to_numpy()}

        return work

    return prepare


def accuracy(arrays: Arrays, found: Arrays) -> dict[str, float]:
    """Errors of the judged people's z, medians over regions."""
    from scipy.stats import kstest

    z = found["z"]
    scores = {
        "|sd - 1|": np.median(np.abs(z.std(axis=0, ddof=1) - 1)),
        "|beyond - 5 %|": np.median(np.abs((np.abs(z) > 1.96).mean(axis=0) - 0.05)),
        "distance from normal": np.median([kstest(column, "norm").statistic for column in z.T]),
    }
    if "z" in arrays:
        scores["error of z"] = np.median(np.sqrt(((z - arrays["z"][~arrays["train"]]) ** 2).mean(axis=0)))
    return {name: float(value) for name, value in scores.items()}


SIDES = {"xsg": Side("", ours)} | {f"pcntoolkit {setting}": Side("pcntoolkit", theirs(setting)) for setting in SETTINGS}
