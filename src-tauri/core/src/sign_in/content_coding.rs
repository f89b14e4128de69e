//! Decodes the content codings of an answer, which may be compressed even if that was not asked for. A browser does
//! this before a page sees anything; this does the same and is just as lenient: a body that is not really compressed,
//! or is incomplete, is read as far as possible.

use std::io::{Error, ErrorKind, Read};

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use secrecy::zeroize::Zeroizing;
use url::Url;

/// The most nested codings that are decoded. An answer with more is an attempt to waste time.
const MOST: usize = 4;

/// The size of Brotli's read buffer.
const READ_AT_A_TIME: usize = 4096;

/// A content coding.
#[derive(Clone, Copy)]
enum Coding {
    Gzip,
    /// With zlib's header, as the standard requires, or without, as some servers do.
    Deflate,
    Brotli,
}

/// The `Accept-Encoding` for `url`, as `WebKit` and Chromium send it: Brotli only over TLS, because some proxies break
/// what they don't know.
pub(crate) fn accept_encoding(url: &Url) -> &'static str {
    if url.scheme() == "https" { "gzip, deflate, br" } else { "gzip, deflate" }
}

/// The decoded body, and whether it is longer than `longest` bytes. Fails with a sentence if the body claims to be
/// Brotli and is not, because a browser fails too.
pub(crate) fn decode_body(
    body: Zeroizing<Vec<u8>>,
    headers: &HeaderMap,
    longest: usize,
) -> Result<(Zeroizing<Vec<u8>>, bool), String> {
    let (mut body, mut is_cut) = (body, false);
    // The last coding in the header was applied last.
    for coding in parse_codings(headers).into_iter().rev() {
        if body.is_empty() {
            break;
        }
        let (decoded, goes_on) = coding.decompress_body(&body, longest)?;
        (body, is_cut) = (decoded.unwrap_or(body), is_cut || goes_on);
    }
    Ok((body, is_cut))
}

/// The codings in the order in which they were applied; none if one is unknown or there are too many.
fn parse_codings(headers: &HeaderMap) -> Vec<Coding> {
    let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let named: Option<Vec<Coding>> = values
        .flat_map(|value| value.split(','))
        .take(MOST + 1)
        .map(|name| Coding::from_name(name.trim()))
        .collect();
    named.filter(|codings| codings.len() <= MOST).unwrap_or_default()
}

impl Coding {
    /// <https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1>
    fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            _ => None,
        }
    }

    /// Decodes as much as possible, and says whether there is more after `longest` bytes. `None` if the body is not
    /// compressed, despite its header.
    fn decompress_body(self, body: &[u8], longest: usize) -> Result<(Option<DecodedBytes>, bool), String> {
        let read = match self {
            Self::Gzip => DecodedBody::read_limited(GzDecoder::new(body), longest),
            Self::Deflate => DecodedBody::read_limited(ZlibDecoder::new(body), longest).or_else(|| {
                // Almost any text can begin like a raw deflate stream, but few end like one.
                DecodedBody::read_limited(DeflateDecoder::new(body), longest)
                    .filter(|decoded| decoded.ended.is_ok())
            }),
            Self::Brotli => {
                let decoded = DecodedBody::read_limited(Decompressor::new(body, READ_AT_A_TIME), longest);
                return match decoded {
                    Some(decoded) => Ok((Some(decoded.bytes), decoded.is_cut)),
                    None => Err("its body is not compressed as it says (Content-Encoding: br)".into()),
                };
            }
        };
        Ok(read.map_or((None, false), |decoded| (Some(decoded.bytes), decoded.is_cut)))
    }
}

/// A decoded body; it may contain a token.
type DecodedBytes = Zeroizing<Vec<u8>>;

/// The result of a decoder.
struct DecodedBody {
    bytes: DecodedBytes,
    /// There is more than was asked for.
    is_cut: bool,
    ended: Result<(), Error>,
}

impl DecodedBody {
    /// Reads at most one byte more than `longest`. `None` if it fails at once for another reason than missing data.
    fn read_limited(decoder: impl Read, longest: usize) -> Option<Self> {
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = u64::try_from(longest).unwrap_or(u64::MAX).saturating_add(1);
        let ended = decoder.take(limit).read_to_end(&mut bytes).map(drop);
        if let Err(fault) = &ended
            && bytes.is_empty()
            && fault.kind() != ErrorKind::UnexpectedEof
        {
            return None;
        }
        let is_cut = bytes.len() > longest;
        bytes.truncate(longest);
        Some(Self { bytes, is_cut, ended })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use reqwest::header::HeaderValue;

    use super::*;

    /// `{"ok":true,"text":"to be or not to be"}`, compressed by the `brotli` program.
    const BROTLI: &[u8] = &[
        0x0b, 0x13, 0x80, 0x7b, 0x22, 0x6f, 0x6b, 0x22, 0x3a, 0x74, 0x72, 0x75, 0x65, 0x2c, 0x22, 0x74, 0x65,
        0x78, 0x74, 0x22, 0x3a, 0x22, 0x74, 0x6f, 0x20, 0x62, 0x65, 0x20, 0x6f, 0x72, 0x20, 0x6e, 0x6f, 0x74,
        0x20, 0x74, 0x6f, 0x20, 0x62, 0x65, 0x22, 0x7d, 0x03,
    ];
    const ANSWER: &[u8] = br#"{"ok":true,"text":"to be or not to be"}"#;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut to = GzEncoder::new(Vec::new(), Compression::best());
        to.write_all(bytes).and_then(|()| to.finish()).expect("it is compressed")
    }

    fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut to = ZlibEncoder::new(Vec::new(), Compression::best());
        to.write_all(bytes).and_then(|()| to.finish()).expect("it is compressed")
    }

    fn without_frame(bytes: &[u8]) -> Vec<u8> {
        let mut to = DeflateEncoder::new(Vec::new(), Compression::best());
        to.write_all(bytes).and_then(|()| to.finish()).expect("it is compressed")
    }

    fn decoded(body: &[u8], codings: &[&'static str], longest: usize) -> Result<(Vec<u8>, bool), String> {
        let values = codings.iter().map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding)));
        let (bytes, is_cut) = decode_body(Zeroizing::new(body.to_vec()), &values.collect(), longest)?;
        Ok((bytes.to_vec(), is_cut))
    }

    #[test]
    fn whatever_a_window_reads_is_read() {
        let twice = gzip(&zlib(ANSWER));
        let with_a_line_break = [gzip(ANSWER).as_slice(), b"\r\n"].concat();
        let without_its_end = &gzip(ANSWER)[..gzip(ANSWER).len() - 8];
        for (body, codings) in [
            (gzip(ANSWER).as_slice(), ["gzip"].as_slice()),
            (&gzip(ANSWER), &["X-GZip "]),
            (&zlib(ANSWER), &["deflate"]),
            (&without_frame(ANSWER), &["deflate"]),
            (BROTLI, &["br"]),
            (&twice, &["deflate, gzip"]),
            (&twice, &["deflate", "gzip"]),
            (&with_a_line_break, &["gzip"]),
            (without_its_end, &["gzip"]),
            // Declared as compressed, but is not.
            (ANSWER, &["gzip"]),
            (ANSWER, &["deflate"]),
            (ANSWER, &["identity"]),
            (ANSWER, &["none"]),
            (ANSWER, &[]),
        ] {
            assert_eq!(decoded(body, codings, 1000), Ok((ANSWER.to_vec(), false)), "{codings:?}");
        }
        for coding in ["gzip", "deflate", "br"] {
            assert_eq!(
                decoded(b"", &[coding], 1000),
                Ok((Vec::new(), false)),
                "{coding}, as a 302 may have it"
            );
        }
        assert!(decoded(ANSWER, &["br"], 1000).expect_err("a window does not load it").contains("br"));
        assert_eq!(decoded(b"\x28\xb5\x2f\xfd", &["zstd"], 9), Ok((b"\x28\xb5\x2f\xfd".to_vec(), false)));
    }

    #[test]
    fn what_breaks_off_is_read_as_far_as_it_goes() {
        let long: Vec<u8> = (0..40_000_u32).flat_map(|at| (at * at).to_string().into_bytes()).collect();
        for (half, coding) in [(gzip(&long), "gzip"), (zlib(&long), "deflate")] {
            let (read, is_cut) = decoded(&half[..half.len() / 2], &[coding], 1_000_000).expect("it is read");
            assert!(read.len() > 10_000 && long.starts_with(&read) && !is_cut, "{coding}: {}", read.len());
        }
    }

    #[test]
    fn a_small_body_cannot_become_a_large_one() {
        // 64 MiB of zeros in 64 kB, and that compressed again.
        let bomb = gzip(&vec![0; 64 << 20]);
        assert!(bomb.len() < 100_000);
        for (body, codings) in [
            (bomb.as_slice(), "gzip"),
            (&zlib(&bomb), "gzip, deflate"),
            (&gzip(&gzip(&bomb)), "gzip, gzip, gzip"),
        ] {
            let (read, is_cut) = decoded(body, &[codings], 5_000).expect("it is read");
            assert!(read.len() <= 5_000 && is_cut, "{codings}: {}", read.len());
        }
        let (kept, _) = decoded(&bomb, &["gzip, gzip, gzip, gzip, gzip"], 5_000).expect("it is left");
        assert_eq!(kept, bomb, "nobody compresses so often");
        assert_eq!(
            decoded(&gzip(ANSWER), &["gzip"], ANSWER.len()),
            Ok((ANSWER.to_vec(), false)),
            "as long as it may be"
        );
    }

    #[test]
    fn brotli_is_asked_for_over_tls_alone() {
        let url = |text: &str| text.parse::<Url>().expect("a URL");
        assert_eq!(accept_encoding(&url("https://app.example/")), "gzip, deflate, br");
        assert_eq!(accept_encoding(&url("http://localhost:3000/")), "gzip, deflate");
    }
}
