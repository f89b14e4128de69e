//! Related tables: users found by what belongs to them, and the records of a user. One story for every engine.

use std::sync::Arc;

use secrecy::SecretString;
use tokio_util::sync::CancellationToken;
use understudy_directory::{
    Directory, DirectoryCode, DirectoryConfig, FoundThrough, ListRequest, Page, PastedText, Place,
    RecordsRequest, RelatedTable, Row, Sort, Tier,
};

use crate::story::{query, search};

/// ID, name, email address, company, the company's ID.
pub const CUSTOMERS: [(i64, &str, &str, &str, i64); 5] = [
    (1, "Ada Ordway", "ada@acme.test", "Acme", 10),
    (2, "Bob Many", "bob@acme.test", "Acme", 10),
    (3, "Cleo One", "cleo@north.test", "North", 20),
    (4, "Dan None", "dan@north.test", "North", 20),
    (5, "ORD-8", "eve@north.test", "North", 20),
];

/// ID, name, number. No one works for the last one.
pub const COMPANIES: [(i64, &str, &str); 3] =
    [(10, "Acme Tools Ltd", "CO-0010"), (20, "North and Daughters", "CO-0020"), (30, "Empty", "CO-0030")];

/// A row of `orders`: ID, number, invoice, customer, the day it was made.
pub struct Order {
    pub id: i64,
    pub number: String,
    pub invoice: i64,
    pub customer: Option<i64>,
    pub day: i64,
}

/// Bob has 25 of them, Cleo one, no one two.
pub fn orders() -> Vec<Order> {
    let bobs = (0..25).map(|at| Order {
        id: 100 + at,
        number: format!("ORD-7000{at:02}"),
        invoice: 500 + at,
        customer: Some(2),
        // Not in the order of their IDs.
        day: 1 + (at * 7) % 25,
    });
    let others = [
        (200, "ORD-800016", 4711, Some(3)),
        (201, "ORD-900000", 4712, None),
        (202, "ORD-900001", 4713, Some(99)),
    ];
    let others = others.map(|(id, number, invoice, customer)| Order {
        id,
        number: number.into(),
        invoice,
        customer,
        day: 1,
    });
    bobs.chain(others).collect()
}

/// ID, code; and who is in which.
pub const TEAMS: [(i64, &str); 2] = [(70, "TEAM-NIGHT"), (71, "TEAM-DAY")];
pub const MEMBERSHIPS: [(i64, i64); 3] = [(70, 1), (70, 3), (71, 1)];

/// ID, serial number, the owner's address, an IBAN that no index finds.
pub const DEVICES: [(i64, &str, &str, &str); 4] = [
    (1, "SN 0042 A", "ada@acme.test", "DE02120300000000202051"),
    (2, "DE89370400440532013000", "cleo@north.test", "DE02500105170137075030"),
    (3, "SN 0043 B", "nobody@acme.test", "DE02100500000054540402"),
    (4, "+49305551234", "dan@north.test", "DE02300209000106531065"),
];

