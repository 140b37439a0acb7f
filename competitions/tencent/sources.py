"""Where the Tencent data comes from, and what is known of it."""

from common.fetch import Expected, Layout, Source
from competitions.tencent import layout
from competitions.tencent.layout import ITEM_FEATURES, USER_FEATURES

DATA_SET = "TAAC2025/TencentGR-1M"
EMBEDDING = f"{layout.RELEASE_EMBEDDINGS}/emb_81_32_parquet/*.parquet"
OTHER_EMBEDDINGS = f"{layout.RELEASE_EMBEDDINGS}/emb_8[2-6]_*_parquet/*.parquet"
# Rows, numbers of files and the digest were measured on the public release by two who published their logs; sizes are
# what the hub lists on the day of the fetch.
RELEASE = (
    Expected(f"{layout.RELEASE_SEQUENCES}/*.parquet", files=10, rows=1_001_845, columns=("user_id", "seq")),
    Expected(f"{layout.RELEASE_ITEMS}/*.parquet", files=10, rows=4_783_154, columns=("item_id", *ITEM_FEATURES)),
    Expected(f"{layout.RELEASE_USERS}/*.parquet", files=10, rows=1_001_845, columns=("user_id", *USER_FEATURES)),
    Expected(
        f"{layout.RELEASE_CANDIDATES}/*.parquet",
        files=1,
        rows=660_000,
        columns=("item_id", "retrieval_id", *ITEM_FEATURES),
    ),
    Expected(
        layout.INDEXER,
        megabytes=142,
        sha256="bc2e63823b527e7baee75e14db08595c32fd6e3e45fec23822d8b623c2d5dcaf",
    ),
    Expected(EMBEDDING, needed=False, files=5, rows=4_742_961, columns=("anonymous_cid", "emb")),
    Expected(OTHER_EMBEDDINGS, needed=False, fetched=False, columns=("anonymous_cid", "emb")),
)
# The competition's own files are no longer given out; what they measured is not published.
COMPETITION = (
    *(
        Expected(f"{layout.TRAIN}/{name}", fetched=False)
        for name in (layout.SEQUENCES, layout.OFFSETS, layout.INDEXER, layout.ITEM_TABLE)
    ),
    *(
        Expected(f"{layout.EVAL}/{name}", fetched=False)
        for name in (layout.PREDICT_SEQUENCES, layout.PREDICT_OFFSETS, layout.CANDIDATES)
    ),
    Expected(f"{layout.TRAIN}/{layout.EMBEDDINGS}/**/*", needed=False, fetched=False),
    Expected(f"{layout.EVAL}/{layout.USER_ACTIONS}", needed=False, fetched=False),
)
SOURCE = Source(
    name="tencent",
    host="hub",
    place=DATA_SET,
    layouts=(
        Layout("the release", (f"{layout.RELEASE_SEQUENCES}/*.parquet",), RELEASE),
        Layout("the competition", (f"{layout.TRAIN}/{layout.SEQUENCES}",), COMPETITION),
    ),
    answers="nothing is uploaded, since the competition (algo.qq.com) is over: the hold-out by time is the score",
)
