# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [mouse/allen_grid/Nrp1_P56_coronal_74272479_200um.zip, mouse/allen_grid/P56_Mouse_gridAnnotation.zip, mouse/allen_grid/ABI_genes.csv, mouse/ontology/allen_structure_tree.csv]}
# ---

# %% [markdown]
# # 14. A brain in 159,326 voxels
#
# *Prerequisites: [expression](02_expression.ipynb); for the last two sections, [splits](10_splits.ipynb). Time: 35 minutes to
# read, 1 minute to run.*
#
# ## What you will learn
#
# - how a stained slice of a mouse brain becomes numbers on a grid, and how to read the file byte by byte;
# - why −1 is not a number, and where the missing values lie;
# - how 649 structures hang on one tree, and how to ask for them at the level you need;
# - that 4,345 experiments are fewer genes than one thinks;
# - a simulated brain with a known truth, how like the real one it is, and how it is not;
# - why two voxels that touch are nearly the same voxel, which will matter in every chapter of this part.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_GENES = 300  # of the simulated brain
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import zipfile

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.colors import ListedColormap

import xsg
from xsg.claims import claim
from xsg.data.fetch import fetch
from xsg.spatial.mouse import known_experiments, labelled_voxels, read_annotation, read_grid, structure_tree
from xsg.spatial.preprocess import Preprocessor
from xsg.spatial.localise import voxel_folds
from xsg.interactive import slice_view
from xsg.plotting import slices, use_style

use_style()

# %% [markdown]
# ## The question in a picture
#
# The chapters so far knew the human cortex in 68 regions. For the mouse the Allen Institute did something else: it cut brains
# into thin sections, stained each section for the messenger RNA of *one* gene (in situ hybridisation), and did so for
# thousands of genes ([Lein et al. 2007](https://doi.org/10.1038/nature05453)). Brought onto one grid of cubes, 200 µm wide,
# that is a map of each gene at every place. Such a cube is a **voxel**, a pixel in three dimensions; one gene measured in one
# brain is an **experiment**.
#
# Below is one experiment, of the gene *Nrp1*, in three cuts through the brain: **coronal** (as if the mouse looked at you),
# **sagittal** (from the side) and **horizontal** (from above). Yellow is much expression, dark blue little, on a logarithmic
# scale; white is outside the brain, or without a value.

# %% mystnb={"image": {"alt": "Coronal, sagittal and horizontal cut through a mouse brain coloured by expression of Nrp1. The hippocampus is bright yellow, two arches in the coronal cut; most of the rest is dark. The first sections at the anterior end are missing."}}
archive = fetch("mouse/allen_grid/Nrp1_P56_coronal_74272479_200um.zip")
annotation = read_annotation()
energy = read_grid(archive)
inside = annotation > 0
figure = slices(
    {"": np.where(inside, np.log10(energy + 0.01), np.nan)}, "log10(energy of Nrp1 + 0.01)", at=(38, 16, 22)
)

# %% [markdown]
# *Nrp1* is brightest in the hippocampus, the two arches of the coronal cut; it is middling in the cortex around them and low in
# most of the rest. So if a voxel with much *Nrp1* is handed to you, you know roughly where it came from. With thousands of
# genes, could a model say where *any* voxel came from, to the millimetre? That is the question of this part, the one that
# Spatial-VAE was built for: a text and a notebook (Ahmed 2024) that [chapter 15](15_spatial_vae.ipynb) takes apart. This
# chapter is about the voxels.
#
# ## From a stained slice to a number
#
# A voxel of an experiment holds its **expression energy**
# ([Ng et al. 2009](https://doi.org/10.1038/nn.2281)). Of the pixels in the voxel, let $S$ be those that are stained, and $I_i$ the
# intensity of the stain in pixel $i$. Then
#
# $$\text{energy} = \underbrace{\frac{|S|}{\text{pixels in the voxel}}}_{\text{density}} \times
#   \underbrace{\frac{1}{|S|} \sum_{i \in S} I_i}_{\text{mean intensity}} .$$
#
# ($|S|$ counts the stained pixels.) Energy is never negative, it has no natural unit, and it is measured in one animal. The file
# of one experiment is a zip with three members; `energy.mhd` is the header that says how to read `energy.raw`:

