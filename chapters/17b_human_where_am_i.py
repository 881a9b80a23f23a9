# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [experiments/human_where.csv, experiments/human_where.sealed.json, human/atlas/schaefer_200_fsa5.csv, human/expression/schaefer200_r0.4.csv.bz2, human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv, human/disease/EP.GM.rda]}
# ---

# %% [markdown]
# # 17b. Where am I, in a human brain?
#
# *Prerequisites: [smooth maps](09_smooth_maps.ipynb), [held out, but from what?](10_splits.ipynb),
# [where am I?](16_where_am_i.ipynb). Time: 30 minutes to read, half a minute to run.*
#
# Part I left a puzzle. Gene expression predicts where the cortex gets thinner in Alzheimer's disease; but so does the mere
# place of a region, and so do genes picked at random. [Chapter 16](16_where_am_i.ipynb) asked a mouse brain, a simulated
# one, where each piece of it lies. This page puts that question to the human cortex and to real data. The answer solves the
# puzzle: **genes record place**.
#
# ## What you will learn
#
# - how well gene expression tells where a *parcel*, a small region of the cortex, lies;
# - why the right control is not noise, but smooth fields that know no biology;
# - what is left when the main gradient of expression is taken away;
# - how to find out whether genes predict a map through place, or by something that place does not tell.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
MOUSE = "simulated"  # of your own: "allen" (in the cache), or a folder
MOUSE_STEP = 5  # every fifth voxel along each axis
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %% tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

import xsg
from xsg.claims import claim
from xsg.data.expression import load_ahba
from xsg.data.fetch import fetch
from xsg.evaluation.baselines import baseline
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.splits import homologous
from xsg.plotting import use_style
from xsg.simulate.fields import fields_on, robust_sigmoid
from xsg.spatial.parcels import compact_blocks, predict_held_out
from xsg.study.seal import read_seal

use_style()

# %% [markdown]
# ## The question in a picture
#
# Our *parcels* are those of the left hemisphere in the atlas of Schaefer et al. (2018), a hundred of them. Gene expression
# comes from the Allen Human Brain Atlas, AHBA, in which all six donors were sampled on the left, and only two on the right.
# For each parcel there are 2,288 numbers, one per gene: how strongly it is expressed, as a mean over donors. Of one parcel we
# keep the place to ourselves. Where does it lie?


# %%
def left_parcels(atlas):
    """Expression (n, genes) and places in mm (n, 3) of the left hemisphere."""
    expression = load_ahba(atlas=atlas)
    where = xsg.load_atlas(atlas).table.loc[expression.index]
    place = np.column_stack([where["x"].abs(), where["y"], where["z"]])
    left = (where["hemisphere"] == "L").to_numpy()
    return expression.to_numpy()[left], place[left]


genes, place = left_parcels("schaefer200")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Left, 40 bars, the expression of genes in one parcel. Right, the parcels of the left hemisphere as points seen from the side, back to the left and front to the right, with a question mark in their middle."}}
figure, (strip, side) = plt.subplots(1, 2, figsize=(7.5, 3.4), layout="constrained", width_ratios=(1, 1.5))
asked = 40
strip.barh(np.arange(40), genes[asked, :40], color="#0072b2", height=0.7)
strip.set(xlabel="expression (no unit)", ylabel="gene", title="one parcel, 40 of its genes")
side.plot(place[:, 1], place[:, 2], "o", color="0.75", ms=8)
side.text(*place.mean(axis=0)[1:], "?", fontsize=44, color="#d55e00", ha="center", va="center")
side.set(xlabel="y (mm), back to front", ylabel="z (mm), bottom to top", aspect="equal")
_ = side.set_title("is it one of these?")

# %% [markdown]
# What you see: left, some of what is known of a parcel. Right, the centres of all parcels, seen from the side, front to the right.
#
# ## Frozen before we looked
#
# What was to be asked, and what would count as a yes, was written to a file before the first run on these data.
# Three of the answers could be expected from an earlier run by others; the file says so.

# %%
frozen = read_seal(fetch("experiments/human_where.sealed.json"))
print(frozen.date, frozen.digest[:16])
for line in frozen.rule.splitlines():
    print(textwrap.fill(line, 78, subsequent_indent="   "))

# %% [markdown]
# ## One function
#
# The function below is the whole experiment. Parcels are divided into ten compact *blocks* by k-means on their places, so
# that a held-out parcel's neighbours are mostly held out with it. A method learns from nine blocks and says where the parcels
# of the tenth lie. Its error is the distance, in millimetres, from there to where they do lie.
#
# The function knows nothing of brains: it takes a table and places. At the end of this page, a mouse goes through it.


