"""What a setting that lists names stands for."""

import pytest

from common.engine.decisions import choose_names, refuse_choice

AUTO = ("video", "list")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("auto", AUTO),
        (["auto"], AUTO),
        (["list"], ("list",)),
        (["+length"], ("video", "list", "length")),
        (["+list"], AUTO),
        (["-video", "+length"], ("list", "length")),
        (["-length"], AUTO),
    ],
)
def test_names_stand_for_themselves_or_for_a_change(asked: str | list[str], names: tuple[str, ...]) -> None:
    assert choose_names(asked, AUTO) == names
    refuse_choice("a", asked, (*AUTO, "length"))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ([], "a is empty; choose among video, list"),
        (["-list", "-video"], "a is empty"),
        (["nope"], "there is no nope"),
        (["+nope"], "there is no nope"),
        (["video", "+list"], r"there is no \+list"),
        (["list", "list"], "list is listed twice"),
        (["+list", "-list"], "list is listed twice"),
    ],
)
def test_what_stands_for_nothing_is_refused(asked: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        refuse_choice("a", asked, AUTO)