# %%
with zipfile.ZipFile(archive) as opened:
    members = {name: opened.getinfo(name).file_size for name in opened.namelist()}
    raw = opened.read("energy.raw")
    header = opened.read("energy.mhd").decode()
print(members)
print(header)

# %% [markdown]
# `energy.raw` is nothing but numbers: 32-bit floats, little-endian. Read them, fold them into a box whose *last* axis runs fastest
# in the file, and turn the axes round:

# %% tags=["nbval-check-output"]
values = np.frombuffer(raw, dtype="<f4")  # 637,304 bytes / 4
box = values.reshape(58, 41, 67).transpose(2, 1, 0)  # LR, SI, AP in the file → AP, SI, LR
assert np.array_equal(np.where(box == -1, np.nan, box), energy, equal_nan=True)  # what xsg's read_grid does
claim("mouse-brain-voxels", values.size)
claim("mouse-brain-missing", np.sum(values == -1))
claim("mouse-brain-labelled", inside.sum())

# %% [markdown]
# A box of 67 × 41 × 58 = 159,326<!-- claim:mouse-brain-voxels --> voxels, anterior → posterior (AP), superior → inferior (SI), one
# side → the other (LR). The header says `AnatomicalOrientation = RAI`, a letter for each axis: right, anterior, inferior. Do
# not believe it: the first axis runs towards posterior, the second towards inferior, and only the third from side to side
# (PIR), as [Exercise 1](#exercise-1-which-axis-is-which) has you find out.
#
# ## Minus one is not a number
#
# In the file, −1 means that there is no value: 54,982<!-- claim:mouse-brain-missing --> times in this experiment. Whoever forgets
# it gets a mean energy of the box that is negative, of a quantity that cannot be:

# %% tags=["nbval-check-output"]
claim("mouse-brain-mean-forgotten", values.mean())
claim("mouse-brain-mean", np.nanmean(energy[inside]))

# %% [markdown]
# -0.08<!-- claim:mouse-brain-mean-forgotten --> if −1 is taken for a number, 0.63<!-- claim:mouse-brain-mean --> over
# the brain's voxels that have a value. `xsg` turns −1 into NaN when it reads, and refuses a file with any other negative value.
#
# Most of the missing voxels lie outside the brain, where nothing was to be measured; the brain is 62,529<!-- claim:mouse-brain-labelled --> of
# the 159,326. But not all of them. For each coronal section, from the nose backwards, here is the share of the brain's voxels
# without a value:

# %% mystnb={"image": {"alt": "Share of the brain's voxels without a value by coronal section, for Nrp1: 100 % in the first eight sections at the anterior end, some in the next three, then zero almost everywhere."}}
sections = (
    pd.DataFrame({"missing": np.isnan(energy[inside]), "AP": np.nonzero(inside)[0]}).groupby("AP")["missing"].mean()
)
figure, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
ax.bar(sections.index, 100 * sections, color="C1")
_ = ax.set(xlabel="coronal section (AP index, 200 µm apart)", ylabel="missing in the brain (%)")

# %% tags=["nbval-check-output"]
claim("mouse-brain-missing-inside", 100 * np.isnan(energy[inside]).mean())
claim("mouse-brain-first-sections", np.sum(sections == 1))

# %% [markdown]
# The first 8<!-- claim:mouse-brain-first-sections --> sections, the tip of the olfactory bulb, have no value at all, the next
# few have gaps, and from then on hardly anything is missing: 3.4<!-- claim:mouse-brain-missing-inside --> % of the brain in all.
# Missing values are not scattered at random. *Which* values are missing
# tells where a voxel lies, and so does a value that was filled in from its neighbours. Keep that in mind for
# [chapter 16](16_where_am_i.ipynb).
#
# ## Names for places: a tree
#
# The atlas's **annotation** gives each voxel the finest structure it belongs to (the Institute's later common coordinate
# framework, [Wang et al. 2020](https://doi.org/10.1016/j.cell.2020.04.007), names places in the same way). Structures are
# nested, as villages in counties in countries: field CA1 is in the hippocampal region, which is in the hippocampal formation,
# which is in the cortex. `path` lists a structure's ancestors from the root down:

