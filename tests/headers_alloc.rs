//! Reading headers happens on every log line: once warm, it must not allocate.

#![allow(clippy::unwrap_used, reason = "helpers of tests; a panic is a failed test")]
#![allow(unsafe_code, reason = "an allocator that counts can't be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tripline::decode::headers::{HeaderBag, HeaderContext, HeaderReader, HeaderReport};
use tripline::domain::Names;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_reader_does_not_allocate() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/headers/corpus.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let entries: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut reader = HeaderReader::new(&Names::default());
    let mut bag = HeaderBag::default();
    let mut report = HeaderReport::default();
    let mut read_all = || {
        let before = ALLOCATIONS.get();
        for entry in &entries {
            bag.clear();
            for header in entry["headers"].as_array().unwrap() {
                bag.push(header[0].as_str().unwrap(), header[1].as_str().unwrap());
            }
            let context = HeaderContext {
                status: entry["status"].as_u64().and_then(|status| status.try_into().ok()),
                provider: entry["origin"].as_str(),
                url: Some("https://api.example.com/v1"),
                body: entry["body_excerpt"].as_str().map(str::as_bytes),
                ..HeaderContext::default()
            };
            reader.read(&bag, &context, &mut report);
        }
        ALLOCATIONS.get() - before
    };
    assert!(read_all() > 0, "counting works");
    assert_eq!(read_all(), 0);
}
