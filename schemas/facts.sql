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
COMMENT ON COLUMN read.deal_facts.annual_value IS 'What it is worth a year, in annual_value_currency.';
COMMENT ON COLUMN read.deal_facts.annual_value_currency IS 'The currency of annual_value, as in ISO 4217.';
COMMENT ON COLUMN read.deal_facts.bant_authority IS 'What is known of budget, authority, need and timeline: authority.';
COMMENT ON COLUMN read.deal_facts.bant_budget IS 'What is known of budget, authority, need and timeline: budget.';
COMMENT ON COLUMN read.deal_facts.bant_need IS 'What is known of budget, authority, need and timeline: need.';
COMMENT ON COLUMN read.deal_facts.bant_timeline IS 'What is known of budget, authority, need and timeline: timeline.';
COMMENT ON COLUMN read.deal_facts.expected_close IS 'Expected close.';
COMMENT ON COLUMN read.deal_facts.lead_id IS 'The lead that it came from.';
COMMENT ON COLUMN read.deal_facts.reason IS 'Why a deal was lost: price, product, competitor, timing, no_decision or other. A closed list: free text might name a person.';
COMMENT ON COLUMN read.deal_facts.stage IS 'Where a deal stands in the sales process, in its order: prospecting, qualification, discovery, demonstration, proposal, negotiation or closing.';
COMMENT ON COLUMN read.deal_facts.team IS 'The team whose quota it counts towards.';

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
COMMENT ON COLUMN read.quota_facts.amount IS 'The annual value of the deals to win, in amount_currency.';
COMMENT ON COLUMN read.quota_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';
COMMENT ON COLUMN read.quota_facts.quarter IS 'The quarter''s first day, such as 2026-10-01.';
COMMENT ON COLUMN read.quota_facts.team IS 'The team; default: the whole company.';

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
COMMENT ON COLUMN read.deployment_facts.changes IS 'What it brought, for the lead time; at most 500.';
COMMENT ON COLUMN read.deployment_facts.environment IS 'Where to: production, staging or test.';
COMMENT ON COLUMN read.deployment_facts.finished_at IS 'Finished at.';
COMMENT ON COLUMN read.deployment_facts.incident_id IS 'The incident that it was made for.';
COMMENT ON COLUMN read.deployment_facts.reason IS 'Why it was made: planned or incident.';
COMMENT ON COLUMN read.deployment_facts.result IS 'How it ended: succeeded or failed.';

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
COMMENT ON COLUMN read.incident_facts.caused_by IS 'The deployment that caused it, if one is known to.';
COMMENT ON COLUMN read.incident_facts.opened_at IS 'Opened at.';
COMMENT ON COLUMN read.incident_facts.severity IS 'How bad it is: critical, major or minor.';

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
    user_id uuid,
    CONSTRAINT lead_facts_pkey PRIMARY KEY (tenant, lead_id, sequence)
);
CREATE OR REPLACE VIEW read.lead_facts AS
SELECT lead_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, campaign, channel, qualification, score, source, user_id
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
COMMENT ON COLUMN read.lead_facts.channel IS 'Where they came from, such as `search`, `event` or `newsletter`.';
COMMENT ON COLUMN read.lead_facts.qualification IS 'Who says that a lead is worth the effort: mql or sql.';
COMMENT ON COLUMN read.lead_facts.score IS 'Score.';
COMMENT ON COLUMN read.lead_facts.source IS 'Whose work a first touch was: marketing, sales, partner or customer.';
COMMENT ON COLUMN read.lead_facts.user_id IS 'What the ledger knows a user by: random, per tenant, meaningless without the vault.';

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
COMMENT ON COLUMN read.brand_searches_facts.brand_searches_id IS 'The brand searches as its client named it.';
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
COMMENT ON COLUMN read.spend_facts.amount IS 'Amount, in amount_currency.';
COMMENT ON COLUMN read.spend_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';
COMMENT ON COLUMN read.spend_facts.category IS 'What money is spent on, as the budgets name it; and the cost of goods sold, for the gross margin: personnel, infrastructure, marketing or operations.';
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
COMMENT ON COLUMN read.budget_facts.amount IS 'Amount, in amount_currency.';
COMMENT ON COLUMN read.budget_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';
COMMENT ON COLUMN read.budget_facts.category IS 'What money is spent on, as the budgets name it; and the cost of goods sold, for the gross margin: personnel, infrastructure, marketing or operations.';
COMMENT ON COLUMN read.budget_facts.month IS 'The month''s first day, such as 2026-10-01.';

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
COMMENT ON COLUMN read.subscription_facts.is_trial IS 'Whether it is tried out: trials count neither as customers nor as revenue.';
COMMENT ON COLUMN read.subscription_facts.monthly IS 'What it pays a month, without what is paid once; nothing for a trial, in monthly_currency.';
COMMENT ON COLUMN read.subscription_facts.monthly_currency IS 'The currency of monthly, as in ISO 4217.';
COMMENT ON COLUMN read.subscription_facts.plan IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';
COMMENT ON COLUMN read.subscription_facts.reason IS 'Why a subscription ended: price, product, support, competitor, nonpayment, closed_down or other. A closed list: free text might name a person.';

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
COMMENT ON COLUMN read.payment_facts.amount IS 'Amount, in amount_currency.';
COMMENT ON COLUMN read.payment_facts.amount_currency IS 'The currency of amount, as in ISO 4217.';

