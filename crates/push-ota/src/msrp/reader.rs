//! The octets of a connection, taken apart into heads, content and ends (RFC 4975 9).

use memchr::memmem;

/// What comes next on the connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A first line and its headers.
    Head(Head),
    /// Some of the content of the message whose head came last.
    Data(&'a [u8]),
    /// The end of that message.
    End(Flag),
}

/// A first line and its headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    /// Names the request.
    pub(super) transaction: Box<str>,
    /// What it is.
    pub(super) kind: Kind,
    /// Whether content follows, be it empty.
    pub(super) has_content: bool,
    headers: Vec<(Box<str>, Box<str>)>,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request, with its method.
    Request(Box<str>),
    /// A response, with its status.
    Response(u16),
}

/// How the end-line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flag {
    /// `$`: the end of the message.
    Last,
    /// `+`: more of the message follows in another request.
    More,
    /// `#`: the message is given up.
    GivenUp,
}

/// Octets that are no MSRP: nothing that follows on the connection can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The first line.
    #[error("no first line of MSRP")]
    FirstLine,
    /// A header.
    #[error("a header without a name or a colon")]
    Header,
    /// Too many octets before the content.
    #[error("a first line and headers longer than they may be")]
    TooLong,
}

/// Takes the octets of a connection apart, wherever they are split.
#[derive(Debug)]
pub(super) struct Reader {
    octets: Vec<u8>,
    /// What lies before is done with.
    position: usize,
    /// What lies before holds no end of the present line.
    searched: usize,
    /// Octets that the present head may still have.
    room: usize,
    max_head: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    FirstLine,
    Headers(Head),
    /// In content. `skip` octets at the position are no content: the end of the empty line, which the end-line may need.
    Content {
        mark: Box<[u8]>,
        skip: usize,
    },
    Ending(Flag),
}

/// What stands before the name of the request in an end-line.
const DASHES: &str = "-------";

/// What ends a line.
const LINE_END: &[u8] = b"\r\n";

impl Head {
    /// The first header of this name, which has no case.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.headers.iter();
        all.find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    /// Every header.
    pub(super) fn headers(&self) -> &[(Box<str>, Box<str>)] {
        &self.headers
    }
}

impl Reader {
    pub(super) const fn new(max_head: usize) -> Self {
        Self {
            octets: Vec::new(),
            position: 0,
            searched: 0,
            room: max_head,
            max_head,
            state: State::FirstLine,
        }
    }

