//! Limits the size of templates and expressions. The engine's parser and compiler recurse once per operator of a chain,
//! and a file written by someone else must not be able to exhaust the stack.

use super::TemplateFault;

/// Bytes of one text.
const LONGEST: usize = 64 << 10;

/// Operators of an expression, or of one template tag. Debug builds survive about two thousand on a worker's 2 MiB
/// stack; real templates have a few dozen at most.
const MOST_OPERATORS: usize = 300;

/// `{% if %}` and `{% elif %}` of a template: each `elif` is nested in the one before.
const MOST_BRANCHES: usize = 50;

/// Checks an expression.
pub(super) fn check_expression(source: &str) -> Result<(), TemplateFault> {
    is_short(source)?;
    check_operator_count(operators_in(source))
}

/// Checks a text with tags.
pub(super) fn check_template(source: &str) -> Result<(), TemplateFault> {
    is_short(source)?;
    let tags = tags_of(source);
    tags.iter().try_for_each(|tag| check_operator_count(operators_in(tag)))?;
    if tags.iter().filter(|tag| begins_branch(tag)).count() > MOST_BRANCHES {
        return Err(TemplateFault::new(format!("has more than {MOST_BRANCHES} branches, which is too many")));
    }
    Ok(())
}

/// The insides of all tags, as the engine's lexer finds them: comments and raw blocks are skipped, and a tag ends at
/// the first closing mark outside quotes and brackets, or at the end of the text.
fn tags_of(source: &str) -> Vec<&str> {
    let mut tags = Vec::new();
    let mut rest = source;
    while let Some(begin) = ["{{", "{%", "{#"].iter().filter_map(|mark| rest.find(mark)).min() {
        let (mark, inside) = rest[begin..].split_at(2);
        let length = match mark {
            "{#" => inside.find("#}").unwrap_or(inside.len()),
            "{%" if word_of(inside) == "raw" => end_of_raw(inside),
            _ => {
                let length = end_of_tag(inside);
                tags.push(&inside[..length]);
                length
            }
        };
        rest = &inside[length..];
    }
    tags
}

fn word_of(inside: &str) -> &str {
    let inside = inside.trim_start_matches(['-', '+']).trim_start();
    &inside[..inside.find(|char: char| !char.is_alphanumeric() && char != '_').unwrap_or(inside.len())]
}

fn end_of_raw(inside: &str) -> usize {
    let ends = inside.match_indices("{%").filter(|(at, _)| word_of(&inside[at + 2..]) == "endraw");
    ends.map(|(at, mark)| at + mark.len()).next().unwrap_or(inside.len())
}

fn end_of_tag(inside: &str) -> usize {
    let mut balance = 0_i64;
    let mut rest = inside.chars();
    loop {
        let left = rest.as_str();
        let at = inside.len() - left.len();
        let Some(char) = rest.next() else { return at };
        if balance == 0 && (left.starts_with("}}") || left.starts_with("%}")) {
            return at;
        }
        match char {
            '"' | '\'' => skip_string(&mut rest, char),
            '(' | '[' | '{' => balance += 1,
            ')' | ']' | '}' => balance -= 1,
            _ => {}
        }
    }
}

fn operators_in(expression: &str) -> usize {
    let mut operators = 0;
    let mut rest = expression.chars();
    let mut word = String::new();
    while let Some(char) = rest.next() {
        if char.is_alphanumeric() || char == '_' {
            word.push(char);
            continue;
        }
        operators += count_word(&mut word);
        match char {
            '"' | '\'' => skip_string(&mut rest, char),
            char => operators += usize::from(is_operator(char)),
        }
    }
    operators + count_word(&mut word)
}

fn is_short(source: &str) -> Result<(), TemplateFault> {
    if source.len() > LONGEST {
        let limit = LONGEST >> 10;
        return Err(TemplateFault::new(format!(
            "is longer than {limit} KiB, which is too long for one value"
        )));
    }
    Ok(())
}

fn check_operator_count(operators: usize) -> Result<(), TemplateFault> {
    if operators > MOST_OPERATORS {
        return Err(TemplateFault::new(format!(
            "has {operators} operators; a value may have at most {MOST_OPERATORS}"
        )));
    }
    Ok(())
}

fn begins_branch(tag: &str) -> bool {
    matches!(word_of(tag), "if" | "elif")
}

fn is_operator(char: char) -> bool {
    "+-*/%~|.[({<>=!:".contains(char)
}

fn count_word(word: &mut String) -> usize {
    let counts = matches!(word.as_str(), "not" | "and" | "or" | "if" | "elif" | "else" | "in" | "is");
    word.clear();
    usize::from(counts)
}

