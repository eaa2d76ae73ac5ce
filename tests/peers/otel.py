"""Calls a chat API through the instrumented OpenAI SDK and writes the spans as the
OpenTelemetry collector's file exporter does: one batch of OTLP JSON a line.

    otel.py BASE_URL FILE

Prints what the client saw: {"requests": …, "input": …, "output": …, "refused": …}.
"""

import base64
import json
import sys

import openai
from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult


def in_hex(value):
    """Ids are bytes: base64 in protobuf's JSON, hex in OTLP's."""
    if isinstance(value, list):
        return [in_hex(item) for item in value]
    if not isinstance(value, dict):
        return value
    ids = ("traceId", "spanId", "parentSpanId")
    return {
        name: base64.b64decode(item).hex() if name in ids else in_hex(item)
        for name, item in value.items()
    }


class FileExporter(SpanExporter):
    def __init__(self, path):
        self.file = open(path, "a")

    def export(self, spans):
        batch = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
        self.file.write(json.dumps(in_hex(batch), separators=(",", ":")) + "\n")
        self.file.flush()
        return SpanExportResult.SUCCESS

    def shutdown(self):
        self.file.close()


provider = TracerProvider(resource=Resource.create({"deployment.environment.name": "prod"}))
provider.add_span_processor(BatchSpanProcessor(FileExporter(sys.argv[2])))
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(base_url=sys.argv[1], api_key="sk-test", max_retries=0, timeout=20)
seen = {"requests": 0, "input": 0, "output": 0, "refused": 0}


def call(characters, max_tokens, stream=False):
    seen["requests"] += 1
    more = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    try:
        answer = client.chat.completions.create(
            model="gpt-4o",
            messages=[{"role": "user", "content": "word " * (characters // 5)}],
            max_tokens=max_tokens,
            **more,
        )
    except openai.RateLimitError:
        seen["refused"] += 1
        return
    usage = [chunk.usage for chunk in answer][-1] if stream else answer.usage
    seen["input"] += usage.prompt_tokens
    seen["output"] += usage.completion_tokens


for _ in range(3):
    call(2000, 20)
for _ in range(2):
    call(1000, 60, stream=True)
# More than a minute's tokens.
call(10, 100_000)
provider.shutdown()
print(json.dumps(seen), flush=True)
