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
# *Prerequisites: [expression](02_expression.ipynb); for the last section, [splits](10_splits.ipynb). Time: 35 minutes to read,
# under a minute to run.*
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
from xsg.data.mouse import known_experiments, labelled_voxels, read_annotation, read_grid, structure_tree
from xsg.data.preprocess import Preprocessor
from xsg.evaluation.localise import voxel_folds
from xsg.plotting import slices, use_style

use_style()

# %% [markdown]
# ## The question in a picture
#
# Part one of this book knew the human cortex in 68 regions. The Allen Institute did something else for the mouse: it cut brains
# into thin sections, stained each section for the messenger RNA of *one* gene (in situ hybridisation), and did so for
# thousands of genes ([Lein et al. 2007](https://doi.org/10.1038/nature05453)). Brought onto one grid of 200 µm, that is a map of
# every gene at every place. Here is one, of the gene *Nrp1*:

# %% mystnb={"image": {"alt": "Coronal, sagittal and horizontal cut through a mouse brain coloured by expression of Nrp1. The hippocampus is bright yellow, two arches in the coronal cut; most of the rest is dark. The first sections at the anterior end are missing."}}
archive = fetch("mouse/allen_grid/Nrp1_P56_coronal_74272479_200um.zip")
annotation = read_annotation()
energy = read_grid(archive)
inside = annotation > 0
figure = slices(
    {"": np.where(inside, np.log10(energy + 0.01), np.nan)}, "log10(energy of Nrp1 + 0.01)", at=(38, 16, 22)
)

# %% [markdown]
# *Nrp1* is bright in the hippocampus and dark nearly everywhere else. So if a voxel with much *Nrp1* is handed to you, you know
# roughly where it came from. With thousands of genes, could a model say where *any* voxel came from, to the millimetre? That is
# the question of this part, the one that Spatial-VAE was built for. This chapter is about the voxels.
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
# It is never negative, it has no natural unit, and it is measured in one animal. The file of one experiment is a zip with three
# members:

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
# side → the other (LR). The header says `AnatomicalOrientation = RAI`. Do not believe it: the axes run posterior, inferior, right
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
# the 159,326. But not all of them:

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
# Cutting began behind the tip of the olfactory bulb: the first 8<!-- claim:mouse-brain-first-sections --> sections have no value at all,
# 3.4<!-- claim:mouse-brain-missing-inside --> % of the brain. Missing values are not scattered at random. *Which* values are missing
# tells where a voxel lies, and so does a value that was filled in from its neighbours. Keep that in mind for
# [chapter 16](16_where_am_i.ipynb).
#
# ## Names for places: a tree
#
# The annotation gives each voxel the finest structure it belongs to. Structures are nested, as villages in counties in countries:
# field CA1 is in the hippocampal region, which is in the hippocampal formation, which is in the cortex.

# %%
tree = structure_tree()
voxels, region = labelled_voxels(annotation)
ca1 = tree.index[tree["acronym"] == "CA1"][0]
tree.loc[list(tree.at[ca1, "path"]), ["acronym", "name", "depth"]]

# %% [markdown]
# How finely should one name a place? `xsg` keeps two levels: the **structure** itself and its **division**, one of fifteen large
# parts of the brain. (Some voxels are named above that level, as "cerebral cortex" and no more; they keep that name.)

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
# 649<!-- claim:mouse-brain-structures --> structures have voxels. Left and right bear the same names, and 90<!-- claim:mouse-brain-symmetric --> % of the
# voxels have their own structure on the other side of the midline, at exactly the mirrored place. Remember that too.
#
# ## How many genes?
#
# There are coronal experiments for about one gene in five; a list of them is registered with `xsg`, and `list_experiments()` asks
# the Institute's service for today's.

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
# averages replicates, where both have a value, before anything else is done.
#
# To get them all, two ways, neither of which happens unasked:
#
# ```python
# from xsg.data.mouse import download_bulk, download_experiments, known_experiments
#
# download_bulk()  # one matrix, 1.4 GB, from the International Brain Laboratory's public copy
# download_experiments(known_experiments()[:100])  # or single ones, from the Allen Institute's service
# brain = xsg.load_mouse("allen")
# ```
#
# Both go on where they were cut short. The service is busy at times and answers with an error page, half a zip, or a zip
# without the volume; `xsg` asks again, and never keeps a file that is not whole. The matrix is read *through a memory map*: the
# operating system brings in the pages that are touched, and a laptop with 4 GB will do.
#
# ## A brain that we made ourselves
#
# The volumes are too large to ship, their terms of use allow research only, and nobody knows the truth about them. So the chapters that follow
# use a simulated brain. Its story, for voxel $v$ at $(a, s, \ell)$ and gene $g$, with $u = |\ell - 28.5|$ the distance from the midline:
#
# $$\text{energy}_{vg} = \exp\Big(m_g + 1.5\,\Big[\underbrace{\sum_{r \ni v} w_{rg} + \sum_k F_k(a, s, u)\,\Lambda_{kg}}_{\text{biology}}
#   + \underbrace{t_g (\ell - 28.5) \sum_k \tfrac{\partial F_k}{\partial a} \Lambda_{kg} + \sum_j B_j(v)\,\Gamma_{jg} + c_{ag} + \varepsilon_{vg}}_{\text{how it was measured}}\Big]\Big).$$
#
# Every structure $r$ on the way from the root to the voxel has its own effect $w$; 24 smooth gradients $F$ act on the genes of their
# *pathway*. All biology is the same left and right. The measurement is not: the knife is tilted by $t_g$, smooth fields $B$ are shared by
# many experiments, each section $a$ has a gain $c$ of its own, and there is noise in each voxel. Sections and corners are lost as in
# the real atlas, and energies below 0.002 are not seen.

