//! Pages of a list: where one begins, how many are on it, and the token of the next one, which only the same
//! caller with the same filter can use.

use std::fmt::Debug;

use domain::limits;
use domain::refusal::{Code, Refusal};
use uuid::Uuid;

use crate::token::{Token, TokenKey};
use crate::{Fault, ServiceError};

/// A page of a list, for one caller and one filter.
#[derive(Debug)]
pub struct Page {
    token: Token,
    /// The last key of the page before.
    after: Option<Vec<u8>>,
    size: usize,
}

impl Page {
    /// The page of so many that a token begins, or the first one without a token; of the usual size when
    /// none is asked for. `filter` has the name of the list and everything that it is filtered by.
    ///
    /// # Errors
    ///
    /// [`Code::PageTokenForeign`] when the token was not made for this caller and this filter, and
    /// [`Code::NumberOutOfRange`] for less than nothing.
    pub fn of(
        tokens: &TokenKey,
        caller: &str,
        filter: impl Debug,
        (size, token): (i32, &str),
    ) -> Result<Self, ServiceError> {
        let size = match size {
            0 => limits::PAGE_DEFAULT,
            size => size.min(limits::PAGE_MAX),
        };
        let negative = || Refusal::of(Code::NumberOutOfRange).with("field", "page_size");
        let size = usize::try_from(size).map_err(|_| negative())?;
        let (given, token) = (token, tokens.of(caller, filter)?);
        let after = match given {
            "" => None,
            given => Some(token.read(given).ok_or_else(foreign)?),
        };
        Ok(Self { token, after, size })
    }

    /// How many are read: one more says whether there is another page.
    pub fn count(&self) -> i64 {
        // The longest page is short.
        i64::try_from(self.size).map_or(i64::MAX, |size| size + 1)
    }

    /// Of what is listed newest first, by ids that rise with time: the id before which the page begins.
    ///
    /// # Errors
    ///
    /// [`Code::PageTokenForeign`] when the token holds no id.
    pub fn before(&self) -> Result<Uuid, Refusal> {
        let Some(after) = &self.after else { return Ok(Uuid::max()) };
        Uuid::from_slice(after).map_err(|_| foreign())
    }

    /// Of what is listed by a text: the one after which the page begins.
    ///
    /// # Errors
    ///
    /// [`Code::PageTokenForeign`] when the token holds no text.
    pub fn after(&self) -> Result<&str, Refusal> {
        let Some(after) = &self.after else { return Ok("") };
        std::str::from_utf8(after).map_err(|_| foreign())
    }

    /// What is on the page of what was read, and the token of the next one; empty when there is none. `key`
    /// is what the list is ordered by.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the system gives no random bytes.
    pub fn cut<T, K: AsRef<[u8]>>(
        &self,
        mut found: Vec<T>,
        key: impl Fn(&T) -> K,
    ) -> Result<(Vec<T>, String), Fault> {
        let more = found.len() > self.size;
        found.truncate(self.size);
        match found.last() {
            Some(last) if more => {
                let next = self.token.write(key(last).as_ref())?;
                Ok((found, next))
            }
            Some(_) | None => Ok((found, String::new())),
        }
    }
}

fn foreign() -> Refusal {
    Refusal::of(Code::PageTokenForeign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(filter: &str, size: i32, token: &str) -> Result<Page, ServiceError> {
        Page::of(&TokenKey::new(&[7; 32]), "firm a", filter, (size, token))
    }

    /// A list of ids, newest first, read page by page.
    fn read(all: &[Uuid], size: i32) -> Vec<Vec<Uuid>> {
        let (mut pages, mut token) = (Vec::new(), String::new());
        loop {
            let page = page("list", size, &token).expect("its own token");
            let before = page.before().expect("an id");
            let count = usize::try_from(page.count()).expect("not below zero");
            let found = all.iter().copied().filter(|id| *id < before).take(count).collect();
            let (found, next) = page.cut(found, |id| *id.as_bytes()).expect("random bytes");
            pages.push(found);
            if next.is_empty() {
                return pages;
            }
            token = next;
        }
    }

    #[test]
    fn pages_have_everything_once_and_none_is_empty() {
        for count in 0..=7_u128 {
            let all: Vec<Uuid> = (1..=count).rev().map(Uuid::from_u128).collect();
            for size in 1..=8 {
                let pages = read(&all, size);
                assert_eq!(pages.concat(), all, "{count} in pages of {size}");
                assert!(count == 0 || pages.iter().all(|page| !page.is_empty()));
            }
        }
    }

    #[test]
    fn a_page_is_as_long_as_it_may_be() {
        let count = |size| page("list", size, "").map(|page| page.count()).ok();
        assert_eq!(count(0), Some(i64::from(limits::PAGE_DEFAULT) + 1));
        assert_eq!(count(i32::MAX), Some(i64::from(limits::PAGE_MAX) + 1));
        assert_eq!(count(3), Some(4));
        assert_eq!(count(-1), None);
    }

    #[test]
    fn a_token_of_another_list_or_key_is_refused() {
        let own = page("list", 1, "").expect("the first");
        let (_, token) = own.cut(vec!["a", "b"], |it| *it).expect("random bytes");
        assert_eq!(page("list", 1, &token).expect("its own").after().ok(), Some("a"));
        assert!(page("list", 1, &token).expect("its own").before().is_err(), "no id");
        for (what, refused) in
            [("a filter", page("other", 1, &token)), ("rubbish", page("list", 1, "AAAA"))]
        {
            let code = match refused.err() {
                Some(ServiceError::Refused(refusal)) => Some(refusal.code),
                Some(ServiceError::Fault(_)) | None => None,
            };
            assert_eq!(code, Some(Code::PageTokenForeign), "{what}");
        }
    }
}
