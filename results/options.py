"""Options that commands share, and what they read by them; heavy imports stay inside functions."""

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE, logs_dir

if TYPE_CHECKING:
    from results.policy import Policy
    from results.records import RunLog
    from results.story import Gate
    from results.table import ScoreTable

FILE = click.Path(path_type=Path)

_OPTIONS = {
    "as_json": click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout."),
    "suite": click.option(
        "--suite", help="Canary suite to read logs of; else the policy's, or the latest that the runs share."
    ),
    "places": click.option(
        "--logs",
        "places",
        type=FILE,
        multiple=True,
        help="Folder of Inspect logs, or a log; may be given again.  [default: logs/]",
    ),
    "licences": click.option(
        "--licences", type=FILE, help="Folder of judges' licences.  [default: judges/licences]"
    ),
    "policy": click.option("--policy", type=FILE, help="Margins in TOML.  [default: results/policy.toml]"),
    "voice": click.option(
        "--voice", type=FILE, help="The writer's pairs.  [default: those that the logs were judged with]"
    ),
}


@dataclass(frozen=True)
class Sources:
    """What a command reads, as its options name it."""

    given_places: tuple[Path, ...]  # logs and folders of logs
    given_suite: str | None
    policy_file: Path | None
    licences_folder: Path | None
    voice: Path | None

    def __post_init__(self) -> None:
        if self.voice and not self.voice.is_file():
            raise TimbreError("no such file", where=str(self.voice), do="give --voice a file of pairs")

    @property
    def places(self) -> tuple[Path, ...]:
        """The logs and folders of logs to read."""
        return self.given_places or (logs_dir(),)

    @property
    def suite(self) -> str | None:
        """The suite of ``--suite``, or the one that the policy asks for; None for the latest."""
        return self.given_suite or self.policy().suite

    def logs(self, runs: Sequence[str] = ()) -> "list[RunLog]":
        """The latest log of each run; of all that have one, if none is named."""
        from results.logs import read_logs

        return list(read_logs(self.places, runs or None, self.suite))

    def table(self, path: Path) -> "ScoreTable":
        """A score table in place of logs.

        Raises:
            click.UsageError: logs were asked for too.
        """
        from results.table import read_scores

        if self.given_places or self.given_suite:
            raise click.UsageError("--scores takes the place of --logs, --suite and --allow")
        return read_scores(path)

    def policy(self) -> "Policy":
        """The policy of ``--policy``, or the shipped one."""
        from results.policy import DEFAULT_POLICY, load_policy

        return load_policy(self.policy_file or DEFAULT_POLICY)

    def licences(self) -> Path:
        """The folder of licences."""
        from judges.licensing.licence import LICENCES

        return self.licences_folder or LICENCES

    def voice_of(self, log: "RunLog") -> Path:
        """The file of ``--voice``; else the one that a log was judged with, as far as it is kept, or the shipped."""
        from training.own_voice import kept_voice

        return self.voice or kept_voice(log.conditions["voice"]) or DEFAULT_VOICE

    def judging_voice(self, logs: Sequence["RunLog"]) -> Path:
        """``voice_of`` the first log.

        Raises:
            TimbreError: one of them was judged with other texts.
        """
        from results.records import voice_digest

        voice = self.voice_of(logs[0])
        digest = voice_digest(voice)
        for log in logs:
            if not (own := log.conditions["voice"]).endswith(digest):
                what = f"{log.run} was judged with the voice {own}, and this one is {digest}"
                raise TimbreError(what, where=str(voice), do="give --voice the file that it was judged with")
        return voice

    def ceilings(self, policy: "Policy", log: "RunLog") -> dict[str, float] | None:
        """The writer's own means, where a margin is a share of the way to them."""
        if all(rule.share_of_range is None for rule in policy.dimensions.values()):
            return None
        from results.ceiling import ceiling

        return {key: mean.estimate for key, mean in ceiling(self.judging_voice([log])).items()}

    def gate(self, policy: "Policy", allowed: Sequence[str] = ()) -> "Gate":
        """A gate between two logs by these options; the conditions ``allowed`` may differ."""
        from results.gate import gate_logs

        return lambda before, after: gate_logs(
            before, after, policy, self.licences(), allowed, ceilings=self.ceilings(policy, after)
        )


def reading(*further: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add --logs, --suite, --json and ``further`` options; the command gets ``sources`` and ``as_json``."""

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(*args: Any, **options: Any) -> None:
            given = (options.pop(name, None) for name in ("places", "suite", "policy", "licences", "voice"))
            function(*args, sources=Sources(*given), **options)

        for name in _OPTIONS:
            if name in ("as_json", "suite", "places", *further):
                command = _OPTIONS[name](command)
        return command

    return decorate


def print_json(value: Any) -> None:
    """Print ``value``: dataclasses as objects, NaN and infinity as null, as JSON has neither."""
    from pydantic_core import to_jsonable_python

    text = json.dumps(to_jsonable_python(value, inf_nan_mode="null"), ensure_ascii=False, indent=2)
    # A lone surrogate in a model's answer is no UTF-8; its escape is valid JSON.
    click.echo(text.encode("utf-8", "backslashreplace").decode("utf-8"))
