"""The solver beside torchdiffeq, torchode and diffrax, at any size; `experiments/solver_growth.py` makes the table.

solver.py                        discs of 32² and 150² pixels by every method that runs here, printed with ratios
solver.py CASE METHOD [FILE]     one row, as JSON; FILE: keeps the exact solution, "reference", which others are held to
solver.py CASE reference FILE    makes it

A case is disc-SIZE, ball-SIZE or brain (nilearn's MNI mask of 2 mm voxels). Same work for all: 4 subjects, growth
logistic, D ~ U(0.01, 1), R ~ U(0.01, 0.1), seen at t = 6 and 24, float32, one thread; forward, and forward and
backward to D and R. Explicit solvers run at the benchmark's tolerances (rtol 1e-3, atol 1e-4) with a sparse Laplacian.
Processor seconds, the better of two; the peak of memory is above what the process held before.
"""

import gc
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

if __name__ == "__main__":  # before numpy is there
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    sys.path.append(str(Path(__file__).resolve().parents[3]))

import numpy as np

OURS = ("xsg products", "xsg products 4", "xsg modes")  # in 8 steps, or 4, whose error is near that of the others
PEERS = ("torchdiffeq dopri5", "torchode tsit5", "diffrax tsit5")
SUBJECTS, TIMES, TOLERANCES = 4, (6.0, 24.0), {"rtol": 1e-3, "atol": 1e-4}
BACKWARD_MB = 3000  # of what torch's graph of an explicit solver may hold
LONG = 10  # processor seconds; what takes longer is run once


def mask_of(case: str) -> np.ndarray:
    """Return the mask of a case."""
    if case == "brain":
        from nilearn.datasets import load_mni152_brain_mask

        return load_mni152_brain_mask(resolution=2).get_fdata() > 0
    kind, size = case.split("-")
    axes = np.indices((int(size),) * (2 if kind == "disc" else 3)) - int(size) // 2
    return np.sqrt((axes**2).sum(0)) < int(size) / 2 - 1