# %%
brain = xsg.load_mouse("simulated", n_genes=N_GENES, seed=SEED)
brain

# %% mystnb={"image": {"alt": "Two rows of three cuts through the simulated brain for one gene. Above, biology alone: regions with sharp borders and smooth gradients, the same left and right. Below, as measured: the same pattern with noise in each voxel, white at the anterior end, where sections are missing, and white notches where sections are torn."}}
sample = np.log10(brain.truth.energy(slice(None, None, 50)) + 0.01)
gene = int(np.argmax(np.quantile(sample, 0.9, axis=0) - np.quantile(sample, 0.1, axis=0)))  # one that varies much
truth = brain.truth.energy()[:, gene]
figure = slices(
    {
        "biology": brain.volume(np.log10(truth + 0.01)),
        "measured": brain.volume(np.log10(brain.expression[:, gene].astype(np.float32) + 0.01)),
    },
    f"log10(energy of {brain.genes[gene]} + 0.01)",
    at=(38, 20, 22),
)

# %% [markdown]
# ## Is it like the real thing?
#
# With one real experiment at hand we can compare some numbers: how much is missing, how alike neighbours are, how alike the two
# sides are.


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
# *Nrp1* in the next voxel correlates with 0.93<!-- claim:mouse-brain-next-real -->, a typical simulated gene with
# 0.59<!-- claim:mouse-brain-next-simulated -->. The simulated brain is noisier from voxel to voxel than this experiment, because
# its noise is drawn anew in each voxel. So a number reached on the simulated brain is *not* a forecast of one on the
# real brain. What it is good for are comparisons, which method and which split, on the same voxels; and where noise
# decides them, as it does for averaging over neighbours ([chapter 17](17_neighbours.ipynb)), they need not carry over
# either.
#
# ## Two voxels that touch
#
# Instead of one gene, take the whole profile of a voxel, all genes scaled to mean 0 and standard deviation 1. How alike are the
# profiles of two voxels, depending on how far apart they lie? And how alike are a voxel and its mirror image?

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
# The nearest voxels correlate with 0.53<!-- claim:mouse-brain-profile-near -->, voxels nearly 2 mm apart with
# 0.2<!-- claim:mouse-brain-profile-2mm --> only. The mirror image, most often several millimetres away, comes before
# them all:
# 0.57<!-- claim:mouse-brain-profile-mirror -->, for it lies in the same structure, which the next voxel may not. The
# very numbers, and that the mirror image comes before the neighbour, are the simulation's: for the one real gene,
# *Nrp1*, both are far more alike than voxels 1 mm apart, but the neighbour comes first.
#
# Now deal the voxels to five folds like cards, as is usual, and count how many of the held-out ones touch one that trains:

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
# 100.0<!-- claim:mouse-brain-touching-random --> % under random folds. Under `"blocks"`, cubes of 1.6 mm that are held out together with their mirror
# images and a buffer of 0.4 mm around them, it is 0<!-- claim:mouse-brain-touching-blocks --> %. What a difference that makes is the subject of
# [chapter 16](16_where_am_i.ipynb).
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
# The mean over voxels that did not train is not exactly 0, nor the standard deviation 1: that is as it should be. And gaps are filled with the
# gene's typical energy by default, not from the voxels around it: a value copied from next door carries the address of next door with it.

