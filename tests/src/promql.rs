//! PromQL as far as the alerts and the dashboard speak it: its grammar and its types, judged as Prometheus does. What
//! they do not use yet is an error here, so that an expression is never taken for right because it is not understood.

/// What an expression gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Scalar,
    /// A number for each series.
    Vector,
    /// Numbers over time for each series.
    Range,
}

const AGGREGATIONS: [&str; 6] = ["sum", "max", "min", "avg", "count", "group"];

/// Functions: what they take, and give.
const FUNCTIONS: [(&str, &[Kind], Kind); 9] = [
    ("rate", &[Kind::Range], Kind::Vector),
    ("irate", &[Kind::Range], Kind::Vector),
    ("increase", &[Kind::Range], Kind::Vector),
    ("max_over_time", &[Kind::Range], Kind::Vector),
    ("histogram_quantile", &[Kind::Scalar, Kind::Vector], Kind::Vector),
    ("absent", &[Kind::Vector], Kind::Vector),
    ("vector", &[Kind::Scalar], Kind::Vector),
    ("scalar", &[Kind::Vector], Kind::Scalar),
    ("time", &[], Kind::Scalar),
];

/// Operators between two expressions, those that bind least first.
const OPERATORS: [&[&str]; 5] =
    [&["or"], &["and", "unless"], &["==", "!=", ">=", "<=", ">", "<"], &["+", "-"], &["*", "/", "%"]];
const SETS: usize = 1;
const COMPARISONS: usize = 2;

const SIGNS: [&str; 21] =
    ["==", "!=", ">=", "<=", "=~", "!~", "(", ")", "{", "}", "[", "]", ",", "+", "-", "*", "/", "%", ">", "<", "="];

/// What `expression` gives.
///
/// # Errors
/// What is wrong with it, for people.
pub fn check(expression: &str) -> Result<Kind, String> {
    let mut parser = Parser { tokens: tokens(expression)?, at: 0 };
    let kind = parser.operation(0)?;
    match parser.next() {
        None => Ok(kind),
        Some(token) => Err(format!("{token:?} after the end")),
    }
}

