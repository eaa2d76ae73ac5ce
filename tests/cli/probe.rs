//! `kind = "probe"`: a request of our own for the headers of its answer.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use super::contract;
use super::fake::{Asked, Fake, Reply, answer};
use super::sandbox::{Ran, Running, Sandbox};

const KEY: &str = "a-key-nobody-may-see-7731";
const BODY: &str = r#"{"id":"x","model":"gpt-4o-mini-2024-07-18","usage":{"prompt_tokens":1000,"completion_tokens":100}}"#;
const LIMITS: &[(&str, &str)] = &[
    ("content-type", "application/json"),
    ("x-ratelimit-limit-requests", "500"),
    ("x-ratelimit-remaining-requests", "499"),
    ("x-ratelimit-reset-requests", "120ms"),
    ("x-ratelimit-limit-tokens", "200000"),
    ("x-ratelimit-remaining-tokens", "150000"),
    ("x-ratelimit-reset-tokens", "15s"),
];

fn good(_: usize, _: &Asked) -> Reply {
    answer("200 OK", LIMITS, BODY)
}

/// A configuration with one probe of this server.
fn config(fake: &Fake, more: &str) -> String {
    format!(
        "[[source]]\nname = \"probe\"\nkind = \"probe\"\nprovider = \"openai\"\nurl = \"{}\"\n\
         headers = {{ Authorization = {{ env = \"TEST_KEY\", prefix = \"Bearer \" }} }}\n\
         body = '{{\"model\":\"gpt-4o-mini\",\"max_tokens\":1}}'\n{more}",
        fake.url("/v1/chat/completions?user=ann")
    )
}

fn once(sandbox: &Sandbox, config: &str) -> Ran {
    let path = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.env("TEST_KEY", KEY).arg("--config").arg(path).args(["once", "--json"]);
    Ran(command.output().unwrap())
}

/// What `once` shows of the one source.
#[track_caller]
fn source_of(ran: Ran) -> Value {
    ran.picture()["sources"][0].clone()
}

#[test]
fn its_headers_become_limits_and_its_own_cost_is_counted() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(good);
    let ran = once(&sandbox, &config(&fake, "")).ok();
    let snapshot = ran.json();
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    let tokens = |limit: &Value| limit["resource"] == "tokens";
    let limit = snapshot["limits"].as_array().unwrap().iter().find(|l| tokens(l)).unwrap();
    // What has come back since is added.
    assert_eq!(limit["limit"], 200_000);
    assert!((150_000.0..160_000.0).contains(&limit["remaining"].as_f64().unwrap()));
    assert_eq!((&limit["provider"], &limit["source"]), (&"openai".into(), &"header".into()));
    assert_eq!(snapshot["totals"]["requests"], 1);
    // 1000 * 0.15 + 100 * 0.6 dollars per million.
    assert_eq!(snapshot["totals"]["cost_usd"], "0.000210");
    assert_eq!(snapshot["keys"][0]["key_id"], "tripline-probe");
    let source = &snapshot["sources"][0];
    assert_eq!((&source["kind"], &source["state"]), (&"probe".into(), &"live".into()));
    assert_eq!((&source["lines"], &source["format"]), (&1.into(), &"headers".into()));
    assert!(source["last_line_age_s"].as_f64().unwrap() < 30.0);

    let asked = &fake.asked()[0];
    assert!(asked.head.starts_with("POST /v1/chat/completions?user=ann HTTP/1.1"));
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert!(asked.header("user-agent").unwrap().starts_with("tripline/"));
    assert_eq!(asked.body, r#"{"model":"gpt-4o-mini","max_tokens":1}"#);
    let left = Sandbox::everything_in(&sandbox.state());
    assert!(!ran.out().contains(KEY) && !String::from_utf8_lossy(&left).contains(KEY));
}

#[test]
fn it_is_not_asked_again_within_a_minute_whoever_starts_it_again() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(good);
    let config = config(&fake, "");
    for _ in 0..5 {
        once(&sandbox, &config).ok();
    }
    let source = source_of(once(&sandbox, &config));
    assert_eq!(source["state"], "waiting");
    assert!(source["problem"].as_str().unwrap().starts_with("asked only "), "{source}");
    assert_eq!(fake.asked().len(), 1);
}

/// As if the last request had been made long ago.
fn age(sandbox: &Sandbox) {
    for file in fs::read_dir(sandbox.path("state/asked")).unwrap() {
        let path = file.unwrap().path();
        let mut book: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        book["asked_at"] = 1.into();
        fs::write(path, book.to_string()).unwrap();
    }
}

