//! Capability and preference information of terminals (WAP-235 7.2.5.5), and where a gateway keeps it.

use std::collections::{BTreeMap, VecDeque};

const ACCEPT: &str = "X-Wap-Push-Accept";
const ACCEPT_CHARSET: &str = "X-Wap-Push-Accept-Charset";
const ACCEPT_ENCODING: &str = "X-Wap-Push-Accept-Encoding";
const ACCEPT_LANGUAGE: &str = "X-Wap-Push-Accept-Language";
const ACCEPT_APP_ID: &str = "X-Wap-Push-Accept-AppID";
const MAX_MSG_SIZE: &str = "X-Wap-Push-MaxMsgSize";
/// The heading of the specification's section has this name, its text the one above.
const MSG_SIZE: &str = "X-Wap-Push-MsgSize";
const MAX_PUSH_REQ: &str = "X-Wap-Push-Accept-MaxPushReq";

/// One set of CPI header values. What is missing has its default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cpi {
    /// Content types that the terminal takes, as ranges in lower case, without parameters.
    pub accept: Vec<String>,
    /// Character sets.
    pub charset: Vec<String>,
    /// Transfer encodings.
    pub encoding: Vec<String>,
    /// Languages.
    pub language: Vec<String>,
    /// Application ids, as they were written; `*` is any.
    pub app_ids: Vec<String>,
    /// The most octets that a push may have.
    pub max_msg_size: u64,
    /// The most pushes that may be under way.
    pub max_push_req: u32,
    /// The headers that were there, as they came.
    pub headers: Vec<(String, String)>,
}

impl Cpi {
    /// Reads the CPI headers among these headers of an answer.
    pub fn from_headers(headers: &[(String, String)]) -> Self {
        let names = [
            ACCEPT,
            ACCEPT_CHARSET,
            ACCEPT_ENCODING,
            ACCEPT_LANGUAGE,
            ACCEPT_APP_ID,
            MAX_MSG_SIZE,
            MSG_SIZE,
            MAX_PUSH_REQ,
            "x-wap-profile",
            "x-wap-profile-diff",
        ];
        let is_cpi = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        let headers: Vec<_> = headers
            .iter()
            .filter(|(name, _)| is_cpi(name))
            .cloned()
            .collect();
        let list = |name, default: &[&str]| list(&headers, name, default);
        let number = |name| value(&headers, name).and_then(|value| value.parse::<u64>().ok());
        let accept = list(ACCEPT, &["application/vnd.wap.sia", "text/vnd.wap.si"]);
        Self {
            accept: accept.iter().map(|range| media_type(range)).collect(),
            charset: list(ACCEPT_CHARSET, &["UTF-8"]),
            encoding: list(ACCEPT_ENCODING, &["identity"]),
            language: list(ACCEPT_LANGUAGE, &["*"]),
            app_ids: list(ACCEPT_APP_ID, &["*"]),
            max_msg_size: number(MAX_MSG_SIZE)
                .or_else(|| number(MSG_SIZE))
                .unwrap_or(1400),
            max_push_req: number(MAX_PUSH_REQ)
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or(1),
            headers,
        }
    }

    /// Whether a content of this type is taken.
    pub fn accepts(&self, content_type: &str) -> bool {
        let content_type = media_type(content_type);
        let group = content_type.split('/').next().unwrap_or_default();
        self.accept.iter().any(|range| {
            *range == content_type || range == "*/*" || range.strip_suffix("/*") == Some(group)
        })
    }

    /// Whether pushes to this application are taken; URIs compare without case, `urn:` in front does not count.
    pub fn takes(&self, application: &str) -> bool {
        let wanted = canonical_id(application);
        self.app_ids
            .iter()
            .any(|id| id == "*" || canonical_id(id) == wanted)
    }
}

fn canonical_id(id: &str) -> String {
    let id = id.to_ascii_lowercase();
    id.strip_prefix("urn:").unwrap_or(&id).to_owned()
}

/// A media type or range in lower case, without what follows a semicolon.
fn media_type(text: &str) -> String {
    let text = text.split(';').next().unwrap_or_default();
    text.trim().to_ascii_lowercase()
}

fn value<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The items of all headers with this name, or the default where there is none.
fn list(headers: &[(String, String)], name: &str, default: &[&str]) -> Vec<String> {
    if value(headers, name).is_none() {
        return default.iter().map(|item| (*item).to_owned()).collect();
    }
    headers
        .iter()
        .filter(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .flat_map(|(_, value)| value.split(','))
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

/// A registration context (WAP-235 7.2.5): one terminal on one bearer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The tag that is assumed to be valid.
    pub tag: Option<String>,
    /// Known CPIs with their tags, the newest last. One without a tag is there where the terminal sent none.
    pub known: VecDeque<(Option<String>, Cpi)>,
}

impl Context {
    /// The CPI that is assumed to be valid.
    pub fn cpi(&self) -> Option<&Cpi> {
        self.find(self.tag.as_deref())
    }

    /// The CPI that has this tag.
    pub fn find(&self, tag: Option<&str>) -> Option<&Cpi> {
        let known = self.known.iter().rev();
        known
            .filter(|(candidate, _)| candidate.as_deref() == tag)
            .map(|(_, cpi)| cpi)
            .next()
    }
}

/// All registration contexts of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpiStore {
    contexts: BTreeMap<(String, Option<u8>), Context>,
    max_contexts: usize,
    max_tags: usize,
}

