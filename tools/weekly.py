"""Look once a week at what the book needs from elsewhere, and keep one GitHub issue for each chapter that suffers.

tools/weekly.py links    every address on the rendered pages
tools/weekly.py data     every file of the data registry: is it there, and as large as it was?
tools/weekly.py issues   open, renew or close one issue for each subject found wrong

Findings lie in _build/weekly/KIND.json: of links and data by this script, of colab and binder by tools/hosted.py. What
was found is no failure of the script; a kind without a file could not be looked for, and is told too.
"""

import argparse
import csv
import json
import os
import re
import sys
import time
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from html import unescape
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

import requests

import notebooks
import stamp

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("links", "data", "colab", "binder")
LABEL = "weekly"
TRIES, PAUSE, PATIENCE = 3, 5.0, (10, 30)  # tries, seconds between them, seconds to connect and to the first byte
# Answers of a server that is there and lets no program in: a reader's browser may well be let in.
SHY = {401, 403, 405, 406, 418, 429, 451, 999}


@dataclass(frozen=True)
class Finding:
    """Something wrong with a chapter, a page or a data file."""

    subject: str
    what: str


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
    told = json.dumps([asdict(finding) for finding in findings], indent=1)
    notebooks.write_text(root / f"_build/weekly/{options.part}.json", told)
    print(markdown(findings) or f"Nothing wrong with the {options.part}.")
    return 0


def by_subject(findings: Iterable[Finding]) -> dict[str, list[str]]:
    found = {}
    for finding in findings:
        found.setdefault(finding.subject, []).append(finding.what)
    return dict(sorted(found.items()))


def markdown(findings: Iterable[Finding]) -> str:
    return "\n\n".join(
        "\n".join([f"### {subject}", "", *(f"- {what}" for what in sorted(set(problems)))])
        for subject, problems in by_subject(findings).items()
    )


# ---------------------------------------------------------------------------------------------------- looking


def visitor(address: stamp.Address) -> requests.Session:
    """Return a session that says who asks."""
    session = requests.Session()
    session.headers.update({"User-Agent": f"xsg-weekly (+{address.url})", "Accept-Encoding": "identity"})
    return session


def ask(session: requests.Session, url: str, follow: bool = True) -> requests.Response | str:
    """Ask for the head of what lies at an address, its body unread; a string says why there was no answer."""
    trouble = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE * attempt)
        try:
            answer = session.head(url, timeout=PATIENCE, allow_redirects=follow)
            if answer.status_code >= 400:  # some servers know no HEAD
                answer = session.get(url, timeout=PATIENCE, allow_redirects=follow, stream=True)
                answer.close()
        except requests.TooManyRedirects:
            return "redirects without end"
        except requests.RequestException as error:
            late = isinstance(error, requests.Timeout)
            trouble = "no answer in time" if late else f"no connection ({type(error).__name__})"
            continue
        if answer.status_code < 500:
            return answer
        trouble = f"status {answer.status_code}"
    return f"{trouble}, {TRIES} times"


def links(root: Path) -> dict[str, set[str]]:
    """Pages by the address that they link to, without what names a place on the page."""
    html = root / "_build/html"
    found = {}
    for path in sorted(part for folder in ("book", "chapters") for part in (html / folder).glob("*.html")):
        for link in re.findall(r'<a\b[^>]*\bhref="(https?://[^"]*)"', path.read_text(encoding="utf-8")):
            found.setdefault(urldefrag(unescape(link)).url, set()).add(f"{path.parent.name}/{path.stem}")
    if not found:
        raise SystemExit(f"There are no pages in {html}; run make book first.")
    return found


def broken_links(root: Path) -> list[Finding]:
    """Ask once for every address that a page links to, one at a time on each host."""
    pages = links(root)
    session = visitor(stamp.address(root))
    hosts = {}
    for url in sorted(pages):
        hosts.setdefault(urlsplit(url).netloc, []).append(url)

    def visit(host: str) -> list[tuple[str, str | None]]:
        # A DOI is proved by its registry's redirect; where that leads, publishers let no program in.
        return [(url, verdict(ask(session, url, follow=host != "doi.org"))) for url in hosts[host]]

    with ThreadPoolExecutor(max_workers=8) as pool:
        told = [pair for pairs in pool.map(visit, hosts) for pair in pairs]
    return [Finding(page, f"link to <{url}>: {what}") for url, what in told if what for page in sorted(pages[url])]


