package gateway_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// probed asks address with alice's pair.
func probed(t testing.TB, p gateway.Probe, address string, send auth.UpstreamSend) auth.UpstreamAnswer {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	a := p.Probe(ctx, there(t, address, send), "alice-there", auth.NewSecret(aliceThere))
	for _, form := range []string{aliceThere, strings.ToLower(aliceThere), base64.StdEncoding.EncodeToString([]byte("alice-there:" + aliceThere)), base64.RawStdEncoding.EncodeToString([]byte(aliceThere))} {
		if strings.Contains(a.Said, form) {
			t.Errorf("%s: the sentence holds the secret: %s", address, a.Said)
		}
	}
	if a.Accepted != (a.Status >= 200 && a.Status < 300) || a.Said == "" || !strings.HasSuffix(a.Said, ".") {
		t.Errorf("%s: %+v", address, a)
	}
	return a
}

// listening accepts connections on loopback and does with them what it is told.
func listening(t testing.TB, do func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			go do(c)
		}
	}()
	return l.Addr().String()
}

// Whatever can become of a test has a sentence of its own, which is true and
// says nothing that the upstream said.
func TestProbeTellsTheTruth(t *testing.T) {
	var asked atomic.Int32 // at the other host
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(other.Close)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, secret, _ := r.BasicAuth()
		w.Header().Set("X-Shown", secret)
		switch r.URL.Path {
		case "/user":
			if name != "alice-there" || secret != aliceThere {
				w.WriteHeader(http.StatusUnauthorized)
			}
		case "/strict":
			w.WriteHeader(http.StatusUnauthorized)
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		case "/elsewhere":
			http.Redirect(w, r, other.URL+"/?"+secret, http.StatusFound)
		case "/elsewhere-by-name":
			http.Redirect(w, r, "http://"+secret+".evil.example/", http.StatusTemporaryRedirect)
		case "/login":
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		case "/nowhere":
			w.WriteHeader(http.StatusMovedPermanently)
		case "/busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/broken":
			w.WriteHeader(http.StatusInternalServerError)
			io.WriteString(w, "cannot check "+secret)
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		case "/odd":
			w.WriteHeader(799)
		case "/endless":
			w.Write(make([]byte, 1<<20))
			http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case "/cut":
			panic(http.ErrAbortHandler)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(service.Close)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	refusing := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	refusing.Config.ErrorLog = log.New(io.Discard, "", 0)
	refusing.TLS = &tls.Config{MinVersion: tls.VersionTLS13, ClientAuth: tls.RequireAnyClientCert}
	refusing.StartTLS()
	t.Cleanup(refusing.Close)
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead.Close()
	silent := listening(t, func(net.Conn) {})
	babbling := listening(t, func(c net.Conn) { io.WriteString(c, "220 mail.example.com ESMTP\r\n") })
	hanging := listening(t, func(c net.Conn) { c.Close() })

	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	quick := gateway.Probe{Limit: 300 * time.Millisecond}
	host := service.Listener.Addr().String()
	told := map[string]string{}
	for _, tc := range []struct {
		what    string
		probe   gateway.Probe
		address string
		status  int
		want    string // a part of the sentence
	}{
		{"right", gateway.Probe{}, service.URL + "/user", 200, host + " answered 200 OK to this name and secret."},
		{"wrong secret", gateway.Probe{}, service.URL + "/strict", 401, host + " does not accept this name and secret (401 Unauthorized)."},
		{"may not", gateway.Probe{}, service.URL + "/forbidden", 403, "refuses this name and secret here (403 Forbidden)"},
		{"wrong address", gateway.Probe{}, service.URL + "/none", 404, "has nothing at the address of the test (404 Not Found)"},
		{"redirect to another host", gateway.Probe{}, service.URL + "/elsewhere", 302, "redirects to another host, scheme or port (302 Found); the name and secret went to " + host + " alone"},
		{"to its own sign-in", gateway.Probe{}, service.URL + "/login", 303, "leads to another of its own pages (303 See Other)"},
		{"redirect nowhere", gateway.Probe{}, service.URL + "/nowhere", 301, "without a place to go on"},
		{"too many", gateway.Probe{}, service.URL + "/busy", 429, "wants fewer requests"},
		{"broken", gateway.Probe{}, service.URL + "/broken", 500, "has a fault of its own (500 Internal Server Error)"},
		{"another answer", gateway.Probe{}, service.URL + "/teapot", 418, "answered 418 I'm a teapot, which tells nothing"},
		{"no such host name", gateway.Probe{}, "http://latchkey-test.invalid/", 0, "no host of the name latchkey-test.invalid"},
		{"dead", gateway.Probe{}, "http://" + dead.Addr().String() + "/", 0, "Nothing is running at " + dead.Addr().String()},
		{"silent", quick, "http://" + silent + "/", 0, silent + " took the connection and did not answer within 300ms"},
		{"silent at TLS", quick, "https://" + silent + "/", 0, silent + " took the connection"},
		{"closing", gateway.Probe{}, "http://" + hanging + "/", 0, "closed the connection without an answer"},
		{"not HTTP", gateway.Probe{}, "http://" + babbling + "/", 0, "is not HTTP"},
		{"unknown authority", gateway.Probe{}, secure.URL, 0, "signed by nobody whom this machine trusts, so nothing was sent"},
		{"another name", gateway.Probe{RootCAs: roots}, strings.Replace(secure.URL, "127.0.0.1", "localhost", 1), 0, "is for another host name, so nothing was sent"},
		{"no TLS there", gateway.Probe{}, strings.Replace(service.URL, "http:", "https:", 1), 0, "does not speak TLS there, so nothing was sent"},
		{"trusted", gateway.Probe{RootCAs: roots}, secure.URL, 200, "answered 200 OK to this name and secret."},
		{"a certificate wanted", gateway.Probe{RootCAs: rootsOf(refusing)}, refusing.URL, 0, ""},
	} {
		a := probed(t, tc.probe, tc.address, auth.UpstreamBasic)
		if a.Status != tc.status || !strings.Contains(a.Said, tc.want) {
			t.Errorf("%s: %+v, want %d and %q", tc.what, a, tc.status, tc.want)
		}
		if tc.what != "trusted" && tc.what != "silent at TLS" {
			sentence := strings.NewReplacer(host, "HOST", dead.Addr().String(), "HOST", silent, "HOST", hanging, "HOST", babbling, "HOST").Replace(a.Said)
			if before, twice := told[sentence]; twice {
				t.Errorf("%s and %s are told alike: %s", tc.what, before, a.Said)
			}
			told[sentence] = tc.what
		}
	}
	// A host made of the secret is named nowhere.
	probed(t, gateway.Probe{}, service.URL+"/elsewhere-by-name", auth.UpstreamBasic)
	if a := probed(t, gateway.Probe{}, service.URL+"/cut", auth.UpstreamBasic); a.Status != 0 {
		t.Errorf("cut off: %+v", a)
	}
	if a := probed(t, gateway.Probe{}, service.URL+"/odd", auth.UpstreamBasic); a.Status != 799 || !strings.Contains(a.Said, "(799)") {
		t.Errorf("a status without a name: %+v", a)
	}
	start := time.Now()
	if a := probed(t, gateway.Probe{}, service.URL+"/endless", auth.UpstreamBasic); a.Status != 200 || time.Since(start) > 3*time.Second {
		t.Errorf("an endless answer: %+v after %v", a, time.Since(start))
	}
	if n := asked.Load(); n > 0 {
		t.Errorf("the redirect was followed %d times", n)
	}
}

func rootsOf(s *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return roots
}

// Each way of sending fills one header, and the words fit it. No proxy of the
// environment has a say.
func TestProbeSendsOneGET(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://127.0.0.1:9")
	}
	e := newEcho()
	t.Cleanup(e.Close)
	for _, send := range ways {
		a := probed(t, gateway.Probe{}, e.URL+"/api/whoami", send)
		if want := map[bool]string{true: "name and secret", false: "this secret"}[send == auth.UpstreamBasic]; a.Status != 200 || !strings.Contains(a.Said, want) {
			t.Errorf("%s: %+v", send, a)
		}
		seen := e.take()
		if len(seen) != 1 || seen[0].Method != "GET" || seen[0].URI != "/api/whoami" || seen[0].Body != "" {
			t.Fatalf("%s: %v", send, seen)
		}
		name, want := shownThere(send, "alice-there", aliceThere)
		if got := seen[0].Header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s: %s %q", send, name, got)
		}
		delete(seen[0].Header, name)
		if text := fmt.Sprint(seen[0].Header); strings.Contains(text, aliceThere) || strings.Contains(text, "alice") {
			t.Errorf("%s: also in %s", send, text)
		}
	}
}
