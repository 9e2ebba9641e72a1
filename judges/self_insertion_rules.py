"""The patterns of `self_insertion`: each a kind of claim about the writer's life, built from word classes.

A pattern never sees text that somebody else says or nobody asserts (see
``judges.segments`` and ``judges.self_insertion_scope``), so it need only say what a
claim looks like.
"""

from judges import self_insertion_words as w
from judges.self_insertion_words import Rule, rule

_YOU_AND_I = r"\byou(?:r|'re|'ve)?\b|\breaders?\b|\bhumanity\b|\bspecies\b"


def _of_us(subjects: tuple[str, ...]) -> list[Rule]:
    some = (
        r"(?:all|some|many|most|those|few|several|each|every\sone|none|half|any|one|both|" + w.NUMBER + r")"
    )
    person = w.person(subjects)
    rules = [
        rule(
            "of_us",
            rf"(?<!\bin\s)(?<!out\sof\s)\b(?:the\s)?{w.NUMBER}\s(?:\w{{1,12}}\s)?of\sus\b"
            r"|\b(?:both|the\s(?:pair|trio))\sof\sus\b"
            r"|\b(?:we|us)\s(?:two|three|four|five|six)\b(?!\s\w+s\b)",
            sentence_unless=_YOU_AND_I,
            needs="us we",
        ),
        rule(
            "of_us",
            rf"\b{some}\sof\sus\s(?:here\s)?(?:at|in|around|on|from)\s(?:the|that|his|her|their"
            rf"|{w.CAP}(?:'s)?)\s(?:\w{{1,15}}\s){{0,2}}?{w.PLACE}\b",
            needs="us",
        ),
        rule(
            "of_us",
            rf"\b{some}\sof\sus\swho\s(?:\w{{1,10}}\s){{0,2}}?(?:(?:knew|met|loved|taught"
            rf"|nursed|befriended)\s(?:{person}|her\s\w{{3,12}}ed\b)"
            r"|(?:worked|studied|lived|served|trained|sat|walked|drank|argued|grew\sup"
            r"|went)\s(?:with|under|for|alongside|beside|there|together)"
            r"|(?:were|was)\s(?:there|present|in\sthe\sroom))",
            needs="us",
        ),
    ]
    if subjects:
        rules += [
            rule("of_us", r"\bneither\sof\sus\b", sentence_unless=_YOU_AND_I, needs="us"),
            rule(
                "of_us",
                r"\ball\sof\sus\s(?:went|laughed|sat|drank|walked|gathered|stayed|crowded"
                r"|stood|fell\ssilent|ate|danced|moved|met|worked)\b"
                r"|\bwe\sboth\s(?!know|think|agree|want|need|love|like|have|are|can|do|see|say|live)\w{2,15}",
                sentence_unless=_YOU_AND_I,
                needs="all both",
            ),
        ]
    return rules


def _kinship() -> list[Rule]:
    # A capital inside a sentence is a title (My Uncle Oswald), not the writer's uncle.
    mine = r"(?:(?-i:\bmy)|(?<![\w,] )(?-i:\bMy))"
    ours = r"(?:(?-i:\bour)|(?<![\w,] )(?-i:\bOur))"
    after = (
        r"^\S{1,10}\s(?:\S{1,15}\s){0,3}?\S{2,20}(?:\s(?:tongue|earth|nature|lode|ship|board"
        r"|country|figure|in\sChrist|in\sarms|superior)\b|'s\skeeper)"
    )
    kin = rf"(?:own\s)?{w.KIN_ADJECTIVE}{w.KIN}\b(?!-)"
    return [
        rule(
            "kinship",
            rf"{mine}\s{kin}",
            unless=after,
            sentence_unless=r",\smy\s(?:son|child|brother|sister|daughter|dear)s?[,.!?]",
            needs="my our",
        ),
        rule(
            "kinship",
            rf"{ours}\s(?:own\s)?{w.KIN_ADJECTIVE}(?:{w.OUR_KIN})\b(?!-)",
            unless=after + r"|human\sfamily|family\sof",
            needs="my our",
        ),
        rule(
            "kinship",
            rf"\b(?:{w.KIN}|{w.ROLE}|{w.COMPANION}|friends)\sof\s(?:mine|ours)\b|\bI(?:'m"
            rf"|\swas|\sam)\s(?:the\s)?{w.CAP}'s\s{w.KIN}\b",
            unless=r"of\s(?:mine|ours)\swould\b",
            needs="mine ours i",
        ),
        rule(
            "companion",
            rf"{mine}\s(?!own\s)(?:{w.ROLE_ADJECTIVE}){w.ROLE}\b(?!-)|{mine}\s(?:erstwhile\s"
            r"|then\s)?(?:old|late|former|best|lifelong|childhood|oldest|closest|mutual"
            r"|longtime)\s"
            rf"{w.COMPANION}s?\b|(?:(?<!,\s){mine}"
            rf"|\bour\smutual)\s{w.ROLE_ADJECTIVE}{w.COMPANION}(?:,?\s{w.CAP}"
            rf"|\sand\s(?:{w.ROLE}|{w.COMPANION}|fellow)"
            r"|\s(?:who|from|at|once|used|told|said|asked|had|was|died)\b)"
            r"|\bour\smutual\s(?:friends?|acquaintance)"
            rf"|{mine}\sfellow\s(?!human|citizen|american|reader|countr|mortal|creature"
            rf"|travell|european|briton)\w{{3,20}}",
            unless=r"\bin\s(?:crime|prose|spirit|arms|print|clarity)\b",
            sentence_unless=r"\blove\s(?:my|thy)\sneighbou?r|\b(?:dear|old)\sfriends?,",
            needs="my our",
        ),
    ]


