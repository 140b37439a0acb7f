"""Values as they are typed behind --set: bare words, lists, TOML."""

from typing import Annotated, Literal

import msgspec
import pytest

from common.engine.setting_text import parse_value

WORDS = list[str]
AUTO = Literal["auto"] | tuple[Literal["content", "counts"], ...]
BOUNDED = Annotated[tuple[Annotated[float, msgspec.Meta(ge=0)], ...], msgspec.Meta(min_length=1)]


@pytest.mark.parametrize(
    ("text", "expected", "value"),
    [
        ("[a,b]", WORDS, ["a", "b"]),
        ("a,b", WORDS, ["a", "b"]),
        ("a", WORDS, ["a"]),
        ('"a"', WORDS, ["a"]),
        ("['a', b]", WORDS, ["a", "b"]),
        ("[]", WORDS, []),
        ("7", WORDS, ["7"]),
        ("2017-10-01,b", tuple[str, ...], ("2017-10-01", "b")),
        ("0.5", BOUNDED, (0.5,)),
        ("0.5,2", BOUNDED, (0.5, 2)),
        ("auto", AUTO, "auto"),
        ("content", AUTO, ("content",)),
        ("[content,counts]", AUTO, ("content", "counts")),
        ("7", str, "7"),
        ("many", int, "many"),
        ("true", bool, True),
        ("{a = 1}", dict[str, int], {"a": 1}),
        ("[1, 2]", None, [1, 2]),
        ("word", None, "word"),
    ],
)
def test_text_becomes_a_value_of_the_keys_type(text: str, expected: object, value: object) -> None:
    assert parse_value(text, expected) == value
