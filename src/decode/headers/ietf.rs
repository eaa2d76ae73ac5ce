//! Policies and states that stand inside values: the IETF `RateLimit` fields of
//! every draft, Envoy's `10, 10;w=1`, Helicone's `1000;w=3600;u=requests`.
//!
//! Lenient where the wild is (a quoted string among the parameters), strict in
//! numbers. It knows nothing of headers around the value.

use super::draft;
use crate::domain::{Amount, Resource};
use crate::scan::number;

/// One member of such a list. What it does not say is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// Name of the policy, quoted or a token.
    pub name: Option<&'a [u8]>,
    /// The number in front, the quota of old policies.
    pub head: Option<Amount>,
    pub quota: Option<Amount>,
    pub remaining: Option<Amount>,
    /// Seconds until the window turns.
    pub reset: Option<&'a [u8]>,
    pub window_s: Option<u32>,
    pub unit: Option<&'a [u8]>,
    /// It is about one of several that each have such a quota.
    pub is_part: bool,
    /// Some parameter held no number where one belongs.
    pub broken: bool,
}

/// Reads the members of a list, separated by commas.
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = Member<'_>> {
    pieces(value, b',').filter(|piece| !piece.is_empty()).map(member)
}

/// Whether it is a list of members, each of which begins with a name or a number: what
/// else holds assignments is draft 07's dictionary.
pub(super) fn is_list(value: &[u8]) -> bool {
    let first = value.iter().find(|b| matches!(b, b'"' | b';' | b'='));
    first.is_some_and(|b| *b != b'=')
}

/// Reads `limit=100, remaining=50, reset=5`, the dictionary of draft 07.
pub(super) fn dictionary(value: &[u8]) -> Option<Member<'_>> {
    let mut whole = Member::default();
    for piece in pieces(value, b',') {
        let (key, text) = assignment(piece)?;
        match key {
            b"limit" => whole.quota = amount(text, &mut whole.broken),
            b"remaining" => whole.remaining = signed(text, &mut whole.broken),
            b"reset" => whole.reset = Some(text),
            _ => {}
        }
    }
    let says_nothing = whole == Member::default();
    Some(Member { broken: whole.broken || says_nothing, ..whole })
}

/// What a quota unit counts, and how many of it make one of ours.
pub(super) fn unit(name: &[u8]) -> (Resource, u32) {
    match name {
        b"requests" | b"request" => (Resource::Requests, 1),
        b"tokens" | b"token" => (Resource::Tokens, 1),
        b"content-bytes" => (Resource::ContentBytes, 1),
        b"concurrent-requests" => (Resource::Concurrency, 1),
        // Our spend is dollars.
        b"cents" | b"cent" => (Resource::Spend, 100),
        b"usd" | b"dollars" => (Resource::Spend, 1),
        _ => (Resource::Other, 1),
    }
}

fn member(piece: &[u8]) -> Member<'_> {
    let mut member = Member::default();
    for (index, item) in pieces(piece, b';').enumerate() {
        if let Some(name) = quoted(item) {
            // HF puts "fixed window" in front of the name; the later one counts.
            member.name = Some(name);
        } else if let Some((key, text)) = assignment(item) {
            let broken = &mut member.broken;
            match key {
                b"q" => member.quota = amount(text, broken),
                b"r" => member.remaining = signed(text, broken),
                b"t" => member.reset = Some(text),
                b"w" => member.window_s = seconds(text, broken),
                b"pk" => member.is_part = true,
                b"qu" | b"u" => member.unit = Some(quoted(text).unwrap_or(text)),
                _ => {}
            }
        } else if index == 0 && item.first().is_some_and(u8::is_ascii_alphabetic) {
            member.name = Some(item);
        } else if index == 0 {
            member.head = amount(item, &mut member.broken);
        }
    }
    member
}

fn amount(text: &[u8], broken: &mut bool) -> Option<Amount> {
    let read = signed(text, broken).filter(|count| count.0 >= 0);
    *broken |= read.is_none();
    read
}

/// What is left: below zero it is an overdraft.
fn signed(text: &[u8], broken: &mut bool) -> Option<Amount> {
    let read = draft::count(text);
    *broken |= read.is_none();
    read
}

fn seconds(text: &[u8], broken: &mut bool) -> Option<u32> {
    let read = number::unsigned(text).and_then(|count| u32::try_from(count).ok());
    *broken |= read.is_none();
    read.filter(|seconds| *seconds > 0)
}

fn assignment(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = item.iter().position(|b| *b == b'=')?;
    let (key, value) = item.split_at_checked(at)?;
    Some((key.trim_ascii(), value.get(1..)?.trim_ascii()))
}

fn quoted(item: &[u8]) -> Option<&[u8]> {
    item.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Splits at a separator, but not inside quotes.
fn pieces(value: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut in_quotes, mut is_escaped) = (false, false);
    value
        .split(move |b| {
            in_quotes ^= *b == b'"' && !is_escaped;
            is_escaped = in_quotes && *b == b'\\' && !is_escaped;
            !in_quotes && *b == separator
        })
        .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_and_new_drafts_are_read() {
        let all: Vec<_> = members(b"10, 10;w=1, 100;w=60").collect();
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].head, all[0].window_s), (Some(Amount::whole(10)), None));
        assert_eq!((all[2].head, all[2].window_s), (Some(Amount::whole(100)), Some(60)));
        let state = members(b"\"sliding, fast\";r=50;t=44").next().unwrap();
        assert_eq!(state.name, Some(&b"sliding, fast"[..]));
        assert_eq!((state.remaining, state.reset), (Some(Amount::whole(50)), Some(&b"44"[..])));
        let whole = dictionary(b"limit=100, remaining=50, reset=5").unwrap();
        assert_eq!(
            (whole.quota, whole.remaining),
            (Some(Amount::whole(100)), Some(Amount::whole(50)))
        );
    }

    #[test]
    fn what_is_not_quite_a_structured_field_is_still_read() {
        let hub = members(b"\"fixed window\";\"api\";q=500;w=300").next().unwrap();
        assert_eq!(
            (hub.name, hub.quota, hub.window_s),
            (Some(&b"api"[..]), Some(Amount::whole(500)), Some(300))
        );
        let bytes = members(b"\"peruser\";q=65535;qu=\"content-bytes\";w=10;pk=:sdfjLJUOUH==:")
            .next()
            .unwrap();
        assert_eq!(bytes.unit.map(unit), Some((Resource::ContentBytes, 1)));
        assert!(members(b"\"x\";q=lots;w=-1").next().unwrap().broken);
    }
}
