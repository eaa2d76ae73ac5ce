//! `once` and `parse` over real, hostile and hopeless logs.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tripline::domain::Wall;

use super::contract;
use super::sandbox::{Sandbox, corpus_logs, here, now};

#[test]
fn once_keeps_the_contract_on_every_log() {
    let sandbox = Sandbox::new();
    for log in corpus_logs() {
        let snapshot = sandbox.once(&log);
        assert_eq!(contract::snapshot(&snapshot), [""; 0], "{}", log.display());
        let source = &snapshot["sources"][0];
        let bytes = source["bytes"].as_u64().unwrap() + source["pending_bytes"].as_u64().unwrap();
        assert_eq!(bytes, fs::metadata(&log).unwrap().len(), "{}: bytes add up", log.display());
    }
}

#[test]
fn compressed_logs_say_what_the_plain_ones_say() {
    let sandbox = Sandbox::new();
    let log = here("tests/corpus/hostile/10-numbers.jsonl");
    let log = if log.exists() { log } else { corpus_logs().remove(0) };
    let plain = fs::read(&log).unwrap();
    // Two members, cut in the middle of a line.
    let (first, second) = plain.split_at(plain.len() / 2);
    let mut packed = Vec::new();
    for part in [first, second] {
        let mut member = GzEncoder::new(&mut packed, Compression::fast());
        member.write_all(part).unwrap();
        member.finish().unwrap();
    }
    let zipped = sandbox.file("app.log.1.gz", packed);
    let (a, b) = (sandbox.once(&log), sandbox.once(&zipped));
    assert_eq!(a["totals"], b["totals"]);
    assert!(b["totals"]["requests"].as_u64().unwrap() > 0);
    assert_eq!(b["sources"][0]["bytes"], plain.len());
    let pattern = sandbox.path("app.log*.gz");
    assert_eq!(sandbox.once(&pattern)["totals"], a["totals"], "a pattern that ends in .gz");
    let parse = |path: &Path| sandbox.run(["parse".as_ref(), path.as_os_str()]).ok().0.stdout;
    assert_eq!(parse(&log).len(), parse(&zipped).len());
    let replay = |path: &Path| {
        let args = ["replay".as_ref(), "--json".as_ref(), path.as_os_str()];
        sandbox.run(args).ok().lines().pop().unwrap()["totals"].clone()
    };
    assert_eq!(replay(&log), replay(&zipped));
    let broken = sandbox.file("broken.log.gz", "there is no gzip in here\n");
    let said = sandbox.run(["parse".as_ref(), broken.as_os_str()]);
    assert!(!said.0.status.success());
    let said = String::from_utf8_lossy(&said.0.stderr).into_owned();
    assert!(said.contains("invalid gzip header"), "{said}");
}

#[test]
fn hostile_logs_add_up_to_exactly_what_they_must() {
    let expected = fs::read(here("tests/corpus/hostile/expect.json")).unwrap();
    let expected: BTreeMap<String, Value> = serde_json::from_slice(&expected).unwrap();
    let mut files = 0;
    for (name, expected) in expected.iter().filter(|(name, _)| name.contains(".jsonl")) {
        let path = here("tests/corpus/hostile").join(name);
        if !path.exists() {
            continue;
        }
        let snapshot = Sandbox::new().once(&path);
        let totals = &snapshot["totals"];
        assert_eq!(totals["requests"], expected["counted"], "{name}");
        assert_eq!(totals["quarantined"], expected["quarantined"], "{name}");
        assert_eq!(snapshot["sources"][0]["blank"], expected["blank"], "{name}");
        assert_eq!(
            nanos(totals["cost_usd"].as_str().unwrap()),
            expected["spend_nano"].as_i64().unwrap(),
            "{name}"
        );
        if expected["quarantined"].as_u64() > Some(0) {
            assert!(snapshot.to_string().contains("source-quarantined"), "{name}: never silent");
        }
        files += 1;
    }
    assert_eq!(files, 13);
}

