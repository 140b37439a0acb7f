"""The pages' pictures: what they name is there, and they show today's figures and what the code computes."""

from xml.etree import ElementTree

import pytest

from competitions import ROOM
from tests.benches import lesson_pictures, pictures, svg

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
        check_kept(name, language, picture)


@pytest.mark.parametrize("language", [0, 1])
@pytest.mark.parametrize("name", lesson_pictures.PICTURES_OF_STEPS)
def test_a_picture_of_a_step_is_what_the_code_computes(name: str, language: int) -> None:
    check_kept(name, language, lesson_pictures.PICTURES_OF_STEPS[name](language))


def check_kept(name: str, language: int, picture: str) -> None:
    ElementTree.fromstring(picture)
    kept = svg.PICTURES / f"{name}{svg.LANGUAGES[language]}.svg"
    assert kept.read_text() == picture, "python -m tests.benches.pictures"
