"""Where the competition's files come from, and what is known of them: fill in rows, sizes and digests."""

from common.day.hosts.layout import FileSpec, Source
from competitions.template.io.reader import EVENT_FIELDS, EVENTS, USER_FIELDS, USERS

FILES = tuple(
    FileSpec(name, columns=tuple(field.header for field in fields))
    for name, fields in ((EVENTS, EVENT_FIELDS), (USERS, USER_FIELDS))
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
