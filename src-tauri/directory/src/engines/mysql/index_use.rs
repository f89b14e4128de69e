//! Determines what a table's indexes can be used for from their definitions. No I/O.
//!
//! Unlike PostgreSQL's, MySQL's planner cannot be asked, since its answer depends on how many rows it expects.
//! <https://dev.mysql.com/doc/refman/8.4/en/order-by-optimization.html>

use crate::engines::mysql::types::{MyTextType, MyType};
use crate::schema::table::{IndexForm, IndexSupport, IndexUse, TableColumn};

/// One column or expression of a usable index.
#[derive(Debug, Clone)]
pub(crate) struct IndexPart {
    pub(crate) index: String,
    /// Whether the index is unique over all its columns, except for NULL.
    pub(crate) unique: bool,
    /// Its position in the index, from 1.
    pub(crate) place: u32,
    pub(crate) column: Option<String>,
    /// MySQL 8: the indexed expression, instead of a column.
    pub(crate) expression: Option<String>,
    /// The length if only a prefix of each value is indexed.
    pub(crate) prefix_chars: Option<u64>,
    /// BTREE, HASH, FULLTEXT, RTREE.
    pub(crate) method: String,
    pub(crate) ascending: bool,
}

/// The indexes of one table, and the column that identifies a user.
pub(crate) struct MySqlIndexes<'a> {
    pub(crate) parts: Vec<IndexPart>,
    pub(crate) id: &'a str,
    /// The ID is the primary key of an `InnoDB` table, so every index includes it after its own columns.
    pub(crate) is_clustered: bool,
}

impl MySqlIndexes<'_> {
    pub(crate) fn find_access(&self, column: &TableColumn<MyType>) -> IndexSupport {
        let name = column.name.as_str();
        let led = |wanted: &dyn Fn(&&IndexPart) -> bool| {
            self.parts.iter().filter(|part| part.place == 1).find(wanted).map(|part| part.index.clone())
        };
        let on_column = |part: &&IndexPart| part.column.as_deref() == Some(name);
        let ordered = |part: &&IndexPart| {
            part.method == "BTREE" && part.ascending && part.prefix_chars.is_none() && self.ends_in_id(part)
        };
        let served = |form: IndexForm, index: Option<String>| {
            index.map(|index| IndexUse { form: IndexForm { unique: self.is_unique(&index), ..form }, index })
        };
        let plain = IndexForm::default();
        let equal = led(&|part| on_column(part) && matches!(part.method.as_str(), "BTREE" | "HASH"));
        let in_order = led(&|part| on_column(part) && ordered(part));

        let MyType::Text(text) = &column.db_type else {
            // Bytes may hold text too, and its prefixes are contiguous in the index.
            let begins =
                in_order.clone().filter(|_| matches!(column.db_type, MyType::Binary { uuid: false, .. }));
            return IndexSupport {
                prefix: served(plain, begins).filter(|_| column.db_type.is_ordered_as_it_is()),
                equals: served(plain, equal).filter(|_| column.db_type.is_compared_as_it_is()),
                order: served(plain, in_order).filter(|_| column.db_type.is_ordered_as_it_is()),
                ..IndexSupport::default()
            };
        };
        let form = IndexForm { folds: text.ignores_case(), ..plain };
        // The upper end of a prefix range is known if text is compared byte by byte.
        let lower = IndexForm { lower: true, ..plain };
        let lowered = led(&|part| is_bytewise(text) && on_lower(part, name) && ordered(part));
        let order = in_order.filter(|_| column.db_type.is_ordered_as_it_is());
        IndexSupport {
            equals: served(lower, lowered.clone()).or_else(|| served(form, equal)),
            prefix: served(lower, lowered.filter(|_| text.is_unicode()))
                .or_else(|| served(form, order.clone())),
            // FULLTEXT finds words, not text within words; its ngrams skip stop words.
            contains: None,
            order: served(plain, order),
        }
    }

    /// Unique on this column alone.
    fn is_unique(&self, index: &str) -> bool {
        let mut parts = self.parts.iter().filter(|part| part.index == index);
        parts.next().is_some_and(|part| part.unique) && parts.next().is_none()
    }

    /// Whether rows with equal values are in order of their ID.
    fn ends_in_id(&self, first: &IndexPart) -> bool {
        let second = self.parts.iter().find(|part| part.index == first.index && part.place == 2);
        first.column.as_deref() == Some(self.id)
            || second.map_or(self.is_clustered, |part| {
                part.column.as_deref() == Some(self.id) && part.ascending && part.prefix_chars.is_none()
            })
    }
}