# %%
tree = structure_tree()
voxels, region = labelled_voxels(annotation)
ca1 = tree.index[tree["acronym"] == "CA1"][0]
tree.loc[list(tree.at[ca1, "path"]), ["acronym", "name", "depth"]]

# %% [markdown]
# How finely should one name a place? `xsg` keeps two levels: the **structure** itself and its **division**, one of fifteen large
# parts of the brain. (Some voxels are named above that level, as "cerebral cortex" and no more; they keep that name, so that
# the objects below count two divisions more.) Here are both, above in the atlas's own colours, below in colours that only
# tell neighbours apart:

# %% mystnb={"image": {"alt": "Two rows of three cuts. Above, about fifteen coloured divisions: a green rim of isocortex, hippocampus, thalamus, midbrain, cerebellum. Below, the same cuts in hundreds of structures, a fine mosaic."}}
names = tree["division"].loc[region].to_numpy()
order = pd.Series(names).value_counts().index
own_colour = tree.drop_duplicates("acronym").set_index("acronym")["colour"]
leaves = np.unique(region)
number = {division: k for k, division in enumerate(order)}
coarse, fine = np.full(annotation.shape, np.nan), np.full(annotation.shape, np.nan)
place = tuple(voxels.to_numpy().T)
coarse[place] = [number[each] for each in names]
shuffled = np.random.default_rng(SEED).permutation(len(leaves))  # neighbours get colours that differ
fine[place] = len(order) + shuffled[np.searchsorted(leaves, region)]
palette = ListedColormap([*own_colour[order], *plt.get_cmap("turbo")(np.linspace(0, 1, len(leaves)))])
figure = slices(
    {"divisions": coarse, "structures": fine},
    "",
    at=(38, 20, 22),
    cmap=palette,
    limits=(-0.5, palette.N - 0.5),
    bar=False,
)

# %% tags=["nbval-check-output"]
claim("mouse-brain-structures", len(leaves))
mirrored = annotation[:, :, ::-1]
claim("mouse-brain-symmetric", 100 * (annotation == mirrored)[inside].mean())

# %% [markdown]
# The divisions are large enough to recognise: cortex as a green rim, thalamus and hypothalamus in reds, cerebellum in yellow.
# The structures are a mosaic, many of them a few voxels wide: 649<!-- claim:mouse-brain-structures --> have voxels. Left and right bear the same names, and 90<!-- claim:mouse-brain-symmetric --> % of the
# voxels have their own structure on the other side of the midline, at exactly the mirrored place. That will matter twice: a
# voxel's mirror image is nearly its copy, and expression alone can hardly tell the sides apart.
#
# ## How many genes?
#
# The atlas covers some 20,000 genes ([Lein et al. 2007](https://doi.org/10.1038/nature05453)), most of them in sagittal sections
# only. Coronal experiments exist for about one gene in five; a list of them is
# registered with `xsg`, and `list_experiments()` asks the Institute's service for today's.

# %% tags=["nbval-check-output"]
experiments = known_experiments()
times = experiments.groupby("gene").size()
claim("mouse-brain-experiments", len(experiments))
claim("mouse-brain-genes", len(times))
claim("mouse-brain-replicated", np.sum(times > 1))

