# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     notebook_metadata_filter: xsg
#   kernelspec: {display_name: Python 3, language: python, name: python3}
#   xsg: {data: []}
# ---

# %% [markdown]
# # 9. Smooth maps fool correlations
#
# *Prerequisites: [the real brain](08_real_brain.ipynb); Pearson's correlation and its p-value. Time: 45 minutes to read,
# 1 minute to run.*
#
# ## What you will learn
#
# - why two maps of the cortex that have nothing to do with each other correlate so often;
# - how many independent numbers a smooth map is worth, and what that does to a p-value;
# - how a *spatial null* answers the question without a formula: spinning the sphere, Moran randomisation, variogram
#   surrogates, and what each of them does to a map;
# - how often each raises a false alarm, measured on pairs of maps that are unrelated by construction;
# - what a spatial null does not answer.

# %% [markdown]
# ## Set-up

# %% tags=["parameters"]
N_PAIRS = 4000  # pairs of unrelated maps for each rate
N_NULLS = 199  # null maps of each
N_VARIOGRAM = 50  # maps given variogram surrogates, which are slow
N_SURROGATES = 19  # surrogates of each of those
SEED = 0

# %% tags=["remove-cell"]
import importlib.util
import sys

if "google.colab" in sys.modules and importlib.util.find_spec("xsg") is None:
    from IPython import get_ipython

    get_ipython().system(f"{sys.executable} -m pip list --format=freeze > /tmp/here.txt")  # what is here stays as it is
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/xsg-book/xsg@main -c /tmp/here.txt")

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from brainspace.null_models import MoranRandomization
from nilearn.plotting import plot_surf
from scipy import stats
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist, squareform
from tqdm.auto import tqdm

from xsg.atlas import build_graph, load_parcellation, mesh
from xsg.claims import claim
from xsg.evaluation.nulls import MAP_NULLS, null_maps, p_value, reassignments, rotations
from xsg.plotting import brain, use_style

use_style()
parcellation = load_parcellation("dk")
regions = parcellation.regions
LENGTHS = (40, 70)  # mm

# %% [markdown]
# ## The question in a picture
#
# Here are two maps of the cortex. Suppose that one is a disease and the other the activity of a gene. (The code that draws
# them comes first; [below](#neighbours-repeat-each-other) we read it.)


# %%
def places() -> np.ndarray:
    """Where the 34 pairs of homologous regions lie, (34, 3) mm: |x|, y, z, averaged over the two sides."""
    xyz = parcellation.table[["x", "y", "z"]].to_numpy().reshape(2, 34, 3)
    return (xyz * [[[-1, 1, 1]], [[1, 1, 1]]]).mean(axis=0)


gap = squareform(pdist(places()))


def smooth_maps(m: int, length: float, seed: int) -> pd.DataFrame:
    """Draw m random maps (m, 68) whose correlation falls with distance as exp(−d / length); hemispheres equal."""
    factor = np.linalg.cholesky(np.exp(-gap / length))
    half = np.random.default_rng([length, seed]).standard_normal((m, 34)) @ factor.T
    return pd.DataFrame(np.hstack([half, half]), columns=regions)


def standard(values: pd.DataFrame | np.ndarray) -> np.ndarray:
    """Left hemisphere (the right one repeats it) of each map, mean 0 and length 1 over its 34 regions: (..., 34)."""
    values = np.asarray(values)[..., :34]
    values = values - values.mean(axis=-1, keepdims=True)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


x, y = smooth_maps(20, 70, SEED), smooth_maps(20, 70, SEED + 1)
r = (standard(x) * standard(y)).sum(axis=1)
chosen = np.abs(r).argmax()

# %% mystnb={"image": {"alt": "Two rows of four brain views. Both maps are smooth with equal hemispheres, and alike: high at the front, low at the back."}}
both = pd.DataFrame({"map 1": np.sign(r[chosen]) * x.loc[chosen], "map 2": y.loc[chosen]})
figure = brain(both, "value (standard deviations)")
# %% tags=["nbval-check-output"]
textbook = stats.pearsonr(both["map 1"], both["map 2"])
claim("smooth-maps-picture-r", textbook.statistic)
claim("smooth-maps-picture-log10-p", np.log10(textbook.pvalue))

# %% [markdown]
# What you see: red stands for values above the map's mean and blue for values below, the two hemispheres are equal, and
# the two maps look alike. Over 68 regions they correlate at $r$ = 0.65<!-- claim:smooth-maps-picture-r -->, and the textbook's p-value is two in a
# billion ($\log_{10} p$ = -8.8<!-- claim:smooth-maps-picture-log10-p -->). Yet neither knows of the other: both were drawn
# by a random number generator, one after the other. We cheated a little. We drew twenty such pairs and show the one that
# correlates most (with map 1's sign turned where that makes $r$ positive). But a p-value like that ought not to turn up in
# twenty tries, nor in twenty million.
#
# In [chapter 8](08_real_brain.ipynb) we found that our models' numbers could not be judged by such a p-value, and put the
# matter off. Here we take it up. What is wrong with the textbook, how can one do better, and how does one *know* that it is better?
#
# ## Neighbours repeat each other
#
# Pearson's p-value asks: if the 68 pairs of values had been drawn *independently of one another*, how often would
# $|r|$ be this large? They are not independent. A region is like its neighbours, and very like its homologue on the
# other side. That is **spatial autocorrelation**. Whoever knows the map in a few places can guess the rest, so the
# rest adds little evidence.
#
# Our random maps have it, by construction: the correlation of two regions falls with their distance $d_{ij}$,
#
# $$\operatorname{corr}(x_i, x_j) = e^{-d_{ij}/\ell},$$
#
# with a correlation length $\ell$ of 40 or 70 mm (`smooth_maps`, above; the Cholesky factor $L$ of the correlation matrix
# turns independent numbers $\varepsilon$ into $L\varepsilon$, which has that correlation). Distances are between the
# regions' centroids, with the right hemisphere folded onto the left. The hemispheres are equal, as in the map of
# chapter 8, whose source averaged them.