# %%
def where_am_i(expression, place, methods, n_blocks=10, **how):
    """Where each method puts held-out rows, and its mean error in mm."""
    blocks = compact_blocks(place, n_blocks, SEED)
    found, error = {}, {}
    for method in methods:
        told = predict_held_out(expression, place, place, blocks, method, **how)
        found[method] = told
        error[method] = np.linalg.norm(told - place, axis=1).mean()
    return found, pd.Series(error)


QUICK = ["middle", "kNN", "PLS", "ridge", "Gaussian process"]
found, error = where_am_i(genes, place, QUICK, seed=SEED)
error.rename("error (mm)").round(1).to_frame()

# %% [markdown]
# - **middle** reads no gene, and answers with the mean place of the training parcels. It is the null.
# - **kNN** answers with the mean place of the training parcels whose expression is most alike.
# - **PLS** (partial least squares) and **ridge** are linear in the genes.
# - The **Gaussian process** takes parcels of like expression to lie in like places, and finds out how like is like enough.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Parcels of the left hemisphere from the side. From each true place a line leads to the place that ridge regression predicts when the parcel's block is held out; lines are mostly short against the size of the hemisphere and point inwards."}}
figure, axis = plt.subplots(figsize=(7, 4.4), layout="constrained")
told = found["ridge"]
for true, guess in zip(place, told, strict=True):
    axis.plot([true[1], guess[1]], [true[2], guess[2]], color="0.6", lw=1, zorder=1)
axis.plot(place[:, 1], place[:, 2], "o", color="#0072b2", ms=6, label="where it lies")
axis.plot(told[:, 1], told[:, 2], "x", color="#d55e00", ms=6, label="where its genes put it")
axis.set(xlabel="y (mm), back to front", ylabel="z (mm), bottom to top", aspect="equal")
_ = axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=2)

# %% [markdown]
# What you see: each parcel of the left hemisphere, seen from the side, and where ridge regression puts it when its block was
# held out. The lines are the errors.

# %% tags=["hide-input"]
table = pd.read_csv(fetch("experiments/human_where.csv"))
kept = table[(table["part"] == "methods") & (table["split"] == "blocks")]
here = kept[(kept["atlas"] == "schaefer200") & (kept["dealing"] == SEED)]
here = here.set_index("method")["error"]
ours = {name: kept[kept["method"] == name].groupby("atlas")["error"].median() for name in here.index}
ours = pd.DataFrame(ours)
r2 = kept[(kept["atlas"] == "schaefer200") & (kept["method"] == "ridge")]
r2 = r2[["r2_x", "r2_y", "r2_z"]].median()

# %% tags=["hide-input", "nbval-check-output"]
claim("human-where-again", (error - here[QUICK]).abs().max())
claim("human-where-ridge", ours.loc["schaefer200", "ridge"])
claim("human-where-middle", ours.loc["schaefer200", "middle"])
claim("human-where-r2-x", r2["r2_x"])
claim("human-where-r2-y", r2["r2_y"])

# %% [markdown]
# Ridge regression on genes errs by 20.7<!-- claim:human-where-ridge --> mm (median over three dealings of the blocks). Always
# answering "in the middle" errs by 53.8<!-- claim:human-where-middle --> mm. The hemisphere is some 160 mm long. So expression
# does tell where a parcel lies: best from back to front ($R^2$ 0.85<!-- claim:human-where-r2-y -->), less well how far
# it is from the midline (0.55<!-- claim:human-where-r2-x -->). An earlier run, by others, found the same error to the tenth of a
# millimetre.

# %% [markdown]
# ## Every method, five tables
#
# The script `experiments/human_where.py` asked the same of four more tables. Finer atlases have fewer genes, as only those
# are kept that agree between donors. It also trained Spatial-VAE, with a small network, as there are few parcels. The network
# wants places on the grid of the mouse brain. A human hemisphere fits on it, at 3 mm a step in place of 0.2 mm.

# %% tags=["hide-input"]
SHOWN = ["schaefer100", "schaefer200", "schaefer400", "glasser360", "desikan"]
ORDER = ["middle", "kNN", "PLS", "ridge", "Gaussian process", "Spatial-VAE"]
sizes = kept.groupby("atlas")[["parcels", "genes"]].first().loc[SHOWN]
shown = sizes.join(ours[ORDER]).T
shown.round(1).rename_axis("error (mm), blocks")

# %% tags=["hide-input"]
every = table[table["part"] == "methods"]
fine = every[every["atlas"] == "schaefer200"]
splits = fine.groupby(["method", "split"])["error"].median().unstack()
splits = splits.loc[ORDER, ["random", "blocks", "left to right", "right to left"]]
splits.round(1).rename_axis("error (mm), schaefer200").rename_axis(None, axis=1)

