//! A picture of what is visible in a page, by WebKit itself, so that no other window is ever in it.

use std::fmt::Write;

use gtk::{cairo, gdk_pixbuf, gio, glib};
use webkit2gtk::{
    SnapshotOptions, SnapshotRegion, UserContentInjectedFrames, UserContentManagerExt, UserStyleLevel,
    UserStyleSheet, WebViewExt,
};
use wry::{WebView, WebViewExtUnix};

use super::super::evidence::RawPicture;
use super::messages::WORLD;

/// Nothing of the element is painted but a grey area in its place: not its text, nor what is in it, nor an image.
const PAINTED_OVER: &str = "color: transparent !important; -webkit-text-fill-color: transparent !important; \
    -webkit-text-stroke: 0 !important; text-shadow: none !important; text-decoration: none !important; \
    caret-color: transparent !important; fill: transparent !important; stroke: transparent !important; \
    background: #8a8f98 !important; border-color: #8a8f98 !important; border-image: none !important; \
    box-shadow: none !important; outline: none !important; object-position: -99999px 0 !important; \
    -webkit-appearance: none !important;";

/// Takes the picture, and passes it on or says why there is none. Passwords, and what `masks` choose, are painted over by
/// a style sheet of the user's, which a page cannot override. If a selector means nothing to the engine, there is no
/// picture.
pub fn take_picture(
    page: &WebView,
    masks: &[String],
    done: impl FnOnce(Result<RawPicture, String>) + 'static,
) {
    let view = page.webview();
    let selectors = serde_json::to_string(masks).unwrap_or_default();
    let check = format!("{selectors}.map((selector) => document.querySelector(selector) ? 1 : 0).length");
    let sheet = write_sheet(masks);
    view.clone().evaluate_javascript(&check, Some(WORLD), None, gio::Cancellable::NONE, move |checked| {
        match checked {
            Ok(_) => paint(&view, &sheet, done),
            Err(error) => {
                done(Err(format!("A selector of `policy.mask` is not understood: {}.", error.message())));
            }
        }
    });
}

fn paint(view: &webkit2gtk::WebView, sheet: &str, done: impl FnOnce(Result<RawPicture, String>) + 'static) {
    let Some(manager) = view.user_content_manager() else {
        return done(Err("The window has no styles to paint over with.".into()));
    };
    let sheet =
        UserStyleSheet::new(sheet, UserContentInjectedFrames::AllFrames, UserStyleLevel::User, &[], &[]);
    manager.add_style_sheet(&sheet);
    // Both reach the web process in this order, and it lays out before it paints.
    view.snapshot(SnapshotRegion::Visible, SnapshotOptions::NONE, gio::Cancellable::NONE, move |painted| {
        manager.remove_style_sheet(&sheet);
        done(painted.map_err(|error| error.message().to_owned()).and_then(read_points));
    });
}

fn write_sheet(masks: &[String]) -> String {
    let mut sheet = String::new();
    for mask in masks.iter().map(String::as_str).chain(["input[type=password]"]) {
        // One rule for each: an engine drops a rule as a whole.
        let _ = write!(
            sheet,
            ":is({mask}) {{ {PAINTED_OVER} }}\n\
             :is({mask}) *, :is({mask})::before, :is({mask})::after, :is({mask})::placeholder, \
             :is({mask}):is(iframe, embed, object) {{ visibility: hidden !important; color: transparent !important; \
             content: none !important; background: none !important; }}\n",
        );
    }
    sheet
}

fn read_points(surface: cairo::Surface) -> Result<RawPicture, String> {
    let image =
        cairo::ImageSurface::try_from(surface).map_err(|_| "The picture is in no memory.".to_owned())?;
    let (width, height) = (image.width(), image.height());
    let size = |length: i32| usize::try_from(length).unwrap_or_default();
    let (columns, stride) = (size(width), size(image.stride()));
    let mut rgb = Vec::with_capacity(columns * size(height) * 3);
    image
        .with_data(|data| {
            for row in data.chunks_exact(stride.max(1)).take(size(height)) {
                for point in row[..columns * 4].chunks_exact(4) {
                    let value = u32::from_ne_bytes([point[0], point[1], point[2], point[3]]);
                    let [_, red, green, blue] = value.to_be_bytes();
                    rgb.extend([red, green, blue]);
                }
            }
        })
        .map_err(|error| error.to_string())?;
    Ok(RawPicture { width, height, rgb })
}

/// The picture as a PNG file.
pub fn encode_picture(raw: RawPicture) -> Result<Vec<u8>, String> {
    let RawPicture { width, height, rgb } = raw;
    if rgb.is_empty() {
        return Err("The window shows nothing.".into());
    }
    let bytes = glib::Bytes::from_owned(rgb);
    let picture = gdk_pixbuf::Pixbuf::from_bytes(
        &bytes,
        gdk_pixbuf::Colorspace::Rgb,
        false,
        8,
        width,
        height,
        width * 3,
    );
    picture.save_to_bufferv("png", &[("compression", "2")]).map_err(|error| error.message().to_owned())
}
