"""Which Inspect logs stand for which runs: of many, the newest that count."""

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from results.inspect_log import Header, log_error, read_header, read_log
from results.records import RunLog, Sample, differences
from results.verdicts import eval_command
from timbre.paths import logs_dir
from training.runs import BASELINE, read_run


def read_logs(
    places: Sequence[Path], runs: Sequence[str] | None = None, suite: str | None = None
) -> tuple[RunLog, ...]:
    """The log of each run to compare, in the order of ``runs``; None for every run there is, by time.

    A file is read as it is. Of a folder, each run gives its newest successful log, of the newest identity that it
    was evaluated under: a retrained run whose eval failed is an error, never its older self. Logs of some
    canaries alone (``--sample-id``) give the further takes of these to the log of all. The baseline of a second
    base is called ``baseline@BASE``. All runs are read on one suite: ``suite``, or else the one most lately
    evaluated that they share.

    Raises:
        TimbreError: nothing there, a run without a log, a log that is unreadable, failed,
            cancelled or short of samples.
    """
    searched, do = ", ".join(map(str, places)), _to_evaluate(runs or (BASELINE, "RUN"))
    if tuple(places) == (logs_dir(),) and not logs_dir().exists():
        raise log_error("nothing was evaluated yet", searched, do)
    headers = _headers(places)
    if not headers:
        raise log_error("no log of the voice task", searched, do)
    by_time = sorted(headers, key=lambda h: (h.run != BASELINE, h.created, h.run))
    wanted = list(dict.fromkeys(h.run for h in by_time) if runs is None else runs)
    known = sorted({h.run for h in headers})
    for run in wanted:
        if run not in known:
            near = difflib.get_close_matches(run, known, n=1)
            there = f"there are {', '.join(known)}"
            do = f"did you mean {near[0]!r}? {there}" if near else f"{_to_evaluate([run])}; {there}"
            raise log_error(f"no log of run {run!r}", searched, do)
    others: dict[str, int] = {}
    if suite is None:
        shared = set.intersection(*({h.suite for h in headers if h.run == run} for run in wanted))
        asked = sorted((h for h in headers if h.suite in shared and h.run in wanted), key=lambda h: h.created)
        suite = asked[-1].suite if asked else None
        whole = (h for h in asked if h.status == "success" and not h.is_part)
        others = {h.suite: h.asked for h in whole if h.suite != suite}
    chosen = [_newest([h for h in headers if h.run == run], run, suite) for run in dict.fromkeys(wanted)]
    return tuple(replace(_with_retakes(header, headers), other_suites=others) for header in chosen)


def logged_runs(places: Sequence[Path]) -> Mapping[str, frozenset[str]]:
    """The suites that each run has a log of, successful or not.

    Raises:
        TimbreError: no such place, or an unreadable log.
    """
    suites: dict[str, frozenset[str]] = {}
    for h in _headers(places):
        suites[h.run] = suites.get(h.run, frozenset()) | {h.suite}
    return suites


def _headers(places: Sequence[Path]) -> list[Header]:
    """All heads, where a second base's baseline is ``baseline@BASE``: one name can't stand for two models.

    The base that was evaluated first keeps the plain name.
    """
    headers = [h for place in places for h in _headers_at(place)]
    first = min((h for h in headers if h.run == BASELINE), key=lambda h: h.created, default=None)
    return [
        replace(h, run=f"{BASELINE}@{Path(h.base).name}")
        if first and h.run == BASELINE and h.base != first.base
        else h
        for h in headers
    ]


def _newest(headers: Sequence[Header], run: str, suite: str | None) -> Header:
    """The log to read among those of one run."""
    of_suite = [h for h in headers if suite is None or h.suite == suite]
    if not of_suite:
        asked = ", ".join(sorted({h.suite for h in headers}))
        do = f"it has one of {asked}; for another, {_to_evaluate([run], 'SUITE')}"
        raise log_error(f"run {run!r} has no log of suite {suite!r}", run, do)
    headers = [h for h in of_suite if not h.is_part] or of_suite
    trained = read_run(run)
    # The clock may have been set back since: of a run that is here, its own identity says which logs are of now.
    current = [h for h in headers if trained and h.identity == trained.identity]
    latest = max(current or headers, key=lambda h: h.created)
    good = [h for h in headers if h.status == "success" and h.identity == latest.identity]
    if not good:
        do = "finish it with `inspect eval-retry` or evaluate the run again"
        raise log_error(f"the eval of run {run!r} has status {latest.status!r}", latest.path, do)
    return max(good, key=lambda h: h.created)


def _with_retakes(header: Header, headers: Sequence[Header]) -> RunLog:
    """The whole log, with the takes of canaries that were asked again under the same conditions."""
    log = replace(read_log(header.path), run=header.run)
    own = (header.run, header.identity, header.suite)
    retakes: dict[tuple[str, int], Sample] = {}
    unlike: dict[str, str] = {}
    for h in sorted(headers, key=lambda h: h.created):
        if not (h.is_part and h.status == "success" and (h.run, h.identity, h.suite) == own):
            continue
        part = read_log(h.path)
        further = {(s.canary, s.epoch): s for s in part.samples if s.epoch > log.takes}
        first_and_further = _without_takes(log, "first takes"), _without_takes(part, "further ones")
        if different := "; ".join(differences(first_and_further)):
            unlike |= dict.fromkeys((canary for canary, _ in further), different)
        else:
            retakes |= further
    unlike = {canary: why for canary, why in unlike.items() if canary not in {c for c, _ in retakes}}
    return replace(log, retakes=tuple(retakes[key] for key in sorted(retakes)), unlike_retakes=unlike)


def _without_takes(log: RunLog, name: str) -> RunLog:
    """The log under another name, and without the number of takes among its conditions."""
    decoding = re.sub(r"\bepochs \d+,? ?", "", log.conditions["decoding"])
    return replace(log, run=name, conditions={**log.conditions, "decoding": decoding})


def _headers_at(place: Path) -> list[Header]:
    from inspect_ai.log import list_eval_logs

    if not place.exists():
        raise log_error("no such log or folder", str(place), "give --logs a folder that holds Inspect logs")
    if place.is_file():
        header = read_header(str(place))
        if header is None:
            raise log_error("not a log of the voice task", str(place), "give a log of evals/voice.py")
        return [header]
    headers = (read_header(info.name.removeprefix("file://")) for info in list_eval_logs(str(place)))
    return [h for h in headers if h is not None]


def _to_evaluate(runs: Sequence[str], suite: str = "") -> str:
    return f"evaluate with: {eval_command(runs, suite)}"
