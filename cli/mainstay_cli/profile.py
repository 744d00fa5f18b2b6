"""Which controller, and as whom: from the environment, or from a profile in `~/.config/mainstay/profiles.ini`.

A profile is a section with `url`, `apikey` and `secretkey`.  The environment (MAINSTAY_URL, MAINSTAY_API_KEY, MAINSTAY_SECRET_KEY) wins over the file."""

from __future__ import annotations

import configparser
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mainstay_runtime.errors import BadInput

DEFAULT_NAME = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    url: str
    api_key: str
    secret_key: str


def profiles_path(environment: Mapping[str, str]) -> Path:
    home = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return home / "mainstay" / "profiles.ini"


def read_profile(name: str | None, environment: Mapping[str, str] = os.environ) -> Profile:
    """Raises BadInput, saying what to do."""
    kept = _parser(profiles_path(environment))
    wanted = name or environment.get("MAINSTAY_PROFILE") or _usual_name(kept)
    written = kept[wanted] if kept.has_section(wanted) else {}
    values = {
        "url": environment.get("MAINSTAY_URL") or written.get("url", ""),
        "apikey": environment.get("MAINSTAY_API_KEY") or written.get("apikey", ""),
        "secretkey": environment.get("MAINSTAY_SECRET_KEY") or written.get("secretkey", ""),
    }
    absent = [key for key, value in values.items() if not value]
    if absent:
        raise BadInput(
            f"profile {wanted} has no {' and no '.join(absent)}: write it to {profiles_path(environment)},"
            " or set MAINSTAY_URL, MAINSTAY_API_KEY and MAINSTAY_SECRET_KEY"
        )
    return Profile(url=_endpoint(values["url"]), api_key=values["apikey"], secret_key=values["secretkey"])


def write_profile(name: str, profile: Profile, environment: Mapping[str, str] = os.environ) -> Path:
    """Keep a profile for later calls; the file is its owner's alone."""
    path = profiles_path(environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    parser = _parser(path)
    parser[name] = {"url": profile.url, "apikey": profile.api_key, "secretkey": profile.secret_key}
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        parser.write(file)
    return path


def _usual_name(kept: configparser.ConfigParser) -> str:
    """`default`; or the only one there is."""
    names = kept.sections()
    return names[0] if len(names) == 1 else DEFAULT_NAME


def _parser(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path)
    except configparser.Error as error:
        raise BadInput(f"{path} cannot be read: {error}") from error
    return parser


def _endpoint(url: str) -> str:
    return url if url.endswith("/client/api") else url.rstrip("/") + "/client/api"
