package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// overTLS serves f's gateway on a TLS listener too.
func (f *front) overTLS() (addr string, client *tls.Config) {
	f.t.Helper()
	donor := httptest.NewUnstartedServer(nil)
	donor.StartTLS()
	cert, pool := donor.TLS.Certificates[0], x509.NewCertPool()
	pool.AddCert(donor.Certificate())
	donor.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.t.Fatal(err)
	}
	server := f.gateway.Server()
	served := make(chan error, 1)
	tl := f.gateway.Listener(l, &tls.Config{Certificates: []tls.Certificate{cert}})
	go func() { served <- server.Serve(tl) }()
	f.t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			f.t.Error(err)
		}
	})
	return l.Addr().String(), &tls.Config{RootCAs: pool, ServerName: "example.com"}
}

func TestTLS(t *testing.T) {
	f := openFront(t, nil)
	addr, config := f.overTLS()
	for _, version := range []string{"HTTP/1.1", "HTTP/2.0"} {
		p := new(http.Protocols)
		p.SetHTTP1(version == "HTTP/1.1")
		p.SetHTTP2(version == "HTTP/2.0")
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: config.Clone(), Protocols: p}}
		for range 3 {
			r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+addr+"/private/x", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			r.Host = f.addr
			r.Header.Set("X-JFrog-Art-Api", f.aliceKey)
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 200 || resp.Proto != version {
				t.Errorf("%s: %s %d %s %v", version, resp.Proto, resp.StatusCode, body, err)
			}
		}
		client.CloseIdleConnections()
	}
	// What is scanned in the clear is scanned inside TLS.
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "POST /open/a HTTP/1.1\r\nHost: %s\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /open/smug HTTP/1.1\r\nHost: %s\r\n\r\n", f.addr, f.addr)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 400 {
		t.Errorf("%v %v", resp, err)
	}
	old := config.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if c, err := tls.Dial("tcp", addr, old); err == nil {
		c.Close()
		t.Error("TLS 1.1 is taken")
	}
}

// Frames of HTTP/2 (RFC 9113 §6) that the test below writes and reads.
const (
	frameHeaders  = 1
	frameReset    = 3
	frameSettings = 4
	frameGoAway   = 7
)

func writeFrame(w io.Writer, kind, flags byte, stream uint32, payload []byte) {
	head := []byte{byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)), kind, flags, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(head[5:], stream)
	w.Write(append(head, payload...))
}

// h2 sends one request of the given fields, as they are, on a connection of
// its own and returns the status, or "reset" for the stream or connection.
func (f *front) h2(addr string, config *tls.Config, fields ...string) string {
	f.t.Helper()
	config = config.Clone()
	config.NextProtos = []string{"h2"}
	c, err := tls.Dial("tcp", addr, config)
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	writeFrame(c, frameSettings, 0, 0, nil)
	var block []byte
	for i := 0; i < len(fields); i += 2 {
		block = append(block, 0, byte(len(fields[i]))) // RFC 7541 §6.2.2, without Huffman
		block = append(block, fields[i]...)
		block = append(block, byte(len(fields[i+1])))
		block = append(block, fields[i+1]...)
	}
	writeFrame(c, frameHeaders, 0x5, 1, block) // END_STREAM, END_HEADERS
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(c, head); err != nil {
			return "reset"
		}
		payload := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
		if _, err := io.ReadFull(c, payload); err != nil {
			return "reset"
		}
		switch head[3] {
		case frameReset, frameGoAway:
			return "reset"
		case frameHeaders:
			return status(payload)
		}
	}
}

// status reads the first field of an answer (RFC 7541 appendix A): indexed, or
// a literal whose name is indexed.
func status(block []byte) string {
	for text, index := range map[string]byte{"200": 0x88, "400": 0x8c, "404": 0x8d} {
		if block[0] == index {
			return text
		}
	}
	return "another" // 405 and 401 have no index
}

