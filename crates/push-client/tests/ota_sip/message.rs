//! Messages of SIP as text.

/// A request or a response, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// The first line.
    pub(crate) first: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The first message in these octets, and its length; absent while it is not whole.
    pub(crate) fn take(octets: &[u8]) -> Option<(Self, usize)> {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(octets[..end].to_vec()).unwrap();
        let mut lines = head.trim_end().split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        });
        let mut message = Self {
            first,
            headers: headers.collect(),
            body: Vec::new(),
        };
        let length: usize = message.header("content-length").parse().unwrap_or(0);
        message.body = octets.get(end..end + length)?.to_vec();
        Some((message, end + length))
    }

    /// The values of a header, each line one.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The first value of a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let named = self.headers.iter().find(|(own, _)| own == name);
        named.map_or("", |(_, value)| value)
    }

    /// The method of a request.
    pub(crate) fn method(&self) -> &str {
        self.first.split(' ').next().unwrap()
    }

    /// The status of a response.
    pub(crate) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The URI in Contact, and the parameters behind it.
    pub(crate) fn contact(&self) -> (&str, &str) {
        let value = self.header("contact");
        let (uri, parameters) = value.split_once('>').unwrap();
        (uri.trim_start_matches('<'), parameters)
    }

    /// A response to this request, with these headers, each with its line end.
    pub(crate) fn response(&self, status: &str, headers: &str) -> String {
        let vias: Vec<_> = self.all("via").collect();
        let vias = vias.join("\r\nVia: ");
        let to = self.header("to");
        let tag = if to.contains(";tag=") {
            ""
        } else {
            ";tag=core"
        };
        format!(
            "SIP/2.0 {status}\r\nVia: {vias}\r\nFrom: {}\r\nTo: {to}{tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n{headers}Content-Length: 0\r\n\r\n",
            self.header("from"),
            self.header("call-id"),
            self.header("cseq"),
        )
    }
}
