"""Incidents and decision records told as a person tells them.  Pure: rows in, lines out.

Nothing is made up here: each line repeats a fact of the record, with its numbers and names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mainstay_cli.client import Json, Row, nested, text

SECOND_MS = 1000
OUTCOMES = {
    "Pending": "not settled yet",
    "Restarted": "restarted",
    "LeftStopped": "left stopped",
    "LeftRunning": "left running where it is",
    "WaitingForCapacity": "waiting for a host that can take it",
    "Superseded": "settled by something else meanwhile",
}


def explanation(told: Row) -> Iterator[str]:
    """Why this machine is where it is: its present state, then each decision about it, newest first."""
    name = text(told, "virtualmachinename")
    place = f" on {text(told, 'hostname')}" if told.get("hostname") else ""
    yield f"{name} is {text(told, 'state')}{place} (epoch {text(told, 'epoch')}, HA {'on' if told.get('haenable') else 'off'})."
    if told.get("stopreason"):
        yield f"It does not run because: {text(told, 'stopreason')}."
    if not told.get("wantedrunning"):
        yield "Nobody wants it running: HA leaves alone what was stopped on purpose."
    decisions = nested(told, "decisions")
    if not decisions:
        yield "No decision about it is on record: nothing has happened to it that one was needed for."
    for decision in decisions:
        yield ""
        yield from decision_story(decision)


def decision_story(decision: Row) -> Iterator[str]:
    yield f"{text(decision, 'created')}  {text(decision, 'trigger')}"
    yield from _told("known", (text(each, "text") for each in nested(decision, "evidence")))
    yield from _told("proof", [_fact(decision.get("proof"), "text") or "none"])
    yield from _told("rule", [text(decision, "rule")])
    yield from _told("considered", _considered(nested(decision, "alternatives")))
    yield from _told("decided", [_verdict(decision)])
    yield from _told("took", (_phase(each) for each in nested(decision, "phases")))
    yield from _told("outcome", [_outcome(decision)])


def incident_story(incident: Row) -> Iterator[str]:
    """An incident with its timeline; the stopwatch counts from when the host or guest was last heard."""
    subject = text(incident, "hostname") or text(incident, "virtualmachinename")
    yield f"{text(incident, 'created')}  {subject}: {text(incident, 'trigger')}  [{text(incident, 'phase')}]"
    for entry in nested(incident, "timeline"):
        yield f"  {timeline_entry(entry)}"
    for decision in nested(incident, "decisions"):
        yield f"  {decision_line(decision)}"
    if incident.get("outcome"):
        yield f"  outcome: {text(incident, 'outcome')}"


def decision_line(decision: Row) -> str:
    return f"{text(decision, 'virtualmachinename')}: {_verdict(decision)}; {_outcome(decision)}"


def timeline_entry(entry: Row) -> str:
    return f"{stopwatch(entry.get('offset_ms'))}  {text(entry, 'text')}"


def stopwatch(milliseconds: Json) -> str:
    seconds = milliseconds / SECOND_MS if isinstance(milliseconds, int | float) else 0.0
    return f"{seconds:+8.2f} s"


def _verdict(decision: Row) -> str:
    target = text(decision, "targethostname")
    epoch = text(decision, "epoch")
    return text(decision, "decision") + (f" on {target} as epoch {epoch}" if target else "")


def _outcome(decision: Row) -> str:
    outcome = text(decision, "outcome")
    attempts = int(text(decision, "attempts") or 0)
    return OUTCOMES.get(outcome, outcome) + (f" after {attempts} attempts" if attempts > 1 else "")


def _considered(alternatives: Sequence[Row]) -> Iterator[str]:
    """Hosts rejected for the same need are told together; what each has instead, where they have the same."""
    by_need: dict[tuple[str, ...], dict[str, tuple[str, ...]]] = {}
    for alternative in alternatives:
        name = text(alternative, "targetname") or text(alternative, "target")
        reasons = nested(alternative, "rejected_by")
        needs = tuple(f"{text(each, 'code')} (needs {text(each, 'need')}" for each in reasons)
        by_need.setdefault(needs, {})[name] = tuple(text(each, "have") for each in reasons)
    for needs, had in by_need.items():
        yield f"{', '.join(had)}: {'; '.join(_reasons(needs, list(had.values())))}"


def _reasons(needs: Sequence[str], had: Sequence[Sequence[str]]) -> Iterator[str]:
    for place, need in enumerate(needs):
        have = {each[place] for each in had}
        yield f"{need}, has {have.pop()})" if len(have) == 1 else f"{need})"


def _phase(phase: Row) -> str:
    told = text(phase, "text")
    return f"{stopwatch(phase.get('elapsed_ms'))}  {text(phase, 'name')}{f': {told}' if told else ''}"


def _fact(facts: Json, key: str) -> str:
    return text(facts, key) if isinstance(facts, dict) else ""


def _told(label: str, lines: Iterable[str]) -> Iterator[str]:
    """A labelled paragraph; nothing if there is nothing to tell."""
    for line in filter(None, lines):
        yield f"  {label:>10}  {line}"
        label = ""
