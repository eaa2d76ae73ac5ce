//! A console without a terminal: keys in, cells and reactions out.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::{Rect, Size};
use tripline::snapshot::Snapshot;
use tripline::tui::{Access, Charset, ConsoleOptions, Model, Msg, Reaction, update, view};

use super::snapshots;

/// A model and what it answered.
pub struct Console {
    pub model: Model,
    pub reactions: Vec<Reaction>,
}

impl Console {
    pub fn new(snapshot: &Snapshot, charset: Charset, columns: u16, rows: u16) -> Console {
        let options = ConsoleOptions {
            charset,
            user: "mira".into(),
            switch_dir: "/run/tripline/kill.d".into(),
            ..ConsoleOptions::default()
        };
        let model = Model::new(options, Size::new(columns, rows), snapshots::now());
        let mut console = Console { model, reactions: Vec::new() };
        console.show(snapshot);
        console
    }

    pub fn read_only(mut self) -> Console {
        self.model.options.access = Access::ReadOnly;
        self
    }

    pub fn show(&mut self, snapshot: &Snapshot) {
        self.send(Msg::Snapshot(Arc::new(snapshot.clone())));
    }

    /// So many seconds after the moment of the pictures.
    pub fn tick(&mut self, seconds: f64) {
        self.send(Msg::Tick(snapshots::now().plus(Duration::from_secs_f64(seconds))));
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.send(Msg::Resize(Size::new(columns, rows)));
    }

    /// Keys as text: `\n` is Enter, `\t` Tab, ESC Esc, DEL Backspace.
    pub fn keys(&mut self, keys: &str) -> &mut Console {
        for key in keys.chars() {
            self.key(match key {
                '\n' => KeyCode::Enter,
                '\t' => KeyCode::Tab,
                '\u{1b}' => KeyCode::Esc,
                '\u{7f}' => KeyCode::Backspace,
                other => KeyCode::Char(other),
            });
        }
        self
    }

    pub fn key(&mut self, code: KeyCode) {
        self.send(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub fn control(&mut self, letter: char) {
        self.send(Msg::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL)));
    }

    pub fn send(&mut self, msg: Msg) {
        let reaction = update(&mut self.model, msg);
        if reaction != Reaction::None {
            self.reactions.push(reaction);
        }
    }

    pub fn draw(&self) -> Buffer {
        let Size { width, height } = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        view(&self.model, &mut buffer);
        buffer
    }

    pub fn text(&self) -> String {
        let buffer = self.draw();
        let mut text = String::new();
        for row in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
            let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Key and model names from the hostile corpus.
pub fn hostile_names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/hostile");
    let mut names = Vec::new();
    for file in ["01-esc-csi.jsonl", "05-bidi-invisible.jsonl"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the corpus file");
        for line in text.lines() {
            let value: serde_json::Value = serde_json::from_str(line).expect("valid JSON");
            for field in ["key", "model"] {
                names.extend(value[field].as_str().map(str::to_owned));
            }
        }
    }
    names
}
