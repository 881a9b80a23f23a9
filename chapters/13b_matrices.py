# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: []}
# ---

# %% [markdown]
# # 13b. One brain atlas, many matrices
#
# *Prerequisites: [expression](02_expression.ipynb), [splits](10_splits.ipynb), [a thousand refits](11_refits.ipynb). Time:
# 30 minutes to read, 1 minute to run.*
#
# ## What you will learn
#
# - that "the" expression matrix is one of many that the same six brains can give;
# - how far six donors agree, and what becomes of a result when one of them is left out;
# - how to run many pipelines instead of one, and to show all their results in one *specification curve*;
# - how to tell whether a spread is large: by comparing it with the spread from things that nobody would call a choice.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
MICROARRAYS = "simulated"  # or "download" (1.7 GB to fetch, 4.3 GB unpacked), or the folder of the donors' folders
SEED = 0  # of the simulated microarrays, the folds and the model
GENES = 100  # of the simulated microarrays
SAMPLES = 110  # of the simulated microarrays, for each donor and hemisphere
N_SEEDS = 6  # models that differ in their seed alone
N_WAYS = 3  # ways to deal homologous pairs into five folds, for each matrix
N_DEALS = 5  # for the reference matrix; more than N_WAYS

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import tempfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns

import xsg
from xsg.atlas import build_graph, load_parcellation
from xsg.claims import claim
from xsg.data.expression import common, differential_stability
from xsg.genes.make import donor_expressions, leave_one_donor_out, make_expression, multiverse
from xsg.genes.microarrays import open_microarrays
from xsg.genes.simulate import simulate_microarrays, simulated_thinning
from xsg.data.vulnerability import load_disorder
from xsg.evaluation.baselines import baseline
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.splits import homologous
from xsg.plotting import use_style
from xsg.training import refit

use_style()
atlas = load_parcellation("dk")

# %% [markdown]
# ## The question in a picture
#
# A table of expression by region looks like a measurement. It is the end of a long chain of choices that
# [chapter 2](02_expression.ipynb#from-slices-to-numbers) walked through, made on six people. If other choices, or other
# people, had given another answer, we should know.
#
# The real microarrays are a download of 1.7 GB. So that every reader can run this page, it uses **simulated** ones: real
# places, real names of probes, invented values, and a thinning map that two of six invented "programs" cause
# (`xsg.genes.simulate` tells the story). With `MICROARRAYS = "download"` the same page is meant to run on
# the real atlas, with Alzheimer's disease for the map ([untried](#on-the-real-atlas)). What it shows here is therefore
# how to ask, and how large such effects are in
# a world we know; not how large they are in the real one.

# %%
if MICROARRAYS == "simulated":
    folder = tempfile.TemporaryDirectory()  # removed when Python ends
    microarrays = open_microarrays(simulate_microarrays(folder.name, SEED, GENES, SAMPLES))
    thinning, genes = simulated_thinning(SEED), "all"
else:
    microarrays = open_microarrays(MICROARRAYS)
    thinning, genes = load_disorder("AD"), "landmark"
table = make_expression(microarrays, genes=genes)
print(*table.attrs["provenance"], *thinning.attrs["provenance"], sep="\n")

# %% mystnb={"image": {"alt": "Two panels of expression over the left regions, one line for each of six donors and a thick line for the mean. For the most stable gene the six lines go up and down together; for the least stable one they cross at random."}}
by_donor = donor_expressions(microarrays, genes=genes)
stability = differential_stability(by_donor).sort_values()
left = [region for region in table.index if region.startswith("L_")]
ordered = table.loc[left, stability.index[-1]].sort_values().index
figure, axes = plt.subplots(2, 1, figsize=(9.5, 5.6), sharex=True, layout="constrained")
for ax, gene in zip(axes, [stability.index[-1], stability.index[0]], strict=True):
    for donor, values in by_donor.items():
        ax.plot(range(len(ordered)), values.loc[ordered, gene], "o-", ms=3, lw=0.8, alpha=0.7, label=donor)
    ax.plot(range(len(ordered)), table.loc[ordered, gene], color="0.15", lw=2.4, label="the matrix")
    ax.set(ylabel="expression (0 to 1)", title=f"differential stability {stability[gene]:.2f}")
