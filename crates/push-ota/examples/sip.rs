//! How long a MESSAGE over UDP takes from its octets to those of its 200, the push itself apart.
//!
//! ```sh
//! cargo run --release -p push-ota --features check --example sip
//! ```
#![expect(clippy::print_stdout, reason = "it says what it measured")]

use std::time::{Duration, Instant};

use bytes::Bytes;
use push_ota::check::SipAnswers;

/// A MESSAGE as it comes through a core of two proxies.
fn message(number: u32) -> Bytes {
    format!(
        "MESSAGE sip:alice@192.0.2.7:5060 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK8f2a.{number:08x};rport\r\n\
         Via: SIP/2.0/UDP 198.51.100.4;branch=z9hG4bK77aa{number:08x};received=198.51.100.4\r\n\
         Max-Forwards: 68\r\n\
         From: <sip:psa@ims.example.net>;tag=p{number:08x}\r\n\
         To: <sip:alice@ims.example.net>\r\n\
         Call-ID: {number:08x}-41aa@psa.example.net\r\n\
         CSeq: 1 MESSAGE\r\n\
         P-Asserted-Identity: <sip:psa@ims.example.net>\r\n\
         Accept-Contact: *;+g.oma.pusheventapp=\"ulp.ua\";require;explicit\r\n\
         User-Agent: push-server/OMA1.0\r\n\
         Content-Type: application/vnd.omaloc-supl-init\r\n\
         Content-Length: 13\r\n\r\n0123456789abc"
    )
    .into()
}

fn main() {
    let mut answers = SipAnswers::new();
    let mut best = Duration::MAX;
    let mut length = 0;
    for round in 0..50 {
        let messages: Vec<_> = (0..1000)
            .map(|number| message(round * 1000 + number))
            .collect();
        #[expect(clippy::disallowed_methods, reason = "it measures")]
        let begin = Instant::now();
        for (number, octets) in messages.iter().enumerate() {
            let now = Duration::from_micros(u64::from(round) * 20_000 + number as u64 * 20);
            length = answers.answer(octets, now);
        }
        best = best.min(begin.elapsed() / 1000);
    }
    println!("{} octets in, {length} out: {best:?}", message(0).len());
}
