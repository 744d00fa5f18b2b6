"""HAProxy accepts the configuration that is shipped."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kit.needs import needs

SHIPPED = Path(__file__).parents[2] / "packaging" / "haproxy" / "haproxy.cfg"


def test_haproxy_accepts_the_configuration() -> None:
    needs("haproxy")

    checked = subprocess.run(["haproxy", "-c", "-f", str(SHIPPED)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stderr
