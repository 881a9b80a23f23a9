"""Receptors of the human cortex: how densely transmitters' receptors and transporters lie, from PET."""

import numpy as np
import pandas as pd

from xsg.atlas import REGIONS

_FOLDER = "human/receptors/"


def receptors() -> pd.DataFrame:
    """Read the densities of 19 receptors and transporters by cortical region.

    Means over healthy people of several PET studies, one tracer for each, gathered by Hansen et al. (2022, Nature
    Neuroscience 25:1569, doi:10.1038/s41593-022-01186-3). The licence of the tables is CC BY-NC-SA 4.0: **not for
    commercial use**.

    Returns
    -------
    DataFrame, shape (68, 19)
        By region of the Desikan-Killiany atlas, ``5HT1a`` to ``VAChT``. Units are those of the tracers, and differ
        between columns: bring them to z-scores.

    Raises
    ------
    ValueError
        If the files are not what they were taken for.
    """
    from xsg.data.fetch import fetch

    files = ("receptor_data_scale033.csv", "receptor_names_pet.npy", "region_info_scale033.xlsx")
    data, columns, order = (fetch(_FOLDER + name) for name in files)
    values = np.loadtxt(data, delimiter=",", ndmin=2)
    names = np.load(columns, allow_pickle=False)
    info = pd.read_excel(order, engine="openpyxl")
    info = info[info["structure"] == "cortex"]  # the values lack what lies below, the order has it
    regions = [f"{side}_{label}" for side, label in zip(info["hemisphere"], info["label"], strict=True)]
    if values.shape != (len(regions), len(names)) or sorted(regions) != sorted(REGIONS) or len(set(names)) < len(names):
        raise ValueError(
            f"receptors: {values.shape} values for {len(regions)} regions and {len(names)} names, or other regions "
            "than those of the atlas. Delete the files from the cache and fetch them again."
        )
    table = pd.DataFrame(values, pd.Index(regions, name="region"), pd.Index(map(str, names), name="receptor"))
    return table.loc[list(REGIONS)]
