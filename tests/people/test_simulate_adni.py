"""Simulated subjects as a cohort, and written down as ADNI's tables and read back: the same."""

import pandas as pd
import pytest

from xsg.people.adni import cohort_from_tables
from xsg.people.simulate_adni import simulate_adni_tables
from xsg.simulate.cortex import simulate_cortex


@pytest.mark.parametrize("seed", [0, 3])
def test_the_tables_read_back_are_the_cohort_of_the_simulated_cortex(seed):
    made = simulate_cortex(seed, n_genes=8, n_controls=31, n_patients=19).cohort
    read = cohort_from_tables(simulate_adni_tables(seed, n_controls=31, n_patients=19))
    pd.testing.assert_frame_equal(made.thickness, read.thickness, check_exact=True)
    pd.testing.assert_frame_equal(made.subjects, read.subjects, check_exact=True)
    assert made.provenance[-1] == read.provenance[-1] == "kept 31 NC, 310 MCI, 19 AD"
