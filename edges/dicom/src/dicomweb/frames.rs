//! WADO-RS: frames as they are stored, and pictures of them.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse as _;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;
use yiti_record::imaging::Instance;
use yiti_store::{Error, Store};
use yiti_web::{Answer, App, Problem, Visitor};

use super::retrieve::{boundary, header_of, tag, unless_known, with_tag};
use super::{Place, Web, not_acceptable, text, told};
use crate::dataset::{File, FrameError, Header, Limits, PixelData};
use crate::render::{self, RenderError};
use crate::web::accept;
use crate::web::multipart;

/// Frames of one request at most.
const FRAME_COUNT_MAX: usize = 10_000;
/// The longest side of a picture nobody asked a size for.
const SIDE_DEFAULT: u32 = 4096;
/// The largest header of a pixel data element.
const ELEMENT_HEADER_BYTES: u64 = 12;
const DEFLATED: &str = "1.2.840.10008.1.2.1.99";

/// Why a frame was not given.
#[derive(Debug, thiserror::Error)]
enum NotGiven {
    #[error(transparent)]
    Store(#[from] Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Render(#[from] RenderError),
    #[error("the decoder failed")]
    Panicked,
}

impl From<NotGiven> for Problem {
    fn from(why: NotGiven) -> Self {
        match why {
            NotGiven::Store(error) => error.into(),
            NotGiven::Frame(FrameError::NoFrame { .. } | FrameError::NoPixels)
            | NotGiven::Render(RenderError::Frame(FrameError::NoFrame { .. } | FrameError::NoPixels)) => Self::NotFound,
            other => Self::failed(other),
        }
    }
}

fn numbers(list: &str) -> Option<Vec<u32>> {
    let numbers: Option<Vec<u32>> =
        list.split(',').take(FRAME_COUNT_MAX + 1).map(|one| one.trim().parse().ok().filter(|n| *n > 0)).collect();
    numbers.filter(|numbers| numbers.len() <= FRAME_COUNT_MAX)
}

/// Gives the frames of `list`, each a part.
pub(super) async fn answer(
    web: &Web,
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    place: &Place,
    list: &str,
) -> Answer {
    let Some(wanted) = numbers(list) else { return Ok(told(StatusCode::BAD_REQUEST, "frames are numbers from 1")) };
    let (_, mut instances) = web.open(app, visitor, place).await?;
    let Some(instance) = instances.pop() else { return Err(Problem::NotFound) };
    let form = accept::frames(text(headers, &header::ACCEPT), &instance.transfer_syntax);
    let Some(form) = form.filter(|form| !form.single || wanted.len() == 1) else { return Ok(not_acceptable()) };
    let tag = tag(&format!("frames {list} {} {}", form.content_type, form.single), [instance.digest]);
    if let ControlFlow::Break(known) = unless_known(headers, &tag) {
        return Ok(known);
    }
    let source = Source::of(&app.platform().store, instance, form.decode).await?;
    // The first frame is read before the status goes out, so that what cannot be given is told properly.
    let first = source.frame(&web.renderers, wanted[0]).await?;
    if form.single {
        return Ok(with_tag(([(header::CONTENT_TYPE, form.content_type)], first).into_response(), &tag));
    }
    let kind = form.content_type;
    let part = move |bytes| (kind.clone(), stream::iter([Ok::<_, NotGiven>(bytes)]));
    let (source, renderers) = (Arc::new(source), web.renderers.clone());
    let others = stream::iter(wanted.into_iter().skip(1)).then(move |frame| {
        let (source, renderers) = (source.clone(), renderers.clone());
        async move { source.frame(&renderers, frame).await }
    });
    let parts = stream::iter([Ok(first)]).chain(others).map_ok(part);
    let boundary = boundary();
    let failed = |error: &NotGiven| tracing::error!(%error, "a frame could not be given");
    let body = multipart::write(parts, &boundary).inspect_err(failed);
    let kind = multipart::related(form.part_type, &boundary);
    Ok(with_tag(([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response(), &tag))
}

/// Where the frames of an instance come from.
enum Source {
    /// Uncompressed: frame after frame at known places.
    Native { store: Store, instance: Instance, start: u64, frame_bytes: u64 },
    /// The whole file is at hand.
    Whole { file: Bytes, decode: bool },
}

impl Source {
    async fn of(store: &Store, instance: Instance, decode: bool) -> Result<Self, NotGiven> {
        if !decode && instance.transfer_syntax != DEFLATED && instance.header_bytes < instance.byte_count {
            let bytes = header_of(store, &instance, ELEMENT_HEADER_BYTES).await?;
            if let Some((start, frame_bytes)) = native(&bytes, &instance) {
                return Ok(Self::Native { store: store.clone(), instance, start, frame_bytes });
            }
        }
        Ok(Self::Whole { file: store.blob(instance.digest).await?, decode })
    }

    async fn frame(&self, renderers: &Semaphore, frame: u32) -> Result<Bytes, NotGiven> {
        match self {
            Self::Native { store, instance, start, frame_bytes } => {
                let index = frame.checked_sub(1).filter(|index| *index < instance.frame_count);
                let index = u64::from(index.ok_or(FrameError::NoFrame { frame })?);
                let at = start + index * frame_bytes;
                if at + frame_bytes > instance.byte_count {
                    return Err(FrameError::TooShort { frame }.into());
                }
                Ok(store.blob_range(instance.digest, at, *frame_bytes).await?)
            }
            Self::Whole { file, decode } => {
                let (file, decode) = (file.clone(), *decode);
                let permit = if decode { renderers.acquire().await.ok() } else { None };
                let cut = tokio::task::spawn_blocking(move || cut(&file, frame, decode));
                let cut = cut.await.map_err(|_| NotGiven::Panicked)?;
                drop(permit);
                cut
            }
        }
    }
}

fn cut(file: &Bytes, frame: u32, decode: bool) -> Result<Bytes, NotGiven> {
    let read = File::read(file, &Limits::default()).map_err(RenderError::from)?;
    let header = Header::of_file(&read);
    if decode {
        return Ok(render::decode_frame(&read, &header, frame)?.into_owned().into());
    }
    Ok(match header.frame_bytes(read.data.bytes(), frame)? {
        Cow::Owned(bytes) => bytes.into(),
        // A piece of the file itself needs no copy; a piece of an inflated data set does.
        Cow::Borrowed(bytes) if file.as_ptr_range().contains(&bytes.as_ptr()) => file.slice_ref(bytes),
        Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
    })
}

/// Where the first native frame starts in the file and how long each is; `None` when the pixels are not that simple.
fn native(bytes: &[u8], instance: &Instance) -> Option<(u64, u64)> {
    let header_bytes = usize::try_from(instance.header_bytes).ok()?;
    let file = File::read(bytes.get(..header_bytes)?, &Limits::default()).ok()?;
    let header = Header::of_file(&file);
    let element = bytes.get(header_bytes..)?;
    let syntax = file.data.syntax();
    if file.data.is_big_endian() || element.get(..4)? != [0xE0, 0x7F, 0x10, 0x00] {
        return None;
    }
    let is_long = syntax == crate::dataset::Syntax::ExplicitLittle;
    let at = if is_long { 8 } else { 4 };
    let length = u32::from_le_bytes(element.get(at..at + 4)?.try_into().ok()?);
    let pixels = PixelData::Native { range: 0..usize::try_from(length).ok()? };
    let bits = crate::dataset::native_frame_bits(&Header { pixel_data: Some(pixels), ..header })?;
    if length == u32::MAX || bits % 8 != 0 {
        return None;
    }
    let (start, frame_bytes) = (instance.header_bytes + at as u64 + 4, bits / 8);
    (frame_bytes * u64::from(instance.frame_count) <= u64::from(length)).then_some((start, frame_bytes))
}

/// What a picture is asked to look like.
#[derive(Debug, Default, PartialEq)]
struct Look {
    window: Option<(f64, f64)>,
    viewport: Option<(u32, u32)>,
}

impl Look {
    /// Reads `window=center,width[,function]` and `viewport=width,height[,…]`; `None` when one cannot be read.
    fn parse(query: &str) -> Option<Self> {
        let mut look = Self::default();
        for pair in query.split('&').take(16) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = value.replace("%2C", ",").replace("%2c", ",");
            let mut numbers = value.split(',').map(|one| one.trim().parse::<f64>().ok().filter(|n| n.is_finite()));
            match name {
                "window" => {
                    let (center, width) = (numbers.next()??, numbers.next()??);
                    look.window = Some((center, width)).filter(|_| width > 0.0);
                    look.window?;
                }
                "viewport" => {
                    let mut side = || numbers.next()?.filter(|side| (1.0..=f64::from(SIDE_DEFAULT)).contains(side));
                    look.viewport = Some((side()? as u32, side()? as u32));
                }
                _ => {}
            }
        }
        Some(look)
    }

    /// The longest side of a picture of `columns` × `rows` that fits the viewport.
    fn side(&self, instance: &Instance) -> u32 {
        let (Some((width, height)), Some(columns), Some(rows)) =
            (self.viewport, instance.pixel_columns, instance.pixel_rows)
        else {
            return self.viewport.map_or(SIDE_DEFAULT, |(width, height)| width.min(height));
        };
        let scale = (f64::from(width) / f64::from(columns.max(1))).min(f64::from(height) / f64::from(rows.max(1)));
        ((f64::from(columns.max(rows)) * scale).round() as u32).clamp(1, SIDE_DEFAULT)
    }
}

/// Gives a picture of one frame.
pub(super) async fn render(
    web: &Web,
    app: &App,
    visitor: &Visitor,
    headers: &HeaderMap,
    place: &Place,
    frame: &str,
    query: Option<&str>,
) -> Answer {
    let Some(format) = accept::rendered(text(headers, &header::ACCEPT)) else { return Ok(not_acceptable()) };
    let query = query.unwrap_or_default();
    let (Some(&[frame]), Some(look)) = (numbers(frame).as_deref(), Look::parse(query)) else {
        return Ok(told(StatusCode::BAD_REQUEST, "one frame, window=center,width and viewport=width,height"));
    };
    let (_, instances) = web.open(app, visitor, place).await?;
    let [instance] = instances.as_slice() else { return Err(Problem::NotFound) };
    let tag = tag(&format!("rendered {frame} {} {look:?}", format.content_type()), [instance.digest]);
    if let ControlFlow::Break(known) = unless_known(headers, &tag) {
        return Ok(known);
    }
    // The file is read only when there is a place to draw it, so that waiting costs no memory.
    let permit = web.renderers.acquire().await.map_err(Problem::failed)?;
    let bytes = app.platform().store.blob(instance.digest).await?;
    let side = look.side(instance);
    let drawn = tokio::task::spawn_blocking(move || render::render_as(&bytes, frame, look.window, side, format)).await;
    drop(permit);
    let drawn = match drawn.map_err(|_| NotGiven::Panicked)? {
        Ok(drawn) => drawn,
        Err(error @ (RenderError::TransferSyntax { .. } | RenderError::Unsupported { .. })) => {
            return Ok(told(StatusCode::NOT_ACCEPTABLE, error));
        }
        Err(error) => return Err(NotGiven::from(error).into()),
    };
    Ok(with_tag(([(header::CONTENT_TYPE, format.content_type())], drawn).into_response(), &tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_read_or_refused() {
        let look = Look::parse("window=40,400,linear&viewport=256%2C128&x=1").unwrap();
        assert_eq!((look.window, look.viewport), (Some((40.0, 400.0)), Some((256, 128))));
        assert_eq!(Look::parse(""), Some(Look::default()));
        for bad in ["window=40", "window=40,0", "window=a,b", "viewport=0,10", "viewport=10", "window=NaN,1"] {
            assert_eq!(Look::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn frames_are_numbers_from_one() {
        assert_eq!(numbers("1,2, 3"), Some(vec![1, 2, 3]));
        for bad in ["", "0", "1,,2", "a", "-1", &"1,".repeat(20_000)] {
            assert_eq!(numbers(bad), None, "{bad:.20}");
        }
    }
}
