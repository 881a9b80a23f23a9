import pytest

from xsg.data.expression import load_ahba
from xsg.genes.sets import load_gene_sets, read_gmt, restrict


@pytest.fixture
def gmt(tmp_path):
    """Two sets of unequal size, padded as the registered files are, with what spreadsheets do to symbols."""
    path = tmp_path / "own.gmt"
    path.write_text(
        "Oligo\tNA\tPLP1\tMOBP\t07-Sep\t01-Mar\tPLP1\nMicro\tNA\tCX3CR1\t06-Mar\t\t\t\n\n", encoding="utf-8"
    )
    return path


def test_padding_and_repeats_go_and_dates_become_genes_where_there_is_one_way_back(gmt):
    assert read_gmt(gmt) == {"Oligo": ["PLP1", "MOBP", "SEPT7", "01-Mar"], "Micro": ["CX3CR1", "MARCH6"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A\tNA\tX\nB\tNA\t\t\n", "own.gmt, line 2: the set 'B' has no gene"),
        ("A\tNA\tX\nA\tNA\tY\n", "line 2: the set 'A' is there twice"),
    ],
)
def test_a_broken_file_is_refused_by_line(gmt, text, message):
    gmt.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_gmt(gmt)


def test_restriction_says_what_is_lost(gmt):
    kept, table = restrict(read_gmt(gmt), ["SEPT7", "MARCH1", "MARC1", "PLP1", "MARCH6"], smallest=2)
    assert kept == {"Oligo": ["PLP1", "SEPT7"]}
    assert table.loc["Oligo"].to_dict() == {"listed": 4, "kept": 2, "lost": ["MOBP", "01-Mar"], "used": True}
    assert table.loc["Micro"].to_dict() == {"listed": 2, "kept": 1, "lost": ["CX3CR1"], "used": False}


def test_nothing_left_is_an_error(gmt):
    with pytest.raises(ValueError, match="of 2 gene sets none has 5 genes among the 1 at hand"):
        restrict(read_gmt(gmt), ["ENSG00000130203"])


def test_unknown_collection():
    with pytest.raises(ValueError, match="'lake' is unknown; expected one of 'LAKE', 'Pooled'"):
        load_gene_sets("lake")


def test_registered_collections(real_data):
    genes = load_ahba("all").columns
    for name, n_sets, listed, kept in (("Pooled", 7, 5116, 4672), ("LAKE", 30, 6950, 6271)):
        sets = load_gene_sets(name)
        left, table = restrict(sets, genes)
        assert len(sets) == len(left) == n_sets
        assert not any(gene == "" for listed_ in sets.values() for gene in listed_)
        assert (table["listed"].sum(), table["kept"].sum()) == (listed, kept)
    # Of the dates in LAKE, only the ambiguous first of March is left, in five sets.
    dates = [gene for listed_ in sets.values() for gene in listed_ if gene.endswith(("-Mar", "-Sep"))]
    assert dates == ["01-Mar"] * 5
    assert "SEPT8" in left["Ex3b"]
