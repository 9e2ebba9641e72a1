"""``timbre ask``: one prompt to any runs, through the server that evaluates them; Inspect loads when it is called."""

import json
from dataclasses import asdict, dataclass

import click

from timbre.errors import TimbreError, visible


@dataclass(frozen=True)
class Reply:
    """What one run said."""

    run: str
    text: str
    is_cut_off: bool  # by the limit of tokens


@click.command()
@click.argument("runs", metavar="RUN[,RUN…]")
@click.argument("prompt")
@click.option("--system", help="System message.  [default: the one that the run was trained with]")
@click.option("--temperature", type=click.FloatRange(0), help="[default: as the canaries are asked]")
@click.option("--max-tokens", type=click.IntRange(1), help="[default: as the canaries are asked]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON to stdout.")
def ask(runs: str, prompt: str, as_json: bool, **settings: str | float | None) -> None:
    """Ask runs one prompt and print what each of them says; "baseline" is the base alone.

    The server is the one of `inspect eval`: started where none runs (a minute or two), kept for the next call.

    \b
    timbre ask mine "What do you make of umbrellas?"
    timbre ask mine,baseline "A note on waiting rooms." --temperature 0
    """
    names = list(dict.fromkeys(name.strip() for name in runs.split(",") if name.strip()))
    if not names or not prompt.strip():
        where = "PROMPT" if names else "RUN"
        raise TimbreError("is empty", where=where, do='write timbre ask baseline "a question"')
    replies = []
    for name in names:
        replies.append(reply := reply_of(name, prompt, **settings))
        if not as_json:
            gap = "\n" if len(replies) > 1 else ""
            # A model's text must not steer the terminal.
            text = visible(reply.text.strip())
            end = " [… cut off by --max-tokens]" if reply.is_cut_off else ""
            click.echo(f"{gap}{name}:\n{text or '(an empty answer)'}{end}")
    if as_json:
        click.echo(json.dumps({"prompt": prompt, "replies": [asdict(r) for r in replies]}, indent=2))


def reply_of(name: str, prompt: str, **settings: str | float | None) -> Reply:
    """One answer of a run, an epoch of one (``run2@3``), or ``baseline``.

    ``settings`` are ``system``, ``temperature`` and ``max_tokens``; what is None is as the task has it.

    Raises:
        TimbreError: no such run, no server, or it refuses the request.
    """
    from evals import asking
    from evals.endpoint import BUSY_S, serve_run
    from evals.provider import find_subject
    from evals.server import connect, release

    subject = find_subject(name)
    run = subject.run
    endpoint = connect(subject.base, run)
    asking.check_template(run, endpoint.served)
    given = {key: value for key, value in settings.items() if value is not None}
    system = given.pop("system", run.system if run else None)
    body = {
        "model": serve_run(endpoint, run) if run else endpoint.served.model,
        "messages": [
            *([{"role": "system", "content": system}] if system else []),
            {"role": "user", "content": prompt},
        ],
        **{"temperature": asking.TEMPERATURE, "top_p": asking.TOP_P, "max_tokens": asking.MAX_TOKENS},
        **given,
    }
    response = endpoint.ask("POST", "/v1/chat/completions", body, timeout=BUSY_S)
    release(endpoint)
    if response.status_code != 200:
        what = f"the server refuses the prompt (HTTP {response.status_code}: {response.text[:200]!r})"
        do = "shorten it or lower --max-tokens; `timbre serve --status` names the server's log"
        raise TimbreError(what, where=name, do=do)
    choice = response.json()["choices"][0]
    return Reply(name, choice["message"]["content"] or "", choice["finish_reason"] == "length")
