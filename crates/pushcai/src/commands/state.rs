//! `status`, `servers`, `explain` and `metrics`.

use std::collections::BTreeMap;
use std::time::Duration;

use push_api::{
    EventStory, Exchange, ExplainAnswer, ExplainRequest, HandlerAttempt, Refused, Server, Status,
};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::arguments::Explain;
use crate::client::{Client, parse};
use crate::failure::Failure;
use crate::output::{Output, time, visible};

/// Shows the state of the daemon.
pub(crate) async fn status(mut client: Client, output: &mut Output) -> Result<(), Failure> {
    let answer: Box<RawValue> = client.get("/v1/status").await?;
    if output.is_json() {
        return output.document(&answer);
    }
    let status: Status = parse(answer.get().as_bytes())?;
    let store = status.store_failure.unwrap_or_else(|| "writes".to_owned());
    let mut rows = vec![
        ("version", status.version),
        ("up for", format!("{} s", status.uptime_seconds)),
        ("registrations", status.registrations.to_string()),
        ("waiting events", status.waiting_events.to_string()),
        (
            "unacknowledged events",
            status.unacknowledged_events.to_string(),
        ),
        ("held events", status.held_events.to_string()),
        ("dead letters", status.dead_letters.to_string()),
        ("octets", status.octets.to_string()),
        ("store", store),
    ];
    for (protocol, address) in status.listening {
        rows.push(("listening", format!("{protocol} on {address}")));
    }
    let mut rows: Vec<(String, String)> = rows
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for (name, count) in status.counters {
        rows.push((name, count.to_string()));
    }
    pairs(&rows, output)
}

/// Lists the Push Servers.
pub(crate) async fn servers(mut client: Client, output: &mut Output) -> Result<(), Failure> {
    let servers: Vec<Box<RawValue>> = client.get("/v1/servers").await?;
    if output.is_json() {
        return servers.iter().try_for_each(|value| output.document(value));
    }
    let servers = servers
        .into_iter()
        .map(|document| parse(document.get().as_bytes()))
        .collect::<Result<Vec<Server>, _>>()?;
    if servers.is_empty() {
        output.say("the daemon registers with no Push Server");
        return Ok(());
    }
    let details: Vec<_> = servers.iter().flat_map(details).collect();
    let rows: Vec<_> = servers.into_iter().map(server_row).collect();
    let headings = [
        "SERVER",
        "ID",
        "PROTOCOL",
        "STATE",
        "CPITAG",
        "CONNECTIONS",
        "LAST EXCHANGE",
        "REASON",
    ];
    output.table(headings, &rows)?;
    details.iter().try_for_each(|line| output.line(line))
}

/// What has no room in a row: the binding at a SIP registrar, and what a server does not serve.
fn details(server: &Server) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(binding) = &server.binding {
        let listed = |all: &[String]| {
            if all.is_empty() {
                "-".to_owned()
            } else {
                all.join(", ")
            }
        };
        lines.push(String::new());
        lines.push(format!("binding at {}", server.uri));
        let gruu = binding.gruu.as_deref().unwrap_or("-");
        for (name, value) in [
            ("contact", binding.contact.clone()),
            ("public GRUU", gruu.to_owned()),
            ("applications", listed(&binding.applications)),
            ("instances", listed(&binding.instances)),
            ("service route", listed(&binding.service_route)),
            ("lapses in", format!("{} s", binding.expires_in)),
        ] {
            lines.push(format!("  {name:13}  {value}"));
        }
    }
    if !server.rejected_applications.is_empty() {
        lines.push(String::new());
        lines.push(format!("{} does not serve", server.uri));
        let rejected = server.rejected_applications.iter();
        lines.extend(rejected.map(|application| format!("  {application}")));
    }
    lines.iter().map(|line| visible(line)).collect()
}

fn server_row(server: Server) -> [String; 8] {
    let absent = || "-".to_owned();
    [
        server.uri,
        server.id.unwrap_or_else(absent),
        server.protocol,
        server.state,
        server.cpi_tag.unwrap_or_else(absent),
        server
            .connections
            .map_or_else(absent, |count| count.to_string()),
        server.last_exchange.map_or_else(absent, exchange),
        server.reason.unwrap_or_default(),
    ]
}

fn exchange(exchange: Exchange) -> String {
    let Exchange {
        method,
        status,
        time,
    } = exchange;
    match status {
        Some(status) => format!("{time} {method} {status}"),
        None => format!("{time} {method}"),
    }
}

/// Shows how a push would be judged, and the last ones that reached nobody.
pub(crate) async fn explain(
    arguments: &Explain,
    mut client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = ExplainRequest {
        event_id: arguments.event.clone(),
        push_application_id: arguments.id.clone(),
        content_type: arguments.content_type.clone(),
        server: arguments.server.clone(),
        bearer: arguments.bearer.clone(),
        originator: arguments.originator.clone(),
        port: arguments.port,
        protocol: arguments.protocol.clone(),
        instance: arguments.instance.clone(),
    };
    let answer = client.post("/v1/explain", &request).await?;
    if output.is_json() {
        return output.document(parse(&answer)?);
    }
    let answer: ExplainAnswer = parse(&answer)?;
    if let Some(explanation) = answer.explanation {
        output.line(&format!("verdict: {}", visible(&explanation.verdict)))?;
        for step in explanation.steps {
            output.line(&format!("  {}", visible(&step)))?;
        }
        return Ok(());
    }
    if let Some(event) = answer.event {
        return story(event, output);
    }
    recent(answer.recent, output)
}

