package event

import (
	"context"
	"io"
	"log/slog"
	"sync"
)

// maxKeptLine is how many bytes of room a line leaves for the next one.
const maxKeptLine = 16 << 10

// NewLogger writes lines to w from level on, as JSON objects or as logfmt-like
// text, with times in UTC. Each line is one Write, and one Write is finished
// before the next begins.
func NewLogger(w io.Writer, level slog.Leveler, json bool) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	out := &output{w: w}
	out.room.New = func() any { return new([]byte) }
	if json {
		return slog.New(&handler{Handler: slog.NewJSONHandler(out, opts), plainJSON: out})
	}
	return slog.New(&handler{Handler: slog.NewTextHandler(out, opts)})
}

// handler is slog's own, but for lines that bear UTC whatever the machine's
// zone is, and for a shorter way for events.
type handler struct {
	slog.Handler

	// plainJSON is where an event may write its JSON itself, which costs
	// half; nil when the handler adds something to each line.
	plainJSON *output
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	return h.Handler.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{Handler: h.Handler.WithAttrs(attrs)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{Handler: h.Handler.WithGroup(name)}
}

// output is the place of all lines of one logger.
type output struct {
	room sync.Pool // of *[]byte

	mu sync.Mutex
	w  io.Writer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(line)
}
