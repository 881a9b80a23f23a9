# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: []}
# ---

# %% [markdown]
# # 18. Reaction and diffusion on a brain
#
# *Prerequisites: [the cortical graph](04_graph.ipynb); what a differential equation is. Time: 40 minutes to read,
# 1 minute to run.*
#
# ## What you will learn
#
# - how two simple processes, spreading and growing, make a wave of pathology
# - what the eigenvectors of a Laplacian have to do with it
# - how to solve the equation by taking its two parts in turn, and why the order of the parts matters
# - which promises a solver should keep, and how single precision can break one of them
# - how the same code runs on an image, a connectome and a cortex

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0  # random rates and states
SIZE = 32  # width of the disc in pixels
BATCH = 16  # subjects solved side by side where errors are measured

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

import xsg
from xsg.claims import claim
from xsg.data.fetch import fetch
from xsg.spread.load import disc
from xsg.interactive import spread_view
from xsg.spread.physics import LAWS, ReactionDiffusion, grid_laplacian
from xsg.plotting import brain, use_style

use_style()
torch.set_num_threads(1)
mask, bump = disc(SIZE)
solver = ReactionDiffusion.on_grid(mask)
start = torch.tensor(bump[mask])[None]


def image(state):
    """Put a state (n,) back onto the disc; what is outside is not drawn."""
    picture = np.full(mask.shape, np.nan)
    picture[mask] = state
    return picture


# %% [markdown]
# ## The question in a picture
#
# In several diseases of the brain a misfolded protein turns up in one place, then in its neighbours, then nearly everywhere
# ([Jucker & Walker 2013](https://doi.org/10.1038/nature12481)). One such protein is **tau**, which piles up within nerve cells in
# Alzheimer's disease. A model of it has two parts. The protein **spreads**, from where there is much to where there is little. And
# it **grows**, because misfolded protein makes more of itself out of the healthy kind, until none of that is left.
#
# Below, the same patch of pathology develops under four laws, on a disc that stands for a slice of tissue. Each row is a law, each
# column a moment; yellow is full, dark blue is empty. All four laws spread equally fast; they differ in how growth depends on what
# is there already.

# %% mystnb={"image": {"alt": "A table of discs, four rows by four columns of time. A bright patch in the middle of each. By diffusion alone it fades into an even dim disc; by the logistic law it fills the disc; the damped law fills it more slowly; the cooperative law keeps it dim for long."}}
times = [0.0, 6.0, 24.0, 60.0]
figure, axes = plt.subplots(len(LAWS), len(times), figsize=(7.5, 7.8), layout="constrained")
for row, (law, (formula, *_)) in zip(axes, LAWS.items(), strict=True):
    states = solver.solve(start, times, D=0.5, R=0.1, law=law, steps=40)[0]
    for ax, time, state in zip(row, times, states, strict=True):
        shown = ax.imshow(image(state), vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[], title=f"t = {time:g}" if law == "diffusion" else "")
        ax.spines[:].set_visible(False)
    row[0].set_ylabel(f"{law}\nf(u) = {formula}", fontsize=9)
_ = figure.colorbar(shown, ax=axes, label="pathology $u$ (share of the most possible)", shrink=0.5)

# %% [markdown]
# Without growth (top) the patch fades into the disc. The logistic law fills the disc, the damped law does so more slowly, and the
# cooperative law holds back where there is little. Look at the second column: early on, they hardly differ. Could you tell from
# three looks which law was at work? That is the question of [chapter 20](20_mixtures.ipynb). This chapter makes the pictures.
#
# ## The equation
#
# Let $u(x, t)$ between 0 and 1 say how much pathology place $x$ holds at time $t$, as a share of the most it can hold. Then
#
# $$\frac{\partial u}{\partial t} = \underbrace{D\,\nabla^2 u}_{\text{spreads}} + \underbrace{R\,f(u)}_{\text{grows}} .$$
#
# $\nabla^2 u$ is the sum of second derivatives in space: positive where a place holds less than its surroundings, so that it fills
# up. $D$, the **diffusivity**, has the unit of an area per time; $R$, the **reaction rate**, of one per time. (On a graph,
# whose weights have no unit, $D$ too is one per time, and depends on how the weights are scaled.) $f$ is the law of growth. With
# $f(u) = u(1-u)$ this is the equation of [Fisher (1937)](https://doi.org/10.1111/j.1469-1809.1937.tb02153.x) and of Kolmogorov,
# Petrovsky and Piskunov, first written for a gene that spreads through a population. It has been used for prions and for tau
# ([Fornari et al. 2019](https://doi.org/10.1098/rsif.2019.0356)).
#
# A computer, like a scanner, knows places one by one. On a grid or a graph with weights $w_{ij}$ between places, what flows into place $i$ is $\sum_j w_{ij}(u_j - u_i) = -(Lu)_i$, with the Laplacian $L$ of [chapter 4](04_graph.ipynb).
# So $-L$ stands where the textbook writes $\nabla^2$, on anything that has neighbours, and $u$ becomes a vector with a number for
# each place. On the disc every pixel has up to four neighbours, all with weight 1. Nothing lies across the edge, so nothing flows there.

