//! Chooses the passes for a query, and the index that each of them uses.

use super::search_pass::{AccessPath, MatchKind, Order, PassTest, SearchPass};
use super::{LOOKED_AT, Plan, TableSize, has_trigram};
use crate::model::{FieldKind, LeftOut, ListRequest, Role, Tier};
use crate::query;
use crate::query::pasted::CANDIDATES;
use crate::query::{Filter, ParsedQuery, spelling};
use crate::schema::mapping::Mapping;
use crate::schema::table::{IndexForm, TableColumn};
use crate::scope::{NamedUsers, RowKey, SearchScope};

/// The input of the planner.
pub(crate) struct Planner<'a, T> {
    mapping: &'a Mapping<T>,
    query: &'a ListRequest,
    asked: &'a ParsedQuery,
    size: TableSize,
    /// The texts in the query that could be an ID in this table.
    ids: Vec<String>,
    may_read: bool,
    /// The database itself ignores accents in every searched column.
    folds_itself: bool,
    scope: &'a SearchScope,
}

impl<'a, T: Clone> Planner<'a, T> {
    pub(crate) fn new(
        mapping: &'a Mapping<T>,
        query: &'a ListRequest,
        asked: &'a ParsedQuery,
        size: TableSize,
        ids: Vec<String>,
        folds_itself: bool,
        scope: &'a SearchScope,
    ) -> Self {
        // One candidate of a pasted text after the other would read the table.
        let times = if matches!(scope, SearchScope::Named(_)) { CANDIDATES as u64 } else { 1 };
        let read = TableSize { rows: size.rows.map(|rows| rows.saturating_mul(times)), ..size };
        let may_read = query.everywhere || read.is_small();
        Self { mapping, query, asked, size, ids, may_read, folds_itself, scope }
    }

    /// `sorted`: the shown column that the operator sorts by (`None`: the ID), and whether in descending order.
    pub(crate) fn build_plan(&self, sorted: Option<(Option<usize>, bool)>) -> Plan {
        match self.scope {
            SearchScope::Text | SearchScope::Led(_) => {}
            SearchScope::Identities(texts) => return Plan::of_passes(self.find_identities(texts, false)),
            SearchScope::Values(texts) => return Plan::of_passes(self.find_identities(texts, true)),
            SearchScope::Named(named) => {
                let plan = self.limit_table_reads(self.find_named(named, sorted));
                return Plan { unfolded: None, ..plan };
            }
            SearchScope::Keyed(keys) => return self.limit_table_reads(vec![self.find_keyed(keys)]),
        }
        let mut passes = match (self.asked.text.is_empty(), sorted) {
            (true, Some((column, descending))) => {
                let served = column.is_none_or(|at| self.mapping.shown[at].access.order.is_some());
                let order = column.map_or(Order::Id, Order::Shown);
                vec![build_pass(
                    Tier::All,
                    PassTest::Everything,
                    choose_access_path(served, AccessPath::Quick),
                    order,
                    descending,
                )]
            }
            (true, None) => {
                // Without an index on the creation time, a large table is listed by ID instead.
                vec![build_pass(
                    Tier::All,
                    PassTest::Everything,
                    AccessPath::Quick,
                    self.newest_order(),
                    true,
                )]
            }
            (false, Some((column, descending))) => self.in_one_order(column, descending),
            (false, None) => self.in_tiers(),
        };
        self.apply_filters(&mut passes);
        self.limit_table_reads(passes)
    }

    /// Adjusts the passes for the filters. With an index for one filter, few enough rows remain to test the rest.
    /// Without one, a filtered list of everything may have to scan far for its next row.
    fn apply_filters(&self, passes: &mut [SearchPass]) {
        let mut filters = self.asked.filters.iter().peekable();
        if filters.peek().is_none() {
            return;
        }
        let column = |filter: &Filter| &self.mapping.shown[filter.column];
        let served = filters.clone().any(|filter| is_served(column(filter), filter));
        for pass in passes {
            let along_the_order = || {
                self.asked.filters.iter().all(|filter| {
                    let ranges =
                        filter.any.iter().all(|test| matches!(test, query::FilterTest::Range { .. }));
                    pass.order == Order::Shown(filter.column) && ranges && is_served(column(filter), filter)
                })
            };
            let everything = pass.tests == [PassTest::Everything];
            if pass.reach == AccessPath::Read && served || everything && served && !along_the_order() {
                pass.reach = AccessPath::Gathered;
            } else if everything && !served {
                pass.reach = AccessPath::Read;
            }
        }
    }

