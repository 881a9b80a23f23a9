"""Genes: gene sets in files, names of genes, enrichment, tables of expression, effect sizes, the connectome."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import hypergeom

from xsg.across.connectome import fold, human_connectome
from xsg.across.simulate_orthologues import simulate_orthologues
from xsg.across.simulate_progression import simulate_progression
from xsg.across.simulate_views import simulate_views
from xsg.atlas import REGIONS
from xsg.data import fetch as fetch_module
from xsg.data import vulnerability
from xsg.data.expression import load_ahba, load_expression, normalise, save_expression
from xsg.data.expression_files import digest_of
from xsg.data.gene_names import gene_list
from xsg.data.vulnerability import hemispheres_averaged, load_disorder, load_rvi
from xsg.genes.abagen_run import options
from xsg.genes.donors import donor_names
from xsg.genes.enrichment import (
    gene_correlations,
    over_representation,
    prerank,
    random_gene_enrichment,
    set_profiles,
    set_scores,
    spatial_enrichment,
)
from xsg.genes.gmt import undated
from xsg.genes.make import common, differential_stability, donor_expressions, make_expression, multiverse
from xsg.genes.microarrays import open_microarrays
from xsg.genes.sets import gene_sets, load_gene_sets, read_gmt, restrict
from xsg.genes.simulate import DONORS, simulate_microarrays, simulated_thinning
from xsg.names import homologue
from xsg.people.simulate import simulate_trajectories
from xsg.simulate.cortex import simulate_cortex
from xsg.spatial.simulate import simulate_mouse

# --- gene sets in files (case 23) -------------------------------------------------------------------------------------


@pytest.fixture
def gmt(tmp_path):
    """Return a function that writes bytes or text as a .gmt file and reads it."""

    def read(content, name="own.gmt", **choices):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_gmt(path, **choices)

    return read


HUMAN = "Astro\tna\tAQP4\tGFAP\nMicro\tna\tCX3CR1\tP2RY12\tTMEM119\n"
RIGHT = {"Astro": ["AQP4", "GFAP"], "Micro": ["CX3CR1", "P2RY12", "TMEM119"]}


@pytest.mark.parametrize(
    "content",
    [
        HUMAN,
        HUMAN.encode("utf-8-sig"),  # case 23a
        HUMAN.encode("utf-16"),
        HUMAN.encode("utf-16-le"),
        HUMAN.encode("utf-16-be"),
        HUMAN.replace("\n", "\r\n"),
        HUMAN.replace("\n", "\r"),
        HUMAN.removesuffix("\n"),
        HUMAN.replace("\n", "\t\t\t\n") + "\n\t\t\n",
        "# made by hand\n" + HUMAN,
        HUMAN.replace("Micro", "\ufeffMicro"),  # two files put together, each with its mark
        HUMAN.replace("\tna\t", "\t\t"),  # as Enrichr does
        HUMAN.replace("\tna\t", "\tN/A\t"),
        HUMAN.replace("\tna\t", "\thttp://www.gsea-msigdb.org/gsea/msigdb/cards/X\t"),
        HUMAN.replace("\tna\t", "\tgenes of a kind of cell\t"),
        HUMAN.replace("\tna\t", "\tGO:0008150\t"),
        HUMAN.replace("Micro\tna", "Micro\tMicro").replace("Astro\tna", "Astro\tAstro"),  # R often repeats the name
        HUMAN.replace("\tna\t", "\tKEGG\t"),
        HUMAN.replace("\tna\t", "\td\t"),
        HUMAN.replace("\tna\t", "\t"),  # case 23b: no description
        HUMAN.replace("AQP4", "AQP4,1.0").replace("GFAP", "GFAP,0.5"),  # case 23d
        HUMAN.replace("AQP4", "AQP4,1").replace("GFAP", "GFAP,-2.5e-3").replace("P2RY12", "P2RY12,0,5"),
        HUMAN.replace("AQP4", '"AQP4"').replace("Micro", '"Micro"'),
        HUMAN.replace("AQP4", " AQP4 ").replace("GFAP", "GFAP\u00a0").replace("Micro", "Micro "),
        HUMAN.replace("TMEM119", "TMEM119\tNA\t#N/A\tnan\t-"),  # rows padded by R, Excel, pandas
        HUMAN.replace("TMEM119", "TMEM119\tCX3CR1\tTMEM119"),
    ],
)
def test_a_file_of_gene_sets_reads_the_same_however_it_was_saved(gmt, content):
    assert gmt(content) == RIGHT


def test_the_cases_of_gmt_files(gmt):
    assert gmt("\ufeffAstro\tdesc\tAQP4\tGFAP\n") == {"Astro": ["AQP4", "GFAP"]}
    assert gmt("Astro\tAQP4\tGFAP\tALDH1L1\n") == {"Astro": ["AQP4", "GFAP", "ALDH1L1"]}
    assert gmt("Müller\tdesc\tRLBP1\n".encode("latin-1")) == {"Müller": ["RLBP1"]}
    assert gmt("Astro\t\tAQP4,1.0\tGFAP,0.5\n") == {"Astro": ["AQP4", "GFAP"]}
    assert gmt("S\td\t7-Sep\tSep-07\t1-Dec\t43715\n") == {"S": ["SEPT7", "DEC1"]}


@pytest.mark.parametrize(
    ("content", "right"),
    [
        ("A\tMBP\tPLP1\tMOBP\n", ["MBP", "PLP1", "MOBP"]),  # letters alone, known as a human gene
        ("A\tMbp\tPlp1\tMobp\n", ["Mbp", "Plp1", "Mobp"]),  # of the mouse
        ("A\tAstrocytes\tAqp4\tGfap\n", ["Aqp4", "Gfap"]),
        ("A\tNeurons\tAqp4\tGfap\n", ["Aqp4", "Gfap"]),
        ("A\taqp4\tgfap\tsox2\n", ["aqp4", "gfap", "sox2"]),  # of the zebrafish
        ("A\t361\t2670\t6506\n", ["361", "2670", "6506"]),  # Entrez ids without description
        ("A\t2\t2670\t6506\n", ["2670", "6506"]),  # their number as description
        ("A\tna\t361.0\t2670.0\n", ["361", "2670"]),
        ("A\tENSG00000171885\tENSG00000131095\n", ["ENSG00000171885", "ENSG00000131095"]),
        ("A\tC9orf72\tAQP4\tGFAP\n", ["C9orf72", "AQP4", "GFAP"]),
        ("A\t7-Sep\tAQP4\tGFAP\n", ["SEPT7", "AQP4", "GFAP"]),
        ("A\t01-Mar\tAQP4\tGFAP\n", ["01-Mar", "AQP4", "GFAP"]),
        ("A\tAQP4,1.0\tGFAP,0.5\n", ["AQP4", "GFAP"]),
        ("A\tGFAP\tAQP4\n", ["GFAP", "AQP4"]),
        ("A\tG1\tG2\tG7\n", ["G1", "G2", "G7"]),  # made-up names: nothing is lost
        ("A\tHLA-DRA\tHLA-DMB\tHLA-E\n", ["HLA-DRA", "HLA-DMB", "HLA-E"]),
    ],
)
def test_the_second_field_is_a_gene_where_it_is_one(gmt, content, right):
    assert gmt(content) == {"A": right}


def test_one_may_say_what_the_second_field_is(gmt):
    text = "A\tMBP\tPLP1\tMOBP\nB\tna\tMBP\tGFAP\n"
    with pytest.raises(
        ValueError, match=r"own\.gmt: the second field of line 1, 'MBP', looks like a gene.*line 2, 'na'"
    ):
        gmt(text)
    with pytest.raises(ValueError, match="described is 'no'"):
        gmt(text, described="no")
    assert gmt(text, described=True) == {"A": ["PLP1", "MOBP"], "B": ["MBP", "GFAP"]}
    assert gmt(text, described=False) == {"A": ["MBP", "PLP1", "MOBP"], "B": ["MBP", "GFAP"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "own.gmt holds no gene set"),
        ("\n\n", "holds no gene set"),
        ("A na AQP4 GFAP\n", "line 1 has no tab: 'A na AQP4 GFAP'"),
        ("A,na,AQP4,GFAP\n", "line 1 has no tab"),
        ("AQP4\nGFAP\n", "line 1 has no tab"),
        ("<!DOCTYPE html>\n<html>\n", "line 1 has no tab"),
        ('{"Astro": ["AQP4"]}', "line 1 has no tab"),
        ("A\tna\tAQP4 GFAP\tMBP\n", "line 1: 'AQP4 GFAP' is not the name of one gene"),
        ("A\tna\tAQP4;GFAP\tMBP\n", "line 1: 'AQP4;GFAP' is not the name of one gene"),
        ("A\tna\tAQP4, GFAP\tMBP\n", "line 1: 'AQP4, GFAP' is not the name of one gene"),
        ("A\tna\tHLA-A///HLA-B\tMBP\n", "line 1: 'HLA-A///HLA-B' is not the name of one gene"),
        ("A\tna\tMBP\nB\tna\t#NAME?\n", "line 2: '#NAME\\?' is not the name of one gene"),
        ("A\tna\tMBP\nA \tna\tGFAP\n", "line 2: the set 'A' is there twice"),
        ("A\tna\tMBP\nB\tna\nC\tna\tGFAP\n", "line 2: the set 'B' has no gene"),
        ("A\tna\tMBP\nB\tna\tNA\tNA\n", "line 2: the set 'B' has no gene"),
        ("\tna\tMBP\n", "line 1: the set has no name"),
        ("name\tdescription\tgenes\nA\tna\tMBP\n", "the first line is a header"),
        ("Astro\tMicro\nna\tna\nAQP4\tCX3CR1\n", "a column per set .*Transpose it"),
        (b"\x00\x01\x02\x03PK" * 50, "is no text"),
    ],
)
def test_what_is_no_gmt_is_refused_by_file_and_line(gmt, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        gmt(content)
    assert "own.gmt" in str(caught.value)


@pytest.mark.parametrize("name", ["own.gmx", "own.grp", "own.gmt.gz", "absent/own.gmt"])
def test_other_kinds_of_files_are_refused_in_words(gmt, tmp_path, name):
    with pytest.raises(ValueError, match="own"):
        gmt(HUMAN, name) if "/" not in name else read_gmt(tmp_path / name)


@pytest.mark.parametrize(
    ("symbol", "gene"),
    [
        *((each, "SEPT7") for each in ("7-Sep", "07-Sep", "Sep-07", "Sep-7", "7. Sep", "7/9/2019", "2001-09-07")),
        *(
            (each, "SEPT7")
            for each in ("43715", "2019-09-07 00:00:00", "7-Sept", "07-Sep-19", "2007-09-07", "Sep-2007")
        ),
        *((each, "MARCH6") for each in ("6-Mar", "Mar-06", "6. Mrz", "2020-03-06", "43896")),
        *((each, "DEC1") for each in ("1-Dec", "01-Dec", "Dec-01", "1. Dez")),
        # more than one way back, or none: as it stands
        *((each, each) for each in ("01-Mar", "2-Mar", "15-Sep", "Sep-19", "3/9/2019", "2007-09-01", "36951", "4-Oct")),
        # no dates
        *((each, each) for each in ("MARCH1", "SEPT7", "SEP15", "DEC1", "MARC1", "sep-1", "361", "99999", "HLA-A")),
    ],
)
def test_dates_become_genes_where_there_is_one_way_back(symbol, gene):
    assert undated(symbol) == gene


def test_a_number_among_entrez_ids_is_no_date(gmt):
    assert gmt("A\tna\t43715\t361\t2670\n") == {"A": ["43715", "361", "2670"]}


def test_the_registered_collections_are_read_as_before(real_data):
    for name, n, listed in (("Pooled", 7, 5116), ("LAKE", 30, 6950)):
        sets = load_gene_sets(name)
        assert (len(sets), sum(map(len, sets.values()))) == (n, listed)


# --- names of genes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "genes",
    [
        ["APOE", "MAPT"],
        ("APOE", "MAPT"),
        {"MAPT", "APOE"},
        np.array(["APOE", "MAPT"]),
        pd.Series(["APOE", "MAPT"], [5, 7]),
        pd.Index(["APOE", "MAPT"]),
        pd.DataFrame({"gene": ["APOE", "MAPT"]}),
        pd.Series(["APOE", "MAPT"], dtype="category"),
        (gene for gene in ("APOE", " MAPT", "APOE")),
    ],
)
def test_genes_may_be_given_in_any_plain_form(genes):
    assert gene_list(genes, "genes") == ["APOE", "MAPT"]
    assert restrict({"set": ["APOE", "MBP"]}, ["MAPT", "APOE"], smallest=1)[0] == {"set": ["APOE"]}


@pytest.mark.parametrize("ids", [[348, 4137], ["348", "4137"], [348.0, "4137"], np.array([348, 4137], np.int32)])
def test_entrez_ids_are_the_same_as_text_and_as_numbers(ids):
    assert gene_list(ids, "genes") == ["348", "4137"]


@pytest.mark.parametrize(
    ("genes", "message"),
    [
        ("APOE", "the text 'APOE', which would be read letter by letter"),
        (b"APOE", "letter by letter"),
        (348, "a int"),
        (None, "a NoneType"),
        ({"APOE": 1.0}, "a dict"),
        (np.array([["APOE"]]), "a ndarray"),
        (pd.DataFrame({"a": ["APOE"], "b": ["MAPT"]}), "a DataFrame"),
        ([], "holds no gene"),
        (["APOE", None], "gene 2 of 2 is None"),
        (["APOE", np.nan], "gene 2 of 2 is nan"),
        (["APOE", ""], "gene 2 of 2 is ''"),
        (["APOE", True], "gene 2 of 2 is True"),
        ([0.25, 0.75], "the number 0.25; .*give their index"),
        (pd.MultiIndex.from_tuples([("AHBA", "APOE")]), "names on several levels"),
    ],
)
def test_what_names_no_genes_is_refused(genes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        gene_list(genes, "genes")


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ({}, "none given"),
        ({"A": "APOE"}, "gene set 'A': expected a list of genes"),
        ({"A": []}, "gene set 'A' holds no gene"),
        ({1: ["APOE"], "1": ["MAPT"]}, "two are called '1'"),
        ([["APOE"]], "got list"),
        ("sets.gmt", "read_gmt"),
        (pd.DataFrame({"A": ["APOE"]}), "got DataFrame"),
    ],
)
def test_what_is_no_collection_of_sets_is_refused(sets, message):
    with pytest.raises((TypeError, ValueError), match=message):
        gene_sets(sets)


def test_sets_are_joined_to_ids_as_the_table_names_them():
    kept, table = restrict({"S": ["348", "4137", "9"]}, [4137, 348, 351], smallest=2)
    assert kept == {"S": [348, 4137]}
    assert table.loc["S", "lost"] == ["9"]


@pytest.mark.parametrize(
    ("listed", "genes", "message"),
    [
        (["Aqp4", "Gfap"], ["AQP4", "MBP"], "1 of them would be in another case, as 'AQP4' is 'Aqp4'.*orthologues"),
        (["AQP4", "GFAP"], ["ENSG00000171885", "ENSG1"], "by symbol .* by Ensembl id"),
        (["361", "2670"], ["AQP4", "MBP"], "by Entrez id .* by symbol"),
        (["ENSG00000171885.5"], ["ENSG00000171885"], "version of the Ensembl id"),
        (["AQP4"], ["AQP4", "43715"], "1 of 2 gene names are numbers"),
        (["AQP4"], ["AQP4", "7-Sep"], "1 gene names are dates"),
        (["AQP4"], ["AQP4", "AQP4"], "more than once: 'AQP4'"),
        (["AQP4"], "AQP4", "letter by letter"),
    ],
)
def test_restriction_says_why_nothing_is_found(listed, genes, message):
    with pytest.raises((TypeError, ValueError), match=message):
        restrict({"S": listed}, genes, smallest=1)


# --- enrichment (case 16) ---------------------------------------------------------------------------------------------

NUMBERS = range(1000, 1200)


@pytest.mark.parametrize(
    "name",
    [
        str,  # Entrez ids as text: gseapy made numbers of one side alone
        int,
        float,
        np.int32,
        lambda i: f"G{i}",
        lambda i: f"g{i}",
        lambda i: f"Gene{i}",  # of the mouse
        lambda i: f"gene {i}",
        lambda i: f"'G{i}'",
        lambda i: f"G{i},1.0",
        lambda i: f"0{i}",
        lambda i: f"ENSG00000{i:06}.3",
    ],
)
def test_the_hypergeometric_test_does_not_depend_on_what_genes_are_called(name):
    genes = [name(i) for i in NUMBERS]
    found = over_representation(genes[:30], {"S": genes[:20], "half": genes[15:45]}, genes)
    assert found["score"].to_dict() == {"S": 20, "half": 15}
    assert found.loc["S", "p"] == pytest.approx(1.9e-20, rel=0.02)
    assert found.loc["S", "p"] == hypergeom.sf(19, 200, 20, 30)
    assert found.loc["half", "p"] == hypergeom.sf(14, 200, 30, 30)


def test_entrez_ids_are_joined_across_types():
    text = [str(i) for i in NUMBERS]
    found = over_representation(pd.Series(text[:30]).astype(int), {"S": text[:20]}, np.array(NUMBERS))
    assert found.loc["S", "p"] == hypergeom.sf(19, 200, 20, 30)
    r = pd.Series(np.linspace(-1, 1, 200), [f"G{i}" for i in NUMBERS])
    sets = {"S": [f"G{i}" for i in NUMBERS[:20]]}
    ids = pd.Series(r.to_numpy(), NUMBERS)
    pd.testing.assert_frame_equal(prerank(ids, {"S": text[:20]}, 50), prerank(r, sets, 50))
    pd.testing.assert_frame_equal(
        random_gene_enrichment(ids, {"S": text[:20]}), random_gene_enrichment(r, sets), check_exact=True
    )


def test_letters_of_the_other_case_are_other_genes():
    genes = [f"GENE{i}" for i in NUMBERS]
    mouse = [gene.capitalize() for gene in genes]
    with pytest.raises(ValueError, match=r"30 of 30 are not among the 200 .*30 of them would be in another case"):
        over_representation(mouse[:30], {"S": genes[:20]}, genes)
    with pytest.raises(ValueError, match=r"1 of 1 have no gene among the 200 .*'S'.* in another case"):
        over_representation(genes[:30], {"S": mouse[:20]}, genes)
    both = [*genes, "Gene1000"]
    assert over_representation(["Gene1000"], {"S": ["GENE1000"]}, both).loc["S", "score"] == 0


def test_what_is_not_in_the_background_is_refused_or_counted():
    genes = [f"G{i}" for i in NUMBERS]
    with pytest.raises(ValueError, match=r"chosen genes: 2 of 3 are not among the 200 of the background: 'A1', 'A2'"):
        over_representation([genes[0], "A1", "A2"], {"S": genes[:5]}, genes)
    found = over_representation(genes[:30], {"S": [*genes[:20], *(f"A{i}" for i in range(300))]}, genes)
    assert found.loc["S", "p"] == hypergeom.sf(19, 200, 20, 30)
    assert "of 320 genes in 1 sets 300 are not among these" in found.attrs["provenance"][0]
    with pytest.raises(ValueError, match="chosen genes holds no gene"):
        over_representation([], {"S": genes[:5]}, genes)
    with pytest.raises(TypeError, match="letter by letter"):
        over_representation("G1000", {"S": genes[:5]}, genes)
    with pytest.raises(ValueError, match="give their index"):
        over_representation(pd.Series([0.5, 0.25], genes[:2]), {"S": genes[:5]}, genes)
    with pytest.raises(ValueError, match="are dates: '7-Sep'"):
        over_representation(genes[:5], {"S": genes[:5]}, [*genes, "7-Sep"])


@pytest.fixture
def tied():
    """120 genes with 7 different statistics, and two sets."""
    values = np.round(3 * np.sin(np.arange(120.0)))
    statistics = pd.Series(values, [f"G{i:03}" for i in range(120)])
    return statistics, {"A": list(statistics.index[:30]), "B": list(statistics.index[5::7])}


def test_ties_give_one_answer_whatever_the_order_of_the_genes(tied, capfd):
    statistics, sets = tied
    first = prerank(statistics, sets, permutations=100)
    naive = random_gene_enrichment(statistics, sets)
    for seed in range(4):
        shuffled = statistics.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(prerank(shuffled, sets, permutations=100), first, check_exact=True)
        turned = {name: genes[::-1] for name, genes in sets.items()}
        pd.testing.assert_frame_equal(prerank(shuffled, turned, permutations=100), first, check_exact=True)
        pd.testing.assert_frame_equal(random_gene_enrichment(shuffled, sets), naive, rtol=1e-12)
    assert capfd.readouterr() == ("", "")
    assert logging.root.manager.disable == 0


@pytest.mark.parametrize("test", [prerank, random_gene_enrichment])
def test_what_cannot_be_ranked_is_refused(test, tied):
    statistics, sets = tied
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(ValueError, match=rf"1 of 120 are missing or infinite, the first \({value}\) .*'G003'"):
            test(statistics.mask(statistics.index == "G003", value), sets)
    with pytest.raises(ValueError, match="all genes have the same value"):
        test(statistics * 0 + 0.1, sets)
    with pytest.raises(ValueError, match="gene set 'all' holds all 120 genes"):
        test(statistics, {"all": list(statistics.index)})
    with pytest.raises(ValueError, match="nor are 2 more of its 3"):
        test(statistics, {"A": ["X1", "X2", "X3"]})
    with pytest.raises(ValueError, match="genes given more than once: 'G000'"):
        test(pd.concat([statistics, statistics.head(1)]), sets)
    with pytest.raises(TypeError, match="Series"):
        test(statistics.to_numpy(), sets)


@pytest.mark.parametrize(
    "wrong", [{"permutations": 0}, {"permutations": 2.5}, {"seed": -1}, {"seed": "1"}, {"seed": 2**40}]
)
def test_wrong_settings_of_prerank_are_refused(tied, wrong):
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
        prerank(*tied, **wrong)


@pytest.fixture
def cortex():
    """7 regions × 8 genes, a map and 19 null maps."""
    rng = np.random.default_rng(0)
    regions = [
        f"L_{name}" for name in ("insula", "cuneus", "lingual", "fusiform", "precuneus", "bankssts", "entorhinal")
    ]
    expression = pd.DataFrame(rng.standard_normal((7, 8)), regions, [f"G{i}" for i in range(8)])
    nulls = pd.DataFrame(rng.standard_normal((19, 7)), columns=regions)
    return expression, pd.Series(rng.standard_normal(7), regions), nulls


def test_the_spatial_test_does_not_depend_on_the_order_of_rows_columns_and_null_maps(cortex):
    expression, thinning, nulls = cortex
    sets = {"A": ["G1", "G5", "G6"], "B": ["G0", "G5"]}
    nulls.iloc[3] = nulls.iloc[4]  # ties among the null scores
    first = spatial_enrichment(set_profiles(expression, sets), thinning, nulls)
    for seed in range(4):
        rows, genes = np.random.default_rng(seed).permutation(7), np.random.default_rng(seed).permutation(8)
        profiles = set_profiles(expression.iloc[rows, genes], sets)
        other = spatial_enrichment(profiles, thinning.sample(frac=1, random_state=seed), nulls.iloc[::-1, rows])
        pd.testing.assert_frame_equal(other, first, rtol=1e-12)


def test_maps_in_another_style_of_names_are_joined_by_name(cortex):
    expression, thinning, _ = cortex
    free = thinning.rename(lambda region: "lh_" + region[2:] + "_thickness")[::-1]
    np.testing.assert_allclose(gene_correlations(expression, free), gene_correlations(expression, thinning))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e, t, n: (e.set_axis([*e.columns[:-1], "7-Sep"], axis=1), t, n), "are dates: '7-Sep'"),
        (lambda e, t, n: (e.set_axis([*e.columns[:-1], "43715"], axis=1), t, n), "are numbers: '43715'"),
        (lambda e, t, n: (e.set_axis([*e.columns[:-1], ""], axis=1), t, n), "gene 8 of 8 is ''"),
        (lambda e, t, n: (e.to_numpy(), t, n), "expected a table, regions by genes"),
        (lambda e, t, n: (e, t.mask(t.index == "L_insula"), n), "1 of 7 values are not finite"),
        (lambda e, t, n: (e, t.to_numpy(), n), "expected a pandas Series"),
        (lambda e, t, n: (e, t * 0 + 0.1, n), "has one value everywhere"),
        (lambda e, t, n: (e, t, n.replace(n.iloc[2, 2], np.inf)), "values are not finite"),
        (lambda e, t, n: (e, t, n.iloc[:0]), "maps: none given"),
        (lambda e, t, n: (e, t, n.to_numpy()), "expected a pandas Series"),
    ],
)
def test_wrong_tables_are_refused_by_name(cortex, change, message):

    def score(expression, thinning, nulls):
        gene_correlations(expression, thinning)
        set_scores(set_profiles(expression, {"A": ["G1", "G5"]}), nulls)

    with pytest.raises((TypeError, ValueError), match=message):
        score(*change(*cortex))


# --- tables of expression in files (cases 14 and 15, a killed or interrupted writer) ----------------------------------


@pytest.fixture
def table():
    """7 regions × 8 genes with one value missing, and what a table knows about itself."""
    values = np.random.default_rng(1).random((7, 8)).round(3)
    values[2, 3] = np.nan
    made = pd.DataFrame(values, [f"L_{k}" for k in "abcdefg"], pd.Index([f"G{i}" for i in range(8)], name="gene"))
    made.index.name = "region"
    made.attrs = {"provenance": ["made up"], "settings": {"donors": ["9861"]}}
    return made


def test_what_was_saved_is_what_is_loaded(table, tmp_path):
    for made in (table, table.set_axis(pd.Index([*range(348, 356)], name="gene"), axis=1)):
        loaded = load_expression(save_expression(made, tmp_path / "table.v1.npz"))
        pd.testing.assert_frame_equal(loaded, made, check_column_type=False)
        assert loaded.attrs == made.attrs
        assert list(loaded.columns) == list(made.columns)


def test_a_writer_that_fails_leaves_the_old_table(table, tmp_path, monkeypatch):
    path = save_expression(table, tmp_path / "table.npz")

    def full(file, **arrays):
        Path(file).write_bytes(b"PK half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OSError, match="No space left"):
        save_expression(table * 2, path)
    monkeypatch.setattr(np, "savez_compressed", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_expression(table * 2, path)
    pd.testing.assert_frame_equal(load_expression(path), table, check_column_type=False)
    assert [each.name for each in tmp_path.iterdir()] == ["table.npz"]


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.7, 0.99])
def test_a_table_cut_short_is_refused(table, tmp_path, share):
    path = save_expression(table, tmp_path / "table.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"table\.npz is no expression table .*Make one with save_expression"):
        load_expression(path)


def test_a_table_with_any_byte_changed_is_refused_or_the_same(table, tmp_path):
    path = save_expression(table, tmp_path / "table.npz")
    whole = path.read_bytes()
    for place in range(0, len(whole), 13):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            loaded = load_expression(path)
        except ValueError:
            continue
        # A byte of the archive that says nothing, such as a date.
        pd.testing.assert_frame_equal(loaded, table, check_column_type=False)
        assert loaded.attrs == table.attrs


@pytest.mark.parametrize(
    "change",
    [
        lambda stored: stored.update(values=stored["values"][:, :-1]),
        lambda stored: stored.update(genes=stored["genes"][::-1]),
        lambda stored: stored.update(regions=stored["regions"][::-1]),
        lambda stored: stored.update(attrs=np.array('{"provenance": ["better"], "settings": {"donors": ["9861"]}}')),
        lambda stored: stored.update(attrs=np.array("[1")),
        lambda stored: stored.update(attrs=np.array("3")),
        lambda stored: stored.update(values=np.array(["a"])),
        lambda stored: stored.pop("genes"),
    ],
)
def test_a_table_that_was_tampered_with_is_refused(table, tmp_path, change):
    path = save_expression(table, tmp_path / "table.npz")
    with np.load(path) as file:
        stored = {name: file[name] for name in file.files}
    change(stored)
    np.savez(path, **stored)
    with pytest.raises(ValueError, match=r"table\.npz"):
        load_expression(path)


def test_other_files_are_no_tables(table, tmp_path):
    path = tmp_path / "table.npz"
    for content in (b"", b"region,G0\nL_a,1\n", b"PK\x03\x04", b"\x93NUMPY\x01\x00"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="is no expression table"):
            load_expression(path)
    np.save(tmp_path / "array.npy", np.ones(3))
    (tmp_path / "array.npy").rename(path)
    with pytest.raises(ValueError, match="is no expression table"):
        load_expression(path)
    with pytest.raises(FileNotFoundError, match="make it with save_expression"):
        load_expression(tmp_path / "absent.npz")
    with pytest.raises(ValueError, match="is no expression table"):
        load_expression(tmp_path)


def test_a_part_of_a_table_can_be_saved_and_says_that_it_was_changed(table, tmp_path):
    table.attrs["sha256"] = digest_of(table)
    loaded = load_expression(save_expression(table.iloc[:5, :6], tmp_path / "part.npz"))
    assert loaded.shape == (5, 6)
    assert "Changed by hand" in loaded.attrs["provenance"][-1]
    assert table.attrs["provenance"] == ["made up"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.to_numpy(), "expected a DataFrame"),
        (lambda t: t.set_axis([*t.columns[:-1], "G0"], axis=1), "more than once: 'G0'"),  # case 15
        (lambda t: t.set_axis([*t.columns[:-1], "1-Mar"], axis=1), "are dates: '1-Mar'"),
        (lambda t: t.set_axis([*t.columns[:-1], 43715], axis=1), "are numbers: '43715'"),
        (lambda t: t.set_axis([*t.columns[:-1], np.nan], axis=1), "gene 8 of 8 is nan"),
        (lambda t: t.set_axis(pd.MultiIndex.from_product([["AHBA"], t.columns]), axis=1), "names on several levels"),
        (lambda t: t.set_axis([*t.index[:-1], "L_a"]), "rows without a name of their own"),
        (lambda t: t.assign(G0="high"), "expected an array of numbers"),
    ],
)
def test_a_doubtful_table_is_not_saved(table, tmp_path, change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        save_expression(change(table), tmp_path / "table.npz")
    assert not list(tmp_path.iterdir())


def test_what_tables_know_is_noted_or_refused(table, tmp_path):
    table.attrs = {"threshold": np.float32(0.5), "donors": ("9861",), "folder": Path("raw"), "n": np.int64(3)}
    loaded = load_expression(save_expression(table, tmp_path / "table.npz"))
    assert loaded.attrs == {"threshold": 0.5, "donors": ["9861"], "folder": "raw", "n": 3}
    table.attrs = {"model": object()}
    with pytest.raises(ValueError, match=r"table\.attrs cannot be noted as JSON"):
        save_expression(table, tmp_path / "table.npz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.set_axis([*t.columns[:-1], "G0"], axis=1), "more than once: 'G0'"),
        (lambda t: t.set_axis([*t.columns[:-1], "43715"], axis=1), "are numbers: '43715'"),
        (lambda t: t.assign(G0="high"), "expected an array of numbers"),
        (lambda t: t["G0"], "expected a table"),
    ],
)
def test_z_scores_need_genes_with_names(table, change, message):
    with pytest.raises((TypeError, ValueError), match=message):
        normalise(change(table.dropna()))


def test_tables_are_cut_to_what_they_share_by_name(table):
    other = table.iloc[::-1, ::-1].iloc[:6]
    for tables in ([table, other], {"a": table, "b": other}):
        one, two = common(tables)
        assert list(one.index) == list(two.index) == [f"L_{k}" for k in "bcdefg"]
        assert list(one.columns) == list(two.columns) == list(table.columns)
    for tables, message in (
        ([], "got none"),
        ([table, table.to_numpy()], "got DataFrame, ndarray"),
        ([table, pd.concat([table, table.head(1)])], "table 2: regions given more than once: 'L_a'"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            common(tables)
    with pytest.raises(TypeError, match="expected a dict by donor"):
        differential_stability([table, table])
    with pytest.raises(ValueError, match="donor b: other genes"):
        differential_stability({"a": table, "b": table.drop(columns="G3")})


# --- expression from microarrays (case 33) ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Six donors' simulated microarrays."""
    return open_microarrays(simulate_microarrays(tmp_path_factory.mktemp("raw"), seed=2, genes=12, n_samples=30))


