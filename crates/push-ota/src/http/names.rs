//! The headers of OTA-HTTP that the terminal writes. As values: what is written by its text is parsed first. Those that it
//! reads are in [`Fields`](super::fields::Fields).

use ::http::HeaderName;

pub(super) const BEARER_INDICATION: HeaderName = HeaderName::from_static("x-wap-bearer-indication");
pub(super) const CPI_TAG: HeaderName = HeaderName::from_static("x-wap-cpitag");
pub(super) const OTA_VERSION: HeaderName = HeaderName::from_static("x-wap-push-ota-version");
pub(super) const PUSH_STATUS: HeaderName = HeaderName::from_static("x-wap-push-status");
pub(super) const TERMINAL_AUTHORIZATION: HeaderName =
    HeaderName::from_static("x-wap-authorization");
pub(super) const TERMINAL_ID: HeaderName = HeaderName::from_static("x-wap-terminal-id");