axes[1].set(xlabel="left regions, in the order of the upper gene in the matrix")
_ = axes[0].legend(ncols=1, fontsize=8, loc="center left", bbox_to_anchor=(1.01, 0.2), title="donor")

# %% [markdown]
# Two genes, six donors: thin lines are the donors, the thick one is the matrix that all later analyses see. **Differential
# stability** is how far donors agree on a gene, the mean correlation over pairs of donors
# ([Hawrylycz et al. 2015](https://doi.org/10.1038/nn.4171)). Of the upper gene, any donor would have told nearly the
# same story. Of the lower one, the thick line is the mean of six stories.
#
# ## Six donors, six matrices
#
# Each donor alone gives a matrix with holes: a region where no sample was cut from that brain. How far does each agree with
# the other five? The last column is the mean, over genes and other donors, of the correlation over the regions that both have.

# %%
coverage = pd.DataFrame(
    {
        donor: {
            "regions, left": values.dropna(how="all").index.str.startswith("L").sum(),
            "regions, right": values.dropna(how="all").index.str.startswith("R").sum(),
            "agreement with the others (r)": np.mean(
                [values.corrwith(other).mean() for number, other in by_donor.items() if number != donor]
            ),
        }
        for donor, values in by_donor.items()
    }
).T
coverage.style.format(
    {"regions, left": "{:.0f}", "regions, right": "{:.0f}", "agreement with the others (r)": "{:.2f}"}
)

# %% tags=["nbval-check-output"]
claim("matrices-stability", stability.median())
claim("matrices-unstable", 100 * (stability < 0.2).mean())

# %% [markdown]
# The median gene has a differential stability of 0.59<!-- claim:matrices-stability -->;
# 6<!-- claim:matrices-unstable --> % lie under 0.2, the bar of the real matrix that this book uses elsewhere. Only two
# donors say anything about the right hemisphere, and no agreement *between* hemispheres of donors can be asked of the
# other four.
#
# ## What if a donor had not been there?
#
# The plainest test of a small sample is to leave one out. The *whole* pipeline runs anew without the donor, so that neither
# the filter nor the choice of probes has seen him or her. Two of six donors carry the whole right hemisphere; without one of
# them, most right regions would be lost. So samples are mirrored to the other side here (`lr_mirror="bidirectional"`). We
# call that the **reference** pipeline: abagen's defaults, and mirroring.
#
# All matrices of this page, those of the next section too, are cut to the regions and genes that every one of them has;
# otherwise one would compare regions, not matrices.

# %%
universe = {
    "atlas": ["volume", "surface"],
    "probe_selection": ["diff_stability", "average"],
    "lr_mirror": [None, "bidirectional"],
}
pipelines, matrices = multiverse(microarrays, universe, genes=genes, progress=False)
without = leave_one_donor_out(microarrays, genes=genes, lr_mirror="bidirectional")
known = [region for region in matrices[0].index if region in thinning.index]
reference = 1  # the second pipeline: all first values but the last option's
shared = common([matrices[0].loc[known], *matrices, *without.values()])[1:]
matrices, lessened = shared[: len(matrices)], dict(zip(without, shared[len(matrices) :], strict=True))
regions = matrices[0].index
print(f"{len(shared)} matrices of {len(regions)} regions × {matrices[0].shape[1]} genes")

# %% [markdown]
# [Model A](../book/model_cross_scale.md), the graph VAE of this part, is trained on each matrix and judged on regions held
# out in five folds, homologues together. Into *which* five groups the pairs are dealt is chance, and it matters
# ([chapter 10](10_splits.ipynb)). So every matrix is judged under the same three ways of dealing.


# %%
thinning, graph = thinning.loc[regions], build_graph(atlas).subset(regions)
model = xsg.CrossScaleVAE()
ways = [homologous(regions, seed=deal) for deal in range(N_DEALS)]


