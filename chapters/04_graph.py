# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: []}
# ---

# %% [markdown]
# # 4. The cortical graph
#
# *Prerequisites: [the thinning map](03_vulnerability.ipynb); matrices and eigenvectors. Time: 55 minutes to read,
# 20 seconds to run.*
#
# ## What you will learn
#
# - what a parcellation is, and how regions that touch become a graph;
# - how far apart regions are, straight through the brain and along its surface;
# - the two matrices that graph models are built of, the normalised adjacency and the Laplacian, and what each *does* to
#   a map;
# - how much of a map survives one and two graph convolutions, which is the key to what the model of the next chapters can
#   and cannot see;
# - how to tell whether a map is smooth on the graph, and against what to compare.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0  # of the simulated cortex and of the permutations
N_PERMUTATIONS = 5000  # maps in each null

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.collections import LineCollection
from matplotlib.colors import ListedColormap
from sklearn.cluster import KMeans
from torch_geometric.nn import GCNConv

import xsg
from xsg.atlas import Graph, Parcellation, align, build_graph, distances, mesh
from xsg.claims import claim
from xsg.evaluation.nulls import p_text
from xsg.plotting import brain, glass_graph, use_style

use_style()
torch.set_num_threads(1)
cortex = xsg.load_cortex("simulated", seed=SEED)

# %% [markdown]
# ## The question in a picture
#
# A table of 68 regions knows nothing of where they are. Swap two rows and no regression will notice. But the cortex is a
# sheet: a region has neighbours, and neighbours resemble each other, in what they express
# ([chapter 2](02_expression.ipynb#near-is-alike)) and perhaps in how they thin, which this chapter tests. A **graph**
# gives that knowledge to a model: regions are its nodes, and an edge joins two regions that are neighbours. What is a
# neighbour, how does the model use it, and what does it cost?
#
# First, the regions. A **parcellation** divides the cortical sheet into named pieces. Ours is that of
# [Desikan, Killiany and colleagues (2006)](https://doi.org/10.1016/j.neuroimage.2006.01.021), who drew 34 regions in each
# hemisphere along the folds that most people share. On the brain below, each lobe has a colour, and each of its regions a
# shade of it.

# %% mystnb={"image": {"alt": "The Desikan–Killiany regions on four views of the brain. Each lobe has a colour, frontal, cingulate, insula, temporal, parietal and occipital, and each region a shade of it; the medial wall is grey."}}
dk = cortex.parcellation
lobes = ["frontal", "cingulate", "insula", "temporal", "parietal", "occipital"]
left = dk.table[dk.table["hemisphere"] == "L"]
by_lobe = [region[2:] for lobe in lobes for region in left.index[left["lobe"] == lobe]]
sizes = left["lobe"].value_counts()[lobes].to_numpy()
hues = sns.color_palette("colorblind", 8)
shades = [
    tuple(1 - share * (1 - np.array(hue)))
    for hue, size in zip([hues[i] for i in (0, 4, 7, 1, 2, 3)], sizes, strict=True)
    for share in np.linspace(1, 0.45, size)
]
number = pd.Series({region: float(by_lobe.index(region[2:])) for region in dk.regions})

fig = brain(number, "lobe", cmap=ListedColormap(shades), limits=(-0.5, 33.5))
bar = fig.axes[-1]
bar.set_position([0.88, 0.12, 0.018, 0.74])
bar.set_yticks(np.cumsum(sizes) - sizes / 2 - 0.5, lobes, fontsize=8)
bar.set_ylabel("")
plt.show()

# %% [markdown]
# ## Parcellation, surface, mesh
#
# The sheet is stored as a **mesh**: points (*vertices*) in space and triangles between them. We use *fsaverage5*, a
# template with 10,242 vertices a hemisphere that has the same points on several surfaces: the real outer surface (*pial*),
# one inflated like a balloon so that the folds open, and a sphere. A map that is painted on one can be shown on all.
#
# The parcellation is then no more than a list with a region for each vertex, and a table with a row for each region; here
# is one row for each lobe, with the region's centre in mm and its number of vertices. Vertices of the **medial
# wall**, where the hemisphere is joined to the rest of the brain, belong to no region.

# %%
dk.table.groupby("lobe").head(1).astype({"x": float, "y": float, "z": float}).round(1)

# %%
vertices = dk.table["n_vertices"]
print(f"{len(dk.labels):,} vertices, {(dk.labels < 0).sum():,} of them in no region; {len(dk.regions)} regions")
print(
    f"smallest: {vertices.idxmin()} with {vertices.min()} vertices; largest: {vertices.idxmax()} with {vertices.max()}"
)

# %% [markdown]
# Sizes differ by a factor of more than thirty, something to remember when every region counts as one row.
#
# ## Neighbours: shared mesh edges
#
# Two regions are neighbours if a side of some triangle runs from a vertex of one to a vertex of the other. Here is a
# piece of the left hemisphere, laid flat, where several regions meet. Dark lines are the sides that cross a border.

# %% mystnb={"image": {"alt": "A patch of the triangular mesh of the left hemisphere above and below the Sylvian fissure. Vertices are coloured by region: insula, transverse temporal, superior temporal, supramarginal and precentral. Triangle sides that join two regions are drawn dark along the borders."}}
part = mesh("sphere").parts["left"]
points = part.coordinates / 100  # a sphere of radius 1
labels = dk.labels[: len(points)]
centre = points[labels == dk.regions.get_loc("L_transversetemporal")].mean(axis=0)
centre /= np.linalg.norm(centre)
up = np.array([0, 0, 1]) - centre[2] * centre
up /= np.linalg.norm(up)
flat = points @ np.stack([np.cross(up, centre), up], axis=1) * 100  # the plane that touches the sphere there, in mm
near = (points @ centre > 0.7) & (np.abs(flat) < [46, 34]).all(axis=1)

