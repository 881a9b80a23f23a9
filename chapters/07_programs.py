# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: []}
# ---

# %% [markdown]
# # 7. Latent programs
#
# *Prerequisites: [a graph VAE from scratch](05_graph_vae.ipynb), [training](06_training.ipynb); principal components.
# Time: 55 minutes to read, under a minute to run.*
#
# ## What you will learn
#
# - what the latent programs of a fitted model are, and why "program 7" is a name for nothing;
# - how to compare two sets of programs when they have no order, sign or rotation, and how easily that goes wrong;
# - how many programs a model really uses;
# - how to group regions by their programs, and to tell groups that are *stable* from groups that *exist*;
# - how to find the genes behind a program, and whether a model knows which programs act on the disease.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0  # of the simulated cortex
N_SEEDS = 5  # models per preset that differ only in their seed
N_CORTICES = 8  # simulated brains on which the last question is asked again

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import copy
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.colors import ListedColormap
from scipy.linalg import subspace_angles
from scipy.optimize import linear_sum_assignment
from scipy.stats import ortho_group
from sklearn.cluster import KMeans
from sklearn.linear_model import RidgeCV
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

import xsg
from xsg.claims import claim
from xsg.data.expression import normalise
from xsg.simulate.cortex import vulnerability
from xsg.evaluation.metrics import r_squared
from xsg.plotting import brain, use_style
from xsg.training import CrossScaleVAE

use_style()

# %% [markdown]
# ## The question in a picture
#
# A fitted model turns the genes of each region into 64 numbers $z_i$, its **latent programs**. Column $k$ of these
# numbers is a map of the cortex, and it is tempting to call it "the model's $k$-th program" and to look for its biology.
# (The paper that this part follows, [Vaithianathan 2026](https://arxiv.org/abs/2606.05870), reads clusters of regions and
# disease-associated modules off its programs, as far as its abstract and public summaries tell; we have not read more.) Let us look. We train the same model on the same simulated cortex several times; only the seed differs. Here are three
# programs of two such models, each in standard deviations of its own map.

# %%
cortex = xsg.load_cortex("simulated", seed=SEED)
genes, thinning, graph, truth = cortex.expression, cortex.thinning, cortex.graph, cortex.truth
models = {"paper": [], "xsg": []}
for preset, seed in tqdm([(preset, seed) for preset in models for seed in range(N_SEEDS)], desc="fits"):
    models[preset].append(CrossScaleVAE.from_preset(preset, seed=seed).fit(genes, thinning, graph=graph))
programs = {preset: [model.encode(genes) for model in fits] for preset, fits in models.items()}

# %% mystnb={"image": {"alt": "Three rows of four brain views. Program 1 of the model with seed 0 and program 1 of the model with seed 1 are different maps. A program of seed 1 with another number resembles the first row more, but is not the same either."}}
one, two = programs["xsg"][0], programs["xsg"][1]
between = np.corrcoef(one, two, rowvar=False)[:64, 64:]
nearest = int(np.abs(between[0]).argmax())
shown = pd.DataFrame(
    {
        "seed 0, program 1": one.iloc[:, 0],
        "seed 1, program 1": two.iloc[:, 0],
        f"seed 1, program {nearest + 1}": two.iloc[:, nearest] * np.sign(between[0, nearest]),
    }
)
figure = brain((shown - shown.mean()) / shown.std(), "program (standard deviations)", limits=(-2.5, 2.5))

# %% [markdown]
# Compare the rows: program 1 of one model is not program 1 of the other. The third row is the best match to the first among all 64
# programs of the second model (turned over if need be), and it is similar, not equal. Yet the two models differ in their
# seed alone. What, then, is a latent program, and what may one say about it?
#
# ## What a program is
#
# For each region the encoder gives a normal distribution, $q(z_i \mid X) = \mathcal N(\mu_i, \operatorname{diag} \sigma_i^2)$.
# `model.encode` returns the means $\mu$ (regions × programs), `model.uncertainty` the $\sigma$. We shall call the columns
# of $\mu$ programs, knowing that each comes with an error bar.
#
# The decoder sees $z_i$ only through a linear map, $W z_i$, its first layer, and the other terms of the loss see it only
# through lengths: $\lVert z_i - z_j \rVert^2$ and $\lVert \mu_i \rVert^2$. Take any rotation $R$ (a matrix with
# $R^\top R = I$). Then
#
# $$ z_i \to R^\top z_i, \qquad W \to W R $$
#
# changes no prediction and no length. (The one thing that holds the axes is that $\sigma_i$ is given coordinate by
# coordinate; when the $\sigma$ are nearly equal, that grip is weak.) Training stops at *some* rotation, and the seed
# decides at which. Here is the equation as code, on a fitted network; `Affine` computes $hW$, so the transposes sit on the
# other side.

# %%
model = models["paper"][0]
rotation = torch.tensor(ortho_group.rvs(64, random_state=0), dtype=torch.float32)
mu = torch.tensor(programs["paper"][0].to_numpy(), dtype=torch.float32)
turned = copy.deepcopy(model.net_)
with torch.no_grad():
    turned.decoder_hidden.weight.copy_(rotation.T @ model.net_.decoder_hidden.weight)
    before, after = model.net_.decode(mu[None])[0], turned.decode(mu[None] @ rotation)[0]

i, j = graph.edges
length_before, length_after = (((z[i] - z[j]) ** 2).sum() for z in (mu, mu @ rotation))
assert torch.allclose(before, after, atol=1e-4)
assert torch.isclose(length_before, length_after, rtol=1e-3)
print("other programs, same predictions, same smoothness")

