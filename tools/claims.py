"""Keep the book's numbers and chapters/claims.toml the same.

tools/claims.py --check     every number before <!-- claim:id --> is the claim's, every claim of ours is earned by a
                            chapter cell, every such cell is compared between runs, no tolerance reaches across the
                            verdict, and a p-value that is a floor is written with ≤
tools/claims.py --update    rewrite the numbers in the prose from claims.toml
"""

import argparse
import ast
import re
import sys
from pathlib import Path

import jupytext

import notebooks
from xsg.claims import Claim, load_claims

COMMENT = re.compile(r"<!--\s*claim:\s*(?P<id>[^\s>]*)\s*-->")
# A number, written as prose writes it, straight before its comment; a closing $ or ** may stand between.
NUMBER = re.compile(r"(?P<number>[-−]?\d[\d,]*(?:\.\d+)?)(?P<between>[$*]*)" + COMMENT.pattern)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--check", action="store_true")
    mode.add_argument("--update", action="store_true")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(argv)
    root = options.root.resolve()
    claims = load_claims(root / "chapters/claims.toml")
    if options.update:
        for page in pages(root):
            notebooks.write_text(page, updated(page.read_text(encoding="utf-8"), claims))
    problems = check(root, claims)
    for problem in problems:
        print(problem, file=sys.stderr)
    if not problems:
        ours = sum(claim.who == "us" for claim in claims.values())
        print(f"{len(claims)} claims, all as in claims.toml; {ours} are ours, each with a verdict that its run keeps")
    return 1 if problems else 0


def pages(root: Path) -> list[Path]:
    """Files in which a claim may be quoted."""
    patterns = ("README.md", "book/*.md", "book/quizzes/*.toml", "chapters/*.py")
    found = [page for pattern in patterns for page in root.glob(pattern)]
    return sorted(found)


def updated(text: str, claims: dict[str, Claim]) -> str:
    """Put the claimed number before every claim comment that names a known claim."""

    def rewrite(match: re.Match) -> str:
        if match["id"] not in claims:
            return match[0]
        return claims[match["id"]].formatted + match[0][len(match["number"]) :]

    return NUMBER.sub(rewrite, text)


def check(root: Path, claims: dict[str, Claim]) -> list[str]:
    """All disagreements between prose, chapter cells and claims.toml, in words."""
    problems = []
    quoted = {}
    for page in pages(root):
        text, place = page.read_text(encoding="utf-8"), page.relative_to(root)
        numbers = {match.end(): match for match in NUMBER.finditer(text)}
        for comment in COMMENT.finditer(text):
            name, where = comment["id"], f"{place}:{text.count(chr(10), 0, comment.start()) + 1}"
            number = numbers.get(comment.end())
            if name not in claims:
                problems.append(f"{where}: no claim {name!r} in claims.toml")
            elif number is None:
                problems.append(f"{where}: no number stands before the comment of claim {name!r}")
            elif number["number"].replace("−", "-") != claims[name].formatted:
                problems.append(f"{where}: says {number['number']}, claim {name!r} is {claims[name].formatted}")
            elif claims[name].floor and not re.search(r"(≤|\\leq?) ?[$*]*$", text[: number.start()]):
                problems.append(f"{where}: {name!r} is the least p its draws can give; write '≤ {number['number']}'")
            else:
                quoted.setdefault(name, where)
    earned = {}
    for script in sorted(root.glob("chapters/*.py")):
        for number, cell in enumerate(jupytext.read(script).cells):
            where = f"{script.relative_to(root)} cell {number}"
            for name in claimed(cell):
                earned.setdefault(name, set()).add(script.stem)
                if name not in claims:
                    problems.append(f"{where}: claim({name!r}) is not in claims.toml, or no plain string")
                if "nbval-check-output" not in cell.metadata.get("tags", []):
                    problems.append(f"{where}: calls claim() and lacks the tag nbval-check-output")
    for name, ours in claims.items():
        if name in earned and ours.chapter not in earned[name]:
            problems.append(f"claims.toml: {name} says chapter {ours.chapter}, it is checked in {sorted(earned[name])}")
        if ours.who == "us" and name not in earned:
            problems.append(f"{quoted.get(name, 'claims.toml')}: has {name!r}, which no chapter cell checks")
        problems += [f"claims.toml: {name} {problem}" for problem in ours.unsupported(claims)]
    return problems


def claimed(cell) -> list[str]:
    """Ids given to claim() in a code cell; what is no plain string comes back as its source and so matches no claim."""
    if cell.cell_type != "code":
        return []
    plain = re.sub(r"^(\s*)[%!].*$", r"\1pass", cell.source, flags=re.M)  # IPython's own lines
    names = []
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", None)
            if called == "claim":
                first = node.args[0]
                names.append(first.value if isinstance(first, ast.Constant) else ast.unparse(first))
    return names


if __name__ == "__main__":
    sys.exit(main())
