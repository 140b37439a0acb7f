"""Where the Tencent data comes from, and what is known of it."""

from common.datasets.download import FileSpec, Layout, Source
from competitions.tencent.io import schema
from competitions.tencent.io.schema import ITEM_FEATURES, USER_FEATURES

DATA_SET = "TAAC2025/TencentGR-1M"
EMBEDDING = f"{schema.RELEASE_EMBEDDINGS}/emb_81_32_parquet/*.parquet"
OTHER_EMBEDDINGS = f"{schema.RELEASE_EMBEDDINGS}/emb_8[2-6]_*_parquet/*.parquet"
# Rows, numbers of files and the digest were measured on the public release by two who published their logs; sizes are
# what the hub lists on the day of the fetch.
RELEASE = (
    FileSpec(f"{schema.RELEASE_SEQUENCES}/*.parquet", files=10, rows=1_001_845, columns=("user_id", "seq")),
    FileSpec(f"{schema.RELEASE_ITEMS}/*.parquet", files=10, rows=4_783_154, columns=("item_id", *ITEM_FEATURES)),
    FileSpec(f"{schema.RELEASE_USERS}/*.parquet", files=10, rows=1_001_845, columns=("user_id", *USER_FEATURES)),
    FileSpec(
        f"{schema.RELEASE_CANDIDATES}/*.parquet",
        files=1,
        rows=660_000,
        columns=("item_id", "retrieval_id", *ITEM_FEATURES),
    ),
    FileSpec(
        schema.INDEXER,
        megabytes=142,
        sha256="bc2e63823b527e7baee75e14db08595c32fd6e3e45fec23822d8b623c2d5dcaf",
    ),
    FileSpec(EMBEDDING, needed=False, files=5, rows=4_742_961, columns=("anonymous_cid", "emb")),
    FileSpec(OTHER_EMBEDDINGS, needed=False, fetched=False, columns=("anonymous_cid", "emb")),
)
# The competition's own files are no longer given out; what they measured is not published.
COMPETITION = (
    *(
        FileSpec(f"{schema.TRAIN}/{name}", fetched=False)
        for name in (schema.SEQUENCES, schema.OFFSETS, schema.INDEXER, schema.ITEM_TABLE)
    ),
    *(
        FileSpec(f"{schema.EVAL}/{name}", fetched=False)
        for name in (schema.PREDICT_SEQUENCES, schema.PREDICT_OFFSETS, schema.CANDIDATES)
    ),
    FileSpec(f"{schema.TRAIN}/{schema.EMBEDDINGS}/**/*", needed=False, fetched=False),
    FileSpec(f"{schema.EVAL}/{schema.USER_ACTIONS}", needed=False, fetched=False),
)
SOURCE = Source(
    name="tencent",
    host="hub",
    dataset=DATA_SET,
    layouts=(
        Layout("the release", (f"{schema.RELEASE_SEQUENCES}/*.parquet",), RELEASE),
        Layout("the competition", (f"{schema.TRAIN}/{schema.SEQUENCES}",), COMPETITION),
    ),
    submission_files=("result.json", "submission.csv"),
    upload="nothing is uploaded, since the competition (algo.qq.com) is over: the hold-out by time is the score",
)
