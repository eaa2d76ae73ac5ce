//! The socket: who is answered, and that no client hurts anybody.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use super::calls::Truth;
use super::contract;
use super::daemon::{Daemon, kept, serve, status, status_until};
use super::need;
use super::sandbox::{PATIENCE, Ran, Running, Sandbox, until};
use super::unread::{Started, full_pipe};

#[test]
fn it_answers_status_on_a_private_socket_and_prints_nothing_by_itself() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 20);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let socket = sandbox.path("state/tripline.sock");
    assert_eq!(socket.metadata().unwrap().mode() & 0o777, 0o600);
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status));
    assert_eq!(contract::snapshot(&seen), [""; 0]);
    assert_eq!(seen["from"], "daemon");
    assert_eq!(seen["pid"], daemon.pid());
    assert!(seen["engine_beat_age_ms"].as_u64().unwrap() < 5000);
    let source = &seen["sources"][0];
    assert_eq!((&source["lines"], &source["bytes_behind"]), (&20.into(), &0.into()));
    assert_eq!(source["pending_bytes"], 0);
    for field in ["quarantined", "ignored", "duplicates"] {
        assert_eq!(seen["totals"][field], 0, "{field}");
    }
    let ledger = status_until(&sandbox, "kept", kept)["ledger"].clone();
    assert_eq!(ledger["state"], "ok");
    let human = sandbox.run(["status"]).ok().out();
    assert!(human.contains("totals   20 calls"), "{human}");
    assert!(human.lines().count() <= 14, "{human}");
    assert_eq!(daemon.stop(), "", "standard output is for answers");
    assert!(!socket.exists(), "the socket goes with its daemon");
}

#[test]
fn without_a_daemon_the_ledger_answers_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.run(["status"]).exits(69).says("no `serve` runs, and nothing was kept");
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 20);
    let config = "[[cap]]\nname = \"all\"\nusd = 5\nperiod = \"month\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    let running = status_until(&sandbox, "all calls", |status| truth.is(status));
    daemon.stop();
    let kept = status(&sandbox);
    assert!(truth.is(&kept), "{kept:#}");
    assert_eq!((&kept["from"], &kept["state"]), (&"ledger".into(), &"unknown".into()));
    assert_eq!(kept["totals"], running["totals"]);
    assert_eq!(kept["caps"][0]["spent_usd"], running["caps"][0]["spent_usd"]);
    let source = kept["sources"][0].as_object().unwrap();
    assert_eq!((&source["state"], &source["lines"]), (&"not_running".into(), &20.into()));
    // What is not known is not said to be zero.
    for field in ["bytes_behind", "pending_bytes", "last_line_age_s"] {
        assert!(!source.contains_key(field), "{field}");
    }
    assert!(kept.get("engine_beat_age_ms").is_none() && kept.get("pid").is_none());
    let human = sandbox.run(["status"]).ok().out();
    assert!(human.contains("from     the ledger; no `serve` runs"), "{human}");
}

#[test]
fn a_second_one_is_refused_and_told_who_runs() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let config = format!("[[source]]\npaths = [{:?}]\n", log.to_str().unwrap());
    let daemon = Daemon::start(serve(&sandbox, &config, &[]));
    let who = format!("process {}", daemon.pid());
    let again = serve(&sandbox, &config, &[]).output().unwrap();
    assert_eq!(again.status.code(), Some(77));
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains(&who) && said.contains(" since "), "{said}");
    assert!(said.contains("--read-only") && said.contains("tripline status"), "{said}");
    assert!(said.contains("`tripline switch trip SCOPE --reason \"...\"` in a shell"), "{said}");
    // What looks at configured sources would keep them too.
    let config = sandbox.path("config.toml");
    let args = |more: &[&str]| {
        let mut command = sandbox.command();
        command.arg("--config").arg(&config).args(more);
        command
    };
    let watch = args(&["watch"]).output().unwrap();
    assert_eq!(watch.status.code(), Some(77));
    assert!(String::from_utf8(watch.stderr).unwrap().contains(&who));
    // One that keeps nothing may.
    let running = Running::start(args(&["watch", "--every", "50ms", "--read-only"]));
    let seen = running.wait_for("a picture", |line| line["schema"] == "tripline.snapshot/v1");
    assert_eq!(seen["ledger"]["state"], "read_only");
    daemon.kill();
    // A crash leaves its socket; the next one takes its place.
    assert!(sandbox.path("state/tripline.sock").exists());
    let config = fs::read_to_string(sandbox.path("config.toml")).unwrap();
    Daemon::start(serve(&sandbox, &config, &[])).stop();
}

