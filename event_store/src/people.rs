//! Whom the commands of one call are about: their ids replaced, what is personal sealed, before anything is decided.
//!
//! Somebody may be erased while a command about them is on its way. An append finds out by itself; an answer that appends
//! nothing is given only after the vault was asked, with what is loaded for it.

use crate::decide::Task;
use crate::error::Error;
use crate::store::Store;
use crate::vault::{Asked, Known, Subject, Tenant};
use domain::{Person, Personal, TenantId, UserRef};

/// What of a command is needed to meet its person again under another pseudonym.
pub(crate) struct About {
    subject: Subject,
    /// As of which the command knows its person.
    pub(crate) epoch: i64,
    /// What is personal, in clear: only as long as the command is on its way.
    personal: Option<String>,
    /// As the caller gave it.
    request_hash: Option<[u8; 32]>,
}

/// No vault is at it.
const NEVER: i64 = -1;

impl About {
    fn of(task: &mut Task, finder: &Tenant) -> Option<Self> {
        let Person { user, personal } = task.request.command.person()?;
        let UserRef::Named(id) = &*user else { return None };
        let personal = personal.and_then(|personal| match personal {
            Personal::Open(fields) => Some(Personal::canonical(fields)),
            Personal::Sealed(_) => None,
        });
        let request_hash = task.request.idempotency.as_ref().map(|key| key.request_hash);
        Some(Self { subject: finder.subject(id), epoch: NEVER, personal, request_hash })
    }

    fn asked(&self) -> Asked {
        Asked { subject: self.subject, needs_key: self.personal.is_some() || self.request_hash.is_some() }
    }
}

impl Store {
    /// Replaces every user id by its pseudonym, which is durable when this returns, and seals what is personal.
    pub(crate) async fn meet_people(&self, tasks: &mut [Task]) -> Result<(), Error> {
        let about = tasks.iter_mut().filter_map(|task| {
            let is_about = task.answer.is_none() && task.request.command.person().is_some();
            is_about.then_some(&task.request.tenant)
        });
        for tenant in distinct(about) {
            let finder = self.inner.vault.tenant(&tenant).await?;
            for task in tasks.iter_mut().filter(|task| task.request.tenant == tenant && task.answer.is_none()) {
                task.about = About::of(task, &finder);
            }
            self.meet(&tenant, &finder, tasks).await?;
        }
        Ok(())
    }

    /// Asks the vault whether anybody was erased, for those tasks of these whose answer no append may check.
    pub(crate) async fn forget_old_epochs(&self, tasks: &[Task], these: impl Fn(&Task) -> bool) -> Result<(), Error> {
        let asking = tasks.iter().filter(|task| task.answer.is_none() && task.about.is_some() && these(task));
        let mut known: Vec<(&TenantId, i64)> =
            asking.filter_map(|task| Some((&task.request.tenant, task.about.as_ref()?.epoch))).collect();
        known.sort_unstable();
        known.dedup();
        let tenants: Vec<&TenantId> = known.iter().map(|(tenant, _)| *tenant).collect();
        let epochs = self.inner.vault.epochs(&tenants).await?;
        for (tenant, epoch) in known {
            if epochs.get(tenant.as_str()) != Some(&epoch) {
                self.inner.vault.forget(tenant);
            }
        }
        Ok(())
    }

    /// Meets everybody again whose epoch has passed.
    pub(crate) async fn meet_again(&self, tasks: &mut [Task]) -> Result<(), Error> {
        let about = tasks.iter().filter(|task| task.answer.is_none() && task.about.is_some());
        for tenant in distinct(about.map(|task| &task.request.tenant)) {
            let finder = self.inner.vault.tenant(&tenant).await?;
            self.meet(&tenant, &finder, tasks).await?;
        }
        Ok(())
    }

    async fn meet(&self, tenant: &TenantId, finder: &Tenant, tasks: &mut [Task]) -> Result<(), Error> {
        let is_met = |task: &Task| match &task.about {
            Some(about) => task.answer.is_some() || task.request.tenant != *tenant || about.epoch == finder.epoch(),
            None => true,
        };
        let places: Vec<usize> = (0..tasks.len()).filter(|place| !is_met(&tasks[*place])).collect();
        if places.is_empty() {
            return Ok(());
        }
        let asked: Vec<Asked> = places.iter().filter_map(|place| tasks[*place].about.as_ref().map(About::asked)).collect();
        let met = self.inner.vault.people(tenant, finder, &asked).await?;
        for (place, known) in places.into_iter().zip(met) {
            introduce(&mut tasks[place], &known);
        }
        Ok(())
    }
}

/// Mostly one.
fn distinct<'a>(tenants: impl Iterator<Item = &'a TenantId>) -> Vec<TenantId> {
    let mut found: Vec<TenantId> = Vec::new();
    for tenant in tenants {
        if !found.contains(tenant) {
            found.push(tenant.clone());
        }
    }
    found
}

fn introduce(task: &mut Task, known: &Known) {
    let (Some(about), Some(Person { user, personal })) = (&mut task.about, task.request.command.person()) else { return };
    about.epoch = known.epoch;
    *user = UserRef::Known(known.pseudonym);
    let Some(key) = &known.key else { return };
    if let (Some(personal), Some(text)) = (personal, &about.personal) {
        *personal = Personal::Sealed(key.seal(&task.stream, text));
    }
    if let (Some(idempotency), Some(request_hash)) = (&mut task.request.idempotency, &about.request_hash) {
        idempotency.request_hash = key.keyed(request_hash);
    }
}
