// SPDX-License-Identifier: GPL-2.0-or-later
// Nil pointers that are used in a function and in what is inlined into one, and panics of that which are caught.
package main

import (
	"fmt"
	"os"
	"time"
)

type T struct{ a, b, c int }

func (t *T) get() int { return t.c }

//go:noinline
func direct(t *T) int { return t.c }

//go:noinline
func call(t *T, which bool) (r int) {
	defer func() {
		if recover() != nil {
			r = -1
		}
	}()
	if which {
		return direct(t)
	}
	return t.get()
}

func isDone() bool {
	_, err := os.Stat("done")
	return err == nil
}

func main() {
	t := &T{1, 2, 3}
	wrong := 0
	fmt.Println("ready")
	for i := 0; i < 300 || !isDone(); i++ {
		var p *T
		want := -1
		if i%3 != 0 {
			p, want = t, 3
		}
		if call(p, i%2 == 0) != want {
			wrong++
		}
		time.Sleep(100 * time.Microsecond)
	}
	fmt.Println(wrong, "wrong")
}
