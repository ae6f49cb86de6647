//! `agency`: a simulated agency against a sandbox.

use std::process::ExitCode;

use agencies::Simulator;
use clap::{Args, ValueEnum};
use cli::BilingualText;
use cli::options::Options;
use domain::Code;
use tokio_util::sync::CancellationToken;

use crate::sandbox;

#[derive(Debug, Args)]
pub(crate) struct AgencyArgs {
    /// Which one.
    #[arg(value_enum)]
    agency: AgencyArg,
    /// Name of this consumer; several consumers of one agency share the work.
    #[arg(long, default_value = "simulator")]
    name: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AgencyArg {
    Customs,
    Quarantine,
    Site,
    Bank,
    TaxOffice,
}

/// Runs it until it is interrupted.
pub(crate) async fn run(options: &Options, args: &AgencyArgs) -> anyhow::Result<ExitCode> {
    let simulator = match args.agency {
        AgencyArg::Customs => Simulator::Customs,
        AgencyArg::Quarantine => Simulator::Quarantine,
        AgencyArg::Site => Simulator::Site,
        AgencyArg::Bank => Simulator::Bank,
        AgencyArg::TaxOffice => Simulator::TaxOffice,
    };
    let config = options.config(sandbox::caller(simulator))?;
    let window = client::Window::connect_lazy(&config)?;
    let stop = CancellationToken::new();
    let simulated = agencies::run(window, simulator, &args.name, stop.clone());
    let mut simulated = std::pin::pin!(simulated);
    let ended = tokio::select! {
        ended = &mut simulated => ended,
        () = cli::interrupted() => {
            stop.cancel();
            simulated.await
        }
    };
    match ended {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(agencies::Error::Status(status)) => Err(status.into()),
        Err(agencies::Error::NotASandbox) => {
            Err(anyhow::Error::new(no_sandbox(&config.address)).context(Code::NotASandbox))
        }
    }
}

fn no_sandbox(address: &str) -> BilingualText {
    BilingualText::new(
        format!(
            "what is filed at {address} is real, so no simulator answers there and nothing was \
             touched; name a sandbox (--data-dir, or --endpoint with the sandbox's own --ca, --cert \
             and --key), or connect the agency's own system"
        ),
        format!(
            "{address}上的申报为真实数据，模拟机关不予答复，未作任何处理；请指定沙箱\
             （--data-dir，或--endpoint加沙箱自己的--ca、--cert、--key），或接入机关自己的系统"
        ),
    )
}
