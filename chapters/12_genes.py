# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv, human/genes/geneset_LAKE.gmt, human/genes/geneset_Pooled.gmt, human/disease/EP.GM.rda]}
# ---

# %% [markdown]
# # 12. Which genes?
#
# *Prerequisites: [latent programs](07_programs.ipynb), [the real brain](08_real_brain.ipynb), and what a
# [spatial null](09_smooth_maps.ipynb) is. Time: 50 minutes to read, 1 minute to run.*
#
# ## What you will learn
#
# - three ways to say how much a gene matters to a model, and what each of them really measures;
# - why weights and programs that repeat from seed to seed need not mean anything;
# - what enrichment of a gene set is, and how often the usual tests find it where there is nothing;
# - how to test a gene set against random *maps* instead of random genes;
# - what survives of the cell types of Alzheimer's thinning.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_SEEDS = 4  # models that differ only in their seed
N_SPUN = 19  # models trained on rotated maps
N_NULLS = 5000  # rotations against which a gene set is tested
N_RANDOM = 1000  # random maps on which the tests are tried out
N_SPINS = 400  # rotations of each of them
N_PRERANK = 40  # random maps for the slowest test

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import binomtest, false_discovery_control, hypergeom
from sklearn.cross_decomposition import PLSRegression
from tqdm.auto import tqdm

import xsg
from xsg.atlas import distances
from xsg.claims import claim
from xsg.data.expression import landmark_genes
from xsg.genes.sets import load_gene_sets, restrict
from xsg.genes.enrichment import (
    gene_correlations,
    over_representation,
    prerank,
    random_gene_enrichment,
    set_profiles,
    set_scores,
    spatial_enrichment,
)
from xsg.evaluation.nulls import noise_genes, null_maps
from xsg.genes.programs import canonical_correlations, gene_weights, main_directions, program_stability
from xsg.plotting import brain, use_style
from xsg.training import CrossScaleVAE

use_style()

# %% [markdown]
# ## The question in a picture
#
# Suppose a model predicts where the cortex thins. The next question is always the same: *which genes?* And since a list
# of hundreds of genes tells nobody anything: *which kinds* of genes, for example those of which cells? Here is the
# Alzheimer's map of [chapter 8](08_real_brain.ipynb) above the mean expression of the genes that
# mark oligodendrocytes, the cells that make myelin.

# %% mystnb={"image": {"alt": "Two rows of four brain views. Above, Alzheimer's thinning in standard deviations, highest in the medial temporal lobe. Below, mean expression of oligodendrocyte genes: high in auditory and motor cortex, more so on the right, low in frontal and inner temporal cortex. Where one is high the other tends to be low, loosely."}}
cortex = xsg.load_cortex("ahba-ad", genes="all")
every_gene, thinning, graph, parcellation = cortex.expression, cortex.thinning, cortex.graph, cortex.parcellation
sets, lost = restrict(load_gene_sets("Pooled"), every_gene.columns)
profiles = set_profiles(every_gene, sets)
shown = pd.DataFrame({"thinning in Alzheimer's": thinning, "genes of oligodendrocytes": profiles["Oligo"]})
figure = brain((shown - shown.mean()) / shown.std(), "standard deviations", limits=(-2.5, 2.5))

# %% [markdown]
# Where these genes are low, the cortex tends to thin more. Each of them correlates with thinning only a little, on average
# -0.12<!-- claim:genes-oligo-score -->, but there are 695<!-- claim:genes-oligo-size --> of them, and a standard test calls
# the shared tendency of so many genes statistically significant by a wide margin. By the end of this chapter we shall know
# what that is worth.
#
# ## Gene sets, and what is lost of them
#
# A **gene set** is a list of genes that belong together for a reason found elsewhere. Ours are markers of cell types: 7
# classes pooled over single-cell studies ([Seidlitz et al. 2020](https://doi.org/10.1038/s41467-020-17051-5)) and 30
# subtypes of neurons and glia from single nuclei ([Lake et al. 2018](https://doi.org/10.1038/nbt.4038)). Only genes
# that are in our matrix count, so some are lost: those the atlas did not measure stably, those that have been renamed, and those that a spreadsheet has
# turned into dates, an accident common enough ([Ziemann et al. 2016](https://doi.org/10.1186/s13059-016-1044-7)) that
# genes have been renamed to end it ([Bruford et al. 2020](https://doi.org/10.1038/s41588-020-0669-3)). Of the last kind, `08-Sep` can only be *SEPT8* and is turned back;
# `01-Mar` may be *MARCH1* or *MARC1*, and is left as lost.

# %%
subtypes, lost_subtypes = restrict(load_gene_sets("LAKE"), every_gene.columns)
lost[["listed", "kept"]].assign(lost=lost["lost"].map(lambda symbols: ", ".join(symbols[:6]) + ", …"))

# %% tags=["nbval-check-output"]
claim("genes-oligo-score", set_scores(profiles, thinning)["Oligo"])
claim("genes-oligo-size", len(sets["Oligo"]))
claim("genes-kept", lost["kept"].sum() / lost["listed"].sum())
claim("genes-dates", lost_subtypes["lost"].map(lambda symbols: "01-Mar" in symbols).sum())

