//! What a kill switch stops, and the one file name that stands for it.
//!
//! Names come from logs, so anybody may choose them: the file name of a scope
//! is safe whatever the name holds, and two scopes never share one.

use std::fmt::{self, Write};
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::domain::provider;
use crate::text;

/// The ending of a kill file.
pub const KILL_SUFFIX: &str = ".kill";

/// Longest file name we make; file systems allow 255 bytes.
pub const MAX_FILE_NAME: usize = 200;

/// The traffic that a switch stops.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SwitchScope {
    /// Every call.
    All,
    /// Calls to one provider.
    Provider(String),
    /// Calls to one model of one provider.
    Model {
        /// The provider.
        provider: String,
        /// The model.
        model: String,
    },
    /// Calls with one key, named by its id (never the key itself).
    Key(String),
    /// Calls of one environment.
    Env(String),
}

/// Text that names no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// It has none of the accepted forms.
    #[error(
        "{text:?} is not a scope; write all, provider/NAME, model/PROVIDER/NAME, key/NAME or \
         env/NAME"
    )]
    Unknown {
        /// What was given, without credentials, cut to a readable length.
        text: String,
    },
    /// It holds a key, which would end up in a file name and in records.
    #[error("that is a key, not the name of one; write the name that tripline shows for {shown}")]
    KeyMaterial {
        /// What may be shown of it.
        shown: String,
    },
}

impl SwitchScope {
    /// The file whose existence stops this scope, e.g. `model.openai.gpt-4o.kill`.
    ///
    /// Bytes outside `[a-z0-9._-]` are percent-encoded (upper-case hex), and so
    /// are a leading dot and the dots in a model's provider, which would make
    /// the name ambiguous. Beyond [`MAX_FILE_NAME`] bytes the end gives way to
    /// `+` and a hash; `+` occurs in no other name.
    #[must_use]
    pub fn file_name(&self) -> String {
        let stem = match self {
            SwitchScope::All => "all".to_owned(),
            SwitchScope::Provider(name) => format!("provider.{}", encode(name, Dots::Keep)),
            SwitchScope::Model { provider, model } => {
                format!("model.{}.{}", encode(provider, Dots::Encode), encode(model, Dots::Keep))
            }
            SwitchScope::Key(name) => format!("key.{}", encode(name, Dots::Keep)),
            SwitchScope::Env(name) => format!("env.{}", encode(name, Dots::Keep)),
        };
        bounded(stem) + KILL_SUFFIX
    }

    /// The scope that a file name stands for, if it is one that
    /// [`file_name`](Self::file_name) makes. A shortened name does not tell.
    #[must_use]
    pub fn from_file_name(file: &str) -> Option<SwitchScope> {
        let stem = file.strip_suffix(KILL_SUFFIX)?;
        let scope = match stem.split_once('.') {
            None if stem == "all" => SwitchScope::All,
            Some(("provider", name)) => SwitchScope::Provider(decode(name)?),
            Some(("model", rest)) => {
                let (provider, model) = rest.split_once('.')?;
                SwitchScope::Model { provider: decode(provider)?, model: decode(model)? }
            }
            Some(("key", name)) => SwitchScope::Key(decode(name)?),
            Some(("env", name)) => SwitchScope::Env(decode(name)?),
            _ => return None,
        };
        (scope.file_name() == file).then_some(scope)
    }

    /// The same under the one name that its provider has here: that is what calls are counted
    /// by, and what gateways look for. A file that stands under another name is another scope.
    #[must_use]
    pub fn by_one_name(self) -> SwitchScope {
        let one = |name: String| provider::name(&name).into_owned();
        match self {
            SwitchScope::Provider(name) => SwitchScope::Provider(one(name)),
            SwitchScope::Model { provider, model } => {
                SwitchScope::Model { provider: one(provider), model }
            }
            other => other,
        }
    }

    /// Whether who stops this stops all that the other one means.
    #[must_use]
    pub fn covers(&self, other: &SwitchScope) -> bool {
        match (self, other) {
            (SwitchScope::All, _) => true,
            (SwitchScope::Provider(own), SwitchScope::Model { provider, .. }) => own == provider,
            _ => self == other,
        }
    }

    /// What a person types to confirm a stop: the last and most telling part.
    #[must_use]
    pub fn short_name(&self) -> &str {
        match self {
            SwitchScope::All => "all",
            SwitchScope::Provider(name)
            | SwitchScope::Key(name)
            | SwitchScope::Env(name)
            | SwitchScope::Model { model: name, .. } => name,
        }
    }
}

/// The form that people write: `model/openai/gpt-4o`. A `/` or `%` in a model's
/// provider is percent-encoded, because the next `/` ends it.
impl fmt::Display for SwitchScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SwitchScope::All => f.write_str("all"),
            SwitchScope::Provider(name) => write!(f, "provider/{name}"),
            SwitchScope::Model { provider, model } => {
                write!(f, "model/{}/{model}", provider.replace('%', "%25").replace('/', "%2F"))
            }
            SwitchScope::Key(name) => write!(f, "key/{name}"),
            SwitchScope::Env(name) => write!(f, "env/{name}"),
        }
    }
}

