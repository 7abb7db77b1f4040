//! Steps that prepare and encrypt disks.

use super::{Choice, Environment, Form, Key, Kind, choice};

/// The ways in which BitLocker encrypts.
const METHODS: &[Choice] = &[
    choice("system", "0", "As the system has it."),
    choice("aes-128", "3", "AES with 128 bits."),
    choice("aes-256", "4", "AES with 256 bits."),
    choice("xts-aes-128", "6", "XTS-AES with 128 bits."),
    choice("xts-aes-256", "7", "XTS-AES with 256 bits."),
];

pub const KINDS: &[Kind] = &[
    Kind {
        name: "partition-disk",
        title: "Format and Partition Disk",
        class: "PartitionDiskAction",
        doc: "Partitions and formats one disk. What was on it is lost.",
        environment: Environment::WindowsPe,
        command: "osddiskpart.exe",
        success_codes: &[0],
        keys: &[
            Key::new("disk", "DiskIndex", Form::Integer(0, 10_000), "The number of the disk (R117).")
                .in_variable("OSDDiskIndex")
                .or("0"),
            Key::new(
                "disk-variable",
                "DiskIndexVariable",
                Form::Variable,
                "A variable with the number of the disk, in place of `disk`.",
            )
            .in_variable("OSDDiskIndexVariable"),
            Key::new(
                "style",
                "PartitionStyle",
                Form::Choice(&[
                    choice("mbr", "MBR", "A master boot record: for BIOS."),
                    choice("gpt", "GPT", "A GUID partition table: for UEFI."),
                ]),
                "The partition table.",
            )
            .in_variable("OSDPartitionStyle")
            .required(),
            Key::new(
                "disk-type",
                "DiskType",
                Form::Choice(&[choice("basic", "BASIC", "A basic disk.")]),
                "The type of the disk. Deprecated; consoles still write it.",
            )
            .in_variable("OSDDiskType")
            .or("basic"),
            Key::new(
                "boot-disk",
                "GPTBootDisk",
                Form::Boolean,
                "Whether the computer starts from a GPT disk: it then needs an EFI partition.",
            )
            .in_variable("OSDGPTBootDisk")
            .or("true"),
            Key::new(
                "bios-compatibility",
                "DiskpartBiosCompatibilityMode",
                Form::Boolean,
                "Whether partitions begin on cylinders, for old BIOSes.",
            )
            .in_variable("OSDDiskpartBiosCompatibilityMode")
            .or("false"),
            Key::new("partitions", "Partitions", Form::Tables(PARTITIONS), "The partitions, in the order of the disk.")
                .in_variable("OSDPartitions")
                .required(),
        ],
    },
    Kind {
        name: "convert-disk-to-dynamic",
        title: "Convert Disk to Dynamic",
        class: "ConvertDiskAction",
        doc: "Makes a basic disk a dynamic one.",
        environment: Environment::Any,
        command: "osddiskpart.exe convert %OSDConvertDiskIndex%",
        success_codes: &[0],
        keys: &[Key::new("disk", "DiskIndex", Form::Integer(0, 10_000), "The number of the disk.")
            .in_variable("OSDConvertDiskIndex")
            .or("0")],
    },
    Kind {
        name: "enable-bitlocker",
        title: "Enable BitLocker",
        class: "EnableBitLockerAction",
        doc: "Encrypts a drive of the installed system with BitLocker.",
        environment: Environment::FullOs,
        command: "OSDBitLocker.exe /enable [ /drive:{drive}] /wait:{wait} /mode:{mode}[ /keydrive:{key-drive}] /pwd:{recovery-key}[ /full:{full-disk}][ /crypt:{method}][ /ignoretpm:{skip-without-tpm}]",
        success_codes: &[0],
        keys: &[
            Key::new("drive", "TargetDrive", Form::Text(2), "The drive, such as `D:`; the system's unless said.")
                .in_variable("OSDBitLockerTargetDrive")
                .hidden()
                .documented(),
            Key::new(
                "mode",
                "Mode",
                Form::Choice(&[
                    choice("tpm", "TPM", "The TPM alone."),
                    choice("usb", "Key", "A startup key on a USB stick."),
                    choice("tpm-and-usb", "TPMAndKey", "Both."),
                    choice("tpm-and-pin", "TPMAndPIN", "The TPM and a PIN of 4 to 20 digits (R121)."),
                ]),
                "What unlocks the drive when the computer starts.",
            )
            .in_variable("OSDBitLockerMode")
            .hidden()
            .or("tpm"),
            Key::new("pin", "PIN", Form::Secret, "The PIN, for `mode = \"tpm-and-pin\"`.")
                .in_variable("OSDBitLockerPIN")
                .documented(),
            Key::new(
                "key-drive",
                "StartupKeyDrive",
                Form::Text(2),
                "The drive of the startup key, such as `E:`; the first USB drive unless set.",
            )
            .in_variable("OSDBitLockerStartupKeyDrive")
            .hidden()
            .documented(),
            Key::new(
                "recovery-key",
                "CreateRecoveryPassword",
                Form::Choice(&[
                    choice("active-directory", "AD", "Kept in Active Directory."),
                    choice("none", "None", "Not made."),
                ]),
                "Where the recovery key is kept.",
            )
            .in_variable("OSDBitLockerCreateRecoveryPassword")
            .hidden()
            .or("active-directory"),
            Key::new(
                "method",
                "EncryptMethod",
                Form::Choice(METHODS),
                "How it is encrypted; as the system has it unless said.",
            )
            .in_variable("OSDBitLockerEncryptMethod")
            .hidden(),
            Key::new("full-disk", "EncryptFullDisk", Form::Boolean, "Whether unused space is encrypted too.")
                .in_variable("OSDBitLockerEncryptFullDisk")
                .hidden()
                .or("false"),
            Key::new("wait", "WaitForEncryption", Form::Boolean, "Whether the sequence waits until all is encrypted.")
                .in_variable("OSDBitLockerWaitForEncryption")
                .hidden()
                .or("false"),
            Key::new(
                "skip-without-tpm",
                "SkipWhenNoValidTPM",
                Form::Boolean,
                "Whether a computer without a TPM that can be used is passed over.",
            )
            .in_variable("OSDBitLockerSkipWhenNoValidTPM")
            .hidden()
            .or("false")
            .optional(),
        ],
    },
    Kind {
        name: "disable-bitlocker",
        title: "Disable BitLocker",
        class: "DisableBitLockerAction",
        doc: "Suspends BitLocker on a drive of the running system, so that it can be restarted and serviced.",
        environment: Environment::FullOs,
        command: "OSDBitLocker.exe /disable [ /drive:{drive}]",
        success_codes: &[0],
        keys: &[
            Key::new("drive", "TargetDrive", Form::Text(2), "The drive, such as `D:`; the system's unless said.")
                .in_variable("OSDBitLockerTargetDrive")
                .hidden()
                .documented(),
            Key::new("restarts", "RebootCount", Form::Integer(1, 15), "After how many restarts it goes on (R121).")
                .in_variable("OSDBitLockerRebootCount")
                .or("1")
                .optional(),
        ],
    },
    Kind {
        name: "pre-provision-bitlocker",
        title: "Pre-provision BitLocker",
        class: "OfflineEnableBitLockerAction",
        doc: "Turns BitLocker on in Windows PE, on the used space of a formatted drive.",
        environment: Environment::WindowsPe,
        command: "OSDOfflineBitlocker.exe /enable [ /disk:{disk}][ /part:{partition}][ /drive:{drive}][ /drive:%{drive-variable}%] /ignoretpm:{skip-without-tpm}[ /full:{full-disk}][ /crypt:{method}]",
        success_codes: &[0],
        keys: &[
            Key::new("disk", "DestinationDisk", Form::Integer(0, 99), "The disk of the drive; with `partition`.")
                .in_variable("OSDBitLockerDestinationDisk")
                .hidden()
                .documented(),
            Key::new("partition", "DestinationPartition", Form::Integer(1, 99), "The partition of that disk.")
                .in_variable("OSDBitLockerDestinationPartition")
                .hidden()
                .documented(),
            Key::new("drive", "DestinationLogicalDrive", Form::Text(2), "The drive, such as `D:`.")
                .in_variable("OSDBitLockerDestinationLogicalDrive")
                .hidden()
                .documented(),
            Key::new("drive-variable", "DestinationVariable", Form::Variable, "A variable that holds the drive.")
                .in_variable("OSDBitLockerDestinationVariable")
                .hidden()
                .documented(),
            Key::new(
                "method",
                "EncryptMethod",
                Form::Choice(METHODS),
                "How it is encrypted; as the system has it unless said.",
            )
            .in_variable("OSDBitLockerEncryptMethod")
            .hidden()
            .documented(),
            Key::new("full-disk", "EncryptFullDisk", Form::Boolean, "Whether unused space is encrypted too.")
                .in_variable("OSDBitLockerEncryptFullDisk")
                .hidden()
                .or("false"),
            Key::new(
                "skip-without-tpm",
                "SkipWhenTPMInvalid",
                Form::Boolean,
                "Whether a computer without a TPM that can be used is passed over.",
            )
            .in_variable("OSDBitLockerSkipWhenTPMInvalid")
            .hidden()
            .or("true"),
        ],
    },
];

