//! A long line that is kept, because its parts tell less than the whole.

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

    /// Keeps a line that begins so, if it may be of records.
    pub(in crate::decode) fn begin(&mut self, part: &[u8]) -> bool {
        let start = part.trim_ascii_start();
        let may_be =
            start.starts_with(b"{") || start.starts_with(b"[{") || prefix::peel(start).is_some();
        self.0 = may_be.then(|| part.to_vec());
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
