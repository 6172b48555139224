//! What Kannel writes, wap-wire and tshark read alike, and as what was handed in.

use std::net::UdpSocket;

use conformance::{
    kannel::Kannel,
    pap::{Client, Delivery, Submission},
    tshark::Tshark,
};

use crate::{
    matrix::{APPLICATION_IDS, CONTENT_TYPES, HEADERS},
    reading::{Ours, assert_alike, comparable},
};

/// A gateway with one client, and tshark beside it.
struct Bench {
    kannel: Kannel,
    tshark: Tshark,
    socket: UdpSocket,
}

const CLIENT: u8 = 2;

impl Bench {
    fn set_up() -> anyhow::Result<Option<Self>> {
        let (Some(kannel), Some(tshark)) = (Kannel::start()?, Tshark::find()?) else {
            return Ok(None);
        };
        let socket = kannel.client_socket(CLIENT)?;
        Ok(Some(Self {
            kannel,
            tshark,
            socket,
        }))
    }

    fn submission(&self) -> Submission<'static> {
        Submission {
            client: Client::Ip(self.kannel.client_address(CLIENT)),
            delivery: Delivery::Unconfirmed,
            content_type: "text/plain",
            part_headers: &[],
            http_headers: &[],
            content: b"content",
        }
    }

    fn push(&self, submission: &Submission<'_>) -> anyhow::Result<Vec<u8>> {
        self.kannel.push(&self.socket, submission)
    }

    /// Decodes all of `datagrams` with both, has them compared, and returns what ours reads.
    fn read_alike(&self, datagrams: &[Vec<u8>]) -> anyhow::Result<Vec<Ours>> {
        let theirs = self.tshark.read_pushes(datagrams)?;
        let ours: Vec<Ours> = datagrams
            .iter()
            .map(|octets| Ours::read(octets))
            .collect::<Result<_, _>>()?;
        for ((ours, theirs), datagram) in ours.iter().zip(&theirs).zip(datagrams) {
            assert_alike(ours, theirs, datagram);
        }
        Ok(ours)
    }
}

#[test]
fn every_content_type_is_read_as_it_was_handed_in() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    // Kannel compiles WML itself and refuses what is none.
    let types: Vec<&str> = CONTENT_TYPES
        .iter()
        .copied()
        .filter(|kind| *kind != "text/vnd.wap.wml")
        .collect();
    let mut datagrams = Vec::new();
    for content_type in &types {
        datagrams.push(bench.push(&Submission {
            content_type,
            ..bench.submission()
        })?);
    }
    for (read, content_type) in bench.read_alike(&datagrams)?.iter().zip(&types) {
        assert_eq!(read.content_type, *content_type);
        assert_eq!(read.body, b"content");
        assert_eq!(read.header("Content-Length"), Some("7"));
    }
    Ok(())
}

#[test]
fn every_application_id_is_read_as_it_was_handed_in() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    let mut datagrams = Vec::new();
    for (id, _) in APPLICATION_IDS {
        let part_headers = &[("X-Wap-Application-Id", *id)];
        datagrams.push(bench.push(&Submission {
            part_headers,
            ..bench.submission()
        })?);
    }
    for (read, (_, id)) in bench.read_alike(&datagrams)?.iter().zip(APPLICATION_IDS) {
        assert_eq!(read.header("X-Wap-Application-Id"), Some(*id));
    }
    Ok(())
}

#[test]
fn an_application_id_by_number_is_read_as_that_number() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    let mut datagrams = Vec::new();
    for id in ["4", "36864"] {
        let part_headers = &[("X-Wap-Application-Id", id)];
        datagrams.push(bench.push(&Submission {
            part_headers,
            ..bench.submission()
        })?);
    }
    let read: Vec<Ours> = datagrams
        .iter()
        .map(|octets| Ours::read(octets))
        .collect::<Result<_, _>>()?;
    assert_eq!(
        read[0].header("X-Wap-Application-Id"),
        Some("x-wap-application:mms.ua")
    );
    assert!(read[1].header("X-Wap-Application-Id").is_some(), "{read:?}");
    Ok(())
}

