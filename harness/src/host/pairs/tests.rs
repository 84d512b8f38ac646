use super::{parse, serialize};

const FIELDS: [(&[u8], &[u8]); 2] = [(b":path", b"/x"), (b"empty", b"")];

#[test]
fn a_block_comes_back_as_it_went() {
    let block = serialize(FIELDS.iter().copied());
    let fields = parse(&block);
    let borrowed: Vec<(&[u8], &[u8])> = fields.iter().map(|(name, value)| (&name[..], &value[..])).collect();
    assert_eq!(borrowed, FIELDS);
}

#[test]
fn what_is_cut_off_anywhere_is_no_field_at_all() {
    let block = serialize(FIELDS.iter().copied());
    for end in 0..block.len() {
        assert!(parse(&block[..end]).is_empty(), "{end}");
    }
}

#[test]
fn a_count_beyond_the_bound_is_refused() {
    let many: Vec<(&[u8], &[u8])> = vec![(b"a", b"b"); 1025];
    assert!(parse(&serialize(many.iter().copied())).is_empty());
    assert_eq!(parse(&serialize(many.iter().copied().take(1024))).len(), 1024);
}
