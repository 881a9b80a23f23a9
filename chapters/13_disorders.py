# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv, human/disease/EP.GM.rda, human/disease/pd_ct.txt, human/disease/enigma/22q_case-controls_CortThick.csv, human/disease/enigma/adhdadult_case-controls_CortThick.csv, human/disease/enigma/adhdallages_case-controls_CortThick.csv, human/disease/enigma/allepi_case-controls_CortThick.csv, human/disease/enigma/allotherepi_case-controls_CortThick.csv, human/disease/enigma/asd_mega-analysis_case-controls_CortThick.csv, human/disease/enigma/asd_meta-analysis_case-controls_CortThick.csv, human/disease/enigma/bd_case-controls_CortThick_adolescent.csv, human/disease/enigma/bd_case-controls_CortThick_adult.csv, human/disease/enigma/gge_case-controls_CortThick.csv, human/disease/enigma/mddadolescent_case-controls_CortThick.csv, human/disease/enigma/mddadult_case-controls_CortThick.csv, human/disease/enigma/ocdadults_case-controls_CortThick.csv, human/disease/enigma/ocdpediatric_case-controls_CortThick.csv, human/disease/enigma/scz_case-controls_CortThick.csv, human/disease/enigma/tlemtsl_case-controls_CortThick.csv, human/disease/enigma/tlemtsr_case-controls_CortThick.csv]}
# ---

# %% [markdown]
# # 13. Beyond Alzheimer's: the same instrument over every disorder map at hand
#
# *Prerequisites: [the real brain](08_real_brain.ipynb), [smooth maps](09_smooth_maps.ipynb),
# [splits](10_splits.ipynb), [a thousand refits](11_refits.ipynb). Time: 50 minutes to read, 1 minute to run.*
#
# ## What you will learn
#
# - which maps of cortical thinning are public, which of them show the same patients twice, and how exact they are;
# - how alike the disorders are, and how many independent questions 21 maps hold;
# - for each map, what genes predict of regions the model has not seen, against noise for genes, position, and the main
#   axis of expression, with p-values that know about space and about being many;
# - what it means to *transfer* a model from Alzheimer's disease to another one.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_NULLS = 1000  # rotated copies of each map, fitted anew
N_FEWER = 500  # of these, the ones that kriging is fitted to, which is slow
N_TURNS = 10_000  # rotated copies of each map where only correlations are asked for
N_FOLDS = 5  # homologous regions are always together
N_DEALS = 3  # ways to deal the pairs of regions into folds
SEED = 0  # of the rotations, the noise and the models

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
import seaborn as sns
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.stats import false_discovery_control, wilcoxon

import xsg
from xsg.claims import claim
from xsg.data.expression import normalise
from xsg.data.vulnerability import disorder_maps, load_disorder
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.metrics import r_squared_rows
from xsg.evaluation.nulls import noise_genes, null_maps, p_value
from xsg.evaluation.protocol import held_out_predictions, predict_folds
from xsg.evaluation.splits import homologous
from xsg.plotting import DIVERGING, brain, use_style
from xsg.training import CrossScaleVAE, held_out_mean, refit

use_style()

# %% [markdown]
# ## The question in a picture
#
# The paper this part of the book follows ([arXiv:2606.05870](https://arxiv.org/abs/2606.05870)) fits one disease and
# names the next step itself: transfer to other neurodegenerative conditions. The maps for it are public, and not only
# for neurodegeneration. Here are six, each with its own mean taken away and divided by its own standard deviation, so
# that we compare *where* and not how much: red regions are thinner than the disorder's average, blue ones less thin.

# %% mystnb={"image": {"alt": "Six rows of brain views: Alzheimer's disease with its red temporal lobe, Parkinson's disease in the back of the brain, schizophrenia in frontal and temporal cortex, anorexia nervosa in superior parietal cortex, left temporal lobe epilepsy around the central sulcus, and hyperlipidaemia in the insula and temporal lobe with blue visual cortex."}}
cortex = xsg.load_cortex("ahba-ad")
genes, regions = cortex.expression, cortex.regions
shown = ["AD", "PD", "SCZ", "AN", "TLE-L", "hyperlipidaemia"]
six = pd.DataFrame({name: load_disorder(name)[regions] for name in shown})
figure = brain((six - six.mean()) / six.std(), "thinning (standard deviations from the map's mean)", limits=(-2.5, 2.5))

# %% [markdown]
# You see six different patterns: only some resemble the first. Can each be read from gene expression? And if a model reads one, has it learned something about the next?
#
# ## What is at hand
#
# Three sources give Cohen's $d$ of cortical thickness, patients minus controls, for each Desikan–Killiany region. We
# turn the sign, so that positive means thinner in patients, as everywhere in this book.
#
# - **ENIGMA**, a worldwide consortium, measured thickness in the same way at hundreds of sites and published a table for
#   each disorder. The [ENIGMA Toolbox](https://doi.org/10.1038/s41592-021-01186-4) packages 17 of them.
# - **Parkinson's disease**, also by ENIGMA ([Laansma et al. 2021](https://doi.org/10.1002/mds.28706)), comes on its own.
# - **The Regional Vulnerability Index** table ([Kochunov et al. 2020](https://doi.org/10.1002/hbm.25045),
#   [2021](https://doi.org/10.1016/j.nicl.2021.102574)) holds 17 columns, Alzheimer's disease among them, with the
#   hemispheres averaged.
#
# `disorder_maps` lists them all, and `load_disorder` loads one.

# %%
listed = disorder_maps()
own = listed[listed["overlaps"] == ""]
own[["disorder", "source", "n_patients", "n_controls", "hemispheres"]]

# %% [markdown]
# Numbers of people are the largest over regions; where the source has none, none is shown. The files have their traps.
# One has L and R in alternate rows and its own capital letters. Two carry empty columns. The autism mega-analysis lacks
# the fusiform gyrus on both sides. The attention-deficit and autism tables give *the same* numbers to both hemispheres.
# The loader reads by name, leaves out what is missing, and says so:

# %%
for line in load_disorder("ASD-mega").attrs["provenance"]:
    print("-", line)

# %% [markdown]
# ### The same patients twice
#
# Someone who counts files finds 35<!-- claim:disorders-files --> maps. But many columns of the vulnerability table
# *are* ENIGMA tables, averaged over the hemispheres; "all epilepsies" is made of its parts; "metabolic" of three
# conditions. This is how each such map correlates with the one it repeats (over the regions that both have, hemispheres
# averaged):

# %%
by_pair = {name: load_disorder(name).groupby(lambda region: region[2:]).mean() for name in listed.index}
copies = listed.loc[listed["overlaps"] != "", ["disorder", "overlaps"]]
copies["r (highest)"] = [
    max(by_pair[name].corr(by_pair[other]) for other in row.overlaps.split(", ")) for name, row in copies.iterrows()
]
copies.style.format(precision=3)

# %% tags=["nbval-check-output"]
same_table = copies.index.str.endswith("-RVI") & ~copies.index.str.startswith("ASD")
claim("disorders-files", len(listed))
claim("disorders-own", len(own))
claim("disorders-copies-lowest-r", copies.loc[same_table, "r (highest)"].min())

