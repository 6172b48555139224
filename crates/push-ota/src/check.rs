//! Properties that hold for any octets: what fuzz targets and tests call. Each function panics where one does not hold.

use crate::http::framing::model::{self, End};
use crate::http::framing::{Framing, FramingLimits};

/// The limits of the check of [`check_http_framing`]: small, so that octets reach them.
const LIMITS: FramingLimits = FramingLimits {
    head_length: 400,
    headers: 8,
};

/// The octets of a connection of HTTP/1.1: in one piece, octet by octet and in two pieces, they are what the model says.
pub fn check_http_framing(data: &[u8]) {
    let expected = model::judge(data, LIMITS);
    let middle = data
        .first()
        .map_or(0, |octet| usize::from(*octet) % data.len());
    let (left, right) = data.split_at(middle);
    let octets: Vec<&[u8]> = data.chunks(1).collect();
    for pieces in [&[data][..], &[left, right], &octets] {
        let mut framing = Framing::new(LIMITS);
        let result = pieces.iter().try_for_each(|piece| framing.check(piece));
        assert_eq!(
            (result, framing.requests()),
            (expected.result.map(|_| ()), expected.requests)
        );
        let parts = [
            framing.is_between_requests(),
            framing.is_within_head(),
            framing.is_within_body(),
        ];
        let end = expected.result.ok();
        assert_eq!(
            parts,
            [End::Between, End::Head, End::Body].map(|part| end == Some(part))
        );
        if end.is_some() {
            assert_eq!(framing.announced_length(), expected.announced);
        }
        assert_eq!(framing.check(&[]), result);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    type Check = fn(&[u8]);

    const CHECKS: [(&str, Check); 1] = [("http_framing", check_http_framing)];

    fn corpus(target: &str) -> Vec<Vec<u8>> {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/corpus")
            .join(target);
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let read = |path| fs::read(path).unwrap();
        files.into_iter().map(read).collect()
    }

    #[test]
    fn the_corpus_of_every_fuzz_target_passes() {
        for (target, check) in CHECKS {
            let files = corpus(target);
            assert!(!files.is_empty(), "{target} has no corpus");
            for octets in files {
                check(&octets);
            }
        }
    }

    #[test]
    fn every_truncation_and_every_changed_octet_of_the_corpus_passes() {
        for (target, check) in CHECKS {
            for octets in corpus(target) {
                (0..octets.len()).for_each(|length| check(&octets[..length]));
                for position in 0..octets.len() {
                    for octet in *b"\0\t\r\n :;0A\x7F\xFF" {
                        let mut changed = octets.clone();
                        changed[position] = octet;
                        check(&changed);
                    }
                }
            }
        }
    }
}
