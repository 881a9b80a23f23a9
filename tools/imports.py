"""What a script hangs on: the package's modules that it imports, what those import, and the files that lie with them.

A module counts by its code: comments and docstrings change no result. The package's own tables tell where a name that
is imported lazily, or that has moved, is at home; a package's other modules do not count.
"""

import ast
import hashlib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

WORDS = ("getsource", "__doc__", "help(")  # a script that asks for these shows docstrings, and hangs on them too


def key(root: Path, code: str) -> str:
    """Hash all of the package that a script's results hang on."""
    words = any(word in code for word in WORDS)
    digest = hashlib.sha256()
    for path in hangs_on(root, code):
        content = path.read_bytes()
        if path.suffix == ".py" and not words:
            content = _parsed(content.decode())[0].encode()
        digest.update(f"{path.relative_to(root)}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def hangs_on(root: Path, code: str) -> list[Path]:
    """Return the files, in alphabetical order."""
    homes, found = _homes(root), set()
    todo, known, beside = set(_parsed(code)[1]), set(), cache(lambda folder: [*_beside(folder)])
    while todo:
        known |= todo
        new = {path for name in todo for path in _files(root, name, homes, beside)} - found
        found |= new
        uses = (_parsed(path.read_text(encoding="utf-8"))[1] for path in new if path.suffix == ".py")
        todo = {name for names in uses for name in names} - known
    return sorted(found)


def _files(root: Path, name: str, homes: dict[str, str], beside: Callable) -> Iterator[Path]:
    """Give the modules that a dotted name leads through, and what lies in their folders and is none."""
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        part = ".".join(parts[:end])
        place = root.joinpath(*parts[:end])
        if (place / "__init__.py").is_file():
            yield place / "__init__.py"
        elif place.with_suffix(".py").is_file():
            yield place.with_suffix(".py")
        else:
            if part in homes:
                yield from _files(root, ".".join([homes[part], *parts[end:]]), homes, beside)
            return
        folder = place if place.is_dir() else place.parent
        if folder != root / parts[0]:  # the package's own folder holds rooms
            yield from beside(folder)


def _beside(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name != "__pycache__" and not (path / "__init__.py").exists():
            yield from (each for each in path.rglob("*") if each.is_file() and each.suffix != ".pyc")
        elif path.is_file() and path.suffix != ".py" and path.name != "registry.csv":  # a chapter names what it reads
            yield path


def _homes(root: Path) -> dict[str, str]:
    """Read where the names are that the package imports lazily, and where old paths lead."""
    tables = {}
    for path in (root / "xsg/__init__.py", root / "xsg/_moved.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body if path.is_file() else ():
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                tables[node.targets[0].id] = ast.literal_eval(node.value)
    homes = {f"xsg.{name}": f"{home}.{name}" for name, home in tables.get("_PUBLIC", {}).items()}
    homes |= {old: f"{home}.{old.rpartition('.')[2]}" for old, home in tables.get("NAMES", {}).items()}
    return homes | tables.get("MODULES", {})


@cache
def _parsed(code: str) -> tuple[str, tuple[str, ...]]:
    """Return code without its words, and the dotted names of the package that it uses."""
    try:
        tree = ast.parse(code)
    except SyntaxError:  # whoever runs it is told
        return code, ()
    bound, names = {}, set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                names.add(each.name)
                top = each.name.partition(".")[0]
                bound[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom):  # by its whole name: ruff bans relative ones
            for each in node.names:
                names.add(f"{node.module}.{each.name}")
                bound[each.asname or each.name] = f"{node.module}.{each.name}"
    for node in ast.walk(tree):
        chain = []
        while isinstance(node, ast.Attribute):
            chain.insert(0, node.attr)
            node = node.value
        if chain and isinstance(node, ast.Name) and node.id in bound:
            names.add(".".join([bound[node.id], *chain]))
    for node in ast.walk(tree):
        can = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if can and ast.get_docstring(node):
            del node.body[0]
    return ast.dump(tree), tuple(sorted(name for name in names if name.partition(".")[0] == "xsg"))
