#!/bin/sh
# Runs real nginx with these files against an upstream of its own and checks the
# kill switch and the log. Needs nginx, curl and python3; touches one temporary
# directory and two loopback ports (PORT and PORT+1, 18181 unless set).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
port=${PORT:-18181}
upstream=$((port + 1))
work=$(mktemp -d)
chmod 755 "$work"
mkdir -m 755 "$work/kill.d"
pid=
finish() {
    [ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT INT TERM

cp "$here"/tripline.conf "$here"/tripline-kill.conf "$work"
# The commented choices of the file to edit: a model header, a key.
sed -e "s|/run/tripline/kill.d|$work/kill.d|" \
    -e '/^    default "";$/{N;s|default "";\n    # default|default|;}' -e 's|# 7Qm2 7|7Qm2 7|' \
    "$here/tripline-site.conf" >"$work/tripline-site.conf"
sed -e "s|127.0.0.1:18081|127.0.0.1:$port|" -e "s|127.0.0.1:18000|127.0.0.1:$upstream|" \
    -e "s|/tmp/tripline-nginx|$work/nginx|" \
    "$here/example.conf" | sed '$d' >"$work/nginx.conf"
cat >>"$work/nginx.conf" <<CONF
    server {
        listen 127.0.0.1:$upstream;
        access_log off;
        add_header x-ratelimit-limit-tokens 200000;
        add_header x-ratelimit-remaining-tokens 199984;
        add_header llm_provider-x-ratelimit-reset-tokens 5ms;
        location / { return 200 '{"ok":true}'; }
        location /busy { return 503; }
    }
}
CONF
nginx -t -q -p "$work" -c "$work/nginx.conf"
nginx -p "$work" -c "$work/nginx.conf" 2>"$work/errors" &
pid=$!

call() { # PATH [HEADER] -> status and headers on stdout
    curl -s -i --max-time 5 -H 'Authorization: Bearer sk-proj-0123456789abcdef7Qm2' \
        ${2:+-H "$2"} -d '{}' "http://127.0.0.1:$port$1" | tr -d '\r'
}
expect() { # WHAT PATH STATUS [TEXT [HEADER]]
    answer=$(call "$2" "${5:-}" || true)
    status=$(printf '%s\n' "$answer" | sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p')
    if [ "$status" != "$3" ] || ! printf '%s' "$answer" | grep -qiF -- "${4:-}"; then
        printf 'FAILED: %s: wanted %s %s, got:\n%s\n' "$1" "$3" "${4:-}" "$answer"
        cat "$work/errors"
        exit 1
    fi
    echo "ok: $1"
}
stops() { # SCOPE FILE PATH
    : >"$work/kill.d/$2"
    expect "$1 stops" "$3" 503 "X-Kill-Switch: $1"
    expect "$1 says do not retry" "$3" 503 'X-Should-Retry: false'
    expect "$1 answers in JSON" "$3" 503 '"code":"llm_kill_switch"'
    rm "$work/kill.d/$2"
    expect "$1 lets go" "$3" 200
}

tries=50
until call / >/dev/null; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { cat "$work/errors"; exit 1; }
    sleep 0.1
done
chat=/v1/chat/completions
azure=/openai/deployments/gpt-4.1/chat/completions
expect 'traffic flows' "$chat" 200
stops all all.kill "$chat"
stops provider/openai provider.openai.kill "$chat"
stops env/prod env.prod.kill "$chat"
stops 'key/7%51m2' 'key.7%51m2.kill' "$chat"
stops model/openai/gpt-4.1 model.openai.gpt-4.1.kill "$azure"
: >"$work/kill.d/model.openai.gpt-4.1.kill"
expect 'another model flows' "$chat" 200
expect 'a model from a header stops' "$chat" 503 'X-Kill-Switch: model/openai/gpt-4.1' 'X-LLM-Model: gpt-4.1'
expect 'a header that is a path leads nowhere' "$chat" 200 '' 'X-LLM-Model: gpt-4.1.kill/../../kill.d/model.openai.gpt-4.1'
expect 'an encoded path leads nowhere' '/deployments/..%5C..%5Cgpt-4.1/x' 200
mkdir "$work/kill.d/all.kill"
expect 'a directory is no kill file' "$chat" 200
expect 'an upstream 503 is not the switch' /busy 503
if call /busy | grep -qi x-kill-switch; then echo 'FAILED: upstream 503 marked'; exit 1; fi

python3 - "$work/nginx.jsonl" <<'PY'
import json, sys
rows = [json.loads(line) for line in open(sys.argv[1])]
killed = [row for row in rows if row["kill_switch"]]
passed = [row for row in rows if row["status"] == "200"]
assert {row["kill_switch"] for row in killed} == {
    "all", "provider/openai", "env/prod", "key/7%51m2", "model/openai/gpt-4.1"}, killed
assert all(row["status"] == "503" and row["upstream_addr"] == "" for row in killed)
assert all(row["remaining_tokens"] == "199984" and row["reset_tokens"] == "5ms" for row in passed)
assert all(row["key_last4"] == "7Qm2" and row["hostname"] for row in rows)
assert not any("0123456789" in value for row in rows for value in row.values())
print("ok: %d log lines, %d of them refused by the switch" % (len(rows), len(killed)))
PY
