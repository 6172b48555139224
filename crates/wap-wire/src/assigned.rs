//! Tables of assigned numbers and their names, in number order.

/// The name assigned to this number.
pub(crate) fn name_of(table: &[(u32, &'static str)], number: u32) -> Option<&'static str> {
    let index = table
        .binary_search_by_key(&number, |&(assigned, _)| assigned)
        .ok()?;
    table.get(index).map(|&(_, name)| name)
}

/// The first number assigned to this name; letters compare without case.
pub(crate) fn number_of(table: &[(u32, &'static str)], name: &str) -> Option<u32> {
    table
        .iter()
        .find(|entry| entry.1.eq_ignore_ascii_case(name))
        .map(|&(number, _)| number)
}