# %% [markdown]
# So a program has **no number, no sign and no direction of its own**. What the model has found is the *space* that the
# programs span. A sentence like "program 12 is enriched for mitochondrial genes" describes a seed.
#
# ## How many programs are used?
#
# The usual measure is the Kullback–Leibler (KL) divergence from the prior that each program pays
# ([chapter 5](05_graph_vae.ipynb#the-divergence-in-closed-form)). Averaged over the $n$ regions,
#
# $$ \mathrm{KL}_k = \frac1n \sum_i \tfrac12\left(\mu_{ik}^2 + \sigma_{ik}^2 - 1 - \ln \sigma_{ik}^2\right). $$
#
# In an ordinary variational autoencoder an unused program returns to the prior, $\mu = 0$, $\sigma = 1$, and pays
# nothing; one counts those that pay. A second measure counts a program as **active** where its mean varies,
# $\operatorname{Var}_i(\mu_{ik}) > 0.01$ ([Burda et al. 2016](https://arxiv.org/abs/1509.00519)).


# %%
def divergence(model: CrossScaleVAE) -> pd.Series:
    """KL of each program, averaged over regions, in nats."""
    mean, variance = model.encode(genes), model.uncertainty(genes) ** 2
    return (0.5 * (mean**2 + variance - 1 - np.log(variance))).mean()


def spread(z: np.ndarray) -> np.ndarray:
    """Share of the variance of z (regions, programs) in each of its principal directions, largest first."""
    values = np.linalg.svd(z - z.mean(axis=0), compute_uv=False) ** 2
    return values / values.sum()


degree = graph.adjacency.sum(axis=1)
settings = model.get_params()
# What a program pays that carries nothing: see the text below.
idle = settings["beta"] / (2 * settings["smoothness"] * degree + settings["beta"])
floor = (0.5 * (idle - 1 - np.log(idle))).mean()

# %% [markdown]
# Neither measure works here out of the box, and the reason is worth knowing. The smoothness term is computed on
# *sampled* programs, so it also punishes noise: a region with $d_i$ neighbours pays $\lambda d_i \sigma_{ik}^2 / n$. Even a
# program that carries nothing therefore shrinks its $\sigma$. ($\lambda$ and $\beta$ are the weights of smoothness and KL in
# the loss.) Setting the derivative of
# $\lambda d_i \sigma^2 + \tfrac{\beta}{2}(\sigma^2 - 1 - \ln \sigma^2)$ to zero gives
#
# $$ \sigma^2 = \frac{\beta}{2 \lambda d_i + \beta}, $$
#
# with our weights less than a hundredth, and a KL of about two nats *for doing nothing*: `floor` in the code above. The second measure fails too:
# smoothness shrinks the means as well, so whether their variance passes a fixed 0.01 says more about $\lambda$ than about use.
#
# On the left below is what the 64 programs of each preset pay, beside an idle one; on the right, how the variance of the
# programs is shared among the principal directions of their space.

# %% mystnb={"image": {"alt": "Left: KL of the 64 programs in falling order for both presets. With preset paper all programs lie on the dashed line of what an idle program pays, about 1.9 nats; with preset xsg all lie about one nat above it. Right: share of variance of the principal directions. The programs of preset paper fall steepest, two directions hold three quarters; those of xsg and of expression itself fall slowly and alike."}}
z_scores = normalise(genes).to_numpy()
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for preset, marker in (("paper", "o"), ("xsg", "s")):
    axes[0].plot(np.arange(1, 65), np.sort(divergence(models[preset][0]))[::-1], marker, ms=3.5, label=preset)
    axes[1].plot(np.arange(1, 13), spread(programs[preset][0].to_numpy())[:12], marker + "-", ms=4, label=preset)
axes[0].axhline(floor, color="0.3", ls="--", lw=1, label="an idle program")
axes[1].plot(np.arange(1, 13), spread(z_scores)[:12], "^:", ms=4, color="0.4", label="expression itself")
axes[0].set(xlabel="programs, in falling order", ylabel="KL per region (nats)", ylim=(0, 3.4))
axes[1].set(xlabel="principal direction", ylabel="share of variance", ylim=(0, None))
for ax in axes:
    ax.legend()

# %% [markdown]
# So we count *directions*, which no rotation can change. With $v_k$ the variances along the principal directions of
# $\mu$, the **effective dimension** is $(\sum_k v_k)^2 / \sum_k v_k^2$: it is $m$ when $m$ directions share the
# variance equally.

# %% tags=["nbval-check-output"]
dimension = {
    preset: np.median([1 / (spread(z.to_numpy()) ** 2).sum() for z in programs[preset]]) for preset in programs
}
claim("programs-idle-kl", floor)
claim("programs-paper-kl", np.median(divergence(models["paper"][0])))
active = {preset: np.median([(z.var(ddof=0) > 0.01).sum() for z in programs[preset]]) for preset in programs}
claim("programs-paper-active", active["paper"])
claim("programs-xsg-active", active["xsg"])
claim("programs-paper-dimension", dimension["paper"])
claim("programs-xsg-dimension", dimension["xsg"])
claim("programs-expression-dimension", 1 / (spread(z_scores) ** 2).sum())

# %% [markdown]
# With the preset `"paper"` the median program pays 2.0<!-- claim:programs-paper-kl --> nats where an idle one would pay
# 1.9<!-- claim:programs-idle-kl -->: nearly all of the cost is noise suppression. By the second
# measure it has 6<!-- claim:programs-paper-active --> active programs, and `"xsg"` all 64<!-- claim:programs-xsg-active -->. The 64 programs of `"paper"` span an effective
# 2.8<!-- claim:programs-paper-dimension --> dimensions: the model keeps of expression what it needs for thinning. With
# `"xsg"`, where the programs must also give expression back, they span 8.1<!-- claim:programs-xsg-dimension -->, close to
# the 9.0<!-- claim:programs-expression-dimension --> of expression itself. Neither is "64 programs", and neither is the
# true number, which is six. (Genes also have smooth variation of their own, which counts as dimensions too.)
#
# ## Comparing two models
#
# Programs can be compared as spaces. Two subspaces of dimension $k$ have $k$ **principal angles**: the smallest angle
# between a direction of one and a direction of the other, then the smallest at right angles to that pair, and so on. The
# cosines of these angles are the *canonical correlations* of the two sets of maps
# ([Björck & Golub 1973](https://doi.org/10.1090/S0025-5718-1973-0348991-3)). All cosines 1: the same space. The trap: with
# 64 programs over 68 regions any two spaces nearly coincide, whatever is in them.


