//! Risk (风险布控): the rule sets in force, the day's seed, and what they say about a declaration. Both
//! agencies' rules are asked side by side; every answer is kept with its reasons.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use domain::clearance::Agency;
use domain::declaration::Declaration;
use domain::history::Reason;
use domain::inspection::credit::Class;
use domain::inspection::draw::{Draw, Seed};
use domain::inspection::order::Instruction;
use domain::inspection::risk::{Assessment, Context, RiskSubject, RuleSet, assess};
use domain::{DeclarationId, limits};
use proto::inspection::{decode_instructions, encode_assessments};
use proto::rule_file;
use ring::rand::{SecureRandom as _, SystemRandom};
use sha2::{Digest as _, Sha256};
use sqlx::PgConnection;
use store::{Fault, column};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

/// What is read once and stays as it is: rule sets by agency and version, seeds by day.
#[derive(Debug, Default)]
pub(crate) struct RuleCache {
    sets: Mutex<HashMap<(i16, i32), Arc<RuleSet>>>,
    seed: Mutex<Option<Seed>>,
}

/// SHA-256, as the draws want it.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// An agency from its column.
pub(crate) fn agency(found: i16) -> Result<Agency, Fault> {
    column::value("agency", [Agency::Customs, Agency::Quarantine], column::agency, found)
}

impl RuleCache {
    /// The newest rule set of each agency, and those of them that were read now: another transaction may
    /// still take them back, so they are remembered when this one is durable.
    pub(crate) async fn in_force(
        &self,
        tx: &mut PgConnection,
    ) -> Result<(Vec<Arc<RuleSet>>, Vec<RuleSetVersion>), Fault> {
        let newest = sqlx::query!(
            r#"select agency, max(version) as "version!" from rule_set where slot = 0
               group by agency order by agency"#
        )
        .fetch_all(&mut *tx)
        .await?;
        let (mut sets, mut fresh) = (Vec::new(), Vec::new());
        for row in newest {
            let key = (row.agency, row.version);
            let known = self.sets.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            let set = match known {
                Some(set) => set,
                None => {
                    let set = read(&mut *tx, key).await?;
                    fresh.push((key, Arc::clone(&set)));
                    set
                }
            };
            sets.push(set);
        }
        Ok((sets, fresh))
    }

    /// The seed of a day, made when it is needed first.
    pub(crate) async fn seed(&self, tx: &mut PgConnection, day: Date) -> Result<Seed, Fault> {
        let known = *self.seed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(seed) = known.filter(|seed| seed.day == day) {
            return Ok(seed);
        }
        let mut fresh = [0_u8; 32];
        SystemRandom::new()
            .fill(&mut fresh)
            .map_err(|_| Fault::Broken("the system gives no random bytes".to_owned()))?;
        sqlx::query!(
            "insert into seed (slot, day, bytes) values (0, $1, $2) on conflict do nothing",
            day,
            &fresh[..]
        )
        .execute(&mut *tx)
        .await?;
        let kept = sqlx::query_scalar!("select bytes from seed where slot = 0 and day = $1", day)
            .fetch_one(&mut *tx)
            .await?;
        let bytes = kept.try_into().map_err(|_| Fault::Broken("a seed has 32 bytes".to_owned()))?;
        Ok(Seed { day, bytes })
    }

    /// Remembers what is durable.
    pub(crate) fn remember(&self, seed: Option<Seed>, read: Vec<RuleSetVersion>) {
        if let Some(seed) = seed {
            *self.seed.lock().unwrap_or_else(PoisonError::into_inner) = Some(seed);
        }
        if !read.is_empty() {
            // Only the newest of each agency is asked for again.
            let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
            for ((agency, version), set) in read {
                sets.retain(|(other, _), _| *other != agency);
                sets.insert((agency, version), set);
            }
        }
    }
}

/// A rule set that was read: agency, version.
pub(crate) type RuleSetVersion = ((i16, i32), Arc<RuleSet>);

