"""Where does a voxel lie? `SpatialVAE` beside CeLEry, which trains a network from expression to two coordinates.

A simulated mouse brain, every fourth voxel along each axis, 400 genes; a fifth of the voxels, in whole cubes with a
buffer round them, is held out. CeLEry knows two coordinates, so all are scored on two, AP and SI; ours predicts the
third as well. CeLEry reads the logarithm of the energies, each gene standardised over the training voxels, as its
authors standardise theirs; what is missing is the gene's mean. Its settings are its own, but that the training loader
runs in the same process, which for so small a network is faster.
"""

import numpy as np
from side import Arrays, Side

GENES, STEP, SPLIT = 400, 4, "blocks"
MICRONS = 200  # a voxel's side


def inputs() -> dict[str, Arrays]:
    """Arrays of the split: expression (voxels, genes), place (voxels, 3), which train and which are held out."""
    import xsg
    from xsg.spatial.folds import voxel_folds

    brain = xsg.load_mouse("simulated", n_genes=GENES, step=STEP, geometry="drawn")
    train, held_out = voxel_folds(brain.voxels, SPLIT)[0]
    place = brain.voxels.to_numpy(float)
    return {SPLIT: {"expression": np.float32(brain.expression), "place": place, "train": train, "held_out": held_out}}


def ours():
    """Preset "xsg"; everything is learned from the training voxels."""
    from xsg.spatial.estimator import SpatialVAE

    def work(arrays: Arrays) -> Arrays:
        model = SpatialVAE().fit(arrays["expression"], arrays["place"], train=arrays["train"], progress=False)
        rows = np.flatnonzero(arrays["held_out"])
        return {"place": model.predict_place(arrays["expression"], arrays["place"], rows=rows).to_numpy()[:, :2]}

    return work


def standardised(arrays: Arrays) -> np.ndarray:
    """Log energies, each gene standardised over the training voxels; what is missing is 0."""
    x = np.log(arrays["expression"] + 0.01)
    train = x[arrays["train"]]
    return np.nan_to_num((x - np.nanmean(train, axis=0)) / np.nanstd(train, axis=0)).astype(np.float32)


def ridge():
    """scikit-learn: ridge from all genes, its penalty chosen by leave-one-out inside the training voxels."""
    from sklearn.linear_model import RidgeCV

    def work(arrays: Arrays) -> Arrays:
        x, train = standardised(arrays), arrays["train"]
        model = RidgeCV(np.logspace(-1, 5, 13)).fit(x[train], arrays["place"][train, :2])
        return {"place": model.predict(x[arrays["held_out"]])}

    return work


def theirs():
    """``Fit_cord`` and ``Predict_cord``; the coordinates come back as shares of the training range."""
    import contextlib
    import io
    import tempfile

    import CeLEry
    import pandas as pd
    from anndata import AnnData

    def work(arrays: Arrays) -> Arrays:
        x, train = standardised(arrays), arrays["train"]
        place = arrays["place"][train, :2]
        halves = [AnnData(x[rows]) for rows in (train, arrays["held_out"])]
        where = pd.DataFrame(place, columns=["x_cord", "y_cord"])
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            kept = {"path": folder, "filename": "model"}
            CeLEry.Fit_cord(halves[0], where, num_workers=0, **kept)
            share = CeLEry.Predict_cord(halves[1], **kept)
        low, high = place.min(axis=0) - 1, place.max(axis=0) + 1
        return {"place": low + share * (high - low)}

    return work


def accuracy(arrays: Arrays, found: Arrays) -> dict[str, float]:
    """Mean distance from the truth in the plane of AP and SI, in µm, and R² of the worse of the two."""
    true = arrays["place"][arrays["held_out"], :2]
    gap = found["place"] - true
    r2 = 1 - (gap**2).sum(axis=0) / ((true - true.mean(axis=0)) ** 2).sum(axis=0)
    return {"error, µm": float(MICRONS * np.linalg.norm(gap, axis=1).mean()), "R²": float(r2.min())}


SIDES = {
    "xsg": Side("", ours),
    "ridge": Side("", ridge),
    "CeLEry": Side("celerypy", theirs),
}
