"""The evidence of one run: its log, its folder, and the runs that it is compared with."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from results.logs import logged_runs, read_logs
from results.policy import Policy
from results.records import RunLog
from results.verdicts import GateResult
from training.runs import BASELINE, Run, read_run

_FEW_SHOT = re.compile(rf"{BASELINE}\+\d+shot")

Gate = Callable[[RunLog, RunLog], GateResult]
"""A gate between the logs of a baseline and a candidate."""


@dataclass(frozen=True)
class Story:
    """One run with its evidence; what is missing is None."""

    log: RunLog
    facts: Run | None  # its folder; None for the baseline
    baseline: RunLog | None  # on the same suite; None for the baseline itself
    parent: RunLog | None  # the run that this one is a change of, on the same suite
    parent_facts: Run | None
    result: GateResult | None  # against the baseline
    parent_result: GateResult | None  # against the parent, by the same policy
    policy: Policy
    few_shot: RunLog | None = None  # the baseline with pairs in its prompt, on the same suite


def read_story(
    run: str, places: Sequence[Path], runs: Path, policy: Policy, gate: Gate, suite: str | None = None
) -> Story:
    """Gather the story of ``run`` from its logs and its folder in ``runs``.

    Raises:
        TimbreError: the run has no whole log, or a file of it can't be read.
    """
    suites = logged_runs(places)
    shares_suite = suites.get(run, frozenset()) & suites.get(BASELINE, frozenset())
    names = [BASELINE, run] if run != BASELINE and shares_suite else [run]
    *first, log = read_logs(places, names, suite)
    facts = read_run(run.partition("+")[0], runs)
    on_suite = [name for name in suites if log.suite in suites[name] and name not in names]
    further = [name for name in on_suite if _FEW_SHOT.fullmatch(name) or (facts and name == facts.parent)]
    more = read_logs(places, further, log.suite) if further else ()
    others = {each.run: each for each in (*first, *more)}
    baseline = others.get(BASELINE)
    parent = others.get(facts.parent) if facts and facts.parent else None
    shots = sorted(name for name in others if _FEW_SHOT.fullmatch(name))
    return Story(
        log=log,
        facts=facts,
        baseline=baseline,
        parent=parent,
        parent_facts=read_run(facts.parent, runs) if facts and facts.parent else None,
        result=gate(baseline, log) if baseline else None,
        parent_result=gate(parent, log) if parent else None,
        policy=policy,
        few_shot=others[shots[0]] if baseline and shots else None,
    )
