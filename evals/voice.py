"""The Inspect task: ask a run the canaries, judge every answer on every dimension.

inspect eval evals/voice.py --model run2
inspect eval evals/voice.py --model baseline,run1,run2 -T suite=full
inspect eval evals/voice.py --model run2 -T shots=4 --model-role grader=openai/gpt-5
inspect eval evals/voice.py --model openai/gpt-5,run2,baseline
"""

import atexit
import gc
import os
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log
from inspect_ai.model import GenerateConfig, get_model
from inspect_ai.viewer import (
    SampleScoreView,
    ScoreColorScale,
    TaskSamplesColumn,
    TaskSamplesSort,
    TaskSamplesView,
    ViewerConfig,
)

from canaries.contamination import TrainedText, check_contamination
from canaries.suite import SHIPPED, load_suite
from canaries.types import Canary
from evals.asking import (
    MAX_TOKENS,
    TEMPERATURE,
    TOP_P,
    Arm,
    answer_canary,
    eval_facts,
    facts_version,
    find_arm,
)
from evals.graders import grader_names
from evals.inspect_internals import prerequisite, requested
from evals.judging import judged_against, start_early
from evals.provider import ask_all_at_once
from evals.scoring import run_of, voice_scorer
from judges.reference import load_reference
from judges.types import DIMENSIONS
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.own_voice import kept_voice, voice_of
from training.pairs import load_pairs
from training.runs import Run, read_run

SMOKE_TAKES, TAKES = 6, 2
"""Answers a canary of the smoke suite, and of any other; `docs/gate.md` has how often a gate decides with each."""

MAX_RETRIES = 5
"""Of a request that a server refuses for now; after these the sample is an error, and a CI job ends."""

# Python's last look for garbage takes a second among Inspect's objects, after a Ctrl-C as well.
atexit.register(gc.freeze)

VIEWER = ViewerConfig(
    task_samples_view=TaskSamplesView(
        name="scores",
        columns=[
            TaskSamplesColumn(id="sampleId"),
            TaskSamplesColumn(id="epoch"),
            *(
                TaskSamplesColumn.score("voice", key, visible=dimension.is_judged)
                for key, dimension in DIMENSIONS.items()
            ),
            TaskSamplesColumn(id="answer"),
        ],
        sort=[
            TaskSamplesSort.score("voice", "integrity", dir="desc"),
            TaskSamplesSort.score("voice", "voice_match"),
        ],
        multiline=False,
        score_color_scales={
            key: ScoreColorScale(palette="good-high" if d.direction == "up" else "good-low", min=0, max=1)
            for key, d in DIMENSIONS.items()
            if d.is_judged
        },
    ),
    sample_score_view=SampleScoreView(default="grid"),
)
"""`inspect view`: a column a dimension, broken answers first and then those least like the writer."""