# %%
def main_space(z: np.ndarray, k: int = 6) -> np.ndarray:
    """Orthonormal basis (regions, k) of the k directions in which z varies most."""
    return np.linalg.svd(z - z.mean(axis=0), full_matrices=False)[0][:, :k]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Canonical correlations of two sets of maps, largest first."""
    return np.sort(np.cos(subspace_angles(a, b)))[::-1]


rng = np.random.default_rng(0)
noise = rng.standard_normal((2, 68, 64))
print(f"all 64 columns of pure noise: the median canonical correlation is {np.median(cosines(*noise)):.2f}")


def roughness(z: np.ndarray) -> float:
    """Squared difference across an edge, summed over edges, per unit of variance."""
    z = z - z.mean(axis=0)
    return float(np.trace(z.T @ graph.laplacian() @ z) / np.sum(z**2))


between_seeds = {
    preset: np.stack([cosines(main_space(a), main_space(b)) for a, b in combinations(sets, 2)])
    for preset, sets in programs.items()
}
smoother = graph.normalised() @ graph.normalised()
by_chance = np.stack([cosines(*(smoother @ rng.standard_normal((2, 68, 6)))) for _ in range(500)])
print(
    f"roughness: paper {roughness(main_space(programs['paper'][0].to_numpy())):.1f}, "
    f"xsg {roughness(main_space(programs['xsg'][0].to_numpy())):.1f}, "
    f"noise {np.mean([roughness(main_space(smoother @ rng.standard_normal((68, 6)))) for _ in range(50)]):.1f}"
)

# %% [markdown]
# We therefore first keep the six main directions of each model (six, because we happen to know the truth; try others), and
# compare with what six-dimensional spaces of *smooth* noise give (summed with its neighbours' by the weights of $\hat A$ twice, which makes
# it about as rough as the programs are, as the printed numbers show). On the left the naive comparison, program by program.

# %% mystnb={"image": {"alt": "Left: matrix of absolute correlations between the 64 programs of two xsg models, without any diagonal. Right: six canonical correlations between seeds. For xsg five are near one and the sixth varies; for paper the first three are high and the last falls to about 0.3; spaces of smooth noise lie lower."}}
figure, axes = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
picture = axes[0].imshow(np.abs(between), vmin=0, vmax=1)
axes[0].set(xlabel="program, seed 1", ylabel="program, seed 0", title='preset "xsg", program by program')
figure.colorbar(picture, ax=axes[0], label="|correlation| over regions", shrink=0.85)
ranks = np.arange(1, 7)
for preset, marker in (("paper", "o"), ("xsg", "s")):
    values = between_seeds[preset]
    axes[1].fill_between(ranks, values.min(axis=0), values.max(axis=0), alpha=0.25, lw=0)
    axes[1].plot(ranks, np.median(values, axis=0), marker + "-", label=preset)
axes[1].fill_between(
    ranks, *np.quantile(by_chance, [0.025, 0.975], axis=0), color="0.6", alpha=0.3, lw=0, label="smooth noise"
)
axes[1].set(
    xlabel="canonical direction", ylabel="canonical correlation", title="as spaces, between seeds", ylim=(0, 1.03)
)
_ = axes[1].legend(loc="lower left")

# %% tags=["nbval-check-output"]
matched = np.abs(between)[linear_sum_assignment(-np.abs(between))].mean()
claim("programs-one-to-one", matched)
claim("programs-xsg-fifth-angle", np.median(between_seeds["xsg"][:, 4]))
claim("programs-xsg-sixth-angle", np.median(between_seeds["xsg"][:, 5]))
claim("programs-paper-third-angle", np.median(between_seeds["paper"][:, 2]))
claim("programs-paper-sixth-angle", np.median(between_seeds["paper"][:, 5]))

# %% [markdown]
# Program by program, even the best one-to-one pairing reaches a mean |r| of only 0.68<!-- claim:programs-one-to-one -->. As
# spaces, `"xsg"` models agree all but perfectly in five directions (the fifth still
# 0.99<!-- claim:programs-xsg-fifth-angle -->) and well in the sixth (0.79<!-- claim:programs-xsg-sixth-angle -->).
# `"paper"` models agree less (third 0.94<!-- claim:programs-paper-third-angle -->), though beyond smooth noise in the first
# five directions; in the sixth (0.3<!-- claim:programs-paper-sixth-angle -->) they agree no better than noise. What lies
# there is the seed's. Note how high the grey band is: two sets of smooth maps that have *nothing* to do with each other
# agree closely in their first direction.
#
# ## Clusters of regions
#
# Regions with similar programs can be grouped, which is often the figure of such a study: *the model finds three kinds of
# cortex*. We group by k-means on $\mu$ and ask four things of the grouping. Does another seed give the same (adjusted Rand
# index, ARI, [Hubert & Arabie 1985](https://doi.org/10.1007/BF01908075): 1 the same, 0 chance)? Are the groups apart (silhouette: 1 well apart, 0 touching)? Are they no more than the lobes?
# Do they tell which regions thin?


# %%
def group(z: np.ndarray, k: int) -> np.ndarray:
    """Cluster regions by k-means, best of ten starts."""
    return KMeans(k, n_init=10, random_state=0).fit_predict(np.asarray(z))


principal = main_space(z_scores, 10) * np.linalg.svd(z_scores, compute_uv=False)[:10]
lobes = cortex.parcellation.table["lobe"].to_numpy()
spaces = {**programs, "PCA of expression": [principal]}
rows, groups = [], {}
for space, sets in spaces.items():
    for k in range(2, 8):
        found = groups[space, k] = [group(z, k) for z in sets]
        between_means = [thinning.groupby(labels).transform("mean") for labels in found]
        rows.append(
            {
                "space": space,
                "k": k,
                "stability": np.mean([adjusted_rand_score(a, b) for a, b in combinations(found, 2)] or [np.nan]),
                "silhouette": np.mean([silhouette_score(z, labels) for z, labels in zip(sets, found, strict=True)]),
                "lobes": np.mean([adjusted_rand_score(lobes, labels) for labels in found]),
                "thinning": np.mean([r_squared(thinning, means) for means in between_means]),
            }
        )
clusters = pd.DataFrame(rows)

# %% mystnb={"image": {"alt": "Four small plots against the number of clusters from 2 to 7. Stability over seeds is near 1 for preset xsg at two and three clusters and between 0.5 and 0.8 for paper. Silhouettes stay below 0.35 everywhere. Agreement with lobes is below 0.4. The share of thinning explained is highest for paper, about 0.8 from three clusters on."}}
figure, axes = plt.subplots(1, 4, figsize=(11, 3), layout="constrained")
titles = {
    "stability": "stable over seeds? (ARI)",
    "silhouette": "apart? (silhouette)",
    "lobes": "just lobes? (ARI)",
    "thinning": "tell thinning? (R², in-sample)",
}
for ax, (column, title) in zip(axes, titles.items(), strict=True):
    for space, marker in zip(spaces, "os^", strict=True):
        part = clusters[clusters.space == space]
        ax.plot(part.k, part[column], marker + "-", ms=4, label=space, color="0.4" if space.startswith("PCA") else None)
    ax.set(xlabel="clusters", title=title, ylim=(0, 1.03), xticks=range(2, 8))
    ax.title.set_fontsize(10)
_ = axes[1].legend(fontsize=8)

# %% [markdown]
# Stability is high for few clusters of `"xsg"` and lower for `"paper"`; the groups are nowhere well apart; they are not the
# lobes; and those of `"paper"` tell most about thinning. On the brain, three clusters of each preset. A cluster's number
# means nothing, so we order them by their thinning: dark for the least affected.

# %% mystnb={"image": {"alt": "Two rows of four brain views, three clusters each, from preset paper and preset xsg. Clusters form large contiguous patches, the same in both hemispheres; the two presets draw different borders."}}
drawn = pd.DataFrame(
    {
        f'preset "{preset}"': thinning.groupby(groups[preset, 3][0]).transform("mean").rank(method="dense")
        for preset in programs
    }
)
figure = brain(drawn, "cluster, by thinning", cmap=ListedColormap(["#33348e", "#2a9d8f", "#f4d35e"]), limits=(0.5, 3.5))
_ = figure.axes[-1].set_yticks([1, 2, 3], ["least", "middle", "most"])

# %% tags=["nbval-check-output"]
three = clusters[clusters.k == 3].set_index("space")
claim("programs-xsg-cluster-stability", three.stability["xsg"])
claim("programs-paper-cluster-stability", three.stability["paper"])
claim("programs-xsg-silhouette", three.silhouette["xsg"])
claim("programs-xsg-lobes", three.lobes["xsg"])
claim("programs-xsg-cluster-thinning", three.thinning["xsg"])
claim("programs-paper-cluster-thinning", three.thinning["paper"])
vulnerable = truth.thinning >= truth.thinning.quantile(0.75)
worst = drawn['preset "paper"'] == 3
claim("programs-paper-worst-cluster", vulnerable[worst].mean())

# %% [markdown]
# Three clusters of the `"xsg"` programs are as stable as can be: ARI 1.00<!-- claim:programs-xsg-cluster-stability --> between
# seeds (`"paper"`: 0.67<!-- claim:programs-paper-cluster-stability -->). It would be easy to stop here and call them kinds of
# cortex. But the silhouette is 0.17<!-- claim:programs-xsg-silhouette -->, far below the 0.5 that is
# usually asked of groups that are apart
# ([Kaufman & Rousseeuw 1990](https://doi.org/10.1002/9780470316801)). And we know the truth: the six
# programs were drawn as *smooth fields*. There are no kinds of cortex here at all. K-means cuts a continuous landscape into
# pieces, and because every seed sees the same landscape it cuts at the same places. **Stable does not mean real.** The
# clusters are not the lobes either (ARI 0.25<!-- claim:programs-xsg-lobes -->).
#
# The clusters of `"paper"` account for 0.79<!-- claim:programs-paper-cluster-thinning --> of the variance of thinning
# (`"xsg"`: 0.61<!-- claim:programs-xsg-cluster-thinning -->), and of the regions in the worst cluster
# 0.88<!-- claim:programs-paper-worst-cluster --> are truly among the quarter that thins most. This is **in-sample** and
# nearly circular: those programs were *trained* to predict this very map. That regions of like thinning come together in
# them is the training, not a discovery.
#
# ## The genes behind a program
#
# To read a space, one needs axes after all. A common choice is the rotation that makes the *gene loadings* simple, each
# gene large on few axes: **varimax** ([Kaiser 1958](https://doi.org/10.1007/BF02289233)). The loading of gene $g$ on axis
# $k$ is the correlation, over regions $i$, of its expression $x_{ig}$ with the region's place $s_{ik}$ on that axis,
#
# $$ \ell_{gk} = \operatorname{corr}_i(x_{ig},\, s_{ik}). $$
#
# We rotate the six main directions of each space so, and then, since this is a simulation, pair each axis with the true
# program it resembles most. The pairing uses the truth. On a real brain it cannot be done. *Precision* is the share of the 50
# genes with the highest loadings that truly carry the program.


# %%
def simple_axes(z: np.ndarray, k: int = 6) -> np.ndarray:
    """Main directions of z (regions, k), unit variance, rotated by varimax so that few genes load on each."""
    scores = main_space(z, k) * np.sqrt(len(z))
    loadings, turn = z_scores.T @ scores / len(z), np.eye(k)
    for _ in range(200):  # each step solves the orthogonal Procrustes problem towards simpler loadings
        simple = loadings @ turn
        left, _, right = np.linalg.svd(loadings.T @ (simple**3 - simple * (simple**2).mean(axis=0)))
        turn = left @ right
    return scores @ turn


def paired_with_truth(axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order the axes as the true programs (best one-to-one pairing), sign included, and give each pair's |r|."""
    r = np.corrcoef(axes, truth.programs, rowvar=False)[: axes.shape[1], axes.shape[1] :]
    chosen = linear_sum_assignment(-np.abs(r.T))[1]
    r = r[chosen, np.arange(len(chosen))]
    return axes[:, chosen] * np.sign(r), np.abs(r)


