//! Rules of task sequences that run from media: what works without a network, and what would destroy staged content.

use super::{Entry, Rule, error, note, warning};

pub const RULES: &[Entry] = &[
    error(
        Rule::UnguardedAutoApplyDrivers,
        "unguarded-auto-apply-drivers",
        "Auto Apply Drivers on media without a network",
        "The step asks a management point. Guard it by the condition `_SMSTSMediaType not-equals FullMedia`; a page of the documentation prints it the wrong way round.",
        "ALONE INSTTS",
    )
    .lowerable(),
    error(
        Rule::UnguardedSoftwareUpdates,
        "unguarded-software-updates",
        "Install Software Updates on media without a network",
        "The step asks a software update point. Guard it by the condition `_SMSTSMediaType not-equals FullMedia`; a page of the documentation prints it the wrong way round.",
        "ALONE INSTTS",
    )
    .lowerable(),
    error(
        Rule::DownloadOnStandAlone,
        "download-on-stand-alone",
        "Download Package Content on stand-alone media",
        "The step asks a management point for the location of the content.",
        "ALONE STEPS",
    )
    .lowerable(),
    error(
        Rule::DynamicListOnStandAlone,
        "dynamic-list-on-stand-alone",
        "dynamic list on stand-alone media",
        "Its contents are known only at run time, so the medium can't carry them.",
        "ALONE STEPS",
    )
    .lowerable(),
    error(
        Rule::PreProductionClient,
        "pre-production-client",
        "pre-production client on stand-alone media",
        "The option is not supported there.",
        "ALONE",
    )
    .lowerable(),
    error(
        Rule::InstallBeforeOperatingSystem,
        "install-before-operating-system",
        "software installed before the operating system",
        "Stand-alone media do not use the client of the running system.",
        "ALONE",
    )
    .lowerable(),
    error(
        Rule::NothingDeployed,
        "nothing-deployed",
        "stand-alone medium whose task sequence deploys no operating system",
        "Other task sequences are not supported there.",
        "ALONE",
    )
    .lowerable(),
    warning(
        Rule::NetworkStepOnStandAlone,
        "network-step-on-stand-alone",
        "step that needs the network on stand-alone media",
        "State migration points, shares and distribution points may be unreachable.",
        "PLAN OWN",
    )
    .lowerable(),
    warning(
        Rule::FeatureUpdateOnStandAlone,
        "feature-update-on-stand-alone",
        "feature or dynamic update on stand-alone media",
        "The content comes from a software update point or from Microsoft.",
        "STEPS OWN",
    )
    .lowerable(),
    note(
        Rule::DelayedApplication,
        "delayed-application",
        "Install Application that waits after a restart",
        "On stand-alone media it waits seven minutes, unless it continues on error. Before version 2107 it failed.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::UselessCondition,
        "useless-condition",
        "comparison whose outcome is fixed on stand-alone media",
        "There `_SMSTSPackageID` is always `INMEM_TS`, which tells such media from others; `_SMSTSAdvertID` and `_SMSTSClientGUID` are never set.",
        "VARS ISSUE",
    )
    .lowerable(),
    note(
        Rule::StatusRetries,
        "status-retries",
        "status messages that are retried without a network",
        "Each step waits for its status to be sent. `SMSTSDisableStatusRetry` prevents it.",
        "VARS",
    )
    .lowerable(),
    warning(
        Rule::PartitioningOnPrestaged,
        "partitioning-on-prestaged",
        "step that partitions the disk of prestaged media",
        "It wipes the staged content. Guard it by the condition `_SMSTSMediaType not-equals OEMMedia`.",
        "PRE TOOLS",
    )
    .lowerable(),
    warning(
        Rule::MissingExportedSecret,
        "missing-exported-secret",
        "secret that an exported task sequence lacks",
        "Exports contain no passwords and no hidden values. Fill them in.",
        "EXPORT",
    ),
];