# %% tags=["hide-input", "nbval-check-output"]
best_of = ours[["kNN", "PLS", "ridge", "Gaussian process"]].min(axis=1)
lead = best_of - ours["Spatial-VAE"]
claim("human-where-tables", (ours["ridge"] < 0.5 * ours["middle"]).sum())
claim("human-where-vae-wins", (lead >= 1).sum())
claim("human-where-vae", ours.loc["schaefer200", "Spatial-VAE"])
claim("human-where-random", splits.loc["ridge", "random"])
claim("human-where-hemisphere", splits.loc["ridge", "left to right"])
claim("human-where-knn", ours.loc["schaefer200", "kNN"])

# %% [markdown]
# The methods that read genes lie a few millimetres apart, and all are far better than the middle. The exception is kNN
# (34.0<!-- claim:human-where-knn --> mm): it can only answer with places that it has seen, and those lie outside the held-out
# block. In the atlas of Desikan–Killiany, with 34 regions on the left, all methods are worse. Our rule asked for less than half
# the error of the middle in each of five tables, and it was so in 4<!-- claim:human-where-tables -->. By the rule, the first
# answer is *no*; it is the coarsest atlas that fails.
#
# Spatial-VAE errs by 20.5<!-- claim:human-where-vae --> mm in Schaefer-200. The rule asked for a lead of 1 mm over every simpler
# method. It has such a lead in 0<!-- claim:human-where-vae-wins --> of five tables; a Gaussian process, which takes a fraction of a
# second, does as well. With so few parcels there is little for a network to learn from.
#
# The second table is about leaks. If parcels are dealt into folds like cards, their neighbours train, and ridge errs by
# 16.5<!-- claim:human-where-random --> mm. If it learns on the left and is asked on the right, a parcel's mirror image trains,
# and still it errs by 19.8<!-- claim:human-where-hemisphere --> mm, as the right was measured in other tissue and fewer donors.
# One would like to hold out a *donor*. These tables do not allow it: they are means over donors.

# %% [markdown]
# ## Against smooth fields
#
# So genes know place. Is that biology? A *smooth field* is a random map in which near parcels get near values. It knows no
# biology at all. We draw as many fields as there are genes, put them through the same scaling, and call the function again.
# Two places $d$ mm apart correlate at $\exp(-d/\ell)$; the length $\ell$ says how smooth the fields are.


# %%
def smooth_fields(place, n, length, seed):
    """Random fields (n places, n fields), scaled as expression is."""
    rng = np.random.default_rng([length, seed])
    distance = cdist(place, place)
    drawn = fields_on(distance, rng, n, lambda d: np.exp(-d / length))
    return robust_sigmoid(drawn.T)


# %% [markdown]
# <details><summary><b>Predict first:</b> genes put a parcel some 20 mm from where it lies, random fields of length 40 mm put
# it … ?</summary>
#
# The next cell has the answer. It may help to think of radio stations: the more of them you receive, each fading with
# distance in its own way, the better you know where you are, whatever they broadcast.
#
# </details>

# %%
errors = {"genes": error[["middle", "ridge"]]}
for length in (20, 40, 80):
    drawn = smooth_fields(place, genes.shape[1], length, SEED)
    both = where_am_i(drawn, place, ["middle", "ridge"])
    errors[f"fields, {length} mm"] = both[1]
pd.DataFrame(errors).round(1)

# %% [markdown]
# One may object that this is a matter of near neighbours: a held-out parcel at the rim of its block touches a training parcel.
# So we also leave out of training whatever lies within a *buffer* round the held-out block, up to 40 mm.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Mean error against the buffer, for Schaefer-200 and Schaefer-400. Genes start near 21 mm, with fields of 20 mm; fields of 40 and 80 mm lie far below. All rise with the buffer; fields of 20 mm cross the dotted line of the middle, genes and fields of 40 mm meet near 40 mm of buffer, fields of 80 mm stay lowest."}}
buffers = table[table["part"] == "buffer"]
LOOKS = {"genes": ("#000000", "o", "genes"), "20": ("#d55e00", "s", "fields, 20 mm")}
LOOKS |= {"40": ("#0072b2", "D", "fields, 40 mm"), "80": ("#009e73", "^", "fields, 80 mm")}
figure, axes = plt.subplots(1, 2, figsize=(7.5, 3.8), sharey=True, layout="constrained")
for axis, atlas in zip(axes, ("schaefer200", "schaefer400"), strict=True):
    for source, (colour, marker, label) in LOOKS.items():
        chosen = buffers[(buffers["atlas"] == atlas) & (buffers["source"] == source)]
        low, mid, high = chosen.groupby("buffer")["error"].quantile([0.05, 0.5, 0.95]).unstack().T.to_numpy()
        at = np.unique(chosen["buffer"])
        axis.fill_between(at, low, high, color=colour, alpha=0.15, lw=0)
        axis.plot(at, mid, marker + "-", color=colour, label=label)
    axis.axhline(ours.loc[atlas, "middle"], color="0.5", ls=":")
    axis.annotate("middle, no buffer", (0, ours.loc[atlas, "middle"]), (0, 4), textcoords="offset points", fontsize=9)
    axis.set(xlabel="buffer round the block (mm)", title=atlas, ylim=(0, None))
