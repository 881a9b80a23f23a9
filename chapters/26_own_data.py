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
# *Prerequisites: [held out, but from what?](10_splits.ipynb), [a thousand refits](11_refits.ipynb). Time: 25 minutes to read, one
# minute to run.*
#
# You have a map of the human cortex: an image, a FreeSurfer cohort, a column of a spreadsheet. You have one question: **do genes say
# anything about it that place does not?** This page takes three such files from where they lie to a report that you can send to a
# co-author.
#
# ## What you will learn
#
# - how to read an image, a cohort and a spreadsheet into values by region, and what no reader should guess for you;
# - how to get from each of them to a report, in Python or by one command in a terminal;
# - which numbers of the report answer the question, and which only seem to;
# - how to ask the same in another atlas, and of a model of your own.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_NULLS = 199  # rotated maps behind each p-value here; leave it out, and there are up to 1,000
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
# The file holds $t$ values in MNI space, in voxels of 1.5 mm: grey matter of people with a frontotemporal dementia (TDP-43, type C)
# against controls (Harper et al. 2017). From a terminal the whole way is
#
# ```bash
# xsg evaluate TDP43C.nii.gz --positive gain --unit t --out report
# ```
#
# In Python it has three steps. The first makes values by region. Voxels that hold an exact zero were not part of the analysis, and are
# left out of a region's mean.

# %%
image = fetch("human/atrophy/TDP43C.nii.gz")
t_map = xsg.read_map(image, "desikan", positive="gain", unit="t", name="TDP-43, type C")
print(*t_map.attrs["provenance"], sep="\n")

# %% mystnb={"image": {"alt": "Four views of the inflated cortex painted with the loss of grey matter. It is strongest at the left temporal pole and fades backwards; the right side has the same pattern, weaker."}}
figure = brain(t_map, "loss of grey matter (−t)", xsg.load_atlas("desikan"))

# %% [markdown]
# What you see: the loss is in the temporal lobes, and more on the left. Look at this figure before any number. A sign turned round, or
# hemispheres exchanged, show here and in no $R^2$.
#
# Everywhere in this book larger means *more loss*. In this file larger means *more tissue*, so we said `positive="gain"` and the map was
# turned. Nothing guesses that for you. Leave it out, and the map is kept as it is, with a warning that gives the figure that makes
# it doubtful:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    xsg.read_map(image, "desikan")
print(textwrap.fill(str(said[0].message), 80))

# %% [markdown]
# The second step joins gene expression to the map by the names of regions. The third puts a model on trial. The command in the
# terminal takes the graph VAE of [chapter 5](05_graph_vae.ipynb); here we take ridge regression, which is a thousand times quicker.

# %%
cortex = xsg.load_cortex("ahba", thinning=t_map)
report = xsg.evaluate(Baseline("ridge"), cortex, n_nulls=N_NULLS, seed=SEED, progress=False)
print(textwrap.fill(report.sentence, 80))

# %% mystnb={"image": {"alt": "Above, histograms of the R squared of rotated maps, in-sample and held out, with lines at the observed values; both observed lines lie at the right end. Below, held-out R squared of ridge and of simpler methods as points, a tick for each of five dealings: position with genes is highest, position alone comes next, then ridge and PLS; the first component of expression is low."}}
figure = report.plot()

# %% [markdown]
# The last line of code of this route writes the page that you would send. It needs no Python and no network: the verdict, the map, this
# figure, the table, what was done, what to cite, and the settings to do it again.

# %%
page = report.save(out / "report.html")
print(f"{page.name}: {page.stat().st_size / 1000:.0f} kB")

# %% [markdown]
# ## Which numbers answer the question
#
# Ridge regression predicts regions it has not seen, and rotated maps hardly ever do so well. That sounds like an answer. It is the
# answer to another question: *can this map be told from expression?* Expression is smooth, so it tells where a region lies
# ([chapter 9](09_smooth_maps.ipynb)), and whatever varies smoothly can be read from it.
#
# Three rows of the report belong together. **Position** knows where a region lies and no gene. **Position + genes** knows both; it is the
# same Gaussian process, with a share of its variance for the genes wherever that makes the training regions likelier. Their difference
# is what genes add.

# %%
rows = ["ridge", "position (kriging)", "position + genes"]
scores = pd.concat(
    [report.baselines, report.held_out.loc[["R²"], ["value"]].set_axis(["ridge"]).set_axis(["R²"], axis=1)]
)
scores.loc[rows, ["R²"]].join(report.baselines["p R²"].rename("p")).round(3)

# %%
report.gain.round(3)