# %% [markdown]
# The table gives, for each class, the genes listed, those kept, and the first few that are lost.
# 0.91<!-- claim:genes-kept --> of the listed genes are kept. The unresolved date stands in
# 5<!-- claim:genes-dates --> of Lake's sets.
#
# ## How much does a gene matter to the model?
#
# We train the model of the headline (preset `"paper"`, the 776 landmark genes) and ask each gene's weight in three ways.
#
# **The gradient.** What happens to the predicted thinning $\hat y$ when gene $g$ is raised by one standard deviation in all
# regions?
#
# $$ w_g = \frac1n \sum_i \sum_j \frac{\partial \hat y_i}{\partial x_{jg}} , $$
#
# where $i$ and $j$ run over the $n$ regions, $x_{jg}$ is the z-scored expression of gene $g$ in region $j$, and $\hat y_i$ the
# prediction for region $i$, which the graph lets depend on the genes of its neighbours too. The network sees the genes
# rotated to 65 columns, $u = xR$ with a rotation $R$ (genes × 65); the gradient is taken there and comes back through the
# rotation, $R\,\partial \hat y/\partial u$. `gene_weights` does it. For a linear model these are its coefficients. This is
# the only one of the three that asks the *model*, and it is what we mean by the model's gene weights.
#
# **The correlation with the prediction** over regions, $\operatorname{corr}_i(x_{ig}, \hat y_i)$, the *pattern* that belongs to the
# model's *filter* ([Haufe et al. 2014](https://doi.org/10.1016/j.neuroimage.2013.10.067)).
#
# **Partial least squares** (PLS, [Krishnan et al. 2011](https://doi.org/10.1016/j.neuroimage.2010.07.034)), the usual tool
# of imaging transcriptomics. The weights of its first component are, up to
# a factor, the correlations of the genes with the map itself (exercise 1).
#
# As a yardstick we train the same model on **noise genes**: as many columns of independent random numbers.

# %%
landmarks = set(landmark_genes())
genes = every_gene[[gene for gene in every_gene.columns if gene in landmarks]]
tables = {"genes": genes, "noise": noise_genes(genes, 1, seed=0)[0]}
fits = {
    (preset, name): [CrossScaleVAE.from_preset(preset, seed=seed).fit(table, thinning, graph) for seed in range(count)]
    for preset, count in tqdm({"paper": N_SEEDS, "xsg": 3}.items(), desc="presets")
    for name, table in tables.items()
}
weights = {
    name: pd.DataFrame([gene_weights(model, table) for model in fits["paper", name]]) for name, table in tables.items()
}
predicted = pd.DataFrame([model.predict(genes) for model in fits["paper", "genes"]])
with_prediction, with_map = (
    gene_correlations(genes, predicted.reset_index(drop=True)),
    gene_correlations(genes, thinning),
)

# %% mystnb={"image": {"alt": "Three scatter plots, a point per gene. Gene weights of seed 1 against those of seed 0 form an elongated cloud for real genes, and the same elongated cloud for noise genes. Correlation with the prediction against correlation with the map: all points on the diagonal."}}
figure, axes = plt.subplots(1, 3, figsize=(10.5, 3.5), layout="constrained")
for ax, name in zip(axes, tables, strict=False):
    first, second = (1000 * weights[name].iloc[seed] for seed in (0, 1))
    ax.scatter(first, second, s=6, alpha=0.6, color="C0" if name == "genes" else "0.5")
    ax.set(
        title=f"gradient, {'real' if name == 'genes' else 'noise'} genes (r = {np.corrcoef(first, second)[0, 1]:.2f})",
        xlabel="weight, seed 0 (d/1000 per sd)",
        ylabel="weight, seed 1 (d/1000 per sd)",
    )
axes[2].scatter(with_map, with_prediction.iloc[0], s=6, alpha=0.6, color="C1")
_ = axes[2].set(
    title="correlation with the prediction",
    xlabel="r of gene and observed map",
    ylabel="r of gene and prediction (seed 0)",
)


# %% tags=["nbval-check-output"]
def between_rows(table: pd.DataFrame) -> float:
    """Mean correlation of two rows."""
    r = np.corrcoef(table)
    return r[np.triu_indices(len(r), 1)].mean()


top = [set(row.abs().nlargest(50).index) for _, row in weights["genes"].iterrows()]
claim("genes-weights-seeds", between_rows(weights["genes"]))
claim("genes-weights-seeds-noise", between_rows(weights["noise"]))
claim("genes-weights-top", np.mean([len(a & b) for a, b in combinations(top, 2)]))
claim("genes-weights-map", np.mean([np.corrcoef(row, with_map)[0, 1] for row in weights["genes"].to_numpy()]))
claim("genes-prediction-map", np.mean([np.corrcoef(row, with_map)[0, 1] for row in with_prediction.to_numpy()]))

# %% [markdown]
# Each point of the three panels is a gene: left and middle, its weight by one seed against that by another, with real genes
# and with noise; right, its correlation with the prediction against that with the map. All of this is **in-sample**, and
# sobering.
#
# - The gradient repeats fairly well between seeds, $r$ = 0.67<!-- claim:genes-weights-seeds -->, though of the 50 largest
#   weights only 17<!-- claim:genes-weights-top --> are shared by two seeds. But with noise genes it repeats about as well:
#   0.65<!-- claim:genes-weights-seeds-noise -->. The seeds share the map, the graph and the table. Whatever direction in that
#   table happens to fit the map is found again. **Stability shows that training works, not that a gene matters.**
# - The correlation with the prediction agrees with the correlation with the *map* at
#   $r$ = 0.99<!-- claim:genes-prediction-map -->. It must: in-sample the prediction is the map, nearly. Such a gene list comes
#   with a model attached, and needs none.
# - The two lists have little in common ($r$ = 0.32<!-- claim:genes-weights-map -->). "The genes of the model" depends on which
#   question was asked, so a paper must say which.
#
# ## Do the programs repeat?
#
# The same question one floor up. Programs of two fits are paired one to one by $|r|$ over regions (best total, either sign);
# a program's stability is the mean $|r|$ with its partners. Since the best of 64 partners is chosen, $|r|$ is high for any
# maps, so we rotate the other fit's programs on the sphere, pair anew, and see what comes out. And again we put noise
# genes beside it. As a number that no rotation of the programs can change, we add the canonical correlations of the six
# main directions, as in [chapter 7](07_programs.ipynb#comparing-two-models).

