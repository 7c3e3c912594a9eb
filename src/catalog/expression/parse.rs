//! Expressions from text: a Pratt parser.
//!
//! Strongest first: `-x`, `*`, `+ -`, comparisons with `in` and `is`, `not`, `and`, `or`.
//! Comparisons do not chain. Does not own whether the types agree (`types`).

use super::{BinaryOp, Expr, Literal};

/// Longer expressions are refused, so that neither parsing nor judging can run out of stack.
const MAX_TOKENS: usize = 300;

const OR: u8 = 1;
const AND: u8 = 2;
const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const SUM: u8 = 5;
const PRODUCT: u8 = 6;
const SIGN: u8 = 7;

/// The expression that `text` spells.
///
/// # Errors
/// What is wrong, with its column.
pub fn parse(text: &str) -> Result<Expr, String> {
    let tokens = tokens(text)?;
    if tokens.len() > MAX_TOKENS {
        return Err(format!("the expression has more than {MAX_TOKENS} words and signs"));
    }
    let mut parser = Parser { tokens: &tokens, at: 0, end: text.chars().count() + 1, sums: 0 };
    let expression = parser.expression(0)?;
    match parser.tokens.get(parser.at) {
        None => Ok(expression),
        Some(token) => Err(format!("column {}: {} was not expected", token.column, token.shown())),
    }
}

/// The number that `text` spells, as (unscaled, scale): an optional `-`, digits, and a point
/// with digits after it. At most 38 digits.
#[must_use]
pub fn parse_number(text: &str) -> Option<(i128, u8)> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (digits, ""),
    };
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    if whole.trim_start_matches('0').len() + fraction.len() > 38 {
        return None;
    }
    let magnitude: i128 = format!("{whole}{fraction}").parse().ok()?;
    let unscaled = if digits.len() < text.len() { -magnitude } else { magnitude };
    Some((unscaled, u8::try_from(fraction.len()).ok()?))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: TokenKind,
    /// From 1, in characters.
    column: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum TokenKind {
    /// A key word or the path of a field.
    Word(String),
    Number(i128, u8),
    Text(String),
    Sign(&'static str),
}

impl Token {
    fn shown(&self) -> String {
        match &self.kind {
            TokenKind::Word(word) => format!("`{word}`"),
            TokenKind::Number(unscaled, scale) => {
                format!("`{}`", Literal::Number { unscaled: *unscaled, scale: *scale })
            }
            TokenKind::Text(text) => format!("`{}`", Literal::Text(text.clone())),
            TokenKind::Sign(sign) => format!("`{sign}`"),
        }
    }
}

/// Longer signs stand before their beginnings.
const SIGNS: &[&str] = &["<=", ">=", "!=", "<>", "=", "<", ">", "+", "-", "*", "(", ")", ","];

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        let column = text.chars().count() - rest.chars().count() + 1;
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (kind, length) = if first == '\'' {
            quoted(rest).ok_or_else(|| format!("column {column}: the text has no closing `'`"))?
        } else if first.is_ascii_digit() {
            let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            let (number, _) = rest.split_at(length);
            let (unscaled, scale) = parse_number(number).ok_or_else(|| {
                format!("column {column}: `{number}` is no number of at most 38 digits")
            })?;
            (TokenKind::Number(unscaled, scale), length)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = run(rest, |c| c.is_ascii_alphanumeric() || c == '.' || c == '_');
            let (word, _) = rest.split_at(length);
            (TokenKind::Word(word.to_owned()), length)
        } else if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            (TokenKind::Sign(sign), sign.len())
        } else {
            return Err(format!("column {column}: `{first}` means nothing here"));
        };
        tokens.push(Token { kind, column });
        (_, rest) = rest.split_at(length);
    }
}

/// Length in bytes of the characters at the beginning that fit.
fn run(text: &str, fits: impl Fn(char) -> bool) -> usize {
    text.find(|c| !fits(c)).unwrap_or(text.len())
}

/// A text in `'`, in which `''` stands for one, and its length in bytes.
fn quoted(text: &str) -> Option<(TokenKind, usize)> {
    let mut value = String::new();
    let mut chars = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return Some((TokenKind::Text(value), at + 1));
        }
    }
    None
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    /// Column after the last character.
    end: usize,
    /// Sums that are being read.
    sums: usize,
}

