//! C-FIND: reads the identifier, asks the service, writes the answers; a cancel stops it at any moment.
//!
//! Left out: relational queries and the patient root.

use super::{
    associate::{Context, Purpose},
    association::{Ended, Out, Peer, Shared},
    command::{self, Command, Detail},
    pdu::{self, PduError, PduReader},
    service::{Answers, FindRefused, Service},
};
use crate::{
    attributes::Attributes,
    charset::Charset,
    dataset::{Syntax, Tag, read_data_set},
    query::{Held, Key, Level, QueryError, StudyRootQuery, WorklistQuery, read_identifier, read_level},
};
use futures::FutureExt;

/// Answers are gathered to about this size before they are written.
const BATCH_BYTES: usize = 64 * 1024;

enum Asked {
    Worklist(WorklistQuery),
    Studies(StudyRootQuery),
}

pub(super) async fn answer<S: Service>(
    shared: &Shared<S>,
    reader: &mut PduReader,
    out: &mut Out,
    peer: &Peer<S::Caller>,
    context: &Context,
    command: &Command,
    data: &[u8],
) -> Result<(), Ended> {
    let read = match read(shared, context, data) {
        Ok(read) => read,
        Err(refused) => return finish(out, context, command, Err(refused)).await,
    };
    let level = match &read.asked {
        Asked::Worklist(_) => None,
        Asked::Studies(query) => Some(match query.level {
            Level::Study => "STUDY",
            Level::Series => "SERIES",
            Level::Image => "IMAGE",
        }),
    };
    let (answers, mut given) = Answers::new();
    let service = &shared.service;
    let found = async {
        match read.asked {
            Asked::Worklist(query) => service.find_worklist(&peer.caller, query, answers).await,
            Asked::Studies(query) => service.find(&peer.caller, query, answers).await,
        }
    };
    tokio::pin!(found);
    let mut result = None;
    let form = Form::new(context, command, read.keys, read.charset, level, read.is_cut, out.length_max);
    loop {
        tokio::select! {
            more = given.recv() => match more {
                Some(answers) => {
                    if let Flow::Canceled = form.write(reader, out, &answers).await? {
                        return end(out, context, command, command::CANCELED, "", None).await;
                    }
                }
                // The service has let go of its end: all answers are written.
                None => {
                    let result = match result {
                        Some(result) => result,
                        None => found.await,
                    };
                    return finish(out, context, command, result).await;
                }
            },
            done = &mut found, if result.is_none() => result = Some(done),
            unit = reader.read() => {
                check_cancel(unit, context, command)?;
                return end(out, context, command, command::CANCELED, "", None).await;
            }
        }
    }
}

/// Whether the peer wants more.
enum Flow {
    Going,
    Canceled,
}

/// How the answers of one query are written.
struct Form<'a> {
    context: &'a Context,
    command: &'a Command,
    keys: Vec<Key>,
    charset: Charset,
    level: Option<&'static str>,
    syntax: Syntax,
    pending: Vec<u8>,
    length_max: u32,
}

impl<'a> Form<'a> {
    fn new(
        context: &'a Context,
        command: &'a Command,
        keys: Vec<Key>,
        charset: Charset,
        level: Option<&'static str>,
        is_cut: bool,
        length_max: u32,
    ) -> Self {
        let is_implicit = context.transfer_syntax == "1.2.840.10008.1.2";
        let syntax = if is_implicit { Syntax::ImplicitLittle } else { Syntax::ExplicitLittle };
        let status = if is_cut { command::PENDING_WARNING } else { command::PENDING };
        let pending = command::response(command, status, &Detail { has_data: true, ..Detail::default() });
        Self { context, command, keys, charset, level, syntax, pending, length_max }
    }