N_TOP = 50
rows, likeness = [], {}
for space, sets in spaces.items():
    for seed, z in enumerate(sets):
        axes_, r = paired_with_truth(simple_axes(z_scores if space.startswith("PCA") else z.to_numpy()))
        loadings = pd.DataFrame(z_scores.T @ axes_ / len(axes_), genes.columns, truth.programs.columns)
        for program in loadings:
            top = loadings[program].abs().nlargest(N_TOP).index
            hits = (truth.loadings.loc[program, top] != 0).mean()
            rows.append((space, seed, program, r[truth.programs.columns.get_loc(program)], hits))
        if seed == 0:
            likeness[space] = axes_, loadings
reading = pd.DataFrame(rows, columns=["space", "seed", "program", "likeness", "precision"])
chance = (truth.loadings != 0).mean(axis=1)

# %% mystnb={"image": {"alt": "Two bar charts over the six true programs for paper, xsg and PCA. Left: likeness of the axis to the true program, near 1 for PCA on all six, above 0.9 for xsg on four and lower on the last two, falling from 0.85 to 0.1 for paper. Right: precision of the top fifty genes, 1 nearly everywhere for PCA and xsg; for paper from 1 on P1 and P2 down to near chance on P6."}}
figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained", sharey=True)
palette = {"paper": "C0", "xsg": "C1", "PCA of expression": "0.55"}
for ax, column, title in (
    (axes[0], "likeness", "|r| with the true program"),
    (axes[1], "precision", "precision, top 50 genes"),
):
    sns.barplot(
        reading, x="program", y=column, hue="space", palette=palette, estimator="median", errorbar=("pi", 100), ax=ax,
        err_kws={"linewidth": 1}, legend=ax is axes[0],
    )  # fmt: skip
    ax.set(xlabel="true program (P1, P2 and P4 act)", ylabel="", title=title, ylim=(0, 1.03))
