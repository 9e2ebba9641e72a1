"""Reading Inspect logs: which log of a run counts, and which logs are refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from judges.types import DIMENSIONS
from results.gate import gate_logs
from results.logs import read_logs
from results.policy import load_policy
from results.table import COLUMNS, score_table
from tests.made_run import made_identity
from timbre.errors import TimbreError

WriteLog = Callable[..., Path]


def test_a_log_becomes_a_table_with_a_row_an_answer_and_dimension(write_log: WriteLog) -> None:
    path = write_log("run2", canaries=3, scores=lambda c, e: {"compression": 0.1 * c})
    (log,) = read_logs([path.parent])
    table = score_table([log])
    assert tuple(table.columns) == (*COLUMNS, "conditions")
    assert len(table) == 3 * 2 * len(DIMENSIONS)
    row = table[(table["canary"] == "c02") & (table["dimension"] == "compression")].iloc[0]
    assert (row["run"], row["epoch"], row["value"], row["licensed"]) == ("run2", 1, 0.2, False)


def test_an_unscored_dimension_keeps_its_reason(write_log: WriteLog) -> None:
    path = write_log("run2", canaries=1)
    table = score_table(read_logs([path]))
    warmth = table[table["dimension"] == "warmth"]
    assert warmth["value"].isna().all()
    assert set(warmth["unscored"]) == {"no grader"}


def test_without_a_grader_the_zeros_of_faulty_answers_are_no_score_of_warmth(write_log: WriteLog) -> None:
    faulty = {"integrity": 1.0, "warmth": 0.0}
    path = write_log("run2", canaries=3, scores=lambda c, e: faulty if c == 1 else {})
    assert score_table(read_logs([path])).query("dimension == 'warmth'")["value"].isna().all()
    graded = write_log("run3", canaries=3, scores=lambda c, e: faulty, facts={"grader": "openai/gpt-5"})
    assert (score_table(read_logs([graded])).query("dimension == 'warmth'")["value"] == 0).all()


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


def test_a_clock_that_was_set_back_does_not_bring_an_older_training_back(
    write_log: WriteLog, write_run: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_RUNS", str(write_run("run2", [(3.0, 3.4)])))
    write_log("run2", identity="b" * 64, created="2026-03-02T10:00:00+00:00")
    now = write_log("run2", created="2026-03-01T10:00:00+00:00")
    assert read_logs([now.parent], ["run2"])[0].identity == made_identity("run2")


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


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("rnu2", "no log of run 'rnu2'; did you mean 'run2'? there are run2"),
        ("other", "evaluate with: inspect eval evals/voice.py --model other; there are run2"),
        ("baseline+4shot", "evaluate with: inspect eval evals/voice.py --model baseline -T shots=4; there"),
    ],
)
def test_an_unknown_run_is_refused_with_the_near_one_or_the_command(
    write_log: WriteLog, run: str, message: str
) -> None:
    path = write_log("run2")
    with pytest.raises(TimbreError) as caught:
        read_logs([path.parent], [run])
    assert message in str(caught.value)


def test_a_suite_that_a_run_was_not_asked_is_refused_with_those_that_it_was(write_log: WriteLog) -> None:
    path = write_log("run2")
    (log,) = read_logs([path.parent])
    with pytest.raises(
        TimbreError,
        match=f"'run2' has no log of suite 'nope'; it has one of {log.suite}; for another, evaluate with",
    ):
        read_logs([path.parent], ["run2"], "nope")


def test_where_nothing_was_evaluated_the_command_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path / "logs"))
    command = "inspect eval evals/voice.py --model baseline,run2"
    for what in ("nothing was evaluated yet", "no log of the voice task"):
        with pytest.raises(TimbreError, match=f"{what}; evaluate with: {command}"):
            read_logs([tmp_path / "logs"], ["baseline", "run2"])
        (tmp_path / "logs").mkdir(exist_ok=True)


def test_runs_are_read_on_a_suite_that_they_share(write_log: WriteLog) -> None:
    path = write_log("baseline")
    write_log("run2")
    write_log("run2", facts={"suite": "full"}, created="2026-03-05T10:00:00+00:00")
    assert [log.suite for log in read_logs([path.parent], ["baseline", "run2"])] == ["smoke", "smoke"]
    assert read_logs([path.parent], ["run2"])[0].suite == "full"


def test_a_gate_on_the_latest_suite_names_the_others_and_one_that_is_asked_for_none(
    write_log: WriteLog,
) -> None:
    for run in ("baseline", "run2"):
        path = write_log(run, canaries=40, facts={"suite": "full"})
        write_log(run, created="2026-03-05T10:00:00+00:00")
    runs, policy = ["baseline", "run2"], load_policy()
    (note,) = [n for n in gate_logs(*read_logs([path.parent], runs), policy).notes if "--suite" in n]
    assert note.startswith("this is smoke") and "both were asked full (40 canaries) too" in note
    named = gate_logs(*read_logs([path.parent], runs, "smoke"), policy)
    assert not any("--suite" in note for note in named.notes)


def test_a_few_shot_arm_has_a_name_of_its_own(write_log: WriteLog) -> None:
    path = write_log("baseline", facts={"shots": 3})
    write_log("baseline")
    names = [log.run for log in read_logs([path.parent], ["baseline", "baseline+3shot"])]
    assert names == ["baseline", "baseline+3shot"]


@pytest.mark.parametrize(
    ("decoding", "recorded"),
    [
        ({"temperature": 0.0}, "temperature 0.0"),
        ({"max_tokens": 40}, "max_tokens 40"),
        ({"seed": 99}, "seed 99"),
        ({"top_k": 5}, "top_k 5"),
        ({"system_message": "Be brief."}, "system_message Be brief."),
    ],
)
def test_what_the_command_line_asked_for_is_in_the_conditions(
    write_log: WriteLog, decoding: dict[str, object], recorded: str
) -> None:
    path = write_log("baseline")
    write_log("run2", decoding=decoding)
    before, after = read_logs([path.parent], ["baseline", "run2"])
    assert recorded in after.conditions["decoding"] and "epochs 2" in after.conditions["decoding"]
    result = gate_logs(before, after, load_policy())
    assert result.exit_code == 3 and result.problems[0].startswith("decoding differs")


def test_canaries_of_the_suite_that_were_never_asked_are_counted(write_log: WriteLog) -> None:
    path = write_log("baseline", suite_size=169)
    write_log("run2", suite_size=169)
    notes = gate_logs(*read_logs([path.parent], ["baseline", "run2"]), load_policy()).notes
    left = [note for note in notes if note.startswith("157 of the 169 canaries of smoke were never asked of")]
    assert [note.split(" (")[0].split()[-1] for note in left] == ["baseline", "run2"]


def test_a_limit_that_ends_answers_early_is_a_condition(write_log: WriteLog) -> None:
    (log,) = read_logs([write_log("run2", limits={"message_limit": 3})])
    assert "message_limit 3" in log.conditions["decoding"]


def test_a_log_of_one_canary_gives_further_takes_to_the_log_of_all(write_log: WriteLog) -> None:
    whole = write_log("run2", created="2026-03-01T10:00:00+00:00")
    write_log("run2", only=3, epochs=6, created="2026-03-02T10:00:00+00:00")
    write_log("run2", only=4, epochs=6, decoding={"temperature": 0.0})
    write_log("run2", only=5, epochs=6, identity="9" * 64, status="error")
    (log,) = read_logs([whole.parent], ["run2"])
    assert len(log.samples) == 24
    assert [(s.canary, s.epoch) for s in log.retakes] == [("c03", take) for take in (3, 4, 5, 6)]


def test_further_takes_under_other_settings_are_named_with_what_differs(write_log: WriteLog) -> None:
    whole = write_log("baseline", created="2026-03-01T10:00:00+00:00")
    write_log("run2", created="2026-03-01T10:00:00+00:00")
    write_log("run2", only=3, epochs=6, decoding={"temperature": 0.0})
    write_log("run2", only=4, epochs=6, decoding={"temperature": 0.0}, created="2026-03-02T10:00:00+00:00")
    write_log("run2", only=4, epochs=6, created="2026-03-03T10:00:00+00:00")
    result = gate_logs(*read_logs([whole.parent], ["baseline", "run2"]), load_policy())
    (note,) = [note for note in result.notes if "again" in note]
    assert note.startswith("run2 was asked c03 again under other conditions, which doesn't count: decoding")
    assert "further ones max_tokens 512, seed 7, temperature 0.0" in note and "epochs" not in note


def test_a_log_of_one_canary_alone_is_read_as_it_is(write_log: WriteLog) -> None:
    (log,) = read_logs([write_log("run2", only=3, epochs=4)])
    assert len(log.samples) == 4 and not log.retakes


def test_a_log_is_read_once_until_it_changes(write_log: WriteLog) -> None:
    path = write_log("run2", canaries=2)
    (first,), (second,) = read_logs([path]), read_logs([path])
    assert first.samples is second.samples
    path.write_bytes(write_log("run2", canaries=3).read_bytes())
    assert len(read_logs([path])[0].samples) == 6


def test_how_many_requests_were_in_flight_is_no_condition(write_log: WriteLog) -> None:
    path = write_log("baseline")
    write_log("run2", decoding={"max_connections": 8, "timeout": 60, "max_retries": 3})
    before, after = read_logs([path.parent], ["baseline", "run2"])
    assert before.conditions == after.conditions


def test_a_log_with_answers_of_two_trainings_is_refused(write_log: WriteLog) -> None:
    path = write_log("run2", identity="1" * 64, answered_by=lambda at: ("1" if at < 8 else "2") * 64)
    with pytest.raises(TimbreError, match="answered by identity 222222222222") as caught:
        read_logs([path])
    assert path.name in str(caught.value)


def test_a_sample_that_failed_is_read_as_no_answer(write_log: WriteLog) -> None:
    (log,) = read_logs([write_log("run2", failed=lambda canary, epoch: (canary, epoch) == (2, 1))])
    failed = next(s for s in log.samples if (s.canary, s.epoch) == ("c02", 1))
    assert {j.value for j in failed.judgements.values()} == {None}
    assert failed.judgements["compression"].unscored == "the sample failed: no answer"


def test_a_number_of_thousands_of_digits_in_a_json_log_is_an_unreadable_log(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"version": 2, "status": ' + "9" * 5000 + "}")
    with pytest.raises(TimbreError, match=r"x\.json: unreadable log"):
        read_logs([path])


def test_a_record_of_another_shape_in_a_log_names_the_log(write_log: WriteLog) -> None:
    path = write_log("run2", scores=lambda c, e: {"humor": {"value": 0.5, "evidence": [{"quote": "x"}]}})
    with pytest.raises(TimbreError, match=r"\.eval: a record in the log has another shape"):
        read_logs([path])