axes[0].set_ylabel("mean error (mm)")
_ = axes[0].legend(loc="upper left", bbox_to_anchor=(0.02, 0.88), fontsize=9)

# %% tags=["hide-input", "nbval-check-output"]
spread = buffers.groupby(["atlas", "buffer", "source"])["error"].quantile([0.05, 0.5]).unstack()
least = spread[0.05].unstack()[["20", "40", "80"]].min(axis=1)
beaten = spread[0.5].unstack()["genes"] < least
middle_of = spread[0.5].unstack()
claim("human-where-fields-40", middle_of.loc[("schaefer200", 0), "40"])
claim("human-where-fields-80", middle_of.loc[("schaefer200", 0), "80"])
claim("human-where-buffer-genes", middle_of.loc[("schaefer200", 40), "genes"])
claim("human-where-buffer-fields", middle_of.loc[("schaefer200", 40), "40"])
claim("human-where-beaten", beaten.sum())

# %% [markdown]
# What you see: the error of ridge regression on genes (black) and on as many smooth fields, with the range from the 5th to the
# 95th percentile over dealings and draws. The dotted line is the middle.
#
# **Random fields tell place as well as genes do, or better.** Without a buffer, fields of 40 mm err by
# 12.2<!-- claim:human-where-fields-40 --> mm, fields of 80 mm by 8.2<!-- claim:human-where-fields-80 --> mm. Genes are about as
# good as fields of 20 mm. The buffer does change the order: at 40 mm, genes (36.0<!-- claim:human-where-buffer-genes --> mm) do
# better than fields of 40 mm (40.8<!-- claim:human-where-buffer-fields -->), but not than those of 80 mm.
#
# Our rule asked whether genes beat the fields of all three lengths anywhere. They do in
# 0<!-- claim:human-where-beaten --> of the ten settings of the figure. So the second answer is *no*: what expression tells of
# place, it tells as any set of smooth and somewhat noisy fields does.

# %% [markdown]
# ## How expression tells
#
# The figure shows why. Take two parcels, and correlate their expression over all genes, each gene with mean zero and variance
# one over parcels. The nearer they lie, the more alike they are.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Correlation of expression against the distance of two parcels. All curves start between 0.36 and 0.6 and fall; genes fall to minus 0.37 at 148 mm, fields level off between 0 and minus 0.2."}}
likeness = table[(table["part"] == "likeness") & (table["atlas"] == "schaefer200")]
figure, axis = plt.subplots(figsize=(6, 3.6), layout="constrained")
axis.axhline(0, color="0.8", lw=1)
for source, (colour, marker, label) in LOOKS.items():
    chosen = likeness[likeness["source"] == source]
    axis.plot(chosen["mm"], chosen["value"], marker + "-", color=colour, label=label)
axis.set(xlabel="distance between two parcels (mm)", ylabel="correlation of expression")
_ = axis.legend()

# %% tags=["hide-input"]
parts = table[(table["part"] == "components") & (table["source"] != "20")]
parts = parts.groupby(["components", "atlas", "source"])["error"].median().unstack([1, 2])
parts = parts.loc[["all", "10", "3", "1", "all but the first"]]
parts.round(1).rename_axis("components").rename_axis(["error (mm)", ""], axis=1)

# %% tags=["hide-input", "nbval-check-output"]
spectrum = table[(table["part"] == "spectrum") & (table["atlas"] == "schaefer200") & (table["source"] == "genes")]
claim("human-where-pc1-share", 100 * spectrum["value"].iloc[0])
claim("human-where-likeness-near", likeness[likeness["source"] == "genes"]["value"].iloc[0])
claim("human-where-no-pc1", parts.loc["all but the first", ("schaefer200", "genes")])
claim("human-where-no-pc1-fields", parts.loc["all but the first", ("schaefer200", "40")])
claim("human-where-three", parts.loc["3", ("schaefer200", "genes")])
z = (genes - genes.mean(axis=0)) / genes.std(axis=0)
left, values, right = np.linalg.svd(z, full_matrices=False)
bare = z - np.outer(left[:, 0] * values[0], right[0])
claim("human-where-no-pc1-all", where_am_i(bare, place, ["ridge"])[1]["ridge"])