def score(tables, dealings=ways[:N_WAYS]):
    """Held-out R² of model A for each matrix and way of dealing: (matrices, ways)."""
    folds = np.stack(dealings)  # ways × folds × regions
    fitted = refit(model, tables, thinning, graph, np.vstack(folds), seeds=[SEED], progress=False)
    fitted = np.where(folds, fitted.to_numpy().reshape(len(tables), *folds.shape), 0).sum(axis=2)
    return np.array([[r_squared(thinning, guess) for guess in each] for each in fitted])


# %% mystnb={"image": {"alt": "Seven rows of held-out R-squared, three dots each, one for a way of dealing: the reference with all six donors at the top, below it the six matrices without one donor. In every row the three dots lie far apart, and the dots of one way lie nearly under each other."}}
names = ["all six donors", *(f"without {donor}" for donor in lessened)]
donors_r2 = pd.DataFrame(score([matrices[reference], *lessened.values()]), names)
figure, ax = plt.subplots(figsize=(6.8, 3.2), layout="constrained")
for way, marker in enumerate("o^s"):
    ax.plot(donors_r2[way], names, marker, ls="", label=f"dealing {way + 1}")
ax.invert_yaxis()
ax.set(xlabel="held-out R² of model A")
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

# %%
flat = matrices[reference].to_numpy().ravel()
donors_effect = pd.DataFrame(
    {
        "r with the full matrix": [np.corrcoef(flat, each.to_numpy().ravel())[0, 1] for each in lessened.values()],
        "held-out R², median": donors_r2.median(axis=1).to_numpy()[1:],
        "lowest": donors_r2.min(axis=1).to_numpy()[1:],
        "highest": donors_r2.max(axis=1).to_numpy()[1:],
    },
    index=pd.Index(lessened, name="donor left out"),
)
donors_effect.style.format("{:.2f}")

# %% [markdown]
# What would have moved without leaving anyone out? The same model is trained on the *full* matrix with other seeds, under the
# first dealing; and the instrument of [a thousand refits](11_refits.ipynb) gives an interval over the pairs of regions.

# %%
cortex = xsg.Cortex("matrix", matrices[reference], thinning, graph, atlas)
by_seed = xsg.evaluate(
    model, cortex, seed=SEED, n_seeds=N_SEEDS, n_dealings=1, n_nulls=0, baselines=False, progress=False
)
by_seed.held_out.loc[["R²"]].style.format("{:.2f}")

# %% tags=["nbval-check-output"]
claim("matrices-donor-r-lowest", donors_effect["r with the full matrix"].min())
claim("matrices-reference", donors_r2.iloc[0].median())
claim("matrices-reference-lowest", donors_r2.iloc[0].min())
claim("matrices-reference-highest", donors_r2.iloc[0].max())
claim("matrices-reference-width", by_seed.held_out.loc["R²", "high"] - by_seed.held_out.loc["R²", "low"])
donor_spread = donors_r2.iloc[1:].std(ddof=0).median()
claim("matrices-donor-spread", donor_spread)
claim("matrices-donor-jackknife", np.sqrt(len(lessened) - 1) * donor_spread)
claim("matrices-seed-spread", by_seed.seeds["held-out R²"].std(ddof=0))

