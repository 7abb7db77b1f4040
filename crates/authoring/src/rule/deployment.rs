//! Rules for deployments and the site, which a manifest can't break.

use super::{Rule, RuleEntry, error, note};

const AT_SITE: &str = "deployments are defined at the site";

pub const RULES: &[RuleEntry] = &[
    error(
        Rule::DeploymentExcludesMedia,
        "deployment-excludes-media",
        "deployment that is not available to media",
        "The task sequence of bootable and prestaged media has to be deployed with one of the three options that make it available to media.",
        "USEB OEM DEPLOY",
    )
    .unchecked(AT_SITE),
    note(
        Rule::IgnoredSchedule,
        "ignored-schedule",
        "deployment schedule that media ignore",
        "Windows PE does not evaluate the start, expiry and deadline of a deployment.",
        "DEPLOY",
    )
    .unchecked(AT_SITE),
    error(
        Rule::DownloadBeforeStart,
        "download-before-start",
        "deployment to media that downloads all content first",
        "Deployments to media can't download all content before the task sequence starts.",
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
        "Configuration Manager only creates media for local administrators.",
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
        "Task sequences are imported at the central administration site. HTTPS media are created at a primary site.",
        "EXPORT TSM",
    )
    .unchecked("the site that imports a task sequence is unknown"),
];
