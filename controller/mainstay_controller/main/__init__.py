"""`mainstay-controller`: the composition root, the one place that knows every room.

SIGTERM and SIGINT end it; guests and agents go on without it."""

from __future__ import annotations

import argparse
import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from platform import node

from mainstay_controller.domain.ids import ControllerId
from mainstay_controller.main import assembly
from mainstay_controller.main.http import IntegrationPort, serving_http
from mainstay_controller.main.settings import ControllerSettings
from mainstay_controller.operations.beginning.default_offerings import complete_default_offerings
from mainstay_controller.operations.beginning.first_admin import create_first_admin
from mainstay_controller.operations.beginning.shared_authority import shared_authority
from mainstay_controller.operations.change_master_key import change_master_key
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.hosts.enrolment_book import RowBook
from mainstay_controller.operations.master_key import MasterKey
from mainstay_controller.operations.membership import Superseded, join, leave, look_for_peers
from mainstay_controller.operations.tenancy.passwords import hashed
from mainstay_controller.operations.tune import settings_kept
from mainstay_controller.rpc.authority import Authority, new_ca
from mainstay_controller.rpc.peers import GrpcRelay
from mainstay_controller.rpc.server import serving
from mainstay_controller.store.sql.engine import open_store
from mainstay_runtime import logs, settings
from mainstay_runtime.clock import Clock, Rng, SystemClock, SystemRng
from mainstay_runtime.errors import MainstayError
from mainstay_runtime.identity import write_secret
from mainstay_runtime.tasks import background

PREFIX = "MAINSTAY_CONTROLLER_"
EPILOG = f"Every setting can also be given as {PREFIX}NAME in the environment, or by its name in the TOML file."

log = logs.logger(__name__)

OPTIONS = {
    "state_dir": "where our id, a master key and an SQLite database are kept",
    "database": "an SQLAlchemy URL; SQLite in the state directory if it is not given",
    "master_key_file": "the secret that all controllers of a cloud share; made in the state directory if it is not given",
    "master_key_previous_file": "the secret they shared before, until --rotate-master-key has sealed everything anew",
    "name": "of this controller",
    "listen": "the address of our ports",
    "api_port": "HTTP for clients (8080)",
    "agent_port": "gRPC for agents (8250); enrolment is on the next",
    "advertise": "HOST:PORT where agents find this controller",
    "log_format": "key-value or json",
    "log_level": "DEBUG, INFO, WARNING or ERROR",
}


def main() -> None:
    try:
        chosen = read_settings(sys.argv[1:])
        logs.configure(chosen.log_format, chosen.log_level)
        asyncio.run(rotate_master_key(chosen) if chosen.rotate_master_key else run(chosen))
    except MainstayError as error:
        sys.exit(f"mainstay-controller: {error}")


def read_settings(arguments: list[str]) -> ControllerSettings:
    parser = argparse.ArgumentParser("mainstay-controller", description="The Mainstay controller.", epilog=EPILOG)
    parser.add_argument("--config", type=Path, help="a TOML file")
    for name, what in OPTIONS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, help=what)
    parser.add_argument(
        "--rotate-master-key",
        action="store_true",
        default=None,
        help="seal everything anew under the master key, and end; what the previous one sealed is opened with that",
    )
    given = vars(parser.parse_args(arguments))
    return settings.load(ControllerSettings, prefix=PREFIX, file=given.pop("config"), given=given)


async def run(chosen: ControllerSettings) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for sign in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(sign, stop.set)
    while not stop.is_set():
        try:
            async with running(chosen, SystemClock(), SystemRng()):
                await stop.wait()
        except Superseded as error:
            log.warning("others took over from us; a new life begins", why=str(error))


