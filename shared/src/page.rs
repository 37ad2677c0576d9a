//! Keyset pages (E21, X14, AIP-158).
//!
//! A page token holds the sort key of the last row of a page and a digest that binds it to the call, the caller and
//! every other field of the request. It is not a secret and gives no right: a filter could say the same. So it needs
//! no key that replicas would have to share; the digest keeps a token from being used where it means nothing.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use crewup_proto::page::Paged;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorReason, Result},
    fields::Fields,
    id::UserId,
};

const DEFAULT: i32 = 25;
const MOST: i32 = 100;
const DIGEST: usize = 16;

/// One page asked for: how many rows, and after which sort key `K`.
#[derive(Debug)]
pub struct Page<K> {
    size: usize,
    binding: [u8; 32],
    /// The sort key of the last row before the page. None: the first page.
    pub after: Option<K>,
}

impl<K: Serialize + DeserializeOwned> Page<K> {
    /// Reads size and token of a request by `caller`.
    pub fn parse<R: Paged>(fields: &mut Fields, request: &R, caller: UserId) -> Result<Self> {
        let mut rest = request.clone();
        let (size, token) = rest.page();
        let (size, token) = (std::mem::take(size), std::mem::take(token));
        let mut binding = Sha256::new();
        binding.update(R::full_name());
        binding.update(caller.0);
        binding.update(rest.encode_to_vec());
        let binding: [u8; 32] = binding.finalize().into();

        fields.check("page_size", size >= 0, "must not be negative");
        let size = if size == 0 { DEFAULT } else { size.clamp(1, MOST) };
        let after = if token.is_empty() {
            None
        } else {
            let wrong = || Error::field(ErrorReason::InvalidPageToken, "page_token", "is not a token of this list");
            Some(open(&token, &binding).ok_or_else(wrong)?)
        };
        Ok(Self { size: usize::try_from(size).unwrap_or_default(), binding, after })
    }

    /// How many rows to read: one more than the page holds, which tells whether there is a next page.
    pub fn limit(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Cuts what was read to the page, and makes the token of the next one: empty on the last page.
    pub fn cut<T>(&self, mut rows: Vec<T>, key: impl Fn(&T) -> K) -> Result<(Vec<T>, String)> {
        let more = rows.len() > self.size;
        rows.truncate(self.size);
        let next = match rows.last().filter(|_| more) {
            Some(last) => seal(&key(last), &self.binding)?,
            None => String::new(),
        };
        Ok((rows, next))
    }
}

fn digest(binding: &[u8; 32], key: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(binding).chain_update(key).finalize().into()
}

fn seal<K: Serialize>(key: &K, binding: &[u8; 32]) -> Result<String> {
    let mut bytes = serde_json::to_vec(key).map_err(Error::internal)?;
    let digest = digest(binding, &bytes);
    bytes.extend_from_slice(&digest[..DIGEST]);
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn open<K: DeserializeOwned>(token: &str, binding: &[u8; 32]) -> Option<K> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (key, seal) = bytes.split_at_checked(bytes.len().checked_sub(DIGEST)?)?;
    (digest(binding, key)[..DIGEST] == *seal).then_some(())?;
    serde_json::from_slice(key).ok()
}
