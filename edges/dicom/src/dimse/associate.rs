//! Association negotiation: the request as read, the answer as written.
//!
//! Left out: extended negotiation, user identity (its bytes are never kept or logged) and role selection; the sender
//! is always the user of a service. Source: dicom-ps3.8, 9.3.2 to 9.3.4, dicom-ps3.7, annex D.

use super::{pdu, service::Reject};
use crate::dataset::is_uid;
use dicom_core::dictionary::UidDictionary;
use dicom_dictionary_std::StandardSopClassDictionary;

pub(super) const VERIFICATION: &str = "1.2.840.10008.1.1";
pub(super) const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
pub(super) const WORKLIST_FIND: &str = "1.2.840.10008.5.1.4.31";
const APPLICATION_CONTEXT: &str = "1.2.840.10008.3.1.1.1";
const IMPLICIT_LITTLE: &str = "1.2.840.10008.1.2";
const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// Transfer syntaxes kept as they come: uncompressed, deflated, JPEG, JPEG-LS, JPEG 2000, RLE, MPEG, HEVC, HTJ2K.
const STORED: [&str; 33] = [
    IMPLICIT_LITTLE,
    EXPLICIT_LITTLE,
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.92",
    "1.2.840.10008.1.2.4.93",
    "1.2.840.10008.1.2.4.100",
    "1.2.840.10008.1.2.4.100.1",
    "1.2.840.10008.1.2.4.101",
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.102",
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.103",
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104",
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105",
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106",
    "1.2.840.10008.1.2.4.107",
    "1.2.840.10008.1.2.4.108",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.5",
];

/// What a presentation context is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Echo,
    Store,
    FindStudyRoot,
    FindWorklist,
}

/// An accepted presentation context.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) id: u8,
    pub(super) abstract_syntax: String,
    pub(super) transfer_syntax: String,
    pub(super) purpose: Purpose,
}

/// A request as read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) called: String,
    pub(super) calling: String,
    pub(super) application_context: String,
    pub(super) length_max: u32,
    /// The 68 bytes of titles and reserved fields, which the answer repeats.
    fixed: Vec<u8>,
    contexts: Vec<Proposed>,
}

#[derive(Debug)]
struct Proposed {
    id: u8,
    abstract_syntax: String,
    transfer_syntaxes: Vec<String>,
}

/// Cuts the next item off; `None` when its length does not fit.
fn item<'b>(body: &mut &'b [u8]) -> Option<(u8, &'b [u8])> {
    let (&[kind, _, a, b], rest) = body.split_first_chunk::<4>()?;
    let (content, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([a, b])))?;
    *body = rest;
    Some((kind, content))
}

fn uid(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| matches!(byte, 0 | b' ')).unwrap_or(bytes.len()).min(64);
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn title(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\0']);
    text.bytes().all(|byte| (0x20..0x7F).contains(&byte) && byte != b'\\').then(|| text.to_owned())
}

