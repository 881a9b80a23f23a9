"""Training of the mechanistic models: amortised inference, refinement per subject, and the oracle to judge them by.

`MechanisticMixture` is the estimator, `MechanisticVAE` the mixture of one law; `maximum_likelihood` fits every law to
every subject from the true initial state; `select_laws` compares sets of laws, `rate_components` finds groups of rates
among those who follow one law.
"""

import copy
import warnings
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator
from torch import Tensor
from tqdm.auto import tqdm

from xsg.data.spread import Spread
from xsg.machine import one_thread
from xsg.models.mechanistic import (
    ImageEncoder,
    MechanisticNet,
    ModesEncoder,
    Visits,
    kl_normal,
    log_marginal,
    log_normal_prior,
    mixture_loss,
    refine,
    separate_loss,
)
from xsg.physics import LAWS, ReactionDiffusion
from xsg.training.files import read_model, write_model

PRESETS: dict[str, dict] = {
    "paper": {
        "encoder": "image",
        "loss": "mixture",
        "initial": "first",
        "min_max": True,
        "refine": 0,
        "batch": 4,
        "epochs": 200,
        "lr": 1e-3,
        "weight_decay": 1e-4,
        "decay": 0.9,
        "steps": 8,
    },
    "xsg": {},
}
_CHUNK = 256  # subjects refined side by side: more would leave the processor's cache


