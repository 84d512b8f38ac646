use super::*;

#[test]
fn a_parameter_that_may_be_a_credential_is_not_named() {
    for (name, expected) in [
        ("list", "query parameter `list` is not declared for this route"),
        ("access_token", "query parameter `access_token` is not declared for this route"),
        ("hvs.CAESIJ", "query parameter (not named here) is not declared for this route"),
        ("s3cret", "query parameter (not named here) is not declared for this route"),
        ("abcdefghijklmnopqrstuvwxyz", "query parameter (not named here) is not declared for this route"),
        ("caf\u{e9}", "query parameter (not named here) is not declared for this route"),
    ] {
        assert_eq!(CallError::undeclared(name).to_string(), expected);
    }
}
