//! The promises of the architecture, executable. Each failure names the place and the remedy.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use domain::Code;
use prost::Message as _;

use crate::harness::workspace;

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Files with this ending below a folder.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is there") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// After so many days somebody has to compare a number of the law with the law again: half a year, in which the State
/// Council and the ministries change some.
const CHECKED_DAYS_MAX: i64 = 180;

/// Numbers that hold today or later, of the files that are built in, with the day on which they were compared last.
fn numbers_in_force(today: time::Date) -> Vec<(String, time::Date)> {
    use domain::payment::parameters::{date, tables};
    let mut found = Vec::new();
    for file in files("services/domain/data", ".toml") {
        let tables = tables(&read(&file)).unwrap_or_else(|e| panic!("{}: {e:?}", file.display()));
        for table in tables {
            let Some(checked_on) = table.get("checked_on") else { continue };
            let has_ended = table.get("valid_to").and_then(date).is_some_and(|last| last < today);
            if !has_ended {
                let place = format!("{}:{}", file.display(), table.line);
                found.push((place, date(checked_on).expect("a day")));
            }
        }
    }
    for (year, of) in domain::payment::workdays::Workdays::built_in().years() {
        if year >= today.year() {
            found.push((format!("services/domain/data/workdays.txt: {year}"), of.checked_on));
        }
    }
    found
}

#[test]
fn numbers_of_the_law_were_compared_with_it_lately() {
    #[expect(clippy::disallowed_methods, reason = "whether a number is stale hangs on the day")]
    let today = time::OffsetDateTime::now_utc().date();
    let numbers = numbers_in_force(today);
    assert!(numbers.len() > 100, "the files are not there: {}", numbers.len());
    let stale = numbers.iter().filter(|(_, day)| (today - *day).whole_days() > CHECKED_DAYS_MAX);
    let stale: Vec<_> = stale.map(|(place, day)| format!("{place}: {day}")).collect();
    assert!(
        stale.is_empty(),
        "older than {CHECKED_DAYS_MAX} days: compare each with the law and set its checked_on\n{}",
        stale.join("\n")
    );
    let later = today + time::Duration::days(CHECKED_DAYS_MAX + 1);
    assert!(
        numbers_in_force(later)
            .iter()
            .any(|(_, day)| (later - *day).whole_days() > CHECKED_DAYS_MAX)
    );
}

/// The services: whoever has tables of its own.
fn services() -> Vec<String> {
    let folders = std::fs::read_dir(workspace().join("migrations")).expect("the folder is there");
    let names = folders.map(|it| it.expect("readable").file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != "kit").collect();
    names.sort();
    assert!(names.len() > 4, "the migrations are not there");
    names
}

#[test]
fn crates_depend_only_on_what_the_architecture_allows() {
    let own = ["domain", "proto", "client", "store", "kit"];
    // The window is put together of everything.
    let allowed: &[(&str, &[&str])] = &[
        ("services/domain", &[]),
        ("proto", &["domain"]),
        ("services/client", &["domain", "proto"]),
        ("services/store", &["domain"]),
        ("services/kit", &["domain", "proto", "client", "store"]),
        ("services/exchange", &["domain", "proto", "store"]),
        ("services/signature", &["domain"]),
        ("services/agencies", &["domain", "proto", "client"]),
        ("services/cli", &["domain", "proto", "client", "signature"]),
        ("services/console", &["domain", "proto", "store", "cli"]),
    ];
    // What a service may use besides.
    let besides: &[(&str, &str)] =
        &[("declaration", "exchange"), ("payment", "exchange"), ("ceb", "signature")];
    let mut all: Vec<(String, Vec<&str>)> =
        allowed.iter().map(|(folder, uses)| ((*folder).to_owned(), uses.to_vec())).collect();
    for service in services() {
        let besides = besides.iter().filter(|(it, _)| *it == service).map(|(_, uses)| *uses);
        let uses = own.into_iter().chain(besides).collect();
        all.push((format!("services/{service}"), uses));
    }
    let name = |folder: &str| folder.rsplit('/').next().unwrap_or(folder).to_owned();
    let ours: Vec<String> = all.iter().map(|(folder, _)| name(folder)).collect();
    for (folder, allowed) in &all {
        let manifest = workspace().join(folder).join("Cargo.toml");
        for line in read(&manifest).lines() {
            let Some(name) = line.strip_suffix(".workspace = true") else { continue };
            assert!(
                !ours.iter().any(|it| it == name) || allowed.contains(&name),
                "{}: {folder} may not depend on {name}; see docs/architecture.md",
                manifest.display()
            );
        }
    }
}