/// The tables, without types that differ between the SQL engines, and their rows.
pub fn script(text: &str, time: &str) -> String {
    let customers = CUSTOMERS.map(|(id, name, email, company, company_id)| {
        format!("({id}, '{name}', '{email}', '{company}', {company_id})")
    });
    let companies = COMPANIES.map(|(id, name, number)| format!("({id}, '{name}', '{number}')"));
    let teams = TEAMS.map(|(id, code)| format!("({id}, '{code}')"));
    let memberships = MEMBERSHIPS.map(|(team, customer)| format!("({team}, {customer})"));
    let orders: Vec<String> = orders()
        .iter()
        .map(|Order { id, number, invoice, customer, day }| {
            let customer = customer.map_or("NULL".to_owned(), |customer| customer.to_string());
            format!("({id}, '{number}', {invoice}, {customer}, '2026-01-{day:02} 00:00:00', 'note {id}')")
        })
        .collect();
    let devices = DEVICES.map(|(id, serial, owner, iban)| format!("({id}, '{serial}', '{owner}', '{iban}')"));
    format!(
        "CREATE TABLE customers (id int PRIMARY KEY, full_name {text}, email {text} UNIQUE, company {text},
             company_id int);
         CREATE TABLE teams (id int PRIMARY KEY, code {text});
         CREATE TABLE memberships (team_id int, customer_id int, PRIMARY KEY (team_id, customer_id));
         CREATE TABLE companies (id int PRIMARY KEY, name {text}, number {text});
         CREATE TABLE orders (id int PRIMARY KEY, number {text}, invoice int UNIQUE, customer_id int, made {time}, note {text});
         CREATE TABLE devices (id int PRIMARY KEY, serial {text}, owner {text}, iban {text});
         CREATE INDEX orders_customer ON orders (customer_id);
         CREATE INDEX devices_owner ON devices (owner);
         CREATE INDEX customers_company ON customers (company_id);
         CREATE INDEX teams_code ON teams (code);
         CREATE INDEX memberships_customer ON memberships (customer_id);
         CREATE INDEX companies_name ON companies (name);
         CREATE INDEX companies_number ON companies (number);
         INSERT INTO customers VALUES {};
         INSERT INTO companies VALUES {};
         INSERT INTO teams VALUES {};
         INSERT INTO memberships VALUES {};
         INSERT INTO orders VALUES {};
         INSERT INTO devices VALUES {};",
        customers.join(", "),
        companies.join(", "),
        teams.join(", "),
        memberships.join(", "),
        orders.join(", "),
        devices.join(", "),
    )
}

pub fn build_config(url: String, id: &str) -> DirectoryConfig {
    let own_id = (id != "id").then(|| id.to_owned());
    let orders = RelatedTable {
        label: "Order".into(),
        table: "orders".into(),
        user: "customer_id".into(),
        through: None,
        leads_to: None,
        id: own_id.clone(),
        created_at: Some("made".into()),
        identify: vec!["number".into(), "invoice".into()],
        describe: vec!["note".into()],
        url: Some("https://shop.acme.test/orders/{{ record.number }}".into()),
    };
    let devices = RelatedTable {
        label: "Device".into(),
        table: "devices".into(),
        user: "owner".into(),
        through: None,
        leads_to: Some("email".into()),
        id: own_id.clone(),
        created_at: None,
        identify: vec!["serial".into(), "iban".into()],
        describe: vec![],
        url: None,
    };
    let companies = RelatedTable {
        label: "Company".into(),
        table: "companies".into(),
        user: id.into(),
        through: None,
        leads_to: Some("company_id".into()),
        id: own_id.clone(),
        created_at: None,
        identify: vec!["name".into(), "number".into()],
        describe: vec![],
        url: None,
    };
    let teams = RelatedTable {
        label: "Team".into(),
        table: "teams".into(),
        user: "customer_id".into(),
        through: Some("memberships.team_id".into()),
        leads_to: None,
        id: own_id,
        created_at: None,
        identify: vec!["code".into()],
        describe: vec![],
        url: None,
    };
    DirectoryConfig {
        table: "customers".into(),
        id: id.into(),
        created_at: None,
        columns: vec!["company".into(), "company_id".into()],
        related: vec![orders, devices, companies, teams],
        ..crate::build_config(url)
    }
}

fn ids(page: &Page) -> Vec<&str> {
    page.rows.iter().map(|row| row.id.as_str()).collect()
}

fn through(label: &str, value: &str) -> FoundThrough {
    FoundThrough { label: label.into(), value: value.into() }
}

pub async fn told(config: &DirectoryConfig, password: Option<&str>) {
    let password = password.map(SecretString::from);
    let directory = understudy_directory::open(config, password.as_ref()).await.unwrap();
    a_record_leads_to_its_user(&*directory).await;
    filters_order_and_counts_hold(&*directory).await;
    records_are_listed_newest_first(&*directory).await;
    a_company_leads_to_its_people_and_back(&*directory).await;
    so_does_a_pasted_text(&*directory).await;
    so_does_a_team_through_its_memberships(&*directory).await;
    the_plan_says_which_index_is_missing(&*directory);
    directory.close().await;
    faults_are_named(config, password.as_ref()).await;
}

