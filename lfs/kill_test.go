package lfs_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/lfs"
)

const childDir = "LATCHKEY_LFS_TEST_CHILD"

// TestServeForKill is the server that TestKilledDuringUpload kills.
func TestServeForKill(t *testing.T) {
	dir := os.Getenv(childDir)
	if dir == "" {
		return
	}
	s := newServer(t, lfs.RouteConfig{Route: rules(t, "lfs"), Path: "/lfs/", Dir: dir})
	fmt.Println(s.URL)
	io.Copy(io.Discard, os.Stdin) // until the parent goes away
}

// kill -9 while objects are coming in: what was acknowledged is there and
// whole, what was not is not there in part, and the next start is clean.
func TestKilledDuringUpload(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lfs")
	acknowledged := map[string][]byte{}
	for round := range 8 {
		stop := startChild(t, dir)
		half := random(1 << 20)
		o := describe(half)
		begun, killed := make(chan struct{}), make(chan struct{})
		failed := make(chan error, 1)
		go func() {
			body := io.MultiReader(bytes.NewReader(half[:512<<10]), &pause{begun, killed})
			failed <- put(stop.url, o.OID, body, int64(len(half)))
		}()
		for range 5 {
			content := random(20 << 10)
			o := describe(content)
			if err := put(stop.url, o.OID, bytes.NewReader(content), o.Size); err != nil {
				t.Fatal(err)
			}
			acknowledged[o.OID] = content
		}
		select {
		case <-begun:
		case <-time.After(10 * time.Second):
			t.Fatal("the upload did not begin")
		}
		stop.kill()
		close(killed)
		if err := <-failed; err == nil {
			t.Fatal("an upload was acknowledged before it was sent")
		}
		path := filepath.Join(dir, "a/objects", o.OID[:2], o.OID[2:4], o.OID)
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Fatalf("round %d: half an object is there", round)
		}
	}
	s := newServer(t, lfs.RouteConfig{Route: rules(t, "lfs"), Path: "/lfs/", Dir: dir})
	tally, err := s.store.Fsck(t.Context(), false, func(p lfs.Problem) { t.Errorf("%+v", p) })
	if err != nil || tally.Objects != len(acknowledged) {
		t.Errorf("%+v %v, want %d objects", tally, err, len(acknowledged))
	}
	for oid, content := range acknowledged {
		if r := s.do(t, "alice", "GET", "/lfs/a/objects/"+oid, nil); !bytes.Equal(r.body, content) {
			t.Errorf("%s: %d", oid, r.status)
		}
	}
}

type running struct {
	url  string
	kill func()
}

func startChild(t *testing.T, dir string) running {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestServeForKill$")
	c.Env = append(os.Environ(), childDir+"="+dir)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() {
		c.Process.Kill()
		c.Wait()
		in.Close()
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the child did not start: %v", err)
	}
	if _, err := url.Parse(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return running{strings.TrimSpace(line), kill}
}

func put(server, oid string, body io.Reader, size int64) error {
	r, err := http.NewRequest("PUT", fmt.Sprintf("%s/lfs/a/objects/%s?size=%d", server, oid, size), body)
	if err != nil {
		return err
	}
	r.ContentLength = size
	r.SetBasicAuth("alice", "secret")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

// pause is a reader of nothing that tells when it is reached, and ends when
// the other side is dead.
type pause struct{ reached, end chan struct{} }

func (p *pause) Read([]byte) (int, error) {
	close(p.reached)
	<-p.end
	return 0, io.ErrUnexpectedEOF
}
