"""The commands compare and gate; pandas, scipy and inspect_ai load only when one runs."""

import dataclasses
import sys
import traceback
from pathlib import Path
from typing import Any

import click

from results.conditions import CONDITIONS
from results.options import reading_logs, rules
from results.plain_json import print_json
from timbre.errors import TimbreError
from timbre.paths import logs_dir

ERROR = 3
"""Exit status of a gate that could not judge (C3)."""


class _GateUsage(click.UsageError):
    """A usage error of the gate."""

    exit_code = ERROR


class GateCommand(click.Command):
    """A command whose every failure exits 3, since a CI reads 1 as REGRESSED and 2 as INCONCLUSIVE."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click does it, with the exit status of a usage error changed."""
        try:
            return super().make_context(*args, **extra)
        except click.ClickException as error:
            raise _GateUsage(error.format_message(), getattr(error, "ctx", None)) from error

    def invoke(self, ctx: click.Context) -> Any:
        """As click does it, with the exit status of every failure changed."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except click.ClickException as error:
            raise _GateUsage(error.format_message(), getattr(error, "ctx", None)) from error
        except TimbreError as error:
            error.exit_code = ERROR
            raise
        except Exception:
            traceback.print_exc()
            ctx.exit(ERROR)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN ...")
@click.option(
    "--log", "page", type=click.Path(path_type=Path), help="Write the table into this experiment log too."
)
@click.option("--by-kind", is_flag=True, help="A table for each kind of canary beside that of all.")
@rules
@reading_logs
def compare(
    runs: tuple[str, ...],
    by_kind: bool,
    page: Path | None,
    policy_file: Path | None,
    licences: Path | None,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Show runs side by side: n, mean and interval of each, and each paired delta to the first.

    Runs on other bases are just further names; the base of a second one is called baseline@BASE.

    \b
    timbre compare baseline run1 run2
    timbre compare baseline run2 baseline@merged run3 --log LOG.md
    """
    from judges.licensing.licence import LICENCES
    from results.arms import side_by_side
    from results.arms_section import arms_section, section_name
    from results.conditions import differences
    from results.corrected import corrected_arms
    from results.export import put_section
    from results.kinds import by_kind as scores_by_kind
    from results.licences import named_table, read_licences
    from results.logs import read_logs
    from results.policy import DEFAULT_POLICY, load_policy
    from results.self_insertion_recall import recall_of
    from results.terminal import show_arms, show_corrected, show_recall

    policy = load_policy(policy_file or DEFAULT_POLICY)
    logs = read_logs(places or (logs_dir(),), runs, suite)
    names = [log.run for log in logs]
    table = named_table(logs)
    scores, warnings = side_by_side(table, names, policy), differences(logs)
    corrected = corrected_arms(table, names, policy, read_licences(table, licences or LICENCES))
    if page is not None:
        put_section(page, section_name(names), arms_section(logs, scores, warnings))
    kinds = scores_by_kind(table, names, policy) if by_kind else {}
    if as_json:
        told = {"runs": names, "suite": logs[0].suite, "warnings": warnings, "scores": scores}
        print_json({**told, "by_kind": kinds, "corrected": corrected})
    else:
        show_arms(names, scores, warnings)
        for separation in dict.fromkeys(log.separation for log in logs if log.separation):
            click.echo(separation)
        show_corrected(corrected)
        show_recall({log.run: found for log in logs if (found := recall_of(log)) is not None})
        for kind, of_kind in kinds.items():
            click.echo(f"\nOnly canaries of kind {kind or '(none)'}:")
            show_arms(names, of_kind, ())


@click.command(cls=GateCommand)
@click.option("--baseline", required=True, help="Run to hold the candidate against.")
@click.option("--candidate", required=True, help="Run to judge.")
@rules
@click.option(
    "--scores",
    type=click.Path(path_type=Path),
    help="Table to judge instead of logs: Parquet, or CSV, which names no judges: no licence is asked for.",
)
@click.option("--junit", type=click.Path(path_type=Path), help="Write JUnit XML here.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice(list(CONDITIONS)),
    help="Compare although this differs between the two logs; may be given again.",
)
@reading_logs
def gate(
    baseline: str,
    candidate: str,
    policy_file: Path | None,
    licences: Path | None,
    scores: Path | None,
    junit: Path | None,
    allowed: tuple[str, ...],
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Say whether a run got worse: exit 0 PASS, 1 REGRESSED, 2 INCONCLUSIVE, 3 ERROR.

    Logs are compared only if nothing but the run differs between them: base, suite, judges, decoding ...
    What differs is named, and --allow lets it pass. Where GITHUB_STEP_SUMMARY names a file, a
    summary in Markdown is added to it. docs/ci.md tells how to run the gate in a CI.

    \b
    timbre gate --baseline baseline --candidate run2
    timbre gate --baseline run1 --candidate run2 --policy mine.toml --junit gate.xml
    timbre gate --baseline a --candidate b --scores table.csv
    """
    from judges.licensing.licence import LICENCES
    from results.gate import gate_logs, gate_scores
    from results.junit import write_junit
    from results.logs import read_logs
    from results.policy import DEFAULT_POLICY, load_policy
    from results.score_files import read_scores
    from results.step_summary import write_step_summary
    from results.terminal import show_gate
    from results.verdicts import GateResult, summary_sentence

    if scores is not None and (places or suite or allowed):
        raise click.UsageError("--scores takes the place of --logs, --suite and --allow")
    if scores is None and baseline == candidate:
        raise click.UsageError(f"{baseline!r} is both baseline and candidate")
    failed: TimbreError | None = None
    try:
        policy = load_policy(policy_file or DEFAULT_POLICY)
        if scores is not None:
            result = gate_scores(read_scores(scores), baseline, candidate, policy, licences or LICENCES)
        else:
            before, after = read_logs(places or (logs_dir(),), (baseline, candidate), suite)
            result = gate_logs(before, after, policy, licences or LICENCES, allowed)
    except TimbreError as error:
        failed = error
        result = GateResult("ERROR", baseline, candidate, (), (str(error),))
    if as_json:
        print_json({**dataclasses.asdict(result), "summary": summary_sentence(result)})
    elif failed is None:
        show_gate(result)
    if junit is not None:
        write_junit(result, junit)
    write_step_summary(result)
    if failed is not None:
        raise failed
    if result.overall == "ERROR":
        click.echo(summary_sentence(result), err=True)
    sys.exit(result.exit_code)