# %% [markdown]
# Eight columns of the table repeat an ENIGMA table with $r$ of 0.986<!-- claim:disorders-copies-lowest-r --> or more,
# all but Parkinson's to the last digit (the autism column repeats the mega-analysis, which differs from the
# meta-analysis). Counting them would make every finding look replicated: [exercise 2](#exercise-2-count-the-copies) does.
# **21<!-- claim:disorders-own --> maps** are left that are data of their own. They are still not independent: the four
# epilepsies were compared with the same controls, the three cardiometabolic conditions come from one source, and
# studies of depression and suicidal thoughts probably share cohorts.
#
# To compare like with like, all maps are cut to the 65 regions that every one of them and the expression table has.

# %%
maps = pd.DataFrame({name: load_disorder(name)[regions] for name in own.index}).T
print(f"{maps.shape[0]} maps × {maps.shape[1]} regions")
maps.iloc[:4, :5].round(2)

# %% [markdown]
# ### How exact is a map?
#
# An effect size $d$ from $n_1$ patients and $n_2$ controls is itself an estimate. Its sampling variance, the square of its
# standard error, is
#
# $$\mathrm{se}^2(d) = \frac{n_1 + n_2}{n_1 n_2} + \frac{d^2}{2(n_1 + n_2)}$$
#
# ([Hedges & Olkin 1985](https://doi.org/10.1016/C2009-0-03396-0)). If the mean of this over regions is as large as the
# variance of the map, then the map is mostly error and little of it can be predicted. One minus their ratio is a rough
# *reliability*: the $R^2$ that the true map, moved to the mean of the measured one, is *expected* to have, as the noise
# ceiling of [chapter 3](03_vulnerability.ipynb#the-noise-ceiling). What it lacks is how the errors go together, which no
# table tells. An error that all regions share only shifts the map, and costs a model with an intercept nothing; so the true
# expectation is higher than ours.

# %%
n1, n2 = (own[column].astype(float).to_numpy()[:, None] for column in ("n_patients", "n_controls"))
sampling_variance = (n1 + n2) / (n1 * n2) + maps**2 / (2 * (n1 + n2))
reliability = (1 - sampling_variance.mean(axis=1, skipna=False) / maps.var(axis=1)).rename("reliability")
reliability.dropna().sort_values().round(2).to_frame().T

# %% tags=["nbval-check-output"]
claim("disorders-reliability-low", (reliability < 0.3).sum())
claim("disorders-reliability-scz", reliability["SCZ"])

# %% [markdown]
# The schizophrenia map, from nine thousand people, is nearly exact
# (0.96<!-- claim:disorders-reliability-scz -->). 5<!-- claim:disorders-reliability-low --> maps lie under 0.3: bipolar
# disorder and depression in adolescents, obsessive-compulsive disorder, and attention deficit. On those, failure says
# little about a model.

# %% [markdown]
# ## How alike the maps are
#
# Correlate every map with every other. The order puts similar ones side by side (average linkage).

# %% mystnb={"image": {"alt": "Heat map of correlations between 21 disorder maps in clustered order. Two dark blocks stand out: the four epilepsies with anorexia nervosa, childhood obsessive-compulsive disorder and Parkinson's disease; and hypertension, hyperlipidaemia and adult depression. Schizophrenia and bipolar disorder form another pair. The two blocks correlate negatively with each other."}}
similarity = maps.T.corr()
order = leaves_list(linkage(maps, method="average", metric="correlation", optimal_ordering=True))
figure, ax = plt.subplots(figsize=(8.6, 7.2), layout="constrained")
_ = sns.heatmap(
    similarity.iloc[order, order],
    cmap=DIVERGING,
    vmin=-1,
    vmax=1,
    square=True,
    annot=similarity.iloc[order, order].round(1) + 0.0,  # + 0: no "-0.0"
    fmt=".1f",
    annot_kws={"size": 6.5},
    cbar_kws={"label": "correlation over 65 regions", "shrink": 0.8},
    ax=ax,
)
_ = ax.set(xlabel="", ylabel="")
# %% [markdown]
# Red pairs thin in the same places, blue ones in opposite places. The dark blocks along the diagonal are groups of disorders
# with one pattern: the four epilepsies with anorexia nervosa, and high blood lipids and blood pressure with adult depression.
# Which of these are more than two smooth maps can show by chance? We rotate each map
# 10,000 times ([chapter 9](09_smooth_maps.ipynb)), both hemispheres together, and ask how often a rotated map correlates as
# strongly with the other one. There are 210 pairs, so some will have $p < 0.05$ whatever the truth is. The **false
# discovery rate** procedure ([Benjamini & Hochberg 1995](https://doi.org/10.1111/j.2517-6161.1995.tb02031.x)) turns the
# p-values into *q-values*: among all pairs with $q < 0.05$, at most one in twenty is expected to be false.


# %%
def z_rows(values: np.ndarray) -> np.ndarray:
    """Centre the last axis and scale it to length 1, so that a product of two rows is their correlation."""
    values = np.asarray(values)
    centred = values - values.mean(axis=-1, keepdims=True)
    return centred / np.linalg.norm(centred, axis=-1, keepdims=True)


turned = null_maps(maps, cortex.parcellation, n=N_TURNS, seed=SEED).to_numpy().reshape(len(maps), N_TURNS, -1)
turned = z_rows(turned).astype("float32")  # maps × rotations × regions


def with_rotations(values: np.ndarray) -> np.ndarray:
    """Correlation of each row of values (A, regions) with each rotation of each map: (A, maps, rotations)."""
    return np.stack([z_rows(values).astype("float32") @ each.T for each in turned], axis=1)


# |r| of map a with each rotation of map b; either of the two may be rotated, and the larger p counts.
extreme = (np.abs(with_rotations(maps)) >= np.abs(similarity.to_numpy())[:, :, None]).sum(axis=2)
p_similar = (1 + np.maximum(extreme, extreme.T)) / (1 + N_TURNS)
pair = np.triu_indices(len(maps), 1)
q_similar = false_discovery_control(p_similar[pair])
alike = pd.DataFrame(
    {"one": maps.index[pair[0]], "other": maps.index[pair[1]], "r": similarity.to_numpy()[pair], "q": q_similar}
)
alike[alike["q"] < 0.05].sort_values("r", ascending=False).round(3).reset_index(drop=True)

# %% tags=["nbval-check-output"]
spectrum = np.linalg.eigvalsh(similarity)
claim("disorders-similar-survive", (q_similar < 0.05).sum())
claim("disorders-effective-number", spectrum.sum() ** 2 / (spectrum**2).sum())
claim("disorders-ad-pd", similarity.loc["AD", "PD"])
claim("disorders-ad-pd-p", p_similar[0, 1])

# %% [markdown]
# 10<!-- claim:disorders-similar-survive --> of the 210 pairs survive, mostly those expected: epilepsies with epilepsies,
# bipolar disorder with schizophrenia, blood lipids with blood pressure and depression. Alzheimer's and Parkinson's disease,
# the pair that the paper's plan is about, correlate at $r$ = 0.56<!-- claim:disorders-ad-pd -->
# ($p$ = 0.011<!-- claim:disorders-ad-pd-p -->, not corrected: we named this pair before looking).
#
# How many different questions do 21 maps ask? The eigenvalues $\lambda$ of the matrix of correlations give an effective number,
# $(\sum\lambda)^2 / \sum\lambda^2$ = 7.4<!-- claim:disorders-effective-number -->. Whoever finds "the same result in ten
# disorders" may have found it three times.

