//! `watch`, `demo` and the console: a running engine and who looks at it.

use std::io::IsTerminal;
use std::time::Duration;

use crossbeam_channel::{Receiver, after, bounded, never, select, tick};

use super::args::{Demo as DemoArgs, Watch};
use super::config::counted_twice;
use super::failure::{Failure, Kind};
use super::out::{quietly, say};
use super::printer::Printer;
use super::salt;
use super::setup::{Context, sinks};
use super::times::duration;
use crate::config::ConfigFile;
use crate::decode::Texts;
use crate::demo::{Demo, DemoOptions, Scenario};
use crate::domain::Names;
use crate::engine::Event;
use crate::ledger::LedgerError;
use crate::runtime::{self, LedgerAccess, LedgerSetup, Running, Setup, Signal, Signals};
use crate::tui;

/// Events waiting to be printed; what a slow reader has no room for is lost and
/// counted, and the engine does not wait.
const EVENTS: usize = 4096;
/// Directories of killed demos that a demo goes past.
const MOST_LEFT: u32 = 1000;
/// Time between two pictures that nobody draws.
const HEADLESS_FRAME: Duration = Duration::from_secs(1);

/// `tripline [PATH…]`: the console.
pub fn console(context: &Context, paths: &[String]) -> Result<(), Failure> {
    need_terminal(context)?;
    let signals = catch(Signals::with_terminal())?;
    say_counted_twice(context, paths, &mut say);
    let running = begin(context, paths, None, lasting(context, paths), &mut say)?;
    let ended_by = show(context, running, &signals, None, None)?;
    drop(signals);
    ended_by.into_iter().for_each(runtime::end_by);
    Ok(())
}

/// `tripline watch`.
pub fn watch(context: &Context, args: &Watch) -> Result<(), Failure> {
    let every = args.every.as_deref().map(duration).transpose()?;
    let signals = catch(Signals::ending())?;
    let (send, events) = bounded(EVENTS);
    let (out, mut words) = (Printer::stdout()?, Printer::stderr()?);
    let mut tell = |text: &str| words.line(text);
    say_counted_twice(context, &args.paths, &mut tell);
    let ledger = lasting(context, &args.paths);
    let running = begin(context, &args.paths, Some(send), ledger, &mut tell)?;
    let ticks = every.map_or_else(never, tick);
    let ends = Ends { after: None, ticks, last: Last::Nothing };
    let printed = print_events(running, &events, &signals, ends, out);
    // With standard error gone there is nobody to tell.
    let _ = words.finish();
    printed
}

/// `tripline demo`.
pub fn demo(context: &Context, args: &DemoArgs) -> Result<(), Failure> {
    if let Some(address) = args.provider_only {
        return provider_only(address, args);
    }
    let scenario: Scenario = args
        .scenario
        .parse()
        .map_err(|error| Failure::new(Kind::Usage, error).hint("see `tripline demo --help`"))?;
    let lasts = args.duration.as_deref().map(duration).transpose()?;
    if !args.headless {
        need_terminal(context)?;
    }
    refuse_named(context)?;
    let signals = catch(if args.headless { Signals::ending() } else { Signals::with_terminal() })?;
    let dir = Scratch::new()?;
    let options = DemoOptions {
        scenario,
        seed: args.seed,
        dir: dir.path.join("log"),
        kill_dir: dir.path.join("kill.d"),
    };
    let demo =
        Demo::start(options).map_err(|error| Failure::new(Kind::Failed, with_causes(&error)))?;
    let bytes = demo.config_toml().into_bytes();
    let file = ConfigFile::Bytes { name: "demo configuration".into(), bytes };
    let mut global = context.global.clone();
    global.state = Some(dir.path.join("state"));
    let context = Context::with(&global, &context.env, Some(file))?;
    let outcome = if args.headless {
        let (send, events) = bounded(EVENTS);
        let ends = Ends { after: lasts, ticks: never(), last: Last::Snapshot };
        Printer::stdout()
            .and_then(|out| Ok((out, begin(&context, &[], Some(send), None, &mut say)?)))
            .and_then(|(out, running)| print_events(running, &events, &signals, ends, out))
            .map(|()| None)
    } else {
        begin(&context, &[], None, None, &mut say)
            .and_then(|running| show(&context, running, &signals, Some(scenario.word()), lasts))
    };
    demo.stop();
    drop((dir, signals));
    outcome?.into_iter().for_each(runtime::end_by);
    Ok(())
}

/// The demo brings its own: what is named beside it would be ignored.
fn refuse_named(context: &Context) -> Result<(), Failure> {
    let named = [("--config", &context.global.config), ("--state", &context.global.state)];
    match named.into_iter().find(|(_, named)| named.is_some()) {
        None => Ok(()),
        Some((option, _)) => {
            let text = format!("{option} means nothing to the demo, which brings its own");
            Err(Failure::new(Kind::Usage, text).hint(format!("leave out {option}")))
        }
    }
}

