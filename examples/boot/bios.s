# A stand-in for etfsboot.com: shows that a BIOS started the disc, and that the disc can be read from there.
#
# El Torito, no emulation: the BIOS loads these bytes (at most 4,096) to 0x7C00 and jumps there in real mode, the
# drive in DL. Looks for BOOTMGR where and as etfsboot.com does: on a disc with a UDF anchor in sector 256 (ECMA-167)
# by UDF, with the sectors of file entries in 16 bits, and on others by ISO 9660 (ECMA-119). Then prints the volume
# label, `tsmedia/medium.toml` and a last line to the screen and to the first serial port; for these it reads as
# BOOTMGR does, with 32 bits. Reads the disc by INT 13h, function 42h.

        .intel_syntax noprefix
        .code16
        .equ    SECTOR, 0xA000                  # where a sector of the disc is read to, or two
        .equ    LABEL, 0xB000                   # the volume label: 128 bytes
        .equ    COM1, 0x3F8
        .equ    A_FILE, 0                       # what find looks for: UDF's and ISO 9660's flag of a folder
        .equ    A_FOLDER, 2

        .text
        .globl  _start
_start:
        cli
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     sp, 0x7C00
        sti
        cld
        ljmp    0, offset go
go:
        mov     [drive], dl
        call    open_serial
        mov     si, offset greeting
        call    print

        mov     eax, 256
        call    try_sector
        jc      is_iso                          # a disc that short has no anchor
        cmp     word ptr [SECTOR], 2            # anchor volume descriptor pointer (ECMA-167 3/10.2)
        jne     is_iso
        cmp     dword ptr [SECTOR + 12], 256
        jne     is_iso
        call    open_udf
        jmp     find_bootmgr
is_iso:
        call    open_iso

find_bootmgr:
        mov     di, offset boot_folder
        mov     dl, A_FOLDER
        call    find_in_root
        jc      not_in_boot
        push    eax
        push    ecx
        mov     di, offset bootfix
        mov     dl, A_FILE
        call    find
        jc      no_prompt
        mov     si, offset asks
        call    print
no_prompt:
        pop     ecx
        pop     eax
        mov     di, offset bootmgr
        mov     dl, A_FILE
        call    find
        jnc     start
not_in_boot:
        mov     di, offset bootmgr
        mov     dl, A_FILE
        call    find_in_root
        mov     si, offset no_bootmgr
        jc      fail

start:
        mov     dword ptr [entry_mask], 0xFFFFFFFF
        mov     si, offset label
        call    print
        mov     si, [label_at]
        mov     cx, [label_len]
        call    print_padded
        mov     si, offset newline
        call    print
        mov     di, offset own_folder
        mov     dl, A_FOLDER
        call    find_in_root
        mov     si, offset no_file
        jc      fail
        push    eax
        push    ecx
        mov     di, offset description
        mov     dl, A_FILE
        call    find
        jnc     print_description
        pop     ecx
        pop     eax
        push    eax
        push    ecx
        mov     di, offset short_description
        call    find
        mov     si, offset no_file
        jc      fail
print_description:
        call    print_file

        mov     si, offset done
        call    print
halt:
        hlt
        jmp     halt

fail:
        push    si
        mov     si, offset failed
        call    print
        pop     si
        call    print
        jmp     halt

# Of the disc whose anchor is at SECTOR, notes partition, volume label and root folder.
open_udf:
        mov     word ptr [finder], offset find_udf
        mov     ecx, [SECTOR + 16]              # the main volume descriptor sequence: length, sector
        shr     ecx, 11
        mov     eax, [SECTOR + 20]
next_descriptor:
        jecxz   descriptors_end
        call    read_sector
        cmp     word ptr [SECTOR], 5            # partition descriptor (3/10.5): starting location
        jne     not_partition
        mov     edx, [SECTOR + 188]
        mov     [partition], edx
