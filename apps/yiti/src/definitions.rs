//! All definitions: those that come with the product, overlaid by those of the data folder, checked as a whole.
//!
//! INVARIANT: nothing starts while a definition has a fault; every fault is reported at once, with file, line and column.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use rust_embed::Embed;
use yiti_directory::sign_in::Limits;
use yiti_directory::{Kit, Roles};
use yiti_kernel::definition::{self, Fault, File, Sources};

#[derive(Embed)]
#[folder = "../../definitions"]
struct Shipped;

/// Everything read from `definitions/`.
pub struct Definitions {
    /// Roles.
    pub roles: Roles,
    /// Limits of accounts and sessions.
    pub limits: Limits,
    /// What acts take from their context.
    pub kit: Kit,
    /// The files, for pages that show them.
    pub files: Vec<File>,
}

/// The bytes of a shipped file, as `drg/chs_drg_11.pack`.
#[must_use]
pub fn shipped(path: &str) -> Option<Cow<'static, [u8]>> {
    Shipped::get(path).map(|file| file.data)
}

/// The paths of the shipped files below a folder.
pub fn shipped_paths(folder: &str) -> impl Iterator<Item = String> + use<'_> {
    Shipped::iter().map(Cow::into_owned).filter(move |path| path.starts_with(folder))
}

/// A shipped definition as text.
///
/// # Errors
/// It is not there or no text.
pub fn shipped_file(path: &str) -> Result<File, Fault> {
    let fault = |message: &str| Fault { path: path.into(), line: 0, column: 0, message: message.into() };
    let bytes = shipped(path).ok_or_else(|| fault("the file is missing"))?;
    let text = String::from_utf8(bytes.into_owned()).map_err(|_| fault("the file is not UTF-8"))?;
    Ok(File { path: path.into(), text })
}

/// The shipped files, with those of `overlay` in their place where they have the same path.
///
/// # Errors
/// A fault for each file that cannot be read as text.
pub fn files(overlay: Option<&Path>) -> Result<Vec<File>, Vec<Fault>> {
    let mut texts: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for path in Shipped::iter() {
        if let Some(file) = Shipped::get(&path) {
            texts.insert(path.to_string(), file.data.into_owned());
        }
    }
    let mut faults = Vec::new();
    if let Some(folder) = overlay.filter(|folder| folder.is_dir()) {
        gather(folder, folder, &mut texts, &mut faults);
    }
    let mut files = Vec::new();
    for (path, bytes) in texts {
        if !Path::new(&path).extension().is_some_and(|e| e == "toml" || e == "csv") {
            continue;
        }
        match String::from_utf8(bytes) {
            Ok(text) => files.push(File { path, text }),
            Err(_) => faults.push(Fault { path, line: 0, column: 0, message: "the file is not UTF-8".into() }),
        }
    }
    if faults.is_empty() { Ok(files) } else { Err(faults) }
}

fn gather(root: &Path, folder: &Path, texts: &mut BTreeMap<String, Vec<u8>>, faults: &mut Vec<Fault>) {
    let fault = |path: &Path, message: String| Fault { path: path.display().to_string(), line: 0, column: 0, message };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return faults.push(fault(folder, error.to_string())),
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            gather(root, &path, texts, faults);
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        match std::fs::read(&path) {
            Ok(bytes) => drop(texts.insert(name, bytes)),
            Err(error) => faults.push(fault(&path, error.to_string())),
        }
    }
}

/// The bytes of one definition file: that of `overlay` where there is one, else the shipped one.
#[must_use]
pub fn bytes(overlay: Option<&Path>, path: &str) -> Option<Cow<'static, [u8]>> {
    let own = overlay.map(|folder| folder.join(path)).filter(|own| own.is_file());
    match own {
        Some(own) => std::fs::read(own).ok().map(Cow::Owned),
        None => shipped(path),
    }
}

