-- Figures are made from the tables above by the formulas of the register, after the facts: what has changed is written down
-- with the facts, in their transaction, and taken away with the figures that follow from it.
CREATE TABLE changes (
    tenant text COLLATE "C" NOT NULL,
    fact   text COLLATE "C" NOT NULL,
    day    date NOT NULL
);
COMMENT ON TABLE changes IS 'Days whose facts of a kind have changed since figures were made of them. Rows are only inserted and deleted.';

CREATE TABLE pending_figures (
    tenant   text COLLATE "C" NOT NULL,
    kpi      text COLLATE "C" NOT NULL,
    from_day date NOT NULL,
    to_day   date NOT NULL,
    notes    bigint NOT NULL DEFAULT 1,
    CONSTRAINT pending_figures_pkey PRIMARY KEY (tenant, kpi)
);
COMMENT ON TABLE pending_figures IS 'Days whose changes a KPI''s figures do not show yet.';
COMMENT ON COLUMN pending_figures.notes IS 'How often something was noted: what comes while figures are made stays pending.';

CREATE TABLE first_facts (
    tenant    text COLLATE "C" NOT NULL,
    fact      text COLLATE "C" NOT NULL,
    first_day date NOT NULL,
    CONSTRAINT first_facts_pkey PRIMARY KEY (tenant, fact)
);
COMMENT ON TABLE first_facts IS 'The day of each tenant''s first fact of a kind: no figure that follows from it is older.';

CREATE TABLE figure_formulas (
    kpi    text COLLATE "C" NOT NULL,
    sha256 bytea NOT NULL,
    CONSTRAINT figure_formulas_pkey PRIMARY KEY (kpi)
);
COMMENT ON TABLE figure_formulas IS 'The formula that each KPI''s figures are made by; with another one they are made anew.';

CREATE TABLE figures (
    tenant        text COLLATE "C" NOT NULL,
    kpi           text COLLATE "C" NOT NULL,
    definition    integer NOT NULL,
    grain         text COLLATE "C" NOT NULL CONSTRAINT figures_grain_known CHECK (grain IN ('day', 'week', 'month', 'quarter')),
    period        date    NOT NULL,
    segment       text COLLATE "C" NOT NULL,
    numerator     numeric,
    denominator   numeric,
    n             bigint  NOT NULL,
    value         numeric,
    parts         jsonb   NOT NULL,
    target        numeric,
    status        text COLLATE "C" NOT NULL CONSTRAINT figures_status_known
        CHECK (status IN ('reached', 'missed', 'in_progress', 'no_target', 'no_data')),
    plan_version  integer NOT NULL,
    is_partial    boolean NOT NULL,
    restated_from numeric,
    CONSTRAINT figures_pkey PRIMARY KEY (tenant, kpi, grain, period, segment)
);
COMMENT ON TABLE figures IS 'One row a KPI, period and segment.';

-- Apart from the figures: it says when they were made and changes nothing in what they are.
CREATE TABLE figure_times (
    tenant              text COLLATE "C" NOT NULL,
    kpi                 text COLLATE "C" NOT NULL,
    computed_at         timestamptz NOT NULL,
    in_other_currencies bigint NOT NULL,
    CONSTRAINT figure_times_pkey PRIMARY KEY (tenant, kpi)
);
COMMENT ON TABLE figure_times IS 'When each KPI''s figures were last made.';
COMMENT ON COLUMN figure_times.in_other_currencies IS 'Facts that they leave out, in another currency than that of the plan then in force.';
