//! Command sets: requests as read, responses as written.
//!
//! Left out: data sets. Source: dicom-ps3.7, section 9 and annex E.

use crate::dataset::{Limits, Syntax, Tag, VR, Writer, read_data_set};

pub(super) const C_STORE_RQ: u16 = 0x0001;
pub(super) const C_FIND_RQ: u16 = 0x0020;
pub(super) const C_ECHO_RQ: u16 = 0x0030;
pub(super) const C_CANCEL_RQ: u16 = 0x0FFF;
pub(super) const COMMAND_BYTES_MAX: usize = 16 * 1024;

pub(super) const SUCCESS: u16 = 0x0000;
pub(super) const PENDING: u16 = 0xFF00;
/// As pending, and some of the keys are not supported.
pub(super) const PENDING_WARNING: u16 = 0xFF01;
pub(super) const CANCELED: u16 = 0xFE00;
pub(super) const UNRECOGNIZED: u16 = 0x0211;
pub(super) const NO_SUCH_CLASS: u16 = 0x0122;
const NO_DATA_SET: u16 = 0x0101;

/// A request as read.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub(super) field: u16,
    pub(super) message_id: u16,
    pub(super) responded_to: u16,
    pub(super) sop_class: String,
    pub(super) sop_instance: String,
    pub(super) has_data: bool,
}

impl Command {
    /// Reads a command set; `None` when it is not one.
    pub(super) fn read(bytes: &[u8]) -> Option<Command> {
        let limits = Limits { depth_max: 0, element_count_max: 64, inflated_bytes_max: 0 };
        let (data, _) = read_data_set(bytes, "1.2.840.10008.1.2", &limits).ok()?;
        let text = |element: u16| {
            data.get(Tag(0, element))
                .map(|element| String::from_utf8_lossy(data.trimmed(element)).into_owned())
                .unwrap_or_default()
        };
        let number = |element: u16| data.u16(Tag(0, element));
        Some(Command {
            field: number(0x0100)?,
            message_id: number(0x0110).unwrap_or(0),
            responded_to: number(0x0120).unwrap_or(0),
            sop_class: text(0x0002),
            sop_instance: text(0x1000),
            has_data: number(0x0800).is_some_and(|kind| kind != NO_DATA_SET),
        })
    }
}

/// What a response says beyond its status.
#[derive(Debug, Default)]
pub(super) struct Detail<'d> {
    pub(super) comment: &'d str,
    pub(super) tag: Option<Tag>,
    pub(super) has_data: bool,
}

/// Writes the response to a command.
pub(super) fn response(command: &Command, status: u16, detail: &Detail<'_>) -> Vec<u8> {
    let mut set = Writer::new(Syntax::ImplicitLittle);
    if !command.sop_class.is_empty() {
        set.text(Tag(0, 0x0002), VR::UI, command.sop_class.as_bytes());
    }
    set.u16(Tag(0, 0x0100), command.field | 0x8000);
    set.u16(Tag(0, 0x0120), command.message_id);
    set.u16(Tag(0, 0x0800), if detail.has_data { 0 } else { NO_DATA_SET });
    set.u16(Tag(0, 0x0900), status);
    if let Some(tag) = detail.tag {
        let [a, b] = tag.0.to_le_bytes();
        let [c, d] = tag.1.to_le_bytes();
        set.raw(Tag(0, 0x0901), VR::AT, &[a, b, c, d]);
    }
    if !detail.comment.is_empty() {
        let comment: String = detail
            .comment
            .chars()
            .map(|c| if c.is_ascii_graphic() && c != '\\' || c == ' ' { c } else { '?' })
            .take(64)
            .collect();
        set.text(Tag(0, 0x0902), VR::LO, comment.as_bytes());
    }
    if command.field == C_STORE_RQ && !command.sop_instance.is_empty() {
        set.text(Tag(0, 0x1000), VR::UI, command.sop_instance.as_bytes());
    }
    let set = set.into_bytes();
    let mut whole = Writer::new(Syntax::ImplicitLittle);
    whole.u32(Tag(0, 0), set.len() as u32);
    let mut bytes = whole.into_bytes();
    bytes.extend_from_slice(&set);
    bytes
}