    /// All matches in one list, in the operator's order.
    fn in_one_order(&self, column: Option<usize>, descending: bool) -> Vec<SearchPass> {
        let columns: Vec<usize> = (0..self.mapping.search.len()).collect();
        let text = &self.asked.text;
        let served = columns.iter().all(|&at| self.serves_contains(at)) && has_trigram(text);
        // Equal values and prefixes contain the text too.
        let any = PassTest::Any { columns, how: MatchKind::Contains, text: text.clone() };
        let ids = self.ids.iter().cloned().map(PassTest::Id);
        // An index that finds the text does not find its other spellings.
        let alike = (!served).then(|| self.build_spelling_tests()).into_iter().flatten();
        let led = [Tier::Related, Tier::RelatedPrefix]
            .into_iter()
            .flat_map(|tier| build_key_tests(self.led_by(tier)));
        let tests = std::iter::once(any).chain(ids).chain(led).chain(alike).collect();
        let order = column.map_or(Order::Id, Order::Shown);
        let reach = choose_access_path(served, AccessPath::Gathered);
        vec![SearchPass { tier: Tier::Contains, tests, reach, order, descending }]
    }

    fn in_tiers(&self) -> Vec<SearchPass> {
        let mut passes = Vec::new();
        let newest = self.newest_order();
        passes.extend(self.build_id_pass(|_| true));
        let addresses = self.asked.identities.iter().filter_map(|identity| match identity {
            query::Identity::Email(address) => Some(address.as_str()),
            query::Identity::Id(_) => None,
        });
        passes.extend(self.build_email_passes(&addresses.collect::<Vec<_>>()));
        passes.extend(self.build_led_pass(Tier::Related));

        let mut unordered = Vec::new();
        for (at, column) in self.mapping.search.iter().enumerate() {
            let form = column.access.prefix.as_ref().map(|served| served.form);
            if let Some(form) = form {
                let mut spellings = list_case_variants(self.text(), form);
                if self
                    .mapping
                    .searched_email
                    .is_some_and(|email| self.mapping.shown[email].name == column.name)
                {
                    spellings.truncate(2); // as typed and in lower case: no one capitalises an address
                }
                spellings.extend(self.other_spellings(at, form));
                passes.extend(spellings.into_iter().map(|spelling| {
                    let test = PassTest::Begins { column: at, text: spelling, form };
                    build_pass(Tier::Prefix, test, AccessPath::Quick, Order::Searched(at, form), false)
                }));
            }
            if !form.is_some_and(|form| form.any_case(self.text())) {
                unordered.push(at);
            }
        }
        passes.extend(self.build_led_pass(Tier::RelatedPrefix));
        let begins = self.text().chars().next().is_some_and(char::is_alphanumeric);
        passes.extend(self.build_text_passes(Tier::Prefix, &unordered, begins));
        let all: Vec<usize> = (0..self.mapping.search.len()).collect();
        passes.extend(self.build_text_passes(Tier::Contains, &all, has_trigram(self.text())));

        let words = self.asked.words.clone();
        if words.len() > 1 && !all.is_empty() {
            let served =
                all.iter().all(|&at| self.serves_contains(at)) && words.iter().any(|word| has_trigram(word));
            let test = PassTest::Words { columns: all, words };
            passes.push(build_pass(
                Tier::Words,
                test,
                choose_access_path(served, AccessPath::Gathered),
                newest,
                true,
            ));
        }
        let tests = self.build_spelling_tests();
        passes.extend((!tests.is_empty()).then_some(SearchPass {
            tier: Tier::Alike,
            tests,
            reach: AccessPath::Read,
            order: newest,
            descending: true,
        }));
        passes
    }

