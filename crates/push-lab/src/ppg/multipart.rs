//! Multipart messages (RFC 2046, RFC 2387): what a push initiator sends.

/// One part: its headers and its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Vec<u8>,
}

impl Part {
    pub(super) fn content_type(&self) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))
            .map(|(_, value)| value.as_str())
    }
}

/// How many parts are read.
const MAX_PARTS: usize = 4;

/// The boundary that a content type names.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (media_type, parameters) = content_type.split_once(';')?;
    if !media_type.trim().eq_ignore_ascii_case("multipart/related") {
        return None;
    }
    // A boundary may hold a semicolon only within quotation marks, which nobody does.
    let value = parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').to_owned())
    })?;
    Some(value).filter(|value| !value.is_empty() && value.len() <= 70)
}

/// The parts of a message, or why there are none.
pub(super) fn split(body: &[u8], boundary: &str) -> Result<Vec<Part>, String> {
    let delimiter = format!("--{boundary}").into_bytes();
    let mut parts = Vec::new();
    let mut rest = after_line(body, &delimiter, 0)
        .ok_or_else(|| format!("the boundary {boundary:?} does not occur"))?;
    loop {
        let end = next(rest, &delimiter).ok_or("the last part has no end")?;
        let (part, behind) = rest.split_at(end);
        parts.push(part_of(strip_line_end(part))?);
        if parts.len() > MAX_PARTS {
            return Err(format!("more than {MAX_PARTS} parts"));
        }
        let behind = behind.get(delimiter.len()..).unwrap_or_default();
        if behind.starts_with(b"--") {
            return Ok(parts);
        }
        rest = line_end(behind).ok_or("the last part has no end")?;
    }
}

/// What follows the line that begins with the delimiter.
fn after_line<'a>(body: &'a [u8], delimiter: &[u8], from: usize) -> Option<&'a [u8]> {
    let at = next(body.get(from..)?, delimiter)? + from;
    line_end(body.get(at + delimiter.len()..)?)
}

/// Where the delimiter begins a line.
fn next(octets: &[u8], delimiter: &[u8]) -> Option<usize> {
    let mut windows = octets.windows(delimiter.len()).enumerate();
    let starts_line = |at: usize| at == 0 || octets.get(at - 1) == Some(&b'\n');
    windows
        .find(|(at, window)| *window == delimiter && starts_line(*at))
        .map(|(at, _)| at)
}

/// What follows the end of this line; nothing but space may stand before it.
fn line_end(octets: &[u8]) -> Option<&[u8]> {
    let end = octets.iter().position(|octet| *octet == b'\n')?;
    let (line, rest) = octets.split_at(end + 1);
    line.iter().all(u8::is_ascii_whitespace).then_some(rest)
}

fn strip_line_end(octets: &[u8]) -> &[u8] {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    octets.strip_suffix(b"\r").unwrap_or(octets)
}

fn part_of(octets: &[u8]) -> Result<Part, String> {
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut rest = octets;
    loop {
        let end = rest.iter().position(|octet| *octet == b'\n');
        let (line, behind) = rest.split_at(end.map_or(rest.len(), |end| end + 1));
        rest = behind;
        let line = String::from_utf8_lossy(line);
        let text = line.trim_end();
        if text.is_empty() {
            return Ok(Part {
                headers,
                content: rest.to_vec(),
            });
        }
        if text.starts_with([' ', '\t']) {
            let (_, value) = headers
                .last_mut()
                .ok_or("a part begins with a folded line")?;
            value.push(' ');
            value.push_str(text.trim());
            continue;
        }
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| format!("{text:?} is no header of a part"))?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_found_in_content_types() {
        for (content_type, expected) in [
            ("multipart/related; boundary=abc", Some("abc")),
            (
                "Multipart/Related; type=\"application/xml\"; Boundary=\"a b\"",
                Some("a b"),
            ),
            ("multipart/mixed; boundary=abc", None),
            ("multipart/related", None),
            ("multipart/related; boundary=", None),
        ] {
            assert_eq!(
                boundary(content_type).as_deref(),
                expected,
                "{content_type}"
            );
        }
    }

    #[test]
    fn parts_are_taken_apart() {
        let body = b"preamble\r\n--b\r\nContent-Type: application/xml\r\n\r\n<pap/>\r\n--b \r\n\
                     content-type: text/plain;\r\n charset=utf-8\r\nX-A: b\r\n\r\nline --b\r\n\r\n--b--\r\nepilogue";
        let parts = split(body, "b").unwrap();
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].content, b"<pap/>");
        assert_eq!(parts[1].content_type(), Some("text/plain; charset=utf-8"));
        assert_eq!(parts[1].headers[1], ("X-A".to_owned(), "b".to_owned()));
        assert_eq!(parts[1].content, b"line --b\r\n");
        let bare = split(b"--b\n\nx\n--b--", "b").unwrap();
        assert_eq!(
            (&bare[0].headers[..], &bare[0].content[..]),
            (&[][..], &b"x"[..])
        );
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for body in [
            &b""[..],
            b"--c\r\n\r\nx\r\n--c--",
            b"--b\r\n\r\nx",
            b"--b\r\n\r\nx\r\n--b",
            b"--b\r\nno header\r\n\r\nx\r\n--b--",
            b"--b\r\n folded\r\n\r\nx\r\n--b--",
        ] {
            assert!(split(body, "b").is_err());
        }
        let many = b"--b\r\n\r\nx\r\n".repeat(6);
        assert_eq!(
            split(&[&many[..], b"--b--"].concat(), "b"),
            Err("more than 4 parts".to_owned())
        );
    }
}