# %% mystnb={"image": {"alt": "Left: correlation of two regions against their distance, an exponential that falls from 1 to 0.05 at 120 mm for 40 mm and to 0.18 for 70 mm. Right: histograms of the correlation of unrelated maps. The textbook's curve for 68 independent values is narrow, within plus and minus 0.3; those for 40 and 70 mm are much wider and reach plus and minus 0.8."}}
r_by_length = {}
for length in LENGTHS:
    pairs = [standard(smooth_maps(N_PAIRS, length, SEED + k)) for k in (0, 1)]
    r_by_length[length] = (pairs[0] * pairs[1]).sum(axis=1)

figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.5), layout="constrained")
d = np.linspace(0, 120, 200)
for length, colour in zip(LENGTHS, ("C0", "C1"), strict=True):
    axes[0].plot(d, np.exp(-d / length), color=colour, label=f"ℓ = {length} mm")
    axes[1].hist(r_by_length[length], np.linspace(-1, 1, 41), density=True, histtype="step", color=colour, lw=1.6)
nearest = np.sort(gap + np.diag(np.full(34, np.inf)), axis=1)[:, 0]
axes[0].plot(nearest, np.full(34, 0.02), "|", color="0.3", ms=9, label="a region's nearest\nneighbour")
axes[0].set(xlabel="distance (mm)", ylabel="correlation of two regions", ylim=(0, 1))
axes[0].legend(fontsize=9)
values = np.linspace(-1, 1, 401)
axes[1].plot(values, stats.beta.pdf((1 + values) / 2, 33, 33) / 2, color="0.3", ls="--", label="textbook, 68 values")
axes[1].set(xlabel="correlation r of two unrelated maps", ylabel="density", xticks=np.linspace(-1, 1, 5))
_ = axes[1].legend(fontsize=9, loc="upper left", bbox_to_anchor=(0, 1.02))
# %% [markdown]
# Left: how alike two regions are at a given distance. The ticks at the bottom mark the distance from each region to its
# nearest neighbour; over such distances the correlation is still high. Right: the correlation of 4,000 pairs of unrelated
# maps (blue 40 mm, orange 70 mm) and what the textbook expects (dashed). Unrelated maps have $r$ near zero *on average* at
# any smoothness. What smoothness changes is the spread.
#
# ## How many values is a map worth?
#
# Let $K_x$ and $K_y$ be the correlation matrices of two unrelated maps, regions × regions, with the means of rows and columns
# taken away (because $r$ subtracts the mean of each map), and $\operatorname{tr}$ the sum of a matrix's diagonal. If they are
# known, the variance of $r$ is nearly ([Clifford, Richardson & Hémon 1989](https://doi.org/10.2307/2532039);
# [Dutilleul 1993](https://doi.org/10.2307/2532625))
#
# $$\operatorname{var}(r) \approx \frac{\operatorname{tr}(K_x K_y)}{\operatorname{tr} K_x \operatorname{tr} K_y},
# \qquad n_\text{eff} = 1 + \frac{1}{\operatorname{var}(r)} .$$
#
# For $n$ independent values this gives $n_\text{eff} = n$, so that $n_\text{eff}$ may be called the **effective sample
# size**: the number of independent values that would make $r$ vary as much.


# %% tags=["nbval-check-output"]
def effective_size(length: float) -> float:
    """Independent values that vary as much as two maps with correlation exp(−d / length) over the 68 regions."""
    k = np.kron(np.ones((2, 2)), np.exp(-gap / length))
    k = k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean()
    return 1 + np.trace(k) ** 2 / np.trace(k @ k)


def critical_r(n: float) -> float:
    """|r| that n independent values exceed one time in twenty."""
    t = stats.t.ppf(0.975, n - 2)
    return t / np.sqrt(n - 2 + t**2)


claim("smooth-maps-effective-40", effective_size(40))
claim("smooth-maps-effective-70", effective_size(70))
claim("smooth-maps-effective-70-simulated", 1 + 1 / r_by_length[70].var())
claim("smooth-maps-critical-68", critical_r(68))
claim("smooth-maps-critical-40", critical_r(effective_size(40)))
claim("smooth-maps-critical-70", critical_r(effective_size(70)))

