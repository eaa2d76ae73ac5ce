//! Applications, model servers, and wrappers around any log.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
