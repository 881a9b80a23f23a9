"""Surfaces: every mesh and file reads alike; the wrong side, mesh or kind of file is refused by what it is."""

import gzip

import nibabel
import numpy as np
import pytest

from xsg.data.atlases import load_atlas
from xsg.data.maps import SignWarning, read_map

DK = load_atlas("desikan")
SHAPE, LABEL = "NIFTI_INTENT_SHAPE", "NIFTI_INTENT_LABEL"


@pytest.fixture(scope="module")
def values(paint):
    return paint.values(DK)


@pytest.fixture(scope="module")
def halves(values, paint):
    return paint.hemispheres(values, DK)


@pytest.fixture
def pair(halves, paint, tmp_path):
    return paint.gifti(tmp_path / "lh.map.gii", halves[0]), paint.gifti(tmp_path / "rh.map.gii", halves[1])


def read(source, **given):
    return read_map(source, positive="loss", **given)


@pytest.mark.parametrize("mesh", ["fsaverage5", "fsaverage6", "fsaverage", "fs_LR 32k"])
def test_meshes(mesh, values, paint, tmp_path):
    left, right = paint.hemispheres(values, DK, mesh)
    pair = paint.gifti(tmp_path / "lh.map.gii", left), paint.gifti(tmp_path / "rh.map.gii", right)
    assert np.allclose(read(pair), values, atol=1e-6)
    assert np.allclose(read(pair, space=mesh), values, atol=1e-6)
    with pytest.raises(ValueError, match=rf"space='fsaverage4', but a map with {len(left)} vertices is read on {mesh}"):
        read(pair, space="fsaverage4")


def test_freesurfer_files(values, halves, tmp_path):
    for ending in ("mgh", "mgz"):
        files = [tmp_path / f"{side}.map.{ending}" for side in ("lh", "rh")]
        for half, file in zip(halves, files, strict=True):
            nibabel.MGHImage(half.astype(np.float32).reshape(-1, 1, 1), np.eye(4)).to_filename(file)
        assert np.allclose(read(tuple(files)), values, atol=1e-6)
    curves = [tmp_path / f"{side}.thickness" for side in ("lh", "rh")]
    for half, file in zip(halves, curves, strict=True):
        nibabel.freesurfer.write_morph_data(file, half.astype(np.float32))
    found = read(tuple(curves))
    assert np.allclose(found, values, atol=1e-6)
    assert found.attrs["name"] == "thickness"
    nibabel.MGHImage(np.ones((5, 6, 7), np.float32), np.eye(4)).to_filename(tmp_path / "T1.mgz")
    with pytest.raises(ValueError, match="is a volume of 5 × 6 × 7 voxels"):
        read(tmp_path / "T1.mgz")


def test_objects(values, halves, pair):
    from nilearn.datasets import load_fsaverage
    from nilearn.surface import SurfaceImage

    assert np.allclose(read(tuple(nibabel.load(file) for file in pair)), values, atol=1e-6)
    both = {"left": halves[0].astype(np.float32), "right": halves[1].astype(np.float32)}
    assert np.allclose(read(SurfaceImage(load_fsaverage("fsaverage5")["pial"], both)), values, atol=1e-6)


def test_compressed_gifti(values, pair, tmp_path):
    packed = tmp_path / "lh.map.gii.gz"
    packed.write_bytes(gzip.compress(pair[0].read_bytes()))
    assert np.allclose(read((packed, pair[1])), values, atol=1e-6)
    packed.write_bytes(pair[0].read_bytes())
    with pytest.raises(ValueError, match=r"lh\.map\.gii\.gz cannot be read as an image: Not a gzipped file"):
        read((packed, pair[1]))


@pytest.mark.parametrize("name", ["lh.map.gii", "sub-01_hemi-L_map.shape.gii", "tmap.L.func.gii", "map_left.gii"])
def test_one_hemisphere_by_its_name_is_taken_and_said(name, values, halves, paint, tmp_path):
    with pytest.warns(UserWarning, match="34 of 68: the right cortex has none"):
        found = read(paint.gifti(tmp_path / name, halves[0]))
    assert np.allclose(found, values[:34], atol=1e-6)


def test_the_hemisphere_is_asked_for_where_nothing_tells(values, halves, paint, tmp_path):
    path = paint.gifti(tmp_path / "map.gii", halves[1])
    with pytest.raises(ValueError, match=r"neither its name .* nor its header tells which hemisphere it is"):
        read(path)
    header = paint.gifti(tmp_path / "said.gii", halves[1], AnatomicalStructurePrimary="CortexRight")
    for source in ({"right": path}, header):
        with pytest.warns(UserWarning, match="the left cortex has none"):
            assert np.allclose(read(source), values[34:], atol=1e-6)


def test_a_side_that_is_contradicted_is_refused(halves, pair, paint, tmp_path):
    with pytest.raises(ValueError, match=r"rh\.map\.gii: it is given as left, its name says right"):
        read(pair[::-1])
    odd = paint.gifti(tmp_path / "a.gii", halves[0], AnatomicalStructurePrimary="CortexRight")
    with pytest.raises(ValueError, match="it is given as left, its header says right"):
        read((odd, pair[1]))
    assert len(read({"left": odd, "right": pair[1]})) == 68
    with pytest.raises(ValueError, match=r"empty vertices of the left hemisphere are the medial wall of the right one"):
        read({"left": pair[1], "right": pair[0]})
    with pytest.raises(ValueError, match="is given for left and for right"):
        read((pair[0], pair[0]))
    copies = paint.gifti(tmp_path / "b.gii", halves[0]), paint.gifti(tmp_path / "c.gii", halves[0])
    with pytest.raises(ValueError, match="left and right hold the same values"):
        read(copies)


