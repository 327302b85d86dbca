package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what /metrics tells. Requests and sessions are counted from the
// one line that each of them logs, so the two cannot disagree.
type metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec // by route and status class
	sessions *prometheus.CounterVec // SSH, by exit
	refused  prometheus.Counter     // SSH connections that never logged in
	reloads  *prometheus.CounterVec // by result
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_http_requests_total", Help: "HTTP requests by route (empty: Latchkey's own pages and API) and status class.",
		}, []string{"route", "class"}),
		sessions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_ssh_sessions_total", Help: "SSH sessions by exit status.",
		}, []string{"exit"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "latchkey_ssh_refused_total", Help: "Log lines about SSH connections that did not log in.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "latchkey_config_reloads_total", Help: "Reloads of the configuration by result: ok or failed.",
		}, []string{"result"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "latchkey_build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.reloads.WithLabelValues("ok")
	m.reloads.WithLabelValues("failed")
	m.registry.MustRegister(m.requests, m.sessions, m.refused, m.reloads, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// counting counts the lines that end a request or session and hands all lines
// on. It sees them at every level, also at those that are not written.
type counting struct {
	slog.Handler
	counts *metrics
}

// Enabled is true from info on, because the lines that are counted are info.
func (h counting) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelInfo || h.Handler.Enabled(ctx, level)
}

func (h counting) Handle(ctx context.Context, line slog.Record) error {
	switch line.Message {
	case "http request":
		route, class := "", "none"
		line.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "route":
				route = a.Value.String()
			case "status":
				class = statusClass(a.Value)
			}
			return true
		})
		h.counts.requests.WithLabelValues(route, class).Inc()
	case "ssh session":
		exit := "none"
		line.Attrs(func(a slog.Attr) bool {
			if a.Key == "exit" {
				exit = a.Value.String()
			}
			return true
		})
		h.counts.sessions.WithLabelValues(exit).Inc()
	case "ssh refused":
		h.counts.refused.Inc()
	}
	if !h.Handler.Enabled(ctx, line.Level) {
		return nil
	}
	return h.Handler.Handle(ctx, line)
}

func (h counting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return counting{h.Handler.WithAttrs(attrs), h.counts}
}

func (h counting) WithGroup(name string) slog.Handler {
	return counting{h.Handler.WithGroup(name), h.counts}
}

// statusClass is 2xx for 200 and so on.
func statusClass(v slog.Value) string {
	if v.Kind() != slog.KindInt64 || v.Int64() < 100 || v.Int64() > 599 {
		return "none"
	}
	return fmt.Sprintf("%dxx", v.Int64()/100)
}
