//! How a call ended, as logs write it: a number, a status line, or a word. Knows no
//! format: which field says it is the map's business.

use std::sync::LazyLock;

use regex::bytes::Regex;

use super::classify;
use crate::domain::ErrorKind;
use crate::scan::{Kind, Value, members};

/// What a line says in its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing, or a known word: how a call ended may stand elsewhere.
    Nothing,
    /// The status of a response.
    Code(u16),
    /// That there was none: `0`, `000`, `-1`.
    NoResponse,
    /// What nobody knows.
    Strange,
}

/// Longer than any status line that a log holds.
const LONGEST: usize = 64;
/// Bytes of an error's text that are looked at.
const TEXT_LIMIT: usize = 4096;

/// The status in `429 Too Many Requests`, `HTTP/1.1 503`, `error: 429`: a word of three
/// digits near the beginning.
pub(super) fn code(text: &str) -> Option<u16> {
    let words = text.get(..text.len().min(LONGEST))?.split(|c: char| !c.is_ascii_alphanumeric());
    let mut numbers = words.take(4).filter(|word| word.len() == 3);
    of_number(numbers.find_map(|word| word.parse().ok())?)
}

/// The status of a failure that an error's text names, as SDKs and HTTP clients do:
/// `Error code: 429 - …`, `status code: 503`, `Client error '401 Unauthorized' for url`,
/// or at its beginning, `503 Service Unavailable`.
pub(super) fn in_error(text: &[u8]) -> Option<u16> {
    static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
        let named = r#"(?i-u:\b(?:error code|status(?:[ _]code)?|http(?:/[0-9.]+)?|(?:client|server) error|rejected)\\?["']?[:=]?\s*[("']?([45][0-9]{2})(?:[^0-9.]|$))"#;
        let class =
            r#"^["'\s]*[A-Za-z_.]*(?:Error|Exception)[:(]\s*["']?([45][0-9]{2})(?:[^0-9.]|$)"#;
        let first = r#"^["'\s]*([45][0-9]{2})(?:["':]|\s*$|\s+(?:[A-Z{\["'<(-]|status code))"#;
        Regex::new(&format!("{named}|{class}|{first}")).ok()
    });
    let head = text.get(..TEXT_LIMIT).unwrap_or(text);
    let found = NAMED.as_ref()?.captures(head)?;
    let code = found.iter().skip(1).flatten().next()?;
    let behind = head.get(code.end()..)?.trim_ascii_start();
    let is_counted = COUNTED.iter().any(|unit| behind.starts_with(unit.as_bytes()));
    let code = str::from_utf8(code.as_bytes()).ok()?.parse().ok()?;
    (ANSWERED.contains(&code) && !is_counted).then_some(code)
}

/// Whether a status says that no response came: `0`, `000`, `-1`.
pub(super) fn is_none_came(text: &str) -> bool {
    text.trim().parse::<i64>().is_ok_and(|number| number <= 0)
}

/// Whether nobody knows what a status says that is no code. Small numbers are of programs
/// that count in their own ways.
pub(super) fn is_strange(text: &str) -> bool {
    match text.trim().parse::<i64>() {
        Ok(number) => number >= 100,
        Err(_) => !is_fine(text) && ended(text).is_none(),
    }
}

/// Whether it is a word of what went well or goes on.
pub(super) fn is_fine(text: &str) -> bool {
    is_well(text) || goes_on(text) || OTHER.iter().chain(TRUE).any(|known| is_spelling(text, known))
}

/// Whether it is a word of what has not ended yet.
pub(super) fn goes_on(text: &str) -> bool {
    GOES_ON.iter().any(|known| is_spelling(text, known))
}

/// Whether it is a word of what went well.
pub(super) fn is_well(text: &str) -> bool {
    WELL.iter().any(|known| is_spelling(text, known))
}

/// Whether what stands where an error would is one: many writers always have the field,
/// and put a word there, or a code, for none.
pub(super) fn is_error(value: Value<'_>) -> bool {
    match value.kind {
        Kind::False | Kind::True | Kind::Null => false,
        Kind::Object => members(value.raw).any(|(_, member)| match member.kind {
            Kind::Object | Kind::Array => member.raw.len() > 2,
            Kind::True => true,
            _ => is_error(member),
        }),
        Kind::Array => value.raw.len() > 2,
        _ => !value.is_absent() && !str::from_utf8(value.raw).is_ok_and(is_none),
    }
}

/// Whether it says that there was no error: a word, a code of zeros, or nothing but
/// punctuation.
fn is_none(text: &str) -> bool {
    let text = text.strip_suffix("\\n").unwrap_or(text);
    let is_code = || text.bytes().filter(u8::is_ascii_alphanumeric).all(|b| b == b'0');
    text.is_ascii()
        && (is_code() || is_well(text) || NONE.iter().any(|known| is_spelling(text, known)))
}

/// Whether two texts are the same but for letter case and punctuation.
fn is_spelling(text: &str, known: &str) -> bool {
    let plain = text.bytes().filter(u8::is_ascii_alphanumeric);
    text.len() <= LONGEST && plain.map(|b| b.to_ascii_lowercase()).eq(known.bytes())
}

