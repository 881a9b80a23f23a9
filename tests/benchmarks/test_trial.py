"""The default trial on the real brain: a map of no meaning, stopped early, and all 1,000 nulls; seconds are printed.

On two idle cores the first is to take a minute at most, the second three. Both begin with no process at work.
"""

import time
from dataclasses import replace

import joblib
import pytest
from joblib.externals.loky import get_reusable_executor

import xsg
from xsg.evaluation.nulls import null_maps


@pytest.mark.parametrize("nulls", [None, 1000])
def test_the_default_trial(nulls):
    cortex = xsg.load_cortex("ahba-ad")
    turned = null_maps(cortex.thinning, cortex.parcellation, n=3, seed=99).iloc[1].rename("thinning")
    get_reusable_executor().shutdown()
    begun = time.perf_counter()
    report = xsg.evaluate(xsg.CrossScaleVAE(), replace(cortex, thinning=turned), n_nulls=nulls, progress=False)
    took = time.perf_counter() - begun
    print(
        f"\n{joblib.cpu_count()} cores, {len(cortex.regions)} regions × {cortex.expression.shape[1]} genes, "
        f"{len(report.null)} nulls drawn: {took:.0f} s, p = {report.p_value['held-out R²']:.3f}"
    )
    assert report.stopped == (nulls is None)