async fn a_record_leads_to_its_user(directory: &dyn Directory) {
    for (text, user, tier, reason) in [
        ("ORD-800016", "3", Tier::Related, through("Order", "ORD-800016")),
        ("ord-800016", "3", Tier::Related, through("Order", "ORD-800016")),
        ("#ORD-800016.", "3", Tier::Related, through("Order", "ORD-800016")),
        (
            "https://shop.acme.test/orders/ORD-800016?tab=1",
            "3",
            Tier::Related,
            through("Order", "ORD-800016"),
        ),
        ("4711", "3", Tier::Related, through("Order", "4711")),
        ("SN 0042 A", "1", Tier::Related, through("Device", "SN 0042 A")),
        ("DE89 3704 0044 0532 0130 00", "3", Tier::Related, through("Device", "DE89370400440532013000")),
        ("ORD-70001", "2", Tier::RelatedPrefix, through("Order", "ORD-700010")),
        ("SN 004", "1", Tier::RelatedPrefix, through("Device", "SN 0042 A")),
    ] {
        let page = search(directory, &query(text)).await;
        assert_eq!(ids(&page), [user], "{text}");
        assert_eq!((page.how.tier, page.rows[0].found_through.as_ref()), (tier, Some(&reason)), "{text}");
    }
    // A record of no one, of someone who is gone, too little of it, and a column without an index.
    for text in ["ORD-900000", "ORD-900001", "SN", "DE02120300000000202051"] {
        assert_eq!(ids(&search(directory, &query(text)).await), Vec::<&str>::new(), "{text}");
    }
    // What the users themselves hold is found as before.
    let page = search(directory, &query("bob")).await;
    assert_eq!((ids(&page), &page.rows[0].found_through), (vec!["2"], &None));
}

async fn filters_order_and_counts_hold(directory: &dyn Directory) {
    let page = search(directory, &query("ORD-800016 company:=North")).await;
    assert_eq!(ids(&page), ["3"]);
    assert!(search(directory, &query("ORD-800016 company:=Acme")).await.rows.is_empty());
    // By its beginning, each user is there once, whichever way they are found.
    let mut found: Vec<Row> = search(directory, &query("ORD-8")).await.rows;
    found.sort_by(|left, right| left.id.cmp(&right.id));
    assert_eq!(found.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["3", "5"]);
    let sort = Some(Sort { column: "full_name".into(), descending: true });
    let page = search(directory, &ListRequest { sort, ..query("ORD-8") }).await;
    assert_eq!(ids(&page), ["5", "3"]);

    // Page by page, the list is the same.
    let whole = search(directory, &query("ORD-")).await;
    let mut place = Place::Start;
    let mut paged = Vec::new();
    loop {
        let page = search(directory, &ListRequest { place, limit: 1, ..query("ORD-") }).await;
        paged.extend(page.rows);
        let Some(next) = page.next else { break };
        place = Place::After(next);
    }
    assert_eq!(paged, whole.rows);

    for (text, users) in [("ORD-800016", 1), ("ORD-900000", 0), ("ORD-8", 2)] {
        let count = directory.count_users(text, &CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, users, "{text}");
    }
}

async fn records(directory: &dyn Directory, user: &str, related: usize, place: Place, limit: u16) -> Page {
    let request = RecordsRequest { user: user.into(), related, place, limit };
    directory.list_records(&request, &CancellationToken::new()).await.unwrap()
}

