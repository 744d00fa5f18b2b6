"""What this cloud itself notes in the details of hosts, pools and places, beside what operators write there."""

from __future__ import annotations

HA_SWITCH = "resourceHAEnabled"
"""On a host, cluster or zone: "false" where the cloud may not act on hosts that it has lost."""
STOPPED_FOR_IT = "stoppedForMaintenance"
"""On a pool: the ids of the VMs that were stopped for its maintenance, separated by commas."""
OURS = (HA_SWITCH, STOPPED_FOR_IT)
