# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv, human/disease/EP.GM.rda, human/disease/enigma/scz_case-controls_CortThick.csv]}
# ---

# %% [markdown]
# # 10. Held out, but from what?
#
# *Prerequisites: [the real brain](08_real_brain.ipynb), [smooth maps](09_smooth_maps.ipynb). Time: 40 minutes to read,
# 1 minute to run.*
#
# ## What you will learn
#
# - six ways to hold regions of the cortex out, and how far each takes them from what the model has seen;
# - what a *leak* is, how large it can be, and how `xsg` warns of it;
# - what a graph VAE, ridge, a map of positions and a mere copy reach under each split, on the real and on the simulated
#   brain;
# - how the error grows with the distance to the nearest region in training;
# - which split answers which question.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_FOLDS = 5  # where the split leaves it open
N_DEALINGS = 5  # ways of dealing, where there is more than one
N_NULLS = 999  # rotations of the real map
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import textwrap
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.colors import ListedColormap
from scipy.spatial.distance import pdist, squareform
from tqdm.auto import tqdm

import xsg
from xsg.claims import claim
from xsg.data.expression import normalise
from xsg.data.vulnerability import load_disorder
from xsg.evaluation.baselines import baseline
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.nulls import null_maps, p_value
from xsg.evaluation.splits import DEALT, LeakWarning, parted_pairs, split
from xsg.plotting import brain, use_style
from xsg.training import CrossScaleVAE, refit

use_style()
SPLITS = ("random", "homologous", "spatial", "distance", "lobe", "left-to-right")
real, simulated = xsg.load_cortex("ahba-ad"), xsg.load_cortex("simulated")

# %% [markdown]
# ## The question in a picture
#
# "On held-out regions the model reaches $R^2$ = 0.49<!-- claim:real-brain-held-out-r2 -->", we wrote in
# [chapter 8](08_real_brain.ipynb). Held out *from what*? Here are five ways to divide the cortex. A colour is a **fold**: its
# regions are held out together, and the model trains on all other colours. Compare the two hemispheres, and look whether a
# region's neighbours have its colour.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    folds = {name: split(name, simulated.parcellation, simulated.regions, N_FOLDS, SEED) for name in SPLITS}

# %% mystnb={"image": {"alt": "Five rows of four brain views, regions coloured by fold. Random: a patchwork, different on the two sides. Homologous: the same patchwork on both sides. Spatial: five large patches, the same on both sides. Lobe: frontal, parietal, temporal, occipital, cingulate and insula. Left-to-right: the whole right hemisphere in one colour, the left grey."}}
colours = ListedColormap(sns.color_palette("colorblind")[:6])
number = {
    name: pd.Series(fold.argmax(axis=0) + 1.0, simulated.regions).where(fold.any(axis=0), 0)
    for name, fold in folds.items()
}
drawn = ["random", "homologous", "spatial", "lobe", "left-to-right"]
palette = ListedColormap([(0.88, 0.88, 0.88), *colours.colors])
figure = brain(
    pd.DataFrame(number)[drawn], "fold that holds the region out (0: none)", cmap=palette, limits=(-0.5, 6.5)
)
# %% [markdown]
# - **random**: regions dealt like cards, so that most regions have another colour than their twin on the other side;
# - **homologous**: homologous pairs dealt like cards, the split of this book so far;
# - **spatial**: compact clusters, made by $k$-means of the positions $(|x|, y, z)$, pairs together
#   ([Roberts et al. 2017](https://doi.org/10.1111/ecog.02881) recommend such blocks for all data in space);
# - **lobe**: one lobe after the other;
# - **left-to-right**: train on the left hemisphere, hold the right one out.
#
# The sixth cannot be drawn as one division. **Distance** goes to each pair of regions in turn, trains on the three quarters of
# the cortex nearest to it, and holds the farthest quarter out ([Hansen et al. 2021](https://doi.org/10.1038/s41562-021-01082-z)).
# A region at the rim is held out many times, one in the middle never, and is not scored then:

