//! The fuzz targets over their seeds (the corpus) and over mutations of them, and
//! bounds that hold for any bytes: no line makes a decoder panic, hold memory out of
//! proportion to the line, or copy it again and again. The last is a bound on work, in
//! bytes asked for over all, and not on time: a loop that asks for nothing and does not
//! end is noticed by whoever waits for the tests.

#![allow(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]
#![allow(clippy::indexing_slicing, clippy::format_push_string, reason = "a test may panic")]

#[path = "support/allocations.rs"]
mod allocations;
#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Names, Wall};

/// What a decoder holds by itself, and grows to, whatever is read.
const BASE: usize = 8 << 20;
/// Bytes held for each byte of a line.
const FACTOR: usize = 24;
/// Bytes asked for over all, held or not, for each byte of a line. Copies that grow with
/// the line would be thousands.
const WORK: usize = 48;

/// Small, fast and always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap()
    }

    fn below(&mut self, end: usize) -> usize {
        self.next() % end.max(1)
    }
}

/// All files below a directory of the corpus.
fn files(dir: &str) -> Vec<Vec<u8>> {
    fn walk(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                walk(&entry.path(), into);
            } else {
                into.push(entry.path());
            }
        }
    }
    let mut paths = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(dir), &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "{dir} has seeds");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// One line flipped, cut, doubled in part, or spliced with another.
