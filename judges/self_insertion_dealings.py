"""Patterns of `self_insertion` for dealings with the subjects, and places among them."""

from judges import self_insertion_words as w
from judges.self_insertion_words import Rule, rule


def dealings(subjects: tuple[str, ...]) -> list[Rule]:
    """Rules for what passed between the writer and the subjects, and for circles joined or witnessed."""
    return [*_dealings(subjects), *_memberships(subjects)]


def _memberships(subjects: tuple[str, ...]) -> list[Rule]:
    the = rf"(?:the|their|his|her|that|our|this|an?|{w.CAP}(?:\s{w.CAP})?'s)"
    place = rf"(?:[\w-]{{1,18}}\s){{0,3}}?{w.PLACE}\b"
    we = (
        r"\b(?:I|we)(?:'d|'ve)?\s(?:(?:also|had|have|was|were|once|later|myself|briefly|eventually"
        r"|finally|then|too|first|both)\s){0,3}"
    )
    rules = [
        rule(
            "membership",
            rf"\b(?:I|we)\s(?:was|were|am|became|had\sbeen|have\sbeen)\s(?:\w{{1,10}}\s)?(?:a\s"
            rf"|an\s|the\s|one\s)?(?:\w{{3,12}}\s)?(?:part|members?|one|founder"
            rf"|co-founder)\sof\s{the}\s{place}",
            unless=r"\bwhole\b|\bhuman\b",
            needs="part member members one founder cofounder",
        ),
        rule(
            "membership",
            rf"{we}(?:joined|belonged\sto|co-?founded|helped\s(?:to\s)?found"
            r"|helped\s(?:to\s)?(?:build|start|run)|led|worked\s(?:at|for|in|on)|taught\s(?:at"
            r"|in)|studied\sat|trained\sat|served\s(?:on|in)|quit|left"
            rf"|was\shired\sby)\s{the}\s{place}",
        ),
        rule(
            "membership",
            rf"{we}(?:taught|studied|worked|trained|lectured|served|enrolled"
            rf"|graduated)\s(?:\w{{2,15}}\s)?(?:at|from|for|in)\s(?:the\s)?(?-i:[A-Z])\w+",
        ),
        rule(
            "membership",
            r"\b(?:I|we)\s(?:was|were|happened\sto\sbe|stood|sat|had\sbeen)\s(?:also\s|sitting\s"
            r"|standing\s|waiting\s|working\s|hiding\s|listening\s|eating\s|actually\s|both\s"
            r"|all\s|only\s|already\s)?(?:in|at|on|around)\s(?:the|their|his|her|that"
            rf"|{w.CAP}'s)\s(?:very\s|same\s|next\s|back\s|front\s"
            rf"|back\sof\sthe\s)?(?:\w{{1,12}}\s)?(?:{w.PLACE}|table|funeral|wedding|bedside"
            r"|dinner|lecture|next\sroom|doorway|train|stairs|platform)\b",
        ),
        rule(
            "membership",
            r"\b(?:I|we)\s(?:attended|sat\sin\son|audited|crashed"
            rf"|took)\s(?:\w{{1,10}}\sof\s)?(?:his|her|their"
            rf"|{w.CAP}(?:\s{w.CAP})?'s)\s(?:\w{{1,12}}\s){{0,2}}(?:lectures?|funeral|wedding"
            r"|seminars?|class(?:es)?|course|parties|party|salon|talks?|readings?|trial"
            r"|rehearsals?)\b",
            needs="attended sat audited crashed took",
        ),
        rule(
            "witness",
            r"\bI\swas\s(?:also\s|still\s|actually\s)?(?:there|present)\s(?:when|that|at|in|on|the"
            r"|too|myself)\b|\bI\switnessed\s(?:it|this|their|his|her"
            r"|the)\b(?=[^.]{0,60}\b(?:first-?hand|myself|quarrel|argument|meeting|moment|day"
            r"|night)\b)",
            needs="there present witnessed",
        ),
        rule(
            "witness",
            r"\bI\s(?:saw|watched|heard|experienced)\s(?:it|this|them|him|her"
            r"|that)\s(?:\w{1,15}\s){0,4}?(?:first-?hand|with\smy\sown|happen|for\smyself)\b",
            needs="firsthand first own happen myself",
        ),
    ]
    if subjects:
        rules.append(
            rule(
                "witness",
                r"\bI\swas\s(?:there|in\sthe\sroom|present)(?=\s?[,.;!\u2014]|$)",
                needs="there present room",
            )
        )
    return rules