# %% [markdown]
# ## The first suspect: one axis of expression
#
# Most genes vary over the cortex along few common axes. The first principal component of expression (PC1) runs from
# sensory to association cortex, and it looks like many other things that do so
# ([Burt et al. 2018](https://doi.org/10.1038/s41593-018-0195-0)). A map that resembles it can be "predicted from genes"
# by thousands of genes, none of which need have to do with the disorder. So PC1 is the baseline that a finding about
# genes must beat.

# %% mystnb={"image": {"alt": "Three rows of brain views: PC1 of expression, hyperlipidaemia and major depression in adults. All three run from visual and sensorimotor cortex at one end to the insula, cingulate and medial temporal cortex at the other."}}
directions, sizes, _ = np.linalg.svd(normalise(genes).to_numpy(), full_matrices=False)
pc1 = pd.Series(directions[:, 0], regions)
pc1 *= np.sign(pc1 @ maps.loc["MDD"])  # the sign of a component is arbitrary
beside = pd.DataFrame({"PC1": pc1, "hyperlipidaemia": maps.loc["hyperlipidaemia"], "MDD": maps.loc["MDD"]})
figure = brain((beside - beside.mean()) / beside.std(), "standard deviations from the mean", limits=(-2.5, 2.5))
# %% tags=["nbval-check-output"]
with_pc1 = pd.Series(z_rows(maps) @ z_rows(pc1), maps.index)
pc1_by_chance = turned @ z_rows(pc1)  # maps × nulls
p_pc1 = [p_value(r, null, tail="two-sided") for r, null in zip(with_pc1, pc1_by_chance, strict=True)]
q_pc1 = pd.Series(false_discovery_control(p_pc1), maps.index)
claim("disorders-pc1-variance", 100 * sizes[0] ** 2 / (sizes**2).sum())
claim("disorders-pc1-lipids", with_pc1["hyperlipidaemia"])
claim("disorders-pc1-mdd", with_pc1["MDD"])
claim("disorders-pc1-diabetes", with_pc1["diabetes"])
claim("disorders-pc1-survive", (q_pc1 < 0.05).sum())

# %% mystnb={"image": {"alt": "Correlation of each map with PC1, sorted, over grey bars that hold 95 percent of rotated maps. Hyperlipidaemia at 0.71, depression at 0.64 and diabetes at 0.56 lie outside their bars and are filled; all others lie inside or near the edge. Alzheimer's disease lies close to zero."}}
ranked = with_pc1.sort_values().index
low, high = (pd.Series(np.quantile(pc1_by_chance, q, axis=1), maps.index)[ranked] for q in (0.025, 0.975))
figure, ax = plt.subplots(figsize=(7.6, 5.4), layout="constrained")
ax.barh(ranked, high - low, left=low, color="0.88", height=0.75, label="95 % of rotated maps")
for found, face, label in ((q_pc1 < 0.05, "C0", "q < 0.05"), (q_pc1 >= 0.05, "white", "q ≥ 0.05")):
    chosen = [name for name in ranked if found[name]]
    ax.plot(with_pc1[chosen], chosen, "o", color="C0", mfc=face, label=label)
ax.axvline(0, color="0.6", lw=1, zorder=0)
ax.set(xlabel="correlation with PC1 of expression (in-sample)", xlim=(-1, 1))
ax.tick_params(axis="y", labelsize=9)
_ = figure.legend(loc="outside lower center", ncols=3, fontsize=9)
# %% [markdown]
# Each dot is a map's correlation with PC1, and the grey bar behind it holds 95 % of what the same map gives when it is
# rotated; the filled dots lie beyond their bars and survive the correction for 21 maps.
#
# PC1 holds 26<!-- claim:disorders-pc1-variance --> % of the variance of expression. The map of high blood lipids
# correlates with it at 0.71<!-- claim:disorders-pc1-lipids -->, adult depression at 0.64<!-- claim:disorders-pc1-mdd -->,
# diabetes at 0.56<!-- claim:disorders-pc1-diabetes -->; these 3<!-- claim:disorders-pc1-survive --> survive the
# correction. It would be convenient if all disorder maps were the main axis of expression. Here a few lean on it, the
# strongest with half of its variance, and most, Alzheimer's disease among them, hardly do.

# %% [markdown]
# ## The instrument, on every map
#
# Now the model. For each map the preset `"paper"` is trained on all regions (in-sample) and on five folds of homologous
# pairs (held out); and the same once more with pure noise for genes (in-sample for every third map only). How the pairs are dealt into folds moves a result by
# 0.1 and more ([chapter 10](10_splits.ipynb)), so no single way of dealing will do. We use three. Quick methods see every
# map under all of them. The VAE is too slow for that: it sees the first map under the first way, the second under the second,
# and so on in turn, so that nothing we say over the 21 maps hangs on one way. Only Alzheimer's disease, which we shall need
# again, is dealt in all three.

# %%
deals = [homologous(regions, n_folds=N_FOLDS, seed=deal) for deal in range(N_DEALS)]
turn = np.arange(len(maps)) % N_DEALS  # the way in which the VAE sees a map
model = CrossScaleVAE.from_preset("paper")
tables = [genes, *noise_genes(genes, n=1, seed=SEED)]
inside = np.full((len(maps), len(tables), len(regions)), np.nan)
inside[:, 0] = refit(model, genes, maps, cortex.graph, seeds=[SEED])
inside[turn == 0, 1] = refit(model, tables[1], maps[turn == 0], cortex.graph, seeds=[SEED])
outside = np.empty_like(inside)
ad_outside = []  # of Alzheimer's disease, for each way
for deal, folds in enumerate(deals):
    asked = np.flatnonzero((turn == deal) | (maps.index == "AD"))
    fitted = predict_folds(model, cortex, maps.iloc[asked], folds, [SEED], tables=tables)
    held = held_out_mean(fitted, folds).reshape(len(asked), len(tables), -1)  # maps × (genes, noise) × regions
    mine = turn[asked] == deal
    outside[asked[mine]] = held[mine]
    ad_outside.append(held[asked == maps.index.get_loc("AD")][0])

# %% [markdown]
# Beside it stand the baselines of [chapter 11](11_refits.ipynb): ridge on all genes, a straight line on PC1, and kriging
# from position without genes, on the same folds; of their three results for a map we show the median. All are scored by
#
# $$R^2 = 1 - \frac{\sum_i (y_i - \hat y_i)^2}{\sum_i (y_i - \bar y)^2},$$
#
# with $y_i$ the thinning of region $i$, $\bar y$ the mean of the map, and $\hat y_i$ a prediction from a fold that did not
# train on region $i$ or its homologue. It is negative where the mean
# would have done better.


# %%
def dealt(name: str, maps: pd.DataFrame) -> np.ndarray:
    """Held-out predictions of a baseline under each way of dealing: (ways, maps, regions)."""
    return np.stack([held_out_predictions(Baseline(name), cortex, folds, maps) for folds in deals])