/// What a partition says.
const PARTITIONS: &[Key] = &[
    Key::new(
        "type",
        "Type",
        Form::Choice(&[
            choice("primary", "PRIMARY", "A primary partition."),
            choice("extended", "EXTENDED", "The partition of the logical ones. MBR only (R118)."),
            choice("logical", "LOGICAL", "A logical partition. MBR only (R118)."),
            choice("hidden", "HIDDEN", "A primary partition that gets no letter."),
            choice("efi", "EFI", "The EFI system partition. GPT only."),
            choice("msr", "MSR", "Microsoft's reserved partition. GPT only."),
            choice("recovery", "RECOVERY", "The partition of the recovery environment."),
        ]),
        "What it is.",
    )
    .or("primary"),
    Key::new(
        "file-system",
        "FileSystem",
        Form::Choice(&[choice("ntfs", "NTFS", "NTFS."), choice("fat32", "FAT32", "FAT32.")]),
        "What it is formatted with; it is not formatted unless said.",
    ),
    Key::new("name", "VolumeName", Form::Text(32), "The label of the volume."),
    Key::new(
        "size",
        "Size",
        Form::Integer(1, i64::MAX),
        "Its size, in `size-unit`: all that is left of the disk unless said. Percent are of what is left (R118).",
    ),
    Key::new(
        "size-unit",
        "SizeUnits",
        Form::Choice(&[
            choice("mb", "MB", "Megabytes."),
            choice("gb", "GB", "Gigabytes."),
            choice("percent", "PERCENT", "Percent of what is left of the disk."),
        ]),
        "What `size` is in.",
    )
    .or("mb"),
    Key::new("quick-format", "QuickFormat", Form::Boolean, "Whether it is formatted without being checked.").or("true"),
    Key::new("boot", "Bootable", Form::Boolean, "Whether the computer starts from it.").or("false"),
    Key::new("assign-letter", "AssignVolumeLetter", Form::Boolean, "Whether it gets a letter.").or("true"),
    Key::new("variable", "VolumeLetterVariable", Form::Variable, "The variable that is set to its letter."),
];
