//! Dead letters as a list, page by page.

use http::request::Parts;
use http::{Response, StatusCode};
use push_api::{Caller, DeadLetterQuery, PushService};

use crate::answer;
use crate::body::Body;
use crate::connection::Shared;
use crate::failure::Fallible;
use crate::parameters::Parameters;

/// Answers `GET /v1/dead-letters`.
pub(crate) async fn answer<S: PushService>(
    shared: &Shared<S>,
    caller: Caller,
    head: &Parts,
) -> Fallible<Response<Body>> {
    let known = &["pushApplicationID", "applicationID", "after", "limit"];
    let mut parameters = Parameters::parse(head.uri.query(), known)?;
    let most = shared.settings.max_fetch;
    let query = DeadLetterQuery {
        push_application_id: parameters.text("pushApplicationID")?,
        application_id: parameters.text("applicationID")?,
        after: parameters.text("after")?,
        limit: parameters.number("limit", &(1..=most))?.unwrap_or(most),
    };
    let letters = shared.service.dead_letters(caller, query).await?;
    Ok(answer::json(StatusCode::OK, &letters))
}
