//! The scene of a test: our fake provider, real nginx with the files of
//! `contrib/nginx` before it, the `OpenAI` SDK as the client, and tripline
//! reading nginx's log.

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http;
use super::process::{PATIENCE, Process, output};

/// The model of all calls.
pub const MODEL: &str = "gpt-4o";
/// The key of all calls; it must never be seen anywhere.
pub const KEY: &str = "sk-proj-0123456789abcdef7Qm2";
/// Requests a minute that the provider allows.
pub const RPM: u32 = 60;
/// Tokens a minute that the provider allows.
pub const TPM: u32 = 10_000;

/// Whether nginx can see the kill files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Gateway {
    /// As in our documentation.
    Proper,
    /// Without the include of the kill switch.
    WithoutSwitch,
    /// The directory is closed to nginx's workers.
    ClosedDirectory,
}

/// Programs that are not ours.
pub struct Peers {
    nginx: PathBuf,
    python: PathBuf,
}

/// Everything that runs in one test. The last field goes last.
pub struct Rig {
    pub sdk: Sdk,
    nginx: Process,
    _provider: Process,
    pub gateway: SocketAddr,
    provider: SocketAddr,
    kill_dir: PathBuf,
    dir: TempDir,
}

/// A Python process with the SDK.
pub struct Sdk(Process);

/// `tripline watch` and what it has said.
pub struct Watch {
    process: Process,
    pub events: Vec<Value>,
}

impl Peers {
    /// The peers, or a loud word about the first that is missing. Where
    /// `TRIPLINE_PEERS=required` a missing peer is a failure.
    #[allow(clippy::disallowed_methods, reason = "a test's own switch, and where programs are")]
    pub fn find() -> Option<Peers> {
        let places = std::env::var_os("PATH").unwrap_or_default();
        let nginx = std::env::split_paths(&places)
            .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
            .map(|place| place.join("nginx"))
            .find(|file| file.is_file());
        let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../peers/bin/python");
        let missing = match (nginx, python.is_file()) {
            (Some(nginx), true) => return Some(Peers { nginx, python }),
            (None, _) => "nginx is not installed",
            (_, false) => "there is no Python with the OpenAI SDK",
        };
        let word = format!("{missing}; `scripts/peers` installs the peers of these tests");
        let required = std::env::var_os("TRIPLINE_PEERS").is_some_and(|word| word == "required");
        assert!(!required, "{word}");
        skipped(&word);
        None
    }
}

/// Says that a test did not run, past the test runner's capture.
pub fn skipped(why: &str) {
    // In one write: other tests speak at the same time.
    let _ = std::io::stderr().write_all(format!("SKIPPED: {why}\n").as_bytes());
}

impl Rig {
    /// Starts the provider, nginx and the SDK; they are ready when it returns.
    pub fn start(peers: &Peers, gateway: Gateway) -> Rig {
        let dir = TempDir::new().unwrap();
        // nginx's workers run as another user.
        open(dir.path());
        let closed = dir.path().join("closed");
        fs::create_dir(&closed).unwrap();
        fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
        let kill_dir = match gateway {
            Gateway::ClosedDirectory => closed.join("kill.d"),
            Gateway::Proper | Gateway::WithoutSwitch => dir.path().join("kill.d"),
        };
        let (provider_process, provider) = start_provider(dir.path());
        let address = free_address();
        write_nginx(dir.path(), gateway, address, provider, &kill_dir);
        let mut command = Command::new(&peers.nginx);
        command.arg("-p").arg(dir.path()).arg("-c").arg(dir.path().join("nginx.conf"));
        let mut nginx = Process::start("nginx", dir.path(), &mut command);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(nginx.runs() && Instant::now() < deadline, "nginx: {}", nginx.said());
            std::thread::yield_now();
        }
        let mut command = Command::new(&peers.python);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/sdk.py");
        command.arg(script).arg(format!("http://{address}/v1")).arg(KEY).env("NO_PROXY", "*");
        let sdk = Sdk(Process::start("sdk", dir.path(), &mut command));
        let gateway = address;
        Rig { sdk, nginx, _provider: provider_process, gateway, provider, kill_dir, dir }
    }

    /// The buckets of the model as the provider has them: `{rpm: {…}, tpm: {…}}`.
    pub fn belief(&self) -> Value {
        self.provider_state()[MODEL].clone()
    }

    /// Calls that reached the provider.
    pub fn requests_seen(&self) -> u64 {
        self.provider_state()["requests_seen"].as_u64().unwrap()
    }

    fn provider_state(&self) -> Value {
        serde_json::from_str(&http::get(self.provider, "/__state").body).unwrap()
    }

    /// Starts `tripline watch` with these rules, armed.
    pub fn watch(&self, rules: &str) -> Watch {
        let config = format!(
            "config_version = 1\n\
             state_dir = \"{state}\"\n\
             [[source]]\n\
             name = \"nginx\"\n\
             paths = [\"{log}\"]\n\
             [switch]\n\
             dir = \"{kill_dir}\"\n\
             armed = true\n\
             {rules}",
            state = self.dir.path().join("state").display(),
            log = self.log_path().display(),
            kill_dir = self.kill_dir.display(),
        );
        fs::write(self.config_path(), config).unwrap();
        let mut command = self.tripline();
        command.args(["watch", "--ndjson", "--every", "250ms"]);
        let process = Process::start("watch", self.dir.path(), &mut command);
        let mut watch = Watch { process, events: Vec::new() };
        watch.snapshot(|_| true);
        watch
    }

    /// Runs `tripline switch …`.
    pub fn switch(&self, args: &[&str]) -> String {
        output(self.tripline().arg("switch").args(args))
    }

    /// Runs `tripline switch drill` with our key: its exit code, and whether
    /// nginx is said to obey.
    pub fn drill(&self) -> (Option<i32>, bool) {
        let mut command = self.tripline();
        command.args(["switch", "drill", "key/7Qm2", "--url"]);
        command.arg(format!("http://{}/v1/models", self.gateway));
        let done = command.args(["--header", &format!("Authorization: Bearer {KEY}")]).output();
        let done = done.unwrap();
        let said = String::from_utf8(done.stdout).unwrap();
        assert!(said.contains(" OBEYED"), "{said}");
        (done.status.code(), !said.contains("NOT OBEYED"))
    }

    /// What `tripline parse` reads from nginx's log.
    pub fn parse(&self) -> Vec<Value> {
        let parsed = output(self.tripline().arg("parse").arg(self.log_path()));
        parsed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// nginx's log as it stands, in whole lines.
    pub fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.log_path()).unwrap();
        assert!(!text.contains(&KEY[..20]), "a key in the log");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until nginx has logged so many lines.
    pub fn logged(&self, lines: usize) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.len() >= lines {
                return log;
            }
            assert!(Instant::now() < deadline, "{log:?} {}", self.nginx.said());
            std::thread::yield_now();
        }
    }

    /// Moves nginx's log away, as logrotate does.
    pub fn rename_log(&self, name: &str) {
        fs::rename(self.log_path(), self.dir.path().join(name)).unwrap();
    }

    /// Tells nginx to open its log anew; it has done so when this returns.
    pub fn reopen_log(&self) {
        self.nginx.signal(Signal::USR1);
        let deadline = Instant::now() + PATIENCE;
        while !self.log_path().exists() {
            assert!(Instant::now() < deadline, "{}", self.nginx.said());
            std::thread::yield_now();
        }
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("nginx.jsonl")
    }

    fn config_path(&self) -> PathBuf {
        self.dir.path().join("tripline.toml")
    }

    fn tripline(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
        command.arg("--config").arg(self.config_path()).current_dir(self.dir.path());
        command
    }
}

