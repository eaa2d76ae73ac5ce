//! Kill files that say nothing: who made them and why, where the audit record has it.

use super::Brake;
use crate::action::switch::Entry;
use crate::action::{audit, recorded};

impl Brake {
    /// Ask the record, if it has grown since it was asked. Answers whether it knew of one:
    /// whoever trips puts that on record after the file is there.
    pub(super) fn ask_the_record(&mut self) -> bool {
        let Ok(dir) = &mut self.dir else { return false };
        let untold: Vec<Entry> = dir.known().filter(|entry| entry.is_untold()).cloned().collect();
        if untold.is_empty() {
            self.asked = None;
            return false;
        }
        let file = self.setup.audit_file();
        let end = audit::end(&file);
        if self.asked.replace(end) == Some(end) {
            return false;
        }
        let told = untold.into_iter().map(|entry| recorded::told(entry, &file));
        let told: Vec<Entry> = told.filter(|entry| !entry.is_untold()).collect();
        let any = !told.is_empty();
        for entry in told {
            dir.recognize(entry);
        }
        any
    }
}
