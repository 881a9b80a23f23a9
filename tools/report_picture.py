"""Draw the README's picture of a report: the top of the page that ``xsg evaluate`` makes of an image.

Takes some minutes, and Chromium; run it when the page changes: ``python tools/report_picture.py``.
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from xsg.__main__ import main
from xsg.data.fetch import fetch

ROOT = Path(__file__).resolve().parents[1]
MAP = "human/atrophy/TDP43C.nii.gz"


def picture(target: Path) -> None:
    """Write the picture."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder:
        command = ["evaluate", str(fetch(MAP)), "--positive", "gain", "--unit", "t", "--name", "TDP-43, type C"]
        command += ["--n-nulls", "99"]
        if main([*command, "--out", folder]):
            raise SystemExit("the trial failed")
        with sync_playwright() as play:
            opened = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page = opened.new_page(viewport={"width": 1000, "height": 1320}, color_scheme="light")
            page.goto((Path(folder) / "report.html").as_uri())
            page.screenshot(path=target)
            opened.close()


if __name__ == "__main__":
    picture(ROOT / "book/_static/report.png")
