//! What an action of a rule may say.

use super::safe;
use super::value::{Complaint, Raw, Read, text};
use crate::action::{ScopeError, SwitchScope};
use crate::rules::{Action, Metric};
use crate::text::did_you_mean;

/// Scopes taken from the alert's labels, and the labels they need.
const FROM_LABELS: &[(&str, &[&str])] = &[
    ("provider", &["provider"]),
    ("model", &["provider", "model"]),
    ("key", &["key"]),
    ("env", &["environment"]),
];

/// Kinds of scope, and how each may be written.
const FORMS: &[(&str, &str)] = &[
    ("all", "write \"trip:all\""),
    ("provider", "write \"trip:provider\", or \"trip:provider/NAME\""),
    ("model", "write \"trip:model\", or \"trip:model/PROVIDER/MODEL\""),
    ("key", "write \"trip:key\", or \"trip:key/NAME\""),
    ("env", "write \"trip:env\", or \"trip:env/NAME\""),
];

/// Reads `trip:SCOPE`.
pub(super) fn action(raw: &Raw) -> Read<Action> {
    let given = text(raw)?;
    let (verb, object) = given.split_once(':').unwrap_or((&given, ""));
    match verb {
        "trip" => trip(object),
        "notify" => Err(Complaint::new(format!("names a sink '{object}' that is not defined"))
            .hint("alerts show in the console, and as lines of `tripline watch --ndjson`")),
        "hook" | "revoke" => {
            Err(Complaint::new(format!("has an action '{given}' that is not defined"))
                .hint("this version acts with \"trip:SCOPE\" only"))
        }
        _ => {
            let hint = did_you_mean(verb, ["trip"]).unwrap_or_else(|| {
                "write \"trip:SCOPE\", such as \"trip:model\" or \"trip:all\"".to_owned()
            });
            Err(Complaint::new(format!("has an unknown action '{given}'")).hint(hint))
        }
    }
}

/// Labels that a scope takes from an alert; none if it names its target.
pub(super) fn labels_for(scope: &str) -> &'static [&'static str] {
    FROM_LABELS.iter().find(|(name, _)| *name == scope).map_or(&[], |(_, labels)| labels)
}

/// A label that the scope needs and the metric's alerts never have.
pub(super) fn missing_label(scope: &str, metric: Metric) -> Option<&'static str> {
    labels_for(scope).iter().copied().find(|label| !metric.labels().contains(label))
}

fn trip(scope: &str) -> Read<Action> {
    let kind = scope.split('/').next().unwrap_or(scope);
    let forms = FORMS.iter().find(|(known, _)| *known == kind);
    let Some((_, forms)) = forms else {
        let hint = did_you_mean(kind, FORMS.iter().map(|(kind, _)| *kind))
            .unwrap_or_else(|| "scopes are all, provider, model, key and env".to_owned());
        return Err(Complaint::new(format!("has an unknown trip scope '{scope}'")).hint(hint));
    };
    if !labels_for(scope).is_empty() {
        return Ok(Action::Trip(scope.to_owned()));
    }
    match scope.parse::<SwitchScope>() {
        Ok(stops) if safe::is_visible(scope) && !scope.contains(' ') && !scope.ends_with('/') => {
            Ok(Action::Trip(stops.by_one_name().to_string()))
        }
        Err(ScopeError::KeyMaterial { shown }) => {
            Err(Complaint::new("holds a key, not the name of one")
                .hint(format!("write the name that tripline shows for {shown}")))
        }
        _ => Err(Complaint::new(format!("has a malformed trip scope '{scope}'")).hint(*forms)),
    }
}
