//! What Secure Boot will make of the boot programs found: their signatures, whom they are for, what is revoked.

use std::collections::BTreeSet;

use super::boot::{BootFiles, Wanted};
use super::manifest_pointers::{FILES, IMAGE};
use super::programs::{As, NoProgram};
use super::request::Request;
use crate::content::Content;
use crate::firmware::Firmware;
use crate::format::authenticode::{Authority, By, Recognised, Signature, State};
use crate::format::boot_program::{self, BootProgram};
use crate::format::revocations::{BOOT_MANAGER, Revocations, SecureVersion};
use crate::limits;
use crate::manifest::{OutputFormat, SecureBootCa};
use crate::problem::{Problem, Problems};

const AUTHORITY: &str = "/boot/secure-boot-ca";
const REVOCATIONS: &str = "/boot/revocations";
const DBX: &str = "/boot/revocations/dbx";
const SVN: &str = "/boot/revocations/svn";

/// How many programs of one kind a note names.
const MAX_NAMED: usize = 4;

impl SecureBootCa {
    /// The authority that signs Windows' own boot programs.
    fn authority(self) -> Authority {
        match self {
            Self::Ca2011 => Authority::WindowsProductionPca2011,
            Self::Ca2023 => Authority::WindowsUefiCa2023,
        }
    }

    /// The other one, as the manifest writes it, and as it is called.
    fn other(self) -> (&'static str, Authority) {
        match self {
            Self::Ca2011 => ("2023", Authority::WindowsUefiCa2023),
            Self::Ca2023 => ("2011", Authority::WindowsProductionPca2011),
        }
    }
}

/// A program of the medium.
struct Placed<'a> {
    path: &'a str,
    /// What messages call it.
    name: String,
    program: &'a BootProgram,
}

impl Placed<'_> {
    /// Whether firmware starts it, rather than a boot manager.
    fn is_first(&self) -> bool {
        boot_program::started_on(self.path).is_some()
    }
}

/// What several programs have in common, to be told in one go.
#[derive(Default)]
struct Alike {
    unsigned: Vec<String>,
    no_programs: Vec<String>,
    /// Whether programs that firmware starts are signed by the authority that is wanted.
    is_as_wanted: bool,
    by_other_certificate: BTreeSet<String>,
}

/// Checks the boot programs that were found, and returns whether some are stand-ins and not programs.
pub(super) fn check_programs(
    request: &Request<'_>,
    found: &BootFiles,
    wanted: &Wanted,
    problems: &mut Problems,
) -> bool {
    let revocations = revocations(request, problems);
    if !wanted.firmware.contains(&Firmware::Uefi) {
        return false;
    }
    let of_tree = found.files.iter().filter(|(path, _)| boot_program::is_one(path));
    let mut contents: Vec<(&str, &Content, As)> =
        of_tree.map(|(path, content)| (path.as_str(), content, As::Program)).collect();
    // Only discs are started from it.
    let is_disc = request.rendered.manifest.format() == OutputFormat::Iso;
    contents.extend(found.efi_image.iter().filter(|_| is_disc).map(|content| ("", content, As::Volume)));
    let mut alike = Alike::default();
    for (path, content, taken_for) in contents {
        let read = match request.sources.programs(content, taken_for) {
            Ok(read) => read,
            Err(error) => {
                request.failed(&error, FILES, problems);
                continue;
            }
        };
        for read in read.iter() {
            let path = if taken_for == As::Program { path } else { read.path.as_str() };
            let name = match taken_for {
                As::Program => format!("`{path}`"),
                As::Volume => format!("`{path}` in the EFI boot image"),
            };
            match &read.program {
                Ok(program) => {
                    check_program(request, &Placed { path, name, program }, wanted, &revocations, &mut alike, problems);
                }
                Err(NoProgram { begins: true, why }) => {
                    let problem = Problem::warning(format!("{name} can't be read as a program: {why}"));
                    let problem = problem.at(request.place(FILES), "taken as it is");
                    problems.add(problem.help("take it from where it came from anew"));
                }
                Err(_) => alike.no_programs.push(name),
            }
        }
    }
    tell_alike(request, &alike, wanted, problems);
    !alike.no_programs.is_empty()
}

