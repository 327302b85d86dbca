package lfs_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

type lockJSON struct {
	ID       string `json:"id"`
	Path     string `json:"path"`
	LockedAt string `json:"locked_at"`
	Owner    struct {
		Name string `json:"name"`
	} `json:"owner"`
}

type lockReply struct {
	Lock    lockJSON `json:"lock"`
	Message string   `json:"message"`
}

type verification struct {
	Ours   []lockJSON `json:"ours"`
	Theirs []lockJSON `json:"theirs"`
	Next   string     `json:"next_cursor"`
}

type listing struct {
	Locks []lockJSON `json:"locks"`
	Next  string     `json:"next_cursor"`
}

func (s *server) lock(t testing.TB, user, base, path string) lockJSON {
	t.Helper()
	r := s.post(t, user, base+"/locks", map[string]any{"path": path, "ref": map[string]string{"name": "refs/heads/main"}})
	if r.status != 201 {
		t.Fatalf("lock %q: %d %s", path, r.status, r.body)
	}
	var l lockReply
	r.into(t, &l)
	return l.Lock
}

func (s *server) locks(t testing.TB, user, base, query string) listing {
	t.Helper()
	r := s.do(t, user, "GET", base+"/locks"+query, nil)
	if r.status != 200 {
		t.Fatalf("list locks: %d %s", r.status, r.body)
	}
	var l listing
	r.into(t, &l)
	return l
}

func TestLocks(t *testing.T) {
	s := newServer(t)
	for _, target := range []string{base + "/locks", base + "/locks?path=none"} {
		if r := s.do(t, "reader", "GET", target, nil); string(r.body) != `{"locks":[]}` {
			t.Errorf("%s: %s", target, r.body)
		}
	}
	if r := s.post(t, "bob", base+"/locks/verify", `{"ref":{"name":"refs/heads/x"}}`); string(r.body) != `{"ours":[],"theirs":[]}` {
		t.Errorf("verify without locks: %s", r.body)
	}

	a := s.lock(t, "alice", base, "dir/a.bin")
	b := s.lock(t, "bob", base, "b.bin")
	if at, err := time.Parse(time.RFC3339, a.LockedAt); err != nil || at.Nanosecond() != 0 || time.Since(at) > time.Minute || !strings.HasSuffix(a.LockedAt, "Z") {
		t.Errorf("locked_at %q", a.LockedAt)
	}
	if a.Path != "dir/a.bin" || a.Owner.Name != "alice" || a.ID == "" || a.ID == b.ID {
		t.Errorf("%+v", a)
	}

	r := s.post(t, "bob", base+"/locks", map[string]string{"path": "dir/a.bin"})
	var conflict lockReply
	r.into(t, &conflict)
	if r.status != 409 || conflict.Lock != a || conflict.Message == "" {
		t.Errorf("second lock: %d %s", r.status, r.body)
	}

	for query, want := range map[string][]lockJSON{
		"": {a, b}, "?path=b.bin": {b}, "?id=" + a.ID: {a}, "?id=" + a.ID + "&path=b.bin": {}, "?refspec=refs/heads/other": {a, b}, "?path=&id=": {a, b},
	} {
		if got := s.locks(t, "reader", base, query).Locks; !slices.Equal(got, want) {
			t.Errorf("list %q: %+v", query, got)
		}
	}
	var v verification
	s.post(t, "bob", base+"/locks/verify", "{}").into(t, &v)
	if !slices.Equal(v.Ours, []lockJSON{b}) || !slices.Equal(v.Theirs, []lockJSON{a}) {
		t.Errorf("verify: %+v", v)
	}

	for name, row := range map[string]struct {
		user, base, id, body string
		status               int
	}{
		"somebody else's":             {"bob", base, a.ID, `{}`, 403},
		"by force, no administrator":  {"bob", base, a.ID, `{"force":true}`, 403},
		"of another repository":       {"alice", "/lfs/team/other", a.ID, `{"force":true}`, 404},
		"of another route":            {"root", "/m/team/assets", a.ID, `{"force":true}`, 404},
		"reader":                      {"reader", base, a.ID, `{}`, 403},
		"unknown":                     {"root", base, "abc", `{"force":true}`, 404},
		"administrator without force": {"root", base, a.ID, `{}`, 403},
	} {
		if r := s.post(t, row.user, row.base+"/locks/"+row.id+"/unlock", row.body); r.status != row.status || r.message() == "" {
			t.Errorf("unlock %s: %d %s", name, r.status, r.body)
		}
	}
	for user, l := range map[string]lockJSON{"root": a, "bob": b} {
		r := s.post(t, user, base+"/locks/"+l.ID+"/unlock", map[string]any{"force": user == "root", "ref": nil})
		var gone lockReply
		r.into(t, &gone)
		if r.status != 200 || gone.Lock != l {
			t.Errorf("unlock as %s: %d %s", user, r.status, r.body)
		}
	}
	if r := s.do(t, "bob", "GET", base+"/locks", nil); string(r.body) != `{"locks":[]}` {
		t.Errorf("after unlock: %s", r.body)
	}
}

