# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [experiments/people.csv, experiments/people.sealed.json, human/cohort/IXI_aparc_thickness.csv, human/cohort/IXI_age_gender.csv, human/cohort/ixi_euler.csv, human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv]}
# ---

# %% [markdown]
# # 13c. People, not one map
#
# *Prerequisites: [smooth maps](09_smooth_maps.ipynb), [splits](10_splits.ipynb), [a thousand refits](11_refits.ipynb). Time: 30
# minutes to read, half a minute to run.*
#
# The chapters before this one judge maps that others made from their patients. We had 68 numbers and no people. "More people!" is
# then the usual call. Here are some: 553<!-- claim:people-n --> healthy people of the IXI study, each with the thickness of 68 regions.
# What do so many people add, and what do they not?
#
# ## What you will learn
#
# - how a map is made from people, and how exact it is: standard error, reliability, ceiling;
# - what grows with the number of people and what does not, by drawing fewer of them;
# - whether genes say anything about ageing that place does not;
# - how one person differs from the norm, and what it adds to judge single people;
# - when many people count as many maps, and when they do not.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_NULLS = 199  # rotated maps of the draw that is judged again; as many as in the table
DRAW = 0  # which one
N_OTHERS = 39  # tables of other genes that are as smooth

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
from scipy import stats

import xsg
from xsg.claims import claim
from xsg.data.fetch import fetch
from xsg.evaluation.baselines import Baseline
from xsg.evaluation.nulls import null_maps, p_value
from xsg.evaluation.splits import homologous, spatial
from xsg.plotting import brain, use_style
from xsg.study.seal import read_seal

use_style()
table = pd.read_csv(fetch("experiments/people.csv"))
frozen = read_seal(fetch("experiments/people.sealed.json"))
BLUE, ORANGE, GREEN, GREY = "#0173b2", "#de8f05", "#029e73", "0.5"

# %% [markdown]
# ## The question in a picture
#
# The tables are those that FreeSurfer writes. `read_cohort` joins them by person, and leaves out people whose image is bad (a very
# low Euler number means that the surface of the cortex could not be followed well). Then, in each region, a straight line is fitted to
# thickness against age. Sex and image quality are in the model too, because older people move more in the scanner, and movement
# makes the cortex look thinner.

# %%
COVARIATES = ["sex", "lh_euler", "rh_euler"]
people = xsg.read_cohort(
    fetch("human/cohort/IXI_aparc_thickness.csv"),
    people=fetch("human/cohort/IXI_age_gender.csv"),
    quality=fetch("human/cohort/ixi_euler.csv"),
    keep="lh_euler > -200 and rh_euler > -200",
    sex={1: "M", 2: "F"},
)
ageing = people.slope("age", covariates=COVARIATES)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Eight views of the inflated cortex in two rows, one colour scale. Above, the loss of thickness per decade: largest round the central sulcus and in the upper temporal lobe, small at the temporal poles, below the temporal lobe and at the back. Below, its standard error: dark, near zero, everywhere."}}
pair = {"loss": ageing.map, "its standard error": ageing.standard_error}
figure = brain(pd.DataFrame(pair), "mm per decade", xsg.load_atlas("desikan"))

# %% [markdown]
# What you see: above, how much thinner the cortex of people ten years older is. Below, on the same scale, the
# *standard error*: by how much that number would change from one sample of such people to the next.
#
# Above is a pattern, and it is not in doubt. So we can ask what makes it. But however many people we measure, the
# picture above stays *one* picture, with 68 numbers in it.
#
# ## Frozen before it was run
#
# What this page says about genes was fixed before the data were touched: the question, the settings, and the rule for what
# would count as a yes. (One section goes further, and says so.) It was run once. The file that holds it has a date, and a
# digest that changes if any letter of it does.

# %%
print(f"frozen {frozen.date}, digest {frozen.digest[:16]}")
print(textwrap.fill(frozen.rule, 82))

# %% [markdown]
# We were not blind. [Chapter 26](26_own_data.ipynb) uses the same people to show how a cohort is read. It had found that genes
# add nothing to place with homologous pairs held out. What we did not know: the answer for patches, for noise genes, with image
# quality in the model, for fewer people, and for single people. The file says this, too:

# %% tags=["hide-input"]
print(textwrap.fill(frozen.known, 82))

# %% [markdown]
# ## How exact is the map?
#
# Three numbers say how far a map from people can be trusted.
#
# - The **standard error** of each region, from the scatter of people about the line.
# - The **split-half correlation**: deal the people into two halves, make a map of each, and correlate the two over regions.
#   The map of all people is more exact than that of one half. Its **reliability** follows from the formula of
#   [Spearman 1910](https://doi.org/10.1111/j.2044-8295.1910.tb00206.x) and Brown: $2r/(1+r)$.
# - The **ceiling**: the $R^2$ that even the true map would have against this one, because this one holds error
#   ([chapter 3](03_vulnerability.ipynb)).

