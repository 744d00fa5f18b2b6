"""Hosts that do not meet a demand, whatever else is placed: each rule answers with a reason or with nothing.

Judged once per distinct demand, so clarity goes before speed here."""

from __future__ import annotations

from collections.abc import Callable

from mainstay_controller.domain.placement.request import Code, Demand, Purpose, Reason, Rejected
from mainstay_controller.domain.placement.snapshot import HostRoom, Rules
from mainstay_controller.domain.states import HostState, ResourceState

Rule = Callable[[HostRoom, Demand, Rules], Reason | None]


def sort_out(hosts: tuple[HostRoom, ...], demand: Demand, rules: Rules) -> tuple[list[HostRoom], tuple[Rejected, ...]]:
    """The hosts that meet the demand, and the others with every reason."""
    fit: list[HostRoom] = []
    unfit: list[Rejected] = []
    for host in hosts:
        reasons = tuple(reason for rule in RULES if (reason := rule(host, demand, rules)) is not None)
        if reasons:
            unfit.append(Rejected(host.id, host.name, reasons))
        else:
            fit.append(host)
    return fit, tuple(unfit)


def in_the_asked_place(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    """The widest mismatch alone is named: a host of another zone is of another pod and cluster as well."""
    for code, need, have in (
        (Code.OTHER_ZONE, demand.zone_id, host.zone_id),
        (Code.OTHER_POD, demand.pod_id, host.pod_id),
        (Code.OTHER_CLUSTER, demand.cluster_id, host.cluster_id),
        (Code.OTHER_HOST, demand.host_id, host.id),
    ):
        if need is not None and need != have:
            return Reason(code, need, have)
    return None


def of_the_asked_hypervisor(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    if demand.hypervisor == host.hypervisor:
        return None
    return Reason(Code.OTHER_HYPERVISOR, demand.hypervisor, host.hypervisor)


def is_up(host: HostRoom, _demand: Demand, _rules: Rules) -> Reason | None:
    return None if host.state is HostState.UP else Reason(Code.HOST_NOT_UP, HostState.UP, host.state)


def its_hypervisor_answers(host: HostRoom, _demand: Demand, _rules: Rules) -> Reason | None:
    """What is ordered of one that hangs is done when it wakes, and until then nobody can tell."""
    return None if host.hypervisor_answers else Reason(Code.HYPERVISOR_SILENT, "an answer", "none")


def is_enabled(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    """A Disabled host is a disabled place; one in maintenance takes nobody."""
    enabled, disabled = ResourceState.ENABLED, ResourceState.DISABLED
    if host.resource_state is enabled or (demand.may_use_disabled and host.resource_state is disabled):
        return None
    return Reason(Code.HOST_NOT_ENABLED, enabled, host.resource_state)


def stands_in_enabled_places(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    """Disabling a place stops new guests and restarts; a guest that runs in it may be moved within it."""
    if demand.may_use_disabled or demand.purpose is Purpose.MIGRATE or not host.disabled:
        return None
    return Reason(Code.PLACE_DISABLED, "enabled", f"disabled: {', '.join(host.disabled)}")


def was_not_tried(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    answers = [answer for host_id, answer in demand.avoid if host_id == host.id]
    return Reason(Code.ALREADY_TRIED, "a host not yet tried", answers[0]) if answers else None


def has_the_tags(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    if demand.tags <= host.tags:
        return None
    return Reason(Code.TAGS_MISSING, ", ".join(sorted(demand.tags)), ", ".join(sorted(host.tags)) or "none")


def has_the_abilities(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    """An agent says in its Hello what it can do; one of an older release can do less."""
    lacking = demand.abilities - host.abilities
    return Reason(Code.LACKS_ABILITY, _listed(lacking), _listed(host.abilities)) if lacking else None


def keeps_to_dedication(host: HostRoom, demand: Demand, rules: Rules) -> Reason | None:
    """With ha.tag set, hosts that carry it take the guests of HA alone, and those go nowhere else."""
    if not rules.ha_tag:
        return None
    tagged, for_ha = rules.ha_tag in host.tags, demand.purpose is Purpose.HA
    if tagged and not for_ha:
        return Reason(Code.KEPT_FOR_HA, "a host without the HA tag", rules.ha_tag)
    if for_ha and not tagged:
        return Reason(Code.NOT_FOR_HA, rules.ha_tag, ", ".join(sorted(host.tags)) or "none")
    return None


def reaches_the_disks(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    missing = demand.pool_ids - host.pool_ids
    if missing:
        return Reason(Code.POOL_UNREACHABLE, ", ".join(sorted(missing)), _listed(host.pool_ids))
    if demand.any_pool_of is not None and not demand.any_pool_of & host.pool_ids:
        return Reason(Code.POOL_UNREACHABLE, f"one of {_listed(demand.any_pool_of)}", _listed(host.pool_ids))
    return None


def has_their_leases(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    lapsed = demand.pool_ids & host.lapsed_pool_ids
    if lapsed:
        return Reason(Code.NO_LEASE, f"a valid lease on {_listed(lapsed)}", "none")
    within_reach = (demand.any_pool_of or frozenset()) & host.pool_ids
    if within_reach and within_reach <= host.lapsed_pool_ids:
        return Reason(Code.NO_LEASE, f"a valid lease on one of {_listed(within_reach)}", "none")
    return None


def has_the_cores(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    if host.total.cpus >= demand.cpus:
        return None
    return Reason(Code.TOO_FEW_CORES, demand.cpus, host.total.cpus)


def has_the_speed(host: HostRoom, demand: Demand, _rules: Rules) -> Reason | None:
    if host.core_mhz >= demand.cpu_mhz:
        return None
    return Reason(Code.CORES_TOO_SLOW, demand.cpu_mhz, host.core_mhz)


def _listed(ids: frozenset[str] | frozenset[object]) -> str:
    return ", ".join(sorted(str(id) for id in ids)) or "none"


RULES: tuple[Rule, ...] = (
    in_the_asked_place,
    of_the_asked_hypervisor,
    is_up,
    its_hypervisor_answers,
    is_enabled,
    stands_in_enabled_places,
    was_not_tried,
    has_the_tags,
    has_the_abilities,
    keeps_to_dedication,
    reaches_the_disks,
    has_their_leases,
    has_the_cores,
    has_the_speed,
)
