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
# *Prerequisites: [smooth maps](09_smooth_maps.ipynb), [splits](10_splits.ipynb), [a thousand refits](11_refits.ipynb). Time: 35
# minutes to read, half a minute to run.*
#
# The chapters before this one judge maps that others made from their patients. We had 68 numbers and no people. "More people!" is
# then the usual call. Here are some: 553<!-- claim:people-n --> healthy people of the IXI study, each with the thickness of 68 regions.
# What do so many people add, and what do they not?
#
# ## What you will learn
#
# - how a map is made from people, and how exact it is: standard error, reliability, ceiling;
# - why more people sharpen a map, and still do not make it easier to say something about genes;
# - whether genes say anything about ageing that place does not;
# - what it adds to judge single people, and when many people count as many maps.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_NULLS = 199  # rotated maps of the draw that is judged again
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
# FreeSurfer, which measures the thickness of the cortex, writes a table for the people of a study. `read_cohort` joins such
# tables by person. It leaves out people whose image is bad: a very low *Euler number* (`euler` below) means that the surface of
# the cortex could not be followed well.
#
# Then, in each region, a straight line is fitted to thickness against age. Sex and image quality are in the model too, because
# older people move more in the scanner, and movement makes the cortex look thinner.

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
# *standard error*: by how much that number would change from one sample of such people to the next. It is small everywhere.
#
# So the pattern above is not in doubt. But however many people we measure, it stays *one* picture, with 68 numbers in it.
#
# ## The rule, fixed beforehand
#
# What this page says about genes was fixed before the data were touched: the question, the settings, and the rule for what
# would count as a yes. It was run once. (One part came afterwards, and says so.) The file that holds the rule has a date, and a
# digest that changes if any letter of it does.
#
# Some words help to read it. Regions are held out as **pairs**, with their homologues of the other side, or as **patches**, whole
# neighbourhoods ([chapter 10](10_splits.ipynb)). **Position** is a model that knows where a region lies and no gene. The **gain**
# is what position + genes predicts better than position alone. **Noise genes** are as many columns of random numbers. A
# **deviation** says how far one person is from the usual.

# %%
print(f"frozen {frozen.date}, digest {frozen.digest[:16]}")
print(textwrap.fill(frozen.rule, 82))
print()
print(textwrap.fill(f"Known before: {frozen.known}", 82))

# %% [markdown]
# So we were not blind. [Chapter 26](26_own_data.ipynb) uses the same people to show how a cohort is read, and had found that genes
# add nothing to place for pairs.
#
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
print(f"median standard error {ageing.standard_error.median():.4f} mm per decade")
print(f"split-half correlation {ageing.split_half['median']:.3f}")
print(f"reliability {ageing.reliability:.3f}, ceiling (R²) {ageing.ceiling:.3f}")

# %% tags=["hide-input", "nbval-check-output"]
claim("people-n", ageing.n)
claim("people-split-half", ageing.split_half["median"])
claim("people-ceiling", ageing.ceiling)

# %% [markdown]
# Two halves of the people agree at $r$ = 0.91<!-- claim:people-split-half -->. The ceiling is 0.96<!-- claim:people-ceiling -->:
# almost all that a method fails to predict is its own failure and not error of the map.
#
# ## Fewer people
#
# What did we gain by having so many? We cannot add people, but we can leave some out. From all people, draw 25, 50, 100, 200 or
# 400, twenty times each. Make the map of each draw, and put it on trial as in chapter 11: ridge regression on the genes, position,
# and position + genes, each with 199 rotated maps.
#
# <details><summary><b>Predict first:</b> sixteen times as many people. What happens to the agreement of two halves, to
# the held-out R² of ridge, and to its p-value?</summary>
#
# The agreement rises towards 1. The other two are in the figure below. To think about: the rotated maps become more exact,
# too.
#
# </details>
#
# The table of all draws took minutes, and is kept. One draw is made again here, and agrees with it.
# (`evaluate` deals the folds by pairs.)

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