# %% tags=["nbval-check-output"]
claim("own-map-ridge", report.held_out.loc["R²", "value"])
claim("own-map-ridge-p", report.p_value["held-out R²"])
claim("own-map-position", report.baselines.loc["position (kriging)", "R²"])
claim("own-map-both", report.baselines.loc["position + genes", "R²"])
claim("own-map-gain", report.gain["value"])
claim("own-map-gain-p", report.gain["p"])

# %% [markdown]
# Ridge regression reaches 0.73<!-- claim:own-map-ridge --> held out. Position alone has 0.79<!-- claim:own-map-position -->, without a
# single gene. With genes it has 0.87<!-- claim:own-map-both -->.
#
# So genes add 0.08<!-- claim:own-map-gain -->, and few rotated maps show as much ($p$ = 0.03<!-- claim:own-map-gain-p -->). On this map, in this
# atlas, the report says "yes". Keep that in mind until the section on [another atlas](#another-atlas).

# %% [markdown]
# ## Route 2: a cohort
#
# You may have people instead of a map: the two tables that FreeSurfer's `aparcstats2table` writes, and `participants.tsv`. Here are
# people of the IXI study, healthy and between 20 and 86 years old, with the quality of their images beside them.
#
# ```bash
# xsg evaluate lh.tsv rh.tsv --people participants.tsv --slope age
# ```
#
# Rows are joined by person, never by their order. Who leaves is counted, and nobody is named.

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
# `slope` is a linear model for each region, adjusted for sex (and site, were there several); `contrast("group", "AD", "CN")` is the same
# for two groups. The map comes with what it is worth: its standard errors, how well two halves of the people agree on it, and the *ceiling*,
# the $R^2$ that even the true map would have against this one.

# %% mystnb={"image": {"alt": "Four views of the inflated cortex painted with the loss of thickness per decade, strongest in frontal and lateral temporal cortex and weakest around the calcarine sulcus, much the same on both sides."}}
figure = brain(ageing.map, "loss of thickness (mm per decade)", xsg.load_atlas("desikan"))

# %% [markdown]
# A cohort goes on trial as it is. The map-level answer is that of route 1. Beside it stands a person-level one: each person's deviation
# from a norm is correlated with the prediction, on the half of the people who had no part in the map.

# %%
aged = xsg.evaluate(Baseline("ridge"), ageing, n_nulls=N_NULLS, seed=SEED, progress=False)
print(textwrap.fill(aged.people.sentence, 80))

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
# Two halves of the people agree at $r$ = 0.91<!-- claim:own-map-split-half -->, so that the true map would have an $R^2$ of
# 0.96<!-- claim:own-map-ceiling --> against this one. Whatever a method lacks to that is the method's.
#
# Most people look like the prediction: 83<!-- claim:own-map-people-positive --> % of them have a positive correlation. That sounds like much, and
# rotations give as much often enough ($p$ = 0.20<!-- claim:own-map-people-p -->), for all people share what age does to everybody. The map-level answer is as
# sober: position has 0.42<!-- claim:own-map-ageing-position -->, and with genes it has 0.37<!-- claim:own-map-ageing-both -->.

# %% [markdown]
# ## Route 3: a spreadsheet
#
# A table with a region and a value in each row is enough, as CSV, TSV or Excel. Regions may be written in any style (`L_insula`,
# `lh_insula_thickness`, `ctx-lh-insula`). Some tables say more: in those of the ENIGMA consortium the effect size is known to be *patients
# minus controls*, so the sign is found.
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
# What cannot be meant is refused, with the place and the way out. Three that arrive often:

# %%
voxels = np.zeros((40, 48, 40, 3), np.float32)
voxels[10:30, 10:38, 10:30] = 1 + np.random.default_rng(0).random((20, 28, 20, 3))
series = nib.Nifti1Image(voxels, np.diag([4, 4, 4, 1]))
slip = deletion.rename({"L_insula": "L_insulla"})
other = pd.Series(1.0, xsg.load_atlas("schaefer200").regions)

for wrong in (slip, other, series):
    try:
        xsg.read_map(wrong, positive="loss")
    except ValueError as error:
        print(textwrap.fill(str(error), 80), end="\n\n")

# %% [markdown]
# ## Another atlas
#
# The same image by 200 regions in place of 68: one word changes. Schaefer's regions are numbered, not named alike on both sides, so that
# nobody knows which are homologues. What lies at a region's mirror image is held out with it instead (`"mirrored-blocks"`).

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # one region lies outside the image
    fine = xsg.load_cortex("ahba", thinning=xsg.read_map(image, "schaefer200", positive="gain"))
