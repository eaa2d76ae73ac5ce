//! The lines of each family: those of the corpus, in turn, with other ids and numbers.

use std::collections::HashMap;

use super::rng::Rng;

/// Digits in a row of which the last two may be others: shorter runs are statuses, years
/// and small counts.
const LONG_NUMBER: usize = 6;
/// Letters and digits in a row that are an id, of which the last four may be others.
const ID: usize = 16;
/// Digits of a Unix time in seconds, which stays: no call ends before it began.
const SECONDS: usize = 10;

/// Lines of one kind.
pub struct Family {
    pub name: &'static str,
    /// Lines are JSON as they stand.
    pub json: bool,
    /// Calls that the lines of the sample tell of, those told again included.
    calls: u64,
    /// Lines of a sample, without those for people.
    sample: &'static str,
    /// What is written around each.
    around: Around,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    Nothing,
    Docker,
    Cri,
    Syslog,
}

const fn plain(name: &'static str, calls: u64, sample: &'static str) -> Family {
    Family { name, json: true, calls, sample, around: Around::Nothing }
}

const fn text(name: &'static str, calls: u64, sample: &'static str) -> Family {
    Family { name, json: false, calls, sample, around: Around::Nothing }
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../tests/corpus/logs/samples/", $name))
    };
}

/// A call as OpenRouter tells it (`docs/FORMATS.md`).
const OPENROUTER: &str = r#"{"data":{"id":"gen-1795187477-aBcDeFgH12345678","created_at":"2026-11-20T15:11:17.000Z","model":"openai/gpt-4o","provider_name":"OpenAI","streamed":true,"total_cost":0.001512345,"native_tokens_prompt":100,"native_tokens_completion":20,"latency":300,"generation_time":900,"finish_reason":"stop"}}"#;

pub const FAMILIES: &[Family] = &[
    plain("nginx", 19, sample!("nginx_json.jsonl")),
    text("nginx-text", 19, sample!("nginx_combined.log")),
    plain("caddy", 13, sample!("caddy_access.jsonl")),
    text("haproxy", 13, sample!("haproxy_httplog.log")),
    plain("litellm", 19, sample!("litellm_standard_logging.jsonl")),
    plain("otlp-spans", 6, sample!("otlp_traces_openai_v2.jsonl")),
    plain("openrouter", 1, OPENROUTER),
    plain("claude-code", 12, sample!("claude_code_session.jsonl")),
    plain("app-json", 2, sample!("app_slog.jsonl")),
    text("logfmt", 2, sample!("app_logfmt.log")),
    wrapped("docker", Around::Docker),
    wrapped("cri", Around::Cri),
    wrapped("syslog", Around::Syslog),
];

/// The lines of `app-json` in a wrapper.
const fn wrapped(name: &'static str, around: Around) -> Family {
    let json = matches!(around, Around::Docker);
    Family { name, json, calls: 2, sample: sample!("app_slog.jsonl"), around }
}

/// A log of one family.
#[derive(Default)]
pub struct Text {
    pub bytes: Vec<u8>,
    pub lines: u64,
    /// Calls that were written into it.
    pub calls: u64,
}

impl Family {
    /// The whole sample again and again, to at least so many bytes.
    pub fn write(&self, size: u64) -> Text {
        let (mut text, mut rng) = (Text::default(), Rng(7));
        while (text.bytes.len() as u64) < size {
            let mut others = Others { rng: &mut rng, known: HashMap::new() };
            for line in self.sample.lines().filter(|line| !line.is_empty()) {
                self.around.write(others.line(line.as_bytes()), &mut text.bytes);
                text.lines += 1;
            }
            text.calls += self.calls;
        }
        text
    }
}

impl Around {
    fn write(self, line: Vec<u8>, out: &mut Vec<u8>) {
        match self {
            Around::Nothing => out.extend_from_slice(&line),
            Around::Docker => {
                let text = String::from_utf8(line).unwrap() + "\n";
                let log = serde_json::json!({"log": text, "stream": "stdout",
                    "time": "2026-11-20T15:11:18.000000001Z"});
                out.extend_from_slice(log.to_string().as_bytes());
            }
            Around::Cri => {
                out.extend_from_slice(b"2026-11-20T15:11:18.000000001Z stdout F ");
                out.extend_from_slice(&line);
            }
            Around::Syslog => {
                out.extend_from_slice(b"<134>Nov 20 15:11:18 web-1 app[4711]: ");
                out.extend_from_slice(&line);
            }
        }
        out.push(b'\n');
    }
}

/// Other words for those of a sample. A word that stands there twice is the same other
/// word, or spans would lose their parents.
struct Others<'r> {
    rng: &'r mut Rng,
    known: HashMap<Vec<u8>, Vec<u8>>,
}

impl Others<'_> {
    /// The same line with other numbers and ids. Its length stays.
    fn line(&mut self, line: &[u8]) -> Vec<u8> {
        let mut out = line.to_vec();
        for word in out.split_mut(|byte| !byte.is_ascii_alphanumeric()) {
            let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
            let change = match word.len() {
                SECONDS if digits == SECONDS => continue,
                len if len >= LONG_NUMBER && digits == len => 2,
                len if len >= ID && digits > 0 => 4,
                _ => continue,
            };
            let rng = &mut *self.rng;
            let other = self.known.entry(word.to_vec()).or_insert_with_key(|word| {
                let mut other = word.clone();
                for byte in other.iter_mut().rev().take(change).filter(|b| b.is_ascii_digit()) {
                    *byte = b'0' + u8::try_from(rng.below(10)).unwrap();
                }
                other
            });
            word.copy_from_slice(other);
        }
        out
    }
}
