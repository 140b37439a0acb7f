"""What `make recommend-template` and `make serve-template` answer with: a finished run, for a user of any past."""

from common.engine.decisions import choose_names
from common.engine.run import Run
from common.retrieval.settings import name_channels
from common.serving.lists import ListService
from competitions.template import submission
from competitions.template.config import BLOCKS, TemplateConfig
from competitions.template.features import DESCRIBE
from competitions.template.io import reader
from competitions.template.pipeline import solve


def make_service(files: reader.RawFiles, config: TemplateConfig, run: Run) -> ListService:
    """The service of a run, from its kept steps."""
    outcome, recall = solve(files, config, run), config.recall
    return ListService(
        history=outcome.test.value.history,
        channels=name_channels(recall.channels),
        weights=outcome.weights.value,
        blocks={name: DESCRIBE[name] for name in choose_names(config.rank.blocks, BLOCKS)},
        ranker=outcome.final.value,
        top=recall.per_channel,
        candidates=recall.candidates,
        length=submission.LENGTH,
        repeats=recall.repeats,
        seed=config.seed,
    )
