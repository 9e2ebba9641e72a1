"""Keys and tokens of the environment are in nothing that Timbre writes, prints or starts."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from tests.conftest import Workspace
from timbre.cli import cli
from timbre.paths import CHECKOUT, models_dir

KEY = "planted-vllm-key-4f1c"
SECRETS = {
    "TIMBRE_VLLM_KEY": KEY,
    "HF_TOKEN": "hf_planted9d02",
    "OPENAI_API_KEY": "sk-planted-77aa",
    "ANTHROPIC_API_KEY": "sk-ant-planted-c3e8",
    "AWS_SECRET_ACCESS_KEY": "planted/aws/51b7",
}
PRESET = """
base = "{base}"
quantization = "none"
target_modules = ["q_proj"]
rank = 4
learning_rate = 2e-2
epochs = 1
warmup_steps = 0
"""
SUITE = """
canaries:
  - id: {0}
    kind: hot_take
    prompt: Is the {0} overrated, or does it only look so?
    subjects: []
    first_person_licensed: false
    facts: []
    target_words: [10, 90]
"""


@pytest.fixture
def endpoint(tiny_base: Path) -> Iterator[str]:
    """A stand-in for vLLM in a process of its own, which asks for the key."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "benchmarks/stand_in.py", str(port), "--model", str(tiny_base)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT), "VLLM_API_KEY": KEY}
    with subprocess.Popen(command, cwd=CHECKOUT, env=environment) as process:
        url = f"http://127.0.0.1:{port}/v1"
        while process.poll() is None:
            try:
                httpx.get(url, trust_env=False)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
        process.terminate()


def _content(file: Path) -> str:
    if file.suffix != ".eval":
        return file.read_bytes().decode("latin-1")
    from inspect_ai.log import read_eval_log

    return read_eval_log(str(file)).model_dump_json()


@pytest.mark.real
def test_planted_secrets_are_in_no_file_and_no_output_of_a_whole_experiment(
    short_pairs: Path, tiny_base: Path, tmp_path: Path, endpoint: str
) -> None:
    space = Workspace(tmp_path / "home")
    space.home.mkdir()
    (tmp_path / "p.toml").write_text(PRESET.format(base=tiny_base))
    (tmp_path / "suite.yaml").write_text(
        SUITE.format("opera") + SUITE.format("kettle").partition("canaries:\n")[2]
    )
    environment = {
        **SECRETS,
        "TIMBRE_VLLM_URL": endpoint,
        "TIMBRE_BASE": str(tiny_base),
        "TIMBRE_MODELS": str(models_dir()),
        "HTTP_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
        "PYTHONPATH": str(CHECKOUT),
    }
    evaluate = (
        "inspect",
        "eval",
        "evals/voice.py",
        "-T",
        f"suite={tmp_path / 'suite.yaml'}",
        "--display",
        "plain",
    )
    logs = ("--logs", str(space.home / "logs"))
    commands = [
        ("timbre", "train", str(tmp_path / "p.toml"), "--name", "run1", "--data", str(short_pairs)),
        (*evaluate, "--model", "baseline,run1"),
        ("timbre", "gate", "--baseline", "baseline", "--candidate", "run1", *logs,
         "--junit", str(space.home / "gate.xml"), "--markdown", str(space.home / "gate.md")),
        ("timbre", "export", "run1", *logs, "--log", str(space.home / "LOG.md")),
        ("timbre", "report", *logs, "--out", str(space.home / "report.html")),
        ("timbre", "runs", "--json"),
    ]  # fmt: skip
    done = [space.run(*command, **environment) for command in commands[:2]]
    runner = CliRunner(env=space.environment(**environment))
    shown = [runner.invoke(cli, command[1:]).output for command in commands[2:]]
    refused = {**environment, "TIMBRE_VLLM_KEY": f"wrong-{KEY}"}
    failed = space.run(*evaluate, "--model", "run1", **refused)
    written = {path.name for path in space.home.rglob("*")}
    assert {"run.json", "LOG.md", "report.html", "gate.xml", "gate.md"} <= written, done
    assert len([name for name in written if name.endswith(".eval")]) == 2, done
    assert "refuses the key" in failed.stdout + failed.stderr
    made = {str(file): _content(file) for file in space.home.rglob("*") if file.is_file()}
    made |= {str(process.args): process.stdout + process.stderr for process in (*done, failed)}
    made |= {"commands": "".join(shown)}
    assert [(place, name) for place, text in made.items() for name, of in SECRETS.items() if of in text] == []
