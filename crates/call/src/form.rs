//! What an adapter makes of every request, whatever its catalog says: actions, entity types and their values.

use crate::tool_call::Effect;

/// An action as the adapter makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct ActionForm {
    /// Its name.
    pub name: &'static str,
    /// Whether it changes anything.
    pub effect: Effect,
    /// The types that its resource can be of.
    pub resources: &'static [&'static str],
    /// Its context: all of it is always there.
    pub context: &'static [(&'static str, ValueForm)],
}

/// An entity type as the adapter makes it.
#[derive(Debug, PartialEq, Eq)]
pub struct TypeForm {
    /// Its full name.
    pub name: &'static str,
    /// The types that it can be directly in.
    pub parents: &'static [&'static str],
    /// The attributes that every such entity of a request has.
    pub attributes: &'static [(&'static str, ValueForm)],
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// Text.
    Text,
    /// A set of texts.
    Texts,
    /// An entity of this type.
    Entity(&'static str),
}
