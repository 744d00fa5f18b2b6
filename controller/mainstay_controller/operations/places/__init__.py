"""Zones, pods and clusters."""