fn is_bytewise(text: &MyTextType) -> bool {
    text.collation.as_str().ends_with("_bin")
}

/// Whether the expression is `lower(column)`, with any number of parentheses.
fn on_lower(part: &IndexPart, column: &str) -> bool {
    let Some(expression) = &part.expression else { return false };
    let plain: String = expression.chars().filter(|char| !matches!(char, '(' | ')' | ' ')).collect();
    plain.strip_prefix("lower").and_then(|rest| rest.strip_prefix('`')?.strip_suffix('`')) == Some(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::bytes::BinaryFormat;
    use crate::schema::name::name_for_test;

    fn part(index: &str, place: u32, column: &str) -> IndexPart {
        IndexPart {
            index: index.into(),
            unique: false,
            place,
            column: Some(column.into()),
            expression: None,
            prefix_chars: None,
            method: "BTREE".into(),
            ascending: true,
        }
    }

    fn text(collation: &str) -> MyType {
        MyType::Text(MyTextType {
            charset: name_for_test("utf8mb4"),
            collation: name_for_test(collation),
            chars: 255,
        })
    }

    /// The indexes for `column`: equals, prefix, order; `i` ignores case, `l` is on the lower case.
    fn served(parts: Vec<IndexPart>, is_clustered: bool, column: &str, db_type: MyType) -> [String; 3] {
        let column = TableColumn {
            name: name_for_test(column),
            kind: db_type.kind(),
            nullable: true,
            access: IndexSupport::default(),
            bytes: BinaryFormat::default(),
            within: None,
            db_type,
        };
        let access = MySqlIndexes { parts, id: "id", is_clustered }.find_access(&column);
        assert_eq!(access.contains, None);
        [access.equals, access.prefix, access.order].map(|served| {
            served.map_or_else(String::new, |IndexUse { index, form }| {
                format!("{index}{}{}", if form.folds { " i" } else { "" }, if form.lower { " l" } else { "" })
            })
        })
    }

    #[test]
    fn an_index_serves_what_it_is_made_for() {
        let (ci, bin) = (|| text("utf8mb4_0900_ai_ci"), || text("utf8mb4_bin"));
        let email = || vec![part("PRIMARY", 1, "id"), part("e", 1, "email")];
        assert_eq!(served(email(), true, "email", ci()), ["e i", "e i", "e"]);
        assert_eq!(served(email(), true, "email", bin()), ["e", "e", "e"]);
        assert_eq!(served(email(), true, "id", MyType::Signed), ["PRIMARY", "", "PRIMARY"]);
        // With another primary key or storage engine, rows with equal values are in no particular order.
        assert_eq!(served(email(), false, "email", ci()), ["e i", "", ""]);
        let with_id = vec![part("e", 1, "email"), part("e", 2, "id")];
        assert_eq!(served(with_id, false, "email", ci()), ["e i", "e i", "e"]);
        let with_more = vec![part("e", 1, "email"), part("e", 2, "plan")];
        assert_eq!(served(with_more, true, "email", ci()), ["e i", "", ""]);
        let second = vec![part("p", 1, "plan"), part("p", 2, "email")];
        assert_eq!(served(second, true, "email", ci()), ["", "", ""]);
    }

    #[test]
    fn an_index_does_not_serve_what_it_cannot_do() {
        let with = |change: &dyn Fn(&mut IndexPart)| {
            let mut index = part("e", 1, "email");
            change(&mut index);
            served(vec![index], true, "email", text("utf8mb4_general_ci"))
        };
        assert_eq!(with(&|index| index.prefix_chars = Some(10)), ["e i", "", ""]);
        assert_eq!(with(&|index| index.ascending = false), ["e i", "", ""]);
        assert_eq!(with(&|index| index.method = "HASH".into()), ["e i", "", ""]);
        assert_eq!(with(&|index| index.method = "FULLTEXT".into()), ["", "", ""]);
        let whens = vec![part("b", 1, "blob")];
        assert_eq!(served(whens, true, "blob", MyType::Json), ["", "", ""]);
    }

    #[test]
    fn an_index_on_the_lower_case_serves_any_case() {
        let index = IndexPart { column: None, expression: Some("lower(`email`)".into()), ..part("l", 1, "") };
        let parts = || vec![index.clone(), part("e", 1, "email")];
        assert_eq!(served(parts(), true, "email", text("utf8mb4_bin")), ["l l", "l l", "e"]);
        assert_eq!(served(parts(), true, "email", text("utf8mb4_0900_as_cs")), ["e", "e", "e"]);
    }
}
