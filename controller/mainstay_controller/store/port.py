"""What the rest of the controller may ask of the database: repositories of records, transactions, and the database's clock.

Two implementations keep one contract (tests/controller/store): SQL (SQLite, PostgreSQL, MySQL/MariaDB) and, in the tests' kit, memory.
A change is always compare-and-set: `swap(old, new)` succeeds only if the row still is what `old` says (id and version, and
so the state), and counts the version up.  A lost commit acknowledgement raises `OutcomeUnknown`: read again before acting."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from mainstay_controller.domain import records as r

T = TypeVar("T")


class NotFound(Exception):
    """No such record."""


class Conflict(Exception):
    """A record with that identity, or that unique name, exists."""


class Stale(Exception):
    """The row changed since it was read; nothing was written."""


class OutcomeUnknown(Exception):
    """The database did not say whether the change was committed."""


class Unreachable(Exception):
    """The database cannot be reached; nothing was written."""


@dataclass(frozen=True, slots=True)
class Where:
    """One condition on one field.  Several are joined by AND.  Build them with the functions below."""

    field: str
    op: str  # eq ne in not_in lt le gt ge null not_null contains_any_case
    value: Any = None


def eq(field: str, value: object) -> Where:
    return Where(field, "eq", value) if value is not None else Where(field, "null")


def ne(field: str, value: object) -> Where:
    return Where(field, "ne", value) if value is not None else Where(field, "not_null")


def any_of(field: str, values: Sequence[object]) -> Where:
    return Where(field, "in", tuple(values))


def none_of(field: str, values: Sequence[object]) -> Where:
    return Where(field, "not_in", tuple(values))


def less(field: str, value: object) -> Where:
    return Where(field, "lt", value)


def at_most(field: str, value: object) -> Where:
    return Where(field, "le", value)


def greater(field: str, value: object) -> Where:
    return Where(field, "gt", value)


def at_least(field: str, value: object) -> Where:
    return Where(field, "ge", value)


def contains(fields: Sequence[str], keyword: str) -> Where:
    """Any of the fields contains the keyword, ignoring case; wildcards in the keyword are taken literally."""
    return Where(",".join(fields), "contains_any_case", keyword)


LIVE = Where("removed", "null")


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows of a list: `size` None means all."""

    number: int = 1
    size: int | None = None


class Repository(Protocol[T]):
    """One aggregate's rows."""

    async def by_id(self, record_id: str) -> T:
        """Raises NotFound.  Removed rows are found too."""

    async def get(self, record_id: str) -> T | None: ...

    async def find(
        self, *where: Where, order_by: str = "created", descending: bool = False, limit: int | None = None
    ) -> list[T]: ...

    async def page(
        self, *where: Where, page: Page, order_by: str = "created", descending: bool = False
    ) -> tuple[list[T], int]:
        """Rows of one page, and the count over all pages."""

    async def count(self, *where: Where) -> int: ...

    async def count_by(self, field: str, *where: Where) -> dict[str, int]:
        """Of each value that the field has among those rows, how many have it; of a field of text that is never None."""

    async def add(self, record: T) -> T:
        """Raises Conflict."""

    async def add_all(self, records: Sequence[T]) -> None:
        """All or none; raises Conflict."""

    async def swap(self, old: T, new: T) -> T:
        """Compare-and-set: writes `new` with version old.version + 1 if the row still has old.version; raises Stale.  Returns what was written."""

    async def swap_all(self, changes: Sequence[tuple[T, T]]) -> list[T]:
        """Several swaps (old, new), of different rows, at the price of little more than one: all or none."""

    async def remove(self, record_id: str) -> bool:
        """Really delete the row; False if there was none."""

    async def claim(
        self, *where: Where, owner_id: str, owner_epoch: int, limit: int, order_by: str = "created"
    ) -> list[T]:
        """For records with owner_id/owner_epoch: take rows that match for this owner, atomically, skipping locked ones; returns them as written."""


class Store(Protocol):
    """All repositories.  Within `transaction()` the yielded store's writes become visible together, or not at all."""

    zones: Repository[r.Zone]
    pods: Repository[r.Pod]
    clusters: Repository[r.Cluster]
    hosts: Repository[r.Host]
    out_of_band: Repository[r.OutOfBand]
    pools: Repository[r.StoragePool]
    lease_slots: Repository[r.LeaseSlot]
    volumes: Repository[r.Volume]
    service_offerings: Repository[r.ServiceOffering]
    templates: Repository[r.Template]
    vms: Repository[r.Vm]
    disk_offerings: Repository[r.DiskOffering]
    image_stores: Repository[r.ImageStore]
    key_pairs: Repository[r.KeyPair]
    user_data: Repository[r.UserData]
    affinity_groups: Repository[r.AffinityGroup]
    tags: Repository[r.ResourceTag]
    physical_networks: Repository[r.PhysicalNetwork]
    traffic_types: Repository[r.TrafficType]
    service_providers: Repository[r.ServiceProvider]
    network_offerings: Repository[r.NetworkOffering]
    networks: Repository[r.Network]
    ip_ranges: Repository[r.IpRange]
    ip_addresses: Repository[r.IpAddress]
    firewall_rules: Repository[r.FirewallRule]
    security_groups: Repository[r.SecurityGroup]
    jobs: Repository[r.Job]
    events: Repository[r.Event]
    alerts: Repository[r.Alert]
    incidents: Repository[r.Incident]
    decisions: Repository[r.Decision]
    domains: Repository[r.DomainRecord]
    accounts: Repository[r.Account]
    users: Repository[r.User]
    projects: Repository[r.Project]
    roles: Repository[r.RoleRecord]
    resource_limits: Repository[r.ResourceLimit]
    login_sessions: Repository[r.LoginSession]
    downloads: Repository[r.Download]
    console_tickets: Repository[r.ConsoleTicket]
    call_windows: Repository[r.CallWindow]
    certificates: Repository[r.IssuedCertificate]
    enrolment_tokens: Repository[r.EnrolmentToken]
    settings: Repository[r.Setting]
    secrets: Repository[r.Secret]
    controllers: Repository[r.Controller]

    def transaction(self) -> AbstractAsyncContextManager[Store]: ...

    async def now(self) -> datetime:
        """The database's clock: the only one by which expiry of rows is judged."""

    async def close(self) -> None: ...
