//! Secrets and signatures as Standard Webhooks 1.0.0 has them: a secret of 32 octets, shown as `whsec_` and base64; a signature by
//! HMAC-SHA256 over id, time stamp and body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use push_client::RegistrationId;
use sha2::Sha256;

/// What a secret is derived for, so that the same key derives nothing else alike.
const PURPOSE: &[u8] = b"pushcai webhook secret\0";

/// What an application verifies deliveries by. It is shown by [`Secret::shown`] alone.
#[derive(Clone)]
pub(super) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Secret {
    /// The secret of a registration and its handler: the same for as long as the registration stands and the key is kept.
    pub(super) fn derive(key: &[u8; 32], registration: RegistrationId, handler: &str) -> Self {
        Self(authenticated(
            key,
            &[PURPOSE, &registration.0.to_be_bytes(), handler.as_bytes()],
        ))
    }

    /// As an application gets it.
    pub(super) fn shown(&self) -> String {
        format!("whsec_{}", STANDARD.encode(self.0))
    }

    /// The value of `webhook-signature`. The id has no full stop in it, so that no other id, time and body are signed alike.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let before = format!("{id}.{timestamp}.");
        let signature = authenticated(&self.0, &[before.as_bytes(), body]);
        format!("v1,{}", STANDARD.encode(signature))
    }
}

fn authenticated(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0; 64];
    let (front, _) = block.split_at_mut(key.len());
    front.copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reckoned by Python's `hmac` and `base64`.
    const VECTORS: &[(u8, &str, u64, &[u8], &str)] = &[
        (
            1,
            "0000000000000001",
            1_674_087_231,
            b"{\"type\":\"contact.created\"}",
            "v1,BTPJIMCNsPtUDgN88cDSkyKm3q79WoQ5itefDEy0kB8=",
        ),
        (
            255,
            "00000000000000ff",
            0,
            b"",
            "v1,nIWxnZlfcHIwziDh1P7PaECsvXpsp9Ewu0GN1XSiqB4=",
        ),
    ];

    #[test]
    fn signatures_are_those_that_others_reckon() {
        for (octet, id, timestamp, body, signature) in VECTORS {
            let secret = Secret([*octet; 32]);
            assert_eq!(secret.sign(id, *timestamp, body), *signature);
        }
    }

    #[test]
    fn a_signature_is_the_one_that_is_published() {
        let published = STANDARD.decode("C2FVsBQIhrscChlQIMV+b5sSYspob7oD").unwrap();
        // HMAC fills a short key up with zeros itself.
        let mut octets = [0; 32];
        octets[..published.len()].copy_from_slice(&published);
        let body = br#"{"email":"test@example.com","username":"test_user"}"#;
        let signature = Secret(octets).sign("msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1_649_367_553, body);
        assert_eq!(signature, "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
    }

    #[test]
    fn a_secret_is_of_one_registration_and_handler() {
        let derive =
            |key: u8, id, handler| Secret::derive(&[key; 32], RegistrationId(id), handler).shown();
        let one = derive(7, 1, "https://example.net/");
        assert_eq!(one, "whsec_zyEXhEudn4RwJrhciM7Hia8uW2CZ2l8Wyh3yXkUIgdk=");
        assert_eq!(one, derive(7, 1, "https://example.net/"));
        for other in [
            derive(8, 1, "https://example.net/"),
            derive(7, 2, "https://example.net/"),
            derive(7, 1, "https://example.net/a"),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(format!("{:?}", Secret([7; 32])), "Secret(…)");
    }
}
