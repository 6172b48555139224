//! The cases of RFC 4475, each by the name that it has there, in messages of our own.

use super::*;

/// What becomes of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// A request that the user agent answers as it likes.
    Request,
    /// A response for a transaction.
    Response,
    /// A request that is refused with this status.
    Refused(u16),
    /// Nobody is answered.
    Dropped,
}
use Fate::{Dropped, Refused};

/// Headers that most cases share, as of a method.
fn common(name: &str, method: &str) -> String {
    format!(
        "Via: SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK.{name}\nMax-Forwards: 70\n\
         From: <sip:caller@example.org>;tag=f.{name}\nTo: <sip:called@example.net>\n\
         Call-ID: {name}.1@example.org\nCSeq: 7 {method}\n"
    )
}

fn simple(name: &str, first: &str, more: &str) -> String {
    let method = first.split(' ').find(|word| !word.is_empty()).unwrap();
    format!(
        "{first}\n{}{more}Content-Length: 0\n\n",
        common(name, method)
    )
}

/// All 49, in the order of the RFC.
pub(super) fn cases() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let mut cases = valid();
    cases.extend(invalid());
    cases.extend(semantic());
    cases
}

/// 3.1.1
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn valid() -> Vec<(&'static str, Vec<u8>, Fate)> {
    const ODD: &str = "!odd-Method0123456789_*+`.%as'it~is";
    let wsinv = "INVITE sip:anna@example.net;what SIP/2.0\nTO :\n sip:anna@example.net ;   tag    = to9\n\
        from   : \"Quotes \\\\\\\"\"       <sip:jr@example.org>\n  ;\n  tag = fr1\nMaX-fOrWaRdS: 0068\n\
        Call-ID: wsinv.1@example.org\nContent-Length   : 4\ncseq: 0009\n  INVITE\nVia  : SIP  /   2.0\n /UDP\n    \
        192.0.2.1;branch=z9hG4bKws\ns :\nNovel:   some words\n and some more\nOdd: ;;,,;;,;\n\
        Content-Type: text/plain\nRoute:\n <sip:hop.example.net;lr;p=v;q>\nv:  SIP  / 2.0  / TCP     b.example.org   ;\n  \
        branch  =   z9hG4bK9x  ,\n SIP  /    2.0   / UDP  192.168.255.111   ; branch=\n z9hG4bK30\n\
        m:\"Words \\\"\\\"\" <sip:jr@example.org> ; new =\n      value ;\n  second ; q = 0.33\n\nabcd";
    let odd_uri =
        "sip:1_odd.URI~(so!sure)&isn't+it$/or?,/;;*:&a+pass=1,word!*too$y~o_u.(see)@example.net";
    let intmeth = format!(
        "{ODD} {odd_uri} SIP/2.0\n{}{ODD}: \u{fffd}\u{7f}\"\nExtra: (()\"\nContent-Length: 0\n\n",
        common("intmeth", ODD).replace(
            "<sip:called@example.net>",
            &format!("\"B\\\u{7f}Q\\\"\" <{odd_uri}>")
        )
    );
    let long = "long".repeat(200);
    let longreq = simple(
        "longreq",
        &format!("INVITE sip:{long}@{}example.net;p={long} SIP/2.0", "sub.".repeat(40)),
        &format!("Subject: {long}\n{long}: {long}\nContact: \"{long}\" <sip:a@{long}.example.org>;p={long}\n"),
    )
    .replace("tag=f.longreq", &format!("tag={long}"));
    let dblreq = simple("dblreq", "REGISTER sip:example.net SIP/2.0", "")
        + &simple("dblreq2", "INVITE sip:joe@example.net SIP/2.0", "");
    let vias = ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]
        .map(|transport| {
            format!("Via: SIP/2.0/{transport} t{transport}.example.net;branch=z9hG4bK{transport}\n")
        })
        .concat();
    let mut mpart = simple(
        "mpart01",
        "MESSAGE sip:kumiko@example.org SIP/2.0",
        "Content-Type: multipart/mixed;boundary=edge\n",
    )
    .replace("Content-Length: 0", "l: 48");
    mpart.push_str("--edge\n\nwords\n--edge\n\n");
    let mut mpart = wire(&mpart);
    mpart.extend_from_slice(b"\0\x01\xFF\xFE\r\n\r\n\x80\r\n--edge--\r\n");
    let good = |name, text: &str| (name, wire(text), Fate::Request);
    let responds = |name, first: &str, more: &str| {
        let text = format!(
            "{first}\n{}{more}Content-Length: 0\n\n",
            common(name, "INVITE")
        );
        (name, wire(&text), Fate::Response)
    };
    vec![
        good("wsinv", wsinv),
        good("intmeth", &intmeth),
        good(
            "esc01",
            &simple(
                "esc01",
                "INVITE sip:sips%3Auser%40example.org@example.net SIP/2.0",
                "Contact: <sip:cal%6Cer@192.0.2.1;%6C%72;n%61me=v%61lue%25%34%31>\n",
            ),
        ),
        good(
            "escnull",
            &simple(
                "escnull",
                "REGISTER sip:example.net SIP/2.0",
                "Contact: <sip:%00@192.0.2.1>\nContact: <sip:%00%00@192.0.2.1>\n",
            ),
        ),
        good(
            "esc02",
            &simple(
                "esc02",
                "RE%47IST%45R sip:registrar.example.net SIP/2.0",
                "Contact: <sip:alias%31@192.0.2.1>\nC%6Fntact: <sip:alias2@192.0.2.1>\n",
            ),
        ),
        good(
            "lwsdisp",
            &simple("lwsdisp", "OPTIONS sip:user@example.net SIP/2.0", "")
                .replace("From: <", "From: caller<"),
        ),
        good("longreq", &longreq),
        good("dblreq", &dblreq),
        good(
            "semiuri",
            &simple(
                "semiuri",
                "OPTIONS sip:user;par=u%40example.org@example.net SIP/2.0",
                "",
            ),
        ),
        good(
            "transports",
            &simple("transports", "OPTIONS sip:user@example.net SIP/2.0", "").replacen(
                "Via",
                &format!("{vias}Via"),
                1,
            ),
        ),
        ("mpart01", mpart, Fate::Request),
        responds(
            "unreason",
            "SIP/2.0 200 = 2**3 * 5**2 \u{43d}\u{43e}",
            "Contact: <sip:user@host198.example.net>\n",
        ),
        responds("noreason", "SIP/2.0 100 ", ""),
    ]
}

