"""A server's life: who starts it, who may end it, and what is left when one of its processes is killed."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from evals import keeper, server, server_record, vllm_command
from evals.endpoint import Endpoint
from evals.keeper import keep
from evals.server import connect
from evals.server_record import Record, folder_of, hold_as_keeper, living, read_record, running
from evals.vllm_command import Use
from evals.vllm_main import PARENT
from timbre.errors import TimbreError
from training.base import Base
from training.runs import LoraRecord, Run

pytestmark = pytest.mark.usefixtures("own_servers")
BASE = Base("stand-in", Path("/nowhere"), "a" * 64)
real_command = vllm_command.command
FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]


@pytest.fixture
def processes() -> Callable[[], list[psutil.Process]]:
    """The keeper, the API process and the engine of the server that runs, in this order."""

    def found() -> list[psutil.Process]:
        record = living(folder_of(BASE))
        assert record is not None
        process = psutil.Process(record.pid)
        return [process, *process.children(recursive=True)]

    return found


def test_two_starts_at_once_give_one_server(processes: Callable[[], list[psutil.Process]]) -> None:
    with ThreadPoolExecutor(3) as pool:
        endpoints = list(pool.map(lambda _: connect(BASE, progress=lambda line: None), range(3)))
    assert len({endpoint.url for endpoint in endpoints}) == 1
    assert len(processes()) == 3


@pytest.mark.parametrize("killed", [0, 1], ids=["keeper", "API process"])
def test_a_killed_process_takes_the_others_along_and_the_next_start_succeeds(
    processes: Callable[[], list[psutil.Process]], killed: int
) -> None:
    first = connect(BASE, progress=lambda line: None)
    family = processes()
    family[killed].send_signal(signal.SIGKILL)
    _, left = psutil.wait_procs(family, timeout=20)
    assert left == []
    second = connect(BASE, progress=lambda line: None)
    assert second.url != first.url and second.models() == ["stand-in"]


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1])
def test_a_process_whose_starter_is_killed_at_once_ends_too(after_s: float) -> None:
    child = [sys.executable, "-c", "import evals.vllm_main as m, time; m.die_with_parent(); time.sleep(60)"]
    starter = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen({child!r}, env={{**os.environ, {PARENT!r}: str(os.getpid())}})\n"
        "print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        started = psutil.Process(int(process.stdout.readline()))
        time.sleep(after_s)
        process.kill()
    assert psutil.wait_procs([started], timeout=20)[1] == []


def test_stopping_ends_every_process_and_leaves_no_record_and_no_key(
    processes: Callable[[], list[psutil.Process]],
) -> None:
    endpoint = connect(BASE, progress=lambda line: None)
    family = processes()
    assert server.stop(endpoint.folder) and not server.stop(endpoint.folder)
    assert not any(process.is_running() for process in family)
    assert not {"server.json", "key"} & {path.name for path in endpoint.folder.iterdir()}


def test_the_key_is_in_a_private_file_and_in_no_command_record_or_log(
    processes: Callable[[], list[psutil.Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    endpoint = connect(BASE, progress=lambda line: None)
    secrets = (endpoint.key, "hf_planted")
    commands = [str(process.cmdline()) for process in (*processes(), psutil.Process())]
    notes = {path.name: path.read_text() for path in endpoint.folder.iterdir() if path.name != "key"}
    assert [text for text in (*commands, *notes.values()) for secret in secrets if secret in text] == []
    assert [path.stat().st_mode & 0o077 for path in (endpoint.folder, endpoint.folder / "key")] == [0, 0]


def test_an_adapter_is_loaded_for_whoever_has_the_key_and_for_nobody_else() -> None:
    endpoint = connect(BASE, progress=lambda line: None)
    body = {"lora_name": "planted", "lora_path": "/tmp/planted"}
    load = endpoint.url + "/load_lora_adapter"
    for headers in ({}, {"Authorization": "Bearer guessed"}):
        assert httpx.post(load, json=body, headers=headers, trust_env=False).status_code == 401
    assert endpoint.models() == ["stand-in"]
    assert endpoint.ask("POST", "/v1/load_lora_adapter", body).status_code == 200


def test_a_server_listens_on_loopback_whatever_its_base_and_has_no_key_among_its_arguments(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.json").write_text("{}")
    command = real_command(tmp_path, "base", 8000, vllm_command.Adapters(16, ("q_proj",)))
    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert not {"--api-key", "--trust-remote-code"} & set(command)
    assert vllm_command.environment("secret")["VLLM_API_KEY"] == "secret"


def test_the_record_names_host_processes_and_arguments(
    processes: Callable[[], list[psutil.Process]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", "--quantization fp8 --dtype float32")
    endpoint = connect(BASE, progress=lambda line: None)
    record = living(endpoint.folder)
    assert record is not None
    assert (record.host, [record.pid, record.server_pid]) == (
        os.uname().nodename,
        [process.pid for process in processes()[:2]],
    )
    assert endpoint.served.as_metadata() == {
        "model": "stand-in",
        "dtype": "float32",
        "args": ["--quantization", "fp8", "--dtype", "float32"],
        "url_is_outside": False,
    }
    assert server.served_by(BASE) == endpoint.served


def test_other_arguments_start_an_idle_server_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    first = connect(BASE, progress=lambda line: None)
    assert connect(BASE).url == first.url
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", "--dtype float32")
    second = connect(BASE, progress=lambda line: None)
    assert second.url != first.url and second.served.dtype == "float32"


def test_nothing_ends_a_server_on_which_another_process_holds_a_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = connect(BASE, progress=lambda line: None)
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", "--dtype float32")
    with (first.folder / "lease").open() as another:
        fcntl.flock(another, fcntl.LOCK_SH)
        with pytest.raises(
            TimbreError, match="TIMBRE_VLLM_ARGS is now --dtype float32, and somebody is using it"
        ):
            connect(BASE, progress=lambda line: None)
    assert first.models() == ["stand-in"]


def test_whoever_needs_the_memory_ends_idle_servers_and_hears_of_those_in_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    endpoint = connect(BASE, progress=lambda line: None)
    for answering in (Use(1, 0.0), None):
        with monkeypatch.context() as patched:
            patched.setattr(vllm_command, "use", lambda port, answering=answering: answering)
            assert [record.base for record in server.end_idle("memory is short")] == ["stand-in"]
    with (endpoint.folder / "lease").open() as another:
        fcntl.flock(another, fcntl.LOCK_SH)
        assert [record.base for record in server.end_idle("memory is short")] == ["stand-in"]
    server.release(endpoint)
    assert server.end_idle("memory is short") == () and running() == []
    assert "ending the idle server of stand-in: memory is short" in capsys.readouterr().err


@pytest.fixture
def noted(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Writes server.json as another version did; this process holds the keeper's lock."""
    lock = hold_as_keeper(tmp_path)

    def write(**changes: object) -> None:
        old = {"port": 1, "base": "b", "base_sha256": "a", "dtype": "x", "rank": 16, "modules": ["q"]}
        (tmp_path / "server.json").write_text(json.dumps({**old, "colour": "red", **changes}))

    yield write
    os.close(lock)


