"""The word classes behind `self_insertion`, and the shape of a rule made from them."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One kind of claim.

    Attributes:
        name: Reported as ``Evidence.why``.
        pattern: Finds the span.
        unless: Searched from the span's start to ``REACH`` characters past its end; a match drops the span.
        sentence_unless: Searched in the whole sentence; a match drops the span.
        needs: Lower-case words of which a sentence must hold one; spares most sentences most patterns.
    """

    name: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None = None
    sentence_unless: re.Pattern[str] | None = None
    needs: frozenset[str] = frozenset()


REACH = 70
"""Characters past a span in which "in his essays" or "on television" still tells what a meeting was."""


_NEEDS = {
    "of_us": "us we",
    "kinship": "my our",
    "companion": "my our",
    "childhood": "when since while my our grew grown growing as we born raised brought",
    "as_a_fellow": "fellow",
    "role": "as",
    "meeting": "i we my",
    "told_me": "me my us",
    "dealing": "i we me my our us",
    "membership": "i we",
    "witness": "i",
    "our_shared": "our mine my",
    "x_and_I": "and with",
    "we_shared": "we",
    "remember": "remember recall forget forgot forgotten still",
    "career": "i my our experience acquaintance knowledge",
}
"""Words without which no pattern of a rule's name can match."""


def rule(
    name: str,
    pattern: str,
    unless: str | None = None,
    sentence_unless: str | None = None,
    needs: str | None = None,
) -> Rule:
    """Compile one rule; case counts only where a pattern says ``(?-i:``, ``needs`` defaults by name."""

    def compiled(source: str | None) -> re.Pattern[str] | None:
        return re.compile(source, re.I) if source else None

    return Rule(
        name,
        re.compile(pattern, re.I),
        compiled(unless),
        compiled(sentence_unless),
        frozenset((needs or _NEEDS[name]).split()),
    )


