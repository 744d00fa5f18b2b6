"""Work on a pool's files, in a process of its own: a pool that hangs takes this process along and nothing else.

Reads one task as JSON on its standard input and answers with one line of JSON.  The promise: a disk is there whole or not at all, and whose it is
stands beside it before it is made, so that nobody's disk is taken for another's."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any

SECTOR_BYTES = 512
LEASE_FILE = ".mainstay/leases"
LOCKED_WORDS = "Is another process using the image"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckTask:
    path: str
    shared: bool
    image_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskTask:
    volume_id: str
    path: str
    format: str
    size_bytes: int
    backing_path: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    state: str = "done"  # done | refused | failed
    code: str = ""
    detail: str = ""
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    format: str
    size_bytes: int


class No(Exception):
    """The task ends here, with an answer."""

    def __init__(self, state: str, code: str, detail: str) -> None:
        self.answer = Answer(state=state, code=code, detail=detail)


# --- pools ---


def check_pool(task: CheckTask) -> Answer:
    if task.shared and task.path not in mount_points():
        raise No("refused", "not-mounted", f"{task.path} is no mount point")
    if not os.path.isdir(task.path):
        raise No("refused", "not-mounted", f"{task.path} is no directory")
    try_to_write(task.path)
    space = os.statvfs(task.path)
    facts = {
        "mounted": "true",
        "total_bytes": str(space.f_blocks * space.f_frsize),
        "used_bytes": str((space.f_blocks - space.f_bfree) * space.f_frsize),
        "leases": "true" if os.path.exists(os.path.join(task.path, LEASE_FILE)) else "false",
    }
    if task.image_path is not None:
        image = inspect_template(task.image_path)
        facts |= {"image_format": image.format, "image_bytes": str(image.size_bytes)}
    return Answer(facts=facts)


def mount_points() -> set[str]:
    """By the kernel's own table: a bind mount on its own filesystem looks like a directory to everybody else."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as table:
        return {_unescaped(line.split(" ")[4]) for line in table}


