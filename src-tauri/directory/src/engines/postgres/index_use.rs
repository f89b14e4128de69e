//! Determines what the table's indexes can be used for by asking the planner.
//!
//! Each condition that a search could use on a column is explained with sequential scans disabled. If it becomes an
//! index condition in the plan, that index can be used for it. This covers everything that PostgreSQL knows about
//! operator classes, collations, expressions, predicates, partitions and the tables below a view.
//! <https://www.postgresql.org/docs/current/using-explain.html>

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgRow;

use crate::engines::postgres::catalogue::PgType;
use crate::engines::postgres::dialect::{Postgres, index_expression};
use crate::engines::postgres::reading::PgReadTx;
use crate::error::{DirectoryCode, Result};
use crate::schema::mapping::Mapping;
use crate::schema::name::CatalogueName;
use crate::schema::table::{IndexForm, IndexUse, TableColumn};
use crate::sql::dialect::{Dialect, qualify_column};

type Column = TableColumn<PgType>;

/// A text that no table contains, and that appears in a plan wherever it is compared.
const PROBE: &str = "understudy probe";

/// The time limit for probing when a directory is opened. Explaining a statement takes longer the more columns the
/// table has, quadratically until version 18: 80 ms for 1,600 columns. Columns without an index are skipped, except in
/// views, where that is unknown. Columns at the end of the connection file are probed last.
const ENOUGH: Duration = Duration::from_secs(4);
/// How many statements are explained in one round trip; few, so that the time limit holds.
const AT_ONCE: usize = 16;

/// The first version with `FETCH FIRST … WITH TIES`.
const WITH_TIES_SINCE: u32 = 13;

