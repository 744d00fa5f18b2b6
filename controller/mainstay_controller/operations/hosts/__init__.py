"""Hosts: how they come in, what they are told, and their power controllers."""