# %%
rows, stability = [], {}
for (preset, name), models in fits.items():
    programs = [model.encode(tables[name]) for model in models]
    found = stability[preset, name] = program_stability(programs, parcellation, n=100)
    main = [main_directions(each) for each in programs]
    canonical = np.median([canonical_correlations(a, b) for a, b in combinations(main, 2)], axis=0)
    rows.append((preset, name, found["r"].mean(), found["null"].mean(), (found["p"] <= 0.05).mean(), canonical[5]))
columns = ["preset", "table", "mean |r|", "rotated", "share with p ≤ 0.05", "sixth canonical correlation"]
repeated = pd.DataFrame(rows, columns=columns).set_index(["preset", "table"])
repeated.round(2)

# %% mystnb={"image": {"alt": "Stability of the 64 programs in falling order, for presets paper and xsg. For paper the curves of real and noise genes fall close together from 0.95 to 0.3, far above the rotated ones at 0.5 to 0.3. For xsg real genes run from 0.85 to 0.6, and noise genes from 0.5 to 0.3, just above the rotated ones."}}
figure, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained", sharey=True)
for ax, preset in zip(axes, ("paper", "xsg"), strict=True):
    for name, colour in (("genes", "C0"), ("noise", "0.5")):
        found = stability[preset, name].sort_values("r", ascending=False)
        ax.plot(
            np.arange(1, 65), found["r"], "o-", ms=3, color=colour, label=f"{name if name == 'noise' else 'real'} genes"
        )
        ax.plot(np.arange(1, 65), found["null"].sort_values(ascending=False), ":", color=colour, label="  rotated")
    ax.set(title=f'preset "{preset}"', xlabel="programs, in falling order", ylim=(0, 1.03))
axes[0].set_ylabel("mean |r| with partners over seeds")
_ = axes[0].legend(loc="lower left", ncol=2)

# %% tags=["nbval-check-output"]
claim("genes-programs-paper", repeated.loc[("paper", "genes"), "mean |r|"])
claim("genes-programs-paper-rotated", repeated.loc[("paper", "genes"), "rotated"])
claim("genes-programs-paper-noise", repeated.loc[("paper", "noise"), "mean |r|"])
claim("genes-programs-xsg", repeated.loc[("xsg", "genes"), "mean |r|"])
claim("genes-programs-xsg-noise", repeated.loc[("xsg", "noise"), "mean |r|"])
claim("genes-programs-xsg-sixth", repeated.loc[("xsg", "genes"), "sixth canonical correlation"])
claim("genes-programs-paper-sixth", repeated.loc[("paper", "genes"), "sixth canonical correlation"])

# %% [markdown]
# With `"paper"` the programs repeat at a mean $|r|$ of 0.77<!-- claim:genes-programs-paper --> where rotated ones reach
# 0.39<!-- claim:genes-programs-paper-rotated --> (left panel): statistically significant, and empty, for noise genes give
# 0.74<!-- claim:genes-programs-paper-noise -->. What repeats is the map and the graph. With `"xsg"` (right panel), which must
# give the genes back, real genes repeat (0.71<!-- claim:genes-programs-xsg -->) and noise genes hardly more than rotated ones
# (0.38<!-- claim:genes-programs-xsg-noise -->); as a space all six directions are nearly the same
# (the sixth 0.97<!-- claim:genes-programs-xsg-sixth -->; `"paper"` 0.2<!-- claim:genes-programs-paper-sixth -->). So its
# programs depend on the genes, in-sample. Whether they have to do with the disease is another question, and
# [chapter 7](07_programs.ipynb#which-module-acts) gave no hopeful answer.
#
# ## Enrichment, the usual way
#
# Leave the model, then, and ask the map. With $r_g$ the correlation of gene $g$ with thinning, the score of a set $S$ is
#
# $$ s_S = \frac{1}{|S|} \sum_{g \in S} r_g . $$
#
# with $|S|$ the number of genes in the set. Is that far from what one would expect? The usual answer compares with **other genes**. Three common forms:
#
# - *random genes*: is $s_S$ further from the mean of all genes than the mean of as many randomly chosen genes would be?
# - *over-representation*: does the tenth of all genes that correlates most hold more of the set than a draw would?
# - *preranked gene set enrichment analysis* ([Subramanian et al. 2005](https://doi.org/10.1073/pnas.0506580102)): do
#   the set's genes gather at one end of the ranking, more than random genes do?
#
# The last two are computed by gseapy ([Fang et al. 2023](https://doi.org/10.1093/bioinformatics/btac757)), offline. The
# p-values of several sets are corrected for the false discovery rate
# ([Benjamini & Hochberg 1995](https://doi.org/10.1111/j.2517-6161.1995.tb02031.x)); $q$ is the corrected value, and this is the
# table of it:

# %%
r = gene_correlations(every_gene, thinning)
tenth = len(r) // 10
naive = {
    "random genes": random_gene_enrichment(r, sets),
    "over-representation": over_representation(r.nlargest(tenth).index, sets, r.index),
    "prerank": prerank(r, sets, permutations=500, seed=0),
}
pd.concat({name: table["q"] for name, table in naive.items()}, axis=1).map("{:.2g}".format)

# %% tags=["nbval-check-output"]
claim("genes-naive-random-genes", (naive["random genes"]["q"] < 0.05).sum())
claim("genes-naive-over-representation", (naive["over-representation"]["q"] < 0.05).sum())
claim("genes-naive-prerank", (naive["prerank"]["q"] < 0.05).sum())
claim("genes-naive-oligo-z", naive["random genes"].loc["Oligo", "z"])