finer = xsg.evaluate(Baseline("ridge"), fine, n_nulls=19, seed=SEED, progress=False)
pd.DataFrame(
    {
        "regions": [len(cortex.regions), len(fine.regions)],
        "genes": [cortex.expression.shape[1], fine.expression.shape[1]],
        "split": [report.split, finer.split],
        "position": [each.baselines.loc["position (kriging)", "R²"] for each in (report, finer)],
        "position + genes": [each.baselines.loc["position + genes", "R²"] for each in (report, finer)],
    },
    ["desikan", "schaefer200"],
).round(2)

# %% tags=["nbval-check-output"]
claim("own-map-fine-gain", finer.gain["value"])

# %% [markdown]
# Here genes add 0.00<!-- claim:own-map-fine-gain --> to place. The "yes" of route 1 was one atlas's answer, with one set of genes; before it goes
# into an abstract, ask it of another. (And of patches: `split="spatial"`. The command in the terminal does that by itself.)
#
# Place says more at 200 regions, and not because there is more to know: the nearest region that trains lies nearer
# ([chapter 26b](26b_scale.ipynb)). So compare methods within an atlas, never $R^2$ between atlases. `desikan`, `schaefer100` to
# `schaefer400` and `glasser360` are at hand, each also with 14 structures below the cortex (`"desikan+subcortex"`);
# [their table](../book/data.md) says how many genes each has. For a labelling of your own, `make_expression(atlas=…)` makes expression
# from the raw microarrays.

# %% [markdown]
# ## Your own model on trial
#
# `xsg.evaluate` asks the same of any model. A regressor or pipeline of scikit-learn goes in as it is: genes are its features, and whatever
# the pipeline learns is learned inside the training regions. Anything else needs one method, `predict_folds`, which is given maps and
# folds and returns a prediction for every map, fold and region. Here it takes the mean of the three nearest regions that train:


# %%
class Neighbours:
    """No genes: the mean of the three nearest training regions."""

    def predict_folds(self, cortex, maps, held_out):
        mm = distances(cortex.parcellation).loc[cortex.regions, cortex.regions]
        found = np.empty((len(maps), *held_out.shape))
        for number, fold in enumerate(held_out):
            nearest = mm.loc[:, ~fold].to_numpy().argsort(axis=1)[:, :3]
            found[:, number] = maps.loc[:, ~fold].to_numpy()[:, nearest].mean(axis=2)
        return found


line = make_pipeline(StandardScaler(), PCA(3), LinearRegression())
settings = {"n_nulls": 0, "seed": SEED, "baselines": False, "progress": False}
trials = [xsg.evaluate(model, cortex, **settings) for model in (line, Neighbours())]
pd.DataFrame({each.label: each.held_out.loc["R²"] for each in trials}).T.round(2)

# %% [markdown]
# Whether a model of your own reads what it should not, the report cannot see: `maps` holds the values of all regions, and those of a fold's
# held-out ones are not to be touched.
#
# ## In Colab, with a file of your own
#
# On your machine this cell does nothing. In Colab it asks for a file, and ends with the report to download. Say what larger means before
# you run it.

# %%
POSITIVE = "gain"  # larger values are more tissue; "loss": more loss

if "google.colab" in sys.modules:
    from google.colab import files

    for name in files.upload():
        mine = xsg.read_map(name, positive=POSITIVE)
        found = xsg.evaluate(Baseline("ridge"), xsg.load_cortex("ahba", thinning=mine))
        files.download(found.save("report.html"))

# %% [markdown]
# A parcellation, expression tables or edges of your own come in through a folder: `xsg new my-study` makes one with a simulated example, to
# be overwritten table by table, and `xsg new my-study --from lh.tsv rh.tsv participants.tsv` one with your cohort in it. Both end in
# `python analysis.py`, and in this report.

# %% [markdown]
# ## Honesty box
#
# | one would like to say | we get | differs because |
# |---|---|---|
# | ridge on genes predicts the map, so genes matter | **held out** 0.73<!-- claim:own-map-ridge -->; position alone 0.79<!-- claim:own-map-position --> | expression is smooth, and so is the map |
# | genes add to place | **held out** +0.08<!-- claim:own-map-gain --> by 68 regions (**null** $p$ = 0.03<!-- claim:own-map-gain-p -->), 0.00<!-- claim:own-map-fine-gain --> by 200 | one map of eight that are at hand, looked at once in each atlas |
# | most people have the pattern | 83<!-- claim:own-map-people-positive --> % (**null** $p$ = 0.20<!-- claim:own-map-people-p -->) | people share what age does to all |
#
# What was not shown: whether these maps are typical, for they were chosen to show three kinds of file. The people of IXI are healthy, and
# differ in age at one time; nobody was followed.