#[test]
fn it_serves_the_runtime_directory_and_nobody_twice_there() {
    let sandbox = Sandbox::new();
    let (log, runtime) = (sandbox.file("gw.log", ""), sandbox.path("run"));
    fs::create_dir(&runtime).unwrap();
    let start = |state: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.env_clear().env("HOME", sandbox.path("")).env("XDG_RUNTIME_DIR", &runtime);
        command.arg("--state").arg(sandbox.path(state)).arg("serve").arg(&log);
        command
    };
    let daemon = Daemon::start(start("one"));
    assert!(runtime.join("tripline.sock").exists());
    let second = start("two").output().unwrap();
    assert_eq!(second.status.code(), Some(77));
    assert!(String::from_utf8(second.stderr).unwrap().contains("another tripline serves on"));
    daemon.stop();
    // Something of somebody else is left alone.
    fs::write(runtime.join("tripline.sock"), "mine").unwrap();
    let refused = start("one").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("is not a socket"));
    assert_eq!(fs::read_to_string(runtime.join("tripline.sock")).unwrap(), "mine");
}

#[test]
fn it_is_found_from_another_environment_with_the_same_state() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    let (runtime, sign) = (sandbox.path("run"), sandbox.path("state/tripline.sock"));
    fs::create_dir(&runtime).unwrap();
    let start = |with_runtime: bool| {
        let mut command = serve(&sandbox, "", &[&log]);
        if with_runtime {
            command.env("XDG_RUNTIME_DIR", &runtime);
        }
        Daemon::start(command)
    };
    let daemon = start(true);
    truth.log(&log, 5);
    // `status` is asked without XDG_RUNTIME_DIR, as from cron or through sudo.
    let seen = status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    assert_eq!((&seen["from"], &seen["pid"]), (&"daemon".into(), &daemon.pid().into()));
    daemon.stop();
    assert!(sign.symlink_metadata().is_err(), "the sign goes with its daemon");
    start(true).kill();
    assert!(sign.is_symlink(), "it fell before it could take that down");
    assert_eq!(status(&sandbox)["from"], "ledger", "and misleads nobody");
    // One that serves in the same place takes it over, without a word about itself.
    let daemon = start(true);
    assert_eq!(status(&sandbox)["pid"], daemon.pid());
    daemon.kill();
    // The next one finds it, wherever it serves.
    let daemon = start(false);
    assert_eq!(status(&sandbox)["pid"], daemon.pid());
    let mut ask = sandbox.command();
    ask.env("XDG_RUNTIME_DIR", &runtime).args(["status", "--json"]);
    let answer: serde_json::Value = serde_json::from_slice(&ask.output().unwrap().stdout).unwrap();
    assert_eq!(answer["pid"], daemon.pid(), "the other way round");
    daemon.kill();
    start(true).stop();
}

#[test]
fn no_client_hurts_anybody() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 5);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let path = sandbox.path("state/tripline.sock");
    let connect = || {
        let stream = UnixStream::connect(&path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let answer_to = |question: &[u8]| {
        let mut stream = connect();
        // It may be refused before all of it is written.
        let _ = stream.write_all(question);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    };
    // Some say nothing, some half a word, some much; one asks and does not listen.
    let mut idle: Vec<UnixStream> = (0..8).map(|_| connect()).collect();
    idle[0].write_all(b"{\"ask\"").unwrap();
    let mut deaf = connect();
    deaf.write_all(b"{\"ask\":\"snapshot\"}\n").unwrap();
    for garbage in [&b"\n"[..], b"hello\n", b"{}\n", b"{\"ask\":\"arm\"}\n", b"\xff\xfe\n", b""] {
        assert!(answer_to(garbage).contains("\"error\""), "{garbage:?}");
    }
    answer_to(&vec![b'x'; 1 << 20]);
    truth.log(&log, 5);
    status_until(&sandbox, "it goes on", |status| truth.is(status));
    // More than are let in: the rest is turned away, and a place is free again later.
    let crowd: Vec<UnixStream> = (0..40).map(|_| connect()).collect();
    drop((crowd, idle, deaf));
    let fresh = |text: String| text.contains("tripline.snapshot/v1");
    until("a place is free", || fresh(answer_to(b"{\"ask\":\"snapshot\"}\n")));
    daemon.stop();
}

#[test]
fn who_gets_no_answer_is_told_why() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    let path = sandbox.path("state/tripline.sock");
    let said = |part: &str| sandbox.run(["status"]).exits(69).says(part);
    let crowd: Vec<UnixStream> = (0..16).map(|_| UnixStream::connect(&path).unwrap()).collect();
    said("too many clients at once");
    said("tripline.sock says: ");
    drop(crowd);
    until("a place is free", || sandbox.run(["status"]).code() == 0);
    daemon.signal("STOP");
    said(&format!("process {} serves on ", daemon.pid())).says("but does not answer");
    daemon.signal("CONT");
    daemon.stop();
    // What it says of itself is passed on.
    let listener = UnixListener::bind(&path).unwrap();
    let answer = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let _ = client.read(&mut [0; 512]).unwrap();
        let error = b"{\"error\":\"the engine has not said anything yet\"}\n";
        client.write_all(error).unwrap();
    });
    said("tripline.sock says: the engine has not said anything yet");
    answer.join().unwrap();
}

