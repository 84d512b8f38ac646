use std::cell::RefCell;

use super::*;

/// What workers share, in memory; `busy` writes of others come in between.
#[derive(Debug, Default)]
struct Shelf {
    kept: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    busy: RefCell<usize>,
    is_broken: bool,
}

impl SharedData for Shelf {
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, u32)>, String> {
        if self.is_broken { Err("broken".to_owned()) } else { Ok(self.kept.borrow().get(name).cloned()) }
    }

    fn replace(&self, name: &str, value: &[u8], version: Option<u32>) -> Result<bool, String> {
        let mut busy = self.busy.borrow_mut();
        if *busy > 0 {
            *busy = busy.saturating_sub(1);
            return Ok(false);
        }
        let mut kept = self.kept.borrow_mut();
        let is = kept.get(name).map(|(_, version)| *version);
        if is != version {
            return Ok(false);
        }
        kept.insert(
            name.to_owned(),
            (value.to_vec(), version.map_or(1, |version| version.saturating_add(1))),
        );
        Ok(true)
    }
}

fn seen(name: &str, digest: &str, is_reviewed: bool) -> Sighting {
    Sighting { kind: ListKind::Tools, name: name.to_owned(), digest: Some(digest.to_owned()), is_reviewed }
}

fn reviewed(name: &str, digest: &str) -> Reviewed {
    Reviewed { kind: ListKind::Tools, name: name.to_owned(), digest: digest.into() }
}

fn differs(shelf: &Shelf, service: &str, reviewed: &Reviewed) -> bool {
    Definitions::of(shelf, service).unwrap().differs(reviewed)
}

#[test]
fn what_was_listed_otherwise_differs_until_it_is_listed_as_it_was_read() {
    let shelf = Shelf::default();
    let (tool, other) = (reviewed("a", "old"), reviewed("b", "old"));
    assert!(!differs(&shelf, "s", &tool), "nothing is known before a list was seen");
    Definitions::remember(&shelf, "s", &[seen("a", "new", false), seen("b", "old", true)]).unwrap();
    assert!(differs(&shelf, "s", &tool) && !differs(&shelf, "s", &other));
    // Neither of another service nor of another kind.
    assert!(!differs(&shelf, "t", &tool));
    assert!(!differs(&shelf, "s", &Reviewed { kind: ListKind::Prompts, ..tool.clone() }));
    // A catalog that names what is listed has reviewed it.
    assert!(!differs(&shelf, "s", &reviewed("a", "new")));
    // A list of something else says nothing of it.
    Definitions::remember(&shelf, "s", &[seen("b", "old", true)]).unwrap();
    assert!(differs(&shelf, "s", &tool));
    Definitions::remember(&shelf, "s", &[seen("a", "old", true)]).unwrap();
    assert!(!differs(&shelf, "s", &tool));
}

#[test]
fn of_what_is_listed_twice_the_changed_one_counts() {
    let shelf = Shelf::default();
    for twice in
        [[seen("a", "new", false), seen("a", "old", true)], [seen("a", "old", true), seen("a", "new", false)]]
    {
        Definitions::remember(&shelf, "s", &twice).unwrap();
        assert!(differs(&shelf, "s", &reviewed("a", "old")));
    }
}

#[test]
fn what_has_no_canonical_form_was_read_by_nobody() {
    let shelf = Shelf::default();
    let none = Sighting { digest: None, ..seen("a", "", false) };
    Definitions::remember(&shelf, "s", &[none]).unwrap();
    assert!(differs(&shelf, "s", &reviewed("a", "old")));
}

#[test]
fn workers_that_write_at_once_lose_nothing() {
    let shelf = Shelf::default();
    *shelf.busy.borrow_mut() = 3;
    Definitions::remember(&shelf, "s", &[seen("a", "new", false)]).unwrap();
    assert!(differs(&shelf, "s", &reviewed("a", "old")));
    *shelf.busy.borrow_mut() = usize::MAX;
    Definitions::remember(&shelf, "s", &[seen("b", "new", false)]).unwrap_err();
    // What is known already is not written again.
    Definitions::remember(&shelf, "s", &[seen("a", "new", false)]).unwrap();
}

#[test]
fn there_is_a_most_that_is_kept_and_nothing_is_forgotten_for_it() {
    let shelf = Shelf::default();
    let all: Vec<Sighting> = (0..MAX_KEPT).map(|number| seen(&number.to_string(), "new", false)).collect();
    Definitions::remember(&shelf, "s", &all).unwrap();
    Definitions::remember(&shelf, "s", &[seen("one more", "new", false)]).unwrap_err();
    assert!(differs(&shelf, "s", &reviewed("0", "old")));
}

#[test]
fn what_cannot_be_read_is_not_taken_for_nothing() {
    let shelf = Shelf::default();
    shelf.replace("actgate.definitions/v1.s", b"{", None).unwrap();
    Definitions::of(&shelf, "s").unwrap_err();
    Definitions::of(&Shelf { is_broken: true, ..Shelf::default() }, "s").unwrap_err();
}