fn mutated(line: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = line.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (at % 8)),
            1 => bytes.truncate(at),
            2 => {
                let end = (at + random.below(200)).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
            3 => {
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            4 => {
                let odd: [&[u8]; 10] = [
                    b"\"",
                    b"\\",
                    b"{",
                    b"]",
                    b"\0",
                    b"1e999",
                    b"-1",
                    b"\x1b[31m",
                    b"null",
                    b"\xff",
                ];
                bytes.splice(at..at, odd[random.below(odd.len())].iter().copied());
            }
            _ => {
                let end = (at + random.below(40)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

fn lines(files: &[Vec<u8>]) -> Vec<&[u8]> {
    let lines = files.iter().flat_map(|file| file.split(|byte| *byte == b'\n'));
    lines.filter(|line| !line.is_empty() && line.len() < 20_000).collect()
}

/// Every response of the header corpus, as a head.
fn heads() -> Vec<Vec<u8>> {
    let mut heads = files("tests/corpus/hostile/http");
    let corpus = files("tests/corpus/headers").concat();
    for line in corpus.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let response: serde_json::Value = serde_json::from_slice(line).unwrap();
        let mut head = format!("HTTP/1.1 {} -\n", response["status"]);
        for pair in response["headers"].as_array().unwrap() {
            let [name, value] = [0, 1].map(|part| pair[part].as_str().unwrap());
            head += &format!("{name}: {value}\n");
        }
        heads.push(head.into_bytes());
    }
    assert!(heads.len() > 100, "{} heads", heads.len());
    heads
}

#[test]
fn headers_target() {
    let seeds = heads();
    let mut random = Random(7);
    for (number, seed) in seeds.iter().enumerate() {
        targets::headers(seed);
        let other = &seeds[random.below(seeds.len())];
        for _ in 0..(if number % 4 == 0 { 24 } else { 8 }) {
            targets::headers(&mutated(seed, other, &mut random));
        }
    }
}

#[test]
fn formats_target() {
    let seeds = files("tests/corpus/logs/samples");
    seeds.iter().filter(|seed| seed.len() < 40_000).for_each(|seed| targets::formats(seed));
    let lines = lines(&seeds);
    let mut random = Random(11);
    for _ in 0..1500 {
        let (line, other) = (lines[random.below(lines.len())], lines[random.below(lines.len())]);
        targets::formats(&mutated(line, other, &mut random));
    }
}

#[test]
fn maps_target() {
    let seeds = files("data/formats");
    let mut random = Random(13);
    for seed in &seeds {
        targets::maps(seed);
        let other = &seeds[random.below(seeds.len())];
        for _ in 0..12 {
            targets::maps(&mutated(seed, other, &mut random));
        }
    }
}

/// One decoder for each format asked for by name, and one that detects.
fn decoders() -> Vec<Decoder> {
    let formats = Arc::new(Formats::builtin());
    let ids = formats.list().map(|(id, _)| Some(id.to_owned()));
    let names = Names::default();
    let make = |format| {
        let options = DecodeOptions { format, ..DecodeOptions::default() };
        Decoder::new(Arc::clone(&formats), &names, options).unwrap()
    };
    let mut all: Vec<Decoder> = ids.chain([None]).map(make).collect();
    // A format is compiled when the first record is read by it, and all of them are asked
    // where a record of none speaks of money.
    for decoder in &mut all {
        decoder.line(br#"{"cost_usd":"?"}"#, at(1), &mut Batch::default());
        decoder.finish(at(2), &mut Batch::default());
    }
    all
}

fn at(number: u64) -> LineAt {
    LineAt { number, offset: 1, received: Wall::from_secs(1_795_190_000) }
}

/// Reads one line, and what it leaves open, within the bound.
fn read(decoder: &mut Decoder, line: &[u8]) {
    let before = allocations::bytes_so_far();
    let peak = allocations::peak_of(|| {
        let mut batch = Batch::default();
        decoder.line(line, at(1), &mut batch);
        decoder.finish(at(2), &mut batch);
    });
    let asked = allocations::bytes_so_far() - before;
    let bound = BASE + FACTOR * line.len();
    let beginning = String::from_utf8_lossy(&line[..line.len().min(60)]);
    assert!(peak <= bound, "{peak} bytes for {}: {beginning}", line.len());
    let bound = (BASE + WORK * line.len()) as u64;
    assert!(asked <= bound, "{asked} bytes one after another for {}: {beginning}", line.len());
}

#[test]
fn damaged_lines_through_every_format() {
    let seeds = files("tests/corpus/logs/samples");
    let lines = lines(&seeds);
    let mut decoders = decoders();
    let mut random = Random(17);
    for line in &lines {
        let other = lines[random.below(lines.len())];
        for _ in 0..3 {
            let line = mutated(line, other, &mut random);
            // Detected, and as two formats in turn: over all lines as each of them.
            let count = decoders.len();
            let [a, b] = [random.below(count), random.below(count)];
            for at in [a, b, count - 1] {
                read(&mut decoders[at], &line);
            }
        }
    }
}

#[test]
fn random_bytes_through_every_format() {
    let mut random = Random(19);
    for decoder in &mut decoders() {
        for length in [0, 1, 2, 7, 64, 1000, 20_000] {
            let line: Vec<u8> = (0..length)
                .map(|_| u8::try_from(random.below(256)).unwrap())
                .filter(|byte| *byte != b'\n')
                .collect();
            read(decoder, &line);
            let text: Vec<u8> =
                line.iter().map(|byte| b"{}[]\":,\\ 0aE.-=|<"[usize::from(*byte) % 17]).collect();
            read(decoder, &text);
        }
    }
}

/// Shapes that grow: what is repeated between a beginning and an end.
const LONG: &[(&str, &str, &str)] = &[
    ("", "[", ""),
    ("", "{\"a\":", ""),
    ("", "\"", ""),
    ("{\"a\":\"", "\\u0041", "\"}"),
    ("{\"model\":\"", "x", "\",\"status\":200}"),
    ("{\"model\":\"m\",\"status\":200,\"k\":[", "1,", "1]}"),
    ("{\"status\":200,\"headers\":{\"a\":\"1\"", ",\"x-ratelimit-limit-a\":\"1\"", "}}"),
    ("", "key=value ", ""),
    ("", "a ", ""),
    ("", "\x1b[31m", ""),
    ("2026-11-20T15:30:09Z stdout F ", "2026-11-20T15:30:09Z stdout F ", "x"),
    ("{\"log\":\"", "{\\\"log\\\":\\\"", "\"}"),
    ("10.0.0.7 - - [20/Nov/2026:15:11:17 +0000] \"POST /", "a", " HTTP/1.1\" 200 1"),
    ("HTTP/1.1 200 OK ", "a", ""),
    ("x{a=\"", "b", "\"} 1"),
    ("", "\u{feff}", ""),
];

/// Many records in a line, of which each says nothing.
const MANY: &[(&str, &str, &str)] = &[
    ("{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{}", ",{}", "]}]}]}"),
    ("[{}", ",{}", "]"),
    ("[0", ",0", "]"),
];

#[test]
fn lines_of_two_megabytes() {
    let mut detecting = decoders().pop().unwrap();
    for (start, middle, end) in LONG.iter().chain(MANY) {
        let count = (2 << 20) / middle.len();
        let line = format!("{start}{}{end}", middle.repeat(count));
        read(&mut detecting, line.as_bytes());
    }
}

#[test]
fn long_lines_through_every_format() {
    for decoder in &mut decoders() {
        for (start, middle, end) in LONG {
            let line = format!("{start}{}{end}", middle.repeat((64 << 10) / middle.len()));
            read(decoder, line.as_bytes());
        }
    }
}