# %% tags=["hide-input"] mystnb={"image": {"alt": "Three panels over the number of people, 25 to 553. The agreement of two halves rises from 0.2 to 0.9 along the curve of Spearman and Brown. Held-out R squared of position rises from 0.07 to 0.4, that of ridge stays near zero, with 0.22 for all people. The median p-values of ridge and of genes beyond place stay between 0.5 and 0.9 throughout, with 0.35 and 0.6 for all people."}}
trial = table[table["part"] == "trial"].set_index(["varied", "what"])["value"]
by_n = growth.groupby(["what", "n"])["value"]
middle, low, high = (by_n.quantile(q).unstack("what") for q in (0.5, 0.05, 0.95))
whole = trial["homologous"]
figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.7), layout="constrained")
sizes, short = middle.index.to_numpy(), 553 * (1 - ageing.reliability) / ageing.reliability
fine = np.geomspace(25, 553, 100)
axes[0].plot(fine, fine / 2 / (fine / 2 + short), "--", color=GREY, label="Spearman–Brown")
curves = [("split-half", "two halves", "black", 0)]
curves += [("position R2", "position", ORANGE, 1), ("ridge R2", "ridge on genes", BLUE, 1)]
curves += [("gain p", "genes beyond place", GREEN, 2), ("ridge p", "", BLUE, 2)]
for what, label, colour, panel in curves:
    axes[panel].plot(sizes, middle[what], "o-", color=colour, ms=4, label=label or None)
    axes[panel].fill_between(sizes, low[what], high[what], color=colour, alpha=0.12, lw=0)
    axes[panel].plot(553, whole[what], "D", color=colour, ms=6)
axes[2].axhline(0.05, color=GREY, ls=":")
for axis, title in zip(axes, ("two halves agree: r", "held-out R²", "p-value"), strict=True):
    axis.set(xscale="log", title=title, xlabel="people")
    axis.set_xticks([25, 100, 400], ["25", "100", "400"])
    axis.minorticks_off()
axes[0].set_ylim(0, 1)
axes[2].set_ylim(0, 1)
_ = figure.legend(loc="outside lower center", ncols=5, fontsize=8.5)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-split-half-100", middle.loc[100, "split-half"])
claim("people-split-half-400", middle.loc[400, "split-half"])
claim("people-position-25", middle.loc[25, "position R2"])
claim("people-position-400", middle.loc[400, "position R2"])
claim("people-ridge-p-100", middle.loc[100, "ridge p"])
claim("people-ridge-p-400", middle.loc[400, "ridge p"])
claim("people-gain-p-100", middle.loc[100, "gain p"])
claim("people-gain-p-400", middle.loc[400, "gain p"])

# %% [markdown]
# What you see: lines are medians over twenty draws, bands nine draws of ten. Diamonds are the one map of all people; they are no
# medians, and need not lie on the lines.
#
# **What grows.** The agreement of two halves, much as the formula of Spearman and Brown foresees: from 100 to 400 people from
# 0.64<!-- claim:people-split-half-100 --> to 0.88<!-- claim:people-split-half-400 -->.
#
# **What grows, and stops.** Position predicts a sharper map better: its $R^2$ rises from 0.07<!-- claim:people-position-25 --> with 25
# people to 0.41<!-- claim:people-position-400 --> with 400, and that is where it stays.
#
# **What does not grow.** The median $p$ of ridge is 0.65<!-- claim:people-ridge-p-100 --> with 100 people and
# 0.54<!-- claim:people-ridge-p-400 --> with 400.
#
# That of what genes add to place is 0.86<!-- claim:people-gain-p-100 --> and
# 0.89<!-- claim:people-gain-p-400 -->. A rotated map gets sharper with more people just as the map does, and is as well predicted.
# By the frozen rule: **regions limit the answer, not people.**
#
# The rule claims a little too much. Where genes have no effect, $p$ does not fall either, and IXI cannot tell us which of the two it
# is. Simulated maps can, because their truth is known.
#
# ## How large would an effect have to be?
#
# The truth is now ours. A map is $r$ times something that the real genes make (each gene with a small random weight) plus a smooth
# field in which genes have no part. A map measured on few people also has error. The test asks for the gain of genes over
# place, $p$ ≤ 0.05, in 300 worlds for each point. Which $r$ is found in four worlds of five?


# %% tags=["hide-input"] mystnb={"image": {"alt": "Two panels: the smallest correlation found four times in five. Left, for one map: it falls from 0.82 with 50 people to 0.7 with 400 and is no lower with 800 and 1,600; a dotted line marks a map without error. Right, for independent maps, it falls from 0.7 for one to 0.25 at 64; a dashed curve, for 33 independent values a map, lies below."}}
def smallest(kind):
    """Smallest r found with a power of 0.8, by number; NaN where none is."""
    some = table[(table["part"] == "power") & (table["what"] == "gain")]
    some = some[some["varied"] == f"{kind}, moran"].pivot(index="n", columns="draw", values="value")
    found = {}
    for n, shares in some.iterrows():
        rising, r = np.maximum.accumulate(shares.to_numpy()), shares.index / 100
        found[n] = np.interp(0.8, rising, r) if rising[-1] >= 0.8 else np.nan
    return pd.Series(found)


