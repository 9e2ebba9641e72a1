"""The command report; pandas, scipy and inspect_ai load only when it runs."""

from pathlib import Path

import click

from results.options import reading_logs, rules
from results.plain_json import print_json
from timbre.paths import logs_dir, results_dir


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="[default: results/report.html]")
@rules
@reading_logs
def report(
    out: Path | None,
    policy_file: Path | None,
    licences: Path | None,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Write a page with the scores and the answers of all runs side by side."""
    from judges.licensing.licence import LICENCES
    from results.logs import read_logs
    from results.policy import DEFAULT_POLICY, load_policy
    from results.report import write_report

    out = out or results_dir() / "report.html"
    logs = read_logs(places or (logs_dir(),), None, suite)
    write_report(logs, load_policy(policy_file or DEFAULT_POLICY), out, licences or LICENCES)
    if as_json:
        print_json({"report": str(out), "runs": [log.run for log in logs]})
    else:
        click.echo(f"wrote {', '.join(log.run for log in logs)} to {out}")
