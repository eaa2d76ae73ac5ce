//! What stands between a line of bytes and a record: wrappers, split lines,
//! documents over many lines, dumps. Whatever is around a record, it says the
//! same; and nothing that comes is lost without a word.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a test makes its own input and may panic"
)]

mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use support::{Lines, at, corpus};
use tripline::decode::{DecodeOptions, Decoder, Formats};
use tripline::domain::{Batch, FaultReason, Names, Observation, Request, Wall};

const NOW: Wall = Wall::from_secs(1_795_190_000);
const RECORD: &str =
    r#"{"ts":"2026-11-20T15:00:00Z","model":"m","status":200,"cost":0.25,"team":"a \"b\" \\ é"}"#;

static FORMATS: LazyLock<Arc<Formats>> = LazyLock::new(|| Arc::new(Formats::builtin()));

fn decoder() -> Decoder {
    Decoder::new(FORMATS.clone(), &Names::default(), DecodeOptions::default()).unwrap()
}

fn read(text: &[u8]) -> Batch {
    let (mut decoder, mut batch) = (decoder(), Batch::default());
    for (number, (offset, line)) in (1..).zip(Lines::all(text)) {
        decoder.line(line, at(number, offset, NOW), &mut batch);
    }
    decoder.finish(at(0, 0, NOW), &mut batch);
    batch
}

fn requests(batch: &Batch) -> Vec<Request> {
    let request = |seen: &Observation| match seen {
        Observation::Request { request, .. } => Some(*request),
        _ => None,
    };
    batch.items.iter().filter_map(|item| request(&item.seen)).collect()
}

fn faults(batch: &Batch) -> Vec<FaultReason> {
    let fault = |seen: &Observation| match seen {
        Observation::Quarantined { reason, .. } | Observation::Fault { reason, .. } => {
            Some(*reason)
        }
        _ => None,
    };
    batch.items.iter().filter_map(|item| fault(&item.seen)).collect()
}

/// What one call cost in billionths, and when it was.
fn paid(batch: &Batch) -> Vec<(i128, i64)> {
    requests(batch).iter().map(|r| (r.cost.map_or(0, |cost| cost.usd.0), r.at.0)).collect()
}

const ALL: usize = 14;

