//! The search plan: in which ways a question is answered, one after the other, and what serves each.
//!
//! Pure. A question becomes *search passes*: tests that rows pass, in tiers, fastest first. What an index
//! serves runs at once. What none does is read from the table when the table is small, or when the
//! operator asked for it; else only the newest rows are looked at, and that is said.

pub(crate) mod coverage;
pub(crate) mod cursor;

use crate::config::DirectoryConfig;
use crate::model::{FieldKind, Info, LeftOut, ListRequest, Role, Tier};
use crate::query;
use crate::query::spelling;
use crate::query::{Filter, ParsedQuery};
use crate::schema::mapping::Mapping;
use crate::schema::table::{IndexForm, TableColumn};

/// So many of the newest rows are looked at where nothing serves a test, and beside an index that has
/// to gather all its rows before it can order them. Measured with PostgreSQL 15 and 10 million rows:
/// 0.5 ms when the text is common, 6 ms when it is not among them.
pub(crate) const LOOKED_AT: u32 = 5000;

/// Rows that any of the engines reads and compares in a millisecond, at least.
const ROWS_PER_MS: u64 = 1000;
/// A search runs at each keystroke: it may read by itself what takes this part of the time limit.
const PART_OF_LIMIT: u64 = 10;

/// What a row must be. Columns are places in [`Mapping::search`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Everything,
    /// The id reads so.
    Id(String),
    /// The e-mail is this: in its index's form, or whatever the case.
    Email(String, Option<IndexForm>),
    /// One column begins with the text, as its index compares.
    Begins {
        column: usize,
        text: String,
        form: IndexForm,
    },
    /// One of the columns begins with or contains the text.
    Any {
        columns: Vec<usize>,
        how: Match,
        text: String,
    },
    /// Each word is contained in one of the columns.
    Words {
        columns: Vec<usize>,
        words: Vec<String>,
    },
    /// The same, whatever the accents.
    Alike {
        columns: Vec<usize>,
        words: Vec<String>,
    },
    /// One of the columns has these digits, whatever stands between them.
    Digits {
        columns: Vec<usize>,
        digits: String,
    },
}

/// What it takes to find a page of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccessPath {
    /// An index gives them in the list's order, or there are few.
    Quick,
    /// An index finds all of them, however many; then they are ordered.
    Gathered,
    /// Nothing serves it: the table is read.
    Read,
    /// Only the newest rows are looked at.
    Newest,
}

/// What orders a pass's rows; ties are broken by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Id,
    /// A shown column.
    Shown(usize),
    /// A searched column, as its index orders it.
    Searched(usize, IndexForm),
}

/// One way in which rows are found. Each leaves out what those before it find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SearchPass {
    pub(crate) tier: Tier,
    /// Any of these.
    pub(crate) tests: Vec<Test>,
    pub(crate) reach: AccessPath,
    pub(crate) order: Order,
    pub(crate) descending: bool,
}

/// How large the table is, and how long it may be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// The estimate or count; `None`: not known, so large.
    pub(crate) rows: Option<u64>,
    pub(crate) limit_ms: u32,
}

impl Size {
    /// Reading all of it at every keystroke burdens nobody.
    pub(crate) fn is_small(self) -> bool {
        self.rows.is_some_and(|rows| rows <= u64::from(self.limit_ms) / PART_OF_LIMIT * ROWS_PER_MS)
    }
}

/// A question's search passes, in order.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) passes: Vec<SearchPass>,
    /// Every row passes them, whatever finds it.
    pub(crate) filters: Vec<Filter>,
    /// Told with the last page: what was not searched.
    left_out: Option<LeftOut>,
    /// Told where nobody was found.
    unfolded: Option<LeftOut>,
}

impl Plan {
    /// What a page has to say of what was not searched. `nobody`: the list is empty.
    pub(crate) fn left_out(self, goes_on: bool, nobody: bool) -> Option<LeftOut> {
        if goes_on {
            return None;
        }
        self.left_out.or(self.unfolded.filter(|_| nobody))
    }
}

/// What the plan of a question is made from.
pub(crate) struct Planning<'a, T> {
    mapping: &'a Mapping<T>,
    query: &'a ListRequest,
    asked: &'a ParsedQuery,
    size: Size,
    /// What the text may identify that can be an id of this directory.
    ids: Vec<String>,
    may_read: bool,
    /// The database itself finds every searched text whatever its accents.
    folds_itself: bool,
}

impl<'a, T: Clone> Planning<'a, T> {
    pub(crate) fn new(
        mapping: &'a Mapping<T>,
        query: &'a ListRequest,
        asked: &'a ParsedQuery,
        size: Size,
        ids: Vec<String>,
        folds_itself: bool,
    ) -> Self {
        let may_read = query.everywhere || size.is_small();
        Self { mapping, query, asked, size, ids, may_read, folds_itself }
    }

