//! Sources that are the output of a program.

use toml::de::DeValue;

use super::item::start;
use super::reader::Reader;
use super::value::{self, Complaint, Raw, Read};
use crate::source::{Program, SourceSpec, Start, Way};
use crate::text;

const ONE_BY_ONE: &str = "write its words one by one, as in [\"kubectl\", \"logs\", \"-f\", \"deploy/gateway\"]: no shell reads it";

/// A command of one's own.
pub(super) fn command(reader: &mut Reader) -> Option<SourceSpec> {
    let argv = reader.need("command", argv)?;
    Some(SourceSpec { way: Way::Program(Program::Argv(argv)), ..SourceSpec::default() })
}

/// The system's journal. What stood in it before is counted only if that is asked for.
pub(super) fn journal(reader: &mut Reader) -> Option<SourceSpec> {
    let units = reader.need("units", units);
    let start = if reader.has("start") { reader.take("start", start) } else { None };
    Some(SourceSpec {
        way: Way::Program(Program::Journal(units?)),
        start: start.unwrap_or(Start::End),
        ..SourceSpec::default()
    })
}

/// What a source is called after its program.
pub(super) fn name(spec: &SourceSpec) -> Option<String> {
    match &spec.way {
        Way::Program(Program::Argv(argv)) => argv.first().cloned(),
        Way::Program(Program::Journal(units)) => units.first().cloned(),
        Way::Files | Way::Fifo | Way::Net(_) => None,
    }
}

/// The words of a command.
pub(super) fn argv(raw: &Raw) -> Read<Vec<String>> {
    if let DeValue::String(_) = raw.get_ref() {
        return Err(Complaint::new("must be a list of words").hint(ONE_BY_ONE));
    }
    let argv = value::list(raw, |raw| {
        let word = value::text(raw)?;
        if text::mask(&word) != word {
            let hint =
                "everybody on this machine sees it there: give the command its key by a file";
            return Err(Complaint::new("must not hold a key").hint(hint));
        }
        if word.contains('\0') {
            return Err(Complaint::new("must not hold a NUL"));
        }
        Ok(word)
    })?;
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        return Err(Complaint::new("must name a program").hint(ONE_BY_ONE));
    }
    Ok(argv)
}

fn units(raw: &Raw) -> Read<Vec<String>> {
    let units = value::list(raw, value::name)?;
    if units.is_empty() {
        return Err(Complaint::new("must name a unit, such as \"litellm.service\""));
    }
    Ok(units)
}
