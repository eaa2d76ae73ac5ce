//! Names as they are kept: any text is somebody's name, but it must not fill
//! our memory nor pass for one of our own buckets.

use std::borrow::Cow;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// Names up to this many bytes are kept whole.
const LONGEST: usize = 256;

/// Bytes kept of a longer one.
const KEPT: usize = 64;

/// `text` as the name to keep. A long one becomes its beginning and a hash. One
/// that starts like our own `__other__` gets one more `_`, so it never is ours;
/// `__proto__` is nobody's bucket and stays.
#[must_use]
pub fn name(text: &str) -> Cow<'_, str> {
    let own = text.starts_with("__") && text != "__proto__";
    match (own, text.len() > LONGEST) {
        (false, false) => Cow::Borrowed(text),
        (true, false) => Cow::Owned(format!("_{text}")),
        (own, true) => {
            let mut end = KEPT;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let start = text.get(..end).unwrap_or_default();
            let [first, second] = [1, 2].map(|seed| hash(seed, text));
            let extra = if own { "_" } else { "" };
            Cow::Owned(format!("{extra}{start}…{first:016x}{second:016x}"))
        }
    }
}

fn hash(seed: u8, text: &str) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write_u8(seed);
    hasher.write(text.as_bytes());
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_stay() {
        for text in ["", "k1", "canary ", "../../etc/passwd", "_x", "__proto__", &"k".repeat(256)] {
            assert_eq!(name(text), text);
        }
    }

    #[test]
    fn nobody_can_take_the_name_of_a_bucket() {
        let taken = ["__other__", "__ambiguous__", "__unattributed__", "___other__", "__"];
        let kept = taken.map(|text| name(text).into_owned());
        assert_eq!(
            kept,
            ["___other__", "___ambiguous__", "___unattributed__", "____other__", "___"]
        );
    }

    #[test]
    fn long_names_stay_apart_and_become_short() {
        let long = |end: &str| format!("{}{end}", "é".repeat(40_000));
        let (one, two) = (long("a"), long("b"));
        assert_ne!(name(&one), name(&two));
        assert_eq!(name(&one), name(&one));
        assert!(name(&one).starts_with(&"é".repeat(32)) && name(&one).len() <= 100);
        assert!(name(&format!("x{one}")).len() <= 100);
        assert!(name(&format!("__{one}")).starts_with("___"));
    }
}