# %% [markdown]
# What you see: near parcels are alike (0.49<!-- claim:human-where-likeness-near --> at 16 mm). Far ones are less alike than two
# parcels picked at random. Expression (black) goes on falling where the fields have become flat, because one *gradient* runs
# through most genes from one end of the cortex to the other.
#
# The table says what that gradient is worth: the error of ridge regression from some principal components only, of genes and of
# fields of 40 and 80 mm. The gradient is the first of them and holds
# 51<!-- claim:human-where-pc1-share --> % of the variance. One number cannot tell three coordinates; the first three components err
# by 37.2<!-- claim:human-where-three --> mm.
#
# And without the first? The error is 40.4<!-- claim:human-where-no-pc1 --> mm; fields of 40 mm without *their* first err by
# 40.7<!-- claim:human-where-no-pc1-fields --> mm. We had written that "nothing is left" would mean more than nine tenths of the
# middle's error, which is 48 mm. So the third answer is *no*: something is left, as much as in random fields.
#
# The earlier run had found nothing left, 49 to 51 mm. We looked why, after the fact. There the component was taken out over all
# parcels, the held-out ones among them; done so, we get 51.6<!-- claim:human-where-no-pc1-all --> mm as well. Then what remains
# is made, by construction, not to go along with the gradient *over all parcels*, and this says something of the held-out ones.
# Here it was learned, like everything else, from the training parcels.

# %% [markdown]
# ## Closing the loop
#
# Back to the puzzle of part I: genes predict the map of Alzheimer's disease. If they do so because they record place, then
# nothing is lost by sending them through place. First predict, from its genes, where a region lies, three numbers. Then
# predict its thinning from these three numbers alone.
#
# The second step is kriging, as in [chapter 9](09_smooth_maps.ipynb): the regions near a place predict what is there. It must
# learn how far to trust such a place. So the training regions, too, are given the places that genes predict for them when
# they are held out.


# %%
def through_place(genes, maps, place, blocks, seed):
    """Genes → where a region lies → what kriging expects there."""
    found = np.full(maps.shape, np.nan)
    for fold in blocks:
        train = ~fold
        told = predict_held_out(genes, place, place, fold[None], seed=seed)
        x, y = genes[train], place[train]
        inner = compact_blocks(y, 10, seed)
        told[train] = predict_held_out(x, y, y, inner, seed=seed)
        asked = predict_held_out(told, maps, place, fold[None], "kriging")
        found[fold] = asked[fold]
    return found


# %% [markdown]
# The next function compares that with ridge regression, which goes from genes to the map directly, and with position, which
# is kriging over the true places. It takes the median over five dealings of five blocks.


# %%
def three_ways(cortex, dealings=5):
    """Held-out R² on the left hemisphere: directly, by position, through place."""
    left = [name for name in cortex.regions if name.startswith("L_")]
    where = cortex.parcellation.table.loc[left]
    place = np.column_stack([where["x"].abs(), where["y"], where["z"]])
    x = cortex.expression.loc[left].to_numpy()
    y = cortex.thinning[left].to_numpy()[:, None]
    rows = []
    for seed in range(dealings):
        blocks = compact_blocks(place, 5, seed)
        ways = {
            "ridge on genes": predict_held_out(x, y, place, blocks, seed=seed),
            "position": predict_held_out(place, y, place, blocks, "kriging"),
            "genes through place": through_place(x, y, place, blocks, seed),
        }
        rows.append({k: r_squared(y[:, 0], v[:, 0]) for k, v in ways.items()})
    return pd.DataFrame(rows).median()


# %%
disease = three_ways(xsg.load_cortex("ahba-ad", hemispheres="left"))
control = three_ways(xsg.load_cortex("simulated"))
ways = pd.DataFrame({"Alzheimer's disease": disease, "simulated": control})
ways.round(2).rename_axis("held-out R²")

# %% [markdown]
# The second column is a control that says no. In the simulated cortex of part I, thinning is *made by* gene programs.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Sixteen maps in rows. Left, held-out R squared: position lies highest almost everywhere, ridge on genes and genes through place lie close together. Right, what is lost: black points of genes lie within or to the left of the green bars of smooth fields."}}
maps = table[table["part"] == "maps"]
mid = maps.groupby(["atlas", "split", "map", "source", "method"])["value"].median().unstack()
of_genes = mid.xs("genes", level="source")
loss_of = maps[maps["method"] == "loss"]
of_fields = loss_of[loss_of["source"] != "genes"].groupby(["atlas", "split", "map"])["value"]
bound = of_fields.quantile(0.95)
KINDS = {"AD": "Alzheimer's disease", "AD rotated": "the same, rotated"}
KINDS |= {f"field {length}": f"smooth maps, {length} mm" for length in (20, 40, 80)}
rows = [
    (atlas, split, kind)
    for atlas in ("desikan", "schaefer200")
    for kind in KINDS
    for split in ("random", "blocks")
    if (atlas, split, kind) in of_genes.index
]
figure, (scores, losses) = plt.subplots(
    1, 2, figsize=(7.8, 6.8), sharey=True, layout="constrained", width_ratios=(1.3, 1)
)
at = np.arange(len(rows))[::-1]
for name, label, colour, marker in (
    ("direct", "ridge on genes", "#000000", "o"),
    ("through place", "genes through place", "#d55e00", "x"),
    ("position", "position", "#0072b2", "D"),
):
    scores.plot(of_genes.loc[rows, name], at, marker, color=colour, ms=6, label=label)
