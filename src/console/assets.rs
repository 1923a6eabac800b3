//! The files that pages load. They are part of the program; no other site is asked for anything.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use sha2::{Digest, Sha256};

/// A file that pages load.
pub(super) struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

/// All files. `htmx.min.js` is htmx 2.0.11 (0BSD), as its authors publish it; a test knows its hash.
pub(super) const ASSETS: [Asset; 4] = [
    Asset {
        name: "console.css",
        content_type: "text/css; charset=utf-8",
        content: include_bytes!("assets/console.css"),
    },
    Asset {
        name: "console.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("assets/console.js"),
    },
    Asset {
        name: "htmx.min.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_bytes!("assets/htmx.min.js"),
    },
    Asset {
        name: "icon.svg",
        content_type: "image/svg+xml",
        content: include_bytes!("assets/icon.svg"),
    },
];

/// The hash of all files. It is part of their URLs, so a browser never mixes two versions.
pub(super) fn version() -> String {
    let mut digest = Sha256::new();
    ASSETS.iter().for_each(|asset| digest.update(asset.content));
    digest.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// Sends a file. `None` if there is no such file.
pub(super) fn response(name: &str) -> Option<HttpResponse> {
    let asset = ASSETS.iter().find(|asset| asset.name == name)?;
    let response = HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .body(asset.content);
    Some(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn htmx_is_as_its_authors_published_it() {
        let htmx = ASSETS.iter().find(|asset| asset.name == "htmx.min.js").unwrap();
        let hash: String =
            Sha256::digest(htmx.content).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717");
    }
}
