//! `tripline formats`: what is known, and the maps to copy from.

use serde_json::json;

use super::args::Formats;
use super::explain::paragraph;
use super::failure::{Failure, Kind};
use super::out::{Out, finish};
use super::setup::Context;
use crate::decode::{FormatError, FormatInfo, MapOrigin};
use crate::text::printable;

/// How to see what there is.
pub const LIST: &str = "`tripline formats` lists them all";

/// Run it.
pub fn run(context: &Context, args: &Formats) -> Result<(), Failure> {
    let maps = &context.config.formats;
    let mut out = Out::new();
    if let Some(id) = &args.id {
        let known = |error: FormatError| Failure::new(Kind::Usage, error).hint(LIST);
        maps.compile().id(id).map_err(known)?;
        let found = maps.describe().filter(|info| info.id == id);
        let printed = if args.json {
            found.map(|info| row(&info)).try_for_each(|row| out.json(&row))
        } else {
            let mut lines = found.flat_map(|info| info.text.trim_end().lines());
            lines.try_for_each(|line| {
                // A tab is no harm, and belongs to the map.
                let parts: Vec<_> = line.split('\t').map(printable).collect();
                out.line(&parts.join("\t"))
            })
        };
        return finish(out, printed);
    }
    let printed = if args.json {
        let formats: Vec<_> = maps.describe().map(|info| row(&info)).collect();
        out.json(&json!({ "schema": "tripline.formats/v1", "formats": formats }))
    } else {
        maps.describe().try_for_each(|info| {
            let file = match info.origin {
                MapOrigin::BuiltIn => "built-in".to_owned(),
                MapOrigin::Own => format!("yours, {}", info.file),
                MapOrigin::Override => format!("yours, instead of the built-in, {}", info.file),
            };
            let about = printable(info.about);
            out.line(&format!("{}  ({}, {})", info.id, info.input, printable(&file)))?;
            paragraph(&mut out, "    ", &about)?;
            info.told_by.iter().try_for_each(|told| {
                let told = printable(told);
                paragraph(&mut out, "      ", &format!("- {told}"))
            })
        })
    };
    finish(out, printed)
}

fn row(info: &FormatInfo<'_>) -> serde_json::Value {
    let FormatInfo { id, about, input, told_by, file, text: map, origin } = info;
    let origin = origin.word();
    json!({ "id": id, "about": about, "input": input, "told_by": told_by, "origin": origin, "file": file, "map": map })
}
