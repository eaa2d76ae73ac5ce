//! File systems of a test's own, where one may be mounted.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic and wait")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::need;

/// How long somebody may still use it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A file system that can be taken away and put back.
pub struct Mounted {
    device: Vec<String>,
    at: PathBuf,
}

impl Mounted {
    /// In memory. `None`, loudly, where mounting is not allowed.
    pub fn tmpfs(at: &Path, options: &str) -> Option<Mounted> {
        let device = ["-t", "tmpfs", "-o", options, "tmpfs"];
        Mounted::new(device.map(str::to_owned).to_vec(), at)
    }

    /// A fresh ext4 in a file. `None`, loudly, where that is not possible.
    pub fn ext4(image: &Path, at: &Path) -> Option<Mounted> {
        let made = fs::File::create(image).and_then(|file| file.set_len(32 << 20));
        made.unwrap();
        let mut make = Command::new("mkfs.ext4");
        make.env("PATH", PLACES).arg("-q").arg(image);
        skipped_unless_done(make.output())?;
        let image = image.to_str().unwrap().to_owned();
        Mounted::new(vec!["-o".to_owned(), "loop".to_owned(), image], at)
    }

    fn new(device: Vec<String>, at: &Path) -> Option<Mounted> {
        fs::create_dir_all(at).unwrap();
        let disk = Mounted { device, at: at.to_owned() };
        skipped_unless_done(disk.try_mount())?;
        Some(disk)
    }

    fn try_mount(&self) -> std::io::Result<Output> {
        Command::new("mount").args(&self.device).arg(&self.at).output()
    }

    pub fn path(&self) -> &Path {
        &self.at
    }

    pub fn mount(&self) {
        let done = self.try_mount().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    /// Take it away, whoever uses it.
    pub fn unmount(&self) {
        let done = Command::new("umount").arg("--lazy").arg(&self.at).status().unwrap();
        assert!(done.success());
    }

    /// Take it away once nobody uses it, so that it is read from the disk again.
    pub fn unmount_for_good(&self) {
        let deadline = Instant::now() + PATIENCE;
        while !Command::new("umount").arg(&self.at).output().unwrap().status.success() {
            assert!(Instant::now() < deadline, "{} is in use", self.at.display());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let done = Command::new("mount").args(["-o", &options]).arg(&self.at).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.at).status();
    }
}

const PLACES: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn skipped_unless_done(ran: std::io::Result<Output>) -> Option<()> {
    match ran {
        Ok(output) if output.status.success() => Some(()),
        other => {
            // A container forbids it, and nothing that is installed changes that.
            need::skipped(&format!("no file system can be mounted here: {other:?}"));
            None
        }
    }
}
