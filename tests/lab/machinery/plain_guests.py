"""Guests started by hand with virsh, before and beside Mainstay: they show what the lab itself does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path

from mainstay_agent.drivers.libvirt.domain_xml import Habitat, build
from mainstay_agent.drivers.libvirt.settings import DomainType
from mainstay_cli.lab.guests import KERNEL_ARGUMENTS, MEMORY_MIB
from mainstay_cli.lab.host import LabHost, LabProcess
from mainstay_cli.lab.lab import Lab
from mainstay_cli.lab.tapes import Record, last_record, make_tape, put_letter
from mainstay_cli.lab.waiting import until
from mainstay_proto.messages import DiskSpec, GuestSpec, KernelBoot

FIRST_WORD_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainGuest:
    lab: Lab
    name: str

    @property
    def uuid(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.lab.layout.lab_id}/{self.name}"))

    @property
    def tape(self) -> Path:
        return self.lab.tape(f"{self.name}.tape")

    async def start(self, host: LabHost, *, epoch: int) -> None:
        definition = host.place.home / f"{self.name}.xml"
        definition.write_text(build(self._order(host, epoch), _habitat(host)))
        await host.run(["virsh", "define", str(definition)])
        await host.run(["virsh", "start", self.name])

    async def start_without_locks(self, host: LabHost, *, epoch: int) -> LabProcess:
        """As nobody should: QEMU by hand, its image locks off."""
        order = self._order(host, epoch)
        assert order.kernel is not None
        boot = ("-kernel", order.kernel.kernel, "-initrd", order.kernel.initrd, "-append", order.kernel.arguments)
        drive = f"file={order.disks[0].path},if=virtio,format=raw,cache=none,file.locking=off"
        machine = ("-M", "q35", "-cpu", "qemu64", "-m", str(order.memory_mib), "-nographic", "-nic", "none")
        return await host.spawn(["qemu-system-x86_64", *machine, *boot, "-drive", drive], name=self.name)

    async def writes(self, *, epoch: int, after: Record | None = None) -> Record:
        """Until a record of that epoch is on the tape, later than the one given."""
        await until(
            lambda: self._has_written(epoch, after), f"{self.name} writes epoch {epoch}", FIRST_WORD_DEADLINE_SECONDS
        )
        return self.last_word()

    def last_word(self) -> Record:
        record = last_record(self.tape)
        assert record is not None
        return record

    async def is_in_state(self, host: LabHost, state: str) -> bool:
        return state == (await host.run(["virsh", "domstate", "--reason", self.name])).strip()

    def tell(self, word: str) -> None:
        put_letter(self.tape, word)

    async def _has_written(self, epoch: int, after: Record | None) -> bool:
        record = last_record(self.tape)
        return record is not None and record.epoch == epoch and (after is None or record.position > after.position)

    def _order(self, host: LabHost, epoch: int) -> GuestSpec:
        layout = self.lab.layout
        arguments = KERNEL_ARGUMENTS.replace("{epoch}", str(epoch)).replace("{host}", host.name)
        path = f"/srv/primary/{self.tape.name}"
        return GuestSpec(
            vm_id=self.uuid,
            name=self.name,
            epoch=epoch,
            vcpus=1,
            cpu_mhz=500,
            memory_mib=MEMORY_MIB,
            disks=(DiskSpec(volume_id=self.name, pool_id="primary", path=path, format="raw"),),
            kernel=KernelBoot(kernel=str(layout.kernel), initrd=str(layout.initramfs), arguments=arguments),
        )


def a_guest(lab: Lab, name: str) -> PlainGuest:
    """With a blank tape, not yet started anywhere."""
    guest = PlainGuest(lab=lab, name=name)
    make_tape(guest.tape)
    return guest


def _habitat(host: LabHost) -> Habitat:
    return Habitat(
        domain_type=DomainType.QEMU,
        vnc_listen=host.ip,
        console_dir="/var/log/libvirt/qemu",
        watchdog_action="reset",
    )
