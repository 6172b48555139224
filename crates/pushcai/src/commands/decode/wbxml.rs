//! Documents in WBXML as JSON.

use push_content::{Decoded as Content, Element, Undecodable};
use serde::Serialize;
use wap_wire::wbxml::PublicId;
use wap_wire::wsp::charset_name;

use super::{Decoded, Error};

/// A document: what stands before its content, that as a tree, and what it says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecodedDocument {
    version: String,
    #[serde(rename = "publicID")]
    public_id: DecodedPublicId,
    /// The name, or the number where that has no name; nothing where none is told.
    charset: Option<String>,
    root: Element,
    /// What it says, where its type is known; secrets are masked here, and not in the tree.
    decoded: Option<Content>,
}

#[derive(Debug, Serialize)]
struct DecodedPublicId {
    code: Option<u32>,
    text: Option<String>,
}

pub(super) fn document(octets: &[u8]) -> Result<Decoded, Error> {
    let (document, root) = push_content::wbxml(octets, None)?;
    let known = document.language.map(|language| language.public_id);
    let (code, text) = match document.public_id {
        PublicId::Number(code) => (code, known.map(str::to_owned)),
        PublicId::Text(text) => (None, Some(text.to_string())),
    };
    let charset = (document.charset != 0).then(|| {
        let name = charset_name(document.charset);
        name.map_or_else(|| document.charset.to_string(), str::to_owned)
    });
    Ok(Decoded::Document(Box::new(DecodedDocument {
        version: format!("1.{}", document.version),
        public_id: DecodedPublicId { code, text },
        charset,
        decoded: Content::of_element(&root),
        root,
    })))
}

impl From<Undecodable> for Error {
    fn from(error: Undecodable) -> Self {
        match error {
            Undecodable::Broken(error) => error.into(),
            Undecodable::TooLarge(error) => Self::of("too-large", &error.to_string()),
        }
    }
}
