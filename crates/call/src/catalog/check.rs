//! From what a catalog says to what it means.

mod groups;
mod route;

use std::{collections::BTreeMap, sync::Arc};

use super::{Catalog, CatalogFault, Index, Limits, RawCatalog, RawRefusals, Refusals};
use crate::head::is_name;

/// Ten times what the largest public REST APIs have.
const MAX_ROUTES: usize = 10_000;

/// Names stand in ids, markers and logs.
const MAX_NAME_BYTES: usize = 128;

/// Gathers faults below one place of the document.
pub(super) struct Faults {
    found: Vec<CatalogFault>,
}

/// Checks what every catalog has, whatever its adapter; the refused names of a sound one.
pub(crate) fn frame<'a>(
    service: &str,
    groups: &'a BTreeMap<String, Vec<String>>,
    actions: impl Iterator<Item = &'a str>,
    refuse: &RawRefusals,
) -> Result<Refusals, Vec<CatalogFault>> {
    let mut faults = Faults { found: Vec::new() };
    check_service(service, &mut faults);
    groups::check(groups, actions, &mut faults);
    let refusals = refusals(refuse, &mut faults);
    if faults.found.is_empty() { Ok(refusals) } else { Err(faults.found) }
}

fn check_service(service: &str, faults: &mut Faults) {
    if !is_word(service) {
        faults.add("/service".to_owned(), format!("service `{service}` {NOT_A_WORD}"));
    }
}

pub(super) fn catalog(raw: RawCatalog, limits: Limits) -> Result<Catalog, Vec<CatalogFault>> {
    let RawCatalog { service, routes: raw_routes, groups, refuse, voice } = raw;
    let mut faults = Faults { found: Vec::new() };
    check_service(&service, &mut faults);
    let refusals = refusals(&refuse, &mut faults);
    if raw_routes.is_empty() {
        faults.add("/routes".to_owned(), "no route: every request would be refused");
    }
    if raw_routes.len() > MAX_ROUTES {
        faults.add("/routes".to_owned(), format!("more than {MAX_ROUTES} routes"));
        return Err(faults.found);
    }
    let mut routes = Vec::with_capacity(raw_routes.len());
    let mut index = Index::default();
    let actions = raw_routes.iter().flat_map(|route| {
        std::iter::once(route.action.as_str()).chain(route.also.iter().map(|call| call.action.as_str()))
    });
    groups::check(&groups, actions, &mut faults);
    for (number, raw) in raw_routes.iter().enumerate() {
        let Some(rule) = route::check(raw, number, &refusals, limits, &mut faults) else { continue };
        // Routes are counted as they are added: a faulty one is not, but then there is no catalog.
        if let Err(other) = index.insert(&rule, &routes) {
            let other = routes.get(other).map_or_else(String::new, |other: &Arc<_>| describe(other));
            faults.help(
                format!("{}/path", rule.pointer),
                format!("`{} {}` and {other} match the same requests", rule.method, rule.path),
                "routes have no order: make the paths, the values of a common header, or what is `present` in the \
                 query of the same path, differ",
            );
        }
        routes.push(Arc::new(rule));
    }
    if faults.found.is_empty() {
        Ok(Catalog { service, routes, groups, index, refusals, voice })
    } else {
        Err(faults.found)
    }
}

fn describe(rule: &super::RouteRule) -> String {
    format!("`{} {}` ({})", rule.method, rule.path, rule.pointer)
}

fn refusals(raw: &RawRefusals, faults: &mut Faults) -> Refusals {
    let RawRefusals { headers, cookies } = raw;
    for (place, names) in [("headers", headers), ("cookies", cookies)] {
        for (number, name) in names.iter().enumerate() {
            let pointer = format!("/refuse/{place}/{number}");
            if place == "headers" && !is_name(name.as_bytes()) {
                faults.add(pointer, format!("`{name}` is not a header name in lower case"));
            } else if !is_name(name.to_ascii_lowercase().as_bytes()) {
                faults.add(pointer, format!("`{name}` is not a cookie name"));
            }
        }
    }
    Refusals { headers: headers.clone(), cookies: cookies.clone() }
}

// === impl Faults ===

impl Faults {
    pub(super) fn add(&mut self, pointer: String, message: impl Into<String>) {
        self.found.push(CatalogFault { pointer, message: message.into(), help: None });
    }

    pub(super) fn help(&mut self, pointer: String, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(CatalogFault { pointer, message: message.into(), help: Some(help.into()) });
    }

    pub(super) fn unknown<'n>(
        &mut self,
        pointer: String,
        message: impl Into<String>,
        given: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        self.found.push(CatalogFault { pointer, message: message.into(), help: nearest(given, known) });
    }

    /// Takes the value of a result, or its fault.
    pub(super) fn keep<T>(
        &mut self,
        pointer: &str,
        result: Result<T, super::template::TemplateFault>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(fault) => {
                let super::template::TemplateFault { message, help } = fault;
                self.found.push(CatalogFault { pointer: pointer.to_owned(), message, help });
                None
            }
        }
    }
}

pub(crate) const NOT_A_WORD: &str = "is not 1 to 128 letters, digits, `-`, `_`, `.` or `:`";

pub(crate) fn is_word(text: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
}

/// One token of an RFC 6901 pointer.
pub(crate) fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// A question about the known name that was probably meant.
pub(super) fn nearest<'n>(given: &str, known: impl IntoIterator<Item = &'n str>) -> Option<String> {
    /// The part of a name that must be right for the question to help more than it confuses: two letters in five may
    /// be wrong, or one swap in three.
    const LIKENESS: f64 = 0.6;
    known
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(given, name), name))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}
