"""Phrases of refusals: what the common servers write, as patterns over the words of an error body.

Not here: the body's words (refusal_words.py), the order in which phrases are looked for, and their meaning
(model_refusals.py). Threads: none, pure. They were collected from public reports; tests/clients/refusals.jsonl has
refusals with them.
"""

import re
from collections.abc import Callable


def _matcher(*patterns: str) -> Callable[[str], bool]:
    search = re.compile("|".join(patterns), re.MULTILINE).search
    return lambda words: search(words) is not None


# What a server says of a question that it does not want to answer.
says_filter = _matcher(
    r"content_?filter|content_policy|content (?:management )?policy|responsibleai|data_inspection",
    r"content exists risk|considered high risk|\bmoderation\b|\b(?:is|was|were|been|got) flagged",
    r"violat\w+ .{0,60}(?:polic|guideline|terms)|safety (?:system|filter|setting|reason)",
    r"blocked (?:by|due to) .{0,30}(?:safety|guardrail|polic)|prohibited_content",
    r"guardrails? (?:has |have )?(?:intervened|triggered|violat)",
    r"(?:sensitive|inappropriate|unsafe|harmful) content|new_sensitive|敏感内容|不安全",
)
says_too_long = _matcher(
    r"context.?(?:length|window|size)|max_model_len",
    r"too many (?:\w+ )?tokens|max\w* (?:prompt|input|sequence|model) length",
    r"(?:prompt|input|request|message|conversation)s? (?:is |are )?too l|please reduce",
    r"string_above_max|prompt_too_long",
    r"inputs?`? (?:tokens|must have less)|exceed\w* .{0,20}token limit",
    r"token count.{0,40}exceed|prompt contains .{0,40}tokens|tokens? limit (?:is )?exceeded",
    r"(?:prompt|inputs?|messages)\b.{0,60}\bexceed|range of input length|expected maxlength",
    r"prompt[_ ](?:length|tokens?)\b.{0,40}(?:greater|less|over|above)|max length of (?:\w+ )?question",
    r"超长|超过.{0,10}长度",
)
# A 429 of a question that alone exceeds the rate: only a shorter one passes.
says_too_large = _matcher(
    r"request too large|reduce your |tokens must be reduced",
)
says_broke = _matcher(
    r"insufficient[_ ](?:\w+[_ ])?(?:quota|balance|credits?|funds)|exceeded_current_quota|billing_not_active",
    r"billing_?(?:hard)?_?limit|access_terminated|arrearage|payment required",
    r"account .{0,60}(?:suspended|overdue|not active)|(?:spend\w*|hard) (?:limit|cap)\b|credit balance",
    r"(?:no|more|out of|enough|available|add|buy|remaining|your) credits|budget[_ ](?:has been |is |was )?exceeded",
    r"exceeded ?budget|over budget|can only afford",
    r"credits? (?:are|is|have been) (?:depleted|exhausted|used)|balance (?:is )?(?:insufficient|too low|not enough)",
    r"key limit exceeded|run out of|prepa\w+ credits|free allocation|欠费|余额不足|额度(?:不足|已用)|充值",
)
# Also said of a rate, with the pause after which it is restored.
says_quota = _matcher(
    r"exceeded (?:your|its|the) (?:current )?(?:quota|budget|monthly)|quota (?:is |was )?exceeded",
    r"usage limit",
)
says_key = _matcher(
    r"(?:invalid|incorrect|wrong|missing|no|expired|bad|malformed|unknown|valid)[ _](?:\w+ )?(?:x-)?api[-_ ]?key",
    r"api[-_ ]?key.{0,40}(?:not valid|invalid|not found|not exist|expired|incorrect|missing|required)",
    r"api[-_ ]?key.{0,40}(?:disabled|revoked|leaked)",
    r"authentication.?(?:error|fail)|invalid[_ ]auth|unauthenticated|unauthorized|not authenticated",
    r"invalid subscription|auth(?:entication|orization)? (?:credentials|header)",
    r"(?:invalid|missing|expired|bad|no) (?:\w+ )?(?:token|credential)|unregistered callers|permission_?denied",
    r"api key (?:format|is wrong)|login fail|(?:token|credential)s? (?:is |are |has )?(?:invalid|expired|revoked)",
    r"无效的(?:令牌|密钥)|(?:令牌|密钥|api key).{0,10}(?:无效|过期|不正确)",
)
# Neither key nor question: where the request comes from.
says_place = _matcher(
    r"(?:country|region|territory|location)\b.{0,40}\bnot (?:supported|available|allowed)|unsupported_country",
    r"not (?:supported|available) in your (?:country|region)|\bip\b.{0,30}(?:white|allow).?list",
)
says_no_access = _matcher(
    r"model_?not_?found|(?:not|n't) have access to|not allowed to access model|model_access_denied",
    r"access to (?:the )?model|no available channel|无可用渠道",
    r"(?:not|n't) (?:authorized|permitted|allowed) to use (?:the |this )?model",
)
says_no_model = _matcher(
    r"model.?not.?(?:found|available|supported|exist|allowed|support)",
    r"(?:invalid|unknown|no such|unsupported)[_ ]model|not found the model|not a valid model|not a chat model",
    r"no models? (?:is |are )?(?:currently )?(?:loaded|available)",
    r"model.{0,100}(?:(?:not|n't) (?:found|exist|available|loaded|deployed|valid|a valid|supported)|unloaded)",
    r"model.{0,100}(?:decommissioned|deprecated|retired|no longer|unknown|does not support chat)",
    r"(?:unable|failed) to (?:access|load) (?:the )?model|no endpoints found|pulling it first",
    r"not support (?:chat|generate)|deployment_?not_?found|api deployment for this",
    r"no (?:such )?deployment",
    r"supported (?:api )?model names|(?:find|no) model\b|model.{0,100}not served|模型不存在",
)
says_address = _matcher(
    r"^(?:\w*): (?:404 )?(?:page |file |route |resource |url |path )?not found\.?$|invalid (?:url|path)",
    r"cannot (?:get|post) /|unknown (?:request )?(?:url|path|route|endpoint)|unexpected (?:endpoint|path)",
    r"no (?:such )?(?:route|endpoint|path)\b|url\.not_found",
    r"unsupported (?:path|endpoint|url)|http request (?:was sent )?to (?:an )?https",
    r"(?:endpoint|path|route|url|page) .{0,60}(?:not found|not exist|not be found)|not found: /",
)
says_roles = _matcher(
    r"alternat(?:e|es|ing)\b|roles? (?:must|should)|consecutive|after role|message_order",
    r"multiturn|single turn request|(?:start|begin|end)s? with (?:a |an |the )?(?:user|assistant)\b",
    r"(?:first|last) (?:message|turn|role)|roles? (?:are|is) (?:not )?supported|messages.{0,8}role",
    r"unexpected.{0,6}role|(?:unsupported|invalid|unknown|unrecognized|incorrect).{0,12}\brole",
)
says_no_system = _matcher(
    r"\bsystem\W{0,3}(?:role|message|prompt|instruction)?s?\W.{0,40}(?:n[o']t |un)(?:support|allow|enable|permit)",
    r"developer instruction|assistant.{0,20}roles? (?:are|is) supported|got system",
    r"system\W.{0,30}(?:must be|at the begin)|role\W{0,4}(?:system|developer)\b|\bsystem\W{1,3}is not one of",
    r"(?:not|n't) support .{0,20}\bsystem\b|messages\W{0,3}0\W{0,2}role",
)
says_no_stream = _matcher(
    r"^param: stream$|^loc: body\.stream$",
    r"stream(?:ing)?(?: \w+)? (?:is |are )?(?:not|un) ?(?:supported|available|allowed)",
    r"(?:not|n't|un) ?support(?:ed)?:? (?:for )?(?:the )?(?:\w+ )?\W?stream(?:ing)?\b|to stream this model",
    r"only .{0,20}non-?stream|\bstream\W{1,3}(?:must|should|can|may|to) .{0,12}(?:false|not)",
    r"stream ?= ?true .{0,20}not",
    r"without streaming|streaming .{0,30}(?:disabled|not enabled|not implemented|not support)",
    r"requires? stream ?= ?false",
)
says_loading = _matcher(
    r"loading (?:the )?model|model.{0,100}\b(?:loading|starting|warming|initializing)\b",
    r"(?:still|currently) (?:being )?load|model.{0,60}not (?:yet )?(?:ready|loaded yet)|warming up|starting up",
    r"cold start|server is (?:not ready|loading)",
)
says_busy = _matcher(
    r"overload|capacity|too busy|server.{0,6} busy|too many (?:concurrent )?requests|resource_?exhausted",
    r"high demand|queue (?:is )?full|rate.?limit|throttl|slow down",
    r"no (?:available|free) (?:worker|slot|replica|server)|(?:request|qps|calls?) limit reached",
)
# Our fields, and their names in refusals.
FIELDS = {
    "stream_options": r"stream_?options|include_?usage",
    "max_completion_tokens": r"max_?completion_?tokens",
    "max_tokens": r"max_?(?:output_?|new_?)?tokens",
    "temperature": r"\btemperature",
    "reasoning_effort": r"reasoning[_. ]?effort|support (?:thinking|reasoning)|thinking|reasoning is",
    "store": r"^loc: body\.store$|['\"`]store\b|(?:: |-> )store\b",
}
# A refused maximum of the answer, whose words may explain it by the context's length.
names_limit = _matcher(r"^param: max_(?:completion_)?tokens$")
says_parameter = _matcher(
    r"extra_forbidden|extra (?:inputs?|fields?|param)|additional ?propert",
    r"un(?:supported|known|recognized|expected)[_ ]?(?:\w+[_ ])?(?:param|value|arg|field|name|key|prop)",
    r"(?:param|arg)\w* .{0,40}not (?:supported|allowed|permitted)",
)

