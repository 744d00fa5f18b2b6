"""Where a caller wants a virtual machine: places are named by root administrators, and what they name is used even if it is Disabled."""

from __future__ import annotations

from mainstay_controller.api.access import Caller
from mainstay_controller.domain.ids import ClusterId, HostId, PodId
from mainstay_controller.domain.roles import Role
from mainstay_controller.operations.errors import PermissionDenied
from mainstay_controller.operations.orders.choose_host import Wish


def wish_of(caller: Caller, pod_id: PodId | None, cluster_id: ClusterId | None, host_id: HostId | None) -> Wish:
    is_root = caller.role is Role.ROOT_ADMIN
    wish = Wish(pod_id=pod_id, cluster_id=cluster_id, host_id=host_id, by_root=is_root)
    if wish.names_a_place and not is_root:
        raise PermissionDenied("Only root administrators may name the host, cluster or pod of a virtual machine")
    return wish
