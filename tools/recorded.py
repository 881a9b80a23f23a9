"""pytest with nbval, whose kernel runs nothing: it says again what each cell said when its chapter was executed.

recorded.py ARGUMENTS is pytest with nbval; --executed names the folder of the executed notebooks, which have the same
names. nbval judges as ever: an error, and an output that is missing, another or one too many.
"""

import sys
from pathlib import Path

import pytest

import notebooks


class Record:
    """What nbval takes for a kernel: the outputs that an executed notebook holds, as messages."""

    def __init__(self, executed: Path, committed: Path) -> None:
        ours, theirs = (
            [cell for cell in notebooks.read(path).cells if cell.cell_type == "code"] for path in (executed, committed)
        )
        if [cell.source for cell in ours] != [cell.source for cell in theirs]:
            pytest.fail(f"{committed} holds other code than was executed; run make notebooks.", pytrace=False)
        self._cells, self._said = iter(ours), iter(())

    def is_alive(self) -> bool:
        """Tell that it can be asked."""
        return True

    def execute_cell_input(self, source: str, allow_stdin: bool) -> str:
        """Look up what the cell said, beyond those that nbval skips."""
        said = next(cell.outputs for cell in self._cells if cell.source == source)
        self._said = iter([*said, {"output_type": "status", "execution_state": "idle"}])
        return "recorded"

    def await_reply(self, message: str, timeout: float) -> None:
        """All is said."""

    def await_idle(self, message: str, timeout: float) -> None:
        """After an error nbval looks at nothing more."""

    def get_message(self, stream: str, timeout: float) -> dict:
        """Give the next output as the kernel gave it."""
        output = dict(next(self._said))
        kind = output.pop("output_type")
        return {"msg_type": kind, "parent_header": {"msg_id": "recorded"}, "content": output}

    def stop(self) -> None:
        """Nothing runs."""


def pytest_addoption(parser) -> None:
    parser.addoption("--executed", type=Path, required=True)


def pytest_configure() -> None:
    from nbval.plugin import IPyNbFile  # here: it is pytest that loads nbval, as a plugin

    def setup(self) -> None:
        self.kernel = Record(self.config.option.executed / self.path.name, self.path)
        self.setup_sanitize_files()

    IPyNbFile.setup = setup


if __name__ == "__main__":
    sys.exit(pytest.main(["-p", "recorded", *sys.argv[1:]]))
