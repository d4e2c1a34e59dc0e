//! `/live`: tells open pages which topics changed, so that they fetch their rows again. Only the topic travels; what
//! changed is asked for again under the guard of its own route.
//!
//! A stream hears what lies in the scope of its actor, and ends at once when its session is ended.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use futures::Stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use yiti_directory::Live;
use yiti_kernel::{SignedDuration, Timestamp};
use yiti_store::{args, sql};

use crate::app::App;
use crate::visitor::Visitor;

/// What changes within this time is told together: an import of 300 images is one refresh, not 300.
const GATHER: Duration = Duration::from_millis(300);
/// How often a quiet stream gives a sign of life and looks whether its session still lasts.
const HEARTBEAT: Duration = Duration::from_secs(15);

struct Listener {
    app: App,
    visitor: Visitor,
    live: Receiver<Live>,
    ended: Receiver<Vec<u8>>,
    pending: BTreeSet<&'static str>,
    tell_at: Option<Instant>,
    ready: Vec<Event>,
    beat_at: Instant,
}

/// The stream of one page.
pub(crate) async fn live(
    State(app): State<App>,
    visitor: Visitor,
) -> Sse<impl Stream<Item = Result<Event, Infallible>> + Send> {
    let listener = Listener {
        live: app.platform().listen(),
        ended: app.hear_ended(),
        pending: BTreeSet::new(),
        tell_at: None,
        // A first line, so that the browser knows at once that the stream is open.
        ready: vec![Event::default().comment("open")],
        beat_at: Instant::now() + HEARTBEAT,
        app,
        visitor,
    };
    Sse::new(futures::stream::unfold(listener, next))
}

async fn next(mut listener: Listener) -> Option<(Result<Event, Infallible>, Listener)> {
    loop {
        if let Some(event) = listener.ready.pop() {
            return Some((Ok(event), listener));
        }
        let tell_at = listener.tell_at.unwrap_or(listener.beat_at);
        tokio::select! {
            heard = listener.live.recv() => match heard {
                Ok(live) => listener.hear(&live),
                // Too much was missed to say what: the page opens a new stream and asks for everything again.
                Err(RecvError::Lagged(_) | RecvError::Closed) => return None,
            },
            ended = listener.ended.recv() => match ended {
                Ok(token_hash) if token_hash != listener.visitor.session.token_hash => {}
                Err(RecvError::Lagged(_)) if listener.lasts().await => {}
                Ok(_) | Err(_) => return None,
            },
            () = tokio::time::sleep_until(tell_at), if listener.tell_at.is_some() => {
                listener.tell_at = None;
                let topics = std::mem::take(&mut listener.pending);
                // An event without data is not heard by browsers.
                listener.ready.extend(topics.into_iter().rev().map(|topic| Event::default().event(topic).data("1")));
            },
            () = tokio::time::sleep_until(listener.beat_at) => {
                if !listener.lasts().await {
                    return None;
                }
                listener.beat_at = Instant::now() + HEARTBEAT;
                listener.ready.push(Event::default().comment("still here"));
            },
        }
    }
}

impl Listener {
    fn hear(&mut self, live: &Live) {
        if self.app.platform().tree().reaches(self.visitor.actor.scope, live.institution) {
            self.pending.insert(live.topic);
            self.tell_at.get_or_insert_with(|| Instant::now() + GATHER);
        }
    }

    /// True while the session lasts. Looking does not count as a click, or an open page would never time out.
    async fn lasts(&self) -> bool {
        lasts(&self.app, &self.visitor).await.unwrap_or(false)
    }
}

async fn lasts(app: &App, visitor: &Visitor) -> Result<bool, yiti_store::Error> {
    let hash = visitor.session.token_hash.clone();
    let mut reader = app.platform().store.read().await?;
    let row = reader
        .row(sql!("select seen_at, expires_at from session where token_hash = $1 and ended_at is null"), args![hash])
        .await?;
    let Some(row) = row else { return Ok(false) };
    let (seen_at, expires_at): (Timestamp, Timestamp) = (row.get("seen_at")?, row.get("expires_at")?);
    let (now, idle) = (app.now(), i64::from(app.limits().session_idle_minutes));
    Ok(now < expires_at && now.duration_since(seen_at) < SignedDuration::from_mins(idle))
}
