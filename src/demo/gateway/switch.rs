//! How the gateway obeys the kill switch: before every call it looks whether a
//! file is there. The file's existence is the signal; nothing is remembered.

use std::fmt::Write;
use std::io::ErrorKind;
use std::path::Path;

use super::super::scenario::Caller;

/// Error type of a refused call.
pub(super) const KIND: &str = "kill_switch";
/// Error code of a refused call.
pub(super) const CODE: &str = "llm_kill_switch";

/// The files that stop a call.
pub(super) fn scopes(provider: &str, model: &str, caller: &Caller) -> [String; 5] {
    let (provider, model) = (encoded(provider), encoded(model));
    [
        "all.kill".to_owned(),
        format!("provider.{provider}.kill"),
        format!("model.{provider}.{model}.kill"),
        format!("key.{}.kill", encoded(caller.key_id)),
        format!("env.{}.kill", encoded(caller.environment)),
    ]
}

/// Whether one of the files is there. What can't be told counts as tripped:
/// a switch that can't be read must not pass traffic.
pub(super) fn tripped(directory: &Path, scopes: &[String]) -> bool {
    scopes.iter().any(|scope| match directory.join(scope).symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::NotFound,
    })
}

/// A name as part of a file name: `[a-z0-9._-]` stay, all else is percent-encoded.
fn encoded(name: &str) -> String {
    name.bytes().fold(String::with_capacity(name.len()), |mut done, byte| {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' => done.push(char::from(byte)),
            _ => {
                // Writing to a string can't fail.
                let _ = write!(done, "%{byte:02X}");
            }
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::{encoded, tripped};

    #[test]
    fn names_can_not_leave_the_directory() {
        assert_eq!(encoded("gpt-4o.mini_1"), "gpt-4o.mini_1");
        assert_eq!(encoded("../Etc é"), "..%2F%45tc%20%C3%A9");
    }

    #[test]
    fn what_can_not_be_looked_up_stops() {
        let directory = tempfile::tempdir().unwrap();
        let scopes = ["all.kill".to_owned()];
        assert!(!tripped(directory.path(), &scopes));
        assert!(!tripped(&directory.path().join("absent"), &scopes));
        let file = directory.path().join("a-file");
        std::fs::write(&file, "").unwrap();
        assert!(tripped(&file, &scopes), "not a directory: unreadable");
    }
}
