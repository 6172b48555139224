//! Challenges and credentials in both directions (WAP-235 7.2.6.2; RFC 2617 with SHA-1 and without qop).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha1::{Digest as _, Sha1};

/// An authentication scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The password in the clear.
    Basic,
    /// A digest made with SHA-1.
    Digest,
}

/// What somebody is asked: the value of WWW-Authenticate or X-Wap-Authenticate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// By which scheme to answer.
    pub scheme: Scheme,
    /// Who asks.
    pub realm: String,
    /// What a digest is made fresh with.
    pub nonce: Option<String>,
    /// x-wap-auth-status: what became of the credentials before.
    pub status: Option<String>,
    /// All parameters, with names as they came.
    pub parameters: Vec<(String, String)>,
}

impl Challenge {
    /// A challenge of a gateway with this identity; a digest one has a nonce of its own.
    pub fn new(scheme: Scheme, realm: &str) -> Self {
        let nonce = match scheme {
            Scheme::Basic => None,
            Scheme::Digest => Some(nonce()),
        };
        Self {
            scheme,
            realm: realm.to_owned(),
            nonce,
            status: None,
            parameters: Vec::new(),
        }
    }

    /// Every challenge in a header value whose scheme is known here.
    pub fn parse(value: &str) -> Vec<Self> {
        let challenges = split(value).into_iter();
        challenges
            .filter_map(|(scheme, parameters)| {
                let scheme = parse_scheme(&scheme)?;
                let get = |name| find(&parameters, name);
                Some(Self {
                    scheme,
                    realm: get("realm").unwrap_or_default(),
                    nonce: get("nonce"),
                    status: get("x-wap-auth-status"),
                    parameters,
                })
            })
            .collect()
    }

    /// The header value.
    pub fn value(&self) -> String {
        let mut value = match self.scheme {
            Scheme::Basic => format!("Basic realm={}", quoted(&self.realm)),
            Scheme::Digest => format!(
                "Digest realm={}, nonce={}, algorithm=SHA-1",
                quoted(&self.realm),
                quoted(self.nonce.as_deref().unwrap_or_default())
            ),
        };
        if let Some(status) = &self.status {
            value.push_str(", x-wap-auth-status=");
            value.push_str(status);
        }
        value
    }

    /// The credentials that answer this challenge.
    pub fn answer(&self, user: &str, password: &str, method: &str, uri: &str) -> String {
        match self.scheme {
            Scheme::Basic => basic(user, password),
            Scheme::Digest => {
                let nonce = self.nonce.clone().unwrap_or_default();
                let response = digest(user, &self.realm, password, &nonce, method, uri);
                format!(
                    "Digest username={}, realm={}, nonce={}, uri={}, algorithm=SHA-1, response=\"{response}\"",
                    quoted(user),
                    quoted(&self.realm),
                    quoted(&nonce),
                    quoted(uri)
                )
            }
        }
    }

    /// Whether `credential` answers this challenge with this password.
    pub fn check(
        &self,
        credential: &Credential,
        password: &str,
        method: &str,
        uri: &str,
    ) -> Result<(), String> {
        match (self.scheme, credential) {
            (Scheme::Basic, Credential::Basic { password: told, .. }) => {
                if told == password {
                    Ok(())
                } else {
                    Err("the password is wrong".to_owned())
                }
            }
            (Scheme::Digest, Credential::Digest { .. }) => {
                self.check_digest(credential, password, method, uri)
            }
            (
                Scheme::Basic | Scheme::Digest,
                Credential::Basic { .. } | Credential::Digest { .. } | Credential::Status(_),
            ) => Err("the scheme is not the one that was asked for".to_owned()),
        }
    }

