//! What answers each call: a message in, a message out.

use domain::CHINA;
use domain::clearance::Agency;
use domain::inspection::appointment::BOOK_AHEAD_MAX;
use domain::inspection::credit::Credit;
use domain::inspection::finding::Disposal;
use domain::principal::Scope;
use domain::refusal::{Code, Refusal};
use domain::{DeclarationId, Slot};
use futures::{Stream, StreamExt as _};
use kit::rpc::{Call, Change};
use kit::watch::{self, Journal, Subject, Watcher};
use proto::inspection;
use proto::rule_file;
use proto::v1;
use store::ServiceError;
use store::journal::JournalEntry;
use store::page::Page;
use store::share::Share;
use time::{Date, Duration};

use crate::appeal::{self, CreditRequest};
use crate::commit::InspectionCommand;
use crate::order_request::{Draws, OrderAnswer, OrderCommand, OrderRequest};
use crate::orders::OrderRow;
use crate::reference::{self, ReferenceChange, SitePlace};
use crate::risk::sha256;
use crate::view::View;
use crate::wire::{
    agency_of, books_as, broken, damaged, day, drawn, filter, firm_code, history, id, named,
    of_request, on, order_id, refused, reported, row, scope, short, shown, time, unreadable,
    watch_response, words,
};
use crate::{Inspection, read};

/// Longest time that one table of statistics is about.
const STATISTICS_MAX: Duration = Duration::days(366);
/// Days of windows listed at once.
const WINDOW_DAYS_MAX: u32 = 14;

type Answer<A> = Result<A, ServiceError>;

impl Inspection {
    async fn ask(
        &self,
        call: &Call,
        change: Change,
        name: &str,
        what: OrderCommand,
    ) -> Answer<(v1::OrderRecord, Draws)> {
        let id = order_id(name)?;
        let principal = &*call.principal;
        let Change { request_id, digest } = change;
        let asked = OrderRequest {
            request_id,
            caller: principal.name.clone(),
            view: View::of(&self.reads, principal).await?,
            id,
            digest,
            origin: call.origin(),
            what,
        };
        let command = |reply| InspectionCommand::Ask(Box::new(asked), reply);
        let share = Share::of(principal);
        let OrderAnswer { order, draws } =
            self.requests.try_enqueue(id.slot(), &share, command).await??;
        Ok((shown(principal, &order)?, draws))
    }

    async fn change_credit(
        &self,
        call: &Call,
        change: Change,
        firm: String,
        (what, reason): (appeal::AppealCommand, String),
    ) -> Answer<Option<v1::CreditRecord>> {
        firm_code(&firm)?;
        let slot = Slot::of(&firm);
        let principal = &*call.principal;
        let (Change { request_id, digest }, caller) = (change, principal.name.clone());
        let about = firm.clone();
        let actor = call.actor.clone();
        let appealed =
            CreditRequest { request_id, caller, actor, firm: about, digest, what, reason };
        let command = |reply| InspectionCommand::Appeal(Box::new(appealed), reply);
        let credit = self.requests.try_enqueue(slot, &Share::of(principal), command).await??;
        Ok(Some(inspection::credit_to_wire(&firm, &credit)))
    }

    async fn put(&self, put: ReferenceChange) -> Answer<()> {
        let command = |reply| InspectionCommand::Put(Box::new(put), reply);
        Ok(self.requests.try_enqueue(Slot::of(""), &Share::Kept, command).await??)
    }

    fn today(&self) -> Date {
        self.clock.now().to_offset(CHINA).date()
    }
}

/// Orders.
impl Inspection {
    pub(crate) async fn list_orders(
        &self,
        call: &Call,
        asked: v1::ListOrdersRequest,
    ) -> Answer<v1::ListOrdersResponse> {
        let (size, token) = (asked.page_size, asked.page_token.clone());
        let principal = &*call.principal;
        let (orders, next_page_token) =
            read::orders(self, principal, filter(asked)?, (size, &token)).await?;
        let without_goods = |filed: &OrderRow| {
            let mut record = shown(principal, filed)?;
            record.lines.clear();
            Ok(record)
        };
        let orders = orders.iter().map(without_goods).collect::<Answer<_>>()?;
        Ok(v1::ListOrdersResponse { orders, next_page_token })
    }