# %% mystnb={"image": {"alt": "Four brain views coloured by how many of the 34 folds of the split distance hold a region out. The frontal pole and the visual cortex are held out in up to half of the folds; the middle of the cortex, around the central sulcus and the insula, in none."}}
times = pd.Series(folds["distance"].sum(axis=0), simulated.regions, dtype=float)
figure = brain(times, "folds of 34 that hold the region out")
# %% [markdown]
# ## How far away is the nearest thing the model has seen?
#
# This is what differs. For each held-out region $i$ of a fold with training set $T$, take
#
# $$g_i = \min_{j \in T} d_{ij},$$
#
# with distances between centroids, the right hemisphere folded onto the left, so that a homologue is a few millimetres
# away.


# %%
def folded_gap(cortex: xsg.Cortex) -> np.ndarray:
    """Distance between regions in mm with the hemispheres folded onto each other, (n, n)."""
    xyz = cortex.parcellation.table.loc[cortex.regions, ["x", "y", "z"]]
    return squareform(pdist(xyz.assign(x=xyz["x"].abs())))


def nearest_in_training(cortex: xsg.Cortex, held_out: np.ndarray) -> np.ndarray:
    """For each fold and region held out in it, mm to the nearest training region; NaN elsewhere. (F, n)."""
    gap = folded_gap(cortex)
    return np.where(held_out, np.stack([gap[:, ~fold].min(axis=1) for fold in held_out]), np.nan)


summary = pd.DataFrame(
    {
        name: {
            "folds": len(fold),
            "regions held out in a fold": f"{fold.sum(axis=1).min()} to {fold.sum(axis=1).max()}",
            "median mm to training": np.nanmedian(nearest_in_training(simulated, fold)).round(1),
            "twin in training (%)": round(100 * len(parted_pairs(fold, simulated.regions)) / fold.sum()),
        }
        for name, fold in folds.items()
    }
).T
summary

# %% tags=["nbval-check-output"]
claim("splits-nearest-random", summary.loc["random", "median mm to training"])
claim("splits-nearest-homologous", summary.loc["homologous", "median mm to training"])
claim("splits-nearest-spatial", summary.loc["spatial", "median mm to training"])
claim("splits-twin-random", summary.loc["random", "twin in training (%)"])

# %% [markdown]
# Under the random split, the median held-out region has training data 1.9<!-- claim:splits-nearest-random --> mm away: its twin, in
# 85<!-- claim:splits-twin-random --> % of cases. Keeping pairs together moves the nearest training region to
# 18.4<!-- claim:splits-nearest-homologous --> mm, usually a direct neighbour. Spatial clusters move it to
# 33.4<!-- claim:splits-nearest-spatial --> mm. The smooth maps of
# [chapter 9](09_smooth_maps.ipynb#neighbours-repeat-each-other) were still correlated over 40 mm and more. *No* split of one
# cortex makes held-out regions independent of the rest.
#
# ## The leak, and the warning
#
# A **leak** is information about the answer that the model will not have when it is used
# ([Kapoor & Narayanan 2023](https://doi.org/10.1016/j.patter.2023.100804) found it in the literature of seventeen fields). The
# homologue is one: on the cortex the answer is written down twice. Two of our six splits let it through, and the code said
# so when it made them:

# %%
for warning in caught:
    print(f"{textwrap.fill(f'the code warns: {warning.message}', 80)}\n")

# %% [markdown]
# `parted_pairs` lists every pair that a set of folds separates, whoever made the folds. How much is such a pair worth? The answer needs no
# model. Predict each region by the value of its twin:


# %% tags=["nbval-check-output"]
def copy_r2(thinning: pd.Series) -> float:
    """R² of predicting each region by its homologue, over the regions that have one."""
    twin = thinning.rename(lambda region: {"L": "R", "R": "L"}[region[0]] + region[1:])
    both = thinning.index.intersection(twin.index)
    return r_squared(thinning[both], twin[both])


schizophrenia = load_disorder("SCZ")
claim("splits-copy-ad", copy_r2(real.thinning))
claim("splits-copy-scz", copy_r2(schizophrenia))
claim("splits-copy-simulated", copy_r2(simulated.thinning))