# %%
laplacian = grid_laplacian(mask)
middle = np.flatnonzero(laplacian[np.argmax(start[0])])
assert len(middle) == 5  # itself and four neighbours: the five-point Laplacian
assert np.allclose(laplacian.sum(axis=1), 0)  # what leaves one pixel arrives in another

# %% [markdown]
# What do $D$ and $R$ do? Move the sliders, with the mouse or the arrow keys. At $R = 0$ the patch blurs and the mean stays
# where it was: nothing is made, nothing lost. With the least $D$ and the most $R$ an edge forms and travels. Then keep the
# rates and change the law (the menu *Field*): the cooperative one lags far behind, for at the edge, where there is little, it hardly grows.
# Every stop of the sliders was solved for; nothing is interpolated.

# %%
D_stops, R_stops, t_stops = [0.01, 0.03, 0.1, 0.3, 1.0], [0.0, 0.02, 0.05, 0.1, 0.2], np.arange(0, 121, 6)
D_all, R_all = (torch.tensor(each.ravel()) for each in np.meshgrid(D_stops, R_stops, indexing="ij"))
fields = {}
for law in list(LAWS)[1:]:  # diffusion alone is R = 0
    states = solver.solve(start.expand(len(D_all), -1), t_stops, D_all, R_all, law, steps=80)
    fields[law] = np.full((len(D_stops), len(R_stops), len(t_stops), *mask.shape), np.nan)
    fields[law][..., mask] = states.numpy().reshape(*fields[law].shape[:3], -1)
spread_view(
    fields,
    D_stops,
    R_stops,
    t_stops,
    alt="A disc at four times: a bright patch in the middle spreads and grows until the disc is nearly full. Beside it, the "
    "mean over the disc against time for five reaction rates: flat at R = 0, else rising in an S, the steeper the larger R.",
)

# %% [markdown]
# ## Spreading alone
#
# Without growth the equation is linear, $\dot u = -D L u$ (the dot is the derivative by time), and its solution from the initial
# state $u_0$ is $u(t) = e^{-D L t} u_0$. The eigenvectors $v_m$ of $L$, with eigenvalues $\lambda_m$, are patterns that keep their
# shape: pattern $m$ decays as $e^{-D \lambda_m t}$ and does nothing else. So we write $u_0$ as a sum of patterns, let each decay for as long as we please, and add up again:
#
# $$u(t) = \sum_m v_m\, e^{-D \lambda_m t}\, (v_m^\top u_0).$$
#
# No step size, and no error but rounding. The first pattern is even, with $\lambda = 0$: it never decays, which is how the sum of
# $u$ is kept. The finer a pattern, the larger its eigenvalue and the sooner it is gone, which is what blurring means. Some of the
# 697 patterns of the disc, blue below zero and red above, with the time in which they fall to half for $D$ = 0.5:

# %%
values, patterns = np.linalg.eigh(laplacian)


def spread(u, D, time):
    """Diffusion alone, exactly: decay of the Laplacian's patterns."""
    return (u @ patterns * np.exp(-D * values * time)) @ patterns.T


assert np.allclose(spread(start.numpy(), 0.5, 6.0), solver.solve(start, [6.0], 0.5, 0.0, "diffusion")[:, 0])
assert np.isclose(spread(start.numpy(), 0.5, 60.0).sum(), start.sum())

# %% mystnb={"image": {"alt": "Six patterns of the disc, from an even one and a left-to-right slope to ever finer ones, each titled with its eigenvalue and the time in which it falls to half."}}
chosen = [0, 1, 5, 20, 100, 500]
figure, axes = plt.subplots(1, len(chosen), figsize=(10.5, 2.3), layout="constrained")
for ax, number in zip(axes, chosen, strict=True):
    sign = np.sign(patterns[np.abs(patterns[:, number]).argmax(), number])  # either sign is an eigenvector
    pattern = image(sign * patterns[:, number])
    top = np.nanmax(np.abs(pattern))
    ax.imshow(pattern, cmap="vlag", vmin=-top, vmax=top)
    half = "stays" if number == 0 else f"half in {np.log(2) / (0.5 * values[number]):.2g}"
    ax.set(xticks=[], yticks=[], title=f"pattern {number + 1}\n$\\lambda$ = {round(abs(values[number]), 3):g}\n{half}")
    ax.title.set_fontsize(9)
    ax.spines[:].set_visible(False)

