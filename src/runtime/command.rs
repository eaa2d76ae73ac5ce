//! What a person at a console, or a script, may ask of the running engine.

use std::collections::BTreeMap;
use std::sync::Arc;

/// A request from a viewer to the engine. `by` says who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Stop the traffic of a scope (`all`, `provider/openai`, `model/openai/gpt-4o`, `key/x`, `env/x`).
    Trip {
        /// Which scope.
        scope: String,
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },
    /// Let the traffic of a scope through again.
    Reset {
        /// Which scope.
        scope: String,
        /// Why.
        reason: String,
        /// Who.
        by: String,
    },
    /// Allow rules to trip by themselves.
    Arm {
        /// Who.
        by: String,
    },
    /// Forbid rules to trip by themselves.
    Disarm {
        /// Who.
        by: String,
    },
    /// Take an alert: it stays on the screen with a name on it.
    Acknowledge {
        /// The rule.
        rule: Arc<str>,
        /// The alert's labels.
        labels: BTreeMap<&'static str, Arc<str>>,
        /// Who.
        by: String,
    },
}
