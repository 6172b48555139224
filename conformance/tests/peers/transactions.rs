//! PDUs of WTP that wap-wire writes, and tshark reads as what was meant.

use conformance::tshark::Tshark;
use wap_wire::{
    wsp::AbortReason,
    wtp::{
        Abort, AbortType, Ack, Invoke, ItemValue, Items, NegativeAck, OptionItem, Pdu,
        ProviderAbortReason, ResultPdu, Segment, Trailer, concatenate, encode_items,
    },
};

const NAMES: &[&str] = &[
    "wtp.pdu_type",
    "wtp.trailer_flags",
    "wtp.RID",
    "wtp.TID.response",
    "wtp.TID",
    "wtp.header.version",
    "wtp.header.TIDNew",
    "wtp.header.UP",
    "wtp.inv.transaction_class",
    "wtp.ack.tvetok",
    "wtp.abort.type",
    "wtp.abort.reason.provider",
    "wtp.abort.reason.user",
    "wtp.header.sequence",
    "wtp.header.missing_packets",
    "wtp.tpi.psn",
    "wtp.tpi.opt",
];

/// What tshark shows of a PDU that means this.
fn meant(pdu: &Pdu<'_>) -> Vec<(&'static str, u32)> {
    let trailer = |trailer| match trailer {
        Trailer::None => 0,
        Trailer::Transmission => 1,
        Trailer::Group => 2,
        Trailer::Unsegmented => 3,
    };
    let tid = [
        ("wtp.TID.response", u32::from(pdu.tid() >> 15)),
        ("wtp.TID", u32::from(pdu.tid() & 0x7FFF)),
    ];
    let rid = |retransmitted: bool| ("wtp.RID", u32::from(retransmitted));
    let mut fields = vec![("wtp.pdu_type", u32::from(pdu.pdu_type().0))];
    match pdu {
        Pdu::Invoke(invoke) => {
            fields.push(("wtp.trailer_flags", trailer(invoke.trailer)));
            fields.push(rid(invoke.retransmitted));
            fields.extend(tid);
            fields.push(("wtp.header.version", invoke.version.into()));
            fields.push(("wtp.header.TIDNew", invoke.tid_new.into()));
            fields.push(("wtp.header.UP", invoke.user_acknowledgement.into()));
            fields.push(("wtp.inv.transaction_class", invoke.class.into()));
        }
        Pdu::Result(result) => {
            fields.push(("wtp.trailer_flags", trailer(result.trailer)));
            fields.push(rid(result.retransmitted));
            fields.extend(tid);
        }
        Pdu::Ack(ack) => {
            fields.push(("wtp.ack.tvetok", ack.verify.into()));
            fields.push(rid(ack.retransmitted));
            fields.extend(tid);
        }
        Pdu::Abort(abort) => {
            let (abort_type, name, reason) = match abort.abort_type {
                AbortType::Provider(reason) => (0, "wtp.abort.reason.provider", reason.0),
                AbortType::User(reason) => (1, "wtp.abort.reason.user", reason.0),
                AbortType::Other { abort_type, reason } => (abort_type, "none", reason),
            };
            fields.push(("wtp.abort.type", abort_type.into()));
            fields.extend(tid);
            fields.push((name, reason.into()));
        }
        Pdu::SegmentedInvoke(segment) | Pdu::SegmentedResult(segment) => {
            fields.push(("wtp.trailer_flags", trailer(segment.trailer)));
            fields.push(rid(segment.retransmitted));
            fields.extend(tid);
            fields.push(("wtp.header.sequence", segment.number.into()));
        }
        Pdu::NegativeAck(negative_ack) => {
            let missing = negative_ack.missing;
            fields.push(rid(negative_ack.retransmitted));
            fields.extend(tid);
            let count = u32::try_from(missing.len()).unwrap_or(u32::MAX);
            fields.push(("wtp.header.missing_packets", count));
            fields.extend(
                missing
                    .iter()
                    .map(|&one| ("wtp.header.sequence", one.into())),
            );
        }
    }
    for item in pdu.items() {
        if let ItemValue::PacketSequenceNumber(number) = item.value() {
            fields.push(("wtp.tpi.psn", number));
        } else if let ItemValue::Option(OptionItem::MaximumGroup(_)) = item.value() {
            fields.push(("wtp.tpi.opt", 4));
        } else {
            panic!("{item:?} is not compared");
        }
    }
    fields
}