class Posterior:
    """What a model thinks of each subject: which law, which rates, and so what comes next.

    Attributes
    ----------
    evidence : DataFrame (S, K)
        Bound on log p(y | law), up to a constant of the subject's data: only differences in a row mean something, and
        the same subject under other sets of laws.
    responsibilities : DataFrame (S, K)
        Posterior probability of each law.
    law : Series (S,)
        The most probable one.
    """

    def __init__(self, solver, laws, subjects, visits, z, covariance, evidence, log_q, steps, prior=None):
        self._solver, self._visits, self._steps, self._prior = solver, visits, steps, prior
        self._z, self._covariance = z, covariance  # (S, K, 2), (S, K, 2, 2)
        self.laws, self.subjects = tuple(laws), subjects
        self.evidence = pd.DataFrame(evidence.numpy().astype(float), subjects, list(laws))
        self.responsibilities = pd.DataFrame(torch.softmax(log_q, 1).numpy().astype(float), subjects, list(laws))
        self.law = self.responsibilities.idxmax(axis=1).rename("law")

    def rates(self, law: str | None = None, level: float = 0.9) -> pd.DataFrame:
        """Return by subject: law, D and R (posterior medians), and the ends of their intervals.

        Parameters
        ----------
        law
            The law to answer for; the most probable of each subject by default.
        level
            Probability that an interval holds.
        """
        from scipy.stats import norm

        k = self._rows(law)
        every = torch.arange(len(k))
        z, sd = self._z[every, k], self._covariance[every, k].diagonal(dim1=1, dim2=2).clamp(min=0).sqrt()
        wide = norm.ppf((1 + level) / 2)
        columns = {"law": [self.laws[each] for each in k]}
        for which, name in enumerate("DR"):
            for end, shift in ((name, 0), (f"{name}_low", -wide), (f"{name}_high", wide)):
                columns[end] = torch.exp(z[:, which] + shift * sd[:, which]).numpy().astype(float)
        table = pd.DataFrame(columns, self.subjects)
        table.loc[table["law"].map(_growth) == "diffusion", ["R", "R_low", "R_high"]] = 0.0
        return table

    def sample(self, n: int = 100, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Draw n times from each subject's posterior: number of the law, D and R, each (S, n)."""
        generator = torch.Generator().manual_seed(seed)
        weights = torch.tensor(self.responsibilities.to_numpy())
        law = torch.multinomial(weights, n, replacement=True, generator=generator)
        root = torch.linalg.cholesky(self._covariance.double() + 1e-12 * torch.eye(2))
        noise = torch.randn(len(law), n, 2, 1, generator=generator, dtype=torch.float64)
        every = torch.arange(len(law))[:, None]
        z = self._z[every, law] + (root[every, law] @ noise)[..., 0]
        rates = z.exp().numpy()
        return (
            law.numpy(),
            rates[..., 0],
            rates[..., 1] * np.array([_growth(each) != "diffusion" for each in self.laws])[law],
        )

    def states(self, times: Sequence[float], law: str | None = None) -> np.ndarray:
        """Return the state at the posterior median, float32 (S, T, n), at times from each subject's first visit."""
        k = self._rows(law)
        return self._solve(times, k[:, None], *self._z[torch.arange(len(k)), k].exp().T[..., None].numpy())[:, 0]

    def extrapolate(
        self, times: Sequence[float], n: int = 50, level: float = 0.9, seed: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return mean and both ends of the interval of the state at some times, each float32 (S, T, n places).

        Over n draws from the posterior: laws by their responsibilities, rates, no observation noise.
        """
        drawn = self._solve(times, *self.sample(n, seed))
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2], axis=1).astype(np.float32)
        return drawn.mean(1), low, high

    def _rows(self, law: str | None) -> Tensor:
        if law is None:
            return torch.tensor(self.responsibilities.to_numpy().argmax(1))
        if law not in self.laws:
            raise ValueError(f"law {law!r} is not one of this model's: {', '.join(map(repr, self.laws))}.")
        return torch.full((len(self.subjects),), self.laws.index(law))

    def _solve(self, times, k, d, r) -> np.ndarray:
        """Solve for (S, N) draws: (S, N, T, n)."""
        out = torch.empty(*k.shape, len(times), self._solver.n)
        k = torch.as_tensor(k)
        for number, law in enumerate(self.laws):
            rows, columns = torch.nonzero(k == number, as_tuple=True)
            for start in range(0, len(rows), _CHUNK):
                i, j = rows[start : start + _CHUNK], columns[start : start + _CHUNK]
                rates = [torch.as_tensor(value)[i, j].float() for value in (d, r)]
                with torch.no_grad():
                    out[i, j] = self._solver.solve(self._visits.u0[i], list(times), *rates, _growth(law), self._steps)
        return out.numpy()


class MechanisticMixture(BaseEstimator):
    """Mixture of reaction-diffusion laws: which of them a subject follows, how fast it spreads and how fast it grows.

    Parameters
    ----------
    laws
        Names of `xsg.physics.LAWS`, one for each component. Under the loss ``"mixture"`` a law may be named several
        times; its components are then called "logistic 1", "logistic 2", … With ``"separate"`` each law is named once:
        groups of rates under one law are found afterwards, by `rate_components`.
    encoder
        ``"modes"``: shares of the slowest modes of the Laplacian and a recurrent unit. ``"image"``: the convolutions of
        arXiv:2509.15124.
    loss
        ``"separate"``: each law fitted to each subject, noise level and background integrated out. ``"mixture"``: laws
        compete through q(k), as in the paper. See `xsg.models.mechanistic`.
    initial
        The state at the first visit. ``"inferred"``: what first visits have in common, less a background, and of what
        tells a subject from the others only the components that stand out of the noise (Gavish & Donoho 2014, IEEE
        Trans. Inf. Theory 60:5040, doi:10.1109/TIT.2014.2323359). ``"first"``: the first visit as it is.
    min_max
        Scale each subject's values to [0, 1] first, as the paper does. It biases D and R where there is noise.
    background
        Allow a constant to be added to what is seen (only with the loss ``"separate"``).
    monotone
        Take it that pathology never falls: what is seen of a place is replaced by the nearest rising sequence (isotonic
        regression). Right where growth prevails; where diffusion does, the middle of a patch does fall.
    refine
        Most iterations of refinement per subject after the network's guess; 0 keeps the guess.
    d_range, r_range
        Ranges of D and R that the log-normal priors are matched to.
    epochs, batch, lr, weight_decay, decay
        Adam (with amsgrad), its step multiplied by ``decay`` every ten epochs.
    steps
        Splitting steps of the solver; refinement uses twice as many.
    hidden, modes
        Width of the recurrent unit and number of modes of the encoder ``"modes"``.
    seed
        Seed of weights, noise and order.

    Attributes
    ----------
    net_ : xsg.models.mechanistic.MechanisticNet
    history_ : DataFrame
        One row per epoch: the named terms of the loss, mean over subjects; the total is their sum.
    components_ : tuple of str
        Names of the components: the laws, numbered where one occurs several times.
    interrupted_ : bool
        Whether Ctrl-C ended the fit; the weights of the best epoch so far are then kept.
    initial_ : ndarray (n,)
        What first visits have in common.
    initial_rank_ : int
        Number of components by which a subject's initial state may differ from it.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.load_spread("disc", n_train=8, n_validation=0, n_test=2)
    >>> model = MechanisticMixture(epochs=1).fit(cohort.part("train"))
    >>> model.infer(cohort.part("test")).rates().columns.tolist()
    ['law', 'D', 'D_low', 'D_high', 'R', 'R_low', 'R_high']
    """

    def __init__(
        self,
        laws: Sequence[str] = ("logistic", "damped", "cooperative"),
        encoder: str = "modes",
        loss: str = "separate",
        initial: str = "inferred",
        min_max: bool = False,
        background: bool = True,
        monotone: bool = False,
        refine: int = 8,
        d_range: tuple[float, float] = (0.01, 1.0),
        r_range: tuple[float, float] = (0.01, 0.1),
        epochs: int = 40,
        batch: int = 32,
        lr: float = 5e-3,
        weight_decay: float = 0.0,
        decay: float = 0.3,
        steps: int = 4,
        hidden: int = 64,
        modes: int = 32,
        seed: int = 0,
    ):
        self.laws = laws
        self.encoder = encoder
        self.loss = loss
        self.initial = initial
        self.min_max = min_max
        self.background = background
        self.monotone = monotone
        self.refine = refine
        self.d_range = d_range
        self.r_range = r_range
        self.epochs = epochs
        self.batch = batch
        self.lr = lr
        self.weight_decay = weight_decay
        self.decay = decay
        self.steps = steps
        self.hidden = hidden
        self.modes = modes
        self.seed = seed

    @classmethod
    def from_preset(cls, name: str, **changes) -> "MechanisticMixture":
        """Make a model from a named preset: ``"paper"`` (arXiv:2509.15124) or ``"xsg"`` (the defaults).

        Examples
        --------
        >>> MechanisticMixture.from_preset("paper").batch
        4
        """
        if name not in PRESETS:
            raise ValueError(f"preset {name!r} is unknown; expected one of {', '.join(map(repr, PRESETS))}.")
        return cls(**{**PRESETS[name], **changes})

    def fit(self, cohort: Spread, progress: bool = False) -> "MechanisticMixture":
        """Train on all subjects of a cohort; return itself.

        Raises
        ------
        ValueError
            Options or laws that are unknown; a cohort that the encoder cannot read.
        FloatingPointError
            A term of the loss that is not finite, by name.
        """
        self._check(cohort)
        self.places_ = cohort.places
        self._settle(cohort.laplacian, cohort.mask)
        values, valid, times = self._read(cohort)
        self._learn_initial(values, valid)
        visits = Visits(values, valid, times, self._initial(values, valid))
        state = torch.random.get_rng_state()
        try:
            with one_thread():
                torch.manual_seed(self.seed)
                self.net_ = self._make_net()
                for encoder in (self.net_.encoder, self.net_.law_encoder):
                    if encoder is not None:
                        encoder.learn_scale(visits)
                self.history_ = self._train(visits, progress)
        finally:
            torch.random.set_rng_state(state)
        return self

    def infer(self, cohort: Spread, progress: bool = False) -> Posterior:
        """Return the posterior of every subject of a cohort over the same places."""
        self._check_fitted()
        if len(cohort.places) != len(self.places_):
            raise ValueError(
                f"the cohort has {len(cohort.places)} places, the model was fitted on {len(self.places_)}."
            )
        _check_visits(cohort)
        values, valid, times = self._read(cohort)
        visits = Visits(values, valid, times, self._initial(values, valid))
        with torch.no_grad():
            mean, log_sd, log_q = self.net_(visits)
        z, covariance = mean.clone(), torch.diag_embed(torch.exp(2 * log_sd))
        evidence = torch.zeros(mean.shape[:2])
        background = self.background and self.loss == "separate"
        starts = range(0, len(values), _CHUNK)
        quiet = {} if progress else {"disable": True}
        bar = tqdm(total=len(starts) * len(self.laws), desc="inferring", leave=False, **quiet)
        for start in starts:
            rows = slice(start, start + _CHUNK)
            some = Visits(*(part[rows] for part in visits))
            for k, law in enumerate(self.laws):
                if self.refine:
                    found = refine(
                        self._solver, law, some, mean[rows, k], self._prior, self.refine, 2 * self.steps, background
                    )
                    z[rows, k], covariance[rows, k], evidence[rows, k] = found
                else:
                    evidence[rows, k] = self._bound(some, law, mean[rows, k], log_sd[rows, k], background)
                bar.update()
        bar.close()
        log_q = evidence if log_q is None else log_q
        return Posterior(
            self._solver,
            self.components_,
            cohort.subjects,
            visits,
            z,
            covariance,
            evidence,
            log_q,
            2 * self.steps,
            self._prior,
        )

    def save(self, path: str | Path) -> Path:
        """Write the model to one ``.safetensors`` file, arrays and JSON, no pickle; never half a file."""
        self._check_fitted()
        arrays = {f"net.{name}": value for name, value in self.net_.state_dict().items()}
        arrays |= {"laplacian": torch.tensor(self._laplacian), "initial": torch.tensor(self.initial_)}
        arrays |= {"common": self._common, "directions": self._directions}
        if self._mask is not None:
            arrays["mask"] = self._mask
        facts = {
            "class": type(self).__name__,
            "params": self.get_params(),
            "places": self.places_.tolist(),
            "interrupted": self.interrupted_,
            "history": self.history_.to_dict(orient="list"),
        }
        return write_model(path, arrays, facts)

    @classmethod
    def load(cls, path: str | Path) -> "MechanisticMixture":
        """Read a model that `save` wrote.

        Raises
        ------
        FileNotFoundError
            If there is no such file.
        ValueError
            If the file holds no model of this class, or is damaged.
        """
        facts, arrays = read_model(path, cls.__name__)
        params = {name: tuple(v) if isinstance(v, list) else v for name, v in facts["params"].items()}
        model = cls(**params)
        model.places_ = pd.Index(facts["places"])
        model._settle(arrays["laplacian"].numpy(), arrays["mask"].numpy() if "mask" in arrays else None)
        model.initial_, model._common = arrays["initial"].numpy(), arrays["common"]
        model._directions = arrays["directions"]
        model.initial_rank_, model.interrupted_ = len(model._directions), facts["interrupted"]
        model.history_ = pd.DataFrame(facts["history"])
        model.history_.index = pd.RangeIndex(1, len(model.history_) + 1, name="epoch")
        model.net_ = model._make_net()
        state = {name.removeprefix("net."): value for name, value in arrays.items() if name.startswith("net.")}
        model.net_.load_state_dict(state)
        return model

    def _check_fitted(self) -> None:
        if not hasattr(self, "net_"):
            raise ValueError(f"this {type(self).__name__} is not fitted yet. Call fit(cohort) first.")

    def _settle(self, laplacian: np.ndarray, mask: np.ndarray | None) -> None:
        """Take over what does not depend on the subjects."""
        self._laplacian, self._mask = laplacian, None if mask is None else torch.tensor(mask)
        self._solver = _solver(laplacian, mask)
        self._prior = _prior(self.d_range, self.r_range)
        laws = list(self.laws)
        self.components_ = tuple(
            law if laws.count(law) == 1 else f"{law} {laws[: k + 1].count(law)}" for k, law in enumerate(laws)
        )

    def _bound(self, visits, law, mean, log_sd, background, draws=8):
        """ELBO of the network's posterior (B,), by draws of the rates."""
        generator = torch.Generator().manual_seed(self.seed)
        total = torch.zeros(len(mean))
        with torch.no_grad():
            for _ in range(draws):
                z = mean + log_sd.exp() * torch.randn(2, generator=generator)
                solved = self._solver.solve(visits.u0, visits.times, *z.exp().T, law, 2 * self.steps)
                total += log_marginal(visits, solved, background) / draws
            return total - kl_normal(mean, log_sd, *self._prior)

    def _check(self, cohort: Spread) -> None:
        if not self.laws or not set(self.laws) <= set(LAWS):
            raise ValueError(f"laws is {tuple(self.laws)!r}; expected some of {', '.join(map(repr, LAWS))}.")
        if self.loss == "separate" and len(set(self.laws)) < len(self.laws):
            raise ValueError(
                f"laws is {tuple(self.laws)!r}; expected each once with loss='separate', which would fit the same "
                "twice. Use rate_components for groups under one law, or loss='mixture'."
            )
        known = {"encoder": ("modes", "image"), "loss": ("separate", "mixture"), "initial": ("inferred", "first")}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(map(repr, choices))}.")
        if self.encoder == "image" and cohort.mask is None:
            raise ValueError(f"encoder 'image' needs images; spread {cohort.name!r} has none. Use encoder='modes'.")
        if len(cohort.subjects) < 3:
            raise ValueError(
                f"spread {cohort.name!r} has {len(cohort.subjects)} subjects; expected at least 3 to train a network. "
                "For fewer, xsg.models.mechanistic.refine fits each by itself."
            )
        _check_visits(cohort)

    def _read(self, cohort: Spread) -> tuple[Tensor, Tensor, Tensor]:
        values = torch.tensor(cohort.values, dtype=torch.float32)
        valid = values.isfinite().float()
        values = values.nan_to_num(0.0)
        if self.min_max:
            outside = cohort.mask is not None and not cohort.mask.all()  # zeros that the paper's minimum sees too
            least = values.flatten(1).amin(1).clamp(max=0.0 if outside else torch.inf)[:, None, None]
            values = (values - least) / (values.flatten(1).amax(1)[:, None, None] - least) * valid
        if self.monotone:
            values = _rising(values, valid)
        times = torch.tensor(cohort.times, dtype=torch.float32)
        return values, valid, times - times[:, :1]

    def _learn_initial(self, values: Tensor, valid: Tensor) -> None:
        """Learn what first visits have in common, and how they differ beyond noise."""
        first, seen = values[:, 0], valid[:, 0]
        common = (first * seen).sum(0) / seen.sum(0).clamp(min=1)
        self._common = common
        # A quarter of the places is taken to be still empty: what is seen there is background.
        floor = common.quantile(0.25) if self.background and self.loss == "separate" else torch.zeros(())
        apart = (first - common) * seen
        # What does not stand out of the noise of its mean is empty too: growth would make something of nothing.
        doubt = 3 * apart.square().sum(0).sqrt() / seen.sum(0).clamp(min=1) if floor > 0 else torch.zeros(())
        self.initial_ = (common - floor).where(common - floor > doubt, 0).clamp(0, 1).numpy()
        # What is the same everywhere is background, not a difference in state.
        apart = apart - apart.mean(1, keepdim=True)
        _, strength, directions = torch.linalg.svd(apart, full_matrices=False)
        ratio = min(apart.shape) / max(apart.shape)
        threshold = 0.56 * ratio**3 - 0.95 * ratio**2 + 1.82 * ratio + 1.43  # their approximation for unknown noise
        keep = (strength > threshold * strength.median()) & (strength > 1e-4 * common.norm())
        self._directions = directions[keep]
        self.initial_rank_ = int(keep.sum())

    def _initial(self, values: Tensor, valid: Tensor) -> Tensor:
        """State at the first visit (B, n)."""
        if self.initial == "first":
            return values[:, 0].clamp(0, 1)
        apart = (values[:, 0] - self._common) * valid[:, 0]
        apart = apart - apart.mean(1, keepdim=True)
        return (torch.tensor(self.initial_) + apart @ self._directions.T @ self._directions).clamp(0, 1)

    def _make_net(self) -> MechanisticNet:
        def encoder():
            if self.encoder == "image":
                return ImageEncoder(self._mask), 32
            modes = np.linalg.eigh((self._laplacian + self._laplacian.T) / 2)[1][:, : self.modes]
            # The sign of an eigenvector is the library's whim; a rule makes it the same on every machine.
            modes = modes * np.sign(modes[np.abs(modes).argmax(0), np.arange(modes.shape[1])])
            return ModesEncoder(torch.tensor(modes, dtype=torch.float32), self.hidden), self.hidden

        rates, width = encoder()
        laws = encoder()[0] if self.loss == "mixture" else None
        return MechanisticNet(rates, laws, width, len(self.laws), self._prior[0])

    def _train(self, visits: Visits, progress: bool) -> pd.DataFrame:
        count, net = len(visits.values), self.net_
        optimiser = torch.optim.Adam(net.parameters(), self.lr, weight_decay=self.weight_decay, amsgrad=True)
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, 10, self.decay)
        generator = torch.Generator().manual_seed(self.seed)
        history, best, self.interrupted_ = [], (np.inf, None), False
        quiet = {} if progress else {"disable": True}
        bar = tqdm(range(self.epochs), desc="training", unit="epoch", leave=False, **quiet)
        try:
            for epoch in bar:
                sums: dict[str, float] = {}
                for rows in torch.randperm(count, generator=generator).split(self.batch):
                    some = Visits(*(part[rows] for part in visits))
                    noise = torch.randn(len(rows), len(self.laws), 2, generator=generator)
                    common = (net, self._solver, self.laws, some, noise, self._prior, self.steps)
                    terms = mixture_loss(*common) if self.loss == "mixture" else separate_loss(*common, self.background)
                    for name, term in terms.items():
                        if not term.isfinite():
                            raise FloatingPointError(
                                f"the term {name!r} of the loss became {term.item()} in epoch {epoch} "
                                f"(lr={self.lr:g}). Lower lr, or look for extreme values in the cohort."
                            )
                        sums[name] = sums.get(name, 0.0) + float(term.detach()) * len(rows) / count
                    optimiser.zero_grad()
                    sum(terms.values()).backward()
                    torch.nn.utils.clip_grad_norm_(net.parameters(), 100.0 * len(self.laws))
                    optimiser.step()
                schedule.step()
                history.append(sums)
                if sum(sums.values()) < best[0]:
                    best = sum(sums.values()), copy.deepcopy(net.state_dict())
        except KeyboardInterrupt:
            self.interrupted_ = True
            if best[1] is not None:
                net.load_state_dict(best[1])
            warnings.warn(
                f"training interrupted after {len(history)} of {self.epochs} epochs; the best state so far is kept.",
                stacklevel=3,
            )
        finally:
            bar.close()
        return pd.DataFrame(history, pd.RangeIndex(1, len(history) + 1, name="epoch"))