# %% [markdown]
# 4,345<!-- claim:mouse-brain-experiments --> experiments, but only 4,082<!-- claim:mouse-brain-genes --> genes:
# 249<!-- claim:mouse-brain-replicated --> genes were done twice or more often, *Rora* four times. Two experiments of one gene are
# not two genes. If features are selected, split or counted as though they were, one of the two tells what the other one hides. `xsg`
# averages such replicates, where both have a value, before anything else is done.
#
# To get them all, two ways, neither of which happens unasked:
#
# ```python
# from xsg.spatial.mouse import download_bulk, download_experiments, known_experiments
#
# download_bulk()  # one matrix, 1.4 GB, from the International Brain Laboratory's public copy
# download_experiments(known_experiments()[:100])  # or single ones, from the Allen Institute's service
# brain = xsg.load_mouse("allen")
# ```
#
# Both go on where they were cut short. The service is busy at times and answers with an error page, half a zip, or a zip
# without the volume; `xsg` asks again, and never keeps a file that is not whole. The matrix is read *through a memory map*: the
# operating system brings in only those parts of the file that are touched, so that the matrix need not fit into memory.
#
# ## A brain that we made ourselves
#
# The volumes are too large to ship, their terms of use allow research only ([data and licences](../book/data.md)), and nobody
# knows the truth about them. So the chapters that follow use a simulated brain. Its story, for gene $g$ in voxel $v$, which lies
# at index $a$ along AP, $s$ along SI and $\ell$ along LR, $u = |\ell - 28.5|$ voxels from the midline:
#
# $$
# \begin{aligned}
# \text{energy}_{vg} &= \exp\big(m_g + 1.5\,[\,\text{biology}_{vg} + \text{measurement}_{vg}\,]\big), \\
# \text{biology}_{vg} &= \sum_{r \ni v} w_{rg} + \sum_k F_k(a, s, u)\,\Lambda_{kg}, \\
# \text{measurement}_{vg} &= t_g (\ell - 28.5) \sum_k \tfrac{\partial F_k}{\partial a} \Lambda_{kg} + \sum_j B_j(v)\,\Gamma_{jg} + c_{ag} + \varepsilon_{vg}.
# \end{aligned}
# $$
#
# Read it line by line. $m_g$ is the gene's typical level, and 1.5 sets how far energies range around it. Every structure
# $r$ on the way from the root of the tree to the voxel has its own effect $w_{rg}$. Each of 24 smooth **gradients** $F_k$ acts,
# with loading $\Lambda_{kg}$, on the genes of its own **pathway**, a group of genes. All this biology is the same left and right.
#
# The measurement is not. The knife is tilted by $t_g$, so that one side is cut a little further back than the other, and the
# gradients shift by their slope along AP. Smooth fields $B_j$, an uneven stain, reach many experiments with loadings
# $\Gamma_{jg}$. Each section has a gain $c_{ag}$ of its own, and each voxel its noise $\varepsilon_{vg}$. Sections and corners are
# lost as in the real atlas, and energies below 0.002 are not seen.

# %%
brain = xsg.load_mouse("simulated", n_genes=N_GENES, seed=SEED)
brain

# %% [markdown]
# Look through it. Click into a slice, or use the arrow keys in it or the sliders below: the cross marks one voxel, and the
# other two slices follow. Under *Map*, go from the biology to what was measured, and watch one place: noise comes in
# voxel by voxel, the anterior end is lost, and sections are torn.

# %%
sample = np.log10(brain.truth.energy(slice(None, None, 50)) + 0.01)
gene, second = np.argsort(np.quantile(sample, 0.1, axis=0) - np.quantile(sample, 0.9, axis=0))[:2]  # that vary most
biology = np.log10(brain.truth.energy()[:, [gene, second]] + 0.01)
as_measured = np.log10(brain.expression[:, [gene, second]].astype(np.float32) + 0.01)
volumes = {
    f"{brain.genes[gene]}, biology": biology[:, 0],
    f"{brain.genes[gene]}, measured": as_measured[:, 0],
    f"{brain.genes[second]}, biology": biology[:, 1],
    f"{brain.genes[second]}, measured": as_measured[:, 1],
}
slice_view(
    {name: brain.volume(values) for name, values in volumes.items()},
    "log10(energy + 0.01)",
    limits=(-2, 1.2),
    at=(38, 20, 22),
    alt="Three cuts through the simulated brain in each of four rows, two genes. In biology alone, regions have sharp "
    "borders and smooth gradients, the same left and right. As measured, there is the same pattern with noise in each voxel, "
    "white at the anterior end, where sections are missing, and white notches where sections are torn.",
)

# %% [markdown]
# One gene's *biology*: regions with sharp borders on smooth gradients, the same on both sides. The same gene *measured*: the pattern under noise, without its first sections, and with notches where sections are torn.
#
# ## Is it like the real thing?
#
# With one real experiment at hand we can compare some numbers: how alike neighbours are, near and far, and how alike the two
# sides are. For the simulated brain the table gives the range over 60 of its genes.


