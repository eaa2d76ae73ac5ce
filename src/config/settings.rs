//! The tables that are written once: top of the file, switch, engine, display.

use std::path::{Path, PathBuf};

use super::reader::Reader;
use super::value::{self, Complaint, Raw, Read};
use super::{VERSION, Zone};
use crate::action::switch::NetworkFs;
use crate::domain::NanoUsd;
use crate::domain::limit::words;
use crate::engine::Limits;
use crate::mount::NETWORK_FS;

/// The kill switch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwitchConfig {
    /// The directory; `kill.d` in the state directory where absent.
    pub dir: Option<PathBuf>,
    /// Whether rules may trip by themselves.
    pub armed: bool,
    /// The network file system that is accepted.
    pub allow_network_fs: NetworkFs,
}

/// What is kept over restarts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerConfig {
    /// Whether anything is.
    pub enabled: bool,
    /// Where `ledger.db` is; the state directory where absent.
    pub dir: Option<PathBuf>,
}

/// The engine without a screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServeConfig {
    /// Its socket, where it is not at the usual place.
    pub socket: Option<PathBuf>,
}

/// The console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// ASCII only.
    pub ascii: When,
    /// Colours.
    pub color: When,
    /// Times in UTC instead of the configured zone.
    pub utc: bool,
    /// Frames a second at most.
    pub fps: u8,
    /// Take the mouse.
    pub mouse: bool,
    /// Refuse what changes something.
    pub read_only: bool,
}

/// A yes or no that may be left to the surroundings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the meaning")]
pub enum When {
    #[default]
    Auto,
    Always,
    Never,
}

words!(When { Auto = "auto", Always = "always", Never = "never" });

impl Default for Display {
    fn default() -> Self {
        Display {
            ascii: When::Auto,
            color: When::Auto,
            utc: false,
            fps: 4,
            mouse: false,
            read_only: false,
        }
    }
}

/// The keys at the top of the file.
pub(super) struct Top {
    pub version: u32,
    pub timezone: Option<Zone>,
    pub state_dir: Option<PathBuf>,
}

pub(super) fn top(mut reader: Reader) -> Top {
    let version = reader.take("config_version", version).unwrap_or(VERSION);
    let timezone = reader.take("timezone", value::zone);
    let state_dir = reader.take("state_dir", directory);
    reader.finish();
    Top { version, timezone, state_dir }
}

/// The version alone: a newer file is not judged by today's keys.
pub(super) fn version(raw: &Raw) -> Read<u32> {
    let newest = u64::from(VERSION);
    let given = value::whole(raw, 1..=u64::from(u32::MAX))?;
    if given > newest {
        let message = format!("is {given}, newer than this program knows ({newest})");
        return Err(Complaint::new(message).hint("this file needs a newer tripline"));
    }
    Ok(VERSION)
}

pub(super) fn builtin_rules(mut reader: Reader) -> bool {
    let enabled = reader.take("enabled", value::boolean).unwrap_or(true);
    reader.finish();
    enabled
}

/// A network file system is allowed by its name only.
fn network_fs(raw: &Raw) -> Read<NetworkFs> {
    let name = value::text(raw)?;
    if NETWORK_FS.iter().any(|(_, known)| *known == name) {
        return Ok(NetworkFs::Allow(name));
    }
    Err(value::unknown_word(&name, NETWORK_FS.iter().map(|(_, name)| *name)))
}

/// The switch, and how long gateways have to obey it.
pub(super) fn switch(mut reader: Reader, limits: &mut Limits) -> SwitchConfig {
    let config = SwitchConfig {
        dir: reader.take("dir", directory),
        armed: reader.take("armed", value::boolean).unwrap_or_default(),
        allow_network_fs: reader.take("allow_network_fs", network_fs).unwrap_or_default(),
    };
    if let Some(grace) = reader.take("obey_grace", value::positive_duration) {
        limits.obey_grace = grace;
    }
    reader.finish();
    config
}

/// Tuning; returns what one call may cost at most.
pub(super) fn engine(mut reader: Reader, limits: &mut Limits) -> NanoUsd {
    if let Some(age) = reader.take("max_age", value::positive_duration) {
        limits.max_age = age;
    }
    if let Some(silence) = reader.take("silent_after", value::positive_duration) {
        limits.silent_after = silence;
    }
    let max_request = reader.take("max_request_usd", value::positive_money);
    reader.finish();
    max_request.unwrap_or_default()
}

pub(super) fn ledger(mut reader: Reader) -> LedgerConfig {
    let enabled = reader.take("enabled", value::boolean).unwrap_or(true);
    let dir = reader.take("dir", directory);
    reader.finish();
    LedgerConfig { enabled, dir }
}

pub(super) fn serve(mut reader: Reader) -> ServeConfig {
    let socket = reader.take("socket", file);
    reader.finish();
    ServeConfig { socket }
}

pub(super) fn display(mut reader: Reader) -> Display {
    let plain = Display::default();
    let when = |raw: &Raw| value::word(raw, When::ALL, When::word);
    let fps = reader.take("fps", |raw| value::whole(raw, 1..=30));
    let display = Display {
        ascii: reader.take("ascii", when).unwrap_or(plain.ascii),
        color: reader.take("color", when).unwrap_or(plain.color),
        utc: reader.take("utc", value::boolean).unwrap_or(plain.utc),
        fps: fps.and_then(|fps| u8::try_from(fps).ok()).unwrap_or(plain.fps),
        mouse: reader.take("mouse", value::boolean).unwrap_or(plain.mouse),
        read_only: reader.take("read_only", value::boolean).unwrap_or(plain.read_only),
    };
    reader.finish();
    display
}

/// A directory of ours: it need not exist, but nothing else may be in its place.
pub(super) fn directory(raw: &Raw) -> Read<PathBuf> {
    let path = value::directory(raw)?;
    match what_is_there(&path) {
        None => Ok(path),
        Some(what) => Err(Complaint::new(format!("must be a directory: there is {what}"))),
    }
}

/// A file or socket of ours: it need not exist, but no directory may be in its place.
fn file(raw: &Raw) -> Read<PathBuf> {
    let path = value::directory(raw)?;
    if path.is_dir() {
        return Err(Complaint::new("must be a file: there is a directory at this path"));
    }
    Ok(path)
}

fn what_is_there(path: &Path) -> Option<&'static str> {
    use std::os::unix::fs::FileTypeExt;
    let kind = std::fs::metadata(path).ok()?.file_type();
    if kind.is_dir() {
        None
    } else if kind.is_file() {
        Some("a file at this path")
    } else if kind.is_char_device() || kind.is_block_device() {
        Some("a device at this path")
    } else {
        Some("a pipe or socket at this path")
    }
}