# %% [markdown]
# On the Alzheimer's map the copy is perfect, $R^2$ = 1.00<!-- claim:splits-copy-ad -->, **by construction**: its source averaged
# the hemispheres, and each value is written down twice to the last digit. On a map whose two sides were measured separately, that
# of schizophrenia from 4,430 patients ([van Erp et al. 2018](https://doi.org/10.1016/j.biopsych.2018.04.023)), it
# is 0.91<!-- claim:splits-copy-scz -->; on the simulated one, 0.86<!-- claim:splits-copy-simulated -->. No model of
# anything is needed to reach these numbers. So a model that reaches them under a split that parts twins may know nothing else.
#
# ## Every method under every split
#
# Now the methods. The *graph VAE* of chapter 8 (preset `"paper"`), *ridge* on the genes, *position* (kriging: a smooth function of place,
# no genes), and the *copy* of the twin, which falls back on the mean of the training regions where the twin is held out as well.
# Where a split can be dealt in several ways we deal it five times. `refit` trains the VAE for every fold in one pass. (For
# the score alone, `cross_val_predict` would do: it returns the mean over the folds that hold a region out. Below we shall
# want the folds one by one.)
#
# Two tables show the median $R^2$ over the dealings (and from which to which they go), first for the real map and then for the
# simulated one. The figure shows every dealing as a marker; what is below −1 is drawn at −1.

# %%
warnings.simplefilter("ignore", LeakWarning)  # we have been warned, and want to see it leak
METHODS = ["graph VAE", "ridge", "position (kriging)", "contralateral copy"]


def all_folds(cortex: xsg.Cortex) -> pd.DataFrame:
    """Folds of all splits and ways of dealing: bool, (split, dealing, fold) × regions."""
    tables = {}
    for name in SPLITS:
        for dealing in range(N_DEALINGS if name in DEALT else 1):
            held_out = split(name, cortex.parcellation, cortex.regions, N_FOLDS, SEED + dealing)
            tables[name, dealing] = pd.DataFrame(held_out, columns=cortex.regions)
    return pd.concat(tables, names=["split", "dealing", "fold"])


def predict(method: str, cortex: xsg.Cortex, held_out: pd.DataFrame) -> pd.DataFrame:
    """Each fold's prediction of the regions it holds out, NaN elsewhere; rows as ``held_out``."""
    rows = held_out.to_numpy()
    if method == "graph VAE":
        model = CrossScaleVAE.from_preset("paper")
        found = refit(model, cortex.expression, cortex.thinning, cortex.graph, rows, seeds=[SEED]).to_numpy()
        found = np.where(rows, found, np.nan)
    else:
        each = [baseline(method, cortex.expression, cortex.thinning, cortex.parcellation, row[None]) for row in rows]
        found = np.vstack(each)
    return pd.DataFrame(found, held_out.index, held_out.columns)


def score(thinning: pd.Series, predicted: pd.DataFrame) -> pd.Series:
    """R² by split and dealing, over the regions that some fold holds out, each predicted by the mean of those folds."""
    means = predicted.groupby(level=["split", "dealing"], sort=False).mean()
    return means.apply(lambda row: r_squared(thinning[row.notna()], row.dropna()), axis=1)


held_out = {cortex.name: all_folds(cortex) for cortex in (real, simulated)}
predicted = {
    (cortex.name, method): predict(method, cortex, held_out[cortex.name])
    for cortex in (real, simulated)
    for method in tqdm(METHODS, desc=cortex.name)
}
r2 = {
    cortex.name: pd.DataFrame({method: score(cortex.thinning, predicted[cortex.name, method]) for method in METHODS})
    for cortex in (real, simulated)
}
median = {name: table.groupby(level="split", sort=False).median() for name, table in r2.items()}


def told(values: pd.Series) -> str:
    """Median over dealings, and their range where there are several."""
    text = f"{values.median():.2f}"
    return text if len(values) == 1 else f"{text} ({values.min():.2f} to {values.max():.2f})"


by_split = {name: table.groupby(level="split", sort=False) for name, table in r2.items()}
by_split["ahba-ad"].agg(told).rename_axis("held-out R², real map")

# %%
by_split["simulated"].agg(told).rename_axis("held-out R², simulated map")

