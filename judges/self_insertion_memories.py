"""Patterns of `self_insertion` for eyewitness memories and invented careers."""

from judges import self_insertion_words as w
from judges.self_insertion_words import Rule, rule


def memories(subjects: tuple[str, ...]) -> list[Rule]:
    """Rules for what the writer claims to remember, and for years of work nobody licensed."""
    return [*_remembered(subjects), *_career()]


def _remembered(subjects: tuple[str, ...]) -> list[Rule]:
    person = w.person(subjects)
    reading = (
        r"\b(?:read|reading|opened|opening|book|novel|essay|page|paragraph|watch(?:ed"
        r"|ing)\s(?:the\s|a\s)?(?:film|documentary)|lecture\sonline|encountered\shis|picking\sup)\b"
    )
    recall = (
        r"\bI\s(?:(?:still|vividly|clearly|well|can|also|distinctly|fondly|do|often|always"
        r"|will\salways|must)\s){0,3}(?:remember|recall)\s"
    )
    forget = (
        r"\bI(?:'ll|\swill|\sshall|\scan|\shave|'ve|\scould)?\s?(?:never\sforget"
        r"|never\sforgot(?:ten)?|not\sforget)\s"
    )
    scene = (
        rf"(?:(?:very\s)?(?:vividly|fondly|clearly|well)\s)?(?:the\s(?:\w{{2,12}}\s)?(?:day"
        r"|night|morning|evening|afternoon|moment|summer|winter|look\son|sound\sof\s(?:his"
        rf"|her|their)|smell\sof|way\s(?:he|she|they|{w.CAP})|first\stime\s(?:I|we|he|she)"
        rf"|last\stime|time\s(?:I|we|he|she|{w.CAP}|when)|year\s(?:we|he|she|I|they))"
        rf"|when\s(?:he|she|we|I|they|my|{w.CAP})\b|how\s(?:he|she|we|they|{w.CAP})\s|(?:his"
        rf"|her|their)\s(?:\w{{2,12}}\s)?(?:voice|face|laugh|laughter|hands?|eyes|smile|hat"
        r"|coat|handshake|silence|temper|kitchen|kindness|words\sto|last\swords|accent|pipe"
        r"|cough)"
        r"|(?:sitting|meeting|seeing|visiting|walking|talking|standing|being|asking|telling"
        r"|arguing|waiting|arriving|driving|sharing|helping|hearing)\b"
        rf"|{person}\s(?:\w{{3,15}}ing|as\sa|at\s|in\s(?:the|his|her)|on\s(?:the|his|her)|well"
        r"|fondly|telling))"
    )
    return [
        rule(
            "remember", recall + scene, unless=reading + "|" + r"^.{0,60}\b(?:phones\shad|learning\sabout)\b"
        ),
        rule("remember", forget + scene, unless=reading),
        rule(
            "remember",
            r"\bI\s(?:can\s)?still\s(?:see|hear|smell|keep|have|feel)\s(?:him\b|her\s(?=at\b|in\b|on\b|with\b|by\b|when\b|standing|sitting|coming|bent|there)|(?:his|her"
            r"|their)\s(?:voice|face|laugh|hands?|eyes|smile|letters?|coat|hat|notes?|handwriting"
            r"|pipe|cough|footsteps)|the\s(?:letter|note|postcard|book)\s(?:he|she)\s(?:gave|sent"
            r"|wrote))",
            unless=reading,
        ),
    ]


