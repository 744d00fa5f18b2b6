"""Settings of a process: one frozen dataclass, read once in main.

The promise: what is given outright (the command line) beats the environment, which beats the TOML file, which beats the default; a name in
the file that is no setting, and a value that does not fit, are BadInput which names the setting and the reason.
In the environment a tuple of strings is written with commas: MAINSTAY_AGENT_CONTROLLERS=a:8250,b:8250."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

from pydantic import BeforeValidator, ValidationError, create_model
from pydantic import Field as Described
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from mainstay_runtime.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


def load(shape: type[T], *, prefix: str, file: Path | None = None, given: Mapping[str, object] | None = None) -> T:
    """`prefix` begins the names in the environment: `MAINSTAY_AGENT_`.  Of what is given, None counts as not given."""
    hints = get_type_hints(shape)
    definitions: dict[str, Any] = {f.name: (_readable(hints[f.name]), _default(f)) for f in fields(shape)}
    model = create_model(shape.__name__, __base__=_sources(prefix, file), **definitions)
    outright: dict[str, Any] = {name: value for name, value in (given or {}).items() if value is not None}
    try:
        found = model(**outright)
    except ValidationError as error:
        raise BadInput("; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{file}: {error}") from error
    return shape(**{field.name: getattr(found, field.name) for field in fields(shape)})


def _sources(prefix: str, file: Path | None) -> type[BaseSettings]:
    class Sources(BaseSettings):
        model_config = SettingsConfigDict(env_prefix=prefix, toml_file=file, extra="forbid", frozen=True)

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    return Sources


def _readable(hint: object) -> object:
    if hint != tuple[str, ...]:
        return hint
    return Annotated[hint, NoDecode, BeforeValidator(lambda v: v.split(",") if isinstance(v, str) else v)]


def _default(field: Field[object]) -> object:
    if field.default_factory is not MISSING:
        return Described(default_factory=field.default_factory)
    return Described() if field.default is MISSING else field.default
