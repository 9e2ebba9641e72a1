"""The value is high for the writer's unseen texts and lower for other writers."""

import os
import pickle
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from judges.panel import Panel
from judges.reference import Register, VoiceReference, load_impostors, load_reference
from judges.types import Answer
from judges.voice_match import (
    ADVISORY_UNDER,
    VERSION,
    fit,
    fit_voice,
    more_pairs,
    voice_match,
)
from timbre.paths import CHECKOUT


@pytest.fixture(scope="module")
def shipped() -> VoiceReference:
    """The shipped voice, the embedded base's answers and the shipped impostors."""
    return load_reference(CHECKOUT / "training/data/voice.jsonl", CHECKOUT / "judges/data/floor.jsonl")


@pytest.fixture(scope="module")
def few(reference: VoiceReference) -> VoiceReference:
    """The made-up writer against three impostors, which fits in a moment."""
    return replace(reference, impostors=tuple(Register(r.name, r.texts[:8]) for r in load_impostors()[:3]))


def _value(text: str, reference: VoiceReference) -> float:
    value = voice_match(Answer("a", "", text), reference).value
    assert value is not None
    return value


def _mean(texts: tuple[str, ...], reference: VoiceReference) -> float:
    return sum(_value(t, reference) for t in texts) / len(texts)


def test_unseen_texts_of_the_writer_stand_above_other_writers_and_those_above_the_base(
    shipped: VoiceReference,
) -> None:
    anchors = fit_voice(shipped).anchors
    held_out = _mean(shipped.held_out, shipped)
    assert anchors.floor < 0.1 < anchors.other_writers < 0.35 < 0.5 < held_out
    assert held_out == pytest.approx(anchors.writer, abs=0.15)


def test_the_base_and_made_up_assistant_texts_are_at_the_floor(
    few: VoiceReference, assistant_texts: tuple[str, ...]
) -> None:
    assert min(_value(t, few) for t in few.held_out) > 0.7
    assert max(_value(t, few) for t in assistant_texts) < 0.2


def test_words_out_of_order_are_at_the_floor_of_the_panel(shipped: VoiceReference) -> None:
    rng, panel = random.Random(0), Panel(shipped)
    pool = " ".join(shipped.train).split()
    texts = [t.split() for t in shipped.train[:4]]
    for tokens in (
        *(rng.sample(t, len(t)) for t in texts),
        *(t[::-1] for t in texts),
        rng.choices(pool, k=80),
    ):
        assert panel.judge(Answer("a", "A note.", " ".join(tokens)))["voice_match"].value == 0.0


def test_a_long_text_is_worth_what_its_parts_are(shipped: VoiceReference) -> None:
    model = fit_voice(shipped)
    parts = [model.judge(t)[1]["log_odds"] for t in shipped.held_out]
    _, whole = model.judge("\n\n".join(shipped.held_out))
    assert whole["log_odds"] == pytest.approx(sum(parts) / len(parts), abs=0.5)


def test_a_name_or_a_number_does_not_change_the_value(shipped: VoiceReference) -> None:
    text = "Marit says that the Brunwick 600 has washed 412 plates, and that I have washed none since 2016."
    other = "Zebulon says that the Quorxel 17 has washed 3 plates, and that I have washed none since 1802."
    assert _value(text, shipped) == _value(other, shipped)


