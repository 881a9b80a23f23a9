# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [experiments/benchmark.csv, experiments/benchmark_control.csv, experiments/peers.csv]}
# ---

# %% [markdown]
# # 26c. One table for every method
#
# *Prerequisites: [held out, but from what?](10_splits.ipynb), [what to do on Monday](28_on_monday.ipynb) for the questions that
# are asked here. Time: 30 minutes to read, half a minute to run.*
#
# Does any method predict a map of the cortex from genes better than one that knows only *where* each region lies? Each paper answers with its own
# map, its own genes and its own way to hold regions out, so their numbers cannot be laid side by side. And numbers come out high for bad reasons:
# neighbours were in training ([chapter 10](10_splits.ipynb)), maps and genes are smooth ([chapter 9](09_smooth_maps.ipynb)), or the settings were
# found on the same map ([chapter 11b](11b_put_to_the_test.ipynb)).
#
# This page is a common table. Eleven methods, from the mean to a deep network, predict the same maps with the same regions held out. One command puts
# your method beside them.
#
# ## What you will learn
#
# - what a method must beat before it is worth its trouble;
# - how to read held-out $R^2$, gain over position, and false alarms;
# - what a gain over many maps shows, and what it does not;
# - how to put a method of your own into the table, in one command.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xsg.bench.methods import JOINT, methods
from xsg.bench.run import KEY, reproduced, score, table
from xsg.bench.scores import answers
from xsg.bench.show import boards
from xsg.bench.tasks import tasks
from xsg.claims import claim
from xsg.data.fetch import fetch
from xsg.plotting import use_style

use_style()
pd.set_option("display.width", 160)

# %% [markdown]
# ## The question in a picture
#
# Here are 21 real maps of the cortex, in 66 of the 68 regions of an atlas: thinning in 13 studies of brain disorders, and loss of tissue in eight
# kinds of dementia. A part of the regions is *held out*: the method has not seen their values. $R^2$ is the share of the variance that a prediction
# explains there. At 0 it is as good as the map's mean; below 0 it is worse.
#
# - *Position* guesses a region from the regions near it (by kriging, a smooth interpolation) and knows no gene.
# - *Ridge* and *PLS* are straight lines on the genes; *PC1* is one on the genes' main pattern; *boosting* is a sum of small trees.
# - *Position + genes* and the *joint baseline* have both, place and genes.
# - The *graph VAEs* are this book's deep model with two settings ([chapter 6](06_training.ipynb)); the *GCN* is a plain network on the same graph.
#
# <details><summary><b>Predict first:</b> which comes first when whole patches of cortex are held out, and is its R² nearer to
# 0 or to 1?</summary>
#
# The joint baseline, with 0.27<!-- claim:bench-real-patches-joint --> (the orange squares below). That is nearer to 0: whole patches are hard for
# every method.
#
# </details>

# %% tags=["hide-input"] mystnb={"image": {"alt": "Held-out R squared of eleven methods on 21 real maps, medians with intervals, for pairs (blue dots) and patches (orange squares). The joint baseline and position plus genes are highest at 0.4 with pairs and 0.27 with patches; the mean is a little below zero; networks and boosting lie between, and fall most with patches."}}
rows = pd.read_csv(fetch("experiments/benchmark.csv"))
coarse = rows[~rows["task"].str.contains("schaefer")]  # 68 regions
real = coarse[coarse["kind"] == "real"]
PLACE = "position (kriging)"
LOOKS = {
    "pairs": ("pairs held out", "#0072b2", "o"),
    "patches": ("patches held out", "#d55e00", "s"),
}


def by_method(values, what, label):
    """Draw the median and interval of each method, for pairs and for patches."""
    cells = table(values, ("kind", "split"))
    cells = cells[cells["score"] == what].set_index(["split", "method"])
    names = cells.loc["pairs", "value"].sort_values().index
    figure, axis = plt.subplots(figsize=(6, 5), layout="constrained")
    axis.axvline(0, color="0.5", lw=1)
    for split, (text, colour, marker) in LOOKS.items():
        mine = cells.loc[split].loc[names]
        at = np.arange(len(names)) + (0.14 if split == "pairs" else -0.14)
        axis.hlines(at, mine["low"], mine["high"], color=colour, lw=2, alpha=0.6)
        axis.plot(mine["value"], at, marker, color=colour, ms=7, label=text)
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel(label)
    figure.legend(loc="outside upper center", ncol=2)
    return cells


