"""Operating systems that a template can be of: a short list, with ids that never change.  Bookkeeping only."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True)
class OsType:
    category: str
    description: str

    @property
    def id(self) -> str:
        return _id_of(f"type {self.description}")

    @property
    def category_id(self) -> str:
        return category_id(self.category)


def category_id(name: str) -> str:
    return _id_of(f"category {name}")


def _id_of(name: str) -> str:
    """A uuid that is the same everywhere and always."""
    digits = sha256(f"mainstay os {name}".encode()).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"


OS_TYPES = (
    *(OsType("CentOS", f"CentOS {version}") for version in ("7 (64-bit)", "Stream 8", "Stream 9")),
    *(OsType("Debian", f"Debian GNU/Linux {version} (64-bit)") for version in ("11", "12", "13")),
    *(OsType("Ubuntu", f"Ubuntu {version} LTS") for version in ("20.04", "22.04", "24.04")),
    *(OsType("RedHat", f"Red Hat Enterprise Linux {version}") for version in ("8", "9", "10")),
    OsType("SUSE", "SUSE Linux Enterprise Server 15 (64-bit)"),
    *(OsType("Windows", f"Windows Server {version} (64-bit)") for version in ("2019", "2022", "2025")),
    OsType("Unix", "FreeBSD 14 (64-bit)"),
    OsType("None", "None"),
    *(OsType("Other", f"Other Linux ({bits}-bit)") for bits in (32, 64)),
    OsType("Other", "Other PV (64-bit)"),
)


def name_of(id: str) -> str:
    """`None` is what CloudStack calls the system of a template that does not say."""
    return next((each.description for each in OS_TYPES if each.id == id), "None")
