// spawn_go.go: start, run and wait for an empty goroutine on one thread: ns.
package main

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func spawn() {
	var group sync.WaitGroup
	group.Add(1)
	go group.Done()
	group.Wait()
}

func main() {
	runtime.GOMAXPROCS(1)
	for i := 0; i < 1000; i++ {
		spawn()
	}
	const enough = 300000
	start := cpu()
	for i := 0; i < enough; i++ {
		spawn()
	}
	fmt.Printf("%.2f\n", float64(cpu()-start)/enough)
}