# %% [markdown]
# At $\ell$ = 40 mm the 68 values are worth 16.7<!-- claim:smooth-maps-effective-40 -->, at 70 mm
# 12.1<!-- claim:smooth-maps-effective-70 -->. (The formula is an approximation for many values; the spread of our simulated $r$ says
# 14.1<!-- claim:smooth-maps-effective-70-simulated -->.) To be surprising, one time in twenty, a correlation has to exceed
# 0.24<!-- claim:smooth-maps-critical-68 --> among 68 independent values, but
# 0.49<!-- claim:smooth-maps-critical-40 --> or 0.57<!-- claim:smooth-maps-critical-70 --> between maps as smooth as these.
#
# This could be used as a test, if one knew $K$. One does not; it would have to be estimated from the same few values,
# under an assumption about its shape. So most of the field does something else.
#
# ## A null map instead of a formula
#
# Make many maps that are *like the observed one in every way but the one in question*: as smooth, with similar
# values, but with no relation to the place. Correlate each with the other map. How often is $|r|$ as large as the one
# observed? With $n$ null maps,
#
# $$p = \frac{1 + \#\{|r_\text{null}| \ge |r|\}}{1 + n} .$$
#
# The observed map counts as one of its own nulls, which is why $p$ is never zero: under the hypothesis it *is* one of them
# ([Phipson & Smyth 2010](https://doi.org/10.2202/1544-6115.1585)). In the package this is `p_value(r, nulls, "two-sided")`.
# All depends on where the null maps come from. Shuffling the regions will not do: it destroys the smoothness.
#
# ### Spinning the sphere
#
# Each hemisphere of the cortex can be inflated to a sphere. A map on a sphere can be *rotated*: every value keeps
# its neighbours, and all of them go elsewhere ([Alexander-Bloch et al. 2018](https://doi.org/10.1016/j.neuroimage.2018.05.070)).
# Rotations are drawn so that every one is equally likely; a Gaussian random matrix, made orthogonal, gives just that
# ([Stewart 1980](https://doi.org/10.1137/0717034)). Here are the three steps for the left hemisphere of map 1, seen from
# the midline:

# %% mystnb={"image": {"alt": "Three spheres. First: a smooth map on the left hemisphere blown up to a sphere, regions in flat colours, the medial wall grey. Second: the same sphere rotated, so that the patches and the grey wall lie elsewhere. Third: the regions in their old places, each with the colour of the rotated region nearest to it: the second sphere in coarser pieces, the grey wall back in its place."}}
observed = both["map 1"]
turn = rotations(8, SEED)[5]
sphere = mesh("sphere").parts["left"]
lookup = np.append(observed.to_numpy(), np.nan)[parcellation.labels[: sphere.n_vertices]]
# Where each vertex of the picture comes from: the vertex that the rotation brings nearest to it.
source = KDTree(sphere.coordinates @ turn).query(sphere.coordinates)[1]
spun = observed.to_numpy()[reassignments(parcellation, regions, "nearest", 8, SEED)[5]]
painted = {
    "the map": lookup,
    "rotated": lookup[source],
    "put back into regions": np.append(spun, np.nan)[parcellation.labels[: sphere.n_vertices]],
}
figure, axes = plt.subplots(1, 3, figsize=(9, 3.3), subplot_kw={"projection": "3d"}, layout="constrained")
limit = observed.abs().max()
for ax, (title, values) in zip(axes, painted.items(), strict=True):
    settings = {"cmap": "vlag", "vmin": -limit, "vmax": limit, "colorbar": False, "avg_method": "median", "alpha": 1}
    plot_surf(sphere, values, hemi="left", view="medial", axes=ax, figure=figure, **settings)
    ax.set_title(title, y=1.02, fontsize=11)
    ax.set_aspect("equal")
    ax.set_box_aspect((1, 1, 1), zoom=1.4)
# %% [markdown]
# On the left the map on the sphere, with the medial wall, where there is no cortex, in grey. In the middle the same sphere
# turned: patches and wall have moved, and are as large as before. On the right each region has taken a value of the turned
# map, and the wall is back in its place. That is the null map.
#
# A rotated region seldom lands exactly on another. Some rule has to say whose value each region gets
# (`reassignments` returns it as row numbers, so that one set of rotations serves any number of maps):
#
# - **nearest**: the value of the rotated region whose centre lies nearest. Some values come twice, some not at all;
# - **Hungarian**: one to one, so that the sum of the distances is least (named after the algorithm that finds it,
#   [Kuhn 1955](https://doi.org/10.1002/nav.3800020109));
# - **Váša**: one to one, step by step; the region that is worst off chooses first
#   ([Váša et al. 2018](https://doi.org/10.1093/cercor/bhx249)).
#
# Then there is the medial wall, the grey patch where the hemispheres are joined. A
# rotation moves it into the cortex, and the three rules close the gap in their own ways. And there are two
# hemispheres. If they were rotated one by one, the null maps would lose what every real map has, equal sides. So the
# right one is rotated as the mirror image of the left; in this package homologues even share one place, so equal
# sides stay exactly equal. A region that is missing on one side travels with its homologue's value and is dropped
# at the end.
#
# ### Moran randomisation
#
# Spinning wants a sphere. [Wagner & Dray (2015)](https://doi.org/10.1111/2041-210X.12407) want only distances. Take
# weights $w_{ij} = 1/d_{ij}$, centre the matrix by rows and columns, and compute its eigenvectors $v_1, v_2, \dots$: maps from the
# coarsest gradient to the finest speckle. Any map is a sum of them, and a null map is the same sum with random signs,
#
# $$x = \bar x + \sum_k a_k v_k, \qquad x_\text{null} = \bar x + \sum_k \pm a_k v_k .$$
#
# Here $\bar x$ is the mean of the map and $a_k$ the strength of $v_k$ in it. Each scale keeps its strength, hence *Moran's I*
# ([Moran 1950](https://doi.org/10.1093/biomet/37.1-2.17)), a measure of autocorrelation, stays what it was. Distances must
# be folded: a region and its homologue are far apart in space but near in everything else. Here they are *one* place again, for
# otherwise $1/d$ would be infinite. (We also try the unfolded distances, to see what they cost.)
#
# ### Variogram surrogates
#
# [Burt et al. (2020)](https://doi.org/10.1016/j.neuroimage.2020.117038) shuffle the map, smooth the result
# with kernels of many widths, and keep the one whose *variogram*, $\gamma(d) = \tfrac12\,\mathbb{E}(x_i - x_j)^2$ with the
# mean $\mathbb{E}$ taken over pairs of regions $d$ apart, comes nearest to the map's own. This needs neither sphere nor regular sampling, and it takes a hundred times longer.
#
# Here are a map and one null of each kind, on the left hemisphere:

# %% mystnb={"image": {"alt": "Seven rows of two brain views of the left hemisphere: the map, smooth, then one null map each of shuffling, spin-nearest, spin-hungarian, spin-vasa, moran, variogram. The shuffled one is speckled. The others have patches about as large as the map's, in other places; those of Hungarian and Váša are somewhat more broken up."}}
left = observed.index[:34]
examples = {
    "the map": observed,
    "shuffled": pd.Series(np.tile(np.random.default_rng(SEED).permutation(observed[:34]), 2), regions),
}
for method in MAP_NULLS[1:]:
    examples[method] = null_maps(observed, parcellation, method, n=6, seed=SEED, progress=False).loc[5]
figure = brain(pd.DataFrame(examples).loc[left], "value (standard deviations)", limits=(-limit, limit))
# %% [markdown]
# The shuffled map (second row) is speckled; the others have patches about as large as the map's, in other places. Look
# closely and those of the one-to-one rules are more broken up. Pictures are easily believed, so let us put a number on them. The **roughness** of a map is the mean squared difference along the edges
# of the surface graph, divided by the map's variance. A fair null leaves it as it was. Over maps with
# $\ell$ = 70 mm, the median of null roughness over observed roughness:

# %% tags=["nbval-check-output"]
edges = build_graph(parcellation, homotopic=False).edges


def roughness(values: np.ndarray) -> np.ndarray:
    """Mean squared difference between neighbours over the variance, for each map of (..., 68)."""
    return ((values[..., edges[0]] - values[..., edges[1]]) ** 2).mean(axis=-1) / values.var(axis=-1)


some = smooth_maps(N_VARIOGRAM, 70, SEED + 5)
rougher = {}
for method in MAP_NULLS[1:-1]:
    found = null_maps(some, parcellation, method, n=50, seed=SEED).to_numpy().reshape(len(some), 50, 68)
    rougher[method] = np.median(roughness(found) / roughness(some.to_numpy())[:, None])
shuffled = np.tile(np.random.default_rng(SEED).permuted(some.to_numpy()[:, :34], axis=1), 2)
claim("smooth-maps-roughness-nearest", rougher["spin-nearest"])
claim("smooth-maps-roughness-hungarian", rougher["spin-hungarian"])
claim("smooth-maps-roughness-vasa", rougher["spin-vasa"])
claim("smooth-maps-roughness-moran", rougher["moran"])
claim("smooth-maps-roughness-shuffled", np.median(roughness(shuffled) / roughness(some.to_numpy())))

# %% [markdown]
# Shuffling makes a map 1.57<!-- claim:smooth-maps-roughness-shuffled --> times as rough. The nearest rule leaves it
# nearly as it was (1.04<!-- claim:smooth-maps-roughness-nearest -->), and so does Moran
# (1.04<!-- claim:smooth-maps-roughness-moran -->). To give every value exactly once, the one-to-one rules must
# send some of them far, which tears neighbours apart: 1.15<!-- claim:smooth-maps-roughness-hungarian --> for Hungarian,
# 1.22<!-- claim:smooth-maps-roughness-vasa --> for Váša. A null that is rougher than the map is nearer to the textbook,
# and we should expect it to raise more false alarms.
#
# ## False alarms, counted
#
# There is one way to know whether a test is right: give it many pairs of maps that are *known* to be unrelated, and count how
# often it finds something. A test at the nominal 5 % level should do so for 5 % of them. We take 4,000 pairs at each
# length, give each second map its own null maps, and reject where $p \le 0.05$.


# %%
def false_alarms(first: pd.DataFrame, second: pd.DataFrame, draw) -> np.ndarray:
    """Whether each pair is called related; ``draw(maps, seed)`` returns the null maps (m, n, 68) of some of them."""
    found = []
    for k in range(0, len(first), 100):  # a hundred share their rotations or signs, and all fit into memory
        a, b = standard(first[k : k + 100]), standard(second[k : k + 100])
        null = np.einsum("mi,mni->mn", a, standard(draw(second[k : k + 100], SEED + k)))
        found += [p_value(*pair, "two-sided") <= 0.05 for pair in zip((a * b).sum(axis=1), null, strict=True)]
    return np.array(found)


def by_package(method: str):
    """Draw with `null_maps`."""
    return lambda maps, seed: null_maps(maps, parcellation, method, N_NULLS, seed).to_numpy().reshape(len(maps), -1, 68)


def by_moran_unfolded(maps: pd.DataFrame, seed: int) -> np.ndarray:
    """Moran randomisation on 1/d with the distance as it is in the head, homologues up to 130 mm apart."""
    straight = squareform(pdist(parcellation.table[["x", "y", "z"]]))
    weights = np.divide(1, straight, out=np.zeros_like(straight), where=straight > 0)
    model = MoranRandomization(spectrum="all", joint=True, n_rep=N_NULLS, tol=1e-6, random_state=seed).fit(weights)
    return model.randomize(maps.to_numpy().T).transpose(2, 0, 1)