QUICK = {"genes": "all", "atlas": "surface", "probe_selection": "max_variance"}


@pytest.mark.parametrize(
    ("donors", "used"),
    [
        (9861, ["9861"]),
        ("9861", ["9861"]),
        (np.int64(9861), ["9861"]),
        ("H0351.2001", ["9861"]),
        (["9861", 15496], ["9861", "15496"]),
        ([15496.0, "H0351.2001", 9861], ["9861", "15496"]),
        (np.array([9861, 10021]), ["9861", "10021"]),
        (pd.Series([10021, 9861]), ["9861", "10021"]),
        ({"10021"}, ["10021"]),
        (None, list(DONORS)),
        ("all", list(DONORS)),
    ],
)
def test_donors_may_be_given_by_number_and_by_name(donors, used):
    assert list(donor_names(donors) or DONORS) == used


@pytest.mark.parametrize(
    "donors", [1, "9861,10021", [], True, ["9861", None], {"9861": 1}, 9861.5, b"9861", "All", [[9861]]]
)
def test_other_donors_are_refused(donors):
    with pytest.raises((TypeError, ValueError), match="expected"):
        make_expression("simulated", donors=donors)


def test_donors_of_opened_microarrays_are_those_in_use(raw):
    some = open_microarrays(raw.folder, ["9861", "10021"])
    assert make_expression(some, **QUICK).attrs["settings"]["donors"] == ["9861", "10021"]
    one = make_expression(raw, **QUICK, donors=9861)
    pd.testing.assert_frame_equal(one, make_expression(raw, **QUICK, donors=["H0351.2001"]))