# %% [markdown]
# ## Growing alone
#
# Without spreading, every place is by itself: $\dot u = R f(u)$, one number at a time. Four laws:
#
# | law | $f(u)$ | in words | solution |
# |---|---|---|---|
# | diffusion | $0$ | nothing grows | $u$ stays |
# | logistic | $u(1-u)$ | more makes more, until the healthy protein runs out | the logistic curve |
# | damped | $u(1-u)^2$ | the same, with brakes that bite earlier | $x + \ln x$ rises by $Rt$, $x = u/(1-u)$ |
# | cooperative | $u^2(1-u)$ | it takes two to make a third: a little grows hardly at all | $y + \ln y$ falls by $Rt$, $y = (1-u)/u$ |
#
# The last two need one number, $x$ (or $y$), out of $x + \ln x = c$. Its solution is known as Lambert's function
# ([Corless et al. 1996](https://doi.org/10.1007/BF02124750)), and Newton's method gives it to the last digit in a few rounds. Again
# there is no step, and no error but rounding. In the figure, mind how the laws differ on the right although they start at the same
# 0.05:

# %% mystnb={"image": {"alt": "Left: growth rate against u for three laws; the logistic parabola is highest, the damped one peaks at a third, the cooperative one at two thirds. Right: growth from 0.05; logistic is quickest to fill, damped starts alike and lags, cooperative stays low for a hundred time units and then shoots up."}}
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
u = torch.linspace(0, 1, 200, dtype=torch.float64)
alone = ReactionDiffusion(np.zeros((1, 1)))  # one place, no neighbours
moments = np.linspace(0, 400, 201)
for law, style in zip(list(LAWS)[1:], ("-", "--", "-."), strict=True):
    left.plot(u, LAWS[law].rate(u), style, lw=2, label=f"{law}, {LAWS[law].formula}")
    grown = alone.solve(torch.tensor([[0.05]], dtype=torch.float64), moments, 0.0, 0.1, law, steps=1)
    right.plot(moments, grown[0, :, 0], style, lw=2)
left.set(xlabel="pathology $u$", ylabel="growth $f(u)$", title="How growth depends on what is there")
right.set(xlabel="time", ylabel="pathology $u$", title="One place by itself, $R$ = 0.1, from 0.05")
_ = left.legend(fontsize=8)

# %% [markdown]
# Logistic and damped growth begin alike and part only above a quarter or so; the cooperative law waits for a hundred units of time,
# then shoots up. Where little is there, logistic and damped growth cannot be told apart: remember that for real tau.
#
# ## Both, in turn
#
# Each part alone is solved exactly. Both together are not, so we let them take turns: spread for half a step, grow for a step, spread for another half ([Strang 1968](https://doi.org/10.1137/0705041)). This is called **splitting**. What is wrong is only that
# within a step the two do not see each other. The symmetry makes the error fall with the *square* of the step, once steps are short.
#
# In code it is one line a step. The cell below writes it by hand, with growth inside or outside, and measures the largest error over
# 16 random pairs of $D$ and $R$ against a solution in 600 steps:


# %%
def grow(u, R, time):
    """The logistic law alone, exactly."""
    return u / (u + (1 - u) * np.exp(-R * time))


def by_turns(u, D, R, time, steps, spread_outside=True):
    """Strang splitting by hand, logistic law; (B, n) states, (B, 1) rates."""
    h = time / steps
    for _ in range(steps):
        if spread_outside:
            u = spread(grow(spread(u, D, h / 2), R, h), D, h / 2)
        else:
            u = grow(spread(grow(u, R, h / 2), D, h), R, h / 2)
    return u


rng = np.random.default_rng(SEED)
D, R = rng.uniform(0.01, 1, (BATCH, 1)), rng.uniform(0.01, 0.1, (BATCH, 1))
u0 = np.repeat(start.numpy(), BATCH, axis=0)
rates = [torch.tensor(rate[:, 0]) for rate in (D, R)]
exact = solver.solve(torch.tensor(u0), [24.0], *rates, "logistic", steps=600)[:, 0].numpy()
counts = [1, 2, 4, 8, 16, 32, 64, 128]
error = pd.DataFrame(
    {
        "growth inside": [np.abs(by_turns(u0, D, R, 24.0, count) - exact).max() for count in counts],
        "growth outside": [np.abs(by_turns(u0, D, R, 24.0, count, False) - exact).max() for count in counts],
    },
    counts,
)
assert np.allclose(
    by_turns(u0, D, R, 24.0, 8), solver.solve(torch.tensor(u0), [24.0], *rates, "logistic", 8)[:, 0], atol=1e-12
)