    /// Takes octets; [`next`](Self::next) gives what they are.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.drain(..self.position);
        self.searched = self.searched.saturating_sub(self.position);
        self.position = 0;
        self.octets.extend_from_slice(octets);
    }

    /// The next piece; none where more octets have to come first.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'_>>, Broken> {
        loop {
            match &mut self.state {
                State::Ending(flag) => {
                    let flag = *flag;
                    self.begin();
                    return Ok(Some(Piece::End(flag)));
                }
                State::Content { .. } => return Ok(self.content()),
                State::FirstLine | State::Headers(_) => {
                    let Some(line) = self.line()? else {
                        return Ok(None);
                    };
                    if let Some(head) = self.take_line(&line)? {
                        return Ok(Some(Piece::Head(head)));
                    }
                }
            }
        }
    }

    /// Between two messages.
    fn begin(&mut self) {
        self.state = State::FirstLine;
        self.room = self.max_head;
        self.searched = self.position;
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<Option<String>, Broken> {
        let from = self.searched.max(self.position);
        let unread = self.octets.get(from..).unwrap_or_default();
        let Some(found) = memmem::find(unread, LINE_END) else {
            // The end may be split.
            self.searched = self.octets.len().saturating_sub(1).max(self.position);
            let length = self.octets.len() - self.position;
            let fits = length <= self.room;
            return fits.then_some(None).ok_or(Broken::TooLong);
        };
        let (start, end) = (self.position, from + found);
        self.position = end + LINE_END.len();
        self.searched = self.position;
        let left = self.room.checked_sub(self.position - start);
        self.room = left.ok_or(Broken::TooLong)?;
        let line = self.octets.get(start..end).unwrap_or_default();
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }

    /// Takes a line of a head, and gives the head if it is whole.
    fn take_line(&mut self, line: &str) -> Result<Option<Head>, Broken> {
        let State::Headers(head) = &mut self.state else {
            self.state = State::Headers(read_first_line(line)?);
            return Ok(None);
        };
        if line.is_empty() {
            // The end-line begins with the end of the line before.
            self.position -= LINE_END.len();
            let mark = [b"\r\n", DASHES.as_bytes(), head.transaction.as_bytes()].concat();
            let content = State::Content {
                mark: mark.into(),
                skip: LINE_END.len(),
            };
            if let State::Headers(mut head) = std::mem::replace(&mut self.state, content) {
                head.has_content = true;
                return Ok(Some(head));
            }
            return Ok(None);
        }
        if let Some(flag) = end_of(line, &head.transaction) {
            let ending = std::mem::replace(&mut self.state, State::Ending(flag));
            return Ok(match ending {
                State::Headers(head) => Some(head),
                State::FirstLine | State::Content { .. } | State::Ending(_) => None,
            });
        }
        let (name, value) = line.split_once(':').ok_or(Broken::Header)?;
        if name.is_empty() || !name.bytes().all(is_of_token) {
            return Err(Broken::Header);
        }
        head.headers.push((name.into(), value.trim().into()));
        Ok(None)
    }

    /// Some content, or its end.
    fn content(&mut self) -> Option<Piece<'_>> {
        let State::Content { mark, skip } = &mut self.state else {
            return None;
        };
        let window = self.octets.get(self.position..).unwrap_or_default();
        let (end, mut flag) = until_mark(window, mark);
        let data = *skip..end;
        if data.is_empty() {
            if flag.is_some() {
                self.position += end + mark.len() + 1 + LINE_END.len();
                self.begin();
            }
            return flag.take().map(Piece::End);
        }
        *skip = 0;
        let start = self.position;
        self.position += data.end;
        let data = self.octets.get(start + data.start..start + data.end);
        data.map(Piece::Data)
    }
}

/// How many octets are content for certain, and what the end-line right behind them says, if it is one.
fn until_mark(window: &[u8], mark: &[u8]) -> (usize, Option<Flag>) {
    let Some(found) = memmem::find(window, mark) else {
        // What the window ends with may be the beginning of a mark.
        let tail = window.len().saturating_sub(mark.len().saturating_sub(1));
        let begins = |from: &usize| window.get(*from..).is_some_and(|end| mark.starts_with(end));
        let end = (tail..window.len()).find(begins);
        return (end.unwrap_or(window.len()), None);
    };
    let behind = window.get(found + mark.len()..).unwrap_or_default();
    let flag = behind.first().map(|octet| read_flag(*octet));
    let line_end = behind.get(1..).unwrap_or_default();
    let line_end = line_end.get(..LINE_END.len()).unwrap_or(line_end);
    match flag {
        None => (found, None),
        Some(Some(flag)) if line_end == LINE_END => (found, Some(flag)),
        Some(Some(_)) if LINE_END.starts_with(line_end) => (found, None),
        // Looks like one, but is content: no mark begins before its second line end.
        Some(_) => (found + mark.len(), None),
    }
}

const fn read_flag(octet: u8) -> Option<Flag> {
    match octet {
        b'$' => Some(Flag::Last),
        b'+' => Some(Flag::More),
        b'#' => Some(Flag::GivenUp),
        _ => None,
    }
}

/// Reads a line as the end-line of this request.
fn end_of(line: &str, transaction: &str) -> Option<Flag> {
    let rest = line.strip_prefix(DASHES)?.strip_prefix(transaction)?;
    match rest.as_bytes() {
        [octet] => read_flag(*octet),
        _ => None,
    }
}

