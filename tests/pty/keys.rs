//! Keys over a log that grows while it is watched.

use std::path::PathBuf;

use crate::console::{Console, ESC, Launch, PATIENCE, append};
use crate::logs;

/// A console over a log of some calls, and the log.
fn watching() -> (Console, PathBuf) {
    let launch = Launch::new(&["gateway.log"]);
    let log = launch.home().join("gateway.log");
    append(&log, &(0..20).map(|number| logs::call(number, "0.001")).collect::<Vec<_>>());
    let mut console = launch.start();
    console.wait_for("gpt-4o", PATIENCE);
    (console, log)
}

fn quits_well(mut console: Console, keys: &str) -> String {
    console.send(keys);
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""), "{keys:?}");
    ended.screen
}

#[test]
fn rows_appear_as_the_log_grows_and_q_leaves_a_clean_screen() {
    let (mut console, log) = watching();
    assert!(!console.screen().contains("o9-later"), "{}", console.screen());
    append(&log, &(20..40).map(|number| logs::call_of("o9-later", number)).collect::<Vec<_>>());
    console.wait_for("o9-later", PATIENCE);
    assert_eq!(quits_well(console, "q").trim(), "");
}

#[test]
fn ctrl_c_quits() {
    let (console, _log) = watching();
    quits_well(console, "\x03");
}

#[test]
fn capital_q_leaves_the_last_screen_as_evidence() {
    let (mut console, _log) = watching();
    console.wait_for("LIMITS", PATIENCE);
    let screen = quits_well(console, "Q");
    assert!(screen.contains("LIMITS") && screen.contains("gpt-4o"), "{screen}");
}

#[test]
fn esc_closes_but_never_quits() {
    let (mut console, _log) = watching();
    console.send("\t");
    console.wait_for("\u{25b8}", PATIENCE);
    console.send("\x1b");
    console.wait_gone("\u{25b8}", PATIENCE);
    console.send(&format!("{ESC}?"));
    console.wait_for("HELP", PATIENCE);
    console.send("\x1b");
    console.wait_gone("HELP", PATIENCE);
    assert!(console.is_alive());
    quits_well(console, "q");
}

#[test]
fn the_filter_keeps_what_matches_and_esc_takes_it_back() {
    let (mut console, log) = watching();
    append(&log, &(20..40).map(|number| logs::call_of("o9-other", number)).collect::<Vec<_>>());
    console.wait_for("o9-other", PATIENCE);
    console.send("/o9-other\r");
    console.wait_for("filter /o9-other", PATIENCE);
    console.wait_gone("gpt-4o ", PATIENCE);
    console.send("\x1b");
    console.wait_for("gpt-4o ", PATIENCE);
    console.wait_gone("filter /", PATIENCE);
    // What is typed into the filter is text, also where it would be a key.
    console.send("/q");
    console.wait_for("/q_", PATIENCE);
    assert!(console.is_alive());
    quits_well(console, "\x03");
}

#[test]
fn a_pause_holds_the_rows_and_counts_on() {
    let (mut console, log) = watching();
    console.send("p");
    console.wait_for("PAUSED +0 events", PATIENCE);
    append(&log, &(20..50).map(|number| logs::call_of("o9-later", number)).collect::<Vec<_>>());
    console.wait_for("PAUSED +30 events", PATIENCE);
    // The first two rows stay true to the moment.
    let rows: String = console.screen().lines().skip(2).collect();
    assert!(!rows.contains("o9-later"), "{}", console.screen());
    console.send("p");
    console.wait_for("o9-later", PATIENCE);
    console.wait_gone("PAUSED", PATIENCE);
    quits_well(console, "q");
}

#[test]
fn a_megabyte_of_paste_and_garbage_does_nothing() {
    let (mut console, _log) = watching();
    let paste = format!("\x1b[200~{}\x1b[201~", "!t\rq\x03".repeat(200_000));
    console.send(&paste);
    console.send("\x1b[<0;10;10M\x1b[M !!\x1b[?1;2c\x1bP1$r0m\x1b\\");
    console.send(&format!("{ESC}?"));
    console.wait_for("HELP", PATIENCE);
    assert!(!console.screen().contains("TRIP"), "{}", console.screen());
    quits_well(console, "\x03");
}
