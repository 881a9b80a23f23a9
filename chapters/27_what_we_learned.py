# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: []}
# ---

# %% [markdown]
# # 27. What was claimed, and what stood
#
# *Prerequisites: any of the parts; the first section says how to read the tables without them. Time: 25 minutes to read, a few
# seconds to run.*
#
# This is an appendix, to look things up in. The book ends with [what to do on Monday](28_on_monday.ipynb).
#
# ## What you will learn
#
# - what each of the three papers claims, and what of it stood when it was built and asked;
# - why a number can be reached exactly and still not be evidence for what it was taken for;
# - how large an effect must be for data like these to show it;
# - what would change our minds.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
POWER = 0.8  # chance to find an effect that is there
LEVEL = 0.05  # chance to find one that is not

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
from scipy import stats

from xsg.claims import claim, load_claims
from xsg.plotting import use_style

use_style()
claims = load_claims()

# %% [markdown]
# ## How to read this page
#
# Nothing is computed here that another chapter has not computed. Every number below is a *claim*: it stands in one file with the
# tolerance within which a run of its chapter has to reproduce it and the bound that its sentence rests on, and the book is not built
# when one does not hold. This page collects them. Each table tells three kinds of number apart: **in-sample** (on what the model was
# trained on), **held out** (on what it was not), and **null** (the same where there is nothing to find). A dash means that there is no
# such number. Three words are used for the verdict:
#
# - **reproduced**: what was claimed, or better, came out of our own code. It is *evidence* only where the null does not do the same;
# - **not reproduced**: asked in a way that could have said yes, it did not come out;
# - **not testable here**: the data were not at hand, or the test could not have said yes.
#
# None of them says that a paper is wrong. A paper asks its question of its own data; we had other data, often fewer, and asked a
# second question. What is “simulated” shows what a method can do where our assumptions hold, and nothing about brains.

# %% [markdown]
# ## Inside and outside, in one picture
#
# If there is one lesson in this book, it is the distance between two numbers that are both called R².

# %%
ROWS = {  # in-sample, held out, and the same held out where there is nothing to find
    "Alzheimer's map, as described": (
        "real-brain-in-sample-r2",
        "real-brain-held-out-r2",
        "real-brain-noise-genes-held-out-r2",
    ),
    "Alzheimer's map, genes decoded too": (
        "refits-xsg-in-sample-r2",
        "refits-xsg-held-out-r2",
        "refits-xsg-noise-r2",
    ),
    "Alzheimer's map, patches held out": ("real-brain-in-sample-r2", "splits-ad-vae-spatial", None),
    "median of 21 disorders": (None, "disorders-vae-median", "disorders-noise-median"),
    "simulated cortex, as described": ("training-in-sample-r2", "training-held-out-r2", "training-noise-held-out-r2"),
    "simulated cortex, genes decoded too": (
        "training-xsg-in-sample-r2",
        "training-xsg-held-out-r2",
        "training-xsg-noise-held-out-r2",
    ),
    "expression and connectivity": ("views-real-both-in-sample", "views-real-both", None),
    "genes set the rates, along the connectome": (
        "genes-set-rates-both-in-sample",
        "genes-set-rates-both-held-out",
        None,
    ),
    "genes set the rates, by distance": (
        "genes-set-rates-distance-both-in-sample",
        "genes-set-rates-distance-both-held-out",
        None,
    ),
}
values = pd.DataFrame(
    {row: [claims[name].value if name else np.nan for name in names] for row, names in ROWS.items()},
    index=["in-sample", "held out", "null, held out"],
).T
values

# %% mystnb={"image": {"alt": "Dot plot of R squared for each of nine analyses: in-sample values lie between 0.6 and 1, held-out values between minus 0.3 and 0.7. Five rows have a null with noise for genes, close to the held-out value in most; four rows are marked as having none."}}
figure, axis = plt.subplots(figsize=(8, 0.42 * len(values) + 1.4))
place = np.arange(len(values))[::-1]
axis.hlines(place, values["held out"], values["in-sample"], color="0.75", lw=2, zorder=1)
marks = {"in-sample": ("s", "#e69f00"), "held out": ("o", "#0072b2"), "null, held out": ("|", "0.25")}
for name, (marker, colour) in marks.items():
    axis.scatter(values[name], place, marker=marker, s=150 if marker == "|" else 60, color=colour, label=name, zorder=2)