by_people, by_maps = smallest("people"), smallest("maps")
figure, axes = plt.subplots(1, 2, figsize=(8.4, 3.6), sharey=True, layout="constrained")
axes[0].plot(by_people.index, by_people, "o-", color=BLUE)
axes[0].axhline(by_maps[1], color=GREY, ls=":", label="one map without error")
axes[1].plot(by_maps.index, by_maps, "s-", color=ORANGE)
count = np.geomspace(1, 64, 100)
reach = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
formula = np.tanh(reach / np.sqrt(33 * count - 3))
axes[1].plot(count, formula, "--", color=GREY, label="33 values a map (chapter 27)")
axes[1].legend(fontsize=8.5)
axes[0].set(title="one map", xlabel="people that it is measured on", ylim=(0, 1))
axes[0].set_ylabel("smallest r found\nfour times in five")
axes[1].set(title="many maps", xlabel="independent maps")
for axis, ticks in zip(axes, ([50, 100, 400, 1600], [1, 4, 16, 64]), strict=True):
    axis.set_xscale("log")
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()
_ = axes[0].legend(fontsize=8.5, loc="lower left")

# %% tags=["hide-input", "nbval-check-output"]
claim("people-power-50", by_people[50])
claim("people-power-400", by_people[400])
claim("people-power-1600", by_people[1600])
claim("people-power-maps-1", by_maps[1])
claim("people-power-maps-16", by_maps[16])
claim("people-power-maps-64", by_maps[64])

# %% [markdown]
# What you see on the left: with 50 people, genes have to make a map to $r$ = 0.82<!-- claim:people-power-50 --> to be found; with
# 400, to 0.70<!-- claim:people-power-400 -->; and with 1,600 to 0.72<!-- claim:people-power-1600 -->, which is the same but for
# chance. (With 25 people no effect of those tried is found often enough.) Past a few hundred people, more of them do not make a
# weaker effect visible. So here it *is* the regions.
#
# On the right: more maps are another matter. One needs 0.70<!-- claim:people-power-maps-1 -->, sixteen
# 0.34<!-- claim:people-power-maps-16 -->, sixty-four 0.25<!-- claim:people-power-maps-64 -->. But maps only count like this if they
# are independent. The maps of diseases that we have are not: they resemble one another.
#
# The dashed curve is the formula of [chapter 27](27_what_we_learned.ipynb#how-large-would-an-effect-have-to-be), were each map worth 33
# independent values and the weights of the genes known. Neither is so: a smooth map is worth fewer, and 776 weights must be learned.
#
# ## Do genes add anything to place?
#
# Now the map of all people, with 999 rotated maps; this is part 1 of the rule.

# %%
rows = {"ridge": "ridge on genes", "position": "position"}
rows["both"] = "position + genes"
shown = {}
for split, name in (("homologous", "pairs"), ("spatial", "patches")):
    found = trial[split]
    shown[name, "R²"] = [found[f"{row} R2"] for row in rows] + [found["gain"]]
    shown[name, "p"] = [found[f"{row} p"] for row in rows] + [found["gain p"]]
pd.DataFrame(shown, [*rows.values(), "gain"]).round(2)

# %% tags=["hide-input", "nbval-check-output"]
noise = table[table["part"] == "noise"].pivot(index="varied", columns="what", values="value")
vae = table[table["part"] == "vae"].pivot(index="varied", columns="what", values="value")
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

# %% [markdown]
# **Pairs.** Ridge on the genes has a held-out $R^2$ of 0.22<!-- claim:people-ridge -->; position, without a gene, has
# 0.40<!-- claim:people-position -->. To know both is no better than to know the place: the gain is -0.04<!-- claim:people-gain -->.
#
# **Patches.** Position still has 0.35<!-- claim:people-position-patches -->. Ridge falls to -0.59<!-- claim:people-ridge-patches -->,
# worse than a guess of the mean, and now the genes do harm: -0.54<!-- claim:people-gain-patches -->. Part 1 fails twice.
#
# **Noise genes**, part 2. For pairs, ridge does better on the real genes than on any of 199 tables of noise
# ($p$ ≤ 0.005<!-- claim:people-noise-p -->), yet no better than on rotated maps ($p$ = 0.35<!-- claim:people-ridge-p -->). Both are
# right: real genes know where a region lies, noise does not. For patches they do worse than noise
# ($p$ = 1.00<!-- claim:people-noise-patches-p -->), so part 2 fails, too.
#
# **The graph VAE**, for pairs, has 0.43<!-- claim:people-vae-paper --> with the preset "paper"
# ($p$ = 0.325<!-- claim:people-vae-paper-p --> of 39 rotations) and 0.37<!-- claim:people-vae-xsg --> with "xsg". No method here
# does better than place by more than its own spread from one dealing of the folds to the next.