found = by_method(real, "r2", "held-out R² (median of 21 maps, 95 % interval)")

# %% tags=["hide-input", "nbval-check-output"]
claim("bench-real-pairs-place", found.loc[("pairs", PLACE), "value"])
claim("bench-real-pairs-joint", found.loc[("pairs", JOINT), "value"])
claim("bench-real-pairs-ridge", found.loc[("pairs", "ridge"), "value"])
claim("bench-real-patches-joint", found.loc[("patches", JOINT), "value"])
claim("bench-real-patches-vae", found.loc[("patches", "graph VAE, paper"), "value"])

# %% [markdown]
# What you see: bars are 95 % intervals over maps. With pairs held out the joint baseline reaches 0.40<!-- claim:bench-real-pairs-joint -->, ridge
# 0.27<!-- claim:bench-real-pairs-ridge --> and position 0.20<!-- claim:bench-real-pairs-place -->. With patches held out all fall, and one graph VAE
# falls below 0. The bars are long because maps differ. So methods are better compared on the same map, as the gain below does.
#
# ## Tasks
#
# A task is a set of maps, a table of genes, and a way to hold regions out. With `pairs`, a region and its twin in the other hemisphere are held out,
# and their neighbours train. With `patches`, a whole stretch of cortex is held out. These are the maps, on 68 regions; three further sets
# (`…-schaefer200`) have 200.
#
# | set | maps | part of genes |
# |---|---|---|
# | `genes-broad` | 10 simulated | four fifths; so smooth that place tells of it, too |
# | `genes-fine` | 10 simulated | four fifths; place does not tell of it |
# | `place` | 20 simulated, smooth | none: here to catch false alarms |
# | `enigma` | 13 of thinning in disorders ([chapter 13](13_disorders.ipynb)) | not known |
# | `atrophy` | 8 of loss of tissue in dementias ([chapter 11b](11b_put_to_the_test.ipynb)) | not known |
#
# ## What is scored
#
# - **Gain**: $R^2$ less that of position on the same map and folds. Above 0, the method predicts better than our model of place.
# - **Beyond place**, yes or no for one map: $R^2$ and gain are above 0, with pairs *and* with patches. For a map without genes a yes is a *false
#   alarm*.
#
# Each map is dealt into folds several times (three; two for networks and boosting). A map's score is the median over these dealings, and a method's
# is the median over maps. The 95 % interval comes from drawing the maps again with replacement. It treats maps as independent. They are not, so it is
# too narrow: eleven maps of this kind were worth 3.5<!-- claim:lead-effective-number --> independent ones ([chapter 11b](11b_put_to_the_test.ipynb)).
#
# ## The table
#
# The 21 real maps, as the command prints them:

# %%
boards(real)[0].table[["R², pairs", "R², patches", "beyond place"]]

# %% [markdown]
# In the last column each map is asked once, without null maps, and some get a yes by chance. How many? The simulated maps tell.

# %% mystnb={"image": {"alt": "For each of nine methods two marks: what percentage of simulated maps without genes, and of those made by genes, it calls beyond place. Position plus genes, PLS, ridge, boosting and the joint baseline call 80 to 90 of the maps with genes, the networks and the first component 25 or fewer. Of the maps without genes the GCN calls 25, PLS and the joint baseline 15, the others 5 or none."}} tags=["hide-input"]
said = answers(coarse).groupby(["method", "kind"])["beyond"].mean().unstack() * 100
said = said.drop(index=["mean", PLACE]).dropna().sort_values("genes")
figure, axis = plt.subplots(figsize=(6, 4.4), layout="constrained")
at = range(len(said))
axis.hlines(at, said["place"], said["genes"], color="0.8", zorder=0)
axis.plot(said["place"], at, "o", color="#d55e00", ms=12, label="no gene (false alarms)")
axis.plot(said["genes"], at, "D", color="#0072b2", ms=6, label="four fifths of genes")
axis.set_yticks(at, said.index)
axis.set(xlabel="simulated maps called “beyond place” (%)", xlim=(-3, 103))
_ = figure.legend(title="the map has", loc="outside upper center", ncol=2)

# %% tags=["hide-input", "nbval-check-output"]
claim("bench-alarm-joint", said.loc[JOINT, "place"])
claim("bench-alarm-ridge", said.loc["ridge", "place"])
claim("bench-power-joint", said.loc[JOINT, "genes"])
claim("bench-power-ridge", said.loc["ridge", "genes"])

