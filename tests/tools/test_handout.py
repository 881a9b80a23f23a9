"""The handout: one document of all pages whose links hold inside it, and a print of a small one."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

import handout

PAGE = """<html><body><div>navigation</div><article class="bd-article">
<section id="top"><h1>{title}<a class="headerlink" href="#top">#</a></h1>{body}</section></article></body></html>"""
FIRST = """<script>alert()</script><button>Copy</button>
<section id="a-b"><h2>Words</h2>
<p>See <a href="02_second.html#words">there</a>, <a href="#a-b">here</a>, <a href="../genindex.html">the index</a>,
<a href="https://example.org/x">the web</a> and <a href="02_second.html">all of it</a>.</p>
<img src="../_images/dot.png" alt="A dot." loading="lazy"><details><summary>Hint</summary>Think.</details></section>
<section id="exercises"><h2>Exercises</h2><section id="exercise-1-add"><h3>Exercise 1: add</h3><p>Add.</p>
<div class="cell tag_solution"><details><summary>Show solution</summary><div class="cell_input"><pre>1 + 1</pre></div>
</details></div><div class="cell tag_check"><div class="cell_input"><pre>assert True</pre></div></div></section>
</section>"""
QUIZ = """<div class="quiz"><fieldset data-answer="1"><legend>1. Which?</legend>
<div class="option"><input type="radio" name="q"><label>This</label></div>
<div class="option"><input type="radio" name="q"><label>That</label></div>
<button>Check</button><div class="feedback" role="status"></div>
<details><summary>Answer</summary><p class="why"><strong>That</strong>. For a reason.</p></details></fieldset></div>"""
WIDE = "<section id='words'><h2>Words</h2><table><tr>{}</tr></table><pre>{}</pre></section>".format(
    "".join(f"<td>column_{number}</td>" for number in range(14)), "code " * 60
)


@pytest.fixture
def root(tmp_path):
    """Two chapters and a front page, rendered; the book's own MathJax is an empty script here."""
    html = tmp_path / "_build/html"
    pages = {
        "book/index": ("Home", "<p>Welcome.</p>"),
        "chapters/01_first": ("1. First", FIRST),
        "chapters/02_second": ("2. Second", WIDE + QUIZ),
    }
    for page, (title, body) in pages.items():
        (html / page).parent.mkdir(parents=True, exist_ok=True)
        (html / f"{page}.html").write_text(PAGE.format(title=title, body=body), encoding="utf-8")
    for name, text in {
        "_static/pygments.css": "",
        "_static/mathjax/tex-chtml.js": "MathJax.startup = {promise: Promise.resolve()};",
    }.items():
        (html / name).parent.mkdir(parents=True, exist_ok=True)
        (html / name).write_text(text)
    (html / "_images").mkdir()
    shutil.copy(Path(__file__).resolve().parents[2] / "book/_static/headline.png", html / "_images/dot.png")
    (tmp_path / "_toc.yml").write_text(
        "root: book/index\nparts:\n- caption: The part\n"
        "  chapters: [{file: chapters/01_first}, {file: chapters/02_second}]\n"
    )
    (tmp_path / "_config.yml").write_text(
        "title: 'xsg: a <small> book'\nauthor: We\nrepository: {url: https://example.org/book, branch: main}\n"
    )
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    return tmp_path


