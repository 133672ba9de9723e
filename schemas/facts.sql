-- The facts that figures are made of, as analysts see them in schema read. Made by `make schemas`.

CREATE TABLE deal_facts (
    deal_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    account_id text COLLATE "C",
    annual_value numeric(14, 2),
    annual_value_currency text COLLATE "C",
    bant_authority boolean,
    bant_budget boolean,
    bant_need boolean,
    bant_timeline boolean,
    expected_close date,
    lead_id text COLLATE "C",
    reason text COLLATE "C",
    stage text COLLATE "C",
    team text COLLATE "C",
    CONSTRAINT deal_facts_pkey PRIMARY KEY (tenant, deal_id, sequence)
);
CREATE OR REPLACE VIEW read.deal_facts AS
SELECT deal_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, account_id, annual_value, annual_value_currency, bant_authority, bant_budget, bant_need, bant_timeline, expected_close, lead_id, reason, stage, team
FROM generation.deal_facts;
COMMENT ON VIEW read.deal_facts IS 'One row an event: DealOpened, DealQualified, DealAdvanced, DealForecast, DealWon, DealLost.';
COMMENT ON COLUMN read.deal_facts.deal_id IS 'The deal as its client named it.';
COMMENT ON COLUMN read.deal_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.deal_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.deal_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.deal_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.deal_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.deal_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.deal_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.deal_facts.account_id IS 'A customer: the company or the person that pays. Never a person''s name or address.';
COMMENT ON COLUMN read.deal_facts.annual_value IS 'An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.';
COMMENT ON COLUMN read.deal_facts.annual_value_currency IS 'The currency of annual_value, as in ISO 4217.';
COMMENT ON COLUMN read.deal_facts.bant_authority IS 'Bant authority.';
COMMENT ON COLUMN read.deal_facts.bant_budget IS 'Bant budget.';
COMMENT ON COLUMN read.deal_facts.bant_need IS 'Bant need.';
COMMENT ON COLUMN read.deal_facts.bant_timeline IS 'Bant timeline.';
COMMENT ON COLUMN read.deal_facts.expected_close IS 'Expected close.';
COMMENT ON COLUMN read.deal_facts.lead_id IS 'Somebody who might become a customer, named by its client. Never a person''s name or address.';
COMMENT ON COLUMN read.deal_facts.reason IS 'Why a deal was lost. A closed list: free text might name a person.';
COMMENT ON COLUMN read.deal_facts.stage IS 'Where a deal stands in the sales process, in its order.';
COMMENT ON COLUMN read.deal_facts.team IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';

CREATE TABLE quota_facts (
    quota_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    amount numeric(14, 2),
    amount_currency text COLLATE "C",
    quarter date,
    team text COLLATE "C",
    CONSTRAINT quota_facts_pkey PRIMARY KEY (tenant, quota_id, sequence)
);
CREATE OR REPLACE VIEW read.quota_facts AS
SELECT quota_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, amount, amount_currency, quarter, team
FROM generation.quota_facts;
COMMENT ON VIEW read.quota_facts IS 'One row an event: QuotaSet.';
COMMENT ON COLUMN read.quota_facts.quota_id IS 'The quota as its client named it.';
COMMENT ON COLUMN read.quota_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.quota_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.quota_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.quota_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.quota_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.quota_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.quota_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.quota_facts.amount IS 'An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.';
COMMENT ON COLUMN read.quota_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';
COMMENT ON COLUMN read.quota_facts.quarter IS 'Quarter.';
COMMENT ON COLUMN read.quota_facts.team IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';

CREATE TABLE deployment_facts (
    deployment_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    changes jsonb,
    environment text COLLATE "C",
    finished_at timestamptz,
    incident_id text COLLATE "C",
    reason text COLLATE "C",
    result text COLLATE "C",
    CONSTRAINT deployment_facts_pkey PRIMARY KEY (tenant, deployment_id, sequence)
);
CREATE OR REPLACE VIEW read.deployment_facts AS
SELECT deployment_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, changes, environment, finished_at, incident_id, reason, result
FROM generation.deployment_facts;
COMMENT ON VIEW read.deployment_facts IS 'One row an event: DeploymentFinished, DeploymentRolledBack.';
COMMENT ON COLUMN read.deployment_facts.deployment_id IS 'The deployment as its client named it.';
COMMENT ON COLUMN read.deployment_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.deployment_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.deployment_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.deployment_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.deployment_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.deployment_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.deployment_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.deployment_facts.changes IS 'Changes.';
COMMENT ON COLUMN read.deployment_facts.environment IS 'Where to.';
COMMENT ON COLUMN read.deployment_facts.finished_at IS 'Finished at.';
COMMENT ON COLUMN read.deployment_facts.incident_id IS 'One incident, named by its client.';
COMMENT ON COLUMN read.deployment_facts.reason IS 'Why it was made.';
COMMENT ON COLUMN read.deployment_facts.result IS 'How it ended.';