# %% [markdown]
# Random genes find 4<!-- claim:genes-naive-random-genes --> of the 7 classes, over-representation (at the positive end
# alone) 4<!-- claim:genes-naive-over-representation -->, prerank 5<!-- claim:genes-naive-prerank -->. For the
# oligodendrocytes the random-gene test gives $z$ = -12.3<!-- claim:genes-naive-oligo-z -->. One could write a paper.
#
# ## The same tests where there is nothing to find
#
# Before writing it, we try the tests on maps that *cannot* be about cells: random numbers. We draw maps with mean 0 and
# correlation $e^{-d/\ell}$ between regions at distance $d$, the same in both hemispheres, as the real map is. A
# correlation length of $\ell$ = 70 mm gives very smooth maps, 40 mm smooth ones, and *rough* means independent regions. Every
# set with $p \le 0.05$ here is a false positive, and a test that keeps its promise calls 5 % of them.
#
# This is the experiment of [Fulcher et al. (2021)](https://doi.org/10.1038/s41467-021-22862-1) in small.

# %%
left = cortex.regions[cortex.regions.str.startswith("L_")]
apart = distances(parcellation).loc[left, left].to_numpy()


def random_maps(length: float, n: int, seed: int) -> pd.DataFrame:
    """Random maps (n, regions), both hemispheres alike; ``length`` in mm, 0 for independent regions."""
    root = np.linalg.cholesky(np.exp(-apart / length)) if length else np.eye(len(left))
    values = pd.DataFrame(np.random.default_rng(seed).standard_normal((n, len(left))) @ root.T, columns=left.str[2:])
    return values[cortex.regions.str[2:]].set_axis(cortex.regions, axis=1)


def over_representation_p(r: pd.DataFrame) -> np.ndarray:
    """What `over_representation` computes, for many maps: p (maps, sets)."""
    values = r.to_numpy()
    chosen = values >= -np.partition(-values, tenth - 1, axis=1)[:, [tenth - 1]]
    hits = np.stack([chosen[:, r.columns.get_indexer(listed)].sum(axis=1) for listed in sets.values()], axis=1)
    return hypergeom.sf(hits - 1, values.shape[1], [len(listed) for listed in sets.values()], tenth)


lengths = {"rough": 0, "40 mm": 40, "70 mm": 70}
random = {name: random_maps(length, N_RANDOM, seed=1) for name, length in lengths.items()}
called = {}  # p-values (maps, sets) of each test on each kind of map
for name, maps in random.items():
    correlations = gene_correlations(every_gene, maps)
    called["random genes", name] = random_gene_enrichment(correlations, sets).to_numpy()
    called["over-representation", name] = over_representation_p(correlations)
slow = gene_correlations(every_gene, random["70 mm"].head(N_PRERANK))
called["prerank", "70 mm"] = np.stack(
    [prerank(row, sets, permutations=100)["p"] for _, row in tqdm(slow.iterrows(), total=len(slow), desc="prerank")]
)
again = over_representation(slow.loc[0].nlargest(tenth).index, sets, slow.columns)["p"]
assert np.allclose(called["over-representation", "70 mm"][0], again)

# %% [markdown]
# ## Random maps instead of random genes
#
# Why do those tests fail? They take the genes of a set for independent draws. But the genes of a cell type were chosen
# *because* they go together: where there are many oligodendrocytes, all their genes are high. If a map happens to correlate
# with one of them, it correlates with all: hundreds of genes are a few votes.
#
# The remedy leaves the set alone and replaces the *map*: how large a score do maps get that are as smooth as this one but
# have nothing to do with it ([null maps](09_smooth_maps.ipynb))?
#
# $$ p = \frac{1 + \#\{\,|s_S^{\text{null}}| \ge |s_S|\,\}}{1 + N} , $$
#
# with $N$ the number of null maps and $\#$ how many of them score as high. It is cheap, because the mean of the genes'
# correlations with the map is a product of the map with the genes' mean: with z-scored genes $x_g$ and map $y$ over $n$ regions,
#
# $$ s_S = \frac{1}{|S|} \sum_{g \in S} \frac1n \sum_i x_{ig} y_i = \frac1n \sum_i \Big( \frac{1}{|S|} \sum_{g \in S} x_{ig} \Big) y_i , $$
#
# so all null maps need one matrix of regions × sets (`set_profiles`), however many genes there are. Here for the random
# maps, each with its own rotations:


# %%
def spatial_p(maps: pd.DataFrame, n: int = N_SPINS, block: int = 100) -> np.ndarray:
    """What `spatial_enrichment` computes, for many maps: p (maps, sets)."""
    observed, found = set_scores(profiles, maps).to_numpy(), []
    for start in range(0, len(maps), block):
        nulls = null_maps(maps.iloc[start : start + block], parcellation, n=n, seed=start)
        scores = set_scores(profiles, nulls.reset_index(drop=True)).to_numpy().reshape(-1, n, len(sets))
        extreme = np.abs(scores) >= np.abs(observed[start : start + block, None])
        found.append((1 + extreme.sum(axis=1)) / (1 + n))
    return np.concatenate(found)


for name, maps in tqdm(random.items(), desc="rotations"):
    called["random maps (spin)", name] = spatial_p(maps)

rates = pd.DataFrame(
    [
        {
            "test": test,
            "maps": name,
            "rate": (p <= 0.05).mean(),
            # The sets of one map are not independent, the maps are: the error is that of a mean over maps.
            "error": 1.96 * (p <= 0.05).mean(axis=1).std() / len(p) ** 0.5,
            "discoveries": (found := (false_discovery_control(p, axis=1) < 0.05).any(axis=1)).mean(),
            "interval": binomtest(int(found.sum()), len(found)).proportion_ci(),
        }
        for (test, name), p in called.items()
    ]
).set_index(["test", "maps"])

