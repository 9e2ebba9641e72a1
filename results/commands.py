"""The commands compare, gate, power, scores, export, report and stock.

pandas, scipy and inspect_ai load only when one runs, so that ``timbre --help`` starts at once.
"""

import dataclasses
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from results.options import FILE, Sources, print_json, reading
from results.records import CONDITIONS
from timbre.errors import TimbreError, stop_writing
from timbre.paths import results_dir, runs_dir

ERROR = 3  # exit status of a gate that could not judge (C3)

_DIFF_LINES = 40


@contextmanager
def _exit_3_on_failure() -> Iterator[None]:
    try:
        yield
    except (click.exceptions.Exit, click.Abort):
        raise
    except (TimbreError, click.ClickException) as error:
        error.exit_code = ERROR  # type: ignore[misc]  # click has it on the class
        raise
    except Exception:
        traceback.print_exc()
        raise click.exceptions.Exit(ERROR) from None


class GateCommand(click.Command):
    """A command whose every failure exits 3, since a CI reads 1 as REGRESSED and 2 as INCONCLUSIVE."""

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with _exit_3_on_failure():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _exit_3_on_failure():
            return super().invoke(ctx)


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN ...")
@click.option("--log", "page", type=FILE, help="Write the tables into this experiment log too.")
@click.option("--all", "counted", is_flag=True, help="Show words, sentences and readability too.")
@reading("policy", "licences")
def compare(runs: tuple[str, ...], counted: bool, page: Path | None, sources: Sources, as_json: bool) -> None:
    """Show runs side by side: n, mean and interval of each, and each paired gain over the first.

    Runs on other bases are just further names; the base of a second one is called baseline@BASE.

    \b
    timbre compare baseline run1 run2
    timbre compare baseline run2 baseline@merged run3 --log LOG.md
    """
    from results.comparison import side_by_side
    from results.corrected_rates import corrected_rates, recall_sentence
    from results.grid import say, stdout_console
    from results.licences import read_licences
    from results.log import arms_name, arms_section, put_section
    from results.records import differences
    from results.report_tables import corrected_table
    from results.table import score_table
    from results.terminal import show_runs, without_counted

    policy, logs = sources.policy(), sources.logs(runs)
    names, table = [log.run for log in logs], score_table(logs)
    scores, warnings = side_by_side(table, names, policy), differences(logs)
    corrected = corrected_rates(table, names, policy, read_licences(table, sources.licences()))
    if page is not None:
        put_section(page, arms_name(names), arms_section(logs, scores, warnings))
    if as_json:
        shown = {"runs": names, "suite": logs[0].suite, "warnings": warnings, "scores": scores}
        print_json({**shown, "corrected": corrected})
        return
    show_runs(names, scores if counted else without_counted(scores), warnings)
    console = stdout_console()
    if not counted:
        say(console, "- words, sentences and readability: --all")
    for separation in dict.fromkeys(log.separation for log in logs if log.separation):
        say(console, separation)
    if corrected:
        corrected_table(corrected).show(console)
    for log in logs:
        if recall := recall_sentence(log):
            say(console, recall)
    if len(names) > 1:
        say(console, f"next: timbre gate --baseline {names[0]} --candidate {names[-1]}")


