"""Hosts, guests, storage, networks and power controllers that exist only in memory, and break on command."""