# %% mystnb={"image": {"alt": "Two groups of bars per test for rough, 40 and 70 millimetre maps. Share of tests with p below 0.05: random genes about 0.75, over-representation about a quarter, prerank (70 millimetres only) about two thirds, random maps near the dashed line of 0.05. Share of maps with at least one set at q below 0.05: nearly 1 for random genes and prerank, about 0.8 for over-representation, near the dashed line for random maps."}}
figure, axes = plt.subplots(1, 2, figsize=(10.5, 3.9), layout="constrained", sharey=True)
tests = list(dict.fromkeys(test for test, _ in called))
for ax, column in zip(axes, ("rate", "discoveries"), strict=True):
    for number, name in enumerate(lengths):
        part = rates.xs(name, level="maps").reindex(tests)
        if column == "rate":
            error = np.tile(part["error"], (2, 1))
        else:
            ends = np.array([tuple(each) if isinstance(each, tuple) else (np.nan, np.nan) for each in part["interval"]])
            error = np.abs(ends.T - part[column].to_numpy())
        at = np.arange(len(tests)) + 0.26 * (number - 1)
        ax.bar(at, part[column], 0.24, yerr=error, label=name, color=f"C{number}", error_kw={"lw": 1})
    ax.axhline(0.05, color="0.2", ls="--", lw=1)
    ax.set_xticks(
        range(len(tests)), [test.replace(" ", "\n", 1).replace("over-", "over-\n") for test in tests], fontsize=9
    )
axes[0].set(title="sets with p ≤ 0.05", ylabel="share, where nothing is to be found")
axes[1].set(title="maps with a “discovery” (any q < 0.05)", ylim=(0, 1.03))
_ = axes[0].legend(title="random maps", loc="upper right", fontsize=8)

# %% tags=["nbval-check-output"]
claim("genes-rate-random-genes", rates.loc[("random genes", "70 mm"), "rate"])
claim("genes-rate-random-genes-rough", rates.loc[("random genes", "rough"), "rate"])
claim("genes-rate-over-representation", rates.loc[("over-representation", "70 mm"), "rate"])
claim("genes-rate-prerank", rates.loc[("prerank", "70 mm"), "rate"])
claim("genes-rate-spin-rough", rates.loc[("random maps (spin)", "rough"), "rate"])
claim("genes-rate-spin-40", rates.loc[("random maps (spin)", "40 mm"), "rate"])
claim("genes-rate-spin-70", rates.loc[("random maps (spin)", "70 mm"), "rate"])
claim("genes-discoveries-random-genes", rates.loc[("random genes", "70 mm"), "discoveries"])
claim("genes-discoveries-prerank", rates.loc[("prerank", "70 mm"), "discoveries"])
claim("genes-discoveries-prerank-low", rates.loc[("prerank", "70 mm"), "interval"].low)
claim("genes-discoveries-over-representation", rates.loc[("over-representation", "70 mm"), "discoveries"])
claim("genes-discoveries-spin", rates.loc[("random maps (spin)", "70 mm"), "discoveries"])

# %% [markdown]
# A fair test would end at the dashed line in both panels. On maps that are nothing, at a nominal 5 % (left panel):
#
# - *random genes* call 0.76<!-- claim:genes-rate-random-genes --> of the sets. **A cell type that is not
#   "associated" would be the exception.** Rough maps fare no better (0.78<!-- claim:genes-rate-random-genes-rough -->): here the
#   fault lies less with the smoothness of the map than with the likeness of the genes;
# - *over-representation* calls 0.26<!-- claim:genes-rate-over-representation -->, at one end of the ranking alone;
# - *prerank* calls 0.66<!-- claim:genes-rate-prerank --> (of 40 maps; see the bar);
# - *random maps* call 0.03<!-- claim:genes-rate-spin-rough --> (rough), 0.05<!-- claim:genes-rate-spin-40 --> (40 mm) and
#   0.06<!-- claim:genes-rate-spin-70 --> (70 mm). That is the promise, within two points in a hundred: cautious
#   on rough maps, and on smooth ones no further from 0.05 than a thousand maps can tell (the error bars).
#
# Correction for multiple testing does not help, as the right panel shows: the sets of one random map are wrong together. After
# it, 1.00<!-- claim:genes-discoveries-random-genes --> of the maps have at least one "discovery" with random genes,
# 1.00<!-- claim:genes-discoveries-prerank --> with prerank (95 % interval from
# 0.91<!-- claim:genes-discoveries-prerank-low -->), 0.82<!-- claim:genes-discoveries-over-representation --> with
# over-representation, and 0.04<!-- claim:genes-discoveries-spin --> with random maps.
#
# ## What survives on the real map
#
# Now the real map, against rotations of itself, for the 7 classes and the 30 subtypes, with q within each collection. As a
# second opinion, null maps made by Moran spectral randomisation.

# %%
both = pd.concat({"Pooled": profiles, "Lake": set_profiles(every_gene, subtypes)}, axis=1)
flat = both.set_axis([f"{collection}: {name}" for collection, name in both.columns], axis=1)
rotated = null_maps(thinning, parcellation, n=N_NULLS)
drawn = null_maps(thinning, parcellation, "moran", n=N_NULLS)
result = spatial_enrichment(flat, thinning, rotated).drop(columns="q")
result["p, Moran"] = spatial_enrichment(flat, thinning, drawn)["p"]
result["p, random genes"] = [
    *naive["random genes"]["p"],
    *random_gene_enrichment(r, subtypes)["p"],
]
collection = pd.Index([name.split(":")[0] for name in result.index])
for p, q in (("p", "q"), ("p, Moran", "q, Moran")):
    result[q] = result.groupby(collection)[p].transform(lambda values: false_discovery_control(values))
