use super::*;

#[test]
fn a_typo_finds_its_name_and_a_stranger_finds_none() {
    let names = ["demo", "partner", "spire"];
    assert_eq!(nearest("dmeo", names), Some("demo"));
    assert_eq!(nearest("partnre", names), Some("partner"));
    assert_eq!(nearest("kubernetes", names), None);
    assert_eq!(nearest("demo", []), None);
}