impl Parser<'_> {
    fn expression(&mut self, least: u8) -> Result<Expr, String> {
        let mut left = self.prefix()?;
        while let Some(power) = self.peek_infix().filter(|power| *power > least) {
            left = self.infix(left, power)?;
        }
        Ok(left)
    }

    fn prefix(&mut self) -> Result<Expr, String> {
        let Some(token) = self.tokens.get(self.at) else {
            return Err(format!("column {}: a value is missing", self.end));
        };
        self.at += 1;
        match &token.kind {
            TokenKind::Number(unscaled, scale) => {
                Ok(Expr::Literal(Literal::Number { unscaled: *unscaled, scale: *scale }))
            }
            TokenKind::Text(text) => Ok(Expr::Literal(Literal::Text(text.clone()))),
            TokenKind::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                Ok(inner)
            }
            TokenKind::Sign("-") => Ok(match self.expression(SIGN)? {
                Expr::Literal(Literal::Number { unscaled, scale }) => {
                    Expr::Literal(Literal::Number { unscaled: -unscaled, scale })
                }
                other => Expr::Negate(Box::new(other)),
            }),
            TokenKind::Sign(_) => {
                Err(format!("column {}: a value is missing before {}", token.column, token.shown()))
            }
            TokenKind::Word(word) => self.word(word, token.column),
        }
    }

    fn word(&mut self, word: &str, column: usize) -> Result<Expr, String> {
        let is_call = self.next_is("(");
        Ok(match word {
            "not" => Expr::Not(Box::new(self.expression(NOT)?)),
            "null" => Expr::Literal(Literal::Null),
            "true" => Expr::Literal(Literal::Boolean(true)),
            "false" => Expr::Literal(Literal::Boolean(false)),
            "and" | "or" | "in" | "is" => {
                return Err(format!("column {column}: a value is missing before `{word}`"));
            }
            "abs" if is_call => Expr::Abs(self.argument()?),
            "number" if is_call => Expr::Number(self.argument()?),
            "length" if is_call => Expr::Length(self.argument()?),
            "sum" if is_call => {
                if self.sums > 0 {
                    return Err(format!("column {column}: a sum cannot stand within a sum"));
                }
                self.sums += 1;
                let each = self.argument()?;
                self.sums -= 1;
                let list = summed_list(&each)
                    .ok_or_else(|| format!("column {column}: the sum names no field of a list"))?;
                Expr::Sum { list, each }
            }
            _ if is_call => {
                return Err(format!(
                    "column {column}: there is no function `{word}`; there are abs, length, number, sum"
                ));
            }
            _ => {
                let path: Vec<String> = word.split('.').map(str::to_owned).collect();
                if path.iter().any(String::is_empty) {
                    return Err(format!("column {column}: `{word}` is no path of a field"));
                }
                Expr::Field(path)
            }
        })
    }

    fn argument(&mut self) -> Result<Box<Expr>, String> {
        self.expect("(")?;
        let argument = self.expression(0)?;
        self.expect(")")?;
        Ok(Box::new(argument))
    }

    /// How strongly the next word or sign binds two values, if it does.
    fn peek_infix(&self) -> Option<u8> {
        match &self.tokens.get(self.at)?.kind {
            TokenKind::Word(word) => match word.as_str() {
                "or" => Some(OR),
                "and" => Some(AND),
                "is" | "in" | "not" => Some(COMPARISON),
                _ => None,
            },
            TokenKind::Sign("*") => Some(PRODUCT),
            TokenKind::Sign("+" | "-") => Some(SUM),
            TokenKind::Sign("=" | "!=" | "<>" | "<" | "<=" | ">" | ">=") => Some(COMPARISON),
            _ => None,
        }
    }

    fn infix(&mut self, left: Expr, power: u8) -> Result<Expr, String> {
        let Some(token) = self.tokens.get(self.at) else { return Ok(left) };
        self.at += 1;
        let compared = match &token.kind {
            TokenKind::Word(word) if word == "is" => {
                let negated = self.next_word("not");
                if !self.next_word("null") {
                    return Err(self.missing("`null`"));
                }
                Expr::IsNull { expr: Box::new(left), negated }
            }
            TokenKind::Word(word) if word == "in" => self.list(left, false)?,
            TokenKind::Word(word) if word == "not" => {
                if !self.next_word("in") {
                    return Err(self.missing("`in`"));
                }
                self.list(left, true)?
            }
            other => {
                let op = operator(other).ok_or_else(|| self.missing("an operator"))?;
                let right = self.expression(power)?;
                Expr::Binary { op, left: Box::new(left), right: Box::new(right) }
            }
        };
        if power == COMPARISON && self.peek_infix() == Some(COMPARISON) {
            let column = self.column();
            return Err(format!("column {column}: comparisons do not chain, join them with `and`"));
        }
        Ok(compared)
    }

    fn list(&mut self, left: Expr, negated: bool) -> Result<Expr, String> {
        self.expect("(")?;
        let mut list = Vec::new();
        loop {
            let column = self.column();
            match self.expression(COMPARISON)? {
                Expr::Literal(literal) => list.push(literal),
                _ => return Err(format!("column {column}: a list holds only constants")),
            }
            if self.next_is(",") {
                self.at += 1;
            } else {
                self.expect(")")?;
                return Ok(Expr::In { expr: Box::new(left), list, negated });
            }
        }
    }

    fn next_is(&self, sign: &str) -> bool {
        matches!(self.tokens.get(self.at), Some(Token { kind: TokenKind::Sign(s), .. }) if *s == sign)
    }

    fn next_word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token { kind: TokenKind::Word(w), .. }) if w == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if !self.next_is(sign) {
            return Err(self.missing(&format!("`{sign}`")));
        }
        self.at += 1;
        Ok(())
    }

    fn missing(&self, what: &str) -> String {
        format!("column {}: {what} is missing", self.column())
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |token| token.column)
    }
}

fn operator(token: &TokenKind) -> Option<BinaryOp> {
    Some(match token {
        TokenKind::Word(word) if word == "and" => BinaryOp::And,
        TokenKind::Word(word) if word == "or" => BinaryOp::Or,
        TokenKind::Sign("=") => BinaryOp::Equal,
        TokenKind::Sign("!=" | "<>") => BinaryOp::NotEqual,
        TokenKind::Sign("<") => BinaryOp::Less,
        TokenKind::Sign("<=") => BinaryOp::LessOrEqual,
        TokenKind::Sign(">") => BinaryOp::Greater,
        TokenKind::Sign(">=") => BinaryOp::GreaterOrEqual,
        TokenKind::Sign("+") => BinaryOp::Add,
        TokenKind::Sign("-") => BinaryOp::Subtract,
        TokenKind::Sign("*") => BinaryOp::Multiply,
        _ => return None,
    })
}

/// The list that a sum runs over: the first field with parts below it, else the first field.
fn summed_list(each: &Expr) -> Option<String> {
    let mut paths = Vec::new();
    each.for_each_field(&mut |path| paths.push(path));
    let below = paths.iter().find(|path| path.len() > 1).or(paths.first())?;
    below.first().cloned()
}
