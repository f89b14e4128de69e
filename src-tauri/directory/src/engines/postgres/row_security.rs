//! Row level security: whether the server hides rows from this role, and the policy that shows them.
//! <https://www.postgresql.org/docs/current/ddl-rowsecurity.html>

use serde::Deserialize;
use sqlx::Row;
use sqlx::postgres::PgRow;

use crate::engines::postgres::reading::PgReadTx;
use crate::faults::ASK_ADMINISTRATOR;
use crate::model::Caution;

/// Every table with row level security that is read when the relation `$1` is, with the role whose rights count there.
///
/// As `row_security_active` tells it, but below views too: those read as their owner, unless they are made with
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

/// A table whose rows are shown by policies.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// Qualified and quoted.
    table: String,
    /// The role whose rights count; quoted.
    reader: String,
    /// It is the user of the connection, and no view's owner.
    as_user: bool,
    /// The policies count for it: it is neither the owner nor exempt.
    active: bool,
    policies: Vec<RowPolicy>,
}

#[derive(Debug, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "facts that are independent of each other")]
struct RowPolicy {
    name: String,
    /// It takes rows away from what others show.
    restricts: bool,
    reads: bool,
    for_all: bool,
    applies: bool,
    condition: String,
    /// What it asks of the session, itself or through a function that it calls.
    settings: Vec<PolicySetting>,
}

/// Of the session, as it is for this connection.
#[derive(Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct PolicySetting {
    name: String,
    /// Its value stays with the server: it may be a key or a token.
    is_set: bool,
}

/// The guarded tables that are read with the relation of this oid. Empty where the server does not tell.
pub(crate) async fn read(reading: &mut PgReadTx, oid: &str) -> Vec<Guarded> {
    let asked = async {
        sqlx::raw_sql("SAVEPOINT policies").execute(reading.connection()).await?;
        let rows = sqlx::query(GUARDED).bind(oid.to_owned()).persistent(false);
        rows.fetch_all(reading.connection())
            .await?
            .iter()
            .map(guarded)
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

fn guarded(row: &PgRow) -> Result<Guarded, sqlx::Error> {
    let policies: String = row.try_get("policies")?;
    Ok(Guarded {
        table: row.try_get("name")?,
        reader: row.try_get("reader")?,
        as_user: row.try_get("as_user")?,
        active: row.try_get("active")?,
        policies: serde_json::from_str(&policies).map_err(|error| sqlx::Error::Decode(error.into()))?,
    })
}

impl Guarded {
    fn counting(&self, restricts: bool) -> impl Iterator<Item = &RowPolicy> {
        self.policies.iter().filter(move |one| one.reads && one.applies && one.restricts == restricts)
    }

    fn shows_all(&self) -> bool {
        self.counting(false).any(RowPolicy::is_open) && self.counting(true).all(RowPolicy::is_open)
    }

    /// What hides rows from the role; `None`: nothing does.
    pub(crate) fn caution(&self) -> Option<Caution> {
        if !self.active || self.shows_all() {
            return None;
        }
        let Self { table, reader, .. } = self;
        let counting: Vec<&RowPolicy> = self.counting(false).chain(self.counting(true)).collect();
        let mut settings: Vec<&PolicySetting> = counting.iter().flat_map(|one| &one.settings).collect();
        settings.sort_unstable();
        settings.dedup();
        let message = if self.counting(false).next().is_none() {
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
            statement: Some(self.opening(reader, self.counting(true).next().is_some())),
            hides_users: true,
        })
    }

    /// What lets a new role called `role` read every row; `None`: it may, or a view's owner reads for it.
    pub(crate) fn opening_for(&self, role: &str) -> Option<String> {
        let for_all = |restricts| {
            self.policies.iter().filter(move |one| one.reads && one.for_all && one.restricts == restricts)
        };
        let is_open = for_all(false).any(RowPolicy::is_open) && for_all(true).all(RowPolicy::is_open);
        (self.as_user && !is_open).then(|| self.opening(role, for_all(true).next().is_some()))
    }

    /// A policy adds rows, but for those that another one takes away from everybody's.
    fn opening(&self, role: &str, is_restricted: bool) -> String {
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

/// The end of a message: what the policies ask of the session, and what this connection's session has of it.
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
