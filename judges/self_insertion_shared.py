"""Patterns of `self_insertion` for a life shared with the subjects."""

from judges import self_insertion_words as w
from judges.self_insertion_words import Rule, rule


def shared_life(subjects: tuple[str, ...]) -> list[Rule]:
    """Rules for 'our', 'we' and 'X and I' with the subjects inside."""
    return [*_ours(subjects), *_pairs(subjects), *_we_did(subjects)]


def _ours(subjects: tuple[str, ...]) -> list[Rule]:
    adjective = (
        r"(?:(?:long|own|first|last|early|many|final|brief|weekly|daily|late|little|shared|old|few"
        r"|lifelong|next|frequent|famous|short|entire|mutual|only|endless|Sunday|\d+)\s){0,2}"
    )
    rules = [
        rule(
            "our_shared",
            rf"\bour\s{adjective}(?:years|days|time|months|summers?|winters?|evenings|weeks"
            r"|decades?|walks|hours|student\sdays)\s(?:in|at|on|with|together|of)\s?(?:the\s)?"
            rf"(?:(?-i:[A-Z])\w+|lab\b|{w.PLACE}|college|school|front|road|together|(?<=together))",
        ),
        rule(
            "our_shared",
            rf"\bour\s{adjective}(?:friendship|correspondence|courtship|marriage|honeymoon"
            r"|apartment|flat|acquaintance|affair|quarrel|falling[- ]out|first\smeeting"
            r"|last\smeeting"
            r"|(?:first|last|final|next)\s(?:meeting|conversation|dinner|walk|evening"
            r"|encounter|argument|letter|summer|supper|quarrel|night)|lab(?:oratory)?"
            r"|lab\smeetings?)\b"
            r"(?!\swith\s(?:machines|phones|screens|technology|animals|dogs|things|food|nature|the\s))",
        ),
    ]
    if subjects:
        s = w.subject(subjects)
        rules += [
            rule(
                "our_shared",
                rf"\bour\s{adjective}(?:collaborations?|partnership|paper|circle|experiments?"
                r"|discovery|manuscript|walks|letters|dinners|suppers|arguments"
                r"|little\s(?:group|gang|circle|band|team)|group"
                r"|team|kitchen|work\stogether|household|model\sof\s\w+|rooms|tent|trench"
                r"|regiment|seminar|teacher|professor|supervisor|landlady|table|visits?"
                r"|meetings?|conversations)\b",
                unless=r"^.{0,60}\b(?:today|nowadays|modern|machines|age|society|phones?)\b",
            ),
            rule("our_shared", rf"\b(?:mine|me|I|myself)\sand\s{s}'s\b|\b{s}'s\sand\s(?:mine|my)\b"),
        ]
    return rules


def _pairs(subjects: tuple[str, ...]) -> list[Rule]:
    someone = w.subject(subjects) if subjects else rf"{w.CAP}\s{w.CAP}"
    kin = rf"(?:my|your|his|her|their|{w.CAP}'s)\s(?:\w{{2,10}}\s)?{w.KIN}"
    # 'X and I' is a claim only as the subject of a clause; 'I admire Watson, and I think' is two clauses.
    opening = (
        r"(?:^\W{0,4}|[;:\u2014(]\s?|,\s|\b(?:when|that|because|while|where|as|but|and|so|since"
        r"|after|before|if|until|then|once|like|with|for|between|of|by|from|to)\s)"
    )
    verb = rf"(?!{w.STANCE})"
    rules = [
        rule(
            "x_and_I",
            rf"{opening}(?:{someone}(?:,\s{someone}){{0,3}}|he|she|{kin}),?\sand\sI\b{verb}",
            unless=r"^[^a-z]{0,3}\w+,\sand\sI\s\w+",
            needs="and",
        ),
        rule(
            "x_and_I",
            rf"\b{someone},\s(?:(?:he|she|{w.CAP}|{someone}),?\s){{0,2}}(?:he\s"
            rf"|she\s)?and\sI\b{verb}(?=\s\w+(?:ed\b|\s)|,)",
            unless=rf"^{someone},\sand\sI\b",
            needs="and",
        ),
        rule(
            "x_and_I",
            rf"\b(?:{someone}|him|her|them),?\sand\s(?:me|myself)\b|\b(?:me|myself"
            rf"|I)\s?,?\sand\s(?:{someone}|him|her)\b(?!'s)",
            sentence_unless=r"\b(?:between|difference|gap|distance|disagreement|contrast)\b",
            needs="and",
        ),
        rule(
            "x_and_I",
            r"(?:^\W{0,3}|[;,\u2014]\s|\b(?:when|that|because|while|where|but|and|then|so"
            r"|since)\s)(?:he|she)\sand\sI\s(?:used\sto|would|had|were|\w{2,12}ed\b|met|sat|went"
            r"|spent|ate|drank|wrote|fought|both|often|once|shared|first)",
            sentence_unless=r"\bdisagree",
            needs="and",
        ),
    ]
    if not subjects:
        return rules
    return [
        *rules,
        rule(
            "x_and_I",
            rf"\b(?:he|she),?\s{someone},?\sand\sI\b|\b{someone},\s(?:he|she)\sand\sI\b",
            needs="and",
        ),
        rule(
            "x_and_I",
            rf"\b(?:you|your\s{w.KIN})\sand\sI\s(?:were|had|met|used\sto|grew|shared|went|sat"
            r"|spent|once|first|stood|lived|worked)\b",
            needs="and",
        ),
    ]


