"""A public log in the release layout, with host-like numbers that say nothing of the source's order."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from common.arrays import Ints
from common.day.hosts.public import TRUTH
from competitions.tencent.io import schema
from competitions.tencent.io.schema import USER_FEATURES
from competitions.tencent.simulator import writer
from competitions.tencent.simulator.id_assignment import FIRST_USER_VALUE, Numbers, list_ads, number_ads
from competitions.tencent.simulator.topics import Codes
from competitions.tencent.simulator.users import Profile

SEED = 0  # of the numbers: sets number items by first appearance, which would give targets away


@dataclass(frozen=True)
class PublicLog:
    """Users and items are numbers from 0; ``items`` are the source's own numbers of the items.

    ``events``: user, item, action, time (seconds), by user, oldest first: what may be seen. ``target``: an item by
    user, -1 for none. ``candidates``: items, ascending. ``attributes`` (items, 13) and ``profiles`` (users, 8): codes
    from 0 in the order of ``schema``, -1 for none.
    """

    name: str
    items: pl.Series
    events: pl.DataFrame
    target: Ints
    candidates: Ints
    attributes: Codes
    profiles: Codes

    def number(self) -> Numbers:
        """The host-like numbers of its items."""
        shown = np.bincount(self.events["item"], minlength=len(self.items))
        ads, known = list_ads(shown, self.candidates, SEED)
        return number_ads(ads, known, self.candidates, self.attributes[ads], len(self.items), SEED)

    def count(self, numbers: Numbers) -> dict[str, int]:
        """How large its parts are."""
        return {
            "users": len(self.target),
            "events": self.events.height,
            "items": numbers.known,
            "candidates": len(self.candidates),
            "unseen candidates": int((numbers.candidates >= numbers.known).sum()),
            "truth": int((self.target >= 0).sum()),
        }


def encode_columns(keys: pl.Series, table: pl.DataFrame, columns: dict[str, str], fields: tuple[str, ...]) -> Codes:
    """Codes (keys, fields) of the columns that ``columns`` names by field, -1 where ``table`` has no value.

    >>> table = pl.DataFrame({"video": [4, 9], "tag": ["b", None], "type": ["x", "y"]})
    >>> encode_columns(pl.Series("video", [9, 4, 5]), table, {"100": "tag", "102": "type"}, ("100", "101", "102"))
    array([[-1, -1,  1],
           [ 0, -1,  0],
           [-1, -1, -1]], dtype=int32)
    """
    joined = keys.to_frame().join(table, on=keys.name, how="left", maintain_order="left")
    codes = np.full((len(keys), len(fields)), -1, np.int32)
    for field, column in columns.items():
        codes[:, fields.index(field)] = joined[column].rank("dense").cast(pl.Int32).fill_null(0).to_numpy() - 1
    return codes


def write_release(folder: Path, log: PublicLog, numbers: Numbers) -> None:
    """Write the release layout and the truth. Users are numbered anew, without regard to the order of the source."""
    users = len(log.target)
    order = np.random.default_rng([80, SEED]).permutation(users)  # by re-id less one, the user
    rids = pl.Series(np.argsort(order))
    events = log.events.with_columns(rids.gather(log.events["user"]).alias("user")).sort("user", maintain_order=True)
    profiles = dict(zip(USER_FEATURES, log.profiles[order].T, strict=True))
    tables = {
        schema.RELEASE_SEQUENCES: [
            writer.sequence_table(
                0,
                np.bincount(events["user"], minlength=users),
                numbers.row[events["item"]],
                events["action"].cast(pl.Int8).to_numpy(),
                events["time"].to_numpy(),
            )
        ],
        schema.RELEASE_ITEMS: writer.item_tables(numbers),
        schema.RELEASE_USERS: [
            writer.user_table(
                0, {name: Profile(code[:, None] + 1, (code >= 0).astype(np.int64)) for name, code in profiles.items()}
            )
        ],
        schema.RELEASE_CANDIDATES: [writer.candidate_table(numbers)],
    }
    writer.write_tables(folder, tables)
    names = writer.name_users(users, SEED)
    values = {name: FIRST_USER_VALUE + np.arange(code.max(initial=-1) + 1) for name, code in profiles.items()}
    writer.write_indexer(folder / schema.INDEXER, numbers, names, values)
    writer.write_truth(folder / TRUTH, numbers, names, log.target[order])
