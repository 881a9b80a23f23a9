# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: [human/atrophy/TDP43C.nii.gz, human/cohort/IXI_aparc_thickness.csv, human/cohort/IXI_age_gender.csv, human/cohort/ixi_euler.csv, human/disease/enigma/22q_case-controls_CortThick.csv, human/expression/desikan_r0.2.csv.bz2, human/genes/GSE92742_Broad_LINCS_gene_info.csv, human/atlas/schaefer_200_fsa5.csv, human/connectome/strucLabels_with_sctx_schaefer_200.csv, human/expression/schaefer200_r0.4.csv.bz2]}
# ---

# %% [markdown]
# # 26. Your own map
#
# *Prerequisites: [held out, but from what?](10_splits.ipynb), [a thousand refits](11_refits.ipynb). Time: 30 minutes to read, one
# minute to run.*
#
# You have a map of the human cortex, a number for each place on it. It may be an image. It may be the tables in which FreeSurfer, a
# program that measures cortical thickness, lists the people of a cohort. Or it is a column of a spreadsheet. You have one question:
# **do genes say anything about this map that place does not?** This page starts from one file of each kind, and ends each time with a
# report that you can send to a co-author.
#
# ## What you will learn
#
# - how to turn an image, a cohort or a spreadsheet into one value for each region, and what you have to tell the reader because it
#   must not guess;
# - how to get from there to a report, in Python or by one command in a terminal;
# - which numbers of the report answer the question, and which only seem to;
# - how to ask the same question in another atlas, and of a model of your own.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_NULLS = 199  # rotated maps; leave it out, and there are up to 1,000
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import tempfile
import textwrap
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xsg
from xsg.atlas import distances
from xsg.claims import claim
from xsg.data.fetch import fetch
from xsg.evaluation.baselines import Baseline
from xsg.plotting import brain, use_style

use_style()
out = Path(tempfile.mkdtemp())

# %% [markdown]
# ## Route 1: an image
#
# The file is a three-dimensional image in MNI space, the usual coordinates of brain imaging. It compares the grey matter of people who
# had a frontotemporal dementia (TDP-43, type C) with that of controls (Harper et al. 2017). Each voxel holds a $t$ value: the
# difference, patients minus controls, divided by its standard error. In a terminal, one command does everything:
#
# ```bash
# xsg evaluate TDP43C.nii.gz --positive gain --unit t --out report
# ```
#
# In Python there are three steps. The first takes the mean over the voxels of each region. Voxels that are exactly zero were not part
# of the analysis, and are left out.

# %%
image = fetch("human/atrophy/TDP43C.nii.gz")
called = {"unit": "t", "name": "TDP-43, type C"}
t_map = xsg.read_map(image, "desikan", positive="gain", **called)
for line in t_map.attrs["provenance"]:
    print(textwrap.fill(line, 74, subsequent_indent="  "))

# %% mystnb={"image": {"alt": "Four views of the inflated cortex painted with the loss of grey matter. It is strongest at the left temporal pole and fades backwards; the right side has the same pattern, weaker."}}
figure = brain(t_map, "loss of grey matter (−t)", xsg.load_atlas("desikan"))

# %% [markdown]
# What you see: the loss is in the temporal lobes, and there is more of it on the left. Look at this figure before you look at any
# number. If the sign were wrong, or left and right were exchanged, you would see it here; no $R^2$ would tell you.
#
# Everywhere in this book, larger means *more loss*. In this file larger means *more tissue*, so we said `positive="gain"`, and the sign
# of the map was turned. Nothing guesses this for you. If you do not say it, the map is kept as it is, and a warning shows what speaks
# for a wrong sign:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    xsg.read_map(image, "desikan")
print(textwrap.fill(str(said[0].message), 74))

# %% [markdown]
# The second step joins gene expression to the map, by the names of the regions. The third step puts a model on trial: it predicts
# regions that it was not trained on, and then does the same for rotated maps, which are as smooth as the real one but lie in the wrong
# place. In the terminal this model is the graph VAE of [chapter 5](05_graph_vae.ipynb). Here it is ridge regression, which is much
# quicker.

