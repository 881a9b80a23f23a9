"""The interactive figures in a real browser: they answer to mouse and keyboard, and step back where they cannot."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageChops

matplotlib.use("Agg")

from xsg.atlas import REGIONS
from xsg.interactive import cortex_view, slice_view, spread_view

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Views</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body {{ font: 16px sans-serif; margin: 8px; color: #222; background: #fff; }}
html[data-theme=dark] body {{ color: #ddd; background: #121212; }}</style></head>
<body><main><h1>Views</h1>{body}<div style="height: 1500px"></div></main></body></html>"""
KINDS = ("cortex", "slices", "spread")


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """A page with each view, and one with them all, a pair of twins among them."""
    values = pd.Series(np.linspace(0, 1, 66), REGIONS[:66])
    cortex = pd.DataFrame({"rising": values, "falling": -1 - 2 * values})
    ap, si, lr = np.indices((67, 41, 58))
    ramp = np.where(ap < 10, np.nan, ap + 100.0 * si)
    d, r, t, i, j = np.ogrid[1:3, 1:4, 1:5, 1:6, 1:7]
    field = (0.31 * d + 0.17 * r + 0.13 * t + 0.07 * i + 0.03 * j) / 3
    made = {
        "cortex": cortex_view(cortex, {"rising": "mm", "falling": "z-score"}),
        "slices": slice_view(
            {"ramp": ramp, "sideways": lr + 0.0}, "energy", limits={"ramp": (0, 4066)}, at=(20, 30, 40)
        ),
        "spread": spread_view({"one": field, "two": 1 - field}, [0.1, 1], [0, 0.1, 0.2], [0, 1, 3, 9]),
    }
    folder = tmp_path_factory.mktemp("views")
    bodies = {name: view.html for name, view in made.items()}
    bodies["all"] = "".join(bodies.values()) + bodies["slices"]
    for name, body in bodies.items():
        (folder / f"{name}.html").write_text(PAGE.format(body=body), encoding="utf-8")
    return folder


@pytest.fixture
def open_view(chromium, pages):
    """Open a page offline; returns the tab, its view, and what went wrong or left the page."""
    contexts = []

    def open_view(name, width=1000, dark=False, script="", **options):
        context = chromium.new_context(viewport={"width": width, "height": 800}, offline=True, **options)
        contexts.append(context)
        tab, troubles = context.new_page(), []
        tab.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: troubles.append(request.url) if request.url.startswith("http") else None)
        tab.add_init_script(script)
        tab.goto((pages / f"{name}.html").as_uri())
        if dark:
            tab.evaluate("document.documentElement.dataset.theme = 'dark'")
        return tab, tab.locator(".xsg-view"), troubles

    yield open_view
    for context in contexts:
        context.close()


def settle(tab):
    """Let the frame pass that draws what was asked for, however busy the machine."""
    tab.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def picture(locator, path):
    settle(locator.page)
    locator.screenshot(path=path)
    return Image.open(path).convert("RGB")


def changed(before, after):
    """Share of the pixels that differ."""
    difference = np.asarray(ImageChops.difference(before, after)).max(axis=-1)
    return float((difference > 8).mean())


def wait_live(view):
    view.page.wait_for_function("[...document.querySelectorAll('.xsg-view')].every((host) => host.shadowRoot)")


@pytest.mark.parametrize("kind", KINDS)
def test_a_view_comes_alive_and_nothing_is_fetched(open_view, kind):
    _, view, troubles = open_view(kind)
    wait_live(view)
    assert not view.locator("img").is_visible()
    assert view.locator("canvas").first.is_visible()
    assert troubles == []


def test_a_drag_and_the_arrow_keys_turn_the_cortex(open_view, tmp_path):
    tab, view, troubles = open_view("cortex")
    wait_live(view)
    canvas = view.locator("canvas")
    first = picture(canvas, tmp_path / "a.png")
    assert np.asarray(first).std() > 20  # a brain, not an empty canvas
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 200, box["y"] + 200)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 300, box["y"] + 220, steps=4)
    tab.mouse.up()
    tab.mouse.move(2, 2)
    dragged = picture(canvas, tmp_path / "b.png")
    assert changed(first, dragged) > 0.1
    canvas.press("ArrowLeft")
    turned = picture(canvas, tmp_path / "c.png")
    assert changed(dragged, turned) > 0.1
    canvas.press("+")
    assert changed(turned, picture(canvas, tmp_path / "d.png")) > 0.05
    canvas.press("Home")
    assert changed(first, picture(canvas, tmp_path / "e.png")) < 0.01
    assert troubles == []


def test_views_zoom_and_wheel(open_view, tmp_path):
    tab, view, _ = open_view("cortex")
    wait_live(view)
    canvas = view.locator("canvas")
    seen = [picture(canvas, tmp_path / "0.png")]
    for number, name in enumerate(("Left outer", "Left inner", "Right inner", "Top", "Bottom", "Front", "Zoom in")):
        view.get_by_role("button", name=name, exact=True).click()
        seen.append(picture(canvas, tmp_path / f"{number + 1}.png"))
        assert changed(seen[-2], seen[-1]) > 0.03
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + 50, box["y"] + 50)
    tab.mouse.wheel(0, 200)
    # The wheel is the page's until the surface is clicked.
    tab.wait_for_function("scrollY > 0")


