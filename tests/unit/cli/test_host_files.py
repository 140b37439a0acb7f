"""What is known of each host's files fits what the readers look for, on the tiny files of the contract."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from common.day.hosts.verify import ABSENT, DIFFERS, MISSING, OK, check_files
from competitions.cli.data import find_source
from tests.contract.contract import Contract
from tests.contract.flight import FLIGHT
from tests.contract.mgtv import MGTV
from tests.contract.news import NEWS
from tests.contract.tencent import TENCENT
from tests.unit.tencent.tencent_files import BASE, World, write_competition, write_release

TENCENT_WORLD = World(vectors={BASE + 7: np.ones(32), BASE + 8: np.ones(32)})


def states(folder: Path, name: str) -> dict[str, str]:
    """By file; nothing differs but numbers, which a small set cannot have."""
    rows = check_files(folder, find_source(name))
    assert [row.actual for row in rows if "has no column" in row.actual or "cannot be read" in row.actual] == []
    return {row.file: row.state for row in rows}


@pytest.mark.parametrize("contract", [FLIGHT, MGTV, NEWS, TENCENT], ids=lambda contract: contract.name)
def test_files_of_the_hosts_layout_are_known_with_their_columns(contract: Contract, tmp_path: Path) -> None:
    contract.write_raw(tmp_path / "raw", tmp_path / "truth.csv")
    by_file = states(tmp_path / "raw", contract.name)
    assert MISSING not in by_file.values()
    if contract is MGTV:
        assert by_file["A榜待预测的did/testA_pred_did.csv"] == by_file["vid_info/vid_info_table.csv"] == OK
        (tmp_path / "raw" / "vid_info" / "vid_info_table.csv").unlink()
        assert states(tmp_path / "raw", "mgtv")["vid_info/vid_info_table.csv"] == MISSING


def test_board_b_replaces_board_a_of_news(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    NEWS.write_raw(folder, tmp_path / "truth.csv")
    assert states(folder, "news")["testB_click_log*.csv"] == ABSENT
    (folder / "testA_click_log.csv").rename(folder / "testB_click_log_Test_B.csv")
    by_file = states(folder, "news")
    assert (by_file["testA_click_log.csv"], by_file["testB_click_log*.csv"]) == (ABSENT, OK)


def test_the_check_of_tencent_takes_what_the_reader_takes(tmp_path: Path) -> None:
    write_release(tmp_path / "raw" / "TencentGR-1M", TENCENT_WORLD)  # in a folder, as an archive unpacks
    by_file = states(tmp_path / "raw", "tencent")
    assert MISSING not in by_file.values()
    assert by_file["mm_emb/emb_81_32_parquet/*.parquet"] == DIFFERS  # of rows


def test_the_organisers_sample_passes_the_check(tmp_path: Path) -> None:
    raw = write_competition(tmp_path / "raw", TENCENT_WORLD)
    shutil.rmtree(raw / "eval")
    inner = tmp_path / "outer" / "TencentGR_1k" / "TencentGR_1k"
    inner.parent.mkdir(parents=True)
    (raw / "train").rename(inner)
    by_file = states(tmp_path / "outer", "tencent")
    assert {by_file[f"train/{name}"] for name in ("seq.jsonl", "indexer.pkl")} == {OK}
    assert by_file["eval/predict_set.jsonl"] == ABSENT