@click.command(cls=GateCommand)
@click.option("--baseline", required=True, help="Run to compare the candidate with.")
@click.option("--candidate", required=True, help="Run to judge.")
@click.option(
    "--scores",
    type=FILE,
    help="Table to judge instead of logs: Parquet, or CSV, which names no judges: no licence is asked for.",
)
@click.option("--junit", type=FILE, help="Write JUnit XML here.")
@click.option("--markdown", type=FILE, help="Write the decision here, as a comment for a pull request.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    type=click.Choice(list(CONDITIONS)),
    help="Compare although this differs between the two logs; may be given again.",
)
@reading("policy", "licences", "voice")
def gate(
    baseline: str,
    candidate: str,
    scores: Path | None,
    junit: Path | None,
    markdown: Path | None,
    allowed: tuple[str, ...],
    sources: Sources,
    as_json: bool,
) -> None:
    """Decide whether a run got worse: exit 0 PASS, 1 REGRESSED, 2 INCONCLUSIVE, 3 ERROR.

    Logs are compared only if nothing but the run differs between them: base, suite, judges, decoding ...
    What differs is named, and --allow lets it pass. Where GITHUB_STEP_SUMMARY names a file, the
    decision is added to it. docs/ci.md shows how to run the gate in a CI; docs/gate.schema.json
    describes the JSON.

    \b
    timbre gate --baseline baseline --candidate run2
    timbre gate --baseline run1 --candidate run2 --policy mine.toml --junit gate.xml --markdown gate.md
    timbre gate --baseline a --candidate b --scores table.csv
    """
    from results.gate import gate_scores
    from results.gate_pages import gate_markdown, write_junit, write_step_summary
    from results.terminal import show_gate
    from results.verdicts import GateResult, next_step, summary_sentence
    from timbre.files import write_whole

    if scores is not None and allowed:
        raise click.UsageError("--scores takes the place of --logs, --suite and --allow")
    if scores is None and baseline == candidate:
        raise click.UsageError(f"{baseline!r} is both baseline and candidate")
    failure: TimbreError | None = None
    try:
        policy = sources.policy()
        if scores is not None:
            result = gate_scores(sources.table(scores), baseline, candidate, policy, sources.licences())
        else:
            result = sources.gate(policy, allowed)(*sources.logs((baseline, candidate)))
    except TimbreError as error:
        failure = error
        result = GateResult("ERROR", baseline, candidate, (), (str(error),), suite=sources.given_suite)
    # Files first: whoever stops reading the output still gets them, and the verdict's exit status.
    if junit is not None:
        write_junit(result, junit)
    if markdown is not None:
        write_whole(markdown, gate_markdown(result))
    write_step_summary(result)
    try:
        if as_json:
            step = next_step(result)
            more = {"summary": summary_sentence(result), "next": str(step) if step else None}
            decision = {name: value for name, value in vars(result).items() if name != "pairs"}
            print_json({"schema_version": 1, **decision, **more})
        elif failure is None:
            show_gate(result)
        sys.stdout.flush()
    except BrokenPipeError:
        stop_writing()
    if failure is not None:
        raise failure
    if result.overall == "ERROR":
        click.echo(summary_sentence(result), err=True)
    sys.exit(result.exit_code)


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN RUN ...]")
@click.option("--scores", type=FILE, help="Table (CSV or Parquet) to read instead of logs.")
@reading("policy", "licences", "voice")
def power(runs: tuple[str, ...], scores: Path | None, sources: Sources, as_json: bool) -> None:
    """Name the canaries that a verdict needs, from the spread seen so far.

    Each run is compared with the first (all that have logs, if none is named). For every dimension of the
    policy: the spread of the paired gains, the canaries at which a run that lost nothing would PASS
    four times in five, and those at which a loss of twice the margin would be REGRESSED as often.

    \b
    timbre power baseline run2
    timbre power --scores table.csv
    """
    from results.grid import say, stdout_console
    from results.licences import Basis, read_licences
    from results.power import power as measure
    from results.records import condition_differences, differences
    from results.report_tables import power_table
    from results.table import WRITER, conditions_of, score_table

    policy = sources.policy()
    if scores is not None:
        table = sources.table(scores)
        basis = Basis.of_table(table, sources.licences())
        known = [run for run in dict.fromkeys(table["run"]) if run != WRITER]
        names = list(runs or known)
        if unknown := sorted(set(names) - set(known)):
            do = f"there are {', '.join(known)}"
            raise TimbreError(f"no scores of {unknown[0]!r}", where=str(scores), do=do)
        warnings = condition_differences(conditions_of(table, names))
    else:
        logs = sources.logs(runs)
        warnings = differences(logs)
        table, names = score_table(logs), [log.run for log in logs]
        ceilings = sources.ceilings(policy, logs[-1]) or {}
        licences, suite = read_licences(table, sources.licences()), logs[-1].suite
        basis = Basis(licences, logs[-1].advisory, suite, ceilings)
    if len(names) < 2:
        raise TimbreError("one run has no paired differences", do="name two runs that were evaluated")
    powers = measure(table, names, policy, basis)
    if as_json:
        print_json({"runs": names, "power": 0.8, "warnings": warnings, "dimensions": powers})
        return
    console = stdout_console()
    power_table(names, powers).show(console)
    for warning in warnings:
        say(console, f"- not like with like: {warning}")
    needed = [d.to_pass for d in powers if d.may_block and d.to_pass is not None]
    endless = [d for d in powers if d.may_block and d.why]
    if needed:
        what = "what has a number" if endless else "all that can block"
        say(console, f"A gate that passes on {what} needs about {max(needed)} canaries.")
    for d in endless:
        say(console, f"{d.dimension}: {d.why}.")
    if own := policy.rules_out(basis.suite, table["canary"].nunique()):
        say(
            console,
            f"On {basis.suite} it may pass with fewer: there it rules out only losses of more than {own}.",
        )


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN RUN ...]")
@click.option("-o", "--out", type=FILE, help="Write the table here: .csv or .parquet.")
@click.option("--into-logs", is_flag=True, help="Write each run's table into its log, for `inspect view`.")
@click.option(
    "--into",
    "tracker",
    type=click.Choice(["wandb", "mlflow"]),
    help="Write each run's table, verdicts and conditions into this tracker.",
)
@reading("policy", "licences", "voice")
def scores(
    runs: tuple[str, ...],
    out: Path | None,
    into_logs: bool,
    tracker: str | None,
    sources: Sources,
    as_json: bool,
) -> None:
    """Take the scores out of the logs: a row for each answer and dimension, of all runs or of those named.

    The CSV has the columns that `timbre gate --scores` takes (run, canary, epoch, dimension, value; empty for
    unscored). Parquet has more: why a value is missing, the canary's kind, who judged, and under
    which conditions, without which the gate can't tell whether two runs may be compared.

    \b
    timbre scores baseline run2 --out scores.csv
    timbre scores --out scores.parquet
    timbre scores baseline run2 --into-logs
    timbre scores baseline run2 --into wandb
    """
    from results.comparison import side_by_side
    from results.table import score_table, write_scores
    from results.trackers import send, write_into_log

    if out is None and not into_logs and tracker is None:
        raise TimbreError("nowhere to write to", do="give --out FILE, --into-logs or --into TRACKER")
    logs = sources.logs(runs)
    names, table = [log.run for log in logs], score_table(logs)
    if out is not None:
        write_scores(table, out)
    policy, changed = sources.policy(), []
    scored = side_by_side(table, names, policy) if into_logs or tracker else ()
    if into_logs:
        changed = [log.path for log in logs if write_into_log(log, scored)]
    if tracker:
        results = [sources.gate(policy)(logs[0], log) for log in logs[1:]]
        send(tracker, logs, scored, results)
    if as_json:
        written = {"out": str(out) if out else None, "logs": changed, "tracker": tracker}
        print_json({"runs": names, "rows": len(table), **written})
        return
    if out is not None:
        click.echo(f"wrote {len(table)} rows of {', '.join(names)} to {out}")
    if into_logs:
        click.echo(f"wrote the tables of {len(changed)} of {len(names)} logs; the others had theirs")
    if tracker:
        click.echo(f"sent {', '.join(names)} to {tracker}")


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN [RUN ...]")
@click.option("--log", "page", type=FILE, default=Path("LOG.md"), show_default=True)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit 1 if the log differs from what the runs show."
)
@reading("policy", "licences", "voice")
def export(runs: tuple[str, ...], page: Path, check: bool, sources: Sources, as_json: bool) -> None:
    """Write a section for each run into the experiment log; what stands outside its markers is kept.

    The same logs and runs give the same bytes. --check is for CI: it fails where somebody trained or
    evaluated anew and didn't export, or changed a figure by hand; notes beside the sections don't count.

    \b
    timbre export run2
    timbre export run1 run2 --check
    """
    from results.log import export as write_section
    from results.log import out_of_date
    from results.story import read_story
    from results.verdicts import first_of

    policy = sources.policy()
    given = (sources.places, runs_dir(), policy, sources.gate(policy), sources.suite)
    stories = [read_story(run, *given) for run in runs]
    stale: dict[str, tuple[str, ...]] = {}
    for story in stories:
        if not check:
            write_section(story, page)
        elif difference := out_of_date(story, page):
            stale[story.log.run] = difference
    if as_json:
        verdicts = {story.log.run: story.result.overall if story.result else None for story in stories}
        rows = [
            {"run": run, "log": str(page), "verdict": verdict, "up_to_date": run not in stale}
            for run, verdict in verdicts.items()
        ]
        print_json(rows[0] if len(rows) == 1 else rows)
    elif not check:
        click.echo(f"wrote the section of {', '.join(runs)} to {page.resolve()}\nnext: timbre report")
    elif not stale:
        click.echo(f"{page} is what the runs show")
    for run, difference in stale.items():
        fault = f"timbre: {page} differs from what {run} shows; write it with `timbre export {run}`"
        click.echo("\n".join([*first_of(difference, _DIFF_LINES), fault]), err=True)
    sys.exit(1 if stale else 0)


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN RUN ...]")
@click.option("-o", "--out", type=FILE, help="[default: results/report.html]")
@reading("policy", "licences", "voice")
def report(runs: tuple[str, ...], out: Path | None, sources: Sources, as_json: bool) -> None:
    """Write one HTML page of all runs: verdicts, plots, judges, training, answers side by side.

    The file has all it needs inside and works offline. Without RUN every run with a log is in it, the
    baseline first; with names, those in that order.

    \b
    timbre report
    timbre report baseline run2 --out run2.html
    """
    from results.report import write_report

    out, logs, policy = out or results_dir() / "report.html", sources.logs(runs), sources.policy()
    gate = sources.gate(policy, tuple(CONDITIONS))  # what differs is named, and compared all the same
    write_report(logs, policy, out, gate, runs=runs_dir(), voice=sources.voice_of(logs[0]))
    if as_json:
        print_json({"report": str(out), "runs": [log.run for log in logs]})
    else:
        click.echo(f"wrote {', '.join(log.run for log in logs)} to {out}")


