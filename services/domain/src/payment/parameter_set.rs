//! The files that taxes of imports are computed by, as one set with a version: those of the program, or one's own in
//! the place of those that have the same tables.

use std::fmt;

use super::built_in;
use super::parameters::{ParameterProblem, ParameterTable, Parameters, tables};
use crate::inspection::draw::Sha256;

/// A file that somebody gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Its name, without the directory.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// A file of the set, as its version says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterFile {
    /// Its name, without the directory.
    pub name: String,
    /// SHA-256 of what is in it.
    pub sha256: [u8; 32],
}

/// The files, and what they say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterSet {
    /// In the order in which they were read. Names and digests are the version of the set.
    pub files: Vec<ParameterFile>,
    /// What they say.
    pub parameters: Parameters,
    /// The tariff or the list of retail imports is the sample of the program.
    pub has_sample: bool,
}

/// What is wrong, and in which file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileProblem {
    /// Its name; empty for what is wrong with all of them together.
    pub file: String,
    /// What is wrong.
    pub problem: ParameterProblem,
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, problem: ParameterProblem { line, what } } = self;
        if !file.is_empty() {
            write!(f, "{file}: ")?;
        }
        if *line > 0 {
            write!(f, "line {line}: ")?;
        }
        f.write_str(what)
    }
}

/// The limits of a purchase and of a year. Whoever takes documents checks them as well, by the numbers of the program.
const LIMITS: &str = "limit.";

impl ParameterSet {
    /// The files of the program.
    pub fn built_in(sha256: Sha256) -> Self {
        Self::read(&[], sha256).expect("a test reads the files that are compiled in")
    }

    /// The set with these files, each in the place of those of the program that have the same tables: numbers of the
    /// law (`parameter`), tariff (`tariff`) or list of retail imports (`listed`).
    ///
    /// # Errors
    ///
    /// Everything that is wrong with each file and with all of them together: a number that the program reads and that
    /// is not there for ever, and a limit that is not the one of the program.
    pub fn read(own: &[OwnFile], sha256: Sha256) -> Result<Self, Vec<FileProblem>> {
        let mut problems = Vec::new();
        let mut read: Vec<(&str, &str, Vec<ParameterTable>)> = Vec::new();
        for OwnFile { name, text } in own {
            match tables(text) {
                Ok(tables) if tables.is_empty() => {
                    problems.push(of_file(name, 0, "there is no table in it"));
                }
                Ok(tables) => read.push((name, text, tables)),
                Err(faults) => problems.extend(faults.into_iter().map(|it| in_file(name, it))),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let has = |kind: &str| {
            read.iter().any(|(.., tables)| tables.iter().any(|table| table.kind == kind))
        };
        let is_kept = built_in::FILES.map(|file| !has(file.2));
        let has_sample = is_kept[1] || is_kept[2];
        let has_numbers = !is_kept[0];
        let kept = built_in::FILES.into_iter().zip(is_kept).filter(|(_, is_kept)| *is_kept);
        for ((name, text, _), _) in kept {
            let tables = tables(text).expect("a test reads the files that are compiled in");
            read.push((name, text, tables));
        }
        let mut parameters = Parameters::default();
        for (name, _, tables) in &read {
            let mut faults = Vec::new();
            for table in tables {
                parameters.add(table, &mut faults);
            }
            problems.extend(faults.into_iter().map(|it| in_file(name, it)));
        }
        parameters.sort();
        problems.extend(parameters.problems().into_iter().map(|it| in_file("", it)));
        if has_numbers {
            problems.extend(lacks(&parameters).map(|what| of_file("", 0, &what)));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let file = |(name, text, _): &(&str, &str, _)| ParameterFile {
            name: (*name).to_owned(),
            sha256: sha256(text.as_bytes()),
        };
        Ok(Self { files: read.iter().map(file).collect(), parameters, has_sample })
    }
}

fn in_file(name: &str, problem: ParameterProblem) -> FileProblem {
    FileProblem { file: name.to_owned(), problem }
}

fn of_file(name: &str, line: usize, what: &str) -> FileProblem {
    in_file(name, ParameterProblem { line, what: what.to_owned() })
}

/// What numbers of one's own lack: each that the program has is there, for ever, and limits are as the program has them.
fn lacks(own: &Parameters) -> impl Iterator<Item = String> {
    let known = &built_in::parameters().values;
    let mut names: Vec<&str> = known.iter().map(|value| value.name.as_str()).collect();
    names.dedup();
    let of = |parameters: &Parameters, name: &str| {
        let values = parameters.values.iter().filter(|value| value.name == name);
        values.map(|it| (it.value, it.validity.from, it.validity.to)).collect::<Vec<_>>()
    };
    names.into_iter().filter_map(move |name| {
        let values = of(own, name);
        if values.last().is_none_or(|(.., to)| to.is_some()) {
            return Some(format!("{name} has no value without a last day"));
        }
        let is_fixed = name.starts_with(LIMITS);
        let differs = is_fixed && values != of(built_in::parameters(), name);
        differs
            .then(|| format!("{name} is not as the program has it, which checks documents by it"))
    })
}
