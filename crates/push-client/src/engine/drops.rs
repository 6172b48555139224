//! Datagrams that the kernel dropped because a receive buffer was full.

use std::fs;

use super::Listener;

/// The drops of all sockets, as the kernel counts them; 0 where it does not say.
pub(super) fn of(listeners: &[Listener]) -> u64 {
    let inodes: Vec<u64> = listeners.iter().filter_map(Listener::inode).collect();
    let tables = ["/proc/self/net/udp", "/proc/self/net/udp6"];
    let texts = tables
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok());
    texts.map(|text| dropped(&text, &inodes)).sum()
}

/// The last column of the rows whose tenth column is one of the inodes.
fn dropped(table: &str, inodes: &[u64]) -> u64 {
    let rows = table.lines().skip(1).map(str::split_whitespace);
    let drops = rows.filter_map(|row| {
        let inode: u64 = row.clone().nth(9)?.parse().ok()?;
        inodes
            .contains(&inode)
            .then(|| row.last()?.parse::<u64>().ok())
            .flatten()
    });
    drops.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_sockets_asked_for_are_added_up() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                      7: 0100007F:0B84 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0000000000000000 3\n\
                      8: 0200007F:0B84 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4712 2 0000000000000000 40\n\
                      9: 0300007F:0B84 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2 0000000000000000 500\n";
        assert_eq!(dropped(table, &[4711, 4713]), 503);
        assert_eq!(dropped("", &[4711]), 0);
    }
}