@pytest.mark.parametrize(
    ("n", "words"),
    [
        (2562, "2562 vertices, as fsaverage4 has"),
        (20484, "both hemispheres of fsaverage5 in one has.*files of their own"),
        (29696, "left hemisphere of fs_LR 32k without the medial wall"),
        (139_210, "a person's own surface, or another mesh.*mri_surf2surf"),
    ],
)
def test_other_meshes_are_named(n, words, paint, tmp_path):
    path = paint.gifti(tmp_path / "lh.map.gii", np.random.default_rng(0).normal(size=n))
    with pytest.raises(ValueError, match=words):
        read(path)


def test_hemispheres_on_two_meshes_are_refused(values, pair, paint, tmp_path):
    right = paint.gifti(tmp_path / "rh.other.gii", paint.hemispheres(values, DK, "fs_LR 32k")[1])
    with pytest.raises(ValueError, match=r"lie on two meshes, fs_LR 32k and fsaverage5"):
        read((pair[0], right))


def test_a_number_of_vertices_that_two_families_share_is_asked_about(values, paint, tmp_path):
    left, right = paint.hemispheres(values, DK, "fsaverage6")
    full = [np.where(half == 0, 0.1, half) for half in (left, right)]  # nothing shows where the medial wall is
    pair = paint.gifti(tmp_path / "lh.map.gii", full[0]), paint.gifti(tmp_path / "rh.map.gii", full[1])
    with pytest.warns(UserWarning, match="is taken for fsaverage6; CIVET 41k have as many"):
        found = read(pair)
    assert np.allclose(read(pair, space="fsaverage6"), found)
    named = tuple(
        path.rename(tmp_path / f"tpl-civet_den-41k_hemi-{side}.gii") for path, side in zip(pair, "LR", strict=True)
    )
    with pytest.raises(ValueError, match="space='civet', but a map with 40962 vertices is read on fsaverage6"):
        read(named)


def test_several_maps_in_a_file(values, halves, paint, tmp_path):
    path = paint.gifti(tmp_path / "lh.maps.gii", halves[0], 2 * halves[0])
    with pytest.raises(ValueError, match=r"holds 2 maps\. Say which one with column=0 to column=1"):
        read(path)
    with pytest.warns(UserWarning, match="right cortex"):
        assert np.allclose(read(path, column=1), 2 * values[:34], atol=1e-6)


def test_mask(values, halves, pair, paint, tmp_path):
    masks = [
        paint.gifti(tmp_path / f"{side}.mask.gii", half > 0) for side, half in zip(("lh", "rh"), halves, strict=True)
    ]
    with pytest.warns(UserWarning, match="regions without a value"):
        found = read(pair, mask=tuple(masks))
    assert set(found.index) == set(values.index[values > 0])
    with pytest.raises(ValueError, match="mask of the right hemisphere: expected 10242 vertices"):
        read(pair, mask=masks[0])


def test_what_is_no_map_is_refused(halves, paint, tmp_path):
    numbers = np.maximum(DK.labels[:10242], 0)
    cases = [
        (paint.gifti(tmp_path / "lh.a.gii", numbers, intent=LABEL), "holds labels of an atlas"),
        (paint.gifti(tmp_path / "lh.b.gii", numbers), "whole numbers in patches .* the labels of an atlas"),
        (paint.gifti(tmp_path / "lh.c.gii", 0 * halves[0]), "nothing but zeros"),
        (paint.gifti(tmp_path / "lh.d.gii", halves[0] != 0), "a mask, not a map"),
        (paint.gifti(tmp_path / "lh.e.gii", halves[0], intent="NIFTI_INTENT_POINTSET"), "is the mesh of a surface"),
        (paint.gifti(tmp_path / "lh.f.gii"), "holds no values"),
        (tmp_path / "lh.aparc.annot", "annotation: the labels of an atlas"),
        (tmp_path / "lh.aparc.label.gii", "holds labels of an atlas"),
        (tmp_path / "lh.pial.surf.gii", "is the mesh of a surface"),
    ]
    for path, words in cases:
        if not path.exists():
            path.write_bytes(b"\0\0\0\1")
        with pytest.raises(ValueError, match=words):
            read(path)


def test_broken_files_are_named(pair, tmp_path):
    whole = pair[0].read_bytes()
    for name, content in {
        "lh.cut.gii": whole[:2000],
        "lh.text.gii": b"hi",
        "lh.cut.mgz": gzip.compress(whole)[:99],
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=rf"{name} cannot be read as an image"):
            read(tmp_path / name)


def test_samples_of_others(real_data):
    pair = tuple(real_data / f"human/samples/{side}.conte69_32k_thickness.gii" for side in ("lh", "rh"))
    with pytest.warns(SignWarning, match="look like thickness in mm"):
        assert read_map(pair).attrs["unit"] == "mm"
    assert read(pair).between(1, 4.5).all()
    assert len(read(pair)) == 68
    with pytest.warns(UserWarning, match="3 of 200: 3 have values in less than 50%"):
        assert len(read(pair, atlas="schaefer200")) == 197