not_partition:
        cmp     word ptr [SECTOR], 6            # logical volume descriptor (3/10.6)
        jne     not_volume
        mov     edx, [SECTOR + 252]             # block of the file set
        mov     [root_sector], edx
        pushad
        mov     si, SECTOR + 84                 # logical volume identifier
        mov     di, LABEL
        mov     cx, 64
        rep     movsw
        popad
not_volume:
        inc     eax
        dec     ecx
        jmp     next_descriptor
descriptors_end:
        call    udf_label
        mov     eax, [root_sector]
        call    entry_sector
        call    read_sector
        mov     si, offset no_bootmgr
        cmp     word ptr [SECTOR], 256          # file set descriptor (4/14.1)
        jne     fail
        mov     eax, [SECTOR + 404]             # block of the root folder's entry
        call    open_entry
        mov     si, offset no_bootmgr
        jc      fail
        mov     [root_sector], eax
        mov     [root_len], ecx
        ret

# Notes where the text in the dstring at LABEL is; what is not Latin-1 becomes a question mark (OSTA UDF 2.1.1).
udf_label:
        mov     word ptr [label_at], LABEL + 1
        movzx   cx, byte ptr [LABEL + 127]
        jcxz    label_noted
        dec     cx                              # the compression identifier
        cmp     byte ptr [LABEL], 16
        jne     label_noted
        shr     cx, 1
        push    cx
        jcxz    label_shrunk
        mov     si, LABEL + 1
        mov     di, si
shrink:
        lodsw
        xchg    al, ah                          # big-endian
        test    ah, ah
        jz      is_latin
        mov     al, '?'
is_latin:
        stosb
        loop    shrink
label_shrunk:
        pop     cx
label_noted:
        mov     [label_len], cx
        ret

# Notes volume label and root folder of an ISO 9660 disc.
open_iso:
        mov     word ptr [finder], offset find_iso
        mov     eax, 16                         # the primary volume descriptor (ECMA-119 8.4)
        call    read_sector
        mov     si, offset no_volume
        cmp     dword ptr [SECTOR + 1], 0x30304443      # CD00
        jne     fail
        mov     si, SECTOR + 40                 # volume identifier, padded with spaces
        mov     di, LABEL
        mov     cx, 32
        mov     [label_at], di
        mov     [label_len], cx
        rep     movsb
        mov     eax, [SECTOR + 156 + 2]         # root directory record: extent, length
        mov     [root_sector], eax
        mov     eax, [SECTOR + 156 + 10]
        mov     [root_len], eax
        ret

# Finds what has the name at DI (upper case) and is what DL says in the folder at sector EAX of ECX bytes, or in the
# root folder. Leaves its sector in EAX and its length in ECX, or sets the carry flag.
find_in_root:
        mov     eax, [root_sector]
        mov     ecx, [root_len]
find:
        jmp     word ptr [finder]

# As find, by file identifier descriptors (ECMA-167 4/14.4), which may cross from one sector into the next.
find_udf:
        mov     [folder_sector], eax
        mov     [folder_len], ecx
        call    read_two
        mov     bx, SECTOR
next_identifier:
        cmp     word ptr [bx], 257
        jne     not_in_udf
        movzx   ax, byte ptr [bx + 19]          # length of the name
        mov     cx, ax
        add     ax, [bx + 36]                   # and of what stands before it
        add     ax, 38 + 3
        and     ax, 0xFFFC
        mov     [identifier_len], ax
        mov     ah, [bx + 18]                   # characteristics: a folder (2), deleted (4), the parent (8)
        and     ah, 2 + 4 + 8
        cmp     ah, dl
        jne     other_identifier
        jcxz    other_identifier
        lea     bp, [bx + 38]
        add     bp, [bx + 36]
        mov     dh, ds:[bp]                     # compression identifier: 8 or 16 bits
        inc     bp
        dec     cx
        mov     si, di
compare_udf:
        lodsb
        jcxz    name_ends
        cmp     dh, 16
        jne     is_byte
        cmp     byte ptr ds:[bp], 0
        jne     other_identifier
        inc     bp
        dec     cx
        jcxz    other_identifier
