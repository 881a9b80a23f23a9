"""The table as it is read: the same numbers everywhere, whatever a method is called."""

import pandas as pd
import pytest

from xsg.bench.run import COLUMNS
from xsg.bench.show import as_markdown, as_page, as_text, boards

NAME = "my <b>| method, naïve"


@pytest.fixture
def found():
    rows = []
    for method, r2 in (("a", 0.4), (NAME, -0.2), ("z", 0.7)):
        for kind in ("genes", "place"):
            for split in ("pairs", "patches"):
                for k in range(7):
                    row = (method, kind, kind, split, k, 0, r2 + 0.01 * k, r2 - 0.3, 1.0, float("nan"), 0.1)
                    rows.append(dict(zip(COLUMNS, row, strict=True)))
    return boards(pd.DataFrame(rows), [NAME])


def test_ones_own_come_first_and_the_others_by_score(found):
    assert list(found) == ["genes", "place"]
    assert list(found["genes"].index) == [NAME, "z", "a"]
    assert "r with truth" not in found["genes"]  # nobody knows it here
    assert found["genes"].loc["z", "R², pairs"] == "0.73 (0.71 to 0.75)"
    assert found["genes"].loc[NAME, "R², pairs"].startswith("−0.17")
    assert found["place"].loc["z", "alarms: beyond place"] == "100 % (65 to 100)"


def test_all_forms_hold_every_cell(found):
    text, markdown, page = as_text(found), as_markdown(found), as_page(found, [NAME], ["a <note>"])
    for board in found.values():
        for cell in board.to_numpy().ravel():
            assert cell in text
            assert cell in markdown
            value, ends = cell.rstrip(")").split(" (")
            assert f">{value}<small>{ends}</small>" in page
    assert "my <b>\\| method, naïve" in markdown
    assert "my &lt;b&gt;| method, naïve" in page
    assert "a &lt;note&gt;" in page
    assert page.count("<tr class=use-this") == 2
