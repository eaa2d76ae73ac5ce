//! Formats of a user's own: in the configuration, in files beside it, and what
//! the totals are where several lines tell of one call.

use std::fs;

use serde_json::{Value, json};

use super::sandbox::Sandbox;

const CONFIG: &str = r#"
[builtin_rules]
enabled = false
[[cap]]
name = "day"
usd = 100
period = "day"
[[source]]
paths = ["calls.log"]
[[format]]
id = "acme"
detect = ["acme_id", "when"]
trusted_id = true
dedup = "max:output_tokens"
fields = { at = "when", model = "m", key_id = "who", input_tokens = "in", output_tokens = "out", cost_usd = "usd", latency_ms = "ms", dedup_key = "acme_id", status = { path = "fine", map = { true = 200 }, else = 500 } }
"#;

/// A line about the call `id`.
fn line(id: &str, model: &str, output: u32, usd: &str, fine: bool) -> String {
    format!(
        r#"{{"acme_id":"{id}","when":"2026-11-20T15:11:17Z","m":"{model}","who":"k-{model}","in":{output},"out":{output},"usd":{usd},"ms":100,"fine":{fine}}}"#
    ) + "\n"
}

fn totals(log: &str) -> Value {
    let sandbox = Sandbox::new();
    sandbox.file("calls.log", log);
    let config = sandbox.file("config.toml", CONFIG);
    let log = sandbox.path("calls.log");
    let args = ["--config", config.to_str().unwrap(), "replay", "--json", log.to_str().unwrap()];
    sandbox.run(args).ok().json()
}

#[test]
fn a_better_line_takes_the_place_of_a_worse_one_in_every_sum() {
    let other = line("b", "small", 5, "0.5", true);
    let best = line("a", "large", 40, "3", true);
    let grown = [
        line("a", "start", 1, "0.25", false),
        other.clone(),
        line("a", "large", 20, "9", true),
        best.clone(),
        line("a", "large", 30, "7", true),
        other.clone(),
    ];
    let (several, plain) = (totals(&grown.concat()), totals(&[other, best].concat()));
    assert_eq!(several["totals"]["requests"], 2, "{several}");
    assert_eq!(several["totals"]["cost_usd"], "3.500000");
    assert_eq!(several["sources"][0]["duplicates"], 4);
    for part in ["requests", "input_tokens", "output_tokens", "cost_usd"] {
        assert_eq!(several["totals"][part], plain["totals"][part], "{part}");
    }
    assert_eq!(several["caps"], plain["caps"]);
    assert_eq!(several["caps"][0]["spent_usd"], "3.500000");
    let rows = |snapshot: &Value, part: &str, name: &str| {
        let mut rows = snapshot[part].as_array().unwrap().clone();
        // How long a call took is kept where its first line was counted.
        for row in &mut rows {
            row.as_object_mut().unwrap().remove("latency_ms");
        }
        rows.sort_by_key(|row| row[name].to_string());
        rows
    };
    for (part, name) in [("traffic", "model"), ("keys", "key_id")] {
        assert_eq!(rows(&several, part, name), rows(&plain, part, name));
        assert_eq!(rows(&several, part, name).len(), 2);
    }
}

#[test]
fn parse_marks_what_repeats_a_line_before_it() {
    let sandbox = Sandbox::new();
    let config = sandbox.file("config.toml", CONFIG);
    let log =
        [line("a", "m", 1, "1", true), line("b", "m", 1, "1", true), line("a", "m", 2, "1", true)];
    let log = sandbox.file("calls.log", log.concat());
    let args = ["--config", config.to_str().unwrap(), "parse", log.to_str().unwrap()];
    let rows = sandbox.run(args).ok().lines();
    let marked: Vec<_> = rows.iter().map(|row| row["duplicate"].as_bool().unwrap()).collect();
    assert_eq!(marked, [false, false, true]);
    assert!(rows.iter().all(|row| row["format"] == "acme"));
}

