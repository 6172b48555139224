use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

const GOOD: &[(&str, bool, &str, u16, &str)] = &[
    ("https://example.net", true, "example.net", 443, "/"),
    ("https://example.net/", true, "example.net", 443, "/"),
    (
        "HTTPS://Example.NET/Push?a=b&c=%2F",
        true,
        "example.net",
        443,
        "/Push?a=b&c=%2F",
    ),
    ("http://example.net?a", false, "example.net", 80, "/?a"),
    (
        "https://example.net:8443/a//b/../c",
        true,
        "example.net:8443",
        8443,
        "/a//b/../c",
    ),
    (
        "https://xn--bcher-kva.example/",
        true,
        "xn--bcher-kva.example",
        443,
        "/",
    ),
    ("http://a_b.example/", false, "a_b.example", 80, "/"),
    ("http://localhost:1/", false, "localhost:1", 1, "/"),
    (
        "http://192.0.2.7:65535/x",
        false,
        "192.0.2.7:65535",
        65535,
        "/x",
    ),
    ("https://[2001:db8::1]/", true, "[2001:db8::1]", 443, "/"),
    (
        "https://[2001:DB8:0::1]:444",
        true,
        "[2001:db8::1]:444",
        444,
        "/",
    ),
    ("http://[::ffff:127.0.0.1]/", false, "127.0.0.1", 80, "/"),
    (
        "https://a.b.c.d.example/?x@y:z",
        true,
        "a.b.c.d.example",
        443,
        "/?x@y:z",
    ),
    ("https://1.example/", true, "1.example", 443, "/"),
    (
        "https://example.net/%E2%82%AC",
        true,
        "example.net",
        443,
        "/%E2%82%AC",
    ),
];

/// Each with a word of the sentence that refuses it.
const HOSTILE: &[(&str, &str)] = &[
    ("", "no URL"),
    ("https:", "no URL"),
    ("https:/example.net", "no URL"),
    ("https:example.net", "no URL"),
    ("example.net", "no URL"),
    ("//example.net/", "no URL"),
    ("ftp://example.net/", "no webhook"),
    ("file:///etc/passwd", "no webhook"),
    ("gopher://example.net/", "no webhook"),
    ("https+unix://x/", "no webhook"),
    ("://example.net/", "no webhook"),
    ("https://", "no host"),
    ("https:///path", "no host"),
    ("https://?a", "no host"),
    ("https://:443/", "no host"),
    ("https://user@example.net/", "user or a password"),
    ("https://user:secret@example.net/", "user or a password"),
    ("https://@example.net/", "user or a password"),
    ("https://example.net@127.0.0.1/", "user or a password"),
    ("https://127.0.0.1:80@example.net/", "user or a password"),
    ("https://example.net/#part", "fragment"),
    ("https://example.net#@127.0.0.1/", "fragment"),
    ("https://example.net\\@127.0.0.1/", "character"),
    ("https://example.net\\.evil.example/", "character"),
    ("https:\\\\example.net", "character"),
    ("https://example.net/ HTTP/1.1", "character"),
    ("https://example.net/\r\nX: y", "character"),
    ("https://example.net/\u{0}", "character"),
    ("https://example.net\t/", "character"),
    (" https://example.net/", "character"),
    ("https://bücher.example/", "character"),
    ("https://example.net/€", "character"),
    ("https://example。net/", "character"),
    ("https://①②⑦.0.0.1/", "character"),
    ("https://example.net/\"", "character"),
    ("https://example.net/<x>", "character"),
    ("https://example.net/{x}", "character"),
    ("https://2130706433/", "number"),
    ("https://0x7f000001/", "number"),
    ("https://0X7F000001/", "number"),
    ("https://017700000001/", "number"),
    ("https://0177.0.0.1/", "number"),
    ("https://127.0.0.01/", "number"),
    ("https://0x7f.0.0.1/", "number"),
    ("https://127.0.0.0x1/", "number"),
    ("https://127.1/", "number"),
    ("https://127.0.1/", "number"),
    ("https://127.0.0.1.1/", "number"),
    ("https://127.0.0.256/", "number"),
    ("https://0/", "number"),
    ("https://0x/", "number"),
    ("https://example.0x7f/", "number"),
    ("https://example.127/", "number"),
    ("https://127.0.0.1./", "no name"),
    ("https://example.net./", "no name"),
    ("https://.example.net/", "no name"),
    ("https://example..net/", "no name"),
    ("https://./", "no name"),
    ("https://-a.example/", "no name"),
    ("https://a-.example/", "no name"),
    ("https://exa%6dple.net/", "no name"),
    ("https://127.0.0.1%2f/", "no name"),
    ("https://exa!mple.net/", "no name"),
    ("https://a,b/", "no name"),
    ("https://::1/", "no host"),
    ("https://2001:db8::1/", "number"),
    ("https://[::1/", "closing bracket"),
    ("https://[fe80::1%eth0]/", "zone"),
    ("https://[fe80::1%25eth0]/", "zone"),
    ("https://[127.0.0.1]/", "no IPv6"),
    ("https://[example.net]/", "no IPv6"),
    ("https://[]/", "no IPv6"),
    ("https://[::1]x/", "no port"),
    ("https://[::1].example/", "no port"),
    ("https://example.net:/", "no port"),
    ("https://example.net:0/", "no port"),
    ("https://example.net:080/", "no port"),
    ("https://example.net:+80/", "no port"),
    ("https://example.net:-1/", "no port"),
    ("https://example.net:65536/", "no port"),
    ("https://example.net:80:80/", "no port"),
    ("https://example.net:0x50/", "no port"),
    ("https://example.net:80a/", "no port"),
    ("https://example.net/%", "two hexadecimal"),
    ("https://example.net/%2", "two hexadecimal"),
    ("https://example.net/%zz", "two hexadecimal"),
];