# %% mystnb={"image": {"alt": "Largest error against number of steps, both axes logarithmic. Two lines fall side by side, a little less than the slope of minus two at first, with it in the end; the one with growth inside lies a factor of three below."}}
figure, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
for (name, column), style in zip(error.items(), ("-o", "--s"), strict=True):
    ax.plot(counts, column, style, label=name)
ax.plot(counts, 0.3 / np.square(counts), color="0.6", lw=1, label="slope −2")
ax.set(xscale="log", yscale="log", xlabel="steps from $t$ = 0 to 24", ylabel="largest error of $u$")
ax.set_xticks(counts, counts)
ax.minorticks_off()
_ = ax.legend()

# %% tags=["nbval-check-output"]
claim("reaction-diffusion-order", np.log2(error["growth inside"][64] / error["growth inside"][128]))
claim("reaction-diffusion-order-coarse", np.log2(error["growth inside"][8] / error["growth inside"][16]))
claim("reaction-diffusion-turns", error["growth outside"][8] / error["growth inside"][8])

# %% [markdown]
# Both lines end parallel to the grey one, of slope −2: twice the steps, a quarter of the error. Between 64 and 128 steps the
# measured **order**, the power with which the error falls, is 1.9<!-- claim:reaction-diffusion-order -->. With few steps it is
# less, 1.5<!-- claim:reaction-diffusion-order-coarse --> between 8 and 16: the patch starts with a sharp edge, whose finest patterns
# decay within a step, and for them no step of this size is short.
#
# And it matters who goes first. With growth *inside* and spreading outside the error (at 8 steps) is
# 3.4<!-- claim:reaction-diffusion-turns --> times smaller at the same cost; neighbouring half-steps of spreading even melt into one.
# The order of the method is the same either way, so that this is something to measure: try both.
#
# `xsg.spread.physics.ReactionDiffusion` is this solver, for many subjects at once, with [derivatives](#derivatives) by $D$, $R$ and $u_0$.
#
# ## How fast?
#
# A batch of states is a matrix, and a step is two products of it with the patterns. That is what processors do best. The
# usual way is an adaptive Runge–Kutta solver, which chooses its own steps; the paper that this part of the book follows,
# [Pinnawala et al. (2025)](https://doi.org/10.48550/arXiv.2509.15124), uses dopri5
# ([Dormand & Prince 1980](https://doi.org/10.1016/0771-050X(80)90013-3)), at relative and absolute tolerances of $10^{-3}$ and
# $10^{-4}$. `tests/benchmarks/test_physics.py` runs both on one
# thread, forward and backward, on 64 subjects of the disc, against a solution that is all but exact, and its rows are kept
# in `experiments/mechanistic.csv`. ("Sliced" is the quicker of two ways of writing dopri5's Laplacian; "xsg" is our solver.)

# %%
rows = pd.read_csv(fetch("experiments/mechanistic.csv"))
race = rows[rows["what"] == "solver"].pivot(index="case", columns="quantity", values="value")
race[[f"{way}: {what}" for what in ("seconds", "largest error") for way in ("dopri5, sliced", "xsg, 3 steps")]]

# %% mystnb={"image": {"alt": "Left: milliseconds a subject against batch size, falling from over three at one subject to a fifth of one at 256. Right: milliseconds a subject against the number of pixels, rising steeply for the disc; whole squares, solved by kernels, lie below."}}
timed = rows[rows["what"] == "time"].pivot(index="case", columns="quantity", values="value")
timed = timed.set_index(timed.index.str.split(expand=True).set_names(["shape", "size", "batch"])).reset_index()
timed = timed.astype({"size": int, "batch": int})
timed["ms"] = 1000 * timed["seconds"] / timed["batch"]
timed["pixels"] = [
    disc(size)[0].sum() if shape == "disc" else size**2
    for shape, size in zip(timed["shape"], timed["size"], strict=True)
]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
by_batch = timed[(timed["shape"] == "disc") & (timed["size"] == 32)].sort_values("batch")
left.plot(by_batch["batch"], by_batch["ms"], "-o")
left.set(xscale="log", ylim=(0, None), xlabel="subjects side by side", ylabel="ms a subject")
left.set_title("Disc of 697 pixels, 8 steps")
left.set_xticks(by_batch["batch"], by_batch["batch"])
for shape, style in (("disc", "-o"), ("square", "--s")):
    some = timed[(timed["shape"] == shape) & (timed["batch"] == 64)].sort_values("pixels")
    right.plot(some["pixels"], some["ms"], style, label=f"{shape}, by {'patterns' if shape == 'disc' else 'kernels'}")