def verdict(answer: requests.Response | str, let_in: Collection[int] = SHY) -> str | None:
    """Say what is wrong with an answer."""
    if isinstance(answer, str):
        return answer
    return f"status {answer.status_code}" if answer.status_code >= 400 and answer.status_code not in let_in else None


def changed_data(root: Path) -> list[Finding]:
    """Ask for the size of every file of the registry."""
    session = visitor(stamp.address(root))
    readers = {}
    for stem in notebooks.chapters(root):
        for name in notebooks.declared_data(notebooks.read_script(root / f"chapters/{stem}.py")):
            readers.setdefault(name, []).append(stem)
    with (root / "xsg/data/registry.csv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table))
    findings = []
    for row in rows:
        answer = ask(session, row["url"])
        size = None if isinstance(answer, str) else answer.headers.get("Content-Length")
        what = verdict(answer, let_in=())
        if what is None and size is not None and int(size) != int(row["bytes"]):
            what = f"{int(size):,} bytes, {int(row['bytes']):,} expected"
        if what:
            needed = ", ".join(readers.get(row["name"], [])) or "no chapter"
            findings.append(Finding(f"data {row['name']}", f"<{row['url']}>: {what}. Needed by: {needed}."))
    return findings


# ---------------------------------------------------------------------------------------------------- telling


def gathered(folder: Path) -> tuple[list[Finding], bool]:
    """Read findings of all kinds, and whether all could look; that one could not is a finding too."""
    findings, complete = [], True
    for kind in KINDS:
        path = folder / f"{kind}.json"
        try:
            findings += [Finding(**entry) for entry in json.loads(path.read_bytes())]
        except (OSError, ValueError, TypeError):  # none, or half a file
            complete = False
            findings.append(Finding(f"check of {kind}", "it did not finish; see the workflow's log."))
    return findings, complete


def keep_issues(findings: list[Finding], complete: bool) -> None:
    """Open an issue for each subject, renew the one there is, and close those of which nothing is found any more."""
    server = os.environ.get("GITHUB_API_URL", "https://api.github.com")
    place = f"{server}/repos/{os.environ['GITHUB_REPOSITORY']}/issues"
    session = requests.Session()
    session.headers.update(
        {"Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}", "Accept": "application/vnd.github+json"}
    )

    def call(method: str, url: str, **given) -> requests.Response:
        answer = session.request(method, url, timeout=PATIENCE, **given)
        answer.raise_for_status()
        return answer

    known, url = {}, f"{place}?labels={LABEL}&state=open&per_page=100"
    while url:
        answer = call("GET", url)
        known |= {issue["title"]: issue for issue in answer.json() if "pull_request" not in issue}
        url = answer.links.get("next", {}).get("url")
    log = f"{os.environ.get('GITHUB_SERVER_URL', '')}/{os.environ['GITHUB_REPOSITORY']}/actions/runs"
    for subject, problems in by_subject(findings).items():
        title = f"Weekly check: {subject}"
        body = "\n".join([*(f"- {what}" for what in sorted(set(problems))), "", f"Found by the weekly check, {log}."])
        if title in known:
            issue = known.pop(title)
            if issue["body"] != body:
                call("PATCH", f"{place}/{issue['number']}", json={"body": body})
            print(f"still open: {title}")
        else:
            call("POST", place, json={"title": title, "body": body, "labels": [LABEL]})
            print(f"opened: {title}")
    for title, issue in known.items() if complete else ():
        call("PATCH", f"{place}/{issue['number']}", json={"state": "closed", "state_reason": "completed"})
        print(f"closed: {title}")


if __name__ == "__main__":
    sys.exit(main())
