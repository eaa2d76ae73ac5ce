//! The loop: one place where everything that can happen is taken in, and the
//! only place that decides when to draw.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, after, bounded, never, select};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use rustix::process::{
    Signal as OsSignal, getpgrp, getpid, getsid, kill_current_process_group, kill_process,
};

use super::input::{Input, InputThread};
use super::model::Model;
use super::options::{ConsoleOptions, Exit, TuiError};
use super::output::{Ground, Output};
use super::terminal::{Guard, Terminal};
use super::update::{Msg, Reaction, update};
use super::view::view;
use crate::domain::time::NANOS_PER_S;
use crate::domain::{Mono, Stamp, Wall};
use crate::runtime::{Command, Signal};
use crate::snapshot::{Snapshot, State};

/// Messages from the terminal that may wait: a paste of keys fills it and then
/// waits itself.
const INPUT_QUEUE: usize = 256;

/// An answer that was on the screen for less than this was not read.
const TO_READ: Duration = Duration::from_secs(1);

/// The console's ends of the channels to the rest of the program.
#[derive(Debug)]
pub struct Wires {
    /// Pictures; only the newest matters.
    pub frames: Receiver<Arc<Snapshot>>,
    /// Requests to the engine.
    pub commands: Sender<Command>,
    /// What became of them, one line each.
    pub answers: Receiver<String>,
    /// Signals the process received. `Continue` must come after `Stop`: only
    /// then is the terminal taken again.
    pub signals: Receiver<Signal>,
    /// Tells when it has lasted as long as it should.
    pub over: Receiver<Instant>,
}

/// How the console was left, and what of its answers nobody has read there.
#[derive(Debug)]
pub struct Left {
    /// Why.
    pub exit: Exit,
    /// Requests of which nothing was heard yet.
    pub unanswered: usize,
    /// The last answer, if it had only just come.
    pub unread: Option<String>,
}

/// Show the console until the person leaves, a signal says so, the terminal
/// goes away or no more pictures come. The terminal is given back in each case,
/// and also when any thread panics. `clock` is read once per message.
pub fn run(
    wires: Wires,
    clock: &dyn Fn() -> Stamp,
    options: ConsoleOptions,
) -> Result<Left, TuiError> {
    let terminal = Arc::new(Terminal::open(options.mouse)?);
    let (events, inputs) = bounded(INPUT_QUEUE);
    let charset = options.charset;
    let guard = Guard::take(Arc::clone(&terminal))?;
    let thread = |what| move |source| TuiError::Thread { what, source };
    let output =
        Output::start(Arc::clone(&terminal), charset, events.clone()).map_err(thread("output"))?;
    let input = InputThread::start(events).map_err(thread("input"))?;

    let mut console = Console {
        model: Model::new(options, terminal.size(), clock().wall),
        terminal: Arc::clone(&terminal),
        output,
        commands: wires.commands.clone(),
        clock,
        pace: Pace::default(),
        unanswered: 0,
        last_answer: None,
    };
    let exit = console.watch(wires, &inputs);
    let now = clock().mono;
    let Console { model, output, unanswered, last_answer, .. } = console;
    let unread = last_answer.filter(|(_, at)| now.since(*at) < TO_READ).map(|(answer, _)| answer);
    drop((guard, input));
    output.finish();
    if exit == Exit::QuitKeepScreen {
        terminal.print(&plain_lines(&model));
    }
    Ok(Left { exit, unanswered, unread })
}

/// What a message means for the loop.
enum Step {
    Go,
    End(Exit),
}

/// When to draw: `Soon` within the frame budget, `Now` before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    #[default]
    No,
    Soon,
    Now,
}

#[derive(Default)]
struct Pace {
    urgency: Urgency,
    drawn: Mono,
    lost: bool,
    stopped: bool,
}

