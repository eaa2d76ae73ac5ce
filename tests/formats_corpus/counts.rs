//! What a call used and cost, where several parts of a line tell of it or one tells nothing.

use crate::gateway_variants::check;

#[test]
fn a_cost_that_could_not_be_worked_out_is_none() {
    let line = |cost: &str, why: &str| {
        format!(
            r#"{{"litellm_call_id":"c","call_type":"acompletion","startTime":1795187476.0,"endTime":1795187477.0,"status":"success",
"model":"in-house","prompt_tokens":100,"completion_tokens":10,"response_cost":{cost},"response_cost_failure_debug_info":{why}}}"#
        )
    };
    let unmapped = r#"{"error_str":"This model isn't mapped yet","model":"in-house"}"#;
    check(&[
        (
            &line("0.0", unmapped),
            "litellm-standard /in-house 200 in:100 out:10 ms:1000.0 end:477000",
        ),
        // Free as its owner has it, and what is known all the same.
        (
            &line("0.0", "null"),
            "litellm-standard /in-house 200 in:100 out:10 nano:0 ms:1000.0 end:477000",
        ),
        (
            &line("0.5", unmapped),
            "litellm-standard /in-house 200 in:100 out:10 nano:500000000 ms:1000.0 end:477000",
        ),
    ]);
}
