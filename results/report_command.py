"""The command report; pandas, scipy and inspect_ai load only when it runs."""

from pathlib import Path

import click

from results.options import reading_logs, rules
from results.plain_json import print_json
from timbre.paths import DEFAULT_VOICE, logs_dir, results_dir, runs_dir


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN RUN ...]")
@click.option(
    "--voice",
    type=click.Path(path_type=Path),
    default=DEFAULT_VOICE,
    help="The writer's pairs, for the ceiling.  [default: the shipped]",
)
@click.option("--out", type=click.Path(path_type=Path), help="[default: results/report.html]")
@rules
@reading_logs
def report(
    runs: tuple[str, ...],
    voice: Path,
    out: Path | None,
    policy_file: Path | None,
    licences: Path | None,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Write one HTML page of all runs: verdicts, plots, judges, training, answers side by side.

    The file has all it needs inside and works offline. Without RUN every run with a log is in it, the
    baseline first; with names, those in that order.

    \b
    timbre report
    timbre report baseline run2 --out run2.html
    """
    from judges.licensing.licence import LICENCES
    from results.logs import read_logs
    from results.policy import DEFAULT_POLICY, load_policy
    from results.report import write_report

    out = out or results_dir() / "report.html"
    logs = read_logs(places or (logs_dir(),), runs or None, suite)
    policy = load_policy(policy_file or DEFAULT_POLICY)
    write_report(logs, policy, out, licences or LICENCES, runs=runs_dir(), voice=voice)
    if as_json:
        print_json({"report": str(out), "runs": [log.run for log in logs]})
    else:
        click.echo(f"wrote {', '.join(log.run for log in logs)} to {out}")
