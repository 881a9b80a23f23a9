"""A kernel that dies before its first word is started again: two that start at once may have drawn the same free port.

jupyter_client asks the system for free ports, lets go of them and names them to the kernel, which finds one of them
taken now and then. tools/execute.py guards papermill with this, tools/hosted.py nbclient; ``kernels.py ARGUMENTS`` is
pytest with nbval guarded.
"""

import functools
import sys
from collections.abc import Callable

DIED = "Kernel died before replying"  # jupyter_client's words; nothing of the notebook has run
TRIES = 3


def patiently(start: Callable) -> Callable:
    """Return ``start``, tried again while its kernel dies unheard."""

    @functools.wraps(start)
    def started(*arguments, **options):
        for left in reversed(range(TRIES)):
            try:
                return start(*arguments, **options)
            except RuntimeError as error:
                if not left or DIED not in str(error):
                    raise

    return started


def pytest_configure() -> None:
    import nbval.kernel  # here: hosts lack it, and papermill has no use for it

    nbval.kernel.start_new_kernel = patiently(nbval.kernel.start_new_kernel)


if __name__ == "__main__":
    import pytest

    # Workers of pytest-xdist are told this process's path, and so find the plugin.
    sys.exit(pytest.main(["-p", "kernels", *sys.argv[1:]]))