def _unescaped(path: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        path = path.replace(code, character)
    return path


def try_to_write(path: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=path, prefix=".mainstay-probe-") as probe:
            probe.write(b"?")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise No("refused", "not-writable", f"{path}: {error.strerror}") from error


# --- images ---


def inspect_template(path: str) -> Image:
    """Whole in itself: an image that names other files could show a guest any file of the host."""
    facts = image_facts(path)
    if "backing-filename" in facts or "data-file" in facts.get("format-specific", {}).get("data", {}):
        raise No("refused", "not-an-image", f"{path} refers to another file")
    image = Image(format=facts["format"], size_bytes=facts["virtual-size"])
    if image.format == "raw" and (image.size_bytes == 0 or os.path.getsize(path) % SECTOR_BYTES):
        raise No("refused", "not-an-image", f"{path} is no disk image: not a whole number of sectors")
    return image


def image_behind(path: str) -> Image:
    """A volume of ours may stand on its template.  Its format is what its name says, and never what a guest has written into it."""
    if not os.path.exists(owner_file(path)):
        return inspect_template(path)
    format = os.path.splitext(path)[1].removeprefix(".")
    return Image(format=format, size_bytes=image_facts(path, "-f", format)["virtual-size"])


def image_facts(path: str, *how: str) -> dict[str, Any]:
    if not os.path.isfile(path):
        raise No("refused", "no-such-image", f"{path} is no file")
    told = qemu_img("info", "--force-share", "--output=json", *how, path)
    if told.returncode != 0:
        raise No("refused", "not-an-image", told.stderr.strip())
    facts: dict[str, Any] = json.loads(told.stdout)
    return facts


def qemu_img(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise No("failed", "no-qemu-img", "qemu-img is not installed on this host") from error


# --- disks ---


def prepare_disk(task: DiskTask) -> Answer:
    claim(task)
    if os.path.exists(task.path):
        return Answer(detail="it is there already")
    partial = f"{task.path}.partial"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(partial)
    try:
        for arguments in commands_to_make(task, partial):
            made = qemu_img(*arguments)
            if made.returncode != 0:
                raise No("failed", "not-made", made.stderr.strip())
        os.rename(partial, task.path)
    except No:
        remove_if_there(partial)
        remove_if_there(owner_file(task.path))
        raise
    return Answer()


def commands_to_make(task: DiskTask, partial: str) -> list[list[str]]:
    if task.backing_path is None:
        if task.size_bytes <= 0:
            raise No("refused", "bad-input", "size_bytes: must be more than 0")
        return [["create", "-q", "-f", task.format, partial, str(task.size_bytes)]]
    template = image_behind(task.backing_path)
    size = str(max(task.size_bytes, template.size_bytes))
    if task.format == "raw":  # has no room for a reference to its template
        return [
            ["convert", "-q", "-f", template.format, "-O", "raw", task.backing_path, partial],
            ["resize", "-q", "-f", "raw", partial, size],
        ]
    return [["create", "-q", "-f", task.format, "-b", task.backing_path, "-F", template.format, partial, size]]


def claim(task: DiskTask) -> None:
    """Only one volume ever owns a path."""
    if not os.path.isdir(os.path.dirname(task.path)):
        raise No("refused", "not-mounted", f"there is no directory {os.path.dirname(task.path)}")
    if os.path.exists(task.path) and not os.path.exists(owner_file(task.path)):
        raise No("refused", "volume-exists", f"{task.path} is there and nobody's volume")
    with open(owner_file(task.path), "a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        owner = file.read()
        if not owner:  # new, or left behind by one who died between making and writing it
            file.write(task.volume_id)
        elif owner != task.volume_id:
            raise _taken(task.path, owner)


def check_owner(task: DiskTask) -> None:
    with open(owner_file(task.path), encoding="utf-8") as file:
        owner = file.read()
    if owner not in ("", task.volume_id):
        raise _taken(task.path, owner)


def _taken(path: str, owner: str) -> No:
    return No("refused", "volume-exists", f"{path} belongs to volume {owner}")


def owner_file(path: str) -> str:
    return f"{path}.owner"


def remove_disk(task: DiskTask) -> Answer:
    if os.path.exists(owner_file(task.path)):
        check_owner(task)
    elif os.path.exists(task.path):
        raise No("refused", "volume-exists", f"{task.path} is nobody's volume")
    if os.path.exists(task.path) and LOCKED_WORDS in qemu_img("info", task.path).stderr:
        raise No("refused", "in-use", f"{task.path} is open in a hypervisor")
    for file in (task.path, f"{task.path}.partial", owner_file(task.path)):
        remove_if_there(file)
    return Answer()


def grow_disk(task: DiskTask) -> Answer:
    """QEMU's lock on the image refuses it while a guest has it open."""
    if not os.path.exists(owner_file(task.path)):
        raise No("refused", "no-such-volume", f"{task.path} is nobody's volume")
    check_owner(task)
    if image_facts(task.path, "-f", task.format)["virtual-size"] >= task.size_bytes:
        return Answer(detail="it is as big already")
    grown = qemu_img("resize", "-q", "-f", task.format, task.path, str(task.size_bytes))
    if LOCKED_WORDS in grown.stderr:
        raise No("refused", "in-use", f"{task.path} is open in a hypervisor")
    if grown.returncode != 0:
        raise No("failed", "not-grown", grown.stderr.strip())
    return Answer()


def remove_if_there(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


# --- this process ---


def carry_out(verb: str, task: dict[str, Any]) -> Answer:
    try:
        match verb:
            case "check":
                return check_pool(CheckTask(**task))
            case "prepare":
                return prepare_disk(DiskTask(**task))
            case "remove":
                return remove_disk(DiskTask(**task))
            case "grow":
                return grow_disk(DiskTask(**task))
            case _:
                return Answer(state="failed", code="broken", detail=f"no such work: {verb}")
    except No as no:
        return no.answer
    except OSError as error:
        return Answer(state="failed", code="io-error", detail=str(error))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(carry_out(sys.argv[1], json.load(sys.stdin)))))
