"""KVM and QEMU hosts through libvirt; the only package that imports `libvirt`, an optional extra of the agent."""
