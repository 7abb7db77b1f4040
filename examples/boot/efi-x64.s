# A stand-in for bootmgfw.efi on x64: shows that UEFI started the disc, and that the disc can be read from there.
#
# Looks over the volumes that firmware has mounted for `\tsmedia\medium.toml`, prints the label of the volume that has
# it, the file and a last line to the console. If none has it, all drivers are connected and it looks once more.
# Calling convention: arguments in RCX, RDX, R8, R9 and on the stack behind 32 bytes; R12 to R15 and RBX are kept.

        .intel_syntax noprefix
        .code64
        .include "pe.inc"
        pe_header 0x8664

start:
        sub     rsp, 0x58                       # 16-byte alignment, and room for five arguments
        mov     r12, rdx                        # EFI_SYSTEM_TABLE
        mov     r13, [rdx + 96]                 # BootServices
        xor     ecx, ecx                        # SetWatchdogTimer(0, 0, 0, 0): the last line is to stay
        xor     edx, edx
        xor     r8d, r8d
        xor     r9d, r9d
        call    [r13 + 256]
        lea     rsi, [rip + greeting]
        call    print
        call    search
        test    al, al
        jnz     found
        call    connect_all
        call    search
        test    al, al
        jnz     found
        lea     rsi, [rip + no_file]
        call    print
        jmp     stay
found:
        lea     rsi, [rip + done]
        call    print
stay:
        mov     ecx, 1000000                    # Stall(microseconds)
        call    [r13 + 248]
        jmp     stay

# Prints the label and the file of the first volume that has it. AL tells whether there was one.
search:
        sub     rsp, 0x38
        mov     ecx, 2                          # LocateHandleBuffer(ByProtocol, guid, NULL, &n, &handles)
        lea     rdx, [rip + file_system_guid]
        call    locate
        jnz     not_here
        xor     ebx, ebx
next_volume:
        cmp     rbx, [rip + n_handles]
        jae     not_here
        mov     rax, [rip + handles]
        mov     rcx, [rax + rbx * 8]
        inc     rbx
        lea     rdx, [rip + file_system_guid]
        lea     r8, [rip + volume]
        call    [r13 + 152]                     # HandleProtocol(handle, guid, &volume)
        test    rax, rax
        jnz     next_volume
        mov     rcx, [rip + volume]
        lea     rdx, [rip + root]
        call    [rcx + 8]                       # volume.OpenVolume(&root)
        test    rax, rax
        jnz     next_volume
        mov     rcx, [rip + root]
        lea     rdx, [rip + file]
        lea     r8, [rip + path]
        mov     r9d, 1                          # to be read
        mov     qword ptr [rsp + 32], 0
        call    [rcx + 8]                       # root.Open(&file, path, mode, attributes)
        test    rax, rax
        jnz     next_volume

        lea     rsi, [rip + label]
        call    print
        mov     rcx, [rip + root]
        lea     rdx, [rip + system_info_guid]
        lea     r8, [rip + length]
        lea     r9, [rip + buffer]
        mov     qword ptr [r8], 2048
        call    [rcx + 64]                      # root.GetInfo(guid, &length, buffer)
        test    rax, rax
        jnz     no_label
        mov     rcx, [r12 + 64]                 # ConOut
        lea     rdx, [rip + buffer + 36]        # EFI_FILE_SYSTEM_INFO.VolumeLabel
        call    [rcx + 8]                       # ConOut.OutputString(text)
no_label:
        lea     rsi, [rip + newline]
        call    print
next_part:
        mov     rcx, [rip + file]
        lea     rdx, [rip + length]
        lea     r8, [rip + buffer]
        mov     qword ptr [rdx], 2048
        call    [rcx + 32]                      # file.Read(&length, buffer)
        test    rax, rax
        jnz     whole
        mov     r14, [rip + length]
        test    r14, r14
        jz      whole
        lea     rsi, [rip + buffer]
        add     r14, rsi
next_byte:
        call    put
        inc     rsi
        cmp     rsi, r14
        jb      next_byte
        jmp     next_part
whole:
        mov     al, 1
        add     rsp, 0x38
        ret
not_here:
        xor     eax, eax
        add     rsp, 0x38
        ret

# LocateHandleBuffer(RCX, RDX, NULL, &n, &handles); the zero flag says that it went well.
locate:
        sub     rsp, 0x38
        xor     r8d, r8d
        lea     r9, [rip + n_handles]
        lea     rax, [rip + handles]
        mov     [rsp + 32], rax
        call    [r13 + 312]
        add     rsp, 0x38
        test    rax, rax
        ret

# ConnectController(handle, NULL, NULL, TRUE) for every handle.
connect_all:
        sub     rsp, 0x38
        xor     ecx, ecx                        # AllHandles
        xor     edx, edx
        call    locate
        jnz     connected
        xor     ebx, ebx
next_handle:
        cmp     rbx, [rip + n_handles]
        jae     connected
        mov     rax, [rip + handles]
        mov     rcx, [rax + rbx * 8]
        inc     rbx
        xor     edx, edx
        xor     r8d, r8d
        mov     r9d, 1
        call    [r13 + 264]
        jmp     next_handle
connected:
        add     rsp, 0x38
        ret

# Prints the ASCII text at RSI up to a zero.
print:
        sub     rsp, 0x28
next_character:
        cmp     byte ptr [rsi], 0
        je      printed
        call    put
        inc     rsi
        jmp     next_character
printed:
        add     rsp, 0x28
        ret

# Prints the byte at RSI: ASCII, anything else as a question mark; a line feed also returns the carriage.
put:
        sub     rsp, 0x28
        movzx   eax, byte ptr [rsi]
        cmp     al, 10
        jne     put_raw
        mov     eax, 13
        call    put_cell
        mov     eax, 10
put_raw:
        test    al, al
        jns     is_ascii
        mov     eax, '?'
is_ascii:
        call    put_cell
        add     rsp, 0x28
        ret

put_cell:
        sub     rsp, 0x28
        mov     [rip + cell], ax
        mov     rcx, [r12 + 64]
        lea     rdx, [rip + cell]
        call    [rcx + 8]
        add     rsp, 0x28
        ret

        .include "efi-data.inc"