impl Sdk {
    /// One call of two thousand tokens, a fifth of a minute's.
    pub fn call(&mut self) -> Value {
        self.call_with(&json!({}))
    }

    /// One call with something changed.
    pub fn call_with(&mut self, changes: &Value) -> Value {
        let mut asked = json!({
            "model": MODEL, "characters": 8000, "max_tokens": 10, "stream": false, "max_retries": 2,
        });
        for (name, value) in changes.as_object().unwrap() {
            asked[name] = value.clone();
        }
        self.0.tell(&asked.to_string());
        serde_json::from_str(&self.0.line(Instant::now() + PATIENCE)).unwrap()
    }
}

impl Watch {
    /// The next snapshot that is as wanted; events on the way are kept.
    pub fn snapshot(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.process.line(deadline);
            assert!(!line.contains(&KEY[..20]), "a key in {line}");
            let said: Value = serde_json::from_str(&line).unwrap();
            match said["schema"].as_str() {
                Some("tripline.snapshot/v1") if wanted(&said) => return said,
                Some("tripline.snapshot/v1") => {}
                _ => self.events.push(said),
            }
        }
    }

    /// The first event that is as wanted, past or to come.
    pub fn event(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Some(event) = self.events.iter().find(|event| wanted(event)) {
                return event.clone();
            }
            let known = self.events.len();
            let deadline = Instant::now() + PATIENCE;
            while self.events.len() == known {
                assert!(Instant::now() < deadline, "not among {:?}", self.events);
                self.snapshot(|_| true);
            }
        }
    }
}

fn start_provider(dir: &Path) -> (Process, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.args(["demo", "--provider-only", "127.0.0.1:0", "--rpm", &RPM.to_string()]);
    command.args(["--tpm", &TPM.to_string()]);
    let process = Process::start("provider", dir, &mut command);
    let url = process.line(Instant::now() + PATIENCE);
    let address = url.strip_prefix("http://").and_then(|url| url.parse().ok());
    (process, address.unwrap_or_else(|| panic!("no address in {url}")))
}

/// Our files for nginx with this test's addresses and paths.
fn write_nginx(
    dir: &Path,
    gateway: Gateway,
    address: SocketAddr,
    provider: SocketAddr,
    kill_dir: &Path,
) {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/nginx");
    let read = |name: &str| fs::read_to_string(ours.join(name)).unwrap();
    let place = |name: &str| dir.join(name).display().to_string();
    let site = replaced(
        read("tripline-site.conf"),
        &[
            ("default /run/tripline/kill.d;", &format!("default {};", kill_dir.display())),
            // The choice of a gateway whose clients name the model in a header.
            ("default \"\";\n    # default $http_x_llm_model;", "default $http_x_llm_model;"),
            ("# 7Qm2 7%51m2;", "7Qm2 7%51m2;"),
        ],
    );
    let mut whole = replaced(
        read("example.conf"),
        &[
            ("127.0.0.1:18081", &address.to_string()),
            ("127.0.0.1:18000", &provider.to_string()),
            ("/tmp/tripline-nginx.pid", &place("nginx.pid")),
            ("/tmp/tripline-nginx.jsonl", &place("nginx.jsonl")),
        ],
    );
    if gateway == Gateway::WithoutSwitch {
        whole = replaced(whole, &[("include tripline-kill.conf;", "")]);
    }
    fs::write(dir.join("tripline-site.conf"), site).unwrap();
    fs::write(dir.join("nginx.conf"), whole).unwrap();
    for name in ["tripline.conf", "tripline-kill.conf"] {
        fs::copy(ours.join(name), dir.join(name)).unwrap();
    }
}

fn replaced(text: String, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

fn open(dir: &Path) {
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
}

/// An address that was free a moment ago.
fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}
