//! The client's side of SCRAM (RFC 5802, RFC 7677), as Kafka speaks it (KIP-84): without channel binding, and with
//! passwords as they are, since Kafka hashes their UTF-8 without SASLprep.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Fewer iterations weaken the hash for whoever taps the wire (Kafka refuses them too); more would let a broker keep
/// a processor busy for minutes.
const ITERATIONS: std::ops::RangeInclusive<u32> = 4_096..=1_000_000;
/// A broker's message is a nonce, a salt and a number.
const MESSAGE_BYTES_MAX: usize = 4_096;
/// "n,,": no channel binding, no other identity; and its base64, which the last message repeats.
const HEADER: &str = "n,,";
const HEADER_BASE64: &str = "biws";

/// The hash functions of RFC 7677 and its successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScramHash {
    Sha256,
    Sha512,
}

impl ScramHash {
    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }

    fn hmac(self, key: &[u8], data: &[u8]) -> Zeroizing<Vec<u8>> {
        fn sign<M: Mac + hmac::digest::KeyInit>(key: &[u8], data: &[u8]) -> Vec<u8> {
            #[allow(clippy::expect_used, reason = "HMAC takes keys of every length")]
            let mut mac = <M as Mac>::new_from_slice(key).expect("a key of any length");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
        Zeroizing::new(match self {
            Self::Sha256 => sign::<Hmac<Sha256>>(key, data),
            Self::Sha512 => sign::<Hmac<Sha512>>(key, data),
        })
    }

    /// RFC 5802's `Hi`: what takes the time.
    pub(super) fn salted(self, password: &[u8], salt: &[u8], iterations: u32) -> Zeroizing<Vec<u8>> {
        match self {
            Self::Sha256 => {
                let mut key = Zeroizing::new(vec![0; 32]);
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut key);
                key
            }
            Self::Sha512 => {
                let mut key = Zeroizing::new(vec![0; 64]);
                pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, iterations, &mut key);
                key
            }
        }
    }
}

/// The first message was sent.
#[derive(Debug)]
pub(super) struct Begun {
    hash: ScramHash,
    nonce: String,
    bare: String,
}

/// The broker's challenge is in bounds; the password is to be hashed.
#[derive(Debug)]
pub(super) struct Challenged {
    hash: ScramHash,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    without_proof: String,
    auth_message: String,
}

/// Our proof was sent; the broker owes its own.
pub(super) struct Proved {
    signature: Zeroizing<Vec<u8>>,
}

impl Begun {
    /// Begins as `user` with a `nonce` that was never used before.
    pub(super) fn new(hash: ScramHash, user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        let bare = format!("n={user},r={nonce}");
        Self { hash, nonce, bare }
    }

    /// client-first-message.
    pub(super) fn message(&self) -> String {
        format!("{HEADER}{}", self.bare)
    }

    /// Reads server-first-message, and refuses what would cost time or safety.
    pub(super) fn challenged(self, message: &[u8]) -> Result<Challenged, String> {
        let text = readable(message)?;
        let mut attributes = text.split(',');
        let mut next = |name: &str| {
            let value = attributes.next().and_then(|attribute| attribute.strip_prefix(name)?.strip_prefix('='));
            value.ok_or_else(|| format!("its SCRAM challenge has no attribute '{name}' in its place"))
        };
        let (nonce, salt, iterations) = (next("r")?, next("s")?, next("i")?);
        if nonce.len() <= self.nonce.len() || !nonce.starts_with(&self.nonce) {
            return Err("its SCRAM nonce does not continue ours: this is another exchange's challenge".to_owned());
        }
        let salt = BASE64.decode(salt).map_err(|_| "its SCRAM salt is not base64".to_owned())?;
        let iterations =
            iterations.parse().ok().filter(|iterations| ITERATIONS.contains(iterations)).ok_or_else(|| {
                let (least, most) = ITERATIONS.into_inner();
                format!("it asks for {} SCRAM iterations; {least} to {most} are accepted", iterations.escape_debug())
            })?;
        let without_proof = format!("c={HEADER_BASE64},r={nonce}");
        let auth_message = format!("{},{text},{without_proof}", self.bare);
        Ok(Challenged { hash: self.hash, salt, iterations, without_proof, auth_message })
    }
}

impl Challenged {
    /// client-final-message, from the salted password.
    pub(super) fn proved(self, salted: &[u8]) -> (String, Proved) {
        let message = self.auth_message.as_bytes();
        let client_key = self.hash.hmac(salted, b"Client Key");
        let client_signature = self.hash.hmac(&self.hash.digest(&client_key), message);
        let proof: Zeroizing<Vec<u8>> =
            Zeroizing::new(client_key.iter().zip(client_signature.iter()).map(|(key, sign)| key ^ sign).collect());
        let server_key = self.hash.hmac(salted, b"Server Key");
        let signature = self.hash.hmac(&server_key, message);
        (format!("{},p={}", self.without_proof, BASE64.encode(&*proof)), Proved { signature })
    }
}

impl Proved {
    /// Reads server-final-message: the broker must prove that it knows the password, or it is somebody else.
    pub(super) fn complete(&self, message: &[u8]) -> Result<(), String> {
        let text = readable(message)?;
        let first = text.split(',').next().unwrap_or_default();
        if let Some(error) = first.strip_prefix("e=") {
            return Err(format!("the broker refuses: {}", error.escape_debug()));
        }
        let signature = first.strip_prefix("v=").and_then(|signature| BASE64.decode(signature).ok());
        let signature = signature.ok_or_else(|| "its last SCRAM message holds no signature".to_owned())?;
        // In constant time, or each wrong byte would take a little longer (CVE-2021-38153).
        if bool::from(signature.as_slice().ct_eq(&self.signature)) {
            Ok(())
        } else {
            Err("its SCRAM signature is wrong: it does not know the password".to_owned())
        }
    }
}

