package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"sync/atomic"
	"time"
)

// Limits of the operators' door.
const (
	opsHeaderTimeout = 10 * time.Second
	opsWriteTimeout  = 2 * time.Minute // a profile takes 30 s by default
	opsIdleTimeout   = 2 * time.Minute
	opsMaxHeader     = 16 << 10
)

// readiness is whether requests should be sent here: the store answers and the
// daemon is not stopping.
type readiness struct {
	store    func(context.Context) error // returns within two seconds
	stopping atomic.Bool
}

// stop makes the answer no from now on.
func (r *readiness) stop() { r.stopping.Store(true) }

// check says why not; "" means ready.
func (r *readiness) check(ctx context.Context) string {
	if r.stopping.Load() {
		return "stopping"
	}
	if err := r.store(ctx); err != nil {
		return "the store does not answer"
	}
	return ""
}

// opsHandler answers operators: /healthz while the process lives, /readyz while
// it should be sent requests, /metrics, and Go's profiles.
func opsHandler(ready *readiness, counts *metrics) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeText(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if why := ready.check(r.Context()); why != "" {
			writeText(w, http.StatusServiceUnavailable, why)
			return
		}
		writeText(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", counts.handler())
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write([]byte(text + "\n")) // whoever has gone needs no answer
}

func opsServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: opsHeaderTimeout,
		ReadTimeout:       opsHeaderTimeout,
		WriteTimeout:      opsWriteTimeout,
		IdleTimeout:       opsIdleTimeout,
		MaxHeaderBytes:    opsMaxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}
