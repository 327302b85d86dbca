package lfs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

func TestUploadAndDownload(t *testing.T) {
	s := newServer(t)
	for _, n := range []int{1, 100, 256 << 10, 256<<10 + 1, 3 << 20} {
		content := random(n)
		o := s.put(t, "alice", base, content)
		d := s.batch(t, "reader", base, batch{Operation: "download", Objects: []object{o}}).Objects[0].Actions["download"]
		r := s.do(t, d.Header["Authorization"], "GET", d.Href, nil)
		if r.status != 200 || !bytes.Equal(r.body, content) {
			t.Fatalf("%d bytes: %d, %d bytes back", n, r.status, len(r.body))
		}
		for name, want := range map[string]string{
			"Content-Type": "application/octet-stream", "X-Content-Type-Options": "nosniff", "Etag": `"` + o.OID + `"`,
			"Accept-Ranges": "bytes", "Content-Encoding": "", "Content-Length": fmt.Sprint(n), "Cache-Control": "private, no-transform",
		} {
			if got := r.header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		h := s.do(t, "reader", "HEAD", d.Href, nil)
		if h.status != 200 || len(h.body) != 0 || h.header.Get("Content-Length") != fmt.Sprint(n) {
			t.Errorf("HEAD: %d %v", h.status, h.header)
		}
	}
	want := filepath.Join("lfs", "team", "assets", "objects")
	for _, f := range s.files(t) {
		if !strings.HasPrefix(f, want) {
			t.Errorf("a file elsewhere: %s", f)
		}
	}
	if r := s.do(t, "reader", "GET", base+"/objects/"+emptyOID, nil); r.status != 200 || len(r.body) != 0 {
		t.Errorf("empty object: %d", r.status)
	}
	if r := s.do(t, "reader", "GET", base+"/objects/"+describe(random(1)).OID, nil); r.status != 404 || r.message() == "" {
		t.Errorf("missing object: %d", r.status)
	}
}

func TestFilesArePrivate(t *testing.T) {
	s := newServer(t)
	s.put(t, "alice", base, random(10))
	s.lock(t, "alice", base, "a")
	err := filepath.WalkDir(filepath.Join(s.dir, "lfs"), func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %s", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whatever is wrong with an upload: nothing is kept, and the answer is never
// 422, after which git-lfs pushes the ref without the object.
func TestBadUploads(t *testing.T) {
	s := newServer(t)
	content := random(1000)
	o := describe(content)
	wrong := random(1000)
	for name, row := range map[string]struct {
		target string
		body   []byte
		change func(*http.Request)
		status int
	}{
		"wrong bytes":           {"?size=1000", wrong, nil, 400},
		"wrong bytes, no size":  {"", wrong, nil, 400},
		"short":                 {"?size=1000", content[:999], nil, 400},
		"long":                  {"?size=1000", append(slices.Clone(content), 0), nil, 400},
		"short, chunked":        {"?size=1000", content[:999], chunked, 400},
		"long, chunked":         {"?size=1000", append(slices.Clone(content), 0), chunked, 400},
		"very long, chunked":    {"?size=1000", random(1 << 20), chunked, 400},
		"wrong, chunked":        {"", wrong, chunked, 400},
		"nothing":               {"?size=1000", nil, nil, 400},
		"nothing, no size":      {"", nil, nil, 400},
		"nothing, chunked":      {"", []byte{}, chunked, 400},
		"size is no number":     {"?size=abc", content, nil, 400},
		"size is negative":      {"?size=-1", content, nil, 400},
		"size is too large":     {"?size=1099511627777", content, chunked, 413},
		"two sizes, first good": {"?size=999&size=1000", content, nil, 400},
		"a part":                {"?size=1000", content, func(r *http.Request) { r.Header.Set("Content-Range", "bytes 0-999/2000") }, 400},
		"compressed":            {"?size=1000", content, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }, 400},
		"broken off": {"?size=1000", content, func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(content[:500]), iotest.ErrReader(io.ErrUnexpectedEOF)))
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			target := base + "/objects/" + o.OID + row.target
			change := func(r *http.Request) {
				if row.change != nil {
					row.change(r)
				}
			}
			if row.status != 0 {
				r := s.do(t, "alice", "PUT", target, bytes.NewReader(row.body), change)
				if r.status != row.status || r.message() == "" {
					t.Errorf("%d %s, want %d", r.status, r.body, row.status)
				}
			} else {
				r, _ := http.NewRequest("PUT", s.URL+target, bytes.NewReader(row.body))
				r.SetBasicAuth("alice", "secret")
				change(r)
				if resp, err := s.Client().Do(r); err == nil {
					resp.Body.Close()
					t.Errorf("broken off: %d", resp.StatusCode)
				}
			}
			s.quiet(t)
		})
	}
	// The other names of nothing.
	r := s.do(t, "alice", "PUT", base+"/objects/"+emptyOID, strings.NewReader("x"))
	if r.status != 400 {
		t.Errorf("a byte as the empty object: %d", r.status)
	}
	for _, oid := range []string{"x", strings.ToUpper(o.OID), o.OID + "0", o.OID[1:], "..", "batch"} {
		if r := s.do(t, "alice", "PUT", base+"/objects/"+oid, bytes.NewReader(content)); r.status != 404 && r.status != 405 {
			t.Errorf("PUT of %q: %d", oid, r.status)
		}
	}
	s.quiet(t)
	s.put(t, "alice", base, content)
}