    pub(crate) async fn get_order(
        &self,
        call: &Call,
        asked: v1::GetOrderRequest,
    ) -> Answer<v1::GetOrderResponse> {
        let (id, principal) = (order_id(&asked.name)?, &*call.principal);
        let view = View::of(&self.reads, principal).await?;
        let filed = read::order(&self.reads, &view, id).await?;
        let entries = read::history((&self.reads, &self.tail), id).await?;
        let history = entries.into_iter().map(|entry| history(principal, entry));
        Ok(v1::GetOrderResponse {
            order: Some(shown(principal, &filed)?),
            history: history.collect::<Result<_, _>>()?,
        })
    }

    /// Follows what a caller may see; one order from its beginning.
    pub(crate) async fn watch_orders(
        &self,
        call: &Call,
        asked: v1::WatchOrdersRequest,
    ) -> Answer<impl Stream<Item = Answer<v1::WatchOrdersResponse>> + Send + use<>> {
        let v1::WatchOrdersRequest { resume_token, name } = asked;
        let only = (!name.is_empty()).then(|| order_id(&name)).transpose()?;
        let principal = call.principal.clone();
        let view = View::of(&self.reads, &principal).await?;
        let slots = match &view {
            View::Of(scope) => scope.slots(),
            View::At(_) => Scope::All.slots(),
        };
        let journal = Journal {
            reads: &self.reads,
            tail: &self.tail,
            tokens: &self.tokens,
            draining: &self.draining,
        };
        let watcher = Watcher {
            caller: &principal.name,
            token: &resume_token,
            only: only.map(|id| Subject { slot: id.slot(), id: id.uuid() }),
        };
        let positions = async |it: Subject| {
            let id = DeclarationId::from_uuid(it.id);
            read::order(&self.reads, &view, id).await?;
            Ok(read::positions(&self.reads, id).await?)
        };
        let seen = view.clone();
        let concerns = move |entry: &JournalEntry| seen.shows_entry(entry);
        let news = journal.watch(watcher, slots, positions, concerns).await?;
        let tail = self.tail.clone();
        let to_wire = move |news| watch_response(&principal, news);
        Ok(news.map(move |news| watch::answer(&tail, news?, &to_wire, unreadable)))
    }

    pub(crate) async fn appoint(
        &self,
        call: &Call,
        change: Change,
        asked: v1::AppointRequest,
    ) -> Answer<v1::AppointResponse> {
        let v1::AppointRequest { request_id: _, name, seen, place, start } = asked;
        id(&place, "place")?;
        let start = time(start, "start")?;
        let what = OrderCommand::Appoint { seen, place, start, by: books_as(&call.principal) };
        let (order, _) = self.ask(call, change, &name, what).await?;
        Ok(v1::AppointResponse { order: Some(order) })
    }

    pub(crate) async fn claim(
        &self,
        call: &Call,
        change: Change,
        asked: v1::ClaimRequest,
    ) -> Answer<v1::ClaimResponse> {
        let v1::ClaimRequest { request_id: _, name, examination } = asked;
        let (order, draws) =
            self.ask(call, change, &name, OrderCommand::Claim { examination }).await?;
        Ok(v1::ClaimResponse { order: Some(order), draw: drawn(&call.principal, draws) })
    }

    pub(crate) async fn report(
        &self,
        call: &Call,
        change: Change,
        asked: v1::ReportRequest,
    ) -> Answer<v1::ReportResponse> {
        let v1::ReportRequest { request_id: _, name, version, examination, step } = asked;
        let what = OrderCommand::Report { version, examination, step: reported(step)? };
        let (order, _) = self.ask(call, change, &name, what).await?;
        Ok(v1::ReportResponse { order: Some(order) })
    }

    pub(crate) async fn object(
        &self,
        call: &Call,
        change: Change,
        asked: v1::ObjectRequest,
    ) -> Answer<v1::ObjectResponse> {
        let v1::ObjectRequest { request_id: _, name, examination, reason } = asked;
        let what = OrderCommand::Object { examination, reason: words(reason, "reason")? };
        let (order, _) = self.ask(call, change, &name, what).await?;
        Ok(v1::ObjectResponse { order: Some(order) })
    }

