//! Which format takes which line, as a table: every line of every sample by itself,
//! without what came before it. To add a sample, add a row; a failure prints the row
//! as it is found, to be judged and copied.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test may panic")]

mod support;

#[path = "detection/table.rs"]
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use support::{Lines, at, corpus};
use table::{ORDER_DECIDES, SAMPLES};
use tripline::decode::{DecodeOptions, Decoder, FormatMaps, Formats, Verdict};
use tripline::domain::{Batch, Names, Observation, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);

fn decoder(formats: &Arc<Formats>, names: &Names) -> Decoder {
    let options = DecodeOptions::default();
    Decoder::new(Arc::clone(formats), names, options).unwrap()
}

/// The format that takes lines read one after the other, if one does, and what they
/// came to. One that only lends its words to what says a cost does not take it.
fn read(formats: &Arc<Formats>, names: &Names, lines: &[&[u8]]) -> (Option<String>, Batch) {
    let mut decoder = decoder(formats, names);
    decoder.explain();
    let mut batch = Batch::default();
    for (line, number) in lines.iter().zip(1..) {
        decoder.line(line, at(number, number, NOW), &mut batch);
    }
    let by_head = decoder.format().map(str::to_owned);
    decoder.finish(at(9999, 9999, NOW), &mut batch);
    let records = decoder.explained().records;
    let told = records.iter().find(|record| {
        record.tried.first().is_none_or(|first| !first.why.contains("what it cost"))
    });
    (told.map(|record| record.format.clone()).or(by_head), batch)
}

fn taken(formats: &Arc<Formats>, names: &Names, lines: &[&[u8]]) -> Option<String> {
    read(formats, names, lines).0
}

/// `1-3 5`: the numbers of lines.
fn ranges(numbers: &[usize]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let Some(first) = rest.first() {
        let run = rest.iter().zip(*first..).take_while(|(have, want)| **have == *want).count();
        let space = if text.is_empty() { "" } else { " " };
        let last = first + run - 1;
        let _ = if run > 1 {
            write!(text, "{space}{first}-{last}")
        } else {
            write!(text, "{space}{first}")
        };
        rest = &rest[run..];
    }
    text
}

/// A row of the table as it is found.
fn found(formats: &Arc<Formats>, names: &Names, sample: &str) -> Vec<(String, String)> {
    let bytes = corpus(&format!("logs/samples/{sample}"));
    let lines: Vec<&[u8]> = Lines::all(&bytes).map(|(_, line)| line).collect();
    let mut by_format: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (line, number) in lines.iter().zip(1..) {
        if let Some(format) = taken(formats, names, &[line]) {
            by_format.entry(format).or_default().push(number);
        }
    }
    let alone = by_format.into_iter().map(|(id, numbers)| (id, ranges(&numbers)));
    let mut row: Vec<(String, String)> = alone.collect();
    // A page of metrics is one record.
    if row.is_empty() || row.iter().all(|(id, _)| id == "prometheus") {
        row.clear();
        row.extend(taken(formats, names, &lines).map(|id| (id, "whole".to_owned())));
    }
    row
}

fn all_samples() -> Vec<String> {
    let dir = format!("{}/tests/corpus/logs/samples", env!("CARGO_MANIFEST_DIR"));
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn each_line_is_taken_by_its_own_format() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    let mut wrong = String::new();
    for sample in all_samples() {
        let found = found(&formats, &names, &sample);
        let row = SAMPLES.iter().find(|(name, _)| *name == sample);
        let wanted: Vec<(String, String)> = row
            .map(|(_, row)| row.iter().map(|(id, at)| ((*id).into(), (*at).into())).collect())
            .unwrap_or_default();
        if row.is_none() || wanted != found {
            let _ = write!(wrong, "    ({sample:?}, &[");
            for (id, lines) in &found {
                let _ = write!(wrong, "({id:?}, {lines:?}), ");
            }
            let _ = writeln!(wrong, "]),");
        }
    }
    assert!(wrong.is_empty(), "rows that are missing or differ, as found:\n{wrong}");
    for (sample, row) in SAMPLES {
        // What has the names of an application's log is read as one meanwhile.
        let nobody = row.iter().all(|(id, _)| *id == "app-json") && !sample.starts_with("app_");
        let nobody = nobody && !sample.starts_with("wrap_");
        assert!(!nobody, "{sample} is of no format");
    }
    let gone = SAMPLES.iter().find(|(name, _)| !all_samples().iter().any(|have| have == name));
    assert!(gone.is_none(), "no such sample: {gone:?}");
}

