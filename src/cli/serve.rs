//! `tripline serve`: the engine without a screen, until somebody ends it.

use std::time::Duration;

use crossbeam_channel::{never, select, tick};

use super::args::Serve;
use super::failure::{Failure, Kind};
use super::journal::Journal;
use super::live::{begin, catch, say_counted_twice};
use super::printer::Printer;
use super::setup::Context;
use crate::daemon::{self, Notifier, Server, Sign, SocketError};
use crate::runtime::{Observer, Running, Signal, Signals};
use crate::text::printable;

/// An engine that was not seen for this long is no reason to say that all is well.
const STALLED: Duration = Duration::from_secs(5);
/// How often the threads are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Run it.
pub fn run(context: &Context, args: &Serve) -> Result<(), Failure> {
    context.refuse_if_read_only()?;
    let signals = catch(Signals::ending())?;
    let mut words = Printer::stderr()?;
    let served = serve(context, args, &signals, &mut words);
    // With standard error gone there is nobody to tell.
    let _ = words.finish();
    served
}

fn serve(
    context: &Context,
    args: &Serve,
    signals: &Signals,
    words: &mut Printer,
) -> Result<(), Failure> {
    let mut tell = |text: &str| words.line(text);
    let running = begin(context, &args.paths, None, context.ledger(), &mut tell)?;
    let path = context.socket();
    let server =
        match Server::start(&path, daemon::answer(running.observer(), context.state_dir.clone())) {
            Ok(server) => server,
            Err(error) => {
                let _ = running.stop();
                return Err(no_socket(&error));
            }
        };
    let sign = context.sign();
    let sign = (sign != path).then(|| Sign::new(&sign, &path)).transpose();
    let sign = sign.unwrap_or_else(|error| {
        tell(&format!("tripline: `status` may not find the socket: {error}"));
        None
    });
    let ledger = context.ledger().map(|ledger| format!(", ledger in {}", ledger.dir.display()));
    let ledger = ledger.unwrap_or_default();
    tell(&format!("tripline: serving; socket {}{ledger}", path.display()));
    say_counted_twice(context, &args.paths, &mut tell);
    let ended = watch(context, &running, signals, words);
    // Before the ledger is let go of: what stands there from then on is another's.
    drop((server, sign));
    let last = running.stop();
    ended?;
    match last.as_ref().and_then(|snapshot| snapshot.ledger.as_ref()) {
        Some(ledger) if ledger.behind_s.is_some() => {
            let why = ledger.problem.as_deref().unwrap_or("it takes too long");
            let message = format!("not all that was counted is in the ledger: {}", printable(why));
            Err(Failure::new(Kind::Failed, message)
                .hint("the rest is read again at the next start"))
        }
        _ => Ok(()),
    }
}

/// Wait for the end, and tell the service manager that it has not come.
fn watch(
    context: &Context,
    running: &Running,
    signals: &Signals,
    words: &mut Printer,
) -> Result<(), Failure> {
    let manager = &context.env.manager;
    let notifier = manager.socket.as_deref().map(Notifier::new).transpose();
    let notifier = notifier.unwrap_or_else(|error| {
        words.line(&format!("tripline: NOTIFY_SOCKET can't be used: {error}"));
        None
    });
    let alive = match (&notifier, manager.watchdog) {
        (Some(_), Some(patience)) => tick(patience / 2),
        _ => never(),
    };
    let looks = tick(LOOK);
    let observer = running.observer();
    let mut journal = Journal::default();
    // Of a standard error that is gone nothing more is heard.
    let mut taken = words.taken().clone();
    let tell = |what: fn(&Notifier)| notifier.iter().for_each(what);
    tell(Notifier::ready);
    loop {
        select! {
            recv(signals.received()) -> signal => match signal {
                // Whoever started it may log off.
                Ok(Signal::Hangup) => {}
                _ => break,
            },
            // Whoever is started again reads again.
            recv(alive) -> _ => if works(&observer) && running.readers_are_alive() {
                tell(Notifier::alive);
            },
            recv(looks) -> _ => {
                if !running.engine_is_alive() {
                    return Err(Failure::new(Kind::Failed, "the engine stopped; this is a defect")
                        .hint("what was tripped stays tripped; nothing else was lost"));
                }
                // What nobody has room for yet is still new later.
                let picture = observer.newest().filter(|_| words.has_room());
                let news = picture.map(|snapshot| journal.news(&snapshot));
                news.into_iter().flatten().for_each(|line| words.line(&format!("tripline: {line}")));
            },
            recv(taken) -> rung => match rung {
                Ok(()) => words.pass(),
                Err(_) => taken = never(),
            },
        }
    }
    tell(Notifier::stopping);
    Ok(())
}

fn works(observer: &Observer) -> bool {
    observer.beat_age() < STALLED
}

fn no_socket(error: &SocketError) -> Failure {
    let text = printable(&error.to_string()).into_owned();
    match error {
        SocketError::InUse(_) => {
            Failure::new(Kind::Refused, text).hint("`tripline status` asks the one that runs")
        }
        _ => Failure::new(Kind::Failed, text).hint("name another place with `socket` in [serve]"),
    }
}
