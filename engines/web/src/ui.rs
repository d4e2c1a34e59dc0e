//! [`Ui`], which every template is given: words, names, menu, counts, and the small parts of [`crate::html`].

use std::borrow::Borrow;
use std::sync::{Arc, LazyLock};

use yiti_directory::people::Post;
use yiti_directory::{InstitutionId, Platform};
use yiti_kernel::{Due, Lang, Timestamp, time};

use crate::app::{App, Tally};
use crate::form::{FieldError, Form};
use crate::html::{self, Html};
use crate::route::Access;
use crate::visitor::{Look, TextSize, Visitor};
use crate::words;

/// Where the search field of the head leads (`?q=`), when a slice has such a page.
const SEARCH_PATH: &str = "/patients";

/// The words that the modules in the browser show, by their names there.
const MODULE_WORDS: &str = "left overdue days hours minutes saved unsaved save-failed save-offline save-conflict \
    save-refused draft-kept draft-restore keys-title keys-rows keys-open close id-card-wrong";

static MODULE_TEXTS: LazyLock<[String; 2]> = LazyLock::new(|| {
    Lang::ALL.map(|lang| {
        let words = MODULE_WORDS.split_whitespace().map(|name| {
            let key = format!("texts.{}", name.replace('-', "_"));
            (name.to_owned(), serde_json::Value::from(words::t(lang, &key)))
        });
        serde_json::Value::Object(words.collect()).to_string()
    })
});

/// One of the posts a person holds.
#[derive(Debug, Clone)]
pub struct PostChoice {
    /// Its identifier, for the form that switches.
    pub id: String,
    /// The institution and its role.
    pub words: String,
    /// True for the post in which they act.
    pub is_current: bool,
}

/// A group of the menu.
#[derive(Debug, Clone)]
pub struct MenuGroup {
    /// Its heading; empty for the first, which has none.
    pub heading: String,
    /// Its entries.
    pub links: Vec<MenuLink>,
}

/// An entry of the menu.
#[derive(Debug, Clone)]
pub struct MenuLink {
    /// Where it leads.
    pub href: &'static str,
    /// Icon name.
    pub icon: &'static str,
    /// Its words.
    pub words: String,
    /// What waits there; zero shows nothing.
    pub count: u32,
    /// True on the pages below it.
    pub is_current: bool,
}

/// The person at the head of a page.
#[derive(Debug, Clone)]
pub struct Who {
    /// Their name.
    pub name: String,
    /// The first sign of it, for the round picture.
    pub face: String,
    /// The institution for which they act.
    pub institution: String,
    /// Their role in words.
    pub role: String,
    /// All posts, for the switcher.
    pub posts: Vec<PostChoice>,
}

/// What a template needs besides its own data.
#[derive(Debug, Clone)]
pub struct Ui {
    /// The language.
    pub lang: Lang,
    /// The size of text.
    pub text_size: TextSize,
    /// The title of the page, in words.
    pub title: String,
    /// The path of the page with its query, to come back here.
    pub here: String,
    /// True when there is a patient search that this person may use.
    pub can_search: bool,
    /// The moment of the page.
    pub now: Timestamp,
    /// Who looks; `None` on public pages.
    pub who: Option<Who>,
    /// The menu they see.
    pub menu: Vec<MenuGroup>,
    /// What waits for them; `None` when it could not be counted.
    pub counts: Option<Tally>,
    /// The name of the group.
    pub group: String,
    /// True when everything shown is made up.
    pub is_synthetic: bool,
    /// True while the disk is nearly full and nothing is saved.
    pub is_short_of_room: bool,
    /// The version of the product.
    pub version: String,
    /// Whom to call; may be empty.
    pub help_phone: String,
    urls: Arc<crate::assets::Urls>,
}

impl Ui {
    /// For a page of someone signed in, with the title of `title_key`.
    pub async fn new(app: &App, visitor: &Visitor, title_key: &str) -> Self {
        let mut ui = Self::plain(app, visitor.look(), title_key);
        ui.here.clone_from(&visitor.here);
        ui.can_search = app.routes().iter().any(|route| {
            let is_search = route.method == "GET" && route.path == SEARCH_PATH;
            is_search && matches!(route.access, Access::Permission(permission) if visitor.may(permission))
        });
        ui.counts = match app.counts().tally(app.platform(), &visitor.actor).await {
            Ok(tally) => Some(tally),
            Err(error) => {
                tracing::warn!(%error, "what waits could not be counted");
                None
            }
        };
        ui.who = Some(who(app.platform(), visitor));
        ui.menu = menu(app, visitor, ui.counts.as_ref());
        ui
    }

