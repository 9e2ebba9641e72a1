"""Markdown as plain text: its words as a reader of the page sees them, without marks.

markdown-it reads CommonMark. Added are footnotes, what Obsidian adds (wiki links, embeds, comments, highlights) and
links that CommonMark refuses. Three cases are prose here and markup there: a line that begins with a year, a wrapped
line that begins with a dash, asterisks within words. Marks of emphasis (``*``, ``_``, ``**``) and of code go, since a
note is asked for without markup and the judges count it as a fault; so do pictures, comments and struck words.
"""

import re
from functools import cache, partial
from itertools import takewhile

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock, list_block
from markdown_it.rules_inline import StateInline, emphasis
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

_OBSIDIAN = re.compile(
    r"!\[\[[^\[\]]+\]\]|%%.*?%%"  # an embed, a comment
    r"|\[\[(?:[^\[\]|]*\|(?P<alias>[^\[\]|]+)|(?P<page>[^\[\]|]+))\]\](?!\()"
    r"|(?<!\w)==(?=\S)(?P<marked>[^=]+)(?<=\S)==",
    re.DOTALL,
)
_TARGET = r"\((?:[^()\n]|\([^()\n]*\))*\)"
_LOOSE_LINK = re.compile(
    rf"!\[[^\[\]]*\]{_TARGET}|(?<!\w)\[(?P<label>[^\[\]]+)\](?:{_TARGET}|\[[^\[\]\n]*\])"
)
"""Links that CommonMark refuses, for a space in the target or a label that is defined nowhere."""

_TAG = re.compile(
    r"</?(?:a|abbr|b|big|br|center|cite|code|del|div|em|font|i|img|ins|kbd|mark|p|s|small|span|strike|strong"
    r"|sub|sup|u|wbr)(?:\s+[\w-]+\s*=.*)?\s*/?>",
    re.DOTALL | re.IGNORECASE,
)
_YEAR = re.compile(r"\d{3,}[.)](?:\s|$)")
_ITEM = re.compile(r"(?:[-+*]|\d+[.)])\s")
_BLOCK_NAME = re.compile(r"\s\^[a-zA-Z0-9-]{3,}$")
_SPEECH = re.compile(r"(?<=[.?!…\"'”\u2019»)])\v(?=[-\u2013\u2014])")
_LEFT_OUT = "\0"  # in no token: markdown-it replaces it


def parse(text: str, *, code: bool = True) -> list[Token]:
    """The blocks of a page; ``code`` tells whether indented ones are code."""
    return _parser(code).parse(text)


def prose(span: str) -> str:
    """The paragraphs of a span of Markdown as plain text."""
    return "\n\n".join(filter(None, map(plain, parse(span, code=False))))


def plain(block: Token, end: int | None = None) -> str:
    """The text of an inline token before its child ``end``; one line, but for breaks that are meant."""
    text, struck = "", 0
    for token in (block.children or ())[:end]:
        struck += {"s_open": 1, "s_close": -1}.get(token.type, 0)
        text += "" if struck else _shown(token)
    text = re.sub(rf"\s*{_LEFT_OUT}[\s{_LEFT_OUT}]*(?=[.,;:!?)])", "", text).replace(_LEFT_OUT, "")
    text = _SPEECH.sub("\n", _BLOCK_NAME.sub("", text.rstrip()))
    return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))


def _shown(token: Token) -> str:
    match token.type:
        case "text" | "text_special" | "code_inline":
            return token.content
        case "softbreak":
            return "\v"
        case "hardbreak":
            return "\n"
        case "image" | "left_out" | "footnote_ref" | "inline_note":
            return _LEFT_OUT
        case "html_inline" if token.content.startswith("<!--"):
            return _LEFT_OUT
        case "html_inline" if _TAG.fullmatch(token.content):
            return "\n" if token.content.lower().startswith("<br") else ""
        case "html_inline":
            return token.content
        case _:
            return ""


@cache
def _parser(code: bool) -> MarkdownIt:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    footnote_plugin(parser, inline=False, move_to_end=False, always_match_refs=True)
    parser.inline.ruler.before("link", "inline_note", _inline_note)
    parser.inline.ruler.before("link", "obsidian", partial(_form, _OBSIDIAN))
    parser.inline.ruler.after("footnote_ref", "loose_link", partial(_form, _LOOSE_LINK))
    parser.inline.ruler.at("emphasis", _emphasis)
    parser.block.ruler.at("list", _list, {"alt": ["paragraph", "reference", "blockquote"]})
    parser.block.ruler.before("fence", "comment", _comment, {"alt": ["paragraph", "reference"]})
    return parser if code else parser.disable("code")


def _form(form: re.Pattern[str], state: StateInline, silent: bool) -> bool:
    """What matches stands for the text in its group, or for nothing."""
    found = form.match(state.src, state.pos, state.posMax)
    if not found:
        return False
    if not silent and found.lastgroup:
        text = found[found.lastgroup]
        if found.lastgroup == "page":
            page, _, part = text.partition("#")
            text = page.rpartition("/")[2] or part
        state.pushPending()
        state.tokens += _children(state, text)
    elif not silent:
        state.push("left_out", "", 0)
    state.pos = found.end()
    return True


def _inline_note(state: StateInline, silent: bool) -> bool:
    """A footnote within the text, ``^[like this]``."""
    if not state.src.startswith("^[", state.pos):
        return False
    end = state.md.helpers.parseLinkLabel(state, state.pos + 1)
    if end < 0:
        return False
    if not silent:
        token = state.push("inline_note", "", 0)
        token.content = state.src[state.pos + 2 : end]
        token.children = _children(state, token.content)
    state.pos = end + 1
    return True


def _children(state: StateInline, text: str) -> list[Token]:
    return state.md.inline.parse(text, state.md, state.env, []) or []


def _emphasis(state: StateInline, silent: bool) -> bool:
    """Emphasis, also ``**So:**he``; asterisks within a word don't begin it: ``2*3*4``, ``d**n``."""
    before = state.src[max(state.pos - 1, 0)]
    known = len(state.delimiters)
    if not emphasis.tokenize(state, silent):
        return False
    for mark in state.delimiters[known:] if state.src[state.pos - 1] == "*" else ():
        mark.open &= not before.isalnum()
        mark.close |= mark.length == 2 and not before.isspace()
    return True


def _list(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A list, unless a year begins it, or a lone dash within a sentence that is wrapped there."""
    if _YEAR.match(_line(state, start)):
        return False
    if silent and state.parentType == "paragraph":
        before = _line(state, start - 1).rstrip("*_\"'”\u2019)»")
        following = takewhile(bool, (_line(state, n) for n in range(start + 1, end)))
        if not before.endswith((".", ":", ";", "!", "?", "…")) and not any(map(_ITEM.match, following)):
            return False
    return list_block(state, start, end, silent)


def _comment(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Obsidian's comment of one or more lines, from a line that begins with ``%%`` to one that ends so."""
    if not _line(state, start).startswith("%%"):
        return False
    if "%%" in _line(state, start)[2:]:
        last = start if not silent and _line(state, start).endswith("%%") else None
    else:
        last = next((n for n in range(start + 1, end) if _line(state, n).endswith("%%")), None)
    if last is not None and not silent:
        state.push("comment", "", 0).map = [start, last + 1]
        state.line = last + 1
    return last is not None


def _line(state: StateBlock, n: int) -> str:
    return state.src[state.bMarks[n] + state.tShift[n] : state.eMarks[n]].rstrip()
