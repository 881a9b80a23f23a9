"""One fit, and a hundred, against the plain torch-geometric loop a user would otherwise write; ratios are printed.

Same work: 68 regions, 910 genes, two graph convolutions (128, then 64 twice), perceptron decoder, the same three terms,
Adam 1e-3, full batch, one thread, one process. The loop is timed right before and right after ours, and its better
time counts.
"""

import resource
import time

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch_geometric.nn import GCNConv

import xsg
from xsg.machine import fast_products, one_thread
from xsg.training import refit
from xsg.training.refits import CHUNK

EPOCHS = 400
COPIES = 100
THOUSAND = 1000


class PlainLoop(nn.Module):
    """The model as torch-geometric's examples would write it."""

    def __init__(self, genes: int, hidden: int = 128, latent: int = 64, decoder: int = 64):
        super().__init__()
        self.hidden, self.mean, self.log_variance = (
            GCNConv(p, q) for p, q in ((genes, hidden), (hidden, latent), (hidden, latent))
        )
        self.decoder = nn.Sequential(nn.Linear(latent, decoder), nn.ReLU(), nn.Linear(decoder, 1))

    def forward(self, x, edge_index):
        h = self.hidden(x, edge_index).relu()
        mean, log_variance = self.mean(h, edge_index), self.log_variance(h, edge_index)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return mean, log_variance, z, self.decoder(z).squeeze(-1)


def plain_fit(x, y, edge_index, smoothness=0.1, beta=0.01):
    torch.manual_seed(0)
    model = PlainLoop(x.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    n = len(y)
    source, target = edge_index[:, edge_index[0] < edge_index[1]]
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        mean, log_variance, z, predicted = model(x, edge_index)
        loss = (
            (y - predicted).square().mean()
            + smoothness / n * (z[source] - z[target]).square().sum()
            + beta / n * 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        )
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        predicted = model(x, edge_index)[3]
    return 1 - float((y - predicted).square().sum() / (y - y.mean()).square().sum())


def seconds(work) -> tuple[float, object]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


@one_thread()
def test_fit_against_the_plain_loop():
    cortex = xsg.load_cortex("simulated")
    scores = (cortex.expression - cortex.expression.mean()) / cortex.expression.std(ddof=0)
    y = (cortex.thinning - cortex.thinning.mean()) / cortex.thinning.std(ddof=0)
    data = cortex.graph.to_pyg(scores, y)

    def loop():
        return plain_fit(data.x, data.y, data.edge_index)

    def ours(rotate):
        model = xsg.CrossScaleVAE(epochs=EPOCHS, rotate=rotate)
        return model.fit(cortex.expression, cortex.thinning, graph=cortex.graph).score(
            cortex.expression, cortex.thinning
        )

    ours(True)  # imports and first-use set-up belong to neither side
    before, r2 = seconds(loop)
    rows = [("CrossScaleVAE, rotated", *seconds(lambda: ours(True)), 1)]
    rows += [("CrossScaleVAE, not rotated", *seconds(lambda: ours(False)), 1)]

    def many():
        return refit(
            xsg.CrossScaleVAE(epochs=EPOCHS),
            cortex.expression,
            cortex.thinning,
            cortex.graph,
            seeds=range(COPIES),
            progress=False,
        )

    rows += [(f"refit, {COPIES} seeds at once, per fit", *seconds(many), COPIES)]
    after, _ = seconds(loop)
    plain = min(before, after)
    print(f"\n{EPOCHS} epochs, 68 regions × 910 genes, one thread")
    print(f"{'plain torch-geometric loop':40} {plain:7.3f} s   1.0 ×   in-sample R² {r2:.2f}")
    for name, took, result, copies in rows:
        fit = f"   in-sample R² {result:.2f}" if copies == 1 else ""
        print(f"{name:40} {took / copies:7.3f} s {plain * copies / took:5.1f} ×{fit}")


@one_thread()
def test_a_thousand_refits():
    """One call; against the plain loop one after another, and against the machine's own batched matrix products."""
    cortex = xsg.load_cortex("simulated")
    n, latent, hidden, decoder = 68, 64, 128, 64
    scores = (cortex.expression - cortex.expression.mean()) / cortex.expression.std(ddof=0)
    y = (cortex.thinning - cortex.thinning.mean()) / cortex.thinning.std(ddof=0)
    data = cortex.graph.to_pyg(scores, y)

    # The matrix products of one epoch of one copy, as they are called: rows, inner, columns.
    shapes = [
        *[(n, n, hidden), *[(n, hidden, latent), (n, n, latent)] * 2, (n, latent, decoder), (n, n, latent)],
        *[(latent, n, decoder), (n, decoder, latent), *[(n, n, latent), (hidden, n, latent), (n, latent, hidden)] * 2],
        (n, n, hidden),
    ]
    work = sum(2 * a * b * c for a, b, c in shapes)

    def throughput() -> np.ndarray:
        """Of torch as it comes (MKL), and with oneDNN where that is exact."""
        spent = {0: 0.0, n**3: 0.0}
        for a, b, c in shapes:
            left, right, out = torch.randn(CHUNK, a, b), torch.randn(CHUNK, b, c), torch.empty(CHUNK, a, c)
            for smallest in spent:
                with fast_products(smallest):
                    took = [seconds(lambda x=left, y=right, o=out: torch.bmm(x, y, out=o))[0] for _ in range(30)]
                spent[smallest] += min(took)
        return CHUNK * work / np.array(list(spent.values()))

    maps = pd.DataFrame(np.random.default_rng(0).normal(size=(THOUSAND, n)), columns=cortex.regions)
    model = xsg.CrossScaleVAE(epochs=EPOCHS)
    refit(model, cortex.expression, maps.iloc[:CHUNK], cortex.graph, progress=False)
    peaks, plain = [throughput()], [seconds(lambda: plain_fit(data.x, data.y, data.edge_index))[0]]
    took, _ = seconds(lambda: refit(model, cortex.expression, maps, cortex.graph, progress=False))
    peaks.append(throughput())
    plain += [seconds(lambda: plain_fit(data.x, data.y, data.edge_index))[0] for _ in range(2)]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    reached = THOUSAND * EPOCHS * work / took
    print(f"\n{THOUSAND} refits, {EPOCHS} epochs, 68 regions × 910 genes, one thread, one call")
    print(f"{'plain torch-geometric loop, per fit':40} {min(plain):7.3f} s   1.0 ×")
    print(f"{'refit, per fit':40} {took / THOUSAND:7.3f} s {min(plain) * THOUSAND / took:5.1f} ×")
    print(f"{'whole call, and peak memory':40} {took:7.1f} s   {memory:.0f} MB")
    print(f"{'batched products, reached':40} {reached / 1e9:7.1f} GFLOP/s; the same shapes alone:")
    for name, peak in zip(("torch.bmm as it comes", "torch.bmm through oneDNN"), np.max(peaks, axis=0), strict=True):
        print(f"  {name:38} {peak / 1e9:7.1f} GFLOP/s, of which {reached / peak:.0%} reached")
