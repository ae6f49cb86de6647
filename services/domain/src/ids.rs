//! Typed ids, and the slot that stands first in every key.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::limits::{NUMBERS_OF_DOOR_FROM, NUMBERS_PER_SLOT, NUMBERS_PER_SLOT_EXPORT};

/// Number of slots. Part of the stored format: it never changes.
pub const SLOTS: i16 = 256;

/// Where a declarant's rows live: a hash of the declarant's customs code, 0 to 255.
///
/// It is the first column of every key, so that the same tables can be spread over several servers
/// later. A transaction touches rows of its own slots only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot(u8);

impl Slot {
    /// The slot of a declarant's customs code. FNV-1a, folded to eight bits; stored data depends on it.
    pub fn of(customs_code: &str) -> Self {
        let hash = customs_code.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let folded = hash.to_le_bytes().into_iter().fold(0, |a, b| a ^ b);
        Self(folded)
    }

    /// The slot with this number, when it is one.
    pub fn new(number: u32) -> Option<Self> {
        u8::try_from(number).ok().map(Self)
    }

    /// As a database column.
    pub fn column(self) -> i16 {
        i16::from(self.0)
    }

    /// As one byte.
    pub fn byte(self) -> u8 {
        self.0
    }

    /// As a number on the wire.
    pub fn number(self) -> u32 {
        u32::from(self.0)
    }

    /// Every slot, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }
}

/// A declaration (一次申报). A UUIDv7 whose last byte is the slot, so that an id alone says where its
/// rows are. Its milliseconds are those of the time of filing, so that what was filed in a time is a range of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeclarationId(Uuid);

impl DeclarationId {
    /// Makes an id for a slot from a fresh UUIDv7.
    pub fn new(fresh: Uuid, slot: Slot) -> Self {
        let mut bytes = *fresh.as_bytes();
        bytes[15] = slot.0;
        Self(Uuid::from_bytes(bytes))
    }

    /// Makes an id for a declaration that is filed now, from a fresh UUIDv7 of whatever time. Of the same millisecond
    /// the one with the higher place comes later (4,096 of them; RFC 9562 section 6.2, method 1).
    pub fn filed(now: OffsetDateTime, place: u16, fresh: Uuid, slot: Slot) -> Self {
        let mut bytes = *fresh.as_bytes();
        bytes[..6].copy_from_slice(&milliseconds(now));
        let [high, low] = place.to_be_bytes();
        bytes[6] = (bytes[6] & 0xf0) | (high & 0x0f);
        bytes[7] = low;
        Self::new(Uuid::from_bytes(bytes), slot)
    }

    /// No declaration that was filed in this millisecond or later has a lesser id, and every one that was filed before
    /// it has.
    pub fn least_of(time: OffsetDateTime) -> Uuid {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&milliseconds(time));
        Uuid::from_bytes(bytes)
    }

    /// Every declaration that was filed before this time has a lesser id, and none that was filed in a later
    /// millisecond has.
    pub fn least_after(time: OffsetDateTime) -> Uuid {
        Self::least_of(time.saturating_add(Duration::milliseconds(1) - Duration::nanoseconds(1)))
    }

    /// An id that was made before.
    pub fn from_uuid(id: Uuid) -> Self {
        Self(id)
    }

    /// The slot of its rows.
    pub fn slot(self) -> Slot {
        Slot(self.0.as_bytes()[15])
    }

    /// The plain UUID.
    pub fn uuid(self) -> Uuid {
        self.0
    }

    /// Resource name on the wire.
    pub fn name(self) -> String {
        format!("declarations/{}", self.0)
    }

    /// Reads a resource name, with or without the collection in front.
    pub fn parse(name: &str) -> Option<Self> {
        let id = name.strip_prefix("declarations/").unwrap_or(name);
        Uuid::try_parse(id).ok().map(Self)
    }
}

/// Of the time since 1970, as UUIDv7 has them. What is before or after all of them is the first or the last.
fn milliseconds(time: OffsetDateTime) -> [u8; 6] {
    const LAST: i128 = (1 << 48) - 1;
    let count = (time.unix_timestamp_nanos().div_euclid(1_000_000)).clamp(0, LAST);
    let [.., a, b, c, d, e, f] = count.to_be_bytes();
    [a, b, c, d, e, f]
}

impl std::fmt::Display for DeclarationId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A request of a caller: made and kept by the caller, so that it can be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub Uuid);

/// A joint inspection order (一次查验).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderId(pub Uuid);

/// A release (一次放行). Its last byte is the slot of its declaration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReleaseId(pub Uuid);

impl ReleaseId {
    /// Makes an id for a slot from a fresh UUIDv7.
    pub fn new(fresh: Uuid, slot: Slot) -> Self {
        Self(DeclarationId::new(fresh, slot).uuid())
    }

    /// The slot of its declaration.
    pub fn slot(self) -> Slot {
        DeclarationId(self.0).slot()
    }
}

/// The slot that gave a preNo: B, eight digits of the day, nine of the serial. What the national door gave says
/// nothing of the declaration.
pub fn slot_of_pre_no(pre_no: &str) -> Option<Slot> {
    let digits = pre_no.strip_prefix('B').filter(|digits| digits.len() == 17)?;
    slot_of_serial(digits.get(8..)?, NUMBERS_PER_SLOT)
}

