"""A guest's screen is shown to the controller that asks: a line is dialled to it, and both sides' bytes go back and forth.

The promise: a line ends with its screen, with its viewer, or with this agent, and takes no more memory than a few pieces; so many are open at most.
Nothing of what is said is looked at, kept or logged."""

from __future__ import annotations

import asyncio

from mainstay_agent.driver import DONE, Outcome, Screen, failed, refused
from mainstay_agent.duties.answers import NOT_SUPPORTED, Deadline
from mainstay_agent.duties.charge import Charge
from mainstay_agent.duties.ports import ScreenLines
from mainstay_agent.duties.view import is_there
from mainstay_proto.messages import ShowScreen
from mainstay_proto.screens import PIECE_BYTES_MAX, ScreenPiece
from mainstay_runtime.errors import MainstayError, Unavailable
from mainstay_runtime.logs import logger
from mainstay_runtime.session import SEND_SECONDS, Stream
from mainstay_runtime.tasks import background

NOT_RUNNING = refused("not-running", "the guest does not run here under that epoch")

Line = Stream[ScreenPiece, ScreenPiece]

log = logger(__name__)


async def show_screen(charge: Charge, order: ShowScreen, deadline: Deadline) -> Outcome:
    """DONE once the line is open."""
    screens, lines = charge.hypervisor.screens, charge.screen_lines
    if screens is None or lines is None:
        return NOT_SUPPORTED
    if not _runs(charge, order):
        return NOT_RUNNING
    if charge.screens_shown >= charge.settings.screens_max:
        return refused("too-many-screens", f"{charge.screens_shown} screens of this host are being looked at")
    screen = await screens.open_screen(charge.host_id, order.vm_id, deadline.remaining_seconds())
    if isinstance(screen, Outcome):
        return screen
    opened: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    charge.tasks.adopt(_show(charge, order, screen, lines, opened), f"screen of {order.vm_id}")
    return await opened


def _runs(charge: Charge, order: ShowScreen) -> bool:
    seen = charge.view.of(order.vm_id)
    return seen is not None and is_there(seen) and seen.epoch == order.epoch


async def _show(
    charge: Charge, order: ShowScreen, screen: Screen, lines: ScreenLines, opened: asyncio.Future[Outcome]
) -> None:
    charge.screens_shown += 1
    try:
        async with lines.connect(order.address) as line:
            await line.send(ScreenPiece(word=order.word))
            opened.set_result(DONE)
            await _carry(screen, line)
    except (MainstayError, TimeoutError) as lost:
        log.info("a screen is shown no more", vm=order.vm_id, why=str(lost))
    finally:
        charge.screens_shown -= 1
        if not opened.done():
            opened.set_result(failed("no-line", f"the controller at {order.address} could not be dialled"))
        await screen.close()


async def _carry(screen: Screen, line: Line) -> None:
    """Until either side ends."""

    async def to_the_guest() -> None:
        while True:
            piece = await line.receive()
            async with asyncio.timeout(SEND_SECONDS):
                await screen.write(piece.data)

    async with background(to_the_guest):
        while data := await screen.read():
            for start in range(0, len(data), PIECE_BYTES_MAX):
                async with asyncio.timeout(SEND_SECONDS):
                    await line.send(ScreenPiece(data=data[start : start + PIECE_BYTES_MAX]))
    raise Unavailable("the guest's screen is gone")
