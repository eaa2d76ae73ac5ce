//! `replay`: old logs on their own clock, the same each time.

use serde_json::{Value, json};
use tripline::domain::Wall;

use super::contract;
use super::sandbox::{Sandbox, here};

/// 2026-11-20T14:00:00Z
const START: i64 = 1_795_183_200;

const CONFIG: &str = r#"
[[cap]]
name = "day"
usd = 3
period = "day"
[[rule]]
name = "tpm-low"
metric = "limit.remaining_ratio"
match = { resource = "tokens" }
below = 0.10
for = "5s"
min_requests = 5
severity = "critical"
actions = ["trip:model"]
"#;

/// Five minutes of a call a second; tokens run out in the second one.
fn log() -> String {
    let call = |second: i64| {
        let left =
            if (60..120).contains(&second) { 120_000 - 2000 * (second - 60) } else { 150_000 };
        json!({
            "at": Wall::from_secs(START + second).rfc3339(), "provider": "openai", "model": "gpt-4o",
            "status": if left < 2000 { 429 } else { 200 }, "latency_ms": 300, "cost_usd": "0.0125",
            "headers": {
                "x-ratelimit-limit-tokens": "200000",
                "x-ratelimit-remaining-tokens": left.to_string(),
                "x-ratelimit-reset-tokens": format!("{}ms", (200_000 - left) * 3 / 10),
            },
        })
    };
    (0..300).map(|second| format!("{}\n", call(second))).collect()
}

