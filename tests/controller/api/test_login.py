"""A session is as good as a key while its cookie and its key are both shown, and ends when they do not fit."""

from __future__ import annotations

from dataclasses import dataclass

from mainstay_controller.operations.beginning.first_admin import ADMIN_USER_ID
from tests.kit.api import Answered, ApiClient, an_api


@dataclass(frozen=True, slots=True)
class Browser:
    """Holds the cookies it was given, as aiohttp's session does, and shows the session key as a parameter."""

    api: ApiClient
    session_key: str

    async def call(self, command: str, **parameters: str) -> Answered:
        asked = {"command": command, "response": "json", "sessionkey": self.session_key, **parameters}
        return await self.api.raw(asked)


async def logged_in(api: ApiClient, **credentials: str) -> Browser:
    answer = await log_in(api, **credentials)
    assert answer.status == 200, answer.text
    return Browser(api, answer.body["sessionkey"])


async def log_in(api: ApiClient, method: str = "POST", **credentials: str) -> Answered:
    asked = {"command": "login", "response": "json", "username": "admin", "password": api.password, **credentials}
    return await api.raw(asked, method)


async def test_who_logged_in_may_call_until_he_logs_out() -> None:
    async with an_api() as api:
        browser = await logged_in(api)
        inside = await browser.call("listZones")
        left = await browser.call("logout")
        outside = await browser.call("listZones")

    assert inside.status == 200
    assert left.json == {"logoutresponse": {"description": "success"}}
    assert outside.status == 401


async def test_the_answer_is_flat_and_sets_both_cookies() -> None:
    async with an_api() as api:
        answer = await log_in(api)
        cookies = {cookie.key: cookie for cookie in api.http.cookie_jar}

    login = answer.json["loginresponse"]
    assert login["username"] == login["account"] == "admin"
    assert (login["type"], login["timeout"], login["is2faenabled"]) == ("1", 1800, "false")
    assert cookies["JSESSIONID"]["path"] == "/client"
    assert cookies["sessionkey"].value == login["sessionkey"]
    assert all(cookie["httponly"] and cookie["samesite"] == "Lax" for cookie in cookies.values())


async def test_a_cookie_without_the_right_key_ends_the_session() -> None:
    async with an_api() as api:
        browser = await logged_in(api)
        forged = await Browser(api, "another key").call("listZones")
        afterwards = await browser.call("listZones")

    assert (forged.status, afterwards.status) == (401, 401)


async def test_wrong_passwords_are_refused_like_unknown_users_and_lock_in_the_end() -> None:
    async with an_api() as api:
        unknown = await log_in(api, username="nobody")
        wrong = [await log_in(api, password="wrong") for _ in range(5)]
        right = await log_in(api)

    assert {answer.status for answer in (unknown, *wrong, right)} == {531}
    assert unknown.json["loginresponse"]["errortext"] == (
        "Failed to authenticate user nobody in domain /; please provide valid credentials"
    )
    assert "Failed to authenticate user admin" in wrong[0].body["errortext"]


async def test_an_administrator_opens_the_lock() -> None:
    async with an_api() as api:
        for _ in range(5):
            await log_in(api, password="wrong")
        admin = (await api.call("listUsers")).body
        assert "user" not in admin or admin["user"][0]["state"] == "locked"


async def test_a_password_in_a_url_is_not_taken() -> None:
    async with an_api() as api:
        answer = await log_in(api, method="GET")

    assert answer.status == 431
    assert "POST" in answer.body["errortext"]


async def test_logins_from_one_address_are_limited() -> None:
    async with an_api() as api:
        api.cloud.settings = api.cloud.settings.__class__(logins_per_minute_max=2)
        answers = [await log_in(api, username="nobody") for _ in range(3)]

    assert [answer.status for answer in answers] == [531, 531, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


async def test_the_questions_of_the_web_ui_after_a_login_are_answered_with_what_it_reads() -> None:
    """One refusal of the first five and CloudStack's UI shows its login page again."""
    async with an_api() as api:
        browser = await logged_in(api)
        asked = {
            "listUsers": {"id": ADMIN_USER_ID, "listall": "true"},
            "listZones": {},
            "listApis": {},
            "listCapabilities": {},
            "listLdapConfigurations": {},
            "cloudianIsEnabled": {},
            "listNetworkServiceProviders": {"name": "SecurityGroupProvider", "state": "Enabled"},
            "listNetworks": {"restartrequired": "true", "forvpc": "false"},
            "listProjects": {},
        }
        told = {command: await browser.call(command, **parameters) for command, parameters in asked.items()}

    assert {command: answer.status for command, answer in told.items() if answer.status != 200} == {}
    assert told["listUsers"].body["user"][0]["firstname"] == "Admin"
    assert told["listLdapConfigurations"].json == {"ldapconfigurationresponse": {}}
    assert told["cloudianIsEnabled"].body["cloudianisenabled"] == {"enabled": False}
    assert "capability" in told["listCapabilities"].body
