package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// behind opens a front whose route open leads to h.
func behind(t testing.TB, h http.Handler, change func(*gateway.Route)) *front {
	return leadingTo(t, h, false, change)
}

// behindEmpty is behind without people.
func behindEmpty(t testing.TB, h http.Handler, change func(*gateway.Route)) *front {
	return leadingTo(t, h, true, change)
}

func leadingTo(t testing.TB, h http.Handler, empty bool, change func(*gateway.Route)) *front {
	up := httptest.NewServer(h)
	f := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = empty
		for i := range c.Routes {
			c.Routes[i].Upstream = up.URL
			if change != nil {
				change(&c.Routes[i])
			}
		}
	})
	t.Cleanup(up.Close)
	return f
}

func TestBodiesStreamBothWays(t *testing.T) {
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.NewResponseController(w).EnableFullDuplex()
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(w, "got "+line)
			http.NewResponseController(w).Flush()
		}
	}), nil)
	// HTTP/1 clients cannot read before they have written all; over raw bytes
	// the up way is seen to stream at the upstream below.
	arrived := make(chan string, 1)
	g := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		line, _ := bufio.NewReader(r.Body).ReadString('\n')
		arrived <- line
		io.Copy(io.Discard, r.Body)
	}), nil)
	pr, pw := io.Pipe()
	done := make(chan error, 1)
	go func() {
		resp, err := http.Post(g.url+"/open/x", "text/plain", pr)
		if err == nil {
			resp.Body.Close()
		}
		done <- err
	}()
	io.WriteString(pw, "first\n")
	select {
	case line := <-arrived:
		if line != "first\n" {
			t.Errorf("arrived %q", line)
		}
	case <-time.After(patience):
		t.Fatal("the upload is held back")
	}
	pw.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := f.send("POST", "/open/x", "a\nb\n"); got.body != "got a\ngot b\n" {
		t.Errorf("answer %q", got.body)
	}
}

func TestAnswersAreNotHeldBack(t *testing.T) {
	next := make(chan struct{})
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.Header().Set("Content-Type", "text/event-stream")
		} else {
			w.Header().Set("Content-Length", "10000")
		}
		for range 2 {
			io.WriteString(w, "data\n")
			http.NewResponseController(w).Flush()
			<-next
		}
	}), nil)
	for _, path := range []string{"/open/events", "/open/slow"} {
		resp, err := http.Get(f.url + path)
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(resp.Body)
		for range 2 {
			line, err := in.ReadString('\n')
			if line != "data\n" {
				t.Fatalf("%s: %q, %v", path, line, err)
			}
			next <- struct{}{}
		}
		resp.Body.Close()
	}
}

func TestRangeHeadTrailersAndInterim(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 1000)
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/trailers"):
			body, _ := io.ReadAll(r.Body)
			w.Header().Set("Trailer", "X-Sum")
			w.Header().Set("Link", "</x>; rel=preload")
			w.Header().Add("Set-Cookie", "latchkey=evil")
			w.WriteHeader(http.StatusEarlyHints)
			fmt.Fprintf(w, "%s %s %d", body, r.Trailer.Get("X-In"), len(r.Trailer["X_forwarded_user"])+len(r.Trailer["Host"]))
			w.Header().Set("X-Sum", "42")
		default:
			http.ServeContent(w, r, "x", time.Time{}, bytes.NewReader(content))
		}
	}), nil)
	got := f.send("GET", "/open/x", "", header("Range", "bytes=10-19")).want(t, 206)
	if got.body != "0123456789" || got.Header.Get("Content-Range") != "bytes 10-19/10000" {
		t.Errorf("range: %q %q", got.body, got.Header.Get("Content-Range"))
	}
	got = f.send("HEAD", "/open/x", "").want(t, 200)
	if got.ContentLength != 10000 || got.body != "" {
		t.Errorf("HEAD: length %d", got.ContentLength)
	}
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "POST /open/trailers HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\nTrailer: X-In, X_Forwarded_User, Host\r\nTE: trailers\r\n\r\n3\r\nabc\r\n0\r\nX-In: 7\r\nX_Forwarded_User: admin\r\nHost: evil.example\r\n\r\n", f.addr)
	in := bufio.NewReader(c)
	early, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if early.StatusCode != 103 || early.Header.Get("Link") == "" || early.Header["Set-Cookie"] != nil {
		t.Errorf("interim answer %d %v", early.StatusCode, early.Header)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "abc 7 0" || resp.Trailer.Get("X-Sum") != "42" {
		t.Errorf("body %q, trailer %v, %v", body, resp.Trailer, err)
	}
	if resp.Header["Set-Cookie"] != nil {
		t.Error("our cookie was set")
	}
}

