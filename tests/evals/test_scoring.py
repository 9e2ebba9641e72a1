"""What an eval's scorer is given to judge by, without a server."""

import pytest

from evals import scoring, vllm_internals
from judges.types import Answer
from timbre.paths import DEFAULT_VOICE

RESPONSE = (
    "The ferry left at nine with forty goats and one vicar who was sick before it passed the harbour wall."
)


@pytest.mark.parametrize("name", ["mine", "mine@2", "voice/mine@2"])
def test_an_epoch_of_a_run_may_not_copy_what_the_run_was_trained_on(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    class Trained:
        def training_pairs(self) -> list[tuple[str, str]]:
            return [("Tell us of a crossing.", RESPONSE)]

    monkeypatch.setattr(scoring, "read_run", lambda run: Trained() if run == "mine" else None)
    scoring._panel.cache_clear()
    panel = scoring._panel(str(DEFAULT_VOICE), "smoke", "0" * 64, "", name)
    judged = panel.judge(Answer("a", "Tell us of a crossing.", RESPONSE))
    scoring._panel.cache_clear()
    assert judged["memorization"].value == 1.0


@pytest.mark.parametrize("given", ["--dtype float32", "--seed 1 --dtype=float32"])
def test_the_served_number_type_is_the_one_that_the_server_is_told(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", given)
    assert vllm_internals.serving_dtype() == "float32"
    monkeypatch.setenv("TIMBRE_VLLM_ARGS", "--dtype half")
    assert vllm_internals.serving_dtype() == "half"