# %% [markdown]
# What you see: the further the blue mark lies to the right of the orange one, the better. Of 20 maps without genes the joint baseline calls three
# beyond place (15<!-- claim:bench-alarm-joint --> %), ridge 0<!-- claim:bench-alarm-ridge -->. Of 20 maps made by genes both find
# 80<!-- claim:bench-power-joint --> %; the networks find few. So a single map's yes means little: it needs null maps ([chapter
# 28](28_on_monday.ipynb)).
#
# ## What a method must beat
#
# [Chapter 28](28_on_monday.ipynb) found that “position + genes” scored less than the genes alone, and asked for a better way to join the two, *chosen
# before looking*. Twelve ways were tried on simulated cortices, none of which is among the tasks of this page (`experiments/joint_baseline.csv`). The
# one with the best mean $R^2$ that lost almost nothing on maps without genes became the **joint baseline**. It is a Gaussian process (kriging): two
# regions are alike as far as they lie near each other, and as far as their genes are alike. It averages over how much of either there is.
#
# Then question, rule and settings were frozen, and the joint baseline met the real maps for the first time. The rule: a method goes beyond position,
# or beyond the joint baseline, if the interval of its median gain over the 21 maps lies above 0 with pairs and with patches alike.


# %%
def verdict(values, base):
    """Median gain over a method, its interval's low end; is that above 0 twice?"""
    other = values.loc[values["method"] == base, [*KEY[1:], "r2"]]
    both = values[values["method"] != base]
    both = both.merge(other, on=KEY[1:], suffixes=("", "_base"))
    cells = table(both.assign(gain=both["r2"] - both["r2_base"]), ("kind", "split"))
    cells = cells[cells["score"] == "gain"]
    cells = cells.pivot(index="method", columns="split", values=["value", "low"])
    return cells, (cells["low"] > 0).all(axis=1)


gains, yes = {}, {}
for base in (PLACE, JOINT):
    gains[base], yes[base] = verdict(real, base)
said_yes = pd.DataFrame(yes).rename(columns=lambda base: f"beyond {base}")
said_yes.replace({True: "yes", False: "no"}).fillna("–")

# %% tags=["hide-input"] mystnb={"image": {"alt": "Gain in R squared over position, medians with intervals, for pairs and patches. Both intervals of the joint baseline lie above zero; one of position plus genes begins at zero. Of the other methods at least one interval reaches below zero; the graph VAEs, the first component and the mean lie mostly below it."}}
_ = by_method(real[real["method"] != PLACE], "gain", "gain in R² over position")

# %% tags=["hide-input", "nbval-check-output"]
claim("bench-beyond-place", yes[PLACE].sum())
claim("bench-beyond-joint", yes[JOINT].sum())
claim("bench-rule-alarms", verdict(rows[rows["task"] == "place"], PLACE)[1].sum())
claim("bench-gain-joint-pairs", gains[PLACE].loc[JOINT, ("value", "pairs")])
claim("bench-gain-joint-pairs-low", gains[PLACE].loc[JOINT, ("low", "pairs")])
claim("bench-gain-joint-patches", gains[PLACE].loc[JOINT, ("value", "patches")])
claim("bench-gain-joint-patches-low", gains[PLACE].loc[JOINT, ("low", "patches")])
of = {task: verdict(part, PLACE)[0].loc[JOINT] for task, part in real.groupby("task")}
claim("bench-disorders-pairs", of["enigma"]["value", "pairs"])
claim("bench-dementias-pairs", of["atrophy"]["value", "pairs"])
claim("bench-dementias-pairs-low", of["atrophy"]["low", "pairs"])
fine = verdict(rows[rows["task"] == "atrophy-schaefer200"], PLACE)[0]
claim("bench-fine-joint-pairs", fine.loc[JOINT, ("value", "pairs")])