// TestExpectContinue: 401 comes before any 100, and 100 when all is well.
func TestExpectContinue(t *testing.T) {
	f := openFront(t, nil)
	for _, length := range []string{"Content-Length: 3", "Content-Length: 100000", "Content-Length: 1000000000", "Transfer-Encoding: chunked"} {
		for _, path := range []string{"/private/x", "/-/api/v1/users"} {
			c, err := net.Dial("tcp", f.addr)
			if err != nil {
				t.Fatal(err)
			}
			c.SetDeadline(time.Now().Add(4 * time.Second)) // a body is waited for five
			fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: %s\r\n%s\r\nExpect: 100-continue\r\n\r\n", path, f.addr, length)
			if line, err := textproto.NewReader(bufio.NewReader(c)).ReadLine(); err != nil || line != "HTTP/1.1 401 Unauthorized" {
				t.Errorf("%s of %s without credential: %q %v, want 401 at once", path, length, line, err)
			}
			c.Close()
		}
	}
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "PUT /private/x HTTP/1.1\r\nHost: %s\r\nContent-Length: 3\r\nExpect: 100-continue\r\nX-JFrog-Art-Api: %s\r\n\r\n", f.addr, f.aliceKey)
	in := textproto.NewReader(bufio.NewReader(c))
	if line, err := in.ReadLine(); err != nil || line != "HTTP/1.1 100 Continue" {
		t.Fatalf("%q, %v", line, err)
	}
	in.ReadLine()
	io.WriteString(c, "abc")
	for {
		line, err := in.ReadLine()
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(line, "HTTP/1.1 100") {
			continue
		}
		if line == "HTTP/1.1 200 OK" {
			break
		}
		if line != "" && strings.HasPrefix(line, "HTTP/") {
			t.Fatal(line)
		}
	}
	if seen := f.echo.take(); len(seen) != 1 || seen[0].Body != "abc" {
		t.Errorf("the upstream saw %v", seen)
	}
}

// TestRefusedUploadReadsItsAnswer: a client that is writing a large body still
// gets the 401, then the connection is closed.
func TestRefusedUploadReadsItsAnswer(t *testing.T) {
	f := openFront(t, nobodyLives)
	for range 5 {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(patience))
		go func() {
			fmt.Fprintf(c, "PUT /private/x HTTP/1.1\r\nHost: %s\r\nContent-Length: 8000000\r\n\r\n", f.addr)
			c.Write(make([]byte, 700_000))
		}()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != 401 || !resp.Close {
			t.Errorf("status %d, closes: %v", resp.StatusCode, resp.Close)
		}
		c.Close()
	}
	if len(f.echo.take()) > 0 {
		t.Error("the upstream saw something")
	}
}