scores.axvline(0, color="0.8", lw=1, zorder=0)
scores.set_yticks(at, [f"{KINDS[kind]}\n{atlas}, {split}" for atlas, split, kind in rows], fontsize=8)
scores.set_xlabel("held-out R²")
scores.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncol=3, fontsize=8)
low, high = (of_fields.quantile(q).loc[rows] for q in (0.05, 0.95))
losses.hlines(at, low, high, color="#009e73", lw=5, alpha=0.5, label="of smooth fields")
losses.plot(of_genes.loc[rows, "loss"], at, "o", color="#000000", ms=6, label="of genes")
losses.axvline(0, color="0.8", lw=1, zorder=0)
losses.set_xlabel("lost on the way (R²)")
_ = losses.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncol=2, fontsize=8)

# %% tags=["hide-input", "nbval-check-output"]
again = of_genes.loc[("desikan", "blocks", "AD")]
shown_as = ["direct", "position", "through place"]
claim("human-where-loop-again", np.abs(disease.to_numpy() - again[shown_as].to_numpy()).max())
within = of_genes["loss"] <= bound
smooth = within[within.index.get_level_values("map").str.startswith("field")]
patients = within.xs(("desikan", "AD"), level=("atlas", "map"))
of_cards = of_genes.loc[("desikan", "random", "AD")]
claim("human-where-ad-direct", of_cards["direct"])
claim("human-where-ad-position", of_cards["position"])
claim("human-where-ad-blocks", again[["direct", "position", "through place"]].max())
claim("human-where-ad-loss", of_cards["loss"])
claim("human-where-ad-bound", bound.loc[("desikan", "random", "AD")])
claim("human-where-ad-within", patients.sum())
claim("human-where-smooth-within", smooth.sum())
claim("human-where-simulated-direct", control["ridge on genes"])
claim("human-where-simulated-through", control["genes through place"])

# %% [markdown]
# What you see: left, held-out $R^2$ of each map by the three methods. Right, what is lost by sending genes through place (black).
# The green bars show what tables of *smooth fields* lose on the same way. Fields know nothing but place, so this is what the way
# itself costs, as places are predicted badly.
#
# The frozen rule asked whether genes lose more than the 95th percentile of the fields. For random smooth maps they never do
# (12<!-- claim:human-where-smooth-within --> of 12 settings); in Schaefer-200, three numbers even predict better than all the
# genes from which they come. For the Alzheimer map genes stay within the bound under 2<!-- claim:human-where-ad-within --> of two
# splits. By the rule, the fifth answer is *yes*.
#
# The control shows that the answer could have been no. In the simulated cortex ridge regression predicts the map
# ($R^2$ = 0.64<!-- claim:human-where-simulated-direct -->), and through place nothing is left of it
# (0.01<!-- claim:human-where-simulated-through -->).
#
# But be careful with the Alzheimer map. With folds dealt like cards, ridge regression reaches
# 0.15<!-- claim:human-where-ad-direct -->, position alone 0.40<!-- claim:human-where-ad-position -->, and under blocks all are
# below zero (-0.20<!-- claim:human-where-ad-blocks --> at most). Where there is so little, little can be lost.
#
# ## A second look, not frozen
#
# In [chapter 8](08_real_brain.ipynb) ridge regression did better on this map. It is the same method but for one thing: it chooses
# its penalty on regions dealt like cards, ours on blocks. After the frozen run we took chapter
# 8's ridge, and asked a plainer question: does it predict the Alzheimer map any better from genes than from as many smooth fields?


# %%
cortex = xsg.load_cortex("ahba-ad", hemispheres="left")
where = cortex.parcellation.table.loc[cortex.regions]
at = np.column_stack([where["x"].abs(), where["y"], where["z"]])


def chapter_8(expression):
    """Held-out R² of ridge on the Alzheimer map, median of five dealings."""
    names = [f"gene {k}" for k in range(expression.shape[1])]
    x = pd.DataFrame(expression, cortex.regions, names)
    y, atlas, scores = cortex.thinning, cortex.parcellation, []
    for seed in range(5):
        folds = homologous(cortex.regions, 5, seed, atlas)
        found = baseline("ridge", x, y, atlas, folds)[0]
        scores.append(r_squared(y.to_numpy(), found))
    return np.median(scores)


