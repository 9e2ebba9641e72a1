"""The served judge without a server: what it keeps, and what it says when it can't ask."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import pytest

from evals import served_judge
from evals.served_judge import Reading, check_judge, judge_answer, judge_insertion, served_judgements
from evals.stored_judges import HUMOR, SELF_INSERTION, ServedJudge, stored_judge
from judges.self_insertion import self_insertion
from judges.types import Answer
from timbre.errors import TimbreError
from timbre.paths import models_dir

ANSWER = Answer("a", "Say something.", "The kettle resigned in writing. It cited the water.")
DETECTED = self_insertion(ANSWER)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[int]:
    """Counts of texts asked; every answer is 4 of 9."""
    monkeypatch.setenv("TIMBRE_MODELS", str(models_dir()))  # converting the base anew takes a minute
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    counts: list[int] = []

    def ask(judge: ServedJudge, texts: Sequence[Sequence[str]]) -> list[Reading]:
        counts.append(len(texts))
        return [[4 / 9] * len(places) for places in texts]

    monkeypatch.setattr(served_judge, "ask_judge", ask)
    return counts


def test_an_answer_is_asked_about_once_and_then_read_from_what_is_kept(asked: list[int]) -> None:
    first, again = judge_answer(ANSWER), judge_answer(ANSWER)
    assert first == again
    assert asked == [1]


def test_what_is_kept_but_broken_is_asked_again(asked: list[int], tmp_path: Path) -> None:
    judge_answer(ANSWER)
    kept = next((tmp_path / ".timbre" / "judged").rglob("*.json"))
    kept.write_text(json.dumps([[1.0]]))
    judge_answer(ANSWER)
    assert asked == [1, 1]


def test_samples_with_one_text_may_keep_it_at_once(tmp_path: Path) -> None:
    def keep(at: int) -> None:
        served_judge._keep(tmp_path / f"{at // 8}.json", [[0.5]])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, range(400)))
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".json"] * 50
    served_judge._keep(tmp_path / "0.json" / "under a file.json", [[0.5]])  # a disk that refuses


def test_the_linear_judge_asks_no_server(asked: list[int]) -> None:
    assert anyio.run(served_judgements, "linear", ANSWER, DETECTED) == {}
    assert asked == []


def test_all_sentences_are_read_at_once_behind_the_request(
    asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Sequence[str]] = []

    def ask(judge: ServedJudge, texts: Sequence[Sequence[str]]) -> list[Reading]:
        shown.extend(texts)
        return [[0.0, 1.0]]

    monkeypatch.setattr(served_judge, "ask_judge", ask)
    judged = judge_insertion(ANSWER, DETECTED)
    assert judged.value == 1.0 and [e.text for e in judged.evidence] == ["It cited the water."]
    question = stored_judge(SELF_INSERTION).questions[0].asked
    assert shown[0][1] == (
        f"Say something.\n\nThe kettle resigned in writing.\n{question}\nIt cited the water.\n{question}"
    )


def test_where_the_first_person_is_licensed_nothing_is_asked(asked: list[int]) -> None:
    licensed = Answer("a", "Tell us of yourself.", "I was born in a boat.", first_person_licensed=True)
    assert judge_insertion(licensed, self_insertion(licensed)).value == 0.0
    assert asked == []


def test_a_server_that_cannot_be_had_leaves_its_dimensions_unscored(
    monkeypatch: pytest.MonkeyPatch, asked: list[int]
) -> None:
    def dead(judge: ServedJudge, texts: Sequence[Sequence[str]]) -> list[Reading]:
        raise TimbreError("the server does not answer")

    monkeypatch.setattr(served_judge, "ask_judge", dead)
    judged = anyio.run(served_judgements, "lora", ANSWER, DETECTED)
    dimensions = ("humor", "provocativeness", "self_insertion")
    assert {key: j.value for key, j in judged.items()} == dict.fromkeys(dimensions)
    assert "does not answer" in str(judged["humor"].unscored)


def test_another_judge_is_refused_by_name() -> None:
    with pytest.raises(TimbreError, match="linear, lora"):
        check_judge("gpt")


def test_a_changed_base_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stored = stored_judge(HUMOR).run.path
    for name in ("config.toml", "adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_bytes((stored / name).read_bytes())
    (tmp_path / "judge.json").write_text(json.dumps({"base_sha256": "0" * 64}))
    with pytest.raises(TimbreError, match="was fitted on base 000000000000"):
        stored_judge(tmp_path)
