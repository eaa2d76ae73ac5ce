//! How much is written to the terminal. The exact figures are the benchmarks'
//! business; here only what would make a slow link unusable fails.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, never, select, tick};

use crate::console::{Console, Launch, PATIENCE, append};
use crate::logs;

const TIME: Duration = Duration::from_secs(8);

#[test]
fn an_idle_screen_and_a_busy_one_write_little() {
    let launch = Launch::new(&["gateway.log"]);
    let log = launch.home().join("gateway.log");
    append(&log, &(0..50).map(|number| logs::call(number, "0.001")).collect::<Vec<_>>());
    let mut console = launch.start();
    console.wait_for("gpt-4o", PATIENCE);
    let idle = bytes_per_s(&mut console, &never(), || {});
    let mut number = 50;
    let busy = bytes_per_s(&mut console, &tick(Duration::from_millis(100)), || {
        append(&log, &(number..number + 50).map(|n| logs::call(n, "0.001")).collect::<Vec<_>>());
        number += 50;
    });
    println!("bytes a second at 80x24: {idle} idle, {busy} at 500 lines a second");
    assert!(idle < 1000, "{idle} B/s idle");
    assert!(busy < 8000, "{busy} B/s under load");
    assert!(idle > 0 && busy > 0, "the clock at least must go on");
    console.send("q");
    assert_eq!(console.end(PATIENCE).status, Ok(0));
}

fn bytes_per_s(console: &mut Console, beat: &Receiver<Instant>, mut act: impl FnMut()) -> u64 {
    let before = console.bytes().len();
    let over = after(TIME);
    loop {
        select! {
            recv(beat) -> _ => act(),
            recv(over) -> _ => break,
        }
    }
    u64::try_from(console.bytes().len() - before).unwrap() / TIME.as_secs()
}
