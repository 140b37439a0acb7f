"""Where the MGTV competition's files come from, and what is known of them: the names, and no number."""

from pathlib import Path

from common.day.hosts.layout import FileSpec, Source
from competitions.mgtv.io import schema

PAGE = "https://challenge.ai.mgtv.com"
DAYS = 30
ASKED_A, ASKED_B = schema.ASKED.format(board="A"), schema.ASKED.format(board="B")
SHOWN_A, SHOWN_B = schema.SHOWN.format(board="A"), schema.SHOWN.format(board="B")
# The layout is that of code which reads this edition's files; board B's names are by analogy. The host publishes
# neither rows nor sizes nor digests where they were looked for.
FILES = (
    FileSpec(f"{schema.SHOWS}/day*/did_show_data*.csv", files=DAYS, columns=schema.SHOW_COLUMNS),
    FileSpec(f"{schema.CLICKS}/day*/day*_data.csv", files=DAYS, columns=schema.CLICK_COLUMNS),
    FileSpec(f"{schema.PLAYS}/day*/day*_data.csv", needed=False, files=DAYS, columns=schema.PLAY_COLUMNS),
    FileSpec(schema.VIDEOS, columns=schema.VIDEO_COLUMNS),
    FileSpec(schema.PROFILES, needed=False, columns=schema.PROFILE_COLUMNS),
    FileSpec(f"{schema.COMMENTS}/*.xlsx", needed=False),
    FileSpec(ASKED_A, columns=("did",), unless=ASKED_B),
    FileSpec(SHOWN_A, columns=schema.SHOW_COLUMNS, unless=SHOWN_B),
    FileSpec(ASKED_B, needed=False, columns=("did",)),
    FileSpec(SHOWN_B, needed=False, columns=schema.SHOW_COLUMNS),
)


def list_read(folder: Path) -> dict[str, list[Path]]:
    """Nothing that lies elsewhere than the layout says; a ``UserError`` where a run would refuse the folder."""
    from competitions.mgtv.competition import COMPETITION  # with all libraries of a run

    COMPETITION.locate(folder, COMPETITION.load_config([]))
    return {}


SOURCE = Source(
    name="mgtv",
    host="login",
    dataset="",
    layouts=(FILES,),
    steps=(
        f"Open {PAGE}, log in and find the Malanshan Cup 2025 (马栏山杯), the video recommendation task; the address "
        "of its page and the names of its buttons are not known here.",
        "Register for it and accept its terms.",
        "Open its data section and download all archives except the video clips.",
        "Unpack them in UTF-8 to keep the Chinese folder names: use unzip -O GBK ARCHIVE.zip if the names are garbled.",
    ),
    submission_files=("result.csv",),
    list_read=list_read,
    upload=f"log in at {PAGE}, open the task's page and upload result.csv there",
)
