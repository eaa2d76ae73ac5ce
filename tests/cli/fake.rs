//! A server on loopback that answers as a test tells it to, byte by byte, and
//! remembers what it was asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `POST /v1/x HTTP/1.1` and the headers, names in lower case.
    pub head: String,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().skip(1).find(|line| line.split(':').next() == Some(name))?;
        line.split_once(": ").map(|(_, value)| value)
    }
}

/// What is sent back.
pub enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then nothing, until the other side gives up.
    Hang(Vec<u8>),
}

/// An HTTP answer.
pub fn answer(status: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut text = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    Reply::Bytes(format!("{text}connection: close\r\n\r\n{body}").into_bytes())
}

pub struct Fake {
    pub address: SocketAddr,
    asked: Arc<(Mutex<Vec<Asked>>, Condvar)>,
}

impl Fake {
    /// Answers the nth request (from 0) with what `reply` makes of it.
    pub fn start(reply: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
        let (reply, heard) = (Arc::new(reply), Arc::clone(&asked));
        // It lives as long as the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reply, heard) = (Arc::clone(&reply), Arc::clone(&heard));
                std::thread::spawn(move || serve(stream, &heard, &*reply));
            }
        });
        Fake { address, asked }
    }

    /// Its address with this path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.0.lock().unwrap().clone()
    }

    /// Waits for so many requests.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Asked> {
        let guard = self.asked.0.lock().unwrap();
        let patience = super::sandbox::PATIENCE;
        let few = |asked: &mut Vec<Asked>| asked.len() < count;
        let (guard, end) = self.asked.1.wait_timeout_while(guard, patience, few).unwrap();
        assert!(!end.timed_out(), "asked {} times, not {count}", guard.len());
        guard.clone()
    }
}

type Heard = (Mutex<Vec<Asked>>, Condvar);

fn serve(mut stream: TcpStream, heard: &Heard, reply: &dyn Fn(usize, &Asked) -> Reply) {
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let Some(asked) = read(&mut stream) else { return };
    let number = {
        let mut all = heard.0.lock().unwrap();
        all.push(asked.clone());
        heard.1.notify_all();
        all.len() - 1
    };
    match reply(number, &asked) {
        // Whoever asked may have gone.
        Reply::Bytes(bytes) => drop(stream.write_all(&bytes)),
        Reply::Hang(bytes) => {
            drop(stream.write_all(&bytes));
            drop(stream.read(&mut [0]));
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = Asked { head: head.clone(), body: String::new() };
            let length = length.header("content-length").map_or(0, |value| value.parse().unwrap());
            if bytes.len() >= end + 4 + length {
                let body = String::from_utf8(bytes[end + 4..].to_vec()).unwrap();
                return Some(Asked { head, body });
            }
        }
        match stream.read(&mut block) {
            Ok(0) | Err(_) => return None,
            Ok(n) => bytes.extend_from_slice(&block[..n]),
        }
    }
}
