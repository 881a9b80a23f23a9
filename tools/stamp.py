"""Write the repository's address, which stands in _config.yml, wherever else it is needed.

tools/stamp.py           rewrite every place
tools/stamp.py --check   tell the places that say something else, and write nothing
"""

import argparse
import re
import sys
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


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args(argv)
    root = options.root.resolve()
    try:
        texts = stamped(root, address(root))
    except StampError as error:
        print(error, file=sys.stderr)
        return 1
    other = [path for path, text in texts.items() if path.read_text(encoding="utf-8") != text]
    names = ", ".join(str(path.relative_to(root)) for path in other)
    if options.check and other:
        print(f"Not as _config.yml has it; run tools/stamp.py: {names}", file=sys.stderr)
        return 1
    for path in other:
        notebooks.write_text(path, texts[path])
    print(f"{len(texts)} files hold the address; rewritten: {names or 'none'}")
    return 0


def address(root: Path) -> Address:
    """Read the address from _config.yml."""
    here = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["repository"]
    match = re.fullmatch(r"https://github\.com/([\w.-]+)/([\w.-]+)", here["url"])
    if not match:
        raise StampError(
            f"_config.yml: repository.url is {here['url']!r}, expected https://github.com/ORGANISATION/REPOSITORY."
        )
    if not re.fullmatch(r"[\w.-]+", str(here["branch"])):
        raise StampError(f"_config.yml: repository.branch is {here['branch']!r}, expected letters, digits, . _ - only.")
    return Address(*match.groups(), str(here["branch"]))


def links(root: Path, at: Address) -> dict[str, str]:
    """Addresses by the names that Markdown refers to them with, such as colab-06."""
    hubs = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))["launch_buttons"]
    place, found = f"{at.organisation}/{at.repository}", {"repository": at.url, "issues": f"{at.url}/issues"}
    for stem in notebooks.chapters(root):
        number, file = stem.partition("_")[0], f"chapters/{stem}.ipynb"
        found[f"binder-{number}"] = f"{hubs['binderhub_url']}/v2/gh/{place}/{at.branch}?urlpath=tree/{file}"
        found[f"colab-{number}"] = f"{hubs['colab_url']}/github/{place}/blob/{at.branch}/{file}"
    return found | {"site": at.site}


def stamped(root: Path, at: Address) -> dict[Path, str]:
    """Every file that holds the address, with the text it should have."""
    known = links(root, at)

    def reference(match: re.Match) -> str:
        if match[1] not in known:
            raise StampError(f"[{match[1]}]: _toc.yml has no chapter {match[1].partition('-')[2]}.")
        return f"[{match[1]}]: {known[match[1]]}"

    names = r"^\[(repository|issues|site|(?:binder|colab)-\w+)\]: .*$"
    install = (r'(?<=install -q )git\+[^\s"\\]*', f"git+{at.url}@{at.branch}")  # in a notebook an escaped " may follow
    places = [
        ("_config.yml", r"^  baseurl: .*$", f"  baseurl: {at.site}"),
        ("CITATION.cff", r"^repository-code: .*$", f"repository-code: {at.url}"),
        ("CITATION.cff", r"^url: .*$", f"url: {at.site}"),
        ("pyproject.toml", r"^Homepage = .*$", f'Homepage = "{at.site}"'),
        ("pyproject.toml", r"^Repository = .*$", f'Repository = "{at.url}"'),
        ("pyproject.toml", r"^Issues = .*$", f'Issues = "{at.url}/issues"'),
        ("xsg/data/registry.csv", r"https://raw\S+?(?=/experiments/)", at.raw),
        ("book/running.md", r"git clone \S+\ncd \S+", f"git clone {at.url}\ncd {at.repository}"),
        ("book/running.md", names, reference),
        ("book/running.md", r"git\+https\S+", f"git+{at.url}@{at.branch}"),
        ("book/benchmark_join.md", names, reference),
        ("book/benchmark_join.md", r"git\+https\S+", f"git+{at.url}@{at.branch}"),
        ("README.md", names, reference),
        ("README.md", *install),
        ("chapters/[0-9]*.py", *install),
        ("chapters/[0-9]*.ipynb", *install),
    ]
    texts = {}
    for files, pattern, belongs in places:
        for path in sorted(root.glob(files)):
            text = texts.get(path) or path.read_text(encoding="utf-8")
            texts[path], found = re.subn(pattern, belongs, text, flags=re.MULTILINE)
            if not found:
                raise StampError(f"{path.relative_to(root)}: the address has no place here any more ({pattern}).")
    return texts


if __name__ == "__main__":
    sys.exit(main())
