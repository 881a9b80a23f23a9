"""Methods from a stranger's file."""

from __future__ import annotations

import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Mapping
from importlib.util import find_spec
from inspect import isabstract
from pathlib import Path
from types import ModuleType

from xsg.check import some
from xsg.evaluation.protocol import by_method, check_subject, label

WANTED = (
    "a class or an object with predict_folds(cortex, maps, held_out), or a scikit-learn regressor; or a list of them, "
    "METHODS = [...]"
)
_LONGEST = 60  # characters of a name


def load_methods(path: str | Path) -> dict[str, object]:
    r"""Run a file of Python and return the methods in it, by name.

    Parameters
    ----------
    path
        The file. If it has ``METHODS``, a list (or a dictionary: methods by name), they are what that holds. If not,
        they are every class that is written in the file and every object made there that can be put on trial
        (`xsg.evaluation.protocol.check_subject`) and whose name does not begin with an underscore. A class is made
        without arguments. What is imported does not count. The file can import what lies beside it: its folder is put
        at the end of ``sys.path``.

    Returns
    -------
    dict
        A method's name is that which it gives itself (``name``), else that of its class; of objects not in ``METHODS``
        the name of the variable. It is text of one line, which begins with a letter or a digit and has at most 60
        characters.

    Warns
    -----
    UserWarning
        Of what looks like a method and cannot be put on trial, such as a classifier.

    Raises
    ------
    ValueError
        If there is no such file, it does not run, holds no method, or two of one name.
    TypeError
        If something in ``METHODS`` cannot be put on trial.

    Examples
    --------
    >>> import tempfile
    >>> text = "from sklearn.linear_model import Ridge\nweak, strong = Ridge(1), Ridge(100)"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.py"
    ...     _ = file.write_text(text)
    ...     load_methods(file)
    {'weak': Ridge(alpha=1), 'strong': Ridge(alpha=100)}
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder; expected a file of Python, such as {path / 'my_method.py'}.")
    if not path.is_file():
        raise ValueError(f"{path} is not there. Give a file of Python that holds {WANTED}.")
    if path.suffix != ".py":
        raise ValueError(f"{path} is no .py file. Give a file of Python that holds {WANTED} (a notebook: export it).")
    module = _run(path)
    listed = getattr(module, "METHODS", None)
    named = _written(module, path) if listed is None else _listed(listed, path)
    if not named:
        near = [each.__name__ for each in vars(module).values() if isinstance(each, type) and _is_of(each, module)]
        seen = f" Its classes {some(near)} have neither predict_folds nor fit and predict." if near else ""
        raise ValueError(f"{path} holds no method.{seen} Expected {WANTED}.")
    if twice := [name for name, n in Counter(name for name, _ in named).items() if n > 1]:
        raise ValueError(
            f"{path}: {some(twice)} names more than one method. Give each a name of its own: an attribute name, or "
            "METHODS = {'first': …, 'second': …}."
        )
    for name, _ in named:
        if not (name[:1].isalnum() and name.isprintable() and len(name) <= _LONGEST):
            raise ValueError(
                f"{path}: a method is called {name[:_LONGEST]!r}; expected a line of at most {_LONGEST} characters "
                "that begins with a letter or a digit."
            )
    return dict(named)


def told(error: BaseException, path: str | Path) -> str:
    """Say what went wrong and in which line of a file, as far as it did there.

    Examples
    --------
    >>> told(KeyError("x"), "mine.py")
    "KeyError: 'x'"
    """
    lines = [each.lineno for each in traceback.extract_tb(error.__traceback__) if each.filename == str(path)]
    if isinstance(error, SyntaxError) and error.filename == str(path):
        lines = [error.lineno]
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split()) or "no more is said"
    what = "it calls exit" if isinstance(error, SystemExit) else f"{type(error).__name__}: {said}"
    return f"{what} ({Path(path).name}, line {lines[-1]})" if lines else what


def _name(path: Path) -> str:
    """Return what to import a file as: its own name, if no other module has it, so that its objects can be pickled."""
    stem = path.stem
    try:
        spec = find_spec(stem) if stem.isidentifier() else None
    except (ValueError, ImportError):  # __main__ has no spec
        return f"method_file_{stem}"
    free = stem.isidentifier() and (spec is None or spec.origin == str(path.resolve()))
    return stem if free else f"method_file_{stem}"


def _run(path: Path) -> ModuleType:
    """Run a file as a module."""
    name = _name(path)
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # at the end: a file called numpy.py beside it is not taken for numpy
    module, before = ModuleType(name), sys.modules.get(name)
    module.__file__ = str(path.resolve())
    sys.modules[name] = module
    try:
        # Compiled here, as it stands: no file of another minute's bytes is left or taken.
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        hint = " Install it, then run this again." if isinstance(error, ModuleNotFoundError) else ""
        raise ValueError(f"{path} does not run: {told(error, path)}.{hint}") from None
    return module


def _listed(listed: object, path: Path) -> list[tuple[str, object]]:
    if not isinstance(listed, (list, tuple, Mapping)):
        raise TypeError(f"{path}: METHODS is a {type(listed).__name__}; expected a list of methods, [{listed!r}].")
    pairs = listed.items() if isinstance(listed, Mapping) else ((None, each) for each in listed)
    found = []
    for number, (name, each) in enumerate(pairs):
        method = _made(each, path)
        try:
            check_subject(method)
        except TypeError as error:
            where = f"METHODS[{number if name is None else name!r}]"
            raise TypeError(f"{path}, {where}: {error}") from None
        found.append((str(_own_name(method, path) or label(method)) if name is None else str(name), method))
    return found


def _written(module: ModuleType, path: Path) -> list[tuple[str, object]]:
    """Find what is written in a file: objects, and classes of which no object is made there."""
    public = {name: each for name, each in vars(module).items() if not name.startswith("_")}
    objects = {name: each for name, each in public.items() if not isinstance(each, (type, ModuleType)) and _fits(each)}
    kinds = {type(each) for each in objects.values()}
    found, seen = [], []
    for name, each in public.items():
        if name in objects and not any(each is other for other in seen):
            found.append((_own_name(each, path) or name, each))
            seen.append(each)
        elif not isinstance(each, (type, ModuleType)) and _looks_right(type(each)) and name not in objects:
            _left_out(name, each, path)
        kind = each if isinstance(each, type) and _is_of(each, module) and name == each.__name__ else None
        if kind and kind not in kinds and not isabstract(kind) and _looks_right(kind):
            method = _made(kind, path)
            if _fits(method):
                found.append((_own_name(method, path) or name, method))
            else:
                _left_out(name, method, path)
    return found


def _left_out(name: str, each: object, path: Path) -> None:
    try:
        check_subject(each)
    except Exception as error:  # whatever it answers when it is asked what it has
        warnings.warn(f"{path}: {name} is left out: {error}", UserWarning, stacklevel=4)


def _own_name(method: object, path: Path) -> str | None:
    """Return the name that a method gives itself, if it does."""
    name = getattr(method, "name", None)
    if name is None or (isinstance(name, str) and name):
        return name
    raise ValueError(
        f"{path}: the name of {type(method).__name__} is {'empty' if name == '' else f'a {type(name).__name__}'}; "
        "expected text. Or name it in the file: METHODS = {'mine': …}."
    )


def _is_of(kind: type, module: ModuleType) -> bool:
    return kind.__module__ == module.__name__


def _looks_right(kind: type) -> bool:
    return by_method(kind) or all(callable(getattr(kind, name, None)) for name in ("fit", "predict"))


def _fits(each: object) -> bool:
    try:
        check_subject(each)
    except Exception:  # an object may answer anything when it is asked what it has
        return False
    return True


def _made(each: object, path: Path) -> object:
    """Make an object of a class that takes no arguments."""
    if not isinstance(each, type):
        return each
    try:
        return each()
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"{path}: {each.__name__}() cannot be made: {told(error, path)}. Give its arguments defaults, or make one "
            f"yourself: METHODS = [{each.__name__}(…)]."
        ) from None
