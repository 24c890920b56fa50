//! What stands in a secret's place: the same token for the same secret, so that lines can be correlated.
//!
//! The number is the order of first appearance and not a hash: nobody can try out a short password against it, and the same input gives the same bytes.

use std::collections::HashMap;

use super::span::Identity;

/// Distinct secrets that are told apart; later ones share one token, so that memory stays bounded.
const MOST: usize = 1 << 20;

/// The tokens given so far.
#[derive(Default)]
pub struct Tokens(HashMap<Identity, (u32, u32)>);

impl Tokens {
    /// The token of a secret; `label` is used when it is seen for the first time.
    pub fn of(&mut self, identity: Identity, label: u32, labels: &[String]) -> String {
        let full = self.0.len() >= MOST;
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX).saturating_add(1);
        let (label, number) = match self.0.get(&identity) {
            Some(&known) => known,
            None if full => (label, 0),
            None => *self.0.entry(identity).or_insert((label, next)),
        };
        let label = usize::try_from(label).ok().and_then(|index| labels.get(index)).map_or("secret", String::as_str);
        format!("{OPENING}{label}:{number}]")
    }
}

/// How every token begins.
pub const OPENING: &str = "[redacted:";

/// Whether the name between these texts is the label of a token: tokens are not read as keys and values.
pub fn is_label(before: &[u8], after: &[u8]) -> bool {
    let rest = after.strip_prefix(b":").unwrap_or_default();
    let number = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    before.ends_with(OPENING.as_bytes()) && number > 0 && rest.get(number) == Some(&b']')
}