    pub(crate) async fn dispose(
        &self,
        call: &Call,
        change: Change,
        asked: v1::DisposeRequest,
    ) -> Answer<v1::DisposeResponse> {
        let v1::DisposeRequest { request_id: _, name, examination, disposal } = asked;
        let agency = agency_of(&call.principal).ok_or_else(|| Refusal::of(Code::NotAllowed))?;
        let disposal = Disposal::parse(&disposal).ok_or_else(|| {
            let known = Disposal::ALL.map(Disposal::code).join(", ");
            refused(Code::CodeUnknown, "disposal").with("known", known)
        })?;
        let what = OrderCommand::Dispose { agency, examination, disposal };
        let (order, _) = self.ask(call, change, &name, what).await?;
        Ok(v1::DisposeResponse { order: Some(order) })
    }
}

/// Places, windows and officers.
impl Inspection {
    pub(crate) async fn list_windows(
        &self,
        call: &Call,
        asked: v1::ListWindowsRequest,
    ) -> Answer<v1::ListWindowsResponse> {
        let v1::ListWindowsRequest { place, from_date, days } = asked;
        let today = self.today();
        let from = day(&from_date, "from_date", today)?;
        if from < today || from > today.saturating_add(BOOK_AHEAD_MAX) {
            return Err(refused(Code::DateWrong, "from_date").with("today", today).into());
        }
        if !View::of(&self.reads, &call.principal).await?.shows_place(&place) {
            return Err(Refusal::of(Code::PlaceUnknown).with("place", &place).into());
        }
        let days = days.clamp(1, WINDOW_DAYS_MAX);
        let asks = (books_as(&call.principal), self.clock.now());
        let windows = read::windows(&self.reads, &place, (from, days), asks).await?;
        let windows = windows.into_iter().map(|(window, free)| v1::Window {
            start: Some(proto::timestamp(window.start)),
            end: Some(proto::timestamp(window.end)),
            free,
        });
        Ok(v1::ListWindowsResponse { windows: windows.collect() })
    }

    pub(crate) async fn list_places(
        &self,
        call: &Call,
        _: v1::ListPlacesRequest,
    ) -> Answer<v1::ListPlacesResponse> {
        let view = View::of(&self.reads, &call.principal).await?;
        let places = reference::places(&self.reads).await?;
        let places = places.iter().filter(|site| view.shows_place(&site.place.id));
        let places = places.map(|site| inspection::place_to_wire(&site.place, &site.port_codes));
        Ok(v1::ListPlacesResponse { places: places.collect() })
    }

    pub(crate) async fn put_place(
        &self,
        _: &Call,
        asked: v1::PutPlaceRequest,
    ) -> Answer<v1::PutPlaceResponse> {
        let wire = asked.place.ok_or_else(|| refused(Code::Required, "place"))?;
        let (place, port_codes) = inspection::place_from_wire(wire).map_err(of_request)?;
        self.put(ReferenceChange::Site(SitePlace { place, port_codes })).await?;
        Ok(v1::PutPlaceResponse {})
    }

    pub(crate) async fn list_officers(
        &self,
        call: &Call,
        asked: v1::ListOfficersRequest,
    ) -> Answer<v1::ListOfficersResponse> {
        let principal = &*call.principal;
        let view = View::of(&self.reads, principal).await?;
        let mut officers =
            read::officers(&self.reads, inspection::agency_from_wire(asked.agency)).await?;
        if let View::At(site) = &view {
            // Those who come to it.
            let sent = read::sent_to(&self.reads, site).await?;
            officers.retain(|(candidate, _)| sent.contains(&candidate.officer));
        }
        let officers = officers.iter().map(|(it, left)| named(principal, it, *left)).collect();
        Ok(v1::ListOfficersResponse { officers })
    }

    pub(crate) async fn put_officer(
        &self,
        call: &Call,
        asked: v1::PutOfficerRequest,
    ) -> Answer<v1::PutOfficerResponse> {
        let wire = asked.officer.ok_or_else(|| refused(Code::Required, "officer"))?;
        let (candidate, left) = inspection::officer_from_wire(wire).map_err(of_request)?;
        if agency_of(&call.principal) != Some(candidate.agency) {
            return Err(Refusal::of(Code::NotYourAgency).into());
        }
        self.put(ReferenceChange::Officer(candidate, left)).await?;
        Ok(v1::PutOfficerResponse {})
    }
}

