//! What a value of the configuration can be, read from TOML or from an environment variable.

use atelier_domain::secret::Secret;
use toml::Value;

/// A value as somebody wrote it: typed in a file, text in the environment.
#[derive(Clone, Debug)]
pub enum Given {
    /// A TOML value.
    Toml(Value),
    /// The text of an environment variable or of a `*_file`.
    Text(String),
}

/// A type that a key can have. Errors say what was expected and what was found, and never quote a secret.
pub trait Readable: Sized {
    /// Whether the value is hidden when shown, and may come from a file named by `<key>_file`.
    const SECRET: bool = false;

    /// Reads the value.
    fn read(given: Given) -> Result<Self, String>;

    /// The value as it would stand in `config.toml`; a secret only tells whether it is set.
    fn show(&self) -> String;
}

impl Readable for String {
    fn read(given: Given) -> Result<Self, String> {
        match given {
            Given::Text(text) | Given::Toml(Value::String(text)) => Ok(text),
            other => Err(expected("a text in quotes", &other)),
        }
    }

    fn show(&self) -> String {
        Value::String(self.clone()).to_string()
    }
}

impl Readable for Secret {
    const SECRET: bool = true;

    fn read(given: Given) -> Result<Self, String> {
        match given {
            Given::Text(text) | Given::Toml(Value::String(text)) => Ok(Secret::new(text)),
            Given::Toml(other) => {
                Err(format!("expected a text in quotes, found a value of type {}", other.type_str()))
            }
        }
    }

    fn show(&self) -> String {
        if self.is_empty() { "\"\"".to_owned() } else { "\"***\"".to_owned() }
    }
}

impl Readable for bool {
    fn read(given: Given) -> Result<Self, String> {
        match &given {
            Given::Toml(Value::Boolean(on)) => Ok(*on),
            Given::Text(text) if text == "true" => Ok(true),
            Given::Text(text) if text == "false" => Ok(false),
            other => Err(expected("true or false", other)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Readable for u64 {
    fn read(given: Given) -> Result<Self, String> {
        let number = match &given {
            Given::Toml(Value::Integer(number)) => u64::try_from(*number).ok(),
            Given::Text(text) => text.parse().ok(),
            Given::Toml(_) => None,
        };
        number.ok_or_else(|| expected("a whole number, 0 or more", &given))
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Readable for f64 {
    fn read(given: Given) -> Result<Self, String> {
        let number = match &given {
            Given::Toml(Value::Float(number)) => Some(*number),
            // `poll_interval = 2` means 2.0; integers beyond i32 are out of every range that a float key has.
            Given::Toml(Value::Integer(number)) => i32::try_from(*number).ok().map(f64::from),
            Given::Text(text) => text.parse().ok(),
            Given::Toml(_) => None,
        };
        number.filter(|number| number.is_finite()).ok_or_else(|| expected("a number", &given))
    }

    fn show(&self) -> String {
        Value::Float(*self).to_string()
    }
}

impl Readable for Vec<String> {
    fn read(given: Given) -> Result<Self, String> {
        let items = match &given {
            Given::Toml(Value::Array(items)) => items.clone(),
            Given::Text(text) if text.trim_start().starts_with('[') => array_in(text)?,
            Given::Text(text) => {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                return Ok(parts.map(str::to_owned).collect());
            }
            other => return Err(expected("a list of texts", other)),
        };
        items.into_iter().map(|item| String::read(Given::Toml(item))).collect()
    }

    fn show(&self) -> String {
        Value::Array(self.iter().cloned().map(Value::String).collect()).to_string()
    }
}

fn array_in(text: &str) -> Result<Vec<Value>, String> {
    let malformed = || format!("expected a list such as [\"a\", \"b\"] or a,b, found {text:?}");
    let document: toml::Table = format!("list = {text}").parse().map_err(|_| malformed())?;
    match document.get("list") {
        Some(Value::Array(items)) if document.len() == 1 => Ok(items.clone()),
        _ => Err(malformed()),
    }
}

fn expected(what: &str, found: &Given) -> String {
    match found {
        Given::Toml(value) => format!("expected {what}, found {value}"),
        Given::Text(text) => format!("expected {what}, found {text:?}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn text(text: &str) -> Given {
        Given::Text(text.to_owned())
    }

    #[test]
    fn a_list_in_the_environment_is_toml_or_commas() {
        assert_eq!(Vec::<String>::read(text("a, b,")).unwrap(), ["a", "b"]);
        assert_eq!(Vec::<String>::read(text("[\"a,b\", \"c\"]")).unwrap(), ["a,b", "c"]);
        assert_eq!(Vec::<String>::read(text("")).unwrap(), Vec::<String>::new());
        assert!(Vec::<String>::read(text("[1, 2]")).is_err());
        assert!(Vec::<String>::read(text("[]\nother = 1")).is_err(), "a second key must not be smuggled in");
    }

    #[test]
    fn numbers_do_not_wrap_or_round() {
        assert_eq!(u64::read(text("8000")).unwrap(), 8000);
        for bad in ["-1", "1.5", "1e3", "", "8000 ", "0x10", "18446744073709551616"] {
            assert!(u64::read(text(bad)).is_err(), "{bad:?} was taken as a whole number");
        }
        assert!(u64::read(Given::Toml(Value::Integer(-1))).is_err());
        assert!(f64::read(text("NaN")).is_err());
        assert_eq!(f64::read(Given::Toml(Value::Integer(2))).unwrap(), 2.0);
    }

    #[test]
    fn a_wrong_secret_is_not_quoted() {
        let error = Secret::read(Given::Toml(Value::Integer(987_654))).unwrap_err();
        assert!(!error.contains("987654"), "{error}");
    }
}
