package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"runtime/debug"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/klauspost/pgzip"
	"github.com/mholt/archives"
)

func init() {
	ways["klauspost-gzip"] = func(archive *os.File) error {
		return copied(kgzip.NewReader(archive))
	}
	ways["pgzip"] = func(archive *os.File) error {
		return copied(pgzip.NewReader(bufio.NewReader(archive)))
	}
	ways["klauspost-zstd"] = func(archive *os.File) error {
		return copied(zstd.NewReader(archive))
	}
	ways["klauspost-zstd-tar"] = func(archive *os.File) error {
		return listed(zstd.NewReader(archive))
	}
	ways["klauspost-zstd-all"] = decodeAll
	ways["archives"] = identified
	ways["http"] = fetched
	own := version
	version = func(name string) string {
		if name == "go" {
			return own(name)
		}
		return moduleVersion(name)
	}
}

// fetched is what the client of the standard library gives: it asks for gzip by itself, and decodes it.
func fetched(*os.File) error {
	answer, err := http.Get(os.Getenv("URL"))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return copied(answer.Body, nil)
}

func decodeAll(archive *os.File) error {
	compressed, err := io.ReadAll(archive)
	if err != nil {
		return err
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		return err
	}
	stream, err := decoder.DecodeAll(compressed, nil)
	out.Write(stream)
	return err
}

// identified finds out what the archive is by itself.
func identified(archive *os.File) error {
	ctx := context.Background()
	format, in, err := archives.Identify(ctx, archive.Name(), archive)
	if err != nil {
		return err
	}
	return format.(archives.Extractor).Extract(ctx, in, func(_ context.Context, entry archives.FileInfo) error {
		if !entry.Mode().IsRegular() {
			return nil
		}
		content, err := entry.Open()
		if err != nil {
			return err
		}
		defer content.Close()
		return line(entry.NameInArchive, entry.Size(), entry.ModTime(), content)
	})
}

func moduleVersion(path string) string {
	about, _ := debug.ReadBuildInfo()
	for _, module := range about.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return "unknown"
}