# %%
left = [region for region in ageing.map.index if region.startswith("L_")]
right = [f"R{region[1:]}" for region in left]
exact = {
    "median standard error (mm per decade)": ageing.standard_error.median(),
    "split-half r": ageing.split_half["median"],
    "reliability": ageing.reliability,
    "ceiling (R²)": ageing.ceiling,
    "left with right (r)": np.corrcoef(ageing.map[left], ageing.map[right])[0, 1],
}
pd.Series(exact, name="all people").round(4).to_frame()

# %% tags=["hide-input", "nbval-check-output"]
claim("people-n", ageing.n)
claim("people-split-half", ageing.split_half["median"])
claim("people-ceiling", ageing.ceiling)
claim("people-left-right", exact["left with right (r)"])
claim("people-standard-error", ageing.standard_error.median())

# %% [markdown]
# Two halves of the people agree at $r$ = 0.91<!-- claim:people-split-half -->. Left and right agree at
# 0.95<!-- claim:people-left-right -->, though nothing in the model ties them. The ceiling is 0.96<!-- claim:people-ceiling -->: almost
# all that a method fails to predict is its own failure and not error of the map.
#
# An earlier replication by others had found the same two correlations. That is no independent check, as the people are the same.

# %% tags=["hide-input"] mystnb={"image": {"alt": "Loss of thickness per decade for 34 regions of each side with 95 percent intervals, sorted. It rises from 0.02 at the temporal pole to 0.1 in the transverse temporal region; left and right lie close together."}}
order = ageing.map[left].sort_values().index
figure, axis = plt.subplots(figsize=(8.4, 3.6), layout="constrained")
for side, colour, shift in (("L", BLUE, -0.15), ("R", ORANGE, 0.15)):
    names = [f"{side}{region[1:]}" for region in order]
    wide = 1.96 * ageing.standard_error[names]
    where = np.arange(len(names)) + shift
    label = {"L": "left", "R": "right"}[side]
    axis.errorbar(where, ageing.map[names], wide, fmt="o", ms=4, lw=1, color=colour, label=label)
axis.set_xticks(range(len(order)), [region[2:] for region in order], rotation=90, fontsize=7.5)
axis.set(ylabel="loss (mm per decade)", ylim=(0, None))
_ = axis.legend(loc="upper left")

# %% [markdown]
# What you see: each region with its 95 % interval. The median standard error is 0.005<!-- claim:people-standard-error --> mm per decade, and
# the intervals are short beside the differences between regions.
#
# ## Fewer people
#
# What did we gain by having so many? We cannot add people, but we can leave some out. From all people, draw 25, 50, 100, 200 or
# 400, twenty times each. Make the map of each draw, and put it on trial as in chapter 11: ridge on the genes, position (which
# knows no gene), and position + genes, each with 199 rotated maps.
#
# <details><summary><b>Predict first:</b> sixteen times as many people. What happens to the agreement of two halves, to
# the held-out R² of ridge, and to its p-value?</summary>
#
# The agreement rises towards 1. The other two are in the figure below. To think about: the rotated maps become more exact,
# too.
#
# </details>
#
# The table of all draws took minutes, and is kept. One draw is made again here, and compared.

# %%
n = 100
rng = np.random.default_rng([0, n, DRAW])
chosen = np.sort(rng.choice(len(people.values), n, replace=False))
few = people.part(people.values.index[chosen])
again = few.slope("age", covariates=COVARIATES)
cortex = xsg.load_cortex("ahba", thinning=again.map)
asked = {"n_nulls": N_NULLS, "seed": DRAW, "progress": False}
report = xsg.evaluate(Baseline("ridge"), cortex, **asked)

# %% tags=["hide-input", "nbval-check-output"]
growth = table[table["part"] == "growth"]
kept = growth[(growth["n"] == n) & (growth["draw"] == DRAW)].set_index("what")["value"]
now = {"split-half": again.split_half["median"], "ridge R2": report.held_out.loc["R²", "value"]}
now |= {"ridge p": report.p_value["held-out R²"], "gain": report.gain["value"]}
claim("people-table-off", max(abs(value - kept[what]) for what, value in now.items()))

# %% [markdown]
# It agrees with the table. Now all of them:

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels over the number of people, 25 to 553. The agreement of two halves rises from 0.2 to 0.9 along the curve of Spearman and Brown. Held-out R squared of position rises from 0.07 to 0.4, that of ridge stays near zero, with 0.22 for all people. The median p-values of ridge and of genes beyond place stay between 0.5 and 0.9 throughout."}}
trial = table[table["part"] == "trial"].set_index(["varied", "what"])["value"]
by_n = growth.groupby(["what", "n"])["value"]
middle, low, high = (by_n.quantile(q).unstack("what") for q in (0.5, 0.05, 0.95))
whole = trial["homologous"]
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.5), layout="constrained")
sizes, short = middle.index.to_numpy(), 553 * (1 - ageing.reliability) / ageing.reliability
fine = np.geomspace(25, 553, 100)
axes[0].plot(fine, fine / 2 / (fine / 2 + short), "--", color=GREY, label="Spearman–Brown")
curves = [("split-half", "two halves", BLUE, 0)]
curves += [("ridge R2", "ridge", BLUE, 1), ("position R2", "position", ORANGE, 1)]
curves += [("ridge p", "ridge", BLUE, 2), ("gain p", "genes beyond place", GREEN, 2)]
for what, label, colour, panel in curves:
    axes[panel].plot(sizes, middle[what], "o-", color=colour, ms=4, label=label)
    axes[panel].fill_between(sizes, low[what], high[what], color=colour, alpha=0.15, lw=0)
    axes[panel].plot(553, whole[what], "D", color=colour, ms=6)
