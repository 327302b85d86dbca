// Package event writes one wide line per request or session. Whoever handles a
// request collects facts on its [Event]; when it ends, all of them are written
// as one line with a constant message, an id and a duration.
//
// What is set may come from a stranger: text is made harmless by [Clean] before
// it is kept, and number and length of the facts are bounded. The package does
// not know what is secret; secrets are never set.
package event

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"
)

const (
	// MaxAttrs is how many different keys an event keeps. Facts beyond it are
	// counted under "attrs_dropped".
	MaxAttrs = 48

	// MaxText is how many bytes of a text or error an event keeps.
	MaxText = 2048

	// MaxKey is how many bytes of a key, and of the message, an event keeps.
	MaxKey = 128

	usualAttrs = 13 // have room without another allocation
)

// The keys that every line has besides those of slog.
const (
	keyID       = "request_id"
	keyDuration = "duration_ms"
	keyDropped  = "attrs_dropped"
)

// Event is one request or session, from [New] to [Event.End]. All methods are
// safe for concurrent use.
type Event struct {
	name  string
	start time.Time

	mu      sync.Mutex
	id      string
	attrs   []slog.Attr
	dropped int
	ended   bool
	room    [usualAttrs]slog.Attr
}

// New begins an event now. name is the constant message of its line, such as
// "http request".
func New(name string) *Event {
	e := &Event{name: Clean(name, MaxKey), start: time.Now()}
	e.attrs = e.room[:0]
	return e
}

// ID is the random name of this event: 26 letters and digits, 128 bits. The
// line bears it as "request_id", so an answer that shows it can be found again.
func (e *Event) ID() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.idLocked()
}

func (e *Event) idLocked() string {
	if e.id == "" {
		e.id = rand.Text()
	}
	return e.id
}

// Set adds facts; a later value of a key replaces the earlier one in place. An
// empty key, one of the line's own keys (time, level, msg, request_id,
// duration_ms, attrs_dropped) and whatever exceeds [MaxAttrs] are dropped and
// counted. After End it does nothing.
func (e *Event) Set(attrs ...slog.Attr) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	for _, a := range attrs {
		e.setLocked(a)
	}
}

func (e *Event) setLocked(a slog.Attr) {
	a.Key, a.Value = Clean(a.Key, MaxKey), cleanValue(a.Value)
	for i := range e.attrs {
		if e.attrs[i].Key == a.Key {
			e.attrs[i].Value = a.Value
			return
		}
	}
	if len(e.attrs) == MaxAttrs || isOwnKey(a.Key) {
		e.dropped++
		return
	}
	e.attrs = append(e.attrs, a)
}

func isOwnKey(key string) bool {
	switch key {
	case "", slog.TimeKey, slog.LevelKey, slog.MessageKey, keyID, keyDuration, keyDropped:
		return true
	}
	return false
}

// cleanValue makes texts and errors harmless; a slog.LogValuer says first what
// it is. Numbers, times and groups are left to the handler's own quoting.
func cleanValue(v slog.Value) slog.Value {
	if v.Kind() == slog.KindLogValuer {
		v = v.Resolve()
	}
	switch v.Kind() {
	case slog.KindString:
		return slog.StringValue(Clean(v.String(), MaxText))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			return slog.StringValue(Clean(errorText(err), MaxText))
		}
	}
	return v
}

// errorText survives an error whose method panics, such as a typed nil.
func errorText(err error) (text string) {
	defer func() {
		if recover() != nil {
			text = "error without text"
		}
	}()
	return err.Error()
}

// End writes the line to log at level Info, the first time; later calls do
// nothing. "duration_ms" is the time since New in milliseconds, with
// microseconds behind the point.
func (e *Event) End(log *slog.Logger) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.ended {
		return
	}
	e.ended = true
	// The request's context may be over; the line is written all the same.
	ctx := context.Background()
	if !log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	now := time.Now()
	e.attrs = append(e.attrs,
		slog.String(keyID, e.idLocked()),
		slog.Float64(keyDuration, float64(now.Sub(e.start).Microseconds())/1000))
	if e.dropped > 0 {
		e.attrs = append(e.attrs, slog.Int(keyDropped, e.dropped))
	}
	if h, ok := log.Handler().(*handler); ok && h.plainJSON != nil {
		if h.plainJSON.writeEvent(now, e.name, e.attrs) {
			return
		}
	}
	line := slog.NewRecord(now, slog.LevelInfo, e.name, 0)
	line.AddAttrs(e.attrs...)
	// There is nobody to tell when the log cannot be written.
	_ = log.Handler().Handle(ctx, line)
}
