"""The cortex: expression, thinning and graph over the same named regions, real or simulated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from xsg import _moved
from xsg import check as checks
from xsg import names as naming
from xsg.atlas import Graph, Parcellation, SparseGraph
from xsg.check import align, instance, rows_of, series, some
from xsg.data.cohort import Cohort
from xsg.data.gene_names import gene_names


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulated cortex was made of.

    Attributes
    ----------
    programs : DataFrame, shape (68, k)
        Latent programs, regions × programs; mean 0, variance 1, uncorrelated over the regions.
    loadings : DataFrame, shape (k, genes)
        Weight of each program in each gene, before donor noise and scaling; zero where the program has no part.
    thinning : Series, shape (68,)
        True thinning in mm: what the observed map would be with endlessly many subjects.
    noise_sd : Series, shape (68,)
        Standard error of the observed map, mm.
    reliability : float
        Noise ceiling: the R² that the true map, given an intercept, is expected to have against the observed one
        (`xsg.data.cohort.noise_ceiling`).
    reliability_sd : float
        Standard deviation of what the truth does reach less that ceiling: mostly within two of it.
    relevant : tuple of str
        The programs that act on thinning; the others do not.
    equation : str
        The map from programs to thinning.
    """

    programs: pd.DataFrame
    loadings: pd.DataFrame
    thinning: pd.Series
    noise_sd: pd.Series
    reliability: float
    reliability_sd: float
    relevant: tuple[str, ...]
    equation: str


