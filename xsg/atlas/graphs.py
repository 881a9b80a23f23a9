"""Graphs over named regions, dense or sparse, and what is refused because it is none."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from xsg import names as naming
from xsg.check import align, array, distinct, instance, rows_of, some

if TYPE_CHECKING:
    import torch_geometric


_MOST, _MOST_WHOLE = 100.0, 20.0  # logarithms of streamline counts end at 13, two such summed at 26


def undirected(weights: pd.DataFrame) -> pd.DataFrame:
    """Return edge weights as numbers, or refuse what is no undirected graph, naming the first offending pair."""
    if not isinstance(weights, pd.DataFrame) or not weights.index.isin(weights.columns).all():
        kind = "" if isinstance(weights, pd.DataFrame) else f", got {type(weights).__name__}"
        raise ValueError(
            f"graph weights: expected a DataFrame with the same region names as index and columns{kind}. Names tell "
            "which row is which region: pd.DataFrame(weights, regions, regions)."
        )
    if not weights.index.equals(weights.columns):
        weights = weights.iloc[:, rows_of(weights.columns, weights.index, "graph weights, columns")]
    align(weights, weights.index, "graph weights")
    if not all(isinstance(each, np.dtype) and each.kind == "f" for each in weights.dtypes):  # integers, sparse columns
        weights = pd.DataFrame(weights.to_numpy(dtype=float), weights.index, weights.columns)
    values, regions = weights.to_numpy(), weights.index
    problems = {
        "not symmetric": ~np.isclose(values, values.T, rtol=1e-9, atol=0),
        "negative": values < 0,
        "not zero on the diagonal": np.diag(np.diag(values) != 0),
    }
    for problem, where in problems.items():
        if where.any():
            i, j = np.argwhere(where)[0]
            raise ValueError(
                f"graph weights are {problem}: {regions[i]} → {regions[j]} is {values[i, j]:g}, "
                f"{regions[j]} → {regions[i]} is {values[j, i]:g}. Symmetrise with (W + W.T) / 2, "
                "take absolute values or zero the diagonal, as the data mean it."
            )
    return weights


def refuse_counts(values: np.ndarray, name: str) -> None:
    """Refuse weights that are counts."""
    largest = values.max(initial=0.0)
    if largest > _MOST or (largest > _MOST_WHOLE and (values == np.round(values)).all()):
        raise ValueError(
            f"graph {name!r}: the weight of an edge is {largest:g}, as of a count of streamlines. A model's loss adds "
            f"weights as they are; expected some of about 1, at most {_MOST:g}. Divide all of them by the largest, "
            "take logarithms, or use build_graph(parcellation, weights='connectome', connectome=...), which divides."
        )


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph over named regions.

    Attributes
    ----------
    weights
        DataFrame (n, n): edge weights, symmetric, non-negative, zero on the diagonal. Checked when made. The loss of a
        model adds them as they are, so that counts of thousands would drown all else: weights above 100, and whole
        numbers above 20, are taken for counts of streamlines and refused. Divide them by the largest, as
        `build_graph(connectome=...)` does, or take logarithms.
    name
        What the edges are, for plots and provenance.
    """

    weights: pd.DataFrame
    name: str = "graph"

    def __post_init__(self) -> None:
        """Refuse what is no undirected graph, naming the first offending pair of regions."""
        weights = undirected(self.weights)
        refuse_counts(weights.to_numpy(), self.name)
        object.__setattr__(self, "weights", weights)

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
        return int(csgraph.connected_components(self.weights.to_numpy(), directed=False, return_labels=False))

    def normalised(self) -> np.ndarray:
        """Symmetrically normalised adjacency with self-loops, D^-1/2 (A + I) D^-1/2, (n, n).

        Kipf & Welling (2017), eq. 2, doi:10.48550/arXiv.1609.02907.
        """
        looped = self.weights.to_numpy(dtype=float) + np.eye(len(self.regions))
        scale = 1 / np.sqrt(looped.sum(axis=1))
        return scale[:, None] * looped * scale[None, :]

    def laplacian(self) -> np.ndarray:
        """Combinatorial Laplacian D - W, (n, n): z @ L @ z = sum over edges of w_ij (z_i - z_j)^2."""
        found = csgraph.laplacian(self.weights.to_numpy(dtype=float), use_out_degree=True)
        return np.ascontiguousarray(found + 0.0)  # + 0.0: no zero has a sign

    def subset(self, regions: pd.Index | list[str]) -> "Graph":
        """Return the graph over some of the regions, edges between them kept."""
        unknown = pd.Index(regions).difference(self.regions, sort=False)
        if len(unknown):
            raise ValueError(f"graph {self.name!r} has no regions {some(unknown)}; it has {some(self.regions)}.")
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
                f"graph {self.name!r}: regions without any edge: {some(isolated)}. "
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
        """Refuse edges that lead nowhere, run backwards, come twice, weigh nothing or are counted."""
        regions, edges = pd.Index(self.regions), self.edges
        if not isinstance(edges, np.ndarray) or edges.dtype.kind not in "iu":
            numbers = array(edges, f"edges of graph {self.name!r}")
            edges = numbers.astype(np.int64)
            if (edges != numbers).any():
                raise ValueError(
                    f"edges of graph {self.name!r}: expected row numbers, got {numbers[edges != numbers][0]:g}."
                )
        weights = array(self.edge_weights, f"edge weights of graph {self.name!r}", finite=False)
        for attribute, value in (("regions", regions), ("edges", edges), ("edge_weights", weights)):
            object.__setattr__(self, attribute, value)
        distinct(regions, f"graph {self.name!r}: places", "Name each once.")
        n = len(regions)
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
        refuse_counts(weights, self.name)

    @property
    def n_components(self) -> int:
        """Number of connected components."""
        n = len(self.regions)
        return int(
            csgraph.connected_components(
                sparse.coo_array((self.edge_weights, self.edges), (n, n)), False, return_labels=False
            )
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


def joined(graph: Graph | SparseGraph, regions: pd.Index, having: str) -> Graph | SparseGraph:
    """Bring a graph into the order and the names of regions, in whatever style it has them, or refuse it by name.

    ``having`` is what the regions have, in the error of one that the graph lacks.
    """
    way_out = "Make one by build_graph, or of a table of weights: xsg.Graph(weights)."
    instance(graph, (Graph, SparseGraph), "graph", "xsg.Graph, xsg.SparseGraph or None", way_out)
    if not regions.isin(graph.regions).all():
        meant = naming.translate(graph.regions, regions)
        called = pd.Index([meant.get(name, name) for name in graph.regions])
        if isinstance(graph, SparseGraph):
            graph = SparseGraph(called, graph.edges, graph.edge_weights, graph.name)
        else:
            graph = Graph(graph.weights.set_axis(called, axis=0).set_axis(called, axis=1), graph.name)
    missing = regions.difference(graph.regions, sort=False)
    if len(missing):
        raise ValueError(
            f"graph {graph.name!r} has no region {missing[0]!r}; {len(regions)} regions have {having}, "
            f"{len(graph.regions)} are in the graph, such as {some(graph.regions, 2)}. Build it for the same "
            "parcellation."
        )
    return graph.subset(regions)
