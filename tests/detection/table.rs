//! The table of detection. A row says of a sample which of its lines, each by itself,
//! are taken by which format. Lines that are not listed are of no format: blank, for
//! people, parts of a record over several lines, or of a format that has no map yet.

/// Sample; format and lines. `whole` is a file whose lines say nothing alone.
pub const SAMPLES: &[(&str, &[(&str, &str)])] = &[];

/// Formats of text whose patterns both fit the same line: the earlier map takes it.
pub const ORDER_DECIDES: &[[&str; 2]] = &[["uvicorn", "vllm"], ["sdk-python", "sdk-debug"]];
