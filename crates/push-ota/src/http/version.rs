//! X-Wap-Push-OTA-Version (WAP-235 7.5).

/// The version that a request without the header means, where that is allowed.
const FIRST: (u32, u32) = (1, 0);

/// The version to speak: the first one in the gateway's lists, which stand in order of preference, that is among `spoken`;
/// where the gateway takes any minor version (`2.*`), the most wanted one of ours. Entries that are no version are passed over.
pub(super) fn choose<'a>(
    lists: impl IntoIterator<Item = &'a str>,
    spoken: &[(u32, u32)],
) -> Option<(u32, u32)> {
    lists
        .into_iter()
        .flat_map(|list| list.split(','))
        .filter_map(|entry| parse(entry.trim()))
        .find_map(|(major, minor)| {
            spoken.iter().copied().find(|&(our_major, our_minor)| {
                our_major == major && minor.is_none_or(|minor| minor == our_minor)
            })
        })
}

/// The version that the first request of a connection means without naming one.
pub(super) fn unnamed(spoken: &[(u32, u32)]) -> Option<(u32, u32)> {
    spoken.contains(&FIRST).then_some(FIRST)
}

/// The versions that the terminal speaks, as it names them in its answers.
pub(super) fn listed(spoken: &[(u32, u32)]) -> String {
    let names: Vec<_> = spoken
        .iter()
        .map(|(major, minor)| format!("{major}.{minor}"))
        .collect();
    names.join(",")
}

/// `MAJOR.MINOR` as integers, or `MAJOR.*` without the minor one.
fn parse(entry: &str) -> Option<(u32, Option<u32>)> {
    let (major, minor) = entry.split_once('.')?;
    let minor = match minor {
        "*" => None,
        digits => Some(number(digits)?),
    };
    Some((number(major)?, minor))
}

fn number(digits: &str) -> Option<u32> {
    let all_digits = digits.bytes().all(|octet| octet.is_ascii_digit());
    all_digits.then(|| digits.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_gateways_versions_that_is_spoken_is_chosen() {
        let spoken = [(2, 7), (2, 10), (1, 0)];
        for (lists, chosen) in [
            (&["1.0"][..], Some((1, 0))),
            (&["1.0,2.7"], Some((1, 0))),
            (&["2.7,1.0"], Some((2, 7))),
            (&["3.4, 2.10 ,1.0"], Some((2, 10))),
            (&["2.*"], Some((2, 7))),
            (&["1.*"], Some((1, 0))),
            (&["01.00"], Some((1, 0))),
            (&["3.0", "1.0"], Some((1, 0))),
            (&["2.1"], None),
            (&["3.*"], None),
            (&["2.1,1.1"], None),
            (&["1"], None),
            (&[""], None),
            (&["1.0.0"], None),
            (&["+1.0"], None),
            (&["-1.0", "1.-0"], None),
            (&["*", "*.*", ".", ".0", "1."], None),
            (&["4294967297.0"], None),
            (&["1 .0"], None),
            (&["x,,1.0"], Some((1, 0))),
            (&[], None),
        ] {
            assert_eq!(choose(lists.iter().copied(), &spoken), chosen, "{lists:?}");
        }
    }

    #[test]
    fn a_request_that_names_no_version_means_the_first_one() {
        assert_eq!(unnamed(&[(2, 0), (1, 0)]), Some((1, 0)));
        assert_eq!(unnamed(&[(2, 0)]), None);
        assert_eq!(listed(&[(1, 0), (2, 12)]), "1.0,2.12");
    }
}
