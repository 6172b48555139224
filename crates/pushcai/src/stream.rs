//! Streams of events that the daemon sends: read as they come, and opened again where they are lost.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::client::Client;
use crate::failure::Failure;
use crate::output::Output;
use crate::sse;

/// The first pause before a lost stream is opened again; it doubles each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause of whatever somebody looks at.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why a stream ended before it should.
pub(crate) enum Lost {
    /// The connection, which may be opened again.
    Connection(String),
    /// Something that will not be better next time.
    Failure(Failure),
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        if let Failure::Unreachable { message, .. } = failure {
            Self::Connection(message)
        } else {
            Self::Failure(failure)
        }
    }
}

/// A stream that is open.
pub(crate) struct Stream {
    body: Incoming,
    parser: sse::Parser,
}

impl Stream {
    pub(crate) fn new(body: Incoming) -> Self {
        Self {
            body,
            parser: sse::Parser::default(),
        }
    }

    /// Waits for what comes next: whole events, or none in what keeps the stream open. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Result<Vec<sse::Event>, Lost> {
        let frame = match self.body.frame().await {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => {
                return Err(Lost::Connection(format!("the stream broke off: {error}")));
            }
            None => return Err(Lost::Connection("the daemon ended the stream".to_owned())),
        };
        let mut events = Vec::new();
        if let Some(chunk) = frame.data_ref() {
            let read = self.parser.feed(chunk, &mut events);
            read.map_err(Failure::answer)?;
        }
        Ok(events)
    }
}

/// Pauses before a lost stream is opened again.
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    /// Pauses that grow up to this one.
    pub(crate) const fn new(longest: Duration) -> Self {
        Self {
            next: FIRST_PAUSE,
            longest,
        }
    }

    /// The next pause is the first again: the daemon is there.
    pub(crate) const fn reset(&mut self) {
        self.next = FIRST_PAUSE;
    }

    /// Says why there is no stream, and lets the pause pass.
    pub(crate) async fn wait(&mut self, cause: &str, output: &Output) {
        let seconds = self.next.as_secs_f64();
        output.complain(&format!("{cause}; connecting again in {seconds:.1} s"));
        tokio::time::sleep(self.next).await;
        self.next = self.next.saturating_mul(2).min(self.longest);
    }

    /// Opens a lost stream again behind the last event that is known, for as long as the daemon cannot be reached.
    pub(crate) async fn reopen(
        &mut self,
        client: &mut Client,
        (path, last): (&str, Option<&str>),
        mut cause: String,
        output: &Output,
    ) -> Result<Stream, Failure> {
        loop {
            self.wait(&cause, output).await;
            match client.stream(path, last).await.map_err(Lost::from) {
                Ok(stream) => return Ok(stream),
                Err(Lost::Connection(message)) => cause = message,
                Err(Lost::Failure(failure)) => return Err(failure),
            }
        }
    }
}
