"""Processes that don't load torch and transformers anew: forked from a server of multiprocessing's that has."""

import multiprocessing
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

HEAVY = ("torch", "transformers.trainer", "transformers.models.llama.modeling_llama", "peft", "accelerate")
CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload([*HEAVY, "training.qlora", "training.judge", "training.watching"])
PATIENCE_S = 300


def start(
    target: Callable[..., object],
    *arguments: Any,
    environment: Mapping[str, str],
    output: Path,
    largest_file: int = 0,
) -> BaseProcess:
    """Start a function of a module; what it prints goes to a file.

    Args:
        target: The function.
        arguments: What it is called with.
        environment: All of its environment.
        output: The file, for stdout and stderr.
        largest_file: Bytes of the largest file that it can write; 0 for no limit.
    """
    process = CONTEXT.Process(
        target=_begin, args=(target, arguments, dict(environment), output, largest_file)
    )
    process.start()
    return process


def launch(
    target: Callable[..., object],
    *arguments: Any,
    environment: Mapping[str, str],
    outputs: Sequence[Path],
    options: Sequence[str] = ("--multi_gpu",),
) -> list[BaseProcess]:
    """Processes that train together over gloo, in the environment that ``accelerate launch`` gives its own.

    Args:
        target: The function of each.
        arguments: What it is called with.
        environment: All of the launcher's environment.
        outputs: A file for each.
        options: The launcher's.
    """
    from accelerate.commands.launch import launch_command_parser  # type: ignore[import-untyped]
    from accelerate.utils.launch import prepare_multi_gpu_env  # type: ignore[import-untyped]

    sizes = (
        "--num_processes",
        str(len(outputs)),
        "--num_machines",
        "1",
        "--num_cpu_threads_per_process",
        "1",
    )
    plain = ("--mixed_precision", "no", "--dynamo_backend", "no")
    given = launch_command_parser().parse_args([*options, *sizes, *plain, "timbre"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        launched = {
            **prepare_multi_gpu_env(given),
            **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(len(outputs))},
            **{"ACCELERATE_USE_CPU": "true", "ACCELERATE_TORCH_DEVICE": "cpu"},
        }
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(len(outputs))]
    return [
        start(target, *arguments, environment={**launched, **rank}, output=output)
        for rank, output in zip(ranks, outputs, strict=True)
    ]


def printed(processes: Sequence[BaseProcess], outputs: Sequence[Path]) -> list[str]:
    """What processes that train together have printed when all have ended well."""
    for process in processes:
        process.join(PATIENCE_S)
        process.kill()
    shown = [output.read_text() for output in outputs]
    assert all(process.exitcode == 0 for process in processes), "\n".join(shown)[-3000:]
    return shown


def _begin(
    target: Callable[..., object],
    arguments: tuple[Any, ...],
    environment: dict[str, str],
    output: Path,
    largest_file: int,
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    # A test run in a shell's background inherits an ignored SIGINT, and so would its children.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(file, stream.fileno())
    target(*arguments)


def timbre(*arguments: str) -> None:
    """The command."""
    from timbre.cli import main

    sys.argv = ["timbre", *arguments]
    main()
