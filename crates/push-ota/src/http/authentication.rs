//! Proofs of identity, both ways (WAP-235 7.2.6.2, RFC 2617): a gateway to the terminal, and the terminal to a gateway.
//!
//! Digest is the one of RFC 2617 without quality of protection, with SHA-1 for its hash. A challenge that names no algorithm means
//! SHA-1 too, as the first edition had it, which forbade the parameter.

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use push_message::UnixMillis;
use sha1::{Digest as _, Sha1};

use super::parameters::{Challenge, challenges, quoted};
use super::{Ppg, Secret};

/// The one resource (WAP-235 7.2.5.1, 7.4.1), which is also the protection space.
pub(super) const RESOURCE: &str = "/wappush";

/// What either side says of credentials or a challenge that it does not take (WAP-235 note 101, 5.3).
const STATUS: &str = "x-wap-auth-status";

const ALGORITHM: &str = "SHA-1";

/// Base64 with or without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Octets of a nonce before base64: time, count, and the hash that only this connection can make.
const NONCE_LENGTH: usize = 8 + 4 + 20;

/// Makes the nonces of one connection, and knows them again.
pub(super) struct Nonces {
    seed: [u8; 16],
    issued: u32,
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The seed would let anybody make them.
        f.debug_struct("Nonces")
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}

impl Nonces {
    /// `seed` is chance that nobody else knows.
    pub(super) const fn new(seed: [u8; 16]) -> Self {
        Self { seed, issued: 0 }
    }

    fn issue(&mut self, now: UnixMillis) -> String {
        self.issued = self.issued.wrapping_add(1);
        STANDARD.encode(self.nonce(now, self.issued))
    }

    fn nonce(&self, made: UnixMillis, count: u32) -> [u8; NONCE_LENGTH] {
        let mut nonce = [0; NONCE_LENGTH];
        let parts = made.0.to_be_bytes().into_iter().chain(count.to_be_bytes());
        let mut hash = Sha1::new();
        hash.update(self.seed);
        hash.update(made.0.to_be_bytes());
        hash.update(count.to_be_bytes());
        let octets = parts.chain(<[u8; 20]>::from(hash.finalize()));
        nonce
            .iter_mut()
            .zip(octets)
            .for_each(|(to, from)| *to = from);
        nonce
    }

    /// When the nonce was made; nothing where it is none of this connection.
    fn made(&self, nonce: &str) -> Option<UnixMillis> {
        let octets = STANDARD.decode(nonce).ok()?;
        let (time, rest) = octets.split_first_chunk()?;
        let (count, _) = rest.split_first_chunk()?;
        let made = UnixMillis(u64::from_be_bytes(*time));
        let count = u32::from_be_bytes(*count);
        equal(&self.nonce(made, count), &octets).then_some(made)
    }
}

/// A demand that the gateway proves who it is: the values of WWW-Authenticate, the stronger scheme first.
//= specs/ota-http.md#ppg-authentication
//# The realm of a challenge to a gateway MUST be the Terminal-ID.
//= specs/ota-http.md#ppg-authentication
//# The domain of a Digest challenge to a gateway MUST be /wappush.
//= specs/ota-http.md#ppg-authentication
//# A challenge to a gateway MUST NOT carry stale.
//= specs/ota-http.md#ppg-authentication
//# A challenge to a gateway MUST NOT carry qop.
//= specs/ota-http.md#ppg-authentication
//# The algorithm of a Digest challenge to a gateway MUST be SHA-1.
//= specs/ota-http.md#ppg-authentication
//# The nonce of a Digest challenge to a gateway SHOULD be a new one each time.
pub(super) fn demand(
    realm: &str,
    digest: bool,
    basic: bool,
    nonces: &mut Nonces,
    now: UnixMillis,
) -> Vec<String> {
    let realm = quoted(realm);
    let mut demands = Vec::new();
    if digest {
        let nonce = quoted(&nonces.issue(now));
        demands.push(format!(
            "Digest realm={realm}, domain=\"{RESOURCE}\", nonce={nonce}, algorithm={ALGORITHM}"
        ));
    }
    if basic {
        demands.push(format!("Basic realm={realm}"));
    }
    demands
}

