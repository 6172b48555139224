//! `submit`.

use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use push_api::{MAX_SUBMITTED, SubmitAnswer, SubmitRequest, Submitted};

use crate::arguments::Submit;
use crate::client::{Client, parse};
use crate::commands::decode;
use crate::failure::Failure;
use crate::output::{Output, visible};

/// The most octets of one file: beyond any push that is taken.
const MAX_FILE: u64 = 1 << 20;

/// Hands short messages over.
pub(crate) async fn run(
    arguments: &Submit,
    mut client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let request = SubmitRequest {
        kind: arguments.kind.into(),
        content: content(arguments, output)?,
        sender: arguments.sender.clone(),
        smsc: arguments.smsc.clone(),
        sent_at: arguments.sent.map(|seconds| seconds.saturating_mul(1_000)),
        bearer: arguments.bearer.clone(),
        ports: arguments.ports,
        device: arguments.device.clone(),
    };
    let answer = client.post("/v1/submit", &request).await?;
    if output.is_json() {
        output.document(parse(&answer)?)?;
    }
    let answer: SubmitAnswer = parse(&answer)?;
    if !output.is_json() {
        for submitted in &answer.results {
            output.line(&visible(&line(submitted)))?;
        }
    }
    let refused = answer.results.iter().filter(|one| !is_taken(one)).count();
    match refused {
        0 => Ok(()),
        _ => Err(Failure::Other(format!(
            "{refused} of {} not taken",
            answer.results.len()
        ))),
    }
}

fn line(submitted: &Submitted) -> String {
    let event = submitted
        .event_id
        .as_ref()
        .map(|id| format!(": event {id}"));
    let detail = submitted
        .detail
        .as_ref()
        .map(|detail| format!(": {detail}"));
    format!(
        "{}{}{}",
        submitted.verdict,
        event.unwrap_or_default(),
        detail.unwrap_or_default()
    )
}

fn is_taken(submitted: &Submitted) -> bool {
    let taken = ["accepted", "held", "duplicate", "kept", "followed"];
    taken.contains(&submitted.verdict.as_str())
}

/// The octets of every item, in base64.
fn content(arguments: &Submit, output: &mut Output) -> Result<Vec<String>, Failure> {
    let mut content = Vec::new();
    if !arguments.files.is_empty() {
        for path in &arguments.files {
            content.push(STANDARD.encode(file(path)?));
        }
    } else if arguments.items.is_empty() {
        decode::each_line(output, |line, _| {
            if !line.trim().is_empty() {
                content.push(hexadecimal(line)?);
            }
            if content.len() > MAX_SUBMITTED {
                return Err(too_many());
            }
            Ok(())
        })?;
    } else {
        for item in &arguments.items {
            content.push(hexadecimal(item)?);
        }
    }
    if content.len() > MAX_SUBMITTED {
        return Err(too_many());
    }
    if content.is_empty() {
        return Err(Failure::Usage {
            message: "there is nothing to submit".to_owned(),
            hint: "give octets in hexadecimal as words or on the standard input, or --file FILE"
                .to_owned(),
        });
    }
    Ok(content)
}

fn too_many() -> Failure {
    Failure::Usage {
        message: format!("more than {MAX_SUBMITTED} items were given"),
        hint: "a message has no more segments; submit one message after another".to_owned(),
    }
}

fn hexadecimal(text: &str) -> Result<String, Failure> {
    let octets = decode::octets(text).map_err(|error| Failure::Usage {
        message: error.to_string(),
        hint: "octets that are not written in hexadecimal are read with --file FILE".to_owned(),
    })?;
    Ok(STANDARD.encode(octets))
}

fn file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut octets = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut octets))
        .map_err(|error| Failure::file(path, &error))?;
    if octets.len() as u64 > MAX_FILE {
        return Err(Failure::Other(format!(
            "{}: it has more than {MAX_FILE} octets, which no short message has",
            path.display()
        )));
    }
    Ok(octets)
}
