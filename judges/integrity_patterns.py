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
REFUSAL = re.compile(
    rf"\bI(?: |(?='))(?:(?:really|simply|just|therefore|am afraid I"
    rf"|'m afraid I) )?{_UNABLE},? (?:to )?{_DEED}"
    rf"|\AI(?: |(?=')){_UNABLE}(?: (?:do|answer|help)(?: (?:that|this|it))?)?[.!]?\s*\Z"
    r"|\bI(?: |')?(?:must|have to|will have to|'ll have to|need to) (?:respectfully |politely )?(?:decline"
    r"|refuse)\b"
    r"|\b[Aa]s an? (?:AI|artificial intelligence|(?:large )?language model|virtual assistant|chatbot)\b"
    r"|\bI(?:'m| am) (?:just |only )?(?:an AI|a (?:large )?language model|an artificial intelligence)\b"
    r"|\b(?:against|violates?|not consistent with) (?:my|our|the) (?:\w+ )?(?:guidelines|polic(?:y|ies)"
    r"|programming)"
    r"|\b(?:[Tt]hat|[Tt]his|[Yy]our) request\b.{0,60}\b(?:inappropriate|harmful|not able|cannot|can't|unable"
    r"|decline)"
    r"|\bI (?:don't|do not) have (?:any )?(?:personal (?:experience|feeling|opinion|memor)|the ability to"
    r"|feelings or|access to (?:personal|real))"
    r"|(?:\A|[.!,] |\bbut )(?:[Tt]hat|[Tt]his|[Ii]t)(?: request)?(?: is not|'s not"
    r"| isn't) something(?: that)? I"
    r"(?: can|'m able| am able)\b"
    r"|\A(?:Es tut mir leid|Tut mir leid|Je suis d\u00e9sol\u00e9e?|D\u00e9sol\u00e9e?|Lo siento|Mi dispiace"
    r"|Leider kann ich)\b.{0,40}\b(?:kann|nicht|ne peux|puedo|posso)\b"
)
"""The deed must be a model's ("I can't help with that"), so that "I can't help laughing" is none."""

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
