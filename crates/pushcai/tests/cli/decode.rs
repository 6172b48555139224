//! `pushcai decode`.

use insta::assert_snapshot;

use crate::run::{pushcai, with_input};

/// An MMS push of our own, with a header by name and a push flag that is too long.
const PUSH: &str = "2a0611beaf84c393 8d84 582d4100 6200 b40161 0102 0304";

#[test]
fn pushes_headers_and_content_types_have_their_documented_shapes() {
    assert_snapshot!(pushcai(&[
        "decode",
        "--kind",
        "wsp-push",
        PUSH,
        "0006 04 03 83 81 ea 68 69"
    ]));
    assert_snapshot!(pushcai(&[
        "decode",
        "--kind",
        "wsp-headers",
        "af:84:c3:93",
        "0xaf02",
        ""
    ]));
    assert_snapshot!(pushcai(&[
        "decode",
        "--kind",
        "content-type",
        "be",
        "03ae81ea00",
        "612f6200",
        "03020310",
        ""
    ]));
}

#[test]
fn session_initiation_requests_have_their_documented_shape() {
    let tail = "02 01 00 0b 687474703a2f2f702e6578 01 deadbeef";
    let whole = format!(
        "01 06 b284b280b29f 08 c40b23f1c6336401 13 c40a0fc4c6336402 84000a000001 83039471f0 {tail}"
    );
    let run = pushcai(&[
        "decode",
        "--kind",
        "sia",
        &whole,
        "00 02b284 08c40b23f1c6336401",
        "01 00 00 00 00 02abcd",
        "01 0134",
        "02",
    ]);
    assert_eq!(run.code, 0);
    assert_snapshot!(run);
    let run = pushcai(&[
        "decode",
        "--kind",
        "sia",
        "",
        "01 05b284",
        "01 02b205 00",
        "00 0134 0fc90a393230313139382e35312e313030",
    ]);
    assert_eq!(run.code, 4);
    assert_snapshot!(run);
}

#[test]
fn a_value_that_its_header_cannot_have_is_shown_and_named() {
    let run = pushcai(&["decode", "--kind", "wsp-headers", "92 61 00 8d 81"]);
    assert_eq!(run.code, 0);
    assert_snapshot!(run);
}

#[test]
fn what_cannot_be_decoded_is_answered_with_code_and_place() {
    let run = pushcai(&[
        "decode",
        "--kind",
        "wsp-push",
        "",
        "00",
        "0007018300",
        "00067f",
        "0006 02 1f",
        "0g",
        "000",
    ]);
    assert_eq!(run.code, 4);
    assert_snapshot!(run);
}

#[test]
fn every_line_of_the_input_gives_one_line() {
    let run = with_input(&["decode", "--kind", "content-type"], b"be\n\nzz\n\xff\n83");
    assert_eq!(run.code, 4);
    assert_eq!(run.stdout.lines().count(), 5);
    let many = "be\n".repeat(10_000);
    let run = with_input(
        &["decode", "--kind", "content-type", "--json"],
        many.as_bytes(),
    );
    assert_eq!((run.code, run.stdout.lines().count()), (0, 10_000));
}

#[test]
fn a_line_without_end_is_refused() {
    let run = with_input(&["decode", "--kind", "content-type"], &vec![b'0'; 5 << 20]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(
        run.stderr,
        "pushcai: a line of the input has more than 4194304 octets\n"
    );
}

#[test]
fn kinds_that_are_not_supported_are_refused_in_one_line() {
    for kind in ["wtp", "sms-tpdu", "sms-udh", "wbxml"] {
        let run = pushcai(&["decode", "--kind", kind, "00"]);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        let line = format!("pushcai: decode --kind {kind} is not supported yet\n");
        assert_eq!(
            run.stderr,
            format!("{line}hint: wsp-push, wsp-headers, content-type and sia are\n")
        );
    }
}
