//! HTTP/1.1 messages as octets: requests are written, answers are read (RFC 9112).

use tokio::io::{AsyncRead, AsyncReadExt};

use super::answer::Answer;

/// The end of a line.
const CRLF: &[u8] = b"\r\n";

/// A request: its line, its headers in this order, and its body.
pub(super) fn request(
    method: &str,
    path: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Vec<u8> {
    let mut octets = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        octets.extend_from_slice(name.as_bytes());
        octets.extend_from_slice(if value.is_empty() { b":" } else { b": " });
        octets.extend_from_slice(value.as_bytes());
        octets.extend_from_slice(CRLF);
    }
    octets.extend_from_slice(CRLF);
    octets.extend_from_slice(body);
    octets
}

/// How much of an answer is read at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Octets of the status line and the headers.
    pub(super) head: usize,
    /// Octets of the body.
    pub(super) body: usize,
}

/// Why no answer could be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// The connection ended between two answers.
    #[error("the terminal closed the connection")]
    Closed,
    /// The connection ended or broke within an answer.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// What came is no HTTP answer.
    #[error("what came is no HTTP answer: {0}")]
    Malformed(String),
    /// The answer is longer than the bound.
    #[error("the answer is longer than {0} octets")]
    TooLong(usize),
}

/// Reads one answer after another from a stream.
#[derive(Debug)]
pub(super) struct Reader<S> {
    stream: S,
    waiting: Vec<u8>,
    limits: Limits,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(super) const fn new(stream: S, limits: Limits) -> Self {
        Self {
            stream,
            waiting: Vec::new(),
            limits,
        }
    }

    /// The head of the next answer, its body still on the way.
    pub(super) async fn head(&mut self) -> Result<Answer, AnswerError> {
        loop {
            if let Some(end) = end_of_head(&self.waiting) {
                let head: Vec<u8> = self.waiting.drain(..end).collect();
                return parse_head(&head);
            }
            if self.waiting.len() > self.limits.head {
                return Err(AnswerError::TooLong(self.limits.head));
            }
            if self.more().await? == 0 {
                return Err(if self.waiting.is_empty() {
                    AnswerError::Closed
                } else {
                    AnswerError::Broken("it ended within the head of an answer".to_owned())
                });
            }
        }
    }

    /// The body that belongs to `answer`, as the answer to this request method.
    pub(super) async fn body(
        &mut self,
        answer: &Answer,
        to_head: bool,
    ) -> Result<Vec<u8>, AnswerError> {
        if to_head || matches!(answer.status, 100..=199 | 204 | 304) {
            return Ok(Vec::new());
        }
        let chunked = answer
            .header("Transfer-Encoding")
            .is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"));
        if chunked {
            return self.chunked().await;
        }
        match answer.header("Content-Length") {
            Some(length) => {
                let length = length.trim().parse().map_err(|_| {
                    AnswerError::Malformed(format!("{length:?} is no Content-Length"))
                })?;
                self.exactly(length).await
            }
            None => self.all().await,
        }
    }

    async fn chunked(&mut self) -> Result<Vec<u8>, AnswerError> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16)
                .map_err(|_| AnswerError::Malformed(format!("{digits:?} is no chunk size")))?;
            if length == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if body.len().saturating_add(length) > self.limits.body {
                return Err(AnswerError::TooLong(self.limits.body));
            }
            body.append(&mut self.exactly(length).await?);
            if !self.line().await?.is_empty() {
                return Err(AnswerError::Malformed(
                    "a chunk is longer than its size".to_owned(),
                ));
            }
        }
    }

    async fn line(&mut self) -> Result<String, AnswerError> {
        loop {
            if let Some(end) = self.waiting.windows(2).position(|two| two == CRLF) {
                let line = self
                    .waiting
                    .drain(..end)
                    .map(char::from)
                    .collect::<String>();
                self.waiting.drain(..CRLF.len());
                return Ok(line);
            }
            if self.waiting.len() > self.limits.head {
                return Err(AnswerError::TooLong(self.limits.head));
            }
            self.some().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, AnswerError> {
        if length > self.limits.body {
            return Err(AnswerError::TooLong(self.limits.body));
        }
        while self.waiting.len() < length {
            self.some().await?;
        }
        Ok(self.waiting.drain(..length).collect())
    }

    async fn all(&mut self) -> Result<Vec<u8>, AnswerError> {
        while self.waiting.len() <= self.limits.body {
            if self.more().await? == 0 {
                return Ok(std::mem::take(&mut self.waiting));
            }
        }
        Err(AnswerError::TooLong(self.limits.body))
    }

    async fn some(&mut self) -> Result<(), AnswerError> {
        match self.more().await? {
            0 => Err(AnswerError::Broken("it ended within an answer".to_owned())),
            _ => Ok(()),
        }
    }

    async fn more(&mut self) -> Result<usize, AnswerError> {
        self.stream
            .read_buf(&mut self.waiting)
            .await
            .map_err(|error| AnswerError::Broken(error.to_string()))
    }
}

fn end_of_head(octets: &[u8]) -> Option<usize> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// The head of an answer, strictly: lines end with CR LF, names stand right before their colon, nothing is folded.
fn parse_head(head: &[u8]) -> Result<Answer, AnswerError> {
    let malformed = |what: String| AnswerError::Malformed(what);
    let text: String = head.iter().copied().map(char::from).collect();
    let mut lines = text.split("\r\n").take_while(|line| !line.is_empty());
    let status_line = lines.next().unwrap_or_default();
    let no_status_line = || malformed(format!("{status_line:?} is no status line"));
    let mut parts = status_line.splitn(3, ' ');
    let version = parts.next().unwrap_or_default();
    let minor = match version {
        "HTTP/1.1" => 1,
        "HTTP/1.0" => 0,
        _ => return Err(no_status_line()),
    };
    let code = parts
        .next()
        .filter(|code| code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit()));
    let status = code
        .and_then(|code| code.parse().ok())
        .ok_or_else(no_status_line)?;
    let reason = parts.next().unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .filter(|(name, _)| is_token(name))
            .ok_or_else(|| malformed(format!("{line:?} is no header")))?;
        if line.contains(['\r', '\n', '\0']) {
            return Err(malformed(format!("{line:?} holds a control character")));
        }
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    Ok(Answer {
        status,
        reason,
        minor_version: minor,
        headers,
        body: Vec::new(),
    })
}

