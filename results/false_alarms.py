"""False alarms of the self-insertion detector: flags where the prompt invites the writer's own life.

The judge knows which prompts do and holds no claim against an answer to them, so a flag there is a fault of
the judge, or of a log that it didn't write. Told beside it: answers in which it saw a claim and let it pass.
"""

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
        flagged: Answers flagged, none of which counts as a fault of the run.
        passed: Answers with a claim that was seen and, as licensed, not flagged.
        answers: Answers to licensed canaries that the detector scored.
        rate: With its Wilson 95 % interval; answers to one canary count apart.
    """

    run: str
    flagged: int
    passed: int
    answers: int
    rate: Interval

    @property
    def told(self) -> str:
        """The count as a clause."""
        if not self.answers:
            return f"{self.run}: no canary licenses the first person"
        return (
            f"{self.run}: {self.flagged} of {self.answers} answers to licensed canaries flagged, "
            f"{self.passed} with a claim that the licence covers"
        )


def false_alarms(logs: Sequence[RunLog], policy: Policy) -> tuple[FalseAlarms, ...]:
    """A count a run; licensed canaries decide nothing, so these are the detector's errors, not the run's."""
    rule = policy.dimensions.get(KEY)
    fault_at = rule.fault_at if rule and rule.fault_at is not None else 0.5
    found = []
    for log in logs:
        judged = [s.judgements[KEY] for s in log.samples if s.licensed]
        flags = [j.value >= fault_at for j in judged if j.value is not None]
        passed = sum(j.value is not None and j.details.get("licensed_spans", 0) > 0 for j in judged)
        found.append(
            FalseAlarms(log.run, sum(flags), passed, len(flags), rate_interval(sum(flags), len(flags)))
        )
    return tuple(found)
