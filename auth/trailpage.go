package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"time"
)

// EventPage is some of the events, newest first.
type EventPage struct {
	Events []Event
	// Older is where the next older page begins; 0: there is none. It may be
	// set although the page is short: so much was looked at in vain.
	Older int64
}

// MaxEventPage is how many events a page may have.
const MaxEventPage = 1000

// oldLines is how many lines in a row must be too old for those before them to
// be as well: clocks have been wrong for a while.
const oldLines = 1000

// Page gives the newest events of w that match and lie before the place given,
// at most limit (1 to MaxEventPage). before is Older of the page before, 0 for
// the newest, as is a place beyond the end; one within a line begins with the
// line before it. A call reads at most 16 MiB, and of a page without a query
// little more than the page. ActionUnreadable stands for lines that are no
// events. Only an administrator may; Throttled where very many look at once.
func (t *Trail) Page(ctx context.Context, who Identity, w Written, q EventQuery, before int64, limit int) (EventPage, error) {
	if err := t.reads(ctx, who, q); err != nil {
		return EventPage{}, err
	}
	var after time.Time
	musts := q.musts()
	return t.page(ctx, w, before, limit, func(line []byte) (Event, verdict) {
		for _, text := range musts {
			if !bytes.Contains(line, text) {
				if at, ok := timeOf(line); ok && at.Before(q.Since) {
					return Event{}, tooOld
				}
				return Event{}, notWanted
			}
		}
		var e Event
		if json.Unmarshal(line, &e) != nil {
			e = unreadable(after)
		}
		after = e.Time
		switch {
		case q.matches(e):
			return e, wanted
		case e.Time.Before(q.Since):
			return e, tooOld
		}
		return e, notWanted
	})
}

// musts are texts that stand in every line that matches, so that most of the
// others need not be read as JSON.
func (q EventQuery) musts() (texts [][]byte) {
	for _, text := range []string{q.User, q.Action} {
		if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !isNamePart(r) }) {
			texts = append(texts, []byte(text))
		}
	}
	return texts
}

// isNamePart reports a character of names of users and acts, which stands in
// JSON as it is.
func isNamePart(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || strings.ContainsRune("._-@+:", r)
}

// verdict is what becomes of a line.
type verdict int

const (
	notWanted verdict = iota
	wanted
	tooOld // and so are those before it, if enough of them say so
	over   // nothing before it is wanted
)

const (
	maxLooking  = 64              // waiting for a core to look beyond those at work
	maxLookWait = 5 * time.Second // in that queue
)

// page asks judge about lines, newest first, a few callers at a time: a page of
// somebody without any events costs a quarter of a second of work. It looks one wanted line further
// than the page, so that Older leads to something wherever that is known.
func (t *Trail) page(ctx context.Context, w Written, before int64, limit int, judge func(line []byte) (Event, verdict)) (EventPage, error) {
	if before < 0 {
		return EventPage{}, invalid("before", "before is the place that the page before named")
	}
	if limit < 1 || limit > MaxEventPage {
		return EventPage{}, invalid("limit", "a page has 1 to %d events", MaxEventPage)
	}
	waiting, cancel := context.WithTimeout(ctx, maxLookWait)
	defer cancel()
	leave, err := t.looking.Enter(waiting)
	if err != nil {
		return EventPage{}, &Error{Code: Throttled, Reason: "too many look into the audit trail at once; try again in a moment", RetryAfter: time.Second, Err: err}
	}
	defer leave()
	p := EventPage{Events: []Event{}}
	b, err := newBackward(w, before)
	if err != nil {
		return EventPage{}, err
	}
	for old := 0; ; {
		end := b.end()
		line, err := b.next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			return p, nil
		case errors.Is(err, errLookedEnough):
			p.Older = b.end()
			return p, nil
		case err != nil:
			return EventPage{}, err
		}
		e, v := judge(line)
		switch v {
		case over:
			return p, nil
		case tooOld:
			if old++; old >= oldLines {
				return p, nil
			}
			continue
		case wanted:
			if len(p.Events) == limit {
				p.Older = end
				return p, nil
			}
			p.Events = append(p.Events, e)
		}
		old = 0
	}
}
