"""The first administrator of an empty cloud: the ROOT domain, the default roles, the account `admin` with a random password and key pair, shown once.

There is no default password and no known key.  Two controllers that start on one empty database make one administrator: the ids are
fixed, so that the slower one meets a conflict and has nothing to show."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mainstay_controller.domain.ids import AccountId, DomainId, UserId
from mainstay_controller.domain.records import Account, DomainRecord, RoleRecord, User
from mainstay_controller.domain.roles import DEFAULT_ROLES, Role
from mainstay_controller.operations.beginning.default_offerings import add_default_offerings
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.secrets import name_of_api_secret, sealed
from mainstay_controller.store.port import Conflict
from mainstay_runtime.clock import Rng

ROOT_DOMAIN_ID = DomainId("00000000-0000-4000-8000-000000000001")
ADMIN_ACCOUNT_ID = AccountId("00000000-0000-4000-8000-000000000002")
ADMIN_USER_ID = UserId("00000000-0000-4000-8000-000000000003")
KEY_BYTES = 64
PASSWORD_LENGTH = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    api_key: str
    secret_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAdmin:
    """All that lets the first administrator in; shown once."""

    username: str
    password: str
    keys: KeyPair


def fresh_key_pair(rng: Rng) -> KeyPair:
    """Two times 86 characters, as CloudStack's."""
    return KeyPair(api_key=_random_text(rng), secret_key=_random_text(rng))


async def create_first_admin(
    cloud: Cloud, hash_password: Callable[[str], Awaitable[str]] | None = None
) -> FirstAdmin | None:
    """The administrator, if this call made one; without a way to hash one, he has no password."""
    if await cloud.store.users.get(ADMIN_USER_ID) is not None:
        return None
    password = _random_text(cloud.rng)[:PASSWORD_LENGTH] if hash_password else ""
    admin = FirstAdmin(username="admin", password=password, keys=fresh_key_pair(cloud.rng))
    try:
        await _write(admin, await hash_password(password) if hash_password else "", cloud)
    except Conflict:
        return None
    return admin


async def _write(admin: FirstAdmin, password_hash: str, cloud: Cloud) -> None:
    now = cloud.clock.now()
    async with cloud.store.transaction() as store:
        await store.domains.add(DomainRecord(id=ROOT_DOMAIN_ID, name="ROOT", path="/", created=now))
        await store.roles.add_all(
            [
                RoleRecord(id=role_id, name=name, type=role, is_default=True, created=now)
                for role, (role_id, name) in DEFAULT_ROLES.items()
            ]
        )
        await add_default_offerings(store, now)
        await store.accounts.add(
            Account(
                id=ADMIN_ACCOUNT_ID,
                name="admin",
                domain_id=ROOT_DOMAIN_ID,
                role=Role.ROOT_ADMIN,
                role_id=DEFAULT_ROLES[Role.ROOT_ADMIN][0],
                created=now,
            )
        )
        await store.users.add(
            User(
                id=ADMIN_USER_ID,
                account_id=ADMIN_ACCOUNT_ID,
                domain_id=ROOT_DOMAIN_ID,
                username=admin.username,
                password_hash=password_hash,
                first_name="Admin",
                last_name="User",
                created=now,
                api_key=admin.keys.api_key,
                secret_key=sealed(name_of_api_secret(ADMIN_USER_ID), admin.keys.secret_key, cloud),
            )
        )


def _random_text(rng: Rng) -> str:
    return urlsafe_b64encode(rng.token(KEY_BYTES)).decode().rstrip("=")