    /// `sorted`: the shown column that the operator orders by (`None`: the id), and whether downwards.
    pub(crate) fn plan(&self, sorted: Option<(Option<usize>, bool)>) -> Plan {
        let mut passes = match (self.asked.text.is_empty(), sorted) {
            (true, Some((column, descending))) => {
                let served = column.is_none_or(|at| self.mapping.shown[at].access.order.is_some());
                let order = column.map_or(Order::Id, Order::Shown);
                vec![pass(Tier::All, Test::Everything, reach(served, AccessPath::Quick), order, descending)]
            }
            (true, None) => {
                // Without an index on the time, a large table is listed by id instead.
                vec![pass(Tier::All, Test::Everything, AccessPath::Quick, self.newest(), true)]
            }
            (false, Some((column, descending))) => self.in_one_order(column, descending),
            (false, None) => self.in_tiers(),
        };
        self.filtered(&mut passes);
        self.guarded(passes)
    }

    /// What the filters make of the reach: an index that serves one finds few enough rows to test them
    /// for the rest; a list of everything, filtered, has to go far for its next row.
    fn filtered(&self, passes: &mut [SearchPass]) {
        let mut filters = self.asked.filters.iter().peekable();
        if filters.peek().is_none() {
            return;
        }
        let column = |filter: &Filter| &self.mapping.shown[filter.column];
        let served = filters.clone().any(|filter| is_served(column(filter), filter));
        for pass in passes {
            let along_the_order = || {
                self.asked.filters.iter().all(|filter| {
                    let ranges = filter.any.iter().all(|test| matches!(test, query::Test::Range { .. }));
                    pass.order == Order::Shown(filter.column) && ranges && is_served(column(filter), filter)
                })
            };
            let everything = pass.tests == [Test::Everything];
            if pass.reach == AccessPath::Read && served || everything && served && !along_the_order() {
                pass.reach = AccessPath::Gathered;
            } else if everything && !served {
                pass.reach = AccessPath::Read;
            }
        }
    }

    /// All matches as one list, in the operator's order.
    fn in_one_order(&self, column: Option<usize>, descending: bool) -> Vec<SearchPass> {
        let columns: Vec<usize> = (0..self.mapping.search.len()).collect();
        let text = &self.asked.text;
        let served = columns.iter().all(|&at| self.serves_contains(at)) && has_trigram(text);
        // What is it or begins with it contains it too.
        let any = Test::Any { columns, how: Match::Contains, text: text.clone() };
        let ids = self.ids.iter().cloned().map(Test::Id);
        // An index that finds the text does not find its other spellings.
        let alike = (!served).then(|| self.alike()).into_iter().flatten();
        let tests = std::iter::once(any).chain(ids).chain(alike).collect();
        let order = column.map_or(Order::Id, Order::Shown);
        let reach = reach(served, AccessPath::Gathered);
        vec![SearchPass { tier: Tier::Contains, tests, reach, order, descending }]
    }

    fn in_tiers(&self) -> Vec<SearchPass> {
        let mut passes = Vec::new();
        let newest = self.newest();
        let either = |tier, tests: Vec<Test>, reach, order| {
            (!tests.is_empty()).then_some(SearchPass { tier, tests, reach, order, descending: true })
        };
        let served = self.mapping.id().access.equals.is_some();
        let ids = self.ids.iter().cloned().map(Test::Id).collect();
        passes.extend(either(Tier::Id, ids, reach(served, AccessPath::Quick), Order::Id));
        if let Some(at) = self.mapping.searched_email {
            let form = self.mapping.shown[at].access.equals.as_ref().map(|served| served.form);
            let emails = |form| {
                let addresses = self.asked.identities.iter().filter_map(|identity| match identity {
                    query::Identity::Email(address) => Some(Test::Email(address.clone(), form)),
                    query::Identity::Id(_) => None,
                });
                addresses.collect::<Vec<_>>()
            };
            if form.is_some() {
                passes.extend(either(Tier::Email, emails(form), AccessPath::Quick, newest));
            }
            if !form.is_some_and(|form| form.any_case(self.text())) {
                passes.extend(either(Tier::Email, emails(None), AccessPath::Read, newest));
            }
        }

        let mut unordered = Vec::new();
        for (at, column) in self.mapping.search.iter().enumerate() {
            let form = column.access.prefix.as_ref().map(|served| served.form);
            if let Some(form) = form {
                let mut spellings = spellings(self.text(), form);
                if self
                    .mapping
                    .searched_email
                    .is_some_and(|email| self.mapping.shown[email].name == column.name)
                {
                    spellings.truncate(2); // as typed and in lower case: nobody titles an address
                }
                spellings.extend(self.other_spellings(at, form));
                passes.extend(spellings.into_iter().map(|spelling| {
                    let test = Test::Begins { column: at, text: spelling, form };
                    pass(Tier::Prefix, test, AccessPath::Quick, Order::Searched(at, form), false)
                }));
            }
            if !form.is_some_and(|form| form.any_case(self.text())) {
                unordered.push(at);
            }
        }
        let begins = self.text().chars().next().is_some_and(char::is_alphanumeric);
        passes.extend(self.anywhere(Tier::Prefix, &unordered, begins));
        let all: Vec<usize> = (0..self.mapping.search.len()).collect();
        passes.extend(self.anywhere(Tier::Contains, &all, has_trigram(self.text())));

        let words = self.asked.words.clone();
        if words.len() > 1 && !all.is_empty() {
            let served =
                all.iter().all(|&at| self.serves_contains(at)) && words.iter().any(|word| has_trigram(word));
            let test = Test::Words { columns: all, words };
            passes.push(pass(Tier::Words, test, reach(served, AccessPath::Gathered), newest, true));
        }
        passes.extend(either(Tier::Alike, self.alike(), AccessPath::Read, newest));
        passes
    }

