"""Is a controller in reach, and how often does it want to hear from us?"""

from __future__ import annotations

import asyncio

from mainstay_proto.messages import Welcome


class Session:
    def __init__(self) -> None:
        self.is_open = asyncio.Event()
        self.beat_seconds = 1.0

    def opened(self, welcome: Welcome) -> None:
        self.beat_seconds = welcome.ping_interval_seconds
        self.is_open.set()

    def lost(self) -> None:
        self.is_open.clear()
