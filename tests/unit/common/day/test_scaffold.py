"""A new competition: every name in the copy is the new one, the lists know it, and a name that is none is refused."""

import shutil
from pathlib import Path

import pytest

from common.day.scaffold import make_competition, rename
from common.engine.errors import UserError
from competitions import NAMES

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What a competition is added to."""
    for path in ("competitions/__init__.py", "Makefile", "tests/contract/template.py"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "competitions" / "template", tmp_path / "competitions" / "template", ignore=ignore)
    return tmp_path


def test_the_name_is_written_as_it_stands_there() -> None:
    text = "competitions.template TemplateConfig TEMPLATE `make test-template` templates Templates contemplate"
    renamed = "competitions.music MusicConfig MUSIC `make test-music` templates Templates contemplate"
    assert rename(text, "music") == renamed


def test_nothing_of_the_template_is_left_in_the_copy(checkout: Path) -> None:
    made = make_competition(checkout, "music", NAMES)
    assert all(path.exists() for path in made)
    copied = [path for path in (checkout / "competitions" / "music").rglob("*") if path.is_file()]
    assert len(copied) == len([path for path in (checkout / "competitions" / "template").rglob("*") if path.is_file()])
    for path in [*copied, checkout / "tests" / "contract" / "music.py"]:
        assert "template" not in path.read_text().lower(), path
    names = (checkout / "competitions/__init__.py").read_text()
    assert 'NAMES = ("news", "flight", "mgtv", "tencent", "music")' in names
    assert "\nNAMES := news flight mgtv tencent music\n" in (checkout / "Makefile").read_text()


# No name; taken; a target of make, a mark, a module of Python, a folder here, one of the tests, one that git ignores.
@pytest.mark.parametrize(
    "name", ["News", "a b", "../x", "class", "template", "news", "clean", "slow", "io", "common", "unit", "build"]
)
def test_what_is_taken_or_no_name_is_refused(checkout: Path, name: str) -> None:
    (checkout / "tests" / "unit").mkdir()
    (checkout / "common").mkdir()
    before = sorted(checkout.rglob("*"))
    with pytest.raises(UserError, match=r"cannot be the name of a competition|There is already a competition news"):
        make_competition(checkout, name, NAMES)
    assert sorted(checkout.rglob("*")) == before


def test_only_a_checkout_takes_one(checkout: Path) -> None:
    makefile = checkout / "Makefile"
    for change, sentence in (
        (lambda: makefile.write_text("NAMES := something else\n"), "has no line NAMES"),
        (makefile.unlink, "Makefile is missing"),
    ):
        change()
        with pytest.raises(UserError, match=sentence):
            make_competition(checkout, "music", NAMES)
    assert not (checkout / "competitions" / "music").exists()
