package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/configs"
)

// maxAuditTail is how much of the trail is read at start to find its last
// line, in bytes; auth writes shorter ones.
const maxAuditTail = 128 << 10

// auditLog is the file of the audit trail, which is only ever added to. A
// reader sees whole lines, although others are written meanwhile.
type auditLog struct {
	path string

	mu    sync.Mutex
	file  *os.File
	size  int64 // up to the end of the last whole line
	end   int64 // of the file; beyond size lies what a full disk left of a line
	fault error // of the last writing
}

func openAuditLog(c *configs.Config) (*auditLog, error) {
	path := filepath.Join(c.DataDir, "audit.jsonl")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, privateFile)
	if err != nil {
		return nil, fmt.Errorf("audit trail: %w", err)
	}
	l := &auditLog{path: path, file: f}
	if err := l.begin(); err != nil {
		f.Close()
		return nil, fmt.Errorf("audit trail: %w", err)
	}
	return l, nil
}

// begin checks the file and ends a line that a crash of the machine cut off,
// so that the next one is not joined to it.
func (l *auditLog) begin() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", l.path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so others can use it: run chmod 600 %s", l.path, mode, l.path)
	}
	l.size, l.end = info.Size(), info.Size()
	if l.size == 0 {
		return nil
	}
	last := make([]byte, 1)
	if _, err := l.file.ReadAt(last, l.size-1); err != nil {
		return err
	}
	if last[0] != '\n' {
		_, err = l.Write([]byte("\n"))
	}
	return err
}

// Write adds whole lines. What was left of one that could not be written whole
// becomes a line of its own, which is no event, before the next.
func (l *auditLog) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end > l.size {
		n, err := l.file.Write([]byte("\n"))
		l.end += int64(n)
		if l.fault = err; err != nil {
			return 0, err
		}
		l.size = l.end
	}
	n, err := l.file.Write(lines)
	l.end += int64(n)
	if l.fault = err; err == nil {
		l.size = l.end
	}
	return n, err
}

// lastLine is what the next line is chained to; empty in a new trail.
func (l *auditLog) lastLine() ([]byte, error) {
	tail := make([]byte, min(l.size, maxAuditTail))
	if _, err := l.file.ReadAt(tail, l.size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	tail = bytes.TrimRight(tail, "\n")
	return tail[bytes.LastIndexByte(tail, '\n')+1:], nil
}

// resume takes up the chain where the run before left it. A trail that cannot
// be continued does not keep the daemon from starting: what is in it stays, and
// audit verify names the line.
func (l *auditLog) resume(trail *auth.Trail) error {
	line, err := l.lastLine()
	if err != nil {
		return err
	}
	return trail.Continue(bytes.NewReader(line))
}

// Close closes the file, with everything on disk.
func (l *auditLog) Close() error { return errors.Join(l.file.Sync(), l.file.Close()) }

// written is the trail up to now. Closing it is of no consequence.
func (l *auditLog) written() auth.Written {
	l.mu.Lock()
	defer l.mu.Unlock()
	return auditFile{io.NewSectionReader(l.file, 0, l.size)}
}

type auditFile struct{ *io.SectionReader }

func (auditFile) Close() error { return nil }

// health says how the trail is: lines that cannot be written are lost, and who
// has moved the file away looks for them in vain.
func (l *auditLog) health(context.Context) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fault != nil {
		return "", fmt.Errorf("the last line could not be written: %w", l.fault)
	}
	here, err := l.file.Stat()
	if err != nil {
		return "", err
	}
	there, err := os.Stat(l.path)
	if err != nil || !os.SameFile(here, there) {
		return "", fmt.Errorf("%s is not the file that is written: somebody moved or removed it; restart the daemon to begin a new one", l.path)
	}
	return fmt.Sprintf("%s is written; it has %s.", l.path, inUnits(l.size)), nil
}

// inUnits is a number of bytes for people.
func inUnits(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d bytes", n)
	case n < 1<<20:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}
