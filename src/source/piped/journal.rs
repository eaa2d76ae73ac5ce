//! The system's journal: which command reads it, and from where it goes on when
//! that command has to be started again.

use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;

use crate::domain::checkpoint::Generation;
use crate::domain::{Batch, Checkpoint, LineAt, Wall};
use crate::source::{LineSink, Start};

/// A cursor that is longer is none.
const LONGEST: usize = 512;

/// So much of an entry that is too long to hold is kept, for its cursor: `journalctl`
/// writes that first.
const HEAD: usize = 1024;

/// No file has this device: so checkpoints of journals are told from those of files.
const NO_DEVICE: u64 = u64::MAX;

/// How far the journal was read.
#[derive(Clone, Debug)]
pub struct Journal {
    name: String,
    units: Vec<String>,
    from: Start,
    /// When the source was first read: where there is no cursor, it goes on from there.
    began: Wall,
    cursor: Arc<Mutex<String>>,
}

/// Whether the end of the journal is its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// New lines are waited for.
    Yes,
    /// What is there is all.
    No,
}

impl Journal {
    /// For the source of that name, which goes on after what an earlier run has left;
    /// `began` is when this run did.
    pub fn new(
        name: &str,
        units: Vec<String>,
        from: Start,
        began: Wall,
        left: &[Checkpoint],
    ) -> Journal {
        let place = place(name);
        // The last word counts: before it may stand one from when none named its source.
        let of_ours = left.iter().rfind(|left| left.place == place);
        let cursor = of_ours.map(|left| left.memo.clone()).unwrap_or_default();
        let began = of_ours.and_then(|left| left.since).unwrap_or(began);
        Journal { name: name.to_owned(), units, from, began, cursor: Arc::new(cursor.into()) }
    }

    /// The command that reads on.
    pub fn argv(&self, follow: Follow) -> Vec<String> {
        let mut argv: Vec<String> =
            ["journalctl", "--output=json", "--all", "--no-pager", "--quiet"]
                .map(str::to_owned)
                .into();
        argv.extend(self.units.iter().map(|unit| format!("--unit={unit}")));
        if follow == Follow::No {
            return argv;
        }
        // With `--no-tail` all lines since then come, not the last ten.
        argv.extend(["--follow", "--no-tail"].map(str::to_owned));
        let cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        if !cursor.is_empty() {
            argv.push(format!("--after-cursor={cursor}"));
        } else if self.from == Start::End {
            argv.push(format!("--since=@{}", self.began.0.div_euclid(1_000_000_000)));
        }
        argv
    }

    /// What a first run leaves before there is an entry: without it what is logged
    /// until the next one would be before that one began.
    pub fn beginning(&self) -> Option<Checkpoint> {
        let cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        let since = Some(self.began);
        cursor.is_empty().then(|| Checkpoint { since, ..checkpoint(&self.name, "") })
    }

    /// A sink that remembers how far the journal was read.
    pub fn marking(&self, inner: Box<dyn LineSink + Send>) -> Box<dyn LineSink + Send> {
        let (name, cursor) = (self.name.clone(), Arc::clone(&self.cursor));
        Box::new(Marking { inner, name, cursor, head: Vec::new() })
    }
}

/// Whether a checkpoint is a journal's.
#[must_use]
pub fn is_of_journal(checkpoint: &Checkpoint) -> bool {
    checkpoint.place.0 == NO_DEVICE
}

/// Where the checkpoint of a source is kept (FNV-1a: the same in every run).
fn place(name: &str) -> (u64, u64) {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (NO_DEVICE, hash)
}

/// Notes the cursor of each entry that passes, for this run and, in the batch that
/// holds what the entry said, for the next.
struct Marking {
    inner: Box<dyn LineSink + Send>,
    name: String,
    cursor: Arc<Mutex<String>>,
    /// How an entry begins that comes in parts.
    head: Vec<u8>,
}

impl Marking {
    /// An entry has passed that is this line, or begins with it.
    fn passed(&self, line: &[u8], out: &mut Batch) {
        // In the middle of a record of several entries nothing can begin.
        let Some(found) = cursor_of(line).filter(|_| self.inner.open_since().is_none()) else {
            return;
        };
        let mut cursor = self.cursor.lock().unwrap_or_else(PoisonError::into_inner);
        cursor.clear();
        cursor.push_str(found);
        match out.checkpoints.last_mut() {
            Some(last) => {
                last.memo.clear();
                last.memo.push_str(found);
            }
            None => out.checkpoints.push(checkpoint(&self.name, found)),
        }
    }
}

