package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// echoServer is an upstream that says its name.
func echoServer(t *testing.T, name string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	t.Cleanup(s.Close)
	return s.URL
}

// routesTo is a configuration with one open route to upstream, and more.
func routesTo(upstream, more string) string {
	return more + "routes:\n  - {name: app, path: /app/, upstream: '" + upstream + "', read: [anonymous]}\n"
}

// reload sends SIGHUP and waits until the daemon has logged the text once more.
func (d *daemonProcess) reload(text string) {
	d.t.Helper()
	before := strings.Count(d.err.String(), text)
	d.signal(syscall.SIGHUP)
	until(d.t, "the daemon logs "+text, func() bool { return strings.Count(d.err.String(), text) > before })
}

func TestBadReloadChangesNothing(t *testing.T) {
	t.Parallel()
	one := echoServer(t, "one")
	d := newDaemon(t)
	d.configure(routesTo(one, ""))
	d.start()
	for name, text := range map[string]string{
		"syntax error":        "routes: [",
		"unknown key":         routesTo(one, "routs: []\n"),
		"missing certificate": routesTo(one, "http: {tls_listen: '127.0.0.1:0', tls: {cert_file: none.pem, key_file: none.pem}}\n"),
		"bad upstream":        routesTo("gopher://x", ""),
		"bad rule":            "routes:\n  - {name: app, path: /app/, upstream: '" + one + "', read: [everybody]}\n",
		"a million routes":    "routes:\n" + strings.Repeat("  - {name: a, path: /a/, upstream: 'http://127.0.0.1:1'}\n", 20_000),
		"empty upstream":      routesTo("", ""),
	} {
		t.Run(name, func(t *testing.T) {
			d.configure(text)
			d.reload("the configuration was not reloaded")
			if a := d.request("GET", "/app/", ""); a.status != http.StatusOK || a.body != "one" {
				t.Errorf("the old route answers %d %s", a.status, a.body)
			}
			if _, _, code := d.try("", "check", "-c", d.dir+"/latchkey.yaml"); code != exitFailed {
				t.Errorf("check exits %d", code)
			}
		})
	}
	resp, err := http.Get("http://" + d.ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if !strings.Contains(readAll(t, resp), `latchkey_config_reloads_total{result="failed"} 7`) {
		t.Error("the failed reloads are not counted")
	}
}

func TestGoodReloadDropsNothing(t *testing.T) {
	t.Parallel()
	one, two := echoServer(t, "one"), echoServer(t, "two")
	d := newDaemon(t)
	d.configure(routesTo(one, ""))
	d.start()

	// Requests all the while, each answered by one upstream or the other.
	var ended atomic.Bool
	var sent, failed atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !ended.Load() {
				resp, err := http.Get("http://" + d.http + "/app/")
				sent.Add(1)
				if err != nil || resp.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				if err == nil {
					resp.Body.Close()
				}
			}
		})
	}
	for i := range 10 {
		d.configure(routesTo([]string{two, one}[i%2], ""))
		d.reload("the configuration was reloaded")
	}
	d.configure(routesTo(two, ""))
	d.reload("the configuration was reloaded")
	ended.Store(true)
	clients.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), sent.Load())
	}
	if a := d.request("GET", "/app/", ""); a.body != "two" {
		t.Errorf("the new route answers %q", a.body)
	}

	// Keys that need a restart are named, keep their value, and the rest is in force.
	d.configure(routesTo(one, "store: redis://127.0.0.1:1\nmaster_key_file: elsewhere.key\n"))
	d.reload("need a restart")
	log := d.err.String()
	for _, key := range []string{"store", "master_key_file"} {
		if !strings.Contains(log[strings.LastIndex(log, "need a restart"):], key) {
			t.Errorf("%s is not named", key)
		}
	}
	if a := d.request("GET", "/app/", ""); a.body != "one" {
		t.Errorf("the route beside them answers %q", a.body)
	}
	d.do("user", "list")

	// A route that left is gone, an LFS route that came is there.
	d.configure("routes:\n  - {name: files, path: /files/, upstream: 'lfs:" + d.data("files") + "'}\n")
	d.reload("the configuration was reloaded")
	if a := d.request("GET", "/app/", ""); a.status != http.StatusNotFound {
		t.Errorf("the route that left answers %d", a.status)
	}
	if a := d.request("GET", "/files/team/x/locks", "", "Accept", "application/vnd.git-lfs+json"); a.status != http.StatusUnauthorized {
		t.Errorf("the LFS route that came answers %d", a.status)
	}
	if code := d.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}