# %%
def portrait(volume: np.ndarray) -> pd.Series:
    """Statistics of one gene's energies (67, 41, 58), NaN outside the brain."""
    log = np.log(volume + 0.01)

    def alike(a: np.ndarray, b: np.ndarray) -> float:
        both = np.isfinite(a) & np.isfinite(b)
        return np.corrcoef(a[both], b[both])[0, 1]

    return pd.Series(
        {
            "correlation with the next voxel (200 µm)": alike(log[:, :, :-1], log[:, :, 1:]),
            "with the voxel 1 mm away": alike(log[:, :, :-5], log[:, :, 5:]),
            "with the voxel 2 mm away": alike(log[:, :, :-10], log[:, :, 10:]),
            "with the mirror image": alike(log, log[:, :, ::-1]),
        }
    )


one = portrait(np.where(inside, energy, np.nan))
many = pd.DataFrame(
    [portrait(brain.volume(brain.expression[:, k].astype(np.float32))) for k in range(0, N_GENES, N_GENES // 60)]
)
likeness = pd.DataFrame(
    {"Nrp1, real": one, **many.quantile([0.1, 0.5, 0.9]).T.set_axis(["10 %", "median", "90 %"], axis=1)}
)
likeness.rename(columns={each: f"simulated, {each}" for each in ("10 %", "median", "90 %")}).round(2)

# %% tags=["nbval-check-output"]
claim("mouse-brain-next-real", one.iloc[0])
claim("mouse-brain-next-simulated", many.iloc[:, 0].median())
claim("mouse-brain-mirror-real", one.iloc[3])
claim("mouse-brain-mirror-simulated", many.iloc[:, 3].median())

# %% [markdown]
# *Nrp1* in one voxel and in the next correlate with 0.93<!-- claim:mouse-brain-next-real -->, a typical simulated gene with
# 0.59<!-- claim:mouse-brain-next-simulated -->. Its two sides correlate with 0.79<!-- claim:mouse-brain-mirror-real -->, more than
# those of nine in ten simulated genes. A millimetre or two away the real gene is as alike as a typical simulated one. The simulated
# brain is noisier from voxel to voxel than this experiment, because
# its noise is drawn anew in each voxel. So a number reached on the simulated brain is *not* a forecast of one on the
# real brain. What it is good for are comparisons, which method and which split, on the same voxels; and where noise
# decides them, as it does for averaging over neighbours ([chapter 17](17_neighbours.ipynb)), they need not carry over
# either.
#
# ## Two voxels that touch
#
# Instead of one gene, take the whole profile of a voxel, all genes scaled to mean 0 and standard deviation 1. How alike are the
# profiles of two voxels, depending on how far apart they lie? And how alike are a voxel and its mirror image? The figure takes
# 4,000 voxels of the simulated brain, all pairs of them, and averages over pairs at a like distance.

# %% mystnb={"image": {"alt": "Correlation of expression profiles against the distance between voxels: about 0.53 at 200 µm, falling steeply and then to 0 beyond 4 mm. A dashed horizontal line, the correlation with the mirror image, lies at about 0.57, above all points."}}
rng = np.random.default_rng(SEED)
some = np.sort(rng.permutation(len(brain.voxels))[:4000])
scaled = Preprocessor().fit(brain, some)
profile = scaled.transform(brain, some)
profile -= profile.mean(axis=1, keepdims=True)
profile /= np.linalg.norm(profile, axis=1, keepdims=True)
alike = profile @ profile.T
position = 0.2 * brain.positions()[some]
distance = np.sqrt(((position[:, None] - position) ** 2).sum(-1))
upper = np.triu_indices(len(some), 1)
edges = np.array([0.0, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0, 2.5, 3, 4, 5, 6])
middle = pd.cut(distance[upper], edges)
curve = pd.DataFrame({"mm": distance[upper], "r": alike[upper]}).groupby(middle, observed=True).mean()

grid_row = np.full(annotation.shape, -1)
grid_row[tuple(brain.voxels.to_numpy().T)] = np.arange(len(brain.voxels))
ap, si, lr = brain.voxels.to_numpy()[some].T
twin = grid_row[ap, si, 57 - lr]
has_twin = twin >= 0
other = scaled.transform(brain, twin[has_twin])
other -= other.mean(axis=1, keepdims=True)
other /= np.linalg.norm(other, axis=1, keepdims=True)
mirror = (profile[has_twin] * other).sum(axis=1).mean()

figure, ax = plt.subplots(figsize=(6.6, 3.4), layout="constrained")
ax.plot(curve["mm"], curve["r"], "o-", label="two voxels")
ax.axhline(mirror, color="C1", ls="--", label="a voxel and its mirror image")
ax.axhline(0, color="0.7", lw=1, zorder=0)
ax.set(xlabel="distance (mm)", ylabel="correlation of expression profiles")
_ = ax.legend()

# %% tags=["nbval-check-output"]
claim("mouse-brain-profile-near", curve["r"].iloc[0])
claim("mouse-brain-profile-2mm", curve["r"].iloc[6])
claim("mouse-brain-profile-mirror", mirror)

# %% [markdown]
# The curve falls steeply: the nearest voxels correlate with 0.53<!-- claim:mouse-brain-profile-near -->, voxels nearly 2 mm apart
# with only 0.2<!-- claim:mouse-brain-profile-2mm -->. The mirror image (dashed), most often several millimetres away, comes
# before them all: 0.57<!-- claim:mouse-brain-profile-mirror -->, for it lies in the same structure, which the next voxel may
# not. These numbers, and that the mirror image comes before the neighbour, are the simulation's. For the one real gene,
# *Nrp1* (table above), both are far more alike than voxels 1 mm apart, but the neighbour comes first.
#
# Now deal the voxels to five folds like cards, and count how many of the held-out ones touch one that trains (by a face, an edge
# or a corner). The alternative, `"blocks"`, holds out cubes of 1.6 mm together with their mirror images, and leaves out of the
# training set a buffer of 0.4 mm around them:

# %% tags=["nbval-check-output"]
touching = {}
neighbourhood = [(a, s, r) for a in (-1, 0, 1) for s in (-1, 0, 1) for r in (-1, 0, 1) if (a, s, r) != (0, 0, 0)]
for split in ("random", "blocks"):
    fold = voxel_folds(brain.voxels, split, seed=SEED)[0]
    trains = np.zeros(tuple(size + 2 for size in annotation.shape), bool)
    trains[tuple(brain.voxels.to_numpy()[fold.train].T + 1)] = True
    asked = brain.voxels.to_numpy()[fold.held_out] + 1
    touching[split] = 100 * np.any([trains[tuple((asked + step).T)] for step in neighbourhood], axis=0).mean()
claim("mouse-brain-touching-random", touching["random"])
claim("mouse-brain-touching-blocks", touching["blocks"])

# %% [markdown]
# 100.0<!-- claim:mouse-brain-touching-random --> % under random folds, 0<!-- claim:mouse-brain-touching-blocks --> % under blocks:
# dealt like cards, no voxel is held out in earnest. It is the mouse's form of what [chapter 10](10_splits.ipynb) found for
# regions; what a difference it makes is the subject of [chapter 16](16_where_am_i.ipynb).
#
# ## Learn the scaling where you train
#
# A matrix of voxels is not a model's input yet. Genes are selected, gaps filled, values scaled, and each of these steps *learns*
# something: which genes vary, what is typical, mean and spread. `Preprocessor` learns it from the rows it is shown, and applies it to any.

# %%
train = voxel_folds(brain.voxels, "blocks", seed=SEED)[0].train
prepared = Preprocessor(n_genes=200, scale="log").fit(brain, train)
x = prepared.transform(brain, ~train)
print(
    f"{x.shape[0]} voxels × {x.shape[1]} genes, {np.isnan(x).sum()} missing; mean {x.mean():.2f}, standard deviation {x.std():.2f}"
)

# %% [markdown]
# The mean over voxels that did not train is not exactly 0, and need not be: their own mean was never used. Gaps are filled with
# the gene's typical energy by default, not from the voxels around them: a value copied from next door carries the address of
# next door with it.

# %% [markdown]
# ## Honesty box
#
# | the source says | we get | differs because |
# |---|---|---|
# | 4,345 experiments (Spatial-VAE's notebook; the 3,000 of largest variance are its features, replicates among them or not) | 4,345<!-- claim:mouse-brain-experiments --> experiments, 4,082<!-- claim:mouse-brain-genes --> genes | replicates are the same gene; we average them |
# | 66,289 brain voxels, by k-means clusters of expression (Spatial-VAE's notebook) | 62,529<!-- claim:mouse-brain-labelled --> voxels, by the atlas's annotation | clustering keeps some voxels outside the brain, and uses the data that are to be predicted from |
# | orientation RAI (header of the volume) | PIR | the header is wrong; Exercise 1 |
#
# Only one experiment of the real atlas was at hand when this page was made, and everything said about the real brain rests on that one, the
# annotation and the list of experiments. The simulated brain of this page copies the anatomy and the kinds of
# artefact; its genes do not exist. The chapters that follow set `geometry="drawn"`, which needs no download: the same
# simulation in a brain of ellipsoids, with fewer structures and no real anatomy. In-sample, held-out
# and null do not occur here: nothing has been predicted yet.

# %% [markdown]
# ## Key takeaways
#
# - An experiment is a box of 159,326<!-- claim:mouse-brain-voxels --> energies, of which the brain fills
#   62,529<!-- claim:mouse-brain-labelled -->: [from slice to number](#from-a-stained-slice-to-a-number).
# - −1 is not a number, and where values are missing tells a place: [minus one](#minus-one-is-not-a-number).
# - One voxel has many names, from coarse to fine: [a tree](#names-for-places-a-tree).
# - Experiments are not genes: [how many](#how-many-genes).
# - The simulated brain is for comparing methods, not for forecasting numbers: [is it like the real thing](#is-it-like-the-real-thing).
# - A voxel's neighbour and its mirror image nearly give its place away: [two voxels that touch](#two-voxels-that-touch).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: which axis is which?
#
# The brain is its own mirror image along one axis only. Find it without trusting any header: for each of the three axes of
# `annotation`, compute the share of the brain's voxels (`inside`) that keep their structure when the box is turned round along
# that axis. Call the three shares `agreement` and the number of the side-to-side axis `side_axis`. Then settle which end of the
# first axis is the front: call the mean AP index of the olfactory areas (division `"OLF"`) `olf_ap` and that of the cerebellar
# cortex (`"CBX"`) `cbx_ap`.
#
# <details><summary>Hint</summary>
#
# `np.flip(annotation, axis)` turns the box round. `names` holds the division of each row of `voxels`, and `voxels["AP"]` its
# index along the first axis.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
agreement = [(np.flip(annotation, axis) == annotation)[inside].mean() for axis in range(3)]
side_axis = int(np.argmax(agreement))
olf_ap, cbx_ap = (voxels["AP"][names == name].mean() for name in ("OLF", "CBX"))
print([f"{each:.0%}" for each in agreement], f"olfactory areas at {olf_ap:.0f}, cerebellum at {cbx_ap:.0f}")
# Only the last axis runs from side to side; on the first the olfactory bulb comes early, so that it starts at the front.
# Anatomy settled what the header had wrong.

# %% tags=["check"]
assert np.shape(agreement) == (3,), "one share for each of the three axes"
assert abs(agreement[2] - 0.9) < 0.02, (
    f"{agreement[2]:.2f} along the last axis; expected 0.90: average over `inside` only"
)
assert max(agreement[0], agreement[1]) < 0.3, "front and back are no mirror images, nor are top and bottom"
assert side_axis == 2, f"axis {side_axis}? the largest share belongs to the side-to-side axis; count from 0"
assert olf_ap < 20 < 45 < cbx_ap, (
    f"{olf_ap:.0f} and {cbx_ap:.0f}: the olfactory bulb lies in front, the cerebellum behind"
)

# %% [markdown]
# ### Exercise 2: where is it bright?
#
# Average *Nrp1* over each division, once as it should be and once as if −1 were a number. Call the acronym of the brightest
# division `brightest`, and the two means over the olfactory areas (`"OLF"`) `olf_mean` and `olf_wrong`. What would the mistake
# have made you believe about the front of the brain?
#
# <details><summary>Hint</summary>
#
# `energy[place]` is the energy of each labelled voxel, in the order of `names`, with NaN where there is none. A pandas `groupby`
# leaves NaN out of its means; `fillna(-1)` undoes what `read_grid` did.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
by_voxel = pd.Series(energy[place])
by_division = by_voxel.groupby(names).mean()
brightest = by_division.idxmax()
olf_mean, olf_wrong = by_division["OLF"], by_voxel.fillna(-1).groupby(names).mean()["OLF"]
print(
    by_division.nlargest(3).round(2).to_dict(), f"olfactory areas {olf_mean:.2f}; with −1 as a number {olf_wrong:.2f}"
)
# A third of the olfactory areas was not measured: with −1 for a number they would seem to express less than nothing.

# %% tags=["check"]
assert brightest == "HPF", f"{brightest}? compare means over divisions (`names`), not single voxels"
assert np.isclose(olf_mean, np.nanmean(energy[place][names == "OLF"]), rtol=1e-3), (
    "leave missing voxels out of the mean"
)
assert abs(olf_wrong + 0.12) < 0.02, f"{olf_wrong:.2f}; expected −0.12: here each missing voxel counts as −1"

# %% [markdown]
# ### Exercise 3: how much of it is biology?
#
# For the simulated brain the truth is known: `brain.truth.energy(rows)` is the energy that biology alone would give. What share
# of the variance of the measured log energy is biology? Take a few thousand voxels, compute for each gene the squared
# correlation between the logarithms of truth and measurement, and call the array of shares `share` (one per gene).
#
# <details><summary>Hint</summary>
#
# Add 0.01 before you take logarithms, as in the figures, and leave out the voxels where the measurement is NaN, gene by gene.
# `brain.expression` is float16: turn it into float32 first.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
rows = np.sort(np.random.default_rng(SEED).permutation(len(brain.voxels))[:5000])
clean, noisy = np.log(brain.truth.energy(rows) + 0.01), np.log(brain.expression[rows].astype(np.float32) + 0.01)
measured = np.isfinite(noisy)
share = np.array(
    [np.corrcoef(clean[ok, k], noisy[ok, k])[0, 1] ** 2 for k, ok in enumerate(measured.T)]  # a gene at a time
)
print(f"median {np.median(share):.2f}, from {share.min():.2f} to {share.max():.2f}")
# For the median gene a little over half. The rest is how it was measured: tilt, stain, sections and noise.

# %% tags=["check"]
assert np.shape(share) == (N_GENES,), f"one share for each gene; expected {N_GENES}, not {np.shape(share)}"
assert 0 <= np.min(share) <= np.max(share) <= 1, "squared correlations lie between 0 and 1"
assert 0.45 < np.median(share) < 0.67, f"median {np.median(share):.2f}; expected about 0.55: logarithms, and squared"

# %% [markdown]
# ## See also
#
# - [Expression](02_expression.ipynb): the same questions of missing values and scaling, for six human donors.
# - [Held out, but from what?](10_splits.ipynb): why neighbours and mirror images leak, told for regions.
# - [Spatial-VAE from the equation to the code](15_spatial_vae.ipynb): what these voxels are for.
# - [Data and licences](../book/data.md): every file of this page, its source and its terms.

# %% [markdown]
# ## References
#
# - Ahmed (2024). Spatial-VAE, the text and the notebook that this part follows; see [its page](../book/model_spatial_vae.md).
# - Lein ES et al. (2007). Genome-wide atlas of gene expression in the adult mouse brain. *Nature* 445:168.
#   [doi:10.1038/nature05453](https://doi.org/10.1038/nature05453)
# - Ng L et al. (2009). An anatomic gene expression atlas of the adult mouse brain. *Nature Neuroscience* 12:356.
#   [doi:10.1038/nn.2281](https://doi.org/10.1038/nn.2281)
# - Wang Q et al. (2020). The Allen mouse brain common coordinate framework: a 3D reference atlas. *Cell* 181:936.
#   [doi:10.1016/j.cell.2020.04.007](https://doi.org/10.1016/j.cell.2020.04.007)
