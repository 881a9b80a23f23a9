"""Look once a week at what the book needs from elsewhere, and keep one GitHub issue for each chapter that suffers.

tools/weekly.py links    every address on the pages, by Sphinx's link checker; told with the first page that has it
tools/weekly.py data     every file of the data registry: is it there, and as large as it was?
tools/weekly.py issues   open, renew or close one issue for each subject found wrong, by GitHub's own command gh

Findings lie in _build/weekly/KIND.json: of links and data by this script, of colab and binder by tools/hosted.py. What
was found is no failure of the script; a kind without a file could not be looked for, and is told too.
"""

import argparse
import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

import notebooks
import stamp

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("links", "data", "colab", "binder")
LABEL = "weekly"
PAUSE, PATIENCE = 5.0, (10, 30)  # seconds between tries, to connect and to the first byte
# Answers of a server that is there and lets no program in: a reader's browser may well be let in.
SHY = re.compile("(401|403|405|406|418|429|451|999) ")

Finding = tuple[str, str]  # a chapter, page or data file, and what is wrong with it


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    parser.add_argument("part", choices=("links", "data", "issues"))
    options = parser.parse_args(argv)
    root = options.root.resolve()
    if options.part == "issues":
        keep_issues(*gathered(root / "_build/weekly"))
        return 0
    findings = broken_links(root) if options.part == "links" else changed_data(root)
    told = json.dumps([{"subject": subject, "what": what} for subject, what in findings], indent=1)
    notebooks.write_text(root / f"_build/weekly/{options.part}.json", told)
    for subject, problems in by_subject(findings).items():
        print(f"### {subject}\n\n{problems}\n")
    print(f"{len(findings)} wrong with the {options.part}.")
    return 0


def by_subject(findings: Iterable[Finding]) -> dict[str, str]:
    """Return by subject what is wrong with it, as a list in Markdown."""
    found = {}
    for subject, what in findings:
        found.setdefault(subject, set()).add(f"- {what}")
    return {subject: "\n".join(sorted(problems)) for subject, problems in sorted(found.items())}


def broken_links(root: Path) -> list[Finding]:
    """Run Sphinx's link checker, which _config.yml sets, on the pages that were staged."""
    source, out = root / "_build/source", root / "_build/linkcheck"
    if not source.is_dir():
        raise SystemExit(f"There are no pages in {source}; run make book first.")
    book = Path(sys.executable).with_name("jupyter-book")
    result = out / "_build/html/output.json"
    result.unlink(missing_ok=True)
    subprocess.run(
        [book, "build", "--all", "--builder", "linkcheck", "--path-output", out, source],
        check=False,  # a broken link is a failure to it
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    findings = []
    for line in result.read_text(encoding="utf-8").splitlines():
        link = json.loads(line)
        wrong = link["status"] in ("broken", "timeout") or link["info"] == "service unavailable"
        if wrong and not SHY.match(link["info"]):
            page = Path(link["filename"]).with_suffix("").as_posix()
            findings.append((page, f"link to <{link['uri']}>: {link['info']}"))
    return findings


def changed_data(root: Path) -> list[Finding]:
    """Ask for the size of every file of the registry."""
    session = requests.Session()
    session.headers.update({"User-Agent": f"xsg-weekly (+{stamp.address(root).url})", "Accept-Encoding": "identity"})
    again = Retry(total=2, backoff_factor=PAUSE, status_forcelist=range(500, 600), raise_on_status=False)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=again))
    scripts = {stem: (root / f"chapters/{stem}.py").read_text(encoding="utf-8") for stem in notebooks.chapters(root)}
    with (root / "xsg/data/registry.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    findings = []
    for row in rows:
        try:
            answer = session.head(row["url"], timeout=PATIENCE, allow_redirects=True)
        except requests.RequestException as error:
            what = f"no answer ({type(error).__name__})"
        else:
            size = int(answer.headers.get("Content-Length", row["bytes"]))
            what = f"{size:,} bytes, {int(row['bytes']):,} expected" if size != int(row["bytes"]) else ""
            what = f"status {answer.status_code}" if answer.status_code >= 400 else what
        if what:
            needed = ", ".join(stem for stem, script in scripts.items() if row["name"] in script) or "no chapter"
            findings.append((f"data {row['name']}", f"<{row['url']}>: {what}. Needed by: {needed}."))
    return findings


def gathered(folder: Path) -> tuple[list[Finding], bool]:
    """Read findings of all kinds, and whether all could look; that one could not is a finding too."""
    findings, complete = [], True
    for kind in KINDS:
        try:
            entries = json.loads((folder / f"{kind}.json").read_bytes())
            findings += [(entry["subject"], entry["what"]) for entry in entries]
        except (OSError, ValueError, TypeError, KeyError):  # none, or half a file
            complete = False
            findings.append((f"check of {kind}", "it did not finish; see the workflow's log."))
    return findings, complete


def gh(*arguments: str) -> str:
    """Call GitHub's command, which finds repository and token by itself."""
    return subprocess.run(["gh", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def keep_issues(findings: list[Finding], complete: bool) -> None:
    """Open an issue for each subject, renew the one there is, and close those of which nothing is found any more."""
    gh("label", "create", LABEL, "--force")
    listed = gh("issue", "list", "--label", LABEL, "--state", "open", "--limit", "1000", "--json", "number,title,body")
    known = {issue["title"]: issue for issue in json.loads(listed)}
    log = f"{os.environ.get('GITHUB_SERVER_URL', '')}/{os.environ.get('GITHUB_REPOSITORY', '')}/actions/runs"
    for subject, problems in by_subject(findings).items():
        title, body = f"Weekly check: {subject}", f"{problems}\n\nFound by the weekly check, {log}."
        issue = known.pop(title, None)
        if issue is None:
            gh("issue", "create", "--title", title, "--body", body, "--label", LABEL)
        elif issue["body"] != body:
            gh("issue", "edit", str(issue["number"]), "--body", body)
        print(f"{'still open' if issue else 'opened'}: {title}")
    for title, issue in known.items() if complete else ():
        gh("issue", "close", str(issue["number"]), "--reason", "completed")
        print(f"closed: {title}")


if __name__ == "__main__":
    sys.exit(main())