struct Console<'a> {
    model: Model,
    terminal: Arc<Terminal>,
    output: Output,
    commands: Sender<Command>,
    clock: &'a dyn Fn() -> Stamp,
    pace: Pace,
    /// Requests to the engine of which nothing was heard yet.
    unanswered: usize,
    last_answer: Option<(String, Mono)>,
}

impl Console<'_> {
    fn watch(&mut self, mut wires: Wires, inputs: &Receiver<Input>) -> Exit {
        self.pace.urgency = Urgency::Now;
        loop {
            // Otherwise only a panic of another thread gives the terminal back; a
            // console that nobody sees must not stay.
            if !self.pace.stopped && !self.terminal.is_taken() {
                return Exit::Ended;
            }
            self.draw_if_due();
            let step = select! {
                recv(wires.signals) -> signal => if let Ok(signal) = signal {
                    self.on_signal(signal)
                } else {
                    wires.signals = never();
                    Step::Go
                },
                recv(wires.over) -> _ => Step::End(Exit::Quit),
                recv(inputs) -> input => match input {
                    Ok(input) => self.on_input(input),
                    Err(_) => Step::End(Exit::TerminalGone),
                },
                recv(wires.frames) -> frame => match frame {
                    Ok(frame) => self.on_frame(newest(frame, &wires.frames)),
                    Err(_) => Step::End(Exit::Ended),
                },
                recv(wires.answers) -> answer => if let Ok(answer) = answer {
                    self.unanswered = self.unanswered.saturating_sub(1);
                    self.last_answer = Some((answer.clone(), (self.clock)().mono));
                    self.on_message(Msg::Answer(answer), Urgency::Now)
                } else {
                    wires.answers = never();
                    Step::Go
                },
                recv(after(self.wait())) -> _ => {
                    self.pace.urgency = self.pace.urgency.max(Urgency::Soon);
                    Step::Go
                },
            };
            if let Step::End(exit) = step {
                return exit;
            }
        }
    }

    fn on_frame(&mut self, frame: Arc<Snapshot>) -> Step {
        let urgency = match &self.model.live {
            Some(before) if alarms(before) == alarms(&frame) => Urgency::Soon,
            _ => Urgency::Now,
        };
        self.on_message(Msg::Snapshot(frame), urgency)
    }

    fn on_input(&mut self, input: Input) -> Step {
        match input {
            Input::Gone => Step::End(Exit::TerminalGone),
            Input::Key(key) => self.on_message(Msg::Key(key), Urgency::Now),
            Input::Paste(text) => self.on_message(Msg::Paste(text), Urgency::Now),
            Input::Wheel(wheel) => self.on_message(Msg::Wheel(wheel), Urgency::Now),
            Input::Resized => self.on_message(Msg::Resize(self.terminal.size()), Urgency::Now),
        }
    }

    fn on_signal(&mut self, signal: Signal) -> Step {
        match signal {
            Signal::Interrupt | Signal::Terminate | Signal::Quit => Step::End(Exit::Signal(signal)),
            Signal::Hangup => Step::End(Exit::TerminalGone),
            Signal::Stop => self.stop(|| kill_process(getpid(), OsSignal::STOP)),
            Signal::Continue => self.resume(),
            Signal::Resize => self.on_message(Msg::Resize(self.terminal.size()), Urgency::Now),
        }
    }

    fn on_message(&mut self, msg: Msg, urgency: Urgency) -> Step {
        update(&mut self.model, Msg::Tick((self.clock)().wall));
        self.pace.urgency = self.pace.urgency.max(urgency);
        match update(&mut self.model, msg) {
            Reaction::None => Step::Go,
            Reaction::Quit => Step::End(Exit::Quit),
            Reaction::QuitKeepScreen => Step::End(Exit::QuitKeepScreen),
            Reaction::Suspend if !a_shell_waits() => {
                let text = "there is no shell to go back to; q quits".to_owned();
                update(&mut self.model, Msg::Answer(text));
                Step::Go
            }
            // The whole group: a parent that waits for us must stop as well, or
            // the shell would not notice.
            Reaction::Suspend => self.stop(|| kill_current_process_group(OsSignal::STOP)),
            Reaction::Send(command) => {
                if self.commands.try_send(command).is_ok() {
                    self.unanswered += 1;
                } else {
                    let text = "the engine takes no commands now; try again".to_owned();
                    update(&mut self.model, Msg::Answer(text));
                }
                Step::Go
            }
        }
    }

    /// Give the terminal back and stop. The process halts some time after the
    /// call, so the terminal is taken again on SIGCONT and not on the next line.
    fn stop(&mut self, halt: impl Fn() -> rustix::io::Result<()>) -> Step {
        self.terminal.give_back();
        self.terminal.print("tripline is stopped: nothing is watched until it goes on\n");
        self.pace.stopped = true;
        if halt().is_err() {
            return self.resume();
        }
        Step::Go
    }

    fn resume(&mut self) -> Step {
        if self.terminal.take().is_err() {
            return Step::End(Exit::TerminalGone);
        }
        self.pace.lost = true;
        self.pace.stopped = false;
        self.on_message(Msg::Resize(self.terminal.size()), Urgency::Now)
    }

    fn draw_if_due(&mut self) {
        if self.pace.urgency == Urgency::No || self.wait() > Duration::ZERO {
            return;
        }
        let now = (self.clock)();
        update(&mut self.model, Msg::Tick(now.wall));
        // A missed SIGWINCH must not leave a broken screen for long.
        update(&mut self.model, Msg::Resize(self.terminal.size()));
        let ground = if std::mem::take(&mut self.pace.lost) { Ground::Lost } else { Ground::Known };
        self.output.show(draw(&self.model), ground);
        self.pace.drawn = now.mono;
        self.pace.urgency = Urgency::No;
    }

    /// How long until the next frame is due.
    fn wait(&self) -> Duration {
        let now = (self.clock)();
        if self.pace.stopped {
            return until_next_second(now.wall);
        }
        let budget = Duration::from_secs(1) / u32::from(self.model.options.fps.max(1));
        let pause = match self.pace.urgency {
            Urgency::Now => return Duration::ZERO,
            Urgency::Soon => budget,
            Urgency::No => return until_next_second(now.wall),
        };
        pause.saturating_sub(now.mono.since(self.pace.drawn))
    }
}