@dataclass(frozen=True, repr=False, eq=False)
class Cortex:
    """Gene expression, thinning and graph over one set of regions, with where they come from.

    The three tables are brought into the order of the parcellation by region name, in whatever style they are named, or
    refused.

    Attributes
    ----------
    name : str
        As given to `load_cortex`.
    expression : DataFrame, shape (n, genes)
        Expression by region, 0 to 1 within each gene and donor, averaged over donors.
    thinning : Series, shape (n,)
        Cortical thinning, positive = thinner in patients; ``attrs["unit"]`` is its unit. A table of one column, and
        numbers written as text, are taken.
    graph : Graph
        Over the same n regions. A `SparseGraph`, or a DataFrame of weights with regions as index and columns, is taken.
    parcellation : Parcellation
        May have more regions than n.
    provenance : list of str
        Where the data come from and what was done to them.
    simulated : bool
        Whether any of it is simulated.
    truth : Truth or None
        None when real.
    cohort : Cohort or None
        The subjects behind the map, when they are at hand.
    views : dict of str to DataFrame
        More tables of the same regions by name (receptors, connectivity, tau …), for models that take several; a table
        may lack regions.
    people : DataFrame or None, shape (persons, n)
        Deviations of single people from a norm, by region, positive = loss, when they are at hand; NaN where one was
        not measured.

    Raises
    ------
    TypeError
        Tables without names; no graph, no parcellation.
    ValueError
        Regions that differ between the tables or are unknown to the parcellation; values that are not finite; genes
        given twice, or none.
    """

    name: str
    expression: pd.DataFrame
    thinning: pd.Series
    graph: Graph
    parcellation: Parcellation
    provenance: list[str] = field(default_factory=list)
    simulated: bool = False
    truth: Truth | None = None
    cohort: Cohort | None = None
    views: dict[str, pd.DataFrame] = field(default_factory=dict)
    people: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        """Align the tables by name; a region that one of them lacks is named."""
        way_out = "Load one, e.g. xsg.atlas.load_parcellation('dk')."
        instance(self.parcellation, Parcellation, "parcellation", "an xsg.Parcellation", way_out)
        way_out = "The order of a bare array cannot be checked: pd.DataFrame(values, index=regions, columns=genes)."
        instance(self.expression, pd.DataFrame, "expression", "a DataFrame of regions × genes", way_out)
        graph = _graph(self.graph)
        meant = naming.translate(graph.regions, self.parcellation.regions)
        regions = self.parcellation.regions
        regions = regions[regions.isin(list(meant.values()))]
        if not len(regions):
            raise ValueError(
                f"graph {graph.name!r} has none of the {len(self.parcellation.regions)} regions of parcellation "
                f"{self.parcellation.name!r}, such as {some(self.parcellation.regions, 2)}; it has "
                f"{some(graph.regions, 2)}. Build it for the same parcellation."
            )
        align(graph.weights, regions, "graph")
        called = {region: name for name, region in meant.items()}
        graph = graph.subset([called[region] for region in regions])
        if not graph.regions.equals(regions):
            graph = Graph(graph.weights.set_axis(regions, axis=0).set_axis(regions, axis=1), graph.name)
        expression = align(self.expression, regions, "expression")
        if not expression.shape[1]:
            raise ValueError(f"expression has {len(expression)} regions and no genes; expected one or more.")
        names = gene_names(expression.columns, "expression")
        if not names.equals(expression.columns):  # spaces round a name
            expression = expression.set_axis(names.rename(expression.columns.name), axis=1)
        object.__setattr__(self, "expression", expression)
        object.__setattr__(self, "thinning", align(series(self.thinning, "thinning"), regions, "thinning"))
        object.__setattr__(self, "graph", graph)
        views = self.views if isinstance(self.views, Mapping) else {"": None}
        if not all(isinstance(table, pd.DataFrame) for table in views.values()):
            raise TypeError(f"views: expected tables by name, {{'receptors': table, …}}, got {str(self.views)[:60]!r}.")
        if "expression" in views:
            raise ValueError("views: 'expression' is the cortex's own table; call this one otherwise, or replace that.")
        if self.people is not None:
            instance(self.people, pd.DataFrame, "people", "a table, people by regions")
            columns = rows_of(self.people.columns, regions, "people, columns", extra=True)
            people = self.people.iloc[:, columns].set_axis(regions, axis=1).astype(float)
            object.__setattr__(self, "people", people)
        lines = self.provenance
        lines = [lines] if isinstance(lines, str) else [] if lines is None else lines
        object.__setattr__(self, "provenance", lines)

    @property
    def regions(self) -> pd.Index:
        """Region names, in the parcellation's order (n,)."""
        return self.expression.index

    def check(
        self, n_regions: int | None = None, n_genes: int | None = None, binary: bool = False, connected: bool = False
    ) -> Cortex:
        """Return the cortex if it has the shape a method asks for.

        That regions, order, finite values, symmetry and the zero diagonal are right is checked whenever a cortex or a
        graph is made. arXiv:2606.05870 asks for more: ``check(68, 910, binary=True)``.

        Parameters
        ----------
        n_regions, n_genes
            Sizes wanted, if any.
        binary
            Edges must weigh 0 or 1.
        connected
            The graph must be one component.

        Raises
        ------
        ValueError
            Naming what is wanted, what is there, and the way out.
        """
        n_regions, n_genes = (
            None if wanted is None else checks.number(wanted, what, 1, whole=True)
            for what, wanted in (("n_regions", n_regions), ("n_genes", n_genes))
        )
        for what, wanted, found in zip(("regions", "genes"), (n_regions, n_genes), self.expression.shape, strict=True):
            if wanted is not None and wanted != found:
                raise ValueError(
                    f"cortex {self.name!r} has {found} {what}, {wanted} were asked for. Regions: missing='mirror' or "
                    "another map; genes: genes= of load_cortex."
                )
        weights = self.graph.weights.to_numpy()
        if binary and not ((weights == 0) | (weights == 1)).all():
            odd = weights[(weights != 0) & (weights != 1)][0]
            raise ValueError(
                f"graph {self.graph.name!r} is not binary: an edge weighs {odd:g}. Use build_graph(weights='binary')."
            )
        self.graph.check(connected=connected)
        return self

    def __repr__(self) -> str:
        """Say what it is, real or simulated, how large, and where it comes from."""
        n, genes = self.expression.shape
        map_, graph, truth = self.thinning, self.graph, self.truth
        unit = map_.attrs.get("unit", "unit unknown")
        lines = [
            f"Cortex {self.name!r}: {'SIMULATED' if self.simulated else 'real data'}",
            f"  expression  {n} regions × {genes} genes",
            f"  thinning    {map_.min():.3f} to {map_.max():.3f}, mean {map_.mean():.3f} ({unit})",
            f"  graph       {graph.name}: {graph.edges.shape[1]} edges, {graph.n_components} component(s)",
        ]
        if truth is not None:
            lines.append(
                f"  truth       {truth.programs.shape[1]} programs, {', '.join(truth.relevant)} act on thinning; "
                f"noise ceiling R² = {truth.reliability:.3f} (expected; sd {truth.reliability_sd:.3f})"
            )
        return "\n".join([*lines, "  provenance", *(f"    - {line}" for line in self.provenance)])


def _graph(graph: object) -> Graph:
    """Return a graph given in any of its forms, or refuse what is none."""
    if isinstance(graph, SparseGraph):
        return graph.dense()
    if isinstance(graph, pd.DataFrame):
        return Graph(graph)
    wanted = "an xsg.Graph, or a DataFrame of weights by region name"
    return instance(graph, Graph, "graph", wanted, "Make one, e.g. xsg.build_graph(parcellation).")


__getattr__ = _moved.lazily(__name__)
