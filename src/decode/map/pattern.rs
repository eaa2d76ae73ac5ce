//! Patterns that make records of lines of text: each named group is a field.

use regex::bytes::{Regex, RegexBuilder};

/// A pattern and what its groups hold.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    pub(crate) regex: Regex,
    /// Number, name and contents of each named group.
    pub(crate) groups: Vec<(usize, Box<str>, Group)>,
}

/// What a group holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    /// The value of one field.
    Text,
    /// `key=value` pairs, which become fields of their own.
    Pairs,
    /// A value as Python or JavaScript prints it.
    Literal,
}

impl Pattern {
    /// Compiles a pattern; `group` says what the group with a name holds.
    pub(crate) fn new(text: &str, group: impl Fn(&str) -> Group) -> Result<Pattern, regex::Error> {
        let regex = RegexBuilder::new(text).unicode(false).build()?;
        let named = regex.capture_names().enumerate();
        let groups = named
            .filter_map(|(number, name)| Some((number, Box::from(name?), group(name?))))
            .collect();
        Ok(Pattern { regex, groups })
    }
}