is_byte:
        mov     ah, ds:[bp]
        inc     bp
        dec     cx
        call    upper
        cmp     al, ah
        je      compare_udf
        jmp     other_identifier
name_ends:
        test    al, al
        jz      found_in_udf
other_identifier:
        movzx   eax, word ptr [identifier_len]
        sub     [folder_len], eax
        jbe     not_in_udf
        add     bx, ax
        cmp     bx, SECTOR + 2048
        jb      next_identifier
        sub     bx, 2048
        inc     dword ptr [folder_sector]
        call    read_two
        jmp     next_identifier
found_in_udf:
        mov     eax, [bx + 24]                  # block of its entry

# Reads the file entry in block EAX: leaves the first sector in EAX and the length in ECX, or sets the carry flag where
# it is not what etfsboot.com takes.
open_entry:
        call    entry_sector
        call    read_sector
        cmp     word ptr [SECTOR], 261          # file entry (4/14.9)
        jne     not_in_udf
        test    byte ptr [SECTOR + 34], 7       # short allocation descriptors
        jnz     not_in_udf
        cmp     dword ptr [SECTOR + 172], 8     # one of them
        jne     not_in_udf
        mov     eax, [SECTOR + 168]             # length of extended attributes
        cmp     eax, 2048 - 176 - 8
        ja      not_in_udf
        mov     bx, ax
        mov     ecx, [bx + SECTOR + 176]
        and     ecx, 0x3FFFFFFF
        mov     eax, [bx + SECTOR + 176 + 4]
        add     eax, [partition]                # data may be anywhere
        clc
        ret
not_in_udf:
        stc
        ret

# Makes a sector of a logical block: of 16 bits, as etfsboot.com has it, until BOOTMGR is found.
entry_sector:
        add     eax, [partition]
        and     eax, [entry_mask]
        ret

# As find, by directory records (ECMA-119 9.1), none of which passes the end of a sector.
find_iso:
        push    eax
        push    ecx
        call    read_sector
        mov     bx, SECTOR
next_record:
        movzx   ax, byte ptr [bx]               # length of the record
        test    ax, ax
        jz      next_sector
        mov     ah, [bx + 25]                   # file flags
        and     ah, 2
        cmp     ah, dl
        jne     other
        movzx   cx, byte ptr [bx + 32]          # length of the name
        mov     si, di
        lea     bp, [bx + 33]
compare:
        lodsb
        jcxz    ends_here
        mov     ah, ds:[bp]
        inc     bp
        dec     cx
        call    upper
        cmp     al, ah
        je      compare
        cmp     ah, '.'                         # a name without extension may end in a full stop
        je      ends_here
        cmp     ah, ';'                         # the version follows
        jne     other
ends_here:
        test    al, al
        jnz     other
        jcxz    found
        cmp     ah, ';'
        je      found
        cmp     byte ptr ds:[bp], ';'
        je      found
other:
        movzx   ax, byte ptr [bx]
        add     bx, ax
        cmp     bx, SECTOR + 2048
        jb      next_record
next_sector:
        pop     ecx
        pop     eax
        inc     eax
        sub     ecx, 2048
        ja      find_iso
        stc
        ret
found:
        add     sp, 8
        mov     eax, [bx + 2]
        mov     ecx, [bx + 10]
        clc
        ret

# Makes a capital of the letter in AH.
upper:
        cmp     ah, 'a'
        jb      is_upper
        cmp     ah, 'z'
        ja      is_upper
        sub     ah, 32
is_upper:
        ret

# Prints the file at sector EAX of ECX bytes.
print_file:
        jecxz   printed
        push    eax
        push    ecx
        call    read_sector
        pop     ecx
        mov     si, SECTOR
print_byte:
        lodsb
        call    put
        dec     ecx
        jz      last
        cmp     si, SECTOR + 2048
        jb      print_byte
        pop     eax
        inc     eax
        jmp     print_file
last:
        pop     eax
printed:
        ret