func TestLocksAreOfOneRepository(t *testing.T) {
	s := newServer(t)
	l := s.lock(t, "alice", base, "a")
	for _, other := range []string{"/lfs/team", "/lfs/team/assets/x", "/lfs/assets", "/m/team/assets"} {
		if got := s.locks(t, "alice", other, "?id="+l.ID).Locks; len(got) != 0 {
			t.Errorf("%s: %+v", other, got)
		}
		s.lock(t, "alice", other, "a")
	}
}

func TestLockPages(t *testing.T) {
	s := newServer(t)
	for i := range 7 {
		s.lock(t, []string{"alice", "bob"}[i%2], base, fmt.Sprintf("f%d", i))
	}
	var got []string
	cursor := ""
	for page := 0; ; page++ {
		l := s.locks(t, "alice", base, "?limit=3&cursor="+cursor)
		for _, l := range l.Locks {
			got = append(got, l.Path)
		}
		if page == 0 {
			// What goes away between two pages takes nothing else with it.
			if r := s.post(t, "root", base+"/locks/"+l.Locks[2].ID+"/unlock", `{"force":true}`); r.status != 200 {
				t.Fatalf("unlock: %d", r.status)
			}
		}
		if cursor = l.Next; cursor == "" {
			break
		}
	}
	if want := []string{"f0", "f1", "f2", "f3", "f4", "f5", "f6"}; !slices.Equal(got, want) {
		t.Errorf("pages: %v", got)
	}
	var v verification
	s.post(t, "alice", base+"/locks/verify", `{"limit":2,"cursor":"1"}`).into(t, &v)
	if len(v.Ours)+len(v.Theirs) != 2 || v.Next == "" || v.Theirs[0].Path != "f1" {
		t.Errorf("verify page: %+v", v)
	}
	for _, query := range []string{"?cursor=x", "?cursor=-1", "?limit=x"} {
		if r := s.do(t, "alice", "GET", base+"/locks"+query, nil); r.status != 400 {
			t.Errorf("%s: %d", query, r.status)
		}
	}
	if got := s.locks(t, "alice", base, "?limit=-5"); len(got.Locks) != 6 || got.Next != "" {
		t.Errorf("limit -5: %+v", got)
	}
}

func TestLockPaths(t *testing.T) {
	s := newServer(t)
	for _, p := range []string{"", "/etc/passwd", "..", "../x", "a/../b", "a//b", "a/", ".", "./a", "a\x00b", "a\nb", "a\x1b[0m", "a\u0085b", "a\ufffd", strings.Repeat("a", 1025)} {
		if r := s.post(t, "alice", base+"/locks", map[string]string{"path": p}); r.status != 422 || r.message() == "" {
			t.Errorf("%q: %d %s", p, r.status, r.body)
		}
	}
	for _, body := range []string{`{"path":"\ud800"}`, `{}`, `{"path":null}`, `{"path":7}`} {
		if r := s.post(t, "alice", base+"/locks", body); r.status != 422 {
			t.Errorf("%s: %d", body, r.status)
		}
	}
	for _, p := range []string{"a", "a b/ü.bin", "日本/x", "-x", "$(id)", "a\\b", "..a", strings.Repeat("a", 1024)} {
		l := s.lock(t, "alice", base, p)
		if got := s.locks(t, "alice", base, "?path="+url.QueryEscape(p)); len(got.Locks) != 1 || got.Locks[0] != l {
			t.Errorf("%q: %+v", p, got)
		}
	}
}

