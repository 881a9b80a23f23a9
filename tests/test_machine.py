"""Faster products are as exact, and what is set is set back."""

import pytest
import torch

from xsg.machine import fast_products, one_thread


def setting() -> str:
    return torch.backends.mkldnn.matmul.fp32_precision


@pytest.mark.parametrize("smallest", [1, 10**6])
def test_fast_products_are_float32_and_the_setting_is_put_back(smallest):
    before = setting()
    left, right = torch.randn(3, 68, 128), torch.randn(3, 128, 64)
    with fast_products(smallest):
        product = left @ right
        assert smallest > 1 or setting() == before
    assert setting() == before
    assert (product - left.double() @ right.double()).abs().max() < 1e-4


def test_the_settings_are_put_back_after_an_error():
    before, threads = setting(), torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), fast_products(10**6), one_thread():
        1 / (torch.get_num_threads() - 1)
    assert (setting(), torch.get_num_threads()) == (before, threads)
