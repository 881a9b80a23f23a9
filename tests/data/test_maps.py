"""Maps: what was painted on an atlas is read back from every kind of file; unit and sign are found or asked for."""

import warnings

import nibabel
import numpy as np
import pandas as pd
import pytest

from xsg.atlas import Parcellation, load_parcellation
from xsg.data.atlases import ATLASES, load_atlas
from xsg.data.maps import SignWarning, read_map
from xsg.data.vulnerability import load_disorder

MAPS = ("3Rtau", "4Rtau", "DLB", "EOAD", "LOAD", "PS1", "TDP43A", "TDP43C")


@pytest.fixture(params=ATLASES)
def atlas(request):
    if request.param != "desikan":
        request.getfixturevalue("real_data")
    return load_atlas(request.param)


def same(found: pd.Series, values: pd.Series) -> bool:
    return list(found.index) == list(values.index) and np.corrcoef(found, values)[0, 1] >= 0.99


def test_a_map_painted_on_an_atlas_comes_back_from_nifti(atlas, paint, tmp_path):
    values = paint.values(atlas)
    path = paint.nifti(tmp_path / "map.nii.gz", paint.volume(values, atlas))
    called = "desikan" if atlas.name == "dk" else atlas.name
    found = read_map(path, called, positive="loss")
    assert same(found, values)
    assert (found.name, found.index.name, found.attrs["atlas"]) == ("thinning", "region", called)


def test_a_map_painted_on_an_atlas_comes_back_from_gifti(atlas, paint, tmp_path):
    values = paint.values(atlas)
    left, right = paint.hemispheres(values, atlas)
    pair = (paint.gifti(tmp_path / "lh.map.func.gii", left), paint.gifti(tmp_path / "rh.map.func.gii", right))
    cortex = values[~atlas.subcortical]
    if atlas.subcortical.any():
        with pytest.warns(UserWarning, match="the structures below the cortex have none"):
            found = read_map(pair, atlas, positive="loss")
    else:
        found = read_map(pair, atlas, positive="loss")
    assert same(found, cortex)
    assert found.attrs["name"] == "map"


def test_a_map_painted_on_an_atlas_comes_back_from_cifti(atlas, paint, tmp_path):
    values = paint.values(atlas)
    left, right = paint.hemispheres(values, atlas, "fs_LR 32k")
    side = {"L": "LEFT", "R": "RIGHT"}
    below = {f"{name[2:].upper()}_{side[name[0]]}": values[name] for name in atlas.regions[atlas.subcortical]}
    path = paint.cifti(tmp_path / "map.dscalar.nii", {"LEFT": left, "RIGHT": right}, below)
    assert same(read_map(path, atlas, positive="loss"), values)


def test_volume_and_surface_agree_on_the_eight_maps_of_atrophy(real_data):
    for name in MAPS:
        image = nibabel.load(real_data / f"human/atrophy/{name}.nii.gz")
        by_volume, by_surface = (read_map(image, positive="gain", route=route) for route in ("volume", "surface"))
        assert len(by_volume) == len(by_surface) == 68
        assert np.corrcoef(by_volume, by_surface)[0, 1] >= 0.95, name
    assert by_volume.attrs["unit"] == "t (242 degrees of freedom)"


def test_an_unturned_sign_is_warned_about_with_the_figure(real_data):
    with pytest.warns(SignWarning, match=r'the mean over regions is -2\.\d+, 100% .* "SPM.*LOAD > .*positive=\'gain\''):
        kept = read_map(real_data / "human/atrophy/LOAD.nii.gz")
    assert kept.attrs["positive"] is None
    assert any("kept as it is" in sentence for sentence in kept.attrs["provenance"])
    turned = read_map(real_data / "human/atrophy/LOAD.nii.gz", positive="gain", unit="t", name="late AD")
    assert (turned == -kept).all()
    assert (turned.attrs["positive"], turned.attrs["unit"], turned.attrs["name"]) == ("loss", "t", "late AD")


