#!/usr/bin/env bash
# Linux 6.18.44 (sockmap with a BPF_PROG_TYPE_SK_SKB stream verdict), driven by github.com/cilium/ebpf v0.22.0 (Go module).
# Needs root. The two connections of a relay are in one map, and what comes from the first is redirected to the second.
#
# Expected: the bytes are forwarded. The end of the sender (a FIN that carries no bytes) is none of the program's business, or
# forwards nothing.
#
# Happens: the program is asked about the FIN, too, as a buffer of 0 bytes. If it redirects that like the rest, sending nothing
# counts as a broken pipe: the second socket gets the error EPIPE, and whoever waits for its peer's answer is told so, although
# nobody has closed or reset that connection. Where the program passes what has no bytes, all is well.
#
# Seen:                          bytes forwarded    a read from the second connection, whose peer answers after a second
#     redirects everything       hello              broken pipe, at once
#     passes buffers of 0 bytes  hello              answer
#
# Why it matters: such relays are written as "redirect all", and tests that close both ends together do not notice. With
# half-closed connections (an upload ends before its answer comes) answers are cut.
#
# What to do: return SK_PASS where skb->len is 0, and forward ends from user space.
set -euo pipefail

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
export GOPATH="$work/go" GOFLAGS=-mod=mod
cat > go.mod <<'EOF'
module finding

go 1.24

require github.com/cilium/ebpf v0.22.0
EOF
cat > main.go <<'EOF'
package main

import (
	"fmt"
	"log"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"
)

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

// pair is a TCP connection over loopback.
func pair() (*net.TCPConn, *net.TCPConn) {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	near := must(net.Dial("tcp", listener.Addr().String()))
	far := must(listener.Accept())
	return near.(*net.TCPConn), far.(*net.TCPConn)
}

func sockmap() *ebpf.Map {
	return must(ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.SockMap, KeySize: 4, ValueSize: 4, MaxEntries: 2}))
}

func put(m *ebpf.Map, place uint32, conn *net.TCPConn) {
	raw := must(conn.SyscallConn())
	if err := raw.Control(func(fd uintptr) {
		if err := m.Put(place, uint32(fd)); err != nil {
			log.Fatal(err)
		}
	}); err != nil {
		log.Fatal(err)
	}
}

func read(conn *net.TCPConn) string {
	buffer := make([]byte, 64)
	conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	count, err := conn.Read(buffer)
	if operation, ok := err.(*net.OpError); ok {
		return operation.Err.Error()
	}
	if err != nil {
		return err.Error()
	}
	return string(buffer[:count])
}

func try(name string, passEmpty bool) {
	sender, from := pair()
	receiver, to := pair()
	sockets := sockmap()
	port := int32(from.LocalAddr().(*net.TCPAddr).Port)
	program := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R6, 136, asm.Word), // __sk_buff.local_port
		asm.JNE.Imm(asm.R2, port, "pass"),          // the receiver's own bytes
	}
	if passEmpty {
		program = append(program,
			asm.LoadMem(asm.R2, asm.R6, 0, asm.Word), // __sk_buff.len
			asm.JEq.Imm(asm.R2, 0, "pass"))
	}
	program = append(program,
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.LoadMapPtr(asm.R2, sockets.FD()),
		asm.Mov.Imm(asm.R3, 1),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnSkRedirectMap.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 1).WithSymbol("pass"), // SK_PASS
		asm.Return())
	loaded := must(ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SkSKB, Instructions: program, License: "GPL"}))
	if err := link.RawAttachProgram(link.RawAttachProgramOptions{
		Target: sockets.FD(), Program: loaded, Attach: ebpf.AttachSkSKBStreamVerdict,
	}); err != nil {
		log.Fatal(err)
	}
	put(sockets, 0, from)
	put(sockets, 1, to)

	must(sender.Write([]byte("hello")))
	forwarded := read(receiver)
	if err := sender.CloseWrite(); err != nil {
		log.Fatal(err)
	}
	// An answer that takes a second.
	time.AfterFunc(time.Second, func() { receiver.Write([]byte("answer")) })
	fmt.Printf("%s: %s, %s\n", name, forwarded, read(to))
}

func main() {
	rlimit.RemoveMemlock()
	try("all", false)
	try("all but empty", true)
}
EOF
go mod tidy 2>/dev/null
go build -o finding .
got=$(./finding)
echo "$got"
[ "$got" = "all: hello, read: broken pipe
all but empty: hello, answer" ]
echo "as described"
