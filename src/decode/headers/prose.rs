//! English sentences in error messages, as far as they hold numbers.

use super::body::contains;
use super::reset;
use crate::domain::LimitedBy;
use crate::domain::time::NANOS_PER_S;
use crate::scan::number;
use memchr::memmem;

/// What stands before a wait, in any letter case.
const BEFORE_WAIT: &[&str] = &[
    "try again in ",
    "try again after ",
    "retry in ",
    "retry after ",
    "reset after ",
    "replenished in ",
];
/// What may stand between the parts of a span of time.
const BETWEEN: &[&str] = &[" and ", ", and ", ", ", " "];
/// Time units as words, in nanoseconds.
const UNITS: &[(&str, i128)] = &[
    ("millisecond", 1_000_000),
    ("ms", 1_000_000),
    ("second", 1_000_000_000),
    ("sec", 1_000_000_000),
    ("min", 60_000_000_000),
    ("hour", 3_600_000_000_000),
    ("day", 86_400_000_000_000),
];
/// What stands before or behind `per` in a limit's description.
const WINDOWS: &[(&str, u32)] = &[
    ("second", 1),
    ("sec", 1),
    ("minute", 60),
    ("min", 60),
    ("hour", 3600),
    ("day", 86_400),
    ("month", 2_592_000),
];
/// Ends of abbreviations: `RPM`, `TPD`.
const SHORT: &[(&str, u32)] = &[("PM", 60), ("PD", 86_400)];
const LIMITED_BY: &[(&str, LimitedBy)] = &[
    ("input tokens per", LimitedBy::InputTokens),
    ("output tokens per", LimitedBy::OutputTokens),
    ("InputToken", LimitedBy::InputTokens),
    ("OutputToken", LimitedBy::OutputTokens),
    ("(TPM)", LimitedBy::Tokens),
    ("(TPD)", LimitedBy::Tokens),
    ("max TPM", LimitedBy::Tokens),
    ("max TPD", LimitedBy::Tokens),
    ("TPM rate limit", LimitedBy::Tokens),
    ("TPD rate limit", LimitedBy::Tokens),
    ("tokens per ", LimitedBy::Tokens),
    ("Tokens per ", LimitedBy::Tokens),
    ("(RPM)", LimitedBy::Requests),
    ("(RPD)", LimitedBy::Requests),
    ("max RPM", LimitedBy::Requests),
    ("max RPD", LimitedBy::Requests),
    ("RPM rate limit", LimitedBy::Requests),
    ("RPD rate limit", LimitedBy::Requests),
    ("requests per ", LimitedBy::Requests),
    ("Requests per ", LimitedBy::Requests),
    ("request_quota_exceeded", LimitedBy::Requests),
    ("API calls / ", LimitedBy::Requests),
    ("RequestsPer", LimitedBy::Requests),
    ("concurren", LimitedBy::Concurrency),
    ("max_parallel_requests", LimitedBy::Concurrency),
];

/// The wait a message recommends, in nanoseconds.
pub(super) fn wait(text: &[u8]) -> Option<i64> {
    BEFORE_WAIT.iter().find_map(|before| {
        let is_it = |words: &[u8]| words.eq_ignore_ascii_case(before.as_bytes());
        let at = text.windows(before.len()).position(is_it)?;
        let behind = text.get(at + before.len()..)?;
        // "After 14:30" is a time of day.
        duration(behind).or_else(|| before.ends_with("in ").then(|| clock(behind)).flatten())
    })
}

/// Which limit a message names, and its window in seconds where it names that, too.
pub(super) fn limited_by(text: &[u8]) -> (Option<LimitedBy>, Option<u32>) {
    // xAI lists all limits: their numbers say which.
    if contains(text, "(actual/limit)") {
        return (None, None);
    }
    if contains(text, "Crossed TPM / RPM") {
        return (crossed(text), None);
    }
    let found = LIMITED_BY.iter().find_map(|(word, by)| {
        let at = memmem::find(text, word.as_bytes())?;
        let behind = text.get(at + word.len()..)?.trim_ascii_start();
        let short = SHORT.iter().find(|(short, _)| word.contains(short));
        Some((*by, short.map(|(_, seconds)| *seconds).or_else(|| window_word(behind))))
    });
    (found.map(|(by, _)| by), found.and_then(|(_, window)| window))
}

/// `LiteLLM` lists all three of its limits: `current rpm: 11, rpm limit: 10, …`.
fn crossed(text: &[u8]) -> Option<LimitedBy> {
    let behind = |words: &str| {
        let at = memmem::find(text, words.as_bytes())?;
        number::decimal(number(text.get(at + words.len()..)?)?.0).ok()
    };
    let limits = [
        ("current rpm: ", "rpm limit: ", LimitedBy::Requests),
        ("current tpm: ", "tpm limit: ", LimitedBy::Tokens),
        ("current max_parallel_requests: ", ", max_parallel_requests: ", LimitedBy::Concurrency),
    ];
    let is_crossed = |used: &str, limit: &str| matches!((behind(used), behind(limit)), (Some(u), Some(l)) if u >= l);
    limits.iter().find(|(used, limit, _)| is_crossed(used, limit)).map(|(_, _, by)| *by)
}

/// The window of a limit a message describes: `per minute`, `per-day`, `_rpm/`.
pub(super) fn window(text: &[u8]) -> Option<u32> {
    let described = memmem::find_iter(text, b"per").find_map(|at| {
        let rest = text.get(at + 3..)?;
        window_word(rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"-"))?)
    });
    let short = [("limit_rpm", 60), ("limit_rpd", 86_400)];
    described.or_else(|| short.iter().find(|(word, _)| contains(text, word)).map(|(_, s)| *s))
}