impl LineSink for Marking {
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        self.inner.line(line, at, out);
        self.passed(line, out);
    }

    fn long_part(&mut self, part: &[u8]) {
        let room = HEAD.saturating_sub(self.head.len()).min(part.len());
        self.head.extend_from_slice(part.get(..room).unwrap_or_default());
        self.inner.long_part(part);
    }

    fn long_end(&mut self, at: LineAt, len: u64, out: &mut Batch) {
        self.inner.long_end(at, len, out);
        self.passed(&self.head, out);
        self.head.clear();
    }

    fn finish(&mut self, at: LineAt, out: &mut Batch) {
        self.inner.finish(at, out);
    }

    fn memo(&self) -> String {
        self.inner.memo()
    }

    fn recall(&mut self, memo: &str) {
        self.inner.recall(memo);
    }

    fn format(&self) -> Option<&str> {
        self.inner.format()
    }

    fn open_since(&self) -> Option<u64> {
        self.inner.open_since()
    }
}

/// How far the journal was read for the source of that name.
fn checkpoint(name: &str, cursor: &str) -> Checkpoint {
    Checkpoint {
        source: name.into(),
        path: name.into(),
        place: place(name),
        head: 0,
        head_len: 0,
        window: 0,
        window_len: 0,
        offset: 0,
        lines: 0,
        memo: cursor.to_owned(),
        since: None,
        progress: Generation::Open,
    }
}

/// The cursor of an entry. Inside of a string the quotes would be escaped, so
/// nothing that is logged passes for one.
fn cursor_of(line: &[u8]) -> Option<&str> {
    const NAME: &[u8] = b"\"__CURSOR\"";
    let after = line.get(memmem::find(line, NAME)? + NAME.len()..)?;
    let after = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
    let value = after.strip_prefix(b"\"")?;
    let value = value.get(..memchr::memchr(b'"', value)?)?;
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"=;-_".contains(byte);
    let is_one = (1..=LONGEST).contains(&value.len()) && value.iter().all(plain);
    std::str::from_utf8(value).ok().filter(|_| is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_after_the_last_word_that_was_left() {
        let began = Wall::from_secs(0);
        let nobodys = Checkpoint { source: "".into(), ..checkpoint("j", "s=1") };
        let left = [nobodys, checkpoint("j", "s=2")];
        let argv = Journal::new("j", Vec::new(), Start::End, began, &left).argv(Follow::Yes);
        assert_eq!(argv.last().unwrap(), "--after-cursor=s=2");
    }

    #[test]
    fn an_entry_tells_its_cursor_and_a_message_does_not() {
        for (line, cursor) in [
            (r#"{"__CURSOR":"s=1a;i=2","MESSAGE":"x"}"#, Some("s=1a;i=2")),
            (r#"{ "MESSAGE" : "x", "__CURSOR" : "s=1" }"#, Some("s=1")),
            (r#"{"MESSAGE":"{\"__CURSOR\":\"s=9\"}","__CURSOR":"s=1"}"#, Some("s=1")),
            (r#"{"MESSAGE":"__CURSOR","X":"s=9"}"#, None),
            (r#"{"__CURSOR":"--vacuum-size=1 x"}"#, None),
            (r#"{"__CURSOR":"s=1"#, None),
            ("-- No entries --", None),
        ] {
            assert_eq!(cursor_of(line.as_bytes()), cursor, "{line}");
        }
    }

    #[test]
    fn it_goes_on_after_the_last_entry_else_where_it_began() {
        let new = |from, left: &[Checkpoint]| {
            Journal::new("j", vec!["a.service".into()], from, Wall(7_900_000_000), left)
        };
        let journal = new(Start::End, &[]);
        let last = |journal: &Journal| journal.argv(Follow::Yes).pop().unwrap();
        assert_eq!(last(&journal), "--since=@7");
        journal.cursor.lock().unwrap().push_str("s=1");
        assert_eq!(last(&journal), "--after-cursor=s=1");
        let first =
            Journal::new("j", vec!["a.service".into()], Start::End, Wall(5_000_000_000), &[]);
        let left = [first.beginning().unwrap()];
        assert_eq!(last(&new(Start::End, &left)), "--since=@5", "nothing came in the first run");
        assert_eq!(last(&new(Start::Beginning, &left)), "--no-tail");
        assert_eq!(journal.beginning(), None);
        let all = new(Start::Beginning, &[]);
        assert_eq!(last(&all), "--no-tail");
        assert_eq!(all.argv(Follow::No).last().unwrap(), "--unit=a.service");
        let checkpoint = |place, memo: &str| Checkpoint {
            source: "j".into(),
            path: "j".into(),
            place,
            head: 0,
            head_len: 0,
            window: 0,
            window_len: 0,
            offset: 0,
            lines: 0,
            memo: memo.into(),
            since: None,
            progress: Generation::Open,
        };
        let left = [
            checkpoint((1, 2), "{}"),
            checkpoint(place("k"), "s=7"),
            checkpoint(place("j"), "s=8"),
        ];
        assert_eq!(last(&new(Start::Beginning, &left)), "--after-cursor=s=8");
        assert_eq!(left.map(|left| is_of_journal(&left)), [false, true, true]);
    }
}