WRONG = {
    "ibf_threshold": [-0.1, 1.5, "0.5", None, True, np.nan, [0.5]],
    "probe_selection": ["best", None, 1, ["average"], "Diff_Stability", np.mean],
    "donor_probes": ["all", None, 0, ["common"]],
    "sim_threshold": [0, -1, "5", np.inf, True],
    "lr_mirror": ["up", 1, "LR", ["leftright"], np.array(["leftright"])],
    "tolerance": ["2", None, np.nan, [2], True],
    "sample_norm": ["z", 0, True, ["srs"], "None"],
    "gene_norm": ["z", 0, False, {"srs"}, "none"],
    "norm_matched": ["False", None, 1, 0.0],
    "norm_structures": ["True", None, 0],
    "region_agg": [None, "region", 1, ["donors"]],
    "agg_metric": [np.mean, "max", None, 0, "Mean"],
    "corrected_mni": ["no", None, 1],
    "reannotated": ["no", None, 1],
}


def test_every_option_of_abagen_is_tried():
    assert set(WRONG) == set(options()) - {"missing"}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_wrong_options_are_refused_by_name_before_anything_is_read(name, value):
    with pytest.raises((TypeError, ValueError), match=rf"^{name}\b.*(is|=)") as caught:
        make_expression("no such folder", **{**QUICK, name: value})
    assert "expected" in str(caught.value)


