package gateway_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-io/latchkey/gateway"
)

// scanTable has streams of bytes and how many requests pass before a fault;
// faulty ones end in one.
var scanTable = []struct {
	name, stream string
	requests     int
	faulty       bool
}{
	{"plain", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1, false},
	{"pipelined", "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", 2, false},
	{"body then request", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcdGET /b HTTP/1.1\r\nHost: x\r\n\r\n", 2, false},
	{"body that looks like a head", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\n\r\nGET / HTTP/9\n\n\x00\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", 2, false},
	{"chunked then request", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", 2, false},
	{"chunk extension and trailer", "POST /a HTTP/1.1\r\nHost: x\r\ntransfer-encoding: Chunked\r\n\r\nA;x=y\r\n0123456789\r\n0\r\nT: v\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n", 2, false},
	{"empty value, TAB and UTF-8", "GET /\xc3\xa4 HTTP/1.1\r\nHost: x\r\nA:\r\nB: \t\xc3\xa4 b\t\r\n\r\n", 1, false},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 1, false},
	{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 1, false},
	{"own absolute form", "GET http://x:8080/a HTTP/1.1\r\nHost: X:8080\r\n\r\n", 1, false},

	{"CL and TE", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smug HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"TE and CL", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 0, true},
	{"second of two", "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\nHost: x\n\n", 1, true},
	{"two lengths", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\n", 0, true},
	{"two equal lengths", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n", 0, true},
	{"list of lengths", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 4, 4\r\n\r\n", 0, true},
	{"signed length", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +4\r\n\r\n", 0, true},
	{"hex length", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x4\r\n\r\n", 0, true},
	{"empty length", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: \r\n\r\n", 0, true},
	{"huge length", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, true},
	{"xchunked", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n", 0, true},
	{"chunked, identity", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 0, true},
	{"identity", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: identity\r\n\r\n", 0, true},
	{"chunked twice", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, true},
	{"TE in HTTP/1.0", "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, true},
	{"blank before colon", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", 0, true},
	{"VT before chunked", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", 0, true},
	{"bare LF", "GET /a HTTP/1.1\nHost: x\n\n", 0, true},
	{"bare LF in fields", "GET /a HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", 0, true},
	{"bare LF at the end", "GET /a HTTP/1.1\r\nHost: x\r\n\n", 0, true},
	{"bare CR in value", "GET /a HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n", 0, true},
	{"fold", "GET /a HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 0, true},
	{"fold of the first", "GET /a HTTP/1.1\r\n Host: x\r\n\r\n", 0, true},
	{"NUL in value", "GET /a HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n", 0, true},
	{"DEL in value", "GET /a HTTP/1.1\r\nHost: x\r\nA: b\x7fc\r\n\r\n", 0, true},
	{"name of another alphabet", "GET /a HTTP/1.1\r\nHost: x\r\nContent\xe2\x80\x90Length: 3\r\n\r\n", 0, true},
	{"no name", "GET /a HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", 0, true},
	{"no colon", "GET /a HTTP/1.1\r\nHost: x\r\nabc\r\n\r\n", 0, true},
	{"no host", "GET /a HTTP/1.1\r\nA: b\r\n\r\n", 0, true},
	{"empty host", "GET /a HTTP/1.1\r\nHost:\r\n\r\n", 0, true},
	{"two hosts", "GET /a HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 0, true},
	{"two equal hosts", "GET /a HTTP/1.1\r\nHost: x\r\nhost: x\r\n\r\n", 0, true},
	{"foreign absolute form", "GET http://evil/adm HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"absolute form with user", "GET http://u@x/adm HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"absolute form of another kind", "GET ftp://x/adm HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"CONNECT", "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n", 0, true},
	{"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, true},
	{"GET *", "GET * HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"relative", "GET a HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"two blanks", "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"TAB in the request line", "GET\t/a HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"blank at the end", "GET /a HTTP/1.1 \r\nHost: x\r\n\r\n", 0, true},
	{"blank first", " GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"HTTP/0.9", "GET /a\r\n\r\n", 0, true},
	{"HTTP/1.2", "GET /a HTTP/1.2\r\nHost: x\r\n\r\n", 0, true},
	{"http/1.1", "GET /a http/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"empty line first", "\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", 0, true},
	{"TLS hello", "\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\n", 0, true},
	{"chunk size with LF alone", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 1, true},
	{"chunk size with prefix", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 1, true},
	{"chunk size with blank", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", 1, true},
	{"chunk longer than said", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 1, true},
	{"no chunk size", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n", 1, true},
	{"huge chunk size", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n", 1, true},
	{"LF in a chunk extension", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nX\r\nabc\r\n0\r\n\r\n", 1, true},
	{"bare LF after the last chunk", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n", 1, true},
	{"fold in the trailer", "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n", 1, true},
}

// feed scans a stream in pieces and returns what passed.
func feed(stream []byte, piece int) (passed []byte, s *gateway.Scanner, err error) {
	s = new(gateway.Scanner)
	for len(stream) > 0 {
		n := min(piece, len(stream))
		good, err := s.Scan(stream[:n])
		passed = append(passed, stream[:good]...)
		if err != nil {
			return passed, s, err
		}
		stream = stream[n:]
	}
	return passed, s, nil
}

// readAll reads requests with net/http until the stream ends or breaks, and
// returns how many heads it took and where each whole request ended.
func readAll(stream []byte) (heads int, ends []int, err error) {
	under := bytes.NewReader(stream)
	in := bufio.NewReader(under)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return heads, ends, err
		}
		heads++
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return heads, ends, err
		}
		r.Body.Close()
		ends = append(ends, len(stream)-under.Len()-in.Buffered())
	}
}

func TestScannerTable(t *testing.T) {
	for _, c := range scanTable {
		t.Run(c.name, func(t *testing.T) {
			for _, piece := range []int{1, 2, 3, 7, len(c.stream)} {
				passed, s, err := feed([]byte(c.stream), piece)
				if (err != nil) != c.faulty {
					t.Fatalf("in pieces of %d: error %v, want a fault: %v", piece, err, c.faulty)
				}
				heads, _, _ := readAll(passed)
				if heads != c.requests {
					t.Errorf("in pieces of %d: net/http sees %d requests in what passed, want %d: %q", piece, heads, c.requests, passed)
				}
				if err == nil && !s.BetweenRequests() {
					t.Errorf("in pieces of %d: the scanner waits for more", piece)
				}
			}
		})
	}
}

func TestScannerLimitsHeads(t *testing.T) {
	for name, stream := range map[string]string{
		"request line": "GET /" + strings.Repeat("a", 1<<20),
		"one field":    "GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("a", 1<<20),
		"many fields":  "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("A: b\r\n", 1<<17),
		"chunk size":   "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 1<<20),
		"trailer":      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("A: b\r\n", 1<<17),
	} {
		if passed, _, err := feed([]byte(stream), 4096); err == nil {
			t.Errorf("%s: %d bytes passed", name, len(passed))
		} else if len(passed) > 100<<10 {
			t.Errorf("%s: %d bytes passed before %v", name, len(passed), err)
		}
	}
}

// FuzzScanner holds the scanner against net/http: what it lets through, both
// frame in the same way, and pieces do not matter.
func FuzzScanner(f *testing.F) {
	for _, c := range scanTable {
		f.Add([]byte(c.stream), 3)
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		piece = piece&63 + 1
		passed, _, fault := feed(stream, len(stream)+1)
		inPieces, _, faultInPieces := feed(stream, piece)
		if (fault == nil) != (faultInPieces == nil) {
			t.Fatalf("whole: %v, in pieces of %d: %v", fault, piece, faultInPieces)
		}
		if fault == nil && !bytes.Equal(passed, inPieces) {
			t.Fatal("pieces change what passes")
		}
		// Where the scanner says that requests end, byte by byte.
		var ends []int
		s := new(gateway.Scanner)
		between := true
		for i := range passed {
			if _, err := s.Scan(passed[i : i+1]); err != nil {
				t.Fatalf("what passed does not pass again: %v", err)
			}
			if b := s.BetweenRequests(); b && !between {
				ends = append(ends, i+1)
			}
			between = s.BetweenRequests()
		}
		_, theirs, err := readAll(passed)
		// net/http may refuse more (a name it does not like); then its last
		// request is missing. It may not see a request end elsewhere.
		if err == nil && len(theirs) != len(ends) {
			t.Fatalf("requests end at %v for the scanner, at %v for net/http: %q", ends, theirs, passed)
		}
		for i, end := range theirs {
			if i >= len(ends) || ends[i] != end {
				t.Fatalf("requests end at %v for the scanner, at %v for net/http: %q", ends, theirs, passed)
			}
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	head := []byte("GET /grafana/api/health?x=1 HTTP/1.1\r\nHost: gateway.example.com\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\nX-JFrog-Art-Api: AKCp8" + strings.Repeat("a", 68) + "\r\n\r\n")
	s := new(gateway.Scanner)
	b.ReportAllocs()
	b.SetBytes(int64(len(head)))
	for b.Loop() {
		if _, err := s.Scan(head); err != nil {
			b.Fatal(err)
		}
	}
}
