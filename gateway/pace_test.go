package gateway_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/auth"
	"github.com/latchkey-io/latchkey/gateway"
)

// shelf counts the bytes of what is put into a repository.
type shelf struct {
	route auth.Route
	began chan struct{}
}

func (s *shelf) ServeAs(w http.ResponseWriter, r *http.Request, who auth.Identity) error {
	if err := auth.Allow(who, s.route, "repo", auth.Write); err != nil {
		return err
	}
	s.began <- struct{}{}
	n, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return err
	}
	io.WriteString(w, strconv.FormatInt(n, 10))
	return nil
}

// A transfer that a short token began goes on when the token runs out, and no
// longer when the credential is revoked that it was made with.
func TestShortTokenRunsOutOnTheWay(t *testing.T) {
	s := &shelf{began: make(chan struct{}, 1)}
	f := openFront(t, func(f *front, c *gateway.Config) {
		known := rules(t, "authenticated")
		s.route = auth.Route{Name: "files", Read: known, Write: known, Repositories: true}
		c.Routes = append(c.Routes, gateway.Route{Route: s.route, Path: "/files/", Builtin: s})
	})
	const look = 300 * time.Millisecond
	f.gateway.SetLook(look)
	ctx := context.Background()
	who, err := f.auth.Identify(ctx, f.admin.Peer, auth.APIKey{Secret: auth.NewSecret(f.aliceKey)})
	if err != nil {
		t.Fatal(err)
	}
	begin := func() (body *io.PipeWriter, status chan int) {
		t.Helper()
		token, _, err := f.auth.Tokens.Grant(ctx, who, auth.Grant{Route: "files", Repo: "repo", Op: auth.Write, Life: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		out, in := io.Pipe()
		status = make(chan int, 1)
		r, err := http.NewRequest("PUT", f.url+"/files/repo", out)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token.Reveal())
		go func() {
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				status <- 0
				return
			}
			resp.Body.Close()
			status <- resp.StatusCode
		}()
		select {
		case <-s.began:
		case got := <-status:
			t.Fatalf("the upload was answered %d", got)
		}
		return in, status
	}

	body, status := begin()
	f.ahead.Add(int64(time.Hour))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < 3*look; <-tick.C {
		body.Write(make([]byte, 100))
	}
	body.Close()
	if got := <-status; got != http.StatusOK {
		t.Errorf("when the token ran out: %d", got)
	}

	body, status = begin()
	if err := f.auth.Keys.Revoke(ctx, f.admin, "alice"); err != nil {
		t.Fatal(err)
	}
	patient := time.After(patience)
	for {
		select {
		case got := <-status:
			if got == http.StatusOK {
				t.Error("the upload outlived the key")
			}
			return
		case <-patient:
			t.Fatal("the upload goes on without the key")
		case <-tick.C:
			body.Write(make([]byte, 100))
		}
	}
}