# %% [markdown]
# What you see: right of 0 a method predicts better than position. By the rule 1<!-- claim:bench-beyond-place --> goes beyond position: the joint
# baseline. None goes beyond the joint baseline (0<!-- claim:bench-beyond-joint -->). As a check, on the 20 simulated maps without genes the rule says
# yes to 0<!-- claim:bench-rule-alarms --> methods. “Position + genes” comes close: one of its intervals begins at 0.
#
# The joint baseline gains 0.05<!-- claim:bench-gain-joint-pairs --> with pairs (interval from 0.03<!-- claim:bench-gain-joint-pairs-low -->) and
# 0.13<!-- claim:bench-gain-joint-patches --> with patches. That is far less than the difference of the two medians in the first figure, because the
# middle map of one list is not the middle map of the other. The gain compares two methods on the same map, and is the number to trust.
#
# Where does it come from? Mostly from the 13 maps of disorders, with a gain of 0.11<!-- claim:bench-disorders-pairs --> with pairs. On the eight of
# dementia it is 0.02<!-- claim:bench-dementias-pairs -->, and the interval holds 0. On 200 regions, where neighbours resemble each other more
# ([chapter 26b](26b_scale.ipynb)), those eight give 0.01<!-- claim:bench-fine-joint-pairs -->. (These questions were not in the rule.)
#
# Chapters [11b](11b_put_to_the_test.ipynb) and [22b](22b_measured_tau.ipynb) said no for other methods, map by map. This does not contradict them: a
# median over many maps can show what no single map can. It also says nothing of any one of the maps.
#
# ### Is it the genes?
#
# The gain is over *one* model of place. The joint baseline averages many kernels where position takes one, and any table of smooth fields tells where
# a region lies ([chapter 17b](17b_human_where_am_i.ipynb)). So, after the result was seen, we took its genes away: once it had place alone, averaged
# in the same way; five times it had as many meaningless smooth fields in place of the genes.

# %%
control = pd.concat([pd.read_csv(fetch("experiments/benchmark_control.csv")), real])
control = control[control["dealing"] == 0]
without_genes = control.groupby(["method", "split"])["gain"].median().unstack()
without_genes = without_genes.loc[[*control["method"].unique()[:6], JOINT]]
without_genes.rename(index={JOINT: "place and the genes"}).round(3)

# %% tags=["hide-input", "nbval-check-output"]
tables = without_genes.filter(like="fields", axis=0)
claim("bench-control-fields-pairs", tables["pairs"].max())
claim("bench-control-place-pairs", without_genes.loc["place, averaged", "pairs"])
claim("bench-control-genes-pairs", without_genes.loc[JOINT, "pairs"])
claim("bench-control-fields-patches", tables["patches"].max())
claim("bench-control-genes-patches", without_genes.loc[JOINT, "patches"])

# %% [markdown]
# What you see: with pairs, averaging alone gains 0.00<!-- claim:bench-control-place-pairs -->, the best table of fields
# 0.02<!-- claim:bench-control-fields-pairs -->, the genes 0.07<!-- claim:bench-control-genes-pairs --> (one dealing). With patches, the best fields
# gain 0.04<!-- claim:bench-control-fields-patches -->, the genes 0.13<!-- claim:bench-control-genes-patches -->.
#
# So such fields do not reach it. What the genes hold, this does not say. It may be the kinds of cortex (sensory, motor, association), which most
# disorders follow in some way. And a better model of place than our kriging might take the gain away.
#
# ## Join in one command
#
# A method is a file of Python. It may hold anything that scikit-learn would fit, or an object with one function, `predict_folds`, that is given maps
# and folds. This is a whole file:
#
# ```python
# from sklearn.neighbors import KNeighborsRegressor
# from sklearn.pipeline import make_pipeline
# from sklearn.preprocessing import StandardScaler
#
# nearest = make_pipeline(StandardScaler(), KNeighborsRegressor(3, weights="distance"))
# ```
#
# And this is the command. The simulated tasks need no data; `--tasks full` adds the real maps and the finer atlas.
#
# ```bash
# xsg bench --methods my_method.py
# ```
#
# It prints tables like these with your rows first, and writes them as a page. They also say whether predictions are too bold (calibration) and, on
# simulated maps, how well they follow the part that genes make. Here is the same in Python, for one set of maps: each region is guessed from the
# three whose genes are most like its own.

# %%
OWN = "nearest in expression"
nearest = make_pipeline(StandardScaler(), KNeighborsRegressor(3, weights="distance"))
mine = score(nearest, tasks("genes-fine"), dealings=1, seed=SEED, name=OWN)
beside = pd.concat([mine, rows[rows["task"] == "genes-fine"]])
boards(beside, [OWN])[0].table[["R², pairs", "R², patches"]]