sides = np.concatenate([part.faces[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
sides = np.unique(np.sort(sides[near[sides].all(axis=1)], axis=1), axis=0)
crossing = (labels[sides[:, 0]] != labels[sides[:, 1]]) & (labels[sides] >= 0).all(axis=1)

fig, ax = plt.subplots(figsize=(8, 6), layout="constrained")
ax.add_collection(LineCollection(flat[sides[~crossing]], colors="0.85", linewidths=0.8, zorder=0))
ax.add_collection(LineCollection(flat[sides[crossing]], colors="0.1", linewidths=1.3, zorder=1))
shown = pd.Series(labels[near]).value_counts()
for hue, (row, count) in zip(hues, shown.items(), strict=False):
    here = near & (labels == row)
    ax.scatter(*flat[here].T, color=hue, s=12, zorder=2)
    if row >= 0 and count > 12:  # the others only just reach into the picture
        name, box = dk.regions[row][2:], {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5}
        ax.text(*np.median(flat[here], axis=0), name, ha="center", va="center", fontsize=10, zorder=3, bbox=box)
ax.set(
    xlim=(-46, 46),
    ylim=(-34, 34),
    aspect="equal",
    xlabel="position on the sphere (mm)",
    ylabel="position on the sphere (mm)",
)
plt.show()

# %% [markdown]
# Collecting these sides over the whole mesh gives the **adjacency** matrix $A$: $A_{ij} = 1$ if regions $i$ and $j$
# touch, else 0. By hand, it takes a few lines:

# %%
faces = np.concatenate([mesh("pial").parts[side].faces + start for side, start in (("left", 0), ("right", 10242))])
pairs = dk.labels[np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])]
pairs = pairs[(pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])]
A = np.zeros((68, 68))
A[pairs[:, 0], pairs[:, 1]] = A[pairs[:, 1], pairs[:, 0]] = 1

surface_graph = build_graph(dk, homotopic=False)
assert np.array_equal(A, surface_graph.adjacency)
assert np.array_equal(A, A.T)
assert not A.diagonal().any()

# %% [markdown]
# The two hemispheres do not touch: on the surface alone, the graph falls into two **components**, and nothing that a model
# learns on the left could ever reach the right. Yet homologous regions, the same one on either side, are as alike as any
# two regions are. Fibres through the corpus callosum join the two sides, and where they are cut, the activity of the two
# loses much of its correlation ([Roland et al. 2017](https://doi.org/10.1073/pnas.1707050114)). So we add an edge between
# every region and its homologue, a **homotopic** edge: the blue ones below.

# %% mystnb={"image": {"alt": "The graph drawn over the regions' centres. From above: two hemispheres with grey edges within each and blue edges straight across between homologous regions. Left hemisphere from the side: a net of grey edges that covers it without gaps."}}
graph = build_graph(dk)  # homotopic=True, weights="binary"
fig = glass_graph(graph)
plt.show()

# %% tags=["nbval-check-output"]
hemisphere = dk.table["hemisphere"].to_numpy()
in_left = (hemisphere[surface_graph.edges] == "L").all(axis=0)
claim("graph-edges-left", in_left.sum())
claim("graph-edges-right", (~in_left).sum())
claim("graph-components-surface", surface_graph.n_components)
claim("graph-edges", graph.edges.shape[1])
claim("graph-components", graph.n_components)
claim("graph-mean-degree", graph.adjacency.sum(axis=1).mean())

# %% [markdown]
# There are 87<!-- claim:graph-edges-left --> edges on the left and 88<!-- claim:graph-edges-right --> on the right (the
# sides of a brain are not quite mirror images), in 2<!-- claim:graph-components-surface --> components. With 34 homotopic
# edges they become 209<!-- claim:graph-edges --> edges in 1<!-- claim:graph-components --> component, and a region has
# 6.1<!-- claim:graph-mean-degree --> neighbours on average.

# %% [markdown]
# ## Distances
#
# Neighbour or not is a coarse answer. Distance is a finer one, of which there are two kinds. The **Euclidean** distance
# goes straight from centre to centre, through whatever is between. The **geodesic** distance follows the folded sheet.
# Two regions on opposite banks of a deep fold are close in space and far along the surface, and between the hemispheres
# there is no path along the surface at all. Each dot on the left is a pair of regions on the same side; on the grey line
# both distances would be equal. On the right is their ratio.

# %% mystnb={"image": {"alt": "Left: geodesic against Euclidean distance for all pairs of regions in the same hemisphere; nearly all points lie above the line of identity, pairs that touch at the lower left. Right: histogram of the ratio of the two, from about 1 to 4, with its median at 1.9."}}
straight, along = distances(dk), distances(dk, "geodesic")
i, j = np.triu_indices(68, 1)
same_side = np.isfinite(along.to_numpy()[i, j])
i, j = i[same_side], j[same_side]
d_straight, d_along = straight.to_numpy()[i, j], along.to_numpy()[i, j]
touch = surface_graph.adjacency[i, j] > 0