by_genes = chapter_8(cortex.expression.to_numpy())
rows = {"genes": [by_genes]}
for length in (20, 40, 80):
    drawn = [smooth_fields(at, 776, length, k) for k in range(10)]
    rows[f"fields, {length} mm"] = [chapter_8(each) for each in drawn]
second = pd.DataFrame({k: [np.median(v), min(v), max(v)] for k, v in rows.items()})
second.T.set_axis(["median", "least", "most"], axis=1).round(2)

# %% tags=["hide-input", "nbval-check-output"]
claim("human-where-ad-chapter-8", by_genes)
claim("human-where-ad-fields", np.median(rows["fields, 40 mm"]))
claim("human-where-ad-fields-most", max(rows["fields, 40 mm"]))

# %% [markdown]
# From 776 genes the held-out $R^2$ is 0.37<!-- claim:human-where-ad-chapter-8 -->. From 776 random smooth fields of 40 mm it is
# 0.36<!-- claim:human-where-ad-fields -->, up to 0.43<!-- claim:human-where-ad-fields-most -->. **The genes of the brain predict the map
# of Alzheimer's disease as well as random fields that happen to be smooth.**
#
# That is the answer to the puzzle. A table of many genes is a noisy record of where a region lies, and what varies smoothly can be
# read from it. This explains at once why position does as well as genes, why random genes do as well as chosen ones, and why genes
# that mean nothing did so well on a graph.

# %% [markdown]
# ## A mouse goes through the same function
#
# Nothing in `where_am_i` is human. Below it is asked of a mouse brain, with each voxel's mirror image folded onto it. The
# book has no copy of the Allen Institute's mouse atlas, so **this mouse is simulated** (it is the one of chapters 14 to 16),
# and the numbers say nothing about mice. If you have the atlas ([chapter 14](14_mouse_brain.ipynb) says how to get it), set
# `MOUSE` at the top of this page to its folder. A test sends a small folder of that kind through the very cell below.


# %%
def mouse_voxels(which, step):
    """Log expression (n, genes) and folded places in mm (n, 3) of a mouse."""
    if which == "simulated":
        brain = xsg.load_mouse(which, n_genes=150, step=step, geometry="drawn")
    else:
        folder = None if which == "allen" else which
        brain = xsg.load_mouse("allen", step=step, folder=folder)
    energy = np.asarray(brain.expression, dtype=float)
    return np.log(energy + 0.01), 0.2 * brain.positions(folded=True)


energy, voxel_place = mouse_voxels(MOUSE, MOUSE_STEP)
in_mouse = where_am_i(energy, voxel_place, ["middle", "kNN", "ridge"])[1]
pd.DataFrame({f"{MOUSE} mouse, error (mm)": in_mouse}).round(2)

# %% tags=["hide-input", "nbval-check-output"]
if MOUSE == "simulated":
    claim("human-where-mouse", in_mouse["ridge"] / in_mouse["middle"])

# %% [markdown]
# ## Honesty box
#
# | one would like to say | we get | differs because |
# |---|---|---|
# | genes tell where a parcel lies: biology | **held out** 20.7<!-- claim:human-where-ridge --> mm; smooth fields of 40 mm, the **null**, 12.2<!-- claim:human-where-fields-40 --> mm | smoothness is enough |
# | a network does it best | a lead of 1 mm in 0<!-- claim:human-where-vae-wins --> of five tables | few parcels; its settings were chosen on simulated fields |
# | the rule said yes: genes predict Alzheimer's disease through place | **held out** loss 0.20<!-- claim:human-where-ad-loss -->, bound 0.28<!-- claim:human-where-ad-bound --> | 33 values, and little to lose; the rule could hardly say no here |
# | genes predict the map as fields do | **held out** 0.37<!-- claim:human-where-ad-chapter-8 -->; **null** 0.36<!-- claim:human-where-ad-fields --> | seen after the frozen run, so a second try |
#
# By the frozen rule the five answers are no, no, no, no and yes; an earlier run by others had shown what to expect of the first three.
# It was run once. The fields know distance in a straight line, not along the cortex. And that genes record place does not say that
# they do nothing else: what a gene adds to place is the question of [chapter 26](26_own_data.ipynb).

