"""Answers as odd servers send them, each with what is told of it and how often the model is asked.

`GOOD` is the answer in all that hold one. A failure is known by words of its sentence. The forms come from the
documentation and the public reports of the servers that docs/models.md names.
"""

import asyncio
import contextlib
import gzip
import json
import re
import socket
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from tests.fakes.raw_server import serve_raw

GOOD = "Tides turn twice a day."
UNREACHABLE, EMPTY, REFUSED = "can't be reached", "gave no answer", "refused the question"
ADDRESS = "no language model at the address"
CREDIT, THINKING, BUSY, KEY = "no credit left", "thought about it for too long", "too much to do", "refuses its key"
_WORDS = ("Tides ", "turn ", "twice ", "a ", "day.")


@dataclass(frozen=True)
class Odd:
    """One answer: the bytes of its body in the `pieces` in which they are sent, and `then` close, hold or reset.

    `framing` is close, length, chunked, or torn (chunked without its end). `asks`: how often the model is asked in at
    most three attempts.
    """

    body: bytes
    told: str = GOOD
    asks: int = 1
    kind: str = "text/event-stream"
    framing: str = "close"
    encoding: str = ""
    then: str = "close"
    size: int = 1 << 20

    @property
    def head(self):
        lines = ["HTTP/1.1 200 OK", f"Content-Type: {self.kind}", "Connection: close"]
        lines += {"close": [], "length": [f"Content-Length: {len(self.body)}"]}.get(
            self.framing, ["Transfer-Encoding: chunked"]
        )
        lines += [f"Content-Encoding: {self.encoding}"] if self.encoding else []
        return "\r\n".join([*lines, "", ""]).encode()

    @property
    def pieces(self):
        pieces = [self.body[at : at + self.size] for at in range(0, len(self.body), self.size)]
        if self.framing in ("chunked", "torn"):
            pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
        return [*pieces, b"0\r\n\r\n"] if self.framing == "chunked" else pieces


def chunk(delta=None, reason=None, **more):
    """Return an event of one choice."""
    return {"choices": [{"index": 0, "delta": delta if delta is not None else {}, "finish_reason": reason} | more]}


def said(*texts, **more):
    """Return an event for each text."""
    return [chunk({"content": text}, **more) for text in texts]


def event(value):
    """Return one event's bytes; a text stands as it is."""
    return f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()


def stream(*values, end="data: [DONE]\n\n"):
    """Return a body of these events."""
    return b"".join(map(event, values)) + end.encode()


STOP: dict[str, Any] = chunk(reason="stop")
USAGE = {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7}}
PLAIN = [*said(*_WORDS), STOP]
WHOLE: dict[str, Any] = {
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": GOOD}, "finish_reason": "stop"}],
    "usage": {"total_tokens": 7},
}


def whole(**choice):
    return {**WHOLE, "choices": [WHOLE["choices"][0] | choice]}


def text(content, **more):
    """Return the answer of this text, word by word."""
    return Odd(stream(*said(*content.replace(" ", " \0").split("\0")), STOP), **more)


def pretty(value, prefix="data: "):
    lines = json.dumps(value, indent=1).splitlines()
    return "".join(f"{prefix}{line}\n" for line in lines).encode()


def raw(lines):
    return lines.encode("utf-8", "surrogateescape")