axes[2].axhline(0.05, color=GREY, ls=":")
for axis, title in zip(axes, ("two halves agree: r", "held-out R²", "p-value"), strict=True):
    axis.set(xscale="log", title=title, xlabel="people")
    axis.set_xticks([25, 100, 400], ["25", "100", "400"])
    axis.minorticks_off()
    axis.legend(fontsize=8)
axes[0].set_ylim(0, 1)
_ = axes[2].set_ylim(0, 1.25)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-standard-error-fold", middle.loc[25, "standard error"] / middle.loc[400, "standard error"])
claim("people-split-half-100", middle.loc[100, "split-half"])
claim("people-split-half-400", middle.loc[400, "split-half"])
claim("people-position-25", middle.loc[25, "position R2"])
claim("people-position-400", middle.loc[400, "position R2"])
claim("people-ridge-p-100", middle.loc[100, "ridge p"])
claim("people-ridge-p-400", middle.loc[400, "ridge p"])
claim("people-gain-p-100", middle.loc[100, "gain p"])
claim("people-gain-p-400", middle.loc[400, "gain p"])

# %% [markdown]
# What you see: lines are medians over twenty draws, bands nine draws of ten, diamonds all people.
#
# **What grows.** The agreement of two halves, much as the formula of Spearman and Brown foresees: from 100 to 400 people from
# 0.64<!-- claim:people-split-half-100 --> to 0.88<!-- claim:people-split-half-400 -->. Standard errors fall with $\sqrt n$: with 25 people
# they are 4.1<!-- claim:people-standard-error-fold --> times as large as with 400.
#
# **What grows, and stops.** Position predicts a sharper map better: its $R^2$ rises from 0.07<!-- claim:people-position-25 --> with 25
# people to 0.41<!-- claim:people-position-400 --> with 400, and that is where it stays.
#
# **What does not grow.** The median $p$ of ridge is 0.65<!-- claim:people-ridge-p-100 --> with 100 people and
# 0.54<!-- claim:people-ridge-p-400 --> with 400. That of what genes add to place is 0.86<!-- claim:people-gain-p-100 --> and
# 0.89<!-- claim:people-gain-p-400 -->. A rotated map gets sharper with more people just as the map does, and is as well predicted.
# By the frozen rule: **regions limit the answer, not people.**
#
# The rule claims a little too much. Where genes have no effect, $p$ does not fall either, and IXI cannot tell us which of the two it
# is. Simulated maps can, because their truth is known; we come to them [below](#how-large-would-an-effect-have-to-be).

# %% [markdown]
# ## The question of model A
#
# Now the map of all people, with 999 rotated maps. Two ways to hold regions out: homologous **pairs**, and whole **patches** of
# cortex ([chapter 10](10_splits.ipynb)). *Gain* is what position + genes predicts better than position alone.

# %%
rows = {"ridge": "ridge", "PC1": "first component", "position": "position"}
rows |= {"both": "position + genes"}
shown = {}
for split, name in (("homologous", "pairs"), ("spatial", "patches")):
    found = trial[split]
    shown[name, "R²"] = [found[f"{row} R2"] for row in rows] + [found["gain"]]
    shown[name, "p"] = [found[f"{row} p"] for row in rows] + [found["gain p"]]
pd.DataFrame(shown, [*rows.values(), "gain"]).round(2)

# %%
noise = table[table["part"] == "noise"].pivot(index="varied", columns="what", values="value")
noise[["ridge R2", "noise R2", "noise 95 %", "p"]].round(3)

# %%
vae = table[table["part"] == "vae"].pivot(index="varied", columns="what", values="value")
vae[["in-sample R2", "in-sample p", "R2", "lowest", "highest", "p"]].round(3)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-ridge", trial["homologous", "ridge R2"])
claim("people-ridge-p", trial["homologous", "ridge p"])
claim("people-position", trial["homologous", "position R2"])
claim("people-gain", trial["homologous", "gain"])
claim("people-gain-p", trial["homologous", "gain p"])
claim("people-ridge-patches", trial["spatial", "ridge R2"])
claim("people-position-patches", trial["spatial", "position R2"])
claim("people-gain-patches", trial["spatial", "gain"])
claim("people-noise-p", noise.loc["homologous", "p"])
claim("people-noise-patches-p", noise.loc["spatial", "p"])
claim("people-vae-paper", vae.loc["paper", "R2"])
claim("people-vae-paper-p", vae.loc["paper", "p"])
claim("people-vae-xsg", vae.loc["xsg", "R2"])
claim("people-vae-xsg-p", vae.loc["xsg", "p"])

