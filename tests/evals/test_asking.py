"""How a canary is asked: what a user sets is what the server gets, and what the log says."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.log import EvalLog
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model

from canaries.suite import SHIPPED
from evals.asking import _checked, answer_canary, answer_seed, few_shot, find_arm
from evals.voice import voice
from judges.types import DIMENSIONS
from results.logs import read_logs
from tests.evals.conftest import RunningStandIn
from timbre.errors import TimbreError
from timbre.paths import CHECKOUT
from training.base import EMBEDDED
from training.types import Pair

MANY = 40
"""More requests than Inspect's own adaptive connections begin with."""

SERVED = {"model": EMBEDDED, "dtype": "unknown", "args": None, "url_is_outside": True}


class Together:
    """Has each request wait until ``MANY`` do."""

    def __init__(self) -> None:
        self.barrier = asyncio.Barrier(MANY)

    async def __aenter__(self) -> None:
        async with asyncio.timeout(30):
            await self.barrier.wait()

    async def __aexit__(self, *ended: object) -> None:
        """Nothing is held."""


def pair(line: int, tier: int, response: str, split: str = "train") -> Pair:
    return Pair(line, f"ask {line}", response, tier, f"s{line}", "written", split)  # type: ignore[arg-type]


def asked(folder: Path, identity: str = "", system: str | None = None, **settings: Any) -> EvalLog:
    """An eval of the baseline on two canaries, with settings as on the command line."""
    arm = find_arm(get_model("voice/baseline", memoize=False))
    task = Task(
        dataset=[Sample(id="a", input="Tell of a spoon."), Sample(id="b", input="Tell of a fork.")],
        solver=answer_canary("", 0, identity or arm.identity, SERVED, system),
        config=GenerateConfig(temperature=0.7, seed=1234),
    )
    model = get_model("voice/baseline", memoize=False)
    return eval(task, model=model, display="none", log_dir=str(folder), **settings)[0]


def test_shots_are_the_best_tier_first_then_the_shortest_and_never_held_out() -> None:
    pairs = (pair(1, 2, "x"), pair(2, 1, "longer"), pair(3, 1, "short"), pair(4, 1, "y", "val"))
    assert [m.text for m in few_shot(pairs, 2)] == ["ask 3", "short", "ask 2", "longer"]


def test_no_shots_are_no_turns() -> None:
    assert few_shot((pair(1, 1, "x"),), 0) == []


def test_every_canary_and_epoch_has_a_seed_of_its_own_that_follows_from_the_evals() -> None:
    seeds = [answer_seed(s, c, e) for s in (99, 1234) for c in ("a", "b") for e in (1, 2)]
    assert len(set(seeds)) == 8 and all(0 <= seed < 2**31 for seed in seeds)
    assert seeds[0] == answer_seed(99, "a", 1)


def test_a_seed_and_a_system_message_of_the_command_line_are_sent_and_logged(
    tmp_path: Path, stand_in: RunningStandIn
) -> None:
    log = asked(tmp_path, seed=99, system_message="Be brief.", temperature=0.0)
    sent = {body["messages"][-1]["content"]: body for body in stand_in.bodies}
    assert sent["Tell of a spoon."]["seed"] == answer_seed(99, "a", 1)
    assert sent["Tell of a fork."]["seed"] == answer_seed(99, "b", 1)
    assert sent["Tell of a fork."]["messages"][0] == {"role": "system", "content": "Be brief."}
    assert sent["Tell of a fork."]["temperature"] == 0.0
    samples = {str(s.id): s for s in log.samples or []}
    assert samples["a"].metadata["seed"] == answer_seed(99, "a", 1)
    assert log.plan.config.seed == 99


