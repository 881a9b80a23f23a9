"""A kernel that dies before its first word is started again: two that start at once may have drawn the same free port.

jupyter_client asks the system for free ports, lets go of them and names them to the kernel, which finds one of them
taken now and then. tools/execute.py guards papermill with this; ``kernels.py ARGUMENTS`` is pytest with nbval guarded.
"""

import functools
import sys
from collections.abc import Callable

import nbval.kernel
import pytest

DIED = "Kernel died before replying"  # jupyter_client's words; nothing of the notebook has run


def patiently(start: Callable, tries: int = 3) -> Callable:
    """Return ``start``, tried again while its kernel dies unheard."""

    @functools.wraps(start)
    def started(*arguments, **options):
        for left in reversed(range(tries)):
            try:
                return start(*arguments, **options)
            except RuntimeError as error:
                if not left or DIED not in str(error):
                    raise

    return started


def pytest_configure() -> None:
    nbval.kernel.start_new_kernel = patiently(nbval.kernel.start_new_kernel)


if __name__ == "__main__":
    # Workers of pytest-xdist are told this process's path, and so find the plugin.
    sys.exit(pytest.main(["-p", "kernels", *sys.argv[1:]]))
