//! Table of rules for task sequence media and task sequences.
//!
//! A rule has a number and a slug. Problems print the slug (`error[weak-password]`); both are
//! accepted wherever a rule is named. The table is the only place for severities, titles and
//! explanations: `check`, `check --explain`, `media.rules` and the manual
//! (`docs/reference/rules.md`) all read it. Sources are keys of pages, see [`page`]. Numbers are
//! never reused.

mod content;
mod data;
mod deployment;
mod media;
mod pages;
mod sequence;
mod severity;
mod site;
mod standalone;

use std::fmt;

pub use pages::page;
pub use severity::Severity;

/// Rule for task sequence media or task sequences. Variants name the fault; discriminants are the
/// numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
#[expect(missing_docs, reason = "the table has a title for each")]
pub enum Rule {
    UnknownMediaKind = 1,
    WrongOutputFormat = 2,
    WrongImageExtension = 3,
    WrongWimExtension = 4,
    MissingOutputFolder = 5,
    OverwrittenOutput = 6,
    UnknownCapacity = 7,
    FileTooLargeForFat32 = 8,
    StickTooSmall = 9,
    FixedDisk = 10,
    TruncatedLabel = 11,
    MultilineLabel = 12,
    VolumeOptionOnPrestaged = 13,
    LongPrestagedText = 14,
    BlockedAutorun = 15,
    InsufficientStagingSpace = 16,
    CapacityExceeded = 17,
    OptionOfOtherKind = 18,
    MissingBootImage = 19,
    ArchitectureMismatch = 20,
    X86BootImageForUefi = 21,
    InconsistentBootImage = 22,
    UnsuitableBootDrivers = 23,
    OutdatedBootImageCopy = 24,
    ContentNotDistributed = 25,
    MissingOperatingSystem = 26,
    UnknownImageIndex = 27,
    UnexpectedTaskSequence = 28,
    MissingContent = 29,
    MissingSupersededContent = 30,
    ImplicitDependency = 31,
    DisallowedApplication = 32,
    UnencryptedContent = 33,
    LargeDriverPackage = 34,
    NonAsciiFileName = 35,
    ChangedContent = 36,
    MissingMode = 37,
    InvalidManagementPoint = 38,
    HttpsMediaFromCentralSite = 39,
    InvalidRootCa = 40,
    DifferentRootCas = 41,
    SelfSignedCertificateForHttps = 42,
    InvalidCertificateSource = 43,
    InvalidCertificateDates = 44,
    ExpiresSoon = 45,
    UnusableClientCertificate = 46,
    MismatchedCertificate = 47,
    UnusableGateway = 48,
    PackagesFromCentralSite = 49,
    SiteCodeFromDirectory = 50,
    MissingPassword = 51,
    WeakPassword = 52,
    LiteralSecret = 53,
    LoggedVariables = 54,
    UnattendedPasswordPrompt = 55,
    OpenToUnknownComputers = 56,
    ExpiresBeforeValid = 57,
    InvalidDeviceAffinity = 58,
    DeviceAffinityOnStandAlone = 59,
    CommandShellEnabled = 60,
    PrestartFilesWithoutCommand = 61,
    PrestartWithoutCmd = 62,
    LongPrestartCommand = 63,
    VariablesOnCaptureMedia = 64,
    InvalidVariableName = 65,
    ReadOnlyVariable = 66,
    LongVariableValue = 67,
    LargeEnvironment = 68,
    EmptyVariable = 69,
    EmptyVariableOnUnattended = 70,
    IgnoredCollectionVariables = 71,
    MissingPreferredAdvertisement = 72,
    InvalidLanguage = 73,
    InvalidSequenceName = 74,
    InvalidStepName = 75,
    LargeTaskSequence = 76,
    IncompleteStep = 77,
    InvalidProductKey = 78,
    AmbiguousDomainJoin = 79,
    DomainJoinWithoutAccount = 80,
    InvalidOrganizationalUnit = 81,
    LongDomainName = 82,
    UnresolvedDomain = 83,
    DomainJoinBeforeCapture = 84,
    ContradictoryAdministrator = 85,
    InvalidServerLicense = 86,
    InvalidClientProperties = 87,
    UnknownUpdateSelection = 88,
    InvalidCaptureTarget = 89,
    OverwrittenCapture = 90,
    InvalidImageDescription = 91,
    SkippedVolume = 92,
    CaptureOutsideWindowsPe = 93,
    UnpreparedCapture = 94,
    PreparationInWindowsPe = 95,
    PreparationWithoutClient = 96,
    SeparateBootVolume = 97,
    RepeatedCapture = 98,
    DriversOnReferenceMachine = 99,
    DeletedAutopilotProfile = 100,
    IncompleteBuildAndCapture = 101,
    WrongEnvironment = 102,
    MissingSetupStep = 103,
    IgnoredContinueOnError = 104,
    MisplacedDriverPackage = 105,
    AmbiguousNetworkSettings = 106,
    AccountInWindowsPe = 107,
    MissingPowershell = 108,
    InvalidScriptSettings = 109,
    InvalidTimeout = 110,
    LongWorkingDirectory = 111,
    InvalidExitCode = 112,
    UncoordinatedRestart = 113,
    InvalidRetryCount = 114,
    InvalidDynamicList = 115,
    InvalidChildSequence = 116,
    InvalidDestination = 117,
    InvalidPartition = 118,
    RestartWithoutPartition = 119,
    InvalidNetworkFolder = 120,
    InvalidBitlockerSettings = 121,
    UnreleasedStateStore = 122,
    InteractiveApplication = 123,
    LingeringRebootWait = 124,
    LongRestartMessage = 125,
    InvalidRestartRequest = 126,
    VariableForNumber = 127,
    UnguardedAutoApplyDrivers = 128,
    UnguardedSoftwareUpdates = 129,
    DownloadOnStandAlone = 130,
    DynamicListOnStandAlone = 131,
    PreProductionClient = 132,
    InstallBeforeOperatingSystem = 133,
    NothingDeployed = 134,
    NetworkStepOnStandAlone = 135,
    FeatureUpdateOnStandAlone = 136,
    DelayedApplication = 137,
    UselessCondition = 138,
    StatusRetries = 139,
    DeploymentExcludesMedia = 140,
    IgnoredSchedule = 141,
    DownloadBeforeStart = 142,
    UserCollection = 143,
    MissingAdministratorRights = 144,
    UnformattedDisk = 145,
    PartitioningOnPrestaged = 146,
    MissingExportedSecret = 147,
    WrongImportSite = 148,
    // Split off from the rules above because of another severity, or added later.
    LargeFat32Volume = 149,
    NoUsableDriver = 150,
    DriverOfOtherArchitecture = 151,
    UnappliedImage = 152,
    MissingTaskSequence = 153,
    MachineSpecificKey = 154,
    ExpiresWithinLimit = 155,
    DefaultValidity = 156,
    QuestionableClientCertificate = 157,
    UnknownIssuer = 158,
    UnverifiedSignature = 159,
    GatewayRequirements = 160,
    ReadableCaptureSecrets = 161,
    ShortValidity = 162,
    UnenforcedDates = 163,
    LongStepName = 164,
    UnverifiedPowershell = 165,
    StateStoreKeptOnFailure = 166,
    ExpiredMedium = 167,
    InferredName = 168,
    UnstartedInWindows = 169,
    MissingCaptureProgram = 170,
    MissingPolicy = 171,
    StaleContentHash = 172,
    LockMismatch = 173,
    UnsignedBootProgram = 174,
    UnstartableBootProgram = 175,
    SingleSecureBootAuthority = 176,
    ExcludedByDefault = 177,
    UnusedExclusion = 178,
}

