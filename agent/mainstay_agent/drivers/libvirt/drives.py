"""Config drives: small ISO images, each a file that its guest's process alone is given, and gone when the guest is shut down or undefined.

They lie on tmpfs and so never outlive the boot.  Every order to run or to receive a guest brings the content with it; so a guest that is
restarted or moved needs nothing from where it was."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path, PurePosixPath

from pycdlib import PyCdlib

from mainstay_proto.messages import ConfigDrive
from mainstay_runtime.identity import write_secret

DIRECTORY_MODE = 0o711  # QEMU, which is not root, opens its own drive by name; who else is there, nobody can list
FILE_MODE, FOLDER_MODE = 0o100400, 0o040500  # inside: what a password is written in is its guest's root's alone
ISO_9660_1999 = 4  # names as they are, not eight letters and three
JOLIET_LEVEL = 3


class Drives:
    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def path(self, vm_id: str) -> str:
        return str(self._file(vm_id))

    def put(self, vm_id: str, drive: ConfigDrive | None) -> None:
        """None: the guest has none, or no longer."""
        if drive is None:
            self.remove(vm_id)
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        self._directory.chmod(DIRECTORY_MODE)
        write_secret(self._file(vm_id), image_of(drive))

    def remove(self, vm_id: str) -> None:
        self._file(vm_id).unlink(missing_ok=True)

    def _file(self, vm_id: str) -> Path:
        return self._directory / f"{vm_id}.iso"


def image_of(drive: ConfigDrive) -> bytes:
    """With Rock Ridge for Linux and Joliet for Windows, as CloudStack makes them."""
    disc, image = PyCdlib(), BytesIO()
    disc.new(interchange_level=ISO_9660_1999, joliet=JOLIET_LEVEL, rock_ridge="1.09", vol_ident=drive.label)
    for folder in _folders(drive):
        disc.add_directory(f"/{folder}", rr_name=folder.name, joliet_path=f"/{folder}", file_mode=FOLDER_MODE)
    for file in drive.files:
        content = b64decode(file.content, validate=True)
        for name in map(PurePosixPath, file.names):
            disc.add_fp(
                BytesIO(content),
                len(content),
                f"/{name}",
                rr_name=name.name,
                joliet_path=f"/{name}",
                file_mode=FILE_MODE,
            )
    disc.write_fp(image)
    disc.close()
    return image.getvalue()


def _folders(drive: ConfigDrive) -> Iterator[PurePosixPath]:
    """Each before what is in it."""
    names = (PurePosixPath(name) for file in drive.files for name in file.names)
    inner = {folder for name in names for folder in name.parents if folder.name}
    return iter(sorted(inner))