    fn check_digest(
        &self,
        credential: &Credential,
        password: &str,
        method: &str,
        uri: &str,
    ) -> Result<(), String> {
        let Credential::Digest {
            user,
            realm,
            nonce,
            uri: told_uri,
            algorithm,
            response,
            parameters,
        } = credential
        else {
            return Err("the credentials are no digest".to_owned());
        };
        if *realm != self.realm {
            return Err(format!("the realm is {realm:?}"));
        }
        if self.nonce.as_ref() != Some(nonce) {
            return Err(format!("the nonce is {nonce:?}"));
        }
        if told_uri != uri {
            return Err(format!("the uri is {told_uri:?}"));
        }
        if algorithm.as_deref() != Some("SHA-1") {
            return Err(format!("the algorithm is {algorithm:?}"));
        }
        for forbidden in ["cnonce", "qop", "nc"] {
            if find(parameters, forbidden).is_some() {
                return Err(format!("{forbidden} is given"));
            }
        }
        if *response == digest(user, realm, password, nonce, method, uri) {
            Ok(())
        } else {
            Err("the response is wrong".to_owned())
        }
    }
}

/// What somebody answers a challenge with: the value of Authorization or X-Wap-Authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// The password itself.
    Basic {
        /// Whose.
        user: String,
        /// The password.
        password: String,
    },
    /// A digest.
    Digest {
        /// Whose.
        user: String,
        /// Towards whom.
        realm: String,
        /// The challenge's nonce.
        nonce: String,
        /// The request URI.
        uri: String,
        /// The algorithm, where it is named.
        algorithm: Option<String>,
        /// The digest in hexadecimal.
        response: String,
        /// All parameters, with names as they came.
        parameters: Vec<(String, String)>,
    },
    /// No credentials but `x-wap-auth-status`: the challenge is refused.
    Status(String),
}

impl Credential {
    /// Reads a header value.
    pub fn parse(value: &str) -> Option<Self> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("Basic") && !rest.contains("x-wap-auth-status") {
            let octets = BASE64.decode(rest.trim()).ok()?;
            let text = String::from_utf8(octets).ok()?;
            let (user, password) = text.split_once(':')?;
            return Some(Self::Basic {
                user: user.to_owned(),
                password: password.to_owned(),
            });
        }
        // The first edition has the bare token, a later note a parameter, with or without a scheme before it.
        if matches!(value, "failed_retry" | "failed_noretry") {
            return Some(Self::Status(value.to_owned()));
        }
        let (scheme, parameters) = if scheme.contains('=') {
            (String::new(), parameters_of(value))
        } else {
            split(value).into_iter().next()?
        };
        if let Some(status) = find(&parameters, "x-wap-auth-status") {
            return Some(Self::Status(status));
        }
        if parse_scheme(&scheme)? != Scheme::Digest {
            return None;
        }
        let get = |name| find(&parameters, name);
        Some(Self::Digest {
            user: get("username")?,
            realm: get("realm")?,
            nonce: get("nonce")?,
            uri: get("uri")?,
            algorithm: get("algorithm"),
            response: get("response")?,
            parameters: parameters.clone(),
        })
    }

    /// Whose credentials they are.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Basic { user, .. } | Self::Digest { user, .. } => Some(user),
            Self::Status(_) => None,
        }
    }
}

/// The credentials of the basic scheme.
pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{user}:{password}")))
}

/// The digest in lower-case hexadecimal.
fn digest(user: &str, realm: &str, password: &str, nonce: &str, method: &str, uri: &str) -> String {
    let secret = sha1(&format!("{user}:{realm}:{password}"));
    let request = sha1(&format!("{method}:{uri}"));
    sha1(&format!("{secret}:{nonce}:{request}"))
}

fn sha1(text: &str) -> String {
    let hash = Sha1::digest(text.as_bytes());
    let nibbles = hash.iter().flat_map(|octet| [octet >> 4, octet & 15]);
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16);
    nibbles.filter_map(digit).collect()
}

