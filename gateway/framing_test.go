package gateway_test

import (
	"strings"
	"testing"
)

// TestAmbiguousFramingIsRefused sends each faulty stream of the scanner's
// table to a real front door: 400, the connection closed, nothing upstream.
func TestAmbiguousFramingIsRefused(t *testing.T) {
	f := openFront(t, nobodyLives)
	for _, c := range scanTable {
		if !c.faulty || c.requests > 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			f.echo.take()
			stream := strings.NewReplacer("Host: x\r", "Host: $HOST\r", " /a ", " /open/a ", " /smug ", " /open/smug ").Replace(c.stream)
			got := f.rawThenClosed(stream)
			if s := statuses(got); s != "400" {
				t.Errorf("statuses %q, want 400 alone", s)
			}
			if seen := f.echo.take(); len(seen) > 0 {
				t.Errorf("the upstream saw %v", seen)
			}
		})
	}
}

func TestRequestBeforeAFaultIsAnswered(t *testing.T) {
	f := openFront(t, nobodyLives)
	for name, second := range map[string]string{
		"bare LF":    "GET /open/b HTTP/1.1\nHost: $HOST\n\n",
		"CL and TE":  "POST /open/b HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"cut within": "GET /open/b HTTP/1.1\r\nHost: $HOST\r\nA : b\r\n\r\n",
	} {
		f.echo.take()
		got := f.rawThenClosed("GET /open/a HTTP/1.1\r\nHost: $HOST\r\n\r\n" + second)
		if s := statuses(got); s != "200 400" {
			t.Errorf("%s: statuses %q, want 200 and 400", name, s)
		}
		if seen := f.echo.take(); len(seen) != 1 || seen[0].URI != "/open/a" {
			t.Errorf("%s: the upstream saw %v", name, seen)
		}
	}
}

func TestBadChunksEndTheBody(t *testing.T) {
	f := openFront(t, nobodyLives)
	for _, body := range []string{"3\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "zz\r\nabc\r\n0\r\n\r\n", "3;a\nb\r\nabc\r\n0\r\n\r\n"} {
		got := f.rawThenClosed("POST /open/a HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "GET /open/smug HTTP/1.1\r\nHost: $HOST\r\n\r\n")
		if s := statuses(got); s != "400" {
			t.Errorf("%q: statuses %q, want 400", body, s)
		}
		for _, e := range f.echo.take() {
			if e.URI != "/open/a" {
				t.Errorf("%q: the upstream saw %v", body, e)
			}
		}
	}
}

func TestKeepAliveAndPipelining(t *testing.T) {
	f := openFront(t, nobodyLives)
	got := f.raw("POST /open/a HTTP/1.1\r\nHost: $HOST\r\nContent-Length: 3\r\n\r\nabc"+
		"POST /open/b HTTP/1.1\r\nHost: $HOST\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"+
		"GET /open/c HTTP/1.1\r\nHost: $HOST\r\n\r\n", 3)
	if s := statuses(got); s != "200 200 200" {
		t.Fatal(s)
	}
	var bodies []string
	for _, e := range f.echo.take() {
		bodies = append(bodies, e.URI+e.Body)
	}
	if s := strings.Join(bodies, " "); s != "/open/aabc /open/bdef /open/c" {
		t.Error(s)
	}
}

func TestMethods(t *testing.T) {
	f := openFront(t, nobodyLives)
	for method, want := range map[string]int{
		"GET": 200, "PUT": 200, "PROPFIND": 200, "MKCOL": 200,
		"TRACE": 405, "FOO": 405, "get": 405, "TRACK": 405, "PRI": 405, "DEBUG": 405,
	} {
		f.echo.take()
		got := f.raw(method+" /open/a HTTP/1.1\r\nHost: $HOST\r\nConnection: close\r\n\r\n", 1)
		if len(got) != 1 || got[0].StatusCode != want {
			t.Errorf("%s: %s, want %d", method, statuses(got), want)
		}
		if seen := f.echo.take(); (len(seen) == 1) != (want == 200) {
			t.Errorf("%s: the upstream saw %v", method, seen)
		}
	}
}

func TestMethodOverrideIsTakenAway(t *testing.T) {
	f := openFront(t, nobodyLives)
	got := f.send("GET", "/public/a", "", header("X-HTTP-Method-Override", "DELETE"), header("X-Method-Override", "DELETE"), header("X_HTTP_Method", "DELETE")).echoed(t)
	for name := range got.Header {
		if strings.Contains(strings.ToLower(name), "method") {
			t.Errorf("%s reached the upstream", name)
		}
	}
}

// TestUpgradesButWebSocket sends the upgrades that smuggle past a proxy.
func TestUpgradesButWebSocket(t *testing.T) {
	f := openFront(t, nobodyLives)
	for name, head := range map[string]string{
		"h2c":              "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
		"h2c in two lines": "Connection: Upgrade\r\nConnection: HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
		"websocket":        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: SGVsbG8sIHdvcmxkIQ==\r\n",
		"anything":         "Connection: Upgrade\r\nUpgrade: foo/2\r\n",
		"without token":    "Upgrade: h2c\r\n",
	} {
		got := f.raw("GET /open/a HTTP/1.1\r\nHost: $HOST\r\n"+head+"\r\n", 1)
		if len(got) != 1 || got[0].StatusCode != 200 {
			t.Errorf("%s: %s, want 200", name, statuses(got))
			continue
		}
		for _, e := range f.echo.take() {
			for _, h := range []string{"Upgrade", "Http2-Settings"} {
				if e.Header.Get(h) != "" {
					t.Errorf("%s: the upstream got %s: %s", name, h, e.Header.Get(h))
				}
			}
			if e.Header.Get("Connection") != "" {
				t.Errorf("%s: the upstream got Connection: %s", name, e.Header.Get("Connection"))
			}
		}
	}
}
