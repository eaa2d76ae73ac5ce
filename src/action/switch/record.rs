//! What stands in a kill file, for people. The file's existence is the signal;
//! nothing here decides whether traffic is stopped.

use serde::{Deserialize, Serialize};

use crate::action::scope::SwitchScope;
use crate::domain::Wall;
use crate::text;

/// The schema of a kill file.
pub const KILL_SCHEMA: &str = "tripline.kill/v1";

/// Every kill file of ours has this length, so that the details can be written
/// into space that was taken when the switch was prepared.
pub(super) const FILE_LEN: usize = 2048;

/// The reason in a file whose details are not written (yet).
pub(super) const PLACEHOLDER_REASON: &str = "tripped; details are being written";

/// Who trips a switch, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillNote {
    /// Why.
    pub reason: String,
    /// The rule, if one tripped it.
    pub rule: Option<String>,
    /// The person, or `tripline` for a rule.
    pub by: String,
    /// On which host.
    pub host: String,
    /// When.
    pub at: Wall,
}

/// What a kill file of ours says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KillRecord {
    /// The scope as people write it; absent in a file whose details are missing.
    pub scope: Option<String>,
    /// Why.
    pub reason: String,
    /// The rule, if one tripped it.
    pub rule: Option<String>,
    /// Who.
    pub by: Option<String>,
    /// On which host.
    pub host: Option<String>,
    /// When.
    pub at: Option<Wall>,
    /// When the file was made again, if somebody had removed it.
    pub again: Option<Wall>,
}

impl KillRecord {
    /// Whether it is that of a prepared file: the details are not written (yet).
    pub(super) fn is_placeholder(&self) -> bool {
        self.at.is_none() && self.reason == PLACEHOLDER_REASON
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Json {
    schema: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_again_at: Option<String>,
}

/// The content of a prepared file.
pub(super) fn placeholder() -> Vec<u8> {
    let json = Json {
        schema: KILL_SCHEMA.into(),
        reason: Some(PLACEHOLDER_REASON.into()),
        by: Some("tripline".into()),
        ..Json::default()
    };
    padded(&json).unwrap_or_default()
}

/// The content of a tripped file, and of one that was made again. Long texts are cut
/// until everything fits.
pub(super) fn render(scope: &SwitchScope, note: &KillNote, again: Option<Wall>) -> Vec<u8> {
    let fitting = |budget: usize| {
        let cut = |text: &str| clean(text, budget);
        padded(&Json {
            schema: KILL_SCHEMA.into(),
            scope: Some(cut(&scope.to_string())),
            reason: Some(cut(&note.reason)),
            rule: note.rule.as_deref().map(cut),
            by: Some(cut(&note.by)),
            host: Some(cut(&note.host)),
            at: Some(note.at.rfc3339()),
            made_again_at: again.map(Wall::rfc3339),
        })
    };
    [1024, 300, 150].into_iter().find_map(fitting).unwrap_or_else(placeholder)
}

/// What a file says, if it is one of ours.
pub(super) fn parse(bytes: &[u8]) -> Option<KillRecord> {
    let json: Json = serde_json::from_slice(bytes).ok()?;
    (json.schema == KILL_SCHEMA).then(|| KillRecord {
        scope: json.scope,
        reason: json.reason.unwrap_or_default(),
        rule: json.rule,
        by: json.by,
        host: json.host,
        at: json.at.as_deref().and_then(parse_time),
        again: json.made_again_at.as_deref().and_then(parse_time),
    })
}

/// Text fit for a record: no credential, nothing that a terminal would obey
/// when somebody prints the file, at most `max` bytes.
pub(in crate::action) fn clean(text: &str, max: usize) -> String {
    // What is kept is decided long before this; the rest need not be searched.
    let text: String = text.chars().take(16 * max).collect();
    let masked = text::mask(&text);
    let mut kept = String::new();
    for c in text::printable(&masked).chars() {
        if kept.len() + c.len_utf8() > max {
            break;
        }
        kept.push(c);
    }
    kept
}

/// A time as [`Wall::rfc3339`] writes it, or any other RFC 3339 form.
pub(in crate::action) fn parse_time(text: &str) -> Option<Wall> {
    let time: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok().map(Wall)
}

fn padded(json: &Json) -> Option<Vec<u8>> {
    let mut bytes = serde_json::to_vec(json).ok()?;
    if bytes.len() >= FILE_LEN {
        return None;
    }
    bytes.resize(FILE_LEN - 1, b' ');
    bytes.push(b'\n');
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> KillNote {
        KillNote {
            reason: text.into(),
            rule: Some(text.into()),
            by: text.into(),
            host: text.into(),
            at: Wall::from_millis(1_795_183_407_412),
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let scope: SwitchScope = "model/openai/gpt-4o".parse().unwrap();
        let bytes = render(&scope, &note("tokens gone"), None);
        assert_eq!(bytes.len(), FILE_LEN);
        let record = parse(&bytes).unwrap();
        assert_eq!(record.scope.as_deref(), Some("model/openai/gpt-4o"));
        assert_eq!(record.reason, "tokens gone");
        assert_eq!(record.at, Some(Wall::from_millis(1_795_183_407_412)));
        assert_eq!(record.again, None);
        let again = Some(Wall::from_millis(1_795_183_999_000));
        let record = parse(&render(&scope, &note("tokens gone"), again)).unwrap();
        assert_eq!((record.at, record.again), (Some(note("").at), again));
    }

    #[test]
    fn no_credential_gets_into_a_record() {
        let key = format!("sk-proj-{}", "Q7xWb2mK9rTfLp4Zs8Vd1Nc6Hy3Ja91f");
        let bytes =
            render(&SwitchScope::Key(key.clone()), &note(&format!("leak of {key} seen")), None);
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            !text.contains("Q7xWb2mK") && text.contains("leak of sk-proj-…a91f seen"),
            "{text}"
        );
    }

    #[test]
    fn texts_of_any_length_and_kind_fit() {
        for text in ["", "\u{1}\n\u{7f}", "\"\\", "é", "😀"] {
            let bytes =
                render(&SwitchScope::Key(text.repeat(70_000)), &note(&text.repeat(70_000)), None);
            assert_eq!(bytes.len(), FILE_LEN);
            let record = parse(&bytes).unwrap();
            assert_ne!(record.reason, PLACEHOLDER_REASON, "{text:?}");
            assert!(record.reason.chars().all(|c| !c.is_control()));
        }
    }

    #[test]
    fn the_placeholder_is_a_record_and_other_content_is_not() {
        let record = parse(&placeholder()).unwrap();
        assert_eq!((record.reason.as_str(), record.at), (PLACEHOLDER_REASON, None));
        assert_eq!(placeholder().len(), FILE_LEN);
        for foreign in ["", "stop", "{}", r#"{"schema":"other/v1"}"#, "\u{0}"] {
            assert_eq!(parse(foreign.as_bytes()), None);
        }
    }
}
