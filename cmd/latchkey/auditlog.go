package main

import (
	"bytes"
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

	mu   sync.Mutex
	file *os.File
	size int64 // up to the end of the last whole line
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
	l.size = info.Size()
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

// Write adds whole lines.
func (l *auditLog) Write(lines []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.file.Write(lines)
	l.size += int64(n)
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

// reader reads what is written up to now.
func (l *auditLog) reader() (io.ReadCloser, error) {
	l.mu.Lock()
	size := l.size
	l.mu.Unlock()
	f, err := os.Open(l.path)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(f, size), f}, nil
}
