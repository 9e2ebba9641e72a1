"""The keeper ends what nobody uses, and only that."""

import signal
import subprocess
import sys

import httpx
import pytest

from evals import keeper, vllm_internals

FOREVER = [sys.executable, "-c", "import signal; signal.pause()"]


def test_an_idle_server_is_ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(vllm_internals, "use", lambda port: (0, 5.0))
    assert keeper.keep(1, FOREVER, idle_s=0.05, poll_s=0.02) == 0
    assert "idle" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_server_in_use_is_kept_until_it_ends_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    polls = iter(range(1000))
    monkeypatch.setattr(vllm_internals, "use", lambda port: (0, float(next(polls))))
    brief = [sys.executable, "-c", "import sys; sys.stdin.close(); sys.exit(7)"]
    assert keeper.keep(1, brief, idle_s=30, poll_s=0.02) == 7


def test_a_keeper_that_fails_takes_its_server_along(monkeypatch: pytest.MonkeyPatch) -> None:
    children: list[subprocess.Popen[bytes]] = []

    def start(command: list[str]) -> "subprocess.Popen[bytes]":
        children.append(popen(command))
        return children[-1]

    def broken(port: int) -> tuple[int, float]:
        raise RuntimeError("no such page")

    popen = subprocess.Popen
    monkeypatch.setattr(keeper.subprocess, "Popen", start)
    monkeypatch.setattr(vllm_internals, "use", broken)
    with pytest.raises(RuntimeError):
        keeper.keep(1, FOREVER, idle_s=30, poll_s=0.02)
    assert children[0].poll() is not None


@pytest.mark.parametrize(("status", "body"), [(500, "Internal Server Error"), (200, '{"detail": "none"}')])
def test_a_page_that_is_no_metrics_page_is_no_idleness(
    monkeypatch: pytest.MonkeyPatch, status: int, body: str
) -> None:
    request = httpx.Request("GET", "http://127.0.0.1:1/metrics")
    page = httpx.Response(status, text=body, request=request)
    monkeypatch.setattr(httpx, "get", lambda *args, **kwargs: page)
    assert vllm_internals.use(1) == (1, 0.0)


def test_requests_are_counted_from_the_metrics_page() -> None:
    page = (
        "# TYPE vllm:num_requests_running gauge\n"
        'vllm:num_requests_running{engine="0"} 2.0\n'
        "# TYPE vllm:num_requests_waiting gauge\n"
        'vllm:num_requests_waiting{engine="0"} 1.0\n'
        "# TYPE vllm:request_success_total counter\n"
        'vllm:request_success_total{finished_reason="stop"} 4.0\n'
        'vllm:request_success_total{finished_reason="length"} 3.0\n'
    )
    assert vllm_internals.requests_served(page) == (3, 7.0)
