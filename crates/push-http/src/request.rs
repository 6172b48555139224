//! The body of a request, within its bounds.

use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::HttpSettings;
use crate::failure::{Failure, Fallible};

/// How often the bound is read and thrown away before the connection is closed, so that a client that first writes all
/// and then reads still gets its answer.
const DISCARDED_BODIES: usize = 16;

/// Reads a JSON object.
pub(crate) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Incoming,
    settings: &HttpSettings,
) -> Fallible<T> {
    Ok(push_api::from_json(
        &octets(headers, body, settings).await?,
    )?)
}

/// Reads a JSON array.
pub(crate) async fn json_list<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Incoming,
    settings: &HttpSettings,
) -> Fallible<Vec<T>> {
    Ok(push_api::list_from_json(
        &octets(headers, body, settings).await?,
    )?)
}

async fn octets(headers: &HeaderMap, body: Incoming, settings: &HttpSettings) -> Fallible<Bytes> {
    check_type(headers)?;
    timeout(settings.body_timeout, read(body, settings.max_body_octets))
        .await
        .map_err(|_| late(settings.body_timeout))?
}

fn check_type(headers: &HeaderMap) -> Fallible<()> {
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(Failure::invalid(
            415,
            "a body is taken without Content-Encoding only",
        ));
    }
    let given = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = given
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let given = given.map_or_else(|| "absent".to_owned(), |given| format!("`{given}`"));
    Err(Failure::invalid(
        415,
        format!("Content-Type is {given}; `application/json` is taken (with curl: --json)"),
    ))
}

async fn read(mut body: Incoming, most: usize) -> Fallible<Bytes> {
    let announced = body.size_hint().lower();
    let read_at_all = most.saturating_mul(DISCARDED_BODIES);
    if announced > read_at_all as u64 {
        return Err(too_long(most));
    }
    let mut taken = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Failure::invalid(400, format!("the body cannot be read: {error}")))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        length = length.saturating_add(data.remaining());
        if length > read_at_all {
            return Err(too_long(most));
        }
        if length <= most && announced <= most as u64 {
            if body.is_end_stream() && taken.is_empty() {
                return Ok(data);
            }
            taken.extend_from_slice(&data);
        }
    }
    if length > most {
        Err(too_long(most))
    } else {
        Ok(taken.freeze())
    }
}

fn too_long(most: usize) -> Box<Failure> {
    Failure::invalid(413, format!("the body is over the limit of {most} octets"))
}

fn late(limit: Duration) -> Box<Failure> {
    Failure::invalid(
        408,
        format!("the body did not arrive within {} s", limit.as_secs_f32()),
    )
}
