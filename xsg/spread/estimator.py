"""Training of the mechanistic models: amortised inference, refinement per subject, and the oracle to judge them by.

`MechanisticMixture` is the estimator, `MechanisticVAE` the mixture of one law; `maximum_likelihood` fits every law to
every subject from the true initial state; `select_laws` compares sets of laws, `rate_components` finds groups of rates
among those who follow one law.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from sklearn.utils.extmath import svd_flip
from torch import Tensor
from tqdm.auto import tqdm

from xsg.check import choice, flag, number, rows_of
from xsg.machine import moved, on, one_thread
from xsg.spread import likeness
from xsg.spread.cohort import Spread
from xsg.spread.laplacian import as_laplacian, as_mask
from xsg.spread.likeness import UnlikeTrainingWarning
from xsg.spread.model import (
    ImageEncoder,
    MechanisticNet,
    ModesEncoder,
    Visits,
    kl_normal,
    log_marginal,
    mixture_loss,
    refine,
    separate_loss,
)
from xsg.spread.physics import LAWS
from xsg.spread.posterior import CHUNK, Posterior
from xsg.spread.rate_groups import Choice, RateComponents, rate_components, select_laws
from xsg.spread.visits import FIXED, SETTINGS, check_cohort, check_visits, make_prior, make_solver
from xsg.spread.visits import rising as _rising
from xsg.training.base import Estimator
from xsg.training.loop import Loop
from xsg.training.settings import Rule, checked
from xsg.training.whole import whole_fit

__all__ = [
    "PRESETS",
    "Choice",
    "MechanisticMixture",
    "MechanisticVAE",
    "Posterior",
    "RateComponents",
    "UnlikeTrainingWarning",
    "maximum_likelihood",
    "rate_components",
    "select_laws",
]

FINE = 6  # times as many splitting steps at the end of refinement: 24 by default, see experiments/solver_steps.py

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
        "steps": 4,  # a largest error below that of the authors' solver at their tolerances
        "as_published": True,
    },
    "xsg": {},
}


class MechanisticMixture(Estimator):
    """Mixture of reaction-diffusion laws: which of them a subject follows, how fast it spreads and how fast it grows.

    Parameters
    ----------
    laws
        Names of `xsg.spread.physics.LAWS`, one for each component. Under the loss ``"mixture"`` a law may be named
        several times; its components are then called "logistic 1", "logistic 2", … With ``"separate"`` each law is
        named once: groups of rates under one law are found afterwards, by `rate_components`.
    encoder
        ``"modes"``: shares of the slowest modes of the Laplacian and a recurrent unit. ``"image"``: the convolutions of
        arXiv:2509.15124.
    loss
        ``"separate"``: each law fitted to each subject, noise level and background integrated out. ``"mixture"``: a
        network gives q(k), as in the paper, by an objective that is no bound on the evidence; ``"bound"``: the same,
        mended to be one. See `xsg.spread.model`.
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
        Adam (with amsgrad), its step multiplied by ``decay`` every ten epochs. With 0 epochs the network stays as it
        was made, and all is left to refinement.
    steps
        Splitting steps of the solver in training. Refinement sets out with as many and ends with six times as many, so
        that the solver's error in R is small beside the noise's at a signal-to-noise ratio of 5.
    hidden, modes
        Width of the recurrent unit and number of modes of the encoder ``"modes"``.
    seed
        Seed of weights, noise and order.
    as_published
        With the loss ``"mixture"`` or ``"bound"``, what else the authors of arXiv:2509.15124 do: heads start at gain 1
        and a posterior of sd 1, log sd is not held within bounds, the likelihood counts every pixel of the frame, those
        outside the mask included, the loss is summed over a batch (which makes weight decay count less), and no
        gradient is clipped. Their choice of the epoch by validation subjects is `fit`'s.
    device
        ``"auto"``: a GPU where there is one; ``"cpu"``, ``"cuda"``.

    Attributes
    ----------
    net_ : xsg.spread.model.MechanisticNet
    history_ : DataFrame
        One row per epoch: the named terms of the loss, mean over subjects; the total is their sum.
    components_ : tuple of str
        Names of the components: the laws, numbered where one occurs several times.
    validation_ : Series or None
        The loss of the validation subjects by epoch, if `fit` was given any: the weights of its least are kept.
    interrupted_ : bool
        Whether Ctrl-C ended the fit; the weights of the best epoch so far are then kept.
    initial_ : ndarray (n,)
        What first visits have in common.
    initial_rank_ : int
        Number of components by which a subject's initial state may differ from it.
    trained_on_ : dict or None
        What the training subjects looked like, with which `infer` compares others (`xsg.spread.likeness`). None in
        a model saved by an earlier version, or interrupted before it was known.
    doubts_ : tuple of str
        What of the training subjects the equation cannot have made.

    Examples
    --------
    >>> import xsg
    >>> cohort = xsg.load_spread("disc", n_train=8, n_validation=0, n_test=2)
    >>> model = MechanisticMixture(epochs=1).fit(cohort.part("train"))
    >>> model.infer(cohort.part("test")).rates().columns.tolist()
    ['law', 'D', 'D_low', 'D_high', 'R', 'R_low', 'R_high']
    """

    PRESETS = PRESETS
    FACTS: ClassVar[dict[str, Rule]] = {"interrupted_": flag}
    FIXED = FIXED
    DOUBLE = True
    CALL = "fit(cohort)"

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
        as_published: bool = False,
        device: str = "auto",
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
        self.as_published = as_published
        self.device = device

    @whole_fit
    def fit(self, cohort: Spread, progress: bool = False, validation: Spread | None = None) -> "MechanisticMixture":
        """Train on all subjects of a cohort; return itself.

        Parameters
        ----------
        cohort
            The training subjects.
        progress
            Draw a bar.
        validation
            Other subjects over the same places, whose loss is taken after every epoch; the weights of the best epoch
            are kept, as arXiv:2509.15124 does. Without any, those of the last.

        Ctrl-C keeps the best epoch so far and says so; before the first has ended, and where the fit fails, the model
        is left as it was.

        Warns
        -----
        UnlikeTrainingWarning
            Of what the equation cannot have made: intensities that span more than states do, pixels that never
            change, noise that is not white.

        Raises
        ------
        TypeError, ValueError
            Options or laws that are unknown; a cohort that the encoder cannot read.
        FloatingPointError
            A term of the loss, its gradient, or the loss of the validation subjects, that is not finite.
        """
        self._check(check_cohort(cohort))
        self.places_ = cohort.places
        self._settle(cohort.laplacian, cohort.mask)
        values, valid, times = self._read(cohort)
        self._learn_initial(values, valid)
        visits = moved(Visits(values, valid, times, self._initial(values, valid)), self.device_)
        held_out = None
        if validation is not None:
            validation, reasons = self._joined(check_cohort(validation))
            if reasons:
                told = "; ".join(reasons.values())
                raise ValueError(
                    f"validation {validation.name!r} is no cohort of the training's kind: {told}. Give subjects of the "
                    "same places and network, or leave validation out."
                )
            check_visits(validation)
            values, valid, times = self._read(validation)
            held_out = moved(Visits(values, valid, times, self._initial(values, valid)), self.device_)
        state = torch.random.get_rng_state()
        try:
            with one_thread():
                torch.manual_seed(self.seed)
                self.net_ = self._make_net().to(self.device_)
                for encoder in (self.net_.encoder, self.net_.law_encoder):
                    if encoder is not None:
                        encoder.learn_scale(visits)
                self.history_ = self._train(visits, progress, held_out)
                with on(self.device_):
                    likeness.know(self, visits)
        finally:
            torch.random.set_rng_state(state)
        self._remember(vars(self))
        if self.doubts_:
            warnings.warn(
                f"spread {cohort.name!r} cannot be what the model's equation makes: {'; '.join(self.doubts_)}. Laws "
                "and rates may be wrong however sure the posterior is.",
                UnlikeTrainingWarning,
                stacklevel=3,
            )
        return self

    def infer(self, cohort: Spread, progress: bool = False) -> Posterior:
        """Return the posterior of every subject of a cohort over the same places, joined by name.

        Warns
        -----
        UnlikeTrainingWarning
            Where subjects are unlike those trained on; `Posterior.unlike` says which, and in what.

        Raises
        ------
        TypeError, ValueError
            What is no cohort; other places; subjects of whom nothing can be learned; a model not fitted, or changed
            since.
        """
        self._check_fitted()
        cohort, reasons = self._joined(check_cohort(cohort))
        check_visits(cohort)
        values, valid, times = self._read(cohort)
        visits = moved(Visits(values, valid, times, self._initial(values, valid)), self.device_)
        with on(self.device_):
            z, covariance, evidence, log_q = self._answers(visits, progress)
            wrong = ~(evidence.isfinite() & z.isfinite().all(-1) & log_q.isfinite()).all(1).cpu()
            if wrong.any():
                raise ValueError(
                    f"spread {cohort.name!r}: the posterior of subject {cohort.subjects[wrong.numpy()][0]!r}, and of "
                    f"{int(wrong.sum()) - 1} more, is not finite. Look for extreme values."
                )
            unlike = None
            if self.trained_on_ is not None:
                unlike = likeness.judge(self, cohort, visits, z, log_q, reasons)
        visits, z, covariance, evidence, log_q, prior = moved(
            (visits, z, covariance, evidence, log_q, self._prior), "cpu"
        )
        steps = (FINE if self.refine else 2) * self.steps
        return Posterior(
            solver=self._solver,
            laws=self.components_,
            subjects=cohort.subjects,
            visits=visits,
            z=z,
            covariance=covariance,
            evidence=evidence,
            log_q=log_q,
            steps=steps,
            prior=prior,
            unlike=unlike,
        )

    def _answers(self, visits: Visits, progress: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return of each subject and law (S, K): the posterior's mode and covariance, evidence and log q."""
        with torch.no_grad():
            mean, log_sd, log_q = self.net_(visits)
        z, covariance = mean.clone(), torch.diag_embed(torch.exp(2 * log_sd))
        evidence = torch.zeros(mean.shape[:2])
        background = self.background and self.loss == "separate"
        starts = range(0, len(mean), CHUNK)
        quiet = {} if progress else {"disable": True}
        with tqdm(total=len(starts) * len(self.laws), desc="inferring", leave=False, **quiet) as bar:
            for start in starts:
                rows = slice(start, start + CHUNK)
                some = Visits(*(part[rows] for part in visits))
                for k, law in enumerate(self.laws):
                    if self.refine:
                        rough, fine = (self.refine, self.steps), (min(self.refine, 2), FINE * self.steps)
                        start = mean[rows, k]
                        for iterations, steps in (rough, fine):
                            found = refine(self._solver, law, some, start, self._prior, iterations, steps, background)
                            start = found.z
                        z[rows, k], covariance[rows, k], evidence[rows, k] = found
                    else:
                        evidence[rows, k] = self._bound(some, law, mean[rows, k], log_sd[rows, k], background)
                    bar.update()
        return z, covariance, evidence, evidence if log_q is None else log_q

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        arrays = {"laplacian": torch.tensor(self._laplacian), "initial": torch.tensor(self.initial_)}
        arrays |= {"common": self._common, "directions": self._directions}
        if self._mask is not None:
            arrays["mask"] = self._mask
        facts = {
            "places": self.places_.tolist(),
            "validation": None if self.validation_ is None else self.validation_.tolist(),
            "trained_on": self.trained_on_,
            "doubts": self.doubts_,
        }
        return arrays, facts

    @classmethod
    def _mend(cls, facts: dict, arrays: dict[str, Tensor]) -> None:
        facts.setdefault("fitted", {"interrupted_": facts.get("interrupted")})

    def _unpack(self, facts: dict, arrays: dict[str, Tensor]) -> None:
        self._tidy()
        self.places_ = pd.Index(facts["places"])
        self._settle(arrays.pop("laplacian").numpy(), arrays.pop("mask").numpy() if "mask" in arrays else None)
        self.initial_ = arrays.pop("initial").numpy()
        self._common, self._directions = arrays.pop("common"), arrays.pop("directions")
        self.initial_rank_ = len(self._directions)
        validation = facts.get("validation")
        self.validation_ = None if validation is None else pd.Series(validation, self.history_.index, name="loss")
        self.net_ = self._make_net()
        self.trained_on_, self.doubts_ = facts.get("trained_on"), tuple(facts.get("doubts", ()))

    def _settings(self) -> dict[str, object]:
        self._tidy()
        return self.get_params()

    def _check_fitted(self) -> None:
        self._tidy()
        super()._check_fitted()

    def _tidy(self) -> None:
        """Check the settings, and hold them as plain values."""
        given = self.laws
        if isinstance(given, str) or not np.iterable(given):
            raise TypeError(f"laws is {given!r}; expected a list of names, such as ('logistic', 'damped').")
        laws = tuple(given)
        if not laws or not all(isinstance(law, str) and law in LAWS for law in laws):
            raise ValueError(f"laws is {laws!r}; expected some of {', '.join(map(repr, LAWS))}.")
        self.laws = tuple(map(str, laws)) if not isinstance(given, tuple) else given
        if self.loss == "separate" and len(set(laws)) < len(laws):
            raise ValueError(
                f"laws is {laws!r}; expected each once with loss='separate', which would fit the same "
                "twice. Use rate_components for groups under one law, or loss='mixture'."
            )
        known = {
            "encoder": ("modes", "image"),
            "loss": ("separate", "mixture", "bound"),
            "initial": ("inferred", "first"),
        }
        for name, choices in known.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in choices:
                raise ValueError(f"{name} is {value!r}; expected one of {', '.join(map(repr, choices))}.")
        vars(self).update(checked({name: getattr(self, name) for name in SETTINGS}, SETTINGS))
        if self.as_published and self.loss == "separate":
            raise ValueError("as_published is for the losses 'mixture' and 'bound'; with 'separate' leave it False.")

    def _joined(self, cohort: Spread) -> tuple[Spread, dict[str, str]]:
        """Bring a cohort's places into the model's order, and say in what they are other than those trained on."""
        if len(cohort.places) != len(self.places_):
            masks = ""
            if cohort.mask is not None and self._mask is not None:
                masks = f" The mask should be the model's, {len(self.places_)} of {self._mask.numel()} pixels."
            raise ValueError(
                f"the cohort has {len(cohort.places)} places, the model was fitted on {len(self.places_)}.{masks}"
            )
        laplacian = cohort.laplacian
        if not cohort.places.equals(self.places_):
            rows = rows_of(cohort.places, self.places_, f"spread {cohort.name!r}")
            laplacian = laplacian[np.ix_(rows, rows)]
            cohort = replace(
                cohort, values=cohort.values[..., rows], laplacian=laplacian, places=self.places_, truth=None
            )
        reasons = {}
        if cohort.mask is not None and self._mask is not None:
            here, there = as_mask(cohort.mask), self._mask.numpy()
            if here.shape != there.shape:
                reasons["mask"] = f"a mask of {here.shape}; trained on one of {there.shape}"
            elif (here != there).any():
                reasons["mask"] = f"a mask in which {(here != there).sum()} pixels differ from the one trained on"
        apart = np.abs(laplacian - self._laplacian).max()
        if not reasons and apart > 1e-6 * np.abs(self._laplacian).max():
            reasons["network"] = f"a network whose weights differ by up to {apart:.3g} from the one trained on"
        return cohort, reasons

    def _settle(self, laplacian: np.ndarray, mask: np.ndarray | None) -> None:
        """Take over what does not depend on the subjects."""
        mask = None if mask is None else as_mask(mask)
        self._laplacian, self._mask = (
            as_laplacian(laplacian, directed=True)[0],
            None if mask is None else torch.tensor(mask),
        )
        self._solver = make_solver(self._laplacian, mask)
        self.device_ = self._place()
        self._prior = moved(make_prior(self.d_range, self.r_range), self.device_)
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
                z = mean + log_sd.exp() * torch.randn(2, generator=generator, device="cpu").to(mean)
                solved = self._solver.advance(visits.u0, visits.times, *z.exp().T, law, 2 * self.steps)
                total += log_marginal(visits, solved, background) / draws
            return total - kl_normal(mean, log_sd, *self._prior)

    def _check(self, cohort: Spread) -> None:
        self._tidy()
        if self.encoder == "image" and cohort.mask is None:
            raise ValueError(f"encoder 'image' needs images; spread {cohort.name!r} has none. Use encoder='modes'.")
        if len(cohort.subjects) < 3:
            raise ValueError(
                f"spread {cohort.name!r} has {len(cohort.subjects)} subjects; expected at least 3 to train a network. "
                "For fewer, xsg.spread.model.refine fits each by itself."
            )
        check_visits(cohort)

    def _read(self, cohort: Spread) -> tuple[Tensor, Tensor, Tensor]:
        values = torch.tensor(cohort.values, dtype=torch.float32)
        valid = values.isfinite().float()
        values = values.nan_to_num(0.0)
        if self.min_max:
            outside = cohort.mask is not None and not cohort.mask.all()  # zeros that the paper's minimum sees too
            least = values.flatten(1).amin(1).clamp(max=0.0 if outside else torch.inf)[:, None, None]
            span = values.flatten(1).amax(1)[:, None, None] - least
            if not (span > 0).all():
                flat = cohort.subjects[(span <= 0).flatten().numpy()][0]
                raise ValueError(
                    f"spread {cohort.name!r}: subject {flat!r} has one value everywhere; min_max cannot scale it. "
                    "Leave such subjects out."
                )
            values = (values - least) / span * valid
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
            modes, _ = svd_flip(modes, None)
            return ModesEncoder(torch.tensor(modes, dtype=torch.float32), self.hidden), self.hidden

        rates, width = encoder()
        laws = encoder()[0] if self.loss != "separate" else None
        return MechanisticNet(rates, laws, width, len(self.laws), self._prior[0].cpu(), self.as_published)

    def _terms(self, visits: Visits, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms of the loss, mean over subjects."""
        noise = torch.randn(len(visits.values), len(self.laws), 2, generator=generator).to(self.device_)
        common = (self.net_, self._solver, self.laws, visits, noise, self._prior, self.steps)
        if self.loss == "separate":
            return separate_loss(*common, self.background)
        outside = 0 if self._mask is None or not self.as_published else int((~self._mask).sum())
        return mixture_loss(*common, outside, self.loss == "bound")

    def _held_out_loss(self, visits: Visits, generator: torch.Generator) -> float:
        """Loss of the validation subjects, mean over them."""
        total, count = 0.0, len(visits.values)
        with torch.no_grad():
            for rows in torch.arange(count).split(CHUNK):
                terms = self._terms(Visits(*(part[rows] for part in visits)), generator)
                total += float(sum(terms.values())) * len(rows) / count
        return total

    def _train(self, visits: Visits, progress: bool, held_out: Visits | None) -> pd.DataFrame:
        count, net = len(visits.values), self.net_
        optimiser = torch.optim.Adam(net.parameters(), self.lr, weight_decay=self.weight_decay, amsgrad=True)
        schedule = torch.optim.lr_scheduler.StepLR(optimiser, 10, self.decay)
        generator = torch.Generator().manual_seed(self.seed)
        unseen = torch.Generator().manual_seed(self.seed + 1)  # leaves the stream of the training as it is without
        held_out_losses: list[float] = []
        loop = Loop(
            net,
            self.epochs,
            lr=self.lr,
            advice=lambda: "Lower lr, or look for extreme values in the cohort.",
            progress=progress,
            restore=held_out is not None,
        )
        with loop:
            for _ in loop:
                sums: dict[str, float] = {}
                for rows in torch.randperm(count, generator=generator).split(self.batch):
                    terms = self._terms(Visits(*(part[rows] for part in visits)), generator)
                    for name, term in terms.items():
                        sums[name] = sums.get(name, 0.0) + float(term.detach()) * len(rows) / count
                    most = torch.inf if self.as_published else 100.0 * len(self.laws)
                    loop.step(optimiser, terms, clip=most, times=len(rows) if self.as_published else 1)
                schedule.step()
                loss = sum(sums.values())
                if held_out is not None:
                    loss = self._held_out_loss(held_out, unseen)
                    loop.check({"validation": torch.tensor(loss)})
                    held_out_losses.append(loss)
                loop.log(sums, loss)
        self.interrupted_, history = loop.interrupted, loop.history
        self.validation_ = None
        if held_out is not None:
            self.validation_ = pd.Series(held_out_losses[: len(history)], history.index, name="loss")
        return history


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
        as_published: bool = False,
        device: str = "auto",
    ):
        super().__init__(
            (law,), encoder, loss, initial, min_max, background, monotone, refine, d_range, r_range, epochs, batch, lr,
            weight_decay, decay, steps, hidden, modes, seed, as_published, device,
        )  # fmt: skip
        self.law = law

    def _tidy(self) -> None:
        if not isinstance(self.law, str):
            raise TypeError(f"law is {self.law!r}; expected one name. MechanisticMixture takes several.")
        self.laws = (choice(self.law, LAWS, "law"),)
        super()._tidy()


def maximum_likelihood(
    cohort: Spread,
    laws: Sequence[str] = ("logistic", "damped", "cooperative"),
    background: bool = True,
    steps: int = 32,
    iterations: int = 12,
) -> Posterior:
    """Fit every law to every subject from the true initial state, by maximum likelihood: the oracle of the benchmark.

    No prior, no network, no other subject; equal noise is assumed and its level estimated with D and R. Only a
    simulated cohort knows its initial state. The equation is solved in finer steps than any model's, so that the
    oracle can clear a model of an error that comes of its solver, or convict it.

    Parameters
    ----------
    cohort
        Simulated subjects.
    laws
        Names of `xsg.spread.physics.LAWS`, each once.
    background
        Allow a constant to be added to what is seen.
    steps
        Splitting steps of the solver; where there are more than four, it climbs with four first.
    iterations
        Most iterations, and as many as three more in fine steps.

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
    check_cohort(cohort)
    laws = [choice(law, LAWS, "law") for law in ([laws] if isinstance(laws, str) else laws)]
    if len(set(laws)) < max(1, len(laws)):
        raise ValueError(f"laws is {tuple(laws)!r}; expected some of {', '.join(map(repr, LAWS))}, each once.")
    background, steps = flag(background, "background"), number(steps, "steps", 1, whole=True)
    iterations = number(iterations, "iterations", 1, whole=True)
    if cohort.truth is None:
        raise ValueError(f"spread {cohort.name!r} is real: its true initial state is not known. Fit a model to it.")
    values = torch.tensor(cohort.values, dtype=torch.float32)
    valid = values.isfinite().float()
    times = torch.tensor(cohort.times, dtype=torch.float32)
    u0 = torch.tensor(cohort.truth.initial, dtype=torch.float32).expand(len(values), -1)
    visits = Visits(values.nan_to_num(0.0), valid, times - times[:, :1], u0)
    solver = make_solver(cohort.laplacian, cohort.mask)
    z, covariance = torch.zeros(len(values), len(laws), 2), torch.zeros(len(values), len(laws), 2, 2)
    evidence = torch.zeros(len(values), len(laws))
    start = torch.tensor([0.3, 0.045]).log()
    for begin in range(0, len(values), CHUNK):
        rows = slice(begin, begin + CHUNK)
        some = Visits(*(part[rows] for part in visits))
        for k, law in enumerate(laws):
            begin_at = start.expand(len(some.values), -1)
            if steps > 4:
                begin_at = refine(solver, law, some, begin_at, None, iterations, 4, background).z
            last = min(iterations, 3) if steps > 4 else iterations
            found = refine(solver, law, some, begin_at, None, last, steps, background)
            z[rows, k], covariance[rows, k], evidence[rows, k] = found
    return Posterior(
        solver=solver,
        laws=laws,
        subjects=cohort.subjects,
        visits=visits,
        z=z,
        covariance=covariance,
        evidence=evidence,
        steps=steps,
    )
