//! The one place of secrets: passwords (argon2id) and session tokens.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use base64::Engine as _;
use rand::TryRngCore as _;
use sha2::{Digest as _, Sha256};

/// Random bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], NoSecret> {
    let mut bytes = [0; N];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(|_| NoSecret)?;
    Ok(bytes)
}

/// The operating system gave no random bytes, or the hash could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no secret could be made")]
pub struct NoSecret;

/// The argon2id hash of a password in PHC form. Takes some 20 ms and 19 MiB on purpose.
pub(crate) fn hash_password(password: &str) -> Result<String, NoSecret> {
    let salt: [u8; 16] = random()?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| NoSecret)?;
    Ok(hash.to_string())
}

/// True when `password` belongs to `hash`.
pub(crate) fn password_fits(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

/// A new session token: 256 bits as URL-safe text.
pub(crate) fn token() -> Result<String, NoSecret> {
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random::<32>()?))
}

/// Letters and digits that are not mistaken for one another when read aloud or copied by hand.
const CODE_ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

/// A code of `N` characters that cannot be guessed and can be read aloud, such as the one printed on a report.
///
/// # Errors
/// [`NoSecret`] when the operating system gives no random bytes.
pub fn code<const N: usize>() -> Result<String, NoSecret> {
    Ok(random::<N>()?.map(|byte| char::from(CODE_ALPHABET[usize::from(byte & 31)])).iter().collect())
}

/// What is stored of a token.
pub(crate) fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}
