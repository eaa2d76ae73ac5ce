//! What a running tripline has counted that its ledger does not hold yet: whoever adds
//! up the ledger meanwhile must know that this is not all.

use serde_json::{Value, json};

use super::out::say;
use super::setup::Context;
use super::status::{is_same, sockets};
use crate::daemon::{self, Ask};
use crate::engine::span_in_words;
use crate::ledger::LEDGER_FILE;

/// A ledger that is behind, as the process says that keeps it.
pub struct Behind {
    pid: u64,
    behind_s: Option<f64>,
    problem: Option<String>,
}

impl Behind {
    /// Ask who keeps the ledger of this context. Where nobody answers nothing is known.
    pub fn of(context: &Context) -> Option<Behind> {
        let ours = context.ledger_dir().join(LEDGER_FILE);
        let mut answers = sockets(context)
            .into_iter()
            .filter_map(|socket| daemon::ask(&socket, Ask::Snapshot).ok());
        let status = answers.find(|status| {
            let path = status.pointer("/ledger/path").and_then(Value::as_str);
            path.is_some_and(|path| is_same(path.as_ref(), &ours))
        })?;
        let ledger = status.get("ledger").filter(|ledger| ledger["state"] == "behind")?;
        Some(Behind {
            pid: status.get("pid")?.as_u64()?,
            behind_s: ledger.get("behind_s").and_then(Value::as_f64),
            problem: ledger.get("problem").and_then(Value::as_str).map(str::to_owned),
        })
    }

    /// Say it on standard error.
    pub fn say(&self) {
        let by = span_in_words(self.behind_s.unwrap_or(0.0));
        let why = self.problem.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
        say(&format!(
            "tripline: warning: a running tripline (process {}) knows more: the ledger is behind \
             by {by}{why}; `tripline status` asks it",
            self.pid
        ));
    }

    /// The same as a field of JSON.
    pub fn json(&self) -> Value {
        let mut behind = json!({"pid": self.pid});
        if let Some(fields) = behind.as_object_mut() {
            fields.extend(self.behind_s.map(|by| ("behind_s".to_owned(), json!(by))));
            fields.extend(self.problem.iter().map(|why| ("problem".to_owned(), json!(why))));
        }
        behind
    }
}