result.sort_values("p").head(8).round(3)

# %% mystnb={"image": {"alt": "Scores of the seven cell classes as dots with two bars each: a narrow one, where 95 percent of random gene sets fall, and one several times as wide, where 95 percent of null maps fall. Oligodendrocytes at minus 0.12 and endothelium at minus 0.09 lie far outside the narrow bars, the first just within and the second just beyond the wide ones; all other classes lie inside the wide bars, two of them outside the narrow ones."}}
figure, ax = plt.subplots(figsize=(7.5, 3.9), layout="constrained")
order = profiles.columns[::-1]
null_scores = set_scores(profiles, rotated)
for height, name in enumerate(order):
    size = len(sets[name])
    naive_sd = r.std(ddof=0) * ((len(r) - size) / (len(r) - 1) / size) ** 0.5
    first = height == 0
    ax.plot(np.quantile(null_scores[name], [0.025, 0.975]), [height] * 2, color="C0", alpha=0.35, lw=9, solid_capstyle="butt", label="null maps" if first else None)  # fmt: skip
    ax.plot(r.mean() + np.array([-1.96, 1.96]) * naive_sd, [height] * 2, color="C1", lw=5, solid_capstyle="butt", label="random genes" if first else None)  # fmt: skip
    ax.plot(
        result.loc[f"Pooled: {name}", "score"], height, "o", color="black", ms=6, label="observed" if first else None
    )
ax.set_yticks(range(len(order)), order)
ax.set(xlabel="mean correlation of the set's genes with thinning (bars: 95 % by chance)")
_ = ax.legend(loc="upper left", bbox_to_anchor=(1, 1))

# %% tags=["nbval-check-output"]
claim("genes-oligo-p", result.loc["Pooled: Oligo", "p"])
claim("genes-endo-p", result.loc["Pooled: Endo", "p"])
claim("genes-oligo-p-moran", result.loc["Pooled: Oligo", "p, Moran"])
claim("genes-endo-p-moran", result.loc["Pooled: Endo", "p, Moran"])
claim("genes-best-q", result.loc[collection == "Pooled", "q"].min())
claim("genes-best-q-lake", result.loc[collection == "Lake", "q"].min())
claim("genes-survivors", (result[["q", "q, Moran"]] < 0.05).to_numpy().sum())

# %% [markdown]
# The table lists the sets with the smallest p-values; the figure shows all seven classes. The orange bars show what the
# usual test takes for chance, the blue ones what chance is. Two classes stand out a little:
# endothelium ($p$ = 0.03<!-- claim:genes-endo-p -->; with Moran maps 0.067<!-- claim:genes-endo-p-moran -->) and
# oligodendrocytes (0.065<!-- claim:genes-oligo-p -->; 0.13<!-- claim:genes-oligo-p-moran -->). After correction the best of
# the seven has $q$ = 0.21<!-- claim:genes-best-q -->, the best of the thirty 0.90<!-- claim:genes-best-q-lake -->.
# **Of 37 sets, 0<!-- claim:genes-survivors --> survive.** The enormous $z$ was the likeness
# of the set's genes to each other.
#
# This does not show that oligodendrocytes have no part in Alzheimer's disease. It shows that this map with its 33 independent
# values, and this atlas of six donors, cannot tell. (A set that beats null maps should then *also* beat random genes, or else
# any set would do; [Wei et al. 2022](https://doi.org/10.1002/hbm.25711) call these spatial and gene specificity. The question
# does not arise here.)
#
# ## And the weights of the model itself?
#
# The last resort: perhaps the gradient, which asks the model and not the map, points at a cell type. The null is the same
# as before, but the whole model has to be trained anew on each rotated map, so there are only 19, enough for $p \le 0.05$
# before any correction; one set in twenty should lie outside all of them by chance.

# %%
own_sets, _ = restrict(load_gene_sets("Pooled"), genes.columns)
spun = null_maps(thinning, parcellation, n=N_SPUN, seed=1)
null_weights = pd.DataFrame(
    [
        gene_weights(CrossScaleVAE.from_preset("paper", seed=0).fit(genes, each, graph), genes)
        for _, each in tqdm(spun.iterrows(), total=N_SPUN, desc="models of rotated maps")
    ]
)
mean_weight = pd.DataFrame({name: null_weights[listed].mean(axis=1) for name, listed in own_sets.items()})
observed = pd.Series({name: weights["genes"].iloc[0][listed].mean() for name, listed in own_sets.items()})
beyond = (mean_weight.abs() < observed.abs()).all()
pd.DataFrame(
    {
        "genes": {name: len(listed) for name, listed in own_sets.items()},
        "mean weight (d/1000 per sd)": 1000 * observed,
        "largest in null models": 1000 * mean_weight.abs().max(),
        "beyond all": beyond.map({True: "yes", False: "no"}),
    }
).round(1)

# %% tags=["nbval-check-output"]
claim("genes-weights-beyond", beyond.sum())

