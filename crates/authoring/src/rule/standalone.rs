//! Rules for task sequences that run from media, without a network or on a disk with staged
//! content.

use super::{Rule, RuleEntry, error, note, warning};

pub const RULES: &[RuleEntry] = &[
    error(
        Rule::UnguardedAutoApplyDrivers,
        "unguarded-auto-apply-drivers",
        "Auto Apply Drivers on media without a network",
        "Auto Apply Drivers gets drivers from a management point, so it fails without a network. Use Apply Driver Package instead, or guard the step by the condition `_SMSTSMediaType not-equals FullMedia`. One page of Microsoft's documentation prints the condition inverted.",
        "ALONE INSTTS",
    )
    .lowerable(),
    error(
        Rule::UnguardedSoftwareUpdates,
        "unguarded-software-updates",
        "Install Software Updates on media without a network",
        "Install Software Updates gets updates from a software update point, so it fails without a network. Put the updates into the image, or guard the step by the condition `_SMSTSMediaType not-equals FullMedia`. One page of Microsoft's documentation prints the condition inverted.",
        "ALONE INSTTS",
    )
    .lowerable(),
    error(
        Rule::DownloadOnStandAlone,
        "download-on-stand-alone",
        "Download Package Content on stand-alone media",
        "Download Package Content locates content with a management point, so it fails without a network. Content on the medium is found without the step. Remove it, or guard it by `_SMSTSMediaType`.",
        "ALONE STEPS",
    )
    .lowerable(),
    error(
        Rule::DynamicListOnStandAlone,
        "dynamic-list-on-stand-alone",
        "dynamic list on stand-alone media",
        "The list is known only at run time, so the medium can't carry its content. Name each package or application in a step.",
        "ALONE STEPS",
    )
    .lowerable(),
    error(
        Rule::PreProductionClient,
        "pre-production-client",
        "pre-production client on stand-alone media",
        "Stand-alone media do not support the pre-production client. Remove `pre-production-package`.",
        "ALONE",
    )
    .lowerable(),
    error(
        Rule::InstallBeforeOperatingSystem,
        "install-before-operating-system",
        "software installed before the operating system",
        "Stand-alone media do not use the client of the running system, so software can't be installed before the operating system. Move the step after Setup Windows and Configuration Manager.",
        "ALONE",
    )
    .lowerable(),
    error(
        Rule::NothingDeployed,
        "nothing-deployed",
        "stand-alone medium whose task sequence deploys no operating system",
        "Stand-alone media only support task sequences that deploy or upgrade an operating system.",
        "ALONE",
    )
    .lowerable(),
    warning(
        Rule::NetworkStepOnStandAlone,
        "network-step-on-stand-alone",
        "step that needs the network on stand-alone media",
        "State migration points, shares and distribution points may be unreachable without a network. Remove the step, guard it by `_SMSTSMediaType`, or make sure that the computers have a network.",
        "PLAN OWN",
    )
    .lowerable(),
    warning(
        Rule::FeatureUpdateOnStandAlone,
        "feature-update-on-stand-alone",
        "feature or dynamic update on stand-alone media",
        "The content comes from a software update point or from Microsoft, so the step needs a network. Use an upgrade package, and disable dynamic updates.",
        "STEPS OWN",
    )
    .lowerable(),
    note(
        Rule::DelayedApplication,
        "delayed-application",
        "Install Application that waits after a restart",
        "On stand-alone media the step waits seven minutes after a restart, unless it continues on error. Before version 2107 it failed. Set continue-on-error, or remove the restart.",
        "STEPS",
    )
    .lowerable(),
    warning(
        Rule::UselessCondition,
        "useless-condition",
        "comparison whose outcome is fixed on stand-alone media",
        "On stand-alone media `_SMSTSPackageID` is always `INMEM_TS`, and `_SMSTSAdvertID` and `_SMSTSClientGUID` are never set. A comparison with another value always has the same result. A comparison with `INMEM_TS` is not reported, since it distinguishes stand-alone media from others.",
        "VARS ISSUE",
    )
    .lowerable(),
    note(
        Rule::StatusRetries,
        "status-retries",
        "status messages that are retried without a network",
        "Each step waits until its status message is sent, which takes long without a network. Set `SMSTSDisableStatusRetry` to `true` at the start of the task sequence.",
        "VARS",
    )
    .lowerable(),
    warning(
        Rule::PartitioningOnPrestaged,
        "partitioning-on-prestaged",
        "step that partitions the disk of prestaged media",
        "Partitioning wipes the content that was staged on the disk. Guard the step by the condition `_SMSTSMediaType not-equals OEMMedia`.",
        "PRE TOOLS",
    )
    .lowerable(),
    warning(
        Rule::MissingExportedSecret,
        "missing-exported-secret",
        "secret that an exported task sequence lacks",
        "Exports contain no passwords and no values of hidden variables. Add them to the task sequence as references to secrets.",
        "EXPORT",
    ),
];
