package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

const (
	benchConns    = 16
	benchStretch  = 100 * time.Millisecond // of one figure in one round
	benchPasses   = 3                      // rounds in one iteration
	benchPassword = "correct horse battery staple"
	benchTimeout  = 30 * time.Second // of one request
)

// benchRoutes are routes to one upstream that differ by who may and what the
// upstream is told.
func benchRoutes(upstream string) string {
	var b strings.Builder
	b.WriteString("routes:\n")
	for _, r := range []struct{ name, who, more string }{
		{"open", "anonymous", ""},
		{"app", "authenticated", ""},
		{"signed", "authenticated", "    identity: {headers: true, assertion: true}\n"},
	} {
		fmt.Fprintf(&b, "  - name: %s\n    path: /%s/\n    upstream: http://%s\n    read: [%s]\n    write: [%s]\n%s",
			r.name, r.name, upstream, r.who, r.who, r.more)
	}
	b.WriteString("  - {name: lfs, path: /lfs/, upstream: lfs:./data/lfs, read: [authenticated], write: [authenticated]}\n")
	return b.String()
}

// showing is one way to be let in: a name for the table, the route, and the
// header that it takes.
type showing struct{ name, path, header string }

// showings makes a user with one credential of each kind.
func (d *measured) showings() []showing {
	d.b.Helper()
	d.do("group", "create", "staff")
	d.feed(benchPassword, "user", "create", "alice", "--email", "alice@example.com", "--group", "staff", "--password-stdin")
	key := d.do("apikey", "create", "alice")
	jwt := d.do("token", "create", "alice")
	reference := d.do("token", "create", "alice", "--reference")
	basic := "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("alice:"+benchPassword))
	return []showing{
		{"anonymous route", "/open/x", ""},
		{"API key", "/app/x", "X-JFrog-Art-Api: " + key},
		{"JWT", "/app/x", "Authorization: Bearer " + jwt},
		{"reference token", "/app/x", "Authorization: Bearer " + reference},
		{"session cookie", "/app/x", "Cookie: " + d.signIn()},
		{"Basic with password, after the first", "/app/x", basic},
		{"API key, signed assertion", "/signed/x", "X-JFrog-Art-Api: " + key},
	}
}

// signIn gives the cookie of a new session.
func (d *measured) signIn() string {
	d.b.Helper()
	body, err := json.Marshal(map[string]any{"username": "alice", "password": benchPassword})
	if err != nil {
		d.b.Fatal(err)
	}
	a := d.request("POST", "/-/api/v1/session", string(body), "Content-Type", "application/json", "Origin", "http://"+d.http)
	if a.status != http.StatusCreated {
		d.b.Fatalf("sign in: %d %s", a.status, a.body)
	}
	cookie, err := http.ParseSetCookie(a.header.Get("Set-Cookie"))
	if err != nil {
		d.b.Fatal(err)
	}
	return cookie.Name + "=" + cookie.Value
}

// subject is one row of the table, with a figure of each round.
type subject struct {
	name    string
	addr    string
	pid     int
	request string

	cpu, rate []float64 // µs a request, requests a second
	bareCPU   []float64 // the bare proxy's just before
}

func get(addr, path, header string) string {
	request := "GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: bench\r\nAccept: */*\r\n"
	if header != "" {
		request += header + "\r\n"
	}
	return request + "\r\n"
}