#[test]
fn tshark_reads_every_transaction_pdu_that_we_write() -> anyhow::Result<()> {
    let Some(tshark) = Tshark::find()? else {
        return Ok(());
    };
    let number = encode_items([ItemValue::PacketSequenceNumber(7)])?;
    let both = encode_items([
        ItemValue::PacketSequenceNumber(255),
        ItemValue::Option(OptionItem::MaximumGroup(1405)),
    ])?;
    let mut pdus = Vec::new();
    let trailers = [
        Trailer::None,
        Trailer::Transmission,
        Trailer::Group,
        Trailer::Unsegmented,
    ];
    for (tid, trailer) in (0x7FFE..).zip(trailers) {
        let retransmitted = tid & 1 == 1;
        for class in 0..3 {
            pdus.push(Pdu::Invoke(Invoke {
                trailer,
                retransmitted,
                tid: tid & 0x7FFF,
                version: 0,
                tid_new: retransmitted,
                user_acknowledgement: !retransmitted,
                class,
                items: Items::NONE,
                data: b"\x05\x07",
            }));
        }
        pdus.push(Pdu::Result(ResultPdu {
            trailer,
            retransmitted,
            tid: tid | 0x8000,
            items: Items::NONE,
            data: b"\x02\x01\0\0",
        }));
        let segment = Segment {
            trailer,
            retransmitted,
            tid,
            number: 200,
            items: Items::NONE,
            data: b"more",
        };
        pdus.extend([Pdu::SegmentedInvoke(segment), Pdu::SegmentedResult(segment)]);
    }
    for octets in [&[][..], &number, &both] {
        for verify in [false, true] {
            pdus.push(Pdu::Ack(Ack {
                verify,
                retransmitted: verify,
                tid: 0x8005,
                items: Items::decode(octets)?,
            }));
        }
    }
    let provider = (0..=9).map(|reason| AbortType::Provider(ProviderAbortReason(reason)));
    let user = (0xE0..=0xEE).map(|reason| AbortType::User(AbortReason(reason)));
    pdus.extend(provider.chain(user).map(|abort_type| {
        Pdu::Abort(Abort {
            abort_type,
            tid: 0x8005,
            items: Items::NONE,
        })
    }));
    for missing in [&[][..], &[0], &[1, 3, 255]] {
        pdus.push(Pdu::NegativeAck(NegativeAck {
            retransmitted: false,
            tid: 0x8005,
            missing,
            items: Items::NONE,
        }));
    }
    let mut datagrams = pdus
        .iter()
        .map(Pdu::encode)
        .collect::<Result<Vec<_>, _>>()?;
    // And some in one datagram.
    let together = &pdus[..4];
    datagrams.push(concatenate(
        datagrams[..4].iter().map(Vec::as_slice).collect::<Vec<_>>(),
    )?);
    let mut expected: Vec<_> = pdus.iter().map(meant).collect();
    expected.push(together.iter().flat_map(meant).collect());
    let readings = tshark.read_transactions(&datagrams, NAMES)?;
    for ((reading, expected), datagram) in readings.iter().zip(&expected).zip(&datagrams) {
        let reading: Vec<_> = reading
            .iter()
            .map(|(name, value)| {
                let number = match value.strip_prefix("0x") {
                    Some(digits) => u32::from_str_radix(digits, 16),
                    None => value.parse(),
                };
                (name.as_str(), number.unwrap_or(u32::MAX))
            })
            .collect();
        assert_eq!(&reading, expected, "{datagram:02X?}");
    }
    Ok(())
}