# %% [markdown]
# ## What judging people adds
#
# A map of people says nothing yet about any of them. A **normative model**
# ([Rutherford et al. 2022](https://doi.org/10.1038/s41596-022-00696-5)) says what is usual: it predicts the thickness of each region,
# here from sex and image quality, and how much people scatter about it. A person's deviation is the distance from what was predicted,
# in standard deviations; positive means thinner. A person's 66 deviations (two regions have no expression) are a map.
#
# The question is about ageing, so age must not be explained away: the norm is made from younger people and does not know age. Those who
# are judged are older, and took no part in the map: it comes from one half of the people, the norm and the persons judged from the other.

# %%
judged = xsg.load_cortex("ahba", thinning=ageing).people
half = pd.Series(judged.attrs["map"])[judged.columns]  # the map of the other half
alike = judged.T.corrwith(half)
print(f"{len(judged)} people judged; like the map: median r = {alike.median():.2f}")
level = judged.mean(axis=1)
person = judged.loc[(level - level.median()).abs().idxmin()]

# %% tags=["hide-input"] mystnb={"image": {"alt": "Four views of the inflated cortex painted with one person's deviations: thinner than the norm nearly everywhere, most in right parietal regions, slightly thicker at the left frontal pole and below the temporal lobes."}}
figure = brain(person, "deviation (sd; positive: thinner)", xsg.load_atlas("desikan"))

# %% tags=["hide-input", "nbval-check-output"]
claim("people-person-mean", person.mean())
claim("people-person-alike", alike.median())

# %% [markdown]
# What you see: one person (nobody is named), whose mean deviation is that of the median person,
# 0.8<!-- claim:people-person-mean --> standard deviations. The map of ageing is there and is not: thinner than the norm almost
# everywhere, but most so in regions of the right parietal lobe, and thicker in a few.
#
# The median person correlates with the map of the other half at $r$ = 0.29<!-- claim:people-person-alike -->. A map that is nearly free
# of error describes hardly a tenth of what makes one person's cortex differ.
#
# For part 3 of the rule, take a prediction of the map, made for regions that were held out, and correlate it with each person's
# deviations. Chance is what rotations do. Map and people are rotated together and the model is trained anew, so that both stay as
# smooth, and as alike, as they are.

# %%
people_rows = table[table["part"] == "judged"]
people_rows = people_rows.pivot(index="varied", columns="what", values="value")
rows_shown = ["ridge", "position", "both", "both less position"]
people_rows.loc[rows_shown, ["r", "positive", "p"]].round(3)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-judged-positive", 100 * people_rows.loc["ridge", "positive"])
claim("people-judged-p", people_rows.loc["ridge", "p"])
claim("people-judged-gain", people_rows.loc["both less position", "r"])
claim("people-judged-gain-p", people_rows.loc["both less position", "p"])

# %% [markdown]
# Of all people, 80<!-- claim:people-judged-positive --> % go along with what ridge predicts from genes (*positive*). It sounds like a
# lot, but cohorts that are rotated do so, too ($p$ = 0.255<!-- claim:people-judged-p -->).
#
# Position + genes goes along with people no better than position: the difference is -0.01<!-- claim:people-judged-gain -->
# ($p$ = 0.67<!-- claim:people-judged-gain-p -->). Part 3 fails, so **the answer of the rule is no**.
#
# So to judge people does not make the question easier: their mean is again one map. It guards against a circle, as those who are
# judged did not make the map. And it says how much of a finding there is in one person.

# %% [markdown]
# ## When are many people many maps?
#
# So far, people only made one map sharper. But if genes shape how people *differ*, then 553 people might be 553 tests. This is a second
# question, about people and not about ageing. The norm now knows age, and what is left is what age, sex and image do not explain.
# All these maps are predicted by one smoother with fixed settings, and scored together. The null redraws them by
# [Moran's method](09_smooth_maps.ipynb): over many maps rotations are too strict, because they take some values twice, which makes
# them easier to predict.

# %%
differ = table[(table["part"] == "deviations") & (table["varied"] == "moran")]
differ = differ.groupby(["n", "what"])["value"].median().unstack()
differ[["patterns", "place R2", "both R2", "gain", "gain p"]].round(3)