/// What came in an Authorization header.
pub(super) enum Credentials<'a> {
    /// User name, colon, password.
    Basic(Vec<u8>),
    /// The parameters.
    Digest(Challenge<'a>),
    /// Something that nobody can check.
    Other,
}

impl<'a> Credentials<'a> {
    pub(super) fn parse(value: &'a str) -> Self {
        let Ok(all) = challenges(value) else {
            return Self::Other;
        };
        let Ok([credentials]) = <[Challenge<'_>; 1]>::try_from(all) else {
            return Self::Other;
        };
        if credentials.is("Basic") {
            let octets = credentials.token68.map(|text| LENIENT.decode(text));
            octets.and_then(Result::ok).map_or(Self::Other, Self::Basic)
        } else if credentials.is("Digest") {
            Self::Digest(credentials)
        } else {
            Self::Other
        }
    }

    /// Whether they claim to be of this gateway, which is said and not proved.
    pub(super) fn claim(&self, ppg: &Ppg) -> bool {
        match self {
            Self::Basic(octets) => octets
                .strip_prefix(ppg.id.0.as_bytes())
                .is_some_and(|rest| rest.starts_with(b":")),
            Self::Digest(digest) => digest.get("username") == Some(&*ppg.id.0),
            Self::Other => false,
        }
    }
}

/// What a request is, as far as Digest is concerned.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The method.
    pub(super) method: &'a str,
    /// The request target as it came.
    pub(super) target: &'a str,
    /// The realm that the terminal gave in its challenge.
    pub(super) realm: &'a str,
    /// Now.
    pub(super) now: UnixMillis,
    /// For how long a nonce is good.
    pub(super) lifetime: Duration,
}

/// What credentials have shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// The gateway is the one.
    Proved,
    /// It knows the password, but the nonce has had its time.
    Stale,
    /// Nothing.
    Nothing,
}

/// Checks credentials of a gateway against its password. Which scheme is good enough has been decided before.
//= specs/ota-http.md#ppg-authentication
//# The terminal MUST be able to authenticate a gateway by the Basic scheme.
//= specs/ota-http.md#ppg-authentication
//# The user name that a gateway authenticates itself with MUST be its identity as provisioned.
pub(super) fn check(
    credentials: &Credentials<'_>,
    ppg: &Ppg,
    password: &Secret,
    nonces: &Nonces,
    asked: &Asked<'_>,
) -> Shown {
    match credentials {
        Credentials::Basic(octets) => {
            let expected = format!("{}:{}", ppg.id, password.0);
            if equal(octets, expected.as_bytes()) {
                Shown::Proved
            } else {
                Shown::Nothing
            }
        }
        Credentials::Digest(digest) => check_digest(digest, ppg, password, nonces, asked),
        Credentials::Other => Shown::Nothing,
    }
}

fn check_digest(
    digest: &Challenge<'_>,
    ppg: &Ppg,
    password: &Secret,
    nonces: &Nonces,
    asked: &Asked<'_>,
) -> Shown {
    let value = |name| digest.get(name);
    let forbidden = ["qop", "cnonce", "nc"]
        .into_iter()
        .any(|name| value(name).is_some());
    let (Some(nonce), Some(uri), Some(response)) =
        (value("nonce"), value("uri"), value("response"))
    else {
        return Shown::Nothing;
    };
    let named = value("username") == Some(&*ppg.id.0) && value("realm") == Some(asked.realm);
    let resource = uri == RESOURCE || uri == asked.target;
    let Some(made) = nonces.made(nonce) else {
        return Shown::Nothing;
    };
    let expected = response_of(&ppg.id.0, asked.realm, password, nonce, asked.method, uri);
    let right = equal(
        response.to_ascii_lowercase().as_bytes(),
        expected.as_bytes(),
    );
    if !right || forbidden || !named || !resource || !is_sha1(digest) {
        return Shown::Nothing;
    }
    let age = Duration::from_millis(asked.now.0.saturating_sub(made.0));
    if age > asked.lifetime {
        Shown::Stale
    } else {
        Shown::Proved
    }
}

