//! The counters in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::{self, Arguments, Display, Formatter, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};

use push_ota::sms::Held;

use crate::counters::Counters;
use crate::ota_http::Tally;

/// How things stand at present.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gauges {
    pub(crate) registrations: usize,
    pub(crate) waiting_events: usize,
    pub(crate) unacknowledged_events: usize,
    pub(crate) held_events: usize,
    pub(crate) dead_letters: usize,
    pub(crate) octets: usize,
    pub(crate) streams: usize,
    pub(crate) watchers: usize,
    /// Things that happened and found no room with a watcher.
    pub(crate) watch_missed: u64,
    pub(crate) unwritten: usize,
    pub(crate) kernel_drops: u64,
    /// Connections of OTA-SIP, and those of them that carry MSRP; absent where OTA-SIP is off.
    pub(crate) sip_connections: Option<(usize, usize)>,
    pub(crate) session_sockets: usize,
    pub(crate) held_messages: Held,
    pub(crate) store_writes: bool,
    pub(crate) uptime_seconds: u64,
    /// Each source of short messages, and what became of those that it saw.
    pub(crate) sources: Vec<(String, BTreeMap<&'static str, u64>)>,
}

/// The text of `/metrics`.
pub(crate) fn text(
    counters: &Counters,
    ota_http: Option<(&Tally, usize)>,
    gauges: &Gauges,
) -> String {
    let mut page = Page(String::with_capacity(4096));
    page.info();
    page.network(counters, gauges);
    page.sessions(counters, gauges);
    page.segments(counters, gauges);
    if let Some((tally, open)) = ota_http {
        page.ota_http(tally, open);
        page.ota_http_failures(tally);
    }
    if let Some((open, msrp)) = gauges.sip_connections {
        page.ota_sip(counters, open, msrp);
    }
    page.short_messages(gauges);
    page.applications(counters, gauges);
    page.events(counters, gauges);
    page.handlers(counters);
    page.watching(gauges);
    page.store(counters, gauges);
    page.0
}

/// The counters by name, for the status.
pub(crate) fn by_name(
    counters: &Counters,
    ota_http: Option<(&Tally, usize)>,
) -> BTreeMap<String, u64> {
    let mut all: BTreeMap<String, u64> = [
        ("datagrams", counters.datagrams),
        ("datagramOctets", counters.datagram_octets),
        ("socketErrors", counters.socket_errors),
        ("sipDatagrams", counters.sip_datagrams),
        ("sipUnsent", counters.sip_unsent),
        ("sipOverrun", counters.sip_overrun),
        ("sipConnectionsRefused", counters.sip_connections_refused),
        ("registered", counters.registered),
        ("deregistered", counters.deregistered),
        ("delivered", counters.delivered),
        ("redelivered", counters.redelivered),
        ("completed", counters.completed),
        ("delayed", counters.delayed),
        ("died", counters.died),
        ("expired", counters.expired),
        ("replayed", counters.replayed),
        ("dropped", counters.dropped),
        ("storeFailures", counters.store_failures),
        ("portsNotOpened", counters.ports_not_opened),
        ("requests", counters.requests),
        ("streams", counters.subscriptions),
        ("hostsResolved", counters.hosts_resolved),
    ]
    .map(|(name, count)| (name.to_owned(), count))
    .into();
    let families = [
        ("datagramsRefused", &counters.datagrams_refused),
        ("pushes", &counters.pushes),
        ("sessionInitiations", &counters.session_initiations),
        ("sip", &counters.sip),
        ("sessions", &counters.sessions),
        ("shortMessages", &counters.segments),
        ("shortMessagesGivenUp", &counters.messages_expired),
        ("registrationsRefused", &counters.registrations_refused),
        ("registrationsChanged", &counters.registrations_changed),
    ];
    for (family, counts) in families {
        all.extend(
            counts
                .iter()
                .map(|(word, count)| (format!("{family}.{word}"), *count)),
        );
    }
    if let Some((tally, _)) = ota_http {
        by_name_of_http(tally, &mut all);
    }
    all
}

fn by_name_of_http(tally: &Tally, all: &mut BTreeMap<String, u64>) {
    let single = [
        ("httpConnectionsRefused", &tally.refused),
        ("httpDialsFailed", &tally.dials_failed),
        ("httpTlsFailed", &tally.tls_failed),
    ];
    all.extend(single.map(|(name, counter)| (name.to_owned(), value(counter))));
    let requests = tally.requests().into_iter();
    all.extend(
        requests.map(|(method, status, count)| (format!("httpRequests.{method}.{status}"), count)),
    );
    let families = [
        ("httpConnections", tally.connections()),
        ("httpFramingRefused", tally.framing()),
        ("httpTimedOut", tally.late()),
    ];
    for (family, counts) in families {
        let counts = counts.into_iter();
        all.extend(counts.map(|(word, count)| (format!("{family}.{word}"), count)));
    }
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

struct Page(String);

/// The value of a label that may hold anything.
struct Label<'a>(&'a str);