def test_a_record_of_another_version_is_read_and_its_unknown_fields_are_ignored(
    tmp_path: Path, noted: Callable[..., None]
) -> None:
    noted()
    record = living(tmp_path)
    assert record is not None and (record.modules, record.args) == (("q",), None)


def test_a_server_of_another_host_is_none_of_this_one(tmp_path: Path, noted: Callable[..., None]) -> None:
    noted(host=os.uname().nodename)
    assert living(tmp_path) is not None
    noted(host="another-machine")
    assert living(tmp_path) is None


def test_who_lives_is_known_by_a_lock_whatever_clock_and_process_number_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = connect(BASE, progress=lambda line: None)
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: 0.0)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert connect(BASE).url == first.url
    record = read_record(first.folder)
    assert record is not None
    server.stop(first.folder)
    server_record.write_record(first.folder, record)
    assert living(first.folder) is None


def test_two_bases_at_once_have_a_server_and_a_key_each() -> None:
    other = Base("another", Path("/nowhere"), "b" * 64)
    with ThreadPoolExecutor(2) as pool:
        pair = list(pool.map(lambda base: connect(base, progress=lambda line: None), (BASE, other)))
    assert [endpoint.models() for endpoint in pair] == [["stand-in"], ["another"]]
    assert len({endpoint.key for endpoint in pair}) == len(running()) == 2