CREATE TABLE sign_up_facts (
    sign_up_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    account_id text COLLATE "C",
    channel text COLLATE "C",
    plan text COLLATE "C",
    region text COLLATE "C",
    user_id uuid,
    CONSTRAINT sign_up_facts_pkey PRIMARY KEY (tenant, sign_up_id, sequence)
);
CREATE OR REPLACE VIEW read.sign_up_facts AS
SELECT sign_up_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, account_id, channel, plan, region, user_id
FROM generation.sign_up_facts;
COMMENT ON VIEW read.sign_up_facts IS 'One row an event: UserSignedUp.';
COMMENT ON COLUMN read.sign_up_facts.sign_up_id IS 'The sign up as its client named it.';
COMMENT ON COLUMN read.sign_up_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.sign_up_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.sign_up_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.sign_up_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.sign_up_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.sign_up_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.sign_up_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.sign_up_facts.account_id IS 'The customer whose user they are.';
COMMENT ON COLUMN read.sign_up_facts.channel IS 'Where they came from, such as `search` or `invitation`.';
COMMENT ON COLUMN read.sign_up_facts.plan IS 'The plan that they signed up for.';
COMMENT ON COLUMN read.sign_up_facts.region IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';
COMMENT ON COLUMN read.sign_up_facts.user_id IS 'What the ledger knows a user by: random, per tenant, meaningless without the vault.';

CREATE TABLE account_facts (
    account_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    feature text COLLATE "C",
    CONSTRAINT account_facts_pkey PRIMARY KEY (tenant, account_id, sequence)
);
CREATE OR REPLACE VIEW read.account_facts AS
SELECT account_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, feature
FROM generation.account_facts;
COMMENT ON VIEW read.account_facts IS 'One row an event: FeatureEnabled, FeatureDisabled.';
COMMENT ON COLUMN read.account_facts.account_id IS 'The account as its client named it.';
COMMENT ON COLUMN read.account_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.account_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.account_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.account_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.account_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.account_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.account_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.account_facts.feature IS 'A short word to group by: a feature, channel, device or region. Never a person''s.';

