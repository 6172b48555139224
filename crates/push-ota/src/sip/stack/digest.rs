//! Digest authentication (RFC 7616, RFC 8760, RFC 3261 22).

use std::fmt;

use sipx_sip::auth;

use super::{Method, Response};

/// What the terminal proves itself by.
#[derive(Clone)]
pub(crate) struct Credentials(auth::Credentials);

impl Credentials {
    /// A user name and its password.
    pub(crate) fn new(user: &str, password: &str) -> Self {
        Self(auth::Credentials::new(user, password))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

/// A challenge that can be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Challenge(auth::Challenge);

impl Challenge {
    /// For what the password counts.
    pub(crate) fn realm(&self) -> &str {
        &self.0.realm
    }

    /// The nonce. Its count begins with 1 and grows with each answer.
    pub(crate) fn nonce(&self) -> &str {
        &self.0.nonce
    }

    /// The nonce before was too old; the password may be right.
    pub(crate) const fn is_stale(&self) -> bool {
        self.0.stale
    }

    /// A proxy asks, rather than whom the request is for.
    pub(crate) const fn is_from_proxy(&self) -> bool {
        self.0.from_proxy
    }

    /// The name and the value of the header that answers it, for a request of this method to this Request-URI.
    pub(crate) fn answer(
        &self,
        credentials: &Credentials,
        method: &Method,
        uri: &str,
        nonce_count: u32,
        cnonce: &str,
    ) -> (&'static str, String) {
        let name = if self.0.from_proxy {
            "Proxy-Authorization"
        } else {
            "Authorization"
        };
        let (challenge, credentials) = (&self.0, &credentials.0);
        let method = method.as_str();
        let value = auth::respond(challenge, credentials, method, uri, nonce_count, cnonce);
        (name, value)
    }
}

//= specs/ota-sip.md#authentication
//# A challenge MUST be answered only with an algorithm that the terminal knows, others for the same realm being passed over.
/// The challenges of a response that can be answered: of each realm the one with the strongest algorithm, in the order of the realms.
pub(crate) fn challenges(response: &Response) -> Vec<Challenge> {
    let mut found: Vec<auth::Challenge> = Vec::new();
    for (name, from_proxy) in [("WWW-Authenticate", false), ("Proxy-Authenticate", true)] {
        for line in response.headers(name) {
            let Some(new) = auth::Challenge::parse(line.as_bytes(), from_proxy) else {
                continue;
            };
            let same = |old: &&mut auth::Challenge| {
                old.from_proxy == new.from_proxy && old.realm == new.realm
            };
            match found.iter_mut().find(same) {
                Some(old) if new.algorithm.strength() > old.algorithm.strength() => *old = new,
                Some(_) => {}
                None => found.push(new),
            }
        }
    }
    found.into_iter().map(Challenge).collect()
}
