"""``timbre init``: a folder that trains and evaluates as it stands."""

from pathlib import Path

from click.testing import CliRunner

from canaries.contamination import TrainedText, check_contamination
from canaries.suite import load_suite
from judges.relevance import MIN_PROMPTS
from timbre.errors import TimbreError
from training.commands import init
from training.config import load_config
from training.pairs import read_pairs


def test_what_it_writes_loads_and_its_canaries_are_not_trained_on(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    assert CliRunner().invoke(init, [str(folder)]).exit_code == 0
    pairs = read_pairs(load_config(folder / "preset.toml").data)
    assert {pair.split for pair in pairs.pairs} == {"train", "val"} and not pairs.notes
    trained = [TrainedText(str(p.line), p.prompt, p.response) for p in pairs.pairs]
    suite = load_suite(folder / "canaries.yaml")
    check_contamination(suite, trained)
    assert len(suite.canaries) > MIN_PROMPTS, "relevance, which the policy names, would have no value"


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "kept.txt").write_text("mine")
    done = CliRunner().invoke(init, [str(tmp_path)])
    assert isinstance(done.exception, TimbreError) and "not empty" in str(done.exception)
    assert [p.name for p in tmp_path.iterdir()] == ["kept.txt"]