def test_no_port_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(server.socket.socket, "bind", refused)
    with pytest.raises(TimbreError, match="no port can be had"):
        connect(BASE, progress=lambda line: None)
    assert running() == []


def test_a_port_that_is_taken_is_an_error_with_the_end_of_the_log_and_the_next_start_succeeds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with server.socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with monkeypatch.context() as patched:
            patched.setattr(server, "_free_port", lambda: taken.getsockname()[1])
            with pytest.raises(TimbreError, match=r"(?s)died while starting.*address already in use"):
                connect(BASE, progress=lambda line: None)
    assert connect(BASE, progress=lambda line: None).models() == ["stand-in"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("TIMBRE_IDLE_MINUTES", value) for value in ("abc", "0", "-1", "nan", "inf")),
        *(("TIMBRE_KV_GIB", value) for value in ("abc", "0", "-1", "1.5")),
        *(
            ("TIMBRE_VLLM_ARGS", value)
            for value in ("--dtype 'float32", "--port 1", "--host=0.0.0.0", "--api_key k")
        ),
    ],
)
def test_a_bad_value_in_the_environment_is_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(TimbreError, match=f"^{name}: "):
        connect(BASE, progress=lambda line: None)
    assert running() == []


def test_a_run_with_other_layers_or_another_cache_needs_another_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Record(1, "b", "a", "float32", 16, ("q_proj",), args=())
    few = Run(
        name="r",
        path=tmp_path,
        identity="",
        base="b",
        base_sha256="a",
        lora=LoraRecord(rank=16, target_modules=("q_proj",)),
    )
    more = few.model_copy(update={"lora": LoraRecord(rank=16, target_modules=("q_proj", "o_proj"))})
    assert server._missing(record, few) == ""
    assert server._missing(record, more) == "can't take the layers of r"
    monkeypatch.setenv("TIMBRE_KV_GIB", "3")
    assert server._missing(record, few) == "was started with another TIMBRE_KV_GIB"


RECORD = Record(1, "b", "a", "float32", 16, ())


def test_an_idle_server_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(vllm_command, "use", lambda url: Use(0, 5.0))
    assert keep(tmp_path, RECORD, FOREVER, idle_s=0.05, poll_s=0.02) == 0
    assert "idle" in capsys.readouterr().out and read_record(tmp_path) is None
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.parametrize("why", ["requests", "a lease"])
def test_a_server_in_use_is_kept_until_it_ends_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    polls = iter(range(1000))
    monkeypatch.setattr(
        vllm_command, "use", lambda url: Use(0, float(next(polls)) if why == "requests" else 5.0)
    )
    brief = [sys.executable, "-c", "import sys; sys.stdin.close(); sys.exit(7)"]
    with (tmp_path / "lease").open("w") as user:
        if why == "a lease":
            fcntl.flock(user, fcntl.LOCK_SH)
        idle_s = 30 if why == "requests" else 0.05
        assert keep(tmp_path, RECORD, brief, idle_s=idle_s, poll_s=0.02) == 7


def test_a_keeper_that_its_notes_no_longer_name_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def rewritten(url: str) -> Use:
        (tmp_path / "server.json").write_text(json.dumps({**json.loads(read()), "pid": 1}))
        return Use(1, 0.0)

    def read() -> str:
        return (tmp_path / "server.json").read_text()

    monkeypatch.setattr(vllm_command, "use", rewritten)
    assert keep(tmp_path, RECORD, FOREVER, idle_s=30, poll_s=0.02) == 0
    assert json.loads(read())["pid"] == 1


def test_a_keeper_that_fails_takes_its_server_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def start(command: list[str], env: dict[str, str]) -> "subprocess.Popen[bytes]":
        children.append(popen(command, env=env))
        return children[-1]

    def broken(url: str) -> Use:
        raise RuntimeError("no such page")

    popen = subprocess.Popen
    monkeypatch.setattr(keeper.subprocess, "Popen", start)
    monkeypatch.setattr(vllm_command, "use", broken)
    with pytest.raises(RuntimeError):
        keep(tmp_path, RECORD, FOREVER, idle_s=30, poll_s=0.02)
    assert children[0].poll() is not None


