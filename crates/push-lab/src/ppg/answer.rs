//! What a terminal answers.

use super::cpi::Cpi;

/// The answer to one request, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status code.
    pub status: u16,
    /// The phrase behind it.
    pub reason: String,
    /// 1 for HTTP/1.1, 0 for HTTP/1.0.
    pub minor_version: u8,
    /// All headers in their order, with names as they were written; octets above 127 as Latin-1.
    pub headers: Vec<(String, String)>,
    /// The body, empty where none belongs to the answer.
    pub body: Vec<u8>,
}

/// The value of X-Wap-Push-Status (WAP-235 7.4.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushStatus {
    /// Three digits.
    pub code: u16,
    /// The phrase behind them, which may be empty.
    pub phrase: String,
}

impl Answer {
    /// The first header with this name, whatever its case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(candidate, _): &&(String, String)| candidate.eq_ignore_ascii_case(name);
        self.headers
            .iter()
            .find(named)
            .map(|(_, value)| value.as_str())
    }

    /// Every header with this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(candidate, _)| candidate.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// X-Wap-Push-Status, where it is there and well-formed.
    pub fn push_status(&self) -> Option<PushStatus> {
        let value = self.header("X-Wap-Push-Status")?;
        let (code, phrase) = value.split_once(' ').unwrap_or((value, ""));
        let digits = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit());
        Some(PushStatus {
            code: code.parse().ok().filter(|_| digits)?,
            phrase: phrase.to_owned(),
        })
    }

    /// The code of X-Wap-Push-Status.
    pub fn push_code(&self) -> Option<u16> {
        self.push_status().map(|status| status.code)
    }

    /// X-Wap-CPITag (WAP-235 7.2.5.3), taken as an opaque text.
    pub fn tag(&self) -> Option<&str> {
        self.header("X-Wap-CPITag").filter(|tag| !tag.is_empty())
    }

    /// X-Wap-Terminal-Id (WAP-235 7.2.6.1.1).
    pub fn terminal_id(&self) -> Option<&str> {
        self.header("X-Wap-Terminal-Id")
    }

    /// X-Wap-Bearer-Indication (WAP-235 7.6.1): two hexadecimal digits.
    pub fn bearer(&self) -> Option<u8> {
        let value = self.header("X-Wap-Bearer-Indication")?;
        let hexadecimal = value.len() == 2 && value.bytes().all(|octet| octet.is_ascii_hexdigit());
        u8::from_str_radix(value, 16).ok().filter(|_| hexadecimal)
    }

    /// The CPI headers of a registration's answer; those that are missing have their defaults.
    pub fn cpi(&self) -> Cpi {
        Cpi::from_headers(&self.headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, value: &str) -> Answer {
        Answer {
            status: 204,
            reason: String::new(),
            minor_version: 1,
            headers: vec![(name.to_owned(), value.to_owned())],
            body: Vec::new(),
        }
    }

    #[test]
    fn a_push_status_is_three_digits_and_perhaps_a_phrase() {
        let status = |value| answer("x-wap-push-STATUS", value).push_status();
        let full = PushStatus {
            code: 237,
            phrase: "No room now".to_owned(),
        };
        assert_eq!(status("237 No room now"), Some(full));
        assert_eq!(status("400").map(|status| status.code), Some(400));
        assert_eq!(status("40"), None);
        assert_eq!(status("+40"), None);
        assert_eq!(status("4000 x"), None);
    }

    #[test]
    fn a_bearer_is_two_hexadecimal_digits() {
        let bearer = |value| answer("X-Wap-Bearer-Indication", value).bearer();
        assert_eq!(bearer("0B"), Some(11));
        assert_eq!(bearer("b"), None);
        assert_eq!(bearer("+b"), None);
    }
}
