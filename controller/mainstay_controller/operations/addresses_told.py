"""Addresses that we tell people, such as those of downloads and consoles."""

from __future__ import annotations

from urllib.parse import urlparse

from mainstay_controller.operations.cloud import Cloud


def base_url(origin: str, cloud: Cloud) -> str:
    """`origin`: where the user reached us, such as http://10.0.0.1:8080; endpoint.url stands before it."""
    told = urlparse(cloud.settings.endpoint_url)
    return f"{told.scheme}://{told.netloc}" if told.netloc else origin
