//! The hostile files that are described, but not kept, written by generators;
//! the program itself reads them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
#![allow(
    clippy::disallowed_methods,
    clippy::format_push_string,
    clippy::format_collect,
    reason = "a test makes its own input and watches its own clock"
)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

const NOW: &str = "2026-01-03T00:00:00Z";

/// A directory of its own, gone afterwards.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("hostile-more-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Dir(dir)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let file = self.0.join(name);
        fs::write(&file, bytes).unwrap();
        file
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Default, PartialEq)]
struct Tally {
    counted: usize,
    quarantined: usize,
    spend_nano: i128,
}

fn tally(counted: usize, quarantined: usize, spend_nano: i128) -> Tally {
    Tally { counted, quarantined, spend_nano }
}

/// What `parse` prints of a file, as text and as its observations.
fn parse(dir: &Dir, file: &Path) -> (String, Vec<Value>) {
    let out = Command::new(env!("CARGO_BIN_EXE_tripline"))
        .env("XDG_CONFIG_HOME", &dir.0)
        .env("XDG_STATE_HOME", &dir.0)
        .args(["parse", "--received-at", NOW])
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let (text, said) =
        (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    let seen: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // Of lines of which not one was understood it says so, and of others nothing.
    let bad = |one: &Value| one["kind"] == "fault" || one["kind"] == "quarantined";
    let none = !seen.is_empty() && seen.iter().all(bad);
    assert_eq!(out.status.code(), Some(if none { 65 } else { 0 }), "{said}");
    assert_eq!(said.is_empty(), !none, "{said}");
    (text + &said, seen)
}

fn count(seen: &[Value]) -> Tally {
    let mut tally = Tally::default();
    for one in seen {
        match one["kind"].as_str() {
            Some("request") => {
                tally.counted += 1;
                tally.spend_nano += one["cost_usd"].as_str().map_or(0, nano);
            }
            Some("quarantined") => tally.quarantined += 1,
            _ => {}
        }
    }
    tally
}

fn nano(usd: &str) -> i128 {
    let (whole, fraction) = usd.split_once('.').unwrap_or((usd, ""));
    format!("{whole}{fraction:0<9}").parse().unwrap()
}

fn parse_one(name: &str, text: &str) -> (String, Vec<Value>) {
    let dir = Dir::new(name);
    parse(&dir, &dir.file("log.jsonl", text))
}

/// Reads a generated file and compares what it came to.
fn expect(name: &str, bytes: impl AsRef<[u8]>, wanted: &Tally) -> (String, Vec<Value>) {
    let dir = Dir::new(name);
    let (text, seen) = parse(&dir, &dir.file("log.jsonl", bytes));
    assert_eq!(count(&seen), *wanted, "{name}");
    let hidden = |ch: char| ch != '\n' && tripline::text::is_hidden(ch);
    assert_eq!(text.chars().find(|ch| hidden(*ch)), None, "{name}: raw on the terminal");
    (text, seen)
}

const CANARY: &str =
    r#"{"id":"c","ts":"2026-01-02T03:04:05Z","key":"canary","model":"m","cost":0.01,"status":200}"#;
const CENT: i128 = 10_000_000;

/// One line of the usual shape for each `(key, rest)`, both in JSON, canaries around.
fn lines<'t>(fields: impl IntoIterator<Item = &'t str>) -> String {
    let mut text = format!("{CANARY}\n");
    for (i, fields) in fields.into_iter().enumerate() {
        let _ = writeln!(
            text,
            r#"{{"id":"e{i}","ts":"2026-01-02T03:04:05Z",{fields},"cost":0.01,"status":200}}"#
        );
    }
    text + CANARY + "\n"
}

fn counted(lines: usize) -> Tally {
    tally(lines + 2, 0, (i128::try_from(lines).unwrap() + 2) * CENT)
}

