package event_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/latchkey-io/latchkey/internal/event"
)

// fields reads the one JSON line in b.
func fields(t *testing.T, b []byte) map[string]any {
	t.Helper()
	if n := bytes.Count(b, []byte("\n")); n != 1 || !bytes.HasSuffix(b, []byte("\n")) {
		t.Fatalf("%d lines: %q", n, b)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestOneLineWithEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := event.NewLogger(&b, slog.LevelInfo, true)
		e := event.New("http request")
		e.Set(slog.String("user", "eve"), slog.Int("status", 200))
		e.Set(slog.String("user", "alice"))
		time.Sleep(1500*time.Millisecond + 250*time.Microsecond)
		e.End(log)
		e.Set(slog.String("late", "x"))
		e.End(log)

		m := fields(t, b.Bytes())
		want := map[string]any{
			"level": "INFO", "msg": "http request", "user": "alice", "status": 200.0,
			"request_id": e.ID(), "duration_ms": 1500.25, "time": m["time"],
		}
		if fmt.Sprint(m) != fmt.Sprint(want) {
			t.Errorf("line %v\nwant %v", m, want)
		}
		if strings.Count(b.String(), `"user"`) != 1 {
			t.Error("a key is there twice")
		}
		if when, err := time.Parse(time.RFC3339, m["time"].(string)); err != nil || when.Location() != time.UTC {
			t.Errorf("time %v is not UTC", m["time"])
		}
	})
}

func TestIDsAreRandom(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		e := event.New("x")
		id := e.ID()
		if len(id) < 16 || seen[id] || id != e.ID() {
			t.Fatalf("id %q", id)
		}
		seen[id] = true
	}
}

func TestAttributesAreBounded(t *testing.T) {
	var b bytes.Buffer
	e := event.New("x")
	for i := range 1000 {
		e.Set(slog.String(fmt.Sprintf("key%d", i), strings.Repeat("v", 1<<20)))
	}
	for _, own := range []string{"", "time", "level", "msg", "request_id", "duration_ms", "attrs_dropped"} {
		e.Set(slog.String(own, "forged"))
	}
	e.Set(slog.String("key0", "changed"))
	e.End(event.NewLogger(&b, slog.LevelInfo, true))
	m := fields(t, b.Bytes())
	if m["attrs_dropped"] != float64(1000-event.MaxAttrs+7) || m["key0"] != "changed" {
		t.Errorf("dropped %v, key0 %.20v", m["attrs_dropped"], m["key0"])
	}
	if len(m) != event.MaxAttrs+6 || b.Len() > event.MaxAttrs*(event.MaxText+20)+200 {
		t.Errorf("%d fields, %d bytes", len(m), b.Len())
	}
	if strings.Contains(b.String(), "forged") {
		t.Error("a key of the line's own was set from outside")
	}
}

type hidden string

func (hidden) LogValue() slog.Value { return slog.StringValue("[secret]") }

type typedNil struct{ text string }

func (e *typedNil) Error() string { return e.text }

func TestHostileValues(t *testing.T) {
	for _, json := range []bool{true, false} {
		var b bytes.Buffer
		e := event.New("x")
		e.Set(
			slog.String("text", "a\nlevel=ERROR\x1b[2J\u202e\xff"),
			slog.Any("error", errors.New("b\r\n\x1b]0;\u2066")),
			slog.Any("nil error", (*typedNil)(nil)),
			slog.Any("secret", hidden("hunter2")),
			slog.Any("list", []string{"c\n\x1b"}),
			slog.Group("group", slog.String("in", "d\n\x1b")),
		)
		e.End(event.NewLogger(&b, slog.LevelInfo, json))
		line := strings.TrimSuffix(b.String(), "\n")
		if strings.ContainsAny(line, "\n\r\x1b\u202e\u2066") || !utf8.ValidString(line) {
			t.Errorf("json %v: %q", json, line)
		}
		if strings.Contains(line, "hunter2") || !strings.Contains(line, "[secret]") || !strings.Contains(line, `a\`) {
			t.Errorf("json %v: %s", json, line)
		}
	}
}

func TestLevel(t *testing.T) {
	var b bytes.Buffer
	var level slog.LevelVar
	log := event.NewLogger(&b, &level, false)
	level.Set(slog.LevelWarn)
	event.New("quiet").End(log)
	if b.Len() != 0 {
		t.Errorf("written: %s", b.String())
	}
	level.Set(slog.LevelInfo)
	event.New("loud").End(log.With("part", "ssh").WithGroup("g"))
	if !strings.Contains(b.String(), "msg=loud") || !strings.Contains(b.String(), "part=ssh") || !strings.Contains(b.String(), "Z level") {
		t.Errorf("written: %s", b.String())
	}
}

func TestEventAtOnce(t *testing.T) {
	var b bytes.Buffer
	log := event.NewLogger(&b, slog.LevelInfo, true)
	e := event.New("x")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 200 {
				e.Set(slog.Int("n", n), slog.Int(fmt.Sprintf("k%d", i), n))
				e.ID()
			}
			e.End(log)
		})
	}
	wg.Wait()
	fields(t, b.Bytes())
}

// The short way of an event and the way through slog say the same.
func FuzzLineIsWhatSlogWrites(f *testing.F) {
	f.Add("k", "plain", int64(1), 1.5, true)
	f.Add("k\"\\", "\"\\/<>&\x1b\u2028\xff語", int64(-1<<63), 1e20, false)
	f.Add("", "", int64(0), 1e-7, false)
	f.Fuzz(func(t *testing.T, key, text string, n int64, x float64, yes bool) {
		set := func(e *event.Event) {
			e.Set(slog.String(key, text), slog.Int64("n", n), slog.Uint64("u", uint64(n)), slog.Float64("x", x))
			e.Set(slog.Bool("yes", yes), slog.Duration("d", time.Duration(n)), slog.Any("e", errors.New(text)))
		}
		var short, long bytes.Buffer
		a, b := event.New(text), event.New(text)
		set(a)
		set(b)
		a.End(event.NewLogger(&short, slog.LevelInfo, true))
		b.End(slog.New(slog.NewJSONHandler(&long, nil)))
		one, other := fields(t, short.Bytes()), fields(t, long.Bytes())
		for _, changes := range []string{"time", "request_id", "duration_ms"} {
			if one[changes] == nil || other[changes] == nil {
				t.Fatalf("no %s", changes)
			}
			delete(one, changes)
			delete(other, changes)
		}
		if !reflect.DeepEqual(one, other) {
			t.Fatalf("short %v\nslog  %v", one, other)
		}
	})
}

func tenFacts(e *event.Event) {
	e.Set(slog.String("method", "GET"), slog.String("path", "/lfs/repo/objects/0123456789"), slog.String("host", "lfs.example.com"))
	e.Set(slog.String("user", "alice"), slog.String("via", "apikey"), slog.String("route", "lfs"))
	e.Set(slog.Int("status", 200), slog.Int64("bytes", 123456), slog.String("source", "192.0.2.7"), slog.Bool("tls", true))
}

func BenchmarkEvent(b *testing.B) {
	for _, c := range []struct {
		name string
		log  *slog.Logger
	}{
		{"json", event.NewLogger(io.Discard, slog.LevelInfo, true)},
		{"text", event.NewLogger(io.Discard, slog.LevelInfo, false)},
		{"json of slog", slog.New(slog.NewJSONHandler(io.Discard, nil))},
		{"disabled", event.NewLogger(io.Discard, slog.LevelWarn, true)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e := event.New("http request")
				tenFacts(e)
				e.End(c.log)
			}
		})
	}
}
