//! A message centre for MMS, small: it gives one message to everybody, and writes down what it is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use anyhow::Context;

use crate::process::PATIENCE;

/// A message centre.
#[derive(Debug)]
pub struct Mmsc {
    port: u16,
    requests: Receiver<Request>,
}

/// What it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET` or `POST`.
    pub method: String,
    /// The path.
    pub path: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Mmsc {
    /// Starts one on a port of its own.
    ///
    /// # Errors
    ///
    /// There is no port.
    pub fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let (sender, requests) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                thread::spawn(move || drop(serve(&stream, &sender)));
            }
        });
        Ok(Self { port, requests })
    }

    /// Where notifications are to point, with `id` at the end.
    #[must_use]
    pub fn location(&self, id: &str) -> String {
        format!("http://127.0.0.1:{}/mms?id={id}", self.port)
    }

    /// Where clients are to answer.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/mmsc", self.port)
    }

    /// The next request.
    ///
    /// # Errors
    ///
    /// None came.
    pub fn next(&self) -> anyhow::Result<Request> {
        let next = self.requests.recv_timeout(3 * PATIENCE);
        next.context("nobody asks the message centre for anything")
    }

    /// The notification of a message with this transaction and location (M-Notification.ind of MMS 1.2).
    #[must_use]
    pub fn notification(&self, transaction: &str) -> Vec<u8> {
        let location = self.location(transaction);
        let from = b"\x80+15550001/TYPE=PLMN\0";
        [
            b"\x8c\x82\x98".as_slice(),
            transaction.as_bytes(),
            b"\0\x8d\x92\x89",
            &[u8::try_from(from.len()).unwrap_or(0)],
            from,
            b"\x8a\x80\x8e\x02\x30\x39\x88\x05\x81\x03\x01\x51\x80\x83",
            location.as_bytes(),
            b"\0",
        ]
        .concat()
    }
}

fn serve(stream: &TcpStream, sender: &Sender<Request>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let path = words.next().unwrap_or_default().to_owned();
        let mut body = vec![0; content_length(&mut reader)?];
        reader.read_exact(&mut body)?;
        let content = if method == "GET" {
            message(&path)
        } else {
            Vec::new()
        };
        let mut writer = stream;
        write!(
            writer,
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.wap.mms-message\r\nContent-Length: {}\r\n\r\n",
            content.len()
        )?;
        writer.write_all(&content)?;
        if sender.send(Request { method, path, body }).is_err() {
            return Ok(());
        }
    }
}

/// Reads the headers, and gives the length of the body.
fn content_length(reader: &mut impl BufRead) -> std::io::Result<usize> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(length);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
}

/// A message with one text (M-Retrieve.conf), for the transaction at the end of the path.
fn message(path: &str) -> Vec<u8> {
    let transaction = path.rsplit('=').next().unwrap_or_default();
    let text = b"Hello from the message centre";
    let from = b"\x80+15550001/TYPE=PLMN\0";
    [
        b"\x8c\x84\x98".as_slice(),
        transaction.as_bytes(),
        b"\0\x8d\x92\x8bone@mmsc.example\0\x85\x04\x6a\x1e\x00\x00\x89",
        &[u8::try_from(from.len()).unwrap_or(0)],
        from,
        b"\x97+15551234567/TYPE=PLMN\0\x96A subject\0\x86\x81\x90\x81\x84\xa3\x01\x01",
        &[u8::try_from(text.len()).unwrap_or(0)],
        b"\x83",
        text,
    ]
    .concat()
}
