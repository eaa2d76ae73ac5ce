//! Standard output: a reader that went away is no failure, a full disk is one.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::failure::{Failure, Kind};
use crate::text::{is_hidden, printable};

/// Why printing ended.
pub enum Ended {
    /// Nobody reads any more: leave quietly.
    ReaderGone,
    /// It could not be written.
    Failed(Failure),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Ended {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Ended::ReaderGone;
        }
        let message = format!("cannot write to standard output: {error}");
        Ended::Failed(Failure::new(Kind::Failed, message))
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        Ended::Failed(failure)
    }
}

/// Buffered standard output. Flush before waiting for anything.
pub struct Out {
    to: io::BufWriter<io::Stdout>,
}

impl Out {
    /// Standard output.
    #[must_use]
    pub fn new() -> Out {
        Out { to: io::BufWriter::with_capacity(64 * 1024, io::stdout()) }
    }

    /// One line of text.
    pub fn line(&mut self, text: &str) -> Result<(), Ended> {
        self.to.write_all(text.as_bytes())?;
        Ok(self.to.write_all(b"\n")?)
    }

    /// One JSON value, on a line of its own.
    pub fn json(&mut self, value: &impl Serialize) -> Result<(), Ended> {
        Ok(write_json(&mut self.to, value)?)
    }

    /// Send what is buffered.
    pub fn flush(&mut self) -> Result<(), Ended> {
        Ok(self.to.flush()?)
    }
}

/// One JSON value and the end of its line.
pub fn write_json(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let mut json = serde_json::Serializer::with_formatter(&mut *to, Safe);
    value.serialize(&mut json)?;
    to.write_all(b"\n")
}

/// Compact JSON in which whatever a terminal would obey or hide is escaped: for
/// a program it is the same text.
struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        to: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(is_hidden) {
            let (plain, behind) = rest.split_at(at);
            to.write_all(plain.as_bytes())?;
            let mut behind = behind.chars();
            if let Some(hidden) = behind.next() {
                for unit in hidden.encode_utf16(&mut [0; 2]) {
                    write!(to, "\\u{unit:04x}")?;
                }
            }
            rest = behind.as_str();
        }
        to.write_all(rest.as_bytes())
    }
}

/// Columns of the terminal that standard output is; `None` where it is none, and nobody
/// gains by a text that is cut.
#[must_use]
pub fn columns() -> Option<usize> {
    let out = io::stdout();
    let size = out.is_terminal().then(|| rustix::termios::tcgetwinsize(&out).ok());
    size.map(|size| size.map_or(0, |size| usize::from(size.ws_col))).map(|columns| match columns {
        0 => 80,
        columns => columns,
    })
}

/// A line on standard error: standard output is for answers.
pub fn say(text: &str) {
    // With standard error gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "{}", printable(text));
}

/// The end of a command's output: everything is sent, and a reader that went
/// away is fine.
pub fn finish(mut out: Out, result: Result<(), Ended>) -> Result<(), Failure> {
    quietly(result.and_then(|()| out.flush()))
}

/// Printed, but that a reader went away is fine.
pub fn quietly(printed: Result<(), Ended>) -> Result<(), Failure> {
    match printed {
        Ok(()) | Err(Ended::ReaderGone) => Ok(()),
        Err(Ended::Failed(failure)) => Err(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_json_holds_what_a_terminal_obeys_and_all_of_it_is_read_back() {
        let text = "é\u{9b}31m\u{202e}x\u{e0041}\u{1b}[2J\"日本\u{7f}";
        let mut out = Vec::new();
        let mut json = serde_json::Serializer::with_formatter(&mut out, Safe);
        text.serialize(&mut json).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, r#""é\u009b31m\u202ex\udb40\udc41\u001b[2J\"日本\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
