//! Pages that document the rules, by key.

/// Pages below `https://learn.microsoft.com/intune/configmgr/`, or whole titles.
const PAGES: [(&str, &str); 35] = [
    ("S0", "Create task sequence media (the project's source document)"),
    ("S3", "Create a task sequence to capture an operating system (the project's source document)"),
    ("TSM", "Create task sequence media (osd/deploy-use/create-task-sequence-media)"),
    ("CAP", "Create capture media (osd/deploy-use/create-capture-media)"),
    ("BOOT", "Create bootable media (osd/deploy-use/create-bootable-media)"),
    ("PRE", "Create prestaged media (osd/deploy-use/create-prestaged-media)"),
    ("ALONE", "Create stand-alone media (osd/deploy-use/create-stand-alone-media)"),
    ("USEB", "Use bootable media (osd/deploy-use/use-bootable-media-to-deploy-windows-over-the-network)"),
    ("PRESTART", "Prestart commands (osd/understand/prestart-commands-for-task-sequence-media)"),
    ("STEPS", "Task sequence steps (osd/understand/task-sequence-steps)"),
    ("VARS", "Task sequence variables (osd/understand/task-sequence-variables)"),
    ("USEVARS", "Use task sequence variables (osd/understand/using-task-sequence-variables)"),
    ("EDITOR", "Use the task sequence editor (osd/understand/task-sequence-editor)"),
    ("UX", "User experiences for OS deployment (osd/understand/user-experience)"),
    ("BIMG", "Manage boot images (osd/get-started/manage-boot-images)"),
    ("DRV", "Manage drivers (osd/get-started/manage-drivers)"),
    ("UNK", "Unknown computer deployments (osd/get-started/prepare-for-unknown-computer-deployments)"),
    ("CAPTS", "Capture an OS (osd/deploy-use/create-a-task-sequence-to-capture-an-operating-system)"),
    ("INSTTS", "Install an OS (osd/deploy-use/create-a-task-sequence-to-install-an-operating-system)"),
    ("OEM", "Image for an OEM (osd/deploy-use/create-an-image-for-an-oem-in-factory-or-a-local-depot)"),
    ("DEPLOY", "Deploy a task sequence (osd/deploy-use/deploy-a-task-sequence)"),
    ("CMG", "Deploy a task sequence over the internet (osd/deploy-use/deploy-task-sequence-over-internet)"),
    ("EXPORT", "Export and import task sequences (osd/deploy-use/export-import-task-sequences)"),
    ("SIZE", "Reduce the size of task sequence policy (osd/deploy-use/reduce-task-sequence-policy-size)"),
    (
        "SAPOL",
        "GetTsPoliciesSaMedia (develop/reference/osd/gettspoliciessamedia-method-in-class-sms_tasksequencepackage)",
    ),
    ("SEC", "Security and privacy (osd/plan-design/security-and-privacy-for-operating-system-deployment)"),
    (
        "PLAN",
        "Planning considerations for automating tasks (osd/plan-design/planning-considerations-for-automating-tasks)",
    ),
    ("PKI", "PKI certificate requirements (core/plan-design/network/pki-certificate-requirements)"),
    ("CMEXE", "CreateMedia.exe (develop/reference/osd/operating-system-deployment-createmedia.exe)"),
    ("WMI", "SMS_TaskSequence classes (develop/reference/osd)"),
    ("P", "PowerShell cmdlets of the ConfigurationManager module"),
    ("KB", "support articles 907979 and 2261262 of Microsoft"),
    ("TOOLS", "reports of people in the field"),
    ("ISSUE", "github.com/MSEndpointMgr/ConfigMgr issue 22"),
    ("OWN", "follows from the others"),
];

/// Returns the title of the page with a key, with its path in parentheses.
pub fn page(key: &str) -> Option<&'static str> {
    PAGES.iter().find(|page| page.0 == key).map(|page| page.1)
}