    /// What no index finds, because it is spelled otherwise. Accents are looked past only where the table is read.
    fn alike(&self) -> Vec<Test> {
        let mut tests = Vec::new();
        if self.may_read && self.is_spelled() {
            let columns = (0..self.mapping.search.len()).collect();
            tests.push(Test::Alike { columns, words: self.asked.words.clone() });
        }
        let columns: Vec<usize> =
            (0..self.mapping.search.len()).filter(|&at| self.role(at) == Role::Other).collect();
        if let Some(digits) = self.asked.phone.clone().filter(|_| !columns.is_empty()) {
            tests.push(Test::Digits { columns, digits });
        }
        tests
    }

    /// The text has letters that the database tells from those with accents.
    fn is_spelled(&self) -> bool {
        !self.folds_itself
            && !self.mapping.search.is_empty()
            && self.asked.words.iter().any(|word| spelling::has_spellings(word))
    }

    /// What an index may find beginnings of beside the text itself: a name the other way round, a telephone number
    /// without its punctuation.
    fn other_spellings(&self, at: usize, form: IndexForm) -> Vec<String> {
        match (self.role(at), &self.asked.inverted, &self.asked.phone) {
            (Role::Name, Some(inverted), _) => spellings(inverted, form),
            (Role::Other, _, Some(digits)) => {
                let mut written = vec![digits.clone(), format!("+{digits}"), format!("0{digits}")];
                written.retain(|written| written != self.text());
                written
            }
            _ => Vec::new(),
        }
    }

    /// What a searched column is to Understudy; whatever holds no text is an id of some kind.
    fn role(&self, at: usize) -> Role {
        let column = &self.mapping.search[at];
        let shown = self.mapping.columns.iter().find(|shown| shown.name == column.name.as_str());
        match shown.map_or(Role::Other, |shown| shown.role) {
            Role::Other if column.kind != FieldKind::Text => Role::Id,
            role => role,
        }
    }

    /// The text at the beginning of or anywhere in one of `columns`: those that an index serves, and those
    /// that none does. `has_letters`: enough of them for such an index.
    fn anywhere(&self, tier: Tier, columns: &[usize], has_letters: bool) -> Vec<SearchPass> {
        let how = if tier == Tier::Prefix { Match::Prefix } else { Match::Contains };
        let (served, unserved): (Vec<usize>, Vec<usize>) =
            columns.iter().partition(|&&at| has_letters && self.serves_contains(at));
        [(served, AccessPath::Gathered), (unserved, AccessPath::Read)]
            .into_iter()
            .filter(|(columns, _)| !columns.is_empty())
            .map(|(columns, reach)| {
                let test = Test::Any { columns, how, text: self.text().to_owned() };
                pass(tier, test, reach, self.newest(), true)
            })
            .collect()
    }

    /// Where the table is not to be read: only its newest rows are looked at, last of all.
    fn guarded(&self, passes: Vec<SearchPass>) -> Plan {
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
        let all_of_it = last.tests == [Test::Everything] && self.asked.filters.is_empty();
        let walks = !all_of_it && self.query.sort.is_none() && self.newest_is_served();
        if walks {
            let tests = unserved.iter().flat_map(|pass| pass.tests.clone()).collect();
            // What stands for all of them is not the rarest.
            let usual = unserved.iter().rev().find(|pass| pass.tier != Tier::Alike);
            passes.push(SearchPass {
                tier: usual.unwrap_or(last).tier,
                tests,
                reach: AccessPath::Newest,
                order: self.newest(),
                descending: true,
            });
        }
        let left_out = Some(self.leaves_out(walks.then_some(LOOKED_AT), false));
        Plan { passes, filters, left_out, unfolded }
    }