fn is_token(name: &str) -> bool {
    let in_token = |octet: u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet);
    !name.is_empty() && name.bytes().all(in_token)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        head: 200,
        body: 20,
    };

    async fn read(octets: &[u8]) -> Result<Answer, AnswerError> {
        let mut reader = Reader::new(octets, LIMITS);
        let mut answer = reader.head().await?;
        answer.body = reader.body(&answer, false).await?;
        Ok(answer)
    }

    #[test]
    fn requests_are_written_with_every_octet_where_it_belongs() {
        let headers = [
            ("Host".to_owned(), String::new()),
            ("X-A".to_owned(), "b c".to_owned()),
        ];
        assert_eq!(
            request("POST", "/wappush", &headers, b"body"),
            b"POST /wappush HTTP/1.1\r\nHost:\r\nX-A: b c\r\n\r\nbody"
        );
    }

    #[tokio::test]
    async fn answers_are_read_with_and_without_a_body() {
        let answer = read(b"HTTP/1.1 204 No Content\r\nX-Wap-Push-Status:400 Accepted\r\n\r\nHTTP")
            .await
            .unwrap();
        assert_eq!((answer.status, answer.reason.as_str()), (204, "No Content"));
        assert_eq!(answer.header("x-wap-push-status"), Some("400 Accepted"));
        assert_eq!(answer.body, b"");
        let answer = read(b"HTTP/1.1 404 \r\nContent-Length: 3\r\n\r\nno!rest")
            .await
            .unwrap();
        assert_eq!((answer.status, &answer.body[..]), (404, &b"no!"[..]));
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nX: y\r\n\r\n";
        assert_eq!(read(chunked).await.unwrap().body, b"abcde");
        let until_the_end = b"HTTP/1.0 200 OK\r\n\r\nall of it";
        assert_eq!(read(until_the_end).await.unwrap().body, b"all of it");
    }

    #[tokio::test]
    async fn several_answers_follow_each_other() {
        let octets: &[u8] = b"HTTP/1.1 204 A\r\n\r\nHTTP/1.1 200 B\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 204 C\r\n\r\n";
        let mut reader = Reader::new(octets, LIMITS);
        let mut reasons = Vec::new();
        while let Ok(answer) = reader.head().await {
            reader.body(&answer, false).await.unwrap();
            reasons.push(answer.reason);
        }
        assert_eq!(reasons, ["A", "B", "C"]);
        assert_eq!(reader.head().await, Err(AnswerError::Closed));
    }

    #[tokio::test]
    async fn what_is_no_answer_is_refused() {
        for octets in [
            &b"HTP/1.1 204 A\r\n\r\n"[..],
            b"HTTP/1.1 20 A\r\n\r\n",
            b"HTTP/1.1 204 A\r\nX-A : b\r\n\r\n",
            b"HTTP/1.1 204 A\r\n folded\r\n\r\n",
            b"HTTP/1.1 204 A\r\nX-A: b\nX-B: c\r\n\r\n",
            b"HTTP/1.1 200 A\r\nContent-Length: x\r\n\r\n",
            b"HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
            b"HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        ] {
            let error = read(octets).await.unwrap_err();
            assert!(matches!(error, AnswerError::Malformed(_)), "{error}");
        }
        for octets in [
            &b"HTTP/1.1 204"[..],
            b"HTTP/1.1 200 A\r\nContent-Length: 4\r\n\r\nab",
        ] {
            let error = read(octets).await.unwrap_err();
            assert!(matches!(error, AnswerError::Broken(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn nothing_grows_beyond_its_bound() {
        let long_head = format!("HTTP/1.1 200 A\r\nX: {}", "a".repeat(400));
        assert_eq!(
            read(long_head.as_bytes()).await,
            Err(AnswerError::TooLong(200))
        );
        for octets in [
            &b"HTTP/1.1 200 A\r\nContent-Length: 21\r\n\r\n"[..],
            b"HTTP/1.1 200 A\r\n\r\n0123456789012345678901",
            b"HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
        ] {
            assert_eq!(read(octets).await, Err(AnswerError::TooLong(20)));
        }
    }
}
