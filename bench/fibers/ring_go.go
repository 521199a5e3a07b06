// ring_go.go [FIBERS]: one turn of a ring of equal goroutines, three frames deep, by Gosched on one thread: ns.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

var turns uint64
var done bool

//go:noinline
func third() { runtime.Gosched(); turns++ }

//go:noinline
func second() { third() }

//go:noinline
func first() { second() }

func main() {
	runtime.GOMAXPROCS(1)
	fibers := 64
	if len(os.Args) > 1 {
		fibers, _ = strconv.Atoi(os.Args[1])
	}
	for i := 1; i < fibers; i++ {
		go func() {
			for !done {
				first()
			}
		}()
	}
	for i := 0; i < 3; i++ {
		first()
	}
	start, before, enough := cpu(), turns, uint64(1000000+2*fibers)
	for turns-before < enough {
		first()
	}
	fmt.Printf("%.2f\n", float64(cpu()-start)/float64(turns-before))
}