async fn read(tx: &mut PgConnection, key: (i16, i32)) -> Result<Arc<RuleSet>, Fault> {
    let document = sqlx::query_scalar!(
        "select document from rule_set where slot = 0 and agency = $1 and version = $2",
        key.0,
        key.1
    )
    .fetch_one(tx)
    .await?;
    // It was checked when it was put, by the rules about rules of that time.
    let set = rule_file::read(document.as_bytes())
        .map_err(|broken| Fault::Broken(format!("a kept rule set cannot be read: {broken:?}")))?;
    Ok(Arc::new(set))
}

/// What a declaration's declarant is like, for the rules.
pub(crate) struct DeclarantStanding<'a> {
    pub(crate) class: Class,
    pub(crate) blacklist: &'a [String],
    pub(crate) earlier_shipments: BTreeMap<String, u32>,
}

/// The answers of both agencies' rules about one version of one declaration.
#[derive(Debug)]
pub(crate) struct VersionAssessment {
    pub(crate) id: DeclarationId,
    pub(crate) version: u32,
    pub(crate) class: Class,
    pub(crate) assessments: Vec<Assessment>,
}

/// Asks the rules.
pub(crate) fn ask(
    sets: &[Arc<RuleSet>],
    seed: Seed,
    (id, version): (DeclarationId, u32),
    declaration: &Declaration,
    standing: DeclarantStanding<'_>,
) -> VersionAssessment {
    let context = Context {
        date: seed.day,
        class: standing.class,
        blacklist: standing.blacklist.to_vec(),
        earlier_shipments: standing.earlier_shipments,
        value_cny_e5: None,
    };
    let subject = RiskSubject::of(declaration, &context);
    let draw = Draw { seed, subject: id.uuid(), sha256 };
    let assessments = sets.iter().map(|set| assess(set, &subject, &draw)).collect();
    VersionAssessment { id, version, class: standing.class, assessments }
}

/// What an agency's rules demand, as the exchange says it.
pub(crate) type WireDemands = Vec<(Agency, Vec<Reason>)>;

impl VersionAssessment {
    fn of(&self, agency: Agency) -> Option<&Assessment> {
        self.assessments.iter().find(|assessment| assessment.agency == agency)
    }

    fn is_selected_by(&self, agency: Agency) -> bool {
        self.of(agency).is_some_and(Assessment::is_selected)
    }

    /// What is demanded.
    pub(crate) fn instructions(&self) -> Vec<Instruction> {
        self.assessments.iter().flat_map(Assessment::instructions).collect()
    }
}

/// Instructions by agency, as the exchange says them: so many and no more, each no longer than a text may
/// be. The order gets them in full.
pub(crate) fn demands(instructions: &[Instruction]) -> WireDemands {
    let mut demands: WireDemands = Vec::new();
    for Instruction { key, text, text_zh, .. } in instructions {
        let text = format!("{text_zh} ({text})").chars().take(limits::TEXT_MAX).collect();
        let reason = Reason { code: key.id.clone(), text };
        match demands.iter_mut().find(|(known, _)| *known == key.agency) {
            Some((_, reasons)) if reasons.len() < limits::REASONS_MAX => reasons.push(reason),
            Some(_) => {}
            None => demands.push((key.agency, vec![reason])),
        }
    }
    demands
}