func chunked(r *http.Request) { r.ContentLength = -1 }

// quiet waits until uploads have ended and asks that nothing is left of them.
func (s *server) quiet(t *testing.T) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-poll.C {
		left := s.files(t)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v", left)
		}
	}
}

func TestChunkedUpload(t *testing.T) {
	s := newServer(t)
	content := random(1 << 20)
	o := describe(content)
	if r := s.do(t, "alice", "PUT", base+"/objects/"+o.OID, bytes.NewReader(content), chunked); r.status != 200 {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if r := s.do(t, "alice", "PUT", base+"/objects/"+emptyOID, http.NoBody); r.status != 200 {
		t.Errorf("empty: %d %s", r.status, r.body)
	}
}

// Many uploads of one object at once all succeed, and the object is whole.
func TestConcurrentUploads(t *testing.T) {
	s := newServer(t)
	content := random(2 << 20)
	o := describe(content)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if r := s.do(t, "alice", "PUT", base+"/objects/"+o.OID, bytes.NewReader(content)); r.status != 200 {
				t.Errorf("%d %s", r.status, r.body)
			}
		})
	}
	wg.Wait()
	if r := s.do(t, "alice", "GET", base+"/objects/"+o.OID, nil); !bytes.Equal(r.body, content) {
		t.Error("the object is not what was sent")
	}
	if got := s.files(t); len(got) != 1 {
		t.Errorf("files: %v", got)
	}
}

// An object of one repository is not there for another, and uploading it
// there takes all its bytes.
func TestIsolation(t *testing.T) {
	s := newServer(t)
	content := random(100)
	o := s.put(t, "alice", base, content)
	for _, other := range []string{"/lfs/team/other", "/lfs/team", "/lfs/team/assets/x", "/lfs/assets", "/m/team/assets"} {
		if r := s.do(t, "alice", "GET", other+"/objects/"+o.OID, nil); r.status != 404 {
			t.Errorf("GET %s: %d", other, r.status)
		}
		if a := s.batch(t, "alice", other, batch{Operation: "download", Objects: []object{o}}).Objects[0]; a.Error == nil || a.Error.Code != 404 {
			t.Errorf("download %s: %+v", other, a)
		}
		if a := s.batch(t, "alice", other, batch{Operation: "upload", Objects: []object{o}}).Objects[0]; a.Actions["upload"].Href == "" {
			t.Errorf("upload %s: %+v", other, a)
		}
		if r := s.post(t, "alice", other+"/objects/verify", o); r.status != 404 {
			t.Errorf("verify %s: %d", other, r.status)
		}
	}
}

func TestVerify(t *testing.T) {
	s := newServer(t)
	o := s.put(t, "alice", base, random(100))
	for status, body := range map[int]any{200: o, 404: describe(random(3)), 409: object{o.OID, 99}, 400: object{"../x", 1}} {
		if r := s.post(t, "alice", base+"/objects/verify", body); r.status != status {
			t.Errorf("%v: %d %s", body, r.status, r.body)
		}
	}
	if r := s.post(t, "reader", base+"/objects/verify", o); r.status != 403 {
		t.Errorf("reader: %d", r.status)
	}
}

