//! The least that anybody can do: wait for the log, read on, look for the
//! probe's name, rename a file into place.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;
use std::thread;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// Watches `log` for the rest of the run; a line that names `probe-N` becomes
/// the file `probe-N` in `answers`.
pub fn start(log: PathBuf, answers: PathBuf) {
    let events = inotify::init(CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(&events, &log, WatchFlags::MODIFY).unwrap();
    let mut file = File::open(log).unwrap();
    let probe = memchr::memmem::Finder::new(b"\"probe-").into_owned();
    thread::spawn(move || {
        let (mut woken, mut block) = ([0_u8; 4096], vec![0_u8; 256 * 1024]);
        loop {
            rustix::io::read(&events, &mut woken).unwrap();
            let filled = file.read(&mut block).unwrap();
            for at in probe.find_iter(block.get(..filled).unwrap()) {
                let name = block.get(at + 1..filled).unwrap();
                let name = name.get(..memchr::memchr(b'"', name).unwrap()).unwrap();
                let name = str::from_utf8(name).unwrap();
                fs::write(answers.join("pending"), "{\"reason\":\"probe\"}\n").unwrap();
                fs::rename(answers.join("pending"), answers.join(name)).unwrap();
            }
        }
    });
}
