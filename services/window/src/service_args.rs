//! The flags of services, made of their manifests: as whom each calls a window, and its name on the exchange.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, value_parser};
use cli::options::pem;
use client::Config;
use kit::service::{Identity, Manifest};

use crate::services::manifests;

/// Reads the name of a service.
pub(crate) fn service_name() -> PossibleValuesParser {
    let value = |it: &'static Manifest| PossibleValue::new(it.name).help(it.purpose);
    PossibleValuesParser::new(manifests().map(value))
}

/// As whom services call a window.
#[derive(Debug)]
pub(crate) struct ServiceArgs {
    files: Vec<Files>,
    names: NameArgs,
}

/// The names of services on the exchange.
#[derive(Debug)]
pub(crate) struct NameArgs(BTreeMap<&'static str, String>);

/// The files of one service.
#[derive(Debug)]
struct Files {
    service: &'static str,
    authority: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    /// Empty is this window's own address.
    endpoint: String,
}

impl ServiceArgs {
    /// Reads the files of the services that are to run here, by their names.
    pub(crate) fn callers(&self) -> anyhow::Result<BTreeMap<&'static str, Config>> {
        let read = |files: &Files| {
            crate::files::ensure_private(&files.key)?;
            let config = Config {
                address: files.endpoint.clone(),
                authority: pem(&files.authority)?,
                certificate: pem(&files.certificate)?,
                key: pem(&files.key)?,
                api_key: String::new(),
            };
            Ok((files.service, config))
        };
        self.files.iter().map(read).collect()
    }

    /// Their names on the exchange.
    pub(crate) fn names(&self) -> BTreeMap<&'static str, String> {
        self.names.names()
    }
}

impl NameArgs {
    /// Names by service.
    pub(crate) fn names(&self) -> BTreeMap<&'static str, String> {
        self.0.clone()
    }
}

/// The services that call a window.
fn callers() -> impl Iterator<Item = (&'static Manifest, &'static Identity)> {
    manifests().filter_map(|manifest| Some((manifest, manifest.identity.as_ref()?)))
}

/// Those that sit at the exchange.
fn consumers() -> impl Iterator<Item = (&'static Manifest, &'static Identity)> {
    callers().filter(|(_, identity)| identity.consumes)
}

/// The flag of an identity, and the argument's id.
fn flag(identity: &Identity, what: &str) -> &'static str {
    // Flags live as long as the program, and there are few.
    format!("{}-{what}", identity.kind).leak()
}

fn argument(identity: &Identity, what: &str) -> Arg {
    let flag = flag(identity, what);
    let env: &'static str = format!("SW_{}", flag.to_uppercase().replace('-', "_")).leak();
    Arg::new(flag).long(flag).env(env).help_heading(identity.title)
}

impl Args for ServiceArgs {
    fn augment_args(mut command: Command) -> Command {
        for (_, identity) in callers() {
            let [cert, key, ca] = ["cert", "key", "ca"].map(|what| flag(identity, what));
            let file = |what| {
                let file = argument(identity, what).value_name("FILE");
                file.value_parser(value_parser!(PathBuf))
            };
            command = command
                .arg(file("cert").requires(key).requires(ca).help(identity.certificate))
                .arg(file("key").requires(cert).help("Its key (PEM)"))
                .arg(
                    file("ca")
                        .requires(cert)
                        .help("Authority of the certificate of the window that it calls (PEM)"),
                )
                .arg(
                    argument(identity, "endpoint")
                        .value_name("HOST:PORT")
                        .requires(cert)
                        .help("That window, host:port; where services run by themselves, the declaration service and after it \
                             the others, for example declaration:7443,ceb=ceb:7443 [default: this one, as localhost]"),
                );
        }
        NameArgs::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ServiceArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        // A file of configuration gives them as defaults, which the command line does not look at.
        for (_, identity) in callers() {
            let given = ["cert", "key", "ca", "endpoint"]
                .map(|what| matches.contains_id(flag(identity, what)));
            if given.contains(&true) && !given[..3].iter().all(|it| *it) {
                let kind = identity.kind;
                let what = format!("--{kind}-cert, --{kind}-key and --{kind}-ca belong together\n");
                return Err(clap::Error::raw(ErrorKind::MissingRequiredArgument, what));
            }
        }
        let files = callers().filter_map(|(manifest, identity)| {
            let file = |what| matches.get_one::<PathBuf>(flag(identity, what)).cloned();
            let endpoint = matches.get_one::<String>(flag(identity, "endpoint"));
            Some(Files {
                service: manifest.name,
                authority: file("ca")?,
                certificate: file("cert")?,
                key: file("key")?,
                endpoint: proto::text(endpoint.cloned()),
            })
        });
        Ok(Self { files: files.collect(), names: NameArgs::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for NameArgs {
    fn augment_args(mut command: Command) -> Command {
        for (manifest, identity) in consumers() {
            command = command.arg(
                argument(identity, "name").value_name("NAME").default_value(manifest.name).help(
                    "Its name on the exchange; where several processes share the work, each needs its own",
                ),
            );
        }
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for NameArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let names = consumers().filter_map(|(manifest, identity)| {
            let name = matches.get_one::<String>(flag(identity, "name"))?;
            Some((manifest.name, name.clone()))
        });
        Ok(Self(names.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The flags are documented, so they are spelled out here.
    #[test]
    fn every_service_has_the_flags_that_the_guides_name() {
        let command = ServiceArgs::augment_args(Command::new("serve"));
        let flags: Vec<_> = command.get_arguments().filter_map(Arg::get_long).collect();
        let expected = [
            "gateway-cert",
            "gateway-key",
            "gateway-ca",
            "gateway-endpoint",
            "inspection-service-cert",
            "inspection-service-key",
            "inspection-service-ca",
            "inspection-service-endpoint",
            "payment-service-cert",
            "payment-service-key",
            "payment-service-ca",
            "payment-service-endpoint",
            "refund-service-cert",
            "refund-service-key",
            "refund-service-ca",
            "refund-service-endpoint",
            "webhook-service-cert",
            "webhook-service-key",
            "webhook-service-ca",
            "webhook-service-endpoint",
            "gateway-name",
            "inspection-service-name",
            "payment-service-name",
            "refund-service-name",
        ];
        assert_eq!(flags, expected);
        let env = command.get_arguments().filter_map(Arg::get_env).map(|it| it.to_string_lossy());
        assert!(env.into_iter().any(|env| env == "SW_GATEWAY_ENDPOINT"));
        let read = |args: &[&str]| {
            let command = ServiceArgs::augment_args(Command::new("serve"));
            let matches = command.try_get_matches_from([&["serve"], args].concat());
            matches.and_then(|matches| ServiceArgs::from_arg_matches(&matches))
        };
        let none = read(&[]).expect("all of it is optional");
        assert!(none.files.is_empty());
        assert_eq!(none.names()["inspection"], "inspection");
        assert!(read(&["--gateway-cert", "a"]).is_err(), "a certificate needs its key");
        let args = [
            "--inspection-service-cert",
            "a",
            "--inspection-service-key",
            "b",
            "--inspection-service-ca",
            "c",
        ];
        let one = read(&[&args[..], &["--inspection-service-name", "second"]].concat())
            .expect("complete");
        assert_eq!(one.files.iter().map(|it| it.service).collect::<Vec<_>>(), ["inspection"]);
        assert_eq!(one.names()["inspection"], "second");
    }
}