axes[1].hlines(chance, np.arange(6) - 0.4, np.arange(6) + 0.4, color="black", lw=1.5, label="chance")
handles, labels = axes[0].get_legend_handles_labels()
extra, name = axes[1].get_legend_handles_labels()
axes[0].get_legend().remove()
_ = figure.legend(handles + extra[-1:], labels + name[-1:], loc="outside lower center", ncol=4)

# %% tags=["nbval-check-output"]
median = reading.groupby(["space", "program"])[["likeness", "precision"]].median()
acting, idle_programs = list(truth.relevant), [p for p in truth.programs if p not in truth.relevant]
claim("programs-paper-precision-acting", median.loc["paper"].loc[acting, "precision"].mean())
claim("programs-paper-precision-p6", median.loc[("paper", "P6"), "precision"])
claim("programs-xsg-precision-acting", median.loc["xsg"].loc[acting, "precision"].mean())
claim("programs-xsg-likeness-acting", median.loc["xsg"].loc[acting, "likeness"].mean())
claim("programs-paper-likeness-acting", median.loc["paper"].loc[acting, "likeness"].mean())
claim("programs-pca-likeness-acting", median.loc["PCA of expression"].loc[acting, "likeness"].mean())
claim("programs-xsg-likeness-worst", median.loc["xsg", "likeness"].min())
claim("programs-pca-likeness-worst", median.loc["PCA of expression", "likeness"].min())

# %% [markdown]
# The bars are medians over seeds, the lines their range. For the programs that act, the axes of `"xsg"` resemble the truth
# at a mean |r| of 0.96<!-- claim:programs-xsg-likeness-acting --> and those of `"paper"` at
# 0.75<!-- claim:programs-paper-likeness-acting -->. Of the 50 genes that load highest, 1.00<!-- claim:programs-xsg-precision-acting -->
# and 0.97<!-- claim:programs-paper-precision-acting --> truly carry the program. For P6, which does not act and which
# `"paper"` therefore drops, precision is 0.1<!-- claim:programs-paper-precision-p6 -->, close to
# what chance gives.
#
# And PCA? The same rotation of six plain principal components of expression has
# 0.995<!-- claim:programs-pca-likeness-acting --> for the acting programs, and at worst
# 0.98<!-- claim:programs-pca-likeness-worst --> (`"xsg"`: 0.7<!-- claim:programs-xsg-likeness-worst -->). **On this cortex,
# two plain linear methods, the younger of 1958, find the programs better than the graph VAE does.** The simulator favours
# them: its genes are nearly linear in the programs. And a graph convolution mixes neighbours, so that it blurs what a
# region has of its own; how much each of the two matters we have not measured. What PCA cannot tell is which of its components matters for the
# disease. Does the VAE know?
#
# ## Which module acts?
#
# A **module** is a set of genes that follow the same axis. On a real brain, one would call the module whose mean map
# correlates most with the disease *disease-associated*, and hope that it is causal. Here that hope can be tested:
# thinning was computed from P1, P2 and P4, and from nothing else.
#
# First the usual analysis. Each gene belongs to the axis of `"xsg"` on which it loads most; a module's map is the mean of
# its genes' z-scores, signed by their loading.