async fn records_are_listed_newest_first(directory: &dyn Directory) {
    let info = directory.info();
    let orders_info = &info.related[0];
    assert_eq!((orders_info.label.as_str(), orders_info.opens), ("Order", true));
    assert_eq!(orders_info.columns[orders_info.leads_by].name, "customer_id");
    let number = orders_info.columns.iter().position(|column| column.name == "number").unwrap();

    let mut expected = orders();
    expected.retain(|order| order.customer == Some(2));
    expected.sort_by_key(|order| std::cmp::Reverse((order.day, order.id)));
    let mut place = Place::Start;
    let mut listed = Vec::new();
    loop {
        let page = records(directory, "2", 0, place, 10).await;
        assert_eq!(page.left_out, None);
        listed.extend(page.rows.iter().map(|row| row.cells[number].clone().unwrap()));
        let Some(next) = page.next else { break };
        place = Place::After(next);
    }
    assert_eq!(listed, expected.into_iter().map(|order| order.number).collect::<Vec<_>>());
    assert!(records(directory, "4", 0, Place::Start, 10).await.rows.is_empty());
    assert!(records(directory, "no one", 0, Place::Start, 10).await.rows.is_empty());
    // Through another column than the ID.
    assert_eq!(ids(&records(directory, "1", 1, Place::Start, 10).await), ["1"]);
    assert!(records(directory, "2", 1, Place::Start, 10).await.rows.is_empty());
    let request = RecordsRequest { user: "2".into(), related: 7, place: Place::Start, limit: 10 };
    let error = directory.list_records(&request, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::QueryInvalid);
}

async fn a_company_leads_to_its_people_and_back(directory: &dyn Directory) {
    for (text, people, value) in [
        ("Acme Tools Ltd", &["2", "1"][..], "Acme Tools Ltd"),
        ("CO-0020", &["5", "4", "3"], "CO-0020"),
        ("co-0010", &["2", "1"], "CO-0010"),
        ("CO-0030", &[], ""),
    ] {
        let page = search(directory, &query(text)).await;
        assert_eq!(ids(&page), people, "{text}");
        for row in &page.rows {
            assert_eq!(row.found_through, Some(through("Company", value)), "{text}");
        }
        let count = directory.count_users(text, &CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, people.len() as u64, "{text}");
    }
    // From page to page, and with a filter besides.
    let first = search(directory, &ListRequest { limit: 2, ..query("CO-0020") }).await;
    let place = Place::After(first.next.clone().expect("there is one more"));
    let second = search(directory, &ListRequest { limit: 2, place, ..query("CO-0020") }).await;
    assert_eq!((ids(&first), ids(&second)), (vec!["5", "4"], vec!["3"]));
    assert_eq!(ids(&search(directory, &query("CO-0020 full_name:Dan")).await), ["4"]);

    // Back: each of them has the company among their records, and its ID finds the others.
    let info = directory.info();
    let shared: Vec<bool> = info.related.iter().map(|table| table.shared).collect();
    assert_eq!(shared, [false, false, true, true]);
    let value_of =
        |related: usize| info.related[related].shared_value.map(|at| info.columns[at].name.as_str());
    assert_eq!([0, 1, 2, 3].map(value_of), [None, None, Some("company_id"), None]);
    for (user, id) in [("1", "10"), ("2", "10"), ("3", "20")] {
        let page = records(directory, user, 2, Place::Start, 10).await;
        assert_eq!(ids(&page), [id], "{user}");
    }
    assert_eq!(ids(&search(directory, &query("company_id:=10")).await), ["2", "1"]);
}

