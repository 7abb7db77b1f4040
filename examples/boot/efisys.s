/* A stand-in for efisys.bin: the FAT12 volume that UEFI finds through the boot catalog of a disc, as a user may bring
   one. Holds the UEFI program as `EFI/BOOT/BOOTX64.EFI`, or with the symbol ARM64 as `BOOTAA64.EFI`. Every folder and
   the program take one cluster of 16 KiB each. "FAT: General Overview of On-Disk Format" 1.03. */

        .equ    CLUSTER, 32 * 512
        .equ    DAY, 0x21                       /* 1980-01-01 */

        .macro  entry name, attributes, cluster, length=0
        .ascii  "\name"
        .byte   \attributes, 0, 0
        .short  0, DAY, DAY, 0, 0, DAY, \cluster
        .long   \length
        .endm

        .text
        .globl  _start
_start:
        .byte   0xEB, 0x3C, 0x90                /* boot sector */
        .ascii  "MSWIN4.1"
        .short  512
        .byte   32                              /* sectors of a cluster */
        .short  1                               /* reserved sectors */
        .byte   2                               /* tables */
        .short  16                              /* root entries */
        .short  2880
        .byte   0xF0
        .short  1, 18, 2                        /* sectors of a table, of a track; heads */
        .long   0, 0
        .byte   0, 0, 0x29
        .ascii  "TSMD", "EFI BOOT   ", "FAT12   "
        .org    510
        .byte   0x55, 0xAA
        .rept   2                               /* clusters 2, 3 and 4: a chain of one each */
        .byte   0xF0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F
        .fill   504
        .endr
root:
        entry   "EFI BOOT   ", 8, 0
        entry   "EFI        ", 16, 2
        .org    root + 512
cluster_2:
        entry   ".          ", 16, 2
        entry   "..         ", 16, 0
        entry   "BOOT       ", 16, 3
        .org    cluster_2 + CLUSTER
cluster_3:
        entry   ".          ", 16, 3
        entry   "..         ", 16, 2
        .ifdef  ARM64
        entry   "BOOTAA64EFI", 32, 4, (program_end-program)
        .else
        entry   "BOOTX64 EFI", 32, 4, (program_end-program)
        .endif
        .org    cluster_3 + CLUSTER
program:
        .incbin "boot.efi"
program_end:
        .org    program + CLUSTER               /* fails if the program is longer */
        .org    2880 * 512
