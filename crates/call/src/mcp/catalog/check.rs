//! From what a catalog says to what it means.

use std::{collections::BTreeMap, sync::Arc};

use super::{Catalog, CatalogRule, Rules, own_actions};
use crate::{
    catalog::{
        CatalogFault, Limits, RawDelivery,
        check::{self, NOT_A_WORD, is_word, token},
    },
    head::is_name,
    mcp::{
        argument::{ArgumentRule, ArgumentType},
        pattern::Pattern,
        raw::{RawArgument, RawArgumentType, RawCatalog, RawDrift, RawOthers, RawRule},
    },
    path::CanonicalPath,
};

/// Ten times what the largest servers have.
const MAX_RULES: usize = 4096;
/// More arguments than any tool that a model could use.
const MAX_ARGUMENTS: usize = 64;

/// 256 bits in base64url.
const DIGEST_CHARS: usize = 43;

struct Faults(Vec<CatalogFault>);

pub(super) fn catalog(raw: RawCatalog, limits: Limits) -> Result<Catalog, Vec<CatalogFault>> {
    let RawCatalog { service, path, groups, tools, prompts, resources, drift, refuse } = raw;
    let resources: Vec<RawRule> = resources
        .into_iter()
        .map(|rule| RawRule {
            name: rule.uri,
            action: rule.action,
            effect: rule.effect,
            arguments: BTreeMap::new(),
            output_schema: false,
            digest: None,
            others: RawOthers::Refuse,
            delivery: rule.delivery,
        })
        .collect();
    let named = [&tools, &prompts, &resources].into_iter().flatten().map(|rule| rule.action.as_str());
    let frame = check::frame(&service, &groups, own_actions().chain(named), &refuse);
    let mut faults = Faults(Vec::new());
    let refusals = match frame {
        Ok(refusals) => Some(refusals),
        Err(found) => {
            faults.0.extend(found);
            None
        }
    };
    if !path.is_empty() && (CanonicalPath::parse(&path).is_err() || path.contains('%')) {
        faults.add("/path", format!("path `{path}` is not a canonical path without escapes"));
    }
    let rules = Rules {
        tools: section("tools", "name", &tools, &mut faults),
        prompts: section("prompts", "name", &prompts, &mut faults),
        resources: section("resources", "uri", &resources, &mut faults),
        hides_drift: drift == RawDrift::Hide,
    };
    match refusals {
        Some(refusals) if faults.0.is_empty() => {
            Ok(Catalog { service, path, groups, rules: Arc::new(rules), refusals, max_body: limits.max_body })
        }
        Some(_) | None => Err(faults.0),
    }
}

fn section(name: &str, key: &str, raw: &[RawRule], faults: &mut Faults) -> Vec<CatalogRule> {
    if raw.len() > MAX_RULES {
        faults.add(format!("/{name}"), format!("more than {MAX_RULES} rules"));
        return Vec::new();
    }
    let mut rules: Vec<CatalogRule> = Vec::with_capacity(raw.len());
    for (number, raw) in raw.iter().enumerate() {
        let pointer = format!("/{name}/{number}");
        let Some(pattern) = Pattern::parse(&raw.name) else {
            faults.add(
                format!("{pointer}/{key}"),
                format!("`{}` is empty, or has `*` elsewhere than at its end", raw.name),
            );
            continue;
        };
        if rules.iter().any(|rule| rule.pattern == pattern) {
            faults.add(format!("{pointer}/{key}"), format!("`{}` is there twice", raw.name));
        }
        if !is_word(&raw.action) {
            faults.add(format!("{pointer}/action"), format!("action `{}` {NOT_A_WORD}", raw.action));
        } else if own_actions().any(|own| own == raw.action) {
            faults.add(format!("{pointer}/action"), format!("action `{}` is the adapter's own", raw.action));
        }
        if let Some(digest) = &raw.digest {
            let is_digest = digest.strip_prefix("sha-256:").is_some_and(|text| text.len() == DIGEST_CHARS);
            if !is_digest {
                faults.add(
                    format!("{pointer}/digest"),
                    format!("`{digest}` is not `sha-256:` and {DIGEST_CHARS} characters"),
                );
            } else if raw.name.ends_with('*') {
                faults.add(format!("{pointer}/digest"), "one digest is of one definition, not of many");
            }
        }
        rules.push(CatalogRule {
            pattern,
            action: raw.action.as_str().into(),
            effect: raw.effect,
            durable: raw.delivery == Some(RawDelivery::Durable),
            arguments: arguments(&pointer, &raw.arguments, faults),
            others_pass: raw.others == RawOthers::Pass,
            output_schema: raw.output_schema,
            digest: raw.digest.as_deref().map(Into::into),
            pointer,
        });
    }
    rules
}

