//! A YAML template: scalars that hold `${NAME}` are filled in, after parsing, so that no value can break it.

use std::{collections::BTreeMap, fs, path::Path};

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

use crate::error::DemoError;

/// Reads `file` and fills in `values`. A scalar that is one placeholder and nothing else takes the value's own
/// type; inside longer text the value must be text.
///
/// # Errors
/// [`DemoError::Template`] for a file that is not such a template, a placeholder without value, and a value
/// without placeholder.
pub(super) fn fill(file: &Path, values: &BTreeMap<&str, Value>) -> Result<Value, DemoError> {
    let text = fs::read_to_string(file).map_err(DemoError::io(format!("read `{}`", file.display())))?;
    fill_text(&text, values).map_err(|message| DemoError::Template { file: file.to_owned(), message })
}

fn fill_text(text: &str, values: &BTreeMap<&str, Value>) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| error.to_string())?;
    let [document] = documents.as_slice() else {
        return Err(format!("it holds {} documents instead of one", documents.len()));
    };
    let unused = values.keys().find(|name| !text.contains(&format!("${{{name}}}")));
    match unused {
        Some(name) => Err(format!("`${{{name}}}` is nowhere in it")),
        None => filled(document, values),
    }
}

fn filled(node: &Yaml<'_>, values: &BTreeMap<&str, Value>) -> Result<Value, String> {
    match node {
        Yaml::Value(Scalar::Null) => Ok(Value::Null),
        Yaml::Value(Scalar::Boolean(value)) => Ok((*value).into()),
        Yaml::Value(Scalar::Integer(value)) => Ok((*value).into()),
        Yaml::Value(Scalar::FloatingPoint(value)) => Ok(value.into_inner().into()),
        Yaml::Value(Scalar::String(text)) => substituted(text, values),
        Yaml::Sequence(items) => {
            items.iter().map(|item| filled(item, values)).collect::<Result<_, _>>().map(Value::Array)
        }
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let key = key.as_str().ok_or("a key is not text")?;
                Ok((key.to_owned(), filled(value, values)?))
            });
            entries.collect::<Result<Map<_, _>, String>>().map(Value::Object)
        }
        Yaml::Representation(..) | Yaml::Tagged(..) | Yaml::Alias(_) | Yaml::BadValue => {
            Err("it holds a value that is none of text, number, truth value and null".to_owned())
        }
    }
}

fn substituted(text: &str, values: &BTreeMap<&str, Value>) -> Result<Value, String> {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` is not closed"))?;
        let value = values.get(name).ok_or_else(|| format!("nobody gives `${{{name}}}`"))?;
        if text.len() == name.len().saturating_add("${}".len()) {
            return Ok(value.clone());
        }
        result.push_str(before);
        result.push_str(value.as_str().ok_or_else(|| format!("`${{{name}}}` is not text in `{text}`"))?);
        rest = after;
    }
    result.push_str(rest);
    Ok(result.into())
}

#[cfg(test)]
mod tests;