/// Reads and checks all definitions.
///
/// # Errors
/// Every fault with its place.
pub fn load(overlay: Option<&Path>) -> Result<Definitions, Vec<Fault>> {
    let files = files(overlay)?;
    let mut faults = Vec::new();
    let below = |folder: &str| -> Vec<File> {
        let is_case = |path: &str| path.contains("/cases/");
        files.iter().filter(|f| f.path.starts_with(folder) && !is_case(&f.path)).cloned().collect()
    };
    let one = |name: &str| {
        files.iter().find(|f| f.path == name).ok_or_else(|| Fault {
            path: name.into(),
            line: 0,
            column: 0,
            message: "the file is missing".into(),
        })
    };
    let roles = one("roles.toml").and_then(Roles::load).map_err(|f| faults.push(f)).ok();
    let limits = one("security.toml").and_then(definition::read::<Limits>).map_err(|f| faults.push(f)).ok();
    let calendars = yiti_clock::Calendars::load(&below("calendars/")).map_err(|f| faults.extend(f)).ok();
    let rules = calendars
        .as_ref()
        .and_then(|calendars| yiti_clock::Rules::load(&below("clocks/"), calendars).map_err(|f| faults.extend(f)).ok());
    let names = one(crate::group::NAMES_PATH).and_then(crate::group::Names::load).map_err(|f| faults.push(f)).ok();
    let diagnostics = yiti_diagnostics::Definitions::load(&below("diagnostics/")).map_err(|f| faults.extend(f)).ok();
    let tables = [below("drg/"), below("payment/"), below("frontpage/")].concat();
    let drg = yiti_drg::Definitions::load(&tables, &|path| bytes(overlay, path)).map_err(|f| faults.extend(f)).ok();
    let analysis = yiti_drg::compare::Analysis::load(&tables).map_err(|f| faults.extend(f)).ok();
    let settlement = yiti_drg::settle::Rules::load(&tables).map_err(|f| faults.extend(f)).ok();
    let facts = [&yiti_diagnostics::facts::REMOTE_READ, &yiti_drg::facts::STAY];
    let measures = yiti_measure::Measures::load(&below("measures/"), &facts).map_err(|f| faults.extend(f)).ok();
    // What is packed and shipped is unpacked by the tests; what the hospital has put in its place is unpacked now.
    let is_own = |folder: &str| overlay.is_some_and(|own| own.join(folder).is_dir());
    if let Some(drg) = drg.as_ref().filter(|_| is_own("frontpage")) {
        faults.extend(drg.codes.check().err());
    }
    if let Some(drg) = drg.as_ref().filter(|_| is_own("drg")) {
        faults.extend(drg.schemes.check().err().unwrap_or_default());
    }
    let sources = Sources::load(&below("sources/")).map_err(|f| faults.extend(f)).ok();
    let mut cited: Vec<(String, String)> = Vec::new();
    let owned = |(at, key): (&str, &str)| (at.to_owned(), key.to_owned());
    if let Some(calendars) = &calendars {
        cited.extend(calendars.sources().map(owned));
    }
    if let Some(rules) = &rules {
        cited.extend(rules.sources().map(owned));
    }
    if let Some(measures) = &measures {
        cited.extend(measures.sources().map(owned));
    }
    if let Some(diagnostics) = &diagnostics {
        cited.extend(diagnostics.sources.iter().cloned());
    }
    if let Some(drg) = &drg {
        cited.extend(drg.sources.iter().cloned());
    }
    if let Some(analysis) = &analysis {
        cited.extend(analysis.sources().map(owned));
    }
    if let Some(settlement) = &settlement {
        cited.extend(settlement.sources.iter().cloned());
    }
    if let Some(limits) = &limits {
        cited.push(("security.toml".into(), limits.provenance.source.clone()));
    }
    if let Some(names) = &names {
        cited.push((crate::group::NAMES_PATH.into(), names.provenance.source.clone()));
    }
    for (at, key) in cited {
        if sources.as_ref().is_some_and(|sources| !sources.has(&key)) {
            faults.push(Fault { path: at, line: 0, column: 0, message: format!("there is no source `{key}`") });
        }
    }
    match (roles, limits, rules, diagnostics, measures, drg.zip(analysis).zip(settlement)) {
        (
            Some(roles),
            Some(limits),
            Some(rules),
            Some(diagnostics),
            Some(measures),
            Some(((drg, analysis), settlement)),
        ) if faults.is_empty() => {
            let kit = Kit::default().with(rules).with(diagnostics).with(measures).with(analysis).with(settlement);
            let kit = kit
                .with(sources.unwrap_or_default())
                .share(&drg.checks)
                .share(&drg.codes)
                .share(&drg.schemes)
                .with(drg);
            Ok(Definitions { roles, limits, kit, files })
        }
        _ => Err(faults),
    }
}
