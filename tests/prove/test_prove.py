"""The proof in small: the whole of it is `make prove`."""

from __future__ import annotations

import pytest

from tests.kit.needs import needs
from tests.prove.spin import search
from tests.prove.trials import ROOMY, CodeTrial, code_trials

QUICK = ("T_dead - 1 tick", "drain - 1 tick", "an order that names no generation is obeyed")


@pytest.mark.parametrize("trial", [each for each in code_trials() if each.name in QUICK], ids=lambda trial: trial.name)
def test_the_shipped_code_hurt_by_one_tick_or_rule_runs_a_vm_twice(trial: CodeTrial) -> None:
    assert trial.run().is_broken


def test_the_shipped_code_as_it_is_never_does() -> None:
    [sound] = [trial for trial in code_trials() if trial.name == "sound"]

    assert not sound.run().is_broken


@pytest.mark.parametrize(("defines", "is_broken"), [((), False), (("T_DEAD=6",), True), (("RESURRECTION",), True)])
def test_the_model_agrees(defines: tuple[str, ...], is_broken: bool) -> None:
    needs("spin", "gcc")

    assert search(ROOMY, defines).is_broken == is_broken
