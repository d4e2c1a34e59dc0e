//! C-FIND: reads the identifier, asks the service, writes the answers; a cancel stops it at any moment.
//!
//! Left out: relational queries and the patient root.

use super::{
    associate::{Context, Purpose},
    association::{Ended, Out, Peer, Shared},
    command::{self, Command, Detail},
    pdu::{self, PduError, PduReader},
    service::{FindRefused, Service},
};
use crate::{
    attributes::Attributes,
    charset::Charset,
    dataset::{Syntax, Tag, read_data_set},
    query::{Key, Level, QueryError, StudyRootQuery, WorklistQuery, read_identifier, read_level},
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
    let (asked, keys, charset) = match read(shared, context, data) {
        Ok(read) => read,
        Err(refused) => return finish(out, context, command, Err(refused)).await,
    };
    let level = match &asked {
        Asked::Worklist(_) => None,
        Asked::Studies(query) => Some(match query.level {
            Level::Study => "STUDY",
            Level::Series => "SERIES",
            Level::Image => "IMAGE",
        }),
    };
    let service = &shared.service;
    let found = async {
        match asked {
            Asked::Worklist(query) => service.find_worklist(&peer.caller, query).await,
            Asked::Studies(query) => service.find(&peer.caller, query).await,
        }
    };
    tokio::pin!(found);
    let found = tokio::select! {
        found = &mut found => found,
        unit = reader.read() => {
            check_cancel(unit, context, command)?;
            return end(out, context, command, command::CANCELED, "", None).await;
        }
    };
    let answers: Vec<Attributes> = match found {
        Ok(answers) => match level {
            // PS3.4 C.4.1.1.3.2: every answer repeats the level.
            Some(level) => answers.into_iter().map(|answer| answer.text(Tag(0x0008, 0x0052), level)).collect(),
            None => answers,
        },
        Err(refused) => return finish(out, context, command, Err(refused)).await,
    };
    write_all(reader, out, context, command, &answers, &keys, &charset).await
}

async fn write_all(
    reader: &mut PduReader,
    out: &mut Out,
    context: &Context,
    command: &Command,
    answers: &[Attributes],
    keys: &[Key],
    charset: &Charset,
) -> Result<(), Ended> {
    let syntax =
        if context.transfer_syntax == "1.2.840.10008.1.2" { Syntax::ImplicitLittle } else { Syntax::ExplicitLittle };
    let pending = command::response(command, command::PENDING, &Detail { has_data: true, ..Detail::default() });
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    for answer in answers {
        pdu::put_message(&mut batch, context.id, true, &pending, out.length_max);
        pdu::put_message(&mut batch, context.id, false, &answer.answer(keys, charset, syntax), out.length_max);
        if batch.len() >= BATCH_BYTES {
            out.write(&batch).await?;
            batch.clear();
            if let Some(unit) = reader.read().now_or_never() {
                check_cancel(unit, context, command)?;
                return end(out, context, command, command::CANCELED, "", None).await;
            }
        }
    }
    let set = command::response(command, command::SUCCESS, &Detail::default());
    pdu::put_message(&mut batch, context.id, true, &set, out.length_max);
    out.write(&batch).await
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

fn read<S>(shared: &Shared<S>, context: &Context, data: &[u8]) -> Result<(Asked, Vec<Key>, Charset), FindRefused> {
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
    let asked = match context.purpose {
        Purpose::FindWorklist => Asked::Worklist(WorklistQuery { keys: keys.clone() }),
        _ => {
            let level = read_level(&data).map_err(refused)?;
            Asked::Studies(StudyRootQuery { level, keys: keys.clone(), limit: None, offset: 0 })
        }
    };
    Ok((asked, keys, charset))
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