    fn leaves_out(&self, looked_at: Option<u32>, spellings: bool) -> LeftOut {
        let Size { rows, limit_ms } = self.size;
        LeftOut { rows, limit_ms, looked_at, exact: self.exact(), spellings }
    }

    /// The text with whole values where an index finds those, but no parts.
    fn exact(&self) -> Option<String> {
        let finds_whole_values = |column: usize| {
            let access = &self.mapping.shown[column].access;
            access.equals.is_some() && access.contains.is_none()
        };
        query::made_exact(&self.query.text, &self.mapping.columns, finds_whole_values)
    }

    /// By the time of creation, where that does not mean to order the whole of a large table; else by id.
    fn newest(&self) -> Order {
        let by_time = self.mapping.created_at;
        by_time
            .filter(|&at| self.size.is_small() || self.mapping.shown[at].access.order.is_some())
            .map_or(Order::Id, Order::Shown)
    }

    fn newest_is_served(&self) -> bool {
        let column: &TableColumn<T> = match self.newest() {
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

fn pass(tier: Tier, test: Test, reach: AccessPath, order: Order, descending: bool) -> SearchPass {
    SearchPass { tier, tests: vec![test], reach, order, descending }
}

fn reach(served: bool, by: AccessPath) -> AccessPath {
    if served { by } else { AccessPath::Read }
}

/// An index of trigrams finds nothing by fewer letters: <https://www.postgresql.org/docs/current/pgtrgm.html>
pub(crate) fn has_trigram(text: &str) -> bool {
    text.split(|char: char| !char.is_alphanumeric()).any(|run| run.chars().nth(2).is_some())
}

/// The ways in which `text` is likely to be written, for an index that minds the case. What such an index would find
/// in any case stays as it was typed: its lower case is what the database makes of it (ς, İ and the letters of other
/// alphabets differ), so the statement asks for that.
pub(crate) fn spellings(text: &str, form: IndexForm) -> Vec<String> {
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

/// An index finds the rows that pass.
pub(crate) fn is_served<T>(column: &TableColumn<T>, filter: &Filter) -> bool {
    let access = &column.access;
    !filter.negated
        && filter.any.iter().all(|test| match test {
            query::Test::Is(_) => access.equals.is_some(),
            query::Test::Range { .. } => access.order.is_some(),
            query::Test::Contains(text) | query::Test::EndsWith(text) => {
                access.contains.is_some() && has_trigram(text)
            }
            query::Test::BeginsWith(_) => access.contains.is_some(),
            query::Test::Digits(_) | query::Test::Null | query::Test::NotNull => false,
        })
}

/// Where in a text a pattern may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Match {
    Prefix,
    Contains,
    Suffix,
}

impl Match {
    /// `text` as a LIKE pattern in which it stands for itself only; the escape character is `\`.
    pub(crate) fn pattern(self, text: &str) -> String {
        let mut pattern = String::with_capacity(text.len() + 2);
        if self != Self::Prefix {
            pattern.push('%');
        }
        for char in text.chars() {
            if matches!(char, '\\' | '%' | '_') {
                pattern.push('\\');
            }
            pattern.push(char);
        }
        if self != Self::Suffix {
            pattern.push('%');
        }
        pattern
    }
}

impl Info {
    /// What no index serves is read at each keystroke all the same; in a larger table it waits for
    /// [`ListRequest::everywhere`].
    pub fn is_small(&self, part: &DirectoryConfig) -> bool {
        Size { rows: self.estimated_total, limit_ms: part.timeout_ms }.is_small()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_index_would_miss_is_searched_in_its_likely_spellings() {
        let (plain, ascii) =
            (IndexForm::default(), IndexForm { folds: true, ascii: true, ..IndexForm::default() });
        assert_eq!(spellings("ada b", plain), ["ada b", "Ada B", "ADA B"]);
        assert_eq!(spellings("ada", ascii), ["ada"]);
        assert_eq!(spellings("märz", ascii), ["märz", "März", "MÄRZ"]);
        assert_eq!(spellings("Østergård", ascii), ["Østergård", "østergård", "ØSTERGÅRD"]);
        assert_eq!(spellings("Ada", IndexForm { lower: true, ..plain }), ["Ada"]);
    }

    #[test]
    fn fewer_than_three_letters_hold_no_trigram() {
        for (text, expected) in
            [("an", false), ("a-b c", false), ("ann", true), ("a@ann", true), ("łuk", true)]
        {
            assert_eq!(has_trigram(text), expected, "{text}");
        }
    }
}
