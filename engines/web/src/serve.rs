//! The HTTP server: connections with bounds on number, time and size, so that peers who read or write slowly, or not at
//! all, cost neither memory nor anybody else's time.
//!
//! Left out: what is answered, see `site`; TLS, which stands before it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::ServiceExt as _;

/// Bounds of the HTTP server.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections at the same time; further ones wait until one ends.
    pub connection_count_max: usize,
    /// For the head of a request, and until the next request on the same connection.
    pub header: Duration,
    /// How long a peer may let us wait for its body, or let an answer wait, without moving anything.
    pub stall: Duration,
    /// Bytes a second that a body or an answer must move on the whole once `stall` is used up.
    pub bytes_a_second_min: u32,
    /// Bytes of a request's head.
    pub header_bytes_max: usize,
    /// Lines of a request's head.
    pub header_count_max: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connection_count_max: 8_192,
            header: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            bytes_a_second_min: 8_000,
            header_bytes_max: 32 * 1024,
            header_count_max: 100,
        }
    }
}

/// Serves until `stop` resolves; then takes no new connections, lets requests in progress finish and returns.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(bounds.connection_count_max));
    let graceful = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(bounds.header)
        .max_headers(bounds.header_count_max)
        .max_header_size(bounds.header_bytes_max);
    tokio::pin!(stop);
    loop {
        let accepted = async {
            let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
            listener.accept().await.map(|(stream, _)| (stream, permit))
        };
        let (stream, permit) = tokio::select! {
            () = &mut stop => break,
            accepted = accepted => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Usually out of descriptors: wait, do not spin.
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // The last piece of an answer leaves at once instead of waiting for the other side to acknowledge the one before.
        drop(stream.set_nodelay(true));
        let (router, pace) = (router.clone(), Pace::new(&bounds));
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let pace = pace.clone();
            router.clone().oneshot(request.map(move |body| Body::new(Upload { body, pace })))
        });
        let connection = builder.serve_connection(TokioIo::new(Wire { stream, pace: Pace::new(&bounds) }), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

/// How long a peer may still let us wait. Waiting uses it up, bytes that move earn it back at the least rate.
struct Pace {
    stall: Duration,
    bytes_a_second_min: u32,
    left: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Clone for Pace {
    fn clone(&self) -> Self {
        Self { stall: self.stall, bytes_a_second_min: self.bytes_a_second_min, left: self.left, waiting: None }
    }
}

impl Pace {
    fn new(bounds: &Bounds) -> Self {
        let Bounds { stall, bytes_a_second_min, .. } = *bounds;
        Self { stall, bytes_a_second_min, left: stall, waiting: None }
    }

    /// Nothing moved: ready with an error when the peer has let us wait too long.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let left = self.left;
        let (_, until) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(sleep_until(now + left)))
        });
        ready!(until.as_mut().poll(cx));
        Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, "the peer is too slow"))
    }

    /// `count` bytes moved.
    fn moved(&mut self, count: usize) {
        let waited = self.waiting.take().map(|(since, _)| since.elapsed()).unwrap_or_default();
        self.left = self.left_after(waited, count);
    }

    /// What is left when `count` bytes moved after `waited`: never more than a stall.
    fn left_after(&self, waited: Duration, count: usize) -> Duration {
        let earned = Duration::from_secs_f64(count as f64 / f64::from(self.bytes_a_second_min.max(1)));
        (self.left.saturating_sub(waited) + earned).min(self.stall)
    }
}

/// The body of a request, whose sender has to keep pace.
struct Upload {
    body: Incoming,
    pace: Pace,
}

impl HttpBody for Upload {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Pending => this.pace.poll_waiting(cx).map(|error| Some(Err(error.into()))),
            Poll::Ready(frame) => {
                if let Some(Ok(frame)) = &frame {
                    this.pace.moved(frame.data_ref().map_or(0, Bytes::len));
                }
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A connection whose peer has to read our answers at some pace.
struct Wire {
    stream: TcpStream,
    pace: Pace,
}

impl Wire {
    fn paced(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match written {
            Poll::Pending => self.pace.poll_waiting(cx).map(Err),
            Poll::Ready(written) => {
                self.pace.moved(written.as_ref().map_or(0, |count| *count));
                Poll::Ready(written)
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, to)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.paced(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.paced(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::{get, post};
    use futures::stream;
    use http_body_util::BodyExt as _;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::timeout;

    const PIECE: &[u8] = &[b'x'; 64 * 1024];

    async fn running(bounds: Bounds) -> SocketAddr {
        let endless =
            || async { Body::from_stream(stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(PIECE)))) };
        let count =
            |body: Body| async move { body.collect().await.map_or(0, |body| body.to_bytes().len()).to_string() };
        let router = Router::new().route("/endless", get(endless)).route("/count", post(count));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, router, bounds, std::future::pending()));
        address
    }

    fn quick() -> Bounds {
        Bounds { header: Duration::from_millis(300), stall: Duration::from_millis(500), ..Bounds::default() }
    }

    async fn until_closed(stream: &mut TcpStream) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is an end too.
        timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await.expect("still open").ok();
        rest
    }

    #[tokio::test]
    async fn who_sends_half_a_head_or_none_is_let_go() {
        let address = running(quick()).await;
        for said in ["", "GET /endless HT", "GET /endless HTTP/1.1\r\nHost: a\r\nX-One: "] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(said.as_bytes()).await.unwrap();
            until_closed(&mut stream).await;
        }
        let dripping = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            while stream.write_all(b"X").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(Duration::from_secs(5), dripping).await.expect("a byte now and then kept the connection open");
    }

    #[tokio::test]
    async fn who_does_not_read_the_answer_is_let_go() {
        let bounds = Bounds { connection_count_max: 1, ..quick() };
        let address = running(bounds).await;
        let mut slow = TcpStream::connect(address).await.unwrap();
        slow.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        // The next one is served, although there is room for one alone and the first has not closed.
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
            .await
            .unwrap();
        assert!(until_closed(&mut next).await.ends_with(b"3"));
    }

    #[tokio::test]
    async fn who_stops_in_the_middle_of_a_body_is_let_go() {
        let address = running(quick()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 300\r\n\r\nabc").await.unwrap();
        until_closed(&mut stream).await;
    }

    #[tokio::test]
    async fn a_head_that_is_too_long_is_refused() {
        let address = running(quick()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!("GET /endless HTTP/1.1\r\nHost: a\r\nX-Long: {}\r\n\r\n", "x".repeat(200_000));
        stream.write_all(head.as_bytes()).await.ok();
        let answer = until_closed(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&answer));
    }

    #[test]
    fn waiting_is_used_up_and_earned_back() {
        let bounds = Bounds { stall: Duration::from_secs(30), bytes_a_second_min: 1_000, ..Bounds::default() };
        let mut pace = Pace::new(&bounds);
        // Ten seconds for 1,000 bytes: nine are lost each time.
        for left in [21, 12, 3, 1] {
            pace.left = pace.left_after(Duration::from_secs(10), 1_000);
            assert_eq!(pace.left, Duration::from_secs(left));
        }
        assert_eq!(pace.left_after(Duration::ZERO, 1 << 20), Duration::from_secs(30), "never more than a stall");
    }
}