# Reads sector EAX to SECTOR, or fails.
read_sector:
        call    try_sector
        jmp     was_read

# Reads the sector of the folder to SECTOR, and the one after it behind that.
read_two:
        mov     eax, [folder_sector]
        mov     word ptr [packet_count], 2
        call    try_sectors
was_read:
        mov     si, offset no_read
        jc      fail
        ret

# Reads sector EAX to SECTOR, or sets the carry flag. Registers stay as they are.
try_sector:
        mov     word ptr [packet_count], 1
try_sectors:
        mov     [packet_sector], eax
        pushad
        mov     si, offset packet
        mov     dl, [drive]
        mov     ah, 0x42
        int     0x13
        popad
        ret

# Prints CX characters at SI but for the spaces at their end.
print_padded:
        mov     bx, si
        add     bx, cx
trim:
        cmp     bx, si
        je      trimmed
        dec     bx
        cmp     byte ptr [bx], ' '
        je      trim
        inc     bx
put_next:
        lodsb
        call    put
        cmp     si, bx
        jb      put_next
trimmed:
        ret

# Prints the text at SI up to a zero.
print:
        lodsb
        test    al, al
        jz      printed
        call    put
        jmp     print

# Prints AL; a line feed also returns the carriage.
put:
        cmp     al, 10
        jne     put_raw
        mov     al, 13
        call    put_raw
        mov     al, 10
put_raw:
        pushad
        mov     ah, 0x0E
        mov     bx, 7
        int     0x10
        popad
        pushad
        mov     bl, al
        mov     cx, 0xFFFF                      # a machine without the port is not waited for
        mov     dx, COM1 + 5
wait_for_port:
        in      al, dx
        test    al, 0x20
        loopz   wait_for_port
        mov     dx, COM1
        mov     al, bl
        out     dx, al
        popad
        ret

# 115,200 baud, 8 bits, no parity, one stop bit.
open_serial:
        mov     si, offset serial_setup
set_port:
        lodsb
        cmp     al, 0xFF
        je      printed
        movzx   dx, al
        add     dx, COM1
        lodsb
        out     dx, al
        jmp     set_port

serial_setup:
        .byte   1, 0, 3, 0x80, 0, 1, 1, 0, 3, 3, 2, 0xC7, 4, 3, 0xFF

        .balign 4
packet:                                         # disk address packet of INT 13h, function 42h
        .byte   16, 0
packet_count:
        .word   1, SECTOR, 0                    # sectors; where to: offset, segment
packet_sector:
        .long   0, 0
partition:      .long   0                       # its first sector
entry_mask:     .long   0xFFFF                  # what is kept of the sectors of file entries
root_sector:    .long   0                       # of the root folder's contents
root_len:       .long   0
folder_sector:  .long   0                       # of the folder that is being searched
folder_len:     .long   0                       # what is left of it
identifier_len: .word   0
finder:         .word   0                       # find_udf or find_iso
label_at:       .word   0
label_len:      .word   0
drive:          .byte   0

boot_folder:    .asciz  "BOOT"
bootfix:        .asciz  "BOOTFIX.BIN"
bootmgr:        .asciz  "BOOTMGR"
own_folder:     .asciz  "TSMEDIA"
description:    .asciz  "MEDIUM.TOML"
short_description:      .asciz  "MEDIUM.TOM"
greeting:       .asciz  "\ntsmedia stand-in boot program (BIOS)\n"
label:          .asciz  "volume label: "
newline:        .asciz  "\n"
asks:           .asciz  "boot\\bootfix.bin is there: etfsboot.com asks for a key\n"
done:           .asciz  "\ntsmedia: started by BIOS\n"
failed:         .asciz  "tsmedia: stopped: "
no_read:        .asciz  "the disc can't be read\n"
no_bootmgr:     .asciz  "CDBOOT: Couldn't find BOOTMGR\n"
no_volume:      .asciz  "there is no ISO 9660 volume on the disc\n"
no_file:        .asciz  "there is no tsmedia/medium.toml on the disc\n"
