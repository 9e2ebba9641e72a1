"""Which stretches of an answer its teller asserts.

Quotations, speakers' lines, titles, placeholders, reported speech, hypotheticals, wishes and denials are
somebody else's words or nobody's claim. They are blanked with ``MASK``, one for one, so that offsets stay.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from judges.text import sentences

MASK = "\x00"  # stands for one character that the teller does not assert; no pattern matches it
_MAX_SENTENCE = 1000  # characters; a longer one is cut, which bounds every pattern's work
_EDGE = 160  # characters of opening and close in which an answer may declare itself invented
_MAX_QUOTE = 1500  # characters; bounds the search for a closing mark

_FLAT = str.maketrans({"\u2019": "'", "\u00a0": " ", "\t": " ", "\n": " ", "*": " ", "_": " ", "`": " "})
_OPENS = r"(?<![\w.,!?;])"
_QUOTATION = re.compile(
    rf'{_OPENS}"(?=\S)[^"\n]{{0,{_MAX_QUOTE}}}(?:"|$)|\u201c[^\u201d\n]{{0,{_MAX_QUOTE}}}(?:\u201d|$)'
    rf"|\u00ab[^\u00bb\n]{{0,{_MAX_QUOTE}}}(?:\u00bb|$)|\u201e[^\u201c\u201d\n]{{0,{_MAX_QUOTE}}}"
    rf"(?:[\u201c\u201d]|$)|{_OPENS}['\u2018](?=\S)(?:[^'\u2019\n]|['\u2019](?="
    rf"\w)){{1,{_MAX_QUOTE}}}['\u2019](?!\w)|^[ \t]*>.*$",
    re.M,
)
_LEAD_IN = re.compile(
    r"(?:\A|\b(?:here(?:'s| is| are)|below is|sure|certainly|of course)\b[^\n]{0,160}:)[\s*_]*$", re.I
)
_TITLE = re.compile(
    r"(?<![\w*])(\*{1,2}|_)(?=[A-Z\"'])(?:[A-Z][\w'\u2019-]{0,30}|[a-z]{1,4})(?:[ ,:]{1,2}"
    r"(?:[A-Z][\w'\u2019-]{0,30}|[a-z]{1,4})){0,8}[ ,:]{1,2}[A-Z][\w'\u2019-]{0,30}[!?]?\1(?![\w*])"
)
_PLACEHOLDER = re.compile(r"\[[^\[\]\n]{0,80}\](?!\()")
_SPEAKER = re.compile(
    r"^[ *_]{0,4}([A-Z][\w.'\u2019-]{0,25}(?: [A-Z][\w.'\u2019-]{0,25}){0,3})[*_]{0,2}:[*_ ]{1,3}.*$", re.M
)
_VOICED = re.compile(
    r"\b(?:in (?:his|her|their) own (?:words|voice)|(?:might|would|could) (?:well )?have (?:said|put it"
    r"|written)|(?:might|would|could) (?:say|write|put it)|wrote|said|writes"
    r"|says)\b[^.:!?\n]{0,60}:\s{0,3}(?=\S).*$",
    re.M,
)
_FICTION = re.compile(
    r"(?:^\W*(?:a |an )?(?:short story|flash fiction|fiction|pastiche|(?:fictional|imagined|imaginary"
    r"|invented|dramatic) \w+)\b[^.\n]{0,60}[\n:)]|\b(?:this|that|what follows|the following|here"
    r"|below)(?: is|'s|\u2019s| was)(?: \w+)? (?:\w+ ){0,3}(?:fiction(?:al)?|short story|imagined|imaginary"
    r"|invented|made[- ]up|monologue|pastiche)\b|\((?:[\w-]+ ){0,3}(?:fiction(?:al)?|imagined|invented"
    r"|made[- ]up|imaginary)\b[^)\n]{0,60}\)|\b(?:written|speaking|writing|told|monologue"
    r"|letter) in the (?:voice|persona|character) of\b)",
    re.I,
)
_FICTION_ASKED = re.compile(
    r"\b(?:write|tell|give|compose|invent)(?: me| us)? (?:a|an) (?:[\w-]{1,20} ){0,3}(?:story|tale|monologue"
    r"|scene|dialogue|fiction|poem|fable|sketch) |\(fiction\)|\bmake it up\b",
    re.I,
)

_SAY = (
    r"(?:sa(?:id|ys?|ying)|wr(?:ote|ites|iting)|claim(?:ed|s)|argue[ds]|insist(?:ed|s)|recall(?:ed|s)"
    r"|explain(?:ed|s)|admit(?:ted|s)|confessed|complained|joked|noted|replied|answered|added|promised|swore"
    r"|declared|announced|maintained|suggest(?:ed|s)|concluded|remarked|protested|boasted|whispered|shouted"
    r"|report(?:ed|s)|stated|recount(?:ed|s))"
)
_THINK = (
    r"(?:believe[ds]|th(?:ought|inks)|feared|hoped|knew|felt|remember(?:ed|s)|imagined|observed|assumed"
    r"|decided|agreed|pretended|den(?:ied|ies)|suspected|dream(?:ed|t))"
)
_TELL = r"(?:t(?:old|ells?|elling)|assured|informed|reminded|convinced|warned|persuaded)"
_WHOM = (
    r"(?:him|her|me|us|them|(?:his|her|their|an?|the|my|any|every)\s\w{1,25}(?:\s\w{1,25})?"
    r"|(?-i:[A-Z])\w{1,25}(?:\s(?-i:[A-Z])\w{1,25})?)"
)
_CLAUSE = r"(?=\s(?:we|I|it|there|both|neither|he|she|they|the\s(?:two|three|four|pair))\b)"
_REPORT = re.compile(
    rf"\b(?<!\bI )(?<!\bwe )(?<!\bI have )(?:(?:{_SAY}|{_THINK})(?:\s\w+){{0,3}}?,?\sthat\b"
    rf"|{_TELL}\s{_WHOM},?\sthat\b|{_SAY}{_CLAUSE}|{_TELL}\s{_WHOM}{_CLAUSE}|{_SAY}(?:\s(?:later"
    r"|once))?[,:]\s(?-i:(?=[A-Z]))|(?<!my\s)(?<!our\s)(?:claim|belief|idea|notion|rumou?r|complaint"
    r"|conviction|hope|fear|promise|suggestion|warning|confession|verdict|view|hypothesis|assumption|myth"
    r"|legend|thesis)\sthat\b)",
    re.I,
)
_REPORT_END = re.compile(
    r"[;\u2014]|,?\s(?:and|but|so|yet|while|though|although|because|since|when)\s(?:I|my|me)\b|,\swhich\b",
    re.I,
)
_NOT_ASSERTED = re.compile(  # the whole sentence
    r",\s(?:thought|said|wrote|says)\s(?:he|she|(?-i:[A-Z])\w{1,25})(?=[,.;]|$|\sand\b)|,\s(?:he|she|they"
    rf"|(?-i:[A-Z])\w{{1,25}})(?:\s\w{{1,15}})?\s(?:{_SAY}|put it)(?:\s(?:later|once|afterwards"
    r"|in\s[^,.;]{1,40}))?(?=[,.;:!?]|$)|\baccording\sto\s(?!my\b|our\b)|\b(?:as\san?|I(?:'m"
    r"|\sam)\s(?:just\s|only\s)?an?)\s(?:AI\b|artificial|(?:large\s)?language\smodel)|\bdream(?:s|ed"
    r"|t)?\sthat|\bin\s(?:my|a)\s(?:dream|imagination|daydream)\b|^(?:would|could|might)\b.{1,400}\?",
    re.I,
)
_MOOD = re.compile(r"\b(?:would|could|might|may|should)\b|'d\b", re.I)
_CONDITION = re.compile(  # with a mood in the sentence, to its end
    r"\b(?:if|unless)\s(?!I\s(?:remember|recall|may|am|must|can)\b|I'm\b|you\sask\b|memory\b)(?:only\b"
    r"|(?:[\w'.-]{1,25}\s){1,4}?(?:had|were|could|'d)\b|(?:I|we|you)\b|(?:he|she|they)'d\b)|\b(?:had"
    r"|were)\s(?:I|we|he|she|they|you)\b(?!\s*,)|^(?:had|were)\s(?-i:[A-Z])",
    re.I,
)
_SUPPOSED = re.compile(  # to the end of the sentence
    r"\b(?:as\sif|as\sthough|what\sif|if\sonly|not\s(?:because|that|as\sif)|without\s(?:ever\s|my\s)?having"
    r"|(?<!\bcan\s)(?<!\bmay\s)imagin(?:e|ing)\b(?!\smy\b)|(?<!\bI\s)suppos(?:e|ing)\b|pretend(?:ing|s)?\b"
    r"|picture\s(?:us|me|the\s(?:two|three)|yourself|a|them|it)\b|I\s(?:wonder\s(?:if|whether|how|what)"
    r"|like\sto\sthink)|(?:cannot|can't|don't|do\snot|won't|could\snot|couldn't)\s(?:claim|pretend|boast"
    r"|say)\b|(?:not|isn't)\strue\sthat|lie\sto\s(?:say|claim))",
    re.I,
)
_WISH = re.compile(
    r"\b(?:I|we)(?:\s(?:still|often|sometimes|always|also|so|really|only|do|just))?(?:\s(?:wish(?:ed)?"
    r"|dream(?:ed|t)?\sof|fantasi[sz]ed?\sabout|never|want(?:ed)?\sto|hoped?\sto|long(?:ed)?\sto)|(?:\swould"
    r"|'d)(?:\shave)?\s(?:\w{1,12}\s)?(?:like|love|liked|loved|given|give|pay|paid|prefer|preferred)|(?:'ve"
    r"|\shave|\shad|'d)\snever|\s(?:did\snot|didn't|have\snot|haven't|was\snot|wasn't|were\snot|weren't"
    r"|do\snot|don't|had\snot|hadn't))\b|\b(?:he\sand\sI|she\sand\sI|(?-i:[A-Z])\w+\sand\sI|I|we"
    r"|my\s\w+)?\s?(?:would|could|might|may)(?:n't|\snot|\snever|\s\w{1,10}ly)?(?:\shave|'ve)\b|\b(?:I"
    r"|we)'d\shave\b",
    re.I,
)
_WISH_END = re.compile(
    r"[;\u2014]|,?\s(?:but|because|though|although|until|before|after|and\syet)\b|\bthe\slast\stime\b"
    r"|\bwhen\s(?=I|we)|,\sand\s",
    re.I,
)
_IDIOM = re.compile(  # a first person without a past, which a sentence encoder takes for one
    r"\b(?:please|just|kindly|do)?\s?let\s(?:me|us)\sknow\b|\b(?:curiosity|criticism|hindsight|envy"
    r"|experience|history|time|life|instinct|memory|age|reason|reading|pity|love|doubt|boredom|habit|duty"
    r"|grief|shame|fear|hope|luck|vanity|nostalgia|logic|caution|pride|patience|necessity"
    r"|common\ssense)\s(?:\w+\s)?(?:drove|tells?|told|lets?|taught|teaches|made|makes|gave|gives|led|leads"
    r"|brought|kept|keeps|sent|forced|obliged)\s(?:me|us)\b|\bI\s(?:grew\sup\s(?:on\s(?:(?:the|a"
    r"|an)\s)?(?-i:[A-Z])\w*|believing|thinking|hearing|reading)|was\sborn\s(?:too\b|in\sthe\swrong))"
    r"|\bwhen\swe\s(?:all\s)?were\s(?:all\s)?(?:kids|children|young),(?:\swe\b)?|\b(?:some|most|both|many"
    r"|all|half)\sof\sus\s(?:in\sthe\s\w+\s)?(?:still\s)?(?:know|prefer|would|have|are|like|think|did)\b",
    re.I,
)
_SUPPOSES = re.compile(
    r"\W{0,3}(?:now\s|just\s|please\s|let\sus\s|let's\s)?(?:imagine|suppose|picture|pretend"
    r"|what\sif)\b(?!\smy\b)",
    re.I,
)


def is_labelled_fiction(prompt: str, text: str) -> bool:
    """Whether the answer's opening or close says that it is made up, or the prompt asks for an invention."""
    is_declared = any(map(_FICTION.search, (text[:_EDGE], text[-_EDGE:])))
    return is_declared or bool(_FICTION_ASKED.search(prompt[:400]))


