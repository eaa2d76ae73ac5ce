//! The scene of a test: our fake provider, a real gateway before it, the SDKs of
//! `OpenAI` and Anthropic as the client, and tripline reading the gateway's log.

use std::fs::{self, Permissions};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::http;
use super::process::{PATIENCE, Process, output, pause};

/// The model of all calls.
pub const MODEL: &str = "gpt-4o";
/// The key of all calls; it must never be seen anywhere.
pub const KEY: &str = "sk-proj-0123456789abcdef7Qm2";
/// Requests a minute that the provider allows.
pub const RPM: u32 = 60;
/// Tokens a minute that the provider allows.
pub const TPM: u32 = 10_000;

/// What a gateway must know to stand before the provider.
pub struct Scene<'s> {
    /// Its directory.
    pub dir: &'s Path,
    /// Where it is to listen.
    pub address: SocketAddr,
    /// Where the provider is.
    pub provider: SocketAddr,
    /// Where kill files are.
    pub kill_dir: &'s Path,
}

/// A gateway that is ready to start.
pub struct Gateway {
    pub name: &'static str,
    pub command: Command,
    /// The log that tripline reads.
    pub log: PathBuf,
    /// The switch directory, if it is not that of the scene.
    pub kill_dir: Option<PathBuf>,
}

/// Everything that runs in one test. The last field goes last.
pub struct Rig {
    pub sdk: Sdk,
    server: Process,
    _provider: Process,
    pub gateway: SocketAddr,
    provider: SocketAddr,
    kill_dir: PathBuf,
    log: PathBuf,
    dir: TempDir,
}

/// A Python process with the SDKs.
pub struct Sdk(Process);

/// `tripline watch` and what it has said.
pub struct Watch {
    process: Process,
    pub events: Vec<Value>,
}

impl Rig {
    /// Starts the provider, the gateway and the SDKs; they are ready when it returns.
    pub fn start(python: &Path, gateway: impl FnOnce(&Scene) -> Gateway) -> Rig {
        let dir = TempDir::new().unwrap();
        // The workers of a gateway run as another user.
        open(dir.path());
        let (provider_process, provider) = start_provider(dir.path());
        let address = free_address();
        let usual = dir.path().join("kill.d");
        let scene = Scene { dir: dir.path(), address, provider, kill_dir: &usual };
        let Gateway { name, mut command, log, kill_dir } = gateway(&scene);
        let kill_dir = kill_dir.unwrap_or_else(|| usual.clone());
        if kill_dir == usual {
            fs::create_dir(&usual).unwrap();
            open(&usual);
        }
        let mut server = Process::start(name, dir.path(), &mut command);
        server.listens(address);
        let mut command = Command::new(python);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/sdk.py");
        command.arg(script).arg(format!("http://{address}")).arg(KEY).env("NO_PROXY", "*");
        let sdk = Sdk(Process::start("sdk", dir.path(), &mut command));
        let gateway = address;
        Rig { sdk, server, _provider: provider_process, gateway, provider, kill_dir, log, dir }
    }

    /// The buckets of the model as the provider has them: `{rpm: {…}, tpm: {…}}`.
    pub fn belief(&self) -> Value {
        self.belief_of(MODEL)
    }

    /// The buckets of any model.
    pub fn belief_of(&self, model: &str) -> Value {
        self.provider_state()[model].clone()
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
        self.configure(rules);
        let mut command = self.tripline();
        command.args(["watch", "--ndjson", "--every", "250ms"]);
        let process = Process::start("watch", self.dir.path(), &mut command);
        let mut watch = Watch { process, events: Vec::new() };
        watch.snapshot(|_| true);
        watch
    }

    /// What `tripline once` shows of the gateway's log, and of what `more` configures.
    pub fn once(&self, more: &str) -> Value {
        self.configure(more);
        let shown = output(self.tripline().args(["once", "--json"]));
        serde_json::from_str(&shown).unwrap()
    }

    fn configure(&self, more: &str) {
        let config = format!(
            "config_version = 1\n\
             state_dir = \"{state}\"\n\
             [[source]]\n\
             name = \"gateway\"\n\
             paths = [\"{log}\"]\n\
             [switch]\n\
             dir = \"{kill_dir}\"\n\
             armed = true\n\
             {more}",
            state = self.dir.path().join("state").display(),
            log = self.log.display(),
            kill_dir = self.kill_dir.display(),
        );
        fs::write(self.config_path(), config).unwrap();
    }

    /// Runs `tripline switch …`.
    pub fn switch(&self, args: &[&str]) -> String {
        output(self.tripline().arg("switch").args(args))
    }

    /// Runs `tripline switch drill` with our key: its exit code, and whether
    /// the gateway is said to obey.
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

    /// What `tripline parse` reads from the gateway's log.
    pub fn parse(&self) -> Vec<Value> {
        let parsed = output(self.tripline().arg("parse").arg(&self.log));
        parsed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The gateway's log as it stands, in whole lines.
    pub fn log(&self) -> Vec<String> {
        // Some make it with the first line.
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        assert!(!text.contains(&KEY[..20]), "a key in the log");
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// The same, of a log of JSON objects.
    pub fn json_log(&self) -> Vec<Value> {
        self.log().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until the gateway has logged so many lines.
    pub fn logged(&self, lines: usize) -> Vec<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if log.len() >= lines {
                return log;
            }
            assert!(Instant::now() < deadline, "{log:?} {}", self.server.said());
            pause();
        }
    }

    /// A place in the directory of the test.
    pub fn place(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Moves nginx's log away, as logrotate does.
    pub fn rename_log(&self, name: &str) {
        fs::rename(&self.log, self.place(name)).unwrap();
    }

    /// Tells nginx to open its log anew; it has done so when this returns.
    pub fn reopen_log(&self) {
        self.server.signal(Signal::USR1);
        let deadline = Instant::now() + PATIENCE;
        while !self.log.exists() {
            assert!(Instant::now() < deadline, "{}", self.server.said());
            pause();
        }
    }

    fn config_path(&self) -> PathBuf {
        self.place("tripline.toml")
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
            "dialect": "openai", "model": MODEL, "characters": 8000, "max_tokens": 10, "stream": false, "max_retries": 2,
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

/// The fake provider, as a process of its own.
pub fn start_provider(dir: &Path) -> (Process, SocketAddr) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tripline"));
    command.args(["demo", "--provider-only", "127.0.0.1:0", "--rpm", &RPM.to_string()]);
    command.args(["--tpm", &TPM.to_string()]);
    let process = Process::start("provider", dir, &mut command);
    let url = process.line(Instant::now() + PATIENCE);
    let address = url.strip_prefix("http://").and_then(|url| url.parse().ok());
    (process, address.unwrap_or_else(|| panic!("no address in {url}")))
}

/// A text with each of these changed, which stand in it once.
pub fn replaced(text: String, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text, |text, (from, to)| {
        assert_eq!(text.matches(from).count(), 1, "{from}");
        text.replace(from, to)
    })
}

/// Lets everybody in.
pub fn open(dir: &Path) {
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
}

/// An address that was free a moment ago.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).unwrap()
}
