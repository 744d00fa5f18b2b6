"""The settings of mainstay-controller: from the command line, MAINSTAY_CONTROLLER_* in the environment, or a TOML file.

What an operator tunes of the cloud's behaviour is not here but in the database (operations.settings)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mainstay_runtime.logs import LogFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class ControllerSettings:
    state_dir: Path = Path(
        "/var/lib/mainstay/controller"
    )  # our id, the master key if none is given, the database if it is SQLite
    database: str = ""  # empty: SQLite in state_dir; or postgresql+asyncpg://..., mysql+asyncmy://...
    master_key: str = ""  # opens what the database keeps sealed; all controllers of a cloud have the same
    master_key_file: Path | None = None  # where it is read from instead; neither: made in state_dir
    master_key_previous_file: Path | None = None  # opens what was sealed before the key was changed
    rotate_master_key: bool = False  # seal everything anew under the key, and end
    name: str = ""  # of this controller; empty: the machine's
    listen: str = "0.0.0.0"
    api_port: int = 8080
    agent_port: int = 8250  # sessions; enrolment on the next
    advertise: str = ""  # HOST:8250 where agents find this controller; empty: the machine's name and agent_port
    log_format: LogFormat = LogFormat.KEY_VALUE
    log_level: str = "INFO"