# %%
cortex = xsg.load_cortex("ahba", thinning=t_map)
settings = {"seed": SEED, "progress": False}
ridge = Baseline("ridge")
report = xsg.evaluate(ridge, cortex, n_nulls=N_NULLS, **settings)
print(textwrap.fill(report.sentence, 74))

# %% mystnb={"image": {"alt": "Above, histograms of the R squared of rotated maps, in-sample and held out, with lines at the observed values; both observed lines lie at the right end. Below, held-out R squared of ridge and of simpler methods as points, a tick for each of five dealings: position with genes is highest, position alone comes next, then ridge and PLS; the first component of expression is low."}}
figure = report.plot()

# %% [markdown]
# What you see: above, the scores of ridge regression on the real map (lines) and on the rotated maps (histograms). Below, its held-out
# score beside those of simpler methods. Two of these score higher than ridge regression, and one of the two knows no gene.
#
# The next line writes the page that you would send. To read it one needs neither Python nor a network. It has the verdict, the
# map, this figure, the table, what was done, what to cite, and the settings with which to do it again.

# %%
page = report.save(out / "report.html")
print(f"{page.name}: {page.stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## Which numbers answer the question
#
# Ridge regression predicts regions that it has not seen, and it hardly ever does so well on a rotated map. That sounds like an answer.
# But it answers another question: *can this map be predicted from gene expression?* Expression is smooth, so it tells where a region
# lies ([chapter 9](09_smooth_maps.ipynb)), and from that any smooth map can be predicted in part.
#
# Two rows of the report answer our question. **Position** knows where a region lies, and no gene: it is kriging, which predicts a
# region from the regions near it. **Position + genes** knows both. It is the same Gaussian process, in which regions of similar
# expression may count as near, too, as far as the training regions speak for it. The difference between the two is what genes add;
# the report calls it the *gain*.

# %%
rows = ["ridge", "position (kriging)", "position + genes"]
rows.append("position + genes less position")
held_out = report.table().xs("held out", level="kind")
held_out.loc[rows, ["R²", "R² low", "R² high", "p R²"]].round(3)

# %% tags=["nbval-check-output"]
claim("own-map-ridge", report.held_out.loc["R²", "value"])
claim("own-map-ridge-p", report.p_value["held-out R²"])
claim("own-map-position", report.baselines.loc["position (kriging)", "R²"])
claim("own-map-both", report.baselines.loc["position + genes", "R²"])
claim("own-map-gain", report.gain["value"])
claim("own-map-gain-p", report.gain["p"])

# %% [markdown]
# Ridge regression on the genes has a held-out $R^2$ of 0.73<!-- claim:own-map-ridge -->. Position alone has
# 0.79<!-- claim:own-map-position -->, without a single gene. Position + genes has 0.87<!-- claim:own-map-both -->.
#
# So genes add 0.08<!-- claim:own-map-gain -->, and few rotated maps show as much ($p$ = 0.03<!-- claim:own-map-gain-p -->). For this
# map, in this atlas, with pairs of homologues held out, the verdict is "yes". For a "yes" over all, the page that was written waits
# for a second split, whole patches. The section on [another atlas](#another-atlas) comes back to this.

# %% [markdown]
# ## Route 2: a cohort
#
# You may have people instead of a map. Their thickness stands in the two tables, left and right, that FreeSurfer's `aparcstats2table`
# writes; their age, sex and group stand in a third, often called `participants.tsv`. Then the command is
#
# ```bash
# xsg evaluate lh.tsv rh.tsv --people participants.tsv --slope age
# ```
#
# Our example is the IXI study: healthy people between 20 and 86 years old. One of its tables says how good each person's image is
# (Euler numbers; far below zero is bad), and `keep` leaves out the bad ones. Rows are joined by person, never by their order. The people
# who are left out are counted, and nobody is named.

# %%
cohort = xsg.read_cohort(
    fetch("human/cohort/IXI_aparc_thickness.csv"),
    people=fetch("human/cohort/IXI_age_gender.csv"),
    quality=fetch("human/cohort/ixi_euler.csv"),
    keep="lh_euler > -200 and rh_euler > -200",
    sex={1: "M", 2: "F"},
)
ageing = cohort.slope("age")
ageing

# %% [markdown]
# `slope` fits a linear model to each region, adjusted for sex (and for site, if there were several). `contrast("group", "AD", "CN")`
# does the same for two groups. The map comes with three measures of how well it is known: its standard errors; the *split-half*
# correlation, which is how well the maps of two halves of the people agree; and the *ceiling*, the $R^2$ that even the true map would
# have against this one.

# %% mystnb={"image": {"alt": "Four views of the inflated cortex painted with the loss of thickness per decade, strongest in frontal and lateral temporal cortex and weakest around the calcarine sulcus, much the same on both sides."}}
unit = "loss of thickness (mm per decade)"
figure = brain(ageing.map, unit, xsg.load_atlas("desikan"))

# %% [markdown]
# A cohort's map goes on trial in the same way, and the report again says what genes add to place. It also asks a second question: do
# single people look like the prediction? For this the people are cut in two halves. One half makes the map. In the other half, a
# normative model is fitted to the younger people: it says what thickness to expect of each region. How far each older person deviates
# from that is then correlated, over regions, with the prediction.

# %%
aged = xsg.evaluate(ridge, ageing, n_nulls=N_NULLS, **settings)
print(textwrap.fill(aged.people.sentence, 74))

# %% mystnb={"image": {"alt": "Above, a histogram of the correlation of each person's deviations with the prediction, most of them above zero with a mean of 0.23. Below, the mean correlations under rotations, spread from about 0 to 0.4 round the observed one."}}
figure = aged.people.plot()

# %% tags=["nbval-check-output"]
claim("own-map-split-half", ageing.split_half["median"])
claim("own-map-ceiling", ageing.ceiling)
claim("own-map-ageing-position", aged.baselines.loc["position (kriging)", "R²"])
claim("own-map-ageing-both", aged.baselines.loc["position + genes", "R²"])
claim("own-map-people-positive", 100 * aged.people.mean["positive"])
claim("own-map-people-p", aged.people.p_value["r"])

# %% [markdown]
# The maps of two halves of the people correlate at $r$ = 0.91<!-- claim:own-map-split-half -->. From this follows the ceiling: the true
# map would have an $R^2$ of 0.96<!-- claim:own-map-ceiling --> against this one. So hardly any of what a method fails to predict is
# noise of the map.
#
# And the methods fail to predict much of it. Position has a held-out $R^2$ of 0.42<!-- claim:own-map-ageing-position -->, and position +
# genes has 0.37<!-- claim:own-map-ageing-both -->. Genes add nothing.
#
# Most people look like the prediction: 83<!-- claim:own-map-people-positive --> % of them have a positive correlation. That seems a
# lot, but rotated maps often do as well ($p$ = 0.20<!-- claim:own-map-people-p -->). Age does much the same to everybody, so the
# correlations of all people rise and fall together, with the real map and with any rotated one.

# %% [markdown]
# ## Route 3: a spreadsheet
#
# A table with a region and a value in each row is enough, as CSV, TSV or Excel. The names of regions may be in any of the usual styles
# (`L_insula`, `lh_insula_thickness`, `ctx-lh-insula`). Our example compares people who lack a piece of chromosome 22 with controls. It
# comes from the ENIGMA consortium, whose tables are recognised: their effect sizes are *patients minus controls*, so here you need not
# say what larger means.
#
# ```bash
# xsg evaluate 22q_case-controls_CortThick.csv
# ```

# %%
table = fetch("human/disease/enigma/22q_case-controls_CortThick.csv")
deletion = xsg.read_map(table)
print(*deletion.attrs["provenance"][-2:], sep="\n")
deletion.head(3).round(2)

# %% [markdown]
# A file that cannot be what you meant is refused, and the message says what is wrong and what to do. Here are three common mistakes: a
# misspelt region, a table of another atlas, and an image that holds several volumes.

# %%
voxels = np.zeros((40, 48, 40, 3), np.float32)
noise = np.random.default_rng(0).random((20, 28, 20, 3))
voxels[10:30, 10:38, 10:30] = 1 + noise
series = nib.Nifti1Image(voxels, np.diag([4, 4, 4, 1]))
slip = deletion.rename({"L_insula": "L_insulla"})
other = pd.Series(1.0, xsg.load_atlas("schaefer200").regions)

for wrong in (slip, other, series):
    try:
        xsg.read_map(wrong, positive="loss")
    except ValueError as error:
        print(textwrap.fill(str(error), 74), end="\n\n")

# %% [markdown]
# ## Another atlas
#
# To ask the same of 200 regions in place of 68, change one word. In the atlas of Schaefer et al. (2018) regions are numbered on each
# side, so that their names do not tell which regions are homologues. Instead, a region is held out together with whatever lies at its
# mirror image in the other hemisphere (`"mirrored-blocks"`).

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # one region lies outside the image
    fine_map = xsg.read_map(image, "schaefer200", positive="gain", **called)
fine = xsg.load_cortex("ahba", thinning=fine_map)
finer = xsg.evaluate(ridge, fine, n_nulls=0, **settings)


def told(cortex, report):
    """Sizes, split, and what place and genes say."""
    r2 = report.baselines["R²"]
    scores = r2["position (kriging)"], r2["position + genes"]
    return [*cortex.expression.shape, report.split, *scores]


columns = ["regions", "genes", "split", "position", "position + genes"]
both = [told(cortex, report), told(fine, finer)]
pd.DataFrame(both, ["desikan", "schaefer200"], columns).round(2)

# %% tags=["nbval-check-output"]
claim("own-map-fine-gain", finer.gain["value"])

# %% [markdown]
# Here genes add 0.00<!-- claim:own-map-fine-gain --> to place. So the "yes" of route 1 was the answer of one atlas. Regions, genes and
# split all changed, and which of them made the difference we do not know. Before a "yes" goes into an abstract, ask again in another
# atlas, and hold out whole patches of cortex (`split="spatial"`; in the terminal both splits are tried without asking).
#
# Position scores higher with 200 regions than with 68. That does not make the map better known: in a finer atlas, a training region lies
# nearer to every held-out one ([chapter 26b](26b_scale.ipynb)). So compare methods within an atlas, never $R^2$ between atlases.
#
# The atlases are `desikan`, `schaefer100` to `schaefer400`, and `glasser360`, each also with structures below the cortex
# (`"desikan+subcortex"`). [Their table](../book/data.md) says how many genes each has. For an atlas of your own, `make_expression(atlas=…)`
# makes the expression from the raw microarrays.

# %% [markdown]
# ## Your own model on trial
#
# `xsg.evaluate` asks the same of any model. A regressor or pipeline of scikit-learn goes in as it is: genes are its features, and
# everything that the pipeline learns is learned from the training regions. A model of another kind needs one method, `predict_folds`. It
# is given the maps and the folds, and returns a prediction for every map, fold and region. The class below predicts a region by the mean
# of the three nearest training regions:


# %%
class Neighbours:
    """No genes: the mean of the three nearest training regions."""

    def predict_folds(self, cortex, maps, held_out):
        names = cortex.regions
        mm = distances(cortex.parcellation).loc[names, names]
        found = np.empty((len(maps), *held_out.shape))
        for number, fold in enumerate(held_out):
            known = maps.loc[:, ~fold].to_numpy()
            nearest = mm.loc[:, ~fold].to_numpy().argsort(axis=1)[:, :3]
            found[:, number] = known[:, nearest].mean(axis=2)
        return found


line = make_pipeline(StandardScaler(), PCA(3), LinearRegression())
bare = {"n_nulls": 0, "baselines": False, **settings}
trials = [xsg.evaluate(model, cortex, **bare) for model in (line, Neighbours())]
scores = {each.label: each.held_out.loc["R²"] for each in trials}
pd.DataFrame(scores).T.round(2)

# %% [markdown]
# One mistake the report cannot see. `maps` holds the values of all regions, also of those that a fold holds out, and your method must not
# read the latter.
#
# ## In Colab, with a file of your own
#
# On your own machine this cell does nothing. In Colab it asks for a file and gives you the report to download. Say in its first line what
# larger values mean before you run it.

# %%
POSITIVE = "gain"  # larger values are more tissue; "loss": more loss

if "google.colab" in sys.modules:
    from google.colab import files

    for name in files.upload():
        mine = xsg.read_map(name, positive=POSITIVE)
        found = xsg.evaluate(ridge, xsg.load_cortex("ahba", thinning=mine))
        files.download(found.save("report.html"))

# %% [markdown]
# If you have your own parcellation, expression tables or graph, put them into a folder. `xsg new my-study` makes one with a simulated
# example, whose tables you overwrite one by one. `xsg new my-study --from lh.tsv rh.tsv participants.tsv --slope age` makes one with your
# cohort in it. In either, `python analysis.py` writes this report.

# %% [markdown]
# ## Honesty box
#
# | one would like to say | we get | differs because |
# |---|---|---|
# | ridge regression on genes predicts the map, so genes matter | **held out** 0.73<!-- claim:own-map-ridge -->; position alone 0.79<!-- claim:own-map-position --> | expression is smooth, and so is the map |
# | genes add to place | **held out** +0.08<!-- claim:own-map-gain --> with 68 regions (**null** $p$ = 0.03<!-- claim:own-map-gain-p -->), 0.00<!-- claim:own-map-fine-gain --> with 200 | the atlases differ in regions, genes and split; this is one map out of eight of its kind |
# | most people have the pattern | 83<!-- claim:own-map-people-positive --> % (**null** $p$ = 0.20<!-- claim:own-map-people-p -->) | age does much the same to everybody |
#
# What was not shown: whether these maps are typical. They were chosen to show three kinds of file. The people of IXI are healthy and were
# measured once, so "loss" compares older people with younger ones; nobody was seen to lose anything.

# %% [markdown]
# ## Key takeaways
#
# - One command turns an image, a cohort or a spreadsheet into a page that anybody can read: [an image](#route-1-an-image),
#   [a cohort](#route-2-a-cohort), [a spreadsheet](#route-3-a-spreadsheet).
# - Sign, unit and space come from you or from the file, and are never guessed. Look at the map first: [an image](#route-1-an-image).
# - Whether genes say more than place is answered by position + genes against position, not by the $R^2$ of a model on genes:
#   [which numbers](#which-numbers-answer-the-question).
# - A cohort's map comes with a ceiling, and a prediction is compared only with people who did not make the map:
#   [a cohort](#route-2-a-cohort).
# - Compare methods within an atlas, not $R^2$ between atlases: [another atlas](#another-atlas).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: the wrong sign
#
# Read the image of route 1 with the wrong sign, `positive="loss"`, and put ridge regression on trial again (`n_nulls=0`,
# `baselines=False`, `seed=SEED`). Call the held-out $R^2$ `turned`. What does the score tell you about the mistake?
#
# <details><summary>Hint</summary>
#
# Predict before you run: is $R^2$ changed when a map and its predictions are both multiplied by −1?
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
wrong = xsg.read_map(image, "desikan", positive="loss")
trial = xsg.evaluate(ridge, xsg.load_cortex("ahba", thinning=wrong), **bare)
turned = trial.held_out.loc["R²", "value"]
right = report.held_out.loc["R²", "value"]
print(f"as it should be: {right:.3f}; turned: {turned:.3f}")
# Nothing: every score is the same, and so is every p-value. Only the picture, and whoever made the map, can tell.

# %% tags=["check"]
same = abs(turned - report.held_out.loc["R²", "value"]) < 1e-6
assert same, f"turned is {turned:.3f}: was anything else changed?"

# %% [markdown]
# ### Exercise 2: fewer people
#
# `ageing.split_half` holds the median correlation of the maps of two halves of the people, over 200 ways to halve them. Take half of the
# people (`ageing.halves()[0]`), and half of these, and list the three medians as `agree`. How many people would you want before you ask
# what predicts their map?
#
# <details><summary>Hint</summary>
#
# Each half is a map with its people, and has `.halves()` and `.split_half` of its own.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
some = ageing.halves()[0]
few = some.halves()[0]
agree = [each.split_half["median"] for each in (ageing, some, few)]
for each, r in zip((ageing, some, few), agree, strict=True):
    print(f"two halves of {each.n} people: r = {r:.2f}")
# Ageing is a strong effect, so that few people do. Where a disease thins the cortex by less than age does, as many give
# a map that is mostly noise, and what no method predicts may be the noise.

# %% tags=["check"]
assert len(agree) == 3, f"agree has {len(agree)} values; expected three"
assert agree[0] > agree[2] > 0.5, f"agree is {agree}: fewer should agree less"

# %% [markdown]
# ### Exercise 3: is it the side?
#
# The map of route 1 differs between left and right. Make one that does not: give both regions of each homologous pair their mean, and ask
# again what genes add to place. Call this gain `shared`. Was it the difference between the sides that genes explained?
#
# <details><summary>Hint</summary>
#
# `xsg.atlas.homologous_pairs(cortex.regions, cortex.parcellation)` gives both regions of a pair the same number, by which you can group a
# Series.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
pairs = xsg.atlas.homologous_pairs(cortex.regions, cortex.parcellation)
equal = cortex.thinning.groupby(pairs).transform("mean")
alike = xsg.load_cortex("ahba", thinning=equal)
shared = xsg.evaluate(ridge, alike, n_nulls=0, **settings).gain["value"]
print(f"gain on the map {report.gain['value']:+.2f}, on its mean {shared:+.2f}")
# No: genes add about as much to place on a map whose sides are equal.

# %% tags=["check"]
assert -0.5 < shared < 0.5, f"shared is {shared:.2f}; were the pairs kept together?"

# %% [markdown]
# ## See also
#
# - [Vulnerability](03_vulnerability.ipynb): how a cohort becomes a map, and how certain the map is.
# - [Held out, but from what?](10_splits.ipynb): the splits, and how they leak.
# - [A thousand refits](11_refits.ipynb): what the p-value answers.
# - [At any scale](26b_scale.ipynb): what 400 regions change, and 20,484.

# %% [markdown]
# ## References
#
# - Desikan RS et al. (2006). An automated labeling system for subdividing the human cerebral cortex on MRI scans into gyral based regions of
#   interest. *NeuroImage* 31:968. [doi:10.1016/j.neuroimage.2006.01.021](https://doi.org/10.1016/j.neuroimage.2006.01.021)
# - Harper L et al. (2017). Patterns of atrophy in pathologically confirmed dementias: a voxelwise analysis. *Journal of Neurology,
#   Neurosurgery & Psychiatry* 88:908. [doi:10.1136/jnnp-2016-314978](https://doi.org/10.1136/jnnp-2016-314978)
# - Schaefer A et al. (2018). Local-global parcellation of the human cerebral cortex from intrinsic functional connectivity MRI. *Cerebral
#   Cortex* 28:3095. [doi:10.1093/cercor/bhx179](https://doi.org/10.1093/cercor/bhx179)
# - IXI dataset, Imperial College London, [brain-development.org](https://brain-development.org/ixi-dataset/) (CC BY-SA 3.0).
# - Larivière S et al. (2021). The ENIGMA Toolbox. *Nature Methods* 18:698.
#   [doi:10.1038/s41592-021-01186-4](https://doi.org/10.1038/s41592-021-01186-4)