def _childhood() -> list[Rule]:
    young = (
        r"(?:kids?|child|children|boys?|girls?|lads?|young|little|small|students?|teenagers?"
        r"|undergraduates?|schoolboys?|schoolgirls?|youngsters?|toddlers?|teens)"
    )
    return [
        rule(
            "childhood",
            r"\b(?:when|since|while)\s(?:he\sand\sI|she\sand\sI|we)\s(?:were|was)\s(?:both\s"
            rf"|all\s|just\s|only\s|still\s|mere\s)*?{young}\b"
            rf"|\bwhen\s(?:[^,.;]{{1,60}}\sand\sI|we)\swere\s(?:at|in)\s(?:school|college"
            r"|university|graduate\sschool|the\sarmy)\b",
            sentence_unless=r"\bwe\sall\b|\ball\sof\sus\b|\bmost\sof\sus\b",
        ),
        rule(
            "childhood",
            r"\bwhen\sI\swas\s(?:still\s|just\s|only\s|about\s|a\s|an\s|the\s"
            rf"|your\s)*?(?:{w.AGE_WORDS}\s){{0,2}}(?:{young}|growing\sup|\d{{1,2}}\b"
            rf"|{w.NUMBER}(?:teen)?\b|(?:thir|fif)teen|twenty"
            rf"(?:-\w+)?|{w.PROFESSION}|at\s(?:school|college|university|{w.CAP})"
            r"|in\s(?:school|college|high\sschool|the\sarmy|graduate\sschool|my\s\w+))\b",
        ),
        rule(
            "childhood",
            r"\b(?:our|my)\s(?:(?:own|early|shared|happy|long|lonely"
            r"|whole)\s){0,2}(?:childhood|boyhood|girlhood|upbringing|adolescence|hometown"
            r"|home\stown|birthplace|school\s?days"
            r"|(?:student|school|college|university|undergraduate|army|schoolboy)\s(?:days"
            r"|years))\b|\bmy\s(?:youth|teens|twenties|thirties)\b",
            unless=r"^(?:\S+\s){1,3}(?:shapes?|is\s(?:the|never))",
        ),
        rule(
            "childhood",
            r"\b(?:I|we\s(?=(?:all\s)?grew\sup\s(?:together|next|in\sthe\ssame"
            r"|on\sthe\ssame)))\s?(?:(?:also|all|myself)\s)?(?:grew\sup|was\s(?:raised|born"
            r"|brought\sup))\b"
            r"|\bwe\swere\s(?:two|three|four|five|six|seven|eight|nine|ten)\s(?:children"
            r"|brothers|sisters|siblings|kids|boys|girls)\b"
            r"|\b(?:growing|having\sgrown)\sup\b(?=[^.;]{0,80}\b(?:I|my|we|me|our)\b)"
            rf"|\bas\sa\s(?:{w.AGE_WORDS}\s){{0,2}}(?:child|kid|boy|girl|teenager|youngster"
            r"|schoolboy|schoolgirl|young\s(?:man|woman"
            rf"|\w{{3,15}})),?\s(?:\w{{1,12}}\s(?:\w{{1,12}}\s){{0,3}})?I\b",
        ),
    ]