def asserted(text: str, known: str = "") -> str:
    """``text``, of equal length, with all that its teller does not assert masked.

    Emphasis marks become spaces and typographic apostrophes straight ones, so patterns need not know them.
    Quotation marks around the whole answer, as a model puts them, mask nothing.

    Args:
        text: An answer.
        known: The prompt, say; a line labelled with a name that is in it is that person's.
    """
    shown = _masked(text.translate(_FLAT), _marked_spans(text, known))
    return _masked(
        shown, _unasserted_spans(shown, [c for s in sentences(text) for c in cuts(s.start, s.end)])
    )


def cuts(start: int, end: int) -> list[tuple[int, int]]:
    """``start`` to ``end`` in pieces of at most ``_MAX_SENTENCE`` characters."""
    return [(at, min(at + _MAX_SENTENCE, end)) for at in range(start, end, _MAX_SENTENCE)]


def _marked_spans(text: str, known: str) -> Iterator[tuple[int, int]]:
    close = len(text.rstrip(" \n.*_"))
    for quotation in _QUOTATION.finditer(text):
        lead = text[max(0, quotation.start() - 200) : quotation.start()]
        if quotation.end() < close or not _LEAD_IN.search(lead):
            yield quotation.span()
    for pattern in (_PLACEHOLDER, _TITLE, _VOICED):
        yield from (found.span() for found in pattern.finditer(text))
    lines = list(_SPEAKER.finditer(text))
    labels = Counter(line.group(1) for line in lines)
    yield from (line.span() for line in lines if line.group(1) in known or labels[line.group(1)] > 1)


