"""Raw log -> a list of items for every user, top to bottom.

    make template        or        python -m competitions run template --raw data/template/raw

Two folds go through the same functions: ``labelled`` (the log's last days, whose answers are known) and ``test`` (the
host's users). Each call of ``run.step`` is kept on disk until something that it depends on changes: so give a step the
settings that it needs, since one that is given the whole ``config`` is computed again at every change of any.
"""

from functools import partial

import polars as pl

from common.day.lists import Outcome, Validated, gather_labelled, score_candidates
from common.engine.decisions import choose_names
from common.engine.run import Result, Run, collect
from common.io.answer_file import SUBMISSION
from common.io.submission import write_whole
from common.learning.dataset import join_blocks, make_dataset
from common.learning.fitters import Recipe
from common.learning.gbdt import fit, refit
from common.learning.split import Fold
from common.retrieval.channels import list_channel
from common.retrieval.fusion import fuse_channels, learn_fusion
from common.retrieval.recall import measure_recall
from common.retrieval.settings import name_channels
from competitions.template import split, submission
from competitions.template.config import BLOCKS, MODEL, TemplateConfig
from competitions.template.features import DESCRIBE
from competitions.template.io import reader

Lists = Result[dict[str, pl.DataFrame]]  # by channel: query, item, score, rank


def validate(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Validated:
    """Fit, and score the validation users; of the test nothing is made but its fold."""
    step = run.step
    events = step(reader.read_events, files.events)
    users = step(reader.read_users, files.users, events)
    fold = step(split.label_fold, events, config.split, config.seed, name="label")
    lists = list_channels(fold, config, run, "labelled")
    weights = step(learn_fusion, fold, lists, config.recall.fusion, config.seed, name="weigh")
    candidates = step(fuse_channels, lists, config.recall.candidates, weights, name="labelled.candidates")
    recall = step(measure_recall, fold, lists, candidates, name="recall")
    features = build_features(fold, candidates, config, run, "labelled")
    rows = step(gather_labelled, fold, candidates, features)
    early = step(fit, make_recipe(config), rows.field("train"), rows.field("valid"), name="fit")
    test = step(split.ask, events, users, name="ask")
    return Validated(fold, lists, recall, weights, candidates, rows, early, test)


def solve(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, judged = run.step, validate(files, config, run)
    labelled = collect([judged.rows.field("train"), judged.rows.field("valid")])  # the last fit learns from both
    final = step(refit, make_recipe(config), judged.early, labelled, name="refit")
    lists = list_channels(judged.test, config, run, "test")
    candidates = step(fuse_channels, lists, config.recall.candidates, judged.weights, name="test.candidates")
    features = build_features(judged.test, candidates, config, run, "test")
    rows = step(make_dataset, features, candidates, name="test.rows")
    scored = step(score_candidates, candidates, rows, final, name="score_test")
    filled = step(submission.fill_lists, judged.test.field("queries"), scored, name="answer")
    checked = submission.check_submission(write_whole(run.folder / SUBMISSION, filled.value.write_csv), files)
    return Outcome(**vars(judged), final=final, scored=scored, checked=checked)


def list_channels(fold: Result[Fold], config: TemplateConfig, run: Run, side: str) -> Lists:
    """The lists of every channel, a step each."""
    recall, listed = config.recall, partial(list_channel, repeats=config.recall.repeats)
    return collect(
        {
            name: run.step(listed, fold, settings, recall.per_channel, config.seed, name=f"{side}.{name}")
            for name, settings in name_channels(recall.channels).items()
        }
    )


def build_features(
    fold: Result[Fold], candidates: Result[pl.DataFrame], config: TemplateConfig, run: Run, side: str
) -> Result[pl.DataFrame]:
    """The features of a fold's candidates, a step a block."""
    chosen = choose_names(config.rank.blocks, BLOCKS)
    blocks = {name: run.step(DESCRIBE[name], fold, candidates, name=f"{side}.{name}_block") for name in chosen}
    return run.step(join_blocks, collect(blocks), name=f"{side}.features")


def make_recipe(config: TemplateConfig) -> Recipe:
    """How the ranker is fitted."""
    rank, cutoff = config.rank, submission.LENGTH
    parameters = rank.lightgbm_lambdarank
    return Recipe(MODEL, parameters, rank.rounds, rank.patience, config.model_seed, cutoff, seeds=rank.seeds)
