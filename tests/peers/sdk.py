"""Calls a chat API through the SDKs: one JSON request a line in, one answer a line out."""

import json
import sys

import anthropic
import openai

base, key = sys.argv[1:3]
apis = {
    "openai": openai.OpenAI(base_url=base + "/v1", api_key=key, timeout=20),
    "anthropic": anthropic.Anthropic(base_url=base, api_key=key, timeout=20),
}


def openai_call(create, asked, common):
    if not asked["stream"]:
        answer = create(**common)
        return 1, answer.choices[0].message.content, tokens(answer.usage)
    usage, pieces = None, []
    for chunk in create(**common, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        pieces += [choice.delta.content for choice in chunk.choices if choice.delta.content]
    return len(pieces), "".join(pieces), tokens(usage)


def anthropic_call(create, asked, common):
    if not asked["stream"]:
        answer = create(**common)
        return 1, answer.content[0].text, tokens(answer.usage)
    usage, pieces = {}, []
    for event in create(**common, stream=True):
        if event.type == "message_start":
            usage = tokens(event.message.usage)
        elif event.type == "content_block_delta":
            pieces.append(event.delta.text)
        elif event.type == "message_delta":
            usage["output"] = event.usage.output_tokens
    return len(pieces), "".join(pieces), usage


def tokens(usage):
    """Tokens as tripline counts them: input with what came from a cache."""
    if hasattr(usage, "prompt_tokens"):
        return {"input": usage.prompt_tokens, "output": usage.completion_tokens}
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return {"input": usage.input_tokens + cached, "output": usage.output_tokens}


def call(asked):
    api = apis[asked["dialect"]].with_options(max_retries=asked["max_retries"])
    common = {
        "model": asked["model"],
        "messages": [{"role": "user", "content": "word " * (asked["characters"] // 5)}],
        "max_tokens": asked["max_tokens"],
        "extra_headers": {"X-LLM-Model": asked["model"]},
    }
    if asked["dialect"] == "openai":
        pieces, text, used = openai_call(api.chat.completions.create, asked, common)
    else:
        pieces, text, used = anthropic_call(api.messages.create, asked, common)
    return {"status": 200, "pieces": pieces, "text": text, **used}


for line in sys.stdin:
    try:
        told = call(json.loads(line))
    except (openai.APIStatusError, anthropic.APIStatusError) as error:
        told = {
            "status": error.status_code,
            "raised": type(error).__name__,
            "code": getattr(error, "code", None),
            "headers": {name.lower(): value for name, value in error.response.headers.items()},
        }
    print(json.dumps(told), flush=True)