without = values["null, held out"].isna()
for where in place[without]:
    axis.annotate("no null", (1.03, where), ha="left", va="center", fontsize=9, color="0.35", style="italic")
axis.axvline(0, color="0.4", lw=0.8)
axis.set_yticks(place, values.index)
axis.set(xlabel="R² (0: no better than guessing the mean)", xlim=(-0.45, 1.2))
_ = axis.legend(loc="upper center", bbox_to_anchor=(0.4, 1.22), ncol=3, frameon=False)

# %% tags=["nbval-check-output"]
gap = (values["in-sample"] - values["held out"]).median()
claim("learned-gap", gap)
claim("learned-no-null", without.sum())

# %% [markdown]
# What you see: each line runs from the number a model reaches on the regions it was trained on (square) to the number it reaches on
# regions that it was not (dot; a median over dealings of the folds, or over seeds). The median length is
# 0.53<!-- claim:learned-gap -->. The short strokes are held-out numbers of the same models with noise in place of the genes: where the
# stroke lies at the dot, the genes did nothing. 4<!-- claim:learned-no-null --> of the nine rows have no such null, and are marked; their
# dots alone do not show that the genes did anything. For the 21 disorders no in-sample median is kept.

# %% [markdown]
# ## Model A: from genes to thinning
#
# What [Vaithianathan (2026)](https://doi.org/10.48550/arXiv.2606.05870) claims, as far as its abstract tells; the last two rows are
# questions that it leaves to future work or to the reader.
#
# | claimed or asked | in-sample | held out | null | verdict | where |
# |---|---|---|---|---|---|
# | R² = 0.8604<!-- claim:paper-r2 -->, r = 0.9439<!-- claim:paper-r --> | 0.95<!-- claim:real-brain-in-sample-r2 -->, 0.98<!-- claim:real-brain-in-sample-r --> | – | noise for genes, in-sample: 0.95<!-- claim:real-brain-noise-genes-r2 --> | reproduced, and no evidence: the null does the same | [8](08_real_brain.ipynb) |
# | p < 0.001 | p = 0.16<!-- claim:refits-spin-in-sample-p -->, trained anew on rotated maps | p = 0.07<!-- claim:refits-spin-held-out-p -->, likewise | (these are p-values against it) | not reproduced once the null is trained as well | [9](09_smooth_maps.ipynb), [11](11_refits.ipynb) |
# | latent programs of biological meaning | – | – | of 37 cell-type sets 0<!-- claim:genes-survivors --> survive rotated maps | not reproduced; on a **simulated** cortex they are recovered once the genes are decoded too | [7](07_programs.ipynb), [12](12_genes.ipynb) |
# | regions not trained on | – | 0.49<!-- claim:real-brain-held-out-r2 -->; patches -0.26<!-- claim:splits-ad-vae-spatial --> | noise for genes: 0.43<!-- claim:real-brain-noise-genes-held-out-r2 --> | genes not told from noise (p = 0.47<!-- claim:refits-noise-held-out-p -->) | [8](08_real_brain.ipynb), [10](10_splits.ipynb), [11](11_refits.ipynb) |
# | further disorders | – | median of 21: VAE -0.10<!-- claim:disorders-vae-median -->, ridge 0.16<!-- claim:disorders-ridge-median --> | rotated maps: 6<!-- claim:disorders-ridge-survive --> of 21 survive by ridge, 3<!-- claim:disorders-beyond-pc1-survive --> beyond the first component | the VAE, no; a straight line, for a few | [13](13_disorders.ipynb) |
#
# The model that must decode the genes as well reaches a held-out R² of 0.57<!-- claim:refits-xsg-held-out-r2 --> on the Alzheimer's map
# (from 0.32<!-- claim:refits-xsg-held-out-lowest --> to 0.66<!-- claim:refits-xsg-held-out-highest --> as the folds are dealt),
# tables of noise 0.39<!-- claim:refits-xsg-noise-r2 --> (p = 0.031<!-- claim:refits-xsg-noise-p -->; against rotated maps
# p = 0.023<!-- claim:refits-xsg-spin-p -->). It was the second model tried on that map, and two tries double a p-value, which leaves the
# first no longer below 0.05; it is one map; and noise is a weak rival, for real genes record where a region lies. It was put to the
# test under a rule fixed beforehand, on two other maps of the disease: 0.38<!-- claim:lead-eoad-r2 --> and
# 0.41<!-- claim:lead-load-r2 -->, not above noise for genes. It does not replicate ([chapter 11b](11b_put_to_the_test.ipynb)). Ridge regression on the genes reaches 0.52<!-- claim:real-brain-ridge-partitions-r2 -->, position alone, without a gene,
# 0.36<!-- claim:real-brain-position-partitions-r2 --> ([chapter 8](08_real_brain.ipynb)). Place and genes joined with care go beyond position, over 21
# maps together and not on a given one ([chapter 26c](26c_benchmark.ipynb)).