fn is_sha1(digest: &Challenge<'_>) -> bool {
    digest
        .get("algorithm")
        .is_none_or(|algorithm| algorithm.eq_ignore_ascii_case(ALGORITHM))
}

/// The value that proves knowledge of the password (RFC 2617 3.2.2.1, without qop).
//= specs/ota-http.md#terminal-authentication
//# The digest in X-Wap-Authorization MUST be computed with SHA-1.
//= specs/ota-http.md#terminal-authentication
//# The digest in X-Wap-Authorization MUST be computed as for the quality of protection that covers no body.
fn response_of(
    user: &str,
    realm: &str,
    password: &Secret,
    nonce: &str,
    method: &str,
    uri: &str,
) -> String {
    let secret = hash(&[user, ":", realm, ":", &password.0]);
    let request = hash(&[method, ":", uri]);
    hash(&[&secret, ":", nonce, ":", &request])
}

/// The SHA-1 in lower-case hexadecimal digits.
fn hash(parts: &[&str]) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part.as_bytes());
    }
    let digits = |octet: u8| [octet >> 4, octet & 0xF];
    <[u8; 20]>::from(hash.finalize())
        .into_iter()
        .flat_map(digits)
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// Whether two octet strings are equal, in a time that says nothing of where they differ, nor how long the right one is.
fn equal(one: &[u8], other: &[u8]) -> bool {
    let hash = |octets: &[u8]| <[u8; 20]>::from(Sha1::digest(octets));
    let differences = hash(one)
        .into_iter()
        .zip(hash(other))
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    std::hint::black_box(differences) == 0
}

/// A gateway's demand that the terminal proves who it is, as read from X-Wap-Authenticate.
#[derive(Default)]
pub(super) struct Demand {
    digest: Option<DigestDemand>,
    /// The realm of a Basic challenge.
    basic: Option<String>,
    /// What it says of the credentials it had before; `true`: they may be tried again.
    pub(super) failed: Option<bool>,
    /// The scheme to name in a refusal.
    scheme: Option<String>,
    malformed: bool,
}

struct DigestDemand {
    realm: String,
    nonce: String,
    opaque: Option<String>,
}

/// Why a demand is not met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unmet {
    /// It may be made again in another way: it was malformed.
    Retry,
    /// It need not be made again.
    NoRetry,
}

