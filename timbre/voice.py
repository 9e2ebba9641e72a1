"""The main job, end to end: train two runs, ask them the canaries, gate, write the log and the report.

    make voice

Each step reuses what is still valid: a run with the same settings, data and base; a finished eval of the
same run, suite, judges and decoding. Interrupted, it goes on where it stopped when it is called again.
"""

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from timbre.errors import TimbreError
from timbre.eval_set import evaluate, run_step
from timbre.paths import CHECKOUT, DEFAULT_VOICE, logs_dir, results_dir, runs_dir
from training.runs import BASELINE

if TYPE_CHECKING:
    from results.comparison import RunScore
    from results.policy import Policy
    from results.records import RunLog
    from results.verdicts import GateResult

RUNS = {"run1": "log-run1.toml", "run2": "log-run2.toml"}
"""The founding experiment: one change between the two, the collator."""

SHOTS = 4
FEW_SHOT = f"{BASELINE}+{SHOTS}shot"
"""The arm to beat: the base with the writer's shortest good pairs in the prompt, and no training."""

ARMS = (BASELINE, *RUNS, FEW_SHOT)
LAST = "run2"
"""The run that is held against the baseline."""

PLAN = f"""\
Two runs of one model on the same pairs, and one difference. run1 has a bug on purpose: its collator overwrites
the mask, so it learns the prompts too. run2 has the mask right. Both answer the smoke canaries beside the baseline
and beside {FEW_SHOT} (the baseline shown {SHOTS} of the pairs). The gate then says whether run2 lost anything
against the baseline. About six minutes on two cores, and one more for each fault of run2 that may be chance and is
asked again; a second call reuses what is still valid."""

NEXT = (
    '.venv/bin/timbre ask run2,baseline "What do you make of umbrellas?"',
    ".venv/bin/timbre parity run2      (is the model that is served the one that was trained?)",
    ".venv/bin/timbre augment YOUR_ESSAYS/ -o mine.jsonl      (your own voice; each step names the next)",
)


