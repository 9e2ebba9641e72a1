"""``timbre power``: the numbers it names give the power that they claim, and it says what it lacks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from results.policy import load_policy
from results.power import power
from results.power_command import power as command
from results.statistics import canaries_to_block, fault_canaries_to_block, margin_p, mcnemar
from timbre.errors import TimbreError

Simulate = Callable[..., pd.DataFrame]
WriteLog = Callable[..., Path]
POLICY = load_policy()


@pytest.mark.parametrize("among", [1, 4])
def test_a_loss_of_twice_the_margin_is_blocked_four_times_in_five_at_the_number_named(among: int) -> None:
    """Under Holm's first step, the strictest there is."""
    spread, margin, tables = 0.2, 0.1, 400
    n = canaries_to_block(spread, margin, among)
    lost = np.random.default_rng(among).normal(-2 * margin, spread, (n, tables))
    blocked = sum(margin_p(column, margin) <= 0.025 / among for column in lost.T)
    assert blocked >= 0.76 * tables  # two standard errors of 400 tables below .8


def test_the_number_for_a_fault_gives_the_power_it_claims() -> None:
    n = fault_canaries_to_block(0.2, 0.025)
    worse = np.random.default_rng(1).binomial(n, 0.2, 4000)
    assert np.mean([mcnemar(int(w), 0) <= 0.025 for w in worse]) >= 0.78


def test_the_spread_is_that_of_paired_differences_pooled_over_runs(simulate: Simulate) -> None:
    rng = np.random.default_rng(2)
    base = rng.random((50, 1))
    steps = [rng.normal(0.1, 0.1, (50, 1)), rng.normal(-0.2, 0.3, (50, 1))]
    table = simulate(
        {"a": {"compression": base}} | {f"b{i}": {"compression": base + s} for i, s in enumerate(steps)}
    )
    found = power(table, ["a", "b0", "b1"], POLICY)[0]
    assert found.n == 100
    assert found.spread == pytest.approx(np.sqrt(np.mean([s.var(ddof=1) for s in steps])))


def test_a_wider_spread_takes_more_canaries(simulate: Simulate) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 1, (30, 1))
    counts = [
        power(
            simulate({"a": {"compression": 0 * noise}, "b": {"compression": s * noise}}), ["a", "b"], POLICY
        )[0]
        for s in (0.1, 0.2)
    ]
    assert counts[0].to_pass is not None and counts[1].to_pass is not None
    assert counts[0].to_pass < counts[1].to_pass


def test_the_command_reads_logs_and_tells_every_dimension_of_the_policy(write_log: WriteLog) -> None:
    write_log("baseline")
    path = write_log("run2", scores=lambda canary, epoch: {"compression": 0.3 + 0.02 * canary})
    done = CliRunner().invoke(command, ["--logs", str(path.parent)])
    assert done.exit_code == 0, done.output
    assert "compression" in done.output and "self_insertion*" in done.output
    told = json.loads(CliRunner().invoke(command, ["--logs", str(path.parent), "--json"]).output)
    assert told["runs"] == ["baseline", "run2"]


def test_one_run_is_told_to_bring_another(write_log: WriteLog) -> None:
    path = write_log("run2")
    done = CliRunner().invoke(command, ["--logs", str(path.parent)])
    assert isinstance(done.exception, TimbreError) and "two runs" in str(done.exception)


def test_a_run_that_the_table_lacks_is_named(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("run,canary,epoch,dimension,value\na,c,1,compression,0.5\nb,c,1,compression,0.5\n")
    done = CliRunner().invoke(command, ["a", "x", "--scores", str(table)])
    assert isinstance(done.exception, TimbreError) and "'x'" in str(done.exception)
