//! A long line that is kept, because its parts tell nothing without the whole.

use super::otlp::Signal;
use super::prefix;

/// Bytes of a line that came in parts which are kept.
const LIMIT: usize = 8 * 1024 * 1024;

/// The line being kept, if one is.
#[derive(Debug, Default)]
pub(in crate::decode) struct Held(Option<Vec<u8>>);

impl Held {
    /// Whether a line is being kept.
    pub(in crate::decode) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    /// Keeps a line that begins so, if its parts say nothing without the whole, or it may
    /// be of `any` format.
    pub(in crate::decode) fn begin(&mut self, part: &[u8], any: bool) -> bool {
        let object = || part.trim_ascii_start().starts_with(b"{");
        self.0 = (worth_holding(part) || (any && object())).then(|| part.to_vec());
        self.is_open()
    }

    /// Keeps the next part; what was kept, if it has become too long.
    pub(in crate::decode) fn add(&mut self, part: &[u8]) -> Option<Vec<u8>> {
        let held = self.0.as_mut()?;
        held.extend_from_slice(part);
        if held.len() > LIMIT { self.0.take() } else { None }
    }

    /// The line, if it was kept as a whole.
    pub(in crate::decode) fn take(&mut self) -> Option<Vec<u8>> {
        self.0.take()
    }
}

/// Whether the parts of a long line tell nothing without the line as a whole.
fn worth_holding(part: &[u8]) -> bool {
    let start = part.trim_ascii_start();
    let carried: [&[u8]; 7] = [
        b"[{",
        b"{\"log\":",
        b"{\"MESSAGE\"",
        b"{\"message\":",
        b"{\"data\":[",
        b"{\"result\":[",
        b"{\"records\":[",
    ];
    Signal::of(start).is_some()
        || carried.iter().any(|key| start.starts_with(key))
        || prefix::peel(start).is_some()
}
