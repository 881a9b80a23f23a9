"""One voice: the words that prose avoids, and what stands in their place."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *sorted((ROOT / "chapters").glob("*.py")),
    *sorted((ROOT / "book").glob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
]

AVOID = {  # what is looked for, whatever its case: what to write
    # British spelling
    r"colors?|colored|coloring": "colour",
    r"\w*behavior\w*": "behaviour",
    r"neighbor\w*": "neighbour",
    r"favor\w*": "favour",
    r"gray": "grey",
    r"center(s|ed|ing)?": "centre",
    r"fibers?": "fibre",
    r"tumors?": "tumour",
    r"aging": "ageing",
    r"artifacts?": "artefact",
    r"math": "maths",
    r"toward": "towards",
    r"fulfill": "fulfil",
    r"\w*model(ed|ing)": "modelled, modelling",
    r"(un)?label(ed|ing)": "labelled, labelling",
    r"(traveled|canceled|signaling)": "travelled, cancelled, signalling",
    r"(analyz|paralyz|catalyz)\w+": "-yse",
    r"(a|an|the|one|its|this|whose|which|no|open|same|data|of|under) license": "licence (the noun)",
    r"(?!\w*(?:size|sizing|prize|seize))\w+iz(e|ed|er|ers|es|ing|ation|ations)": "-ise",
    # terms of this field, one for each thing
    r"ROIs?": "region",
    r"brain areas?|cortical areas?": "region",
    r"ground[- ]truth": "truth, known truth",
    r"hold-?outs?|held out set|holdout set|out[- ]of[- ]sample": "held-out, held out",
    r"(is|are|was|were|be) held-out(?= *[.,;:)])": "held out (no noun follows)",
    r"held out (R²|(score|prediction|correlation|number|value|error)s?)": "held-out",
    r"in sample|insample": "in-sample",
    r"null-maps?|surrogate maps?": "null map",
    r"spin-tests?|spatial permutation tests?": "spin test",
    r"gene data|gene-expression|genetic expression": "expression, gene expression",
    r"latent (factors?|dimensions?)": "latent program",
    r"kullback-leibler": "Kullback–Leibler (en dash)",
    r"desikan-killiany": "Desikan–Killiany (en dash)",
    r"participants?": "subject; donor for the six brains",
    r"z scores?": "z-score",
    r"p values?": "p-value",
    r"R2|R\^2": "R², or $R^2$ in maths",
    r"datasets?": "data set, or what it is",
    # words that claim too much or say nothing
    r"(?<!statistically )(significant|significantly|significance)": "statistically significant, or the p-value",
    r"(prov(e|es|ed|en|ing)|proofs?)(?! sheet)": "show, check, make certain",
    r"simply|obviously|clearly|trivial|trivially|evidently|needless to say": "leave it out",
    r"interesting|interestingly|remarkabl[ey]|surprisingly|strikingly|amazing|exciting|impressive": "leave it out",
    r"it is important to note|it should be noted|it is worth noting|note that|keep in mind that": "leave it out",
    r"novel|ground-?breaking|cutting-edge|state-of-the-art|revolutionary|unprecedented|game-changing": "new",
    r"powerful|seamless|seamlessly|elegant|elegantly|blazing|blazingly|world-class|best-in-class": "say what it does",
    r"leverag(e|es|ed|ing)|utilise|utilised|utilising": "use",
    r"delv(e|es|ed|ing)|showcas\w+|underscor(e|es|ed|ing)|pivotal|crucial|crucially": "say what it does",
    r"in order to": "to",
    r"e\.g\.,?|i\.e\.,?": "for example, that is",
    r"et al(?!\.)": "et al.",
    r"human-like|AI-powered": "say what it does",
}
PATTERNS = [(re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE), use) for words, use in AVOID.items()]

SKIPPED = re.compile(  # blanked before the words are looked for
    r"""
    ^\#\#\ References$.*?(?=^\#|\Z)              # titles of papers
    | ^---$.*?^---$                              # front matter
    | ^(?P<fence>[`]{3,})(?!\{(?:note|tip|warning|admonition)).*?^(?P=fence)\s*$   # code and tables of the build
    | [`]+[^`]+[`]+                              # inline code
    | \$\$.+?\$\$ | \$[^$\n]+(?:\n[^$\n]+)?\$    # maths
    | <!--.*?--> | <[^>\n]+>                     # claims, tags
    | (?<=\])\([^)\n]+\)                         # where a link leads
    | \{\w+\}(?=`)                               # roles
    | https?://\S+
    | "[^"\n]*(?:\n[^"\n]*)?" | “[^”]*”          # quoted
    | (?<![*\w])\*(?![*\s])[^*\n]+\*(?!\*)(?=\s*(?:\d+[:.]|\(\d{4}\)))   # titles before volume or year
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def markdown(path: Path) -> str:
    """The prose of a page, every line in its place; of a chapter its Markdown cells and alternative texts."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return text
    lines, inside = [], False
    for line in text.splitlines():
        if line.startswith("# %%"):
            inside = line.startswith("# %% [markdown]")
            alt = re.search(r'"alt": "(.*?)"\}', line)
            lines.append(alt.group(1) if alt else "")
            continue
        lines.append(re.sub(r"^# ?", "", line) if inside else "")
    return "\n".join(lines)


def findings(text: str) -> list[tuple[int, str, str]]:
    """Line, words found and what to write instead."""
    prose = SKIPPED.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    found = [
        (prose.count("\n", 0, match.start()) + 1, " ".join(match.group().split()), use)
        for pattern, use in PATTERNS
        for match in pattern.finditer(prose)
    ]
    return sorted(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_prose_keeps_to_the_terms(path):
    found = [f"{path.relative_to(ROOT)}:{line}: {words!r}: {use}" for line, words, use in findings(markdown(path))]
    assert not found, "words that this book avoids, and what to write:\n" + "\n".join(found)


def test_finds_what_is_avoided():
    text = "One color.\n\nA significant rise, and the\nground truth. R2 on held out values, which proves it."
    assert [(line, words) for line, words, _ in findings(text)] == [
        (1, "color"),
        (3, "significant"),
        (4, "R2"),
        (4, "ground truth"),
        (4, "held out values"),
        (4, "proves"),
    ]


def test_leaves_code_titles_and_quotes_alone():
    text = """---
color: yes
---
`color`, $color$, "color", statistically significant, [a word](https://x/color), held out from others, R².

```python
color = "gray"
```

## References

- Modeling behavior. *Proof* 1:2.

## Gray matter
"""
    assert findings(text) == [(14, "Gray", "grey")]


def test_reads_the_markdown_and_alternative_texts_of_a_chapter(tmp_path):
    script = tmp_path / "01_x.py"
    code = '# %% mystnb={"image": {"alt": "In gray."}}\ncolor = 1  # a color\n'
    script.write_text(f"# %% [markdown]\n# A color.\n\n{code}", encoding="utf-8")
    assert findings(markdown(script)) == [(2, "color", "colour"), (4, "gray", "grey")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_abbreviations_are_spelt_out_once(path):
    prose = markdown(path)
    for short, full in {
        "ELBO": "evidence lower bound",
        "KL": "Kullback–Leibler",
        "FDR": "false discovery rate",
    }.items():
        used = re.search(rf"(?<![\w`\\{{]){short}(?![\w`}}])", SKIPPED.sub(" ", prose))
        told = full.lower() in " ".join(prose.lower().split())
        assert told or not used, f"{path.name}: {short} is never spelt out: {full}"
