"""How many users an A/B test needs, from what a hold-out knows: python -m competitions.learning.power NAME RUNG ...

A hold-out scores the same queries by two methods, an A/B test gives every user one of the two. So the same gain needs
far more users online: the variance of a score counts, twice, not that of the difference. Both are known from the
ladder, of each RUNG and the method that it builds on.

The formulas are those of a comparison of two means by a normal test (Cohen 1988, "Statistical power analysis for the
behavioral sciences"); scores of clusters (a user's queries) count by their design effect.
"""

import argparse
import math
import sys
from pathlib import Path

import polars as pl
from scipy.stats import norm

from common.day.hosts.simulated import is_simulated
from common.day.record_schema import CLUSTER, WEIGHT
from common.day.stamp import Figure, keep_table, make_stamp
from common.engine.console import print_table, wide_console
from common.engine.errors import UserError
from common.engine.run import Run
from common.learning.metrics import average
from competitions import NAMES, find_lesson, find_room
from competitions.cli.options import InputOptions
from competitions.cli.settings import load_inputs
from competitions.learning.ladder import BASE

COMMAND = "python -m competitions.learning.power"
LEVEL, POWER = 0.05, 0.8  # how often a test sees a gain that is none, of two sides; and how often one that is there


def sum_errors(level: float = LEVEL, power: float = POWER) -> float:
    """How many errors of a difference a gain must have, to be seen so often.

    >>> round(sum_errors(), 2), round(sum_errors(power=0.5), 2)  # 1.96 + .84; 1.96
    (2.8, 1.96)
    """
    return float(norm.ppf(1 - level / 2) + norm.ppf(power))


def count_users(variance: float, gain: float, level: float = LEVEL, power: float = POWER) -> int:
    """Users of *each* of the two groups of an A/B test that is to see a ``gain``; ``variance``: of one user's score.

    The difference of two means has the variance 2 variance / users.

    >>> count_users(0.1 * 0.9, 0.01)  # a click rate of 10 % and one of 11 %
    14128
    >>> count_users(0.1 * 0.9, 0.005)  # half the gain: four times the users
    56512
    """
    return math.ceil(2 * variance * (sum_errors(level, power) / gain) ** 2)


def find_gain(variance: float, users: int, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest gain that a test sees with so many users a group; the other way round of ``count_users``.

    >>> round(find_gain(0.1 * 0.9, 14_128), 4)
    0.01
    """
    return sum_errors(level, power) * math.sqrt(2 * variance / users)


def find_power(variance: float, gain: float, users: int, level: float = LEVEL) -> float:
    """How often a test with so many users a group sees a ``gain``, in its true direction.

    >>> round(find_power(0.1 * 0.9, 0.01, 14_128), 2), round(find_power(0.1 * 0.9, 0.01, 1_000), 2)
    (0.8, 0.11)
    """
    return float(norm.sf(norm.ppf(1 - level / 2) - gain / math.sqrt(2 * variance / users)))


def measure_variances(before: pl.DataFrame, after: pl.DataFrame) -> tuple[float, float, float]:
    """The gain, the variance of one query's score (the mean of both methods), and that of its difference; of the
    queries of a ladder in one order, with ``score``, and ``weight`` and ``cluster`` where there are such columns.

    >>> before, after = pl.DataFrame({"score": [0.0, 1.0, 0.0, 1.0]}), pl.DataFrame({"score": [0.0, 1.0, 1.0, 1.0]})
    >>> [round(each, 4) for each in measure_variances(before, after)]  # .25 and .1875, of which the mean; 3 x .25^2
    [0.25, 0.2188, 0.1875]
    """
    columns = [after[name].to_numpy() if name in after.columns else None for name in (WEIGHT, CLUSTER)]
    one, other = (frame["score"].to_numpy() for frame in (before, after))
    gain, *errors = average(other - one, *columns)
    errors += [average(scores, *columns)[1] for scores in (one, other)]
    apart, first, second = (len(one) * error**2 for error in errors)
    return gain, (first + second) / 2, apart


def describe_test(rung: str, base: str, before: pl.DataFrame, after: pl.DataFrame) -> dict[str, str | float | int]:
    """A row of the table: what the hold-out shows, and what it takes to show the same gain with users."""
    gain, variance, apart = measure_variances(before, after)
    if not gain:
        raise UserError(f"{rung!r} and {base!r} score alike: no number of users shows a difference of 0.")
    queries = len(before)
    return {
        "rung": rung,
        "against": base,
        "queries": queries,
        "gain": gain,
        "gain error": math.sqrt(apart / queries),
        "correlation": 1 - apart / (2 * variance),
        "A/B: users a group": count_users(variance, abs(gain)),
        "paired: users": count_users(apart / 2, abs(gain)),
        "power of A/B with these queries": find_power(variance, abs(gain), queries // 2),
        "least gain, A/B": find_gain(variance, queries // 2),
        "least gain, paired": find_gain(apart / 2, queries),
    }


def main(words: list[str]) -> None:
    """Measure the rungs, print and keep a line each."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("rungs", nargs="+", help="keys of the ladder, each compared with the one that it builds on")
    parser.add_argument("--raw", type=Path, help="the host's files; default data/NAME/raw, else simulated")
    parser.add_argument("--build", type=Path, default=Path("build"), help="folder for all results")
    options = parser.parse_args(words)
    inputs, stamp = load_inputs(InputOptions(options.name, raw=options.raw, build=options.build)), make_stamp()
    folder = options.build / options.name
    run = Run(folder / "power", folder / "cache")
    ladder = find_lesson(options.name, "ladder").make_ladder(inputs.files, inputs.config, run)
    table = []
    for rung in options.rungs:
        base = ladder.climb(rung)[-1][BASE]
        if base is None:
            raise UserError(f"{rung!r} builds on no other step of the ladder: name one that does.")
        table.append(describe_test(rung, base, ladder.measured[base], ladder.measured[rung]))
    simulated = is_simulated(inputs.folder)
    version = find_room(options.name, "simulator.simulate").VERSION if simulated else None
    key = "power" if simulated else f"power {inputs.folder.name}"
    command = " ".join([COMMAND, options.name, *options.rungs, *([] if simulated else ["--raw DIR"])])
    keep_table(options.name, key, Figure(command, stamp, version, table))
    print_table(wide_console(), f"What a test needs ({LEVEL:.0%} level, {POWER:.0%} power)", table)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(f"error: {error}")