# %% [markdown]
# ## Model B: where a voxel lies
#
# What [Spatial-VAE](15_spatial_vae.ipynb) claims. The real atlas was not at hand; all numbers are of the simulated brain. In this table
# the entries are mean errors in voxels of 200 µm.
#
# | claimed or asked | held out at random | held out by blocks | null or baseline | verdict | where |
# |---|---|---|---|---|---|
# | mean error 2.25<!-- claim:where-am-i-reported-low --> to 2.52<!-- claim:where-am-i-reported-high -->, random test voxels | its settings 17.8<!-- claim:where-am-i-random-notebook -->, whole brain 11.6<!-- claim:where-am-i-whole-random-notebook --> | – | – | not testable here; on the simulated brain, not reproduced | [16](16_where_am_i.ipynb) |
# | the same, our settings | 1.7<!-- claim:where-am-i-random-xsg -->, whole brain 0.64<!-- claim:where-am-i-whole-random-xsg --> | 5.0<!-- claim:where-am-i-blocks-xsg --> | best simpler method, blocks 10.2<!-- claim:where-am-i-blocks-best-baseline --> | such errors can be had, where the noise is as simulated | [16](16_where_am_i.ipynb) |
# | (a bias along all three axes in its figures) | – | – | – | not testable here: dropout in front of batch normalisation makes such a bias on the simulated brain, larger than theirs; that it made theirs is an inference | [15](15_spatial_vae.ipynb), [16](16_where_am_i.ipynb) |
# | – (neighbours, pathways) | 0.77<!-- claim:neighbours-near-random --> with neighbours, 1.63<!-- claim:neighbours-none-random --> without | 1.83<!-- claim:neighbours-near-blocks --> and 3.00<!-- claim:neighbours-none-blocks -->; plain averaging did more in the one fold tried | true pathways ahead of shuffled ones by 0.00<!-- claim:neighbours-pathways-gain --> | neighbours help, pathways do not | [17](17_neighbours.ipynb) |

# %% [markdown]
# ## Model C: how pathology spreads
#
# What the [mixture of reaction–diffusion models](https://doi.org/10.48550/arXiv.2509.15124) claims. “Simulated” are worlds made by the
# equations that the model knows; the chapters also show what breaks when they are not.
#
# | claimed or asked | held out, simulated | held out, real | null or baseline | verdict | where |
# |---|---|---|---|---|---|
# | the mixture tells which law a subject follows | 0.987<!-- claim:mixtures-full-ours --> with separate fits and a refinement; the published preset at full length 0.62<!-- claim:mixtures-full-accuracy --> | – | oracle 0.988<!-- claim:mixtures-full-oracle --> | reproduced by another objective; the published one is no bound on the evidence | [20](20_mixtures.ipynb) |
# | D and R of each subject, with uncertainty | 90 % intervals hold a share of 0.90<!-- claim:amortised-steps-24-covered -->; with smooth noise of 0.50<!-- claim:mixtures-smooth-covered --> | – | oracle 0.91<!-- claim:amortised-steps-oracle-covered --> | reproduced, where the noise is what the model takes it for | [19](19_amortised.ipynb), [20](20_mixtures.ipynb) |
# | forecasts by mechanism | error 0.0033<!-- claim:mixtures-whole-forecast --> | mice: best law, picked afterwards, 0.136<!-- claim:real-tau-forecast --> | no change: simulated 0.288<!-- claim:mixtures-whole-forecast-no-change -->, mice 0.116<!-- claim:real-tau-no-change --> | reproduced on simulated data; **not testable here** on real tau: were the law true, the test would have said yes in a share of 0.00<!-- claim:real-tau-power --> of worlds | [20](20_mixtures.ipynb), [21](21_real_tau.ipynb) |
# | subtypes in human PET | – | – | – | not testable here: those data are licensed to each user | [21](21_real_tau.ipynb) |

