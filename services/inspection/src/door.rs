//! The calls: messages become questions, answers become messages.

use std::pin::Pin;

use domain::clearance::Agency;
use domain::inspection::appointment::{BOOK_AHEAD_MAX, By, CHINA};
use domain::inspection::credit::Credit;
use domain::inspection::draw::{Candidate, Conflict, Fate};
use domain::inspection::finding::Disposal;
use domain::inspection::order::Act;
use domain::inspection::statistics::{Group, Row, Times};
use domain::principal::Scope;
use domain::refusal::{Code, Refusal, Violation};
use domain::{DeclarationId, Kind, Principal, Slot, limits};
use futures::{Stream, StreamExt as _};
use prost::Message as _;
use proto::call::{caller, trace};
use proto::inspection as wire;
use proto::rule_file;
use proto::status::{self, Language};
use proto::v1::inspection_service_server::InspectionService;
use proto::v1::{self, report_request::Step};
use store::follow::News;
use store::journal::Entry;
use store::share::Share;
use store::{Fault, Unanswered};
use time::{Date, Duration, OffsetDateTime};
use tonic::{Request, Response, Status};

use crate::appeal::{self, Appealed};
use crate::ask::{Ask, Asked, Draws, Reported};
use crate::commit::{Command, Done};
use crate::orders::Filed;
use crate::read::{self, Filter};
use crate::reference::{self, Put, Site};
use crate::risk::sha256;
use crate::view::View;
use crate::{Inspection, Service, watch};

/// Longest time that one table of statistics is about.
const STATISTICS_MAX: Duration = Duration::days(366);
/// Days of windows listed at once.
const WINDOW_DAYS_MAX: u32 = 14;

/// Of which firms a caller is told: an enterprise of its own, everybody at work of all.
fn scope(principal: &Principal) -> Scope {
    match principal.kind {
        Kind::Enterprise | Kind::Agent => principal.scope(),
        Kind::Customs
        | Kind::Inspection
        | Kind::Site
        | Kind::Examiner
        | Kind::Administrator
        | Kind::Gateway => Scope::All,
    }
}

/// Whether a caller is shown only what concerns its own goods.
fn is_veiled(principal: &Principal) -> bool {
    matches!(principal.kind, Kind::Enterprise | Kind::Agent)
}

/// By whose rules a caller books a window.
fn books_as(principal: &Principal) -> By {
    if is_veiled(principal) { By::Enterprise } else { By::Site }
}

/// The agency for which a caller speaks.
fn agency_of(principal: &Principal) -> Option<Agency> {
    match principal.kind {
        Kind::Customs => Some(Agency::Customs),
        Kind::Inspection => Some(Agency::Inspection),
        Kind::Enterprise
        | Kind::Agent
        | Kind::Site
        | Kind::Examiner
        | Kind::Administrator
        | Kind::Gateway => None,
    }
}

type Answer<T> = Result<Response<T>, Status>;

fn refused(code: Code, field: &str) -> Refusal {
    Refusal::of(code).with("field", field)
}

fn order_id(name: &str) -> Result<DeclarationId, Refusal> {
    wire::parse_order_name(name).ok_or_else(|| Refusal::of(Code::NameMalformed).with("name", name))
}

/// Words of a caller: there, and not too long. What may not stand in them was found by `proto::text`.
fn words(text: String, field: &'static str) -> Result<String, Refusal> {
    if text.trim().is_empty() {
        return Err(refused(Code::ReasonMissing, field));
    }
    short(&text, field)?;
    Ok(text)
}

/// Texts of a caller that may be empty.
fn short(text: &str, field: &str) -> Result<(), Refusal> {
    if text.chars().count() > limits::TEXT_MAX {
        return Err(refused(Code::TooLong, field).with("most", limits::TEXT_MAX));
    }
    Ok(())
}

/// Ids and names of a caller.
fn id(text: &str, field: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(refused(Code::Required, field));
    }
    if text.chars().count() > ID_MAX {
        return Err(refused(Code::TooLong, field).with("most", ID_MAX));
    }
    short(text, field)
}

/// A firm has a customs code of ten characters or a unified social credit code of eighteen.
fn firm_code(code: &str) -> Result<(), Refusal> {
    let letters = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if letters && matches!(code.len(), 10 | 18) {
        return Ok(());
    }
    Err(refused(Code::CodeUnknown, "firm").with("known", "10 or 18 letters and digits"))
}

/// Characters of a sample's, officer's, laboratory's or certificate's name.
const ID_MAX: usize = 100;

