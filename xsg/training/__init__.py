"""Training: one model, or many copies of it side by side.

`CrossScaleVAE` is the estimator a reader meets; `refit` and `cross_val_predict` train it anew for many seeds, folds,
maps, expression tables, graphs and λ. All run the same loop (`xsg.training.engine`): one model is an ensemble of one.
"""

from xsg import _moved
from xsg.training.cross_scale import PAPER_UNKNOWN, PRESETS, CrossScaleVAE
from xsg.training.refits import cross_val_predict, held_out_mean, refit

__all__ = ["PAPER_UNKNOWN", "PRESETS", "CrossScaleVAE", "cross_val_predict", "held_out_mean", "refit"]

__getattr__ = _moved.lazily(__name__)
