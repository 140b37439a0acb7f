"""Where the Tencent data comes from, and what is known of it."""

from collections.abc import Sequence
from pathlib import Path

from common.day.hosts.layout import FileSpec, Source
from competitions.tencent.io import schema
from competitions.tencent.io.folder import locate
from competitions.tencent.io.schema import ITEM_FEATURES

DATA_SET = "TAAC2025/TencentGR-1M"
EMBEDDING = "emb_81_32"
EMBEDDING_FILES = f"{schema.RELEASE_EMBEDDINGS}/{EMBEDDING}_parquet/*.parquet"
# The usual path of each file, by the role that the reader gives it.
RELEASE_FILES = {role: f"{folder}/*.parquet" for role, folder in schema.RELEASE_FOLDERS.items()}
RELEASE_FILES["indexer"] = schema.INDEXER
TEST_FILES = schema.QUERY_FILES | {"actions": schema.ACTION_FILE}  # the organiser's sample has none of them
PATHS = {"release": RELEASE_FILES, "competition": schema.TRAIN_FILES | TEST_FILES}
# Rows and numbers of files were measured on the public release by two who published their logs; sizes are
# what the hub lists on the day of the fetch.
RELEASE = (
    FileSpec(RELEASE_FILES["sequences"], files=10, rows=1_001_845, columns=("user_id", "seq")),
    FileSpec(RELEASE_FILES["items"], files=10, rows=4_783_154, columns=("item_id", *ITEM_FEATURES)),
    FileSpec(RELEASE_FILES["candidates"], files=1, rows=660_000, columns=("retrieval_id", *ITEM_FEATURES)),
    FileSpec(schema.INDEXER, megabytes=142),
    FileSpec(EMBEDDING_FILES, needed=False, files=5, rows=4_742_961, columns=("anonymous_cid", "emb")),
)
# The competition's own files are no longer given out; what they measured is not published. Their numberings cover the
# ads and users of the release, or more.
COMPETITION = (
    *(FileSpec(path, fetched=False) for role, path in schema.TRAIN_FILES.items()),
    *(FileSpec(path, needed=False, fetched=False) for path in TEST_FILES.values()),
)


def list_read(folder: Path) -> dict[str, Sequence[Path]]:
    """What the reader finds in a folder, wherever in it that lies, by the usual paths."""
    files = locate(folder)
    read: dict[str, Sequence[Path]] = {PATHS[files.layout][role]: paths for role, paths in files.files.items()}
    embedding = files.embeddings.get(EMBEDDING, ())
    if files.layout == "release" and all(path.suffix == ".parquet" for path in embedding):
        read[EMBEDDING_FILES] = embedding
    return read


SOURCE = Source(
    name="tencent",
    host="hub",
    dataset=DATA_SET,
    layouts=(RELEASE, COMPETITION),
    submission_files=("result.json", "submission.csv"),
    upload="there is no upload: the competition (algo.qq.com) is over; use the score on the hold-out",
    list_read=list_read,
)
