"""tripline's kill switch for LiteLLM: refuses model calls while a kill file exists.

Register it as `tripline_kill.callback`. $TRIPLINE_KILL_DIR is the switch directory, by
default /run/tripline/kill.d; $TRIPLINE_ENV the name of this environment, if it has one.
The directory is looked at before each call, so a trip or a reset needs no restart.
"""

import hashlib
import os

from fastapi import HTTPException
from litellm.integrations.custom_logger import CustomLogger

DIR = os.environ.get("TRIPLINE_KILL_DIR", "/run/tripline/kill.d")
ENVIRONMENT = os.environ.get("TRIPLINE_ENV", "")
PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789._-")
# What a file's name has room for before `.kill`.
LONGEST = 195


def encoded(name, plain=PLAIN):
    """A name as it stands in a file name: what is not plain, and a leading dot, is %XX."""
    safe = "".join(chr(byte) if byte in plain else f"%{byte:02X}" for byte in name.encode())
    return "%2E" + safe[1:] if safe.startswith(".") else safe


def scopes(provider, model, key):
    """The scopes that a call is in, the widest first, in parts as in file names."""
    yield ("all",)
    if provider:
        yield "provider", encoded(provider)
    if ENVIRONMENT:
        yield "env", encoded(ENVIRONMENT)
    if provider and model:
        # The first dot ends the provider's name.
        yield "model", encoded(provider, PLAIN - {ord(".")}), encoded(model)
    if key:
        yield "key", encoded(key)


def stopped(scope):
    """Whether a switch is tripped. Whatever is not a clear no stops the call: fail closed."""
    stem = ".".join(scope)
    if len(stem) > LONGEST:
        digest = hashlib.sha256(stem.encode()).hexdigest()[:32]
        stem = f"{stem[: LONGEST - 33]}+{digest}"
    try:
        os.stat(os.path.join(DIR, f"{stem}.kill"))
    except FileNotFoundError:
        # Without its directory a switch could not be tripped at all.
        return not os.path.isdir(DIR)
    except OSError:
        return True
    return True


def targets(router, model):
    """Where LiteLLM may send a call: (provider, model) of each deployment of this name."""
    deployments = (router.get_model_list(model_name=model) if router else None) or []
    found = {deployment["litellm_params"]["model"] for deployment in deployments} or {model or ""}
    for name in sorted(found):
        provider, slash, rest = name.partition("/")
        yield (provider, rest) if slash else ("", name)


def name_of(caller):
    """What tripline calls the caller's key."""
    return caller.key_alias or (caller.api_key or "")[:8]


class TriplineKill(CustomLogger):
    async def async_pre_call_hook(self, user_api_key_dict, cache, data, call_type):
        # Not there before the proxy has started.
        from litellm.proxy.proxy_server import llm_router

        key = name_of(user_api_key_dict)
        for provider, model in targets(llm_router, data.get("model")):
            for scope in scopes(provider, model, key):
                if stopped(scope):
                    raise refusal("/".join(scope))
        return data


def refusal(scope):
    message = f"LLM traffic is stopped by the on-call kill switch ({scope})"
    return HTTPException(
        status_code=503,
        detail={"error": {"type": "kill_switch", "code": "llm_kill_switch", "message": message}},
        headers={"X-Should-Retry": "false", "X-Kill-Switch": scope, "Cache-Control": "no-store"},
    )


callback = TriplineKill()