# %% mystnb={"image": {"alt": "Two panels of held-out R squared by split, one marker per method and dealing. Real map: under random and left-to-right the copy and position lie mostly between 0.8 and 1 and the others near 0.6; under homologous the VAE and ridge lie near 0.5 and position near 0.35; under spatial and lobe all lie below 0. Simulated map: ridge stays between 0.55 and 0.8 under all six; position falls from 0.8 to below 0."}}
figure, axes = plt.subplots(1, 2, figsize=(10.5, 4.2), layout="constrained", sharey=True)
for ax, (name, title) in zip(
    axes, {"ahba-ad": "real: AHBA × Alzheimer's", "simulated": "simulated"}.items(), strict=True
):
    for k, (method, marker) in enumerate(zip(METHODS, "os^D", strict=True)):
        values = r2[name][method]
        x = [SPLITS.index(each) + 0.16 * (k - 1.5) for each in values.index.get_level_values("split")]
        ax.plot(x, values.clip(lower=-1), marker, color=f"C{k}", ms=5.5, alpha=0.85, label=method)
    ax.axhline(0, color="0.6", lw=1, zorder=0)
    ax.set_xticks(range(len(SPLITS)), SPLITS, rotation=20)
    ax.set(title=title, ylim=(-1.05, 1.05))
axes[0].set_ylabel("held-out R²")
_ = axes[1].legend(fontsize=9, loc="lower left")
# %% tags=["nbval-check-output"]
ad = median["ahba-ad"]
claim("splits-ad-vae-random", ad.loc["random", "graph VAE"])
claim("splits-ad-vae-homologous", ad.loc["homologous", "graph VAE"])
claim("splits-ad-vae-spatial", ad.loc["spatial", "graph VAE"])
claim("splits-ad-vae-distance", ad.loc["distance", "graph VAE"])
by_fold = predicted["ahba-ad", "graph VAE"].loc["distance"]
fold_r2 = [r_squared(real.thinning[row.notna()], row.dropna()) for _, row in by_fold.iterrows()]
claim("splits-ad-vae-distance-fold", np.median(fold_r2))
claim("splits-ad-vae-lobe", ad.loc["lobe", "graph VAE"])
claim("splits-ad-vae-left-to-right", ad.loc["left-to-right", "graph VAE"])
claim("splits-ad-ridge-random", ad.loc["random", "ridge"])
claim("splits-ad-ridge-homologous", ad.loc["homologous", "ridge"])
claim("splits-ad-ridge-spatial", ad.loc["spatial", "ridge"])
claim("splits-ad-ridge-lobe", ad.loc["lobe", "ridge"])
claim("splits-ad-position-random", ad.loc["random", "position (kriging)"])
claim("splits-ad-position-homologous", ad.loc["homologous", "position (kriging)"])
claim("splits-ad-position-spatial", ad.loc["spatial", "position (kriging)"])
claim("splits-ad-copy-random", ad.loc["random", "contralateral copy"])
claim("splits-ad-mean-spatial", ad.loc["spatial", "contralateral copy"])
claim("splits-ad-mean-lobe", ad.loc["lobe", "contralateral copy"])

# %% tags=["nbval-check-output"]
sim = median["simulated"]
claim("splits-simulated-ridge-homologous", sim.loc["homologous", "ridge"])
claim("splits-simulated-ridge-spatial", sim.loc["spatial", "ridge"])
claim("splits-simulated-ridge-lobe", sim.loc["lobe", "ridge"])
claim("splits-simulated-position-random", sim.loc["random", "position (kriging)"])
claim("splits-simulated-position-spatial", sim.loc["spatial", "position (kriging)"])
claim("splits-simulated-vae-homologous", sim.loc["homologous", "graph VAE"])
claim("splits-simulated-vae-spatial", sim.loc["spatial", "graph VAE"])

