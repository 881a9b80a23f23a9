"""The least that a family of models is: a network that states its loss as named terms, and an estimator around it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from sklearn.base import clone
from torch import Tensor, nn

from xsg.check import flag, number
from xsg.data.cortex import Cortex
from xsg.machine import one_thread
from xsg.training.base import Estimator
from xsg.training.loop import Loop
from xsg.training.saved import storable
from xsg.training.settings import DEVICE, STEP, seed, whole_number
from xsg.training.tables import expression_table, one_map, take_genes
from xsg.training.whole import whole_fit


class LineNet(nn.Module):
    """Thinning is a weighted sum of genes: ŷ = x w + b."""

    def __init__(self, genes: int, generator: torch.Generator):
        super().__init__()
        self.weight = nn.Parameter(0.1 * torch.randn(genes, generator=generator))
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """Return ŷ (n,) of expression x (n, p)."""
        return x @ self.weight + self.bias

    def loss(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Return the named terms, whose sum is the loss."""
        return {"misfit": (self(x) - y).square().mean(), "size": 0.01 * self.weight.square().sum()}


class LineModel(Estimator):
    """Fit `LineNet` to expression and thinning: DataFrame (n, p), Series (n,)."""

    RULES = {"lr": STEP, "epochs": whole_number(1), "seed": seed, "device": DEVICE}  # noqa: RUF012
    FACTS = {"noise_sd_": number, "interrupted_": flag}  # noqa: RUF012
    CALL = "fit(expression, thinning)"

    def __init__(self, lr: float = 0.1, epochs: int = 30, seed: int = 0, device: str = "auto"):
        self.lr, self.epochs, self.seed, self.device = lr, epochs, seed, device

    @whole_fit
    def fit(self, expression: pd.DataFrame, thinning: pd.Series, progress: bool = False) -> LineModel:
        """Fit, and return itself."""
        settings = self._settings()
        expression = expression_table(expression)
        y = torch.tensor(one_map(thinning, expression.index).to_numpy(), dtype=torch.float32)
        self.device_, self.genes_ = self._place(), expression.columns
        self.net_ = LineNet(len(self.genes_), torch.Generator().manual_seed(settings["seed"])).to(self.device_)
        x, y = self._x(expression), y.to(self.device_)
        optimiser = torch.optim.Adam(self.net_.parameters(), lr=settings["lr"])
        with one_thread(), Loop(self.net_, settings["epochs"], lr=settings["lr"], progress=progress) as loop:
            for _ in loop:
                terms = self.net_.loss(x, y)
                loop.step(optimiser, terms)
                loop.log(terms, sum(terms.values()))
        self.history_, self.interrupted_ = loop.history, loop.interrupted
        self.noise_sd_ = float((self.net_(x) - y).detach().square().mean().sqrt())
        self._remember(settings)
        return self

    @torch.no_grad()
    def predict(self, expression: pd.DataFrame) -> pd.Series:
        """Predict thinning: Series (n,)."""
        self._check_fitted()
        found = self.net_(self._x(expression_table(take_genes(expression, self.genes_))))
        return pd.Series(found.cpu().numpy().astype(float), expression.index)

    def predict_folds(self, cortex: Cortex, maps: pd.DataFrame, held_out: np.ndarray) -> np.ndarray:
        """Predict maps (K, n) under folds (F, n), to be put on trial: (K, F, n)."""
        found = np.empty((len(maps), *held_out.shape))
        for (k, f), _ in np.ndenumerate(found[..., 0]):
            known = ~held_out[f]
            model = clone(self).fit(cortex.expression[known], maps.iloc[k][known])
            found[k, f] = model.predict(cortex.expression)
        return found

    def _x(self, expression: pd.DataFrame) -> Tensor:
        return torch.tensor(expression.to_numpy(), dtype=torch.float32).to(self.device_)

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        return {}, {"genes": self.genes_.tolist()}

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        self.genes_ = storable(pd.Index(facts["genes"]), "genes")
        self.net_ = LineNet(len(self.genes_), torch.Generator())