/// The shipped maps in reverse.
fn reversed() -> Arc<Formats> {
    let builtin = FormatMaps::builtin();
    let mut maps: Vec<(String, String)> =
        builtin.describe().map(|info| (info.file.to_owned(), info.text.to_owned())).collect();
    maps.reverse();
    let files: Vec<(&str, &str)> = maps.iter().map(|(file, map)| (&**file, &**map)).collect();
    Arc::new(Formats::from_toml(&files).unwrap())
}

#[test]
fn what_takes_a_line_does_not_depend_on_the_order_of_the_maps() {
    let (forth, back) = (Arc::new(Formats::builtin()), reversed());
    let names = Names::default();
    let mut wrong = Vec::new();
    for sample in all_samples() {
        let bytes = corpus(&format!("logs/samples/{sample}"));
        for ((_, line), number) in Lines::all(&bytes).zip(1..) {
            let of = |formats| taken(formats, &names, &[line]);
            let (one, other) = (of(&forth), of(&back));
            let pair = [one.as_deref().unwrap_or(""), other.as_deref().unwrap_or("")];
            let known = ORDER_DECIDES.iter().any(|known| known.iter().all(|id| pair.contains(id)));
            if one != other && !known {
                wrong.push(format!("{sample} {number}: {one:?} or {other:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_told_of_detection_is_what_was_done() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    for sample in all_samples() {
        let bytes = corpus(&format!("logs/samples/{sample}"));
        for (_, line) in Lines::all(&bytes) {
            let mut decoder = decoder(&formats, &names);
            decoder.explain();
            decoder.line(line, at(1, 0, NOW), &mut Batch::default());
            let explained = decoder.explained();
            for record in &explained.records {
                let first = record.tried.first();
                // What takes a record is said first, and reached by what it is told by alone.
                // It is said first, and was not asked for: what tells it was met.
                assert!(
                    first.is_none_or(|first| first.format == record.format
                        && first.verdict == Verdict::Taken
                        && !first.why.contains("asked for")),
                    "{sample}: {first:?}"
                );
            }
        }
    }
}

/// Random JSON of random words in random nesting, none of which says that a model
/// was called.
struct Words(u64);

impl Words {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap()
    }

    fn word(&mut self) -> String {
        const PARTS: [&str; 12] =
            ["al", "bo", "cu", "di", "el", "fo", "gi", "ha", "is", "ju", "ko", "lu"];
        (0..=self.next() % 4).map(|_| PARTS[self.next() % PARTS.len()]).collect()
    }

    /// A word that real logs use: none of these together make a line a call, as long
    /// as nothing names a model, its tokens, or an endpoint.
    fn common(&mut self) -> &'static str {
        const COMMON: [&str; 40] = [
            "time",
            "level",
            "msg",
            "id",
            "name",
            "type",
            "path",
            "host",
            "user",
            "method",
            "url",
            "status",
            "duration",
            "error",
            "data",
            "trace_id",
            "cost",
            "key",
            "key_id",
            "price",
            "amount",
            "provider",
            "latency_ms",
            "duration_ms",
            "elapsed",
            "kind",
            "depth",
            "usage",
            "request_id",
            "attempt",
            "err",
            "code",
            "region",
            "at",
            "ts",
            "session",
            "stream",
            "cached",
            "environment",
            "team",
        ];
        COMMON[self.next() % COMMON.len()]
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.next() % all.len()]
    }

    fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            all.swap(end, self.next() % (end + 1));
        }
    }

    /// A value that is no object and no list.
    fn scalar(&mut self) -> String {
        match self.next() % 4 {
            0 => (self.next() % 1_000_000).to_string(),
            1 => format!("{:?}", self.word()),
            2 => "\"2026-11-20T15:11:17Z\"".to_owned(),
            _ => format!("{}.25", self.next() % 100),
        }
    }

    fn value(&mut self, depth: usize) -> serde_json::Value {
        use serde_json::{Map, Value, json};
        match self.next() % if depth > 3 { 5 } else { 7 } {
            0 => json!(self.next() % 1_000_000),
            1 => json!(self.word()),
            2 => Value::Null,
            3 => json!(self.next().is_multiple_of(2)),
            4 => json!("2026-11-20T15:11:17Z"),
            5 => {
                let count = self.next() % 4;
                Value::Array((0..count).map(|_| self.value(depth + 1)).collect())
            }
            _ => {
                let count = self.next() % 6;
                let members = (0..count).map(|_| (self.word(), self.value(depth + 1)));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    fn line(&mut self) -> String {
        let mut object = serde_json::Map::new();
        for _ in 0..=self.next() % 10 {
            let key =
                if self.next().is_multiple_of(3) { self.common().to_owned() } else { self.word() };
            let value = self.value(0);
            object.insert(key, value);
        }
        serde_json::Value::Object(object).to_string()
    }
}

#[test]
fn unknown_json_is_taken_by_none() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    let mut words = Words(23);
    // What takes no line leaves no trace, so one decoder does for all.
    let mut decoder = decoder(&formats, &names);
    decoder.explain();
    let mut batch = Batch::default();
    for _ in 0..4000 {
        let line = words.line();
        decoder.line(line.as_bytes(), at(1, 1, NOW), &mut batch);
        let records = decoder.explained().records.len();
        assert_eq!((decoder.format(), records), (None, 0), "{line}");
        batch.clear();
    }
}

/// Lines of other programs with words that lines about calls have too.
#[test]
fn a_price_and_a_key_are_no_call() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    for line in [
        r#"{"msg":"order placed","key":"order-77","cost":59.90}"#,
        r#"{"event":"paid","key_id":"k-1","cost":"12.50","status":"ok","provider":"visa"}"#,
        r#"{"msg":"cache","key":"user:1","latency_ms":3,"status":200}"#,
        r#"{"level":"info","usage":{"cpu":0.93},"at":"2026-11-20T15:11:17Z","depth":4}"#,
    ] {
        assert_eq!(taken(&formats, &names, &[line.as_bytes()]), None, "{line}");
    }
}