def test_attributes_are_plain_and_say_what_every_region_is_made_of(real_data):
    found = read_map(real_data / "human/atrophy/EOAD.nii.gz", positive="gain")
    assert set(found.attrs) == {"unit", "positive", "name", "atlas", "provenance", "coverage"}
    assert list(found.attrs["coverage"]) == list(found.index)
    assert all(type(share) is float and 0.5 <= share <= 1 for share in found.attrs["coverage"].values())
    assert all(type(sentence) is str for sentence in found.attrs["provenance"])


def test_regions_of_too_little_coverage_stay_out_and_are_named(paint, tmp_path):
    atlas = load_atlas("desikan")
    data = paint.volume(paint.values(atlas), atlas)
    data[:, :30] = 0  # the back of the brain: y below -66 mm
    path = paint.nifti(tmp_path / "front.nii.gz", data)
    with pytest.warns(UserWarning, match=r"less than 50% of their extent: .*'L_lateraloccipital'"):
        found = read_map(path, positive="loss", space="MNI", unit="z")
    assert "L_lateraloccipital" not in found.index
    assert "L_insula" in found.index
    with warnings.catch_warnings(action="ignore"):
        assert len(read_map(path, positive="loss", space="MNI", coverage=0)) > len(found)
    few = np.zeros(paint.shape)
    few[tuple(np.argwhere(data)[:40].T)] = 1
    with pytest.raises(ValueError, match=r"0 of 68 regions have values in at least 50% .*the most is 1%"):
        read_map(path, mask=paint.nifti(tmp_path / "m.nii", few), space="MNI")


def test_what_the_package_made_keeps_its_unit_sign_and_provenance(real_data):
    thinning = load_disorder("AD")
    with pytest.warns(UserWarning, match="2 of 68: 2 have none: 'L_temporalpole', 'R_temporalpole'"):
        found = read_map(thinning)
    assert np.allclose(found, thinning)
    assert (found.attrs["unit"], found.attrs["positive"]) == ("Cohen's d", "loss")
    assert thinning.attrs["provenance"][0] in found.attrs["provenance"]
    with pytest.warns(UserWarning, match="2 of 68"):
        again = read_map(found)
    assert (again == found).all()
    assert again.attrs["name"] == found.attrs["name"]


def test_any_parcellation_takes_a_map(paint, tmp_path):
    dk = load_parcellation("dk")
    lobes = dk.table["hemisphere"] + "_" + dk.table["lobe"]
    names = dict(enumerate(lobes.unique(), start=1))
    number = {name: label for label, name in names.items()}
    labels = np.where(dk.labels >= 0, lobes.map(number).to_numpy()[dk.labels], -1)
    coarse = Parcellation.from_labels("lobes", labels, names)
    values = paint.values(coarse)
    path = paint.nifti(tmp_path / "map.nii", paint.volume(values, coarse))
    assert same(read_map(path, coarse, positive="loss"), values)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"positive": "thinner"}, ValueError, "positive 'thinner' is unknown; expected one of 'loss', 'gain'"),
        ({"coverage": 1.5}, ValueError, "coverage is 1.5"),
        ({"atlas": "aal"}, ValueError, "atlas 'aal' is unknown"),
        ({"unit": 3}, TypeError, "unit: expected text"),
        ({"mask": "mask.nii"}, ValueError, "mask= does not belong to a table map"),
        ({"space": "MNI"}, ValueError, "space= does not belong to a table map"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, error, words, paint):
    with pytest.raises(error, match=words):
        read_map(paint.values(load_atlas("desikan")), **given)


@pytest.mark.parametrize("source", [np.arange(68.0), None, [1.0, 2.0], b"map.nii", pd.Series(np.arange(68.0))])
def test_what_has_no_names_is_refused(source):
    with pytest.raises(TypeError, match="order of a bare array cannot be checked"):
        read_map(source)
