//! Pictures of a page, of what is visible and of all of it, by WebKit itself, so that no other window is ever in them.

use std::fmt::Write;

use gtk::{cairo, gdk_pixbuf, gio, glib};
use javascriptcore::ValueExt;
use secrecy::ExposeSecret;
use secrecy::zeroize::Zeroizing;
use understudy_core::evidence::PictureMasks;
use webkit2gtk::{
    SnapshotOptions, SnapshotRegion, UserContentInjectedFrames, UserContentManagerExt, UserStyleLevel,
    UserStyleSheet, WebViewExt,
};
use wry::{WebView, WebViewExtUnix};

use super::super::evidence::{PaintedPage, RawPicture};
use super::messages::WORLD;

/// Nothing of the element is painted but a grey area in its place: not its text, nor what is in it, nor an image.
const PAINTED_OVER: &str = "color: transparent !important; -webkit-text-fill-color: transparent !important; \
    -webkit-text-stroke: 0 !important; text-shadow: none !important; text-decoration: none !important; \
    caret-color: transparent !important; fill: transparent !important; stroke: transparent !important; \
    background: #8a8f98 !important; border-color: #8a8f98 !important; border-image: none !important; \
    box-shadow: none !important; outline: none !important; object-position: -99999px 0 !important; \
    -webkit-appearance: none !important;";

/// The most points of a picture of the whole page: 16,000 at a width of 1,000. Each takes eleven bytes on the way.
const MOST_POINTS: u64 = 16_000_000;
/// The longest side of such a picture, in points: no canvas is larger everywhere.
const LONGEST_SIDE: u64 = 16_000;

/// Marks the elements that show one of the values, measures the page, and takes the marks away again.
const MARKER: &str = include_str!("mark_values.js");
/// The marks, as a selector.
const MARKED: &str = "[data-understudy-masked]";

/// Takes the pictures, and passes them on or says why there are none. Passwords, and what `masks` choose, are painted
/// over by a style sheet of the user's, which a page cannot override. If a selector means nothing to the engine, there
/// are no pictures.
pub fn take_pictures(
    page: &WebView,
    masks: &PictureMasks,
    done: impl FnOnce(Result<PaintedPage, String>) + 'static,
) {
    let view = page.webview();
    let selectors = serde_json::to_string(&masks.selectors).unwrap_or_default();
    let values: Vec<&str> = masks.values.iter().map(ExposeSecret::expose_secret).collect();
    let values = Zeroizing::new(serde_json::to_string(&values).unwrap_or_default());
    // In a world of our own, a page can neither replace what measures it nor see what is looked for.
    let check = Zeroizing::new(format!(
        "{selectors}.forEach((selector) => document.querySelector(selector));\
         ({MARKER})({});\
         (({{ scrollWidth, scrollHeight }}) => JSON.stringify([scrollWidth, scrollHeight, innerWidth, innerHeight, \
         devicePixelRatio].map(Math.ceil)))(document.scrollingElement ?? document.documentElement)",
        *values
    ));
    let sheet = write_sheet(&masks.selectors);
    let unmark = view.clone();
    let done = move |painted| {
        let unmarking = format!("({MARKER})([])");
        unmark.evaluate_javascript(&unmarking, Some(WORLD), None, gio::Cancellable::NONE, |_| {});
        done(painted);
    };
    view.clone().evaluate_javascript(&check, Some(WORLD), None, gio::Cancellable::NONE, move |checked| {
        match checked {
            Ok(measured) => paint(&view, &sheet, judge_size(&measured.to_str()), done),
            Err(error) => {
                done(Err(format!("A selector of `policy.mask` is not understood: {}.", error.message())));
            }
        }
    });
}

/// Whether a picture of the whole page shows more than what is visible, by what was measured: the page's width and
/// height, the window's, and how many points there are for each. An error says why there can be none.
fn judge_size(measured: &str) -> Option<Result<(), String>> {
    let [width, height, window_width, window_height, scale]: [u64; 5] =
        serde_json::from_str(measured).ok()?;
    if width <= window_width && height <= window_height {
        return None;
    }
    let (width, height) = (width.saturating_mul(scale), height.saturating_mul(scale));
    Some(check_size(width, height))
}

/// `width` and `height` are in points.
fn check_size(width: u64, height: u64) -> Result<(), String> {
    if width.max(height) > LONGEST_SIDE || width.saturating_mul(height) > MOST_POINTS {
        return Err(format!("The whole page is too large for a picture: {width} × {height} points."));
    }
    Ok(())
}

fn paint(
    view: &webkit2gtk::WebView,
    sheet: &str,
    whole: Option<Result<(), String>>,
    done: impl FnOnce(Result<PaintedPage, String>) + 'static,
) {
    let Some(manager) = view.user_content_manager() else {
        return done(Err("The window has no styles to paint over with.".into()));
    };
    let sheet =
        UserStyleSheet::new(sheet, UserContentInjectedFrames::AllFrames, UserStyleLevel::User, &[], &[]);
    manager.add_style_sheet(&sheet);
    let finish = move |painted| {
        manager.remove_style_sheet(&sheet);
        done(painted);
    };
    // Both reach the web process in this order, and it lays out before it paints.
    let then = view.clone();
    snapshot(view, SnapshotRegion::Visible, move |visible| match (visible, whole) {
        (Err(why), _) => finish(Err(why)),
        (Ok(visible), Some(Ok(()))) => snapshot(&then, SnapshotRegion::FullDocument, move |whole| {
            finish(Ok(PaintedPage { visible, whole: Some(whole) }));
        }),
        (Ok(visible), other) => {
            finish(Ok(PaintedPage { visible, whole: other.and_then(Result::err).map(Err) }));
        }
    });
}

fn snapshot(
    view: &webkit2gtk::WebView,
    region: SnapshotRegion,
    done: impl FnOnce(Result<RawPicture, String>) + 'static,
) {
    view.snapshot(region, SnapshotOptions::NONE, gio::Cancellable::NONE, move |painted| {
        let is_whole = region == SnapshotRegion::FullDocument;
        done(
            painted
                .map_err(|error| error.message().to_owned())
                .and_then(|surface| read_points(surface, is_whole)),
        );
    });
}

fn write_sheet(selectors: &[String]) -> String {
    let mut sheet = String::new();
    for mask in selectors.iter().map(String::as_str).chain(["input[type=password]", MARKED]) {
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

/// A page may have grown since it was measured, so the size of a whole one is looked at again.
fn read_points(surface: cairo::Surface, is_whole: bool) -> Result<RawPicture, String> {
    let image =
        cairo::ImageSurface::try_from(surface).map_err(|_| "The picture is in no memory.".to_owned())?;
    let (width, height) = (image.width(), image.height());
    if is_whole {
        check_size(u64::from(width.unsigned_abs()), u64::from(height.unsigned_abs()))?;
    }
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

#[cfg(test)]
mod tests {
    use super::judge_size;

    #[test]
    fn the_whole_page_is_painted_if_it_is_larger_than_the_window_and_not_too_large() {
        assert_eq!(judge_size("[1280,800,1280,800,1]"), None);
        assert_eq!(judge_size("[1280,5498,1280,800,1]"), Some(Ok(())));
        assert_eq!(judge_size("[1300,800,1280,800,2]"), Some(Ok(())));
        for too_large in ["[1280,16001,1280,800,1]", "[1280,5498,1280,800,3]", "[90000,90000,1280,800,1]"] {
            assert!(matches!(judge_size(too_large), Some(Err(_))), "{too_large}");
        }
        assert_eq!(judge_size("nothing that was measured"), None);
    }
}
