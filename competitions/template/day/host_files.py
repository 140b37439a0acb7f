"""Where the competition's files come from, and what is known of them: fill in rows, sizes and digests."""

from common.day.hosts.download import FileSpec, Layout, Source
from competitions.template.io.reader import EVENT_COLUMNS, EVENTS, USER_COLUMNS, USERS

FILES = (FileSpec(EVENTS, columns=EVENT_COLUMNS), FileSpec(USERS, columns=USER_COLUMNS))
SOURCE = Source(
    name="template",
    host="login",
    dataset="",
    layouts=(Layout("the host's files", ("*.csv",), FILES),),
    steps=("Log in at the host's page, accept the rules and download the files (write the steps here).",),
    submission_files=("submission.csv",),
    upload="upload submission.csv at the host's page",
)
