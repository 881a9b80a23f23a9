# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [mouse/tauopathy/eNDM_mousedata.mat, mouse/tauopathy/KaufmanDiamond_datasets_dat_and_seed.mat, mouse/tauopathy/CCF_labels.mat]}
# ---

# %% [markdown]
# # Real tau: strains and connectomes
#
# *Prerequisites: [mixtures of mechanisms](20_mixtures.ipynb). Time: 30 minutes to read, a minute to run.*
#
# ## What you will learn
#
# - what tau does in the brain of a mouse over months, in 14 published experiments
# - whether growth is needed to explain it, and whether its law can be told
# - whether the connectome matters, judged against shuffled connectomes and plain distance
# - how a model that fits well can forecast worse than no model at all

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0  # shuffled connectomes
N_SHUFFLES = 19  # of them
STEPS = 10  # splitting steps over an experiment

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg")

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest
from tqdm.auto import tqdm

import xsg
from xsg.claims import claim
from xsg.models.mechanistic import Visits, refine
from xsg.physics import LAWS, ReactionDiffusion
from xsg.plotting import use_style

use_style()
torch.set_num_threads(1)
tau = xsg.load_spread("mouse-tau")
print(tau)

# %% [markdown]
# ## The question in a picture
#
# Inject misfolded tau into a mouse that makes human tau, wait for months, and tau has turned up far from the needle. Fourteen experiments did so: six with different mice and injections, and eight that differ in the **strain** of tau, a fold that is
# passed on ([Kaufman et al. 2016](https://doi.org/10.1016/j.neuron.2016.09.055)). Others have gathered their scores by region and shown that a model of spread along the connectome describes them well
# ([Raj, Kuceyeski & Weiner 2012](https://doi.org/10.1016/j.neuron.2011.12.040) began it in humans). A mouse can be looked at once, so a time point is a mean over other mice than the last.
#
# Does tau follow a reaction–diffusion equation on the connectome? With which law? And could we have foreseen the last time point from those before?

# %% mystnb={"image": {"alt": "Fourteen small panels, one for each experiment, of mean tau score against months since injection, with thin lines for the ten most affected regions. Means rise in most; single regions go up and down."}}
last = tau.values.shape[1] - 1 - np.isfinite(tau.values).any(axis=2)[:, ::-1].argmax(axis=1)
figure, axes = plt.subplots(2, 7, figsize=(11, 4), sharey=True, layout="constrained")
for ax, name, values, times, end in zip(axes.flat, tau.subjects, tau.values, tau.times, last, strict=True):
    most = np.nan_to_num(values[end], nan=-1).argsort()[-10:]
    ax.plot(times[: end + 1], values[: end + 1, most], color="C0", lw=0.7, alpha=0.6)
    ax.plot(times[: end + 1], np.nanmean(values[: end + 1], axis=1), "o-", color="0.1", ms=4)
    ax.set_title(name, fontsize=9)
for ax in axes[1]:
    ax.set_xlabel("months", fontsize=9)
for ax in axes[:, 0]:
    ax.set_ylabel("tau (share of the scale)", fontsize=9)

# %% [markdown]
# ## The data
#
# Scores are by eye, 0 to 3 in quarter steps, means of several mice. About half of the 426 regions were scored; for the others we know nothing, and take them to be empty at first. The network is the mesoscale connectome of
# [Oh et al. (2014)](https://doi.org/10.1038/nature13186), both directions averaged (our solver needs a symmetric one, so which way along an axon tau travels is a question that we leave open).
#
# With 14 experiments there is no training a network. We use the second half of [chapter 19](19_amortised.ipynb#from-a-guess-to-a-posterior), the refinement, from a few starting points: maximum likelihood of $D$ and $R$ for each experiment, law and network. The state at
# the first visit is what was scored then; later visits are what has to be explained.


# %%
def seen(up_to):
    """All later visits to be explained, or all but the last."""
    values = torch.tensor(tau.values)
    valid = values.isfinite().float()
    values = values.nan_to_num(0.0)
    start = values[:, 0].clone()
    valid[:, 0] = 0
    if up_to == "all but the last":
        valid[range(14), last] = 0
    times = torch.tensor(tau.times, dtype=torch.float32)
    return Visits(values * valid, valid, times - times[:, :1], start)


