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
N_DEALS = 6  # ways to deal homologous pairs into five folds

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
from xsg.data.expression import (
    common,
    differential_stability,
    donor_expressions,
    leave_one_donor_out,
    make_expression,
    multiverse,
)
from xsg.data.microarrays import open_microarrays
from xsg.data.simulate_microarrays import simulate_microarrays, simulated_thinning
from xsg.data.vulnerability import load_disorder
from xsg.evaluation.baselines import baseline
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.splits import homologous
from xsg.plotting import points_with_intervals, use_style

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
# (`xsg.data.simulate_microarrays` tells the story). With `MICROARRAYS = "download"` the same page is meant to run on
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
claim("matrices-genes", table.shape[1])
claim("matrices-regions", len(table))
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
    "probe_selection": ["diff_stability", "average", "max_variance"],
    "gene_norm": ["srs", "zscore"],
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
# [Model A](../book/model_cross_scale.md), the graph VAE of this part, is trained on each matrix and judged with the instrument of [a thousand refits](11_refits.ipynb): in-sample, and on
# regions held out in five folds, homologues together ([chapter 10](10_splits.ipynb)).


# %%
def judge(matrix, seed=SEED, n_seeds=1):
    """Report of model A on a matrix: in-sample and held out, no null and no baselines."""
    cortex = xsg.Cortex("matrix", matrix, thinning.loc[regions], build_graph(atlas).subset(regions), atlas)
    model = xsg.CrossScaleVAE()
    return xsg.evaluate(model, cortex, seed=seed, n_seeds=n_seeds, n_nulls=0, baselines=False, progress=False)


# %% mystnb={"image": {"alt": "Seven rows of held-out R-squared with wide bars, the 95 per cent intervals over homologous pairs. The reference with all six donors is at the top; the six matrices without one donor lie close around it, far inside its interval."}}
by_seed = judge(matrices[reference], n_seeds=N_SEEDS)
reports = {"all six donors": by_seed} | {f"without {donor}": judge(matrix) for donor, matrix in lessened.items()}
held_out = pd.DataFrame({name: report.held_out.loc["R²"] for name, report in reports.items()}).T
ax = points_with_intervals(held_out)
_ = ax.set(xlabel="held-out R² of model A (bar: 95 % interval over pairs)")

# %%
flat = matrices[reference].to_numpy().ravel()
donors_effect = pd.DataFrame(
    {
        "r with the full matrix": [np.corrcoef(flat, each.to_numpy().ravel())[0, 1] for each in lessened.values()],
        "in-sample R²": [report.in_sample["R²"] for report in list(reports.values())[1:]],
        "held-out R²": held_out["value"].to_numpy()[1:],
    },
    index=pd.Index(lessened, name="donor left out"),
)
donors_effect.style.format("{:.2f}")

# %% tags=["nbval-check-output"]
claim("matrices-common-regions", len(regions))
claim("matrices-donor-r-lowest", donors_effect["r with the full matrix"].min())
claim("matrices-reference", held_out["value"].iloc[0])
claim("matrices-reference-width", held_out["high"].iloc[0] - held_out["low"].iloc[0])
claim("matrices-donor-spread", donors_effect["held-out R²"].std(ddof=0))
claim("matrices-seed-spread", by_seed.seeds["held-out R²"].std(ddof=0))

