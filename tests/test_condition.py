import pytest

import noise_scheduler as ns

AVT = ("audio", "video", "text")


def test_any_subset_has_all_eight():
    subsets = ns.any_subset().subsets(AVT)
    assert len(set(subsets)) == 8
    assert () in subsets
    assert AVT in subsets


def test_the_six_of_the_paper():
    initials = {"".join(m[0] for m in subset) for subset in ns.six_conditions().subsets(AVT)}
    assert initials == {"a", "v", "t", "av", "at", "vt"}
    with pytest.raises(ValueError, match="three modalities"):
        ns.six_conditions().subsets(("audio", "text"))


@pytest.mark.parametrize("spelling", ["ta", ("text", "audio"), ["audio", "text"]])
def test_fixed_by_name_or_initials_in_the_order_of_the_sample(spelling):
    assert ns.fixed(spelling).subsets(AVT) == (("audio", "text"),)


def test_fixed_by_one_name():
    assert ns.fixed("video").subsets(AVT) == (("video",),)


def test_fixed_rejects_what_is_not_there():
    with pytest.raises(ValueError, match="names no modality"):
        ns.fixed("ax").subsets(AVT)
    with pytest.raises(ValueError, match="names no modality"):
        ns.fixed("a").subsets(("audio", "accelerometer"))
    with pytest.raises(ValueError, match="'video'"):
        ns.fixed(("vidio",)).subsets(AVT)
