//! The core of the benchmark: it answers every request of a terminal with 200.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

/// How often the end is looked for while nothing comes.
const PAUSE: Duration = Duration::from_millis(20);

/// Answers what comes until `done`, and gives the address that registered.
pub(crate) fn serve(socket: &UdpSocket, done: &AtomicBool) -> anyhow::Result<SocketAddr> {
    socket.set_read_timeout(Some(PAUSE))?;
    let mut terminal = None;
    let mut octets = [0; 8_192];
    while !done.load(Ordering::Acquire) {
        match socket.recv_from(&mut octets) {
            Ok((length, source)) => {
                let request = &octets[..length];
                if request.starts_with(b"REGISTER ") {
                    terminal = Some(source);
                }
                answer(socket, source, request)?;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    terminal.context("no terminal has registered")
}

/// Answers one request: success, for whatever is in its Contact.
pub(crate) fn answer(socket: &UdpSocket, source: SocketAddr, request: &[u8]) -> anyhow::Result<()> {
    let text = String::from_utf8_lossy(request);
    let (head, _) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut answer = "SIP/2.0 200 OK\r\n".to_owned();
    for line in head.lines().skip(1) {
        let name = line.split(':').next().unwrap_or_default().trim();
        let end = match name.to_ascii_lowercase().as_str() {
            "via" | "v" | "from" | "f" | "call-id" | "i" | "cseq" => "",
            "to" | "t" => ";tag=bench",
            "contact" | "m" => ";expires=3600",
            _ => continue,
        };
        answer.extend([line, end, "\r\n"]);
    }
    answer.push_str("Content-Length: 0\r\n\r\n");
    if !text.starts_with("ACK ") && !text.starts_with("SIP/2.0") {
        socket.send_to(answer.as_bytes(), source)?;
    }
    Ok(())
}
