package auth

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// EventQuery selects events; zero values match all.
type EventQuery struct {
	User   string    // who did it, or to whom it was done
	Action string    // exact, or a prefix ending in "."
	Text   string    // part of target, user, address or client, in any case; at most 200 bytes
	Since  time.Time // not older
	Until  time.Time // not newer
}

func (q EventQuery) check() error {
	if len(q.Text) > maxTarget {
		return invalid("text", "the text to search for has at most %d bytes", maxTarget)
	}
	return nil
}

func (q EventQuery) matches(e Event) bool {
	owner, _, _ := strings.Cut(e.Target, " ") // a target is NAME, NAME ID or ID
	return (q.User == "" || e.User == q.User || owner == q.User) &&
		(q.Action == "" || e.Action == q.Action || strings.HasSuffix(q.Action, ".") && strings.HasPrefix(e.Action, q.Action)) &&
		!e.Time.Before(q.Since) && (q.Until.IsZero() || !e.Time.After(q.Until)) &&
		(q.Text == "" || e.says(strings.ToLower(q.Text)))
}

// says reports that e speaks of text, which is in lower case.
func (e Event) says(text string) bool {
	for _, s := range []string{e.Target, e.User, e.Addr, e.Client} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	return false
}

// ActionUnreadable is the action of what stands for a line that is no event: a
// crash cut it off, or somebody wrote over it. It has the time of the event
// beside it that was read before. Verify tells more.
const ActionUnreadable = "unreadable"

func unreadable(beside time.Time) Event {
	return Event{Time: beside, Action: ActionUnreadable, Result: "failed", Cause: "this line of the audit trail is not an event"}
}

// Search streams the events of written that match to fn, oldest first. Lines
// that are no events hide nothing: ActionUnreadable stands for them. Only an
// administrator may.
func (t *Trail) Search(ctx context.Context, who Identity, written io.Reader, q EventQuery, fn func(Event) error) error {
	if err := t.reads(ctx, who, q); err != nil {
		return err
	}
	var before time.Time
	return lines(written, func(_ int, raw []byte) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var e Event
		if json.Unmarshal(raw, &e) != nil {
			e = unreadable(before)
		}
		before = e.Time
		if q.matches(e) {
			return fn(e)
		}
		return nil
	})
}

// reads asks whether who may read the whole trail, by q.
func (t *Trail) reads(ctx context.Context, who Identity, q EventQuery) error {
	if err := t.a.may(ctx, who, actAudit, ""); err != nil {
		t.acted(who, actAudit, "", err)
		return err
	}
	return q.check()
}

// Verify checks the chain of written and returns how many lines hold, and an
// error naming the first that does not. Only an administrator may.
func (t *Trail) Verify(ctx context.Context, who Identity, written io.Reader) (holding int, err error) {
	if err := t.a.may(ctx, who, actAudit, ""); err != nil {
		return 0, err
	}
	check := Trail{a: t.a}
	err = scan(written, func(n int, raw []byte, e Event) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		chain := e.Chain
		again, err := check.chained(&e)
		if err != nil || e.Chain != chain || !bytes.Equal(again, raw) {
			return fmt.Errorf("line %d of the audit trail was altered, or a line before it is missing", n)
		}
		holding = n
		return nil
	})
	return holding, err
}

// scan gives fn every event; a line that is none ends it.
func scan(r io.Reader, fn func(n int, raw []byte, e Event) error) error {
	return lines(r, func(n int, raw []byte) error {
		var e Event
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("line %d of the audit trail is not an event: %w", n, err)
		}
		return fn(n, raw, e)
	})
}

// maxAuditLine is more than any event needs, in bytes with the line break.
const maxAuditLine = 64 << 10

// lines gives fn every line without its break; nil for one longer than
// maxAuditLine.
func lines(r io.Reader, fn func(n int, raw []byte) error) error {
	in := bufio.NewReaderSize(r, maxAuditLine)
	for n := 1; ; n++ {
		raw, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if long {
			raw = nil
		}
		if ended := err != nil; !ended || long || len(raw) > 0 {
			if err := fn(n, bytes.TrimSuffix(raw, []byte("\n"))); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}
