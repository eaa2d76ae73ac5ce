//! Spend as rows: `tripline report` and `tripline ledger export`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::args::{Export, Report};
use super::behind::Behind;
use super::failure::{Failure, Kind};
use super::ledger::{here, open, refused};
use super::out::{Ended, Out, columns, finish, say};
use super::period::{Every, Here, Span};
use super::setup::Context;
use super::sheet::Sheet;
use crate::domain::limit::words;
use crate::domain::{Bucket, Wall};
use crate::engine::Loss;
use crate::ledger::{Dimension, Reader, Who};
use crate::snapshot::Usd;
use crate::text::printable;

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Csv,
    Json,
}

words!(Format { Csv = "csv", Json = "json" });

/// `tripline report`.
pub fn report(context: &Context, args: &Report) -> Result<(), Failure> {
    let by = dimensions(&args.by)?;
    let here = here(context);
    let span = here.span(&args.period)?;
    let (reader, behind) = open(context)?;
    let pruned = pruned(&reader, span)?;
    let kept = kept(&reader, span)?;
    let lost = lost(&reader, span)?;
    let mut rows = grouped(&reader, span, &by)?;
    rows.sort_by(|(a, one), (b, other)| {
        let most = |bucket: &Bucket| (bucket.cost, bucket.requests);
        most(other).cmp(&most(one)).then_with(|| a.cmp(b))
    });
    let mut out = Out::new();
    let printed = if args.json {
        let said = (pruned.as_ref(), &*lost, behind.as_ref());
        out.json(&report_json((span, kept), context, (&by, &rows), said))
    } else {
        let gone = pruned.map(|pruned| pruned_in_words(&here, &pruned));
        let said = coarse_in_words(&here, span, kept).into_iter().chain(gone);
        let said: Vec<String> = said.collect();
        let printed = table(&mut out, span, &here, context, (&by, &rows), &said);
        printed.and_then(|()| {
            lost.iter().try_for_each(|loss| {
                let at = here.written(loss.at);
                out.line(&format!("perhaps not exact, found {at}: {}", printable(&loss.text)))
            })
        })
    };
    finish(out, printed)
}

/// What was found in that time and may have cost calls, each once.
fn lost(reader: &Reader, span: Span) -> Result<Vec<Loss>, Failure> {
    let found = reader.findings(span.from).map_err(|error| refused(&error))?;
    let mut lost: Vec<Loss> = Vec::new();
    for found in found.into_iter().filter(|found| found.at < span.to) {
        lost.extend(
            Loss::of(&found.kind, found.at, found.text)
                .filter(|loss| lost.iter().all(|told| told.text != loss.text)),
        );
    }
    Ok(lost)
}

/// `tripline ledger export`.
pub fn export(context: &Context, args: &Export) -> Result<(), Failure> {
    let by = dimensions(&args.by)?;
    let every = Every::from_word(&args.every).ok_or_else(|| {
        let known: Vec<&str> = Every::ALL.iter().map(|known| known.word()).collect();
        Failure::new(Kind::Usage, format!("'{}' is no period", args.every))
            .hint(format!("it is one of {}", known.join(", ")))
    })?;
    let format = Format::from_word(&args.format).ok_or_else(|| {
        let known: Vec<&str> = Format::ALL.iter().map(|known| known.word()).collect();
        Failure::new(Kind::Usage, format!("'{}' is no format", args.format))
            .hint(format!("it is one of {}", known.join(", ")))
    })?;
    let here = here(context);
    let span = here.span(&args.period)?;
    let (reader, _) = open(context)?;
    if let Some(pruned) = pruned(&reader, span)? {
        say(&format!("tripline: {}", pruned_in_words(&here, &pruned)));
    }
    if let Some(coarse) = coarse_in_words(&here, span, kept(&reader, span)?) {
        say(&format!("tripline: {coarse}"));
    }
    let mut out = Out::new();
    let mut printed = match format {
        Format::Csv => csv_head(&mut out, &by),
        Format::Json => Ok(()),
    };
    for part in covered(&reader, span)?.into_iter().flat_map(|span| span.each(&here, every)) {
        if printed.is_err() {
            break;
        }
        // Where only longer times are kept, each is a row, with its own times.
        let part = kept(&reader, part)?;
        if part.from >= part.to {
            continue;
        }
        let mut rows = grouped(&reader, part, &by)?;
        rows.sort_by(|(a, _), (b, _)| a.cmp(b));
        printed = rows.iter().try_for_each(|(who, sum)| match format {
            Format::Csv => csv_row(&mut out, part, &by, who, sum),
            Format::Json => json_row(&mut out, part, &by, who, sum),
        });
    }
    finish(out, printed)
}

