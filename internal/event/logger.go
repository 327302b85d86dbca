package event

import (
	"context"
	"io"
	"log/slog"
)

// NewLogger writes lines to w from level on, as JSON objects or as logfmt-like
// text, with times in UTC. Each line is one Write.
func NewLogger(w io.Writer, level slog.Leveler, json bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if json {
		return slog.New(inUTC{slog.NewJSONHandler(w, opts)})
	}
	return slog.New(inUTC{slog.NewTextHandler(w, opts)})
}

// inUTC is a handler whose lines bear UTC whatever the machine's zone is.
type inUTC struct {
	slog.Handler
}

func (h inUTC) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	return h.Handler.Handle(ctx, r)
}

func (h inUTC) WithAttrs(attrs []slog.Attr) slog.Handler {
	return inUTC{h.Handler.WithAttrs(attrs)}
}

func (h inUTC) WithGroup(name string) slog.Handler {
	return inUTC{h.Handler.WithGroup(name)}
}