impl Display for Label<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '"' | '\\' => write!(f, "\\{character}")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

impl Page {
    fn info(&mut self) {
        self.head("pushcai_build_info", "gauge", "The version, as a label.");
        self.sample(
            "pushcai_build_info",
            Some(("version", env!("CARGO_PKG_VERSION"))),
            1,
        );
    }

    fn network(&mut self, counters: &Counters, gauges: &Gauges) {
        self.gauge(
            "pushcai_uptime_seconds",
            "Seconds since the start.",
            gauges.uptime_seconds,
        );
        self.counter(
            "pushcai_datagrams_total",
            "Datagrams received over UDP.",
            counters.datagrams,
        );
        self.counter(
            "pushcai_datagram_octets_total",
            "Octets of these datagrams.",
            counters.datagram_octets,
        );
        self.counter(
            "pushcai_datagrams_dropped_total",
            "Datagrams that the kernel dropped because the receive buffer was full.",
            gauges.kernel_drops,
        );
        self.counter(
            "pushcai_socket_errors_total",
            "Errors in reading from sockets.",
            counters.socket_errors,
        );
        self.family(
            "pushcai_datagrams_refused_total",
            "Datagrams that gave no push, by reason.",
            "reason",
            &counters.datagrams_refused,
        );
        self.family(
            "pushcai_pushes_total",
            "Pushes judged, by verdict.",
            "verdict",
            &counters.pushes,
        );
    }

    fn short_messages(&mut self, gauges: &Gauges) {
        if gauges.sources.is_empty() {
            return;
        }
        let name = "pushcai_short_messages_total";
        self.head(
            name,
            "counter",
            "Short messages that modems showed, by source and outcome.",
        );
        for (source, counts) in &gauges.sources {
            for (outcome, count) in counts {
                self.line(format_args!(
                    "{name}{{source=\"{source}\",outcome=\"{outcome}\"}} {count}"
                ));
            }
        }
    }

    fn sessions(&mut self, counters: &Counters, gauges: &Gauges) {
        self.family(
            "pushcai_session_initiations_total",
            "Session initiation requests, by outcome.",
            "outcome",
            &counters.session_initiations,
        );
        self.gauge(
            "pushcai_push_sessions",
            "Sockets of push sessions that are open.",
            gauges.session_sockets,
        );
        self.family(
            "pushcai_push_sessions_total",
            "What happened to push sessions, by event.",
            "event",
            &counters.sessions,
        );
    }

    fn ota_sip(&mut self, counters: &Counters, open: usize, msrp: usize) {
        self.counter(
            "pushcai_sip_datagrams_total",
            "Datagrams of SIP received.",
            counters.sip_datagrams,
        );
        self.counter(
            "pushcai_sip_datagrams_unsent_total",
            "Datagrams of SIP that could not be sent.",
            counters.sip_unsent,
        );
        self.gauge(
            "pushcai_sip_connections",
            "Connections of SIP and MSRP that are open or being opened.",
            open,
        );
        self.gauge(
            "pushcai_sip_msrp_connections",
            "Those of them that carry MSRP.",
            msrp,
        );
        self.counter(
            "pushcai_sip_connections_refused_total",
            "Connections of SIP and MSRP for which there was no place.",
            counters.sip_connections_refused,
        );
        self.counter(
            "pushcai_sip_connections_overrun_total",
            "Connections of SIP and MSRP cut off because the peer did not read.",
            counters.sip_overrun,
        );
        self.family(
            "pushcai_sip_total",
            "What happened on OTA-SIP, by event: registrations, refused messages by the reason, sessions.",
            "event",
            &counters.sip,
        );
    }

    fn segments(&mut self, counters: &Counters, gauges: &Gauges) {
        self.family(
            "pushcai_segments_total",
            "Short messages that sources handed over, by outcome.",
            "outcome",
            &counters.segments,
        );
        self.family(
            "pushcai_segmented_given_up_total",
            "Segmented short messages that were given up, by reason.",
            "reason",
            &counters.messages_expired,
        );
        self.gauge(
            "pushcai_segmented_waiting",
            "Segmented short messages that wait for segments.",
            gauges.held_messages.messages,
        );
        self.gauge(
            "pushcai_segments_waiting",
            "Segments that are held of these.",
            gauges.held_messages.segments,
        );
    }

