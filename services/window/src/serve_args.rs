//! The flags of what serves: a window with its own certificates and registry, and a sandbox.

use std::path::PathBuf;

use clap::Args;
use cli::options::Options;

use crate::run::Settings;
use crate::sandbox;
use crate::service_args::{NameArgs, ServiceArgs, service_name};
use crate::window_args::{ConfigFileArgs, DatabaseArgs, ListenArgs, settings};

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Do not simulate agencies: connect your own.
    #[arg(long)]
    no_agencies: bool,
    /// Leave out the inspection service: its seat on the exchange is free for your own, and no risk
    /// rules are asked.
    #[arg(long)]
    no_inspection: bool,
    /// Leave out the payment service: imports are released without their duty being secured.
    #[arg(long)]
    no_payment: bool,
    /// Leave out the refund service and the tax office: exports are not kept for the tax refund.
    #[arg(long)]
    no_refund: bool,
    /// Only this service in this process, beside others on the same database; --services says where they are.
    #[arg(long, value_parser = service_name(), requires = "services")]
    only: Option<String>,
    /// Where this process finds the services: the declaration service, and after it the others with their names, for
    /// example declaration:7443,ceb=ceb:7443,refund=refund:7443.
    #[arg(long, value_name = "ADDRESSES", requires = "only")]
    services: Option<String>,
    #[command(flatten)]
    names: NameArgs,
    /// Print nothing but problems.
    #[arg(long)]
    quiet: bool,
}

impl SandboxArgs {
    /// The sandbox that is asked for.
    pub(crate) fn settle(
        &self,
        options: &Options,
    ) -> anyhow::Result<(Settings, sandbox::SandboxParts)> {
        let mut settings = settings(options, &self.listen, &self.database)?;
        settings.names = self.names.names();
        settings.only.clone_from(&self.only);
        settings.services.clone_from(&self.services);
        let cast = sandbox::SandboxParts {
            agencies: !self.no_agencies,
            inspection: !self.no_inspection,
            payment: !self.no_payment,
            refund: !self.no_refund,
            show: !self.quiet,
        };
        Ok((settings, cast))
    }
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    file: ConfigFileArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Only this service in this process.
    #[arg(long, value_parser = service_name())]
    only: Option<String>,
    /// The window's certificate (PEM).
    #[arg(long, env = "SW_SERVER_CERT", value_name = "FILE")]
    server_cert: PathBuf,
    /// Its key (PEM).
    #[arg(long, env = "SW_SERVER_KEY", value_name = "FILE")]
    server_key: PathBuf,
    /// Authority that signs callers' certificates (PEM).
    #[arg(long, env = "SW_CLIENT_CA", value_name = "FILE")]
    client_ca: PathBuf,
    /// Registry of callers (JSON).
    #[arg(long, env = "SW_REGISTRY", value_name = "FILE")]
    registry: PathBuf,
    /// Certificates of callers that their authority has revoked (CRL, PEM).
    #[arg(long, env = "SW_CLIENT_CRL", value_name = "FILE")]
    client_crl: Option<PathBuf>,
    /// Demand a client certificate of every caller: keys of callers do not replace it.
    #[arg(long, env = "SW_REQUIRE_CERTIFICATES")]
    require_certificates: bool,
    /// Authority whose certificates sign national messages (PEM); may be given several times. The
    /// registry can name single certificates as well.
    #[arg(long, env = "SW_SIGNING_AUTHORITY", value_name = "FILE")]
    signing_authority: Vec<PathBuf>,
    /// Declarations wait until an inspection service in another process has asked the risk rules; it
    /// must be connected. With --inspection-service-cert that is so anyway.
    #[arg(long, env = "SW_TARGETING")]
    targeting: bool,
    /// Imports wait until a payment service in another process has secured their duty; it must be
    /// connected. With --payment-service-cert that is so anyway.
    #[arg(long, env = "SW_DUTY")]
    duty: bool,
    /// The file of refund rates (出口退税率文库), with its laws; docs/refund.md describes it. Without it every export
    /// says that its rate is missing.
    #[arg(long, env = "SW_REFUND_RATES", value_name = "FILE")]
    refund_rates: Option<PathBuf>,
    /// The file of parities (人民币汇率中间价), a line a currency and day; docs/refund.md describes it. Without it every
    /// export of a producer in foreign currency says that its parity is missing.
    #[arg(long, env = "SW_REFUND_PARITIES", value_name = "FILE")]
    refund_parities: Option<PathBuf>,
    /// Webhooks may be at private addresses, and without TLS.
    #[arg(long, env = "SW_WEBHOOK_ALLOW_PRIVATE")]
    webhook_allow_private: bool,
    /// Authority of endpoints of webhooks (PEM), besides those that browsers trust; may be given several times.
    #[arg(long, env = "SW_WEBHOOK_AUTHORITY", value_name = "FILE")]
    webhook_authority: Vec<PathBuf>,
    #[command(flatten)]
    services: ServiceArgs,
}

impl ServeArgs {
    /// The window that is asked for.
    pub(crate) fn settle(self, options: &Options) -> anyhow::Result<Settings> {
        let args = self;
        let mut settings = settings(options, &args.listen, &args.database)?;
        settings.authority = args.client_ca;
        settings.certificate = args.server_cert;
        settings.key = args.server_key;
        settings.registry = args.registry;
        settings.revocations = args.client_crl;
        settings.require_certificates = args.require_certificates;
        settings.callers = args.services.callers()?;
        settings.names = args.services.names();
        settings.signing_authorities = args.signing_authority;
        settings.targeting = args.targeting;
        settings.refund_rates.clone_from(&args.refund_rates);
        settings.refund_parities.clone_from(&args.refund_parities);
        settings.duty = args.duty;
        settings.webhook_allow_private = args.webhook_allow_private;
        settings.webhook_authorities.clone_from(&args.webhook_authority);
        settings.only = args.only;
        Ok(settings)
    }
}
