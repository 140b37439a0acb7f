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
from tests.contract.tencent_planted import INDEXER, QUERIES, SEQUENCES, edit_users, plant, to_files
from tests.unit.tencent.tencent_files import EMBEDDING, write_lines, write_pickle, write_release

Edit = Callable[[Path], object]
TRAIN, EVAL = schema.TRAIN, schema.EVAL
HOLDER = f"{TRAIN}/{schema.EMBEDDINGS}"
VECTORS = f"{HOLDER}/{EMBEDDING}"
SAMPLE, EVALUATION = "the organiser's sample TencentGR_1k", "the evaluation folder"
LOADERS = "public loaders of the competition, the organiser's baseline among them"
RULE = "a rule of this project: what is not read is said"


def read(raw: Path) -> tuple[dict[str, pl.DataFrame], list[str]]:
    """What a run reads, without the users whom the release layout cannot have; what was unseen apart."""
    files = COMPETITION.locate(raw, COMPETITION.load_config())
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
    columns = {"item": sequences.item, "action": sequences.action, "time": sequences.time}
    events = pl.DataFrame({"user": np.repeat(names, np.diff(sequences.offsets)), **columns})
    known = ~pl.col("user").is_in([one.name for one in plant().strangers])
    return {
        side: pl.DataFrame({"user": names}).filter(known).sort("user"),
        f"{side} events": events.filter(known).sort("user", maintain_order=True),
    }


def both(*edits: Edit) -> Edit:
    return lambda raw: [edit(raw) for edit in edits]


def on_indexer(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Edit:
    return lambda raw: write_pickle(raw / INDEXER, edit(pickle.loads((raw / INDEXER).read_bytes())))


def add(name: str, content: bytes = b"") -> Edit:
    def apply(raw: Path) -> None:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)

    return apply


def in_parts(*names: str, odd: tuple[object, ...] = ()) -> Edit:
    """The embedding as a folder of JSON lines; ``odd``: what stands for a vector in further lines."""

    def apply(raw: Path) -> None:
        path = raw / f"{VECTORS}.pkl"
        vectors = pickle.loads(path.read_bytes()).items()
        path.unlink()
        lines = [{"anonymous_cid": key} | ({} if emb is None else {"emb": emb.tolist()}) for key, emb in vectors]
        lines += [{"anonymous_cid": str(90_000_000_000 + at), "emb": emb} for at, emb in enumerate(odd)]
        for number, name in enumerate(names):
            write_lines(raw / VECTORS / name, lines[number :: len(names)])

    return apply


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


def fill_nulls(features: dict[str, Any]) -> dict[str, Any]:
    """A null for every feature that an ad lacks, and a feature that nobody reads."""
    return {name: features.get(name) for name in schema.ITEM_FEATURES} | {"111": "1112965015"}


def null_candidates(raw: Path) -> None:
    path = raw / EVAL / schema.CANDIDATES
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    write_lines(path, [line | {"features": fill_nulls(line["features"])} for line in lines])


def null_items(raw: Path) -> None:
    path = raw / TRAIN / schema.ITEM_TABLE
    path.write_text(json.dumps({rid: fill_nulls(features) for rid, features in json.loads(path.read_text()).items()}))


def as_release(raw: Path) -> None:
    for side in (TRAIN, EVAL):
        shutil.rmtree(raw / side)
    write_release(raw, to_files(plant(0)))  # without strangers


SPARK = both(  # parts without an extension, beside what Spark and a desk leave
    in_parts(*(f"part-{number:05d}" for number in range(50))),
    *(
        add(f"{VECTORS}/{name}", b"\0\1")
        for name in ("_SUCCESS", "._SUCCESS.crc", ".part-00000.crc", "part-00001.crc", "._part-00000", ".DS_Store")
    ),
)
PART = "part-00000"
ROOT_README = both(at_root, add("README.md"))
OFFSETS_ALONE = both(drop_queries, add(f"{EVAL}/{schema.PREDICT_OFFSETS}"))
NO_QUERIES = "are not in the files: there are no queries to answer"
LAST = both(edit_users(SEQUENCES, profile_last), edit_users(QUERIES, profile_last))


def with_default(numbers: dict[str, Any]) -> dict[str, Any]:
    return numbers | {"f": collections.defaultdict(dict, numbers["f"])}


FORMS: tuple[Form, ...] = (
    Form("indexer.pkl", "f is a defaultdict(dict)", SAMPLE, on_indexer(with_default)),
    Form("indexer.pkl", "a fourth numbering, a", SAMPLE, on_indexer(lambda numbers: numbers | {"a": {1: 1, 0: 2}})),
    Form("emb_81_32/", "50 part-*, no extension, beside _SUCCESS, .crc, ._*, .DS_Store", SAMPLE, SPARK),
    Form("all files", "in one folder", SAMPLE, at_root),
    Form("all files", "TencentGR_1k/TencentGR_1k/", SAMPLE, in_folder),
    Form("predict files", "not there", SAMPLE, drop_queries, NO_QUERIES),
    Form("predict files", "the offsets alone", SAMPLE, OFFSETS_ALONE, "the raw folder: 1 entry is not read: eval"),
    Form("README.md", "beside the files", SAMPLE, ROOT_README, "the raw folder: 1 entry is not read: README.md"),
    Form("seq.jsonl", "the profile row last", SAMPLE, LAST),
    Form(
        "eval/",
        "item_feat_num.json",
        EVALUATION,
        add(f"{EVAL}/item_feat_num.json"),
        "eval: 1 entry is not read: item_feat_num.json",
    ),
    Form("predict_set.jsonl", "numbers, texts and nulls mixed in a feature", EVALUATION, null_candidates),
    Form("emb_81_32/", "*.json", LOADERS, in_parts("a.json", "b.json")),
    Form("emb_81_32/", "emb that is no list", LOADERS, in_parts(PART, odd=(None, 7, "none", "[1.0, 2.0]", True, {}))),
    Form("item_feat_dict.json", "nulls for missing features", LOADERS, null_items),
    Form(
        "emb_81_32/",
        "a file of another kind",
        RULE,
        both(in_parts(PART), add(f"{VECTORS}/notes.txt")),
        f"{VECTORS}: 1 entry is not read: notes.txt",
    ),
    Form("seq_offsets.pkl", "whatever it holds", RULE, add(f"{TRAIN}/{schema.OFFSETS}", b"no pickle")),
    Form(
        "emb_82_1024/",
        "nothing in it",
        RULE,
        add(f"{HOLDER}/emb_82_1024/_SUCCESS"),
        "creative_emb: 1 entry is not read: emb_82_1024",
    ),
    Form("release", "parquet folders", "TencentGR-1M on the hub", as_release),
)
