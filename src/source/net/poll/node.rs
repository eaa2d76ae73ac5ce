//! A JSON answer, read where it is asked: numbers keep the digits they were
//! written with, so that no money passes through a float. It must not know what
//! any of it means.

use serde_json::value::RawValue;
use std::collections::HashMap;

use crate::scan::number;

/// One value of an answer, as written.
#[derive(Clone, Copy, Debug)]
pub struct Node<'a>(&'a str);

impl<'a> Node<'a> {
    /// The answer, if it is JSON.
    pub fn of(body: &'a [u8]) -> Option<Node<'a>> {
        serde_json::from_slice::<&RawValue>(body).ok().map(|raw| Node(raw.get()))
    }

    /// A field, if this is an object that has it and it is not null.
    pub fn get(self, name: &str) -> Option<Node<'a>> {
        let mut fields = self.object()?;
        fields.remove(name).map(|raw| Node(raw.get())).filter(|node| !node.is("null"))
    }

    /// A field of a field of …
    pub fn at(self, path: &[&str]) -> Option<Node<'a>> {
        path.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The fields of an object, in no order.
    pub fn fields(self) -> impl Iterator<Item = (String, Node<'a>)> {
        self.object().unwrap_or_default().into_iter().map(|(name, raw)| (name, Node(raw.get())))
    }

    /// The items of a list.
    pub fn items(self) -> Option<impl Iterator<Item = Node<'a>>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.0).ok()?;
        Some(items.into_iter().map(|raw| Node(raw.get())))
    }

    /// A string.
    pub fn text(self) -> Option<String> {
        serde_json::from_str(self.0).ok()
    }

    /// A number in billionths, whether it is written as a number or as a string.
    pub fn decimal(self) -> Option<i128> {
        match self.text() {
            Some(text) => number::decimal(text.trim().as_bytes()).ok(),
            None => number::decimal(self.0.as_bytes()).ok(),
        }
    }

    /// A whole number that is not negative.
    pub fn count(self) -> Option<u64> {
        number::unsigned(self.0.as_bytes())
    }

    /// Whether exactly this is written: `true`, `null`, …
    pub fn is(self, written: &str) -> bool {
        self.0 == written
    }

    /// As it is written.
    #[cfg(test)]
    pub fn written(self) -> &'a str {
        self.0
    }

    fn object(self) -> Option<HashMap<String, &'a RawValue>> {
        serde_json::from_str(self.0).ok()
    }
}
