package lfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/latchkey-io/latchkey/lfs"
)

// One folder is one process's, even one store's.
func TestFolderIsHeld(t *testing.T) {
	s := newServer(t)
	again := lfs.Config{PublicURL: &url.URL{Scheme: "http", Host: "x"}, Auth: s.issuer,
		Routes: []lfs.RouteConfig{{Route: rules(t, "lfs"), Path: "/lfs/", Dir: filepath.Join(s.dir, "lfs")}}}
	if other, err := lfs.New(again); err == nil {
		other.Close()
		t.Fatal("two stores on one folder")
	} else if !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	other, err := lfs.New(again)
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
}

func TestFolderIsMadePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lfs")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	newServer(t, lfs.RouteConfig{Route: rules(t, "lfs"), Path: "/lfs/", Dir: dir})
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestInterruptedUploadsAreSweptAtStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lfs")
	left := filepath.Join(dir, ".incoming", "LEFT")
	if err := os.MkdirAll(filepath.Join(left, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	newServer(t, lfs.RouteConfig{Route: rules(t, "lfs"), Path: "/lfs/", Dir: dir})
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

// Who takes a repository's folder away while the daemon runs loses what was in
// it, and no more.
func TestRepositoryTakenAway(t *testing.T) {
	s := newServer(t)
	content := random(10)
	s.put(t, "alice", base, content)
	if err := os.RemoveAll(filepath.Join(s.dir, "lfs/team")); err != nil {
		t.Fatal(err)
	}
	s.put(t, "alice", base, content)
}

// A symbolic link that leads out of the folder is not followed, whoever made
// it.
func TestLinksLeadNowhere(t *testing.T) {
	s := newServer(t)
	secret := t.TempDir()
	content := random(10)
	o := describe(content)
	far := filepath.Join(secret, "objects", o.OID[:2], o.OID[2:4])
	if err := os.MkdirAll(far, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(far, o.OID), content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(s.dir, "lfs", "link")); err != nil {
		t.Fatal(err)
	}
	if r := s.do(t, "alice", "GET", "/lfs/link/objects/"+o.OID, nil); r.status == 200 {
		t.Error("read through a link")
	}
	if r := s.do(t, "alice", "PUT", "/lfs/link/objects/"+o.OID, bytes.NewReader(content)); r.status == 200 {
		t.Error("written through a link")
	}
	if r := s.post(t, "alice", "/lfs/link/locks", map[string]string{"path": "a"}); r.status == 201 {
		t.Error("locked through a link")
	}
}

// smallDisk is the folder of a file system of its own. Only root may mount one,
// as which the tests run in containers.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("mount a small file system: %v: run this test as root", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// A full disk is said in the batch answer, and a PUT that meets it all the
// same is 507 and leaves nothing.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, "20m")
	s := newServer(t, lfs.RouteConfig{Route: rules(t, "lfs"), Path: "/lfs/", Dir: filepath.Join(dir, "lfs")})
	o := describe(random(5 << 20))
	a := s.batch(t, "alice", base, batch{Operation: "upload", Objects: []object{o}}).Objects[0]
	if a.Error == nil || a.Error.Code != 507 {
		t.Errorf("batch: %+v", a)
	}
	content := random(30 << 20)
	r := s.do(t, "alice", "PUT", base+"/objects/"+describe(content).OID, bytes.NewReader(content))
	if r.status != 507 || r.message() == "" {
		t.Errorf("PUT: %d %s", r.status, r.body)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "lfs/.incoming")); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	s.put(t, "alice", base, random(100))
}