def test_samples_are_no_regions(raw):
    with pytest.raises(ValueError, match="region_agg=None keeps the samples apart, which makes no table of regions"):
        make_expression("simulated", genes="all", region_agg=None)
    with pytest.raises(ValueError, match="region_agg='samples' mixes the donors"):
        donor_expressions(raw, **QUICK, region_agg="samples")
    with pytest.raises(ValueError, match="probe_selection='diff_stability' compares donors and there is one"):
        make_expression(raw, donors=9861)


@pytest.mark.parametrize(
    "choice",
    [
        *({"probe_selection": each} for each in ("average", "pc_loading", "corr_variance", "rnaseq")),
        *({"donor_probes": each} for each in ("independent", "common")),
        *({"lr_mirror": each} for each in ("leftright", True)),
        *({"sample_norm": each} for each in (None, "minmax", "scaled_sig_qnt")),
        *({"gene_norm": each} for each in (None, "zscore", "center")),
        {"ibf_threshold": np.float32(0.5), "tolerance": np.int64(3), "sim_threshold": 5},
        {"norm_matched": np.bool_(False), "norm_structures": True},
        {"region_agg": "samples", "agg_metric": "median"},
        {"corrected_mni": False, "reannotated": False},
    ],
)
def test_right_options_make_a_table_that_can_be_noted(raw, choice, tmp_path):
    made = make_expression(raw, **{**QUICK, **choice})
    assert min(made.shape) > 5
    assert load_expression(save_expression(made, tmp_path / "made.npz")).attrs == made.attrs


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"tolerance": -1e-6}, "no table is left: 0 regions have samples"),
        ({"genes": "landmark"}, "no table is left|shape"),
        ({"atlas": ["volume"]}, "atlas .* is unknown"),
        ({"atlas": None}, "atlas None is unknown"),
        ({"genes": "APOE"}, "expected one of 'landmark', 'all'. Or give a list"),
        ({"genes": None}, "expected a list of genes"),
        ({"genes": {}}, "expected a list of genes"),
        ({"genes": [0.5]}, "expected a symbol"),
        ({"missing": None}, "missing None is unknown; expected one of"),
        ({"missing": ["drop"]}, r"missing \['drop'\] is unknown; expected one of"),
        ({"n_proc": 2}, "option 'n_proc' is unknown"),
        ({"return_donors": True}, "option 'return_donors' is unknown"),
    ],
)
def test_other_settings_are_refused_in_words(raw, choice, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make_expression(raw, **{**QUICK, **choice})


@pytest.mark.parametrize(
    ("universe", "message"),
    [
        ([("gene_norm", ["srs"])], "expected a dict"),
        ({"gene_norm": "srs"}, "'gene_norm' has 'srs'; expected a list"),
        ({"gene_norm": []}, r"'gene_norm' has \[\]; expected a list"),
        ({"gene_norm": None}, "'gene_norm' has None; expected a list"),
        ({"gene_norm": ["srs", "z"]}, "gene_norm is 'z'"),
        ({"missing": ["drop", "zero"]}, "missing 'zero' is unknown"),
        ({"region_agg": ["donors", None]}, "region_agg=None keeps the samples apart"),
        ({"donors": [None, 1]}, "donor 1 is unknown"),
        ({"gene_nrom": ["srs"]}, "Did you mean 'gene_norm'"),
    ],
)
def test_a_multiverse_is_checked_before_the_first_table_is_made(universe, message):
    with pytest.raises((TypeError, ValueError), match=message):
        multiverse("no such folder", universe, progress=False, **{k: v for k, v in QUICK.items() if k not in universe})


def test_unmeasured_regions_are_never_filled_without_being_asked_for(real_data):
    dropped, mirrored = load_ahba(), load_ahba(missing="mirror")
    poles = ["R_frontalpole", "R_temporalpole"]
    assert not set(poles) & set(dropped.index)
    np.testing.assert_array_equal(mirrored.loc[poles], mirrored.loc[["L_frontalpole", "L_temporalpole"]])
    assert "R_frontalpole and R_temporalpole" in mirrored.attrs["provenance"][-1]
    pd.testing.assert_frame_equal(load_ahba(genes=pd.Series(["MAPT", "APOE"])), load_ahba(genes=("MAPT", "APOE")))
    with pytest.raises(ValueError, match="Near apoe: APOE"):
        load_ahba(genes={"apoe"})


# --- effect sizes -----------------------------------------------------------------------------------------------------

ENIGMA = """Structure,d_icv,n_controls,n_patients,p
L_insula,-0.104,100,20,<0.001
R_insula,-0.25,101,22,0.5
L_cuneus,,99,20,1
"""
THINNING = {"L_insula": 0.104, "R_insula": 0.25}


@pytest.fixture
def enigma(monkeypatch, tmp_path):
    """Return a function that reads a text as an ENIGMA table of schizophrenia."""
    path = tmp_path / "scz.csv"
    monkeypatch.setattr(vulnerability, "fetch", lambda name: path)

    def read(content):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load_disorder("SCZ")

    return read


@pytest.mark.parametrize(
    "content",
    [
        ENIGMA,
        ENIGMA.encode("utf-8-sig"),
        ENIGMA.encode("utf-16"),
        ENIGMA.replace("\n", "\r\n"),
        ENIGMA.replace(",", ";").replace(".", ","),  # saved anew in German
        ENIGMA.replace(",", "\t"),
        ENIGMA.replace("L_cuneus,,", "L_cuneus,NA,"),
        ENIGMA.replace("L_cuneus,,", "L_cuneus,.,"),
        ENIGMA.replace("L_cuneus,,", "L_cuneus, n/a ,"),
        ENIGMA.replace("L_", "lh_").replace("R_", "rh_"),
        ENIGMA.replace("L_insula", "lh_insula_thickness").replace("R_insula", "ctx-rh-insula"),
        ENIGMA.replace("L_insula", "insula_left").replace("R_insula", "Right-Insula"),
        ENIGMA.replace("Structure", " Structure "),
    ],
)
def test_effect_sizes_read_the_same_however_they_were_saved(enigma, content):
    found = enigma(content)
    assert found.to_dict() == THINNING
    assert "L_cuneus" in found.attrs["provenance"][1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ENIGMA.replace("-0.104", "<0.001"), "the effect size of L_insula is '<0.001'; expected a number"),
        (ENIGMA.replace("-0.104", "-9999"), "the effect size of L_insula is -9999; expected Cohen's d"),
        (ENIGMA.replace("-0.104", "-10.4"), "the effect size of L_insula is -10.4; .*percent"),
        (ENIGMA.replace("R_insula", "lh_insula"), "regions given more than once: 'L_insula'"),
        (ENIGMA.replace("R_insula", "LThickness"), "'LThickness' is no Desikan-Killiany region"),
        (ENIGMA.replace("R_insula", "R_insular"), "did the table mean 'R_insula'"),
        (ENIGMA.replace("R_insula", "Rinsula"), "is no Desikan-Killiany region"),
        (ENIGMA.replace("d_icv", "d"), "no column 'd_icv'"),
        (ENIGMA.replace(",20,", ",many,"), "a number of people is 'many'"),
        (ENIGMA.replace(",20,", ",-9,"), "a number of people is '-9'"),
        (ENIGMA + 'L_fusiform,"1,2,3\n', "cannot be read as a table"),
        (ENIGMA + "L_fusiform,1,2,3,4,5,6,7\n", "cannot be read as a table"),
        ("", "cannot be read as a table"),
        (b"\x00\x01\x02" * 40, "is no text"),
    ],
)
def test_doubtful_effect_sizes_are_refused_in_words(enigma, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        enigma(content)
    assert "scz" in str(caught.value)


@pytest.mark.parametrize("name", [None, 3, ["AD"]])
def test_the_name_of_a_disorder_is_text(name):
    with pytest.raises((TypeError, ValueError), match="disorder"):
        load_disorder(name)
    with pytest.raises(ValueError, match="hemispheres"):
        load_rvi(name, hemispheres=name)


def test_a_damaged_r_file_is_refused(monkeypatch, tmp_path):
    path = tmp_path / "EP.GM.rda"
    monkeypatch.setattr(vulnerability, "fetch", lambda name: path)
    for content in (b"", b"RDX3\nX\n", b"no R at all", b"\x1f\x8b\x08" + b"\0" * 9):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"EP\.GM\.rda holds no R table"):
            load_rvi()