@asynccontextmanager
async def running(chosen: ControllerSettings, clock: Clock, rng: Rng) -> AsyncIterator[Cloud]:
    """The whole controller, while the block runs."""
    collect_garbage_rarely()
    chosen.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = master_key(chosen, rng)
    store = await open_store(database_of(chosen))
    async with AsyncExitStack() as lines:
        lines.push_async_callback(store.close)
        ca = await shared_authority(store, key, partial(new_ca, clock), rng)
        authority = Authority(ca=ca, clock=clock, rng=rng)
        tuned = await settings_kept(store, key)
        name = chosen.name or node()
        address = chosen.advertise or f"{node()}:{chosen.agent_port}"
        me = await join(store, own_id(chosen.state_dir, rng), name, address, tuned.controller_lease_seconds)
        power = assembly.power_controllers()
        cloud = assembly.a_cloud(store, me, tuned, clock=clock, rng=rng, power=power, ca_pem=authority.ca.ca_pem)
        cloud.master_key = key
        cloud.fleet.hear_through(GrpcRelay(authority, me.id, lines), partial(look_for_peers, cloud))
        await show_first_admin(cloud, chosen.state_dir)
        await complete_default_offerings(store)
        await assembly.open_to_agents(cloud)
        doors = assembly.doors(cloud, authority, RowBook(store))
        async with (
            background(*assembly.loops(cloud), IntegrationPort(cloud, chosen.listen).keep),
            serving(doors, host=chosen.listen, port=chosen.agent_port),
            serving_http(assembly.api(cloud), chosen.listen, chosen.api_port),
        ):
            log.info("controller runs", controller=me.id, life=me.epoch, api=chosen.api_port, agents=chosen.agent_port)
            yield cloud
        await leave(cloud)


GARBAGE_THRESHOLDS = (20_000, 20, 50)


def collect_garbage_rarely() -> None:
    """Nearly everything here dies by its reference count; looking for circles among the objects of ten thousand sessions, or of a wave of
    restarts, at Python's own pace took a fifth of all CPU time.  What has been loaded by now lives for ever and is not looked at."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def own_id(state_dir: Path, rng: Rng) -> ControllerId:
    """Made at the first start, and kept: what an earlier life of ours claimed is ours to take up."""
    file = state_dir / "controller-id"
    if not file.exists():
        write_secret(file, rng.uuid().encode())
    return ControllerId(file.read_text().strip())


async def rotate_master_key(chosen: ControllerSettings) -> None:
    """May be broken off and run again, beside controllers that know both keys."""
    rng = SystemRng()
    key = master_key(chosen, rng)
    store = await open_store(database_of(chosen))
    try:
        done = await change_master_key(store, key, rng)
    finally:
        await store.close()
    log.info("everything is sealed under the master key", secrets=done.found, sealed_anew=done.changed)


def database_of(chosen: ControllerSettings) -> str:
    return chosen.database or f"sqlite+aiosqlite:///{chosen.state_dir / 'mainstay.db'}"


def master_key(chosen: ControllerSettings, rng: Rng) -> MasterKey:
    """With the previous one beside it, while the key is being changed."""
    key = newest_master_key(chosen, rng)
    if chosen.master_key_previous_file is None:
        return key
    return replace(key, previous=MasterKey.in_file(chosen.master_key_previous_file).key)


def newest_master_key(chosen: ControllerSettings, rng: Rng) -> MasterKey:
    if chosen.master_key:
        return MasterKey.from_text(chosen.master_key)
    if chosen.master_key_file is not None:
        return MasterKey.in_file(chosen.master_key_file)
    return MasterKey.kept_in(chosen.state_dir / "master-key", rng)


async def show_first_admin(cloud: Cloud, state_dir: Path) -> None:
    """Once, on an empty database, in a file that only its owner can read; take the keys and delete it."""
    admin = await create_first_admin(cloud, hashed)
    if admin is None:
        return
    file, keys = state_dir / "first-admin", admin.keys
    told = f"username={admin.username}\npassword={admin.password}\napikey={keys.api_key}\nsecretkey={keys.secret_key}\n"
    write_secret(file, told.encode())
    log.info("first administrator was made; take what is in the file and delete it", file=str(file))