def fit(laplacian, law, visits, starts=((0.03, 0.05), (0.03, 0.5), (0.3, 0.05), (0.3, 0.5))):
    """Maximum likelihood of D and R per experiment: log-likelihood, rates and solution."""
    solver = ReactionDiffusion(laplacian)
    best, rates = torch.full((14,), -torch.inf), torch.zeros(14, 2)
    for start in starts:
        begin = torch.as_tensor(start, dtype=torch.float32).log().expand(14, 2)
        found = refine(solver, law, visits, begin, None, 12, STEPS, background=False)
        better = found.evidence > best
        best[better], rates[better] = found.evidence[better], found.z.exp()[better]
    return best.numpy().astype(float), rates, solver.solve(visits.u0, visits.times, *rates.T, law, STEPS).numpy()


def error(states):
    """Root mean squared error of each experiment at its last time point."""
    miss = states[range(14), last] - tau.values[range(14), last]
    return np.sqrt(np.nanmean(miss**2, axis=1))


everything, earlier = seen("all"), seen("all but the last")
networks = {"connectome": tau.laplacian, "space": xsg.load_spread("mouse-tau", network="space").laplacian}

# %% [markdown]
# ## Does it grow, and how?
#
# First in-sample: all visits are used. We compare laws by their likelihood; a difference of a few units is worth noting, one of ten is large. (If scores of neighbouring regions err together, as they will, these differences are too large.)

# %%
likelihood, errors, rates = {}, {}, {}
for name, laplacian in networks.items():
    for law in LAWS:
        likelihood[name, law], rates[name, law], states = fit(laplacian, law, everything)
        errors[name, law] = error(states)
likelihood = pd.DataFrame(likelihood, tau.subjects)
gain = likelihood["connectome"].sub(likelihood["connectome"]["diffusion"], axis=0).drop(columns="diffusion")
gain.round(0).astype(int)

# %% mystnb={"image": {"alt": "For each of the 14 experiments, three points: how much better logistic, damped and cooperative growth fit than diffusion alone, on the connectome. Most lie between ten and three hundred, cooperative growth near zero in two; logistic and damped lie close together."}}
figure, ax = plt.subplots(figsize=(8, 3.4), layout="constrained")
for law, marker in zip(gain, "os^", strict=True):
    ax.plot(gain.index, gain[law], marker, label=law, alpha=0.8)
ax.set(ylabel="log-likelihood above\ndiffusion alone (nats)", yscale="symlog")
ax.tick_params(axis="x", rotation=60)
_ = ax.legend()

# %% tags=["nbval-check-output"]
favourite = gain.idxmax(axis=1).value_counts().reindex(gain.columns, fill_value=0)
close = (gain["logistic"] - gain["damped"]).abs() < 5
claim("real-tau-grows", (gain.max(axis=1) > 10).sum())
claim("real-tau-undecided", close.sum())

# %% [markdown]
# In 14<!-- claim:real-tau-grows --> of 14 experiments a law with growth beats diffusion alone by more than ten nats: what is there in the end is more than what was there at first, and diffusion cannot add.
#
# *Which* law is another matter. In 7<!-- claim:real-tau-undecided --> of 14 experiments the logistic and the damped law are within five nats: far from saturation the two are the same. Injections and strains do not fall into groups by law. Nor are all rates known: where few regions were scored above zero, as in DS1 and DS10, $D$ runs to the end of the search.

# %%
table = rates["connectome", "logistic"].numpy()
pd.DataFrame(table, tau.subjects, ["D per month", "R per month"]).assign(favourite=gain.idxmax(axis=1)).round(3)

# %% [markdown]
# ## Does the connectome matter?
#
# A model on the connectome fits. Would it on any network? We **shuffle** the regions of the connectome 19 times, so that each keeps the connections of another, and fit the logistic law anew each time. If the connectome carries tau, the true
# one should fit better than the shuffled ones. And we ask a second question: does it do better than mere distance, a network that joins what lies close?

# %%
rng = np.random.default_rng(SEED)
shuffled = []
for _ in tqdm(range(N_SHUFFLES), leave=False):
    order = rng.permutation(len(tau.places))
    shuffled.append(
        fit(tau.laplacian[np.ix_(order, order)], "logistic", everything, starts=((0.03, 0.3), (0.3, 0.3)))[0]
    )