#[test]
fn a_service_manager_hears_that_it_is_ready_alive_and_stopping() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let manager = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut word = [0; 64];
        let len = manager.recv(&mut word).unwrap();
        String::from_utf8(word[..len].to_vec()).unwrap()
    };
    let mut command = serve(&sandbox, "", &[&log]);
    command.env("NOTIFY_SOCKET", sandbox.path("notify")).env("WATCHDOG_USEC", "100000");
    let daemon = Daemon::start(command);
    assert_eq!(hear(), "READY=1");
    assert_eq!((hear(), hear()), ("WATCHDOG=1".to_owned(), "WATCHDOG=1".to_owned()));
    daemon.stop();
    let mut last = hear();
    while last == "WATCHDOG=1" {
        last = hear();
    }
    assert_eq!(last, "STOPPING=1");
}

#[test]
fn a_hangup_does_not_end_it_and_an_interrupt_does() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 1);
    let mut daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    daemon.signal("HUP");
    truth.log(&log, 1);
    status_until(&sandbox, "it goes on", |status| truth.is(status));
    daemon.signal("INT");
    assert_eq!(daemon.wait().code(), Some(0));
    assert!(truth.is(&status(&sandbox)));
}

#[test]
fn who_may_only_look_stops_nothing_and_records_nothing() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let config = format!(
        "[switch]\narmed = true\n[[source]]\npaths = [{:?}]\n[[rule]]\nname = \"dear\"\nmetric = \"spend.usd\"\nabove = 0\nfor = \"10ms\"\nmin_requests = 1\nactions = [\"trip:all\"]\n[[cap]]\nname = \"all\"\nusd = 1\nperiod = \"day\"\n",
        log.to_str().unwrap()
    );
    let config = sandbox.file("config.toml", config);
    let watch = |more: &[&str]| {
        let mut command = sandbox.command();
        command.arg("--config").arg(&config).args(["watch", "--every", "50ms"]).args(more);
        Running::start(command)
    };
    let mut running = watch(&["--read-only"]);
    let picture = |line: &serde_json::Value| line["schema"] == "tripline.snapshot/v1";
    running.follows();
    let mut truth = Truth::default();
    truth.log(&log, 3);
    running.wait_for("it fires", |line| line["event"] == "alert.firing" && line["rule"] == "dear");
    let seen = running.wait_for("a picture of it", picture);
    assert_eq!(seen["switches"][0]["state"], "armed", "others may");
    running.signal("TERM");
    assert_eq!(running.end(), Some(0));
    let kill_file = sandbox.path("state/kill.d/all.kill");
    assert!(!kill_file.exists());
    for name in ["audit.jsonl", "ledger.db"] {
        assert!(!sandbox.path("state").join(name).exists(), "{name}");
    }
    // Where that is allowed the next call stops the traffic.
    let running = watch(&[]);
    running.follows();
    truth.log(&log, 1);
    running.wait_for_event("switch.tripped");
    assert!(kill_file.exists());
}

