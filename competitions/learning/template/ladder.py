"""What each part is worth, from popularity to the ranker: `make ladder-template`, `make rung-template RUNG=als`."""

from typing import Any

from competitions.learning.ladder import Ladder
from competitions.learning.lists import make_list_ladder
from competitions.template.competition import TASK
from competitions.template.config import TemplateConfig
from competitions.template.pipeline import validate


def make_ladder(files: Any, config: TemplateConfig, run: Any) -> Ladder:
    """Five methods on the validation users."""
    return make_list_ladder("Template: what users take next", TASK, validate, files, config, run)