def test_a_run_is_asked_under_the_system_message_that_it_was_trained_with(
    tmp_path: Path, stand_in: RunningStandIn
) -> None:
    asked(tmp_path, system="Write notes.")
    assert {body["messages"][0]["content"] for body in stand_in.bodies} == {"Write notes."}
    before = len(stand_in.bodies)
    asked(tmp_path, system="Write notes.", system_message="Be brief.")
    assert {body["messages"][0]["content"] for body in stand_in.bodies[before:]} == {"Be brief."}


def test_a_conversation_is_asked_turn_by_turn_with_all_that_was_said_and_seeds_of_their_own(
    tmp_path: Path, stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    arm = find_arm(get_model("voice/baseline", memoize=False))
    sample = Sample(id="a", input="Tell of a spoon.", metadata={"further_messages": ["Whose?", "And then?"]})
    task = Task([sample], solver=answer_canary("", 0, arm.identity, SERVED), config=GenerateConfig(seed=1234))
    for _ in range(2):  # the second time, every turn is cached
        log = eval(
            task,
            model=get_model("voice/baseline", memoize=False),
            cache=True,
            display="none",
            log_dir=str(tmp_path),
        )[0]
    assert log.samples
    said = [{"role": m.role, "content": m.text} for m in log.samples[0].messages]
    assert [m["role"] for m in said] == ["user", "assistant"] * 3
    assert [body["messages"] for body in stand_in.bodies] == [said[:1], said[:3], said[:5]]
    seeds = [body["seed"] for body in stand_in.bodies]
    assert seeds == [answer_seed(1234, "a", 1, turn) for turn in range(3)] and len(set(seeds)) == 3


def test_an_answer_says_who_gave_it(tmp_path: Path, stand_in: RunningStandIn) -> None:
    log = asked(tmp_path)
    identity = find_arm(get_model("voice/baseline")).identity
    assert log.samples
    for sample in log.samples:
        assert sample.output.metadata == {"identity": identity, "server": SERVED}


def test_a_server_that_was_started_under_another_name_of_the_base_is_the_same_server() -> None:
    own = {"model": "/bases/tiny", "dtype": "float32", "args": [], "url_is_outside": False}
    answered = {"identity": "a", "server": {**own, "model": "tiny"}}
    assert _checked(answered, "a", own) == answered
    for other in ({"dtype": "bfloat16"}, {"args": ["--seed", "1"]}):
        with pytest.raises(TimbreError, match="the answer's server is"):
            _checked({"server": {**own, **other}}, "a", own)
    outside = {**own, "url_is_outside": True}
    with pytest.raises(TimbreError, match="the answer's server is"):
        _checked({"server": {**outside, "model": "tiny"}}, "a", outside)


def test_an_eval_asks_at_once_as_many_as_the_server_takes(
    tmp_path: Path, stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT)
    stand_in.app.slots = Together()  # type: ignore[assignment]
    asking: dict[str, Any] = {"task_args": {"suite": "full", "epochs": 1}, "limit": MANY, "max_retries": 0}
    [log] = eval("evals/voice.py", model="baseline", display="none", log_dir=str(tmp_path), **asking)
    assert log.status == "success", log.error


def test_an_answer_of_another_training_than_the_logs_is_an_error(
    tmp_path: Path, stand_in: RunningStandIn
) -> None:
    log = asked(tmp_path, identity="f" * 64)
    assert log.status == "error" and log.error and "the answer's identity is" in log.error.message


def test_a_cached_answer_is_not_given_to_another_identity(
    tmp_path: Path, stand_in: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_CACHE_DIR", str(tmp_path / "cache"))
    for _ in range(2):
        assert asked(tmp_path, cache=True).status == "success"
    assert len(stand_in.bodies) == 2
    asked(tmp_path, identity="f" * 64, cache=True)
    assert len(stand_in.bodies) > 2


def test_another_providers_model_is_an_arm_of_its_own_with_shots_and_without_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT)
    output = ModelOutput.from_content("model", "My aunt kept a spoon for guests, and no guests.")
    output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    log = eval(
        "evals/voice.py",
        model=get_model("mockllm/model", custom_outputs=[output]),
        task_args={"shots": 2},
        limit=1,
        epochs=1,
        display="none",
        log_dir=str(tmp_path),
    )[0]
    assert log.samples and log.eval.metadata
    facts, sample = log.eval.metadata["timbre"], log.samples[0]
    assert (facts["run"], facts["base"], facts["shots"]) == ("mockllm/model", "mockllm/model", 2)
    assert facts["server"]["url_is_outside"] and facts["server"]["model"] == "mockllm/model"
    assert [m.role for m in sample.messages] == ["user", "assistant"] * 3
    assert (sample.output.metadata or {})["identity"] == facts["identity"]
    assert list((sample.scores or {})["voice"].value) == list(DIMENSIONS)  # type: ignore[arg-type]


def talked(folder: Path, turns: str, said: list[str], **limits: Any) -> EvalLog:
    """An eval of one conversation, whose replies are ``said``."""
    suite = folder / "talk.yaml"
    suite.write_text(
        f"canaries:\n  - {{id: talk, kind: explainer, turns: [{turns}],"
        " subjects: [], first_person_licensed: false, facts: [], target_words: [5, 40]}\n"
    )
    outputs = [ModelOutput.from_content("model", text) for text in said]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return eval(
        "evals/voice.py",
        model=get_model("mockllm/model", custom_outputs=outputs),
        task_args={"suite": str(suite)},
        epochs=1,
        display="none",
        log_dir=str(folder),
        **limits,
    )[0]


def test_a_past_invented_in_the_second_turn_is_judged_and_the_whole_conversation_is_read_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CHECKOUT)
    said = ["A spoon is a bowl that can be passed.", "My grandmother carved ours when I was nine years old."]
    log = talked(tmp_path, "Explain the spoon., Say more about its handle.", said)
    (sample,) = read_logs([Path(log.location)])[0].samples
    assert sample.text == f"{said[0]}\n\n> Say more about its handle.\n\n{said[1]}"
    assert [e.text for e in sample.judgements["self_insertion"].evidence] == [said[1]]
    assert sample.judgements["words"].value == 9.5