right.set(xscale="log", yscale="log", xlabel="pixels", ylabel="ms a subject", title="64 subjects, 8 steps")
right.set_xticks([145, 697, 1649, 4096], [145, 697, 1649, 4096])
right.set_yticks([0.05, 0.2, 1, 5], [0.05, 0.2, 1, 5])
for ax in (left, right):
    ax.minorticks_off()
_ = right.legend()

# %% tags=["nbval-check-output"]
claim("reaction-diffusion-speed", race["xsg, 3 steps: times as fast"].min())
claim("reaction-diffusion-speed-mean", race["xsg, 8 steps: times as fast"].min())
claim("reaction-diffusion-throughput", by_batch.set_index("batch").loc[64, "share of matrix product throughput"])
assert (
    race["xsg, 3 steps: largest error"]
    <= race[["dopri5, rolled: largest error", "dopri5, sliced: largest error"]].min(axis=1)
).all()

# %% [markdown]
# Solved side by side, subjects share the work (left), and time grows faster than the number of pixels (right; "kernels" are
# explained [below](#what-a-solver-must-not-do)). Three steps have a smaller largest error than dopri5 and are at least
# 81<!-- claim:reaction-diffusion-speed --> times as fast, for every law, as the quicker way of writing dopri5. The *root mean square* error of so few
# steps is larger than dopri5's; to match that too takes eight (for the damped law even then but nearly), and the least
# ratio falls to 39<!-- claim:reaction-diffusion-speed-mean -->. Of the arithmetic per second that a bare matrix product reaches on
# the same thread, the solver gets a share of 0.67<!-- claim:reaction-diffusion-throughput --> with 64 subjects. Part of this is
# not the method but the processor: `xsg.machine` finds that one of torch's two libraries multiplies matrices twice as
# fast as the other on the machine that made the table. Without that the least ratio was about 50. Ratios also vary from
# run to run by a fifth: take them for an order of magnitude, and let the script print yours.

# %% [markdown]
# ## What a solver must not do
#
# Two promises follow from the equation. Without growth nothing is lost: the sum of $u$ stays. And $u$ stays between 0 and 1. A
# solver that steps blindly can break both ([Exercise 3](#exercise-3-why-not-euler)); ours keeps them because each of its parts
# does, however long the step. The cell tries it on random states, over a time of 1,000 in two steps:

# %%
wild = torch.rand(BATCH, solver.n, dtype=torch.float64, generator=torch.Generator().manual_seed(SEED))
for law in LAWS:
    states = solver.solve(wild, [1.0, 1000.0], rates[0], 5 * rates[1], law, steps=2)
    assert 0 <= states.min() <= states.max() <= 1
kept = solver.solve(wild, [1000.0], *rates, "diffusion")[:, 0].sum(1)
assert torch.allclose(kept, wild.sum(1), rtol=1e-12)

# %% [markdown]
# There is a trap, though, and it lies in the arithmetic. In single precision, numbers carry seven digits. The patterns that make up
# an empty corner cancel only to about $10^{-8}$, and growth treats $10^{-8}$ as a seed. If $R t = 20$, it grows by $e^{20}$, half a
# billion. Below, a wave sets out from the upper left corner of a square, and the scale is logarithmic, to $10^{-10}$; by the
# patterns in single precision the far corner lights up before anything can have arrived.
#
# On a whole rectangle there is another way to spread: $e^{-DLt}$ is the product of one **kernel** along each side, a matrix without
# negative entries. To apply it only adds, so that nothing cancels. To form it only adds as well: diffusion along a side is a walk
# that jumps to a neighbour now and then, and its kernel a mean of the powers of one such matrix (**uniformisation**). So what is
# small is as exact as what is large, however strong the growth. The package takes kernels on rectangles, and you should take
# double precision where the patterns are needed and growth is strong.

# %% mystnb={"image": {"alt": "Three squares at the same moment: exact, a bright quarter circle in the upper left corner, the rest dark; by patterns in single precision, the quarter circle and a field of spurious bright spots elsewhere; by kernels in single precision, the same as exact."}}
square = np.ones((24, 24), dtype=bool)
corner = torch.zeros(1, 576, dtype=torch.float64)
corner[0, 0] = 1.0
runs = {
    "exact\n(kernels, double precision)": (ReactionDiffusion.on_grid(square), corner),
    "patterns\nsingle precision": (ReactionDiffusion(grid_laplacian(square)), corner.float()),
    "kernels\nsingle precision": (ReactionDiffusion.on_grid(square), corner.float()),
}
arrived = {name: way.solve(seed, [10.0], 0.1, 2.0, steps=40)[0, 0] for name, (way, seed) in runs.items()}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.1), layout="constrained")
for ax, (name, state) in zip(axes, arrived.items(), strict=True):
    shown = ax.imshow(state.reshape(24, 24).clamp(min=1e-12), norm="log", vmin=1e-10, vmax=1)
    ax.set(xticks=[], yticks=[], title=name)
