"""The table as it is read: the same numbers everywhere, whatever a method is called."""

import pandas as pd
import pytest

from xsg.bench.run import COLUMNS
from xsg.bench.show import as_markdown, as_page, as_text, boards, differences

NAME = "my <b>| method, naïve"


@pytest.fixture
def rows():
    rows = []
    for method, r2 in (("a", 0.4), (NAME, -0.2), ("z", 0.7)):
        for kind in ("genes", "place"):
            for split in ("pairs", "patches"):
                for k in range(7):
                    row = (method, kind, kind, split, k, 0, r2 + 0.01 * k, r2 - 0.3, 1.0, float("nan"), 0.1)
                    rows.append(dict(zip(COLUMNS, row, strict=True)))
    return pd.DataFrame(rows)


@pytest.fixture
def found(rows):
    return boards(rows, [NAME])


def test_ones_own_come_first_and_the_others_by_score(found):
    genes, place = found
    assert genes.heading == "Simulated maps made by genes: genes"
    assert (list(genes.table.index), genes.own) == ([NAME, "z", "a"], 1)
    assert "r with truth" not in genes.table  # nobody knows it here
    assert genes.table.loc["z", "R², pairs"] == "0.73 (0.71 to 0.75)"
    assert genes.table.loc[NAME, "R², pairs"].startswith("−0.17")
    assert place.table.loc["z", "alarms: beyond place"] == "100 % (65 to 100)"


def test_atlases_stand_apart_and_who_was_not_asked_of_all_maps_says_so(rows):
    fine = rows[rows["kind"] == "place"].assign(task="place-schaefer200")
    fine = fine[(fine["method"] != "z") | fine["map"].isin([0, 3])]
    found = boards(pd.concat([rows, fine]), ["nobody"])
    assert [each.heading.partition(": ")[2] for each in found] == ["genes", "place", "place-schaefer200"]
    assert list(found[2].table.index) == ["z (2 of 7 maps)", "a", NAME]
    assert [each.own for each in found] == [0, 0, 0]


def test_all_forms_hold_every_cell(found, rows):
    found = [*found, *differences(rows, [NAME])]
    text, markdown, page = as_text(found), as_markdown(found), as_page(found, [NAME], ["a <note>"])
    for board in found:
        for cell in board.table.to_numpy().ravel():
            assert cell in text
            assert cell in markdown
            value, ends = cell.rstrip(")").split(" (")
            assert f">{value}<small>{ends}</small>" in page
    assert "my \\<b\\>\\| method, naïve" in markdown
    assert "<b>" not in markdown
    assert "my &lt;b&gt;| method, naïve" in page
    assert "a &lt;note&gt;" in page
    assert page.count("<tr class=use-this") == 2


def test_differences_say_by_how_much_ones_own_is_better_than_each_other(rows):
    (found,) = differences(rows, ["a"])
    assert found.heading == "By how much a is better: genes"
    assert list(found.table.index) == ["z", NAME]  # the best first
    assert found.table["R², pairs"].tolist() == ["−0.30 (−0.30 to −0.30)", "0.60 (0.60 to 0.60)"]
    assert differences(rows, ["nobody"]) == differences(rows[rows["method"] == "a"], ["a"]) == []