# %% [markdown]
# **Pairs.** Ridge on the genes has a held-out $R^2$ of 0.22<!-- claim:people-ridge -->; position, without a gene, has
# 0.40<!-- claim:people-position -->. To know both is no better than to know the place: the gain is -0.04<!-- claim:people-gain -->.
#
# **Patches.** Position still has 0.35<!-- claim:people-position-patches -->. Ridge falls to -0.59<!-- claim:people-ridge-patches -->,
# worse than a guess of the mean, and now the genes do harm: -0.54<!-- claim:people-gain-patches -->. Part 1 of the rule fails twice.
#
# **Noise genes** (second table). With pairs, ridge does better on the real genes than on any of 199 tables of noise
# ($p$ ≤ 0.005<!-- claim:people-noise-p -->), yet it does no better than on rotated maps ($p$ = 0.35<!-- claim:people-ridge-p -->). Both are
# right. Noise genes do not know where a region lies, real genes do. Where a patch leaves no neighbour to learn from, the real genes do
# worse than noise ($p$ = 1.00<!-- claim:people-noise-patches-p -->). Part 2 holds for pairs and fails for patches.
#
# **The graph VAE** (third table, pairs). The preset "paper" has 0.43<!-- claim:people-vae-paper -->
# ($p$ = 0.325<!-- claim:people-vae-paper-p --> of 39 rotations), "xsg" has 0.37<!-- claim:people-vae-xsg -->
# ($p$ = 0.20<!-- claim:people-vae-xsg-p --> of 19). No method here does
# better than place by more than its own spread from one dealing of the folds to the next.

# %% [markdown]
# ## One person
#
# A map of people says nothing yet about any of them. For that we need to know what is usual. A **normative model**
# ([Rutherford et al. 2022](https://doi.org/10.1038/s41596-022-00696-5)) predicts the thickness of each region from age, sex and image
# quality, and how much people scatter about it. A person's **deviation** is the
# distance from what was predicted, in standard deviations; here positive means thinner. It can be read as a **percentile**: the
# share of people alike whose cortex is thicker there.
#
# The question is about ageing, so age must not be explained away: the norm is made from the younger half of the people,
# and does not know age. Those who are judged are older. They took no part in the map: the map comes from one half of the people, the
# norm and the persons judged from the other. Their rows are numbered, and nobody is named.

# %%
judged = xsg.load_cortex("ahba", thinning=ageing).people
print(f"{len(judged)} people judged, {judged.shape[1]} regions")
level = judged.mean(axis=1)
typical = (level - level.median()).abs().idxmin()
person = judged.loc[typical]
percentile = 100 * stats.norm.cdf(person)
person_table = pd.DataFrame({"deviation": person, "percentile": percentile})
person_table.sort_values("deviation", ascending=False).iloc[[0, 1, 2, -3, -2, -1]].round(1)

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four views of the inflated cortex painted with one person's deviations: thinner than the norm nearly everywhere, most in right parietal regions, slightly thicker at the left frontal pole and below the temporal lobes."}}
figure = brain(person, "deviation (sd; positive: thinner)", xsg.load_atlas("desikan"))

# %% tags=["hide-input", "nbval-check-output"]
half = pd.Series(judged.attrs["map"])[judged.columns]
alike = judged.T.corrwith(half)
claim("people-person-mean", person.mean())
claim("people-person-alike", alike.median())
claim("people-person-alike-worst", alike.quantile(0.05))

# %% [markdown]
# What you see: somebody whose deviation, on average over regions, is that of the median person among those judged,
# 0.8<!-- claim:people-person-mean --> standard deviations. The map of ageing is there and is not: this person is thinner than the norm
# almost everywhere, but most so in regions of the right parietal lobe, and a few regions are thicker.
#
# That is the usual case. Of the people judged, the median correlates with the map of the other half at
# $r$ = 0.29<!-- claim:people-person-alike -->, and one in twenty has less than -0.01<!-- claim:people-person-alike-worst -->. A map that
# is nearly free of error describes hardly a tenth of what makes one person's cortex differ.

# %% [markdown]
# ## What judging people adds
#
# Take a prediction of the map, made for regions that were held out, and correlate it with each person's deviations. The mean over
# people tells how much of the prediction is *in people*. Chance is what rotations do. Map and people are rotated together and the model is
# trained anew, so that both stay as smooth, and as alike, as they are. The table also has the easier null, in which only the finished
# prediction is rotated.

# %%
people_rows = table[table["part"] == "judged"]
people_rows = people_rows.pivot(index="varied", columns="what", values="value")
rows_shown = ["ridge", "position", "both", "both less position"]
people_rows.loc[rows_shown, ["r", "positive", "p", "p, finished"]].round(3)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-judged-r", people_rows.loc["ridge", "r"])
claim("people-judged-positive", 100 * people_rows.loc["ridge", "positive"])
claim("people-judged-p", people_rows.loc["ridge", "p"])
claim("people-judged-position-p", people_rows.loc["position", "p"])
claim("people-judged-position-finished", people_rows.loc["position", "p, finished"])
claim("people-judged-gain", people_rows.loc["both less position", "r"])
claim("people-judged-gain-p", people_rows.loc["both less position", "p"])

