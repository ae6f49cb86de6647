//! Who is calling, and whose data that caller may see. The certificate says who, the registry says
//! what may; nothing is ever taken from the message.

use std::sync::Arc;

use crate::{Declaration, Slot, text};

/// What kind of caller a certificate belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A firm that declares its own trade.
    Enterprise,
    /// A firm that declares for others.
    Agent,
    /// The customs system (海关).
    Customs,
    /// The system of entry-exit inspection and quarantine (国检).
    Quarantine,
    /// The system of an examination site (查验场地).
    Site,
    /// The inspection service of a window (联合查验服务).
    InspectionService,
    /// The payment service of a window (税款担保与支付).
    PaymentService,
    /// A bank with the accounts of firms (银行).
    Bank,
    /// The refund service of a window (出口退税).
    RefundService,
    /// The webhook service of a window (推送), which follows what happens for others.
    WebhookService,
    /// The system of the tax office (税务机关), which also asks the invoice platform.
    TaxOffice,
    /// Runs the window; reads everything, declares nothing.
    Administrator,
    /// The national door: declares what enterprises sent it as national messages, and follows what
    /// becomes of it. It has checked who they are.
    Gateway,
}

impl Kind {
    /// Whether it is a part of a window: nobody acts in its name.
    pub fn is_service(self) -> bool {
        match self {
            Self::InspectionService
            | Self::PaymentService
            | Self::RefundService
            | Self::WebhookService
            | Self::Gateway => true,
            Self::Enterprise
            | Self::Agent
            | Self::Customs
            | Self::Quarantine
            | Self::Site
            | Self::Bank
            | Self::TaxOffice
            | Self::Administrator => false,
        }
    }

    /// Whether it is a firm, which sees what is its own. Everybody else is at work here.
    pub fn is_firm(self) -> bool {
        match self {
            Self::Enterprise | Self::Agent => true,
            Self::Customs
            | Self::Quarantine
            | Self::Site
            | Self::InspectionService
            | Self::PaymentService
            | Self::Bank
            | Self::RefundService
            | Self::WebhookService
            | Self::TaxOffice
            | Self::Administrator
            | Self::Gateway => false,
        }
    }

    /// Whether it files declarations: a firm, or the national door for firms.
    pub fn is_filer(self) -> bool {
        self.is_firm() || self == Self::Gateway
    }
}

/// Where customs finds copies of national documents that concern it besides inventories: it reads this
/// log like a firm reads its own.
pub const CUSTOMS_LOG: &str = "CUSTOMS";

/// Stands for every place in the registry of a sandbox.
pub const ALL_PLACES: &str = "*";

/// A caller as the registry knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Name in the registry, for logs.
    pub name: String,
    /// What kind.
    pub kind: Kind,
    /// Customs code of an enterprise or agent.
    pub customs_code: String,
    /// Declarants that an agent may file for; `*` stands for every declarant and exists in the
    /// sandbox only.
    pub mandates: Vec<String>,
    /// Numbers on the exchange platform (dxpId) whose receipts this caller reads and under which it
    /// sends; `*` stands for every number and exists in the sandbox only.
    pub dxp_ids: Vec<String>,
    /// Examination places that a site is responsible for; [`ALL_PLACES`] stands for every place and exists in
    /// the sandbox only.
    pub places: Vec<String>,
    /// Certificates that sign for this caller: SHA-256, hexadecimal, or the certificate number
    /// (KeyName) of the signing card.
    pub signers: Vec<String>,
}

/// Who acted in the name of a caller (经办人): the caller, and behind a stroke the name that a person gave at the
/// console, or that its key or certificate has, `enterprise-a / 李明`. Empty where nobody did: a service of the
/// window went on by itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActingPerson(Arc<str>);

/// Characters of the name of a person. Ours.
const NAME_MAX: usize = 60;

impl ActingPerson {
    /// The person of this name for a caller. A name that is empty, or the caller's own, says nothing more.
    pub fn new(caller: &str, name: &str) -> Self {
        let name = Self::name(name);
        Self(if name.is_empty() || name == caller {
            caller.into()
        } else {
            format!("{caller} / {name}").into()
        })
    }

    /// A name as it is kept: what nobody sees is left out, and so is what is longer than names are.
    pub fn name(said: &str) -> String {
        let name = said.trim().chars().filter(|letter| text::flaw(*letter).is_none());
        name.take(NAME_MAX).collect::<String>().trim().to_owned()
    }

