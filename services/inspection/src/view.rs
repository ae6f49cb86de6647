//! Whose orders a caller sees: an enterprise its own, a site those of its places, everybody else at work
//! all. What is not seen looks like nothing.

use domain::principal::{ALL_PLACES, Scope};
use domain::{Kind, Principal};
use sqlx::PgPool;
use store::Fault;
use store::journal::JournalEntry;

use crate::orders::OrderRow;
use crate::reference::places;

/// Which orders a caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum View {
    /// All, or those of some declarants.
    Of(Scope),
    /// Those that a site may work on.
    At(SiteScope),
}

/// What a site is responsible for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SiteScope {
    /// Its name in the registry: it goes on seeing what it took on.
    pub(crate) name: String,
    pub(crate) places: Vec<String>,
    /// Customs houses whose goods are examined there; `None` for all.
    pub(crate) ports: Option<Vec<String>>,
}

/// What of an order decides about who sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OrderVisibility<'a> {
    pub(crate) declarant_code: &'a str,
    pub(crate) port_code: &'a str,
    /// Place of the appointment; empty without one.
    pub(crate) place: &'a str,
    pub(crate) claimed_by: &'a str,
}

impl<'a> OrderVisibility<'a> {
    pub(crate) fn of(filed: &'a OrderRow) -> Self {
        Self {
            declarant_code: &filed.declarant_code,
            port_code: &filed.port_code,
            place: filed.booked.as_ref().map_or("", |(place, _)| place),
            claimed_by: &filed.claimed_by,
        }
    }
}

impl View {
    /// What a caller sees now.
    pub(crate) async fn of(pool: &PgPool, principal: &Principal) -> Result<Self, Fault> {
        match principal.kind {
            Kind::Enterprise | Kind::Agent => Ok(Self::Of(principal.scope())),
            Kind::Site if principal.places.iter().any(|place| place == ALL_PLACES) => {
                Ok(Self::Of(Scope::All))
            }
            Kind::Site => {
                let own = places(pool).await?;
                let own = own.into_iter().filter(|site| principal.places.contains(&site.place.id));
                let mut ports = Some(Vec::new());
                for site in own {
                    match &mut ports {
                        Some(ports) if !site.port_codes.is_empty() => ports.extend(site.port_codes),
                        Some(_) | None => ports = None,
                    }
                }
                let (name, places) = (principal.name.clone(), principal.places.clone());
                Ok(Self::At(SiteScope { name, places, ports }))
            }
            Kind::Customs
            | Kind::Quarantine
            | Kind::InspectionService
            | Kind::PaymentService
            | Kind::Bank
            | Kind::RefundService
            | Kind::WebhookService
            | Kind::TaxOffice
            | Kind::Administrator
            | Kind::Gateway => Ok(Self::Of(Scope::All)),
        }
    }

    /// Whether it shows an order.
    pub(crate) fn shows(&self, order: OrderVisibility<'_>) -> bool {
        match self {
            Self::Of(scope) => scope.covers(order.declarant_code),
            Self::At(site) => site.shows(order),
        }
    }

    /// Whether it shows the order as it stood after an entry.
    pub(crate) fn shows_entry(&self, entry: &JournalEntry) -> bool {
        if let Self::Of(scope) = self {
            return scope.covers(&entry.owner);
        }
        let body = entry.body.as_ref().ok().and_then(Option::as_deref);
        let read = body.and_then(|body| proto::inspection::decode_record(body).ok());
        // One that cannot be read is shown to nobody of whom it is not known whether it is theirs.
        read.is_some_and(|order| {
            let state = order.state.as_ref();
            let appointment = state.and_then(|state| state.appointment.as_ref());
            self.shows(OrderVisibility {
                declarant_code: &order.declarant_code,
                port_code: &order.port_code,
                place: appointment.map_or("", |appointment| &appointment.place),
                claimed_by: &order.claimed_by,
            })
        })
    }

    /// Whether it shows a place.
    pub(crate) fn shows_place(&self, id: &str) -> bool {
        match self {
            Self::Of(_) => true,
            Self::At(site) => site.places.iter().any(|place| place == id),
        }
    }
}

impl SiteScope {
    /// What it took on, what comes to one of its places, and what has no place yet and could come there.
    fn shows(&self, order: OrderVisibility<'_>) -> bool {
        let is_own = |place: &str| self.places.iter().any(|own| own == place);
        let serves = self
            .ports
            .as_ref()
            .is_none_or(|ports| ports.iter().any(|port| port == order.port_code));
        match (order.claimed_by, order.place) {
            (by, _) if by == self.name => true,
            (_, "") => order.claimed_by.is_empty() && serves,
            (_, place) => is_own(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_sees_its_places_and_what_could_come_there() {
        let site = |ports: Option<&[&str]>| {
            let ports = ports.map(|ports| ports.iter().map(|&port| port.to_owned()).collect());
            View::At(SiteScope { name: "site a".into(), places: vec!["QD-1".into()], ports })
        };
        let order = |place, claimed_by, port_code| OrderVisibility {
            declarant_code: "3702960001",
            port_code,
            place,
            claimed_by,
        };
        let qingdao = site(Some(&["4258"]));
        for (what, order, is_shown) in [
            ("at its place", order("QD-1", "", "4258"), true),
            (
                "at its place, worked on by another site there",
                order("QD-1", "site b", "4258"),
                true,
            ),
            ("at another place", order("QD-2", "", "4258"), false),
            ("at another place, but taken on", order("QD-2", "site a", "4258"), true),
            ("nowhere yet, of its port", order("", "", "4258"), true),
            ("nowhere yet, of another port", order("", "", "5141"), false),
            ("nowhere any more, another's", order("", "site b", "4258"), false),
        ] {
            assert_eq!(qingdao.shows(order), is_shown, "{what}");
        }
        assert!(site(None).shows(order("", "", "5141")), "a place for every port");
        assert!(!site(Some(&[])).shows(order("", "", "4258")), "a place that is not there yet");
        assert!(View::Of(Scope::All).shows(order("QD-2", "", "4258")));
        assert!(!View::Of(Scope::Declarants(vec![])).shows(order("QD-1", "", "4258")));
    }
}
