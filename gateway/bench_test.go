package gateway_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
	"github.com/latchkey-io/latchkey/internal/event"
	"github.com/latchkey-io/latchkey/keystore"
	"github.com/latchkey-io/latchkey/keystore/bolt"
	"github.com/latchkey-io/latchkey/keystore/redis"
	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// The benchmarks hold a bare httputil.ReverseProxy with a tuned transport
// against the gateway with a credential of each kind: one answer of 1 KiB per
// operation over kept connections, 16 at once, everything in this process. So
// the figures contain client and upstream; the differences are the gateway's.
const (
	benchBody    = 1 << 10
	benchClients = 8 // times GOMAXPROCS
)

// benchUpstream answers a KiB.
func benchUpstream(b *testing.B) string {
	body := []byte(strings.Repeat("x", benchBody))
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(body) }))
	b.Cleanup(up.Close)
	return up.URL
}

func tuned() *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}
}

// load sends b.N requests and fails when one is not answered well.
func load(b *testing.B, address string, show with) {
	b.Helper()
	t := tuned()
	defer t.CloseIdleConnections()
	ask := func() error {
		r, err := http.NewRequest(http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if show != nil {
			show(r)
		}
		resp, err := t.RoundTrip(r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		n, err := io.Copy(io.Discard, resp.Body)
		if err == nil && (resp.StatusCode != http.StatusOK || n != benchBody) {
			b.Errorf("status %d, %d bytes", resp.StatusCode, n)
		}
		return err
	}
	if err := ask(); err != nil { // the first one may hash a password
		b.Fatal(err)
	}
	b.SetParallelism(benchClients)
	b.ReportAllocs()
	before := cpuTime(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := ask(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpuTime is what this process has used of the processors. It is the steady
// figure where others use the machine too.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type benchBuffers struct{ sync.Pool }

func (p *benchBuffers) Get() []byte  { return *p.Pool.Get().(*[]byte) }
func (p *benchBuffers) Put(b []byte) { p.Pool.Put(&b) }

func BenchmarkProxyBare(b *testing.B) {
	target, err := url.Parse(benchUpstream(b))
	if err != nil {
		b.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Transport: tuned(),
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		BufferPool: &benchBuffers{sync.Pool{New: func() any {
			p := make([]byte, 32<<10)
			return &p
		}}},
	})
	defer proxy.Close()
	load(b, proxy.URL+"/private/x", nil)
}

// benchStores are the stores that the gateway is measured on.
var benchStores = []struct {
	name string
	open func(b *testing.B) keystore.Store
}{
	{"bolt", func(b *testing.B) keystore.Store {
		s, err := bolt.Open(context.Background(), bolt.Config{Path: filepath.Join(b.TempDir(), "latchkey.db")})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}},
	{"redis", func(b *testing.B) keystore.Store {
		s, err := redis.Open(context.Background(), redis.Config{Addrs: []string{storetest.Redis(b).Addr}})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}},
}

func BenchmarkProxyGateway(b *testing.B) {
	for _, store := range benchStores {
		b.Run("store="+store.name, func(b *testing.B) {
			f := benchFront(b, store.open(b))
			for _, c := range []struct {
				name string
				path string
				show with
			}{
				{"anonymous", "/open/x", nil},
				{"apikey", "/private/x", header("X-JFrog-Art-Api", f.aliceKey)},
				{"jwt", "/private/x", bearer(f.aliceToken)},
				{"reference", "/private/x", bearer(f.aliceReference)},
				{"session", "/private/x", f.session()},
				{"basic", "/private/x", basic("alice", frontAlice)},
				{"apikey+assertion", "/signed/x", header("X-JFrog-Art-Api", f.aliceKey)},
			} {
				b.Run("credential="+c.name, func(b *testing.B) { load(b, f.url+c.path, c.show) })
			}
		})
	}
}

// benchFront is a front on a store, with a log that goes to a file.
func benchFront(b *testing.B, store keystore.Store) *front {
	b.Helper()
	ctx := context.Background()
	b.Cleanup(func() { store.Close() })
	ring, _, err := auth.OpenRing(ctx, store, filepath.Join(b.TempDir(), "master.key"))
	if err != nil {
		b.Fatal(err)
	}
	out, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { out.Close() })
	log := event.NewLogger(out, slog.LevelInfo, true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	f := &front{t: b, addr: l.Addr().String(), url: "http://" + l.Addr().String(), ring: ring}
	public, err := url.Parse(f.url)
	if err != nil {
		b.Fatal(err)
	}
	if f.auth, err = auth.New(ctx, auth.Config{Store: store, Ring: ring, Log: log}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.auth.Close() })
	up := benchUpstream(b)
	known, anyone := rules(b, "authenticated"), rules(b, "anonymous")
	f.gateway, err = gateway.New(gateway.Config{Auth: f.auth, Ring: ring, Log: log, PublicURL: public, Routes: []gateway.Route{
		{Route: auth.Route{Name: "open", Read: anyone}, Path: "/open/", Upstream: up},
		{Route: auth.Route{Name: "private", Read: known}, Path: "/private/", Upstream: up, Headers: true},
		{Route: auth.Route{Name: "signed", Read: known}, Path: "/signed/", Upstream: up, Headers: true, Assertion: true},
	}})
	if err != nil {
		b.Fatal(err)
	}
	serve(b, f.gateway, l)
	f.people(ctx)
	return f
}

func BenchmarkDoorAlone(b *testing.B) {
	f := openFront(b, func(_ *front, c *gateway.Config) {
		c.Log = slog.New(slog.DiscardHandler)
		c.Routes = append(c.Routes, gateway.Route{Route: auth.Route{Name: "none", Read: rules(b, "authenticated")}, Path: "/none/",
			Builtin: builtin(func(w http.ResponseWriter, _ *http.Request, _ auth.Identity) error { w.WriteHeader(204); return nil })})
	})
	h := f.gateway.Handler()
	r := httptest.NewRequest("GET", "/none/x", nil)
	r.Host = f.addr
	r.Header.Set("X-JFrog-Art-Api", f.aliceKey)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 204 {
			b.Fatal(w.Code)
		}
	}
}