func TestMethods(t *testing.T) {
	s := newServer(t)
	for path, allowed := range map[string]string{
		"/objects/batch": "POST", "/objects/verify": "POST", "/objects/" + emptyOID: "GET HEAD PUT",
		"/locks": "GET HEAD POST", "/locks/verify": "POST", "/locks/abc/unlock": "POST",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			r := s.do(t, "root", method, base+path, nil)
			if (r.status == 405) == slices.Contains(strings.Fields(allowed), method) {
				t.Errorf("%s %s: %d", method, path, r.status)
			}
			if r.status == 405 && r.header.Get("Allow") != strings.ReplaceAll(allowed, " ", ", ") {
				t.Errorf("%s %s: Allow %q", method, path, r.header.Get("Allow"))
			}
		}
	}
	for _, path := range []string{"", "/", "/objects", "/objects/", "/objects/x/y", "/locks/", "/locks/x", "/locks/X/unlock", "/locks/x/unlock/", "/objects/batch/"} {
		if r := s.do(t, "root", "POST", base+path, nil); r.status != 404 || r.header.Get("Content-Type") != media {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
}

func TestRanges(t *testing.T) {
	s := newServer(t)
	content := random(1000)
	o := s.put(t, "alice", base, content)
	for spec, want := range map[string]string{
		"bytes=10-19": "bytes 10-19/1000", "bytes=990-": "bytes 990-999/1000", "bytes=-5": "bytes 995-999/1000", "bytes=0-5000": "bytes 0-999/1000",
	} {
		r := s.do(t, "alice", "GET", base+"/objects/"+o.OID, nil, func(r *http.Request) { r.Header.Set("Range", spec) })
		var from, to, size int
		fmt.Sscanf(want, "bytes %d-%d/%d", &from, &to, &size)
		if r.status != 206 || r.header.Get("Content-Range") != want || !bytes.Equal(r.body, content[from:to+1]) {
			t.Errorf("%s: %d %q", spec, r.status, r.header.Get("Content-Range"))
		}
	}
	if r := s.do(t, "alice", "GET", base+"/objects/"+o.OID, nil, func(r *http.Request) { r.Header.Set("Range", "bytes=1000-") }); r.status != 416 {
		t.Errorf("past the end: %d", r.status)
	}
}

// Ranges beyond 2^31 and 2^32, of a file with a hole.
func TestRangesOfLargeObjects(t *testing.T) {
	s := newServer(t)
	oid := strings.Repeat("ab", 32)
	path := filepath.Join(s.dir, "lfs/team/assets/objects/ab/ab", oid)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	const size = 5<<30 + 7
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1<<31 - 2, 1<<32 - 2, size - 4} {
		if _, err := f.WriteAt([]byte("mark"), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{1<<31 - 2, 1<<32 - 2, size - 4} {
		r := s.do(t, "alice", "GET", base+"/objects/"+oid, nil, func(r *http.Request) { r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", at, at+3)) })
		if want := fmt.Sprintf("bytes %d-%d/%d", at, at+3, int64(size)); r.status != 206 || string(r.body) != "mark" || r.header.Get("Content-Range") != want {
			t.Errorf("at %d: %d %q %q", at, r.status, r.body, r.header.Get("Content-Range"))
		}
	}
	a := s.batch(t, "alice", base, batch{Operation: "download", Objects: []object{{oid, size}}})
	if a.Objects[0].Actions["download"].Href == "" || a.Objects[0].Size != size {
		t.Errorf("%+v", a.Objects[0])
	}
}

// A client that sends a byte at a time is slow, not wrong; and it holds up
// nobody else.
func TestSlowUpload(t *testing.T) {
	s := newServer(t)
	content := random(300)
	o := describe(content)
	reader, writer := io.Pipe()
	done := make(chan reply, 1)
	go func() {
		done <- s.do(t, "alice", "PUT", base+"/objects/"+o.OID+"?size=300", reader, func(r *http.Request) { r.ContentLength = 300 })
	}()
	for i := range content {
		if _, err := writer.Write(content[i : i+1]); err != nil {
			t.Fatal(err)
		}
		if i%100 == 50 {
			s.put(t, "alice", base, random(10))
		}
	}
	writer.Close()
	if r := <-done; r.status != 200 {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// Expect: 100-continue: the go-ahead comes only to who may upload, and a
// refusal comes without the body being read.
func TestExpectContinue(t *testing.T) {
	s := newServer(t)
	content := random(100)
	o := describe(content)
	ask := func(user, size string) (*bufio.Reader, net.Conn, string) {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c.SetDeadline(time.Now().Add(5 * time.Second))
		r, _ := http.NewRequest("PUT", s.URL, nil)
		r.SetBasicAuth(user, "secret")
		fmt.Fprintf(c, "PUT %s/objects/%s?size=100 HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %s\r\nAuthorization: %s\r\n\r\n",
			base, o.OID, size, r.Header.Get("Authorization"))
		in := bufio.NewReader(c)
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return in, c, line
	}
	in, c, line := ask("alice", "100")
	defer c.Close()
	if !strings.Contains(line, " 100 ") {
		t.Fatalf("answer %q", line)
	}
	in.ReadString('\n')
	c.Write(content)
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("after the body: %v %v", resp, err)
	}
	for user, row := range map[string][2]string{"reader": {"100", "403"}, "alice": {"101", "400"}} {
		_, c, line := ask(user, row[0])
		if !strings.Contains(line, " "+row[1]+" ") {
			t.Errorf("%s: %q, want %s", user, line, row[1])
		}
		c.Close()
	}
}
