//! Who is believed to be who over TLS. The other side is a real `openssl s_server`
//! with certificates made here; without openssl these tests fail and say so.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::fake::{Fake, answer};
use super::sandbox::{Ran, Sandbox, until};

/// A server that ends with its test.
struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn openssl(dir: &Path, args: &[&str]) {
    let ran = Command::new("openssl").args(args).current_dir(dir).output();
    let ran = ran.expect("these tests need the openssl program");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// An authority, `ca.pem`, and a certificate of its for this name.
pub fn certify(dir: &Path, name: &str) {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let ca = ["req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=test authority"];
    openssl(dir, &[&ca[..], &key].concat());
    let san = format!("subjectAltName={name}");
    let leaf = ["req", "-x509", "-CA", "ca.pem", "-CAkey", "ca.key", "-keyout", "leaf.key", "-out"];
    let of =
        ["leaf.pem", "-subj", "/CN=leaf", "-addext", &san, "-addext", "basicConstraints=CA:FALSE"];
    openssl(dir, &[&leaf[..], &of, &key].concat());
}

/// Serves the files of a directory with its certificate.
fn serve(dir: &Path) -> Server {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let mut command = Command::new("openssl");
    command
        .args(["s_server", "-WWW", "-quiet", "-cert", "leaf.pem", "-key", "leaf.key", "-accept"]);
    command.arg(format!("127.0.0.1:{port}")).current_dir(dir);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let server = Server { child: child.unwrap(), port };
    until("the server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    server
}

/// What `once` shows of a scrape, with these certificate authorities.
fn scrape(sandbox: &Sandbox, url: &str, authorities: &Path) -> Value {
    let config = format!("[[source]]\nname = \"m\"\nkind = \"scrape\"\nurl = \"{url}\"\n");
    let path = sandbox.file("config.toml", config);
    let mut command = sandbox.command();
    command.env("SSL_CERT_FILE", authorities).env("SSL_CERT_DIR", sandbox.path("none"));
    command.arg("--config").arg(path).args(["once", "--json"]);
    Ran(command.output().unwrap()).picture()
}

pub fn problem(snapshot: &Value) -> &str {
    snapshot["sources"][0]["problem"].as_str().unwrap_or("none")
}

#[test]
fn only_who_an_authority_vouches_for_by_name_is_asked() {
    let sandbox = Sandbox::new();
    let (own, other) = (Sandbox::new(), Sandbox::new());
    let dir = |sandbox: &Sandbox| -> PathBuf { sandbox.path("") };
    certify(&dir(&own), "IP:127.0.0.1");
    certify(&dir(&other), "DNS:other.example");
    own.file("page", "tgi_queue_size 3\n");
    other.file("page", "tgi_queue_size 3\n");
    let server = serve(&dir(&own));
    let url = format!("https://127.0.0.1:{}/page", server.port);
    let trusted = scrape(&sandbox, &url, &own.path("ca.pem"));
    assert_eq!((problem(&trusted), &trusted["queues"][0]["depth"]), ("none", &3.into()));
    let stranger = scrape(&sandbox, &url, &other.path("ca.pem"));
    assert_eq!(problem(&stranger), "its certificate is not trusted");
    assert_eq!(stranger["queues"], Value::Array(Vec::new()));

    let wrong_name = serve(&dir(&other));
    let url = format!("https://127.0.0.1:{}/page", wrong_name.port);
    let wrong_name = scrape(&sandbox, &url, &other.path("ca.pem"));
    assert_eq!(problem(&wrong_name), "its certificate is not trusted");
}

#[test]
fn a_machine_without_authorities_says_so_and_still_asks_itself() {
    let sandbox = Sandbox::new();
    let own = Sandbox::new();
    certify(&own.path(""), "IP:127.0.0.1");
    let server = serve(&own.path(""));
    let none = sandbox.path("none");
    let url = format!("https://127.0.0.1:{}/page", server.port);
    let refused = scrape(&sandbox, &url, &none);
    assert!(problem(&refused).contains("no certificate authorities"), "{}", problem(&refused));
    let fake = Fake::start(|_, _| answer("200 OK", &[], "tgi_queue_size 3\n"));
    assert_eq!(problem(&scrape(&sandbox, &fake.url("/metrics"), &none)), "none");

    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        // Whatever comes is not read, but waited for.
        drop(stream.read_to_end(&mut Vec::new()));
    });
    let plain = scrape(&sandbox, &url, &own.path("ca.pem"));
    assert_eq!(problem(&plain), "no TLS connection");
}