#[test]
fn events_come_first_then_the_snapshot_and_the_same_each_time() {
    let sandbox = Sandbox::new();
    let (log, config) = (sandbox.file("a.log", log()), sandbox.file("c.toml", CONFIG));
    let run = || {
        let args = ["--config".as_ref(), config.as_os_str(), "replay".as_ref(), "--json".as_ref()];
        sandbox.run(args.into_iter().chain([log.as_os_str()])).ok()
    };
    let first = run();
    assert_eq!(first.out(), run().out(), "the same log gives the same output");
    let rows = first.lines();
    let (snapshot, events) = rows.split_last().unwrap();
    assert_eq!(contract::snapshot(snapshot), [""; 0]);
    let wrong: Vec<String> = events.iter().flat_map(contract::event).collect();
    assert_eq!(wrong, [""; 0]);
    let times: Vec<&str> = events.iter().map(|event| event["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(times.iter().all(|at| at.starts_with("2026-11-20T14:0")), "the logs' own clock");
    let fired = |rule: &str| {
        let fired = |event: &&Value| event["event"] == "alert.firing" && event["rule"] == rule;
        events.iter().find(fired).unwrap_or_else(|| panic!("{rule} never fired: {events:#?}"))
    };
    assert_eq!(fired("tpm-low")["would"], json!(["trip model/openai/gpt-4o"]));
    assert_eq!(fired("tpm-low")["severity"], "critical");
    assert_eq!(fired("spend-cap")["labels"]["cap"], "day");
    assert_eq!(snapshot["totals"]["requests"], 300);
    assert_eq!(snapshot["totals"]["cost_usd"], "3.750000");
    assert_eq!(snapshot["caps"][0]["spent_usd"], "3.750000");
    assert_eq!(snapshot["at"], "2026-11-20T14:04:59.000Z");
    // Effects are shown, never carried out.
    assert!(!sandbox.path("state/kill.d").exists());
    assert_eq!(snapshot["switches"], json!([]));
}

#[test]
fn a_part_of_the_time_can_be_chosen() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("a.log", log());
    let log = log.to_str().unwrap();
    let requests = |args: &[&str]| {
        let ran = sandbox.run([&["replay", "--json", log], args].concat()).ok();
        ran.lines().last().unwrap()["totals"]["requests"].as_u64().unwrap()
    };
    let (from, to) = ("2026-11-20T14:01:00Z", "2026-11-20T14:01:59Z");
    assert_eq!(requests(&["--from", from]), 240);
    assert_eq!(requests(&["--to", to]), 120);
    assert_eq!(requests(&["--from", from, "--to", to]), 60);
    assert_eq!(requests(&["--from", "2030-01-01T00:00:00Z"]), 0);
}

#[test]
fn several_files_are_merged_by_time() {
    let sandbox = Sandbox::new();
    let all = log();
    let (even, odd): (Vec<_>, Vec<_>) = all.lines().enumerate().partition(|(n, _)| n % 2 == 0);
    let text = |lines: Vec<(usize, &str)>| -> String {
        lines.into_iter().map(|(_, line)| format!("{line}\n")).collect()
    };
    let (even, odd) = (sandbox.file("even.log", text(even)), sandbox.file("odd.log", text(odd)));
    let whole = sandbox.file("whole.log", all);
    let events = |logs: &[&std::path::PathBuf]| {
        let args = ["replay".as_ref(), "--json".as_ref()].into_iter();
        let rows = sandbox.run(args.chain(logs.iter().map(|log| log.as_os_str()))).ok().lines();
        rows.into_iter().filter(|row| row["event"].is_string()).collect::<Vec<_>>()
    };
    let merged = events(&[&odd, &even]);
    assert!(!merged.is_empty());
    assert_eq!(merged, events(&[&whole]));
}

#[test]
fn the_clock_begins_at_the_first_time_that_a_line_bears() {
    let sandbox = Sandbox::new();
    let call = |second: u32| {
        format!(
            "{{\"at\":\"2026-11-20T14:00:{second:02}Z\",\"model\":\"m\",\"status\":200,\"latency_ms\":5}}\n"
        )
    };
    // What stands before it is of then, be it a banner or a call.
    let untimed = "{\"model\":\"m\",\"status\":200,\"latency_ms\":5}\n";
    let text = format!("starting\n{untimed}{}{}", call(7), call(9));
    let log = sandbox.file("gw.log", text);
    let other = sandbox.file("other.log", call(3));
    let paths = [log.to_str().unwrap(), other.to_str().unwrap()];
    let said = sandbox.run([&["replay"], &paths[..]].concat()).ok().out();
    assert!(said.contains("replayed 2026-11-20T14:00:03"), "{said}");
    assert!(said.contains(" to 2026-11-20T14:00:09") && said.contains("calls 4 "), "{said}");
    assert!(!said.contains("1970") && !said.contains("silent"), "{said}");
    // Of several hundreds of such lines too, and where a real log begins with them.
    let log = sandbox.file("long.log", untimed.repeat(3000) + &call(7));
    let said = sandbox.run(["replay".as_ref(), log.as_os_str()]).ok().out();
    let stretch = "replayed 2026-11-20T14:00:07.000Z to 2026-11-20T14:00:07.000Z";
    assert!(said.contains(stretch) && said.contains("calls 3001 "), "{said}");
    let log = here("tests/corpus/logs/samples/litellm_json_logs_stdout.log");
    for args in [["replay"].as_slice(), &["replay", "--json"]] {
        let said = sandbox.run(args.iter().map(AsRef::as_ref).chain([log.as_os_str()])).ok().out();
        assert!(!said.contains("1970"), "{said}");
    }
}

#[test]
fn logs_in_which_no_line_bears_a_time_say_so() {
    let sandbox = Sandbox::new();
    let calls = "{\"model\":\"m\",\"status\":200,\"latency_ms\":5}\n";
    let cases = [
        ("calls", calls.repeat(20), 0, "calls: none of its 20 lines bears a time of its own"),
        ("more", calls.repeat(20_000), 0, "more: none of its first "),
        ("junk", "\u{1}\u{2}\n".repeat(3), 65, "junk: none of its 3 lines bears a time of its own"),
        ("one", "night\n".to_owned(), 65, "one: its only line bears no time of its own"),
        ("empty", String::new(), 0, ""),
    ];
    for (name, text, code, told) in cases {
        let log = sandbox.file(name, text);
        for args in [["replay"].as_slice(), &["replay", "--json"]] {
            let args = args.iter().map(AsRef::as_ref).chain([log.as_os_str()]);
            let said = sandbox.run(args).exits(code).out();
            assert!(said.contains(told), "{name}: {said}");
            assert!(!said.contains("1970") && !said.contains("replayed"), "{name}: {said}");
        }
    }
}

#[test]
fn a_stretch_that_ends_before_it_begins_is_refused_and_one_without_a_line_is_unknown() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("a.log", log());
    let (early, late) = ("2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z");
    let run = |stretch: &[&str]| {
        let args = [&["replay", "--json"], stretch].concat();
        sandbox.run(args.iter().map(AsRef::as_ref).chain([log.as_os_str()]))
    };
    run(&["--from", late, "--to", early]).exits(64).says("nothing lies between");
    for stretch in [["--from", "2026-11-20T15:00:00Z"].as_slice(), &["--from", early, "--to", late]]
    {
        let said = run(stretch).ok();
        let rows = said.lines();
        let (picture, events) = rows.split_last().unwrap();
        assert_eq!(picture["state"], "unknown", "{picture}");
        let told = events.iter().any(|event| {
            event["summary"].as_str().unwrap().starts_with("no line lies in the stretch")
        });
        assert!(told, "{events:?}");
    }
}

