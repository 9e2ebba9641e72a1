"""The real vLLM behind the literal ``inspect eval`` command: one server, one run, one baseline."""

import json
import os
import shutil
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from safetensors.numpy import load_file, save_file

from evals import endpoint as endpoints
from evals.endpoint import PROBE_PROMPTS, Endpoint, Served, serve_run
from evals.vllm_command import WHOLE_PREFILLS
from judges.types import DIMENSIONS
from results.logs import read_logs
from tests.conftest import RUN, Workspace
from training.runs import WEIGHTS, Run, read_run

pytestmark = [pytest.mark.real, pytest.mark.one_server]

SHORT = ("--limit", "2", "-T", "epochs=2", "-T", "max_tokens=40", "--display", "plain")


@pytest.fixture(scope="module")
def done(trained: Path, workspace: Workspace) -> subprocess.CompletedProcess[str]:
    """The command of the contract, with no server running before it."""
    return workspace.run("inspect", "eval", "evals/voice.py", "--model", f"{RUN},baseline", *SHORT)


@pytest.fixture(scope="module")
def logs(done: subprocess.CompletedProcess[str], workspace: Workspace) -> dict[str, EvalLog]:
    """The two logs by run name."""
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    read = [read_eval_log(info) for info in list_eval_logs(str(workspace.home / "logs"))]
    return {facts(log)["run"]: log for log in read if log.status == "success"}


def facts(log: EvalLog) -> dict[str, Any]:
    assert log.eval.metadata is not None
    found: dict[str, Any] = log.eval.metadata["timbre"]
    return found