# %%
axes_, loadings = likeness["xsg"]
member = loadings.abs().idxmax(axis=1)
module_maps = pd.DataFrame(
    {
        program: (z_scores[:, member == program] * np.sign(loadings.loc[member == program, program].to_numpy())).mean(
            axis=1
        )
        for program in truth.programs
    },
    index=genes.index,
)
modules = pd.DataFrame(
    {
        "genes": member.value_counts().reindex(truth.programs.columns),
        "r with thinning": module_maps.corrwith(thinning),
        "acts": ["yes" if program in truth.relevant else "no" for program in truth.programs],
    }
).rename_axis("module near")
modules.round(2)

# %% [markdown]
# P1 is found at once, P2 weakly, and P4 not at all: it acts only *together* with P2 (the term $0.3\, P_2 P_4$), so its own
# map need not resemble thinning. Among the modules that do nothing, some correlate more strongly than P4 does. Smooth maps
# over 68 regions often correlate; a correlation is not a cause, in either direction.
#
# Now ask the fitted model. If it has learned the mechanism, then taking a program *out of the genes* must change the
# predicted thinning as it changes the true one. Let $P_{ik}$ be the value of true program $k$ in region $i$ and $B_{kg}$ the
# slope of gene $g$ on it. The virtual experiment is
#
# $$ x_{ig} \to x_{ig} - B_{kg} P_{ik}, \qquad \text{then predict again}, $$
#
# and the truth is the simulator's equation with $P_k = 0$. One thing must be kept fair: half of the genes follow P1 and few
# follow P6, so removing P1 is a larger change of the genes. A model that knows nothing of the mechanism, and reacts to
# *any* change of its input, would react to P1 most. So we divide, both as root mean squares: change of thinning (µm) per
# change of the genes (in standard deviations). We call it the **sensitivity**. A model that knows the mechanism has none to
# P3, P5 and P6; a model that reacts to anything has the same to all.


# %%
def removal(cortex: xsg.Cortex, predict) -> pd.DataFrame:
    """Take each true program out of the genes: RMS change of predicted thinning (mm) and of the genes (sd)."""
    p, x = cortex.truth.programs, cortex.expression
    slopes = np.linalg.lstsq(np.c_[np.ones(len(p)), p], x, rcond=None)[0][1:]
    taken = {name: np.outer(p[name], slope) for name, slope in zip(p, slopes, strict=True)}
    change = {name: np.sqrt(np.mean((predict(x - part) - predict(x)) ** 2)) for name, part in taken.items()}
    size = {name: np.sqrt(np.mean((part / x.std(ddof=0).to_numpy()) ** 2)) for name, part in taken.items()}
    return pd.DataFrame({"change": change, "size": size})


def true_removal(cortex: xsg.Cortex) -> pd.Series:
    """RMS change of true thinning (mm) when a program is set to zero, at the scale of the whole map."""

    def unscaled(p):  # vulnerability() rescales each map to a mean of 0.12 mm, which would hide a change of the mean
        u = np.logaddexp(0, 1.5 * p["P1"]) + 0.8 * np.tanh(1.5 * p["P2"]) + 0.3 * p["P2"] * p["P4"]
        return np.logaddexp(0, u)

    p = cortex.truth.programs
    scale = vulnerability(p).mean() / unscaled(p).mean()
    changes = {name: scale * (unscaled(p.assign(**{name: 0.0})) - unscaled(p)) for name in p}
    return np.sqrt((pd.DataFrame(changes) ** 2).mean())


rows = []
for seed in tqdm(range(N_CORTICES), desc="cortices"):
    other = xsg.load_cortex("simulated", seed=SEED + seed)
    fits = {
        preset: models[preset][0]
        if seed == 0
        else CrossScaleVAE.from_preset(preset).fit(other.expression, other.thinning, graph=other.graph)
        for preset in models
    }
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 5, 11))).fit(other.expression, other.thinning)
    answers = {"ridge": removal(other, ridge.predict)}
    answers |= {preset: removal(other, fit.predict) for preset, fit in fits.items()}
    answers["truth"] = answers["ridge"].assign(change=true_removal(other))
    for who, answer in answers.items():
        sensitivity = 1000 * answer["change"] / answer["size"]
        rows += [(who, SEED + seed, program, value) for program, value in sensitivity.items()]
removed = pd.DataFrame(rows, columns=["who", "cortex", "program", "sensitivity"])

# %% mystnb={"image": {"alt": "Sensitivity of thinning to the removal of each of six programs, on eight simulated cortices, for truth, ridge, paper and xsg. In truth P1 and P2 have about 110 micrometres per standard deviation, P4 70, the others none. Ridge follows P1 and P2 and has little for the rest. Both graph models have sensitivities of 100 to 230 to all six programs alike, with a wide spread between cortices."}}
figure, axes = plt.subplots(1, 4, figsize=(11, 3.2), layout="constrained", sharey=True)
colour = ["C2" if program in truth.relevant else "0.7" for program in truth.programs]
for ax, who in zip(axes, ["truth", "ridge", "paper", "xsg"], strict=True):
    part = removed[removed.who == who].pivot(index="cortex", columns="program", values="sensitivity")
    ax.bar(part.columns, part.median(), color=colour)
    for number, row_ in enumerate(part.to_numpy()):
        ax.plot(part.columns, row_, "o", ms=3.5, color="0.2", alpha=0.7, label="one cortex" if number == 0 else None)
    ax.set(title=who, xlabel="program removed")
axes[0].set_ylabel("sensitivity (µm per sd of genes)")
_ = axes[0].legend()

