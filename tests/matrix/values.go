// SPDX-License-Identifier: GPL-2.0-or-later

// Calls of all kinds in Go; see values.c and matrix.py.
package main

import (
	"errors"
	"fmt"
	"time"
)

type P struct {
	A int
	B string
	C bool
}

type Small struct {
	X int32
	Y uint8
}

type Big struct {
	Head [4]int
	Tail string
}

type Color int

var sink int

// //@ main.fInts(args.a args.b args.c args.d) retval
//
//go:noinline
func fInts(a int8, b uint16, c int, d uint64) int {
	sink += int(a) + int(b) + c + int(d)
	return int(a) + c
}

// //@ main.fString(args.s args.n) retval
//
//go:noinline
func fString(s string, n int) string {
	sink += len(s) + n
	return s[1:]
}

// //@ main.fStruct(args.p args.k) retval
//
//go:noinline
func fStruct(p P, k int32) P {
	sink += p.A
	return P{p.A + int(k), p.B, !p.C}
}

// //@ main.fSmall(args.s args.u) retval
//
//go:noinline
func fSmall(s Small, u uint8) Small {
	sink += int(s.X)
	return Small{s.X + 1, u}
}

// //@ main.fBig(args.b.Tail args.k) retval.0
//
//go:noinline
func fBig(b Big, k int) (string, Big) {
	sink += b.Head[2] + k
	return b.Tail, b
}

// //@ main.fSlice(args.v) retval
//
//go:noinline
func fSlice(v []int) []int {
	sink += len(v)
	return append(v[:len(v):len(v)], 7)
}

// //@ main.fPtr(args.p.A args.p.B args.c) retval
//
//go:noinline
func fPtr(p *P, c Color) bool {
	sink += p.A
	return int(c) == p.A
}

// //@ main.fErr(args.n) retval.0 retval.1
//
//go:noinline
func fErr(n int) (int, error) {
	if n%2 == 1 {
		return -1, errors.New("odd number")
	}
	return n * 2, nil
}

// //@ main.(*P).Set(args.p.A args.a) retval
//
//go:noinline
func (p *P) Set(a int) int {
	old := p.A
	p.A = a
	return old
}

// //@ main.fRec(args.n) retval
//
//go:noinline
func fRec(n int) int {
	var room [64]int

	room[n%64] = n
	if n <= 0 {
		return room[0]
	}
	return fRec(n-1) + room[n%64]
}

// //@ main.fLocals(args.n) retval
//
//go:noinline
func fLocals(n int) int {
	first := n * 2
	text := fmt.Sprint("text ", n)
	total := 0
	for i := 0; i < 2; i++ {
		p := P{i, text, i == 1}
		fmt.Printf("E|f_locals at|%d|%s|%+v|%d\n", first, text, p, total)
		sink += p.A //@at f_locals locals.first locals.text locals.p locals.total
		total += first
	}
	return total
}

func calls(n int) {
	fmt.Printf("E|main.fInts|%d|%d|%d|%d\n", -n, n*1000, n*-5, uint64(n)*6000000000)
	fmt.Printf("R|main.fInts|%d\n", fInts(int8(-n), uint16(n*1000), n*-5, uint64(n)*6000000000))
	s := []string{"even", "odd text"}[n%2]
	fmt.Printf("E|main.fString|%s|%d\n", s, n)
	fmt.Printf("R|main.fString|%s\n", fString(s, n))
	p := P{n, s, n%2 == 0}
	fmt.Printf("E|main.fStruct|%+v|%d\n", p, n)
	fmt.Printf("R|main.fStruct|%+v\n", fStruct(p, int32(n)))
	small := Small{int32(-n), uint8(n)}
	fmt.Printf("E|main.fSmall|%+v|%d\n", small, n+200)
	fmt.Printf("R|main.fSmall|%+v\n", fSmall(small, uint8(n+200)))
	big := Big{[4]int{1, 2, 3, 4}, s}
	fmt.Printf("E|main.fBig|%s|%d\n", s, n)
	text, _ := fBig(big, n)
	fmt.Printf("R|main.fBig|%s\n", text)
	v := make([]int, n)
	for i := range v {
		v[i] = i * i
	}
	fmt.Printf("E|main.fSlice|%v\n", v)
	fmt.Printf("R|main.fSlice|%v\n", fSlice(v))
	fmt.Printf("E|main.fPtr|%d|%s|%d\n", p.A, p.B, n%3)
	fmt.Printf("R|main.fPtr|%t\n", fPtr(&p, Color(n%3)))
	fmt.Printf("E|main.fErr|%d\n", n)
	r, err := fErr(n)
	if err == nil {
		fmt.Printf("R|main.fErr|%d|<nil>\n", r)
	} else {
		fmt.Printf("R|main.fErr|%d|%s\n", r, err)
	}
	fmt.Printf("E|main.(*P).Set|%d|%d\n", p.A, n*9)
	fmt.Printf("R|main.(*P).Set|%d\n", p.Set(n*9))
	fmt.Printf("E|main.fLocals|%d\n", n)
	fmt.Printf("R|main.fLocals|%d\n", fLocals(n))
}

func main() {
	for n := 1; n <= 4; n++ {
		calls(n)
	}
	for n := 40; n >= 0; n-- {
		fmt.Printf("E|main.fRec|%d\n", n)
	}
	fRec(40)
	for n, sum := 0, 0; n <= 40; n++ {
		sum += n
		fmt.Printf("R|main.fRec|%d\n", sum)
	}
	// where a position independent program lies, and so its types' names, is known while it runs
	time.Sleep(300 * time.Millisecond)
}
