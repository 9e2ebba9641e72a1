"""What `integrity` looks for by pattern. Each runs over a clean text and takes time in proportion to it."""

import re

import regex

_UNABLE = (
    r"(?:can(?:not| not|'t)|wo(?:n't|uld not)(?: be able to)?|will not(?: be able to)?|am (?:not able"
    r"|unable) to"
    r"|'m (?:not able|unable) to|(?:must|have to|need to|'ll have to) (?:respectfully "
    r"|politely )?(?:decline|refuse)"
    r"(?: to)?|(?:do not|don't) feel comfortable|(?:'m|am) not comfortable)"
)
_DEED = (
    r"(?:help(?: you| with|[.!])|assist|provide|generat|fulfil|comply|compli|participate|facilitate"
    r"|(?:in |to )?(?:writ|creat|produc|compos|answer|discuss|engag|respond|do|shar|offer|giv|support|complet"
    r"|continu|invent|mak|pretend|speculat|comment|talk)(?:e|ing|ting)?(?: \w+){0,3} (?:that|this|such"
    r"|your|you"
    r"|requests?|content|an? (?:\w+ )?(?:note|story|text|piece|post|essay|response|opinion|advice)|about"
    r"|on)\b)"
)
_OPENING = (
    r"(?:\A|(?<=[.!,] )|(?<=\bbut )|(?<=\bBut ))(?i:(?:(?:sorry|no|thanks|thank you|unfortunately|my apologies"
    r"|I'm sorry"
    r"|I'm afraid)(?: for asking)?[,.;]? (?:but )?){0,2})"
)
REFUSAL = re.compile(
    rf"\bI(?: |(?='))(?:(?:really|simply|just|therefore|am afraid I"
    rf"|'m afraid I) )?{_UNABLE},? (?:to )?{_DEED}"
    rf"|\AI(?: |(?=')){_UNABLE}(?: (?:do|answer|help)(?: (?:that|this|it))?)?[.!]?\s*\Z"
    r"|\bI(?: |')?(?:must|have to|will have to|'ll have to|need to) (?:respectfully |politely )?(?:decline"
    r"|refuse)\b"
    r"|\b(?:against|violates?|not consistent with) (?:my|our|the) (?:\w+ )?(?:guidelines|polic(?:y|ies)"
    r"|programming)"
    r"|\b(?:[Tt]hat|[Tt]his|[Yy]our) request\b.{0,60}\b(?:inappropriate|harmful|not able|cannot|can't|unable"
    r"|decline)"
    r"|\bI (?:don't|do not) have (?:any )?(?:personal (?:experience|feeling|opinion|memor)|the ability to"
    r"|feelings or|access to (?:personal|real))"
    r"|(?:\A|[.!,] |\bbut )(?:[Tt]hat|[Tt]his|[Ii]t)(?: request)?(?: is not|'s not"
    r"| isn't) something(?: that)? I"
    r"(?: can|'m able| am able)\b"
    rf"|{_OPENING}(?:I|I'[md]|I am|I'll|I will|I would)(?: \w+){{0,2}}? (?:(?:rather|prefer) not(?: to)?"
    rf"|not (?:in a position|allowed"
    rf"|permitted|designed|programmed|equipped|built|made|willing) to|refrain from|choos(?:e|ing) not to|declin(?:e"
    rf"|ing)"
    rf"(?: to)?|not (?:going to|engage|be)) {_DEED}"
    rf"|{_OPENING}I was(?:n't| not) (?:designed|made|built|programmed|trained) to {_DEED}"
    rf"|{_OPENING}I(?: think I)?(?:'m| am|'ll| will)? (?:going to |have to |have |need to |must )?(?:pass on|skip"
    rf"|decline|sit (?:this|that) (?:one )?out"
    r"|say no to|give (?:this|that) one a miss)(?: (?:this|that|your))?(?: one| request| prompt| question"
    r"| topic)?(?=[.,;!?]|\Z)"
    rf"|{_OPENING}(?i:this|that|it|your (?:request|question))(?: request| topic| subject| one| question)?(?: is|'s"
    rf"| falls| goes| lies)"
    r" (?:well |just |a bit )?(?:outside|beyond)(?: of)? (?:what I|my (?:scope|abilit|capabilit|remit|expertise"
    r"|knowledge))"
    rf"|{_OPENING}(?i:it|this) (?:would(?:n't| not)|isn't|is not|does(?:n't| not) (?:feel"
    rf"|seem)) (?:be )?(?:appropriate|right"
    r"|fair|ethical|responsible)(?: of| for) me to\b"
    rf"|{_OPENING}(?i:this|that) (?:isn't|is not) a (?:topic|subject|request|question|prompt)(?: that)? I\b"
    rf"|{_OPENING}I (?:do not|don't) (?:think|believe|feel) (?:that )?I (?:should|can|ought to) {_DEED}"
    rf"|{_OPENING}I lack the (?:personal |necessary |lived )?(?:experience|ability|information|knowledge"
    rf"|context)s? (?:needed |required |necessary )?to\b"
    rf"|{_OPENING}I (?:think|believe|feel) (?:that )?(?:it's|it is|it would be) best (?:if we (?:do not|don't)"
    rf"|not to) {_DEED}"
    rf"|{_OPENING}(?i:let's|let us) (?:keep (?:the|this|our) conversation|talk about something (?:else|more))"
    rf"|{_OPENING}I (?:cannot|can't|won't) in good conscience\b|{_OPENING}I (?:do not|don't) wish to {_DEED}"
    r"|\b(?:ask|try) me (?:about )?(?:something|anything) else\b|\bas I (?:do not|don't) (?:hold|have) personal\b"
    r"|\A(?:Es tut mir leid|Tut mir leid|Je suis d\u00e9sol\u00e9e?|D\u00e9sol\u00e9e?|Lo siento|Mi dispiace"
    r"|Leider kann ich)\b.{0,40}\b(?:kann|nicht|ne peux|puedo|posso)\b"
)
"""The deed must be a model's ("I can't help with that"), so that "I can't help laughing" is none."""