# %% [markdown]
# ## Key takeaways
#
# - One command takes an image, a cohort or a spreadsheet to a page that needs no Python: [an image](#route-1-an-image),
#   [a cohort](#route-2-a-cohort), [a spreadsheet](#route-3-a-spreadsheet).
# - Sign, unit and space are told or found, never guessed; look at the map first.
# - The question is answered by position + genes against position, not by the $R^2$ of a model on genes:
#   [which numbers](#which-numbers-answer-the-question).
# - A cohort's map comes with a ceiling, and people who made it do not judge it: [a cohort](#route-2-a-cohort).
# - Compare methods within an atlas, not $R^2$ between atlases: [another atlas](#another-atlas).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: the wrong sign
#
# Read the image of route 1 with `positive="loss"`, as if nobody had asked what larger means, and put ridge regression on trial again
# (`n_nulls=0`, `baselines=False`, `seed=SEED`). Call the held-out $R^2$ `turned`. What does the score tell you of the mistake?
#
# <details><summary>Hint</summary>
#
# Predict before you run: is $R^2$ changed when a map and its predictions are both multiplied by −1?
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
upside_down = xsg.load_cortex("ahba", thinning=xsg.read_map(image, "desikan", positive="loss"))
trial = xsg.evaluate(Baseline("ridge"), upside_down, n_nulls=0, baselines=False, seed=SEED, progress=False)
turned = trial.held_out.loc["R²", "value"]
print(f"as it should be: {report.held_out.loc['R²', 'value']:.3f}; turned: {turned:.3f}")
# Nothing: every score is the same, and so is every p-value. Only the picture, and whoever made the map, can tell.

# %% tags=["check"]
assert abs(turned - report.held_out.loc["R²", "value"]) < 1e-6, f"turned is {turned:.3f}: was anything else changed?"

# %% [markdown]
# ### Exercise 2: fewer people
#
# Take the two halves of the cohort (`ageing.halves()`), and correlate their maps. Then take half of a half. Call the two correlations
# `half` and `quarter`. How many people would you want before you ask what predicts their map?
#
# <details><summary>Hint</summary>
#
# Each half is a map with its people, and has `.halves()` of its own; `.map` is a Series.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
one, two = ageing.halves()
half = one.map.corr(two.map)
quarter = np.corrcoef(*(each.map for each in one.halves()))[0, 1]
print(f"halves of {one.n}: r = {half:.2f}; of {one.halves()[0].n}: r = {quarter:.2f}")
# A correlation of .9 between halves leaves a ceiling near .95 for the whole; with a quarter of the people it is lower,
# and what no method explains may be the people.

# %% tags=["check"]
assert half > 0.8, f"half is {half:.2f}; are both maps over the same regions?"
assert quarter < half, f"quarter is {quarter:.2f}: fewer people should agree less"

# %% [markdown]
# ### Exercise 3: is it the side?
#
# The map of route 1 differs between the sides. Make one that does not: give each pair of homologues its mean, and ask again what genes
# add to place. Call the difference `shared`. Is it the asymmetry that genes told?
#
# <details><summary>Hint</summary>
#
# `xsg.atlas.homologous_pairs(cortex.regions, cortex.parcellation)` gives homologues the same number, by which a Series can be grouped.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
pairs = xsg.atlas.homologous_pairs(cortex.regions, cortex.parcellation)
equal = cortex.thinning.groupby(pairs).transform("mean")
both = xsg.evaluate(Baseline("ridge"), xsg.load_cortex("ahba", thinning=equal), n_nulls=0, seed=SEED, progress=False)
shared = both.gain["value"]
print(f"genes add {report.gain['value']:+.2f} to place on the map, {shared:+.2f} on its mean over both sides")

# %% tags=["check"]
assert -0.5 < shared < 0.5, f"shared is {shared:.2f}; were the pairs kept together?"

# %% [markdown]
# ## See also
#
# - [Vulnerability](03_vulnerability.ipynb): how a cohort becomes a map, and how certain the map is.
# - [Held out, but from what?](10_splits.ipynb): the splits, and how they leak.
# - [A thousand refits](11_refits.ipynb): what the p-value answers.
# - [At any scale](26b_scale.ipynb): what 400 regions change, and 20,484.
# - [One brain atlas, many matrices](13b_matrices.ipynb): what stands behind an expression table.

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