#[test]
fn queues_of_one_class_add_up() {
    let sandbox = Sandbox::new();
    let line = |second: u32, word: &str, depth: u32| {
        let at = format!("2026-11-20T14:00:{second:02}Z");
        json!({ "kind": "queue", "at": at, "queue": "llm", "priority": word, "depth": depth })
    };
    let lines = [
        line(0, "critical", 7),
        line(0, "urgent", 5),
        line(1, "low", 1),
        line(1, "critical", 8),
        line(2, "bulk", 3),
        line(2, "batch", 2),
    ];
    let log = sandbox.file("q.log", lines.map(|line| format!("{line}\n")).concat());
    let said = sandbox.run(["replay".as_ref(), "--json".as_ref(), log.as_os_str()]).ok();
    let rows = said.lines();
    let queues = rows.last().unwrap()["queues"].as_array().unwrap().clone();
    let depth = |word: &str| {
        let mut of = queues.iter().filter(|queue| queue["priority"] == word);
        (of.next().unwrap()["depth"].as_u64().unwrap(), of.count())
    };
    assert_eq!(depth("critical"), (13, 0));
    assert_eq!(depth("low"), (6, 0));
}

#[test]
fn what_was_said_to_be_pending_is_said_to_be_over() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("a.log", log());
    let config = sandbox.file("c.toml", CONFIG.replace("for = \"5s\"", "for = \"1m\""));
    let args = ["--config".as_ref(), config.as_os_str(), "replay".as_ref(), "--json".as_ref()];
    let said = sandbox.run(args.into_iter().chain([log.as_os_str()])).ok().lines();
    let of_rule = said.iter().filter(|row| row["rule"] == "tpm-low");
    let events: Vec<&Value> = of_rule.map(|row| &row["event"]).collect();
    assert_eq!(events, ["alert.pending", "alert.resolved"]);
}

/// A cap that is reached before anybody had to hear of it.
#[test]
fn of_a_cap_that_is_spent_nothing_is_said_to_come() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("a.log", log());
    let said = |usd: &str| {
        let config = sandbox.file("c.toml", CONFIG.replace("usd = 3", usd));
        let args = ["--config".as_ref(), config.as_os_str(), "replay".as_ref(), "--json".as_ref()];
        sandbox.run(args.into_iter().chain([log.as_os_str()])).ok().lines()
    };
    let rows = said("usd = 0.5");
    let of_rule: Vec<_> = rows.iter().filter(|row| row["rule"] == "spend-cap-soon").collect();
    let kinds: Vec<&Value> = of_rule.iter().map(|row| &row["event"]).collect();
    assert_eq!(kinds, ["alert.pending", "alert.resolved"]);
    let withdrawn = "withdrawn before it fired: day: the cap is spent";
    assert_eq!(of_rule[1]["summary"], withdrawn);
    // Or after.
    let rows = said("usd = 2");
    let alerts = rows.last().unwrap()["alerts"].as_array().unwrap();
    let alert = alerts.iter().find(|alert| alert["rule"] == "spend-cap-soon").unwrap();
    assert_eq!(
        (&alert["state"], &alert["summary"]),
        (&json!("firing"), &json!("day: the cap is spent"))
    );
}