# %% [markdown]
# Of all people, 80<!-- claim:people-judged-positive --> % go along with what ridge predicts from genes. It sounds like a lot, but
# cohorts that are rotated do so, too ($p$ = 0.255<!-- claim:people-judged-p -->). Position does as well. And position + genes goes
# along with people no better than position: the difference is -0.01<!-- claim:people-judged-gain -->
# ($p$ = 0.67<!-- claim:people-judged-gain-p -->). Part 3 fails, so **the answer of the rule is no**.
#
# Look at the last column. Had we rotated only the finished prediction, position, which knows no gene, would have had
# $p$ = 0.015<!-- claim:people-judged-position-finished -->. That test asks whether people look like *this* map, and they must:
# the model learned it from people like them. With all rotated together it is 0.52<!-- claim:people-judged-position-p -->.
#
# So what does it add to judge people? It does not make the question easier: the mean over people is again one map, that of the people
# who are judged. It guards against a circle, as those who are judged did not make the map. And it says how much of a finding there is in one person.

# %% [markdown]
# ## When are many people many maps?
#
# So far, people only made one map sharper. But each person's deviations are a map, too. If genes shape how people *differ*, then
# 553 people might be 553 tests. This is a second question, about people and not about ageing. The norm now knows age, and what is left
# is what age, sex and image do not explain.
#
# To score thousands of maps at once we need a predictor that costs nothing. Take a smoother with fixed settings, a matrix $H$ that turns the
# training values of a map $y$ into held-out predictions $Hy$. Then all people together have
#
# $$ R^2 = 1 - \frac{\sum_i \lVert y_i - H y_i\rVert^2}{\sum_i \lVert y_i - \bar y_i\rVert^2}
#        = 1 - \frac{\operatorname{tr}(A\,C)}{\operatorname{tr}(J\,C)}, \qquad
#        A = (I-H)^\top (I-H), \quad C = \sum_i y_i y_i^\top , $$
#
# with $J$ the matrix that takes off a map's mean. The people enter only by $C$, how their regions go together. This is one
# matrix of 66 × 66, whether 25 people made it or 553. There lies the limit: more people make $C$ more exact, as they
# made the map more exact.

# %%
differ = table[(table["part"] == "deviations") & (table["varied"] == "moran")]
differ = differ.groupby(["n", "what"])["value"].median().unstack()
differ[["patterns", "genes R2", "place R2", "both R2", "gain", "gain p"]].round(3)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-patterns", differ.loc[553, "patterns"])
claim("people-deviations-gain", differ.loc[553, "gain"])
claim("people-deviations-gain-p-25", differ.loc[25, "gain p"])
claim("people-deviations-gain-p", differ.loc[553, "gain p"])
spun = table[(table["part"] == "deviations") & (table["varied"] == "spin") & (table["n"] == 553)]
claim("people-deviations-gain-p-spin", spun.set_index("what").loc["gain p", "value"])

# %% [markdown]
# The column *patterns* counts in how many independent ways people differ (the participation ratio of the eigenvalues of $C$). It stops
# near 27<!-- claim:people-patterns -->: so many patterns are in 553 people, and more people would not add many.
#
# But look at the gain of genes over place. It is tiny, 0.01<!-- claim:people-deviations-gain --> of $R^2$, and yet its $p$ falls with people:
# 0.09<!-- claim:people-deviations-gain-p-25 --> with 25, 0.002<!-- claim:people-deviations-gain-p --> with all. For this second question
# **the frozen rule says yes**, and here people did help. (Its null is Moran's; with rotations it is
# 0.009<!-- claim:people-deviations-gain-p-spin -->.)
#
# ## How far does the yes reach?
#
# What follows was *not* frozen; we looked at it because of the yes. The smoother over place had a fixed length, 40 mm. Was it a good one? The
# next cell does everything again with other lengths, and by patches. And it asks a sharper question. The null before moved
# the people's maps away from genes *and* from their place. Now people stay where they are, and only the genes are replaced, by
# equally smooth ones that lie elsewhere (Moran's null, the same for all genes).

# %% tags=["hide-input"]
genes, atlas = cortex.expression, cortex.parcellation
where = atlas.table.loc[genes.index, ["x", "y", "z"]].abs() * [1, 0, 0]
where += atlas.table.loc[genes.index, ["x", "y", "z"]] * [0, 1, 1]
mm = np.linalg.norm(where.to_numpy()[:, None] - where.to_numpy(), axis=-1)


# %%
def left_over(kernel, noise, train, test, maps):
    """Errors of a smoother in the regions of one fold, maps × regions."""
    inner = kernel[np.ix_(train, train)] + noise * np.eye(train.sum())
    mean = maps[:, train].mean(axis=1, keepdims=True)
    weights = np.linalg.solve(inner, kernel[np.ix_(train, test)])
    return maps[:, test] - mean - (maps[:, train] - mean) @ weights