def test_regions_are_named_and_valued(open_view, tmp_path):
    tab, view, _ = open_view("cortex")
    wait_live(view)
    reading = view.locator(".reading")
    view.get_by_label("Region").select_option("L_insula")  # the list stands for the pointer, with the keyboard alone
    place = REGIONS.index("L_insula")
    low, high, read = 0.0, 1.0, float(reading.inner_text().split()[1])
    assert reading.inner_text().startswith("L_insula: ")
    assert read == pytest.approx(place / 65, abs=0.51 * (high - low) / 254 + 0.0005)
    canvas = view.locator("canvas")
    box = canvas.bounding_box()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(tab)
    # Seen from outside, the middle of the left hemisphere is near the insula: a region of that side in any case.
    assert reading.inner_text().startswith("L_")
    view.get_by_role("button", name="Right inner").click()
    tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 1)
    settle(tab)
    assert not reading.inner_text().startswith("R_")  # the medial wall is no region
    view.get_by_label("Region").select_option("R_insula")
    assert reading.inner_text() == "R_insula: no value"


def test_the_choice_of_map_changes_colours_and_bar(open_view, tmp_path):
    _, view, _ = open_view("cortex")
    wait_live(view)
    bar, canvas = view.locator(".bar"), view.locator("canvas")
    assert bar.get_attribute("aria-label") == "Colour bar from 0 to 1, mm"
    before = picture(canvas, tmp_path / "a.png")
    view.get_by_label("Map").select_option("falling")
    assert bar.get_attribute("aria-label") == "Colour bar from −3 to −1, z-score"
    assert changed(before, picture(canvas, tmp_path / "b.png")) > 0.05


def test_slices_are_linked(open_view, tmp_path):
    tab, view, troubles = open_view("slices")
    wait_live(view)
    reading = view.locator(".reading")
    assert reading.inner_text() == "AP 20, SI 30, LR 40: 3025 · energy"  # 3020, in steps of 4066 / 254
    coronal, sagittal, horizontal = (view.locator("canvas").nth(number) for number in range(3))
    before = picture(horizontal, tmp_path / "a.png")
    box = sagittal.bounding_box()
    tab.mouse.click(box["x"] + box["width"] * 50.5 / 67, box["y"] + box["height"] * 10.5 / 41)
    settle(tab)
    assert reading.inner_text().startswith("AP 50, SI 10, LR 40: 1057 ")  # 1050
    assert changed(before, picture(horizontal, tmp_path / "b.png")) > 0.2
    coronal.press("ArrowRight")
    coronal.press("ArrowUp")
    settle(tab)
    assert reading.inner_text().startswith("AP 50, SI 9, LR 41: ")
    view.get_by_role("slider").nth(0).fill("5")
    settle(tab)
    assert reading.inner_text() == "AP 5, SI 9, LR 41: no value"
    before = picture(coronal, tmp_path / "c.png")
    view.get_by_label("Map").select_option("sideways")
    assert changed(before, picture(coronal, tmp_path / "d.png")) > 0.2
    assert reading.inner_text() == "AP 5, SI 9, LR 41: 41.1 · energy"  # 41, in steps of 57 / 254
    assert troubles == []


def test_sliders_set_rates_and_time(open_view, tmp_path):
    tab, view, troubles = open_view("spread")
    wait_live(view)
    canvas, reading, curve = view.locator("canvas"), view.locator(".reading"), view.locator("svg")
    i, j = np.ogrid[1:6, 1:7]

    def mean(d, r, t):
        return ((0.31 * d + 0.17 * r + 0.13 * t + 0.07 * i + 0.03 * j) / 3).mean()

    # The middle of each slider at first: D 2 of 2, R 2 of 3, time 3 of 4.
    assert reading.inner_text().startswith("D = 1, R = 0.1, t = 3: mean ")
    assert float(reading.inner_text().split()[-1]) == pytest.approx(mean(2, 2, 3), abs=0.003)
    for number, key in enumerate(("ArrowLeft", "ArrowRight", "ArrowRight")):
        before, line = picture(canvas, tmp_path / "a.png"), picture(curve, tmp_path / "b.png")
        view.get_by_role("slider").nth(number).press(key)
        assert changed(before, picture(canvas, tmp_path / "c.png")) > 0.2
        assert changed(line, picture(curve, tmp_path / "d.png")) > 0.001
    assert reading.inner_text().startswith("D = 0.1, R = 0.2, t = 9: mean ")
    assert float(reading.inner_text().split()[-1]) == pytest.approx(mean(1, 3, 4), abs=0.003)
    view.get_by_label("Field").select_option("two")
    settle(tab)
    assert float(reading.inner_text().split()[-1]) == pytest.approx(1 - mean(1, 3, 4), abs=0.003)
    assert troubles == []


