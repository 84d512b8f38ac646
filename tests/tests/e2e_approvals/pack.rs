//! A service whose calls need an approval unless they are small, and have everything that an approval is bound to.

use actgate_authz::{BundleDocument, Document, PackDocument, TextDocument};
use actgate_tests::e2e::bundle;
use serde_json::json;

/// A payment: path, query, headers and body all say something.
pub(crate) const PAY: &str = "/secrets/v1/accounts/savings/payments?note=rent";

/// Puts the payments in the place of the secrets.
pub(crate) fn install(bundle: &mut BundleDocument) {
    *bundle::secrets(bundle) = payments();
}

fn payments() -> PackDocument {
    let text = |file: &str, text: &str| TextDocument { file: file.to_owned(), text: text.to_owned() };
    PackDocument {
        catalog: Document {
            file: "catalog.yaml".to_owned(),
            value: json!({
                "service": "secrets",
                "routes": [{
                    "method": "POST", "path": "/v1/accounts/{account}/payments",
                    "action": "pay", "effect": "write",
                    "resource": { "type": "Secrets::Account", "id": "{account}" },
                    "context": {
                        "amount": { "from": "json", "at": "/amount", "type": "long" },
                        "tenant": { "from": "header", "at": "x-tenant", "type": "string" },
                        "pin": { "from": "json", "at": "/pin", "type": "string" },
                    },
                    "secret": ["pin"],
                    "query": ["note"],
                }],
                "groups": { "pay": ["write"] },
            }),
        },
        schema: text(
            "schema.cedarschema",
            r#"
            namespace Secrets { entity Account; }
            action "pay" in [Action::"write"] appliesTo {
                principal: [User, Agent],
                resource: Secrets::Account,
                context: { amount: Long, tenant: String, pin: String },
            };
            "#,
        ),
        policies: vec![text(
            "policies.cedar",
            r#"
            @id("pay.anybody")
            permit (principal, action == Action::"pay", resource);
            @id("pay.needs-release-managers")
            forbid (principal, action == Action::"pay", resource)
            when { context.amount > 10 }
            unless { context.approvals.contains("release-managers") };
            @id("pay.large-needs-security")
            forbid (principal, action == Action::"pay", resource)
            when { context.amount > 1000 }
            unless { context.approvals.contains("security") };
            "#,
        )],
        entities: None,
    }
}
