"""A decision record reads as a story: what was known, by what rule, what else was considered, what was done, how long it took."""

from __future__ import annotations

from mainstay_cli.client import Json, Row
from mainstay_cli.story import explanation


def a_decision() -> dict[str, Json]:
    return {
        "created": "2026-01-02T03:04:05+0000",
        "trigger": "host h1 died",
        "evidence": [{"text": "silent for 3.1 s"}, {"text": "h2 cannot reach it"}],
        "rule": "an HA guest of a dead host is started elsewhere",
        "alternatives": [
            {"target": "2", "targetname": "h3", "rejected_by": [{"code": "memory", "need": 128, "have": 64}]},
            {"target": "3", "targetname": "h4", "rejected_by": [{"code": "pool", "need": "p1", "have": "p2"}]},
            {"target": "4", "targetname": "h5", "rejected_by": [{"code": "pool", "need": "p1", "have": "p3"}]},
        ],
        "decision": "restart",
        "targethostname": "h2",
        "epoch": 2,
        "proof": {"kind": "powered-off", "text": "power controller says Off"},
        "phases": [{"name": "ordered", "elapsed_ms": 4200}, {"name": "running", "elapsed_ms": 5000}],
        "outcome": "Restarted",
        "attempts": 1,
    }


def test_a_machine_that_moved_is_explained() -> None:
    told: Row = {
        "virtualmachinename": "web",
        "state": "Running",
        "hostname": "h2",
        "epoch": 2,
        "haenable": True,
        "wantedrunning": True,
        "decisions": [a_decision()],
    }

    assert list(explanation(told)) == [
        "web is Running on h2 (epoch 2, HA on).",
        "",
        "2026-01-02T03:04:05+0000  host h1 died",
        "       known  silent for 3.1 s",
        "              h2 cannot reach it",
        "       proof  power controller says Off",
        "        rule  an HA guest of a dead host is started elsewhere",
        "  considered  h3: memory (needs 128, has 64)",
        "              h4, h5: pool (needs p1)",
        "     decided  restart on h2 as epoch 2",
        "        took     +4.20 s  ordered",
        "                 +5.00 s  running",
        "     outcome  restarted",
    ]


def test_a_machine_to_which_nothing_happened_says_so() -> None:
    told: Row = {"virtualmachinename": "db", "state": "Stopped", "epoch": 1, "haenable": False, "wantedrunning": False}

    assert list(explanation(told)) == [
        "db is Stopped (epoch 1, HA off).",
        "Nobody wants it running: HA leaves alone what was stopped on purpose.",
        "No decision about it is on record: nothing has happened to it that one was needed for.",
    ]
