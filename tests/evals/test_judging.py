"""What an eval's scorer is given to judge by, and the processes that judge."""

import os
import signal
from pathlib import Path

import anyio
import pytest

from benchmarks.serving import TASKS, seconds
from benchmarks.stand_in import running
from evals import judging
from evals.judging import judged_against
from evals.scoring import run_of
from judges.types import DIMENSIONS, Answer
from timbre.errors import TimbreError
from timbre.paths import DEFAULT_VOICE, models_dir
from training.base import EMBEDDED

RESPONSE = (
    "The ferry left at nine with forty goats and one vicar who was sick before it passed the harbour wall."
)


@pytest.mark.parametrize("name", ["mine", "mine@2"])
def test_an_epoch_of_a_run_may_not_copy_what_the_run_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Trained:
        def training_pairs(self) -> list[tuple[str, str]]:
            return [("Tell us of a crossing.", RESPONSE)]

    monkeypatch.setattr(judging, "read_run", lambda run: Trained() if run == "mine" else None)
    judging.panel.cache_clear()
    panel = judging.panel(judged_against(DEFAULT_VOICE, "smoke", "0" * 64, None, name))
    judged = panel.judge(Answer("a", "Tell us of a crossing.", RESPONSE))
    judging.panel.cache_clear()
    assert judged["memorization"].value == 1.0


@pytest.mark.parametrize(
    ("model", "run"),
    [("mine", "mine"), ("voice/mine@2", "mine@2"), ("timbre/voice/mine", "mine"), ("openai/mine", "")],
)
def test_only_our_own_providers_models_are_runs(model: str, run: str) -> None:
    assert run_of(model) == run


def test_answers_are_judged_in_another_process_and_a_broken_file_is_named(tmp_path: Path) -> None:
    against = judged_against(DEFAULT_VOICE, "smoke", "0" * 64, None, "baseline")
    broken = tmp_path / "broken.jsonl"
    broken.write_text("{")

    async def both() -> judging.Judged:
        with pytest.raises(TimbreError, match=r"broken\.jsonl"):
            await judging.judge(Answer("b", "p", "A text."), judged_against(broken, "smoke", "", None, ""))
        return await judging.judge(Answer("a", "Tell us of a crossing.", RESPONSE), against)

    judged = anyio.run(both)
    assert list(judged.judgements) == list(DIMENSIONS) and "AUC" in judged.separation


def test_a_voice_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match=r"gone\.jsonl: can't read it"):
        judged_against(tmp_path / "gone.jsonl", "smoke", "", None, "")


def test_where_all_judging_processes_are_killed_new_ones_judge() -> None:
    against = judged_against(DEFAULT_VOICE, "smoke", "0" * 64, None, "baseline")
    answer = Answer("a", "Tell us of a crossing.", RESPONSE)

    async def three() -> list[judging.Judged]:
        found: list[judging.Judged] = []

        async def one() -> None:
            found.append(await judging.in_daemon(lambda: judging._ask(answer, against)))

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(one)
        return found

    for connection, _ in [judging._connected(against) for _ in range(2)]:
        judging._idle.put(connection)
    before = anyio.run(three)
    loaded = judging._loaded[-1].process
    forked = Path(f"/proc/{loaded.pid}/task/{loaded.pid}/children").read_text().split()
    assert len(forked) > 1
    for process in [*map(int, forked), loaded.pid]:
        os.kill(process, signal.SIGKILL)
    loaded.wait()
    assert anyio.run(three) == before
    assert judging._loaded[-1].process is not loaded


def test_judging_is_a_few_times_the_work_of_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CPU time beyond start-up, of all processes: 3.2 times as measured; 6 leaves room for noise."""
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    monkeypatch.setenv("TIMBRE_MODELS", str(models_dir()))

    def work(name: str, *arguments: str) -> float:
        before = os.times()
        seconds(TASKS[name], "baseline", str(tmp_path), "--epochs", "1", *arguments, TIMBRE_VLLM_URL=url)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    with running("--model", EMBEDDED) as url:
        plain = work("plain") - work("plain", "--limit", "1")
        voice = work("voice", "-T", "suite=full") - work("voice", "-T", "suite=full", "--limit", "1")
    assert voice < 6 * plain
