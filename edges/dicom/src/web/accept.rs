//! Accept negotiation, and the media types of stored frames.
//!
//! Left out: transcoding between compressions. What is stored compressed goes out as it is or, where we have a
//! decoder, uncompressed. Source: dicom-ps3.18, 8.7.3 and 8.7.7.

use crate::render;

/// Uncompressed little endian.
pub const EXPLICIT_LITTLE: &str = "1.2.840.10008.1.2.1";

/// A media type with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaType {
    /// Type and subtype in lower case.
    pub essence: String,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// Reads one media type; `None` when it has no slash.
    pub fn parse(text: &str) -> Option<MediaType> {
        let mut pieces = split(text, ';').into_iter();
        let essence = pieces.next()?.trim().to_ascii_lowercase();
        if !essence.contains('/') {
            return None;
        }
        let parameters = pieces
            .filter_map(|piece| {
                let (name, value) = piece.split_once('=')?;
                let value = value.trim();
                let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
                Some((name.trim().to_ascii_lowercase(), value.to_owned()))
            })
            .collect();
        Some(MediaType { essence, parameters })
    }

    /// A parameter's value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads an Accept header, best first; entries with quality zero are left out.
    pub fn parse_list(text: &str) -> Vec<MediaType> {
        let quality = |media: &MediaType| media.parameter("q").and_then(|q| q.parse::<f32>().ok()).unwrap_or(1.0);
        let mut list: Vec<_> = split(text, ',').into_iter().take(64).filter_map(MediaType::parse).collect();
        list.retain(|media| quality(media) > 0.0);
        list.sort_by(|a, b| quality(b).total_cmp(&quality(a)));
        list
    }
}

/// Splits outside quotation marks.
fn split(text: &str, separator: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        quoted ^= c == '"';
        c == separator && !quoted
    })
    .collect()
}

fn accepted(accept: Option<&str>) -> Vec<MediaType> {
    match accept.map(str::trim) {
        None | Some("") => MediaType::parse("*/*").into_iter().collect(),
        Some(text) => MediaType::parse_list(text),
    }
}

/// How instances are given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceForm {
    /// Each instance a part.
    Multipart,
    /// One instance as the whole body.
    Single,
}

/// Chooses the form for retrieving instances stored as `stored`; `None` means not acceptable.
pub fn instances(accept: Option<&str>, stored: &str) -> Option<InstanceForm> {
    accepted(accept).into_iter().find_map(|media| {
        let form = match media.essence.as_str() {
            "*/*" => InstanceForm::Multipart,
            "multipart/related" if matches!(media.parameter("type"), None | Some("application/dicom" | "*/*")) => {
                InstanceForm::Multipart
            }
            "application/dicom" | "application/*" => InstanceForm::Single,
            _ => return None,
        };
        fits(&media, stored).then_some(form)
    })
}

/// No transfer syntax asked for means: as stored. Uncompressed little endian is one, however its header is written.
fn fits(media: &MediaType, stored: &str) -> bool {
    match media.parameter("transfer-syntax") {
        None | Some("*") => true,
        Some(asked) => asked == stored,
    }
}

/// How a frame is given out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameForm {
    /// The type named in the answer's multipart/related header.
    pub part_type: &'static str,
    /// The part's full content type, transfer syntax included.
    pub content_type: String,
    /// True when the frame must be decoded first.
    pub decode: bool,
    /// True when the frame is the whole body, not a part.
    pub single: bool,
}

/// Chooses the form for frames stored as `stored`; `None` means not acceptable.
pub fn frames(accept: Option<&str>, stored: &str) -> Option<FrameForm> {
    let own = frame_media_type(stored);
    let native = own == "application/octet-stream";
    // Big endian is given out little endian, so it has to be turned round.
    let swapped = stored == "1.2.840.10008.1.2.2";
    let kept = if native { EXPLICIT_LITTLE } else { stored };
    let form = |part_type: &'static str, transfer_syntax: &str, decode, single| FrameForm {
        part_type,
        content_type: format!("{part_type}; transfer-syntax={transfer_syntax}"),
        decode: decode || swapped,
        single,
    };
    accepted(accept).into_iter().find_map(|media| {
        let single = !matches!(media.essence.as_str(), "multipart/related" | "*/*");
        let wanted = if single { media.essence.as_str() } else { media.parameter("type").unwrap_or("*/*") };
        let syntax = media.parameter("transfer-syntax");
        match wanted {
            "*/*" if fits(&media, kept) => Some(form(own, kept, false, false)),
            "application/octet-stream" | "application/*" => match syntax {
                Some("*") => Some(form("application/octet-stream", kept, false, single)),
                Some(asked) if asked == kept => Some(form("application/octet-stream", kept, false, single)),
                None | Some(EXPLICIT_LITTLE) if native => Some(form("application/octet-stream", kept, false, single)),
                None | Some(EXPLICIT_LITTLE) if render::can_decode(stored) => {
                    Some(form("application/octet-stream", EXPLICIT_LITTLE, true, single))
                }
                _ => None,
            },
            wanted if wanted == own && fits(&media, kept) => Some(form(own, kept, false, single)),
            _ => None,
        }
    })
}

/// The media type of a frame as stored.
pub fn frame_media_type(transfer_syntax: &str) -> &'static str {
    match transfer_syntax.strip_prefix("1.2.840.10008.1.2.") {
        Some("5") => "image/dicom-rle",
        Some("4.50" | "4.51" | "4.53" | "4.55" | "4.57" | "4.70") => "image/jpeg",
        Some("4.80" | "4.81") => "image/jls",
        Some("4.90" | "4.91") => "image/jp2",
        Some("4.92" | "4.93") => "image/jpx",
        Some("4.201" | "4.202" | "4.203") => "image/jphc",
        Some(video) if video.starts_with("4.100") || video.starts_with("4.101") => "video/mpeg",
        Some(video) if video.starts_with("4.10") => "video/mp4",
        _ => "application/octet-stream",
    }
}

/// True when the client reads the DICOM JSON model.
pub fn takes_json(accept: Option<&str>) -> bool {
    let essences = ["*/*", "application/*", "application/dicom+json", "application/json"];
    accepted(accept).iter().any(|media| essences.contains(&media.essence.as_str()))
}

/// Chooses the picture format for rendered frames.
pub fn rendered(accept: Option<&str>) -> Option<render::Format> {
    accepted(accept).iter().find_map(|media| match media.essence.as_str() {
        "*/*" | "image/*" | "image/jpeg" => Some(render::Format::Jpeg),
        "image/png" => Some(render::Format::Png),
        _ => None,
    })
}