#[test]
fn maps_beside_the_configuration_are_read_and_their_mistakes_located() {
    let sandbox = Sandbox::new();
    let config =
        sandbox.file("config.toml", "[[source]]\npaths = [\"x.log\"]\nformat = \"mine\"\n");
    let log = sandbox.file("x.log", "{\"a\":1,\"b\":\"m\",\"ts\":1795187477}\n");
    fs::create_dir(sandbox.path("formats")).unwrap();
    let map = "id = \"mine\"\ndetect = [\"a\", \"b\"]\n[fields]\nat = \"ts\"\nmodel = \"b\"\n";
    let file = sandbox.file("formats/mine.toml", map);
    sandbox.file("formats/notes.txt", "not a map");
    let args = ["--config", config.to_str().unwrap(), "parse", log.to_str().unwrap()];
    let rows = sandbox.run(args).ok().lines();
    assert_eq!((rows[0]["format"].as_str(), rows[0]["model"].as_str()), (Some("mine"), Some("m")));

    fs::write(&file, map.replace("model =", "modle =")).unwrap();
    let refused = sandbox.run(args).exits(78);
    let at = format!("{}:5:1: fields.modle: unknown key; did you mean `model`?", file.display());
    assert!(refused.err().contains(&at), "{}", refused.err());

    fs::write(&file, map).unwrap();
    let twice = format!(
        "{}[[format]]\nid = \"mine\"\nkeep = [{{ hass = \"a\" }}]\n",
        "[[source]]\npaths = [\"x.log\"]\n"
    );
    let config = sandbox.file("config.toml", twice);
    let args = ["--config", config.to_str().unwrap(), "config", "check"];
    sandbox
        .run(args)
        .exits(78)
        .says("config.toml:5:11: keep.hass: unknown key; did you mean `has`?");
}

/// What two sources with these logs add up to.
fn azure(logs: [&str; 2]) -> Value {
    let sandbox = Sandbox::new();
    let [one, two] = ["one.log", "two.log"];
    sandbox.file(one, logs[0]);
    sandbox.file(two, logs[1]);
    let [one, two] = [one, two].map(|name| sandbox.path(name));
    let args = ["replay", "--json", one.to_str().unwrap(), two.to_str().unwrap()];
    // Events come first.
    sandbox.run(args).ok().lines().pop().unwrap()
}

#[test]
fn the_two_records_of_a_call_count_once_with_what_both_say() {
    let sample =
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/logs/samples/azure_apim_llm.jsonl");
    let sample = fs::read_to_string(sample).unwrap();
    let lines: Vec<String> = sample.lines().map(|line| format!("{line}\n")).collect();
    let [usage, text, outcome, refused] = lines.as_slice() else { panic!("{}", lines.len()) };
    let orders = [
        [sample.clone(), String::new()],
        // Each kind of record has a file of its own, and may come again.
        [format!("{outcome}{refused}"), format!("{usage}{text}")],
        [format!("{usage}{text}{usage}"), format!("{outcome}{refused}{outcome}")],
    ];
    for [one, two] in &orders {
        let snapshot = azure([one, two]);
        let totals = &snapshot["totals"];
        assert_eq!(totals["requests"], 2, "{snapshot}");
        assert_eq!((&totals["input_tokens"], &totals["output_tokens"]), (&26.into(), &42.into()));
        assert_eq!(totals["cost_usd"], "0.0000291", "{totals}");
        let rows = snapshot["traffic"].as_array().unwrap();
        let row = rows.iter().find(|row| row["model"] == "gpt-4o-mini-2024-07-18").unwrap();
        assert_eq!((&row["requests"], &row["outcomes"]["ok"]), (&1.into(), &1.0.into()), "{row}");
    }
}

