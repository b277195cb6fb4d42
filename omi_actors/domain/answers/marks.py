"""Marks of chat templates in a model's text: tags of reasoning, of calls of tools, of turns and of their ends.

Not here: what is speech between them (speech.py). Threads: none, pure.
Source: the chat templates of Qwen, DeepSeek, Kimi, Llama, Mistral, Gemma, Phi, Command and Seed; OpenAI's Harmony.
"""

import re

# Most marks are shorter. In longer text nobody looks for the beginning of one.
_LONGEST_MARK = 64
_STARTS = ("<", "[", "◁")
# Names of tags, as patterns. Any name that has to do with thinking is reasoning's.
_NAMES = {
    "thought": r"[\w:.-]{0,20}(?:think|thought|reasoning)[\w:.-]{0,10}|analysis|reflection|scratchpad|inner_monologue",
    "call": r"[\w:.-]{0,20}(?:tool|function)_?calls?|(?:\w{1,10}:)?invoke|function(?:=[\w.-]{1,40})?",
    "wrap": r"(?:final_?)?answer|response",
}
# A tag may have attributes.
_MORE = r"\s[^<>]{0,40}"

# kind: its forms, in lower case
_FORMS = {
    "open_thought": "[think] ◁think▷ <|begin_of_thought|> <|start_thinking|> <|think|> <|thinking|> <|inner_prefix|> "
    "<unused94>",
    "close_thought": "[/think] ◁/think▷ <|end_of_thought|> <|end_thinking|> <|/think|> <|/thinking|> <channel|> "
    "<|inner_suffix|> <unused95>",
    "open_call": "<|tool_call> <|tool_call|> <|tool_calls|> <|start_action|> <|tool_calls_section_begin|> "
    "<|tool_call_begin|> <|python_tag|> [tool_calls] <｜tool▁calls▁begin｜> <｜tool▁call▁begin｜> "
    "<｜dsml｜function_calls>",
    "close_call": "<tool_call|> <|end_action|> <|tool_call_end|> <|tool_calls_section_end|> <｜tool▁calls▁end｜>",
    # Around the answer itself.
    "wrap": "<|begin_of_solution|> <|end_of_solution|> <|start_response|> <|end_response|>",
    # Before the name of a channel, before the role of a turn, and after these.
    "channel": "<|channel|> <|channel>",
    "turn": "<|start|> <|im_start|> <|start_header_id|> <|header_start|> <|turn> <start_of_turn>",
    "body": "<|message|> <|end_header_id|> <|header_end|> <|im_sep|> <|im_middle|>",
    "end": "<|im_end|> <|eot_id|> <|eom_id|> <|eot|> <|eom|> <|end|> <|return|> <|call|> <|eos|> <|endoftext|> "
    "<|end_of_text|> <|end_of_turn|> <|end_of_turn_token|> <|end_of_sentence|> <end_of_turn> <end_of_utterance> "
    "<turn|> <|user|> <|assistant|> <|system|> <|observation|> [inst] [/inst] [gmask] [|endofturn|] "
    "[|user|] [|assistant|] [|system|] "
    "<｜end▁of▁sentence｜> <｜user｜> <｜assistant｜>",
    # Tags of HTML, or words of a lesson, unless only marks follow (`last`) or nothing precedes (`first`).
    "last": "</s> <eos> <pad> [eos]",
    "first": "<s> <bos> [bos] <sop>",
}
_TAGS = {
    "open_thought": f"<(?:{_NAMES['thought']})(?:{_MORE})?>",
    "close_thought": f"</(?:{_NAMES['thought']})(?:{_MORE})?>",
    "open_call": f"<(?:{_NAMES['call']})(?:{_MORE})?>",
    "close_call": f"</(?:{_NAMES['call']})(?:{_MORE})?>",
    "wrap": f"</?(?:{_NAMES['wrap']})>",
}
_MARKS = {kind: forms.split() for kind, forms in _FORMS.items()}
# Marks of templates that are not named here.
_OTHER = r"<unk>|<unused\d{1,4}>|<\|[\w/:-]{3,40}\|>|<｜[\w/:▁ -]{3,40}｜>"


def _build_group(kind: str, marks: list[str]) -> str:
    forms = [re.escape(mark) for mark in marks]
    return f"(?P<{kind}>{'|'.join([*forms, *([_TAGS[kind]] if kind in _TAGS else [])])})"


_ALL = "|".join([*(_build_group(kind, marks) for kind, marks in _MARKS.items()), f"(?P<other>{_OTHER})"])
# A match's `lastgroup` is the kind of mark: those above, and other.
MARK = re.compile(_ALL, re.IGNORECASE)
# The role of a turn may end with its line; that is of the kind `body` too.
MARK_OR_LINE = re.compile(rf"(?P<line>\n)|{_ALL}", re.IGNORECASE)

_BEGINNINGS = frozenset(mark[:end] for marks in _MARKS.values() for mark in marks for end in range(1, len(mark)))
_BEGINNING = re.compile(
    r"<\|[\w/:-]{0,40}\|?|<｜[\w/:▁ -]{0,40}｜?|</?[\w:.=-]{0,60}|"
    rf"</?(?:{_NAMES['thought']}|{_NAMES['call']}){_MORE}"
)
# So no text ends, unless its model or server was cut within a mark.
_HALF_MARKS = ("<|", "<｜")


def may_have_mark(text: str) -> bool:
    """Return False if no mark begins in this text. It is quick."""
    return any(start in text for start in _STARTS)


def find_half_mark(text: str, at: int = 0) -> int:
    """Return the place from `at` where the text ends in what may be the beginning of a mark, or the text's length."""
    for place in range(max(at, len(text) - _LONGEST_MARK), len(text)):
        if text[place] in _STARTS:
            end = text[place:].lower()
            if end in _BEGINNINGS or _BEGINNING.fullmatch(end):
                return place
    return len(text)


def is_half_mark(text: str) -> bool:
    """Return True if this last part of a text is the beginning of a mark, and not of anything else."""
    return text.startswith(_HALF_MARKS)
