//! One association from its request to its end.
//!
//! Left out: what a query asks, see `find`.

use super::{
    associate::{self, Context, Purpose},
    command::{self, Command, Detail},
    find,
    pdu::{self, PduError, PduReader},
    server::Config,
    service::{ReceivedInstance, Reject, Service, StoreRefused},
};
use crate::dataset::{Header, Tag, file_meta, read_data_set};
use bytes::Bytes;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, tcp::OwnedWriteHalf},
    sync::watch,
    time::{Instant, timeout},
};

/// What every association shares.
pub(super) struct Shared<S> {
    pub(super) service: Arc<S>,
    pub(super) config: Config,
    pub(super) stopped: watch::Receiver<bool>,
}

/// Why an association ended otherwise than by release.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error(transparent)]
    Pdu(#[from] PduError),
    #[error("could not write: {0}")]
    Write(#[from] io::Error),
    #[error("the peer did not read our answer in time")]
    WriteTimedOut,
    #[error("the association was rejected: {0}")]
    Rejected(#[from] Reject),
    #[error("the association request is malformed")]
    BadRequest,
    #[error("unit type {kind} is not expected now")]
    UnexpectedPdu { kind: u8 },
    #[error("the message is malformed")]
    BadMessage,
    #[error("the data set is larger than {max} bytes")]
    TooLarge { max: usize },
    #[error("the peer aborted")]
    Aborted,
    #[error("the server is stopping")]
    Stopping,
}

/// The writing half and what the peer can read.
pub(super) struct Out {
    stream: OwnedWriteHalf,
    pub(super) length_max: u32,
    within: Duration,
}

impl Out {
    /// Hands bytes to the kernel in one piece.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Ended> {
        timeout(self.within, self.stream.write_all(bytes)).await.map_err(|_| Ended::WriteTimedOut)??;
        Ok(())
    }
}

/// Who is at the other end.
pub(super) struct Peer<C> {
    pub(super) caller: C,
    pub(super) calling: String,
    pub(super) address: SocketAddr,
}

/// Runs one association; tells the peer why when it ends badly.
pub(super) async fn run<S: Service>(shared: &Shared<S>, stream: TcpStream, address: SocketAddr) -> Result<(), Ended> {
    let (read, write) = stream.into_split();
    let mut reader = PduReader::new(read, shared.config.pdu_bytes_max);
    let mut out = Out { stream: write, length_max: 16 * 1024, within: shared.config.artim };
    let result = associated(shared, &mut reader, &mut out, address).await;
    let farewell = match &result {
        Ok(()) | Err(Ended::Rejected(_) | Ended::Write(_) | Ended::WriteTimedOut | Ended::Aborted) => None,
        Err(Ended::Pdu(PduError::Closed | PduError::Io(_))) => None,
        Err(Ended::Pdu(PduError::UnknownType { .. })) => Some(pdu::abort(2, 1)),
        Err(Ended::UnexpectedPdu { .. }) => Some(pdu::abort(2, 2)),
        Err(Ended::BadRequest | Ended::BadMessage | Ended::Pdu(PduError::TooLong { .. })) => Some(pdu::abort(2, 6)),
        Err(Ended::TooLarge { .. } | Ended::Stopping | Ended::Pdu(PduError::TimedOut | PduError::Cut)) => {
            Some(pdu::abort(2, 0))
        }
    };
    if let Some(farewell) = farewell {
        // The association has failed already; a peer that does not read its abort changes nothing.
        out.write(&farewell).await.ok();
    }
    out.stream.shutdown().await.ok();
    result
}

async fn associated<S: Service>(
    shared: &Shared<S>,
    reader: &mut PduReader,
    out: &mut Out,
    address: SocketAddr,
) -> Result<(), Ended> {
    let first = reader.next(shared.config.artim).await?;
    if first.kind != pdu::ASSOCIATE_RQ {
        return Err(Ended::UnexpectedPdu { kind: first.kind });
    }
    let request = associate::read(&first.body).ok_or(Ended::BadRequest)?;
    let decision = if request.speaks_dicom() {
        shared.service.accept(&request.calling, &request.called, address).await
    } else {
        Err(Reject::ApplicationContext)
    };
    let caller = match decision {
        Ok(caller) => caller,
        Err(reject) => {
            out.write(&associate::rejection(reject)).await?;
            return Err(reject.into());
        }
    };
    let (contexts, answer) = request.accept(shared.config.pdu_bytes_max);
    if request.length_max != 0 {
        out.length_max = request.length_max;
    } else {
        out.length_max = shared.config.pdu_bytes_max;
    }
    out.write(&answer).await?;
    let peer = Peer { caller, calling: request.calling, address };
    let result = messages(shared, reader, out, &peer, &contexts).await;
    shared.service.closed(peer.caller, result.is_ok()).await;
    result
}

/// A message while its parts arrive.
#[derive(Default)]
struct Incoming {
    context: u8,
    command_bytes: Vec<u8>,
    command: Option<Command>,
    data: Vec<u8>,
    data_offset: usize,
}

async fn messages<S: Service>(
    shared: &Shared<S>,
    reader: &mut PduReader,
    out: &mut Out,
    peer: &Peer<S::Caller>,
    contexts: &[Context],
) -> Result<(), Ended> {
    let mut stopped = shared.stopped.clone();
    let mut incoming = Incoming::default();
    let mut size_before = 0;
    let mut started = Instant::now();
    loop {
        let idle = incoming.command.is_none() && incoming.command_bytes.is_empty();
        let unit = if idle {
            tokio::select! {
                unit = reader.next(shared.config.idle) => unit?,
                _ = stopped.wait_for(|stopped| *stopped) => return Err(Ended::Stopping),
            }
        } else {
            reader.next(shared.config.artim).await?
        };
        if idle {
            started = Instant::now();
        } else if started.elapsed() > shared.config.artim + Duration::from_millis(incoming.data.len() as u64 / 8) {
            // Slower than 8 kB a second on the whole.
            return Err(PduError::TimedOut.into());
        }
        match unit.kind {
            pdu::P_DATA => {}
            pdu::RELEASE_RQ => {
                let mut answer = Vec::with_capacity(10);
                pdu::put(&mut answer, pdu::RELEASE_RP, &[0; 4]);
                return out.write(&answer).await;
            }
            pdu::ABORT => return Err(Ended::Aborted),
            kind => return Err(Ended::UnexpectedPdu { kind }),
        }
        for value in pdu::pdvs(&unit.body).ok_or(Ended::BadMessage)? {
            let context = contexts.iter().find(|known| known.id == value.context).ok_or(Ended::BadMessage)?;
            let done = take(&mut incoming, &value, context, &shared.config, size_before)?;
            if done {
                let message = std::mem::take(&mut incoming);
                size_before = message.data.len();
                if let Some(command) = message.command {
                    let data = Bytes::from(message.data);
                    answer(shared, reader, out, peer, context, &command, data, message.data_offset).await?;
                }
            }
        }
    }
}

/// Adds one value to the message; true when the message is whole.
fn take(
    incoming: &mut Incoming,
    value: &pdu::Pdv<'_>,
    context: &Context,
    config: &Config,
    size_before: usize,
) -> Result<bool, Ended> {
    if incoming.command.is_none() {
        let first = incoming.command_bytes.is_empty();
        if !value.is_command || (!first && incoming.context != value.context) {
            return Err(Ended::BadMessage);
        }
        incoming.context = value.context;
        if incoming.command_bytes.len() + value.data.len() > command::COMMAND_BYTES_MAX {
            return Err(Ended::BadMessage);
        }
        incoming.command_bytes.extend_from_slice(value.data);
        if !value.is_last {
            return Ok(false);
        }
        let command = Command::read(&incoming.command_bytes).ok_or(Ended::BadMessage)?;
        let has_data = command.has_data;
        if has_data && command.field == command::C_STORE_RQ {
            let meta = file_meta(&command.sop_class, &command.sop_instance, &context.transfer_syntax);
            incoming.data_offset = meta.len();
            // INVARIANT: room is made for what this peer really sent last time, not for what it announces.
            incoming.data = Vec::with_capacity(size_before.clamp(meta.len() + 4096, 4 << 20));
            incoming.data.extend_from_slice(&meta);
        }
        incoming.command = Some(command);
        return Ok(!has_data);
    }
    if value.is_command || incoming.context != value.context {
        return Err(Ended::BadMessage);
    }
    if incoming.data.len() + value.data.len() > config.data_set_bytes_max {
        return Err(Ended::TooLarge { max: config.data_set_bytes_max });
    }
    incoming.data.extend_from_slice(value.data);
    Ok(value.is_last)
}

#[expect(clippy::too_many_arguments, reason = "one message with all that surrounds it")]
async fn answer<S: Service>(
    shared: &Shared<S>,
    reader: &mut PduReader,
    out: &mut Out,
    peer: &Peer<S::Caller>,
    context: &Context,
    command: &Command,
    data: Bytes,
    data_offset: usize,
) -> Result<(), Ended> {
    let (status, comment, tag) = match (command.field, context.purpose) {
        (command::C_CANCEL_RQ, _) => return Ok(()),
        (command::C_ECHO_RQ, Purpose::Echo) => (command::SUCCESS, String::new(), None),
        (command::C_STORE_RQ, Purpose::Store) => match store(shared, peer, context, command, data, data_offset).await {
            Ok(()) => (command::SUCCESS, String::new(), None),
            Err(refused) => {
                tracing::info!(peer = %peer.address, calling = %peer.calling, %refused, "C-STORE refused");
                let (comment, tag) = match &refused {
                    StoreRefused::Mismatch { comment, tag } => (comment.clone(), *tag),
                    StoreRefused::Unreadable { comment } => (comment.clone(), None),
                    other => (other.to_string(), None),
                };
                (refused.status(), comment, tag)
            }
        },
        (command::C_FIND_RQ, Purpose::FindStudyRoot | Purpose::FindWorklist) => {
            return find::answer(shared, reader, out, peer, context, command, &data).await;
        }
        (command::C_ECHO_RQ | command::C_STORE_RQ | command::C_FIND_RQ, _) => {
            (command::NO_SUCH_CLASS, "the service does not fit the presentation context".to_owned(), None)
        }
        // A response where nothing was asked.
        (field, _) if field & 0x8000 != 0 => return Err(Ended::BadMessage),
        _ => (command::UNRECOGNIZED, String::new(), None),
    };
    let set = command::response(command, status, &Detail { comment: &comment, tag, has_data: false });
    let mut bytes = Vec::with_capacity(set.len() + 12);
    pdu::put_message(&mut bytes, context.id, true, &set, out.length_max);
    out.write(&bytes).await
}

async fn store<S: Service>(
    shared: &Shared<S>,
    peer: &Peer<S::Caller>,
    context: &Context,
    command: &Command,
    file: Bytes,
    data_offset: usize,
) -> Result<(), StoreRefused> {
    let mismatch = |comment: &str, tag| StoreRefused::Mismatch { comment: comment.to_owned(), tag: Some(tag) };
    if command.sop_class != context.abstract_syntax {
        return Err(mismatch("the class differs from the presentation context", Tag(0, 0x0002)));
    }
    let unreadable = |comment: String| StoreRefused::Unreadable { comment };
    let received = file.get(data_offset..).filter(|received| !received.is_empty() && data_offset > 0);
    let received = received.ok_or_else(|| unreadable("there is no data set".to_owned()))?;
    let (data, _) = read_data_set(received, &context.transfer_syntax, &shared.config.limits)
        .map_err(|error| unreadable(error.to_string()))?;
    let header = Header::of_data_set(&data, &context.transfer_syntax);
    drop(data);
    let identity = header.identity(None).map_err(|error| StoreRefused::Mismatch {
        comment: error.to_string(),
        tag: Some(match error {
            crate::dataset::IdentityError::Missing { tag }
            | crate::dataset::IdentityError::Invalid { tag }
            | crate::dataset::IdentityError::Duplicate { tag }
            | crate::dataset::IdentityError::MetaDiffers { tag } => tag,
        }),
    })?;
    if identity.sop_instance_uid != command.sop_instance {
        return Err(mismatch("the instance differs from the command", Tag(0x0008, 0x0018)));
    }
    if identity.sop_class_uid != command.sop_class {
        return Err(mismatch("the class differs from the command", Tag(0x0008, 0x0016)));
    }
    let instance =
        ReceivedInstance { file, data_offset, header, identity, calling: peer.calling.clone(), peer: peer.address };
    shared.service.store(&peer.caller, instance).await
}
