"""Thousands of damaged raw folders.

    OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 python -m tests.benches.fuzz mgtv --first 0 --seeds 1000 [--to-fit]

One line for every seed that ends in anything but a refusal of one sentence or a read folder: a traceback, several
lines, control characters. ``--keep DIR --seeds 1`` leaves the damaged folder of a seed there.
"""

import argparse
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from pathlib import Path

from competitions import NAMES
from tests.contract.conftest import COMPETITIONS
from tests.contract.contract import Contract
from tests.fuzz.mutations import damage
from tests.fuzz.trial import BEHIND_READING, FIRST_FIT, UntilRun, copy_base, find_fault, try_seed, write_base

READ, REFUSED = "read", "refused"


def describe_end(contract: Contract, run: UntilRun, base: Path, seed: int) -> tuple[str, str]:
    """How a seed ends, and what there is to say of it."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            trial = try_seed(contract, run, base, seed, Path(folder))
        except BaseException:  # a panic of a library written in Rust is no Exception
            return "traceback", traceback.format_exc()[-1500:]
    fault = trial.refusal and find_fault(trial.refusal)
    how = READ if trial.refusal is None else "unclean" if fault else REFUSED
    return how, f"{trial.damage}: {fault or trial.refusal}"


def main() -> None:
    """The command line of this bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.fuzz", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--to-fit", action="store_true", help="go on from the split to the first fit")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    warnings.simplefilter("error")
    contract = next(contract for contract in COMPETITIONS if contract.name == options.name)
    counts = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        base = write_base(contract, Path(folder))
        if options.keep:
            raw = copy_base(base, options.keep)
            print(damage(raw, f"{contract.name} {options.first}"), raw)
            return
        run = UntilRun(Path(folder) / "work", FIRST_FIT if options.to_fit else BEHIND_READING[options.name])
        for seed in range(options.first, options.first + options.seeds):
            how, said = describe_end(contract, run, base, seed)
            counts[how] += 1
            if how not in (READ, REFUSED):
                print(f"{contract.name} {seed} {how}: {said}", flush=True)
    print(contract.name, dict(counts))
    sys.exit(bool(set(counts) - {READ, REFUSED}))


if __name__ == "__main__":
    main()
