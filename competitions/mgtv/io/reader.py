"""Read and check the host's raw files: the logs of each day, the tables of videos and devices, comments, the test.

A column is found by its name, every value is checked before it is cast. What a rule can settle (a repeated click, a
negative length) is counted in a ``Note``; what would leave a row without its meaning is a ``UserError`` with the line.
"""

from common.io.notes import Note
from competitions.mgtv.io.comments import Comments, read_comments
from competitions.mgtv.io.encoding import Codes, learn_codes
from competitions.mgtv.io.folder import DayFiles, RawFiles, locate
from competitions.mgtv.io.logs import Day, Test, read_day, read_test
from competitions.mgtv.io.profiles import Profiles, read_profiles
from competitions.mgtv.io.videos import Videos, read_videos

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
    "read_comments",
    "read_day",
    "read_profiles",
    "read_test",
    "read_videos",
]