/// A line in one wrapper.
fn wrap(kind: usize, line: &str) -> String {
    let text = serde_json::Value::from(line).to_string();
    let ended = serde_json::Value::from(format!("{line}\n")).to_string();
    match kind {
        0 => format!(
            r#"{{"log":{ended},"stream":"stdout","time":"2026-11-20T15:30:09.669794202Z"}}"#
        ),
        1 => format!("2026-11-20T15:30:09.669794202Z stdout F {line}"),
        2 => format!(
            r#"{{"__REALTIME_TIMESTAMP":"1795188634061869","_HOSTNAME":"h","MESSAGE":{text},"PRIORITY":"6"}}"#
        ),
        3 => format!("Nov 20 15:30:09 oncall-1 bot[4711]: {line}"),
        4 => format!("<165>1 2026-11-20T15:30:11Z h app 1 ID47 [x@1 k=\"v\"] {line}"),
        5 => format!(
            r#"{{"logStreamName":"s","timestamp":1795188609087,"message":{text},"eventId":"1"}}"#
        ),
        6 => format!(
            r#"{{"messageType":"DATA_MESSAGE","logGroup":"g","logStream":"s","logEvents":[{{"id":"1","timestamp":1795188609087,"message":{text}}}]}}"#
        ),
        7 => format!(
            r#"{{"insertId":"1","textPayload":{text},"logName":"l","timestamp":"2026-11-20T15:30:09Z"}}"#
        ),
        8 => format!("bot-1  | {line}"),
        9 => format!("[pod/bot-7c9d-x1q/app] {line}"),
        10 => format!(
            r#"{{"date":1795188609.1,"log":{text},"logtag":"F","stream":"stderr","kubernetes":{{"pod_name":"p"}}}}"#
        ),
        11 => format!(
            r#"{{"message":{text},"source_type":"kubernetes_logs","timestamp":"2026-11-20T15:30:09Z","file":"f"}}"#
        ),
        12 => format!(
            r#"{{"labels":{{"app":"a"}},"line":{text},"timestamp":"2026-11-20T15:30:09Z"}}"#
        ),
        _ => {
            let bytes: Vec<String> = line.bytes().map(|byte| byte.to_string()).collect();
            format!(r#"{{"__CURSOR":"c","_STREAM_ID":"1","MESSAGE":[{}]}}"#, bytes.join(","))
        }
    }
}

#[test]
fn every_wrapper_comes_off() {
    let plain = paid(&read(RECORD.as_bytes()));
    assert_eq!(plain.len(), 1);
    for kind in 0..ALL {
        let line = wrap(kind, RECORD);
        assert_eq!(paid(&read(line.as_bytes())), plain, "{line}");
        let text =
            "127.0.0.1 - - [20/Nov/2026:15:11:18 +0000] \"POST /v1/messages HTTP/1.1\" 529 119";
        assert_eq!(requests(&read(wrap(kind, text).as_bytes())).len(), 1, "{kind}");
    }
}

/// What queues, streams and consoles of clouds hand over for a line.
fn handed_over(line: &str) -> Vec<String> {
    let text = serde_json::Value::from(line).to_string();
    let packed = STANDARD.encode(line);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(wrap(6, line).as_bytes()).unwrap();
    let zipped = STANDARD.encode(gzip.finish().unwrap());
    let sqs = |body: &str| {
        let body = serde_json::Value::from(body);
        format!(
            r#"{{"Records":[{{"messageId":"1","receiptHandle":"r","body":{body},"attributes":{{}},"awsRegion":"r"}}]}}"#
        )
    };
    let sns =
        format!(r#"{{"Type":"Notification","TopicArn":"arn","Subject":"s","Message":{text}}}"#);
    let hour = "2026-11-20T15:30:09Z";
    vec![
        text.clone(),
        serde_json::Value::from(text.clone()).to_string(),
        format!(r#"{{"time":"{hour}","type":"function","record":{text}}}"#),
        sqs(line),
        sqs(&sns),
        sqs(&wrap(0, line)),
        format!(r#"{{"Records":[{{"EventSource":"aws:sns","Sns":{sns}}}]}}"#),
        format!(
            r#"{{"Records":[{{"kinesis":{{"kinesisSchemaVersion":"1.0","data":"{packed}"}},"eventSource":"aws:kinesis"}}]}}"#
        ),
        format!(r#"{{"invocationId":"i","records":[{{"recordId":"1","data":"{packed}"}}]}}"#),
        format!(r#"{{"records":[{{"recordId":"1","data":"{zipped}"}}]}}"#),
        format!(r#"{{"awslogs":{{"data":"{zipped}"}}}}"#),
        format!(r#"{{"message":{{"data":"{packed}","messageId":"1"}},"subscription":"s"}}"#),
        format!(
            r#"{{"status":"success","data":{{"resultType":"streams","result":[{{"stream":{{"app":"a"}},"values":[["1795188609000000000",{text}]]}}]}}}}"#
        ),
        format!(r#"{{"streams":[{{"stream":{{}},"values":[["1795188609000000000",{text}]]}}]}}"#),
        format!(r#"{{"TimeGenerated":"{hour}","LogEntry":{text},"ContainerName":"c"}}"#),
        format!(r#"{hour} {{app="a", pod="p"}} {line}"#),
        format!("[pod/bot-7c9d-x1q/app] {hour} {line}"),
        format!("bot-1  | {hour} {line}"),
        format!("0_bot-1  | {line}"),
        format!("bot-7c9d-x1q app {line}"),
    ]
}

#[test]
fn what_is_handed_over_from_program_to_program_is_what_was_logged() {
    let plain = paid(&read(RECORD.as_bytes()));
    for line in handed_over(RECORD) {
        let batch = read(line.as_bytes());
        assert_eq!((paid(&batch), faults(&batch)), (plain.clone(), vec![]), "{line}");
    }
    let text = "ts=2026-11-20T15:00:00Z model=m status=200 cost=0.25";
    let plain = paid(&read(text.as_bytes()));
    assert_eq!(plain.len(), 1);
    for line in handed_over(text) {
        assert_eq!(paid(&read(line.as_bytes())), plain, "{line}");
    }
}

#[test]
fn what_stands_in_brackets_is_no_list() {
    let plain = paid(&read(RECORD.as_bytes()));
    for before in
        ["[INFO] ", "[2026-11-20 15:30:09,123] INFO: ", "[INFO]\t2026-11-20T15:30:09Z\tid\t"]
    {
        assert_eq!(paid(&read(format!("{before}{RECORD}").as_bytes())), plain, "{before}");
    }
    assert_eq!(paid(&read(format!("[{RECORD}]").as_bytes())), plain);
}

#[test]
fn wrappers_in_wrappers_end_somewhere() {
    for (open, close) in [(r#"{"events":["#, "]}"), (r#"{"Records":["#, "]}"), (r#"{"data":"#, "}")]
    {
        for deep in [3, 40, 20_000] {
            let line = open.repeat(deep) + RECORD + &close.repeat(deep);
            let batch = read(line.as_bytes());
            assert_eq!(batch.items.len(), 1, "{open} {deep}");
            assert_eq!(paid(&batch).len(), usize::from(deep < 4), "{open} {deep}");
        }
    }
    let bomb = {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(&vec![b' '; 20 << 20]).unwrap();
        format!(r#"{{"awslogs":{{"data":"{}"}}}}"#, STANDARD.encode(gzip.finish().unwrap()))
    };
    assert_eq!(faults(&read(bomb.as_bytes())), [FaultReason::LineTooLong]);
}

#[test]
fn the_wrappers_time_is_the_time_of_last_resort() {
    let record = r#"{"model":"m","status":200}"#;
    for (kind, at) in
        [(0, 1_795_188_609), (2, 1_795_188_634), (3, 1_795_188_609), (5, 1_795_188_609)]
    {
        let request = requests(&read(wrap(kind, record).as_bytes()))[0];
        assert_eq!((request.at.0 / 1_000_000_000, request.at_logged), (at, true), "{kind}");
    }
    let own = requests(&read(wrap(0, RECORD).as_bytes()))[0];
    assert_eq!(
        own.at,
        "2026-11-20T15:00:00Z"
            .parse::<jiff::Timestamp>()
            .map(|t| Wall::from_secs(t.as_second()))
            .unwrap()
    );
}

#[test]
fn a_cost_outside_is_not_hidden_by_what_is_inside() {
    for line in [
        r#"{"message":"{\"model\":\"m\",\"status\":200}","kubernetes":{},"cost_usd":0.5,"key":"k"}"#,
        r#"{"message":"done","kubernetes":{},"model":"m","cost":0.5}"#,
        r#"{"log":"done","stream":"stdout","time":"2026-11-20T15:30:09Z","model":"m","cost_usd":0.5}"#,
        r#"{"event":"{\"a\":1}","response_cost":0.5}"#,
    ] {
        let costs: Vec<i128> = paid(&read(line.as_bytes())).iter().map(|paid| paid.0).collect();
        assert_eq!(costs, [500_000_000], "{line}");
    }
}

#[test]
fn json_behind_words_counts_unless_records_stand_alone() {
    let worded = format!("2026-11-20 15:30:09 INFO gateway: {RECORD}\n");
    assert_eq!(paid(&read(worded.repeat(2).as_bytes())).len(), 2);
    for other in [&worded, "\"str\"", "\"\\\"str\\\"\""] {
        let batch = read(format!("{RECORD}\n{other}").as_bytes());
        assert_eq!((paid(&batch).len(), faults(&batch)), (1, vec![FaultReason::NotJson]));
    }
}

#[test]
fn lines_of_two_streams_are_put_together_apart() {
    let (one, two) = RECORD.split_at(40);
    let text = [
        format!("2026-11-20T15:30:09Z stdout P {one}"),
        format!("2026-11-20T15:30:09Z stderr P {one}"),
        format!("2026-11-20T15:30:09Z stderr F {two}"),
        format!("2026-11-20T15:30:09Z stdout F {two}"),
    ];
    let batch = read(text.join("\n").as_bytes());
    assert_eq!((paid(&batch).len(), faults(&batch)), (2, vec![]));
    // The rest never comes: what there is of it is not silently dropped.
    let torn = read(text[..2].join("\n").as_bytes());
    assert_eq!((paid(&torn).len(), faults(&torn).len()), (0, 2));
}

/// A line in three parts, as what splits it says so; between them a line of another stream.
fn in_parts(part: impl Fn(&str, usize) -> String, other: &str) -> String {
    let (one, rest) = RECORD.split_at(40);
    let (two, three) = rest.split_at(20);
    let parts = [part(one, 0), other.to_owned(), part(two, 1), part(three, 2)];
    parts.join("\n") + "\n"
}

#[test]
fn the_last_part_of_a_line_says_so_in_its_own_way() {
    let text = |text: &str| serde_json::Value::from(text).to_string();
    // A part that a newline ends has no mark.
    let journal = |part: &str, number: usize| {
        let mark = if number < 2 { r#","_LINE_BREAK":"line-max""# } else { "" };
        format!(r#"{{"__CURSOR":"c","_STREAM_ID":"s1","MESSAGE":{}{mark}}}"#, text(part))
    };
    let beside = r#"{"__CURSOR":"c","_STREAM_ID":"s2","MESSAGE":"words"}"#;
    // The last part is marked as the others are; `stderr` has the same container.
    let fluentd = |part: &str, number: usize| {
        let last = number == 2;
        format!(
            r#"{{"container_id":"c","container_name":"/gw","source":"stdout","log":{},"partial_message":"true","partial_id":"p","partial_ordinal":"{number}","partial_last":"{last}"}}"#,
            text(part)
        )
    };
    let stderr = r#"{"container_id":"c","container_name":"/gw","source":"stderr","log":"words"}"#;
    for times in [1, 40] {
        for record in [in_parts(journal, beside), in_parts(fluentd, stderr)] {
            let batch = read(record.repeat(times).as_bytes());
            assert_eq!((paid(&batch).len(), faults(&batch)), (times, vec![]), "{record}");
        }
    }
}

/// A record of that many bytes and more.
fn record_of(len: usize) -> String {
    RECORD.replace("\"team\":", &format!("\"x\":\"{}\",\"team\":", "y".repeat(len)))
}

#[test]
fn a_long_record_without_its_newline_is_whole() {
    let fluent = |log: &str| {
        let log = serde_json::Value::from(log);
        format!(r#"{{"stream":"stdout","log":{log},"kubernetes":{{"pod_name":"p"}}}}"#)
    };
    for len in [0, 16_384 - RECORD.len() - 7, 17_000, 70_000] {
        for before in ["", "2026-11-20 15:00:00 INFO "] {
            let long = fluent(&format!("{before}{}", record_of(len)));
            let lines = [fluent(RECORD), long.clone(), long, fluent(RECORD)].join("\n");
            // Words before it, and as long as docker's parts: that may be one.
            if before.is_empty() || len != 16_384 - RECORD.len() - 7 {
                let batch = read(lines.as_bytes());
                assert_eq!((paid(&batch).len(), faults(&batch)), (4, vec![]), "{len} {before}");
            }
        }
    }
}

#[test]
fn a_record_that_broke_off_takes_no_later_one_with_it() {
    let docker = |log: &str| {
        let log = serde_json::Value::from(log);
        format!(r#"{{"log":{log},"stream":"stdout","time":"2026-11-20T15:30:09.1Z"}}"#)
    };
    let cri = |mark: &str, text: &str| format!("2026-11-20T15:30:09Z stdout {mark} {text}");
    let long = record_of(20_000);
    let (first, last) = long.split_at(16_384);
    let ended = format!("{RECORD}\n");
    let last_ended = format!("{last}\n");
    let all: [(&[String], usize); 5] = [
        (&[docker(&ended), docker(first), docker(&ended), docker(&ended)], 3),
        (&[cri("P", &RECORD[..40]), cri("F", RECORD), cri("F", RECORD)], 2),
        // What comes after it may be in parts, and may break off as well.
        (&[docker(first), docker(first), docker(&last_ended), docker(&ended)], 2),
        (&[docker(first), docker(first), docker(&ended)], 1),
        (&[cri("P", &RECORD[..40]), cri("P", &RECORD[..9]), cri("F", &RECORD[9..])], 1),
    ];
    for (lines, calls) in all {
        let batch = read(lines.join("\n").as_bytes());
        assert_eq!((paid(&batch).len(), faults(&batch)), (calls, vec![FaultReason::Torn]));
    }
    // An object within an object is no record that begins anew.
    let (one, two) = (r#"{"model":"m","cost":0.25,"x":"#, r#"{"y":1}"#);
    let parts = [cri("P", one), cri("P", two), cri("F", "}")].join("\n");
    assert_eq!(paid(&read(parts.as_bytes())).len(), 1);
}

#[test]
fn a_message_that_says_nothing_hides_nothing() {
    let plain = paid(&read(RECORD.as_bytes()));
    for key in ["msg", "message", "log", "event", "line", "payload", "result"] {
        for blank in ["", " ", "\\n", " \\r\\n"] {
            let within = format!(r#"{{"level":"info","{key}":"{blank}","llm":{RECORD}}}"#);
            assert_eq!(paid(&read(within.as_bytes())), plain, "{within}");
            let text = serde_json::Value::from(RECORD);
            let beside = format!(r#"{{"level":"info","{key}":"{blank}","textPayload":{text}}}"#);
            assert_eq!(paid(&read(beside.as_bytes())), plain, "{beside}");
        }
    }
    // A line of a program that printed nothing.
    let empty = r#"{"log":"\n","stream":"stdout","time":"2026-11-20T15:30:09Z"}"#;
    let labelled =
        r#"{"log":"\n","stream":"stdout","kubernetes":{"pod_name":"a"},"cluster":"prod"}"#;
    for empty in [empty, labelled] {
        let said = &read(empty.as_bytes()).items[0].seen;
        assert!(matches!(said, Observation::Ignored { reason: "blank" }), "{said:?}");
    }
}

#[test]
fn a_split_line_without_end_is_bounded_and_counted() {
    let part = format!("2026-11-20T15:30:09Z stdout P {}\n", "x".repeat(16 * 1024));
    let mut text = part.repeat(400);
    text.push_str("2026-11-20T15:30:09Z stdout F x\n");
    text.push_str(&wrap(1, RECORD));
    let batch = read(text.as_bytes());
    assert_eq!((paid(&batch).len(), faults(&batch)), (1, vec![FaultReason::LineTooLong]));
}

#[test]
fn what_the_journal_left_out_is_a_fault() {
    let batch = read(&corpus("logs/samples/wrap_journald.jsonl"));
    assert_eq!(faults(&batch), [FaultReason::Truncated; 2]);
}

#[test]
fn documents_over_many_lines_are_records() {
    let value: serde_json::Value = serde_json::from_str(RECORD).unwrap();
    let pretty = serde_json::to_string_pretty(&value).unwrap();
    let plain = paid(&read(RECORD.as_bytes()))[0];
    for (text, times) in [
        (format!("{pretty}\n"), 1),
        (format!("{pretty}\n{pretty}\n"), 2),
        (format!("{pretty}{pretty}"), 2),
        (format!("\n{pretty}\n\n{RECORD}\n{pretty}\n"), 3),
        (format!("[\n{pretty},\n{pretty}\n]\n"), 2),
        (format!("[\n  {RECORD},\n  {RECORD}\n]\n"), 2),
        (format!("[{pretty}, {pretty}]\n"), 2),
        // As curl writes `%{header_json}`.
        (RECORD.replace(",\"", ",\n\""), 1),
        (pretty.lines().map(|line| wrap(1, line) + "\n").collect(), 1),
    ] {
        let batch = read(text.as_bytes());
        assert_eq!((paid(&batch), faults(&batch)), (vec![plain; times], vec![]), "{text}");
    }
}

#[test]
fn a_document_that_breaks_off_takes_nothing_with_it() {
    let pretty = "{\n  \"model\": \"m\",\n  \"cost\": 0.5,\n";
    for cut in ["", "  \"torn", "  [", "words"] {
        let batch = read(format!("{pretty}{cut}\n{RECORD}\n{RECORD}").as_bytes());
        assert_eq!(paid(&batch).len(), 2, "{cut}");
        assert_eq!(faults(&batch).first(), Some(&FaultReason::BrokenJson), "{cut}");
    }
    let long =
        format!("{{\n{}\"model\":\"m\"\n}}\n{RECORD}", "\"x\": [1, 2, 3],\n".repeat(400_000));
    let batch = read(long.as_bytes());
    assert_eq!((paid(&batch).len(), faults(&batch)), (1, vec![FaultReason::LineTooLong]));
}

/// A document over many lines, with records in a list, of more than 4 MiB.
fn long_document(before: &str, after: &str) -> (String, usize) {
    let pad = "x".repeat(2000);
    let one = |n: usize| {
        format!(
            "{{\n\"ts\": \"2026-11-20T15:00:00Z\", \"model\": \"m\", \"status\": 200,\n\"attempt\": {n}, \"note\": \"{pad}\"\n}}"
        )
    };
    let count = 6000;
    let records: Vec<String> = (1..=count).map(one).collect();
    (format!("{before}{}\n{after}", records.join(",\n")), count)
}

#[test]
fn a_document_that_is_too_long_is_read_record_by_record() {
    for (before, after) in [
        ("[", "]\n"),
        ("[\n", "]\n"),
        ("{\n\"success\": true,\n\"result\": [\n", "],\n\"page\": {\"of\": 1}\n}\n"),
    ] {
        let (text, count) = long_document(before, after);
        assert!(text.len() > 2 * 4 * 1024 * 1024);
        let batch = read(text.as_bytes());
        let attempts = requests(&batch).into_iter().map(|call| call.attempt.unwrap() as usize);
        assert!(attempts.eq(1..=count), "each of them, once: {before:?}");
        assert_eq!(faults(&batch), []);
    }
    // What is around the list is a call itself: reading it in parts would count it often.
    let around = "{\n\"model\": \"m\", \"cost\": 1,\n\"data\": [\n";
    let (text, _) = long_document(around, "]\n}\n");
    let batch = read(text.as_bytes());
    assert_eq!((requests(&batch).len(), faults(&batch)), (0, vec![FaultReason::LineTooLong]));
}

#[test]
fn telemetry_of_gemini_is_read_document_by_document() {
    let text = corpus("logs/samples/gemini_cli_telemetry.log");
    let batch = read(&text);
    assert!(!faults(&batch).contains(&FaultReason::BrokenJson));
    let said: Vec<u64> = batch.items.iter().map(|item| item.line).collect();
    for line in [1, 173, 294, 852, 2813, 4821] {
        assert!(said.contains(&line), "{line}");
    }
}

#[test]
fn an_open_record_says_where_it_starts() {
    let open_since = |text: &str| {
        let mut decoder = decoder();
        let mut batch = Batch::default();
        for (offset, line) in Lines::all(text.as_bytes()) {
            decoder.line(line, at(1, offset, NOW), &mut batch);
        }
        decoder.open_since()
    };
    let line = format!("{RECORD}\n");
    assert_eq!(open_since(&line), None);
    let split = wrap(1, RECORD).replace(" F ", " P ");
    assert_eq!(
        open_since(&format!("{}\n{split}\n", wrap(1, RECORD))),
        Some(wrap(1, RECORD).len() as u64 + 1)
    );
    assert_eq!(open_since("{}\n{\n\"a\": 1,\n"), Some(3));
    assert_eq!(open_since("HTTP/1.1 200 OK\ndate: x\n"), Some(0));
    assert_eq!(open_since("{\n\"a\": 1\n}\n"), None);
}

#[test]
fn mitmdump_and_verbose_curl_are_read_like_plain_heads() {
    let flow = "127.0.0.1:50786: POST https://api.openai.com/v1/chat/completions\n    Host: api.openai.com\n    Authorization: Bearer sk-x\n\n    {\"model\":\"m\"}\n\n << 429 Too Many Requests 75b\n    x-ratelimit-remaining-requests: 0\n    x-ratelimit-limit-requests: 500\n    openai-processing-ms: 3\n\n    {\"error\":{\"message\":\"no\",\"type\":\"requests\"}}\n\n127.0.0.1:50786: GET https://api.openai.com/v1/models\n    Host: api.openai.com\n\n << HTTP/2.0 200 OK 2b\n    x-request-id: r2\n\n    {}\n";
    let arrows = "*   Trying 127.0.0.1:9101...\n> POST /v1/chat/completions HTTP/1.1\n> Host: x\n> \n< HTTP/1.1 100 Continue\n< \n< HTTP/1.1 429 Too Many Requests\n< x-ratelimit-remaining-requests: 0\n< \n{ [75 bytes data]\n{\"error\":{\"type\":\"requests\"}}\n* Connection #0 to host x left intact\n> GET /v1/models HTTP/1.1\n> \n< HTTP/1.1 200 OK\n< x-request-id: r2\n< \n";
    for text in [flow, arrows] {
        let batch = read(text.as_bytes());
        let statuses: Vec<_> = requests(&batch).iter().map(|r| r.status).collect();
        assert_eq!((statuses, faults(&batch)), (vec![Some(429), Some(200)], vec![]), "{text}");
        assert!(requests(&batch).iter().all(|request| request.endpoint.is_some()), "{text}");
        // The target of a request to a proxy says whom it asks.
        let asked = requests(&batch).iter().all(|request| request.provider.is_some());
        assert!(asked || text == arrows, "{text}");
    }
}

#[test]
fn text_between_the_records_of_mixed_logs_is_for_people() {
    let text = "2026-11-20 15:11:17,749 INFO httpx HTTP Request: POST https://api.openai.com/v1/chat/completions \"HTTP/1.1 200 OK\"\nTraceback (most recent call last):\n  File \"app.py\"\nKeyError: 'x'\ntotal cost so far: 12 usd\n";
    let batch = read(text.as_bytes());
    assert_eq!((requests(&batch).len(), faults(&batch)), (1, vec![FaultReason::UnknownFormat]));
}

#[test]
fn a_users_patterns_name_the_fields() {
    let map = r#"
        id = "mine"
        input = "regex"
        patterns = ['^(?P<at>\S+) (?P<model>\S+) took (?P<ms>\d+)ms (?P<rest>.*?) h=(?P<h>\{.*\})$']
        pairs = ["rest"]
        literals = ["h"]
        [fields]
        at = "at"
        model = "model"
        latency_ms = "ms"
        cost_usd = "usd"
        status = [{ const = 200 }]
        [headers]
        from = ["h"]
    "#;
    let formats = Arc::new(Formats::from_toml(&[("x.toml", map)]).unwrap());
    let mut decoder = Decoder::new(formats, &Names::default(), DecodeOptions::default()).unwrap();
    let mut batch = Batch::default();
    let line = b"2026-11-20T15:00:00Z gpt took 12ms usd=0.25 x=\"y z\" h={'x-ratelimit-remaining-requests': '7'}";
    decoder.line(line, at(1, 0, NOW), &mut batch);
    let request = requests(&batch)[0];
    assert_eq!(request.timing.latency_ms, Some(12.0));
    assert_eq!(request.cost.map(|cost| cost.usd.0), Some(250_000_000));
    assert!(batch.items.iter().any(|item| matches!(item.seen, Observation::Limit(_))));
    assert_eq!(decoder.format(), Some("mine"));
    for (map, wanted) in [
        ("id = \"x\"\ninput = \"regex\"", "x.toml:2: patterns: is missing"),
        ("id = \"x\"\npatterns = [\"a\"]", "x.toml:2: patterns: needs `input = \"regex\"`"),
        (
            "id = \"x\"\ninput = \"regex\"\npatterns = [\"(a)\"]",
            "x.toml:3: patterns: needs a named group `(?P<name>…)` for each field",
        ),
        (
            "id = \"x\"\ninput = \"regex\"\npairs = [\"b\"]\npatterns = [\"(?P<a>a)\"]",
            "x.toml:3: pairs: no pattern has a group `b`",
        ),
        ("id = \"x\"\nmixed = 3", "x.toml:2: mixed: must be true or false"),
    ] {
        assert_eq!(Formats::from_toml(&[("x.toml", map)]).unwrap_err().to_string(), wanted);
    }
}

#[test]
fn a_long_line_of_telemetry_or_in_a_wrapper_is_read_whole() {
    let span = r#"{"name":"chat","startTimeUnixNano":"1795188229088368772","endTimeUnixNano":"1795188229680460109","attributes":[{"key":"gen_ai.request.model","value":{"stringValue":"m"}}]}"#;
    let spans = vec![span; 9000].join(",");
    let telemetry = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{spans}]}}]}}]}}"#);
    let record =
        RECORD.replace("\"team\":", &format!("\"x\":\"{}\",\"team\":", "y".repeat(1 << 20)));
    for (line, calls) in [(telemetry, 9000), (wrap(0, &record), 1), (wrap(1, &record), 1)] {
        assert!(line.len() > 1 << 20);
        let (mut decoder, mut batch) = (decoder(), Batch::default());
        for part in line.as_bytes().chunks(256 * 1024) {
            decoder.long_part(part);
        }
        decoder.long_end(at(1, 0, NOW), line.len() as u64, &mut batch);
        assert_eq!((requests(&batch).len(), faults(&batch)), (calls, vec![]));
        decoder.line(line.as_bytes(), at(2, 0, NOW), &mut batch);
        assert_eq!(requests(&batch).len(), 2 * calls);
    }
}

#[test]
fn a_long_line_that_nothing_at_its_beginning_tells_is_read_and_explained() {
    let keys = (0..40_000).map(|n| format!("\"key_{n}\":{{\"a\":{n},\"b\":1}},"));
    let pad = keys.collect::<Vec<_>>().concat();
    let known = format!("{{{pad}{}", &RECORD[1..]);
    let unknown = format!("{{{pad}\"z\":1}}");
    for (line, calls) in [(known, 1), (unknown, 0)] {
        assert!(line.len() > 1 << 20);
        let (mut decoder, mut batch) = (decoder(), Batch::default());
        decoder.explain();
        for part in line.as_bytes().chunks(256 * 1024) {
            decoder.long_part(part);
        }
        decoder.long_end(at(1, 0, NOW), line.len() as u64, &mut batch);
        assert_eq!(requests(&batch).len(), calls);
        let explained = decoder.explained();
        assert_eq!(explained.records.len(), calls);
        assert_eq!(
            explained.unread_keys.first().map(String::as_str),
            (calls == 0).then_some("key_0.a")
        );
        assert_eq!(explained.tried.is_empty(), calls == 1);
    }
}

#[test]
fn a_format_that_was_asked_for_is_looked_for_within_wrappers() {
    for (format, line) in [
        ("app-json", RECORD.to_owned()),
        (
            "nginx-combined",
            "::1 - - [20/Nov/2026:15:11:18 +0000] \"POST /v1/x HTTP/1.1\" 200 1".to_owned(),
        ),
        ("app-logfmt", "model=m status=200 cost=1".to_owned()),
    ] {
        for kind in 0..ALL {
            let options =
                DecodeOptions { format: Some(format.to_owned()), ..DecodeOptions::default() };
            let mut decoder = Decoder::new(FORMATS.clone(), &Names::default(), options).unwrap();
            let mut batch = Batch::default();
            let line = wrap(kind, &line);
            decoder.line(line.as_bytes(), at(1, 0, NOW), &mut batch);
            assert_eq!(requests(&batch).len(), 1, "{line}");
            assert_eq!(requests(&batch)[0].status, Some(200), "{line}");
        }
    }
}

#[test]
fn lines_of_sdks_for_javascript_are_calls() {
    let text = "[log_1a2b3c, x-request-id: \"req_1\"] post https://api.openai.com/v1/chat/completions failed with status 429 in 32ms\n[log_4d5e6f, retryOf: log_1a2b3c] post https://api.openai.com/v1/chat/completions succeeded with status 200 in 512ms\n";
    let statuses: Vec<_> = requests(&read(text.as_bytes())).iter().map(|r| r.status).collect();
    assert_eq!(statuses, [Some(429), Some(200)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn wrapped_to_any_depth_is_as_unwrapped(kinds in prop::collection::vec(0..ALL, 0..5), times in 1..4_usize) {
        let mut line = RECORD.to_owned();
        for kind in &kinds {
            line = wrap(*kind, &line);
        }
        let batch = read(format!("{line}\n").repeat(times).as_bytes());
        prop_assert_eq!(paid(&batch), vec![paid(&read(RECORD.as_bytes()))[0]; times], "{}", line);
        prop_assert_eq!(faults(&batch), vec![]);
    }

    #[test]
    fn any_split_of_a_line_is_put_together(cuts in prop::collection::vec(0..RECORD.len(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| RECORD.is_char_boundary(*cut)).collect();
        cuts.sort_unstable();
        let mut text = String::new();
        let mut from = 0;
        for cut in cuts {
            text.push_str(&format!("2026-11-20T15:30:09Z stdout P {}\n", &RECORD[from..cut]));
            from = cut;
        }
        text.push_str(&format!("2026-11-20T15:30:09Z stdout F {}\n", &RECORD[from..]));
        let batch = read(text.as_bytes());
        prop_assert_eq!((paid(&batch).len(), faults(&batch)), (1, vec![]), "{}", text);
    }

    #[test]
    fn any_split_of_a_document_into_lines_is_one_record(spaces in prop::collection::vec(prop::bool::ANY, 40)) {
        let mut spaces = spaces.into_iter().cycle();
        let mut text = String::new();
        let mut quoted = false;
        let mut escaped = false;
        for ch in RECORD.chars() {
            text.push(ch);
            quoted ^= ch == '"' && !escaped;
            escaped = ch == '\\' && !escaped;
            let breaks = ch == '{' && text.len() == 1 || ch == ',';
            if !quoted && breaks && spaces.next() == Some(true) {
                text.push_str("\n  ");
            }
        }
        let batch = read(text.as_bytes());
        prop_assert_eq!((paid(&batch).len(), faults(&batch)), (1, vec![]), "{}", text);
    }

    #[test]
    fn no_bytes_do_any_harm(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 0..12)) {
        read(&lines.join(&b'\n'));
    }

    #[test]
    fn no_fragments_do_any_harm(parts in prop::collection::vec(0..40_usize, 0..30)) {
        const PARTS: [&str; 20] = [
            "{", "}", "[", "]", "\"", ",", ":", "\n", "\\", "HTTP/1.1 200 OK\n", "< ", "> ", " << 200 ",
            "\"log\":", "\"message\":\"{", "2026-11-20T15:30:09Z stdout P ", "Nov 20 15:30:09 h a: ",
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{", "Headers({'a': ", "\u{1b}[1m",
        ];
        let text: String = parts
            .iter()
            .map(|part| PARTS.get(*part).copied().unwrap_or(r#"{"log":"x\\n","stream":"stdout","time":"t"}"#))
            .collect();
        read(text.as_bytes());
    }
}