short = {"ridge": "ridge", "position (kriging)": "position", "expression PC1": "PC1"}
simple = {name: dealt(long, maps) for long, name in short.items()}
r2_dealt = {name: r_squared_rows(maps, guess) for name, guess in simple.items()}  # ways × maps
columns = ["VAE", "VAE, noise genes"]
r2_inside = pd.DataFrame(r_squared_rows(maps.to_numpy()[:, None], inside), maps.index, columns)
r2 = pd.DataFrame(r_squared_rows(maps.to_numpy()[:, None], outside), maps.index, columns)
r2 = r2.assign(**{name: np.median(values, axis=0) for name, values in r2_dealt.items()})
ends = {"lowest": r2_dealt["ridge"].min(axis=0), "highest": r2_dealt["ridge"].max(axis=0)}
ends = pd.DataFrame(ends, maps.index)
table = pd.concat({"in-sample R²": r2_inside, "held-out R²": r2, "ridge, by way of dealing": ends}, axis=1)
table.style.format(precision=2, na_rep="–")

# %% tags=["nbval-check-output"]
claim("disorders-in-sample-lowest", r2_inside["VAE"].min())
claim("disorders-in-sample-noise-median", r2_inside["VAE, noise genes"].median())
claim("disorders-vae-median", r2["VAE"].median())
claim("disorders-noise-median", r2["VAE, noise genes"].median())
claim("disorders-ridge-median", r2["ridge"].median())
claim("disorders-position-median", r2["position"].median())
claim("disorders-pc1-median", r2["PC1"].median())
claim("disorders-vae-minus-noise", (r2["VAE"] - r2["VAE, noise genes"]).mean())
claim("disorders-vae-minus-noise-p", wilcoxon(r2["VAE"] - r2["VAE, noise genes"]).pvalue)
claim("disorders-ridge-minus-vae", (r2["ridge"] - r2["VAE"]).mean())
claim("disorders-ridge-above-vae", (r2["ridge"] > r2["VAE"]).sum())

# %% mystnb={"image": {"alt": "Held-out R squared of five methods for 21 maps, sorted by ridge. The graph VAE with real genes and with noise genes lie close together in most rows. Ridge, with a line for its range over three ways of dealing, lies to their right in most rows, highest for anorexia nervosa and hyperlipidaemia. In-sample marks lie near 0.95 in every row."}}
ranked = r2["ridge"].sort_values().index
figure, ax = plt.subplots(figsize=(8.8, 6.6), layout="constrained")
ax.hlines(ranked, ends["lowest"].loc[ranked], ends["highest"].loc[ranked], color="C0", lw=2, alpha=0.4)
ax.plot(r2_inside.loc[ranked, "VAE"], ranked, "|", color="C1", ms=11, mew=2, label="VAE, in-sample")
marks = {
    "ridge": dict(marker="o", color="C0", ms=8),
    "VAE": dict(marker="D", color="C3", ms=6),
    "VAE, noise genes": dict(marker="D", color="C3", mfc="white", ms=6),
    "position": dict(marker="^", color="0.55", ms=6),
    "PC1": dict(marker="s", color="C2", ms=5),
}
for name, style in marks.items():
    ax.plot(r2.loc[ranked, name], ranked, ls="", label=f"{name}, held out", alpha=0.9, **style)
ax.axvline(0, color="0.6", lw=1, zorder=0)
ax.grid(axis="y", color="0.92")
ax.set_xlabel("R²")
ax.tick_params(axis="y", labelsize=9)
_ = ax.legend(fontsize=9, loc="upper left")
# %% [markdown]
# Read the picture from right to left.
#
# - **In-sample** (bars at the right) every disorder is explained, the least with 0.90<!-- claim:disorders-in-sample-lowest -->, maps
#   that are mostly sampling error included. With noise for genes it is as high
#   (0.93<!-- claim:disorders-in-sample-noise-median --> in the median of seven maps). The headline number is reached on *every* map here,
#   so it tells nothing about any disorder.
# - **Held out, the graph VAE with real genes and with noise** (diamonds, filled and open) lie close together in most
#   rows, and where they part, either may lead. Over the maps, real genes are better by
#   0.02<!-- claim:disorders-vae-minus-noise --> on average, which a paired test
#   ([Wilcoxon 1945](https://doi.org/10.2307/3001968)) cannot tell from nothing even if the maps are taken for independent
#   ($p$ = 0.2<!-- claim:disorders-vae-minus-noise-p -->). What [chapter 8](08_real_brain.ipynb) found for Alzheimer's disease
#   holds over all of them: in this preset, real genes add nothing that we can measure to what graph and place give.
# - **Ridge on the same genes** (circles, with a line from its lowest to its highest way of dealing) is better than the VAE
#   on 16<!-- claim:disorders-ridge-above-vae --> of the 21 maps, by 0.23<!-- claim:disorders-ridge-minus-vae --> on average. Medians over the maps: ridge
#   0.16<!-- claim:disorders-ridge-median -->, position 0.05<!-- claim:disorders-position-median -->, PC1
#   -0.06<!-- claim:disorders-pc1-median -->, VAE -0.10<!-- claim:disorders-vae-median -->, VAE with noise
#   -0.08<!-- claim:disorders-noise-median -->.

# %% [markdown]
# ## P-values that know about space, and about being many
#
# Is ridge's $R^2$ of a map more than genes reach on a rotated map of the same smoothness? Every rotated map is fitted
# anew, folds, penalty and all, and its score is the median over the same three ways of dealing as for the real map; that is
# 63,000 fits, and takes seconds, because ridge over the same genes is one decomposition for all maps. The same for the line on
# PC1 and for what ridge adds to it; for position, which is slower, and what ridge adds to that, with 500 of the rotations.

# %%
nulls = null_maps(maps, cortex.parcellation, n=N_NULLS, seed=SEED)
rotated = nulls.to_numpy().reshape(len(maps), N_NULLS, -1)
null_r2 = {}
for long, name in short.items():
    some = rotated[:, : N_FEWER if name == "position" else N_NULLS]
    table = pd.DataFrame(some.reshape(-1, len(regions)), columns=regions)
    null_r2[name] = r_squared_rows(some, dealt(long, table).reshape(N_DEALS, *some.shape))  # ways × maps × rotations
for simpler in ("PC1", "position"):
    r2_dealt[f"ridge beyond {simpler}"] = r2_dealt["ridge"] - r2_dealt[simpler]
    n = null_r2[simpler].shape[-1]
    null_r2[f"ridge beyond {simpler}"] = null_r2["ridge"][..., :n] - null_r2[simpler]


def p_of_median(observed: np.ndarray, null: np.ndarray) -> list[float]:
    """p of each map's median over the ways of dealing, against the same median of its rotations."""
    return [p_value(*each) for each in zip(np.median(observed, axis=0), np.median(null, axis=0), strict=True)]


p = pd.DataFrame({name: p_of_median(r2_dealt[name], null) for name, null in null_r2.items()}, maps.index)
q = p.apply(false_discovery_control)
survivors = q.index[q["ridge"] < 0.05]
by_way = [
    false_discovery_control(
        [p_value(*each) for each in zip(r2_dealt["ridge"][way], null_r2["ridge"][way], strict=True)]
    )
    for way in range(N_DEALS)
]
by_way = pd.DataFrame(by_way, columns=maps.index).T  # q of ridge under each single way of dealing
print("q of ridge by way of dealing, those that survive at the median:", by_way.loc[survivors].round(3), sep="\n")
pd.concat({"p": p, "q": q}, axis=1).sort_values(("p", "ridge")).style.format(precision=3)