/// Texts, each as key, model and user, raw or escaped as JSON allows.
fn named(texts: &[&str]) -> Vec<String> {
    let fields = |text: &&str| {
        let json = serde_json::to_string(text).unwrap();
        [
            format!(r#""key":{json},"model":"m","user":"u""#),
            format!(r#""key":"k","model":{json},"user":{json}"#),
            format!(r#""key":"k","model":"m","metadata":{{"x":{json}}},"error":{json}"#),
        ]
    };
    texts.iter().flat_map(fields).collect()
}

fn expect_names(name: &str, texts: &[&str]) {
    let all = named(texts);
    expect(name, lines(all.iter().map(String::as_str)), &counted(all.len()));
}

#[test]
fn terminal_commands_overwriting_and_odd_widths_count_and_show_nothing_raw() {
    let osc = ["0", "2", "4", "7", "8", "9", "10", "50", "52", "133", "777", "1337"];
    let mut commands: Vec<String> = Vec::new();
    for number in osc {
        commands.push(format!("a\u{1b}]{number};c;ZXZpbA==\u{7}b"));
        commands.push(format!("a\u{9d}{number};x\u{9c}b"));
        commands.push(format!("a\u{1b}]{number};unterminated"));
    }
    for open in
        ["\u{1b}P", "\u{1b}_", "\u{1b}^", "\u{1b}X", "\u{1b}Ptmux;\u{1b}", "\u{90}", "\u{98}"]
    {
        commands.push(format!("a{open}x\u{1b}\\b"));
    }
    commands.extend(["\u{18}", "\u{1a}", "\u{5}", "\u{e}", "\u{f}"].map(|c| format!("a{c}b")));
    let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
    expect_names("02-osc-dcs", &commands);
    expect_names(
        "03-overwrite",
        &["a\rb", "a\u{8}b", "a\u{b}b", "a\u{c}b", "a\tb", "a\nb", "a\0b", "a\u{7f}b", "\r\n"],
    );
    let marks = format!("e{}", "\u{301}".repeat(500));
    expect_names("06-width", &["日本語のキー", "👨‍👩‍👧‍👦", "\u{fdfd}", "🇩🇪🇫🇷", &marks, "█▓▒░"]);
    expect_names(
        "07-markup",
        &[
            "<!channel>",
            "<script>alert(1)</script>",
            "=cmd|'/C calc'!A0",
            "$(touch PWNED)",
            "`touch PWNED`",
            "; touch PWNED",
            "{{7*7}}",
            "${jndi:ldap://x}",
            "%s%n%x",
            "{0.__class__}",
            "'; DROP TABLE spend;--",
            "../../x",
        ],
    );
    assert!(!Path::new("PWNED").exists());
}

#[test]
fn strange_token_counts_do_not_touch_a_cost() {
    let strange = [
        "-1",
        "1.5",
        "18446744073709551616",
        "1e400",
        "NaN",
        "Infinity",
        "\"many\"",
        "\"\"",
        "[]",
        "{}",
        "true",
        "null",
        "0x10",
        "-0",
    ];
    let fields: Vec<String> = strange
        .iter()
        .map(|n| {
            format!(r#""key":"k","model":"gpt-4o","prompt_tokens":{n},"completion_tokens":{n}"#)
        })
        .collect();
    let (_, seen) =
        expect("11-tokens", lines(fields.iter().map(String::as_str)), &counted(fields.len()));
    let known = seen.iter().filter(|one| one.get("input_tokens").is_some_and(|n| *n != 0));
    assert_eq!(known.count(), 0, "what is no count is unknown");
}

#[test]
fn many_small_costs_add_up_exactly() {
    let line = |cost: &str| {
        format!(r#"{{"ts":"2026-01-02T03:04:05Z","key":"k","model":"m","cost":{cost}}}"#) + "\n"
    };
    let text =
        line("1e-7").repeat(1000) + &line("0.1").repeat(10) + &(CANARY.to_owned() + "\n").repeat(2);
    expect("12-precision", text, &tally(1012, 0, 1_020_100_000));
}

#[test]
fn a_hole_of_nuls_hides_no_record_and_utf16_is_never_taken_for_nothing() {
    let mut bytes = format!("{CANARY}\n").into_bytes();
    bytes.extend([0; 4096]);
    bytes.extend(format!("{CANARY}\n{CANARY}\n").bytes());
    expect("25-nul-hole", bytes, &tally(3, 0, 3 * CENT));

    // Also a long one that a file begins with, and whatever is written behind it.
    let docker = serde_json::json!({"log": format!("{CANARY}\n"), "stream": "stdout"});
    for line in [CANARY.to_owned(), docker.to_string(), format!("app | {CANARY}")] {
        let bytes = [&vec![0; 3 << 20][..], line.as_bytes(), b"\n"].concat();
        expect("25-nul-hole-first", bytes, &tally(1, 0, CENT));
    }
    expect("25-nul-hole-only", vec![0; 3 << 20], &tally(0, 0, 0));

    for order in [u16::to_le_bytes, u16::to_be_bytes] {
        for mark in ["\u{feff}", ""] {
            let text = format!("{mark}{}", format!("{CANARY}\n").repeat(5));
            let bytes: Vec<u8> = text.encode_utf16().flat_map(order).collect();
            let (_, seen) = expect("28-utf16", bytes, &tally(0, 0, 0));
            assert!(!seen.is_empty());
            assert!(seen.iter().all(|one| one["reason"] == "wrong_encoding"), "and nothing else");
        }
    }
}

#[test]
fn a_key_or_model_of_any_type_counts_and_names_nobody() {
    let strange = [
        "null",
        "true",
        "7",
        "1.5",
        "[]",
        "[\"k\"]",
        "{}",
        "{\"a\":1}",
        "\"\"",
        "\" \"",
        "NaN",
        "None",
        "\"\\t\"",
        "",
    ];
    let fields: Vec<String> = strange.iter().map(|v| format!(r#""key":{v},"model":{v}"#)).collect();
    let (_, seen) =
        expect("26-types", lines(fields.iter().map(String::as_str)), &counted(fields.len()));
    for one in seen.iter().filter(|one| one["kind"] == "request" && one["key_id"] != "canary") {
        assert_eq!((one.get("key_id"), one.get("model")), (None, None));
    }
    let none = format!(
        "{CANARY}\n{}\n",
        r#"{"id":"x","ts":"2026-01-02T03:04:05Z","cost":0.01,"status":200}"#
    );
    expect("26-missing", none, &tally(2, 0, 2 * CENT));
}

#[test]
fn shuffled_days_come_to_the_sums_of_sorted_ones() {
    let mut all: Vec<String> = (0..200_u32)
        .map(|i| {
            let (day, second) = (1 + i % 2, 59 - i % 60);
            let time = if day == 1 {
                format!("2026-01-01T23:59:{second:02}Z")
            } else {
                format!("2026-01-02T00:00:{second:02}Z")
            };
            format!(r#"{{"ts":"{time}","key":"k","model":"m","cost":0.0{}}}"#, 1 + i % 9)
        })
        .collect();
    let by_day = |lines: &[String]| {
        let dir = Dir::new("31-order");
        let (_, seen) = parse(&dir, &dir.file("log.jsonl", lines.join("\n") + "\n"));
        ["2026-01-01", "2026-01-02"].map(|day| {
            let of_day: Vec<Value> = seen
                .iter()
                .filter(|one| one["at"].as_str().unwrap().starts_with(day))
                .cloned()
                .collect();
            count(&of_day)
        })
    };
    let shuffled = by_day(&all);
    all.sort();
    assert_eq!(by_day(&all), shuffled);
    assert_eq!(shuffled[0].counted + shuffled[1].counted, 200);
}

#[test]
fn an_id_that_comes_again_hides_no_cost() {
    let litellm = |cost: &str, end: &str| {
        format!(
            r#"{{"litellm_call_id":"same","call_type":"acompletion","model_id":"m1","status":"success","response_cost":{cost},"hidden_params":{{}},"model":"gpt-4o","startTime":1767323040.0,"endTime":{end}}}"#
        ) + "\n"
    };
    let text = litellm("0.01", "1767323045.1")
        + &litellm("0.02", "1767323045.2")
        + &litellm("0.03", "1767323045.3")
        + &litellm("0.03", "1767323045.4");
    expect("32-litellm", text, &tally(4, 0, 9 * CENT));
    let line = |cost: &str| {
        format!(
            r#"{{"id":"same","ts":"2026-01-02T03:04:05Z","key":"k","model":"m","cost":{cost}}}"#
        ) + "\n"
    };
    expect(
        "32-ids",
        line("0.01") + &line("0.02") + &line("0.03") + &line("0.03"),
        &tally(4, 0, 9 * CENT),
    );
    // Whole seconds, the same small call, an id the client chose.
    let dump = |ms: &str| {
        format!(
            r#"{{"status":200,"headers":{{"date":"Fri, 02 Jan 2026 03:04:05 GMT","x-litellm-call-id":"same","x-litellm-response-cost":"0.01","x-litellm-response-duration-ms":"{ms}"}}}}"#
        ) + "\n"
    };
    let (_, seen) = expect("32-headers", dump("512.1") + &dump("513.2"), &tally(2, 0, 2 * CENT));
    assert!(seen.iter().all(|one| one["duplicate"] != true));
}

#[test]
fn depth_and_width_cost_nothing() {
    let line = |extra: &str| {
        format!(r#"{{"ts":"2026-01-02T03:04:05Z","key":"k","model":"m",{extra},"cost":0.01}}"#)
            + "\n"
    };
    let deep = |open: &str, close: &str, n: usize| {
        format!(r#""x":{}1{}"#, open.repeat(n), close.repeat(n))
    };
    let mut text = format!("{CANARY}\n");
    text += &line(&deep("[", "]", 100_000));
    text += &line(&deep("{\"a\":", "}", 100_000));
    text += &line(&deep("[", "]", 200));
    text += &line(&deep("[", "", 100_000));
    text += CANARY;
    text.push('\n');
    expect("60-nesting", text, &tally(5, 1, 5 * CENT));

    let many: Vec<String> = (0..100_000).map(|i| format!(r#""f{i}":{i}"#)).collect();
    expect(
        "63-manyfields",
        format!("{CANARY}\n") + &line(&many.join(",")) + CANARY + "\n",
        &tally(3, 0, 3 * CENT),
    );
    let long = format!(r#""{}":1,"user":"{}""#, "n".repeat(65_536), "u".repeat(65_536));
    expect(
        "64KiB-names",
        format!("{CANARY}\n") + &line(&long) + CANARY + "\n",
        &tally(3, 0, 3 * CENT),
    );
}

#[test]
fn endless_lines_count_in_bounded_memory() {
    let dir = Dir::new("61-long");
    let filler = "x".repeat(50 << 20);
    let text = format!(
        "{CANARY}\n{}\n{}\n{CANARY}\n",
        format_args!(
            r#"{{"ts":"2026-01-02T03:04:05Z","key":"k","model":"m","prompt":"{filler}","cost":0.01}}"#
        ),
        format_args!(
            r#"{{"ts":"2026-01-02T03:04:05Z","key":"k","cost":0.01,"prompt":"{filler}","model":"m"}}"#
        ),
    );
    let (_, seen) = parse(&dir, &dir.file("61.jsonl", text));
    assert_eq!(count(&seen), tally(4, 0, 4 * CENT));

    let text = format!("{CANARY}\n{}\n{CANARY}\n", filler.repeat(2));
    let (_, seen) = parse(&dir, &dir.file("62.jsonl", text));
    assert_eq!(count(&seen), tally(2, 1, 2 * CENT));
}

/// Answers with a text in them, as records have them: what they come to hangs on nothing else.
fn answers(text: &str) -> Vec<(&'static str, String)> {
    use serde_json::json;
    let body = json!({"id": "g", "model": "openai/gpt-4o",
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 20000, "cost": 5.0}});
    let events = format!("data: {{\"x\":\"{text}\"}}\n\ndata: {body}\n\ndata: [DONE]\n\n");
    let limits = json!({"x-request-id": text, "x-litellm-call-id": text,
        "x-litellm-response-cost": "5.0", "x-ratelimit-limit-requests": "100",
        "x-ratelimit-remaining-requests": "7"});
    let list: Vec<Value> = limits.as_object().unwrap().iter().map(|(k, v)| json!([k, v])).collect();
    let line = |body: &Value| {
        json!({"at": "2026-01-02T03:04:05Z", "status": 200, "provider": "openrouter",
            "headers": {"x-request-id": "r"}, "body": body})
    };
    let headed = |key: &str, headers: &Value| {
        json!({"at": "2026-01-02T03:04:05Z", "status": 200, "provider": "openai",
            "model": "gpt-4o", key: headers})
    };
    let app = json!({"ts": "2026-01-02T03:04:05Z", "status": 200, "provider": "openrouter",
        "key": "k", "body": body});
    let har = json!({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": [{
        "startedDateTime": "2026-01-02T03:04:05Z", "time": 9,
        "request": {"method": "POST", "url": "https://openrouter.ai/api/v1/chat/completions"},
        "response": {"status": 200, "headers": [], "content": {"text": body.to_string()}}}]}});
    let rows = json!({"logging_time": "2026-01-02 03:04:05 UTC", "api_method": "generateContent",
        "metadata": "{\"request_latency\":812.5}",
        "full_response": json!({"candidates": [{"content": text}], "modelVersion": "gemini-2.5-flash",
            "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 20000}}).to_string()});
    vec![
        ("object", line(&body).to_string()),
        ("string", line(&Value::from(body.to_string())).to_string()),
        ("events", line(&Value::from(events)).to_string()),
        ("app-json", app.to_string()),
        ("har", har.to_string()),
        ("rows", rows.to_string()),
        ("headers", headed("headers", &limits).to_string()),
        ("list", headed("headers", &Value::from(list)).to_string()),
        ("response_headers", headed("response_headers", &limits).to_string()),
    ]
}

#[test]
fn long_answers_and_headers_come_to_what_short_ones_do() {
    let dir = Dir::new("long-answers");
    let read = |line: &str| {
        let (_, mut seen) = parse(&dir, &dir.file("log.jsonl", format!("{line}\n")));
        for one in seen.iter_mut().filter_map(Value::as_object_mut) {
            // A name that long may be none.
            for key in ["request_id", "dedup_key", "duplicate"] {
                one.remove(key);
            }
        }
        seen
    };
    let short = answers("a");
    for text in ["a".repeat(66_000), "é\n\"".repeat(190_000)] {
        for ((what, short), (_, long)) in short.iter().zip(answers(&text)) {
            let wanted = read(short);
            assert_eq!(wanted[0]["kind"], "request", "{what}: {wanted:?}");
            assert!(!wanted[0]["output_tokens"].is_null() || !wanted[0]["cost_usd"].is_null());
            assert_eq!(read(&long), wanted, "{what} of {}", long.len());
        }
    }
}

#[test]
fn what_is_too_long_to_be_kept_may_have_said_a_cost() {
    let text = "a".repeat(9 << 20);
    let kinds = ["string", "rows", "headers"];
    for (what, line) in answers(&text).into_iter().filter(|(what, _)| kinds.contains(what)) {
        let dir = Dir::new("too-long");
        let (_, seen) =
            parse(&dir, &dir.file("log.jsonl", format!("{CANARY}\n{line}\n{CANARY}\n")));
        assert_eq!(count(&seen), tally(2, 1, 2 * CENT), "{what}");
        assert_eq!(seen[1]["reason"], "line_too_long", "{what}");
    }
}

#[test]
fn of_costs_beyond_counting_the_largest_is_not_known() {
    let (head, tail) = (CANARY.trim_end_matches('}'), r#""z":1}"#);
    for repeated in [r#""cost":0.01,"#, r#""cost":null,"#, r#""cost":9.99,"#] {
        for (times, quarantined) in [(62, false), (64, true), (500, true)] {
            let line = format!("{head},{}\"cost\":0.02,{tail}", repeated.repeat(times));
            let (_, seen) = parse_one("20-many", &format!("{line}\n{CANARY}\n"));
            let wanted = if quarantined { "cost_unreadable" } else { "cost_ambiguous" };
            let faults: Vec<_> = seen.iter().filter(|one| !one["reason"].is_null()).collect();
            assert_eq!((faults.len(), &faults[0]["reason"]), (1, &Value::from(wanted)), "{line}");
            assert_eq!(count(&seen).quarantined, usize::from(quarantined), "{line}");
        }
    }
    // A record of words as well.
    let words = |costs: &str| {
        format!("ts=2026-01-02T03:04:05Z model=gpt-4o prompt_tokens=1 status=200{costs}\n")
    };
    for (costs, wanted) in [
        (" cost_usd=0.01".repeat(2), tally(1, 0, CENT)),
        (" cost_usd=0".repeat(64) + " cost_usd=9.99", tally(0, 1, 0)),
    ] {
        assert_eq!(count(&parse_one("20-words", &words(&costs)).1), wanted);
    }
}

#[test]
fn a_cost_that_damage_hides_is_not_made_up() {
    let head = r#"{"ts":"2026-01-02T03:04:05Z","key":"k","model":"gpt-4o","prompt_tokens":100,"completion_tokens":20,"status":200"#;
    let reasons = |seen: &[Value]| -> Vec<String> {
        seen.iter().filter_map(|one| Some(one["reason"].as_str()?.to_owned())).collect()
    };
    let mut damages = vec![
        r#" "cost":50"#.to_owned(),
        r#";"cost":50"#.to_owned(),
        r#","cost"50"#.to_owned(),
        r#","cost" 50"#.to_owned(),
        r#","cost"=50"#.to_owned(),
        ",'cost':50".to_owned(),
        ",cost:50".to_owned(),
        r#","x":"y" "cost":50"#.to_owned(),
        r#","x":{"a":[1]} "cost":50"#.to_owned(),
        r#","x":'y' "cost":50"#.to_owned(),
        r#" "body":{"usage":{"prompt_tokens":1,"cost":50}}"#.to_owned(),
        r#","body":{"usage":{"prompt_tokens":1 "cost":50}}"#.to_owned(),
        r#","body":{"id":"x" "usage":{"prompt_tokens":1,"cost":50}}"#.to_owned(),
        r#","body":"{\"usage\":{\"prompt_tokens\":1 \"cost\":50}}""#.to_owned(),
    ];
    for odd in ["\u{a0}", "\u{b}", "\u{c}", "\u{2028}", "\u{feff}", "/* x */", "// x "] {
        damages.push(format!(r#",{odd}"cost":50"#));
    }
    for damage in damages {
        for behind in ["", r#","z":1"#] {
            let (_, seen) = parse_one("damage", &format!("{CANARY}\n{head}{damage}{behind}}}\n"));
            assert_eq!(count(&seen), tally(1, 1, CENT), "{damage}");
            let told = format!("{CANARY}\n{head},\"cost\":0.01,\"y\":1{damage}{behind}}}\n");
            let (_, seen) = parse_one("damage-told", &told);
            assert_eq!(count(&seen), tally(2, 0, 2 * CENT), "{damage}");
            // What a record itself tells goes before its body.
            assert!(!reasons(&seen).is_empty() || damage.contains("body"), "{damage}");
        }
    }
    // Damage that names none hides none.
    for damage in
        [r#","x":1 "z":50"#, r#","z"50"#, ",'note':'the cost is high'", ",/*cost*/\"z\":1"]
    {
        let (_, seen) = parse_one("damage-else", &format!("{CANARY}\n{head}{damage}}}\n"));
        assert_eq!((count(&seen).counted, reasons(&seen)), (2, vec![]), "{damage}");
    }
}

#[test]
fn a_flood_of_keys_keeps_the_total_exact() {
    let dir = Dir::new("64-cardinality");
    let big = r#"{"ts":"2026-01-02T23:59:00Z","key":"whale","model":"m","cost":5}"#;
    let mut text = format!("{big}\n");
    let keys = 100_000_u32;
    for i in 0..keys {
        let _ = writeln!(
            text,
            r#"{{"ts":"2026-01-02T23:59:00Z","key":"k{i}","model":"m{i}","user":"u{i}","cost":0.000001}}"#
        );
    }
    text += &format!("{big}\n").repeat(2);
    let file = dir.file("64.jsonl", text);
    let out = Command::new(env!("CARGO_BIN_EXE_tripline"))
        .env("XDG_CONFIG_HOME", &dir.0)
        .env("XDG_STATE_HOME", &dir.0)
        .args(["replay", "--speed", "max", "--json"])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["totals"]["requests"], keys + 3);
    assert_eq!(nano(last["totals"]["cost_usd"].as_str().unwrap()), 15_000_000_000 + 100_000_000);
    assert!(last.to_string().contains("whale"), "the dearest key is there by name");
}

/// Made-up credentials; no vendor ever issued anything like them.
const BODY: &str = "Q7xWb2mK9rTfLp4Zs8Vd1Nc6Hy3Ja91f";

#[test]
fn no_credential_in_any_field_comes_out() {
    let secrets: Vec<String> = [
        "sk-",
        "sk-proj-",
        "sk-ant-api03-",
        "sk-or-v1-",
        "gsk_",
        "xai-",
        "AIza",
        "ghp_",
        "glpat-",
        "hf_",
        "AKIA",
        "ABSK",
        "Bearer ",
        "Bearer sk-",
        "password=",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.",
    ]
    .iter()
    .map(|prefix| match *prefix {
        "AKIA" => "AKIAQ7XWB2MK9RTFLP4Z".to_owned(),
        "AIza" => format!("AIzaSy{BODY}x"),
        // Bedrock's, in base64.
        "ABSK" => format!("ABSK{BODY}/{BODY}+{BODY}"),
        prefix => format!("{prefix}{BODY}"),
    })
    .collect();
    let mut text = format!("{CANARY}\n");
    let mut calls = 2;
    for secret in &secrets {
        let escaped: String = secret.chars().fold(String::new(), |mut all, c| {
            let _ = write!(all, "\\u{:04x}", u32::from(c));
            all
        });
        for field in [
            "key",
            "user",
            "model",
            "team",
            "host",
            "endpoint",
            "request_id",
            "finish_reason",
            "error",
            "environment",
            "provider",
            "id",
        ] {
            for value in [secret.as_str(), &escaped] {
                let _ = writeln!(
                    text,
                    r#"{{"ts":"2026-01-02T03:04:05Z","model":"m","status":500,"cost":0.01,"{field}":"{value}"}}"#
                );
                calls += 1;
            }
        }
        let _ = writeln!(
            text,
            r#"{{"ts":"2026-01-02T03:04:05Z","model":"m","status":500,"cost":0.01,"path":"/v1/x?key={secret}","headers":{{"x-ratelimit-limit-tokens":"{secret}","x-ratelimit-key":"{secret}","x-ratelimit-remaining-tokens":"5","x-request-id":"{secret}","retry-after":"{secret}"}}}}"#
        );
        let _ = writeln!(text, "{secret}");
        calls += 1;
    }
    text += CANARY;
    text.push('\n');
    let wanted = tally(calls, secrets.len(), i128::try_from(calls).unwrap() * CENT);
    let (shown, _) = expect("65-secrets", text, &wanted);
    for secret in secrets {
        let core = secret.rsplit([' ', '=', '.', '/', '+']).next().unwrap();
        assert!(!shown.to_lowercase().contains(&core.to_lowercase()), "{secret}");
    }
}