fig, axes = plt.subplots(1, 2, figsize=(9.5, 3.9), layout="constrained")
axes[0].plot([0, 145], [0, 145], color="0.6", lw=1)
axes[0].scatter(d_straight[~touch], d_along[~touch], s=9, color="0.6", label="do not touch")
axes[0].scatter(d_straight[touch], d_along[touch], s=14, color="C0", label="touch")
axes[0].set(xlabel="Euclidean distance (mm)", ylabel="geodesic distance (mm)", xlim=(0, 150), ylim=(0, 270))
axes[0].legend(loc="upper left")
ratio = d_along / d_straight
axes[1].hist(ratio, np.arange(0.8, 4.2, 0.1), color="0.7")
axes[1].axvline(np.median(ratio), color="C1", lw=2.5, label="median")
axes[1].set(xlabel="geodesic / Euclidean distance", ylabel="pairs of regions")
axes[1].legend()
plt.show()

# %% tags=["nbval-check-output"]
claim("graph-distance-ratio", np.median(ratio))
claim("graph-touching-distance", np.median(d_straight[touch]))

# %% [markdown]
# Along the surface it is 1.87<!-- claim:graph-distance-ratio --> times as far as straight through, in the median. Regions that
# touch have centres 34<!-- claim:graph-touching-distance --> mm apart. (A few ratios lie a little under one: the centre of a
# curved region lies off the sheet, so the path starts at the vertex nearest to it.) Which distance is right depends on
# the question. What diffuses within the sheet sees the geodesic one; white matter, which cuts across, is nearer the
# Euclidean.

# %% [markdown]
# ## Edge weights
#
# A model may be told more than who touches whom. `build_graph` knows three weightings:
#
# | `weights` | an edge weighs | it says |
# |---|---|---|
# | `"binary"` | 1 | these regions are neighbours |
# | `"distance"` | $e^{-d_{ij}/\ell}$, with $\ell$ = 20 mm | near neighbours count more |
# | `"connectome"` | the strength of the white-matter connection | these regions talk to each other |
#
# Here $d_{ij}$ is the Euclidean distance and $\ell$ a length that we chose. The last needs a measured connectome, a table of
# how strongly regions are connected, which this chapter does not have. To show how one is passed in, we make a **toy**:
# strengths that fall off exponentially with distance, as tracers show them to do in the macaque
# ([Ercsey-Ravasz et al. 2013](https://doi.org/10.1016/j.neuron.2013.07.036)), times log-normal noise, of which the
# strongest 15 % are kept. It is made of distances and carries no information about anybody's fibres. The three matrices
# below have a row and a column for each region, the left hemisphere first; the two diagonal stripes of the first are the
# homotopic edges.

# %%
rng = np.random.default_rng(SEED)
noise = rng.normal(0, 0.5, (68, 68))
toy = np.exp(-straight / 30 + (noise + noise.T) / np.sqrt(2)) * (1 - np.eye(68))
toy = toy.where(toy > np.quantile(toy.to_numpy()[np.triu_indices(68, 1)], 0.85), 0)

graphs = {
    "binary": graph,
    "distance": build_graph(dk, weights="distance"),
    "toy connectome": build_graph(dk, weights="connectome", connectome=toy),
}
pd.DataFrame(
    {
        "edges": {name: g.edges.shape[1] for name, g in graphs.items()},
        "components": {name: g.n_components for name, g in graphs.items()},
        "median weight": {
            name: round(np.median(g.weights.to_numpy()[tuple(g.edges)]), 2) for name, g in graphs.items()
        },
    }
)

# %% mystnb={"image": {"alt": "Three 68 by 68 matrices of edge weights, left hemisphere first. Binary: two blocks of equal dots and two diagonal stripes of homotopic edges. Distance: the same pattern, fainter within the blocks. Toy connectome: more and uneven entries, a few of them between the hemispheres."}}
fig, axes = plt.subplots(1, 3, figsize=(10.5, 3.7), layout="constrained")
for ax, (name, g) in zip(axes, graphs.items(), strict=True):
    image = ax.imshow(g.weights, cmap="viridis", vmin=0, vmax=1, interpolation="nearest")
    ax.set(
        xticks=[16.5, 50.5],
        xticklabels=["left", "right"],
        yticks=[16.5, 50.5],
        yticklabels=["left", "right"],
        title=name,
    )
    ax.tick_params(length=0)
fig.colorbar(image, ax=axes, label="edge weight", shrink=0.85)
plt.show()

# %% [markdown]
# From here on we use the binary graph, the simplest and the one that the description of the paper
# ([Vaithianathan 2026](https://arxiv.org/abs/2606.05870)) suggests.

# %% [markdown]
# ## The normalised adjacency
#
# A graph convolution ([Kipf & Welling 2017](https://doi.org/10.48550/arXiv.1609.02907)) replaces the value of each region
# by a weighted sum over itself and its neighbours. Let $x$ be a map, one value a region, and $I$ the identity matrix. The
# plain sum $(A + I)\,x$ would mix each region with its neighbours, but regions with many of them would get large values.
# So it is scaled on both sides by the degrees $\tilde d_i = 1 + \sum_j A_{ij}$, the region itself included, which form the
# diagonal matrix $\tilde D$. With $j \sim i$ for the neighbours $j$ of $i$,
#
# $$\hat A = \tilde D^{-1/2}\,(A + I)\,\tilde D^{-1/2}, \qquad
# (\hat A x)_i = \frac{x_i}{\tilde d_i} + \sum_{j \sim i} \frac{x_j}{\sqrt{\tilde d_i \tilde d_j}}$$

# %%
A = graph.weights.to_numpy()
looped = A + np.eye(68)
scale = np.diag(1 / np.sqrt(looped.sum(axis=1)))
A_hat = scale @ looped @ scale

assert np.allclose(A_hat, graph.normalised())
row_sums = A_hat.sum(axis=1)
print(f"row sums of Â from {row_sums.min():.2f} to {row_sums.max():.2f}")
print(f"eigenvalues of Â from {np.linalg.eigvalsh(A_hat)[0]:.3f} to {np.linalg.eigvalsh(A_hat)[-1]:.3f}")

