//! Guides show samples as they are: below a line `<!-- snippet: FILE NAME -->` stands the part of the file between
//! `snippet: NAME` and `end`. `make guides` writes it there, where it differs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::harness::workspace;

const GUIDES: [&str; 2] = ["docs/sdks.md", "docs/http.md"];

#[test]
fn guides_show_samples_as_they_are() {
    for guide in GUIDES {
        let path = workspace().join(guide);
        let there = std::fs::read_to_string(&path).expect("the guide is there");
        let right = filled(&there);
        if there == right {
            continue;
        }
        if std::env::var_os("SW_GUIDES").is_some_and(|wish| wish == "write") {
            std::fs::write(&path, &right).expect("ours");
        }
        let differs = there.lines().zip(right.lines()).position(|(there, right)| there != right);
        let line = differs.map_or(0, |at| at + 1);
        panic!("{guide}:{line}: the sample says something else; `make guides` writes what it says");
    }
}

/// A guide with the block below each marker as its file has it.
fn filled(guide: &str) -> String {
    let mut lines = guide.lines().peekable();
    let mut filled = Vec::new();
    while let Some(line) = lines.next() {
        filled.push(line.to_owned());
        let marker = line.strip_prefix("<!-- snippet: ").and_then(|rest| rest.strip_suffix(" -->"));
        let Some((file, name)) = marker.and_then(|marker| marker.split_once(' ')) else { continue };
        if lines.next_if(|line| line.starts_with("```")).is_some() {
            let _old = lines.by_ref().find(|line| *line == "```");
        }
        let source = std::fs::read_to_string(workspace().join(file));
        let source = source.unwrap_or_else(|error| panic!("{file}: {error}"));
        let parts = parts(&source);
        let part = parts.get(name).unwrap_or_else(|| panic!("{file} has no part {name}"));
        let ending = Path::new(file).extension().and_then(|ending| ending.to_str());
        let language = match ending {
            Some("rs") => "rust",
            Some("py") => "python",
            Some("ts") => "typescript",
            Some("sh") => "bash",
            other => other.expect("a sample has a language"),
        };
        filled.push(format!("```{language}"));
        filled.extend(part.iter().cloned());
        filled.push("```".to_owned());
    }
    filled.join("\n") + "\n"
}

/// The parts of a file by their names, each without the indentation of its first line.
fn parts(source: &str) -> BTreeMap<String, Vec<String>> {
    let mut parts = BTreeMap::new();
    let mut open: Option<(String, String, Vec<String>)> = None;
    for line in source.lines() {
        let said = line.trim_start().trim_start_matches(['/', '#']).trim();
        if let Some(name) = said.strip_prefix("snippet: ") {
            let indentation = line[..line.len() - line.trim_start().len()].to_owned();
            open = Some((name.to_owned(), indentation, Vec::new()));
        } else if said == "end" {
            let (name, _, part) = open.take().expect("a part begins before it ends");
            let ends =
                part.iter().rposition(|line: &String| !line.is_empty()).map_or(0, |at| at + 1);
            parts.insert(name, part[..ends].to_vec());
        } else if let Some((_, indentation, part)) = &mut open {
            part.push(line.strip_prefix(indentation.as_str()).unwrap_or(line).to_owned());
        }
    }
    assert!(open.is_none(), "a part has no end");
    parts
}

#[test]
fn a_part_is_shown_without_its_indentation() {
    let source = "a\n  # snippet: one\n  b\n    c\n\n  # end\n// snippet: two\nd\n// end\n";
    let parts = parts(source);
    assert_eq!(parts["one"], ["b", "  c"]);
    assert_eq!(parts["two"], ["d"]);
}
