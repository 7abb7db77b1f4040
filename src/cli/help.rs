//! Help of the command line: groups of commands, headings of options, examples and exit codes.
//!
//! Lines have at most 80 columns. A test feeds every example to the parser.

use std::any::TypeId;

use camino::Utf8PathBuf;
use clap::{Arg, Command, CommandFactory, ValueHint};

use super::Cli;

/// Heading of the options that choose sites and template values.
pub(super) const MANIFEST: &str = "Sites and template values";
/// Heading of the options that decide how media are built.
pub(super) const BUILD: &str = "Build options";
/// Heading of the options of `plan` for pull requests.
pub(super) const CHANGE: &str = "Options for pull requests";
/// Heading of the options that every command has.
pub(super) const GLOBAL: &str = "Global options";

/// Commands in the order of use, below their headings.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Author and build", &["init", "import", "check", "render", "lock", "plan", "show", "apply", "destroy", "watch"]),
    (
        "Finished media",
        &["inspect", "verify", "diff", "write", "certificate", "attest", "sign", "push", "pull", "sync"],
    ),
    ("Task sequences and images", &["sequence", "simulate", "capture"]),
    ("Tools", &["cache", "schema", "lsp", "completions", "man"]),
];

/// Returns the command line with its commands listed in groups, which clap has no setting for.
pub fn command() -> Command {
    let command = with_path_hints(Cli::command());
    let (header, literal) = (*command.get_styles().get_header(), *command.get_styles().get_literal());
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default();
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (heading, names) in GROUPS {
        template += &format!("\n{header}{heading}:{header:#}\n");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about).cloned().unwrap_or_default();
            template += &format!("  {literal}{name:width$}{literal:#}  {about}\n");
        }
    }
    template += &format!("\n{header}{GLOBAL}:{header:#}\n{{options}}{{after-help}}");
    command.help_template(template)
}

/// Marks every argument that is a path, so that shells complete it.
fn with_path_hints(command: Command) -> Command {
    let is_path = |arg: &Arg| arg.get_value_parser().type_id() == TypeId::of::<Utf8PathBuf>();
    let hinted = command.mut_args(|arg| if is_path(&arg) { arg.value_hint(ValueHint::AnyPath) } else { arg });
    hinted.mut_subcommands(with_path_hints)
}

/// End of the summary of all commands.
pub(super) const FOOTER: &str = "Run `tsmedia COMMAND --help` for details and examples of a command.";

/// End of the help of all commands.
pub(super) const TOP: &str = "\
Examples:
  tsmedia init
  tsmedia check
  tsmedia plan
  tsmedia apply

Exit codes:
  0    success
  1    failure, or problems found
  2    changes pending or differences found (`--detailed-exitcode`)
  64   wrong usage
  130  interrupted

Environment:
  SOURCE_DATE_EPOCH    date of media without a `date`, in seconds since 1970
  TSMEDIA_CACHE_DIR    folder of the cache, like `--cache-dir`
  TSMEDIA_CACHE_LIMIT  size limit of the cache's objects, such as `20GB`
  DOCKER_CONFIG        folder with `config.json`, which has credentials
  NO_COLOR             no colours if set
  CLICOLOR_FORCE       colours also outside of a terminal, unless 0

Run `tsmedia COMMAND --help` for details and examples of a command.";

pub(super) const INIT: &str = "\
Examples:
  # A stand-alone medium in the current folder
  tsmedia init

  # A bootable medium in a folder of its own
  tsmedia init boot-media --kind bootable

  # A task sequence for an existing manifest
  tsmedia init --template refresh";

pub(super) const IMPORT: &str = "\
Examples:
  tsmedia import deploy.iso -o deploy
  tsmedia import deploy.iso -o deploy --password-from env:MEDIA_PASSWORD";

pub(super) const CHECK: &str = "\
Examples:
  tsmedia check
  tsmedia check media.toml --site BER --expires-within 30d

  # A task sequence by itself
  tsmedia check sequences/deploy.toml --media-kind stand-alone

  # Annotations of a pull request, and a test report
  tsmedia check --format github
  tsmedia check --format junit

  # What a rule means, and all rules
  tsmedia check --explain weak-password
  tsmedia check --explain

Exit codes:
  0  no errors; there may be warnings
  1  errors";

pub(super) const RENDER: &str = "\
Examples:
  tsmedia render --site BER
  tsmedia render media.toml --var edition=pro --json";

