//! What transports between programs make of a line: base64, and often gzip before that.
//! It must not know what is in it.

use std::io::Read;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use flate2::read::MultiGzDecoder;

/// What is longer is not unpacked: a small text can hold very much.
const MOST: u64 = 16 << 20;
const GZIP: &[u8] = &[0x1f, 0x8b];

/// How base64 begins of an object, of a list of objects, and of gzip.
const BEGINNINGS: [&[u8]; 5] = [b"eyJ", b"eyA", b"ewo", b"W3s", b"H4sI"];

/// What came out of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Unpacked {
    /// All of it.
    Whole,
    /// It is no such text.
    Not,
    /// It is more than anybody logs.
    TooLong,
}

/// Whether a text can hardly be anything else.
pub(in crate::decode) fn is_likely(text: &[u8]) -> bool {
    text.len() >= 16 && BEGINNINGS.iter().any(|beginning| text.starts_with(beginning))
}

/// Writes what `text` holds into `out`.
pub(in crate::decode) fn unpack(text: &[u8], out: &mut Vec<u8>) -> Unpacked {
    let padding = DecodePaddingMode::Indifferent;
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    out.clear();
    if GeneralPurpose::new(&STANDARD, config).decode_vec(text, out).is_err() {
        return Unpacked::Not;
    }
    if !out.starts_with(GZIP) {
        return Unpacked::Whole;
    }
    let packed = std::mem::take(out);
    match MultiGzDecoder::new(&*packed).take(MOST).read_to_end(out) {
        Ok(_) if out.len() as u64 == MOST => Unpacked::TooLong,
        Ok(_) => Unpacked::Whole,
        Err(_) => Unpacked::Not,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text).unwrap();
        base64::engine::general_purpose::STANDARD.encode(gzip.finish().unwrap())
    }

    #[test]
    fn both_layers_come_off_within_bounds() {
        let mut out = Vec::new();
        for text in ["eyJhIjoxfQ==", "eyJhIjoxfQ", &packed(b"{\"a\":1}")] {
            assert_eq!(unpack(text.as_bytes(), &mut out), Unpacked::Whole, "{text}");
            assert_eq!(out, b"{\"a\":1}");
        }
        assert_eq!(unpack(b"no base64!", &mut out), Unpacked::Not);
        assert_eq!(unpack(packed(&[b'x'; 99]).split_at(24).0.as_bytes(), &mut out), Unpacked::Not);
        let bomb = packed(&vec![b' '; 17 << 20]);
        assert_eq!(unpack(bomb.as_bytes(), &mut out), Unpacked::TooLong);
    }
}