/// A condition or order to explain, and what it means if an index is used for it.
struct Probe {
    sql: String,
    means: ProbePurpose,
    form: IndexForm,
    /// The text that the index condition has to contain; `None`: the index has to provide the order.
    compared: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ProbePurpose {
    Equals,
    Prefix,
    Contains,
    Order,
}

/// Determines the indexes for each column of `mapping`. If the planner gives no answer, the column counts as having
/// none. Fails if it cannot answer at the moment: a locked table still has its indexes. `indexed`: the columns that may
/// have an index, if that is known. `version`: the server's, such as `15.18`.
pub(crate) async fn find_index_use(
    reading: &mut PgReadTx,
    mapping: &mut Mapping<PgType>,
    indexed: Option<&HashSet<String>>,
    version: &str,
) -> Result<()> {
    let ties = version.split('.').next().and_then(|major| major.parse().ok()) >= Some(WITH_TIES_SINCE);
    let mut asked: Vec<(CatalogueName, Probe)> = Vec::new();
    let searched: HashSet<&str> = mapping.search.iter().map(|column| column.name.as_str()).collect();
    let id = mapping.id().name.as_str();
    let mut columns: Vec<&Column> = mapping.shown.iter().chain(&mapping.search).collect();
    // Searched columns and the creation time come before columns that are only shown.
    columns.sort_by_key(|column| {
        let name = column.name.as_str();
        let orders = mapping.created_at.is_some_and(|at| mapping.shown[at].name == column.name);
        name != id && !searched.contains(name) && !orders
    });
    let mut known: HashSet<&str> = HashSet::new();
    for column in columns {
        let name = column.name.as_str();
        let may_be_served = indexed.is_none_or(|indexed| indexed.contains(column.own_name().as_str()));
        if may_be_served && known.insert(name) {
            let probes = build_probes(&mapping.table, column, name == id, searched.contains(name));
            asked.extend(probes.into_iter().map(|probe| (column.name.clone(), probe)));
        }
    }
    let plans = match explain_probes(reading, &asked).await {
        Ok(plans) => plans,
        Err(cause) => {
            tracing::warn!("the planner does not tell what its indexes serve: {cause}");
            let cause = cause.downcast::<sqlx::Error>().map_err(drop);
            return match cause.map(|cause| reading.query_error(*cause)) {
                Ok(error) if error.code == DirectoryCode::Timeout => Err(error),
                _ => Ok(()),
            };
        }
    };
    for ((name, probe), plan) in asked.iter().zip(&plans) {
        let Some(index) = served_by(plan, probe) else { continue };
        let columns = mapping.shown.iter_mut().chain(&mut mapping.search);
        for column in columns.filter(|column| column.name == *name) {
            let place = match probe.means {
                ProbePurpose::Equals => &mut column.access.equals,
                ProbePurpose::Prefix => &mut column.access.prefix,
                ProbePurpose::Contains => &mut column.access.contains,
                ProbePurpose::Order => &mut column.access.order,
            };
            // Forms are probed best first.
            let form = IndexForm { ties: ties && probe.means == ProbePurpose::Prefix, ..probe.form };
            place.get_or_insert_with(|| IndexUse { index: index.clone(), form });
        }
    }
    for (shown, column) in mapping.shown.iter().zip(&mut mapping.columns) {
        column.sortable = shown.access.order.is_some() && !column.masked;
    }
    Ok(())
}

fn build_probes(table: &str, column: &Column, is_id: bool, is_searched: bool) -> Vec<Probe> {
    let mut probes = Vec::new();
    let mut add = |means, form, condition: String, order: Option<String>, compared: Option<String>| {
        let condition = if condition.is_empty() { condition } else { format!(" WHERE {condition}") };
        let order = order.map(|order| format!(" ORDER BY {order}")).unwrap_or_default();
        let sql = format!("EXPLAIN (FORMAT JSON) SELECT 1 FROM {table} AS u{condition}{order} LIMIT 10");
        probes.push(Probe { sql, means, form, compared });
    };
    let plain = IndexForm::default();
    let order_of = |form| {
        let ordering = Postgres::order_expression(column, form);
        format!("{} {}", ordering.expression, ordering.up)
    };
    let has_value =
        if column.nullable { format!("{} IS NOT NULL", qualify_column(column)) } else { String::new() };
    add(ProbePurpose::Order, plain, has_value, Some(order_of(plain)), None);

    if !is_text(column) {
        // A value of the column's type that a plan repeats as written.
        if let Some(value) = sample_value(column.db_type.name.as_str()) {
            let condition = format!("{} = '{value}'", qualify_column(column));
            add(ProbePurpose::Equals, plain, condition, None, Some(value.to_owned()));
        }
        return probes;
    }
    let ascii = column.db_type.folds_ascii;
    let lower = IndexForm { lower: true, ascii, ..plain };
    let folds = IndexForm { folds: true, ascii, ..plain };
    let equals = |form: IndexForm| format!("{} = '{PROBE}'", index_expression(column, form));
    let text = Some(PROBE.to_owned());
    if column.db_type.name.as_str() == "citext" {
        add(ProbePurpose::Equals, folds, equals(folds), None, text.clone());
        add(ProbePurpose::Equals, lower, equals(lower), None, text.clone());
    } else {
        if !is_id {
            add(ProbePurpose::Equals, lower, equals(lower), None, text.clone());
        }
        add(ProbePurpose::Equals, plain, equals(plain), None, text.clone());
    }
    if !is_searched {
        return probes;
    }
    let pattern = |form: IndexForm| IndexForm { pattern: true, ..form };
    let is_citext = column.db_type.name.as_str() == "citext";
    let mut forms = vec![pattern(lower)];
    if !is_citext {
        forms.push(pattern(plain));
    }
    if column.db_type.bytewise {
        forms.push(lower);
        if !is_citext {
            forms.push(plain);
        }
        // Case-insensitive forms come first.
        forms.sort_by_key(|form| !form.lower);
    }
    for form in forms {
        let expression = index_expression(column, form);
        let condition = if form.lower {
            format!("{expression} LIKE '{PROBE}%'")
        } else {
            let (from, before) = if form.pattern { ("~>=~", "~<~") } else { (">=", "<") };
            format!("{expression} {from} '{PROBE}' AND {expression} {before} '{PROBE}s'")
        };
        add(ProbePurpose::Prefix, form, condition, Some(order_of(form)), text.clone());
    }
    for (form, like) in [(pattern(plain), "ILIKE"), (lower, "LIKE")] {
        add(
            ProbePurpose::Contains,
            form,
            format!("{} {like} '%{PROBE}%'", index_expression(column, form)),
            None,
            text.clone(),
        );
    }
    probes
}

fn is_text(column: &Column) -> bool {
    matches!(column.db_type.name.as_str(), "text" | "varchar" | "bpchar" | "citext")
}

fn sample_value(type_name: &str) -> Option<&'static str> {
    Some(match type_name {
        "int2" | "float4" => "17171",
        "int4" | "int8" | "oid" | "numeric" | "float8" => "171717171",
        "bytea" => "\\x17171717",
        "uuid" => "17171717-1717-4717-9717-171717171717",
        _ => return None,
    })
}

