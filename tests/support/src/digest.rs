//! The server's side of HTTP Digest (RFC 7616, MD5): its question, and whether an answer proves the password.

use md5::{Digest as _, Md5};

/// Lets in one user of one realm.
#[derive(Debug, Clone, Copy)]
pub struct DigestGuard {
    pub realm: &'static str,
    pub user: &'static str,
    pub password: &'static str,
}

impl DigestGuard {
    /// The value of a `WWW-Authenticate` header.
    pub fn challenge(&self) -> String {
        format!("Digest realm=\"{}\", qop=\"auth\", algorithm=MD5, nonce=\"of-{}\"", self.realm, self.realm)
    }

    /// Whether the `Authorization` of a request for `target`, a path with its query, proves the password.
    pub fn accepts(&self, authorization: Option<&str>, method: &str, target: &str) -> bool {
        let Some(sent) = authorization.and_then(|it| it.strip_prefix("Digest ")) else { return false };
        let param = |name: &str| {
            let found =
                sent.split(", ").filter_map(|param| param.split_once('=')).find(|(known, _)| *known == name);
            found.map(|(_, value)| value.trim_matches('"')).unwrap_or_default()
        };
        let secret = hash(&format!("{}:{}:{}", self.user, self.realm, self.password));
        let asked = hash(&format!("{method}:{target}"));
        let (count, cnonce) = (param("nc"), param("cnonce"));
        let proof = hash(&format!("{secret}:of-{}:{count}:{cnonce}:auth:{asked}", self.realm));
        param("username") == self.user && param("uri") == target && param("response") == proof
    }
}

fn hash(text: &str) -> String {
    Md5::digest(text).iter().fold(String::new(), |text, byte| text + format!("{byte:02x}").as_str())
}
