//! Durations as Go prints them, which is what most rate-limit headers carry.

/// Nanoseconds of `1m26.4s`, `782.333333ms`, `83h10m39.057s`, `1d2h`, `59µs`,
/// `0s`. The whole text must fit: `1m` is a minute and never the start of `1ms`.
/// Units in any case; a number without a unit is no duration.
#[must_use]
pub fn go_duration(raw: &[u8]) -> Option<i64> {
    let (negative, mut rest) = match raw.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, raw),
    };
    let mut total = 0_i128;
    loop {
        let (nanos, after) = part(rest)?;
        total = total.checked_add(nanos)?;
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

/// One number with its unit; digits below a nanosecond are dropped.
fn part(text: &[u8]) -> Option<(i128, &[u8])> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.split_first() {
        Some((b'.', rest)) => digits(rest),
        _ => (&[][..], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let letters = rest.iter().take_while(|byte| !byte.is_ascii_digit() && **byte != b'.').count();
    let (name, rest) = rest.split_at_checked(letters)?;
    let unit = unit(name)?;
    let mut nanos = 0_i128;
    for digit in whole {
        nanos = nanos.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    nanos = nanos.checked_mul(unit)?;
    let mut weight = unit;
    let mut scaled = 0_i128;
    // Eighteen digits below the unit are far below a nanosecond for all of them.
    for digit in fraction.iter().take(18) {
        scaled = scaled * 10 + i128::from(digit - b'0');
        weight *= 10;
    }
    let below = if weight == unit { 0 } else { scaled * unit / (weight / unit) };
    Some((nanos.checked_add(below)?, rest))
}

fn unit(name: &[u8]) -> Option<i128> {
    const UNITS: [(&[u8], i128); 9] = [
        (b"s", 1_000_000_000),
        (b"ms", 1_000_000),
        (b"m", 60_000_000_000),
        (b"h", 3_600_000_000_000),
        (b"us", 1_000),
        ("µs".as_bytes(), 1_000),
        ("μs".as_bytes(), 1_000),
        (b"ns", 1),
        (b"d", 86_400_000_000_000),
    ];
    UNITS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, nanos)| *nanos)
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text.split_at_checked(count).unwrap_or((text, &[]))
}
