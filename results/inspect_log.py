"""One Inspect log of the voice task, read into plain records; inspect_ai is imported only when a log is read."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from judges.run_faults import RunFault, run_faults
from judges.types import DIMENSIONS, MARKED_UP, Evidence, Judgement, unscored
from results.records import RunLog, Sample
from timbre.errors import TimbreError

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

_Read = TypeVar("_Read")

SCORER = "voice"
NO_GRADER = "none"
SOLVER = "answer_canary"
_NOT_DECODING = frozenset(
    {
        *("adaptive_connections", "attempt_timeout", "batch", "cache", "max_connections", "max_retries"),
        *("max_tool_output", "modalities", "timeout"),
    }
)
"""Settings of Inspect that decide how it asks, not what a model answers."""

_LIMITS = ("message_limit", "token_limit", "time_limit", "working_limit")  # which end an answer early

_BULKY = {"messages", "events", "events_data", "store", "timelines"}


@dataclass(frozen=True)
class Header:
    """The part of a log that says whether to read the rest."""

    path: str
    status: str
    created: str
    run: str
    identity: str
    suite: str
    base: str
    conditions: Mapping[str, str]
    is_part: bool  # only canaries that were named (``--sample-id``): further takes of these
    asked: int  # canaries
    suite_file: str  # as `-T suite=` named it
    suite_size: int  # canaries of the whole suite; 0 where the log doesn't say


def read_header(path: str) -> Header | None:
    """The head of a log, read once as long as the file stays as it is; None for a log of another task.

    Raises:
        TimbreError: the file is unreadable, or doesn't say which run answered.
    """
    return _read_header(path, *_stamp(path))


def read_log(path: str) -> RunLog:
    """A whole log, read once as long as the file stays as it is.

    Raises:
        TimbreError: the log is unreadable, failed, cancelled or short of samples, or two trainings or two sets of
            judges are in it.
    """
    return _read_log(path, *_stamp(path))


def _stamp(path: str) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        status = os.stat(path)
    except OSError as error:
        raise log_error(f"unreadable log ({error.strerror})", path, "evaluate again") from error
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=1024)
def _read_header(path: str, *stamp: int) -> Header | None:
    """A JSON log is read whole, since the parser that Inspect skims it with crashes on damage."""
    return _read(path, lambda log: _header_of(path, log), header_only=not path.endswith(".json"))


@lru_cache(maxsize=32)
def _read_log(path: str, *stamp: int) -> RunLog:
    header = read_header(path)
    if header is None:
        raise log_error("not a log of the voice task", path, "give a log of evals/voice.py")
    if header.status != "success":
        raise log_error(f"the eval has status {header.status!r}", path, "finish it with `inspect eval-retry`")
    return _read(path, lambda log: _run_log(header, log), exclude_fields=_BULKY)


def _read(path: str, build: "Callable[[EvalLog], _Read]", **options: Any) -> _Read:
    """What ``build`` makes of a log; one that somebody else wrote or changed may hold anything in its records."""
    from inspect_ai.log import read_eval_log

    try:
        log = read_eval_log(path, **options)
    except Exception as error:  # a broken zip, JSON or schema each has its own type
        what = f"unreadable log ({type(error).__name__})"
        raise log_error(what, path, "remove it or evaluate again") from error
    try:
        return build(log)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"a record in the log has another shape ({type(error).__name__}: {error})"
        raise log_error(what, path, "evaluate again with this version of Timbre") from error


def _header_of(path: str, log: "EvalLog") -> Header | None:
    if log.eval.task.rsplit("/", 1)[-1] != "voice":
        return None
    facts = (log.eval.metadata or {}).get("timbre")
    if not isinstance(facts, dict) or not {"run", "identity", "suite"} <= facts.keys():
        do = "evaluate with this version of Timbre"
        raise log_error("the log does not say which run answered", path, do)
    shots = int(facts.get("shots") or 0)
    conditions = {
        "base": f"{facts.get('base')} ({str(facts.get('base_sha256'))[:12]})",
        "suite": f"{facts['suite']} ({str(facts.get('suite_sha256'))[:12]})",
        "decoding": _decoding(log),
        "server": _server(facts),
        **_judged_by(facts),
    }
    run = str(facts["run"]) + (f"+{shots}shot" if shots else "")
    return Header(
        path,
        log.status,
        log.eval.created,
        run,
        str(facts["identity"]),
        str(facts["suite"]),
        str(facts.get("base")),
        conditions,
        log.eval.config.sample_id is not None,
        len(log.eval.dataset.sample_ids or ()),
        str(log.eval.task_args.get("suite") or facts["suite"]),
        log.eval.dataset.samples or 0,
    )


def _decoding(log: "EvalLog") -> str:
    """How answers were sampled, from Inspect's own plan: the task's settings with those of its command line."""
    config = log.plan.config.model_dump(exclude_none=True)
    settings = {key: value for key, value in config.items() if key not in _NOT_DECODING}
    settings["epochs"] = log.eval.config.epochs or 1
    limits = {name: getattr(log.eval.config, name) for name in _LIMITS}
    settings |= {name: limit for name, limit in limits.items() if limit is not None}
    others = [step.solver for step in log.plan.steps if step.solver.rsplit("/", 1)[-1] != SOLVER]
    if others:
        settings["solver"] = " + ".join(others)
    return ", ".join(f"{key} {value}" for key, value in sorted(settings.items()))


def _server(facts: Mapping[str, Any]) -> str:
    """Number type and arguments of the server that answered, from its own record; of an outside one its model."""
    server = facts.get("server") or {}
    keys = ("model", "dtype", "args") if server.get("url_is_outside") else ("dtype", "args")
    named = {key: server[key] for key in keys if server.get(key)}
    return ", ".join(f"{key} {value}" for key, value in named.items()) or "not recorded"


def _judged_by(facts: Mapping[str, Any]) -> dict[str, str]:
    return {
        "judges": str(facts.get("judges"))[:12],
        "voice": str(facts.get("voice")),
        "impostors": str(facts.get("impostors") or "the shipped ones"),
        "grader": str(facts.get("grader") or NO_GRADER),
    }


def with_run_faults(samples: Sequence[Sample]) -> list[Sample]:
    """The same samples, where one text under many prompts is a fault of each answer that is that text."""
    faults: dict[tuple[str, int], RunFault] = {}
    for epoch in {s.epoch for s in samples}:  # takes of one canary may well be alike
        answers = {s.canary: s.text for s in samples if s.epoch == epoch}
        found = (fault for fault in run_faults(answers) if fault.is_fault)
        faults |= {(canary, epoch): fault for fault in found for canary in fault.ids}
    marked = []
    for sample in samples:
        fault = faults.get((sample.canary, sample.epoch))
        judgements = dict(sample.judgements)
        if fault and sample.text.strip():
            evidence = (Evidence(sample.text, 0, len(sample.text), fault.kind),)
            worst = {"integrity": 1.0, **dict.fromkeys(MARKED_UP, 0.0)}
            judgements |= {
                key: Judgement(key, value, evidence, judge=judgements[key].judge)
                for key, value in worst.items()
                if key == "integrity" or judgements[key].value is not None
            }
        marked.append(replace(sample, judgements=judgements))
    return marked


def _run_log(header: Header, log: "EvalLog") -> RunLog:
    from judges.panel import judge_identities

    samples = log.samples or []
    expected = max(log.results.total_samples if log.results else 0, len(samples))
    scored = [s for s in samples if SCORER in (s.scores or {})]
    failed = [s for s in samples if s.error is not None and SCORER not in (s.scores or {})]
    if not scored or len(scored) + len(failed) < expected:
        what, do = "samples are scored", "finish it with `inspect eval-retry` or `inspect score`"
        raise log_error(f"{len(scored)} of {expected} {what}", header.path, do)
    for sample in scored:  # `inspect eval-retry` after a retraining makes a log of two
        own = str((sample.output.metadata or {}).get("identity") or header.identity)
        if own != header.identity:
            answered = f"sample {sample.id} was answered by identity {own[:12]}"
            what = f"{answered}, and the log is of {header.identity[:12]}"
            do = f"the run was trained again in between: evaluate {header.run} anew"
            raise log_error(what, header.path, do)
    # The scores as they stand: `inspect score` leaves the log's own conditions as they were.
    judged_by = [((s.scores or {})[SCORER].metadata or {}).get("judged_by") or {} for s in scored]
    judges, *others = (_judged_by(facts) if facts else {} for facts in judged_by)
    if any(other != judges for other in others):
        do = "judge them again with `inspect score LOG --action overwrite --overwrite`"
        raise log_error("its answers were not all judged by the same judges", header.path, do)
    conditions = {**header.conditions, **judges}
    read = with_run_faults([_sample(s) for s in (*scored, *failed)])
    if (
        conditions["grader"] == NO_GRADER
    ):  # faulty answers alone would have a value where only a grader scores
        graded = (k for k, d in DIMENSIONS.items() if d.judged_by == "grader" and k not in judge_identities())
        nothing = {key: unscored(key, "no grader") for key in graded}
        read = [replace(sample, judgements={**sample.judgements, **nothing}) for sample in read]
    advisory = str(judged_by[0].get("voice_match_advisory") or "")
    return RunLog(
        header.run,
        header.identity,
        header.suite,
        conditions,
        header.created,
        header.path,
        tuple(sorted(read, key=lambda s: (s.canary, s.epoch))),
        header.suite_file,
        header.suite_size,
        separation=str(judged_by[0].get("separation") or ""),
        advisory={"voice_match": advisory} if advisory else {},
    )


def _sample(sample: Any) -> Sample:
    score = (sample.scores or {}).get(SCORER)
    judgements = ((score.metadata or {}).get("judgements") or {}) if score else {}
    missing = "no value in the log" if score else "the sample failed: no answer"
    band = sample.metadata.get("target_words")
    prompt = sample.input if isinstance(sample.input, str) else "\n".join(m.text for m in sample.input)
    return Sample(
        canary=str(sample.id),
        kind=str(sample.metadata.get("kind", "")),
        epoch=int(sample.epoch),
        prompt=prompt,
        text=(score and score.answer) or sample.output.completion,  # a conversation's is the whole of it
        truncated=sample.output.stop_reason == "max_tokens",
        licensed=bool(sample.metadata.get("first_person_licensed", False)),
        judgements={key: _judgement(key, judgements.get(key) or {}, missing) for key in DIMENSIONS},
        subjects=tuple(sample.metadata.get("subjects") or ()),
        target_words=(int(band[0]), int(band[1])) if band else None,
    )


def _judgement(key: str, recorded: Mapping[str, Any], missing: str) -> Judgement:
    """What the scorer recorded; a value that is none, or not finite, means unscored."""
    number = recorded.get("value")
    number = float(number) if isinstance(number, int | float) and math.isfinite(number) else None
    reason = None if number is not None else str(recorded.get("unscored") or missing)
    evidence = (Evidence(e["text"], e["start"], e["end"], e["why"]) for e in recorded.get("evidence") or ())
    details, judge = recorded.get("details") or {}, str(recorded.get("judge") or "")
    return Judgement(key, number, tuple(evidence), reason, details, judge)


def log_error(what: str, where: str, do: str) -> TimbreError:
    """A user's error about a log."""
    return TimbreError(what, where=where, do=do)
