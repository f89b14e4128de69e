//! Row-level security: whether the server hides rows from this role, and a policy that would show them.
//! <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>

use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::engines::postgres::reading::PgReadTx;
use crate::faults::ASK_ADMINISTRATOR;
use crate::model::Caution;

/// Every table with row-level security that is read through the relation `$1`, with the role whose rights apply.
///
/// Like `row_security_active`, but also below views, which read with their owner's rights unless they are created with
/// `security_invoker`.
const GUARDED: &str = r"
    WITH RECURSIVE reads (oid, reader, as_user) AS (
        SELECT $1::oid, me.oid, true FROM pg_roles me WHERE me.rolname = current_user
        UNION
        SELECT below.oid, CASE WHEN invoked THEN reads.reader ELSE view.relowner END, reads.as_user AND invoked
        FROM reads
        JOIN pg_class view ON view.oid = reads.oid AND view.relkind = 'v'
        CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_options_to_table(view.reloptions)
                            WHERE option_name = 'security_invoker' AND option_value::bool)) AS how (invoked)
        JOIN pg_rewrite r ON r.ev_class = view.oid
        JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
                        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> view.oid
        JOIN pg_class below ON below.oid = d.refobjid AND below.relkind IN ('r', 'p', 'v')
    )
    SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, quote_ident(role.rolname) AS reader,
           reads.as_user,
           NOT (role.rolsuper OR role.rolbypassrls)
             AND (c.relforcerowsecurity OR NOT pg_has_role(role.oid, c.relowner, 'USAGE')) AS active,
           coalesce((SELECT jsonb_agg(jsonb_build_object(
               'name', p.polname,
               'restricts', NOT p.polpermissive,
               'reads', p.polcmd IN ('r', '*'),
               'for_all', 0 = ANY (p.polroles),
               'applies', EXISTS (SELECT FROM unnest(p.polroles) AS one (role)
                   WHERE CASE WHEN one.role = 0 THEN true ELSE pg_has_role(reads.reader, one.role, 'USAGE') END),
               'condition', coalesce(pg_get_expr(p.polqual, p.polrelid), 'true'),
               'settings', coalesce((SELECT jsonb_agg(DISTINCT jsonb_build_object('name', found.setting[1],
                       'is_set', coalesce(current_setting(found.setting[1], true), '') <> ''))
                   FROM regexp_matches(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid),
                       (SELECT string_agg(f.prosrc, ' ') FROM pg_depend d JOIN pg_proc f ON f.oid = d.refobjid
                        WHERE d.classid = 'pg_policy'::regclass AND d.objid = p.oid
                          AND d.refclassid = 'pg_proc'::regclass)),
                       'current_setting\(\s*''([^'']+)''', 'g') AS found (setting)), '[]')
             ) ORDER BY p.polname) FROM pg_policy p WHERE p.polrelid = c.oid), '[]')::text AS policies
    FROM reads
    JOIN pg_class c ON c.oid = reads.oid AND c.relrowsecurity
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_roles role ON role.oid = reads.reader
    ORDER BY 1, 2";

/// A table with row-level security.
#[derive(Debug)]
pub(crate) struct GuardedTable {
    /// Qualified and quoted.
    table: String,
    /// The role whose rights apply; quoted.
    reader: String,
    /// That role is the connection's user, not a view's owner.
    as_user: bool,
    /// The policies apply to that role: it is neither the table's owner nor exempt.
    active: bool,
    policies: Vec<RowPolicy>,
}

#[derive(Debug, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
struct RowPolicy {
    name: String,
    /// Restrictive: it removes rows that others show.
    restricts: bool,
    reads: bool,
    for_all: bool,
    applies: bool,
    condition: String,
    /// The session settings it depends on, directly or through a function it calls.
    settings: Vec<PolicySetting>,
}

/// A session setting, as it is for this connection.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct PolicySetting {
    name: String,
    /// Only whether it is set: its value may be a key or a token.
    is_set: bool,
}

/// The tables with row-level security that are read with the relation of this OID. Empty if the server does not say.
pub(crate) async fn read_guarded_tables(reading: &mut PgReadTx, oid: &str) -> Vec<GuardedTable> {
    let asked = async {
        sqlx::raw_sql("SAVEPOINT policies").execute(reading.connection()).await?;
        let rows = sqlx::query(GUARDED).bind(oid.to_owned()).persistent(false);
        rows.fetch_all(reading.connection())
            .await?
            .iter()
            .map(decode_guarded_table)
            .collect::<Result<Vec<_>, sqlx::Error>>()
    };
    match asked.await {
        Ok(guarded) => guarded,
        Err(cause) => {
            tracing::debug!("row level security could not be asked about: {cause}");
            let _ = sqlx::raw_sql("ROLLBACK TO SAVEPOINT policies").execute(reading.connection()).await;
            Vec::new()
        }
    }
}