# %% [markdown]
# The dots of the figure move little, and each lies far inside the bars of all others. Without a donor, the matrix still correlates with the full one by 0.96<!-- claim:matrices-donor-r-lowest --> or more, and
# model A's held-out $R^2$, 0.42<!-- claim:matrices-reference --> with all six, varies over the six matrices with a standard
# deviation of 0.03<!-- claim:matrices-donor-spread -->. Is that the donors? Training the same model on the *full* matrix with
# other seeds varies with 0.05<!-- claim:matrices-seed-spread -->. So what looks like "the influence of a donor" is no more
# than the unrest of the training itself. Whoever reports a leave-one-out result as sensitivity to a donor should report that
# number beside it. And both are small against the interval that so few regions allow, which is
# 0.6<!-- claim:matrices-reference-width --> wide.
#
# ## Twenty-four pipelines
#
# Now the choices. Four of them, all found in published work
# ([Arnatkevičiūtė et al. 2019](https://doi.org/10.1016/j.neuroimage.2019.01.011) walk through them;
# [Markello et al. 2021](https://doi.org/10.7554/eLife.72129) ran 746,496 pipelines and found that processing steps matter, some
# of them a lot):
#
# | choice | here |
# |---|---|
# | where the atlas lives | a volume, in which samples must lie within 2 mm of a region; or a surface, to whose nearest point they go |
# | which probe stands for a gene | the most stable over donors; the mean of all; the most variable |
# | how a gene is put on one scale within a donor | scaled robust sigmoid; z-score |
# | whether samples are mirrored to the other side | not; both ways |
#
# Every combination is one **pipeline**: $2 \times 3 \times 2 \times 2 = 24$. To run them all and look at all the results is a
# *multiverse analysis* ([Steegen et al. 2016](https://doi.org/10.1177/1745691616658637)).

# %%
pipelines["R²"] = [judge(matrix).held_out.loc["R²", "value"] for matrix in matrices]
names = {"probe_selection": "probe", "gene_norm": "scale", "lr_mirror": "mirror"}

# %% [markdown]
# What to compare the spread with? Three things vary that nobody would report as a choice: the **donors** (one left
# out), the **seed** of the model, and the **folds**, that is, which homologous pairs are dealt into which of five
# groups (each deal
# comes with a seed of its own). All three are varied with the reference pipeline alone.

# %% mystnb={"image": {"alt": "Specification curve. Above, the held-out R-squared of 24 pipelines in rising order, from 0.13 to 0.44; abagen's defaults are eighth from below, the reference third from above. Beside them, matrices without a donor lie between 0.33 and 0.43, other seeds between 0.33 and 0.49, other folds between 0.33 and 0.58. Below, dots show which option of atlas, probe, scale and mirror each pipeline has: the lower half are all unmirrored, the upper half all mirrored, the other options are scattered."}}
yardsticks = {
    "a donor\nless": donors_effect["held-out R²"],
    "other\nseeds": by_seed.seeds["held-out R²"],
    "other\nfolds": [
        judge(matrices[reference], seed=SEED + deal).held_out.loc["R²", "value"] for deal in range(N_DEALS)
    ],
}
curve = pipelines.sort_values("R²")
options = [
    (option, value) for option, values in universe.items() for value in ("none" if v is None else v for v in values)
]
colours = sns.color_palette("colorblind")
figure, axes = plt.subplots(
    2,
    2,
    figsize=(9.8, 6.2),
    sharex="col",
    sharey="row",
    width_ratios=[4, 1.2],
    height_ratios=[1.2, 1],
    layout="constrained",
)
axes[0, 0].plot(range(len(curve)), curve["R²"], "o", color=colours[0])
for pipeline, label, colour in (
    (0, "abagen's defaults", colours[1]),
    (reference, "reference: and mirrored", colours[2]),
):
    place = curve.index.get_loc(pipeline)
    axes[0, 0].plot(place, curve["R²"].iloc[place], "o", ms=12, mew=1.6, mfc="none", color=colour, label=label)
axes[0, 0].legend(loc="upper left")
axes[0, 0].set(ylabel="held-out R² of model A", title=f"{len(curve)} pipelines")
for place, values in enumerate(yardsticks.values()):
    axes[0, 1].plot(place + np.linspace(-0.15, 0.15, len(values)), values, "D", ms=5, color="0.35")
axes[0, 1].set(title="reference pipeline", xlim=(-0.6, 2.6))
axes[0, 1].set_xticks(range(3), list(yardsticks))
axes[0, 1].tick_params(labelbottom=True)
for row, (option, value) in enumerate(options):
    has = np.flatnonzero((curve[option] == value).to_numpy())
    axes[1, 0].plot(has, np.full(len(has), row), "s", ms=5, color=colours[list(universe).index(option)])