def test_homologues_are_found_by_name_and_never_by_number():
    names = ["lh_insula", "rh_insula_thickness", "LH_Vis_1", "RH_Vis_1", "R_cuneus", "ctx-rh-cuneus", "brainstem"]
    assert homologue("lh_insula", names) == "rh_insula_thickness"
    assert homologue("Right-Insula", names) == "lh_insula"
    assert homologue("LH_Vis_1", names) is None
    assert homologue("L_cuneus", names) is None, "two fit"
    assert homologue("brainstem", names) is None


def test_twins_are_found_in_any_style_of_names():
    for left, right in (("L_{}", "R_{}"), ("lh_{}_thickness", "rh_{}_thickness"), ("{}-lh", "{}-rh")):
        values = pd.Series({left.format("insula"): 0.5, left.format("cuneus"): 0.2, right.format("insula"): 0.5})
        assert hemispheres_averaged(values)
        assert not hemispheres_averaged(values.mask(values.index == left.format("insula"), 0.4))


# --- the connectome ---------------------------------------------------------------------------------------------------


@pytest.fixture
def connectome(monkeypatch, tmp_path):
    """Return a function that reads a matrix (68, 68), changed, in place of the connectome's file."""
    values = np.random.default_rng(0).uniform(0, 9, (68, 68)).round(3)
    values = values + values.T
    table = pd.DataFrame(values, list(REGIONS), list(REGIONS))

    def read(change=lambda table: table, folded=False):
        changed = change(table.copy())
        np.savetxt(tmp_path / "strucMatrix_ctx.csv", changed, delimiter=",")
        (tmp_path / "strucLabels_ctx.csv").write_text(",".join(changed.index))
        monkeypatch.setattr(fetch_module, "fetch", lambda name: tmp_path / name.rsplit("/", 1)[1])
        return human_connectome(folded)

    return read