CREATE TABLE incident_facts (
    incident_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    caused_by text COLLATE "C",
    opened_at timestamptz,
    severity text COLLATE "C",
    CONSTRAINT incident_facts_pkey PRIMARY KEY (tenant, incident_id, sequence)
);
CREATE OR REPLACE VIEW read.incident_facts AS
SELECT incident_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, caused_by, opened_at, severity
FROM generation.incident_facts;
COMMENT ON VIEW read.incident_facts IS 'One row an event: IncidentOpened, IncidentAttributed, IncidentResolved.';
COMMENT ON COLUMN read.incident_facts.incident_id IS 'The incident as its client named it.';
COMMENT ON COLUMN read.incident_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.incident_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.incident_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.incident_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.incident_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.incident_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.incident_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.incident_facts.caused_by IS 'One deployment, named by its client.';
COMMENT ON COLUMN read.incident_facts.opened_at IS 'Opened at.';
COMMENT ON COLUMN read.incident_facts.severity IS 'How bad it is.';

CREATE TABLE lead_facts (
    lead_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    campaign text COLLATE "C",
    channel text COLLATE "C",
    qualification text COLLATE "C",
    score bigint,
    source text COLLATE "C",
    CONSTRAINT lead_facts_pkey PRIMARY KEY (tenant, lead_id, sequence)
);
CREATE OR REPLACE VIEW read.lead_facts AS
SELECT lead_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, campaign, channel, qualification, score, source
FROM generation.lead_facts;
COMMENT ON VIEW read.lead_facts IS 'One row an event: LeadCaptured, LeadTouched, LeadScored, LeadQualified, LeadDisqualified.';
COMMENT ON COLUMN read.lead_facts.lead_id IS 'The lead as its client named it.';
COMMENT ON COLUMN read.lead_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.lead_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.lead_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.lead_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.lead_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.lead_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.lead_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.lead_facts.campaign IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';
COMMENT ON COLUMN read.lead_facts.channel IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';
COMMENT ON COLUMN read.lead_facts.qualification IS 'Who says that a lead is worth the effort.';
COMMENT ON COLUMN read.lead_facts.score IS 'Score.';
COMMENT ON COLUMN read.lead_facts.source IS 'Whose work a first touch was.';

CREATE TABLE brand_searches_facts (
    brand_searches_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    month date,
    searches bigint,
    CONSTRAINT brand_searches_facts_pkey PRIMARY KEY (tenant, brand_searches_id, sequence)
);
CREATE OR REPLACE VIEW read.brand_searches_facts AS
SELECT brand_searches_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, month, searches
FROM generation.brand_searches_facts;
COMMENT ON VIEW read.brand_searches_facts IS 'One row an event: BrandSearchesMeasured.';
COMMENT ON COLUMN read.brand_searches_facts.brand_searches_id IS 'The brand_searches as its client named it.';
COMMENT ON COLUMN read.brand_searches_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.brand_searches_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.brand_searches_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.brand_searches_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.brand_searches_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.brand_searches_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.brand_searches_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.brand_searches_facts.month IS 'The month''s first day, such as 2026-10-01.';
COMMENT ON COLUMN read.brand_searches_facts.searches IS 'Searches.';

CREATE TABLE spend_facts (
    spend_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    amount numeric(14, 2),
    amount_currency text COLLATE "C",
    category text COLLATE "C",
    channel text COLLATE "C",
    is_acquisition boolean,
    is_cogs boolean,
    CONSTRAINT spend_facts_pkey PRIMARY KEY (tenant, spend_id, sequence)
);
CREATE OR REPLACE VIEW read.spend_facts AS
SELECT spend_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, amount, amount_currency, category, channel, is_acquisition, is_cogs
FROM generation.spend_facts;
COMMENT ON VIEW read.spend_facts IS 'One row an event: SpendRecorded.';
COMMENT ON COLUMN read.spend_facts.spend_id IS 'The spend as its client named it.';
COMMENT ON COLUMN read.spend_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.spend_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.spend_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.spend_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.spend_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.spend_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.spend_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.spend_facts.amount IS 'An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.';
COMMENT ON COLUMN read.spend_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';
COMMENT ON COLUMN read.spend_facts.category IS 'What money is spent on, as the budgets name it; and the cost of goods sold, for the gross margin.';
COMMENT ON COLUMN read.spend_facts.channel IS 'The marketing channel that it was spent on.';
COMMENT ON COLUMN read.spend_facts.is_acquisition IS 'Whether it was spent to win customers, for what one costs to acquire.';
COMMENT ON COLUMN read.spend_facts.is_cogs IS 'Whether it is a cost of what was sold, for the gross margin.';

