//! What requests and responses say, and how ours are made.

use super::*;

const MESSAGE: &str = "MESSAGE sip:a@192.0.2.7 SIP/2.0\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\n\
    f: <sip:b@example.net>;tag=1\nt: <sip:a@example.net>\ni: c1\nCSeq: 4 MESSAGE\n\
    a: *;+g.oma.pusheventapp=\"x,y\", *;audio\nAccept-Contact: *;video\nc: text/plain\nl: 2\n\nhi";

#[test]
fn compact_names_are_the_names() {
    let request = request(MESSAGE);
    assert_eq!(
        request.header("content-type").as_deref(),
        Some("text/plain")
    );
    assert_eq!(request.headers("Accept-Contact").count(), 2);
    assert_eq!(
        request.values("Accept-Contact"),
        ["*;+g.oma.pusheventapp=\"x,y\"", "*;audio", "*;video"]
    );
    assert_eq!(request.header("Absent"), None);
    let names: Vec<_> = request
        .headers_where(|name| name.len() < 5)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names[..3], ["Via", "From", "To"]);
    assert_eq!(request.body(), &b"hi"[..]);
}

#[test]
fn a_header_goes_by_each_form_of_its_name_and_by_no_other() {
    let forms = [
        ["Accept-Contact", "a"],
        ["Call-ID", "i"],
        ["Contact", "m"],
        ["Content-Encoding", "e"],
        ["Content-Length", "l"],
        ["Content-Type", "c"],
        ["CSeq", "cseq"],
        ["From", "f"],
        ["Max-Forwards", "max-forwards"],
        ["P-Asserted-Identity", "p-asserted-identity"],
        ["Proxy-Require", "proxy-require"],
        ["Require", "require"],
        ["Subject", "s"],
        ["Timestamp", "timestamp"],
        ["To", "t"],
        ["Via", "v"],
        ["X-Own", "X-Own"],
    ];
    for [name, short] in forms {
        for form in [name, short, &name.to_uppercase(), &short.to_uppercase()] {
            let head = Bytes::from(format!("OPTIONS sip:a SIP/2.0\r\n{form} \t: 1"));
            let (_, headers) = Headers::read(&head, 1).unwrap();
            let asked = forms
                .iter()
                .filter(|[asked, _]| headers.named(asked).count() == 1);
            assert!(asked.eq([&[name, short]]), "{form}");
            let full = headers
                .iter()
                .find_map(|header| header.full_name_where(|_| true));
            let library = sipx_sip::HeaderName::parse(&Bytes::copy_from_slice(form.as_bytes()));
            assert_eq!(full.unwrap().as_bytes(), library.canonical(), "{form}");
        }
    }
}

#[test]
fn octets_that_are_no_text_lose_their_header_alone() {
    let mut octets = wire(MESSAGE);
    let at = octets.windows(2).position(|pair| pair == b"c:").unwrap();
    octets.splice(at..at, b"Subject: a\xFF\xFEb\r\n".iter().copied());
    let Ok(Incoming::Request(request)) = parsed(&octets) else {
        panic!("it is lost")
    };
    assert_eq!(
        request.header("Subject").as_deref(),
        Some("a\u{fffd}\u{fffd}b")
    );
    assert_eq!(
        request.header("Content-Type").as_deref(),
        Some("text/plain")
    );
}

//= specs/ota-sip.md#requests
//= type=test
//# A response MUST repeat Via, From, Call-ID and CSeq of its request, and have a To tag.
#[test]
fn answers_take_over_what_finds_them_their_way() {
    let request = request(MESSAGE);
    let answer = reply(&request, 415, Some("t"))
        .header("Accept", "text/plain\r\nEvil: yes")
        .header("no token", "x")
        .body("text/x", Bytes::from_static(b"abc"))
        .build();
    assert_eq!(
        (answer.status(), answer.cseq(), answer.to_tag()),
        (415, 4, Some("t"))
    );
    assert_eq!(answer.reason(), "Unsupported Media Type");
    let text = String::from_utf8(answer.to_bytes().to_vec()).unwrap();
    assert_eq!(
        text,
        "SIP/2.0 415 Unsupported Media Type\r\nv: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\n\
         f: <sip:b@example.net>;tag=1\r\nTo: <sip:a@example.net>;tag=t\r\ni: c1\r\nCSeq: 4 MESSAGE\r\n\
         Accept: text/plain  Evil: yes\r\nContent-Type: text/x\r\nContent-Length: 3\r\n\r\nabc"
    );
}

#[test]
fn requests_of_ours_are_what_was_asked_for() {
    let made = Request::new(Method::Register, "sip:example.net")
        .unwrap()
        .header("From", "<sip:a@example.net>;tag=z")
        .header("To", "<sip:a@example.net>")
        .header("Call-ID", "c")
        .cseq(3)
        .build();
    assert_eq!(
        (made.cseq(), made.from_tag(), made.call_id()),
        (3, Some("z"), "c")
    );
    assert_eq!(
        made.to_bytes_with_via(Some("SIP/2.0/TCP h;branch=z9hG4bKq")),
        "REGISTER sip:example.net SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKq\r\nFrom: <sip:a@example.net>;tag=z\r\n\
         To: <sip:a@example.net>\r\nCall-ID: c\r\nCSeq: 3 REGISTER\r\nContent-Length: 0\r\n\r\n"
    );
    for wrong in [
        "",
        "example.net",
        "sip:a b",
        "sip:a\r\nEvil: yes",
        "<sip:a@b>",
    ] {
        assert!(Request::new(Method::Options, wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn limits_come_before_everything() {
    let limits = Limits {
        max_message: 300,
        max_headers: 8,
    };
    let parse = |text: &str| parse_datagram(&wire(text).into(), &limits);
    assert!(
        parse(MESSAGE).is_err_and(|broken| broken.word == "size" && broken.request.is_some()),
        "nine headers"
    );
    let long = MESSAGE.replace("a: *", &format!("a: *;{}", "long".repeat(60)));
    assert!(wire(&long).len() > 300);
    let broken = parse(&long).unwrap_err();
    assert_eq!((broken.status, broken.word), (513, "size"));
}

#[test]
fn empty_lines_are_keep_alives() {
    assert!(matches!(parsed(b"\r\n\r\n"), Ok(Incoming::Ping)));
    assert!(matches!(parsed(b"\r\n"), Ok(Incoming::Pong)));
    assert!(matches!(parsed(b""), Ok(Incoming::Pong)));
}

#[test]
fn acks_are_never_answered() {
    let text = MESSAGE
        .replace("MESSAGE", "ACK")
        .replace("SIP/2.0\nv", "SIP/3.0\nv");
    assert!(parsed(&wire(&text)).is_err_and(|broken| broken.request.is_none()));
}