class MechanisticVAE(MechanisticMixture):
    """The mixture of one law: a physics-informed variational autoencoder.

    Parameters are those of `MechanisticMixture`, with one ``law`` for ``laws``.

    Examples
    --------
    >>> MechanisticVAE("damped").laws
    ('damped',)
    """

    def __init__(
        self,
        law: str = "logistic",
        encoder: str = "modes",
        loss: str = "separate",
        initial: str = "inferred",
        min_max: bool = False,
        background: bool = True,
        monotone: bool = False,
        refine: int = 8,
        d_range: tuple[float, float] = (0.01, 1.0),
        r_range: tuple[float, float] = (0.01, 0.1),
        epochs: int = 40,
        batch: int = 32,
        lr: float = 5e-3,
        weight_decay: float = 0.0,
        decay: float = 0.3,
        steps: int = 4,
        hidden: int = 64,
        modes: int = 32,
        seed: int = 0,
    ):
        super().__init__(
            (law,), encoder, loss, initial, min_max, background, monotone, refine, d_range, r_range, epochs, batch, lr,
            weight_decay, decay, steps, hidden, modes, seed,
        )  # fmt: skip
        self.law = law


def maximum_likelihood(
    cohort: Spread,
    laws: Sequence[str] = ("logistic", "damped", "cooperative"),
    background: bool = True,
    steps: int = 8,
    iterations: int = 12,
) -> Posterior:
    """Fit every law to every subject from the true initial state, by maximum likelihood: the oracle of the benchmark.

    No prior, no network, no other subject; equal noise is assumed and its level estimated with D and R. Only a
    simulated cohort knows its initial state.

    Returns
    -------
    Posterior
        With the likelihood as evidence and the inverse Fisher information as covariance.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.load_spread("disc", n_train=0, n_validation=0, n_test=3)
    >>> bool((maximum_likelihood(cohort).law == cohort.truth.rates["law"]).all())
    True
    """
    if cohort.truth is None:
        raise ValueError(f"spread {cohort.name!r} is real: its true initial state is not known. Fit a model to it.")
    values = torch.tensor(cohort.values, dtype=torch.float32)
    valid = values.isfinite().float()
    times = torch.tensor(cohort.times, dtype=torch.float32)
    u0 = torch.tensor(cohort.truth.initial, dtype=torch.float32).expand(len(values), -1)
    visits = Visits(values.nan_to_num(0.0), valid, times - times[:, :1], u0)
    solver = _solver(cohort.laplacian, cohort.mask)
    z, covariance = torch.zeros(len(values), len(laws), 2), torch.zeros(len(values), len(laws), 2, 2)
    evidence = torch.zeros(len(values), len(laws))
    start = torch.tensor([0.3, 0.045]).log()
    for begin in range(0, len(values), _CHUNK):
        rows = slice(begin, begin + _CHUNK)
        some = Visits(*(part[rows] for part in visits))
        for k, law in enumerate(laws):
            z_start = start.expand(len(some.values), -1)
            found = refine(solver, law, some, z_start, None, iterations, steps, background)
            z[rows, k], covariance[rows, k], evidence[rows, k] = found
    return Posterior(solver, laws, cohort.subjects, visits, z, covariance, evidence, evidence, steps)


