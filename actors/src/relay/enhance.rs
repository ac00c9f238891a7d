//! Prompts that an engine makes into descriptions of shots. Nothing is made and nothing is billed, so no slot is taken.

use super::Relay;
use atelier_domain::{
    account::{Account, Credential},
    engine::{Engine, EnhanceCall},
    enhance::Expansion,
    fault::{Fault, FaultClass},
    ids::AccountId,
};
use std::{sync::Arc, time::Duration};

/// How long it may take altogether.
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
        let roster = self.pool.accounts();
        let is_able = |account: &Account| account.enabled && with.is_none_or(|id| account.id == id);
        let (account, _) = roster.iter().find(|(account, can)| can.enhances && is_able(account))?;
        let engine = self.engines.get(&account.engine).cloned()?;
        let describing = self.described(engine, account.clone(), shot);
        let late = Fault::new(FaultClass::Network, "the engine did not answer in time");
        let told = tokio::select! {
            told = describing => told,
            () = self.clock.sleep_until(self.clock.now() + PATIENCE) => Err(late),
        };
        let failed = |fault: &Fault| {
            let (class, number) = (fault.class.name(), account.number);
            tracing::warn!(number, class, context = %fault.context, "no engine enhanced a prompt");
        };
        told.inspect_err(failed).ok()
    }

    /// A token that is refused is renewed once.
    async fn described(
        &self,
        engine: Arc<dyn Engine>,
        account: Arc<Account>,
        shot: &ShotPrompt,
    ) -> Result<String, Fault> {
        let steward = self.pool.steward();
        let call = |credential: Credential| EnhanceCall {
            credential,
            prompt: shot.prompt.clone(),
            expansion: shot.expansion,
            seconds: shot.seconds,
        };
        let credential = steward.credential(account.clone()).await?;
        match engine.clone().enhance(call(credential.clone())).await {
            Err(fault) if fault.class == FaultClass::Auth && steward.refused(credential).await => {
                engine.enhance(call(steward.credential(account).await?)).await
            }
            told => told,
        }
    }
}