def problem(case: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return mask, start (n,), D and R (subjects,): a bump in the middle, an eighth of the image wide."""
    mask = mask_of(case)
    places = np.argwhere(mask)
    away = ((places - np.array(mask.shape) // 2) / (min(mask.shape) / 8)) ** 2
    rng = np.random.default_rng(0)
    return mask, np.exp(-away.sum(1) / 2), rng.uniform(0.01, 1, SUBJECTS), rng.uniform(0.01, 0.1, SUBJECTS)


def laplacian_of(mask: np.ndarray):
    """Return the sparse Laplacian, and each place's neighbours along every axis, itself where there is none."""
    from xsg.spread.physics import sparse_grid_laplacian

    number = np.full(np.array(mask.shape) + 2, -1)
    number[(slice(1, -1),) * mask.ndim][mask] = np.arange(mask.sum())
    own = np.arange(mask.sum())
    near = [np.roll(number, step, axis)[number >= 0] for axis in range(mask.ndim) for step in (1, -1)]
    return sparse_grid_laplacian(mask), np.stack([np.where(each < 0, own, each) for each in near])


def ours(method: str, steps: int, mask: np.ndarray, start: np.ndarray):
    """Our solver, by products or by modes."""
    import torch

    from xsg.spread.physics import ReactionDiffusion

    torch.set_num_threads(1)
    solver = ReactionDiffusion.on_grid(mask, method)
    u0 = torch.tensor(start).float().expand(SUBJECTS, -1)
    return with_torch(lambda d, r: solver.solve(u0, TIMES, d, r, steps=steps))


def explicit(package: str, mask: np.ndarray, start: np.ndarray):
    """torchdiffeq or torchode, with products with a sparse Laplacian, which is its own transposed."""
    import torch

    from xsg.machine import sparse_tensor

    torch.set_num_threads(1)
    matrix = sparse_tensor(laplacian_of(mask)[0], torch.ones(1))

    class Flow(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            return torch.zeros_like(u).addmm_(matrix, u, beta=0)

        @staticmethod
        def backward(ctx, grad):
            return Flow.apply(grad.contiguous())

    u0 = torch.tensor(start).float()[:, None].expand(-1, SUBJECTS).contiguous()

    def solve(d, r):
        def change(_, u):
            return r * u * (1 - u) - d * Flow.apply(u)

        if package == "torchdiffeq":
            from torchdiffeq import odeint

            seen = odeint(change, u0, torch.tensor([0.0, *TIMES]), method="dopri5", **TOLERANCES)[1:]
            return seen.permute(2, 0, 1)
        import torchode

        term = torchode.ODETerm(lambda t, u: change(t, u.T.contiguous()).T)
        step = torchode.IntegralController(TOLERANCES["atol"], TOLERANCES["rtol"], term=term)
        solver = torchode.AutoDiffAdjoint(torchode.Tsit5(term=term), step)
        times = torch.tensor([0.0, *TIMES]).expand(SUBJECTS, -1)
        return solver.solve(torchode.InitialValueProblem(u0.T.contiguous(), t_eval=times)).ys[:, 1:]

    return with_torch(solve)


def with_torch(solve):
    """Return what solves, and what solves and goes back."""
    import torch

    def forward(d, r):
        with torch.no_grad():
            return solve(*(torch.tensor(each).float() for each in (d, r))).numpy()

    def both(d, r):
        d, r = (torch.tensor(each).float().requires_grad_() for each in (d, r))
        solve(d, r).square().sum().backward()
        return d.grad, r.grad

    return forward, both


def diffrax_tsit5(mask: np.ndarray, start: np.ndarray):
    """diffrax, compiled, with neighbours looked up."""
    import diffrax
    import jax
    import jax.numpy as jnp

    near = jnp.asarray(laplacian_of(mask)[1])
    u0 = jnp.asarray(np.repeat(start[:, None], SUBJECTS, 1), jnp.float32)

    def change(_, u, rates):
        d, r = rates
        return r * u * (1 - u) + d * sum(u[each] - u for each in near)

    def solve(d, r):
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(change),
            diffrax.Tsit5(),
            0.0,
            TIMES[-1],
            None,
            u0,
            (d, r),
            saveat=diffrax.SaveAt(ts=jnp.array(TIMES)),
            stepsize_controller=diffrax.PIDController(**TOLERANCES),
            max_steps=1024,
        )
        return found.ys.transpose(2, 0, 1)

    forward = jax.jit(solve)
    both = jax.jit(jax.grad(lambda d, r: (solve(d, r) ** 2).sum(), (0, 1)))
    return tuple(
        lambda d, r, work=work: jax.tree.map(np.asarray, work(jnp.float32(d), jnp.float32(r)))
        for work in (forward, both)
    )


def reference(case: str, file: str) -> None:
    """Keep what is exact to about 1e-7: float64, many steps, extrapolated; by modes where they can go."""
    import torch

    from xsg.spread.physics import ReactionDiffusion

    torch.set_num_threads(1)
    mask, start, d, r = problem(case)
    solver = ReactionDiffusion.on_grid(mask, "modes" if mask.sum() < 3000 else "products")
    u0 = torch.tensor(start).expand(SUBJECTS, -1)
    coarse, fine = (solver.solve(u0, TIMES, d, r, steps=steps) for steps in (40, 80))
    np.save(file, ((4 * fine - coarse) / 3).numpy())


def memory_mb(what: str) -> float:
    """Return VmRSS, what the process holds, or VmHWM, the most since `clear_peak`, in MB, as Linux counts it."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(each for each in lines if each.startswith(what)).split()[1]) / 1024


def clear_peak() -> float:
    """Let the peak of memory begin anew, from what is held now, which is returned in MB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return memory_mb("VmRSS")


def row(case: str, method: str, exact: str | None) -> dict:
    """Measure one row."""
    warnings.simplefilter("ignore")
    mask, start, d, r = problem(case)
    package, kind, *steps = method.split()
    before = time.process_time()
    if package == "xsg":
        forward, both = ours(kind, int(*steps or [8]), mask, start)
    elif package == "diffrax":
        forward, both = diffrax_tsit5(mask, start)
    else:
        forward, both = explicit(package, mask, start)
    found = {"case": case, "n": int(mask.sum()), "method": method, "made_s": round(time.process_time() - before, 2)}
    works = {"forward": forward, "both": both}
    if package.startswith("torch") and mask.sum() * SUBJECTS * 4 * 3000 / 2**20 > BACKWARD_MB:
        del works["both"]  # some 500 evaluations, each with several states
    for name, work in works.items():
        held, took = clear_peak(), []
        if package == "diffrax":
            work(d, r)  # compiles
        while not took or (len(took) < 2 and took[0] < LONG):
            began = time.process_time()
            answer = work(d, r)
            took.append(time.process_time() - began)
        found |= {f"{name}_s": round(min(took), 4), f"{name}_mb": round(memory_mb("VmHWM") - held)}
        if name == "forward" and exact:
            found["error"] = float(f"{np.abs(answer - np.load(exact)).max():.3g}")
    return found


def main() -> None:
    """Print the two discs by every method that runs."""
    with tempfile.TemporaryDirectory() as folder:
        for case in ("disc-32", "disc-150"):
            exact, own = str(Path(folder) / f"{case}.npy"), None
            subprocess.run([sys.executable, __file__, case, "reference", exact], check=True)
            for method in (*OURS, *PEERS):
                if method == "xsg modes" and case != "disc-32":
                    continue
                command = [sys.executable, __file__, case, method, exact]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    said = done.stderr.strip().splitlines() or ["nothing said"]
                    print(f"{case} {method}: did not run ({said[-1]})", flush=True)
                    continue
                found = json.loads(done.stdout.splitlines()[-1])
                own = own or found
                text = f"{case:9} {method:19} {found['forward_s']:8.3f} s, error {found['error']:.1e}"
                if "both_s" in found:
                    ratio = found["both_s"] / own["both_s"]
                    text += f"; both ways {found['both_s']:8.3f} s, {ratio:6.1f} × ours, {found['both_mb']} MB"
                print(text, flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    elif sys.argv[2] == "reference":
        reference(sys.argv[1], sys.argv[3])
    else:
        print(json.dumps(row(sys.argv[1], sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else None)))