    /// The pass for the users with one of the IDs; `None` if nothing can be an ID.
    fn build_id_pass(&self, is_one: impl Fn(&String) -> bool) -> Option<SearchPass> {
        let served = self.mapping.id().access.equals.is_some();
        let tests: Vec<PassTest> =
            self.ids.iter().filter(|id| is_one(id)).cloned().map(PassTest::Id).collect();
        (!tests.is_empty()).then(|| SearchPass {
            tier: Tier::Id,
            tests,
            reach: choose_access_path(served, AccessPath::Quick),
            order: Order::Id,
            descending: true,
        })
    }

    /// The passes for users with one of these addresses: through an index, and in any case if it minds the case.
    fn build_email_passes(&self, addresses: &[&str]) -> Vec<SearchPass> {
        let Some(at) = self.mapping.searched_email.filter(|_| !addresses.is_empty()) else {
            return Vec::new();
        };
        let form = self.mapping.shown[at].access.equals.as_ref().map(|served| served.form);
        let build = |form, reach| SearchPass {
            tier: Tier::Email,
            tests: addresses.iter().map(|address| PassTest::Email((*address).to_owned(), form)).collect(),
            reach,
            order: self.newest_order(),
            descending: true,
        };
        let mut passes = Vec::new();
        if form.is_some() {
            passes.push(build(form, AccessPath::Quick));
        }
        if !form.is_some_and(|form| addresses.iter().all(|address| form.any_case(address))) {
            passes.push(build(None, AccessPath::Read));
        }
        passes
    }

    /// The keys of users to whom records lead: by the whole record, or by its beginning.
    fn led_by(&self, tier: Tier) -> &[RowKey] {
        match (self.scope, tier) {
            (SearchScope::Led(keys), Tier::Related) => &keys.exact,
            (SearchScope::Led(keys), _) => &keys.beginning,
            (SearchScope::Named(named), Tier::Related) => &named.keys,
            _ => &[],
        }
    }

    /// The pass for the users to whom records lead; `None` if there are none. An ID leads to one user, but any number of
    /// them may be in one company.
    fn build_led_pass(&self, tier: Tier) -> Option<SearchPass> {
        let keys = self.led_by(tier);
        let by =
            if keys.iter().all(|key| key.column == 0) { AccessPath::Quick } else { AccessPath::Gathered };
        (!keys.is_empty()).then(|| SearchPass {
            tier,
            tests: build_key_tests(keys),
            reach: choose_access_path(self.serves_keys(keys), by),
            order: Order::Id,
            descending: true,
        })
    }

    /// Passes for the rows that a text identifies, or only those that equal it: one per searched column, through its
    /// index. A column without an index is left out.
    fn find_identities(&self, typed: &[String], whole: bool) -> Vec<SearchPass> {
        let mut passes = Vec::new();
        for (at, column) in self.mapping.search.iter().enumerate() {
            let by_prefix = column.find_prefix_index().filter(|_| !whole || column.access.equals.is_none());
            if let Some(form) = by_prefix.map(|served| served.form) {
                for spelling in list_distinct(typed.iter().flat_map(|text| list_code_spellings(text, form))) {
                    let test = PassTest::Begins { column: at, text: spelling, form };
                    passes.push(build_pass(
                        Tier::Prefix,
                        test,
                        AccessPath::Quick,
                        Order::Searched(at, form),
                        false,
                    ));
                }
            } else if let Some(form) = column.access.equals.as_ref().map(|served| served.form) {
                passes.push(build_values_pass(at, typed, form, AccessPath::Quick));
            }
        }
        passes
    }

