"""What to do after a run: each step follows from a figure of it and names its command; a sound run may have none."""

import itertools
from collections.abc import Iterator

from results.failure_modes import FailureMode
from results.story import Story
from results.verdicts import NextStep, eval_command, next_step
from training.runs import BASELINE

MOST = 5  # steps named; with more nobody takes the first

FEW_PAIRS = 13
"""Training pairs under which more of them is the advice: what the founding experiment named after its three."""

OTHER_MODEL = 0.2
"""Nats a token between trained and served from which these are two models; the same weights differ by about .05."""

COMMON = 0.1  # share of answers from which a failure is worth a step
HARDLY = 0.1  # nats that a training loss must have fallen by for the training to have taken

OVERFIT = 0.02
"""Nats by which the last validation loss lies above the least where an earlier epoch is worth a look."""


def next_steps(story: Story, failures: tuple[FailureMode, ...]) -> tuple[NextStep, ...]:
    """The steps that follow from a story, most urgent first, at most ``MOST``."""
    steps = (
        _comparison_steps(story),
        _failure_steps(story, failures),
        _training_steps(story),
        _verdict_steps(story),
    )
    return tuple(itertools.islice(itertools.chain(*steps), MOST))


def _comparison_steps(story: Story) -> Iterator[NextStep]:
    """Steps without which nothing else counts: the scores are of another run, model or condition."""
    run, suite, facts = story.log.run, story.log.suite_file, story.facts
    if facts and facts.identity and facts.identity != story.log.identity:
        yield NextStep(f"Evaluate {run} again: it was trained anew since", eval_command([run], suite))
    if story.result is None and run.partition("@")[0] != BASELINE:
        yield NextStep("Evaluate the baseline on the same suite", eval_command([BASELINE], suite))
    elif story.result and story.result.problems:
        again = eval_command([story.result.baseline, run], suite)
        yield NextStep("Evaluate both runs under the same conditions", again)
    distance = parity_of(story)
    if facts and distance is not None and distance > OTHER_MODEL:
        weights = f"Train on the weights that are served (they differ by {distance:.2f} nats a token)"
        yield NextStep(f'{weights}: write base = "nf4:{facts.base}" into the preset', _train_again(run))


def _failure_steps(story: Story, modes: tuple[FailureMode, ...]) -> Iterator[NextStep]:
    run, of, failures = story.log.run, len(story.log.samples), {mode.name: mode for mode in modes}
    loops = failures.get("repetition")
    if loops and loops.answers >= COMMON * loops.of and loops.answers > (loops.of_baseline or 0):
        yield NextStep(f"Look for an epoch that loops less ({loops.answers} of {loops.of} do)", _epochs(run))
    same = failures.get("same as the baseline")
    if same and same.answers >= COMMON * same.of:
        count = f"{same.answers} of {same.of} answers are the baseline's"
        yield NextStep(f"Check that the adapter is served ({count})", f"timbre parity {run}")
    cut = sum(s.truncated for s in story.log.samples)
    if cut >= COMMON * of:
        again = eval_command([BASELINE, run], story.log.suite_file, " --max-tokens 1024")
        yield NextStep(f"Let answers end: the limit cut off {cut} of {of}", again)
    if "self_insertion" in failures:
        outside = "Add pairs about third parties in which the writer stays outside of the story"
        yield NextStep(outside, _train_again(run))
    if "memorization" in failures:
        yield NextStep("Look for an earlier epoch, which recites less", _epochs(run))


def _training_steps(story: Story) -> Iterator[NextStep]:
    facts, run = story.facts, story.log.run
    if facts is None:
        return
    pairs = len(facts.of_split("train"))
    if 0 < pairs < FEW_PAIRS:
        more = f"Grow the {pairs} training pairs to {FEW_PAIRS} or more, by content extraction and footnotes"
        yield NextStep(more, "timbre augment ESSAYS -o mine.jsonl")
    train = [e.train_loss for e in facts.epochs if e.train_loss is not None]
    if len(train) > 1 and train[0] - train[-1] < HARDLY:
        went = f"the loss only went from {train[0]:.3f} to {train[-1]:.3f}"
        more = f"Train for longer, since {went}: write epochs = {2 * len(train)} into the preset"
        yield NextStep(more, _train_again(run))
    val = [e.val_loss for e in facts.epochs if e.val_loss is not None]
    if val and val[-1] > min(val) + OVERFIT:
        losses = f"validation loss was least at {min(val):.3f} and ended at {val[-1]:.3f}"
        yield NextStep(f"Compare the epochs: {losses}", _epochs(run))
    details = [s.judgements["compression"].details for s in story.log.samples]
    banded = [d for d in details if d.get("high")]
    over = sum(d.get("words", 0) > d["high"] for d in banded)
    if over > len(banded) / 2 and facts.config.get("order") != "short_first":
        first = f"Train on short, irreverent pairs first ({over} of {len(banded)} answers overrun their band)"
        yield NextStep(f'{first}: write order = "short_first" into the preset', _train_again(run))


def _verdict_steps(story: Story) -> Iterator[NextStep]:
    result = story.result
    if result is None or result.problems:
        return
    if settle := next_step(result):
        yield settle
    needing = [d for d in result.dimensions if d.dimension in story.policy.dimensions]
    if unscored := [d.dimension for d in needing if not d.n]:
        both = result.baseline, result.candidate
        with_grader = eval_command(both, story.log.suite_file, " --model-role grader=MODEL")
        yield NextStep(f"Have {', '.join(unscored)} scored by a model", with_grader)
    for d in needing:
        if d.n and d.verdict == "ADVISORY" and story.policy.dimensions[d.dimension].needs_licence:
            label = f"timbre label {result.candidate} {result.baseline} --dimension {d.dimension}"
            yield NextStep(f"License the judge of {d.dimension} with labels of your own", label)
            break


def _train_again(run: str) -> str:
    name = run.partition("+")[0].partition("@")[0]
    return f"timbre train runs/{name}/config.toml --name {name}-next"


def _epochs(run: str) -> str:
    return f"timbre epochs {run.partition('+')[0].partition('@')[0]}"


def parity_of(story: Story) -> float | None:
    """Mean distance between served and trained run in nats a token, as ``timbre parity`` measured it."""
    measured = (story.facts.parity or {}).get("mean_abs_delta") if story.facts else None
    return None if measured is None else float(measured)