# %% [markdown]
# The row sums say that this is no mean: a map that is 1 everywhere does not stay so, but comes out larger in regions with
# many neighbours. (Scaled on the left only, by $\tilde D^{-1}$, it would be a mean; then $\hat A$ would not be symmetric.)
#
# The largest eigenvalue is exactly 1, so repeated convolution does not explode, and all others are smaller in size, so
# it shrinks everything but one pattern ([exercise 1](#exercise-1-too-many-steps)).
#
# The same graph goes to [PyTorch Geometric](https://doi.org/10.48550/arXiv.1903.02428), the library for graphs too large
# for a dense matrix. `to_pyg` makes its `Data` object, with both directions of every edge. A `GCNConv` layer on it and a
# product with the dense matrix are the same function:

# %%
data = graph.to_pyg(x=cortex.expression, y=cortex.thinning)
print(data)

layer = GCNConv(910, 5, bias=False)
with torch.no_grad():
    sparse = layer(data.x, data.edge_index, data.edge_weight)
    dense = torch.tensor(A_hat, dtype=torch.float32) @ data.x @ layer.lin.weight.T
assert torch.allclose(sparse, dense, atol=1e-5)

# %% [markdown]
# ## The Laplacian and smoothness
#
# The other matrix is the **Laplacian** $L = D - W$. $W$ holds the weights $w_{ij}$ of the edges (here all 1), and $D$ their
# row sums on its diagonal. It answers the question how much a map $z$ changes along the edges $E$:
#
# $$z^\top L\, z = \sum_{(i,j) \in E} w_{ij}\,(z_i - z_j)^2$$
#
# The right-hand side is the **smoothness term** of the model's loss, each edge counted once. It is zero only if all regions
# of a component are equal.

# %%
W = graph.weights.to_numpy()
L = np.diag(W.sum(axis=1)) - W
assert np.allclose(L, graph.laplacian())

z = cortex.thinning.to_numpy()
z = (z - z.mean()) / z.std()  # standardised: mean 0, variance 1
first, second = graph.edges
assert np.isclose(z @ L @ z, (W[first, second] * (z[first] - z[second]) ** 2).sum())

# %% [markdown]
# The eigenvectors of $L$ are to the graph what sines and cosines are to a line: ordered from smooth to rough, at right
# angles to each other, and enough to build any map of. They are called the graph's **Fourier modes**
# ([Shuman et al. 2013](https://doi.org/10.1109/MSP.2012.2235192)), and the eigenvalue is the squared "frequency". Since
# $u^\top L u$ equals the eigenvalue for an eigenvector $u$ of length one, a small one means little change along the edges.
# Four of them, each with its eigenvalue:

# %% mystnb={"image": {"alt": "Four Laplacian eigenvectors on the brain. Mode 1 goes from front to back. Mode 2 sets the inner face of the hemispheres, around the corpus callosum, against the temporal lobe and the insula. Mode 5 is one constant on the left and the opposite on the right. Mode 67, the roughest, is strong in the left and right superior frontal regions, with opposite signs, and weak elsewhere."}}
eigenvalues, modes = np.linalg.eigh(L)
modes *= np.sign(modes[dk.regions.get_loc("R_frontalpole")])  # an eigenvector has no sign of its own
chosen = [1, 2, 5, 67]
fig = brain(
    pd.DataFrame(
        {f"mode {k}: {eigenvalues[k]:.2f}": modes[:, k] / np.abs(modes[:, k]).max() for k in chosen}, dk.regions
    ),
    "weight, relative to the largest",
)
plt.show()

# %% [markdown]
# Mode 0, not drawn, is constant. Mode 1 is the slowest change there is: from the front of the brain to the back. Mode 2
# goes from the inner face of the hemispheres to the outer. Mode 5 is *left against right*. Its eigenvalue can be worked out in the head: all neighbours on the same side are equal, and the
# one homotopic edge of each region differs by twice its value, so $Lu = 2u$. The roughest mode sits at the region with most
# neighbours, the superior frontal, and sets it against all of them, its own homologue included.
#
# Patterns such as these, computed on fine meshes or on connectomes, are used to describe brain activity
# ([Atasoy et al. 2016](https://doi.org/10.1038/ncomms10340); [Pang et al. 2023](https://doi.org/10.1038/s41586-023-06098-1)).

# %%
left_right = np.where(hemisphere == "L", -1.0, 1.0)
assert np.allclose(L @ left_right, 2 * left_right)
assert dk.regions[A.sum(axis=1).argmax()].endswith("superiorfrontal")

# %% [markdown]
# ## What a convolution does to a map
#
# Now the point of the chapter. The encoder of the model has two graph convolutions, so what it knows of a region has been
# through $\hat A$ twice. What does that do to a map? Take the thinning map itself and leave the weights and
# nonlinearities aside.

# %% mystnb={"image": {"alt": "The standardised thinning map on the brain, after no, one and two graph convolutions, all on one colour scale. The strong spots of the original fade to a broad, pale pattern after one step and to an even paler one after two."}}
once, twice = A_hat @ z, A_hat @ A_hat @ z
steps = pd.DataFrame({"thinning": z, "one step": once, "two steps": twice}, dk.regions)
fig = brain(steps, "standard deviations of the map", limits=(-2.5, 2.5), cmap="vlag")
plt.show()

