"""Which epoch to serve: the choice, and the real thing through server and Inspect."""

import json
import math
from pathlib import Path

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from canaries.suite import load_suite
from tests.conftest import Workspace
from timbre.epochs_command import SHOWN, EpochScore, choose, validation_canaries
from timbre.errors import TimbreError
from training.runs import LoraRecord, Run, find_run


def _score(epoch: int, likeness: float, recited: float, val_loss: float | None) -> EpochScore:
    means = {**dict.fromkeys(SHOWN, 0.5), "voice_match": likeness, "memorization": recited}
    return EpochScore(epoch, 2.0, val_loss, means, {**means, "memorization": recited / 5}, means, 8)


def test_judges_choose_the_likest_epoch_of_those_not_proven_to_recite_and_loss_another() -> None:
    scores = [_score(1, 0.2, 0.0, 3.4), _score(2, 0.5, 0.0, 3.5), _score(3, 0.9, 0.5, 3.9)]
    chosen = choose(scores)
    assert (chosen.by_judges, chosen.by_loss) == (2, 1)


def test_one_coincidence_does_not_make_an_untrained_epoch_the_better_one() -> None:
    scores = [_score(1, 0.05, 0.0, 3.4), _score(2, 0.06, 0.0, 3.5), _score(3, 0.92, 0.125, 3.6)]
    assert choose(scores).by_judges == 3


def test_where_every_epoch_recites_the_one_that_recites_least_is_chosen() -> None:
    scores = [_score(1, 0.9, 0.9, 3.4), _score(2, 0.5, 0.5, 3.5)]
    assert choose(scores).by_judges == 2


def test_of_equal_epochs_the_earlier_is_chosen() -> None:
    chosen = choose([_score(2, 0.5, 0.0, 3.5), _score(1, 0.5, 0.0, 3.5)])
    assert (chosen.by_judges, chosen.by_loss) == (1, 1)


@pytest.mark.parametrize(
    ("lacking", "name"),
    [
        (_score(2, math.nan, 0.0, 3.5), "voice_match"),
        (_score(2, 0.5, math.nan, 3.5), "memorization"),
        (_score(2, 0.5, 0.0, None), "validation loss"),
    ],
)
def test_an_epoch_without_a_figure_is_an_error_in_any_order(lacking: EpochScore, name: str) -> None:
    for scores in ([_score(1, 0.5, 0.0, 3.5), lacking], [lacking, _score(1, 0.5, 0.0, 3.5)]):
        with pytest.raises(TimbreError, match=f"epoch 2 has no {name}"):
            choose(scores)


def _run(folder: Path, splits: str) -> Run:
    rows = [
        {"split": split, "prompt": f"What about {split} {n}?", "response": "One two three four."}
        for n, split in enumerate(splits.split())
    ]
    (folder / "data.lock.json").write_text(json.dumps({"pairs": rows}))
    return Run(name="mine", path=folder, identity="0" * 64, lora=LoraRecord(rank=8))


def test_validation_prompts_are_a_suite_that_loads(tmp_path: Path) -> None:
    path = tmp_path / "validation.yaml"
    path.write_text(json.dumps({"canaries": validation_canaries(_run(tmp_path, "train val val"))}))
    canaries = load_suite(path).canaries
    assert [c.prompt for c in canaries] == ["What about val 1?", "What about val 2?"]
    assert canaries[0].target_words == (2, 6)


def test_a_run_without_validation_pairs_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="'mine' has no validation pairs"):
        validation_canaries(_run(tmp_path, "train train"))


@pytest.mark.real
@pytest.mark.one_server
def test_every_epoch_answers_and_both_choices_are_recorded(
    workspace: Workspace, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("--answers", "1", "--max-tokens", "32", "--json")
    done = workspace.run("timbre", "epochs", trained.name, *settings)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout)
    facts = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    assert facts["epoch_choice"] == told
    by_loss = min(facts["epochs"], key=lambda row: row["val_loss"])
    assert told["by_loss"] == by_loss["epoch"]
    assert [row["epoch"] for row in told["epochs"]] == [row["epoch"] for row in facts["epochs"]]

    monkeypatch.setenv("TIMBRE_HOME", str(workspace.home))
    whole, first = find_run(trained.name), find_run(f"{trained.name}@1")
    logs = workspace.home / ".timbre" / "epochs" / whole.identity / "logs"
    answers = {
        tuple(sample.output.completion for sample in read_eval_log(info).samples or [])
        for info in list_eval_logs(str(logs))
    }
    assert len(answers) > 1, "all epochs answered alike"
    assert first.identity != whole.identity and first.adapter == trained / "epochs" / "1"
    with pytest.raises(TimbreError, match="has no epoch 99"):
        find_run(f"{trained.name}@99")
    sent = workspace.here("push", f"{trained.name}@1", "--repo", "me/mine")
    assert "is one epoch, without a card" in str(sent.exception)
    assert "is one epoch" in str(workspace.here("epochs", f"{trained.name}@1").exception)
