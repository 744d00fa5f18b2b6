"""The HTTP ports: the one for clients, and the integration port, which trusts whoever reaches it.

The integration port is shut unless integration.api.port says otherwise, and opens and shuts as that is changed.  It listens on the
loopback, unless mainstay.integration.api.open forces it to listen where the other ports do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from mainstay_controller.api.server import ApiServer
from mainstay_controller.main import assembly
from mainstay_controller.operations.cloud import Cloud
from mainstay_runtime.logs import logger

CLOSES_SECONDS = 2.0
LOOK_SECONDS = 1.0
LOOPBACK = "127.0.0.1"
LINE_BYTES_MAX = 64 * 1024
"""Of a request line, which carries all parameters of a GET; what is longer goes by POST."""

log = logger(__name__)


@asynccontextmanager
async def serving_http(api: ApiServer, host: str, port: int) -> AsyncIterator[None]:
    runner = web.AppRunner(
        api.application(), access_log=None, shutdown_timeout=CLOSES_SECONDS, max_line_size=LINE_BYTES_MAX
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield
    finally:
        await runner.cleanup()


@dataclass(frozen=True, slots=True)
class IntegrationPort:
    """`everywhere`: where the other ports of this controller listen."""

    cloud: Cloud
    everywhere: str

    async def keep(self) -> None:
        """For ever, as the settings say."""
        while True:
            wanted = self._wanted()
            async with AsyncExitStack() as stack:
                if wanted[1]:
                    await self._open(stack, *wanted)
                while self._wanted() == wanted:
                    await self.cloud.clock.sleep(LOOK_SECONDS)

    async def _open(self, stack: AsyncExitStack, host: str, port: int) -> None:
        try:
            await stack.enter_async_context(serving_http(assembly.trusting_api(self.cloud), host, port))
            log.warning("integration port is open: whoever reaches it is the administrator", host=host, port=port)
        except OSError as error:
            log.error("integration port cannot be opened", host=host, port=port, error=str(error))

    def _wanted(self) -> tuple[str, int]:
        settings = self.cloud.settings
        return (self.everywhere if settings.integration_port_is_open else LOOPBACK), settings.integration_port