ENDS = {
    "reset after done": Odd(stream(*PLAIN), then="reset"),
    "open after done": Odd(stream(*PLAIN), then="hold"),
    "open after done, in chunks": Odd(stream(*PLAIN), framing="torn", then="hold"),
    "open after done without a line end": Odd(stream(*PLAIN, end="data: [DONE]"), then="hold"),
    "open after a reason": Odd(stream(*PLAIN, end=""), then="hold"),
    "open after a reason without a line end": Odd(stream(*PLAIN, end="").rstrip(), then="hold"),
    "open after a whole body": Odd(json.dumps(WHOLE).encode(), kind="application/json", then="hold"),
    "open after a pretty body": Odd(pretty(WHOLE, ""), kind="application/json", then="hold"),
    "reset after a reason": Odd(stream(*PLAIN, end=""), then="reset"),
    "torn after a reason": Odd(stream(*PLAIN, end=""), framing="torn"),
    "torn after done": Odd(stream(*PLAIN), framing="torn"),
    "done only": Odd(stream(*said(*_WORDS))),
    "done in quotation marks": Odd(stream(*said(*_WORDS), '"[DONE]"', end="")),
    "done in lower case": Odd(stream(*said(*_WORDS), end="data: [done]\n\n")),
    "done without brackets": Odd(stream(*said(*_WORDS), end="data: DONE\n\n")),
    "done by name": Odd(stream(*said(*_WORDS), end="event: done\ndata: {}\n\n")),
    "reason in the delta": Odd(stream(*said(*_WORDS), chunk({"finish_reason": "stop"}), end="")),
    "reason beside the choices": Odd(stream(*said(*_WORDS), {**chunk(), "finish_reason": "stop"}, end="")),
    "reason by another name": Odd(stream(*said(*_WORDS), chunk(stop_reason="end_turn"), end="")),
    "done twice": Odd(stream(*PLAIN, "[DONE]")),
    "text after done": Odd(stream(*PLAIN, "[DONE]", *said(" Not this."))),
    "error after done": Odd(stream(*PLAIN, "[DONE]", {"error": "late"})),
    "error after the reason": Odd(stream(*PLAIN, {"error": {"message": "client gone"}})),
    "damage after the reason": Odd(stream(*PLAIN, '{"usage": {')),
    "usage after the reason": Odd(stream(*PLAIN, USAGE)),
    "text after the reason": Odd(stream(*said(*_WORDS[:3]), STOP, *said(*_WORDS[3:]), STOP)),
    "reason in every chunk": Odd(stream(*said(*_WORDS, reason="stop"), end="")),
    "empty reasons, then done": Odd(stream(*said(*_WORDS, reason=""))),
    "reason as the text null": Odd(stream(*said(*_WORDS, reason="null"), STOP, end="")),
    "reason in another spelling": Odd(stream(*said(*_WORDS), chunk(finishReason="STOP"), end="")),
    "cut without an end": Odd(stream(*said(*_WORDS[:3]), end=""), UNREACHABLE, 3),
    "cut with empty reasons": Odd(stream(*said(*_WORDS[:3], reason=""), end=""), UNREACHABLE, 3),
    "cut within a line": Odd(stream(*PLAIN)[:-40], UNREACHABLE, 3, framing="torn"),
    "cut by a reset": Odd(stream(*said(*_WORDS[:3]), end=""), UNREACHABLE, 3, then="reset"),
    "no body": Odd(b"", EMPTY, 2, framing="length"),
    "empty lines": Odd(b"\r\n\r\n", EMPTY, 2, framing="chunked"),
    "comments only": Odd(b": ping\n\n" * 9, UNREACHABLE, 3),
    "words of a gateway": Odd(b"no healthy upstream", UNREACHABLE, 3, kind="text/plain"),
}
ENDS |= {
    f"reason {reason}": Odd(stream(*said(*_WORDS), chunk(reason=reason), end=""))
    for reason in (
        "eos",
        "end_turn",
        "stop_sequence",
        "tool_calls",
        "COMPLETE",
        "eos_token",
        "FINISH",
        "eosFound",
        "endoftext",
        "FINISH_REASON_STOP",
    )
}
ENDS |= {
    f"reason {reason}": Odd(stream(*said("Tides turn twice a day. Each tur"), chunk(reason=reason)), f"{GOOD} …")
    for reason in (
        "length",
        "max_tokens",
        "MAX_TOKENS",
        "model_length",
        "max-tokens",
        "token_limit",
        "contextLengthReached",
    )
}
ENDS |= {
    f"reason {reason}": Odd(stream(*said(*_WORDS[:3]), chunk(reason=reason)), REFUSED)
    for reason in ("content_filter", "SAFETY", "refusal", "sensitive", "content-filter", "IMAGE_SAFETY")
}
ENDS |= {
    f"reason {reason}": Odd(stream(*said(*_WORDS[:3]), chunk(reason=reason)), UNREACHABLE, 3)
    for reason in ("error", "abort", "network_error", "insufficient_system_resource", "some_new_word", 7, {"type": "x"})
}