/// 3.1.2
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn invalid() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let invite = "INVITE sip:user@example.net SIP/2.0";
    let options = "OPTIONS sip:user@example.net SIP/2.0";
    let case = |name, first: &str, from: &str, to: &str, fate| {
        let text = simple(name, first, "").replace(from, to);
        (name, wire(&text), fate)
    };
    let more = |name, first: &str, more: &str, fate| (name, wire(&simple(name, first, more)), fate);
    let of_response = |name, first: &str, number: &str| {
        let text = format!("{first}\n{}Content-Length: 0\n\n", common(name, "OPTIONS"));
        (name, wire(&text.replace("CSeq: 7", number)), Dropped)
    };
    vec![
        case(
            "badinv01",
            invite,
            "branch=z9hG4bK.badinv01",
            ";,;,,",
            Dropped,
        ),
        case("clerr", invite, "Length: 0", "Length: 9999", Refused(400)),
        case("ncl", invite, "Length: 0", "Length: -999", Refused(400)),
        case(
            "scalar02",
            "REGISTER sip:example.net SIP/2.0",
            "CSeq: 7",
            "Expires: 10000000000000000000000\nCSeq: 36893488147419103232",
            Refused(400),
        ),
        of_response(
            "scalarlg",
            "SIP/2.0 503 Service Unavailable",
            "CSeq: 9292394834772304023312",
        ),
        case(
            "quotbal",
            invite,
            "To: <",
            "To: \"Mr. J. User <",
            Refused(400),
        ),
        case(
            "ltgtruri",
            "INVITE <sip:user@example.net> SIP/2.0",
            "",
            "",
            Refused(400),
        ),
        case(
            "lwsruri",
            "INVITE sip:user@example.net; lr SIP/2.0",
            "",
            "",
            Refused(400),
        ),
        case(
            "lwsstart",
            "INVITE  sip:user@example.net  SIP/2.0",
            "",
            "",
            Refused(400),
        ),
        case(
            "trws",
            "OPTIONS sip:user@example.net SIP/2.0  ",
            "",
            "",
            Refused(400),
        ),
        case(
            "escruri",
            "INVITE sip:user@example.net?Route=%3Csip:example.org%3E SIP/2.0",
            "",
            "",
            Refused(400),
        ),
        more(
            "baddate",
            invite,
            "Date: Fri, 01 Jan 2027 16:00:00 EST\n",
            Fate::Request,
        ),
        more(
            "regbadct",
            "REGISTER sip:example.net SIP/2.0",
            "Contact: sip:user@example.net?Route=%3Csip:sip.example.net%3E\n",
            Fate::Request,
        ),
        case(
            "badaspec",
            options,
            "<sip:called@example.net>",
            "\"W, T\" < sip:called@example.net >",
            Refused(400),
        ),
        case(
            "baddn",
            options,
            "From: <",
            "From: Bell, Alexander <",
            Refused(400),
        ),
        case(
            "badvers",
            "OPTIONS sip:user@example.net SIP/7.0",
            "",
            "",
            Refused(505),
        ),
        case("mismatch01", options, "7 OPTIONS", "7 INVITE", Refused(400)),
        case(
            "mismatch02",
            "NOVEL sip:user@example.net SIP/2.0",
            "7 NOVEL",
            "7 INVITE",
            Refused(400),
        ),
        of_response("bigcode", "SIP/2.0 4294967301 better not", "CSeq: 7"),
    ]
}