def test_regions_of_the_connectome_are_joined_by_name(connectome):
    right = connectome()
    order = np.random.default_rng(1).permutation(68)
    pd.testing.assert_frame_equal(connectome(lambda t: t.iloc[order, order]), right)
    freesurfer = [("lh_" if name[0] == "L" else "rh_") + name[2:] for name in REGIONS]
    pd.testing.assert_frame_equal(connectome(lambda t: t.set_axis(freesurfer, axis=0)), right)
    pd.testing.assert_frame_equal(connectome(lambda t: t.set_axis([f'"{name}"' for name in t.index], axis=0)), right)
    assert (np.diag(right) == 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.mask(t == t.iloc[3, 5]), "has nan between 'L_.*' and 'L_.*', which is not finite"),
        (lambda t: t.replace(t.iloc[3, 5], np.inf), "which is not finite"),
        (lambda t: t - 10, "which is negative .*without negative values"),
        (lambda t: t * np.triu(np.ones((68, 68))), "and another value the other way round"),
        (lambda t: np.expm1(t), "Are these the counts"),
        (lambda t: t.iloc[:, :60], "has shape"),
        (lambda t: t.iloc[:60, :60], "missing: 'R_"),
        (lambda t: t.set_axis(["Left-Hippocampus", *t.index[1:]], axis=0), "unknown: 'Left-Hippocampus'"),
        (lambda t: t.set_axis(["L_cuneus", *t.index[1:]], axis=0), "more than once: 'L_cuneus'"),
    ],
)
def test_what_is_no_connectome_is_refused_in_words(connectome, change, message):
    with pytest.raises(ValueError, match=message):
        connectome(change)