/// Writes assessments; says which are the first ones. One that was made before stays as it was.
pub(crate) async fn write(
    tx: &mut PgConnection,
    assessed: &[VersionAssessment],
    now: OffsetDateTime,
) -> Result<BTreeSet<(DeclarationId, u32)>, Fault> {
    if assessed.is_empty() {
        return Ok(BTreeSet::new());
    }
    // 0 where the agency has no rules.
    let version = |it: &VersionAssessment, agency| {
        it.of(agency).map_or(Ok(0), |set| column::integer(set.version))
    };
    let slots: Vec<i16> = assessed.iter().map(|it| it.id.slot().column()).collect();
    let ids: Vec<Uuid> = assessed.iter().map(|it| it.id.uuid()).collect();
    let versions = assessed.iter().map(|it| column::integer(it.version));
    let versions: Vec<i32> = versions.collect::<Result<_, _>>()?;
    let by_set = |agency| assessed.iter().map(|it| version(it, agency)).collect::<Result<_, _>>();
    let (customs, quarantine): (Vec<i32>, Vec<i32>) =
        (by_set(Agency::Customs)?, by_set(Agency::Quarantine)?);
    let by = |agency| assessed.iter().map(move |it| it.is_selected_by(agency)).collect::<Vec<_>>();
    let body = |it: &VersionAssessment| {
        let silent = it.assessments.iter().all(|assessment| assessment.matched.is_empty());
        if silent { Vec::new() } else { encode_assessments(it.class, &it.assessments) }
    };
    let bodies: Vec<Vec<u8>> = assessed.iter().map(body).collect();
    let first = sqlx::query_as!(
        WrittenAssessment,
        "insert into assessment (slot, declaration_id, version, customs_rules, quarantine_rules,
                                 customs_selected, quarantine_selected, made_time, body)
         select slot, declaration_id, version, customs_rules, quarantine_rules, customs_selected,
                quarantine_selected, $9, body
         from unnest($1::smallint[], $2::uuid[], $3::int[], $4::int[], $5::int[], $6::boolean[],
                     $7::boolean[], $8::bytea[])
              as given (slot, declaration_id, version, customs_rules, quarantine_rules,
                        customs_selected, quarantine_selected, body)
         on conflict do nothing returning declaration_id, version",
        &slots,
        &ids,
        &versions,
        &customs,
        &quarantine,
        &by(Agency::Customs),
        &by(Agency::Quarantine),
        &bodies,
        now
    )
    .fetch_all(tx)
    .await?;
    let key = |row: WrittenAssessment| {
        Ok((DeclarationId::from_uuid(row.declaration_id), column::number(row.version)?))
    };
    first.into_iter().map(key).collect()
}

/// An assessment that was written.
struct WrittenAssessment {
    declaration_id: Uuid,
    version: i32,
}

/// What was demanded, by declaration and version, of assessments that were made before.
pub(crate) async fn instructed(
    tx: &mut PgConnection,
    wanted: &BTreeSet<(DeclarationId, u32)>,
) -> Result<HashMap<(DeclarationId, u32), Vec<Instruction>>, Fault> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let slots: Vec<i16> = wanted.iter().map(|(id, _)| id.slot().column()).collect();
    let ids: Vec<Uuid> = wanted.iter().map(|(id, _)| id.uuid()).collect();
    let versions = wanted.iter().map(|(_, version)| column::integer(*version));
    let versions: Vec<i32> = versions.collect::<Result<_, _>>()?;
    let rows = sqlx::query!(
        "select a.declaration_id, a.version, a.body
         from unnest($1::smallint[], $2::uuid[], $3::int[]) as wanted (slot, id, version)
         join assessment a on a.slot = wanted.slot and a.declaration_id = wanted.id
                          and a.version = wanted.version",
        &slots,
        &ids,
        &versions
    )
    .fetch_all(tx)
    .await?;
    let read = |body: &[u8]| decode_instructions(body).map_err(|e| Fault::Broken(e.to_string()));
    rows.into_iter()
        .map(|row| {
            let version = column::number(row.version)?;
            let id = DeclarationId::from_uuid(row.declaration_id);
            Ok(((id, version), read(&row.body)?))
        })
        .collect()
}

/// Shipments so far, by declarant and heading.
pub(crate) type Shipments = HashMap<String, BTreeMap<String, u32>>;

/// Loads the shipments of these declarants.
pub(crate) async fn shipments(
    tx: &mut PgConnection,
    declarants: &BTreeSet<String>,
) -> Result<Shipments, Fault> {
    let (slots, codes): (Vec<i16>, Vec<String>) =
        declarants.iter().map(|d| (domain::Slot::of(d).column(), d.clone())).unzip();
    let rows = sqlx::query!(
        "select s.declarant_code, s.heading, s.count
         from unnest($1::smallint[], $2::text[]) as wanted (slot, code)
         join shipment s on s.slot = wanted.slot and s.declarant_code = wanted.code",
        &slots,
        &codes
    )
    .fetch_all(tx)
    .await?;
    let mut shipments = Shipments::new();
    for row in rows {
        // Rules tell the first few from the rest; more than fit are the rest.
        let count = u32::try_from(column::unsigned(row.count)?).unwrap_or(u32::MAX);
        shipments.entry(row.declarant_code).or_default().insert(row.heading, count);
    }
    Ok(shipments)
}