    /// For a page without frame that anyone may see.
    #[must_use]
    pub fn plain(app: &App, look: Look, title_key: &str) -> Self {
        let tree = app.platform().tree();
        let root = tree.root();
        Self {
            lang: look.lang,
            text_size: look.text_size,
            title: words::t(look.lang, title_key).to_owned(),
            here: String::new(),
            can_search: false,
            now: app.now(),
            who: None,
            menu: Vec::new(),
            counts: None,
            group: root.map_or_else(String::new, |root| root.name.clone()),
            is_synthetic: root.is_some_and(|root| root.is_synthetic),
            is_short_of_room: app.platform().store.is_short_of_room(),
            version: app.settings().version.clone(),
            help_phone: app.settings().help_phone.clone(),
            urls: app.assets().urls(),
        }
    }

    /// The same with a title that is not in `locales/`: a patient's name, a department.
    #[must_use]
    pub fn titled(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The words of `key`; the key itself when there are none.
    #[must_use]
    pub fn t<'k>(&self, key: &'k str) -> &'k str {
        words::t(self.lang, key)
    }

    /// The words of `key` with `%{name}` replaced.
    #[must_use]
    pub fn t_with(&self, key: &str, values: &[(&str, &str)]) -> String {
        words::t_with(self.lang, key, values)
    }

    /// The words of the key made of `area` and `name`: `ui.word("status", "issued")` is `status.issued`.
    #[must_use]
    pub fn word(&self, area: &str, name: &str) -> String {
        let key = format!("{area}.{name}");
        words::t(self.lang, &key).to_owned()
    }

    /// The language tag of the page.
    #[must_use]
    pub fn lang_tag(&self) -> &'static str {
        self.lang.tag()
    }

    /// The tag of the other language, for the switch.
    #[must_use]
    pub fn other_lang(&self) -> &'static str {
        match self.lang {
            Lang::Zh => Lang::En.tag(),
            Lang::En => Lang::Zh.tag(),
        }
    }

    /// The size to switch to: large from usual, usual from large.
    #[must_use]
    pub fn other_text_size(&self) -> &'static str {
        match self.text_size {
            TextSize::Usual => TextSize::Large.class(),
            TextSize::Large | TextSize::Largest => "usual",
        }
    }

    /// Server time in ISO 8601 with the group's offset, for the countdowns.
    #[must_use]
    pub fn server_time(&self) -> String {
        time::civil(self.now).strftime("%Y-%m-%dT%H:%M:%S+08:00").to_string()
    }

    /// `2026-03-18 10:24`.
    #[must_use]
    pub fn minute(&self, at: &Timestamp) -> String {
        time::minute_text(*at)
    }

    /// `10:24` today, `03-18 10:24` this year, else the whole date.
    #[must_use]
    pub fn short_time(&self, at: &Timestamp) -> String {
        let (then, now) = (time::civil(*at), time::civil(self.now));
        let format = match (then.date() == now.date(), then.year() == now.year()) {
            (true, _) => "%H:%M",
            (false, true) => "%m-%d %H:%M",
            (false, false) => "%Y-%m-%d %H:%M",
        };
        then.strftime(format).to_string()
    }

    /// The words of the modules as JSON.
    #[must_use]
    pub fn module_texts(&self) -> &'static str {
        let [zh, en] = &*MODULE_TEXTS;
        match self.lang {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }

    /// The address of an asset: `yiti.css`.
    #[must_use]
    pub fn asset<'u>(&'u self, name: &str) -> &'u str {
        self.urls.of(name)
    }

    /// An icon.
    #[must_use]
    pub fn icon(&self, name: &str) -> Html {
        html::icon(self.urls.sprite(), name)
    }

    /// A tag; `kind` is `ok`, `warn`, `danger`, `info`, `hold` or `off`.
    #[must_use]
    pub fn tag(&self, kind: &str, icon: &str, words: &str) -> Html {
        html::tag(self.urls.sprite(), kind, icon, words)
    }

    /// The tag of a state, with the words `status.<key>`.
    #[must_use]
    pub fn status(&self, key: &str) -> Html {
        let (kind, icon) = html::status_look(key);
        self.tag(kind, icon, &self.word("status", key))
    }

    /// The mark of urgency, with the words `urgency.<key>`: `stat`, `urgent`, `routine`.
    #[must_use]
    pub fn urgency(&self, key: &str) -> Html {
        html::urgency(self.urls.sprite(), key, &self.word("urgency", key))
    }

    /// The chip of time left, amber from when the deadline is close.
    #[must_use]
    pub fn due(&self, due: &Due) -> Html {
        html::due(self.urls.sprite(), self.lang, self.now, *due)
    }

    /// A number in a bubble; `kind` is empty, `warn` or `danger`.
    #[must_use]
    pub fn count(&self, n: impl Borrow<u32>, kind: &str) -> Html {
        html::count(*n.borrow(), kind)
    }

    /// What the bell says to those who cannot see it.
    #[must_use]
    pub fn bell_words(&self) -> String {
        let counts = self.counts.clone().unwrap_or_default();
        let (tasks, notices) = (counts.tasks.to_string(), counts.notices.to_string());
        self.t_with("frame.bell", &[("tasks", &tasks), ("notices", &notices)])
    }

    /// A fault in words.
    #[must_use]
    pub fn fault_words(&self, fault: &FieldError) -> String {
        fault.words(self.lang)
    }

    /// What is wrong with a field, in words; empty when nothing is.
    #[must_use]
    pub fn fault(&self, form: &Form, field: &str) -> String {
        form.errors.of(field).map_or_else(String::new, |error| error.words(self.lang))
    }
}

