//! Checks boot programs as Secure Boot will: signatures, architectures and revocations.

use std::collections::BTreeSet;

use super::boot::{BootFiles, BootOptions};
use super::manifest_pointers::{FILES, IMAGE};
use super::programs::{NotAProgram, ReadAs};
use super::request::MediumRequest;
use crate::content::Content;
use crate::firmware::Firmware;
use crate::format::authenticode::{Authority, AuthorityMatch, RecognisedAuthority, Signature, SignatureState};
use crate::format::boot_program::{self, BootProgram};
use crate::format::revocations::{BOOT_MANAGER, Revocations, SecureVersion};
use crate::limits;
use crate::manifest::{OutputFormat, SecureBootCa};
use crate::problem::{Problem, Problems};
use crate::rule::Rule;

const AUTHORITY: &str = "/boot/secure-boot-ca";
const REVOCATIONS: &str = "/boot/revocations";
const DBX: &str = "/boot/revocations/dbx";
const SVN: &str = "/boot/revocations/svn";

/// Maximum number of programs that a message names.
const MAX_NAMED: usize = 4;

impl SecureBootCa {
    /// Returns the authority that signs the boot programs of Windows.
    fn authority(self) -> Authority {
        match self {
            Self::Ca2011 => Authority::WindowsProductionPca2011,
            Self::Ca2023 => Authority::WindowsUefiCa2023,
        }
    }

    /// Returns the other authority, with its value in the manifest.
    fn other(self) -> (&'static str, Authority) {
        match self {
            Self::Ca2011 => ("2023", Authority::WindowsUefiCa2023),
            Self::Ca2023 => ("2011", Authority::WindowsProductionPca2011),
        }
    }
}

/// A boot program of the medium.
struct PlacedProgram<'a> {
    path: &'a str,
    /// Name in messages.
    name: String,
    program: &'a BootProgram,
}

impl PlacedProgram<'_> {
    /// Returns `true` if firmware starts the program, rather than a boot manager.
    fn is_first(&self) -> bool {
        boot_program::removable_media_architecture(self.path).is_some()
    }
}

/// Findings about several programs, reported together.
#[derive(Default)]
struct ProgramFindings {
    unsigned: Vec<String>,
    no_programs: Vec<String>,
    /// Programs that firmware starts are signed by the wanted authority.
    is_as_wanted: bool,
    by_other_certificate: BTreeSet<String>,
}

/// Checks the boot programs that were found. Returns `true` if some are placeholders instead of
/// programs.
pub(super) fn check_programs(
    request: &MediumRequest<'_>,
    found: &BootFiles,
    wanted: &BootOptions,
    problems: &mut Problems,
) -> bool {
    let revocations = read_revocations(request, problems);
    if !wanted.firmware.contains(&Firmware::Uefi) {
        return false;
    }
    let of_tree = found.files.iter().filter(|(path, _)| boot_program::is_boot_program(path));
    let mut contents: Vec<(&str, &Content, ReadAs)> =
        of_tree.map(|(path, content)| (path.as_str(), content, ReadAs::Program)).collect();
    // Only discs start from the EFI boot image.
    let is_disc = request.rendered.manifest.format() == OutputFormat::Iso;
    contents.extend(found.efi_image.iter().filter(|_| is_disc).map(|content| ("", content, ReadAs::Volume)));
    let mut findings = ProgramFindings::default();
    // Files in the tree are programs themselves; the EFI boot image is a volume that may contain
    // several.
    for (path, content, read_as) in contents {
        let read = match request.sources.programs(content, read_as) {
            Ok(read) => read,
            Err(error) => {
                request.failed(&error, FILES, problems);
                continue;
            }
        };
        for read in read.iter() {
            let path = if read_as == ReadAs::Program { path } else { read.path.as_str() };
            let name = match read_as {
                ReadAs::Program => format!("`{path}`"),
                ReadAs::Volume => format!("`{path}` in the EFI boot image"),
            };
            match &read.program {
                Ok(program) => {
                    check_program(
                        request,
                        &PlacedProgram { path, name, program },
                        wanted,
                        &revocations,
                        &mut findings,
                        problems,
                    );
                }
                Err(NotAProgram { begins: true, why }) => {
                    let problem = Problem::warning(format!("{name} is a damaged program: {why}"));
                    let problem = problem.at(request.place(FILES), "copied unchanged");
                    problems.add(problem.help("copy the boot files again from their source"));
                }
                Err(_) => findings.no_programs.push(name),
            }
        }
    }
    report_findings(request, &findings, wanted, problems);
    !findings.no_programs.is_empty()
}