@pytest.fixture
def run(trained: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The trained run, read in this process too."""
    monkeypatch.setenv("TIMBRE_HOME", str(workspace.home))
    found = read_run(RUN)
    assert found is not None
    return found


@pytest.fixture
def endpoint(logs: dict[str, EvalLog], workspace: Workspace) -> Endpoint:
    """The server that the eval started."""
    folder = next((workspace.home / ".timbre" / "servers").iterdir())
    record = json.loads((folder / "server.json").read_text())
    served = Served(record["base"], record["dtype"], tuple(record["args"]), url_is_outside=False)
    key = (folder / "key").read_text()
    return Endpoint(f"http://127.0.0.1:{record['port']}/v1", key, folder, served)


def test_the_literal_command_evaluates_run_and_baseline(logs: dict[str, EvalLog]) -> None:
    assert set(logs) == {RUN, "baseline"}


def test_every_answer_has_every_dimension_with_a_value_or_a_reason(logs: dict[str, EvalLog]) -> None:
    for log in logs.values():
        assert log.samples and len(log.samples) == 4
        for sample in log.samples:
            assert sample.scores is not None
            told = (sample.scores["voice"].metadata or {})["judgements"]
            assert list(told) == list(DIMENSIONS)
            assert all((j["value"] is None) != (j["unscored"] is None) for j in told.values())


def test_without_a_grader_humor_is_the_encoders_and_warmth_unscored_but_for_a_fault(
    logs: dict[str, EvalLog],
) -> None:
    for sample in logs[RUN].samples or []:
        judged = ((sample.scores or {})["voice"].metadata or {})["judgements"]
        assert judged["humor"]["value"] is not None and judged["humor"]["judge"].startswith("encoder/humor@")
        if judged["integrity"]["value"]:
            assert judged["warmth"]["value"] == judged["humor"]["value"] == 0.0
        else:
            assert judged["warmth"]["value"] is None and "no grader" in judged["warmth"]["unscored"]


def test_the_log_carries_the_runs_identity_in_metadata_version_and_answers(
    logs: dict[str, EvalLog], run: Run
) -> None:
    log = logs[RUN]
    assert facts(log)["identity"] == run.identity
    assert log.eval.task_version != logs["baseline"].eval.task_version
    assert all(sample.output.model == run.served_name for sample in log.samples or [])
    assert {(sample.output.metadata or {})["identity"] for sample in log.samples or []} == {run.identity}


def test_the_log_says_what_the_server_is(logs: dict[str, EvalLog], endpoint: Endpoint) -> None:
    for log in logs.values():
        assert facts(log)["server"] == endpoint.served.as_metadata()
        assert all((s.output.metadata or {})["server"] == facts(log)["server"] for s in log.samples or [])


def test_epochs_are_sampled_with_different_seeds(logs: dict[str, EvalLog]) -> None:
    answers = {s.epoch: s.output.completion for s in logs["baseline"].samples or [] if s.id == "a-class"}
    assert answers[1] != answers[2]


def test_answers_cut_off_by_the_limit_are_marked(logs: dict[str, EvalLog]) -> None:
    cut = [s for s in logs["baseline"].samples or [] if s.output.stop_reason == "max_tokens"]
    assert cut
    assert all(((s.scores or {})["voice"].metadata or {})["truncated"] for s in cut)


def test_a_conversation_is_held_with_the_server_and_read_whole(workspace: Workspace, tmp_path: Path) -> None:
    suite = tmp_path / "talk.yaml"
    suite.write_text(
        "canaries:\n  - {id: talk, kind: explainer, turns: [Explain the spoon., Say more about its handle.],"
        " subjects: [], first_person_licensed: false, facts: [], target_words: [5, 40]}\n"
    )
    settings = ("-T", f"suite={suite}", "-T", "max_tokens=24", "-T", "epochs=1", "--display", "plain")
    done = workspace.run(
        "inspect", "eval", "evals/voice.py", "--model", "baseline", *settings, "--log-dir", str(tmp_path)
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    log = read_eval_log(list_eval_logs(str(tmp_path))[0])
    assert log.samples
    said = [message.text for message in log.samples[0].messages]
    assert len(said) == 4 and said[2] == "Say more about its handle."
    assert read_logs([tmp_path])[0].samples[0].text == f"{said[1]}\n\n> {said[2]}\n\n{said[3]}"


def test_the_key_file_is_the_users_alone(endpoint: Endpoint) -> None:
    assert stat.S_IMODE(os.stat(endpoint.folder / "key").st_mode) == 0o600


def test_the_server_refuses_a_wrong_key(endpoint: Endpoint) -> None:
    stranger = replace(endpoint, key="guess")
    with pytest.raises(Exception, match="refuses the key"):
        stranger.models()


def test_a_second_start_finds_the_same_server(endpoint: Endpoint, workspace: Workspace) -> None:
    told = json.loads(workspace.run("timbre", "serve", "--json").stdout)
    assert told["url"] == endpoint.url


def test_an_adapter_is_loaded_once_when_many_ask_together(
    endpoint: Endpoint, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.ask("POST", "/v1/unload_lora_adapter", {"lora_name": run.served_name})
    loads: list[str] = []
    real = endpoints._load

    def counted(where: Endpoint, name: str, adapter: Path) -> None:
        loads.append(name)
        real(where, name, adapter)

    monkeypatch.setattr(endpoints, "_load", counted)
    with ThreadPoolExecutor(6) as pool:
        names = list(pool.map(lambda _: serve_run(endpoint, run), range(6)))
    assert names == [run.served_name] * 6
    assert loads == [run.served_name]


def test_an_adapter_without_effect_is_refused(endpoint: Endpoint, run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.adapter, tmp_path / "still")
    weights = {name: np.zeros_like(w) for name, w in load_file(run.adapter / WEIGHTS).items()}
    save_file(weights, tmp_path / "still" / WEIGHTS)
    endpoints._load(endpoint, "still", tmp_path / "still")
    assert not endpoints.moves_output(endpoint, endpoint.served.model, "still")
    assert endpoints.moves_output(endpoint, endpoint.served.model, run.served_name)


def test_the_base_answers_the_same_while_as_many_runs_are_asked_as_there_are_places(
    endpoint: Endpoint, run: Run
) -> None:
    """vLLM's own LoRA on a CPU would answer with the last place's adapter."""
    base = endpoint.served.model
    names = [run.served_name, *(f"copy-{n}" for n in range(3))]
    for name in names:
        endpoints._load(endpoint, name, run.adapter)
    alone = [endpoints._greedy(endpoint, base, prompt) for prompt in PROBE_PROMPTS]
    long = {
        "messages": [{"role": "user", "content": "Count to a hundred."}],
        "max_tokens": 150,
        "ignore_eos": True,
    }
    with ThreadPoolExecutor(len(names)) as pool:
        busy = [
            pool.submit(endpoint.ask, "POST", "/v1/chat/completions", {"model": name, **long})
            for name in names
        ]
        beside = [endpoints._greedy(endpoint, base, prompt) for prompt in PROBE_PROMPTS]
        assert not any(call.done() for call in busy)
    assert [text for text, _ in beside] == [text for text, _ in alone]
    assert endpoints._largest_shift(alone, beside) < endpoints.MIN_SHIFT


def test_many_seeded_prompts_at_once_do_not_kill_the_server(endpoint: Endpoint) -> None:
    """Together they are longer than a step; a seeded prompt split over two would end vLLM's CPU engine."""
    step, per_prompt = int(WHOLE_PREFILLS[-1]), 125
    asked = step // per_prompt + 2

    def ask(n: int) -> int:
        body = {
            "model": endpoint.served.model,
            "messages": [{"role": "user", "content": f"{n} " + "and one more spoon " * 25}],
            "seed": n,
            "temperature": 0.7,
            "max_tokens": 2,
        }
        reply = endpoint.ask("POST", "/v1/chat/completions", body, timeout=900)
        assert reply.json()["usage"]["prompt_tokens"] >= per_prompt
        return reply.status_code

    with ThreadPoolExecutor(asked) as pool:
        assert set(pool.map(ask, range(asked))) == {200}


def test_results_read_the_logs_and_export_the_run(
    logs: dict[str, EvalLog], workspace: Workspace, tmp_path: Path
) -> None:
    table = workspace.run("timbre", "compare", "baseline", RUN)
    assert table.returncode == 0 and "compression" in table.stdout
    assert "voice_match tells voice.jsonl from writers it was not fitted against: AUC" in table.stdout
    page = tmp_path / "LOG.md"
    assert workspace.run("timbre", "export", RUN, "--log", str(page)).returncode == 0
    assert "a-class" in page.read_text() and f"timbre:{RUN}" in page.read_text()
    gate = workspace.run("timbre", "gate", "--baseline", "baseline", "--candidate", RUN)
    # So small a run may end its answer after a few words, which voice_match can't score.
    assert gate.returncode in (1, 2) or "unscored (fewer than 10 words)" in gate.stderr, gate.stderr


def test_a_run_and_the_base_are_asked_by_hand(logs: dict[str, EvalLog], workspace: Workspace) -> None:
    options = ("--temperature", "0", "--max-tokens", "12", "--json")
    done = workspace.run("timbre", "ask", f"{RUN},baseline", PROBE_PROMPTS[0], *options)
    own, base = json.loads(done.stdout)["replies"]
    assert (own["run"], base["run"]) == (RUN, "baseline")
    assert own["text"] and base["text"] and base["is_cut_off"]


@pytest.mark.parametrize("victim", ["VLLM::EngineCore", "VLLM::Worker"])
def test_a_killed_engine_or_worker_leaves_no_process_and_the_next_start_succeeds(
    endpoint: Endpoint, workspace: Workspace, victim: str
) -> None:
    keeper = psutil.Process(json.loads((endpoint.folder / "server.json").read_text())["pid"])
    family = [keeper, *keeper.children(recursive=True)]
    [killed] = [process for process in family if victim in " ".join(process.cmdline())]
    killed.kill()
    assert psutil.wait_procs(family, timeout=60)[1] == []
    started = json.loads(workspace.run("timbre", "serve", "--json").stdout)
    assert started["url"] != endpoint.url


def test_an_endpoint_that_is_dead_fails_the_eval_and_is_named(trained: Path, workspace: Workspace) -> None:
    dead = "http://127.0.0.1:9/v1"
    done = workspace.run("inspect", "eval", "evals/voice.py", "--model", RUN, *SHORT, TIMBRE_VLLM_URL=dead)
    assert done.returncode != 0 and dead in done.stdout + done.stderr


def test_a_server_that_dies_while_starting_shows_the_end_of_its_log(
    trained: Path, workspace: Workspace, tmp_path: Path
) -> None:
    home = {"TIMBRE_HOME": str(tmp_path), "TIMBRE_VLLM_ARGS": "--no-such-option"}
    done = workspace.run("timbre", "serve", **home)
    assert done.returncode == 2
    assert "vLLM died while starting" in done.stderr and "no-such-option" in done.stderr


def test_the_inspect_process_never_imports_torch() -> None:
    code = (
        "import sys, evals.registry, evals.voice; from judges.encoder import embedding, read; "
        "read('A note.'); embedding('A note.'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
