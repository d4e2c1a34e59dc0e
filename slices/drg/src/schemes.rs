//! The grouping schemes that come with the platform; each is unpacked when it is first asked for.

use std::borrow::Cow;
use std::sync::OnceLock;

use chs_drg::Scheme;
use serde::Deserialize;
use yiti_kernel::definition::{self, Fault, File};

use crate::columns::fault;

const PATH: &str = "drg/schemes.toml";

/// One entry of `drg/schemes.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// As on the command line, `chs_drg_11`.
    pub id: String,
    /// File of the pack, beside `schemes.toml`.
    pub pack: String,
    /// SHA-256 of its content, 64 hexadecimal digits.
    pub hash: String,
    /// Year of the scheme.
    pub year: u16,
    /// The document, a key of `definitions/sources/`.
    pub source: String,
    /// The tables it was made from, a key of `definitions/sources/`.
    pub tables: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    scheme: Vec<Entry>,
}

struct Slot {
    entry: Entry,
    pack: Cow<'static, [u8]>,
    scheme: OnceLock<Option<Scheme>>,
}

/// All shipped schemes.
pub struct Schemes(Vec<Slot>);

impl Schemes {
    /// Reads the list; `find` gives the bytes of a file below `definitions/`. Packs are unpacked later.
    ///
    /// # Errors
    /// Each pack that is missing, each entry that stands twice.
    pub fn load(files: &[File], find: &dyn Fn(&str) -> Option<Cow<'static, [u8]>>) -> Result<Self, Vec<Fault>> {
        let file = files.iter().find(|file| file.path == PATH);
        let file = file.ok_or_else(|| vec![fault(PATH, 0, "the file is missing")])?;
        let document: Document = definition::read(file).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let mut slots: Vec<Slot> = Vec::new();
        for entry in document.scheme {
            if slots.iter().any(|slot| slot.entry.id == entry.id) {
                faults.push(fault(PATH, 0, format!("the scheme `{}` stands twice", entry.id)));
            }
            match find(&format!("drg/{}", entry.pack)) {
                Some(pack) => slots.push(Slot { entry, pack, scheme: OnceLock::new() }),
                None => faults.push(fault(PATH, 0, format!("there is no pack `{}`", entry.pack))),
            }
        }
        if faults.is_empty() { Ok(Self(slots)) } else { Err(faults) }
    }

    /// The scheme of an id; `None` when there is none, or its pack is broken or is not the one that the list names.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Scheme> {
        let slot = self.0.iter().find(|slot| slot.entry.id == id)?;
        slot.scheme.get_or_init(|| slot.read().ok()).as_ref()
    }

    /// What the list says of each scheme, in its order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter().map(|slot| &slot.entry)
    }

    /// Unpacks every scheme and says what is wrong.
    ///
    /// # Errors
    /// Every broken pack, and every one whose hash differs from the list.
    pub fn check(&self) -> Result<(), Vec<Fault>> {
        let faults: Vec<Fault> = self.0.iter().filter_map(|slot| slot.read().err()).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Keys of the documents the schemes cite, each with the place of the citation.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(|slot| [(PATH, slot.entry.source.as_str()), (PATH, slot.entry.tables.as_str())])
    }
}

impl Slot {
    fn read(&self) -> Result<Scheme, Fault> {
        let path = format!("drg/{}", self.entry.pack);
        let scheme = Scheme::read(&self.pack).map_err(|error| fault(&path, 0, error.to_string()))?;
        let hash = scheme.hash().to_string();
        if hash != self.entry.hash {
            return Err(fault(&path, 0, format!("its hash is {hash}, the list says {}", self.entry.hash)));
        }
        Ok(scheme)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn shipped() -> Schemes {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
        let text = std::fs::read_to_string(folder.join(PATH)).unwrap();
        let files = [File { path: PATH.into(), text }];
        Schemes::load(&files, &|path| std::fs::read(folder.join(path)).ok().map(Cow::Owned)).unwrap()
    }

    #[test]
    fn every_shipped_scheme_has_its_hash() {
        let schemes = shipped();
        schemes.check().unwrap();
        assert!(schemes.entries().count() >= 4);
        assert!(schemes.get("chs_drg_11").is_some() && schemes.get("chs_drg_99").is_none());
    }

    #[test]
    fn a_pack_that_is_not_the_listed_one_is_named() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
        let text =
            std::fs::read_to_string(folder.join(PATH)).unwrap().replacen("chs_drg_20.pack", "chs_drg_11.pack", 1);
        let files = [File { path: PATH.into(), text }];
        let schemes = Schemes::load(&files, &|path| std::fs::read(folder.join(path)).ok().map(Cow::Owned)).unwrap();
        assert_eq!(schemes.check().unwrap_err().len(), 1);
        assert!(schemes.get("chs_drg_20").is_none());
        assert!(Schemes::load(&files, &|_| None).is_err());
    }
}
