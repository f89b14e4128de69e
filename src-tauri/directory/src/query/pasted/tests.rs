//! What is read from pasted texts, by example and for every text.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::query::stories::columns;

fn texts(text: &str) -> Vec<String> {
    find_candidates(text).into_iter().map(|candidate| candidate.text).collect()
}

fn kinds(text: &str) -> Vec<(CandidateKind, String)> {
    find_candidates(text).into_iter().map(|candidate| (candidate.kind, candidate.text)).collect()
}

#[test]
fn an_email_is_read_from_the_most_certain_to_the_least() {
    use CandidateKind::{Code, Email, Id, Link, Number, Phone};
    let text = "\
Reply-To: Ada Lovelace <ada@home.test>
From: \"Lovelace, Ada\" <ada@acme.test>
To: Support <support@shop.test>,
  sales@shop.test
Message-ID: <CAF123456@mail.elsewhere.test>
Subject: Re: [#9981234] Where is it?
Date: Mon, 12 Jan 2026 10:15:30 +0100

Hello, I paid 1,249.50 EUR (or $12345) on 2026-01-12 for 250ml of ink, 2x.
My order ORD-700016, invoice INV/2024/0012, is 302-1234567-1234567 at your partner.
See https://shop.test/users/4711?utm_source=mail. My account is 0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11
and my bank DE89 3704 0044 0532 0130 00. At 14:30:00 from 10.0.0.1.

Ada, +49 (0)30 5551234 / mobile: 0171-5551234, 555-123-4567
> On 11 Jan 2026 at 09:00, help@shop.test wrote:
> ORD-700001 is on its way.
";
    let expected = [
        (Email, "ada@home.test"),
        (Email, "ada@acme.test"),
        (Email, "help@shop.test"),
        (Email, "support@shop.test"),
        (Email, "sales@shop.test"),
        (Id, "0B5A2A3E-6F0E-4A56-9F3C-5D1A9F1F7C11"),
        (Phone, "+49 (0)30 5551234"),
        (Phone, "0171-5551234"),
        (Phone, "555-123-4567"),
        (Code, "ORD-700016"),
        (Code, "INV/2024/0012"),
        (Code, "302-1234567-1234567"),
        (Code, "DE89 3704 0044 0532 0130 00"),
        (Code, "ORD-700001"),
        (Number, "9981234"),
        (Link, "4711"),
    ];
    assert_eq!(kinds(text), expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn the_sender_is_known_in_any_kind_of_header() {
    for (text, first) in [
        ("Von: a@x.test\nAn: b@x.test\n\nc@x.test", "a@x.test"),
        ("To: b@x.test\nFrom: a@x.test", "a@x.test"),
        ("b@x.test\n> From: a@x.test", "a@x.test"),
        ("> b@x.test\n\na@x.test", "a@x.test"),
        ("Cc: b@x.test\n\nThanks, a@x.test", "a@x.test"),
        // The lines were lost, as in the search field.
        ("To: b@x.test Cc: c@x.test Subject: Hello From: A <a@x.test> Sent: today", "a@x.test"),
        ("To: b@x.test ↵ From: a@x.test", "a@x.test"),
        ("To: b@x.test ↵   c@x.test ↵ Hello, I am a@x.test", "a@x.test"),
    ] {
        assert_eq!(texts(text)[0], first, "{text}");
    }
    // No header: the word is in a sentence.
    assert_eq!(texts("I gave it\nback to: a@x.test\nb@x.test"), ["a@x.test", "b@x.test"]);
}

#[test]
fn addresses_and_links_are_read_as_they_are_written() {
    for (text, expected) in [
        ("(ada@acme.test),", &["ada@acme.test"][..]),
        ("E-Mail:ada.l+shop@mail.acme.test.", &["ada.l+shop@mail.acme.test"]),
        ("<mailto:ada%2Bshop@acme.test?subject=x>", &["ada+shop@acme.test"]),
        ("Ada<ada@acme.test>;Bob<bob@acme.test>", &["ada@acme.test", "bob@acme.test"]),
        ("zoë@münchen.test ADA@ACME.TEST ada@acme.test", &["zoë@münchen.test", "ADA@ACME.TEST"]),
        ("@ada 2 @ 5 a@b a@1.2 @x.test", &[]),
        ("[open](https://admin.acme.test/users/42/edit)", &["42"]),
        ("admin.acme.test/users/usr_8f3k", &["usr_8f3k"]),
        ("https://acme.test/about and/or e.g./x", &[]),
    ] {
        assert_eq!(texts(text), expected, "{text}");
    }
}

#[test]
fn numbers_are_told_from_dates_amounts_and_quantities() {
    for (text, expected) in [
        ("Nr.700016, Order#700017; (700018)", &["700016", "700017", "700018"][..]),
        ("2026-01-31 31.01.2026 31/01/26 1/2/2026 01.02.2026 12", &[]),
        ("12.50 1.234.567,89 1'234'567.00 EUR 12345 12345 EUR €12345 12345\u{a0}€", &[]),
        ("14:30:00 192.168.100.200 v1.20.30000 A4 B2B Covid-19 30min 250EUR 2nd 1234", &["Covid-19"]),
        (
            "usr_8f3k ABC12345 12345A 507f1f77bcf86cd799439011",
            &["507f1f77bcf86cd799439011", "usr_8f3k", "ABC12345", "12345A"],
        ),
        ("123456789012345678901", &[]),
    ] {
        assert_eq!(texts(text), expected, "{text}");
    }
    assert_eq!(texts(&"x1".repeat(51)), Vec::<String>::new());
}

#[test]
fn an_iban_ends_where_its_check_digits_fit() {
    for (text, expected) in [
        ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFF", &["DE89370400440532013000"][..]),
        ("ES91 2100 0418 4502 0005 1332 THANKS", &["ES9121000418450200051332"]),
        ("GB29NWBK60161331926819.", &["GB29NWBK60161331926819"]),
        // One digit is wrong.
        ("DE88 3704 0044 0532 0130 00", &[]),
    ] {
        let found = find_candidates(text);
        let compact: Vec<&str> = found.iter().map(|candidate| candidate.spellings[0].as_str()).collect();
        assert_eq!(compact, expected, "{text}");
    }
}

#[test]
fn a_telephone_number_is_spelled_as_it_may_be_stored() {
    for (text, expected) in [
        ("call +49 (0)30 555-1234 now", &["+49305551234", "49305551234", "+49 (0)30 555-1234"][..]),
        ("Tel.:030/5551234", &["0305551234", "030/5551234"]),
        ("Tel +1\u{a0}(555) 123-4567", &["+15551234567", "15551234567", "+1 (555) 123-4567"]),
        ("(030) 555 12 34", &["0305551234", "(030) 555 12 34"]),
    ] {
        let found = find_candidates(text);
        let [phone] = &found[..] else { panic!("{text}: {found:?}") };
        assert_eq!(phone.kind, CandidateKind::Phone, "{text}");
        assert_eq!(phone.spellings, expected, "{text}");
    }
    assert_eq!(
        texts("030 5551234  0171 5551234, +49 30 1 / +49 171 5551234"),
        ["030 5551234", "0171 5551234", "+49 171 5551234",]
    );
}

#[test]
fn many_candidates_of_a_kind_leave_room_for_others() {
    let addresses: Vec<String> = (0..100).map(|at| format!("user{at}@acme.test, ")).collect();
    let numbers: Vec<String> = (0..100).map(|at| format!("9000{at:02} ")).collect();
    let found = find_candidates(&format!("To: {}\n{}\nORD-700016", addresses.concat(), numbers.concat()));
    let of_kind = |kind| found.iter().filter(|candidate| candidate.kind == kind).count();
    assert_eq!(
        [CandidateKind::Email, CandidateKind::Code, CandidateKind::Number].map(of_kind),
        [OF_A_KIND, 1, OF_A_KIND]
    );
}

#[test]
fn only_what_no_one_would_type_is_a_pasted_text() {
    use TextKind::{Pasted, Search, Sentence};
    let long = "a".repeat(SEARCH_CHARS + 1);
    for (text, expected) in [
        ("", Search),
        ("anna schmidt acme", Search),
        ("  anna\n", Search),
        ("\"anna maria von der tann\"", Search),
        ("plan:pro company:\"North Star\" created:>2026-01 active:yes anna maria von schmidt acme", Search),
        ("anna\nplan:pro", Search),
        ("DE89 3704 0044 0532 0130 00", Sentence),
        ("My order ORD-700016 has not arrived", Sentence),
        ("1 2 3 4 5 6 7 8", Sentence),
        ("1 2 3 4 5 6 7 8 9", Pasted),
        ("Name: Ada\nOrder: 700016", Pasted),
        ("Ada ↵ 700016", Pasted),
        (&long[1..], Search),
        (&long, Pasted),
        (&format!("plan:pro {long}"), Pasted),
    ] {
        assert_eq!(classify_text(text, &columns()), expected, "{text}");
    }
}

/// Texts of what candidates consist of, in any order.
fn dense_text() -> impl Strategy<Value = String> {
    let bits = [
        "@",
        ".",
        "a",
        "Z9",
        "-",
        "/",
        "+",
        "(0)",
        "(",
        ")",
        "030",
        "5551234",
        "DE89",
        " 3704",
        "\n",
        " ",
        "  ",
        ">",
        "From:",
        "To: ",
        "https://",
        "x.test/",
        "mailto:",
        "%",
        "ä",
        "😀",
        "\u{a0}",
        "\0",
        "↵",
        "ORD-",
        "€",
        ":",
        ",",
        "2026-01-31",
        "0b5a2a3e-6f0e-4a56-9f3c-5d1a9f1f7c11",
    ];
    prop::collection::vec(prop::sample::select(bits.to_vec()), 0..40).prop_map(|bits| bits.concat())
}

proptest! {
    #[test]
    fn candidates_are_few_different_ordered_and_in_the_text(text in prop_oneof![dense_text(), ".*"]) {
        let found = find_candidates(&text);
        prop_assert!(found.len() <= CANDIDATES);
        prop_assert!(found.is_sorted_by_key(|candidate| candidate.kind));
        let mut known = HashSet::new();
        for candidate in &found {
            let Candidate { kind, span, text: shown, spellings } = candidate;
            prop_assert!(known.insert(spellings[0].to_lowercase()));
            prop_assert!(spellings.iter().all(|spelling| !spelling.is_empty() && spelling.chars().count() <= 200));
            let there = text.get(span.clone()).expect("a span of characters");
            let is_decoded = *kind == CandidateKind::Link || there.to_lowercase().starts_with("mailto:");
            prop_assert!(is_decoded || there.replace('\u{a0}', " ") == *shown, "{there:?} {shown:?}");
            // Two of them share nothing, unless one link has both.
            let shares = |other: &&Candidate| other.span.start < span.end && span.start < other.span.end;
            let of_a_link = |other: &&Candidate| other.kind == CandidateKind::Link && other.span == *span;
            prop_assert!(found.iter().filter(shares).all(|other| other == candidate || of_a_link(&other)));
        }
    }

    #[test]
    fn a_candidate_is_found_in_any_words(
        before in "[a-z ,]{0,40}", after in "[a-z ,]{0,40}",
        code in "[A-Z]{2,4}-[0-9]{4,8}",
    ) {
        let text = format!("{before} {code}, {after}");
        prop_assert_eq!(texts(&text), [code]);
    }
}

/// A quadratic step would take minutes for each of these.
#[test]
fn the_longest_texts_are_read_at_once() {
    let started = Instant::now();
    for bit in [
        "a",
        "@",
        "a@",
        "a@b.c",
        "(",
        "((0",
        "0 ",
        "+",
        "A",
        "AB12 ",
        "/",
        "-",
        "a/",
        "> ",
        "To: ",
        "\n",
        " ",
        "\"",
        "1.",
        "https://",
        "https://x.test/1/",
        "x.y/",
        "9000 ",
        "ORD-1234 ",
        "ä",
        "↵",
        "plan:",
        ":",
    ] {
        let text: String = bit.chars().cycle().take(PASTED_CHARS).collect();
        assert!(find_candidates(&text).len() <= CANDIDATES);
        assert_eq!(classify_text(&text, &columns()), TextKind::Pasted, "{bit}");
    }
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
}
