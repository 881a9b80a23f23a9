"""xsg: cross-scale generative models of the brain, the helper package of an executable book."""

from importlib import import_module

__version__ = "0.1.0"

# Names are resolved on first use, so that `import xsg` stays quick: torch alone takes over a second.
_PUBLIC = {
    "Cortex": "xsg.data.cortex",
    "load_cortex": "xsg.data.cortex",
    "Graph": "xsg.atlas",
    "Parcellation": "xsg.atlas",
    "SparseGraph": "xsg.atlas",
    "build_graph": "xsg.atlas",
    "load_parcellation": "xsg.atlas",
    "CrossScaleVAE": "xsg.training",
    "Report": "xsg.report",
    "evaluate": "xsg.report",
    "Mouse": "xsg.data.mouse",
    "load_mouse": "xsg.data.mouse",
    "read_study": "xsg.data.own",
    "SpatialVAE": "xsg.training.spatial_vae",
    "localise": "xsg.evaluation.localise",
    "MechanisticMixture": "xsg.training.mechanistic",
    "MechanisticVAE": "xsg.training.mechanistic",
    "Spread": "xsg.data.spread",
    "load_spread": "xsg.data.spread",
    "CrossScaleSpread": "xsg.training.across_scales",
    "Progression": "xsg.data.simulate_progression",
    "simulate_progression": "xsg.data.simulate_progression",
    "DiseaseProgression": "xsg.training.over_time",
    "Trajectories": "xsg.data.trajectories",
    "read_trajectories": "xsg.data.trajectories",
    "simulate_trajectories": "xsg.data.simulate_trajectories",
    "MultiViewVAE": "xsg.training.views",
    "cross_val_views": "xsg.training.views",
}
__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str):
    """Import a public name from the floor it lives on."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'xsg' has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names, so that tab completion finds what is not imported yet."""
    return sorted(__all__)
