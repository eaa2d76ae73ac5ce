//! A command's output, and the patience with a command that ends.

use std::io;
use std::time::Duration;

use super::Program;
use super::journal::{Follow, Journal};
use super::process::{Process, ending};
use super::tap::{Came, Flow, Tap};
use crate::domain::{Checkpoint, Mono};
use crate::source::jitter::Jitter;
use crate::source::status::SourceState;
use crate::source::{LineSink, SourceSpec};

/// How often a silent command is looked at: whether it is still there.
const LOOK: Duration = Duration::from_secs(1);
/// A command that has run for so long is well.
const WELL: Duration = Duration::from_secs(60);
/// Longest wait before the second start, and before any later one.
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(60);
/// Reading once: how long the first line may take, how long it may be quiet then,
/// and how long all may take.
const FIRST_LINE: Duration = Duration::from_secs(10);
const QUIET: Duration = Duration::from_secs(2);
const ALL: Duration = Duration::from_secs(30);

/// A command that is started again whenever it ends.
pub struct Commands {
    what: What,
    jitter: Jitter,
    /// Ends without having been well for long.
    failures: u32,
    /// Starts after the first.
    restarts: u64,
    /// What made it end, and what it said.
    trouble: Option<String>,
}

enum What {
    Argv(Vec<String>),
    Journal(Journal),
}

/// How long to read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    /// Until told to stop.
    Stopped,
    /// Until all that is there seems to have come.
    Quiet,
}

/// What ended a run.
enum Over {
    /// We were told to stop.
    Stopped,
    /// It goes on, but what there was has come.
    Quiet,
    /// It ended: well or not, and how in words.
    Ended(SourceState, String),
}

impl Commands {
    pub fn new(
        program: Program,
        spec: &SourceSpec,
        left: &[Checkpoint],
        tap: &Tap<'_>,
    ) -> Commands {
        let now = tap.now().wall;
        let what = match program {
            Program::Argv(argv) => What::Argv(argv),
            Program::Journal(units) => {
                What::Journal(Journal::new(&spec.name, units, spec.start, now, left))
            }
        };
        let jitter = Jitter::of(&spec.name, now.0);
        Commands { what, jitter, failures: 0, restarts: 0, trouble: None }
    }

    /// Run it until told to stop.
    pub fn follow(mut self, tap: &mut Tap<'_>) {
        if let What::Journal(journal) = &self.what {
            journal.beginning().into_iter().for_each(|checkpoint| tap.keep(checkpoint));
        }
        loop {
            let started = tap.now().mono;
            let (state, how) = match self.run(Until::Stopped, tap) {
                Over::Ended(state, how) => (state, how),
                Over::Stopped | Over::Quiet => return,
            };
            let was_well = tap.now().mono.since(started) >= WELL;
            let rest = self.rest(was_well);
            let times = self.restarts;
            let again = format!("{how}; started again in {} s, {times} restarts", rest.as_secs());
            tap.say(state, Some(again));
            if tap.stop.pause(rest) {
                return;
            }
            self.restarts += 1;
            self.trouble = Some(format!("{how}; started again, {} restarts", self.restarts));
        }
    }

    /// Run it for as long as it has something to say.
    pub fn once(mut self, tap: &mut Tap<'_>) {
        match self.run(Until::Quiet, tap) {
            Over::Ended(SourceState::Error, how) => tap.say(SourceState::Error, Some(how)),
            Over::Ended(..) | Over::Stopped => tap.say(SourceState::Ended, None),
            Over::Quiet => {
                let still = "was stopped where it waited for more".to_owned();
                tap.say(SourceState::Ended, Some(still));
            }
        }
    }

    /// Full jitter: anything from nothing to the back-off so far.
    fn rest(&mut self, was_well: bool) -> Duration {
        self.failures = if was_well { 1 } else { self.failures.saturating_add(1) };
        let doubled = 1u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        self.jitter.up_to(FIRST_REST.saturating_mul(doubled).min(LONGEST_REST))
    }