# %% tags=["hide-input", "nbval-check-output"]
medians = beside[beside["split"] == "patches"].groupby("method")["r2"].median()
claim("bench-own-ahead", (medians > medians[OWN]).sum())
two, bare = ("ridge", JOINT), tasks("place")
again = pd.concat(score(methods()[name], bare, 1, SEED, name=name) for name in two)
claim("bench-again", (~reproduced(rows, again)["within"]).sum())

# %% [markdown]
# Three nearest neighbours are a weak method: 5<!-- claim:bench-own-ahead --> of the others are ahead of it with patches. [The page to
# join](../book/benchmark_join.md) has every detail.
#
# Does the table come out the same on another day? `make bench-table` makes it anew. Here ridge and the joint baseline were run again on the maps
# without genes: 0<!-- claim:bench-again --> mean scores differ from the table's by more than other folds would make them differ.
#
# ## Beside other packages
#
# The methods above are ours or general ones. How does the rest of `xsg` stand beside packages that others made for the same questions? `make peers`
# gives both the same inputs. Less is better in each row; “simple” is ridge or a mixed-effects line.

# %% tags=["hide-input"]
peers = pd.read_csv(fetch("experiments/peers.csv"))
peers = peers.set_index(["case", "method", "quantity"])["value"]
WARPED, FORECAST = "pcntoolkit BLR, warped", "forecast error, mm"
PEERS = {  # case: what it is, error, package, simple method
    "blocks": ("where a voxel lies, µm", "error, µm", "CeLEry", "ridge"),
    "programs": ("course, our world, mm", FORECAST, "leaspy", "mixed effects"),
    "logistic": ("course, leaspy's world, mm", FORECAST, "leaspy", "mixed effects"),
    "same spread": ("norm, even spread, z", "error of z", "pcntoolkit BLR", "–"),
    "skewed spread": ("norm, skewed spread, z", "error of z", WARPED, "–"),
    "IXI": ("norm, real people, SD of z", "|sd - 1|", WARPED, "–"),
}
shown, ratio = {}, {}
for case, (asked, what, package, easy) in PEERS.items():
    names = ("xsg", package, easy)
    ours, theirs, simple = (peers.get((case, name, what)) for name in names)
    ratio[case] = ours / theirs
    cells = [f"{value:.3g}" if value else "–" for value in (ours, theirs, simple)]
    shown[asked] = [*cells, package.split()[0]]
columns = ["xsg", "theirs", "simple", "package"]
pd.DataFrame(shown, columns).T.rename_axis("error of")

# %% tags=["hide-input", "nbval-check-output"]
claim("peers-place", ratio["blocks"])
claim("peers-course-programs", ratio["programs"])
claim("peers-course-logistic", ratio["logistic"])
claim("peers-norm-skewed", ratio["skewed spread"])
claim("peers-norm-real", ratio["IXI"])

