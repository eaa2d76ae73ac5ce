//! Keys of our own: read anew for each question from the environment, a file or
//! a command's output, so that a new key needs no restart. They are never
//! printed, and never stand in the configuration.

use std::fmt;
use std::fs::OpenOptions;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// Reads one variable of the environment.
pub type Env = fn(&str) -> Option<String>;

/// A key that is longer is none.
const MOST: u64 = 64 * 1024;
/// Longest wait for a command that prints a key.
const COMMAND: Duration = Duration::from_secs(10);
/// How often it is looked at whether one has ended that has said all.
const LOOK: Duration = Duration::from_millis(10);

/// Where a key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// A variable of the environment.
    Env(String),
    /// A file that only its owner may read.
    File(PathBuf),
    /// What a program prints; its arguments are no shell's.
    Command(Vec<String>),
}

/// A header of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderSpec {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderFrom,
}

/// Where a header's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderFrom {
    /// It stands in the configuration.
    Plain(HeaderValue),
    /// It is a key, perhaps behind a word such as `Bearer `.
    Secret {
        /// What stands before the key.
        prefix: String,
        /// Where the key comes from.
        from: SecretFrom,
    },
}

/// A key. Nothing prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why there is no key. Holds where it was looked for, never what was found.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set, or empty.
    #[error("the environment has no {0}")]
    NotSet(String),
    /// The file can't be read.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        why: std::io::Error,
    },
    /// Others may read the file.
    #[error("{}: others than its owner may read it: chmod 600 it", .0.display())]
    Open(PathBuf),
    /// Somebody else owns the file, and so may change the key.
    #[error("{}: belongs to another user", .0.display())]
    Foreign(PathBuf),
    /// It is a directory, a pipe or a device.
    #[error("{}: not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// The command could not be run, failed, or took too long.
    #[error("the command {command} {why}")]
    Command {
        /// Its name.
        command: String,
        /// What happened.
        why: String,
    },
    /// What was found is not a key: empty, too long, of several lines.
    #[error("{0} holds no key: one line of printable text")]
    NotOne(String),
}

/// Reads keys.
#[derive(Clone, Copy, Debug)]
pub struct Secrets {
    env: Env,
}

impl Secrets {
    /// A reader of keys; `env` reads the environment.
    #[must_use]
    pub fn new(env: Env) -> Secrets {
        Secrets { env }
    }

    /// The key as it is now.
    pub async fn read(&self, from: &SecretFrom) -> Result<Secret, SecretError> {
        let (found, place) = match from {
            SecretFrom::Env(name) => {
                let value = (self.env)(name).filter(|value| !value.trim().is_empty());
                (value.ok_or_else(|| SecretError::NotSet(name.clone()))?, name.clone())
            }
            SecretFrom::File(path) => (file(path)?, path.display().to_string()),
            SecretFrom::Command(argv) => {
                let name = argv.first().cloned().unwrap_or_default();
                (command(argv).await?, format!("the output of {name}"))
            }
        };
        let key = found.trim();
        let fits = !key.is_empty() && key.len() as u64 <= MOST;
        if !fits || !key.bytes().all(|b| matches!(b, b' '..=b'~')) {
            return Err(SecretError::NotOne(place));
        }
        Ok(Secret(key.to_owned()))
    }

    /// A secret as text, for a protocol that has no headers, and a mark that changes
    /// with it; neither where there is none.
    pub async fn plain(
        &self,
        from: Option<&SecretFrom>,
    ) -> Result<(Option<String>, Option<u64>), SecretError> {
        let Some(from) = from else { return Ok((None, None)) };
        let Secret(secret) = self.read(from).await?;
        let mut mark = DefaultHasher::new();
        secret.hash(&mut mark);
        Ok((Some(secret), Some(mark.finish())))
    }

    /// Headers with their keys filled in, and a mark that changes with the keys, where
    /// there are any.
    pub async fn headers(
        &self,
        specs: &[HeaderSpec],
    ) -> Result<(Vec<(HeaderName, HeaderValue)>, Option<u64>), SecretError> {
        let mut mark: Option<DefaultHasher> = None;
        let mut headers = Vec::with_capacity(specs.len());
        for HeaderSpec { name, value } in specs {
            let value = match value {
                HeaderFrom::Plain(value) => value.clone(),
                HeaderFrom::Secret { prefix, from } => {
                    let Secret(key) = self.read(from).await?;
                    key.hash(mark.get_or_insert_default());
                    let whole = HeaderValue::from_str(&format!("{prefix}{key}"));
                    let mut value =
                        whole.map_err(|_| SecretError::NotOne(format!("the header {name}")))?;
                    value.set_sensitive(true);
                    value
                }
            };
            headers.push((name.clone(), value));
        }
        Ok((headers, mark.map(|mark| mark.finish())))
    }
}

/// A link is followed, since that is how orchestrators mount keys; what counts
/// is who may read and change the file itself.
fn file(path: &Path) -> Result<String, SecretError> {
    let failed = |why| SecretError::File { path: path.to_owned(), why };
    // Opening must not wait for the writer of a pipe.
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::CLOEXEC).bits()).unwrap_or_default();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    let meta = file.metadata().map_err(failed)?;
    if !meta.is_file() {
        return Err(SecretError::NotAFile(path.to_owned()));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(SecretError::Open(path.to_owned()));
    }
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(SecretError::Foreign(path.to_owned()));
    }
    let mut text = String::new();
    file.take(MOST + 1).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// What a command prints. It and all it started end when its time is over.
async fn command(argv: &[String]) -> Result<String, SecretError> {
    let name = argv.first().cloned().unwrap_or_default();
    let failed = |why: String| SecretError::Command { command: name.clone(), why };
    let mut child = Command::new(&name)
        .args(argv.iter().skip(1))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        // It may say more than is good to know.
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|why| failed(format!("can't be started: {why}")))?;
    let mut group = Group(child.id());
    let mut text = String::new();
    let run = async {
        if let Some(out) = child.stdout.take() {
            out.take(MOST + 1).read_to_string(&mut text).await?;
        }
        while !group.is_led_by_the_dead() {
            tokio::time::sleep(LOOK).await;
        }
        group.kill();
        child.wait().await
    };
    let ended = tokio::time::timeout(COMMAND, run).await;
    drop(group);
    match ended {
        Err(_) => Err(failed(format!("took longer than {} s", COMMAND.as_secs()))),
        Ok(Err(why)) => Err(failed(format!("broke off: {why}"))),
        Ok(Ok(status)) if !status.success() => Err(failed(format!("failed: {status}"))),
        Ok(Ok(_)) => Ok(text),
    }
}

/// The processes of a command: none of them outlives the wait for it. Its number is its
/// own until its leader was waited for, and may be another's then: it is killed before.
struct Group(Option<u32>);

impl Group {
    fn pid(&self) -> Option<Pid> {
        self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
    }

    /// Whether the command itself has ended, though what it started may go on.
    fn is_led_by_the_dead(&self) -> bool {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        self.pid().is_none_or(|pid| !matches!(waitid(WaitId::Pid(pid), ended), Ok(None)))
    }

    /// End what is left of it, once.
    fn kill(&mut self) {
        if let Some(group) = self.pid() {
            // Usually there is nobody left.
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
