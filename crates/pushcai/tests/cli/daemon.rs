//! A daemon that answers as the test says, and remembers what it was asked.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::oneshot;

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// Method and target.
    pub(crate) line: String,
    pub(crate) last_event_id: Option<String>,
    pub(crate) body: String,
}

/// An answer.
pub(crate) struct Reply {
    status: u16,
    chunks: VecDeque<Bytes>,
    end: End,
}

/// What comes behind the last chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The end of the answer.
    Whole,
    /// Nothing more, though the answer has not ended.
    Silence,
    /// The connection breaks off.
    Break,
    /// The connection breaks off at once.
    Broken,
}

impl Reply {
    pub(crate) fn new(status: u16, body: &str) -> Self {
        Self::stream(status, [body], End::Whole)
    }

    pub(crate) fn ok(body: &str) -> Self {
        Self::new(200, body)
    }

    pub(crate) fn stream<'a>(
        status: u16,
        chunks: impl IntoIterator<Item = &'a str>,
        end: End,
    ) -> Self {
        let chunks = chunks
            .into_iter()
            .map(|chunk| Bytes::copy_from_slice(chunk.as_bytes()));
        Self {
            status,
            chunks: chunks.collect(),
            end,
        }
    }
}

impl Body for Reply {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match (self.chunks.pop_front(), self.end) {
            (Some(chunk), _) => Poll::Ready(Some(Ok(Frame::data(chunk)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Silence) => Poll::Pending,
            (None, End::Break) => {
                // What was written goes out while there is nothing to write.
                self.end = End::Broken;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, End::Broken) => Poll::Ready(Some(Err(io::Error::other("as told")))),
        }
    }
}

type Answer = dyn Fn(&Asked) -> Reply + Send + Sync;

/// The daemon; it ends when it is dropped.
pub(crate) struct Daemon {
    directory: Option<TempDir>,
    socket: PathBuf,
    asked: Arc<Mutex<Vec<Asked>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts one in a directory of its own.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let directory = TempDir::new().unwrap();
        let mut daemon = Self::start_at(&directory.path().join("api.sock"), answer);
        daemon.directory = Some(directory);
        daemon
    }

    /// Starts one that answers everything alike.
    pub(crate) fn always(status: u16, body: &'static str) -> Self {
        Self::start(move |_| Reply::new(status, body))
    }

    /// Starts one at this path.
    pub(crate) fn start_at(
        socket: &Path,
        answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer): (_, Arc<Answer>) = (Arc::clone(&asked), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = UnixListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, log, answer) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            directory: None,
            socket: socket.to_owned(),
            asked,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
        std::fs::remove_file(&self.socket).unwrap();
    }
}

async fn serve(listener: UnixListener, log: Arc<Mutex<Vec<Asked>>>, answer: Arc<Answer>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
        let service = service_fn(move |request: Request<Incoming>| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let asked = read(request).await;
                log.lock().unwrap().push(asked.clone());
                let reply = answer(&asked);
                let status = reply.status;
                Ok::<_, Infallible>(Response::builder().status(status).body(reply).unwrap())
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move { drop(connection.await) });
    }
}

async fn read(request: Request<Incoming>) -> Asked {
    let line = format!("{} {}", request.method(), request.uri());
    let last_event_id = request.headers().get("last-event-id");
    let last_event_id = last_event_id.map(|id| id.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Asked {
        line,
        last_event_id,
        body,
    }
}