/// Printers, cars, tables and classes have models, states and prices.
#[test]
fn not_every_model_is_of_a_language() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    for line in [
        r#"{"device":"printer","model":"HP LaserJet","status":"error","error":"paper jam"}"#,
        r#"{"vin":"5YJ3","model":"Model 3","status":"charging","duration_s":1200}"#,
        r#"{"model":"App\Models\User","status":200,"latency_ms":3}"#,
        r#"{"model":7,"status":200}"#,
        r#"{"type":"error","error":{"type":"TypeError","message":"x"},"request_id":"5f0c"}"#,
    ] {
        assert_eq!(taken(&formats, &names, &[line.as_bytes()]), None, "{line}");
    }
    for line in [
        r#"{"model":"gpt-4o","input_tokens":5}"#,
        r#"{"model":"gpt-4o","status":429}"#,
        r#"{"model":"QwQ-32B","status":429}"#,
        r#"{"model":"Meta-Llama-3.1-8B-Instruct","status":429,"error":{"message":"no"}}"#,
        r#"{"model":"DALL-E-3","status":429}"#,
        r#"{"model":"MyModel","status":429}"#,
        r#"{"model":"GPT-4o","status":429}"#,
        r#"{"model":"Claude Sonnet 4.5","status":200}"#,
        r#"{"model":"prod-chat","status":429,"duration_ms":8}"#,
        r#"{"model":"Qwen/Qwen2.5-7B-Instruct","status":200}"#,
        r#"{"model":"@cf/meta/llama","latency_ms":8}"#,
        r#"{"model":"ft:gpt-4o:acme::x","error":"no"}"#,
        r#"{"model":"Our Best","input_tokens":5,"output_tokens":7}"#,
    ] {
        let format = taken(&formats, &names, &[line.as_bytes()]);
        assert_eq!(format.as_deref(), Some("app-json"), "{line}");
    }
}

