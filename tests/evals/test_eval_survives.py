"""An eval whose server is killed goes on or ends with one error, and no sample is lost or scored twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest
from inspect_ai import eval as inspect_eval
from inspect_ai import eval_retry
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log
from tenacity import wait_none

from benchmarks.stand_in import running as stand_in_process
from evals import vllm_command
from evals.provider import VoiceAPI
from evals.server import connect, release
from evals.server_record import living, running
from tests.evals.conftest import RunningStandIn
from timbre.paths import CHECKOUT, models_dir
from training.base import EMBEDDED, default_base, resolve_base

SAMPLES = 8
PATIENCE_S = 30
DYING = [sys.executable, "-c", "raise SystemExit('no room for the weights')"]


@pytest.fixture
def evaluate(
    own_servers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], EvalLog]:
    """Asks the baseline of a stand-in server, and does something while the first answers are awaited."""
    monkeypatch.chdir(CHECKOUT)
    command = vllm_command.command
    monkeypatch.setattr(vllm_command, "command", lambda *given: [*command(*given), "--seconds", "0.3"])

    def run(during: Callable[[], object]) -> EvalLog:
        over = threading.Event()

        def wait() -> None:
            with httpx.Client(verify=False, trust_env=False) as client:
                while not over.wait(0.1):
                    for _, record in running():
                        with suppress(httpx.HTTPError):
                            if len(client.get(f"http://127.0.0.1:{record.port}/requests").json()) >= 3:
                                return during()
            return None

        watcher = threading.Thread(target=wait, daemon=True)
        watcher.start()
        [log] = inspect_eval(
            "benchmarks/serving.py@plain",
            model="baseline",
            limit=SAMPLES,
            epochs=1,
            max_connections=2,
            max_retries=1,
            display="none",
            log_dir=str(tmp_path / "logs"),
        )
        over.set()
        watcher.join()
        return read_eval_log(log.location)

    return run


def family() -> Sequence[psutil.Process]:
    """Keeper, API process and engine of the server that runs."""
    [(folder, _)] = running()
    record = living(folder)
    assert record is not None
    keeper = psutil.Process(record.pid)
    return [keeper, *keeper.children(recursive=True)]


def answered(log: EvalLog) -> Counter[str]:
    return Counter(str(sample.id) for sample in log.samples or [] if sample.scores)


@pytest.mark.parametrize("killed", [0, 1], ids=["keeper", "API process"])
def test_an_eval_goes_on_with_a_new_server(
    evaluate: Callable[[Callable[[], object]], EvalLog], killed: int
) -> None:
    before: list[psutil.Process] = []

    def kill() -> None:
        before.extend(family())
        before[killed].send_signal(signal.SIGKILL)

    log = evaluate(kill)
    assert log.error is None, log.error.traceback
    assert log.status == "success" and list(answered(log).values()) == [1] * SAMPLES
    assert psutil.wait_procs(before, timeout=20)[1] == [] and len(running()) == 1


def test_an_eval_whose_server_does_not_start_again_ends_with_its_log_and_eval_retry_completes_it(
    evaluate: Callable[[Callable[[], object]], EvalLog], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as broken:

        def kill() -> None:
            broken.setattr(vllm_command, "command", lambda *given: DYING)
            family()[1].send_signal(signal.SIGKILL)

        log = evaluate(kill)
    assert log.status == "error" and log.error is not None
    assert "died while starting" in log.error.message and "no room for the weights" in log.error.message
    for _, record in running():  # a start that a last try of the eval still made
        with suppress(psutil.NoSuchProcess):
            psutil.Process(record.pid).wait(PATIENCE_S)
    assert running() == []
    [again] = eval_retry(log, display="none", log_dir=str(tmp_path / "again"))
    done = read_eval_log(again.location)
    assert done.status == "success" and list(answered(done).values()) == [1] * SAMPLES
    kept = {sample.uuid for sample in log.samples or [] if sample.scores}
    assert kept <= {sample.uuid for sample in done.samples or []}


@pytest.mark.parametrize("answers", [0, 4], ids=["at its first request", "after four answers"])
def test_after_ctrl_c_no_process_is_left_and_eval_retry_completes_what_was_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: int
) -> None:
    samples, program = 12, str(Path(sys.executable).parent / "inspect")
    settings = ["-T", "epochs=1", "--limit", str(samples), "--display", "none"]
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    monkeypatch.setenv("TIMBRE_MODELS", str(models_dir()))
    with stand_in_process("--model", EMBEDDED, "--seconds", "6", "--slots", "4") as url:
        monkeypatch.setenv("TIMBRE_VLLM_URL", url)
        command = [program, "eval", "evals/voice.py", "--model", "baseline", *settings]
        process = subprocess.Popen(
            [*command, "--log-dir", str(tmp_path / "logs")], cwd=CHECKOUT, start_new_session=True
        )
        with httpx.Client(trust_env=False) as client:
            while not client.get(f"{url}/requests").json():
                assert process.poll() is None
                time.sleep(0.05)
            while float(client.get(f"{url}/metrics").text.split()[-1]) < answers:
                time.sleep(0.05)
        time.sleep(answers)  # they are judged meanwhile
        family = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(PATIENCE_S)
        assert psutil.wait_procs(family, timeout=PATIENCE_S)[1] == []
    [info] = list_eval_logs(str(tmp_path / "logs"))
    log = read_eval_log(info)
    kept = {sample.uuid for sample in log.samples or [] if sample.scores}
    assert log.status == "cancelled" and (answers > 0) == (len(kept) > 0)
    with stand_in_process("--model", EMBEDDED) as url:
        monkeypatch.setenv("TIMBRE_VLLM_URL", url)
        again = [program, "eval-retry", info.name, "--display", "none", "--log-dir", str(tmp_path / "again")]
        subprocess.run(again, cwd=CHECKOUT, check=True)
    done = read_eval_log(list_eval_logs(str(tmp_path / "again"))[0])
    assert done.status == "success" and list(answered(done).values()) == [1] * samples
    assert kept <= {sample.uuid for sample in done.samples or []}


def test_stopping_the_server_under_an_eval_has_it_started_anew(
    evaluate: Callable[[Callable[[], object]], EvalLog],
) -> None:
    from click.testing import CliRunner

    from evals.command import serve

    log = evaluate(lambda: CliRunner().invoke(serve, ["--stop"], catch_exceptions=False))
    assert log.status == "success" and list(answered(log).values()) == [1] * SAMPLES


def test_two_evals_at_once_share_a_server_and_the_end_of_one_is_not_the_others(
    evaluate: Callable[[Callable[[], object]], EvalLog], tmp_path: Path
) -> None:
    endpoint = connect(resolve_base(default_base()), progress=lambda line: None)
    release(endpoint)
    command = [str(Path(sys.executable).parent / "inspect"), "eval", "benchmarks/serving.py@plain"]
    options = ["--model", "baseline", "--limit", "20", "--epochs", "1", "--max-connections", "1"]
    logs = ["--display", "none", "--log-dir", str(tmp_path / "other")]
    with subprocess.Popen([*command, *options, *logs], cwd=CHECKOUT) as other:
        while not endpoint.ask("GET", "/requests").json():
            with pytest.raises(subprocess.TimeoutExpired):
                other.wait(0.2)
        log = evaluate(lambda: None)
    [theirs] = [read_eval_log(info) for info in list_eval_logs(str(tmp_path / "other"))]
    assert (log.status, theirs.status) == ("success", "success")
    assert [*answered(log).values(), *answered(theirs).values()] == [1] * (SAMPLES + 20)
    assert connect(resolve_base(default_base())).url == endpoint.url and len(running()) == 1


def test_every_answer_of_a_server_that_fails_now_and_then_is_there_once(
    stand_in: RunningStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slice of ``benchmarks/load.py``, with more faults: two in five, and tries enough that none ends an answer."""
    vars(stand_in.app.arguments).update(errors=0.2, resets=0.1, garbage=0.1)
    monkeypatch.setattr(VoiceAPI, "retry_wait", lambda self: wait_none())
    monkeypatch.chdir(CHECKOUT)
    [log] = inspect_eval(
        "benchmarks/serving.py@plain",
        model="baseline",
        limit=40,
        epochs=1,
        max_retries=30,
        display="none",
        log_dir=str(tmp_path / "logs"),
    )
    assert log.status == "success", log.error
    assert list(answered(read_eval_log(log.location)).values()) == [1] * 40
    assert len(stand_in.bodies) > 40
