"""What the result of a job opens - a guest's password, the address of a download - is told to the account that asked for it, and kept sealed.

A view names such fields in `secrets`.  The seal is bound to the job, and goes with it (job.expire.minutes): a change of the master key does not
seal it anew, and what does not open any more is hidden."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mainstay_controller.api.render import body_of
from mainstay_controller.domain.records import Json
from mainstay_controller.domain.tunable import HIDDEN
from mainstay_controller.operations.cloud import Cloud
from mainstay_controller.operations.master_key import WrongMasterKey
from mainstay_controller.operations.secrets import MARK, opened, sealed

FIELDS = frozenset({"password", "url"})
"""On the wire."""


def result_to_keep(answer: object, job_id: str, cloud: Cloud) -> dict[str, Json]:
    secrets = getattr(answer, "secrets", ())
    assert FIELDS.issuperset(secrets)
    return _changed(body_of(answer), lambda name, text: sealed(_of(job_id), text, cloud) if name in secrets else text)


def result_told(kept: Mapping[str, Json], job_id: str, cloud: Cloud) -> dict[str, Json]:
    def open(_name: str, text: str) -> str:
        if not text.startswith(MARK):
            return text
        try:
            return opened(_of(job_id), text, cloud)
        except WrongMasterKey:
            return HIDDEN

    return _changed(kept, open)


def result_listed(kept: Mapping[str, Json]) -> dict[str, Json]:
    return _changed(kept, lambda _name, text: HIDDEN if text.startswith(MARK) else text)


def _changed(body: Mapping[str, Json], change: Callable[[str, str], str]) -> dict[str, Json]:
    """Of the one object in it."""
    return {
        key: {
            name: change(name, each) if name in FIELDS and isinstance(each, str) else each
            for name, each in value.items()
        }
        if isinstance(value, dict)
        else value
        for key, value in body.items()
    }


def _of(job_id: str) -> str:
    return f"job {job_id} result"