class Choice(NamedTuple):
    """Which set of laws explains a held-out cohort best."""

    laws: tuple[str, ...]
    table: pd.DataFrame  # index: set of laws; ``bound`` (nats per subject), ``behind`` (nats in all behind the best)


def select_laws(posterior: Posterior) -> Choice:
    """Choose among all sets of a model's laws by the bound on subjects it was not trained on.

    The bound of the mixture over a set is Σ_subjects log (1/K) Σ_{k in set} exp(evidence_k): a law that nobody follows
    costs log K/(K − 1) nats a subject. No set has to be trained anew, for the posterior of the rates under one law does
    not depend on the others (`xsg.models.mechanistic`).
    """
    evidence = torch.tensor(posterior.evidence.to_numpy())
    rows = {}
    for size in range(1, len(posterior.laws) + 1):
        for some in combinations(range(len(posterior.laws)), size):
            bound = torch.logsumexp(evidence[:, list(some)], 1) - np.log(size)
            rows[" + ".join(posterior.laws[k] for k in some)] = (float(bound.mean()), float(bound.sum()), some)
    table = pd.DataFrame({name: row[:2] for name, row in rows.items()}, ["bound", "behind"]).T
    table["behind"] = table["behind"].max() - table["behind"]
    table = table.sort_values("behind")
    return Choice(tuple(posterior.laws[k] for k in rows[table.index[0]][2]), table)