/// 3.2 to 3.4
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn semantic() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let invite = "INVITE sip:user@example.net SIP/2.0";
    let options = "OPTIONS sip:user@example.net SIP/2.0";
    let register = "REGISTER sip:example.net SIP/2.0";
    let good =
        |name, first: &str, more: &str| (name, wire(&simple(name, first, more)), Fate::Request);
    let case = |name, first: &str, from: &str, to: &str, fate| {
        let text = simple(name, first, "").replace(from, to);
        (name, wire(&text), fate)
    };
    let insuf = format!(
        "{invite}\nCSeq: 1 INVITE\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKi\nContent-Length: 0\n\n"
    );
    let bcast = format!(
        "SIP/2.0 200 OK\n{}Content-Length: 0\n\n",
        common("bcast", "INVITE")
    )
    .replacen(
        "Max-Forwards: 70",
        "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKb",
        1,
    );
    let sdp = "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n";
    let sdp01 = simple(
        "sdp01",
        invite,
        "Accept: text/nobodyReadsThis\nContent-Type: application/sdp\n",
    )
    .replace("Length: 0", "Length: 36")
        + sdp;
    let old = "INVITE sip:user@example.net SIP/2.0\nVia: SIP/2.0/UDP old.example.org\nFrom: <sip:old@example.org>\n\
        To: <sip:user@example.net>\nCall-ID: inv2543.1@example.org\nCSeq: 1 INVITE\n\n";
    vec![
        case(
            "badbranch",
            options,
            "z9hG4bK.badbranch",
            "z9hG4bK",
            Fate::Request,
        ),
        ("insuf", wire(&insuf), Dropped),
        case(
            "unkscm",
            "OPTIONS nobodyHasThisScheme:opaquecontent SIP/2.0",
            "",
            "",
            Refused(416),
        ),
        case(
            "novelsc",
            "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0",
            "",
            "",
            Refused(416),
        ),
        case(
            "unksm2",
            register,
            "<sip:called@example.net>",
            "isbn:2983792873",
            Fate::Request,
        ),
        good(
            "bext01",
            options,
            "Require: nobodyKnows, norThis\nProxy-Require: neither, orThat\n",
        ),
        good("invut", invite, "Content-Type: application/unknownformat\n"),
        good(
            "regaut01",
            register,
            "Authorization: NobodyKnows opaque-data=here\n",
        ),
        case(
            "multi01",
            invite,
            "CSeq: 7",
            "CSeq: 8 INVITE\nCall-ID: another@example.org\nCSeq: 7",
            Refused(400),
        ),
        case(
            "mcl01",
            options,
            "Content-Length: 0",
            "Content-Length: 13\nContent-Length: 5",
            Refused(400),
        ),
        ("bcast", wire(&bcast), Fate::Response),
        case(
            "zeromf",
            options,
            "Max-Forwards: 70",
            "Max-Forwards: 0",
            Fate::Request,
        ),
        good(
            "cparam01",
            register,
            "Contact: sip:+12025550123@gw.example.net;unknown\n",
        ),
        good(
            "cparam02",
            register,
            "Contact: <sip:+12025550123@gw.example.net;unknown>\n",
        ),
        good(
            "regescrt",
            register,
            "Contact: <sip:user@example.net?Route=%3Csip:sip.example.net%3E>\n",
        ),
        ("sdp01", wire(&sdp01), Fate::Request),
        ("inv2543", wire(old), Fate::Request),
    ]
}