CREATE TABLE budget_facts (
    budget_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    amount numeric(14, 2),
    amount_currency text COLLATE "C",
    category text COLLATE "C",
    month date,
    CONSTRAINT budget_facts_pkey PRIMARY KEY (tenant, budget_id, sequence)
);
CREATE OR REPLACE VIEW read.budget_facts AS
SELECT budget_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, amount, amount_currency, category, month
FROM generation.budget_facts;
COMMENT ON VIEW read.budget_facts IS 'One row an event: BudgetSet.';
COMMENT ON COLUMN read.budget_facts.budget_id IS 'The budget as its client named it.';
COMMENT ON COLUMN read.budget_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.budget_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.budget_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.budget_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.budget_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.budget_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.budget_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.budget_facts.amount IS 'An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.';
COMMENT ON COLUMN read.budget_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';
COMMENT ON COLUMN read.budget_facts.category IS 'What money is spent on, as the budgets name it; and the cost of goods sold, for the gross margin.';
COMMENT ON COLUMN read.budget_facts.month IS 'Month.';

CREATE TABLE subscription_facts (
    subscription_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    account_id text COLLATE "C",
    is_trial boolean,
    monthly numeric(14, 2),
    monthly_currency text COLLATE "C",
    plan text COLLATE "C",
    reason text COLLATE "C",
    CONSTRAINT subscription_facts_pkey PRIMARY KEY (tenant, subscription_id, sequence)
);
CREATE OR REPLACE VIEW read.subscription_facts AS
SELECT subscription_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, account_id, is_trial, monthly, monthly_currency, plan, reason
FROM generation.subscription_facts;
COMMENT ON VIEW read.subscription_facts IS 'One row an event: SubscriptionStarted, SubscriptionChanged, SubscriptionEnded.';
COMMENT ON COLUMN read.subscription_facts.subscription_id IS 'The subscription as its client named it.';
COMMENT ON COLUMN read.subscription_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.subscription_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.subscription_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.subscription_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.subscription_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.subscription_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.subscription_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.subscription_facts.account_id IS 'A customer: the company or the person that pays. Never a person''s name or address.';
COMMENT ON COLUMN read.subscription_facts.is_trial IS 'Is trial.';
COMMENT ON COLUMN read.subscription_facts.monthly IS 'An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.';
COMMENT ON COLUMN read.subscription_facts.monthly_currency IS 'The currency of monthly, as in ISO 4217.';
COMMENT ON COLUMN read.subscription_facts.plan IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';
COMMENT ON COLUMN read.subscription_facts.reason IS 'Why a subscription ended. A closed list: free text might name a person.';

CREATE TABLE payment_facts (
    payment_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    account_id text COLLATE "C",
    amount numeric(14, 2),
    amount_currency text COLLATE "C",
    CONSTRAINT payment_facts_pkey PRIMARY KEY (tenant, payment_id, sequence)
);
CREATE OR REPLACE VIEW read.payment_facts AS
SELECT payment_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, account_id, amount, amount_currency
FROM generation.payment_facts;
COMMENT ON VIEW read.payment_facts IS 'One row an event: PaymentFailed, PaymentRecovered.';
COMMENT ON COLUMN read.payment_facts.payment_id IS 'The payment as its client named it.';
COMMENT ON COLUMN read.payment_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.payment_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.payment_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.payment_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.payment_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.payment_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.payment_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.payment_facts.account_id IS 'A customer: the company or the person that pays. Never a person''s name or address.';
COMMENT ON COLUMN read.payment_facts.amount IS 'An amount in a currency: `{"amount": "1234.50", "currency": "USD"}`.';
COMMENT ON COLUMN read.payment_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';

CREATE TABLE ticket_facts (
    ticket_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    account_id text COLLATE "C",
    opened_at timestamptz,
    CONSTRAINT ticket_facts_pkey PRIMARY KEY (tenant, ticket_id, sequence)
);
CREATE OR REPLACE VIEW read.ticket_facts AS
SELECT ticket_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, account_id, opened_at
FROM generation.ticket_facts;
COMMENT ON VIEW read.ticket_facts IS 'One row an event: TicketOpened, TicketClosed.';
COMMENT ON COLUMN read.ticket_facts.ticket_id IS 'The ticket as its client named it.';
COMMENT ON COLUMN read.ticket_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.ticket_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.ticket_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.ticket_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.ticket_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.ticket_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.ticket_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.ticket_facts.account_id IS 'A customer: the company or the person that pays. Never a person''s name or address.';
COMMENT ON COLUMN read.ticket_facts.opened_at IS 'Opened at.';
