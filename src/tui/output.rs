//! The writer thread: a terminal that takes no bytes stops this thread and
//! nothing else. At most one frame waits for it, and the newest wins.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use ratatui::buffer::Buffer;

use super::encode::Encoder;
use super::input::Input;
use super::options::Charset;
use super::terminal::{Terminal, Written};

/// A frame and whether what was there before is to be trusted.
struct Frame {
    grid: Buffer,
    ground: Ground,
}

/// What is on the terminal before a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The frame before.
    Known,
    /// Anything: draw all of it.
    Lost,
}

/// Hands frames to the writer thread.
pub struct Output {
    frames: Sender<Frame>,
    waiting: Receiver<Frame>,
    thread: JoinHandle<()>,
}

impl Output {
    /// Start the thread. It reports the terminal's end on `events`.
    pub fn start(
        terminal: Arc<Terminal>,
        charset: Charset,
        events: Sender<Input>,
    ) -> io::Result<Output> {
        let (frames, waiting) = bounded(1);
        let inbox = waiting.clone();
        let thread = std::thread::Builder::new()
            .name("console-output".into())
            .spawn(move || write_frames(&terminal, charset, &inbox, &events))?;
        Ok(Output { frames, waiting, thread })
    }

    /// Show a frame as soon as the terminal takes it. Never waits.
    pub fn show(&self, grid: Buffer, ground: Ground) {
        let mut frame = Frame { grid, ground };
        while let Err(TrySendError::Full(returned)) = self.frames.try_send(frame) {
            frame = returned;
            // The one that waits is older; but what it knew must not be lost.
            let older = self.waiting.try_recv();
            if older.is_ok_and(|older| older.ground == Ground::Lost) {
                frame.ground = Ground::Lost;
            }
        }
    }

    /// Wait for the thread; the terminal must have been given back before, so
    /// that no write waits for it any more.
    pub fn finish(self) {
        drop((self.frames, self.waiting));
        let _ = self.thread.join();
    }
}

fn write_frames(
    terminal: &Terminal,
    charset: Charset,
    inbox: &Receiver<Frame>,
    events: &Sender<Input>,
) {
    let mut encoder = Encoder::new(charset);
    for frame in inbox {
        if frame.ground == Ground::Lost {
            encoder.forget();
        }
        let Ok(bytes) = encoder.encode(frame.grid) else { continue };
        match terminal.write(&bytes) {
            Written::All => {}
            Written::Stopped => encoder.forget(),
            Written::Gone => {
                let _ = events.send(Input::Gone);
                return;
            }
        }
    }
}
