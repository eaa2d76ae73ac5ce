//! How a call ended, as logs write it: a number, a status line, or a word. Knows no
//! format: which field says it is the map's business.

use super::classify;
use crate::domain::ErrorKind;

/// Longer than any status line that a log holds.
const LONGEST: usize = 64;

/// The status in `429 Too Many Requests`, `HTTP/1.1 503`, `error: 429`: a word of three
/// digits near the beginning.
pub(super) fn code(text: &str) -> Option<u16> {
    let words = text.get(..text.len().min(LONGEST))?.split(|c: char| !c.is_ascii_alphanumeric());
    let mut numbers = words.take(4).filter(|word| word.len() == 3);
    of_number(numbers.find_map(|word| word.parse().ok())?)
}

/// A number that is the status of a response.
pub(super) fn of_number(number: u64) -> Option<u16> {
    u16::try_from(number).ok().filter(|status| (100..1000).contains(status))
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
    let same = |known: &str| {
        let plain = word.bytes().filter(u8::is_ascii_alphanumeric);
        plain.map(|b| b.to_ascii_lowercase()).eq(known.bytes())
    };
    let known = WORDS.iter().find(|(words, _)| words.iter().any(|known| same(known)));
    known.map(|(_, kind)| *kind).or_else(|| classify::by_text(word.as_bytes()))
}

/// Words as they are without letter case and punctuation.
const WORDS: &[(&[&str], ErrorKind)] = &[
    (
        &["error", "err", "failure", "failed", "fail", "exception", "unsuccessful", "ko"],
        ErrorKind::Error,
    ),
    (&["ratelimit", "ratelimited", "throttled", "toomanyrequests"], ErrorKind::RateLimit),
    (&["quotaexceeded", "quotaexhausted", "outofquota"], ErrorKind::QuotaExhausted),
    (&["overloaded"], ErrorKind::Overloaded),
    (&["unavailable", "serviceunavailable"], ErrorKind::Unavailable),
    (&["internalservererror", "servererror", "internalerror", "internal"], ErrorKind::ServerError),
    (&["badgateway"], ErrorKind::BadGateway),
    (
        &["timeout", "timedout", "gatewaytimeout", "requesttimeout", "deadlineexceeded"],
        ErrorKind::Timeout,
    ),
    (&["cancelled", "canceled", "aborted"], ErrorKind::Cancelled),
    (&["unauthorized", "unauthenticated", "authfailed"], ErrorKind::Auth),
    (&["forbidden", "permissiondenied"], ErrorKind::Permission),
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
            ("success", None),
            ("pending", None),
            ("OK", None),
            ("no error", None),
            ("", None),
        ] {
            assert_eq!(failure(word), kind, "{word}");
        }
    }
}