/// Where an event stands, and what event handlers made of it.
fn story(event: EventStory, output: &mut Output) -> Result<(), Failure> {
    let line = format!("event {}: {}: {}", event.id, event.state, event.detail);
    output.line(&visible(&line))?;
    let known = [
        ("owner", event.owner),
        ("application", event.push_application_id),
        ("name", event.application_id),
        ("content type", event.content_type),
        (
            "octets",
            event.content_length.map(|length| length.to_string()),
        ),
        ("server", event.server),
        ("received", event.received_at.map(time)),
        ("attempts", event.attempts.map(|count| count.to_string())),
        ("in vain", event.failures.map(|count| count.to_string())),
        ("tried again", event.not_before.map(time)),
        ("expires", event.expires_at.map(time)),
    ];
    let known = known.into_iter();
    let rows: Vec<_> = known
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect();
    pairs(&rows, output)?;
    for attempt in event.handler_attempts {
        let HandlerAttempt {
            scheme, outcome, ..
        } = &attempt;
        let (at, number, took) = (time(attempt.time), attempt.attempt, attempt.took);
        let line = format!("{at}  attempt {number}  {scheme}: {outcome} in {took} ms");
        output.line(&visible(&line))?;
        let mut said = attempt.output.lines();
        said.try_for_each(|line| output.line(&format!("    | {}", visible(line))))?;
    }
    Ok(())
}

fn recent(refused: Vec<Refused>, output: &mut Output) -> Result<(), Failure> {
    if refused.is_empty() {
        output.say("no push was refused, held or dropped");
        return Ok(());
    }
    let rows: Vec<_> = refused.into_iter().map(refused_row).collect();
    let headings = [
        "TIME",
        "VERDICT",
        "PUSH APPLICATION ID",
        "CONTENT TYPE",
        "SERVER",
        "OCTETS",
        "WHY",
    ];
    output.table(headings, &rows)
}

fn refused_row(refused: Refused) -> [String; 7] {
    [
        time(refused.received_at),
        refused.verdict,
        refused
            .push_application_id
            .unwrap_or_else(|| "-".to_owned()),
        refused.content_type.unwrap_or_else(|| "-".to_owned()),
        refused.server,
        refused.length.to_string(),
        refused.detail,
    ]
}

/// Shows the counters.
pub(crate) async fn metrics(mut client: Client, output: &mut Output) -> Result<(), Failure> {
    let text = client.text("/metrics", Duration::ZERO).await?;
    if !output.is_json() {
        return output.octets(&text);
    }
    let text = String::from_utf8_lossy(&text);
    let samples = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    samples
        .map(sample)
        .try_for_each(|sample| output.json(&sample?))
}

/// One line of the text format of Prometheus.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<&'a str, String>,
    value: serde_json::Number,
}

fn sample(line: &str) -> Result<Sample<'_>, Failure> {
    let read = || {
        let name_end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(name_end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = rest.split_whitespace().next()?;
        Some(Sample {
            name,
            labels,
            value: number(value)?,
        })
    };
    read().ok_or_else(|| Failure::answer(format_args!("no sample: {}", visible(line))))
}

/// Reads labels up to the brace that closes them.
fn labels(mut rest: &str) -> Option<(BTreeMap<&str, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, behind) = label_value(quoted)?;
        labels.insert(name, value);
        rest = behind;
    }
}

/// Reads text up to the quotation mark that ends it, and what stands behind it.
fn label_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(index + 1..)?)),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

fn number(text: &str) -> Option<serde_json::Number> {
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => serde_json::Number::from_f64(text.parse().ok()?),
    }
}

fn pairs(rows: &[(String, String)], output: &mut Output) -> Result<(), Failure> {
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default();
    rows.iter().try_for_each(|(name, value)| {
        output.line(visible(&format!("{name:width$}  {value}")).trim_end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read() {
        let plain = sample("pushcai_registrations 3").unwrap();
        assert_eq!(
            serde_json::to_string(&plain).unwrap(),
            r#"{"name":"pushcai_registrations","labels":{},"value":3}"#
        );
        let labelled = sample(r#"a{b="c,\"}",d="e\n"} 0.5 1700000000"#).unwrap();
        assert_eq!(
            serde_json::to_string(&labelled).unwrap(),
            r#"{"name":"a","labels":{"b":"c,\"}","d":"e\n"},"value":0.5}"#
        );
        for line in ["a", "a{b 1", "a{b=\"c} 1", "a x"] {
            assert!(sample(line).is_err(), "{line}");
        }
    }
}
