# A stand-in for etfsboot.com: shows that a BIOS started the disc, and that the disc can be read from there.
#
# El Torito, no emulation: the BIOS loads these bytes (at most 4,096) to 0x7C00 and jumps there in real mode, the
# drive in DL. Prints the volume label, `tsmedia/medium.toml` and a last line to the screen and to the first serial
# port. Reads ISO 9660 (ECMA-119) by INT 13h, function 42h.

        .intel_syntax noprefix
        .code16
        .equ    SECTOR, 0xA000                  # where a sector of the disc is read to
        .equ    COM1, 0x3F8

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

        mov     eax, 16                         # the primary volume descriptor (ECMA-119 8.4)
        call    read_sector
        mov     si, offset no_volume
        cmp     dword ptr [SECTOR + 1], 0x30304443      # CD00
        jne     fail
        mov     si, offset label
        call    print
        mov     si, SECTOR + 40                 # volume identifier, padded with spaces
        mov     cx, 32
        call    print_padded
        mov     si, offset newline
        call    print

        mov     eax, [SECTOR + 156 + 2]         # root directory record: extent, length
        mov     ecx, [SECTOR + 156 + 10]
        mov     di, offset folder_name
        mov     dl, 2                           # a directory
        call    find
        mov     di, offset file_name
        mov     dl, 0
        call    find
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

# In the directory at sector EAX of ECX bytes, finds the entry whose name begins with the text at DI (upper case) and
# whose directory flag is DL. Leaves its extent in EAX and its length in ECX.
find:
        push    eax
        push    ecx
        call    read_sector
        mov     bx, SECTOR
next_record:
        movzx   ax, byte ptr [bx]               # length of the record (ECMA-119 9.1)
        test    ax, ax
        jz      next_sector                     # no record passes the end of a sector
        mov     ah, [bx + 25]                   # file flags
        and     ah, 2
        cmp     ah, dl
        jne     other
        movzx   cx, byte ptr [bx + 32]          # length of the name
        mov     si, di
        lea     bp, [bx + 33]
compare:
        lodsb
        test    al, al
        jz      found                           # all of it: what follows is a version, or cut
        jcxz    other
        dec     cx
        mov     ah, ds:[bp]
        inc     bp
        cmp     ah, 'a'
        jb      is_upper
        sub     ah, 32
is_upper:
        cmp     al, ah
        je      compare
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
        ja      find
        mov     si, offset no_file
        jmp     fail
found:
        add     sp, 8
        mov     eax, [bx + 2]
        mov     ecx, [bx + 10]
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

# Reads the 2,048 bytes of sector EAX to SECTOR.
read_sector:
        push    si
        push    dx
        mov     [packet_sector], eax
        mov     si, offset packet
        mov     dl, [drive]
        mov     ah, 0x42
        int     0x13
        mov     si, offset no_read
        jc      fail
        pop     dx
        pop     si
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
        .word   1, SECTOR, 0                    # sectors; where to: offset, segment
packet_sector:
        .long   0, 0
drive:  .byte   0

folder_name:    .asciz  "TSMEDIA"
file_name:      .asciz  "MEDIUM.TOM"
greeting:       .asciz  "\ntsmedia stand-in boot program (BIOS)\n"
label:          .asciz  "volume label: "
newline:        .asciz  "\n"
done:           .asciz  "\ntsmedia: started by BIOS\n"
failed:         .asciz  "tsmedia: stopped: "
no_read:        .asciz  "the disc can't be read\n"
no_volume:      .asciz  "there is no ISO 9660 volume on the disc\n"
no_file:        .asciz  "there is no tsmedia/medium.toml on the disc\n"