# %% [markdown]
# ## Across scales: the future work that the papers name
#
# | asked | simulated, held out | real, held out | null or baseline | verdict | where |
# |---|---|---|---|---|---|
# | do genes set the rates of spread? | 90 % intervals of the unknowns hold 0.92<!-- claim:genes-set-rates-coverage -->; those of the genes, given a wrong network, 0.0<!-- claim:genes-set-rates-coverage-network --> | group map, by distance: 0.42<!-- claim:genes-set-rates-distance-both-held-out --> (**in-sample** 0.73<!-- claim:genes-set-rates-distance-both-in-sample -->) | genes against rotated maps: p = 0.19<!-- claim:genes-set-rates-genes-distance-p --> | not reproduced on group maps | [22](22_genes_set_rates.ipynb) |
# | is more than one view worth more? | both 0.69<!-- claim:views-both -->, one 0.35<!-- claim:views-expression --> or 0.10<!-- claim:views-receptors --> | both 0.45<!-- claim:views-real-both -->, expression 0.47<!-- claim:views-real-expression --> | ridge on all views side by side, simulated: 0.72<!-- claim:views-both-ridge --> | yes where simulated, and by ridge; not told apart on the real map | [24](24_views.ipynb) |
# | do disorders share programs? | – | together 0.17<!-- claim:transfer-shared-pairs -->, each on its own 0.19<!-- claim:transfer-alone-pairs --> | the *set* against rotated sets: p ≤ 0.01<!-- claim:transfer-null-same-p --> | the set is predicted; that sharing helps, not testable here | [25](25_transfer.ipynb) |
# | do mouse programs carry over? | a fifth of the genes conserved is found in 0.7<!-- claim:transfer-power-20 --> of brains | – | shuffled names | not testable here | [25](25_transfer.ipynb) |
# | are courses of single subjects foreseen? | last visit of known subjects: 34<!-- claim:over-time-known-programs --> µm off | – | mixed effects 36<!-- claim:over-time-known-lme -->, no change 43<!-- claim:over-time-known-no-change --> µm | on a cohort of the model's own making only; not testable here on real subjects | [23](23_over_time.ipynb) |
# | does it scale? | – | – | – | along the edges time grows with the power 1.1<!-- claim:own-data-sparse-time-exponent --> of the number of regions, up to 20,484 | [26b](26b_scale.ipynb) |

# %% [markdown]
# ## How large would an effect have to be?
#
# That something was not found says little unless it could have been. A correlation $r$ between $n$ independent pairs of
# values, transformed to $\operatorname{artanh} r$, is close to normal with standard error $1/\sqrt{n-3}$
# ([Fisher 1915](https://doi.org/10.2307/2331838)). So the smallest correlation that a two-sided test at level $\alpha$ finds
# with probability $1-\beta$ is
#
# $$ r_\text{min} = \tanh\frac{z_{1-\alpha/2} + z_{1-\beta}}{\sqrt{n - 3}}, $$
#
# with $z_q$ the normal quantile. What is $n$ here? Not 68. The Alzheimer's map has 33 independent values at most, and smoothness leaves some
# 12.1<!-- claim:smooth-maps-effective-70 --> to 16.7<!-- claim:smooth-maps-effective-40 --> ([chapter 9](09_smooth_maps.ipynb)).


