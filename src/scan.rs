//! Bytes to wanted fields: finds the values at given paths in one line of JSON
//! without allocating, and reads numbers and times exactly. Must not know what
//! any field means.
//!
//! Use: add paths to a [`PathsBuilder`], build [`Paths`] once, keep one
//! [`Found`] per reader. [`scan_line`] fills it and returns a [`Scan`], which
//! answers for each [`Slot`] with [`Value`]s that borrow the line.
//!
//! Money first: one field that is not JSON (`NaN`, a lone surrogate, raw control
//! bytes, nothing where a value belongs, 100,000 brackets) never hides another.
//! Only a line whose strings or brackets do not end where the line does is
//! [`Shape::Broken`], because then nobody can say which field is which.

mod blocks;
mod escape;
pub mod exposition;
mod found;
mod lanes;
mod lex;
mod long;
mod members;
pub mod number;
mod paths;
mod skeleton;
pub mod time;
mod value;
mod walk;

pub use found::{CAPTURE_LIMIT, Found, Rank, SPARE, Scan};
pub use long::LongScan;
pub use members::{Elements, Members, elements, members, string};
pub use paths::{Paths, PathsBuilder, Slot};
pub use skeleton::Likeness;
pub use value::{Kind, Value};

/// What a line as a whole is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// One object. It may be empty, or hold nothing that was wanted.
    Object,
    /// One array.
    Array,
    /// Nothing but space.
    Blank,
    /// Anything that does not start with a bracket: text, a number, only NULs.
    NotJson,
    /// Starts like JSON, but does not close exactly at the line's end, or is an
    /// object that does not start with a quoted key. What was found before it
    /// broke can still be read; it must not be counted.
    Broken,
}

/// Finds the wanted values of one complete `line` (without its newline; a
/// carriage return, a byte order mark and leading NULs do not disturb).
pub fn scan_line<'a>(paths: &Paths, line: &'a [u8], found: &'a mut Found) -> Scan<'a> {
    let shape = found.follow(paths, line).unwrap_or_else(|| walked(paths, line, found));
    Scan::new(shape, line, found)
}

/// Whether `text` as a whole is one object.
#[must_use]
pub fn is_object(text: &[u8]) -> bool {
    matches!(lex::start(text), lex::Start::At(at) if walk::is_object(text, at))
}

/// The line's shape, found without regard to lines before.
fn walked(paths: &Paths, line: &[u8], found: &mut Found) -> Shape {
    found.begin(paths);
    let shape = match lex::start(line) {
        lex::Start::At(at) => walk::line(paths, line, at, found),
        lex::Start::Blank => Shape::Blank,
        lex::Start::OnlyNuls => Shape::NotJson,
    };
    found.learn(line, shape);
    shape
}