# %% [markdown]
# ## Honesty box
#
# | the source says | we get | differs because |
# |---|---|---|
# | 4,345 experiments (Spatial-VAE; the 3,000 of largest variance are its features, replicates among them or not) | 4,345<!-- claim:mouse-brain-experiments --> experiments, 4,082<!-- claim:mouse-brain-genes --> genes | replicates are the same gene; we average them |
# | 66,289 brain voxels, by k-means clusters of expression | 62,529<!-- claim:mouse-brain-labelled --> voxels, by the atlas's annotation | clustering keeps some voxels outside the brain, and uses the data that are to be predicted from |
# | header of the volume: orientation RAI | PIR | the header is wrong; Exercise 1 |
#
# Only one experiment of the real atlas was at hand when this page was made, and everything said about the real brain rests on that one, the
# annotation and the list of experiments. The simulated brain of this page copies the anatomy and the kinds of
# artefact; its genes do not exist. The chapters that follow set `geometry="drawn"`, which needs no download: the same
# simulation in a brain of ellipsoids, with fewer structures and no real anatomy. In-sample, held-out
# and null do not occur here: nothing has been predicted yet.

# %% [markdown]
# ## Key takeaways
#
# - An experiment is a box of 159,326 energies, of which the brain fills 62,529: [from slice to number](#from-a-stained-slice-to-a-number).
# - −1 is not a number, and where values are missing tells a place: [minus one](#minus-one-is-not-a-number).
# - One voxel has many names, from coarse to fine: [a tree](#names-for-places-a-tree).
# - Experiments are not genes: [how many](#how-many-genes).
# - The simulated brain is for comparing methods, not for forecasting numbers: [is it like the real thing](#is-it-like-the-real-thing).
# - A voxel's neighbour and its mirror image hold nearly the answer: [two voxels that touch](#two-voxels-that-touch).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: which axis is which?
#
# The brain is its own mirror image along one axis only. Find it from the annotation, without using any name.

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
agreement = [(np.flip(annotation, axis) == annotation)[inside].mean() for axis in range(3)]
print([f"{each:.0%}" for each in agreement])
# Only the last axis runs from side to side. On the first, the olfactory bulb comes early and the cerebellum late.
assert np.argmax(agreement) == 2
assert agreement[2] > 0.85
first = {name: voxels["AP"][names == name].mean() for name in ("OLF", "CBX")}
assert first["OLF"] < first["CBX"]

# %% [markdown]
# ### Exercise 2: where is it bright?
#
# Average *Nrp1* over each division, and name the brightest. Which mistake would taking −1 for a number have made at the
# anterior end?

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
measured = pd.Series(energy[place])
by_division = measured.groupby(names).mean().sort_values(ascending=False)
print(by_division.head(3).round(2).to_dict())
wrong = measured.fillna(-1).groupby(names).mean()
print(f"olfactory areas: {by_division['OLF']:.2f}; with −1 as a number {wrong['OLF']:.2f}")
assert by_division.index[0] == "HPF"
# A third of the olfactory areas was not cut: they would seem to express less than they do.
assert wrong["OLF"] < 0.5 * by_division["OLF"]

# %% [markdown]
# ### Exercise 3: how much of it is biology?
#
# For the simulated brain the truth is known. What share of the variance of log energy is biology, for the median gene?

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
rows = np.sort(rng.permutation(len(brain.voxels))[:5000])
clean, noisy = np.log(brain.truth.energy(rows) + 0.01), np.log(brain.expression[rows].astype(np.float32) + 0.01)
share = [
    np.corrcoef(clean[ok, g], noisy[ok, g])[0, 1] ** 2 for g in range(N_GENES) for ok in [np.isfinite(noisy[:, g])]
]
print(f"squared correlation of truth and measurement: median {np.median(share):.2f}")
assert 0.4 < np.median(share) < 0.9

# %% [markdown]
# ## References
#
# - Lein ES et al. (2007). Genome-wide atlas of gene expression in the adult mouse brain. *Nature* 445:168.
#   [doi:10.1038/nature05453](https://doi.org/10.1038/nature05453)
# - Ng L et al. (2009). An anatomic gene expression atlas of the adult mouse brain. *Nature Neuroscience* 12:356.
#   [doi:10.1038/nn.2281](https://doi.org/10.1038/nn.2281)
# - Wang Q et al. (2020). The Allen mouse brain common coordinate framework: a 3D reference atlas. *Cell* 181:936.
#   [doi:10.1016/j.cell.2020.04.007](https://doi.org/10.1016/j.cell.2020.04.007)
