//! Server-sent events, as the HTML standard (section 9.2) has them.

/// The most octets that one line may have. An event's content is bounded far below by every bearer.
const MAX_LINE: usize = 16 << 20;

/// One event of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Event {
    /// What kind of event it is; `message` where the stream does not say.
    pub(crate) kind: String,
    /// The last id that the stream gave.
    pub(crate) id: Option<String>,
    /// The data.
    pub(crate) data: String,
}

/// Reads events out of chunks that may end anywhere.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    /// The last octet was a carriage return: a line feed behind it ends no other line.
    after_return: bool,
    begun: bool,
    kind: String,
    data: Option<String>,
    id: Option<String>,
    bound: Option<usize>,
}

/// A line that is longer than any event can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a line of the event stream has more than {0} octets")]
pub(crate) struct LineTooLong(usize);

impl Parser {
    /// Takes a chunk and moves the events that it completes behind `events`.
    pub(crate) fn feed(
        &mut self,
        chunk: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), LineTooLong> {
        let mut rest = chunk;
        while let Some(end) = rest.iter().position(|octet| matches!(octet, b'\n' | b'\r')) {
            let (piece, from_end) = rest.split_at(end);
            let is_return = from_end.first() == Some(&b'\r');
            let second_half = self.after_return && piece.is_empty() && !is_return;
            self.after_return = is_return;
            rest = from_end.get(1..).unwrap_or_default();
            if !second_half {
                self.extend(piece)?;
                events.extend(self.end_of_line());
            }
        }
        self.after_return &= rest.is_empty();
        self.extend(rest)
    }

    fn extend(&mut self, piece: &[u8]) -> Result<(), LineTooLong> {
        let bound = self.bound.unwrap_or(MAX_LINE);
        if self.line.len().saturating_add(piece.len()) > bound {
            return Err(LineTooLong(bound));
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn end_of_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let begun = std::mem::replace(&mut self.begun, true);
        let line = line
            .strip_prefix('\u{feff}')
            .filter(|_| !begun)
            .unwrap_or(&line);
        if line.is_empty() {
            return self.dispatch();
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        self.field(name, value.strip_prefix(' ').unwrap_or(value));
        None
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => value.clone_into(&mut self.kind),
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        let kind = std::mem::take(&mut self.kind);
        let data = self.data.take()?;
        Some(Event {
            kind: if kind.is_empty() {
                "message".to_owned()
            } else {
                kind
            },
            id: self.id.clone(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &[u8] = "\u{feff}: hello\r\nretry: 100\r\n\r\nevent: push\nid: 01\ndata: {\"a\":1}\n\nevent:push\rid:02\rdata:x\rdata:  é\r\rdata\n\nid\ndata: last\n\ndata: unfinished".as_bytes();

    fn event(kind: &str, id: Option<&str>, data: &str) -> Event {
        Event {
            kind: kind.to_owned(),
            id: id.map(str::to_owned),
            data: data.to_owned(),
        }
    }

    fn expected() -> Vec<Event> {
        vec![
            event("push", Some("01"), "{\"a\":1}"),
            event("push", Some("02"), "x\n é"),
            event("message", Some("02"), ""),
            event("message", Some(""), "last"),
        ]
    }

    fn parse<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Event> {
        let (mut parser, mut events) = (Parser::default(), Vec::new());
        for chunk in chunks {
            parser.feed(chunk, &mut events).unwrap();
        }
        events
    }

    #[test]
    fn events_are_read_wherever_chunks_end() {
        assert_eq!(parse([STREAM]), expected());
        for size in 1..STREAM.len() {
            assert_eq!(parse(STREAM.chunks(size)), expected(), "{size}");
        }
        for middle in 0..STREAM.len() {
            let (head, tail) = STREAM.split_at(middle);
            assert_eq!(parse([head, tail]), expected(), "{middle}");
        }
    }

    #[test]
    fn line_ends_are_told_apart() {
        assert_eq!(
            parse([&b"data: a\r\n\r\ndata: b\r\r\ndata: c\n\n"[..]]).len(),
            3
        );
        assert_eq!(
            parse([&b"data: a\r\ndata: b\r\n\n"[..]]),
            [event("message", None, "a\nb")]
        );
    }

    #[test]
    fn lines_are_bounded() {
        let mut parser = Parser {
            bound: Some(8),
            ..Parser::default()
        };
        let mut events = Vec::new();
        parser.feed(b"data: ok\n\n", &mut events).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(parser.feed(b"data: ", &mut events), Ok(()));
        assert_eq!(parser.feed(b"too", &mut events), Err(LineTooLong(8)));
    }
}
