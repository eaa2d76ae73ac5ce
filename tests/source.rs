//! Reading to the end, reading a pipe, and being woken.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tripline::domain::{Batch, Item, LineAt, Observation, Progress, SourceId, Wall};
use tripline::source::{
    BLOCK, LONG_LINE, LineSink, SourceError, SourceSpec, Wake, Watcher, files, read_stream,
    read_to_end,
};

/// Sends each line's place and text, and what a long line added up to.
struct Teller(mpsc::Sender<(LineAt, String)>, u64);

impl LineSink for Teller {
    fn line(&mut self, line: &[u8], at: LineAt, out: &mut Batch) {
        self.0.send((at, String::from_utf8_lossy(line).into_owned())).unwrap();
        out.items.push(Item { line: at.number, seen: Observation::Ignored { reason: "test" } });
    }
    fn long_part(&mut self, part: &[u8]) {
        assert!(part.len() <= BLOCK);
        self.1 += part.len() as u64;
    }
    fn long_end(&mut self, at: LineAt, len: u64, _: &mut Batch) {
        assert_eq!(std::mem::take(&mut self.1), len);
        self.0.send((at, format!("long {len}"))).unwrap();
    }
    fn finish(&mut self, at: LineAt, _: &mut Batch) {
        self.0.send((at, "finish".into())).unwrap();
    }
    fn memo(&self) -> String {
        String::new()
    }
    fn recall(&mut self, _memo: &str) {}
    fn format(&self) -> Option<&str> {
        None
    }
    fn open_since(&self) -> Option<u64> {
        None
    }
}

/// Gives one piece per read, as a pipe does.
struct Pieces(Vec<Vec<u8>>);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(piece) = self.0.first_mut() else { return Ok(0) };
        let n = piece.len().min(into.len());
        into[..n].copy_from_slice(&piece[..n]);
        piece.drain(..n);
        if piece.is_empty() {
            self.0.remove(0);
        }
        Ok(n)
    }
}

fn spec(paths: &[&Path]) -> SourceSpec {
    let paths = paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
    SourceSpec { name: "test".into(), paths, ..SourceSpec::default() }
}

/// All lines of these paths, with `stdin` behind `-`, and the progress at the end.
fn read(paths: &[&Path], stdin: &[u8]) -> Result<(Vec<String>, Progress), SourceError> {
    let (tell, told) = mpsc::channel();
    let mut last = Progress::default();
    let ended = read_to_end(
        SourceId(0),
        &files(&spec(paths))?,
        &mut io::Cursor::new(stdin),
        Wall(7),
        &mut move |_: SourceId, _: &Path| -> Box<dyn LineSink + Send> {
            Box::new(Teller(tell.clone(), 0))
        },
        &mut |batch| {
            last = batch.progress;
            batch
        },
    )?;
    assert_eq!(ended.progress, last, "the last batch says it all");
    Ok((told.iter().map(|(_, text)| text).collect(), ended.progress))
}

#[test]
fn a_last_line_without_newline_is_pending_in_a_file_but_counts_from_a_pipe() {
    let torn = Path::new("tests/corpus/hostile/27-torn-tail.jsonl");
    let (lines, progress) = read(&[torn], b"").unwrap();
    assert_eq!(lines.len(), 2, "a line and the end");
    assert_eq!((progress.lines, progress.pending_bytes), (1, 133));
    assert_eq!(progress.bytes + progress.pending_bytes, fs::metadata(torn).unwrap().len());

    let (lines, progress) = read(&[Path::new("-")], b"one\n\ntwo").unwrap();
    assert_eq!(lines, ["one", "", "two", "finish"]);
    let expected = Progress { lines: 3, blank: 1, bytes: 8, ..Progress::default() };
    assert_eq!(progress, expected);
}

#[test]
fn every_byte_of_the_corpus_is_in_a_line_or_pending() {
    for entry in fs::read_dir("tests/corpus/hostile").unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let (_, progress) = read(&[&path], b"").unwrap();
            let size = fs::metadata(&path).unwrap().len();
            assert_eq!(progress.bytes + progress.pending_bytes, size, "{}", path.display());
        }
    }
}

#[test]
fn directories_and_patterns_become_files_in_order() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["b.log", "a.log", "a.log.1", "a.log-20260101", "c.txt", "z.log.gz"] {
        fs::write(dir.path().join(name), format!("{name}\n")).unwrap();
    }
    fs::create_dir_all(dir.path().join("sub/deep")).unwrap();
    fs::write(dir.path().join("sub/deep/d.log"), "d\n").unwrap();
    let names = |pattern: &str| -> Vec<PathBuf> {
        let found = files(&spec(&[&dir.path().join(pattern)])).unwrap();
        found.iter().map(|path| path.strip_prefix(dir.path()).unwrap().to_owned()).collect()
    };
    for (pattern, expected) in [
        ("", &["a.log", "b.log", "c.txt"][..]),
        ("*.log", &["a.log", "b.log"]),
        ("[bc].*", &["b.log", "c.txt"]),
        ("?.log", &["a.log", "b.log"]),
        ("**/*.log", &["a.log", "b.log", "sub/deep/d.log"]),
        ("a.log.1", &["a.log.1"]),
    ] {
        let expected: Vec<_> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(names(pattern), expected, "{pattern:?}");
    }
    let (lines, progress) = read(&[&dir.path().join("b.log"), dir.path()], b"").unwrap();
    assert_eq!(lines, ["b.log", "finish", "a.log", "finish", "c.txt", "finish"]);
    assert_eq!(progress.lines, 3);
}

