"""Reading Inspect logs: which log of a run counts, and which logs are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from judges.types import DIMENSIONS
from results.gate import gate_logs
from results.logs import read_logs
from results.policy import load_policy
from results.table import COLUMNS, score_table
from timbre.errors import TimbreError

WriteLog = Callable[..., Path]


def test_a_log_becomes_a_table_with_a_row_an_answer_and_dimension(write_log: WriteLog) -> None:
    path = write_log("run2", canaries=3, scores=lambda c, e: {"compression": 0.1 * c})
    (log,) = read_logs([path.parent])
    table = score_table([log])
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 3 * 2 * len(DIMENSIONS)
    row = table[(table["canary"] == "c02") & (table["dimension"] == "compression")].iloc[0]
    assert (row["run"], row["epoch"], row["value"], row["licensed"]) == ("run2", 1, 0.2, False)


def test_an_unscored_dimension_keeps_its_reason(write_log: WriteLog) -> None:
    path = write_log("run2", canaries=1)
    table = score_table(read_logs([path]))
    humor = table[table["dimension"] == "humor"]
    assert humor["value"].isna().all()
    assert set(humor["unscored"]) == {"no grader"}


def test_an_answer_cut_off_by_the_limit_is_marked(write_log: WriteLog) -> None:
    assert score_table(read_logs([write_log("run2", canaries=1, truncated=True)]))["truncated"].all()


def test_the_newest_log_of_a_run_counts(write_log: WriteLog) -> None:
    write_log("run2", created="2026-03-02T10:00:00+00:00", scores=lambda c, e: {"compression": 0.9})
    old = write_log("run2", created="2026-03-01T10:00:00+00:00", scores=lambda c, e: {"compression": 0.1})
    (log,) = read_logs([old.parent], ["run2"])
    assert log.samples[0].judgements["compression"].value == 0.9


def _judged(*graders: str | None) -> Callable[[int], dict[str, object]]:
    def facts(at: int) -> dict[str, object]:
        grader = graders[at % len(graders)]
        return {"judged_by": {"judges": "7" * 64, "voice": "voice", "grader": grader}}

    return facts


def test_scores_say_who_judged_them_last(write_log: WriteLog) -> None:
    (log,) = read_logs([write_log("run2", canaries=2, score_metadata=_judged("openai/gpt-5"))])
    assert (log.conditions["grader"], log.conditions["judges"]) == ("openai/gpt-5", "7" * 12)
    half = write_log("run3", canaries=2, score_metadata=_judged("openai/gpt-5", None))
    with pytest.raises(TimbreError, match="not all judged by the same judges"):
        read_logs([half])


def test_a_retrained_run_whose_eval_failed_is_not_taken_for_its_older_self(write_log: WriteLog) -> None:
    write_log("run2", identity="1" * 64)
    failed = write_log("run2", identity="2" * 64, status="error", created="2026-03-05T10:00:00+00:00")
    with pytest.raises(TimbreError, match="status 'error'") as caught:
        read_logs([failed.parent], ["run2"])
    assert failed.name in str(caught.value)


def test_a_failed_try_after_a_success_of_the_same_run_is_passed_over(write_log: WriteLog) -> None:
    good = write_log("run2")
    write_log("run2", status="cancelled", created="2026-03-05T10:00:00+00:00")
    (log,) = read_logs([good.parent], ["run2"])
    assert log.path == str(good)


def test_a_log_that_lacks_samples_is_refused_by_name(write_log: WriteLog) -> None:
    path = write_log("run2", missing=2)
    with pytest.raises(TimbreError, match="22 of 24 samples are scored") as caught:
        read_logs([path])
    assert path.name in str(caught.value)


def test_a_broken_log_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "2026-03-01_broken.eval"
    path.write_bytes(b"not a zip")
    with pytest.raises(TimbreError, match="unreadable log") as caught:
        read_logs([tmp_path])
    assert path.name in str(caught.value)


def test_an_unknown_run_is_refused_with_those_there_are(write_log: WriteLog) -> None:
    path = write_log("run2")
    with pytest.raises(TimbreError, match=r"no log of run 'run3'.*there are run2"):
        read_logs([path.parent], ["run3"])


def test_an_empty_folder_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(TimbreError, match="inspect eval"):
        read_logs([tmp_path])


def test_runs_are_read_on_a_suite_that_they_share(write_log: WriteLog) -> None:
    path = write_log("baseline")
    write_log("run2")
    write_log("run2", facts={"suite": "full"}, created="2026-03-05T10:00:00+00:00")
    assert [log.suite for log in read_logs([path.parent], ["baseline", "run2"])] == ["smoke", "smoke"]
    assert read_logs([path.parent], ["run2"])[0].suite == "full"


def test_a_few_shot_arm_has_a_name_of_its_own(write_log: WriteLog) -> None:
    path = write_log("baseline", facts={"shots": 3})
    write_log("baseline")
    names = [log.run for log in read_logs([path.parent], ["baseline", "baseline+3shot"])]
    assert names == ["baseline", "baseline+3shot"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"suite_sha256": "9" * 64}, "suite differs"),
        ({"judges": "9" * 64}, "judges differs"),
        ({"base_sha256": "9" * 64}, "base differs"),
        ({"decoding": {"temperature": 0.0}}, "decoding differs"),
        ({"grader": "mock/judge"}, "grader differs"),
    ],
)
def test_logs_made_under_other_conditions_are_not_compared(
    write_log: WriteLog, facts: dict[str, object], said: str
) -> None:
    path = write_log("baseline")
    write_log("run2", facts=facts)
    before, after = read_logs([path.parent], ["baseline", "run2"])
    result = gate_logs(before, after, load_policy())
    assert result.exit_code == 3
    assert [p.split(":")[0] for p in result.problems] == [said]