#[test]
fn quarantined_lines_are_critical_from_one_in_a_hundred_and_one_of_a_few_is_a_warning() {
    let sandbox = Sandbox::new();
    let hostile = here("tests/corpus/hostile/10-cost.jsonl");
    let cost = |usd: &str| {
        format!("{{\"at\":\"{}\",\"model\":\"m\",\"status\":200,\"cost_usd\":{usd}}}\n", now())
    };
    let good = cost("1");
    let file = |name, bad: &str, of: usize| sandbox.file(name, bad.to_owned() + &good.repeat(of));
    let share = "source-quarantined-share";
    for (log, state, fires, quiet) in [
        (hostile, "critical", [share, "source-cost-implausible"].as_slice(), [].as_slice()),
        (file("many", &cost("-5").repeat(5), 300), "critical", &[share], &[]),
        // Few, and a small share of many.
        (file("one", &cost("-5"), 49), "warning", &["source-quarantined"], &[share]),
        (file("few", &cost("-5").repeat(5), 700), "warning", &["source-quarantined"], &[share]),
        (
            file("dear", &cost("1000.000000001"), 300),
            "critical",
            &["source-cost-implausible"],
            &[share],
        ),
    ] {
        let snapshot = sandbox.once(&log);
        let name = log.display();
        assert_eq!(snapshot["state"], state, "{name}: {snapshot:#}");
        let firing = |rule: &str| {
            let alerts = snapshot["alerts"].as_array().unwrap();
            alerts.iter().any(|alert| alert["rule"] == rule && alert["state"] == "firing")
        };
        assert!(fires.iter().all(|rule| firing(rule)), "{name}: {snapshot:#}");
        assert!(!quiet.iter().any(|rule| firing(rule)), "{name}: {snapshot:#}");
    }
}

#[test]
fn parse_prints_one_good_object_for_each_line_and_nothing_raw() {
    let sandbox = Sandbox::new();
    for log in corpus_logs() {
        let ran = sandbox.run(["parse".as_ref(), log.as_os_str()]).ok();
        let name = log.display();
        assert!(!ran.0.stdout.iter().any(|b| *b < b' ' && *b != b'\n'), "{name}: raw control");
        let mut lines = BTreeMap::new();
        for row in ran.lines() {
            assert_eq!(contract::observation(&row), [""; 0], "{name}: {row}");
            if row["kind"] != "fault" {
                *lines.entry(row["line"].as_u64().unwrap()).or_insert(0) += 1;
            }
        }
        // A line of telemetry, of an exported list, or a document holds many records.
        let several = log.extension().is_some_and(|kind| kind == "har" || kind == "json")
            || log.file_name().is_some_and(|name| name.to_string_lossy().starts_with("otlp_"));
        assert!(several || lines.values().all(|count| *count == 1), "{name}: {lines:?}");
        // Standard input is the same lines, and its last one needs no newline.
        let piped = sandbox.run_with(&["parse"], &fs::read(&log).unwrap()).ok();
        let complete = fs::read(&log).unwrap().ends_with(b"\n");
        if complete {
            let untimed = |text: String| without_times(&text);
            assert_eq!(untimed(piped.out()), untimed(ran.out()), "{name}");
        }
    }
}

#[test]
fn the_text_of_a_bad_line_is_not_repeated() {
    let sandbox = Sandbox::new();
    let bad = r#"{"model":"m","status":200,"cost_usd":-5,"note":"PROMPT-CANARY-7f3a""#;
    let good = r#"{"model":"m","status":200,"cost_usd":5}"#;
    let text = format!("{good}\n{bad}\nPROMPT-CANARY-7f3a and other text\n");
    let log = sandbox.file("bad.log", text);
    for args in [["parse"].as_slice(), &["once", "--json"], &["once"]] {
        let ran = sandbox.run(args.iter().map(AsRef::as_ref).chain([log.as_os_str()])).ok();
        assert!(!ran.out().contains("CANARY") && !ran.err().contains("CANARY"), "{args:?}");
    }
    let rows = sandbox.run(["parse".as_ref(), log.as_os_str()]).ok().lines();
    assert_eq!(rows[1]["kind"], "quarantined", "{}", rows[1]);
    assert_eq!(rows[1]["offset"], good.len() + 1);
    assert_eq!(rows[1]["length"], bad.len());
}

