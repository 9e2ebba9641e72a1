"""Inspect logs of the voice task, read into plain records; inspect_ai is imported only when a log is read."""

import difflib
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from judges.run_faults import RunFault, run_faults
from judges.types import DIMENSIONS, MARKED_UP, Evidence, Judgement, unscored
from results.records import RunLog, Sample
from timbre.errors import TimbreError
from timbre.paths import logs_dir
from training.runs import BASELINE, read_run

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog

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

_BULKY = {"messages", "events", "events_data", "store", "timelines"}


@dataclass(frozen=True)
class _Header:
    """The part of a log that says whether to read the rest."""

    path: str
    status: str
    created: str
    run: str
    identity: str
    suite: str
    base: str
    conditions: Mapping[str, str]


def read_logs(
    places: Sequence[Path], runs: Sequence[str] | None = None, suite: str | None = None
) -> tuple[RunLog, ...]:
    """Read the logs to compare.

    A file is read as it is. Of a folder, each run gives its newest successful log, of the newest
    identity that it was evaluated under: a retrained run whose eval failed is an error, never its older self.
    The baseline of a second base is called ``baseline@BASE``. All runs are read on one suite: ``suite``, or
    else the one most lately evaluated that they share.

    Args:
        places: Log files and folders of logs.
        runs: Names wanted, in order; None for every run there is, by time.
        suite: Name of a suite; None to choose.

    Returns:
        One log a run, in the order of ``runs``.

    Raises:
        TimbreError: nothing there, a run without a log, a log that is unreadable, failed,
            cancelled or short of samples.
    """
    searched = ", ".join(str(p) for p in places)
    if tuple(places) == (logs_dir(),) and not logs_dir().exists():
        raise _error("nothing was evaluated yet", searched, _to_evaluate(runs or (BASELINE, "RUN")))
    headers = _with_bases([h for place in places for h in _headers(place)])
    known = sorted({h.run for h in headers})
    if not headers:
        raise _error("no log of the voice task", searched, _to_evaluate(runs or (BASELINE, "RUN")))
    wanted = list(runs) if runs is not None else _by_time(headers)
    for run in wanted:
        if run not in known:
            near = difflib.get_close_matches(run, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else _to_evaluate([run])
            raise _error(f"no log of run {run!r}", searched, f"{hint}; there are {', '.join(known)}")
    if suite is None:
        suite = _shared_suite(headers, wanted)
    chosen = [
        _newest([h for h in headers if h.run == run and (suite is None or h.suite == suite)], run, suite)
        for run in dict.fromkeys(wanted)
    ]
    return tuple(_read(header) for header in chosen)


def logged_runs(places: Sequence[Path]) -> Mapping[str, frozenset[str]]:
    """The suites that each run has a log of, successful or not.

    Raises:
        TimbreError: no such place, or an unreadable log.
    """
    found: dict[str, frozenset[str]] = {}
    for h in _with_bases([h for place in places for h in _headers(place)]):
        found[h.run] = found.get(h.run, frozenset()) | {h.suite}
    return found


def _with_bases(headers: Sequence[_Header]) -> list[_Header]:
    """The same, where a second base's baseline is ``baseline@BASE``: one name can't stand for two models.

    The base that was evaluated first keeps the plain name.
    """
    baselines = sorted((h for h in headers if h.run == BASELINE), key=lambda h: h.created)
    named = []
    for h in headers:
        other = h.run == BASELINE and h.base != baselines[0].base
        named.append(replace(h, run=f"{BASELINE}@{Path(h.base).name}") if other else h)
    return named


def _by_time(headers: Iterable[_Header]) -> list[str]:
    order: dict[str, str] = {}
    for h in sorted(headers, key=lambda h: h.created):
        order.setdefault(h.run, h.created)
    return sorted(order, key=lambda run: (run != "baseline", order[run], run))


def _shared_suite(headers: Sequence[_Header], runs: Sequence[str]) -> str | None:
    shared = set.intersection(*({h.suite for h in headers if h.run == run} for run in runs))
    asked = (h for h in headers if h.suite in shared and h.run in runs)
    latest = max(asked, key=lambda h: h.created, default=None)
    return latest.suite if latest else None


def _newest(headers: Sequence[_Header], run: str, suite: str | None) -> _Header:
    if not headers:
        raise _error(
            f"run {run!r} has no log of suite {suite!r}", run, f"{_to_evaluate([run])} -T suite={suite}"
        )
    trained = read_run(run)
    # The clock may have been set back since: of a run that is here, its own identity says which logs are of now.
    current = [h for h in headers if trained and h.identity == trained.identity]
    latest = max(current or headers, key=lambda h: h.created)
    good = [h for h in headers if h.status == "success" and h.identity == latest.identity]
    if not good:
        raise _error(
            f"the eval of run {run!r} has status {latest.status!r}",
            latest.path,
            "finish it with `inspect eval-retry` or evaluate the run again",
        )
    return max(good, key=lambda h: h.created)


def _headers(place: Path) -> list[_Header]:
    from inspect_ai.log import list_eval_logs

    if not place.exists():
        raise _error("no such log or folder", str(place), "give --logs a folder that holds Inspect logs")
    if place.is_file():
        header = _header(str(place), _open_header(str(place)))
        if header is None:
            raise _error("not a log of the voice task", str(place), "give a log of evals/voice.py")
        return [header]
    found = (info.name.removeprefix("file://") for info in list_eval_logs(str(place)))
    logs = (_header(path, _open_header(path)) for path in found)
    return [h for h in logs if h is not None]


def _open_header(path: str) -> "EvalLog":
    """The head of a log; a JSON log is read whole, since the parser that Inspect skims it with crashes on damage."""
    from inspect_ai.log import read_eval_log

    return _open(read_eval_log, path, header_only=not path.endswith(".json"))


def _open(reader: Any, path: str, **options: Any) -> "EvalLog":
    try:
        log: EvalLog = reader(path, **options)
    except Exception as error:  # a broken zip, JSON or schema each has its own type
        raise _error(
            f"unreadable log ({type(error).__name__})", path, "remove it or evaluate again"
        ) from error
    return log


def _header(path: str, log: "EvalLog") -> _Header | None:
    if log.eval.task.rsplit("/", 1)[-1] != "voice":
        return None
    facts = (log.eval.metadata or {}).get("timbre")
    with _shape_reported(path):
        return _header_of(path, log, facts)


def _header_of(path: str, log: "EvalLog", facts: Any) -> _Header:
    if not isinstance(facts, dict) or not {"run", "identity", "suite"} <= facts.keys():
        raise _error("the log does not say which run answered", path, "evaluate with this version of Timbre")
    shots = int(facts.get("shots") or 0)
    conditions = {
        "base": f"{facts.get('base')} ({str(facts.get('base_sha256'))[:12]})",
        "suite": f"{facts['suite']} ({str(facts.get('suite_sha256'))[:12]})",
        "decoding": _decoding(log),
        "server": _server(facts),
        **_judged_by(facts),
    }
    run = str(facts["run"]) + (f"+{shots}shot" if shots else "")
    return _Header(
        path,
        log.status,
        log.eval.created,
        run,
        str(facts["identity"]),
        str(facts["suite"]),
        str(facts.get("base")),
        conditions,
    )


@contextmanager
def _shape_reported(path: str) -> Iterator[None]:
    """A log that somebody else wrote or changed may hold anything where Timbre writes its records."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        what = f"a record in the log has another shape ({type(error).__name__}: {error})"
        raise _error(what, path, "evaluate again with this version of Timbre") from error


def _decoding(log: "EvalLog") -> str:
    """How answers were sampled, from Inspect's own plan: the task's settings with those of its command line."""
    config = log.plan.config.model_dump(exclude_none=True)
    settings = {key: value for key, value in config.items() if key not in _NOT_DECODING}
    settings["epochs"] = log.eval.config.epochs or 1
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


def _judged_since(samples: Sequence[Any], path: str) -> dict[str, str]:
    """The conditions of the scores as they stand: `inspect score` leaves the log's own as they were."""
    recorded = [(s.scores[SCORER].metadata or {}).get("judged_by") for s in samples]
    named = [_judged_by(facts) if facts else {} for facts in recorded]
    if any(other != named[0] for other in named):
        raise _error(
            "its answers were not all judged by the same judges",
            path,
            "judge them again with `inspect score LOG --action overwrite --overwrite`",
        )
    return named[0]


def _read(header: _Header) -> RunLog:
    from inspect_ai.log import read_eval_log

    if header.status != "success":
        raise _error(
            f"the eval has status {header.status!r}", header.path, "finish it with `inspect eval-retry`"
        )
    log = _open(read_eval_log, header.path, exclude_fields=_BULKY)
    with _shape_reported(header.path):
        return _run_log(header, log)


def _run_log(header: _Header, log: "EvalLog") -> RunLog:
    samples = log.samples or []
    expected = log.results.total_samples if log.results else len(samples)
    scored = [s for s in samples if SCORER in (s.scores or {})]
    failed = [s for s in samples if s.error is not None and SCORER not in (s.scores or {})]
    if not scored or len(scored) + len(failed) < max(expected, len(samples)):
        raise _error(
            f"{len(scored)} of {max(expected, len(samples))} samples are scored",
            header.path,
            "finish it with `inspect eval-retry` or `inspect score`",
        )
    _check_identities(scored, header)
    read = with_run_faults([_sample(s) for s in (*scored, *failed)])
    conditions = {**header.conditions, **_judged_since(scored, header.path)}
    if conditions["grader"] == NO_GRADER:
        read = _without_graded(read)
    return RunLog(
        header.run,
        header.identity,
        header.suite,
        conditions,
        header.created,
        header.path,
        tuple(sorted(read, key=lambda s: (s.canary, s.epoch))),
        *_separation(scored),
    )


def _without_graded(samples: Sequence[Sample]) -> list[Sample]:
    """The same samples without what only a grader scores: faulty answers alone would have a value there, 0."""
    from judges.panel import judge_identities

    graded = [k for k, d in DIMENSIONS.items() if d.judged_by == "grader" and k not in judge_identities()]
    nothing = {key: unscored(key, "no grader") for key in graded}
    return [replace(sample, judgements={**sample.judgements, **nothing}) for sample in samples]


def _check_identities(samples: Sequence[Any], header: _Header) -> None:
    """Refuse a log with answers of two trainings, as `inspect eval-retry` after a retraining makes one."""
    for sample in samples:
        own = str((sample.output.metadata or {}).get("identity") or header.identity)
        if own != header.identity:
            raise _error(
                f"sample {sample.id} was answered by identity {own[:12]}, and the log is of {header.identity[:12]}",
                header.path,
                f"the run was trained again in between: evaluate {header.run} anew",
            )


def _separation(samples: Sequence[Any]) -> tuple[str, dict[str, str]]:
    """What the scorer wrote of ``voice_match``'s own test, and the dimensions that are advisory by it."""
    judged_by = (samples[0].scores[SCORER].metadata or {}).get("judged_by") or {}
    reason = str(judged_by.get("voice_match_advisory") or "")
    return str(judged_by.get("separation") or ""), {"voice_match": reason} if reason else {}


def _sample(sample: Any) -> Sample:
    score = (sample.scores or {}).get(SCORER)
    judgements = ((score.metadata or {}).get("judgements") or {}) if score else {}
    values = score.value if score and isinstance(score.value, dict) else {}
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
        judgements={
            key: _judgement(key, judgements.get(key), values.get(key), missing) for key in DIMENSIONS
        },
        subjects=tuple(sample.metadata.get("subjects") or ()),
        target_words=(int(band[0]), int(band[1])) if band else None,
    )


def _judgement(key: str, recorded: Mapping[str, Any] | None, value: Any, missing: str) -> Judgement:
    """What the scorer recorded in full; else its bare value, where NaN and None mean unscored."""
    recorded = {"value": value} if recorded is None else recorded
    number = recorded.get("value")
    number = float(number) if isinstance(number, int | float) and math.isfinite(number) else None
    reason = None if number is not None else str(recorded.get("unscored") or missing)
    evidence = (Evidence(e["text"], e["start"], e["end"], e["why"]) for e in recorded.get("evidence") or ())
    details, judge = recorded.get("details") or {}, str(recorded.get("judge") or "")
    return Judgement(key, number, tuple(evidence), reason, details, judge)


def _to_evaluate(runs: Sequence[str]) -> str:
    shots = dict.fromkeys(re.findall(r"\+(\d+)shot", " ".join(runs)))
    models = dict.fromkeys(run.partition("+")[0] for run in runs)
    more = "".join(f" -T shots={count}" for count in shots)
    return f"evaluate with: inspect eval evals/voice.py --model {','.join(models)}{more}"


def _error(what: str, where: str, do: str) -> TimbreError:
    return TimbreError(what, where=where, do=do)