/// The fake provider alone, for tests of real gateways.
fn provider_only(address: std::net::SocketAddr, args: &DemoArgs) -> Result<(), Failure> {
    if !address.ip().is_loopback() {
        return Err(Failure::new(Kind::Refused, "the fake provider listens on loopback only"));
    }
    let signals = catch(Signals::ending())?;
    let config = crate::demo::ProviderConfig {
        rpm: args.rpm,
        tpm: args.tpm,
        seed: args.seed,
        error_rate: 0.0,
        ..crate::demo::ProviderConfig::default()
    };
    let provider = crate::demo::spawn_provider(address, config)
        .map_err(|error| Failure::new(Kind::Failed, with_causes(&error)))?;
    let mut out = Printer::stdout()?;
    out.line(&provider.url());
    let _ = signals.received().recv();
    quietly(out.finish())
}

/// The ledger is for what is configured: a look at some file counts for itself.
fn lasting(context: &Context, paths: &[String]) -> Option<LedgerSetup> {
    context.ledger().filter(|_| paths.is_empty())
}

/// Configured sources that count the same file, before all is doubled unnoticed.
pub(super) fn say_counted_twice(context: &Context, paths: &[String], tell: &mut dyn FnMut(&str)) {
    if paths.is_empty() {
        counted_twice(&context.config).for_each(|text| tell(&format!("tripline: {text}")));
    }
}

/// Start reading and judging. What whoever started it should know goes to `tell`.
pub(super) fn begin(
    context: &Context,
    paths: &[String],
    events: Option<crossbeam_channel::Sender<Event>>,
    ledger: Option<LedgerSetup>,
    tell: &mut dyn FnMut(&str),
) -> Result<Running, Failure> {
    let names = Names::default();
    let sources = context.sources(paths)?;
    let sinks = sinks(&context.pipelines(&names, Texts::Skip), &sources)?;
    context.make_state_dir()?;
    if let Some(ledger) = ledger.as_ref().filter(|ledger| ledger.access == LedgerAccess::Keep)
        && let Err(error) = salt::keep(&ledger.dir, &ledger.host)
    {
        let dir = ledger.dir.display();
        tell(&format!(
            "tripline: keys will look new if this host is renamed: cannot write to {dir}: {error}"
        ));
    }
    let setup = Setup {
        sources,
        engine: context.engine(),
        net: context.net(&names),
        names,
        sinks,
        switch: Some(context.switch()),
        ledger,
        // Without a screen a picture is for `--every` and the end only.
        frame_every: if events.is_some() { HEADLESS_FRAME } else { context.frame_every() },
        events,
    };
    runtime::start(setup).map_err(|error| {
        let text = crate::text::printable(&error.to_string()).into_owned();
        match error {
            runtime::StartError::Source(_) => Failure::new(Kind::Unavailable, text),
            runtime::StartError::Thread { .. } => Failure::new(Kind::Failed, text),
            runtime::StartError::Ledger(error) => no_ledger(&error, &text),
        }
    })
}

/// Without its ledger a run would begin to count from nothing, unnoticed.
fn no_ledger(error: &LedgerError, text: &str) -> Failure {
    match error {
        LedgerError::Held { .. } => Failure::new(Kind::Refused, text)
            .hint("`tripline status` asks a running `serve`")
            .hint("`tripline --read-only` goes on from its totals beside it, and writes nothing")
            .hint("`tripline switch trip SCOPE --reason \"...\"` in a shell stops traffic all the same"),
        LedgerError::Newer { .. } => {
            Failure::new(Kind::Failed, text).hint("use the tripline that wrote it, or a newer one")
        }
        _ => Failure::new(Kind::Failed, text)
            .hint("name another place with --state DIR, or with `dir` in [ledger]")
            .hint("`enabled = false` in [ledger] counts from nothing at each start"),
    }
}

/// The console over a running engine, until the person leaves or a signal says
/// so. That signal is answered: whoever sent it expects us to die of it, once
/// everything is put away.
fn show(
    context: &Context,
    running: Running,
    signals: &Signals,
    profile: Option<&str>,
    lasts: Option<Duration>,
) -> Result<Option<Signal>, Failure> {
    let display = &context.config.display;
    let zone = context.config.timezone.zone.clone();
    let options = tui::ConsoleOptions {
        charset: if context.ascii() { tui::Charset::Ascii } else { tui::Charset::Unicode },
        color: if context.color() { tui::Color::On } else { tui::Color::Off },
        clock: if display.utc { tui::ClockStyle::Utc } else { tui::ClockStyle::Local(zone) },
        fps: display.fps,
        mouse: if display.mouse { tui::Mouse::On } else { tui::Mouse::Off },
        access: if display.read_only { tui::Access::ReadOnly } else { tui::Access::Full },
        user: context.user().to_owned(),
        profile: profile.map(str::to_owned),
        switch_dir: context.switch().dir.display().to_string(),
        shell_options: context.shell_options.clone(),
    };
    let clock = running.clock;
    let wires = tui::Wires {
        frames: running.frames.clone(),
        commands: running.commands.clone(),
        answers: running.answers.clone(),
        signals: signals.received().clone(),
        over: lasts.map_or_else(never, after),
    };
    let result = tui::run(wires, &|| clock.now(), options);
    let died = !running.engine_is_alive();
    let answers = running.answers.clone();
    let _ = running.stop();
    if let Ok(left) = &result {
        say_answers(left, &answers);
    }
    let defect = |what: &str| {
        Err(Failure::new(Kind::Failed, format!("{what} stopped; this is a defect"))
            .hint("what was tripped stays tripped; nothing else was lost"))
    };
    match result.map(|left| left.exit) {
        Ok(_) if died => defect("the engine"),
        Ok(tui::Exit::Ended) => defect("a part of the program"),
        Ok(tui::Exit::Signal(signal)) => Ok(Some(signal)),
        Ok(tui::Exit::TerminalGone) => Ok(Some(Signal::Hangup)),
        Ok(tui::Exit::Quit | tui::Exit::QuitKeepScreen) => Ok(None),
        Err(error) => Err(Failure::new(Kind::Failed, with_causes(&error))),
    }
}