# %% tags=["nbval-check-output"]
table = removed.pivot_table(index=["who", "cortex"], columns="program", values="sensitivity")
spurious = table[idle_programs].mean(axis=1)
claim("programs-modules-p1", abs(modules.loc["P1", "r with thinning"]))
claim("programs-modules-p4", abs(modules.loc["P4", "r with thinning"]))
claim("programs-modules-p6", abs(modules.loc["P6", "r with thinning"]))
claim("programs-removal-ridge-p1", (table["P1"] / spurious)["ridge"].median())
claim("programs-removal-ridge-p2", (table["P2"] / spurious)["ridge"].median())
claim("programs-removal-ridge-p4", (table["P4"] / spurious)["ridge"].median())
claim("programs-removal-xsg-p1", (table["P1"] / spurious)["xsg"].median())
claim("programs-removal-xsg-p2", (table["P2"] / spurious)["xsg"].median())
claim("programs-removal-xsg-p4", (table["P4"] / spurious)["xsg"].median())
claim("programs-removal-paper-p1", (table["P1"] / spurious)["paper"].median())
claim("programs-removal-paper-p4", (table["P4"] / spurious)["paper"].median())
claim("programs-removal-xsg-excess", (table.loc["xsg", "P1"] / table.loc["truth", "P1"]).median())

# %% [markdown]
# Green programs act, grey ones do not; a bar is the median over eight cortices, a dot is one cortex. In the usual analysis the module near P1 has |r| =
# 0.82<!-- claim:programs-modules-p1 -->, that of P4, which acts, 0.02<!-- claim:programs-modules-p4 -->, and that of P6, which
# does not, 0.18<!-- claim:programs-modules-p6 -->.
#
# **Ridge tells** two of the three causes from the rest: its sensitivity to P1 and P2 is 4.2<!-- claim:programs-removal-ridge-p1 --> and
# 4.8<!-- claim:programs-removal-ridge-p2 --> times that to the programs that do nothing (medians over cortices). To P4 it is
# 1.5<!-- claim:programs-removal-ridge-p4 --> times: a linear model cannot represent an interaction.
#
# **The graph VAE hardly does.** For `"xsg"` the three ratios are 1.4<!-- claim:programs-removal-xsg-p1 -->,
# 1.3<!-- claim:programs-removal-xsg-p2 --> and 1.2<!-- claim:programs-removal-xsg-p4 -->, for `"paper"`
# 1.4<!-- claim:programs-removal-paper-p1 --> with P1 and 0.9<!-- claim:programs-removal-paper-p4 --> with P4, and the dots of
# single brains overlap throughout. It also overreacts: `"xsg"` moves 2.2<!-- claim:programs-removal-xsg-excess --> times as
# far as the truth when P1 is removed. A model with an in-sample $R^2$ near 1, whose programs resemble the true ones, need
# not have learned which of them act. Programs that are there to be *decoded* into genes are found because the genes hold
# them, not because the disease does.
#
# A warning of our own. We first made this experiment on one brain, and without dividing by the size of the change. With
# `"xsg"`, P1, P2 and P4 came out on top of the other three: a perfect story. On eight brains P4 was gone; after the division,
# most of the rest was, too.

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | latent programs with meaning, as far as it is described: clusters of regions and disease-associated modules | the six-dimensional *space* of the programs of `"xsg"` repeats over seeds (sixth canonical correlation 0.79<!-- claim:programs-xsg-sixth-angle -->), that of `"paper"` in its first directions only (sixth 0.3<!-- claim:programs-paper-sixth-angle -->); single programs do not (0.68<!-- claim:programs-one-to-one -->) | the loss does not know axes; no code or seeds are public, so we cannot tell how the paper dealt with it |
# | 64 programs | an effective dimension of 2.8<!-- claim:programs-paper-dimension --> | our reading: thinning needs few, and the smoothness term makes each program pay for existing |
# | clusters of regions | stable (ARI 1.00<!-- claim:programs-xsg-cluster-stability -->), not apart (silhouette 0.17<!-- claim:programs-xsg-silhouette -->) | our truth is continuous; k-means always returns clusters |
# | modules associated with the disease | **in-sample**, on eight simulated brains: sensitivity to acting over idle programs 1.4<!-- claim:programs-removal-xsg-p1 --> (P1) and 1.2<!-- claim:programs-removal-xsg-p4 --> (P4) for `"xsg"`; ridge has 4.2<!-- claim:programs-removal-ridge-p1 --> for P1 | our reading: 68 regions and one map leave a flexible model free to use any smooth pattern |
# | – | PCA of expression matches the true programs better (correlation at least 0.98<!-- claim:programs-pca-likeness-worst -->) than either preset | genes are nearly linear in the programs in our simulator, which suits PCA |
#
# Everything here is **simulated**, and all fits are **in-sample**: programs are read off regions the model was trained on.
# [Training](06_training.ipynb) has the recovery of the programs, read off by a map that is held out. The bar by which chance is judged is given as
# *smooth noise* in the figure of canonical correlations, and as *chance* in that of precision. On the real brain the truth is
# missing, so the axes could not even be paired.

# %% [markdown]
# ## Key takeaways
#
# - A latent program has no number, sign or direction; the space is what is learned: [what a program is](#what-a-program-is).
# - Count directions, not programs; the usual KL count fails under a smoothness term:
#   [how many programs are used?](#how-many-programs-are-used)
# - Compare models by canonical correlations of few main directions, against noise:
#   [comparing two models](#comparing-two-models).
# - Clusters can be stable without being real: [clusters of regions](#clusters-of-regions).
# - The genes behind the simulated programs are found, by PCA better than by the VAE:
#   [the genes behind a program](#the-genes-behind-a-program).
# - A module that acts may not correlate, and a model that fits may not know which modules act; one brain can mislead:
#   [which module acts?](#which-module-acts)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: Procrustes
#
# Find the rotation that best turns the six main directions of one `"xsg"` model into those of another (the *orthogonal
# Procrustes problem*: with the singular value decomposition $A^\top B = U S V^\top$ the answer is $R = U V^\top$). For each of
# the six directions, call the absolute correlation of the two models before the rotation `agree_before` and after it
# `agree_after`.
#
# <details><summary>Hint</summary>
#
# The columns of `main_space(…)` have mean 0 and length 1, so that the correlation of two of them is their inner product.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
a, b = main_space(programs["xsg"][0].to_numpy()), main_space(programs["xsg"][1].to_numpy())
left, _, right = np.linalg.svd(a.T @ b)
agree_before = np.abs((a * b).sum(axis=0))
agree_after = np.abs(((a @ left @ right) * b).sum(axis=0))
print("before", agree_before.round(2), " after", agree_after.round(2))
# Principal directions are ordered by variance, so most agree even before, up to sign; the rotation mends the rest.

