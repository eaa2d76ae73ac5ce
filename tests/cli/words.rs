//! What the text says: one name for one thing, no forecast that two commands tell
//! apart, and nothing calm where callers are refused.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::sandbox::{Sandbox, here, now, rfc3339};

fn ago(seconds: u64) -> String {
    rfc3339(SystemTime::now() - Duration::from_secs(seconds))
}

/// A call of so long ago, with more fields.
fn call(seconds: u64, more: &str) -> String {
    format!("{{\"at\":\"{}\",\"latency_ms\":20,{more}}}\n", ago(seconds))
}

fn requests_left(left: u32) -> String {
    let reset = f64::from(500 - left) / 500.0 * 60.0;
    format!(
        r#""status":200,"headers":{{"x-ratelimit-limit-requests":"500","x-ratelimit-remaining-requests":"{left}","x-ratelimit-reset-requests":"{reset:.3}s"}}"#
    )
}

#[test]
fn a_limit_has_one_name_wherever_it_is_named() {
    let sandbox = Sandbox::new();
    let openai = r#""provider":"openai","model":"gpt-4o","#;
    for (who, name) in [("", "provider? RPM"), (openai, "openai gpt-4o RPM")] {
        let lines: String = (0..12u32)
            .map(|n| call(u64::from(12 - n), &(who.to_owned() + &requests_left(60 - 5 * n))))
            .collect();
        let log = sandbox.file("gw.jsonl", lines);
        let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
        let line = |start: &str| said.lines().find(|line| line.starts_with(start)).unwrap();
        assert!(line("WARNING: ").contains(name), "{said}");
        assert!(line(&format!("  {name}: ")).contains("of 500 left"), "{said}");
        let alert = said.lines().find(|line| line.contains("limit-low"));
        assert!(alert.is_some_and(|line| line.contains(&format!("{name}: left"))), "{said}");
    }
}

