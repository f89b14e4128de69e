//! A customer's invented books: plan, billing profiles and invoices. They are always the same for the same customer.

use jiff::{Span, civil::Date};
use serde::Serialize;

use super::customers::Customer;
use super::rng::SeededRng;

/// The billing profile whose VAT number is printed on invoices. A company has two, one of them incomplete: this is the
/// problem that an agent can find by signing in as the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Profile {
    /// Has the VAT number.
    HeadOffice,
    /// Created with the account; has no VAT number.
    Default,
}

impl Profile {
    /// The profile of a customer who never changed it: for a third, the one without a VAT number.
    pub fn first_of(customer: &Customer) -> Self {
        if customer.id % 3 == 0 { Self::Default } else { Self::HeadOffice }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "head_office" => Some(Self::HeadOffice),
            "default" => Some(Self::Default),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InvoiceStatus {
    Paid,
    Open,
    Overdue,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct Invoice {
    /// `2026-0007`.
    pub number: String,
    pub client: &'static str,
    pub issued: Date,
    pub due: Date,
    pub status: InvoiceStatus,
    pub lines: Vec<InvoiceLine>,
    /// In the smallest unit of the currency, like all amounts.
    pub net: u64,
    pub vat: u64,
    pub total: u64,
}

#[derive(Debug, Clone, Serialize)]
pub(super) struct InvoiceLine {
    pub what: &'static str,
    pub quantity: u64,
    pub each: u64,
    pub amount: u64,
}

/// Where the customer does business.
#[derive(Debug, Clone, Copy)]
pub(super) struct Market {
    country: &'static str,
    currency: &'static str,
    /// Digits after the decimal point.
    decimals: u8,
    /// The approximate value of ten euros.
    per_ten_euros: u64,
    pub vat_percent: u64,
}

const fn new_market(
    country: &'static str,
    currency: &'static str,
    decimals: u8,
    per_ten_euros: u64,
    vat_percent: u64,
) -> Market {
    Market { country, currency, decimals, per_ten_euros, vat_percent }
}

const MARKETS: [Market; 38] = [
    new_market("AE", "AED", 2, 40, 5),
    new_market("AR", "ARS", 0, 10_000, 21),
    new_market("AT", "EUR", 2, 10, 20),
    new_market("AU", "AUD", 2, 17, 10),
    new_market("BE", "EUR", 2, 10, 21),
    new_market("BR", "BRL", 2, 60, 17),
    new_market("CA", "CAD", 2, 15, 5),
    new_market("CH", "CHF", 2, 9, 8),
    new_market("CN", "CNY", 2, 80, 13),
    new_market("CO", "COP", 0, 45_000, 19),
    new_market("DE", "EUR", 2, 10, 19),
    new_market("DK", "DKK", 2, 75, 25),
    new_market("EG", "EGP", 2, 550, 14),
    new_market("ES", "EUR", 2, 10, 21),
    new_market("FI", "EUR", 2, 10, 25),
    new_market("FR", "EUR", 2, 10, 20),
    new_market("GB", "GBP", 2, 9, 20),
    new_market("GH", "GHS", 2, 130, 15),
    new_market("GR", "EUR", 2, 10, 24),
    new_market("IE", "EUR", 2, 10, 23),
    new_market("IL", "ILS", 2, 40, 18),
    new_market("IN", "INR", 2, 950, 18),
    new_market("IT", "EUR", 2, 10, 22),
    new_market("JP", "JPY", 0, 1600, 10),
    new_market("KE", "KES", 2, 1400, 16),
    new_market("KR", "KRW", 0, 15_000, 10),
    new_market("MA", "MAD", 2, 108, 20),
    new_market("MX", "MXN", 2, 210, 16),
    new_market("NG", "NGN", 0, 17_000, 8),
    new_market("NL", "EUR", 2, 10, 21),
    new_market("NO", "NOK", 2, 117, 25),
    new_market("PL", "PLN", 2, 43, 23),
    new_market("PT", "EUR", 2, 10, 23),
    new_market("SE", "SEK", 2, 113, 25),
    new_market("SG", "SGD", 2, 15, 9),
    new_market("TR", "TRY", 2, 400, 20),
    new_market("TW", "TWD", 0, 340, 5),
    new_market("UA", "UAH", 2, 450, 20),
];

/// For customers from elsewhere.
const ELSEWHERE: Market = new_market("US", "USD", 2, 11, 0);

impl Market {
    pub fn for_customer(customer: &Customer) -> Self {
        let country = customer.locale.rsplit('-').next().unwrap_or_default();
        MARKETS.into_iter().find(|market| market.country == country).unwrap_or(ELSEWHERE)
    }

    /// `12,480.00 SEK`.
    pub fn format_money(self, smallest: u64) -> String {
        let unit = 10_u64.pow(self.decimals.into());
        let whole = (smallest / unit).to_string();
        let mut text = String::new();
        for (n, digit) in whole.chars().enumerate() {
            if n > 0 && (whole.len() - n).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        let cents = match self.decimals {
            0 => String::new(),
            digits => format!(".{:0width$}", smallest % unit, width = digits.into()),
        };
        // A no-break space keeps the amount and its currency together.
        format!("{text}{cents}\u{a0}{}", self.currency)
    }

    /// Not in the format of any country, so that it is not a real one.
    pub fn vat_number(self, customer: &Customer) -> String {
        format!("{} 00 {:06} 00", self.country, customer.id.unsigned_abs() % 1_000_000)
    }
}

const CLIENTS: [&str; 16] = [
    "Bramble & Finch",
    "Café Meridian",
    "Oststern Apotheke",
    "Atelier Nuit Bleue",
    "Kestrel Rowing Club",
    "Hotel Miralunas",
    "Brygghus Nord",
    "Tallow Street Dental",
    "Librería Ocaso",
    "Pinecone Montessori",
    "Velo Kaiser",
    "Sunday Press",
    "Mori Ceramics",
    "Harbour Theatre",
    "Green Door Vets",
    "Osteria Vento",
];

const WORK: [(&str, u64); 10] = [
    ("Design, per day", 620),
    ("Workshop with your team", 1450),
    ("Delivery within the city", 38),
    ("Maintenance, monthly", 240),
    ("Consulting, per hour", 115),
    ("Printing and binding", 84),
    ("Installation on site", 390),
    ("Photography, half a day", 480),
    ("Translation, per page", 29),
    ("Express surcharge", 55),
];

/// The seats that the plan includes, enough for `used`.
pub(super) fn included_seats(plan: &str, used: u32) -> u32 {
    let step = match plan {
        "free" => 3,
        "team" => 10,
        "business" => 50,
        _ => 250,
    };
    used.max(1).div_ceil(step) * step
}

/// The last six months' invoices, newest first.
pub(super) fn list_invoices(customer: &Customer, today: Date) -> Vec<Invoice> {
    let market = Market::for_customer(customer);
    let mut chance = SeededRng::from(customer.id.unsigned_abs());
    let a_month = match customer.plan.as_str() {
        "free" => 1,
        "team" => 2,
        _ => 3,
    };
    let mut dated: Vec<Date> = (0..6)
        .flat_map(|month| (0..a_month).map(move |n| (month, n)))
        .filter_map(|(month, _)| {
            let day = i8::try_from(1 + chance.next_below(28)).expect("a day of a month");
            let first = today.first_of_month().checked_sub(Span::new().months(month)).ok()?;
            first.with().day(day).build().ok()
        })
        .filter(|date| *date <= today && created_by(customer, *date))
        .collect();
    dated.sort_unstable();
    let mut invoices: Vec<Invoice> = dated
        .into_iter()
        .zip(1..)
        .map(|(issued, n)| generate_invoice(&mut chance, market, issued, n, today))
        .collect();
    invoices.reverse();
    invoices
}

/// No one has invoices from before their account existed.
fn created_by(customer: &Customer, date: Date) -> bool {
    customer.created_at.get(..10).and_then(|day| day.parse::<Date>().ok()).is_some_and(|day| day <= date)
}

fn generate_invoice(chance: &mut SeededRng, market: Market, issued: Date, n: u32, today: Date) -> Invoice {
    let lines: Vec<InvoiceLine> = (0..=chance.next_below(3))
        .map(|_| {
            let (what, euros) = *chance.pick(&WORK);
            let quantity = 1 + chance.next_below(6);
            let each = euros * market.per_ten_euros / 10 * 10_u64.pow(market.decimals.into());
            InvoiceLine { what, quantity, each, amount: quantity * each }
        })
        .collect();
    let net = lines.iter().map(|line| line.amount).sum();
    let vat = net * market.vat_percent / 100;
    let due = issued.saturating_add(Span::new().days(30));
    // Clients pay within a month or so, some of them late.
    let paid = issued.saturating_add(Span::new().days(12 + chance.next_below(40).cast_signed()));
    let status = if paid <= today {
        InvoiceStatus::Paid
    } else if due < today {
        InvoiceStatus::Overdue
    } else {
        InvoiceStatus::Open
    };
    let client = chance.pick(&CLIENTS);
    let number = format!("{}-{n:04}", issued.year());
    Invoice { number, client, issued, due, status, lines, net, vat, total: net + vat }
}
