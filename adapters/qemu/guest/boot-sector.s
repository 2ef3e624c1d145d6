# A guest of 512 bytes. At each tick of the timer (18.2 a second) it counts, writes the count to the second sector of the disk that
# it was booted from, and says it on its serial console: `t` and eight hex digits. It goes on where the disk says that it was,
# after `b` and how often it has been booted. So two of it that run at once say and write the same count.
#
# A byte from the serial console tells it to quit (q), to reset (r), to hang (h), or to panic (p). The power button makes it quit.
#
# The second sector: `TICK`, the count, the boots; four bytes each, little-endian.
#
#   as --32 -o boot-sector.o boot-sector.s && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o boot-sector.bin boot-sector.o
        .code16
        .globl _start
        .set SERIAL, 0x3f8
        .set PM_STATUS, 0x600           # ACPI of the machine `pc`: status, enable, control
        .set PM_ENABLE, 0x602
        .set PM_CONTROL, 0x604
        .set PANIC, 0x505               # pvpanic
        .set SECTOR, 0x7e00
        .set COUNT, SECTOR + 4
        .set BOOTS, SECTOR + 8
        .set TIMER, 0x46c               # the BIOS counts here

_start: ljmp $0, $main
main:   xorw %ax, %ax
        movw %ax, %ds
        movw %ax, %es
        movw %ax, %ss
        movw $0x7c00, %sp
        sti
        cld
        movb %dl, drive
        movb $2, %ah                    # read
        call disk
        cmpl $0x4b434954, SECTOR
        je known
        movl $0x4b434954, SECTOR
        movl $0, COUNT
        movl $0, BOOTS
known:  incl BOOTS
        movw $PM_ENABLE, %dx
        movw $0x100, %ax                # the power button shows in the status
        outw %ax, %dx
        movb $'b', %al
        movl BOOTS, %ebx
        call say
        movl TIMER, %ebp

idle:   hlt
        movw $SERIAL + 5, %dx
        inb %dx, %al
        testb $1, %al
        jz button
        movw $SERIAL, %dx
        inb %dx, %al
        cmpb $'q', %al
        je quit
        cmpb $'r', %al
        je reset
        cmpb $'h', %al
        je hang
        cmpb $'p', %al
        je panic
button: movw $PM_STATUS, %dx
        inw %dx, %ax
        testb $1, %ah
        jnz quit
        movl TIMER, %eax
        cmpl %eax, %ebp
        je idle
        movl %eax, %ebp
        incl COUNT
        movb $3, %ah                    # write
        call disk
        movb $'t', %al
        jnc told
        movb $'e', %al                  # the disk has not taken it
told:   movl COUNT, %ebx
        call say
        jmp idle

quit:   movw $PM_CONTROL, %dx
        movw $0x2000, %ax
        outw %ax, %dx
        jmp hang
panic:  movw $PANIC, %dx
        movb $1, %al
        outb %al, %dx
        jmp hang
reset:  movb $0xfe, %al
        outb %al, $0x64
hang:   cli
        hlt
        jmp hang

# The second sector, read or written as %ah says; carry: it failed.
disk:   movb $1, %al
        movw $2, %cx
        xorb %dh, %dh
        movb drive, %dl
        movw $SECTOR, %bx
        int $0x13
        ret

# %al, a space, %ebx as eight hex digits, end of line.
say:    call put
        movb $' ', %al
        call put
        movw $8, %cx
digit:  roll $4, %ebx
        movb %bl, %al
        andb $15, %al
        addb $'0', %al
        cmpb $'9', %al
        jbe small
        addb $'a' - '0' - 10, %al
small:  call put
        loop digit
        movb $'\r', %al
        call put
        movb $'\n', %al
put:    movb %al, %ah
        movw $SERIAL + 5, %dx
busy:   inb %dx, %al
        testb $0x20, %al
        jz busy
        movw $SERIAL, %dx
        movb %ah, %al
        outb %al, %dx
        ret

drive:  .byte 0
        .org 510
        .word 0xaa55
