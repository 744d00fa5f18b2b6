"""What an agent does, written once for every hypervisor: plain asyncio over ports, on real or on virtual time."""
