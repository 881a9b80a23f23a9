"""Interactive figures: what is in them is what was given, whole, small, and the same every time."""

import base64
import gzip
import io
import json
import re
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files

import matplotlib
import numpy as np
import pandas as pd
import pytest

matplotlib.use("Agg")

from xsg.atlas import REGIONS, Parcellation, load_parcellation, mesh
from xsg.interactive import cortex_view, slice_view, spread_view
from xsg.spatial.mouse import SHAPE

STEP = 1 / 254
SEVEN = [*REGIONS[:4], *REGIONS[34:37]]


def maps(rng=0):
    values = np.random.default_rng(rng).normal(size=(7, 2))
    return pd.DataFrame(values, SEVEN, ["thinning", "</script><!-- & \"é\" 'α'"])


def volume():
    values = np.random.default_rng(1).gamma(2.0, size=SHAPE)
    values[:8] = np.nan
    return values


def fields():
    d, r, t, i, j = np.ogrid[1:3, 1:4, 1:5, 1:6, 1:7]  # 2 D, 3 R, 4 times, 5 × 6 places: no two sizes alike
    values = (0.31 * d + 0.17 * r + 0.13 * t + 0.07 * i + 0.03 * j) / 3
    values[..., 0, 0] = np.nan
    return values


RATES = {"D": [0.1, 1.0], "R": [0.0, 0.1, 0.2], "times": [0.0, 1.0, 3.0, 9.0]}
MAKE = {
    "cortex": lambda: cortex_view(maps()["thinning"], "mm"),
    "slices": lambda: slice_view({"a gene": volume(), "another": volume() + 1}, "energy"),
    "spread": lambda: spread_view(fields(), **RATES),
}
KINDS = list(MAKE)


@cache
def made(kind):
    return MAKE[kind]()


def read(view):
    """Undo the packing as the script does, and return what the script is given."""
    call = re.search(r'^start\("[0-9a-f]+", \w+, ("(?:[^"\\]|\\.)*"), (\{.*\})\);$', view.html, re.MULTILINE)
    spec = json.loads(call[2])
    blob = gzip.decompress(base64.urlsafe_b64decode(spec["data"]["bytes"]))
    arrays = {}
    for name, entry in spec["data"]["arrays"].items():
        kind = {1: np.dtype("u1"), 2: np.dtype("<u2")}[entry["type"]]
        steps = np.frombuffer(blob, kind, int(np.prod(entry["shape"])), entry["start"])
        arrays[name] = np.cumsum(steps, dtype=kind).reshape(entry["shape"])
    return spec, arrays