/// What a logging hook writes, in each of the shapes that it may have.
#[test]
fn lines_of_a_hook_and_lines_without_a_time() {
    let sandbox = Sandbox::new();
    let parse = |line: &str| {
        let args = ["parse", "--format", "headers", "--received-at", "2026-11-20T14:00:00Z"];
        sandbox.run_with(&args, line.as_bytes()).ok().lines()
    };
    for headers in [
        r#"{"x-ratelimit-remaining-tokens":"0","retry-after":"7"}"#,
        r#"{"X-RateLimit-Remaining-Tokens":["0"],"Retry-After":[7]}"#,
        r#"[["x-ratelimit-remaining-tokens","0"],["retry-after","7"]]"#,
        r#"["X-Ratelimit-Remaining-Tokens","0",":status","429","Retry-After","7"]"#,
        r#"["x-ratelimit-remaining-tokens: 0","Server: \"a: b\"","retry-after: 7"]"#,
        r#""{\"x-ratelimit-remaining-tokens\":\"0\",\"retry-after\":\"7\"}""#,
        r#""{'x-ratelimit-remaining-tokens': '0', 'server': \"it's\", 'retry-after': '7'}""#,
        r#""Headers({'x-ratelimit-remaining-tokens': '0', 'retry-after': '7'})""#,
        r#""Headers([('x-ratelimit-remaining-tokens', '0'), ('retry-after', '7')])""#,
        r#""HTTP/1.1 429 Too Many\r\nX-RateLimit-Remaining-Tokens: 0\r\nretry-after: 7\r\n\r\n""#,
    ] {
        let line =
            format!(r#"{{"status":429,"provider":"openai","model":"gpt-4o","headers":{headers}}}"#);
        let rows = parse(&(line + "\n"));
        let [call] = rows.as_slice() else { panic!("{rows:#?}") };
        assert_eq!(call["at"], "2026-11-20T14:00:00.000Z", "{headers}");
        assert_eq!((&call["kind"], &call["status"]), (&"request".into(), &429.into()));
        assert_eq!((&call["retry_after_s"], &call["limited_by"]), (&7.0.into(), &"tokens".into()));
        let limit = &call["limits"][0];
        assert_eq!((&limit["resource"], &limit["remaining"]), (&"tokens".into(), &0.into()));
    }
    // What speaks of limits and can't be taken apart is told; what says nothing is not.
    for (headers, faults) in [
        (r#""x-ratelimit-remaining-tokens=0 retry-after=7""#, 1),
        (r#"["x-ratelimit-remaining-tokens"]"#, 1),
        (r#""[redacted]""#, 0),
        (r#""-""#, 0),
        ("7", 0),
    ] {
        let line = format!(r#"{{"status":200,"model":"gpt-4o","headers":{headers}}}"#);
        let rows = parse(&line);
        let told = |row: &&Value| row["reason"] == "header_unreadable" && row["what"] == "headers";
        assert_eq!(rows.iter().filter(told).count(), faults, "{headers}: {rows:#?}");
    }
    let dated = r#"{"at":"2026-11-20T15:11:17Z","status":200,"url":"https://api.openai.com/v1/responses","headers":{}}"#;
    let rows = parse(dated);
    assert_eq!(rows[0]["at"], "2026-11-20T15:11:17.000Z");
    assert_eq!(
        (&rows[0]["provider"], &rows[0]["endpoint"]),
        (&"openai".into(), &"/v1/responses".into())
    );
    let none = ["parse", "--received-at", "yesterday", "-"];
    sandbox.run(none).exits(64).says("yesterday");
}

#[test]
fn two_maps_of_ones_own_cannot_have_one_id() {
    let sandbox = Sandbox::new();
    let map = "[[format]]\nid = \"acme\"\ndetect = [\"a\"]\n";
    let config = sandbox.file("config.toml", format!("{map}{map}"));
    let check = || {
        sandbox.run(["--config".as_ref(), config.as_os_str(), "config".as_ref(), "check".as_ref()])
    };
    check().exits(78).says("config.toml:5:6").says("id: `acme` is the id of another map already");
    fs::write(&config, map).unwrap();
    check().ok();
    fs::create_dir(sandbox.path("formats")).unwrap();
    sandbox.file("formats/mine.toml", "id = \"acme\"\ndetect = [\"b\"]\n");
    check().exits(78).says("is the id of another map already").says("mine.toml");
    // One that is shipped may be replaced.
    sandbox.file("formats/mine.toml", "id = \"app-json\"\ndetect = [\"b\"]\n");
    check().ok();
}

#[test]
fn a_line_of_pairs_says_its_format_and_what_its_names_mean() {
    let sandbox = Sandbox::new();
    let line = "ts=2026-11-20T15:11:17Z model=m status=200 latency_us=812000 promptTokens=26 completionTokens=42 cachedTokens=10 cost_cents=1.25\n";
    let ran = sandbox.run_with(&["parse", "-"], line.as_bytes()).ok();
    let row = ran.json();
    for (field, value) in [
        ("format", json!("app-logfmt")),
        ("latency_ms", json!(812.0)),
        ("input_tokens", json!(26)),
        ("cached_input_tokens", json!(10)),
        ("cost_usd", json!("0.012500")),
    ] {
        assert_eq!(row[field], value, "{row}");
    }
}

#[test]
fn a_provider_is_one_however_its_calls_and_its_cap_write_it() {
    let sandbox = Sandbox::new();
    let line = |provider: &str| {
        let call = json!({
            "ts": "2026-11-20T15:11:17Z", "model": "gpt-4o-mini", "status": 200, "cost_usd": 1.5,
            "provider": provider,
        });
        call.to_string() + "\n"
    };
    let calls: String =
        ["OpenAI", "openai", "openai.chat", "OPENAI", "gcp.gemini"].map(line).concat();
    let log = sandbox.file("calls.log", calls);
    for cap in ["openai", "OpenAI"] {
        let config = format!(
            "[[source]]\npaths = [\"calls.log\"]\n[[cap]]\nname = \"openai\"\nusd = 100\n\
             period = \"day\"\nmatch = {{ provider = \"{cap}\" }}\n"
        );
        let config = sandbox.file("config.toml", config);
        let args =
            ["--config", config.to_str().unwrap(), "replay", "--json", log.to_str().unwrap()];
        let snapshot = sandbox.run(args).ok().lines().pop().unwrap();
        assert_eq!(snapshot["caps"][0]["spent_usd"], "6.000000", "{cap}: {snapshot}");
        let rows = snapshot["traffic"].as_array().unwrap();
        let mut providers: Vec<_> = rows.iter().map(|row| row["provider"].as_str()).collect();
        providers.sort_unstable();
        assert_eq!(providers, [Some("gemini"), Some("openai")]);
    }
}

#[test]
fn a_row_of_limits_says_whose_they_are() {
    let sandbox = Sandbox::new();
    let page = "# TYPE litellm_remaining_requests_metric gauge\n\
        litellm_remaining_requests_metric{api_provider=\"openai\",litellm_model_name=\"gpt-4o\"} 14\n";
    let rows = sandbox.run_with(&["parse"], page.as_bytes()).ok().lines();
    let row = rows.iter().find(|row| row["kind"] == "limits").unwrap();
    assert_eq!((&row["provider"], &row["limits"][0]["remaining"]), (&"openai".into(), &14.into()));
}

#[test]
fn a_limiter_that_counts_money_has_one_limit_whatever_is_left() {
    let sandbox = Sandbox::new();
    let line = |id: i64, headers: Value| {
        let call = json!({
            "request": {"id": id.to_string(), "uri": "/openai", "method": "POST"},
            "upstream_uri": "/v1/chat/completions", "started_at": 1_795_187_477_000_i64 + id,
            "latencies": {"request": 3, "kong": 3, "proxy": 1},
            "response": {"status": 200, "headers": headers},
        });
        call.to_string() + "\n"
    };
    let money = |left: &str| {
        json!({"x-ai-ratelimit-limit-minute-openai": "1000",
            "x-ai-ratelimit-remaining-minute-openai": left})
    };
    // Two instances of one rule are two limits.
    let instances = json!({"x-ai-1-ratelimit-limit-a": "100", "x-ai-1-ratelimit-remaining-a": "90",
        "x-ai-1-ratelimit-limit-b": "100", "x-ai-1-ratelimit-remaining-b": "50"});
    let lines = [
        line(1, money("1000")),
        line(2, money("999.5")),
        line(3, money("998")),
        line(4, instances),
    ];
    let log = sandbox.file("kong.log", lines.concat());
    let picture = sandbox.once(&log);
    let mut limits: Vec<String> = (picture["limits"].as_array().unwrap().iter())
        .map(|limit| format!("{} {} {}", limit["label"], limit["resource"], limit["remaining"]))
        .collect();
    limits.sort();
    assert_eq!(limits, [r#""1/a" "tokens" 90"#, r#""1/b" "tokens" 50"#, r#""openai" "spend" 998"#]);
}