/// Reads a request; `None` when it is malformed.
pub(super) fn read(body: &[u8]) -> Option<Request> {
    let (fixed, mut rest) = body.split_at_checked(68)?;
    if u16::from_be_bytes([fixed[0], fixed[1]]) & 1 == 0 {
        return None;
    }
    let mut request = Request {
        called: title(&fixed[4..20])?,
        calling: title(&fixed[20..36])?,
        application_context: String::new(),
        length_max: 0,
        fixed: fixed.to_vec(),
        contexts: Vec::new(),
    };
    while !rest.is_empty() {
        let (kind, content) = item(&mut rest)?;
        match kind {
            0x10 => request.application_context = uid(content),
            0x20 => {
                let proposed = proposed(content)?;
                // PS3.8 9.3.2.2: identifiers are odd and used once.
                if proposed.id % 2 == 0 || request.contexts.iter().any(|known| known.id == proposed.id) {
                    return None;
                }
                request.contexts.push(proposed);
            }
            0x50 => {
                let mut content = content;
                while !content.is_empty() {
                    match item(&mut content)? {
                        (0x51, length) => request.length_max = u32::from_be_bytes(*length.first_chunk::<4>()?),
                        (0x58, identity) if !is_user_identity(identity) => return None,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    Some(request)
}

/// True when a user identity is whole: a kind from 1 to 5, whether an answer is wanted, and two fields with their lengths,
/// the second only after a name (kind 2). Who it names is not looked at. Source: dicom-ps3.7, D.3.3.7.
fn is_user_identity(content: &[u8]) -> bool {
    fn field<'b>(rest: &mut &'b [u8]) -> Option<&'b [u8]> {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        *rest = after;
        Some(value)
    }
    let Some((&[kind @ 1..=5, 0..=1], mut rest)) = content.split_first_chunk::<2>() else { return false };
    let (primary, secondary) = (field(&mut rest), field(&mut rest));
    primary.is_some_and(|name| !name.is_empty())
        && secondary.is_some_and(|code| kind == 2 || code.is_empty())
        && rest.is_empty()
}

fn proposed(content: &[u8]) -> Option<Proposed> {
    let (&[id, _, _, _], mut rest) = content.split_first_chunk::<4>()?;
    let mut proposed = Proposed { id, abstract_syntax: String::new(), transfer_syntaxes: Vec::new() };
    while !rest.is_empty() {
        match item(&mut rest)? {
            (0x30, content) => proposed.abstract_syntax = uid(content),
            (0x40, content) if proposed.transfer_syntaxes.len() < 64 => proposed.transfer_syntaxes.push(uid(content)),
            _ => {}
        }
    }
    Some(proposed)
}

fn purpose(abstract_syntax: &str) -> Option<Purpose> {
    match abstract_syntax {
        VERIFICATION => Some(Purpose::Echo),
        STUDY_ROOT_FIND => Some(Purpose::FindStudyRoot),
        WORKLIST_FIND => Some(Purpose::FindWorklist),
        uid => {
            let is_storage = uid.starts_with("1.2.840.10008.5.1.4.1.1.") || uid.starts_with("1.2.840.10008.5.1.4.34.7");
            let is_kept = match StandardSopClassDictionary.by_uid(uid) {
                Some(entry) => is_storage && entry.alias.contains("Storage"),
                // A class newer than this software, or of a manufacturer: what it holds is kept like any other object.
                None => is_uid(uid) && (is_storage || !uid.starts_with("1.2.840.10008.")),
            };
            is_kept.then_some(Purpose::Store)
        }
    }
}

impl Request {
    /// True when the peer speaks the one application context there is.
    pub(super) fn speaks_dicom(&self) -> bool {
        self.application_context == APPLICATION_CONTEXT
    }

    /// Decides on every presentation context and writes the answer.
    pub(super) fn accept(&self, own_length_max: u32) -> (Vec<Context>, Vec<u8>) {
        let mut accepted = Vec::new();
        let mut body = self.fixed.clone();
        body[..4].copy_from_slice(&[0, 1, 0, 0]);
        put_item(&mut body, 0x10, APPLICATION_CONTEXT.as_bytes());
        for proposed in &self.contexts {
            let (result, transfer_syntax) = match purpose(&proposed.abstract_syntax) {
                None => (3, None),
                Some(purpose) => {
                    let fits = |uid: &&String| match purpose {
                        Purpose::Store => STORED.contains(&uid.as_str()),
                        _ => [IMPLICIT_LITTLE, EXPLICIT_LITTLE].contains(&uid.as_str()),
                    };
                    let chosen = proposed.transfer_syntaxes.iter().find(fits);
                    if let Some(chosen) = chosen {
                        accepted.push(Context {
                            id: proposed.id,
                            abstract_syntax: proposed.abstract_syntax.clone(),
                            transfer_syntax: chosen.clone(),
                            purpose,
                        });
                    }
                    (if chosen.is_some() { 0 } else { 4 }, chosen)
                }
            };
            let mut content = vec![proposed.id, 0, result, 0];
            put_item(&mut content, 0x40, transfer_syntax.map_or(IMPLICIT_LITTLE, String::as_str).as_bytes());
            put_item(&mut body, 0x21, &content);
        }
        let mut user = Vec::new();
        put_item(&mut user, 0x51, &own_length_max.to_be_bytes());
        put_item(&mut user, 0x52, crate::IMPLEMENTATION_CLASS_UID.as_bytes());
        put_item(&mut user, 0x55, crate::IMPLEMENTATION_VERSION.as_bytes());
        put_item(&mut body, 0x50, &user);
        let mut out = Vec::with_capacity(body.len() + 6);
        pdu::put(&mut out, pdu::ASSOCIATE_AC, &body);
        (accepted, out)
    }
}

fn put_item(out: &mut Vec<u8>, kind: u8, content: &[u8]) {
    let content = &content[..content.len().min(usize::from(u16::MAX))];
    out.extend_from_slice(&[kind, 0]);
    out.extend_from_slice(&(content.len() as u16).to_be_bytes());
    out.extend_from_slice(content);
}

/// The rejection as written.
pub(super) fn rejection(reject: Reject) -> Vec<u8> {
    let (result, source, reason) = match reject {
        Reject::NoReason => (1, 1, 1),
        Reject::ApplicationContext => (1, 1, 2),
        Reject::CallingTitle => (1, 1, 3),
        Reject::CalledTitle => (1, 1, 7),
        Reject::Congestion => (2, 3, 1),
        Reject::LimitReached => (2, 3, 2),
    };
    let mut out = Vec::with_capacity(10);
    pdu::put(&mut out, pdu::ASSOCIATE_RJ, &[0, result, source, reason]);
    out
}
