/* A stand-in for bootmgfw.efi on arm64: the same as efi-x64.s, in the other language.

   Arguments and results are in x0 to x7; x19 to x28 are kept; the stack is aligned to 16 bytes. */

        .include "pe.inc"
        pe_header 0xAA64

start:
        mov     x19, x1                         /* EFI_SYSTEM_TABLE */
        ldr     x20, [x1, #96]                  /* BootServices */
        mov     x0, #0                          /* SetWatchdogTimer(0, 0, 0, 0): the last line is to stay */
        mov     x1, #0
        mov     x2, #0
        mov     x3, #0
        ldr     x9, [x20, #256]
        blr     x9
        adr     x21, greeting
        bl      print
        bl      search
        cbnz    x0, found
        bl      connect_all
        bl      search
        cbnz    x0, found
        adr     x21, no_file
        bl      print
        b       stay
found:
        adr     x21, done
        bl      print
stay:
        mov     x0, #0x4240                     /* Stall(1,000,000 microseconds) */
        movk    x0, #0xF, lsl #16
        ldr     x9, [x20, #248]
        blr     x9
        b       stay

/* Prints the label and the file of the first volume that has it. X0 tells whether there was one. */
search:
        stp     x29, x30, [sp, #-32]!
        stp     x22, x23, [sp, #16]
        mov     x0, #2                          /* ByProtocol */
        adr     x1, file_system_guid
        bl      locate
        cbnz    x0, not_here
        mov     x22, #0
next_volume:
        adr     x9, n_handles
        ldr     x9, [x9]
        cmp     x22, x9
        b.hs    not_here
        adr     x9, handles
        ldr     x9, [x9]
        ldr     x0, [x9, x22, lsl #3]
        add     x22, x22, #1
        adr     x1, file_system_guid
        adr     x2, volume
        ldr     x9, [x20, #152]                 /* HandleProtocol(handle, guid, &volume) */
        blr     x9
        cbnz    x0, next_volume
        adr     x9, volume
        ldr     x0, [x9]
        adr     x1, root
        ldr     x9, [x0, #8]                    /* volume.OpenVolume(&root) */
        blr     x9
        cbnz    x0, next_volume
        adr     x9, root
        ldr     x0, [x9]
        adr     x1, file
        adr     x2, path
        mov     x3, #1                          /* to be read */
        mov     x4, #0
        ldr     x9, [x0, #8]                    /* root.Open(&file, path, mode, attributes) */
        blr     x9
        cbnz    x0, next_volume

        adr     x21, label
        bl      print
        adr     x9, root
        ldr     x0, [x9]
        adr     x1, system_info_guid
        adr     x2, length
        mov     x9, #2048
        str     x9, [x2]
        adr     x3, buffer
        ldr     x9, [x0, #64]                   /* root.GetInfo(guid, &length, buffer) */
        blr     x9
        cbnz    x0, no_label
        ldr     x0, [x19, #64]                  /* ConOut */
        adr     x1, buffer + 36                 /* EFI_FILE_SYSTEM_INFO.VolumeLabel */
        ldr     x9, [x0, #8]                    /* ConOut.OutputString(text) */
        blr     x9
no_label:
        adr     x21, newline
        bl      print
next_part:
        adr     x9, file
        ldr     x0, [x9]
        adr     x1, length
        mov     x9, #2048
        str     x9, [x1]
        adr     x2, buffer
        ldr     x9, [x0, #32]                   /* file.Read(&length, buffer) */
        blr     x9
        cbnz    x0, whole
        adr     x9, length
        ldr     x23, [x9]
        cbz     x23, whole
        adr     x21, buffer
        add     x23, x23, x21
next_byte:
        bl      put
        add     x21, x21, #1
        cmp     x21, x23
        b.lo    next_byte
        b       next_part
whole:
        mov     x0, #1
        b       searched
not_here:
        mov     x0, #0
searched:
        ldp     x22, x23, [sp, #16]
        ldp     x29, x30, [sp], #32
        ret

/* LocateHandleBuffer(X0, X1, NULL, &n, &handles); X0 is its result. */
locate:
        mov     x2, #0
        adr     x3, n_handles
        adr     x4, handles
        ldr     x9, [x20, #312]
        br      x9

/* ConnectController(handle, NULL, NULL, TRUE) for every handle. */
connect_all:
        stp     x29, x30, [sp, #-32]!
        str     x22, [sp, #16]
        mov     x0, #0                          /* AllHandles */
        mov     x1, #0
        bl      locate
        cbnz    x0, connected
        mov     x22, #0
next_handle:
        adr     x9, n_handles
        ldr     x9, [x9]
        cmp     x22, x9
        b.hs    connected
        adr     x9, handles
        ldr     x9, [x9]
        ldr     x0, [x9, x22, lsl #3]
        add     x22, x22, #1
        mov     x1, #0
        mov     x2, #0
        mov     x3, #1
        ldr     x9, [x20, #264]
        blr     x9
        b       next_handle
connected:
        ldr     x22, [sp, #16]
        ldp     x29, x30, [sp], #32
        ret

/* Prints the ASCII text at X21 up to a zero. */
print:
        stp     x29, x30, [sp, #-16]!
next_character:
        ldrb    w9, [x21]
        cbz     w9, printed
        bl      put
        add     x21, x21, #1
        b       next_character
printed:
        ldp     x29, x30, [sp], #16
        ret

/* Prints the byte at X21: ASCII, anything else as a question mark; a line feed also returns the carriage. */
put:
        stp     x29, x30, [sp, #-16]!
        ldrb    w9, [x21]
        cmp     w9, #10
        b.ne    put_raw
        mov     w9, #13
        bl      put_cell
        mov     w9, #10
put_raw:
        cmp     w9, #0x80
        b.lo    is_ascii
        mov     w9, #'?'
is_ascii:
        bl      put_cell
        ldp     x29, x30, [sp], #16
        ret

put_cell:
        stp     x29, x30, [sp, #-16]!
        adr     x1, cell
        strh    w9, [x1]
        ldr     x0, [x19, #64]
        ldr     x9, [x0, #8]
        blr     x9
        ldp     x29, x30, [sp], #16
        ret

        .include "efi-data.inc"
