//! Modules of a crate use each other in one direction: whoever reads one from its beginning never has to know what
//! comes later.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::harness::workspace;

/// Which modules of its crate each module uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn modules_do_not_use_each_other_in_a_circle() {
    let mut crates = Vec::new();
    for service in std::fs::read_dir(workspace().join("services")).expect("the folder is there") {
        let service = service.expect("readable").path();
        let source = service.join("src");
        // The window puts the parts together and is no part itself.
        if source.join("lib.rs").exists() && !service.ends_with("window") {
            crates.push(source);
        }
    }
    assert!(crates.len() > 12, "the crates are not there");
    let mut found = Vec::new();
    for source in crates {
        let uses = uses(&source);
        found.extend(circles(&uses).into_iter().map(|circle| {
            let arrows = circle.iter().flat_map(|from| {
                let used = uses.get(from).into_iter().flatten();
                used.filter(|to| circle.contains(*to)).map(move |to| format!("{from} -> {to}"))
            });
            format!("{}: {}", source.display(), arrows.collect::<Vec<_>>().join(", "))
        }));
    }
    assert!(
        found.is_empty(),
        "move what both sides need into a module that needs neither:\n{}",
        found.join("\n")
    );
}

/// The modules below a folder, and what each of them names of its own crate outside its tests. The root of the crate is
/// left out: it declares all of them.
fn uses(source: &Path) -> Uses {
    let mut texts = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let name = path.strip_prefix(source).expect("it lies there").with_extension("");
                let name = name.to_string_lossy().replace('/', "::");
                let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
                texts.insert(name, std::fs::read_to_string(&path).expect("readable"));
            }
        }
    }
    texts.retain(|name, _| name != "lib" && name != "main");
    let names: BTreeSet<String> = texts.keys().cloned().collect();
    let used = |(name, text): (String, String)| {
        let used = paths(&name, &text).into_iter().filter_map(|path| module(&names, &path));
        let used = used.filter(|used| *used != name).collect();
        (name, used)
    };
    texts.into_iter().map(used).collect()
}

/// The module that a path within the crate lies in.
fn module(names: &BTreeSet<String>, path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split("::").collect();
    let lengths = (1..=parts.len()).rev();
    lengths
        .map(|length| parts.get(..length).unwrap_or(&[]).join("::"))
        .find(|it| names.contains(it))
}

/// The paths within its crate that a module names, but for those of its tests and comments.
fn paths(name: &str, text: &str) -> Vec<String> {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(line));
    let text = lines.collect::<Vec<_>>().join("\n");
    let parent = name.rsplit_once("::").map_or(String::new(), |(parent, _)| format!("{parent}::"));
    let mut found = Vec::new();
    for (begin, base) in [("crate::", ""), ("super::", parent.as_str())] {
        for (at, _) in text.match_indices(begin) {
            let rest = text.get(at + begin.len()..).unwrap_or("");
            let before = text.get(..at).and_then(|it| it.chars().next_back());
            if before.is_some_and(|it| it.is_alphanumeric() || it == '_' || it == ':') {
                continue;
            }
            found.extend(names_in(rest).into_iter().map(|path| format!("{base}{path}")));
        }
    }
    found
}

/// The paths that stand at the beginning of a text: one, or those of a list in braces.
fn names_in(text: &str) -> Vec<String> {
    let Some(list) = text.strip_prefix('{') else {
        let end = text.find(|it: char| !it.is_alphanumeric() && it != '_' && it != ':');
        let path = text.get(..end.unwrap_or(text.len())).unwrap_or("");
        return vec![path.trim_end_matches(':').to_owned()];
    };
    let (mut depth, mut item, mut items) = (0_u32, String::new(), Vec::new());
    for letter in list.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => items.push(std::mem::take(&mut item)),
            other if depth == 0 => item.push(other),
            _ => {}
        }
    }
    items.push(item);
    items.iter().flat_map(|item| names_in(item.trim())).filter(|it| !it.is_empty()).collect()
}

/// Groups of modules each of which needs all others of its group.
fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reached = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = open.pop() {
            for used in uses.get(&next).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    open.push(used.clone());
                }
            }
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<String>> =
        uses.keys().map(|name| (name, reached(name))).collect();
    let of = |name: &String| {
        let ahead = reach.get(name).into_iter().flatten();
        let back = ahead.filter(|it| reach.get(*it).is_some_and(|back| back.contains(name)));
        back.cloned().collect::<BTreeSet<String>>()
    };
    let all: BTreeSet<BTreeSet<String>> =
        uses.keys().map(of).filter(|circle| !circle.is_empty()).collect();
    all.into_iter().collect()
}

#[test]
fn circles_are_noticed() {
    let text = "use crate::{b::Two, c::{self, Three}, four};\n// crate::d::Five\nfn a() { crate::e::f() }\n\
                use proto::crate_name::g;\n#[cfg(test)]\nmod tests { use crate::h; }";
    assert_eq!(
        paths("a", text),
        ["b::Two", "c::", "four", "e::f"].map(|it| it.trim_end_matches(':'))
    );
    assert_eq!(paths("m::a", "use super::b::C;"), ["m::b::C"]);
    let uses = |arrows: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (from, to) in arrows {
            uses.entry((*from).to_owned()).or_default().insert((*to).to_owned());
        }
        uses
    };
    assert!(circles(&uses(&[("a", "b"), ("a", "c"), ("b", "c")])).is_empty());
    let found = circles(&uses(&[("a", "b"), ("b", "c"), ("c", "b"), ("d", "a")]));
    assert_eq!(found, [BTreeSet::from(["b".to_owned(), "c".to_owned()])]);
}
