"""``xsg evaluate``: a map, a cohort or a folder in, a report out."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
import tempfile
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xsg.check import some
from xsg.data.atlases import ATLASES
from xsg.evaluation.nulls import MAP_NULLS
from xsg.evaluation.splits import SPLITS
from xsg.report.frozen import told_seal, tried
from xsg.report.rule import judge
from xsg.report.words import overall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xsg.data.cortex import Cortex
    from xsg.report import Report

MODELS = {  # as asked for in the shell -> a preset of CrossScaleVAE, or a baseline
    "paper": "paper",
    "xsg": "xsg",
    "ridge": "ridge",
    "pls": "PLS",
    "pc1": "expression PC1",
    "position": "position (kriging)",
    "position+genes": "position + genes",
}
EXAMPLES = """\
examples:
  xsg evaluate t_map.nii.gz --positive gain --atlas schaefer400      an image in MNI space; larger = more tissue
  xsg evaluate lh.map.func.gii rh.map.func.gii --positive loss       a pair of surface files
  xsg evaluate d_values.csv --column d --positive gain               a spreadsheet: a region and a value a row
  xsg evaluate lh.tsv rh.tsv --people participants.tsv --slope age   a cohort: thinning with age
  xsg evaluate SUBJECTS_DIR --people participants.tsv --contrast group AD CN
  xsg evaluate my-study/                                             a folder made by 'xsg new'
  xsg evaluate --sealed study.sealed.json                            what 'xsg seal' froze, and nothing else

The report lies in --out: report.html to read and to send, and its numbers as .csv and .json. If a run is cut short
(Ctrl-C, a shutdown), give the same command again and it goes on from there.
Exit codes: 0 done, 1 the data or a choice cannot be used (said on stderr), 2 a wrong command line, 130 interrupted."""


_OF_MAP = ("positive", "unit", "space", "column", "mask")
QUESTIONS = ("slope", "contrast", "covariates", "quality", "keep", "site")
_OF_COHORT = ("people", *QUESTIONS)


def add_arguments(parser: argparse.ArgumentParser, sealing: bool = False) -> None:
    """Declare the options of ``xsg evaluate``; with ``sealing``, those of a trial to be sealed, so none of a seal."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("source", nargs="*", metavar="MAP|FOLDER", help="one file, a left and a right one, or a folder")
    for side in ("left", "right"):
        parser.add_argument(
            f"--{side}", metavar="FILE", help=f"the {side} hemisphere's file, whatever it says of itself"
        )
    what = parser.add_argument_group("what the map is")
    what.add_argument(
        "--atlas", help=f"one of {', '.join(ATLASES)}; +subcortex adds 14 regions below the cortex (default: desikan)"
    )
    what.add_argument("--positive", choices=("loss", "gain"), help="what larger values mean: more loss, or more tissue")
    what.add_argument("--unit", help="unit of the values, where the file does not say it")
    what.add_argument("--space", help="MNI, or the mesh (fsaverage5, …), where a file does not say so")
    what.add_argument("--column", help="which of several: a table's column, an image's volume")
    what.add_argument("--mask", help="image, above zero in the voxels that were analysed")
    what.add_argument("--name", help="what to call the map in the report")
    cohort = parser.add_argument_group("a cohort instead of a map")
    cohort.add_argument("--people", metavar="TABLE", help="participants.tsv: one row a person")
    add_questions(cohort)
    trial = parser.add_argument_group("the trial")
    trial.add_argument(
        "--model",
        choices=MODELS,
        default="paper",
        help="a preset of the graph VAE (default: paper), or a simpler method",
    )
    trial.add_argument(
        "--genes",
        choices=("landmark", "all"),
        help="default: landmark for desikan; for other atlases all on which donors agree",
    )
    trial.add_argument(
        "--split",
        nargs="+",
        metavar="SPLIT",
        help=f"which regions are held out together, one or more of {', '.join(SPLITS)} (default: homologous, or "
        "mirrored-blocks where homologues are not known; then spatial)",
    )
    trial.add_argument(
        "--null",
        help=f"what chance is: {', '.join((*MAP_NULLS, 'noise-genes', 'rewired'))} (default: spin, or moran on fine "
        "atlases and below the cortex)",
    )
    trial.add_argument("--n-nulls", type=int, help="exactly so many (default: up to 1,000, fewer where p is large)")
    trial.add_argument("--seed", type=int, default=0, help="of folds, nulls and model (default: 0)")
    trial.add_argument("--device", default="auto", help="auto (the default), cpu, cuda or mps")
    trial.add_argument("--out", type=Path, default=Path("report"), metavar="FOLDER", help="default: ./report")
    trial.add_argument("--json", action="store_true", help="print the results as JSON on stdout, and nothing else")
    if not sealing:
        seal = parser.add_argument_group("a trial that was frozen by 'xsg seal'")
        seal.add_argument("--sealed", type=Path, metavar="FILE", help="run what the seal says, and refuse what differs")
        seal.add_argument(
            "--other-code", action="store_true", help="run it with another xsg than sealed it; the report says so"
        )


