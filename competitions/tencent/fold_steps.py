"""The steps that open a fold: what is fitted on its history, what its candidates are forecast to be, the votes."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.engine.decisions import AUTO
from common.engine.run import Result, Run, bundle, derive
from competitions.tencent import fold_tables as history_tables
from competitions.tencent.config import RankerSettings
from competitions.tencent.corpus import Corpus, Int64s
from competitions.tencent.features.forecast import Forecast
from competitions.tencent.fold_tables import HistoryTables, make_pool, measure_ads
from competitions.tencent.plan import Plan
from competitions.tencent.retrieval.channels import COUNTS, LINEAR, VALUES, VECTORS
from competitions.tencent.retrieval.content import Content
from competitions.tencent.retrieval.context import FoldInputs
from competitions.tencent.retrieval.counts import Counts
from competitions.tencent.retrieval.fusion import Votes, even_votes
from competitions.tencent.retrieval.fusion_learning import learn_votes
from competitions.tencent.split import Fold


@dataclass(frozen=True)
class FoldOpener:
    """Opens the folds that one ranker is about, by steps of ``run``: fits their tables, forecasts their candidates.

    ``forecasts``: one per earlier fold and, last, the fold's own; ``name``: what steps that no other fold shares are
    called by.
    """

    corpus: Result[Corpus]
    contents: Result[list[Content]]
    plan: Result[Plan]
    forecasts: Result[list[Forecast]]
    settings: RankerSettings
    run: Run
    name: str

    def open(self, fold: Result[Fold], at: int, votes: Result[Votes]) -> Result[FoldInputs]:
        """What a fold is answered from; ``at``: of the forecasts, -1 the last."""
        label = f"{self.name}.pool{at if at >= 0 else ''}"
        # Under one name and by the content of ``ends``: folds whose histories end alike share what is fitted on them.
        ends, step, most = fold.value.train_ends, self.run.step, self.settings.features.pool
        statistics = step(measure_ads, self.corpus, ends, self.plan.value.times, name="ads")
        pool = step(make_pool, fold, statistics, self.forecasts, at, most, name=label)
        return bundle(
            FoldInputs,
            corpus=self.corpus,
            contents=self.contents,
            fold=fold,
            statistics=statistics,
            pool=pool,
            tables=self.fit_tables(ends, pool.value.rows, votes.value.channels),
            votes=votes,
            plan=self.plan,
        )

    def fit_tables(self, ends: Int64s, rows: Int64s, channels: Sequence[str]) -> Result[HistoryTables]:
        """What is fitted on the histories before ``ends``, for the candidates in these ``rows``: a step a table, so
        that a channel that leaves has no other fitted again.
        """
        step, corpus, rates = self.run.step, self.corpus, self.plan.value.actions
        nothing = derive(leave_out)
        return bundle(
            HistoryTables,
            lifts=step(history_tables.fit_lifts_of, corpus, ends, name="lifts"),
            action_rates=step(history_tables.fit_rates_of, corpus, ends, name="rates") if rates else nothing,
            counts=step(history_tables.count_neighbours_of, corpus, ends, rows, name=COUNTS)
            if COUNTS in channels
            else derive(leave_out_counts),
            values=step(history_tables.count_values_of, corpus, ends, name=VALUES) if VALUES in channels else nothing,
            regression=step(history_tables.regress_on, corpus, ends, rows, name=LINEAR)
            if LINEAR in channels
            else nothing,
            vectors=step(history_tables.learn_vectors_of, corpus, ends, name=VECTORS)
            if VECTORS in channels
            else nothing,
        )

    def learn_votes(self, folds: Sequence[Result[Fold]], seed: int) -> Result[Votes]:
        """The channels' votes by the latest earlier fold; even ones where there is none."""
        step, plan, settings = self.run.step, self.plan.value, self.settings
        names = [each.name for each in self.contents.value]
        even = step(even_votes, names, plan.channels, name=f"{self.name}.even_votes")
        if not folds:
            return even
        inputs, kept = self.open(folds[0], 0, even), settings.channels != AUTO
        return step(learn_votes, inputs, settings.features, plan.channels, kept, seed, name=f"{self.name}.votes")


def leave_out() -> None:
    """No table."""


def leave_out_counts() -> tuple[Counts, ...]:
    """No tables of counts."""
    return ()
