"""``xsg seal`` and ``xsg evaluate --sealed``: a trial settled before its data are looked at, and then run as settled.

Sealing takes the digests of files and nothing else of the map; where regions lie is read, for splits and nulls are
chosen by it. All options are written down as they will be used, none left to a default.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shlex
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from xsg.check import choice, number, some
from xsg.data.atlases import atlas_name, load_atlas
from xsg.evaluation.dealings import chosen, deal, fitting_null
from xsg.evaluation.sequential import how_many
from xsg.files import digest, versions
from xsg.report.rule import QUANTITIES, clauses, is_nearly, out_of_reach
from xsg.report.words import QUESTION
from xsg.study import evaluate as trial
from xsg.study.read import study_atlas, study_files
from xsg.study.seal import Seal, as_kept, differences, read_seal, sources, write_seal

if TYPE_CHECKING:
    from collections.abc import Sequence

EXAMPLES = """\
examples:
  xsg seal d_values.csv --positive gain --rule "gain > 0 and gain p <= 0.05"
  xsg seal lh.tsv rh.tsv --people participants.tsv --slope age --rule "R2 > position" --file age.sealed.json
  xsg seal my-study/ --question "Do genes help?" --rule "Yes, if ridge is better than position by at least 0.05."
  xsg evaluate --sealed age.sealed.json

Nothing is run, and of your files only digests are taken. Then give the seal to a witness: send it to a co-author,
commit it, or register it (osf.io, say). Numbers that a rule can compare, joined by "and":
"""
_FREE = {"out", "device", "json", "sealed", "other_code"}  # what may be said beside a seal: it changes no result
_FILES = ("left", "right", "mask", "people", "quality")
_SAID = ("positive", "unit", "space", "column", "name", "slope", "contrast", "covariates", "keep", "site", "model")
_SETTLED = ("atlas", "genes", "split", "null", "n_nulls", "stop_after", "n_dealings", "seed", "params")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``xsg seal``: those of ``xsg evaluate``, and what is asked."""
    trial.add_arguments(parser, sealing=True)
    width = max(map(len, QUANTITIES))
    parser.epilog = EXAMPLES + "\n".join(f"  {name:{width}}  {what}" for name, what in QUANTITIES.items())
    frozen = parser.add_argument_group("what is frozen beside the trial")
    frozen.add_argument("--rule", required=True, metavar="TEXT", help="what counts as a yes, in words or numbers")
    frozen.add_argument("--question", default=QUESTION, metavar="TEXT", help=f"default: {QUESTION}")
    frozen.add_argument("--known", default="", metavar="TEXT", help="what is known of these data already")
    frozen.add_argument(
        "--file", type=Path, default=Path("study.sealed.json"), help="the seal (default: ./study.sealed.json)"
    )


def seal(options: argparse.Namespace) -> int:
    """Write the seal of a trial, and say what to do with it; return the exit code."""
    path = options.file
    try:
        if path.exists():
            raise ValueError(
                f"{path} is there already. A seal is not written over: name another with --file, and keep the first."
            )
        settings = settled(options, path.parent)
        if never := out_of_reach(options.rule, settings["null"], settings["n_nulls"]):
            raise ValueError(f"--rule: {never}. Change --null or --n-nulls, or the rule.")
        data = digests(options, path.parent)
        said = {"question": options.question, "rule": options.rule, "known": options.known}
        made = write_seal(path, **said, settings=settings, data=data)
    except KeyboardInterrupt:
        print("interrupted; nothing was sealed", file=sys.stderr)
        return 130
    if options.json:
        print(path.read_text(encoding="utf-8"), end="")
    else:
        print("\n".join(_told(made, path, options)))
    return 0