#[test]
fn nobody_else_is_answered_even_where_the_file_lets_them_in() {
    const NOBODY: u32 = 65_534;
    let Some(()) = need::root("to ask as somebody else needs root") else { return };
    let sandbox = Sandbox::new();
    let open = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let (log, dir) = (sandbox.file("gw.log", ""), sandbox.path(""));
    // A copy that anybody may run, in a place that anybody may enter.
    let program = sandbox.path("tripline");
    fs::copy(env!("CARGO_BIN_EXE_tripline"), &program).unwrap();
    let socket = sandbox.path("sock");
    let config = format!("[serve]\nsocket = {:?}\n", socket.to_str().unwrap());
    let daemon = Daemon::start(serve(&sandbox, &config, &[&log]));
    let ask_as = |user: Option<u32>, state: &str| {
        let mut command = Command::new(&program);
        command.env_clear().env("HOME", "/").current_dir("/").arg("--config");
        command.arg(sandbox.path("config.toml")).args(["--state", state, "status"]);
        user.map(|user| command.uid(user));
        command.output().unwrap()
    };
    open(&dir, 0o755).and_then(|()| open(&program, 0o755)).unwrap();
    let refused = ask_as(Some(NOBODY), "/nonexistent");
    assert_eq!(refused.status.code(), Some(69));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("Permission denied"));
    open(&socket, 0o666).unwrap();
    let silent = ask_as(Some(NOBODY), "/nonexistent");
    assert_eq!((silent.status.code(), &silent.stdout[..]), (Some(69), &b""[..]));
    assert!(ask_as(None, sandbox.state().to_str().unwrap()).status.success());
    daemon.stop();
}

#[test]
fn status_answers_about_the_state_that_was_named_and_about_no_other() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 3);
    let runtime = sandbox.path("run");
    fs::create_dir(&runtime).unwrap();
    let mut command = serve(&sandbox, "", &[&log]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let daemon = Daemon::start(command);
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    let state = sandbox.state();
    let ask = |state: Option<&Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.env_clear().env("HOME", sandbox.path("")).env("XDG_RUNTIME_DIR", &runtime);
        command.args(["status", "--json"]);
        state.map(|state| command.arg("--state").arg(state));
        Ran(command.output().unwrap())
    };
    let named = ask(Some(&state)).ok();
    assert_eq!((&named.json()["pid"], &*named.err()), (&daemon.pid().into(), ""));
    assert_eq!(named.json()["state_dir"], state.to_str().unwrap());
    // The same directory by another name.
    std::os::unix::fs::symlink(&state, sandbox.path("link")).unwrap();
    assert_eq!(ask(Some(&sandbox.path("link"))).ok().json()["pid"], daemon.pid());
    // Of another one nothing is known, and that is no answer about this one.
    let other = sandbox.path("other");
    let said = ask(Some(&other)).exits(69).says("nothing was kept in").err();
    assert!(said.contains(&format!("tripline status --state {}", state.display())), "{said}");
    assert!(!other.exists());
    // Where nobody names one, the one that runs answers, and says whose it is.
    let unnamed = ask(None).ok().says(&format!("this is the `serve` of {}", state.display()));
    assert_eq!(unnamed.json()["pid"], daemon.pid());
    daemon.stop();
    // One that has ended is asked about by its ledger, whatever runs elsewhere.
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.env_clear().env("HOME", sandbox.path("")).env("XDG_RUNTIME_DIR", &runtime);
    command.arg("--state").arg(&other).arg("serve").arg(&log);
    let second = Daemon::start(command);
    let kept = ask(Some(&state)).ok().says("is that of");
    assert_eq!(
        (&kept.json()["from"], &kept.json()["totals"]["requests"]),
        (&"ledger".into(), &3.into())
    );
    second.stop();
}

