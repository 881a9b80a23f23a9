# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [experiments/monday.csv, human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv, human/disease/EP.GM.rda]}
# ---

# %% [markdown]
# # 28. What to do on Monday
#
# *Prerequisites: none; every step links to the chapter that earned it. Time: 20 minutes to read, half a minute to run.*
#
# It is Monday morning, and a map of the human cortex lies on your desk: how much each region has thinned, or taken up of a
# tracer, or changed with age. You want to know whether gene expression says anything about it.
#
# The book ends with its answer to one question: **do genes say anything about this map that place does not?** Eight steps
# lead to it, and each is there because something went wrong without it. At the end is a page to print.
#
# ## What you will learn
#
# - which question about a map and genes is hard enough for its answer to mean something;
# - eight steps that lead to it, and the evidence behind each;
# - what a deep model has to beat before it is worth its trouble;
# - how to fix the settings before you look, in one command.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_NULLS = 199  # rotated maps
N_AGAIN = 3  # simulated maps that are asked again here
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %% tags=["hide-input"]
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import binomtest

import xsg
from xsg.claims import claim
from xsg.data.fetch import fetch
from xsg.evaluation.baselines import Baseline
from xsg.plotting import use_style
from xsg.report.checklist import checklist
from xsg.simulate.fields import smooth_fields

use_style()

# %% [markdown]
# ## The question in a picture
#
# We drew maps of which we know the truth. Some are smooth and have nothing to do with the genes. In others, half or four
# fifths of the variance is made by genes. Each map was asked seven questions, from one that is often asked to the one that
# this page recommends. A question is a good one if maps without genes seldom get a “yes”.
#
# *Held out* regions are predicted without having been trained on. $R^2$ is the share of the map's variance that a prediction
# explains; below zero it is worse than the mean. *Position* stands for a guess from the regions near by, without genes.
#
# <details><summary><b>Predict first:</b> of 100 smooth maps <i>without any gene in them</i>, how many get a “yes” to the
# first question, a correlation with the main pattern of gene expression at p ≤ 0.05?</summary>
#
# The first row of the figure has the answer. A test that keeps its promise says yes to 5 of 100. This one takes the 68
# regions for 68 independent values, which they are not ([chapter 9](09_smooth_maps.ipynb)).
#
# </details>

# %% tags=["hide-input"] mystnb={"image": {"alt": "Seven numbered rows, one a question, and three marks with bars in each: of 100 maps, how many get a yes. Maps without genes (orange dots) pass the first four questions in 36, 89, 40 and 39 of 100, stand on the dotted line at 5 for rotated maps, and at 0 in the last two rows. Maps made by genes (blue) pass the first four nearly always; from there on their share falls, to 15 and 56 of 100 in the last row."}}
QUESTIONS = {
    "correlation": "1  correlates with the main\npattern of genes, textbook p",
    "random": "2  predicted at regions held out\nat random: R² > 0",
    "pairs": "3  predicted at left–right pairs\nheld out: R² > 0",
    "noise genes": "4  … better than with noise\nin place of the genes",
    "rotated": "5  … better than\nrotated maps are",
    "position": "6  genes add to position,\npairs held out",
    "both": "7  genes add to position,\npairs and patches held out",
}
LOOKS = {0.0: ("no gene in it", "#d55e00", "o"), 0.5: ("half made by genes", "#56b4e9", "s")}
LOOKS[0.8] = ("four fifths made by genes", "#0072b2", "D")
table = pd.read_csv(fetch("experiments/monday.csv"))
by_share = table.drop(columns="map").groupby("share")
yes, n_maps = 100 * by_share.mean(), by_share.size()
figure, axis = plt.subplots(figsize=(7.5, 5), layout="constrained")
place = np.arange(len(QUESTIONS))[::-1]
axis.axhspan(-0.5, 1.5, color="0.95", zorder=0)
axis.axvline(5, color="0.5", lw=1, ls=":")
axis.annotate(
    "5 of 100: what p ≤ 0.05 promises", (5, 6.5), (4, 0), textcoords="offset points", fontsize=9, color="0.35"
)
for row, (share, (label, colour, marker)) in enumerate(LOOKS.items()):
    for at, value in zip(place + 0.2 - 0.2 * row, yes.loc[share, list(QUESTIONS)], strict=True):
        n = n_maps[share]
        ends = binomtest(round(value * n / 100), n).proportion_ci(method="wilson")
        axis.plot([100 * ends.low, 100 * ends.high], [at, at], color=colour, lw=2, alpha=0.6)
        axis.plot(value, at, marker, color=colour, ms=8, label=label if at > 5.5 else None)
