package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/configs"
)

func textOf(t *testing.T, l *auditLog) string {
	t.Helper()
	w := l.written()
	defer w.Close()
	text, err := io.ReadAll(io.NewSectionReader(w, 0, w.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What a full disk or a crash left of a line is not part of the trail until it
// is a line of its own, and joins no other.
func TestHalfLinesJoinNoOther(t *testing.T) {
	c := &configs.Config{DataDir: t.TempDir()}
	path := filepath.Join(c.DataDir, "audit.jsonl")
	if err := os.WriteFile(path, []byte("one\nha"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := openAuditLog(c)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := l.Write([]byte("two\n")); err != nil {
		t.Fatal(err)
	}
	earlier := l.written()

	// Half a line, as a short write leaves it.
	n, err := l.file.Write([]byte("thr"))
	if err != nil {
		t.Fatal(err)
	}
	l.end += int64(n)
	if got, want := textOf(t, l), "one\nha\ntwo\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if _, err := l.Write([]byte("four\n")); err != nil {
		t.Fatal(err)
	}
	if got, want := textOf(t, l), "one\nha\ntwo\nthr\nfour\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got, want := earlier.Size(), int64(len("one\nha\ntwo\n")); got != want {
		t.Errorf("what was opened before has grown to %d bytes, want %d", got, want)
	}
}

func TestHealthOfTheAuditLog(t *testing.T) {
	c := &configs.Config{DataDir: t.TempDir()}
	l, err := openAuditLog(c)
	if err != nil {
		t.Fatal(err)
	}
	says := func(want string, well bool) {
		t.Helper()
		found := examineParts(context.Background(), []part{{"audit trail", l.health}})
		if len(found) != 1 || found[0].Name != "audit trail" || found[0].OK != well || !strings.Contains(found[0].Said, want) {
			t.Errorf("%+v, want %v and %q", found, well, want)
		}
	}
	says("0 bytes", true)
	if err := os.Rename(l.path, l.path+".1"); err != nil {
		t.Fatal(err)
	}
	says("moved or removed", false)
	if err := os.WriteFile(l.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	says("moved or removed", false)
	if err := os.Rename(l.path+".1", l.path); err != nil {
		t.Fatal(err)
	}
	says("0 bytes", true)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write([]byte("lost\n")); err == nil {
		t.Error("a closed file was written")
	}
	says("could not be written", false)
}