// BenchmarkHTTP is what it costs to pass a small request on, for each kind of
// credential and store, beside a bare reverse proxy: requests with 1 KiB of
// answer on 16 kept connections. Before each figure the bare proxy is measured
// again; one iteration is three rounds of everything.
//
//	go test -run '^$' -bench '^BenchmarkHTTP$' -benchtime 5x ./cmd/latchkey
func BenchmarkHTTP(b *testing.B) {
	upstream, _ := startPeer(b, "upstream", "")
	bareAddr, barePID := startPeer(b, "bare", "http://"+upstream)
	bare := &subject{name: "bare httputil.ReverseProxy", addr: bareAddr, pid: barePID, request: get(bareAddr, "/app/x", "")}

	onBolt := newMeasured(b, benchRoutes(upstream))
	onRedis := newMeasured(b, benchRoutes(upstream), "LATCHKEY_STORE="+storetest.Redis(b).URL)
	var subjects []*subject
	memory := []string{"|after start, MB|after the load, MB"}
	for _, d := range []struct {
		name string
		*measured
	}{{"bolt", onBolt}, {"redis", onRedis}} {
		d.start()
		memory = append(memory, fmt.Sprintf("gateway on %s|%.1f", d.name, rssOf(b, d.pid())))
		for _, s := range d.showings() {
			subjects = append(subjects, &subject{
				name: d.name + ": " + s.name, addr: d.http, pid: d.pid(), request: get(d.http, s.path, s.header),
			})
		}
	}
	memory = append(memory, fmt.Sprintf("bare httputil.ReverseProxy|%.1f", rssOf(b, barePID)))
	for _, s := range append(subjects, bare) {
		s.run(b, benchStretch) // every cache is warm
	}
	for b.Loop() {
		for i := range benchPasses * len(subjects) {
			s := subjects[i%len(subjects)]
			bareCPU, bareRate := bare.run(b, benchStretch)
			cpu, rate := s.run(b, benchStretch)
			s.cpu, s.rate, s.bareCPU = append(s.cpu, cpu), append(s.rate, rate), append(s.bareCPU, bareCPU)
			bare.cpu, bare.rate = append(bare.cpu, bareCPU), append(bare.rate, bareRate)
		}
		onBolt.forgetLines()
		onRedis.forgetLines()
	}

	rows := []string{"|CPU µs/request|× bare|requests/s", fmt.Sprintf("%s|%.1f|1.00|%.0f", bare.name, median(bare.cpu), median(bare.rate))}
	worst := 0.0
	for _, s := range subjects {
		r := ratio(s.cpu, s.bareCPU)
		worst = max(worst, r)
		rows = append(rows, fmt.Sprintf("%s|%.1f|%.2f|%.0f", s.name, median(s.cpu), r, median(s.rate)))
	}
	printTable(fmt.Sprintf("HTTP: 1 KiB, %d kept connections, medians of %d rounds", benchConns, len(subjects[0].cpu)), rows...)
	for i, pid := range []int{onBolt.pid(), onRedis.pid(), barePID} {
		memory[i+1] += fmt.Sprintf("|%.1f", rssOf(b, pid))
	}
	printTable("Resident memory", memory...)
	b.ReportMetric(worst, "worst×bare")
}

// run sends requests for so long and gives the CPU time of one, in µs, and how
// many were answered each second.
func (s *subject) run(b *testing.B, stretch time.Duration) (cpu, rate float64) {
	b.Helper()
	n, used, took, err := s.load(b, stretch)
	if err != nil {
		b.Fatalf("%s: %v", s.name, err)
	}
	return float64(used.Nanoseconds()) / 1e3 / float64(n), float64(n) / took.Seconds()
}

func (s *subject) load(b *testing.B, stretch time.Duration) (n int64, used, took time.Duration, err error) {
	clients := make([]*benchClient, benchConns)
	for i := range clients {
		c, err := dialBench(s.addr, s.request)
		if err != nil {
			return 0, 0, 0, err
		}
		defer c.Close()
		if err := c.once(); err != nil {
			return 0, 0, 0, err
		}
		clients[i] = c
	}
	var stop atomic.Bool
	var done atomic.Int64
	var all sync.WaitGroup
	errs := make(chan error, benchConns)
	timer := time.AfterFunc(stretch, func() { stop.Store(true) })
	defer timer.Stop()
	before, begun := cpuOf(b, s.pid), time.Now()
	for _, c := range clients {
		all.Go(func() {
			mine := int64(0)
			for !stop.Load() {
				if err := c.once(); err != nil {
					errs <- err
					break
				}
				mine++
			}
			done.Add(mine)
		})
	}
	all.Wait()
	used, took = cpuOf(b, s.pid)-before, time.Since(begun)
	select {
	case err := <-errs:
		return 0, 0, 0, err
	default:
		return done.Load(), used, took, nil
	}
}

// benchClient sends one request again and again on one connection and does
// little else, so that its own cost leaves the cores to the others.
type benchClient struct {
	net.Conn
	in      *bufio.Reader
	request []byte
}

func dialBench(addr, request string) (*benchClient, error) {
	c, err := net.DialTimeout("tcp", addr, benchTimeout)
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(benchTimeout)); err != nil {
		return nil, err
	}
	return &benchClient{c, bufio.NewReaderSize(c, 64<<10), []byte(request)}, nil
}

// once sends the request and reads the answer, which must be 200 with the
// length of its body.
func (c *benchClient) once() error {
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	return c.answer()
}

var lengthHeader = []byte("\r\nContent-Length: ")

func (c *benchClient) answer() error {
	var head []byte
	for at := -1; at < 0; {
		if _, err := c.in.Peek(c.in.Buffered() + 1); err != nil {
			return err
		}
		head, _ = c.in.Peek(c.in.Buffered())
		if at = bytes.Index(head, []byte("\r\n\r\n")); at >= 0 {
			head = head[:at+4]
		}
	}
	at := bytes.Index(head, lengthHeader)
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200 ")) || at < 0 {
		return errors.New("answered " + strconv.Quote(string(head)))
	}
	length := head[at+len(lengthHeader):]
	length = length[:bytes.IndexByte(length, '\r')]
	size, err := strconv.Atoi(string(length))
	if err != nil {
		return err
	}
	if _, err := c.in.Discard(len(head)); err != nil {
		return err
	}
	if size <= c.in.Size() {
		_, err = c.in.Discard(size)
		return err
	}
	_, err = io.CopyN(io.Discard, c.in, int64(size))
	return err
}
