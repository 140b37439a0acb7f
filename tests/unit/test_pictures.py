"""The README's pictures: what they name is there, and they show today's figures."""

from xml.etree import ElementTree

import pytest

from competitions import ROOM
from tests.benches import pictures

ROWS, TITLE = pictures.choose_ladder()


def test_every_file_of_the_cascade_is_there() -> None:
    files = [(name, file) for name, stages in pictures.FILES.items() for stage in stages for file in stage or ()]
    assert [
        pair for pair in files if not any((root / pair[1]).exists() for root in (ROOM / pair[0], ROOM.parent))
    ] == []


@pytest.mark.parametrize("language", [0, 1])
def test_a_picture_is_drawn_of_todays_figures(language: int) -> None:
    drawn = {"ladder-news": pictures.draw_ladder(ROWS, TITLE, language), "cascade": pictures.draw_cascade(language)}
    for name, picture in drawn.items():
        ElementTree.fromstring(picture)
        kept = pictures.PICTURES / f"{name}{pictures.LANGUAGES[language]}.svg"
        assert kept.read_text() == picture, "python -m tests.benches.pictures"