#[test]
fn a_service_is_known_elsewhere_only_where_the_guide_says() {
    let guide = read(&workspace().join("docs/new-service.md"));
    let (_, elsewhere) = guide.split_once("## Elsewhere").expect("the guide has this part");
    let mut lines = 0;
    for row in elsewhere.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<String> = row
            .replace("\\|", "\u{1f}")
            .split('`')
            .map(|cell| cell.replace('\u{1f}', "|"))
            .collect();
        let [_, file, _, line, ..] = &cells[..] else { panic!("no file and line: {row}") };
        let text = read(&workspace().join(file));
        assert!(
            text.lines().any(|found| found.trim() == line),
            "docs/new-service.md: {file} has no line `{line}`"
        );
        lines += 1;
    }
    assert!((1..=10).contains(&lines), "a service needs {lines} lines elsewhere; ten are enough");
    // Nobody but the window links a service, so there is nowhere else to look.
    for folder in ["client", "store", "kit", "exchange", "agencies"] {
        let manifest = read(&workspace().join(format!("services/{folder}/Cargo.toml")));
        for service in services() {
            assert!(!manifest.contains(&format!("{service}.workspace")), "services/{folder}");
        }
    }
}

#[test]
fn wire_types_stay_at_the_door() {
    // The relay is a client of the declaration service, a file each queue.
    let doors = ["lib.rs", "rpc.rs", "calls.rs", "wire.rs", "relay.rs"];
    let with_doors = services();
    for service in with_doors.iter().map(String::as_str).chain(["store", "domain"]) {
        for file in files(&format!("services/{service}/src"), ".rs") {
            let name = file.file_name().expect("a file").to_string_lossy().into_owned();
            let text = read(&file);
            let is_relay = file.parent().is_some_and(|folder| folder.ends_with("relay"));
            let is_door = is_relay || doors.contains(&name.as_str());
            let door = with_doors.iter().any(|it| it == service) && is_door;
            assert!(
                door || !(text.contains("proto::v1") || text.contains("v1::")),
                "{}: wire types belong into proto, or into rpc.rs, calls.rs and wire.rs of a service; convert at \
                 the door",
                file.display()
            );
        }
    }
}

#[test]
fn what_is_kept_is_no_request_or_answer_of_a_call() {
    for folder in ["services", "proto/src"] {
        for file in files(folder, ".rs") {
            let place = file.to_string_lossy().into_owned();
            if place.contains("/client") || place.contains("/cli/") || place.contains("/window/") {
                continue;
            }
            for (number, line) in (1_usize..).zip(read(&file).lines()) {
                // A list of documents that an agency asks for is no call.
                let line = line.replace("DocumentRequest::decode(", "");
                let read = line.contains("Request::decode(") || line.contains("Response::decode(");
                assert!(
                    !read,
                    "{place}:{number}: it was stored; see docs/decisions/2026-11-30-what-is-stored.md"
                );
            }
        }
    }
}

#[test]
fn the_rules_are_pure() {
    for file in files("services/domain/src", ".rs") {
        let text = read(&file);
        for word in ["async ", "tokio", "std::fs", "std::env", "Instant", "now_utc", "serde"] {
            assert!(
                !text.contains(word),
                "{}: `{word}` in domain; pass values in, keep I/O outside",
                file.display()
            );
        }
    }
}

