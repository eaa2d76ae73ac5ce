//! A small disk, for tests that fill one.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

/// A small disk of its own.
pub struct Tmpfs {
    path: PathBuf,
}

impl Tmpfs {
    /// `None`, loudly, where mounting is not allowed.
    pub fn mount(path: PathBuf, options: &str) -> Option<Tmpfs> {
        fs::create_dir_all(&path).unwrap();
        let mut mount = Command::new("mount");
        match mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output() {
            Ok(output) if output.status.success() => Some(Tmpfs { path }),
            other => {
                let why = format!("SKIPPED: no file system can be mounted here: {other:?}\n");
                let _ = std::io::stderr().write_all(why.as_bytes());
                None
            }
        }
    }

    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let done = Command::new("mount").args(["-o", &options]).arg(&self.path).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