# %% [markdown]
# ### The real map
#
# Follow one method in the left panel from random over homologous to spatial: all fall, and below zero under the spatial split and the lobes.
#
# **Random.** Without a gene, and without a model, the copy has 0.81<!-- claim:splits-ad-copy-random --> (where chance puts both twins
# into one fold there is nothing to copy, so it is not 1 here), and position has 0.87<!-- claim:splits-ad-position-random -->. The VAE has
# 0.66<!-- claim:splits-ad-vae-random --> and ridge 0.58<!-- claim:splits-ad-ridge-random -->. Somebody who saw only these last two numbers would think
# well of them.
#
# **Homologous.** The copy is gone; the VAE has 0.49<!-- claim:splits-ad-vae-homologous -->, ridge
# 0.52<!-- claim:splits-ad-ridge-homologous -->, position 0.36<!-- claim:splits-ad-position-homologous -->. (The folds are those of
# chapter 8, and so are the numbers.)
#
# **Spatial and lobe.** Here all of it is gone. The VAE has -0.26<!-- claim:splits-ad-vae-spatial --> and
# -0.43<!-- claim:splits-ad-vae-lobe -->, ridge -0.41<!-- claim:splits-ad-ridge-spatial --> and
# -0.47<!-- claim:splits-ad-ridge-lobe -->, position -0.11<!-- claim:splits-ad-position-spatial --> under the first. A negative $R^2$ needs a scale: guessing
# the mean of the training regions scores -0.32<!-- claim:splits-ad-mean-spatial --> and
# -0.38<!-- claim:splits-ad-mean-lobe -->, because that mean is far from the held-out part's own. So the methods are about as good as
# such a guess, no better.
#
# **Distance.** The VAE has 0.53<!-- claim:splits-ad-vae-distance -->, although the nearest training region is as far away as
# under the spatial split. Two things make it kinder. The quarter that lies farthest from some place is often two corners and never the whole temporal lobe,
# where the map has its peak. And we scored all folds together: the model can tell the front from the back. Within a fold it can tell little; scored fold by fold, the median
# $R^2$ is -0.18<!-- claim:splits-ad-vae-distance-fold -->. *How* predictions are pooled has to be said with the number.
#
# **Left-to-right.** 0.66<!-- claim:splits-ad-vae-left-to-right -->, which says how much the model keeps of values that it has *seen*, under the
# other hemisphere's name.
#
# ### The simulated map
#
# Is the fall under spatial splits a law of nature, then? No. On the simulated brain, thinning is a function of the genes, the same function everywhere.
# There (right panel) ridge has 0.70<!-- claim:splits-simulated-ridge-homologous --> on homologous pairs,
# 0.56<!-- claim:splits-simulated-ridge-spatial --> on spatial clusters, and 0.60<!-- claim:splits-simulated-ridge-lobe --> on whole lobes:
# what it has learned holds in a part of the brain it has never seen. Position falls from
# 0.76<!-- claim:splits-simulated-position-random --> to -0.03<!-- claim:splits-simulated-position-spatial -->, as it must, for there is nothing but neighbours in
# it. (The VAE of the preset `"paper"` does badly on this brain under every split:
# 0.05<!-- claim:splits-simulated-vae-homologous --> on pairs, -0.41<!-- claim:splits-simulated-vae-spatial --> on clusters.
# [Chapter 6](06_training.ipynb) offers a reason: it mixes what a region has of its own into a sum over neighbours.)
#
# This is how a strong relation between genes and disease can look: it survives distance. The real map does not show it. That does not show that there is none. With 33 values and one
# dominant peak, a spatial split often asks for the impossible: with the temporal lobe held out, no method has seen a region as
# vulnerable as the entorhinal cortex ([exercise 3](#exercise-3-one-lobe)).
#
# ## Error against distance
#
# One figure instead of six splits. Take every prediction of every fold, and plot the squared error, in units of the map's variance, against
# the distance to the nearest region in training. One is what the map's own mean would score. The table counts the
# predictions in each bin of distance.


# %%
def error_by_distance(cortex: xsg.Cortex, method: str, edges: np.ndarray) -> pd.DataFrame:
    """Mean squared error over the variance in bins of distance to training, with the bins' mean distance and count."""
    gap = nearest_in_training(cortex, held_out[cortex.name].to_numpy())
    error = (predicted[cortex.name, method] - cortex.thinning) ** 2 / cortex.thinning.var(ddof=0)
    long = pd.DataFrame({"mm": gap.ravel(), "error": error.to_numpy().ravel()}).dropna()
    return long.groupby(pd.cut(long["mm"], edges), observed=True).agg(
        mm=("mm", "mean"), error=("error", "mean"), n=("error", "size")
    )


edges = np.array([0, 10, 17, 20, 25, 32, 60])
curves = {
    (name.name, method): error_by_distance(name, method, edges) for name in (real, simulated) for method in METHODS
}
curves["ahba-ad", "ridge"]["n"].rename("predictions per bin").to_frame()

