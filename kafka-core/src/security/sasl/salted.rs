use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

/// The last salted password: brokers give one user the same salt, so each further connection need not hash again.
#[derive(Clone, Default)]
pub(super) struct Salted(Arc<Mutex<Option<Known>>>);

struct Known {
    salt: Vec<u8>,
    iterations: u32,
    key: Zeroizing<Vec<u8>>,
}

impl Salted {
    /// The key for this salt, if it is the last one's.
    pub(super) fn get(&self, salt: &[u8], iterations: u32) -> Option<Zeroizing<Vec<u8>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|known| known.salt == salt && known.iterations == iterations).map(|k| k.key.clone())
    }

    /// Keeps `key` in the place of the last one.
    pub(super) fn keep(&self, salt: &[u8], iterations: u32, key: Zeroizing<Vec<u8>>) {
        let known = Known { salt: salt.to_vec(), iterations, key };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
    }
}