def add_questions(cohort: argparse._ArgumentGroup) -> None:
    """Declare what can be asked of a cohort."""
    asked = cohort.add_mutually_exclusive_group()
    asked.add_argument("--slope", metavar="COLUMN", help="map how tissue is lost as this column rises, such as age")
    asked.add_argument(
        "--contrast", nargs=3, metavar=("COLUMN", "A", "B"), help="map the loss in group A, compared with group B"
    )
    cohort.add_argument("--covariates", nargs="*", metavar="COLUMN", help="columns of the people to adjust for")
    cohort.add_argument("--quality", metavar="TABLE", help="another table of the people, such as Euler numbers")
    cohort.add_argument("--keep", metavar="RULE", help="which people stay: 'lh_euler > -217 and rh_euler > -217'")
    cohort.add_argument(
        "--site",
        choices=("covariate", "harmonize", "none"),
        help="adjust for site (default: covariate; harmonize: ComBat)",
    )


def cohort_options(options: argparse.Namespace) -> dict[str, object]:
    """Return what `xsg.read_cohort` is told."""
    given = {key: getattr(options, key) for key in ("quality", "keep", "site", "atlas")}
    given = {key: value for key, value in given.items() if value is not None}
    return given | ({"site": None} if given.get("site") == "none" else {})


def run(options: argparse.Namespace, command: Sequence[str], sealed: dict[str, object] | None = None) -> int:
    """Put what was asked for on trial; return the exit code.

    Parameters
    ----------
    options
        As `add_arguments` declares them.
    command
        The words of the command line, kept in the report.
    sealed
        What a report tells of the seal that froze the trial, if one did (`xsg.study.freeze.opened`).
    """
    started = time.monotonic()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            subject = read_subject(options)
            said = (str(each.message) for each in caught if issubclass(each.category, UserWarning))
            told = list(dict.fromkeys(said))
        for line in told:
            print(f"note: {in_shell(line)}", file=sys.stderr)
        reports = trials(options, subject)
        reports = [
            replace(
                each,
                notes=[*each.notes, *(line for line in told if not _there(line, each.notes))],
                settings={**each.settings, "command": shlex.join(["xsg", *command])},
            )
            for each in reports
        ]
        if sealed:
            found = judge(sealed["rule"], reports)
            before = tried(options.out, reports[0], sealed)
            told = sealed | {"met": found.met, "told": found.told, "tried": before}
            reports = [replace(each, record={**each.record, "sealed": told}) for each in reports]
        written = save(reports, options.out)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps([json.loads(path.read_text(encoding="utf-8")) for path in written if path.suffix == ".json"]))
    else:
        for each in reports:
            print(each.sentence, end="\n\n")
        if len(reports) > 1:
            print("Over all splits: {}. {}".format(*overall(reports[0], reports[1:])), end="\n\n")
        for line in told_seal(reports[0]):
            print(line)
        print(f"{written[0]} ({time.monotonic() - started:.0f} s; its numbers beside it)")
    return 0


