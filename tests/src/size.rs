//! How large the long tests are: small enough for every run, or as large as the promise says.

use std::str::FromStr;

/// The size of a run. `OTTLA_TEST_SIZE=soak` chooses the large one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Size {
    /// Minutes: for every change.
    #[default]
    Ci,
    /// The sizes that are promised: `cargo xtask soak`.
    Soak,
}

impl Size {
    /// The one of two values that belongs to this size.
    pub fn of<T>(self, ci: T, soak: T) -> T {
        match self {
            Self::Ci => ci,
            Self::Soak => soak,
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ci" => Ok(Self::Ci),
            "soak" => Ok(Self::Soak),
            _ => Err(format!("'{}' is neither ci nor soak", text.escape_debug())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_chosen_by_its_name() {
        assert_eq!("soak".parse(), Ok(Size::Soak));
        assert_eq!("ci".parse::<Size>().map(|size| size.of(1, 2)), Ok(1));
        assert!("large".parse::<Size>().is_err());
    }
}
