use std::{collections::BTreeMap, error::Error, str::FromStr};

use ottla::kafka::{Codec, Compression};

/// `--name value` and bare words, as the runner passes them.
#[derive(Debug, Default)]
pub(crate) struct Arguments {
    options: BTreeMap<String, String>,
    words: Vec<String>,
}

impl Arguments {
    /// A word that starts with `--` names an option; the next word is its value unless it names one as well.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Self {
        let mut arguments = Self::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                Some(name) => {
                    let value = words.next_if(|next| !next.starts_with("--")).unwrap_or_default();
                    arguments.options.insert(name.to_owned(), value);
                }
                None => arguments.words.push(word),
            }
        }
        arguments
    }

    pub(crate) fn word(&self) -> Option<&str> {
        self.words.first().map(String::as_str)
    }

    pub(crate) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    pub(crate) fn text(&self, name: &str, default: &str) -> String {
        self.option(name).unwrap_or(default).to_owned()
    }

    /// The option as a number.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn number<N: FromStr>(&self, name: &str, default: N) -> Result<N, String> {
        match self.option(name) {
            Some(text) => text.parse().map_err(|_| format!("--{name} {text}: not a number")),
            None => Ok(default),
        }
    }

    pub(crate) fn topic(&self) -> String {
        self.text("topic", "bench")
    }

    pub(crate) fn records(&self) -> Result<u64, String> {
        self.number("records", 100_000)
    }

    /// The codec; zstd has the level that the contract names.
    ///
    /// # Errors
    /// No codec has this name.
    pub(crate) fn compression(&self) -> Result<Compression, Box<dyn Error + Send + Sync>> {
        Ok(match self.text("codec", "none").parse::<Codec>()? {
            Codec::Zstd => Compression::zstd(self.number("level", 3)?),
            other => other.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_have_values_or_none() -> Result<(), String> {
        let words = ["produce", "--idempotent", "--records", "7", "--acks", "all"];
        let arguments = Arguments::read(words.into_iter().map(str::to_owned));
        assert_eq!((arguments.word(), arguments.records()?), (Some("produce"), 7));
        assert_eq!((arguments.option("idempotent"), arguments.option("acks")), (Some(""), Some("all")));
        Ok(())
    }
}
