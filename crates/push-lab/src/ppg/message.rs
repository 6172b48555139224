//! The two requests that a gateway sends: registrations (WAP-235 7.2.5.1) and pushes (7.4.1).

use crate::push::{ApplicationId, Push};

/// The only resource that a terminal has (WAP-235 7.3).
pub(super) const PATH: &str = "/wappush";

/// Which X-Wap-CPITag a request carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Tag {
    /// The one that was last learnt on this connection; none before that.
    #[default]
    Known,
    /// None.
    Absent,
    /// This one, whatever it is.
    Exactly(String),
}

/// A registration request: OPTIONS.
///
/// Headers that the gateway adds by itself (Host, X-Wap-Push-OTA-Version, X-Wap-Push-ProvURL) follow the settings; a header of the
/// same name in `headers` replaces them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionsRequest {
    /// The request URI: `/wappush` unless set.
    pub path: String,
    /// The tag to assume.
    pub tag: Tag,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

impl Default for OptionsRequest {
    fn default() -> Self {
        Self {
            path: PATH.to_owned(),
            tag: Tag::Known,
            headers: Vec::new(),
        }
    }
}

impl OptionsRequest {
    /// The request that every gateway sends: the known tag and nothing special.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the request URI.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Sets the tag to assume.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }

    /// Adds a header, in place of the gateway's own of this name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A push: POST with an HTTP response as its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpPush {
    /// The request URI: `/wappush` unless set.
    pub path: String,
    /// The tag to assume.
    pub tag: Tag,
    /// Headers of the request itself, in place of the gateway's own of the same name.
    pub headers: Vec<(String, String)>,
    /// The tokens of X-Wap-Push-Info (WAP-235 7.4.1.1); without any the header is left out.
    pub info: Vec<String>,
    /// The status line inside, `HTTP/1.1 200 OK` unless set.
    pub status_line: String,
    /// The push headers, which stand inside; Content-Type and Content-Length are not among them.
    pub push_headers: Vec<(String, String)>,
    /// The content type of the content.
    pub content_type: String,
    /// The content.
    pub content: Vec<u8>,
    /// The body of the request instead of the one made from the fields above, with its own content type.
    pub entity: Option<(String, Vec<u8>)>,
}

impl HttpPush {
    /// A push with this content.
    pub fn new(content_type: &str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            path: PATH.to_owned(),
            tag: Tag::Known,
            headers: Vec::new(),
            info: Vec::new(),
            status_line: "HTTP/1.1 200 OK".to_owned(),
            push_headers: Vec::new(),
            content_type: content_type.to_owned(),
            content: content.into(),
            entity: None,
        }
    }

    /// Sets the request URI.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Sets the tag to assume.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }

    /// Names the application: X-Wap-Application-Id inside.
    #[must_use]
    pub fn application(self, id: &str) -> Self {
        self.push_header("X-Wap-Application-Id", id)
    }

    /// Adds a push header, which stands inside.
    #[must_use]
    pub fn push_header(mut self, name: &str, value: &str) -> Self {
        self.push_headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header of the request, in place of the gateway's own of this name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a token of X-Wap-Push-Info: `authenticated`, `trusted`, `last`, `response`.
    #[must_use]
    pub fn info(mut self, token: &str) -> Self {
        self.info.push(token.to_owned());
        self
    }

    /// Sends this body with this content type instead of an `application/http` one.
    #[must_use]
    pub fn entity(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.entity = Some((content_type.to_owned(), body.into()));
        self
    }

    /// The application that is named inside.
    pub fn named_application(&self) -> Option<&str> {
        self.push_headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("X-Wap-Application-Id"))
            .map(|(_, value)| value.as_str())
    }

    /// The content type and the body of the request.
    pub(super) fn body(&self) -> (String, Vec<u8>) {
        if let Some(entity) = &self.entity {
            return entity.clone();
        }
        let own = [
            ("Content-Type", self.content_type.clone()),
            ("Content-Length", self.content.len().to_string()),
        ];
        let given = |name: &str| {
            let mut names = self.push_headers.iter().map(|(given, _)| given);
            names.any(|given| given.eq_ignore_ascii_case(name))
        };
        let own = own
            .iter()
            .filter(|(name, _)| !given(name))
            .map(|(name, value)| (*name, value.as_str()));
        let headers = own.chain(
            self.push_headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let mut body = format!("{}\r\n", self.status_line);
        for (name, value) in headers {
            body.extend([name, ": ", value, "\r\n"]);
        }
        body.push_str("\r\n");
        let mut body = body.into_bytes();
        body.extend_from_slice(&self.content);
        ("application/http".to_owned(), body)
    }
}

/// The same push over this protocol: numbers become the hexadecimal digits of an app-assigned-code (WAP-251).
impl From<&Push> for HttpPush {
    fn from(push: &Push) -> Self {
        let mut http = Self::new(&push.content_type(), push.body());
        match push.named_application() {
            Some(ApplicationId::Number(number)) => {
                http = http.application(&format!("{number:X}"));
            }
            Some(ApplicationId::Text(uri)) => http = http.application(uri),
            None => {}
        }
        let headers = push.headers().iter();
        headers.fold(http, |http, (name, value)| http.push_header(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_a_response_within_a_request() {
        let push = HttpPush::new("text/plain", *b"content")
            .application("x-wap-application:wml.ua")
            .push_header("X-Wap-Content-URI", "http://a.example/");
        let (content_type, body) = push.body();
        assert_eq!(content_type, "application/http");
        let expected = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\
                        X-Wap-Application-Id: x-wap-application:wml.ua\r\n\
                        X-Wap-Content-URI: http://a.example/\r\n\r\ncontent";
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    #[test]
    fn connectionless_pushes_become_this_protocol_s() {
        let push = Push::new("text/plain; charset=utf-8", *b"x")
            .application(ApplicationId::Number(0x8001))
            .header("X-A", "b");
        let http = HttpPush::from(&push);
        assert_eq!(http.content_type, "text/plain; charset=utf-8");
        assert_eq!(http.named_application(), Some("8001"));
        assert_eq!(http.push_headers[1], ("X-A".to_owned(), "b".to_owned()));
    }
}