# %% [markdown]
# 0<!-- claim:genes-weights-beyond --> of the 6 classes that have at least five landmark genes lie outside the models of
# rotated maps. Set by set, some model that was trained on the disease's map in the wrong place has weights as large.

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | latent programs tied to susceptibility ([arXiv:2606.05870](https://arxiv.org/abs/2606.05870)); no public gene list, as far as we know | **in-sample**: gene weights repeat over seeds at $r$ = 0.67<!-- claim:genes-weights-seeds -->; with noise genes 0.65<!-- claim:genes-weights-seeds-noise --> | seeds share map, graph and table; repeating is not evidence |
# | – | **in-sample**: programs repeat at 0.77<!-- claim:genes-programs-paper -->, noise genes 0.74<!-- claim:genes-programs-paper-noise --> (preset `"paper"`); 0.71<!-- claim:genes-programs-xsg --> against 0.38<!-- claim:genes-programs-xsg-noise --> (`"xsg"`) | of the two presets only `"xsg"` has to give the genes back |
# | enrichment tests inflate false positives over 500-fold on average (Gene Ontology categories; [Fulcher et al. 2021](https://doi.org/10.1038/s41467-021-22862-1)) | **null**: at $p \le 0.05$ random genes call 0.76<!-- claim:genes-rate-random-genes --> of 7 cell-type sets; random maps 0.06<!-- claim:genes-rate-spin-70 --> | the same fault on another scale: theirs are corrected discoveries, compared (as we read it) with how rare they are in a reference case; a rate at 5 % cannot rise more than 20-fold. Their categories are other sets than ours |
# | up to 60 % of reported effects lack gene specificity in simulations ([Wei et al. 2022](https://doi.org/10.1002/hbm.25711)) | none of our sets passes the spatial test, so the second was not needed | – |
# | – | **null**: of 37 cell-type sets 0<!-- claim:genes-survivors --> survive the spatial test of Alzheimer's thinning (best $q$ 0.21<!-- claim:genes-best-q -->); random genes alone "find" 4<!-- claim:genes-naive-random-genes --> of 7 | 33 independent values, six donors |
#
# Nothing in this chapter is **held out**: a gene set is tested on the map as it is, and the models were trained on the regions
# whose genes are read. The thinning map is the bilateral average of [chapter 8](08_real_brain.ipynb), so the null maps are
# bilateral too. The right frontal pole is not in the data; in a rotation it takes part with its left homologue's value. The
# random maps of the false-positive experiment are ours, and rotations suit maps that are equally smooth everywhere.

# %% [markdown]
# ## Key takeaways
#
# - "The genes of a model" has several meanings, and they disagree; the correlation with an in-sample prediction is the
#   correlation with the map: [how much does a gene matter to the model?](#how-much-does-a-gene-matter-to-the-model)
# - With the preset `"paper"`, weights and programs that repeat over seeds repeat with noise genes too: [do the programs
#   repeat?](#do-the-programs-repeat)
# - Enrichment tests that permute genes find most cell types in random maps, also after correction for the false discovery rate:
#   [where there is nothing to find](#the-same-tests-where-there-is-nothing-to-find).
# - A test against random maps comes within two points in a hundred of its promise, and costs one matrix product: [random maps instead of random
#   genes](#random-maps-instead-of-random-genes).
# - Of 37 cell-type sets none survives on Alzheimer's thinning: [what survives](#what-survives-on-the-real-map).
# - The model's own weights point at none either: [and the weights of the model itself?](#and-the-weights-of-the-model-itself)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: PLS in one line
#
# Fit `PLSRegression(n_components=1)` to `genes` and `thinning`, and correlate its `x_weights_` with the genes' plain
# correlations with the map, `with_map`: call the result `pls_r`. Then rank the genes by the size of both: how many of the 50
# largest do they share (`shared_top`)? Why, and what does it say about a study that ranks genes by PLS1?
#
# <details><summary>Hint</summary>
#
# `fit(genes, thinning)` scales the columns by itself. For the ranks, `np.argsort(np.abs(…))[-50:]`, and sets.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
pls_weights = PLSRegression(n_components=1).fit(genes, thinning).x_weights_[:, 0]
pls_r = np.corrcoef(pls_weights, with_map)[0, 1]
largest = [set(np.argsort(np.abs(np.asarray(values)))[-50:]) for values in (pls_weights, with_map)]
shared_top = len(largest[0] & largest[1])
print(f"correlation of PLS1 weights and gene correlations: {pls_r:.6f}; shared among the 50 largest: {shared_top}")
# The first weights maximise the covariance of X w with y, so w is proportional to X'y: with z-scored genes, to r. The study
# ranks genes by their plain correlation with the map.

# %% tags=["check"]
assert np.isclose(abs(pls_r), 1, atol=1e-3), (
    f"pls_r is {pls_r:.4f}; expected 1: PLS1 weights are the correlations, rescaled"
)
assert 48 <= shared_top <= 50, f"shared_top is {shared_top}; expected all 50, give or take a tie"

# %% [markdown]
# ### Exercise 2: who is to blame, the map or the set?
#
# For each class of `sets` draw a set of *random* genes of the same size (a dict `unrelated` with the same names), and let
# the random-gene test try them on the smoothest random maps, `random["70 mm"]`. In which share of the tests is
# $p \le 0.05$? All maps meet the same seven sets, so one draw tells little: draw ten times, and call the mean of the ten
# shares `rate_unrelated`. What does it say about the cause of the inflation?
#
# <details><summary>Hint</summary>
#
# `random_gene_enrichment(gene_correlations(every_gene, maps), sets)` returns a table of p-values, maps × sets.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
draw = np.random.default_rng(0)
correlations = gene_correlations(every_gene, random["70 mm"])
shares = []
for _ in range(10):
    unrelated = {
        name: list(draw.choice(every_gene.columns, len(listed), replace=False)) for name, listed in sets.items()
    }
    shares.append((random_gene_enrichment(correlations, unrelated) <= 0.05).to_numpy().mean())
rate_unrelated = np.mean(shares)
print(
    f"random sets: {rate_unrelated:.3f} ({min(shares):.3f} to {max(shares):.3f}), "
    f"cell types: {rates.loc[('random genes', '70 mm'), 'rate']:.3f}"
)
# On the same smooth maps, single draws of unrelated genes are called more or less often than promised, and all together
# about as often. So it is the likeness of a set's genes that breaks the test.

# %% tags=["check"]
sizes = {name: (len(listed), len(set(unrelated[name]))) for name, listed in sets.items()}
assert all(a == b for a, b in sizes.values()), f"sizes of class and random set, expected equal without repeats: {sizes}"
assert 0.005 < rate_unrelated < 0.15, (
    f"rate_unrelated is {rate_unrelated:.3f}; expected near 0.05: genes that were drawn at random do not go together"
)

# %% [markdown]
# ### Exercise 3: is the spatial test blind?
#
# A test that finds nothing may be honest or blind. Plant a set: take 700 random genes, and add a share of the z-scored
# thinning map to the z-scores of each. In steps of 0.05, what is the smallest share (`needed_share`) at which the spatial
# test against `rotated` gives $p < 0.05/37$, and what is the set's score then (`needed_score`)? The random-gene test would
# call such a set at a score of 0.02.
#
# <details><summary>Hint</summary>
#
# `spatial_enrichment(set_profiles(table, {"planted": names}), thinning, rotated)` returns a row with `score` and `p`. Build
# `table` in a loop over the share.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
planted = list(np.random.default_rng(1).choice(every_gene.columns, 700, replace=False))
z = (every_gene[planted] - every_gene[planted].mean()) / every_gene[planted].std(ddof=0)
z_map = (thinning - thinning.mean()) / thinning.std(ddof=0)
for needed_share in np.arange(0, 1, 0.05):
    table = set_profiles(z.add(needed_share * z_map, axis=0), {"planted": planted})
    seen = spatial_enrichment(table, thinning, rotated).iloc[0]
    if seen["p"] < 0.05 / 37:
        break
needed_score = seen["score"]
print(f"share {needed_share:.2f}: score {needed_score:.2f}, p = {seen['p']:.4f}")
# The test sees what is there: a set whose genes truly share a modest part of the map's own pattern is found, although it
# asks for much more than the random-gene test does.

# %% tags=["check"]
assert 0 < needed_share < 0.6, f"needed_share is {needed_share:.2f}; expected between 0 and 0.6"
assert 0.02 < needed_score < 0.6, (
    f"needed_score is {needed_score:.2f}; expected above the 0.02 of the random-gene test and below 0.6"
)
assert np.isclose(needed_score, needed_share / np.hypot(1, needed_share), atol=0.08), (
    f"a share of {needed_share:.2f} makes a score of about {needed_share / np.hypot(1, needed_share):.2f}, "
    f"not {needed_score:.2f}: add the share to z-scores of genes with a z-scored map"
)

# %% [markdown]
# ## See also
#
# - [Latent programs](07_programs.ipynb): what programs are, and how they are compared where the truth is known.
# - [Smooth maps fool correlations](09_smooth_maps.ipynb): how null maps are made.
# - [One brain atlas, many matrices](13b_matrices.ipynb): the expression matrix itself under other choices.
# - [Glossary](../book/glossary.md): the terms of this chapter in a sentence each.

# %% [markdown]
# ## References
#
# - Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. *Journal of the Royal Statistical Society B*
#   57:289. [doi:10.1111/j.2517-6161.1995.tb02031.x](https://doi.org/10.1111/j.2517-6161.1995.tb02031.x)
# - Bruford EA et al. (2020). Guidelines for human gene nomenclature. *Nature Genetics* 52:754.
#   [doi:10.1038/s41588-020-0669-3](https://doi.org/10.1038/s41588-020-0669-3)
# - Fang Z, Liu X, Peltz G (2023). GSEApy: a comprehensive package for performing gene set enrichment analysis in Python.
#   *Bioinformatics* 39:btac757. [doi:10.1093/bioinformatics/btac757](https://doi.org/10.1093/bioinformatics/btac757)
# - Fulcher BD, Arnatkevičiūtė A, Fornito A (2021). Overcoming false-positive gene-category enrichment in the analysis of
#   spatially resolved transcriptomic brain atlas data. *Nature Communications* 12:2669.
#   [doi:10.1038/s41467-021-22862-1](https://doi.org/10.1038/s41467-021-22862-1)
# - Haufe S et al. (2014). On the interpretation of weight vectors of linear models in multivariate neuroimaging.
#   *NeuroImage* 87:96. [doi:10.1016/j.neuroimage.2013.10.067](https://doi.org/10.1016/j.neuroimage.2013.10.067)
# - Krishnan A et al. (2011). Partial least squares (PLS) methods for neuroimaging: a tutorial and review. *NeuroImage*
#   56:455. [doi:10.1016/j.neuroimage.2010.07.034](https://doi.org/10.1016/j.neuroimage.2010.07.034)
# - Lake BB et al. (2018). Integrative single-cell analysis of transcriptional and epigenetic states in the human adult brain.
#   *Nature Biotechnology* 36:70. [doi:10.1038/nbt.4038](https://doi.org/10.1038/nbt.4038)
# - Seidlitz J et al. (2020). Transcriptomic and cellular decoding of regional brain vulnerability to neurogenetic disorders.
#   *Nature Communications* 11:3358. [doi:10.1038/s41467-020-17051-5](https://doi.org/10.1038/s41467-020-17051-5)
# - Subramanian A et al. (2005). Gene set enrichment analysis. *PNAS* 102:15545.
#   [doi:10.1073/pnas.0506580102](https://doi.org/10.1073/pnas.0506580102)
# - Vaithianathan (2026). The cross-scale model that this part follows.
#   [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
# - Wei Y et al. (2022). Statistical testing in transcriptomic-neuroimaging studies. *Human Brain Mapping* 43:885.
#   [doi:10.1002/hbm.25711](https://doi.org/10.1002/hbm.25711)
# - Ziemann M, Eren Y, El-Osta A (2016). Gene name errors are widespread in the scientific literature. *Genome Biology*
#   17:177. [doi:10.1186/s13059-016-1044-7](https://doi.org/10.1186/s13059-016-1044-7)
