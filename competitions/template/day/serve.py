"""What `make recommend-template` and `make serve-template` answer with: a run, for a user of any past."""

from common.engine.decisions import choose_names
from common.engine.run import Run
from common.serving.lists import ListService
from competitions.template import submission
from competitions.template.config import BLOCKS, TemplateConfig
from competitions.template.features import DESCRIBE
from competitions.template.io import reader
from competitions.template.pipeline import solve


def make_service(files: reader.RawFiles, config: TemplateConfig, run: Run) -> ListService:
    """The service of a run, from its kept steps."""
    blocks = {name: DESCRIBE[name] for name in choose_names(config.rank.blocks, BLOCKS)}
    return ListService(solve(files, config, run), config.recall, blocks, submission.LENGTH, config.seed)