fn day(text: &str, field: &str, otherwise: Date) -> Result<Date, Refusal> {
    if text.is_empty() {
        return Ok(otherwise);
    }
    wire::parse_day(text).ok_or_else(|| refused(Code::DateWrong, field))
}

fn time(
    said: Option<pbjson_types::Timestamp>,
    field: &str,
) -> Result<Option<OffsetDateTime>, Refusal> {
    said.map(|said| proto::time(said).ok_or_else(|| refused(Code::DateWrong, field))).transpose()
}

/// What is wrong with a request that is no declaration: paths begin at the request.
fn of_request(mut refusal: Refusal) -> Refusal {
    for violation in &mut refusal.violations {
        violation.field = format!("$.{}", violation.field);
    }
    refusal
}

impl Inspection {
    async fn run(&self, share: &Share, slot: Slot, command: Command) -> Result<Done, Unanswered> {
        Ok(self.asking.offer(slot, share, command).await??)
    }

    async fn ask(
        &self,
        principal: &Principal,
        trace: String,
        (request, name, digest): (&str, &str, [u8; 32]),
        what: Ask,
    ) -> Result<(v1::OrderRecord, Draws), Unanswered> {
        let id = order_id(name)?;
        let asked = Asked {
            request_id: proto::exchange::request(request)?,
            caller: principal.name.clone(),
            view: View::of(&self.reads, principal).await?,
            id,
            digest,
            trace,
            what,
        };
        match self.run(&Share::of(principal), id.slot(), Command::Ask(Box::new(asked))).await? {
            Done::Order(filed, draws) => Ok((shown(principal, &filed)?, draws)),
            Done::Heard(_) | Done::Credit(_) | Done::Kept => Err(other().into()),
        }
    }

    async fn appeal(
        &self,
        principal: &Principal,
        (request, firm, digest): (&str, String, [u8; 32]),
        what: appeal::Ask,
        reason: String,
    ) -> Result<v1::CreditRecord, Unanswered> {
        firm_code(&firm)?;
        let slot = Slot::of(&firm);
        let request_id = proto::exchange::request(request)?;
        let caller = principal.name.clone();
        let appealed = Appealed { request_id, caller, firm, digest, what, reason };
        match self.run(&Share::of(principal), slot, Command::Appeal(Box::new(appealed))).await? {
            Done::Credit(kept) => {
                v1::CreditRecord::decode(kept.as_slice()).map_err(|_| other().into())
            }
            Done::Heard(_) | Done::Order(..) | Done::Kept => Err(other().into()),
        }
    }

    async fn put(&self, put: Put) -> Result<(), Unanswered> {
        match self.run(&Share::Kept, Slot::of(""), Command::Put(Box::new(put))).await? {
            Done::Kept => Ok(()),
            Done::Heard(_) | Done::Order(..) | Done::Credit(_) => Err(other().into()),
        }
    }

    fn today(&self) -> Date {
        self.clock.now().to_offset(CHINA).date()
    }
}

fn other() -> Fault {
    Fault::Broken("a request was answered with something else".to_owned())
}

fn damaged(error: impl std::fmt::Display) -> Unanswered {
    Fault::Broken(format!("a stored message cannot be read: {error}")).into()
}

/// An order as the caller may see it.
fn shown(principal: &Principal, filed: &Filed) -> Result<v1::OrderRecord, Unanswered> {
    let mut record = wire::record(filed.shown()).map_err(damaged)?;
    if is_veiled(principal) {
        wire::veil(&mut record);
    }
    Ok(record)
}

fn digest(request: &impl prost::Message) -> [u8; 32] {
    sha256(&request.encode_to_vec())
}

#[tonic::async_trait]
impl InspectionService for Service {
    type WatchOrdersStream =
        Pin<Box<dyn Stream<Item = Result<v1::WatchOrdersResponse, Status>> + Send>>;

