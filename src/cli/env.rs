//! The environment, read once; but for keys, which are read when they are needed.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the environment says.
#[derive(Clone, Debug, Default)]
pub struct Env {
    home: Option<PathBuf>,
    config_home: Option<PathBuf>,
    state_home: Option<PathBuf>,
    /// Where a user's sockets belong.
    pub runtime_dir: Option<PathBuf>,
    /// What the service manager wants to hear, and how often.
    pub manager: Manager,
    /// `NO_COLOR` is set, or the terminal can't do any.
    pub no_color: bool,
    /// The locale is UTF-8.
    pub utf8: bool,
    /// `TERM` names a terminal that can move its cursor.
    pub terminal: bool,
    /// Who is at the keyboard.
    pub user: String,
}

/// The service manager, where one started us.
#[derive(Clone, Debug, Default)]
pub struct Manager {
    /// Its socket.
    pub socket: Option<OsString>,
    /// It ends us when it hears nothing for this long.
    pub watchdog: Option<Duration>,
}

impl Env {
    /// Read it.
    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn read() -> Env {
        let text = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let path = |name: &str| text(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(text);
        let utf8 = locale.is_some_and(|locale| {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        });
        let term = text("TERM");
        Env {
            home: path("HOME"),
            config_home: path("XDG_CONFIG_HOME"),
            state_home: path("XDG_STATE_HOME"),
            runtime_dir: path("XDG_RUNTIME_DIR"),
            manager: Manager {
                socket: env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()),
                watchdog: watchdog(text("WATCHDOG_USEC"), text("WATCHDOG_PID")),
            },
            no_color: text("NO_COLOR").is_some(),
            utf8,
            terminal: term.is_some_and(|term| term != "dumb"),
            user: text("SUDO_USER").or(text("USER")).or(text("LOGNAME")).unwrap_or_else(user_id),
        }
    }

    /// Where a configuration is looked for, best first.
    #[must_use]
    pub fn config_candidates(&self) -> Vec<PathBuf> {
        crate::config::candidates(self.config_home.as_deref(), self.home.as_deref())
    }

    /// Where state is kept unless told otherwise.
    #[must_use]
    pub fn state_dir(&self) -> Option<PathBuf> {
        let own = self.home.as_ref().map(|home| home.join(".local/state"));
        self.state_home.clone().or(own).map(|dir| dir.join("tripline"))
    }
}

/// A watchdog that was meant for us, and not for who started us.
fn watchdog(usec: Option<String>, pid: Option<String>) -> Option<Duration> {
    let ours = pid.is_none_or(|pid| pid == std::process::id().to_string());
    let usec = usec.and_then(|usec| usec.parse().ok()).filter(|usec| *usec > 0);
    usec.filter(|_| ours).map(Duration::from_micros)
}

fn user_id() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

/// A variable that the configuration names: where a key stands.
#[must_use]
#[allow(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// This machine's name.
#[must_use]
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
