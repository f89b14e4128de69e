//! The application's access to its customers, in the same database file that the console reads.

use std::path::Path;

use sqlx::{
    FromRow, Row as _, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow},
};

use crate::error::{DemoError, Result};

/// A customer's account, as pages show it.
#[derive(Debug, Clone)]
pub(super) struct Customer {
    pub id: i64,
    pub email: String,
    pub full_name: Option<String>,
    pub plan: String,
    pub company_name: Option<String>,
    pub role: String,
    pub locale: String,
    pub created_at: String,
    pub last_login_at: Option<String>,
}

impl FromRow<'_, SqliteRow> for Customer {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            email: row.try_get("email")?,
            full_name: row.try_get("full_name")?,
            plan: row.try_get("plan")?,
            company_name: row.try_get("company_name")?,
            role: row.try_get("role")?,
            locale: row.try_get("locale")?,
            created_at: row.try_get("created_at")?,
            last_login_at: row.try_get("last_login_at")?,
        })
    }
}

impl Customer {
    /// The customer's name, or their email address if the name is blank.
    pub fn display_name(&self) -> &str {
        match &self.full_name {
            Some(name) if !name.trim().is_empty() => name,
            _ => &self.email,
        }
    }
}

/// How many colleagues a page lists at most.
const LISTED: u16 = 60;

pub(super) struct Customers(SqlitePool);

impl Customers {
    /// Opens the directory's file, which must exist.
    pub async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let pool = SqlitePoolOptions::new().max_connections(2).connect_with(options).await;
        pool.map(Self).map_err(|cause| {
            DemoError::new(format!(
                "The demo application could not open its customers in {}: {cause}",
                path.display()
            ))
            .with_hint("Remove that file; it is created again when the demo starts.")
        })
    }

    pub async fn find_by_id(&self, id: i64) -> sqlx::Result<Option<Customer>> {
        sqlx::query_as("SELECT * FROM users WHERE id = ?").bind(id).fetch_optional(&self.0).await
    }

    /// The members of this company, owner and admins first, and their total number.
    pub async fn list_colleagues(&self, company: &str) -> sqlx::Result<(Vec<Customer>, u32)> {
        let all = sqlx::query_scalar("SELECT count(*) FROM users WHERE company_name = ?")
            .bind(company)
            .fetch_one(&self.0)
            .await?;
        let listed = sqlx::query_as(
            "SELECT * FROM users WHERE company_name = ?
             ORDER BY CASE role WHEN 'owner' THEN 0 WHEN 'admin' THEN 1 ELSE 2 END, full_name, id LIMIT ?",
        )
        .bind(company)
        .bind(LISTED)
        .fetch_all(&self.0)
        .await?;
        Ok((listed, all))
    }

    /// The newest customers who have a company.
    pub async fn list_newest(&self, limit: usize) -> sqlx::Result<Vec<Customer>> {
        sqlx::query_as(
            "SELECT * FROM users WHERE company_name IS NOT NULL AND trim(full_name) <> ''
             ORDER BY created_at DESC, id DESC LIMIT ?",
        )
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.0)
        .await
    }

    pub async fn close(&self) {
        self.0.close().await;
    }
}