#[test]
fn what_can_not_be_read_is_said_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let in_dir = |name: &str| dir.path().join(name);
    for (path, expected) in [
        (PathBuf::from("~/x.log"), "~/x.log: `~` is not expanded here"),
        (in_dir("none.log"), "none.log: can't be opened: No such file"),
        (in_dir("*.log"), "*.log: no file matches"),
        (in_dir("a[.log"), "a[.log: not a valid pattern"),
    ] {
        let error = read(&[&path], b"").unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_rotation_left_is_no_log_whichever_pattern_meets_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("data")).unwrap();
    for name in ["app.log", "app.log.1", "app.log.2.gz", "gone.log.1", "data-2026"] {
        fs::write(path(name), "").unwrap();
    }
    let meant = [path("*.log"), path("*.log.*"), path("data*")];
    let found = files(&spec(&meant.each_ref().map(PathBuf::as_path))).unwrap();
    assert_eq!(found, ["app.log", "gone.log.1", "data-2026"].map(path));
}

#[test]
fn a_pipe_is_delivered_as_it_comes_and_cut_lines_are_joined() {
    let long = vec![b'x'; LONG_LINE * 3];
    let pieces = [&b"one\ntw"[..], b"o\n", &long, b"yz\nlast"];
    let mut pipe = Pieces(pieces.iter().map(|piece| piece.to_vec()).collect());
    let (tell, told) = mpsc::channel();
    let (mut time, mut seen) = (0, Vec::new());
    let mut clock = || {
        time += 1;
        Wall(time)
    };
    let mut deliver = |batch: Batch| {
        assert_eq!(batch.source, SourceId(4));
        seen.push((batch.progress.lines, batch.progress.pending_bytes));
        batch
    };
    let sink = Box::new(Teller(tell, 0));
    let progress = read_stream(SourceId(4), &mut pipe, sink, &mut clock, &mut deliver, &mut |_| ());
    let told: Vec<_> = told.iter().collect();
    let texts: Vec<_> = told.iter().map(|(_, text)| text.as_str()).collect();
    let long_text = format!("long {}", long.len() + 2);
    assert_eq!(texts, ["one", "two", &long_text, "last", "finish"]);
    let offsets: Vec<_> = told.iter().map(|(at, _)| at.offset).collect();
    let end = 8 + long.len() as u64 + 3;
    assert_eq!(offsets, [0, 4, 8, end, end + 4]);
    assert!(told[0].0.received < told[1].0.received);
    assert_eq!(seen[..2], [(1, 2), (2, 0)]);
    assert_eq!(*seen.last().unwrap(), (4, 0));
    assert_eq!(progress.unwrap().bytes, end + 4);
}

/// Between any two bytes comes a signal.
struct Signalled(Vec<u8>, bool);

impl Read for Signalled {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let Some(byte) = self.0.first().copied() else { return Ok(0) };
        into[0] = byte;
        self.0.remove(0);
        Ok(1)
    }
}

#[test]
fn a_signal_between_the_bytes_of_a_pipe_loses_none() {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(b"one\ntwo\n").unwrap();
    for bytes in [packer.finish().unwrap(), b"one\ntwo\n".to_vec()] {
        let (tell, told) = mpsc::channel();
        let sink = Box::new(Teller(tell, 0));
        let mut pipe = Signalled(bytes, false);
        let mut deliver = |batch| batch;
        read_stream(SourceId(4), &mut pipe, sink, &mut || Wall(1), &mut deliver, &mut |_| ())
            .unwrap();
        let texts: Vec<_> = told.iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["one", "two", "finish"]);
    }
}

#[test]
fn a_watcher_wakes_on_writes_and_renames_and_on_a_directory_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let sub = dir.path().join("in");
    fs::create_dir(&sub).unwrap();
    let log = sub.join("app.log");
    fs::write(&log, "").unwrap();
    let dirs = BTreeSet::from([dir.path().to_owned(), sub.clone()]);
    let mut watcher = Watcher::new();
    watcher.watch(&dirs);
    assert_eq!(watcher.problem(), None);
    let wait_for = |watcher: &Watcher, wanted: Wake| {
        let woken = (0..100).any(|_| watcher.wait(Duration::from_millis(100)) == wanted);
        assert!(woken, "never woke with {wanted:?}");
    };
    let append = || {
        let mut file = OpenOptions::new().create(true).append(true).open(&log).unwrap();
        file.write_all(b"x\n").unwrap();
    };
    append();
    wait_for(&watcher, Wake::Changed);
    fs::rename(&log, sub.join("app.log.1")).unwrap();
    wait_for(&watcher, Wake::Moved);
    fs::remove_dir_all(&sub).unwrap();
    fs::create_dir(&sub).unwrap();
    wait_for(&watcher, Wake::Moved);
    watcher.watch(&dirs);
    while watcher.wait(Duration::from_millis(50)) != Wake::Timeout {}
    append();
    wait_for(&watcher, Wake::Moved);
    while watcher.wait(Duration::from_millis(50)) != Wake::Timeout {}
    drop(fs::read(&log).unwrap());
    assert_eq!(watcher.wait(Duration::from_millis(50)), Wake::Timeout, "reading is no news");
}
