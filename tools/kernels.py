"""A kernel that dies before its first word is started again: two that start at once may have drawn the same free port.

jupyter_client asks the system for free ports, lets go of them and names them to the kernel, which finds one of them
taken now and then. tools/execute.py guards papermill with this, tools/hosted.py nbclient.
"""

import functools
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