_ = figure.colorbar(shown, ax=axes, label="pathology $u$")

# %% [markdown]
# Left and right agree. In the middle, growth has made pathology out of rounding errors, all over the square.

# %%
right, by_patterns, by_kernels = arrived.values()
assert (by_kernels - right).abs().max() < 1e-3 < 0.1 < (by_patterns - right).abs().max()

# %% [markdown]
# ## On a cortex
#
# Nothing in the solver knows about pixels. Give it the Laplacian of the [cortical graph](04_graph.ipynb), a seed in the left
# entorhinal cortex, the first region of the cortex that Alzheimer's tau reaches as a rule
# ([Braak & Braak 1991](https://doi.org/10.1007/BF00308809)), and the same lines of code run on a brain. The graph joins regions
# that touch, and each region to its homologue. The rates are made up; only the order in which regions are reached means anything,
# and that mostly says how far they are from the seed. Rows are moments, columns the four faces of the cortex:

# %% mystnb={"image": {"alt": "Four views of the cortical surface in three rows of time. A spot in the left medial temporal lobe grows over the left temporal lobe, then appears in the right one, then covers most of both hemispheres."}}
cortex = xsg.load_cortex("simulated", seed=SEED)
regions = cortex.regions
seed = torch.zeros(1, len(regions), dtype=torch.float64)
seed[0, regions.get_loc("L_entorhinal")] = 1.0
on_cortex = ReactionDiffusion(cortex.graph.laplacian())
moments = [5.0, 15.0, 30.0]
states = on_cortex.solve(seed, moments, D=0.02, R=0.25, law="logistic", steps=60)[0]
_ = brain(
    pd.DataFrame({f"t = {time:g}": state for time, state in zip(moments, states.numpy(), strict=True)}, regions),
    "pathology u",
    limits=(0, 1),
    cmap="viridis",
)

# %%
arrival = on_cortex.solve(seed, np.linspace(0, 60, 121), 0.02, 0.25, "logistic", steps=240)[0].numpy()
reached = pd.Series((arrival > 0.5).argmax(axis=0) / 2, regions)  # when a region is half full
assert reached.drop(["L_entorhinal"]).min() > 0
assert reached["R_entorhinal"] < reached.median()

# %% [markdown]
# At first only the left temporal lobe is touched, then also the right one, and at $t = 30$ the frontal lobes of both sides still
# hold the least. The right entorhinal cortex is half full sooner than the typical region. The only way there is over the
# edges between homologues: without them the hemispheres are two separate worlds.

# %% [markdown]
# ## Derivatives
#
# To learn $D$ and $R$ from data we need to know how the solution changes with them. Spreading is made of products and exponentials, which PyTorch differentiates by itself. For growth the derivatives are known in closed form, for
# any law: if $\varphi(u, t)$ is the solution that starts in $u$,
#
# $$\frac{\partial \varphi}{\partial t} = f(\varphi), \qquad \frac{\partial \varphi}{\partial u} = \frac{f(\varphi)}{f(u)} .$$
#
# (The second says that a small lead over another solution shrinks and grows with the speed.) So the solver never differentiates through Newton's method. The cell compares its gradients with finite differences.

