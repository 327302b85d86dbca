package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// Written is what has been written of the trail, oldest line first. Its size is
// that of the moment at which it was opened, at the end of a line; what is
// written meanwhile is not part of it.
type Written interface {
	io.ReaderAt
	Size() int64
	io.Closer
}

const (
	auditBlock = 64 << 10 // bytes read at once
	auditLook  = 16 << 20 // bytes that one call looks at
)

// errLookedEnough ends a call that has looked at auditLook bytes.
var errLookedEnough = errors.New("looked at enough of the audit trail")

// backward reads lines from the last to the first. What is read and not given
// yet is buf[lo:hi], and lies in r from at on:
//
//	r    [ not read | … line ⏎ line ⏎ li|ne ⏎ given … ]
//	                ^at                      ^end()
//
// A line that grows longer than maxAuditLine is dropped piece by piece and
// given as nil.
type backward struct {
	r      io.ReaderAt
	buf    []byte
	lo, hi int
	at     int64
	looked int64
	long   bool // the line before end() goes on behind it, dropped
	skip   bool // do not give that line
}

// newBackward begins at before, or at the end for 0 and for what lies beyond
// it. Where before is within a line, the line is left out.
func newBackward(w Written, before int64) (*backward, error) {
	if before <= 0 || before > w.Size() {
		before = w.Size()
	}
	b := &backward{r: w, buf: make([]byte, maxAuditLine+auditBlock), at: before}
	if before > 0 {
		last := make([]byte, 1)
		if err := readAt(w, last, before-1); err != nil {
			return nil, err
		}
		b.skip = last[0] != '\n'
		b.long = b.skip
	}
	return b, nil
}

// end is where the lines end that were not given yet, or within the one that
// is being dropped.
func (b *backward) end() int64 { return b.at + int64(b.hi-b.lo) }

// next gives the line before, without its break; it is good until the next
// call. io.EOF when there is none, errLookedEnough when one more block would be
// too much; end is then where to go on.
func (b *backward) next(ctx context.Context) ([]byte, error) {
	for {
		text := b.buf[b.lo:b.hi]
		whole := text
		if !b.long {
			whole = bytes.TrimSuffix(text, []byte("\n"))
		}
		i := bytes.LastIndexByte(whole, '\n')
		if i < 0 && b.at > 0 {
			if err := b.more(ctx); err != nil {
				return nil, err
			}
			continue
		}
		if i < 0 && len(text) == 0 && !b.long {
			return nil, io.EOF
		}
		line, long, skip := whole[i+1:], b.long, b.skip
		b.hi, b.long, b.skip = b.lo+i+1, false, false
		switch {
		case skip:
			continue
		case long || len(line) >= maxAuditLine:
			return nil, nil
		}
		return line, nil
	}
}

// more reads the block before.
func (b *backward) more(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if b.looked >= auditLook {
		return errLookedEnough
	}
	if b.hi-b.lo > maxAuditLine || b.long {
		b.hi, b.long = b.lo, true
	}
	n := int(min(auditBlock, b.at))
	rest := b.hi - b.lo
	copy(b.buf[len(b.buf)-rest:], b.buf[b.lo:b.hi])
	b.lo, b.hi = len(b.buf)-rest-n, len(b.buf)
	b.at -= int64(n)
	b.looked += int64(n)
	return readAt(b.r, b.buf[b.lo:b.lo+n], b.at)
}

func readAt(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &Error{Code: Internal, Reason: "the audit trail cannot be read", Err: err}
}
