"""The types of events that this controller writes, in CloudStack's spelling; a test holds the list to the sources."""

EVENT_TYPES = (
    "CONFIGURATION.VALUE.EDIT",
    "HA.RESOURCE.CONFIGURE",
    "HA.RESOURCE.DISABLE",
    "HA.RESOURCE.ENABLE",
    "HA.STATE.TRANSITION",
    "HOST.OOBM.ACTION",
    "HOST.TWIN",
    "MAINT.CANCEL.PS",
    "MAINT.PREPARE",
    "MAINT.PREPARE.PS",
    "VM.CREATE",
    "VM.DESTROY",
    "VM.EXPUNGE",
    "VM.MIGRATE",
    "VM.REBOOT",
    "VM.RECOVER",
    "VM.RESTORE",
    "VM.SETTLE",
    "VM.START",
    "VM.STOP",
)