def by_shuffling(maps: pd.DataFrame, seed: int) -> np.ndarray:
    """Shuffle the places, both sides alike."""
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(34), (N_NULLS, 1)), axis=1)
    return maps.to_numpy()[:, np.hstack([order, order + 34])]


def by_textbook(first: pd.DataFrame, second: pd.DataFrame, n: int) -> np.ndarray:
    """Whether Pearson's p-value for n independent values is at most 0.05."""
    return np.abs((standard(first) * standard(second)).sum(axis=1)) >= critical_r(n)


tests = {
    "Pearson, 68 values": lambda a, b: by_textbook(a, b, 68),
    "Pearson, 34 values": lambda a, b: by_textbook(a, b, 34),
    "shuffled": lambda a, b: false_alarms(a, b, by_shuffling),
    **{method: lambda a, b, m=method: false_alarms(a, b, by_package(m)) for method in MAP_NULLS[1:-1]},
    "moran, not folded": lambda a, b: false_alarms(a, b, by_moran_unfolded),
}
rates = {}
for length in LENGTHS:
    first, second = (smooth_maps(N_PAIRS, length, SEED + k) for k in (0, 1))
    for name, test in tqdm(tests.items(), desc=f"tests at {length} mm"):
        alarms = test(first, second)
        interval = stats.binomtest(int(alarms.sum()), len(alarms)).proportion_ci(method="wilson")
        rates[name, length] = (alarms.mean(), interval.low, interval.high)

# %% [markdown]
# Variogram surrogates are too slow for so many maps here. We make 19 surrogates each of 50 maps only, and test every one of
# the 50 against 25 others: 1,250 pairs, but not independent ones, so the interval comes from resampling the 50 maps and is
# wide. (Nineteen suffice for a test at 5 %: it rejects when the observed $|r|$ is the largest of twenty.)

# %%
for length in LENGTHS:
    mapped = smooth_maps(N_VARIOGRAM, length, SEED + 2)
    others = standard(smooth_maps(25 * N_VARIOGRAM, length, SEED + 3)).reshape(N_VARIOGRAM, 25, 34)
    surrogates = null_maps(mapped, parcellation, "variogram", N_SURROGATES, SEED).to_numpy()
    null = np.einsum("mki,mni->mkn", others, standard(surrogates.reshape(N_VARIOGRAM, -1, 68)))
    seen = np.einsum("mki,mi->mk", others, standard(mapped))
    p = (1 + (np.abs(null) >= np.abs(seen)[..., None]).sum(axis=2)) / (1 + N_SURROGATES)
    by_map = (p <= 0.05).mean(axis=1)
    again = np.random.default_rng(SEED).choice(by_map, (2000, len(by_map))).mean(axis=1)
    rates["variogram", length] = (by_map.mean(), *np.quantile(again, [0.025, 0.975]))

# %%
table = pd.DataFrame(rates, index=["rate", "low", "high"]).T.mul(100)
shown = table.apply(lambda row: f"{row.rate:.1f} ({row.low:.1f} to {row.high:.1f})", axis=1).unstack()
shown = shown.loc[[*tests, "variogram"]].rename(columns=lambda length: f"ℓ = {length} mm")
shown.rename_axis("false alarms in % (95 % interval)")

# %% mystnb={"image": {"alt": "False alarm rates with intervals for nine tests and two lengths, a line at 5 per cent and a band from 3 to 8. Pearson with 68 values: above 30; with 34 and shuffled: 15 to 25. The spin rules: nearest 5 to 8, Hungarian 7 to 10, Váša 8 to 11 per cent. Moran, folded or not, 5 to 6. Variogram 6 to 7 with a wide interval."}}
figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
ax.axvspan(3, 8, color="0.93", zorder=0)
ax.axvline(5, color="0.5", lw=1, zorder=0)
for shift, (length, colour) in zip((-0.14, 0.14), zip(LENGTHS, ("C0", "C1"), strict=True), strict=True):
    for place, name in enumerate(shown.index):
        rate, low, high = table.loc[(name, length)]
        ax.plot([low, high], [place + shift] * 2, color=colour, lw=2.5, alpha=0.6)
        ax.plot(rate, place + shift, "o", color=colour, ms=5, label=f"ℓ = {length} mm" if place == 0 else None)
ax.set_yticks(range(len(shown)), shown.index)
ax.invert_yaxis()
ax.set(xlabel="false alarms of a nominal 5 % test (%; 95 % interval)", xlim=(0, None))
_ = ax.legend(loc="lower right")
# %% tags=["nbval-check-output"]
percent = {key: 100 * rate for key, (rate, _, _) in rates.items()}
claim("smooth-maps-naive-40", percent["Pearson, 68 values", 40])
claim("smooth-maps-naive-70", percent["Pearson, 68 values", 70])
claim("smooth-maps-naive-34-40", percent["Pearson, 34 values", 40])
claim("smooth-maps-naive-34-70", percent["Pearson, 34 values", 70])
claim("smooth-maps-nearest-40", percent["spin-nearest", 40])
claim("smooth-maps-nearest-70", percent["spin-nearest", 70])
claim("smooth-maps-hungarian-40", percent["spin-hungarian", 40])
claim("smooth-maps-hungarian-70", percent["spin-hungarian", 70])
claim("smooth-maps-vasa-40", percent["spin-vasa", 40])
claim("smooth-maps-vasa-70", percent["spin-vasa", 70])
claim("smooth-maps-moran-40", percent["moran", 40])
claim("smooth-maps-moran-70", percent["moran", 70])
claim("smooth-maps-moran-unfolded-40", percent["moran, not folded", 40])
claim("smooth-maps-moran-unfolded-70", percent["moran, not folded", 70])
claim("smooth-maps-variogram-40", percent["variogram", 40])
claim("smooth-maps-variogram-70", percent["variogram", 70])