/// What became of what was asked for right before the console was left.
fn say_answers(left: &tui::Left, answers: &Receiver<String>) {
    let said: Vec<String> = answers.try_iter().collect();
    left.unread.iter().chain(&said).for_each(|answer| say(answer));
    if said.len() < left.unanswered {
        say("what became of the last request is NOT known, for there was no answer: \
             `tripline switch status` tells what is stopped");
    }
}

/// When printing ends, and what else is printed.
struct Ends {
    after: Option<Duration>,
    ticks: Receiver<std::time::Instant>,
    last: Last,
}

/// What is printed at the end.
enum Last {
    Nothing,
    Snapshot,
}

fn print_events(
    running: Running,
    events: &Receiver<Event>,
    signals: &Signals,
    ends: Ends,
    mut out: Printer,
) -> Result<(), Failure> {
    let over = ends.after.map_or_else(never, after);
    let taken = out.taken().clone();
    let (no_events, no_ticks) = (never(), never());
    let mut newest = None;
    let ended: Result<(), Failure> = loop {
        // Whoever reads slowly finds the rest where it is; signals are looked at all the same.
        let (events, ticks) =
            if out.has_room() { (events, &ends.ticks) } else { (&no_events, &no_ticks) };
        select! {
            recv(events) -> event => match event {
                Ok(event) => out.json(&event),
                Err(_) => break Err(Failure::new(Kind::Failed, "the engine stopped; this is a defect")),
            },
            recv(running.frames) -> frame => newest = frame.ok().or(newest),
            recv(ticks) -> _ => if let Some(snapshot) = &newest {
                out.json(&**snapshot);
            },
            recv(taken) -> taken => match taken {
                Ok(()) => out.pass(),
                // Nothing can be printed any more: the end says why.
                Err(_) => break Ok(()),
            },
            recv(over) -> _ => break Ok(()),
            recv(signals.received()) -> signal => match signal {
                // A lost terminal is no reason to stop alerting.
                Ok(Signal::Hangup) => {}
                _ => break Ok(()),
            },
        }
    };
    let last = running.stop().or(newest);
    events.try_iter().for_each(|event| out.json(&event));
    if let (Last::Snapshot, Some(snapshot)) = (ends.last, last) {
        out.json(&*snapshot);
    }
    let printed = quietly(out.finish());
    ended.and(printed)
}

fn need_terminal(context: &Context) -> Result<(), Failure> {
    if !std::io::stdout().is_terminal() {
        return Err(Failure::new(Kind::Usage, "standard output is not a terminal")
            .hint("`tripline once` prints the state without a screen, `tripline once --json` for scripts")
            .hint("`tripline watch --ndjson` and `tripline demo --headless` run without one"));
    }
    if !context.env.terminal {
        return Err(Failure::new(
            Kind::Usage,
            "TERM names no terminal that a screen can be drawn on",
        )
        .hint("`tripline once` prints the state as plain text"));
    }
    Ok(())
}

pub(super) fn catch(signals: std::io::Result<Signals>) -> Result<Signals, Failure> {
    signals.map_err(|error| Failure::new(Kind::Failed, format!("cannot catch signals: {error}")))
}

/// An error and what caused it, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The demo's own directory; it and all in it go when the demo ends.
struct Scratch {
    path: std::path::PathBuf,
}

impl Scratch {
    fn new() -> Result<Scratch, Failure> {
        use std::os::unix::fs::DirBuilderExt;
        let name = format!("tripline-demo-{}", std::process::id());
        let mut path = std::env::temp_dir().join(&name);
        // A demo that was killed leaves its own, and in a container all have the same number.
        let mut further = 1..MOST_LEFT;
        loop {
            match std::fs::DirBuilder::new().mode(0o755).create(&path) {
                Ok(()) => return Ok(Scratch { path }),
                Err(error) => {
                    let taken = error.kind() == std::io::ErrorKind::AlreadyExists;
                    let Some(next) = further.next().filter(|_| taken) else {
                        let text = format!("cannot make {}: {error}", path.display());
                        return Err(Failure::new(Kind::Failed, text));
                    };
                    path.set_file_name(format!("{name}-{next}"));
                }
            }
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Only our own directory, made by `new`; if it can't go there is nobody to tell.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
