//! To whom a request over TCP is addressed: a page that made its name resolve to this machine (DNS rebinding) is not us.

use std::net::IpAddr;

use http::Uri;
use http::header::HOST;
use http::request::Parts;

use crate::failure::{Failure, Fallible};

/// Refuses a request that is addressed to none of: a loopback name or address, `local`, the names in `hosts`.
pub(crate) fn check(head: &Parts, local: IpAddr, hosts: &[String]) -> Fallible<()> {
    let mut values = head.headers.get_all(HOST).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Failure::invalid(
            400,
            "a request has exactly one `Host` header",
        ));
    };
    let value = value.to_str().unwrap_or_default();
    let authority = head.uri.host().unwrap_or(value);
    let ours = [value, authority]
        .into_iter()
        .all(|authority| host_of(authority).is_some_and(|host| is_ours(&host, local, hosts)));
    if ours {
        return Ok(());
    }
    Err(Failure::invalid(
        421,
        format!(
            "`{value}` is not served here; loopback names, {local} and the configured hosts are"
        ),
    ))
}

fn host_of(authority: &str) -> Option<String> {
    let uri = Uri::builder()
        .authority(authority)
        .scheme("http")
        .path_and_query("/");
    let host = uri.build().ok()?.host()?.to_ascii_lowercase();
    Some(host.trim_matches(['[', ']']).to_owned())
}

fn is_ours(host: &str, local: IpAddr, hosts: &[String]) -> bool {
    let own = match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || address == local,
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    };
    own || hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_the_own_address_and_configured_names_are_ours() {
        let local: IpAddr = "192.0.2.1".parse().unwrap();
        let hosts = ["push.example".to_owned()];
        let ours = |authority| host_of(authority).is_some_and(|host| is_ours(&host, local, &hosts));
        for authority in [
            "localhost:8035",
            "LOCALHOST",
            "a.localhost",
            "127.0.0.1:1",
            "[::1]:8035",
            "192.0.2.1",
            "Push.Example:8035",
        ] {
            assert!(ours(authority), "{authority}");
        }
        for authority in [
            "evil.example",
            "192.0.2.2",
            "localhost.evil.example",
            "",
            "a b",
            "[",
        ] {
            assert!(!ours(authority), "{authority}");
        }
    }
}