# %%
def smallest(n, power=POWER, level=LEVEL):
    """Return the smallest correlation that n independent pairs of values show with that power."""
    return np.tanh((stats.norm.ppf(1 - level / 2) + stats.norm.ppf(power)) / np.sqrt(np.asarray(n) - 3))


# %% mystnb={"image": {"alt": "The smallest correlation that can be found falls with the number of independent values: about 0.7 at 12 values, 0.5 at 33, 0.3 at 85 and 0.1 near 800."}}
figure, axis = plt.subplots(figsize=(7, 3.4))
n = np.geomspace(8, 1000, 200)
axis.plot(n, smallest(n), color="#0072b2")
for name, count in (
    ("smooth map, 70 mm", claims["smooth-maps-effective-70"].value),
    ("smooth map, 40 mm", claims["smooth-maps-effective-40"].value),
    ("pairs of regions", 33),
    ("regions, if they were independent", 68),
):
    axis.plot(count, smallest(count), "o", color="#d55e00")
    axis.annotate(f"{name}: {smallest(count):.2f}", (count, smallest(count)), (8, 3), textcoords="offset points")
axis.set(xscale="log", xlabel="independent values n", ylabel="smallest r found\nfour times in five", ylim=(0, 1))
axis.set_xticks([10, 30, 100, 300, 1000], ["10", "30", "100", "300", "1,000"])
figure.tight_layout()

# %% tags=["nbval-check-output"]
claim("learned-smallest-33", smallest(33))
claim("learned-smallest-12", smallest(claims["smooth-maps-effective-70"].value))

# %% [markdown]
# What you see: with 33 independent values a correlation has to be 0.47<!-- claim:learned-smallest-33 --> to be found four times in five; with the
# dozen that a smooth map is worth, 0.73<!-- claim:learned-smallest-12 -->. Genes that explain a tenth of the variance of thinning ($r \approx 0.3$)
# would be good news for biology, and one group map of 68 regions cannot show them. So “not reproduced” on this page often
# means: *not by this map*. What is missing is not a better network.

# %% [markdown]
# ## What would change our minds
#
# - **About genes and thinning:** genes that beat both noise and smooth fields of the same smoothness, with everything fixed beforehand, on maps of more than one disease that nobody has
#   been near, with pairs and with patches held out. Or individual differences: many subjects, each with a map
#   ([chapter 13c](13c_people.ipynb) has begun).
# - **About programs:** a gene set that survives a spatial null on one half of the donors and again on the other.
# - **About place in the mouse brain:** the real atlas, 4,345 experiments, held out by blocks. The code is here; the 1.4 GB were not.
# - **About mechanisms:** four or more visits of the same brains, or half the noise ([chapter 21](21_real_tau.ipynb#could-the-test-have-said-yes)), and a forecast of the last that beats “nothing changes”.
# - **About all of it:** a number of this book that does not come out on your machine. Please tell us.

# %% [markdown]
# ## Honesty box
#
# | the papers say | we get | differs because |
# |---|---|---|
# | see the tables above | median distance from **in-sample** to **held out**: 0.53<!-- claim:learned-gap --> of R² | rows chosen by us, and not independent: six of nine share one map |
# | – | **null**, in the five rows that have one: noise for genes does about as well as genes, but where the genes are decoded too; 4<!-- claim:learned-no-null --> rows have none | such a null was not run there |
#
# We tried several models, splits and nulls, and report them; what a reader sees first was still chosen by us. Power was computed for one
# correlation between two given maps, not for the models of this book, which fit hundreds of numbers and need more. Of the papers we read
# what the front page of the book says; their subjects we had no access to.