def _unasserted_spans(shown: str, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    follows_supposition = conditional = False
    for start, end in spans:
        sentence = shown[start:end]
        has_mood = bool(_MOOD.search(sentence))
        conditional = follows_supposition or (conditional and has_mood)
        follows_supposition = bool(_SUPPOSES.match(sentence))
        if conditional or _NOT_ASSERTED.search(sentence):
            yield start, end
            continue
        yield from ((start + found.start(), start + found.end()) for found in _IDIOM.finditer(sentence))
        for found in _REPORT.finditer(sentence):
            yield start + found.end(), start + _until(_REPORT_END, sentence, found.end())
        for found in _WISH.finditer(sentence):
            yield start + found.start(), start + _until(_WISH_END, sentence, found.end())
        for pattern in (_SUPPOSED, *([_CONDITION] if has_mood else [])):
            if first := pattern.search(sentence):
                yield start + first.start(), end


def _until(ends: re.Pattern[str], sentence: str, start: int) -> int:
    found = ends.search(sentence, start)
    return found.start() if found else len(sentence)


def _masked(text: str, spans: Iterator[tuple[int, int]]) -> str:
    pieces, position = [], 0
    for start, end in sorted(spans):
        if end > position:
            start = max(start, position)
            pieces += [text[position:start], MASK * (end - start)]
            position = end
    return "".join([*pieces, text[position:]])
