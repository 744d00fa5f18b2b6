"""The alert rules are rules, and rules and dashboard speak only of figures that a controller tells."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from prometheus_client import CollectorRegistry

from mainstay_controller.api.metrics import Metrics
from mainstay_controller.store.port import Unreachable
from tests.kit.api import a_cloud, an_api
from tests.kit.needs import needs

PACKAGING = Path(__file__).parents[2] / "packaging"
RULES = PACKAGING / "prometheus" / "mainstay-alerts.yml"
DASHBOARD = PACKAGING / "grafana" / "mainstay.json"
NAME = re.compile(r"\bmainstay_[a-z_]+")
SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created")


def plain(name: str) -> str:
    return next((name.removesuffix(suffix) for suffix in SUFFIXES if name.endswith(suffix)), name)


def figures_told() -> set[str]:
    registry = CollectorRegistry()
    Metrics(a_cloud(), registry)
    api = {"mainstay_api_requests", "mainstay_api_seconds"}
    return {metric.name for metric in registry.collect()} | api


def test_promtool_accepts_the_alert_rules() -> None:
    needs("promtool")

    checked = subprocess.run(["promtool", "check", "rules", str(RULES)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_rules_and_dashboard_name_figures_that_exist() -> None:
    queries = [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    rules = [line for line in RULES.read_text().splitlines() if not line.lstrip().startswith("#")]

    named = {plain(name) for text in (*queries, *rules) for name in NAME.findall(text)}

    assert named <= figures_told()


async def test_a_figure_that_cannot_be_had_leaves_the_others() -> None:
    cloud = a_cloud()

    class Away:
        async def count(self, *_where: object) -> int:
            raise Unreachable("the database is away")

    cloud.store.jobs = Away()  # type: ignore[assignment]
    async with an_api(cloud=cloud) as client:
        async with client.http.get(client.url.replace("/client/api", "/metrics")) as answer:
            told = await answer.text()

    assert answer.status == 200
    assert 'mainstay_scrape_failures_total{figure="jobs"} 1.0' in told
    assert "mainstay_event_loop_lag_seconds 0.0" in told
