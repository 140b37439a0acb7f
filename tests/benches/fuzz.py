"""Thousands of damaged raw folders, in a process that may take so much time and memory.

    OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 python -m tests.benches.fuzz mgtv --first 0 --seeds 1000 [--to-fit]

One line for every seed that ends in anything but a refusal of one sentence or a read folder: a traceback, a crash, a
wait, several lines, control characters. ``--keep DIR --seeds 1`` leaves the damaged folder of a seed there.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

from competitions import NAMES
from tests.contract.conftest import COMPETITIONS
from tests.contract.contract import Contract
from tests.fuzz.mutations import damage
from tests.fuzz.trial import BEHIND_READING, FIRST_FIT, UntilRun, copy_base, find_fault, try_seed, write_base

MOST_S, MOST_GIB = 300, 12
READ, REFUSED = "read", "refused"


def try_seeds(name: str, base: Path, seeds: range, until: str, sender: Connection) -> None:
    """In a process of its own: send how each seed ends and what there is to say of it."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_GIB << 30,) * 2)
    warnings.simplefilter("error")
    contract = find_contract(name)
    run = UntilRun(base.parent / f"from-{seeds.start}", until)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            try:
                trial = try_seed(contract, run, base, seed, Path(folder))
            except BaseException:  # a panic of a library written in Rust is no Exception
                sender.send(("traceback", traceback.format_exc()[-1500:]))
                continue
        fault = trial.refusal and find_fault(trial.refusal)
        how = READ if trial.refusal is None else "unclean" if fault else REFUSED
        sender.send((how, f"{trial.damage}: {fault or trial.refusal}"))


def list_ends(name: str, base: Path, seeds: range, until: str) -> Iterator[tuple[int, str, str]]:
    """How each seed ends; behind one that ends the process, or waits, another process goes on."""
    context = multiprocessing.get_context("spawn")
    while seeds:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=try_seeds, args=(name, base, seeds, until, sender))
        process.start()
        sender.close()
        for seed in seeds:
            try:
                how, said = receiver.recv() if receiver.poll(MOST_S) else ("waits", f"more than {MOST_S} s")
            except EOFError:
                process.join()
                how, said = "crash", f"exit code {process.exitcode}"
            yield seed, how, said
            seeds = seeds[1:]
            if how in ("waits", "crash"):
                break
        process.kill()
        process.join()


def find_contract(name: str) -> Contract:
    """The contract of a competition."""
    return next(contract for contract in COMPETITIONS if contract.name == name)


def main() -> None:
    """The command line of this bench."""
    parser = argparse.ArgumentParser(prog="python -m tests.benches.fuzz", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--to-fit", action="store_true", help="go on from the split to the first fit")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    contract, counts = find_contract(options.name), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        base = write_base(contract, Path(folder))
        if options.keep:
            raw = copy_base(contract, base, options.first, options.keep)
            print(damage(raw, f"{contract.name} {options.first}"), raw)
            return
        seeds, until = (
            range(options.first, options.first + options.seeds),
            FIRST_FIT if options.to_fit else BEHIND_READING[options.name],
        )
        for seed, how, said in list_ends(contract.name, base, seeds, until):
            counts[how] += 1
            if how not in (READ, REFUSED):
                print(f"{contract.name} {seed} {how}: {said}", flush=True)
    print(contract.name, dict(counts))
    sys.exit(bool(set(counts) - {READ, REFUSED}))


if __name__ == "__main__":
    main()
