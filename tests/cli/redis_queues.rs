//! `kind = "redis"`: queues in a real Redis, as Celery, RQ, BullMQ and others keep them.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use redis::{Cmd, Connection, cmd};
use serde_json::{Value, json};

use super::need;
use super::sandbox::{Ran, Running, Sandbox, rfc3339, until};
use super::tls::{certify, problem};

/// A server on a socket of its own; it ends with the test.
struct Server {
    child: Child,
    socket: PathBuf,
    to: Connection,
}

impl Server {
    fn start(sandbox: &Sandbox, password: Option<&str>) -> Option<Server> {
        Server::start_with(sandbox, password, &[])
    }

    /// The same with more of its own arguments.
    fn start_with(sandbox: &Sandbox, password: Option<&str>, more: &[&str]) -> Option<Server> {
        let program = need::program("redis-server")?;
        let socket = sandbox.path("r.sock");
        let mut command = Command::new(program);
        command.args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(sandbox.path("")).args(more);
        if let Some(password) = password {
            command.args(["--requirepass", password]);
        }
        let child = command.stdout(Stdio::null()).stdin(Stdio::null()).spawn().unwrap();
        until("redis-server listens", || UnixStream::connect(&socket).is_ok());
        let login = password.map(|password| format!("?pass={password}")).unwrap_or_default();
        let client = redis::Client::open(format!("unix://{}{login}", socket.display())).unwrap();
        let to = client.get_connection().unwrap();
        Some(Server { child, socket, to })
    }

    fn tell(&mut self, command: &Cmd) {
        command.exec(&mut self.to).unwrap();
    }

    /// A command of words.
    fn say(&mut self, words: &[&str]) {
        let mut command = cmd(words[0]);
        self.tell(command.arg(&words[1..]));
    }

