"""The pages' pictures: what they name is there, and they show today's figures and what the code computes."""

from xml.etree import ElementTree

import numpy as np
import pytest

from competitions import ROOM
from tests.benches import lesson_pictures, model_pictures, pictures, svg

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


def test_a_causal_model_reads_what_stands_before_and_bert4rec_both_sides() -> None:
    read = {name: matrix.tolist() for name, (matrix, _) in model_pictures.read_models().items()}
    before = [[float(event < output) for event in range(4)] for output in range(5)]
    assert read["GRU4Rec"] == read["SASRec"] == read["HSTU"] == before
    assert read["BERT4Rec"][1] == [1.0, 0.0, 1.0, 1.0]
    assert read["BERT4Rec"][4] == [1.0, 1.0, 1.0, 1.0]


def test_the_cross_of_vectors_is_the_sum_over_pairs() -> None:
    vectors = np.array([[1.0, 2.0], [2.0, 0.0], [-1.0, 1.0]])
    assert model_pictures.cross_vectors(vectors) == 2 + 1 - 2