    /// Passes for the rows that a whole value names: by ID, by address, by a record, by a searched column, each in
    /// the operator's order if there is one.
    fn find_named(&self, named: &NamedUsers, sorted: Option<(Option<usize>, bool)>) -> Vec<SearchPass> {
        let texts = &named.texts;
        let whole = |kind: FieldKind, text: &&String| {
            !matches!(kind, FieldKind::Integer | FieldKind::Number) || is_number_as_shown(text)
        };
        let mut passes: Vec<SearchPass> =
            self.build_id_pass(|id| whole(self.mapping.id().kind, &id)).into_iter().collect();
        let addresses: Vec<&str> =
            texts.iter().map(String::as_str).filter(|text| text.contains('@')).collect();
        passes.extend(self.build_email_passes(&addresses));
        passes.extend(self.build_led_pass(Tier::Related));
        for (at, column) in self.mapping.search.iter().enumerate() {
            let is_email = |email: usize| self.mapping.shown[email].name == column.name;
            if self.mapping.searched_email.is_some_and(is_email) {
                continue;
            }
            let served = column.access.equals.as_ref().map(|served| served.form);
            let form = served.unwrap_or_default();
            let reach = choose_access_path(served.is_some(), AccessPath::Quick);
            let texts: Vec<String> = texts.iter().filter(|text| whole(column.kind, text)).cloned().collect();
            if !texts.is_empty() {
                passes.push(build_values_pass(at, &texts, form, reach));
            }
        }
        let mut columns = self.list_phone_columns();
        // Where a column is named after telephones, another one with these digits holds other numbers.
        let is_named_so = |at: &usize| spelling::holds_phones(self.mapping.search[*at].name.as_str());
        if columns.iter().any(is_named_so) {
            columns.retain(is_named_so);
        }
        if let Some(number) = named.phone.clone().filter(|_| !columns.is_empty()) {
            let test = PassTest::Phone { columns, number };
            passes.push(build_pass(Tier::Alike, test, AccessPath::Read, self.newest_order(), true));
        }
        if let Some((column, descending)) = sorted {
            for pass in &mut passes {
                pass.order = column.map_or(Order::Id, Order::Shown);
                pass.descending = descending;
                if pass.reach == AccessPath::Quick {
                    pass.reach = AccessPath::Gathered;
                }
            }
        }
        passes
    }

    /// The pass for all rows with one of the keys, newest first.
    fn find_keyed(&self, keys: &[RowKey]) -> SearchPass {
        SearchPass {
            tier: Tier::All,
            tests: build_key_tests(keys),
            reach: choose_access_path(self.serves_keys(keys), AccessPath::Gathered),
            order: self.newest_order(),
            descending: true,
        }
    }

    fn serves_keys(&self, keys: &[RowKey]) -> bool {
        keys.iter().all(|key| self.mapping.shown[key.column].access.equals.is_some())
    }

    /// Tests for other spellings, which no index finds. Accents are ignored only if the table is read anyway.
    fn build_spelling_tests(&self) -> Vec<PassTest> {
        let mut tests = Vec::new();
        if self.may_read && self.is_spelled() {
            let columns = (0..self.mapping.search.len()).collect();
            tests.push(PassTest::Alike { columns, words: self.asked.words.clone() });
        }
        tests.extend(self.build_digits_test(self.asked.phone.as_ref()));
        tests
    }

    /// The test for a phone number in any punctuation; `None` if no column may hold one.
    fn build_digits_test(&self, digits: Option<&String>) -> Option<PassTest> {
        let columns = self.list_phone_columns();
        let digits = digits.filter(|_| !columns.is_empty())?.clone();
        Some(PassTest::Digits { columns, digits })
    }

    /// The searched columns that may hold a phone number.
    fn list_phone_columns(&self) -> Vec<usize> {
        (0..self.mapping.search.len()).filter(|&at| self.column_role(at) == Role::Other).collect()
    }

    /// Whether the text has letters whose accented forms the database distinguishes.
    fn is_spelled(&self) -> bool {
        !self.folds_itself
            && !self.mapping.search.is_empty()
            && self.asked.words.iter().any(|word| spelling::has_spellings(word))
    }