/// A number that is the status of a response.
pub(super) fn of_number(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (100..1000).contains(status))
}

/// The failure that a status stands for that is a word: of the words for one thing or the
/// other the one that denies.
pub(super) fn ended(word: &str) -> Option<ErrorKind> {
    let denied = FALSE.iter().any(|known| is_spelling(word, known));
    if denied { Some(ErrorKind::Error) } else { failure(word) }
}

/// The failure that a word stands for, however it is spelled; none for success, for
/// what is still under way, and for what may be anything.
pub(super) fn failure(word: &str) -> Option<ErrorKind> {
    if let Some(kind) = ErrorKind::from_word(word) {
        return Some(kind);
    }
    if word.len() > LONGEST {
        return None;
    }
    let same = |known: &&str| is_spelling(word, known);
    let known = WORDS.iter().find(|(words, _)| words.iter().any(same));
    known.map(|(_, kind)| *kind).or_else(|| classify::by_text(word.as_bytes()))
}

/// Statuses that servers refuse and fail with: any other number in a text counts something.
const ANSWERED: [u16; 27] = [
    400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 422, 424, 425, 429, 451, 498, 499, 500,
    501, 502, 503, 504, 520, 522, 524, 529,
];
/// What stands behind a number that counts something.
const COUNTED: [&str; 5] = ["token", "ms", "second", "byte", "port"];

/// Words, without letter case and punctuation, of what went well.
const WELL: &[&str] = &[
    "ok",
    "okay",
    "none",
    "noerror",
    "noerrors",
    "success",
    "successful",
    "successfully",
    "succeed",
    "succeeded",
    "pass",
    "passed",
    "complete",
    "completed",
    "done",
    "finish",
    "finished",
    "fulfilled",
    "delivered",
    "served",
    "processed",
    "answered",
    "healthy",
    "unset",
    "statuscodeok",
    "statuscodeunset",
    "1xx",
    "2xx",
    "3xx",
];
/// Words of what has not ended yet.
const GOES_ON: &[&str] =
    &["pending", "queued", "started", "running", "processing", "inprogress", "streaming"];
/// Words of how an answer ended that came, or of what may be anything.
const OTHER: &[&str] = &[
    "ended",
    "stop",
    "stopped",
    "length",
    "toolcalls",
    "tooluse",
    "functioncall",
    "endturn",
    "pauseturn",
    "maxtokens",
    "maxoutputtokens",
    "stopsequence",
    "eos",
    "incomplete",
    "accepted",
    "received",
    "submitted",
    "sent",
    "active",
    "partial",
    "created",
    "cached",
    "hit",
    "miss",
    "info",
];
/// Words that agree, and that deny.
const TRUE: &[&str] = &["true", "yes"];
const FALSE: &[&str] = &["false", "no"];
/// What else is written where there was no error; Python's logging of no exception is one.
const NONE: &[&str] = &["no", "false", "null", "nil", "na", "nan", "undefined", "nonetypenone"];

