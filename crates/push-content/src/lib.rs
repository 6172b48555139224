//! What the content of a push says, as a small document for people and programs: service indications, service loading, cache
//! operations, e-mail notifications and provisioning, as WBXML or XML, notifications of MMS, and plain text.
//!
//! Content comes from anybody. What is decoded is bounded ([`MAX_CONTENT`], [`MAX_ELEMENTS`], [`MAX_TEXT`]), and secrets of
//! provisioning are masked.
//!
//! ```
//! let decoded = push_content::decoded("text/vnd.wap.sl", None, br#"<sl href="http://a.example/"/>"#);
//! let json = serde_json::to_value(decoded).unwrap();
//! assert_eq!(json, serde_json::json!({"kind": "sl", "href": "http://a.example/", "action": "execute-low"}));
//! ```

#![forbid(unsafe_code)]

mod decoded;
mod element;
mod mms;
mod provisioning;
mod wbxml;
mod xml;

use wap_wire::Text;
use wap_wire::wbxml::Language;

pub use decoded::{
    Decoded, EmailNotification, Invalidate, Item, PlainText, ServiceIndication, ServiceLoading,
};
pub use element::{Element, MAX_ELEMENTS, MAX_TEXT, TooLarge};
pub use mms::{Expiry, MmsNotification};
pub use provisioning::{Characteristic, MASKED, Provisioning};
pub use wbxml::{Undecodable, wbxml};

/// The most octets of content that are looked at; of plain text the beginning, and of anything else nothing is shown beyond it.
pub const MAX_CONTENT: usize = 64 * 1024;

/// The most characters of plain text, and of one value of a notification of MMS.
pub const MAX_VALUE: usize = 1_000;

/// What content of this media type, without parameters and in lower case, says; `charset` is the parameter of that name.
///
/// `None` where the type is not one that is known here, and where the content is not what its type says, or too large.
pub fn decoded(media_type: &str, charset: Option<&str>, content: &[u8]) -> Option<Decoded> {
    if media_type == "text/plain" {
        let beginning = content.get(..MAX_CONTENT).unwrap_or(content);
        return text(charset, beginning).map(|text| Decoded::plain(&text));
    }
    if content.len() > MAX_CONTENT {
        return None;
    }
    match media_type {
        "application/vnd.wap.mms-message" => mms::decoded(content).map(Decoded::Mms),
        "text/vnd.wap.si"
        | "text/vnd.wap.sl"
        | "text/vnd.wap.co"
        | "text/vnd.wap.connectivity-xml" => {
            let root = xml::element(&text(charset, content)?)?;
            Decoded::of_element(&root)
        }
        "application/vnd.wap.wbxml" => in_wbxml(content, None),
        _ => in_wbxml(content, Some(Language::of_media_type(media_type)?)),
    }
}

fn in_wbxml(content: &[u8], language: Option<&'static Language>) -> Option<Decoded> {
    let (_, root) = wbxml(content, language).ok()?;
    Decoded::of_element(&root)
}

/// The content as text: UTF-8, or ISO-8859-1 where that may be meant. Other character sets are not known here.
fn text(charset: Option<&str>, content: &[u8]) -> Option<String> {
    // The beginning of a longer text may end within a character.
    let content = match std::str::from_utf8(content) {
        Err(error) if error.error_len().is_none() => content.get(..error.valid_up_to())?,
        _ => content,
    };
    let may_be_latin = charset.is_none_or(|charset| {
        let known = ["utf-8", "us-ascii", "iso-8859-1"];
        known
            .iter()
            .any(|known| charset.eq_ignore_ascii_case(known))
    });
    let is_text = !content.contains(&0) && (may_be_latin || std::str::from_utf8(content).is_ok());
    is_text.then(|| Text::new(content).to_string())
}

/// The text, or as much of it as is shown.
fn cut(text: &str) -> String {
    text.chars().take(MAX_VALUE).collect()
}

#[cfg(test)]
mod tests;