/// Collects the revocations that the manifest lists.
fn read_revocations(request: &MediumRequest<'_>, problems: &mut Problems) -> Revocations {
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
                let problem = Problem::error(format!("`{dbx}` is not a revocation list of Secure Boot: {why}"));
                problems.add(problem.at(request.place(DBX), "").help(
                    "name a `DBXUpdate.bin` from Microsoft's `secureboot_objects`, or a dump of a computer's `dbx` \
                     variable",
                ));
            }
            None => {}
        }
    }
    if revoked.n_others > 0 {
        let message = format!("{} entries of `dbx` have unsupported types", revoked.n_others);
        let problem = Problem::note(message).at(request.place(DBX), "");
        problems.add(problem.help("only SHA-256 digests and certificates are compared"));
    }
    // The schema checks the format, but not the range of the numbers.
    if let Some(svn) = &table.svn {
        match svn.parse::<SecureVersion>() {
            Ok(version) => {
                let known = revoked.versions.entry(BOOT_MANAGER).or_insert(version);
                *known = version.max(*known);
            }
            Err(_) => {
                let problem = Problem::error(format!("`{svn}` is not a Secure Version Number"));
                problems
                    .add(problem.at(request.place(SVN), "").help("write two numbers of at most 65535, as in `9.0`"));
            }
        }
    }
    revoked
}

fn check_program(
    request: &MediumRequest<'_>,
    placed: &PlacedProgram,
    wanted: &BootOptions,
    revocations: &Revocations,
    findings: &mut ProgramFindings,
    problems: &mut Problems,
) {
    let PlacedProgram { path, name, program } = placed;
    let meant = boot_program::removable_media_architecture(path);
    let for_whom = program.processors();
    if let Some(meant) = meant.filter(|meant| program.architecture != Some(*meant)) {
        let problem =
            Problem::error(format!("{name} is for {for_whom}, but its name is that of a program for {meant}"));
        let problem = problem.at(request.place(FILES), format!("program for {for_whom}"));
        problems.add(problem.help(format!("use boot files for {meant}")));
    } else if meant.is_none() && program.architecture != Some(wanted.architecture) {
        let (architecture, files) = (wanted.architecture, request.place(FILES));
        let problem = Problem::error(format!("{name} is for {for_whom}, but the boot image is for {architecture}"));
        let problem = problem.at(files, format!("program for {for_whom}"));
        let problem = problem.at(request.place(IMAGE), format!("is for {architecture}"));
        problems.add(problem.help(format!("use boot files for {architecture}, or remove this file")));
    }
    if meant.is_some() && !program.is_application {
        let problem = Problem::error(format!("{name} is not an EFI application, so firmware can't start it"));
        let problem = problem.at(request.place(FILES), "comes from here");
        problems.add(problem.help("copy `bootmgfw.efi` of Windows to that name"));
    }
    if let Some(revoked) = program.revoked_by(revocations) {
        let problem = Problem::error(format!("{name} is revoked: {revoked}"));
        let problem = problem.at(request.place(FILES), "comes from here").at(request.place(REVOCATIONS), "");
        problems.add(problem.help("use newer boot files, from updates of Windows or of the ADK"));
    }
    if !program.is_signed() {
        findings.unsigned.push(name.clone());
        return;
    }
    // A program may have several signatures. One valid signature suffices, so remember the first
    // problem until all were checked.
    let mut good = Vec::new();
    let mut bad = None;
    for signature in program.signatures() {
        let problem = match signature {
            Ok(signature) => match &signature.state {
                SignatureState::Good => {
                    good.push(signature);
                    continue;
                }
                SignatureState::Altered => {
                    Problem::error(format!("{name} was changed after it was signed, so Secure Boot refuses it"))
                }
                SignatureState::Forged(why) => Problem::error(format!("the signature of {name} is invalid: {why}")),
                SignatureState::Unchecked(why) => {
                    let message = format!("the signature of {name} can't be verified: {why}");
                    good.push(signature);
                    Problem::warning(message)
                }
            },
            Err(why) => Problem::error(format!("the signature of {name} can't be read: {why}")),
        };
        bad.get_or_insert(problem);
    }
    // One valid signature is enough for firmware.
    if let Some(problem) = bad.filter(|_| good.iter().all(|signature| signature.state != SignatureState::Good)) {
        let problem = problem.at(request.place(FILES), "comes from here");
        problems.add(problem.help("copy the file again from its source"));
    }
    if !good.is_empty() {
        check_signer(request, placed, &good, wanted, findings, problems);
    }
}