def _dealings(subjects: tuple[str, ...]) -> list[Rule]:
    """What a subject did to the writer, and the writer to a subject, in the past and in the flesh."""
    if not subjects:
        return []
    s, person = w.subject(subjects), w.person(subjects)
    who = rf"\b(?:he|she|{s})(?:\s(?:himself|herself))?"
    often = (
        r"(?:(?:once|later|then|also|often|even|never|always|first|finally|\w{3,12}ly|had|still"
        r"|twice|only|just|sometimes|again)\s){0,3}"
    )
    thing = (
        r"(?:(?:own|old|new|first|last|best|left|right|only|little"
        rf"|{w.TO_WHOM_ADJECTIVE})\s)?{w.POSSESSION}\b"
    )
    irregular = (
        r"(?:shook|caught|saw|found|bought|fed|beat|paid|rang|woke|threw|got|brought|forgot|sold"
        r"|hid|held|drew|drove|came\sto\s(?:see\s|visit\s)?|sat\s(?:with|beside|next\sto|on|in)"
        r"|stood\s(?:beside|behind|with|in|at)|slept\s(?:on|in)|broke|stole|tore|lost|wore|knew"
        r"|ate)"
    )
    past = rf"(?:(?!{w.EFFECT})\w{{2,14}}ed(?:\s(?:to|at|with|for|from|on|in|into|up|past|out))?|{irregular})"
    return [
        rule(
            "dealing",
            rf"{who}\s{often}{past}\s(?:me\b|my\s{w.KIN}\b|(?:my|our)\s{thing})",
            unless=w.READING
            + (
                r"|^.{0,40}\bas\s(?:a\s|an\s)?(?:\w+ly\s)?(?:wrong|right|bleak|funny|cruel|mad|naive"
                r"|cold|odd|strange|brilliant)\b"
            ),
            needs="me my our",
        ),
        rule(
            "dealing",
            rf"{who}\s(?:would|used\sto)\s(?:\w{{2,10}}\s)?(?:come|stop|drop|turn|wander|borrow"
            r"|steal|bring|sit|knock|walk|climb|drink|eat|sleep|correct|edit|drive"
            rf"|stay)\s(?:\w{{1,6}}\s){{0,3}}?(?:my|our|me|us)\b",
            needs="would used",
        ),
        rule(
            "dealing",
            rf"{who}\s{often}(?:thanked|hosted|fed|housed|hired|employed|drove|scolded"
            r"|photographed|paid|corrected|introduced|ignored|greeted)\sus\b(?!\sto\s(?:the|a)\b)",
            needs="us",
        ),
        rule(
            "dealing",
            rf"{who}\s(?:was|were|had\sbeen)\s(?:\w{{2,12}}\s){{0,2}}(?:kind|rude|polite|cruel"
            r"|good|generous|cold|courteous|patient|civil|gentle|unkind|like\sa\s\w+)\sto\s(?:me"
            rf"|us)\b|{who}\s(?:was|became)\s(?:always\s|once\s|also\s)?(?:our"
            rf"|my)\s(?:\w{{2,12}}\s)?(?:guest|lodger|tenant|host|leader|captain|editor"
            r"|hero\sat\sschool|companion\son\sthe|doctor|teacher\sat|student)\b",
            needs="was were been became",
        ),
        rule(
            "dealing",
            rf"{w.I_DID}(?:used\sto\s)?(?:carry|carried|type|typed|edit|edited|h[eo]ld|borrow(?:ed)?"
            r"|lent|lend|wash(?:ed)?|fetch(?:ed)?|proofread|pack(?:ed)?|iron(?:ed)?|mend(?:ed)?"
            r"|fix(?:ed)?|water(?:ed)?|sort(?:ed)?|file[d]?|clean(?:ed)?|copied|catalogue[d]?"
            r"|kept|shared|rented|took\sdown|deliver(?:ed)?|drove|cooked|took\sover|inherited"
            rf"|transcribe[d]?|developed)\s(?:\w{{2,10}}\s(?:of\s)?){{0,2}}?(?:his|her|their"
            rf"|{s}'s)\s(?!(?:\w+\s)?(?:view|idea|belief|opinion|argument|point|theory|doubts?"
            r"|distaste|suspicion|love|hatred|faith|fear|contempt|conviction|hope|distrust"
            r"|taste)s?\b)",
            unless=r"\b(?:wikipedia|read(?:ing)?|shelf|paperback)\b",
        ),
        rule(
            "dealing",
            rf"{w.I_DID}(?:used\sto\s)?(?:lend|lent|hand|handed|sent|bought|sold|poured|brought|passed"
            r"|showed|paid|told|warned|helped|fed|rang|advised|hugged|cooked\s(?:\w+\s)?for"
            r"|typed\s(?:\w+\s)?for|nodded\s(?:to|at)|beat|nursed|taught|drove|posed\sfor"
            r"|sat\sfor|apologi[sz]ed\sto|dropped|overheard|caught|followed|joined|comforted"
            r"|assured|congratulated|begged|thanked|buried|helped|found|left|lost|proposed\sto"
            rf"|loved|divorced)\s{person}(?=\s(?:a|an|the|my|his|her|that|to|home|in|at|on|with"
            r"|asleep|once|out|some|money|off|up|down|into|from|for|through|across)\b|[.,;])",
            unless=w.READING + r"|\b(?:shelf|wanting|tedious|dull|hard|boring|to\sbe|second\schance)\b",
        ),
        rule(
            "dealing",
            r"\b(?:I|we)\s(?:had|kept|rented|took|held|occupied)\s(?:a|an|the"
            rf"|my)\s(?:\w{{2,10}}\s)?(?:desk|room|office|flat|seat|bunk|bench|cottage|bed|locker"
            rf"|house|studio)\s(?:[\w-]{{1,10}}\s){{0,4}}?(?:from|behind|beside|below|above"
            rf"|opposite|near|to|with|in)\s(?:his|hers|theirs|him|her|them|{s})\b",
            needs="had kept rented took held occupied",
        ),
        rule(
            "dealing",
            r"\b(?:seminars?|class|course|lessons?|trip|walk|meeting|conversation|dinner|argument"
            r"|summer|winter|year|days?|week|talk|exchange|months?|time)s?\s(?:that\s)?(?:I"
            r"|we)\s(?:once\s|had\s|ever\s)?(?:took|had|spent|shared|did|taught|made"
            rf"|ran)\s(?:with|under|beside)\s{person}",
            unless=w.READING,
            needs="with under beside",
        ),
        rule(
            "dealing",
            r"\b(?:I|we)\s(?:was|were)\s(?:also\s|then\s)?(?:among|one\sof)\s(?:the|those|his|her"
            rf"|their)\s(?:\w{{2,10}}\s(?:of\s)?){{0,3}}?(?:students?|pupils|guests|friends|people"
            r"|colleagues|ones|mourners|few|visitors|listeners|children|assistants|those|men"
            r"|women|scientists|physicists|first)\b|\bhaving\sbeen\s(?:a\s|an\s|one\sof\s)?(?:his"
            rf"|her|their|{s}'s|student|pupil|colleague|friend|member)\b(?=[^.!?]{{0,100}}\b(?:I"
            rf"|my)\b)|\b(?:I|I'm|my)\b[^.!?;]{{0,40}}\bhaving\sbeen\s(?:his|her|their|{s}'s)\b",
            needs="among one having",
        ),
        rule(
            "dealing",
            r"\b(?:I|we)(?:'d|'ve)?\s(?:(?:once|often|also|had|always|later|used\sto"
            rf"|would)\s){{0,2}}(?:ran|run|rode|ride|swam|swim|sang|climbed|marched|camped|fished"
            r"|hiked|ate|drank|smoked|laughed|wept|sailed|flew|worked|sat|slept|stood|waited"
            r"|queued|painted|performed|recorded|rehearsed|lived|boarded|lodged|published|cooked"
            r"|shopped|prayed|gardened|skied|cycled|drove|campaigned"
            rf"|voted)\s(?:[\w-]{{2,12}}\s){{0,3}}?(?:with|beside|alongside|behind|below|above"
            rf"|next\sdoor\sto|next\sto|opposite|under)\s{person}",
            unless=w.READING,
            needs="with beside alongside behind below above next opposite under",
        ),
        rule(
            "dealing",
            r"\b(?:I|we)(?:'ve|\shave"
            rf"|\shad)?\s(?:\w{{2,10}}\s)?spent\s(?:[\w-]{{1,12}}\s){{1,5}}?with\s{person}"
            rf"|\bhaving\sspent\s(?:[\w-]{{1,12}}\s){{1,5}}?with\s{person}",
            unless=w.READING,
            needs="spent",
        ),
        rule(
            "dealing",
            rf"\b(?:I|we)\s(?:once\s|often\s)?helped\s(?:{person})\s(?!understand|see\b|sell"
            r"|become|make\b|think)\w+|\bit\swas\s(?:once\s|always\s)?my\s(?:job|duty|task|turn"
            rf"|privilege|lot)\sto\s\w{{2,12}}\s(?:{person}|{s}'s|his|her|their)\b"
            rf"|\b{who}\s(?:gave|handed|lent|sent|passed|sold|dedicated"
            rf"|left)\s(?:[\w-]{{1,12}}\s){{1,4}}to\s(?:me|us)\b",
            needs="helped job duty task turn privilege lot to",
        ),
        rule(
            "dealing",
            rf"\bI\s(?:once\s|also\s|often\s)?(?:copied|cooked|typed|translated|interpreted|posed|worked|cleaned|drove|shopped"
            r"|ironed|carried|mended|sewed|took\snotes|kept\shouse|played|sang|danced|babysat)\s(?:[\w-]{1,12}\s){0,3}?for"
            rf"\s{person}",
            unless=w.READING,
        ),
        rule(
            "x_and_I",
            rf"\bI,\s(?:along|together)\swith\s{person}|(?:^|[;,\u2014]\s)(?:together"
            rf"|along)\swith\s{person}(?:\sand\s{w.CAP})?,?\s(?:I|we)\b(?!{w.STANCE})|\b(?:we"
            rf"|us),\s(?:his|her|their|{s}'s)\s(?:\w{{2,12}}\s)?(?:students|pupils|friends"
            r"|assistants|colleagues|neighbou?rs|children|nephews|nieces|cousins)\b",
            needs="with we us",
        ),
        rule(
            "role",
            r"\bas\sone\sof\sthe\s(?:[\w-]{2,18}\s){1,4}?(?:who|that|on|at|in|to"
            r"|there)\b(?=[^.!?;]{0,100}\b(?:I|my)\b)",
        ),
        rule(
            "x_and_I",
            r"(?:^|[,;\u2014]\s|\b(?:when|that|because|while|where|but|and|then|so|since|after"
            rf"|before)\s)(?!I\b){w.CAP}(?:,\s{w.CAP}){{0,3}},?\sand\sI\s(?:were|had|used\sto|met"
            r"|sat|went|spent|ate|drank|wrote|fought|first|once|shared|became|stood|ran|built"
            rf"|took|\w{{3,12}}ed)\b",
            unless=r"^\W*\w+,\sand\sI",
            sentence_unless=r"\bdisagreed\b",
        ),
        rule("x_and_I", rf"(?:^|[,;:\u2014]\s){w.CAP},\s(?:{w.CAP},?\s){{0,2}}and\s(?:me|myself)\b"),
    ]