    /// As it is kept and shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which declarants a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// These.
    Declarants(Vec<String>),
    /// All.
    All,
}

impl Principal {
    /// Who acted, as far as this caller may know: a firm knows its own people and nobody else's, a site knows which
    /// system acted besides, and whoever decides or runs the window knows who it was.
    pub fn actor_shown<'a>(&self, actor: &'a str) -> &'a str {
        let (caller, _) = actor.split_once(" / ").unwrap_or((actor, ""));
        match self.kind {
            _ if caller == self.name => actor,
            kind if kind.is_firm() => "",
            Kind::Site | Kind::Bank | Kind::TaxOffice => caller,
            _ => actor,
        }
    }

    /// Whose declarations this caller may file, change and see.
    pub fn scope(&self) -> Scope {
        match self.kind {
            Kind::Enterprise => Scope::Declarants(vec![self.customs_code.clone()]),
            Kind::Agent if self.mandates.iter().any(|code| code == "*") => Scope::All,
            Kind::Agent => Scope::Declarants(self.mandates.clone()),
            Kind::Administrator | Kind::Gateway | Kind::WebhookService => Scope::All,
            Kind::Customs
            | Kind::Quarantine
            | Kind::Site
            | Kind::InspectionService
            | Kind::PaymentService
            | Kind::Bank
            | Kind::RefundService
            | Kind::TaxOffice => Scope::Declarants(Vec::new()),
        }
    }

    /// Whose taxes, money and refunds this caller sees: those of its declarants and its own, since an agent stands for
    /// taxes itself. `None` for everybody's, as whoever is at work here does.
    pub fn owners(&self) -> Option<Vec<String>> {
        match self.scope() {
            Scope::Declarants(mut codes) if self.kind.is_firm() => {
                codes.push(self.customs_code.clone());
                Some(codes)
            }
            Scope::Declarants(_) | Scope::All => None,
        }
    }

    /// Whether this caller may file for the declarant of a declaration.
    pub fn may_declare(&self, declaration: &Declaration) -> bool {
        self.scope().covers(&declaration.declarant.code)
    }

    /// Whether this caller sends and reads under a number of the exchange platform.
    pub fn holds(&self, dxp_id: &str) -> bool {
        self.kind == Kind::Administrator
            || matches!(self.kind, Kind::Customs | Kind::PaymentService) && dxp_id == CUSTOMS_LOG
            || dxp_id != CUSTOMS_LOG && self.dxp_ids.iter().any(|own| own == dxp_id || own == "*")
    }

    /// Whether this caller transmits for a firm (copCode): itself, or one that mandated it.
    pub fn transmits_for(&self, customs_code: &str) -> bool {
        self.customs_code == customs_code || self.scope().covers(customs_code)
    }
}

impl Scope {
    /// Whether a declarant is in it.
    pub fn covers(&self, customs_code: &str) -> bool {
        match self {
            Self::All => true,
            Self::Declarants(codes) => codes.iter().any(|code| code == customs_code),
        }
    }

    /// The slots in which its declarations are.
    pub fn slots(&self) -> Vec<Slot> {
        match self {
            Self::All => Slot::all().collect(),
            Self::Declarants(codes) => {
                let mut slots: Vec<_> = codes.iter().map(|code| Slot::of(code)).collect();
                slots.sort_unstable();
                slots.dedup();
                slots
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_to_their_own_and_to_whoever_decides() {
        let caller = |name: &str, kind| Principal {
            name: name.to_owned(),
            kind,
            customs_code: String::new(),
            mandates: Vec::new(),
            dxp_ids: Vec::new(),
            places: Vec::new(),
            signers: Vec::new(),
        };
        let [firm, site] = ["enterprise-a / 李明", "site / 王芳"];
        for (name, kind, shown) in [
            ("enterprise-a", Kind::Enterprise, [firm, ""]),
            ("agent", Kind::Agent, ["", ""]),
            ("site", Kind::Site, ["enterprise-a", site]),
            ("customs", Kind::Customs, [firm, site]),
            ("admin", Kind::Administrator, [firm, site]),
        ] {
            let principal = caller(name, kind);
            assert_eq!([firm, site].map(|actor| principal.actor_shown(actor)), shown, "{name}");
        }
        assert_eq!(caller("site", Kind::Site).actor_shown("agent"), "agent");
        assert_eq!(caller("agent", Kind::Agent).actor_shown(""), "");
    }
}
