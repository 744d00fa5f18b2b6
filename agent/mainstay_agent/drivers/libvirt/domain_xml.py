"""A guest's order as libvirt's domain XML, and what of it can be read back; pure.

The promise: whatever stands in a GuestSpec is either refused with the field's name or comes out as data, never as markup.
The guest's epoch and order travel in the domain's metadata, so that they live exactly as long as the definition."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import count
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from mainstay_agent.drivers.libvirt.settings import DomainType
from mainstay_proto.messages import DiskSpec, GuestSpec, NicSpec
from mainstay_runtime.errors import BadInput

NAMESPACE = "urn:mainstay:guest:1"
GUEST_TAG = f"{{{NAMESPACE}}}guest"
ET.register_namespace("mainstay", NAMESPACE)

DISK_PREFIXES = {"virtio": "vd", "sata": "sd", "scsi": "sd"}
MEDIUM_DEVICE, DRIVE_DEVICE = "sda", "sdb"  # where a guest has its drive for media, and its config drive
DEVICES_TAKEN = {"sd": 2}
PORTS_OF_EVERY_GUEST = 3  # balloon, random numbers, the controller of a config drive
PORTS_FREE = 8  # so many disks more can it be given while it runs
DISK_FORMATS = {"qcow2", "raw"}
NIC_MODELS = {"virtio", "e1000", "e1000e", "rtl8139"}
NAME_CHARACTERS_MAX = 63  # also part of file names under /var/log/libvirt
VNC_PASSWORD_CHARACTERS_MAX = 8  # of the protocol
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")
BRIDGE = re.compile(r"[A-Za-z0-9_.-]{1,15}")

MHZ_PER_SHARE = 10  # control groups v2 take weights of 1 to 10000: this covers a guest of 100 GHz
SHARES = range(2, 10_001)
TRANSLATION_CACHE_MIB = 32  # of an emulated guest; QEMU's own default is a gigabyte


@dataclass(frozen=True, slots=True, kw_only=True)
class Habitat:
    """What a domain takes from its host and not from its order."""

    domain_type: DomainType
    vnc_listen: str  # empty: its screen has no port
    console_dir: str
    watchdog_action: str
    emulator: str | None = None
    drive: str | None = None  # the image of its config drive
    memory_mib: int | None = None  # what a guest can have at most; None: not known


def build(spec: GuestSpec, habitat: Habitat) -> str:
    """The domain's definition; raises BadInput naming the field that cannot be used."""
    check(spec)
    _require(
        habitat.memory_mib is None or spec.memory_mib <= habitat.memory_mib, "memory_mib", "is more than the host has"
    )
    domain = ET.Element("domain", type=habitat.domain_type)
    _text(domain, "name", spec.name)
    _text(domain, "uuid", spec.vm_id)
    ET.SubElement(domain, "metadata").append(_stamp(spec.epoch))
    _add_resources(domain, spec)
    _add_machine(domain, spec, habitat)
    _add_life_cycle(domain)
    _add_devices(ET.SubElement(domain, "devices"), spec, habitat)
    return ET.tostring(domain, encoding="unicode")


# --- what may stand in an order ---