@click.command()
@click.option("-o", "--out", type=FILE, help="Folder to write to.  [default: judges/stock/]")
@reading("voice")
def stock(out: Path | None, sources: Sources, as_json: bool) -> None:
    """Learn a base's stock phrases, for hashtag_slop to count.

    Reads what the base answered without an adapter, and keeps the words and the phrases of up to four
    words that it uses far more than people do, and more than the writer. The list goes to
    judges/stock/ under the base's sha256, and counts for answers of that base and its adapters. Judge
    earlier logs again with `inspect score`.

    Don't learn from the prompts that you gate on: the list would fit the baseline's answers to just
    these, and any run would look better beside it. judges/stock/stock.yaml has prompts for this alone.
    Forty answers show the grossest habits only; give it hundreds.

    \b
    Example:
      inspect eval evals/voice.py --model baseline -T suite=judges/stock/stock.yaml
      timbre stock --suite stock
    """
    from judges.reference import load_reference
    from judges.stock_learning import STORED, PromptedText, human_share, learn, store
    from results.grid import Grid, stdout_console
    from timbre.errors import visible
    from timbre.files import read_objects
    from timbre.paths import DEFAULT_VOICE
    from training.runs import BASELINE

    voice = sources.voice or DEFAULT_VOICE
    writer = load_reference(voice, None).train
    (log,) = sources.logs([BASELINE])
    # Answers to the prompts of the writer's val pairs are left for measuring.
    held_out = {r.get("prompt") for _, r in read_objects(voice) if r.get("split") == "val"}
    kept = [PromptedText(s.prompt, s.text) for s in log.samples if s.prompt not in held_out]
    base = log.conditions["base"].rpartition(" (")[0]
    learned = learn(kept, writer, human_share, base=base, base_sha256=log.identity)
    path = store(learned, out or STORED)
    if as_json:
        print_json({"file": str(path), **dataclasses.asdict(learned)})
        return
    Grid(
        f"{learned.base}: {len(learned.phrases)} phrases from {learned.texts} answers",
        ("phrase", "answers", "per 100 words", "times human", "z"),
        tuple(
            (
                *(visible(p.text), str(p.answers), f"{p.per_100_words:.3f}"),
                *(f"{p.per_100_words / 100 / p.human:.0f}+", f"{p.z_human:.1f}"),
            )
            for p in learned.phrases
        ),
    ).show(stdout_console())
    click.echo(f"written to {path}", err=True)
