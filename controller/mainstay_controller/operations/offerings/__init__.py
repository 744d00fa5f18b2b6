"""The sizes in which computing and disks are offered."""