class RateComponents(NamedTuple):
    """Groups of rates under one law; component 1 spreads least."""

    law: str
    weights: np.ndarray  # (K,) shares of the subjects
    mean: np.ndarray  # (K, 2) of (log D, log R)
    covariance: np.ndarray  # (K, 2, 2) between subjects
    responsibilities: pd.DataFrame  # (S, K)
    bound: float  # nats per subject, in-sample, up to a constant that does not depend on K
    agreement: float  # share of subjects that the other starts put into the same component, once aligned

    def score(self, posterior: Posterior) -> float:
        """Return the bound on other subjects, nats per subject, up to the same constant."""
        return float(np.logaddexp.reduce(_component_evidence(*_likelihood(posterior, self.law), *self[1:4]), 1).mean())


def rate_components(posterior: Posterior, law: str, n: int, seed: int = 0, n_starts: int = 10) -> RateComponents:
    """Find n groups of (log D, log R) among subjects taken to follow one law: several components of one law.

    A mixture of normals whose members are each known up to their own posterior (the model's prior taken out), by
    expectation and maximisation (Bovy, Hogg & Roweis 2011, Ann. Appl. Stat. 5:1657, doi:10.1214/10-AOAS439). The best
    of several random starts is kept; the others' components are matched to its by their means, and it is counted how
    many subjects they put into the same one.

    Raises
    ------
    ValueError
        The law is not the posterior's; fewer than 2 n subjects.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.load_spread("disc", laws=["logistic"], n_train=0, n_validation=0, n_test=12)
    >>> found = rate_components(maximum_likelihood(cohort, ["logistic"]), "logistic", 2)
    >>> found.responsibilities.shape
    (12, 2)
    """
    from scipy.optimize import linear_sum_assignment

    information, pull = _likelihood(posterior, law)
    count = len(pull)
    if not 1 <= n <= count // 2:
        raise ValueError(f"n is {n}; expected 1 to {count // 2}, half the number of subjects ({count}).")
    # A subject that says nothing of a rate starts from the mean of those who do.
    spread = np.linalg.inv(information + np.eye(2) * 1e-3)
    centre = (spread @ pull[..., None])[..., 0]
    rng = np.random.default_rng(seed)
    starts = []
    for _ in range(n_starts):
        mean = centre[rng.choice(count, n, replace=False)]
        covariance = np.repeat((np.cov(centre.T) + 0.01 * np.eye(2))[None], n, axis=0)
        weights, before = np.full(n, 1 / n), -np.inf
        for _ in range(500):
            log = _component_evidence(information, pull, weights, mean, covariance)
            bound = np.logaddexp.reduce(log, 1).mean()
            share = np.exp(log - np.logaddexp.reduce(log, 1)[:, None])
            if bound - before < 1e-6:
                break
            before = bound
            inverse = np.linalg.inv(covariance)
            v = np.linalg.inv(information[:, None] + inverse)  # (S, K, 2, 2): of each subject under each component
            z = (v @ (pull[:, None] + (inverse @ mean[..., None])[..., 0])[..., None])[..., 0]
            total = share.sum(0) + 1e-9
            weights, mean = total / total.sum(), (share[..., None] * z).sum(0) / total[:, None]
            apart = z - mean
            scatter = (share[..., None, None] * (v + apart[..., None] * apart[..., None, :])).sum(0)
            # As if one more subject were a tenth away from the mean: no component shrinks onto a single subject.
            covariance = (scatter + 0.01 * np.eye(2)) / (total + 1)[:, None, None]
        order = mean[:, 0].argsort()
        starts.append((bound, weights[order], mean[order], covariance[order], share[:, order]))
    bound, weights, mean, covariance, share = max(starts, key=lambda start: start[0])
    same = []
    for _, _, other, _, its_share in starts:
        _, match = linear_sum_assignment(np.square(mean[:, None] - other).sum(-1))
        same.append((its_share[:, match].argmax(1) == share.argmax(1)).mean())
    names = [f"{law} {k + 1}" for k in range(n)]
    table = pd.DataFrame(share, posterior.subjects, names)
    agreement = float((sum(same) - 1) / (n_starts - 1)) if n_starts > 1 else 1.0
    return RateComponents(law, weights, mean, covariance, table, float(bound), agreement)