def gain(table, folds, length, maps):
    """R² of place and of both, less that of place."""
    scaled = np.sqrt(3) * mm / length
    place, wrong = (1 + scaled) * np.exp(-scaled), np.zeros(2)
    for test in folds:
        z = (table - table[~test].mean(axis=0)) / table[~test].std(axis=0)
        kernels = place, 0.5 * place + 0.5 * z @ z.T / z.shape[1]
        wrong += [(left_over(k, 0.3, ~test, test, maps) ** 2).sum() for k in kernels]
    r2 = 1 - wrong / ((maps - maps.mean(axis=1, keepdims=True)) ** 2).sum()
    return r2[0], r2[1] - r2[0]


# %% [markdown]
# With the settings that were frozen, it finds what the table has:

# %%
z = people.deviations(covariates=["age", *COVARIATES]).z[genes.index].to_numpy()
z = z - z.mean(axis=1, keepdims=True)
pairs = [homologous(genes.index, seed=dealing) for dealing in range(5)]
values = genes.to_numpy()
ours = np.mean([gain(values, folds, 40, z) for folds in pairs], axis=0)
print(f"place {ours[0]:.4f}, gain {ours[1]:.4f}")

# %% tags=["hide-input"]
elsewhere = null_maps(genes.T, atlas, "moran", N_OTHERS, 0, progress=False).to_numpy()
elsewhere = elsewhere.reshape(genes.shape[1], N_OTHERS, -1).transpose(1, 2, 0)
patches = spatial(atlas, genes.index)
after = []
for name, folds in (("pairs", pairs), ("patches", [patches])):
    for length in (20, 40, 80):
        place, more = np.mean([gain(values, each, length, z) for each in folds], axis=0)
        others = np.array([gain(each, folds[0], length, z)[1] for each in elsewhere])
        p = p_value(gain(values, folds[0], length, z)[1], others)  # on the first dealing
        after.append([name, length, place, more, np.median(others), p])
after = pd.DataFrame(after, columns=["split", "mm", "place R²", "gain", "gain, other genes", "p"])
after = after.set_index(["split", "mm"])
after.round(3)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-deviations-again", abs(ours[1] - differ.loc[553, "gain"]))
claim("people-deviations-long-place", after.loc[("pairs", 80), "place R²"])
claim("people-deviations-long-gain", after.loc[("pairs", 80), "gain"])
claim("people-deviations-patches-gain", after.loc["patches", "gain"].max())
claim("people-deviations-others-p", after["p"].max())

# %% [markdown]
# Two things hold at once.
#
# **Real genes do better than other genes that are as smooth**, with each length and in both splits
# ($p$ ≤ 0.025<!-- claim:people-deviations-others-p --> each time; by patches that means less bad). So it is not smoothness alone, as Moran's
# null knows it: people differ in ways that the real layout of genes has something to do with.
#
# **But a better model of place takes the gain away.** With 80 mm, place alone has 0.06<!-- claim:people-deviations-long-place -->, and genes then
# add -0.02<!-- claim:people-deviations-long-gain -->. By patches they add nothing at any length (-0.03<!-- claim:people-deviations-patches-gain -->
# at best). A yes that hangs on one setting is a reason to ask other people, with the setting chosen beforehand. And it says
# nothing about ageing, as age was taken out.

# %% [markdown]
# ## How large would an effect have to be?
#
# Chapter 27 has a [curve](27_what_we_learned.ipynb#how-large-would-an-effect-have-to-be): with 33 independent values, a
# correlation has to be 0.47<!-- claim:learned-smallest-33 --> to be found four times in five. It holds for one map. Here we draw it for
# more people, and for more maps.
#
# The truth is ours: a map is $r$ times something that the real genes make (each gene with a small random weight) plus a smooth
# field in which genes have no part. A map measured on few people also has error. The test asks for the gain of genes over
# place, $p$ ≤ 0.05, in 300 worlds for each point.


# %% tags=["hide-input"]
def smallest(kind, what="gain", power=0.8):
    """Smallest r found with that power, by number; NaN where none is."""
    some = table[(table["part"] == "power") & (table["what"] == what)]
    some = some[some["varied"] == f"{kind}, moran"].pivot(index="n", columns="draw", values="value")
    found = {}
    for n, shares in some.iterrows():
        rising = np.maximum.accumulate(shares.to_numpy())
        r = shares.index / 100
        found[n] = np.interp(power, rising, r) if rising[-1] >= power else np.nan
    return pd.Series(found)