# %% mystnb={"image": {"alt": "Two panels of squared error over variance against distance to the nearest training region. Real map: all curves start low where the twin trains, at 0 for copy and position; VAE, ridge and position stay near 0.5 or below up to 22 mm, and all are above 1 at 40 mm. Simulated map: ridge stays under 0.5 at all distances; position and the copy start near 0.15 and come, like the VAE, near 1."}}
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained", sharey=True)
for ax, (name, title) in zip(
    axes, {"ahba-ad": "real: AHBA × Alzheimer's", "simulated": "simulated"}.items(), strict=True
):
    for k, (method, marker) in enumerate(zip(METHODS, "os^D", strict=True)):
        curve = curves[name, method]
        ax.plot(curve["mm"], curve["error"], marker + "-", color=f"C{k}", ms=5.5, label=method)
    ax.axhline(1, color="0.5", lw=1, ls="--", zorder=0)
    ax.set(title=title, xlabel="distance to the nearest region in training (mm)", xlim=(0, None), ylim=(0, None))
axes[0].set_ylabel("squared error / variance of the map")
_ = axes[0].legend(fontsize=9, loc="upper left")
# %% tags=["nbval-check-output"]
claim("splits-error-near-position", curves["ahba-ad", "position (kriging)"]["error"].iloc[0])
claim("splits-error-near-vae", curves["ahba-ad", "graph VAE"]["error"].iloc[0])
claim("splits-error-far-vae", curves["ahba-ad", "graph VAE"]["error"].iloc[-1])
claim("splits-error-far-ridge-simulated", curves["simulated", "ridge"]["error"].iloc[-1])

# %% [markdown]
# On the real map every curve starts low, where the twin trains (position 0.01<!-- claim:splits-error-near-position -->, the VAE
# 0.31<!-- claim:splits-error-near-vae -->); those of the VAE, ridge and position stay low as long as a neighbour trains; all have passed 1 at 40 mm (VAE
# 1.46<!-- claim:splits-error-far-vae -->). On the simulated map ridge hardly minds
# (0.44<!-- claim:splits-error-far-ridge-simulated --> in the last bin). The copy's curve is that of the training mean where the twin does not train. The bins mix splits and
# regions, so read the curves for their direction only.
#
# ## Which split for which question?
#
# There is no right split, only a right question ([Wadoux et al. 2021](https://doi.org/10.1016/j.ecolmodel.2021.109692) argue
# that blocked folds are *too hard* if the wish is to fill gaps in a map):
#
# | question | split |
# |---|---|
# | Can the model fill in a region whose neighbours are known? | homologous |
# | Does what it learned hold in a part of the cortex it has not seen? | spatial, lobe |
# | Does it transfer to the other hemisphere? | left-to-right, on maps that measured the sides separately; against the copy |
# | Does it say anything about another disease, cohort or donor? | none of these: hold *that* out ([chapter 13](13_disorders.ipynb)) |
# | How alike are the hemispheres? | random |
#
# "Genes explain where the disease strikes" is a claim of the second kind. Our headline number, and every held-out
# number of chapter 8, is of the first. The number that the paper of this part reports
# ([arXiv:2606.05870](https://arxiv.org/abs/2606.05870)) is of neither: no region was held out, as far as we can see.
#
# ## The first component, spun
#
# A promise of chapter 9 is still open: the first principal component of expression against the Alzheimer's map, with the map
# spun.

# %% tags=["nbval-check-output"]
directions, _, _ = np.linalg.svd(normalise(real.expression).to_numpy(), full_matrices=False)
pc1 = pd.Series(directions[:, 0], real.regions)
spun = null_maps(real.thinning, real.parcellation, "spin", N_NULLS, SEED)
claim("splits-pc1-r", abs(pc1.corr(real.thinning)))
claim("splits-pc1-p", p_value(pc1.corr(real.thinning), spun.corrwith(pc1, axis=1), "two-sided"))