@pytest.mark.parametrize(("status", "body"), [(500, "Internal Server Error"), (200, '{"detail": "none"}')])
def test_a_page_that_is_no_metrics_page_is_no_idleness(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:1/metrics")
    page = httpx.Response(status, text=body, request=request)
    monkeypatch.setattr(httpx, "get", lambda *args, **kwargs: page)
    assert vllm_command.use("http://127.0.0.1:1/v1") is None


def test_requests_and_room_are_read_from_the_metrics_page() -> None:
    page = (
        "# TYPE vllm:num_requests_running gauge\n"
        'vllm:num_requests_running{engine="0"} 2.0\n'
        "# TYPE vllm:num_requests_waiting gauge\n"
        'vllm:num_requests_waiting{engine="0"} 1.0\n'
        "# TYPE vllm:request_success_total counter\n"
        'vllm:request_success_total{finished_reason="stop"} 4.0\n'
        'vllm:request_success_total{finished_reason="length"} 3.0\n'
        "# TYPE vllm:cache_config_info gauge\n"
        'vllm:cache_config_info{block_size="16",num_gpu_blocks="6400"} 1.0\n'
    )
    assert vllm_command.read_metrics(page) == Use(3, 7.0, 16 * 6400 // vllm_command.REQUEST_TOKENS)
    assert vllm_command.read_metrics("") == Use(0, 0.0, None)


@pytest.mark.parametrize(("fits", "on_cpu", "expected"), [(20, True, 20), (900, True, 64), (900, False, 900)])
def test_a_card_is_given_what_its_cache_holds_and_a_cpu_no_more_than_pays(
    monkeypatch: pytest.MonkeyPatch, fits: int, on_cpu: bool, expected: int
) -> None:
    monkeypatch.setattr(server, "living", lambda folder: RECORD)
    monkeypatch.setattr(vllm_command, "on_cpu", lambda: on_cpu)
    monkeypatch.setattr(vllm_command, "use", lambda url: Use(0, 0.0, fits))
    assert server.capacity(BASE) == expected


def test_somebody_elses_server_is_asked_what_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_command, "on_cpu", lambda: True)
    monkeypatch.setenv("TIMBRE_VLLM_URL", "http://10.0.0.1:8000/v1/")
    asked = []
    monkeypatch.setattr(vllm_command, "use", lambda url: asked.append(url) or Use(0, 0.0, 900))
    assert (server.capacity(BASE), asked) == (900, ["http://10.0.0.1:8000/v1"])
    monkeypatch.setattr(vllm_command, "use", lambda url: None)
    assert server.capacity(BASE) == vllm_command.CPU_IN_FLIGHT


@pytest.mark.parametrize(
    ("stated", "card", "arguments", "share"),
    [
        (None, 81_920, "", "0.64"),
        ("8", 81_920, "", "0.34"),
        (None, 24_576, "", "0.92"),
        (None, 143_771, "", "0.37"),
        (None, 81_920, "--tensor-parallel-size 2", "0.35"),
    ],
)
@pytest.mark.parametrize("nested", [False, True], ids=["text", "text beside images"])
def test_a_card_is_asked_for_weights_and_a_stated_cache_and_never_for_more_than_vllm_takes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    stated: str | None,
    card: int,
    arguments: str,
    share: str,
    nested: bool,
) -> None:
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", arguments)
    shape: dict[str, Any] = {"num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8}
    shape["hidden_size"] = 4096
    (tmp_path / "config.json").write_text(json.dumps({"text_config": shape} if nested else shape))
    with (tmp_path / "model.safetensors").open("wb") as weights:
        weights.truncate(15 << 30)  # of an 8B, no block of which is written
    smi = tmp_path / "nvidia-smi"
    smi.write_text(f"#!/bin/sh\necho {card}\necho {card + 1}\n")
    smi.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(vllm_command, "on_cpu", lambda: False)
    if stated:
        monkeypatch.setenv("TIMBRE_KV_GIB", stated)
    command = real_command(tmp_path, "base", 8000, vllm_command.Adapters(16, ()))
    assert command[command.index("--gpu-memory-utilization") + 1] == share


def test_without_a_card_that_can_be_asked_vllm_takes_its_own_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(vllm_command, "on_cpu", lambda: False)
    command = real_command(tmp_path, "base", 8000, vllm_command.Adapters(16, ()))
    assert "--gpu-memory-utilization" not in command


def test_a_cpu_server_gets_the_stated_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    assert vllm_command.environment("")["VLLM_CPU_KVCACHE_SPACE"] == "2"
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "40")
    assert vllm_command.environment("")["VLLM_CPU_KVCACHE_SPACE"] == "40"
    monkeypatch.setenv("TIMBRE_KV_GIB", "1")
    assert vllm_command.environment("")["VLLM_CPU_KVCACHE_SPACE"] == "1"