# %% tags=["hide-input"] mystnb={"image": {"alt": "Smallest correlation found four times in five. For one map it falls from 0.82 with 50 people to 0.7 with 400 and is no lower with 800 and 1,600. For n independent maps it falls from 0.7 to 0.25 at 64 maps. A dashed curve of 33 n independent values lies below."}}
by_people, by_maps = smallest("people"), smallest("maps")
figure, axis = plt.subplots(figsize=(8, 3.8), layout="constrained")
axis.plot(by_people.index, by_people, "o-", color=BLUE, label="one map, measured on n people")
axis.plot(by_maps.index, by_maps, "s-", color=ORANGE, label="n maps, each with a field of its own")
count = np.geomspace(1, 64, 100)
reach = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
axis.plot(
    count, np.tanh(reach / np.sqrt(33 * count - 3)), "--", color=GREY, label="chapter 27: 33 n independent values"
)
axis.set(xscale="log", ylim=(0, 1), xlabel="n", ylabel="smallest r found\nfour times in five")
axis.set_xticks([1, 4, 16, 64, 400, 1600], ["1", "4", "16", "64", "400", "1,600"])
axis.minorticks_off()
_ = axis.legend(fontsize=8.5, loc="lower right")

# %% tags=["hide-input", "nbval-check-output"]
claim("people-power-50", by_people[50])
claim("people-power-400", by_people[400])
claim("people-power-1600", by_people[1600])
claim("people-power-maps-1", by_maps[1])
claim("people-power-maps-16", by_maps[16])
claim("people-power-maps-64", by_maps[64])

# %% [markdown]
# What you see: with 25 people no effect of those tried is found often enough. With 50 people, genes have to make a map to
# $r$ = 0.82<!-- claim:people-power-50 -->; with 400, to 0.70<!-- claim:people-power-400 -->; and with 1,600 to
# 0.72<!-- claim:people-power-1600 -->, which is the same but for chance. One perfect map needs 0.70<!-- claim:people-power-maps-1 -->.
# So here it is the regions: past a few hundred people, more of them do not make a weaker effect visible.
#
# More maps are another matter. Sixteen need 0.34<!-- claim:people-power-maps-16 -->, sixty-four 0.25<!-- claim:people-power-maps-64 -->. Both curves
# lie above the dashed one. A smooth map is worth fewer than 33 values, and our test has to learn the weights of 776 genes,
# where the formula knows them.
#
# Maps only count like this if they are independent. The maps of diseases that we have are not: they resemble one another.
#
# ## A gene effect in a third of the people
#
# Last, simulated cohorts of 400. In some, everybody's map of ageing has a part that genes make. In others only a third of the people
# carry it, three times as strong, so that the mean map is the same. The rest of what makes people differ is smooth, and either mixed
# from six patterns that all share, or a pattern of each person's own. The table shows how often three tests say $p$ ≤ 0.05: on the
# mean map; on people of one half, judged by what genes predict of the other half's map; and on each person's deviations, as maps.

# %%
cohorts = table[(table["part"] == "cohorts") & (table["n"] == 400)]
cohorts = cohorts[cohorts["varied"].str.endswith("moran")].copy()
cohorts[["carriers", "patterns"]] = [text.split(", ")[:2] for text in cohorts["varied"]]
tests = ["one map, gain", "people judged", "people as maps, gain"]
power = cohorts.pivot(index=["carriers", "patterns"], columns="what", values="value")
power.loc[["nobody", "everybody", "a third"], tests].round(3)

# %% tags=["hide-input", "nbval-check-output"]
third = power.loc["a third"]
claim("people-third-one-map", third.loc["6 patterns", "one map, gain"])
claim("people-third-shared", third.loc["6 patterns", "people as maps, gain"])
claim("people-third-own", third.loc["own patterns", "people as maps, gain"])
claim("people-everybody-as-maps", power.loc["everybody", "people as maps, gain"].max())
claim("people-nobody-most", power.loc["nobody", tests].to_numpy().max())

# %% [markdown]
# "Nobody" is the check: no test says yes much more often than 5 times in 100. Single people's deviations about their mean
# cannot show what everybody has in common (at most 0.02<!-- claim:people-everybody-as-maps -->); for that there is the map.
#
# For an effect of a third of the people it depends on how the others differ. If each has a pattern of their own, 400 people are many
# maps, and the test says yes in 0.840<!-- claim:people-third-own --> of worlds. If they share six patterns, it is
# 0.285<!-- claim:people-third-shared -->, less than the one map has (0.595<!-- claim:people-third-one-map -->): the six patterns are drawn once, like the
# map, and no number of people draws them again.
#
# One warning for those who build on this. Rotated maps take some values twice, so they are a little easier to predict than the map that they
# come from. For one map the difference does not show. Over many maps it adds up, until the spin test misses most of what there is;
# [Moran's null](09_smooth_maps.ipynb) does not have this fault, and is used for many maps here. Where genes alone are
# scored, without place, it has a small one of the other kind.