impl FromStr for SwitchScope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<SwitchScope, ScopeError> {
        let refused = || ScopeError::Unknown { text: text::mask(text).chars().take(80).collect() };
        let named = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        match text.split_once('/') {
            None if text == "all" => Some(SwitchScope::All),
            Some(("provider", name)) => named(name).map(SwitchScope::Provider),
            Some(("key", name)) => {
                let label = text::key_label(name, 0);
                if label != name {
                    // Without the hash, which belongs to no installation here.
                    let shown = label.split('#').next().unwrap_or_default().to_owned();
                    return Err(ScopeError::KeyMaterial { shown });
                }
                named(name).map(SwitchScope::Key)
            }
            Some(("env", name)) => named(name).map(SwitchScope::Env),
            Some(("model", rest)) => rest.split_once('/').and_then(|(by, model)| {
                let by = by.replace("%2F", "/").replace("%25", "%");
                Some(SwitchScope::Model { provider: named(&by)?, model: named(model)? })
            }),
            _ => None,
        }
        .ok_or_else(refused)
    }
}

/// What to do with the dots of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dots {
    Keep,
    Encode,
}

fn encode(name: &str, dots: Dots) -> String {
    let mut safe = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if dots == Dots::Encode || at == 0 => safe.push_str("%2E"),
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => safe.push(char::from(byte)),
            _ => {
                let _ = write!(safe, "%{byte:02X}");
            }
        }
    }
    safe
}

fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(after.get(..2)?, 16).ok()?);
        rest = after.get(2..)?;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok().filter(|name| !name.is_empty())
}

fn bounded(mut stem: String) -> String {
    let room = MAX_FILE_NAME - KILL_SUFFIX.len();
    if stem.len() <= room {
        return stem;
    }
    let hash = hex(&Sha256::digest(stem.as_bytes()));
    let hash = hash.get(..32).unwrap_or(&hash);
    // The stem is ASCII by construction, so any cut is a character boundary.
    stem.truncate(room - 1 - hash.len());
    format!("{stem}+{hash}")
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(provider: &str, model: &str) -> SwitchScope {
        SwitchScope::Model { provider: provider.into(), model: model.into() }
    }

    #[test]
    fn each_scope_has_one_text_one_file_and_one_short_name() {
        let key = |name: &str| SwitchScope::Key(name.into());
        for (scope, text, file, short) in [
            (SwitchScope::All, "all", "all.kill", "all"),
            (
                SwitchScope::Provider("openai".into()),
                "provider/openai",
                "provider.openai.kill",
                "openai",
            ),
            (
                model("openai", "gpt-4o"),
                "model/openai/gpt-4o",
                "model.openai.gpt-4o.kill",
                "gpt-4o",
            ),
            (
                model("openai", "gpt-4.1"),
                "model/openai/gpt-4.1",
                "model.openai.gpt-4.1.kill",
                "gpt-4.1",
            ),
            (
                model("together", "Qwen/Q2"),
                "model/together/Qwen/Q2",
                "model.together.%51wen%2F%512.kill",
                "Qwen/Q2",
            ),
            (model("a.b", "c"), "model/a.b/c", "model.a%2Eb.c.kill", "c"),
            (model("a/b%", "c"), "model/a%2Fb%25/c", "model.a%2Fb%25.c.kill", "c"),
            (key("prod-web"), "key/prod-web", "key.prod-web.kill", "prod-web"),
            (key(".."), "key/..", "key.%2E..kill", ".."),
            (key("sk-…A"), "key/sk-…A", "key.sk-%E2%80%A6%41.kill", "sk-…A"),
            (SwitchScope::Env("prod".into()), "env/prod", "env.prod.kill", "prod"),
        ] {
            assert_eq!(scope.to_string(), text);
            assert_eq!(text.parse::<SwitchScope>().as_ref(), Ok(&scope));
            assert_eq!(scope.file_name(), file);
            assert_eq!(SwitchScope::from_file_name(file), Some(scope.clone()), "{file}");
            assert_eq!(scope.short_name(), short);
        }
    }

    #[test]
    fn text_that_names_no_scope_is_refused_with_the_accepted_forms() {
        for text in ["", "All", "provider", "provider/", "model/openai", "model//x", "team/web"] {
            let error = text.parse::<SwitchScope>().unwrap_err().to_string();
            assert!(error.contains("model/PROVIDER/NAME"), "{error}");
        }
    }

    #[test]
    fn a_key_itself_is_refused_and_not_repeated() {
        let body = "Q7xWb2mK9rTfLp4Zs8Vd1Nc6Hy3Ja91f";
        for text in
            [format!("key/sk-proj-{body}"), format!("key/{body}"), format!("kye/sk-proj-{body}")]
        {
            let error = text.parse::<SwitchScope>().unwrap_err().to_string();
            assert!(!error.contains("Q7xWb2mK") && error.contains("a91f"), "{error}");
        }
        let label = "key/sk-proj-…a91f#1f3c";
        assert_eq!(label.parse::<SwitchScope>().unwrap().to_string(), label);
    }

    #[test]
    fn only_our_own_spelling_of_a_file_name_is_a_scope() {
        for file in [
            "all",
            "llm.kill",
            "key..kill",
            "key.A.kill",
            "key.a%2fb.kill",
            "key.%zz.kill",
            "key.%+1.kill",
            "key.%.kill",
            "key.%FF.kill",
            "model.openai.kill",
            ".staged-0",
        ] {
            assert_eq!(SwitchScope::from_file_name(file), None, "{file}");
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_distinct() {
        let names = [300, 301, 65_536].map(|n| SwitchScope::Key("k".repeat(n)).file_name());
        assert!(names.iter().all(|name| name.len() <= MAX_FILE_NAME && name.contains('+')));
        assert!(names[0] != names[1] && names[1] != names[2]);
        let fits = SwitchScope::Key("k".repeat(MAX_FILE_NAME - "key..kill".len()));
        assert_eq!(SwitchScope::from_file_name(&fits.file_name()), Some(fits));
    }
}
