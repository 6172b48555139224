//! The headers of OTA-HTTP that the terminal reads or writes. As values: what is looked up by its text is parsed first.

use ::http::HeaderName;

pub(super) const BEARER_INDICATION: HeaderName = HeaderName::from_static("x-wap-bearer-indication");
pub(super) const CPI_TAG: HeaderName = HeaderName::from_static("x-wap-cpitag");
pub(super) const OTA_VERSION: HeaderName = HeaderName::from_static("x-wap-push-ota-version");
pub(super) const PROV_URL: HeaderName = HeaderName::from_static("x-wap-push-provurl");
pub(super) const PUSH_INFO: HeaderName = HeaderName::from_static("x-wap-push-info");
pub(super) const PUSH_STATUS: HeaderName = HeaderName::from_static("x-wap-push-status");
pub(super) const TERMINAL_AUTHENTICATE: HeaderName = HeaderName::from_static("x-wap-authenticate");
pub(super) const TERMINAL_AUTHORIZATION: HeaderName =
    HeaderName::from_static("x-wap-authorization");
pub(super) const TERMINAL_ID: HeaderName = HeaderName::from_static("x-wap-terminal-id");