CREATE TABLE survey_facts (
    survey_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    account_id text COLLATE "C",
    aided boolean,
    kind text COLLATE "C",
    score bigint,
    unaided boolean,
    user_id uuid,
    CONSTRAINT survey_facts_pkey PRIMARY KEY (tenant, survey_id, sequence)
);
CREATE OR REPLACE VIEW read.survey_facts AS
SELECT survey_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, account_id, aided, kind, score, unaided, user_id
FROM generation.survey_facts;
COMMENT ON VIEW read.survey_facts IS 'One row an event: SurveySent, SurveyAnswered.';
COMMENT ON COLUMN read.survey_facts.survey_id IS 'The survey as its client named it.';
COMMENT ON COLUMN read.survey_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.survey_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.survey_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.survey_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.survey_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.survey_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.survey_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.survey_facts.account_id IS 'A customer: the company or the person that pays. Never a person''s name or address.';
COMMENT ON COLUMN read.survey_facts.aided IS 'brand: whether they know it from a list.';
COMMENT ON COLUMN read.survey_facts.kind IS 'What is asked: csat, nps or brand.';
COMMENT ON COLUMN read.survey_facts.score IS 'csat: 1 to 5; nps: 0 to 10.';
COMMENT ON COLUMN read.survey_facts.unaided IS 'brand: whether they name it by themselves.';
COMMENT ON COLUMN read.survey_facts.user_id IS 'What the ledger knows a user by: random, per tenant, meaningless without the vault.';

CREATE TABLE probe_facts (
    probe_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    covers_seconds bigint,
    good bigint,
    kind text COLLATE "C",
    total bigint,
    CONSTRAINT probe_facts_pkey PRIMARY KEY (tenant, probe_id, sequence)
);
CREATE OR REPLACE VIEW read.probe_facts AS
SELECT probe_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, covers_seconds, good, kind, total
FROM generation.probe_facts;
COMMENT ON VIEW read.probe_facts IS 'One row an event: ProbeRecorded.';
COMMENT ON COLUMN read.probe_facts.probe_id IS 'The probe as its client named it.';
COMMENT ON COLUMN read.probe_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.probe_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.probe_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.probe_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.probe_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.probe_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.probe_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.probe_facts.covers_seconds IS 'How many seconds up to `occurred_at` it stands for, at most a day. What no probe stands for is unmeasured.';
COMMENT ON COLUMN read.probe_facts.good IS 'Checks that found it up, or requests answered in time.';
COMMENT ON COLUMN read.probe_facts.kind IS 'What was measured: uptime or api_latency.';
COMMENT ON COLUMN read.probe_facts.total IS 'All checks or requests.';

CREATE TABLE storage_facts (
    storage_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    bytes bigint,
    CONSTRAINT storage_facts_pkey PRIMARY KEY (tenant, storage_id, sequence)
);
CREATE OR REPLACE VIEW read.storage_facts AS
SELECT storage_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, bytes
FROM generation.storage_facts;
COMMENT ON VIEW read.storage_facts IS 'One row an event: StorageMeasured.';
COMMENT ON COLUMN read.storage_facts.storage_id IS 'The storage as its client named it.';
COMMENT ON COLUMN read.storage_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.storage_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.storage_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.storage_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.storage_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.storage_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.storage_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.storage_facts.bytes IS 'Bytes.';

CREATE TABLE milestone_facts (
    milestone_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    area text COLLATE "C",
    evidence text COLLATE "C",
    milestone text COLLATE "C",
    CONSTRAINT milestone_facts_pkey PRIMARY KEY (tenant, milestone_id, sequence)
);
CREATE OR REPLACE VIEW read.milestone_facts AS
SELECT milestone_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, area, evidence, milestone
FROM generation.milestone_facts;
COMMENT ON VIEW read.milestone_facts IS 'One row an event: MilestoneReached, MilestoneReopened.';
COMMENT ON COLUMN read.milestone_facts.milestone_id IS 'The milestone as its client named it.';
COMMENT ON COLUMN read.milestone_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.milestone_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.milestone_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.milestone_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.milestone_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.milestone_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.milestone_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.milestone_facts.area IS 'What the milestone belongs to: infrastructure, security or compliance.';
COMMENT ON COLUMN read.milestone_facts.evidence IS 'Where the evidence lies: a link or a document''s name. Never a person''s.';
COMMENT ON COLUMN read.milestone_facts.milestone IS 'As the plan names it, such as `database_read_replicas`.';

