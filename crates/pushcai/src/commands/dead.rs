//! `dead`: dead letters, listed, replayed and dropped.

use push_api::{DeadLetter, Fate, Problem, Reason, Refusal, SettleAnswer, SettleDeadLetters};
use serde_json::value::RawValue;

use crate::arguments::{Dead, DeadAction, Letters};
use crate::client::{Client, parse, with_query};
use crate::failure::Failure;
use crate::output::{Output, time, visible};

const PATH: &str = "/v1/dead-letters";

/// The most letters in one request: the daemon bounds the octets of a request.
const MAX_BATCH: usize = 1000;

/// Lists or settles dead letters.
pub(crate) async fn run(
    arguments: &Dead,
    client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let app = arguments.app.as_deref();
    match &arguments.action {
        None | Some(DeadAction::List) => list(app, client, output).await,
        Some(DeadAction::Replay(letters)) => {
            settle(Fate::Replay, letters, app, client, output).await
        }
        Some(DeadAction::Drop(letters)) => settle(Fate::Drop, letters, app, client, output).await,
    }
}

async fn list(app: Option<&str>, mut client: Client, output: &mut Output) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = page(app, after.as_deref(), &mut client).await?;
        let letters = letters(&page)?;
        let Some(last) = letters.last() else {
            break;
        };
        after = Some(last.id.clone());
        if output.is_json() {
            page.iter().try_for_each(|letter| output.document(letter))?;
        } else {
            rows.extend(letters.into_iter().map(row));
        }
    }
    if output.is_json() {
        return Ok(());
    }
    if rows.is_empty() {
        output.say("no dead letter: what applications reject, or do not accept in time, would be kept here");
        return Ok(());
    }
    let headings = [
        "EVENT",
        "RECEIVED",
        "PUSH APPLICATION ID",
        "CONTENT TYPE",
        "OCTETS",
        "ATTEMPTS",
        "OWNER",
        "WHY",
    ];
    output.table(headings, &rows)?;
    output.flush()?;
    output
        .hint("`pushcai dead replay EVENT` delivers one again, `pushcai dead drop EVENT` drops it");
    Ok(())
}

async fn page(
    app: Option<&str>,
    after: Option<&str>,
    client: &mut Client,
) -> Result<Vec<Box<RawValue>>, Failure> {
    let query = [
        ("pushApplicationID", app.map(str::to_owned)),
        ("after", after.map(str::to_owned)),
    ];
    client.get(&with_query(PATH, query)).await
}

fn letters(page: &[Box<RawValue>]) -> Result<Vec<DeadLetter>, Failure> {
    page.iter()
        .map(|letter| parse(letter.get().as_bytes()))
        .collect()
}

fn row(letter: DeadLetter) -> [String; 8] {
    [
        letter.id,
        time(letter.received_at),
        letter.push_application_id,
        letter.content_type,
        letter.content_length.to_string(),
        letter.attempts.to_string(),
        letter.owner,
        letter.reason.unwrap_or_else(|| "-".to_owned()),
    ]
}

async fn settle(
    fate: Fate,
    letters: &Letters,
    app: Option<&str>,
    client: Client,
    output: &mut Output,
) -> Result<(), Failure> {
    let mut settling = Settling {
        fate,
        client,
        answer: SettleAnswer::default(),
    };
    if letters.all {
        settling.settle_all(app, output).await?;
    } else {
        settling.settle_ids(&letters.ids).await?;
    }
    let answer = settling.answer;
    if output.is_json() {
        output.json(&answer)?;
    } else {
        let settled = match fate {
            Fate::Replay => "replayed",
            Fate::Drop => "dropped",
        };
        output.line(&format!("{settled} {}", counted(answer.settled)))?;
    }
    output.flush()?;
    refused(answer.refused, output)
}

/// What is settled, and what of it is so far.
struct Settling {
    fate: Fate,
    client: Client,
    answer: SettleAnswer,
}

impl Settling {
    /// Settles page by page, and says how far it is where there are many.
    async fn settle_all(&mut self, app: Option<&str>, output: &Output) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let page = page(app, after.as_deref(), &mut self.client).await?;
            let ids: Vec<_> = letters(&page)?
                .into_iter()
                .map(|letter| letter.id)
                .collect();
            let Some(last) = ids.last().cloned() else {
                return Ok(());
            };
            if after.replace(last).is_some() {
                output.say(&format!("{} so far", counted(self.answer.settled)));
            }
            self.settle_ids(&ids).await?;
        }
    }

    async fn settle_ids(&mut self, ids: &[String]) -> Result<(), Failure> {
        for batch in ids.chunks(MAX_BATCH) {
            let request = SettleDeadLetters {
                fate: self.fate,
                ids: batch.to_vec(),
                all: false,
                push_application_id: None,
                application_id: None,
            };
            let answer = self.client.post(PATH, &request).await?;
            let answer: SettleAnswer = parse(&answer)?;
            self.answer.settled += answer.settled;
            self.answer.refused.extend(answer.refused);
        }
        Ok(())
    }
}

/// Tells what was refused; the last of it decides how the run ends.
fn refused(refused: Vec<(String, String, String)>, output: &Output) -> Result<(), Failure> {
    let mut last = None;
    for (id, reason, detail) in refused {
        if let Some(Failure::Refused(problem)) = last {
            output.complain(&visible(&problem.detail));
        }
        let reason = Reason::from_word(&reason).unwrap_or(Reason::InvalidRequest);
        let refusal = Refusal::new(reason, format!("event {id}: {detail}"));
        last = Some(Failure::Refused(Box::new(Problem::of(&refusal))));
    }
    last.map_or(Ok(()), Err)
}

fn counted(number: usize) -> String {
    match number {
        1 => "1 dead letter".to_owned(),
        number => format!("{number} dead letters"),
    }
}
