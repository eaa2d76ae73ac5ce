//! CPU time and memory as the kernel counts them. Wall time of a busy machine
//! says little; these do not depend on who else is running.

use std::fs;
use std::process::{Command, Stdio};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// Nanoseconds of CPU that this process's main thread has used.
pub fn own_ns() -> u64 {
    // Giving way makes the kernel bring its books up to date.
    std::thread::yield_now();
    on_cpu("/proc/self/schedstat")
}

/// Nanoseconds of CPU that all threads of a running process have used.
pub fn process_ns(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0 };
    let tasks = tasks.filter_map(Result::ok);
    tasks.map(|task| on_cpu(&format!("{}/schedstat", task.path().display()))).sum()
}

/// Runs a command of one thread to its end; the nanoseconds of CPU it took.
pub fn child_ns(command: &mut Command) -> u64 {
    let mut child = command.stdout(Stdio::null()).spawn().expect("it can be started");
    let pid = Pid::from_child(&child);
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    // Its books are open until it is waited for in earnest.
    waitid(WaitId::Pid(pid), ended).expect("it ends");
    let spent = on_cpu(&format!("/proc/{}/schedstat", child.id()));
    assert!(child.wait().expect("it ends").success());
    spent
}

/// Memory of a running process in KiB: what it has now and the most it had.
pub fn memory_kib(pid: u32) -> (u64, u64) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or(0)
    };
    (field("VmRSS:"), field("VmHWM:"))
}

fn on_cpu(path: &str) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
