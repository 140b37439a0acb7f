"""What `make look-template` shows of the raw files: rows, times, users, items."""

from common.day.look.log import look_at_log
from common.day.look.page import Look
from common.engine.run import Run
from competitions.template.rows.config import TemplateConfig
from competitions.template.rows.io import reader


def look(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Look:
    """Tables and pictures of the host's files."""
    train, test = run.step(reader.read_labelled, files.train), run.step(reader.read_asked, files.test)
    return look_at_log({"train": train.value, "test": test.value}, {"train": files.train, "test": files.test})
