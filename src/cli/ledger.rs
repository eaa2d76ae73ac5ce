//! `tripline ledger`: what outlives a run.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::args::{Ledger as Command, Prune};
use super::behind::Behind;
use super::env::host_name;
use super::failure::{Failure, Kind};
use super::out::{Ended, Out, finish, say};
use super::period::{Every, Here, Span};
use super::setup::Context;
use super::sheet::Sheet;
use super::spend::{self, fields};
use crate::domain::{Bucket, Checkpoint, Generation, Names, SourceCounters, Wall};
use crate::engine::counted;
use crate::ledger::{
    Aged, Holder, Kept, LEDGER_FILE, Ledger, LedgerError, Pruned, Reader, Setup, Size, lying_aside,
};
use crate::runtime::{Clock, set_aside_in_words};
use crate::source::is_of_journal;
use crate::text::printable;

/// Days that `show` lists.
const DAYS: u64 = 14;

/// What is wrong with a damaged ledger, as far as it is said.
const SHOWN: usize = 5;

/// Run it.
pub fn run(context: &Context, command: &Command) -> Result<(), Failure> {
    match command {
        Command::Show { json } => show(context, *json),
        Command::Export(args) => spend::export(context, args),
        Command::Prune(args) => prune(context, args),
        Command::Verify => verify(context),
    }
}

/// The ledger of the state directory, for reading. What may be missing in it is said,
/// and answered where it is what a running tripline knows.
pub fn open(context: &Context) -> Result<(Reader, Option<Behind>), Failure> {
    let dir = context.ledger_dir();
    let behind = Behind::of(context);
    behind.iter().for_each(Behind::say);
    for file in lying_aside(&dir) {
        say(&format!("tripline: {}", set_aside_in_words(&file)));
    }
    let reader = Reader::open(&dir).map_err(|error| refused(&error))?;
    Ok((reader, behind))
}

/// Now, and where days begin.
pub fn here(context: &Context) -> Here {
    let utc = context.config.display.utc;
    let zone = if utc { TimeZone::UTC } else { context.config.timezone.zone.clone() };
    Here { now: Clock::start().now().wall, zone }
}

/// What an error of the ledger means for the exit code.
pub fn refused(error: &LedgerError) -> Failure {
    let kind = match error {
        LedgerError::Missing { .. } => Kind::Unavailable,
        LedgerError::Held { .. } | LedgerError::NetworkFs { .. } | LedgerError::ReadOnly { .. } => {
            Kind::Refused
        }
        LedgerError::Newer { .. } | LedgerError::Older { .. } | LedgerError::Corrupt { .. } => {
            Kind::Data
        }
        _ => Kind::Failed,
    };
    let failure = Failure::new(kind, error);
    match error {
        LedgerError::Missing { .. } => failure
            .hint("it is made by the first run that keeps spend; --state DIR looks elsewhere"),
        LedgerError::Corrupt { .. } => {
            failure
            .hint("if a tripline runs here, do not restart it: what it has in memory is right; save `tripline status --json` first")
            .hint("the next start sets it aside and reads the logs that still exist again")
        }
        LedgerError::NetworkFs { .. } => failure.hint("name a local directory with --state DIR"),
        _ => failure,
    }
}

fn show(context: &Context, as_json: bool) -> Result<(), Failure> {
    let (reader, behind) = open(context)?;
    let moment = reader.moment().map_err(|error| refused(&error))?;
    let here = here(context);
    let known = || Ok((reader.size()?, reader.totals()?, reader.refused()?, reader.sources()?));
    let (size, totals, apart, sources) = known().map_err(|error: LedgerError| refused(&error))?;
    let days = last_days(&reader, &here, &size).map_err(|error| refused(&error))?;
    drop(moment);
    let mut out = Out::new();
    let path = context.ledger_dir().join(LEDGER_FILE).display().to_string();
    let printed = if as_json {
        let mut shown = show_json(&path, &size, (&totals, apart), &sources, &days);
        let fields = shown.as_object_mut().into_iter();
        fields.for_each(|fields| {
            fields.extend(behind.iter().map(|behind| ("behind".to_owned(), behind.json())));
        });
        out.json(&shown)
    } else {
        show_text(&mut out, context, &here, (&path, &size), (&totals, apart), &days)
    };
    finish(out, printed)
}