# %% [markdown]
# ## Key takeaways
#
# - A number on the regions a model was trained on says how flexible the model is:
#   [inside and outside](#inside-and-outside-in-one-picture).
# - Model A's headline is reached, and passed, with noise for genes; held out, genes are not told from noise: [model A](#model-a-from-genes-to-thinning).
# - Model B's idea works on a brain with a known truth, not by its published settings; the real atlas is still to be asked:
#   [model B](#model-b-where-a-voxel-lies).
# - Model C recovers what it should where the world is its own; whether it foresees real tau could not be tested with these data:
#   [model C](#model-c-how-pathology-spreads).
# - With a dozen independent values only large effects can be seen: [how large](#how-large-would-an-effect-have-to-be).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: how many values would do?
#
# How many independent values does it take to find a correlation of 0.3 with a power of 0.8 at the two-sided level 0.05? And 0.2? Call the
# two whole numbers `n_03` and `n_02`.
#
# <details><summary>Hint</summary>
#
# Solve the formula for $n$, and round up.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
reach = stats.norm.ppf(1 - LEVEL / 2) + stats.norm.ppf(POWER)
n_03, n_02 = (int(np.ceil((reach / np.arctanh(r)) ** 2 + 3)) for r in (0.3, 0.2))
print(f"r = 0.3: {n_03} values; r = 0.2: {n_02} values")
# More than any parcellation of one brain's map can give, because its regions are not independent.

# %% tags=["check"]
assert smallest(n_03) <= 0.3 < smallest(n_03 - 1), f"with {n_03} values the smallest r is {smallest(n_03):.3f}"
assert smallest(n_02) <= 0.2 < smallest(n_02 - 1), f"with {n_02} values the smallest r is {smallest(n_02):.3f}"

# %% [markdown]
# ### Exercise 2: the second model tried
#
# You try a second model on the same map, and it has $p = 0.012$. Correct it for two tries by Bonferroni's rule
# (`p_two`). How many models may one have tried in all (`most_tried`) for the corrected p to stay at or below 0.05?
#
# <details><summary>Hint</summary>
#
# Bonferroni multiplies the p-value by the number of tries.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
p_second = 0.012
p_two = 2 * p_second
most_tried = int(0.05 // p_second)
print(f"two tries: p = {p_two:.3f}; it would stand {most_tried} tries")
# Tries count whether or not they were written down: settings looked at, dealings of the folds, maps, nulls.

# %% tags=["check"]
assert np.isclose(p_two, 0.024), f"p_two is {p_two}; two tries double a p-value"
assert most_tried * 0.012 <= 0.05 < (most_tried + 1) * 0.012, (
    f"with {most_tried} tries the corrected p is {most_tried * 0.012:.3f}"
)

# %% [markdown]
# ### Exercise 3: what kind of evidence does this book hold?
#
# Of all claims that are ours (`who` is `"us"`), what share is held out, and what share is in-sample? Call them `share_held_out` and `share_in_sample`.
#
# <details><summary>Hint</summary>
#
# `claims.values()` gives objects with `who` and `kind`; kinds are written `"held-out"` and `"in-sample"`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
kinds = pd.Series([each.kind for each in claims.values() if each.who == "us"])
share_held_out, share_in_sample = ((kinds == kind).mean() for kind in ("held-out", "in-sample"))
print(kinds.value_counts().to_string())
# A count of kinds is no measure of quality, but a paper in which the first is zero should make one ask.

# %% tags=["check"]
ours = [each.kind for each in claims.values() if each.who == "us"]
assert np.isclose(share_held_out, ours.count("held-out") / len(ours)), f"share_held_out is {share_held_out:.3f}"
assert np.isclose(share_in_sample, ours.count("in-sample") / len(ours)), f"share_in_sample is {share_in_sample:.3f}"

# %% [markdown]
# ## See also
#
# - [Why do some regions die first?](01_question.ipynb): the question, as it looked before.
# - [A thousand refits](11_refits.ipynb): the table in which model A's headline is weighed.
# - [What to do on Monday](28_on_monday.ipynb): what follows from these tables for a map of yours.
# - [Execution report](../book/execution.md): what each chapter cost when this copy was built.

# %% [markdown]
# ## References
#
# - Fisher RA (1915). Frequency distribution of the values of the correlation coefficient in samples from an indefinitely
#   large population. *Biometrika* 10:507. [doi:10.2307/2331838](https://doi.org/10.2307/2331838)
# - Vaithianathan (2026). The cross-scale model that this book begins with. [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
# - The mixture of reaction–diffusion models. [arXiv:2509.15124](https://arxiv.org/abs/2509.15124)
