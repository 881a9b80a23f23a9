"""What is my map worth, and which method reads it? Held out, against rotated maps: writes report/ beside this file."""

from pathlib import Path

import pandas as pd

import xsg
from xsg.files import whole
from xsg.plotting import brain, use_style

N_NULLS = 99  # 1000 for a p-value to report; 19 for a first look
SPLITS = ("homologous", "spatial")  # two ways to hold regions out; the second is the harder

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    out = here / "report"
    out.mkdir(exist_ok=True)
    use_style()
    cortex = xsg.read_study(here)
    print(cortex)

    unit = cortex.thinning.attrs["unit"]
    with whole(out / "map.png") as part:  # never half a file
        brain(cortex.thinning, f"thinning ({unit})", cortex.parcellation).savefig(part)
    told = [repr(cortex)]
    for split in SPLITS:
        # The model stands beside six simpler methods on the same folds. The folder keeps what was trained, so that a
        # run cut off goes on where it was.
        report = xsg.evaluate(xsg.CrossScaleVAE(), cortex, split=split, n_nulls=N_NULLS, checkpoint=out / "trained")
        report.save(out / f"report_{split}.csv")
        report.save(out / f"report_{split}.png")
        told.append(repr(report))
        print(report)
        if report.people:  # of a cohort: what single people show of it
            told.append(repr(report.people))
            print(report.people)
            with whole(out / f"people_{split}.png") as part:
                report.people.plot().savefig(part)

        # Held-out predictions of every method, and the map of the one that did best, to be looked at.
        report.predictions.to_csv(out / f"predictions_{split}.csv")
        method = report.recommended
        told.append(f"Split {split!r}: " + (f"use {method}" if method else "no method predicts better than the mean"))
        print(told[-1])
        if method:
            held_out = report.predictions["held out" if method == report.label else method]
            maps = pd.DataFrame({"observed": cortex.thinning, f"held out, {method}": held_out})
            with whole(out / f"map_{split}.png") as part:
                brain(maps, f"thinning ({unit})", cortex.parcellation).savefig(part)
    with whole(out / "report.txt") as part:
        part.write_text("\n\n".join(told) + "\n", encoding="utf-8")
    print(f"Written to {out}")
