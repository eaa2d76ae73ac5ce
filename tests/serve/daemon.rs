//! A `tripline serve` that dies with its test.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::sandbox::{PATIENCE, Sandbox};

pub struct Daemon {
    child: Child,
}

impl Daemon {
    /// Start it and wait until it says where it is.
    #[track_caller]
    pub fn start(command: Command) -> Daemon {
        let mut daemon = Daemon::spawn(command);
        let mut said = String::new();
        let mut words = BufReader::new(daemon.child.stderr.take().unwrap());
        words.read_line(&mut said).unwrap();
        assert!(said.starts_with("tripline: serving; socket "), "{said}{}", rest(words));
        daemon
    }

    /// Start it, and do not wait for anything.
    pub fn spawn(mut command: Command) -> Daemon {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Daemon { child: command.spawn().unwrap() }
    }

    /// The same where what it says goes elsewhere.
    pub fn spawn_quiet(mut command: Command) -> Daemon {
        Daemon { child: command.stdout(Stdio::piped()).spawn().unwrap() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The signal with this name (`kill`'s names).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    /// End it as a service manager does; answers what it printed.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        let status = self.wait();
        let printed = rest(self.child.stdout.take().unwrap());
        assert!(status.success(), "{status}");
        printed
    }

    /// As a crash does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "it does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rest(mut from: impl Read) -> String {
    let mut text = String::new();
    from.read_to_string(&mut text).unwrap();
    text
}

/// A cap of a month, and a rule that stops everything once it is spent.
pub fn stop_at(usd: f64) -> String {
    format!(
        "
[switch]
armed = true
[[cap]]
name = \"small\"
usd = {usd}
period = \"month\"
[[rule]]
name = \"stop\"
metric = \"spend.used_ratio\"
match = {{ cap = \"small\" }}
above = 1
for = \"10ms\"
min_requests = 1
severity = \"critical\"
actions = [\"trip:all\"]
"
    )
}

/// `tripline serve` over these arguments.
pub fn serve(sandbox: &Sandbox, config: &str, paths: &[&Path]) -> Command {
    let config = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.arg("--config").arg(config).arg("serve").args(paths);
    command
}

/// What `tripline status --json` says.
pub fn status(sandbox: &Sandbox) -> Value {
    let mut command = sandbox.command();
    command.arg("--config").arg(sandbox.path("config.toml")).args(["status", "--json"]);
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// Wait until a status is like this.
#[track_caller]
pub fn status_until(sandbox: &Sandbox, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = status(sandbox);
        if holds(&status) {
            return status;
        }
        assert!(Instant::now() < deadline, "never: {what}: {status:#}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Wait until all sources are followed: what is logged before stops nothing.
pub fn status_follows(sandbox: &Sandbox) -> Value {
    status_until(sandbox, "it follows its sources", |status| {
        status["sources"].as_array().unwrap().iter().all(|source| source["state"] == "live")
    })
}

/// Whether the ledger holds all that a status shows.
pub fn kept(status: &Value) -> bool {
    status["ledger"]["state"] == "ok" && status["ledger"].get("behind_s").is_none()
}