@pytest.mark.parametrize(
    ("allowed", "share", "arguments", "bound"),
    [
        (range(2), 2, "", "0,1"),
        (range(4, 8), 4, "--dtype float32", "4,5,6,7"),
        (range(64), 4, "", "0,1,2,3"),
        (range(64), 64, "", "auto"),
        (range(2), 2, "-tp 2", "auto"),
        (range(2), 2, "--data-parallel-size=2", "auto"),
    ],
)
def test_few_cpus_are_all_given_and_of_many_vllm_takes_its_own(
    monkeypatch: pytest.MonkeyPatch, allowed: range, share: int, arguments: str, bound: str
) -> None:
    import joblib  # type: ignore[import-untyped]

    monkeypatch.delenv("VLLM_CPU_OMP_THREADS_BIND", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(allowed))
    monkeypatch.setattr(joblib, "cpu_count", lambda: share)
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", arguments)
    assert vllm_command.environment("")["VLLM_CPU_OMP_THREADS_BIND"] == bound


def test_marks_of_killed_processes_are_removed_from_shared_memory_and_those_of_living_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    monkeypatch.setattr(vllm_command, "SHARED_MEMORY", tmp_path)
    own, other = os.getuid(), os.getuid() + 1
    for name in (f"{os.getpid()}_{own}", f"{ended.pid}_{own}", f"{ended.pid}_{other}"):
        (tmp_path / f"__KMP_REGISTERED_LIB_{name}").touch()
    vllm_command.make_room_in_shared_memory()
    left = {path.name.removeprefix("__KMP_REGISTERED_LIB_") for path in tmp_path.iterdir()}
    assert left == {f"{os.getpid()}_{own}", f"{ended.pid}_{other}"}


def test_what_is_killed_leaves_no_shared_memory_of_pythons_behind() -> None:
    code = (
        "import signal; from multiprocessing.shared_memory import SharedMemory as Memory\n"
        "memory = Memory(create=True, size=1); print(memory.name, flush=True); signal.pause()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        memory = vllm_command.SHARED_MEMORY / child.stdout.readline().strip()
        assert memory.is_file()
        process = psutil.Process(child.pid)
        keeper.kill_left([process, *keeper.descendants(process)], timeout=0)
    assert not memory.exists()


def test_full_shared_memory_is_one_line_and_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_command, "CPU_SHARED_MIB", 2**60)
    with pytest.raises(TimbreError, match=r"^/dev/shm: has \d+ MiB free, and vLLM needs 1152921504606846976"):
        connect(BASE, progress=lambda line: None)
    assert running() == []


def test_the_signal_that_ended_a_server_without_a_word_stands_in_its_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = [sys.executable, "-c", "import os, signal; os.kill(os.getpid(), signal.SIGBUS)"]
    assert keep(tmp_path, RECORD, killed, idle_s=30) == -signal.SIGBUS
    assert "ended by SIGBUS" in capsys.readouterr().out


def test_an_endpoint_of_ones_own_can_be_given_back() -> None:
    endpoint: Endpoint = connect(BASE, progress=lambda line: None)
    with (endpoint.folder / "lease").open() as another:
        with pytest.raises(BlockingIOError):
            fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
        server.release(endpoint)
        fcntl.flock(another, fcntl.LOCK_EX | fcntl.LOCK_NB)