def check(spec: GuestSpec) -> None:
    _require(_is_uuid(spec.vm_id), "vm_id", "must be a UUID in lower case")
    _require(_is_plain(spec.name) and "/" not in spec.name, "name", "must be printable, without a slash")
    _require(len(spec.name) <= NAME_CHARACTERS_MAX, "name", f"has more than {NAME_CHARACTERS_MAX} characters")
    _require(spec.epoch >= 0, "epoch", "is negative")
    _require(spec.vcpus >= 1, "vcpus", "must be at least 1")
    _require(spec.cpu_mhz >= 1, "cpu_mhz", "must be at least 1")
    _require(spec.memory_mib >= 1, "memory_mib", "must be at least 1")
    floor = spec.memory_mib if spec.memory_floor_mib is None else spec.memory_floor_mib
    _require(1 <= floor <= spec.memory_mib, "memory_floor_mib", "must lie between 1 and memory_mib")
    password = spec.vnc_password or ""
    _require(not password or _is_plain(password), "vnc_password", "must be printable")
    _require(len(password) <= VNC_PASSWORD_CHARACTERS_MAX, "vnc_password", "has more than 8 characters")
    _require(len(spec.media) <= 1, "disks", "has more media than the one drive for them takes")
    for number, disk in enumerate(spec.disks):
        _check_disk(f"disks[{number}]", disk)
    for number, nic in enumerate(spec.nics):
        _check_nic(f"nics[{number}]", nic)
    if spec.kernel is not None:
        _require(_is_path(spec.kernel.kernel), "kernel.kernel", "must be an absolute path")
        _require(_is_path(spec.kernel.initrd), "kernel.initrd", "must be an absolute path")
        _require(not spec.kernel.arguments or _is_plain(spec.kernel.arguments), "kernel.arguments", "must be printable")


def _check_disk(field: str, disk: DiskSpec) -> None:
    _require(_is_path(disk.path), f"{field}.path", "must be an absolute path")
    _require(disk.format in DISK_FORMATS, f"{field}.format", f"must be one of {sorted(DISK_FORMATS)}")
    _require(disk.bus in DISK_PREFIXES, f"{field}.bus", f"must be one of {sorted(DISK_PREFIXES)}")


def _check_nic(field: str, nic: NicSpec) -> None:
    _require(MAC.fullmatch(nic.mac) is not None, f"{field}.mac", "must look like 52:54:00:12:34:56, in lower case")
    _require(nic.model in NIC_MODELS, f"{field}.model", f"must be one of {sorted(NIC_MODELS)}")
    _require(nic.bridge is None or BRIDGE.fullmatch(nic.bridge) is not None, f"{field}.bridge", "is no device name")


def _require(holds: bool, field: str, reason: str) -> None:
    if not holds:
        raise BadInput(f"{field}: {reason}", field=field)


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _is_plain(text: str) -> bool:
    return bool(text) and text.isprintable()


def _is_path(text: str) -> bool:
    return _is_plain(text) and text.startswith("/")


# --- the parts of a domain ---


def _add_resources(domain: ET.Element, spec: GuestSpec) -> None:
    _text(domain, "memory", str(spec.memory_mib), unit="MiB")
    _text(domain, "currentMemory", str(spec.memory_floor_mib or spec.memory_mib), unit="MiB")
    _text(domain, "vcpu", str(spec.vcpus), placement="static")
    _text(ET.SubElement(domain, "cputune"), "shares", str(shares(spec)))


def shares(spec: GuestSpec) -> int:
    """Weight of the guest among its neighbours, in proportion to the megahertz of its offering."""
    wanted = spec.cpu_mhz * spec.vcpus // MHZ_PER_SHARE
    return min(max(wanted, SHARES.start), SHARES.stop - 1)


