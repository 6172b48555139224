//! The headers of a request that mean something to the terminal, found in one pass: most requests have few headers, and to look
//! each of these up would cost more than to look at all that are there.

use ::http::HeaderMap;

/// The headers of one request.
#[derive(Default)]
pub(super) struct Fields<'a> {
    /// X-Wap-Authenticate.
    pub(super) authenticate: Values<'a>,
    pub(super) authorization: Values<'a>,
    pub(super) content_encoding: Values<'a>,
    pub(super) content_type: Values<'a>,
    /// X-Wap-CPITag.
    pub(super) cpi_tag: Values<'a>,
    /// X-Wap-Push-Info.
    pub(super) info: Values<'a>,
    /// X-Wap-Push-OTA-Version.
    pub(super) ota_version: Values<'a>,
    /// X-Wap-Push-ProvURL.
    pub(super) prov_url: Values<'a>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            // Names are in lower case here.
            let values = match name.as_str() {
                "x-wap-authenticate" => &mut fields.authenticate,
                "authorization" => &mut fields.authorization,
                "content-encoding" => &mut fields.content_encoding,
                "content-type" => &mut fields.content_type,
                "x-wap-cpitag" => &mut fields.cpi_tag,
                "x-wap-push-info" => &mut fields.info,
                "x-wap-push-ota-version" => &mut fields.ota_version,
                "x-wap-push-provurl" => &mut fields.prov_url,
                _ => continue,
            };
            values.add(value.as_bytes());
        }
        fields
    }

    /// Whether a header that there can be one of is there twice.
    pub(super) fn repeat_one(&self) -> bool {
        let single = [
            &self.cpi_tag,
            &self.authorization,
            &self.prov_url,
            &self.content_type,
        ];
        single.into_iter().any(|values| !values.more.is_empty())
    }
}

/// The values of one header, in order.
#[derive(Default)]
pub(super) struct Values<'a> {
    first: Option<&'a [u8]>,
    more: Vec<&'a [u8]>,
}

impl<'a> Values<'a> {
    fn add(&mut self, value: &'a [u8]) {
        if self.first.is_none() {
            self.first = Some(value);
        } else {
            self.more.push(value);
        }
    }

    pub(super) const fn is_present(&self) -> bool {
        self.first.is_some()
    }

    /// The octets of a header that there is one of.
    pub(super) const fn octets(&self) -> Option<&'a [u8]> {
        self.first
    }

    /// The text of a header that there is one of; one that is no text counts as empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.first
            .map(|value| str::from_utf8(value).unwrap_or_default())
    }

    /// The text, where there is one value and that is text.
    pub(super) fn sole_text(&self) -> Option<&'a str> {
        let only = self.first.filter(|_| self.more.is_empty())?;
        str::from_utf8(only).ok()
    }

    /// Every value; nothing in place of one that is no text.
    pub(super) fn texts(&self) -> impl Iterator<Item = Option<&'a str>> {
        let values = self.first.into_iter().chain(self.more.iter().copied());
        values.map(|value| str::from_utf8(value).ok())
    }
}

#[cfg(test)]
mod tests {
    use ::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn values_are_found_whatever_the_case_of_their_names_and_kept_in_order() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("X-WAP-Push-Info", "one"),
            ("Host", ""),
            ("x-wap-push-info", "two"),
            ("X-Wap-CPITag", "tag"),
        ] {
            let name = HeaderName::try_from(name).unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        let latin = HeaderValue::from_bytes(b"thr\xe9e").unwrap();
        headers.append("x-wap-push-info", latin.clone());
        let fields = Fields::of(&headers);
        let info: Vec<_> = fields.info.texts().collect();
        assert_eq!(info, [Some("one"), Some("two"), None]);
        assert_eq!(fields.cpi_tag.octets(), Some(&b"tag"[..]));
        assert!(!fields.authorization.is_present());
        assert!(!fields.repeat_one());
        headers.append("x-wap-cpitag", latin);
        assert!(Fields::of(&headers).repeat_one());
    }
}