# %% [markdown]
# Without a donor, the matrix still correlates with the full one by 0.96<!-- claim:matrices-donor-r-lowest --> or more. With
# all six, model A's held-out $R^2$ is 0.41<!-- claim:matrices-reference -->, the median of ways that give
# 0.31<!-- claim:matrices-reference-lowest --> to 0.56<!-- claim:matrices-reference-highest -->. Under one way it varies over
# the six matrices without a donor with a standard deviation of 0.03<!-- claim:matrices-donor-spread --> (the median way).
#
# Is that little? These matrices share four of their five donors two by two, so they differ less than matrices of other people would. The
# remedy of the *jackknife* ([Efron 1982](https://doi.org/10.1137/1.9781611970319)) is a factor $\sqrt{6-1}$, which makes
# 0.07<!-- claim:matrices-donor-jackknife -->. Another seed on the same full matrix already moves the result by
# 0.06<!-- claim:matrices-seed-spread -->. So we cannot tell the influence of the donors from the unrest of the training;
# six of the one and six of the other are too few. Whoever reports a leave-one-out result as sensitivity to a donor should
# report the seeds beside it. And all of this is small against the interval that so few regions allow, which is
# 0.6<!-- claim:matrices-reference-width --> wide.
#
# ## Eight pipelines
#
# Now the choices. Three of them, all found in published work
# ([Arnatkevičiūtė et al. 2019](https://doi.org/10.1016/j.neuroimage.2019.01.011) walk through them;
# [Markello et al. 2021](https://doi.org/10.7554/eLife.72129) ran 746,496 pipelines and found that processing steps matter, some
# of them a lot):
#
# | choice | here |
# |---|---|
# | where the atlas lives | a volume, in which samples must lie within 2 mm of a region; or a surface, to whose nearest point they go |
# | which probe stands for a gene | the most stable over donors; the mean of all |
# | whether samples are mirrored to the other side | not; both ways |
#
# Every combination is one **pipeline**: $2 \times 2 \times 2 = 8$. To run them all and look at all the results is a
# *multiverse analysis* ([Steegen et al. 2016](https://doi.org/10.1177/1745691616658637)). Eight are what a page has time
# for; all other options stay at their defaults, and [exercise 2](#exercise-2-two-more-forks) changes two of them. An earlier
# edition of this page also varied how genes are scaled, which moved $R^2$ no more than the atlas did.

# %%
others = [matrix for pipeline, matrix in enumerate(matrices) if pipeline != reference]  # that one is scored above
by_way = np.insert(score(others), reference, donors_r2.iloc[0], axis=0)  # pipelines × ways
pipelines["R²"] = np.median(by_way, axis=1)
names = {"probe_selection": "probe", "lr_mirror": "mirror"}

# %% [markdown]
# What to compare the spread with? Three things vary that nobody would report as a choice: the **donors** (one left out), the
# **seed** of the model, and the **dealing** of the folds. All three are varied with the reference pipeline alone.

# %% mystnb={"image": {"alt": "Specification curve. Above, the held-out R-squared of 8 pipelines, three dots each for three ways of dealing and a line at their median, in rising order of the median. The dots of the third way lie near 0.6 for all pipelines; those of the second between 0.25 and 0.31; those of the first rise from about 0.2 to 0.4. Beside them, dots for matrices without a donor, other seeds and other dealings of the reference, the last spread from 0.3 to 0.6. Below, squares show which option of atlas, probe and mirror each pipeline has: the lower half are unmirrored, the upper half mirrored, the other options are scattered."}}
yardsticks = {
    "a donor\nless": donors_effect["held-out R², median"],
    "other\nseeds": by_seed.seeds["held-out R²"],
    "other\ndealings": [*donors_r2.iloc[0], *score([matrices[reference]], ways[N_WAYS:])[0]],
}
curve = pipelines.sort_values("R²")
options = [
    (option, value) for option, values in universe.items() for value in ("none" if v is None else v for v in values)
]
colours = sns.color_palette("colorblind")
figure, axes = plt.subplots(
    2,
    2,
    figsize=(9.8, 6.4),
    sharex="col",
    sharey="row",
    width_ratios=[4, 1.2],
    height_ratios=[1.3, 1],
    layout="constrained",
)
for way, marker in enumerate("o^s"):
    axes[0, 0].plot(range(len(curve)), by_way[curve.index, way], marker, ms=5, color=colours[way], alpha=0.8)
    axes[0, 0].plot([], [], marker, color=colours[way], label=f"dealing {way + 1}")
axes[0, 0].plot(range(len(curve)), curve["R²"], "_", ms=13, mew=2, color="0.15", label="median")
for pipeline, label in ((0, "abagen's\ndefaults"), (reference, "reference")):
    place = curve.index.get_loc(pipeline)
    axes[0, 0].annotate(label, (place, 0.03), ha="center", fontsize=8)
    axes[0, 0].axvline(place, color="0.85", zorder=0)
