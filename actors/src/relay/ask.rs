//! What an engine is asked with an account beside jobs: nothing is made and nothing is billed, so no slot is taken.

use super::{Relay, refusal};
use crate::refused::Refused;
use atelier_domain::{
    account::{Account, Credential},
    browse::Browse,
    engine::{Abilities, Engine, EnhanceCall, LocalFuture},
    enhance::Expansion,
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// How long an answer may take altogether.
const PATIENCE: Duration = Duration::from_secs(45);

/// A prompt to describe a shot from.
#[derive(Debug, Clone)]
pub struct ShotPrompt {
    /// What is to be filmed.
    pub prompt: String,
    /// How much is said.
    pub expansion: Expansion,
    /// How long the shot lasts, in seconds.
    pub seconds: u32,
}

impl Relay {
    /// The description that an engine gives, with this account or with any that can. None when none can, or when it fails: then the
    /// gateway describes it itself.
    pub async fn enhance(&self, with: Option<AccountId>, shot: &ShotPrompt) -> Option<String> {
        let account = self.able(|can| can.enhances, with)?;
        let told = self.asked(account, |engine, credential| {
            let ShotPrompt { prompt, expansion, seconds } = shot.clone();
            engine.enhance(EnhanceCall { credential, prompt, expansion, seconds })
        });
        told.await.ok()
    }

    /// Whether what an upstream shows to everybody can be seen with this account.
    pub fn browses(&self, with: AccountId) -> bool {
        self.able(|can| can.browses, Some(with)).is_some()
    }

    /// What an upstream shows to everybody, in its own words; none when it is not there, or when this account sees nothing.
    ///
    /// # Errors
    /// What the upstream's refusal means.
    pub async fn browse(&self, with: AccountId, what: Browse) -> Result<Option<Value>, Refused> {
        let Some(account) = self.able(|can| can.browses, Some(with)) else { return Ok(None) };
        let seen = self.asked(account, |engine, credential| engine.browse(credential, what.clone()));
        seen.await.map_err(refusal)
    }

    fn able(&self, can: impl Fn(&Abilities) -> bool, with: Option<AccountId>) -> Option<Arc<Account>> {
        let roster = self.pool.accounts();
        let is_able = |account: &Account| account.enabled && with.is_none_or(|id| account.id == id);
        let found = roster.iter().find(|(account, abilities)| can(abilities) && is_able(account));
        found.map(|(account, _)| account.clone())
    }

    /// Asks an account's engine. A token that is refused is renewed once.
    async fn asked<T>(
        &self,
        account: Arc<Account>,
        ask: impl Fn(Arc<dyn Engine>, Credential) -> LocalFuture<Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let number = account.number;
        let answer = async {
            let gone = || Fault::new(FaultClass::Internal, "the engine is not here");
            let engine = self.engines.get(&account.engine).cloned().ok_or_else(gone)?;
            let steward = self.pool.steward();
            let credential = steward.credential(account.clone()).await?;
            match ask(engine.clone(), credential.clone()).await {
                Err(fault) if fault.class == FaultClass::Auth && steward.refused(credential).await => {
                    ask(engine, steward.credential(account.clone()).await?).await
                }
                told => told,
            }
        };
        let late = Fault::new(FaultClass::Network, "the engine did not answer in time");
        let told = tokio::select! {
            told = answer => told,
            () = self.clock.sleep_until(self.clock.now() + PATIENCE) => Err(late),
        };
        told.inspect_err(|fault| {
            tracing::warn!(number, class = fault.class.name(), context = %fault.context, "an engine did not tell what it was asked");
        })
    }
}
