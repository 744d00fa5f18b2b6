"""Pools, volumes, templates and image stores."""
