//! What the kernel tells of UDP sockets.

use std::fs;

use super::Listener;

/// Datagrams that were dropped because the receive buffer of one of these was full; 0 where the kernel does not say.
pub(super) fn drops<'a>(listeners: impl Iterator<Item = &'a Listener>) -> u64 {
    let inodes: Vec<u64> = listeners.filter_map(Listener::inode).collect();
    tables().map(|table| dropped(&table, &inodes)).sum()
}

/// The user who holds a port, on whatever address; absent where nobody does, or the kernel does not say.
pub(super) fn holder(port: u16) -> Option<u32> {
    tables().find_map(|table| user_of(&table, port))
}

fn tables() -> impl Iterator<Item = String> {
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
    tables
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
}

/// The last column of the rows whose tenth column is one of the inodes.
fn dropped(table: &str, inodes: &[u64]) -> u64 {
    let drops = rows(table).filter_map(|mut row| {
        let inode: u64 = row.nth(9)?.parse().ok()?;
        inodes
            .contains(&inode)
            .then(|| row.last()?.parse::<u64>().ok())
            .flatten()
    });
    drops.sum()
}

/// The eighth column of the row whose second column ends with the port.
fn user_of(table: &str, port: u16) -> Option<u32> {
    rows(table).find_map(|mut row| {
        let (_, own) = row.nth(1)?.rsplit_once(':')?;
        let own = u16::from_str_radix(own, 16).ok()?;
        (own == port).then(|| row.nth(5)?.parse().ok()).flatten()
    })
}

fn rows(table: &str) -> impl Iterator<Item = std::str::SplitWhitespace<'_>> {
    table.lines().skip(1).map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                          7: 0100007F:0B84 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 3\n\
                          8: 0200007F:0B84 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 40\n\
                          9: 0300007F:23F9 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 4713 2 0000000000000000 500\n";

    #[test]
    fn the_rows_of_the_sockets_asked_for_are_added_up() {
        assert_eq!(dropped(TABLE, &[4711, 4713]), 503);
        assert_eq!(dropped("", &[4711]), 0);
    }

    #[test]
    fn the_user_who_holds_a_port_is_found() {
        assert_eq!(user_of(TABLE, 2948), Some(0));
        assert_eq!(user_of(TABLE, 9209), Some(1000));
        assert_eq!(user_of(TABLE, 9201), None);
    }
}
