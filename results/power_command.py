"""The command power; pandas, scipy and inspect_ai load only when it runs."""

import dataclasses
from pathlib import Path

import click

from results.options import reading_logs
from results.plain_json import print_json
from timbre.errors import TimbreError
from timbre.paths import logs_dir


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN RUN ...]")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    help="Margins in TOML.  [default: results/policy.toml]",
)
@click.option(
    "--scores", type=click.Path(path_type=Path), help="Table (CSV or Parquet) to read instead of logs."
)
@reading_logs
def power(
    runs: tuple[str, ...],
    policy_file: Path | None,
    scores: Path | None,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Say how many canaries a verdict takes, from the spread seen so far.

    Each run is held against the first (all that have logs, if none is named). For every dimension of the
    policy: the spread of the paired differences, the canaries at which a run that lost nothing would PASS
    four times in five, and those at which a loss of twice the margin would be REGRESSED as often.

    \b
    timbre power baseline run2
    timbre power --scores table.csv
    """
    from results.logs import read_logs
    from results.policy import DEFAULT_POLICY, load_policy
    from results.power import power as measure
    from results.score_files import read_scores
    from results.table import score_table
    from results.terminal import show_power

    policy = load_policy(policy_file or DEFAULT_POLICY)
    if scores is not None:
        if places or suite:
            raise click.UsageError("--scores takes the place of --logs and --suite")
        table = read_scores(scores)
        names = list(runs or dict.fromkeys(table["run"]))
        unknown = sorted(set(names) - set(table["run"]))
        if unknown:
            known = ", ".join(dict.fromkeys(table["run"]))
            raise TimbreError(f"no scores of {unknown[0]!r}", where=str(scores), do=f"there are {known}")
    else:
        logs = read_logs(places or (logs_dir(),), runs or None, suite)
        table, names = score_table(logs), [log.run for log in logs]
    if len(names) < 2:
        raise TimbreError(
            "one run has no paired differences", where="timbre power", do="name two runs that were evaluated"
        )
    found = measure(table, names, policy)
    if as_json:
        print_json({"runs": names, "power": 0.8, "dimensions": [dataclasses.asdict(d) for d in found]})
    else:
        show_power(names, found)