func TestWaysToUpstreams(t *testing.T) {
	e := new(echo)
	h2 := &http.Server{Handler: http.HandlerFunc(e.serve), Protocols: new(http.Protocols)}
	h2.Protocols.SetUnencryptedHTTP2(true)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go h2.Serve(tcp)
	defer h2.Close()
	socket := t.TempDir() + "/up.sock"
	ul, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	un := &http.Server{Handler: http.HandlerFunc(e.serve)}
	go un.Serve(ul)
	defer un.Close()
	f := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = true
		for name, upstream := range map[string]string{"h2c": "h2c://" + tcp.Addr().String(), "unix": "unix:" + socket, "below": "unix:" + socket + ":/base", "http": f.echo.URL + "/base/"} {
			c.Routes = append(c.Routes, gateway.Route{Route: auth.Route{Name: name, Read: rules(t, "anonymous"), Write: rules(t, "anonymous")}, Path: "/" + name + "/", Upstream: upstream})
		}
	})
	for path, want := range map[string]string{
		"/h2c/a%2fb?x=1": "/h2c/a%2fb?x=1", "/unix/a": "/unix/a", "/below/a%2fb;c": "/base/below/a%2fb;c", "/http/a": "/base/http/a",
	} {
		got := f.send("POST", path, "body").echoed(t)
		if got.URI != want || got.Body != "body" || got.Host != f.addr {
			t.Errorf("%s: the upstream got %s at %s: %q", path, got.URI, got.Host, got.Body)
		}
	}
}

func TestUpstreamFaults(t *testing.T) {
	var posts atomic.Int32
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/open/stall":
			select {
			case <-r.Context().Done():
			case <-time.After(patience):
			}
		case "/open/reset":
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/open/chunked":
			io.WriteString(w, "half")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/open/post":
			posts.Add(1)
			panic(http.ErrAbortHandler)
		case "/open/switch":
			c, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
			c.Close()
		case "/open/bare101":
			c, _, _ := http.NewResponseController(w).Hijack()
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			c.Close()
		}
	}), func(r *gateway.Route) { r.Timeout = 300 * time.Millisecond })
	f.send("GET", "/open/ok", "").want(t, 200)
	start := time.Now()
	f.send("GET", "/open/stall", "").want(t, 504)
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("504 after %v", d)
	}
	for _, path := range []string{"/open/reset", "/open/chunked"} {
		resp, err := http.Get(f.url + path)
		if err != nil {
			continue // cut before the head
		}
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("%s: %q looks whole", path, body)
		}
		resp.Body.Close()
	}
	f.send("GET", "/open/ok", "").want(t, 200) // leaves a connection that could be tried again
	f.send("POST", "/open/post", "x").want(t, 502)
	if n := posts.Load(); n != 1 {
		t.Errorf("the POST was sent %d times", n)
	}
	f.send("GET", "/open/switch", "").want(t, 502)
	f.send("GET", "/open/bare101", "").want(t, 502)

	gone := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = true
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		c.Routes[2].Upstream = "http://" + l.Addr().String()
		l.Close()
	})
	start = time.Now()
	got := gone.send("GET", "/open/x", "").want(t, 502)
	if d := time.Since(start); d > 3*time.Second {
		t.Errorf("502 after %v", d)
	}
	if strings.Contains(got.body, "127.0.0.1") || strings.Contains(got.body, "dial") {
		t.Errorf("the answer tells about the inside: %s", got.body)
	}
}

// An upstream that is full is said at once, and again open when one has ended.
func TestFullUpstream(t *testing.T) {
	began, hold := make(chan struct{}), make(chan struct{})
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/open/hold" {
			began <- struct{}{}
			<-hold
		}
	}), nil)
	f.gateway.SetRoom(2)
	held := make(chan int, 2)
	for range 2 {
		go func() { held <- f.send("GET", "/open/hold", "").StatusCode }()
		<-began
	}
	got := f.send("GET", "/open/x", "").want(t, 503)
	if !strings.Contains(got.body, "too many requests under way") || got.Header.Get("Retry-After") == "" {
		t.Errorf("%v %s", got.Header, got.body)
	}
	close(hold)
	for range 2 {
		if status := <-held; status != 200 {
			t.Errorf("one that was let in: %d", status)
		}
	}
	f.send("GET", "/open/x", "").want(t, 200)
}

