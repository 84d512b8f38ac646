use serde_json::json;

use super::*;
use crate::{bundle::PolicyBundle, fixture};

const ITEM: &str = "Shop::Item";

fn bundle() -> PolicyBundle {
    let entities = json!([
        { "uid": { "type": ITEM, "id": "i" }, "attrs": {
            "owner": { "__entity": { "type": "User", "id": "demo/alice" } }, "label": "blue",
        }, "parents": [{ "type": "Shop::Shelf", "id": "top" }] },
        { "uid": { "type": "User", "id": "demo/alice" }, "attrs": {}, "parents": [{ "type": "Group", "id": "demo/staff" }] },
    ]);
    fixture::bundle(fixture::PERMIT_ALL, entities).unwrap()
}

fn id(kind: &str, id: &str) -> EntityUid {
    uid(&kind.parse().unwrap(), id)
}

fn item(name: &str, attributes: &[(&str, RequestValue)]) -> RequestEntity {
    RequestEntity {
        uid: id(ITEM, name),
        parents: HashSet::from([id("Shop::Shelf", "s")]),
        attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
    }
}

fn slice(request: &[RequestEntity]) -> Result<Entities, SliceError> {
    let bundle = bundle();
    bundle.entities.slice(request, &bundle.actions["item.read"])
}

fn label(text: &str) -> RequestValue {
    RequestValue::Text(text.to_owned())
}

fn owner(name: &str) -> RequestValue {
    RequestValue::Entity(id("User", name))
}

#[test]
fn a_request_entity_has_the_attributes_of_the_request_and_reaches_what_they_name() {
    let slice = slice(&[item("new", &[("owner", owner("demo/alice")), ("label", label("red"))])]).unwrap();
    let entity = slice.get(&id(ITEM, "new")).unwrap();
    assert_eq!(entity.attr("label").unwrap().unwrap().to_string(), "\"red\"");
    // What an attribute names is there with its own ancestors: a policy may ask for `resource.owner in ...`.
    assert!(slice.ancestors(&id("User", "demo/alice")).unwrap().any(|a| *a == id("Group", "demo/staff")));
}

#[test]
fn parents_unite_and_static_attributes_stay() {
    let slice = slice(&[item("i", &[])]).unwrap();
    let above: HashSet<_> = slice.ancestors(&id(ITEM, "i")).unwrap().cloned().collect();
    assert_eq!(above, HashSet::from([id("Shop::Shelf", "s"), id("Shop::Shelf", "top")]));
    assert_eq!(slice.get(&id(ITEM, "i")).unwrap().attr("label").unwrap().unwrap().to_string(), "\"blue\"");
}

#[test]
fn the_same_value_is_no_conflict_and_another_is() {
    let same = [("owner", owner("demo/alice")), ("label", label("blue"))];
    assert!(slice(&[item("i", &same)]).is_ok());
    for other in [("label", label("red")), ("owner", owner("demo/mallory")), ("owner", label("demo/alice"))] {
        let conflict = slice(&[item("i", std::slice::from_ref(&other))]).unwrap_err();
        assert!(matches!(conflict, SliceError::Conflict { .. }), "{conflict:?}");
    }
}

#[test]
fn a_request_that_contradicts_itself_has_no_slice() {
    let twice = [item("new", &[("label", label("red"))]), item("new", &[("label", label("blue"))])];
    assert!(matches!(slice(&twice), Err(SliceError::Conflict { .. })));
    let same = [item("new", &[("label", label("red"))]), item("new", &[("label", label("red"))])];
    assert!(slice(&same).is_ok());
}

fn load(documents: &[Value]) -> Result<StaticEntities, Vec<Fault>> {
    let bundle = bundle();
    let documents: Vec<Document> = documents
        .iter()
        .enumerate()
        .map(|(number, value)| Document { file: format!("{number}.json"), value: value.clone() })
        .collect();
    StaticEntities::load(&documents.iter().collect::<Vec<_>>(), &bundle.schema.cedar)
}

#[test]
fn packs_may_name_the_same_people() {
    let alice = |group: &str| json!({ "uid": { "type": "User", "id": "alice" }, "attrs": {}, "parents": [{ "type": "Group", "id": group }] });
    let entities = load(&[json!([alice("one")]), json!([alice("two")])]).unwrap();
    assert_eq!(entities.len(), 1);
    let known = &entities.known[&id("User", "alice")];
    assert_eq!(known.parents, HashSet::from([id("Group", "one"), id("Group", "two")]));
    let item = |label: &str| json!({ "uid": { "type": ITEM, "id": "i" }, "attrs": { "label": label }, "parents": [] });
    assert!(load(&[json!([item("a")]), json!([item("a")])]).is_ok());
    let faults = load(&[json!([item("a")]), json!([item("b")])]).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "1.json#/0: entity `Shop::Item::\"i\"` has another `label` in another file"
    );
}
