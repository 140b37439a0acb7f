"""The small news log and its labelled fold, made once."""

import pytest

from common.learning.split import Fold
from tests.unit.news.news_world import World, label, make_world


@pytest.fixture(scope="session")
def world() -> World:
    """120 train and 40 test users."""
    return make_world()


@pytest.fixture(scope="session")
def fold(world: World) -> Fold:
    """Their labelled fold."""
    return label(world.clicks)
