"""What is expected of a rate, or of a gain, before anything is seen."""

import numpy as np

from xsg.check import number


def log_normal_prior(low: float, high: float) -> tuple[float, float]:
    """Return mean and sd of log x, x log-normal with mean (low + high)/2 and sd (high − low)/4 (arXiv:2509.15124).

    Examples
    --------
    >>> [round(value, 3) for value in log_normal_prior(0.01, 1.0)]
    [-0.791, 0.464]
    """
    low = number(low, "low end of the range", 0)
    high = number(high, "high end of the range", low, above=True)
    ratio = ((high - low) / 4 / ((low + high) / 2)) ** 2
    return float(np.log((low + high) / 2) - np.log1p(ratio) / 2), float(np.sqrt(np.log1p(ratio)))
