package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-io/latchkey/keystore/storetest"
)

// A store that hangs or is gone: requests are refused in time, nobody is let
// in, nobody is logged out, and all is well again by itself.
func TestRedisHangsAndComesBack(t *testing.T) {
	t.Parallel()
	server := storetest.Redis(t)
	d := startDaemon(t, "LATCHKEY_STORE="+server.URL)
	key := d.newUser("alice")
	for name, fault := range map[string]struct{ begin, end func(testing.TB) }{
		"hangs":   {server.Pause, server.Resume},
		"is gone": {server.Kill, server.Start},
	} {
		t.Run(name, func(t *testing.T) {
			if status := d.whoami(key); status != http.StatusOK {
				t.Fatalf("before: %d", status)
			}
			fault.begin(t)
			// What was proven a moment ago may be answered for a second more.
			until(t, "requests are refused", func() bool {
				begun := time.Now()
				status := d.whoami(key)
				if took := time.Since(begun); took > 2500*time.Millisecond {
					t.Errorf("an answer took %s", took)
				}
				if status != http.StatusOK && status != http.StatusServiceUnavailable {
					t.Fatalf("a good key is answered %d", status)
				}
				return status == http.StatusServiceUnavailable
			})
			if status := d.whoami("AKCp8wrong"); status == http.StatusOK {
				t.Error("a wrong key is let in")
			}
			if status := d.ready(); status != http.StatusServiceUnavailable {
				t.Errorf("/readyz answers %d", status)
			}
			resp, err := http.Get("http://" + d.ops + "/healthz")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("/healthz: %v %v", resp, err)
			}
			fault.end(t)
			begun := time.Now()
			until(t, "all is well again", func() bool {
				status := d.whoami(key)
				if status == http.StatusUnauthorized {
					t.Fatal("a good key is answered 401")
				}
				return status == http.StatusOK && d.ready() == http.StatusOK
			})
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("it took %s to recover", took)
			}
		})
	}
	if code := d.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
}