def _add_machine(domain: ET.Element, spec: GuestSpec, habitat: Habitat) -> None:
    machine = ET.SubElement(domain, "os")
    _text(machine, "type", "hvm", arch="x86_64", machine="q35")
    if spec.kernel is None:
        for device in ("cdrom", "hd") if spec.media else ("hd",):
            ET.SubElement(machine, "boot", dev=device)
    else:
        _text(machine, "kernel", spec.kernel.kernel)
        _text(machine, "initrd", spec.kernel.initrd)
        _text(machine, "cmdline", spec.kernel.arguments)
    features = ET.SubElement(domain, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    match habitat.domain_type:
        case DomainType.KVM:
            ET.SubElement(domain, "cpu", mode="host-model")
        case DomainType.QEMU:
            _text(ET.SubElement(features, "tcg"), "tb-cache", str(TRANSLATION_CACHE_MIB), unit="MiB")
            cpu = ET.SubElement(domain, "cpu", mode="custom", match="exact")
            _text(cpu, "model", "qemu64", fallback="forbid")
    ET.SubElement(domain, "clock", offset="utc")


def _add_life_cycle(domain: ET.Element) -> None:
    """A guest that ends stays ended: whether it starts again is decided above, under an epoch and a lease."""
    _text(domain, "on_poweroff", "destroy")
    _text(domain, "on_reboot", "restart")
    _text(domain, "on_crash", "destroy")


def _add_devices(devices: ET.Element, spec: GuestSpec, habitat: Habitat) -> None:
    if habitat.emulator is not None:
        _text(devices, "emulator", habitat.emulator)
    _add_ports(devices, len(spec.disks) + len(spec.nics) + PORTS_OF_EVERY_GUEST + PORTS_FREE)
    _add_disks(devices, spec)
    devices.append(medium_drive(next(iter(spec.media), None)))
    if habitat.drive is not None:
        _add_config_drive(devices, habitat.drive)
    devices.extend(_nic(nic) for nic in spec.nics)
    serial = ET.SubElement(devices, "serial", type="pty")
    ET.SubElement(serial, "log", file=f"{habitat.console_dir}/{spec.vm_id}.console", append="on")
    if spec.vnc_password:
        _add_display(devices, spec.vnc_password, habitat.vnc_listen)
    ET.SubElement(devices, "panic", model="isa")
    ET.SubElement(devices, "watchdog", model="i6300esb", action=habitat.watchdog_action)
    _text(ET.SubElement(devices, "rng", model="virtio"), "backend", "/dev/urandom", model="random")
    # The guest gets back what the balloon holds before it kills a process for want of memory.
    ET.SubElement(devices, "memballoon", model="virtio", autodeflate="on")


def _add_ports(devices: ET.Element, number: int) -> None:
    """None can be added while it runs."""
    ET.SubElement(devices, "controller", type="pci", index="0", model="pcie-root")
    for index in range(1, number + 1):
        ET.SubElement(devices, "controller", type="pci", index=str(index), model="pcie-root-port")


def _add_disks(devices: ET.Element, spec: GuestSpec) -> None:
    counts = dict(DEVICES_TAKEN)
    for disk in spec.disks:
        if not disk.read_only:
            prefix = DISK_PREFIXES[disk.bus]
            devices.append(_disk(disk, _device_name(prefix, counts.get(prefix, 0))))
            counts[prefix] = counts.get(prefix, 0) + 1


def _disk(disk: DiskSpec, device_name: str) -> ET.Element:
    """No <shareable/>: QEMU's own image locks stay on, as the second wall behind lease and epoch."""
    element = ET.Element("disk", type="file", device="disk")
    _add_backend(element, disk.format)
    ET.SubElement(element, "source", file=disk.path)
    ET.SubElement(element, "target", dev=device_name, bus=disk.bus)
    return element


def disk_in(domain_xml: str, disk: DiskSpec) -> ET.Element | None:
    """As a running domain has it; it is known by its file."""
    disks = ET.fromstring(domain_xml).iterfind("devices/disk[@device='disk']")
    return next(
        (each for each in disks if any(source.get("file") == disk.path for source in each.iterfind("source"))), None
    )


def one_more_disk(domain_xml: str, disk: DiskSpec) -> str:
    """To be attached to that running domain, under the first name that is free there."""
    _check_disk("disk", disk)
    taken = {target.get("dev") for target in ET.fromstring(domain_xml).iterfind("devices/disk/target")}
    names = (_device_name(DISK_PREFIXES[disk.bus], number) for number in count())
    return ET.tostring(_disk(disk, next(name for name in names if name not in taken)), encoding="unicode")


def medium_drive(medium: DiskSpec | None) -> ET.Element:
    """Every guest has one, empty or not, for none can be added while it runs.  There is no virtio drive for media; what installs itself knows SATA."""
    element = ET.Element("disk", type="file", device="cdrom")
    _add_backend(element, "raw")  # the same for all media: how a drive is read cannot be changed while it is there
    if medium is not None:
        ET.SubElement(element, "source", file=medium.path)
    ET.SubElement(element, "target", dev=MEDIUM_DEVICE, bus="sata")
    ET.SubElement(element, "readonly")
    return element


def has_medium_drive(domain_xml: str) -> bool:
    """A guest that an older agent started may have none."""
    drives = ET.fromstring(domain_xml).iterfind("devices/disk[@device='cdrom']/target")
    return any(target.get("dev") == MEDIUM_DEVICE for target in drives)


def _add_config_drive(devices: ET.Element, image: str) -> None:
    """On a virtio controller, since the kernels of cloud images know no SATA.  Through the host's cache: the image is on its tmpfs."""
    ET.SubElement(devices, "controller", type="scsi", model="virtio-scsi")
    element = ET.SubElement(devices, "disk", type="file", device="cdrom")
    ET.SubElement(element, "driver", name="qemu", type="raw")
    ET.SubElement(element, "source", file=image)
    ET.SubElement(element, "target", dev=DRIVE_DEVICE, bus="scsi")
    ET.SubElement(element, "readonly")


def _add_backend(element: ET.Element, format: str) -> None:
    # Threads and not native: on a hung filesystem a native request can stop QEMU's main loop, and its monitor with it.
    ET.SubElement(
        element,
        "driver",
        name="qemu",
        type=format,
        cache="none",
        io="threads",
        error_policy="stop",
        rerror_policy="stop",
    )


def _device_name(prefix: str, number: int) -> str:
    """vda ... vdz, vdaa ..."""
    letters = ""
    number += 1
    while number:
        number, letter = divmod(number - 1, 26)
        letters = chr(ord("a") + letter) + letters
    return prefix + letters


def _nic(nic: NicSpec) -> ET.Element:
    element = ET.Element("interface", type="user" if nic.bridge is None else "bridge")
    ET.SubElement(element, "mac", address=nic.mac)
    if nic.bridge is not None:
        ET.SubElement(element, "source", bridge=nic.bridge)
    ET.SubElement(element, "model", type=nic.model)
    return element


def _add_display(devices: ET.Element, password: str, listen: str) -> None:
    """With a port only where the host's operator wants one, and then only with a password: QEMU lets anybody in without."""
    if listen:
        graphics = ET.SubElement(devices, "graphics", type="vnc", port="-1", autoport="yes", passwd=password)
        ET.SubElement(graphics, "listen", type="address", address=listen)
    else:
        ET.SubElement(ET.SubElement(devices, "graphics", type="vnc"), "listen", type="none")
    ET.SubElement(ET.SubElement(devices, "video"), "model", type="vga")


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> None:
    ET.SubElement(parent, tag, attributes).text = text


# --- the stamp: whose domain this is, and of which epoch ---


def _stamp(epoch: int) -> ET.Element:
    return ET.Element(GUEST_TAG, epoch=str(epoch))


def epoch_in(metadata: str) -> int | None:
    """From our element of a domain's metadata, as libvirt hands it out (it drops the namespace); None: not ours."""
    try:
        return int(ET.fromstring(metadata).get("epoch", ""))
    except (ET.ParseError, ValueError):
        return None


# --- for the other host ---


def for_target(domain_xml: str, target_epoch: int, target_url: str) -> str:
    """The running domain's own XML, as its migration target shall have it.

    Nothing that the guest can see may differ, so this changes the live XML and does not build a new one."""
    domain = ET.fromstring(domain_xml)
    for stamp in domain.iter(GUEST_TAG):
        stamp.set("epoch", str(target_epoch))
    for graphics in domain.iter("graphics"):
        _listen_at_target(graphics, target_url)
    return ET.tostring(domain, encoding="unicode")


def _listen_at_target(graphics: ET.Element, target_url: str) -> None:
    """An address of the source's own is one the target cannot listen on."""
    graphics.attrib.pop("listen", None)
    for listen in graphics.iter("listen"):
        address = listen.get("address")
        if address is not None and not _is_everywhere_the_same(address):
            listen.set("address", urlsplit(target_url).hostname or address)


def _is_everywhere_the_same(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return parsed.is_unspecified or parsed.is_loopback