CAP = r"(?-i:[A-Z\u00c0-\u00de][\w-]{1,25})"
NOT_OWNED = r"(?!\w|'s\b|-\w)"
NUMBER = r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|[2-9]|1\d)"
PARTICIPLE_ADVERB = (
    r"(?:(?:once|first|finally|actually|briefly|later|also|then|recently|often|always|still"
    r"|even|twice|just|really|personally"
    r"|both|too|frequently|regularly|vividly|clearly|distinctly|fondly|never\sactually|only"
    r"|myself|long|all|had|have|been|was|were)\s){0,3}"
)
I_DID = r"\b(?:I|we)(?:'ve|'d)?\s" + PARTICIPLE_ADVERB
AGE_WORDS = (
    r"(?:young|little|small|junior|poor|mere|shy|graduate|undergraduate|new|fresh|lonely|teenage"
    r"|first-year|doctoral)"
)
KIN = (
    r"(?:(?:great-|grand|step|half-|god|foster\s){0,3}(?:mother|father|son|daughter|child"
    r"|children|uncle|aunt|brother|sister|parents?|niece|nephew"
    r"|cousin|ma|pa|mum|mom|dad|kids?)s?(?:-in-law)?|mums?|moms?|daddy|mummy|gran|granny|nan"
    r"|nana|wife|husband|spouse|fianc\u00e9e?|fiancee?|twins?"
    r"|siblings?|in-laws|family|relatives?|ancestors?|ex-wife|ex-husband|aunties?"
    r"|grandparents?|girlfriend|boyfriend)"
)
KIN_ADJECTIVE = (
    r"(?:(?:late|dear|old|own|elder|eldest|older|oldest|younger|youngest|little|big|poor"
    r"|beloved|twin|first|second|third|favou?rite|great|maternal"
    r"|paternal|distant|mutual|whole|entire|only|middle|mad|grand|\d+-year-old|" + CAP + r")\s){0,3}"
)
OUR_KIN = (
    r"(?:grand|step|god|great-){0,2}(?:uncle|aunt|cousins?|brother|sister|mother|father|son"
    r"|daughter|nephew|niece)(?:-in-law)?|family"
)
ROLE = (
    r"(?:colleagues?|co-?workers?|mentor|room-?mates?|flat-?mates?|house-?mates?|class-?mates?"
    r"|school-?mates?|team-?mates?|band-?mates?|supervisor|boss"
    r"|co-author|collaborators?|landlady|landlord|tutor|students|pupils|patients|clients"
    r"|neighbou?rs?|lover|partner|comrades?|employers?|advis[eo]r"
    r"|professors?|apprentice|research\sassistant|secretary|bandleader|therapist)"
)
COMPANION = (
    r"(?:friend|teacher|student|pupil|acquaintance|companion|schoolteacher|instructor|editor"
    r"|patron|rival)"
)
ROLE_ADJECTIVE = (
    r"(?:(?:old|dear|late|good|best|close|closest|long-?time|former|own|first|great|doctoral"
    r"|thesis|PhD|school|college|university|childhood|mutual"
    r"|intimate|esteemed|beloved|then|next-door|lifelong|oldest|dearest|fellow|trusted|younger"
    r"|older|research|piano|music|" + CAP + r")\s){0,3}"
)
PROFESSION = (
    r"(?:\w{2,18}(?:ologist|icist|ographer|ematician|ician|chemist|linguist|therapist"
    r"|economist|scientist|dentist|pharmacist|novelist|journalist)"
    r"|(?:chem|econom|novel|journal|art|lingu|pian|dent)ist|doctor|nurse|teacher|professor"
    r"|lecturer|lawyer|barrister|solicitor|judge|engineer|architect"
    r"|historian|scholar|researcher|scientist|veteran|survivor|refugee|immigrant|soldier"
    r"|sailor|pilot|farmer|carpenter|plumber|librarian|curator"
    r"|programmer|developer|designer|manager|consultant|banker|accountant|police\s?officer"
    r"|paramedic|surgeon|midwife|priest|pastor|rabbi|monk|nun"
    r"|actor|musician|painter|sculptor|composer|conductor|dancer|publisher|bookseller|printer"
    r"|miner|waiter|waitress|chef|cook|baker|driver|clerk"
    r"|civil\sservant|diplomat|politician|entrepreneur|founder|parent|father|mother"
    r"|grandparent|grandmother|grandfather|widow|widower|orphan"
    r"|member|student|graduate|alumn\w{1,2}|postdoc|academic|colleague|contemporary|friend"
    r"|neighbou?r|classmate|intern|apprentice|trustee|native|resident)"
)
PLACE = (
    r"(?:lab|laboratory|institute|group|circle|seminar|workshop|studio|department|faculty"
    r"|college|table|team|crew|band|unit|regiment|hut|office|house"
    r"|household|kitchen|room|parlou?r|salon|class|school|society|club|party|committee"
    r"|expedition|company|project|movement|resistance|audience|choir"
    r"|inner\scircle|set|commune|village|squad|newsroom|editorial\sboard|board|gang|corridor"
    r"|meeting|conference|delegation|programme|program|staff|cast)"
)
READING = (
    r"\b(?:in|through|on|from|via|by|only|merely|as)\s(?:\S{1,20}\s){0,3}?(?:pages?|books?"
    r"|essays?|novels?|print|translation|paperbacks?|anthology|syllabus"
    r"|footnotes?|documentary|film|screen|television|TV|podcast|biograph(?:y|ies)|reputation"
    r"|prose|writings?|works?|letters|diar(?:y|ies)|journals"
    r"|poems?|verse|textbooks?|index|catalogue|recordings?|chapters?|quotations?|YouTube"
    r"|photographs?|name|hearsay|legend)\b"
    r"|^[^,;]{0,60}\b(?:read|reading|reread|museum|exhibition|theor(?:y|ies|em)|ideas?"
    r"|concepts?|methods?|equations?)\b"
)
STANCE = (
    r"\s(?:still\s|rarely\s|often\s|both\s|seldom\s|also\s|simply\s|do\s"
    r"|always\s)?(?:dis)?agree\b|\s(?:part|differ|see|think|suspect|believe|find|doubt|wonder"
    r"|am|are|want"
    r"|don't|do|can|cannot|can't|have\s(?:to|nothing|little|in\scommon)|hope|guess|admire|like"
    r"|love|mean|say|know|will|won't|say|must|should|may|might|could"
    r"|share\s(?:a|an|the|this)\s(?:\w{1,15}\s)?(?:view|suspicion|distaste|taste|dislike"
    r"|belief|hatred|doubt|conviction)|part\scompany|diverge|prefer|would\s"
    r"(?:not|never|probably|surely|hardly|rather|have|be|agree|disagree|get|like|hate|make|say"
    r"|argue))\b|'(?:d|m|ll)\b"
)
MEETING = (
    r"(?:met|befriended|married|dated|interviewed|kissed|dined\swith|lunched\swith"
    r"|corresponded\swith|worked\s(?:closely\s)?(?:with|alongside|under|for|beside|next\sto)"
    r"|work\s(?:closely\s)?(?:with|alongside)|studied\s(?:with|under|alongside)"
    r"|collaborated\swith|lived\s(?:with|next\sdoor\sto|near|below|above|opposite)"
    r"|sat\s(?:next\sto|beside|across\sfrom|opposite|with|behind|near|between)|walked\s(?:with"
    r"|beside)|spoke\s(?:to|with)|talked\s(?:to|with)|drank\s(?:\w{1,12}\s)?with"
    r"|argued\swith|chatted\swith|ran\sinto|bumped\sinto|grew\sup\s(?:with|beside"
    r"|next\sdoor\sto)|went\sto\sschool\swith|danced\swith|travel+ed\swith|trained\s(?:with"
    r"|under)"
    r"|served\s(?:with|under|alongside)|taught\salongside|fought\s(?:with|beside|alongside)"
    r"|phoned|telephoned|wrote\sto|visited|knew|known|nursed|hired|drove|photographed"
    r"|had\s(?:\w{1,12}\s){0,2}?(?:dinner|lunch|coffee|tea|drinks?|breakfast|supper"
    r"|conversations?|argument|affair|quarrel|meeting)s?\swith|introduced|accompanied|assisted"
    r"|received\s\w{1,8}\s(?:letter|note|postcard|call|telegram)s?\sfrom"
    r"|got\s\w{1,8}\s(?:letter|note|postcard|call)s?\sfrom|shared\s(?:\S{1,15}\s){1,4}?with"
    r"|was\sintroduced\sto"
    r"|played\s(?:\w{1,12}\s)?with|stayed\swith|partnered\swith|apprenticed\s(?:to|with|under)"
    r"|toured\swith|rowed\swith|buried|roomed\swith|got\sto\sknow|asked)"
)
TO_ME = (
    r"(?:told|wrote(?:\sto)?|phoned|telephoned|handed|confided\s(?:in|to)|whispered\sto"
    r"|said\sto|confessed\sto|invited|lent|hired|introduced|visited|hugged|embraced"
    r"|wrote|asked|greeted|nodded\sat|smiled\sat|winked\sat|complained\sto|sent|offered|mailed"
    r"|cabled|interviewed|nudged|kissed|fired|recruited|scolded|thanked"
    r"|poured|dragged|waved\sto|looked\sat|turned\sto|admitted\sto|explained\sto|mentioned\sto"
    r"|remarked\sto|drove|let|walked|woke|begged|joined|bought|cornered"
    r"|read\sto|sang\sto|dictated\sto|promised|used\sto\s(?:tell|ask|call|say\sto|write\sto"
    r"|invite|send|tease|let|take|read\sto|phone|give|bring))"
)
EFFECT = (
    r"(?:interest|fascinat|annoy|irritat|mov|convinc|persuad|amaz|surpris|impress|bor"
    r"|disappoint|delight|inspir|influenc|chang|help|remind|haunt"
    r"|puzzl|confus|troubl|disturb|shock|shap|touch|amus|exhaust|forc|caus|allow|enabl|rescu"
    r"|sav|cur|push|turn|intrigu|bother|horrifi|scar|frighten"
    r"|provok|challeng|reward|serv|satisfi|pleas|startl|unsettl|attract|repell|repuls|depress"
    r"|comfort|consol|rais|prepar|spar|warn|describ|anticipat"
    r"|escap|elud|defeat|affect|captivat|charm|enlighten|encourag|discourag|seduc|convert|show"
    r"|reach|exasperat|infuriat|disarm|flatter|humbl|humiliat"
    r"|guid|accus|anger|tempt|alert|direct|point|introduc|outrag|embarrass|bewilder|baffl"
    r"|cheer|mystifi|stagger|stunn|enrag|appall|sooth|fill|provid"
    r"|grant|kept\sme|demand|requir|matter|seem|appeal|belong|occurr|strik|gripp|absorb"
    r"|entertain|equipp|steer|lur|drain|insult|offend|sicken|worri"
    r"|dazzl|thrill|sadden|wean|lull|jolt|shak|undo|pull|draw|hook|nudg|spoil|ruin|talk|play"
    r"|happen|sound|look|appear|read)(?:ed|d)\b"
)
POSSESSION = (
    r"(?:bicycle|bike|house|home|hand|hands|coat|car|desk|shoulder|sleeve|drafts?|flat"
    r"|apartment|room|door|sofa|couch|hat|pen|pencil|umbrella|lectures?"
    r"|thesis|paper|papers|arm|office|kitchen|table|lab|garden|dog|cat|bed|study|classroom"
    r"|cottage|studio|shop|notebook|wine|cigarettes?|shoes?"
    r"|name|knee|cheek|forehead|office\sdoor|proofs|manuscripts?|letters?|lamp|chair|gloves"
    r"|scarf|typewriter|violin|guitar|wedding|funeral|homework)"
)
TO_WHOM_ADJECTIVE = r"(?:front|back|spare|next-door|kitchen|London|Paris)"
NOBODY = (
    r"(?:Some(?:body|one|thing)|No(?:body|thing)|Any(?:body|one)|Every(?:body|one|thing)"
    r"|People|Experience|History|Time|Life|Common|It|That|This|They|You|We|And|But"
    r"|What|Which|Who|Nature|Reason|Google|Wikipedia|Books?|None|One|Others|Friends|Instinct"
    r"|Intuition|Then|There|Reality|Today)"
)
TIME_WORD = (
    r"(?:years?|decades?|summers?|winters?|months?|weeks?|semesters?|terms?|evenings?|afternoons?"
    r"|nights?)"
)


