"""Log in and out: for people and the UI, who have passwords instead of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from mainstay_controller.api.answers import Cookie, Entered
from mainstay_controller.api.errors import BadParameter
from mainstay_controller.api.identify import SESSION_COOKIE, SESSION_KEY
from mainstay_controller.api.parameters import Length
from mainstay_controller.api.registry import entry
from mainstay_controller.api.untrusted import UntrustedCall
from mainstay_controller.domain.ids import DomainId
from mainstay_controller.domain.roles import ACCOUNT_TYPES, Role
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.tenancy import sign_in

CLIENT_PATH = "/client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    username: Annotated[str, "user name"]
    password: Annotated[str, "password", Length(512)]
    domain: Annotated[str, "path of the domain the user belongs to; without one the ROOT domain", Length(1024)] = "/"
    domain_id: Annotated[DomainId | None, "ID of the domain, instead of its path"] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Logout:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginView:
    username: str
    user_id: str
    domain_id: str
    timeout: int
    account: str
    first_name: str
    last_name: str
    type: str
    timezone: str | None
    registered: str
    session_key: str
    is2fa_enabled: str
    is2fa_verified: str
    management_server_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LogoutView:
    description: str = "success"


@entry("login", is_counted=True)
async def login(request: Login, call: UntrustedCall, cloud: Cloud) -> Entered[LoginView]:
    """Logs a user in with a password, by POST."""
    if call.method != "POST":
        raise BadParameter("login is sent by POST, so that no password stands in a log")
    path = await _path_of(request.domain_id, cloud) if request.domain_id else request.domain
    into = await sign_in.sign_in(request.username, request.password, path, call.remote, cloud)
    secure = cloud.settings.secure_session_cookie
    return Entered(
        view=LoginView(
            username=into.user.username,
            user_id=into.user.id,
            domain_id=into.domain.id,
            timeout=int(cloud.settings.session_timeout_seconds),
            account=into.account.name,
            first_name=into.user.first_name,
            last_name=into.user.last_name,
            type=str(ACCOUNT_TYPES[Role(into.account.role)]),
            timezone=into.user.timezone or None,
            registered="false",
            session_key=into.session_key,
            is2fa_enabled="false",
            is2fa_verified="false",
            management_server_id=cloud.me.id,
        ),
        cookies=(
            Cookie(name=SESSION_COOKIE, value=into.cookie, path=CLIENT_PATH, secure=secure),
            Cookie(name=SESSION_KEY, value=into.session_key, secure=secure),
        ),
    )


@entry("logout", is_counted=False)
async def logout(request: Logout, call: UntrustedCall, cloud: Cloud) -> Entered[LogoutView]:
    """Logs the user out: the session ends."""
    cookie = call.cookies.get(SESSION_COOKIE)
    if cookie:
        await sign_in.sign_out(cookie, cloud)
    return Entered(
        view=LogoutView(),
        cookies=(
            Cookie(name=SESSION_COOKIE, value="", path=CLIENT_PATH, max_age_seconds=0),
            Cookie(name=SESSION_KEY, value="", max_age_seconds=0),
        ),
    )


async def _path_of(domain_id: DomainId, cloud: Cloud) -> str:
    domain = await cloud.store.domains.get(domain_id)
    return domain.path if domain else domain_id


COMMANDS = (login, logout)
