"""The agent of a hypervisor host, and the lease daemon beside it."""