axes[0, 0].legend(loc="center left", bbox_to_anchor=(0, 0.68), ncols=2, fontsize=8)
axes[0, 0].set(ylabel="held-out R² of model A", title=f"{len(curve)} pipelines", ylim=(0, 0.7))
for place, values in enumerate(yardsticks.values()):
    axes[0, 1].plot(place + np.linspace(-0.15, 0.15, len(values)), values, "D", ms=5, color="0.35")
axes[0, 1].set(title="reference pipeline", xlim=(-0.6, 2.6))
axes[0, 1].set_xticks(range(3), list(yardsticks), fontsize=9)
axes[0, 1].tick_params(labelbottom=True)
for row, (option, value) in enumerate(options):
    has = np.flatnonzero((curve[option] == value).to_numpy())
    axes[1, 0].plot(has, np.full(len(has), row), "s", ms=5, color="0.3")
axes[1, 0].set_yticks(range(len(options)), [f"{names.get(option, option)}: {value}" for option, value in options])
axes[1, 0].set(xlabel="pipelines, in rising order of the median", ylim=(len(options) - 0.5, -0.5))
axes[1, 1].remove()

# %% tags=["nbval-check-output"]
claim("matrices-pipelines", len(pipelines))
claim("matrices-lowest", pipelines["R²"].min())
claim("matrices-highest", pipelines["R²"].max())
claim("matrices-spread", np.median(by_way.std(axis=0)))
claim("matrices-spread-highest", by_way.std(axis=0).max())
claim("matrices-way-range", np.median(np.ptp(by_way, axis=1)))

# %% [markdown]
# This is a **specification curve** ([Simonsohn et al. 2020](https://doi.org/10.1038/s41562-020-0912-z)). Above, each column is
# one pipeline, a dot for each way of dealing the folds; below it stands what the pipeline was, a square for the option it
# has of each choice; beside it, what varies without any choice. The medians go from
# 0.27<!-- claim:matrices-lowest --> to 0.41<!-- claim:matrices-highest -->.
#
# But look at the dots first. Under one way of dealing, the pipelines differ with a standard deviation of
# 0.02<!-- claim:matrices-spread --> (the median way) to 0.09<!-- claim:matrices-spread-highest --> (the first). One and the
# same pipeline moves by
# 0.3<!-- claim:matrices-way-range --> from its lowest way to its highest. So here the luck of the folds, that is, *which* of
# some fifty regions happen to be predicted together, matters more than how the samples became a matrix. A seed
# (0.06<!-- claim:matrices-seed-spread -->) and other donors (0.07<!-- claim:matrices-donor-jackknife -->, by the jackknife)
# lie between the two. And the squares below the curve are not scattered: one row explains most of the order. Is that
# the choice that matters?
#
# ## Which choice matters?
#
# Since every combination was run, the effect of one choice is the mean over all the others: pairs of pipelines that differ
# in nothing else. Each row of the table is one such change, with its mean change of $R^2$ under each way of dealing.

# %%
effects = []
for option, values in universe.items():
    values = ["none" if value is None else value for value in values]
    others = [other for other in universe if other != option]
    for value in values[1:]:
        row = {"choice": names.get(option, option), "change": f"{values[0]} → {value}"}
        for way in range(N_WAYS):
            wide = pipelines.assign(way=by_way[:, way]).pivot_table(index=others, columns=option, values="way")
            change = wide[value] - wide[values[0]]
            row |= {f"dealing {way + 1}": change.mean(), f"pairs that rise, {way + 1}": (change > 0).mean()}
        effects.append(row)
effects = pd.DataFrame(effects)
shares = [column for column in effects if column.startswith("pairs")]
effects.style.format(precision=2, subset=[f"dealing {way + 1}" for way in range(N_WAYS)]).format(
    "{:.0%}", subset=shares
).hide()

# %% tags=["nbval-check-output"]
mirrored = effects.set_index("choice").loc["mirror", [f"dealing {way + 1}" for way in range(N_WAYS)]]
claim("matrices-mirror-lowest", mirrored.min())
claim("matrices-mirror-effect", mirrored.median())
claim("matrices-mirror-highest", mirrored.max())