/// What the manifest says is revoked.
fn revocations(request: &Request<'_>, problems: &mut Problems) -> Revocations {
    let Some(table) = &request.rendered.manifest.boot.revocations else { return Revocations::default() };
    let mut revoked = Revocations::default();
    if let Some(dbx) = &table.dbx {
        let path = request.input(DBX, dbx);
        let bytes = match request.is_lfs_pointer(&path, DBX, problems) {
            true => return revoked,
            false => request.readable(request.sources.read(&path, limits::MAX_REVOCATIONS_LEN), &path, DBX, problems),
        };
        match bytes.as_deref().map(Revocations::parse) {
            Some(Ok(parsed)) => revoked = parsed,
            Some(Err(why)) => {
                let problem = Problem::error(format!("`{dbx}` is no revocation list of Secure Boot: {why}"));
                problems.add(problem.at(request.place(DBX), "").help(
                    "name a `DBXUpdate.bin` of Microsoft's `secureboot_objects`, or the variable `dbx` of a computer",
                ));
            }
            None => {}
        }
    }
    if revoked.n_others > 0 {
        let message = format!("{} entries of `dbx` are of types that are not read", revoked.n_others);
        let problem = Problem::note(message).at(request.place(DBX), "");
        problems.add(problem.help("SHA-256 digests and certificates are what is compared"));
    }
    // The schema has seen to its form; numbers too large are what remains.
    if let Some(svn) = &table.svn {
        match svn.parse::<SecureVersion>() {
            Ok(version) => {
                let known = revoked.versions.entry(BOOT_MANAGER).or_insert(version);
                *known = version.max(*known);
            }
            Err(_) => {
                let problem = Problem::error(format!("`{svn}` is no Secure Version Number"));
                problems.add(problem.at(request.place(SVN), "").help("each part is 65535 at most, as in `9.0`"));
            }
        }
    }
    revoked
}

fn check_program(
    request: &Request<'_>,
    placed: &Placed,
    wanted: &Wanted,
    revocations: &Revocations,
    alike: &mut Alike,
    problems: &mut Problems,
) {
    let Placed { path, name, program } = placed;
    let meant = boot_program::started_on(path);
    let for_whom = program.processors();
    if let Some(meant) = meant.filter(|meant| program.architecture != Some(*meant)) {
        let problem = Problem::error(format!("{name} is for {for_whom}, and firmware of {meant} looks for that name"));
        let problem = problem.at(request.place(FILES), format!("brings a program for {for_whom}"));
        problems.add(problem.help(format!("take boot files for {meant}")));
    } else if meant.is_none() && program.architecture != Some(wanted.architecture) {
        let (architecture, files) = (wanted.architecture, request.place(FILES));
        let problem = Problem::error(format!("{name} is for {for_whom}, and the boot image for {architecture}"));
        let problem = problem.at(files, format!("brings a program for {for_whom}"));
        let problem = problem.at(request.place(IMAGE), format!("is for {architecture}"));
        problems.add(problem.help(format!("take boot files for {architecture}, or leave that one out")));
    }
    if meant.is_some() && !program.is_application {
        let problem = Problem::error(format!("{name} is no EFI application, and firmware starts nothing else"));
        let problem = problem.at(request.place(FILES), "brings it");
        problems.add(problem.help("take `bootmgfw.efi` of Windows, under that name"));
    }
    if let Some(revoked) = program.revoked_by(revocations) {
        let problem = Problem::error(format!("{name} is revoked: {revoked}"));
        let problem = problem.at(request.place(FILES), "brings it").at(request.place(REVOCATIONS), "");
        problems.add(problem.help("take newer boot files: updates of Windows and of the ADK bring them"));
    }
    if !program.is_signed() {
        alike.unsigned.push(name.clone());
        return;
    }
    let mut good = Vec::new();
    let mut bad = None;
    for signature in program.signatures() {
        let problem = match signature {
            Ok(signature) => match &signature.state {
                State::Good => {
                    good.push(signature);
                    continue;
                }
                State::Altered => {
                    Problem::error(format!("{name} was altered after it was signed: Secure Boot does not start it"))
                }
                State::Forged(why) => Problem::error(format!("the signature of {name} is not good: {why}")),
                State::Unchecked(why) => {
                    let message = format!("whether the signature of {name} is good can't be told: {why}");
                    good.push(signature);
                    Problem::warning(message)
                }
            },
            Err(why) => Problem::error(format!("the signature of {name} can't be read: {why}")),
        };
        bad.get_or_insert(problem);
    }
    // Firmware is content with one good signature.
    if let Some(problem) = bad.filter(|_| good.iter().all(|signature| signature.state != State::Good)) {
        let problem = problem.at(request.place(FILES), "brings it");
        problems.add(problem.help("take the file from where it came from anew"));
    }
    if !good.is_empty() {
        check_signer(request, placed, &good, wanted, alike, problems);
    }
}