fn arguments(pointer: &str, raw: &BTreeMap<String, RawArgument>, faults: &mut Faults) -> Vec<ArgumentRule> {
    if raw.len() > MAX_ARGUMENTS {
        faults.add(format!("{pointer}/arguments"), format!("more than {MAX_ARGUMENTS} arguments"));
        return Vec::new();
    }
    let mut rules: Vec<ArgumentRule> = Vec::with_capacity(raw.len());
    for (name, raw) in raw {
        let at = format!("{pointer}/arguments/{}", token(name));
        let rule = argument(&at, name, raw, faults);
        if rule.kind == ArgumentType::Each && rules.iter().any(|other| other.kind == ArgumentType::Each) {
            faults.add(format!("{at}/each"), "one list at most can be a call for each member");
        }
        if rules.iter().any(|other| other.field == rule.field) {
            faults.add(
                format!("{at}/as"),
                format!("another argument is `{}` in the policy context", rule.field),
            );
        }
        if rule.header.is_some() && rules.iter().any(|other| other.header == rule.header) {
            faults.add(format!("{at}/header"), "another argument is repeated by the same header");
        }
        rules.push(rule);
    }
    rules
}

fn argument(at: &str, name: &str, raw: &RawArgument, faults: &mut Faults) -> ArgumentRule {
    let RawArgument { kind, field, optional, path, each, secret, header } = raw;
    if path.is_some() && !matches!(kind, RawArgumentType::String | RawArgumentType::Strings) {
        faults.add(format!("{at}/path"), "only text is a path");
    }
    if *each && *kind != RawArgumentType::String {
        faults.add(format!("{at}/each"), "only `type: string` can be a call for each member of a list");
    }
    if *each && *optional {
        faults.add(format!("{at}/optional"), "a list that is a call for each member must be there");
    }
    if let Some(header) = header {
        let is_scalar =
            matches!(kind, RawArgumentType::String | RawArgumentType::Long | RawArgumentType::Bool);
        if !is_name(header.as_bytes()) {
            faults.add(
                format!("{at}/header"),
                format!("`{header}` is not the end of a header name in lower case"),
            );
        } else if *each || !is_scalar {
            faults.add(format!("{at}/header"), "a header repeats one text, number or truth value");
        }
    }
    ArgumentRule {
        name: name.to_owned(),
        field: field.as_deref().unwrap_or(name).to_owned(),
        kind: match kind {
            RawArgumentType::String if *each => ArgumentType::Each,
            RawArgumentType::String => ArgumentType::Text,
            RawArgumentType::Long => ArgumentType::Long,
            RawArgumentType::Bool => ArgumentType::Bool,
            RawArgumentType::Strings => ArgumentType::Texts,
            RawArgumentType::Any => ArgumentType::Any,
        },
        optional: *optional,
        path: *path,
        secret: *secret,
        header: header.as_ref().map(|header| format!("mcp-param-{header}")),
    }
}

// === impl Faults ===

impl Faults {
    fn add(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.0.push(CatalogFault { pointer: pointer.into(), message: message.into(), help: None });
    }
}