MACHINE = re.compile(
    r"\b(?:[Aa]s|[Bb]eing) an? (?:AI|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b"
    r"|\bI(?:'m| am) (?:just |only )?(?:an AI|an? (?:large )?language model|an artificial intelligence"
    r"|a computer program"
    r"|a chatbot|a virtual assistant)\b"
    r"|\bI was (?:only |just )?trained (?:on|by) (?:text|data|a |the |large|lots|books|written|human|OpenAI|Google"
    r"|Meta)"
    r"|\bmy (?:training data|knowledge cutoff|programming)\b"
)
"""What a machine says of itself: in an opening it refuses, further on it is a mark of assistant prose."""

ASKS_BACK = re.compile(
    r"\A(?:[^.!?\n]{0,80}[.!] )?(?:[^.!?\n]{0,60}[,;:] )?(?:(?:could|can|would) you (?:please )?(?:tell me (?:more"
    r"|which|what)"
    r"|clarify|specify|provide|share|give me)|please (?:provide|share|specify|clarify|tell me|let me know)"
    r"|what (?:would you"
    r" like me to|do you want me to|exactly would you|(?:tone|topic|length|kind of \w+|style)(?= (?:are you"
    r"|would you|do you|should))))\b"
    r"[^.!?\n]{0,90}\b(?:you(?:'d| would) like|you(?:'re| are)? (?:looking|asking)|you (?:want|mean|have in mind)"
    r"|context|details"
    r"|information|topic|prompt|question|request|write about|about)\b[^.!?\n]{0,60}[.!?]",
    re.I,
)
"""An answer that opens with what it would have to know first."""