# %% tags=["nbval-check-output"]
claim("disorders-ridge-raw", (p["ridge"] < 0.05).sum())
claim("disorders-ridge-survive", len(survivors))
claim("disorders-ridge-survive-always", (by_way < 0.05).all(axis=1).sum())
claim("disorders-ridge-ad-q-highest", by_way.loc["AD"].max())
claim("disorders-beyond-position-survive", (q["ridge beyond position"] < 0.05).sum())
claim("disorders-position-survive", (q["position"] < 0.05).sum())
claim("disorders-beyond-pc1-survive", (q["ridge beyond PC1"] < 0.05).sum())
claim("disorders-ridge-ad-p", p.loc["AD", "ridge"])
claim("disorders-ridge-ad-q", q.loc["AD", "ridge"])
claim("disorders-ridge-an", r2.loc["AN", "ridge"])
claim("disorders-ridge-lipids", r2.loc["hyperlipidaemia", "ridge"])
claim("disorders-ridge-pd", r2.loc["PD", "ridge"])
claim("disorders-ridge-pd-p", p.loc["PD", "ridge"])

# %% mystnb={"image": {"alt": "Held-out R squared of ridge for each map over grey bars that hold 90 percent of rotated maps. Anorexia nervosa, hyperlipidaemia, Alzheimer's disease, diabetes, depression and bipolar disorder in adults are filled, beyond their bars. Right temporal lobe epilepsy lies just beyond the end of its bar, all others inside."}}
low, high = (
    pd.Series(np.quantile(np.median(null_r2["ridge"], axis=0), level, axis=1), maps.index)[ranked]
    for level in (0.05, 0.95)
)
figure, ax = plt.subplots(figsize=(7.6, 5.6), layout="constrained")
ax.barh(ranked, high - low, left=low, color="0.88", height=0.75, label="90 % of rotated maps, each fitted anew")
for found, face, label in ((q["ridge"] < 0.05, "C0", "q < 0.05"), (q["ridge"] >= 0.05, "white", "q ≥ 0.05")):
    chosen = [name for name in ranked if found[name]]
    ax.plot(r2.loc[chosen, "ridge"], chosen, "o", color="C0", mfc=face, label=label)
ax.axvline(0, color="0.6", lw=1, zorder=0)
ax.set(xlabel="held-out R² of ridge", xlim=(-0.45, 0.75))
ax.tick_params(axis="y", labelsize=9)
_ = ax.legend(fontsize=9, loc="lower right")
# %% [markdown]
# A dot to the right of its grey bar is a map that ridge predicts better than it predicts 95 in 100 of the map's own
# rotations. (In the table, a $p$ of 0.001 is the least that 1,000 rotations can give, and 0.002 the least that position's 500 can: read them with ≤.) 7<!-- claim:disorders-ridge-raw --> maps pass at $p < 0.05$, where one in 21 would by chance.
# 6<!-- claim:disorders-ridge-survive --> survive the correction. Does that hang on the dealing? Under each single way,
# 4<!-- claim:disorders-ridge-survive-always --> survive: anorexia nervosa ($R^2$ = 0.65<!-- claim:disorders-ridge-an -->),
# hyperlipidaemia (0.62<!-- claim:disorders-ridge-lipids -->), diabetes and adult depression. The two others, Alzheimer's
# disease and bipolar disorder, come and go.
#
# Three of those four are the maps that lean on PC1. Asked for more than PC1 gives,
# 3<!-- claim:disorders-beyond-pc1-survive --> are left: anorexia, Alzheimer's and bipolar disorder. Asked for more than
# *position* gives, 6<!-- claim:disorders-beyond-position-survive --> are: the four, bipolar disorder, and one kind of epilepsy
# in which kriging does badly; Alzheimer's is not. Even so, kriging is only one way to use position. Genes record where a region
# lies as well, and what ridge reads from them may still be place. Position alone is never better than it is on rotated
# maps (0<!-- claim:disorders-position-survive -->): a rotation keeps the smoothness, which is what position works with.
#
# Of the two neurodegenerative diseases, Alzheimer's stands at the edge: $p$ = 0.013<!-- claim:disorders-ridge-ad-p --> and
# $q$ = 0.045<!-- claim:disorders-ridge-ad-q --> at the median, up to 0.08<!-- claim:disorders-ridge-ad-q-highest --> by the way
# of dealing. An earlier edition had only the first way, and counted it out. Parkinson's disease does not pass:
# $R^2$ = 0.25<!-- claim:disorders-ridge-pd -->, $p$ = 0.12<!-- claim:disorders-ridge-pd-p -->.
#
# Two warnings about reading on. The maps that pass are effects on *thickness measured by MRI*; in anorexia they are
# smaller in patients who have regained weight ([Walton et al. 2022](https://doi.org/10.1016/j.biopsych.2022.04.022)), so a match with gene
# expression need not tell of a cause. And these p-values are ridge's.
#
# ### The VAE's own null, in small
#
# The VAE takes about a tenth of a second for each training set, ridge a hundred-thousandth. A thousand rotations of 21
# maps are out of reach of a chapter; [chapter 11](11_refits.ipynb) affords them for Alzheimer's disease. Here every second
# map gets *one* rotated copy, by a rotation of its own, and the VAE is trained anew on it, five folds each. That gives no
# p-value for any single map, but one answer for the lot: does the VAE predict real maps better than rotated ones?

# %%
each = np.arange(len(maps))
spun = pd.DataFrame(rotated[each, each], maps.index, regions)  # map k by rotation k
r2_spun = {}
for deal, folds in enumerate(deals):
    copies_of = spun[(turn == deal) & (each % 2 == 0)]  # every second map
    guess = held_out_predictions(model, cortex, folds, copies_of, SEED)
    r2_spun.update(zip(copies_of.index, r_squared_rows(copies_of, guess), strict=True))
r2_spun = pd.Series(r2_spun)
r2_unspun = r2.loc[r2_spun.index, "VAE"]
print(f"{len(r2_spun)} maps, median R²: {r2_unspun.median():.2f} as they are, {r2_spun.median():.2f} rotated")

# %% tags=["nbval-check-output"]
claim("disorders-vae-spun-median", r2_spun.median())
claim("disorders-vae-unspun-median", r2_unspun.median())
claim("disorders-vae-above-spun", (r2_unspun > r2_spun).sum())
claim("disorders-vae-minus-spun-p", wilcoxon(r2_unspun - r2_spun, alternative="greater").pvalue)

# %% [markdown]
# The median held-out $R^2$ is -0.05<!-- claim:disorders-vae-spun-median --> on rotated maps and
# -0.10<!-- claim:disorders-vae-unspun-median --> on the same 11 maps as they are; the real map is the better predicted of the two for
# 6<!-- claim:disorders-vae-above-spun --> of 11 disorders ($p$ = 0.45<!-- claim:disorders-vae-minus-spun-p -->, one-sided).
# By this preset we cannot tell, over these disorders, real maps from rotated ones (eleven pairs would show a large difference only), nor over
# all disorders real genes from noise.
#
# ### A map that cannot be predicted may be noise
#
# Held-out $R^2$ of ridge against the reliability from above, for the 14 maps whose numbers of people are known. The dashed
# line is what the true map would be expected to reach. One table is one draw of errors, so the band round the line is two
# standard deviations of that $R^2$ on either side, $\sqrt{2/32}$ times one minus the reliability each, as if homologous
# regions shared their error and the 33 pairs were independent.

