// echo_go.go CONNECTIONS MESSAGES: a goroutine for each connection, on one thread.
package main

import (
	"fmt"
	"net"
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

var seen, warm, last, start int64

func connection(wire net.Conn) {
	bytes := make([]byte, 1024)
	for {
		got, err := wire.Read(bytes)
		if err != nil {
			wire.Close()
			return
		}
		wire.Write(bytes[:got])
		seen++
		if seen == warm {
			start = cpu()
		} else if seen == last {
			fmt.Printf("%.2f\n", float64(cpu()-start)/float64(last-warm))
			os.Exit(0)
		}
	}
}

func main() {
	runtime.GOMAXPROCS(1)
	connections, _ := strconv.ParseInt(os.Args[1], 10, 64)
	messages, _ := strconv.ParseInt(os.Args[2], 10, 64)
	warm = connections + messages/10
	last = warm + messages
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		wire, err := listener.Accept()
		if err == nil {
			go connection(wire)
		}
	}
}
