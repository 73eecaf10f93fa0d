// SPDX-License-Identifier: GPL-2.0-or-later

// func assembly(a int) int
TEXT ·assembly(SB), 4, $0-16
	MOVQ a+0(FP), AX
	ADDQ $1, AX
	MOVQ AX, ret+8(FP)
	RET