/// Whether there is a shell that would see us stop and could continue us: it
/// gives every job a process group apart from the session's own. Without one
/// nothing would ever continue us, and nothing would watch the limits.
fn a_shell_waits() -> bool {
    getsid(None).is_ok_and(|session| session != getpgrp())
}

/// The clock on the screen shows seconds, so there is news at each of them.
fn until_next_second(now: Wall) -> Duration {
    let into = now.0.rem_euclid(NANOS_PER_S);
    Duration::from_nanos(u64::try_from(NANOS_PER_S - into).unwrap_or_default())
}

/// The newest of the pictures that wait.
fn newest(first: Arc<Snapshot>, frames: &Receiver<Arc<Snapshot>>) -> Arc<Snapshot> {
    frames.try_iter().last().unwrap_or(first)
}

/// What may not wait for the frame budget: the state, what fires, what is tripped.
fn alarms(snapshot: &Snapshot) -> (State, usize, usize) {
    let firing = snapshot.alerts.iter().filter(|alert| alert.state == "firing").count();
    let tripped = snapshot.switches.iter().filter(|switch| switch.is_wanted()).count();
    (snapshot.state, firing, tripped)
}

fn draw(model: &Model) -> Buffer {
    let Size { width, height } = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view(model, &mut buffer);
    buffer
}

/// The screen as text, to stay on the terminal as evidence.
fn plain_lines(model: &Model) -> String {
    let buffer = draw(model);
    let columns = usize::from(buffer.area.width).max(1);
    let mut text = String::new();
    for row in buffer.content.chunks(columns) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
