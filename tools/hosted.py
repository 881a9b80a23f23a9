"""Run chapters as a hosted notebook would: the .ipynb alone in an empty folder, with what this environment has.

tools/hosted.py --findings FILE.json NOTEBOOK.ipynb …   in this environment as it is (Binder)
tools/hosted.py --colab --findings …                    as Colab: the chapter itself installs xsg, beside what is there

Needs nbclient, nbformat, psutil and filelock and nothing of the book, so that it runs inside the hosts' own images.
What is wrong goes to FILE.json as tools/weekly.py reads it; the exit code says only whether it could look.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

import guard
import kernels

# Colab's kernel has this module before the first cell runs; chapters ask for it by name.
COLAB = "import sys, types\nsys.modules.setdefault('google.colab', types.ModuleType('google.colab'))\n"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--colab", action="store_true")
    parser.add_argument("--memory", type=int, default=2000, help="MB that a chapter may use (default: 2000, Binder's)")
    parser.add_argument("--findings", type=Path, required=True)
    parser.add_argument("notebooks", nargs="+", type=Path)
    options = parser.parse_args(argv)
    before, findings = versions(), []
    for path in options.notebooks:
        problems = []
        if options.colab:
            subprocess.run([sys.executable, "-m", "pip", "uninstall", "-q", "-y", "xsg"], check=True)
        error, peak = run(path, options.colab)
        if error:
            problems.append(error)
        elif options.colab and "xsg" not in versions():
            problems.append("the chapter did not install xsg")
        if peak > options.memory and not options.colab:
            problems.append(f"used {peak} MB, {options.memory} MB are there")
        now = versions()
        for name in sorted(before):
            if now.get(name) != before[name]:
                problems.append(f"changed {name} from {before[name]} to {now.get(name)}")
        print(f"{path.stem}: {peak} MB; {'; '.join(problems) or 'fine'}", flush=True)
        host = "Colab" if options.colab else "Binder"
        findings += [{"subject": f"chapters/{path.stem}", "what": f"{host}: {problem}"} for problem in problems]
    options.findings.parent.mkdir(parents=True, exist_ok=True)
    options.findings.write_text(json.dumps(findings, indent=1), encoding="utf-8")
    return 0


def versions() -> dict[str, str]:
    """Tell what is installed, asked anew: this process has a cache of its own."""
    listed = subprocess.run(
        [sys.executable, "-c", "import json; from importlib import metadata\n"
         "print(json.dumps({part.name: part.version for part in metadata.distributions()}))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return {name: version for name, version in json.loads(listed.stdout).items() if name}


def run(path: Path, colab: bool) -> tuple[str | None, int]:
    """Run one notebook in an empty folder; return what went wrong, and the peak of all its processes together in MB."""
    with tempfile.TemporaryDirectory() as folder:
        place, startup = Path(folder, "here"), Path(folder, "ipython/profile_default/startup")
        place.mkdir()
        startup.mkdir(parents=True)
        if colab:
            (startup / "colab.py").write_text(COLAB, encoding="utf-8")
        os.environ["IPYTHONDIR"] = str(startup.parents[1])
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        client = NotebookClient(notebook, timeout=1200, kernel_name="python3", resources={"metadata": {"path": place}})
        peak, done = [0], threading.Event()
        watch = threading.Thread(target=watch_memory, args=(peak, done))
        watch.start()
        try:
            kernels.patiently(client.execute)()
            error = None
        except CellExecutionError as failure:
            error = f"{failure.ename}: {failure.evalue}".replace("\n", " ")[:500]
        except (DeadKernelError, TimeoutError) as failure:
            error = f"the kernel died or did not answer ({type(failure).__name__})"
        finally:
            done.set()
            watch.join()
    return error, peak[0]


def watch_memory(peak: list[int], done: threading.Event) -> None:
    """Keep the largest sum over this process and its children; a page that several share counts in each."""
    family = {os.getpid(): psutil.Process()}
    while not done.wait(guard.BEAT):
        peak[0] = max(peak[0], round(guard.used(family)))


if __name__ == "__main__":
    sys.exit(main())
