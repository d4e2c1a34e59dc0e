//! What the larger macros of `templates/components.html` are given.

use crate::address::query;
use crate::form::Form;

/// The pages of a list.
#[derive(Debug, Clone)]
pub struct Pager {
    /// The page shown, from 1.
    pub page: usize,
    /// Rows on one page.
    pub size: usize,
    /// Rows altogether.
    pub total: usize,
    path: String,
    filter: Vec<(String, String)>,
}

impl Pager {
    /// The pages of a list at `path`, whose `filter` names travel with each link; the page comes from `?page=`.
    #[must_use]
    pub fn new(path: &str, asked: &Form, filter: &[&str], size: usize, total: usize) -> Self {
        let size = size.max(1);
        let last = total.div_ceil(size).max(1);
        let page = asked.value("page").parse().unwrap_or(1).clamp(1, last);
        let filter = filter.iter().flat_map(|name| {
            asked.values(name).iter().map(|value| ((*name).to_owned(), value.clone())).collect::<Vec<_>>()
        });
        Self { page, size, total, path: path.to_owned(), filter: filter.collect() }
    }

    /// How many rows stand before this page.
    #[must_use]
    pub fn offset(&self) -> usize {
        (self.page - 1) * self.size
    }

    /// How many pages there are.
    #[must_use]
    pub fn page_count(&self) -> usize {
        self.total.div_ceil(self.size).max(1)
    }

    /// The address of a page.
    #[must_use]
    pub fn href(&self, page: impl std::borrow::Borrow<usize>) -> String {
        let page = page.borrow().to_string();
        let filter = self.filter.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let pairs: Vec<(&str, &str)> = filter.chain([("page", page.as_str())]).collect();
        format!("{}{}", self.path, query(&pairs))
    }

    /// The numbers shown: first, last and those near; 0 stands for a gap.
    #[must_use]
    pub fn steps(&self) -> Vec<usize> {
        let last = self.page_count();
        let mut steps = Vec::new();
        for page in 1..=last {
            if page == 1 || page == last || page.abs_diff(self.page) <= 2 {
                steps.push(page);
            } else if steps.last() != Some(&0) {
                steps.push(0);
            }
        }
        steps
    }
}

/// One step of a case.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// `done`, `now`, `stopped`, or empty for what is still to come.
    pub state: &'static str,
    /// What it is.
    pub words: String,
    /// When and who; may be empty.
    pub note: String,
}

/// One line of what happened.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    /// Empty, `warn`, `danger` or `todo`.
    pub state: &'static str,
    /// When, as shown.
    pub time: String,
    /// What happened.
    pub words: String,
    /// More about it; may be empty.
    pub note: String,
}

/// The patient as shown at the head of a page; numbers are masked already.
#[derive(Debug, Clone, Default)]
pub struct PatientStrip {
    /// Name.
    pub name: String,
    /// Sex in words.
    pub sex: String,
    /// Age in words.
    pub age: String,
    /// More: pairs of what and value.
    pub more: Vec<(String, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pager_keeps_the_filter_and_stays_inside_the_list() {
        let asked = Form::parse("state=waiting&q=%E9%9F%A9&page=99&other=x");
        let pager = Pager::new("/requests", &asked, &["state", "q"], 20, 148);
        assert_eq!((pager.page, pager.page_count(), pager.offset()), (8, 8, 140));
        assert_eq!(pager.href(3), "/requests?state=waiting&q=%E9%9F%A9&page=3");
        assert_eq!(pager.steps(), [1, 0, 6, 7, 8]);
        assert_eq!(Pager::new("/x", &Form::parse("page=0"), &[], 20, 0).steps(), [1]);
    }
}
