"""False alarms of the self-insertion detector: flags where the prompt invites the writer's own life."""

from collections.abc import Sequence
from dataclasses import dataclass

from results.policy import Policy
from results.records import RunLog
from results.statistics import Interval, rate_interval

KEY = "self_insertion"


@dataclass(frozen=True)
class FalseAlarms:
    """One run's count.

    Attributes:
        run: Run name.
        flagged: Answers flagged, none of which counts as a fault.
        answers: Answers to licensed canaries that the detector scored.
        rate: With its Wilson 95 % interval; answers to one canary count apart.
    """

    run: str
    flagged: int
    answers: int
    rate: Interval

    @property
    def told(self) -> str:
        """The count as a clause."""
        if not self.answers:
            return f"{self.run}: no canary licenses the first person"
        return f"{self.run}: {self.flagged} of {self.answers} answers to licensed canaries flagged"


def false_alarms(logs: Sequence[RunLog], policy: Policy) -> tuple[FalseAlarms, ...]:
    """A count a run; licensed canaries decide nothing, so these are the detector's errors, not the run's."""
    rule = policy.dimensions.get(KEY)
    fault_at = rule.fault_at if rule and rule.fault_at is not None else 0.5
    found = []
    for log in logs:
        values = [s.judgements[KEY].value for s in log.samples if s.licensed]
        scored = [value for value in values if value is not None]
        flagged = sum(value >= fault_at for value in scored)
        found.append(FalseAlarms(log.run, flagged, len(scored), rate_interval(flagged, len(scored))))
    return tuple(found)