/// An email as it is pasted: from a stranger, with a date, an amount, a ticket and a parcel that are no one's.
const EMAIL: &str = "\
From: M. Stranger <stranger@elsewhere.test>
To: Support <support@shop.test>
Subject: Re: [Ticket #9981234] my order
Date: Mon, 12 Jan 2026 10:15:00 +0100

Hello,

I paid 1,249.50 EUR on 2026-01-12, but my order ord-800016 has not arrived.
The parcel is 1Z999AA10123456784.

Kind regards
M. Stranger
Tel. +49 (0)30 999 99 99

> On 11 Jan 2026 support@shop.test wrote:
> Your order ORD-700001 is on its way.
";

async fn so_does_a_pasted_text(directory: &dyn Directory) {
    let page = search(directory, &query(EMAIL)).await;
    assert_eq!((ids(&page), page.how.tier), (vec!["3"], Tier::Related));
    assert_eq!(page.rows[0].found_through, Some(through("Order", "ORD-800016")));
    let looked_for = [
        "stranger@elsewhere.test",
        "support@shop.test",
        "+49 (0)30 999 99 99",
        "ord-800016",
        "1Z999AA10123456784",
        "ORD-700001",
        "9981234",
    ];
    let looked_for = looked_for.map(str::to_owned).to_vec();
    let pasted = PastedText { taken: Some("ord-800016".into()), looked_for };
    assert_eq!(page.pasted.as_ref(), Some(&pasted));

    // By an address, by the number in the signature, by an ID, and in a single sentence.
    let by_address = EMAIL.replace("stranger@elsewhere.test", "Bob@acme.test");
    let by_phone = EMAIL.replace("999 99 99", "555-1234").replace("ord-800016", "ORD-900000");
    for (text, user, by, reason) in [
        (by_address.as_str(), "2", "Bob@acme.test", None),
        (&by_phone, "4", "+49 (0)30 555-1234", Some(through("Device", "+49305551234"))),
        ("My order ORD-800016 has not arrived", "3", "ORD-800016", Some(through("Order", "ORD-800016"))),
        (
            "Bank:\nDE89 3704 0044 0532 0130 00",
            "3",
            "DE89 3704 0044 0532 0130 00",
            Some(through("Device", "DE89370400440532013000")),
        ),
        ("See https://shop.acme.test/orders/4711/track\nThanks", "3", "4711", Some(through("Order", "4711"))),
    ] {
        let page = search(directory, &query(text)).await;
        let taken = page.pasted.as_ref().and_then(|pasted| pasted.taken.as_deref());
        assert_eq!((ids(&page), taken), (vec![user], Some(by)), "{text}");
        assert_eq!(page.rows[0].found_through, reason, "{text}");
        let count = directory.count_users(text, &CancellationToken::new()).await.unwrap();
        assert_eq!(count.users, 1, "{text}");
    }

    // Records of no one, the beginning of others, and a record where a filter makes it a search.
    for text in ["Where are ORD-900000,\nORD-900001 and ORD-70001?", "Where is SN 004?\nAnd ORD-8?"] {
        let page = search(directory, &query(text)).await;
        assert_eq!(ids(&page), Vec::<&str>::new(), "{text}");
        assert!(page.pasted.is_none_or(|pasted| pasted.taken.is_none()), "{text}");
    }
    let page = search(directory, &query("My order ORD-800016 has not arrived company:=North")).await;
    assert_eq!((ids(&page), &page.pasted), (vec![], &None));

    // Several people, page by page, from the end, and in an order.
    let text = "Hello,\nI work for CO-0020, and no one can sign in.";
    let first = search(directory, &ListRequest { limit: 2, ..query(text) }).await;
    let place = Place::After(first.next.clone().expect("there is one more"));
    let second = search(directory, &ListRequest { limit: 2, place, ..query(text) }).await;
    assert_eq!((ids(&first), ids(&second)), (vec!["5", "4"], vec!["3"]));
    let place = Place::Before(second.previous.clone().expect("there are two before"));
    assert_eq!(ids(&search(directory, &ListRequest { limit: 2, place, ..query(text) }).await), ["5", "4"]);
    let end = ListRequest { place: Place::End, ..query(text) };
    assert_eq!(ids(&search(directory, &end).await), ["5", "4", "3"]);
    let sort = Some(Sort { column: "full_name".into(), descending: true });
    assert_eq!(ids(&search(directory, &ListRequest { sort, ..query(text) }).await), ["5", "4", "3"]);
    let place = Place::After(first.next.expect("there is one more"));
    let other = ListRequest { place, ..query(EMAIL) };
    let error = directory.search_users(&other, &CancellationToken::new()).await.unwrap_err();
    assert_eq!(error.code, DirectoryCode::QueryInvalid);
}

async fn so_does_a_team_through_its_memberships(directory: &dyn Directory) {
    for (text, tier, people, code) in [
        ("TEAM-NIGHT", Tier::Related, &["3", "1"][..], "TEAM-NIGHT"),
        ("TEAM-DAY", Tier::Related, &["1"], "TEAM-DAY"),
        ("TEAM-NI", Tier::RelatedPrefix, &["3", "1"], "TEAM-NIGHT"),
    ] {
        let page = search(directory, &query(text)).await;
        assert_eq!((ids(&page), page.how.tier), (people.to_vec(), tier), "{text}");
        for row in &page.rows {
            assert_eq!(row.found_through, Some(through("Team", code)), "{text}");
        }
    }
    let page = records(directory, "1", 3, Place::Start, 1).await;
    assert_eq!(ids(&page), ["71"]);
    let page = records(directory, "1", 3, Place::After(page.next.expect("one more")), 1).await;
    assert_eq!((ids(&page), &page.next), (vec!["70"], &None));
    assert!(records(directory, "2", 3, Place::Start, 10).await.rows.is_empty());
}

fn the_plan_says_which_index_is_missing(directory: &dyn Directory) {
    let info = directory.info();
    let served = |column: &str| {
        let mut found = info.coverage.iter().filter(|service| service.column == column);
        found.next().unwrap_or_else(|| panic!("{column} is in the plan: {:?}", info.coverage))
    };
    for column in [
        "orders.number",
        "orders.invoice",
        "orders.customer_id",
        "devices.serial",
        "devices.owner",
        "companies.name",
        "companies.number",
        "company_id",
        "teams.code",
        "memberships.team_id",
        "memberships.customer_id",
    ] {
        assert!(served(column).index.is_some(), "{column}");
    }
    let missing = served("devices.iban");
    assert_eq!(missing.index, None);
    let advice = missing.advice.as_ref().unwrap();
    assert!(advice.contains("devices") && advice.contains("iban"), "{advice}");
}

async fn faults_are_named(config: &DirectoryConfig, password: Option<&SecretString>) {
    let change = |change: fn(&mut RelatedTable)| {
        let mut config = config.clone();
        change(&mut config.related[1]);
        config
    };
    for (config, code, message) in [
        (
            change(|devices| devices.identify[0] = "seriall".into()),
            DirectoryCode::Mismatch,
            "directory.related[1].identify[0]: devices has no column `seriall`. Did you mean `serial`?",
        ),
        (
            change(|devices| devices.user = "ownr".into()),
            DirectoryCode::Mismatch,
            "directory.related[1].user: devices has no column `ownr`. Did you mean `owner`?",
        ),
        (
            change(|devices| devices.table = "device".into()),
            DirectoryCode::Mismatch,
            "directory.related[1].table: the database has no table or view `device`. Did you mean `devices`?",
        ),
        (
            change(|devices| devices.through = Some("membership.id".into())),
            DirectoryCode::Mismatch,
            "directory.related[1].through: the database has no table or view `membership`. Did you mean `memberships`?",
        ),
        (
            change(|devices| {
                devices.through = Some("memberships.team".into());
                devices.user = "customer_id".into();
            }),
            DirectoryCode::Mismatch,
            "directory.related[1].through: memberships has no column `team`. Did you mean `team_id`?",
        ),
        (
            change(|devices| devices.leads_to = Some("mail".into())),
            DirectoryCode::ConfigInvalid,
            "directory.related[1].leads_to: the users have no column `mail` in this connection.",
        ),
    ] {
        let opened: Result<Arc<dyn Directory>, _> = understudy_directory::open(&config, password).await;
        let error = opened.err().expect("it is not opened");
        assert_eq!((error.code, error.message.as_str()), (code, message));
    }
}