def test_a_damaged_file_of_the_connectome_is_refused(connectome, tmp_path):
    connectome()
    path = tmp_path / "strucMatrix_ctx.csv"
    whole = path.read_text()
    for content, message in ((whole.replace("1", "x"), "holds no matrix"), (whole[:5000], "holds no matrix|has shape")):
        path.write_text(content)
        with pytest.raises(ValueError, match=message):
            human_connectome()


def test_folding_finds_homologues_in_any_style_and_order():
    names = ["L_a", "L_b", "R_a", "R_b"]
    table = pd.DataFrame([[0, 1, 5, 0], [1, 0, 2, 5], [5, 2, 0, 3], [0, 5, 3, 0]], names, names)
    right = [[0.0, 3.0], [3.0, 0.0]]
    assert fold(table).to_numpy().tolist() == right
    assert fold(table.iloc[::-1]).loc[["L_a", "L_b"], ["L_a", "L_b"]].to_numpy().tolist() == right
    lh = {name: f"ctx-{name[0].lower()}h-{name[2:]}" for name in names}
    found = fold(table.rename(index=lh, columns=lh))
    assert found.to_numpy().tolist() == right
    assert list(found.index) == ["ctx-lh-a", "ctx-lh-b"]
    assert fold(-table).to_numpy().tolist() == [[0.0, -3.0], [-3.0, 0.0]]  # correlations may be negative


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop("R_b").drop(columns="R_b"), "'R_b' is missing"),
        (lambda t: t.drop("L_b").drop(columns="L_b"), "'L_b' is missing"),
        (
            lambda t: t.rename(index={"R_b": "brainstem"}, columns={"R_b": "brainstem"}),
            "2 of 4 regions have no homologue",
        ),
        (lambda t: t.set_axis([f"{n}_1" for n in t], axis=0).set_axis([f"{n}_1" for n in t], axis=1), "no homologue"),
        (lambda t: t.rename(columns={"R_b": "R_c"}), "fold, columns: .*missing: 'R_b'"),
        (lambda t: t.mask(t == 2), "fold: 2 of 16 values are not finite"),
        (lambda t: t + np.triu(np.ones((4, 4)), 1), "another value the other way round"),
        (lambda t: t.to_numpy(), "expected a table"),
    ],
)
def test_folding_refuses_what_has_no_other_half(change, message):
    names = ["L_a", "L_b", "R_a", "R_b"]
    table = pd.DataFrame([[0, 1, 5, 0], [1, 0, 2, 5], [5, 2, 0, 3], [0, 5, 3, 0]], names, names, dtype=float)
    with pytest.raises((TypeError, ValueError), match=message):
        fold(change(table))