def find_source(options: argparse.Namespace) -> tuple[str, object]:
    """Return what is to be read, "map", "cohort" or "study", and the files or the folder of it; nothing is read.

    Raises
    ------
    ValueError
        If a file is not there, or options do not belong together.
    """
    sides = {side: Path(getattr(options, side)) for side in ("left", "right") if getattr(options, side)}
    sources = [Path(each) for each in options.source]
    if bool(sources) == bool(sides):
        raise ValueError("give the file of a map, a left and a right one, or a folder; or --left and --right.")
    if absent := [each for each in (*sources, *sides.values()) if not each.exists()]:
        raise ValueError(f"{absent[0]} is not there. Give a file of a map or of a cohort, or a folder.")
    wants = options.slope or options.contrast
    (folder, *more) = sources or sides.values()
    if sources and folder.is_dir():
        if more:
            raise ValueError(f"{folder} is a folder, and {more[0]} was given too; expected one folder, or files only.")
        if any((folder / name).exists() for name in ("regions.csv", "study.toml")):
            refuse_idle(options, "a study, whose own files say it", (*_OF_MAP, *_OF_COHORT, "atlas", "genes", "name"))
            return "study", folder
        sources, options.people = _tables_of(folder, options.people)
        if not wants:
            raise ValueError(
                f"{folder} holds a cohort; say what is asked of it: --slope age, or --contrast group AD CN."
            )
    if wants:
        refuse_idle(options, "a cohort", _OF_MAP)
        if not options.people:
            raise ValueError("a cohort needs --people participants.tsv, a row for each person.")
        return "cohort", _pair(sources or [*sides.values()])
    if options.people:
        raise ValueError("--people gives a cohort; say what is asked of it: --slope age, or --contrast group AD CN.")
    refuse_idle(options, "a map (a cohort has --slope or --contrast)", _OF_COHORT)
    return "map", sides or _pair(sources)


def read_subject(options: argparse.Namespace) -> Cortex:
    """Read what is to be judged: a map, or that of a cohort with its people, joined to genes."""
    import xsg

    kind, source = find_source(options)
    if kind == "study":
        return xsg.read_study(source)
    chosen = {key: getattr(options, key) for key in ("genes", "name") if getattr(options, key)}
    if kind == "cohort":
        cohort = xsg.read_cohort(source, people=options.people, **cohort_options(options))
        adjust = {} if options.covariates is None else {"covariates": options.covariates}
        asked = cohort.slope(options.slope, **adjust) if options.slope else cohort.contrast(*options.contrast, **adjust)
        return xsg.load_cortex("ahba", thinning=asked, **chosen)
    given = {key: getattr(options, key) for key in _OF_MAP if getattr(options, key) is not None}
    found = xsg.read_map(source, options.atlas or "desikan", **given)
    return xsg.load_cortex("ahba", thinning=found, **chosen)


def refuse_idle(options: argparse.Namespace, what: str, names: Sequence[str]) -> None:
    """Refuse options that would be passed over."""
    if idle := [name for name in names if getattr(options, name) is not None]:
        raise ValueError(f"--{idle[0]} says nothing of {what}; leave it out.")


def make_model(options: argparse.Namespace) -> object:
    """Return the model that was asked for, unfitted."""
    import xsg
    from xsg.evaluation.baselines import Baseline

    name = MODELS[options.model]
    if options.model in ("paper", "xsg"):
        return xsg.CrossScaleVAE.from_preset(name, device=options.device)
    return Baseline(name)


