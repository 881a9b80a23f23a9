"""CIFTI: dscalar files of either hemisphere or both, with and without subcortex, pscalar files by name."""

import nibabel
import numpy as np
import pytest
from nibabel import cifti2

from xsg.data.atlases import load_atlas
from xsg.data.maps import read_map

DK = load_atlas("desikan")


@pytest.fixture(scope="module")
def values(paint):
    return paint.values(DK)


@pytest.fixture
def sides(values, paint):
    left, right = paint.hemispheres(values, DK, "fs_LR 32k")
    return {"LEFT": left, "RIGHT": right}


def read(source, **given):
    return read_map(source, positive="loss", **given)


def test_both_hemispheres(values, sides, paint, tmp_path):
    path = paint.cifti(tmp_path / "map.dscalar.nii", sides)
    assert np.allclose(read(path), values, atol=1e-6)
    assert np.allclose(read(nibabel.load(path)), values, atol=1e-6)
    plain = path.rename(tmp_path / "map.nii")  # the ending is not what makes it CIFTI
    assert np.allclose(read(plain), values, atol=1e-6)


def test_a_file_for_each_hemisphere(values, sides, paint, tmp_path):
    pair = [
        paint.cifti(tmp_path / f"{name}.dscalar.nii", {side: sides[side]})
        for name, side in (("a", "LEFT"), ("b", "RIGHT"))
    ]
    assert np.allclose(read(tuple(pair)), values, atol=1e-6)
    with pytest.raises(ValueError, match=r"b\.dscalar\.nii: it is given as left, its header says right"):
        read(tuple(pair[::-1]))
    with pytest.warns(UserWarning, match="the left cortex has none"):
        assert np.allclose(read(pair[1]), values[34:], atol=1e-6)


def test_subcortex_by_structure(values, sides, paint, tmp_path):
    path = paint.cifti(
        tmp_path / "map.dscalar.nii", sides, {"ACCUMBENS_LEFT": 1.5, "THALAMUS_RIGHT": -2, "BRAIN_STEM": 9}
    )
    with pytest.warns(UserWarning, match="12 of 82: 12 have none: 'L_amygdala'"):
        found = read(path, atlas="desikan+subcortex")
    assert (found["L_accumbens"], found["R_thalamus"], len(found)) == (1.5, -2, 70)
    assert np.allclose(found[:68], values, atol=1e-6)
    assert len(read(path)) == 68


def test_several_maps(values, sides, paint, tmp_path):
    path = paint.cifti(tmp_path / "map.dscalar.nii", sides, first=cifti2.ScalarAxis(["thick", "myelin"]))
    with pytest.raises(ValueError, match=r"2 maps \('thick', 'myelin'\)"):
        read(path)
    for which in ("myelin", 1):
        assert np.allclose(read(path, column=which), values, atol=1e-6)


def test_labels_and_time_series_are_refused(sides, paint, tmp_path):
    labels = cifti2.LabelAxis(["atlas"], [{0: ("?", (0, 0, 0, 0)), 1: ("V1", (1, 0, 0, 1))}])
    with pytest.raises(ValueError, match=r"holds labels of an atlas \(dlabel\)"):
        read(paint.cifti(tmp_path / "odd.dscalar.nii", sides, first=labels))
    with pytest.raises(ValueError, match="holds labels of an atlas"):
        read(paint.cifti(tmp_path / "odd.dlabel.nii", sides, first=labels))
    with pytest.raises(ValueError, match="holds a time series of 5 points"):
        read(paint.cifti(tmp_path / "run.dtseries.nii", sides, first=cifti2.SeriesAxis(0, 0.7, 5)))
    (tmp_path / "cut.dscalar.nii").write_bytes((tmp_path / "run.dtseries.nii").read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.dscalar\.nii cannot be read"):
        read(tmp_path / "cut.dscalar.nii")
    nibabel.Nifti1Image(np.zeros((5, 5, 5), np.float32), np.eye(4)).to_filename(tmp_path / "fake.dscalar.nii")
    with pytest.raises(ValueError, match="is no CIFTI file"):
        read(tmp_path / "fake.dscalar.nii")


def parcels(path, names, numbers):
    masks = [np.arange(32492) == place for place in range(len(names))]
    models = [
        (name, cifti2.BrainModelAxis.from_mask(mask, name="CORTEX_LEFT"))
        for name, mask in zip(names, masks, strict=True)
    ]
    axes = cifti2.ScalarAxis(["map"]), cifti2.ParcelsAxis.from_brain_models(models)
    data = np.asarray(numbers, dtype=np.float32)[None]
    cifti2.Cifti2Image(data, header=cifti2.Cifti2Header.from_axes(axes)).to_filename(path)
    return path


def test_parcels_are_joined_by_name(values, tmp_path):
    order = np.random.default_rng(1).permutation(68)
    names = [f"{'lh' if name[0] == 'L' else 'rh'}_{name[2:]}" for name in values.index[order]]
    path = parcels(tmp_path / "map.pscalar.nii", names, values.to_numpy()[order])
    assert np.allclose(read(path), values, atol=1e-6)
    with pytest.raises(ValueError, match=r"(?:0|1) of its 7 names are regions"):
        read(parcels(tmp_path / "other.pscalar.nii", [f"L_area{k}" for k in range(7)], np.arange(7.0)))


def test_samples_of_others(real_data):
    folder = real_data / "human/samples"
    with pytest.warns(UserWarning, match="34 of 68: the right cortex has none"):
        assert read(folder / "lh.fsa5_ref.dscalar.nii").between(1, 4.5).all()
    pair = [folder / f"{side}.schaefer_200_c69_thickness.dscalar.nii" for side in ("lh", "rh")]
    for source in (tuple(pair), pair[1]):  # the right one's header says left
        with pytest.raises(ValueError, match=r"its header says left.*its name says right"):
            read(source, atlas="schaefer200")
    with pytest.warns(UserWarning, match="29 of 200"):
        found = read({"left": pair[0], "right": pair[1]}, atlas="schaefer200")
    assert found.between(1, 4.5).all()
