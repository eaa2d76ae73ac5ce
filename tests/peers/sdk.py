"""Calls a chat API through the OpenAI SDK: one JSON request a line in, one answer a line out."""

import json
import sys

import openai

client = openai.OpenAI(base_url=sys.argv[1], api_key=sys.argv[2], timeout=20)


def call(asked):
    answer = client.with_options(max_retries=asked["max_retries"]).chat.completions.create(
        model=asked["model"],
        messages=[{"role": "user", "content": "word " * (asked["characters"] // 5)}],
        max_tokens=asked["max_tokens"],
        stream=asked["stream"],
        extra_headers={"X-LLM-Model": asked["model"]},
    )
    if not asked["stream"]:
        return {"status": 200, "pieces": 1, "text": answer.choices[0].message.content}
    pieces = [chunk.choices[0].delta.content for chunk in answer if chunk.choices]
    pieces = [piece for piece in pieces if piece]
    return {"status": 200, "pieces": len(pieces), "text": "".join(pieces)}


for line in sys.stdin:
    try:
        told = call(json.loads(line))
    except openai.APIStatusError as error:
        told = {
            "status": error.status_code,
            "raised": type(error).__name__,
            "code": error.code,
            "headers": {name.lower(): value for name, value in error.response.headers.items()},
        }
    print(json.dumps(told), flush=True)