shuffled = np.array(shuffled)
true = likelihood["connectome"]["logistic"]
total = true.sum()
p_value = (1 + (shuffled.sum(axis=1) >= total).sum()) / (1 + N_SHUFFLES)

# %% mystnb={"image": {"alt": "Histogram of the summed log-likelihood of 19 shuffled connectomes, with lines far to the right of it for the network of distances and, a little further, for the true connectome."}}
figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
ax.hist(shuffled.sum(axis=1) - total, bins=10, color="0.7", label="shuffled connectomes")
ax.axvline(0, color="C0", lw=2, label="connectome")
ax.axvline(likelihood["space"]["logistic"].sum() - total, color="C1", lw=2, ls="--", label="distance")
ax.set(xlabel="log-likelihood of all experiments, less the connectome's (nats)", ylabel="networks")
_ = ax.legend(fontsize=9)

# %% tags=["nbval-check-output"]
wins = int((true > likelihood["space"]["logistic"]).sum())
claim("real-tau-shuffle-p", p_value)
claim("real-tau-connectome-wins", wins)
claim("real-tau-connectome-wins-p", binomtest(wins, 14).pvalue)

# %% [markdown]
# The true connectome fits better than all shuffled ones ($p = $ 0.05<!-- claim:real-tau-shuffle-p -->, the least that 19 can give). But it fits better than plain distance in only 6<!-- claim:real-tau-connectome-wins --> of 14 experiments (sign test $p = $ 0.79<!-- claim:real-tau-connectome-wins-p -->). (Summed over all it is a little ahead of distance, as the figure shows.) Connected regions are mostly near regions, and these
# data do not tell the two apart. This is an in-sample comparison; both networks have the same two free numbers per experiment.
#
# ## Could we have foreseen it?
#
# Now the last time point is **held out**. Rates come from the visits before, the equation runs on, and its last state is compared with what was scored. Against it stands the simplest forecast: no change since the visit before.

# %%
forecast = {law: error(fit(networks["connectome"], law, earlier)[2]) for law in LAWS}
before = np.nan_to_num(tau.values[range(14), last - 1])
forecast["no change"] = np.sqrt(np.nanmean((before - tau.values[range(14), last]) ** 2, axis=1))
forecast = pd.DataFrame(forecast, tau.subjects)
draws = rng.integers(14, size=(2000, 14))
summary = pd.DataFrame(
    {
        "median error": forecast.median(),
        "from": np.quantile(np.median(forecast.to_numpy()[draws], axis=1), 0.05, axis=0),
        "to": np.quantile(np.median(forecast.to_numpy()[draws], axis=1), 0.95, axis=0),
        "in-sample": [np.median(errors["connectome", law]) for law in LAWS] + [np.nan],
        "better than no change in": [(forecast[name] < forecast["no change"]).sum() for name in forecast],
    }
)
summary.round(3)

# %% mystnb={"image": {"alt": "Box plots of the held-out error at the last time point over 14 experiments for four laws and for no change; no change has the lowest median."}}
figure, ax = plt.subplots(figsize=(6.5, 3.2), layout="constrained")
ax.boxplot([forecast[name] for name in forecast], tick_labels=list(forecast), showfliers=False)
for number, name in enumerate(forecast):
    ax.plot(np.full(14, number + 1), forecast[name], "o", ms=4, alpha=0.6)
_ = ax.set(ylabel="root mean squared error\nat the last time point", yscale="log")

# %% tags=["nbval-check-output"]
claim("real-tau-no-change", forecast["no change"].median())
claim("real-tau-forecast", forecast[list(LAWS)].median().min())
claim("real-tau-in-sample", min(np.median(errors["connectome", law]) for law in LAWS))
claim("real-tau-beats", (forecast["logistic"] < forecast["no change"]).sum())