    fn argv(&self, until: Until) -> Vec<String> {
        match (&self.what, until) {
            (What::Argv(argv), _) => argv.clone(),
            (What::Journal(journal), Until::Stopped) => journal.argv(Follow::Yes),
            (What::Journal(journal), Until::Quiet) => journal.argv(Follow::No),
        }
    }

    fn sink(&self, tap: &mut Tap<'_>) -> Box<dyn LineSink + Send> {
        let sink = tap.sink();
        match &self.what {
            What::Argv(_) => sink,
            What::Journal(journal) => journal.marking(sink),
        }
    }

    fn run(&mut self, until: Until, tap: &mut Tap<'_>) -> Over {
        let argv = self.argv(until);
        let name = argv.first().map(String::as_str).unwrap_or_default();
        let mut process = match Process::start(&argv) {
            Ok(process) => process,
            Err(why) => return Over::Ended(SourceState::Error, not_started(name, &why)),
        };
        tap.say(SourceState::Live, self.trouble.clone());
        let mut flow = Tap::begin(self.sink(tap));
        let cut = self.read(until, &mut process, &mut flow, tap);
        match self.what {
            What::Argv(_) if cut.is_none() => tap.end(flow),
            // The next run of a journal begins after the last whole entry.
            What::Argv(_) | What::Journal(_) => tap.break_off(flow),
        }
        if let Some(over) = cut {
            return over;
        }
        let status = process.end(tap);
        let words = process.last_words().map(|words| format!(": {words}")).unwrap_or_default();
        let is_well = status.is_some_and(|status| status.success());
        let state = if is_well { SourceState::Waiting } else { SourceState::Error };
        Over::Ended(state, format!("{} {}{words}", text_of(name), ending(status)))
    }

    /// Read to the end of its output; `Some` if it was not that which ended it.
    fn read(
        &mut self,
        until: Until,
        process: &mut Process,
        flow: &mut Flow,
        tap: &mut Tap<'_>,
    ) -> Option<Over> {
        let started = tap.now().mono;
        let mut last: Option<Mono> = None;
        loop {
            let woken = tap.stop.wait(Some(&process.out), process.err.as_ref(), LOOK);
            let now = tap.now().mono;
            if woken.stop {
                return Some(Over::Stopped);
            }
            if woken.second {
                process.hear();
            }
            if woken.first {
                match tap.read(flow, &mut process.out) {
                    Ok(Came::Bytes) => last = Some(now),
                    Ok(Came::Nothing) => {}
                    Ok(Came::End) => return None,
                    Err(why) => {
                        tap.fail(why);
                        return None;
                    }
                }
            } else if now.since(last.unwrap_or(started)) >= LOOK && process.has_ended() {
                // What it left behind would hold its output open for ever, silent there
                // but perhaps not on standard error.
                process.kill();
            }
            if self.trouble.is_some() && now.since(started) >= WELL {
                self.trouble = None;
                tap.say(SourceState::Live, None);
            }
            let patience = last.map_or(FIRST_LINE, |_| QUIET);
            let quiet = now.since(last.unwrap_or(started)) >= patience;
            if until == Until::Quiet && (quiet || now.since(started) >= ALL) {
                return Some(Over::Quiet);
            }
        }
    }
}

fn not_started(name: &str, why: &io::Error) -> String {
    let name = text_of(name);
    match why.kind() {
        io::ErrorKind::NotFound => format!("{name} is not installed, or not in PATH"),
        _ => format!("{name} can't be started: {why}"),
    }
}

fn text_of(name: &str) -> String {
    crate::text::printable(name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_longer_and_longer_at_random_and_a_good_run_ends_that() {
        let mut longest = Duration::ZERO;
        for seed in 0..1000 {
            let mut commands = Commands {
                what: What::Argv(Vec::new()),
                jitter: Jitter::of("", seed),
                failures: 0,
                restarts: 0,
                trouble: None,
            };
            assert!(commands.rest(false) <= FIRST_REST);
            assert!(commands.rest(false) <= FIRST_REST * 2);
            for _ in 0..100 {
                longest = longest.max(commands.rest(false));
            }
            assert!(commands.rest(true) <= FIRST_REST);
        }
        assert!((LONGEST_REST * 9 / 10..=LONGEST_REST).contains(&longest), "{longest:?}");
    }
}
