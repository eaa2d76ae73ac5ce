//! Session files and telemetry of coding agents.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