/// Checks that a program is signed by the authority that the manifest requires.
fn check_signer(
    request: &MediumRequest<'_>,
    placed: &PlacedProgram,
    good: &[Signature],
    wanted: &BootOptions,
    findings: &mut ProgramFindings,
    problems: &mut Problems,
) {
    let name = &placed.name;
    let known: Vec<_> = good.iter().filter_map(Signature::authority).collect();
    let own = wanted.secure_boot_ca.authority();
    let (other, other_authority) = wanted.secure_boot_ca.other();
    if let Some(RecognisedAuthority { matched_by, .. }) = known.iter().find(|known| known.authority == own) {
        findings.is_as_wanted |= placed.is_first();
        if *matched_by == AuthorityMatch::OtherCertificate {
            findings.by_other_certificate.insert(name.clone());
        }
        return;
    }
    let is_by_other = known.iter().any(|known| known.authority == other_authority);
    // Prefer naming the other Microsoft authority, since `secure-boot-ca` can select it.
    let who = match known.first() {
        _ if is_by_other => other_authority.to_string(),
        Some(known) => known.authority.to_string(),
        None => good.first().map_or_else(String::new, Signature::issuer),
    };
    // A boot manager may trust other programs, but firmware refuses an untrusted one, and the
    // medium doesn't start.
    let is_wrong = is_by_other && placed.is_first();
    let message = format!("{name} is signed by `{who}`, not by `{own}`");
    let problem = if is_wrong { Problem::error(message) } else { Problem::warning(message) };
    let mut problem = problem.at(request.place(FILES), "comes from here");
    let written = match own {
        Authority::WindowsUefiCa2023 => "2023",
        _ => "2011",
    };
    if request.rendered.value().pointer(AUTHORITY).is_some() {
        problem = problem.at(request.place(AUTHORITY), "requires the other authority");
    }
    problems.add(match is_by_other {
        true => problem.help(format!("write `secure-boot-ca = \"{other}\"`, or use boot files signed by `{own}`")),
        false => problem.help(format!(
            "it starts only on firmware that trusts `{who}`; for all computers of `secure-boot-ca = \"{written}\"` use \
             one signed by `{own}`"
        )),
    });
}

/// Reports the findings that several programs share.
fn report_findings(
    request: &MediumRequest<'_>,
    findings: &ProgramFindings,
    wanted: &BootOptions,
    problems: &mut Problems,
) {
    let files = request.place(FILES);
    if !findings.no_programs.is_empty() {
        let message = format!("not an EFI program, so firmware can't start it: {}", list_names(&findings.no_programs));
        let help = "use boot files of Windows; placeholders are only useful for testing";
        problems.add(Problem::new(Rule::UnstartableBootProgram, message).at(files.clone(), "").help(help));
    }
    if !findings.unsigned.is_empty() {
        let message = format!("unsigned, so Secure Boot refuses it: {}", list_names(&findings.unsigned));
        let help = "use boot files of Windows, or disable Secure Boot on the computers that start from the medium";
        problems.add(Problem::new(Rule::UnsignedBootProgram, message).at(files.clone(), "").help(help));
    }
    let own = wanted.secure_boot_ca.authority();
    if !findings.by_other_certificate.is_empty() {
        let names: Vec<_> = findings.by_other_certificate.iter().cloned().collect();
        let message =
            format!("signed with a certificate named `{own}` that is not Microsoft's: {}", list_names(&names));
        let problem = Problem::warning(message).at(files.clone(), "same name, different certificate");
        problems.add(problem.help("add that certificate to those that the firmware trusts"));
    }
    if findings.is_as_wanted {
        let (written, other) = wanted.secure_boot_ca.other();
        let message = match own {
            Authority::WindowsProductionPca2011 => {
                format!("the medium does not start on firmware that trusts only `{other}` or has revoked `{own}`")
            }
            _ => format!("the medium does not start on firmware that trusts only `{other}`"),
        };
        let place = match request.rendered.value().pointer(AUTHORITY) {
            Some(_) => request.place(AUTHORITY),
            None => files,
        };
        let help = format!("write `secure-boot-ca = \"{written}\"` for those computers");
        problems.add(Problem::new(Rule::SingleSecureBootAuthority, message).at(place, "").help(help));
    }
}

/// Lists the first names, and the number of others.
fn list_names(names: &[String]) -> String {
    let listed = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MAX_NAMED) {
        0 => listed,
        n_more => format!("{listed} and {n_more} more"),
    }
}
