"""Nulls: maps, genes and graphs that are like the real ones in everything but what is asked about.

Brain maps are smooth, so two maps that have nothing to do with each other correlate by chance far more often than the
textbook p-value allows. A null map keeps the smoothness and gives up the place: the *spin test* (Alexander-Bloch et al.
2018) rotates the map on the sphere, *Moran* spectral randomisation (Wagner & Dray 2015) draws a new map with the same
autocorrelation, *variogram* matching (Burt et al. 2020) smooths a shuffled map until it is as rough as the real one.

The two hemispheres of a map are nearly copies of each other, and a null that forgets this counts every value twice. So
homologous regions are one place here, half-way between the two (the right one mirrored to the left): what happens to
the left hemisphere happens, mirrored, to the right, and a map with equal hemispheres has nulls with equal hemispheres.
A region that a map lacks on one side only takes part with its homologue's value, and is dropped afterwards. Where not
all regions have a homologue (`xsg.atlas.homologous_pairs`), the right hemisphere turns by the mirrored rotation,
its sphere laid onto the left one's mirror image first (`xsg.evaluation.places.right_to_left`); regions stay in their
hemisphere.

What lies below the cortex (`xsg.atlas.Parcellation.subcortical`) has no place on the sphere and is no neighbour of the
cortex's: values never pass between the two. Whatever the method, these rows are drawn anew by Moran spectral
randomisation among themselves (weights 1/d of their centres, homologues one place), independently of the cortex. So
each part keeps its own mean and variance (up to what the rule does to them in the cortex), and with them the difference
between the parts: there is one such difference in a brain, so that no null can tell whether it is chance. A p-value is
about what varies within the parts. One or two places below the cortex, or a side with one value, stay as they are.

Ties, of values or of distances, are broken by the order of the parcellation, never by that of the map's rows.

- Alexander-Bloch et al. 2018, NeuroImage 178:540, doi:10.1016/j.neuroimage.2018.05.070.
- Wagner & Dray 2015, Methods in Ecology and Evolution 6:1169, doi:10.1111/2041-210X.12407.
- Burt et al. 2020, NeuroImage 220:117038, doi:10.1016/j.neuroimage.2020.117038.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from xsg.atlas import Graph, Parcellation, align
from xsg.check import array, choice, constant, number, series
from xsg.evaluation.places import Sheet, distances_between, reassign, sheets_of
from xsg.names import translate

SPIN_RULES = ("nearest", "hungarian", "vasa")
MAP_NULLS = ("spin", *(f"spin-{rule}" for rule in SPIN_RULES), "moran", "variogram")
_RECOMMENDED = "nearest"
_SWAPS_PER_EDGE = 10
_FEWEST_BELOW = 3  # places below the cortex
_BLOCK = 20  # variogram surrogates between two ticks of the progress bar


def null_maps(
    thinning: pd.Series | pd.DataFrame,
    parcellation: Parcellation,
    method: str = "spin",
    n: int = 1000,
    seed: int = 0,
    progress: bool = True,
) -> pd.DataFrame:
    """Make null maps that are as smooth as a map and bear no relation to the place.

    Parameters
    ----------
    thinning
        Map by region, on both hemispheres or one, names in any style; or a table, maps × regions, to be given the same
        random draws.
    parcellation
        Where the regions lie; it may have more of them.
    method
        One of `MAP_NULLS`. ``"spin-nearest"``, ``"spin-hungarian"`` and ``"spin-vasa"`` are the rules of
        `reassignments`; ``"spin"`` is the first of them, which raises the fewest false alarms. ``"moran"``: singleton
        Moran spectral randomisation on weights 1/d, d the distance with the hemispheres folded onto each other;
        homologues are one place, so that no distance is zero, and the hemispheres are drawn jointly; regions below the
        cortex are drawn so under every method, apart from the cortex. ``"variogram"``:
        surrogates of the mean of the two hemispheres and, where they differ, of half their difference (5 to 20 ms each;
        a thousand of the others take 0.1 s).
    n
        Number of null maps.
    seed
        Seed; the same one gives the same rotations to every map, and a map its nulls whatever the order of its regions.
    progress
        Whether the variogram, the only slow one, shows a bar.

    Returns
    -------
    DataFrame (n, regions)
        Null maps, columns in the map's order, index ``null``. For a table of M maps (M · n, regions), index (map,
        null).

    Raises
    ------
    ValueError
        Unknown method, n below 1, regions that the parcellation does not have, values that are not finite, a map (or a
        hemisphere of it) with one value throughout, up to rounding, or fewer than 10 places.

    Notes
    -----
    Share of 4,000 pairs of unrelated simulated maps that a nominal 5 % test of their correlation calls related
    (Desikan-Killiany regions, hemispheres correlated 0.97, correlation length 40 / 70 mm): Pearson's own p 33 / 38 %;
    "spin-nearest" 6.4 / 6.2 %; "spin-hungarian" 8.1 / 8.5 %; "spin-vasa" 9.1 / 9.7 %; "moran" 5.8 / 5.1 %. Rules that
    assign one to one tear neighbours apart, so that their null maps are rougher than the map. Chapter 9 measures anew.

    The same for 20 / 40 / 70 mm (experiments/atlas_nulls.py): Schaefer's 200 regions, "spin" 6.2 / 7.2 / 7.5 %, "moran"
    4.6 / 5.3 / 5.8 %. With subcortex, over fields that go on below the cortex or have a level and spread of their own
    there: Desikan-Killiany, "spin" 4.6 to 8.3 %, "moran" 4.9 to 7.0 %; Schaefer's 200, "spin" 6.5 to 9.4 %, "moran" 5.7
    to 7.6 %. So prefer "moran" on fine atlases and below the cortex. Were cortex and subcortex drawn as one part, those
    that differ in level would raise 19 to 32 %.

    Examples
    --------
    >>> import xsg
    >>> cortex = xsg.load_cortex("simulated")
    >>> null_maps(cortex.thinning, cortex.parcellation, n=5).shape
    (5, 68)
    """
    choice(method, MAP_NULLS, "null map method")
    n, seed = _checked(n, seed)
    # A table of one column whose rows are regions is one map.
    one = not isinstance(thinning, pd.DataFrame) or thinning.shape[1] == 1
    maps = series(thinning, "thinning").to_frame().T if one else thinning
    regions = maps.columns
    known = parcellation.regions
    if not regions.isin(known).any() and not translate(regions, known) and translate(maps.index, known):
        raise ValueError(
            f"thinning: rows are named as regions ({str(maps.index[0])!r}), columns {str(regions[0])!r}, …; expected "
            "maps × regions. Give the table turned: thinning.T."
        )
    values = align(maps.T, regions, "thinning").to_numpy(dtype=float).T
    if not maps.index.is_unique:
        raise ValueError(
            f"thinning: map {maps.index[maps.index.duplicated()][0]!r} is given twice. Name the maps apart."
        )
    for name, row in zip(maps.index, values, strict=True):
        if constant(row):
            raise ValueError(f"thinning: map {name!r} is {row[0]:g} in every region; it has no null.")
    rows = _cortex(parcellation, regions)
    if not len(rows):
        raise ValueError(
            f"thinning: none of the {len(regions)} regions, such as {str(regions[0])!r}, is one of the cortex. A map "
            "of what lies below it alone has no spatial null: give the cortex with it, in one table or a second."
        )
    below = sheets_of(parcellation, regions, below=True)
    found = np.repeat(values[:, None], n, axis=1) if below else np.empty((len(maps), n, len(regions)))
    if method.startswith("spin"):
        rule = method.removeprefix("spin").removeprefix("-") or _RECOMMENDED
        found[:, :, rows] = values[:, rows][:, reassignments(parcellation, regions[rows], rule, n, seed)]
    else:
        draw = _moran if method == "moran" else _variogram
        _put(found, draw, values, sheets_of(parcellation, regions), n, seed, progress)
    for part in below:
        # As many maps as can be: of the others, each hemisphere of a map must vary.
        some = ~constant(values[:, part.rows], axis=1).any(axis=1) & (len(part.rows) >= _FEWEST_BELOW)
        if some.any():
            own = int(np.random.SeedSequence(seed, spawn_key=(1,)).generate_state(1)[0])  # no draw of the cortex's
            part_found = found[some]
            _put(part_found, _moran, values[some], [part], n, own, progress)
            found[some] = part_found
    index = pd.RangeIndex(n, name="null")
    if not one:
        index = pd.MultiIndex.from_product([maps.index, index], names=["map", "null"])
    return pd.DataFrame(found.reshape(len(maps) * n, len(regions)), index, regions)


def _cortex(parcellation: Parcellation, regions: pd.Index) -> np.ndarray:
    """Rows of the regions that lie in the cortex."""
    deep = pd.Series(parcellation.subcortical, parcellation.regions)
    return np.flatnonzero(~deep[parcellation.spelt(regions)].to_numpy())


def _put(
    found: np.ndarray, draw: Callable, values: np.ndarray, sheets: list[Sheet], n: int, seed: int, progress: bool
) -> None:
    """Draw maps (M, regions) anew at the places of sheets, into ``found`` (M, n, regions)."""
    rows, present = (np.concatenate([getattr(sheet, part) for sheet in sheets]) for part in ("rows", "present"))
    drawn = draw(values[:, rows], distances_between(sheets), n, seed, progress)
    found[:, :, rows[present]] = drawn[:, :, present]


def reassignments(
    parcellation: Parcellation, regions: pd.Index | list[str], rule: str = _RECOMMENDED, n: int = 1000, seed: int = 0
) -> np.ndarray:
    """Spin the sphere: say for each region whose value it gets, so that ``values[..., found]`` are null maps.

    The regions' centroids on the sphere are turned by a rotation drawn uniformly from all rotations; then each region
    takes the value of a turned one.

    Parameters
    ----------
    parcellation, regions
        Where the regions lie, and which of them the maps have.
    rule
        ``"nearest"``: of the turned region that came to lie nearest to it, several taking the same if need be
        (Alexander-Bloch et al. 2018).
        ``"hungarian"``: one to one, least total distance (Markello & Misic 2021). ``"vasa"``: one to one, greedily; the
        region whose nearest free turned one is farthest away chooses first (Váša et al. 2018).
    n, seed
        Number of rotations and their seed. The rotations are the same for every rule.

    Returns
    -------
    int array (n, regions)
        Row numbers into ``regions``.

    Raises
    ------
    ValueError
        Unknown rule or region, one below the cortex, n below 1, fewer than 10 places to rotate.

    References
    ----------
    - Alexander-Bloch et al. 2018, NeuroImage 178:540, doi:10.1016/j.neuroimage.2018.05.070.
    - Markello & Misic 2021, NeuroImage 236:118052, doi:10.1016/j.neuroimage.2021.118052.
    - Váša et al. 2018, Cerebral Cortex 28:281, doi:10.1093/cercor/bhx249.

    Examples
    --------
    >>> from xsg.atlas import load_parcellation
    >>> dk = load_parcellation("dk")
    >>> turned = reassignments(dk, dk.regions, "hungarian", n=3)
    >>> turned.shape, bool((np.sort(turned, axis=1) == np.arange(68)).all())
    ((3, 68), True)
    """
    choice(rule, SPIN_RULES, "spin rule")
    n, seed = _checked(n, seed)
    if below := len(regions) - len(_cortex(parcellation, pd.Index(regions))):
        raise ValueError(
            f"{below} of {len(regions)} regions lie below the cortex, where there is no sphere to turn. Leave them "
            "out, or take null_maps, which draws them apart."
        )
    turns = rotations(n, seed)
    found = np.empty((n, len(regions)), dtype=int)
    for sheet in sheets_of(parcellation, regions):
        # Blocks of rotations, so that the distances (rotations, places, places) stay small.
        size = max(1, 2_000_000 // len(sheet.sphere) ** 2)
        taken = np.concatenate([reassign(sheet.sphere, turns[k : k + size], rule) for k in range(0, n, size)])
        for rows, present in zip(sheet.rows.T, sheet.present.T, strict=True):
            found[:, rows[present]] = rows[taken[:, present]]
    return found


def rotations(n: int, seed: int = 0) -> np.ndarray:
    """Draw rotations uniformly from SO(3), (n, 3, 3); points (k, 3) turn as ``points @ rotation``.

    Orthogonalised Gaussian matrices, with the signs that make the result unique and a determinant of 1.

    Examples
    --------
    >>> rotations(2).shape
    (2, 3, 3)
    """
    n, seed = _checked(n, seed)
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((n, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None, :]
    q[:, :, 0] *= np.linalg.det(q).round()[:, None]
    return q


def p_value(observed: float, null: np.ndarray | pd.Series, tail: str = "greater") -> float:
    """Share of null values at least as extreme as the observed one, which counts among them: (1 + #) / (1 + n).

    Parameters
    ----------
    observed
        The statistic on the real data.
    null
        The statistic on n nulls, (n,).
    tail
        ``"greater"``, ``"less"``, or ``"two-sided"`` (by absolute value, for statistics like r).

    Raises
    ------
    ValueError
        Unknown tail, an empty null, or a value that is not a number.

    Notes
    -----
    A null value that equals the observed one up to rounding is as extreme.

    Examples
    --------
    >>> p_value(0.5, np.array([0.1, -0.6, 0.7]))
    0.5
    >>> p_value(0.5, np.array([0.1, -0.6, 0.7]), tail="two-sided")
    0.75
    """
    choice(tail, ("greater", "less", "two-sided"), "tail")
    null, observed = array(null, "null", finite=False), float(array(observed, "observed", 0, finite=False))
    if null.ndim != 1 or not len(null):
        raise ValueError(f"null has shape {null.shape}; expected (n,) with n at least 1, one value for each null.")
    if not (np.isfinite(observed) and np.isfinite(null).all()):
        bad = int((~np.isfinite(null)).sum())
        raise ValueError(
            f"observed is {observed}, and {bad} of {len(null)} null values are not finite. Drop none: mend."
        )
    if tail == "less":
        null, observed = -null, -observed
    elif tail == "two-sided":
        null, observed = np.abs(null), abs(observed)
    extreme = null >= observed - 1e-12 * abs(observed)
    return float((1 + extreme.sum()) / (1 + len(null)))


def p_text(p: float, n: int, name: str = "") -> str:
    """Write a p-value with three decimals or as many as n asks for; the least that n allows, 1 / (n + 1), as a bound.

    Parameters
    ----------
    p
        As `p_value` returns it; NaN (no p-value) becomes "".
    n
        Number of nulls behind it.
    name
        What stands before it, such as ``"p"``: then with ``=`` where it is no bound.

    Examples
    --------
    >>> p_text(0.0349, 999), p_text(1 / 1001, 1000), p_text(1 / 300, 299, "p"), p_text(3 / 10_001, 10_000)
    ('0.035', '≤ 0.001', 'p ≤ 0.004', '0.0003')
    """
    if np.isnan(p):
        return ""
    floor = p <= (1 + 1e-9) / (1 + n)
    digits = max(3, int(np.ceil(np.log10((1 + n) / 2))))  # the second least, 2 / (n + 1), is not written as 0
    # A bound is rounded up, or it would promise too much.
    scale = 10.0**digits
    number, sign = (np.ceil(p * scale - 1e-9) / scale, "≤ ") if floor else (p, "= " if name else "")
    return f"{name} {sign}{number:.{digits}f}".strip()


def noise_genes(expression: pd.DataFrame, n: int | np.ndarray, seed: int = 0) -> list[pd.DataFrame]:
    """Replace expression by independent standard normal numbers: n tables with the same regions and genes.

    An array of whole numbers for n asks for these of the tables only: the k-th is the same however many there are.

    Examples
    --------
    >>> table = pd.DataFrame(0.0, index=["L_insula", "R_insula"], columns=["APOE"])
    >>> [noise.shape for noise in noise_genes(table, n=2)]
    [(2, 1), (2, 1)]
    """
    draws = (rng.standard_normal(expression.shape) for rng in _streams(n, seed))
    return [pd.DataFrame(draw, expression.index, expression.columns) for draw in draws]


def rewired(graph: Graph, n: int | np.ndarray, seed: int = 0) -> list[Graph]:
    """Rewire a graph: n graphs in which every region has as many edges as before, but to others.

    An array of whole numbers for n asks for these of the graphs only: the k-th is the same however many there are.

    Pairs of edges swap an end each, ten times as often as there are edges (Maslov & Sneppen 2002); a graph that was
    connected stays so; the weights are dealt to the new edges at random.

    Raises
    ------
    ValueError
        If there is no other graph with these degrees, or none was found that is connected.

    References
    ----------
    - Maslov & Sneppen 2002, Science 296:910, doi:10.1126/science.1065103.

    Examples
    --------
    >>> from xsg.atlas import build_graph, load_parcellation
    >>> graph = build_graph(load_parcellation("dk"))
    >>> other, = rewired(graph, n=1)
    >>> bool((other.adjacency.sum(0) == graph.adjacency.sum(0)).all()), other.n_components
    (True, 1)
    """
    return [_rewire(graph, rng) for rng in _streams(n, seed)]


def _streams(n: int | np.ndarray, seed: int) -> list[np.random.Generator]:
    """Return a generator for each of n draws, or for those of the draws whose numbers are given."""
    which = np.asarray(n) if np.ndim(n) else None
    n, seed = _checked(int(np.max(n)) + 1 if np.ndim(n) else n, seed)
    streams = np.random.default_rng(seed).spawn(n)
    return streams if which is None else [streams[k] for k in which]


def _rewire(graph: Graph, rng: np.random.Generator) -> Graph:
    import networkx as nx

    values = graph.weights.to_numpy(dtype=float)
    edges = graph.edges
    for _ in range(100):
        swapped = nx.Graph(edges.T.tolist())
        swaps = _SWAPS_PER_EDGE * edges.shape[1]
        try:
            nx.double_edge_swap(swapped, swaps, max_tries=100 * swaps, seed=int(rng.integers(2**31)))
        except nx.NetworkXException:
            raise ValueError(
                f"graph {graph.name!r} ({len(values)} regions, {edges.shape[1]} edges) has hardly any other wiring "
                "with the same degrees, so there is no rewired null."
            ) from None
        i, j = np.array(swapped.edges).T
        weights = np.zeros_like(values)
        weights[i, j] = weights[j, i] = rng.permutation(values[tuple(edges)])
        found = Graph(pd.DataFrame(weights, graph.regions, graph.regions), f"{graph.name}, rewired")
        if graph.n_components > 1 or found.n_components == 1:
            return found
    raise ValueError(
        f"graph {graph.name!r} is connected, but 100 rewired ones were not; its degrees are too low for a rewired null."
    )


def _moran(values: np.ndarray, distance: np.ndarray, n: int, seed: int, progress: bool) -> np.ndarray:
    """Moran nulls of maps (M, places, hemispheres): (M, n, places, hemispheres)."""
    from brainspace.null_models import MoranRandomization

    maps, places, hemispheres = values.shape
    if constant(values, axis=1).any():
        raise ValueError("thinning: a hemisphere has one value throughout, which Moran randomisation cannot draw anew.")
    weights = np.divide(1, distance, out=np.zeros_like(distance), where=distance > 0)
    model = MoranRandomization("singleton", "all", joint=True, n_rep=n, tol=1e-6, random_state=seed).fit(weights)
    drawn = model.randomize(values.transpose(1, 0, 2).reshape(places, -1))
    return drawn.reshape(n, places, maps, hemispheres).transpose(2, 0, 1, 3)


def _variogram(values: np.ndarray, distance: np.ndarray, n: int, seed: int, progress: bool) -> np.ndarray:
    """Variogram surrogates of maps (M, places, hemispheres): (M, n, places, hemispheres)."""
    from brainspace.null_models import SurrogateMaps

    # Mean of the hemispheres, then half their difference: drawn apart, or equal hemispheres would come out unequal.
    parts = [values.mean(axis=2)]
    if values.shape[2] == 2:
        parts.append((values[..., 0] - values[..., 1]) / 2)
    seeds = np.random.SeedSequence(seed).generate_state(len(parts))
    found = np.zeros((len(parts), len(values), n, values.shape[1]))
    quiet = {} if progress else {"disable": True}
    with tqdm(total=len(values) * n, desc="variogram surrogates", unit="map", leave=False, **quiet) as bar:
        for m in range(len(values)):
            for number, part in enumerate(parts):
                found[number, m] = level = part[m].mean()
                if not constant(part[m], scale=np.abs(values[m]).max()):  # else equal hemispheres
                    model = SurrogateMaps(random_state=int(seeds[number])).fit(distance)
                    for k in range(0, n, _BLOCK):
                        size = min(_BLOCK, n - k)
                        # Centred, as a surrogate is a multiple of a smoothed map: its level would be multiplied too.
                        drawn = model.randomize(part[m] - level, n_rep=size)
                        found[number, m, k : k + size] += drawn.reshape(size, -1)
                        bar.update(size * (number == 0))
    if len(parts) == 1:
        return found[0][..., None]
    return np.stack([found[0] + found[1], found[0] - found[1]], axis=-1)


def _checked(n: int, seed: int) -> tuple[int, int]:
    """Return how many and the seed, or refuse either."""
    return number(n, "n", 1, whole=True), number(seed, "seed", 0, 2**32 - 1, whole=True)
