//! The contract: a slice says which routes it has, who may use them, and what stands in the menu.
//!
//! INVARIANT: there is no way into the router but through a [`Slice`], so no route is without an [`Access`].

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on};

use crate::app::App;

/// What a form may send unless a route says otherwise: 1 MiB.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Public,
    /// Whoever is signed in.
    SignedIn,
    /// Whoever is signed in and has this permission in the post in which they act. Where it reaches, the act decides.
    Permission(&'static str),
}

/// One line of the one table of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET`, `POST`, ...
    pub method: &'static str,
    /// The path with its places: `/requests/{id}`.
    pub path: &'static str,
    /// Who may use it.
    pub access: Access,
}

/// An entry of the menu, shown to those who have its permission. Its words are `menu.<key>` in `locales/`, those of its
/// group `menu_group.<group>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MenuItem {
    /// Key of its words and of its count in [`Tally::menu`](crate::Tally).
    pub key: &'static str,
    /// The group it stands in; empty for those at the top that need no heading.
    pub group: &'static str,
    /// Where it leads.
    pub path: &'static str,
    /// What it takes to see it.
    pub permission: &'static str,
    /// Icon name, listed in `web/icons.txt`.
    pub icon: &'static str,
}

pub(crate) struct Entry {
    pub(crate) route: Route,
    pub(crate) handler: MethodRouter<App>,
    pub(crate) body_bytes_max: usize,
    pub(crate) is_page: bool,
}

/// The routes and menu entries of one area.
pub struct Slice {
    /// Its name, for messages.
    pub name: &'static str,
    pub(crate) entries: Vec<Entry>,
    pub(crate) routes: Vec<Route>,
    pub(crate) menu: Vec<MenuItem>,
}

impl Slice {
    /// An area without routes.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self { name, entries: Vec::new(), routes: Vec::new(), menu: Vec::new() }
    }

    /// Adds a page.
    #[must_use]
    pub fn get<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add("GET", path, access, on(MethodFilter::GET, handler), BODY_BYTES_MAX, true)
    }

    /// Adds an act.
    #[must_use]
    pub fn post<H: Handler<T, App>, T: 'static>(self, path: &'static str, access: Access, handler: H) -> Self {
        self.add("POST", path, access, on(MethodFilter::POST, handler), BODY_BYTES_MAX, true)
    }

    /// Adds a form that carries files: as [`Slice::post`], with a limit of its own.
    #[must_use]
    pub fn upload<H: Handler<T, App>, T: 'static>(
        self,
        path: &'static str,
        access: Access,
        body_bytes_max: usize,
        handler: H,
    ) -> Self {
        self.add("POST", path, access, on(MethodFilter::POST, handler), body_bytes_max, true)
    }

    /// Adds a route for another system, such as `DICOMweb`: any method, a limit of its own, never answered with a page
    /// and never redirected to the sign-in.
    ///
    /// # Panics
    /// When the method is none of HTTP's: a fault of wiring that every start would show.
    #[must_use]
    pub fn raw<H: Handler<T, App>, T: 'static>(
        self,
        (method, path): (&'static str, &'static str),
        access: Access,
        body_bytes_max: usize,
        handler: H,
    ) -> Self {
        let filter = match method {
            "GET" => MethodFilter::GET,
            "POST" => MethodFilter::POST,
            "PUT" => MethodFilter::PUT,
            "DELETE" => MethodFilter::DELETE,
            "PATCH" => MethodFilter::PATCH,
            _ => panic!("`{method}` {path} of `{}` is no method", self.name),
        };
        self.add(method, path, access, on(filter, handler), body_bytes_max, false)
    }

    /// Adds menu entries.
    #[must_use]
    pub fn menu(mut self, items: &[MenuItem]) -> Self {
        self.menu.extend_from_slice(items);
        self
    }

    /// The routes, in the order in which they were added.
    #[must_use]
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The menu entries.
    #[must_use]
    pub fn menu_items(&self) -> &[MenuItem] {
        &self.menu
    }

    fn add(
        mut self,
        method: &'static str,
        path: &'static str,
        access: Access,
        handler: MethodRouter<App>,
        body_bytes_max: usize,
        is_page: bool,
    ) -> Self {
        let route = Route { method, path, access };
        self.routes.push(route);
        self.entries.push(Entry { route, handler, body_bytes_max, is_page });
        self
    }
}