# %% tags=["nbval-check-output"]
white = np.random.default_rng(SEED).standard_normal((68, 2000))  # maps without any spatial order
claim("graph-kept-one", once.var())
claim("graph-kept-two", twice.var())
claim("graph-kept-noise-one", (A_hat @ white).var(axis=0).mean())
claim("graph-kept-noise-two", (A_hat @ A_hat @ white).var(axis=0).mean())
claim("graph-two-step-r", np.corrcoef(z, twice)[0, 1])

# %% [markdown]
# It blurs. After one step 0.28<!-- claim:graph-kept-one --> of the variance is left, after two
# 0.13<!-- claim:graph-kept-two -->. A map of pure noise keeps 0.13<!-- claim:graph-kept-noise-one --> and
# 0.05<!-- claim:graph-kept-noise-two -->. And it is not only paler but another map: its correlation with the original is
# 0.78<!-- claim:graph-two-step-r -->. What a region has in common with its neighbours comes through; what it has of its own
# fades.
#
# In terms of modes: $\hat A$ has eigenvectors $v_k$ of its own (near those of $L$), and a step multiplies the part of the
# map along $v_k$ by the eigenvalue $\mu_k$. Two steps multiply it by $\mu_k^2$, and its variance by $\mu_k^4$. The graph
# convolution is a **low-pass filter**. (At the very rough end, where $\mu_k$ is negative, a little comes through again, with
# its sign reversed; a second step mends the sign and takes most of that too.) The bars below show in which modes the
# thinning map has its variance (left axis), the two curves how much of a mode gets through (right axis).

# %% mystnb={"image": {"alt": "Share of the thinning map's variance in the 68 modes of the normalised adjacency, ordered from smooth to rough, as bars; two falling curves show the share of variance that a mode keeps after one and after two steps, from 1 at the smooth end to almost nothing by mode 30, and for one step a little more again at the rough end."}}
mu, v = np.linalg.eigh(A_hat)
mu, v = mu[::-1], v[:, ::-1]
power = (v.T @ z) ** 2 / 68
assert np.isclose((mu**2 * power).sum() * 68, once @ once)  # ‖Âz‖² = Σ μ² (v'z)²

fig, ax = plt.subplots(figsize=(8, 3.6), layout="constrained")
ax.bar(range(68), power, color="0.7", label="thinning map, share of variance")
ax.set(xlabel="mode of Â, from smooth to rough", ylabel="share of variance", xlim=(-1, 68))
kept = ax.twinx()
kept.plot(range(68), mu**2, color="C0", lw=2, label="kept after one step, μ²")
kept.plot(range(68), mu**4, color="C1", lw=2, ls="--", label="kept after two steps, μ⁴")
kept.set(ylabel="share kept of the mode", ylim=(0, 1.02))
kept.spines["right"].set_visible(True)
handles = [*ax.get_legend_handles_labels()[0], *kept.get_legend_handles_labels()[0]]
kept.legend(handles, [h.get_label() for h in handles], loc="upper right")
plt.show()

# %% [markdown]
# The six true programs behind the simulated cortex fare differently. By and large, the smoother a program, the more of it
# survives.

# %% mystnb={"image": {"alt": "Bars of the share of variance kept after two steps for the six true programs and the thinning map, between 0.32 for P2 and 0.05 for P6, with a dashed line for noise at 0.05."}}
programs = cortex.truth.programs
kept_two = pd.Series(
    {name: (A_hat @ A_hat @ programs[name]).var(ddof=0) for name in programs} | {"thinning": twice.var()}
)

fig, ax = plt.subplots(figsize=(6.5, 3), layout="constrained")
ax.bar(kept_two.index, kept_two, color=["C0"] * 6 + ["C1"])
ax.axhline((A_hat @ A_hat @ white).var(axis=0).mean(), color="0.3", ls="--", lw=1.2, label="noise")
ax.set(ylabel="variance kept after two steps", xlabel="map (each with variance 1 before)")
ax.legend()
plt.show()

# %% tags=["nbval-check-output"]
claim("graph-kept-p2", kept_two["P2"])
claim("graph-kept-p6", kept_two["P6"])

# %% [markdown]
# Of P2 0.32<!-- claim:graph-kept-p2 --> of the variance is left, of P6 0.05<!-- claim:graph-kept-p6 -->, no more than of
# noise. Keep this figure in mind for [the chapter on training](06_training.ipynb), where the recovered programs are compared
# with the true ones.
#
# To be fair to the graph: $\hat A$ has an inverse, so nothing is lost for good. A weight matrix can turn faint parts up
# again, and that is how the model fits the training regions almost perfectly. But what is faint has to be turned up
# together with whatever noise is as faint. If the truth is smooth, the filter removes more noise than signal, and
# helps. If it is not, it hurts.

# %% [markdown]
# ## Is the thinning map smooth?
#
# So is it? The **Laplacian quotient** measures it,
#
# $$q(z) = \frac{z^\top L z}{z^\top z} \quad (\text{mean } z = 0),$$
#
# the change along the edges for each unit of variance; small is smooth. Its better-known relative is
# [Moran's $I$](https://doi.org/10.1093/biomet/37.1-2.17), $\frac{n}{\sum_{ij} w_{ij}} \frac{z^\top W z}{z^\top z}$, which
# resembles a correlation between neighbours; large is smooth.
#
# A number alone says nothing. We compare with maps that have the same values in other places, and here one has to
# choose. Shuffling *all* 68 regions also separates homologues, which are alike for a reason that has nothing to do with
# neighbourhood. Shuffling the 34 **pairs**, both sides in the same way, keeps them together. It is the fairer question: is
# the map smooth *along the surface*?