# %% [markdown]
# Under the first way, mirroring raises $R^2$ by 0.16<!-- claim:matrices-mirror-highest --> on average, and it rises in every
# pair. An earlier edition of this page had that way only, and reported that nearly all of the spread was this one
# choice. Under the two others the mean change is 0.02<!-- claim:matrices-mirror-effect --> and
# 0.00<!-- claim:matrices-mirror-lowest -->. Four pairs that agree are not four witnesses, if all of them share the folds.
# The other choices move it by a few hundredths, up or down.
#
# (One would expect some gain here, since the simulated hemispheres are nearly alike and four of six donors have samples on the
# left only. In the real atlas the same step also makes the hemispheres *look* alike, which is a reason to keep homologous regions in
# one fold and not a reason to mirror.)
#
# Mind what such a table may be used for. To pick the option that scores best, and then to report its score, is to fit the
# pipeline to the held-out regions: [exercise 1](#exercise-1-the-price-of-choosing-the-best) measures the price.
#
# ## On the real atlas
#
# Everything above is one parameter away from the real microarrays: `MICROARRAYS = "download"`. Then
# `make_expression(microarrays)` is the 68 × 910 matrix that the paper of this part ([arXiv:2606.05870](https://arxiv.org/abs/2606.05870))
# speaks of, less two regions: without a sample, the
# right frontal and temporal pole are left out unless one says otherwise (`missing="mirror"`, `"centroids"` or
# `"interpolate"`; [chapter 2](02_expression.ipynb#two-regions-that-were-never-measured) shows them), and a number of landmark
# genes other than 910 is an error. With 58,692 probes instead of a few hundred, that takes far more time and memory than a
# page of this book is allowed; we have not run it. The checked numbers, which are the simulation's, will then not hold.
#
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | one matrix, 910 genes × 68 regions | 8<!-- claim:matrices-pipelines --> matrices from one set of microarrays, none of them more right than another | what is public of the paper does not say how results change with pipeline or donors; few papers do |
# | – | **held out** $R^2$, medians of three dealings, of 0.27<!-- claim:matrices-lowest --> to 0.41<!-- claim:matrices-highest --> over pipelines; one pipeline moves by 0.3<!-- claim:matrices-way-range --> over the dealings | **simulated** values and map: the size of the spread on the real atlas is not known from this page |
# | AHBA sampling density named as a limit | leaving a donor out: a standard deviation of 0.03<!-- claim:matrices-donor-spread -->, by the jackknife 0.07<!-- claim:matrices-donor-jackknife -->, where another seed gives 0.06<!-- claim:matrices-seed-spread -->: not to be told apart | six simulated donors share one pattern and differ by noise alone; real ones differ in age, sex and history too |
#
# All $R^2$ here are *held out*, by homologous pairs. No *null* is given: the question was how far results move, not whether
# they beat chance, which is asked in [smooth maps](09_smooth_maps.ipynb) and [a thousand refits](11_refits.ipynb). The eight
# pipelines are a choice, too; others would give another curve. Three ways of dealing are few, and but for the yardstick of
# the seeds all is seen with one seed. Of the paper we know the abstract and public summaries.
#
# ## Key takeaways
#
# - A matrix is a mean over few people, and for some genes they disagree: [six donors, six matrices](#six-donors-six-matrices).
# - Leave donors out of the *whole* pipeline, and compare with what a seed does:
#   [what if a donor had not been there?](#what-if-a-donor-had-not-been-there).
# - Run all reasonable pipelines and show all results: [eight pipelines](#eight-pipelines).
# - A spread is large or small only beside another spread: those of donors, seeds and folds.
# - An effect that all pairs of pipelines agree on may still be the luck of the folds they share:
#   [which choice matters?](#which-choice-matters).
#
# ## Exercises
#
# ### Exercise 1: the price of choosing the best
#
# Score ridge regression, which has no seed and is quick, on each of the 8 matrices under ten ways of dealing the folds
# (seeds 0 to 9 of `homologous`). Choose the best matrix by *one* way. By how much does its $R^2$ lead over the median matrix
# under that way (`lead_where_chosen`), and by how much, on average, under the nine others (`lead_elsewhere`)? Give both as
# means over the ten ways to choose by.
#
# <details><summary>Hint</summary>
#
# `baseline("ridge", matrix, thinning, atlas, homologous(regions, seed=k))[0]` is the held-out prediction. Keep
# the scores in an array, ways × matrices; then choose by row `k`, and judge by `np.delete(scores, k, axis=0)`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
scores = np.array(
    [
        [
            r_squared(thinning, baseline("ridge", each, thinning, atlas, homologous(regions, seed=k))[0])
            for each in matrices
        ]
        for k in range(10)
    ]
)
lead = []
for k in range(10):
    best, elsewhere = scores[k].argmax(), np.delete(scores, k, axis=0)
    lead.append((scores[k, best] - np.median(scores[k]), (elsewhere[:, best] - np.median(elsewhere, axis=1)).mean()))