    /// Other spellings whose prefix an index may find: a name in reverse order, or a phone number without its
    /// punctuation.
    fn other_spellings(&self, at: usize, form: IndexForm) -> Vec<String> {
        match (self.column_role(at), &self.asked.inverted, &self.asked.phone) {
            (Role::Name, Some(inverted), _) => list_case_variants(inverted, form),
            (Role::Other, _, Some(digits)) => {
                let mut written = vec![digits.clone(), format!("+{digits}"), format!("0{digits}")];
                written.retain(|written| written != self.text());
                written
            }
            _ => Vec::new(),
        }
    }

    /// The role of a searched column. Columns that do not hold text are treated as IDs.
    fn column_role(&self, at: usize) -> Role {
        let column = &self.mapping.search[at];
        let shown = self.mapping.columns.iter().find(|shown| shown.name == column.name.as_str());
        match shown.map_or(Role::Other, |shown| shown.role) {
            Role::Other if column.kind != FieldKind::Text => Role::Id,
            role => role,
        }
    }

    /// Passes for the text at the start of or anywhere in `columns`, split by whether an index can be used.
    /// `has_letters`: there are enough letters for such an index.
    fn build_text_passes(&self, tier: Tier, columns: &[usize], has_letters: bool) -> Vec<SearchPass> {
        let how = if tier == Tier::Prefix { MatchKind::Prefix } else { MatchKind::Contains };
        let (served, unserved): (Vec<usize>, Vec<usize>) =
            columns.iter().partition(|&&at| has_letters && self.serves_contains(at));
        [(served, AccessPath::Gathered), (unserved, AccessPath::Read)]
            .into_iter()
            .filter(|(columns, _)| !columns.is_empty())
            .map(|(columns, reach)| {
                let test = PassTest::Any { columns, how, text: self.text().to_owned() };
                build_pass(tier, test, reach, self.newest_order(), true)
            })
            .collect()
    }

    /// If the table may not be read, replaces the passes without an index by one over the newest rows, at the end.
    fn limit_table_reads(&self, passes: Vec<SearchPass>) -> Plan {
        let filters = self.asked.filters.clone();
        if self.may_read {
            return Plan { passes, filters, left_out: None, unfolded: None };
        }
        let unfolded = self.is_spelled().then(|| self.leaves_out(None, true));
        let (unserved, mut passes): (Vec<SearchPass>, Vec<SearchPass>) =
            passes.into_iter().partition(|pass| pass.reach == AccessPath::Read);
        let Some(last) = unserved.last() else {
            return Plan { passes, filters, left_out: None, unfolded };
        };
        let all_of_it = last.tests == [PassTest::Everything] && self.asked.filters.is_empty();
        let walks = !all_of_it && self.query.sort.is_none() && self.newest_is_served();
        if walks {
            let tests = unserved.iter().flat_map(|pass| pass.tests.clone()).collect();
            // The pass covers several tiers; name it after the last one that is not about other spellings.
            let usual = unserved.iter().rev().find(|pass| pass.tier != Tier::Alike);
            passes.push(SearchPass {
                tier: usual.unwrap_or(last).tier,
                tests,
                reach: AccessPath::Newest,
                order: self.newest_order(),
                descending: true,
            });
        }
        let left_out = Some(self.leaves_out(walks.then_some(LOOKED_AT), false));
        Plan { passes, filters, left_out, unfolded }
    }

    fn leaves_out(&self, looked_at: Option<u32>, spellings: bool) -> LeftOut {
        let TableSize { rows, limit_ms } = self.size;
        LeftOut { rows, limit_ms, looked_at, exact: self.suggest_exact_text(), spellings }
    }

    /// The query rewritten to match whole values where an index finds those but not parts of them.
    fn suggest_exact_text(&self) -> Option<String> {
        let finds_whole_values = |column: usize| {
            let access = &self.mapping.shown[column].access;
            access.equals.is_some() && access.contains.is_none()
        };
        query::made_exact(&self.query.text, &self.mapping.columns, finds_whole_values)
    }