class Document(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.images, self.scripts = [], [], 0
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.images += [dict(attrs)] if tag == "img" else []

    def handle_comment(self, data):
        raise AssertionError(f"a comment opened: {data[:50]}")


def test_cortex_values_reach_their_own_regions():
    given = maps()
    spec, arrays = read(cortex_view(given, "mm", limits={"thinning": (-2, 3)}))
    assert spec["regions"] == list(REGIONS)
    first, second = spec["maps"]
    assert (first["low"], first["high"], first["label"]) == (-2, 3, "mm")
    assert second["low"] == -second["high"]
    for scale, (_, column) in zip(spec["maps"], given.items(), strict=True):
        found = pd.Series(scale["values"], REGIONS, dtype=float)
        assert found.notna().sum() == 7
        span = scale["high"] - scale["low"]
        np.testing.assert_allclose(found[SEVEN], column, rtol=0, atol=span * STEP * 0.51)
    dk = load_parcellation("dk")
    assert np.array_equal(arrays["labels"].reshape(-1).astype(int) - 1, dk.labels)


def test_cortex_surface_is_that_of_the_atlas():
    spec, arrays = read(cortex_view(maps()["thinning"], "mm", surface="pial"))
    low, step = spec["mesh"]["low"], spec["mesh"]["step"]
    for side, part in enumerate(mesh("pial").parts.values()):
        np.testing.assert_allclose(low + step * arrays["points"][side].T, part.coordinates, rtol=0, atol=0.51 * step)
        assert np.array_equal(arrays["faces"].T, part.faces)
    assert step < 0.1  # mm


def test_cortex_takes_another_parcellation():
    halves = np.repeat([1, 2], 10242)
    halves[:5000] = 3
    three = Parcellation.from_labels("three", halves, {3: "L_front", 1: "L_rest", 2: "R_all"})
    spec, arrays = read(cortex_view(pd.Series({"R_all": 1.0, "L_front": 2.0}), "x", parcellation=three))
    assert spec["maps"][0]["values"] == [2.0, None, 1.0]
    assert np.bincount(arrays["labels"].reshape(-1)).tolist() == [0, 5000, 5242, 10242]


def test_slices_keep_every_voxel_in_its_place():
    given = {"a gene": volume(), "another": volume() + 1}
    spec, arrays = read(slice_view(given, {"a gene": "energy", "another": "more"}, limits=(0.5, 4), at=(30, 7, 50)))
    assert spec["at"] == [30, 7, 50]
    assert [scale["label"] for scale in spec["maps"]] == ["energy", "more"]
    for codes, values in zip(arrays["codes"], given.values(), strict=True):
        assert np.array_equal(codes == 0, np.isnan(values))
        found = 0.5 + (codes.astype(float) - 1) * STEP * 3.5
        np.testing.assert_allclose(found[8:], values[8:].clip(0.5, 4), rtol=0, atol=0.51 * STEP * 3.5)


def test_spread_keeps_every_place_at_every_time():
    spec, arrays = read(spread_view({"logistic": fields(), "damped": 1 - fields()}, **RATES))
    assert {name: spec[name] for name in RATES} == RATES
    domain = arrays["domain"].astype(bool)
    assert domain.shape == (5, 6)
    assert domain.sum() == 29
    found = (arrays["codes"].astype(float) - 1) * STEP  # field, D, R, place, time
    for one, values in zip(found, (fields(), 1 - fields()), strict=True):
        np.testing.assert_allclose(one.swapaxes(-1, -2), values[..., domain], rtol=0, atol=0.51 * STEP)


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_is_whole_small_and_the_same_every_time(kind):
    view, again = made(kind), MAKE[kind]()
    assert view == again
    bundle = view._repr_mimebundle_()
    assert bundle["text/html"] == view.html
    assert base64.b64decode(bundle["image/png"]) == view.png
    assert bundle["text/plain"] == "View()"
    assert sum(map(len, bundle.values())) < 1.2e6
    assert matplotlib.image.imread(io.BytesIO(view.png)).shape[1] > 600
    # Nothing is fetched: the only address is the name of SVG.
    assert set(re.findall(r"https?://[^\"'\s)]+", view.html)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\b(fetch|import|XMLHttpRequest|WebSocket)\b\s*\(", view.html)


@pytest.mark.parametrize("kind", KINDS)
def test_the_picture_has_words(kind):
    [image] = Document(made(kind).html).images
    assert len(image["alt"]) > 40
    assert image["src"].startswith("data:image/png;base64,")


def test_names_and_words_break_nothing():
    view = cortex_view(maps(), '<b>mm</b> & "more"', alt='Said "so" </script><!--')
    document = Document(view.html)
    assert document.tags == ["div", "style", "img", "p", "script"]
    assert document.images[0]["alt"] == 'Said "so" </script><!--'
    assert view.html.count("</script>") == 1
    assert read(view)[0]["maps"][1]["name"] == maps().columns[1]


def test_cleaning_a_notebook_leaves_a_view_alone():
    """It takes out folders of this machine and addresses; neither can stand in the data, which have no slash."""
    for kind in KINDS:
        assert not set(read(made(kind))[0]["data"]["bytes"]) & set("/+ ")


def test_the_scripts_ship_with_the_package():
    assert {path.name for path in files("xsg.interactive").iterdir() if path.suffix in (".js", ".css")} == {
        "shared.js",
        "cortex.js",
        "slices.js",
        "spread.js",
        "surface.js",
        "page.css",
        "view.css",
    }


def test_no_figure_is_left_open():
    before = matplotlib.pyplot.get_fignums()
    MAKE["spread"]()
    assert matplotlib.pyplot.get_fignums() == before


def with_(array, place, value):
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cortex_view(pd.Series({"L_nowhere": 1.0}), "x"), "'L_nowhere' is not in parcellation 'dk'"),
        (lambda: cortex_view(pd.Series({"L_insula": np.nan}), "x"), "not finite.*L_insula"),
        (lambda: cortex_view(maps(), {"thinning": "mm"}), "none for map '</script>"),
        (lambda: cortex_view(maps(), "mm", limits=(1, 1)), r"'thinning' are \(1, 1\)"),
        (lambda: cortex_view(maps().iloc[:, :0], "mm"), "columns are \\[\\]"),
        (lambda: slice_view(volume()[:, :, 1:], "x"), r"shape \(67, 41, 57\); expected \(67, 41, 58\)"),
        (lambda: slice_view(np.full(SHAPE, np.nan), "x"), "none at all"),
        (lambda: slice_view(with_(volume(), (9, 9, 9), np.inf), "x"), "infinite"),
        (lambda: slice_view(volume(), "x", at=(67, 0, 0)), r"at is \(67, 0, 0\)"),
        (lambda: slice_view({}, "x"), "none given"),
        (lambda: spread_view(fields().swapaxes(0, 1), **RATES), r"shape \(3, 2, 4, 5, 6\)"),
        (lambda: spread_view(2 * fields(), **RATES), "expected 0 to 1"),
        (lambda: spread_view(with_(fields(), (1, 2, 3, 4, 5), np.nan), **RATES), "NaN in other places"),
        (lambda: spread_view(fields(), **RATES | {"D": [1.0, 0.1]}), r"D is \[1.0, 0.1\]; expected rising"),
        (lambda: spread_view(fields(), **RATES | {"R": []}), r"R is \[\]"),
        (lambda: spread_view({}, **RATES), "none given"),
    ],
)
def test_what_cannot_be_shown_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_bare_array_is_refused():
    with pytest.raises(TypeError, match="indexed by region name"):
        cortex_view(np.zeros(68), "x")
