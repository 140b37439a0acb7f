"""Round 2's cold start: users that the log and the indexer lack, who stand in the predict file by their names.

``STRANGERS`` of the users, the last ones in the order they were drawn, which says nothing of them. Their histories may
hold ads that nobody else was shown, which then have an original id only; some values of their features are unknown to
the indexer and stand there as texts. The shares are assumed: the host's description says no more than that users may
be texts. In the release layout, which has no predict file, all users are in the log.
"""

from dataclasses import dataclass, replace

import numpy as np

from competitions.tencent.simulator.topics import Ints
from competitions.tencent.simulator.user_features import Profile

STRANGERS, COLD = 0.03, 0.05  # of the users; of the values of a stranger's features
COLD_VALUE = 5_000_000_000  # an original value that the indexer lacks is this and a code


@dataclass(frozen=True)
class UserNames:
    """The host's names of all users in their order; the first ``known`` have a re-id, which is 1 + their index."""

    names: list[str]
    known: int

    @property
    def indexed(self) -> list[str]:
        """The names that the indexer has, by re-id."""
        return self.names[: self.known]

    def labels(self, users: Ints) -> list[str]:
        """How the predict file names each of these users, as JSON: by re-id, or by name."""
        return [str(user + 1) if user < self.known else f'"{self.names[user]}"' for user in users.tolist()]


def hide_values(profile: dict[str, Profile], strangers: Ints, seed: int, number: int) -> dict[str, Profile]:
    """The features with some values of the ``strangers`` (rows) cold: code -v stands for a value of its own."""
    if not len(strangers):
        return profile
    rng = np.random.default_rng([53, seed, number])
    hidden = {}
    for name, feature in profile.items():
        value = feature.value.copy()
        cold = rng.random((len(strangers), value.shape[1])) < COLD
        value[strangers] = np.where(cold, -value[strangers], value[strangers])
        hidden[name] = replace(feature, value=value)
    return hidden