impl Demand {
    /// Reads every value of X-Wap-Authenticate. Absent: no demand.
    pub(super) fn parse<'a>(values: impl IntoIterator<Item = Option<&'a str>>) -> Option<Self> {
        let mut demand: Option<Self> = None;
        for value in values {
            let demand = demand.get_or_insert_default();
            match value.map(challenges) {
                Some(Ok(all)) => all.iter().for_each(|challenge| demand.add(challenge)),
                Some(Err(_)) | None => demand.malformed = true,
            }
        }
        demand
    }

    fn add(&mut self, challenge: &Challenge<'_>) {
        if let Some(status) = challenge.get(STATUS) {
            // Whatever does not say that it may be tried again says that it may not.
            self.failed = Some(status.eq_ignore_ascii_case("failed_retry"));
        }
        let (digest, basic) = (challenge.is("Digest"), challenge.is("Basic"));
        if !challenge.scheme.is_empty() && self.scheme.is_none() && (digest || basic) {
            self.scheme = Some(challenge.scheme.to_owned());
        }
        let realm = challenge.get("realm").map(str::to_owned);
        if digest && is_sha1(challenge) {
            let nonce = challenge.get("nonce").map(str::to_owned);
            match (realm, nonce) {
                (Some(realm), Some(nonce)) => {
                    let opaque = challenge.get("opaque").map(str::to_owned);
                    self.digest.get_or_insert(DigestDemand {
                        realm,
                        nonce,
                        opaque,
                    });
                }
                (None, _) | (_, None) => self.malformed = true,
            }
        } else if basic {
            match realm {
                Some(realm) => {
                    self.basic.get_or_insert(realm);
                }
                None => self.malformed = true,
            }
        }
    }

    /// Whether the demand claims to be of this gateway, which is said and not proved.
    pub(super) fn claims(&self, ppg: &Ppg) -> bool {
        let realm = self.digest.as_ref().map(|digest| &digest.realm);
        realm
            .or(self.basic.as_ref())
            .is_some_and(|realm| **realm == *ppg.id.0)
    }

    /// The value of X-Wap-Authorization that meets the demand. `basic` says whether the password may go over this connection.
    //= specs/ota-http.md#terminal-authentication
    //# The terminal MUST be able to authenticate itself by the Basic scheme.
    pub(super) fn meet(
        &self,
        ppg: Option<&Ppg>,
        terminal_id: &str,
        method: &str,
        basic: bool,
    ) -> Result<Met, Unmet> {
        if self.malformed {
            return Err(Unmet::Retry);
        }
        let (ppg, secret) = ppg
            .and_then(|ppg| Some((ppg, ppg.terminal_secret.as_ref()?)))
            .ok_or(Unmet::NoRetry)?;
        if let Some(digest) = self
            .digest
            .as_ref()
            .filter(|digest| *digest.realm == *ppg.id.0)
        {
            let value = digest.answer(terminal_id, secret, method);
            return Ok(Met {
                value,
                basic: false,
            });
        }
        let ours = self
            .basic
            .as_ref()
            .is_some_and(|realm| **realm == *ppg.id.0);
        if !ours || !basic {
            return Err(Unmet::NoRetry);
        }
        let credentials = STANDARD.encode(format!("{terminal_id}:{}", secret.0));
        let value = format!("Basic {credentials}");
        Ok(Met { value, basic: true })
    }

    /// The value of X-Wap-Authorization that refuses the demand.
    //= specs/ota-http.md#terminal-authentication
    //# The answer that does not accept a challenge MUST carry X-Wap-Authorization with x-wap-auth-status, which is failed_retry or failed_noretry.
    pub(super) fn refusal(&self, why: Unmet) -> String {
        let scheme = self.scheme.as_deref().unwrap_or("Basic");
        let status = match why {
            Unmet::Retry => "failed_retry",
            Unmet::NoRetry => "failed_noretry",
        };
        format!("{scheme} {STATUS}={status}")
    }
}

/// Credentials of the terminal.
pub(super) struct Met {
    /// The value of X-Wap-Authorization.
    pub(super) value: String,
    /// It holds the password.
    pub(super) basic: bool,
}

impl DigestDemand {
    //= specs/ota-http.md#terminal-authentication
    //# The user name in X-Wap-Authorization MUST be the Terminal-ID.
    //= specs/ota-http.md#terminal-authentication
    //# The uri in X-Wap-Authorization MUST be /wappush.
    //= specs/ota-http.md#terminal-authentication
    //# The algorithm in X-Wap-Authorization MUST be SHA-1.
    //= specs/ota-http.md#terminal-authentication
    //# X-Wap-Authorization MUST NOT carry cnonce.
    //= specs/ota-http.md#terminal-authentication
    //# X-Wap-Authorization MUST NOT carry qop.
    //= specs/ota-http.md#terminal-authentication
    //# X-Wap-Authorization MUST NOT carry nc.
    //= specs/ota-http.md#terminal-authentication
    //# The digest in X-Wap-Authorization MUST be computed with the method of the request that carried the challenge.
    //= specs/ota-http.md#terminal-authentication
    //# The digest in X-Wap-Authorization MUST be computed with the Request-URI of the request that carried the challenge.
    fn answer(&self, terminal_id: &str, secret: &Secret, method: &str) -> String {
        let response = response_of(
            terminal_id,
            &self.realm,
            secret,
            &self.nonce,
            method,
            RESOURCE,
        );
        let opaque = self.opaque.as_deref().map(quoted);
        let opaque = opaque.map_or_else(String::new, |value| format!(", opaque={value}"));
        format!(
            "Digest username={}, realm={}, nonce={}, uri=\"{RESOURCE}\", algorithm={ALGORITHM}, response=\"{response}\"{opaque}",
            quoted(terminal_id),
            quoted(&self.realm),
            quoted(&self.nonce),
        )
    }
}