// No batch need be asked before a PUT, so the PUT itself leaves room: the
// daemon's own state may lie on the same disk, and a client that fills it and
// then dawdles would stop everybody's changes.
func TestUploadLeavesRoomForOthers(t *testing.T) {
	dir := smallDisk(t, "24m")
	s := newServer(t, lfs.RouteConfig{Route: rules(t, "lfs"), Path: "/lfs/", Dir: filepath.Join(dir, "lfs")})
	content := random(30 << 20)
	const least = 14 << 20 // of the 16 MiB to be left, less what is under way between two looks
	var tight atomic.Int64 // clients go on reading after they were answered
	tight.Store(1 << 40)
	for _, length := range []int64{int64(len(content)), -1} {
		body := &watched{bytes.NewReader(content), func() {
			var st syscall.Statfs_t
			if err := syscall.Statfs(dir, &st); err != nil {
				t.Error(err)
			}
			tight.Store(min(tight.Load(), int64(st.Bavail)*int64(st.Bsize)))
		}}
		r := s.do(t, "alice", "PUT", base+"/objects/"+describe(content).OID, body, func(r *http.Request) { r.ContentLength = length })
		if r.status != 507 {
			t.Errorf("length %d: %d %s", length, r.status, r.body)
		}
	}
	if n := tight.Load(); n < least {
		t.Errorf("only %d bytes were free on the way", n)
	}
	s.put(t, "alice", base, random(100))
}

// watched calls look whenever it is read.
type watched struct {
	io.Reader
	look func()
}

func (w *watched) Read(p []byte) (int, error) {
	w.look()
	return w.Reader.Read(p)
}

func TestFsck(t *testing.T) {
	s := newServer(t)
	good, bad := random(1<<20), random(1000)
	g, b := s.put(t, "alice", base, good), s.put(t, "alice", "/m/a", bad)
	s.lock(t, "alice", base, "a")
	if tally, err := s.store.Fsck(t.Context(), false, func(p lfs.Problem) { t.Errorf("%+v", p) }); err != nil || tally != (lfs.Tally{Objects: 2, Bytes: 1<<20 + 1000}) {
		t.Fatalf("%+v %v", tally, err)
	}

	badPath := filepath.Join("a/objects", b.OID[:2], b.OID[2:4], b.OID)
	write := func(route, name, content string) {
		t.Helper()
		path := filepath.Join(s.dir, route, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("media", badPath, "rotten")
	write("lfs", ".incoming/STRAY", "x")
	write("lfs", "README", "x")
	write("lfs", "team/assets/objects/aa/x", "x")
	write("lfs", "team/assets/objects/aa/bb/"+g.OID, string(good))
	write("lfs", "broken/locks/locks.json", "{")
	want := []string{
		"lfs .incoming/STRAY", "lfs README", "lfs broken/locks/locks.json", "lfs team/assets/objects/aa/bb/" + g.OID, "lfs team/assets/objects/aa/x", "media " + badPath,
	}
	check := func(repair bool) (found []string) {
		t.Helper()
		tally, err := s.store.Fsck(t.Context(), repair, func(p lfs.Problem) {
			found = append(found, p.Route+" "+p.Path)
			if p.Reason == "" || (p.Moved != "") != repair {
				t.Errorf("%+v", p)
			}
			if repair {
				if _, err := os.Stat(filepath.Join(s.dir, p.Route, p.Moved)); err != nil {
					t.Error(err)
				}
			}
		})
		if err != nil || tally.Problems != len(found) {
			t.Errorf("%+v %v", tally, err)
		}
		slices.Sort(found)
		return found
	}
	if got := check(false); !slices.Equal(got, want) {
		t.Errorf("found %v", got)
	}
	if got := check(true); !slices.Equal(got, want) {
		t.Errorf("repaired %v", got)
	}
	if got := check(false); len(got) != 0 {
		t.Errorf("after repair: %v", got)
	}
	// What was rotten can be uploaded anew.
	s.put(t, "alice", "/m/a", bad)
	if r := s.do(t, "alice", "GET", base+"/objects/"+g.OID, nil); !bytes.Equal(r.body, good) {
		t.Error("a good object was harmed")
	}

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.store.Fsck(ended, false, func(lfs.Problem) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