/// A misspelt name looks like peace.
#[test]
fn a_rule_that_nothing_was_heard_of_for_a_day_is_told() {
    let sandbox = Sandbox::new();
    let rule = |name: &str, rest: &str| {
        format!("[[rule]]\nname = {name:?}\nfor = \"1s\"\nmin_requests = 5\n{rest}\n")
    };
    let config = [
        rule(
            "trips",
            "metric = \"errors.ratio\"\nmatch = { provider = \"opnai\", model = \"gpt-4o\" }\nabove = 0.5\nactions = [\"trip:all\"]",
        ),
        rule("shows", "metric = \"queue.depth\"\nabove = 9"),
        rule("source", "metric = \"source.silent_s\"\nmatch = { source = \"gatway\" }\nabove = 9"),
        rule("late", "metric = \"errors.ratio\"\nmatch = { provider = \"mistral\" }\nabove = 0.5"),
        rule("right", "metric = \"errors.ratio\"\nmatch = { provider = \"openai\" }\nabove = 0.5"),
        rule(
            "fires",
            "metric = \"errors.ratio\"\nmatch = { provider = \"x\" }\nabove = 0.5\non_no_data = \"fire\"",
        ),
    ];
    let config = sandbox.file("c.toml", config.concat());
    let call = |hours: i64, provider: &str| {
        let at = Wall::from_secs(START + hours * 3600).rfc3339();
        format!(
            "{{\"at\":\"{at}\",\"provider\":\"{provider}\",\"model\":\"m\",\"status\":200,\"latency_ms\":9}}\n"
        )
    };
    let told = |calls: &[(i64, &str)]| {
        let log: String = calls.iter().map(|(hours, provider)| call(*hours, provider)).collect();
        let log = sandbox.file("a.log", log);
        let args = ["--config".as_ref(), config.as_os_str(), "replay".as_ref(), "--json".as_ref()];
        let rows = sandbox.run(args.into_iter().chain([log.as_os_str()])).ok().lines();
        let (snapshot, events) = rows.split_last().unwrap();
        let events =
            events.iter().filter(|event| event["labels"]["kind"] == "rule_matched_nothing");
        // The newest comes first.
        let found = snapshot["findings"].as_array().unwrap().iter().rev();
        let found = found.filter(|finding| finding["kind"] == "rule_matched_nothing");
        (events.cloned().collect::<Vec<_>>(), found.cloned().collect::<Vec<_>>())
    };
    assert_eq!(told(&[(0, "openai"), (23, "openai")]), (vec![], vec![]));
    let (events, found) = told(&[(0, "openai"), (12, "openai"), (25, "openai"), (50, "openai")]);
    let texts: Vec<&str> = found.iter().map(|found| found["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "rule trips has matched nothing in 24 h, and trips nothing: there was no errors.ratio of \
             model = \"gpt-4o\", provider = \"opnai\"; is its match right?",
            "rule shows has matched nothing in 24 h: there was no queue.depth; is its match right?",
            "rule source has matched nothing in 24 h: there was no source.silent_s of \
             source = \"gatway\"; is its match right?",
            "rule late has matched nothing in 24 h: there was no errors.ratio of \
             provider = \"mistral\"; is its match right?",
        ]
    );
    assert_eq!((&found[0]["severity"], found[1].get("severity")), (&"warning".into(), None));
    assert_eq!(events.len(), 4, "each is told once: {events:#?}");
    // It is taken back when there is something.
    let (events, found) = told(&[(0, "openai"), (25, "openai"), (26, "mistral"), (27, "openai")]);
    assert_eq!((events.len(), found.len()), (4, 3), "{found:#?}");
}

