//! Inputs made of other inputs.

/// No input is longer; all are short enough that reading one takes no time to speak of.
const BYTES_MAX: usize = 1 << 16;
/// Values that are limits somewhere.
const EDGES: [u8; 8] = [0, 1, 2, 0x10, 0x7f, 0x80, 0xfe, 0xff];

/// SplitMix64: a printed seed repeats its decisions.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % end.max(1)
    }
}

/// One of `corpus`, changed in one to sixteen places.
pub fn mutated(corpus: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let chosen = random.below(corpus.len());
    let mut input = corpus.get(chosen).cloned().unwrap_or_default();
    for _ in 0..1 << random.below(5) {
        change(&mut input, corpus, random);
        input.truncate(BYTES_MAX);
    }
    input
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], random: &mut Random) {
    let at = random.below(input.len() + 1);
    let edge = EDGES[random.below(EDGES.len())];
    let any = u8::try_from(random.below(256)).unwrap_or_default();
    match random.below(11) {
        0 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = edge),
        1 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = any),
        2 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << (any & 7)),
        3 => input.iter_mut().skip(at).take(1).for_each(|byte| *byte = byte.wrapping_add(any % 17).wrapping_sub(8)),
        4 => input.iter_mut().skip(at).take(4).for_each(|byte| *byte = edge),
        5 => input.insert(at, any),
        6 => input.truncate(at),
        7 => drop(input.splice(at..at, std::iter::repeat_n(edge, usize::from(any)))),
        8 => drop(input.drain(at..input.len().min(at + usize::from(any % 16)))),
        9 => {
            let end = input.len().min(at + usize::from(any));
            let again = input[at..end].to_vec();
            drop(input.splice(at..at, again));
        }
        _ => {
            let other = random.below(corpus.len());
            let tail = corpus.get(other).and_then(|other| other.get(at..)).unwrap_or_default();
            input.truncate(at);
            input.extend_from_slice(tail);
        }
    }
}
