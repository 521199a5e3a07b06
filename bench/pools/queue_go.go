// queue_go.go SIDES: so many producers and as many consumers at a channel of 1,024: ns of CPU time of all for one item.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
)

func cpu() int64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func main() {
	runtime.GOMAXPROCS(2)
	const items = 400000
	sides, _ := strconv.Atoi(os.Args[1])
	line := make(chan *int, 1024)
	var group sync.WaitGroup
	group.Add(2 * sides)
	start := cpu()
	for side := 0; side < sides; side++ {
		go func() {
			for i := 0; i < items/sides; i++ {
				line <- nil
			}
			group.Done()
		}()
		go func() {
			for i := 0; i < items/sides; i++ {
				<-line
			}
			group.Done()
		}()
	}
	group.Wait()
	fmt.Printf("%.2f\n", float64(cpu()-start)/items)
}