/// What it is besides has to tell where a name may be that of a class, of a product or of a
/// model that sees: a provider, tokens, a path, a refusal as such APIs refuse.
#[test]
fn a_name_of_anything_is_a_model_where_more_tells_so() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    let calls = |format: Option<&str>, provider: Option<&str>, line: &str| {
        let (format, provider) = (format.map(Into::into), provider.map(Into::into));
        let options = DecodeOptions { format, provider, ..DecodeOptions::default() };
        let mut decoder = Decoder::new(Arc::clone(&formats), &names, options).unwrap();
        let mut batch = Batch::default();
        decoder.line(line.as_bytes(), at(1, 1, NOW), &mut batch);
        batch.items.iter().filter(|item| matches!(item.seen, Observation::Request { .. })).count()
    };
    for name in ["User", "OrderItem", "F-150", "X5", "resnet50", "yolov8n"] {
        for (rest, count) in [
            (r#""status":"ok","duration_ms":3"#, 0),
            (r#""status":200,"latency_ms":3"#, 0),
            (r#""status":500,"error":"boom""#, 0),
            (r#""status":200,"provider":"openai""#, 1),
            (r#""latency_ms":3,"input_tokens":5,"output_tokens":7"#, 1),
            (r#""status":429,"latency_ms":3"#, 1),
            (r#""latency_ms":3,"error":"This model's maximum context length is 8192 tokens""#, 1),
            (r#""status":500,"path":"/v1/chat/completions""#, 1),
        ] {
            let line = format!(r#"{{"model":"{name}",{rest}}}"#);
            assert_eq!(calls(None, None, &line), count, "{line}");
            assert_eq!(calls(Some("app-json"), None, &line), 1, "{line}");
            assert_eq!(calls(None, Some("acme"), &line), 1, "{line}");
        }
        let pairs = format!("ts=2026-11-20T15:11:17Z msg=saved model={name} status=200 dur=3ms");
        assert_eq!(calls(None, None, &pairs), 0, "{pairs}");
    }
    for name in ["prod-chat", "gpt-4o", "GPT-4", "QwQ-32B", "O3", "sonnet", "Qwen/Qwen2.5-7B"] {
        let line = format!(r#"{{"model":"{name}","status":503,"latency_ms":3}}"#);
        assert_eq!(calls(None, None, &line), 1, "{line}");
    }
}

/// Access logs and errors of anything are no calls to a model; those of a gateway whose
/// paths or ids tell of models are.
#[test]
fn an_access_log_is_of_calls_where_its_paths_are() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    let line = |path: &str| format!(r#"{{"endpoint":"{path}","status":200,"latency_ms":12.5}}"#);
    for path in [
        "/",
        "/login",
        "/api/orders/7",
        "/v1/users/messages-of-mine",
        "/api/chats",
        "/assets/chat/completions.js",
        "/v1/responses/7/audit",
        "/generate",
    ] {
        assert_eq!(taken(&formats, &names, &[line(path).as_bytes()]), None, "{path}");
    }
    for path in [
        "/v1/chat/completions",
        "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21",
        "https://api.openai.com/v1/responses",
        "/anthropic/v1/messages",
        "/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        "/model/anthropic.claude/converse-stream",
        "/api/generate",
    ] {
        let format = taken(&formats, &names, &[line(path).as_bytes()]);
        assert_eq!(format.as_deref(), Some("app-json"), "{path}");
    }
    // Whose log it is may be said, and then it is believed.
    let options = DecodeOptions { format: Some("app-json".into()), ..DecodeOptions::default() };
    let mut decoder = Decoder::new(Arc::clone(&formats), &names, options).unwrap();
    let mut batch = Batch::default();
    decoder.line(line("/login").as_bytes(), at(1, 1, NOW), &mut batch);
    assert!(matches!(batch.items[0].seen, Observation::Request { .. }), "{batch:?}");
    for (id, format) in [("req_011CS", Some("app-json")), ("5f0c-77", None)] {
        let line = format!(r#"{{"msg":"failed","error":{{"request_id":"{id}","status":500}}}}"#);
        assert_eq!(taken(&formats, &names, &[line.as_bytes()]).as_deref(), format, "{line}");
    }
}

/// What the shipped maps of JSON lines look for: the sets that tell each, and all its
/// paths, of which those of dots and words can be written down by a test.
struct Told {
    id: String,
    sets: Vec<Vec<String>>,
    paths: Vec<String>,
}

fn told() -> Vec<Told> {
    fn texts(value: &toml::Value, into: &mut Vec<String>) {
        match value {
            toml::Value::String(text) => into.push(text.clone()),
            toml::Value::Array(all) => all.iter().for_each(|value| texts(value, into)),
            toml::Value::Table(table) => table.values().for_each(|value| texts(value, into)),
            _ => {}
        }
    }
    let builtin = FormatMaps::builtin();
    let of = |info: tripline::decode::FormatInfo<'_>| {
        let map: toml::Table = info.text.parse().unwrap();
        let detect = map.get("detect").and_then(toml::Value::as_array).cloned();
        let detect = detect.unwrap_or_default();
        let lists = detect.first().is_some_and(toml::Value::is_array);
        let all = toml::Value::Array(detect);
        let sets =
            if lists { all.as_array().unwrap().as_slice() } else { std::slice::from_ref(&all) };
        let sets = sets.iter().map(|set| {
            let mut paths = Vec::new();
            texts(set, &mut paths);
            paths
        });
        let sets: Vec<Vec<String>> = sets.filter(|set| !set.is_empty()).collect();
        let mut paths = sets.concat();
        texts(map.get("fields").unwrap_or(&all), &mut paths);
        let is_plain = |path: &String| {
            !path.is_empty()
                && path.split('.').all(|part| {
                    !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
                })
        };
        paths.retain(is_plain);
        paths.sort();
        paths.dedup();
        Told { id: info.id.to_owned(), sets, paths }
    };
    builtin.describe().map(of).filter(|told| !told.paths.is_empty()).collect()
}

/// Where a set can be complete: outside, and inside of each object, which may be a record
/// in a wrapper. Each place ends with a dot.
fn places(paths: &[String]) -> BTreeSet<String> {
    let inside = |path: &String| {
        let dots: Vec<usize> = path.match_indices('.').map(|(at, _)| at + 1).collect();
        let path = path.clone();
        dots.into_iter().map(move |end| path[..end].to_owned())
    };
    paths.iter().flat_map(inside).chain([String::new()]).collect()
}

/// Whether a path is there where these are: an outer one is where an inner one is.
fn is_there(paths: &[String], place: &str, path: &str) -> bool {
    let rest = |have: &String| {
        let rest = have.strip_prefix(place)?.strip_prefix(path)?;
        Some(rest.is_empty() || rest.starts_with('.'))
    };
    paths.iter().any(|have| rest(have) == Some(true))
}

/// A set of one that is complete among these paths, and where.
fn complete<'t>(told: &'t [Told], paths: &[String]) -> Option<(&'t [String], String)> {
    places(paths).into_iter().find_map(|place| {
        let is_complete = |set: &&Vec<String>| set.iter().all(|path| is_there(paths, &place, path));
        let set = told.iter().flat_map(|told| &told.sets).find(is_complete)?;
        Some((set.as_slice(), place))
    })
}

/// An object with a value at each of these paths, in this order from the outside.
fn object(paths: &[String], words: &mut Words) -> String {
    let mut members: Vec<(&str, Vec<String>)> = Vec::new();
    for path in paths {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        match members.iter_mut().find(|(name, _)| *name == first) {
            Some((_, inner)) => inner.push(rest.to_owned()),
            None => members.push((first, vec![rest.to_owned()])),
        }
    }
    let members = members.iter().map(|(name, inner)| {
        let inner: Vec<String> = inner.iter().filter(|path| !path.is_empty()).cloned().collect();
        let value = if inner.is_empty() { words.scalar() } else { object(&inner, words) };
        format!("{name:?}:{value}")
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

/// The paths of a format in any order, some left out and some of another between them:
/// with each set that tells a format incomplete, none takes the line; with the set that
/// was begun with, one does.
#[test]
fn a_line_that_lacks_one_path_of_each_set_is_taken_by_none() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    let told = told();
    let mut words = Words(29);
    // What takes no line leaves no trace, so one decoder does for all.
    let mut decoder = decoder(&formats, &names);
    decoder.explain();
    let mut batch = Batch::default();
    let (mut whole, mut tried) = (0, 0);
    for number in 0..2000 {
        let (one, other) = (words.of(&told), words.of(&told));
        let Some(set) = (!one.sets.is_empty()).then(|| words.of(&one.sets)) else { continue };
        let mut paths = set.clone();
        for _ in 0..words.next() % 10 {
            let from = if words.next().is_multiple_of(4) { other } else { one };
            paths.push(words.of(&from.paths).clone());
        }
        words.shuffle(&mut paths);
        if number % 20 == 0 {
            let line = object(&paths, &mut words);
            tried += 1;
            whole += usize::from(taken(&formats, &names, &[line.as_bytes()]).is_some());
        }
        while let Some((set, place)) = complete(&told, &paths) {
            let lost = words.of(set);
            paths.retain(|path| !is_there(std::slice::from_ref(path), &place, lost));
        }
        let line = object(&paths, &mut words);
        decoder.line(line.as_bytes(), at(1, 1, NOW), &mut batch);
        let records = decoder.explained().records.len();
        assert_eq!((decoder.format(), records), (None, 0), "from {}: {line}", one.id);
        batch.clear();
    }
    assert!(whole * 2 > tried, "only {whole} of {tried} lines were near one that is taken");
}

/// Sections of `docs/FORMATS.md` about formats: the ids in their headings, and their
/// blocks of sample lines.
fn sections() -> Vec<(Vec<String>, Vec<Vec<String>>)> {
    let path = format!("{}/docs/FORMATS.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let mut sections: Vec<(Vec<String>, Vec<Vec<String>>)> = Vec::new();
    let mut indented = false;
    let mut of_formats = false;
    for line in text.lines() {
        if line.starts_with('#') {
            of_formats = line.starts_with("### `");
            if of_formats {
                let ids = line.split('`').skip(1).step_by(2).map(str::to_owned).collect();
                sections.push((ids, Vec::new()));
            }
        }
        let sample = line.strip_prefix("    ").filter(|_| of_formats);
        if let (Some(sample), Some((_, blocks))) = (sample, sections.last_mut()) {
            if !indented {
                blocks.push(Vec::new());
            }
            blocks.last_mut().unwrap().push(sample.to_owned());
        }
        indented = sample.is_some();
    }
    sections
}

/// Whether no line tells a format.
fn by_name(maps: &FormatMaps, id: &str) -> bool {
    let info = maps.describe().find(|info| info.id == id);
    info.is_some_and(|info| info.input.starts_with("otlp") && info.told_by.is_empty())
}

/// Whether lines are calls where their source names the format.
fn calls_as(formats: &Arc<Formats>, names: &Names, id: &str, lines: &[&[u8]]) -> bool {
    let options = DecodeOptions { format: Some(id.to_owned()), ..DecodeOptions::default() };
    let mut decoder = Decoder::new(Arc::clone(formats), names, options).unwrap();
    let mut batch = Batch::default();
    for (line, number) in lines.iter().zip(1..) {
        decoder.line(line, at(number, number, NOW), &mut batch);
    }
    batch.items.iter().any(|item| matches!(item.seen, Observation::Request { .. }))
}

#[test]
fn every_format_has_a_section_with_a_line_that_is_read_as_that_format() {
    let formats = Arc::new(Formats::builtin());
    let names = Names::default();
    let maps = FormatMaps::builtin();
    let inputs: BTreeMap<&str, &str> = maps.describe().map(|info| (info.id, info.input)).collect();
    let mut shown: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for (ids, blocks) in sections() {
        for id in ids.iter().filter(|id| !inputs.contains_key(id.as_str())) {
            wrong.push(format!("`{id}` is no format"));
        }
        // A response's head or a page of metrics is one sample over several lines.
        let several = ids.iter().any(|id| {
            inputs.get(id.as_str()).is_some_and(|input| ["http-dump", "prometheus"].contains(input))
        });
        for block in &blocks {
            let lines: Vec<&[u8]> = block.iter().map(String::as_bytes).collect();
            let samples: Vec<&[&[u8]]> =
                if several { vec![&lines] } else { lines.chunks(1).collect() };
            for sample in samples {
                let (format, batch) = read(&formats, &names, sample);
                let text = String::from_utf8_lossy(sample[0]).into_owned();
                let bad = batch.items.iter().any(|item| {
                    matches!(item.seen, Observation::Fault { .. } | Observation::Quarantined { .. })
                });
                // What nothing tells is read so where a source names it.
                let named = ids.iter().filter(|id| by_name(&maps, id));
                shown.extend(named.filter(|id| calls_as(&formats, &names, id, sample)).cloned());
                match format {
                    Some(id) if ids.contains(&id) && !bad => {
                        shown.push(id);
                    }
                    other => {
                        wrong.push(format!("{ids:?}: {other:?} reads {text}: {:?}", batch.items));
                    }
                }
            }
        }
    }
    let missing = inputs.keys().filter(|id| !shown.iter().any(|have| have == *id));
    wrong.extend(
        missing
            .map(|id| format!("`{id}` has no section `### … `{id}` …` with a sample of its own")),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