axes[1, 0].set_yticks(range(len(options)), [f"{names.get(option, option)}: {value}" for option, value in options])
axes[1, 0].set(xlabel="pipelines, from the worst to the best", ylim=(len(options) - 0.5, -0.5))
axes[1, 1].remove()

# %% tags=["nbval-check-output"]
claim("matrices-pipelines", len(pipelines))
claim("matrices-lowest", pipelines["R²"].min())
claim("matrices-median", pipelines["R²"].median())
claim("matrices-highest", pipelines["R²"].max())
claim("matrices-spread", pipelines["R²"].std(ddof=0))
claim("matrices-fold-spread", np.std(yardsticks["other\nfolds"]))

# %% [markdown]
# This is a **specification curve** ([Simonsohn et al. 2020](https://doi.org/10.1038/s41562-020-0912-z)). Above, each dot is one
# pipeline; below it stands what the pipeline was, a square for the option it has of each choice; beside it, what varies
# without any choice. From worst to best the held-out $R^2$ goes from
# 0.13<!-- claim:matrices-lowest --> to 0.44<!-- claim:matrices-highest -->, with a median of
# 0.30<!-- claim:matrices-median -->.
#
# Compare standard deviations: 0.09<!-- claim:matrices-spread --> over pipelines, against
# 0.03<!-- claim:matrices-donor-spread --> over donors left out, 0.05<!-- claim:matrices-seed-spread --> over seeds and
# 0.10<!-- claim:matrices-fold-spread --> over folds. The donors' number needs care: any two of these matrices share
# four donors, so they differ less than matrices of six *other* people would. The remedy of the *jackknife* ([Efron 1982](https://doi.org/10.1137/1.9781611970319)) is a factor
# $\sqrt{6-1}$, and most of the distance to the pipelines is gone. So the pipeline moves the result more than a seed
# does, about as much as the luck of the folds, and whether more than other donors would, six cannot tell: *which* of
# some fifty regions happen to be predicted together matters as much as how the samples became a matrix. And look at the
# dots below the curve: they are not scattered. One row explains most of the order.
#
# ## Which choice matters?
#
# Since every combination was run, the effect of one choice is the mean over all the others: pairs of pipelines that differ
# in nothing else. Each row of the table is one such change.

# %%
effects = []
for option, values in universe.items():
    values = ["none" if value is None else value for value in values]
    others = [other for other in universe if other != option]
    wide = pipelines.pivot_table(index=others, columns=option, values="R²")
    for value in values[1:]:
        change = wide[value] - wide[values[0]]
        effects.append((names.get(option, option), f"{values[0]} → {value}", change.mean(), (change > 0).mean()))
effects = pd.DataFrame(effects, columns=["choice", "change", "mean change of R²", "share of pairs that rise"])
effects.style.format(precision=3, subset=["mean change of R²"]).format("{:.0%}", subset=effects.columns[3:]).hide()

# %% tags=["nbval-check-output"]
claim("matrices-mirror-effect", effects.loc[effects["choice"] == "mirror", "mean change of R²"].item())