//= specs/ota-sip.md#requests
//= type=test
//# A request that is malformed MUST NOT be delivered.
#[test]
fn each_case_is_understood_refused_or_dropped() {
    let cases = cases();
    assert_eq!(cases.len(), 49);
    for (name, octets, fate) in cases {
        let seen = match parsed(&octets) {
            Ok(Incoming::Request(_)) => Fate::Request,
            Ok(Incoming::Response(_)) => Fate::Response,
            Ok(other) => panic!("{name}: {other:?}"),
            Err(broken) => {
                let Broken {
                    status, request, ..
                } = &broken;
                request.as_ref().map_or(Dropped, |_| Refused(*status))
            }
        };
        assert_eq!(seen, fate, "{name}: {:?}", parsed(&octets));
    }
}

fn case(name: &str) -> Vec<u8> {
    let found = cases().into_iter().find(|(other, ..)| *other == name);
    found.unwrap().1
}

fn good(name: &str) -> Request {
    match parsed(&case(name)) {
        Ok(Incoming::Request(request)) => request,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn folded_and_spaced_headers_are_what_they_say() {
    let request = good("wsinv");
    assert_eq!(*request.method(), Method::Invite);
    assert_eq!(request.cseq(), 9);
    assert_eq!(
        (request.from_tag(), request.to_tag()),
        (Some("fr1"), Some("to9"))
    );
    assert_eq!(request.header("Subject").as_deref(), Some(""));
    assert_eq!(
        request.header("novel").as_deref(),
        Some("some words and some more")
    );
    assert_eq!(request.values("Via").len(), 3);
    assert_eq!(&request.body()[..], b"abcd");
    let via = request.via().unwrap();
    assert_eq!(via.unique_branch(), Some("z9hG4bKws"));
    assert!(!via.is_last);
}

#[test]
fn methods_and_uris_are_taken_as_they_are() {
    let request = good("intmeth");
    assert_eq!(
        request.method().as_str(),
        "!odd-Method0123456789_*+`.%as'it~is"
    );
    assert_eq!(good("esc02").method().as_str(), "RE%47IST%45R");
    assert_eq!(
        good("esc01").uri(),
        "sip:sips%3Auser%40example.org@example.net"
    );
    assert_eq!(good("escnull").headers("Contact").count(), 2);
    assert_eq!(good("esc02").headers("Contact").count(), 1);
}

//= specs/ota-sip.md#requests
//= type=test
//# Octets beyond Content-Length in a datagram MUST be left out, and a request whose body is shorter than that refused with 400.
#[test]
fn bodies_are_as_long_as_they_say() {
    assert_eq!(good("mpart01").body().len(), 48);
    assert!(good("dblreq").body().is_empty());
    assert_eq!(good("dblreq").call_id(), "dblreq.1@example.org");
    assert_eq!(parsed(&case("clerr")).unwrap_err().status, 400);
}

#[test]
fn branches_that_name_nothing_are_no_branches() {
    assert_eq!(good("badbranch").via().unwrap().unique_branch(), None);
    assert_eq!(good("inv2543").via().unwrap().branch, None);
}

/// What is refused is answered by what of it could be read.
#[test]
fn refusals_carry_what_their_request_said() {
    for (name, octets, fate) in cases() {
        let Refused(status) = fate else { continue };
        let broken = parsed(&octets).unwrap_err();
        let answer = reply(&broken.request.unwrap(), status, Some("t"))
            .build()
            .to_bytes();
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        assert!(answer.starts_with(&format!("SIP/2.0 {status} ")), "{name}");
        for part in [
            format!("z9hG4bK.{name}"),
            format!("f.{name}"),
            format!("{name}.1@example.org"),
            "\r\nCSeq: ".to_owned(),
        ] {
            assert!(answer.contains(&part), "{name}: {answer}");
        }
    }
}
