"""Every figure in the analysis can be found in the section it stands under."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from results.export import section
from results.policy import load_policy
from results.story import read_story

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.\d+(?![\w.])")


@pytest.mark.parametrize("gain", [-0.3, 0.0, 0.3])
def test_every_decimal_in_the_analysis_stands_in_the_tables_or_is_a_difference_of_two_answers(
    write_log: Callable[..., Path], write_run: Callable[..., Path], gain: float
) -> None:
    steps = {"run1": 0.05, "run2": gain}
    write_log("baseline", scores=lambda c, e: {"specificity": 0.4 + 0.01 * c})
    for run, step in steps.items():
        logs = write_log(
            run, scores=lambda c, e, step=step: {"specificity": 0.4 + 0.01 * c + step + 0.02 * (c % 3)}
        ).parent
    write_run("run1", [(3.15, 3.6), (3.0, 3.5), (2.9, 3.44)])
    runs = write_run("run2", [(2.81, 3.41), (2.7, 3.4), (2.6, 3.39)], parent="run1")
    made = section(read_story("run2", (logs,), runs, load_policy()))
    tables, _, analysis = made.partition("### Analysis")
    against_parent = analysis.partition("**Run against run**")[2].partition("**Key takeaway.**")[0]
    told = analysis.replace(against_parent, "")
    known = {f"{abs(float(n)):.2f}" for n in _NUMBER.findall(tables)}
    untraced = [n for n in _NUMBER.findall(told) if f"{abs(float(n)):.2f}" not in known]
    assert known and _NUMBER.findall(told)
    assert untraced == []
    # Canary by canary the figure is the candidate's less the parent's: run2 and run1 differ by one step.
    moved = {n for n in re.findall(r"\(([-+]\d\.\d\d)\)", against_parent)}
    assert moved <= {f"{gain - 0.05:+.2f}"}
