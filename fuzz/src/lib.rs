//! What the fuzz targets do with bytes. Plain functions, so that a test of the
//! package runs them over all seeds with a stable compiler and they never rot.
//!
//! A target fails by a panic: one of ours, or an assertion here on what must hold
//! for any bytes.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, LineAt, Names, Observation, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);
/// Buckets that the headers of one response can have.
const MOST_LIMITS: usize = 64;
/// A part of a line that comes in parts.
const PART: usize = 4096;

static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Arc::new(Formats::builtin()));

thread_local! {
    static NAMES: RefCell<Names> = RefCell::new(Names::default());
}

/// A response's head: a status line, then headers, then perhaps a body.
pub fn headers(data: &[u8]) {
    let names = NAMES.with(|names| names.borrow().clone());
    let mut bag = HeaderBag::default();
    let mut lines = data.split(|byte| *byte == b'\n');
    let mut status = None;
    let mut read = 0;
    for line in lines.by_ref() {
        read += line.len() + 1;
        let line = line.trim_ascii();
        if line.is_empty() {
            break;
        }
        match line.iter().position(|byte| *byte == b':') {
            Some(colon) => bag.push(&line[..colon], line[colon + 1..].trim_ascii()),
            None => status = status.or_else(|| status_of(line)),
        }
    }
    let body = data.get(read..).filter(|body| !body.is_empty());
    let context = HeaderContext { at: NOW, status, body, ..HeaderContext::default() };
    let mut reader = HeaderReader::new(&names);
    let (mut first, mut again) = (HeaderReport::default(), HeaderReport::default());
    reader.read(&bag, &context, &mut first);
    reader.read(&bag, &context, &mut again);
    assert_eq!(first, again, "what is remembered changes nothing");
    assert!(first.limits.len() <= MOST_LIMITS);
    assert!(first.retry_after_s.is_none_or(|wait| wait.is_finite() && wait >= 0.0));
    assert!(first.faults(&bag).count() <= bag.len() + 1);
}

/// Lines of a log, whatever format they are of, and all as one format that the
/// bytes choose.
pub fn formats(data: &[u8]) {
    lines(data, None);
    let ids: Vec<String> = FORMATS.list().map(|(id, _)| id.to_owned()).collect();
    let sum = data.iter().fold(data.len(), |sum, byte| sum.wrapping_mul(31) + usize::from(*byte));
    if let Some(id) = ids.get(sum % ids.len().max(1)) {
        lines(data, Some(id));
    }
    let mut decoder = decoder(None);
    let mut batch = Batch::default();
    data.chunks(PART).for_each(|part| decoder.long_part(part));
    decoder.long_end(at(1, 0), data.len() as u64, &mut batch);
    decoder.finish(at(2, data.len()), &mut batch);
}

/// Lines as a format, or as what they are; explaining them changes nothing.
pub fn lines(data: &[u8], format: Option<&str>) {
    let (mut plain, mut explaining) = (decoder(format), decoder(format));
    explaining.explain();
    let (mut one, mut other) = (Batch::default(), Batch::default());
    let (mut offset, mut number) = (0, 0);
    for line in data.split(|byte| *byte == b'\n') {
        number += 1;
        plain.line(line, at(number, offset), &mut one);
        explaining.line(line, at(number, offset), &mut other);
        // Walking a record for people is slow; the largest say no more.
        let notes = explaining.explained();
        assert!(notes.records.iter().all(|record| !record.format.is_empty()));
        offset += line.len() + 1;
        compare(&mut one, &mut other, number);
    }
    plain.finish(at(number + 1, offset), &mut one);
    explaining.finish(at(number + 1, offset), &mut other);
    compare(&mut one, &mut other, number + 1);
    assert_eq!(plain.format(), explaining.format());
}

/// A format map. One that is right is used.
pub fn maps(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let formats = match Formats::from_toml(&[("fuzz.toml", text)]) {
        Ok(formats) => formats,
        Err(error) => {
            let said = error.to_string();
            assert!(said.starts_with("fuzz.toml:"), "a mistake names its place: {said}");
            return;
        }
    };
    let id = formats.list().next().map(|(id, _)| id.to_owned());
    let options = DecodeOptions { format: id, ..DecodeOptions::default() };
    let names = NAMES.with(|names| names.borrow().clone());
    let mut decoder = Decoder::new(Arc::new(formats), &names, options).expect("a known format");
    let mut batch = Batch::default();
    decoder.explain();
    for (number, line) in (1..).zip(LINES) {
        decoder.line(line, at(number, 0), &mut batch);
        decoder.explained();
    }
    decoder.finish(at(99, 0), &mut batch);
}

/// Lines that give a map something to read.
const LINES: [&[u8]; 4] = [
    br#"{"model":"m","status":200,"ts":1795187477,"usage":{"in":1,"out":[2]},"headers":{"retry-after":"7"},"calls":[{"id":"x","cost":0.5}]}"#,
    b"ts=2026-11-20T15:11:17Z model=m status=429 dur=32ms",
    b"2026-11-20 15:11:17 GET /v1 200 0.5",
    b"{",
];

fn compare(one: &mut Batch, other: &mut Batch, line: u64) {
    for item in &one.items {
        assert!(item.line >= 1 && item.line <= line, "an observation of a line that was read");
        if let Observation::Request { request, .. } = &item.seen {
            assert!(request.cost.is_none_or(|cost| cost.usd.0 >= 0));
            let timing = request.timing;
            for span in [timing.latency_ms, timing.ttft_ms, timing.queue_ms].into_iter().flatten() {
                assert!(span >= 0.0, "a span is never negative");
            }
        }
    }
    // Symbols are numbers in order of their first use, and both use one table.
    assert_eq!(format!("{:?}", one.items), format!("{:?}", other.items));
    one.clear();
    other.clear();
}

fn decoder(format: Option<&str>) -> Decoder {
    let names = NAMES.with(|names| names.borrow().clone());
    let options = DecodeOptions { format: format.map(str::to_owned), ..DecodeOptions::default() };
    Decoder::new(Arc::clone(&FORMATS), &names, options).expect("a known format")
}

fn at(number: u64, offset: usize) -> LineAt {
    LineAt { number, offset: offset as u64, received: NOW }
}

fn status_of(line: &[u8]) -> Option<u16> {
    let word = line.split(|byte| *byte == b' ').nth(1)?;
    std::str::from_utf8(word).ok()?.parse().ok()
}