/// The last days with spend, oldest first.
fn last_days(
    reader: &Reader,
    here: &Here,
    size: &Size,
) -> Result<Vec<(Span, Bucket)>, LedgerError> {
    let Some((first, end)) = size.period else { return Ok(Vec::new()) };
    let last = here.period(Every::Day, end.offset_nanos(-1));
    let shown = Duration::from_secs((DAYS - 1) * 86_400);
    let first = here.period(Every::Day, first.max(last.from.minus(shown))).from;
    let span = Span { from: first, to: last.to };
    let mut days = Vec::new();
    for day in span.each(here, Every::Day) {
        let mut sum = Bucket::default();
        reader.spent(day.from, Some(day.to))?.iter().for_each(|(_, part)| sum.add(part));
        days.push((day, sum));
    }
    Ok(days)
}

fn show_json(
    path: &str,
    size: &Size,
    (totals, apart): (&Bucket, u32),
    sources: &[(String, SourceCounters)],
    days: &[(Span, Bucket)],
) -> Value {
    let source = |(name, counters): &(String, SourceCounters)| {
        json!({
            "name": name,
            "lines": counters.lines,
            "faults": counters.faults,
            "quarantined": counters.quarantined,
            "ignored": counters.ignored,
            "duplicates": counters.duplicates,
        })
    };
    let day = |(span, sum): &(Span, Bucket)| {
        let mut day = Map::new();
        day.insert("from".into(), json!(span.from));
        day.insert("to".into(), json!(span.to));
        day.extend(fields(sum));
        Value::Object(day)
    };
    let mut shown = Map::new();
    let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
    put("schema", json!("tripline.ledger/v1"));
    put("path", json!(path));
    put("file_bytes", json!(size.file_bytes));
    put("wal_bytes", json!(size.wal_bytes));
    if let Some((from, to)) = size.period {
        put("from", json!(from));
        put("to", json!(to));
    }
    put("totals", Value::Object(fields(totals)));
    if let Some((before, sums)) = &size.pruned {
        let mut pruned = fields(sums);
        pruned.insert("before".to_owned(), json!(before));
        put("pruned", Value::Object(pruned));
    }
    put("refused", json!(apart));
    put("sources", sources.iter().map(source).collect());
    put("days", days.iter().map(day).collect());
    Value::Object(shown)
}

fn show_text(
    out: &mut Out,
    context: &Context,
    here: &Here,
    (path, size): (&str, &Size),
    (totals, apart): (&Bucket, u32),
    days: &[(Span, Bucket)],
) -> Result<(), Ended> {
    out.line(&printable(path))?;
    let covers = size.period.map_or("nothing is in it yet".to_owned(), |(first, last)| {
        format!("from {} to {}", here.written(first), here.written(last))
    });
    let (file, wal) = (megabytes(size.file_bytes), megabytes(size.wal_bytes));
    out.line(&format!("{file} MB, and {wal} MB still to be merged; {covers}"))?;
    if let Some(pruned) = &size.pruned {
        out.line(&spend::pruned_in_words(here, pruned))?;
    }
    out.line("")?;
    let zone = spend::zone_name(context);
    let sheet = Sheet::of(days.iter().map(|(_, sum)| sum).chain([totals]));
    out.line(&sheet.head(&[format!("DAY ({zone})")]))?;
    for (day, sum) in days {
        let date = here.written(day.from);
        let date = date.split(' ').next().unwrap_or_default().to_owned();
        out.line(&sheet.row(&[date], sum))?;
    }
    out.line(&sheet.row(&["ever".to_owned()], totals))?;
    match apart {
        0 => Ok(()),
        1 => out.line("1 sum does not fit and is in no total: see the table `refused`"),
        more => out
            .line(&format!("{more} sums do not fit and are in no total: see the table `refused`")),
    }
}

