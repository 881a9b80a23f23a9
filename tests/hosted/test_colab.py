"""Colab: a chapter's own cell installs xsg beside what is there, and the chapter runs from its single file."""

import pytest

import stamp


@pytest.fixture(scope="module")
def colab(environment, torch):
    """What Colab has today, as far as it matters here; its notebook machinery is ours."""
    return environment("colab", "numpy==2.1.*", "pandas==2.2.*", torch, "ipykernel", "nbclient", "psutil")


def test_a_chapter_runs_from_its_single_file(colab, checkout, run_chapter, tmp_path, stem):
    # git finds the book's address in this tree, so that the cell's own words are what is installed.
    there = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{checkout.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": stamp.address(checkout).url,
    }
    assert run_chapter(colab, checkout / f"chapters/{stem}.ipynb", tmp_path, "--colab", **there) == []
