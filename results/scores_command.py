"""The command scores; pandas, scipy and inspect_ai load only when it runs."""

from pathlib import Path

import click

from results.options import reading_logs
from results.plain_json import print_json
from timbre.errors import TimbreError
from timbre.paths import logs_dir


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN RUN ...]")
@click.option("--out", type=click.Path(path_type=Path), help="Write the table here: .csv or .parquet.")
@click.option("--into-logs", is_flag=True, help="Write each run's table into its log, for `inspect view`.")
@reading_logs
def scores(
    runs: tuple[str, ...],
    out: Path | None,
    into_logs: bool,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Take the scores out of the logs: a row an answer and dimension, of all runs or of those named.

    The CSV has the columns that `timbre gate --scores` takes (run, canary, epoch, dimension, value; empty for
    unscored). Parquet has more: why a value is missing, the canary's kind, who judged.

    \b
    timbre scores baseline run2 --out scores.csv
    timbre scores --out scores.parquet
    timbre scores baseline run2 --into-logs
    """
    from results.arms import side_by_side
    from results.log_metadata import write_into_log
    from results.logs import read_logs
    from results.policy import load_policy
    from results.score_files import write_scores
    from results.table import score_table

    if out is None and not into_logs:
        raise TimbreError("nowhere to write to", where="timbre scores", do="give --out FILE or --into-logs")
    logs = read_logs(places or (logs_dir(),), runs or None, suite)
    names, table = [log.run for log in logs], score_table(logs)
    if out is not None:
        write_scores(table, out)
    changed: list[str] = []
    if into_logs:
        found = side_by_side(table, names, load_policy())
        changed = [log.path for log in logs if write_into_log(log, names[0], found)]
    if as_json:
        print_json({"runs": names, "rows": len(table), "out": str(out) if out else None, "logs": changed})
        return
    if out is not None:
        click.echo(f"wrote {len(table)} rows of {', '.join(names)} to {out}")
    if into_logs:
        click.echo(f"wrote the tables of {len(changed)} of {len(names)} logs; the rest had theirs")
