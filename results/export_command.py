"""The command export; pandas, scipy and inspect_ai load only when it runs."""

import sys
from pathlib import Path

import click

from results.options import reading_logs, rules
from results.plain_json import print_json
from timbre.paths import logs_dir, runs_dir

_SHOWN = 40
"""Lines of difference shown; the rest is counted."""


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN [RUN ...]")
@click.option("--log", "page", type=click.Path(path_type=Path), default=Path("LOG.md"), show_default=True)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 if the log differs from what the runs say."
)
@rules
@reading_logs
def export(
    runs: tuple[str, ...],
    page: Path,
    check: bool,
    policy_file: Path | None,
    licences: Path | None,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Write a section a run into the experiment log; what stands outside its markers is kept.

    The same logs and runs give the same bytes. --check is for CI: it fails where somebody trained or
    evaluated anew and didn't export, or changed a figure by hand; notes beside the sections don't count.

    \b
    timbre export run2
    timbre export run1 run2 --check
    """
    from judges.licensing.licence import LICENCES
    from results.export import export as write_section
    from results.export import out_of_date
    from results.policy import DEFAULT_POLICY, load_policy
    from results.story import read_story

    policy = load_policy(policy_file or DEFAULT_POLICY)
    stories = [
        read_story(run, places or (logs_dir(),), runs_dir(), policy, suite, licences or LICENCES)
        for run in runs
    ]
    stale: dict[str, tuple[str, ...]] = {}
    for story in stories:
        if not check:
            write_section(story, page)
        elif difference := out_of_date(story, page):
            stale[story.log.run] = difference
    if as_json:
        told = [
            {
                "run": story.log.run,
                "log": str(page),
                "verdict": story.result.overall if story.result else None,
                "up_to_date": story.log.run not in stale,
            }
            for story in stories
        ]
        print_json(told[0] if len(told) == 1 else told)
    elif not check:
        click.echo(f"wrote the section of {', '.join(runs)} to {page}")
    elif not stale:
        click.echo(f"{page} says what the runs say")
    for run, difference in stale.items():
        click.echo("\n".join(difference[:_SHOWN]), err=True)
        if len(difference) > _SHOWN:
            click.echo(f"… and {len(difference) - _SHOWN} lines more", err=True)
        click.echo(
            f"timbre: {page} differs from what {run} says; write it with `timbre export {run}`", err=True
        )
    sys.exit(1 if stale else 0)
