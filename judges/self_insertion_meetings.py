"""Patterns of `self_insertion` for persons met, and for words said or written to the writer."""

from judges import self_insertion_words as w
from judges.self_insertion_words import Rule, rule


def meetings(subjects: tuple[str, ...]) -> list[Rule]:
    """Rules for claimed meetings, acquaintance, privilege of working with, and 'he told me'."""
    person, anyone = w.person(subjects), w.CAP + r"(?!\w|'s\b)"
    teller = (
        rf"(?:he|she|{w.subject(subjects)}|Dr\.?\s{w.CAP}|Professor\s{w.CAP}"
        rf"|(?!{w.NOBODY}\b){w.CAP}(?:\s{w.CAP})?)"
    )
    often = (
        r"(?:(?:once|later|then|also|often|even|never|always|first|finally|\w{3,12}ly|had|would"
        r"|has|himself|herself|himself\sonce|and\s\w{3,12}ed)\s){0,3}"
    )
    deed = (
        r"(?:working|meeting|knowing|work|meet|know|study|studying|collaborate|collaborating"
        r"|interview|interviewing|learn|learning|train|training|attend|attending|join|joining"
        r"|assist|assisting|serve|serving|spend|spending|speak|speaking|call|calling|sit|sitting"
        r"|witness|witnessing|teach|teaching|be|being|host|hosting|dine|dining)"
    )
    return [
        rule(
            "meeting",
            rf"{w.I_DID}(?:also\s)?{w.MEETING}\s(?:both\s|the\s(?:great|late|young|old)\s|old\s"
            rf"|young\s|poor\s|with\s)?{person}",
            unless=w.READING + r"|\bto\sbe\b|\bas\sa\sfootnote",
        ),
        rule(
            "meeting",
            r"\b(?:who|that|it\swas\sI\swho|and|I)\s(?:first\s"
            rf"|once\s)?(?:introduced)\s{person}\sto\s{w.CAP}",
            sentence_unless=r"^(?!.*\bI\s(?:who\s)?(?:first\s|once\s)?introduced)",
            needs="introduced",
        ),
        rule(
            "meeting",
            rf"{w.I_DID}(?:met|befriended|married|dated|had\s(?:dinner|lunch|coffee|tea|supper|drinks"
            rf"|a\sdrink)\swith|dined\swith|shared\sa\s\w{{3,12}}\swith)\s(?!God\b|Death\b"
            rf"|Christ\b){anyone}",
            unless=w.READING,
        ),
        rule(
            "meeting",
            r"\bthe\s(?:last|first|only|next|second)\s(?:time|day|night|evening|summer"
            rf"|afternoon)\s(?:that\s|when\s)?(?:I|we)\s(?:\w{{1,10}}\s)?(?:saw|met|spoke|visited"
            rf"|talked|heard\sfrom|had\s\w+\swith)(?:\s(?:to|with))?\s(?:{person}|each\sother)",
            unless=w.READING,
            needs="time day night evening summer afternoon",
        ),
        rule(
            "meeting",
            r"\bI(?:'ve|\shave|'d|\shad)?\s(?:still\s|only\s|long\s)?(?:know"
            rf"|known)\s(?:both\s)?{person}\s(?:personally|well|for\s|since\s|all\s)|\bI\s(?:saw"
            rf"|watched|heard)\s{person}\s(?:again|once|last|every|twice|across|at\s(?:his|her"
            r"|the)|lecture|speak|teach|coming|leave|cry|weep|limp|walk|pace)",
            unless=w.READING,
            needs="know known saw watched heard",
        ),
        rule(
            "meeting",
            r"\b(?:I|we|I've|I'd|we've)\s(?:(?:have|had|also|have\shad|once|was"
            rf"|personally)\s){{0,3}}(?:the\s|a\s|such\s)?(?:\w{{3,12}}\s)?(?:privilege"
            r"|pleasure|hono[u]?r|chance|opportunity|(?:good\s|great\s)?fortune|luck"
            rf"|joy)\s(?:of|to)\s(?:\w{{1,12}}\s)?{deed}\b(?!\swith\s(?:ideas|the\sidea))"
            rf"|\b(?:I|we)\s(?:was|were|am|have\sbeen|feel)\s(?:\w{{2,12}}\s)?(?:lucky"
            r"|fortunate|privileged|hono[u]?red|blessed)\s(?:enough\s)?(?:to"
            rf"|that)\s(?:have\s)?(?:\w{{2,12}}\s)?(?:met|known|worked|studied|{deed}|count"
            r"|call)\b|\bit\swas\smy\s(?:privilege|hono[u]?r"
            rf"|pleasure)\sto\s(?:\w{{2,12}}\s)?{deed}\b",
            unless=(
                r"^.{0,60}\b(?:read|reading|books?|an?\s(?:reader|opinion"
                r"|part\sof\sthis\sconversation)|here|able|alive)\b"
            ),
            needs=(
                "privilege pleasure honor honour chance opportunity fortune luck joy lucky fortunat"
                "e privileged honored honoured blessed"
            ),
        ),
        rule(
            "told_me",
            rf"\b{teller},?\s{often}{w.TO_ME}\s(?:me|my\s{w.KIN})\b(?!\s(?:nothing|wrong"
            r"|that\sway))",
            unless=w.READING + r"|^.{0,30}\bto\s(?:notice|ask\swhat|consider|wonder|reread)\b",
        ),
        rule(
            "told_me",
            rf"\b{teller},?\s{often}(?:wrote|told|showed|gave|taught|lent|sent|asked|warned|took"
            r"|pulled|called|met|saw)\sme\s(?:over\s(?:dinner|lunch|coffee|tea|drinks|a\s)"
            rf"|in\s(?:person|\d{{4}}|a\sletter)|at\s(?:the|his|her|a)\s|aside|(?:his|her"
            r"|a)\s(?:copy|letter|key|keys|coat|shoes|notebook|drafts?|note|cigarette|drink)"
            r"|by\sthe|one\s(?:day|night|evening)|once\b)",
        ),
        rule(
            "told_me",
            rf"\b{teller}\s(?:would|used\sto)\s(?:\w{{1,12}}\s)?(?:wave|call|invite|tell|ask|pour"
            r"|take|phone|drag|tease|greet|let|send|read|visit|write\sto|summon|remind|bring|walk"
            r"|drive)\s(?:me|us)\b",
        ),
        rule(
            "told_me",
            rf"\b(?:his|her|their|{w.CAP}'s)\s(?:\w{{1,12}}\s){{0,2}}(?:letters?|notes?|postcards?"
            r"|words|advice|gift|questions?|remark|reply|telegram|call|visits?|kindness"
            rf"|confession)\sto\sme\b|\b{w.CAP}'s\s{w.KIN}\s(?:once\s)?(?:told|gave|showed|asked"
            r"|wrote|invited|sent|let)\sme\b",
        ),
        rule(
            "told_me",
            rf"\b{teller}\s{often}(?:told|invited|asked|introduced|drove|cooked\sfor|joined|took"
            r"|showed)\sus\s(?:over\s(?:dinner|lunch|coffee|tea)|to\s(?:dinner|lunch|tea|(?:his"
            r"|her|their)\s(?:house|flat|home|office|room))|home|at\s(?:the|his|her)\s\w+"
            rf"|in\s\d{{4}}|that\s(?:night|evening|day|morning)|one\s(?:night|evening|day))",
        ),
        rule(
            "meeting",
            rf"\bmy\s(?:\w{{2,12}}\s){{0,2}}?(?:meetings?|encounters?|correspondence|friendship"
            r"|conversations?|collaborations?|interviews?|dinners?|lunch(?:es)?|affair|marriage"
            r"|acquaintance|apprenticeship|time|work|visits?|letters?|years|days)\s(?:with|to"
            rf"|under|beside)\s{person}",
            unless=w.READING + r"|\b(?:copy|volume)\b",
            needs="my",
        ),
    ]