# %% [markdown]
# $|r|$ = 0.10<!-- claim:splits-pc1-r -->, $p$ = 0.70<!-- claim:splits-pc1-p -->: nothing, as expected. The map has no temporal pole on either side and no right
# frontal pole; the poles that are missing on both sides take no part in the rotation, and the frontal pole's value travels on both sides and is read on the
# left only.

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | $R^2$ = 0.8604<!-- claim:paper-r2 --> | **held out** 0.49<!-- claim:splits-ad-vae-homologous --> by homologous pairs | the paper describes no held-out regions, as far as we can see |
# | – | **held out** 0.66<!-- claim:splits-ad-vae-random --> by a random split, 0.66<!-- claim:splits-ad-vae-left-to-right --> left to right | these leak: the twin trains |
# | – | **held out** -0.26<!-- claim:splits-ad-vae-spatial --> by spatial clusters, -0.43<!-- claim:splits-ad-vae-lobe --> by lobes (medians over five dealings, where there are several) | predicting across a gap is another, harder question; 33 values may be too few to answer it |
# | – | **null** PC1 × Alzheimer's, size of $r$: 0.10<!-- claim:splits-pc1-r -->, spin $p$ = 0.70<!-- claim:splits-pc1-p --> | this map is not the main axis of expression |
#
# One seed of the model, five ways of dealing, one map: the numbers of single dealings differ by a tenth or more, as the tables show. That
# the spatial numbers lie far below the homologous ones would not. The VAE could do better with other settings; we did not look for them
# here, because these folds would then have chosen them.

# %% [markdown]
# ## Key takeaways
#
# - A held-out number is worth as much as the distance it was held out over: [how far away](#how-far-away-is-the-nearest-thing-the-model-has-seen).
# - The other hemisphere holds the answer; a split that parts twins leaks, and `xsg` says so:
#   [the leak](#the-leak-and-the-warning).
# - On the real map all methods, the graph VAE among them, fill gaps between known regions and do not reach across a lobe:
#   [every method](#every-method-under-every-split).
# - A relation that is the same everywhere can survive distance, as ridge shows on the simulated brain: [the simulated map](#the-simulated-map).
# - Choose the split by the question: [which split](#which-split-for-which-question).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: find the leak
#
# A colleague sends you folds that "keep pairs together". Make them yourself: take the homologous folds of the real cortex,
# `split("homologous", real.parcellation, real.regions, N_FOLDS, SEED)`, and move `L_insula` from its fold to the next one.
# Find the mistake with `parted_pairs`, and call the list that it returns `leaked`. Why are there two entries? How far from
# the nearest training region was `L_insula` held out before the move (`mm_before`), and how far after it (`mm_after`)?
#
# <details><summary>Hint</summary>
#
# Folds are a boolean array, folds × regions; `real.regions.get_loc("L_insula")` is the column, and `np.roll` moves it by one.
# `nearest_in_training` gives the distances, NaN where a region is not held out.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
right = split("homologous", real.parcellation, real.regions, N_FOLDS, SEED)
insula = real.regions.get_loc("L_insula")
mistaken = right.copy()
mistaken[:, insula] = np.roll(mistaken[:, insula], 1)
leaked = parted_pairs(mistaken, real.regions)
mm_before, mm_after = (np.nanmean(nearest_in_training(real, each)[:, insula]) for each in (right, mistaken))
print(leaked, f"{mm_before:.1f} mm before, {mm_after:.1f} mm after")
# Each side is held out in a fold in which the other one trains, so there are two. The answer has moved next door.

# %% tags=["check"]
assert sorted(map(tuple, leaked)) == [("L_insula", "R_insula"), ("R_insula", "L_insula")], (
    f"leaked is {leaked}; expected the insula twice: each side is held out while the other one trains"
)
assert 10 < mm_before < 40, f"mm_before is {mm_before:.1f}; expected 10 to 40 mm, to a neighbour of the insula"
assert 0 < mm_after < 6, f"mm_after is {mm_after:.1f}; expected a few mm, to the right insula folded onto the left"

# %% [markdown]
# ### Exercise 2: smaller folds
#
# Hold out one homologous pair at a time (33 folds on the real map), and predict by position. Call the $R^2$ `r2_by_pair` and
# the mean distance to the nearest training region `mm_by_pair`. Is it better than with five folds, and why?
#
# <details><summary>Hint</summary>
#
# `split("homologous", …, n_folds=33)` makes the folds. `baseline("position (kriging)", …)` takes them as its last argument
# (`predict`, above, shows how) and returns a table with one row for each map.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
one_by_one = split("homologous", real.parcellation, real.regions, n_folds=33)
by_pair = baseline("position (kriging)", real.expression, real.thinning, real.parcellation, one_by_one)[0]
r2_by_pair = r_squared(real.thinning, by_pair)
mm_by_pair = np.nanmean(nearest_in_training(real, one_by_one))
print(f"R² {r2_by_pair:.2f}, {mm_by_pair:.1f} mm to training on average")
# More of a region's neighbours train, and the nearest is nearer. Leave-one-out is no harder than five folds but easier.

