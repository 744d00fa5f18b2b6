"""What a story tells: what happened to machines and guests in truth, and what the cloud made of it, in lines for whoever is on call.

Every line has a subject.  It is told in the moment in which it became true: a row, when its change was committed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from mainstay_agent.drivers.simulated.copies import Copy
from mainstay_controller.domain.alerts import Letter
from mainstay_controller.domain.records import Alert, Controller, Decision, Event, Host, Incident, Job, Json, Vm
from mainstay_controller.domain.states import DecisionOutcome, JobState, VmState
from mainstay_controller.operations.settings import Settings
from mainstay_proto.messages import GuestState, StopCause
from tests.kit.simulation.loop import sim_loop

if TYPE_CHECKING:
    from tests.kit.scenario.cloud import StoryCloud
    from tests.kit.simulation.world import HarshHost


class Kind(StrEnum):
    """The first word of a subject."""

    SCRIPT = "***"  # what the script does
    MACHINE = "machine"
    GUEST = "guest"  # in truth, on whichever machine
    HOST = "host"  # as the cloud sees it
    VM = "vm"  # as the cloud sees it
    INCIDENT = "incident"
    DECISION = "decision"
    ALERT = "alert"
    EVENT = "event"
    JOB = "job"
    LETTER = "letter"
    CONTROLLER = "controller"
    USER = "user"  # who is told no
    ERROR = "error"  # nobody foresaw it
    FINALLY = "finally"


USUAL = frozenset(Kind) - {Kind.VM, Kind.EVENT}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
WRITTEN_AT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC")
WARNINGS = ("WARN", "ERROR")
ENDS = {
    StopCause.CRASHED: "crashed",
    StopCause.VANISHED: "vanished",
    StopCause.GUEST_SHUTDOWN: "shut itself down",
    StopCause.MIGRATED: "moved",
    StopCause.OUTSIDER: "was destroyed by an outsider",
}


@dataclass(frozen=True, slots=True)
class Line:
    """`at` counts from the beginning of the story."""

    at: float
    subject: str
    text: str


@dataclass(slots=True)
class Telling:
    cloud: StoryCloud
    lines: list[Line] = field(default_factory=list)
    _kinds: frozenset[Kind] = USUAL
    _zero: float | None = None
    _names: dict[str, str] = field(default_factory=dict)
    _boots: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _known: dict[str, dict[str, object]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        world, watch = self.cloud.world, self.cloud.watch
        if self.cloud.spec.tell:
            self._kinds = frozenset(Kind(kind) for kind in self.cloud.spec.tell) | {Kind.SCRIPT, Kind.FINALLY}

        def power(who: str, what: str) -> None:
            self._name_boot(who)
            self.cloud.story.tell(who, what)
            self.tell(Kind.MACHINE, who, what)

        def copy(host: HarshHost, copy: Copy) -> None:
            watch.copy_changed(host, copy)
            self._copy(host, copy)

        def end(host: HarshHost, copy: Copy, cause: StopCause, detail: str) -> None:
            watch.copy_ended(host, copy, cause, detail)
            self._copy_ended(host, copy, cause, detail)

        world.tell, world.on_copy, world.on_end = power, copy, end

    def begin(self) -> None:
        """From now on things are told, and this moment is zero."""
        self._zero = sim_loop().time()

    def _name_boot(self, machine: str) -> None:
        self._boots[machine].setdefault(self.cloud.host(machine).boot_id, len(self._boots[machine]) + 1)
        self._names |= {boot_id: f"boot {number}" for boot_id, number in self._boots[machine].items()}

    def tell(self, kind: Kind, who: str, what: str) -> None:
        if self._zero is not None and kind in self._kinds:
            named = UUID.sub(lambda match: self._names.get(match[0], "<id>"), what)
            subject = f"{kind} {self._names.get(who, who)}".rstrip()
            self.lines.append(Line(sim_loop().time() - self._zero, subject, " ".join(named.split())))

    def hear(self, who: str, what: str, error: BaseException | None) -> None:
        """What processes log: only what nobody foresaw is told."""
        self.cloud.story.hear(who, what, error)
        if error is not None:
            self.tell(Kind.ERROR, who, f"{what}: {error!r}")

    async def letter(self, letter: Letter, _now: datetime, _settings: Settings) -> None:
        """mail_alerts.Send."""
        self.tell(Kind.LETTER, "", letter.subject)
        for line in letter.text.splitlines():
            self.tell(Kind.LETTER, "", "| " + WRITTEN_AT.sub("", line).strip())

    # --- copies -------------------------------------------------------------------------------------------------------

    def _copy(self, host: HarshHost, copy: Copy) -> None:
        where, epoch = host.host_id, copy.spec.epoch
        if copy.state is GuestState.PAUSED:
            self.tell(
                Kind.GUEST, copy.spec.vm_id, f"is paused on {where}" + (": its disk fails" if copy.io_failed else "")
            )
        elif copy.state is GuestState.RUNNING and copy.executes:
            self.tell(Kind.GUEST, copy.spec.vm_id, f"runs on {where}, epoch {epoch}")

    def _copy_ended(self, host: HarshHost, copy: Copy, cause: StopCause, detail: str) -> None:
        if not copy.incoming:
            why = detail or ENDS.get(cause, cause.value)
            self.tell(Kind.GUEST, copy.spec.vm_id, f"is gone from {host.host_id}: {why}")

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows_changed(self) -> None:
        tables = self.cloud.database.rows.tables
        for name, told in TOLD.items():
            known = self._known.setdefault(name, {})
            for id, row in tables[name].items():
                before = known.get(id)
                if row is not before:
                    known[id] = row
                    told(self, before, row)

    def _vm(self, before: Vm | None, vm: Vm) -> None:
        self._names[vm.id] = vm.name
        if before is not None and (before.state, before.host_id) != (vm.state, vm.host_id):
            self.tell(Kind.VM, vm.id, f"{before.state} -> {vm.state}" + (f" on {vm.host_id}" if vm.host_id else ""))

    def _host(self, before: Host | None, host: Host) -> None:
        if before is not None and before.state is not host.state:
            self.tell(Kind.HOST, host.id, f"{before.state} -> {host.state}")
        if before is not None and before.resource_state is not host.resource_state:
            self.tell(Kind.HOST, host.id, f"{before.resource_state} -> {host.resource_state}")

    def _incident(self, before: Incident | None, incident: Incident) -> None:
        about = str(incident.vm_id or incident.host_id)
        if before is not None and before.owner_id != incident.owner_id:
            self.tell(Kind.INCIDENT, about, f"taken up by {incident.owner_id}")
        new = incident.timeline[len(before.timeline) if before else 0 :]
        texts = [str(entry["text"]) for entry in new]
        if before is None or before.phase is not incident.phase:
            last = f"-> {incident.phase}" + (f": {texts.pop()}" if texts else "")
            texts.append(last)
        for text in texts:
            self.tell(Kind.INCIDENT, about, text)

    def _decision(self, before: Decision | None, decision: Decision) -> None:
        if before is None or before.decision != decision.decision:
            self.tell(Kind.DECISION, decision.vm_id, f"{decision.decision} ({decision.rule})")
        for phase in decision.phases[len(before.phases) if before else 0 :]:
            self.tell(Kind.DECISION, decision.vm_id, f"{phase['name']}: {phase['text']}")
        if before is not None and before.outcome is not decision.outcome:
            if decision.outcome is DecisionOutcome.WAITING_FOR_CAPACITY:
                for rejected in decision.alternatives:
                    self.tell(Kind.DECISION, decision.vm_id, f"not on {rejection_in_words(rejected)}")
            self.tell(Kind.DECISION, decision.vm_id, f"-> {decision.outcome}")

    def _alert(self, before: Alert | None, alert: Alert) -> None:
        about = alert.dedupe_key or alert.name
        if before is None or (before.subject, before.state) != (alert.subject, alert.state):
            self.tell(Kind.ALERT, about, f"{alert.state}: {alert.subject}")

    def _event(self, before: Event | None, event: Event) -> None:
        if before is None and event.level in WARNINGS:
            self.tell(Kind.EVENT, event.resource_id, f"{event.level} {event.type}: {event.description}")

    def _job(self, before: Job | None, job: Job) -> None:
        if before is None or before.state is not job.state:
            ended = job.state is not JobState.PENDING
            self.tell(
                Kind.JOB, job.instance_id, f"{job.command}: {job.state if ended else 'asked for'}{why_failed(job)}"
            )

    def _controller(self, before: Controller | None, row: Controller) -> None:
        if before is None or (before.state, before.epoch) != (row.state, row.epoch):
            self.tell(Kind.CONTROLLER, row.id, f"{row.state}, life {row.epoch}")

    # --- the end ------------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        tables = self.cloud.database.rows.tables
        hosts = {host.id: f"{host.state}" for host in tables["hosts"].values() if host.removed is None}
        self.tell(Kind.FINALLY, "hosts", in_groups(hosts))
        for vm in tables["vms"].values():
            where = f" on {vm.host_id}" if vm.host_id and vm.state is VmState.RUNNING else ""
            self.tell(Kind.FINALLY, vm.id, f"{vm.state}{where}, epoch {vm.epoch}")
        for wrong in self.cloud.watch.what_is_wrong():
            if wrong.split()[0] not in hosts:
                self.tell(Kind.FINALLY, "open", wrong)
        for alert in tables["alerts"].values():
            if alert.state == "Open":
                self.tell(Kind.FINALLY, "open", f"alert: {alert.subject}")


TOLD: Mapping[str, Callable[..., None]] = {
    "vms": Telling._vm,
    "hosts": Telling._host,
    "controllers": Telling._controller,
    "alerts": Telling._alert,
    "incidents": Telling._incident,
    "decisions": Telling._decision,
    "jobs": Telling._job,
    "events": Telling._event,
}


def rejection_in_words(rejected: Mapping[str, Json]) -> str:
    why = cast(Iterable[Mapping[str, str]], rejected["rejected_by"])
    return f"{rejected['target_name']}: " + "; ".join(
        f"{by['code']}: need {by['need']}, have {by['have']}" for by in why
    )


def why_failed(job: Job) -> str:
    told = job.result.get("errortext", "") if job.state is JobState.FAILED else ""
    return f": {told}" if told else ""


def in_groups(states: Mapping[str, str]) -> str:
    """h1 Down; h2, h3 Up."""
    return "; ".join(
        f"{', '.join(name for name in sorted(states) if states[name] == state)} {state}"
        for state in sorted(set(states.values()))
    )
