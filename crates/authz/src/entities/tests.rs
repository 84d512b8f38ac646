use std::collections::BTreeSet;

use cedar_policy_core::entities::{Dereference, Entities};
use serde_json::{Value as Json, json};

use super::{involved::SliceError, *};
use crate::{bundle::PolicyBundle, document::Document, fault::Fault, fixture};

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

fn id(kind: &str, id: &str) -> EntityUID {
    uid(&EntityType::from_normalized_str(kind).unwrap(), id)
}

fn item(name: &str, attributes: &[(&str, Value)]) -> RequestEntity {
    RequestEntity {
        uid: id(ITEM, name),
        parents: vec![id("Shop::Shelf", "s")],
        attributes: attributes.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
    }
}

fn slice(request: &[RequestEntity]) -> Result<Entities, SliceError> {
    let bundle = bundle();
    let involved = Involved::gather(&bundle.entities, request.iter().cloned())?;
    involved.slice(&bundle.actions["item.read"].entity, [], |_| None)
}

fn entity<'e>(slice: &'e Entities, uid: &EntityUID) -> &'e cedar_policy_core::ast::Entity {
    let Dereference::Data(entity) = slice.entity(uid) else { panic!("{uid} is not in the slice") };
    entity
}

fn label_of(slice: &Entities, uid: &EntityUID) -> String {
    entity(slice, uid).get("label").unwrap().to_string()
}

fn label(text: &str) -> Value {
    Value::new(text, None)
}

fn owner(name: &str) -> Value {
    entity_value(id("User", name))
}

#[test]
fn a_request_entity_has_the_attributes_of_the_request_and_reaches_what_they_name() {
    let slice = slice(&[item("new", &[("owner", owner("demo/alice")), ("label", label("red"))])]).unwrap();
    assert_eq!(label_of(&slice, &id(ITEM, "new")), "\"red\"");
    // What an attribute names is there with its own ancestors: a policy may ask for `resource.owner in ...`.
    assert!(entity(&slice, &id("User", "demo/alice")).is_descendant_of(&id("Group", "demo/staff")));
}

#[test]
fn parents_unite_and_static_attributes_stay() {
    let slice = slice(&[item("i", &[])]).unwrap();
    let above: BTreeSet<_> = entity(&slice, &id(ITEM, "i")).ancestors().cloned().collect();
    assert_eq!(above, BTreeSet::from([id("Shop::Shelf", "s"), id("Shop::Shelf", "top")]));
    assert_eq!(label_of(&slice, &id(ITEM, "i")), "\"blue\"");
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

fn load(documents: &[Json]) -> Result<StaticEntities, Vec<Fault>> {
    let bundle = bundle();
    let documents: Vec<Document> = documents
        .iter()
        .enumerate()
        .map(|(number, value)| Document { file: format!("{number}.json"), value: value.clone() })
        .collect();
    StaticEntities::load(&documents.iter().collect::<Vec<_>>(), &bundle.schema.cedar, 7)
}

#[test]
fn packs_may_name_the_same_people() {
    let alice = |group: &str| json!({ "uid": { "type": "User", "id": "alice" }, "attrs": {}, "parents": [{ "type": "Group", "id": group }] });
    let entities = load(&[json!([alice("one")]), json!([alice("two")])]).unwrap();
    assert_eq!(entities.len(), 1);
    let alice = entities.find(&id("User", "alice")).unwrap();
    let above: BTreeSet<_> =
        entities.ancestors(alice).iter().map(|number| entities.uid(*number).unwrap()).collect();
    assert_eq!(above, BTreeSet::from([id("Group", "one"), id("Group", "two")]));
    let item = |label: &str| json!({ "uid": { "type": ITEM, "id": "i" }, "attrs": { "label": label }, "parents": [] });
    assert!(load(&[json!([item("a")]), json!([item("a")])]).is_ok());
    let faults = load(&[json!([item("a")]), json!([item("b")])]).unwrap_err();
    assert_eq!(
        faults[0].to_string(),
        "1.json#/0: entity `Shop::Item::\"i\"` has another `label` in another file"
    );
}

#[test]
fn what_is_above_itself_is_refused() {
    let shelf = |own: &str, above: &str| json!({ "uid": { "type": "Shop::Shelf", "id": own }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": above }] });
    let faults = load(&[json!([shelf("a", "b"), shelf("b", "c"), shelf("c", "a")])]).unwrap_err();
    assert!(faults[0].to_string().ends_with("is above itself"), "{faults:?}");
    // The request can close a circle too.
    let own = |name: &str, above: &str| RequestEntity {
        uid: id("Shop::Shelf", name),
        parents: vec![id("Shop::Shelf", above)],
        attributes: Attributes::new(),
    };
    assert!(matches!(slice(&[own("a", "b"), own("b", "a")]), Err(SliceError::Cycle(_))));
    let known = load(&[json!([shelf("a", "b")])]).unwrap();
    let involved = Involved::gather(&known, [own("b", "a")]).unwrap();
    assert!(matches!(involved.lineage(&id("Shop::Shelf", "b")), Err(SliceError::Cycle(_))));
}

#[test]
fn one_file_says_a_thing_once() {
    let item = |label: &str| json!({ "uid": { "type": ITEM, "id": "i" }, "attrs": { "label": label }, "parents": [] });
    assert_eq!(load(&[json!([item("a"), item("a")])]).unwrap().len(), 1);
    let faults = load(&[json!([item("a"), item("b")])]).unwrap_err();
    assert!(faults[0].to_string().contains("duplicate entity entry"), "{faults:?}");
}

/// The request knows a parent of something that static entities put above another: the other has it too.
#[test]
fn what_a_request_puts_above_a_static_entity_is_above_all_below_it() {
    let known = load(&[json!([
        { "uid": { "type": "Shop::Shelf", "id": "low" }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": "middle" }] },
        { "uid": { "type": "Shop::Shelf", "id": "high" }, "attrs": {}, "parents": [{ "type": "Shop::Shelf", "id": "top" }] },
    ])])
    .unwrap();
    let middle = RequestEntity {
        uid: id("Shop::Shelf", "middle"),
        parents: vec![id("Shop::Shelf", "high")],
        attributes: Attributes::new(),
    };
    let involved = Involved::gather(&known, [middle]).unwrap();
    let lineage = involved.lineage(&id("Shop::Shelf", "low")).unwrap();
    for above in ["middle", "high", "top"] {
        assert!(lineage.has(known.find(&id("Shop::Shelf", above)).unwrap()), "{above} is missing");
    }
}

#[test]
fn a_hundred_thousand_entities_are_small() {
    let members: Json = (0..100_000)
        .map(|n| {
            json!({ "uid": { "type": ITEM, "id": format!("team-{}/item-{n}", n % 100) }, "attrs": { "label": format!("label {n}") },
                    "parents": [{ "type": "Shop::Shelf", "id": format!("shelf-{}", n % 1000) }] })
        })
        .collect();
    let entities = load(&[members]).unwrap();
    assert_eq!(entities.len(), 100_000);
    assert!(entities.bytes() < 16 * 1024 * 1024, "{} bytes", entities.bytes());
}
