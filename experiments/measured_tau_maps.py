"""What measured_tau.py works on: maps and tables of regions, real ones or simulated ones to try the code on."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

import xsg
from xsg.across.connectome import fibre_counts, fold
from xsg.across.receptors import receptors
from xsg.atlas import Graph, distances
from xsg.data.atlases import load_connectome
from xsg.data.expression import load_ahba
from xsg.data.vulnerability import load_disorder
from xsg.evaluation.nulls import rewired
from xsg.simulate.fields import matern, smooth_fields
from xsg.spread.load import tau_by_stage, tau_moments

LENGTH = 20  # mm, over which closeness falls to 1/e, as in chapter 22
REWIRINGS = 3
SEED = 0


@dataclass
class World:
    """Maps and tables of regions, joined by name: one side of the cortex, both sides, one side with subcortex."""

    thinning: pd.Series  # 34 left regions, NaN where there is none
    tau: dict[str, pd.Series]  # over the same, by name
    genes: pd.DataFrame
    receptors: pd.DataFrame
    networks: dict[str, Graph | None]
    stages: pd.DataFrame  # 68 regions
    both_genes: pd.DataFrame
    both_receptors: pd.DataFrame
    whole: pd.Series  # 41 left regions, seven of them below the cortex: tau
    whole_genes: pd.DataFrame
    whole_networks: dict[str, Graph | None]
    dealings: int = 21
    rotations: int = 999

    @property
    def known(self) -> pd.Index:
        """The left regions that have a value of thinning."""
        return self.thinning.index[self.thinning.notna()]


def real_world() -> World:
    """Read everything."""
    stages = tau_by_stage()
    moments = tau_moments()
    proxy = folded(moments["high"] - moments["low"])
    cortex = stages.iloc[:68]
    left = [name for name in cortex.index if name[0] == "L"]
    tau = {
        "tau": folded(cortex["AD"] - cortex["NL"]),
        "tau, aMCI": folded(cortex["aMCI"] - cortex["NL"]),
        "tau, naMCI": folded(cortex["naMCI"] - cortex["NL"]),
        "uptake, AD": folded(cortex["AD"]),
        "uptake, NL": folded(cortex["NL"]),
        "proxy of tau": proxy,
    }
    genes, deep_genes = load_ahba(missing="mirror"), load_ahba(atlas="desikan+subcortex", missing="mirror")
    with_deep = xsg.load_atlas("desikan+subcortex").regions
    fibres, counts = load_connectome("desikan+subcortex"), fibre_counts()
    deep = [name for name in with_deep if name[0] == "L"]
    return World(
        thinning=load_disorder("AD", hemispheres="left").reindex(left),
        tau={name: each.loc[left].rename(name) for name, each in tau.items()},
        genes=genes.loc[left],
        receptors=receptors().groupby(lambda name: "L" + name[1:]).mean().loc[left],
        networks=networks(xsg.load_parcellation("dk"), fibres.loc[genes.index, genes.index], counts, left),
        stages=cortex,
        both_genes=genes,
        both_receptors=receptors(),
        whole=folded((stages["AD"] - stages["NL"]).loc[with_deep]).loc[deep],
        whole_genes=deep_genes.loc[deep],
        whole_networks=networks(xsg.load_atlas("desikan+subcortex"), fibres, counts, deep),
    )


def simulated_world(seed: int = 0, dealings: int = 2, rotations: int = 19) -> World:
    """Make smooth maps that have to do with one another, and smooth genes, in the real regions: to try the code on."""
    rng = np.random.default_rng(seed)
    regions = xsg.load_parcellation("dk").regions
    genes = pd.DataFrame(smooth_fields(rng, 60, 0.9), regions, [f"g{k}" for k in range(60)])
    fields = smooth_fields(rng, 12, 0.9, matern)
    wave = np.exp(fields[:, 0]) / 4
    stages = pd.DataFrame(
        {name: 1 + share * wave + 0.05 * fields[:, k + 1] for k, (name, share) in enumerate(zip(
            ("NL", "naMCI", "aMCI", "AD"), (0.1, 0.3, 0.5, 1.0), strict=True))},
        regions,
    )  # fmt: skip
    receptor = pd.DataFrame(fields[:, 5:], regions, [f"r{k}" for k in range(7)])
    left = [name for name in regions if name[0] == "L"]
    whole = xsg.load_atlas("desikan+subcortex")
    deep = [name for name in whole.regions if name[0] == "L"]
    near = np.exp(-distances(whole) / 20) * (1 - np.eye(len(whole.regions)))
    thinning = folded(stages["AD"] - stages["NL"]) + 0.1 * rng.standard_normal(34)
    thinning["L_temporalpole"] = np.nan
    names = ["tau", "tau, aMCI", "tau, naMCI", "uptake, AD", "uptake, NL", "proxy of tau"]
    tau = {name: folded(stages["AD"] - stages["NL"]).rename(name) for name in names}
    draws = pd.DataFrame(rng.standard_normal((len(deep), 60)), deep, genes.columns)
    sparse = near.where(near > 0.05, 0.0)
    made = World(
        thinning.loc[left], {name: each.loc[left] for name, each in tau.items()}, genes.loc[left], receptor.loc[left],
        networks(xsg.load_parcellation("dk"), sparse.loc[regions, regions], sparse, left), stages, genes, receptor,
        pd.Series(np.exp(rng.standard_normal(len(deep)) / 3), deep), draws, networks(whole, sparse, sparse, deep),
    )  # fmt: skip
    return replace(made, dealings=dealings, rotations=rotations)


def folded(values: pd.Series) -> pd.Series:
    """Mean of the two hemispheres, under the left regions' names."""
    return values.groupby(lambda name: "L" + name[1:]).mean()


def networks(atlas: xsg.Parcellation, fibres: pd.DataFrame, counts: pd.DataFrame, left: list[str]) -> dict:
    """Make what tau may spread along, over the left regions: both sides are laid onto each other."""
    both = [*left, *("R" + name[1:] for name in left)]
    near = np.exp(-distances(atlas).loc[left, left] / LENGTH)
    found = {
        "connectome": Graph(fold(fibres.loc[both, both]), "connectome"),
        "fibres": Graph(fold(counts.loc[both, both]), "fibres"),
        "distance": Graph(near * (1 - np.eye(len(left))), "distance"),
        "none": None,
    }
    again = rewired(found["connectome"], REWIRINGS, SEED)
    return found | {f"rewired {k}": graph for k, graph in enumerate(again)}
