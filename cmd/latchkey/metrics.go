package main

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/latchkey-io/latchkey/sshd"
)

// metrics are what /metrics tells.
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
			Name: "latchkey_ssh_refused_total", Help: "SSH connections that did not log in.",
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

// classes are the words for statuses, by their first digit.
var classes = [...]string{"none", "1xx", "2xx", "3xx", "4xx", "5xx"}

// request counts one that is over.
func (m *metrics) request(route string, status int) {
	class := status / 100
	if class < 0 || class >= len(classes) {
		class = 0
	}
	m.requests.WithLabelValues(route, classes[class]).Inc()
}

// session counts one of SSH that is over.
func (m *metrics) session(exit int) {
	text := "none"
	if exit != sshd.NoExit {
		text = strconv.Itoa(exit)
	}
	m.sessions.WithLabelValues(text).Inc()
}