    fn ota_http(&mut self, tally: &Tally, open: usize) {
        self.gauge(
            "pushcai_http_connections",
            "Connections of OTA-HTTP that are open.",
            open,
        );
        self.family(
            "pushcai_http_connections_total",
            "Connections of OTA-HTTP that requests were served on, by way.",
            "way",
            &tally.connections(),
        );
        self.counter(
            "pushcai_http_connections_refused_total",
            "Connections of OTA-HTTP closed because there were too many.",
            value(&tally.refused),
        );
        let requests = "pushcai_http_requests_total";
        self.head(
            requests,
            "counter",
            "Requests of gateways answered, by method and push status.",
        );
        for (method, status, count) in tally.requests() {
            self.line(format_args!(
                "{requests}{{method=\"{method}\",status=\"{status}\"}} {count}"
            ));
        }
    }

    fn ota_http_failures(&mut self, tally: &Tally) {
        self.family(
            "pushcai_http_framing_refused_total",
            "Connections ended because of octets that are no request, by reason.",
            "reason",
            &tally.framing(),
        );
        self.family(
            "pushcai_http_timed_out_total",
            "Connections ended because something took too long, by what it was.",
            "at",
            &tally.late(),
        );
        self.counter(
            "pushcai_http_dials_failed_total",
            "Gateways that could not be reached.",
            value(&tally.dials_failed),
        );
        self.counter(
            "pushcai_http_tls_failed_total",
            "Connections on which TLS could not be set up.",
            value(&tally.tls_failed),
        );
    }

    fn applications(&mut self, counters: &Counters, gauges: &Gauges) {
        self.gauge(
            "pushcai_registrations",
            "Registrations in force.",
            gauges.registrations,
        );
        self.counter(
            "pushcai_registered_total",
            "Registrations that succeeded.",
            counters.registered,
        );
        self.family(
            "pushcai_registrations_refused_total",
            "Registrations that were refused, by reason.",
            "reason",
            &counters.registrations_refused,
        );
        self.counter(
            "pushcai_deregistered_total",
            "Registrations that ended.",
            counters.deregistered,
        );
        self.counter(
            "pushcai_requests_total",
            "Requests that reached the engine.",
            counters.requests,
        );
        self.gauge(
            "pushcai_streams",
            "Streams of events that are open.",
            gauges.streams,
        );
        self.counter(
            "pushcai_streams_total",
            "Streams of events that were asked for.",
            counters.subscriptions,
        );
        self.counter(
            "pushcai_streams_overrun_total",
            "Streams ended because they held more than their window.",
            counters.subscriptions_overrun,
        );
        self.counter(
            "pushcai_hosts_resolved_total",
            "Host names of whitelists resolved.",
            counters.hosts_resolved,
        );
    }

    fn events(&mut self, counters: &Counters, gauges: &Gauges) {
        self.gauge(
            "pushcai_events_waiting",
            "Events that wait for their applications.",
            gauges.waiting_events,
        );
        self.gauge(
            "pushcai_events_unacknowledged",
            "Events delivered and not yet acknowledged.",
            gauges.unacknowledged_events,
        );
        self.gauge(
            "pushcai_events_held",
            "Events held that matched nobody.",
            gauges.held_events,
        );
        self.gauge(
            "pushcai_dead_letters",
            "Dead letters kept.",
            gauges.dead_letters,
        );
        self.gauge(
            "pushcai_event_octets",
            "Octets of all of these.",
            gauges.octets,
        );
        self.counter(
            "pushcai_events_delivered_total",
            "Events delivered for the first time.",
            counters.delivered,
        );
        self.counter(
            "pushcai_events_redelivered_total",
            "Events delivered again.",
            counters.redelivered,
        );
        self.counter(
            "pushcai_events_completed_total",
            "Events acknowledged as accepted.",
            counters.completed,
        );
        self.counter(
            "pushcai_events_delayed_total",
            "Deliveries put off.",
            counters.delayed,
        );
        self.counter(
            "pushcai_events_died_total",
            "Events that became dead letters.",
            counters.died,
        );
        self.counter(
            "pushcai_events_expired_total",
            "Events that outlived their time, or gave way to later ones.",
            counters.expired,
        );
    }

    fn handlers(&mut self, counters: &Counters) {
        self.family(
            "pushcai_handlers_activated_total",
            "Event handlers that were asked for, by scheme.",
            "scheme",
            &counters.handlers_activated,
        );
        self.family(
            "pushcai_handlers_failed_total",
            "Event handlers that could not be reached, by scheme.",
            "scheme",
            &counters.handlers_failed,
        );
        let name = "pushcai_handled_total";
        self.head(
            name,
            "counter",
            "Events that event handlers made something of, by scheme and outcome; outcomes beyond the first 64 count as other.",
        );
        for (scheme, outcome, count) in counters.handled.iter() {
            let outcome = Label(outcome);
            self.line(format_args!(
                "{name}{{scheme=\"{scheme}\",outcome=\"{outcome}\"}} {count}"
            ));
        }
        self.counter(
            "pushcai_copies_dropped_total",
            "Copies of pushes for observers that had no room for them.",
            counters.copies_dropped,
        );
        self.counter(
            "pushcai_dead_letters_replayed_total",
            "Dead letters that were delivered again.",
            counters.replayed,
        );
        self.counter(
            "pushcai_dead_letters_dropped_total",
            "Dead letters that were dropped because somebody said so.",
            counters.dropped,
        );
        self.family(
            "pushcai_registrations_changed_total",
            "Registrations that are not what they were, by cause.",
            "cause",
            &counters.registrations_changed,
        );
    }

