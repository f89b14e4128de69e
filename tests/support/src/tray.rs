//! The tray of a desktop, as other programs see it over D-Bus: it hears of icons (`StatusNotifierItem`,
//! <https://www.freedesktop.org/wiki/Specifications/StatusNotifierItem/>), reads their menus and chooses in them
//! (`com.canonical.dbusmenu`).

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use zbus::message::Header;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use crate::wait::{PATIENCE, until};

const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// Is there until it is dropped.
pub struct Tray {
    icon: watch::Receiver<Option<Icon>>,
    connection: zbus::Connection,
}

/// Where an icon is: the name of its program on the bus, and its object.
#[derive(Clone, Debug)]
struct Icon {
    program: String,
    object: String,
}

struct Watcher(watch::Sender<Option<Icon>>);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    #[allow(clippy::needless_pass_by_value, reason = "the shape zbus wants")]
    fn register_status_notifier_item(&self, object: &str, #[zbus(header)] header: Header<'_>) {
        let program = header.sender().map(ToString::to_string).unwrap_or_default();
        self.0.send_replace(Some(Icon { program, object: object.to_owned() }));
    }

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        // There is one, which makes the watcher worth talking to.
        !self.0.is_closed()
    }
}

/// A line of an icon's menu.
#[derive(Clone, Debug)]
struct Line {
    number: i32,
    /// `-` for a separator.
    label: String,
}

impl Tray {
    /// Joins the session bus at this address.
    pub async fn start(bus: &str) -> Result<Self> {
        let (told, icon) = watch::channel(None);
        let connection = zbus::connection::Builder::address(bus)?
            .serve_at("/StatusNotifierWatcher", Watcher(told))?
            .name("org.kde.StatusNotifierWatcher")?
            .build()
            .await?;
        Ok(Self { icon, connection })
    }

    /// Returns once the icon is shown, or hidden.
    pub async fn wait_until_shown(&self, shown: bool) -> Result<()> {
        let wanted = if shown { "Active" } else { "Passive" };
        until(&format!("an icon that is {wanted}"), async || {
            Ok((String::try_from(self.property("Status").await?)? == wanted).then_some(()))
        })
        .await
    }

    /// Whether there has been an icon yet.
    pub fn has_icon(&self) -> bool {
        self.icon.borrow().is_some()
    }

    /// Waits until the lines of the icon's menu are these; `-` is a separator.
    pub async fn wait_for_menu(&self, expected: &[&str]) -> Result<()> {
        let mut last = Vec::new();
        let waited = until("the icon's menu", async || {
            last = self.lines().await?.into_iter().map(|line| line.label).collect();
            Ok((last == expected).then_some(()))
        })
        .await;
        waited.with_context(|| format!("expected {expected:?}, the menu says {last:?}"))
    }

    /// Chooses the line that begins with this label.
    pub async fn choose(&self, label: &str) -> Result<()> {
        let lines = self.lines().await?;
        let line = lines.iter().find(|line| line.label.starts_with(label));
        let line = line.with_context(|| format!("no line {label:?} among {lines:?}"))?;
        let (icon, menu) = (self.icon().await?, self.menu().await?);
        let event = (line.number, "clicked", Value::from(0_i32), 0_u32);
        self.connection.call_method(Some(icon.program), menu, Some(MENU), "Event", &event).await?;
        Ok(())
    }

    async fn lines(&self) -> Result<Vec<Line>> {
        let (icon, menu) = (self.icon().await?, self.menu().await?);
        let all = (0_i32, -1_i32, Vec::<&str>::new());
        let answer =
            self.connection.call_method(Some(icon.program), menu, Some(MENU), "GetLayout", &all).await?;
        let body = answer.body();
        let (_revision, (_, _, lines)): (u32, RawLine) = body.deserialize()?;
        lines.iter().map(read_line).collect()
    }

    async fn menu(&self) -> Result<OwnedObjectPath> {
        Ok(self.property("Menu").await?.try_into()?)
    }

    async fn property(&self, name: &str) -> Result<OwnedValue> {
        let Icon { program, object } = self.icon().await?;
        let properties = Some("org.freedesktop.DBus.Properties");
        let answer =
            self.connection.call_method(Some(program), object, properties, "Get", &(ITEM, name)).await?;
        Ok(answer.body().deserialize()?)
    }

    /// The latest icon, once there is one.
    async fn icon(&self) -> Result<Icon> {
        let mut icon = self.icon.clone();
        let icon = tokio::time::timeout(PATIENCE, icon.wait_for(Option::is_some)).await;
        icon.context("no icon was announced")??.clone().context("there is one")
    }
}

/// A line's number, its properties, and the lines below it.
type RawLine = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

fn read_line(line: &OwnedValue) -> Result<Line> {
    let Value::Structure(line) = &**line else { bail!("not a line: {line:?}") };
    let [Value::I32(number), Value::Dict(properties), _] = line.fields() else {
        bail!("not a line: {line:?}")
    };
    let properties: HashMap<String, OwnedValue> = properties.try_clone()?.try_into()?;
    let text = |name: &str| -> Result<String> {
        let value = properties.get(name).map(OwnedValue::try_clone).transpose()?;
        Ok(value.map(String::try_from).transpose()?.unwrap_or_default())
    };
    // One underscore marks a key, two are one.
    let label = if text("type")? == "separator" { "-".into() } else { text("label")?.replace("__", "_") };
    Ok(Line { number: *number, label })
}
