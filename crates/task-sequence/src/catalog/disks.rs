//! Steps that prepare and encrypt disks.

use super::{Choice, Environment, Key, StepKind, ValueType, choice};

/// Encryption methods of BitLocker.
const METHODS: &[Choice] = &[
    choice("system", "0", "Default of the operating system."),
    choice("aes-128", "3", "AES with a 128-bit key."),
    choice("aes-256", "4", "AES with a 256-bit key."),
    choice("xts-aes-128", "6", "XTS-AES with a 128-bit key."),
    choice("xts-aes-256", "7", "XTS-AES with a 256-bit key."),
];

pub const KINDS: &[StepKind] = &[
    StepKind {
        name: "partition-disk",
        title: "Format and Partition Disk",
        class: "PartitionDiskAction",
        doc: "Partitions and formats one disk. All data on the disk is lost.",
        environment: Environment::WindowsPe,
        command: "osddiskpart.exe",
        success_codes: &[0],
        keys: &[
            Key::new("disk", "DiskIndex", ValueType::Integer(0, 10_000), "Number of the disk, from 0 (R117).")
                .in_variable("OSDDiskIndex")
                .with_default("0"),
            Key::new(
                "disk-variable",
                "DiskIndexVariable",
                ValueType::Variable,
                "Variable with the number of the disk, instead of `disk`.",
            )
            .in_variable("OSDDiskIndexVariable"),
            Key::new(
                "style",
                "PartitionStyle",
                ValueType::Choice(&[
                    choice("mbr", "MBR", "Master boot record, for BIOS."),
                    choice("gpt", "GPT", "GUID partition table, for UEFI."),
                ]),
                "Type of partition table.",
            )
            .in_variable("OSDPartitionStyle")
            .required(),
            Key::new(
                "disk-type",
                "DiskType",
                ValueType::Choice(&[choice("basic", "BASIC", "Basic disk.")]),
                "Type of disk. Deprecated, but consoles still write it.",
            )
            .in_variable("OSDDiskType")
            .with_default("basic"),
            Key::new(
                "boot-disk",
                "GPTBootDisk",
                ValueType::Boolean,
                "Start the computer from this GPT disk, which then needs an EFI partition.",
            )
            .in_variable("OSDGPTBootDisk")
            .with_default("true"),
            Key::new(
                "bios-compatibility",
                "DiskpartBiosCompatibilityMode",
                ValueType::Boolean,
                "Align partitions to cylinders, for old BIOSes.",
            )
            .in_variable("OSDDiskpartBiosCompatibilityMode")
            .with_default("false"),
            Key::new(
                "partitions",
                "Partitions",
                ValueType::Tables(PARTITIONS),
                "Partitions, in their order on the disk.",
            )
            .in_variable("OSDPartitions")
            .required(),
        ],
    },
    StepKind {
        name: "convert-disk-to-dynamic",
        title: "Convert Disk to Dynamic",
        class: "ConvertDiskAction",
        doc: "Converts a basic disk to a dynamic disk.",
        environment: Environment::Any,
        command: "osddiskpart.exe convert %OSDConvertDiskIndex%",
        success_codes: &[0],
        keys: &[Key::new("disk", "DiskIndex", ValueType::Integer(0, 10_000), "Number of the disk, from 0.")
            .in_variable("OSDConvertDiskIndex")
            .with_default("0")],
    },
    StepKind {
        name: "enable-bitlocker",
        title: "Enable BitLocker",
        class: "EnableBitLockerAction",
        doc: "Encrypts a drive with BitLocker in the installed system.",
        environment: Environment::FullOs,
        command: "OSDBitLocker.exe /enable [ /drive:{drive}] /wait:{wait} /mode:{mode}[ /keydrive:{key-drive}] /pwd:{recovery-key}[ /full:{full-disk}][ /crypt:{method}][ /ignoretpm:{skip-without-tpm}]",
        success_codes: &[0],
        keys: &[
            Key::new(
                "drive",
                "TargetDrive",
                ValueType::Text(2),
                "Drive to encrypt, such as `D:`. Default: the system drive.",
            )
            .in_variable("OSDBitLockerTargetDrive")
            .hidden()
            .documented(),
            Key::new(
                "mode",
                "Mode",
                ValueType::Choice(&[
                    choice("tpm", "TPM", "TPM only."),
                    choice("usb", "Key", "Startup key on a USB drive."),
                    choice("tpm-and-usb", "TPMAndKey", "TPM and a startup key on a USB drive."),
                    choice("tpm-and-pin", "TPMAndPIN", "TPM and a PIN of 4 to 20 digits (R121)."),
                ]),
                "Protectors that unlock the drive when the computer starts.",
            )
            .in_variable("OSDBitLockerMode")
            .hidden()
            .with_default("tpm"),
            Key::new("pin", "PIN", ValueType::Secret, "PIN of 4 to 20 digits, for `mode = \"tpm-and-pin\"`.")
                .in_variable("OSDBitLockerPIN")
                .documented(),
            Key::new(
                "key-drive",
                "StartupKeyDrive",
                ValueType::Text(2),
                "Drive for the startup key, such as `E:`. Default: the first USB drive.",
            )
            .in_variable("OSDBitLockerStartupKeyDrive")
            .hidden()
            .documented(),
            Key::new(
                "recovery-key",
                "CreateRecoveryPassword",
                ValueType::Choice(&[
                    choice("active-directory", "AD", "Save the recovery key in Active Directory."),
                    choice("none", "None", "Don't create a recovery key."),
                ]),
                "Location of the recovery key.",
            )
            .in_variable("OSDBitLockerCreateRecoveryPassword")
            .hidden()
            .with_default("active-directory"),
            Key::new(
                "method",
                "EncryptMethod",
                ValueType::Choice(METHODS),
                "Encryption method. Default: that of the operating system.",
            )
            .in_variable("OSDBitLockerEncryptMethod")
            .hidden(),
            Key::new("full-disk", "EncryptFullDisk", ValueType::Boolean, "Encrypt unused space as well.")
                .in_variable("OSDBitLockerEncryptFullDisk")
                .hidden()
                .with_default("false"),
            Key::new("wait", "WaitForEncryption", ValueType::Boolean, "Wait until encryption is complete.")
                .in_variable("OSDBitLockerWaitForEncryption")
                .hidden()
                .with_default("false"),
            Key::new(
                "skip-without-tpm",
                "SkipWhenNoValidTPM",
                ValueType::Boolean,
                "Skip the step on computers without a usable TPM, instead of failing.",
            )
            .in_variable("OSDBitLockerSkipWhenNoValidTPM")
            .hidden()
            .with_default("false")
            .optional(),
        ],
    },
    StepKind {
        name: "disable-bitlocker",
        title: "Disable BitLocker",
        class: "DisableBitLockerAction",
        doc: "Suspends BitLocker on a drive, so that the system can restart and be serviced.",
        environment: Environment::FullOs,
        command: "OSDBitLocker.exe /disable [ /drive:{drive}]",
        success_codes: &[0],
        keys: &[
            Key::new(
                "drive",
                "TargetDrive",
                ValueType::Text(2),
                "Drive to suspend BitLocker on, such as `D:`. Default: the system drive.",
            )
            .in_variable("OSDBitLockerTargetDrive")
            .hidden()
            .documented(),
            Key::new(
                "restarts",
                "RebootCount",
                ValueType::Integer(1, 15),
                "Number of restarts until BitLocker resumes, 1 to 15 (R121).",
            )
            .in_variable("OSDBitLockerRebootCount")
            .with_default("1")
            .optional(),
        ],
    },
    StepKind {
        name: "pre-provision-bitlocker",
        title: "Pre-provision BitLocker",
        class: "OfflineEnableBitLockerAction",
        doc: "Enables BitLocker in Windows PE for the used space of a formatted drive.",
        environment: Environment::WindowsPe,
        command: "OSDOfflineBitlocker.exe /enable [ /disk:{disk}][ /part:{partition}][ /drive:{drive}][ /drive:%{drive-variable}%] /ignoretpm:{skip-without-tpm}[ /full:{full-disk}][ /crypt:{method}]",
        success_codes: &[0],
        keys: &[
            Key::new(
                "disk",
                "DestinationDisk",
                ValueType::Integer(0, 99),
                "Number of the disk, 0 to 99; requires `partition`.",
            )
            .in_variable("OSDBitLockerDestinationDisk")
            .hidden()
            .documented(),
            Key::new(
                "partition",
                "DestinationPartition",
                ValueType::Integer(1, 99),
                "Number of the partition on `disk`, 1 to 99.",
            )
            .in_variable("OSDBitLockerDestinationPartition")
            .hidden()
            .documented(),
            Key::new("drive", "DestinationLogicalDrive", ValueType::Text(2), "Drive to encrypt, such as `D:`.")
                .in_variable("OSDBitLockerDestinationLogicalDrive")
                .hidden()
                .documented(),
            Key::new(
                "drive-variable",
                "DestinationVariable",
                ValueType::Variable,
                "Variable that contains the letter of the drive.",
            )
            .in_variable("OSDBitLockerDestinationVariable")
            .hidden()
            .documented(),
            Key::new(
                "method",
                "EncryptMethod",
                ValueType::Choice(METHODS),
                "Encryption method. Default: that of the operating system.",
            )
            .in_variable("OSDBitLockerEncryptMethod")
            .hidden()
            .documented(),
            Key::new("full-disk", "EncryptFullDisk", ValueType::Boolean, "Encrypt unused space as well.")
                .in_variable("OSDBitLockerEncryptFullDisk")
                .hidden()
                .with_default("false"),
            Key::new(
                "skip-without-tpm",
                "SkipWhenTPMInvalid",
                ValueType::Boolean,
                "Skip the step on computers without a usable TPM, instead of failing.",
            )
            .in_variable("OSDBitLockerSkipWhenTPMInvalid")
            .hidden()
            .with_default("true"),
        ],
    },
];

