-- Who the ledger says was erased is in no vault, also where the vault was restored from before that.
WITH erased AS (
    DELETE FROM vault.pseudonyms AS stored
    USING ledger.events AS events
    WHERE events.aggregate_type = 'subject' AND events.event_type = 'SubjectErased'
        AND events.aggregate_id = stored.tenant || '/' || stored.pseudonym::text
    RETURNING stored.tenant
)
UPDATE vault.tenants SET epoch = epoch + 1 WHERE tenant IN (SELECT tenant FROM erased)