#[test]
fn every_header_is_read_as_it_was_handed_in() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    // The host of the request is the gateway's, not the client's.
    let headers: Vec<_> = HEADERS.iter().filter(|(name, _)| *name != "Host").collect();
    let mut datagrams = Vec::new();
    for header in &headers {
        let http_headers = &[**header];
        datagrams.push(bench.push(&Submission {
            http_headers,
            ..bench.submission()
        })?);
    }
    for (read, (name, value)) in bench.read_alike(&datagrams)?.iter().zip(headers) {
        let found = read.header(name).map(|found| comparable(name, found));
        assert_eq!(found, Some(comparable(name, value)), "{read:?}");
    }
    Ok(())
}

#[test]
fn many_headers_in_one_push_are_read_in_their_order() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    let headers: Vec<(String, String)> = (0..60)
        .map(|number| (format!("X-Conformance-{number}"), "v".repeat(number * 2)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    let http_headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let submission = Submission {
        http_headers: &http_headers,
        ..bench.submission()
    };
    let read = bench.read_alike(&[bench.push(&submission)?])?;
    let ours: Vec<_> = read[0]
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("X-Conformance"))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(ours, http_headers);
    Ok(())
}

/// tshark cuts what it shows after 240 characters, so that it is no help here.
#[test]
fn long_names_and_values_are_read_whole() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    let (name, value) = (format!("X-{}", "n".repeat(300)), "v".repeat(3_000));
    let http_headers = &[(name.as_str(), value.as_str())];
    let submission = Submission {
        http_headers,
        ..bench.submission()
    };
    let read = Ours::read(&bench.push(&submission)?)?;
    assert_eq!(read.header(&name), Some(value.as_str()));
    assert_eq!(read.body, b"content");
    Ok(())
}

#[test]
fn contents_of_every_size_arrive_whole() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    for size in [0, 1, 127, 128, 1_400, 16_384, 60_000] {
        let content: Vec<u8> = (0..=255).cycle().take(size).collect();
        let datagram = bench.push(&Submission {
            content: &content,
            ..bench.submission()
        })?;
        let read = Ours::read(&datagram)?;
        assert_eq!(read.body, content, "{size} octets");
        assert_eq!(
            read.header("Content-Length"),
            Some(size.to_string().as_str())
        );
    }
    Ok(())
}

#[test]
fn a_service_indication_arrives_compiled() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    let content = br#"<?xml version="1.0"?><!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd"><si><indication href="http://a.test/">Mail</indication></si>"#;
    let submission = Submission {
        content_type: "text/vnd.wap.si",
        content,
        ..bench.submission()
    };
    let read = bench.read_alike(&[bench.push(&submission)?])?;
    assert_eq!(read[0].content_type, "application/vnd.wap.sic");
    assert!(read[0].body.len() < content.len());
    Ok(())
}

/// Oddities that Kannel sends and tshark does not follow to the end: ours has to read on to the content.
#[test]
fn odd_values_do_not_hide_the_content() -> anyhow::Result<()> {
    let Some(bench) = Bench::set_up()? else {
        return Ok(());
    };
    let odd: &[(&str, &str)] = &[
        ("X-Conformance", ""),
        ("X-Conformance", "\u{fc}mlaut"),
        ("X-Conformance", "\"quoted"),
        ("Expires", "0"),
        ("Expires", "Fri, 01 Jan 2110 00:00:00 GMT"),
        ("Expires", "Wed, 01 Jan 1969 00:00:00 GMT"),
        ("Cache-Control", "private=\"Set-Cookie\""),
        ("Cache-Control", "x-extension=\"value\""),
        ("Authorization", "Basic dXNlcjpwYXNz"),
        ("Accept", "text/plain;q=0.3, */*"),
        ("Accept-Language", "de, en;q=0.7, x-unknown"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Warning", "110 a.test \"stale\""),
        ("If-None-Match", "\"etag\""),
        ("Content-Disposition", "attachment; filename=\"a.txt\""),
        (
            "X-Wap-Application-Id",
            "x-wap-application:unknown.to.kannel",
        ),
    ];
    for header in odd {
        let http_headers = &[*header];
        let datagram = bench.push(&Submission {
            http_headers,
            ..bench.submission()
        })?;
        let read = Ours::read(&datagram).map_err(|error| error.context(format!("{header:?}")))?;
        assert!(read.body.ends_with(b"content"), "{header:?}: {read:?}");
        assert_eq!(
            read.header("Content-Length"),
            Some("7"),
            "{header:?}: {read:?}"
        );
    }
    Ok(())
}
