//! Certificates that media present to management points, without building the media.

use super::{Environment, Request, render};
use crate::error::{Error, Result};
use crate::format::certificate::Certificate;
use crate::inputs::Inputs;
use crate::manifest::{Loaded, Rendered};
use crate::problem::Problems;
use crate::resolve::Resolver;
use crate::resolve::secrets::Secrets;

/// Returns the certificate of the only medium that manifests make for the selected sites. `None` if there are errors,
/// which are added to `problems`.
///
/// A self-signed certificate uses the key in the manifest, or the one in the cache, which is created if necessary.
///
/// # Errors
///
/// If a manifest can't be read, makes no medium or several, or makes one without a certificate.
pub fn certificate(
    request: &Request,
    environment: &Environment,
    secrets: Secrets,
    problems: &mut Problems,
) -> Result<Option<Certificate>> {
    let loaded = render(request, problems, &mut Inputs::default())?;
    if problems.has_errors() {
        return Ok(None);
    }
    let media: Vec<&Rendered> = loaded.iter().flat_map(media).collect();
    let rendered = match media[..] {
        [rendered] => rendered,
        [] => return Err(Error::new("no manifest makes a medium").help("give a manifest that makes a medium")),
        [first, ..] => {
            let site = first.site.as_deref().unwrap_or("BER");
            return Err(Error::new(format!("there are {} media, each with its own certificate", media.len()))
                .help(format!("choose one, such as with `--site {site}`")));
        }
    };
    let mut resolver = Resolver::new(secrets);
    resolver.use_clock(environment.clock);
    resolver.use_cache(&environment.caches().open(&rendered.path));
    let certificate = resolver.certificate(rendered, environment.source_date, problems);
    if certificate.is_none() && !problems.has_errors() {
        let message = format!("the medium of `{}` has no certificate", rendered.path);
        return Err(Error::new(message).help("set `self-signed = {}` or `pfx = { … }` in `[certificate]`"));
    }
    Ok(certificate)
}

/// Media of a loaded manifest.
fn media(loaded: &Loaded) -> &[Rendered] {
    match loaded {
        Loaded::Media(all) => all,
        Loaded::Captures(_) => &[],
    }
}
