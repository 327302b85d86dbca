package main

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// A new master key under load fails no request, and the old key file opens
// nothing any more.
func TestMasterKeyIsRotatedUnderLoad(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	key := d.newUser("alice")
	before, err := os.ReadFile(d.data("master.key"))
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	var sent, failed atomic.Int64
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for !ended.Load() {
				a, err := d.send("GET", "/-/api/v1/whoami", "", "X-JFrog-Art-Api", key)
				sent.Add(1)
				if err != nil || a.status != http.StatusOK {
					failed.Add(1)
				}
			}
		})
	}
	for range 3 {
		d.do("rotate-master-key")
	}
	ended.Store(true)
	clients.Wait()
	if failed.Load() > 0 {
		t.Errorf("%d of %d requests failed", failed.Load(), sent.Load())
	}
	if code := d.stop(); code != exitOK {
		t.Fatalf("exit %d", code)
	}
	d.start()
	if status := d.whoami(key); status != http.StatusOK {
		t.Errorf("after a restart the key is answered %d", status)
	}
	d.stop()

	if err := os.WriteFile(d.data("master.key"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	d.launch()
	if code := d.wait(); code != exitFailed || !strings.Contains(d.err.String(), "wrong master key") {
		t.Errorf("with the old key: exit %d", code)
	}
}

// A rotation that is killed at any moment leaves a store that one of the key
// files opens, and saying rotate again completes it.
func TestKilledRotationIsResumable(t *testing.T) {
	t.Parallel()
	d := startDaemon(t)
	key := d.newUser("alice")
	d.stop()
	for range 20 {
		rotation := d.command("rotate-master-key")
		if err := rotation.Start(); err != nil {
			t.Fatal(err)
		}
		killAfterRandom(rotation.Process)
		rotation.Wait()
		d.do("rotate-master-key")
	}
	d.start()
	if status := d.whoami(key); status != http.StatusOK {
		t.Errorf("the key is answered %d", status)
	}
}
