"""Freezing before looking: question, rule, settings, data and code of an analysis, in a dated file with its digest.

A seal shows that nothing was changed since. That nothing had been tried before, it cannot show: its date is that of the
clock of the machine that wrote it, and is worth as much as the witness it was given to (a co-author, a public
repository, a registry of studies).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import xsg
from xsg.files import plain, read_text, versions, whole

FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KINDS = {"question": str, "rule": str, "known": str, "settings": dict, "data": dict, "code": dict, "date": str}
_AHEAD = timedelta(minutes=10)  # by which clocks may differ


@dataclass(frozen=True)
class Seal:
    """What was frozen, and when.

    Attributes
    ----------
    question : str
        What is asked.
    rule : str
        What would count as a yes, in words and numbers.
    known : str
        What was known of these data before; empty: nothing was said.
    settings : dict
        All that decides the result, as plain values.
    data : dict
        The sha256 of each file that is read, by name: one of `xsg.data.fetch.registry`, or, beginning with a dot, a
        path from the folder of the seal.
    code : dict
        ``version`` of xsg, ``sources`` (the digest of its files, `sources`), and the versions of Python and of the
        ``packages`` that it computes with.
    date : str
        When it was written, in UTC: ``"2026-11-29T14:58:03Z"``.
    digest : str
        The sha256 of all the others.
    """

    question: str
    rule: str
    known: str
    settings: dict
    data: dict[str, str]
    code: dict
    date: str
    digest: str


def write_seal(
    path: str | Path, *, question: str, rule: str, settings: dict, data: dict[str, str], known: str = ""
) -> Seal:
    """Write a seal: a file of text (JSON) that can be read, sent and kept.

    Parameters
    ----------
    path
        Where to; there must be no such file yet.
    question, rule, known, settings, data
        As in `Seal`. Date, code and digest are added.

    Returns
    -------
    Seal

    Raises
    ------
    ValueError
        If the file is there already or cannot be written, if question or rule are empty, if a setting is no plain
        value, or a digest none.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     given = {"settings": {"split": "homologous"}, "data": {}}
    ...     made = write_seal(Path(folder) / "one.sealed.json", question="Do genes help?", rule="p ≤ 0.05", **given)
    ...     read_seal(Path(folder) / "one.sealed.json") == made
    True
    """
    path = Path(path)
    for name, text in (("question", question), ("rule", rule)):
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"{name} is {text!r}; expected words. Say what is asked, and what would count as a yes.")
    found = {
        "question": question,
        "rule": rule,
        "known": known,
        "settings": settings,
        "data": data,
        "code": {"version": xsg.__version__, "sources": sources(), "packages": versions()},
        "date": f"{datetime.now(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z",
    }
    found = as_kept(found)
    _check(found, path)
    if path.exists():
        raise ValueError(
            f"{path} is there already. A seal is not written over: choose another name, and keep the first; a second "
            "try counts as a second try."
        )
    made = Seal(**found, digest=_digest(found))
    text = json.dumps({"format": FORMAT, **asdict(made)}, indent=1, sort_keys=True, ensure_ascii=False)
    try:
        with whole(path) as part:
            part.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"seal: cannot write {path} ({error.strerror or error}). Name a file in a folder that is yours."
        ) from None
    return made


def read_seal(path: str | Path) -> Seal:
    """Read a seal, and refuse one that was changed.

    Parameters
    ----------
    path
        The file that `write_seal` wrote.

    Returns
    -------
    Seal

    Raises
    ------
    ValueError
        If it is not there or no seal, of another format, lacks something, holds something else than its digest says,
        or bears a date that is still to come.
    """
    path = Path(path)
    text = read_text(path, "a seal")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except _Twice as error:
        raise ValueError(f"{path}: {error}. It was changed; get the file as it was written.") from None
    except (ValueError, RecursionError) as error:  # a number of too many digits is no JSONDecodeError
        raise ValueError(f"{path} is no seal, or only part of one ({error}). Get the file as it was written.") from None
    names = [each.name for each in fields(Seal)]
    if not isinstance(found, dict) or not {"format", "digest"} & set(found):
        raise ValueError(f"{path} is no seal; expected a file of 'xsg seal' or xsg.study.seal.write_seal.")
    if found.get("format") != FORMAT:
        raise ValueError(
            f"{path}: format is {found.get('format')!r}; this xsg ({xsg.__version__}) reads format {FORMAT}. Use the "
            "version of xsg that wrote it."
        )
    found.pop("format")
    if lacking := [name for name in names if name not in found]:
        raise ValueError(f"{path} lacks {', '.join(lacking)}. It was changed; get the file as it was written.")
    if more := [name for name in found if name not in names]:
        raise ValueError(f"{path} holds {', '.join(more)}, too. It was changed; get the file as it was written.")
    digest = found.pop("digest")
    if (is_now := _digest(found)) != digest:
        raise ValueError(
            f"{path} was changed since it was sealed: its content has the digest {is_now}, the seal says {digest}. Get "
            "the file as it was written; or write a new seal, under another name."
        )
    _check(found, path)
    date = _date(found["date"], path)
    if date > datetime.now(UTC) + _AHEAD:
        raise ValueError(
            f"{path}: date is {found['date']}, and now it is {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}. Was one of the "
            "two clocks wrong? Set this machine's right; or write a new seal, under another name."
        )
    return Seal(**found, digest=digest)


def sources() -> str:
    """Return the digest of the package's files: its code, and the tables that lie with it; the same once installed.

    The registry of data is left out: a seal has the digests of the files it is about. Line ends do not count.
    """
    return _sources(Path(xsg.__file__).parent)


def _sources(folder: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") or part == "__pycache__" for part in name.split("/"))
        if hidden or path.suffix not in (".py", ".csv") or name == "data/registry.csv":
            continue
        content = path.read_bytes().replace(b"\r\n", b"\n")
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def as_kept(value: object) -> object:
    """Return plain values as a file gives them back: tuples as lists, names as text.

    Raises
    ------
    ValueError
        If something is no plain value, or no finite number.
    """
    try:
        text = json.dumps(value, default=plain, allow_nan=False, ensure_ascii=False)
        text.encode()
        return json.loads(text)
    except UnicodeEncodeError as error:
        near = error.object[max(0, error.start - 20) : error.end + 20]
        raise ValueError(
            f"{near!r} holds a byte that is no UTF-8; a seal holds text. Write it in other letters, or rename the file."
        ) from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{error}; a seal holds text, finite numbers, lists and dicts.") from None


def differences(sealed: dict, now: dict, what: str = "") -> Iterator[str]:
    """Give what differs between two dicts of plain values, one line each, with both values."""
    for name in sorted(set(sealed) | set(now)):
        told = f"{what} {name!r}".strip()
        if name not in now:
            yield f"{told} was sealed as {_short(sealed[name])}, and now there is none"
        elif name not in sealed:
            yield f"{told} is {_short(now[name])}, and was not sealed"
        elif isinstance(sealed[name], dict) and isinstance(now[name], dict):
            yield from differences(sealed[name], now[name], told)
        elif sealed[name] != now[name] or isinstance(sealed[name], bool) != isinstance(now[name], bool):
            yield f"{told} was sealed as {_short(sealed[name])}, and now is {_short(now[name])}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) and _DIGEST.fullmatch(value) else repr(value)
    return text if len(text) <= 400 else f"{text[:400]} …"


def _digest(found: dict) -> str:
    text = json.dumps(found, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _check(found: dict, path: Path) -> None:
    """Refuse fields of another kind, and digests that are none."""
    for name, kind in _KINDS.items():
        if not isinstance(found[name], kind):
            wanted = {str: "text", dict: "names with values"}[kind]
            raise ValueError(f"{path}: {name} is {_short(found[name])}; expected {wanted}.")
    for name, each in found["data"].items():
        if not isinstance(each, str) or not _DIGEST.fullmatch(each):
            raise ValueError(f"{path}: data {name!r} has {each!r}; expected a sha256, 64 digits 0-9a-f.")
    _date(found["date"], path)


def _date(text: str, path: Path) -> datetime:
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found
    except ValueError:
        pass
    raise ValueError(f"{path}: date is {text!r}; expected one such as 2026-11-29T14:58:03Z.")


class _Twice(ValueError):
    """A name stands twice, or a number is none."""


def _once(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return found


def _no_number(text: str) -> float:
    raise _Twice(f"{text} is no number")