# %% [markdown]
# A fair test has its dot on the line at 5 %; the grey band from 3 to 8 % is what we should still accept. What the figure
# says, in per cent of unrelated pairs called related, at 40 and at 70 mm:
#
# - **Pearson** with 68 values: 32.4<!-- claim:smooth-maps-naive-40 --> and 41.0<!-- claim:smooth-maps-naive-70 -->. Counting the
#   hemispheres once is more honest, and not enough: 15.7<!-- claim:smooth-maps-naive-34-40 --> and
#   23.8<!-- claim:smooth-maps-naive-34-70 -->. Shuffling is the same test by other means.
# - **Spin, nearest**: 5.4<!-- claim:smooth-maps-nearest-40 --> and 7.4<!-- claim:smooth-maps-nearest-70 -->.
# - **Spin, one to one**: Hungarian 7.4<!-- claim:smooth-maps-hungarian-40 --> and
#   9.5<!-- claim:smooth-maps-hungarian-70 -->, Váša 8.2<!-- claim:smooth-maps-vasa-40 --> and
#   11.2<!-- claim:smooth-maps-vasa-70 -->: the rougher the null, the more alarms, as expected.
# - **Moran** on folded distances: 5.5<!-- claim:smooth-maps-moran-40 --> and 5.5<!-- claim:smooth-maps-moran-70 -->. Not
#   folded, 5.0<!-- claim:smooth-maps-moran-unfolded-40 --> and 5.7<!-- claim:smooth-maps-moran-unfolded-70 -->: we expected worse.
#   The reason is that a head is nearly its own mirror image, so the eigenvectors are nearly all even or odd, and a map with equal
#   sides is made of the even ones whichever way the distance is measured.
# - **Variogram**: 6.3<!-- claim:smooth-maps-variogram-40 --> and 7.0<!-- claim:smooth-maps-variogram-70 -->, with an
#   interval too wide to rank it.
#
# On these maps Moran's rates cannot be told from 5 %, and every spin rule raises too many alarms at 70 mm.
# [Markello & Misic (2021)](https://doi.org/10.1016/j.neuroimage.2021.118052), who compared ten spatial nulls, found all of
# them better than a naive test, and none right everywhere. In this package `null="spin"` means the nearest rule, the best of
# the three; we read its 0.05 as "0.05 to 0.08", so that a p-value of 0.04 alone decides nothing.
#
# ### Does it also find what is there?
#
# A test that never rejects raises no false alarms. So we also give the tests pairs that *are* related: the second map
# is $y = 0.5\,x + \sqrt{1 - 0.5^2}\,e$ with $e$ an unrelated map, $\ell$ = 40 mm.

