"""The keeper ends what nobody uses, and only that."""

import signal
import sys

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
