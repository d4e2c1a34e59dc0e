//! The public check of a print: whether the group issued it and whether there is a newer version. Nothing of the patient
//! is shown but a masked name, and nothing of the result.

use askama::Template;
use axum::extract::{Path, State};
use yiti_kernel::{Uuid, time};
use yiti_record::patient::PatientId;
use yiti_record::{ReportId, patient, report};
use yiti_store::{Error, Reader};

use yiti_web::{Answer, App, Asked, Look, Ui, encode, page, redirect};

use super::reports::dashed;
use super::shared;
use crate::settings::Definitions;

/// Signs a code has at most, dashes and blanks included.
const CODE_LENGTH_MAX: usize = 40;

/// What anyone may know of a genuine print.
struct Genuine {
    version: u32,
    newest: u32,
    newest_at: String,
    exam: String,
    name: String,
    issued_at: String,
    lead: String,
    from: String,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage {
    ui: Ui,
    code: String,
    is_asked: bool,
    genuine: Option<Genuine>,
}

/// The empty form; a code typed into it leads to the code's own address.
pub(super) async fn ask(State(app): State<App>, look: Look, Asked(asked): Asked) -> Answer {
    let code = cleaned(asked.value("code"));
    if !code.is_empty() {
        return redirect(&format!("/verify/{}", encode(&code)));
    }
    let mut ui = Ui::plain(&app, look, "verify.title");
    ui.here = "/verify".to_owned();
    page(&VerifyPage { ui, code, is_asked: false, genuine: None })
}

/// What is known of a code.
pub(super) async fn show(State(app): State<App>, look: Look, Path(code): Path<String>) -> Answer {
    let code = cleaned(&code);
    let mut ui = Ui::plain(&app, look, "verify.title");
    ui.here = format!("/verify/{}", encode(&code));
    let genuine = find(&app, &mut app.platform().store.read().await?, &ui, &code).await?;
    page(&VerifyPage { ui, code: dashed(&code), is_asked: true, genuine })
}

fn cleaned(code: &str) -> String {
    let signs = code.chars().take(CODE_LENGTH_MAX).filter(char::is_ascii_alphanumeric);
    signs.collect::<String>().to_ascii_uppercase()
}

/// An unknown code asks the store the same questions as a known one, so that the time tells nothing.
async fn find(app: &App, reader: &mut Reader, ui: &Ui, code: &str) -> Result<Option<Genuine>, Error> {
    let issued = report::by_code(reader, code).await?;
    let (whose, which) = issued
        .as_ref()
        .map_or((PatientId(Uuid::nil()), ReportId(Uuid::nil())), |issued| (issued.patient, issued.report));
    let whose = match patient::get(reader, whose).await {
        Ok(patient) => Some(patient),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    let versions = report::versions(reader, which).await?;
    let (Some(issued), Some(whose)) = (issued, whose) else { return Ok(None) };
    let newest =
        versions.first().map_or((issued.version, issued.issued_at), |newest| (newest.version, newest.issued_at));
    let definitions = app.platform().kit.get::<Definitions>();
    Ok(Some(Genuine {
        version: issued.version,
        newest: newest.0,
        newest_at: time::minute_text(newest.1),
        exam: definitions.exam_name(&issued.exam_code, ui.lang).to_owned(),
        name: masked(&whose.name),
        issued_at: time::minute_text(issued.issued_at),
        lead: shared::lead_name(app),
        from: app.platform().tree().name(issued.institution).to_owned(),
    }))
}

/// A name with its middle hidden, one with two signs with its second hidden.
fn masked(name: &str) -> String {
    let signs: Vec<char> = name.chars().collect();
    match signs.as_slice() {
        [] => String::new(),
        [_] => "*".to_owned(),
        [first, _] => format!("{first}*"),
        [first, middle @ .., last] => format!("{first}{}{last}", "*".repeat(middle.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_masked_name_keeps_its_ends() {
        assert_eq!(masked("王小东"), "王*东");
        assert_eq!(masked("王东"), "王*");
        assert_eq!(masked("欧阳小东"), "欧**东");
        assert_eq!(masked("王"), "*");
        assert_eq!(masked(""), "");
    }

    #[test]
    fn a_code_is_read_however_it_is_written() {
        assert_eq!(cleaned("k7qm-93qm 4tx2"), "K7QM93QM4TX2");
        assert_eq!(dashed(&cleaned("k7qm93qm4tx2")), "K7QM-93QM-4TX2");
        assert_eq!(cleaned("<script>/../"), "SCRIPT");
    }
}
