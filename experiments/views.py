"""Make views.csv, the refits to rotated maps that chapter 24 judges its views by: four minutes on one core.

experiments/views.py     goes on where it was cut short

One row per rotation and dealing of the regions into folds, one column per choice of views: held-out R² of thinning.
Each dealing has a seed of the model of its own. The chapter fits some rows again and compares. Run it anew whenever
the model or the nulls change.
"""

import pandas as pd

import kept
import xsg
from xsg.across.connectome import human_connectome
from xsg.across.views import MultiViewVAE, cross_val_views
from xsg.evaluation.metrics import r_squared
from xsg.evaluation.nulls import null_maps
from xsg.evaluation.splits import homologous

N_NULLS, N_DEALINGS, SEED = 99, 5, 1
CHOICES = {"expression": ["expression"], "connectivity": ["connectivity"], "both": ["expression", "connectivity"]}


def real_views() -> tuple[xsg.Cortex, dict[str, pd.DataFrame]]:
    """Return the cortex of 33 left regions, and its two views, as chapter 24 makes them."""
    cortex = xsg.load_cortex("ahba-ad", hemispheres="left")
    profiles = human_connectome(folded=True).loc[cortex.regions].add_prefix("to ")
    return cortex, {"expression": cortex.expression, "connectivity": profiles}


def rotated_maps(cortex: xsg.Cortex) -> pd.DataFrame:
    """Return the rotated maps (N_NULLS, n)."""
    return null_maps(cortex.thinning, cortex.parcellation, "spin", n=N_NULLS, seed=SEED, progress=False)


def scores(cortex: xsg.Cortex, views: dict[str, pd.DataFrame], maps: pd.DataFrame, dealing: int) -> pd.DataFrame:
    """Held-out R² (maps, choices of views), the folds and the model's seed those of one dealing."""
    folds = homologous(cortex.regions, seed=SEED + dealing)
    found = {}
    for label, names in CHOICES.items():
        some = {name: views[name] for name in names}
        guess = cross_val_views(
            MultiViewVAE(), some, maps, cortex.graph, held_out=folds, seeds=[dealing], progress=False
        )
        found[label] = [r_squared(y, each) for y, each in zip(maps.to_numpy(), guess.to_numpy(), strict=True)]
    return pd.DataFrame(found)


def main() -> None:
    """Fit what is missing, dealing by dealing, and write the table."""
    cortex, views = real_views()
    maps = rotated_maps(cortex)

    def dealt(dealing: int) -> pd.DataFrame:
        found = scores(cortex, views, maps, dealing).rename_axis("rotation").reset_index()
        found.insert(1, "dealing", dealing)
        return found

    table = kept.rows(__file__, [(k,) for k in range(N_DEALINGS)], dealt)
    kept.store(__file__, table.sort_values(["rotation", "dealing"]).round(4))


if __name__ == "__main__":
    main()