/// Returns the plans of the probes, or only of the first ones if it takes too long. All settings are reverted with the
/// savepoint.
async fn explain_probes(
    reading: &mut PgReadTx,
    probes: &[(CatalogueName, Probe)],
) -> Result<Vec<Json>, Box<dyn std::error::Error + Send + Sync>> {
    // Not SET, since older servers do not know all of these settings. Pruning is disabled so that partitions are
    // planned even if they cannot contain the probe's value.
    let settings = "SAVEPOINT probes; SET LOCAL enable_bitmapscan = on; SELECT set_config(name, 'off', true) FROM pg_settings \
                    WHERE name IN ('enable_seqscan', 'enable_sort', 'enable_incremental_sort', 'jit', \
                    'enable_partition_pruning', 'constraint_exclusion')";
    sqlx::raw_sql(settings).fetch_all(reading.connection()).await?;
    let began = Instant::now();
    let mut rows = Ok(Vec::new());
    for probes in probes.chunks(AT_ONCE) {
        let Ok(known) = &mut rows else { break };
        if began.elapsed() >= ENOUGH {
            tracing::warn!("the planner takes long: what else its indexes serve is not asked");
            break;
        }
        let sql: Vec<&str> = probes.iter().map(|(_, probe)| probe.sql.as_str()).collect();
        match sqlx::raw_sql(AssertSqlSafe(sql.join("; "))).fetch_all(reading.connection()).await {
            Ok(more) => known.extend(more),
            Err(cause) => rows = Err(cause),
        }
    }
    sqlx::raw_sql("ROLLBACK TO SAVEPOINT probes").execute(reading.connection()).await?;
    rows?.iter().map(plan_of).collect()
}

fn plan_of(row: &PgRow) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
    let text = crate::engines::postgres::reading::decode_text(row, 0)?.unwrap_or_default();
    let mut plans: Json = serde_json::from_str(&text)?;
    Ok(plans[0]["Plan"].take())
}

fn served_by(plan: &Json, probe: &Probe) -> Option<String> {
    let mut nodes = Vec::new();
    collect_nodes(plan, &mut nodes);
    let says = |node: &Json, key: &str, text: &str| {
        node[key].as_str().is_some_and(|condition| condition.contains(text))
    };
    let is = |node: &Json, kind: &str| node["Node Type"].as_str().is_some_and(|name| name.contains(kind));
    if nodes.iter().any(|node| is(node, "Sort")) {
        return None;
    }
    let index = |node: &&Json| node["Index Name"].as_str().map(str::to_owned);
    let Some(text) = &probe.compared else {
        if nodes.iter().any(|node| is(node, "Seq Scan") || is(node, "Bitmap")) {
            return None;
        }
        return nodes.iter().find(|node| is(node, "Index")).and_then(index);
    };
    // On every partition: if one has no such index, the condition becomes a filter there. For a pattern, a filter
    // follows the index condition on its prefix.
    if nodes.iter().any(|node| says(node, "Filter", text) && !says(node, "Index Cond", text)) {
        return None;
    }
    nodes.iter().find(|node| says(node, "Index Cond", text)).and_then(index)
}

fn collect_nodes<'a>(plan: &'a Json, nodes: &mut Vec<&'a Json>) {
    nodes.push(plan);
    for inner in plan["Plans"].as_array().into_iter().flatten() {
        collect_nodes(inner, nodes);
    }
}
