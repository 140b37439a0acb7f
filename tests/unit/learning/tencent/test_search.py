"""Search on small shops: towers learn what words cannot, and words find what nobody asked for before."""

from pathlib import Path

import pytest

from common.engine.errors import UserError
from competitions.learning.tencent import search
from competitions.learning.tencent.search import draw_shop, judge, read_shop


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small shops, in a few seconds."""
    sizes = {"QUERIES": 6_000, "JUDGED": 1_000, "ITEMS": 600, "KINDS": 40, "EPOCHS": 4}
    for name, size in sizes.items():
        monkeypatch.setattr(search, name, size)


def test_towers_learn_the_buyers_words_that_no_title_has() -> None:
    shop = draw_shop(0)
    rows = {str(row["method"]): row for row in judge(shop, 0)}
    assert shop.titles[:, [*range(40, 80)]].nnz == 0 < shop.queries[:, [*range(40, 80)]].nnz
    assert float(rows["towers"]["minus BM25"]) > 2 * float(rows["towers"]["minus BM25 error"]) > 0
    cold = {name: row["recall@10 of cold items"] for name, row in rows.items()}
    assert cold["popularity"] == 0 < float(cold["BM25"])


def test_queries_of_a_title_have_its_words_alone(tmp_path: Path) -> None:
    path = tmp_path / "titles.tsv"
    path.write_text("item\ttext\n1\tred nail polish\n2\tblue nail polish set\n3\tcomb\n", encoding="utf-8")
    shop = read_shop(path, 0)
    assert shop.titles.sum(axis=1).tolist() == [3, 4]
    assert (shop.queries.multiply(shop.titles[shop.taken]).sum(axis=1) == 2).all()


@pytest.mark.parametrize("text", [None, b"1\tcomb\n", b"\xff\xfe\x00"])
def test_what_is_no_table_of_titles_is_one_sentence(tmp_path: Path, text: bytes | None) -> None:
    path = tmp_path / "titles.tsv"
    if text is not None:
        path.write_bytes(text)
    with pytest.raises(UserError, match=r"titles\.tsv") as refused:
        read_shop(path, 0)
    assert "\n" not in str(refused.value)