# %% mystnb={"image": {"alt": "Held-out R squared of ridge against the reliability of the map, for the maps whose numbers of people are known. A dashed diagonal lies in a band that narrows to the right. Unreliable maps on the left lie within the band, between minus 0.1 and 0.2. On the right, reliable maps lie far under it, between 0.1 and 0.5."}}
known = reliability.dropna().index
figure, ax = plt.subplots(figsize=(6.4, 4.6), layout="constrained")
line = np.array([0, 1])
sd = (1 - line) * np.sqrt(2 / 32)
ax.fill_between(line, line - 2 * sd, line + 2 * sd, color="0.92", zorder=0)
ax.plot(line, line, color="0.6", lw=1, ls="--")
ax.text(
    0.62, 0.67, "expected of the true map", rotation=45, transform_rotates_text=True, rotation_mode="anchor",
    color="0.4", fontsize=9, ha="center", va="center",
)  # fmt: skip
ax.axhline(0, color="0.85", lw=1, zorder=0)
ax.plot(reliability[known], r2.loc[known, "ridge"], "o", color="C0")
for name in known:
    offset = (-6, -13) if name == "BD-adolescent" else (5, 4)  # else it would cover its neighbour
    ax.annotate(name, (reliability[name], r2.loc[name, "ridge"]), offset, textcoords="offset points", fontsize=8)
_ = ax.set(
    xlabel="reliability of the map (errs on the low side)",
    ylabel="held-out R² of ridge",
    xlim=(0, 1.08),
    ylim=(-0.35, 1),
)
# %% [markdown]
# Among the unreliable maps failure says little. But schizophrenia is measured well and still predicted hardly at all, by any
# method here: its thinning is not where these genes, or position, say. At the left end the band is wide: so inexact a map can
# by luck be predicted well, or badly, and errors that neighbouring regions share can be predicted like anything smooth.

# %% [markdown]
# ## Transfer: train on one disorder, predict another
#
# Now the paper's plan. Train on the map of disorder A without the held-out regions, predict these regions, and compare
# with disorder **B** there. The two are on different scales (Alzheimer's effects are six times Parkinson's), so the score
# is the correlation. The table has a model's training disorder in its rows, the disorder predicted in its columns; the
# diagonal is the ordinary held-out $r$. First for ridge, the better predictor.

# %% mystnb={"image": {"alt": "Heat map of transfer: rows are the disorder trained on, columns the disorder predicted, values the held-out correlation. It repeats the blocks of the similarity matrix: epilepsies and anorexia predict each other, lipids, hypertension and depression predict each other, and the two groups predict each other negatively."}}
transfer = pd.DataFrame(np.median(z_rows(simple["ridge"]) @ z_rows(maps).T, axis=0), maps.index, maps.index)
figure, ax = plt.subplots(figsize=(8.6, 7.2), layout="constrained")
_ = sns.heatmap(
    transfer.iloc[order, order],
    cmap=DIVERGING,
    vmin=-1,
    vmax=1,
    square=True,
    annot=transfer.iloc[order, order].round(1) + 0.0,
    fmt=".1f",
    annot_kws={"size": 6.5},
    cbar_kws={"label": "held-out correlation", "shrink": 0.8},
    ax=ax,
)
_ = ax.set(xlabel="disorder predicted", ylabel="disorder trained on")
# %% [markdown]
# The table looks familiar: the same blocks, in the same order. It is nearly the similarity matrix again, as the numbers and
# the scatter plot show, a point for each of the 420 ordered pairs:

# %% tags=["nbval-check-output"]
others = ~np.eye(len(maps), dtype=bool)
chance = np.median([with_rotations(guess) for guess in simple["ridge"]], axis=0)
p_transfer = (1 + (chance >= transfer.to_numpy()[:, :, None]).sum(axis=2)) / (1 + N_TURNS)
q_transfer = false_discovery_control(p_transfer[others])
by_vae = z_rows(ad_outside) @ z_rows(maps.loc["PD"])  # ways × (genes, noise)
by_ridge = z_rows(simple["ridge"][:, 0]) @ z_rows(maps.loc["PD"])  # ways
print("Alzheimer's to Parkinson's, by way of dealing: ridge", by_ridge.round(2), "VAE", by_vae[:, 0].round(2))
print("VAE with noise for genes", by_vae[:, 1].round(2))
claim("disorders-transfer-similarity", np.corrcoef(transfer.to_numpy()[others], similarity.to_numpy()[others])[0, 1])
claim("disorders-transfer-raw", (p_transfer[others] < 0.05).sum())
claim("disorders-transfer-survive", (q_transfer < 0.05).sum())
claim("disorders-transfer-ad-pd", transfer.loc["AD", "PD"])
claim("disorders-transfer-ad-pd-p", p_transfer[0, 1])
claim("disorders-transfer-pd-pd", transfer.loc["PD", "PD"])
claim("disorders-transfer-vae-ad-pd", np.median(by_vae[:, 0]))
claim("disorders-transfer-vae-noise-ad-pd", np.median(by_vae[:, 1]))

# %% mystnb={"image": {"alt": "Scatter of 420 pairs of disorders: transfer, the held-out correlation of a model trained on one with the map of the other, against the plain correlation of the two maps. The points follow a rising line. Alzheimer's to Parkinson's and back are marked near 0.56 and 0.53."}}
figure, ax = plt.subplots(figsize=(5.6, 5), layout="constrained")
ax.plot([-0.7, 0.9], [-0.7, 0.9], color="0.7", lw=1, ls="--")
ax.plot(similarity.to_numpy()[others], transfer.to_numpy()[others], "o", color="C0", ms=4, alpha=0.5)
for one, other, offset in (("AD", "PD", (-12, 12)), ("PD", "AD", (12, -16))):
    point = similarity.loc[one, other], transfer.loc[one, other]
    ax.plot(*point, "o", color="C1", ms=7)
    ax.annotate(
        f"{one} → {other}",
        point,
        offset,
        textcoords="offset points",
        ha="right" if offset[0] < 0 else "left",
        fontsize=9,
    )