# %%
def quotient(maps: np.ndarray) -> np.ndarray:
    """Laplacian quotient of maps in columns (n, m)."""
    maps = maps - maps.mean(axis=0)
    return (maps * (L @ maps)).sum(axis=0) / (maps**2).sum(axis=0)


rng = np.random.default_rng(SEED)
regions_shuffled = np.stack([rng.permutation(z) for _ in range(N_PERMUTATIONS)], axis=1)
orders = np.stack([rng.permutation(34) for _ in range(N_PERMUTATIONS)], axis=1)
pairs_shuffled = np.concatenate([z[:34][orders], z[34:][orders]])

observed = quotient(z[:, None])[0]
nulls = {"regions shuffled": quotient(regions_shuffled), "pairs shuffled": quotient(pairs_shuffled)}
# The observed map counts as one of its own shuffles: a p-value is never zero.
p_values = {name: (1 + (null <= observed).sum()) / (1 + len(null)) for name, null in nulls.items()}

W_surface = surface_graph.weights.to_numpy()
moran = 68 / W_surface.sum() * (z @ W_surface @ z) / (z @ z)
print(f"quotient {observed:.2f}; Moran's I along the surface {moran:.2f}")
for name, p in p_values.items():
    print(f"{name}: mean {nulls[name].mean():.2f}, {p_text(p, len(nulls[name]), 'p')}")

# %% mystnb={"image": {"alt": "Histograms of the Laplacian quotient of shuffled maps: with regions shuffled around 6.2, with pairs shuffled around 5.3. The thinning map, at 3.7, lies below both, in the far tail of the second."}}
fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
bins = np.linspace(2.8, 8.2, 70)
for (name, null), colour in zip(nulls.items(), ("0.75", "C0"), strict=True):
    ax.hist(null, bins, color=colour, alpha=0.65, label=name)
ax.axvline(observed, color="C1", lw=2.5, label="thinning map")
ax.set(xlabel="Laplacian quotient (small = smooth)", ylabel=f"shuffled maps of {N_PERMUTATIONS:,}")
ax.legend()
plt.show()

# %% tags=["nbval-check-output"]
claim("graph-quotient", observed)
claim("graph-quotient-regions", nulls["regions shuffled"].mean())
claim("graph-quotient-pairs", nulls["pairs shuffled"].mean())
claim("graph-pairs-p", p_values["pairs shuffled"])
claim("graph-moran", moran)

# %% [markdown]
# The quotient of the thinning map is 3.73<!-- claim:graph-quotient -->. Maps with all regions shuffled have
# 6.2<!-- claim:graph-quotient-regions --> on average, and none of them comes near. But with pairs shuffled it is
# 5.3<!-- claim:graph-quotient-pairs -->, and $p$ = 0.008<!-- claim:graph-pairs-p -->. So a good part of the apparent smoothness is
# the likeness of the hemispheres. What is left is real and modest: Moran's $I$ along the surface is
# 0.17<!-- claim:graph-moran -->.
#
# A modest smoothness is what makes the graph a mixed blessing for this cortex. The
# [previous section](#what-a-convolution-does-to-a-map) showed the price, and [the model](05_graph_vae.ipynb) pays it.

# %% [markdown]
# ## Any other parcellation
#
# Nothing above depends on Desikan and Killiany. Any labelling of the vertices makes a parcellation: a published one such as
# [Schaefer et al. (2018)](https://doi.org/10.1093/cercor/bhx179), or one of your own. Here, k-means cuts the left
# hemisphere into 40 regions of similar size, and the right one into their mirror images. The colour is a region's number of
# neighbours.

# %%
K = 40
sphere = {side: mesh("sphere").parts[side].coordinates for side in ("left", "right")}
cortical = {"left": dk.labels[:10242] >= 0, "right": dk.labels[10242:] >= 0}
clusters = KMeans(K, n_init=1, random_state=SEED).fit(sphere["left"][cortical["left"]])
labels = np.full(20484, -1)
labels[:10242][cortical["left"]] = clusters.labels_
labels[10242:][cortical["right"]] = K + clusters.predict(sphere["right"][cortical["right"]] * np.float32([-1, 1, 1]))

names = {k: f"{'L' if k < K else 'R'}_{k % K + 1:02d}" for k in range(2 * K)}
kmeans = Parcellation.from_labels("k-means 40", labels, names)
other = build_graph(kmeans).check(connected=True)
print(f"{len(kmeans.regions)} regions, {other.edges.shape[1]} edges, {other.n_components} component")

# %% mystnb={"image": {"alt": "The k-means parcellation on four views of the brain: patches of similar size, coloured by the number of their neighbours, from 4 to 8, fewest along the medial wall."}}
degree = pd.Series(other.adjacency.sum(axis=1), kmeans.regions)
fig = brain(degree, "neighbours", parcellation=kmeans)
plt.show()

# %% [markdown]
# ## What is refused
#
# A wrong graph does not crash a model; it quietly makes it worse. So the checks are part of the object. Three that catch
# most accidents:

# %%
directed = graph.weights.copy()
directed.loc["L_insula", "L_cuneus"] = 1.0  # one direction only

mistakes = {
    "not symmetric": lambda: Graph(directed),
    "not connected": lambda: surface_graph.check(connected=True),
    "a wrong name": lambda: align(cortex.thinning.rename({"L_insula": "L_insular"}), graph.regions, "thinning"),
}
for what, attempt in mistakes.items():
    try:
        attempt()
    except ValueError as error:
        print(f"{what}:\n{textwrap.indent(textwrap.fill(str(error), 84), '    ')}\n")

