"""``timbre serve``."""

import json
import sys

import click

from timbre.errors import TimbreError

RECORDED = ("base", "url", "host", "pid", "server_pid", "dtype", "args")
"""Of a server's record, what --status says."""


@click.command()
@click.option("--base", help="Base to serve: the embedded one's name, a Hugging Face id or a folder.")
@click.option("--stop", is_flag=True, help="End the server (all of them without --base).")
@click.option("--status", is_flag=True, help="Say what is running; exit 1 if nothing is.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a sentence.")
def serve(base: str | None, stop: bool, status: bool, as_json: bool) -> None:
    """Start one vLLM for a base and all its runs, or find the one that is there.

    It listens on 127.0.0.1 with a key that only you can read, loads runs when they are asked for, and
    ends after 30 minutes without a request (TIMBRE_IDLE_MINUTES). `inspect eval` starts it by itself.
    TIMBRE_VLLM_ARGS passes more arguments to vLLM, such as --tensor-parallel-size 2.
    """
    from evals import server
    from evals.server_record import endpoint_of, folder_of, running
    from training.base import default_base, resolve_base

    if stop and status:
        raise TimbreError("--stop and --status exclude each other", do="give one of them")
    found = running()
    if base is not None and (stop or status):
        wanted = folder_of(resolve_base(base))
        found = [(folder, record) for folder, record in found if folder == wanted]
    if not found and (stop or status) and not as_json:
        click.echo("no server is running")
    if stop:
        for folder, record in found:
            server.stop(folder)
            click.echo(f"stopped the server of {record.base}", err=as_json)
        if as_json:
            json.dump({"stopped": [record.base for _, record in found]}, sys.stdout)
        return
    if status:
        rows = [
            {
                **{name: getattr(record, name) for name in RECORDED},
                "ready": endpoint_of(folder, record).is_ready(),
                "key_file": str(folder / "key"),
                "log": str(folder / "log"),
            }
            for folder, record in found
        ]
        if as_json:
            json.dump(rows, sys.stdout, indent=2)
            click.echo()
        for row in [] if as_json else rows:
            state = "ready" if row["ready"] else "starting"
            click.echo(f"{row['base']}: {state} at {row['url']} (process {row['pid']}, log {row['log']})")
        sys.exit(0 if rows else 1)
    endpoint = server.connect(resolve_base(base or default_base()))
    outside = endpoint.served.url_is_outside
    key_file = None if outside else str(endpoint.folder / "key")
    if as_json:
        started = {"url": endpoint.url, "key_file": key_file, "models": endpoint.models()}
        json.dump(started, sys.stdout, indent=2)
        click.echo()
    else:
        kept = "" if outside else f"; key in {key_file}"
        click.echo(f"serving {', '.join(endpoint.models())} at {endpoint.url}{kept}")