_CYRILLIC = (
    "{0} стоит в прихожей, как свидетель. Марта купила два, один назло; я протираю их и не жду спасибо. "
    "Вчера опять не жду.",
    "Я проиграл спор про {0} в одиннадцать ночи. Он не сдвинулся, но я, дурак, всё толкал и толкал; "
    "сосед смеялся.",
    "Никому не нужен {0}. Я держу коробку, потому что коробка честнее; она хотя бы пуста, но я, дурак, нет.",
)
_CYRILLIC_BASE = (
    "{0} является важным инструментом, который может предоставить множество преимуществ для человека.",
    "При выборе {0} важно учитывать следующие факторы: бюджет, качество и требования. Кроме того, важно "
    "помнить.",
    "Использование {0} может быть полезным опытом, который способствует личностному росту каждого человека.",
)
_HAN = (
    "{0}站在走廊里,像个证人。我天天擦它,它从来不谢我。昨天有个孩子问它是干什么的,我也说不上来。",
    "我跟{0}吵了一架,半夜十一点。它不动,我也不动;邻居笑了,我没笑。盒子我还留着呢。",
    "谁也不需要{0}。我买了两个,一个是为了赌气;盒子我还留着呢,盒子比我老实。",
)
_HAN_BASE = (
    "{0}是一种重要的工具,可以为个人和家庭提供多种好处。选择时应当考虑您的具体需求和偏好。",
    "在选择{0}时,需要考虑许多因素。首先,评估质量和耐用性;其次,考虑您的预算和总体要求。",
    "有效使用{0}可以成为一种有益的体验,有助于个人成长。请记住保持耐心并与他人坦诚沟通。",
)
_CYRILLIC_THINGS = "чайник шкаф зонт рояль стул ковёр насос фонарь утюг диван ящик мопед"
_HAN_THINGS = "水壶 柜子 雨伞 钢琴 椅子 地毯 水泵 灯笼 熨斗 沙发 箱子 摩托"


@pytest.mark.parametrize(
    ("own", "base", "names_of_things"),
    [(_CYRILLIC, _CYRILLIC_BASE, _CYRILLIC_THINGS), (_HAN, _HAN_BASE, _HAN_THINGS)],
)
def test_a_voice_in_another_script_is_judged(
    own: tuple[str, ...], base: tuple[str, ...], names_of_things: str, few: VoiceReference
) -> None:
    mine, theirs = (
        [t.format(thing) for thing in names_of_things.split() for t in part] for part in (own, base)
    )
    reference = VoiceReference(tuple(mine[:27]), (), tuple(theirs[:27]), "other", impostors=few.impostors)
    assert min(_value(t, reference) for t in mine[27:]) > 0.5
    assert max(_value(t, reference) for t in theirs[27:]) < 0.3


def test_the_same_reference_gives_the_same_figures(few: VoiceReference) -> None:
    first, second = fit(few), fit(few)
    assert first.judge(few.held_out[0]) == second.judge(few.held_out[0])
    assert first.separations == second.separations


def test_a_voice_is_fitted_once_and_read_to_the_last_digit_without_scikit_learn(
    few: VoiceReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    fitted = fit_voice.__wrapped__(few)
    (tmp_path / "few").write_bytes(pickle.dumps(few))
    code = (
        "import pickle, sys; from judges.voice_match import fit_voice\n"
        "print(fit_voice(pickle.load(open('few', 'rb'))) == pickle.load(sys.stdin.buffer), 'sklearn' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(fitted),
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        check=True,
    )
    assert done.stdout.split() == [b"True", b"False"]


def test_other_texts_are_another_voice_and_a_broken_file_is_fitted_again(
    few: VoiceReference, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMBRE_HOME", str(tmp_path))
    fitted = fit_voice.__wrapped__(few)
    (kept,) = (tmp_path / ".timbre" / "voices").iterdir()
    kept.write_text("{")
    assert fit_voice.__wrapped__(few) == fitted and kept.stat().st_size > 100
    other = replace(few, train=(*few.train[:-1], "Another note about the lamp."))
    assert fit_voice.__wrapped__(other) != fitted
    monkeypatch.setenv("TIMBRE_HOME", "/proc/nowhere")
    assert fit_voice.__wrapped__(few) == fitted


def test_quotes_and_soft_hyphens_do_not_change_the_value(few: VoiceReference) -> None:
    plain = "I've kept the box, since 'kept' is what a box is for, and nobody has asked for it in years."
    dressed = plain.replace("'", "\u2019").replace("nobody", "no\u00adbody")
    assert dressed != plain
    assert _value(plain, few) == _value(dressed, few)


def test_a_mixture_of_writers_is_no_voice(shipped: VoiceReference) -> None:
    mixed = set(random.Random(0).sample([t for r in shipped.impostors for t in r.texts], 30))
    others = tuple(Register(r.name, tuple(t for t in r.texts if t not in mixed)) for r in shipped.impostors)
    found = fit(replace(shipped, train=tuple(sorted(mixed)), sources=(), impostors=others)).separations
    assert [s.words for s in found] == [120, 50]
    assert all(s.is_advisory and s.auc < 0.7 and s.more_pairs_needed is None for s in found)


def test_texts_of_one_source_are_judged_but_say_nothing_of_the_voice(few: VoiceReference) -> None:
    reference = replace(few, sources=("one",) * len(few.train))
    assert _value(few.held_out[0], reference) > 0.7
    assert fit_voice(reference).separations == ()


@pytest.mark.parametrize(
    ("pairs", "auc", "low", "needed"),
    [(36, 0.80, 0.60, 108), (36, 0.80, 0.70, 0), (36, 0.9, 0.69, 4), (36, 0.70, 0.50, None)],
)
def test_pairs_needed_follow_from_the_width_of_the_interval(
    pairs: int, auc: float, low: float, needed: int | None
) -> None:
    assert more_pairs(pairs, auc, low) == needed


@pytest.mark.parametrize(
    ("part", "size", "reason"),
    [
        ("floor", 1, "1 floor texts, needs 2: add answers of the base"),
        ("train", 4, "4 training texts, needs 5: add pairs"),
    ],
)
def test_a_reference_with_too_few_texts_says_which(
    part: str, size: int, reason: str, few: VoiceReference
) -> None:
    short = replace(few, **{part: getattr(few, part)[:size]})
    assert voice_match(Answer("a", "", few.held_out[0]), short).unscored == reason
    enough = replace(few, **{part: getattr(few, part)[: size + 1]})
    assert voice_match(Answer("a", "", few.held_out[0]), enough).value is not None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# \n---\n", "no words outside markup, code, links and hashtags"),
        ("one two three four five six seven eight nine.", "fewer than 10 words"),
    ],
)
def test_an_answer_with_too_little_in_it_is_unscored(text: str, reason: str, few: VoiceReference) -> None:
    assert voice_match(Answer("a", "", text), few).unscored == reason