/// Sums as fields of JSON. What no call told is absent.
pub fn fields(sum: &Bucket) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("requests", json!(sum.requests));
    put("failed", json!(sum.failed));
    if sum.tokens_known() {
        put("input_tokens", json!(sum.input_tokens));
        put("cached_input_tokens", json!(sum.cached_input_tokens));
        put("cache_write_tokens", json!(sum.cache_write_tokens));
        put("output_tokens", json!(sum.output_tokens));
        put("reasoning_tokens", json!(sum.reasoning_tokens));
    }
    if sum.cost_known() {
        put("cost_usd", json!(Usd(sum.cost)));
    }
    put("unpriced", json!(sum.unpriced));
    fields
}

fn dimensions(words: &[String]) -> Result<Vec<Dimension>, Failure> {
    let mut by = Vec::new();
    for word in words.iter().filter(|word| !word.is_empty()) {
        let dimension = Dimension::from_word(word).ok_or_else(|| {
            let known: Vec<&str> = Dimension::ALL.iter().map(|known| known.word()).collect();
            Failure::new(Kind::Usage, format!("'{word}' is nothing to group by"))
                .hint(format!("it is one of {}", known.join(", ")))
        })?;
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    Ok(by)
}

fn grouped(reader: &Reader, span: Span, by: &[Dimension]) -> Result<Vec<(Who, Bucket)>, Failure> {
    let mut sums: HashMap<Who, Bucket> = HashMap::new();
    for (who, part) in reader.spent(span.from, Some(span.to)).map_err(|error| refused(&error))? {
        sums.entry(who.only(by)).or_default().add(&part);
    }
    Ok(sums.into_iter().collect())
}

/// The time that the answer is about, if it is asked for a span.
fn kept(reader: &Reader, span: Span) -> Result<Span, Failure> {
    let border = |at| reader.border(at).map_err(|error| refused(&error));
    Ok(Span { from: border(span.from)?, to: border(span.to)? })
}

/// What was asked for is not what is told: of times long ago not every minute is kept.
fn coarse_in_words(here: &Here, asked: Span, kept: Span) -> Option<String> {
    if asked == kept {
        return None;
    }
    let why = "of times that long ago quarters of an hour, or days of UTC, are kept";
    Some(if kept.from < kept.to {
        let (from, to) = (here.written(kept.from), here.written(kept.to));
        format!("{why}: this is from {from} to {to}")
    } else {
        format!("{why}: none of them begins in that time")
    })
}

/// From before when something was pruned, and what that was in all, where a span reaches
/// into that time.
fn pruned(reader: &Reader, span: Span) -> Result<Option<(Wall, Bucket)>, Failure> {
    let size = reader.size().map_err(|error| refused(&error))?;
    Ok(size.pruned.filter(|(before, _)| span.from < *before))
}

/// What is not known any more, which is not nothing.
pub fn pruned_in_words(here: &Here, (before, sums): &(Wall, Bucket)) -> String {
    let cost = if sums.cost_known() { sums.cost.exact() } else { "cost not known".into() };
    format!(
        "what was counted before {} was pruned, {} requests and {cost} in all: only the totals \
         still have it",
        here.written(*before),
        sums.requests
    )
}

/// The part of a span in which there is anything.
fn covered(reader: &Reader, span: Span) -> Result<Option<Span>, Failure> {
    let size = reader.size().map_err(|error| refused(&error))?;
    Ok(size.period.and_then(|(first, end)| {
        let part = Span { from: span.from.max(first), to: span.to.min(end) };
        (part.from < part.to).then_some(part)
    }))
}

fn report_json(
    (span, kept): (Span, Span),
    context: &Context,
    (by, rows): (&[Dimension], &[(Who, Bucket)]),
    (pruned, lost, behind): (Option<&(Wall, Bucket)>, &[Loss], Option<&Behind>),
) -> Value {
    let row = |(who, sum): &(Who, Bucket)| {
        let mut row = names(by, who);
        row.extend(fields(sum));
        Value::Object(row)
    };
    let mut report = json!({
        "schema": "tripline.report/v1",
        "from": span.from,
        "to": span.to,
        "time_zone": zone_name(context),
        "by": by,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
        "total": fields(&total(rows)),
    });
    let loss = |loss: &Loss| json!({"kind": loss.kind, "at": loss.at, "text": loss.text});
    if let Some(fields) = report.as_object_mut() {
        if kept != span {
            fields.insert("covers".to_owned(), json!({"from": kept.from, "to": kept.to}));
        }
        if let Some((before, _)) = pruned {
            fields.insert("pruned_before".to_owned(), json!(before));
        }
        fields.extend(behind.map(|behind| ("behind".to_owned(), behind.json())));
        if !lost.is_empty() {
            fields.insert("findings".to_owned(), lost.iter().map(loss).collect());
        }
    }
    report
}

fn table(
    out: &mut Out,
    span: Span,
    here: &Here,
    context: &Context,
    (by, rows): (&[Dimension], &[(Who, Bucket)]),
    said: &[String],
) -> Result<(), Ended> {
    let (from, to) = (here.written(span.from), here.written(span.to));
    out.line(&format!("Spend from {from} to {to} ({})", zone_name(context)))?;
    said.iter().try_for_each(|said| out.line(said))?;
    if rows.is_empty() {
        let of = if said.is_empty() { "nothing" } else { "nothing else" };
        return out.line(&format!("{of} was counted in that time"));
    }
    out.line("")?;
    let head: Vec<String> = by.iter().map(|by| by.word().to_uppercase()).collect();
    let total = total(rows);
    let name = |who: &Who, by: &Dimension| {
        let name = who.get(*by).map_or("-", |name| name);
        printable(name).into_owned()
    };
    let named = rows.iter().map(|(who, _)| by.iter().map(|by| name(who, by)).collect());
    let named: Vec<Vec<String>> = named.collect();
    let sheet = Sheet::of(rows.iter().map(|(_, sum)| sum).chain([&total]));
    let sheet = sheet.naming(&head, &named, columns());
    out.line(&sheet.head(&head))?;
    for (names, (_, sum)) in named.iter().zip(rows) {
        out.line(&sheet.row(names, sum))?;
    }
    out.line(&sheet.row(&["total".to_owned()], &total))
}

fn total(rows: &[(Who, Bucket)]) -> Bucket {
    rows.iter().fold(Bucket::default(), |mut total, (_, part)| {
        total.add(part);
        total
    })
}

/// The zone in which days are counted.
pub fn zone_name(context: &Context) -> &str {
    if context.config.display.utc { "UTC" } else { &context.config.timezone.name }
}

fn json_row(
    out: &mut Out,
    span: Span,
    by: &[Dimension],
    who: &Who,
    sum: &Bucket,
) -> Result<(), Ended> {
    let mut row = Map::new();
    row.insert("schema".into(), json!("tripline.spend/v1"));
    row.insert("from".into(), json!(span.from));
    row.insert("to".into(), json!(span.to));
    row.extend(names(by, who));
    row.extend(fields(sum));
    out.json(&row)
}

fn names(by: &[Dimension], who: &Who) -> Map<String, Value> {
    let name = |by: &Dimension| Some((by.word().to_owned(), json!(who.get(*by)?.as_ref())));
    by.iter().filter_map(name).collect()
}

fn csv_head(out: &mut Out, by: &[Dimension]) -> Result<(), Ended> {
    let names = by.iter().map(|by| by.word());
    let sums = [
        "requests",
        "failed",
        "input_tokens",
        "cached_input_tokens",
        "cache_write_tokens",
        "output_tokens",
        "reasoning_tokens",
        "cost_usd",
        "unpriced",
    ];
    let cells: Vec<&str> = ["from", "to"].into_iter().chain(names).chain(sums).collect();
    out.line(&cells.join(","))
}

fn csv_row(
    out: &mut Out,
    span: Span,
    by: &[Dimension],
    who: &Who,
    sum: &Bucket,
) -> Result<(), Ended> {
    let tokens = |count: i64| if sum.tokens_known() { count.to_string() } else { String::new() };
    let cost = if sum.cost_known() { sum.cost.to_string() } else { String::new() };
    let names = by.iter().map(|by| who.get(*by).map(|name| cell(name)).unwrap_or_default());
    let sums = [
        sum.requests.to_string(),
        sum.failed.to_string(),
        tokens(sum.input_tokens),
        tokens(sum.cached_input_tokens),
        tokens(sum.cache_write_tokens),
        tokens(sum.output_tokens),
        tokens(sum.reasoning_tokens),
        cost,
        sum.unpriced.to_string(),
    ];
    let times = [span.from.rfc3339(), span.to.rfc3339()];
    let cells: Vec<String> = times.into_iter().chain(names).chain(sums).collect();
    out.line(&cells.join(","))
}

/// A name as a cell: no spreadsheet takes it for a formula, no terminal for a
/// command, no reader for two cells.
fn cell(name: &str) -> String {
    let text = printable(name);
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    let quote = if formula { "'" } else { "" };
    if formula || text.contains([',', '"', '\n', ' ', ';']) {
        return format!("\"{quote}{}\"", text.replace('"', "\"\""));
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_becomes_a_formula_or_two_cells() {
        for (name, expected) in [
            ("gpt-4o", "gpt-4o"),
            ("", ""),
            ("=1+1", "\"'=1+1\""),
            ("+cmd", "\"'+cmd\""),
            ("-2", "\"'-2\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("'=1", "\"''=1\""),
        ] {
            assert_eq!(cell(name), expected, "{name}");
        }
        for hidden in ["\t=1", "a\nb", "\u{1b}[2J", "\u{202e}x"] {
            let cell = cell(hidden);
            assert!(!cell.contains(['\t', '\n', '\u{1b}', '\u{202e}']), "{cell:?}");
        }
    }
}