#[test]
fn what_every_reader_agrees_on_is_taken() {
    for (url, secure, authority, port, path) in GOOD {
        let target = Target::parse(url).unwrap();
        let found = (
            target.secure,
            target.authority(),
            target.port,
            &*target.path,
        );
        let expected = (*secure, (*authority).to_owned(), *port, *path);
        assert_eq!(found, expected, "{url}");
    }
}

#[test]
fn what_readers_disagree_on_is_refused_with_what_would_work() {
    assert!(HOSTILE.len() >= 60);
    for (url, part) in HOSTILE {
        let refused = Target::parse(url).unwrap_err().to_string();
        assert!(refused.contains(part), "{url:?}: {refused}");
    }
    let long = format!("https://{}example/", "abcdefgh.".repeat(32));
    assert!(Target::parse(&long).is_err());
    let long = format!("https://{}.example/", "a".repeat(64));
    assert!(Target::parse(&long).is_err());
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_sent_as_it_is(url in "(https?://)?[ -~]{0,40}") {
        if let Ok(target) = Target::parse(&url) {
            let path: hyper::Uri = target.path.parse().unwrap();
            prop_assert_eq!(path.to_string(), &*target.path);
            prop_assert!(hyper::header::HeaderValue::from_str(&target.authority()).is_ok());
            prop_assert!(target.port > 0);
        }
    }

    #[test]
    fn a_target_written_out_is_the_same_target(
        secure: bool,
        host in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\\.[a-z][a-z0-9]{0,9}){0,3}",
        port in 1_u16..,
        path in "(/[a-z0-9._~%41-]{0,12}){1,3}",
    ) {
        prop_assume!(!path.split('%').skip(1).any(|rest| !rest.starts_with("41")));
        let scheme = if secure { "https" } else { "http" };
        let target = Target::parse(&format!("{scheme}://{host}:{port}{path}")).unwrap();
        let again = Target::parse(&format!("{scheme}://{}{}", target.authority(), target.path)).unwrap();
        prop_assert_eq!(target, again);
    }

    #[test]
    fn an_address_is_read_as_the_one_it_is(address: IpAddr) {
        let text = match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let target = Target::parse(&format!("https://{text}/")).unwrap();
        prop_assert_eq!(target.host, TargetHost::Ip(address.to_canonical()));
    }

    #[test]
    fn any_text_is_taken_or_refused(url: String) {
        Target::parse(&url).ok();
    }
}