pub(super) const PLAN: &str = "\
Examples:
  tsmedia plan
  tsmedia plan --site BER --verbose

  # Save a plan, review it, apply exactly that
  tsmedia plan --out plan.json
  tsmedia show plan.json
  tsmedia apply plan.json

  # A page for a browser
  tsmedia plan --html plan.html

  # Four jobs of GitHub Actions that share the work
  tsmedia plan a.toml b.toml --matrix github --max-jobs 4

  # Show what a branch does to media, as a comment for its pull request
  tsmedia plan --base origin/main --format markdown media/*.toml

Exit codes:
  0  done; with --detailed-exitcode, nothing to do
  1  failure, or problems in the manifest
  2  with --detailed-exitcode, changes pending";

pub(super) const SHOW: &str = "\
Examples:
  tsmedia show plan.json
  tsmedia show plan.json --verbose
  tsmedia show plan.json --json";

pub(super) const APPLY: &str = "\
Examples:
  tsmedia apply
  tsmedia apply media.toml --site BER
  tsmedia apply plan.json

  # In a pipeline that may delete media of removed sites
  tsmedia apply --yes

Exit codes:
  0    all media are up to date
  1    failure, or problems in the manifest
  130  interrupted; media are as before, or finished by the next `apply`";

pub(super) const DESTROY: &str = "\
Examples:
  tsmedia destroy
  tsmedia destroy media.toml --site BER
  tsmedia destroy --yes

Exit codes:
  0  deleted, or nothing to delete
  1  refused, with nothing deleted; or failure";

pub(super) const WATCH: &str = "\
Examples:
  tsmedia watch
  tsmedia watch media.toml --site BER

  # Inputs on a network file system
  tsmedia watch --poll 5

Ctrl-C ends it, with exit code 130.";

pub(super) const INSPECT: &str = "\
Examples:
  tsmedia inspect out/win11-BER.iso
  tsmedia inspect out/win11-BER.iso --files
  tsmedia inspect images/boot.wim
  tsmedia inspect boot/bcd

  # Where files are, compared with another build, also as a picture
  tsmedia inspect --layout out/old.iso out/new.iso --svg layout.svg

  # A page for a browser
  tsmedia inspect out/win11-BER.iso --html medium.html

  # Variables of a medium with a password
  tsmedia inspect Variables.dat --password-from env:MEDIA_PASSWORD";

pub(super) const VERIFY: &str = "\
Examples:
  tsmedia verify out/win11-BER.iso
  tsmedia verify out/win11-BER.iso --manifest media.toml
  tsmedia verify out/disc-1.iso out/disc-2.iso
  tsmedia verify out/win11-BER.iso --dbx DBXUpdate.bin
  tsmedia verify out/win11-BER.iso --key media.pub

Exit codes:
  0  all media are sound
  1  faults found, or failure";

pub(super) const ATTEST: &str = "\
Examples:
  tsmedia attest out/win11-BER.iso
  tsmedia attest out/win11-BER.iso --manifest media.toml
  tsmedia attest out/a.iso --manifest media.toml --builder urn:example:ci

Files, beside `win11-BER.iso`:
  win11-BER.iso.spdx.json        contents, in SPDX 2.3
  win11-BER.iso.cdx.json         contents, in CycloneDX 1.6
  win11-BER.iso.provenance.json  origin, in SLSA v1

Exit codes:
  0  written
  1  the medium has faults, or is not the one that the manifest makes now";

pub(super) const SIGN: &str = "\
Examples:
  tsmedia sign out/win11-BER.iso --key-from file:media.key
  tsmedia sign out/win11-BER.iso out/win11-HAM.iso --key-from env:MEDIA_KEY
  tsmedia sign out/a.iso --public-key media.pub --command ./sign-in-token

Files, beside `win11-BER.iso`:
  win11-BER.iso.spdx.sigstore.json        one for each document:
  win11-BER.iso.cdx.sigstore.json         an in-toto statement
  win11-BER.iso.provenance.sigstore.json  in a DSSE envelope

Exit codes:
  0  signed
  1  failure";

pub(super) const DIFF: &str = "\
Examples:
  # Finished medium and manifest
  tsmedia diff out/win11-BER.iso media.toml

  # Last build and manifest: all sites, or one
  tsmedia diff media.record.json
  tsmedia diff media.record.json --site BER

  # Two media, file by file
  tsmedia diff old.iso new.iso --verbose

  # Two task sequences, step by step
  tsmedia diff old/deploy.toml sequences/deploy.toml

Exit codes:
  0  done; with --detailed-exitcode, no differences
  1  failure, or problems in a manifest
  2  with --detailed-exitcode, differences";

pub(super) const WRITE: &str = "\
Examples:
  tsmedia write out/win11-BER.img /dev/sdb --dry-run
  tsmedia write out/win11-BER.img /dev/sdb

  # Erase a stick with other data; the refusal prints its name
  tsmedia write out/win11-BER.img /dev/sdb --erase SanDisk_Ultra_4C5300

Exit codes:
  0  written, read back and found equal
  1  refused, with nothing written; or failed, as the error says";

pub(super) const CERTIFICATE: &str = "\
Examples:
  tsmedia certificate --site BER
  tsmedia certificate media.toml --json";

pub(super) const PUSH: &str = "\
Examples:
  tsmedia push out/win11-BER.iso oci://registry.example.com/media/win11:BER

  # A folder, such as one on a file server or a disk that travels
  tsmedia push out/win11-BER.iso file:///srv/media/win11:BER

  # With a statement about it
  tsmedia push win11.iso file:///srv/win11:BER --attach text/plain=notes.txt

Exit codes:
  0    published
  1    failure; the tag names the same medium as before
  130  interrupted; chunks that were sent are not sent again";

pub(super) const PULL: &str = "\
Examples:
  tsmedia pull oci://registry.example.com/media/win11:BER win11-BER.iso
  tsmedia pull file:///srv/media/win11:BER win11-BER.iso

Exit codes:
  0    the file is the published medium
  1    failure; an older medium is as before
  130  interrupted; chunks that were fetched are not fetched again";

pub(super) const SYNC: &str = "\
Examples:
  tsmedia sync oci://registry.example.com/media/win11 /srv/media
  tsmedia sync oci://registry.example.com/media/win11 /srv/media --tag BER
  tsmedia sync oci://registry.example.com/media/win11 /srv/media --delete

Exit codes:
  0  all media are up to date
  1  failure; media that failed are as before, and the others up to date";

pub(super) const SEQUENCE: &str = "\
Examples:
  tsmedia sequence import Deploy.zip -o sequences/deploy.toml
  tsmedia sequence show sequences/deploy.toml
  tsmedia sequence export sequences/deploy.toml -o deploy.xml";

pub(super) const SEQUENCE_IMPORT: &str = "\
Examples:
  tsmedia sequence import Deploy.zip -o sequences/deploy.toml

  # Several task sequences, or a deployment share of MDT
  tsmedia sequence import All.zip -o sequences
  tsmedia sequence import DeploymentShare -o sequences

Exit codes:
  0  all task sequences imported
  1  some can't be read; the others were imported";

pub(super) const SEQUENCE_EXPORT: &str = "\
Examples:
  tsmedia sequence export sequences/deploy.toml -o deploy.xml
  tsmedia sequence export sequences/deploy.toml --site BER --var edition=pro";

pub(super) const SEQUENCE_SHOW: &str = "\
Examples:
  tsmedia sequence show sequences/deploy.toml
  tsmedia sequence show sequences/deploy.toml --mermaid";

pub(super) const SIMULATE: &str = "\
From a manifest, the task sequence of each site runs from a medium of its kind,
with its variables and content. Secrets are not read.

A fact file describes the computer and how steps end. For a task sequence file
it also says which medium the sequence starts from. A step is marked `?` if the
facts don't decide whether it runs; the output names the fact to add, and the
run goes on without the step.

  facts-version = 1
  media = \"stand-alone\"
  firmware = \"uefi\"

  [[step]]
  name = \"Install VPN\"
  exit-codes = [1]

  [expect]
  result = \"failure\"

Examples:
  tsmedia simulate --facts facts/laptop.toml
  tsmedia simulate sequences/deploy.toml --facts facts/laptop.toml
  tsmedia simulate --facts facts/laptop.toml --facts facts/tower.toml --matrix

Exit codes:
  0  all expectations met, or none stated
  1  expectations not met, or failure";

pub(super) const CAPTURE: &str = "\
Without --config and --no-exclusions, the exclusions of Windows' own capture
apply: page files, hiberfil.sys, recycle bins, System Volume Information and
Windows\\CSC.

Volumes with neither NTFS nor FAT are skipped, as are all volumes on USB. If a
disk has several volumes, one that can't be read is left out with a warning.

A virtual disk may consist of several files: a backing file, a parent, extents.
Extents in the folder of their descriptor are read; any other file must be
allowed with --allow-reference.

Examples:
  tsmedia capture packages/ -o packages.wim --name Packages
  tsmedia capture reference.qcow2 -o win11.wim --partition 3

  # Only what changed since the last capture
  tsmedia capture reference.qcow2 -o win11.wim --update-from win11.wim --force";

pub(super) const LOCK: &str = "\
Examples:
  # Lock the content of several manifests
  tsmedia lock sites/ber/media.toml sites/muc/media.toml

  # Accept a changed file
  tsmedia lock --update images/install.wim

  # Read and compare all locked files
  tsmedia lock --check

Exit codes:
  0    success
  1    failure; with `--check`, also if a file differs";

pub(super) const CACHE: &str = "\
Examples:
  tsmedia cache
  tsmedia cache --limit 5GB
  tsmedia cache --clear";

pub(super) const SCHEMA: &str = "\
Examples:
  tsmedia schema > media.schema.json
  tsmedia schema sequence > sequence.schema.json
  tsmedia schema --manual https://intranet.example.com/tsmedia/

  # JSON that `tsmedia plan --json` prints
  tsmedia schema plan";

pub(super) const LSP: &str = "\
Examples:
  tsmedia lsp";

pub(super) const COMPLETIONS: &str = "\
The script asks tsmedia itself for completions, such as the sites and template
values of the manifests on the command line.

Examples:
  # Bash, for this shell and for new ones
  source <(tsmedia completions bash)
  tsmedia completions bash > ~/.local/share/bash-completion/completions/tsmedia

  # Zsh, in a folder of $fpath
  tsmedia completions zsh > ~/.zfunc/_tsmedia

  # Fish
  tsmedia completions fish > ~/.config/fish/completions/tsmedia.fish

  # PowerShell
  tsmedia completions powershell >> $PROFILE";

pub(super) const MAN: &str = "\
Examples:
  tsmedia man ~/.local/share/man/man1";