/// Formats the slug.
impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.slug())
    }
}

impl Rule {
    /// Returns all rules, sorted by number.
    pub fn all() -> Vec<Self> {
        let mut rules: Vec<_> = table().map(|entry| entry.rule).collect();
        rules.sort();
        rules
    }

    /// Parses a slug or code, ignoring case: `weak-password`, `R52`.
    pub fn parse(name: &str) -> Option<Self> {
        let is_named = |rule: Self| rule.slug().eq_ignore_ascii_case(name) || rule.code().eq_ignore_ascii_case(name);
        table().map(|entry| entry.rule).find(|rule| is_named(*rule))
    }

    /// Returns the number, such as 52.
    pub fn number(self) -> u16 {
        self as u16
    }

    /// Returns the code: the number in its written form, such as `R52`.
    pub fn code(self) -> String {
        format!("R{}", self.number())
    }

    /// Returns the slug: the name in kebab-case, such as `weak-password`.
    pub fn slug(self) -> &'static str {
        self.entry().slug
    }

    /// Returns the severity of problems that break the rule.
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// Returns the title, which names the fault as a lower-case fragment.
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// Returns the explanation in whole sentences: the check, the consequences, and the remedy.
    pub fn explanation(self) -> &'static str {
        self.entry().explanation
    }

    /// Returns the keys of the pages that document the rule, see [`page`].
    pub fn pages(self) -> impl Iterator<Item = &'static str> {
        self.entry().pages.split(' ')
    }

    /// Returns `true` if `media.rules` may lower the severity.
    pub fn is_lowerable(self) -> bool {
        self.entry().is_lowerable
    }

    /// Returns `true` if `media.accept` may hide its problems: those that don't prevent a build.
    pub fn is_acceptable(self) -> bool {
        self.severity() != Severity::Error
    }

    /// Returns the reason why the rule is never checked; `None` if it is.
    pub fn unchecked(self) -> Option<&'static str> {
        self.entry().unchecked
    }

    fn entry(self) -> &'static RuleEntry {
        table().find(|entry| entry.rule == self).expect("every rule is in the table")
    }
}