# %% tags=["hide-input", "nbval-check-output"]
claim("people-patterns", differ.loc[553, "patterns"])
claim("people-deviations-gain", differ.loc[553, "gain"])
claim("people-deviations-gain-p-25", differ.loc[25, "gain p"])
claim("people-deviations-gain-p", differ.loc[553, "gain p"])

# %% [markdown]
# *Patterns* counts in how many independent ways people differ. It stops near 27<!-- claim:people-patterns -->: more people would not add
# many.
#
# The gain of genes over place is tiny, 0.01<!-- claim:people-deviations-gain --> of $R^2$, and yet its $p$ falls with people:
# 0.09<!-- claim:people-deviations-gain-p-25 --> with 25, 0.002<!-- claim:people-deviations-gain-p --> with all. For this second question
# **the frozen rule says yes**, and here people did help.
#
# **Does the yes hold?** What follows was *not* frozen; we looked at it because of the yes. Place was modelled with one fixed length, 40 mm.
# The folded cells do everything again with other lengths, and by patches. They also ask a sharper question: people stay where they are,
# and only the genes are replaced, by equally smooth ones that lie elsewhere.

# %% tags=["hide-input"]
genes, atlas = cortex.expression, cortex.parcellation
where = atlas.table.loc[genes.index, ["x", "y", "z"]].abs() * [1, 0, 0]
where += atlas.table.loc[genes.index, ["x", "y", "z"]] * [0, 1, 1]
mm = np.linalg.norm(where.to_numpy()[:, None] - where.to_numpy(), axis=-1)


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


# %% tags=["hide-input"]
z = people.deviations(covariates=["age", *COVARIATES]).z[genes.index].to_numpy()
z = z - z.mean(axis=1, keepdims=True)
pairs = [homologous(genes.index, seed=dealing) for dealing in range(5)]
values = genes.to_numpy()
ours = np.mean([gain(values, folds, 40, z) for folds in pairs], axis=0)
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
# The row of pairs and 40 mm is the frozen one, and agrees with the table.
#
# **Real genes do better than other genes that are as smooth**, with each length and in both splits
# ($p$ ≤ 0.025<!-- claim:people-deviations-others-p --> each time; by patches that means less bad). So it is not smoothness alone, as
# Moran's null knows it: how people differ has something to do with the real layout of genes.
#
# **But a better model of place takes the gain away.** With 80 mm, place alone has 0.06<!-- claim:people-deviations-long-place -->, and genes then
# add -0.02<!-- claim:people-deviations-long-gain -->. By patches they add nothing at any length (-0.03<!-- claim:people-deviations-patches-gain -->
# at best). A yes that hangs on one setting is a reason to ask other people, with the setting chosen beforehand. And it says
# nothing about ageing, as age was taken out.
#
# When can such a test work? In simulated cohorts of 400, genes act in a third of the people. Where each person also has a smooth
# pattern of their own, it says yes in 0.840<!-- claim:people-third-own --> of worlds. Where all share six patterns, it is
# 0.285<!-- claim:people-third-shared -->: the six are drawn once, like the map, and no number of people draws them again.

# %% tags=["hide-input", "nbval-check-output"]
cohorts = table[(table["part"] == "cohorts") & (table["what"] == "people as maps, gain")]
cohorts = cohorts[cohorts["n"] == 400].set_index("varied")["value"]
claim("people-third-own", cohorts["a third, own patterns, moran"])
claim("people-third-shared", cohorts["a third, 6 patterns, moran"])

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
#   [fewer people](#fewer-people), [how large](#how-large-would-an-effect-have-to-be).
# - Ageing in IXI is predicted from place, and genes add nothing to it: [do genes add?](#do-genes-add-anything-to-place)
# - Who is judged must not have made the map, and map and people are rotated together:
#   [what judging adds](#what-judging-people-adds).
# - People are many maps only as far as they differ in many patterns. A tiny gain of genes passed the frozen rule there, and went away with
#   a better model of place: [many maps](#when-are-many-people-many-maps).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: the same people twice
#
# Judge people who *made* the map. Take `ageing.deviations.z` of those who are not of the reference, from
# whom the norm was made (`~ageing.deviations.reference`). Correlate each with `ageing.map` over regions, and call the median `own`. Compare with `alike.median()`, of people who took no part. Why
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
off = f"own is {own:.2f}; expected near {alike.median():.2f}"
assert abs(own - alike.median()) < 0.1, off

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
hint = f"foreseen is {foreseen:.2f}, {gap:.2f} off; is m half of the people?"
assert gap < 0.15, hint

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
