//! A named pipe: writers come and go, and the reader stays.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::tap::{Came, Tap};
use crate::source::status::SourceState;

/// How often it is seen whether the path still leads to this pipe.
const LOOK: Duration = Duration::from_secs(1);

const NO_WRITER: &str = "no writer has it open";

/// Whether a path leads to a named pipe now.
pub fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo())
}

/// Read it until told to stop.
pub fn follow(path: &Path, tap: &mut Tap<'_>) {
    // The pipe of before is closed only when the next is open: a writer that comes
    // between the two finds a reader.
    let mut before: Option<File> = None;
    loop {
        let mut pipe = match open(path) {
            Ok(pipe) => pipe,
            Err(why) => {
                tap.say(why.0, Some(why.1));
                if tap.stop.pause(LOOK) {
                    return;
                }
                continue;
            }
        };
        drop(before.take());
        tap.say(SourceState::Waiting, Some(NO_WRITER.to_owned()));
        if read(path, &mut pipe, tap) == After::Stop {
            return;
        }
        before = Some(pipe);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Stop,
    OpenAgain,
}

/// Read until its writers have gone.
fn read(path: &Path, pipe: &mut File, tap: &mut Tap<'_>) -> After {
    let mut flow = Tap::begin(tap.sink());
    let after = loop {
        let woken = tap.stop.wait(Some(pipe), None, LOOK);
        if woken.stop {
            break After::Stop;
        }
        if !woken.first {
            if is_another(path, pipe) {
                break After::OpenAgain;
            }
            continue;
        }
        match tap.read(&mut flow, pipe) {
            Ok(Came::Bytes) => tap.say(SourceState::Live, None),
            Ok(Came::Nothing) => {}
            Ok(Came::End) => break After::OpenAgain,
            Err(why) => {
                tap.fail(why);
                break if tap.stop.pause(LOOK) { After::Stop } else { After::OpenAgain };
            }
        }
    };
    tap.end(flow);
    after
}

/// Open it without waiting for a writer.
fn open(path: &Path) -> Result<File, (SourceState, String)> {
    let failed = |why: io::Error| {
        let state = match why.kind() {
            io::ErrorKind::NotFound => SourceState::Waiting,
            io::ErrorKind::PermissionDenied => SourceState::Denied,
            _ => SourceState::Error,
        };
        (state, format!("{}: {why}", path.display()))
    };
    let not_one = || (SourceState::Error, format!("{}: not a named pipe", path.display()));
    // What is something else now must not be opened at all.
    if !is_one(&std::fs::metadata(path).map_err(failed)?) {
        return Err(not_one());
    }
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let pipe = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(failed)?;
    if is_one(&pipe.metadata().map_err(failed)?) { Ok(pipe) } else { Err(not_one()) }
}

fn is_one(meta: &Metadata) -> bool {
    meta.file_type().is_fifo()
}

/// Whether the path leads to something else by now. A pipe without a name may
/// still have a writer.
fn is_another(path: &Path, pipe: &File) -> bool {
    let id = |meta: Metadata| (meta.dev(), meta.ino());
    match (std::fs::metadata(path), pipe.metadata()) {
        (Ok(now), Ok(open)) => id(now) != id(open),
        _ => false,
    }
}
