package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// accounts is a service that knows two people by secrets of its own, and
// remembers who came.
type accounts struct {
	*httptest.Server
	mu   sync.Mutex
	came []string // names, "-" for nobody and "?" for somebody unknown
}

const (
	aliceAtPackages = "glpat-alice-9Pq4sVt7Lw2xKd"
	bobAtPackages   = "glpat-bob-3Jm8rXz5Hn6yTc"
)

func newAccounts(t *testing.T) *accounts {
	a := new(accounts)
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, status := "?", http.StatusUnauthorized
		switch _, secret, _ := r.BasicAuth(); secret + r.Header.Get("Private-Token") {
		case aliceAtPackages:
			who, status = "alice", http.StatusOK
		case bobAtPackages:
			who, status = "bob", http.StatusOK
		case "":
			who = "-"
		}
		a.mu.Lock()
		a.came = append(a.came, who)
		a.mu.Unlock()
		w.Header().Set("WWW-Authenticate", `Basic realm="packages"`)
		w.WriteHeader(status)
		fmt.Fprint(w, who)
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *accounts) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	came := strings.Join(a.came, " ")
	a.came = nil
	return came
}

// packages is a configuration with one upstream and a route to it.
func packages(address, send string) string {
	return "upstreams:\n  - {name: packages, url: '" + address + "/whoami', sign_up: 'https://packages.example.com/new', " + send + "}\n" +
		"routes:\n  - {name: packages, path: /packages/, upstream: '" + address + "', identity: {upstream_credential: packages}}\n"
}

// The whole way with a real daemon: the command line stores and tests, two
// people are two to the service, a moved service gets nothing, and what was
// stored is in no file.
func TestUpstreamCredentials(t *testing.T) {
	t.Parallel()
	t.Run("bolt", func(t *testing.T) { upstreamCredentials(t, nil) })
	t.Run("redis", func(t *testing.T) {
		upstreamCredentials(t, storetest.Redis(t, "--rdbcompression", "no", "--aof-use-rdb-preamble", "no"))
	})
}

func upstreamCredentials(t *testing.T, server *storetest.RedisServer) {
	service, elsewhere := newAccounts(t), newAccounts(t)
	d := newDaemon(t)
	if server != nil {
		d.env = append(d.env, "LATCHKEY_STORE="+server.URL)
	}
	p := &plant{t: t, d: d, secrets: map[string]string{"alice's secret": aliceAtPackages, "bob's secret": bobAtPackages}}
	d.configure(packages(service.URL, "send: basic"))
	d.start()
	keys := map[string]string{}
	for _, user := range []string{"alice", "bob"} {
		d.do("user", "create", user, "--email", user+"@example.com")
		keys[user] = strings.TrimSpace(d.do("apikey", "create", user))
	}
	get := func(user string) answer {
		t.Helper()
		return p.ask("GET", "/packages/x", "", "X-JFrog-Art-Api", keys[user])
	}
	a := get("alice")
	if a.status != http.StatusForbidden || !strings.Contains(a.body, "http://"+d.http+"/ui/profile/upstreams") || !strings.Contains(a.body, "https://packages.example.com/new") {
		t.Errorf("without anything stored: %d %s", a.status, a.body)
	}

	try := func(stdin string, want int, args ...string) string {
		t.Helper()
		out, errs, code := d.try(stdin, append([]string{"upstream"}, args...)...)
		if code != want {
			t.Errorf("upstream %v: exit %d, want %d: %s%s", args, code, want, out, errs)
		}
		p.scan("what upstream "+strings.Join(args, " ")+" says", out+errs)
		return out + errs
	}
	try("", 3, "test", "alice", "packages")
	if said := try(aliceAtPackages+"\n", 0, "test", "alice", "packages", "--entered", "--name", "al"); !strings.Contains(said, " answered 200 OK to this name and secret.") {
		t.Error(said)
	}
	if said := try("wrong\n", 1, "test", "alice", "packages", "--entered", "--name", "al"); !strings.Contains(said, "does not accept this name and secret (401 Unauthorized).") {
		t.Error(said)
	}
	try("x", 2, "test", "alice", "packages", "--name", "al")
	try("", 2, "set", "alice", "packages", "--name", "al")
	try(aliceAtPackages, 2, "set", "alice", "packages")
	try(aliceAtPackages, 3, "set", "alice", "none", "--name", "al")
	try(aliceAtPackages+"\n", 0, "set", "alice", "packages", "--name", "al")
	try(bobAtPackages+"\n", 0, "set", "bob", "packages", "--name", "bobby")
	try("", 0, "test", "alice", "packages")
	list := try("", 0, "list", "alice")
	if !strings.Contains(list, "UPSTREAM") || !strings.Contains(list, service.URL+"/whoami  basic  al ") || !strings.Contains(list, "stored") {
		t.Error(list)
	}
	var rows struct{ Items []upstreamRow }
	if err := json.Unmarshal([]byte(d.do("upstream", "list", "bob", "--json")), &rows); err != nil || len(rows.Items) != 1 || !rows.Items[0].Stored || rows.Items[0].Name != "bobby" || rows.Items[0].SignUp == "" {
		t.Errorf("%+v %v", rows, err)
	}

	service.take()
	for _, user := range []string{"alice", "bob", "alice"} {
		if a := get(user); a.status != http.StatusOK || a.body != user || a.header.Get("Www-Authenticate") != "" {
			t.Errorf("%s: %d %s", user, a.status, a.body)
		}
	}
	if came := service.take(); came != "alice bob alice" {
		t.Errorf("there came %s", came)
	}

	// Moved, or sent in another way, with a reload: stale, and sent nowhere.
	for _, text := range []string{packages(elsewhere.URL, "send: basic"), packages(service.URL, "send: header, header: Private-Token")} {
		d.configure(text)
		d.reload("the configuration was reloaded")
		if a := get("alice"); a.status != http.StatusForbidden || !strings.Contains(a.body, "has changed since") {
			t.Errorf("after a change: %d %s", a.status, a.body)
		}
		if list := try("", 0, "list", "alice"); !strings.Contains(list, "the upstream has changed: enter it again") {
			t.Error(list)
		}
		try("", 2, "test", "alice", "packages")
	}
	if came := elsewhere.take() + service.take(); came != "" {
		t.Errorf("there came %s", came)
	}
	try(bobAtPackages, 0, "set", "bob", "packages")
	if a := get("bob"); a.status != http.StatusOK || a.body != "bob" {
		t.Errorf("in a header: %d %s", a.status, a.body)
	}

	// A configuration with a fault leaves everything as it is.
	d.configure(packages("ftp://x", "send: basic"))
	d.reload("the configuration was not reloaded")
	if a := get("bob"); a.status != http.StatusOK {
		t.Errorf("after a bad reload: %d %s", a.status, a.body)
	}
	d.configure("")
	d.reload("the configuration was reloaded")
	if list := try("", 0, "list", "alice"); !strings.Contains(list, "the upstream is gone: delete it") {
		t.Error(list)
	}
	try("", 0, "delete", "alice", "packages")
	try("", 3, "delete", "alice", "packages")
	if code := d.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	p.scan("standard output", d.out.String())
	p.scan("log", d.err.String())
	p.scan("answers", p.answers.String())
	p.scanFolder(d.data(""))
	if server != nil {
		p.scanRedis(server)
	}
}
