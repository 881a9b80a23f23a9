"""What joining by name costs: the ridge baseline beside scikit-learn's on bare arrays, as a user would write it.

Same work: 68 regions × 910 genes, 21 maps, five folds of homologous pairs one after the other, as a chapter's loop asks
for them, the same penalties and inner folds; scikit-learn takes one penalty for all maps. One thread.
"""

import time

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import xsg
from xsg.atlas.pairs import homologous_pairs
from xsg.evaluation.baselines import PENALTIES, baseline
from xsg.evaluation.splits import homologous

ROUNDS = 5


def quickest(work) -> float:
    spent = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        work()
        spent.append(time.perf_counter() - started)
    return min(spent)


def test_joining_beside_bare_arrays():
    cortex = xsg.load_cortex("simulated")
    genes, parcellation = cortex.expression, cortex.parcellation
    draw = np.random.default_rng(0)
    maps = pd.DataFrame(draw.standard_normal((21, len(genes))), columns=genes.index)
    folds = homologous(genes.index, n_folds=5, seed=0)
    x, y, pairs = genes.to_numpy(), maps.to_numpy().T, homologous_pairs(genes.index, parcellation)
    renamed = [name.lower().replace("_", "h_", 1) + "_thickness" for name in genes.index]  # FreeSurfer's names
    shuffled = draw.permutation(len(genes))
    foreign = maps.set_axis(renamed, axis=1).iloc[:, shuffled]

    def ours(maps, folds):
        return [baseline("ridge", genes, maps, parcellation, fold[None]) for fold in folds]

    def theirs():
        penalties = {"ridge__alpha": PENALTIES * x.shape[1]}
        for fold in folds:
            inner = GroupKFold(5).split(x[~fold], groups=pairs[~fold])
            model = make_pipeline(StandardScaler(), Ridge())
            GridSearchCV(model, penalties, cv=list(inner), scoring="neg_mean_squared_error").fit(
                x[~fold], y[~fold]
            ).predict(x[fold])

    found, expected = np.array(ours(foreign, folds)), np.array(ours(maps, folds))
    np.testing.assert_allclose(found, expected[..., shuffled], atol=1e-9)
    bare, plain, other = (quickest(work) for work in (theirs, lambda: ours(maps, folds), lambda: ours(foreign, folds)))
    print(
        f"\nridge, 5 folds × 21 maps: scikit-learn on bare arrays {1e3 * bare:.0f} ms; joined by name "
        f"{1e3 * plain:.0f} ms ({bare / plain:.1f} times as fast), with names and order of another tool "
        f"{1e3 * other:.0f} ms ({bare / other:.1f} times)"
    )
