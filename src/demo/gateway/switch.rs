//! How the gateway obeys the kill switch: before every call it looks whether a
//! file is there. The file's existence is the signal; nothing is remembered.

use std::io::ErrorKind;
use std::path::Path;

use super::super::scenario::Caller;
use crate::action::SwitchScope;

/// Error type of a refused call.
pub(super) const KIND: &str = "kill_switch";
/// Error code of a refused call.
pub(super) const CODE: &str = "llm_kill_switch";

/// The files that stop a call.
pub(super) fn files(provider: &str, model: &str, caller: &Caller) -> [String; 5] {
    let (provider, model) = (provider.to_owned(), model.to_owned());
    [
        SwitchScope::All,
        SwitchScope::Provider(provider.clone()),
        SwitchScope::Model { provider, model },
        SwitchScope::Key(caller.key_id.to_owned()),
        SwitchScope::Env(caller.environment.to_owned()),
    ]
    .map(|scope| scope.file_name())
}

/// Whether one of the files is there. What can't be told counts as tripped:
/// a switch that can't be read must not pass traffic.
pub(super) fn tripped(directory: &Path, files: &[String]) -> bool {
    files.iter().any(|file| match directory.join(file).symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::NotFound,
    })
}

#[cfg(test)]
mod tests {
    use super::tripped;

    #[test]
    fn what_can_not_be_looked_up_stops() {
        let directory = tempfile::tempdir().unwrap();
        let files = ["all.kill".to_owned()];
        assert!(!tripped(directory.path(), &files));
        assert!(!tripped(&directory.path().join("absent"), &files));
        let file = directory.path().join("a-file");
        std::fs::write(&file, "").unwrap();
        assert!(tripped(&file, &files), "not a directory: unreadable");
    }
}