/// From when on spend may count against a cap: this month's, and that of what the
/// configured ones count now, each in its own zone.
fn counted_from(context: &Context, here: &Here) -> Wall {
    let home = &context.config.timezone.zone;
    let begins = context.config.caps.iter().map(|cap| cap.counts_from(here.now, home));
    begins.fold(here.month_begin(), Wall::min)
}

fn prune(context: &Context, args: &Prune) -> Result<(), Failure> {
    context.refuse_if_read_only()?;
    let here = here(context);
    let before = here.begin(&args.older_than)?;
    let today = here.period(Every::Day, here.now);
    if before > today.to {
        let message = format!("{} lies in the future", here.written(before));
        return Err(Failure::new(Kind::Usage, message)
            .hint("--older-than takes an age (90d) or the first day that stays"));
    }
    let counts = counted_from(context, &here);
    if before > counts && !args.force {
        let message = format!(
            "spend since {} would be cut, up to {}, and caps may count it",
            here.written(counts),
            here.written(before)
        );
        return Err(Failure::new(Kind::Refused, message)
            .hint("say --force if no cap counts it, or --older-than 32d"));
    }
    // Nothing is made where there is nothing to cut.
    drop(open(context)?);
    let mut ledger = writer(context, here.now)?;
    let mut removed = Pruned::default();
    loop {
        removed.add(&ledger.prune(before).map_err(|error| refused(&error))?);
        if removed.aged == Aged::Done {
            break;
        }
    }
    // Days are kept as those of UTC: the border is one of theirs.
    let size = ledger.reader().and_then(Reader::size).map_err(|error| refused(&error))?;
    let border = size.pruned.map_or(before, |(border, _)| border);
    let mut out = Out::new();
    let printed = out.line(&format!(
        "removed {}, each of a day and a combination of names, from before {} ({}) \
         ({} requests, {}) and {} events; the totals stay, and the file uses the space again",
        counted(removed.days, "row"),
        here.written(border),
        spend::zone_name(context),
        removed.sums.requests,
        removed.sums.cost.exact(),
        removed.events
    ));
    finish(out, printed)
}

fn verify(context: &Context) -> Result<(), Failure> {
    let (reader, _) = open(context)?;
    let moment = reader.moment().map_err(|error| refused(&error))?;
    let wrong = reader.verify().map_err(|error| refused(&error))?;
    if wrong.is_empty() {
        let Kept { totals, checkpoints, .. } = reader.load().map_err(|error| refused(&error))?;
        drop(moment);
        let followed =
            |left: &&Checkpoint| left.progress == Generation::Open && !is_of_journal(left);
        let mut out = Out::new();
        let printed = out.line(&format!(
            "sound: {} requests, {}, {} files followed",
            totals.requests,
            totals.cost.exact(),
            checkpoints.iter().filter(followed).count()
        ));
        return finish(out, printed);
    }
    let path = context.ledger_dir().join(LEDGER_FILE);
    let mut what: Vec<String> = wrong.iter().take(SHOWN).cloned().collect();
    if wrong.len() > SHOWN {
        what.push(format!("and {} more", wrong.len() - SHOWN));
    }
    let what = what.join("; ");
    Err(refused(&LedgerError::Corrupt { path, what }))
}

fn writer(context: &Context, now: Wall) -> Result<Ledger, Failure> {
    let us = Holder { pid: std::process::id(), host: host_name(), since: now.rfc3339() };
    let setup =
        Setup { state_dir: context.ledger_dir(), us, names: Names::default(), sources: Vec::new() };
    let opened = Ledger::open(setup, now).map_err(|error| refused(&error))?;
    match opened.set_aside {
        None => Ok(opened.ledger),
        Some(aside) => {
            Err(Failure::new(Kind::Data, format!("the ledger is damaged: {}", aside.why))
                .hint(format!("it was set aside as {}", aside.path.display())))
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{}", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