    /// Writes answers; looks for a cancel after each piece.
    async fn write(&self, reader: &mut PduReader, out: &mut Out, answers: &[Attributes]) -> Result<Flow, Ended> {
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        let mut answers = answers.iter().peekable();
        while let Some(answer) = answers.next() {
            let bytes = match self.level {
                // PS3.4 C.4.1.1.3.2: every answer repeats the level.
                Some(level) => {
                    answer.clone().text(Tag(0x0008, 0x0052), level).answer(&self.keys, &self.charset, self.syntax)
                }
                None => answer.answer(&self.keys, &self.charset, self.syntax),
            };
            pdu::put_message(&mut batch, self.context.id, true, &self.pending, self.length_max);
            pdu::put_message(&mut batch, self.context.id, false, &bytes, self.length_max);
            if batch.len() >= BATCH_BYTES || answers.peek().is_none() {
                out.write(&batch).await?;
                batch.clear();
                if let Some(unit) = reader.read().now_or_never() {
                    check_cancel(unit, self.context, self.command)?;
                    return Ok(Flow::Canceled);
                }
            }
        }
        Ok(Flow::Going)
    }
}

/// While a query runs the peer may only cancel it or give up.
fn check_cancel(unit: Result<pdu::Pdu, PduError>, context: &Context, asked: &Command) -> Result<(), Ended> {
    let unit = unit?;
    match unit.kind {
        pdu::P_DATA => {
            let values = pdu::pdvs(&unit.body).ok_or(Ended::BadMessage)?;
            let [value] = values.as_slice() else { return Err(Ended::BadMessage) };
            let cancel = Command::read(value.data).ok_or(Ended::BadMessage)?;
            let fits = value.is_command
                && value.is_last
                && value.context == context.id
                && cancel.field == command::C_CANCEL_RQ
                && cancel.responded_to == asked.message_id;
            if fits { Ok(()) } else { Err(Ended::BadMessage) }
        }
        pdu::ABORT => Err(Ended::Aborted),
        kind => Err(Ended::UnexpectedPdu { kind }),
    }
}

/// An identifier as read: what is asked, what is to be answered, in which characters, and whether some of what was asked
/// is not supported.
struct Read {
    asked: Asked,
    keys: Vec<Key>,
    charset: Charset,
    is_cut: bool,
}

fn read<S>(shared: &Shared<S>, context: &Context, data: &[u8]) -> Result<Read, FindRefused> {
    let refused = |error: QueryError| FindRefused::Identifier {
        comment: error.to_string(),
        tag: match error {
            QueryError::BadValue { tag } | QueryError::TooLarge { tag } => Some(tag),
            QueryError::BadLevel => Some(Tag(0x0008, 0x0052)),
            QueryError::Empty => None,
        },
    };
    let (data, _) = read_data_set(data, &context.transfer_syntax, &shared.config.limits)
        .map_err(|error| FindRefused::Identifier { comment: error.to_string(), tag: None })?;
    let (keys, charset) = read_identifier(&data).map_err(refused)?;
    let (asked, is_cut) = match context.purpose {
        Purpose::FindWorklist => {
            let (conditions, is_cut) = Held::WORKLIST.conditions(&keys);
            (Asked::Worklist(WorklistQuery { keys: conditions }), is_cut)
        }
        _ => {
            let level = read_level(&data).map_err(refused)?;
            let (conditions, is_cut) = Held::of(level).conditions(&keys);
            (Asked::Studies(StudyRootQuery { level, keys: conditions, limit: None, offset: 0 }), is_cut)
        }
    };
    Ok(Read { asked, keys, charset, is_cut })
}

async fn finish(
    out: &mut Out,
    context: &Context,
    command: &Command,
    result: Result<(), FindRefused>,
) -> Result<(), Ended> {
    match result {
        Ok(()) => end(out, context, command, command::SUCCESS, "", None).await,
        Err(refused) => {
            let (comment, tag) = match &refused {
                FindRefused::Identifier { comment, tag } => (comment.clone(), *tag),
                other => (other.to_string(), None),
            };
            end(out, context, command, refused.status(), &comment, tag).await
        }
    }
}

async fn end(
    out: &mut Out,
    context: &Context,
    command: &Command,
    status: u16,
    comment: &str,
    tag: Option<Tag>,
) -> Result<(), Ended> {
    let set = command::response(command, status, &Detail { comment, tag, has_data: false });
    let mut bytes = Vec::with_capacity(set.len() + 12);
    pdu::put_message(&mut bytes, context.id, true, &set, out.length_max);
    out.write(&bytes).await
}