    fn watching(&mut self, gauges: &Gauges) {
        self.gauge(
            "pushcai_watchers",
            "Watches of what goes on that are open.",
            gauges.watchers,
        );
        self.counter(
            "pushcai_watch_missed_total",
            "Things that happened and found no room with a watcher.",
            gauges.watch_missed,
        );
    }

    fn store(&mut self, counters: &Counters, gauges: &Gauges) {
        self.gauge(
            "pushcai_store_unwritten",
            "Sets of changes under way to the store.",
            gauges.unwritten,
        );
        self.gauge(
            "pushcai_store_writes",
            "1 if the store wrote when last asked to.",
            u8::from(gauges.store_writes),
        );
        self.counter(
            "pushcai_store_persists_total",
            "Sets of changes answered by the store.",
            counters.persists,
        );
        self.counter(
            "pushcai_store_failures_total",
            "Sets of changes that could not be written.",
            counters.store_failures,
        );
        self.counter(
            "pushcai_ports_not_opened_total",
            "Ports for applications of their own that could not be opened, tries again included.",
            counters.ports_not_opened,
        );
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.head(name, "counter", help);
        self.sample(name, None, value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl Display) {
        self.head(name, "gauge", help);
        self.sample(name, None, value);
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        counts: &BTreeMap<impl AsRef<str>, u64>,
    ) {
        self.head(name, "counter", help);
        for (word, count) in counts {
            self.sample(name, Some((label, word.as_ref())), count);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn sample(&mut self, name: &str, label: Option<(&str, &str)>, value: impl Display) {
        match label {
            None => self.line(format_args!("{name} {value}")),
            Some((label, word)) => self.line(format_args!("{name}{{{label}=\"{word}\"}} {value}")),
        }
    }

    fn line(&mut self, line: Arguments<'_>) {
        // Writing to a String cannot fail.
        writeln!(self.0, "{line}").ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled() -> String {
        let mut counters = Counters::default();
        counters.refuse_datagram("malformed");
        counters.pushes.insert("accepted", 7);
        counters.handled.count("exec", "said \"no\"");
        let tally = Tally::default();
        text(
            &counters,
            Some((&tally, 0)),
            &Gauges {
                registrations: 3,
                sip_connections: Some((2, 1)),
                sources: vec![("dbus:org.ofono".to_owned(), [("accepted", 2)].into())],
                ..Gauges::default()
            },
        )
    }

    #[test]
    fn every_sample_has_a_type_and_a_help() {
        let text = filled();
        assert!(text.contains("\npushcai_registrations 3\n"));
        assert!(text.contains(
            "\npushcai_short_messages_total{source=\"dbus:org.ofono\",outcome=\"accepted\"} 2\n"
        ));
        assert!(
            text.contains(
                "\npushcai_handled_total{scheme=\"exec\",outcome=\"said \\\"no\\\"\"} 1\n"
            )
        );
        assert!(text.contains("\npushcai_pushes_total{verdict=\"accepted\"} 7\n"));
        assert!(text.contains("\npushcai_datagrams_refused_total{reason=\"malformed\"} 1\n"));
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name}");
            let kind = if name.ends_with("_total") {
                "counter"
            } else {
                "gauge"
            };
            assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}");
        }
    }

    #[test]
    fn the_documentation_names_every_metric_and_no_other() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
        let written = std::fs::read_to_string(path).unwrap();
        let text = filled();
        let metrics = |text: &str| -> Vec<(String, String)> {
            let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
            helps
                .filter_map(|line| line.split_once(' '))
                .map(|(name, help)| (name.into(), help.into()))
                .collect()
        };
        let rows = metrics(&text).into_iter().map(|(name, help)| {
            let kind = if text.contains(&format!("# TYPE {name} counter")) {
                "counter"
            } else {
                "gauge"
            };
            format!("| `{name}` | {kind} | {help} |\n")
        });
        let table: String = rows.collect();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let head = written.split("| `pushcai").next().unwrap();
            std::fs::write(path, format!("{head}{table}")).unwrap();
            return;
        }
        assert!(
            written.ends_with(&table),
            "docs/metrics.md is stale: run UPDATE_DOCS=1 cargo test -p push-client"
        );
    }
}
