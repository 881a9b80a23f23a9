"""Every style in which the field writes a region means the same region."""

import pytest

from xsg import names
from xsg.atlas import REGIONS

STYLES = {
    "ENIGMA": lambda side, region: f"{side}_{region}",
    "ENIGMA's tables": lambda side, region: f"{side}_{region}_thickavg",
    "FreeSurfer": lambda side, region: f"{side.lower()}h_{region}",
    "FreeSurfer's tables": lambda side, region: f"{side.lower()}h_{region}_thickness",
    "FreeSurfer's labels": lambda side, region: f"{side.lower()}h.{region}",
    "FreeSurfer's colours": lambda side, region: f"ctx-{side.lower()}h-{region}",
    "BIDS-like": lambda side, region: f"hemi-{side}_{region}",
    "words": lambda side, region: f"{'Left' if side == 'L' else 'Right'}-{region}",
    "words behind": lambda side, region: f"{region}_{'left' if side == 'L' else 'right'}",
    "words in brackets": lambda side, region: f"{region} ({'left' if side == 'L' else 'right'})",
    "behind": lambda side, region: f"{region}-{side.lower()}h",
    "R": lambda side, region: f"{side}.{region}",
    "capitals": lambda side, region: f"{side}H_{region}".upper(),
    "Connectome Project": lambda side, region: f"{side}_{region}_ROI",
}


@pytest.mark.parametrize("style", STYLES)
def test_all_regions_in_every_style(style):
    written = [STYLES[style](region[0], region[2:]) for region in REGIONS]
    assert names.translate(written, REGIONS) == dict(zip(written, REGIONS, strict=True))
    assert [names.side(name) for name in written] == [region[0] for region in REGIONS]


@pytest.mark.parametrize(
    "name", ["lingual", "Right", "L", "lh", "rostral", "wm-lh-bankssts", "insula", "lateral_ventricle", "3"]
)
def test_no_side_is_read_into_a_name(name):
    assert names.side(name) is None


def test_numbers_with_a_gap_between_them_stay_apart():
    assert names.stem("LH_Vis_1_1") != names.stem("LH_Vis_11")
    assert names.stem("7Networks_LH_Vis_1") == names.stem("rh_vis_1")


def test_a_name_that_fits_two_is_not_translated():
    assert names.translate(["insula_L"], ["L_insula", "lh_insula"]) == {}
    assert names.translate(["lh_insula", "insula_L"], ["L_insula"]) == {}


def test_the_nearest_name_is_of_the_same_side():
    assert names.nearest("lh_banksst", ["R_bankssts", "L_bankssts"]) == "L_bankssts"
    assert names.nearest("lh_banksst", ["R_bankssts"]) is None