axis.set_yticks(place, QUESTIONS.values())
axis.set(xlabel="maps that get a “yes” (of 100)", xlim=(-3, 103), ylim=(-0.5, 6.9))
_ = axis.legend(title="the map has", loc="lower center", bbox_to_anchor=(0.4, 1), ncol=3)

# %% tags=["hide-input", "nbval-check-output"]
claim("monday-naive", yes.loc[0.0, "correlation"])
claim("monday-random", yes.loc[0.0, "random"])
claim("monday-noise", yes.loc[0.0, "noise genes"])
claim("monday-rotated", yes.loc[0.0, "rotated"])
claim("monday-position", yes.loc[0.0, "position"])
claim("monday-both", yes.loc[0.0, "both"])
claim("monday-both-power-half", yes.loc[0.5, "both"])
claim("monday-both-power", yes.loc[0.8, "both"])

# %% [markdown]
# What you see: bars are 95 % intervals; shaded is what this page recommends. An orange dot right of the dotted line is a
# false alarm that comes too often. Questions 1 to 4 are passed by maps without genes: 36<!-- claim:monday-naive --> of 100
# correlate, and noise is beaten by 39<!-- claim:monday-noise -->. A “yes” to these tells little. Against rotated maps (5) the
# alarm keeps its promise, with 5<!-- claim:monday-rotated --> of 100. It then says that the map goes along with the *table* of
# genes. Whether it does so because of genes or because of place, only questions 6 and 7 ask.
#
# The last question raised 0<!-- claim:monday-both --> false alarms. Its price is *power*, the chance to find what is there.
# Where genes make half of a map, it says yes to 15<!-- claim:monday-both-power-half --> of 100; where they make four fifths, to
# 56<!-- claim:monday-both-power -->. So a “no” does not say that genes play no part. It may only say that *this map* cannot
# show it: 34 pairs of regions are not many numbers
# ([chapter 27](27_what_we_learned.ipynb#how-large-would-an-effect-have-to-be)).

