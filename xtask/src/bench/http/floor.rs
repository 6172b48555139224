//! The floor: a bare hyper server on one thread that reads each body and answers 204; with a log, once the body is appended
//! and synced together with all that wait.

use std::convert::Infallible;
use std::path::PathBuf;

use anyhow::Context as _;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

use crate::bench::relay::Log;

/// Bodies that may wait for the log; more than there are connections.
const QUEUE: usize = 1_024;

/// How the floor runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The address to listen on
    #[arg(long)]
    listen: String,
    /// The log; absent: nothing is written down
    #[arg(long)]
    log: Option<PathBuf>,
}

type Waiting = (Bytes, oneshot::Sender<()>);

/// Serves until it is ended.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let listener = TcpListener::bind(&options.listen)
        .await
        .context("cannot listen")?;
    let log = options.log.as_deref().map(Log::create).transpose()?;
    let log = log.map(|log| {
        let (sender, bodies) = mpsc::channel(QUEUE);
        tokio::spawn(write(log, bodies));
        sender
    });
    println!("ready");
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let log = log.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, log.clone()));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            // A connection that breaks is the gateway's matter.
            connection.await.ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Option<mpsc::Sender<Waiting>>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let body = request.into_body().collect().await;
    let mut response = Response::new(Empty::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let (Some(log), Ok(body)) = (log, body) {
        let (sender, written) = oneshot::channel();
        let sent = log.send((body.to_bytes(), sender)).await;
        if sent.is_err() || written.await.is_err() {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }
    Ok(response)
}

/// Appends all that wait, syncs once, and tells each.
async fn write(mut log: Log, mut bodies: mpsc::Receiver<Waiting>) {
    let (mut group, mut octets) = (Vec::new(), Vec::new());
    while bodies.recv_many(&mut group, QUEUE).await > 0 {
        octets.clear();
        for (body, _) in &group {
            octets.extend_from_slice(body);
        }
        if log.append(&octets).is_err() {
            return;
        }
        for (_, written) in group.drain(..) {
            // Whoever waited may be gone.
            written.send(()).ok();
        }
    }
}