DRAFT = re.compile(
    r"^[ \t>*_#]*(?:(?:first|second|third|final|rough|revised|new|short(?:er)?|long(?:er)?|my|another|improved"
    r"|alternative)[ ]){0,2}"
    r"(?:draft|version|attempt|revision|rewrite|final answer|final note|option)(?:[ ](?:no\. ?|#)?(?:\d|[A-D]|one"
    r"|two|three))?"
    r"[*_]{0,2}:[*_]{0,2}(?=\s)"
    r"|\A\W*(?:(?:sure|certainly|okay|ok|of course|absolutely)[,!.] )?here(?:'s| is| are)(?: [\w']+){1,4}? (?:draft"
    r"|version|attempt"
    r"|option|variation)s?\b[^\n.:]{0,80}:"
    r"|\A\W*(?:plan|outline|brainstorm(?:ing)?|thoughts?|key points|structure|approach|tone"
    r"|goal)[*_]{0,2}:[*_]{0,2}\s"
    r"|^[ \t(\[*_]*(?:word count|total words|words)[*_]{0,2}:[*_]{0,2} ?~?\d+[^\n]{0,20}$"
    r"|^[ \t(\[*_]*note:[*_]{0,2} (?:I|this|the) (?:kept|tried|used|wrote|have|note|response|answer|version|aimed"
    r"|made)\b"
    r"|\A\W*let me (?:try (?:again|that again|this again|once more)|rewrite|revise|rephrase|start over)\b",
    re.I | re.M,
)
"""Working steps that stand in the answer: drafts and their numbers, a plan, a count of words, a note on the note."""

MARKUP = re.compile(
    r"<[|\uff5c][^<>\n]{1,40}[|\uff5c]?>|<\|[a-z_]{0,20}\Z|\[/?INST\]|</?(?:start|end)_of_turn>|<</?SYS>>|</?s>"
    r"|<(?:bos|eos|pad|unk|mask|sep|cls)>|\[(?:CLS|SEP|PAD|UNK|EOS|BOS)\]|<end_of_(?:text|utterance)>"
    r"|</?(?:tool_call|function_call|tool_response|assistant|system|user|answer|response|output|final)>"
    r"|\b(?:im_start|im_end|eot_id|endoftext|start_header_id)\b"
    r"|^[ \t]*(?:\*\*|#{1,4} )?(?:Assistant|User|Human|System|ASSISTANT|USER|HUMAN|SYSTEM)(?:\*\*)?[ \t]?:"
    r"(?:\*\*)?(?=\s|$)"
    r"|^#{1,4} (?:Instruction|Response|Input|Output)\b:?|^(?:assistant|user|system)[ \t]*$",
    re.M,
)
REASONING = re.compile(
    r"<(?:think|thinking|thought|reasoning|scratchpad|analysis|reflection)>"
    r"|\A\W*(?:(?:okay|ok|alright|hmm+|so|right|well|first|let me see)\b[,. ]*){0,3}"
    r"(?:(?:the|this) user(?:'s)? (?:wants|is asking|asks|asked|has asked|needs|requested|request|says"
    r"|just)\b"
    r"|(?:I|we) (?:need to|have to|should|must|want to) (?:write|produce|craft|create|come up with|respond"
    r"|answer"
    r"|figure out|generate|provide)\b(?: \w+){0,3} (?:note|response|reply|answer|paragraph|piece|topic"
    r"|text|prompt"
    r"|user|question|story|essay|words|sentences|request)\b"
    r"|(?:I'm|I am|we are|we're) (?:being )?asked to (?:write|produce|answer|describe)"
    r"|let me (?:think (?:about (?:what|how|this|the)|step)|start by|brainstorm|draft)"
    r"|let's (?:think step|break this|craft|draft)"
    r"|my task is to|the (?:task|prompt|instructions?) (?:is to|asks?|says?|wants?|requires?))",
    re.I,
)
PLACEHOLDER = re.compile(
    r"\[(?i:(?:your|insert|enter|add)(?:'s)?(?: [^\[\]\n]{0,60})?|(?:[\w']{1,20} ){0,2}(?:name|address"
    r"|recipient"
    r"|placeholder|company|city)|date|title|email|phone number|x{2,})\](?!\()"
    r"|(?<![\w$\\{])\{\{?[ \t]?[A-Za-z][A-Za-z_ ]{2,30}\}?\}"
    r"|<(?i:insert|enter|your|name|add|placeholder|first|last|company|date|city|recipient)\b[^<>\n]{0,60}>"
    r"|\b(?i:lorem ipsum)\b|(?<!Bowl )(?<!\w)XXX+(?!\w)|\bINSERT [A-Z]{3,}|\b(?:TODO|TBD|FIXME):"
)

