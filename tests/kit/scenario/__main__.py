"""Play stories and print them.

    python -m tests.kit.scenario NAME               the story as a timeline, and how it differs from its expected log
    python -m tests.kit.scenario NAME --everything  with all that processes log
    python -m tests.kit.scenario --check [NAME..]   all of them: one line each, and the differences
    python -m tests.kit.scenario NAME --draft       an expected log to begin with: what the seeds have in common
    python -m tests.kit.scenario --verbs            the sentences of a script

The exit status says whether all went as expected.  A seed gives the same run at the same commit."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from tests.kit.scenario.expected import agreed, in_columns
from tests.kit.scenario.flaws import Flaw
from tests.kit.scenario.play import names, play, read_story, tellings
from tests.kit.scenario.verbs import VERBS

HASH_SEED = "0"
DRAFT_SEEDS = range(5)


def tell(name: str, seed: int, everything: bool) -> bool:
    story = read_story(name)
    played = play(story, seed)
    if everything:
        print(played.timeline)
    for line in played.told:
        print(in_columns(f"{line.at:.1f}", line.subject, line.text))
    verdict = played.verdict(story)
    print(verdict or f"{name}: as expected")
    return not verdict


def check(chosen: list[str], seed: int, as_json: bool) -> bool:
    verdicts = {}
    for name in chosen:
        began = time.process_time()
        verdict = verdicts[name] = verdict_on(name, seed)
        if not as_json:
            print(f"{name:<44} {'DIFFERS' if verdict else 'as expected'}  {time.process_time() - began:.2f} s", verdict)
    if as_json:
        print(json.dumps(verdicts))
    return not any(verdicts.values())


def verdict_on(name: str, seed: int) -> str:
    try:
        story = read_story(name)
        return play(story, seed).verdict(story)
    except Flaw as flaw:
        return str(flaw)


def draft(name: str) -> bool:
    print("\n".join(agreed(tellings(read_story(name), DRAFT_SEEDS))))
    return True


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--everything", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true", help="verdicts as one object")
    parser.add_argument("--draft", action="store_true")
    parser.add_argument("--verbs", action="store_true")
    chosen = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.kit.scenario", *sys.argv[1:]],
            {**os.environ, "PYTHONHASHSEED": HASH_SEED},
        )
    if chosen.verbs:
        print("\n".join(VERBS))
        return True
    if chosen.check or not chosen.names:
        return check(chosen.names or names(), chosen.seed, chosen.json)
    done = [draft(name) if chosen.draft else tell(name, chosen.seed, chosen.everything) for name in chosen.names]
    return all(done)


if __name__ == "__main__":
    try:
        sys.exit(0 if main() else 1)
    except Flaw as flaw:
        sys.exit(str(flaw))
