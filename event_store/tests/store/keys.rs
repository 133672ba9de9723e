use chrono::{TimeDelta, Utc};
use domain::TenantId;
use event_store::keys::{Authentication, Keys, Role};

use crate::support::*;

#[tokio::test]
async fn a_key_opens_until_it_expires_or_is_revoked() {
    let ledger = Ledger::new().await;
    let keys = Keys::new(ledger.pool().clone());
    let (info, presented) = keys.create(&tenant(), Role::Writer, "ingest", None).await.expect("a key");
    assert!(presented.starts_with(&format!("cl_{}_", info.id)));
    match keys.authenticate(&presented).await.expect("an answer") {
        Authentication::Valid(found) => assert_eq!(*found, info),
        other => panic!("{other:?}"),
    }
    for wrong in ["", "cl_", "cl_x_y", &presented[..presented.len() - 1], &format!("cl_{}_{}", info.id, "0".repeat(64))] {
        assert_eq!(keys.authenticate(wrong).await.expect("an answer"), Authentication::Unknown, "{wrong}");
    }
    let past = Utc::now() - TimeDelta::seconds(1);
    let (_, expired) = keys.create(&tenant(), Role::Admin, "old", Some(past)).await.expect("a key");
    let answer = keys.authenticate(&expired).await.expect("an answer");
    assert!(matches!(&answer, Authentication::Expired(key) if key.name == "old"), "{answer:?}");
    assert_eq!(keys.revoke(&TenantId::parse("other").unwrap(), &info.id).await.expect("an answer"), None);
    let revoked = keys.revoke(&tenant(), &info.id).await.expect("an answer").expect("a key");
    let answer = keys.authenticate(&presented).await.expect("an answer");
    assert!(matches!(&answer, Authentication::Revoked(key) if **key == revoked), "{answer:?}");
    assert_eq!(keys.revoke(&tenant(), &info.id).await.expect("an answer"), Some(revoked));
    let names: Vec<_> = keys.list(&tenant()).await.expect("keys").into_iter().map(|key| key.name).collect();
    assert_eq!(names, ["ingest", "old"]);
    ledger.end().await;
}