    async fn list_orders(
        &self,
        request: Request<v1::ListOrdersRequest>,
    ) -> Answer<v1::ListOrdersResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let asked = request.into_inner();
        let (size, token) = (asked.page_size, asked.page_token.clone());
        let answer = async {
            let filter = filter(asked)?;
            let (orders, next_page_token) =
                read::orders(&self.0, &principal, filter, (size, &token)).await?;
            let without_goods = |filed: &Filed| {
                let mut record = shown(&principal, filed)?;
                record.lines.clear();
                Ok(record)
            };
            let orders = orders.iter().map(without_goods).collect::<Result<_, Unanswered>>()?;
            Ok::<_, Unanswered>(v1::ListOrdersResponse { orders, next_page_token })
        };
        answered(answer.await, language)
    }

    async fn get_order(
        &self,
        request: Request<v1::GetOrderRequest>,
    ) -> Answer<v1::GetOrderResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let asked = request.into_inner();
        let answer = async {
            let id = order_id(&asked.name)?;
            let view = View::of(&self.0.reads, &principal).await?;
            let filed = read::order(&self.0.reads, &view, id).await?;
            let entries = read::history(&self.0.reads, id).await?;
            let history = entries.into_iter().map(|entry| history(&principal, entry));
            Ok::<_, Unanswered>(v1::GetOrderResponse {
                order: Some(shown(&principal, &filed)?),
                history: history.collect::<Result<_, _>>()?,
            })
        };
        answered(answer.await, language)
    }

    async fn watch_orders(
        &self,
        request: Request<v1::WatchOrdersRequest>,
    ) -> Answer<Self::WatchOrdersStream> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::WatchOrdersRequest { resume_token, name } = request.into_inner();
        let only = (!name.is_empty()).then(|| order_id(&name)).transpose();
        let only = only.map_err(|refusal| status::of(refusal, language))?;
        let news = watch::watch(&self.0, &principal, only, &resume_token)
            .await
            .map_err(|error| status::of(error, language))?;
        let told = news.map(move |news| {
            news.and_then(|news| told(&principal, news))
                .map_err(|error| status::of(error, language))
        });
        Ok(Response::new(Box::pin(told)))
    }

    async fn list_windows(
        &self,
        request: Request<v1::ListWindowsRequest>,
    ) -> Answer<v1::ListWindowsResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let by = books_as(&principal);
        let v1::ListWindowsRequest { place, from_date, days } = request.into_inner();
        let answer = async {
            let today = self.0.today();
            let from = day(&from_date, "from_date", today)?;
            if from < today || from > today.saturating_add(BOOK_AHEAD_MAX) {
                return Err(refused(Code::DateWrong, "from_date").with("today", today).into());
            }
            if !View::of(&self.0.reads, &principal).await?.shows_place(&place) {
                return Err(Refusal::of(Code::PlaceUnknown).with("place", &place).into());
            }
            let days = days.clamp(1, WINDOW_DAYS_MAX);
            let now = self.0.clock.now();
            let windows = read::windows(&self.0.reads, &place, (from, days), (by, now)).await?;
            let windows = windows.into_iter().map(|(window, free)| v1::Window {
                start: Some(proto::timestamp(window.start)),
                end: Some(proto::timestamp(window.end)),
                free,
            });
            Ok::<_, Unanswered>(v1::ListWindowsResponse { windows: windows.collect() })
        };
        answered(answer.await, language)
    }

    async fn appoint(&self, request: Request<v1::AppointRequest>) -> Answer<v1::AppointResponse> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let asked = request.into_inner();
        let digest = digest(&asked);
        let answer = async {
            let v1::AppointRequest { request_id, name, seen, place, start } = asked;
            id(&place, "place")?;
            let start = time(start, "start")?;
            let by = books_as(&principal);
            let what = Ask::Appoint { seen, place, start, by };
            self.0.ask(&principal, trace, (&request_id, &name, digest), what).await
        };
        let answer = answer.await.map(|(order, _)| v1::AppointResponse { order: Some(order) });
        answered(answer, language)
    }

    async fn claim(&self, request: Request<v1::ClaimRequest>) -> Answer<v1::ClaimResponse> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let asked = request.into_inner();
        let digest = digest(&asked);
        let v1::ClaimRequest { request_id, name, examination } = asked;
        let asked = (request_id.as_str(), name.as_str(), digest);
        let answer = self.0.ask(&principal, trace, asked, Ask::Claim { examination }).await;
        let answer = answer.map(|(order, draws)| v1::ClaimResponse {
            order: Some(order),
            draw: drawn(&principal, draws),
        });
        answered(answer, language)
    }

    async fn report(&self, request: Request<v1::ReportRequest>) -> Answer<v1::ReportResponse> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let asked = request.into_inner();
        let digest = digest(&asked);
        let answer = async {
            let v1::ReportRequest { request_id, name, version, examination, step } = asked;
            let step = reported(step)?;
            let what = Ask::Report { version, examination, step };
            self.0.ask(&principal, trace, (&request_id, &name, digest), what).await
        };
        let answer = answer.await.map(|(order, _)| v1::ReportResponse { order: Some(order) });
        answered(answer, language)
    }

    async fn object(&self, request: Request<v1::ObjectRequest>) -> Answer<v1::ObjectResponse> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let asked = request.into_inner();
        let digest = digest(&asked);
        let answer = async {
            let v1::ObjectRequest { request_id, name, examination, reason } = asked;
            let what = Ask::Object { examination, reason: words(reason, "reason")? };
            self.0.ask(&principal, trace, (&request_id, &name, digest), what).await
        };
        let answer = answer.await.map(|(order, _)| v1::ObjectResponse { order: Some(order) });
        answered(answer, language)
    }

    async fn dispose(&self, request: Request<v1::DisposeRequest>) -> Answer<v1::DisposeResponse> {
        let language = Language::of(request.metadata());
        let (principal, trace) = (caller(&request)?, trace(&request));
        let asked = request.into_inner();
        let digest = digest(&asked);
        let answer = async {
            let v1::DisposeRequest { request_id, name, examination, disposal } = asked;
            let agency = agency_of(&principal).ok_or_else(|| Refusal::of(Code::NotAllowed))?;
            let disposal = Disposal::parse(&disposal).ok_or_else(|| {
                let known = Disposal::ALL.map(Disposal::code).join(", ");
                refused(Code::CodeUnknown, "disposal").with("known", known)
            })?;
            let what = Ask::Dispose { agency, examination, disposal };
            self.0.ask(&principal, trace, (&request_id, &name, digest), what).await
        };
        let answer = answer.await.map(|(order, _)| v1::DisposeResponse { order: Some(order) });
        answered(answer, language)
    }

    async fn list_places(
        &self,
        request: Request<v1::ListPlacesRequest>,
    ) -> Answer<v1::ListPlacesResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let answer = async {
            let view = View::of(&self.0.reads, &principal).await?;
            let places = read::places(&self.0.reads).await?;
            let places = places.iter().filter(|site| view.shows_place(&site.place.id));
            let places = places.map(|s| wire::wire_place(&s.place, &s.port_codes)).collect();
            Ok::<_, Unanswered>(v1::ListPlacesResponse { places })
        };
        answered(answer.await, language)
    }

    async fn put_place(
        &self,
        request: Request<v1::PutPlaceRequest>,
    ) -> Answer<v1::PutPlaceResponse> {
        let language = Language::of(request.metadata());
        caller(&request)?;
        let answer = async {
            let said =
                request.into_inner().place.ok_or_else(|| refused(Code::Required, "place"))?;
            let (place, port_codes) = wire::place(said).map_err(of_request)?;
            self.0.put(Put::Site(Site { place, port_codes })).await
        };
        answered(answer.await.map(|()| v1::PutPlaceResponse {}), language)
    }

    async fn list_officers(
        &self,
        request: Request<v1::ListOfficersRequest>,
    ) -> Answer<v1::ListOfficersResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let of = wire::agency(request.into_inner().agency);
        let answer = async {
            let view = View::of(&self.0.reads, &principal).await?;
            let mut officers = read::officers(&self.0.reads, of).await?;
            if let View::At(site) = &view {
                // Those who come to it.
                let sent = read::sent_to(&self.0.reads, site).await?;
                officers.retain(|(candidate, _)| sent.contains(&candidate.officer));
            }
            let officers = officers.iter().map(|(c, left)| named(&principal, c, *left)).collect();
            Ok::<_, Unanswered>(v1::ListOfficersResponse { officers })
        };
        answered(answer.await, language)
    }

    async fn put_officer(
        &self,
        request: Request<v1::PutOfficerRequest>,
    ) -> Answer<v1::PutOfficerResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let answer = async {
            let said = request.into_inner().officer;
            let said = said.ok_or_else(|| refused(Code::Required, "officer"))?;
            let (candidate, left) = wire::officer(said).map_err(of_request)?;
            if agency_of(&principal) != Some(candidate.agency) {
                return Err(Refusal::of(Code::NotYourAgency).into());
            }
            self.0.put(Put::Officer(candidate, left)).await
        };
        answered(answer.await.map(|()| v1::PutOfficerResponse {}), language)
    }

    async fn list_rule_sets(
        &self,
        request: Request<v1::ListRuleSetsRequest>,
    ) -> Answer<v1::ListRuleSetsResponse> {
        let language = Language::of(request.metadata());
        caller(&request)?;
        let of = wire::agency(request.into_inner().agency);
        let sets = read::rule_sets(&self.0.reads, of).await.map_err(Unanswered::from);
        let answer = sets.map(|sets| {
            let mut newest: Option<Agency> = None;
            let set = |set: read::Rules| {
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
            v1::ListRuleSetsResponse { rule_sets: sets.into_iter().map(set).collect() }
        });
        answered(answer, language)
    }

    async fn put_rule_set(
        &self,
        request: Request<v1::PutRuleSetRequest>,
    ) -> Answer<v1::PutRuleSetResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::PutRuleSetRequest { document, validate_only } = request.into_inner();
        let answer = async {
            let set = rule_file::parse(document.as_bytes()).map_err(broken)?;
            if agency_of(&principal) != Some(set.agency) {
                return Err(Refusal::of(Code::NotYourAgency).into());
            }
            let by = principal.name.clone();
            let (agency, version) = (set.agency, set.version);
            if validate_only {
                let known = read::rule_sets(&self.0.reads, Some(agency)).await?;
                reference::is_next(known.first().map_or(0, |newest| newest.version), version)?;
            } else {
                self.0.put(Put::Rules { agency, version, document, by }).await?;
            }
            let agency = v1::Agency::from(agency).into();
            Ok::<_, Unanswered>(v1::PutRuleSetResponse { agency, version })
        };
        answered(answer.await, language)
    }

    async fn get_assessment(
        &self,
        request: Request<v1::GetAssessmentRequest>,
    ) -> Answer<v1::GetAssessmentResponse> {
        let language = Language::of(request.metadata());
        caller(&request)?;
        let v1::GetAssessmentRequest { name, version } = request.into_inner();
        let answer = async {
            let id = order_id(&name)?;
            let Some(kept) = read::assessment(&self.0.reads, id, version).await? else {
                // It may be there without anybody having rules when it was filed.
                let filed = read::filed(&self.0.reads, id, version).await?;
                let unknown = || Refusal::of(Code::NotFound).with("name", id.name());
                let (version, time) = filed.ok_or_else(unknown)?;
                return Ok(v1::GetAssessmentResponse {
                    name: id.name(),
                    version,
                    time: Some(proto::timestamp(time)),
                    ..Default::default()
                });
            };
            let said = v1::GetAssessmentResponse::decode(kept.body.as_slice()).map_err(damaged)?;
            let mut assessments = said.assessments;
            if assessments.is_empty() {
                // No rule matched: which sets were asked is all there is to say.
                let sets = [(Agency::Customs, kept.rules.0), (Agency::Inspection, kept.rules.1)];
                let asked = sets.into_iter().filter(|(_, version)| *version > 0);
                assessments.extend(asked.map(|(agency, version)| v1::Assessment {
                    agency: v1::Agency::from(agency).into(),
                    rule_set_version: version,
                    ..Default::default()
                }));
            }
            Ok::<_, Unanswered>(v1::GetAssessmentResponse {
                name: id.name(),
                version: kept.version,
                time: Some(proto::timestamp(kept.made_time)),
                class: said.class,
                assessments,
                refused: kept.refused,
            })
        };
        answered(answer.await, language)
    }

    async fn list_seeds(
        &self,
        request: Request<v1::ListSeedsRequest>,
    ) -> Answer<v1::ListSeedsResponse> {
        let language = Language::of(request.metadata());
        caller(&request)?;
        let from_date = request.into_inner().from_date;
        let answer = async {
            let today = self.0.today();
            let week_ago = today.saturating_sub(Duration::WEEK);
            let seeds = read::seeds(&self.0.reads, day(&from_date, "from_date", week_ago)?).await?;
            let seeds = seeds.into_iter().map(|seed| v1::SeedRecord {
                day: wire::day(seed.day),
                commitment: seed.commitment(sha256).to_vec(),
                // Known before its day is over, it would tell who is looked at.
                seed: if seed.day < today { seed.bytes.to_vec() } else { Vec::new() },
            });
            Ok::<_, Unanswered>(v1::ListSeedsResponse { seeds: seeds.collect() })
        };
        answered(answer.await, language)
    }

    async fn list_credit(
        &self,
        request: Request<v1::ListCreditRequest>,
    ) -> Answer<v1::ListCreditResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::ListCreditRequest { blacklisted, appealed, page_size, page_token } =
            request.into_inner();
        let answer = async {
            let token = self.0.tokens.of(&principal.name, ("credit", blacklisted, appealed))?;
            let after = match page_token.as_str() {
                "" => Some(String::new()),
                given => token.read(given).and_then(|firm| String::from_utf8(firm).ok()),
            };
            let after = after.ok_or_else(|| Refusal::of(Code::PageTokenForeign))?;
            let found = read::credits(&self.0.reads, (blacklisted, appealed), (page_size, &after));
            let (firms, more) = found.await?;
            let last = firms.last().filter(|_| more);
            let next = last.map(|(firm, _)| token.write(firm.as_bytes())).transpose()?;
            let next_page_token = proto::text(next);
            let today = self.0.today();
            let firms = firms
                .iter()
                .map(|(firm, credit)| wire::wire_credit(firm, &on(credit.clone(), today)));
            let firms = firms.collect();
            Ok::<_, Unanswered>(v1::ListCreditResponse { firms, next_page_token })
        };
        answered(answer.await, language)
    }

    async fn get_credit(
        &self,
        request: Request<v1::GetCreditRequest>,
    ) -> Answer<v1::GetCreditResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let firm = request.into_inner().firm;
        let answer = async {
            firm_code(&firm)?;
            if !scope(&principal).covers(&firm) {
                return Err(Refusal::of(Code::NotFound).with("name", &firm).into());
            }
            let today = self.0.today();
            let known = read::credit(&self.0.reads, &firm).await?;
            let credit = on(known.unwrap_or_else(|| Credit::new(today)), today);
            let changes = read::credit_changes(&self.0.reads, &firm).await?;
            let changes = changes.into_iter().map(|(at, what, text, text_zh)| v1::CreditChange {
                time: Some(proto::timestamp(at)),
                what,
                because: Some(v1::Reasoning { text, text_zh }),
            });
            Ok::<_, Unanswered>(v1::GetCreditResponse {
                credit: Some(wire::wire_credit(&firm, &credit)),
                changes: changes.collect(),
            })
        };
        answered(answer.await, language)
    }

    async fn certify(&self, request: Request<v1::CertifyRequest>) -> Answer<v1::CertifyResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let asked = request.into_inner();
        let digest = digest(&asked);
        let v1::CertifyRequest { request_id, firm, granted } = asked;
        let what = appeal::Ask::Certify(granted);
        let asked = (request_id.as_str(), firm, digest);
        let answer = self.0.appeal(&principal, asked, what, String::new()).await;
        answered(answer.map(|credit| v1::CertifyResponse { credit: Some(credit) }), language)
    }

    async fn appeal(&self, request: Request<v1::AppealRequest>) -> Answer<v1::AppealResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let asked = request.into_inner();
        let digest = digest(&asked);
        let answer = async {
            let v1::AppealRequest { request_id, firm, source, reason } = asked;
            if !scope(&principal).covers(&firm) {
                return Err(Refusal::of(Code::NotFound).with("name", &firm).into());
            }
            let reason = words(reason, "reason")?;
            let what = appeal::Ask::Appeal(source);
            self.0.appeal(&principal, (&request_id, firm, digest), what, reason).await
        };
        let answer = answer.await.map(|credit| v1::AppealResponse { credit: Some(credit) });
        answered(answer, language)
    }

    async fn decide_appeal(
        &self,
        request: Request<v1::DecideAppealRequest>,
    ) -> Answer<v1::DecideAppealResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let asked = request.into_inner();
        let digest = digest(&asked);
        let answer = async {
            let v1::DecideAppealRequest { request_id, firm, source, overturned, reason } = asked;
            let reason = words(reason, "reason")?;
            let what = appeal::Ask::Decide(source, overturned);
            self.0.appeal(&principal, (&request_id, firm, digest), what, reason).await
        };
        let answer = answer.await.map(|credit| v1::DecideAppealResponse { credit: Some(credit) });
        answered(answer, language)
    }

    async fn get_statistics(
        &self,
        request: Request<v1::GetStatisticsRequest>,
    ) -> Answer<v1::GetStatisticsResponse> {
        let language = Language::of(request.metadata());
        let principal = caller(&request)?;
        let v1::GetStatisticsRequest { filed_from_time, filed_until_time, port_code } =
            request.into_inner();
        let answer = async {
            let until = time(filed_until_time, "filed_until_time")?;
            let until = until.unwrap_or_else(|| self.0.clock.now());
            let from = time(filed_from_time, "filed_from_time")?;
            let from = from.unwrap_or_else(|| until.saturating_sub(Duration::days(30)));
            if until - from > STATISTICS_MAX {
                let refusal = refused(Code::NumberOutOfRange, "filed_from_time");
                return Err(refusal.with("most_days", STATISTICS_MAX.whole_days()).into());
            }
            short(&port_code, "port_code")?;
            // A table reads every case of its time: one after the other.
            let _turn = self.0.tables.acquire().await;
            let scope = scope(&principal);
            let rows = read::statistics(&self.0.reads, &scope, (from, until), &port_code).await?;
            let rows = rows.into_iter().map(row).collect();
            Ok::<_, Unanswered>(v1::GetStatisticsResponse { rows })
        };
        answered(answer.await, language)
    }
}

