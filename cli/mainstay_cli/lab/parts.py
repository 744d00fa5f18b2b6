"""The lab's own binaries, built from the sources beside this file and kept in a cache: the pool's file system and the guest's image.

The cache is keyed by the sources and the kernel, so that nobody rebuilds by hand; parallel builders meet in one rename."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mainstay_cli.lab.processes import run
from mainstay_runtime.errors import MainstayError

SOURCES = Path(__file__).parent / "parts"
GUEST_MODULES = ("virtio_pci", "virtio_blk", "evdev", "button", "pvpanic-mmio", "pvpanic-pci", "virtio_balloon")
DRIVE_MODULES = ("virtio_scsi", "sr_mod", "isofs")  # of a guest that has a config drive; the others boot without
BUILD_DEADLINE_SECONDS = 60.0


class MissingPart(MainstayError):
    """The machine lacks something that the lab is built from."""

    code = "missing-part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Paths on the machine, the same in every host."""

    poolfs: Path
    kernel: Path
    initramfs: Path
    libvirt_cache: Path


async def built_parts() -> Parts:
    kernel = _guest_kernel()
    shelf = _cache() / _fingerprint(kernel)
    if not shelf.exists():
        await _build_into(shelf, kernel)
    libvirt_cache = _cache() / "libvirt"
    libvirt_cache.mkdir(exist_ok=True)
    return Parts(poolfs=shelf / "poolfs", kernel=kernel, initramfs=shelf / "initramfs.gz", libvirt_cache=libvirt_cache)


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mainstay-lab"


def _fingerprint(kernel: Path) -> str:
    digest = hashlib.sha256(kernel.name.encode())
    for source in (*sorted(SOURCES.iterdir()), Path(__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _guest_kernel() -> Path:
    """The newest installed kernel with its modules; a cloud flavour if there is one, for it boots fastest."""
    kernels = [path for path in Path("/boot").glob("vmlinuz-*") if _modules_of(path).is_dir()]
    if not kernels:
        raise MissingPart("no kernel with modules in /boot for the lab's guests (Debian: linux-image-cloud-amd64)")
    return max(kernels, key=lambda path: ("cloud" in path.name, path.stat().st_mtime))


def _release(kernel: Path) -> str:
    return kernel.name.removeprefix("vmlinuz-")


def _modules_of(kernel: Path) -> Path:
    return Path("/lib/modules") / _release(kernel)


async def _build_into(shelf: Path, kernel: Path) -> None:
    shelf.parent.mkdir(parents=True, exist_ok=True)
    bench = Path(tempfile.mkdtemp(dir=shelf.parent))
    try:
        await _compile_poolfs(bench)
        await _compile("tapewriter.c", bench / "tapewriter", "-static")
        await _pack_initramfs(bench, kernel)
        if not shelf.exists():
            bench.rename(shelf)
    finally:
        shutil.rmtree(bench, ignore_errors=True)


async def _compile_poolfs(bench: Path) -> None:
    flags = (await run(["pkg-config", "--cflags", "--libs", "fuse3"])).split()
    await _compile("poolfs.c", bench / "poolfs", *flags)


async def _compile(source: str, target: Path, *flags: str) -> None:
    argv = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(target), str(SOURCES / source), *flags]
    await run(argv, deadline_seconds=BUILD_DEADLINE_SECONDS)


async def _pack_initramfs(bench: Path, kernel: Path) -> None:
    root = bench / "initramfs"
    for directory in ("bin", "dev", "drive", "modules", "proc", "sys"):
        (root / directory).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin")
    shutil.copy(bench / "tapewriter", root / "bin")
    shutil.copy(SOURCES / "guest-init", root / "init")
    (root / "init").chmod(0o755)
    await _place_modules(GUEST_MODULES, kernel, root, "order")
    await _place_modules(DRIVE_MODULES, kernel, root, "drive")
    pack = 'cd "$0" && find . | cpio --create --format=newc --quiet | gzip -1 >"$1"'
    await run(["sh", "-c", pack, str(root), str(bench / "initramfs.gz")])


async def _place_modules(modules: Sequence[str], kernel: Path, root: Path, order: str) -> None:
    names = [await _place_module(path, root) for path in await _modules_in_order(modules, kernel)]
    (root / "modules" / order).write_text("".join(f"{name}\n" for name in names))


async def _modules_in_order(modules: Sequence[str], kernel: Path) -> list[Path]:
    """Files to insert, each after those it needs; what the kernel has built in, or does not know, is not among them."""
    order: dict[Path, None] = {}
    for module in modules:
        lines = await run(["modprobe", "--set-version", _release(kernel), "--show-depends", "--quiet", module])
        order.update((Path(line.split()[1]), None) for line in lines.splitlines() if line.startswith("insmod "))
    return list(order)


async def _place_module(module: Path, root: Path) -> str:
    """Unpacked if need be: busybox inserts plain modules only."""
    name = module.name.partition(".ko")[0] + ".ko"
    unpack = {".zst": "zstd", ".xz": "xz"}.get(module.suffix)
    packed = root / "modules" / module.name
    shutil.copy(module, packed)
    if unpack:
        await run([unpack, "--decompress", "--quiet", str(packed)])
        packed.unlink(missing_ok=True)
    return name