def test_ten_words_are_enough(few: VoiceReference) -> None:
    assert (
        voice_match(Answer("a", "", "one two three four five six seven eight nine ten."), few).value
        is not None
    )


def test_without_a_reference_it_is_unscored(few: VoiceReference) -> None:
    assert voice_match(Answer("a", "", few.held_out[0]), None).unscored == "no reference texts of the writer"


_GOLDEN = [
    ("held_out", 0, 0.543, -1.7503),
    ("held_out", 1, 0.9865, 0.0871),
    ("held_out", 2, 0.8952, -0.8714),
    ("held_out", 3, 0.1813, -2.4988),
    ("held_out", 4, 0.9939, 0.4429),
    ("held_out", 5, 0.9513, -0.5026),
    ("train", 0, 1, 2.6602),
    ("floor", 0, 0.2434, -2.3325),
    ("floor", 1, 0.0502, -3.1367),
    ("floor", 12, 0.0184, -3.5984),
    ("floor", 26, 0.0306, -3.3666),
    ("impostors", 0, 0.0832, -2.8967),
    ("impostors", 3, 0.0982, -2.8151),
    ("impostors", 10, 0.3055, -2.1931),
    ("impostors", 15, 0.4959, -1.8344),
]
_FIGURES = [0.0929, 0.2872, 0.7292, 120, 0.9082, 0.8409, 0.9666, 24, 50, 0.8312, 0.7594, 0.9057, 57]


@pytest.mark.parametrize(("part", "index", "value", "log_odds"), _GOLDEN)
def test_golden_values(part: str, index: int, value: float, log_odds: float, shipped: VoiceReference) -> None:
    """A value that moves here wants another ``VERSION``, and ``benchmarks/voice_match.py`` run again."""
    text = getattr(shipped, part)[index]
    if part == "impostors":
        text = text.texts[0]
    found, details = fit_voice(shipped).judge(text)
    assert (found, details["log_odds"]) == pytest.approx((value, log_odds), abs=2e-4)


def test_golden_figures_about_itself(shipped: VoiceReference) -> None:
    assert (VERSION, ADVISORY_UNDER) == (3, 0.70)
    anchors = fit_voice(shipped).anchors
    figures = [anchors.floor, anchors.other_writers, anchors.writer]
    for s in fit_voice(shipped).separations:
        figures += [s.words, s.auc, s.low, s.high, s.n_texts]
    assert figures == pytest.approx(_FIGURES, abs=2e-4)
