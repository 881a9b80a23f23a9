"""Write the repository's address, which stands in _config.yml, wherever else it is needed.

tools/stamp.py           rewrite every place
tools/stamp.py --check   tell the places that say something else, and write nothing
"""

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

import notebooks


class StampError(Exception):
    """The address cannot be used, or a place that should hold it is gone; the message says which."""


@dataclass(frozen=True)
class Address:
    """Where the book lives, and what follows from that."""

    organisation: str
    repository: str
    branch: str
    binder_hub: str
    colab_hub: str

    @property
    def url(self) -> str:
        """The repository."""
        return f"https://github.com/{self.organisation}/{self.repository}"

    @property
    def site(self) -> str:
        """Where .github/workflows/pages.yml publishes."""
        own = f"{self.organisation.lower()}.github.io"
        return f"https://{own}/" if self.repository.lower() == own else f"https://{own}/{self.repository}/"

    @property
    def raw(self) -> str:
        """Where single files of the repository are had."""
        return f"https://raw.githubusercontent.com/{self.organisation}/{self.repository}/{self.branch}"

    def binder(self, path: str) -> str:
        """Launch a file on Binder."""
        return f"{self.binder_hub}/v2/gh/{self.organisation}/{self.repository}/{self.branch}?urlpath=tree/{path}"

    def colab(self, path: str) -> str:
        """Open a notebook in Colab."""
        return f"{self.colab_hub}/github/{self.organisation}/{self.repository}/blob/{self.branch}/{path}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        at = address(root)
        texts = stamped(root, at)
    except StampError as error:
        print(error, file=sys.stderr)
        return 1
    differences = []
    for path, text in texts.items():
        before = path.read_text(encoding="utf-8").splitlines()
        for number, (old, new) in enumerate(zip(before, text.splitlines(), strict=True), start=1):
            if old != new:
                differences.append(f"{path.relative_to(root)}:{number}: {new.strip()}")
        if not options.check:
            notebooks.write_text(path, text)
    if options.check and differences:
        print(
            "Not as _config.yml has it; run tools/stamp.py. There should be:", *differences, sep="\n", file=sys.stderr
        )
        return 1
    print(f"{at.url} ({at.branch}): {len(texts)} files, {len(differences)} lines rewritten")
    return 0


def address(root: Path) -> Address:
    """Read the address from _config.yml."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    url, branch = config["repository"]["url"], str(config["repository"]["branch"])
    match = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", url)
    if not match:
        raise StampError(
            f"_config.yml: repository.url is {url!r}, expected https://github.com/ORGANISATION/REPOSITORY."
        )
    if not re.fullmatch(r"[\w.-]+", branch):
        raise StampError(f"_config.yml: repository.branch is {branch!r}, expected letters, digits, . _ - only.")
    hubs = config["launch_buttons"]
    return Address(*match.groups(), branch, hubs["binderhub_url"], hubs["colab_url"])


def places(root: Path, at: Address) -> list[tuple[str, str, Callable[[re.Match], str]]]:
    """Files, what to look for in each of them, and what belongs there."""
    chapters = {stem.partition("_")[0]: f"chapters/{stem}.ipynb" for stem in notebooks.chapters(root)}
    plain = {"repository": at.url, "issues": f"{at.url}/issues", "site": at.site}

    def reference(match: re.Match) -> str:
        name, number = match["name"], match["number"]
        if number is None:
            return f"[{name}]: {plain[name]}"
        if number not in chapters:
            raise StampError(f"[{name}-{number}]: _toc.yml has no chapter {number}, only {', '.join(chapters)}.")
        return f"[{name}-{number}]: {getattr(at, name)(chapters[number])}"

    references = r"^\[(?:(?P<name>repository|issues|site|binder(?=-)|colab(?=-))(?:-(?P<number>\w+))?)\]: .*$"
    install = r'(?<=install -q )git\+[^\s"\\]*'  # in the notebook the quotation mark that may follow is escaped
    return [
        ("_config.yml", r"^  baseurl: .*$", lambda _: f"  baseurl: {at.site}"),
        ("CITATION.cff", r"^repository-code: .*$", lambda _: f"repository-code: {at.url}"),
        ("CITATION.cff", r"^url: .*$", lambda _: f"url: {at.site}"),
        ("pyproject.toml", r"^Homepage = .*$", lambda _: f'Homepage = "{at.site}"'),
        ("pyproject.toml", r"^Repository = .*$", lambda _: f'Repository = "{at.url}"'),
        ("pyproject.toml", r"^Issues = .*$", lambda _: f'Issues = "{at.url}/issues"'),
        ("book/running.md", r"git clone \S+\ncd \S+", lambda _: f"git clone {at.url}\ncd {at.repository}"),
        ("book/running.md", references, reference),
        ("README.md", references, reference),
        ("xsg/data/registry.csv", r"https://raw\S+?(?=/experiments/)", lambda _: at.raw),
        ("chapters/[0-9]*.py", install, lambda _: f"git+{at.url}@{at.branch}"),
        ("chapters/[0-9]*.ipynb", install, lambda _: f"git+{at.url}@{at.branch}"),
    ]


def stamped(root: Path, at: Address) -> dict[Path, str]:
    """Every file that holds the address, with the text it should have."""
    texts = {}
    for files, pattern, belongs in places(root, at):
        for path in sorted(root.glob(files)):
            text = texts.get(path) or path.read_text(encoding="utf-8")
            texts[path], found = re.subn(pattern, belongs, text, flags=re.MULTILINE)
            if not found:
                raise StampError(f"{path.relative_to(root)}: the address has no place here any more ({pattern}).")
    return texts


if __name__ == "__main__":
    sys.exit(main())
