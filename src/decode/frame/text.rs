//! Lines of text as JSON objects: by the patterns of a format, or as pairs.

use regex::bytes::CaptureLocations;

use super::object::Object;
use super::{literal, pairs};
use crate::decode::map::{Group, Pattern};

/// Reads text; remembers which pattern fitted, since it mostly fits again.
#[derive(Debug, Default)]
pub(super) struct Texts {
    json: Vec<u8>,
    last: Option<Fit>,
}

#[derive(Debug)]
struct Fit {
    format: usize,
    pattern: usize,
    places: CaptureLocations,
}

impl Texts {
    /// The format of the text read last.
    pub(super) fn format(&self) -> Option<usize> {
        self.last.as_ref().map(|fit| fit.format)
    }

    /// `text` as JSON, if a pattern of the last format fits: the one that did
    /// before, or another.
    pub(super) fn again(&mut self, patterns: &[Pattern], text: &[u8]) -> Option<&[u8]> {
        let fit = self.last.as_mut()?;
        let pattern = patterns.get(fit.pattern)?;
        if pattern.regex.captures_read(&mut fit.places, text).is_none() {
            let format = fit.format;
            return self.fit(format, patterns, text);
        }
        write(pattern, &fit.places, text, &mut self.json);
        Some(&self.json)
    }

    /// `text` as JSON, if one of the patterns of the format at `format` fits.
    pub(super) fn fit(
        &mut self,
        format: usize,
        patterns: &[Pattern],
        text: &[u8],
    ) -> Option<&[u8]> {
        let fits = |pattern: &Pattern| pattern.is_match(text);
        let number = patterns.iter().position(fits)?;
        let pattern = patterns.get(number)?;
        let mut places = pattern.regex.capture_locations();
        pattern.regex.captures_read(&mut places, text)?;
        write(pattern, &places, text, &mut self.json);
        self.last = Some(Fit { format, pattern: number, places });
        Some(&self.json)
    }

    /// `text` as JSON, if it is a line of pairs.
    pub(super) fn pairs(&mut self, text: &[u8]) -> Option<&[u8]> {
        if !pairs::starts_with_one(text) {
            return None;
        }
        let mut object = Object::begin(&mut self.json);
        pairs::collect(text, &mut object);
        let several = object.members() > 1;
        object.end();
        several.then_some(&*self.json)
    }
}

fn write(pattern: &Pattern, places: &CaptureLocations, text: &[u8], json: &mut Vec<u8>) {
    let mut object = Object::begin(json);
    for (number, name, group) in &pattern.groups {
        let Some((start, end)) = places.get(*number) else { continue };
        let Some(part) = text.get(start..end) else { continue };
        match group {
            Group::Text => object.text(name.as_bytes(), part),
            Group::Pairs => pairs::collect(part, &mut object),
            Group::Literal => {
                object.written(&[name.as_bytes()], |out| literal::to_json(part, out));
            }
        }
    }
    object.end();
}
