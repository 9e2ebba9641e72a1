"""All that can be told of one run: its log, its folder, and what it is held against."""

from collections.abc import Sequence
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
    """One run with its evidence; what is missing is None.

    Attributes:
        log: The run's log.
        facts: Its folder; None for the baseline.
        baseline: The baseline's log on the same suite; None for the baseline itself.
        parent: Log of the run that this one is a change of, on the same suite.
        parent_facts: Its folder.
        result: The gate against the baseline.
        parent_result: The same policy against the parent.
        policy: What the gate went by.
    """

    log: RunLog
    facts: RunFacts | None
    baseline: RunLog | None
    parent: RunLog | None
    parent_facts: RunFacts | None
    result: GateResult | None
    parent_result: GateResult | None
    policy: Policy


def read_story(
    run: str,
    places: Sequence[Path],
    runs: Path,
    policy: Policy,
    suite: str | None = None,
    licences: Path = LICENCES,
) -> Story:
    """Gather the story of ``run`` from its logs and its folder.

    Args:
        run: Its name in the logs.
        places: Log files and folders.
        runs: The folder of run folders.
        policy: For the gate.
        suite: As ``read_logs`` takes it.
        licences: The folder of licences.

    Raises:
        TimbreError: the run has no whole log, or a file of it can't be read.
    """
    suites = logged_runs(places)
    against = (
        [BASELINE]
        if run != BASELINE and suites.get(run, frozenset()) & suites.get(BASELINE, frozenset())
        else []
    )
    *first, log = read_logs(places, [*against, run], suite)
    baseline = first[0] if first else None
    facts = read_run_facts(run.partition("+")[0], runs)
    parent_name = facts.parent if facts else None
    parent = None
    if parent_name and log.suite in suites.get(parent_name, frozenset()):
        (parent,) = read_logs(places, [parent_name], log.suite)
    return Story(
        log=log,
        facts=facts,
        baseline=baseline,
        parent=parent,
        parent_facts=read_run_facts(parent_name, runs) if parent_name else None,
        result=gate_logs(baseline, log, policy, licences) if baseline else None,
        parent_result=gate_logs(parent, log, policy, licences) if parent else None,
        policy=policy,
    )