# %% [markdown]
# ## Eight steps
#
# ### 1. Place and a straight line first
#
# Predict the map from *position* alone (*kriging*: a region is guessed from the regions near it) and from the genes by *ridge
# regression* (a straight line that is kept from growing steep). Both take a second. On the Alzheimer's map ridge has a
# held-out $R^2$ of 0.52<!-- claim:refits-ridge-homologous-r2 -->, and the graph VAE, this book's deep model, has
# 0.52<!-- claim:refits-held-out-r2 --> ([chapter 11](11_refits.ipynb)).
#
# ### 2. Hold out pairs, and hold out patches
#
# The two hemispheres are near copies. If a region is held out and its twin on the other side is not, copying the twin reaches
# 0.81<!-- claim:splits-ad-copy-random --> without any model. So a region and its twin are held out *together*. That leaves
# the neighbours; so hold out whole *patches* as well. On the Alzheimer's map ridge falls to
# −0.41<!-- claim:splits-ad-ridge-spatial --> there ([chapter 10](10_splits.ipynb)). Pairs ask: does it fill a gap?
# Patches ask: does it know a place it has not been to? For a “yes” we ask for both.
#
# ### 3. Train again on every null map
#
# A *null map* is as smooth as yours and lies in the wrong place; a rotated map is one. The model has to be *trained* on each,
# as it was on yours. The graph VAE, trained once and compared with 1,000 rotated maps, gives
# $p$ ≤ 0.001<!-- claim:refits-p-without-refit -->; trained again on each and held out, it gives
# 0.07<!-- claim:refits-spin-held-out-p --> ([chapter 11](11_refits.ipynb)).
#
# ### 4. Put noise in the place of the genes
#
# If the model does as well with random numbers, what it uses is not the genes. The graph VAE does as well with about half of
# all tables of noise ($p$ = 0.47<!-- claim:refits-noise-held-out-p -->, [chapter 11](11_refits.ipynb)). To *beat* noise is
# little, though. Random numbers know no place, and genes do: even maps without genes pass (question 4 above).
#
# ### 5. Deal the folds many times; report the median and the range
#
# Regions are dealt into *folds*, and each fold is held out once. Which regions end up together is chance. The graph VAE on
# the Alzheimer's map has an $R^2$ from 0.36<!-- claim:refits-held-out-lowest --> to
# 0.67<!-- claim:refits-held-out-highest --> in 21 dealings. Whoever deals until it looks well reports luck.
#
# ### 6. Ask what genes add to position
#
# This is the question itself: compare position + genes with position. Expression changes smoothly over the cortex, so a table
# of genes tells *where* a region lies; so does any table of smooth fields ([chapter 17b](17b_human_where_am_i.ipynb)). A map
# that follows place can be predicted in part from either, whatever made it. What counts is what genes add to a model that knows the place already:
# the *gain*.
#
# If you ask it of several maps, correct for their number. Of eleven real maps 4<!-- claim:lead-both-raw --> pass with pairs and
# with patches when each is taken alone, and 0<!-- claim:lead-both --> once corrected
# ([chapter 11b](11b_put_to_the_test.ipynb)).
#
# ### 7. Write it down before you look
#
# Write down map, atlas, model, folds, null, and the rule that will count as “yes”. Chapter 11 once had a lead: the second
# model that was tried on one map. With the rule written first it did not come back on maps of other people
# ([chapter 11b](11b_put_to_the_test.ipynb)).
#
# ### 8. Ask more of a deep model than that it fits
#
# A deep model is worth its trouble if it beats ridge *and* position, on the same folds, by more than the dealings vary.
# In this book it did so on simulated brains, and on no real map with pairs and patches both. Of Alzheimer's thinning, over
# both, a straight line on *measured* tau was the best predictor ([chapter 22b](22b_measured_tau.ipynb)).
#
# **Courses over time** have steps of their own. The first two models are *no change* and *mixed effects* (a straight line
# for each person, drawn towards everybody's). Hold out the last visit. A forecast that does not beat “no change” is worth
# nothing ([chapter 21b](21b_forecasts.ipynb), [chapter 23](23_over_time.ipynb)).

# %% [markdown]
# ## The steps in code
#
# Here they are on the Alzheimer's map, with which this book began. Ridge regression stands for your model; anything with
# `fit` and `predict` can take its place. `evaluate` deals the folds several times, trains again on every null map, and runs
# position, and position + genes, on the same folds. Nothing was frozen here: the map has been looked at throughout the book.

# %%
cortex = xsg.load_cortex("ahba-ad")
model = Baseline("ridge")
quiet = {"seed": SEED, "progress": False}
how = quiet | {"n_nulls": N_NULLS}
splits = {"homologous": "pairs held out", "spatial": "patches held out"}
reports = {split: xsg.evaluate(model, cortex, split=split, **how) for split in splits}
noise = xsg.evaluate(model, cortex, null="noise-genes", n_nulls=19, **quiet)

# %% [markdown]
# One column a split, then, is what a paper should have: what the model does, what place does, and what genes add.

# %%
place, both = "position (kriging)", "position + genes"


def column(report):
    """Held-out R² of the model, its range, place with and without genes."""
    own, base = report.held_out.loc["R²"], report.baselines["R²"]
    return {
        "R² of ridge, median of dealings": own["value"],
        "… lowest dealing": own["lowest"],
        "… highest dealing": own["highest"],
        "R² of position": base[place],
        "R² of position + genes": base[both],
        "gain: what genes add": report.gain["value"],
        "p of the gain": report.gain["p"],
        "genes say what place does not": report.verdict.answer,
    }


found = pd.DataFrame({splits[s]: column(each) for s, each in reports.items()})
found.map(lambda value: value if isinstance(value, str) else round(value, 2))

# %% tags=["hide-input", "nbval-check-output"]
pairs, patches = reports["homologous"], reports["spatial"]
claim("monday-ad-ridge", pairs.held_out.loc["R²", "value"])
claim("monday-ad-gain-pairs", pairs.gain["value"])
claim("monday-ad-gain-p", pairs.gain["p"])
claim("monday-ad-gain-patches", patches.gain["value"])
claim("monday-ad-noise-p", noise.p_value["held-out R²"])