SHAPES = {
    "carriage returns": Odd(stream(*PLAIN).replace(b"\n", b"\r")),
    "both line ends, byte by byte": Odd(stream(*PLAIN).replace(b"\n", b"\r\n"), size=1, framing="chunked"),
    "both line ends, many lines, byte by byte": Odd(
        b"\n".join(map(pretty, PLAIN)).replace(b"\n", b"\r\n"), size=1, framing="chunked"
    ),
    "byte order mark": Odd(b"\xef\xbb\xbf" + stream(*PLAIN)),
    "comments": Odd(b": ping\n\n:\n\n" * 99 + b"".join(b": busy\n\n" + event(one) for one in PLAIN)),
    "names, ids, retries": Odd(
        b"".join(b"event: message\nid: 7\nretry: 10\n" + event(one) for one in PLAIN) + b"event: done\ndata: [DONE]\n\n"
    ),
    "pings by name": Odd(b'event: ping\ndata: {"type": "ping"}\n\n' + stream(*PLAIN)),
    "data without a space": Odd(stream(*PLAIN).replace(b"data: ", b"data:")),
    "data twice": Odd(stream(*PLAIN).replace(b"data: ", b"data: data: ")),
    "no empty lines": Odd(stream(*PLAIN).replace(b"\n\n", b"\n")),
    "empty data": Odd(b"data:\n\ndata\n\n" + stream(*PLAIN).replace(b"\n\n", b"\n\ndata: \n\n")),
    "a damaged JSON line before events": Odd(b'{"warning": oops\n' + stream(*PLAIN), UNREACHABLE, 3),
    "words as data": Odd(stream("connected", *PLAIN[:2], "ping", *PLAIN[2:])),
    "events on one line": Odd(stream(*PLAIN).replace(b"\n", b"") + b"\n\n"),
    "events on one line, in pieces": Odd(stream(*PLAIN).replace(b"\n", b"") + b"\n\n", size=9, framing="chunked"),
    "events on one line, without a reason": Odd(stream(*said(*_WORDS)).replace(b"\n", b" ") + b"\n\n"),
    "line ends as escapes": Odd(stream(*PLAIN).replace(b"\n", rb"\n")),
    "line ends as escapes, in pieces": Odd(stream(*PLAIN).replace(b"\n", rb"\n"), size=9, framing="chunked"),
    "events on one line, one damaged": Odd(
        stream(PLAIN[0], '{"choices": [', *PLAIN[1:], end="").replace(b"\n", b"") + b"\n\n", UNREACHABLE, 3
    ),
    "JSON in JSON": Odd(stream(*(json.dumps(json.dumps(one)) for one in PLAIN))),
    "an envelope": Odd(json.dumps({"code": 200, "data": WHOLE}).encode(), kind="application/json"),
    "an envelope of events": Odd(stream(*({"output": one} for one in PLAIN))),
    "many lines": Odd(b"\n".join(map(pretty, PLAIN)) + b"\ndata: [DONE]\n\n"),
    "many lines, the last event open": Odd(b"\n".join(map(pretty, PLAIN)), then="hold"),
    "a list in an event": Odd(stream(PLAIN, end="")),
    "JSON lines": Odd(b"".join(json.dumps(one).encode() + b"\n" for one in PLAIN), kind="application/x-ndjson"),
    "JSON lines, one a packet": Odd(
        b"".join(json.dumps(one).encode() + b"\n" for one in PLAIN), kind="text/plain", size=90, framing="chunked"
    ),
    "JSON values without lines": Odd(b"".join(json.dumps(one).encode() for one in PLAIN), kind="application/json"),
    "events as plain text": Odd(stream(*PLAIN), kind="text/plain; charset=latin-1"),
    "events as JSON by name": Odd(stream(*PLAIN), kind="application/json"),
    "whole body": Odd(json.dumps(WHOLE).encode(), kind="application/json", framing="length"),
    "whole body, pretty": Odd(pretty(WHOLE, ""), kind="application/json", framing="chunked", size=7),
    "whole body in a list": Odd(json.dumps([WHOLE]).encode(), kind="application/json", framing="length"),
    "whole body without a reason": Odd(json.dumps(whole(finish_reason=None)).encode(), kind="application/json"),
    "whole body as one event": Odd(stream(WHOLE, end="")),
    "whole body that is cut": Odd(json.dumps(WHOLE).encode()[:-60], UNREACHABLE, 3, kind="application/json"),
    "whole body that failed": Odd(json.dumps(whole(finish_reason="error")).encode(), UNREACHABLE, 3),
    "gzip": Odd(gzip.compress(stream(*PLAIN)), encoding="gzip", framing="length"),
    "deflate, byte by byte": Odd(zlib.compress(stream(*PLAIN)), encoding="deflate", framing="chunked", size=1),
    "page of a browser": Odd(b"\r\n<!DOCTYPE html><html><title>Panel</title></html>", ADDRESS, kind="text/html"),
    "page as a stream": Odd(b"\xef\xbb\xbf<html>\n<body>sign in</body>\n</html>\n", ADDRESS),
    # values
    "choices null": Odd(stream({"choices": None, "usage": None}, *PLAIN)),
    "choices missing or empty": Odd(stream({"prompt_filter_results": []}, {"choices": []}, *PLAIN)),
    "choice null": Odd(stream({"choices": [None]}, *PLAIN)),
    "delta null or missing": Odd(stream({"choices": [{"delta": None}]}, {"choices": [{"index": 0}]}, *PLAIN)),
    "content null, role only": Odd(stream(chunk({"role": "assistant", "content": None}), *PLAIN)),
    "message for delta": Odd(
        stream(*({"choices": [{"message": {"content": word}}]} for word in _WORDS), whole(message=None))
    ),
    "message repeated at the end": Odd(stream(*said(*_WORDS), WHOLE)),
    "all text again at the end": Odd(stream(*said(*_WORDS), chunk({"content": GOOD}, "stop"))),
    "all text again with each message": Odd(
        stream(*({"choices": [{"message": {"content": GOOD[:end]}}]} for end in (6, 11, 17)), WHOLE, WHOLE)
    ),
    "one word twice": Odd(
        stream(*({"choices": [{"message": {"content": one}}]} for one in ("1", "1", " o")), STOP), "11 o"
    ),
    "message beside each delta": Odd(stream(*said(*_WORDS, message={"content": "Tides turn"}), STOP)),
    "text of a completion": Odd(stream(*({"choices": [{"text": word}]} for word in _WORDS), STOP)),
    "choices an object": Odd(stream(*({"choices": one["choices"][0]} for one in PLAIN))),
    "index as text, null, missing": Odd(
        stream(
            *said("Tides ", "turn ", index="0"),
            *said("twice ", index=None),
            {"choices": [{"delta": {"content": "a "}}]},
            *said("day."),
            STOP,
        )
    ),
    "other choices": Odd(stream(*said("No. ", index=1), *PLAIN, *said("No.", index=2), chunk(reason="stop", index=1))),
    "content as parts": Odd(
        stream(
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
            chunk({"content": [{"type": "text", "text": "Tides turn "}, "twice ", {"text": "a "}]}),
            chunk({"content": {"type": "text", "text": {"value": "day."}}}),
            STOP,
        )
    ),
    "content as thoughts of Gemini": Odd(
        stream(chunk({"content": {"parts": [{"text": "Hm.", "thought": True}, {"text": GOOD}]}}), STOP)
    ),
    "content as a number": Odd(stream(*said("Week ", 7, " of ", 12, "."), STOP), "Week 7 of 12."),
    "content of other kinds": Odd(
        stream(*said(True, 1.5, [1.5, None, [[[[[["deep"]]]]]]], {"type": "image_url"}), *PLAIN)
    ),
    "no number": Odd(
        stream(*PLAIN[:-1], '{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"total_tokens":NaN}}')
    ),
    "infinite numbers": Odd(
        stream(*PLAIN[:-1], '{"choices":[{"delta":{},"logprobs":[-Infinity,1e999],"finish_reason":"stop"}]}')
    ),
    "long number": Odd(stream(*PLAIN[:-1], f'{{"created":{"9" * 5000},"choices":[{{"finish_reason":"stop"}}]}}')),
    "usage of odd types": Odd(
        stream(*PLAIN, {"usage": {"total_tokens": None, "prompt_tokens": [], "x": {}}}, {"usage": 3})
    ),
    "deep value": Odd(stream(*PLAIN[:-1], "[" * 9_000 + "]" * 9_000, STOP)),
    "broken UTF-8": Odd(raw('data: {"choices":[{"delta":{"content":"caf\udcc3"}}]}\n\n') + stream(STOP), "caf\ufffd"),
    "UTF-8 split": Odd(
        stream(STOP).join([raw('data: {"choices":[{"delta":{"content":"für 🌊"}}]}\n\n'), b""]),
        "für 🌊",
        size=1,
        framing="chunked",
    ),
    "emoji in two halves": Odd(stream(*said("Wave \ud83c", "\udf0a", "."), STOP), "Wave 🌊."),
    "half an emoji": Odd(
        stream(*said("Wave \ud83c", " here \udf0a", " and \ud83c"), STOP), "Wave \ufffd here \ufffd and \ufffd"
    ),
    "NUL": Odd(stream(*said("Tides\0 ", "turn twice a day."), STOP)),
    "raw control characters": Odd(stream('{"choices":[{"delta":{"content":"Tides\tturn."}}]}', STOP), "Tides\tturn."),
    "wrong escapes": Odd(stream(r'{"choices":[{"delta":{"content":"It\'s C:\\new \x."}}]}', STOP), r"It\'s C:\new \x."),
    "trailing comma": Odd(stream(*(f"{json.dumps(one)[:-1]},}}" for one in PLAIN))),
    "Python's words": Odd(stream(*PLAIN).replace(b"null", b"None")),
    "damage within": Odd(stream(*PLAIN[:2], '{"choices":[{"delta":{"cont', *PLAIN[2:]), UNREACHABLE, 3),
}

