"""Simulate for hours, in pieces, so that it may be broken off at any moment and taken up again where it was.

    python -m tests.kit.long_run schedules 30000 --seed-from 1000000 --into runs.jsonl
    python -m tests.kit.long_run false-alarms 2500 --seed-from 0 --into alarms.jsonl          in runs, of four host-hours each
    python -m tests.kit.long_run tell runs.jsonl alarms.jsonl                                 what they came to, in Markdown

A piece is a line of the file: its seeds, the commit, what happened how often, what broke.  Seeds that the file has are not run again."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kit.simulate import HASH_SEED, PlanFrom, simulated, tally
from tests.kit.simulation import false_alarms, schedule

PIECE = {"schedules": 100, "false-alarms": 5}
PLAN_FROM: dict[str, PlanFrom] = {"schedules": schedule.plan_of, "false-alarms": false_alarms.plan_of}


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    what: str
    commit: str
    first: int
    runs: int
    seconds: float  # of people's time
    virtual_seconds: float
    incidents: int
    kinds: dict[str, int]
    heard: dict[str, int]
    broken: dict[str, tuple[str, ...]]

    @property
    def seeds(self) -> range:
        return range(self.first, self.first + self.runs)


def run_pieces(what: str, seeds: range, into: Path, cores: int) -> bool:
    """False: a promise was broken, now or before."""
    pieces, commit = read([into]), commit_of_here()
    known = {seed for piece in pieces for seed in piece.seeds}
    for first in range(seeds.start, seeds.stop, PIECE[what]):
        asked = range(first, min(first + PIECE[what], seeds.stop))
        if known.isdisjoint(asked):
            piece = run_piece(what, asked, cores, commit)
            with into.open("a") as file:
                file.write(json.dumps(asdict(piece)) + "\n")
            pieces.append(piece)
            print(f"{what} {asked.start}..{asked.stop - 1}: {len(piece.broken)} broken", flush=True)
    return not any(piece.broken for piece in pieces)


def run_piece(what: str, seeds: range, cores: int, commit: str) -> Piece:
    began = time.perf_counter()
    whole = tally(simulated(seeds, cores, plan_from=PLAN_FROM[what]))
    return Piece(
        what=what,
        commit=commit,
        first=seeds.start,
        runs=whole.schedules,
        seconds=time.perf_counter() - began,
        virtual_seconds=whole.virtual_seconds,
        incidents=whole.incidents,
        kinds=dict(whole.kinds),
        heard=dict(whole.heard),
        broken={str(seed): what for seed, what in whole.broken.items()},
    )


def commit_of_here() -> str:
    """Of the code that this process has loaded: to be asked at its beginning."""
    arguments = ("git", "describe", "--always", "--dirty", "--abbrev=9", "--exclude=*")
    return subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.strip()


def read(files: Sequence[Path]) -> list[Piece]:
    return [Piece(**json.loads(line)) for file in files if file.exists() for line in file.read_text().splitlines()]


# --- for the document -------------------------------------------------------------------------------------------------


def told(pieces: Sequence[Piece]) -> Iterator[str]:
    yield "| what | commit | seeds | runs | hours of a cloud | broke | runs/s of one process |"
    yield "|---|---|---|---|---|---|---|"
    for what, commit in dict.fromkeys((piece.what, piece.commit) for piece in pieces):
        here = [piece for piece in pieces if (piece.what, piece.commit) == (what, commit)]
        broken = sorted(seed for piece in here for seed in piece.broken)
        runs, seconds = sum(piece.runs for piece in here), sum(piece.seconds for piece in here)
        hours = sum(piece.virtual_seconds for piece in here) / 3600
        yield (
            f"| {what} | {commit} | {', '.join(stretches(here))} | {runs} | {hours:.0f} | "
            f"{len(broken)}{': ' if broken else ''}{', '.join(broken)} | {runs / seconds:.2f} |"
        )
    for what in dict.fromkeys(piece.what for piece in pieces):
        yield from ("", f"{what}, what happened:", "", kinds_told([piece for piece in pieces if piece.what == what]))


def stretches(pieces: Sequence[Piece]) -> Iterator[str]:
    """Their seeds, neighbours put together."""
    stretch: range | None = None
    for seeds in sorted((piece.seeds for piece in pieces), key=lambda seeds: seeds.start):
        if stretch is not None and stretch.stop == seeds.start:
            stretch = range(stretch.start, seeds.stop)
            continue
        if stretch is not None:
            yield f"{stretch.start}..{stretch.stop - 1}"
        stretch = seeds
    if stretch is not None:
        yield f"{stretch.start}..{stretch.stop - 1}"


def kinds_told(pieces: Sequence[Piece]) -> str:
    kinds = Counter[str]()
    for piece in pieces:
        kinds.update(piece.kinds)
    return ", ".join(f"{kind} {number}" for kind, number in sorted(kinds.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    deeds = parser.add_subparsers(dest="deed", required=True)
    for what in PIECE:
        running = deeds.add_parser(what)
        running.add_argument("runs", type=int)
        running.add_argument("--seed-from", type=int, default=0)
        running.add_argument("--into", type=Path, required=True)
        running.add_argument("--cores", type=int, default=1)
    deeds.add_parser("tell").add_argument("files", type=Path, nargs="+")
    chosen = parser.parse_args()
    if chosen.deed == "tell":
        print(*told(read(chosen.files)), sep="\n")
        return
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        again = [sys.executable, "-m", "tests.kit.long_run", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": HASH_SEED})
    seeds = range(chosen.seed_from, chosen.seed_from + chosen.runs)
    sys.exit(0 if run_pieces(chosen.deed, seeds, chosen.into, chosen.cores) else 1)


if __name__ == "__main__":
    main()
