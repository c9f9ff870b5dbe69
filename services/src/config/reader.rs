//! Putting together what flags, variables, the file and the defaults say, and collecting every problem.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc, time::Duration};

use super::{
    file::{self, Document},
    setting::{self, Setting},
    spelling,
    table::{SETTINGS, setting},
    value::{Source, Value},
};

/// The variables whose names begin so are ours.
const PREFIX: &str = "KAFKA_";

/// What flags say, and goes before everything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    file: Option<PathBuf>,
    flags: Vec<(&'static str, String)>,
}

impl Given {
    /// Nothing but the file to read.
    pub(crate) fn file(path: Option<PathBuf>) -> Self {
        Self { file: path, flags: Vec::new() }
    }

    /// With the value of the flag that belongs to this variable, if there is one.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.flags.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// The file that a flag names.
    pub(super) fn path(&self) -> Option<&PathBuf> {
        self.file.as_ref()
    }
}

/// Values by their settings' names.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// What every setting is.
#[derive(Debug)]
pub(super) struct Reader {
    values: Values,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Reader {
    /// Hears everybody out, the last to be heard first: whoever goes before another is heard after it.
    pub(super) fn new(given: Given, variables: BTreeMap<OsString, OsString>, document: Option<Document>) -> Self {
        let mut reader = Self { values: Values::new(), problems: Vec::new(), warnings: Vec::new() };
        for setting in SETTINGS {
            let default = Value::new(setting, setting.default().to_owned(), Source::Default);
            reader.values.insert(setting.name(), default);
        }
        if let Some(document) = document {
            reader.hear_file(&document);
        }
        reader.hear_variables(variables);
        for (name, text) in given.flags {
            let found = setting(name).and_then(|setting| Some((setting, setting.flag_name()?)));
            if let Some((setting, flag)) = found {
                reader.hear(Value::new(setting, text, Source::Flag(flag)));
            }
        }
        reader
    }

    fn hear_file(&mut self, document: &Document) {
        let (entries, wrong) = file::parse(&document.text);
        let path = document.path.display();
        self.problems.extend(wrong.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")));
        for entry in entries {
            let Some(setting) = SETTINGS.iter().find(|setting| setting.key() == entry.key) else {
                let unknown = spelling::unknown(&entry.key, SETTINGS.iter().map(Setting::key));
                self.problems.push(format!("{path}:{}: {unknown}", entry.line));
                continue;
            };
            if document.open && setting.is_secret() {
                let holds = format!("{path} holds {} and everybody may read it", setting.key());
                self.warnings.push(format!("{holds}: chmod 600 {path}"));
            }
            self.hear(Value::new(setting, entry.text, Source::File(Arc::clone(&document.path), entry.line)));
        }
    }

    fn hear_variables(&mut self, mut variables: BTreeMap<OsString, OsString>) {
        variables.retain(|_, value| !value.is_empty());
        for setting in SETTINGS {
            let Some(value) = variables.remove(setting.name().as_ref() as &std::ffi::OsStr) else { continue };
            match value.into_string() {
                Ok(text) => self.hear(Value::new(setting, text, Source::Variable(setting.name()))),
                Err(_) => self.problems.push(format!("{} is not UTF-8", setting.name())),
            }
        }
        let left = variables.into_keys().filter_map(|name| name.into_string().ok());
        for name in left.filter(|name| name.starts_with(PREFIX)) {
            let unknown = spelling::unknown(&name, SETTINGS.iter().map(|setting| setting.name().to_owned()));
            self.warnings.push(format!("{unknown}{}", if unknown.ends_with('?') { "" } else { " and has no effect" }));
        }
    }

    /// Takes a value that is not empty and valid.
    fn hear(&mut self, value: Value) {
        if value.text().is_empty() {
            return;
        }
        match value.setting().kind().check(value.text()) {
            Ok(()) => {
                self.values.insert(value.setting().name(), value);
            }
            Err(problem) => self.problems.push(format!("{}: {problem}", value.called())),
        }
    }

    /// What is said of `name`; empty if nobody says anything and there is no default.
    fn said(&self, name: &str) -> &str {
        self.values.get(name).map(Value::text).unwrap_or_default()
    }

    /// Whether somebody set `name`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| *value.source() != Source::Default)
    }

    /// What whoever set `name` calls it.
    pub(super) fn called(&self, name: &str) -> String {
        self.values.get(name).map_or_else(|| name.to_owned(), Value::called)
    }

    /// Text as it is, if there is any.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        Some(self.said(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// `true` or `false`.
    pub(super) fn flag(&self, name: &str) -> bool {
        setting::flag(self.said(name)).unwrap_or_default()
    }

    /// A number.
    pub(super) fn number<T: std::str::FromStr + Default>(&self, name: &str) -> T {
        self.said(name).trim().parse().unwrap_or_default()
    }

    /// Milliseconds.
    pub(super) fn millis(&self, name: &str) -> Duration {
        Duration::from_millis(self.number(name))
    }

    /// Another problem, found by looking at several settings.
    pub(super) fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// The values by their settings' names, if there is no problem, and the warnings.
    pub(super) fn finish(self) -> Result<(Values, Vec<String>), Vec<String>> {
        if self.problems.is_empty() { Ok((self.values, self.warnings)) } else { Err(self.problems) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(variables: &[(&str, &str)]) -> BTreeMap<OsString, OsString> {
        variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
    }

    fn document(text: &str) -> Document {
        Document { path: PathBuf::from("ottla.toml").into(), text: text.to_owned(), open: false }
    }

    #[test]
    fn an_unknown_variable_is_named_with_what_was_meant() {
        let variables = variables(&[
            ("KAFKA_BROKER", "x"),
            ("KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"),
            ("KAFKA_SCHEMA_REGISTRY_URL", "http://x"),
            ("KAFKA_EMPTY", ""),
            ("OTHER", "x"),
        ]);
        let (_, warnings) = Reader::new(Given::default(), variables, None).finish().expect("no problem");
        let expected = [
            "KAFKA_BROKER is not known: did you mean KAFKA_BROKERS?",
            "KAFKA_PORT_9092_TCP is not known and has no effect",
        ];
        assert_eq!(warnings, expected);
    }

    #[test]
    fn a_flag_goes_before_a_variable_that_before_the_file_and_that_before_the_default() {
        let name = "KAFKA_CLIENT_ID";
        for (flag, variable, file, wins) in [
            (true, true, true, "flag --client-id"),
            (true, true, false, "flag --client-id"),
            (true, false, true, "flag --client-id"),
            (true, false, false, "flag --client-id"),
            (false, true, true, "variable KAFKA_CLIENT_ID"),
            (false, true, false, "variable KAFKA_CLIENT_ID"),
            (false, false, true, "file ottla.toml:2"),
            (false, false, false, "default"),
        ] {
            let given = Given::default().with(name, flag.then_some("of the flag"));
            let variables = variables(if variable { &[("KAFKA_CLIENT_ID", "of the variable")] } else { &[] });
            let document = file.then(|| document("[kafka]\nclient_id = 'of the file'"));
            let reader = Reader::new(given, variables, document);
            assert_eq!(reader.values.get(name).expect("a value").source().to_string(), wins);
            let text = reader.text(name).unwrap_or_else(|| "default".to_owned());
            assert!(wins.starts_with(text.trim_start_matches("of the ")), "{text} is not of the {wins}");
        }
    }

    #[test]
    fn an_empty_value_says_nothing() {
        let document = document("kafka_client_id = 'file'");
        let reader = Reader::new(Given::default(), variables(&[("KAFKA_CLIENT_ID", "")]), Some(document));
        assert_eq!(reader.text("KAFKA_CLIENT_ID").as_deref(), Some("file"));
    }

    #[test]
    fn every_problem_of_every_source_is_named_by_its_source() {
        let given = Given::default().with("KAFKA_SASL_MECHANISM", Some("gssapi"));
        let document = document("kafka_brokers = 'b:1'\nkafka_broker = 'x:1'\nkafka_ssl = 7\n\nkafka_min_bytes = -1");
        let variables = variables(&[("KAFKA_MAX_BYTES", "many"), ("KAFKA_MIN_BYTES", "1")]);
        let problems = Reader::new(given, variables, Some(document)).finish().expect_err("all is wrong");
        let expected = [
            "ottla.toml:2: kafka_broker is not known: did you mean kafka_brokers?",
            "ottla.toml:3: kafka_ssl: '7' is neither",
            "ottla.toml:5: kafka_min_bytes: '-1' is not a number from 0",
            "KAFKA_MAX_BYTES: 'many'",
            "--sasl-mechanism: 'gssapi'",
        ];
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, expected) in problems.iter().zip(expected) {
            assert!(problem.starts_with(expected), "{problem}");
        }
    }

    #[test]
    fn a_secret_in_a_file_that_everybody_reads_is_warned_of() {
        for (open, text, warned) in [
            (true, "kafka_sasl_password = 'canary'", true),
            (true, "kafka_sasl_username = 'alice'", false),
            (false, "kafka_sasl_password = 'canary'", false),
        ] {
            let document = Document { open, ..document(text) };
            let (_, warnings) = Reader::new(Given::default(), variables(&[]), Some(document)).finish().expect("valid");
            assert_eq!(warnings.len(), usize::from(warned), "{warnings:?}");
            assert!(warnings.iter().all(|warning| warning.contains("chmod 600 ottla.toml")), "{warnings:?}");
        }
    }
}