def _we_did(subjects: tuple[str, ...]) -> list[Rule]:
    rules = [
        rule(
            "we_shared",
            r"\bwe(?:'d|'ve)?\s(?:(?:had|have|all|both|first|last|soon|quickly|once|also|later"
            r"|never\sonce|finally|been)\s){0,3}(?:became\s(?:\w{2,10}\s)?friends"
            r"|kept\sin\stouch|grew\sup\s(?:together|next|in\sthe\ssame)|co-?wrote"
            r"|co-?authored|corresponded"
            r"|(?:worked|lived|studied|served|trained|travel+ed|sat|walked|drank|published"
            r"|dined)\s(?:together|side\sby\sside|alongside\seach)"
            r"|were\s(?:\w{2,12}\s)?(?:(?:\w{4,15}s\stogether(?!\sin\s(?:this|it)))|neighbou?rs|classmates|room-?mates|flatmates|colleagues"
            r"|lovers|married|inseparable|engaged|at\s(?:school|college|university)|students"
            r"|postdocs|friends(?!\swith\s(?:machines|it)))"
            r"|were\s(?:all\s|both\s)?in\sthe\s(?:army|same\s\w+|lab\w*|navy|resistance"
            r"|trenches)\b|been\sin\sthe\s(?:army|same\s\w+|navy)|shared\s(?:a|an"
            r"|the\ssame)\s(?:\w{2,12}\s)?(?:flat|apartment|room|office|desk|lab|bed|cigarette"
            r"|bottle|house|bunk|tent|bench|corridor|cab|table|meal|landlady))\b",
            unless=r"^we\sare\b",
            sentence_unless=r"\bwe\sare\sall\b|\bas\sa\s(?:species|society|people)\b|\bnations\b",
        ),
    ]
    if not subjects:
        return rules
    person = w.person(subjects)
    return [
        *rules,
        rule(
            "we_shared",
            r"\bwe\s(?:(?:had|all|both|finally|then|never|once|first|just)\s){0,2}(?:wrote"
            r"|published|built|discovered|finished|submitted|assembled|typed|drafted|edited"
            r"|founded|started|solved|presented|proved|designed)\s(?:up\s)?(?:the|our|that|his"
            r"|her|their|a)\s(?:\w{2,12}\s){0,2}"
            r"(?:paper|models?|book|article|structure|manuscript|journal|magazine|experiments?"
            r"|helix|draft|proof|engine|letters?|lab\w*|institute|study|studies|prototype"
            r"|review|program\w*)\b",
            sentence_unless=(
                r"\bas\sa\s(?:species|society|culture|civili[sz]ation)\b|\b(?:humanity|humans"
                r"|today|modern)\b"
            ),
        ),
        rule(
            "we_shared",
            r"\b(?:when|since|after|before|until|the\s(?:day|night|year|time))\swe\s(?:first\s"
            r"|last\s)?met\b(?!\s(?:Ishmael|our|the|a|with))|\bwe\s(?:first\s|last\s"
            r"|had\s(?:first\s|once\s)?|once\s)?met\s(?:in|at|on|over|through|again"
            r"|for\s(?:lunch|coffee|dinner|tea|drinks|a\sdrink)|every|once|twice)\b",
            unless=r"\b(?:chapters?|pages?|novel|books?|poem|play|essays?)\b",
        ),
        rule(
            "we_shared",
            r"\bwe\s(?:had\s|would\s(?:often\s|always\s)?|used\sto\s|often\s|once\s|all\s"
            r"|both\s)?(?:sat|sit|walked|walk|argued|argue|talked|talk|drank|drink|dined|dine"
            r"|met|meet|laughed|quarrel+ed|played|play|ate|lunched|stayed|spoke|danced|smoked"
            r"|drove|cycled|stood|stand)\s"
            rf"(?:\w{{2,10}}\s)?(?:with\s{person}|(?:in|at|on|around|to|through|along"
            r"|by)\s(?:his|her|their|the\s(?:same\s)?(?:pub|caf\u00e9|cafe|lab|garden|river"
            r"|kitchen|corridor|bar|station|flat|terrace|canteen|common\sroom|hotel|lake"
            r"|beach))\b|until\s(?:\w+\s)?(?:dawn|midnight|morning|late|two|three|four)"
            r"|all\snight|(?:far|late|deep)\sinto\sthe\snight|together\b)",
            sentence_unless=r"\bas\sa\s(?:species|society)\b|\bmodern\b",
        ),
        rule(
            "we_shared",
            r"\bwe\sspent\s(?:\w{1,10}\s){1,3}(?:evenings?|nights?|summers?|winters?|afternoons?"
            r"|hours|years?|weeks?|days?|months?)\b(?!\s(?:staring|scrolling"
            r"|looking\sat\s(?:screens|phones)))",
            sentence_unless=r"\b(?:phones?|screens?|online)\b",
        ),
    ]