#[test]
fn a_refusal_that_states_no_cause_says_who_was_refused() {
    let sandbox = Sandbox::new();
    let log =
        sandbox.file("gw.jsonl", call(1, r#""provider":"openai","model":"gpt-4o","status":429"#));
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.starts_with("CRITICAL: openai gpt-4o REFUSED, cause not stated"), "{said}");
    assert!(said.contains("  openai gpt-4o LIMIT: REFUSED, cause not stated"), "{said}");
    let told = sandbox.run(["replay".as_ref(), log.as_os_str()]).ok().out();
    assert!(told.contains("openai gpt-4o refused, cause not stated"), "{told}");
    // An alert on it has no number that anybody stated.
    let alert = said.lines().find(|line| line.contains(" limit-low ")).unwrap();
    assert!(alert.ends_with("limit-low openai gpt-4o: refused, limit not stated"), "{alert}");
    // Long after it, nothing is known but that it was.
    let old = call(90_000, r#""provider":"openai","model":"gpt-4o","status":429"#);
    let log = sandbox.file("gw.jsonl", old);
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.contains("LIMIT: was refused, limit not stated, 25.0 h old STALE"), "{said}");
    assert!(said.contains("  1 line ("), "{said}");
}

#[test]
fn who_is_refused_by_a_limit_is_told_which_one() {
    let sandbox = Sandbox::new();
    // Too old for the limit itself to be exhausted still.
    let refused: String = (20..30)
        .map(|n| call(n, r#""provider":"p","model":"m","status":429,"headers":{"x-ratelimit-limit-tokens":"100","x-ratelimit-remaining-tokens":"0","retry-after":"1"}"#))
        .collect();
    let passed: String = (1..10)
        .map(|n| call(10 - n, r#""provider":"p","model":"m","status":200,"headers":{"x-ratelimit-limit-tokens":"100","x-ratelimit-remaining-tokens":"90"}"#))
        .collect();
    let log = sandbox.file("gw.jsonl", refused + &passed);
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.contains("refused by its token limit"), "{said}");
    let none = sandbox.file("none.jsonl", "{\"level\":\"info\",\"msg\":\"up\"}\n");
    let said = sandbox.run(["once".as_ref(), none.as_os_str()]).exits(65).out();
    assert!(!said.contains("No call in the last minute"), "{said}");
}

#[test]
fn one_of_a_thing_is_one_and_a_multiple_has_its_unit() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.jsonl", "");
    let config = format!(
        "[[source]]\npaths = [{:?}]\n[[cap]]\nname = \"day\"\nusd = 1\nperiod = \"day\"\n[builtin_rules]\nenabled = false\n[[rule]]\nname = \"burns\"\nmetric = \"spend.burn_rate\"\nabove = 2\nfor = \"0s\"\n",
        log.to_str().unwrap()
    );
    let config = sandbox.file("config.toml", config);
    let with = |args: &[&str]| {
        sandbox.run([&["--config", config.to_str().unwrap()], args].concat()).ok().out()
    };
    assert!(with(&["config", "check"]).contains("ok (1 source, 1 cap, 1 rule)"));
    assert!(with(&["once"]).contains("No line yet from 1 source; "));
    let lines: String = (0..20)
        .map(|n| call(30 - n, r#""provider":"p","model":"m","status":200,"cost_usd":0.01"#))
        .collect();
    sandbox.file("gw.jsonl", lines);
    let said = with(&["once"]);
    let alert = said.lines().find(|line| line.contains(" burns ")).unwrap();
    assert!(alert.contains(": burn rate ") && alert.ends_with("x, above 2.0x"), "{alert}");
    let none = sandbox.file("none.log", "hello\n");
    let said = sandbox.run(["once".as_ref(), none.as_os_str()]).exits(65).out();
    assert!(said.starts_with("CRITICAL: The only line was not understood: "), "{said}");
}

#[test]
fn a_look_waits_for_nothing_and_judges_only_what_is_there_in_the_end() {
    let sandbox = Sandbox::new();
    // Calls whose times can't be read count, and too many of them are no peace.
    let times = here("tests/corpus/hostile/30-time.jsonl");
    let said = sandbox.run(["once".as_ref(), times.as_os_str()]).ok().out();
    assert!(said.starts_with("CRITICAL: "), "{said}");
    assert!(said.contains(": lines not fully understood 58%"), "{said}");
    assert!(said.contains("calls 43 ") && said.contains("lines or parts not understood 25"));
    let alert = said.lines().find(|line| line.contains(" source-faults ")).unwrap();
    assert!(alert.trim_start().starts_with("firing"), "{alert}");
    // A limit that was low in between, and is not any more, is no alert.
    let left = |seconds: u64, left: u32| {
        let headers = format!(
            r#""provider":"p","model":"m","status":200,"headers":{{"x-ratelimit-limit-tokens":"100","x-ratelimit-remaining-tokens":"{left}"}}"#
        );
        call(seconds, &headers).repeat(400)
    };
    let log = sandbox.file("gw.jsonl", left(40, 90) + &left(30, 5) + &left(20, 90));
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.starts_with("OK: ") && !said.contains("limit-low"), "{said}");
    let log = sandbox.file("gw.jsonl", left(40, 90) + &left(30, 5));
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    let alert = said.lines().find(|line| line.contains(" limit-low ")).unwrap();
    assert!(alert.trim_start().starts_with("firing"), "{said}");
}

#[test]
fn an_endpoint_that_refuses_every_call_is_not_ok() {
    let sandbox = Sandbox::new();
    let at = |n: u64, path: &str, status: u16| {
        let more = format!(
            r#""provider":"openai","model":"gpt-4o","endpoint":"{path}","status":{status}"#
        );
        call(n, &more)
    };
    // The refusals are too old for any of them to stand.
    let refused: String = (20..24).map(|n| at(n, "/v1/embeddings", 429)).collect();
    let passed: String = (1..40).map(|n| at(n, "/v1/chat/completions", 200)).collect();
    let log = sandbox.file("gw.jsonl", refused + &passed);
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    let verdict = "WARNING: openai gpt-4o /v1/embeddings 100% refused, cause not stated";
    assert!(said.starts_with(verdict), "{said}");
    // One that fails is told apart, and one that works is calm.
    let failed: String = (20..24).map(|n| at(n, "/v1/embeddings", 500)).collect();
    let log = sandbox.file("gw.jsonl", failed + &passed);
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.starts_with("WARNING: openai gpt-4o /v1/embeddings failing 100%"), "{said}");
    // So is what nobody would take, and what was not answered in time.
    for (status, expected) in [
        (401, "100% rejected with a key that does not work"),
        (404, "100% rejected as bad requests"),
        (504, "timing out 100%"),
    ] {
        let bad: String = (20..24).map(|n| at(n, "/v1/embeddings", status)).collect();
        let log = sandbox.file("gw.jsonl", bad + &passed);
        let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
        let verdict = format!("WARNING: openai gpt-4o /v1/embeddings {expected}");
        assert!(said.starts_with(&verdict), "{said}");
    }
    // A client that is wrong now and then is not.
    let wrong: String = (20..24).map(|n| at(n, "/v1/chat/completions", 400)).collect();
    for log in [wrong + &passed, passed] {
        let log = sandbox.file("gw.jsonl", log);
        let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
        assert!(said.starts_with("OK: "), "{said}");
    }
}

#[test]
fn what_is_empty_and_says_no_size_is_exhausted_until_its_reset() {
    let sandbox = Sandbox::new();
    let empty = |n: u64| {
        let headers = r#""x-ratelimit-remaining-tokens":"0","x-ratelimit-reset-tokens":"45s""#;
        let more =
            format!(r#""provider":"openai","model":"gpt-4o","status":200,"headers":{{{headers}}}"#);
        call(n, &more)
    };
    for (seconds, expected) in [(5, "CRITICAL: openai gpt-4o TPM EXHAUSTED"), (50, "OK: ")] {
        let log = sandbox.file("gw.jsonl", empty(seconds));
        let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
        assert!(said.starts_with(expected), "{said}");
        assert!(!said.contains("no rate-limit headers"), "{said}");
    }
}

/// One page says one thing: what a rule judged is what stands beside the limit, what is worked
/// out is said to be, and what nobody has heard of since its reset is not full but unknown.
#[test]
fn a_limit_and_its_alert_are_of_one_mind() {
    let sandbox = Sandbox::new();
    let once = |log: String| {
        let log = sandbox.file("gw.jsonl", log);
        let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
        let mut seen = sandbox.once(&log);
        (said, seen["limits"][0].take())
    };
    let row = |said: &str, name: &str| {
        let start = format!("  {name}: ");
        let row = said.lines().find(|line| line.starts_with(&start));
        row.unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let openai = |seconds: u64, left: u32| {
        let more = format!(r#""provider":"openai","model":"gpt-4o",{}"#, requests_left(left));
        call(seconds, &more)
    };
    let emptied = |seconds: u64| (0..30).map(|n| openai(seconds + 29 - n, 0)).collect::<String>();
    // The alert is about the reading; what came back since is worked out, and said to be.
    let (said, seen) = once(emptied(20));
    let told = row(&said, "openai gpt-4o RPM");
    assert!(
        told.contains(": about 1") && told.contains(" of 500 left, 0 when last read"),
        "{said}"
    );
    assert_eq!(seen["remaining_when_read"], 0.0, "{seen}");
    assert!(seen["remaining"].as_f64().unwrap() > 100.0, "{seen}");
    // Its reset is past, and nothing was heard since.
    let fixed = |reset: &str| {
        let headers = format!(
            r#""ratelimit-policy":"50;w=60","ratelimit-limit":"50","ratelimit-remaining":"2"{reset}"#
        );
        let more = format!(r#""provider":"corp","model":"m","status":200,"headers":{{{headers}}}"#);
        call(300, &more)
    };
    let windowed = (fixed(r#","ratelimit-reset":"57""#), "corp RPM");
    for (log, name) in [windowed, (openai(300, 40), "openai gpt-4o RPM")] {
        let (said, seen) = once(log);
        let told = row(&said, name);
        assert!(
            told.contains(": was reset, not heard since, ") && told.ends_with(" STALE"),
            "{said}"
        );
        assert!(!told.contains("left"), "{said}");
        assert_eq!((&seen["stale"], seen.get("remaining")), (&true.into(), None), "{seen}");
        assert_eq!((seen.get("used_ratio"), &seen["state"]), (None, &"unknown".into()), "{seen}");
    }
    // Of one that said no reset, the last word stands, with its age.
    let (said, _) = once(fixed(""));
    assert!(row(&said, "corp RPM").contains(": 2 of 50 left, 5 min old STALE"), "{said}");
}

/// Nobody knows whose spend is the largest while some of it has no price.
#[test]
fn a_share_of_spend_that_nobody_knows_is_not_nothing() {
    let sandbox = Sandbox::new();
    let of = |key: &str, model: &str, n: u64| {
        call(
            n,
            &format!(
                r#""provider":"openai","model":"{model}","key_id":"{key}","status":200,"input_tokens":100000,"output_tokens":10"#
            ),
        )
    };
    let calls: String =
        (1..30).map(|n| of("web", "gpt-4o", n) + &of("secret", "gpt-unheard-of", n)).collect();
    let log = sandbox.file("gw.jsonl", calls);
    let args = ["once".as_ref(), "--json".as_ref(), log.as_os_str()];
    let picture = sandbox.run(args).ok().json();
    let key = |name: &str| {
        let mut keys = picture["keys"].as_array().unwrap().iter();
        keys.find(|key| key["key_id"] == name).unwrap().clone()
    };
    assert_eq!(key("secret").get("share"), None, "{picture:#}");
    assert_eq!(key("web")["share"], 1.0);
    let verdict = picture["verdict"].as_str().unwrap();
    assert!(!verdict.contains("100% of spend"), "{verdict}");
}

/// Refusals that are in no rate any more: that nothing is known is not that all is well.
#[test]
fn a_log_that_ended_with_refusals_a_while_ago_is_not_ok() {
    let sandbox = Sandbox::new();
    let calls: String = (75..100)
        .rev()
        .map(|n| {
            call(
                n,
                &format!(
                    r#""provider":"p","model":"m","status":{}"#,
                    if n < 90 { 429 } else { 200 }
                ),
            )
        })
        .collect();
    let log = sandbox.file("gw.jsonl", calls);
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.starts_with("UNKNOWN: The newest line is "), "{said}");
    assert!(said.contains("calls 25  failed 15  "), "{said}");
}

#[test]
fn a_refusal_is_one_under_every_usual_name_of_its_status() {
    let sandbox = Sandbox::new();
    let outcome = |line: &str| sandbox.run_with(&["parse", "-"], line.as_bytes()).ok().json();
    let failed = ["status", "statusCode", "http.response.status_code", "response.status"];
    for name in failed.into_iter().chain(["http.status_code", "upstream_status", "res.status"]) {
        for line in [
            format!("time={} provider=openai model=gpt-4o {name}=429 duration_ms=3", now()),
            format!(
                r#"{{"time":"{}","provider":"openai","model":"gpt-4o","{name}":429,"duration_ms":3}}"#,
                now()
            ),
        ] {
            assert_eq!(outcome(&line)["outcome"], "rate_limited", "{line}");
        }
    }
    for name in ["exc_info", "stack_trace", "traceback", "exception"] {
        let line = format!(
            r#"{{"time":"{}","provider":"openai","model":"gpt-4o","duration_ms":3,"{name}":"Traceback\nopenai.RateLimitError: Error code: 429"}}"#,
            now()
        );
        assert_eq!(outcome(&line)["outcome"], "rate_limited", "{line}");
    }
}

const CAP: &str = "[[cap]]\nname = \"month\"\nusd = 20\nperiod = \"168h\"\n";

fn spending(seconds: std::ops::RangeInclusive<u64>) -> String {
    let lines = seconds
        .rev()
        .map(|n| call(n, r#""provider":"openai","model":"gpt-4o","status":200,"cost_usd":"0.05""#));
    lines.collect()
}

#[test]
fn one_log_has_one_rate_whoever_reads_it() {
    let sandbox = Sandbox::new();
    let config = sandbox.file("c.toml", CAP);
    let ask = |command: &str, log: &std::path::Path| -> Value {
        let args = ["--config".as_ref(), config.as_os_str(), command.as_ref(), "--json".as_ref()];
        sandbox.run(args.into_iter().chain([log.as_os_str()])).ok().lines().pop().unwrap()
    };
    let rate = |snapshot: &Value| {
        snapshot["caps"][0]["usd_per_hour"].as_str().map(|rate| rate.parse::<f64>().unwrap())
    };
    let log = sandbox.file("gw.jsonl", spending(0..=60));
    let (once, replay) = (ask("once", &log), ask("replay", &log));
    for snapshot in [&once, &replay] {
        let rate = rate(snapshot).unwrap();
        // A machine that is busy reads it some seconds later, when less is recent.
        assert!((100.0..190.0).contains(&rate), "180 dollars an hour: {rate}");
        let cap_in = snapshot["caps"][0]["cap_in_s"].as_f64().unwrap();
        assert!((300.0..700.0).contains(&cap_in), "{cap_in}");
        let calls = snapshot["traffic"][0]["requests_per_s"].as_f64().unwrap();
        assert!((0.3..1.1).contains(&calls), "{calls}");
    }
    // Of three seconds nobody knows a rate, which is not a high one.
    let replay = ask("replay", &sandbox.file("gw.jsonl", spending(0..=3)));
    // A clock that runs ahead: all of it is of just now.
    let ahead = rfc3339(SystemTime::now() + Duration::from_secs(3000));
    let line = format!(
        "{{\"at\":\"{ahead}\",\"provider\":\"openai\",\"model\":\"gpt-4o\",\"status\":200,\"cost_usd\":\"0.05\"}}\n"
    );
    let log = sandbox.file("gw.jsonl", line.repeat(4));
    for snapshot in [&replay, &ask("once", &log)] {
        assert_eq!(rate(snapshot), None);
        assert!(snapshot["caps"][0].get("cap_in_s").is_none());
        assert!(snapshot["traffic"][0].get("requests_per_s").is_none());
    }
    let text = |log: &std::path::Path| {
        let args = ["--config".as_ref(), config.as_os_str(), "once".as_ref(), log.as_os_str()];
        sandbox.run(args).ok().out()
    };
    let said = text(&log);
    assert!(said.contains("openai gpt-4o  ?/s"), "{said}");
    // What the verdict says of who it was has a subject; of one alone it says nothing.
    let unnamed = spending(0..=60);
    let said = text(&sandbox.file("gw.jsonl", unnamed.clone()));
    assert!(!said.contains(" of spend by "), "{said}");
    let newest = unnamed.lines().last().unwrap();
    let named = newest.replacen('{', "{\"key\":\"k-1\",", 1);
    let said = text(&sandbox.file("gw.jsonl", unnamed.clone() + &named + "\n"));
    assert!(said.contains(" of spend by calls with no key logged."), "{said}");
}

#[test]
fn what_is_old_looks_old() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.jsonl", spending(40..=70));
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.contains("TRAFFIC (last minute; newest line 4"), "{said}");
}

#[test]
fn a_refusals_reset_changes_no_window() {
    let sandbox = Sandbox::new();
    let log = here("tests/corpus/logs/samples/caddy_access.jsonl");
    let mut windows = Vec::new();
    for line in sandbox.run(["parse".as_ref(), log.as_os_str()]).ok().lines() {
        let limits = line["limits"].as_array().cloned().unwrap_or_default();
        windows.extend(
            limits
                .into_iter()
                .filter(|limit| limit["resource"] == "requests")
                .map(|limit| (line["status"].as_u64(), limit["window_s"].as_u64())),
        );
    }
    // By itself such a line does not tell; beside the others it changes nothing.
    let told = |(status, window): &(Option<u64>, Option<u64>)| match status {
        Some(429) => window.is_none(),
        _ => *window == Some(60),
    };
    let refused = windows.iter().filter(|(status, _)| *status == Some(429)).count();
    assert!(refused >= 2 && windows.iter().all(told), "{windows:?}");
    let end = sandbox.run(["replay".as_ref(), "--json".as_ref(), log.as_os_str()]).ok().lines();
    let limits = end.last().unwrap()["limits"].as_array().unwrap().clone();
    let openai = limits.iter().filter(|limit| limit["limit"] == 500);
    let windows: Vec<_> = openai.map(|limit| limit["window_s"].clone()).collect();
    assert_eq!(windows, [60]);
}

#[test]
fn a_configuration_is_read_as_it_was_meant_or_said_to_be_wrong() {
    let sandbox = Sandbox::new();
    let check = |text: &str| {
        let file = sandbox.file("c.toml", text);
        sandbox.run(["--config".as_ref(), file.as_os_str(), "config".as_ref(), "check".as_ref()])
    };
    check("[[cap]]\nname = \"a\"\nperiod = \"day\"\nusd = \"500\"\n")
        .exits(78)
        .says("c.toml:4:7: 'usd' must be an amount in dollars such as 12.50, not a string")
        .says("\n      ^^^^^\n")
        .says("hint: leave the quotes out; money is in US dollars: 500");
    check("[[format]]\nid = \"x\"\n[fields]\nat = \"when\"\n")
        .exits(78)
        .says("c.toml:3:2: unknown key 'fields'")
        .says("hint: a part of the [[format]] above it is written [format.fields]");
    check("[[rule]]\nname = \"r\"\n[match]\nprovider = \"openai\"\n")
        .says("hint: a part of the [[rule]] above it is written [rule.match]");
    let here = sandbox.file("here.log", "");
    let paths = format!(
        "[[source]]\nname = \"gw\"\npaths = [{here:?}, \"/nowhere/*.log\", \"/nowhere/x.log\"]\n"
    );
    let said = check(&paths).ok().out();
    let lines: Vec<&str> = said.lines().skip(1).collect();
    assert_eq!(
        lines,
        [
            "warning: source 'gw': /nowhere/*.log: no file matches",
            "warning: source 'gw': /nowhere/x.log: nothing is there yet",
        ]
    );
    let two = |more: &str| {
        let pattern = sandbox.path("h*.log");
        let one = format!("[[source]]\nname = \"gw\"\npaths = [\"/nowhere/*.log\", {here:?}]\n");
        let said =
            check(&format!("{one}[[source]]\nname = \"too\"\npaths = [{pattern:?}]\n{more}"));
        let said = said.ok().out();
        said.lines().skip(2).map(str::to_owned).collect::<Vec<_>>()
    };
    let twice = format!(
        "warning: source 'too': {}: source 'gw' counts it too, and calls without an id count \
         twice; `count = false` in one of them, unless that is meant",
        here.display()
    );
    assert_eq!(two(""), [twice]);
    assert_eq!(two("count = false\n"), [""; 0]);
    let empty = sandbox.file("c.toml", "timezone = \"UTC\"\n");
    let args = ["--config".as_ref(), empty.as_os_str(), "once".as_ref()];
    sandbox.run(args).exits(78).says("there is no [[source]]");
}

#[test]
fn an_unknown_format_is_answered_in_a_line() {
    let sandbox = Sandbox::new();
    for (name, said) in [
        ("nope", "tripline: no format `nope`\n"),
        ("ngnix-json", "tripline: no format `ngnix-json`; did you mean `nginx-json`?\n"),
        (
            "nginx",
            "tripline: no format `nginx`; did you mean `nginx-combined` or `nginx-error` or `nginx-json`?\n",
        ),
    ] {
        let ran = sandbox.run(["formats", name]).exits(64);
        assert_eq!(ran.err(), format!("{said}hint: `tripline formats` lists them all\n"));
    }
    let dir = sandbox.path("");
    let ran = sandbox.run(["parse".as_ref(), dir.as_os_str()]).exits(69).says("a directory");
    assert!(!ran.err().contains("use `-`"), "{}", ran.err());
}

#[test]
fn calls_that_a_stop_from_elsewhere_refuses_do_not_pass() {
    let sandbox = Sandbox::new();
    let killed = r#""provider":"openai","model":"gpt-4o","status":503,"kill_switch":"all""#;
    let log = sandbox.file("gw.jsonl", (1..40).map(|n| call(n, killed)).collect::<String>());
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    let verdict = "WARNING: all calls of the last minute were refused by a kill switch, and none \
                   stands in ";
    assert!(said.starts_with(verdict), "{said}");
    assert!(said.contains("/state/kill.d."), "{said}");
    assert!(!said.contains("Calls pass"), "{said}");
    assert_eq!(sandbox.once(&log)["state"], "warning");
    // Of one model among others it says which.
    let others = r#""provider":"anthropic","model":"claude","status":200"#;
    let passed: String = (1..40).map(|n| call(n, others)).collect();
    let log =
        sandbox.file("gw.jsonl", (1..40).map(|n| call(n, killed)).collect::<String>() + &passed);
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.starts_with("WARNING: all calls of openai gpt-4o were refused"), "{said}");
    // Where one stands here, that says it.
    sandbox.run(["switch", "trip", "all", "--reason", "x"]).ok();
    let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
    assert!(said.starts_with("CRITICAL: KILL all tripped"), "{said}");
    assert!(!said.contains("none stands"), "{said}");
}

#[test]
fn no_endpoint_that_is_down_hides_behind_another() {
    let sandbox = Sandbox::new();
    let lines = |who: &[(&str, u16)]| -> String {
        let of = |(provider, status): &(&str, u16)| {
            let more = format!(r#""provider":"{provider}","model":"m","status":{status}"#);
            (1..=9u64).map(|n| call(n, &more)).collect::<String>()
        };
        who.iter().map(of).collect()
    };
    let well = ("groq", 200);
    for (who, verdict) in [
        (&[well, ("openai", 500)][..], "openai m failing 100%."),
        (&[well, ("openai", 500), ("anthropic", 503)], "anthropic m failing 100% (and openai m)."),
        (
            &[well, ("openai", 500), ("anthropic", 503), ("xai", 404)],
            "anthropic m failing 100% (and openai m, 1 more).",
        ),
    ] {
        let log = sandbox.file("gw.jsonl", lines(who) + &lines(&[well]));
        let said = sandbox.run(["once".as_ref(), log.as_os_str()]).ok().out();
        assert!(said.starts_with(&format!("WARNING: {verdict}")), "{said}");
        // Whoever is down stands before whoever has more calls.
        let traffic = sandbox.once(&log)["traffic"].clone();
        assert_eq!(traffic[who.len() - 1]["provider"], "groq", "{traffic}");
    }
}

#[test]
fn a_share_is_rounded_as_everywhere_else() {
    let sandbox = Sandbox::new();
    let cost = r#""provider":"p","model":"m","status":200,"cost_usd":"0.01""#;
    let free = r#""provider":"p","model":"nobody-knows-it","status":200,"input_tokens":9,"output_tokens":9"#;
    let config = sandbox.file("c.toml", "[[cap]]\nname = \"day\"\nusd = 3\nperiod = \"day\"\n");
    let log = sandbox.file("gw.jsonl", call(1, cost).repeat(11) + &call(1, free).repeat(7));
    let args = ["--config".as_ref(), config.as_os_str(), "once".as_ref(), log.as_os_str()];
    let said = sandbox.run(args).ok().out();
    assert!(said.contains("7 calls, 39% of those answered"), "{said}");
}