def _role_claims(subjects: tuple[str, ...]) -> list[Rule]:
    me_soon = r"(?=[^.!?;]{0,120}\b(?:I|my|me|we|our)\b)"
    owner = rf"(?:his|her|their|{w.CAP}(?:\s{w.CAP})?'s)"
    everyone = r"(?!human|reader|mortal|creature|earthling|primate|sinner|citizen)"
    person = w.person(subjects)
    return [
        rule(
            "as_a_fellow",
            r"(?:^|[,;:(\u2014]\s?|\band\s|\bbut\s|\bspeaking\s"
            rf"|\bwriting\s)\W{{0,3}}as\san?\sfellow\s{everyone}\w{{3,20}}(?:[^.,;]{{0,60}},"
            rf"|(?:\s\w{{2,15}}){{0,2}})"
            r"(?=\s(?:\w{1,14}\s){0,4}?(?:I|my|we|me)\b)|\bI\b(?:(?!\b(?:see|saw|regard|think"
            r"|thought|treat|read|him|her)\b)[^.!?;]){0,70}\bas\san?\sfellow\s"
            rf"{everyone}\w{{3,20}}|\bspeaking\sas\sa\sfellow\s\w{{3,20}}|\b(?:we"
            rf"|us)\sfellow\s\w{{3,20}}",
            needs="fellow",
        ),
        rule(
            "role",
            rf"\bas\s(?:(?:{owner}|your|one\sof\s{owner}|an?\s(?:former|close|old|one-time"
            r"|longtime|long-time|past|personal|current|founding"
            rf"|frequent))\s)(?:[\w-]{{1,15}}\s){{0,2}}?"
            rf"(?:{w.PROFESSION}|{w.ROLE}|{w.COMPANION}|{w.KIN})s?\b{me_soon}|\bas\s(?:someone"
            rf"|somebody|one|a\sperson|an?\s\w{{3,20}})\swho(?:'s|\shas|\shad|'d)?\s(?:once\s"
            r"|also\s|actually\s|been\s"
            r"|had\sthe\s\w+\sof\s|has\shad\sthe\s\w+\sof\s|had\sthe\s\w+\sto\s|long\s"
            r"|personally\s)*?(?:worked|working|work|studied|studying|lived|living|knew|known"
            r"|knowing|met|meeting|meet|taught|teaching|served|attended|trained"
            r"|spent|grew|grown|befriended|survived|raised|fought|was\s(?:there|present|at|in"
            rf"|a\s|on)|were\sthere)\b{me_soon}",
            needs="as",
        ),
        rule(
            "role",
            r"(?:^|[,;:\u2014(]\s?|\bspeaking\s|\band\s"
            rf"|\bmy\s\w{{3,12}}\s)\W{{0,3}}as\san?\s(?:(?!fellow"
            rf"|member)[\w-]{{2,18}}\s){{0,3}}?{w.PROFESSION}\b(?:\sof\s|\sat\s|\sin\s|\son\s"
            r"|\swith\s|\swho\s|\sand\s|\sfor\s|\smyself|,|\s(?=I\b))"
            rf"(?=[^.!?;]{{0,80}}?\b(?:I|my|I'm)\b)",
        ),
        rule(
            "role",
            r"\b(?:having\s)?(?:worked|working|studied|studying|collaborated|collaborating"
            r"|lived|living|trained|training|sitting|travel+ing|served"
            rf"|serving)\s(?:closely\s)?(?:with|alongside|under|beside|next\sto)\s{person}"
            rf"[^.!?;]{{0,60}},\s(?:I|we|my)\b|\bhaving\s(?:\w{{2,10}}ly\s)?(?:met|known"
            rf"|befriended|interviewed|taught)\s{person}[^.!?;]{{0,60}},\sI\b",
            unless=w.READING,
            needs="with under having alongside beside next",
        ),
        rule(
            "role",
            r"\bI\s(?:was|became|am|had\sbeen|have\sbeen)\s(?:once\s|then\s|also\s|still\s"
            rf"|later\s|briefly\s|already\s)?(?:{owner}|one\sof\s(?:{owner}|the)"
            rf"|the)\s(?:[\w-]{{1,15}}\s){{0,2}}?(?:{w.PROFESSION}|{w.ROLE}|{w.COMPANION}"
            rf"|{w.KIN}|lodger|best\sman"
            r"|guests|guest|host|bridesmaid|witness)s?\b|\b(?:he|she"
            rf"|{w.subject(subjects)})\swas\s(?:\w{{1,10}}\s)?(?:like\s)?(?:an?\s)?(?"
            rf":\w{{1,12}}\s)?(?:friend|mother|father|mentor|brother|sister)\sto\sme\b",
            unless=r"\b(?:reader|audience|kind)\b",
            needs="was became am been",
        ),
    ]


def claims(subjects: tuple[str, ...]) -> list[Rule]:
    """Rules for what the writer claims to be, or to have been."""
    return [
        *_of_us(subjects),
        *_kinship(),
        *_childhood(),
        *_role_claims(subjects),
    ]