/// A text that nobody can guess, and that is never the same twice.
pub(super) fn nonce() -> String {
    let mut octets = [0; 18];
    let random = rustls::crypto::ring::default_provider().secure_random;
    // A system without chance gives the same nonce each time: bad for secrets, good enough for tests.
    drop(random.fill(&mut octets));
    BASE64.encode(octets)
}

fn parse_scheme(text: &str) -> Option<Scheme> {
    if text.eq_ignore_ascii_case("Basic") {
        Some(Scheme::Basic)
    } else if text.eq_ignore_ascii_case("Digest") {
        Some(Scheme::Digest)
    } else {
        None
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn find(parameters: &[(String, String)], name: &str) -> Option<String> {
    parameters
        .iter()
        .find(|(candidate, _)| candidate.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.clone())
}

type Parameters = Vec<(String, String)>;

/// Challenges with their parameters: a word without `=` begins a new one.
fn split(value: &str) -> Vec<(String, Parameters)> {
    let mut all: Vec<(String, Parameters)> = Vec::new();
    for item in items(value) {
        let item = item.trim();
        let first = item.split([' ', '=']).next().unwrap_or_default();
        let rest = item.get(first.len()..).unwrap_or_default().trim_start();
        if rest.starts_with('=') {
            if let (Some((_, parameters)), Some(parameter)) = (all.last_mut(), parameter(item)) {
                parameters.push(parameter);
            }
        } else if !first.is_empty() {
            all.push((first.to_owned(), parameter(rest).into_iter().collect()));
        }
    }
    all
}

fn parameters_of(value: &str) -> Parameters {
    items(value)
        .iter()
        .filter_map(|item| parameter(item.trim()))
        .collect()
}

fn parameter(item: &str) -> Option<(String, String)> {
    let (name, value) = item.split_once('=')?;
    let value = value.trim();
    let value = match value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => unescaped(inner),
        None => value.to_owned(),
    };
    Some((name.trim().to_owned(), value))
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            plain.extend(characters.next());
        } else {
            plain.push(character);
        }
    }
    plain
}

