"""Numbers the book claims, what they support, and the check that a run still earns both.

Every claimed number lives in ``chapters/claims.toml``, with a verdict: the bound that the sentence around it rests on.
A chapter that computes one calls :func:`claim`, which prints the same line on every machine as long as the number
holds, so that the line itself can be compared between runs. No tolerance reaches across its verdict
(`Claim.unsupported`).
"""

import math
import operator
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path

WHO = ("paper", "us")
KINDS = ("in-sample", "held-out", "null", "other")
_BOUND = re.compile(r"(?P<sign>>=|<=|=|>|<) (?P<than>[-\w.]+)")
_SIGNS = {">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "=": operator.eq}
_seen: dict[str, float] = {}  # what this run found, for verdicts on two of its numbers


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
    verdict : str or None
        What the number supports (ours only): ``"> 0.05"``, ``"< other-claim"``, ``">= 0.88 and <= 0.92"``, ``"= 87"``.
    floor : bool
        Whether `value` is the least p-value that its number of draws can give, 1 / (n + 1): written with ≤ before it.
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
    verdict: str | None = None
    floor: bool = False

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
        if not isinstance(self.floor, bool):
            refuse(f"floor is {self.floor!r}, expected true or false")
        for part in [] if self.verdict is None else str(self.verdict).split(" and "):
            if not _BOUND.fullmatch(part):
                refuse(f"verdict has {part!r}, expected a sign and a number or another claim's id, such as '> 0.05'")

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

    @property
    def band(self) -> str:
        """The number with its tolerance, e.g. ``'0.52 ± 0.05'``; a floor as ``'≤ 0.01'``."""
        return f"≤ {self.formatted}" if self.floor else f"{self.formatted} ± {self.tolerance:g}"

    def bounds(self) -> list[tuple[str, str | float]]:
        """Return the verdict as pairs of a sign and a number or another claim's id."""
        found = [_BOUND.fullmatch(part) for part in (self.verdict or "").split(" and ") if part]
        return [(each["sign"], _number(each["than"])) for each in found]

    def unsupported(self, claims: Mapping[str, "Claim"]) -> list[str]:
        """Say in words why the number, with its tolerance and as it is written, does not carry its verdict.

        Parameters
        ----------
        claims : mapping of str to Claim
            All claims of the file, for verdicts against another's number.

        Returns
        -------
        list of str
            Empty where it does, and for the paper's numbers.
        """
        if self.who == "paper":
            return []
        if not self.verdict:
            return ["has no verdict: what does the number support? A number that supports nothing is no claim"]
        problems = []
        for sign, than in self.bounds():
            other = claims.get(than) if isinstance(than, str) else None
            if isinstance(than, str) and (other is None or than == self.id):
                problems.append(f"is judged against {than!r}, which is no other claim")
                continue
            at, reach = (than, 0.0) if other is None else (other.value, other.tolerance or 0.0)
            ends = (self.value - self.tolerance - reach, self.value + self.tolerance + reach)
            beside = self.band + (f" and {other.band if other.who == 'us' else other.formatted}" if other else "")
            if not all(_keeps(end, sign, at) for end in ends):
                problems.append(f"reaches across its verdict '{sign} {than}': {beside}")
            elif not _keeps(float(self.formatted.replace(",", "")), sign.rstrip("=") + "=", at):
                problems.append(f"is written {self.formatted}, against its verdict '{sign} {than}'")
        return problems


def _number(than: str) -> str | float:
    try:
        return float(than)
    except ValueError:
        return than


def _keeps(value: float, sign: str, bound: float) -> bool:
    """Whether the value keeps to a bound, up to the rounding of a sum: 0.6 - 0.1 is >= 0.5."""
    if math.isclose(value, bound, rel_tol=1e-12, abs_tol=1e-12):
        return "=" in sign
    return _SIGNS[sign](value, bound)


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
    required = known - {"tolerance", "digits", "verdict", "floor"}
    claims = {}
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            raise ValueError(f"{path.name}: {name!r} stands outside any [id] table; each claim is a table of its own.")
        if wrong := sorted(entry.keys() - known) or sorted(required - entry.keys()):
            raise ValueError(
                f"Claim {name!r} in {path.name}: missing or unknown field {', '.join(wrong)}; "
                f"a claim has {', '.join(sorted(required))} and, where needed, tolerance, digits, verdict and floor."
            )
        claims[name] = Claim(id=name, **entry)
    return claims


def claim(id: str, value: float) -> None:
    """Check a computed number against the book's claim and print one line.

    While the number and its verdict hold, the line shows the claimed value and its tolerance, not the computed digits,
    so it is the same on every machine. When they do not, a book build or test run (``XSG_STRICT=1``) stops; a reader,
    who may have changed a parameter on purpose, is told the difference, and whether the verdict still stands.

    Parameters
    ----------
    id : str
        Claim in ``chapters/claims.toml``.
    value : float
        What this run found, in the unit of the claim. NaN never holds.

    Raises
    ------
    ClaimError
        If ``XSG_STRICT=1`` and `value` is further from the claim than its tolerance, or against its verdict.
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
    value = _seen[id] = float(value)
    # A verdict on two numbers is on those of this run, where it has both.
    against = {than: _seen.get(than, claims[than].value) for _, than in ours.bounds() if than in claims}
    kept = all(_keeps(value, sign, against.get(than, than)) for sign, than in ours.bounds())
    supports = f": {ours.verdict}" if ours.verdict else ""
    # The last term forgives only the rounding of the subtraction itself: 0.55 is within 0.5 ± 0.05.
    if kept and abs(value - ours.value) <= ours.tolerance + 1e-12 * max(1.0, abs(ours.value)):
        print(f"✓ {id} ({ours.kind}): {ours.band} holds{supports}")
        return
    shown = f"{value:,.{ours.decimals + 2}f}"
    stands = f" Its verdict, {ours.verdict}, {'still stands' if kept else 'falls'}." if ours.verdict else ""
    if os.environ.get("XSG_STRICT") == "1":
        raise ClaimError(
            f"Claim {id!r} ({ours.kind}; {ours.text}): this run gives {shown}, claimed is {ours.band}.{stands} "
            f"Find out what changed the result; if the new number is right, correct chapters/claims.toml."
        )
    gap = f"{abs(value - ours.value):,.{ours.decimals + 2}f}"
    side = "" if math.isnan(value) else f", {gap} {'above' if value > ours.value else 'below'}"
    print(f"✗ {id} ({ours.kind}): the book says {ours.band}; this run gives {shown}{side}.{stands}")
    print("  To be expected after a change of parameters or data; otherwise the result has changed.")