def _likelihood(posterior: Posterior, law: str) -> tuple[np.ndarray, np.ndarray]:
    """Information A (S, 2, 2) and pull b (S, 2) of what was seen alone: log p(y | z) = −z'Az/2 + b'z + constant."""
    k = posterior._rows(law)[0]
    precision = np.linalg.inv(posterior._covariance[:, k].double().numpy())
    pull = (precision @ posterior._z[:, k, :, None].double().numpy())[..., 0]
    if posterior._prior is not None:
        mean, sd = (part.double().numpy() for part in posterior._prior)
        precision, pull = precision - np.diag(sd**-2), pull - mean * sd**-2
    values, vectors = np.linalg.eigh(precision)
    return (vectors * values.clip(min=0)[:, None]) @ vectors.mT, pull


def _component_evidence(information, pull, weights, mean, covariance) -> np.ndarray:
    """Log w_k ∫ p(y | z) N(z; m_k, C_k) dz, (S, K)."""
    inverse = np.linalg.inv(covariance)
    precision = information[:, None] + inverse
    shift = (inverse @ mean[..., None])[..., 0]
    both = pull[:, None] + shift
    fit = (both * np.linalg.solve(precision, both[..., None])[..., 0]).sum(-1) - (mean * shift).sum(-1)
    return np.log(weights) + 0.5 * (fit + np.linalg.slogdet(inverse)[1] - np.linalg.slogdet(precision)[1])


