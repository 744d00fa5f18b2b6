"""What a story waits for and looks at: the words of guests on their tapes, what the controller says, and what it decided.

Deadlines here only end a story that hangs; what must hold in time is said in promises.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from mainstay_cli.client import Json, Row, nested, text
from mainstay_cli.lab.cloud import Guest, LabCloud
from mainstay_cli.lab.guests import emulators_of, runs_guest
from mainstay_cli.lab.host import LabHost
from mainstay_cli.lab.tapes import Record, last_record, read_tape
from mainstay_cli.lab.waiting import until
from mainstay_runtime.tasks import all_of

WORD_DEADLINE_SECONDS = 120.0
DEADLINE_SECONDS = 120.0


# --- tapes ------------------------------------------------------------------------------------------------------------


def last_word(guest: Guest) -> Record:
    record = last_record(guest.tape)
    assert record is not None, f"{guest.name} has not written anything"
    return record


async def writes(guest: Guest, *, after: Record | None = None) -> Record:
    """Its next word."""
    return await _word_of(guest, lambda word: after is None or word.position > after.position, "writes")


async def boots_again(guest: Guest, *, after: Record) -> Record:
    """The first words of another boot than the one that wrote `after`."""
    return await _word_of(guest, lambda word: word.boot != after.boot, "boots again")


async def _word_of(guest: Guest, is_it: Callable[[Record], bool], what: str) -> Record:
    async def is_there() -> bool:
        word = last_record(guest.tape)
        return word is not None and is_it(word)

    await until(is_there, f"{guest.name} {what}", WORD_DEADLINE_SECONDS)
    return last_word(guest)


def boots_on(guest: Guest) -> list[int]:
    """All that ever wrote, in order."""
    return list(dict.fromkeys(entry.boot for entry in read_tape(guest.tape) if isinstance(entry, Record)))


# --- the controller's word --------------------------------------------------------------------------------------------


async def deployed(*wishes: Awaitable[Guest]) -> list[tuple[Guest, Record]]:
    """All together, each with its first word."""

    async def deploy(wish: Awaitable[Guest]) -> tuple[Guest, Record]:
        guest = await wish
        return guest, await writes(guest)

    return await all_of(*(deploy(wish) for wish in wishes))


async def runs(cloud: LabCloud, guest: Guest, *, on: LabHost | None = None, not_on: LabHost | None = None) -> LabHost:
    async def does() -> bool:
        vm = await cloud.vm(guest)
        host = text(vm, "hostname")
        where_wanted = (on is None or host == on.name) and (not_on is None or host != not_on.name)
        return text(vm, "state") == "Running" and where_wanted

    await until(does, f"{guest.name} is Running where it should be", DEADLINE_SECONDS)
    return await cloud.host_of(guest)


async def runs_nowhere_on(host: LabHost, guest: Guest) -> None:
    async def is_gone() -> bool:
        return not any(runs_guest(emulator, guest.id) for emulator in await emulators_of(host))

    await until(is_gone, f"{host.name} is without {guest.name}", DEADLINE_SECONDS)


async def emulators_with(cloud: LabCloud, guest: Guest) -> list[LabHost]:
    """Where one of it is, running or paused."""
    return [
        host for host in cloud.lab.hosts if any(runs_guest(emulator, guest.id) for emulator in await emulators_of(host))
    ]


async def is_stopped(cloud: LabCloud, guest: Guest) -> Row:
    async def does() -> bool:
        return text(await cloud.vm(guest), "state") == "Stopped"

    await until(does, f"{guest.name} is Stopped", DEADLINE_SECONDS)
    return await cloud.vm(guest)


async def host_is(cloud: LabCloud, host: LabHost, state: str) -> None:
    async def does() -> bool:
        rows = await cloud.client.rows("listHosts", {"id": cloud.ids.hosts[host.name]})
        return text(rows[0], "state") == state

    await until(does, f"{host.name} is {state}", DEADLINE_SECONDS)


# --- decisions --------------------------------------------------------------------------------------------------------


async def decided(cloud: LabCloud, guest: Guest, *, rule: str) -> Row:
    """The newest decision about it, once it is closed; it must have been made by that rule."""

    async def is_closed() -> bool:
        decisions = await cloud.decisions(guest)
        return bool(decisions) and decisions[0].get("closed") is not None

    await until(is_closed, f"the decision about {guest.name} is closed", DEADLINE_SECONDS)
    decision, *_ = await cloud.decisions(guest)
    assert decision["rule"] == rule, decision
    return decision


def proof_of(decision: Row) -> Row:
    proof = decision.get("proof")
    assert isinstance(proof, dict)
    return proof


def witnesses_of(decision: Row) -> list[Json]:
    witnesses = proof_of(decision)["witnesses"]
    assert isinstance(witnesses, list)
    return witnesses


def phase(decision: Row, name: str) -> Row:
    """The last of that name."""
    found = [each for each in nested(decision, "phases") if each["name"] == name]
    assert found, f"no phase {name} in {decision}"
    return found[-1]