fn skip_string(rest: &mut std::str::Chars<'_>, quote: char) {
    while let Some(char) = rest.next() {
        if char == '\\' {
            rest.next();
        } else if char == quote {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::{Expression, JsonTemplate, Scope, Template};

    /// Chains of each operator, each `times` long.
    fn chains(times: usize) -> Vec<String> {
        let mut chains: Vec<String> = [
            "not ",
            "-",
            "+ ",
            "- - ",
            "1 if 1 else ",
            "0 and ",
            "0 or ",
            "1 + ",
            "1 ~ ",
            "1 == ",
            "1 in ",
            "1 ** ",
        ]
        .iter()
        .map(|operator| format!("{}1", operator.repeat(times)))
        .collect();
        chains.extend(
            [".a", "|upper", "[0]", " is defined", "|default(1)", "(1)", " not in [1]", " // 1"]
                .iter()
                .map(|end| format!("user.id{}", end.repeat(times))),
        );
        let around = [("(", ")"), ("[", "]"), ("{'a':", "}"), ("user.id|default(", ")")];
        chains.extend(
            around.iter().map(|(open, close)| format!("{}1{}", open.repeat(times), close.repeat(times))),
        );
        chains
    }

    fn scope() -> Scope {
        Scope::for_user(["id"]).with_response()
    }

    #[test]
    fn a_chain_without_end_is_refused_wherever_it_stands() {
        for times in [1_000, 20_000] {
            for chain in chains(times) {
                let start: String = chain.chars().take(20).collect();
                assert!(Expression::parse("k", &chain, &scope()).is_err(), "{start}");
                for text in [format!("{{{{ {chain} }}}}"), format!("a{{{{ '}}}}' }}}}{{{{ {chain} }}}}")] {
                    assert!(Template::parse("k", &text, &scope()).is_err(), "{start}");
                    assert!(Template::parse_words("k", &text, &scope()).is_err(), "{start}");
                    assert!(JsonTemplate::parse("k", &json!([{ "a": text }]), &scope()).is_err(), "{start}");
                    let url = format!("https://app.example/{text}");
                    assert!(Template::parse_url("k", &url, &scope()).is_err(), "{start}");
                }
            }
            let branches = format!("{}x{}", "{% if user.id %}".repeat(times), "{% endif %}".repeat(times));
            assert!(Template::parse("k", &branches, &scope()).is_err());
            let elses = format!("{{% if user.id %}}{}{{% endif %}}", "{% elif user.id %}".repeat(times));
            assert!(Template::parse("k", &elses, &scope()).is_err());
            let not = "not ".repeat(times);
            for hidden in [
                format!("{{% raw %}}{{{{ \"{{% endraw %}}{{{{ {not}1 }}}}{{# \" }}}} #}}"),
                format!("{{# {{{{ \" #}}{{{{ {not}1 }}}}{{# \" }}}} #}}"),
                format!("{{{{ '}}}}' ~ {{'}}}}': 1}} ~ {not}1 }}}}"),
                format!(
                    "{{%- raw -%}} {{{{ ' {{%+ endraw +%}} {{{{- {not}1 -}}}} {{% raw %}} ' {{% endraw %}}"
                ),
            ] {
                assert!(Template::parse("k", &hidden, &scope()).is_err());
            }
        }
    }

    #[test]
    fn what_is_as_long_as_allowed_is_compiled_and_evaluated() {
        // A test's thread has the same stack size as a worker's.
        for chain in chains(140) {
            if let Ok(expression) = Expression::parse("k", &chain, &scope()) {
                let _ = expression.eval(&json!({ "user": { "id": 7 } }));
            }
        }
        let not = format!("{}true", "not ".repeat(300));
        let expression = Expression::parse("k", &not, &scope()).expect("that is allowed");
        assert_eq!(expression.eval(&json!({})), Ok(true));
        let list: Vec<String> = (0..1_000).map(|number| format!("'person-{number}.x@example.com'")).collect();
        let long = format!("user.id in [{}]", list.join(", "));
        let expression = Expression::parse("k", &long, &scope()).expect("a list is no chain");
        assert_eq!(expression.eval(&json!({ "user": { "id": "person-7.x@example.com" } })), Ok(true));
        let prose = "query { a(b: [1]) { c-d } } = 'e'\n".repeat(900);
        let prose = format!("{prose} {{{{ user.id or \"it's\" }}}} {prose}");
        assert!(Template::parse("k", &prose, &scope()).is_ok());
    }

    #[test]
    fn the_fault_says_how_many_are_too_many() {
        let fault = Expression::parse("k", &format!("{}1", "not ".repeat(301)), &scope()).unwrap_err();
        assert_eq!(fault.message, "has 301 operators; a value may have at most 300");
        let fault = Template::parse("k", &"x".repeat(70_000), &scope()).unwrap_err();
        assert_eq!(fault.message, "is longer than 64 KiB, which is too long for one value");
    }
}