# %% tags=["check"]
assert np.shape(agree_before) == np.shape(agree_after) == (6,), "both need a value for each of the six directions"
assert np.min(agree_before) >= 0, "agree_before holds a negative value; take the sign off"
assert np.mean(agree_after) > np.mean(agree_before), "the rotation should raise the agreement on average"
assert 0.7 < np.min(agree_after) <= np.max(agree_after) < 1.001, (
    f"after it, the worst direction agrees {np.min(agree_after):.2f}; expected all six between 0.7 and 1"
)

# %% [markdown]
# ### Exercise 2: clusters of nothing
#
# Draw programs that are pure noise over regions (68 × 6 normal numbers of `np.random.default_rng(1)`), mix each region
# with its neighbours twice, and cluster the regions into three with ten different starts of k-means. Call the mean ARI of
# all pairs of starts `noise_stability` and the silhouette of the first grouping `noise_silhouette`. Are the clusters stable?
# Are they real?
#
# <details><summary>Hint</summary>
#
# Multiplied by `graph.normalised()`, regions and their neighbours are mixed once. `KMeans(3, n_init=10, random_state=start)` is one start;
# `combinations` gives the pairs.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
smoothing = graph.normalised()
nothing = smoothing @ smoothing @ np.random.default_rng(1).standard_normal((68, 6))
starts = [KMeans(3, n_init=10, random_state=start).fit_predict(nothing) for start in range(10)]
noise_stability = np.mean([adjusted_rand_score(first, second) for first, second in combinations(starts, 2)])
noise_silhouette = silhouette_score(nothing, starts[0])
print(f"ARI between starts {noise_stability:.2f}, silhouette {noise_silhouette:.2f}")
# Smooth noise is cut at nearly the same places each time, with a silhouette like that of the fitted programs.

# %% tags=["check"]
assert 0.5 < noise_stability <= 1.001, (
    f"noise_stability is {noise_stability:.2f}; expected above 0.5: the same noise each time?"
)
assert 0 < noise_silhouette < 0.5, (
    f"noise_silhouette is {noise_silhouette:.2f}; expected under 0.5: there are no groups"
)

# %% [markdown]
# ### Exercise 3: the genes that correlate most
#
# Take the 50 genes that correlate most with thinning over regions, whatever the sign. Of these, call the share that truly
# follow P1 more than any other program `share_p1`, and the share that follow P2 or P4 most `share_p2_p4`. What would a study
# conclude about P2 and P4?
#
# <details><summary>Hint</summary>
#
# `genes.corrwith(thinning)` correlates all columns at once. `truth.loadings` has a row for each program and a column for each
# gene; `idxmax` gives the name of the largest.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
strongest = genes.corrwith(thinning).abs().nlargest(50).index
main_program = truth.loadings[strongest].abs().idxmax()
share_p1, share_p2_p4 = (main_program == "P1").mean(), main_program.isin(["P2", "P4"]).mean()
print(main_program.value_counts().to_dict())
# Nearly all follow P1: the list is precise, and silent about the two other programs that act.

# %% tags=["check"]
assert 0.9 < share_p1 <= 1, f"share_p1 is {share_p1:.2f}; expected above 0.9: 50 genes, absolute correlations, a share"
assert 0 <= share_p2_p4 <= 1 - share_p1 + 1e-9, f"share_p2_p4 is {share_p2_p4:.2f}; with share_p1 it cannot exceed 1"

# %% [markdown]
# ## See also
#
# - [Which genes?](12_genes.ipynb): the genes behind a map on the real brain, with nulls for lists and pathways.
# - [Training it, and the headline](06_training.ipynb#are-these-the-programs-that-were-there): recovery of the programs, held out.
# - [Neighbours, trees and pathways](17_neighbours.ipynb): a decoder whose programs are named by construction.
# - [The cross-scale model](../book/model_cross_scale.md): all its symbols on one page.
#
# ## References
#
# - Björck Å, Golub GH (1973). Numerical methods for computing angles between linear subspaces. *Mathematics of Computation*
#   27:579. [doi:10.1090/S0025-5718-1973-0348991-3](https://doi.org/10.1090/S0025-5718-1973-0348991-3)
# - Burda Y, Grosse R, Salakhutdinov R (2016). Importance weighted autoencoders. *ICLR*.
#   [arXiv:1509.00519](https://arxiv.org/abs/1509.00519)
# - Hubert L, Arabie P (1985). Comparing partitions (the adjusted Rand index). *Journal of Classification* 2:193.
#   [doi:10.1007/BF01908075](https://doi.org/10.1007/BF01908075)
# - Kaiser HF (1958). The varimax criterion for analytic rotation in factor analysis. *Psychometrika* 23:187.
#   [doi:10.1007/BF02289233](https://doi.org/10.1007/BF02289233)
# - Kaufman L, Rousseeuw PJ (1990). *Finding Groups in Data: An Introduction to Cluster Analysis*. Wiley.
#   [doi:10.1002/9780470316801](https://doi.org/10.1002/9780470316801)
# - Vaithianathan (2026). The cross-scale model that this part follows.
#   [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
