"""Recall of the detector, estimated from sentences drawn at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from judges.types import DIMENSIONS, Judgement
from results.records import RunLog, Sample
from results.self_insertion_recall import Inspected, estimated_recall, recall_of
from timbre.errors import TimbreError


@st.composite
def inspected(draw: st.DrawFn) -> Inspected:
    flagged = draw(st.integers(0, 9))
    asked = min(6, flagged)
    unflagged = draw(st.integers(0, 60))
    sampled = min(4, unflagged)
    return Inspected(
        flagged, asked, draw(st.integers(0, asked)), unflagged, sampled, draw(st.integers(0, sampled))
    )


@given(st.lists(inspected(), max_size=20))
def test_the_estimate_lies_in_its_interval_and_both_in_the_unit_interval(rows: list[Inspected]) -> None:
    found = estimated_recall(rows)
    assert 0 <= found.low <= found.high <= 1
    if found.recall is not None:
        assert found.low - 1e-9 <= found.recall <= found.high + 1e-9


@given(st.lists(inspected(), min_size=1, max_size=20), st.data())
def test_one_more_missed_claim_lowers_the_estimate_and_both_limits(
    rows: list[Inspected], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(rows) - 1))
    r = rows[at]
    if r.missed == r.sampled:
        return
    more = [*rows]
    more[at] = Inspected(r.flagged, r.flagged_asked, r.confirmed, r.unflagged, r.sampled, r.missed + 1)
    before, after = estimated_recall(rows), estimated_recall(more)
    if before.recall is not None and before.true_positives:
        assert after.recall is not None
        assert after.recall < before.recall
        assert after.low <= before.low + 1e-9


@given(st.lists(inspected(), max_size=20), st.randoms())
def test_the_order_of_the_answers_does_not_matter(rows: list[Inspected], random: np.random.Generator) -> None:
    shuffled = [*rows]
    random.shuffle(shuffled)
    one, other = estimated_recall(rows), estimated_recall(shuffled)
    assert one.low == pytest.approx(other.low) and one.recall == pytest.approx(other.recall)


def test_a_claim_in_the_sample_stands_for_its_share_of_the_sentences() -> None:
    found = estimated_recall([Inspected(3, 3, 3, 12, 4, 1)])
    assert (found.true_positives, found.false_negatives, found.recall) == (3.0, 3.0, 0.5)


def test_where_every_sentence_was_asked_about_there_is_no_doubt() -> None:
    found = estimated_recall([Inspected(3, 3, 3, 4, 4, 1)])
    assert (found.recall, found.low, found.high) == (0.75, 0.75, 0.75)


def test_without_a_missed_claim_the_limit_is_that_of_the_rule_of_three() -> None:
    found = estimated_recall([Inspected(1, 1, 1, 40, 4, 0)] * 10)
    assert found.recall == found.high == 1.0
    assert found.low == pytest.approx(10 / (10 + 3.6889 * 10), rel=1e-3)


def test_no_claim_at_all_gives_no_estimate() -> None:
    found = estimated_recall([Inspected(0, 0, 0, 8, 4, 0)])
    assert (found.recall, found.low, found.high) == (None, 0.0, 1.0)


def test_counts_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(TimbreError, match="contradict"):
        estimated_recall([Inspected(0, 0, 1, 8, 4, 0)])


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_interval_holds_the_true_recall_nineteen_times_in_twenty(rate: float) -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(400):
        rows, true, missed = [], 0, 0
        for sentences in rng.integers(3, 30, size=30):
            # Half of the answers hold no claim at all: claims stand together.
            claims = rng.binomial(sentences, 2 * rate) if rng.random() < 0.5 else 0
            seen = rng.binomial(claims, 0.6)
            unflagged = int(sentences) - int(seen)
            sampled = min(4, unflagged)
            hit = rng.hypergeometric(claims - seen, unflagged - (claims - seen), sampled)
            rows.append(Inspected(int(seen), int(seen), int(seen), unflagged, sampled, int(hit)))
            true, missed = true + seen, missed + claims - seen
        found = estimated_recall(rows)
        if true + missed == 0 or found.low <= true / (true + missed) <= found.high:
            held += 1
    assert held / 400 >= 0.94


def _log(details: dict[str, float]) -> RunLog:
    judged = {k: Judgement(k, 0.0, details=details if k == "self_insertion" else {}) for k in DIMENSIONS}
    sample = Sample("c", "plain", 1, "p", "t", False, False, judged)
    return RunLog("r", "i", "s", {}, "2026-01-01", "log", (sample,))


def test_a_log_without_a_grader_has_no_estimate() -> None:
    assert recall_of(_log({"spans": 0.0})) is None


def test_a_log_of_stage_two_has_one() -> None:
    details = {"flagged": 1.0, "flagged_asked": 1.0, "confirmed": 1.0}
    found = recall_of(_log({**details, "unflagged": 8.0, "sampled": 4.0, "sampled_faults": 1.0}))
    assert found is not None
    assert found.recall == pytest.approx(1 / 3)
