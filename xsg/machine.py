"""The processor, set for small models: one thread, and the faster of its float32 matrix products."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from scipy import sparse
from threadpoolctl import ThreadpoolController
from torch import Tensor

T = TypeVar("T")


@contextmanager
def one_thread() -> Iterator[None]:
    """Train small models on one thread: with more, the threads spend longer meeting than working."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's products and decompositions use one thread, so that they are rounded alike however many there are."""
    with _pools().limit(limits=1, user_api="blas"):
        yield


@cache
def _pools() -> ThreadpoolController:
    """Look for the libraries once: it takes longer than a small product."""
    return ThreadpoolController()


def on(place: torch.device) -> AbstractContextManager:
    """Make new tensors on a device unless another is named; on the processor nothing changes, nor takes longer."""
    return nullcontext() if place.type == "cpu" else place


def moved(values: T, place: torch.device | str) -> T:
    """Return a tensor, or tuples of them of any depth, on a device; what else they hold stays as it is."""
    if isinstance(values, Tensor):
        return values.to(place)
    if not isinstance(values, tuple):
        return values
    found = [moved(each, place) for each in values]
    return type(values)(*found) if hasattr(values, "_fields") else tuple(found)


def sparse_tensor(matrix: sparse.sparray, like: Tensor) -> Tensor:
    """Return a matrix as torch multiplies it fastest, by rows and with short indices; precision and device as given."""
    rows = sparse.csr_array(matrix)
    with warnings.catch_warnings():  # that sparse tensors are new
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            *(torch.tensor(part.astype(np.int32)) for part in (rows.indptr, rows.indices)),
            torch.tensor(rows.data).to(like.dtype),
            rows.shape,
            check_invariants=False,
        ).to(like.device)


# torch hands a product, or a batch of them, to oneDNN if it takes more multiplications than this.
_ONEDNN_FROM = 16**3


@contextmanager
def fast_products(smallest: int) -> Iterator[None]:
    """Use oneDNN's matrix products where they are float32 to the last digits.

    MKL, which torch calls by default, does without the AVX-512 instructions of processors that Intel did not make.
    oneDNN has them, but torch asks it only when it is told that rounding to bfloat16 is allowed. On processors
    without bfloat16 tiles nothing is rounded and products are about twice as fast; on others this changes nothing.

    Parameters
    ----------
    smallest
        Multiplications in the smallest product of one model. Below torch's threshold for oneDNN nothing is changed:
        it would depend on how many models are trained together which library multiplies, and so how it is rounded.
    """
    if smallest <= _ONEDNN_FROM or not _permitted_is_exact():
        yield
        return
    before, torch.backends.mkldnn.matmul.fp32_precision = torch.backends.mkldnn.matmul.fp32_precision, "bf16"
    try:
        yield
    finally:
        torch.backends.mkldnn.matmul.fp32_precision = before


@cache
def _permitted_is_exact() -> bool:
    """Multiply once with the permission, and compare with float64: bfloat16 would be off by one part in a hundred."""
    settings = torch.backends.mkldnn
    if not (
        settings.is_available() and hasattr(settings, "matmul") and torch.backends.cpu.get_cpu_capability() == "AVX512"
    ):
        return False
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(4, 128, 128, generator=generator) for _ in range(2))
    before, settings.matmul.fp32_precision = settings.matmul.fp32_precision, "bf16"
    try:
        product = left @ right
    finally:
        settings.matmul.fp32_precision = before
    return bool((product - left.double() @ right.double()).abs().max() < 1e-4)
