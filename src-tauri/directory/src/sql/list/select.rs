//! Writes the statement for the rows of a segment: from its edge or after a cursor, of the whole table or of its newest
//! rows.

use super::Pager;
use super::conditions::{all_of, is_not_null};
use super::segment::{Segment, SegmentPart, find_order_key};
use crate::plan::cursor::Cursor;
use crate::plan::{AccessPath, LOOKED_AT, SearchPass};
use crate::schema::table::{IndexForm, TableColumn};
use crate::schema::value::Value;
use crate::sql::dialect::{
    Dialect, OrderExpression, Statement, build_select_clause, build_select_list, qualify_column, read_columns,
};

/// The column that orders a segment before the ID, and the form of its index.
pub(super) type Key<'a, D> = (&'a TableColumn<<D as Dialect>::Type>, IndexForm);

impl<D: Dialect> Pager<'_, D> {
    /// The query for one segment's rows, from its edge or after `from`.
    pub(super) fn build_segment_select(
        &self,
        segment: Segment,
        from: Option<&Cursor>,
        limit: usize,
        statement: &mut Statement,
    ) -> String {
        let (pass, key) = self.find_pass_and_key(segment);
        let mut conditions = self.build_conditions(segment, key, statement);
        let from = from.filter(|cursor| cursor.id != Value::Null);
        conditions.extend(from.map(|cursor| self.build_cursor_condition(segment, cursor, statement)));
        let order = self.order_by(segment.part, pass, key);
        let found = all_of(&conditions);
        let first = match key {
            Some((column, form)) if form.ties => {
                let OrderExpression { expression, up, down, .. } = D::order_expression(column, form);
                let direction = if pass.descending == self.backward { up } else { down };
                format!("ORDER BY {expression} {direction} FETCH FIRST {limit} ROWS WITH TIES")
            }
            // Many rows may be found before they are sorted, so only those of the page are converted to text.
            _ if pass.reach != AccessPath::Quick => format!("ORDER BY {order} LIMIT {limit}"),
            _ => {
                let selecting = build_select_clause::<D>(self.mapping, segment.at, key);
                return format!("{selecting}{found} ORDER BY {order} LIMIT {limit}");
            }
        };
        format!(
            "SELECT {} FROM (SELECT {} FROM {} AS u{found} {first}) AS u ORDER BY {order} LIMIT {limit}",
            build_select_list::<D>(self.mapping, segment.at, key),
            self.build_column_list(),
            self.mapping.table,
        )
    }

    /// The columns to read, unconverted.
    fn build_column_list(&self) -> String {
        let names: Vec<String> =
            read_columns(self.mapping).into_iter().map(|name| format!("u.{name}")).collect();
        names.join(", ")
    }

    /// The query for a segment's rows among the newest rows after `from`; `None` if that is not possible.
    pub(super) fn build_newest_statement(
        &self,
        segment: Segment,
        from: Option<&Cursor>,
        limit: usize,
    ) -> Option<Statement> {
        let (pass, key) = self.find_pass_and_key(segment);
        let ordered_by = key.map_or_else(|| self.mapping.id(), |(column, _)| column);
        // Rows without a value are at the end of the list.
        let among_valued = match (key, from) {
            (None, _) => true,
            (Some(_), Some(cursor)) => cursor.key != Value::Null || cursor.id == Value::Null,
            (Some((column, _)), None) => !(self.backward && column.nullable),
        };
        if ordered_by.access.order.is_none() || !among_valued {
            return None;
        }
        let from = from.filter(|cursor| cursor.id != Value::Null);
        let part = if key.is_some() { SegmentPart::Valued } else { SegmentPart::ById };
        let valued = Segment { part, ..segment };
        let mut statement = Statement::default();
        let mut inner = Vec::new();
        inner.extend(key.filter(|(column, _)| column.nullable).map(|(column, _)| is_not_null(column)));
        inner.extend(from.map(|cursor| self.build_cursor_condition(valued, cursor, &mut statement)));
        let order = self.order_by(part, pass, key);
        let newest = format!(
            "SELECT {} FROM {} AS u{} ORDER BY {order} LIMIT {LOOKED_AT}",
            self.build_column_list(),
            self.mapping.table,
            all_of(&inner),
        );
        statement.scans = true;
        let conditions = self.build_conditions(valued, None, &mut statement);
        statement.sql = format!(
            "SELECT {} FROM ({newest}) AS u{} ORDER BY {order} LIMIT {limit}",
            build_select_list::<D>(self.mapping, segment.at, key),
            all_of(&conditions),
        );
        Some(statement)
    }

    /// A segment's search pass, and the column that orders its rows before the ID.
    fn find_pass_and_key(&self, segment: Segment) -> (&SearchPass, Option<Key<'_, D>>) {
        let pass = &self.plan.passes[segment.pass];
        let by_value = matches!(segment.part, SegmentPart::Valued | SegmentPart::Mixed);
        (pass, find_order_key(self.mapping, pass.order).filter(|_| by_value))
    }

    fn order_by(&self, part: SegmentPart, pass: &SearchPass, key: Option<Key<'_, D>>) -> String {
        let down = pass.descending != self.backward;
        let mut order = Vec::new();
        if let Some((column, form)) = key {
            let ordering = D::order_expression(column, form);
            if part == SegmentPart::Mixed {
                let nulls = if self.backward { "DESC" } else { "ASC" };
                order.push(format!("({} IS NULL) {nulls}", ordering.expression));
            }
            order.push(format!("{} {}", ordering.expression, if down { ordering.down } else { ordering.up }));
        }
        if part != SegmentPart::Valued || key.is_none_or(|(_, form)| !form.unique) {
            order.push(format!(
                "{} {}",
                qualify_column(self.mapping.id()),
                if down { "DESC" } else { "ASC" }
            ));
        }
        order.join(", ")
    }

    /// The condition for rows after the cursor, in the direction of reading.
    fn build_cursor_condition(&self, segment: Segment, cursor: &Cursor, statement: &mut Statement) -> String {
        let pass = &self.plan.passes[segment.pass];
        let down = pass.descending != self.backward;
        let id = self.mapping.id();
        let id_order = OrderExpression::new(qualify_column(id));
        let behind = |ordering: &OrderExpression| if down { ordering.less } else { ordering.greater };
        let by_id = |statement: &mut Statement| {
            let value = D::bind_key(statement, id, cursor.id.clone());
            format!("{} {} {value}", id_order.expression, behind(&id_order))
        };
        let Some((column, form)) = find_order_key(self.mapping, pass.order)
            .filter(|_| matches!(segment.part, SegmentPart::Valued | SegmentPart::Mixed))
        else {
            return by_id(statement);
        };
        let ordering = D::order_expression(column, form);
        if cursor.key == Value::Null {
            // After a row without a value come other such rows, and in backward direction also all rows with a value.
            let by_id = by_id(statement);
            let null = format!("{} IS NULL", ordering.expression);
            return if self.backward {
                format!("(({null} AND {by_id}) OR {} IS NOT NULL)", ordering.expression)
            } else {
                format!("({null} AND {by_id})")
            };
        }
        let comparison = behind(&ordering);
        let valued = if D::ROW_VALUES && comparison.len() == 1 {
            let value = D::bind_key(statement, column, cursor.key.clone());
            let id_value = D::bind_key(statement, id, cursor.id.clone());
            format!("({}, {}) {comparison} ({value}, {id_value})", ordering.expression, id_order.expression)
        } else {
            // The first comparison uses the index; the rest breaks ties.
            let within = D::bind_key(statement, column, cursor.key.clone());
            let beyond = D::bind_key(statement, column, cursor.key.clone());
            let by_id = by_id(statement);
            let opposite = if down { ordering.greater } else { ordering.less };
            format!(
                "(NOT ({0} {opposite} {within}) AND ({0} {comparison} {beyond} OR {by_id}))",
                ordering.expression
            )
        };
        // In backward direction, the rows without a value have already been passed.
        if segment.part == SegmentPart::Mixed && !self.backward {
            format!("({valued} OR {} IS NULL)", ordering.expression)
        } else {
            valued
        }
    }
}