/// The slot of the declaration that has an invtNo: customs house, year, I or E, and the serial.
pub fn slot_of_invt_no(invt_no: &str) -> Option<Slot> {
    let serial = invt_no.get(9..)?;
    match (invt_no.get(8..9)?, serial.len()) {
        ("I", 9) => slot_of_serial(serial, NUMBERS_PER_SLOT),
        ("E", 11) => slot_of_serial(serial, NUMBERS_PER_SLOT_EXPORT),
        _ => None,
    }
}

/// The digits of a series are shared evenly among the slots.
fn slot_of_serial(serial: &str, share: i64) -> Option<Slot> {
    let serial: i64 = serial.parse().ok()?;
    Slot::new(u32::try_from(serial / share).ok()?)
}

/// Whether a preNo is one that the national door may give: B, eight digits of the day, nine of the serial, of
/// which the door has the second half of every slot's share ([`NUMBERS_OF_DOOR_FROM`] says why).
pub fn is_given_by_door(pre_no: &str) -> bool {
    let digits = pre_no.strip_prefix('B').filter(|digits| digits.len() == 17);
    let serial = digits.and_then(|digits| digits.get(8..)?.parse::<i64>().ok());
    serial.is_some_and(|serial| serial % NUMBERS_PER_SLOT >= NUMBERS_OF_DOOR_FROM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_stable_and_spread() {
        // Stored rows depend on these two values.
        assert_eq!(Slot::of("1105910159").number(), 77);
        assert_eq!(Slot::of("3702960001").number(), 109);
        let used: std::collections::HashSet<_> =
            (0..10_000).map(|n| Slot::of(&format!("37029{n:05}"))).collect();
        assert!(used.len() > 250, "only {} slots used by 10,000 firms", used.len());
    }

    #[test]
    fn what_was_filed_in_a_time_is_a_range_of_ids() {
        let slot = Slot::of("3702960001");
        let filed = |nanos: i64, place: u16, fresh: u128| {
            let now = OffsetDateTime::UNIX_EPOCH + Duration::nanoseconds(nanos);
            let fresh = uuid::Builder::from_random_bytes(fresh.to_be_bytes()).into_uuid();
            (now, DeclarationId::filed(now, place, fresh, slot))
        };
        const MILLISECOND: i64 = 1_000_000;
        let noon = 1_795_000_000_000 * MILLISECOND;
        for nanos in [0, 1, MILLISECOND - 1, MILLISECOND, noon, noon + 1, noon - 1] {
            let (now, id) = filed(nanos, 4_095, u128::MAX);
            assert_eq!(id.slot(), slot);
            assert!(id.uuid() >= DeclarationId::least_of(now), "{nanos}");
            assert!(id.uuid() < DeclarationId::least_after(now + Duration::nanoseconds(1)));
            let later = now + Duration::milliseconds(1);
            assert!(id.uuid() < DeclarationId::least_of(later), "{nanos}");
            let (_, least) = filed(nanos, 0, 0);
            assert!(least.uuid() >= DeclarationId::least_of(now), "{nanos}");
            assert!(least < id, "{nanos}: by its place, whatever is random");
        }
        let whole = OffsetDateTime::UNIX_EPOCH + Duration::nanoseconds(noon);
        assert_eq!(DeclarationId::least_after(whole), DeclarationId::least_of(whole));
        // Times that no clock shows are the ends.
        let beyond = time::macros::datetime!(9999-12-31 0:00 UTC);
        let before = time::macros::datetime!(1969-12-31 0:00 UTC);
        assert!(DeclarationId::least_of(before) < DeclarationId::least_of(beyond));
        assert_eq!(DeclarationId::least_of(before), Uuid::nil());
    }

    #[test]
    fn numbers_of_the_window_say_their_slot() {
        for slot in Slot::all() {
            let at = |share: i64, used: i64| i64::from(slot.column()) * share + used;
            for used in [0, 1, NUMBERS_PER_SLOT - 1] {
                let serial = at(NUMBERS_PER_SLOT, used);
                assert_eq!(slot_of_pre_no(&format!("B20261129{serial:09}")), Some(slot));
                assert_eq!(slot_of_invt_no(&format!("42202026I{serial:09}")), Some(slot));
            }
            let serial = at(NUMBERS_PER_SLOT_EXPORT, NUMBERS_PER_SLOT_EXPORT - 1);
            assert_eq!(slot_of_invt_no(&format!("42202026E{serial:011}")), Some(slot));
            assert_eq!(ReleaseId::new(Uuid::from_u128(7), slot).slot(), slot);
        }
        for none in
            ["", "B", "B2026112900000000x", "42202026I1", "42202026X000000001", "清单清单清单编号"]
        {
            assert_eq!((slot_of_pre_no(none), slot_of_invt_no(none)), (None, None), "{none}");
        }
    }

    #[test]
    fn an_id_carries_its_slot() {
        let slot = Slot::of("1105910159");
        let id = DeclarationId::new(Uuid::from_u128(7), slot);
        assert_eq!(id.slot(), slot);
        assert_eq!(DeclarationId::parse(&id.name()), Some(id));
    }
}
