"""The main job, end to end: train two runs, ask them the canaries, gate, write the log and the report.

    make voice

Each step reuses what is still valid: a run with the same settings, data and base; a finished eval of the
same run, suite, judges and decoding. Interrupted, it goes on where it stopped when it is called again.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from timbre.errors import TimbreError
from timbre.eval_set import evaluate, run_step
from timbre.paths import CHECKOUT, DEFAULT_VOICE, logs_dir, results_dir, runs_dir
from training.runs import BASELINE

if TYPE_CHECKING:
    from results.comparison import RunScore

RUNS = {"run1": "log-run1.toml", "run2": "log-run2.toml"}
"""The founding experiment: one change between the two, the collator."""

SHOTS = 4
FEW_SHOT = f"{BASELINE}+{SHOTS}shot"
"""The arm to beat: the base with the writer's shortest good pairs in the prompt, and no training."""

PLAN = f"""\
Two runs of one model on the same pairs, and one difference. run1 has a bug on purpose: its collator overwrites
the mask, so it learns the prompts too. run2 has the mask right. Both answer the smoke canaries beside the baseline
and beside {FEW_SHOT} (the baseline shown {SHOTS} of the pairs). The gate then says whether run2 lost anything
against the baseline. About eight minutes on two cores, and three more where a fault of run2 may be chance and is
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
    arms = [BASELINE, *RUNS]
    logs = logs_dir() / "voice"
    print(PLAN)
    say("1/4  Training run1 and run2 (LoRA on the embedded base, about a minute each)")
    for name, preset in RUNS.items():
        path = CHECKOUT / "training" / "presets" / preset
        run_step(["timbre", "train", str(path), "--name", name, "--replace"], f"training {name} failed")
        if not logs.exists():
            warm_up()
    say(f"2/4  Asking {', '.join([*arms, FEW_SHOT])} the smoke canaries, all at once")
    evaluate([*arms, FEW_SHOT], logs)
    ask_again(arms, logs)
    say("3/4  Gate: run2 against baseline")
    sentence = show_results(arms, logs)
    say("4/4  Writing the log and the report")
    log, report = write_pages(arms, logs)
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


def ask_again(arms: list[str], logs: Path) -> None:
    """Ask baseline and last run again what showed a hard fault that may be chance, so that the gate can decide."""
    from results.gate import gate_logs
    from results.logs import read_logs
    from results.policy import load_policy
    from results.verdicts import RETAKES

    first, last = arms[0], arms[-1]
    baseline, candidate = read_logs((logs,), (first, last), "smoke")
    canaries = gate_logs(baseline, candidate, load_policy()).to_ask_again
    if canaries:
        takes = max(s.epoch for s in candidate.samples) + RETAKES
        say(f"     A fault of {last} may be chance: asking {', '.join(canaries)} {RETAKES} times more")
        evaluate([first, last], logs / "again" / "_".join(canaries), canaries=canaries, epochs=takes)


def show_results(arms: list[str], logs: Path) -> str:
    """Print the table of all arms and the gate's table; return the verdict in one sentence.

    The few-shot arm is in the table where it beats the runs.
    """
    from results.comparison import side_by_side
    from results.conditions import differences
    from results.gate import gate_logs
    from results.logs import read_logs
    from results.policy import load_policy
    from results.table import score_table
    from results.terminal import show_gate, show_runs, without_counted
    from results.verdicts import summary_sentence

    read = read_logs((logs,), arms, "smoke")
    policy = load_policy()
    result = gate_logs(read[0], read[-1], policy)
    everyone = [*arms, FEW_SHOT]
    with_few_shot = (*read, *read_logs((logs,), [FEW_SHOT], "smoke"))
    scores = side_by_side(score_table(with_few_shot), everyone, policy)
    wins, told = few_shot_wins(scores)
    shown = everyone if wins else arms
    of_shown = without_counted([s for s in scores if s.run in shown])
    show_runs(shown, of_shown, differences(with_few_shot if wins else read))
    print(f"{told}\n")
    show_gate(result)
    return summary_sentence(result)


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


def write_pages(arms: list[str], logs: Path) -> tuple[Path, Path]:
    """LOG.md with a section a run, results/report.html, and each run's table in its log."""
    from results.comparison import side_by_side
    from results.log import export
    from results.log_metadata import write_into_log
    from results.logs import read_logs
    from results.policy import load_policy
    from results.report import write_report
    from results.story import read_story
    from results.table import score_table

    policy = load_policy()
    read = read_logs((logs,), arms, "smoke")
    scores = side_by_side(score_table(read), arms, policy)
    for of_run in read:
        write_into_log(of_run, BASELINE, scores)
    log, report = CHECKOUT / "LOG.md", results_dir() / "report.html"
    for name in RUNS:
        export(read_story(name, (logs,), runs_dir(), policy, "smoke"), log)
    write_report(read, policy, report, runs=runs_dir(), voice=DEFAULT_VOICE)
    return log, report


if __name__ == "__main__":
    main()