fn answered<T>(answer: Result<T, Unanswered>, language: Language) -> Answer<T> {
    answer.map(Response::new).map_err(|error| status::of(error, language))
}

/// Credit as it is on a day.
fn on(credit: Credit, day: Date) -> Credit {
    let event = domain::inspection::credit::Event::Day(day);
    credit.apply(&event).map_or(credit.clone(), |(then, _)| then)
}

/// What is wrong with a rule set.
fn broken(broken: Vec<rule_file::Broken>) -> Refusal {
    let violation = |broken: rule_file::Broken| match broken {
        rule_file::Broken::Json { text, line, column } => Violation {
            code: Code::RuleSetRefused,
            field: format!("$.document:{line}:{column}"),
            text_zh: format!("无法读取：{text}"),
            text,
            customs_code: None,
        },
        rule_file::Broken::Rule(problem) => Violation {
            code: Code::RuleSetRefused,
            field: format!("$.document.rules[{}]", problem.rule),
            text: problem.why.en,
            text_zh: problem.why.zh,
            customs_code: None,
        },
    };
    let mut refusal = Refusal::of(Code::RuleSetRefused);
    refusal.violations = broken.into_iter().map(violation).take(limits::VIOLATIONS_MAX).collect();
    refusal
}

fn filter(asked: v1::ListOrdersRequest) -> Result<Filter, Refusal> {
    let v1::ListOrdersRequest { page_size, stages, place, declarant_code, undecided_by, .. } =
        asked;
    if page_size < 0 {
        return Err(refused(Code::NumberOutOfRange, "page_size"));
    }
    let stage =
        |said: &i32| wire::parse_stage(*said).ok_or_else(|| refused(Code::CodeUnknown, "stages"));
    short(&place, "place")?;
    short(&declarant_code, "declarant_code")?;
    let undecided_by = match undecided_by {
        0 => None,
        said => {
            let agency = wire::agency(said);
            Some(agency.ok_or_else(|| refused(Code::CodeUnknown, "undecided_by"))?)
        }
    };
    let stages = stages.iter().map(stage).collect::<Result<_, _>>()?;
    Ok(Filter { stages, place, declarant_code, undecided_by })
}

