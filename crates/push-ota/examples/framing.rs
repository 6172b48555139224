//! How long the strict check of one push takes.
//!
//! ```sh
//! cargo run --release -p push-ota --example framing
//! ```
#![expect(clippy::print_stdout, reason = "it says what it measured")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use push_ota::http::framing::{Framing, FramingError, FramingLimits};

fn main() -> Result<(), FramingError> {
    let content = "HTTP/1.1 200 OK\r\nContent-Type: text/vnd.wap.si\r\nX-Wap-Application-Id: \
                   x-wap-application:wml.ua\r\n\r\n<si><indication href=\"http://a.example/\">Mail\
                   </indication></si>";
    let push = format!(
        "POST /wappush HTTP/1.1\r\nHost:\r\nX-Wap-Push-OTA-Version: 1.0\r\nX-Wap-CPITag: AAECAw==\r\n\
         X-Wap-Push-Info: authenticated,last\r\nUser-Agent: gateway/1.0\r\n\
         X-Wap-Push-ProvURL: http://prov.example/\r\nContent-Type: application/http\r\n\
         Content-Length: {}\r\n\r\n{content}",
        content.len()
    );
    let mut framing = Framing::new(FramingLimits::default());
    let mut best = Duration::MAX;
    for _ in 0..100 {
        #[expect(clippy::disallowed_methods, reason = "it measures")]
        let begin = Instant::now();
        for _ in 0..1000 {
            framing.check(black_box(push.as_bytes()))?;
        }
        best = best.min(begin.elapsed() / 1000);
    }
    println!("{} octets: {best:?}", push.len());
    Ok(())
}