/// What stands between commas that are not within quotation marks.
fn items(value: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let (mut within, mut escaped) = (false, false);
    for character in value.chars() {
        let ends = character == ',' && !within;
        if ends {
            all.push(String::new());
            continue;
        }
        match character {
            '"' if !escaped => within = !within,
            _ => {}
        }
        escaped = within && character == '\\' && !escaped;
        if let Some(last) = all.last_mut() {
            last.push(character);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(value: &str) -> Challenge {
        let mut all = Challenge::parse(value);
        assert_eq!(all.len(), 1, "{value}");
        all.remove(0)
    }

    // The digests below were computed with another program (Python's hashlib).
    const EXPECTED_OPTIONS: &str = "434baf83d63b007816ebd402ca53c2131208bdef";
    const EXPECTED_POST: &str = "0a0c7633f33bfb840151528937a88115dffa7b8a";

    #[test]
    fn digests_are_those_that_another_program_computes() {
        let asked =
            challenge("Digest realm=\"gw.lab.example\", nonce=\"bm9uY2Ux\", algorithm=\"SHA-1\"");
        let answer = asked.answer("4123", "pass word", "OPTIONS", "/wappush");
        assert_eq!(
            answer,
            format!(
                "Digest username=\"4123\", realm=\"gw.lab.example\", nonce=\"bm9uY2Ux\", uri=\"/wappush\", \
                 algorithm=SHA-1, response=\"{EXPECTED_OPTIONS}\""
            )
        );
        assert!(
            asked
                .answer("4123", "pass word", "POST", "/wappush")
                .contains(EXPECTED_POST)
        );
    }

    #[test]
    fn credentials_are_checked_in_every_part() {
        let asked = challenge("Digest realm=\"gw\", nonce=\"n\", algorithm=SHA-1");
        let right = asked.answer("41", "secret", "OPTIONS", "/wappush");
        let check = |value: &str| {
            let credential = Credential::parse(value).unwrap();
            asked.check(&credential, "secret", "OPTIONS", "/wappush")
        };
        assert_eq!(check(&right), Ok(()));
        assert_eq!(
            check(&right.replace("algorithm=SHA-1", "algorithm=\"SHA-1\"")),
            Ok(())
        );
        for (from, to) in [
            ("\"41\"", "\"42\""),
            ("\"gw\"", "\"other\""),
            ("nonce=\"n\"", "nonce=\"m\""),
            ("/wappush", "/"),
            ("SHA-1", "MD5"),
            (", algorithm=SHA-1", ""),
            ("response", "qop=auth, response"),
            ("response", "cnonce=\"a\", response"),
            ("response=\"", "response=\"0"),
        ] {
            assert!(check(&right.replace(from, to)).is_err(), "{from} -> {to}");
        }
        let basic = Credential::parse(&basic("41", "secret")).unwrap();
        assert!(
            asked
                .check(&basic, "secret", "OPTIONS", "/wappush")
                .is_err()
        );
    }

    #[test]
    fn the_basic_scheme_tells_user_and_password() {
        let asked = Challenge::new(Scheme::Basic, "gw \"x\"");
        assert_eq!(asked.value(), "Basic realm=\"gw \\\"x\\\"\"");
        assert_eq!(challenge(&asked.value()).realm, "gw \"x\"");
        let answer = asked.answer("41", "a:b", "OPTIONS", "/wappush");
        assert_eq!(answer, "Basic NDE6YTpi");
        let credential = Credential::parse(&answer).unwrap();
        assert_eq!(credential.user(), Some("41"));
        assert_eq!(
            asked.check(&credential, "a:b", "OPTIONS", "/wappush"),
            Ok(())
        );
        assert!(
            asked
                .check(&credential, "a", "OPTIONS", "/wappush")
                .is_err()
        );
    }

    #[test]
    fn several_challenges_stand_in_one_value() {
        let all = Challenge::parse(
            "Bearer x=\"1,2\", Basic realm=\"a, b\", digest nonce=n , realm=\"c\", domain=\"/wappush\"",
        );
        let found: Vec<_> = all
            .iter()
            .map(|challenge| (challenge.scheme, challenge.realm.as_str()))
            .collect();
        assert_eq!(found, [(Scheme::Basic, "a, b"), (Scheme::Digest, "c")]);
        assert_eq!(all[1].nonce.as_deref(), Some("n"));
        assert_eq!(
            find(&all[1].parameters, "domain").as_deref(),
            Some("/wappush")
        );
    }

    #[test]
    fn a_refused_challenge_says_whether_to_try_again() {
        for value in [
            "failed_retry",
            "x-wap-auth-status=failed_retry",
            "x-wap-auth-status=\"failed_retry\"",
            "Digest x-wap-auth-status=\"failed_retry\"",
            "Basic x-wap-auth-status=failed_retry",
            "Basic realm=\"gw\", x-wap-auth-status=failed_retry",
        ] {
            let status = Credential::Status("failed_retry".to_owned());
            assert_eq!(Credential::parse(value), Some(status), "{value}");
        }
        let mut asked = Challenge::new(Scheme::Digest, "gw");
        asked.nonce = Some("n".to_owned());
        asked.status = Some("failed_noretry".to_owned());
        assert_eq!(
            asked.value(),
            "Digest realm=\"gw\", nonce=\"n\", algorithm=SHA-1, x-wap-auth-status=failed_noretry"
        );
        assert_eq!(challenge(&asked.value()).status, asked.status);
    }

    #[test]
    fn a_nonce_is_never_the_same() {
        assert_ne!(nonce(), nonce());
    }

    #[test]
    fn nonsense_is_no_credential() {
        for value in [
            "",
            "Basic",
            "Basic !!",
            "Basic AAAA",
            "Digest",
            "Digest a=b",
            "Bearer x",
        ] {
            assert_eq!(Credential::parse(value), None, "{value}");
        }
    }
}