lead_where_chosen, lead_elsewhere = np.mean(lead, axis=0)
print(f"lead of the best over the median: {lead_where_chosen:.3f} where it was chosen, {lead_elsewhere:.3f} elsewhere")
# The best looks better where it was chosen: part of its lead was luck with the folds.

# %% tags=["check"]
assert lead_elsewhere < lead_where_chosen, (
    f"the lead is {lead_elsewhere:.3f} elsewhere and {lead_where_chosen:.3f} where chosen; expected less elsewhere"
)
assert 0 < lead_where_chosen < 0.4, f"lead_where_chosen is {lead_where_chosen:.3f}; expected between 0 and 0.4"
assert lead_elsewhere > -0.1, (
    f"lead_elsewhere is {lead_elsewhere:.3f}; expected above -0.1: a mean over nine other ways"
)

# %% [markdown]
# ### Exercise 2: two more forks
#
# Change two more options of the reference pipeline, one at a time: normalise over *all* samples and not only over those that
# were matched to a region (`norm_matched=False`), or take medians in place of means (`agg_metric="median"`). Cut the matrices
# to `regions` and to the genes of `matrices[0]`, and `score` them: call the medians of the held-out $R^2$ over the ways
# `r2_all_samples` and `r2_median`. Does either move the result further than the choices above?
#
# <details><summary>Hint</summary>
#
# The reference is `make_expression(microarrays, genes=genes, lr_mirror="bidirectional")`; `score` takes a list of matrices.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
further = []
for change in ({"norm_matched": False}, {"agg_metric": "median"}):
    matrix = make_expression(microarrays, genes=genes, lr_mirror="bidirectional", **change)
    further.append(matrix.reindex(regions)[[gene for gene in matrices[0].columns if gene in matrix]])
r2_all_samples, r2_median = np.median(score(further), axis=1)
print(
    f"R² {r2_all_samples:.2f} over all samples, {r2_median:.2f} with medians, {pipelines['R²'][reference]:.2f} before"
)
print("range of the pipelines above:", "{:.2f} to {:.2f}".format(*pipelines["R²"].agg(["min", "max"])))
# They move the median no further than the choices above did.

# %% tags=["check"]
for name, value in {"r2_all_samples": r2_all_samples, "r2_median": r2_median}.items():
    moved = abs(value - pipelines["R²"][reference])
    assert moved < np.ptp(pipelines["R²"]), (
        f"{name} is {value:.2f}, {moved:.2f} from the reference; expected less than the range of the 8 pipelines: "
        "was the matrix mirrored, and cut to the regions?"
    )

# %% [markdown]
# ### Exercise 3: how many donors?
#
# Make the matrix from the first two, three, four and five donors, correlate each with the matrix of all six, `table`, gene by
# gene over the left regions that both have, and call the list of the four means `with_six`. Is that a measure of how exact
# the matrix is? Compare with two halves that share nobody: the first three donors against the last three (`halves`). From
# `halves`, the formula of Spearman and Brown ([chapter 2](02_expression.ipynb#do-donors-agree)) says how exact the matrix of
# all six is: call it `six_by_formula`.
#
# <details><summary>Hint</summary>
#
# `make_expression(…, donors=[…])` takes the keys of `by_donor`; `common([a, b])` cuts two matrices to what both have; `corrwith`
# correlates them column by column. Twice as many donors turn a correlation $r$ into $2r / (1 + r)$.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
numbers = list(by_donor)