# %%
d, r = (rate[:4].clone().requires_grad_() for rate in rates)
some = torch.tensor(u0[:4])
solver.solve(some, [6.0, 24.0], d, r, "cooperative", steps=6).square().sum().backward()
step = 1e-6
for rate, gradient in ((d, d.grad), (r, r.grad)):
    with torch.no_grad():
        ends = []
        for sign in (1, -1):
            moved = [value + sign * step * (value is rate) for value in (d, r)]
            ends.append(solver.solve(some, [6.0, 24.0], *moved, "cooperative", steps=6).square().sum((1, 2)))
    assert torch.allclose((ends[0] - ends[1]) / (2 * step), gradient, rtol=1e-5)

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | $\partial u/\partial t = D\nabla^2 u + R f(u)$ with three laws of growth, five-point Laplacian, nothing through the edge ([arXiv:2509.15124](https://doi.org/10.48550/arXiv.2509.15124)) | the same equation and laws, and diffusion alone | |
# | solved by dopri5, an adaptive Runge–Kutta method | splitting into two exact parts, of order 2 in the limit | both approximate the same equation; splitting is quicker and keeps $0 \le u \le 1$ |
# | (not asked) | waves on a cortex | an illustration with made-up rates |
#
# There are no data on this page, and so nothing in-sample, held-out or a null. The equation itself is a choice. Tau may be
# cleared, or produced in some cells more than in others; neither is in it. (It may also be carried along axons in one direction:
# [chapter 21](21_real_tau.ipynb#which-way-along-the-axon).)

# %% [markdown]
# ## Key takeaways
#
# - Pathology that spreads and grows obeys [one equation with two parts](#the-equation).
# - [Spreading](#spreading-alone) is decay of the Laplacian's patterns; [growth](#growing-alone) has a closed form in each place. Both are exact.
# - [Taking turns](#both-in-turn) has an error that falls with the square of the step, and growth belongs inside.
# - Keep [mass and bounds](#what-a-solver-must-not-do); beware of growth acting on rounding.
# - A batch is a matrix, and a step two products: [tens of times as fast](#how-fast) as an adaptive solver, on one
#   thread.
# - The same solver runs on [pixels, regions and connectomes](#on-a-cortex).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: the speed of the wave
#
# On a long line, Fisher's wave travels at speed $2\sqrt{DR}$ ([Fisher 1937](https://doi.org/10.1111/j.1469-1809.1937.tb02153.x)).
# Measure it on a strip of 1 × 200 pixels whose first five are full, with the logistic law: how many pixels has the place where $u$
# falls below a half moved between two moments, per unit of time? Call the speed for $D = 4$, $R = 0.25$ `speed`, and that for four
# times the rate, $R = 1$, `speed_4`.
#
# <details><summary>Hint</summary>
#
# `ReactionDiffusion.on_grid(np.ones((1, 200), dtype=bool))` is the strip. Let the wave settle first, and stop before it meets the end:
# from 60 to 80 for the slow one, from 10 to 20 for the fast one. Count the pixels above a half.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
strip = ReactionDiffusion.on_grid(np.ones((1, 200), dtype=bool))
lit = torch.zeros(1, 200, dtype=torch.float64)
lit[0, :5] = 1.0


def speed_of(rate, begin, end):
    """Pixels per time, from the pixels above a half at two moments."""
    fronts = (strip.solve(lit, [begin, end], D=4.0, R=rate, steps=400)[0] > 0.5).sum(1)
    return float(fronts[1] - fronts[0]) / (end - begin)


speed, speed_4 = speed_of(0.25, 60.0, 80.0), speed_of(1.0, 10.0, 20.0)
print(f"measured {speed:.2f} and {speed_4:.2f}, expected 2 and 4")
# Four times the rate, twice the speed. A wave from a sharp edge is a little slow at first. And mind the trap above: run the fast one
# to t = 40, and rounding, grown by e⁴⁰, lights up the whole strip.

# %% tags=["check"]
assert abs(speed - 2) < 0.25, (
    f"{speed:.2f} pixels per time; expected 2 √(4 · 0.25) = 2: is the wave still short of the end?"
)
assert abs(speed_4 - 4) < 0.4, (
    f"{speed_4:.2f} pixels per time; expected 2 √(4 · 1) = 4: is the wave still short of the end?"
)

# %% [markdown]
# ### Exercise 2: a law of your own
#
# `solve` takes any $f$ with $f(0) \ge 0 \ge f(1)$ as a function in the place of a law's name, and then solves growth numerically. Try
# the law of [Gompertz (1825)](https://doi.org/10.1098/rstl.1825.0026), $f(u) = -u \ln u$, for one place by itself (`alone`) with
# $u_0 = 0.05$ and $R = 0.1$. Call the two values at $t$ = 10 and 40 `u_gompertz`; its exact solution is $u(t) = u_0^{\exp(-Rt)}$. Then find
# the $u$ at which this law grows fastest and call it `u_fastest`. Is growth symmetric, as in the logistic law?
#
# <details><summary>Hint</summary>
#
# The function gets and returns tensors. The logarithm of 0 is not finite: keep $u$ above some tiny value inside it. For `u_fastest`
# set the derivative of $f$ to zero, or look on a grid.
#
# </details>


# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
def gompertz(state):
    """Growth that slows down with the logarithm."""
    return -state * state.clamp(min=1e-12).log()


seeded = torch.tensor([[0.05]], dtype=torch.float64)
u_gompertz = alone.solve(seeded, [10.0, 40.0], 0.0, 0.1, gompertz, steps=4)[0, :, 0].numpy()
u_fastest = float(u[gompertz(u).argmax()])
print(f"u = {u_gompertz.round(3)} at t = 10 and 40; fastest at {u_fastest:.2f}")
# Fastest at 1/e, about 0.37: growth is quick early and slow late, more like the damped law than the logistic one.

# %% tags=["check"]
by_formula = 0.05 ** np.exp(-0.1 * np.array([10.0, 40.0]))
assert np.shape(u_gompertz) == (2,), f"two values, at t = 10 and 40; found the shape {np.shape(u_gompertz)}"
assert np.allclose(u_gompertz, by_formula, atol=1e-3), f"{np.asarray(u_gompertz)}; expected {by_formula.round(3)}"
assert abs(u_fastest - np.exp(-1)) < 0.02, f"{u_fastest:.2f}; the derivative of −u ln u is −ln u − 1: where is it zero?"

# %% [markdown]
# ### Exercise 3: why not Euler?
#
# The simplest scheme adds $h\,(-DLu + Rf(u))$ to $u$ at every step of length $h$. Find the largest $h$ for which it does not blow up
# on the disc with $D = 1$, $R = 0.1$ and the logistic law, over the time to 24. Call it `h_max`. Can you foresee it from the
# eigenvalues?
#
# <details><summary>Hint</summary>
#
# Write the loop with `laplacian` and `start.numpy()[0]`, and watch the largest $|u|$. In one step the finest pattern is multiplied by
# about $1 - h D \lambda$; `values` holds the eigenvalues in rising order.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
h_max = 2 / values[-1]  # beyond it the finest pattern is multiplied by less than −1, and grows with every step
print(f"h < 2 / (D λ) = {h_max:.3f}: {round(24 / h_max)} steps at least, where taking turns needs three")
# Not accuracy but the finest pattern, which nobody looks at, forces the short step.


# %% tags=["check"]
def largest_by_euler(h):
    """Largest |u| on the way to t = 24; stops where it has blown up."""
    state, largest = start.numpy()[0], 0.0
    for _ in range(round(24 / h)):
        state = state + h * (-laplacian @ state + 0.1 * state * (1 - state))
        largest = max(largest, np.abs(state).max())
        if largest > 10:
            break
    return largest


assert 0.01 < h_max < 1, f"{h_max}; expected a step between 0.01 and 1"
assert largest_by_euler(0.93 * h_max) < 1.5, f"with steps of {0.93 * h_max:.3f} it blows up: h_max is too large"
assert largest_by_euler(1.1 * h_max) > 10, f"with steps of {1.1 * h_max:.3f} it does not blow up: h_max is too small"

# %% [markdown]
# ## See also
#
# - [The cortical graph](04_graph.ipynb): the Laplacian and its patterns, from the adjacency on.
# - [Rates by amortised inference](19_amortised.ipynb): the way back, from pictures to $D$ and $R$.
# - [Real tau](21_real_tau.ipynb): the same equation on a mouse's connectome, with a direction.
# - [Model C on one page](../book/model_mechanistic.md): symbols, priors and laws.

# %% [markdown]
# ## References
#
# - Braak H, Braak E (1991). Neuropathological stageing of Alzheimer-related changes. Acta Neuropathol 82:239–259. [doi:10.1007/BF00308809](https://doi.org/10.1007/BF00308809)
# - Corless RM, Gonnet GH, Hare DEG, Jeffrey DJ, Knuth DE (1996). On the Lambert W function. Adv Comput Math 5:329–359. [doi:10.1007/BF02124750](https://doi.org/10.1007/BF02124750)
# - Dormand JR, Prince PJ (1980). A family of embedded Runge–Kutta formulae. J Comput Appl Math 6:19–26. [doi:10.1016/0771-050X(80)90013-3](https://doi.org/10.1016/0771-050X(80)90013-3)
# - Fisher RA (1937). The wave of advance of advantageous genes. Ann Eugen 7:355–369. [doi:10.1111/j.1469-1809.1937.tb02153.x](https://doi.org/10.1111/j.1469-1809.1937.tb02153.x)
# - Fornari S, Schäfer A, Jucker M, Goriely A, Kuhl E (2019). Prion-like spreading of Alzheimer's disease within the brain's connectome. J R Soc Interface 16:20190356. [doi:10.1098/rsif.2019.0356](https://doi.org/10.1098/rsif.2019.0356)
# - Gompertz B (1825). On the nature of the function expressive of the law of human mortality. Phil Trans R Soc 115:513–583. [doi:10.1098/rstl.1825.0026](https://doi.org/10.1098/rstl.1825.0026)
# - Jucker M, Walker LC (2013). Self-propagation of pathogenic protein aggregates in neurodegenerative diseases. Nature 501:45–51. [doi:10.1038/nature12481](https://doi.org/10.1038/nature12481)
# - Pinnawala S, Hartanto A, Simpson IJA, Wijeratne PA (2025). Learning mechanistic subtypes of neurodegeneration with a physics-informed variational autoencoder mixture model. [doi:10.48550/arXiv.2509.15124](https://doi.org/10.48550/arXiv.2509.15124)
# - Strang G (1968). On the construction and comparison of difference schemes. SIAM Journal on Numerical Analysis 5:506–517. [doi:10.1137/0705041](https://doi.org/10.1137/0705041)