@pytest.mark.parametrize("limit", [{"message_limit": 3}, {"token_limit": 3}])
def test_a_conversation_that_a_limit_ended_is_unscored_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, Any]
) -> None:
    monkeypatch.chdir(CHECKOUT)
    said = [f"It boils on day {at}." for at in range(3)]
    log = talked(tmp_path, "Explain the kettle., Say why it sulks., And since when.", said, **limit)
    assert log.status == "success"
    (sample,) = read_logs([Path(log.location)])[0].samples
    reasons = [judgement.unscored for key, judgement in sample.judgements.items() if key != "warmth"]
    assert all("1 of 3 replies: a limit ended the conversation" in str(reason) for reason in reasons)


@pytest.mark.parametrize(
    ("asked", "takes"), [({}, 6), ({"suite": "full"}, 2), ({"suite": "own.yaml"}, 2), ({"epochs": 3}, 3)]
)
def test_the_smoke_suite_is_asked_as_often_as_its_gate_takes_to_decide(
    tmp_path: Path, asked: dict[str, Any], takes: int
) -> None:
    if "yaml" in asked.get("suite", ""):
        asked = {"suite": shutil.copy(SHIPPED["smoke"], tmp_path / "own.yaml")}
    task = voice(model="mockllm/model", **{k: str(v) if k == "suite" else v for k, v in asked.items()})
    assert task.epochs == takes and task.metadata and task.metadata["timbre"]["decoding"]["epochs"] == takes


def test_a_models_settings_are_a_part_of_its_identity() -> None:
    plain, hot = (
        find_arm(get_model("mockllm/model", config=GenerateConfig(temperature=t))) for t in (None, 1.5)
    )
    assert plain.identity != hot.identity