/// Institution and role of a post in words.
pub(crate) fn post_words(platform: &Platform, lang: Lang, institution: InstitutionId, role: &str) -> String {
    let tree = platform.tree();
    let role = platform.roles.get(role).map_or(role, |role| role.name.get(lang));
    format!("{} \u{b7} {role}", tree.name(institution))
}

fn who(platform: &Platform, visitor: &Visitor) -> Who {
    let (actor, lang) = (&visitor.actor, visitor.lang);
    let choice = |post: &Post| PostChoice {
        id: post.id.to_string(),
        words: post_words(platform, lang, post.institution, &post.role),
        is_current: Some(post.id) == actor.post,
    };
    Who {
        name: actor.name.clone(),
        face: actor.name.chars().take(1).collect(),
        institution: platform.tree().name(actor.institution).to_owned(),
        role: platform.roles.get(&actor.role).map_or(&*actor.role, |role| role.name.get(lang)).to_owned(),
        posts: visitor.posts().iter().map(choice).collect(),
    }
}

fn menu(app: &App, visitor: &Visitor, counts: Option<&Tally>) -> Vec<MenuGroup> {
    let lang = visitor.lang;
    let seen = || app.menu().iter().filter(|item| visitor.may(item.permission));
    let below = |path: &str| {
        let rest = visitor.path.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    // The longest path that leads here is the one where we are.
    let current = seen().map(|item| item.path).filter(|path| below(path)).max_by_key(|path| path.len());
    let mut groups: Vec<(&'static str, Vec<MenuLink>)> = Vec::new();
    for item in seen() {
        let counted = counts.and_then(|tally| tally.menu.iter().find(|(key, _)| *key == item.key));
        let link = MenuLink {
            href: item.path,
            icon: item.icon,
            words: words::t(lang, &format!("menu.{}", item.key)).to_owned(),
            count: counted.map_or(0, |(_, n)| *n),
            is_current: current == Some(item.path),
        };
        match groups.iter_mut().find(|(group, _)| *group == item.group) {
            Some((_, links)) => links.push(link),
            None => groups.push((item.group, vec![link])),
        }
    }
    // Stable: groups keep the order in which slices name them, the one without heading first.
    groups.sort_by_key(|(group, _)| !group.is_empty());
    let heading = |group: &str| match group {
        "" => String::new(),
        group => words::t(lang, &format!("menu_group.{group}")).to_owned(),
    };
    groups.into_iter().map(|(group, links)| MenuGroup { heading: heading(group), links }).collect()
}
