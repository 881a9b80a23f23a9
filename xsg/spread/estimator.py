"""Training of the mechanistic models: amortised inference, refinement per subject, and the oracle to judge them by.

`MechanisticMixture` is the estimator, `MechanisticVAE` the mixture of one law; `maximum_likelihood` fits every law to
every subject from the true initial state; `select_laws` compares sets of laws, `rate_components` finds groups of rates
among those who follow one law.
"""

import warnings
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from torch import Tensor

from xsg.check import choice, flag
from xsg.machine import moved, on, one_thread
from xsg.spread import likeness
from xsg.spread.cohort import Spread
from xsg.spread.infer import FINE, answers
from xsg.spread.laplacian import as_laplacian, as_mask
from xsg.spread.likeness import UnlikeTrainingWarning
from xsg.spread.model import ImageEncoder, MechanisticNet, ModesEncoder
from xsg.spread.modes import slow_modes
from xsg.spread.oracle import maximum_likelihood
from xsg.spread.physics import LAWS
from xsg.spread.posterior import Posterior
from xsg.spread.rate_groups import Choice, RateComponents, rate_components, select_laws
from xsg.spread.train import beyond, learn_initial, levelled, train
from xsg.spread.visits import (
    FIXED,
    PRESETS,
    as_seen,
    check_cohort,
    check_training,
    check_visits,
    inside_of,
    joined,
    make_prior,
    make_solver,
    packed,
    read,
    tidy,
    unpacked,
)
from xsg.training.base import Estimator
from xsg.training.settings import Rule
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
    gain
        Let what is seen of a full place differ between subjects: a third latent, whose log-normal prior is matched to
        the range given; ``True`` stands for ``(0.5, 2.0)``. What is seen is divided by it to make a state.
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
        gain: bool | tuple[float, float] = False,
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
        self.gain = gain

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
            change, noise that is not white. Of validation subjects without ``inside``, where those trained on have it.

        Raises
        ------
        TypeError, ValueError
            Options or laws that are unknown; a cohort that the encoder cannot read.
        FloatingPointError
            A term of the loss, its gradient, or the loss of the validation subjects, that is not finite.
        """
        check_training(self, cohort)
        self.places_ = cohort.places
        self._settle(cohort.laplacian, cohort.mask)
        values, valid, _ = read(cohort, self.min_max, self.monotone)
        background = self.background and self.loss == "separate"
        learned = learn_initial(values, valid, background, inside_of(cohort), bool(self.gain))
        (self._common, self.initial_, self._directions), self.initial_rank_ = learned, len(learned[2])
        visits = moved(as_seen(self, cohort), self.device_)
        held_out = None
        if validation is not None:
            validation, reasons = joined(check_cohort(validation), self)
            if reasons:
                told = "; ".join(reasons.values())
                raise ValueError(
                    f"validation {validation.name!r} is no cohort of the training's kind: {told}. Give subjects of the "
                    "same places and network, or leave validation out."
                )
            check_visits(validation)
            held_out = moved(as_seen(self, validation), self.device_)
            if cohort.inside is not None and (found := likeness.unmeasured(held_out)):
                warnings.warn(
                    f"validation {validation.name!r}: {sum(map(bool, found['inside']))} of {len(validation.subjects)} "
                    "subjects have places never measured, where those trained on have places of their own: the epoch "
                    "may be chosen by what they lack. Give inside.",
                    UnlikeTrainingWarning,
                    stacklevel=3,
                )
        state = torch.random.get_rng_state()
        try:
            with one_thread():
                torch.manual_seed(self.seed)
                self.net_ = self._make_net().to(self.device_)
                for encoder in (self.net_.encoder, self.net_.law_encoder):
                    if encoder is not None:
                        encoder.learn_scale(visits)
                train(self, visits, progress, held_out)
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
        cohort, reasons = joined(check_cohort(cohort), self)
        check_visits(cohort)
        visits = moved(as_seen(self, cohort), self.device_)
        with on(self.device_):
            z, covariance, evidence, log_q = answers(self, visits, progress)
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
            background=self.background and self.loss == "separate",
            cohort=cohort,
        )

    def _pack(self) -> tuple[dict[str, Tensor], dict[str, object]]:
        arrays = {"initial": torch.tensor(self.initial_), "common": self._common, "directions": self._directions}
        arrays |= packed(self._laplacian)
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
        self._settle(unpacked(arrays), arrays.pop("mask").numpy() if "mask" in arrays else None)
        self.initial_ = arrays.pop("initial").numpy()
        self._common, self._directions = arrays.pop("common"), arrays.pop("directions")
        self.initial_rank_ = len(self._directions)
        validation = facts.get("validation")
        self.validation_ = None if validation is None else pd.Series(validation, self.history_.index, name="loss")
        self.net_ = self._make_net()
        self.trained_on_, self.doubts_ = facts.get("trained_on"), tuple(facts.get("doubts", ()))

    def _settings(self) -> dict[str, object]:
        self._tidy()
        return self.get_params() | {"laws": self.laws}

    def _check_fitted(self) -> None:
        self._tidy()
        super()._check_fitted()

    def _tidy(self) -> None:
        tidy(self)

    def _settle(self, laplacian: np.ndarray | sparse.csr_array, mask: np.ndarray | None) -> None:
        """Take over what does not depend on the subjects."""
        mask = None if mask is None else as_mask(mask)
        self._laplacian = as_laplacian(laplacian, directed=True)[0]
        self._mask = None if mask is None else torch.tensor(mask)
        self._solver = make_solver(self._laplacian, mask)
        self.device_ = self._place()
        self._prior = moved(make_prior(self.d_range, self.r_range, self.gain), self.device_)
        laws = list(self.laws)
        self.components_ = tuple(
            law if laws.count(law) == 1 else f"{law} {laws[: k + 1].count(law)}" for k, law in enumerate(laws)
        )

    def _initial(self, values: Tensor, valid: Tensor, inside: Tensor | None = None) -> Tensor:
        """State at the first visit (B, n); with a gain, as it is seen."""
        state, seen, ways = values[:, 0], valid[:, 0], self._directions
        if self.initial == "inferred":
            common = torch.tensor(self.initial_)
            if self.gain:  # by least squares
                away = beyond(state, seen, common, self.background and self.loss == "separate")
                bend = torch.einsum("rn,bn,sn->brs", ways, seen, ways) + 1e-6 * torch.eye(len(ways))
                state = common + torch.linalg.solve(bend, (away @ ways.T)[..., None])[..., 0] @ ways
            else:
                apart = levelled((state - self._common) * seen, seen, inside)
                state = common + apart @ ways.T @ ways
        state = state.clamp(0, torch.inf if self.gain else 1.0)
        return state * (1 if inside is None else inside)

    def _make_net(self) -> MechanisticNet:
        def encoder():
            if self.encoder == "image":
                return ImageEncoder(self._mask), 32
            mask = None if self._mask is None else self._mask.numpy()
            modes = slow_modes(self._laplacian, mask, self.modes)
            return ModesEncoder(torch.tensor(modes, dtype=torch.float32), self.hidden), self.hidden

        rates, width = encoder()
        laws = encoder()[0] if self.loss != "separate" else None
        return MechanisticNet(rates, laws, width, len(self.laws), self._prior[0].cpu(), self.as_published)


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
        gain: bool | tuple[float, float] = False,
    ):
        super().__init__(
            (law,), encoder, loss, initial, min_max, background, monotone, refine, d_range, r_range, epochs, batch, lr,
            weight_decay, decay, steps, hidden, modes, seed, as_published, device, gain,
        )  # fmt: skip
        self.law = law

    def _tidy(self) -> None:
        if not isinstance(self.law, str):
            raise TypeError(f"law is {self.law!r}; expected one name. MechanisticMixture takes several.")
        self.laws = (choice(self.law, LAWS, "law"),)
        super()._tidy()
