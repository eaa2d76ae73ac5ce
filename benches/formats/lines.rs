//! The lines of each family: those of the corpus, in turn, with other ids and numbers.

use super::rng::Rng;

/// Digits in a row of which the last two may be others: shorter runs are statuses, years
/// and small counts.
const LONG_NUMBER: usize = 6;
/// Letters and digits in a row that are an id, of which the last four may be others.
const ID: usize = 16;

/// Lines of one kind.
pub struct Family {
    pub name: &'static str,
    /// Lines are JSON as they stand.
    pub json: bool,
    /// At least one line in so many is a call.
    pub lines_for_a_call: u64,
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

const fn plain(name: &'static str, lines_for_a_call: u64, sample: &'static str) -> Family {
    Family { name, json: true, lines_for_a_call, sample, around: Around::Nothing }
}

const fn text(name: &'static str, sample: &'static str) -> Family {
    Family { name, json: false, lines_for_a_call: 2, sample, around: Around::Nothing }
}

macro_rules! sample {
    ($name:literal) => {
        include_str!(concat!("../../tests/corpus/logs/samples/", $name))
    };
}

/// A call as OpenRouter tells it (`docs/FORMATS.md`).
const OPENROUTER: &str = r#"{"data":{"id":"gen-1795187477-aBcDeFgH12345678","created_at":"2026-11-20T15:11:17.000Z","model":"openai/gpt-4o","provider_name":"OpenAI","streamed":true,"total_cost":0.001512345,"native_tokens_prompt":100,"native_tokens_completion":20,"latency":300,"generation_time":900,"finish_reason":"stop"}}"#;

pub const FAMILIES: &[Family] = &[
    plain("nginx", 1, sample!("nginx_json.jsonl")),
    text("nginx-text", sample!("nginx_combined.log")),
    plain("caddy", 2, sample!("caddy_access.jsonl")),
    text("haproxy", sample!("haproxy_httplog.log")),
    plain("litellm", 1, sample!("litellm_standard_logging.jsonl")),
    plain("otlp-spans", 2, sample!("otlp_traces_openai_v2.jsonl")),
    plain("openrouter", 1, OPENROUTER),
    plain("claude-code", 8, sample!("claude_code_session.jsonl")),
    plain("app-json", 1, sample!("app_slog.jsonl")),
    text("logfmt", sample!("app_logfmt.log")),
    wrapped("docker", Around::Docker),
    wrapped("cri", Around::Cri),
    wrapped("syslog", Around::Syslog),
];

/// The lines of `app-json` in a wrapper.
const fn wrapped(name: &'static str, around: Around) -> Family {
    let json = matches!(around, Around::Docker);
    Family { name, json, lines_for_a_call: 1, sample: sample!("app_slog.jsonl"), around }
}

impl Family {
    /// Lines of at least so many bytes, and how many there are.
    pub fn write(&self, size: u64) -> (Vec<u8>, u64) {
        let (mut out, mut lines, mut rng) = (Vec::new(), 0, Rng(7));
        let sample: Vec<&str> = self.sample.lines().filter(|line| !line.is_empty()).collect();
        for line in sample.iter().cycle() {
            if out.len() as u64 >= size {
                break;
            }
            let line = other(line.as_bytes(), &mut rng);
            match self.around {
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
            lines += 1;
        }
        (out, lines)
    }
}

/// The same line with other numbers and ids. Its length stays.
fn other(line: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut out = line.to_vec();
    let mut start = 0;
    for end in 0..=out.len() {
        if out.get(end).is_some_and(u8::is_ascii_alphanumeric) {
            continue;
        }
        let word = out.get_mut(start..end).unwrap();
        start = end + 1;
        let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
        let change = match word.len() {
            len if len >= LONG_NUMBER && digits == len => 2,
            len if len >= ID && digits > 0 => 4,
            _ => 0,
        };
        let keep = word.len() - change;
        for byte in word.get_mut(keep..).unwrap() {
            if byte.is_ascii_digit() {
                *byte = b'0' + u8::try_from(rng.below(10)).unwrap();
            }
        }
    }
    out
}
