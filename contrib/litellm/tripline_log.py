"""Writes what LiteLLM knows of each call to a file that tripline reads: one JSON object a line.

Register it as `tripline_log.callback`. $TRIPLINE_LITELLM_LOG is the file, by default
/var/log/litellm/tripline.jsonl. Prompts and answers are not written.
"""

import json
import os
import sys

from litellm.integrations.custom_logger import CustomLogger

PATH = os.environ.get("TRIPLINE_LITELLM_LOG", "/var/log/litellm/tripline.jsonl")


def without_content(payload):
    """The payload with all that is in it but what people and models said."""
    kept = {name: value for name, value in payload.items() if name not in ("messages", "response")}
    response = payload.get("response")
    choices = response.get("choices") if isinstance(response, dict) else None
    if choices and isinstance(choices[0], dict):
        kept["response"] = {"choices": [{"finish_reason": choices[0].get("finish_reason")}]}
    return kept


class TriplineLog(CustomLogger):
    async def async_log_success_event(self, kwargs, response_obj, start_time, end_time):
        self.write(kwargs)

    async def async_log_failure_event(self, kwargs, response_obj, start_time, end_time):
        self.write(kwargs)

    def write(self, kwargs):
        payload = kwargs.get("standard_logging_object")
        if payload is None:
            return
        line = json.dumps(without_content(payload), default=str, separators=(",", ":")) + "\n"
        try:
            # Opened for each line: rotation needs no signal. One write of a whole
            # line: workers that share the file do not mix theirs.
            file = os.open(PATH, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
            try:
                os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            # A full disk must not fail calls.
            print(f"tripline_log: {PATH}: {error}", file=sys.stderr)


callback = TriplineLog()