/// Row of the table.
#[derive(Debug)]
struct RuleEntry {
    rule: Rule,
    slug: &'static str,
    severity: Severity,
    title: &'static str,
    explanation: &'static str,
    pages: &'static str,
    is_lowerable: bool,
    unchecked: Option<&'static str>,
}

impl RuleEntry {
    const fn new(rule: Rule, severity: Severity, [slug, title, explanation, pages]: [&'static str; 4]) -> Self {
        Self { rule, slug, severity, title, explanation, pages, is_lowerable: false, unchecked: None }
    }

    const fn lowerable(mut self) -> Self {
        self.is_lowerable = true;
        self
    }

    const fn unchecked(mut self, why: &'static str) -> Self {
        self.unchecked = Some(why);
        self
    }
}

const fn error(
    rule: Rule,
    slug: &'static str,
    title: &'static str,
    explanation: &'static str,
    pages: &'static str,
) -> RuleEntry {
    RuleEntry::new(rule, Severity::Error, [slug, title, explanation, pages])
}

const fn warning(
    rule: Rule,
    slug: &'static str,
    title: &'static str,
    explanation: &'static str,
    pages: &'static str,
) -> RuleEntry {
    RuleEntry::new(rule, Severity::Warning, [slug, title, explanation, pages])
}

const fn note(
    rule: Rule,
    slug: &'static str,
    title: &'static str,
    explanation: &'static str,
    pages: &'static str,
) -> RuleEntry {
    RuleEntry::new(rule, Severity::Note, [slug, title, explanation, pages])
}

/// Iterates over the rows, grouped by subject.
fn table() -> impl Iterator<Item = &'static RuleEntry> {
    [media::RULES, content::RULES, site::RULES, data::RULES, sequence::RULES, standalone::RULES, deployment::RULES]
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_rule_once_with_a_title_an_explanation_and_known_pages() {
        let numbers: Vec<_> = Rule::all().into_iter().map(Rule::number).collect();
        assert_eq!(numbers, (1..=178).collect::<Vec<_>>());
        for rule in Rule::all() {
            let title = rule.title();
            assert!(!title.ends_with('.') && !title.is_empty(), "{rule}: {title}");
            assert!(rule.explanation().ends_with('.'), "{rule}: {}", rule.explanation());
            for key in rule.pages() {
                assert!(page(key).is_some(), "{rule}: no page `{key}`");
            }
        }
    }

    #[test]
    fn slugs_are_the_names_of_the_variants() {
        for rule in Rule::all() {
            let mut slug = String::new();
            for c in format!("{rule:?}").chars() {
                if c.is_ascii_uppercase() && !slug.is_empty() {
                    slug.push('-');
                }
                slug.push(c.to_ascii_lowercase());
            }
            assert_eq!(rule.slug(), slug);
        }
    }

    #[test]
    fn rules_are_found_by_slug_and_number_in_any_case() {
        for name in ["weak-password", "Weak-Password", "R52", "r52"] {
            assert_eq!(Rule::parse(name), Some(Rule::WeakPassword), "{name}");
        }
        for name in ["", "R", "R0", "R052", "R+52", "52", "weak", "WeakPassword"] {
            assert_eq!(Rule::parse(name), None, "{name}");
        }
    }
}
