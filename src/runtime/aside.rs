//! Damaged ledgers that were set aside: said from one run to the next, until a person
//! has moved them away. Their files are all that is known of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::domain::{Mono, Stamp};
use crate::engine::Engine;
use crate::ledger::{lying_aside, set_aside_at};

/// How often they are looked for while there are some.
const EVERY: Duration = Duration::from_secs(5);

/// The word of the finding.
const KIND: &str = "ledger_set_aside";

/// Those that lie beside a ledger.
#[derive(Debug)]
pub struct Aside {
    dir: PathBuf,
    files: Vec<PathBuf>,
    due: Mono,
}

impl Aside {
    /// Find them, and say so.
    pub fn said(dir: &Path, engine: &mut Engine, now: Stamp) -> Aside {
        let files = lying_aside(dir);
        for file in &files {
            let wall = set_aside_at(file).unwrap_or(now.wall);
            engine.alarm(KIND, &sentence(file), Stamp { wall, ..now });
        }
        Aside { dir: dir.to_owned(), files, due: now.mono.plus(EVERY) }
    }

    /// How long until they are looked for again, if there are any.
    pub fn due(&self, now: Mono) -> Option<Duration> {
        (!self.files.is_empty()).then(|| self.due.since(now))
    }

    /// Look for them; answers one that is gone.
    pub fn look(&mut self, now: Mono) -> Option<PathBuf> {
        if self.due(now)?.is_zero() {
            self.due = now.plus(EVERY);
            let lying = lying_aside(&self.dir);
            let gone = self.files.iter().position(|file| !lying.contains(file))?;
            return Some(self.files.remove(gone));
        }
        None
    }
}

/// A person has moved one away.
pub fn seen(file: &Path, engine: &mut Engine) {
    engine.unsay(KIND, &sentence(file));
}

/// What a person must know of one.
#[must_use]
pub fn sentence(file: &Path) -> String {
    format!(
        "the ledger was damaged and a new one begun; of the time before, totals, caps and reports \
         hold only what the logs still held then; look at {} (and at what lies beside it under the \
         same name with -wal and -shm) and then move all of it elsewhere or delete it: from \
         then on this is not said",
        file.display()
    )
}