impl CpiStore {
    /// A store for so many contexts of so many tags each.
    pub const fn new(max_contexts: usize, max_tags: usize) -> Self {
        Self {
            contexts: BTreeMap::new(),
            max_contexts,
            max_tags,
        }
    }

    /// The context of a terminal on a bearer.
    pub fn context(&self, terminal: &str, bearer: Option<u8>) -> Option<&Context> {
        self.contexts.get(&(terminal.to_owned(), bearer))
    }

    /// Keeps a CPI that was conveyed, and assumes it to be valid. False where there is no room for another context.
    pub fn convey(
        &mut self,
        terminal: &str,
        bearer: Option<u8>,
        tag: Option<&str>,
        cpi: Cpi,
    ) -> bool {
        let key = (terminal.to_owned(), bearer);
        if self.contexts.len() >= self.max_contexts && !self.contexts.contains_key(&key) {
            return false;
        }
        let context = self.contexts.entry(key).or_default();
        context
            .known
            .retain(|(candidate, _)| candidate.as_deref() != tag);
        while context.known.len() >= self.max_tags.max(1) {
            context.known.pop_front();
        }
        let tag = tag.map(str::to_owned);
        context.known.push_back((tag.clone(), cpi));
        context.tag = tag;
        true
    }

    /// Assumes that this tag is valid now; false where no CPI is known under it.
    pub fn assume(&mut self, terminal: &str, bearer: Option<u8>, tag: &str) -> bool {
        let key = (terminal.to_owned(), bearer);
        let Some(context) = self.contexts.get_mut(&key) else {
            return false;
        };
        let known = context.find(Some(tag)).is_some();
        if known {
            context.tag = Some(tag.to_owned());
        }
        known
    }

    /// Every context with the terminal and bearer that it is of.
    pub fn contexts(&self) -> impl Iterator<Item = (&str, Option<u8>, &Context)> {
        self.contexts
            .iter()
            .map(|((terminal, bearer), context)| (terminal.as_str(), *bearer, context))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpi(headers: &[(&str, &str)]) -> Cpi {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Cpi::from_headers(&headers)
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let cpi = cpi(&[("X-Wap-Terminal-Id", "41")]);
        assert!(cpi.accepts("text/vnd.wap.si; charset=utf-8"));
        assert!(cpi.accepts("application/vnd.wap.sia"));
        assert!(!cpi.accepts("text/plain"));
        assert!(cpi.takes("x-example:any"));
        assert_eq!((cpi.max_msg_size, cpi.max_push_req), (1400, 1));
        assert_eq!(
            (cpi.charset, cpi.encoding),
            (vec!["UTF-8".to_owned()], vec!["identity".to_owned()])
        );
        assert_eq!(cpi.language, ["*"]);
        assert_eq!(cpi.headers, []);
    }

    #[test]
    fn what_is_said_counts() {
        let cpi = cpi(&[
            ("x-wap-push-accept", "text/*;q=0.5, Application/X-A"),
            ("X-Wap-Push-Accept", "image/png"),
            (
                "X-Wap-Push-Accept-AppID",
                "x-wap-application:wml.ua, urn:x-example:b",
            ),
            ("X-Wap-Push-MaxMsgSize", "30000"),
            ("X-Wap-Push-MsgSize", "7"),
            ("X-Wap-Push-Accept-MaxPushReq", "4"),
        ]);
        for content_type in ["text/plain", "application/x-a", "IMAGE/png;x=y"] {
            assert!(cpi.accepts(content_type), "{content_type}");
        }
        assert!(!cpi.accepts("image/gif"));
        assert!(cpi.takes("URN:X-Wap-Application:WML.ua"));
        assert!(cpi.takes("x-example:b"));
        assert!(!cpi.takes("x-example:c"));
        assert_eq!((cpi.max_msg_size, cpi.max_push_req), (30_000, 4));
    }

    #[test]
    fn an_empty_list_takes_nothing() {
        let cpi = cpi(&[("X-Wap-Push-Accept-AppID", "")]);
        assert!(!cpi.takes("x-example:any"));
    }

    #[test]
    fn a_context_remembers_earlier_tags() {
        let mut store = CpiStore::new(2, 2);
        let set = |id| cpi(&[("X-Wap-Push-Accept-AppID", id)]);
        assert!(store.convey("41", Some(11), Some("AAAA"), set("x:1")));
        assert!(store.convey("41", Some(11), Some("BBBB"), set("x:2")));
        let context = store.context("41", Some(11)).unwrap();
        assert_eq!(context.cpi(), Some(&set("x:2")));
        assert!(store.assume("41", Some(11), "AAAA"));
        assert!(!store.assume("41", Some(11), "CCCC"));
        assert!(!store.assume("41", Some(12), "AAAA"));
        let context = store.context("41", Some(11)).unwrap();
        assert_eq!(context.cpi(), Some(&set("x:1")));
        // The third set takes the room of the oldest.
        assert!(store.convey("41", Some(11), Some("CCCC"), set("x:3")));
        let context = store.context("41", Some(11)).unwrap();
        assert_eq!(context.find(Some("AAAA")), None);
        // Another bearer is another context, and the third one has no room.
        assert!(store.convey("41", None, None, set("x:4")));
        assert!(!store.convey("42", None, None, set("x:5")));
        assert_eq!(store.contexts().count(), 2);
    }
}