    /// By creation time, unless that means sorting a large table; then by ID.
    fn newest_order(&self) -> Order {
        let by_time = self.mapping.created_at;
        by_time
            .filter(|&at| self.size.is_small() || self.mapping.shown[at].access.order.is_some())
            .map_or(Order::Id, Order::Shown)
    }

    fn newest_is_served(&self) -> bool {
        let column: &TableColumn<T> = match self.newest_order() {
            Order::Shown(at) => &self.mapping.shown[at],
            _ => self.mapping.id(),
        };
        column.access.order.is_some()
    }

    fn text(&self) -> &str {
        &self.asked.text
    }

    fn serves_contains(&self, at: usize) -> bool {
        self.mapping.search[at].access.contains.is_some()
    }
}

/// The pass for rows in which the searched column equals one of the values.
fn build_values_pass(column: usize, values: &[String], form: IndexForm, reach: AccessPath) -> SearchPass {
    let spellings = list_distinct(values.iter().flat_map(|text| list_code_spellings(text, form)));
    let tests = spellings.into_iter().map(|text| PassTest::Equals { column, text, form });
    SearchPass {
        // Not `Id`, after which other columns would not be looked at.
        tier: Tier::Prefix,
        tests: tests.collect(),
        reach,
        order: Order::Id,
        descending: true,
    }
}

/// Whether a number is written as it is shown: `007` and `+7` are not 7.
fn is_number_as_shown(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
    !matches!(digits, [b'+', ..] | [b'0', b'0'..=b'9', ..])
}

fn build_key_tests(keys: &[RowKey]) -> Vec<PassTest> {
    keys.iter().map(|key| PassTest::Key { column: key.column, text: key.text.clone() }).collect()
}

fn build_pass(tier: Tier, test: PassTest, reach: AccessPath, order: Order, descending: bool) -> SearchPass {
    SearchPass { tier, tests: vec![test], reach, order, descending }
}

fn choose_access_path(served: bool, by: AccessPath) -> AccessPath {
    if served { by } else { AccessPath::Read }
}

/// The likely spellings of `text`, for an index that is case-sensitive. If the index ignores case, `text` stays as
/// typed and the statement folds it: only the database knows its own lower case (for ς, İ and the letters of other
/// alphabets).
pub(crate) fn list_case_variants(text: &str, form: IndexForm) -> Vec<String> {
    if form.any_case(text) {
        return vec![text.to_owned()];
    }
    let mut titled = String::with_capacity(text.len());
    let mut inside = false;
    for char in text.chars() {
        if inside {
            titled.extend(char.to_lowercase());
        } else {
            titled.extend(char.to_uppercase());
        }
        inside = char.is_alphanumeric();
    }
    let mut spellings = Vec::new();
    for spelling in [text.to_owned(), text.to_lowercase(), titled, text.to_uppercase()] {
        if !spellings.contains(&spelling) {
            spellings.push(spelling);
        }
    }
    spellings
}

/// The likely spellings of a number, a serial or the like, for an index of this form: as typed, and in capitals or small
/// letters if the index minds them.
fn list_code_spellings(text: &str, form: IndexForm) -> Vec<String> {
    if form.any_case(text) {
        return vec![text.to_owned()];
    }
    vec![text.to_owned(), text.to_uppercase(), text.to_lowercase()]
}

fn list_distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut distinct = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct
}

/// Whether an index finds the rows that pass the filter.
fn is_served<T>(column: &TableColumn<T>, filter: &Filter) -> bool {
    let access = &column.access;
    !filter.negated
        && filter.any.iter().all(|test| match test {
            query::FilterTest::Is(_) => access.equals.is_some(),
            query::FilterTest::Range { .. } => access.order.is_some(),
            query::FilterTest::Contains(text) | query::FilterTest::EndsWith(text) => {
                access.contains.is_some() && has_trigram(text)
            }
            query::FilterTest::BeginsWith(_) => access.contains.is_some(),
            query::FilterTest::Digits(_) | query::FilterTest::Null | query::FilterTest::NotNull => false,
        })
}