def settled(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Return all that decides the result of a trial, nothing left to a default; paths as they are from a folder.

    Raises
    ------
    ValueError
        What `xsg.evaluate` would refuse without looking at the map.
    """
    from xsg.data.expression import default_genes
    from xsg.trial import NULLS

    kind, source = trial.find_source(options)
    if kind == "study":
        atlas, place = None, study_atlas(source)
    else:
        atlas = place = atlas_name(options.atlas or "desikan")
    parcellation = load_atlas(place) if isinstance(place, str) else place
    like = SimpleNamespace(regions=parcellation.regions, parcellation=parcellation)
    splits = list(dict.fromkeys(options.split or (chosen(None, like), "spatial")))
    seed = number(options.seed, "seed", 0, 2**32 - 1, whole=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they stand in the report
        n_dealings = {each: len(deal(each, like, None, seed)) for each in splits}
    null = fitting_null(options.null, like)
    choice(null, NULLS, "null")
    n_nulls, stop_after = how_many(options.n_nulls)
    genes = None if kind == "study" else options.genes or default_genes(atlas)
    found = {name: getattr(options, name) for name in _SAID}
    found |= {name: _from(folder, getattr(options, name)) for name in _FILES}
    if kind == "cohort" and found["site"] is None:
        found["site"] = "covariate"
    found |= {
        "source": [_from(folder, each) for each in options.source],
        "atlas": atlas,
        "genes": genes,
        "split": splits,
        "null": null,
        "n_nulls": n_nulls,
        "stop_after": stop_after,
        "n_dealings": n_dealings,
        "seed": seed,
        "params": _params(options),
    }
    return as_kept(found)


def digests(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    """Return the sha256 of every file that a trial reads: those of the user by their paths from a folder."""
    from xsg.data.expression import registered_files
    from xsg.data.fetch import registry

    kind, source = trial.find_source(options)
    names = []
    if kind == "study":
        mine = study_files(source)
        if isinstance(place := study_atlas(source), str):
            names = registered_files(None, place)
    else:
        names = registered_files(options.genes, options.atlas or "desikan")
        sides = source.values() if isinstance(source, dict) else source if isinstance(source, tuple) else [source]
        extra = [options.mask, options.people, options.quality]
        mine = [*map(Path, sides), *(Path(each) for each in extra if each)]
    found = {}
    for each in mine:
        if not each.exists():
            raise ValueError(f"{each} is not there. Name the file, by its path from here.")
        if each.is_dir():  # subjects of FreeSurfer: one digest of all, for their folders bear names of people
            found[f"{_from(folder, each)}/*/stats/?h.aparc.stats"] = _of_many(each)
        for part in _parts(each):
            found[_from(folder, part)] = digest(part)
    table = registry()
    return found | {name: str(table.loc[name, "sha256"]) for name in names}


def evaluate(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run the trial of a seal, and nothing else; return the exit code."""
    given = _said_beside(arguments)
    if given - _FREE:
        name = sorted(given - _FREE)[0]
        shown = "MAP|FOLDER" if name == "source" else f"--{name.replace('_', '-')}"
        raise ValueError(f"{shown} is what the seal {options.sealed} says; leave it out, or write another seal.")
    made, told = opened(options.sealed, options)
    return trial.run(options, arguments, told | {"settings": made.settings})


def opened(path: Path, options: argparse.Namespace) -> tuple[Seal, dict[str, object]]:
    """Read a seal, put what it says into the options, and return it with what a report tells of it.

    Raises
    ------
    ValueError
        If the seal, a file of yours or of the registry, or the code is not as sealed; all that differs is named.
    """
    made, folder = read_seal(path), path.parent
    if {*made.settings} != {*_SAID, *_FILES, *_SETTLED, "source"}:
        raise ValueError(f"{path} is the seal of a script, not of 'xsg seal': run the script that wrote it.")
    for name, value in made.settings.items():
        if name in _FILES:
            value = value and _to(folder, value)
        elif name == "source":
            value = [_to(folder, each) for each in value]
        setattr(options, name, value)
    own = [name.partition("/*/")[0] for name in made.data if name.startswith(".")]
    if absent := [name for name in own if not Path(_to(folder, name)).exists()]:
        raise ValueError(
            f"{path}: {some(absent)} is not there (looked for {_to(folder, absent[0])}). Keep the seal beside its "
            "data, or move them together."
        )
    unlike = [*differences(made.data, digests(options, folder), "data")]
    if unlike:
        raise ValueError(
            f"{path}, {made.date}: {'; '.join(unlike)}. Get the files as they were sealed; other data need a seal of "
            "their own."
        )
    other = _other_code(made, options)
    if other and not options.other_code:
        raise ValueError(
            f"{path}, {made.date}: {'; '.join(other)}. Use the xsg that sealed it; or say --other-code: it runs with "
            "this one, and the report says so."
        )
    return made, {
        "file": path.name,
        "date": made.date,
        "digest": made.digest,
        "question": made.question,
        "rule": made.rule,
        "known": made.known,
        "other_code": other,
        "packages": [*differences(made.code["packages"], versions())],
        "ran": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "again": _ran_before(options.out, made.digest),
    }


def _other_code(made: Seal, options: argparse.Namespace) -> list[str]:
    """Say how the code differs from what was sealed."""
    import xsg

    found = []
    if (now := sources()) != made.code.get("sources"):
        found.append(
            f"code was sealed as xsg {made.code.get('version')} with sources {made.code.get('sources')}, and now is "
            f"xsg {xsg.__version__} with {now}"
        )
    now = as_kept(_params(options))
    return [*found, *differences(made.settings["params"], now, f"--model {options.model}:")]


def _params(options: argparse.Namespace) -> dict[str, object]:
    """Return the parameters of a model, but where it is computed."""
    model = trial.make_model(options)
    params = model.get_params() if hasattr(model, "from_preset") else {}
    return {name: value for name, value in params.items() if name != "device"}


def _ran_before(out: Path, seal_digest: str) -> str:
    """Return when the same seal was run into the same folder; empty: it was not."""
    try:
        kept = json.loads((out / "report.json").read_text(encoding="utf-8"))["record"]["sealed"]
        return str(kept["ran"]) if kept["digest"] == seal_digest else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _said_beside(arguments: Sequence[str]) -> set[str]:
    """Return the options that stand on a command line, those at their defaults, too."""
    parser, absent = argparse.ArgumentParser(add_help=False), object()
    trial.add_arguments(parser)
    parser.set_defaults(**{action.dest: absent for action in parser._actions})
    found, _ = parser.parse_known_args(arguments[1:])
    return {name for name, value in vars(found).items() if value is not absent and (name != "source" or value)}


def _from(folder: Path, path: str | Path | None) -> str | None:
    """Write a path as it is from a folder: with a dot in front, and slashes."""
    if not path:
        return None
    try:
        text = Path(os.path.relpath(Path(path).expanduser(), folder)).as_posix()
    except ValueError:
        raise ValueError(
            f"{path} lies on another drive than the seal. Name a --file on the drive of the data."
        ) from None
    return text if text == "." or text.startswith("..") else f"./{text}"


def _to(folder: Path, name: str) -> str:
    return os.path.normpath(folder / name)


def _parts(path: Path) -> list[Path]:
    """Return the files that a file is made of: an image of the old kind has a header of its own."""
    if path.is_dir():
        return []
    other = {".img": ".hdr", ".hdr": ".img"}.get(path.suffix)
    beside = path.with_suffix(other) if other else None
    return [path, beside] if beside and beside.exists() else [path]


def _of_many(folder: Path) -> str:
    lines = (
        f"{path.relative_to(folder).as_posix()} {digest(path)}\n" for path in folder.glob("*/stats/?h.aparc.stats")
    )
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def _told(made: Seal, path: Path, options: argparse.Namespace) -> list[str]:
    """Say what was sealed and what comes next."""
    settings = made.settings
    own = sum(name.startswith(".") for name in made.data)
    nulls = f"{settings['null']}, {settings['n_nulls']:,} of them" if settings["n_nulls"] else "none"
    if settings["stop_after"]:
        nulls = f"{settings['null']}, up to {settings['n_nulls']:,}"
    every = clauses(made.rule)
    if every:
        rule = f"{' and '.join(map(str, every))} (checked by the report, under every split)"
    else:
        rule = f"{made.rule} (words: whether it is met, a reader decides)"
    place = "" if settings["atlas"] else ", and the places of regions read"
    lines = [
        f"{path}: sealed {made.date}",
        f"digest: {made.digest}",
        f"rule: {rule}",
        f"trial: model {settings['model']}; splits {', '.join(settings['split'])}; nulls: {nulls}; seed "
        f"{settings['seed']}",
        f"data: {own} file{'s' * (own != 1)} of yours, {len(made.data) - own} of the registry; code: xsg "
        f"{made.code['version']}",
        "",
        f"Nothing was run, and no value of the map was looked at: digests were taken{place}. Whether the files can",
        "be read was not tried; if they cannot, seal anew under another name: nothing was seen.",
        "Now give the seal, or its digest, to a witness: send it to a co-author, commit it, or register it (osf.io,",
        "say). The date is that of this machine's clock, and worth as much as the witness.",
    ]
    if is_nearly(made.rule):
        lines.append(
            "note: the rule looks as if the report were to check it, and it cannot. Write comparisons such as gain p < "
            f'0.05, with a decimal point, joined by "and", of {", ".join(QUANTITIES)}; under another name.'
        )
    beside = ["--out", str(options.out)] * (options.out != Path("report"))
    beside += ["--device", options.device] * (options.device != "auto")
    return [*lines, f"Then run: {shlex.join(['xsg', 'evaluate', '--sealed', str(path), *beside])}"]
