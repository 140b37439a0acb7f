"""Where the flight competition's files come from, and what is known of them."""

from common.day.hosts.layout import FileSpec, Source
from competitions.flight.io.schema import TEST, TRAIN, required

COMPETITION = "aeroclub-recsys-2025"
# Rows and columns counted from the host's files by several who took part; sizes as Kaggle's page shows them; Kaggle
# publishes no digests. The two files that are not fetched are read by nobody here.
FILES = (
    FileSpec(TRAIN, rows=18_145_372, columns=required(labelled=True), megabytes=395),
    FileSpec(TEST, rows=6_897_776, columns=required(labelled=False), megabytes=144),
    FileSpec(
        "sample_submission.parquet",
        needed=False,
        fetched=False,
        rows=6_897_776,
        columns=("Id", "ranker_id", "selected"),
    ),
    FileSpec("jsons_raw.tar.kaggle", needed=False, fetched=False),
)
SOURCE = Source(
    name="flight",
    host="kaggle",
    dataset=COMPETITION,
    layouts=(FILES,),
    submission_files=("submission.parquet", "submission.csv", "submission_xgboost.parquet"),
    upload=f"upload submission.parquet at https://www.kaggle.com/competitions/{COMPETITION}/submit",
)
