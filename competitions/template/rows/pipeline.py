"""Raw rows -> a probability for every row to answer for, top to bottom.

    make template        or        python -m competitions run template --raw data/template/raw

Two folds go through the same functions: ``labelled`` (the last labelled days, whose labels are hidden) and ``test``
(the host's rows). Each call of ``run.step`` is kept on disk until something that it depends on changes: so give a step
the settings that it needs, since one that is given the whole ``config`` is computed again at every change of any.
"""

import polars as pl

from common.day.rows import Outcome, Parts, Validated, part_rows, score_asked
from common.engine.decisions import choose_names
from common.engine.run import Result, Run, collect
from common.io.answer_file import SUBMISSION
from common.io.submission import write_whole
from common.learning.dataset import join_blocks
from common.learning.fitters import Recipe
from common.learning.gbdt import fit, refit
from competitions.template.rows import split, submission
from competitions.template.rows.config import BLOCKS, MODEL, TemplateConfig
from competitions.template.rows.features import DESCRIBE
from competitions.template.rows.io import reader


def validate(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Validated:
    """Fit, and score the validation rows."""
    labelled = run.step(reader.read_labelled, files.train)
    fold = run.step(split.hide_last, labelled, config.split, name="label")
    rows = build_rows(fold, config, run, "labelled")
    early = run.step(fit, make_recipe(config), rows.field("known"), rows.field("asked"), name="fit")
    return Validated(labelled, fold, rows, early)


def solve(files: reader.RawFiles, config: TemplateConfig, run: Run) -> Outcome:
    """Run the whole competition into ``run.folder``; a finished step of an earlier run is not done again."""
    step, judged = run.step, validate(files, config, run)
    asked = step(reader.read_asked, files.test)
    fold = step(split.append_asked, judged.labelled, asked, name="ask")
    test = build_rows(
        fold, config, run, "test"
    )  # all labelled rows are known by now, and the last fit learns from them
    final = step(refit, make_recipe(config), judged.early, test.field("known"), name="refit")
    scored = step(score_asked, asked, test.field("asked"), final, name="score_test")
    filled = step(submission.fill_rows, scored, name="answer")
    checked = submission.check_submission(write_whole(run.folder / SUBMISSION, filled.value.write_csv), files)
    return Outcome(**vars(judged), test=test, scored=scored, checked=checked)


def build_rows(fold: Result[pl.DataFrame], config: TemplateConfig, run: Run, side: str) -> Result[Parts]:
    """The features of a fold's rows, a step a block, as matrices."""
    chosen, strength = choose_names(config.rank.blocks, BLOCKS), config.rank.strength
    blocks = {name: run.step(DESCRIBE[name], fold, strength, name=f"{side}.{name}_block") for name in chosen}
    features = run.step(join_blocks, collect(blocks), name=f"{side}.features")
    return run.step(part_rows, fold, features, name=f"{side}.rows")


def make_recipe(config: TemplateConfig) -> Recipe:
    """How the model is fitted."""
    rank = config.rank
    return Recipe(MODEL, rank.lightgbm_click, rank.rounds, rank.patience, config.model_seed, seeds=rank.seeds)