# %% [markdown]
# The last one matters most. Tables are matched by *name*, never by position. Two tables in different order would
# otherwise give a result, only a wrong one.

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | a graph over 68 Desikan–Killiany regions with spatial smoothness | 209<!-- claim:graph-edges --> edges, one component | the abstract does not say what an edge is. Shared borders plus homotopic edges are our choice |
# | neighbouring regions are regularised to have similar programs | on the simulated cortex the map is smooth along the surface, modestly: $p$ = 0.008<!-- claim:graph-pairs-p --> (null: pairs shuffled), Moran's $I$ = 0.17<!-- claim:graph-moran --> | smoothness is a property of the map. The simulated programs have a correlation length that we set, after the real atlas |
# | the graph helps (implied) | two steps keep 0.13<!-- claim:graph-kept-two --> of the map's variance, of white noise 0.05<!-- claim:graph-kept-noise-two --> (null) | blurring is a fact about $\hat A$, not yet a verdict on the model; in-sample and held-out fits follow in [the training chapter](06_training.ipynb) |
#
# Shuffling values, as here, breaks *all* spatial order, so it asks whether there is any. Whether two smooth maps go together
# more than two smooth maps will is another question. It needs nulls that keep the smoothness, such as the spin test
# ([Alexander-Bloch et al. 2018](https://doi.org/10.1016/j.neuroimage.2018.05.070)).

# %% [markdown]
# ## Key takeaways
#
# - Regions that share a mesh edge are neighbours; homotopic edges make two hemispheres one graph.
#   [Neighbours](#neighbours-shared-mesh-edges)
# - Along the surface is nearly twice as far as straight through. [Distances](#distances)
# - $\hat A$ sums over a region and its neighbours, with weights that add up to about one, not exactly; dense or through PyTorch Geometric, it is one function.
#   [The normalised adjacency](#the-normalised-adjacency)
# - $z^\top L z$ is the smoothness term, and the eigenvectors of $L$ are the graph's Fourier modes.
#   [The Laplacian and smoothness](#the-laplacian-and-smoothness)
# - Two convolutions keep 0.13<!-- claim:graph-kept-two --> of the thinning map's variance: common parts pass, a region's own
#   part fades. [What a convolution does to a map](#what-a-convolution-does-to-a-map)
# - Much of a map's smoothness on this graph is the likeness of the hemispheres; a null has to keep them together.
#   [Is the thinning map smooth?](#is-the-thinning-map-smooth)

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: too many steps
#
# Apply $\hat A$ to the thinning map 1, 2, 5, 20 and 100 times. What does it turn into? Correlate each result with
# $\sqrt{\tilde d_i}$, the square root of degree plus one, and call the list of the five absolute correlations `steps_r`.
# Explain from it why deep graph networks suffer from *over-smoothing*
# ([Li et al. 2018](https://doi.org/10.48550/arXiv.1801.07606)).
#
# <details><summary>Hint</summary>
#
# `np.linalg.matrix_power(A_hat, 20)` is $\hat A^{20}$. The degrees, the region itself included, are the row sums of `looped`.
# What does $\hat A$ do to the map $\sqrt{\tilde d_i}$ itself?
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
root_degree = np.sqrt(looped.sum(axis=1))
assert np.allclose(A_hat @ root_degree, root_degree)
steps_r = [
    abs(np.corrcoef(np.linalg.matrix_power(A_hat, count) @ z, root_degree)[0, 1]) for count in (1, 2, 5, 20, 100)
]
print([f"{r:.3f}" for r in steps_r])
# √(degree + 1) is the eigenvector of eigenvalue 1: the only pattern that is not shrunk, and it knows nothing of the map.

# %% tags=["check"]
assert len(steps_r) == 5, f"steps_r holds {len(steps_r)} values; expected five, for 1, 2, 5, 20 and 100 steps"
assert 0 <= steps_r[0] < 0.9, (
    f"after one step |r| is {steps_r[0]:.2f}; expected under 0.9: much of the map is still there"
)
assert steps_r[4] > 0.999, f"after 100 steps |r| is {steps_r[4]:.4f}; expected above 0.999: nothing else is left"

# %% [markdown]
# ### Exercise 2: how many edges can there be?
#
# A graph that can be drawn on a sphere without crossings has at most $3n - 6$ edges (a consequence of Euler's formula). Take
# four graphs: left and right hemisphere of the Desikan–Killiany parcellation, then left and right of the k-means one, all
# without homotopic edges. Collect the share of the possible edges that each has in `filled`, and the mean number of
# neighbours of a region in `neighbours`. What does that say about any parcellation, however fine?
#
# <details><summary>Hint</summary>
#
# `build_graph(parcellation, homotopic=False).subset(regions)` is the graph of some regions. Each edge gives two regions a
# neighbour.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
filled, neighbours = [], []
for parcellation in (dk, kmeans):
    both = build_graph(parcellation, homotopic=False)
    for side in "LR":
        half = both.subset([name for name in both.regions if name.startswith(side)])
        n_regions, n_edges = len(half.regions), half.edges.shape[1]
        filled.append(n_edges / (3 * n_regions - 6))
        neighbours.append(2 * n_edges / n_regions)
print("share of possible edges", np.round(filled, 2), "neighbours", np.round(neighbours, 1))
# At most 3n − 6 edges is fewer than six neighbours on average, whatever the parcellation.

# %% tags=["check"]
assert np.shape(filled) == np.shape(neighbours) == (4,), (
    "filled and neighbours need a value for each of the four graphs"
)
assert np.isclose(filled[0], in_left.sum() / 96, atol=0.005), (
    f"filled begins with {filled[0]:.2f}; expected {in_left.sum()} of 3 · 34 − 6 = 96 edges for the left hemisphere"
)
assert 0.5 < min(filled) <= max(filled) <= 1, (
    "a share in filled is over 1 or under a half: homotopic edges, or both sides?"
)
assert 4 < min(neighbours) <= max(neighbours) < 6, f"neighbours go to {max(neighbours):.1f}; expected between 4 and 6"

