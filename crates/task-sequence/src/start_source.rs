//! Sources that start a task sequence: a medium, the network, or the client of a running system.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::catalog::Environment;
use crate::reach::{System, reach};
use crate::{MediaKind, Sequence, Step};

/// Source that a task sequence is started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StartSource {
    /// Bootable medium (`_SMSTSMediaType` is `BootMedia`).
    Bootable,
    /// Prestaged medium (`OEMMedia`).
    Prestaged,
    /// Stand-alone medium (`FullMedia`).
    StandAlone,
    /// Capture medium with a task sequence (`FullMedia`).
    Capture,
    /// Network (`PXE`).
    Pxe,
    /// Configuration Manager client of a running system, without a medium.
    Client,
}

/// Device with the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchDevice {
    /// CD (`_SMSTSLaunchMode` is `CD`).
    Cd,
    /// DVD (`DVD`).
    Dvd,
    /// USB stick (`UFD+FORMAT`).
    Usb,
}

impl From<MediaKind> for StartSource {
    fn from(kind: MediaKind) -> Self {
        match kind {
            MediaKind::Bootable => Self::Bootable,
            MediaKind::Prestaged => Self::Prestaged,
            MediaKind::StandAlone => Self::StandAlone,
            MediaKind::Capture => Self::Capture,
        }
    }
}

impl StartSource {
    /// Returns a noun phrase for messages.
    pub fn description(self) -> &'static str {
        match self {
            Self::Bootable => "a bootable medium",
            Self::Prestaged => "a prestaged medium",
            Self::StandAlone => "a stand-alone medium",
            Self::Capture => "a capture medium",
            Self::Pxe => "the network",
            Self::Client => "a running system",
        }
    }
}

/// Finds the first step for which the medium has to be started in Windows: a step that runs in the
/// full operating system before the sequence has applied one.
///
/// A step with a condition that excludes Windows PE is skipped when the computer starts from the
/// medium, so it does not count. An in-place upgrade counts regardless, and so does every such step
/// on capture media, which are for running computers.
pub fn needs_windows(sequence: &Sequence, kind: MediaKind) -> Option<&Step> {
    let reached = reach(sequence, Some(kind));
    let steps = sequence.walk().into_iter().zip(&reached).filter(|((_, step), reached)| {
        let Some(action) = step.action().filter(|action| action.kind.environment == Environment::FullOs) else {
            return false;
        };
        let (in_windows, in_windows_pe): (Vec<_>, Vec<_>) =
            reached.certain().partition(|world| world.system == System::FullOs);
        let is_before_system = !in_windows.is_empty() && in_windows.iter().all(|world| !world.has_applied);
        let is_unguarded = !in_windows_pe.is_empty();
        is_before_system && (is_unguarded || kind == MediaKind::Capture || action.is("upgrade-operating-system"))
    });
    steps.map(|((_, step), _)| step).next()
}

#[cfg(test)]
mod tests {
    use camino::Utf8Path;

    use super::*;
    use authoring::inputs::Inputs;
    use authoring::problem::Problems;
    use authoring::values::Context;

    /// Returns the name of the first step that needs Windows.
    fn step_that_needs_windows(steps: &str, kind: MediaKind) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(folder.path()).unwrap().join("sequence.toml");
        std::fs::write(&path, format!("sequence-version = 1\nname = \"x\"\n{steps}")).unwrap();
        let mut problems = Problems::default();
        let sequence = crate::read(&path, &Context::new(), &mut problems, &mut Inputs::default()).unwrap();
        let sequence = sequence.unwrap_or_else(|| panic!("{problems:?}"));
        needs_windows(&sequence, kind).map(|step| step.name.clone())
    }

    const IN_WINDOWS: &str = "condition = { variable = \"_SMSTSInWinPE\", value = \"false\" }\n";
    const UPGRADE: &str =
        "[[steps]]\ntype = \"upgrade-operating-system\"\nname = \"Upgrade\"\npackage = \"BER00011\"\n";
    const PREPARE: &str = "[[steps]]\ntype = \"prepare-windows-for-capture\"\nname = \"Prepare\"\n";
    const DEPLOY: &str = "[[steps]]\ntype = \"apply-operating-system\"\nname = \"Apply\"\nimage = \"BER00010\"\n\
                          [[steps]]\ntype = \"setup-windows\"\nname = \"Setup\"\nclient-package = \"BER00002\"\n";

    #[test]
    fn an_upgrade_in_place_needs_windows_however_it_is_guarded() {
        let upgrade = Some("Upgrade".to_owned());
        assert_eq!(step_that_needs_windows(UPGRADE, MediaKind::StandAlone), upgrade);
        assert_eq!(step_that_needs_windows(&format!("{UPGRADE}{IN_WINDOWS}"), MediaKind::StandAlone), upgrade);
        assert_eq!(step_that_needs_windows(&format!("{UPGRADE}disabled = true\n"), MediaKind::StandAlone), None);
    }

    #[test]
    fn a_step_in_windows_counts_before_the_sequence_has_applied_a_system_unless_it_is_guarded() {
        let prepare = Some("Prepare".to_owned());
        assert_eq!(step_that_needs_windows(&format!("{PREPARE}{DEPLOY}"), MediaKind::StandAlone), prepare);
        assert_eq!(step_that_needs_windows(&format!("{PREPARE}{IN_WINDOWS}{DEPLOY}"), MediaKind::StandAlone), None);
        assert_eq!(step_that_needs_windows(&format!("{PREPARE}{IN_WINDOWS}"), MediaKind::Capture), prepare);
    }
}