@task
def voice(
    suite: str = "smoke",
    voice: str = "",
    shots: int = 0,
    epochs: int = 0,
    temperature: float = TEMPERATURE,
    top_p: float = TOP_P,
    max_tokens: int = MAX_TOKENS,
    seed: int = 1234,
    impostors: str = "",
    model: str = "",
) -> Task:
    """Ask the canaries; every sample gets every dimension.

    Args:
        suite: ``smoke``, ``full``, or a YAML file.
        voice: The writer's pairs: what voice_match and memorization compare with, and where shots come from. By
            default the shipped ones, or the own pairs of the runs that are evaluated together.
        shots: Training pairs shown before the question (the few-shot arm; 0 for none).
        epochs: Answers a canary; if 0, six of the smoke suite, by which its gate can usually decide, else two.
        temperature: Of sampling.
        top_p: Of sampling.
        max_tokens: Most new tokens of an answer. Small limits hide a lack of compression.
        seed: Every canary and epoch has a seed of its own that is made from it (``evals.asking.answer_seed``).
        impostors: JSON Lines of further writers that voice_match must tell the writer from: register, id, text.
        model: Who is asked, in place of ``--model``; for eval sets whose arms differ in more than the model.
    """
    with prerequisite():
        asked = get_model(model or None)
        arm = find_arm(asked)
        ask_all_at_once(asked)
        canaries = load_suite(_from_checkout(suite) if "/" in suite or suite.endswith(".yaml") else suite)
        takes = epochs or (SMOKE_TAKES if canaries.path == SHIPPED["smoke"] else TAKES)
        voice_file = _from_checkout(voice) if voice else _default_voice(arm)
        impostor_file = _from_checkout(impostors) if impostors else None
        reference = load_reference(voice_file, None, impostor_file)
        check_contamination(canaries, _trained_texts(voice_file, arm.run))
        decoding = GenerateConfig(
            temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed, max_retries=MAX_RETRIES
        )
        against = judged_against(voice_file, str(canaries.path), arm.base_sha256, impostor_file, arm.name)
        start_early(against)
        judged_by = {**against.judged_by, "grader": grader_names()}
        facts = eval_facts(arm, canaries, judged_by, decoding, takes, shots)
        return Task(
            dataset=MemoryDataset([_sample(c) for c in canaries.canaries], name=canaries.name),
            solver=answer_canary(
                str(voice_file),
                shots,
                arm.identity,
                arm.served.as_metadata(),
                arm.run.system if arm.run else None,
            ),
            scorer=voice_scorer(
                voice=str(voice_file),
                suite=str(canaries.path),
                base_sha256=arm.base_sha256,
                impostors=str(impostor_file or ""),
            ),
            model=asked if model else None,
            config=decoding,
            epochs=Epochs(takes, "mean"),
            version=facts_version(facts),
            viewer=VIEWER,
            metadata={"timbre": facts},
            name="voice",
            display_name=f"voice {arm.name} on {canaries.name} ({len(reference.train)} texts of {voice_file.name})",
        )


def _sample(canary: Canary) -> Sample:
    return Sample(
        id=canary.id,
        input=canary.turns[0],
        metadata={
            "kind": canary.kind,
            "subjects": list(canary.subjects),
            "first_person_licensed": canary.first_person_licensed,
            "facts": list(canary.facts),
            "target_words": list(canary.target_words),
            **({"further_messages": list(canary.turns[1:])} if canary.turns[1:] else {}),
        },
    )


def _from_checkout(path: str) -> Path:
    """A path as given, or below the checkout: Inspect runs a task in the task's own folder."""
    given = Path(os.path.expanduser(path))
    return given if given.is_absolute() else CHECKOUT / given


def _default_voice(arm: Arm) -> Path:
    """The pairs of the runs that one command evaluates; of a log that it goes on with, the same as before."""
    for file in requested("log_files"):
        facts = _facts_of(file)
        if facts.get("run") == arm.name and (kept := kept_voice(str(facts.get("voice")))):
            return kept
    named = [read_run(run_of(name.strip()).partition("@")[0]) for name in requested("model")]
    return voice_of([run for run in (*named, arm.run) if run])


def _facts_of(file: str) -> dict[str, Any]:
    """The facts of an earlier log; a JSON one is read whole: the parser that Inspect skims it with crashes on damage.

    Raises:
        TimbreError: It can't be read.
    """
    try:
        log = read_eval_log(file, header_only=not file.endswith(".json"))
    except Exception as error:  # a broken zip, JSON or schema each has its own type
        raise TimbreError(
            f"unreadable log ({type(error).__name__})", where=file, do="name another log"
        ) from error
    return (log.eval.metadata or {}).get("timbre") or {}


def _trained_texts(voice_file: Path, run: Run | None) -> list[TrainedText]:
    """What no canary may overlap: the writer's training pairs and those of the run itself."""
    texts = [
        TrainedText(f"{voice_file}:{p.line}", p.prompt, p.response)
        for p in load_pairs(voice_file)
        if p.split == "train"
    ]
    if run is not None:
        texts += [TrainedText(f"{run.path}/data.lock.json", *pair) for pair in run.training_pairs()]
    return texts