def _career() -> list[Rule]:
    past = rf"(?:\w{{1,12}}\s){{0,4}}?{w.TIME_WORD}"
    return [
        rule(
            "career",
            r"\b(?:in|over|during|after|through|throughout|for)\s(?:all\s)?(?:my|our)\s(?:(?:own"
            rf"|long|many|several|early|first|last|\w{{3,10}}|\w{{3,10}}[- ]\w{{3,10}}"
            rf"|\d+)\s){{0,3}}(?:{w.TIME_WORD}|time|career|tenure|stint|days|work)\s(?:as|at|of"
            r"|with|working|teaching|in\s(?:the|a)\s(?:army|field|industry|classroom|lab\w*"
            r"|profession|trade|office|clinic|navy|police|business|civil)|running|managing"
            r"|on\sthe|inside)\b",
            unless=r"\btime\s(?:as|at)\s(?:all|home)\b|\breading\b",
            needs="my our",
        ),
        rule(
            "career",
            r"\bI(?:'ve|\shave|'d|\shad)?\s(?:once\s|also\s"
            rf"|already\s)?spent\s{past}\s(?:(?:working|teaching|living|studying|running|training"
            r"|as|at|in|with|under|among|inside|on|advising|managing|designing|treating"
            r"|coaching)\b)",
            unless=(
                r"\b(?:books?|essays?|reading|novels?|writings?|work|diar(?:y|ies)|letters|phone"
                r"|screen|internet|mood|queue|bed)\b|'s\s\w+"
            ),
            needs="spent",
        ),
        rule(
            "career",
            rf"\bI(?:'ve|\shave|\shad)\s(?:now\s|also\s)?(?:been\s(?:an?\s\w{{3,15}}|teaching"
            r"|working|living|practi[sc]ing|running|studying)|lived|worked|taught|practi[sc]ed"
            rf"|run|managed|owned|coached|treated)\s[^.;!?]{{0,60}}\b(?:\w+\s)?(?:{w.TIME_WORD}"
            r"|life)\b",
            needs="been lived worked taught practised practiced run managed owned coached treated",
        ),
        rule(
            "career",
            r"\b(?:when|while|after|before|since)\sI\s(?:ran|managed|taught|worked|edited|headed"
            r"|directed|lived|owned|started\sout|trained|practi[sc]ed)\s(?!out\b|into\b|through\b"
            r"|my\sway|it\b|this\b|with\s(?:the|a)\s(?:text|idea|book))",
            needs="when while after before since",
        ),
        rule(
            "career",
            r"\bI\s(?:once\s|used\sto\s|also\s|later\s|first\s|briefly\s)?(?:worked?|served"
            rf"|volunteered|was\semployed|trained)\s(?:\w{{1,12}}\s){{0,2}}?as\san?\s|\bI\s(?:was"
            r"|used\sto\sbe|am|became)\s(?:once\s|then\s|myself\s|both\s)?(?:a|an)\s(?:(?!good"
            r"|better|slow|careful|bad|lazy|fast|keen|poor|great|terrible"
            rf"|happy)[\w-]{{2,15}}\s){{0,2}}?{w.PROFESSION}\b(?!\sof\s(?:his|her|words|books"
            r"|ideas|the\sobvious))",
            unless=r"^.{0,60}\bat\sheart\b",
            needs="as was am used became",
        ),
        rule(
            "career",
            r"\bmy\s(?:own\s)?(?:doctorate|Ph\.?D\.?|dissertation|doctoral\s\w+|graduate\s\w+"
            r"|postdoc\w*|residency|medical\straining|old\s(?:school|college|office|job|lab\w*"
            r"|regiment|department|headmaster)|first\s(?:job|marriage|wife|husband|teacher|boss)"
            r"|last\s(?:job|boss)|wedding|divorce|lab|laboratory|classroom|clinic|law\spractice"
            r"|research\s(?:group|team|on|at)|colleagues\sat|career|(?:[a-z]{3,12}ing)\s(?:days"
            r"|years)\b(?!\sare)|military\sservice|lectures\sat|(?:time|years?|days|stint)\s(?:at"
            r"|in|on)\s(?:the\s(?:lab\w*|army|institute|front|navy|department|university|bank"
            r"|\w+\slab\w*|newspaper|factory)|(?-i:[A-Z])\w+))",
            needs="my",
        ),
        rule(
            "career",
            r"\b(?:speaking\s)?from\s(?:my\s)?(?:personal\s|first-?hand\s)(?:experience"
            r"|acquaintance|knowledge)\s(?:of|with|as|at|in)\b",
            needs="from",
        ),
    ]
