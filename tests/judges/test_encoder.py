"""The fitted encoder: windows, spans, weights that are checked, and values that stay what they were."""

import json
from pathlib import Path

import pytest

from judges import encoder
from timbre.errors import TimbreError

NOTE = (
    "The lift has two buttons and one opinion. It stops at the third floor whether anybody asked or not. "
    "My uncle rode it daily for nine years and never once saw a third-floor tenant."
)


def test_each_sentence_is_read_in_its_place() -> None:
    reading = encoder.read(NOTE)
    assert [NOTE[s.start : s.end].split()[0] for s in reading.sentences] == ["The", "It", "My"]
    claims = [probability for _, _, probability in encoder.claims(NOTE)]
    assert claims[2] > 0.5 > max(claims[:2])


def test_a_long_text_is_read_in_windows_of_whole_sentences() -> None:
    reading = encoder.read(" ".join([NOTE] * 12))
    assert len(reading.sentences) == 36
    assert all(0.0 <= value <= 1.0 for s in reading.sentences for value in s.heads.values())


def test_a_sentence_longer_than_a_window_is_read_as_far_as_it_goes() -> None:
    assert len(encoder.read("and the rain " * 400).sentences) == 1


@pytest.mark.parametrize("text", ["", "  ", "…", "\x00", "#"])
def test_a_text_without_a_word_reads_as_nothing(text: str) -> None:
    reading = encoder.read(text)
    assert reading.sentences == () and set(reading.heads.values()) == {0.0}


def test_an_embedding_has_unit_length() -> None:
    assert float((encoder.embedding(NOTE) ** 2).sum()) == pytest.approx(1.0, abs=1e-5)


def test_the_opening_alone_tells_a_joke_from_a_record() -> None:
    joke = encoder.opening_heads("My gym sent a card to say they miss me. We have never met.")
    record = encoder.opening_heads(
        "The treasurer reported a balance of four hundred pounds. The minutes were signed."
    )
    assert joke["joke"] > 0 > record["joke"] and joke["funny"] > record["funny"]


def test_other_weights_than_the_card_names_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("encoder.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes((encoder.FITTED / name).read_bytes()[:-1] + b"\0")
    card = json.loads((encoder.FITTED / "encoder.json").read_text(encoding="utf-8"))
    (tmp_path / "encoder.json").write_text(json.dumps(card), encoding="utf-8")
    monkeypatch.setattr(encoder, "FITTED", tmp_path)
    encoder._load.cache_clear()
    encoder.read.cache_clear()
    try:
        with pytest.raises(TimbreError, match="not the weights that the card names"):
            encoder.read("A text that nothing has read.")
    finally:
        encoder._load.cache_clear()