# %% tags=["nbval-check-output"]
signal, noise = (smooth_maps(N_PAIRS // 4, 40, SEED + 6 + k) for k in (0, 1))
related = 0.5 * signal + np.sqrt(1 - 0.5**2) * noise
claim("smooth-maps-power-nearest", 100 * tests["spin-nearest"](signal, related).mean())
claim("smooth-maps-power-moran", 100 * tests["moran"](signal, related).mean())
claim("smooth-maps-power-naive-34", 100 * tests["Pearson, 34 values"](signal, related).mean())

# %% [markdown]
# They are found in 69<!-- claim:smooth-maps-power-nearest --> % of cases by the spin test, in
# 66<!-- claim:smooth-maps-power-moran --> % by Moran, and in 80<!-- claim:smooth-maps-power-naive-34 --> % by Pearson with
# 34 values, which finds more because it calls more of everything. So a true correlation of 0.5 is seen two times in three; weaker
# ones will mostly be missed. That is what some fifteen effective values are worth.
#
# ## What this says about the real map
#
# In [chapter 8](08_real_brain.ipynb) the first principal component of gene expression correlated with the real
# Alzheimer's map at $|r|$ = 0.10<!-- claim:real-brain-pc1-correlation -->. That is far below any of the thresholds above, so
# no test is needed to say that it is no evidence. [The next chapter](10_splits.ipynb) spins the real map anyway.
#
# The paper that this part of the book follows ([arXiv:2606.05870](https://arxiv.org/abs/2606.05870)) reports
# $r$ = 0.9439<!-- claim:paper-r --> between observed and predicted map. That is far *above* them. Does it pass, then? It would pass any of these tests, and
# the answer would still be worth nothing. They ask whether two *given* maps are related. The predicted map was not given; it was
# *made* to resemble the observed one, by fitting a network to it. Had we spun the observed map first and fitted the network to
# that, the prediction would resemble the spun map. So the null has to go through the same fitting as the real map. That is
# the **refit null** of [chapter 11](11_refits.ipynb), which finds out how closely a prediction that was fitted to a rotated map
# resembles it.

# %% [markdown]
# ## Honesty box
#
# | the paper says | we get | differs because |
# |---|---|---|
# | $p$ < 0.001 for $r$ = 0.9439<!-- claim:paper-r --> (as far as is known **in-sample**) | this chapter has no number to set against it | we do not know which null was used; a spatial null of a *fitted* map has to be fitted anew, see chapter 11 |
# | – | **null** (simulated): Pearson's nominal 5 % are 32.4<!-- claim:smooth-maps-naive-40 --> to 41.0<!-- claim:smooth-maps-naive-70 --> % over 68 regions with equal sides | regions are not independent values |
# | – | **null** (simulated): the recommended spin test's are 5.4<!-- claim:smooth-maps-nearest-40 --> to 7.4<!-- claim:smooth-maps-nearest-70 --> % | the sphere is a distorted picture of the cortex, regions are coarse, and the medial wall moves |
#
# Our count assumes Gaussian maps, an exponential correlation of straight-line distance, equally smooth everywhere, and
# exactly equal hemispheres. Moran and variogram nulls are made for such maps; the spin test does not know the straight-line
# distance. So this comparison is kind to Moran. Real maps have peaks (the entorhinal cortex in Alzheimer's disease) and are
# smoother in some places than in others, and no null here knows that. The paper gives one map and one p-value; nothing in this chapter says
# that they are wrong.

# %% [markdown]
# ## Key takeaways
#
# - Unrelated smooth maps correlate widely: [the question in a picture](#the-question-in-a-picture),
#   [neighbours repeat each other](#neighbours-repeat-each-other).
# - 68 regions can be worth as few as a dozen values: [how many values](#how-many-values-is-a-map-worth).
# - A null map keeps the smoothness and gives up the place: [a null map](#a-null-map-instead-of-a-formula).
# - Rules that hand out each value once make null maps too rough: [variogram surrogates](#variogram-surrogates).
# - Counted, the naive test raises a false alarm in a third of the cases or more, the spin test in 5 to 8 %:
#   [false alarms](#false-alarms-counted).
# - A spatial null tests two given maps. A fitted map must be fitted anew for every null:
#   [the real map](#what-this-says-about-the-real-map).

# %% [markdown]
# ## Exercises
#
# ### Exercise 1: both hemispheres, or one?
#
# Pearson's p-value falls when both hemispheres are counted, although the second adds nothing when the two are equal. What
# does the spin test do? Take `null_maps(both["map 2"], parcellation, "spin", 999, SEED)` and compute the two-sided p-value
# of the pair in the picture over all 68 regions and, with the same rotations, over the left 34. Call them `p_both` and
# `p_left`.
#
# <details><summary>Hint</summary>
#
# The null maps are a table with a row for each rotation: its `corrwith(both["map 1"], axis=1)` gives all null correlations
# at once. The left hemisphere is the first 34 columns.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
spins = null_maps(both["map 2"], parcellation, "spin", 999, SEED)
p_both = p_value(both["map 1"].corr(both["map 2"]), spins.corrwith(both["map 1"], axis=1), "two-sided")
left_half = both[:34]
p_left = p_value(
    left_half["map 1"].corr(left_half["map 2"]), spins.iloc[:, :34].corrwith(left_half["map 1"], axis=1), "two-sided"
)
print(f"p over 68 regions {p_both:.3f}, over 34 {p_left:.3f}; Pearson over 68: {textbook.pvalue:.0e}")
# Both observed and null correlations stay what they were: counting twice gains nothing. (And p is rather small, for maps
# that are unrelated. We had picked the largest of twenty correlations, and the smallest of twenty fair p-values is below
# 0.1 in nine of ten such pickings: 1 − 0.9²⁰ = 0.88.)

# %% tags=["check"]
assert np.isclose(p_both, p_left), (
    f"p_both is {p_both} and p_left {p_left}; expected equal: with equal hemispheres every correlation stays what it was"
)
assert 0.001 <= p_both < 0.15, (
    f"p_both is {p_both:.3f}; expected 0.001 to 0.15, far above Pearson's {textbook.pvalue:.0e}"
)

# %% [markdown]
# ### Exercise 2: how many rotations?
#
# A p-value that is estimated from $n$ null maps has a standard error of about $\sqrt{p(1-p)/n}$. How many null maps make it
# 0.005 at $p$ = 0.05, so that 0.04 and 0.06 lie two standard errors away? Call the number `needed`. Then check the formula:
# compute the two-sided p-value of the pair in the picture, over all regions, with 199 rotations of map 2 for each of the
# seeds 0 to 19, as a list `estimates`. Is the standard deviation of the list what the formula says?
#
# <details><summary>Hint</summary>
#
# Solve $\sqrt{p(1-p)/n} = 0.005$ for $n$. For the list, repeat exercise 1 in a loop over the seed of `null_maps`.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
needed = int(np.ceil(0.05 * 0.95 / 0.005**2))
one, other = both["map 1"], both["map 2"]
estimates = [
    p_value(one.corr(other), null_maps(other, parcellation, "spin", 199, seed).corrwith(one, axis=1), "two-sided")
    for seed in range(20)
]
formula = np.sqrt(np.mean(estimates) * (1 - np.mean(estimates)) / 199)
print(f"{needed} rotations; p from {min(estimates):.2f} to {max(estimates):.2f}")
print(f"standard deviation over seeds {np.std(estimates):.3f}, formula {formula:.3f}")
# The same pair passes 0.05 with one seed and fails with the next. 199 rotations are enough for p-values far from the
# threshold only; near it one wants some two thousand.

# %% tags=["check"]
assert np.isclose(needed, 1900, atol=2), f"needed is {needed}; expected 0.05 × 0.95 / 0.005², about 1900"
assert len(estimates) == 20, f"there are {len(estimates)} estimates; expected one for each of the seeds 0 to 19"
assert 0.03 < np.mean(estimates) < 0.13, (
    f"the estimates have mean {np.mean(estimates):.3f}; expected near p_both of exercise 1, about 0.07"
)
error = np.sqrt(np.mean(estimates) * (1 - np.mean(estimates)) / 199)
assert 0.4 < np.std(estimates) / error < 2, (
    f"the estimates vary by {np.std(estimates):.3f}, the formula says {error:.3f}: does each seed draw rotations of its own?"
)

# %% [markdown]
# ### Exercise 3: many maps
#
# Someone compares a disease with 20 unrelated maps of 70 mm and reports those with $p \le 0.05$. How many should we expect
# in the report by Pearson's test over 68 regions (`reports_pearson`), and how many by the recommended spin test
# (`reports_spin`)? And how probable is at least one false report by the spin test, if the 20 maps are independent of one
# another (`at_least_one`)?
#
# <details><summary>Hint</summary>
#
# `rates[name, length][0]` is the share of unrelated pairs that the test calls related. The probability of no false report
# in twenty is a power of the probability of none in one.
#
# </details>

# %% tags=["solution", "hide-cell"] mystnb={"code_prompt_show": "Show solution", "code_prompt_hide": "Hide solution"}
reports_pearson = 20 * rates["Pearson, 68 values", 70][0]
reports_spin = 20 * rates["spin-nearest", 70][0]
at_least_one = 1 - (1 - rates["spin-nearest", 70][0]) ** 20
print(f"Pearson {reports_pearson:.1f}, spin {reports_spin:.1f}; at least one by the spin test: {at_least_one:.0%}")
# Eight discoveries out of nothing, against one or two. A right test for one map is not yet a right report on twenty: that
# calls for a correction on top (chapter 13).

# %% tags=["check"]
assert 6 < reports_pearson < 10, f"reports_pearson is {reports_pearson:.1f}; expected 20 × 0.41, about 8"
assert 0.8 < reports_spin < 2.5, f"reports_spin is {reports_spin:.1f}; expected 20 × the rate of spin-nearest at 70 mm"
assert 0.6 < at_least_one < 0.95, f"at_least_one is {at_least_one:.2f}; expected 1 − (1 − rate)²⁰, about 0.8"

# %% [markdown]
# ## See also
#
# - [Held out, but from what?](10_splits.ipynb): the same smoothness, where it makes held-out regions easy to predict.
# - [A thousand refits](11_refits.ipynb): the null for a map that a model was fitted to.
# - [Which genes?](12_genes.ipynb): null maps in place of random genes, for sets of genes.
# - [Where am I, in a human brain](17b_human_where_am_i.ipynb): genes are smooth, so they record place.

# %% [markdown]
# ## References
#
# - Alexander-Bloch AF et al. (2018). On testing for spatial correspondence between maps of human brain structure and
#   function. *NeuroImage* 178:540. [doi:10.1016/j.neuroimage.2018.05.070](https://doi.org/10.1016/j.neuroimage.2018.05.070)
# - Burt JB et al. (2020). Generative modeling of brain maps with spatial autocorrelation. *NeuroImage* 220:117038.
#   [doi:10.1016/j.neuroimage.2020.117038](https://doi.org/10.1016/j.neuroimage.2020.117038)
# - Clifford P, Richardson S, Hémon D (1989). Assessing the significance of the correlation between two spatial processes.
#   *Biometrics* 45:123. [doi:10.2307/2532039](https://doi.org/10.2307/2532039)
# - Dutilleul P (1993). Modifying the t test for assessing the correlation between two spatial processes. *Biometrics*
#   49:305. [doi:10.2307/2532625](https://doi.org/10.2307/2532625)
# - Kuhn HW (1955). The Hungarian method for the assignment problem. *Naval Research Logistics Quarterly* 2:83.
#   [doi:10.1002/nav.3800020109](https://doi.org/10.1002/nav.3800020109)
# - Markello RD, Misic B (2021). Comparing spatial null models for brain maps. *NeuroImage* 236:118052.
#   [doi:10.1016/j.neuroimage.2021.118052](https://doi.org/10.1016/j.neuroimage.2021.118052)
# - Moran PAP (1950). Notes on continuous stochastic phenomena. *Biometrika* 37:17.
#   [doi:10.1093/biomet/37.1-2.17](https://doi.org/10.1093/biomet/37.1-2.17)
# - Phipson B, Smyth GK (2010). Permutation p-values should never be zero. *Statistical Applications in Genetics and
#   Molecular Biology* 9:39. [doi:10.2202/1544-6115.1585](https://doi.org/10.2202/1544-6115.1585)
# - Stewart GW (1980). The efficient generation of random orthogonal matrices with an application to condition estimators.
#   *SIAM Journal on Numerical Analysis* 17:403. [doi:10.1137/0717034](https://doi.org/10.1137/0717034)
# - Vaithianathan (2026). The cross-scale model that this part follows.
#   [arXiv:2606.05870](https://arxiv.org/abs/2606.05870)
# - Váša F et al. (2018). Adolescent tuning of association cortex in human structural brain networks. *Cerebral Cortex*
#   28:281. [doi:10.1093/cercor/bhx249](https://doi.org/10.1093/cercor/bhx249)
# - Wagner HH, Dray S (2015). Generating spatially constrained null models for irregularly spaced data using Moran spectral
#   randomization methods. *Methods in Ecology and Evolution* 6:1169.
#   [doi:10.1111/2041-210X.12407](https://doi.org/10.1111/2041-210X.12407)