# %% tags=["check"]
five = np.nanmean(nearest_in_training(real, split("homologous", real.parcellation, real.regions, N_FOLDS, SEED)))
assert 10 < mm_by_pair < five, f"mm_by_pair is {mm_by_pair:.1f}; expected 10 to {five:.1f} mm, the mean with five folds"
assert ad.loc["homologous", "position (kriging)"] < r2_by_pair < 0.7, (
    f"r2_by_pair is {r2_by_pair:.2f}; expected more than with five folds and less than where the twin trains"
)

# %% [markdown]
# ### Exercise 3: one lobe
#
# Which lobe makes the lobe split so hard on the real map? Take the predictions of ridge under the split `lobe`, and give
# each lobe's share of the squared error as a Series `share` with the lobes' names as its index. Then look for the reason:
# divide the largest thinning in the temporal lobe by the largest anywhere else, and call it `peak_ratio`.
#
# <details><summary>Hint</summary>
#
# `predicted["ahba-ad", "ridge"].loc["lobe"]` has a row for each fold with NaN where it does not predict, so the mean over
# the rows is the prediction. `real.parcellation.table.loc[real.regions, "lobe"]` names each region's lobe.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
by_lobe = predicted["ahba-ad", "ridge"].loc["lobe"].mean()
squared = (by_lobe - real.thinning) ** 2
lobes = real.parcellation.table.loc[real.regions, "lobe"]
share = squared.groupby(lobes).sum() / squared.sum()
peak_ratio = real.thinning[lobes == "temporal"].max() / real.thinning[lobes != "temporal"].max()
print(share.sort_values(ascending=False).round(2).to_dict(), f"peak ratio {peak_ratio:.2f}")
# The temporal lobe holds the peak. Without it nothing in training is as thin, so every method predicts too little.

# %% tags=["check"]
assert np.isclose(share.sum(), 1), f"the shares add up to {share.sum():.2f}; expected 1"
assert share.idxmax() == "temporal", f"the largest share is that of the lobe {share.idxmax()}; expected temporal"
assert 0.4 < share.max() < 0.95, f"its share is {share.max():.2f}; expected about half of the squared error or more"
assert 1.2 < peak_ratio < 3, f"peak_ratio is {peak_ratio:.2f}; expected above 1.2: the highest value of all is temporal"

# %% [markdown]
# ## See also
#
# - [Smooth maps fool correlations](09_smooth_maps.ipynb): why neighbours know so much of each other.
# - [A thousand refits](11_refits.ipynb#held-out-from-what): the same splits over 20 seeds, against rotated maps.
# - [Beyond Alzheimer's](13_disorders.ipynb): other diseases held out, instead of other regions.
# - [Where am I?](16_where_am_i.ipynb): blocks and leaks once more, among the voxels of a mouse brain.

# %% [markdown]
# ## References
#
# - Hansen JY et al. (2021). Mapping gene transcription and neurocognition across human neocortex. *Nature Human Behaviour*
#   5:1240. [doi:10.1038/s41562-021-01082-z](https://doi.org/10.1038/s41562-021-01082-z)
# - Kapoor S, Narayanan A (2023). Leakage and the reproducibility crisis in machine-learning-based science. *Patterns*
#   4:100804. [doi:10.1016/j.patter.2023.100804](https://doi.org/10.1016/j.patter.2023.100804)
# - Roberts DR et al. (2017). Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
#   structure. *Ecography* 40:913. [doi:10.1111/ecog.02881](https://doi.org/10.1111/ecog.02881)
# - Vaithianathan (2026). The cross-scale model that this part follows.
#   [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
# - Van Erp TGM et al. (2018). Cortical brain abnormalities in 4474 individuals with schizophrenia and 5098 control subjects
#   via the ENIGMA consortium. *Biological Psychiatry* 84:644.
#   [doi:10.1016/j.biopsych.2018.04.023](https://doi.org/10.1016/j.biopsych.2018.04.023)
# - Wadoux AMJ-C et al. (2021). Spatial cross-validation is not the right way to evaluate map accuracy. *Ecological
#   Modelling* 457:109692. [doi:10.1016/j.ecolmodel.2021.109692](https://doi.org/10.1016/j.ecolmodel.2021.109692)