/// Whether `text` is a time as Prometheus writes it: `1h30m`.
pub fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let unit = rest.get(digits..).unwrap_or_default();
        let Some(after) = ["ms", "s", "m", "h", "d", "w", "y"].iter().find_map(|name| unit.strip_prefix(name)) else {
            return false;
        };
        if digits == 0 {
            return false;
        }
        rest = after;
    }
    !text.is_empty()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Name(&'t str),
    Number,
    Duration,
    Text,
    Sign(&'t str),
}

fn tokens(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if first == '"' {
            let end = rest.get(1..).and_then(|rest| rest.find('"')).ok_or("a text without an end")?;
            (Token::Text, end + 2)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (Token::Sign(sign), sign.len())
        } else {
            let letter = |c: char| c.is_ascii_alphanumeric() || "_:.".contains(c);
            let length = rest.find(|c| !letter(c)).unwrap_or(rest.len());
            let word = rest.get(..length).unwrap_or_default();
            let is_name = !word.contains('.') && !first.is_ascii_digit();
            match word {
                "" => return Err(format!("a strange character: {first:?}")),
                _ if is_name => (Token::Name(word), length),
                _ if word.parse::<f64>().is_ok() => (Token::Number, length),
                _ if is_duration(word) => (Token::Duration, length),
                _ => return Err(format!("{word} is neither a name nor a number nor a time")),
            }
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    Ok(tokens)
}

struct Parser<'t> {
    tokens: Vec<Token<'t>>,
    at: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Whether the next is this sign or word, which is then read.
    fn takes(&mut self, wanted: &str) -> bool {
        let is = matches!(self.peek(), Some(Token::Sign(text) | Token::Name(text)) if text == wanted);
        self.at += usize::from(is);
        is
    }

    fn expect(&mut self, wanted: &str) -> Result<(), String> {
        if self.takes(wanted) { Ok(()) } else { Err(format!("{:?} instead of '{wanted}'", self.peek())) }
    }

    fn operation(&mut self, level: usize) -> Result<Kind, String> {
        let Some(operators) = OPERATORS.get(level) else { return self.signed() };
        let mut left = self.operation(level + 1)?;
        while let Some(operator) = operators.iter().find(|operator| self.takes(operator)) {
            let bool = level == COMPARISONS && self.takes("bool");
            if self.takes("on") || self.takes("ignoring") {
                self.labels()?;
            }
            let right = self.operation(level + 1)?;
            left = match (left, right) {
                (Kind::Range, _) | (_, Kind::Range) => return Err(format!("'{operator}' with a range")),
                (Kind::Vector, Kind::Vector) => Kind::Vector,
                _ if level <= SETS => return Err(format!("'{operator}' with a number")),
                (Kind::Scalar, Kind::Scalar) if level == COMPARISONS && !bool => {
                    return Err(format!("'{operator}' between numbers, without bool"));
                }
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            };
        }
        Ok(left)
    }

    fn signed(&mut self) -> Result<Kind, String> {
        while self.takes("-") || self.takes("+") {}
        let kind = match self.next() {
            Some(Token::Number) => return Ok(Kind::Scalar),
            Some(Token::Sign("(")) => {
                let kind = self.operation(0)?;
                self.expect(")")?;
                return Ok(kind);
            }
            Some(Token::Name(name)) if AGGREGATIONS.contains(&name) => return self.aggregation(name),
            Some(Token::Name(name)) if self.peek() == Some(Token::Sign("(")) => return self.call(name),
            Some(Token::Name(name)) if OPERATORS.iter().any(|names| names.contains(&name)) => {
                return Err(format!("'{name}' without a left side"));
            }
            Some(Token::Name(_)) => self.series()?,
            other => return Err(format!("{other:?} where an expression begins")),
        };
        Ok(kind)
    }

    /// What follows a metric's name: matchers and a range.
    fn series(&mut self) -> Result<Kind, String> {
        if self.takes("{") {
            while !self.takes("}") {
                let label = self.next();
                let operator = self.next();
                let known = matches!(operator, Some(Token::Sign("=" | "!=" | "=~" | "!~")));
                if !(matches!(label, Some(Token::Name(_))) && known && self.next() == Some(Token::Text)) {
                    return Err(format!("{label:?} {operator:?} is no matcher"));
                }
                if !self.takes(",") && self.peek() != Some(Token::Sign("}")) {
                    return Err("matchers without a comma between them".to_owned());
                }
            }
        }
        if !self.takes("[") {
            return Ok(Kind::Vector);
        }
        let duration = self.next();
        self.expect("]")?;
        if duration == Some(Token::Duration) { Ok(Kind::Range) } else { Err(format!("a range of {duration:?}")) }
    }

    fn aggregation(&mut self, name: &str) -> Result<Kind, String> {
        let grouped = self.takes("by") || self.takes("without");
        if grouped {
            self.labels()?;
        }
        self.expect("(")?;
        let kind = self.operation(0)?;
        self.expect(")")?;
        if !grouped && (self.takes("by") || self.takes("without")) {
            self.labels()?;
        }
        if kind == Kind::Vector { Ok(Kind::Vector) } else { Err(format!("{name} of {kind:?}")) }
    }

    fn call(&mut self, name: &str) -> Result<Kind, String> {
        let function = FUNCTIONS.iter().find(|(known, ..)| *known == name);
        let (_, wanted, gives) = function.ok_or_else(|| format!("{name} is no function that is known here"))?;
        self.expect("(")?;
        for (at, wanted) in wanted.iter().enumerate() {
            if at > 0 {
                self.expect(",")?;
            }
            let found = self.operation(0)?;
            if found != *wanted {
                return Err(format!("{name} of {found:?} instead of {wanted:?}"));
            }
        }
        self.expect(")")?;
        Ok(*gives)
    }

    fn labels(&mut self) -> Result<(), String> {
        self.expect("(")?;
        while !self.takes(")") {
            let label = self.next();
            if !matches!(label, Some(Token::Name(_))) {
                return Err(format!("{label:?} is no label"));
            }
            if !self.takes(",") && self.peek() != Some(Token::Sign(")")) {
                return Err("labels without a comma between them".to_owned());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged_as_prometheus_does() {
        for (expression, kind) in [
            ("1 + 2 * 3", Some(Kind::Scalar)),
            ("up", Some(Kind::Vector)),
            ("up{job=~\"ottla.*\", instance!=\"a\"}[1h30m]", Some(Kind::Range)),
            ("sum by (a, b) (rate(x_total[5m])) > 1000", Some(Kind::Vector)),
            ("sum(x) by (a) / on (a) sum(y) by (a)", Some(Kind::Vector)),
            ("count(x == 0) or vector(0)", Some(Kind::Vector)),
            ("histogram_quantile(0.99, sum by (le) (rate(x_bucket[5m])))", Some(Kind::Vector)),
            ("(time() - start_seconds) / 3600", Some(Kind::Vector)),
            ("1 > bool 2", Some(Kind::Scalar)),
            ("1 > 2", None),
            ("rate(x_total)", None),
            ("rate(x_total[5])", None),
            ("rate(x_total[5 minutes])", None),
            ("sum by group (x)", None),
            ("sum by (a b) (x)", None),
            ("sum(x[5m])", None),
            ("sum(x", None),
            ("sum(x))", None),
            ("x > ", None),
            ("x >> 1", None),
            ("x y", None),
            ("x{a=b}", None),
            ("x{a=\"b\" c=\"d\"}", None),
            ("x{a=\"b}", None),
            ("x or 1", None),
            ("x[5m] > 1", None),
            ("histogram_quantile(sum(x), 0.99)", None),
            ("histogram_quantile(0.99)", None),
            ("quantil(0.99, x)", None),
            ("x > 5s", None),
            ("x & y", None),
            ("", None),
        ] {
            assert_eq!(check(expression).ok(), kind, "{expression}: {:?}", check(expression));
        }
    }

    #[test]
    fn the_dashboards_questions_can_be_answered() {
        let dashboard: serde_json::Value =
            serde_json::from_str(include_str!("../../deploy/grafana/ottla.json")).expect("JSON");
        let panels = dashboard["panels"].as_array().into_iter().flatten();
        let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
        let expressions: Vec<&str> = targets.filter_map(|target| target["expr"].as_str()).collect();
        assert!(expressions.len() > 30, "{expressions:?}");
        for expression in expressions {
            assert!(
                matches!(check(expression), Ok(Kind::Vector | Kind::Scalar)),
                "{expression}: {:?}",
                check(expression)
            );
        }
    }
}