/// Keys of a partition.
const PARTITIONS: &[Key] = &[
    Key::new(
        "type",
        "Type",
        ValueType::Choice(&[
            choice("primary", "PRIMARY", "Primary partition."),
            choice("extended", "EXTENDED", "Extended partition, which contains the logical ones. MBR only (R118)."),
            choice("logical", "LOGICAL", "Logical partition. MBR only (R118)."),
            choice("hidden", "HIDDEN", "Primary partition without a drive letter."),
            choice("efi", "EFI", "EFI system partition. GPT only."),
            choice("msr", "MSR", "Microsoft Reserved Partition. GPT only."),
            choice("recovery", "RECOVERY", "Partition of the Windows Recovery Environment."),
        ]),
        "Type of partition.",
    )
    .with_default("primary"),
    Key::new(
        "file-system",
        "FileSystem",
        ValueType::Choice(&[choice("ntfs", "NTFS", "NTFS."), choice("fat32", "FAT32", "FAT32.")]),
        "File system to format the partition with. Default: not formatted.",
    ),
    Key::new("name", "VolumeName", ValueType::Text(32), "Label of the volume: at most 32 characters."),
    Key::new(
        "size",
        "Size",
        ValueType::Integer(1, i64::MAX),
        "Size of the partition in `size-unit`. Percentages are of the remaining space (R118). Default: all remaining space.",
    ),
    Key::new(
        "size-unit",
        "SizeUnits",
        ValueType::Choice(&[
            choice("mb", "MB", "Megabytes."),
            choice("gb", "GB", "Gigabytes."),
            choice("percent", "PERCENT", "Percent of the remaining space on the disk."),
        ]),
        "Unit of `size`.",
    )
    .with_default("mb"),
    Key::new("quick-format", "QuickFormat", ValueType::Boolean, "Format without checking the disk for errors.")
        .with_default("true"),
    Key::new("boot", "Bootable", ValueType::Boolean, "Start the computer from this partition.").with_default("false"),
    Key::new("assign-letter", "AssignVolumeLetter", ValueType::Boolean, "Assign a drive letter.").with_default("true"),
    Key::new("variable", "VolumeLetterVariable", ValueType::Variable, "Variable to store the drive letter in."),
];
