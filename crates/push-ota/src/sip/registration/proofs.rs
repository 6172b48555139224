//! Digest: which challenges are known, and how often each nonce was used (RFC 3261 22, RFC 7616 3.4).

use std::collections::{BTreeMap, BTreeSet};

use super::super::stack::{Challenge, Credentials, Method, Response, challenges};

/// Challenges of this many realms are kept for each server; nobody has more.
const MAX_REALMS: usize = 8;

/// For what a challenge counts: the server (0 is the core), whether a proxy asks, and the realm.
type Space = (usize, bool, Box<str>);

/// What the terminal proves itself by, and to whom.
#[derive(Debug)]
pub(super) struct Proofs {
    credentials: Credentials,
    known: BTreeMap<Space, Challenge>,
    /// How often each nonce of `known` was used. Servers give one nonce to several requests.
    counts: BTreeMap<Box<str>, u32>,
}

/// The challenges that one request has met.
#[derive(Debug, Default)]
pub(super) struct Challenged {
    answered: BTreeSet<(bool, Box<str>)>,
    times: u32,
}

impl Proofs {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Self {
            credentials: Credentials::new(user, password),
            known: BTreeMap::new(),
            counts: BTreeMap::new(),
        }
    }

    //= specs/ota-sip.md#authentication
    //# The nonce count MUST grow by one with each request that uses the same nonce.
    /// The headers that prove a request to the server of this number.
    pub(super) fn headers(
        &mut self,
        server: usize,
        method: &Method,
        uri: &str,
        mut word: impl FnMut() -> Box<str>,
    ) -> Vec<(&'static str, String)> {
        let known = self.known.range((server, false, "".into())..);
        let known = known.take_while(|((of, ..), _)| *of == server);
        let answers = known.map(|(_, challenge)| {
            let count = self.counts.entry(challenge.nonce().into()).or_insert(0);
            *count = count.saturating_add(1);
            challenge.answer(&self.credentials, method, uri, *count, &word())
        });
        answers.collect()
    }

    /// Takes the challenges of an answer; absent where it is of no use to try again.
    ///
    /// The password goes to whom the core belongs to: an answer that did not come from a proxy of the core is taken only
    /// in a realm in which the registrar itself has asked.
    pub(super) fn learn(
        &mut self,
        server: usize,
        response: &Response,
        challenged: &mut Challenged,
        most: u32,
    ) -> Result<(), &'static str> {
        challenged.times += 1;
        if challenged.times > most {
            return Err("it goes on asking for the password");
        }
        let learned = self.learn_each(server, response, challenged);
        self.forget(server);
        if learned? {
            Ok(())
        } else {
            Err("it asks for a proof that the terminal does not have")
        }
    }

    /// Takes each challenge that may be answered; says whether there was one.
    fn learn_each(
        &mut self,
        server: usize,
        response: &Response,
        challenged: &mut Challenged,
    ) -> Result<bool, &'static str> {
        let mut learned = false;
        for challenge in challenges(response) {
            let space: Space = (server, challenge.is_from_proxy(), challenge.realm().into());
            let ours = (0, false, challenge.realm().into());
            if server != 0 && !challenge.is_from_proxy() && !self.known.contains_key(&ours) {
                continue;
            }
            //= specs/ota-sip.md#authentication
            //# Credentials that were rejected MUST NOT be sent again for the same request.
            let first = challenged.answered.insert((space.1, space.2.clone()));
            if !first && !challenge.is_stale() {
                self.known.remove(&space);
                return Err("it does not take the password");
            }
            //= specs/ota-sip.md#authentication
            //# A challenge that calls the nonce stale MUST be answered with the new nonce and the same password.
            self.known.insert(space, challenge);
            learned = true;
        }
        Ok(learned)
    }

    fn forget(&mut self, server: usize) {
        while self.known.keys().filter(|(of, ..)| *of == server).count() > MAX_REALMS {
            let first = self.known.keys().find(|(of, ..)| *of == server).cloned();
            if let Some(first) = first {
                self.known.remove(&first);
            }
        }
        let nonces: BTreeSet<_> = self.known.values().map(Challenge::nonce).collect();
        self.counts.retain(|nonce, _| nonces.contains(&**nonce));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::stack::{Request, reply};
    use super::*;

    fn response(realms: &[String]) -> Response {
        let request = Request::new(Method::Register, "sip:ims.example.net").unwrap();
        let mut response = reply(&request.build(), 401, None);
        for realm in realms {
            let challenge = format!("Digest realm=\"{realm}\", nonce=\"n\", qop=\"auth\"");
            response = response.header("WWW-Authenticate", &challenge);
        }
        response.build()
    }

    #[test]
    fn whoever_names_ever_new_realms_fills_nothing() {
        let mut proofs = Proofs::new("carol", "secret");
        for round in 0..20 {
            let mut challenged = Challenged::default();
            let mut realms: Vec<_> = (0..30).map(|realm| format!("{round}.{realm}")).collect();
            proofs
                .learn(0, &response(&realms), &mut challenged, 3)
                .unwrap();
            // New ones beside one whose password was refused: the request has failed.
            let refused = realms.remove(0);
            realms = (30..60).map(|realm| format!("{round}.{realm}")).collect();
            realms.push(refused);
            let failed = proofs.learn(0, &response(&realms), &mut challenged, 3);
            assert_eq!(failed, Err("it does not take the password"));
            assert!(
                proofs.known.len() <= MAX_REALMS,
                "{} realms",
                proofs.known.len()
            );
        }
        assert_eq!(
            proofs
                .headers(0, &Method::Register, "sip:x", || "c".into())
                .len(),
            proofs.known.len()
        );
        assert!(proofs.counts.len() <= MAX_REALMS);
    }
}
