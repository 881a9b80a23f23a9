import numpy as np
import pandas as pd
import pytest

from xsg.atlas import load_parcellation, mesh


@pytest.fixture(scope="session")
def smooth_maps():
    """Make n bilateral maps of the 68 regions, a row each, as smooth in one place of the sphere as in any other.

    A rotated one is then as likely as it is: what the spin test supposes.
    """
    dk = load_parcellation("dk")
    vertices = mesh("sphere").parts["left"].coordinates
    points = np.stack([vertices[np.flatnonzero(dk.labels == region)].mean(axis=0) for region in range(34)])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    root = np.linalg.cholesky(np.exp(-np.arccos(np.clip(points @ points.T, -1, 1)) / 0.6))

    def draw(n: int, seed: int) -> pd.DataFrame:
        left = np.random.default_rng(seed).standard_normal((n, 34)) @ root.T
        return pd.DataFrame(np.hstack([left, left]), columns=dk.regions)

    return draw