fn read_first_line(line: &str) -> Result<Head, Broken> {
    let mut words = line.splitn(4, ' ');
    let (Some("MSRP"), Some(transaction), Some(what)) = (words.next(), words.next(), words.next())
    else {
        return Err(Broken::FirstLine);
    };
    let comment = words.next();
    let good = (1..=64).contains(&transaction.len()) && transaction.bytes().all(is_of_name);
    let letters = !what.is_empty() && what.bytes().all(|octet| octet.is_ascii_uppercase());
    let digits = what.len() == 3 && what.bytes().all(|octet| octet.is_ascii_digit());
    let kind = match what.parse() {
        Ok(status) if digits => Kind::Response(status),
        Ok(_) | Err(_) if letters && comment.is_none() => Kind::Request(what.into()),
        Ok(_) | Err(_) => return Err(Broken::FirstLine),
    };
    if !good {
        return Err(Broken::FirstLine);
    }
    Ok(Head {
        transaction: transaction.into(),
        kind,
        has_content: false,
        headers: Vec::new(),
    })
}

/// Whether a name of a request may have it.
const fn is_of_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'-' | b'+' | b'%' | b'=')
}

/// Whether a name of a header may have it.
const fn is_of_token(octet: u8) -> bool {
    octet.is_ascii_graphic() && octet != b':'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the octets are, pieces of content put together.
    fn read(pieces: &[&[u8]]) -> Result<(String, bool), Broken> {
        let mut reader = Reader::new(200);
        let mut text = String::new();
        for piece in pieces {
            reader.push(piece);
            while let Some(piece) = reader.next()? {
                text += match piece {
                    Piece::Head(head) => format!("<{} {:?}>", head.transaction, head.kind),
                    Piece::Data(data) => data.escape_ascii().to_string(),
                    Piece::End(flag) => format!("<{flag:?}>"),
                }
                .as_str();
            }
        }
        Ok((text, reader.position == reader.octets.len()))
    }

    #[test]
    fn octets_are_taken_apart_wherever_they_are_split() {
        let octets = b"MSRP a.1 SEND\r\nTo-Path: x\r\nEmpty:\r\n\r\n\r\r\n-------a.1\r\n\
            -------a.12$\r\n-------a.1+ \r\n-------a.1#\r\r\n-------a.1+\r\nMSRP b 200 OK, then\r\n-------b$\r\n\
            MSRP c SEND\r\nA: b\r\n\r\n-------c#\r\nMSRP d SEND\r\nA: b\r\n\r\n\r\n-------d$\r\n";
        let expected = "<a.1 Request(\"SEND\")>\\r\\r\\n-------a.1\\r\\n\
            -------a.12$\\r\\n-------a.1+ \\r\\n-------a.1#\\r<More><b Response(200)><Last>\
            <c Request(\"SEND\")><GivenUp><d Request(\"SEND\")><Last>";
        let expected = Ok((expected.to_owned(), true));
        assert_eq!(read(&[octets]), expected);
        for middle in 0..octets.len() {
            let (left, right) = octets.split_at(middle);
            assert_eq!(read(&[left, right]), expected, "split at {middle}");
        }
        let single: Vec<&[u8]> = octets.chunks(1).collect();
        assert_eq!(read(&single), expected);
    }

    #[test]
    fn what_is_no_msrp_is_refused() {
        let long = format!("MSRP a SEND\r\nA: {}", "x".repeat(200));
        let lines = format!("MSRP a SEND\r\n{}", "A: b\r\n".repeat(32));
        for (text, error) in [
            ("\r\n", Broken::FirstLine),
            ("MSRP a\r\n", Broken::FirstLine),
            ("MSRP  SEND\r\n", Broken::FirstLine),
            ("MSRP a,b SEND\r\n", Broken::FirstLine),
            ("MSRP a send\r\n", Broken::FirstLine),
            ("MSRP a SEND now\r\n", Broken::FirstLine),
            ("MSRP a 20\r\n", Broken::FirstLine),
            ("MSRP a +20\r\n", Broken::FirstLine),
            ("HTTP a SEND\r\n", Broken::FirstLine),
            ("MSRP a SEND\r\nTo-Path\r\n", Broken::Header),
            ("MSRP a SEND\r\n: x\r\n", Broken::Header),
            ("MSRP a SEND\r\n-------a\r\n", Broken::Header),
            ("MSRP a SEND\r\n-------b$\r\n", Broken::Header),
            (&long, Broken::TooLong),
            (&lines, Broken::TooLong),
        ] {
            assert_eq!(read(&[text.as_bytes()]), Err(error), "{text}");
        }
    }
}