ERRORS = {
    "no credit": Odd(stream({"error": {"message": "x", "code": "insufficient_quota"}}), CREDIT),
    "no credit, as a whole body": Odd(
        json.dumps({"error": {"message": "x", "code": "insufficient_quota"}}).encode(), CREDIT, kind="application/json"
    ),
    "filter within the answer": Odd(stream(*PLAIN[:2], {"error": {"message": "x", "code": "content_filter"}}), REFUSED),
    "error in a choice": Odd(stream(chunk(reason="error", error={"code": "content_filter", "message": "x"})), REFUSED),
    "error beside its chunk": Odd(
        stream({**chunk({"content": ""}, "error"), "error": {"code": "insufficient_quota", "message": "x"}}), CREDIT
    ),
    "error as text": Odd(stream({"error": "CUDA out of memory"}), UNREACHABLE, 3),
    "error as text within": Odd(stream(*PLAIN[:2], {"error": "worker died"}), UNREACHABLE, 3),
    "error by the event's name": Odd(b'event: error\ndata: {"code": "insufficient_quota", "message": "x"}\n\n', CREDIT),
    "error by name, in words": Odd(b"event: error\ndata: upstream went away\n\n", UNREACHABLE, 3),
    "error by its type": Odd(stream({"object": "error", "message": "x", "code": "insufficient_quota"}), CREDIT),
    "error in a list": Odd(json.dumps([{"error": {"code": "insufficient_quota"}}]).encode(), CREDIT),
    "no error after all": Odd(
        stream(*({**one, "error": None} for one in PLAIN[:3]), *({**one, "error": {}} for one in PLAIN[3:]))
    ),
    "wrong key in plain words": Odd(b"Invalid API key: sk-canary", KEY, kind="text/plain"),
    "another body": Odd(b'{"success": false, "message": "try later"}', UNREACHABLE, 3, kind="application/json"),
}