/// Risk rules and what they said.
impl Inspection {
    pub(crate) async fn list_rule_sets(
        &self,
        _: &Call,
        asked: v1::ListRuleSetsRequest,
    ) -> Answer<v1::ListRuleSetsResponse> {
        let sets = read::rule_sets(&self.reads, inspection::agency_from_wire(asked.agency)).await?;
        let mut newest: Option<Agency> = None;
        let set = |set: read::StoredRules| {
            let in_force = newest != Some(set.agency);
            newest = Some(set.agency);
            v1::RuleSetRecord {
                agency: v1::Agency::from(set.agency).into(),
                version: set.version,
                document: set.document,
                put_time: Some(proto::timestamp(set.put_time)),
                put_by: set.put_by,
                in_force,
            }
        };
        Ok(v1::ListRuleSetsResponse { rule_sets: sets.into_iter().map(set).collect() })
    }

    pub(crate) async fn put_rule_set(
        &self,
        call: &Call,
        asked: v1::PutRuleSetRequest,
    ) -> Answer<v1::PutRuleSetResponse> {
        let v1::PutRuleSetRequest { document, validate_only } = asked;
        let set = rule_file::parse(document.as_bytes()).map_err(broken)?;
        if agency_of(&call.principal) != Some(set.agency) {
            return Err(Refusal::of(Code::NotYourAgency).into());
        }
        let by = call.principal.name.clone();
        let (agency, version) = (set.agency, set.version);
        if validate_only {
            let known = read::rule_sets(&self.reads, Some(agency)).await?;
            reference::is_next(known.first().map_or(0, |newest| newest.version), version)?;
        } else {
            self.put(ReferenceChange::Rules { agency, version, document, by }).await?;
        }
        Ok(v1::PutRuleSetResponse { agency: v1::Agency::from(agency).into(), version })
    }

    pub(crate) async fn get_assessment(
        &self,
        _: &Call,
        asked: v1::GetAssessmentRequest,
    ) -> Answer<v1::GetAssessmentResponse> {
        let v1::GetAssessmentRequest { name, version } = asked;
        let id = order_id(&name)?;
        let Some(kept) = read::assessment(&self.reads, id, version).await? else {
            // It may be there without anybody having rules when it was filed.
            let filed = read::filed(&self.reads, id, version).await?;
            let unknown = || Refusal::of(Code::NotFound).with("name", id.name());
            let (version, time) = filed.ok_or_else(unknown)?;
            return Ok(v1::GetAssessmentResponse {
                name: id.name(),
                version,
                time: Some(proto::timestamp(time)),
                ..Default::default()
            });
        };
        let (class, mut assessments) =
            inspection::decode_assessments(&kept.body).map_err(damaged)?;
        if assessments.is_empty() {
            // No rule matched: which sets were asked is all there is to say.
            let sets = [(Agency::Customs, kept.rules.0), (Agency::Quarantine, kept.rules.1)];
            let asked = sets.into_iter().filter(|(_, version)| *version > 0);
            assessments.extend(asked.map(|(agency, version)| v1::Assessment {
                agency: v1::Agency::from(agency).into(),
                rule_set_version: version,
                ..Default::default()
            }));
        }
        Ok(v1::GetAssessmentResponse {
            name: id.name(),
            version: kept.version,
            time: Some(proto::timestamp(kept.made_time)),
            class,
            assessments,
            refused: kept.refused,
        })
    }

    pub(crate) async fn list_seeds(
        &self,
        _: &Call,
        asked: v1::ListSeedsRequest,
    ) -> Answer<v1::ListSeedsResponse> {
        let today = self.today();
        let week_ago = today.saturating_sub(Duration::WEEK);
        let from = day(&asked.from_date, "from_date", week_ago)?;
        let seeds = read::seeds(&self.reads, from).await?;
        let seeds = seeds.into_iter().map(|seed| v1::SeedRecord {
            day: inspection::day(seed.day),
            commitment: seed.commitment(sha256).to_vec(),
            // Known before its day is over, it would tell who is looked at.
            seed: if seed.day < today { seed.bytes.to_vec() } else { Vec::new() },
        });
        Ok(v1::ListSeedsResponse { seeds: seeds.collect() })
    }
}

