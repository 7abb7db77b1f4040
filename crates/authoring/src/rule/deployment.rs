//! Rules of deployments and of the site, none of which a manifest can break.

use super::{Entry, Rule, error, note};

const AT_SITE: &str = "deployments are defined at the site";

pub const RULES: &[Entry] = &[
    error(
        Rule::DeploymentExcludesMedia,
        "deployment-excludes-media",
        "deployment that is not available to media",
        "The task sequence of bootable and prestaged media has to be deployed with one of the three choices that include media.",
        "USEB OEM DEPLOY",
    )
    .unchecked(AT_SITE),
    note(
        Rule::IgnoredSchedule,
        "ignored-schedule",
        "deployment schedule that media ignore",
        "Windows PE does not evaluate start, expiry and deadline.",
        "DEPLOY",
    )
    .unchecked(AT_SITE),
    error(
        Rule::DownloadBeforeStart,
        "download-before-start",
        "deployment to media that downloads all content first",
        "The two can't be combined.",
        "DEPLOY",
    )
    .unchecked(AT_SITE),
    note(
        Rule::UserCollection,
        "user-collection",
        "task sequence deployed to a user collection",
        "Task sequences can only be deployed to device collections.",
        "PLAN",
    )
    .unchecked(AT_SITE),
    error(
        Rule::MissingAdministratorRights,
        "missing-administrator-rights",
        "media creation without administrator rights",
        "Configuration Manager creates media only as a local administrator.",
        "S0 P",
    )
    .unchecked("tsmedia needs no special rights"),
    error(
        Rule::UnformattedDisk,
        "unformatted-disk",
        "unformatted disk as the target of a prestaged medium",
        "The disk has to be formatted before the WIM file is applied, or the task sequence can't start from it.",
        "PRE",
    )
    .unchecked("it happens on the target computer"),
    note(
        Rule::WrongImportSite,
        "wrong-import-site",
        "task sequence import or HTTPS media at the wrong site",
        "Task sequences are imported at the central administration site, HTTPS media are made at a primary site.",
        "EXPORT TSM",
    )
    .unchecked("where a task sequence is imported is not known"),
];