def write(root):
    """Print in a thread of its own: Playwright runs once a thread, and the page tests may have it running in this."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(handout.write, root).result()


def made(root):
    return BeautifulSoup(handout.document(root, handout.book_pages(root)), "html.parser")


def test_every_link_has_its_place(root):
    page = made(root)
    ids = [node["id"] for node in page.select("[id]")]
    assert len(ids) == len(set(ids))
    links = [node["href"] for node in page.select("a")]
    assert [link for link in links if link.startswith("#") and link[1:] not in ids] == []
    assert "the index" in page.get_text()
    inside = {node.get_text(): node["href"] for node in page.select("main p a")}
    assert inside["there"] == "#chapters-02_second--words"
    assert inside["here"] == "#chapters-01_first--a-b"
    assert inside["all of it"] == "#chapters-02_second"
    assert inside["the web"] == "https://example.org/x"


def test_what_paper_has_no_use_for_is_gone(root):
    page = made(root)
    assert page.select("main button, main script, .headerlink") == []
    assert "navigation" not in page.get_text()
    image = page.select_one("main img")
    assert (image["src"], image["alt"], image.get("loading")) == ("html/_images/dot.png", "A dot.", None)
    assert page.select_one("details").has_attr("open")


def test_solutions_stand_at_the_end(root):
    page = made(root)
    exercise = page.find(id="chapters-01_first--exercise-1-add")
    assert "1 + 1" not in exercise.get_text()
    assert exercise.select_one(".way a")["href"] == "#chapters-01_first--exercise-1-add--solution"
    last = page.select("main > article")[-1]
    answer = last.find(id="chapters-01_first--exercise-1-add--solution")
    assert "1 + 1" in answer.get_text()
    assert "assert True" in answer.get_text()
    question = page.select_one("fieldset").get_text(" ", strip=True)
    assert question == "1. Which? ☐ This ☐ That"
    assert "1. That . For a reason." in last.find(id="chapters-02_second--solutions").get_text(" ", strip=True)
    assert answer.select_one("h3 a")["href"] == "#chapters-01_first--exercise-1-add"


def test_cover_and_contents(root):
    page = made(root)
    cover = page.select_one(".cover").get_text()
    for said in ("xsg", "a <small> book", "Version 1.2.3", "https://example.org/book", "CC BY 4.0"):
        assert said in cover
    lines = [line.get_text() for line in page.select(".contents li")]
    assert lines == ["Home", "The part", "1. First", "Words", "2. Second", "Words", "Solutions and checks"]


def test_a_missing_page_is_told(root):
    (root / "_build/html/chapters/02_second.html").unlink()
    with pytest.raises(handout.HandoutError, match=r"no chapters/02_second; run make book"):
        write(root)


def test_without_chromium_the_way_out_is_told(root, monkeypatch):
    monkeypatch.setattr(handout.shutil, "which", lambda name: None)
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(root))
    with pytest.raises(handout.HandoutError, match=r"apt-get install chromium"):
        write(root)
    assert not (root / "_build/handout.pdf").exists()


def test_the_print(root):
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("no Chromium on this machine")
    path = write(root)
    assert sorted(each.name for each in path.parent.iterdir()) == ["handout.html", "handout.pdf", "html"]
    reader = PdfReader(path)
    texts = [page.extract_text() for page in reader.pages]
    assert len(texts) == 6  # cover, contents, three pages, solutions
    assert [str(number) in text.splitlines()[:2] for number, text in enumerate(texts, 1)] == [False, *[True] * 5]
    assert [line.split()[-1] for line in texts[1].splitlines() if "Second" in line or "Solutions" in line] == ["5", "6"]
    assert "Solution: page 6" in texts[3]
    assert [float(side) for side in reader.pages[0].mediabox[2:]] == pytest.approx([595, 842], abs=1)
    titles = [item.title for item in reader.outline if not isinstance(item, list)]
    assert titles == ["Contents", "Home", "1. First", "2. Second", "Solutions and checks"]
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    targets = set(reader.named_destinations)
    links = [note.get_object() for page in reader.pages for note in page.get("/Annots", [])]
    inside = [link["/Dest"] for link in links if "/Dest" in link]
    assert len(inside) >= 8
    assert {str(name).lstrip("/") for name in inside} <= {name.lstrip("/") for name in targets}

    right = []

    def visit(text, matrix, place, font, size):
        right.append((text, matrix[0] * place[4] + matrix[2] * place[5] + matrix[4]))

    reader.pages[4].extract_text(visitor_text=visit)
    assert "column_13" in "".join(text for text, _ in right)
    assert all(50 < x < 545 for text, x in right if text.strip())


def test_what_no_shrinking_makes_fit_is_told(root):
    if not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))):
        pytest.skip("no Chromium on this machine")
    page = root / "_build/html/chapters/02_second.html"
    page.write_text(page.read_text().replace("column_0", "<p style='width: 3000px'>wide</p>"))
    with pytest.raises(handout.HandoutError, match=r"Wider than the page: .*wide"):
        write(root)