/// A step that a site reports.
fn reported(step: Option<Step>) -> Result<Reported, Refusal> {
    let unknown = |field: &'static str| refused(Code::CodeUnknown, field);
    let act = match step.ok_or_else(|| refused(Code::Required, "step"))? {
        Step::NoShow(v1::NoShow { seen }) => return Ok(Reported::NoShow { seen }),
        Step::Closing(v1::Closing {}) => return Ok(Reported::Close),
        Step::Replacement(v1::Replacement { officer }) => {
            id(&officer, "replacement.officer")?;
            return Ok(Reported::Replace { officer });
        }
        Step::Treatment(said) => {
            id(&said.certificate, "treatment.certificate")?;
            return Ok(Reported::Treated(wire::treatment(said).map_err(unknown)?));
        }
        Step::Presentation(v1::Presentation { attendance }) => {
            let attendance = wire::attendance(attendance);
            Act::Present { attendance: attendance.ok_or_else(|| unknown("attendance"))? }
        }
        Step::Beginning(v1::Beginning { method, officer }) => {
            id(&officer, "beginning.officer")?;
            let method = wire::method(method).ok_or_else(|| unknown("method"))?;
            Act::Examine { method, officer }
        }
        Step::Sample(said) => {
            id(&said.id, "sample.id")?;
            id(&said.officer, "sample.officer")?;
            Act::Take { sample: wire::sample(said).map_err(unknown)? }
        }
        Step::Dispatch(v1::Dispatch { sample, laboratory }) => {
            id(&sample, "dispatch.sample")?;
            id(&laboratory, "dispatch.laboratory")?;
            Act::Send { sample, laboratory }
        }
        Step::Findings(v1::Findings { findings }) => {
            if findings.is_empty() {
                return Err(refused(Code::Required, "findings"));
            }
            for finding in &findings {
                id(&finding.officer, "findings.officer")?;
                short(&finding.text, "findings.text")?;
            }
            let findings = findings.into_iter().map(|said| wire::finding(said).map_err(unknown));
            Act::Report { findings: findings.collect::<Result<_, _>>()? }
        }
    };
    Ok(Reported::Act(act))
}