_ = ax.set(xlabel="correlation of the two maps", ylabel="transfer (held-out r of ridge)")
# %% [markdown]
# How well a model trained on A predicts B follows from how alike A and B are
# ($r$ = 0.83<!-- claim:disorders-transfer-similarity --> over the 420 pairs). A model of thinning cannot transfer to a map
# that does not resemble the one it learned, and will transfer to any map that does, whatever it learned.
#
# **From Alzheimer's to Parkinson's disease**, the case the paper names, ridge transfers with
# $r$ = 0.53<!-- claim:disorders-transfer-ad-pd --> (the median over the ways of dealing; the cell above prints all), much like
# a model trained on Parkinson's itself (0.54<!-- claim:disorders-transfer-pd-pd -->). Under rotated Parkinson's maps,
# $p$ = 0.0025<!-- claim:disorders-transfer-ad-pd-p -->. So transfer works, in the sense in which the word is used. But hold it
# against two simpler things:
#
# - the Alzheimer's map *itself*, without gene or model, correlates with the Parkinson's map at
#   0.56<!-- claim:disorders-ad-pd -->;
# - the graph VAE transfers with 0.37<!-- claim:disorders-transfer-vae-ad-pd -->, and with *noise* for genes with
#   0.35<!-- claim:disorders-transfer-vae-noise-ad-pd -->.
#
# Of all 420 pairs, 66<!-- claim:disorders-transfer-raw --> pass at $p < 0.05$ and
# 7<!-- claim:disorders-transfer-survive --> after correction for having asked 420 times. Transfer of this kind shows that
# two diseases thin similar places. It takes more, a gene or program that does in both what a rotated one does not, to say
# that they do so for a common reason.

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | $R^2$ = 0.8604<!-- claim:paper-r2 --> for Alzheimer's disease | **in-sample** 0.90<!-- claim:disorders-in-sample-lowest --> on the worst of 21<!-- claim:disorders-own --> disorders, and about as much with noise for genes where we tried it (seven maps) | such a number is reached on any map |
# | – | **held out**, medians over the maps: VAE -0.10<!-- claim:disorders-vae-median -->, VAE with noise genes -0.08<!-- claim:disorders-noise-median -->, ridge 0.16<!-- claim:disorders-ridge-median -->, position 0.05<!-- claim:disorders-position-median -->, PC1 -0.06<!-- claim:disorders-pc1-median --> | the question is another: regions not seen. Medians over three ways of dealing for the quick methods; the VAE sees each map under one of the three |
# | $p$ < 0.001 for Alzheimer's disease | **null** of rotated maps, each fitted anew by ridge: Alzheimer's $p$ = 0.013<!-- claim:disorders-ridge-ad-p -->, $q$ = 0.045<!-- claim:disorders-ridge-ad-q -->; 6<!-- claim:disorders-ridge-survive --> of 21 maps survive, 4<!-- claim:disorders-ridge-survive-always --> under every dealing, 3<!-- claim:disorders-beyond-pc1-survive --> beyond PC1, 6<!-- claim:disorders-beyond-position-survive --> beyond position (not Alzheimer's) | space and the number of maps are taken into account; ridge, not the VAE |
# | future work: transfer to other neurodegenerative conditions | **held out**, Alzheimer's → Parkinson's: $r$ = 0.53<!-- claim:disorders-transfer-ad-pd --> by ridge, 0.37<!-- claim:disorders-transfer-vae-ad-pd --> by the VAE, 0.35<!-- claim:disorders-transfer-vae-noise-ad-pd --> by the VAE with noise for genes; the two maps correlate at 0.56<!-- claim:disorders-ad-pd --> | the maps are alike, and the map itself does as much without genes |
#
# What we could not do: no map of frontotemporal dementia, Huntington's disease or amyotrophic lateral sclerosis is among
# those at hand, so *neurodegenerative* means two diseases here. We know numbers of people for 14 of the 21 maps only. Three
# ways of dealing the folds are few. The preset `"xsg"` of [chapter 11](11_refits.ipynb) was not trained on these maps: with
# its null that takes longer than a chapter may. Of the paper we know the abstract and public summaries. Nor is the false discovery rate exact for maps that share controls; stricter rules are
# in [exercise 1](#exercise-1-stricter-corrections). Genes are not the only maps
# one can ask:
# [Hansen et al. (2022)](https://doi.org/10.1038/s41467-022-32420-y), with thirteen such disorders, found maps of
# neurotransmitter receptors to be the best local predictors; we have not tried these.

# %% [markdown]
# ## Key takeaways
#
# - 35 files are 21 maps, and these ask about seven different questions:
#   [the same patients twice](#the-same-patients-twice), [how alike](#how-alike-the-maps-are).
# - Some maps are too inexact for anyone to predict: [how exact is a map?](#how-exact-is-a-map)
# - A few disorders lean on the main axis of expression, most do not: [PC1](#the-first-suspect-one-axis-of-expression).
# - In-sample, every disorder is "explained"; held out, no difference between genes and noise can be told in the graph VAE, and
#   ridge does better than both on most maps: [the instrument](#the-instrument-on-every-map).
# - After correction, and under every dealing, ridge predicts four maps from genes better than their rotations, and better than
#   position does. Alzheimer's is at the edge, and no better than position; Parkinson's does not pass:
#   [p-values](#p-values-that-know-about-space-and-about-being-many).
# - Transfer between disorders mirrors how alike their maps are:
#   [transfer](#transfer-train-on-one-disorder-predict-another).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: stricter corrections
#
# Benjamini and Hochberg's rule assumes that the tests are independent, or positively related. These maps also correlate
# negatively. Which maps survive the rule of [Benjamini & Yekutieli (2001)](https://doi.org/10.1214/aos/1013699998), which
# holds under any dependence (`by_yekutieli`), and which that of Bonferroni, which multiplies each p-value by the number of
# tests (`by_bonferroni`)? Give both as lists of names, at 0.05, from the p-values of ridge, `p["ridge"]`.
#
# <details><summary>Hint</summary>
#
# `false_discovery_control` takes `method="by"`. `p.index[condition]` gives the names.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
by_yekutieli = list(p.index[false_discovery_control(p["ridge"], method="by") < 0.05])
by_bonferroni = list(p.index[p["ridge"] * len(p) < 0.05])
print("Benjamini–Hochberg: ", ", ".join(survivors))
print("Benjamini–Yekutieli:", ", ".join(by_yekutieli))
print("Bonferroni:         ", ", ".join(by_bonferroni))
# Alzheimer's disease survives the mildest alone. Bonferroni is not the strictest here: to hold under any dependence costs
# Benjamini and Yekutieli a factor of 3.6, more than the ranking gains them when so few p-values are small.

# %% tags=["check"]
for name, kept in {"by_yekutieli": by_yekutieli, "by_bonferroni": by_bonferroni}.items():
    assert set(kept) <= set(survivors), f"{name} holds {sorted(set(kept) - set(survivors))}, which a milder rule drops"
    best = p["ridge"].idxmin()
    assert best in kept, f"{name} is {sorted(kept)}; expected {best} among them, whose p-value is the smallest"
n_bonferroni = (p["ridge"] < 0.05 / len(p)).sum()
assert len(by_bonferroni) == n_bonferroni, (
    f"by_bonferroni has {len(by_bonferroni)} maps; {n_bonferroni} have a p-value that times {len(p)} is below 0.05"
)
# Benjamini and Yekutieli divide Benjamini and Hochberg's threshold by 1 + 1/2 + 1/3 + … + 1/21.
threshold = 0.05 * len(by_yekutieli) / len(p) / sum(1 / k for k in range(1, len(p) + 1))
largest = p.loc[list(by_yekutieli), "ridge"].max()
assert largest < threshold, (
    f"by_yekutieli keeps a map with p = {largest:.4f}; with so many kept, the rule says {threshold:.4f}"
)

