//! Applications, model servers, and wrappers around any log.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample { sample: "wrap_docker_json_file.jsonl", expect: "wrap_docker_json_file.json", overlook: &[] },
    Sample { sample: "wrap_cri.log", expect: "wrap_cri.json", overlook: &[] },
    Sample { sample: "wrap_journald.jsonl", expect: "wrap_journald.json", overlook: &[] },
    Sample { sample: "wrap_prefixes.log", expect: "wrap_prefixes.json", overlook: &[] },
    Sample { sample: "wrap_syslog_rfc3164.log", expect: "wrap_syslog_rfc3164.json", overlook: &[] },
    Sample { sample: "wrap_cloudwatch.jsonl", expect: "wrap_cloudwatch.json", overlook: &[] },
    Sample { sample: "wrap_gcp_logging.jsonl", expect: "wrap_gcp_logging.json", overlook: &[] },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
