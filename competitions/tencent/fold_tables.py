"""All that is known for a fold: one value, from which any of its queries is answered.

Built alike for the hold-out, for the organiser's queries and for the earlier folds that fusion and ranker are learned
on; each time from ``Fold.history`` alone, so that no hidden event is reached. Each part is a step, kept on disk.
"""

from dataclasses import dataclass, replace

from competitions.tencent.corpus import Catalogue
from competitions.tencent.features.lifts import Lift
from competitions.tencent.features.popularity import AdLog
from competitions.tencent.retrieval.channel import Table
from competitions.tencent.retrieval.content import Content


@dataclass(frozen=True)
class Fusion:
    """``weights`` by what is summed (the parts of channels, columns of popularity); the ``widths`` of kernels by
    channel; ``channels`` that stay; ``rows``: what was measured of each.
    """

    weights: dict[str, float]
    widths: dict[str, float]
    channels: tuple[str, ...]
    rows: tuple[dict[str, str | float], ...] = ()


@dataclass(frozen=True)
class FoldTables:
    """What is fitted on the history of a fold, without labels, and the weights learned before it.

    ``log``: its events in order of time, as popularity at a moment counts them; ``tables``: of the ``channels`` that
    retrieve, by name; ``lifts``: which feature value follows which; ``fusion``: what each channel counts for;
    ``list_length``: how many ads are retrieved.
    """

    catalogue: Catalogue
    log: AdLog
    tables: dict[str, Table]
    lifts: list[Lift]
    fusion: Fusion
    list_length: int

    def with_widths(self, widths: dict[str, float]) -> "FoldTables":
        """The same with other widths of the channels' kernels."""
        return replace(self, fusion=replace(self.fusion, widths=widths))

    @property
    def contents(self) -> list[tuple[Content, float]]:
        """Vectors of ads that channels retrieve by, the files' and those of the log, and the width of their kernels."""
        return [
            (table, self.fusion.widths[name])
            for name, table in self.tables.items()
            if isinstance(table, Content) and name in self.fusion.widths
        ]