# %% [markdown]
# In-sample the best law has a median error of 0.105<!-- claim:real-tau-in-sample -->, held out 0.136<!-- claim:real-tau-forecast -->; no change 0.116<!-- claim:real-tau-no-change -->. The logistic law forecasts better than no change in 3<!-- claim:real-tau-beats --> of 14 experiments. **A model that explains what has happened need not know
# what will.** Here the reasons are plain: two early time points, other mice at each, scores by eye; growth estimated early runs on exponentially where the data level off.
#
# Intervals ("from", "to") are bootstraps over experiments, 90 %.

# %% [markdown]
# ## Honesty box
#
# | the papers say | we get | differs because |
# |---|---|---|
# | spread along the connectome, with growth, describes these data ([Anand et al. 2022](https://doi.org/10.21203/rs.3.rs-1189757/v1)) | **in-sample** growth is needed in 14<!-- claim:real-tau-grows --> of 14 experiments, and the connectome beats shuffled ones (**null**, $p = $ 0.05<!-- claim:real-tau-shuffle-p -->) but not clearly distance | another model, a symmetric network, another measure |
# | mechanistic subtypes differ in law ([arXiv:2509.15124](https://doi.org/10.48550/arXiv.2509.15124)), in human PET | the law is undecided between logistic and damped in 7<!-- claim:real-tau-undecided --> of 14 | early stages; few time points; no images |
# | | **held-out** last time point: no change 0.116<!-- claim:real-tau-no-change -->, best law 0.136<!-- claim:real-tau-forecast --> | nobody has to win |
#
# The direction of spread, expression of tau by region, and clearance are left out. The regional scale is treated as a fraction of a maximum, which a score by eye is only roughly. Each experiment is a mean: how mice differ from one another is not in these files.

# %% [markdown]
# ## Key takeaways
#
# - [Growth is needed](#does-it-grow-and-how); its law is mostly undecided.
# - The connectome does better than [shuffled ones](#does-the-connectome-matter), not clearly better than distance. Always test both.
# - A good fit is [no forecast](#could-we-have-foreseen-it): keep "no change" in every table.

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: No network at all
#
# Fit the logistic law without any spreading ($L = 0$). In how many experiments does the connectome add more than ten nats?

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
alone = fit(np.zeros_like(tau.laplacian), "logistic", everything, starts=((0.1, 0.3),))[0]
assert ((true - alone) > -1).all()  # D = 0 is a special case, up to the search
print(f"{((true - alone) > 10).sum()} of 14")

# %% [markdown]
# ### Exercise 2: A middle way
#
# Average the logistic forecast and no change. Does the mean do better than either? Why might it?

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
states = fit(networks["connectome"], "logistic", earlier)[2]
middle = (states[range(14), last] + before) / 2
mixed = np.sqrt(np.nanmean((middle - tau.values[range(14), last]) ** 2, axis=1))
assert np.median(mixed) < forecast["logistic"].median()
print(
    f"median error {np.median(mixed):.3f}; no change {forecast['no change'].median():.3f}, logistic {forecast['logistic'].median():.3f}"
)

# %% [markdown]
# ## References
#
# - Anand C, Maia PD, Torok J, Mezias C, Raj A (2022). The effects of microglia on tauopathy progression can be quantified using Nexopathy in silico (Nexis) models. [doi:10.21203/rs.3.rs-1189757/v1](https://doi.org/10.21203/rs.3.rs-1189757/v1)
# - Kaufman SK et al. (2016). Tau prion strains dictate patterns of cell pathology, progression rate, and regional vulnerability in vivo. Neuron 92:796–812. [doi:10.1016/j.neuron.2016.09.055](https://doi.org/10.1016/j.neuron.2016.09.055)
# - Oh SW et al. (2014). A mesoscale connectome of the mouse brain. Nature 508:207–214. [doi:10.1038/nature13186](https://doi.org/10.1038/nature13186)
# - Pinnawala S, Hartanto A, Simpson IJA, Wijeratne PA (2025). Learning mechanistic subtypes of neurodegeneration with a physics-informed variational autoencoder mixture model. [doi:10.48550/arXiv.2509.15124](https://doi.org/10.48550/arXiv.2509.15124)
# - Raj A, Kuceyeski A, Weiner M (2012). A network diffusion model of disease progression in dementia. Neuron 73:1204–1215. [doi:10.1016/j.neuron.2011.12.040](https://doi.org/10.1016/j.neuron.2011.12.040)