_HM = "Hm, they ask of tides. I say little.\n"
_HARMONY = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"
SPEECH = {
    "think": text(f"<think>\n{_HM}</think>\n\n{GOOD}"),
    "think, letter by letter": Odd(stream(*said(*f"<think>{_HM}</think>{GOOD}"), STOP)),
    "think, whole": Odd(json.dumps(whole(message={"content": f"<think>{_HM}</think>{GOOD}"})).encode()),
    "thinking": text(f"<Thinking>{_HM}a < b</Thinking>{GOOD}"),
    "reasoning": text(f"<reasoning>{_HM}</reasoning>{GOOD}"),
    "thought": text(f"<thought>{_HM}</thought> {GOOD}"),
    "THINK of Mistral": text(f"[THINK]{_HM}[/THINK]{GOOD}"),
    "think of Kimi": text(f"◁think▷{_HM}◁/think▷{GOOD}"),
    "think of LongCat": text(f"<longcat_think>\n{_HM}</longcat_think>\n{GOOD}"),
    "think with attributes": text(f'<think duration="3" a="b">{_HM}</think >{GOOD}'),
    "analysis": text(f"<analysis>\n{_HM}</analysis>\n\n{GOOD}"),
    "think of Seed": text(f"<seed:think>{_HM}</seed:think>{GOOD}"),
    "thinking of Command": text(f"<|START_THINKING|>{_HM}<|END_THINKING|><|START_RESPONSE|>{GOOD}<|END_RESPONSE|>"),
    "thought of MedGemma": text(f"<unused94>thought\n{_HM}<unused95>{GOOD}"),
    "thought of Apertus": text(f"<|inner_prefix|>{_HM}<|inner_suffix|>{GOOD}"),
    "turns of Exaone": text(f"[|assistant|]{GOOD}[|endofturn|]\n[|user|]And then?"),
    "unknown words": Odd(stream(*said("Tides<unk> turn", "<unused7> twice a day.<pad>"), STOP)),
    "channel of Gemma": text(f"<|channel>thought\n{_HM}<channel|>{GOOD}<turn|>"),
    "channels of Harmony": text(f"{_HARMONY}{GOOD}<|return|>"),
    "channels of Harmony without marks": text(f"analysis{_HM}assistantfinal{GOOD}"),
    "words of Granite": text(f"Here is my thought process:\n{_HM}\nHere is my response:\n{GOOD}"),
    "think twice": text(f"<think>{_HM}</think>Tides turn <think>{_HM}</think>twice a day."),
    "think after": text(f"{GOOD}\n<think>{_HM}</think>"),
    "think and answer": text(f"<think>{_HM}</think>\n<answer>{GOOD}</answer>"),
    "unopened": text(f"{_HM}</think>\n\n{GOOD}", framing="chunked", size=90),
    "unopened, as people never speak": text(f"The user asks of tides.</think>{GOOD}"),
    "unopened, whole": Odd(json.dumps(whole(message={"content": f"{_HM}</think>{GOOD}"})).encode()),
    "unclosed": text(f"<think>{_HM}", told=EMPTY, asks=2),
    "unclosed after the answer": text(f"{GOOD}\n<think>{_HM}"),
    "unclosed at the limit": Odd(stream(*said(f"<think>{_HM}"), chunk(reason="length")), THINKING),
    "unopened at the limit": Odd(stream(*said("The user asks of "), chunk(reason="length")), THINKING),
    "reasoning in fields": Odd(
        stream(chunk({"reasoning_content": "Hm."}), chunk({"reasoning": "Hm.", "content": None}), *PLAIN)
    ),
    "reasoning in fields, then a closing tag": Odd(stream(chunk({"reasoning": "Hm."}), *said("</think>", GOOD), STOP)),
    "reasoning in fields, and a reason": Odd(stream(chunk({"reasoning_content": "Hm."}, "stop"), *PLAIN)),
    "reasoning only": Odd(stream(chunk({"reasoning_content": "Tides turn."}), STOP), EMPTY, 2),
    "nothing": Odd(stream(STOP), EMPTY, 2),
    "nothing but spaces": Odd(stream(*said("\n", "  "), STOP), EMPTY, 2),
    "nothing, whole": Odd(json.dumps(whole(message={"content": None})).encode(), EMPTY, 2),
    "no choices, whole": Odd(json.dumps({**WHOLE, "choices": []}).encode(), EMPTY, 2, kind="application/json"),
    "no choices, and cut": Odd(stream({"choices": []}, {"choices": None}, end=""), UNREACHABLE, 3),
    "channels in fields": Odd(stream(chunk({"content": "Hm, hm.", "channel": "analysis"}), *PLAIN)),
    "reasoning with raw characters": Odd(
        stream('{"choices":[{"delta":{"reasoning_content":"Hm,\t","content":null}}]}', *PLAIN)
    ),
    "nothing but done": Odd(stream(), EMPTY, 2),
    "tool call only": Odd(stream(chunk({"tool_calls": [{"index": 0}]}), chunk(reason="tool_calls")), EMPTY, 2),
    "tool call of old": Odd(stream(chunk({"function_call": {"name": "x"}}), chunk(reason="function_call")), EMPTY, 2),
    "tool call as text": text('<tool_call>\n{"name": "x"}\n</tool_call>', told=EMPTY, asks=2),
    "tool call of Qwen as text": text(
        "<function=find>\n<parameter=query>tides</parameter>\n</function>\n</tool_call>", told=EMPTY, asks=2
    ),
    "tool call of Kimi as text": text(
        '<|tool_call_begin|>functions.x:0<|tool_call_argument_begin|>{"a":1}<|tool_call_end|>', told=EMPTY, asks=2
    ),
    "tool call as XML": text('<invoke name="x"><parameter name="q">tides</parameter></invoke>', told=EMPTY, asks=2),
    "tool call as XML, letter by letter": Odd(stream(*said(*'<function=x>{"q": 1}</function>', GOOD), STOP)),
    "tool call after words": Odd(stream(*PLAIN[:-1], chunk({"tool_calls": [{}]}), chunk(reason="tool_calls"))),
    "tokens spent": Odd(stream(chunk({"reasoning": "Hm."}), chunk(reason="length")), THINKING),
    "refusal": Odd(stream(chunk({"refusal": "I won't."}), STOP), REFUSED),
    "refusal as a part": Odd(stream(chunk({"content": [{"type": "refusal", "refusal": "No."}]}), STOP), REFUSED),
    "refusal null": Odd(stream(chunk({"refusal": None, "content": ""}), *PLAIN)),
    "end marks and another turn": text(f"{GOOD}<|im_end|>\n<|im_start|>user\nAnd then?"),
    "end mark, and open": Odd(stream(*said(GOOD, "<|eot_id|>"), end=""), then="hold"),
    "half an end mark": Odd(stream(*said(GOOD, "<|im_e"), STOP)),
    "end mark in pieces": Odd(stream(*said(GOOD, "<", "|", "im", "_end", "|", ">"), STOP)),
    "begin marks": text(f"<s><|im_start|>assistant\n{GOOD}</s>"),
    "header of Llama": text(f"<|start_header_id|>assistant<|end_header_id|>\n\n{GOOD}<|eot_id|>"),
}
SPEECH |= {
    f"mark {mark}": Odd(stream(*said(*_WORDS[:-1], f"day.{mark}"), STOP))
    for mark in (
        *("<|im_end|>", "<|eot_id|>", "</s>", "<end_of_turn>\n", "<|endoftext|>", "<|end|>", "<|return|>", "[/INST]"),
        *("<｜end▁of▁sentence｜>", "</s></s>", "<turn|>", "<|end_of_text|>", "<|unheard_of|>"),
    )
}
SPEECH |= {
    f"untouched: {words}": text(words, told=words)
    for words in (
        *("Use <b>bold</b>, and a < b > c.", 'I "think", <i>I</i> said.', "The `<think>` tag, or '</think>'."),
        *("The <think> tag marks it.", "Write <s>old</s> for old.", "End with `<|im_end|>`.", "[1] is [a](b), not [T"),
        *("Hmm, nine.", "Okay, so nine it is.", "1 <", "if a<b and c|>d", 'He said "no"', "<html> is the root."),
    )
}