def test_without_webgl_the_picture_stays(open_view):
    no_webgl = """const context = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
            return kind.startsWith("webgl") ? null : context.call(this, kind, ...rest);
        };"""
    tab, view, troubles = open_view("cortex", script=no_webgl)
    tab.wait_for_timeout(500)
    assert view.locator("img").is_visible()
    assert view.locator("canvas").count() == 0
    assert troubles == []


@pytest.mark.parametrize("kind", KINDS)
def test_without_scripts_the_picture_stays(open_view, kind):
    _, view, _ = open_view(kind, java_script_enabled=False)
    assert view.locator("img").is_visible()
    assert "runs scripts" in view.inner_text()


def test_a_lost_context_brings_the_picture_back(open_view):
    tab, view, _ = open_view("cortex")
    wait_live(view)
    tab.evaluate("""document.querySelector(".xsg-view").shadowRoot.querySelector("canvas").getContext("webgl")
        .getExtension("WEBGL_lose_context").loseContext()""")
    tab.wait_for_function("document.querySelector('.xsg-view').classList.contains('still')")
    assert view.locator("img").is_visible()
    assert not view.locator("canvas").is_visible()


@pytest.mark.parametrize("kind", KINDS)
def test_paper_gets_the_picture(open_view, kind):
    tab, view, _ = open_view(kind)
    wait_live(view)
    tab.emulate_media(media="print")
    assert view.locator("img").is_visible()
    assert not view.locator("canvas").first.is_visible()


def test_several_views_and_twins_live_on_one_page(open_view):
    tab, view, troubles = open_view("all")
    wait_live(view)
    assert view.count() == 4
    twin, other = view.nth(3), view.nth(1)
    twin.get_by_role("slider").nth(0).fill("33")
    settle(tab)
    assert twin.locator(".reading").inner_text().startswith("AP 33")
    assert other.locator(".reading").inner_text().startswith("AP 20")
    assert troubles == []


def test_a_view_put_in_as_jupyter_does_comes_alive(open_view, pages):
    """Jupyter sets the HTML of a box that is not on the page yet, and makes its scripts anew, as set HTML runs none."""
    tab, view, troubles = open_view("spread")
    body = (
        (pages / "cortex.html").read_text(encoding="utf-8").partition("<h1>Views</h1>")[2].partition("<div style=")[0]
    )
    tab.evaluate(
        """(body) => {
            const box = document.createElement("div");
            box.innerHTML = body;
            for (const dead of box.querySelectorAll("script")) {
                const script = document.createElement("script");
                script.textContent = dead.textContent;
                dead.replaceWith(script);
            }
            document.body.prepend(box);
        }""",
        body,
    )
    wait_live(view)
    assert view.count() == 2
    assert view.nth(0).locator("canvas").get_attribute("aria-roledescription") == "surface to turn"
    assert troubles == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1000])
def test_views_are_accessible_and_fit(open_view, width, dark):
    from axe_playwright_python.sync_playwright import Axe

    tab, view, _ = open_view("all", width, dark)
    wait_live(view)
    settle(tab)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    found = Axe().run(tab, context=".xsg-view").response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert [(rule["id"], node["html"][:160]) for rule in serious for node in rule["nodes"]] == []
    scheme = "[...document.querySelectorAll('.xsg-view')].map((host) => host.style.colorScheme)"
    assert set(tab.evaluate(scheme)) == {"dark" if dark else "light"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_control_is_reached_by_the_tab_key(open_view, kind):
    tab, view, _ = open_view(kind)
    wait_live(view)
    wanted = view.locator("canvas[tabindex], select, input, button").count()
    reached = set()
    for _ in range(wanted):
        tab.keyboard.press("Tab")
        ring = tab.evaluate("""(() => { const node = document.querySelector(".xsg-view").shadowRoot.activeElement;
            return [node?.outerHTML, node && getComputedStyle(node).outlineStyle]; })()""")
        reached.add(ring[0])
        assert ring[1] == "solid"
    assert len(reached) == wanted


def test_a_phone_scrolls_over_a_view_and_a_tap_asks(open_view):
    tab, view, _ = open_view("cortex", width=390, has_touch=True, is_mobile=True)
    wait_live(view)
    canvas = view.locator("canvas")
    assert canvas.evaluate("(node) => getComputedStyle(node).touchAction") == "pan-y"
    box = canvas.bounding_box()
    tab.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    settle(tab)
    assert view.get_by_label("Region").input_value() != "none"


def test_the_views_of_the_book_answer(visit, html, chapter):
    """The chapters that hold a view, as rendered; the others have nothing to show here."""
    if 'class="xsg-view"' not in (html / chapter).read_text(encoding="utf-8"):
        return
    tab, troubles = visit(chapter, 1280)
    view = tab.locator(".xsg-view")
    wait_live(view)
    image = view.first.locator("img").get_attribute("alt")
    assert len(image) > 60
    for number in range(view.count()):
        slider, choice = view.nth(number).get_by_role("slider"), view.nth(number).get_by_label("Region")
        before = view.nth(number).locator(".reading").inner_text()
        if slider.count():
            slider.first.press("Home")
        else:
            choice.select_option(index=5)
        settle(tab)
        assert view.nth(number).locator(".reading").inner_text() != before
    assert troubles == []
