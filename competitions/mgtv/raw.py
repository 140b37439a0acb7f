"""Read and check the host's raw files: the logs of each day, the tables of videos and devices, comments, the test.

A column is found by its name, every value is checked before it is cast. What a rule can settle (a repeated click, a
negative length) is counted in a ``Note``; what would leave a row without its meaning is a ``UserError`` with the line.
"""

from competitions.mgtv.codes import Codes, learn_codes
from competitions.mgtv.comments import Comments, read_comments
from competitions.mgtv.folder import DayFiles, RawFiles, locate
from competitions.mgtv.logs import Day, Test, read_day, read_test
from competitions.mgtv.profiles import Profiles, read_profiles
from competitions.mgtv.table import Note
from competitions.mgtv.videos import Videos, note_long_plays, read_videos

__all__ = [
    "Codes",
    "Comments",
    "Day",
    "DayFiles",
    "Note",
    "Profiles",
    "RawFiles",
    "Test",
    "Videos",
    "learn_codes",
    "locate",
    "note_long_plays",
    "read_comments",
    "read_day",
    "read_profiles",
    "read_test",
    "read_videos",
]