def _check_visits(cohort: Spread) -> None:
    """Refuse subjects of whom nothing can be learned."""
    seen = np.isfinite(cohort.values).any(axis=2)
    for problem, those in (
        ("was not measured at the first visit", ~seen[:, 0]),
        ("has no visit after the first", ~(seen[:, 1:] & (cohort.times[:, 1:] > cohort.times[:, :1])).any(axis=1)),
    ):
        if those.any():
            raise ValueError(
                f"spread {cohort.name!r}: subject {cohort.subjects[those][0]!r} {problem}, and {those.sum() - 1} more. "
                "Two visits are the least; leave such subjects out by cohort.part(boolean array)."
            )


def _rising(values: Tensor, valid: Tensor) -> Tensor:
    """Isotonic regression over visits: max over starts i ≤ t of min over ends j ≥ t of the mean of visits i to j."""
    total, number = ((part.cumsum(1)) for part in (values * valid, valid))
    total, number = (torch.cat([torch.zeros_like(part[:, :1]), part], 1) for part in (total, number))
    visits = values.shape[1]

    def mean(i, j):
        return (total[:, j] - total[:, i]) / (number[:, j] - number[:, i]).clamp(min=1)

    def least(i, t):
        return torch.stack([mean(i, j) for j in range(t + 1, visits + 1)]).amin(0)

    out = [torch.stack([least(i, t) for i in range(t + 1)]).amax(0) for t in range(visits)]
    return torch.stack(out, 1) * valid


def _growth(component: str) -> str:
    """Law of a component: "logistic" of "logistic 2"."""
    return component.split()[0]


def _solver(laplacian: np.ndarray, mask: np.ndarray | None) -> ReactionDiffusion:
    if mask is not None and mask.all():
        return ReactionDiffusion.on_grid(mask)
    return ReactionDiffusion(laplacian, directed=not np.allclose(laplacian, laplacian.T, rtol=0, atol=1e-9))


def _prior(d_range: tuple[float, float], r_range: tuple[float, float]) -> tuple[Tensor, Tensor]:
    """Mean and sd (2,) of (log D, log R)."""
    mean, sd = np.transpose([log_normal_prior(*d_range), log_normal_prior(*r_range)])
    return torch.tensor(mean, dtype=torch.float32), torch.tensor(sd, dtype=torch.float32)
