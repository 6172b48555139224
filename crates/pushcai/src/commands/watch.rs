//! `watch`: what goes on, as it goes on.

mod line;

use std::convert::Infallible;
use std::io::IsTerminal;

use push_api::Watched;
use serde_json::value::RawValue;

use crate::arguments::{Color, Watch};
use crate::client::{Client, parse, with_query};
use crate::commands::interrupted;
use crate::failure::Failure;
use crate::output::Output;
use crate::stream::{LONGEST_PAUSE, Lost, Pauses, Stream};

use line::{Style, decoded_content};

/// Watches until somebody ends it.
pub(crate) async fn run(
    arguments: &Watch,
    client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    tokio::select! {
        biased;
        result = follow(arguments, client, output) => result,
        result = interrupted() => result,
    }
}

async fn follow(arguments: &Watch, mut client: Client, output: &mut Output) -> Result<(), Failure> {
    let path = path(arguments);
    let style = style(arguments);
    let mut stream = client.stream(&path, None).await?;
    begin(&style, output)?;
    let mut pauses = Pauses::new(LONGEST_PAUSE);
    loop {
        let Err(lost) = show(stream, &style, &mut pauses, output).await;
        let cause = match lost {
            Lost::Connection(cause) => cause,
            Lost::Failure(failure) => return Err(failure),
        };
        stream = pauses
            .reopen(&mut client, (&path, None), cause, output)
            .await?;
        output.say("connected again; what happened meanwhile is not shown");
    }
}

/// Says that what happens from now on is shown: whoever reads by a pipe may wait for it.
fn begin(style: &Style, output: &mut Output) -> Result<(), Failure> {
    if !style.terminal {
        output.say("watching");
        return Ok(());
    }
    output.say("watching; Ctrl-C ends it");
    if !output.is_json()
        && let Some(headings) = style.headings()
    {
        output.line(&headings)?;
    }
    output.flush()
}

fn path(arguments: &Watch) -> String {
    let kinds = &arguments.kinds;
    let query = [
        ("pushApplicationID", arguments.app.clone()),
        ("kind", (!kinds.is_empty()).then(|| kinds.join(","))),
        ("content", arguments.content.then(|| "true".to_owned())),
    ];
    with_query("/v1/watch", query)
}

fn style(arguments: &Watch) -> Style {
    let terminal = std::io::stdout().is_terminal();
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    Style {
        terminal,
        content: arguments.content,
        color: match arguments.color {
            Color::Auto => terminal && wanted,
            Color::Always => true,
            Color::Never => false,
        },
    }
}

/// Shows what comes until the stream breaks off.
async fn show(
    mut stream: Stream,
    style: &Style,
    pauses: &mut Pauses,
    output: &mut Output,
) -> Result<Infallible, Lost> {
    loop {
        let events = stream.next().await?;
        // A daemon that ends every stream at once is not to be asked without end at full speed.
        if !events.is_empty() {
            pauses.reset();
        }
        for event in events {
            show_one(event.data.as_bytes(), style, output)?;
        }
        output.flush()?;
    }
}

fn show_one(data: &[u8], style: &Style, output: &mut Output) -> Result<(), Failure> {
    let document: &RawValue = parse(data)?;
    if output.is_json() {
        return show_json(data, document, output);
    }
    // A daemon that is newer may know kinds that are unknown here.
    match parse::<Watched>(data) {
        Ok(watched) => {
            let mut lines = style.lines(&watched).into_iter();
            lines.try_for_each(|line| output.line(&line))
        }
        Err(_) => output.line(&crate::output::visible(document.get())),
    }
}

/// The document as it came, and behind its members what the content says where that is known.
fn show_json(data: &[u8], document: &RawValue, output: &mut Output) -> Result<(), Failure> {
    let watched = parse::<Watched>(data).ok();
    let decoded = watched.as_ref().and_then(decoded_content);
    let members = document.get().strip_suffix('}');
    let (Some(decoded), Some(members)) = (decoded, members) else {
        return output.document(document);
    };
    let decoded = serde_json::to_string(&decoded).map_err(Failure::answer)?;
    let shown = RawValue::from_string(format!("{members},\"decoded\":{decoded}}}"));
    output.document(&shown.map_err(Failure::answer)?)
}
