// SPDX-License-Identifier: GPL-2.0-or-later

// Values of many types, each inside of a struct of its own. Prints "type 0xaddress text" for each, the text as %+v gives it, then
// "end", and waits for end of input: tests/unit/test_typed.c reads the values from outside and compares.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unsafe"
)

type P struct {
	A int
	B string
	C bool
}
type Inner struct {
	X, Y float64
	Z    [2]uint8
}
type Deep struct {
	P
	In    Inner
	L     []P
	M     map[string][]int
	N     *P
	F     func()
	Ch    chan int
	Empty struct{}
}
type MyString string
type MyMap map[MyString]int8
type Face interface{ Get() int }

func (p *P) Get() int { return p.A }

type V00 struct{ V string }
type V01 struct{ V string }
type V02 struct{ V []string }
type V03 struct{ V []byte }
type V04 struct{ V []int }
type V05 struct{ V P }
type V06 struct{ V *P }
type V07 struct{ V *P }
type V08 struct{ V map[string]int }
type V09 struct{ V map[int]string }
type V10 struct{ V map[string]int }
type V11 struct{ V Deep }
type V12 struct{ V MyString }
type V13 struct{ V MyMap }
type V14 struct{ V map[P]float32 }
type V15 struct{ V [3]int16 }
type V16 struct{ V []*P }
type V17 struct{ V map[uint8][]string }
type V18 struct{ V [2][2]string }
type V19 struct{ V []float64 }
type V20 struct{ V error }
type V21 struct{ V map[string]int }
type V22 struct{ V interface{} }
type V23 struct{ V struct{ A, B interface{} } }
type V24 struct{ V *[]int }
type V25 struct{ V *map[string]int }
type V26 struct{ V map[bool]bool }
type V27 struct{ V complex128 }
type V28 struct{ V error }
type V29 struct{ V interface{} }
type V30 struct{ V []interface{} }
type V31 struct{ V struct{ e error } }
type V32 struct{ V []error }

var keep []interface{}

//go:noinline
func show(name string, at unsafe.Pointer, v interface{}) {
	fmt.Printf("main.%s %p %s\n", name, at, strings.ReplaceAll(fmt.Sprintf("%+v", v), "\n", "|"))
}

//go:noinline
func lengths(p *Deep, m map[string]int, c chan int, e error) interface{} {
	keep = append(keep, p, m, c, e)
	return MyString("mine")
}

func main() {
	p := &P{7, "bee", true}
	many := map[string]int{}
	for i := 0; i < 30; i++ {
		many[fmt.Sprintf("k%02d", i)] = i
	}
	v00 := &V00{"plain"}
	show("V00", unsafe.Pointer(&v00.V), v00.V)
	v01 := &V01{""}
	show("V01", unsafe.Pointer(&v01.V), v01.V)
	v02 := &V02{[]string{"x", "y z"}}
	show("V02", unsafe.Pointer(&v02.V), v02.V)
	v03 := &V03{[]byte("ab")}
	show("V03", unsafe.Pointer(&v03.V), v03.V)
	v04 := &V04{nil}
	show("V04", unsafe.Pointer(&v04.V), v04.V)
	v05 := &V05{*p}
	show("V05", unsafe.Pointer(&v05.V), v05.V)
	v06 := &V06{p}
	show("V06", unsafe.Pointer(&v06.V), v06.V)
	v07 := &V07{nil}
	show("V07", unsafe.Pointer(&v07.V), v07.V)
	v08 := &V08{map[string]int{"b": 2, "a": 1}}
	show("V08", unsafe.Pointer(&v08.V), v08.V)
	v09 := &V09{map[int]string{10: "x", -1: "y", 9: "z"}}
	show("V09", unsafe.Pointer(&v09.V), v09.V)
	v10 := &V10{nil}
	show("V10", unsafe.Pointer(&v10.V), v10.V)
	v11 := &V11{Deep{P: *p, In: Inner{1, 1e21, [2]uint8{1, 2}}, L: []P{{1, "a", false}}, M: map[string][]int{"q": {1, 2}}, N: p}}
	show("V11", unsafe.Pointer(&v11.V), v11.V)
	v11.V.L = append(make([]P, 0, 2), v11.V.L...)
	c := make(chan int, 3)
	c <- 1
	lengths(&v11.V, v08.V, c, fmt.Errorf("w: %w", errors.New("boom")))
	v12 := &V12{"mine"}
	show("V12", unsafe.Pointer(&v12.V), v12.V)
	v13 := &V13{MyMap{"k": -3}}
	show("V13", unsafe.Pointer(&v13.V), v13.V)
	v14 := &V14{map[P]float32{*p: 0.1}}
	show("V14", unsafe.Pointer(&v14.V), v14.V)
	v15 := &V15{[3]int16{1, -2, 3}}
	show("V15", unsafe.Pointer(&v15.V), v15.V)
	v16 := &V16{[]*P{p, nil}}
	show("V16", unsafe.Pointer(&v16.V), v16.V)
	v17 := &V17{map[uint8][]string{200: {"a"}, 3: nil}}
	show("V17", unsafe.Pointer(&v17.V), v17.V)
	v18 := &V18{[2][2]string{{"a", "b"}, {"c", ""}}}
	show("V18", unsafe.Pointer(&v18.V), v18.V)
	v19 := &V19{[]float64{1, 0.1, 100000, 1e6, 1e-5, 123456789}}
	show("V19", unsafe.Pointer(&v19.V), v19.V)
	v20 := &V20{nil}
	show("V20", unsafe.Pointer(&v20.V), v20.V)
	v21 := &V21{many}
	show("V21", unsafe.Pointer(&v21.V), v21.V)
	v22 := &V22{nil}
	show("V22", unsafe.Pointer(&v22.V), v22.V)
	v23 := &V23{}
	show("V23", unsafe.Pointer(&v23.V), v23.V)
	v24 := &V24{&[]int{1, 2}}
	show("V24", unsafe.Pointer(&v24.V), v24.V)
	v25 := &V25{&map[string]int{"a": 1}}
	show("V25", unsafe.Pointer(&v25.V), v25.V)
	v26 := &V26{map[bool]bool{true: false, false: true}}
	show("V26", unsafe.Pointer(&v26.V), v26.V)
	v27 := &V27{complex(1, 2)}
	show("V27", unsafe.Pointer(&v27.V), v27.V)
	v28 := &V28{errors.New("boom")}
	show("V28", unsafe.Pointer(&v28.V), v28.V)
	v29 := &V29{42}
	show("V29", unsafe.Pointer(&v29.V), v29.V)
	v30 := &V30{[]interface{}{"s", 1, true, 2.5, nil, uint8(7)}}
	show("V30", unsafe.Pointer(&v30.V), v30.V)
	v31 := &V31{}
	v31.V.e = errors.New("hidden")
	show("V31", unsafe.Pointer(&v31.V), v31.V)
	v32 := &V32{[]error{fmt.Errorf("w: %w", os.ErrNotExist), errors.New("two"), nil}}
	show("V32", unsafe.Pointer(&v32.V), v32.V)
	fmt.Println("end")
	os.Stdin.Read(make([]byte, 1))
	keep = append(keep, v00, v01, v02, v03, v04, v05, v06, v07, v08, v09, v10, v11, v12, v13, v14, v15, v16, v17, v18, v19, v20,
		v21, v22, v23, v24, v25, v26, v27, v28, v29, v30, v31, v32)
}
