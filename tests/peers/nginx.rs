//! nginx before the provider, with the files of `contrib/nginx`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::need;
use super::rig::{Gateway, Rig, Scene, replaced};

/// How nginx is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Nginx {
    /// As in our documentation.
    Proper,
    /// Without the include of the kill switch.
    WithoutSwitch,
    /// The directory is closed to nginx's workers.
    ClosedDirectory,
    /// With nginx's own log format.
    CombinedLog,
}

/// The scene with nginx, if its programs are there.
pub fn rig(setup: Nginx) -> Option<Rig> {
    let (nginx, python) = need::gateway("nginx")?;
    Some(Rig::start(&python, |scene| gateway(scene, setup, &nginx)))
}

fn gateway(scene: &Scene, setup: Nginx, nginx: &Path) -> Gateway {
    let closed = scene.dir.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    let kill_dir = (setup == Nginx::ClosedDirectory).then(|| closed.join("kill.d"));
    let log = write(scene, setup, kill_dir.as_deref().unwrap_or(scene.kill_dir));
    let mut command = Command::new(nginx);
    command.arg("-p").arg(scene.dir).arg("-c").arg(scene.dir.join("nginx.conf"));
    Gateway { name: "nginx", command, log, kill_dir }
}

/// Our files with this test's addresses and paths; answers where the log is.
fn write(scene: &Scene, setup: Nginx, kill_dir: &Path) -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/nginx");
    let read = |name: &str| fs::read_to_string(ours.join(name)).unwrap();
    let place = |name: &str| scene.dir.join(name).display().to_string();
    let site = replaced(
        read("tripline-site.conf"),
        &[
            ("default /run/tripline/kill.d;", &format!("default {};", kill_dir.display())),
            // The choice of a gateway whose clients name the model in a header.
            ("default \"\";\n    # default $http_x_llm_model;", "default $http_x_llm_model;"),
            ("# 7Qm2 7%51m2;", "7Qm2 7%51m2;"),
        ],
    );
    let mut whole = replaced(
        read("example.conf"),
        &[
            ("127.0.0.1:18081", &scene.address.to_string()),
            ("127.0.0.1:18000", &scene.provider.to_string()),
            ("/tmp/tripline-nginx.pid", &place("nginx.pid")),
            ("/tmp/tripline-nginx.jsonl", &place("nginx.jsonl")),
        ],
    );
    if setup == Nginx::WithoutSwitch {
        whole = replaced(whole, &[("include tripline-kill.conf;", "")]);
    }
    if setup == Nginx::CombinedLog {
        whole = replaced(whole, &[(" tripline_json;", " combined;")]);
    }
    fs::write(scene.dir.join("tripline-site.conf"), site).unwrap();
    fs::write(scene.dir.join("nginx.conf"), whole).unwrap();
    for name in ["tripline.conf", "tripline-kill.conf"] {
        fs::copy(ours.join(name), scene.dir.join(name)).unwrap();
    }
    scene.dir.join("nginx.jsonl")
}