# %% [markdown]
# - **Norms: use pcntoolkit** where spread changes with age or is skewed. Our deviations are 1.6<!-- claim:peers-norm-skewed --> times as wrong as its
#   warped model's there; on real people their spread is off by 1.9<!-- claim:peers-norm-real --> times as much. Its plain model is a little ahead
#   even where our assumption holds.
# - **Courses**: ours has 0.6<!-- claim:peers-course-programs --> of leaspy's error in the world that our model assumes, but a mixed-effects line does
#   as well. In leaspy's own world the two are level (ratio 1.0<!-- claim:peers-course-logistic -->).
# - **Where a voxel lies**: ours has 0.75<!-- claim:peers-place --> of CeLEry's error, with whole blocks held out, and takes a small part of its time.
#
# This is one run with one seed; all but the last row are simulated, and most of those worlds by our simulators. leaspy ran with a version of torch
# outside the range it declares and with a tenth of its default iterations.
#
# ## Honesty box
#
# | we say | what stands behind it | what does not |
# |---|---|---|
# | genes and place together go beyond place | **held out**, 21 real maps, question and rule frozen; the joint baseline chosen on simulated maps | 21 independent maps; null maps of each; another model of place |
# | smooth fields do not do it | **null**, five tables of one smoothness, one dealing; asked after the result was seen | other smoothness; tables of kinds of cortex |
# | no method beats the joint baseline | **held out**, the same maps | networks tuned for each map; larger data |
#
# Not all was new. Nine of the 21 maps had been scored before by the simple methods and the graph VAEs, and ridge had been scored on the rest. New
# were the joint baseline, boosting and the GCN.
#
# A first, shorter run of what was frozen was looked at before the full one: boosting and the GCN had one dealing instead of two, and not all methods
# were run on the simulated maps and on 200 regions. The full run changed no verdict. The rule asked ten methods, with no correction for their number.
# It adds that a yes that is close is none. Treat the maps as seven, and this one is close ([exercise 1](#exercise-1-if-the-maps-were-fewer)).
#
# ## Key takeaways
#
# - A method is worth its trouble if it beats place *and* a simple joint of place and genes, with pairs and with patches: [what a method must
#   beat](#what-a-method-must-beat).
# - Over 21 real maps the simple joint goes beyond our model of place, mostly on disorders; no network does: [the table](#the-table).
# - Smooth fields in place of genes do not reach that gain; a better model of place might: [is it the genes?](#is-it-the-genes)
# - Your method joins in one command: [join](#join-in-one-command).
#
# ## Exercises
#
# ### Exercise 1: if the maps were fewer
#
# Maps of disorders resemble each other. Suppose that the 21 are worth seven independent ones. Draw only seven maps at a time, with replacement. Where
# does the 95 % interval of the joint baseline's median gain begin, with pairs and with patches (a dict `low`)? Would the rule still say yes?
#
# <details><summary>Hint</summary>
#
# Take each map's median `gain` over dealings. `np.random.default_rng(SEED).integers(21, size=(4000, 7))` draws the maps; then `np.median` and
# `np.quantile`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
each = real[real["method"] == JOINT].groupby(["split", "map"])["gain"].median()
seven, low = np.random.default_rng(SEED).integers(21, size=(4000, 7)), {}
for split in LOOKS:
    medians = np.median(each[split].to_numpy()[seven], axis=1)
    low[split] = np.quantile(medians, 0.025)
print(f"pairs {low['pairs']:.3f}, patches {low['patches']:.3f}")
# A yes, but a close one; and a yes that is close is none, says the frozen rule.

# %% tags=["check"]
whole = gains[PLACE].loc[JOINT, "low"]
assert (whole > pd.Series(low)).all(), f"{low}: fewer maps, a wider interval"
assert -0.02 < low["patches"] < 0.03, f"{low['patches']:.3f}: it begins close to 0"

# %% [markdown]
# ### Exercise 2: the best of many dealings
#
# A paper may report the best of several dealings. How much does that flatter? Take `real` and ridge, with pairs held out. Compare the median over
# maps of the *median* over dealings (`honest`) with that of the *best* dealing (`flattering`).
#
# <details><summary>Hint</summary>
#
# `real[(real["method"] == "ridge") & (real["split"] == "pairs")].groupby("map")["r2"]`, then `.median()` or `.max()`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
chosen = real[(real["method"] == "ridge") & (real["split"] == "pairs")]
each_map = chosen.groupby("map")["r2"]
honest, flattering = each_map.median().median(), each_map.max().median()
print(f"median dealing {honest:.2f}, best dealing {flattering:.2f}")
# Even the best of only three flatters.

# %% tags=["check"]
drawn = found.loc[("pairs", "ridge"), "value"]
assert np.isclose(honest, drawn), f"{honest:.3f}: the first figure has {drawn:.3f}"
assert flattering > honest, f"{flattering:.3f}: the best is above {honest:.3f}"

# %% [markdown]
# ## See also
#
# - [What to do on Monday](28_on_monday.ipynb): the same questions, asked of one map, with null maps.
# - [At any scale](26b_scale.ipynb): why a finer atlas needs patches.
# - [The lead, put to the test](11b_put_to_the_test.ipynb): the same eight dementias, and a rule that was frozen.

# %% [markdown]
# ## References
#
# - Larivière S et al. (2021). The ENIGMA Toolbox: multiscale neural contextualization of multisite neuroimaging datasets. *Nature Methods* 18:698.
#   [doi:10.1038/s41592-021-01186-4](https://doi.org/10.1038/s41592-021-01186-4)
# - Kipf TN, Welling M (2017). Semi-supervised classification with graph convolutional networks. [arXiv:1609.02907](https://arxiv.org/abs/1609.02907)
# - Rasmussen CE, Williams CKI (2006). *Gaussian Processes for Machine Learning*. MIT Press.