def person(subjects: tuple[str, ...]) -> str:
    """A person's name or pronoun; names of subjects count alone, other names only when full or titled."""
    title = (
        r"(?:Dr|Mr|Mrs|Ms|Prof|Professor|Madame|Mme|Monsieur|Sir|Lady|Lord|Miss|Doctor|Herr|Frau"
        r"|Comrade)\.?\s"
    ) + CAP
    full = CAP + r"(?:\s(?-i:[A-Z])\.?)?\s" + CAP
    her = (
        r"her(?!\s(?!in\b|at\b|on\b|for\b|when\b|again|once|as\b|and\b|only|through|well"
        r"|personally|before|after|while|during|twice|every|with|about|to\b|by\b|a\b"
        r"|the\b|last|briefly|over|from|there|back|that|until|because|since|near|outside|just"
        r"|then|too\b|one\b|how|what|why|whether|of\b|under|my\b|mother|father|brother|sister"
        r"|husband|daughter|son\b|cousin|uncle|aunt|family|several|many|often)\w)"
    )
    names = [
        title,
        full,
        r"him(?:self)?",
        her,
        r"(?:his|their)\s(?:mother|father|brother|sister|wife|husband|daughter|son|cousin|family"
        r"|parents|widow)",
    ]
    if subjects:
        names += [
            subject(subjects),
            "them",
            r"the\s(?:two|both|pair|couple)(?:\sof\sthem)?",
            r"both(?:\s(?:men|women|of\sthem))?",
        ]
    return r"(?:" + "|".join(names) + r")" + NOT_OWNED


def subject(subjects: tuple[str, ...]) -> str:
    """The subjects' full names and each capitalised part of them, longest first."""
    parts = {
        part for s in subjects for part in (s.strip(), *s.split()) if len(part) > 2 and part[0].isupper()
    }
    known = "|".join(re.escape(part).replace(r"\ ", r"\s") for part in sorted(parts, key=len, reverse=True))
    return rf"(?-i:\b(?:{known}))\b" if known else r"(?!)"