# %% [markdown]
# ## Key takeaways
#
# - Expression tells where a parcel lies, to about 20 mm: [one function](#one-function).
# - As many random smooth fields tell it as well or better: [against smooth fields](#against-smooth-fields). The control for a smooth
#   table is another smooth table, not noise.
# - Place is spread over many components; taking out the first one over all rows, held-out ones too, takes out too much:
#   [how expression tells](#how-expression-tells).
# - A map that genes predict through place loses nothing on the way; one that genes make loses all:
#   [closing the loop](#closing-the-loop).
# - Random fields predict the Alzheimer map as well as genes: [a second look](#a-second-look-not-frozen).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: fields that are not smooth
#
# Fill a table of the size of `genes` with independent uniform random numbers (`np.random.default_rng(SEED).random(genes.shape)`)
# and ask where it puts the parcels. Call the error of ridge regression `rough`. Which property of the smooth fields was it that
# told the place?
#
# <details><summary>Hint</summary>
#
# `where_am_i` takes any table. Predict before you run: is a parcel's row like that of its neighbour?
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
noise = np.random.default_rng(SEED).random(genes.shape)
rough = where_am_i(noise, place, ["ridge"])[1]["ridge"]
print(f"noise: {rough:.1f} mm; the middle: {error['middle']:.1f} mm")
# Smoothness alone: rows of noise are as unlike between neighbours as between the ends of the brain.

# %% tags=["check"]
assert rough > 0.85 * error["middle"], f"rough is {rough:.1f} mm: is it noise?"

# %% [markdown]
# ### Exercise 2: how many genes?
#
# Take 10, 100 and 1,000 genes at random, the same blocks, and list the errors of ridge regression as `by_number`. What would you
# say of a paper whose ten genes predict a smooth map?
#
# <details><summary>Hint</summary>
#
# `np.random.default_rng(SEED).choice(genes.shape[1], n, replace=False)` gives the numbers of n genes; take these columns.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
by_number = []
for n in (10, 100, 1000):
    some = np.random.default_rng(SEED).choice(genes.shape[1], n, replace=False)
    by_number.append(where_am_i(genes[:, some], place, ["ridge"])[1]["ridge"])
    print(f"{n:5} genes: {by_number[-1]:.1f} mm")
# That any ten genes are a rough record of place, and that the same should be tried with ten others.

# %% tags=["check"]
assert len(by_number) == 3, f"by_number has {len(by_number)} values; expected three"
assert by_number[2] < by_number[0], f"{by_number}: more genes should err less"

# %% [markdown]
# ### Exercise 3: a map that is nothing but place
#
# Take as a map each parcel's coordinate from back to front, `place[:, 1]`. Predict it directly by ridge regression and with
# `through_place` (blocks: `compact_blocks(place, 5, SEED)`), and call the difference of the two held-out $R^2$ `lost`. Is it
# what you expect of a map of that kind?
#
# <details><summary>Hint</summary>
#
# Maps are columns: `place[:, [1]]`. `r_squared(observed, predicted)` takes vectors.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
front, five = place[:, [1]], compact_blocks(place, 5, SEED)
direct = predict_held_out(genes, front, place, five, seed=SEED)
via = through_place(genes, front, place, five, SEED)
scores = [r_squared(front[:, 0], each[:, 0]) for each in (direct, via)]
lost = scores[0] - scores[1]
print(f"directly {scores[0]:.2f}, through place {scores[1]:.2f}, lost {lost:.2f}")
# Little is lost: three coordinates are all that there is to know of it.

# %% tags=["check"]
assert -0.2 < lost < 0.3, f"lost is {lost:.2f}: are both scores of the same blocks?"

# %% [markdown]
# ## See also
#
# - [Smooth maps](09_smooth_maps.ipynb): why two smooth maps correlate, and nulls that are as smooth.
# - [Where am I?](16_where_am_i.ipynb): the same question in a simulated mouse, and what its published answer is worth.
# - [Your own map](26_own_data.ipynb): position + genes against position, for any map.
# - [The real brain](08_real_brain.ipynb): the puzzle that this page answers.

# %% [markdown]
# ## References
#
# - Ahmed (2024). Spatial-VAE, the text and the notebook that this part follows; see [its page](../book/model_spatial_vae.md).
# - Glasser MF et al. (2016). A multi-modal parcellation of human cerebral cortex. *Nature* 536:171.
#   [doi:10.1038/nature18933](https://doi.org/10.1038/nature18933)
# - Hawrylycz MJ et al. (2012). An anatomically comprehensive atlas of the adult human brain transcriptome. *Nature* 489:391.
#   [doi:10.1038/nature11405](https://doi.org/10.1038/nature11405)
# - Markello RD et al. (2021). Standardizing workflows in imaging transcriptomics with the abagen toolbox. *eLife* 10:e72129.
#   [doi:10.7554/eLife.72129](https://doi.org/10.7554/eLife.72129)
# - Roberts DR et al. (2017). Cross-validation strategies for data with temporal, spatial, hierarchical, or phylogenetic
#   structure. *Ecography* 40:913. [doi:10.1111/ecog.02881](https://doi.org/10.1111/ecog.02881)
# - Schaefer A et al. (2018). Local-global parcellation of the human cerebral cortex from intrinsic functional connectivity MRI.
#   *Cerebral Cortex* 28:3095. [doi:10.1093/cercor/bhx179](https://doi.org/10.1093/cercor/bhx179)
