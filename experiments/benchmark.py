"""Make benchmark.csv: what methods predict of maps that they were not shown, on the tasks of `xsg.bench`.

experiments/benchmark.py --seal    freezes the rule, before a real map is scored
experiments/benchmark.py           twenty minutes on one core; goes on where it was cut short (make bench-table)

A row for each method, map, split and dealing, with the columns of `xsg.bench.run.score`. Networks take most of the
time; so they have fewer dealings, and the two presets of the graph VAE are not run on the 200 regions of Schaefer.
"""

import argparse

import pandas as pd

import kept
from xsg.bench.methods import JOINT, methods
from xsg.bench.run import score
from xsg.bench.tasks import SETS, tasks

QUESTION = (
    "On real maps of the cortex, what does each method predict of regions that it was not shown, does it go beyond "
    "position alone, and does any go beyond the best that is simple?"
)
RULE = (
    "On the 68 regions, over the maps of 'enigma' and 'atrophy' together: a method goes beyond position, or beyond "
    "the joint baseline, if the 95 % interval of the median over maps of its gain in held-out R² (median over "
    "dealings; maps drawn with replacement) lies above 0 by pairs and by patches alike. All else is told beside it: "
    "the same on 200 regions, calibration, false alarms, the simulated tasks. The joint baseline was chosen on "
    "simulated cortices alone, by experiments/joint_baseline.py; maps of disorders resemble each other, so that the "
    "intervals are too narrow rather than too wide, and a yes that is close is none."
)
KNOWN = (
    "The eight maps of 'atrophy' and Parkinson's disease were scored before (experiments/replication.csv): ridge, PLS, "
    "the first component, position, position and genes and both presets of the graph VAE on 68 regions, by other "
    "dealings; ridge went beyond position on none of them. Chapter 13 has ridge on the maps of 'enigma'. New are "
    "gradient boosting, the plain GCN and the joint baseline, all maps on one footing, and 200 regions."
)
GRAPH_VAES = ("graph VAE, paper", "graph VAE, xsg")
COARSE = [name for name in SETS["full"] if not name.endswith("schaefer200")]
SETTINGS = {
    "tasks": list(SETS["full"]),
    "methods": list(methods()),
    "dealings": 3,
    "dealings of networks": {"GCN": 2, "gradient boosting": 2} | dict.fromkeys(GRAPH_VAES, 2),
    "only on 68 regions": list(GRAPH_VAES),
    "in the rule": ["enigma", "atrophy"],
    "joint": JOINT,
    "seed": 0,
}
STUDIES = ("scz", "22q", "gge", "allotherepi", "tlemtsl", "tlemtsr", "mddadult", "mddadolescent", "ocdadults")
DATA = [
    *(f"human/disease/enigma/{study}_case-controls_CortThick.csv" for study in (*STUDIES, "ocdpediatric")),
    *(f"human/disease/enigma/bd_case-controls_CortThick_{age}.csv" for age in ("adult", "adolescent")),
    "human/disease/pd_ct.txt",
    *(f"human/atrophy/{name}.nii.gz" for name in ("EOAD", "LOAD", "PS1", "DLB", "3Rtau", "4Rtau", "TDP43A", "TDP43C")),
    "human/expression/desikan_r0.2.csv.bz2",
    "human/expression/schaefer200_r0.4.csv.bz2",
    "human/genes/GSE92742_Broad_LINCS_gene_info.csv",
    "human/atlas/schaefer_200_fsa5.csv",
]
SEALED = {"question": QUESTION, "rule": RULE, "known": KNOWN, "settings": SETTINGS, "data": DATA}


def plan() -> list[tuple[str, str]]:
    """Return (task, method) of each job: the quick ones first."""
    slow = SETTINGS["dealings of networks"]
    given = [(task, name) for name in SETTINGS["methods"] for task in SETTINGS["tasks"]]
    given = [(task, name) for task, name in given if task in COARSE or name not in SETTINGS["only on 68 regions"]]
    return sorted(given, key=lambda job: [name in slow and list(slow).index(name) + 1 for name in job[1:]])


def found(task: str, method: str) -> pd.DataFrame:
    """Score a method on a set of maps, by pairs and by patches."""
    dealings = SETTINGS["dealings of networks"].get(method, SETTINGS["dealings"])
    rows = score(methods()[method], tasks(task), dealings, SETTINGS["seed"], name=method)
    return rows.round({"r2": 4, "gain": 4, "slope": 3, "truth": 4, "seconds": 3})


def main() -> None:
    """Freeze, or run what was frozen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seal", action="store_true")
    if parser.parse_args().seal:
        made = kept.seal(__file__, **SEALED)
        print(made.date, made.digest)
        return
    kept.sealed(__file__, **SEALED)
    kept.store(__file__, kept.rows(__file__, plan(), found))


if __name__ == "__main__":
    main()
