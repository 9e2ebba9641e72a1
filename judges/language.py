"""Which language a text is in, and how frequent English words are.

The language is py3langid's. Of English pieces by people it misnamed 2 of 388 of 15 to 24 words and none of 1,308 of
25 words and more; lingua misnamed 1 and none, and takes seven times as long and 96 MB instead of 5
(``benchmarks/integrity.py --languages``).
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from judges.text import Span, folded_words, is_unspaced, words

# Fewer words name no language: at 5 to 9 words the detector still errs on 3 % of English.
MIN_LANGUAGE_WORDS = 8
MOST_LANGUAGE_WORDS = 400  # words that are read at most; more add time and no certainty
# Probability from which a language is named. Of 12,241 English pieces of 8 words and more, 10 were misnamed,
# none with more than .83.
SURE_LANGUAGE = 0.85
# The same for a prompt, which is short; a prompt that is less sure is compatible with any answer.
SURE_PROMPT = 0.5
ASCII = 0.8  # share of letters from which a text too short to tell may be English
PLAIN_WORD = 3.0  # Zipf frequency of English words that make a short prompt English ("A note on gates.")
# Share of `_ENGLISH_WORDS` from which a text is English without asking the detector, which takes a millisecond.
# Of 15,415 pieces of 30 words 74 % have as much, and the detector surely named none of these another language.
ENGLISH_SHARE = 0.16
CONTENT_WORD = 5.8  # Zipf frequency of English words under which one says what it is about, unlike "why"

_ENGLISH_WORDS = """
the and that with this you he his they which not have had but from their what were would there been who when she her
its than these those into could should because about every never only where how
"""
_FREQUENT = frozenset(_ENGLISH_WORDS.split())  # frequent words that are spelt so in English alone, or nearly
_ENDING = re.compile(r"(?:'s|(?<=\w{3})(?:ing|ie[ds]|e[ds]?|s|ly|y))$")

_CODES = """
en:English pcm:English de:German als:German bar:German lb:German fr:French oc:French es:Spanish
an:Spanish ast:Spanish gl:Portuguese pt:Portuguese it:Italian ca:Catalan nl:Dutch af:Afrikaans
da:Danish no:Norwegian nb:Norwegian nn:Norwegian sv:Swedish fi:Finnish is:Icelandic pl:Polish
cs:Czech sk:Slovak hu:Hungarian ro:Romanian bg:Bulgarian ru:Russian uk:Ukrainian sr:Serbian
hr:Croatian bs:Bosnian sl:Slovenian el:Greek tr:Turkish he:Hebrew ar:Arabic fa:Persian ur:Urdu
hi:Hindi bn:Bengali ta:Tamil te:Telugu th:Thai vi:Vietnamese id:Indonesian ms:Malay zh:Chinese
yue:Chinese ja:Japanese ko:Korean sw:Swahili la:Latin eo:Esperanto ga:Irish cy:Welsh
"""
# Languages that are found mixed into English. Their short lists of words take .1 s and 25 MB, the long ones 1.2 s.
_MIXED = ("de", "es", "fr", "it", "nl", "pl", "pt")
# Zipf frequency of a word of theirs, and by how much it is more frequent there than in English.
FOREIGN_WORD, FOREIGN_GAP = 4.0, 1.5
_NO_LANGUAGE = "no language"  # the detector's class "zxx"
_NAMES = {"zxx": _NO_LANGUAGE, **dict(pair.split(":") for pair in _CODES.split())}
# Languages that a detector takes for one another in short texts.
_NEIGHBOURS = (
    {"Danish", "Norwegian", "Swedish"},
    {"Serbian", "Croatian", "Bosnian"},
    {"Indonesian", "Malay"},
    {"Czech", "Slovak"},
    {"Spanish", "Portuguese", "Catalan"},
    {"Chinese", "Japanese"},
)


def language(text: str) -> str | None:
    """Name of the language of ``text``, or None where that is not sure, as in a short text."""
    name = _sure_language(text)
    return None if name == _NO_LANGUAGE else name


def is_no_language(text: str) -> bool:
    """Whether ``text`` is surely in no language at all, as random letters are."""
    return _sure_language(text) == _NO_LANGUAGE


@lru_cache(maxsize=64)
def _sure_language(text: str) -> str | None:
    return language_of_words(words(text))


def language_of_words(found: tuple[Span, ...]) -> str | None:
    """The same of words, which may be in no language too."""
    if is_plainly_english(found):
        return "English"
    if len(found) < MIN_LANGUAGE_WORDS:
        return None
    name, probability = _language(_joined(found))
    return name if probability >= SURE_LANGUAGE else None


def is_plainly_english(found: tuple[Span, ...]) -> bool:
    """Whether enough of the words are frequent English ones to name the language without the detector."""
    frequent = sum(w.text.lower() in _FREQUENT for w in found)
    return len(found) >= MIN_LANGUAGE_WORDS and frequent >= ENGLISH_SHARE * len(found)


@lru_cache(maxsize=512)
def prompt_language(prompt: str) -> str | None:
    """The same for a prompt, which is short: None where it could be in any language."""
    found = words(prompt)
    if len(found) < 2:
        return None
    name, probability = _language(_joined(found))
    is_plain = name == "English" and all(zipf(w.text) >= PLAIN_WORD for w in found)
    is_sure = (probability >= SURE_PROMPT or is_plain) and name != _NO_LANGUAGE
    return name if is_sure else None


def are_different(one: str, other: str) -> bool:
    """Whether two languages are different, and too different to be confused; no language is none of two."""
    is_either = one == other or _NO_LANGUAGE in (one, other)
    return not is_either and not any({one, other} <= group for group in _NEIGHBOURS)


def is_english(text: str) -> bool:
    """Whether ``text`` is in English or, where that is not sure, in its letters."""
    name = language(text)
    letters = "" if name else "".join(filter(str.isalpha, text))
    return name == "English" or (name is None and sum(map(str.isascii, letters)) > ASCII * len(letters))


@lru_cache(maxsize=65536)
def zipf(word: str) -> float:
    """Log frequency of an English word: 7 for "the", 0 for one that no corpus has."""
    from wordfreq import zipf_frequency

    return float(zipf_frequency(word, "en"))


@lru_cache(maxsize=256)
def content_stems(text: str) -> tuple[str, ...]:
    """The words of English ``text`` that say something, without their endings: "sleeping" and "sleeps" are one."""
    found = (word for word in folded_words(text) if len(word) > 2 and zipf(word) < CONTENT_WORD)
    return tuple(_ENDING.sub("", word) for word in found)


def foreign_words(found: Sequence[Span]) -> tuple[str, list[Span]]:
    """The language, English apart, that most of the words belong to, and these words; none is "".

    A word belongs to a language where it is frequent and more frequent than in English.
    """
    languages = [_foreign_languages(word.text.lower()) for word in found]
    counts = Counter(name for names in languages for name in names)
    name = max(counts, key=counts.__getitem__, default="")
    return name, [word for word, names in zip(found, languages, strict=True) if name in names]


@lru_cache(maxsize=65536)
def _foreign_languages(word: str) -> tuple[str, ...]:
    from wordfreq import get_frequency_dict

    limit = 10 ** (max(FOREIGN_WORD, zipf(word) + FOREIGN_GAP) - 9)
    return tuple(_NAMES[c] for c in _MIXED if get_frequency_dict(c, "small").get(word, 0) >= limit)


def _joined(found: tuple[Span, ...]) -> str:
    space = "" if sum(is_unspaced(w.text) for w in found) > len(found) / 2 else " "
    return space.join(w.text for w in found[:MOST_LANGUAGE_WORDS])


@lru_cache(maxsize=512)
def _language(text: str) -> tuple[str, float]:
    code, probability = _identifier().classify(text)
    return _NAMES.get(code, f"another language ({code})"), float(probability)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