/// An officer as the caller may see it: where somebody's relatives work is no business of a site.
fn named(principal: &Principal, candidate: &Candidate, left: bool) -> v1::Officer {
    let mut officer = wire::wire_officer(candidate, left);
    if principal.kind == Kind::Site {
        officer.leave.clear();
        officer.related_firms.clear();
        officer.last_firm.clear();
    }
    officer
}

fn drawn(principal: &Principal, draws: Draws) -> Vec<v1::DrawnOfficer> {
    let why = |conflict: &Conflict| match conflict {
        Conflict::Related { .. } if principal.kind == Kind::Site => "related".to_owned(),
        Conflict::Related { .. }
        | Conflict::OnLeave { .. }
        | Conflict::SameFirmAsLastTime { .. }
        | Conflict::ExaminedBefore => wire::conflict(conflict),
    };
    let of = |(agency, selection): (Agency, domain::inspection::draw::Selection)| {
        selection.ranks.into_iter().map(move |rank| v1::DrawnOfficer {
            agency: v1::Agency::from(agency).into(),
            officer: rank.officer,
            digest: rank.digest.to_vec(),
            chosen: rank.fate == Fate::Chosen,
            conflicts: match rank.fate {
                Fate::PassedOver(conflicts) => conflicts.iter().map(why).collect(),
                Fate::Chosen | Fate::NotReached => Vec::new(),
            },
        })
    };
    draws.into_iter().flat_map(of).collect()
}

