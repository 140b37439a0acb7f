"""The forms in which Tencent's files are known to come: the organiser's sample, the hub's release, public loaders."""

import collections
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from competitions.tencent.competition import COMPETITION, explain_cv_only
from competitions.tencent.corpus import Names, Sequences
from competitions.tencent.io import reader, schema
from tests.contract.host_forms import Form
from tests.contract.tencent_faults import edit_users, on_folder, void
from tests.contract.tencent_planted import plant, write_release
from tests.unit.tencent.tencent_files import EMBEDDING, write_lines, write_pickle

Edit = Callable[[Path], None]
TRAIN, EVAL = schema.TRAIN, schema.EVAL
VECTORS = f"{schema.EMBEDDINGS}/{EMBEDDING}"


def read(raw: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """What a run reads, without the users whom the release layout cannot have; what was unseen apart."""
    config = COMPETITION.load_config()
    files = COMPETITION.locate(raw, config)
    corpus = reader.read_corpus(files)
    catalogue, known = corpus.catalogue, corpus.catalogue.known + 1
    vectors = reader.read_embedding(files.embeddings[EMBEDDING], catalogue, EMBEDDING)
    items = pl.DataFrame({"oid": catalogue.oid, "features": catalogue.features, "vector": vectors.astype(np.float32)})
    frames = {"items": items[:known], "sizes": pl.DataFrame({"items": catalogue.sizes})}
    frames |= lay("train", corpus.train, corpus.users)
    notes = [f"{note.file}: {note.rows} {note.what}: {note.done}" for note in corpus.notes]
    if not files.has_queries:
        return frames, [*notes, str(explain_cv_only(files))]
    candidates = catalogue.oid[corpus.candidates]
    frames |= {"unseen items": items[known:], "candidates": pl.DataFrame({"oid": candidates})}
    return frames | lay("test", corpus.test, corpus.test_users), notes


def lay(side: str, sequences: Sequences, users: Names) -> dict[str, pl.DataFrame]:
    """Users by name and their events, strangers left out."""
    names = users.astype(str)
    frame = pl.DataFrame({"user": names})
    lengths = np.diff(sequences.offsets)
    columns = {"item": sequences.item, "action": sequences.action, "time": sequences.time}
    events = pl.DataFrame({"user": np.repeat(names, lengths), **columns})
    strangers = [one.name for one in plant().strangers]
    known = ~pl.col("user").is_in(strangers)
    return {
        side: frame.filter(known).sort("user"),
        f"{side} events": events.filter(known).sort("user", maintain_order=True),
    }


def load(path: Path) -> Any:
    return pickle.loads(path.read_bytes())


def on_pickle(name: str, edit: Callable[[Any], Any], protocol: int = 4) -> Edit:
    return lambda raw: void(write_pickle(raw / name, edit(load(raw / name)), protocol))


def on_feature_rids(edit: Callable[[Any], Any]) -> Edit:
    return on_pickle(INDEXER, lambda content: content | {"f": edit(content["f"])})


def with_default(value: dict[Any, Any]) -> dict[Any, Any]:
    return collections.defaultdict(dict, value)


def take_vectors(raw: Path) -> dict[str, Any]:
    path = raw / TRAIN / f"{VECTORS}.pkl"
    content = load(path)
    path.unlink()
    return {key: None if value is None else value.tolist() for key, value in content.items()}


@on_folder
def in_parts(raw: Path, folder: str, *names: str) -> None:
    lines = [{"anonymous_cid": key} | ({"emb": emb} if emb else {}) for key, emb in take_vectors(raw).items()]
    for number, name in enumerate(names):
        write_lines(raw / folder / name, lines[number :: len(names)])


def as_spark(raw: Path) -> None:
    """As in the sample: parts without an extension, beside what Spark and a desk leave."""
    in_parts(f"{TRAIN}/{VECTORS}", *(f"part-{number:05d}" for number in range(50)))(raw)
    for name in ("_SUCCESS", "._SUCCESS.crc", ".part-00000.crc", "part-00001.crc", "._part-00000", ".DS_Store"):
        (raw / TRAIN / VECTORS / name).write_bytes(b"\0\1")


def without_lists(raw: Path) -> None:
    """Lines whose ``emb`` is no list."""
    odd: list[Any] = [None, 7, "none", "[1.0, 2.0]", True, {}]
    vectors = {str(90_000_000_000 + at): emb for at, emb in enumerate(odd)} | take_vectors(raw)
    lines = [{"anonymous_cid": key, "emb": emb} for key, emb in vectors.items()]
    write_lines(raw / TRAIN / VECTORS / "part-00000", lines)


@on_folder
def add(raw: Path, name: str, content: bytes = b"") -> None:
    (raw / name).parent.mkdir(parents=True, exist_ok=True)
    (raw / name).write_bytes(content)


@on_folder
def both(raw: Path, *edits: Edit) -> None:
    for edit in edits:
        edit(raw)


def at_root(raw: Path) -> None:
    for side in (path for path in (raw / TRAIN, raw / EVAL) if path.is_dir()):
        for path in list(side.iterdir()):
            path.rename(raw / path.name)
        side.rmdir()


def in_folder(raw: Path) -> None:
    """As an archive unpacks, into a folder of its name in a folder of its name."""
    inner = raw / "TencentGR_1k" / "TencentGR_1k"
    inner.mkdir(parents=True)
    for path in [path for path in raw.iterdir() if path.name != "TencentGR_1k"]:
        path.rename(inner / path.name)


def drop_queries(raw: Path) -> None:
    shutil.rmtree(raw / EVAL)


def profile_last(lines: list[list[list[Any]]]) -> None:
    for line in lines:
        line.sort(key=lambda row: row[1] is None)


@on_folder
def on_candidates(raw: Path, edit: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    path = raw / EVAL / schema.CANDIDATES
    lines = [edit(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def fill_nulls(features: dict[str, Any]) -> dict[str, Any]:
    """A null for every feature that an ad lacks, and a feature that nobody reads."""
    return {name: features.get(name) for name in schema.ITEM_FEATURES} | {"111": "1112965015"}


def fill_features(line: dict[str, Any]) -> dict[str, Any]:
    return line | {"features": fill_nulls(line["features"])}


def null_items(raw: Path) -> None:
    path = raw / TRAIN / schema.ITEM_TABLE
    path.write_text(json.dumps({rid: fill_nulls(features) for rid, features in json.loads(path.read_text()).items()}))


@on_folder
def as_release(raw: Path, *edits: Edit) -> None:
    for side in (TRAIN, EVAL):
        shutil.rmtree(raw / side)
    write_release(raw, raw.parent / "release.csv", plant(0))
    both(*edits)(raw)


INDEXER, OFFSETS = f"{TRAIN}/{schema.INDEXER}", f"{TRAIN}/{schema.OFFSETS}"
HOLDER, FOLDER = f"{TRAIN}/{schema.EMBEDDINGS}", f"{TRAIN}/{VECTORS}"
SEQUENCES, QUERIES = f"{TRAIN}/{schema.SEQUENCES}", f"{EVAL}/{schema.PREDICT_SEQUENCES}"
PARTS = ("part-00000", "part-00001")


def list_forms(known_from: str, edits: dict[str, Edit], says: str = "") -> list[Form]:
    names = [key.split(": ", 1) for key in edits]
    texts = [SAYS.get(key, says) for key in edits]
    rows = zip(names, edits.values(), texts, strict=True)
    return [Form(file, variant, known_from, edit, text) for (file, variant), edit, text in rows]


SAMPLED: dict[str, Edit] = {
    "indexer.pkl: f is a defaultdict(dict)": on_feature_rids(with_default),
    "indexer.pkl: a fourth numbering, a": on_pickle(INDEXER, lambda content: content | {"a": {1: 1, 0: 2}}),
    "emb_81_32/: 50 part-*, no extension, beside _SUCCESS, .crc, ._*, .DS_Store": as_spark,
    "all files: in one folder": at_root,
    "all files: TencentGR_1k/TencentGR_1k/": in_folder,
    "predict files: not there": drop_queries,
    "predict files: the offsets alone": both(drop_queries, add(f"{EVAL}/{schema.PREDICT_OFFSETS}")),
    "README.md: beside the files": both(at_root, add("README.md")),
    "seq.jsonl: the profile row last": both(edit_users(SEQUENCES, profile_last), edit_users(QUERIES, profile_last)),
}
EVALUATED: dict[str, Edit] = {
    "eval/: item_feat_num.json": add(f"{EVAL}/item_feat_num.json"),
    "predict_set.jsonl: numbers and texts mixed in a feature": on_candidates(fill_features),
}
LOADED: dict[str, Edit] = {
    "emb_81_32/: *.json": in_parts(FOLDER, "a.json", "b.json"),
    "emb_81_32/: emb that is no list": without_lists,
    "item_feat_dict.json: nulls for missing features": null_items,
}
UNREAD: dict[str, Edit] = {
    "emb_81_32/: a file of another kind": both(in_parts(FOLDER, *PARTS), add(f"{FOLDER}/notes.txt")),
    "seq_offsets.pkl: whatever it holds": add(OFFSETS, b"no pickle"),
    "emb_82_1024/: nothing in it": add(f"{HOLDER}/emb_82_1024/_SUCCESS"),
}
NO_QUERIES = "are not in the files: there are no queries to answer"
SAYS = {
    "predict files: not there": NO_QUERIES,
    "predict files: the offsets alone": "the raw folder: 1 entry is not read: eval",
    "README.md: beside the files": "the raw folder: 1 entry is not read: README.md",
    "eval/: item_feat_num.json": "eval: 1 entry is not read: item_feat_num.json",
    "emb_81_32/: a file of another kind": f"{FOLDER}: 1 entry is not read: notes.txt",
    "emb_82_1024/: nothing in it": "creative_emb: 1 entry is not read: emb_82_1024",
}
FORMS: tuple[Form, ...] = (
    *list_forms("the organiser's sample TencentGR_1k", SAMPLED),
    *list_forms("the evaluation folder", EVALUATED),
    *list_forms("public loaders of the competition, the organiser's baseline among them", LOADED),
    *list_forms("a rule of this project: what is not read is said", UNREAD),
    *list_forms("TencentGR-1M on the hub", {"release: parquet folders": as_release()}),
)
