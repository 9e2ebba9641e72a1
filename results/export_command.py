"""The command export; pandas, scipy and inspect_ai load only when it runs."""

from pathlib import Path

import click

from results.options import reading_logs, rules
from results.plain_json import print_json
from timbre.paths import logs_dir, runs_dir


@click.command()
@click.argument("run")
@click.option("--log", "page", type=click.Path(path_type=Path), default=Path("LOG.md"), show_default=True)
@rules
@reading_logs
def export(
    run: str,
    page: Path,
    policy_file: Path | None,
    licences: Path | None,
    places: tuple[Path, ...],
    suite: str | None,
    as_json: bool,
) -> None:
    """Write the run's section of the experiment log; what stands outside its markers is kept."""
    from judges.licensing.licence import LICENCES
    from results.export import export as write_section
    from results.policy import DEFAULT_POLICY, load_policy
    from results.story import read_story

    policy = load_policy(policy_file or DEFAULT_POLICY)
    story = read_story(run, places or (logs_dir(),), runs_dir(), policy, suite, licences or LICENCES)
    write_section(story, page)
    if as_json:
        print_json({"run": run, "log": str(page), "verdict": story.result.overall if story.result else None})
    else:
        click.echo(f"wrote the section of {run} to {page}")
