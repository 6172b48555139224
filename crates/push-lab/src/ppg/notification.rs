//! Result notifications: the gateway as the client of a push initiator (WAP-247 5.2).

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::settings::PpgSettings;

/// POSTs a document, and says with which HTTP status it was answered.
pub(super) async fn send(
    settings: &PpgSettings,
    url: &str,
    document: String,
) -> Result<u16, String> {
    let limit = settings.bounds.answer_time;
    let sending = post(url, document, settings.bounds.body);
    timeout(limit, sending)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {limit:?}")))
}

async fn post(url: &str, document: String, bound: usize) -> Result<u16, String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let uri: hyper::Uri = url.parse().map_err(|_| format!("{url:?} is no URL"))?;
    if uri.scheme_str() != Some("http") {
        return Err(format!("{url:?} is no http: URL"));
    }
    let authority = uri
        .authority()
        .ok_or_else(|| format!("{url:?} names no host"))?;
    let host = authority.host().trim_matches(['[', ']']);
    let port = authority.port_u16().unwrap_or(80);
    let stream = TcpStream::connect((host, port))
        .await
        .map_err(|error| told(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| told(&error))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::post(path)
        .header(HOST, authority.as_str())
        .header(CONTENT_TYPE, "application/xml")
        .body(Full::new(Bytes::from(document)))
        .map_err(|error| told(&error))?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| told(&error))?;
        let status = response.status().as_u16();
        // What the initiator answers beside the status does not matter, but it may.
        drop(Limited::new(response.into_body(), bound).collect().await);
        Ok(status)
    };
    tokio::pin!(exchange);
    tokio::select! {
        status = &mut exchange => status,
        // The connection may be done with before its answer is looked at.
        _ = connection => exchange.await,
    }
}