#[test]
fn budgets_of_requests_and_of_dollars_end_it_for_the_day() {
    for (budget, allowed, why) in [
        ("max_per_day = 2", 2, "its budget of 2 requests a day is spent"),
        ("max_usd_per_day = 0.00042", 2, "its budget of 0.000420 USD a day is spent"),
        // Another one would go beyond it.
        (
            "max_usd_per_day = 0.0003",
            1,
            "its budget of 0.000300 USD a day has 0.000090 left, and a request costs 0.000210",
        ),
    ] {
        let sandbox = Sandbox::new();
        let fake = Fake::start(good);
        let config = config(&fake, budget);
        for _ in 0..allowed {
            assert_eq!(source_of(once(&sandbox, &config))["state"], "live", "{budget}");
            age(&sandbox);
        }
        let source = source_of(once(&sandbox, &config));
        assert_eq!((&source["state"], &source["problem"]), (&"waiting".into(), &why.into()));
        assert_eq!(fake.asked().len(), allowed, "{budget}");
    }
}

/// No answer, after the request was read.
fn lost(_: usize, _: &Asked) -> Reply {
    Reply::Bytes(Vec::new())
}

const LOST: &str = "an answer was lost before any said what a request costs";

#[test]
fn an_answer_that_is_lost_is_paid_for() {
    let budget = "max_usd_per_day = 0.0007";
    let sandbox = Sandbox::new();
    let fake = Fake::start(lost);
    let config_of = config(&fake, budget);
    assert_eq!(source_of(once(&sandbox, &config_of))["problem"], "the answer broke off");
    age(&sandbox);
    let source = source_of(once(&sandbox, &config_of));
    assert_eq!((&source["state"], &source["problem"]), (&"waiting".into(), &LOST.into()));
    assert_eq!(fake.asked().len(), 1);

    // A refusal in between is no new price.
    let sandbox = Sandbox::new();
    let fake = Fake::start(|number, asked| match number {
        0 => good(number, asked),
        1 => answer("429 Too Many Requests", &[], "{}"),
        _ => lost(number, asked),
    });
    let config_of = config(&fake, budget);
    for problem in [Value::Null, "HTTP 429".into(), "the answer broke off".into()] {
        assert_eq!(source_of(once(&sandbox, &config_of))["problem"], problem);
        age(&sandbox);
    }
    source_of(once(&sandbox, &config_of));
    age(&sandbox);
    let source = source_of(once(&sandbox, &config_of));
    let why = "its budget of 0.000700 USD a day has 0.000070 left, and a request costs 0.000210";
    assert_eq!(source["problem"], why);
    assert_eq!(fake.asked().len(), 4);
}

#[test]
fn a_question_that_our_own_end_cuts_off_is_paid_for() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(|_, _| Reply::Hang(Vec::new()));
    let config = config(&fake, "max_usd_per_day = 1\n");
    let path = sandbox.file("config.toml", &config);
    let mut command = sandbox.command();
    command.env("TEST_KEY", KEY).arg("--config").arg(path).args(["watch", "--ndjson"]);
    let mut running = Running::start(command);
    fake.wait_for(1);
    running.signal("KILL");
    running.end();
    age(&sandbox);
    assert_eq!(source_of(once(&sandbox, &config))["problem"], LOST);
    assert_eq!(fake.asked().len(), 1);
}

/// An address where nobody takes a connection, and nobody says so.
fn deaf() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Room for one that nobody has taken; who comes later hears nothing.
    rustix::net::listen(&listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let short = Duration::from_millis(100);
    let waiting = std::iter::from_fn(|| TcpStream::connect_timeout(&address, short).ok());
    let waiting = waiting.collect();
    (address, listener, waiting)
}

#[test]
fn who_is_not_reached_is_not_paid() {
    let sandbox = Sandbox::new();
    let (address, _listener, _waiting) = deaf();
    let text = config(&Fake::start(good), "max_usd_per_day = 1\n");
    let text = text.replace("url = \"http://", &format!("url = \"http://{address}/\"#"));
    for _ in 0..2 {
        assert_eq!(source_of(once(&sandbox, &text))["problem"], "no connection");
        age(&sandbox);
    }
}

