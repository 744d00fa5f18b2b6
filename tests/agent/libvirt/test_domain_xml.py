"""An order becomes a domain in which nothing the orderer wrote is markup, and every field that cannot be used is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainstay_agent.drivers.libvirt import domain_xml
from mainstay_agent.drivers.libvirt.domain_xml import Habitat
from mainstay_agent.drivers.libvirt.settings import DomainType
from mainstay_proto.messages import DiskSpec, GuestSpec, KernelBoot, NicSpec
from mainstay_runtime.errors import BadInput

VM_ID = "0a1b2c3d-0000-4000-8000-00000000002a"
DISK = DiskSpec(volume_id="v1", pool_id="p1", path="/pool/v1.qcow2")
NIC = NicSpec(nic_id="n1", mac="52:54:00:00:00:01", bridge="br0")


def a_spec(**changes: Any) -> GuestSpec:
    ordinary = GuestSpec(
        vm_id=VM_ID, name="i-2-3-VM", epoch=7, vcpus=2, cpu_mhz=1000, memory_mib=512, disks=(DISK,), nics=(NIC,)
    )
    return replace(ordinary, **changes)


def a_habitat(**changes: Any) -> Habitat:
    ordinary = Habitat(
        domain_type=DomainType.KVM,
        vnc_listen="10.0.0.1",
        console_dir="/var/log/guests",
        watchdog_action="reset",
        memory_mib=4096,
    )
    return replace(ordinary, **changes)


def built(spec: GuestSpec, **habitat: Any) -> ET.Element:
    return ET.fromstring(domain_xml.build(spec, a_habitat(**habitat)))


def text(domain: ET.Element, path: str) -> str | None:
    return domain.findtext(path)


def attributes(domain: ET.Element, path: str) -> dict[str, str]:
    element = domain.find(path)
    assert element is not None, path
    return element.attrib


# --- what comes out ---


def test_a_guest_has_its_id_its_cpus_and_its_share_of_them() -> None:
    domain = built(a_spec(vcpus=4, cpu_mhz=500))

    assert text(domain, "uuid") == VM_ID
    assert (text(domain, "vcpu"), attributes(domain, "vcpu")["placement"]) == ("4", "static")
    assert text(domain, "cputune/shares") == "200"


@pytest.mark.parametrize(("vcpus", "cpu_mhz", "shares"), [(1, 1, 2), (2, 1000, 200), (128, 5000, 10_000)])
def test_shares_stay_in_the_range_of_control_groups(vcpus: int, cpu_mhz: int, shares: int) -> None:
    assert domain_xml.shares(a_spec(vcpus=vcpus, cpu_mhz=cpu_mhz)) == shares


def test_memory_starts_at_its_floor_where_there_is_one() -> None:
    squeezed, whole = built(a_spec(memory_mib=512, memory_floor_mib=256)), built(a_spec(memory_mib=512))

    assert (text(squeezed, "memory"), text(squeezed, "currentMemory")) == ("512", "256")
    assert (text(whole, "memory"), text(whole, "currentMemory")) == ("512", "512")
    assert attributes(squeezed, "devices/memballoon")["autodeflate"] == "on"


def test_a_disk_stops_its_guest_on_errors_and_stays_locked() -> None:
    disk = built(a_spec()).find("devices/disk")

    assert disk is not None
    assert attributes(disk, "driver") == {
        "name": "qemu",
        "type": "qcow2",
        "cache": "none",
        "io": "threads",
        "error_policy": "stop",
        "rerror_policy": "stop",
    }
    assert attributes(disk, "target") == {"dev": "vda", "bus": "virtio"}
    assert disk.find("shareable") is None


def test_disks_are_named_in_order_and_by_bus() -> None:
    disks = tuple(replace(DISK, bus=bus) for bus in ["virtio"] * 27 + ["sata"])

    domain = built(a_spec(disks=disks))

    names = [target.attrib["dev"] for target in domain.iterfind("devices/disk[@device='disk']/target")]
    assert names[:2] + names[25:] == ["vda", "vdb", "vdz", "vdaa", "sdc"]


def test_a_read_only_image_is_a_medium_in_a_drive_that_the_guest_boots_from_first() -> None:
    medium = replace(DISK, path="/images/rescue.iso", format="raw", read_only=True)

    domain = built(a_spec(disks=(DISK, medium)))

    _, drive = domain.findall("devices/disk")
    assert (drive.attrib["device"], attributes(drive, "target")) == ("cdrom", {"dev": "sda", "bus": "sata"})
    assert drive.find("readonly") is not None
    assert [boot.attrib["dev"] for boot in domain.iterfind("os/boot")] == ["cdrom", "hd"]
    assert [boot.attrib["dev"] for boot in built(a_spec()).iterfind("os/boot")] == ["hd"]


def test_every_guest_has_an_empty_drive_for_media_since_none_can_be_added_later() -> None:
    domain = built(a_spec())

    [drive] = domain.findall("devices/disk[@device='cdrom']")
    assert (drive.find("source"), attributes(drive, "target")) == (None, {"dev": "sda", "bus": "sata"})


def test_two_media_do_not_lie_in_one_drive() -> None:
    medium = replace(DISK, read_only=True)

    with pytest.raises(BadInput, match="disks"):
        built(a_spec(disks=(medium, medium)))


def test_a_config_drive_is_on_a_controller_that_cloud_kernels_know() -> None:
    domain = built(a_spec(), drive="/run/drives/vm.iso")

    drive = domain.find("devices/disk[@device='cdrom'][last()]")
    assert drive is not None
    assert attributes(drive, "target") == {"dev": "sdb", "bus": "scsi"}
    assert (attributes(drive, "source")["file"], drive.find("readonly") is None) == ("/run/drives/vm.iso", False)
    assert attributes(domain, "devices/controller[@type='scsi']") == {"type": "scsi", "model": "virtio-scsi"}


def test_a_nic_without_a_bridge_is_isolated() -> None:
    bridged, isolated = built(a_spec()), built(a_spec(nics=(replace(NIC, bridge=None),)))

    assert attributes(bridged, "devices/interface/source") == {"bridge": "br0"}
    assert attributes(isolated, "devices/interface")["type"] == "user"


def test_a_display_needs_a_password() -> None:
    open_to_all, guarded = built(a_spec()), built(a_spec(vnc_password="s3cret"))

    assert open_to_all.find("devices/graphics") is None
    assert attributes(guarded, "devices/graphics")["passwd"] == "s3cret"
    assert attributes(guarded, "devices/graphics/listen")["address"] == "10.0.0.1"


def test_a_panic_ends_the_guest_and_a_watchdog_watches_it() -> None:
    domain = built(a_spec(), watchdog_action="poweroff")

    assert text(domain, "on_crash") == "destroy"
    assert attributes(domain, "devices/panic")["model"] == "isa"
    assert attributes(domain, "devices/watchdog") == {"model": "i6300esb", "action": "poweroff"}


def test_a_kernel_can_be_booted_directly() -> None:
    domain = built(a_spec(kernel=KernelBoot(kernel="/k", initrd="/i", arguments="console=ttyS0 a=<b>")))

    assert (text(domain, "os/kernel"), text(domain, "os/initrd")) == ("/k", "/i")
    assert text(domain, "os/cmdline") == "console=ttyS0 a=<b>"


def test_an_emulated_guest_gets_a_small_translation_cache_and_a_plain_processor() -> None:
    domain = built(a_spec(), domain_type=DomainType.QEMU)

    assert domain.attrib["type"] == "qemu"
    assert text(domain, "features/tcg/tb-cache") == "32"
    assert text(domain, "cpu/model") == "qemu64"


def test_the_epoch_is_stamped_into_the_metadata() -> None:
    domain = built(a_spec(epoch=41))

    (stamp,) = domain.iter(domain_xml.GUEST_TAG)
    assert domain_xml.epoch_in(ET.tostring(stamp, encoding="unicode")) == 41


@pytest.mark.parametrize("foreign", ["<other/>", "<guest epoch='x'/>", "not xml", ""])
def test_other_peoples_metadata_is_not_ours(foreign: str) -> None:
    assert domain_xml.epoch_in(foreign) is None


# --- what must not come in ---

PRINTABLE = st.text(st.characters(exclude_categories=("C", "Zl", "Zp", "Zs"), exclude_characters="/"), min_size=1)


@given(name=PRINTABLE.map(lambda text: text[:63]), arguments=PRINTABLE)
def test_whatever_is_accepted_comes_out_as_it_went_in(name: str, arguments: str) -> None:
    kernel = KernelBoot(kernel="/k", initrd="/i", arguments=arguments)

    domain = built(a_spec(name=name, kernel=kernel))

    assert text(domain, "name") == name
    assert text(domain, "os/cmdline") == arguments


@given(name=st.text())
def test_every_name_is_refused_by_its_field_or_comes_out_whole(name: str) -> None:
    def came_out() -> object:
        try:
            return text(built(a_spec(name=name)), "name")
        except BadInput as error:
            return error.facts

    assert came_out() in (name, {"field": "name"})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"vm_id": "1"}, "vm_id"),
        ({"name": ""}, "name"),
        ({"name": "a/b"}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"epoch": -1}, "epoch"),
        ({"vcpus": 0}, "vcpus"),
        ({"cpu_mhz": 0}, "cpu_mhz"),
        ({"memory_mib": 0}, "memory_mib"),
        ({"memory_mib": 4097}, "memory_mib"),
        ({"memory_floor_mib": 513}, "memory_floor_mib"),
        ({"memory_floor_mib": 0}, "memory_floor_mib"),
        ({"vnc_password": "123456789"}, "vnc_password"),
        ({"vnc_password": "\n"}, "vnc_password"),
        ({"disks": (replace(DISK, path="pool/v1"),)}, "disks[0].path"),
        ({"disks": (DISK, replace(DISK, format="vhdx"))}, "disks[1].format"),
        ({"disks": (replace(DISK, bus="ide'"),)}, "disks[0].bus"),
        ({"nics": (replace(NIC, mac="x"),)}, "nics[0].mac"),
        ({"nics": (replace(NIC, model="<m>"),)}, "nics[0].model"),
        ({"nics": (replace(NIC, bridge="br 0"),)}, "nics[0].bridge"),
        ({"kernel": KernelBoot(kernel="k", initrd="/i")}, "kernel.kernel"),
        ({"kernel": KernelBoot(kernel="/k", initrd="")}, "kernel.initrd"),
        ({"kernel": KernelBoot(kernel="/k", initrd="/i", arguments="a\x00")}, "kernel.arguments"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(BadInput) as refusal:
        domain_xml.build(a_spec(**changes), a_habitat())

    assert refusal.value.facts["field"] == field
    assert str(refusal.value).startswith(f"{field}:")


# --- for the other host ---


def test_the_target_gets_the_next_epoch_and_its_own_address() -> None:
    live = domain_xml.build(a_spec(vnc_password="s3cret"), a_habitat())

    domain = ET.fromstring(domain_xml.for_target(live, 8, "qemu+tls://10.0.0.2/system"))

    (stamp,) = domain.iter(domain_xml.GUEST_TAG)
    assert stamp.attrib["epoch"] == "8"
    assert attributes(domain, "devices/graphics/listen")["address"] == "10.0.0.2"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "127.0.0.1", "::"])
def test_an_address_that_every_host_has_is_kept(everywhere: str) -> None:
    live = domain_xml.build(a_spec(vnc_password="s3cret"), a_habitat(vnc_listen=everywhere))

    domain = ET.fromstring(domain_xml.for_target(live, 8, "qemu+tls://10.0.0.2/system"))

    assert attributes(domain, "devices/graphics/listen")["address"] == everywhere
