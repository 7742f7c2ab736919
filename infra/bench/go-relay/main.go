// A plain relay in Go, as a peer of the balancer: tcpproxy with its usual settings. On Linux, Go's io.Copy splices between
// two sockets by itself.
//
// usage: go-relay LISTEN BACKEND
package main

import (
	"fmt"
	"log"
	"os"
	"runtime/debug"

	"github.com/inetaf/tcpproxy"
)

func main() {
	if len(os.Args) == 2 && os.Args[1] == "-version" {
		if info, ok := debug.ReadBuildInfo(); ok && len(info.Deps) > 0 {
			fmt.Println("go-relay:", info.Deps[0].Path, info.Deps[0].Version, info.GoVersion)
		}
		return
	}
	if len(os.Args) != 3 {
		log.Fatal("usage: go-relay LISTEN BACKEND")
	}
	var proxy tcpproxy.Proxy
	proxy.AddRoute(os.Args[1], tcpproxy.To(os.Args[2]))
	log.Fatal(proxy.Run())
}