fn readable(message: &[u8]) -> Result<&str, String> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(format!("its SCRAM message of {} bytes is too long", message.len()));
    }
    std::str::from_utf8(message).map_err(|_| "its SCRAM message is not text".to_owned())
}

/// Reads `data` as a broker's challenge and as its last word. Hashing is left out: it is bounded by the challenge's check.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzzed(data: &[u8]) {
    let begun = || Begun::new(ScramHash::Sha256, "user", "nonce".to_owned());
    if let Ok(challenged) = begun().challenged(data) {
        let (_, proved) = challenged.proved(b"a salted password");
        assert!(proved.complete(data).is_err(), "a challenge is no proof");
    }
    let honest = begun().challenged(b"r=nonceserver,s=W22Z,i=4096").map(|challenged| challenged.proved(b"salted").1);
    assert!(honest.is_ok_and(|proved| proved.complete(data).is_err()), "nobody can know the signature");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7677 §3.
    const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
    const FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn begun() -> Begun {
        Begun::new(ScramHash::Sha256, "user", NONCE.to_owned())
    }

    fn proved() -> (String, Proved) {
        let challenged = begun().challenged(FIRST.as_bytes()).expect("the RFC's challenge");
        let salted = ScramHash::Sha256.salted(b"pencil", &challenged.salt, challenged.iterations);
        challenged.proved(&salted)
    }

    #[test]
    fn the_rfcs_exchange_is_spoken_word_for_word() {
        assert_eq!(begun().message(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let (message, proved) = proved();
        let expected = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                        p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
        assert_eq!(message, expected);
        assert_eq!(proved.complete(LAST.as_bytes()), Ok(()));
    }

    #[test]
    fn sha_512_is_spoken_as_well() {
        // Computed with Python's hashlib and hmac.
        let nonce = "fyko+d2lbbFgONRv9qkxdawL".to_owned();
        let begun = Begun::new(ScramHash::Sha512, "user", nonce);
        let first = "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096";
        let challenged = begun.challenged(first.as_bytes()).expect("a challenge");
        let salted = ScramHash::Sha512.salted(b"pencil", &challenged.salt, challenged.iterations);
        let (message, proved) = challenged.proved(&salted);
        assert_eq!(message, PROOF_512);
        assert_eq!(proved.complete(SIGNATURE_512.as_bytes()), Ok(()));
    }

    const PROOF_512: &str = "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=VdS8LkrURiej1tG6iX+fqCXQfUnBb//d9llXYaH+ylUbDwBUz9geyR9fC4TewskRUM2tlYSalhAT4Aay1Q5dTA==";
    const SIGNATURE_512: &str =
        "v=14PAAuavk9hxBEkgB0brDxUhvWu+N16meYk+qxVNFqchR8QPohM09Y4Z6WaTCuX4C6nqMB9KIJTDm6RpSM990g==";

    #[test]
    fn a_users_name_cannot_break_out_of_its_attribute() {
        let begun = Begun::new(ScramHash::Sha256, "a=b,r=c", "x".to_owned());
        assert_eq!(begun.message(), "n,,n=a=3Db=2Cr=3Dc,r=x");
    }

    #[test]
    fn a_challenge_out_of_bounds_is_refused_before_anything_is_hashed() {
        let long = format!("r={NONCE}x,s=W22Z,i=4096,{}", "x".repeat(5_000));
        for (first, says) in [
            (format!("r={NONCE}x,s=W22Z,i=4095"), "4095 SCRAM iterations"),
            (format!("r={NONCE}x,s=W22Z,i=1"), "1 SCRAM iterations"),
            (format!("r={NONCE}x,s=W22Z,i=1000001"), "1000001 SCRAM iterations"),
            (format!("r={NONCE}x,s=W22Z,i=4000000000"), "4000000000 SCRAM iterations"),
            (format!("r={NONCE}x,s=W22Z,i=40000000000000000000"), "SCRAM iterations"),
            (format!("r={NONCE}x,s=W22Z,i=-4096"), "-4096 SCRAM iterations"),
            (format!("r={NONCE},s=W22Z,i=4096"), "does not continue ours"),
            ("r=another,s=W22Z,i=4096".to_owned(), "does not continue ours"),
            (format!("r={NONCE}x,s=*,i=4096"), "not base64"),
            (format!("m=new,r={NONCE}x,s=W22Z,i=4096"), "no attribute 'r'"),
            (format!("r={NONCE}x,i=4096,s=W22Z"), "no attribute 's'"),
            (String::new(), "no attribute 'r'"),
            (long, "too long"),
        ] {
            let refused = begun().challenged(first.as_bytes()).map(drop).expect_err("out of bounds");
            assert!(refused.contains(says), "'{says}' is missing from: {refused}");
        }
        assert!(begun().challenged(&[0xff, 0xfe]).is_err());
    }

    #[test]
    fn a_broker_that_does_not_know_the_password_is_refused() {
        let (_, proved) = proved();
        let other = LAST.replace("6rri", "7rri");
        for (last, says) in [
            (other.as_str(), "signature is wrong"),
            ("v=", "signature is wrong"),
            ("v=*", "no signature"),
            ("", "no signature"),
            ("e=invalid-proof", "invalid-proof"),
        ] {
            let refused = proved.complete(last.as_bytes()).expect_err("not the RFC's signature");
            assert!(refused.contains(says), "'{says}' is missing from: {refused}");
        }
    }
}
