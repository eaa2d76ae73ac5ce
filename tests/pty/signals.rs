//! Whatever ends or stops the process, the terminal is given back.

use rustix::process::{Pid, Signal, kill_process};

use crate::console::{Console, Launch, PATIENCE, Stat, append, in_session, until};
use crate::logs;

fn launch(program: impl Fn(&[&str]) -> Launch) -> Console {
    let launch = program(&["gateway.log"]);
    let log = launch.home().join("gateway.log");
    append(&log, &(0..20).map(|number| logs::call(number, "0.001")).collect::<Vec<_>>());
    let mut console = launch.start();
    console.wait_for("gpt-4o", PATIENCE);
    console
}

fn watching() -> Console {
    launch(|args| Launch::new(args))
}

#[test]
fn signals_end_it_with_the_terminal_restored() {
    for (signal, name) in [
        (Signal::TERM, "Terminated"),
        (Signal::INT, "Interrupt"),
        (Signal::HUP, "Hangup"),
        (Signal::QUIT, "Quit"),
    ] {
        let console = watching();
        console.signal(signal);
        let ended = console.end(PATIENCE);
        assert_eq!(ended.status, Err(name.to_owned()));
        assert_eq!(ended.left_behind, "", "{name}");
        assert_eq!(ended.screen.trim(), "", "{name}");
    }
}

#[test]
fn a_signal_ends_the_demo_and_its_directory() {
    let mut console = Launch::new(&["demo"]).start();
    console.wait_for("KILL armed", PATIENCE);
    console.signal(Signal::TERM);
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Err("Terminated".into()), ""));
}

/// As a shell does it: the job stops, the shell goes on, `fg` brings it back.
#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let script = "set -m; \"$0\" \"$@\"; echo the shell is back; read line; fg >/dev/null";
    let mut console = launch(|args| {
        let tripline = env!("CARGO_BIN_EXE_tripline");
        let words = [&["-c", script, tripline], args].concat();
        Launch::program("sh", &words)
    });
    console.send("\x1a");
    console.wait_for("nothing is watched until it goes on", PATIENCE);
    console.wait_for("the shell is back", PATIENCE);
    assert_eq!(console.modes_left(), "");
    assert!(console.modes_are_restored());
    assert!(in_session(console.pid()).iter().any(|process| process.ends_with(" tripline")));

    let before = console.bytes().len();
    console.send("\n");
    console.wait_for("gpt-4o", PATIENCE);
    console.wait_gone("the shell is back", PATIENCE);
    let again = String::from_utf8_lossy(console.bytes_since(before)).into_owned();
    assert!(again.contains("\x1b[?1049h") && again.contains("\x1b[2J"), "{again:?}");
    console.send("q");
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""));
}

/// A console that is its own session has no shell to go back to: stopped by a
/// key it could never be continued, and nothing would watch the limits.
#[test]
fn ctrl_z_without_a_shell_does_not_stop_it() {
    let mut console = watching();
    console.send("\x1a");
    console.wait_for("no shell to go back to", PATIENCE);
    console.send("q");
    assert_eq!(console.end(PATIENCE).status, Ok(0));
}

#[test]
fn a_stop_from_outside_restores_and_continuing_repaints() {
    let mut console = watching();
    console.signal(Signal::TSTP);
    until("it to stop", PATIENCE, || state(console.pid()) == Some('T'));
    until("the screen to be left", PATIENCE, || console.modes_left().is_empty());
    assert!(console.modes_are_restored());
    let before = console.bytes().len();
    console.signal(Signal::CONT);
    console.wait_for("gpt-4o", PATIENCE);
    let again = String::from_utf8_lossy(console.bytes_since(before)).into_owned();
    assert!(again.contains("\x1b[?1049h") && again.contains("\x1b[2J"), "{again:?}");
    assert!(console.terminal().alternate_screen() && console.terminal().bracketed_paste());
    console.send("q");
    let ended = console.end(PATIENCE);
    assert_eq!((ended.status, ended.left_behind.as_str()), (Ok(0), ""));
}

#[test]
fn a_connection_that_drops_ends_it_without_a_spin() {
    let mut console = watching();
    let before = console.ticks_used().expect("it runs");
    console.hang_up();
    let mut used = before;
    until("its end", PATIENCE, || {
        used = console.ticks_used().unwrap_or(used);
        !console.is_alive()
    });
    // Hundredths of a second; a spin for the time allowed would be 200.
    assert!(used - before < 30, "{} ticks", used - before);
}

#[test]
fn a_dropped_connection_that_sends_no_signal_ends_it_as_well() {
    // The shell takes the hang-up of the session on itself and ignores it for
    // the console, as `nohup` does.
    let script = "trap '' HUP; \"$0\" \"$@\"";
    let mut console = launch(|args| {
        let tripline = env!("CARGO_BIN_EXE_tripline");
        let words = [&["-c", script, tripline], args].concat();
        Launch::program("sh", &words)
    });
    console.hang_up();
    until("its end", PATIENCE, || !console.is_alive());
}

fn state(pid: Pid) -> Option<char> {
    Stat::read(pid.as_raw_nonzero().get()).map(|stat| stat.state())
}

#[test]
fn a_second_signal_while_it_ends_does_no_harm() {
    let console = watching();
    console.signal(Signal::TERM);
    let _ = kill_process(console.pid(), Signal::INT);
    let ended = console.end(PATIENCE);
    assert!(ended.status.is_err(), "{:?}", ended.status);
    assert_eq!(ended.left_behind, "");
}