/// The window a text begins with, in any letter case.
pub(super) fn window_word(text: &[u8]) -> Option<u32> {
    let begins = |word: &str| {
        text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word.as_bytes()))
    };
    WINDOWS.iter().find(|(word, _)| begins(word)).map(|(_, seconds)| *seconds)
}

/// `Limit 7000, Used 0, Requested ~12903`: no wait will make it fit.
pub(super) fn asks_too_much(text: &[u8]) -> bool {
    let value = |word: &str| {
        let at = memmem::find(text, word.as_bytes())?;
        let (digits, _) = number(text.get(at + word.len()..)?)?;
        number::decimal(digits).ok()
    };
    matches!((value("Limit "), value("Requested ")), (Some(limit), Some(asked)) if asked > limit)
}

/// The number a text begins with, and what follows it.
pub(super) fn number(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"~").unwrap_or(text);
    let is_number = |at: usize, b: u8| {
        b.is_ascii_digit() || (b == b'.' && text.get(at + 1).is_some_and(u8::is_ascii_digit))
    };
    let len = text.iter().enumerate().take_while(|(at, b)| is_number(*at, **b)).count();
    text.split_at_checked(len).filter(|(digits, _)| !digits.is_empty())
}

/// `50.597142857s.`, `1m26.4s`, `1 seconds`, `2 hours and 5 minutes`.
fn duration(text: &[u8]) -> Option<i64> {
    let end = text.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'.'));
    let word = text.get(..end.unwrap_or(text.len()))?;
    let word = word.strip_suffix(b".").unwrap_or(word);
    if let Some(nanos) = reset::span(word) {
        return Some(nanos);
    }
    let (mut total, mut rest, mut smaller_than) = (0_i128, text, i128::MAX);
    while let Some((nanos, unit, behind)) = part(rest).filter(|(_, unit, _)| *unit < smaller_than) {
        (total, smaller_than, rest) = (total.checked_add(nanos)?, unit, behind);
        let Some(next) = BETWEEN.iter().find_map(|word| rest.strip_prefix(word.as_bytes())) else {
            break;
        };
        rest = next;
    }
    i64::try_from(total).ok().filter(|_| smaller_than < i128::MAX)
}

/// `20 minutes`: how long that is and its unit, in nanoseconds, and what stands behind it.
fn part(text: &[u8]) -> Option<(i128, i128, &[u8])> {
    let (digits, rest) = number(text)?;
    let rest = rest.trim_ascii_start();
    let unit = UNITS.iter().find(|(name, _)| rest.starts_with(name.as_bytes()))?.1;
    let nanos = number::decimal(digits).ok()?.checked_mul(unit)? / i128::from(NANOS_PER_S);
    let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    Some((nanos, unit, rest.get(letters..)?))
}

/// `03:14:17`, and behind days `1.03:14:17`, as .NET writes a span of time.
fn clock(text: &[u8]) -> Option<i64> {
    let end = text.iter().position(|b| !(b.is_ascii_digit() || b".:".contains(b)));
    let word = str::from_utf8(text.get(..end.unwrap_or(text.len()))?).ok()?;
    let word = word.trim_end_matches('.');
    let (hours, rest) = word.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':')?;
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let read = |digits: &str| digits.parse::<u32>().ok().map(i64::from);
    let hours = read(days)?.checked_mul(24)?.checked_add(read(hours)?)?;
    let seconds = hours.checked_mul(3600)?.checked_add(read(minutes)? * 60 + read(seconds)?)?;
    seconds.checked_mul(NANOS_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_read_in_the_units_they_are_written_in() {
        for (text, seconds) in [
            ("Please try again in 50.597142857s. Visit", 50.597_142_857),
            ("please try again after 1 seconds", 1.0),
            ("Please retry in 48.939935699s.\",", 48.939_935_699),
            ("try again in 1m26.4s", 86.4),
            ("Please try again in 20 minutes.", 1200.0),
            ("try again in 846ms", 0.846),
            ("Rate limit is exceeded. Try again in 26 seconds.", 26.0),
            ("Try again in 13 hours 56 minutes.", 50_160.0),
            ("try again in 2 minutes and 30 seconds", 150.0),
            ("try again in 2 days, 3 hours, and 4 minutes.", 183_840.0),
            ("try again in 1 minute 5 hours ago", 60.0),
            ("Quota will be replenished in 03:14:17.", 11_657.0),
            ("Quota will be replenished in 1.03:14:17.", 98_057.0),
        ] {
            let wait = u64::try_from(wait(text.as_bytes()).unwrap()).unwrap();
            let wait = std::time::Duration::from_nanos(wait).as_secs_f64();
            assert!((wait - seconds).abs() < 1e-5, "{text}: {wait}");
        }
        assert_eq!(wait(b"Please try again after 14:30:00 UTC."), None);
        assert_eq!(wait(b"try again in a while"), None);
        assert_eq!(wait(b"Please try again later"), None);
    }

    #[test]
    fn a_request_above_the_limit_is_told_from_one_that_has_to_wait() {
        assert!(asks_too_much(b"(TPM): Limit 7000, Used 0, Requested ~12903. Please"));
        assert!(!asks_too_much(b"(RPM): Limit 30, Used 30, Requested 1. Please"));
    }
}
