"""What the last build knew of each chapter: _build/chapters.json, and the executed notebooks that it answers for.

A notebook or a line that does not match its digest (altered, half, of another layout) counts as absent.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import notebooks


@dataclass
class Outcome:
    """One chapter's line in _build/chapters.json."""

    chapter: str
    status: str  # executed | kept | failed
    data: str  # simulated | mirror | network/cache | kept
    seconds: float | None = None
    peak_memory_mb: int | None = None
    date: str = ""
    key: str = ""
    digest: str = ""  # of this line and of the notebook


def notebook_path(root: Path, stem: str) -> Path:
    """Return the place of an executed notebook."""
    return root / f"_build/executed/{stem}.ipynb"


def sealed(root: Path, outcome: Outcome) -> Outcome:
    """Give an outcome the digest of what it says and of the notebook as it is."""
    path = notebook_path(root, outcome.chapter)
    line = json.dumps(asdict(replace(outcome, digest="")), sort_keys=True)
    content = path.read_bytes() if path.is_file() else b""
    return replace(outcome, digest=hashlib.sha256(line.encode() + b"\0" + content).hexdigest())


def read(root: Path) -> dict[str, Outcome]:
    """Return the outcomes that match their digests, by chapter."""
    try:
        lines = json.loads((root / "_build/chapters.json").read_bytes())
    except (OSError, ValueError):
        return {}
    known = {}
    for line in lines if isinstance(lines, list) else []:
        try:
            outcome = Outcome(**line)
            if sealed(root, outcome) == outcome:
                known[outcome.chapter] = outcome
        except (TypeError, ValueError, OSError):
            continue
    return known


def write(root: Path, known: dict[str, Outcome]) -> None:
    """Write the outcomes in the order of the book."""
    lines = [asdict(known[stem]) for stem in notebooks.chapters(root) if stem in known]
    notebooks.write_text(root / "_build/chapters.json", json.dumps(lines, indent=1) + "\n")