    fn config(&self, queues: &str, more: &str) -> String {
        let socket = self.socket.display();
        format!(
            "[[source]]\nname = \"r\"\nkind = \"redis\"\nurl = \"unix://{socket}\"\n\
             queues = [{queues}]\n{more}"
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn once(sandbox: &Sandbox, config: &str) -> Value {
    let path = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.env("TEST_KEY", "hunter2").arg("--config").arg(path).args(["once", "--json"]);
    Ran(command.output().unwrap()).picture()
}

fn ms_ago(seconds: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_millis()).unwrap() - seconds * 1000
}

fn ago(seconds: u64) -> String {
    rfc3339(SystemTime::now() - std::time::Duration::from_secs(seconds))
}

/// The queue of this name: waiting, running, and whether it is as old as that.
#[track_caller]
fn check(snapshot: &Value, name: &str, depth: u64, running: Option<u64>, age: Option<f64>) {
    let queues = snapshot["queues"].as_array().unwrap();
    let queue = queues.iter().find(|queue| queue["name"] == name);
    let queue = queue.unwrap_or_else(|| panic!("no {name} in {queues:#?}"));
    assert_eq!(queue["depth"], depth, "{queue}");
    assert_eq!(queue["running"].as_u64(), running, "{queue}");
    match (age, queue["oldest_age_s"].as_f64()) {
        (None, None) => {}
        (Some(age), Some(shown)) => assert!((age..age + 60.0).contains(&shown), "{queue}"),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn celery_rq_and_bullmq_queues_have_their_length_and_age() {
    let sandbox = Sandbox::new();
    let Some(mut server) = Server::start(&sandbox, None) else { return };
    // Celery: filled on the left, a list for each step of priority.
    let message = |at: Option<u64>| {
        let mut headers = json!({ "lang": "py", "task": "tasks.add", "id": "5d1a", "eta": null });
        if let Some(at) = at {
            headers["timestamp"] = at.into();
        }
        let properties = json!({ "correlation_id": "5d1a", "delivery_mode": 2, "priority": 0 });
        json!({ "body": "W1tdLCB7fV0=", "headers": headers, "properties": properties }).to_string()
    };
    let epoch = |seconds| ms_ago(seconds) / 1000;
    server.say(&["LPUSH", "celery", &message(Some(epoch(300)))]);
    server.say(&["LPUSH", "celery", &message(Some(epoch(100)))]);
    server.say(&["LPUSH", "celery\u{6}\u{16}3", &message(Some(epoch(900)))]);
    server.say(&["LPUSH", "celery\u{6}\u{16}9", &message(None)]);
    server.say(&["LPUSH", "plainest", &message(None)]);
    // RQ: filled on the right, jobs in hashes, those under way in a sorted set.
    for (job, seconds) in [("a", 500), ("b", 50)] {
        server.say(&["RPUSH", "rq:queue:high", job]);
        server.say(&["HSET", &format!("rq:job:{job}"), "enqueued_at", &ago(seconds), "data", "x"]);
    }
    server.say(&["ZADD", "rq:wip:high", "1795186740", "c"]);
    // BullMQ: waiting, prioritized, due and not due jobs, and one under way.
    let mut job = |id: &str, seconds| {
        let at = ms_ago(seconds).to_string();
        server.say(&["HSET", &format!("bull:mail:{id}"), "timestamp", &at, "name", "send"]);
    };
    for (id, seconds) in [("1", 200), ("2", 20), ("3", 30), ("4", 700), ("5", 60)] {
        job(id, seconds);
    }
    server.say(&["LPUSH", "bull:mail:wait", "1"]);
    server.say(&["LPUSH", "bull:mail:wait", "2"]);
    server.say(&["LPUSH", "bull:mail:active", "5"]);
    // Priority 1 goes before 10, and the older one waits behind it.
    server.say(&["ZADD", "bull:mail:prioritized", &((1u64 << 32) + 2).to_string(), "3"]);
    server.say(&["ZADD", "bull:mail:prioritized", &((10u64 << 32) + 1).to_string(), "4"]);
    for (id, at) in [("6", ms_ago(40)), ("7", ms_ago(0) + 3_600_000)] {
        server.say(&["ZADD", "bull:mail:delayed", &(at * 4096 + 7).to_string(), id]);
    }
    let config = server.config(
        r#"{ key = "celery", convention = "celery", priority = "normal" },
           { key = "plainest", convention = "celery" },
           { key = "high", convention = "rq", name = "jobs", priority = "high" },
           { key = "mail", convention = "bullmq" },
           { key = "nobody", convention = "rq" }"#,
        "",
    );
    let snapshot = once(&sandbox, &config);
    check(&snapshot, "celery", 4, None, Some(900.0));
    check(&snapshot, "plainest", 1, None, None);
    check(&snapshot, "jobs", 2, Some(1), Some(500.0));
    check(&snapshot, "mail", 5, Some(1), Some(700.0));
    check(&snapshot, "nobody", 0, Some(0), None);
    let priority = |name: &str| {
        let queues = snapshot["queues"].as_array().unwrap();
        queues.iter().find(|queue| queue["name"] == name).unwrap()["priority"].clone()
    };
    assert_eq!((priority("jobs"), priority("celery")), ("high".into(), "normal".into()));
    let source = &snapshot["sources"][0];
    assert_eq!((&source["kind"], &source["state"]), (&json!("redis"), &json!("live")));
    assert_eq!((&source["format"], &source["lines"]), (&json!("redis"), &json!(1)));
}

#[test]
fn plain_keys_are_lists_streams_and_sorted_sets() {
    let sandbox = Sandbox::new();
    let Some(mut server) = Server::start(&sandbox, None) else { return };
    server.say(&["RPUSH", "list", &json!({ "created_at": ago(400) }).to_string(), "not json"]);
    let (old, young) = (ms_ago(250), ms_ago(90));
    server.say(&["XADD", "stream", &format!("{old}-0"), "a", "1"]);
    server.say(&["XADD", "stream", &format!("{young}-0"), "a", "2"]);
    server.say(&["XGROUP", "CREATE", "stream", "workers", "0"]);
    server.say(&["XREADGROUP", "GROUP", "workers", "w", "COUNT", "1", "STREAMS", "stream", ">"]);
    server.say(&["ZADD", "due", &(ms_ago(120) / 1000).to_string(), "a"]);
    server.say(&["ZADD", "due", &(ms_ago(0) / 1000 + 500).to_string(), "b"]);
    server.say(&["ZADD", "ranked", "3", "a"]);
    server.say(&["HSET", "hash", "a", "1"]);
    let config = server.config(
        r#"{ key = "list" }, { key = "stream" },
           { key = "stream", name = "backlog", group = "workers" },
           { key = "due" }, { key = "ranked", type = "zset" }, { key = "none" }"#,
        "",
    );
    let snapshot = once(&sandbox, &config);
    assert_eq!(snapshot["sources"][0]["state"], "live", "{}", snapshot["sources"]);
    check(&snapshot, "list", 2, None, Some(400.0));
    check(&snapshot, "stream", 2, None, Some(250.0));
    check(&snapshot, "backlog", 1, Some(1), Some(90.0));
    check(&snapshot, "due", 2, None, Some(120.0));
    check(&snapshot, "ranked", 1, None, None);
    check(&snapshot, "none", 0, None, None);
    // What is no queue is said, and keeps nothing else back.
    for (queue, why) in [
        (r#"{ key = "hash" }"#, "the key 'hash' holds a hash, which is no queue"),
        (r#"{ key = "hash", type = "list" }"#, "the key 'hash' holds something else"),
        (
            r#"{ key = "stream", group = "nobody" }"#,
            "the key 'stream' has no consumer group of that name",
        ),
    ] {
        let config = server.config(&format!("{queue}, {{ key = \"due\" }}"), "");
        let snapshot = once(&sandbox, &config);
        let source = &snapshot["sources"][0];
        assert_eq!((&source["state"], &source["problem"]), (&json!("error"), &json!(why)));
        check(&snapshot, "due", 2, None, Some(120.0));
    }
}

#[test]
fn what_waits_for_a_group_is_never_fetched_to_be_counted() {
    let sandbox = Sandbox::new();
    let Some(mut server) = Server::start(&sandbox, None) else { return };
    let prompt = "x".repeat(1000);
    let mut fill = redis::pipe();
    for _ in 0..20_000 {
        fill.cmd("XADD").arg("stream").arg("*").arg("prompt").arg(&prompt).ignore();
    }
    let _: () = fill.query(&mut server.to).unwrap();
    let ids: Vec<(String, redis::Value)> =
        cmd("XRANGE").arg(&["stream", "-", "+", "COUNT", "2"]).query(&mut server.to).unwrap();
    let [(first, _), (second, _)] = &ids[..] else { panic!("{ids:?}") };
    // A group that begins after some id: how much is before it nobody knows, as on
    // each server before Redis 7.
    server.say(&["XGROUP", "CREATE", "stream", "all", "0-1"]);
    server.say(&["XGROUP", "CREATE", "stream", "late", first]);
    server.say(&["XGROUP", "CREATE", "stream", "done", "$"]);
    server.say(&["XDEL", "stream", second]);
    let sent = |server: &mut Server| -> u64 {
        let info: String = cmd("INFO").arg("stats").query(&mut server.to).unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("total_net_output_bytes:"));
        line.unwrap().parse().unwrap()
    };
    let config = server.config(
        r#"{ key = "stream", name = "all", group = "all" },
           { key = "stream", name = "done", group = "done" },
           { key = "stream", name = "late", group = "late" }"#,
        "",
    );
    let before = sent(&mut server);
    let snapshot = once(&sandbox, &config);
    let sent = sent(&mut server) - before;
    assert!(sent < 50_000, "{sent} bytes to learn how long a queue is");
    check(&snapshot, "all", 19_999, Some(0), Some(0.0));
    check(&snapshot, "done", 0, Some(0), None);
    let queues = snapshot["queues"].as_array().unwrap();
    let late = queues.iter().find(|queue| queue["name"] == "late").unwrap();
    assert_eq!((&late["depth"], &late["running"]), (&Value::Null, &json!(0)));
    assert!(late["oldest_age_s"].as_f64().unwrap() < 60.0, "{late}");
    let source = &snapshot["sources"][0];
    assert_eq!(source["state"], "live");
    let why = "how many entries of the key 'stream' wait for the group 'late' is unknown";
    assert!(source["problem"].as_str().unwrap().starts_with(why), "{source}");
}

#[test]
fn a_password_is_asked_for_and_given() {
    let sandbox = Sandbox::new();
    let Some(mut server) = Server::start(&sandbox, Some("hunter2")) else { return };
    server.say(&["RPUSH", "list", "a"]);
    let queue = r#"{ key = "list" }"#;
    let given = once(&sandbox, &server.config(queue, "password = { env = \"TEST_KEY\" }\n"));
    check(&given, "list", 1, None, None);
    let none = once(&sandbox, &server.config(queue, ""));
    let source = &none["sources"][0];
    assert_eq!(
        (&source["state"], &source["problem"]),
        (&json!("denied"), &json!("it wants a password"))
    );
    let key = sandbox.file("key", "hunter3\n");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = once(&sandbox, &server.config(queue, "password = { file = \"key\" }\n"));
    let why = "the password is refused; asked again with another, or once an hour";
    assert_eq!(wrong["sources"][0]["problem"], why);
    let left = Sandbox::everything_in(&sandbox.state());
    assert!(!String::from_utf8_lossy(&left).contains("hunter2"));
}

#[test]
fn over_tls_only_who_an_authority_vouches_for_is_told_the_password() {
    let sandbox = Sandbox::new();
    let (own, other) = (Sandbox::new(), Sandbox::new());
    certify(&own.path(""), "IP:127.0.0.1");
    certify(&other.path(""), "DNS:other.example");
    let start = |of: &Sandbox| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let text = |name: &str| of.path(name).to_str().unwrap().to_owned();
        let (leaf, key, ca, at) =
            (text("leaf.pem"), text("leaf.key"), text("ca.pem"), port.to_string());
        let tls = [
            ["--tls-port", &at],
            ["--tls-cert-file", &leaf],
            ["--tls-key-file", &key],
            ["--tls-ca-cert-file", &ca],
            ["--tls-auth-clients", "no"],
        ];
        let mut server = Server::start_with(of, Some("hunter2"), tls.as_flattened())?;
        until("it listens for TLS", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        server.say(&["RPUSH", "list", "a", "b"]);
        Some((server, port))
    };
    let Some((_server, port)) = start(&own) else { return };
    let asked = |port: u16, authorities: &Path, more: &Path| {
        let config = format!(
            "[[source]]\nname = \"r\"\nkind = \"redis\"\nurl = \"rediss://127.0.0.1:{port}\"\n\
             queues = [{{ key = \"list\" }}]\npassword = {{ env = \"TEST_KEY\" }}\n"
        );
        let path = sandbox.file("config.toml", config);
        let mut command = sandbox.command();
        command.env("SSL_CERT_FILE", authorities).env("SSL_CERT_DIR", more);
        command.env("TEST_KEY", "hunter2").arg("--config").arg(path).args(["once", "--json"]);
        Ran(command.output().unwrap()).picture()
    };
    let none = Path::new("");
    let trusted = asked(port, &own.path("ca.pem"), none);
    assert_eq!(problem(&trusted), "none");
    check(&trusted, "list", 2, None, None);
    let stranger = asked(port, &other.path("ca.pem"), none);
    assert_eq!(problem(&stranger), "its certificate is not trusted");
    let state = &stranger["sources"][0]["state"];
    assert_eq!((state, &stranger["queues"]), (&json!("error"), &json!([])));
    let (_other, port) = start(&other).unwrap();
    let wrong_name = asked(port, &other.path("ca.pem"), none);
    assert_eq!(problem(&wrong_name), "its certificate is not trusted");
    let torn = asked(port, &own.path("ca.pem"), &sandbox.path("gone"));
    assert!(problem(&torn).starts_with("this machine's certificate authorities"), "{torn}");
}

#[test]
fn a_server_that_goes_away_is_found_again() {
    let sandbox = Sandbox::new();
    let Some(mut server) = Server::start(&sandbox, None) else { return };
    server.say(&["RPUSH", "list", "a"]);
    let config = server.config(r#"{ key = "list" }"#, "every = \"1s\"\n");
    let path = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.arg("--config").arg(path).args(["watch", "--ndjson", "--every", "100ms"]);
    let running = Running::start(command);
    running.wait_for("its queue", |line| line["queues"][0]["depth"] == 1);
    drop(server);
    let gone = running.wait_for("it is gone", |line| line["sources"][0]["state"] == "error");
    assert_eq!(gone["queues"][0]["depth"], 1, "the last word stands");
    fs::remove_file(sandbox.path("r.sock")).unwrap_or_default();
    let mut server = Server::start(&sandbox, None).unwrap();
    server.say(&["RPUSH", "list", "a", "b", "c"]);
    running.wait_for("it is back", |line| line["queues"][0]["depth"] == 3);
}
