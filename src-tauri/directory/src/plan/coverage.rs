//! Describes the search plan for users: which index each tier of each column uses, and which one it lacks.

use crate::model::{FieldKind, SearchCoverage, Tier};
use crate::schema::mapping::Mapping;
use crate::schema::table::{IndexUse, TableColumn};

/// An engine's advice on missing indexes.
pub(crate) trait IndexAdvisor<T> {
    /// The statement that creates an index for this tier and these columns. `None` if the engine has no such index or
    /// the columns belong to a view.
    fn suggest_index(&self, tier: Tier, columns: &[&TableColumn<T>]) -> Option<String>;
    /// What the engine's index for "contains" cannot do.
    const CONTAINS_NOTE: &'static str;
}

/// One entry per tier and column, in the order in which a search runs.
pub(crate) fn list_search_coverage<T: Clone, A: IndexAdvisor<T>>(
    mapping: &Mapping<T>,
    advise: &A,
) -> Vec<SearchCoverage> {
    if let Some(at) = mapping.leads_by {
        return list_record_coverage(mapping, &mapping.shown[at], advise);
    }
    let mut services = Vec::new();
    let mut say = |tier, columns: &[&TableColumn<T>], served: Option<&IndexUse>, note: Option<&str>| {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let complete = served.is_some() && note.is_none_or(|note| note == A::CONTAINS_NOTE);
        services.push(SearchCoverage {
            tier,
            column: names.join(", "),
            index: served.map(|served| served.index.clone()),
            note: served.and(note).map(str::to_owned),
            advice: if complete {
                None
            } else {
                advise.suggest_index(find_serving_tier(mapping, tier, columns), columns)
            },
        });
    };
    let minds_case = |served: Option<&IndexUse>| {
        served.filter(|served| !served.form.any_case("")).map(|_| "as typed and in its usual spellings")
    };
    let newest = mapping.created_at.map_or_else(|| mapping.id(), |at| &mapping.shown[at]);
    say(Tier::All, &[newest], newest.access.order.as_ref(), None);
    say(Tier::Id, &[mapping.id()], mapping.id().access.equals.as_ref(), None);
    if let Some(at) = mapping.searched_email {
        let email = &mapping.shown[at];
        let served = email.access.equals.as_ref();
        say(Tier::Email, &[email], served, minds_case(served));
    }
    for &at in &mapping.led_to {
        let column = &mapping.shown[at];
        if Some(at) != mapping.searched_email {
            say(Tier::Related, &[column], column.access.equals.as_ref(), None);
        }
    }
    for column in &mapping.search {
        let served = column.access.prefix.as_ref();
        // An index for "contains" finds prefixes too.
        let gathered = served.is_none().then_some(column.access.contains.as_ref()).flatten();
        say(Tier::Prefix, &[column], served.or(gathered), minds_case(served));
    }
    let (served, unserved): (Vec<_>, Vec<_>) =
        mapping.search.iter().partition(|column| column.access.contains.is_some());
    for column in served {
        say(Tier::Contains, &[column], column.access.contains.as_ref(), Some(A::CONTAINS_NOTE));
    }
    if !unserved.is_empty() {
        say(Tier::Contains, &unserved, None, None);
    }
    services
}

/// The same for a related table: one entry per identifying column, and one for the rows of a user.
fn list_record_coverage<T: Clone, A: IndexAdvisor<T>>(
    mapping: &Mapping<T>,
    leads_by: &TableColumn<T>,
    advise: &A,
) -> Vec<SearchCoverage> {
    let describe = |tier, column: &TableColumn<T>, served: Option<&IndexUse>, note: Option<&str>, advised| {
        SearchCoverage {
            tier,
            column: column.name.as_str().to_owned(),
            index: served.map(|served| served.index.clone()),
            note: served.and(note).map(str::to_owned),
            advice: if served.is_some() { None } else { advise.suggest_index(advised, &[column]) },
        }
    };
    let identities = mapping.search.iter().map(|column| {
        let access = &column.access;
        match (column.find_prefix_index(), &access.equals) {
            (Some(served), _) => describe(Tier::RelatedPrefix, column, Some(served), None, Tier::Prefix),
            (None, Some(served)) => {
                describe(Tier::Related, column, Some(served), Some("whole values only"), Tier::Prefix)
            }
            (None, None) => {
                let advised = if column.kind == FieldKind::Text { Tier::Prefix } else { Tier::All };
                describe(Tier::Related, column, None, None, advised)
            }
        }
    });
    let mut services: Vec<SearchCoverage> = identities.collect();
    if !mapping.search.iter().any(|column| column.name == leads_by.name) {
        services.push(describe(Tier::Related, leads_by, leads_by.access.equals.as_ref(), None, Tier::All));
    }
    services
}

/// The tier to give advice for. A unique index on the ID also orders the list, so one piece of advice covers both. What
/// related tables lead to needs an ordinary index.
fn find_serving_tier<T: Clone>(mapping: &Mapping<T>, tier: Tier, columns: &[&TableColumn<T>]) -> Tier {
    if tier == Tier::Related {
        return Tier::All;
    }
    let is_id = columns.iter().all(|column| column.name == mapping.id().name);
    if tier == Tier::All && is_id && mapping.id().access.equals.is_none() { Tier::Id } else { tier }
}