CREATE TABLE definition_facts (
    definition_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    kpi text COLLATE "C",
    parameters jsonb,
    reason text COLLATE "C",
    version bigint,
    CONSTRAINT definition_facts_pkey PRIMARY KEY (tenant, definition_id, sequence)
);
CREATE OR REPLACE VIEW read.definition_facts AS
SELECT definition_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, kpi, parameters, reason, version
FROM generation.definition_facts;
COMMENT ON VIEW read.definition_facts IS 'One row an event: DefinitionAdopted.';
COMMENT ON COLUMN read.definition_facts.definition_id IS 'The definition as its client named it.';
COMMENT ON COLUMN read.definition_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.definition_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.definition_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.definition_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.definition_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.definition_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.definition_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.definition_facts.kpi IS 'As in the register; the same for every version of one definition.';
COMMENT ON COLUMN read.definition_facts.parameters IS 'Of active_capsule_interactions: `kinds` and `actors`. Of user_engagement_score: `weights` and `reference`. Of customer_health_score: `weights`, `at_risk_below` and `healthy_above`.';
COMMENT ON COLUMN read.definition_facts.reason IS 'What changed and why, by the name of a document.';
COMMENT ON COLUMN read.definition_facts.version IS 'From 2 on: 1 is the register''s own.';

CREATE TABLE plan_facts (
    plan_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    first_month date,
    plan_cadence jsonb,
    plan_currency text COLLATE "C",
    plan_gate_items jsonb,
    plan_hires jsonb,
    plan_levels jsonb,
    plan_milestones jsonb,
    plan_name text COLLATE "C",
    plan_processes jsonb,
    plan_risks jsonb,
    plan_service_levels jsonb,
    plan_stages jsonb,
    plan_targets jsonb,
    plan_teams jsonb,
    plan_version bigint,
    CONSTRAINT plan_facts_pkey PRIMARY KEY (tenant, plan_id, sequence)
);
CREATE OR REPLACE VIEW read.plan_facts AS
SELECT plan_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, first_month, plan_cadence, plan_currency, plan_gate_items, plan_hires, plan_levels, plan_milestones, plan_name, plan_processes, plan_risks, plan_service_levels, plan_stages, plan_targets, plan_teams, plan_version
FROM generation.plan_facts;
COMMENT ON VIEW read.plan_facts IS 'One row an event: PlanAdopted.';
COMMENT ON COLUMN read.plan_facts.plan_id IS 'The plan as its client named it.';
COMMENT ON COLUMN read.plan_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.plan_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.plan_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.plan_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.plan_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.plan_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.plan_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.plan_facts.first_month IS 'The company''s month 1, by its first day; default: the month of its first interaction.';
COMMENT ON COLUMN read.plan_facts.plan_cadence IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: cadence.';
COMMENT ON COLUMN read.plan_facts.plan_currency IS 'All money of the plan, and all figures of money that are held against it.';
COMMENT ON COLUMN read.plan_facts.plan_gate_items IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: gate items.';
COMMENT ON COLUMN read.plan_facts.plan_hires IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: hires.';
COMMENT ON COLUMN read.plan_facts.plan_levels IS 'The leadership pipeline, from the lowest level.';
COMMENT ON COLUMN read.plan_facts.plan_milestones IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: milestones.';
COMMENT ON COLUMN read.plan_facts.plan_name IS 'What a capsule is called.';
COMMENT ON COLUMN read.plan_facts.plan_processes IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: processes.';
COMMENT ON COLUMN read.plan_facts.plan_risks IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: risks.';
COMMENT ON COLUMN read.plan_facts.plan_service_levels IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: service levels.';
COMMENT ON COLUMN read.plan_facts.plan_stages IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: stages.';
COMMENT ON COLUMN read.plan_facts.plan_targets IS 'What is held against figures beside what the stages say.';
COMMENT ON COLUMN read.plan_facts.plan_teams IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: teams.';
COMMENT ON COLUMN read.plan_facts.plan_version IS 'A plan, as `schemas/plan.toml` and the command that adopts it write it: version.';

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

