"""Where the competition's files come from, and what is known of them: fill in rows, sizes and digests."""

from common.day.hosts.layout import FileSpec, Source
from competitions.template.rows.io.reader import FIELDS, LABEL, TEST, TRAIN

FILES = tuple(
    FileSpec(name, columns=tuple(field.header for field in fields))
    for name, fields in ((TRAIN, (*FIELDS, LABEL)), (TEST, FIELDS))
)
SOURCE = Source(
    name="template",
    host="login",
    dataset="",
    layouts=(FILES,),
    steps=("Log in at the host's page, accept the rules and download the files (write the steps here).",),
    submission_files=("submission.csv",),
    upload="upload submission.csv at the host's page",
)
