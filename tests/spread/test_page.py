"""A posterior written to a page, and to a table."""

import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

import xsg
from xsg.spread.estimator import MechanisticMixture, maximum_likelihood


class Tags(HTMLParser):
    """Every start has an end."""

    def __init__(self):
        super().__init__()
        self.open, self.seen = [], []

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def cohort():
    cohort = xsg.load_spread("disc", noise=5, n_train=7, n_validation=0, n_test=5)
    subjects = ["<b>é&", *cohort.subjects[1:]]
    return xsg.Spread(
        "my <disc>", cohort.values, cohort.times, subjects, cohort.laplacian, cohort.places, mask=cohort.mask
    )


@pytest.fixture(scope="module")
def found(cohort):
    return MechanisticMixture(epochs=1, gain=True, steps=2).fit(cohort).infer(cohort)


def test_a_page_by_itself(found, tmp_path):
    text = found.save(tmp_path / "seen.html").read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    assert "my &lt;disc&gt;" in text
    assert "&lt;b&gt;é&amp;" in text
    assert "<b>" not in text
    images = [attrs for tag, attrs in tags.seen if tag == "img"]
    assert len(images) == 3 * 4 + 3  # three subjects, and D, R and the gain
    assert all(each["src"].startswith("data:image/png;base64,") and each["alt"] for each in images)
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    rates = found.rates()
    for name in ("D", "R", "gain"):
        assert f"{rates[name].iloc[2]:.2g}<small>{rates[f'{name}_low'].iloc[2]:.2g} to " in text
    assert "The gain is told by how growth slows down" in text


def test_what_is_unlike_is_on_it(found, tmp_path):
    before = found.unlike
    try:
        found.unlike = before.where(before.index != before.index[3], "too <bright>")
        text = found.save(tmp_path / "odd.html").read_text(encoding="utf-8")
    finally:
        found.unlike = before
    assert f"<li>{before.index[3]}: too &lt;bright&gt;</li>" in text
    assert f"{before.index[3]}*</th>" in text


def test_places_without_a_picture(tmp_path):
    cohort = xsg.load_spread("disc", noise=5, n_train=0, n_validation=0, n_test=3, laws=["diffusion"])
    oracle = maximum_likelihood(cohort, ["diffusion"], steps=4, iterations=3)
    text = oracle.save(tmp_path / "oracle.HTML").read_text(encoding="utf-8")
    assert "not known whether these subjects" in text
    assert "R (growth)" in text
    assert text.count("<img") == 1  # D alone: diffusion does not grow


def test_a_table(found, tmp_path):
    table = pd.read_csv(found.save(tmp_path / "rates.csv"), index_col=0)
    np.testing.assert_allclose(table["D"], found.rates()["D"])
    np.testing.assert_allclose(table.filter(like="p ").sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("report.pdf", "ending of .* '.pdf' is unknown; expected one of '.html', '.csv'"),
        ("report", "ending of .* '' is unknown"),
        ("no/where/report.html", "cannot write .*Name a file in a folder that is yours"),
    ],
)
def test_files_that_are_none(found, tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        found.save(tmp_path / name)


def test_a_folder_for_a_file(found, tmp_path):
    (tmp_path / "there.html").mkdir()
    with pytest.raises(ValueError, match="cannot write"):
        found.save(tmp_path / "there.html")
    assert not list((tmp_path / "there.html").iterdir())
