// pool_round_go.go: hand a tiny job to a goroutine that waits for it, and wait for the answer: ns of CPU time.
package main

import (
	"fmt"
	"runtime"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

type job struct {
	value int
	done  chan int
}

func main() {
	runtime.GOMAXPROCS(2)
	const rounds = 200000
	line := make(chan job, 1024)
	for i := 0; i < 2; i++ {
		go func() {
			for one := range line {
				one.done <- one.value + 1
			}
		}()
	}
	value := 0
	start := cpu()
	for i := 0; i < rounds; i++ {
		one := job{value, make(chan int, 1)}
		line <- one
		value = <-one.done
	}
	fmt.Printf("%.2f\n", float64(cpu()-start)/rounds)
}