CREATE TABLE employment_facts (
    employment_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    fte_percent bigint,
    function text COLLATE "C",
    level text COLLATE "C",
    reason text COLLATE "C",
    CONSTRAINT employment_facts_pkey PRIMARY KEY (tenant, employment_id, sequence)
);
CREATE OR REPLACE VIEW read.employment_facts AS
SELECT employment_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, fte_percent, function, level, reason
FROM generation.employment_facts;
COMMENT ON VIEW read.employment_facts IS 'One row an event: HireMade, RoleChanged, Departed.';
COMMENT ON COLUMN read.employment_facts.employment_id IS 'The employment as its client named it.';
COMMENT ON COLUMN read.employment_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.employment_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.employment_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.employment_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.employment_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.employment_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.employment_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.employment_facts.fte_percent IS 'How much of full time, 1 to 100; 50 is half-time.';
COMMENT ON COLUMN read.employment_facts.function IS 'What part of the company somebody works in: engineering, product, sales, marketing, customer_success or operations.';
COMMENT ON COLUMN read.employment_facts.level IS 'How far up somebody works, from the lowest: individual_contributor, team_lead, manager, director, vp or executive.';
COMMENT ON COLUMN read.employment_facts.reason IS 'Why somebody departed: resigned, dismissed, other or ended. A closed list: free text might tell of a person.';

CREATE TABLE succession_facts (
    succession_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    function text COLLATE "C",
    level text COLLATE "C",
    readiness text COLLATE "C",
    successor text COLLATE "C",
    CONSTRAINT succession_facts_pkey PRIMARY KEY (tenant, succession_id, sequence)
);
CREATE OR REPLACE VIEW read.succession_facts AS
SELECT succession_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, function, level, readiness, successor
FROM generation.succession_facts;
COMMENT ON VIEW read.succession_facts IS 'One row an event: SuccessorNamed, SuccessorWithdrawn.';
COMMENT ON COLUMN read.succession_facts.succession_id IS 'The succession as its client named it.';
COMMENT ON COLUMN read.succession_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.succession_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.succession_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.succession_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.succession_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.succession_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.succession_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.succession_facts.function IS 'The key role''s: engineering, product, sales, marketing, customer_success or operations.';
COMMENT ON COLUMN read.succession_facts.level IS 'The key role''s: individual_contributor, team_lead, manager, director, vp or executive.';
COMMENT ON COLUMN read.succession_facts.readiness IS 'How soon a successor could take over: now, one_year or two_years.';
COMMENT ON COLUMN read.succession_facts.successor IS 'Somebody who works here, by an opaque id. Never a person''s name or address.';

CREATE TABLE assessment_facts (
    assessment_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    area text COLLATE "C",
    evidence text COLLATE "C",
    level bigint,
    CONSTRAINT assessment_facts_pkey PRIMARY KEY (tenant, assessment_id, sequence)
);
CREATE OR REPLACE VIEW read.assessment_facts AS
SELECT assessment_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, area, evidence, level
FROM generation.assessment_facts;
COMMENT ON VIEW read.assessment_facts IS 'One row an event: ProcessAssessed.';
COMMENT ON COLUMN read.assessment_facts.assessment_id IS 'The assessment as its client named it.';
COMMENT ON COLUMN read.assessment_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.assessment_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.assessment_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.assessment_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.assessment_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.assessment_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.assessment_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.assessment_facts.area IS 'What the process is for: product_development, sales_process, customer_success or marketing_operations.';
COMMENT ON COLUMN read.assessment_facts.evidence IS 'Where the evidence lies: a link or a document''s name. Never a person''s.';
COMMENT ON COLUMN read.assessment_facts.level IS '1 is ad hoc, 2 repeatable, 3 defined.';

CREATE TABLE gate_item_facts (
    gate_item_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    evidence text COLLATE "C",
    relied_on text COLLATE "C",
    transition text COLLATE "C",
    CONSTRAINT gate_item_facts_pkey PRIMARY KEY (tenant, gate_item_id, sequence)
);
CREATE OR REPLACE VIEW read.gate_item_facts AS
SELECT gate_item_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, evidence, relied_on, transition
FROM generation.gate_item_facts;
COMMENT ON VIEW read.gate_item_facts IS 'One row an event: GateItemMet, GateItemReopened.';
COMMENT ON COLUMN read.gate_item_facts.gate_item_id IS 'The gate item as its client named it.';
COMMENT ON COLUMN read.gate_item_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.gate_item_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.gate_item_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.gate_item_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.gate_item_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.gate_item_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.gate_item_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.gate_item_facts.evidence IS 'Where the evidence lies: a link or a document''s name. Never a person''s.';
COMMENT ON COLUMN read.gate_item_facts.relied_on IS 'The event of this ledger that it rests on.';
COMMENT ON COLUMN read.gate_item_facts.transition IS 'Which two phases the gate lies between: foundation_to_systematization or systematization_to_optimization.';

