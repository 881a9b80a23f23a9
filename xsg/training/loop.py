"""The loop of every model that is trained by gradient steps: guarded, watched, and ended without loss."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from xsg.check import warn
from xsg.training.saved import check_finite


class Loop:
    """Epochs of training: a bar, a look at each loss, the best state, and an end by patience, Ctrl-C or the last epoch.

    ::

        with Loop(net, 100, lr=1e-3) as loop:
            for epoch in loop:
                terms = net.loss(...)             # named terms, () each
                loop.step(optimiser, terms)
                loop.log(terms)
        loop.history, loop.best_epoch, loop.interrupted

    Parameters
    ----------
    net
        Whose state is kept, in place.
    epochs
        How many there are to be.
    lr
        Step size, for messages.
    advice
        Says where to look when a loss is lost.
    what, progress
        Label of the bar (tqdm's, which obeys ``TQDM_DISABLE``), and whether it is shown.
    steps
        Steps of an epoch; where there are several, the bar counts these.
    keep
        What Ctrl-C leaves once an epoch is finished: ``"best"``, the state of least error; ``"last"``, that after the
        last finished epoch; ``"now"``, the network as it is (of one step an epoch the same, without a copy). None:
        nothing, Ctrl-C is raised.
    restore
        End in the best state, Ctrl-C or not.
    copies
        K, where the network is K networks side by side: each parameter begins with that axis, errors are (K,), and each
        copy has its own best state.
    patience
        Epochs without a smaller error after which a copy's state is left alone; training stops when that is so for all.

    Attributes
    ----------
    history : DataFrame
        By epoch, from 1; of copies by (epoch, copy): what was logged.
    best_epoch : int array (K,)
        Epoch of the state that is kept.
    interrupted : bool
        Whether Ctrl-C ended it.
    seconds : list of float
        What each epoch took.

    Raises
    ------
    FloatingPointError
        Within the epoch: a term of the loss, its gradient or a weight that is not finite, by name.
    KeyboardInterrupt
        On Ctrl-C before the first epoch is finished.
    """

    def __init__(
        self,
        net: nn.Module,
        epochs: int,
        *,
        lr: float,
        advice: Callable[[], str] = lambda: "Lower lr.",
        what: str = "training",
        progress: bool = False,
        steps: int = 1,
        keep: str | None = "best",
        restore: bool = False,
        copies: int | None = None,
        patience: float = np.inf,
    ):
        self.net, self.epochs, self.lr, self.advice, self.copies = net, epochs, lr, advice, copies
        self.steps, self.keep, self.restore, self.patience = steps, keep, restore, patience
        self.interrupted, self.seconds, self.epoch = False, [], -1
        self._rows: list[Tensor] = []
        self._names: list[str] = []
        self._live = [value.detach() if copies else value.detach()[None] for value in net.state_dict().values()]
        copied = restore or keep in ("best", "last")
        self._kept = [value.clone() for value in self._live] if copied else None
        self._least = torch.full((copies or 1,), torch.inf, dtype=torch.float64)
        self._best = torch.zeros(copies or 1, dtype=torch.long)
        quiet = {} if progress else {"disable": True}  # said only when asked, so that TQDM_DISABLE stays in force
        unit = "epoch" if steps == 1 else "step"
        self._bar = tqdm(total=epochs * steps, desc=what, unit=unit, leave=False, **quiet)

    def __enter__(self) -> Loop:
        return self

    def __iter__(self) -> Iterator[int]:
        for epoch in range(self.epochs):
            self.epoch, begun = epoch, time.perf_counter()
            yield epoch
            self.seconds.append(time.perf_counter() - begun)
            if self.steps == 1:
                self._bar.update()
            if self.patience < np.inf and self.epoch + 1 - int(self._best.max()) >= self.patience:
                return

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        self._bar.close()
        if kind is None:
            self._end()
            return False
        if not issubclass(kind, KeyboardInterrupt) or self.keep is None or not self._rows:
            return False
        self.interrupted, self.seconds = True, self.seconds[: len(self._rows)]
        self._end()
        state = "best state so far" if self.restore or self.keep == "best" else "state after the last finished one"
        warn(f"training interrupted after {len(self._rows)} of {self.epochs} epochs; the {state} is kept.")
        return True

    def check(self, terms: Mapping[str, Tensor], at: str = "") -> Tensor:
        """Return terms, () or (K,) each, stacked, or refuse the first that is not finite."""
        values = torch.stack([term.detach() for term in terms.values()])
        self.look(list(terms), values, at)
        return values

    def look(self, names: Sequence[str], values: Tensor, at: str = "") -> None:
        """Refuse the first of stacked terms, (T,) or (T, K), that is not finite."""
        if not values.isfinite().all():
            term, *copy = (~values.isfinite()).nonzero()[0].tolist()
            where = f"copy {copy[0]}, " if copy and self.copies != 1 else ""
            raise FloatingPointError(
                f"the term {names[term]!r} of the loss became {values[(term, *copy)].item()} in epoch {self.epoch + 1} "
                f"({where}lr={self.lr:g}). {at or self.advice()}"
            )

    def finite(self, what: str, values: Tensor) -> None:
        """Refuse numbers of which one is not finite."""
        if not values.isfinite().all():
            found = values[~values.isfinite()].flatten()[0].item()
            raise FloatingPointError(
                f"{what} became {found} in epoch {self.epoch + 1} (lr={self.lr:g}). {self.advice()}"
            )

    def step(
        self, optimiser: torch.optim.Optimizer, terms: Mapping[str, Tensor], clip: float = 0.0, times: float = 1.0
    ) -> None:
        """Check terms and go one step down their sum (``times`` as steep), its gradient's norm cut to ``clip`` if any.

        Raises
        ------
        FloatingPointError
            As the class.
        """
        self.check(terms)
        optimiser.zero_grad(set_to_none=True)
        total = sum(terms.values()) * times
        (total.sum() if total.ndim else total).backward()
        if clip:
            steep = nn.utils.clip_grad_norm_(self.net.parameters(), clip)
            self.finite("the gradient of the loss", steep)
        optimiser.step()
        if self.steps > 1:
            self._bar.update()

    def log(self, row: Mapping[str, Tensor | float], error: Tensor | float | None = None) -> None:
        """Note an epoch that is finished, and keep its state where its error, () or (K,), is the smallest so far."""
        values = [_here(value) for value in row.values()]
        self.note(list(row), torch.stack(values if self.copies else [value.double() for value in values]), error)

    def note(self, names: Sequence[str], values: Tensor, error: Tensor | float | None = None) -> None:
        """Note an epoch, as `log` does, whose terms are stacked: (T,) or (T, K)."""
        if error is None:
            if self.keep == "last":
                for kept, now in zip(self._kept, self._live, strict=True):
                    kept.copy_(now)
        else:
            error = _here(error).double().reshape(-1)
            # A copy out of patience is not looked at again, however long others beside it go on.
            better = (error < self._least) & (self.epoch - self._best < self.patience)
            self._least = torch.where(better, error, self._least)
            self._best = self._best.where(~better, torch.tensor(self.epoch + 1))
            if self._kept is not None and better.any():
                for kept, now in zip(self._kept, self._live, strict=True):
                    kept[better] = now[better]
        self._names = list(names)
        self._rows.append(_here(values))

    @property
    def best_epoch(self) -> np.ndarray:
        """Epoch of the state that is kept (K,): where no error was told, the last."""
        return self._best.where(self._least.isfinite(), torch.tensor(len(self._rows))).numpy()

    @property
    def history(self) -> pd.DataFrame:
        """What was logged, by epoch; of copies by (epoch, copy)."""
        if not self._rows:
            return pd.DataFrame(index=pd.RangeIndex(1, 1, name="epoch"))
        logged = torch.stack(self._rows).numpy()
        epochs = pd.RangeIndex(1, len(logged) + 1, name="epoch")
        if not self.copies:
            return pd.DataFrame(logged, epochs, self._names)
        index = pd.MultiIndex.from_product([epochs, range(self.copies)], names=["epoch", "copy"])
        return pd.DataFrame(logged.transpose(0, 2, 1).reshape(-1, len(self._names)), index, self._names)

    @torch.no_grad()
    def _end(self) -> None:
        """Leave the network in the state that was promised, and refuse one that is lost."""
        if self._kept is not None and self._rows and (self.restore or self.interrupted):
            for kept, now in zip(self._kept, self._live, strict=True):
                now.copy_(kept)
        try:  # the last step was followed by no loss that would show it
            check_finite(self.net)
        except FloatingPointError as error:
            raise FloatingPointError(
                f"{error} after epoch {len(self._rows)} (lr={self.lr:g}). {self.advice()}"
            ) from None


def _here(value: Tensor | float) -> Tensor:
    """Return a number, or numbers, as a tensor on the processor, no digit lost."""
    return value.detach().cpu() if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