/// Words as they are without letter case and punctuation.
const WORDS: &[(&[&str], ErrorKind)] = &[
    (
        &[
            "error",
            "err",
            "failure",
            "failed",
            "fail",
            "exception",
            "unsuccessful",
            "ko",
            "4xx",
            "blocked",
            "refused",
            "rejected",
            "dropped",
            "fault",
            "nack",
            "nok",
            "notok",
        ],
        ErrorKind::Error,
    ),
    (
        &["ratelimit", "ratelimited", "throttled", "toomany", "toomanyrequests"],
        ErrorKind::RateLimit,
    ),
    (&["quota", "quotaexceeded", "quotaexhausted", "outofquota"], ErrorKind::QuotaExhausted),
    (&["overloaded", "busy"], ErrorKind::Overloaded),
    (&["unavailable", "serviceunavailable"], ErrorKind::Unavailable),
    (
        &["internalservererror", "servererror", "internalerror", "internal", "5xx"],
        ErrorKind::ServerError,
    ),
    (&["badgateway"], ErrorKind::BadGateway),
    (
        &["timeout", "timedout", "gatewaytimeout", "requesttimeout", "deadlineexceeded", "expired"],
        ErrorKind::Timeout,
    ),
    (&["cancelled", "canceled", "aborted", "killed"], ErrorKind::Cancelled),
    (&["unauthorized", "unauthenticated", "authfailed"], ErrorKind::Auth),
    (&["forbidden", "permissiondenied", "accessdenied", "denied"], ErrorKind::Permission),
    (&["notfound"], ErrorKind::NotFound),
    (
        &["badrequest", "invalidrequest", "invalidargument", "clienterror"],
        ErrorKind::InvalidRequest,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_has_its_code_and_a_word_has_none() {
        for (text, status) in [
            ("429", Some(429)),
            ("429 Too Many Requests", Some(429)),
            ("HTTP/1.1 503", Some(503)),
            ("HTTP/2 200 OK", Some(200)),
            ("status: 504", Some(504)),
            ("ok", None),
            ("", None),
            ("0", None),
            ("099", None),
            ("4290", None),
            ("it took all of 429 attempts", None),
            (&"é".repeat(40), None),
        ] {
            assert_eq!(code(text), status, "{text}");
        }
    }

    #[test]
    fn a_text_names_the_status_of_a_failure() {
        for (text, status) in [
            ("Error code: 429 - upstream said no", Some(429)),
            ("HTTP 503", Some(503)),
            ("Unexpected status code: 529", Some(529)),
            ("Request failed with status code 502", Some(502)),
            ("error, status code: 503, status: 503 Service Unavailable, message: x", Some(503)),
            ("Client error '401 Unauthorized' for url 'https://x'", Some(401)),
            ("503 Service Unavailable", Some(503)),
            ("429 {\"error\":{}}", Some(429)),
            ("429 status code (no body)", Some(429)),
            ("429", Some(429)),
            ("openai.RateLimitError: 429 too many", Some(429)),
            ("RateLimitError(\"Error code: 429 - x\")", Some(429)),
            ("API Error: Request rejected (429) · x", Some(429)),
            (r#"{\"status\": 404}"#, Some(404)),
            ("400 tokens are too many", None),
            ("500.5 ms", None),
            ("took 429 ms", None),
            ("Error code: 4290", None),
            ("HTTP 443 port refused", None),
            ("rejected 500 tokens", None),
            ("TimeoutError: 500 ms", None),
            ("status code: 200", None),
            ("", None),
        ] {
            assert_eq!(in_error(text.as_bytes()), status, "{text}");
        }
    }

    #[test]
    fn what_is_no_status_is_no_response_a_known_word_or_strange() {
        for (text, none, strange) in [
            ("0", true, false),
            ("000", true, false),
            ("-1", true, false),
            ("20", false, false),
            ("1000", false, true),
            ("teapot", false, true),
            ("E1042", false, true),
            ("Success", false, false),
            ("in_progress", false, false),
            ("FAILED", false, false),
        ] {
            assert_eq!((is_none_came(text), is_strange(text)), (none, strange), "{text}");
        }
    }

    #[test]
    fn a_word_is_read_however_it_is_spelled() {
        use ErrorKind as K;
        for (word, kind) in [
            ("error", Some(K::Error)),
            ("FAILED", Some(K::Error)),
            ("Rate-Limited", Some(K::RateLimit)),
            ("rate limited", Some(K::RateLimit)),
            ("TooManyRequests", Some(K::RateLimit)),
            ("RESOURCE_EXHAUSTED", Some(K::RateLimit)),
            ("rate_limit_tokens", Some(K::RateLimitTokens)),
            ("timed_out", Some(K::Timeout)),
            ("DeadlineExceeded", Some(K::Timeout)),
            ("overloaded_error", Some(K::Overloaded)),
            ("4xx", Some(K::Error)),
            ("5XX", Some(K::ServerError)),
            ("Blocked", Some(K::Error)),
            ("refused", Some(K::Error)),
            ("denied", Some(K::Permission)),
            ("expired", Some(K::Timeout)),
            ("killed", Some(K::Cancelled)),
            ("success", None),
            ("pending", None),
            ("2xx", None),
            ("false", None),
            ("OK", None),
            ("no error", None),
            ("", None),
        ] {
            assert_eq!(failure(word), kind, "{word}");
        }
        // In a status it denies that all went well; in an error, that there is one.
        assert_eq!(ended("False"), Some(K::Error));
        assert_eq!(ended("true"), None);
    }

    #[test]
    fn words_for_no_error_are_none() {
        let is = |json: &str| {
            let scanned = members(json.as_bytes()).next().map(|(_, value)| is_error(value));
            scanned.unwrap_or_else(|| unreachable!("{json}"))
        };
        for none in [
            r#""NoneType: None""#,
            r#""NoneType: None\n""#,
            r#""No error""#,
            r#""none""#,
            r#""null""#,
            r#""<nil>""#,
            r#""ok""#,
            r#""""#,
            r#""-""#,
            r#""0000""#,
            r#""SUCCESS""#,
            r#""000000""#,
            "false",
            "0",
            "null",
            "{}",
            "[]",
            r#"{"code":0,"message":""}"#,
            r#"{"code":"OK","message":"success","details":[]}"#,
        ] {
            assert!(!is(&format!("{{\"error\":{none}}}")), "{none}");
        }
        for one in [
            r#""No errors were expected, but there was one""#,
            r#""0x80070005""#,
            r#""E0000""#,
            r#""none of the upstreams answered""#,
            r#""ok: not really""#,
            r#""stop""#,
            r#""請求失敗""#,
            "500",
            r#"{"code":0,"message":"boom"}"#,
            r#"{"code":500}"#,
            r#"{"retryable":true}"#,
            r#"{"cause":{"code":7}}"#,
            r#"["boom"]"#,
        ] {
            assert!(is(&format!("{{\"error\":{one}}}")), "{one}");
        }
    }
}
