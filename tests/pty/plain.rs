//! Terminals that can do less, and no terminal at all.

use std::process::Command;

use crate::bytes::colors;
use crate::console::{Ended, Launch, PATIENCE, append};
use crate::logs;

/// The bytes of a short look at a log with a warning in it.
fn look(prepare: impl Fn(Launch) -> Launch, flags: &[&str]) -> Ended {
    let words = [flags, &["gateway.log"]].concat();
    let launch = prepare(Launch::new(&words));
    let log = launch.home().join("gateway.log");
    let calls = (0..40).map(|number| {
        let call = logs::call(number, "0.001");
        if number % 2 == 0 { call.replace("\"status\":200", "\"status\":429") } else { call }
    });
    append(&log, &calls.collect::<Vec<_>>());
    let mut console = launch.start();
    console.wait_for("gpt-4o", PATIENCE);
    console.send("?");
    console.wait_for("HELP", PATIENCE);
    console.send("\x03");
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status.clone(), ended.left_behind.as_str()), (Ok(0), ""));
    ended
}

#[test]
fn there_are_colours_unless_asked_otherwise() {
    assert_ne!(colors(&look(|launch| launch, &[]).bytes), [""; 0]);
    assert_eq!(colors(&look(|launch| launch, &["--no-color"]).bytes), [""; 0]);
    assert_eq!(colors(&look(|launch| launch.env("NO_COLOR", "1"), &[]).bytes), [""; 0]);
}

/// Without colours the marks that remain must remain: bold and reversed.
#[test]
fn no_color_keeps_the_other_attributes() {
    let ended = look(|launch| launch.env("NO_COLOR", "1"), &[]);
    let text = String::from_utf8(ended.bytes).unwrap();
    assert!(text.contains("\x1b[1m"), "{text:?}");
}

#[test]
fn ascii_terminals_get_ascii() {
    for (prepare, flags) in [
        ((|launch| launch) as fn(Launch) -> Launch, &["--ascii"][..]),
        (|launch| launch.env("LC_ALL", "C"), &[]),
        (|launch| launch.env("LANG", "de_DE.ISO-8859-1"), &[]),
    ] {
        assert!(look(prepare, flags).bytes.is_ascii(), "{flags:?}");
    }
    assert!(!look(|launch| launch, &[]).bytes.is_ascii(), "UTF-8 is used where it can be");
}

#[test]
fn a_terminal_that_cannot_draw_is_told_so() {
    for term in ["dumb", ""] {
        let ended = Launch::new(&["gateway.log"]).env("TERM", term).start().end(PATIENCE);
        assert_eq!(ended.status, Ok(64), "{term:?}");
        assert!(ended.screen.contains("TERM") && ended.screen.contains("once"), "{}", ended.screen);
        assert!(!ended.bytes.contains(&0x1b));
    }
}

/// With the log on standard input, keys come from the terminal all the same.
#[test]
fn keys_work_while_standard_input_is_something_else() {
    for script in ["\"$0\" gateway.log </dev/null", "cat gateway.log | \"$0\" -"] {
        let tripline = env!("CARGO_BIN_EXE_tripline");
        let launch = Launch::program("sh", &["-c", script, tripline]);
        let log = launch.home().join("gateway.log");
        append(&log, &(0..40).map(|number| logs::call(number, "0.001")).collect::<Vec<_>>());
        let mut console = launch.start();
        console.wait_for("gpt-4o", PATIENCE);
        console.send("?");
        console.wait_for("HELP", PATIENCE);
        console.send("q");
        let ended = console.end(PATIENCE);
        assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""), "{script}");
    }
}

#[test]
fn without_a_terminal_it_says_what_to_use_instead() {
    let home = tempfile::tempdir().unwrap();
    for words in [&["gateway.log"][..], &["demo"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_tripline"))
            .args(words)
            .env_clear()
            .envs([("TERM", "xterm"), ("HOME", home.path().to_str().unwrap())])
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("not a terminal") && said.contains("once"), "{said}");
        assert!(output.stdout.is_empty());
    }
}
