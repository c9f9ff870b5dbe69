//! The counters that LLVM puts at every edge of the instrumented code.

use std::sync::{Mutex, PoisonError};

/// A run of counters, as addresses: one for each part of the program that the linker put together.
type Region = (usize, usize);

static REGIONS: Mutex<Vec<Region>> = Mutex::new(Vec::new());

/// Called before `main`, once for each part, by constructors that LLVM's `sancov-module` pass adds.
#[unsafe(no_mangle)]
extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, end: *mut u8) {
    let mut regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let region = (start as usize, end as usize);
    if !regions.contains(&region) {
        regions.push(region);
    }
}

/// Which edges were ever taken, and about how often.
pub struct Coverage {
    regions: Vec<Region>,
    /// For each counter a bit for each magnitude that it has had.
    seen: Vec<u8>,
}

impl Coverage {
    /// Of nothing yet.
    pub fn new() -> Self {
        let regions = REGIONS.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let edges = regions.iter().map(|(start, end)| end - start).sum();
        Self { regions, seen: vec![0; edges] }
    }

    /// How many edges there are.
    pub fn edges(&self) -> usize {
        self.seen.len()
    }

    /// How many edges were taken.
    pub fn taken(&self) -> usize {
        self.seen.iter().filter(|seen| **seen != 0).count()
    }

    /// Runs `code`; whether it took an edge that none took before, or took one in a new order of magnitude.
    pub fn of(&mut self, code: impl FnOnce()) -> bool {
        for (start, end) in &self.regions {
            // SAFETY: a region that LLVM gave lives as long as the program. Other threads may increment a counter
            // meanwhile, which costs a count and nothing else.
            unsafe { (*start as *mut u8).write_bytes(0, end - start) };
        }
        code();
        let (mut is_new, mut seen) = (false, self.seen.as_mut_slice());
        for (start, end) in &self.regions {
            // SAFETY: as above; nothing writes to it while it is copied but such an increment.
            let counters = unsafe { std::slice::from_raw_parts(*start as *const u8, end - start) }.to_vec();
            let (of_region, rest) = std::mem::take(&mut seen).split_at_mut(counters.len());
            // Most edges were not taken: eight at once are passed over.
            for (counts, seen) in counters.chunks(8).zip(of_region.chunks_mut(8)) {
                if counts != [0; 8] {
                    is_new |= note(counts, seen);
                }
            }
            seen = rest;
        }
        is_new
    }
}

/// Notes the magnitudes of `counts`: 1, 2, 3, 4 to 7, 8 to 15, 16 to 31, 32 to 127, more, as AFL has it, so that loops
/// count. Whether one is new.
fn note(counts: &[u8], seen: &mut [u8]) -> bool {
    let mut is_new = false;
    for (count, seen) in counts.iter().zip(seen) {
        let magnitude = match count {
            0 => 0,
            1..=3 => 1 << (count - 1),
            4..=7 => 1 << 3,
            8..=15 => 1 << 4,
            16..=31 => 1 << 5,
            32..=127 => 1 << 6,
            _ => 1 << 7,
        };
        is_new |= *seen | magnitude != *seen;
        *seen |= magnitude;
    }
    is_new
}
