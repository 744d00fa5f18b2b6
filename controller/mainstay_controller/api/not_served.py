"""Parameters of CloudStack's that would make something else than this cloud makes: they are refused, and not taken for nothing.

A parameter that only says how something is kept or shown, or asks for less than is done, is ignored as any unknown name.  So is a value that
asks for nothing: empty, `false`, `0`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mainstay_controller.operations.errors import InvalidParameter

NOTHING_ASKED = {"", "false", "0"}

IPV6 = dict.fromkeys(("ip6address", "ip6cidr", "ip6gateway", "startipv6", "endipv6"), "there is no IPv6 here")
FOR_LEASE = dict.fromkeys(("leaseduration", "leaseexpiryaction"), "a VM is nobody's for a time only")
GROUPS = dict.fromkeys(("securitygroupids", "securitygroupnames"), "VMs are in no security groups here")
SNAPSHOTS = {"snapshotid": "there are no snapshots here"}
BIOS = {"bootintosetup": "the firmware's setup is reached by the console alone"}
CHOSEN_HERE = {"customid": "ids are chosen here"}
IN_PLACE = {"storageid": "disks are not moved with a VM: see migrateVolume"}
FIXED_SIZE = {"details": "sizes are those of offerings"}
NO_RATES = {
    f"{kind}{verb}rate{most}": "rates of disks are not limited here"
    for kind in ("bytes", "iops")
    for verb in ("read", "write")
    for most in ("", "max", "maxlength")
}
NO_IOPS = dict.fromkeys(("miniops", "maxiops", "customizediops"), "rates of disks are not promised here")

NOT_SERVED: Mapping[str, Mapping[str, str]] = {
    "deployVirtualMachine": {
        **IPV6,
        **FOR_LEASE,
        **GROUPS,
        **SNAPSHOTS,
        **BIOS,
        **CHOSEN_HERE,
        "password": "passwords are made here: see resetPasswordForVirtualMachine",
        "volumeid": "a root disk is made from a template or an ISO",
        "macaddress": "MAC addresses are chosen here",
        "datadiskofferinglist": "one data disk is made with a VM: see diskofferingid",
        "datadisksdetails": "one data disk is made with a VM: see diskofferingid",
        "overridediskofferingid": "a root disk has the size of rootdisksize or its template",
        "dhcpoptionsnetworklist": "no router is there to tell them",
        "extraconfig": "a guest's definition is made here",
    },
    "destroyVirtualMachine": {"volumeids": "data disks are kept: see deleteVolume"},
    "startVirtualMachine": BIOS,
    "rebootVirtualMachine": BIOS,
    "migrateVirtualMachine": IN_PLACE,
    "migrateSystemVm": IN_PLACE,
    "restoreVirtualMachine": {
        "diskofferingid": "the root disk keeps its size",
        "rootdisksize": "the root disk keeps its size",
    },
    "changeServiceForVirtualMachine": {**FIXED_SIZE, **NO_IOPS},
    "scaleVirtualMachine": {**FIXED_SIZE, **NO_IOPS},
    "updateVirtualMachine": {
        **FOR_LEASE,
        **GROUPS,
        **CHOSEN_HERE,
        "instancename": "it is chosen here",
        "dhcpoptionsnetworklist": "no router is there to tell them",
        "extraconfig": "a guest's definition is made here",
    },
    "createServiceOffering": {
        **NO_RATES,
        **NO_IOPS,
        **FOR_LEASE,
        "customized": "an offering has a size",
        "issystem": "there are no system VMs to offer it to",
        "diskofferingid": "the size of a root disk is said when it is made",
        "rootdisksize": "the size of a root disk is said when it is made",
        "encryptroot": "disks are not encrypted here",
        "gpucount": "there are no GPUs here",
        "vgpuprofileid": "there are no GPUs here",
    },
    "createDiskOffering": {**NO_RATES, **NO_IOPS, "encrypt": "disks are not encrypted here"},
    "createVolume": {
        **SNAPSHOTS,
        **NO_IOPS,
        **CHOSEN_HERE,
        "storageid": "its pool is chosen when a VM is given it",
    },
    "migrateVolume": {
        "livemigrate": "a disk is moved while its VM is Stopped",
        "newdiskofferingid": "it keeps its own",
    },
    "createNetwork": {
        **IPV6,
        "vpcid": "there are no VPCs here",
        "aclid": "there are no VPCs here",
        "isolatedpvlan": "there are no private VLANs here",
        "associatednetworkid": "networks are not associated here",
        "sourcenatipaddress": "the source NAT address is chosen here",
        "publicmtu": "no router is there to keep it",
        "privatemtu": "no router is there to keep it",
    },
    "createNetworkOffering": {
        "forvpc": "there are no VPCs here",
        "fornsx": "there is no NSX here",
        "fortungsten": "there is no Tungsten Fabric here",
    },
    "createZone": {"isedge": "there are no edge zones here", "domainid": "zones are everybody's"},
    "createStoragePool": {"managed": "storage is not managed by its provider here"},
    "updateStoragePool": {"enabled": "a pool is put into maintenance instead", "url": "a pool stays where it is"},
    "updateCluster": {"hypervisor": "a cluster keeps its hypervisor"},
    "registerTemplate": {
        "directdownload": "hosts read images where they are",
        "deployasis": "there is no VMware here",
        "isrouting": "there are no routers to make from it",
    },
    "registerIso": {"directdownload": "hosts read images where they are"},
}
NEVER_NOTHING = {("updateStoragePool", "enabled")}
"""Of these `false` asks for something too."""


def check_served(command: str, names_and_values: Iterable[tuple[str, str]]) -> None:
    """Raises InvalidParameter."""
    reasons = NOT_SERVED.get(command)
    if reasons is None:
        return
    for name, value in names_and_values:
        bare = name.lower().partition("[")[0]
        asks = value.strip().lower() not in NOTHING_ASKED or (command, bare) in NEVER_NOTHING
        if bare in reasons and asks:
            raise InvalidParameter(bare, reasons[bare])