func TestMalformedHTTP2(t *testing.T) {
	f := openFront(t, nobodyLives)
	addr, config := f.overTLS()
	pseudo := []string{":method", "GET", ":scheme", "https", ":path", "/open/x", ":authority", f.addr}
	with := func(more ...string) []string { return append(append([]string(nil), pseudo...), more...) }
	without := func(name string, more ...string) []string {
		var out []string
		for i := 0; i < len(pseudo); i += 2 {
			if pseudo[i] != name {
				out = append(out, pseudo[i], pseudo[i+1])
			}
		}
		return append(append([]string(nil), more...), out...)
	}
	if s := f.h2(addr, config, pseudo...); s != "200" {
		t.Fatalf("a good request: %s", s)
	}
	for name, fields := range map[string][]string{
		"transfer-encoding":        with("transfer-encoding", "chunked"),
		"connection":               with("connection", "x-forwarded-user"),
		"upgrade":                  with("upgrade", "websocket"),
		"CRLF in a value":          with("a", "b\r\nc: d"),
		"NUL in a value":           with("a", "b\x00"),
		"upper case":               with("X-Forwarded-User", "admin"),
		"blank in a name":          with("a b", "c"),
		"path with a blank":        without(":path", ":path", "/open/x y"),
		"path of another host":     without(":path", ":path", "http://evil/x"),
		"empty path":               without(":path", ":path", ""),
		"two paths":                with(":path", "/private/x"),
		"authority with user":      without(":authority", ":authority", "u@"+f.addr),
		"host beside authority":    with("host", "evil"),
		"CONNECT":                  {":method", "CONNECT", ":authority", "127.0.0.1:22"},
		"extended CONNECT":         without(":method", ":method", "CONNECT", ":protocol", "websocket"),
		"method of its own":        without(":method", ":method", "FOO"),
		"content-length of a lie":  with("content-length", "5"),
		"path with encoded ascent": without(":path", ":path", "/open/..%2fprivate"),
	} {
		f.echo.take()
		s := f.h2(addr, config, fields...)
		if s == "200" {
			t.Errorf("%s: %s", name, s)
		}
		if seen := f.echo.take(); len(seen) > 0 {
			t.Errorf("%s: the upstream saw %v", name, seen)
		}
	}
}

// TestUnscannedConnectionsAreClosed: a server on a bare listener would take
// what net/http takes.
func TestUnscannedConnectionsAreClosed(t *testing.T) {
	f := openFront(t, nobodyLives)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := f.gateway.Server()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if resp, err := http.Get("http://" + l.Addr().String() + "/open/x"); err == nil {
		resp.Body.Close()
		t.Errorf("it answered %d", resp.StatusCode)
	}
	server.Close()
	<-served
	if len(f.echo.take()) > 0 {
		t.Error("the upstream saw the request")
	}
}

func TestLocalSocket(t *testing.T) {
	f := openFront(t, nobodyLives)
	path := t.TempDir() + "/latchkey.sock"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := f.gateway.LocalServer()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	defer func() {
		server.Close()
		<-served
	}()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	defer client.CloseIdleConnections()
	for target, want := range map[string]int{
		"/-/api/v1/whoami": 200, "/-/api/v1/users": 200, "/-/api/v1/nothing": 404, "/private/x": 404, "/open/x": 404, "/ui/login": 404,
	} {
		resp, err := client.Get("http://local" + target)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want {
			t.Errorf("%s: %d %s", target, resp.StatusCode, body)
		}
		if target == "/-/api/v1/whoami" && !strings.Contains(string(body), `"kind":"local"`) {
			t.Errorf("whoami: %s", body)
		}
	}
	if lines := f.log.String(); !strings.Contains(lines, `"path":"/-/api/v1/whoami"`) || strings.Contains(lines, `"address"`) || strings.Contains(lines, "invalid IP") {
		t.Errorf("a socket has no address: %s", lines)
	}
	// The handler believes nothing but the kernel.
	w := httptest.NewRecorder()
	f.gateway.LocalHandler().ServeHTTP(w, httptest.NewRequest("GET", "/-/api/v1/users", nil))
	if w.Code != 403 {
		t.Errorf("without a socket: %d", w.Code)
	}
}

// TestSlowClients: bodies that dribble, answers that nobody reads and bodies
// that nobody wants end; one that moves at a modest rate does not.
func TestSlowClients(t *testing.T) {
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == "GET" {
			block := make([]byte, 64<<10)
			for range 4096 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
			return
		}
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d %v", n, err)
	}), nil)
	f.gateway.SetLook(300 * time.Millisecond)
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, text, f.addr)
		return c
	}
	dribble := dial("PUT /open/x HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000\r\n\r\na")
	unread := dial("GET /open/x HTTP/1.1\r\nHost: %s\r\n\r\n")
	if _, err := io.Copy(io.Discard, dribble); err != nil {
		t.Errorf("the dribble stays: %v", err)
	}
	// The server's side of the unread one ends as soon as the upstream's does;
	// what the kernel holds is all that can be read.
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(f.log.String(), `"method":"GET"`); <-poll.C {
		if time.Now().After(deadline) {
			t.Fatal("the unread answer stays")
		}
	}
	if n, _ := io.Copy(io.Discard, unread); n >= 4096*64<<10 {
		t.Error("the unread answer came whole")
	}
	r, w := io.Pipe()
	go func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range 40 { // longer than two looks
			<-tick.C
			w.Write(make([]byte, 1000))
		}
		w.Close()
	}()
	resp, err := http.Post(f.url+"/open/x", "text/plain", r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "40000 <nil>" {
		t.Errorf("the modest one: %s", body)
	}
}

func TestHeadsHaveALimit(t *testing.T) {
	f := openFront(t, nobodyLives)
	got := f.raw("GET /open/x HTTP/1.1\r\nHost: $HOST\r\nA: "+strings.Repeat("a", 80<<10)+"\r\n", 1)
	if s := statuses(got); s != "431" {
		t.Errorf("statuses %q", s)
	}
	if len(f.echo.take()) > 0 {
		t.Error("the upstream saw the request")
	}
}
