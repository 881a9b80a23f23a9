"""Numbers the book claims, and the check that a run still earns them.

Every claimed number lives in ``chapters/claims.toml``. A chapter that computes one calls :func:`claim`, which prints
the same line on every machine as long as the number holds, so that the line itself can be compared between runs.
"""

import math
import os
import tomllib
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

WHO = ("paper", "us")
KINDS = ("in-sample", "held-out", "null", "other")


class ClaimError(AssertionError):
    """A run does not earn the number that the book claims."""


@dataclass(frozen=True)
class Claim:
    """One number of the book, as it stands in ``claims.toml``.

    Attributes
    ----------
    id : str
        Name of the claim, e.g. ``"paper-r2"``.
    value : float
        The number.
    who : {"paper", "us"}
        Who claims it. The paper's numbers are quoted, ours are checked.
    kind : {"in-sample", "held-out", "null", "other"}
        What sort of evidence it is.
    text : str
        What the number is, with its unit.
    chapter : str
        Chapter that earns or quotes it, e.g. ``"06_training"``.
    tolerance : float or None
        How far a run may be from `value` (ours only), in the unit of `value`.
    digits : int or None
        Decimals shown. Left out, as many as the tolerance needs.
    """

    id: str
    value: float
    who: str
    kind: str
    text: str
    chapter: str
    tolerance: float | None = None
    digits: int | None = None

    def __post_init__(self):
        """Refuse a claim that could not be shown or checked."""

        def refuse(what: str) -> None:
            raise ValueError(f"Claim {self.id!r} in claims.toml: {what}.")

        if self.who not in WHO:
            refuse(f"who is {self.who!r}, expected one of {WHO}")
        if self.kind not in KINDS:
            refuse(f"kind is {self.kind!r}, expected one of {KINDS}")
        if not math.isfinite(self.value):
            refuse(f"value is {self.value}, expected a finite number")
        if self.who == "us" and not (self.tolerance is not None and 0 <= self.tolerance < math.inf):
            refuse(f"tolerance is {self.tolerance}, expected a number ≥ 0: how far may a run be from {self.value}?")
        if not self.tolerance and self.digits is None:
            refuse("digits is missing: without a tolerance they say how the number is written")

    @property
    def decimals(self) -> int:
        """Decimals with which the value and its tolerance are written."""
        if self.digits is not None:
            return self.digits
        return max(0, math.ceil(-math.log10(self.tolerance) - 1e-9))

    @property
    def formatted(self) -> str:
        """The number as prose writes it, e.g. ``'0.8604'`` or ``'12,668'``."""
        return f"{self.value:,.{self.decimals}f}"


def claims_path() -> Path:
    """Path of ``claims.toml``: in the checkout's chapters, else the copy inside the installed package."""
    package = Path(__file__).resolve().parent
    checkout = package.parent / "chapters" / "claims.toml"
    return checkout if checkout.is_file() else package / "claims.toml"


def load_claims(path: Path | None = None) -> dict[str, Claim]:
    """Read all claims.

    Parameters
    ----------
    path : Path, optional
        A ``claims.toml``; the book's own if left out.

    Returns
    -------
    dict of str to Claim
        By id, in the order of the file.

    Raises
    ------
    ValueError
        If the file is not TOML or an entry has a missing, unknown or impossible field.

    Examples
    --------
    >>> load_claims()["paper-r2"].formatted
    '0.8604'
    """
    path = path or claims_path()
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML: {error}") from None
    known = {field.name for field in fields(Claim)} - {"id"}
    required = known - {"tolerance", "digits"}
    claims = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise ValueError(f"{path.name}: {name!r} stands outside any [id] table; each claim is a table of its own.")
        if wrong := sorted(entry.keys() - known) or sorted(required - entry.keys()):
            raise ValueError(
                f"Claim {name!r} in {path.name}: missing or unknown field {', '.join(wrong)}; "
                f"a claim has {', '.join(sorted(required))} and, where needed, tolerance and digits."
            )
        claims[name] = Claim(id=name, **entry)
    return claims


def claim(id: str, value: float) -> None:
    """Check a computed number against the book's claim and print one line.

    While the number holds, the line shows the claimed value and its tolerance, not the computed digits, so it is the
    same on every machine. When it does not hold, a book build or test run (``XSG_STRICT=1``) stops; a reader, who may
    have changed a parameter on purpose, is told the difference.

    Parameters
    ----------
    id : str
        Claim in ``chapters/claims.toml``.
    value : float
        What this run found, in the unit of the claim. NaN never holds.

    Raises
    ------
    ClaimError
        If ``XSG_STRICT=1`` and `value` is further from the claim than its tolerance.
    ValueError
        If there is no such claim, or it is the paper's (those are quoted, not re-run).
    """
    claims = load_claims()
    if id not in claims:
        near = get_close_matches(id, claims, n=3) or sorted(claims)
        raise ValueError(f"No claim {id!r} in claims.toml. Near: {', '.join(near)}. Add it there or correct the id.")
    ours = claims[id]
    if ours.who == "paper":
        raise ValueError(f'Claim {id!r} is the paper\'s: quote it, and check a claim of ours (who = "us") beside it.')
    value = float(value)
    band = f"{ours.formatted} ± {ours.tolerance:g}"
    # The last term forgives only the rounding of the subtraction itself: 0.55 is within 0.5 ± 0.05.
    if abs(value - ours.value) <= ours.tolerance + 1e-12 * max(1.0, abs(ours.value)):
        print(f"✓ {id} ({ours.kind}): {band} holds")
        return
    shown = f"{value:,.{ours.decimals + 2}f}"
    if os.environ.get("XSG_STRICT") == "1":
        raise ClaimError(
            f"Claim {id!r} ({ours.kind}; {ours.text}): this run gives {shown}, claimed is {band}. "
            f"Find out what changed the result; if the new number is right, correct chapters/claims.toml."
        )
    gap = f"{abs(value - ours.value):,.{ours.decimals + 2}f}"
    side = "" if math.isnan(value) else f", {gap} {'above' if value > ours.value else 'below'}"
    print(f"✗ {id} ({ours.kind}): the book says {band}; this run gives {shown}{side}.")
    print("  To be expected after a change of parameters or data; otherwise the result has changed.")
