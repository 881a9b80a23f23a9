"""What can be set of Spatial-VAE, its presets, and what they were in files of an earlier day."""

from __future__ import annotations

from collections.abc import Mapping

from xsg.check import flag, number
from xsg.spatial.preprocess import SCALES
from xsg.training.settings import (
    DEVICE,
    SHARE,
    STEP,
    WEIGHT,
    WIDEST,
    WIDTH,
    Rule,
    checked,
    one_of,
    seed,
    whole_number,
    widths,
)

# Everything that can be set, with what it means; a preset gives each a value.
_PUBLISHED = {
    # data
    "n_genes": 3000,  # at most so many, by variance
    "scale": "robust",  # see xsg.spatial.preprocess.Scaler
    "select_before_split": True,  # scale all genes, then choose by variance over all voxels, held out or not
    "impute": 0,  # spatial neighbours asked for a missing value; 0: the gene's typical energy
    "impute_before_split": False,  # the imputer sees the held-out voxels too
    # network
    "latent": 50,
    "hidden": (1000, 500),
    "decoder": (500,),
    "norm": "batch",
    "dropout": 0.7,
    "dropout_after": 2,  # which hidden layer
    "gene_dropout": 0.0,
    "head": 0,  # hidden width of the position's head; 0: linear
    "centred": False,  # positions standardised by the training voxels' mean and spread
    # loss
    "reconstruction": 1.0,
    "squares": "sum",  # of a voxel's squared errors over its genes, or their "mean"
    "beta": 1.0,
    "kl": "sum",  # of a voxel's divergence over its latents, or their "mean": β as if divided by their number
    "classification": 0.0,
    "regression": 1.0,
    "euclidean": 1.0,
    "power": 2,
    "unit": 1.0,
    "region": 0.0,  # weight of the region head, summed up the levels given to fit
    # extensions
    "pathways": False,  # decode through the pathways given to fit
    "neighbours": 0,  # neighbours of each voxel that are sampled in a step; 0: none
    # training
    "optimiser": "adam",
    "lr": 1e-3,
    "weight_decay": 0.0,
    "batch": 1000,
    "drop_last": False,  # leave the last, smaller batch of an epoch out
    "epochs": 50,
    "clip": 1.0,
    "schedule": "plateau",  # halve lr after 5 epochs without a better validation loss; or "cosine"
    "validation": 1 / 9,  # share of the training voxels set aside for that
    "validation_split": "random",  # which: drawn at random, or "front", the first in the order of the grid
    "sampled": True,  # places are of one draw of the latents, not of their mean
    "precision": "auto",  # "float32", "bfloat16"; or bfloat16 where the processor has it and there are many genes
}
PRESETS = {
    # The text: 80/10/10. What it does not state is as in the notebook, see PAPER_STATED. Where they disagree the text
    # is taken: 50 latents, Adam, squared distance, genes scaled robustly, squared errors summed over the genes, dropout
    # behind the second layer, β = 1, w_cls = 0, w_reg = 1. Its divergence is taken as the usual sum over the latents.
    "paper": _PUBLISHED,
    # The notebook that ran: 64/16/20. Its divergence is a mean over the 200 latents, so that beta=1 here is 1/200 of a
    # sum's; and what it validates on is the first fifth of the ordered voxels, the front of the brain (AP 0 to 20).
    "notebook": _PUBLISHED
    | {
        "scale": "voxel",
        "latent": 200,
        "dropout_after": 1,
        "reconstruction": 1e6,
        "squares": "mean",
        "kl": "mean",
        "regression": 100.0,  # classification, of weight 10, is switched off
        "euclidean": 100.0,
        "power": 1,
        "optimiser": "adagrad",
        "weight_decay": 1e-7,
        "validation": 0.2,
        "validation_split": "front",
    },
    # Ours: logarithms, no position in what is filled in, no dropout before a normalisation, positions centred.
    "xsg": _PUBLISHED
    | {
        "n_genes": None,
        "scale": "log",
        "select_before_split": False,
        "latent": 64,
        "hidden": (512, 256),
        "decoder": (256,),
        "norm": "layer",
        "dropout": 0.0,
        "dropout_after": 1,
        "gene_dropout": 0.2,
        "head": 128,
        "centred": True,
        "squares": "mean",
        "beta": 1e-3,
        "regression": 0.0,
        "power": 1,
        "unit": 5.0,
        "optimiser": "adamw",
        "lr": 2e-3,
        "weight_decay": 1e-2,
        "batch": 500,
        "drop_last": True,
        "epochs": 30,
        "schedule": "cosine",
        "validation": 0.0,
        "sampled": False,
    },
}
# What was otherwise in the presets of files that do not say their settings.
_AT_FIRST = {
    "select_before_split": False,
    "impute": 6,
    "dropout_after": 1,
    "squares": "mean",
    "kl": "sum",
    "drop_last": True,
    "validation_split": "random",
    "sampled": False,
}
# Settings that came after files began to say theirs, with what they were before.
LATER_SETTINGS: dict[str, object] = {}
FORMER_PRESETS = {
    "paper": _AT_FIRST | {"classification": 1.0},
    "notebook": _AT_FIRST | {"impute_before_split": True},
}
# What the text states; all else of preset "paper" is the notebook's, or chosen here.
PAPER_STATED = (
    *("scale", "latent", "dropout_after", "reconstruction", "squares", "beta", "classification", "regression"),
    *("euclidean", "power", "optimiser", "validation"),
)
_TERMS = ("reconstruction", "beta", "classification", "regression", "euclidean", "region")
SPATIAL: dict[str, Rule] = {
    "n_genes": lambda value, what: None if value is None else number(value, what, 1, whole=True),
    "scale": one_of(*SCALES),
    "select_before_split": flag,
    "impute": whole_number(0),
    "impute_before_split": flag,
    "latent": WIDTH,
    "hidden": widths(1),
    "decoder": widths(0),
    "norm": one_of("batch", "layer"),
    **dict.fromkeys(("dropout", "gene_dropout"), SHARE),
    "dropout_after": whole_number(1),
    "head": whole_number(0, WIDEST),
    "centred": flag,
    **dict.fromkeys(_TERMS, WEIGHT),
    **dict.fromkeys(("squares", "kl"), one_of("mean", "sum")),
    "power": whole_number(1, 2),
    "unit": STEP,
    "pathways": flag,
    "neighbours": whole_number(0, 26),
    "optimiser": one_of("adam", "adamw", "adagrad"),
    "lr": STEP,
    "weight_decay": WEIGHT,
    "batch": whole_number(1),
    "drop_last": flag,
    "epochs": whole_number(1),
    "clip": WEIGHT,
    "schedule": one_of("plateau", "cosine"),
    "validation": SHARE,
    "validation_split": one_of("random", "front"),
    "sampled": flag,
    "precision": one_of("auto", "float32", "bfloat16"),
    "seed": seed,
    "device": DEVICE,
}


def checked_spatial(settings: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a Spatial-VAE, of which some depend on others, as plain values.

    Raises
    ------
    TypeError, ValueError
        As `checked`; also where no term of the loss is left, BatchNorm would see one voxel at a time, dropout is to
        follow a layer that is not there, or genes are to be told apart by the variance of their z-scores.
    """
    found = checked(settings, SPATIAL)
    if not any(found[name] for name in _TERMS):
        raise ValueError(f"{', '.join(_TERMS)} are all 0; expected at least one above 0: nothing would be learned.")
    if found["batch"] == 1 and (found["norm"] == "batch" or found["classification"]):
        raise ValueError("batch is 1; expected at least 2 voxels, over which BatchNorm takes the mean.")
    if found["dropout"] and found["dropout_after"] > len(found["hidden"]):
        raise ValueError(f"dropout_after is {found['dropout_after']}; expected a layer of hidden={found['hidden']}.")
    if found["select_before_split"] and found["scale"] == "log":
        raise ValueError("select_before_split is True; expected False with scale='log': all z-scores vary alike.")
    return found