/// 700 models, keys and users, each with a cap of its own that is spent.
#[test]
fn what_a_picture_has_no_room_for_is_counted() {
    let sandbox = Sandbox::new();
    let call = |n: i64| {
        let call = json!({
            "at": Wall::from_millis(START * 1000 + n * 10).rfc3339(), "provider": "p",
            "model": format!("m{n}"), "key_id": format!("k{n}"), "user": format!("u{n}"),
            "status": 200, "latency_ms": 5, "cost_usd": "0.001",
        });
        format!("{call}\n")
    };
    let log = sandbox.file("a.log", (0..700).map(call).collect::<String>());
    let config = "[builtin_rules]\nenabled = false\n\
                  [[cap]]\nname = \"each\"\nusd = 0.0005\nperiod = \"day\"\neach = \"user\"\n";
    let config = sandbox.file("c.toml", config);
    let run = |json: &[&str]| {
        let args = ["--config".as_ref(), config.as_os_str(), "replay".as_ref()];
        let json = json.iter().map(AsRef::as_ref);
        sandbox.run(args.into_iter().chain(json).chain([log.as_os_str()])).ok()
    };
    let rows = run(&["--json"]).lines();
    let snapshot = rows.last().unwrap();
    assert_eq!(contract::snapshot(snapshot), [""; 0]);
    assert_eq!(snapshot["totals"]["requests"], 700);
    for section in ["caps", "traffic", "keys"] {
        assert_eq!(snapshot[section].as_array().unwrap().len(), 500, "{section}");
    }
    let left_out = json!({ "caps": 200, "traffic": 200, "keys": 200 });
    assert_eq!(snapshot["left_out"], left_out);
    let text = run(&[]).out();
    assert!(text.contains(" and 699 more."), "{text}");
    assert_eq!(text.matches("\n  and 680 more\n").count(), 2, "{text}");
}

#[test]
fn of_what_is_no_log_once_and_replay_say_the_same() {
    let sandbox = Sandbox::new();
    let text = sandbox.file("text.log", "this is some text\nof a few lines\nand no log\n");
    let of = |command: &str| {
        let args = [command.as_ref(), "--json".as_ref(), text.as_os_str()];
        sandbox.run(args).exits(65).lines().pop().unwrap()
    };
    let (once, replay) = (of("once"), of("replay"));
    for field in ["state", "verdict"] {
        assert_eq!(once[field], replay[field], "{field}");
    }
    // A rule that is critical fires: whatever is logged there, nothing guards it.
    assert_eq!(once["state"], "critical");
    assert_eq!(once["alerts"][0]["state"], replay["alerts"][0]["state"]);
}

/// A share that was last heard above its line, and calls that come no more.
#[test]
fn what_is_withdrawn_while_it_crosses_says_why() {
    let sandbox = Sandbox::new();
    let rule = "[[rule]]\nname = \"failing\"\nmetric = \"errors.ratio\"\nabove = 0.05\n\
                for = \"3m\"\nseverity = \"warning\"\n";
    let config = sandbox.file("c.toml", rule);
    let call = |second: i64, status: u16, model: &str| {
        let at = Wall::from_secs(START + second).rfc3339();
        json!({"at": at, "provider": "p", "model": model, "status": status}).to_string() + "\n"
    };
    let failing = (0..30).map(|second| call(second, 500, "m"));
    let others = (0..300).map(|second| call(second, 200, "well"));
    let log = sandbox.file("a.log", failing.chain(others).collect::<String>());
    let args = ["--config".as_ref(), config.as_os_str(), "replay".as_ref(), "--json".as_ref()];
    let rows = sandbox.run(args.into_iter().chain([log.as_os_str()])).ok().lines();
    let ended =
        rows.iter().find(|row| row["event"] == "alert.resolved" && row["rule"] == "failing");
    let said = ended.unwrap()["summary"].as_str().unwrap();
    assert!(said.starts_with("withdrawn before it fired, no calls any more: p m"), "{said}");
}