# %% [markdown]
# Mirroring raises $R^2$ by 0.17<!-- claim:matrices-mirror-effect --> on average, and nearly all of the spread is this one
# choice. That is no surprise here: the simulated hemispheres are nearly alike, four of six donors have samples on the left
# only, and samples are few, so that mirrored ones are good information about the right. With more samples the gain shrinks
# (try `SAMPLES = 150`). In the real atlas the same step also makes the hemispheres *look* alike, which is a reason to keep
# homologous regions in one fold and not a reason to mirror.
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
# | one matrix, 910 genes × 68 regions | 24<!-- claim:matrices-pipelines --> matrices from one set of microarrays, none of them more right than another | the paper does not report how results change with pipeline or donors; few papers do |
# | – | **held out** $R^2$ of 0.13<!-- claim:matrices-lowest --> to 0.44<!-- claim:matrices-highest --> over pipelines | **simulated** values and map: the size of the spread on the real atlas is not known from this page |
# | AHBA sampling density named as a limit | leaving a donor out changes the held-out result no more than another seed does | six simulated donors share one pattern and differ by noise alone; real ones differ in age, sex and history too |
#
# All $R^2$ here are *held out*, by homologous pairs, but for one column of the table of donors: *in-sample* it is above
# 0.9 whoever is left out, and says nothing. No *null* is given: the question was how far results move, not whether they
# beat chance, which is asked in [smooth maps](09_smooth_maps.ipynb) and [a thousand refits](11_refits.ipynb). The 24
# pipelines are a choice, too; others would give another curve. And but for the yardsticks all is seen with one seed and
# one deal.
#
# ## Key takeaways
#
# - A matrix is a mean over few people, and for some genes they disagree: [six donors, six matrices](#six-donors-six-matrices).
# - Leave donors out of the *whole* pipeline, and compare with what a seed does:
#   [what if a donor had not been there?](#what-if-a-donor-had-not-been-there).
# - Run all reasonable pipelines and show all results: [twenty-four pipelines](#twenty-four-pipelines).
# - A spread is large or small only beside another spread: those of donors, seeds and folds.
# - Mean effects of single choices come for free: [which choice matters?](#which-choice-matters).
#
# ## Exercises
#
# ### Exercise 1: the price of choosing the best
#
# Score ridge regression, which has no seed and is quick, on each of the 24 matrices under ten ways of dealing the folds
# (seeds 0 to 9 of `homologous`). Choose the best matrix by *one* way. By how much does its $R^2$ lead over the median matrix
# under that way (`lead_where_chosen`), and by how much, on average, under the nine others (`lead_elsewhere`)? Give both as
# means over the ten ways to choose by.
#
# <details><summary>Hint</summary>
#
# `baseline("ridge", matrix, thinning.loc[regions], atlas, homologous(regions, seed=k))[0]` is the held-out prediction. Keep
# the scores in an array, ways × matrices; then choose by row `k`, and judge by `np.delete(scores, k, axis=0)`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
y = thinning.loc[regions]
scores = np.array(
    [
        [r_squared(y, baseline("ridge", each, y, atlas, homologous(regions, seed=k))[0]) for each in matrices]
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
# to `regions` and to the genes of `matrices[0]`, and `judge` them: call the held-out $R^2$ `r2_all_samples` and `r2_median`.
# Does either move the result further than the choices above?
#
# <details><summary>Hint</summary>
#
# The reference is `make_expression(microarrays, genes=genes, lr_mirror="bidirectional")`; a report of `judge` holds the
# number at `.held_out.loc["R²", "value"]`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
further = []
for change in ({"norm_matched": False}, {"agg_metric": "median"}):
    matrix = make_expression(microarrays, genes=genes, lr_mirror="bidirectional", **change)
    matrix = matrix.reindex(regions)[[gene for gene in matrices[0].columns if gene in matrix]]
    further.append(judge(matrix).held_out.loc["R²", "value"])
r2_all_samples, r2_median = further
print(
    f"R² {r2_all_samples:.2f} over all samples, {r2_median:.2f} with medians, {pipelines['R²'][reference]:.2f} before"
)
print("range of the pipelines above:", "{:.2f} to {:.2f}".format(*pipelines["R²"].agg(["min", "max"])))
# They move it no further than the choices above did.

# %% tags=["check"]
for name, value in {"r2_all_samples": r2_all_samples, "r2_median": r2_median}.items():
    moved = abs(value - pipelines["R²"][reference])
    assert moved < np.ptp(pipelines["R²"]), (
        f"{name} is {value:.2f}, {moved:.2f} from the reference; expected less than the range of the 24 pipelines: "
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
