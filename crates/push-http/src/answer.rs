//! Answers: status, headers, and a document.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SERVER};
use http::{Response, StatusCode};
use push_api::Problem;
use serde::Serialize;

use crate::body::Body;
use crate::failure::Failure;

const SERVER_NAME: HeaderValue =
    HeaderValue::from_static(concat!("pushcai/", env!("CARGO_PKG_VERSION")));

/// An answer with a JSON document.
pub(crate) fn json(status: StatusCode, document: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(document) {
        Ok(octets) => with_body(status, "application/json", Body::whole(octets)),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            with_body(
                StatusCode::INTERNAL_SERVER_ERROR,
                Problem::MEDIA_TYPE,
                Body::whole(Bytes::new()),
            )
        }
    }
}

/// An answer with text of a media type.
pub(crate) fn text(media_type: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    with_body(StatusCode::OK, media_type, Body::whole(text))
}

/// An answer with any body.
pub(crate) fn with_body(
    status: StatusCode,
    media_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(SERVER, SERVER_NAME);
    response
}

/// A refusal as an answer.
pub(crate) fn problem(failure: Failure) -> Response<Body> {
    let status =
        StatusCode::from_u16(failure.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = json(status, &failure.problem);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(Problem::MEDIA_TYPE));
    headers.extend(failure.header);
    response
}
