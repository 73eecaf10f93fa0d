// SPDX-License-Identifier: GPL-2.0-or-later

// A Go program that prints what it calls: arguments of all kinds, generics, methods, closures, functions whose stacks grow,
// goroutines that change threads. The truth of tests/run/go.test.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
)

type Point struct {
	A int
	B string
	C bool
}

type Shape interface{ Area() float64 }
type Square struct{ side float64 }
type Box[T any] struct{ v T }

//go:noinline
func (s Square) Area() float64 { return s.side * s.side }

//go:noinline
func (p *Point) Set(a int) int { p.A += a; return p.A }

//go:noinline
func (b *Box[T]) Put(n int, v T) int { b.v = v; return n + 1 }

//go:noinline
func hello(i int, s string) int { return i + len(s) }

//go:noinline
func many(a int8, b uint16, c int32, d bool, e string, f []int, g *Point, h int) int {
	return int(a) + int(b) + int(c) + len(e) + len(f) + g.A + h
}

//go:noinline
func byValue(p Point, n int) (int, string) { return p.A + n, p.B }

//go:noinline
func arrays(a [3]int, n int) [3]int { a[0] += n; return a }

//go:noinline
func add[T int | string](a, b T) T { return a + b }

//go:noinline
func show(v any) string { return fmt.Sprint(v) }

//go:noinline
func half(n int) (int, error) {
	if n%2 != 0 {
		return 0, errors.New("odd " + strconv.Itoa(n))
	}
	return n / 2, nil
}

// every other call panics, and its caller goes on
//
//go:noinline
func breaks(n int) int {
	if n%2 == 0 {
		panic("broken")
	}
	return n * 3
}

//go:noinline
func mends(n int) (result int) {
	defer func() {
		if recover() != nil {
			result = -n
		}
	}()
	return breaks(n)
}

func inlined(a int) int { return a*3 + 1 }

//go:noinline
func blank(a int, _ string, c int) int { return a + c }

// each call needs a frame of its own: the stack grows several times on the way down
//
//go:noinline
func deep(n int) int {
	var frame [64]int

	frame[n%64] = n
	if n == 0 {
		return 0
	}
	return deep(n-1) + frame[n%64] - n + 1
}

// a frame larger than all guards
//
//go:noinline
func large(n int) int {
	var frame [20000]int

	for i := range frame {
		frame[i] = i * n
	}
	return frame[n%20000]
}

// sleeps and wakes on whichever thread is free
//
//go:noinline
func wander(k int, c chan int) int {
	for i := 0; i < 20; i++ {
		c <- k
		runtime.Gosched()
		<-c
	}
	return k * 2
}

// its callers, as the runtime finds them: functions and lines, inlined ones too
//
//go:noinline
func mark() []string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	var out []string

	for {
		f, more := frames.Next()
		out = append(out, fmt.Sprintf("frame %s %d", f.Function, f.Line))
		if !more {
			return out
		}
	}
}

func inner() []string { return mark() }

//go:noinline
func outer(n int) []string {
	if n > 0 {
		return outer(n - 1)
	}
	return inner()
}

// the number that the runtime itself prints
func goid() int {
	buf := make([]byte, 64)
	f := bytes.Fields(buf[:runtime.Stack(buf, false)])
	n, _ := strconv.Atoi(string(f[1]))
	return n
}

func goroutines() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	c := make(chan int, 3)

	for k := 1; k <= 4; k++ {
		wg.Add(1)
		go func(k int) {
			defer wg.Done()
			d := deep(2000)
			w := wander(k, c)
			mu.Lock()
			fmt.Println("goroutine", goid(), k, d, w)
			mu.Unlock()
		}(k)
	}
	wg.Wait()
}

func main() {
	n := 3
	if len(os.Args) > 1 {
		n, _ = strconv.Atoi(os.Args[1])
	}
	p := &Point{1, "bee", true}
	for i := 0; i < n; i++ {
		s := "text" + strconv.Itoa(i)
		fmt.Println("hello", i, s, hello(i, s))
		fmt.Println("set", i, p.Set(i))
		fmt.Println("many", -i, i+1, i+2, i%2 == 0, s, len(s), p.A, i+7,
			many(int8(-i), uint16(i+1), int32(i+2), i%2 == 0, s, make([]int, len(s)), p, i+7))
		v, b := byValue(Point{i, s, i > 0}, 10)
		fmt.Println("byvalue", i, s, i > 0, 10, v, b)
		fmt.Println("arrays", [3]int{i, 2, 3}, i+5, arrays([3]int{i, 2, 3}, i+5))
		fmt.Println("add", i, 2, add(i, 2), add(s, "x"))
		h, err := half(i)
		fmt.Println("half", i, h, err)
		fmt.Println("show", show(i), show(p), show(err), show(Square{2}))
		fmt.Println("inlined", i, inlined(i))
		fmt.Println("mends", i, mends(i))
		fmt.Println("blank", i, i+4, blank(i, s, i+4))
		fmt.Println("put", i, (&Box[int]{}).Put(i, 7), (&Box[string]{}).Put(i, s))
		var sh Shape = Square{float64(i)}
		fmt.Println("area", sh.Area())
	}
	fmt.Println("large", large(n))
	for _, f := range outer(2) {
		fmt.Println(f)
	}
	goroutines()
}