# --- arguments of the simulators --------------------------------------------------------------------------------------

SIMULATORS = {
    simulate_cortex: {
        "n_genes": [1, "8", 2.5],
        "n_programs": [4, 6.5, "6"],
        "n_controls": [9, "20"],
        "n_patients": [2.5],
    },
    simulate_mouse: {"n_genes": [0, "8", 2.5], "step": [0, 1.5, "2"], "geometry": ["round", None, ["drawn"]]},
    simulate_progression: {
        **{"n_subjects": [0, 1.5, "3"], "n_visits": [0, "3"], "interval": [0, "2", np.nan], "noise_tau": ["0"]},
        **{"smooth": [2, "0"], "accumulated": ["no", 1], "world": [-1, 0.5], "D": ["fast", np.nan]},
    },
    simulate_trajectories: {"n_controls": [9, "10"], "n_patients": [9, 10.5], "pace": [-1, "1", np.inf], "course": [1]},
    simulate_views: {"shared_noise": [-1, "1", np.nan], "link": [1]},
    simulated_thinning: {},
}


@pytest.mark.parametrize(
    ("simulate", "name", "value"),
    [
        (simulate, name, value)
        for simulate, wrong in SIMULATORS.items()
        for name, values in {"seed": [-1, 1.5, "1", None, True, np.nan], **wrong}.items()
        for value in values
    ],
)
def test_wrong_arguments_of_simulators_are_refused_by_name(simulate, name, value):
    with pytest.raises((TypeError, ValueError), match=rf"\b{name}\b.*; expected"):
        simulate(**{name: value})


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"seed": "1"}, {"genes": 5}, {"genes": 12.5}, {"genes": "APOE"}, {"genes": []}, {"n_samples": "30"}],
)
def test_wrong_arguments_of_simulated_microarrays_are_refused(tmp_path, wrong):
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong))):
        simulate_microarrays(tmp_path / "raw", **wrong)
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(
    ("mouse", "choice"),
    [
        (np.ones((8, 2)), {}),
        (pd.DataFrame({"P1": [1.0, 2.0], "P2": [2.0, np.nan]}), {}),
        (pd.DataFrame({"P1": ["a", "b"]}), {}),
        (pd.DataFrame({"P1": [1.0, 2.0]}, ["A", "A"]), {}),
        (pd.DataFrame({"P1": [1.0, 2.0]}), {"conserved": "half"}),
        (pd.DataFrame({"P1": [1.0, 2.0]}), {"conserved": 1.5}),
        (pd.DataFrame({"P1": [1.0, 2.0]}), {"seed": -1}),
    ],
)
def test_wrong_arguments_of_simulated_orthologues_are_refused(mouse, choice):
    with pytest.raises((TypeError, ValueError), match=next(iter(choice), "mouse")):
        simulate_orthologues(mouse, **choice)


def test_numpy_numbers_give_the_same_simulation():
    one, other = simulate_views(1), simulate_views(np.int32(1))
    pd.testing.assert_series_equal(one.thinning, other.thinning)
    one, other = simulate_trajectories(0, 10, 12), simulate_trajectories(np.int64(0), np.int64(10), 12.0)
    pd.testing.assert_frame_equal(one.thickness, other.thickness)
