//! Whose call it was, as far as only its response's headers tell: they come last, after
//! what the line itself names and what is configured.

use super::Recorder;
use crate::decode::headers::HeaderBag;
use crate::domain::{Request, Sym};

impl Recorder {
    /// Fill in the provider and the account.
    pub(super) fn whose(&mut self, bag: &HeaderBag, provider: Option<Sym>, request: &mut Request) {
        let guessed = self.report.provider;
        request.provider = provider.or_else(|| Some(self.names.provider(guessed?)));
        if request.caller.account.is_none()
            && let Some(id) = self.report.account(bag)
        {
            request.caller.account = self.names.account(id);
        }
    }
}
