//! The definitions of this slice: `definitions/diagnostics/`. Everything a hospital may change stands there.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use yiti_directory::Title;
use yiti_kernel::definition::{self, Fault, File, Provenance, Words};

use crate::quality::ScoreSheet;

/// A key with its name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The key.
    pub id: String,
    /// The name.
    pub name: Words,
}

/// `settings.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the values come from.
    pub provenance: Provenance,
    /// How long a reader holds a study after the last change.
    pub lease_minutes: u32,
    /// Priorities that may be read before their pictures are graded.
    pub read_before_grade: BTreeSet<String>,
    /// The lowest title that may approve.
    pub approver_title_min: Title,
    /// A study is complete after so many seconds without a new picture.
    pub quiet_seconds: u32,
    /// Why an examination is repeated.
    #[serde(rename = "repeat_reason")]
    pub repeat_reasons: Vec<Choice>,
    /// Why a report is sent back.
    #[serde(rename = "return_reason")]
    pub return_reasons: Vec<Choice>,
}

/// An examination that can be ordered.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exam {
    /// The key.
    pub id: String,
    /// The name.
    pub name: Words,
    /// DICOM modality.
    pub modality: String,
    /// DICOM body part.
    pub body_part: String,
    /// The report template.
    pub template: String,
}

/// A section of a structured report.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The key.
    pub id: String,
    /// The name.
    pub name: Words,
    /// Whether a report cannot be handed in without it.
    pub is_required: bool,
    /// Lines of the field on screen.
    pub rows: u32,
    /// Sentences for a normal picture, put in with one click.
    pub sentences: Vec<String>,
}

/// A structured report for a body part.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The key.
    pub id: String,
    /// The name.
    pub name: Words,
    /// Findings that are critical.
    pub critical: Vec<String>,
    /// Where the texts come from.
    pub provenance: Provenance,
    /// The sections in their order.
    #[serde(rename = "section")]
    pub sections: Vec<Section>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExamFile {
    #[serde(rename = "provenance")]
    _provenance: Provenance,
    exam: Vec<Exam>,
}

/// All definitions of the slice.
#[derive(Debug, Clone)]
pub struct Definitions {
    /// Settings.
    pub settings: Settings,
    /// Score sheet of the pictures.
    pub score_sheet: ScoreSheet,
    /// Examinations in the order of the file.
    pub exams: Vec<Exam>,
    /// Templates by key.
    pub templates: BTreeMap<String, Template>,
    /// The sections that every template has, for tools that show a report without its template.
    pub sources: Vec<(String, String)>,
}

impl Definitions {
    /// Reads the files of `definitions/diagnostics/`.
    ///
    /// # Errors
    /// Every fault with its place.
    pub fn load(files: &[File]) -> Result<Self, Vec<Fault>> {
        let mut faults = Vec::new();
        let mut find = |name: &str| {
            let file = files.iter().find(|f| f.path.ends_with(name));
            if file.is_none() {
                let message = format!("`{name}` is missing");
                faults.push(Fault { path: "diagnostics".into(), line: 0, column: 0, message });
            }
            file
        };
        let (settings, quality, exams) =
            (find("diagnostics/settings.toml"), find("diagnostics/quality.toml"), find("diagnostics/exams.toml"));
        let (Some(settings), Some(quality), Some(exams_file)) = (settings, quality, exams) else { return Err(faults) };
        let read_settings = definition::read::<Settings>(settings).map_err(|f| faults.push(f)).ok();
        let score_sheet = ScoreSheet::load(quality).map_err(|f| faults.push(f)).ok();
        let exams = definition::read::<ExamFile>(exams_file).map_err(|f| faults.push(f)).ok();
        let mut templates = BTreeMap::new();
        for file in files.iter().filter(|f| f.path.contains("diagnostics/templates/")) {
            match definition::read::<Template>(file) {
                Ok(template) => drop(templates.insert(template.id.clone(), template)),
                Err(fault) => faults.push(fault),
            }
        }
        for exam in exams.iter().flat_map(|e| &e.exam) {
            if !templates.contains_key(&exam.template) {
                let needle = format!("template = \"{}\"", exam.template);
                let (line, column) =
                    definition::place(&exams_file.text, exams_file.text.find(&needle).unwrap_or_default());
                let message = format!("there is no template `{}`", exam.template);
                faults.push(Fault { path: exams_file.path.clone(), line, column, message });
            }
        }
        match (read_settings, score_sheet, exams) {
            (Some(settings), Some(score_sheet), Some(exams)) if faults.is_empty() => {
                let sources = templates
                    .values()
                    .map(|t| (format!("templates/{}", t.id), t.provenance.source.clone()))
                    .chain([("settings".to_owned(), settings.provenance.source.clone())])
                    .chain([("quality".to_owned(), score_sheet.provenance.source.clone())])
                    .collect();
                Ok(Self { settings, score_sheet, exams: exams.exam, templates, sources })
            }
            _ => Err(faults),
        }
    }

    /// The examination of a key.
    #[must_use]
    pub fn exam(&self, id: &str) -> Option<&Exam> {
        self.exams.iter().find(|exam| exam.id == id)
    }

    /// The name of an examination; its key when it is no longer in the list.
    #[must_use]
    pub fn exam_name<'a>(&'a self, id: &'a str, lang: yiti_kernel::Lang) -> &'a str {
        self.exam(id).map_or(id, |exam| exam.name.get(lang))
    }

    /// The template of an examination.
    #[must_use]
    pub fn template_of(&self, exam: &str) -> Option<&Template> {
        self.exam(exam).and_then(|exam| self.templates.get(&exam.template))
    }
}
