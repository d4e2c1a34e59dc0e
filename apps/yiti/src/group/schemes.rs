//! Finds a grouping scheme: in the binary, in a folder of packs, or in a folder of tables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chs_drg::{Profile, Scheme, Tables};

use super::failure::Failure;
use crate::definitions;

/// Where schemes come from.
pub(crate) struct Schemes {
    folder: Option<PathBuf>,
    tables: Option<Tables>,
    profile: Profile,
}

impl Schemes {
    /// The shipped schemes, and those of the folder before them.
    ///
    /// # Errors
    /// The folder cannot be read or holds neither tables nor packs.
    pub(crate) fn open(folder: Option<&Path>, profile: Profile) -> Result<Schemes, Failure> {
        let mut schemes = Schemes { folder: folder.map(Path::to_owned), tables: None, profile };
        if let Some(folder) = folder {
            if folder.join("version.csv").is_file() {
                schemes.tables = Some(Tables::open(folder).map_err(|error| broken(folder, &error))?);
            } else if schemes.packs().is_empty() {
                return Err(Failure::new("packs_empty", [("folder", folder.display().to_string())]));
            }
        }
        Ok(schemes)
    }

    /// packs: [pack], the files of the folder
    fn packs(&self) -> BTreeSet<PathBuf> {
        let entries = self.folder.as_deref().and_then(|folder| std::fs::read_dir(folder).ok());
        let paths = entries.into_iter().flatten().flatten().map(|entry| entry.path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "pack")).collect()
    }

    /// ids: [scheme], all that can be asked for
    #[must_use]
    pub(crate) fn known(&self) -> BTreeSet<String> {
        let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let shipped = definitions::shipped_paths("drg/").filter(|path| path.ends_with(".pack"));
        let mut ids: BTreeSet<String> = shipped.filter_map(|path| stem(Path::new(&path))).collect();
        ids.extend(self.packs().iter().filter_map(|path| stem(path)));
        ids.extend(self.tables.iter().flat_map(|tables| tables.schemes().map(str::to_owned)));
        ids
    }

    /// Loads a scheme.
    ///
    /// # Errors
    /// No scheme has the id, or not in the asked profile; what the id could be.
    pub(crate) fn load(&self, id: &str) -> Result<Scheme, Failure> {
        if let Some(tables) = self.tables.as_ref().filter(|tables| tables.schemes().any(|known| known == id)) {
            let folder = self.folder.as_deref().unwrap_or(Path::new(""));
            return Scheme::build(tables, id, self.profile).map_err(|error| broken(folder, &error));
        }
        if let Some(path) = self.packs().iter().find(|path| path.file_stem().is_some_and(|stem| stem == id)) {
            let bytes = std::fs::read(path).map_err(|error| broken(path, &error))?;
            let scheme = Scheme::read(&bytes).map_err(|error| broken(path, &error))?;
            let found = scheme.definition().profile;
            if found != self.profile {
                let facts = [
                    ("file", path.display().to_string()),
                    ("found", found.word().to_owned()),
                    ("profile", self.profile.word().to_owned()),
                ];
                return Err(Failure::new("pack_profile", facts));
            }
            return Ok(scheme);
        }
        let path = format!("drg/{id}.pack");
        let Some(bytes) = definitions::shipped(&path) else {
            let known = self.known().into_iter().collect::<Vec<_>>().join(", ");
            return Err(Failure::new("unknown_scheme", [("scheme", id.to_owned()), ("known", known)]));
        };
        if self.profile != Profile::Published {
            let facts = [("scheme", id.to_owned()), ("profile", self.profile.word().to_owned())];
            return Err(Failure::new("profile", facts));
        }
        Scheme::read(&bytes).map_err(|error| broken(Path::new(&path), &error))
    }
}

fn broken(path: &Path, reason: &dyn std::fmt::Display) -> Failure {
    Failure::new("pack_broken", [("file", path.display().to_string()), ("reason", reason.to_string())])
}