ODD = {
    f"{kind}: {name}": case
    for kind, table in {"end": ENDS, "shape": SHAPES, "error": ERRORS, "speech": SPEECH}.items()
    for name, case in table.items()
}
_NAMES = list(ODD)


def build_question(name):
    """Return a question that the server answers by the answer of this name."""
    return f"What of case {_NAMES.index(name)}?"


class OddServer:
    """A server that answers a question of `build_question`. `asks` counts the requests by name."""

    def __init__(self, url):
        self.url = url
        self.asks: Counter[str] = Counter()


@contextlib.asynccontextmanager
async def serve_odd():
    """Serve on the running loop."""

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))
        asked = re.search(r"case (\d+)", json.loads(body)["messages"][-1]["content"])
        name = _NAMES[int(asked[1])] if asked else ""
        server.asks[name] += 1
        await _send(ODD[name], reader, writer)

    async with serve_raw(answer) as target:
        server = OddServer(f"http://{target.host}:{target.port}/v1")
        yield server


async def _send(odd, reader, writer):
    writer.write(odd.head)
    for piece in odd.pieces:
        writer.write(piece)
        await asyncio.sleep(0)  # so that the client reads it now
    if odd.then == "hold":
        await reader.read()
    elif odd.then == "reset":
        await asyncio.sleep(0.05)  # a reset at once may overtake the bytes before it
        option = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        writer.transport.abort()