def trials(options: argparse.Namespace, subject: Cortex) -> list[Report]:
    """Judge the model under each split that was asked for."""
    import xsg

    model = make_model(options)
    keeps = {"checkpoint": options.out / "trained"} if isinstance(model, xsg.CrossScaleVAE) else {}
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=options.out).close()  # before hours of training, not after
    except OSError as error:
        why = f"no report can be written there ({error.strerror})"
        raise ValueError(f"{options.out}: {why}. Name another folder with --out.") from None
    found = []
    for split in dict.fromkeys(options.split or (None, "spatial")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they stand in the report
            found.append(
                xsg.evaluate(
                    model,
                    subject,
                    split=split,
                    null=options.null,
                    n_nulls=options.n_nulls,
                    stop_after=getattr(options, "stop_after", None),
                    n_dealings=getattr(options, "n_dealings", {}).get(split),
                    seed=options.seed,
                    progress=not options.json,
                    **keeps,
                )
            )
    return found


def save(reports: Sequence[Report], folder: Path) -> list[Path]:
    """Write the first report as a page with the others beside it, and the numbers of each."""
    first = reports[0]
    written = [first.save(folder / "report.html", also=reports[1:]), first.save(folder / "report.bib")]
    for each in reports:
        stem = "report" if each is first else f"report_{each.split}"
        others = [other for other in reports if other is not each]
        written += [each.save(folder / f"{stem}{ending}", also=others) for ending in (".csv", ".json", ".png", ".svg")]
    for stale in folder.glob("report_*.*"):  # the splits of an earlier trial, of another map it may be
        if stale not in written and stale.stem.removeprefix("report_") in SPLITS:
            stale.unlink()
    return written


def in_shell(text: str) -> str:
    """Write the arguments that a message names as options of the shell.

    Examples
    --------
    >>> in_shell("say so with space='MNI', or which one with column=0 to column=3.")
    'say so with --space MNI, or which one with --column 0 to --column 3.'
    """
    for python, shell in (("a dict: {'left': …, 'right': …}", "--left … --right …"), ("{'left': file}", "--left file")):
        text = text.replace(python, shell)
    option = re.compile(r"\b(positive|unit|space|column|mask|name|atlas)=(?:'([^']*)'|(\w+))?")
    return option.sub(lambda found: " ".join(filter(None, (f"--{found[1]}", found[2], found[3]))), text)


def _there(line: str, notes: Sequence[str]) -> bool:
    """Tell whether a warning, which begins with the name of a map, stands among the notes on it already."""
    return any(line.partition(": ")[2].casefold() in note.casefold() for note in notes)


def _pair(sources: list[Path]) -> Path | tuple[Path, Path]:
    if len(sources) > 2:
        raise ValueError(f"{len(sources)} files were given; expected one, or a left and a right one.")
    return sources[0] if len(sources) == 1 else (sources[0], sources[1])


def _tables_of(folder: Path, people: str | None) -> tuple[list[Path], str | Path | None]:
    """Find the tables of a cohort in a folder, or the folder of FreeSurfer's subjects that it is."""
    here = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".tsv", ".csv", ".txt"))
    halves = [[path for path in here if re.match(rf"{side}[._-]", path.name)] for side in ("lh", "rh")]
    if any(halves) and [len(half) for half in halves] != [1, 1]:
        raise ValueError(
            f"{folder} holds {some(path.name for half in halves for path in half)}; expected one table for each "
            "hemisphere, lh.….tsv and rh.….tsv. Give the files instead of the folder."
        )
    if people is None:
        people = next((path for path in here if path.stem.casefold() == "participants"), None)
    if all(halves):
        return [half[0] for half in halves], people
    if not next(folder.glob("*/stats/?h.aparc.stats"), None):
        raise ValueError(
            f"{folder} holds neither regions.csv (a study of 'xsg new'), nor lh and rh tables of aparcstats2table, "
            "nor FreeSurfer's subjects (SUBJECT/stats/lh.aparc.stats). Give the file of a map."
        )
    return [folder], people