func TestRedirects(t *testing.T) {
	var up string
	f := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		up = r.Context().Value(http.LocalAddrContextKey).(net.Addr).String()
		code, err := strconv.Atoi(r.URL.Query().Get("code"))
		if err != nil {
			code = 302
		}
		w.Header().Set("Location", strings.ReplaceAll(r.URL.Query().Get("to"), "UP", up))
		if r.URL.Query().Get("to") == "two" {
			w.Header().Add("Location", "https://elsewhere.example/y")
		}
		w.WriteHeader(code)
	}), nil)
	key, token := header("X-JFrog-Art-Api", f.aliceKey), bearer(f.aliceToken)
	for _, c := range []struct {
		method, to string
		shown      with
		want       int
		location   string
	}{
		{"GET", "/open/y", key, 302, "/open/y"},
		{"GET", "y?z=1", key, 302, "y?z=1"},
		{"GET", "http://UP/open/y?z=1#a", key, 302, f.url + "/open/y?z=1"},
		{"GET", "//UP/open/y", key, 302, f.url + "/open/y"},
		{"GET", f.url + "/open/y", key, 302, f.url + "/open/y"},
		{"GET", "https://elsewhere.example/y", key, 502, ""},
		{"GET", "//elsewhere.example/y", key, 502, ""},
		{"GET", `\\elsewhere.example/y`, key, 502, ""},
		// What url.Parse reads as a path or as opaque, and curl and browsers as
		// a host.
		{"GET", "///elsewhere.example/y", key, 502, ""},
		{"GET", "////elsewhere.example/y", key, 502, ""},
		{"GET", "http:///elsewhere.example/y", key, 502, ""},
		{"GET", "HTTP:/elsewhere.example/y", key, 502, ""},
		{"GET", "https:elsewhere.example/y", key, 502, ""},
		{"GET", "two", key, 502, ""},
		{"GET", "https://elsewhere.example/y", token, 302, "https://elsewhere.example/y"},
		{"POST", "https://elsewhere.example/y", token, 502, ""},
		{"GET", "https://elsewhere.example/y", f.session(), 302, "https://elsewhere.example/y"},
		{"GET", "ht tp://%zz", key, 502, ""},
	} {
		got := f.send(c.method, "/open/x?to="+url.QueryEscape(c.to), "", c.shown)
		if got.StatusCode != c.want {
			t.Errorf("%s to %s: status %d, want %d", c.method, c.to, got.StatusCode, c.want)
			continue
		}
		location := got.Header.Get("Location")
		location, _, _ = strings.Cut(location, "#")
		if location != c.location {
			t.Errorf("%s to %s: leads to %q, want %q", c.method, c.to, location, c.location)
		}
	}
}

func TestLargeBodiesAreWhole(t *testing.T) {
	const size = 16 << 20
	data := make([]byte, size)
	rand.Read(data)
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			sum := sha256.New()
			io.Copy(sum, r.Body)
			fmt.Fprintf(w, "%x", sum.Sum(nil))
			return
		}
		w.Write(data)
	}), nil)
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	for _, body := range []io.Reader{bytes.NewReader(data), struct{ io.Reader }{bytes.NewReader(data)}} {
		r, err := http.NewRequestWithContext(t.Context(), "PUT", f.url+"/open/x", body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("upload: %s, %v", got, err)
		}
	}
	got := f.send("GET", "/open/x", "").want(t, 200)
	if sum := fmt.Sprintf("%x", sha256.Sum256([]byte(got.body))); sum != want {
		t.Error("the download differs")
	}
}

