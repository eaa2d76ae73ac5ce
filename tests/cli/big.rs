//! Lines that are too much: deep, long, wide. They count, in bounded memory.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use super::contract;
use super::sandbox::Sandbox;

const MIB: u64 = 1024 * 1024;
/// What reading may add to what the program needs anyway.
const GROWTH: u64 = 32 * MIB;

fn call(cost: &str, extra: &str) -> String {
    format!(
        "{{\"ts\":\"2026-01-03T00:00:00Z\",{extra}\"key\":\"k\",\"model\":\"m\",\"prompt_tokens\":1,\"completion_tokens\":1,\"cost\":{cost},\"status\":200}}"
    )
}

/// `once --json` over a log between two canaries; its memory must stay bounded.
fn once(write: impl FnOnce(&mut dyn Write)) -> Value {
    let sandbox = Sandbox::new();
    let path = sandbox.path("big.log");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    writeln!(file, "{}", call("0.01", "")).unwrap();
    write(&mut file);
    writeln!(file, "{}", call("0.01", "")).unwrap();
    file.flush().unwrap();
    let small = sandbox.file("small.log", format!("{}\n", call("0.01", "")));
    let (_, least) = run(&sandbox, &small);
    let (snapshot, peak) = run(&sandbox, &path);
    assert_eq!(contract::snapshot(&snapshot), [""; 0]);
    let grown = peak.saturating_sub(least);
    assert!(grown < GROWTH, "memory grew by {} MiB", grown / MIB);
    let source = &snapshot["sources"][0];
    let bytes = source["bytes"].as_u64().unwrap() + source["pending_bytes"].as_u64().unwrap();
    assert_eq!(bytes, fs::metadata(&path).unwrap().len(), "bytes add up");
    snapshot
}

/// The snapshot, and the most memory that was resident.
fn run(sandbox: &Sandbox, log: &PathBuf) -> (Value, u64) {
    let mut command = sandbox.command();
    command.args(["once", "--json"]).arg(log).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    (serde_json::from_slice(&output.stdout).unwrap(), peak)
}

#[track_caller]
fn expect(snapshot: &Value, requests: u64, quarantined: u64, cost: &str) {
    let totals = &snapshot["totals"];
    let found = (totals["requests"].as_u64(), totals["quarantined"].as_u64());
    assert_eq!(found, (Some(requests), Some(quarantined)), "{totals}");
    assert_eq!(totals["cost_usd"], cost);
}

#[test]
fn brackets_nested_a_hundred_thousand_deep_hide_no_cost() {
    const DEEP: usize = 100_000;
    let arrays = format!("\"note\":{}{},", "[".repeat(DEEP), "]".repeat(DEEP));
    let objects = format!("\"note\":{}1{},", "{\"a\":".repeat(DEEP), "}".repeat(DEEP));
    let shallow = format!("\"note\":{}{},", "[".repeat(200), "]".repeat(200));
    let never_closed = call("0.5", &format!("\"note\":{},", "[".repeat(DEEP)));
    let snapshot = once(|log| {
        for note in [&arrays, &objects, &shallow] {
            writeln!(log, "{}", call("0.25", note)).unwrap();
        }
        writeln!(log, "{never_closed}").unwrap();
    });
    // The one that is never closed swallows its own cost: it is set aside.
    expect(&snapshot, 5, 1, "0.770000");
}

#[test]
fn a_string_of_fifty_megabytes_before_or_after_the_cost_hides_it_not() {
    let text = vec![b'x'; 50 * MIB as usize];
    let snapshot = once(|log| {
        log.write_all(b"{\"ts\":\"2026-01-03T00:00:00Z\",\"metadata\":\"").unwrap();
        log.write_all(&text).unwrap();
        log.write_all(b"\",\"key\":\"k\",\"model\":\"m\",\"cost\":0.25,\"status\":200}\n").unwrap();
        log.write_all(b"{\"ts\":\"2026-01-03T00:00:00Z\",\"key\":\"k\",\"model\":\"m\",\"cost\":0.5,\"status\":200,\"metadata\":\"").unwrap();
        log.write_all(&text).unwrap();
        log.write_all(b"\"}\n").unwrap();
    });
    expect(&snapshot, 4, 0, "0.770000");
}

#[test]
fn a_hundred_megabytes_without_a_newline_are_one_alarm_and_no_end() {
    let block = vec![b'z'; MIB as usize];
    let snapshot = once(|log| {
        (0..100).for_each(|_| log.write_all(&block).unwrap());
        log.write_all(b"\n").unwrap();
    });
    let totals = &snapshot["totals"];
    assert_eq!((&totals["requests"], &totals["cost_usd"]), (&2.into(), &"0.020000".into()));
    let told = totals["quarantined"].as_u64().unwrap() + totals["faults"].as_u64().unwrap();
    assert_eq!(told, 1, "{totals}");
}

#[test]
fn a_line_of_eight_megabytes_is_nothing_special() {
    let note = format!("\"note\":\"{}\",", "y".repeat(8 * MIB as usize));
    expect(&once(|log| writeln!(log, "{}", call("1.5", &note)).unwrap()), 3, 0, "1.520000");
}

#[test]
fn a_hundred_thousand_fields_are_read_past() {
    let fields: String = (0..100_000).map(|n| format!("\"field{n}\":{n},")).collect();
    expect(&once(|log| writeln!(log, "{}", call("1.5", &fields)).unwrap()), 3, 0, "1.520000");
}

#[test]
fn many_lines_leave_memory_flat() {
    let line = format!("{}\n", call("0.000001", ""));
    let thousand = line.repeat(1000);
    let snapshot = once(|log| {
        (0..200).for_each(|_| log.write_all(thousand.as_bytes()).unwrap());
    });
    expect(&snapshot, 200_002, 0, "0.220000");
}

#[test]
fn more_keys_than_are_kept_lose_no_spend() {
    let snapshot = once(|log| {
        for n in 0..100_000 {
            let line = call("0.001", "").replace("\"k\"", &format!("\"key-{n}\""));
            writeln!(log, "{line}").unwrap();
        }
    });
    expect(&snapshot, 100_002, 0, "100.020000");
}