# %% [markdown]
# ## Honesty box
#
# | one would like to say | we get | differs because |
# |---|---|---|
# | genes predict where the cortex thins with age | **held out** ridge 0.22<!-- claim:people-ridge -->, position 0.40<!-- claim:people-position -->; gain of genes -0.04<!-- claim:people-gain --> (**null** $p$ = 0.60<!-- claim:people-gain-p -->) | expression tells where a region lies, and that is enough |
# | real genes do better than noise genes, so genes matter | **held out**, pairs: yes ($p$ ≤ 0.005<!-- claim:people-noise-p -->); patches: no | noise genes do not know where a region lies; a patch leaves nothing near to learn from |
# | most people show the predicted pattern | 80<!-- claim:people-judged-positive --> % (**null** $p$ = 0.255<!-- claim:people-judged-p -->) | so they do under rotations |
# | with more people we shall see | from 100 to 400 people the median $p$ of the gain goes from 0.86<!-- claim:people-gain-p-100 --> to 0.89<!-- claim:people-gain-p-400 --> | people sharpen the map and add no region |
# | genes say how people differ | **held out**, frozen: +0.01<!-- claim:people-deviations-gain --> (**null** $p$ = 0.002<!-- claim:people-deviations-gain-p -->); afterwards, with a longer range of place: -0.02<!-- claim:people-deviations-long-gain --> | the yes hangs on how place is modelled |
#
# What was not shown. The people of IXI were scanned once each, in three hospitals. The table gives one label to all three, so site could not be
# taken out. "Loss" compares older people with younger ones; nobody was seen to lose anything. Draws of 400 out of 553 people
# share most of them, so the spread over these draws is too small. Simulated people scatter as the real ones do in size only; how they differ in
# pattern was chosen by us. The graph VAE had few rotations, and no patches.

# %% [markdown]
# ## Key takeaways
#
# - A map from people has standard errors, a reliability and a ceiling. Report them before you model it:
#   [how exact](#how-exact-is-the-map).
# - More people sharpen a map; they add no regions, and it is regions that limit what can be said of genes:
#   [fewer people](#fewer-people).
# - Ageing in IXI is predicted from place, and genes add nothing to it: [the question](#the-question-of-model-a).
# - Who is judged must not have made the map, and map and people are rotated together:
#   [what judging adds](#what-judging-people-adds).
# - People are many maps only as far as they differ in many patterns: [many maps](#when-are-many-people-many-maps).
# - How people differ is a second question. A tiny gain passed the frozen rule, and went away with a better model of place:
#   [how far](#how-far-does-the-yes-reach).
# - Power comes from independent maps: [how large](#how-large-would-an-effect-have-to-be).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: the same people twice
#
# Judge people who *made* the map. Take `ageing.deviations.z` of those who are not of the reference (`~ageing.deviations.reference`),
# correlate each with `ageing.map` over regions, and call the median `own`. Compare with `alike.median()`, of people who took no part. Why
# is the difference so small here, and when would it be large?
#
# <details><summary>Hint</summary>
#
# `z.T.corrwith(ageing.map)` correlates every person with the map.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
made_it = ageing.deviations.z[~ageing.deviations.reference]
own = made_it.T.corrwith(ageing.map).median()
print(f"who made the map {own:.2f}, who did not {alike.median():.2f}")
# One person in 553 hardly moves a map. With twenty people each makes a twentieth of it, and looks like it for that.

# %% tags=["check"]
assert abs(own - alike.median()) < 0.1, f"own is {own:.2f}; expected near {alike.median():.2f}"

# %% [markdown]
# ### Exercise 2: two small studies
#
# Two studies of 25 people each ask for the map of ageing. How far would their maps agree? The median split-half correlation of 50 people
# stands in `middle["split-half"]`. Predict it from that of all people: a map of $m$ people has reliability $m / (m + k)$, the same
# as the correlation of two such maps. Find $k$ from `ageing.split_half["median"]`, and call the prediction `foreseen`.
#
# <details><summary>Hint</summary>
#
# Two halves of 553 people are maps of $m$ = 276.5 people each; solve $r = m / (m + k)$ for $k$.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
agree, size = ageing.split_half["median"], ageing.n / 2
equal = size * (1 - agree) / agree
foreseen = 25 / (25 + equal)
print(f"foreseen {foreseen:.2f}, found {middle.loc[50, 'split-half']:.2f}")
# k is the number of people whose map is half signal and half error: about 26.

# %% tags=["check"]
gap = abs(foreseen - middle.loc[50, "split-half"])
assert gap < 0.15, f"foreseen is {foreseen:.2f}, {gap:.2f} from what was found; is m half of the people?"

# %% [markdown]
# ## See also
#
# - [Vulnerability](03_vulnerability.ipynb): how a cohort becomes a map, on simulated people whose truth is known.
# - [Your own map](26_own_data.ipynb): your cohort, from FreeSurfer's tables to a report.
# - [What we learned](27_what_we_learned.ipynb): the curve of power for one map.
# - [What to do on Monday](28_on_monday.ipynb): the steps that this book recommends.

# %% [markdown]
# ## References
#
# - Rutherford S et al. (2022). The normative modeling framework for computational psychiatry. *Nature Protocols* 17:1711.
#   [doi:10.1038/s41596-022-00696-5](https://doi.org/10.1038/s41596-022-00696-5)
# - Spearman C (1910). Correlation calculated from faulty data. *British Journal of Psychology* 3:271.
#   [doi:10.1111/j.2044-8295.1910.tb00206.x](https://doi.org/10.1111/j.2044-8295.1910.tb00206.x)
# - IXI dataset, Imperial College London, [brain-development.org](https://brain-development.org/ixi-dataset/) (CC BY-SA 3.0).