func TestHandlerPanics(t *testing.T) {
	f := openFront(t, func(f *front, c *gateway.Config) {
		f.empty = true
		c.Routes = append(c.Routes, gateway.Route{Route: auth.Route{Name: "broken"}, Path: "/broken/", Builtin: builtin(func(w http.ResponseWriter, r *http.Request, _ auth.Identity) error {
			switch r.URL.Path {
			case "/broken/late":
				io.WriteString(w, "half")
				panic("a secret place")
			case "/broken/error":
				return errors.New("a secret place")
			case "/broken/late-error":
				io.WriteString(w, "half")
				return errors.New("a secret place")
			}
			panic("a secret place")
		})})
	})
	for _, path := range []string{"/broken/x", "/broken/error"} {
		got := f.send("GET", path, "").want(t, 500)
		if strings.Contains(got.body, "secret place") || strings.Contains(got.body, "goroutine") {
			t.Errorf("%s tells too much: %s", path, got.body)
		}
	}
	for _, path := range []string{"/broken/late", "/broken/late-error"} {
		resp, err := http.Get(f.url + path)
		if err == nil {
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				t.Errorf("%s: %q looks whole", path, body)
			}
		}
	}
	f.send("GET", "/open/x", "").want(t, 200)
	if !strings.Contains(f.log.String(), "a secret place") {
		t.Error("the log does not say what happened")
	}
}

type builtin func(w http.ResponseWriter, r *http.Request, who auth.Identity) error

func (b builtin) ServeAs(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	return b(w, r, who)
}

func TestReload(t *testing.T) {
	hold, entered := make(chan struct{}), make(chan struct{})
	f := behindEmpty(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/open/hold" {
			close(entered)
			<-hold
		}
	}), nil)
	done := make(chan int, 1)
	go func() { done <- f.send("GET", "/open/hold", "").StatusCode }()
	<-entered
	bad := f.config
	bad.Routes = append(bad.Routes, bad.Routes[0])
	if err := f.gateway.Reload(bad); err == nil {
		t.Error("two routes at one place are taken")
	}
	f.send("GET", "/open/x", "").want(t, 200)
	next := f.config
	next.Routes = next.Routes[:1]
	if err := f.gateway.Reload(next); err != nil {
		t.Fatal(err)
	}
	f.send("GET", "/open/x", "").want(t, 404)
	f.send("GET", "/public/x", "").want(t, 200)
	close(hold)
	if status := <-done; status != 200 {
		t.Errorf("the request under way got %d", status)
	}
}

// TestRevokedWhileOpen: a download, an upload and a WebSocket end soon after
// the credential that began them.
func TestRevokedWhileOpen(t *testing.T) {
	hold, uploads := make(chan struct{}), make(chan struct{})
	f := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			c, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			rw.Flush()
			io.Copy(c, rw)
			return
		}
		if r.Method == "PUT" {
			close(uploads)
			io.Copy(io.Discard, r.Body)
			return
		}
		io.WriteString(w, "begin\n")
		http.NewResponseController(w).Flush()
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}), func(r *gateway.Route) { r.WebSocket = true })
	defer close(hold)
	f.gateway.SetLook(300 * time.Millisecond)
	dial := func(text string) net.Conn {
		c, err := net.Dial("tcp", f.addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(patience))
		fmt.Fprintf(c, text, f.addr, f.aliceKey)
		return c
	}
	down := dial("GET /private/x HTTP/1.1\r\nHost: %s\r\nX-JFrog-Art-Api: %s\r\n\r\n")
	up := dial("PUT /private/x HTTP/1.1\r\nHost: %s\r\nX-JFrog-Art-Api: %s\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	var uploading sync.WaitGroup
	uploading.Go(func() { // fast enough, so that nothing but the revocation ends it
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			<-tick.C
			if _, err := fmt.Fprintf(up, "100\r\n%0256d\r\n", 0); err != nil {
				return
			}
		}
	})
	defer uploading.Wait()
	defer up.Close()
	ws := dial("GET /private/ws HTTP/1.1\r\nHost: %s\r\nX-JFrog-Art-Api: %s\r\n" + handshake + "\r\n")
	in := bufio.NewReader(ws)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	io.WriteString(ws, "\x00any\nthing\r\n\n")
	echoed := make([]byte, 13)
	if _, err := io.ReadFull(in, echoed[:12]); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := down.Read(first); err != nil {
		t.Fatal(err)
	}
	<-uploads
	if err := f.auth.Keys.Revoke(context.Background(), f.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	// Each read ends by the gateway's hand, not by the deadline.
	for name, c := range map[string]net.Conn{"download": down, "upload": up, "WebSocket": ws} {
		_, err := io.Copy(io.Discard, c)
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			t.Errorf("the %s stayed open", name)
		}
		c.Close()
	}
	const why = `"cut":"the credential has ended"`
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(patience); strings.Count(f.log.String(), why) < 3; <-poll.C {
		if time.Now().After(deadline) {
			t.Fatalf("not all were cut for the credential: %s", f.log.String())
		}
	}
}

const handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==\r\n"

func TestWebSocketHandshakes(t *testing.T) {
	f := behind(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" || strings.HasSuffix(r.URL.Path, "/no") {
			io.WriteString(w, "no socket")
			return
		}
		c, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		rw.Flush()
		io.Copy(c, rw)
	}), func(r *gateway.Route) { r.WebSocket = r.Name != "open" })
	key := "X-JFrog-Art-Api: " + f.aliceKey + "\r\n"
	cookie := "Cookie: latchkey=" + f.aliceSession + "\r\n"
	byBasic := "Authorization: " + basicText("alice:"+f.aliceKey) + "\r\n"
	for _, c := range []struct {
		name, path, head string
		want             int
	}{
		{"key", "/private/ws", handshake + key, 101},
		{"no credential", "/private/ws", handshake, 401},
		{"wrong key", "/private/ws", handshake + "X-JFrog-Art-Api: x\r\n", 403},
		{"route does not take it", "/open/ws", handshake + key, 200},
		{"reading is not enough", "/public/ws", handshake, 401},
		{"cookie, own origin", "/private/ws", handshake + cookie + "Origin: $ORIGIN\r\n", 101},
		{"cookie, other origin", "/private/ws", handshake + cookie + "Origin: https://evil.example\r\n", 403},
		{"cookie, null origin", "/private/ws", handshake + cookie + "Origin: null\r\n", 403},
		{"cookie, no origin", "/private/ws", handshake + cookie, 403},
		{"cookie, two origins", "/private/ws", handshake + cookie + "Origin: $ORIGIN\r\nOrigin: https://evil.example\r\n", 403},
		{"Basic, no browser", "/private/ws", handshake + byBasic, 101},
		{"Basic, own origin", "/private/ws", handshake + byBasic + "Origin: $ORIGIN\r\n", 101},
		{"Basic that a browser remembers, other origin", "/private/ws", handshake + byBasic + "Origin: https://evil.example\r\n", 403},
		{"old version", "/private/ws", strings.Replace(handshake, "13", "8", 1) + key, 200},
		{"no version", "/private/ws", strings.Replace(handshake, "Sec-WebSocket-Version: 13\r\n", "", 1) + key, 200},
		{"no key of its own", "/private/ws", strings.Replace(handshake, "Sec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==\r\n", "", 1) + key, 200},
		{"two protocols", "/private/ws", strings.Replace(handshake, "websocket", "h2c, websocket", 1) + key, 200},
	} {
		got := f.raw("GET "+c.path+" HTTP/1.1\r\nHost: $HOST\r\n"+strings.ReplaceAll(c.head, "$ORIGIN", f.url)+"\r\n", 1)
		if len(got) != 1 || got[0].StatusCode != c.want {
			t.Errorf("%s: %s, want %d", c.name, statuses(got), c.want)
		}
	}
	// No tunnel after a refusal: what follows is a request like any other.
	got := f.raw("GET /private/no HTTP/1.1\r\nHost: $HOST\r\n"+handshake+key+"\r\n"+"GET /private/x HTTP/1.1\r\nHost: $HOST\r\n\r\n", 2)
	if statuses(got) != "200 401" {
		t.Errorf("after a refused upgrade: %s, want 200 and 401", statuses(got))
	}
}
