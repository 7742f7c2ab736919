// Command read reads an archive with Go: `read WAY ARCHIVE`; see ../README.md. It stands alone;
// what needs modules, or takes long to compile, is in libraries.go.
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

var out = bufio.NewWriter(os.Stdout)

// ways are the readers by name; the libraries add theirs.
var ways = map[string]func(archive *os.File) error{
	"gzip": func(archive *os.File) error {
		return copied(gzip.NewReader(archive))
	},
	"gzip-multistream-off": func(archive *os.File) error {
		in, err := gzip.NewReader(bufio.NewReader(archive))
		if err == nil {
			in.Multistream(false)
		}
		return copied(in, err)
	},
	"tar": func(archive *os.File) error {
		if !strings.HasSuffix(archive.Name(), ".gz") {
			return listed(archive, nil)
		}
		return listed(gzip.NewReader(archive))
	},
}

func copied(in io.Reader, err error) error {
	if err == nil {
		_, err = io.Copy(out, in)
	}
	return err
}

func listed(in io.Reader, err error) error {
	if err != nil {
		return err
	}
	archive := tar.NewReader(in)
	for {
		entry, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil && entry.Typeflag == tar.TypeReg {
			err = line(entry.Name, entry.Size, entry.ModTime, archive)
		}
		if err != nil {
			return err
		}
	}
}

func line(name string, size int64, modified time.Time, content io.Reader) error {
	digest := sha256.New()
	if _, err := io.Copy(digest, content); err != nil {
		return err
	}
	var shown strings.Builder
	for _, letter := range []byte(name) {
		if letter >= 0x21 && letter <= 0x7e && letter != '%' {
			shown.WriteByte(letter)
		} else {
			fmt.Fprintf(&shown, "%%%02X", letter)
		}
	}
	mtime := fmt.Sprint(modified.Unix())
	if nanoseconds := modified.Nanosecond(); nanoseconds != 0 {
		mtime += fmt.Sprintf(".%09d", nanoseconds)
	}
	_, err := fmt.Fprintf(out, "%x %d %s %s\n", digest.Sum(nil), size, mtime, shown.String())
	return err
}

func main() {
	way, argument := os.Args[1], os.Args[2]
	if way == "version" {
		fmt.Println(version(argument))
		return
	}
	archive, err := os.Open(argument)
	if err == nil {
		err = ways[way](archive)
	}
	out.Flush()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// version is that of Go; the libraries add their own.
var version = func(string) string {
	return runtime.Version()
}