#[test]
fn an_answer_without_a_price_ends_it_until_it_has_one() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(|_, _| answer("200 OK", LIMITS, r#"{"model":"in-house"}"#));
    let config = config(&fake, "").replace("gpt-4o-mini", "in-house");
    once(&sandbox, &config).ok();
    age(&sandbox);
    let source = source_of(once(&sandbox, &config));
    assert!(source["problem"].as_str().unwrap().contains("give its model a price"), "{source}");
    assert_eq!(fake.asked().len(), 1);
}

#[test]
fn a_refusal_is_evidence_and_says_how_long_to_stay_away() {
    let error = r#"{"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}"#;
    for (header, said) in [
        (("retry-after", "20"), "HTTP 429, stay away for 20 s"),
        (("retry-after-ms", "20500"), "HTTP 429, stay away for 20 s"),
        (("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), "HTTP 429, stay away for 0 s"),
        (("retry-after", "soon"), "HTTP 429"),
    ] {
        let sandbox = Sandbox::new();
        let fake = Fake::start(move |_, _| answer("429 Too Many Requests", &[header], error));
        let snapshot = once(&sandbox, &config(&fake, "")).picture();
        let source = &snapshot["sources"][0];
        assert_eq!((&source["state"], &source["problem"]), (&"error".into(), &said.into()));
        assert_eq!(snapshot["traffic"][0]["outcomes"]["rate_limited"], 1.0, "{snapshot}");
        assert_eq!(snapshot["totals"]["cost_usd"], "0.000000");
    }
}

#[test]
fn redirects_are_not_followed_and_the_key_stays_at_home() {
    let sandbox = Sandbox::new();
    let evil = Fake::start(good);
    let target = evil.url("/elsewhere");
    let fake =
        Fake::start(move |_, _| answer("307 Temporary Redirect", &[("location", &target)], ""));
    let snapshot = once(&sandbox, &config(&fake, "")).picture();
    let source = &snapshot["sources"][0];
    assert_eq!(source["state"], "error");
    assert_eq!(source["problem"], "HTTP 307: redirects are not followed");
    assert_eq!(snapshot["totals"]["requests"], 0, "it was no call: {snapshot}");
    assert_eq!((fake.asked().len(), evil.asked().len()), (1, 0));
}

#[test]
fn endless_slow_and_broken_answers_are_given_up() {
    let flood = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3 << 20)).into_bytes();
    let chunked: Vec<u8> = [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
        format!("10000\r\n{}\r\n", "y".repeat(0x10000)).repeat(40).into_bytes(),
    ]
    .concat();
    let said = "HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n";
    for (reply, why) in [
        (flood, "the answer is larger than 1048576 bytes"),
        (chunked, "the answer is larger than 1048576 bytes"),
        (said.into(), "the answer is larger than 1048576 bytes"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{\"mod".to_vec(), "the answer broke off"),
        (b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(), "the answer broke off"),
        (Vec::new(), "the answer broke off"),
    ] {
        let sandbox = Sandbox::new();
        let fake = Fake::start(move |_, _| Reply::Bytes(reply.clone()));
        let source = source_of(once(&sandbox, &config(&fake, "")));
        assert_eq!((&source["state"], &source["problem"]), (&"error".into(), &why.into()));
    }
}

#[test]
fn who_never_answers_is_given_up_and_what_was_known_stays() {
    for head in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"] {
        let sandbox = Sandbox::new();
        let fake = Fake::start(move |_, _| Reply::Hang(head.into()));
        let source = source_of(once(&sandbox, &config(&fake, "")));
        assert_eq!(source["problem"], "no answer in time", "{head}");
    }
    let sandbox = Sandbox::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = config(&Fake::start(good), "");
    let url = format!("http://{}/", free.local_addr().unwrap());
    drop(free);
    let text: String = text
        .lines()
        .map(|line| {
            if line.starts_with("url") { format!("url = \"{url}\"\n") } else { format!("{line}\n") }
        })
        .collect();
    assert_eq!(source_of(once(&sandbox, &text))["problem"], "no connection");
}

#[test]
fn a_question_in_flight_does_not_keep_the_program_from_ending() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(|_, _| Reply::Hang(Vec::new()));
    let path = sandbox.file("config.toml", config(&fake, ""));
    let mut command = sandbox.command();
    command.env("TEST_KEY", KEY).arg("--config").arg(path).args(["watch", "--ndjson"]);
    let mut running = Running::start(command);
    fake.wait_for(1);
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
}

#[test]
fn keys_are_read_from_where_they_are_kept_and_only_if_it_is_safe() {
    let sandbox = Sandbox::new();
    let fake = Fake::start(good);
    let key = sandbox.file("key", format!("{KEY}\n"));
    let open = sandbox.file("open", format!("{KEY}\n"));
    let lines = sandbox.file("lines", format!("{KEY}\n{KEY}\n"));
    let mode = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(&key, 0o600);
    mode(&lines, 0o600);
    mode(&open, 0o640);
    let with = |from: &str| config(&fake, "").replace("env = \"TEST_KEY\"", from);
    for from in ["file = \"key\"", &format!("command = [\"cat\", \"{}\"]", key.display())] {
        let sandbox_state = sandbox.state();
        let _ = fs::remove_dir_all(&sandbox_state);
        assert_eq!(source_of(once(&sandbox, &with(from)))["state"], "live", "{from}");
        let last = fake.asked().pop().unwrap();
        assert_eq!(last.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    }
    let asked = fake.asked().len();
    for (from, why) in [
        ("file = \"open\"", "others than its owner may read it: chmod 600 it"),
        ("file = \"lines\"", "holds no key: one line of printable text"),
        ("file = \"absent\"", "No such file or directory"),
        ("file = \".\"", "not a regular file"),
        ("env = \"NOT_SET\"", "the environment has no NOT_SET"),
        ("command = [\"false\"]", "the command false failed: exit status: 1"),
        ("command = [\"no-such-program-here\"]", "can't be started"),
        ("command = [\"true\"]", "the output of true holds no key"),
        ("command = [\"yes\"]", "the command yes failed"),
    ] {
        let source = source_of(once(&sandbox, &with(from)));
        assert_eq!(source["state"], "error", "{from}");
        assert!(source["problem"].as_str().unwrap().contains(why), "{from}: {source}");
    }
    assert_eq!(fake.asked().len(), asked, "nothing is asked without a key");
}