#[test]
fn what_is_not_a_log_is_never_all_green() {
    let sandbox = Sandbox::new();
    let junk: Vec<u8> =
        (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let utf16 = |text: &str| -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let line = "{\"model\":\"m\",\"status\":200,\"cost_usd\":\"1.00\"}\n";
    for (name, content) in [
        ("empty", Vec::new()),
        ("blank", b"\n\n \n".to_vec()),
        ("junk", junk),
        ("utf16", utf16(&line.repeat(50))),
        ("prose", b"It was a dark and stormy night.\nThe rain fell.\n".repeat(40)),
        ("html", b"<html><body>502 Bad Gateway</body></html>\n".to_vec()),
    ] {
        let log = sandbox.file(name, content);
        // Nothing to read is no bad input; lines of which none was understood are.
        let code = if matches!(name, "empty" | "blank") { 0 } else { 65 };
        let all = |args: &[&str]| {
            let ran = sandbox.run(args.iter().map(AsRef::as_ref).chain([log.as_os_str()]));
            let ran = ran.exits(code);
            assert_eq!(ran.err().contains("not one line was understood"), code == 65, "{name}");
            ran
        };
        for args in [["parse"].as_slice(), &["replay"]] {
            all(args);
        }
        // Asked why, the answer is what was wanted.
        sandbox.run(["parse".as_ref(), "--explain".as_ref(), log.as_os_str()]).ok();
        let snapshot = all(&["once", "--json"]).json();
        assert_eq!(contract::snapshot(&snapshot), [""; 0], "{name}");
        assert_ne!(snapshot["state"], "ok", "{name}: {}", snapshot["verdict"]);
        assert_eq!(snapshot["totals"]["requests"], 0, "{name}");
        let source = &snapshot["sources"][0];
        let lines = source["lines"].as_u64().unwrap() - source["blank"].as_u64().unwrap();
        let told = source["faults"].as_u64().unwrap() + source["quarantined"].as_u64().unwrap();
        assert!(told >= lines, "{name}: {source}");
        assert!(!all(&["once"]).out().contains('\u{1b}'), "{name}");
    }
    // One line that says something is enough.
    let log = sandbox.file("mixed", format!("It was a dark night.\n{line}"));
    for args in [["parse"].as_slice(), &["replay"], &["once"]] {
        sandbox.run(args.iter().map(AsRef::as_ref).chain([log.as_os_str()])).ok();
    }
}

#[test]
fn a_directory_is_its_logs_and_an_unreadable_file_is_said() {
    let sandbox = Sandbox::new();
    let line =
        format!("{{\"at\":\"{}\",\"model\":\"m\",\"status\":200,\"cost_usd\":\"1.5\"}}\n", now());
    fs::create_dir(sandbox.path("logs")).unwrap();
    for name in ["logs/a.log", "logs/b.log"] {
        sandbox.file(name, &line);
    }
    let snapshot = sandbox.once(&sandbox.path("logs"));
    assert_eq!(snapshot["totals"]["cost_usd"], "3.000000");

    let closed = sandbox.file("closed.log", &line);
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    // Root reads everything.
    if fs::File::open(&closed).is_err() {
        sandbox.run(["once".as_ref(), closed.as_os_str()]).exits(69).says("closed.log");
    }
}

#[test]
fn what_can_be_read_is_read_and_the_rest_is_named_with_an_exit_code() {
    let sandbox = Sandbox::new();
    let line =
        format!("{{\"at\":\"{}\",\"model\":\"m\",\"status\":200,\"cost_usd\":\"1.5\"}}\n", now());
    fs::create_dir(sandbox.path("logs")).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(line.as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    sandbox.file("logs/a.gz", &packed);
    sandbox.file("logs/b.gz", &packed[..packed.len() / 2]);
    sandbox.file("logs/c.gz", &packed);
    let all = sandbox.path("logs/*.gz").to_str().unwrap().to_owned();
    let ran = sandbox.run(["once", "--json", &all]).exits(69).says("b.gz: can't be read");
    let snapshot = ran.json();
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    assert_eq!(snapshot["totals"]["cost_usd"], "3.000000");
    assert_eq!(
        (&snapshot["state"], &snapshot["sources"][0]["state"]),
        (&"warning".into(), &"error".into())
    );
    assert!(snapshot["sources"][0]["problem"].as_str().unwrap().contains("b.gz"));
    let found = &snapshot["findings"][0];
    assert_eq!(found["kind"], "file_unreadable");
    assert!(found["text"].as_str().unwrap().contains("b.gz"), "{found}");
    let human = sandbox.run(["once", &all]).exits(69).says("all else was read");
    assert!(human.out().starts_with("WARNING: trouble reading"), "{}", human.out());
    // Of paths that are typed, too; and where nothing can be read nothing is printed.
    let good = sandbox.file("d.log", &line).to_str().unwrap().to_owned();
    let ran = sandbox.run(["once", "--json", "none.log", &good]).exits(69).says("none.log");
    assert_eq!(ran.json()["totals"]["cost_usd"], "1.500000");
    assert_eq!(sandbox.run(["once", "--json", "none.log"]).exits(69).out(), "");
}

#[test]
fn a_replay_reads_what_once_reads_and_says_the_same_of_the_rest() {
    let sandbox = Sandbox::new();
    let line = |second: i64| {
        let at = Wall::from_secs(1_795_183_200 + second).rfc3339();
        format!("{{\"at\":\"{at}\",\"model\":\"m\",\"status\":200,\"cost_usd\":\"1.5\"}}\n")
    };
    let name = |name: &str, text: &[u8]| sandbox.file(name, text).to_str().unwrap().to_owned();
    let good = name("good.log", (line(0) + &line(9)).as_bytes());
    let mut packed = GzEncoder::new(Vec::new(), Compression::none());
    packed.write_all((0..1000).map(line).collect::<String>().as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    // One that ends too early after many lines, and one that is none.
    let torn = name("torn.gz", &packed[..packed.len() / 2]);
    let none = name("none.gz", b"no gzip\n");
    let totals = |command: &str, paths: &[&str], missing: &[&str]| {
        let ran = sandbox.run([&[command, "--json"], paths].concat()).exits(69);
        let ran = missing.iter().fold(ran, |ran, path| ran.says(path));
        let snapshot = ran.lines().pop().unwrap();
        assert_eq!(contract::snapshot(&snapshot), [""; 0]);
        let states = snapshot["sources"].as_array().unwrap().iter();
        let states: Vec<Value> = states.map(|source| source["state"].clone()).collect();
        let found = snapshot["findings"].as_array().unwrap();
        assert_eq!(found.len(), missing.len(), "{found:?}");
        (snapshot["totals"].clone(), states)
    };
    for (paths, missing) in [
        (&[&*good, &torn, &none, "gone.log"][..], &["torn.gz", "none.gz", "gone.log"][..]),
        (&[&*torn], &["torn.gz"]),
        (&[&*good, &none], &["none.gz"]),
    ] {
        let (once, replayed) = (totals("once", paths, missing), totals("replay", paths, missing));
        assert_eq!(once, replayed, "{paths:?}");
        let calls = once.0["requests"].as_u64().unwrap();
        let torn_too = paths.contains(&&*torn);
        assert!(if torn_too { calls > 100 && calls < 1002 } else { calls == 2 }, "{calls}");
    }
    for command in ["once", "replay"] {
        let ran = sandbox.run([command, "--json", &none, "gone.log"]).exits(69);
        assert_eq!(ran.out(), "", "nothing could be read");
    }
}

#[test]
fn a_depth_that_not_all_hosts_tell_is_said_to_be_a_part() {
    let sandbox = Sandbox::new();
    let config = sandbox.file(
        "c.toml",
        "[[rule]]\nname = \"deep\"\nmetric = \"queue.depth\"\nabove = 10\nfor = \"0s\"\nseverity = \"warning\"\n\
         [[rule]]\nname = \"idle\"\nmetric = \"queue.depth\"\nbelow = 8\nfor = \"0s\"\nseverity = \"warning\"\n",
    );
    let fired = |depth: &str, other: &str| {
        let line = |host: &str, depth: &str| {
            format!(
                "{{\"at\":\"{}\",\"kind\":\"queue\",\"queue\":\"q\",\"host\":\"{host}\",\"depth\":{depth},\"oldest_age_s\":1}}\n",
                now()
            )
        };
        let log = sandbox.file("q.log", line("a", other) + &line("b", depth));
        let (config, log) = (config.to_str().unwrap(), log.to_str().unwrap());
        let text = sandbox.run(["--config", config, "once", log]).ok().out();
        let rows = sandbox.run(["--config", config, "replay", "--json", log]).ok().lines();
        let fired = rows.iter().filter(|row| row["event"] == "alert.firing");
        let fired: Vec<String> =
            fired.map(|row| row["rule"].as_str().unwrap().to_owned()).collect();
        let queue = rows.last().unwrap()["queues"][0].clone();
        (fired.join(" "), queue["depth"].clone(), queue["depth_partial"].clone(), text)
    };
    let (rules, depth, partial, text) = fired("5", "2");
    assert_eq!((&*rules, depth, partial), ("idle", 7.into(), Value::Null));
    assert!(text.contains("q: 7 waiting"), "{text}");
    // Five and nobody knows how many: neither few nor, for sure, many.
    let (rules, depth, partial, text) = fired("5", "null");
    assert_eq!((&*rules, depth, partial), ("", 5.into(), true.into()));
    assert!(text.contains("q: 5 and more waiting"), "{text}");
    // At least twelve are too many.
    let (rules, depth, partial, _) = fired("12", "null");
    assert_eq!((&*rules, depth, partial), ("deep", 12.into(), true.into()));
    let (_, depth, partial, _) = fired("null", "null");
    assert_eq!((depth, partial), (Value::Null, Value::Null));
}

#[test]
fn a_torn_last_line_is_pending_in_a_file_and_counts_from_a_pipe() {
    let sandbox = Sandbox::new();
    let text = "{\"model\":\"m\",\"status\":200,\"cost_usd\":\"1\"}\n{\"model\":\"m\",\"status\":200,\"cost_usd\":\"2\"}";
    // It might go on: with more fields, or with more digits.
    let log = sandbox.file("torn.log", text.trim_end_matches('}'));
    let snapshot = sandbox.once(&log);
    assert_eq!(snapshot["totals"]["cost_usd"], "1.000000");
    assert_eq!(snapshot["totals"]["quarantined"], 0);
    assert_eq!(snapshot["sources"][0]["pending_bytes"], text.len() / 2 - 1);
    let piped = sandbox.run_with(&["once", "--json", "-"], text.as_bytes()).ok().json();
    assert_eq!(piped["totals"]["cost_usd"], "3.000000");
}

/// What is complete needs no newline: a line of JSON, and documents as they are saved.
#[test]
fn a_document_without_a_last_newline_is_read_to_its_end() {
    let sandbox = Sandbox::new();
    let line = r#"{"model":"m","status":200,"cost_usd":"2"}"#;
    assert_eq!(sandbox.once(&sandbox.file("whole.log", line))["totals"]["cost_usd"], "2.000000");
    for name in ["flows.har", "gemini_cli_output.json"] {
        let text = fs::read_to_string(here("tests/corpus/logs/samples").join(name)).unwrap();
        let with = sandbox.once(&sandbox.file("with.log", format!("{}\n", text.trim_end())));
        let without = sandbox.once(&sandbox.file("without.log", text.trim_end()));
        assert_ne!(without["totals"]["requests"], 0, "{name}");
        assert_eq!(without["totals"], with["totals"], "{name}");
        assert_eq!(without["sources"][0]["pending_bytes"], 0, "{name}");
        // The same as one line, which may be too long to be gathered.
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["padding"] = "x".repeat(2 << 20).into();
        let look = |name: &str, text: String| {
            let log = sandbox.file(name, text);
            let ran = sandbox.run(["once".as_ref(), "--json".as_ref(), log.as_os_str()]);
            (ran.json()["totals"].clone(), ran.code())
        };
        let ended = look("ended.log", format!("{value}\n"));
        assert_eq!(look("long.log", value.to_string()), ended, "{name}");
    }
}

/// A decimal amount of dollars as nano-dollars.
fn nanos(usd: &str) -> i64 {
    let (whole, rest) = usd.split_once('.').unwrap();
    whole.parse::<i64>().unwrap() * 1_000_000_000 + format!("{rest:0<9}").parse::<i64>().unwrap()
}

/// Times of lines that carry none are those of the run.
fn without_times(text: &str) -> String {
    let field = regex_lite::Regex::new(r#""(at|started_at|reset_at)":"[^"]*",?"#).unwrap();
    field.replace_all(text, "").into_owned()
}

#[test]
fn all_that_rotation_left_of_a_log_is_read_once_and_the_oldest_first() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.path("logs")).unwrap();
    let at = now();
    let line = |n: u32| {
        format!("{{\"at\":\"{at}\",\"model\":\"m{n}\",\"status\":200,\"cost_usd\":\"1\"}}\n")
    };
    let packed = |n: u32| {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(line(n).as_bytes()).unwrap();
        packed.finish().unwrap()
    };
    let file = |name: &str, content: &[u8]| {
        sandbox.file(&format!("logs/{name}"), content);
    };
    file("a.log", line(1).as_bytes());
    file("a.log.1", line(2).as_bytes());
    file("a.log.2.gz", &packed(3));
    file("a.log-20261110.gz", &packed(4));
    // One that is being compressed is there twice, and a link is no log of its own.
    file("a.log.1.gz", &packed(2));
    std::os::unix::fs::symlink("a.log", sandbox.path("logs/now.log")).unwrap();
    let path = |name: &str| sandbox.path(name).to_str().unwrap().to_owned();
    let cost = |args: &[&str]| {
        let ran = sandbox.run(args).ok();
        (ran.lines().pop().unwrap()["totals"]["cost_usd"].clone(), ran.err())
    };
    let (dir, pattern, one) = (path("logs"), path("logs/a.log*"), path("logs/a.log"));
    for command in ["once", "replay"] {
        for paths in [vec![&dir], vec![&pattern], vec![&one, &pattern], vec![&pattern, &one]] {
            let mut args = vec![command, "--json"];
            args.extend(paths.iter().map(|path| path.as_str()));
            let (cost, said) = cost(&args);
            assert_eq!(cost, "4.000000", "{args:?}");
            assert!(said.contains("a.log.1.gz: is read unpacked"), "{said}");
            assert!(!said.contains("not read"), "{said}");
        }
        // Who names one file means that one, and is told what else there is.
        let (cost, said) = cost(&[command, "--json", &one]);
        assert_eq!(cost, "1.000000");
        let others = "not read: a.log-20261110.gz, a.log.2.gz, a.log.1 and 1 more, older parts";
        assert!(said.contains(others) && said.contains("/a.log*` is all"), "{said}");
    }
    // What can't be unpacked is named, and the rest is read.
    file("a.log.3.zst", b"(\xb5/\xfd");
    let ran = sandbox.run(["once", "--json", &dir]).exits(69);
    assert_eq!(ran.says("a.log.3.zst: compressed").json()["totals"]["cost_usd"], "4.000000");
}

#[test]
fn gzip_on_standard_input_is_unpacked() {
    let sandbox = Sandbox::new();
    let call = r#"{"at":"2026-11-20T15:11:17Z","provider":"openai","model":"gpt-4o","status":200,"cost_usd":0.5}"#;
    let pack = |text: &str| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    };
    // Archives that were put together are one.
    let twice = [pack(&format!("{call}\n")), pack(call)].concat();
    let cost = |args: &[&str], input: &[u8]| {
        sandbox.run_with(args, input).ok().lines().pop().unwrap()["totals"]["cost_usd"].clone()
    };
    for args in [["once", "--json", "-"], ["replay", "--json", "-"]] {
        assert_eq!(cost(&args, &twice), "1.000000", "{args:?}");
        assert_eq!(cost(&args, call.as_bytes()), "0.500000", "{args:?}");
    }
    let parsed = sandbox.run_with(&["parse"], &twice).ok().lines();
    assert_eq!(parsed.len(), 2);
    assert_eq!(parsed[1]["cost_usd"], "0.500000");
    // One that was cut is no shorter log.
    let cut = &twice[..twice.len() - 9];
    sandbox.run_with(&["once", "--json", "-"], cut).exits(69);
    for short in [&b""[..], b"\x1f", b"\n"] {
        sandbox.run_with(&["once", "--json", "-"], short);
    }
}
