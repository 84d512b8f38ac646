use super::{Shared, Status};

#[test]
fn an_impossible_counter_inserts_once() {
    let shared = Shared::new();
    assert_eq!(shared.set("vm", b"once", b"first", u32::MAX), Ok(()));
    assert_eq!(shared.set("vm", b"once", b"second", u32::MAX), Err(Status::CasMismatch));
    assert_eq!(shared.get("vm", b"once").unwrap().0, b"first");
}

#[test]
fn the_counter_of_a_read_lets_one_writer_through() {
    let shared = Shared::new();
    shared.set("vm", b"key", b"0", 0).unwrap();
    let (_, cas) = shared.get("vm", b"key").unwrap();
    assert_eq!(shared.set("vm", b"key", b"1", cas), Ok(()));
    assert_eq!(shared.set("vm", b"key", b"2", cas), Err(Status::CasMismatch));
    assert_eq!(shared.set("vm", b"key", b"3", 0), Ok(()));
}

#[test]
fn vm_ids_are_worlds_apart() {
    let shared = Shared::new();
    shared.set("one", b"key", b"value", 0).unwrap();
    assert_eq!(shared.get("two", b"key"), None);
    let token = shared.register("one", b"queue");
    assert_eq!(shared.register("one", b"queue"), token);
    assert_eq!(shared.resolve("two", b"queue"), None);
    assert_eq!(shared.dequeue(token), Err(Status::Empty));
    shared.enqueue(token, b"a").unwrap();
    assert_eq!(shared.dequeue(token).unwrap(), b"a");
    assert_eq!(shared.enqueue(99, b"a"), Err(Status::NotFound));
}