def main() -> None:
    """Run every step; a user's mistake or a failed step is one line and a non-zero exit status."""
    try:
        run_all()
    except TimbreError as error:
        print(f"timbre: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("timbre: interrupted; `make voice` goes on from here", file=sys.stderr)
        sys.exit(130)


def run_all() -> None:
    """Train, evaluate, gate, write.

    Raises:
        TimbreError: a step failed.
    """
    began = time.monotonic()
    logs = logs_dir() / "voice"
    print(PLAN)
    say("1/4  Training run1 and run2 (LoRA on the embedded base, about a minute each)")
    for name, preset in RUNS.items():
        path = CHECKOUT / "training" / "presets" / preset
        run_step(["timbre", "train", str(path), "--name", name, "--replace"], f"training {name} failed")
        if not logs.exists():
            warm_up()
    say(f"2/4  Asking {', '.join(ARMS)} the smoke canaries, all at once")
    evaluate(ARMS, logs)
    results = ask_again(Results.read(logs), logs)
    say(f"3/4  Gate: {LAST} against {BASELINE}")
    sentence = show_results(results)
    say("4/4  Writing the log and the report")
    log, report = write_pages(results)
    print()
    print(f"log      {log}")
    print(f"report   {report}")
    print(f"logs     {logs}  (look with: .venv/bin/inspect view --log-dir {logs})")
    print(f"verdict  {sentence}")
    print(f"time     {(time.monotonic() - began) / 60:.1f} minutes")
    print()
    print("next     " + "\n         ".join(NEXT))


def say(line: str) -> None:
    """A step's headline, in order with what the steps print."""
    print(f"\n{line}", flush=True)


def warm_up() -> None:
    """Let the server start beside the next training; it does nothing where one is starting or runs.

    What goes wrong with it is told by the eval, which needs it.
    """
    command = [sys.executable, "-m", "timbre", "serve"]
    subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@dataclass(frozen=True)
class Results:
    """The logs of all arms by name, and what is made of them once for the table, the log and the report."""

    folder: Path  # of the logs
    logs: "Mapping[str, RunLog]"
    policy: "Policy"
    _gates: "dict[tuple[str, str], GateResult]" = field(default_factory=dict)

    @classmethod
    def read(cls, logs: Path) -> Self:
        """The latest logs in a folder."""
        from results.logs import read_logs
        from results.policy import load_policy

        return cls(logs, {log.run: log for log in read_logs((logs,), ARMS, "smoke")}, load_policy())

    def gate(self, before: "RunLog", after: "RunLog") -> "GateResult":
        """One run against another."""
        from results.gate import gate_logs

        pair = before.run, after.run
        if pair not in self._gates:
            self._gates[pair] = gate_logs(before, after, self.policy)
        return self._gates[pair]

    @property
    def verdict(self) -> "GateResult":
        """The last run against the baseline."""
        return self.gate(self.logs[BASELINE], self.logs[LAST])

    @cached_property
    def scores(self) -> "tuple[RunScore, ...]":
        """Every arm beside the baseline."""
        from results.comparison import side_by_side
        from results.table import score_table

        return side_by_side(score_table(self.logs.values()), ARMS, self.policy)


def ask_again(results: Results, logs: Path) -> Results:
    """Ask baseline and last run again what showed a hard fault that may be chance, so that the gate can decide."""
    from results.verdicts import RETAKES

    canaries = results.verdict.to_ask_again
    if not canaries:
        return results
    takes = max(s.epoch for s in results.logs[LAST].samples) + RETAKES
    say(f"     A fault of {LAST} may be chance: asking {', '.join(canaries)} {RETAKES} times more")
    evaluate([BASELINE, LAST], logs / "again" / "_".join(canaries), canaries=canaries, epochs=takes)
    return Results.read(logs)


def show_results(results: Results) -> str:
    """Print the table of all arms and the gate's table; return the verdict in one sentence.

    The few-shot arm is in the table where it beats the runs.
    """
    from results.records import differences
    from results.terminal import show_gate, show_runs, without_counted
    from results.verdicts import summary_sentence

    wins, sentence = few_shot_wins(results.scores)
    shown = [arm for arm in ARMS if wins or arm != FEW_SHOT]
    of_shown = without_counted([s for s in results.scores if s.run in shown])
    show_runs(shown, of_shown, differences([results.logs[arm] for arm in shown]))
    print(f"{sentence}\n")
    show_gate(results.verdict)
    return summary_sentence(results.verdict)


def few_shot_wins(scores: "Sequence[RunScore]") -> tuple[bool, str]:
    """Whether pairs in the prompt sound more like the writer than any run does, and a sentence that says so.

    Args:
        scores: Of all arms; compared are their means of voice_match.
    """
    likeness = {s.run: s.mean.estimate for s in scores if s.dimension == "voice_match"}
    best = max(RUNS, key=lambda name: likeness[name])
    wins = likeness[FEW_SHOT] > likeness[best]
    return wins, (
        f"{SHOTS} pairs in the prompt and no training: voice_match {likeness[FEW_SHOT]:.3f}, "
        f"{'more' if wins else 'not more'} than the best run's ({best}, {likeness[best]:.3f})"
    )


def write_pages(results: Results) -> tuple[Path, Path]:
    """LOG.md with a section a run, results/report.html, and each run's table in its log."""
    from results.log import export
    from results.report import write_report
    from results.story import read_story
    from results.trackers import write_into_log

    log, report, folder = CHECKOUT / "LOG.md", results_dir() / "report.html", runs_dir()
    for name in RUNS:
        export(read_story(name, [results.folder], folder, results.policy, results.gate, "smoke"), log)
    shown = [results.logs[arm] for arm in (BASELINE, *RUNS)]
    write_report(shown, results.policy, report, results.gate, runs=folder, voice=DEFAULT_VOICE)
    scores = [s for s in results.scores if s.run != FEW_SHOT]
    for of_run in shown:
        write_into_log(of_run, scores)
    return log, report


if __name__ == "__main__":
    main()
