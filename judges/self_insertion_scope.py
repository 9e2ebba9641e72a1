"""Reported speech, hypotheticals and negations: sentences that assert nothing of the writer's life."""

import re
from collections.abc import Sequence

from judges.segments import Span

_SAY = (
    r"(?:said|says|saying|say|wrote|writes|writing|claimed|claims|argued|argues|insisted"
    r"|insists|recalled|recalls"
    r"|explained|explains|admitted|admits|confessed|complained|joked|noted|replied|answered"
    r"|added|promised|swore"
    r"|declared|announced|maintained|suggested|suggests|concluded|remarked|protested|boasted"
    r"|lamented|whispered"
    r"|shouted|reports|reported|hinted|stated|conceded|recounted|recounts)"
)
_THINK = (
    r"(?:believed|believes|thought|thinks|feared|hoped|knew|felt|remembered|remembers|imagined"
    r"|observed|assumed"
    r"|decided|agreed|pretended|denied|denies|suspected|dreamed|dreamt)"
)
_TELL = r"(?:told|tells|telling|assured|informed|reminded|convinced|warned|persuaded)"
_ADDRESSEE = (
    r"(?:him|her|me|us|them|(?:his|her|their|a|an|the|my|any|every)\s\w{1,25}(?:\s(?!and\b|or\b|but\b)\w{1,25})?"
    r"|(?-i:[A-Z])\w{1,25}(?:\s(?-i:[A-Z])\w{1,25})?)"
)
_ASIDE = r"(?:\s(?:later|once|often|also|afterwards|always|to|in|from)(?:\s[\w']{1,25}){0,3})?"
_CLAUSE_SUBJECT = r"(?=\s(?:we|I|it|there|both|neither|all\sof|he|she|they|the\s(?:two|three|four|pair))\b)"
_REPORTING = re.compile(
    rf"\b(?:(?:{_SAY}|{_THINK}){_ASIDE},?\sthat\b|{_TELL}\s{_ADDRESSEE}{_ASIDE},?\sthat\b"
    rf"|{_SAY}{_CLAUSE_SUBJECT}|{_TELL}\s{_ADDRESSEE}{_CLAUSE_SUBJECT}"
    rf"|{_SAY}(?:\s(?:later|once))?[,:]\s(?-i:(?=[A-Z]))"
    r"|(?<!my\s)(?<!our\s)(?:claim|belief|idea|notion|rumou?r|complaint|insistence|conviction"
    r"|hope|fear|promise|suggestion"
    r"|warning|confession|verdict|view|hypothesis|assumption|myth|legend|thesis)\sthat\b)",
    re.I,
)
_FIRST_PERSON_BEFORE = re.compile(r"\b(?:I|we)(?:'ve|'d)?(?:\s\w{1,15}){0,2}\s$", re.I)
_ATTRIBUTED = re.compile(
    rf",\s(?:he|she|they|(?-i:[A-Z])\w{{1,25}})(?:\s\w{{1,15}})?\s(?:{_SAY}|put it)"
    r"(?:\s(?:later|once|afterwards|in\s[^,.;]{1,40}))?(?=[,.;:!?]|$)|\baccording\sto\s(?!my\b|our\b)",
    re.I,
)
_REPORT_ENDS = re.compile(
    r"[;\u2014]|,?\s(?:and|but|so|yet|while|though|although|because|since|when)\s(?:I|my|me)\b"
    r"|,\swhich\b",
    re.I,
)