# Single words, for refusals that no phrase above knows.
hints_at_filter = _matcher(
    r"filtered|\bunsafe|harmful|harm_|jailbreak|\bsafety\b|\bpolic(?:y|ies)\b",
    r"content\b.{0,20}not (?:allowed|permitted)",
)
hints_at_broke = _matcher(
    r"\b(?:quota|credits?|balance|budget)\b.{0,40}(?:exhaust|exceed|reach|used|spent|empty|out\b|low\b|insufficient)",
    r"(?:exhaust|exceed|reach|used|spent|out of|no|insufficient)\w* .{0,30}\b(?:quota|credits?|balance|budget)\b",
    r"\bbilling|top up|recharge|\btrial\b|upgrade your|overdue",
)
hints_at_key = _matcher(r"\bkey\b|authoriz|authentic|\bbearer\b|credential|access denied|log ?in\b")
hints_at_model = _matcher(
    r"^(?:param|loc): (?:body\.)?model$",
    r"\bmodel\b.{0,60}\b(?:invalid|not|isn't|removed|unsupported|unknown|disabled|unavailable|missing)\b",
    r"(?:not|isn't|unsupported|unknown|missing)\b.{0,20}\bmodel\b",
)
# As sure as a failure (500) can be of a name.
hints_at_no_model = _matcher(r"\bmodel\b.{0,60}\b(?:not found|not exist|unknown)\b")
hints_at_system = _matcher(r"\bsystem\b.{0,40}(?:role|message|prompt|instruction|not|n't|user)|role.{0,40}\bsystem\b")
hints_at_roles = _matcher(
    r"\broles?\b|in a row|jinja|\btemplate|\bturns?\b|adjacent|follow(?:ed)? (?:each other|by)",
    r"(?:order of|message) ?order|\buser\b\W{1,8}(?:and\W+|or\W+)?\bassistant\b|messages with the same",
)
hints_at_stream = _matcher(
    r"(?:not|n't|disabled?|cannot|without|no)\b.{0,20}\b(?:stream(?:ing)?|sse)\b",
    r"\b(?:stream(?:ing)?|sse)\b.{0,30}(?:not\b|n't\b|disabled|unavailable|unsupported)",
)
hints_at_length = _matcher(
    r"\btokens?\b.{0,40}(?:exceed|more|limit|greater|larger|(?<!no )longer|<=|>)|n_ctx|too (?:long|large)",
    r"(?:exceed|more|limit|greater|larger|longer|most)\b.{0,40}\b(?:tokens?|maximum (?:size|length))\b",
    r"sequence length|maximum context|<= ?\d+|tokens exceeded",
)