/// Credit and statistics.
impl Inspection {
    pub(crate) async fn list_credit(
        &self,
        call: &Call,
        asked: v1::ListCreditRequest,
    ) -> Answer<v1::ListCreditResponse> {
        let v1::ListCreditRequest { blacklisted, appealed, page_size, page_token } = asked;
        let filter = ("credit", blacklisted, appealed);
        let asked = (page_size, page_token.as_str());
        let page = Page::of(&self.tokens, &call.principal.name, filter, asked)?;
        let (firms, next_page_token) =
            read::credits(&self.lists.get().await, (blacklisted, appealed), &page).await?;
        let today = self.today();
        let firms = firms
            .into_iter()
            .map(|(firm, credit)| inspection::credit_to_wire(&firm, &on(credit, today)));
        Ok(v1::ListCreditResponse { firms: firms.collect(), next_page_token })
    }

    pub(crate) async fn get_credit(
        &self,
        call: &Call,
        asked: v1::GetCreditRequest,
    ) -> Answer<v1::GetCreditResponse> {
        let firm = asked.firm;
        firm_code(&firm)?;
        own_firm(call, &firm)?;
        let today = self.today();
        let known = read::credit(&self.reads, &firm).await?;
        let credit = on(known.unwrap_or_else(|| Credit::new(today)), today);
        let changes = read::credit_changes(&self.reads, &firm).await?;
        let changes = changes.into_iter().map(|(at, what, text, text_zh)| v1::CreditChange {
            time: Some(proto::timestamp(at)),
            what,
            because: Some(v1::Reasoning { text, text_zh }),
        });
        Ok(v1::GetCreditResponse {
            credit: Some(inspection::credit_to_wire(&firm, &credit)),
            changes: changes.collect(),
        })
    }

    pub(crate) async fn certify(
        &self,
        call: &Call,
        change: Change,
        asked: v1::CertifyRequest,
    ) -> Answer<v1::CertifyResponse> {
        let v1::CertifyRequest { request_id: _, firm, granted } = asked;
        let what = (appeal::AppealCommand::Certify(granted), String::new());
        let credit = self.change_credit(call, change, firm, what).await?;
        Ok(v1::CertifyResponse { credit })
    }

    pub(crate) async fn appeal(
        &self,
        call: &Call,
        change: Change,
        asked: v1::AppealRequest,
    ) -> Answer<v1::AppealResponse> {
        let v1::AppealRequest { request_id: _, firm, source, reason } = asked;
        own_firm(call, &firm)?;
        let what = (appeal::AppealCommand::Appeal(source), words(reason, "reason")?);
        let credit = self.change_credit(call, change, firm, what).await?;
        Ok(v1::AppealResponse { credit })
    }

    pub(crate) async fn decide_appeal(
        &self,
        call: &Call,
        change: Change,
        asked: v1::DecideAppealRequest,
    ) -> Answer<v1::DecideAppealResponse> {
        let v1::DecideAppealRequest { request_id: _, firm, source, overturned, reason } = asked;
        let what = (appeal::AppealCommand::Decide(source, overturned), words(reason, "reason")?);
        let credit = self.change_credit(call, change, firm, what).await?;
        Ok(v1::DecideAppealResponse { credit })
    }

    pub(crate) async fn get_statistics(
        &self,
        call: &Call,
        asked: v1::GetStatisticsRequest,
    ) -> Answer<v1::GetStatisticsResponse> {
        let v1::GetStatisticsRequest { filed_from_time, filed_until_time, port_code } = asked;
        let until = time(filed_until_time, "filed_until_time")?;
        let until = until.unwrap_or_else(|| self.clock.now());
        let from = time(filed_from_time, "filed_from_time")?;
        let from = from.unwrap_or_else(|| until.saturating_sub(Duration::days(30)));
        if until - from > STATISTICS_MAX {
            let refusal = refused(Code::NumberOutOfRange, "filed_from_time");
            return Err(refusal.with("most_days", STATISTICS_MAX.whole_days()).into());
        }
        short(&port_code, "port_code")?;
        // A table reads every case of its time: one after the other.
        let _turn = self.tables.acquire().await;
        let scope = scope(&call.principal);
        let pool = self.lists.get().await;
        let rows = read::statistics(&pool, &scope, (from, until), &port_code).await?;
        Ok(v1::GetStatisticsResponse { rows: rows.into_iter().map(row).collect() })
    }
}

/// A firm of which the caller may know; another one is not found.
fn own_firm(call: &Call, firm: &str) -> Result<(), Refusal> {
    if scope(&call.principal).covers(firm) {
        return Ok(());
    }
    Err(Refusal::of(Code::NotFound).with("name", firm))
}