def made_from(donors: list) -> pd.DataFrame:
    """The matrix of some donors only."""
    return make_expression(microarrays, genes=genes, donors=donors)


def left_r(a: pd.DataFrame, b: pd.DataFrame) -> float:
    """Mean over genes of the correlation over the left regions that both matrices have."""
    a, b = common([a, b])
    on_left = a.index.str.startswith("L_")
    return a[on_left].corrwith(b[on_left]).mean()


with_six = [left_r(made_from(numbers[:m]), table) for m in range(2, 6)]
halves = left_r(made_from(numbers[:3]), made_from(numbers[3:]))
six_by_formula = 2 * halves / (1 + halves)
print("mean r with all six:", ", ".join(f"{m} donors {r:.2f}" for m, r in zip(range(2, 6), with_six, strict=True)))
print(f"three against three others {halves:.2f}; all six by the formula {six_by_formula:.2f}")
# The few are part of the six, so the first r must rise to 1 with the sixth: it measures the overlap as well. Halves that
# share nobody tell how exact three donors are, and the formula how exact six would be.

# %% tags=["check"]
assert len(with_six) == 4, f"with_six has {len(with_six)} values; expected one for each of 2, 3, 4 and 5 donors"
assert np.all(np.diff(with_six) > 0), f"with_six is {np.round(with_six, 3)}; expected to rise with the number of donors"
assert with_six[-1] > 0.9, f"five donors correlate with all six at {with_six[-1]:.2f}; expected above 0.9"
assert 0.2 < halves < with_six[1], (
    f"halves is {halves:.2f}; expected less than the {with_six[1]:.2f} of three donors with the six that include them"
)
assert np.isclose(six_by_formula, 2 * halves / (1 + halves)), f"six_by_formula is {six_by_formula:.3f}: see the hint"

# %% [markdown]
# ## See also
#
# - [Expression](02_expression.ipynb): the chain of choices, one by one, and how far donors agree.
# - [Held out, but from what?](10_splits.ipynb): why the luck of the folds is so large.
# - [Which genes?](12_genes.ipynb): another result that is judged beside a spread.
# - [Data and licences](../book/data.md): how to fetch the real microarrays.

# %% [markdown]
# ## References
#
# - Arnatkevičiūtė A, Fulcher BD, Fornito A (2019). A practical guide to linking brain-wide gene expression and neuroimaging
#   data. *NeuroImage* 189:353. [doi:10.1016/j.neuroimage.2019.01.011](https://doi.org/10.1016/j.neuroimage.2019.01.011)
# - Efron B (1982). *The jackknife, the bootstrap and other resampling plans*. Society for Industrial and Applied
#   Mathematics. [doi:10.1137/1.9781611970319](https://doi.org/10.1137/1.9781611970319)
# - Hawrylycz M et al. (2015). Canonical genetic signatures of the adult human brain. *Nature Neuroscience* 18:1832.
#   [doi:10.1038/nn.4171](https://doi.org/10.1038/nn.4171)
# - Markello RD et al. (2021). Standardizing workflows in imaging transcriptomics with the abagen toolbox. *eLife* 10:e72129.
#   [doi:10.7554/eLife.72129](https://doi.org/10.7554/eLife.72129)
# - Simonsohn U, Simmons JP, Nelson LD (2020). Specification curve analysis. *Nature Human Behaviour* 4:1208.
#   [doi:10.1038/s41562-020-0912-z](https://doi.org/10.1038/s41562-020-0912-z)
# - Steegen S, Tuerlinckx F, Gelman A, Vanpaemel W (2016). Increasing transparency through a multiverse analysis.
#   *Perspectives on Psychological Science* 11:702.
#   [doi:10.1177/1745691616658637](https://doi.org/10.1177/1745691616658637)
# - Vaithianathan (2026). The cross-scale model that this part follows.
#   [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