_MOOD = re.compile(r"\b(?:would|could|might|may|should)\b|'d\b", re.I)
_COUNTERFACTUAL = re.compile(
    r"\b(?:if|unless)\s(?!I\s(?:remember|recall|may|am|must|can)\b|I'm\b|you\sask\b"
    r"|you\shad\stold\s(?:me|us)\b|memory\b)"
    r"(?:only\b|(?:[\w'.-]{1,25}\s){1,4}?(?:had|were|could|'d)\b|(?:I|we|you)\b|(?:he|she|they)'d\b)",
    re.I,
)
_INVERTED = re.compile(r"\b(?:had|were)\s(?:I|we|he|she|they|you)\b(?!\s*,)|^(?:had|were)\s(?-i:[A-Z])", re.I)
_ALWAYS_FORWARD = re.compile(
    r"\b(?:as\sif|as\sthough|what\sif|if\sonly|not\s(?:because|that|as\sif)|without\s(?:ever\s|my\s)?having"
    r"|imagin(?:e|ing)\b(?!\smy\b)|suppos(?:e|ing)\b|pretend(?:ing|s)?\b|picture\s(?:us|me"
    r"|the\s(?:two|three)|yourself|a|them)\b"
    r"|I\swonder\s(?:if|whether|how|what)|(?:cannot|can't|don't|do\snot|won't|could\snot"
    r"|couldn't)\s(?:claim|pretend|boast|say)\b"
    r"|(?:not|isn't)\strue\sthat|lie\sto\s(?:say|claim))",
    re.I,
)
_I_SUPPOSE = re.compile(r"\b(?:I|you\scan|you\smay|as\syou)\s$", re.I)
_WISH = re.compile(
    r"\b(?:I|we)(?:\s(?:still|often|sometimes|always|also|so|really|only|do|just))?(?:"
    r"\s(?:wish|wished|dream\sof|dreamed\sof|dreamt\sof|fantasi[sz]ed?\sabout|never"
    r"|want(?:ed)?\sto|hoped?\sto|long(?:ed)?\sto|should\slike)"
    r"|(?:\swould|'d)(?:\shave)?\s(?:\w{1,12}\s)?(?:like|love|liked|loved|given|give|pay|paid"
    r"|prefer|preferred)|'ve\snever|(?:\shave|\shad|'d)\snever"
    r"|\s(?:did\snot|didn't|have\snot|haven't|was\snot|wasn't|were\snot|weren't|do\snot|don't"
    r"|had\snot|hadn't))\b",
    re.I,
)
_WISH_ENDS = re.compile(
    r"[;\u2014]|,?\s(?:but|because|though|although|until|before|after|and\syet)\b"
    r"|\bthe\slast\stime\b|\bwhen\s(?=I|we)|,\sand\s",
    re.I,
)
_MODAL_PERFECT = re.compile(
    r"\b(?:would|could|might|may)(?:n't|\snot|\snever|\s\w{1,10}ly)?(?:\shave|'ve)\b|'d\shave\b", re.I
)
_CLAUSE_START = re.compile(
    r"[,;:\u2014]|\b(?:when|who|that|which|because|and\sI|where|he|she|they|it)\b", re.I
)
_OTHER_SUBJECT = re.compile(r"(?:he|she|it|they|who|which|that|you)\s?$", re.I)
_NOBODYS_CLAIM = re.compile(
    r"\b(?:as\san?\s(?:AI|artificial|(?:large\s)?language\smodel)|I(?:'m|\sam)\s(?:just\s"
    r"|only\s)?an?\s(?:AI|artificial|(?:large\s)?language\smodel)"
    r"|(?:dreamt|dreamed|dreams?)\sthat|in\s(?:my|a)\s(?:dream|imagination|daydream))\b"
    r"|^(?:would|could|might)\b[^\n]{1,400}\?",
    re.I,
)
_SUPPOSES = re.compile(
    r"^\W{0,3}(?:now\s|just\s|please\s|let\sus\s|let's\s)?(?:imagine|suppose|picture|pretend"
    r"|what\sif)\b(?!\smy\b)",
    re.I,
)


def supposed(words: str, sentences: Sequence[Span]) -> frozenset[int]:
    """Indices of sentences that an earlier supposition governs.

    "Imagine a dinner." also governs the next sentence of its paragraph, and those
    after it while they stay in the conditional.
    """
    governed = set()
    after_supposition = conditional = False
    for i, (start, end) in enumerate(sentences):
        sentence = words[start:end]
        if after_supposition or (conditional and _MOOD.search(sentence)):
            governed.add(i)
            conditional = True
        else:
            conditional = False
        after_supposition = bool(_SUPPOSES.match(sentence))
        if sentence.endswith("\n\n"):
            after_supposition = conditional = False
    return frozenset(governed)


def unasserted_spans(sentence: str) -> list[Span]:
    """Stretches of one sentence that are a report, a hypothetical, a wish, a denial or a disclaimer."""
    n = len(sentence)
    if _NOBODYS_CLAIM.search(sentence) or _ATTRIBUTED.search(sentence):
        return [(0, n)]
    spans: list[Span] = []
    for match in _REPORTING.finditer(sentence):
        if not _FIRST_PERSON_BEFORE.search(sentence[: match.start()][-50:]):
            spans.append((match.end(), _until(_REPORT_ENDS, sentence, match.end())))
    if _MOOD.search(sentence):
        spans += [(m.start(), n) for p in (_COUNTERFACTUAL, _INVERTED) for m in p.finditer(sentence)]
    for match in _ALWAYS_FORWARD.finditer(sentence):
        if not _I_SUPPOSE.search(sentence[: match.start()][-12:]) or match.group().lower() == "imagine":
            spans.append((match.start(), n))
    spans += [(m.start(), _until(_WISH_ENDS, sentence, m.end())) for m in _WISH.finditer(sentence)]
    spans += [
        (_clause_start(sentence, m.start()), _until(_WISH_ENDS, sentence, m.end()))
        for m in _MODAL_PERFECT.finditer(sentence)
    ]
    return spans


def _until(ends: re.Pattern[str], sentence: str, start: int) -> int:
    match = ends.search(sentence, start)
    return match.start() if match else len(sentence)


def _clause_start(sentence: str, modal: int) -> int:
    """Where the clause of a modal begins: 'Hannah and I | might have', but 'I met her, who | might have'."""
    before = sentence[max(0, modal - 80) : modal]
    if _OTHER_SUBJECT.search(before):
        return modal
    last = 0
    for match in _CLAUSE_START.finditer(before):
        last = match.end()
    return modal - len(before) + last