ASKS_FORM = re.compile(
    r"\b(?:json|xml|html|yaml|csv|markdown|table|headings?|headlines?|sections?|bullet|outline|document"
    r"|report"
    r"|essay|guide|code|script|function|program|template|form letter|format|structured?|fields?)\b",
    re.I,
)
"""A prompt that asks for a form gets it."""

DATA = re.compile(
    r"[{\[]\s*+[\"'{\[].*[\]}]|[{\[]\s*+\"[\w -]+\"\s*+:.*|---\n[\w-]+:.*|<(?:!DOCTYPE|html|body|xml|\?xml"
    r"|note)\b.*",
    re.S | re.I,
)
HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+\S|^[ \t]*+\*\*[^*\n]{1,80}(?:\*\*:?|:\*\*)[ \t]*+$", re.M)
TABLE = re.compile(r"^[ \t]*+\|?[ \t]*+:?-{2,}+:?[ \t]*+\|[ \t|:-]*+$", re.M)

ASKS_LANGUAGE = re.compile(r"\btranslat|\blanguages?\b|\bspeak", re.I)

ENDED = re.compile(r"[.!?\u2026:;)\]\"'\u201d\u2019\u00bb*~\u3002\uff01\uff1f\u061f\u06d4\u0964\u300d]\W*\Z")
TRAILER = re.compile(
    r"(?:\s*+(?:[#@][\w-]++|https?://\S++|www\.\S++|\(?\bx{1,4}\b\)?|[^\w\s.,;:!?\u2014\u2013-]++))++\s*\Z"
)
"""Hashtags, links, kisses and emoji after the last sentence."""

SIGNED = re.compile(
    r"(?<=\s)(?:[\u2014\u2013~]|--?)\s?(?-i:[A-Z])[\w. ,'&-]{1,50}\Z"
    r"|(?:\A|[.!?:\n]\W*)(?:with |all (?:my |the )?|much |lots of |many |kind(?:est)? |best |warm(?:est)? "
    r"|bless )?"
    r"(?:regards|wishes|sincerely|faithfully|truly|thanks?|cheers|love|best|yours|respectfully|edit|ps"
    r"|you all"
    r"|hugs)\b[^\n]{0,60}(?:\n[^\n]{0,40})?\Z|\betc\Z",
    re.I,
)
CASUAL = regex.compile(
    r"[#@][A-Za-z]|https?:|www\.|\b(?:lol|lmao|omg|tbh|idk|imo|imho|btw|pls|ppl|gonna|wanna|haha\w*|u|ur|r|dont|cant"
    r"|im|ive|didnt|doesnt|isnt|thats|wont|yall)\b|(?<![\w.(])i(?![\w.)])|[!?]{2}|[^.]\.\.(?!\.)|\.{4}"
    r"|\w \.(?:\s|$)|(?<!\w)[:;]-?[()DP](?!\w)|\p{Extended_Pictographic}"
)
"""Marks of a text whose writer may leave out the last full stop."""

DANGLING = re.compile(
    r"the|an?|of|and|or|but|nor|my|your|our|its|his|their|because|although|whose|every|than|to|with|from|at|by|into"
    r"|i|we|s?he|they|that|which|is|was|are|were|very|if|when|has|had|have|been|as|be"
)
"""Words that end hardly any sentence, however casual."""