# %% [markdown]
# What you see: with pairs held out ridge is ahead of position, and it beats every table of noise
# ($p$ ≤ 0.05<!-- claim:monday-ad-noise-p -->). Stop at step 4, and there is a paper. But genes *added to* position give
# nothing: −0.03<!-- claim:monday-ad-gain-pairs --> with pairs and −0.64<!-- claim:monday-ad-gain-patches --> with patches. The
# answer for this map is “no sign of it”.
#
# Two things in the table look odd. The first is harmless: a cortex can be cut into few different patches, so the median dealing
# of patches is also the highest.
#
# The second is not. Position + genes scores less than ridge, which has the genes alone. So the Gaussian process (as kriging is
# called, too) that joins the two is not the best way to join them here. A better one could turn a “no” into a “yes”, and it
# would have to be chosen before looking. [Chapter 26c](26c_benchmark.ipynb) chose one: over 21 maps it goes beyond position.

# %% [markdown]
# ## The steps in a terminal
#
# ```bash
# xsg seal map.nii.gz --positive loss --rule "gain low > 0 and gain p <= 0.05" --file map.sealed.json
# xsg evaluate --sealed map.sealed.json --out report/
# ```
#
# `--positive loss` says what larger values of the map mean: more loss of tissue. In the rule, `gain low` is the lower end of
# the 95 % interval of what genes add.
#
# The first command looks at no value of the map. It writes every setting, your rule, and the fingerprints of the files and of
# the code to one dated file. Send it to a co-author, commit it or register it: the date is as good as its witness.
#
# The second runs exactly that and refuses what differs. Its report says when the settings were frozen and whether the rule was
# met, with pairs and with patches ([more](../book/running.md#freeze-before-you-look)).

# %% [markdown]
# ## A page for the wall
#
# Every report ends with the steps as a list, and says what its run has done of them. Here is that of the run above:

# %% tags=["hide-input"]
steps = checklist(pairs, [patches, noise])
for step in steps:
    print(f"{step.state:16}{step.what}")

# %% [markdown]
# What it cannot know is left to you. So here is a page to print, in the order of the work, for before you say
# that genes explain your map.
#
# ### Before I look
#
# - ☐ I checked the map's side, unit, sign and missing regions, and looked at no result.
# - ☐ Settings and rule are written down; here is the file, its date, and who has it.
# - ☐ I know how large an effect this map could show.
#
# ### What I run
#
# - ☐ Position alone, and ridge on the genes.
# - ☐ Twins held out together; in a second run, whole patches.
# - ☐ The model trained again on every null map, 199 of them or more.
# - ☐ Noise in the place of the genes.
# - ☐ Folds dealt five times or more.
# - ☐ Position + genes beside position, on the same folds.
# - ☐ If there is a deep model: ridge and position beside it, on the same folds.
# - ☐ If there are visits: no change and mixed effects beside it, with the last visit held out.
#
# ### What I report
#
# - ☐ The median and the range of the dealings, never the best.
# - ☐ The gain with an interval and a $p$, and how many null maps there were.
# - ☐ Whether the rule was met. If pairs and patches disagree: “not settled”.
# - ☐ What was tried beside it, and what was not frozen.

# %% [markdown]
# ## Some of the simulated maps again
#
# The first figure stands on a table of 280 maps, too many for a page. Here the first few maps without genes are drawn again
# and asked question 6. The answers must be the table's.

# %%
simulated = xsg.load_cortex("simulated", n_genes=200)
fields = smooth_fields(np.random.default_rng([0, 0]), 20, left_right=0.97).T
again = []
for number in range(N_AGAIN):
    drawn = pd.Series(fields[number], simulated.regions, name="thinning")
    case = replace(simulated, thinning=drawn)
    told = xsg.evaluate(model, case, n_nulls=99, seed=number, progress=False)
    again.append(int(told.verdict.answer == "Yes"))
kept = table[table["share"] == 0].set_index("map")["position"]
print("again:", again, " kept:", kept.head(N_AGAIN).tolist())

# %% tags=["hide-input", "nbval-check-output"]
claim("monday-again", np.sum(np.array(again) != kept.head(N_AGAIN)))

