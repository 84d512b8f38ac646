//! Somebody who is signed in, and what they may decide.

use crate::approval::Approval;

/// A person, as the identity provider (or a laptop's configuration) knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// In the namespace of subjects and actors, such as `demo/bob@demo`.
    pub id: String,
    /// How the console greets them.
    pub name: String,
    /// The configured approver groups that they are in.
    pub groups: Vec<String>,
}

/// Why somebody cannot decide an approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    /// They are in none of the groups that have to approve.
    #[error("you are in none of the groups that decide this call")]
    Group,
    /// The configuration does not let them read the ledger.
    #[error("you are in none of the groups that read the ledger")]
    Reader,
    /// The call is made for them, by them, or through them.
    #[error("you are part of this call, and nobody approves their own")]
    Own,
}

// === impl Person ===

impl Person {
    /// The groups for which they may decide `approval`: at least one.
    ///
    /// # Errors
    /// There is none.
    pub fn eligible(&self, approval: &Approval) -> Result<Vec<String>, Ineligible> {
        // INVARIANT: no self-approval. Ids share one namespace, `<issuer alias>/<sub>`, so that equality is identity.
        if self.id == approval.subject || self.id == approval.actor || approval.chain.contains(&self.id) {
            return Err(Ineligible::Own);
        }
        let groups: Vec<String> =
            approval.groups.iter().filter(|group| self.groups.contains(group)).cloned().collect();
        if groups.is_empty() { Err(Ineligible::Group) } else { Ok(groups) }
    }
}
