"""cloud.yaml: the cloud of a story.  Whatever it does not say is ordinary.

    controllers: 2
    clusters: {left: {fence_policy: fence}, right: {}}
    pools: {nfs: {cluster: left}, scratch: {cluster: left}}
    offerings: {big: {memory_mib: 8192}}
    hosts: {h1..h3: {cluster: left, bmc: true}, h4: {cluster: right}}
    guests: {web1..web3: {on: h1, offering: big}, db: {on: h2, pools: [nfs, scratch]}}
    settings: {restart_retry_seconds: 2}

A name such as h1..h3 stands for three.  Where nothing is said of clusters, pools or offerings there is one of each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar, cast, get_type_hints

import yaml

from mainstay_controller.operations.settings import Settings
from tests.kit.scenario.flaws import Flaw, Mark, unknown
from tests.kit.simulation.plan import PATIENT

Scalar = str | int | float | bool
T = TypeVar("T")

RANGE = re.compile(r"([a-z-]*)(\d+)\.\.([a-z-]*)(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSpec:
    zone: str = "zone"
    fence_policy: str = "keep"
    lease_profile: str = "fast"


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSpec:
    """Without a cluster: of the whole zone."""

    cluster: str = ""
    zone: str = "zone"
    leases: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingSpec:
    memory_mib: int = 1024
    cpus: int = 1
    cpu_mhz: int = 1000
    ha: bool = True
    priority: int = 0
    restart_after_guest_shutdown: bool = False
    host_tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    cluster: str = "cluster"
    bmc: bool = False
    watchdog: bool = True
    memory_mib: int = 16384
    cpus: int = 8
    tags: tuple[str, ...] = ()
    clock_rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """`pools`: where its disks are; `local` is the disk of its own host.  `apart`: no two guests of one such name on one host."""

    on: str
    offering: str = "small"
    pools: tuple[str, ...] = ("pool",)
    type: str = "User"
    apart: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudSpec:
    """`tell`: the kinds of lines that this story tells (telling.Kind); empty: the usual ones."""

    hosts: Mapping[str, HostSpec]
    guests: Mapping[str, GuestSpec] = field(default_factory=dict)
    clusters: Mapping[str, ClusterSpec] = field(default_factory=lambda: {"cluster": ClusterSpec()})
    pools: Mapping[str, PoolSpec] = field(default_factory=lambda: {"pool": PoolSpec()})
    offerings: Mapping[str, OfferingSpec] = field(default_factory=lambda: {"small": OfferingSpec()})
    controllers: int = 1
    settings: Settings = field(default_factory=lambda: PATIENT)
    tell: tuple[str, ...] = ()

    @property
    def zones(self) -> list[str]:
        return sorted({each.zone for each in self.clusters.values()})

    @property
    def controller_names(self) -> list[str]:
        return [f"c{number}" for number in range(1, self.controllers + 1)]


def read_cloud(file: Path) -> CloudSpec:
    """Raises Flaw."""
    try:
        root = yaml.compose(file.read_text(), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Flaw(Mark(file, line), "yaml", str(error.problem)) from error
    return Reader(file).cloud(root)


@dataclass(frozen=True, slots=True)
class Reader:
    """Nodes in, specs out; every refusal with its place."""

    file: Path

    def cloud(self, root: yaml.Node | None) -> CloudSpec:
        if not isinstance(root, yaml.MappingNode):
            raise Flaw(Mark(self.file, 1), "cloud", "it must say at least which hosts there are")
        said = {name: (key, node) for name, key, node in self._entries(root)}
        self._refuse_unknown(said, {each.name for each in fields(CloudSpec)})
        if "hosts" not in said:
            raise Flaw(self._mark(root), "hosts", "a cloud without hosts")
        spec = replace(CloudSpec(hosts={}), **{name: self._part(name, node) for name, (_, node) in said.items()})  # type: ignore[arg-type]
        self._check_names(spec, said)
        return spec

    def _part(self, name: str, node: yaml.Node) -> object:
        if name in PARTS:
            return self._named(PARTS[name], node)
        if name == "settings":
            return self._settings(node)
        return self._typed(name, node, get_type_hints(CloudSpec)[name])

    # --- one kind of things by name -------------------------------------------------------------------------------

    def _named(self, kind: type[T], node: yaml.Node) -> dict[str, T]:
        found: dict[str, T] = {}
        for name, key, value in self._entries(node):
            spec = self._spec(kind, value)
            for each in expanded(name):
                if each in found:
                    raise Flaw(self._mark(key), each, "it is there twice")
                found[each] = spec
        return found

    def _spec(self, kind: type[T], node: yaml.Node) -> T:
        if isinstance(node, yaml.ScalarNode) and not node.value:
            return self._made(kind, {}, node)
        types = get_type_hints(kind)
        said = {name: (key, value) for name, key, value in self._entries(node)}
        self._refuse_unknown(said, types)
        return self._made(
            kind, {name: self._typed(name, value, types[name]) for name, (_, value) in said.items()}, node
        )

    def _made(self, kind: type[T], values: Mapping[str, object], node: yaml.Node) -> T:
        try:
            return kind(**values)
        except TypeError as error:
            raise Flaw(self._mark(node), "on", "a guest must run somewhere when the story begins") from error

    def _settings(self, node: yaml.Node) -> Settings:
        known = {each.name: type(getattr(PATIENT, each.name)) for each in fields(Settings)}
        said = {name: (key, value) for name, key, value in self._entries(node)}
        self._refuse_unknown(said, known)
        values = {name: self._typed(name, value, known[name]) for name, (_, value) in said.items()}
        return replace(PATIENT, **values)  # type: ignore[arg-type]

    # --- values ---------------------------------------------------------------------------------------------------

    def _typed(self, name: str, node: yaml.Node, wanted: object) -> object:
        value: object = yaml.SafeLoader("").construct_object(node, deep=True)  # type: ignore[no-untyped-call]
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted == tuple[str, ...] and isinstance(value, list):
            value = tuple(str(each) for each in value)
        if not isinstance(value, tuple if wanted == tuple[str, ...] else cast(type, wanted)):
            raise Flaw(self._mark(node), name, f"{value!r} is not {in_words(wanted)}")
        return value

    def _entries(self, node: yaml.Node) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            raise Flaw(self._mark(node), "yaml", "expected names with their properties, as in `h1: {cpus: 8}`")
        for key, value in node.value:
            yield str(key.value), key, value

    def _refuse_unknown(self, said: Mapping[str, tuple[yaml.Node, yaml.Node]], known: object) -> None:
        for name, (key, _) in said.items():
            if name not in cast(Mapping[str, object], known):
                raise unknown(self._mark(key), name, name, cast(Mapping[str, object], known))

    def _mark(self, node: yaml.Node) -> Mark:
        return Mark(self.file, node.start_mark.line + 1)

    # --- names that name each other -------------------------------------------------------------------------------

    def _check_names(self, spec: CloudSpec, said: Mapping[str, tuple[yaml.Node, yaml.Node]]) -> None:
        self._check("hosts", "cluster", spec.clusters, spec.hosts, said)
        self._check("pools", "cluster", [*spec.clusters, ""], spec.pools, said)
        self._check("guests", "on", spec.hosts, spec.guests, said)
        self._check("guests", "offering", spec.offerings, spec.guests, said)
        self._check("guests", "pools", [*spec.pools, "local"], spec.guests, said)

    def _check(
        self,
        part: str,
        field_name: str,
        known: object,
        things: Mapping[str, object],
        said: Mapping[str, tuple[yaml.Node, yaml.Node]],
    ) -> None:
        names = set(cast(Mapping[str, object], known))
        for name, thing in things.items():
            value = getattr(thing, field_name)
            for each in value if isinstance(value, tuple) else (value,):
                if each not in names:
                    raise unknown(self._where(part, name, said), f"{name}.{field_name}", each, names)

    def _where(self, part: str, name: str, said: Mapping[str, tuple[yaml.Node, yaml.Node]]) -> Mark:
        entries = self._entries(said[part][1]) if part in said else ()
        return next(
            (self._mark(key) for said_name, key, _ in entries if name in expanded(said_name)), Mark(self.file, 1)
        )


PARTS: Mapping[str, type] = {
    "hosts": HostSpec,
    "guests": GuestSpec,
    "clusters": ClusterSpec,
    "pools": PoolSpec,
    "offerings": OfferingSpec,
}


def expanded(name: str) -> list[str]:
    """h1..h3 is h1, h2, h3."""
    match = RANGE.fullmatch(name)
    if match is None or match[1] != match[3]:
        return [name]
    return [f"{match[1]}{number}" for number in range(int(match[2]), int(match[4]) + 1)]


def in_words(wanted: object) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
    return words.get(cast(type, wanted), "a list of words")