/// Facts as the caller may see them: an enterprise is not told which system works for the site.
fn facts(principal: &Principal, kept: &[u8]) -> Result<Vec<v1::OrderFact>, Unanswered> {
    let mut facts = wire::decode_told(kept).map_err(damaged)?;
    if is_veiled(principal) {
        facts.retain(|fact| fact.kind() != v1::OrderFactKind::Claimed);
    }
    Ok(facts)
}

fn history(principal: &Principal, entry: Entry) -> Result<v1::OrderHistoryEntry, Unanswered> {
    Ok(v1::OrderHistoryEntry {
        time: Some(proto::timestamp(entry.recorded_time)),
        version: store::column::number(entry.version)?,
        facts: facts(principal, &entry.facts)?,
    })
}

fn told(principal: &Principal, news: News) -> Result<v1::WatchOrdersResponse, Unanswered> {
    match news {
        News::Quiet(resume_token) => {
            Ok(v1::WatchOrdersResponse { resume_token, ..Default::default() })
        }
        News::Entry(entry, token) => {
            let body = entry.body.as_deref();
            let body = body.ok_or_else(|| damaged("an entry without its order"))?;
            let mut order = wire::decode_record(body).map_err(damaged)?;
            if is_veiled(principal) {
                wire::veil(&mut order);
            }
            Ok(v1::WatchOrdersResponse {
                order: Some(order),
                facts: facts(principal, &entry.facts)?,
                time: Some(proto::timestamp(entry.recorded_time)),
                resume_token: proto::text(token),
            })
        }
    }
}

fn row(row: Row) -> v1::StatisticsRow {
    let (group, value) = match row.group {
        Group::All => ("all", String::new()),
        Group::Port(port) => ("port", port),
        Group::Mode(mode) => ("mode", mode),
        Group::Class(class) => ("class", class.word().to_owned()),
    };
    let times = |times: Times| v1::Times {
        count: times.count,
        mean_ms: times.mean_ms,
        p50_ms: times.p50_ms,
        p90_ms: times.p90_ms,
        p99_ms: times.p99_ms,
        max_ms: times.max_ms,
    };
    v1::StatisticsRow {
        group: group.to_owned(),
        value,
        cases: row.cases,
        released: row.released,
        inspected: row.inspected,
        joint: row.joint,
        inspected_bp: row.inspected_bp,
        joint_bp: row.joint_bp,
        with_inspection: Some(times(row.with_inspection)),
        without_inspection: Some(times(row.without_inspection)),
    }
}