# %% [markdown]
# ## Honesty box
#
# | we say | what stands behind it | what does not |
# |---|---|---|
# | the last question keeps its promise | **null**: 120 simulated maps, of one smoothness and one kind of cortex; none of them got a yes | other atlases and nulls: [chapter 26b](26b_scale.ipynb) |
# | a “no” is often want of power | **held out**, simulated: maps half or four fifths made by genes | how large effects are in real brains |
# | the Alzheimer's map: genes add nothing to place | **held out**, one map, a Gaussian process; not frozen | other ways to join place and genes |
#
# The steps were found by what went wrong in this book, on its maps, and the questions of the figure were chosen by us. A step that
# would have caught something else may be missing.

# %% [markdown]
# ## Key takeaways
#
# - Most questions that are asked of a map and genes are passed by maps without genes: [the picture](#the-question-in-a-picture).
# - The question is what genes add to place, with pairs and with patches held out: [step 6](#6-ask-what-genes-add-to-position).
# - A straight line and position come first, a deep model afterwards: [step 8](#8-ask-more-of-a-deep-model-than-that-it-fits).
# - Rule first, then the map: [in a terminal](#the-steps-in-a-terminal).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: twenty maps
#
# A colleague asks 20 maps without genes whether they “correlate with the main pattern of genes”, the first row of the figure.
# With the share of false alarms there, how many “discoveries” are to be expected (`expected`)? And what is the chance that
# there is at least one (`at_least_one`), if the maps are independent?
#
# <details><summary>Hint</summary>
#
# `yes.loc[0.0, "correlation"]` is in per cent. At least one is the opposite of none.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
alarm = yes.loc[0.0, "correlation"] / 100
expected = 20 * alarm
at_least_one = 1 - (1 - alarm) ** 20
print(f"{expected:.1f} discoveries; none at all has probability {1 - at_least_one:.4f}")
# Not one of them is a discovery.

# %% tags=["check"]
assert np.isclose(expected, 20 * alarm), f"{expected}: 20 times the false alarms?"
none = (1 - alarm) ** 20
assert np.isclose(at_least_one, 1 - none), f"{at_least_one}: the opposite of none?"

# %% [markdown]
# ### Exercise 2: mend an analysis
#
# Here is how an analysis was run: folds dealt at random, ten times, and the best $R^2$ reported. Mend it on the Alzheimer's
# map with ridge: hold pairs out, and report the median of the dealings. Call the two numbers `broken` and `mended`, and the
# difference `flattered`.
#
# <details><summary>Hint</summary>
#
# `xsg.evaluate(model, cortex, split="random", n_nulls=0, baselines=False, n_dealings=10).dealings` has a row for each
# dealing. It warns that twins are parted; that is the point.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
import warnings

quick = {"n_nulls": 0, "baselines": False, "n_dealings": 10, "progress": False}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    broken = xsg.evaluate(model, cortex, split="random", **quick).dealings["R²"].max()
mended = xsg.evaluate(model, cortex, split="homologous", **quick).dealings["R²"].median()
flattered = broken - mended
print(f"broken {broken:.2f}, mended {mended:.2f}: flattered by {flattered:.2f}")

# %% tags=["check"]
assert broken > mended, f"{broken:.2f}, {mended:.2f}: the leaky one is above"
assert np.isclose(flattered, broken - mended), f"{flattered:.2f}: the difference?"

# %% [markdown]
# ## See also
#
# - [Your own map](26_own_data.ipynb): the commands, file by file.
# - [The lead, put to the test](11b_put_to_the_test.ipynb): what a rule written first did to a result of this book.
# - [What was claimed, and what stood](27_what_we_learned.ipynb): every claim of the three papers in one table.

# %% [markdown]
# ## References
#
# - Alexander-Bloch AF et al. (2018). On testing for spatial correspondence between maps of human brain structure and
#   function. *NeuroImage* 178:540. [doi:10.1016/j.neuroimage.2018.05.070](https://doi.org/10.1016/j.neuroimage.2018.05.070)
# - Nosek BA et al. (2018). The preregistration revolution. *PNAS* 115:2600.
#   [doi:10.1073/pnas.1708274114](https://doi.org/10.1073/pnas.1708274114)
