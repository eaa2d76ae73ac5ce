//! Standard output: a reader that went away is no failure, a full disk is one.

use std::io::{self, Write};

use serde::Serialize;

use super::failure::{Failure, Kind};

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
        serde_json::to_writer(&mut self.to, value).map_err(io::Error::from)?;
        Ok(self.to.write_all(b"\n")?)
    }

    /// Send what is buffered.
    pub fn flush(&mut self) -> Result<(), Ended> {
        Ok(self.to.flush()?)
    }
}

/// The end of a command's output: everything is sent, and a reader that went
/// away is fine.
pub fn finish(mut out: Out, result: Result<(), Ended>) -> Result<(), Failure> {
    match result.and_then(|()| out.flush()) {
        Ok(()) | Err(Ended::ReaderGone) => Ok(()),
        Err(Ended::Failed(failure)) => Err(failure),
    }
}