fn decode_guarded_table(row: &PgRow) -> Result<GuardedTable, sqlx::Error> {
    let policies: String = row.try_get("policies")?;
    Ok(GuardedTable {
        table: row.try_get("name")?,
        reader: row.try_get("reader")?,
        as_user: row.try_get("as_user")?,
        active: row.try_get("active")?,
        policies: serde_json::from_str(&policies).map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}

impl GuardedTable {
    fn applicable_policies(&self, restricts: bool) -> impl Iterator<Item = &RowPolicy> {
        self.policies.iter().filter(move |one| one.reads && one.applies && one.restricts == restricts)
    }

    fn shows_all(&self) -> bool {
        self.applicable_policies(false).any(RowPolicy::is_open)
            && self.applicable_policies(true).all(RowPolicy::is_open)
    }

    /// The caution about rows hidden from the role; `None` if none are.
    pub(crate) fn caution(&self) -> Option<Caution> {
        if !self.active || self.shows_all() {
            return None;
        }
        let Self { table, reader, .. } = self;
        let counting: Vec<&RowPolicy> =
            self.applicable_policies(false).chain(self.applicable_policies(true)).collect();
        let mut settings: Vec<&PolicySetting> = counting.iter().flat_map(|one| &one.settings).collect();
        settings.sort_unstable();
        settings.dedup();
        let message = if self.applicable_policies(false).next().is_none() {
            format!(
                "Row level security is on for {table} and hides all of its rows from {reader}: no policy lets this \
                 role read any."
            )
        } else {
            let named: Vec<String> =
                counting.iter().map(|one| format!("`{}` {}", one.name, one.condition)).collect();
            let asks = depends_on(&settings);
            format!(
                "Row level security is on for {table}: {reader} sees only the rows that a policy lets through ({}).{asks}",
                named.join("; ")
            )
        };
        let unset = settings.iter().find(|setting| !setting.is_set);
        let hint = match unset {
            None => ASK_ADMINISTRATOR.to_owned(),
            Some(PolicySetting { name, .. }) => format!(
                "Give the role the value it is meant to see (ALTER ROLE {reader} SET {name} = '…'). For all rows, \
                 ask your database administrator to run:"
            ),
        };
        Some(Caution {
            message,
            hint: Some(hint),
            statement: Some(self.bypass_statement(reader, self.applicable_policies(true).next().is_some())),
            hides_users: true,
        })
    }

    /// The statement that lets a new role `role` read all rows; `None` if it already may, or a view's owner reads for
    /// it.
    pub(crate) fn opening_for(&self, role: &str) -> Option<String> {
        let for_all = |restricts| {
            self.policies.iter().filter(move |one| one.reads && one.for_all && one.restricts == restricts)
        };
        let is_open = for_all(false).any(RowPolicy::is_open) && for_all(true).all(RowPolicy::is_open);
        (self.as_user && !is_open).then(|| self.bypass_statement(role, for_all(true).next().is_some()))
    }

    /// A permissive policy adds rows, but cannot override a restrictive one that applies to everyone.
    fn bypass_statement(&self, role: &str, is_restricted: bool) -> String {
        if is_restricted {
            return format!("ALTER ROLE {role} BYPASSRLS");
        }
        let taken = |name: &str| self.policies.iter().any(|one| one.name == name);
        let names =
            std::iter::once("understudy".to_owned()).chain((2..).map(|at| format!("understudy_{at}")));
        let name = names.into_iter().find(|name| !taken(name)).unwrap_or_default();
        format!("CREATE POLICY {name} ON {} FOR SELECT TO {role} USING (true)", self.table)
    }
}

/// The end of a message: the settings that the policies depend on, and which of them this connection sets.
fn depends_on(settings: &[&PolicySetting]) -> String {
    let told = |is_set: bool, does: &str| {
        let names = settings.iter().filter(|setting| setting.is_set == is_set);
        let names: Vec<String> = names.map(|setting| format!("`{}`", setting.name)).collect();
        if names.is_empty() {
            return String::new();
        }
        format!(" That depends on {}, which this connection {does}.", names.join(" and "))
    };
    [told(false, "does not set"), told(true, "sets")].concat()
}

impl RowPolicy {
    fn is_open(&self) -> bool {
        self.condition == "true"
    }
}
