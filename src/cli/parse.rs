//! `tripline parse`: what is read from each line, as `tripline.observation/v1`.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::{Sender, bounded};

use super::args::Parse;
use super::explain;
use super::failure::{Failure, Kind};
use super::formats;
use super::observation::{self, Printed};
use super::offline::not_understood;
use super::out::{Ended, Out, finish};
use super::setup::Context;
use super::times::moment;
use crate::decode::Texts;
use crate::domain::{Batch, LineAt, Names, Observation, SourceId};
use crate::runtime::Clock;
use crate::source::{self, LineSink, Pipeline, STDIN, SourceSpec};
use crate::text::printable;

/// Run it.
pub fn run(context: &Context, args: &Parse) -> Result<(), Failure> {
    let path = args.path.clone().unwrap_or_else(|| STDIN.to_owned());
    let spec = SourceSpec {
        name: path.clone(),
        paths: vec![path.clone()],
        format: args.format.clone(),
        ..SourceSpec::default()
    };
    let received = args.received_at.as_deref().map(moment).transpose()?;
    let received = received.unwrap_or_else(|| Clock::start().now().wall);
    let names = Names::default();
    let pipeline = context.pipelines(&names, Texts::Keep).of(&spec);
    let unknown = |error| Failure::new(Kind::Usage, error).hint(formats::LIST);
    let mut pipeline = pipeline.map_err(unknown)?.pipeline();
    let form = match (args.explain, args.json) {
        (false, _) => Form::Rows,
        (true, true) => Form::ExplainedJson,
        (true, false) => Form::Explained,
    };
    if args.explain {
        pipeline.explain();
    }
    let from: Box<dyn Read> = if path == STDIN {
        Box::new(io::stdin())
    } else {
        let file = source::open(Path::new(&path));
        file.map_err(|error| super::offline::unavailable(&error))?
    };
    let over = Arc::new(AtomicBool::new(false));
    let (end, ended) = bounded(1);
    let printing = Printing {
        pipeline,
        form,
        names,
        batch: Batch::default(),
        printed: Printed::default(),
        out: Some(Out::new()),
        said: Said::default(),
        over: Arc::clone(&over),
        end,
    };
    let mut from = Until { from, over };
    let mut clock = || received;
    let mut deliver = |batch: Batch| batch;
    let printing = Box::new(printing);
    source::read_stream(SourceId(0), &mut from, printing, &mut clock, &mut deliver, &mut |_| ())
        .map_err(|error| {
            Failure::new(Kind::Unavailable, format!("{}: {error}", printable(&path)))
        })?;
    ended.try_recv().unwrap_or(Ok(()))
}

/// What is printed of each line.
#[derive(Clone, Copy)]
enum Form {
    Rows,
    Explained,
    ExplainedJson,
}

/// Whether any line said something that counts.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    something: bool,
    /// A line, or a part of one, was not understood or is not trusted.
    bad: bool,
}

impl Said {
    fn note(&mut self, batch: &Batch) {
        for item in &batch.items {
            match item.seen {
                Observation::Fault { .. } | Observation::Quarantined { .. } => self.bad = true,
                _ => self.something = true,
            }
        }
    }

    fn is_nothing(self) -> bool {
        self.bad && !self.something
    }
}

/// Prints what each line says, right after it was read.
struct Printing {
    pipeline: Pipeline,
    form: Form,
    names: Names,
    batch: Batch,
    printed: Printed,
    /// Gone once printing has ended.
    out: Option<Out>,
    said: Said,
    over: Arc<AtomicBool>,
    end: Sender<Result<(), Failure>>,
}

impl Printing {
    fn print(&mut self, line: u64) {
        self.said.note(&self.batch);
        let format = self.pipeline.format();
        if let Some(mut out) = self.out.take() {
            let rows = observation::rows(&self.batch, &self.names, format, &mut self.printed);
            let printed = match self.form {
                Form::Rows => rows.iter().try_for_each(|row| out.json(row)),
                Form::ExplainedJson => {
                    explain::json(&mut out, line, &explain::Line::new(&mut self.pipeline, rows))
                }
                Form::Explained => {
                    explain::text(&mut out, line, &explain::Line::new(&mut self.pipeline, rows))
                }
            };
            match printed {
                Ok(()) => self.out = Some(out),
                Err(ended) => self.stop(out, Err(ended)),
            }
        }
        self.batch.clear();
    }

    fn stop(&mut self, out: Out, printed: Result<(), Ended>) {
        self.over.store(true, Ordering::Relaxed);
        // The receiver waits for exactly one.
        let _ = self.end.try_send(finish(out, printed));
    }
}

impl LineSink for Printing {
    fn line(&mut self, line: &[u8], at: LineAt, _out: &mut Batch) {
        self.pipeline.line(line, at, &mut self.batch);
        self.print(at.number);
    }

    fn long_part(&mut self, part: &[u8]) {
        self.pipeline.long_part(part);
    }

    fn long_end(&mut self, at: LineAt, len: u64, _out: &mut Batch) {
        self.pipeline.long_end(at, len, &mut self.batch);
        self.print(at.number);
    }

    fn finish(&mut self, at: LineAt, _out: &mut Batch) {
        self.pipeline.finish(at, &mut self.batch);
        self.print(at.number);
        if let Some(out) = self.out.take() {
            // Asked why, the answer is what was wanted.
            let nothing = matches!(self.form, Form::Rows) && self.said.is_nothing();
            let ended = finish(out, Ok(()));
            let ended = ended.and_then(|()| if nothing { Err(not_understood()) } else { Ok(()) });
            let _ = self.end.try_send(ended);
        }
    }

    fn memo(&self) -> String {
        self.pipeline.memo()
    }

    fn recall(&mut self, memo: &str) {
        self.pipeline.recall(memo);
    }

    fn format(&self) -> Option<&str> {
        self.pipeline.format()
    }

    fn open_since(&self) -> Option<u64> {
        self.pipeline.open_since()
    }
}

/// Input that ends early when nobody reads the output any more.
struct Until {
    from: Box<dyn Read>,
    over: Arc<AtomicBool>,
}

impl Read for Until {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.over.load(Ordering::Relaxed) {
            return Ok(0);
        }
        self.from.read(into)
    }
}
