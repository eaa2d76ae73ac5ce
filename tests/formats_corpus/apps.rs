//! Applications, model servers, and wrappers around any log.

use crate::check::{Sample, check};

const SAMPLES: &[Sample] = &[
    Sample {
        sample: "wrap_docker_json_file.jsonl",
        expect: "wrap_docker_json_file.json",
        overlook: &[],
    },
    Sample { sample: "wrap_cri.log", expect: "wrap_cri.json", overlook: &[] },
    Sample { sample: "wrap_journald.jsonl", expect: "wrap_journald.json", overlook: &[] },
    Sample { sample: "wrap_prefixes.log", expect: "wrap_prefixes.json", overlook: &[] },
    Sample { sample: "wrap_syslog_rfc3164.log", expect: "wrap_syslog_rfc3164.json", overlook: &[] },
    Sample { sample: "wrap_cloudwatch.jsonl", expect: "wrap_cloudwatch.json", overlook: &[] },
    Sample { sample: "wrap_gcp_logging.jsonl", expect: "wrap_gcp_logging.json", overlook: &[] },
    Sample { sample: "app_structlog.jsonl", expect: "app_structlog.json", overlook: &[] },
    // Ids in fields make nothing equal there; these have the shape of their provider's.
    Sample { sample: "app_pino.jsonl", expect: "app_pino.json", overlook: &["dedup_key"] },
    Sample { sample: "app_slog.jsonl", expect: "app_slog.json", overlook: &["dedup_key"] },
    Sample {
        sample: "app_tracing_json.jsonl",
        expect: "app_tracing_json.json",
        overlook: &["dedup_key"],
    },
    Sample { sample: "app_logfmt.log", expect: "app_logfmt.json", overlook: &["dedup_key"] },
    Sample {
        sample: "app_python_text.log",
        expect: "app_python_text.json",
        // The URL names api.openai.com, which the expectation leaves out.
        overlook: &["provider"],
    },
    Sample {
        sample: "app_tracing_text_ansi.log",
        expect: "app_tracing_text_ansi.json",
        overlook: &["dedup_key"],
    },
    Sample {
        sample: "vllm.log",
        expect: "vllm.json",
        // Its times have no year, or there is none: a line counts when it is read.
        overlook: &["at"],
    },
    Sample { sample: "sdk_python_info.log", expect: "sdk_python_info.json", overlook: &[] },
    Sample { sample: "sdk_python_debug.log", expect: "sdk_python_debug.json", overlook: &[] },
];

#[test]
fn samples_decode_to_what_is_expected() {
    check(SAMPLES);
}
