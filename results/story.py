"""The evidence of one run: its log, its folder, and the runs that it is compared with."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from judges.licensing.licence import LICENCES
from results.gate import gate_logs
from results.logs import logged_runs, read_logs
from results.policy import Policy
from results.records import RunLog
from results.run_facts import RunFacts, read_run_facts
from results.verdicts import GateResult
from training.runs import BASELINE


@dataclass(frozen=True)
class Story:
    """One run with its evidence; what is missing is None."""

    log: RunLog
    facts: RunFacts | None  # its folder; None for the baseline
    baseline: RunLog | None  # on the same suite; None for the baseline itself
    parent: RunLog | None  # the run that this one is a change of, on the same suite
    parent_facts: RunFacts | None
    result: GateResult | None  # against the baseline
    parent_result: GateResult | None  # against the parent, by the same policy
    policy: Policy
    few_shot: RunLog | None = None  # the baseline with pairs in its prompt, on the same suite


def read_story(
    run: str,
    places: Sequence[Path],
    runs: Path,
    policy: Policy,
    suite: str | None = None,
    licences: Path = LICENCES,
    ceilings: Mapping[str, float] | None = None,
) -> Story:
    """Gather the story of ``run`` from its logs and its folder.

    Args:
        run: Its name in the logs.
        places: Log files and folders.
        runs: The folder of run folders.
        policy: For the gate.
        suite: As ``read_logs`` takes it.
        licences: The folder of licences.
        ceilings: By dimension, the writer's own mean, for margins that are a share of the way to it.

    Raises:
        TimbreError: the run has no whole log, or a file of it can't be read.
    """
    suites = logged_runs(places)
    shares_suite = suites.get(run, frozenset()) & suites.get(BASELINE, frozenset())
    names = [BASELINE, run] if run != BASELINE and shares_suite else [run]
    *first, log = read_logs(places, names, suite)
    baseline = first[0] if first else None
    facts = read_run_facts(run.partition("+")[0], runs)

    def read_other(name: str | None) -> RunLog | None:
        on_suite = name is not None and log.suite in suites.get(name, frozenset())
        return read_logs(places, [name], log.suite)[0] if name is not None and on_suite else None

    parent = read_other(facts.parent if facts else None)
    shots = sorted(name for name in suites if re.fullmatch(rf"{BASELINE}\+\d+shot", name))
    return Story(
        log=log,
        facts=facts,
        baseline=baseline,
        parent=parent,
        parent_facts=read_run_facts(facts.parent, runs) if facts and facts.parent else None,
        result=gate_logs(baseline, log, policy, licences, ceilings=ceilings) if baseline else None,
        parent_result=gate_logs(parent, log, policy, licences, ceilings=ceilings) if parent else None,
        policy=policy,
        few_shot=next(filter(None, map(read_other, shots)), None) if baseline else None,
    )