#[test]
fn a_service_names_no_other_schema() {
    // A command of the operator's, which compares the books of all services and writes nothing.
    let books = workspace().join("services/window/src/books");
    let schemas = services();
    let all = files("services", ".rs").into_iter().chain(files("migrations", ".sql"));
    for file in all.filter(|file| !file.starts_with(&books)) {
        let text = read(&file);
        for schema in &schemas {
            for verb in ["from ", "into ", "update ", "join "] {
                assert!(
                    !text.contains(&format!("{verb}{schema}.")),
                    "{}: services meet in the exchange protocol, not in tables",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn every_code_has_its_page_and_every_page_its_code() {
    let pages: BTreeSet<String> = files("docs/errors", ".md")
        .iter()
        .map(|page| page.file_stem().expect("a name").to_string_lossy().into_owned())
        .filter(|name| name != "README")
        .collect();
    let codes: BTreeSet<String> = Code::ALL.iter().map(|code| code.id().to_owned()).collect();
    let missing: Vec<_> = codes.difference(&pages).collect();
    let orphaned: Vec<_> = pages.difference(&codes).collect();
    assert!(missing.is_empty(), "write docs/errors/ for {missing:?}");
    assert!(orphaned.is_empty(), "no such code: {orphaned:?}");
    for code in Code::ALL {
        let page = read(&workspace().join(format!("docs/errors/{}.md", code.id())));
        let title = format!("# {}: {}", code.id(), code.title());
        assert!(page.starts_with(&title), "docs/errors/{}.md must begin with {title:?}", code.id());
    }
}

#[test]
fn paths_in_documents_exist() {
    let folders = ["proto/", "services/", "migrations/", "deploy/", "tests/", "docs/", ".ci/"];
    let mut documents = files("docs", ".md");
    documents
        .extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|it| workspace().join(it)));
    for document in documents {
        for (number, line) in read(&document).lines().enumerate() {
            let words = line.split(|c: char| c.is_whitespace() || "`()[]<>,;|'\"".contains(c));
            for word in words {
                let word = word.trim_end_matches(['.', ':']);
                let path = word.split([':', '#']).next().unwrap_or(word);
                let named = folders.iter().any(|folder| path.starts_with(folder));
                if !named || path.contains(['*', '…', '{', '$']) || path.contains("xxxx") {
                    continue;
                }
                assert!(
                    workspace().join(path).exists(),
                    "{}:{}: {path} does not exist",
                    document.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn every_call_of_the_schema_is_in_the_glossary_or_the_guide() {
    let schema = prost_types::FileDescriptorSet::decode(proto::DESCRIPTOR).expect("compiled");
    let guide = read(&workspace().join("docs/api.md"));
    for service in schema.file.iter().flat_map(|file| &file.service) {
        for method in &service.method {
            assert!(
                guide.contains(&format!("`{}`", method.name())),
                "docs/api.md says nothing about `{}` of {}",
                method.name(),
                service.name()
            );
        }
    }
}

/// Words of a text that begin like this.
fn words<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = &'a str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(move |word| word.starts_with(begin))
}

#[test]
fn every_metric_is_documented_and_every_alert_says_what_to_do() {
    let sources = files("services", ".rs").into_iter().map(|file| read(&file));
    let in_code: BTreeSet<String> = sources
        .flat_map(|text| {
            let literals = text.split('"').skip(1).step_by(2).filter(|it| it.starts_with("sw_"));
            literals
                .filter(|it| words(it, "sw_").next() == Some(it))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    let page = read(&workspace().join("docs/metrics.md"));
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(['{', '`']).next());
    let documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    assert_eq!(documented, in_code, "docs/metrics.md lists what the code measures");
    let alerts = read(&workspace().join("deploy/monitoring/alerts.yml"));
    let dashboard = read(&workspace().join("deploy/monitoring/dashboard.json"));
    for metric in words(&alerts, "sw_").chain(words(&dashboard, "sw_")) {
        assert!(documented.contains(metric), "deploy/monitoring: there is no metric {metric}");
    }
    let guide = read(&workspace().join("docs/operating.md"));
    let test = read(&workspace().join("deploy/monitoring/alerts_test.yml"));
    for alert in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(
            guide.contains(&format!("| `{alert}` |")),
            "docs/operating.md: what is to be done at {alert}?"
        );
        assert!(test.contains(&format!("- name: {alert}")), "alerts_test.yml: {alert}");
    }
}

#[test]
fn no_default_is_silent() {
    let mut found = Vec::new();
    for folder in ["proto/src", "services"] {
        for file in files(folder, ".rs") {
            let path = file.strip_prefix(workspace()).expect("below it").display().to_string();
            if path.contains("src/") {
                let lines = silent_defaults(&read(&file));
                found.extend(lines.iter().map(|line| format!("{path}:{line}")));
            }
        }
    }
    assert!(
        found.is_empty(),
        "defaults for values that are not there; make the impossible ones faults, and say beside the \
         others why the default is right:\n{}",
        found.join("\n")
    );
}

/// Lines on which a value that is not there, or does not fit, becomes another one without a word why.
fn silent_defaults(text: &str) -> Vec<usize> {
    let code = text.split("#[cfg(test)]").next().unwrap_or(text);
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let is_default = |line: &&str| {
        let bound = ["::MAX)", "::MIN)"].iter().any(|bound| line.contains(bound));
        line.contains("unwrap_or_default()")
            || line.contains(".unwrap_or(") && (bound || line.contains("try_from("))
    };
    let silent = |at: usize| {
        if lines[at].contains(" // ") {
            return false;
        }
        // The comment stands above the statement, or within it.
        for line in lines[..at].iter().rev() {
            if line.starts_with("//") {
                return line.starts_with("///");
            }
            if line.ends_with([';', ',', '{', '}']) {
                return true;
            }
        }
        true
    };
    let found = lines.iter().enumerate().filter(|(_, line)| is_default(line));
    found.map(|(at, _)| at).filter(|at| silent(*at)).map(|at| at + 1).collect()
}

#[test]
fn a_default_with_its_reason_is_not_silent() {
    let silent = [
        "let a = b.unwrap_or_default();",
        "/// Says what, not why.\nlet a = b.unwrap_or_default();",
        "// About something else.\nlet c = d;\nlet a = i32::try_from(b).unwrap_or(i32::MAX);",
        "Row {\n    // About x.\n    x: 1,\n    y: u32::try_from(y).unwrap_or(0),\n}",
        "let a = b\n    .first()\n    .unwrap_or(usize::MAX);",
    ];
    for text in silent {
        assert_eq!(silent_defaults(text).len(), 1, "{text}");
    }
    let explained = [
        "let a = b.unwrap_or_default(); // none is none",
        "// None is none.\nlet a = b\n    .first()\n    .unwrap_or_default();",
        "let a = b\n    .first()\n    // None is none.\n    .unwrap_or_default();",
        "let a = b.unwrap_or_else(PoisonError::into_inner);",
        "let a = b.unwrap_or(c);",
        "#[cfg(test)]\nmod tests { fn a() { b.unwrap_or_default() } }",
    ];
    for text in explained {
        assert_eq!(silent_defaults(text), [0; 0], "{text}");
    }
}

/// Names of types that mean one thing in each place and are written with the name of the place, and why.
const SHARED_NAMES: &[(&str, &str)] = &[
    ("Error", "why a module cannot do its work; said with its name, `client::Error`"),
    ("Row", "a row as one query reads it; never said beyond the file of the query"),
    ("Service", "a service as the kit mounts it; said with its name, `ceb::Service`"),
];

/// A reader who met a name once knows what it means. Generated messages may have the name of what they
/// carry: there it is the same thing on the wire.
#[test]
fn a_type_name_means_one_thing() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for folder in ["proto/src", "services"] {
        for file in files(folder, ".rs") {
            let path = file.strip_prefix(workspace()).expect("below it").display().to_string();
            if path.contains("src/") {
                for (line, name) in types_shown_to_others(&read(&file)) {
                    places.entry(name.to_owned()).or_default().push(format!("{path}:{line}"));
                }
            }
        }
    }
    places.retain(|_, places| places.len() > 1);
    for (name, why) in SHARED_NAMES {
        assert!(
            places.remove(*name).is_some(),
            "{name} is one type, and needs no exception: {why}"
        );
    }
    let repeated: Vec<_> =
        places.iter().map(|(name, places)| format!("{name}: {}", places.join(", "))).collect();
    assert!(
        repeated.is_empty(),
        "one name for several things; call each by what it is, as a noun:\n{}",
        repeated.join("\n")
    );
}

/// Types that other modules see, each with its line.
fn types_shown_to_others(text: &str) -> Vec<(usize, &str)> {
    types(text, |seen| !seen.is_empty())
}

/// Types with these ways of being seen (`pub`, `pub(crate)`, nothing for those of one file), each with its line.
/// What a trait leaves open is none.
fn types(text: &str, is_meant: impl Fn(&str) -> bool) -> Vec<(usize, &str)> {
    const KINDS: [&str; 4] = ["struct ", "enum ", "trait ", "type "];
    const SEEN: [&str; 3] = ["pub ", "pub(crate) ", "pub(super) "];
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or(text);
    let name = |line: &'_ str| -> Option<usize> {
        let line = line.trim_end();
        let item = line.trim_start();
        let seen = SEEN.into_iter().find(|seen| item.starts_with(seen)).unwrap_or("");
        let item = item.strip_prefix(seen)?;
        let kind = KINDS.iter().find(|kind| item.starts_with(**kind))?;
        let left_open = *kind == "type " && seen.is_empty() && line.starts_with(' ');
        (is_meant(seen) && !left_open).then(|| item.len() - kind.len())
    };
    let found = code.lines().enumerate().filter_map(|(at, line)| {
        let line = line.trim_end();
        let name = &line[line.len() - name(line)?..];
        let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
        // A macro gives its types the names that it is told.
        (end > 0).then_some((at + 1, &name[..end]))
    });
    found.collect()
}

#[test]
fn types_are_found_where_others_see_them() {
    let text = "pub struct Open<T> {\n    kind: Kind,\n}\nstruct Own;\npub(super) type Short = u8;\n\
                pub(crate) enum Either {}\npub struct $name;\npub fn new() {}\n#[cfg(test)]\nmod tests {\n    pub struct Tried;\n}";
    assert_eq!(types_shown_to_others(text), [(1, "Open"), (5, "Short"), (6, "Either")]);
    assert_eq!(types(text, str::is_empty), [(4, "Own")]);
    assert_eq!(types("trait Open {\n    type Kind;\n}", |_| true), [(1, "Open")]);
}

/// Participles that do not end in "-ed", and nouns that do.
const PARTICIPLES: &[&str] = &[
    "Begun", "Bought", "Chosen", "Done", "Drawn", "Found", "Given", "Gone", "Heard", "Held",
    "Kept", "Known", "Left", "Lost", "Made", "Met", "Paid", "Put", "Ran", "Read", "Said", "Seen",
    "Sent", "Shown", "Sold", "Taken", "Thrown", "Told", "Written",
];
const NOUNS: &[&str] = &["Feed", "Hundred", "Need", "Seed", "Speed"];

/// Words that say what somebody does to a thing, or play a scene, where the field has a noun.
const PRIVATE_WORDS: &[&str] = &[
    "About", "At", "Board", "By", "Cast", "Desk", "Door", "Ear", "Errand", "Office", "Paper",
    "Shelf", "Teller", "Then", "Tongue", "Voice", "What", "When", "Whole", "Why", "Wrong",
];

/// A type is a noun of the field or of the glossary. What was done to a thing does not say what it is: not
/// `Heard`, but `DeclarationEvent`. Variants that are facts are in the past tense and are no types.
#[test]
fn a_type_name_is_a_noun() {
    let mut found = Vec::new();
    for folder in ["proto/src", "services"] {
        for file in files(folder, ".rs") {
            let path = file.strip_prefix(workspace()).expect("below it").display().to_string();
            if path.contains("src/") {
                let text = read(&file);
                let names = types(&text, |_| true).into_iter();
                let wrong = names.filter(|(_, name)| !is_noun(name));
                found.extend(wrong.map(|(line, name)| format!("{path}:{line}: {name}")));
            }
        }
    }
    assert!(
        found.is_empty(),
        "call a type by what it is, as a noun that people of the field know (docs/glossary.md):\n{}",
        found.join("\n")
    );
}

fn is_noun(name: &str) -> bool {
    let last = name.rfind(char::is_uppercase).map_or(name, |at| &name[at..]);
    let participle = last.ends_with("ed") && !NOUNS.contains(&last) || PARTICIPLES.contains(&last);
    // `TaxOffice` is an office.
    !participle && !PRIVATE_WORDS.contains(&name) && !["Desk", "Errand", "Teller"].contains(&last)
}

#[test]
fn a_participle_is_no_noun() {
    for name in ["Told", "OrderPaid", "DutyMoved", "Shared", "Desk", "FilingErrand", "Why"] {
        assert!(!is_noun(name), "{name}");
    }
    for name in ["Receipt", "Seed", "PaidOrder", "ListedHeading", "TaxOffice", "Standing", "Row"] {
        assert!(is_noun(name), "{name}");
    }
}

/// Words of talk, of which none says whether a function receives, applies, publishes, reports or prints.
const TALK: &[&str] = &["hear", "heard", "tell", "told", "say", "said"];

/// A function is called by what it does, or by what it gives. Names of tests are sentences and may talk.
#[test]
fn a_function_name_does_not_talk() {
    let mut found = Vec::new();
    for folder in ["proto", "services", "tests"] {
        for file in files(folder, ".rs") {
            let path = file.strip_prefix(workspace()).expect("below it").display().to_string();
            let text = read(&file);
            let talking = functions(&text).into_iter().filter(|(_, name)| talks(name));
            found.extend(talking.map(|(line, name)| format!("{path}:{line}: {name}")));
        }
    }
    assert!(
        found.is_empty(),
        "call a function by what it does (receive, apply, publish, report, print) or gives:\n{}",
        found.join("\n")
    );
}

fn talks(name: &str) -> bool {
    name.split('_').any(|word| TALK.contains(&word))
}

/// Functions that are no tests, each with its line.
fn functions(text: &str) -> Vec<(usize, &str)> {
    const BEFORE: [&str; 7] =
        ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "extern"];
    let (mut found, mut is_test) = (Vec::new(), false);
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("#[") {
            is_test |= line.contains("test");
            continue;
        }
        let mut words = line.split(' ').skip_while(|word| BEFORE.contains(word));
        if words.next() == Some("fn") && !is_test {
            let name = words.next().unwrap_or(""); // no name, no function
            let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_'));
            found.push((at + 1, &name[..end.unwrap_or(name.len())]));
        }
        is_test &= line.starts_with("//");
    }
    found
}

/// What converts between a message and what the domain has says which way it goes.
#[test]
fn a_conversion_says_which_way_it_goes() {
    let mut broken = Vec::new();
    for file in files("proto/src/inspection", ".rs") {
        for line in read(&file).lines() {
            let Some((_, rest)) = line.split_once("fn ") else { continue };
            let Some((name, rest)) = rest.split_once('(') else { continue };
            let reads = rest.starts_with("wire: ");
            if reads != name.ends_with("_from_wire") || name.starts_with("wire_") {
                broken.push(format!("{}: {name}", file.display()));
            }
        }
    }
    assert!(
        broken.is_empty(),
        "x_from_wire reads a message, x_to_wire writes one:\n{}",
        broken.join("\n")
    );
}

#[test]
fn functions_that_talk_are_noticed() {
    let text = "fn hear(&self) {}\n    pub(crate) async fn tell_all<T>(of: T) {\n}\n\
                #[tokio::test(flavor = \"multi_thread\")]\n// Why.\nasync fn it_is_told() {}\n\
                fn bill_told() {}\n#[must_use]\npub const fn said() {}\nlet told = 1; // fn say()\nfn essay() {}";
    let talking: Vec<_> = functions(text).into_iter().filter(|(_, name)| talks(name)).collect();
    assert_eq!(talking, [(1, "hear"), (2, "tell_all"), (7, "bill_told"), (9, "said")]);
}

/// Statements that write without a slot, or lock over several, with the beginning of each and why that is so.
/// On a distributed database they go to every node, or have to become others.
const BEYOND_A_SLOT: &[(&str, &str)] = &[
    ("insert into consumer ", "consumers of an agency are few rows, for all slots"),
    ("update consumer ", "the same"),
    ("delete from consumer ", "the same"),
    (
        "update subscription set consumer = '', expires_time",
        "a connection ends: all its slots at once",
    ),
    ("update queue_item set tries = 0", "people have stuck items tried again, of all slots"),
    ("delete from queue_item where stuck_time", "people give one up, by its id"),
    ("update delivery d set lease_until = ", "messages of webhooks that are due, of all slots"),
    (
        "delete from delivery where ctid = any",
        "messages of webhooks that are too old, of all slots",
    ),
    ("delete from signing_key where expire_time", "the same, of keys that sign no more"),
    ("select slot, position from journal_head ", "heads of a transaction, locked in their order"),
    ("select slot, number, recorded_time from ledger_head ", "the same, of ledgers"),
    ("with before as ( select slot, position from inbox ", "the same, of what comes in"),
    (
        "select o.order_no, o.ebc_code, o.declaration_id ",
        "orders of declarations that are amended, in order",
    ),
];

/// What makes a transaction go to one node of a distributed database: every statement that writes names the slot,
/// and none asks the database for something that differs with every row.
#[test]
fn statements_that_write_name_their_slot_and_change_nothing_by_chance() {
    let mut unused: BTreeMap<&str, &str> = BEYOND_A_SLOT.iter().copied().collect();
    let mut wrong = Vec::new();
    let all = files(".sqlx", ".json");
    assert!(all.len() > 100, "the checked queries are not there");
    for file in all {
        let query: serde_json::Value = serde_json::from_str(&read(&file)).expect("it is JSON");
        let query = query.get("query").and_then(serde_json::Value::as_str).expect("a query");
        let (wrongs, used) = broken_rules(query);
        unused.retain(|beginning, _| Some(*beginning) != used);
        wrong.extend(wrongs.map(|why| format!("{why}: {query}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "no statement needs these exceptions: {unused:?}");
}

/// What is wrong with a statement, and the exception that it made use of.
fn broken_rules(query: &str) -> (Option<&'static str>, Option<&'static str>) {
    const WRITES: [&str; 4] = ["insert into ", "update ", "delete from ", " for update"];
    // They differ from row to row, or with every call.
    const VOLATILE: [&str; 6] =
        ["clock_timestamp(", "random(", "gen_random_uuid(", "nextval(", "timeofday(", "now()"];
    // Comments of the text are not part of the statement.
    let lines = query.lines().map(|line| line.split("--").next().unwrap_or(line));
    let text = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").to_lowercase();
    if !WRITES.iter().any(|word| text.contains(word)) {
        return (None, None);
    }
    if VOLATILE.iter().any(|function| text.contains(function)) {
        return (Some("pass the time and what is drawn as arguments"), None);
    }
    let inserts = text.starts_with("insert into ");
    let condition = text.split_once(" where ").map_or("", |(_, condition)| condition);
    let names_slot = |text: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|it| it == "slot")
    };
    let many = text.contains(" for update") && !text.contains("slot = 0");
    if names_slot(if inserts { &text } else { condition }) && !many {
        return (None, None);
    }
    let exception = BEYOND_A_SLOT.iter().find(|(beginning, _)| text.starts_with(beginning));
    match exception {
        Some((beginning, _)) => (None, Some(beginning)),
        None => (Some("name the slot of what is written, or say why not in BEYOND_A_SLOT"), None),
    }
}

#[test]
fn rules_about_slots_are_noticed_when_they_are_broken() {
    let wrong = |query| broken_rules(query).0.is_some();
    assert!(wrong("update declaration set version = $2\n where id = $1"));
    assert!(wrong("update declaration set slot = $2 where id = $1"));
    assert!(wrong("delete from content where subject = $1"));
    assert!(wrong("insert into content (subject) values ($1)"));
    assert!(wrong("select id from declaration where slot = any($1) for update"));
    assert!(wrong("update consumer set expires_time = clock_timestamp() where slot = $1"));
    assert!(!wrong("update declaration d set version = $2 where d.slot = $1 and id = $3"));
    assert!(!wrong("select id from declaration where id = $1 -- for update"));
}

/// A migration that a window of the version before may meet takes nothing away and asks nothing new of it. The first
/// ones of a schema make it.
#[test]
fn migrations_expand_or_say_that_they_contract() {
    let mut wrong = Vec::new();
    let all: String = files("migrations", ".sql").iter().map(|file| read(file)).collect();
    for file in files("migrations", ".sql") {
        let name = file.file_name().expect("a file").to_string_lossy().into_owned();
        let (number, name) = name.split_once('_').expect("NUMBER_NAME.sql");
        let first = number.parse::<u32>().expect("a number") % 1_000 == 1;
        if !first && !name.starts_with("contract") {
            let text = read(&file);
            let dropped = text.split("drop index ").skip(1).filter_map(|it| it.split(';').next());
            let keys = dropped.filter(|it| all.contains(&format!("create unique index {it} ")));
            wrong.extend(keys.map(|it| format!("{}: {it} says what may be", file.display())));
            let faults = contractions(&text);
            wrong.extend(faults.into_iter().map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "see docs/upgrading.md: {wrong:#?}");
}

/// Statements of a migration after which the version before does not work any more, or for which it would wait.
fn contractions(migration: &str) -> Vec<String> {
    let lines = migration.lines().map(|line| line.split("--").next().unwrap_or(line)); // why: the part before a comment
    let text = lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ").to_lowercase();
    let made: Vec<&str> =
        text.split("create table ").skip(1).filter_map(|it| it.split(' ').next()).collect();
    let is_new = |statement: &str, before: &str| {
        let table =
            statement.split_once(before).and_then(|(_, rest)| rest.split([' ', '(']).next());
        table.is_some_and(|table| made.contains(&table))
    };
    let breaks = |statement: &str| {
        if statement.starts_with("alter table ") {
            let adds = statement.contains(" add column ");
            let asks = statement.contains(" not null") && !statement.contains(" default ");
            let allowed = adds && !asks && !statement.contains(" drop ");
            return !allowed && !is_new(statement, "alter table ");
        }
        if statement.starts_with("create unique index ") || statement.starts_with("create index ") {
            let beside = statement.starts_with("create index concurrently ");
            return !beside && !is_new(statement, " on ");
        }
        // Without an index a statement takes longer and does the same, unless the index says what may be.
        let harmless =
            ["create table ", "insert into ", "comment on ", "create function ", "drop index "];
        !statement.is_empty() && !harmless.iter().any(|begin| statement.starts_with(begin))
    };
    // Bodies of functions hold semicolons; they are no statements of the migration.
    let outside = text.split("$$").step_by(2).collect::<Vec<_>>().join(" ");
    outside.split(';').map(str::trim).filter(|it| breaks(it)).map(str::to_owned).collect()
}

#[test]
fn contractions_are_noticed() {
    for bad in [
        "alter table declaration drop column note;",
        "alter table declaration add column note text not null;",
        "alter table declaration rename to filing;",
        "alter table declaration alter column version type bigint;",
        "create unique index once on declaration (slot, cop_no);",
        "create index more on declaration (slot, cop_no);",
        "drop table release;",
        "update declaration set version = 1;",
    ] {
        assert_eq!(contractions(bad).len(), 1, "{bad}");
    }
    for good in [
        "create table later (slot smallint primary key);\ncreate index later_slot on later (slot);",
        "alter table declaration add column note text; -- drop table later;",
        "alter table declaration add column count integer not null default 0;",
        "drop index more;",
        "-- no-transaction\ncreate index concurrently more on declaration (slot, cop_no);",
    ] {
        assert_eq!(contractions(good), Vec::<String>::new());
    }
}

/// Errors of schemathesis are not good because they are no failures; a closed connection is told by its reason.
#[test]
fn a_run_of_schemathesis_is_judged_by_its_reasons() {
    let error = |reason: &str, times: usize| {
        let one = format!("___ GET /a ___\nNetwork Error\n\nConnection failed\n\n{reason}\n\n");
        let errors = one.repeat(times);
        format!(
            "==== ERRORS ====\n{errors}\n=== SUMMARY ===\nErrors:\n  🚫 Network Error: {times}\n\n\
             Test cases:\n  23 generated, {times} errored\n"
        )
    };
    let closed = "    Connection aborted. Remote end closed connection without response";
    let slow = "    Read timed out after 20.0 seconds";
    let schema = "Errors:\n  🚫 Schema Error: 1\n\n  23 generated, 22 passed\n".to_owned();
    let failed = format!("==== FAILURES ====\n- Server error\n{}", error(closed, 1));
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("said");
    for (text, status, is_good) in [
        ("  23 generated, 23 passed\n".to_owned(), 0, true),
        ("  No test cases were generated\n".to_owned(), 0, false),
        ("  23 generated, 23 passed\n".to_owned(), 2, false),
        (error(closed, 1), 1, true),
        (error(closed, 2), 1, true),
        (error(closed, 3), 1, false),
        (error(slow, 1), 1, false),
        (error(closed, 1) + &error(slow, 1), 1, false),
        (schema, 1, false),
        (failed, 1, false),
    ] {
        std::fs::write(&file, &text).expect("it is written");
        let judged = std::process::Command::new(workspace().join("deploy/judge-calls"))
            .arg(&file)
            .arg(status.to_string())
            .output()
            .expect("it runs");
        assert_eq!(judged.status.success(), is_good, "{status}: {text}: {judged:?}");
    }
}