# %% [markdown]
# ### Exercise 2: count the copies
#
# Run ridge and its null (`N_FEWER` rotations will do) over the *copies* too, as far as they cover the 65 regions, and correct over their p-values and
# those of the 21 maps (`p["ridge"]`) together. Call the list of all names that survive `counted`. How many of them are news, that is, neither among `survivors` nor a copy
# (`listed["overlaps"]` is empty where a map is no copy)? Call the number `n_news`.
#
# <details><summary>Hint</summary>
#
# `load_disorder(name).reindex(regions)` has NaN where a region is missing, and `dropna()` leaves such maps out. Then it is
# `null_maps`, `dealt("ridge", …)`, `r_squared_rows` and `p_of_median`, as above.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
repeats = pd.DataFrame({name: load_disorder(name).reindex(regions) for name in copies.index}).T.dropna()
their_nulls = null_maps(repeats, cortex.parcellation, n=N_FEWER, seed=SEED)
their_r2, chance_r2 = (r_squared_rows(some, dealt("ridge", some)) for some in (repeats, their_nulls))
their_p = p_of_median(their_r2, chance_r2.reshape(N_DEALS, len(repeats), -1))
everything = pd.concat([p["ridge"], pd.Series(their_p, repeats.index)])
counted = list(everything.index[false_discovery_control(everything) < 0.05])
n_news = sum(name not in survivors and not listed.loc[name, "overlaps"] for name in counted)
print(f"{len(counted)} of {len(everything)} survive: {', '.join(counted)}; news: {n_news}")
# More findings, and none of the additional ones is news: each is a map that we had, or made of such.

# %% tags=["check"]
assert set(counted) <= set(listed.index), f"counted holds {sorted(set(counted) - set(listed.index))}, which are no maps"
assert len(counted) > len(survivors), (
    f"{len(counted)} maps survive; expected more than the {len(survivors)} without copies"
)
assert any(listed.loc[name, "overlaps"] for name in counted), "no copy is among the survivors: were all maps tested?"
new = [name for name in counted if name not in survivors and not listed.loc[name, "overlaps"]]
assert n_news == len(new), f"n_news is {n_news}; of those in counted, {len(new)} are neither copies nor known survivors"

# %% [markdown]
# ### Exercise 3: the map itself as the model
#
# To predict disorder B without genes, one can hand over the map of A as it is. Take the ordered pairs of different disorders
# whose maps correlate positively: how many are there (`n_positive`)? In which share of them does the map of A correlate
# more strongly with B than ridge trained on A does (`map_better`)?
#
# <details><summary>Hint</summary>
#
# `similarity` holds the correlations of the maps, `transfer` those of ridge's predictions, both 21 × 21 with the disorder
# trained on in the rows; `others` marks the pairs of different disorders.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
positive = others & (similarity.to_numpy() > 0)
n_positive = positive.sum()
map_better = (similarity.to_numpy() > transfer.to_numpy())[positive].mean()
print(f"the map itself is better for {map_better:.0%} of {n_positive} pairs")
# The detour over genes loses more than it gains.

# %% tags=["check"]
assert n_positive % 2 == 0, f"n_positive is {n_positive}; expected an even number: each pair counts in both directions"
assert 200 < n_positive < 420, f"n_positive is {n_positive}; expected more than half of the 420 ordered pairs"
assert 0.5 < map_better < 0.95, f"map_better is {map_better:.2f}; expected above one half and below 0.95"

# %% [markdown]
# ## See also
#
# - [The real brain](08_real_brain.ipynb): the same questions on Alzheimer's disease alone, step by step.
# - [A thousand refits](11_refits.ipynb): the VAE's own null, in full.
# - [People, not one map](13c_people.ipynb): what more people add to a map, and what they cannot.
# - [Data and licences](../book/data.md): where the maps of this chapter come from, and on what terms.

# %% [markdown]
# ## References
#
# - Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. *Journal of the Royal Statistical Society B*
#   57:289. [doi:10.1111/j.2517-6161.1995.tb02031.x](https://doi.org/10.1111/j.2517-6161.1995.tb02031.x)
# - Benjamini Y, Yekutieli D (2001). The control of the false discovery rate in multiple testing under dependency. *Annals
#   of Statistics* 29:1165. [doi:10.1214/aos/1013699998](https://doi.org/10.1214/aos/1013699998)
# - Burt JB et al. (2018). Hierarchy of transcriptomic specialization across human cortex. *Nature Neuroscience* 21:1251.
#   [doi:10.1038/s41593-018-0195-0](https://doi.org/10.1038/s41593-018-0195-0)
# - Hansen JY et al. (2022). Local molecular and global connectomic contributions to cross-disorder cortical
#   abnormalities. *Nature Communications* 13:4682.
#   [doi:10.1038/s41467-022-32420-y](https://doi.org/10.1038/s41467-022-32420-y)
# - Hedges LV, Olkin I (1985). *Statistical methods for meta-analysis*.
#   [doi:10.1016/C2009-0-03396-0](https://doi.org/10.1016/C2009-0-03396-0)
# - Kochunov P et al. (2020). Translating ENIGMA schizophrenia findings using the regional vulnerability index. *Human
#   Brain Mapping*. [doi:10.1002/hbm.25045](https://doi.org/10.1002/hbm.25045)
# - Kochunov P et al. (2021). Comparison of regional brain deficit patterns in common psychiatric and neurological
#   disorders as revealed by big data. *NeuroImage: Clinical* 29:102574.
#   [doi:10.1016/j.nicl.2021.102574](https://doi.org/10.1016/j.nicl.2021.102574)
# - Larivière S et al. (2021). The ENIGMA Toolbox. *Nature Methods* 18:698.
#   [doi:10.1038/s41592-021-01186-4](https://doi.org/10.1038/s41592-021-01186-4)
# - Vaithianathan (2026). The cross-scale model that this part follows.
#   [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
# - Wilcoxon F (1945). Individual comparisons by ranking methods. *Biometrics Bulletin* 1:80.
#   [doi:10.2307/3001968](https://doi.org/10.2307/3001968)
#
# The maps: Alzheimer's disease, Kochunov 2021 (above); Parkinson's disease, Laansma MA et al. 2021,
# [doi:10.1002/mds.28706](https://doi.org/10.1002/mds.28706); schizophrenia, van Erp TGM et al. 2018,
# [doi:10.1016/j.biopsych.2018.04.023](https://doi.org/10.1016/j.biopsych.2018.04.023); bipolar disorder, Hibar DP et al.
# 2018, [doi:10.1038/mp.2017.73](https://doi.org/10.1038/mp.2017.73); major depression, Schmaal L et al. 2017,
# [doi:10.1038/mp.2016.60](https://doi.org/10.1038/mp.2016.60); obsessive-compulsive disorder, Boedhoe PSW et al. 2018,
# [doi:10.1176/appi.ajp.2017.17050485](https://doi.org/10.1176/appi.ajp.2017.17050485); attention deficit, Hoogman M et
# al. 2019, [doi:10.1176/appi.ajp.2019.18091033](https://doi.org/10.1176/appi.ajp.2019.18091033); autism, van Rooij D et
# al. 2018, [doi:10.1176/appi.ajp.2017.17010100](https://doi.org/10.1176/appi.ajp.2017.17010100); 22q11.2 deletion, Sun D
# et al. 2020, [doi:10.1038/s41380-018-0078-5](https://doi.org/10.1038/s41380-018-0078-5); epilepsies, Whelan CD et al.
# 2018, [doi:10.1093/brain/awx341](https://doi.org/10.1093/brain/awx341); anorexia nervosa, Walton E et al. 2022,
# [doi:10.1016/j.biopsych.2022.04.022](https://doi.org/10.1016/j.biopsych.2022.04.022); suicidal thoughts, van Velzen LS
# et al. 2022, [doi:10.1038/s41380-022-01734-0](https://doi.org/10.1038/s41380-022-01734-0).
