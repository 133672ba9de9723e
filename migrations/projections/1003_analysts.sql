-- Who may query the read models with SQL, and whose rows they see. Row security asks for the role that logged in, which
-- nothing that it does in its session can change.
CREATE TABLE projections.analysts (
    role_name text        NOT NULL CONSTRAINT analysts_pkey PRIMARY KEY,
    tenant    text        COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE projections.analysts IS 'The PostgreSQL roles of analysts, and the tenant whose rows each sees.';

CREATE FUNCTION projections.own_tenant() RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
    RETURN (SELECT tenant FROM projections.analysts WHERE role_name = session_user);
COMMENT ON FUNCTION projections.own_tenant() IS 'The tenant of the analyst who is logged in; null for anybody else.';