CREATE TABLE risk_facts (
    risk_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    category text COLLATE "C",
    impact bigint,
    likelihood bigint,
    mitigation text COLLATE "C",
    risk text COLLATE "C",
    CONSTRAINT risk_facts_pkey PRIMARY KEY (tenant, risk_id, sequence)
);
CREATE OR REPLACE VIEW read.risk_facts AS
SELECT risk_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, category, impact, likelihood, mitigation, risk
FROM generation.risk_facts;
COMMENT ON VIEW read.risk_facts IS 'One row an event: RiskRaised, RiskReassessed, RiskMitigated, RiskClosed.';
COMMENT ON COLUMN read.risk_facts.risk_id IS 'The risk as its client named it.';
COMMENT ON COLUMN read.risk_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.risk_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.risk_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.risk_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.risk_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.risk_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.risk_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.risk_facts.category IS 'What part of the company would be hit: organizational, operational or financial.';
COMMENT ON COLUMN read.risk_facts.impact IS 'From 1, hardly felt, to 5, the company''s end.';
COMMENT ON COLUMN read.risk_facts.likelihood IS 'From 1, hardly, to 5, almost certainly.';
COMMENT ON COLUMN read.risk_facts.mitigation IS 'What is done, in a few words.';
COMMENT ON COLUMN read.risk_facts.risk IS 'What might go wrong, in a few words.';

CREATE TABLE objective_facts (
    objective_id text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    event_type text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL,
    function text COLLATE "C",
    key_result text COLLATE "C",
    key_results jsonb,
    quarter date,
    title text COLLATE "C",
    value numeric,
    CONSTRAINT objective_facts_pkey PRIMARY KEY (tenant, objective_id, sequence)
);
CREATE OR REPLACE VIEW read.objective_facts AS
SELECT objective_id, tenant, sequence, event_type, occurred_at, recorded_at, partition, position, function, key_result, key_results, quarter, title, value
FROM generation.objective_facts;
COMMENT ON VIEW read.objective_facts IS 'One row an event: ObjectiveSet, KeyResultMeasured.';
COMMENT ON COLUMN read.objective_facts.objective_id IS 'The objective as its client named it.';
COMMENT ON COLUMN read.objective_facts.tenant IS 'Whose it is.';
COMMENT ON COLUMN read.objective_facts.sequence IS 'The event''s place in its stream, from 1.';
COMMENT ON COLUMN read.objective_facts.event_type IS 'What happened.';
COMMENT ON COLUMN read.objective_facts.occurred_at IS 'When it happened, in business time; periods go by this, in UTC.';
COMMENT ON COLUMN read.objective_facts.recorded_at IS 'When the ledger took it.';
COMMENT ON COLUMN read.objective_facts.partition IS 'The partition of its event in the ledger.';
COMMENT ON COLUMN read.objective_facts.position IS 'The position of its event; PARTITION-POSITION is the event''s id.';
COMMENT ON COLUMN read.objective_facts.function IS 'Whose it is; default: the whole company''s: engineering, product, sales, marketing, customer_success or operations.';
COMMENT ON COLUMN read.objective_facts.key_result IS 'The key result''s id.';
COMMENT ON COLUMN read.objective_facts.key_results IS '1 to 20, each with another id.';
COMMENT ON COLUMN read.objective_facts.quarter IS 'The quarter''s first day, such as 2026-10-01.';
COMMENT ON COLUMN read.objective_facts.title IS 'What is to be reached.';
COMMENT ON COLUMN read.objective_facts.value IS 'Up to 15 digits before the point and 6 after it, as text: `"12.5"`, `"-3"`. Read as `"1.50"`, it is written `"1.5"`.';
