//! SIP by hand: messages read as text, so that nothing of this project stands between a test and the octets.

use anyhow::Context;

/// A message as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// Name and value of each header, in order.
    pub headers: Vec<(String, String)>,
    /// What follows the empty line.
    pub body: Vec<u8>,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// It has no empty line, or a line that is no header.
    pub fn parse(octets: &[u8]) -> anyhow::Result<Self> {
        let end = octets
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .with_context(|| format!("no empty line: {}", String::from_utf8_lossy(octets)))?;
        let (head, body) = octets.split_at(end);
        let head = String::from_utf8_lossy(head).into_owned();
        let mut lines = head.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line
                .split_once(':')
                .with_context(|| format!("no header: {line:?}"))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        });
        Ok(Self {
            start,
            headers: headers.collect::<anyhow::Result<_>>()?,
            body: body.get(4..).unwrap_or_default().to_vec(),
        })
    }

    /// The status of a response; 0 for a request.
    #[must_use]
    pub fn status(&self) -> u16 {
        let word = self
            .start
            .strip_prefix("SIP/2.0 ")
            .and_then(|rest| rest.get(..3));
        word.and_then(|word| word.parse().ok()).unwrap_or_default()
    }

    /// The method of a request, the first word of a response.
    #[must_use]
    pub fn method(&self) -> &str {
        self.start.split(' ').next().unwrap_or_default()
    }

    /// The first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// All headers of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = move |(header, _): &&(String, String)| header.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .filter(of_name)
            .map(|(_, value)| value.as_str())
    }

    /// The items of a header that is a list without quoted commas.
    #[must_use]
    pub fn list<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let items = self.all(name).flat_map(|value| value.split(','));
        items
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect()
    }

    /// The values of a media feature tag in Contact, in the order in which they stand; `None` where it is missing.
    #[must_use]
    pub fn feature(&self, tag: &str) -> Option<Vec<String>> {
        feature(self.header("Contact")?, tag)
    }

    /// The Push Resource Identifiers in Contact.
    #[must_use]
    pub fn applications(&self) -> Vec<String> {
        self.feature("+g.oma.pusheventapp").unwrap_or_default()
    }

    /// The application instances in Contact, as they stand there.
    #[must_use]
    pub fn instances(&self) -> Vec<String> {
        self.feature("+g.3gpp.iari-ref").unwrap_or_default()
    }

    /// The value of a parameter of a header, without quotes.
    #[must_use]
    pub fn parameter(&self, header: &str, name: &str) -> Option<String> {
        parameter(self.header(header)?, name)
    }

    /// An answer to this request, with a To tag and the headers of `more`, each ended by CRLF.
    #[must_use]
    pub fn answer(&self, status: &str, more: &str) -> String {
        let mut text = format!("SIP/2.0 {status}\r\n");
        for (name, value) in &self.headers {
            let is_copied = ["Via", "From", "To", "Call-ID", "CSeq", "Record-Route"]
                .iter()
                .any(|copied| copied.eq_ignore_ascii_case(name));
            if is_copied {
                let tag = if name.eq_ignore_ascii_case("To") && !value.contains(";tag=") {
                    ";tag=by-hand"
                } else {
                    ""
                };
                text.extend([name, ": ", value, tag, "\r\n"]);
            }
        }
        text.extend([more, "Content-Length: 0\r\n\r\n"]);
        text
    }
}

/// The values of a media feature tag in a Contact; `None` where it is missing.
#[must_use]
pub fn feature(contact: &str, tag: &str) -> Option<Vec<String>> {
    let value = parameter(contact, tag)?;
    let items = value.split(',').map(|item| item.trim().to_owned());
    Some(items.filter(|item| !item.is_empty()).collect())
}

/// The value of a parameter behind the address of a header, without quotes.
#[must_use]
pub fn parameter(value: &str, name: &str) -> Option<String> {
    // Parameters of a URI stand within its brackets.
    let behind = value.rsplit_once('>').map_or(value, |(_, behind)| behind);
    let mut rest = behind;
    // A quoted value of an earlier parameter may hold brackets as well.
    if let Some((_, behind)) = value.split_once('>') {
        rest = behind;
    }
    while let Some((_, next)) = rest.split_once(';') {
        let end = next.find(['=', ';']).unwrap_or(next.len());
        let (found, after) = next.split_at(end);
        let after = after.strip_prefix('=').unwrap_or(after);
        let (value, behind) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_at(after.find([';', ',']).unwrap_or(after.len())),
        };
        if found.trim().eq_ignore_ascii_case(name) {
            return Some(value.to_owned());
        }
        rest = behind;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contact_is_taken_apart() {
        let contact = "<sip:a@127.0.0.1:5060;ob>;+sip.instance=\"<urn:uuid:1>\";+g.oma.pusheventapp=\"mms.ua,ulp.ua\";expires=60";
        assert_eq!(
            feature(contact, "+g.oma.pusheventapp"),
            Some(vec!["mms.ua".to_owned(), "ulp.ua".to_owned()])
        );
        assert_eq!(
            parameter(contact, "+sip.instance").as_deref(),
            Some("<urn:uuid:1>")
        );
        assert_eq!(parameter(contact, "expires").as_deref(), Some("60"));
        assert_eq!(parameter(contact, "ob"), None);
    }

    #[test]
    fn a_message_is_taken_apart() -> anyhow::Result<()> {
        let message =
            Message::parse(b"SIP/2.0 415 No\r\nAccept: text/plain , a/b\r\naccept: c/d\r\n\r\nxy")?;
        assert_eq!(message.status(), 415);
        assert_eq!(message.list("ACCEPT"), ["text/plain", "a/b", "c/d"]);
        assert_eq!(message.body, b"xy");
        Ok(())
    }
}