#[test]
fn what_a_ledger_proves_comes_before_that_nothing_runs() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 20);
    let config = "[[cap]]\nname = \"tiny\"\nusd = 0.0001\nperiod = \"month\"\n";
    let daemon = Daemon::start(serve(&sandbox, config, &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    daemon.stop();
    let with = |more: &[&str]| {
        let config = sandbox.path("config.toml").display().to_string();
        sandbox.run([&["--config", &config, "status"], more].concat()).ok()
    };
    let seen = with(&["--json"]).json();
    assert_eq!((&seen["from"], &seen["state"]), (&"ledger".into(), &"critical".into()));
    let verdict = seen["verdict"].as_str().unwrap();
    assert!(verdict.starts_with("cap tiny is spent ("), "{verdict}");
    assert!(verdict.contains("no `serve` runs: the newest call kept is"), "{verdict}");
    let human = with(&[]).out();
    assert!(human.starts_with("CRITICAL: cap tiny is spent"), "{human}");
    assert!(human.contains("switch   all disarmed"), "{human}");
    assert!(!sandbox.path("state/kill.d/.lock").exists());
    // A stop counts for more, and nothing is said of who obeys it.
    sandbox.run(["switch", "trip", "all", "--reason", "too dear"]).ok();
    let human = with(&[]).out();
    assert!(human.starts_with("CRITICAL: KILL all tripped by alice; cap tiny is spent"), "{human}");
    assert!(human.contains(" by alice: too dear"), "{human}");
    sandbox.run(["switch", "reset", "all", "--reason", "x"]).ok();

    // Without the cap nothing is known of the present.
    let human = sandbox.run(["status"]).ok().out();
    assert!(human.starts_with("UNKNOWN: No `serve` runs: the newest call kept is"), "{human}");
    // The next run has read nothing yet, but goes on from these totals.
    let empty = sandbox.file("empty.log", "");
    let daemon = Daemon::start(serve(&sandbox, "", &[&empty]));
    let waits = "No line yet from 1 source; waiting. Totals and caps go on from the ledger.";
    status_until(&sandbox, "it says so", |status| status["verdict"] == waits);
    daemon.stop();
}

/// A socket on which somebody listens and lets nobody in any more.
fn crowded(path: &Path) -> (OwnedFd, Vec<OwnedFd>) {
    let socket = || {
        let (family, flags) = (AddressFamily::UNIX, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        net::socket_with(family, SocketType::STREAM, flags, None).unwrap()
    };
    let address = SocketAddrUnix::new(path).unwrap();
    let listener = socket();
    net::bind(&listener, &address).unwrap();
    net::listen(&listener, 1).unwrap();
    let mut crowd = Vec::new();
    loop {
        let client = socket();
        match net::connect(&client, &address) {
            Ok(()) => crowd.push(client),
            Err(error) => {
                assert_eq!(error, rustix::io::Errno::AGAIN);
                return (listener, crowd);
            }
        }
    }
}

#[test]
fn who_is_not_even_let_in_does_not_wait_for_ever() {
    let sandbox = Sandbox::new();
    let (log, mut truth) = (sandbox.path("gw.log"), Truth::default());
    truth.log(&log, 3);
    let daemon = Daemon::start(serve(&sandbox, "", &[&log]));
    status_until(&sandbox, "all calls", |status| truth.is(status) && kept(status));
    daemon.stop();
    let crowd = crowded(&sandbox.path("state/tripline.sock"));
    let ends = |args: &[&str]| {
        let mut command = sandbox.command();
        command.arg("--config").arg(sandbox.path("config.toml")).args(args);
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Ran(Started::of(command).ended())
    };
    ends(&["status"]).exits(69).says("tripline.sock but does not answer within 5 s");
    ends(&["ledger", "show"]).ok();
    ends(&["report"]).ok();
    let log = log.to_str().unwrap();
    ends(&["serve", log]).exits(77).says("another tripline serves on");
    drop(crowd);
}

#[test]
fn words_that_nobody_reads_keep_it_from_nothing() {
    let sandbox = Sandbox::new();
    let log = sandbox.file("gw.log", "");
    let manager = UnixDatagram::bind(sandbox.path("notify")).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut word = [0; 64];
        let len = manager.recv(&mut word).expect("a word to the manager");
        String::from_utf8(word[..len].to_vec()).unwrap()
    };
    let (unread, full) = full_pipe();
    let mut command = serve(&sandbox, "", &[&log]);
    command.env("NOTIFY_SOCKET", sandbox.path("notify")).env("WATCHDOG_USEC", "100000");
    command.stderr(full);
    let mut daemon = Daemon::spawn_quiet(command);
    assert_eq!((hear(), hear()), ("READY=1".to_owned(), "WATCHDOG=1".to_owned()));
    // It would say that its source is in trouble.
    fs::remove_file(&log).unwrap();
    fs::create_dir(&log).unwrap();
    status_until(&sandbox, "trouble", |status| status["state"] != "ok");
    assert_eq!(hear(), "WATCHDOG=1");
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code(), Some(0));
    drop(unread);
}
