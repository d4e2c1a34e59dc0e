//! Third-party files that tests run on and that do not lie in the repository: published tables, sample pictures,
//! files made to break readers.
//!
//! The variable [`FOLDER`] names the folder that holds them. Where it is set, a missing file fails the test. Where it is
//! not set, a clone alone runs its tests on samples of our own making, and whatever needs the others is left out and
//! says so by name: on standard error, and as a line of the file that [`LEFT_OUT`] names, which `./run test` prints at
//! its end.
//!
//! Left out on purpose: samples of our own. They lie beside the tests that use them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The variable that names the folder of third-party files.
pub const FOLDER: &str = "YITI_FIELD_DATA";
/// The variable that names the file in which tests note what they left out.
pub const LEFT_OUT: &str = "YITI_LEFT_OUT";

/// The file or folder `name` of the third-party files, `None` where nobody has said where they lie. The calling test is
/// then to leave out what needs it; its name is told.
///
/// # Panics
/// When the folder is named and holds no `name`, so that a file that went missing fails the test.
#[must_use]
pub fn field(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(FOLDER).filter(|folder| !folder.is_empty());
    let found = within(folder.as_ref().map(Path::new), name);
    if found.is_none() {
        tell(name);
    }
    found
}

fn within(folder: Option<&Path>, name: &str) -> Option<PathBuf> {
    let path = folder?.join(name);
    assert!(path.exists(), "{FOLDER} is set, but there is no `{}`", path.display());
    Some(path)
}

/// Says what the calling test leaves out. Written past the capture of the test harness, so that it is seen.
fn tell(name: &str) {
    let thread = std::thread::current();
    let line = format!("left out for want of third-party files ({name}): {}\n", thread.name().unwrap_or("a test"));
    drop(std::io::stderr().write_all(line.as_bytes()));
    if let Some(file) = std::env::var_os(LEFT_OUT)
        && let Ok(mut file) = OpenOptions::new().create(true).append(true).open(file)
    {
        drop(file.write_all(line.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::within;
    use std::path::Path;

    #[test]
    fn without_a_folder_there_is_no_file() {
        assert_eq!(within(None, "drg"), None);
    }

    #[test]
    fn a_file_of_the_folder_is_found() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert_eq!(within(Some(here), "Cargo.toml"), Some(here.join("Cargo.toml")));
    }

    #[test]
    #[should_panic(expected = "there is no")]
    fn a_file_that_went_missing_fails_the_test() {
        let _missing = within(Some(Path::new(env!("CARGO_MANIFEST_DIR"))), "gone.csv");
    }
}
