//! Tables of frameworks and of people, and the roles that their columns get.

use super::*;

/// Parses `id* email created_at:time …`; a star marks the key.
fn guessed(columns: &str) -> Guess {
    let columns: Vec<FoundColumn> = columns
        .split_whitespace()
        .map(|column| {
            let (name, kind) = column.split_once(':').unwrap_or((column, "text"));
            let kind = match kind {
                "time" => FieldKind::Time,
                "int" => FieldKind::Integer,
                "bool" => FieldKind::Boolean,
                "json" => FieldKind::Json,
                _ => FieldKind::Text,
            };
            FoundColumn {
                name: name.trim_end_matches('*').to_owned(),
                kind,
                bytes: false,
                is_key: name.ends_with('*'),
                refers_to: None,
            }
        })
        .filter(|column| !crate::schema::secrets::holds_secret(&column.name, column.kind))
        .collect();
    Guess::from_columns(&columns)
}

/// One line: `id | email | name | created_at | columns | search`.
fn line(columns: &str) -> String {
    let guess = guessed(columns);
    let said = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        said(guess.id),
        said(guess.email),
        said(guess.name),
        said(guess.created_at),
        guess.columns.join(" "),
        guess.search.map_or_else(String::new, |search| search.join(" ")),
    ]
    .join(" | ")
}

#[test]
fn sequelize() {
    assert_eq!(
        line("id* email passwordHash fullName plan createdAt:time updatedAt:time deletedAt:time"),
        "id | email | fullName | createdAt | plan deletedAt | "
    );
}

#[test]
fn rails_with_devise() {
    assert_eq!(
        line(
            "id*:int email encrypted_password reset_password_token reset_password_sent_at:time \
             remember_created_at:time sign_in_count:int current_sign_in_at:time last_sign_in_at:time \
             unconfirmed_email confirmed_at:time name role created_at:time updated_at:time"
        ),
        "id | email | name | created_at | role last_sign_in_at | "
    );
}

#[test]
fn django() {
    assert_eq!(
        line(
            "id*:int password last_login:time is_superuser:bool username first_name last_name email is_staff:bool \
             is_active:bool date_joined:time"
        ),
        "id | email | username | date_joined | first_name last_name is_staff is_superuser is_active last_login | \
         email username first_name last_name"
    );
}

#[test]
fn laravel() {
    assert_eq!(
        line(
            "id*:int name email email_verified_at:time password remember_token created_at:time updated_at:time"
        ),
        "id | email | name | created_at |  | "
    );
}

#[test]
fn prisma_and_next_auth() {
    assert_eq!(
        line("id* name email emailVerified:time image role createdAt:time"),
        "id | email | name | createdAt | role | "
    );
}

#[test]
fn mongoose_and_meteor() {
    assert_eq!(
        line(
            "_id* email profile.name profile.avatar.name company.name createdAt:time services.password.bcrypt \
             services.resume.loginTokens"
        ),
        "_id | email | profile.name | createdAt | company.name | "
    );
    assert_eq!(
        line("_id* username emails.0.address emails.0.verified:bool profile.fullName createdAt:time __v:int"),
        "_id | emails.address | profile.fullName | createdAt |  | emails.address profile.fullName username"
    );
    assert_eq!(
        line("_id* name.first name.last contact.email created:time"),
        "_id | contact.email | name.first | created | name.last | contact.email name.first name.last"
    );
}

#[test]
fn wordpress() {
    assert_eq!(
        line(
            "ID*:int user_login user_pass user_nicename user_email user_url user_registered:time \
             user_activation_key user_status:int display_name"
        ),
        "ID | user_email | display_name | user_registered | user_status | user_email display_name user_login"
    );
}

#[test]
fn keycloak() {
    assert_eq!(
        line(
            "id* email email_constraint email_verified:bool enabled:bool federation_link first_name last_name \
             realm_id username created_timestamp:int service_account_client_link not_before:int"
        ),
        "id | email | username | created_timestamp | first_name last_name enabled | \
         email username first_name last_name"
    );
}

#[test]
fn homegrown_and_unusual_schemas() {
    assert_eq!(
        line("customer_no* E-Mail Kundenname created:time"),
        "customer_no | E-Mail | - | created |  | "
    );
    assert_eq!(
        line("user_id primary_contact_email backup_email is_email_confirmed:bool surname given_name"),
        "user_id | primary_contact_email | given_name | - | surname | primary_contact_email given_name surname"
    );
    assert_eq!(line("a b c"), "a | - | - | - |  | ", "a view has no key");
    assert_eq!(line("profile:json id* settings:json"), "id | - | - | - |  | ");
    assert_eq!(guessed(""), Guess::default());
}
