//! What the console knows: the newest picture, what the person looks at, and
//! what is half typed. It is changed by `update` only and drawn by `view` only.

use std::collections::BTreeMap;
use std::sync::Arc;

use ratatui::layout::Size;

use super::emergency::Emergency;
use super::filter::Filter;
use super::options::ConsoleOptions;
use super::rows;
use super::theme::Theme;
use crate::domain::Wall;
use crate::snapshot::{OLD_DATA_S, Snapshot};

/// A group of rows that can have the focus. In the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names are the titles")]
pub enum Panel {
    Switches,
    Limits,
    Spend,
    Queue,
    Traffic,
    Retries,
    Alerts,
    Who,
    Sources,
    Findings,
}

/// What fills the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// Everything that matters at once.
    #[default]
    Overview,
    /// Where the numbers come from.
    Sources,
}

/// Where the person is in a panel. The row is remembered by name, because
/// panels are sorted by urgency and rows change places.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// Position among the shown rows.
    pub index: usize,
    /// Name of the row there.
    pub name: Option<String>,
}

/// What lies over the screen.
#[derive(Clone, Debug, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The keys.
    Help {
        /// First line shown.
        top: usize,
    },
    /// Every fact of one row.
    Detail {
        /// The row's panel.
        panel: Panel,
        /// The row's name.
        name: String,
        /// First line shown.
        top: usize,
    },
    /// A filter is being typed.
    Filter {
        /// What stands there so far.
        typed: String,
        /// What to go back to on Esc.
        before: Filter,
    },
    /// Kill switch matters.
    Emergency(Emergency),
}

/// A line for the person that goes away by itself.
#[derive(Clone, Debug)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// When it goes away.
    pub until: Wall,
}

/// Rows that the verdict has, so that what stands below it does not jump with each word.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerdictRows {
    /// How many it needed lately.
    pub rows: u16,
    /// Until when it keeps them, needed or not.
    pub until: Wall,
}

/// The picture at the moment of a pause.
#[derive(Clone, Debug)]
pub struct Frozen {
    /// What was shown.
    pub snapshot: Arc<Snapshot>,
    /// When.
    pub at: Wall,
}

/// Everything the console knows.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it was told at start.
    pub options: ConsoleOptions,
    /// The newest picture.
    pub live: Option<Arc<Snapshot>>,
    /// The picture that is held still, while paused.
    pub frozen: Option<Frozen>,
    /// The time, as last told.
    pub now: Wall,
    /// The terminal's size.
    pub size: Size,
    /// What fills the screen.
    pub screen: Screen,
    /// Which panel the movement keys speak to.
    pub focus: Option<Panel>,
    /// Where the person is in each panel.
    pub cursors: BTreeMap<Panel, Cursor>,
    /// What lies over the screen.
    pub overlay: Overlay,
    /// Which rows are shown.
    pub filter: Filter,
    /// A line for the person.
    pub notice: Option<Notice>,
    /// Rows that the verdict has.
    pub verdict: VerdictRows,
}

impl Model {
    /// A console that has seen nothing yet.
    #[must_use]
    pub fn new(options: ConsoleOptions, size: Size, now: Wall) -> Model {
        Model {
            options,
            live: None,
            frozen: None,
            now,
            size,
            screen: Screen::default(),
            focus: None,
            cursors: BTreeMap::new(),
            overlay: Overlay::default(),
            filter: Filter::default(),
            notice: None,
            verdict: VerdictRows::default(),
        }
    }

    /// The picture whose rows are shown: the paused one, else the newest.
    #[must_use]
    pub fn shown(&self) -> Option<&Snapshot> {
        self.frozen.as_ref().map(|frozen| &*frozen.snapshot).or(self.live.as_deref())
    }

    /// Seconds from the shown picture to the moment it is shown for.
    #[must_use]
    pub fn shown_age_s(&self) -> f64 {
        let now = self.frozen.as_ref().map_or(self.now, |frozen| frozen.at);
        self.shown().map_or(0.0, |snapshot| age_s(snapshot, now))
    }

    /// Age of the newest line in the shown picture, if rates of it are not to be
    /// taken for the present.
    #[must_use]
    pub fn old_data_s(&self) -> Option<f64> {
        let age = self.shown()?.data_age_s()? + self.shown_age_s();
        Some(age).filter(|age| *age >= OLD_DATA_S)
    }

    /// Seconds from the newest picture to now.
    #[must_use]
    pub fn live_age_s(&self) -> f64 {
        self.live.as_deref().map_or(0.0, |snapshot| age_s(snapshot, self.now))
    }

    /// How things look here.
    #[must_use]
    pub fn theme(&self) -> Theme {
        Theme { charset: self.options.charset, color: self.options.color }
    }

    /// Rows of a panel that pass the filter, as indices into the shown picture.
    #[must_use]
    pub fn rows(&self, panel: Panel) -> Vec<usize> {
        self.shown().map_or_else(Vec::new, |snapshot| rows::shown(snapshot, panel, &self.filter))
    }

    /// The row under the cursor of the focused panel.
    #[must_use]
    pub fn selected(&self) -> Option<(Panel, usize)> {
        let panel = self.focus?;
        let at = self.cursors.get(&panel)?.index;
        self.rows(panel).get(at).map(|&index| (panel, index))
    }

    /// Where the row of this name stands now, if it still does.
    #[must_use]
    pub fn find(&self, panel: Panel, name: &str) -> Option<usize> {
        let snapshot = self.shown()?;
        (0..rows::len(snapshot, panel))
            .find(|&index| rows::name(snapshot, panel, index).as_deref() == Some(name))
    }
}

/// A picture of this second is of now: its numbers are those of its verdict.
fn age_s(snapshot: &Snapshot, now: Wall) -> f64 {
    let age = now.seconds_after(Wall::from_millis(snapshot.at_unix_ms));
    if age < 1.0 { 0.0 } else { age }
}