// Of many who lock one path at once, one wins and the rest are told who.
func TestLockRace(t *testing.T) {
	s := newServer(t)
	const rivals = 16
	statuses := make(chan int, rivals)
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() {
			statuses <- s.post(t, []string{"alice", "bob"}[i%2], base+"/locks", map[string]string{"path": "a"}).status
			s.lock(t, "alice", base, fmt.Sprintf("own%d", i))
		})
	}
	wg.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[201] != 1 || count[409] != rivals-1 {
		t.Errorf("answers: %v", count)
	}
	if got := s.locks(t, "alice", base, ""); len(got.Locks) != rivals+1 {
		t.Errorf("%d locks, want %d: some were lost", len(got.Locks), rivals+1)
	}
}

func TestLocksHaveALimit(t *testing.T) {
	s := newServer(t)
	var b strings.Builder
	b.WriteString(`{"last":10000,"locks":[`)
	for i := range 10_000 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":"l%d","path":"p%d","locked_at":"2020-01-01T00:00:00Z","owner":{"name":"bob"},"number":%d}`, i, i, i+1)
	}
	b.WriteString(`]}`)
	s.writeLocks(t, b.String())
	if r := s.post(t, "alice", base+"/locks", map[string]string{"path": "one more"}); r.status != 507 {
		t.Errorf("lock 10,001: %d", r.status)
	}
	if got := s.locks(t, "alice", base, "?limit=100000"); len(got.Locks) != 1000 || got.Next != "1000" {
		t.Errorf("page of %d, next %q", len(got.Locks), got.Next)
	}
	if got := s.locks(t, "alice", base, ""); len(got.Locks) != 100 {
		t.Errorf("page of %d", len(got.Locks))
	}
}

// A lock file that cannot be read is an error, never taken for "no locks".
func TestBrokenLockFile(t *testing.T) {
	s := newServer(t)
	s.writeLocks(t, `{"last":1,"locks":[{"id":`)
	if r := s.do(t, "alice", "GET", base+"/locks", nil); r.status != 500 || strings.Contains(string(r.body), "json") {
		t.Errorf("list: %d %s", r.status, r.body)
	}
	if r := s.post(t, "alice", base+"/locks", map[string]string{"path": "a"}); r.status != 500 {
		t.Errorf("lock: %d", r.status)
	}
}

func (s *server) writeLocks(t *testing.T, content string) {
	t.Helper()
	dir := filepath.Join(s.dir, "lfs/team/assets/locks")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "locks.json"), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzLockPath(f *testing.F) {
	for _, p := range []string{"a", "a/b.bin", "../a", "a\x00", "日本", "a\ufffd", strings.Repeat("x/", 600)} {
		f.Add(p)
	}
	s := newServer(f)
	f.Fuzz(func(t *testing.T, path string) {
		r := s.post(t, "alice", base+"/locks", map[string]string{"path": path})
		switch r.status {
		case 422:
			return
		case 201:
		default:
			t.Fatalf("%q: %d %s", path, r.status, r.body)
		}
		var l lockReply
		r.into(t, &l)
		if l.Lock.Path != path || filepath.Clean(path) != path || strings.HasPrefix(path, "..") && path[2:] == "" {
			t.Fatalf("%q became %q", path, l.Lock.Path)
		}
		if got := s.locks(t, "alice", base, "?path="+url.QueryEscape(path)); len(got.Locks) != 1 {
			t.Fatalf("%q: %+v", path, got)
		}
		if r := s.post(t, "alice", base+"/locks/"+l.Lock.ID+"/unlock", "{}"); r.status != 200 {
			t.Fatalf("unlock %q: %d", path, r.status)
		}
	})
}