# %% [markdown]
# ### Exercise 3: a gentler graph
#
# With `weights="distance"` the edges along the surface weigh about a fifth of the self-loop. How much of the variance of the
# thinning map (`z`) do two steps then leave, and how much of the noise (`white`)? Put both for each of the three `graphs` into
# dictionaries `kept_map` and `kept_noise`, by the graph's name. Which graph favours the map over noise most, and why?
#
# <details><summary>Hint</summary>
#
# `g.normalised()` is $\hat A$ of a graph `g`. `white` holds 2,000 maps in its columns: take the variance of each, then the
# mean. Which edges of the distance graph still weigh 1?
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
kept_map, kept_noise = {}, {}
for name, g in graphs.items():
    two_steps = np.linalg.matrix_power(g.normalised(), 2)
    kept_map[name], kept_noise[name] = (two_steps @ z).var(), (two_steps @ white).var(axis=0).mean()
    print(f"{name:15s} map {kept_map[name]:.2f}, noise {kept_noise[name]:.2f}")
# The gentler filter leaves more of both, and more of the map for each unit of noise: what it still mixes fully are
# homologues, and those are the regions that are truly alike.

# %% tags=["check"]
assert np.isclose(kept_map["binary"], twice.var(), atol=0.005), (
    f"kept_map of the binary graph is {kept_map['binary']:.3f}; the text above has {twice.var():.3f}"
)
favour = {name: kept_map[name] / kept_noise[name] for name in ("binary", "distance")}
assert kept_map["distance"] > kept_map["binary"], "the distance graph should leave more of the map than the binary one"
assert 2 < favour["binary"] < favour["distance"] < 10, f"map over noise: {favour}; expected both over 2, distance ahead"

# %% [markdown]
# ## See also
#
# - [Reaction and diffusion on a brain](18_reaction_diffusion.ipynb): the same Laplacian, as the law by which something spreads.
# - [Smooth maps fool correlations](09_smooth_maps.ipynb): nulls that keep a map as smooth as it is.
# - [Neighbours, trees and pathways](17_neighbours.ipynb): a graph over the voxels of a mouse brain, and what it buys.
# - [The cross-scale model](../book/model_cross_scale.md): where $\hat A$ and the smoothness term stand in the whole.
#
# ## References
#
# - Alexander-Bloch et al. (2018). On testing for spatial correspondence between maps of human brain structure and function.
#   *NeuroImage* 178, 540–551. [doi:10.1016/j.neuroimage.2018.05.070](https://doi.org/10.1016/j.neuroimage.2018.05.070)
# - Atasoy, Donnelly & Pearson (2016). Human brain networks function in connectome-specific harmonic waves. *Nature
#   Communications* 7, 10340. [doi:10.1038/ncomms10340](https://doi.org/10.1038/ncomms10340)
# - Desikan et al. (2006). An automated labeling system for subdividing the human cerebral cortex. *NeuroImage* 31, 968–980.
#   [doi:10.1016/j.neuroimage.2006.01.021](https://doi.org/10.1016/j.neuroimage.2006.01.021)
# - Ercsey-Ravasz et al. (2013). A predictive network model of cerebral cortical connectivity based on a distance rule.
#   *Neuron* 80, 184–197. [doi:10.1016/j.neuron.2013.07.036](https://doi.org/10.1016/j.neuron.2013.07.036)
# - Fey & Lenssen (2019). Fast graph representation learning with PyTorch Geometric.
#   [doi:10.48550/arXiv.1903.02428](https://doi.org/10.48550/arXiv.1903.02428)
# - Kipf & Welling (2017). Semi-supervised classification with graph convolutional networks. *ICLR*.
#   [doi:10.48550/arXiv.1609.02907](https://doi.org/10.48550/arXiv.1609.02907)
# - Li, Han & Wu (2018). Deeper insights into graph convolutional networks for semi-supervised learning. *AAAI*.
#   [doi:10.48550/arXiv.1801.07606](https://doi.org/10.48550/arXiv.1801.07606)
# - Moran (1950). Notes on continuous stochastic phenomena. *Biometrika* 37, 17–23.
#   [doi:10.1093/biomet/37.1-2.17](https://doi.org/10.1093/biomet/37.1-2.17)
# - Pang et al. (2023). Geometric constraints on human brain function. *Nature* 618, 566–574.
#   [doi:10.1038/s41586-023-06098-1](https://doi.org/10.1038/s41586-023-06098-1)
# - Roland et al. (2017). On the role of the corpus callosum in interhemispheric functional connectivity in humans. *PNAS*
#   114, 13278–13283. [doi:10.1073/pnas.1707050114](https://doi.org/10.1073/pnas.1707050114)
# - Schaefer et al. (2018). Local-global parcellation of the human cerebral cortex from intrinsic functional connectivity
#   MRI. *Cerebral Cortex* 28, 3095–3114. [doi:10.1093/cercor/bhx179](https://doi.org/10.1093/cercor/bhx179)
# - Shuman et al. (2013). The emerging field of signal processing on graphs. *IEEE Signal Processing Magazine* 30, 83–98.
#   [doi:10.1109/MSP.2012.2235192](https://doi.org/10.1109/MSP.2012.2235192)
# - Vaithianathan (2026). [arXiv:2606.05870](https://arxiv.org/abs/2606.05870), the paper of this part.