/// Whether a program is signed by whom the manifest wants.
fn check_signer(
    request: &Request<'_>,
    placed: &Placed,
    good: &[Signature],
    wanted: &Wanted,
    alike: &mut Alike,
    problems: &mut Problems,
) {
    let name = &placed.name;
    let known: Vec<_> = good.iter().filter_map(Signature::authority).collect();
    let own = wanted.secure_boot_ca.authority();
    let (other, other_authority) = wanted.secure_boot_ca.other();
    if let Some(Recognised { by, .. }) = known.iter().find(|known| known.authority == own) {
        alike.is_as_wanted |= placed.is_first();
        if *by == By::OtherCertificate {
            alike.by_other_certificate.insert(name.clone());
        }
        return;
    }
    let is_by_other = known.iter().any(|known| known.authority == other_authority);
    let who = match known.first() {
        _ if is_by_other => other_authority.to_string(),
        Some(known) => known.authority.to_string(),
        None => good.first().map_or_else(String::new, Signature::issuer),
    };
    // A boot manager goes on to what it trusts; firmware refuses what it does not, and the medium does not start.
    let is_wrong = is_by_other && placed.is_first();
    let message = format!("{name} is signed by `{who}`, and not by `{own}`");
    let problem = if is_wrong { Problem::error(message) } else { Problem::warning(message) };
    let mut problem = problem.at(request.place(FILES), "brings it");
    let written = match own {
        Authority::WindowsUefiCa2023 => "2023",
        _ => "2011",
    };
    if request.rendered.value().pointer(AUTHORITY).is_some() {
        problem = problem.at(request.place(AUTHORITY), "wants the other");
    }
    problems.add(match is_by_other {
        true => problem.help(format!("write `secure-boot-ca = \"{other}\"`, or take boot files signed by `{own}`")),
        false => problem.help(format!(
            "it starts where firmware trusts `{who}`; for all computers of `secure-boot-ca = \"{written}\"` take one \
             signed by `{own}`"
        )),
    });
}

/// Tells in one go what several programs have in common.
fn tell_alike(request: &Request<'_>, alike: &Alike, wanted: &Wanted, problems: &mut Problems) {
    let files = request.place(FILES);
    if !alike.no_programs.is_empty() {
        let message = format!("no EFI program, so that firmware does not start it: {}", named(&alike.no_programs));
        let help = "take boot files of Windows; stand-ins are good for trying out";
        problems.add(Problem::note(message).at(files.clone(), "").help(help));
    }
    if !alike.unsigned.is_empty() {
        let message = format!("not signed, so that Secure Boot does not start it: {}", named(&alike.unsigned));
        let help = "take boot files of Windows, or turn Secure Boot off where the medium is to start";
        problems.add(Problem::note(message).at(files.clone(), "").help(help));
    }
    let own = wanted.secure_boot_ca.authority();
    if !alike.by_other_certificate.is_empty() {
        let names: Vec<_> = alike.by_other_certificate.iter().cloned().collect();
        let message = format!("signed by a `{own}` that is not Microsoft's: {}", named(&names));
        let problem = Problem::warning(message).at(files.clone(), "the certificate is another of that name");
        problems.add(problem.help("firmware goes by the certificate: it has to be among those that it trusts"));
    }
    if alike.is_as_wanted {
        let (written, other) = wanted.secure_boot_ca.other();
        let message = match own {
            Authority::WindowsProductionPca2011 => {
                format!("firmware that trusts only `{other}`, or has revoked `{own}`, does not start the medium")
            }
            _ => format!("firmware that knows only `{other}` does not start the medium"),
        };
        let place = match request.rendered.value().pointer(AUTHORITY) {
            Some(_) => request.place(AUTHORITY),
            None => files,
        };
        let help = format!("write `secure-boot-ca = \"{written}\"` for those computers");
        problems.add(Problem::note(message).at(place, "").help(help));
    }
}

/// Names in a list, not too long.
fn named(names: &[String]) -> String {
    let listed = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => listed,
        n_more => format!("{listed} and {n_more} more"),
    }
}
